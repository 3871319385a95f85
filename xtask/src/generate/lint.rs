//! What must be true of the finished document, whatever the rules above did.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use openapiv3::{OpenAPI, Operation, ReferenceOr, Schema};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::walk;
use crate::codegen::model::referenced;
use crate::codegen::syntax::pascal;
use crate::contract::SHAPE;
use crate::extensions::{
    AT_MOST_ONE, BARE, COMMA_SEPARATED, DECODE, EXACTLY_ONE, ID_OF, MORE_VALUES, NAME, VALUES,
};
use crate::json::escape;
use crate::visible::Several;

/// The spellings that `src/lenient.rs` knows how to decode.
const DECODERS: [&str; 3] = ["id_or_object", "keys_of_map", "item_list"];

/// What only the steps before this one read.
const LEFT_OVER: [&str; 5] = [NAME, SHAPE, BARE, ID_OF, MORE_VALUES];

/// Fails with every violation, one a line.
pub fn check(document: &mut Value) -> Result<()> {
    let mut found: Vec<String> = Vec::new();
    operations(document, &mut found)?;
    schemas(document, &mut found)?;
    unreadable(document, &mut found)?;
    if found.is_empty() {
        return Ok(());
    }
    Err(Several::new("the generated document is not sound", found).into())
}

fn unreadable_as<T: DeserializeOwned>(node: &Value) -> Option<String> {
    let error = serde_json::from_value::<T>(node.clone()).err()?;
    Some(format!("openapiv3 cannot read it: {error}"))
}

/// What openapiv3, which progenitor reads the document with, cannot read, and where.
fn unreadable(document: &mut Value, found: &mut Vec<String>) -> Result<()> {
    let Some(whole) = unreadable_as::<OpenAPI>(document) else {
        return Ok(());
    };
    let before = found.len();
    walk::operations(document, |pointer, _, _, operation| {
        let problem = unreadable_as::<Operation>(operation);
        found.extend(problem.map(|problem| format!("{pointer}: {problem}")));
        Ok(())
    })?;
    for (name, schema) in walk::components(document) {
        let pointer = format!("/components/schemas/{}", escape(name));
        let problem = unreadable_as::<ReferenceOr<Schema>>(schema);
        found.extend(problem.map(|problem| format!("{pointer}: {problem}")));
    }
    if found.len() == before {
        found.push(format!("/: {whole}"));
    }
    Ok(())
}

fn is_blank(node: &Value, key: &str) -> bool {
    node[key].as_str().is_none_or(|text| text.trim().is_empty())
}

fn operations(document: &mut Value, found: &mut Vec<String>) -> Result<()> {
    let mut ids: BTreeMap<String, String> = BTreeMap::new();
    walk::operations(document, |pointer, _, _, operation| {
        let id = walk::operation_id(operation).to_owned();
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
        if let Some(other) = ids.insert(pascal(&id), pointer.to_owned()) {
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
    let enums: BTreeMap<String, BTreeSet<String>> = walk::components(document)
        .iter()
        .map(|(name, schema)| (name.clone(), texts(&schema["enum"])))
        .collect();
    walk::roots(document, |root, schema| {
        let component = root.starts_with("/components/");
        if component && is_blank(schema, "description") {
            found.push(format!("{root}: no documentation"));
        }
        walk::within(root, schema, &mut |pointer, node| {
            let inner = !component || pointer != root;
            let mut add = |problem: String| found.push(format!("{pointer}{problem}"));
            match node.as_object() {
                None => add(format!(": not a schema: {node}")),
                Some(map) => {
                    inline(map, inner, &mut add);
                    types(map, &enums, &mut add);
                    extensions(map, &mut add);
                    values(node, &enums, &mut add);
                    undocumented(map, &mut add);
                }
            }
            Ok(())
        })
    })
}

/// Every enum and every object is a component by now.
fn inline(map: &Map<String, Value>, inner: bool, add: &mut impl FnMut(String)) {
    if inner && map.contains_key("enum") {
        add(": an inline enum".to_owned());
    }
    if inner && (map.contains_key("properties") || map.contains_key("oneOf")) {
        add(": an inline object".to_owned());
    }
}

fn types(
    map: &Map<String, Value>,
    components: &BTreeMap<String, BTreeSet<String>>,
    add: &mut impl FnMut(String),
) {
    let typed = ["type", "allOf", "oneOf", "anyOf"];
    match map.get("$ref") {
        Some(reference) => {
            let name = reference.as_str().unwrap_or_default();
            let name = name.strip_prefix("#/components/schemas/");
            if name.is_none_or(|name| !components.contains_key(name)) {
                add(format!(": {reference} leads nowhere"));
            }
        }
        None if !typed.iter().any(|key| map.contains_key(*key)) => {
            add(": a schema without a type".to_owned());
        }
        None => {}
    }
}

fn extensions(map: &Map<String, Value>, add: &mut impl FnMut(String)) {
    for key in LEFT_OVER.iter().filter(|key| map.contains_key(**key)) {
        add(format!(": {key} is left over"));
    }
    if let Some(decoder) = map.get(DECODE)
        && !DECODERS.iter().any(|known| decoder == known)
    {
        add(format!(": {DECODE} is {decoder}; known are {DECODERS:?}"));
    }
    if map.contains_key(COMMA_SEPARATED) && map.get("type") != Some(&json!("array")) {
        add(format!(": {COMMA_SEPARATED} on what is not a list"));
    }
    for key in [EXACTLY_ONE, AT_MOST_ONE] {
        let required = map.get("required").map(texts).unwrap_or_default();
        let properties = map.get("properties").unwrap_or(&Value::Null);
        let names = map.get(key).and_then(Value::as_array);
        for name in names.into_iter().flatten() {
            let optional = name
                .as_str()
                .is_some_and(|name| properties.get(name).is_some() && !required.contains(name));
            if !optional {
                add(format!(
                    ": {key} names {name}, which is not an optional property"
                ));
            }
        }
    }
}

/// The values of a place are some of those of its enum.
fn values(node: &Value, enums: &BTreeMap<String, BTreeSet<String>>, add: &mut impl FnMut(String)) {
    let Some(values) = node.get(VALUES) else {
        return;
    };
    let all = referenced(node).and_then(|name| enums.get(name));
    if !values.is_array() || !all.is_some_and(|all| texts(values).is_subset(all)) {
        add(format!(": {VALUES} are not of its enum: {values}"));
    }
}

fn undocumented(map: &Map<String, Value>, add: &mut impl FnMut(String)) {
    let properties = map.get("properties").and_then(Value::as_object);
    for (name, property) in properties.into_iter().flatten() {
        if is_blank(property, "description") {
            add(format!("/properties/{name}: no documentation"));
        }
    }
}

fn texts(list: &Value) -> BTreeSet<String> {
    let texts = list.as_array().into_iter().flatten();
    texts.filter_map(Value::as_str).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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
            |d| {
                d["paths"]["/v1/b"] = d["paths"]["/v1/a"].clone();
                d["paths"]["/v1/b"]["get"]["operationId"] = json!("list__as");
            },
            &format!("/paths/~1v1~1b/get: the operationId list__as is taken by {GET}"),
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
            &format!("{A}/properties/x: {COMMA_SEPARATED} on what is not a list"),
        );
        violates(
            |d| x(d)[VALUES] = json!(["a"]),
            &format!("{A}/properties/x: {VALUES} are not of its enum: [\"a\"]"),
        );
        violates(
            |d| d["components"]["schemas"]["A"][EXACTLY_ONE] = json!(["x", "gone"]),
            &format!(
                "{A}: {} names \"gone\", which is not an optional property",
                EXACTLY_ONE
            ),
        );
        violates(
            |d| {
                let a = &mut d["components"]["schemas"]["A"];
                a["required"] = json!(["x"]);
                a[AT_MOST_ONE] = json!(["x"]);
            },
            &format!(
                "{A}: {} names \"x\", which is not an optional property",
                AT_MOST_ONE
            ),
        );
        violates(
            |d| get(d)["parameters"][0]["in"] = json!("nowhere"),
            "/paths/~1v1~1a/get: openapiv3 cannot read it: unknown variant `nowhere`, expected one of `query`, `header`, `path`, `cookie`",
        );
    }
}
