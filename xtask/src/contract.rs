//! A vendor document's *contract*: its facts without its prose.
//!
//! The document is the vendor's text, "all rights reserved"; what a client needs
//! of it are facts. [`reduce`] keeps every fact exactly as written, mistakes
//! included, drops descriptions, summaries and contact texts, and replaces each
//! example by its *shape*: the keys and JSON types without the values.
//!
//! ```text
//! "example": {"id": 7, "tags": ["a", "b"]}
//! "x-example-shape": {"id": "integer", "tags": ["string"]}
//! ```
//!
//! [`prose`] has a digest of each text and example that is dropped, so that a later
//! document can be asked whether its words are still the same.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::json::escape;

/// The key under which the contract keeps an example's shape.
pub const SHAPE: &str = "x-example-shape";

/// Keys that hold prose. `desc` is one vendor's spelling of `description`.
const PROSE: [&str; 7] = [
    "contact",
    "desc",
    "description",
    "externalDocs",
    "license",
    "summary",
    "termsOfService",
];

/// Keys whose object maps names (of properties, paths, …) to nodes, so that a
/// *property* called `description` or `example` is kept.
const NAME_MAPS: [&str; 15] = [
    "content",
    "definitions",
    "headers",
    "parameters",
    "paths",
    "patternProperties",
    "properties",
    "requestBodies",
    "responses",
    "schemas",
    "scopes",
    "securityDefinitions",
    "securitySchemes",
    "variables",
    "webhooks",
];

/// Keys whose value is a fact to be kept as it stands; a shape is one already.
const VERBATIM: [&str; 5] = ["const", "default", "enum", "required", SHAPE];

/// The contract of a Swagger or OpenAPI document.
pub fn reduce(document: Value) -> Value {
    match document {
        Value::Object(map) => Value::Object(reduce_node(map)),
        Value::Array(items) => Value::Array(items.into_iter().map(reduce).collect()),
        other => other,
    }
}

/// What becomes of an entry of a node.
enum Entry {
    /// Kept as it stands.
    Verbatim,
    /// Replaced by its shape; `true` where it is a list or map of examples.
    Example(bool),
    Prose,
    /// A map of names to nodes.
    Names,
    Node,
}

impl Entry {
    fn of(key: &str, value: &Value) -> Self {
        match key {
            _ if VERBATIM.contains(&key) => Self::Verbatim,
            "example" | "x-example" => Self::Example(false),
            "examples" => Self::Example(true),
            _ if PROSE.contains(&key) => Self::Prose,
            _ if NAME_MAPS.contains(&key) && value.is_object() => Self::Names,
            _ => Self::Node,
        }
    }
}

/// A digest of everything that [`reduce`] drops, by its place. Places in lists of named
/// things go by name (`/parameters/query:limit/description`), so that an insertion does
/// not move them.
pub fn prose(document: &Value) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    prose_of_node(document, "", &mut found);
    found
}

fn prose_of_node(node: &Value, at: &str, found: &mut BTreeMap<String, String>) {
    match node {
        Value::Object(map) => {
            for (key, value) in map {
                let inner = format!("{at}/{}", escape(key));
                match Entry::of(key, value) {
                    Entry::Verbatim => {}
                    Entry::Example(_) | Entry::Prose => drop(found.insert(inner, digest(value, 8))),
                    Entry::Names => {
                        for (name, node) in value.as_object().into_iter().flatten() {
                            prose_of_node(node, &format!("{inner}/{}", escape(name)), found);
                        }
                    }
                    Entry::Node => prose_of_node(value, &inner, found),
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let inner = format!("{at}/{}", escape(&identity(item, index)));
                prose_of_node(item, &inner, found);
            }
        }
        _ => {}
    }
}

/// A path with its parameters left blank: their names are not sent, so `/v1/agents/{id}` and
/// `/v1/agents/{agent_id}` are one path.
pub fn anonymous_path(path: &str) -> String {
    let segments = path.split('/').map(|segment| match segment {
        _ if segment.starts_with('{') => "{}",
        _ => segment,
    });
    segments.collect::<Vec<_>>().join("/")
}

/// What tells an item of a list from the others.
pub fn identity(item: &Value, index: usize) -> String {
    match (item["in"].as_str(), item["name"].as_str()) {
        (Some("body"), _) => "body".to_owned(),
        (Some(place), Some(name)) => format!("{place}:{name}"),
        (None, Some(name)) => name.to_owned(),
        _ => index.to_string(),
    }
}

/// The first `length` hexadecimal digits of the SHA-256 of the canonical text.
pub fn digest(value: &Value, length: usize) -> String {
    let hash = Sha256::digest(crate::json::canonical_text(value.clone()));
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    hex[..length.min(hex.len())].to_owned()
}

fn reduce_node(node: Map<String, Value>) -> Map<String, Value> {
    let mut kept = Map::new();
    for (key, value) in node {
        match (Entry::of(&key, &value), value) {
            (Entry::Verbatim, value) => drop(kept.insert(key, value)),
            (Entry::Example(false), value) => drop(kept.insert(SHAPE.to_owned(), shape(&value))),
            (Entry::Example(true), value) => {
                kept.insert(SHAPE.to_owned(), shape_of_examples(value));
            }
            (Entry::Prose, _) => {}
            (Entry::Names, Value::Object(names)) => {
                let names = names.into_iter().map(|(name, node)| (name, reduce(node)));
                kept.insert(key, Value::Object(names.collect()));
            }
            (_, value) => drop(kept.insert(key, reduce(value))),
        }
    }
    kept
}

/// OpenAPI 3.1 has a list of examples, 3.0 a map of `{value}` objects and
/// Swagger 2.0 a map of media types: one shape for all of them.
fn shape_of_examples(examples: Value) -> Value {
    let shapes: Vec<Value> = match examples {
        Value::Array(list) => list.iter().map(shape).collect(),
        Value::Object(map) => map
            .values()
            .map(|example| shape(example.get("value").unwrap_or(example)))
            .collect(),
        other => vec![shape(&other)],
    };
    shapes.into_iter().reduce(merge).unwrap_or(Value::Null)
}

/// The shape of an example: objects keep their keys, lists become a list of the
/// distinct shapes of their items, scalars become the name of their JSON type.
pub fn shape(example: &Value) -> Value {
    let name = match example {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(items) => {
            let mut distinct: Vec<Value> = Vec::new();
            for item in items.iter().map(shape) {
                let object = distinct
                    .iter()
                    .position(|seen| seen.is_object() && item.is_object());
                if let Some(index) = object {
                    distinct[index] = merge(distinct[index].take(), item);
                } else if !distinct.contains(&item) {
                    distinct.push(item);
                }
            }
            return Value::Array(distinct);
        }
        Value::Object(map) => {
            return Value::Object(map.iter().map(|(k, v)| (k.clone(), shape(v))).collect());
        }
    };
    name.into()
}

/// One shape for two examples of the same thing; where they differ the first stays.
fn merge(a: Value, b: Value) -> Value {
    match (a, b) {
        (Value::Object(mut a), Value::Object(b)) => {
            for (key, theirs) in b {
                let merged = match a.remove(&key) {
                    Some(ours) => merge(ours, theirs),
                    None => theirs,
                };
                a.insert(key, merged);
            }
            Value::Object(a)
        }
        (Value::String(a), b) if a == "null" => b,
        (a, _) => a,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn prose_goes_and_facts_stay_even_wrong_ones() {
        let reduced = reduce(json!({
            "info": {"title": "T", "description": "words", "contact": {"name": "n"}},
            "paths": {"/a": {"get": {"summary": "words", "operationId": "a", "deprecated": true}}},
            "definitions": {"A": {"type": "Object", "required": ["description"], "properties": {
                "description": {"type": "String", "description": "words", "default": "d"},
                "summary": {"type": "string", "enum": ["a", "b"], "x-vendor": {"k": 1}},
                "type": {"type": "string", "items": null}
            }}}
        }));
        assert_eq!(
            reduced,
            json!({
                "info": {"title": "T"},
                "paths": {"/a": {"get": {"operationId": "a", "deprecated": true}}},
                "definitions": {"A": {"type": "Object", "required": ["description"], "properties": {
                    "description": {"type": "String", "default": "d"},
                    "summary": {"type": "string", "enum": ["a", "b"], "x-vendor": {"k": 1}},
                    "type": {"type": "string", "items": null}
                }}}
            })
        );
    }

    #[test]
    fn an_example_leaves_its_shape_and_no_value() {
        let reduced = reduce(json!({"example": {
            "id": 7, "price": 1.5, "ok": true, "none": null, "tags": ["a", "b"],
            "items": [{"a": 1}, {"b": "secret"}], "mixed": [1, "x"], "empty": []
        }}));
        assert_eq!(
            reduced,
            json!({SHAPE: {
                "id": "integer", "price": "number", "ok": "boolean", "none": "null",
                "tags": ["string"], "items": [{"a": "integer", "b": "string"}],
                "mixed": ["integer", "string"], "empty": []
            }})
        );
    }

    #[test]
    fn what_is_dropped_leaves_a_digest_by_its_place() {
        let document = |text: &str| {
            json!({"info": {"title": "T", "description": text}, "paths": {"/a": {"get": {
                "parameters": [{"in": "query", "name": "q", "description": "words"}]}}},
                "definitions": {"A": {"properties": {"description": {"type": "string", "example": 7}}}}})
        };
        let before = prose(&document("words"));
        let places: Vec<_> = before.keys().map(String::as_str).collect();
        assert_eq!(
            places,
            [
                "/definitions/A/properties/description/example",
                "/info/description",
                "/paths/~1a/get/parameters/query:q/description",
            ]
        );
        let after = prose(&document("other words"));
        let changed = before
            .iter()
            .filter(|(place, digest)| after[*place] != **digest);
        assert_eq!(
            changed.map(|(place, _)| place).collect::<Vec<_>>(),
            ["/info/description"]
        );
        assert!(before.values().all(|digest| digest.len() == 8));
        assert_eq!(prose(&reduce(document("words"))), BTreeMap::new());
    }

    #[test]
    fn lists_and_maps_of_examples_have_one_shape() {
        assert_eq!(
            reduce(json!({"examples": [{"a": 1}, {"b": "x"}]})),
            json!({SHAPE: {"a": "integer", "b": "string"}})
        );
        assert_eq!(
            reduce(json!({"examples": {"one": {"value": "x"}}})),
            json!({SHAPE: "string"})
        );
    }
}
