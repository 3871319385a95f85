//! Answers made from the schemas of `spec/openapi.json`.

use serde_json::{Map, Value, json};

/// Beyond what an `i32` or a `u32` can hold.
const LARGE: i64 = 9_007_199_254_740_993;
const NEW_VALUE: &str = "a value of next year";

pub fn document() -> Value {
    serde_json::from_str(&std::fs::read_to_string("spec/openapi.json").unwrap()).unwrap()
}

/// How to fill an object's fields.
#[derive(Clone, Copy, PartialEq)]
pub enum Fill {
    All,
    Null,
    Absent,
    NewEnumValues,
    UnknownKeys,
}

pub fn component<'a>(document: &'a Value, schema: &'a Value) -> Option<(&'a str, &'a Value)> {
    let reference = schema["$ref"]
        .as_str()
        .or(schema["allOf"][0]["$ref"].as_str())?;
    let name = reference.trim_start_matches("#/components/schemas/");
    Some((name, &document["components"]["schemas"][name]))
}

pub fn payload(document: &Value, schema: &Value, fill: Fill) -> Value {
    if let Some((_, schema)) = component(document, schema) {
        return payload(document, schema, fill);
    }
    if let Some(values) = schema["enum"].as_array() {
        return if fill == Fill::NewEnumValues {
            json!(NEW_VALUE)
        } else {
            values[0].clone()
        };
    }
    if let Some(one_of) = schema["oneOf"].as_array() {
        return payload(document, &one_of[0], fill);
    }
    match schema["type"].as_str().unwrap() {
        "boolean" => json!(true),
        "integer" => json!(LARGE),
        "number" => json!(12.5),
        "array" => json!([payload(document, &schema["items"], fill)]),
        "string" if schema["format"] == "date-time" => json!("2026-01-02T03:04:05Z"),
        "string" => json!("text"),
        _ => object(document, schema, fill),
    }
}

fn object(document: &Value, schema: &Value, fill: Fill) -> Value {
    let Some(properties) = schema["properties"].as_object() else {
        let values = &schema["additionalProperties"];
        let value = if values.is_object() {
            payload(document, values, fill)
        } else {
            json!({"free": [1]})
        };
        return json!({"a key that is data": value});
    };
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let mut object = Map::new();
    for (name, property) in properties {
        let value = payload(document, property, fill);
        match (required.contains(&json!(name)), fill) {
            (false, Fill::Null) => drop(object.insert(name.clone(), Value::Null)),
            (false, Fill::Absent) => {}
            _ => drop(object.insert(name.clone(), value)),
        }
    }
    if fill == Fill::UnknownKeys {
        object.insert("a_key_of_next_year".to_owned(), json!({"deep": [1, "x"]}));
    }
    Value::Object(object)
}
