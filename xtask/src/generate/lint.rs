//! What must be true of the finished document, whatever the rules above did.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use serde_json::{Map, Value};

use super::ids::ID_OF;
use super::names::NAME;
use super::roles::{MORE, VALUES};
use super::tolerant::DECODE;
use super::{hoist, walk};
use crate::contract::SHAPE;

/// The spellings that `src/lenient.rs` knows how to decode.
const DECODERS: [&str; 3] = ["id_or_object", "keys_of_map", "item_list"];

/// By overlay, on an array: it travels as one comma-separated string.
pub const COMMA_SEPARATED: &str = "x-huntress-comma-separated";
/// By overlay, on what is sent: of these properties just one is given, or one at most.
pub const EXCLUSIVE: [&str; 2] = ["x-huntress-exactly-one", "x-huntress-at-most-one"];

/// Fails with every violation, one a line.
pub fn check(document: &mut Value) -> Result<()> {
    let mut found: Vec<String> = Vec::new();
    operations(document, &mut found)?;
    schemas(document, &mut found)?;
    if let Err(error) = serde_json::from_value::<openapiv3::OpenAPI>(document.clone()) {
        found.push(format!("openapiv3 cannot parse the document: {error}"));
    }
    if found.is_empty() {
        return Ok(());
    }
    bail!(
        "the generated document is not sound:\n  {}",
        found.join("\n  ")
    )
}

fn is_blank(node: &Value, key: &str) -> bool {
    node[key].as_str().is_none_or(|text| text.trim().is_empty())
}

fn operations(document: &mut Value, found: &mut Vec<String>) -> Result<()> {
    let mut ids: BTreeMap<String, String> = BTreeMap::new();
    walk::operations(document, |pointer, _, _, operation| {
        let id = operation["operationId"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let snake = id.starts_with(|c: char| c.is_ascii_lowercase())
            && id
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if !snake {
            found.push(format!(
                "{pointer}: the operationId {id:?} is not snake_case"
            ));
        }
        if is_blank(operation, "summary") {
            found.push(format!("{pointer}: no documentation"));
        }
        if let Some(other) = ids.insert(id.clone(), pointer.to_owned()) {
            found.push(format!(
                "{pointer}: the operationId {id} is taken by {other}"
            ));
        }
        for (index, parameter) in walk::list(operation.get_mut("parameters")).enumerate() {
            if is_blank(parameter, "description") {
                found.push(format!("{pointer}/parameters/{index}: no documentation"));
            }
        }
        Ok(())
    })
}

fn schemas(document: &mut Value, found: &mut Vec<String>) -> Result<()> {
    let names: Vec<String> = document["components"]["schemas"]
        .as_object()
        .map(|schemas| schemas.keys().cloned().collect())
        .unwrap_or_default();
    let schemas = document["components"]["schemas"].as_object();
    let enums: Value = schemas
        .into_iter()
        .flatten()
        .map(|(name, schema)| (name.clone(), schema["enum"].clone()))
        .collect::<Map<_, _>>()
        .into();
    walk::roots(document, |root, schema| {
        let component = root.starts_with("/components/");
        if component && is_blank(schema, "description") {
            found.push(format!("{root}: no documentation"));
        }
        walk::within(root, schema, &mut |pointer, node| {
            let Some(map) = node.as_object() else {
                found.push(format!("{pointer}: not a schema: {node}"));
                return Ok(());
            };
            let inner = !component || pointer != root;
            if inner && map.contains_key("enum") {
                found.push(format!("{pointer}: an inline enum"));
            }
            if inner && (map.contains_key("properties") || map.contains_key("oneOf")) {
                found.push(format!("{pointer}: an inline object"));
            }
            if let Some(reference) = map.get("$ref") {
                let name = reference
                    .as_str()
                    .and_then(|r| r.strip_prefix("#/components/schemas/"));
                if name.is_none_or(|name| !names.iter().any(|known| known == name)) {
                    found.push(format!("{pointer}: {reference} leads nowhere"));
                }
            } else if !["type", "allOf", "oneOf", "anyOf"]
                .iter()
                .any(|key| map.contains_key(*key))
            {
                found.push(format!("{pointer}: a schema without a type"));
            }
            for leftover in [NAME, SHAPE, hoist::BARE, ID_OF, MORE]
                .iter()
                .filter(|key| map.contains_key(**key))
            {
                found.push(format!("{pointer}: {leftover} is left over"));
            }
            if let Some(decoder) = map.get(DECODE)
                && !DECODERS.iter().any(|known| decoder == known)
            {
                found.push(format!(
                    "{pointer}: {DECODE} is {decoder}; known are {DECODERS:?}"
                ));
            }
            if map.get(COMMA_SEPARATED).is_some() && map["type"] != "array" {
                found.push(format!("{pointer}: {COMMA_SEPARATED} on what is no list"));
            }
            if let Some(values) = map.get(VALUES)
                && !subset(values, &enums[walk::referenced(node).unwrap_or_default()])
            {
                found.push(format!("{pointer}: {VALUES} are not of its enum: {values}"));
            }
            for key in EXCLUSIVE {
                let optional = |name: &str| {
                    let required = map.get("required").and_then(Value::as_array);
                    map["properties"].get(name).is_some()
                        && !required.into_iter().flatten().any(|known| known == name)
                };
                let names = map.get(key).and_then(Value::as_array);
                for name in names.into_iter().flatten() {
                    if !name.as_str().is_some_and(optional) {
                        found.push(format!(
                            "{pointer}: {key} names {name}, which is no optional property"
                        ));
                    }
                }
            }
            for (name, property) in map
                .get("properties")
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
            {
                if is_blank(property, "description") {
                    found.push(format!("{pointer}/properties/{name}: no documentation"));
                }
            }
            Ok(())
        })
    })
}

/// Whether a list is a part of another.
fn subset(part: &Value, whole: &Value) -> bool {
    let whole = whole.as_array().map(Vec::as_slice).unwrap_or_default();
    part.as_array()
        .is_some_and(|part| part.iter().all(|value| whole.contains(value)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn sound() -> Value {
        json!({
            "openapi": "3.0.3", "info": {"title": "t", "version": "1"},
            "paths": {"/v1/a": {"get": {"operationId": "list_as", "summary": "Lists.",
                "parameters": [{"name": "q", "in": "query", "description": "A q.", "schema": {"type": "string"}}],
                "responses": {"200": {"description": "ok", "content": {"application/json": {
                    "schema": {"$ref": "#/components/schemas/A"}}}}}}}},
            "components": {"schemas": {"A": {"type": "object", "description": "An A.", "properties": {
                "x": {"type": "string", "description": "An x."}}}}}
        })
    }

    #[track_caller]
    fn violates(change: impl Fn(&mut Value), message: &str) {
        let mut document = sound();
        change(&mut document);
        let error = check(&mut document)
            .expect_err("the lint must find it")
            .to_string();
        assert_eq!(
            error,
            format!("the generated document is not sound:\n  {message}")
        );
    }

    #[test]
    fn a_sound_document_passes() {
        check(&mut sound()).unwrap();
    }

    #[test]
    fn every_lint_finds_its_violation() {
        const GET: &str = "/paths/~1v1~1a/get";
        const A: &str = "/components/schemas/A";
        fn get(d: &mut Value) -> &mut Value {
            &mut d["paths"]["/v1/a"]["get"]
        }
        fn x(d: &mut Value) -> &mut Value {
            &mut d["components"]["schemas"]["A"]["properties"]["x"]
        }
        violates(
            |d| get(d)["operationId"] = json!("ListAs"),
            &format!("{GET}: the operationId \"ListAs\" is not snake_case"),
        );
        violates(
            |d| d["paths"]["/v1/b"] = d["paths"]["/v1/a"].clone(),
            &format!("/paths/~1v1~1b/get: the operationId list_as is taken by {GET}"),
        );
        violates(
            |d| get(d)["summary"] = json!(" "),
            &format!("{GET}: no documentation"),
        );
        violates(
            |d| get(d)["parameters"][0]["description"] = json!(""),
            &format!("{GET}/parameters/0: no documentation"),
        );
        violates(
            |d| d["components"]["schemas"]["A"]["description"] = json!(""),
            &format!("{A}: no documentation"),
        );
        violates(
            |d| x(d)["description"] = json!(""),
            &format!("{A}/properties/x: no documentation"),
        );
        violates(
            |d| x(d)["enum"] = json!(["a"]),
            &format!("{A}/properties/x: an inline enum"),
        );
        violates(
            |d| get(d)["parameters"][0]["schema"]["enum"] = json!(["a"]),
            &format!("{GET}/parameters/0/schema: an inline enum"),
        );
        violates(
            |d| *x(d) = json!({"type": "object", "description": "d", "properties": {}}),
            &format!("{A}/properties/x: an inline object"),
        );
        violates(
            |d| {
                *x(d) =
                    json!({"description": "d", "allOf": [{"$ref": "#/components/schemas/Gone"}]})
            },
            &format!("{A}/properties/x/allOf/0: \"#/components/schemas/Gone\" leads nowhere"),
        );
        violates(
            |d| *x(d) = json!({"description": "d"}),
            &format!("{A}/properties/x: a schema without a type"),
        );
        violates(
            |d| x(d)[NAME] = json!("X"),
            &format!("{A}/properties/x: {NAME} is left over"),
        );
        violates(
            |d| x(d)[DECODE] = json!("magic"),
            &format!("{A}/properties/x: {DECODE} is \"magic\"; known are {DECODERS:?}"),
        );
        violates(
            |d| x(d)[COMMA_SEPARATED] = json!(true),
            &format!("{A}/properties/x: {COMMA_SEPARATED} on what is no list"),
        );
        violates(
            |d| x(d)[VALUES] = json!(["a"]),
            &format!("{A}/properties/x: {VALUES} are not of its enum: [\"a\"]"),
        );
        violates(
            |d| d["components"]["schemas"]["A"][EXCLUSIVE[0]] = json!(["x", "gone"]),
            &format!(
                "{A}: {} names \"gone\", which is no optional property",
                EXCLUSIVE[0]
            ),
        );
        violates(
            |d| {
                let a = &mut d["components"]["schemas"]["A"];
                a["required"] = json!(["x"]);
                a[EXCLUSIVE[1]] = json!(["x"]);
            },
            &format!(
                "{A}: {} names \"x\", which is no optional property",
                EXCLUSIVE[1]
            ),
        );
        violates(
            |d| get(d)["parameters"][0]["in"] = json!("nowhere"),
            "openapiv3 cannot parse the document: unknown variant `nowhere`, expected one of `query`, `header`, `path`, `cookie`",
        );
    }
}
