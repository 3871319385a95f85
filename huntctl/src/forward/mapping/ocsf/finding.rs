//! Incident Finding (2005) and Detection Finding (2004).

use serde_json::json;

use super::{
    Observable,
    codes::{self, code},
    observables, string, timestamp, uid,
};
use crate::forward::{
    Kind, Told,
    mapping::{field::Field, read},
};

/// What is said of the device of a finding, where there is just one.
const fn device_type(sources: &'static [&'static str]) -> Field {
    Field::from("device.type_id", "integer", sources, "0 Unknown", |told| {
        told.agent_id().map(|_| json!(0))
    })
}

const fn device_hostname(sources: &'static [&'static str]) -> Field {
    let how = "the name of the one agent's host";
    Field::from("device.hostname", "string", sources, how, |told| {
        told.agent_id()?;
        Some(json!(told.host()?))
    })
}

const fn device_org_uid(sources: &'static [&'static str]) -> Field {
    Field::from(
        "device.org.uid",
        "string",
        sources,
        "beside a device",
        |told| {
            told.agent_id()?;
            Some(json!(told.organization?.id.to_string()))
        },
    )
}

const fn device_org_name(sources: &'static [&'static str]) -> Field {
    Field::from(
        "device.org.name",
        "string",
        sources,
        "beside a device",
        |told| {
            told.agent_id()?;
            Some(json!(read::plain(told.organization?.name?)?))
        },
    )
}

/// The number of the agent in an object around it.
const fn device_uid(sources: &'static [&'static str]) -> Field {
    Field::from(
        "device.uid",
        "string",
        sources,
        "the number of the one agent",
        |told| Some(json!(told.agent_id()?.to_string())),
    )
}

/// Incidents and escalations alike.
pub(super) const INCIDENT_FINDING: &[Field] = &[
    Field::from(
        "metadata.profiles",
        "string[]",
        &[],
        "`host`, `incident`",
        |_| Some(json!(["host", "incident"])),
    ),
    Field::from(
        "severity_id",
        "integer",
        &["severity"],
        "by the table",
        |told| Some(json!(code(&codes::SEVERITY, told, "severity").0)),
    ),
    Field::from("severity", "string", &["severity"], "its caption", |told| {
        Some(json!(code(&codes::SEVERITY, told, "severity").1))
    })
    .whole(),
    Field::from(
        "status_id",
        "integer",
        &["status"],
        "by the table",
        |told| Some(json!(status(told).0)),
    ),
    Field::from("status", "string", &["status"], "its caption", |told| {
        Some(json!(status(told).1))
    }),
    string("status_code", &["status"]),
    timestamp("start_time", &["created_at", "sent_at"]),
    timestamp("end_time", &["closed_at", "resolved_at"]),
    Field::from(
        "src_url",
        "string",
        &["@account.subdomain", "@organization.id", "@id"],
        "the page of the portal, or else the address in the API",
        |told| Some(json!(told.url())),
    ),
    // One of an assignee and a group is demanded, and the API names neither.
    Field::fixed("assignee_group.name", "string", "Huntress SOC"),
    uid("finding_info_list[].uid"),
    string("finding_info_list[].title", &["subject"]),
    timestamp(
        "finding_info_list[].created_time",
        &["created_at", "sent_at"],
    ),
    timestamp("finding_info_list[].modified_time", &["updated_at"]),
];

fn status(told: &Told<'_>) -> (i64, String) {
    let table = match told.kind {
        Kind::Incident => &codes::INCIDENT_STATUS,
        _ => &codes::ESCALATION_STATUS,
    };
    code(table, told, "status")
}

/// The verdict on an incident; another status than the known ones says nothing about it.
fn verdict(told: &Told<'_>) -> (i64, String) {
    match code(&codes::VERDICT, told, "status") {
        (99, _) => (0, "Unknown".to_owned()),
        verdict => verdict,
    }
}

pub(super) const INCIDENT: &[Field] = &[
    string("desc", &["summary"]),
    Field::from(
        "verdict_id",
        "integer",
        &["status"],
        "by the table",
        |told| Some(json!(verdict(told).0)),
    ),
    Field::from("verdict", "string", &["status"], "its caption", |told| {
        Some(json!(verdict(told).1))
    }),
    string("finding_info_list[].desc", &["body"]),
    Field::first_of(
        "finding_info_list[].types",
        "string[]",
        &["indicator_types"],
        |value| {
            let types = read::distinct(read::texts(value));
            (!types.is_empty()).then(|| json!(types))
        },
    ),
    Field::first_of(
        "finding_info_list[].data_sources",
        "string[]",
        &["platform"],
        |value| Some(json!([read::text(value)?])),
    ),
    device_type(&["agent_id"]),
    Field::first_of("device.uid", "string", &["agent_id"], |value| {
        Some(json!(read::integer(value)?.to_string()))
    }),
    device_hostname(&["agent_id", "@agent_hostname"]),
    device_org_uid(&["agent_id", "@organization.id"]),
    device_org_name(&["agent_id", "@organization.name"]),
    Field::from(
        "observables",
        "observable[]",
        &["agent_id", "@agent_hostname"],
        "device.hostname",
        |told| {
            told.agent_id()?;
            observables([Observable(1, "Hostname", "device.hostname", told.host())])
        },
    ),
];

pub(super) const ESCALATION: &[Field] = &[
    device_type(&["entities"]),
    device_uid(&["entities"]),
    device_hostname(&["entities"]),
    device_org_uid(&["entities", "@organization.id"]),
    device_org_name(&["entities", "@organization.name"]),
    Field::first_of(
        "finding_info_list[].types",
        "string[]",
        &["type"],
        |value| Some(json!([read::text(value)?])),
    ),
    Field::from(
        "observables",
        "observable[]",
        &["entities"],
        "the hosts, users and mail addresses among the entities",
        |told| {
            let entities = told.entities().into_iter();
            let details = entities.filter_map(|entity| entity.get("details"));
            observables(details.flat_map(|details| {
                let text = |key| details.get(key).and_then(read::text);
                let place = |key| match key {
                    "hostname" => "unmapped.entities.items[].details.hostname",
                    "username" => "unmapped.entities.items[].details.username",
                    _ => "unmapped.entities.items[].details.email",
                };
                [
                    Observable(1, "Hostname", place("hostname"), text("hostname")),
                    Observable(4, "User Name", place("username"), text("username")),
                    Observable(5, "Email Address", place("email"), text("email")),
                ]
            }))
        },
    ),
];

/// The rule that a signal comes from, or else its name.
fn analytic(told: &Told<'_>) -> Option<String> {
    told.text("details.rule_name").or_else(|| told.text("name"))
}

/// Signals.
pub(super) const DETECTION_FINDING: &[Field] = &[
    // The API gives signals no severity.
    Field::from("severity_id", "integer", &[], "0", |_| Some(json!(0))),
    Field::fixed("severity", "string", "Unknown"),
    Field::from(
        "status_id",
        "integer",
        &["status"],
        "by the table",
        |told| Some(json!(code(&codes::SIGNAL_STATUS, told, "status").0)),
    ),
    Field::from("status", "string", &["status"], "its caption", |told| {
        Some(json!(code(&codes::SIGNAL_STATUS, told, "status").1))
    }),
    string("status_code", &["status"]),
    string("status_detail", &["investigation_context"]),
    Field::from(
        "is_alert",
        "boolean",
        &["status"],
        "whether it was reported",
        |told| Some(json!(told.text("status")?.eq_ignore_ascii_case("reported"))),
    ),
    timestamp("start_time", &["created_at"]),
    uid("finding_info.uid"),
    string("finding_info.title", &["name"]),
    Field::first_of("finding_info.types", "string[]", &["type"], |value| {
        Some(json!([read::text(value)?]))
    }),
    timestamp("finding_info.created_time", &["created_at"]),
    timestamp("finding_info.modified_time", &["updated_at"]),
    Field::from(
        "finding_info.src_url",
        "string",
        &["@id"],
        "the address in the API",
        |told| Some(json!(told.url())),
    ),
    string("finding_info.analytic.name", &["details.rule_name", "name"]),
    Field::from(
        "finding_info.analytic.type_id",
        "integer",
        &["details.rule_name", "name"],
        "1 Rule where there is a rule, else 0 Unknown",
        |told| {
            analytic(told)?;
            Some(json!(i64::from(told.text("details.rule_name").is_some())))
        },
    ),
    Field::from(
        "finding_info.analytic.category",
        "string",
        &["type", "name", "details.rule_name"],
        "the type, beside a name",
        |told| {
            analytic(told)?;
            Some(json!(told.text("type")?))
        },
    ),
    device_type(&["entity"]),
    device_uid(&["entity"]),
    device_hostname(&["entity", "details.hostname"]),
    device_org_uid(&["entity", "@organization.id"]),
    device_org_name(&["entity", "@organization.name"]),
    Field::from(
        "resources",
        "resource_details[]",
        &["entity"],
        "number, name and type of the entity, where it is no agent",
        |told| {
            if told.agent_id().is_some() {
                return None;
            }
            let parts = [
                ("uid", "entity.id"),
                ("name", "entity.name"),
                ("type", "entity.type"),
            ];
            let parts = parts.into_iter();
            let parts =
                parts.filter_map(|(key, path)| Some((key.to_owned(), json!(told.text(path)?))));
            let resource: serde_json::Map<_, _> = parts.collect();
            let has_name = resource.contains_key("uid") || resource.contains_key("name");
            has_name.then(|| json!([resource]))
        },
    ),
    string("evidences[].user.name", &["details.username"]),
    string("evidences[].file.path", &["details.file_path"]),
    Field::from(
        "evidences[].file.name",
        "string",
        &["details.file_path"],
        "what follows the last `\\` or `/`",
        |told| {
            let path = told.text("details.file_path")?;
            let name = path.rsplit(['\\', '/']).next().and_then(read::plain);
            Some(json!(name.unwrap_or(path)))
        },
    ),
    Field::from(
        "evidences[].file.type_id",
        "integer",
        &["details.file_path"],
        "0 Unknown",
        |told| told.text("details.file_path").map(|_| json!(0)),
    ),
    Field::from(
        "observables",
        "observable[]",
        &["entity", "details"],
        "host, user, process, command line, file and registry key",
        |told| {
            let host = told.agent_id().and_then(|_| told.host());
            let text = |path| told.text(path);
            observables([
                Observable(1, "Hostname", "device.hostname", host),
                Observable(
                    4,
                    "User Name",
                    "evidences[].user.name",
                    text("details.username"),
                ),
                Observable(
                    9,
                    "Process Name",
                    "unmapped.details.process_name",
                    text("details.process_name"),
                ),
                Observable(
                    13,
                    "Command Line",
                    "unmapped.details.command_line",
                    text("details.command_line"),
                ),
                Observable(
                    45,
                    "File Path",
                    "evidences[].file.path",
                    text("details.file_path"),
                ),
                Observable(
                    46,
                    "Registry Key Path",
                    "unmapped.details.registry_key",
                    text("details.registry_key"),
                ),
            ])
        },
    ),
];
