//! Flat events of texts and numbers, with the fields that SOCFortress CoPilot's collector of
//! incidents sends and its dashboards read. Unlike there, each change of an incident is an event
//! with an id of its own. The other kinds have the same common fields and their record's.

use serde_json::{Value, json};

use super::{
    field::Field,
    raw,
    read::{self, distinct},
};
use crate::forward::Kind;

pub(super) fn fields(kind: Kind) -> impl Iterator<Item = &'static Field> {
    let own = match kind {
        Kind::Incident => INCIDENT,
        Kind::Escalation => ESCALATION,
        Kind::Signal => SIGNAL,
        Kind::Agent => AGENT,
        Kind::Identity => IDENTITY,
    };
    COMMON.iter().chain(own)
}

const fn string(target: &'static str, sources: &'static [&'static str]) -> Field {
    Field::first_of(target, "string", sources, |value| {
        Some(json!(read::text(value)?))
    })
}

const fn number(target: &'static str, sources: &'static [&'static str]) -> Field {
    Field::first_of(target, "number", sources, |value| {
        Some(json!(read::integer(value)?))
    })
}

/// There are no truth values in GELF.
const fn flag(target: &'static str, sources: &'static [&'static str]) -> Field {
    Field::first_of(target, "`true` or `false`", sources, |value| {
        Some(json!(read::flag(value)?.to_string()))
    })
}

const fn time(target: &'static str, sources: &'static [&'static str]) -> Field {
    Field::first_of(target, "time", sources, |value| {
        Some(json!(read::time(value)?))
    })
}

const fn joined(target: &'static str, sources: &'static [&'static str]) -> Field {
    Field::first_of(target, "texts with `, ` between", sources, |value| {
        let texts = read::texts(value);
        (!texts.is_empty()).then(|| json!(texts.join(", ")))
    })
}

const fn document(target: &'static str, sources: &'static [&'static str]) -> Field {
    Field::first_of(target, "JSON as text", sources, |value| {
        let mut value = value.clone();
        value.sort_all_objects();
        let is_there = matches!(value, Value::Object(_) | Value::Array(_));
        is_there.then(|| json!(value.to_string()))
    })
}

const COMMON: &[Field] = &[
    Field::fixed("integration", "string", "huntress"),
    Field::fixed("version", "string", "1.0"),
    Field::from(
        "customer_code",
        "string",
        &["@customer_code", "@organization.id"],
        "the configured code, or else the number of the organization",
        |told| {
            let code = told.customer_code.and_then(read::plain);
            let code = code.or_else(|| Some(told.organization?.id.to_string()));
            code.map(|code| json!(code))
        },
    ),
    Field::from("kind", "string", &["@kind"], "", |told| {
        Some(json!(told.kind.name()))
    }),
    Field::from(
        "change",
        "string",
        &["@change"],
        "`new` or `updated`",
        |told| Some(raw::change(told)),
    ),
    Field::from("id", "number", &["@id"], "the record's number", |told| {
        Some(json!(told.id))
    }),
    Field::from("event_id", "string", &["*"], "the stable id", |told| {
        Some(json!(told.stable_id()))
    }),
    Field::from(
        "timestamp",
        "time",
        &[
            "updated_at",
            "status_updated_at",
            "created_at",
            "sent_at",
            "@seen_at",
        ],
        "the first of these that is a time",
        |told| Some(json!(told.time())),
    ),
    Field::from(
        "subject",
        "string",
        &["subject", "name", "hostname", "username", "@id"],
        "the headline, or else kind and name or number",
        |told| Some(json!(told.title())),
    ),
    Field::from(
        "source",
        "string",
        &[
            "hostname",
            "details.hostname",
            "entity",
            "entities",
            "@agent_hostname",
        ],
        "the name of the one host that it is about",
        |told| told.host().map(|host| json!(host)),
    ),
    Field::from(
        "url",
        "string",
        &["@account.subdomain", "@organization.id", "@id"],
        "the page of the portal, or else the address in the API",
        |told| Some(json!(told.url())),
    ),
    Field::from("account_id", "number", &["@account.id"], "", |told| {
        Some(json!(told.account.id))
    }),
    Field::from("account_name", "string", &["@account.name"], "", |told| {
        Some(json!(read::plain(told.account.name?)?))
    }),
    Field::from(
        "organization_id",
        "number",
        &["@organization.id"],
        "",
        |told| Some(json!(told.organization?.id)),
    ),
    Field::from(
        "organization_name",
        "string",
        &["@organization.name"],
        "",
        |told| Some(json!(read::plain(told.organization?.name?)?)),
    ),
];

/// The dashboards look for it in lower case.
const SEVERITY: Field = Field::from(
    "severity",
    "string",
    &["severity"],
    "in lower case",
    |told| told.severity().map(|severity| json!(severity)),
);

const INCIDENT: &[Field] = &[
    SEVERITY,
    string("status", &["status"]),
    string("platform", &["platform"]),
    string("summary", &["summary"]),
    string("body", &["body"]),
    number("agent_id", &["agent_id"]),
    joined("indicator_types", &["indicator_types"]),
    document("indicator_counts", &["indicator_counts"]),
    // The API had it once; the dashboards still have a place for it.
    joined("footholds", &["footholds"]),
    Field::from(
        "remediations",
        "JSON as text",
        &["remediations"],
        "the list, without its total",
        |told| {
            let items = read::items(told.at("remediations")?);
            if items.is_empty() {
                return None;
            }
            let mut list = json!(items);
            list.sort_all_objects();
            Some(json!(list.to_string()))
        },
    ),
    number("remediations_total", &["remediations.total_count"]),
    time("sent_at", &["sent_at"]),
    time("status_updated_at", &["status_updated_at"]),
    time("updated_at", &["updated_at"]),
    time("closed_at", &["closed_at"]),
];

const ESCALATION: &[Field] = &[
    SEVERITY,
    string("status", &["status"]),
    string("type", &["type"]),
    string("subtype", &["subtype"]),
    Field::from(
        "organization_names",
        "texts with `, ` between",
        &["organizations"],
        "the names of all, or else their numbers",
        |told| {
            let list = told.at("organizations")?.as_array()?;
            let name = |item: &Value| {
                (item.get("name").and_then(read::text))
                    .or_else(|| read::text(item.get("id").unwrap_or(item)))
            };
            let names: Vec<_> = list.iter().filter_map(name).collect();
            (!names.is_empty()).then(|| json!(names.join(", ")))
        },
    ),
    Field::from(
        "hosts",
        "texts with `, ` between",
        &["entities"],
        "the hosts that it is about",
        |told| {
            let entities = told.entities();
            let hosts = (entities.iter())
                .filter_map(|entity| read::text(entity.get("details")?.get("hostname")?));
            let hosts = distinct(hosts);
            (!hosts.is_empty()).then(|| json!(hosts.join(", ")))
        },
    ),
    document("entities", &["entities"]),
    time("created_at", &["created_at"]),
    time("updated_at", &["updated_at"]),
    time("resolved_at", &["resolved_at"]),
];

const SIGNAL: &[Field] = &[
    string("status", &["status"]),
    string("type", &["type"]),
    string("summary", &["name"]),
    string("investigation_context", &["investigation_context"]),
    number("entity_id", &["entity.id"]),
    string("entity_type", &["entity.type"]),
    string("entity_name", &["entity.name"]),
    Field::from(
        "agent_id",
        "number",
        &["entity"],
        "the entity's number, where it is an agent",
        |told| told.agent_id().map(|id| json!(id)),
    ),
    Field::from(
        "username",
        "string",
        &["details.username", "entity"],
        "the one user that it is about",
        |told| told.user().map(|user| json!(user)),
    ),
    document("details", &["details"]),
    time("created_at", &["created_at"]),
    time("updated_at", &["updated_at"]),
    time("investigated_at", &["investigated_at"]),
];

const AGENT: &[Field] = &[
    Field::from("agent_id", "number", &["@id"], "", |told| {
        Some(json!(told.id))
    }),
    string("platform", &["platform"]),
    string("os", &["os"]),
    number("os_major", &["os_major"]),
    number("os_minor", &["os_minor"]),
    number("os_patch", &["os_patch"]),
    string("os_build_version", &["os_build_version"]),
    number("win_build_number", &["win_build_number"]),
    number("service_pack_major", &["service_pack_major"]),
    number("service_pack_minor", &["service_pack_minor"]),
    string("arch", &["arch"]),
    string("hostname", &["hostname"]),
    string("domain_name", &["domain_name"]),
    string("ipv4_address", &["ipv4_address"]),
    string("external_ip", &["external_ip"]),
    joined("mac_addresses", &["mac_addresses"]),
    string("serial_number", &["serial_number"]),
    joined("tags", &["tags"]),
    string("agent_version", &["version"]),
    number("agent_version_number", &["version_number"]),
    string("edr_version", &["edr_version"]),
    string("firewall_status", &["firewall_status"]),
    string("defender_status", &["defender_status"]),
    string("defender_substatus", &["defender_substatus"]),
    string("defender_policy_status", &["defender_policy_status"]),
    flag(
        "tamper_protection_configured",
        &["tamper_protection_configured"],
    ),
    flag("tamper_protection_actual", &["tamper_protection_actual"]),
    time("created_at", &["created_at"]),
    time("updated_at", &["updated_at"]),
    time("last_callback_at", &["last_callback_at"]),
    time("last_survey_at", &["last_survey_at"]),
];

const IDENTITY: &[Field] = &[
    string("username", &["username"]),
    string("email", &["email"]),
    string("tenant_type", &["tenant.type"]),
    number("tenant_id", &["tenant.id"]),
    flag("enabled", &["enabled"]),
    flag("external", &["external"]),
    flag("billable", &["billable"]),
    flag("mfa_enabled", &["mfa_enabled"]),
    flag("on_premises_sync_enabled", &["on_premises_sync_enabled"]),
    joined("enabled_products", &["enabled_products"]),
    string("risk_level", &["risk_level"]),
    string("risk_state", &["risk_state"]),
    string("risk_detail", &["risk_detail"]),
    time("risk_last_updated_at", &["risk_last_updated_at"]),
    time("password_last_changed_at", &["password_last_changed_at"]),
    time("created_at", &["created_at"]),
    time("updated_at", &["updated_at"]),
];
