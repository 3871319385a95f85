//! JSON as this pipeline reads and writes it: no key twice, no more than can be worked with,
//! in canonical order, replaced as a whole; and JSON pointers.

use std::cell::Cell;
use std::fmt;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::visible::visible;

/// The most values that a document may have; the vendor's has about 7,500.
pub const MOST_VALUES: usize = 50_000;
/// The longest pointer to one of them, in bytes.
pub const LONGEST_POINTER: usize = 1_000;

/// Parses JSON and refuses a key that stands twice in one object, naming where, and what is
/// beyond [`MOST_VALUES`] or [`LONGEST_POINTER`].
///
/// `serde_json` keeps the last of two equal keys in silence; in a vendor's
/// document that is a lost operation.
pub fn parse_strict(text: &str) -> serde_json::Result<Value> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let root = Strict {
        above: None,
        key: "",
        length: 0,
        values: &Cell::new(0),
    };
    let value = root.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

/// `key` as one segment of a JSON pointer (RFC 6901).
pub fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// The key that a segment of a JSON pointer stands for.
pub fn unescape(segment: &str) -> String {
    segment.replace("~1", "/").replace("~0", "~")
}

/// Whether two values are equal but for the order of their lists. No list of a vendor's
/// document has an order that matters here: they are sets of parameters, names and values.
pub fn alike(a: &Value, b: &Value) -> bool {
    a == b || unordered_text(a) == unordered_text(b)
}

/// A text that all values have in common that are [`alike`], and no others.
pub fn unordered_text(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let mut items: Vec<String> = items.iter().map(unordered_text).collect();
            items.sort_unstable();
            format!("[{}]", items.join(","))
        }
        Value::Object(map) => {
            let entry = |(key, value): (&String, &Value)| {
                format!("{}:{}", Value::from(key.as_str()), unordered_text(value))
            };
            let mut entries: Vec<String> = map.iter().map(entry).collect();
            entries.sort_unstable();
            format!("{{{}}}", entries.join(","))
        }
        other => other.to_string(),
    }
}

/// The segments of a JSON pointer.
pub fn segments(pointer: &str) -> impl Iterator<Item = String> {
    let segments = pointer.split('/').skip(1);
    segments.map(unescape)
}

/// Whether a pointer leads to a place or to something within it.
pub fn is_within(pointer: &str, place: &str) -> bool {
    let rest = pointer.strip_prefix(place);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A place in the document that is read. Its pointer is only made for an error.
#[derive(Clone, Copy)]
struct Strict<'a> {
    above: Option<&'a Strict<'a>>,
    key: &'a str,
    /// Of the pointer.
    length: usize,
    /// How many values there were so far.
    values: &'a Cell<usize>,
}

impl<'a> Strict<'a> {
    fn below(&'a self, key: &'a str) -> Self {
        Self {
            above: Some(self),
            key,
            length: self.length + 1 + key.len(),
            values: self.values,
        }
    }

    fn pointer(&self) -> String {
        let above = self.above.map(|above| above.pointer() + "/");
        above.unwrap_or_default() + &escape(self.key)
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.values.set(self.values.get() + 1);
        if self.values.get() > MOST_VALUES {
            return Err(serde::de::Error::custom(format_args!(
                "it has more than {MOST_VALUES} values"
            )));
        }
        if self.length > LONGEST_POINTER {
            return Err(serde::de::Error::custom(format_args!(
                "a pointer into it is longer than {LONGEST_POINTER} bytes"
            )));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        loop {
            let index = list.len().to_string();
            match items.next_element_seed(self.below(&index))? {
                Some(item) => list.push(item),
                None => return Ok(Value::Array(list)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if map.contains_key(&key) {
                return Err(serde::de::Error::custom(format_args!(
                    "the key {} stands there twice",
                    visible(&self.below(&key).pointer())
                )));
            }
            let value = entries.next_value_seed(self.below(&key))?;
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

/// The same value with the keys of every object in alphabetical order.
pub fn canonical(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.into_iter().collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(
                entries
                    .into_iter()
                    .map(|(k, v)| (k, canonical(v)))
                    .collect(),
            )
        }
        Value::Array(items) => Value::Array(items.into_iter().map(canonical).collect()),
        other => other,
    }
}

/// Canonical text: sorted keys, two spaces, a final newline.
pub fn canonical_text(value: Value) -> String {
    let mut text = serde_json::to_string_pretty(&canonical(value)).expect("a Value is JSON");
    text.push('\n');
    text
}

/// Replaces a file by a rename, so that no reader ever sees half of it.
pub fn write_atomically(path: &Path, text: &str) -> Result<()> {
    let folder = path.parent().context("a file path")?;
    let write = || -> std::io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// Reads and parses a JSON file of this project.
pub fn read(path: &Path) -> Result<Value> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    match parse_strict(&text) {
        Ok(value) => Ok(value),
        Err(error) => bail!("{} is not JSON: {error}", path.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn alike_is_equal_but_for_the_order_of_lists() {
        let is_alike = |a, b| alike(&a, &b);
        assert!(is_alike(
            json!({"a": [1, [2, 3]], "b": 1}),
            json!({"b": 1, "a": [[3, 2], 1]})
        ));
        assert!(!is_alike(json!([1, 1, 2]), json!([1, 2, 2])));
        assert!(!is_alike(json!([1]), json!([1, 1])));
        assert!(!is_alike(json!({"a": null}), json!({})));
        assert!(!is_alike(json!({"a": 1}), json!({"b": 1})));
    }

    #[test]
    fn a_key_that_stands_twice_is_named_by_its_pointer() {
        let error = parse_strict(r#"{"paths":{"/v1/a":{"get":{},"get":{}}}}"#).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("the key /paths/~1v1~1a/get stands there twice"),
            "{error}"
        );
    }

    #[test]
    fn a_key_with_line_breaks_makes_no_lines_of_its_own() {
        let error = parse_strict(r#"{"a\n::x":1,"a\n::x":1}"#).unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with(r"the key /a\n::x stands there twice"),
            "{text}"
        );
    }

    #[test]
    fn a_document_has_a_limit() {
        let list = |length: usize| format!("[{}0]", "0,".repeat(length - 1));
        assert!(parse_strict(&list(MOST_VALUES - 1)).is_ok());
        let error = parse_strict(&list(MOST_VALUES)).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("it has more than 50000 values"), "{text}");
        let key = |length: usize| format!(r#"{{"{}": 0}}"#, "k".repeat(length));
        assert!(parse_strict(&key(LONGEST_POINTER - 1)).is_ok());
        let text = parse_strict(&key(LONGEST_POINTER)).unwrap_err().to_string();
        assert!(
            text.starts_with("a pointer into it is longer than 1000 bytes"),
            "{text}"
        );
    }

    #[test]
    fn a_segment_of_a_pointer_is_read_as_it_is_written() {
        for key in ["", "a", "/v1/~a", "~1", "~01"] {
            assert_eq!(unescape(&escape(key)), key);
        }
    }

    #[test]
    fn canonical_text_sorts_keys_and_keeps_lists() {
        let value = json!({"b": [{"z": 1, "a": 2}, 1], "a": null});
        assert_eq!(
            canonical_text(value).replace(char::is_whitespace, ""),
            r#"{"a":null,"b":[{"a":2,"z":1},1]}"#
        );
    }

    #[test]
    fn strict_parsing_agrees_with_serde_json() {
        let text = r#"{"a":[1,-2,1.5,true,null,"\u00e9"],"b":{}}"#;
        assert_eq!(
            parse_strict(text).unwrap(),
            serde_json::from_str::<Value>(text).unwrap()
        );
        assert!(parse_strict("{} x").is_err());
    }
}
