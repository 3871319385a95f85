//! The API's document: which properties the records have, and which values.

use std::sync::LazyLock;

use huntctl::forward::Kind;
use serde_json::Value;

static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(huntress_simulator::OPENAPI).unwrap());

/// The schema of this name.
pub fn schema(name: &str) -> &'static Value {
    let schema = &DOCUMENT["components"]["schemas"][name];
    assert!(schema.is_object(), "no schema {name}");
    schema
}

/// The schema that one leads to, with its name where it has one.
pub fn resolved(schema: &'static Value) -> (Option<&'static str>, &'static Value) {
    let reference = &schema["allOf"][0]["$ref"];
    let reference = reference.as_str().or_else(|| schema["$ref"].as_str());
    match reference.and_then(|path| path.rsplit('/').next()) {
        Some(name) => (Some(name), self::schema(name)),
        None => (None, schema),
    }
}

/// The values of an enum.
pub fn values(name: &str) -> Vec<&'static str> {
    let values = schema(name)["enum"].as_array().into_iter().flatten();
    values.map(|value| value.as_str().unwrap()).collect()
}

/// The names of a schema's properties.
pub fn properties(name: &str) -> Vec<&'static str> {
    let properties = schema(name)["properties"].as_object().unwrap();
    properties.keys().map(String::as_str).collect()
}

/// Where the records of a kind have an enum: path, with `[]` after what is a list, and its name.
pub fn enums(kind: Kind) -> Vec<(String, &'static str)> {
    let mut found = Vec::new();
    collect(schema(kind.schema()), "", &mut found);
    assert!(!found.is_empty());
    found
}

fn collect(schema: &'static Value, path: &str, found: &mut Vec<(String, &'static str)>) {
    let (name, schema) = resolved(schema);
    if schema["enum"].is_array() {
        found.push((path.to_owned(), name.expect("an enum has a name")));
    }
    for (key, property) in schema["properties"].as_object().into_iter().flatten() {
        let separator = if path.is_empty() { "" } else { "." };
        collect(property, &format!("{path}{separator}{key}"), found);
    }
    if schema["items"].is_object() {
        collect(&schema["items"], &format!("{path}[]"), found);
    }
}

/// Puts a value where a path of `enums` leads to; a list has just this one item.
pub fn put(record: &mut Value, path: &str, value: Value) {
    let mut at = record;
    for key in path.split('.') {
        let name = key.trim_end_matches("[]");
        at = &mut at[name];
        if name != key {
            let first = at.get(0).cloned().unwrap_or_default();
            *at = Value::Array(vec![first]);
            at = &mut at[0];
        }
    }
    *at = value;
}
