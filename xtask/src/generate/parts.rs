//! What only stands around a result is not a type of the crate.
//!
//! A call returns what an envelope holds, never the envelope. A component that nothing but
//! envelopes needs beside what they hold, as `Pagination`, is marked
//! `x-huntress-part-of-envelope`, and no code is made of it.

use std::collections::BTreeSet;

use anyhow::Result;
use serde_json::{Value, json};

use super::walk;
use crate::codegen::model::{WEBHOOKS, reachable, referenced};
use crate::extensions::{ENVELOPE, PART_OF_ENVELOPE};

/// Marks every component that is a part of envelopes and of nothing else.
pub fn mark(document: &mut Value) -> Result<()> {
    let mut opened = document.clone();
    let schemas = document["components"]["schemas"].clone();
    walk::operations(&mut opened, |_, _, _, operation| {
        for (_, response) in walk::entries(operation.get_mut("responses")) {
            let Some(schema) = response.pointer_mut("/content/application~1json/schema") else {
                continue;
            };
            let envelope = referenced(schema).map(|name| &schemas[name]);
            if let Some(envelope) = envelope.filter(|envelope| envelope.get(ENVELOPE).is_some()) {
                let key = envelope[ENVELOPE]["items"].as_str();
                let key = key.or(envelope[ENVELOPE]["key"].as_str());
                *schema = envelope["properties"][key.unwrap_or_default()].clone();
            }
        }
        Ok(())
    })?;
    let mut needed = BTreeSet::new();
    for root in ["paths", WEBHOOKS] {
        reachable(&opened[root], &opened, &mut needed);
    }
    for (name, schema) in walk::entries(document.pointer_mut("/components/schemas")) {
        if schema.get(ENVELOPE).is_none() && !needed.contains(name.as_str()) {
            schema[PART_OF_ENVELOPE] = json!(true);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_envelopes_need_is_marked() {
        let to = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
        let answer = |name: &str| json!({"get": {"responses": {"200": {"content": {"application/json": {"schema": to(name)}}}}}});
        let page = json!({
            "type": "object",
            ENVELOPE: {"kind": "page", "items": "things"},
            "properties": {"things": {"type": "array", "items": to("Thing")}, "pagination": {"allOf": [to("Pagination")]}},
        });
        let object = json!({"type": "object"});
        let mut document = json!({
            "paths": {"/v1/things": answer("ThingPage"), "/v1/bare": answer("Bare")},
            "components": {"schemas": {
                "ThingPage": page,
                "Thing": {"type": "object", "properties": {"inner": {"allOf": [to("Inner")]}}},
                "Inner": object, "Bare": object, "Pagination": object,
            }},
        });
        mark(&mut document).unwrap();
        let schemas = document["components"]["schemas"].as_object().unwrap();
        let marked = schemas
            .iter()
            .filter(|(_, schema)| schema[PART_OF_ENVELOPE] == true);
        let marked: Vec<_> = marked.map(|(name, _)| name).collect();
        assert_eq!(marked, ["Pagination"]);
    }
}
