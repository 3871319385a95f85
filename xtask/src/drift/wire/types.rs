//! The types of schemas: how they are called, which is wider, and shapes of examples.

use serde_json::Value;

use super::pair::show;
use crate::json;

/// How the values of the new document relate to those of the base.
pub enum Range {
    Narrower,
    Wider,
    Other,
}

pub struct Type {
    /// One of JSON's types; empty where nothing is said.
    pub name: String,
    pub spelled: Value,
    pub format: Option<String>,
    pub nullable: bool,
}

impl Type {
    pub fn of(node: &Value) -> Self {
        let spelled = node["type"].clone();
        let listed: Vec<&str> = match &spelled {
            Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
            Value::String(name) => vec![name],
            _ => vec![],
        };
        let nullable =
            listed.contains(&"null") || node["nullable"] == true || node["x-nullable"] == true;
        let names: Vec<&str> = listed.into_iter().filter(|name| *name != "null").collect();
        let lower = names.join(" or ").to_lowercase();
        let json =
            ["array", "boolean", "integer", "number", "object", "string"].contains(&lower.as_str());
        let name = if lower.is_empty() && node.get("properties").is_some() {
            "object".to_owned()
        } else if json {
            lower
        } else {
            // A type that is no type: what it says is all that is known.
            names.join(" or ")
        };
        Self {
            name,
            spelled,
            format: node["format"].as_str().map(str::to_owned),
            nullable,
        }
    }
}

pub fn range_of_types(base: &str, new: &str) -> Range {
    match (base, new) {
        ("integer", "number") | (_, "") => Range::Wider,
        ("number", "integer") | ("", _) => Range::Narrower,
        _ => Range::Other,
    }
}

pub fn range_of_formats(base: Option<&str>, new: Option<&str>) -> Range {
    match (base, new) {
        (Some("int32"), Some("int64")) | (Some("float"), Some("double")) | (Some(_), None) => {
            Range::Wider
        }
        (Some("int64"), Some("int32")) | (Some("double"), Some("float")) | (None, Some(_)) => {
            Range::Narrower
        }
        _ => Range::Other,
    }
}

/// What is different in the shape of an example: ``lacks `a.b`, has `c` (string) besides``.
pub fn shape_changes(base: Option<&Value>, new: Option<&Value>) -> String {
    match (base, new) {
        (Some(base), Some(new)) => {
            let mut found = Vec::new();
            shape_change("", base, new, &mut found);
            if found.is_empty() {
                // Both are lists of several shapes.
                found.push("has a list of other things".to_owned());
            }
            let more = found.len().saturating_sub(5);
            found.truncate(5);
            if more > 0 {
                found.push(format!("and {more} more"));
            }
            found.join(", ")
        }
        (None, Some(new)) => format!("is new ({})", shape_name(new)),
        (Some(base), None) => format!("is gone ({})", shape_name(base)),
        (None, None) => "is the same".to_owned(),
    }
}

fn shape_change(at: &str, base: &Value, new: &Value, found: &mut Vec<String>) {
    match (base, new) {
        (Value::Object(base), Value::Object(new)) => {
            let step = |key: &str| match at {
                "" => key.to_owned(),
                _ => format!("{at}.{key}"),
            };
            for (key, base) in base {
                match new.get(key) {
                    Some(new) => shape_change(&step(key), base, new, found),
                    None => found.push(format!("lacks `{}`", step(key))),
                }
            }
            for (key, new) in new.iter().filter(|(key, _)| !base.contains_key(*key)) {
                found.push(format!("has `{}` ({}) besides", step(key), shape_name(new)));
            }
        }
        (Value::Array(base), Value::Array(new)) if base.len() == 1 && new.len() == 1 => {
            shape_change(&format!("{at}[]"), &base[0], &new[0], found);
        }
        _ if json::alike(base, new) => {}
        _ => {
            let (base, new) = (shape_name(base), shape_name(new));
            found.push(match at {
                "" => format!("was {base} and is {new}"),
                _ => format!("has `{at}` as {new}, not {base}"),
            });
        }
    }
}

fn shape_name(shape: &Value) -> String {
    match shape {
        Value::Object(_) => "object".to_owned(),
        Value::Array(_) => "list".to_owned(),
        Value::String(name) => name.clone(),
        other => other.to_string(),
    }
}

/// The first values of a list.
pub fn listed(values: &[Value]) -> String {
    let shown: Vec<String> = values
        .iter()
        .take(5)
        .map(|value| show(Some(value)))
        .collect();
    let more = values.len().saturating_sub(5);
    match more {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
