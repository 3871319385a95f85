//! Tolerant responses, strict requests.
//!
//! What the server sends must decode whatever the vendor's document forgot: in every
//! component that is received only `id` must be there, whatever the vendor calls required,
//! and that only where it is nowhere said to be null;
//! anything else may be absent or null; constraints and defaults go; integers
//! are 64-bit; only `date-time` stays a format. What we send keeps its constraints, so
//! that a bad value is refused before a request leaves. A component used both ways is
//! tolerant.

use std::collections::BTreeSet;

use anyhow::Result;
use serde_json::{Map, Value, json};

use super::walk;
use crate::codegen::model::{METHODS, WEBHOOKS, reachable, referenced};
use crate::extensions::ENVELOPE;

const CONSTRAINTS: [&str; 10] = [
    "default",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "maxItems",
    "maxLength",
    "maximum",
    "minItems",
    "minLength",
    "minimum",
    "pattern",
];

/// Relaxes what is received.
pub fn relax(document: &mut Value) -> Result<()> {
    parameters(document)?;
    let received = received(document);
    for (name, schema) in walk::entries(document.pointer_mut("/components/schemas")) {
        if received.contains(name) {
            received_component(schema)?;
        } else {
            sent_component(schema)?;
        }
    }
    Ok(())
}

/// The components reachable from a success response or an event.
fn received(document: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    reachable(&document[WEBHOOKS], document, &mut found);
    for item in document["paths"]
        .as_object()
        .into_iter()
        .flat_map(Map::values)
    {
        for operation in METHODS.iter().filter_map(|method| item.get(method)) {
            reachable(&operation["responses"], document, &mut found);
        }
    }
    found.into_iter().map(str::to_owned).collect()
}

/// The components reachable from an operation or an event at all.
fn used(document: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    reachable(&document[WEBHOOKS], document, &mut found);
    reachable(&document["paths"], document, &mut found);
    found.into_iter().map(str::to_owned).collect()
}

/// Drops the components that nothing uses.
pub fn prune(document: &mut Value) {
    let used = used(document);
    if let Some(schemas) = document["components"]["schemas"].as_object_mut() {
        schemas.retain(|name, _| used.contains(name));
    }
}

fn parameters(document: &mut Value) -> Result<()> {
    walk::operations(document, |_, _, _, operation| {
        for parameter in walk::list(operation.get_mut("parameters")) {
            let name = parameter["name"].as_str().unwrap_or_default().to_owned();
            widen_id(&name, &mut parameter["schema"]);
            // `types[]=a&types[]=b`: the brackets say that the key is repeated.
            if name.ends_with("[]") {
                parameter["style"] = json!("form");
                parameter["explode"] = json!(true);
            }
        }
        Ok(())
    })
}

fn widen_id(name: &str, schema: &mut Value) {
    if schema["type"] == "integer" && (name == "id" || name.ends_with("_id")) {
        schema["format"] = json!("int64");
    }
}

fn sent_component(schema: &mut Value) -> Result<()> {
    walk::within("", schema, &mut |_, node| {
        for (name, property) in walk::entries(node.get_mut("properties")) {
            widen_id(name, property);
            wrap_reference(property);
        }
        Ok(())
    })
}

fn received_component(schema: &mut Value) -> Result<()> {
    let is_envelope = schema.get(ENVELOPE).is_some();
    walk::within("", schema, &mut |_, node| {
        let Some(map) = node.as_object_mut() else {
            return Ok(());
        };
        for constraint in CONSTRAINTS {
            map.shift_remove(constraint);
        }
        if map.get("type") == Some(&json!("integer")) {
            map.insert("format".to_owned(), json!("int64"));
        }
        let format = map
            .get("format")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if map.get("type") == Some(&json!("string")) && format != "date-time" {
            map.shift_remove("format");
        }
        properties(map, is_envelope);
        Ok(())
    })
}

fn properties(map: &mut Map<String, Value>, is_envelope: bool) {
    let has_id = map
        .get("properties")
        .and_then(|properties| properties.get("id"))
        .is_some_and(|id| id["nullable"] != true);
    // An envelope is known by its key; a record can do without all but its id.
    if !is_envelope {
        map.shift_remove("required");
        if has_id {
            map.insert("required".to_owned(), json!(["id"]));
        }
    }
    let required = map.get("required").cloned().unwrap_or_default();
    let is_required = |name: &str| {
        required
            .as_array()
            .is_some_and(|list| list.contains(&json!(name)))
    };
    for (name, property) in walk::entries(map.get_mut("properties")) {
        if property["type"] == "string" && name.ends_with("_at") && property.get("enum").is_none() {
            property["format"] = json!("date-time");
        }
        wrap_reference(property);
        if !is_required(name) && !is_envelope {
            property["nullable"] = json!(true);
        }
    }
}

/// So that a property can have its own description and be nullable.
fn wrap_reference(property: &mut Value) {
    if property.get("$ref").is_some()
        && let Some(name) = referenced(property)
    {
        *property = walk::wrapped(name, Map::new());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> Value {
        let reference = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
        json!({
            "paths": {"/v1/a": {"post": {
                "parameters": [
                    {"name": "organization_id", "in": "query", "schema": {"type": "integer", "format": "int32"}},
                    {"name": "limit", "in": "query", "schema": {"type": "integer", "format": "int32", "maximum": 5}},
                    {"name": "types[]", "in": "query", "explode": false, "schema": {"type": "array", "items": {"type": "string"}}}
                ],
                "requestBody": {"content": {"application/json": {"schema": reference("Sent")}}},
                "responses": {"200": {"content": {"application/json": {"schema": reference("Got")}}}}
            }}},
            "components": {"schemas": {
                "Sent": {"type": "object", "properties": {
                    "owner_id": {"type": "integer", "format": "int32"},
                    "count": {"type": "integer", "format": "int32", "minimum": 1},
                    "day": {"type": "string", "format": "date"}}},
                "Got": {"type": "object", "properties": {
                    "id": {"type": "integer", "format": "int64"},
                    "count": {"type": "integer", "format": "int32", "minimum": 1, "default": 3},
                    "seen_at": {"type": "string"},
                    "mail": {"type": "string", "format": "email", "maxLength": 9},
                    "inner": reference("Inner")}},
                "Inner": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}},
                "Unused": {"type": "object"}
            }}
        })
    }

    #[test]
    fn received_components_are_tolerant_and_sent_ones_strict() {
        let mut document = document();
        relax(&mut document).unwrap();
        let schemas = &document["components"]["schemas"];
        assert_eq!(
            schemas["Got"],
            json!({"type": "object", "required": ["id"], "properties": {
                "id": {"type": "integer", "format": "int64"},
                "count": {"type": "integer", "format": "int64", "nullable": true},
                "seen_at": {"type": "string", "format": "date-time", "nullable": true},
                "mail": {"type": "string", "nullable": true},
                "inner": {"allOf": [{"$ref": "#/components/schemas/Inner"}], "nullable": true}}})
        );
        assert_eq!(
            schemas["Inner"]["properties"]["name"],
            json!({"type": "string", "nullable": true})
        );
        assert_eq!(
            schemas["Sent"]["properties"],
            json!({
                "owner_id": {"type": "integer", "format": "int64"},
                "count": {"type": "integer", "format": "int32", "minimum": 1},
                "day": {"type": "string", "format": "date"}})
        );
    }

    #[test]
    fn parameter_ids_are_wide_and_bracketed_lists_repeat_their_key() {
        let mut document = document();
        relax(&mut document).unwrap();
        let parameters = &document["paths"]["/v1/a"]["post"]["parameters"];
        assert_eq!(parameters[0]["schema"]["format"], "int64");
        assert_eq!(parameters[1]["schema"]["format"], "int32");
        assert_eq!(parameters[2]["explode"], true);
    }

    #[test]
    fn unused_components_are_pruned() {
        let mut document = document();
        prune(&mut document);
        let names: Vec<_> = document["components"]["schemas"]
            .as_object()
            .unwrap()
            .keys()
            .collect();
        assert_eq!(names, ["Sent", "Got", "Inner"]);
    }
}
