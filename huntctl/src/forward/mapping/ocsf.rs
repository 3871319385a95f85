//! Open Cybersecurity Schema Framework 1.8: incidents and escalations are Incident Findings,
//! signals are Detection Findings, agents and identities are inventory. What a class has no
//! attribute for stands in `unmapped`.

mod codes;
mod finding;
mod inventory;

use serde_json::{Value, json};

use super::{
    field::{self, Field},
    read,
    table::Listing,
};
use crate::forward::{Change, Kind, Told};

const VERSION: &str = "1.8.0";

pub(super) fn event(told: &Told<'_>) -> Value {
    let mut event = field::event(fields(told.kind), told);
    if let Some(rest) = field::rest(fields(told.kind), told) {
        event["unmapped"] = rest;
    }
    event
}

pub(super) fn fields(kind: Kind) -> impl Iterator<Item = &'static Field> {
    let (class, more): (&[Field], &[Field]) = match kind {
        Kind::Incident => (finding::INCIDENT_FINDING, finding::INCIDENT),
        Kind::Escalation => (finding::INCIDENT_FINDING, finding::ESCALATION),
        Kind::Signal => (finding::DETECTION_FINDING, &[]),
        Kind::Agent => (inventory::DEVICE, &[]),
        Kind::Identity => (inventory::USER, &[]),
    };
    COMMON.iter().chain(class).chain(more)
}

pub(super) fn tables() -> Vec<Listing> {
    codes::listings()
}

/// A class of events, and an activity in it.
struct Class {
    uid: i64,
    name: &'static str,
    category: (i64, &'static str),
    activity: (i64, &'static str),
}

/// What an event is about, by the kind of its record and how far that has come.
fn class(told: &Told<'_>) -> Class {
    let (uid, name) = match told.kind {
        Kind::Incident | Kind::Escalation => (2005, "Incident Finding"),
        Kind::Signal => (2004, "Detection Finding"),
        Kind::Agent => (5001, "Device Inventory Info"),
        Kind::Identity => (5003, "User Inventory Info"),
    };
    let category = match told.kind {
        Kind::Incident | Kind::Escalation | Kind::Signal => (2, "Findings"),
        Kind::Agent | Kind::Identity => (5, "Discovery"),
    };
    let activity = match (told.kind, told.change) {
        (Kind::Agent | Kind::Identity, _) => (2, "Collect"),
        _ if told.is_over() => (3, "Close"),
        (_, Change::New) => (1, "Create"),
        (_, Change::Updated) => (2, "Update"),
    };
    Class {
        uid,
        name,
        category,
        activity,
    }
}

const fn string(target: &'static str, sources: &'static [&'static str]) -> Field {
    Field::first_of(target, "string", sources, |value| {
        Some(json!(read::text(value)?))
    })
}

const fn flag(target: &'static str, sources: &'static [&'static str]) -> Field {
    Field::first_of(target, "boolean", sources, |value| {
        Some(json!(read::flag(value)?))
    })
}

const fn timestamp(target: &'static str, sources: &'static [&'static str]) -> Field {
    Field::first_of(target, "timestamp", sources, |value| {
        Some(json!(read::time(value)?.as_millisecond()))
    })
}

/// The number of the record as text: what a class calls its `uid`.
const fn uid(target: &'static str) -> Field {
    Field::from(target, "string", &["@id"], "the record's number", |told| {
        Some(json!(told.id.to_string()))
    })
}

/// Things that a receiver may look for in all events, whatever their class: the number of
/// their type with its caption, the attribute where they are, and the value.
struct Observable(i64, &'static str, &'static str, Option<String>);

fn observables(found: impl IntoIterator<Item = Observable>) -> Option<Value> {
    let found = found.into_iter();
    let list = found.filter_map(|Observable(type_id, caption, name, value)| {
        Some(json!({"type_id": type_id, "type": caption, "name": name, "value": value?}))
    });
    let list: Vec<_> = list.collect();
    (!list.is_empty()).then(|| json!(list))
}

const COMMON: &[Field] = &[
    Field::from(
        "category_uid",
        "integer",
        &["@kind"],
        "2, or 5 for inventory",
        |told| Some(json!(class(told).category.0)),
    ),
    Field::from(
        "category_name",
        "string",
        &["@kind"],
        "its caption",
        |told| Some(json!(class(told).category.1)),
    ),
    Field::from(
        "class_uid",
        "integer",
        &["@kind"],
        "2005, 2004, 5001 or 5003",
        |told| Some(json!(class(told).uid)),
    ),
    Field::from("class_name", "string", &["@kind"], "its caption", |told| {
        Some(json!(class(told).name))
    }),
    Field::from(
        "activity_id",
        "integer",
        &["@kind", "@change", "status"],
        "3 where nothing is left to do, else 1 or 2 as it is new or not; 2 for inventory",
        |told| Some(json!(class(told).activity.0)),
    ),
    Field::from(
        "activity_name",
        "string",
        &["@kind", "@change", "status"],
        "its caption",
        |told| Some(json!(class(told).activity.1)),
    ),
    Field::from(
        "type_uid",
        "long",
        &["@kind", "@change", "status"],
        "100 times the class, and the activity",
        |told| Some(json!(class(told).uid * 100 + class(told).activity.0)),
    ),
    Field::from(
        "type_name",
        "string",
        &["@kind", "@change", "status"],
        "class and activity",
        |told| {
            Some(json!(format!(
                "{}: {}",
                class(told).name,
                class(told).activity.1
            )))
        },
    ),
    Field::from(
        "time",
        "timestamp",
        &[
            "updated_at",
            "status_updated_at",
            "created_at",
            "sent_at",
            "@seen_at",
        ],
        "the first of these that is a time",
        |told| Some(json!(told.time().as_millisecond())),
    ),
    Field::from(
        "message",
        "string",
        &["subject", "name", "hostname", "username", "@id"],
        "the headline, or else kind and name or number",
        |told| Some(json!(told.title())),
    ),
    Field::fixed("metadata.version", "string", VERSION),
    Field::fixed("metadata.product.name", "string", "Huntress"),
    Field::fixed("metadata.product.vendor_name", "string", "Huntress"),
    Field::from("metadata.uid", "string", &["*"], "the stable id", |told| {
        Some(json!(told.stable_id()))
    }),
    Field::from(
        "metadata.correlation_uid",
        "string",
        &["@kind", "@id"],
        "kind and number, which all states of a record share",
        |told| Some(json!(told.uid())),
    ),
    Field::from("metadata.event_code", "string", &["@kind"], "", |told| {
        Some(json!(told.kind.name()))
    }),
    Field::from(
        "metadata.log_name",
        "string",
        &["@kind"],
        "its list in the API",
        |told| Some(json!(told.kind.list())),
    ),
    uid("metadata.original_event_uid"),
    Field::from(
        "metadata.tenant_uid",
        "string",
        &["@account.id"],
        "",
        |told| Some(json!(told.account.id.to_string())),
    ),
    Field::from(
        "metadata.logged_time",
        "timestamp",
        &["@seen_at"],
        "when the store got this state",
        |told| Some(json!(told.seen_at.as_millisecond())),
    ),
    Field::from(
        "metadata.tags",
        "key_value_object[]",
        &[
            "@account.id",
            "@account.name",
            "@organization.id",
            "@organization.name",
        ],
        "account_id, account_name, organization_id, organization_name",
        |told| {
            let organization = told.organization;
            let text = |text: Option<&str>| text.and_then(read::plain);
            let tags = [
                ("account_id", Some(told.account.id.to_string())),
                ("account_name", text(told.account.name)),
                ("organization_id", organization.map(|of| of.id.to_string())),
                (
                    "organization_name",
                    text(organization.and_then(|of| of.name)),
                ),
            ];
            let tags = tags.into_iter();
            let tags =
                tags.filter_map(|(name, value)| Some(json!({"name": name, "value": value?})));
            Some(json!(tags.collect::<Vec<_>>()))
        },
    ),
];
