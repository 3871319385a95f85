//! The types of schemas: how they are called, which is wider, and shapes of examples.

use serde_json::Value;

use super::compare::show;
use super::same::alike;
use super::spec::Spec;

/// Where the values of the two sides stand to each other.
pub(super) enum Range {
    Narrower,
    Wider,
    Other,
}

impl<'a> Spec<'a> {
    /// A schema in a few words.
    pub fn brief(&self, node: &'a Value) -> String {
        if let Some(name) = self.names(node) {
            return format!("`{name}`");
        }
        let ty = Type::of(node);
        let name = match ty.name.as_str() {
            "array" if node["items"].is_object() => {
                format!("list of {}", self.brief(&node["items"]))
            }
            "array" => "list".to_owned(),
            "" => "anything".to_owned(),
            name => name.to_owned(),
        };
        match &ty.format {
            Some(format) => format!("{name} ({format})"),
            None => name,
        }
    }
}

pub(super) struct Type {
    /// One of JSON's types; empty where nothing is said.
    pub name: String,
    pub spelled: Value,
    pub format: Option<String>,
    pub nullable: bool,
}

impl Type {
    pub(super) fn of(node: &Value) -> Self {
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
        let name = match json {
            true => lower,
            // A type that is no type: what it says is all that is known.
            false => names.join(" or "),
        };
        let name = match name.is_empty() && node.get("properties").is_some() {
            true => "object".to_owned(),
            false => name,
        };
        Self {
            name,
            spelled,
            format: node["format"].as_str().map(str::to_owned),
            nullable,
        }
    }
}

pub(super) fn range_of_types(was: &str, is: &str) -> Range {
    match (was, is) {
        ("integer", "number") | (_, "") => Range::Wider,
        ("number", "integer") | ("", _) => Range::Narrower,
        _ => Range::Other,
    }
}

pub(super) fn range_of_formats(was: &Option<String>, is: &Option<String>) -> Range {
    match (was.as_deref(), is.as_deref()) {
        (Some("int32"), Some("int64")) | (Some("float"), Some("double")) | (Some(_), None) => {
            Range::Wider
        }
        (Some("int64"), Some("int32")) | (Some("double"), Some("float")) | (None, Some(_)) => {
            Range::Narrower
        }
        _ => Range::Other,
    }
}

/// What is different in the shape of an example: `lacks `a.b`, has `c` (string) besides`.
pub(super) fn shape_changes(old: Option<&Value>, new: Option<&Value>) -> String {
    pub(super) fn name(shape: &Value) -> String {
        match shape {
            Value::Object(_) => "object".to_owned(),
            Value::Array(_) => "list".to_owned(),
            Value::String(name) => name.clone(),
            other => other.to_string(),
        }
    }
    pub(super) fn walk(at: &str, old: &Value, new: &Value, found: &mut Vec<String>) {
        match (old, new) {
            (Value::Object(olds), Value::Object(news)) => {
                let step = |key: &str| match at {
                    "" => key.to_owned(),
                    _ => format!("{at}.{key}"),
                };
                for (key, was) in olds {
                    match news.get(key) {
                        Some(is) => walk(&step(key), was, is, found),
                        None => found.push(format!("lacks `{}`", step(key))),
                    }
                }
                for (key, is) in news.iter().filter(|(key, _)| !olds.contains_key(*key)) {
                    found.push(format!("has `{}` ({}) besides", step(key), name(is)));
                }
            }
            (Value::Array(olds), Value::Array(news)) if olds.len() == 1 && news.len() == 1 => {
                walk(&format!("{at}[]"), &olds[0], &news[0], found);
            }
            _ if alike(Some(old), Some(new)) => {}
            _ if at.is_empty() => found.push(format!("was {} and is {}", name(old), name(new))),
            _ => found.push(format!("has `{at}` as {}, not {}", name(new), name(old))),
        }
    }
    match (old, new) {
        (Some(old), Some(new)) => {
            let mut found = Vec::new();
            walk("", old, new, &mut found);
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
        (None, Some(new)) => format!("is new ({})", name(new)),
        (Some(old), None) => format!("is gone ({})", name(old)),
        (None, None) => "is the same".to_owned(),
    }
}

pub(super) fn listed(values: &[Value]) -> String {
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
