//! Device Inventory Info (5001) and User Inventory Info (5003).

use serde_json::json;

use super::{
    Observable,
    codes::{self, code},
    flag, observables, string, timestamp,
};
use crate::forward::{
    Told,
    mapping::{
        field::Field,
        read::{self, distinct},
    },
};

const SEVERITY_ID: Field = Field::from("severity_id", "integer", &[], "1", |_| Some(json!(1)));
const SEVERITY: Field = Field::fixed("severity", "string", "Informational");

const fn id(target: &'static str) -> Field {
    Field::from(target, "string", &["@id"], "", |told| {
        Some(json!(told.id.to_string()))
    })
}

const fn organization_uid(target: &'static str) -> Field {
    Field::from(target, "string", &["@organization.id"], "", |told| {
        Some(json!(told.organization?.id.to_string()))
    })
}

const fn organization_name(target: &'static str) -> Field {
    Field::from(target, "string", &["@organization.name"], "", |told| {
        Some(json!(read::plain(told.organization?.name?)?))
    })
}

/// The number and the caption of the device's type. The API tells servers from others by the
/// name of their operating system alone.
fn device_type(told: &Told<'_>) -> (i64, &'static str) {
    match told.text("os") {
        Some(os) if os.to_lowercase().contains("server") => (1, "Server"),
        _ => (0, "Unknown"),
    }
}

fn macs(told: &Told<'_>) -> Vec<String> {
    let addresses = told.at("mac_addresses").map(read::texts);
    let addresses = addresses.unwrap_or_default().into_iter();
    distinct(addresses.filter_map(|text| read::mac(&text, ":")))
}

/// Agents.
pub(super) const DEVICE: &[Field] = &[
    SEVERITY_ID,
    SEVERITY,
    Field::first_of("metadata.labels", "string[]", &["tags"], |value| {
        let tags = distinct(read::texts(value));
        (!tags.is_empty()).then(|| json!(tags))
    }),
    id("device.uid"),
    string("device.hostname", &["hostname"]),
    Field::from(
        "device.type_id",
        "integer",
        &["os"],
        "1 where its name has `server` in it, else 0",
        |told| Some(json!(device_type(told).0)),
    ),
    Field::from("device.type", "string", &["os"], "its caption", |told| {
        Some(json!(device_type(told).1))
    }),
    string("device.domain", &["domain_name"]),
    Field::first_of("device.ip", "ip", &["ipv4_address"], |value| {
        Some(json!(read::ip(value)?))
    }),
    Field::from(
        "device.mac",
        "mac",
        &["mac_addresses"],
        "the first in alphabetical order",
        |told| Some(json!(macs(told).first()?)),
    ),
    Field::from(
        "device.network_interfaces",
        "network_interface[]",
        &["mac_addresses"],
        "the hardware address of each, of type 0 Unknown",
        |told| {
            let list = macs(told).into_iter();
            let list = list.map(|mac| json!({"mac": mac, "type_id": 0}));
            let list: Vec<_> = list.collect();
            (!list.is_empty()).then(|| json!(list))
        },
    ),
    Field::from(
        "device.os.name",
        "string",
        &["os"],
        "or else `Unknown`",
        |told| {
            let name = told.text("os").unwrap_or_else(|| "Unknown".to_owned());
            Some(json!(name))
        },
    )
    .whole(),
    Field::from(
        "device.os.type_id",
        "integer",
        &["platform"],
        "by the table",
        |told| Some(json!(code(&codes::OS_TYPE, told, "platform").0)),
    ),
    Field::from(
        "device.os.type",
        "string",
        &["platform"],
        "its caption",
        |told| Some(json!(code(&codes::OS_TYPE, told, "platform").1)),
    )
    .whole(),
    Field::from(
        "device.os.version",
        "string",
        &["os_major", "os_minor", "os_patch"],
        "with `.` between, as far as they are there",
        |told| {
            let parts = ["os_major", "os_minor", "os_patch"].into_iter();
            let parts = parts.map_while(|part| Some(read::integer(told.at(part)?)?.to_string()));
            let parts: Vec<_> = parts.collect();
            (!parts.is_empty()).then(|| json!(parts.join(".")))
        },
    ),
    string("device.os.build", &["os_build_version", "win_build_number"]),
    Field::first_of(
        "device.os.sp_ver",
        "integer",
        &["service_pack_major"],
        |value| Some(json!(read::integer(value)?)),
    ),
    string("device.hw_info.serial_number", &["serial_number"]),
    string("device.hw_info.cpu_architecture", &["arch"]),
    organization_uid("device.org.uid"),
    organization_name("device.org.name"),
    id("device.agent_list[].uid"),
    Field::fixed("device.agent_list[].name", "string", "Huntress Agent"),
    Field::fixed("device.agent_list[].vendor_name", "string", "Huntress"),
    Field::from(
        "device.agent_list[].type_id",
        "integer",
        &[],
        "1 Endpoint Detection and Response",
        |_| Some(json!(1)),
    ),
    string("device.agent_list[].version", &["version"]),
    timestamp("device.created_time", &["created_at"]),
    timestamp("device.modified_time", &["updated_at"]),
    timestamp("device.last_seen_time", &["last_callback_at"]),
    Field::from(
        "observables",
        "observable[]",
        &["hostname", "ipv4_address", "external_ip", "mac_addresses"],
        "host and addresses",
        |told| {
            let address = |key| read::ip(told.at(key)?);
            let place = "unmapped.external_ip";
            let first = [
                Observable(1, "Hostname", "device.hostname", told.host()),
                Observable(2, "IP Address", "device.ip", address("ipv4_address")),
                Observable(2, "IP Address", place, address("external_ip")),
            ];
            let interfaces = "device.network_interfaces[].mac";
            let macs = macs(told).into_iter();
            let macs = macs.map(|mac| Observable(3, "MAC Address", interfaces, Some(mac)));
            observables(first.into_iter().chain(macs))
        },
    ),
];

/// The level of an identity's risk, where its provider rates it.
fn risk_level(told: &Told<'_>) -> Option<(i64, String)> {
    told.text("risk_level")?;
    Some(code(&codes::RISK_LEVEL, told, "risk_level"))
}

/// Identities.
pub(super) const USER: &[Field] = &[
    SEVERITY_ID,
    SEVERITY,
    id("user.uid"),
    string("user.name", &["username"]),
    Field::first_of("user.email_addr", "email", &["email"], |value| {
        Some(json!(read::email(value)?))
    }),
    flag("user.has_mfa", &["mfa_enabled"]),
    Field::from(
        "user.risk_level_id",
        "integer",
        &["risk_level"],
        "by the table",
        |told| Some(json!(risk_level(told)?.0)),
    ),
    Field::from(
        "user.risk_level",
        "string",
        &["risk_level"],
        "its caption",
        |told| Some(json!(risk_level(told)?.1)),
    )
    .whole(),
    organization_uid("user.org.uid"),
    organization_name("user.org.name"),
    id("user.account.uid"),
    Field::from("user.account.name", "string", &["username"], "", |told| {
        Some(json!(told.text("username")?))
    }),
    Field::from(
        "user.account.type_id",
        "integer",
        &["tenant.type"],
        "by the table",
        |told| Some(json!(code(&codes::ACCOUNT_TYPE, told, "tenant.type").0)),
    ),
    Field::from(
        "user.account.type",
        "string",
        &["tenant.type"],
        "its caption",
        |told| Some(json!(code(&codes::ACCOUNT_TYPE, told, "tenant.type").1)),
    )
    .whole(),
    Field::first_of(
        "user.account.is_disabled",
        "boolean",
        &["enabled"],
        |value| Some(json!(!read::flag(value)?)),
    ),
    flag(
        "user.account.is_on_premises_sync_enabled",
        &["on_premises_sync_enabled"],
    ),
    Field::from(
        "observables",
        "observable[]",
        &["username", "email"],
        "name and mail address",
        |told| {
            let email = told.at("email").and_then(read::email);
            observables([
                Observable(4, "User Name", "user.name", told.text("username")),
                Observable(5, "Email Address", "user.email_addr", email),
            ])
        },
    ),
];
