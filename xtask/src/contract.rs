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

use serde_json::{Map, Value};

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

fn reduce_node(node: Map<String, Value>) -> Map<String, Value> {
    let mut kept = Map::new();
    for (key, value) in node {
        if VERBATIM.contains(&key.as_str()) {
            kept.insert(key, value);
        } else if key == "example" || key == "x-example" {
            kept.insert(SHAPE.to_owned(), shape(&value));
        } else if key == "examples" {
            kept.insert(SHAPE.to_owned(), shape_of_examples(value));
        } else if PROSE.contains(&key.as_str()) {
            continue;
        } else if NAME_MAPS.contains(&key.as_str())
            && let Value::Object(names) = value
        {
            let names = names.into_iter().map(|(name, node)| (name, reduce(node)));
            kept.insert(key, Value::Object(names.collect()));
        } else {
            kept.insert(key, reduce(value));
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
