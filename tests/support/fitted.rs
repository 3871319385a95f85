//! What becomes of a value that does not fit: said again, from the schemas of
//! `spec/openapi.json` alone, to compare with what the crate does by its types.

use serde_json::{Map, Value, json};

use super::payload::component;

/// Each of them does not fit some type, and some fit after a conversion.
pub fn pool() -> Vec<Value> {
    vec![
        json!("odd"),
        json!(""),
        json!("77"),
        json!(true),
        json!("true"),
        json!(7.5),
        json!(1_769_044_028),
        json!(22_631.0),
        json!([]),
        json!([[1]]),
        json!([null]),
        json!({}),
        json!({"odd": [1]}),
    ]
}

/// A value as the crate makes it fit, or `None`; the paths of what is taken out of it.
pub fn fitted(
    document: &Value,
    schema: &Value,
    value: &Value,
    path: &str,
) -> (Option<Value>, Vec<String>) {
    if let Some(decode) = schema["x-huntress-decode"].as_str() {
        let mut plain = schema.clone();
        plain.as_object_mut().unwrap().remove("x-huntress-decode");
        return fitted(document, &plain, &reshaped(decode, value), path);
    }
    if schema["x-huntress-comma-separated"] == true
        && let Some(text) = value.as_str()
    {
        let items = text.split(',').filter(|item| !item.is_empty());
        return (Some(items.collect()), Vec::new());
    }
    if let Some((_, schema)) = component(document, schema) {
        return fitted(document, schema, value, path);
    }
    if schema.get("oneOf").is_some() {
        return (Some(value.clone()), Vec::new());
    }
    let text = value.as_str().unwrap_or_default();
    let one = |value: Option<Value>| (value, Vec::new());
    match (
        schema["type"].as_str().unwrap_or("object"),
        schema["format"].as_str(),
    ) {
        ("boolean", _) => one(match value {
            Value::Bool(_) => Some(value.clone()),
            _ => text.parse().ok().map(Value::Bool),
        }),
        ("integer", _) => one(match value {
            Value::Number(number) if number.as_f64().unwrap().fract() == 0.0 => {
                let number = number.as_i64().unwrap_or(number.as_f64().unwrap() as i64);
                Some(json!(number))
            }
            _ => text.parse::<i64>().ok().map(Value::from),
        }),
        ("number", _) => one(match value {
            Value::Number(_) => Some(value.clone()),
            _ => text.parse::<f64>().ok().map(Value::from),
        }),
        ("string", Some("date-time")) => one(match (value, text) {
            (Value::String(_), "") => Some(Value::Null),
            (Value::String(_), "77") => Some(json!("1970-01-01T00:01:17Z")),
            (Value::String(_), text) => text.starts_with("20").then(|| value.clone()),
            (Value::Number(number), _) if number.as_f64() == Some(22_631.0) => {
                Some(json!("1970-01-01T06:17:11Z"))
            }
            (Value::Number(number), _) => number.as_i64().map(|_| json!("2026-01-22T01:07:08Z")),
            _ => None,
        }),
        ("string", Some("date")) => one(match text {
            "" if value.is_string() => Some(Value::Null),
            text => text.starts_with("20").then(|| value.clone()),
        }),
        ("string", _) => one(match value {
            Value::String(_) => Some(value.clone()),
            Value::Number(_) | Value::Bool(_) => Some(json!(value.to_string())),
            _ => None,
        }),
        ("array", _) => list(document, &schema["items"], value, path),
        _ => object(document, schema, value, path),
    }
}

fn reshaped(decode: &str, value: &Value) -> Value {
    match (decode, value) {
        ("keys_of_map", Value::Object(map)) => map.keys().cloned().collect(),
        ("item_list", Value::Array(_)) => json!({"items": value}),
        ("id_or_object", Value::Array(items)) => items
            .iter()
            .map(|item| match item {
                Value::Number(_) | Value::String(_) => json!({"id": item}),
                other => other.clone(),
            })
            .collect(),
        _ => value.clone(),
    }
}

fn list(
    document: &Value,
    items: &Value,
    value: &Value,
    path: &str,
) -> (Option<Value>, Vec<String>) {
    let Value::Array(values) = value else {
        let (one, told) = match value {
            Value::Null => (None, Vec::new()),
            Value::String(text) if text.is_empty() => (None, Vec::new()),
            one => fitted(document, items, one, path),
        };
        return (one.map(|one| json!([one])), told);
    };
    let (mut kept, mut told) = (Vec::new(), Vec::new());
    for (index, value) in values.iter().enumerate() {
        let path = format!("{path}[{index}]");
        match fitted(document, items, value, &path) {
            (Some(value), inner) => {
                kept.push(value);
                told.extend(inner);
            }
            (None, _) => told.push(path),
        }
    }
    (Some(Value::Array(kept)), told)
}

fn object(
    document: &Value,
    schema: &Value,
    value: &Value,
    path: &str,
) -> (Option<Value>, Vec<String>) {
    let Value::Object(values) = value else {
        return (None, Vec::new());
    };
    let any = json!({"oneOf": []});
    let (properties, others) = (&schema["properties"], &schema["additionalProperties"]);
    let required: Vec<&str> = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    if required.iter().any(|key| !values.contains_key(*key)) {
        return (None, Vec::new());
    }
    let (mut kept, mut told) = (Map::new(), Vec::new());
    for (key, value) in values {
        let schema = match properties.get(key) {
            Some(schema) => schema,
            None if others.is_object() => others,
            None => &any,
        };
        let path = format!("{path}.{key}");
        if value.is_null() && !required.contains(&key.as_str()) {
            continue;
        }
        match fitted(document, schema, value, &path) {
            (Some(value), inner) => {
                kept.insert(key.clone(), value);
                told.extend(inner);
            }
            (None, _) if required.contains(&key.as_str()) => return (None, Vec::new()),
            (None, _) => told.push(path),
        }
    }
    (Some(Value::Object(kept)), told)
}

/// Where the properties of a value are, as JSON pointers; elements of lists too.
pub fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let at = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
                places(value, &at, found);
                found.push(at);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                let at = format!("{at}/{index}");
                places(value, &at, found);
                found.push(at);
            }
        }
        _ => {}
    }
}
