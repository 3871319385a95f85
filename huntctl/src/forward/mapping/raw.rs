//! The record as it is. What the API does not say of it stands under one key of its own.

use serde_json::{Value, json};

use super::{
    field::{self, Field},
    read,
};
use crate::forward::{Change, Told};

/// The key that no record has.
const OWN: &str = "huntctl";

pub(super) const FIELDS: &[Field] = &[
    Field::fixed("huntctl.mapping", "string", "raw"),
    Field::from("huntctl.kind", "string", &["@kind"], "", |told| {
        Some(json!(told.kind.name()))
    }),
    Field::from(
        "huntctl.event_id",
        "string",
        &["*"],
        "the stable id",
        |told| Some(json!(told.stable_id())),
    ),
    Field::from(
        "huntctl.change",
        "string",
        &["@change"],
        "`new` or `updated`",
        |told| Some(change(told)),
    ),
    Field::from("huntctl.seen_at", "time", &["@seen_at"], "", |told| {
        Some(json!(told.seen_at))
    }),
    Field::from(
        "huntctl.account.id",
        "integer",
        &["@account.id"],
        "",
        |told| Some(json!(told.account.id)),
    ),
    Field::from(
        "huntctl.account.name",
        "string",
        &["@account.name"],
        "",
        |told| Some(json!(read::plain(told.account.name?)?)),
    ),
    Field::from(
        "huntctl.organization.id",
        "integer",
        &["@organization.id"],
        "",
        |told| Some(json!(told.organization?.id)),
    ),
    Field::from(
        "huntctl.organization.name",
        "string",
        &["@organization.name"],
        "",
        |told| Some(json!(read::plain(told.organization?.name?)?)),
    ),
    Field::from(
        "huntctl.agent_hostname",
        "string",
        &["@agent_hostname"],
        "",
        |told| Some(json!(read::plain(told.agent_hostname?)?)),
    ),
];

/// Whether it was told before, as a word.
pub(super) fn change(told: &Told<'_>) -> Value {
    match told.change {
        Change::New => json!("new"),
        Change::Updated => json!("updated"),
    }
}

pub(super) fn event(told: &Told<'_>) -> Value {
    let mut own = field::event(FIELDS, told);
    match told.record {
        Value::Object(record) => {
            let mut event = record.clone();
            event.insert(OWN.to_owned(), own[OWN].take());
            event.into()
        }
        // So that it is an object all the same.
        other => {
            own["record"] = other.clone();
            own
        }
    }
}
