//! Makes every object and every enum of the document a named component.
//!
//! In this order, a rule a file:
//!
//! 1. [`components`] — the vendor's are renamed where an overlay says so
//! 2. [`bodies`] — a request body is named after its operation
//! 3. [`envelopes`] — what wraps a result is named after the result
//! 4. [`objects`] — an object is named by overlay, by its `id`, by its shape, or by its place
//! 5. [`enums`] — an enum is named for what it means
//!
//! Ids become components later, by [`ids`](super::ids).

pub mod bodies;
pub mod components;
pub mod enums;
pub mod envelopes;
pub mod objects;

use anyhow::{Result, bail};
use serde_json::Value;

use super::{Problem, Want};
use crate::extensions::NAME;

/// All of the above.
pub fn hoist(
    document: &mut Value,
    wants: &mut Vec<Want>,
    problems: &mut Vec<Problem>,
) -> Result<()> {
    components::rename(document)?;
    bodies::hoist(document)?;
    envelopes::hoist(document)?;
    objects::hoist(document, wants)?;
    enums::hoist(document, wants, problems)
}

/// Takes the name that an overlay has given to a schema out of it.
fn take_name(schema: &mut Value, pointer: &str) -> Result<Option<String>> {
    let name = schema
        .as_object_mut()
        .and_then(|map| map.shift_remove(NAME));
    match name {
        None => Ok(None),
        Some(Value::String(name)) => Ok(Some(name)),
        Some(other) => bail!("{pointer}: {NAME} is {other}, not a string"),
    }
}
