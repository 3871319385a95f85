//! What all writes do with rows: find, store, remove and refuse them.

use hyper::StatusCode;
use serde_json::Value;

use crate::dates::now;
use crate::refusal::{Refusal, refuse};
use crate::world::World;
use crate::{lists, made};

/// What a write answers, not yet in its envelope.
pub(crate) type Answer = Result<Value, Refusal>;

pub(crate) fn conflict<T>(why: &str) -> Result<T, Refusal> {
    refuse(StatusCode::CONFLICT, why)
}

pub(crate) fn unprocessable<T>(why: &str) -> Result<T, Refusal> {
    refuse(StatusCode::UNPROCESSABLE_ENTITY, why)
}

pub(crate) fn get(world: &World, list: &str, id: i64) -> Answer {
    let not_found = || Refusal::new(StatusCode::NOT_FOUND, "Not found");
    lists::row(world, list, &[], id).ok_or_else(not_found)
}

/// Stores a changed row and answers it.
pub(crate) fn keep(world: &mut World, list: &str, mut row: Value) -> Answer {
    if row.get("updated_at").is_some() {
        row["updated_at"] = now();
    }
    world.put(list, &[], row.clone());
    Ok(row)
}

/// Removes a row and answers what it was.
pub(crate) fn take(world: &mut World, list: &str, id: i64) -> Answer {
    let row = get(world, list, id)?;
    world.delete(list, &[], id);
    Ok(row)
}

/// A new row of a list, with the fields of the body that it has.
pub(crate) fn create(world: &World, list: &str, component: &str, body: &Value) -> Value {
    let mut row = made::object(world, component, world.next_id(list, &[]));
    for key in ["created_at", "updated_at"] {
        if row.get(key).is_some() {
            row[key] = now();
        }
    }
    merge(&mut row, body);
    row
}

/// Takes over those fields of a body that a row has too.
pub(crate) fn merge(row: &mut Value, body: &Value) {
    for (key, value) in body.as_object().into_iter().flatten() {
        if let Some(field) = row.get_mut(key) {
            *field = value.clone();
        }
    }
}

/// Whether a list has another row with the same value in a field.
pub(crate) fn taken(world: &World, list: &str, field: &str, value: &Value, id: i64) -> bool {
    let same = |row: &Value| row[field] == *value && row["id"] != id;
    !value.is_null() && lists::any(world, list, same)
}
