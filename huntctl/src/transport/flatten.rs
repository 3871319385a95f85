//! A body as a flat list of names and plain values, for formats that know nothing else.

use serde_json::{Map, Value};

/// `first`, and the fields of an object with the names of nested ones joined by `_`. Lists of plain values
/// are joined by `, `, other lists are JSON, `true` and `false` are text; what is null or an
/// empty list is left out. Where two fields get one name, the later has a number at its end.
pub(super) fn flatten(
    first: Vec<(&str, Value)>,
    body: &Map<String, Value>,
) -> Vec<(String, Value)> {
    let mut flat = Flat::default();
    for (name, value) in first {
        flat.value(name.to_owned(), &value);
    }
    flat.object("", body);
    flat.fields
}

#[derive(Default)]
struct Flat {
    fields: Vec<(String, Value)>,
    names: std::collections::HashSet<String>,
}

impl Flat {
    fn object(&mut self, before: &str, object: &Map<String, Value>) {
        for (key, value) in object {
            let name: String = key.chars().map(plain).collect();
            self.value(format!("{before}{name}"), value);
        }
    }

    fn value(&mut self, name: String, value: &Value) {
        match value {
            Value::Null => {}
            Value::Object(inner) => self.object(&format!("{name}_"), inner),
            Value::Bool(_) => self.add(name, value.to_string().into()),
            Value::Array(items) if items.is_empty() => {}
            Value::Array(items) => self.add(name, joined(items).into()),
            Value::String(_) | Value::Number(_) => self.add(name, value.clone()),
        }
    }

    fn add(&mut self, name: String, value: Value) {
        let mut free = name.clone();
        let mut number = 1;
        while !self.names.insert(free.clone()) {
            number += 1;
            free = format!("{name}_{number}");
        }
        self.fields.push((free, value));
    }
}

/// What any receiver takes in a name.
fn plain(c: char) -> char {
    if c.is_ascii_alphanumeric() { c } else { '_' }
}

fn joined(items: &[Value]) -> String {
    let texts: Option<Vec<String>> = items
        .iter()
        .map(|item| match item {
            Value::String(text) => Some(text.clone()),
            Value::Number(_) | Value::Bool(_) | Value::Null => Some(item.to_string()),
            Value::Array(_) | Value::Object(_) => None,
        })
        .collect();
    match texts {
        Some(texts) => texts.join(", "),
        None => Value::from(items).to_string(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::transport::{Event, Severity};
    use serde_json::json;

    pub(in crate::transport) fn event(body: Value) -> Event {
        let Value::Object(body) = body else {
            panic!("a body is an object")
        };
        Event {
            id: "incident:7:1".into(),
            record: "incident:7".into(),
            kind: "incident".into(),
            time: "2026-06-01T12:00:00.25Z".parse().unwrap(),
            host: "PC-1".into(),
            severity: Severity::High,
            summary: "A foothold".into(),
            body,
        }
    }

    fn flat(body: Value) -> Value {
        let Value::Object(body) = body else {
            panic!("a body is an object")
        };
        flatten(Vec::new(), &body)
            .into_iter()
            .collect::<Map<_, _>>()
            .into()
    }

    #[test]
    fn all_that_json_has() {
        assert_eq!(
            flat(json!({
                "a": 1, "b": "x", "c": true, "d": null, "e": [], "f": ["x", 2, null],
                "g": {"h": {"i-j": 1.5}, "k": null}, "l": [{"m": 1}], "n": {}
            })),
            json!({
                "a": 1, "b": "x", "c": "true", "f": "x, 2, null",
                "g_h_i_j": 1.5, "l": r#"[{"m":1}]"#
            })
        );
    }

    #[test]
    fn no_field_takes_the_place_of_another() {
        let both = flat(json!({"a_b": 1, "a": {"b": 2}, "a.b": 3, "a b": 4}));
        let mut values: Vec<_> = both.as_object().unwrap().values().collect();
        values.sort_by_key(|value| value.as_i64());
        assert_eq!(values, [&json!(1), &json!(2), &json!(3), &json!(4)]);
    }
}
