//! What ECS has no field for: below `huntress`, with a type that never changes.

use serde_json::{Value, json};

use super::{boolean, date, keyword, keywords, long, some};
use crate::forward::{
    Told,
    mapping::{
        field::Field,
        read::{self, distinct},
    },
};

const fn number(target: &'static str) -> Field {
    Field::from(target, "long", &["@id"], "", |told| Some(json!(told.id)))
}

/// A text of each remediation.
fn of_remediations(told: &Told<'_>, key: &str) -> Option<Value> {
    let remediations = read::items(told.at("remediations")?).into_iter();
    some(distinct(
        remediations.filter_map(|item| read::text(item.get(key)?)),
    ))
}

pub(super) const INCIDENT: &[Field] = &[
    number("huntress.incident.id"),
    keyword("huntress.incident.status", &["status"]),
    keyword("huntress.incident.severity", &["severity"]),
    keyword("huntress.incident.platform", &["platform"]),
    // Too long to be a keyword.
    Field::first_of(
        "huntress.incident.body",
        "match_only_text",
        &["body"],
        |value| Some(json!(read::text(value)?)),
    ),
    keywords("huntress.incident.indicator_types", &["indicator_types"]),
    Field::first_of(
        "huntress.incident.indicator_counts",
        "long by name",
        &["indicator_counts"],
        read::counts,
    ),
    long(
        "huntress.incident.remediations.total",
        &["remediations.total_count"],
    ),
    boolean(
        "huntress.incident.remediations.has_more",
        &["remediations.has_more"],
    ),
    Field::from(
        "huntress.incident.remediations.action",
        "keyword[]",
        &["remediations"],
        "of all that are told",
        |told| of_remediations(told, "action"),
    ),
    Field::from(
        "huntress.incident.remediations.type",
        "keyword[]",
        &["remediations"],
        "of all that are told",
        |told| of_remediations(told, "type"),
    ),
    Field::from(
        "huntress.incident.remediations.status",
        "keyword[]",
        &["remediations"],
        "of all that are told",
        |told| of_remediations(told, "status"),
    ),
    date("huntress.incident.sent_at", &["sent_at"]),
    date(
        "huntress.incident.status_updated_at",
        &["status_updated_at"],
    ),
    date("huntress.incident.updated_at", &["updated_at"]),
];

/// A key of each organization; one that is a bare number has an id alone.
fn of_organizations(told: &Told<'_>, key: &str) -> Option<Value> {
    let list = told.at("organizations")?.as_array()?.iter();
    let texts = list.filter_map(|item| match item {
        Value::Object(item) => read::text(item.get(key)?),
        bare => read::text(bare).filter(|_| key == "id"),
    });
    some(distinct(texts))
}

pub(super) const ESCALATION: &[Field] = &[
    number("huntress.escalation.id"),
    keyword("huntress.escalation.status", &["status"]),
    keyword("huntress.escalation.severity", &["severity"]),
    keyword("huntress.escalation.type", &["type"]),
    keyword("huntress.escalation.subtype", &["subtype"]),
    Field::from(
        "huntress.escalation.organizations.id",
        "keyword[]",
        &["organizations"],
        "of all",
        |told| of_organizations(told, "id"),
    ),
    Field::from(
        "huntress.escalation.organizations.name",
        "keyword[]",
        &["organizations"],
        "of all",
        |told| of_organizations(told, "name"),
    ),
    long(
        "huntress.escalation.entities.total",
        &["entities.total_count"],
    ),
    boolean(
        "huntress.escalation.entities.has_more",
        &["entities.has_more"],
    ),
    Field::from(
        "huntress.escalation.entities.type",
        "keyword[]",
        &["entities"],
        "of all that are told",
        |told| {
            let entities = told.entities().into_iter();
            some(distinct(
                entities.filter_map(|entity| read::text(entity.get("type")?)),
            ))
        },
    ),
    Field::from(
        "huntress.escalation.entities.id",
        "keyword[]",
        &["entities"],
        "of all that are told",
        |told| {
            let entities = told.entities().into_iter();
            some(distinct(
                entities.filter_map(|entity| read::text(entity.get("id")?)),
            ))
        },
    ),
    date("huntress.escalation.updated_at", &["updated_at"]),
];

pub(super) const SIGNAL: &[Field] = &[
    number("huntress.signal.id"),
    keyword("huntress.signal.status", &["status"]),
    keyword("huntress.signal.type", &["type"]),
    keyword("huntress.signal.name", &["name"]),
    keyword("huntress.signal.entity.id", &["entity.id"]),
    keyword("huntress.signal.entity.type", &["entity.type"]),
    keyword("huntress.signal.entity.name", &["entity.name"]),
    Field::from(
        "huntress.signal.details",
        "JSON as keyword",
        &["details"],
        "as text, since its keys vary",
        |told| {
            let mut details = told
                .at("details")
                .filter(|details| details.is_object())?
                .clone();
            details.sort_all_objects();
            Some(json!(details.to_string()))
        },
    ),
    date("huntress.signal.investigated_at", &["investigated_at"]),
    date("huntress.signal.updated_at", &["updated_at"]),
];

pub(super) const AGENT: &[Field] = &[
    number("huntress.agent.id"),
    Field::first_of(
        "huntress.agent.external_ip",
        "ip",
        &["external_ip"],
        |value| Some(json!(read::ip(value)?)),
    ),
    keyword("huntress.agent.edr_version", &["edr_version"]),
    long("huntress.agent.version_number", &["version_number"]),
    keyword("huntress.agent.firewall_status", &["firewall_status"]),
    keyword("huntress.agent.defender_status", &["defender_status"]),
    keyword("huntress.agent.defender_substatus", &["defender_substatus"]),
    keyword(
        "huntress.agent.defender_policy_status",
        &["defender_policy_status"],
    ),
    boolean(
        "huntress.agent.tamper_protection_configured",
        &["tamper_protection_configured"],
    ),
    boolean(
        "huntress.agent.tamper_protection_actual",
        &["tamper_protection_actual"],
    ),
    keyword("huntress.agent.os_build_version", &["os_build_version"]),
    long("huntress.agent.win_build_number", &["win_build_number"]),
    long("huntress.agent.service_pack_major", &["service_pack_major"]),
    long("huntress.agent.service_pack_minor", &["service_pack_minor"]),
    date("huntress.agent.created_at", &["created_at"]),
    date("huntress.agent.updated_at", &["updated_at"]),
    date("huntress.agent.last_callback_at", &["last_callback_at"]),
    date("huntress.agent.last_survey_at", &["last_survey_at"]),
];

pub(super) const IDENTITY: &[Field] = &[
    number("huntress.identity.id"),
    keyword("huntress.identity.tenant.id", &["tenant.id"]),
    keyword("huntress.identity.tenant.type", &["tenant.type"]),
    boolean("huntress.identity.enabled", &["enabled"]),
    boolean("huntress.identity.external", &["external"]),
    boolean("huntress.identity.billable", &["billable"]),
    boolean("huntress.identity.mfa_enabled", &["mfa_enabled"]),
    boolean(
        "huntress.identity.on_premises_sync_enabled",
        &["on_premises_sync_enabled"],
    ),
    keywords("huntress.identity.enabled_products", &["enabled_products"]),
    keyword("huntress.identity.risk_state", &["risk_state"]),
    keyword("huntress.identity.risk_detail", &["risk_detail"]),
    date(
        "huntress.identity.risk_last_updated_at",
        &["risk_last_updated_at"],
    ),
    date(
        "huntress.identity.password_last_changed_at",
        &["password_last_changed_at"],
    ),
    date("huntress.identity.created_at", &["created_at"]),
    date("huntress.identity.updated_at", &["updated_at"]),
];
