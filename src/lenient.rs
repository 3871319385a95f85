//! Decoding of fields that the server is known to send in several shapes.
//!
//! `x-huntress-decode` in `spec/openapi.json` names the function that brings the shapes of a
//! property into one; `id`, `present` and the comma-separated lists are chosen by rule.

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::Serializer;
use serde_json::{Value, json};
use std::fmt::{self, Display};

/// An id: a number, or a string of digits.
pub(crate) fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    struct Id;
    impl Visitor<'_> for Id {
        type Value = i64;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an integer, or a string of digits")
        }

        fn visit_i64<E: Error>(self, value: i64) -> Result<i64, E> {
            Ok(value)
        }

        fn visit_u64<E: Error>(self, value: u64) -> Result<i64, E> {
            i64::try_from(value).map_err(|_| E::custom(format_args!("{value} is larger than 2^63")))
        }

        fn visit_str<E: Error>(self, value: &str) -> Result<i64, E> {
            value
                .parse()
                .map_err(|_| E::invalid_value(serde::de::Unexpected::Str(value), &self))
        }
    }
    deserializer.deserialize_any(Id)
}

/// Whole numbers that a float holds exactly.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The whole number that a value stands for, in whatever form.
pub(crate) fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| {
            let float = number.as_f64()?;
            // Nothing is lost: it is whole and small enough.
            (float.fract() == 0.0 && float.abs() <= EXACT).then_some(float as i64)
        }),
        Value::String(text) => {
            let text = text.trim();
            let digits = text.strip_prefix('-').unwrap_or(text);
            let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
            plain.then(|| text.parse().ok()).flatten()
        }
        _ => None,
    }
}

/// A field that is there, with a value or null; absence is the `None` of its default.
pub(crate) fn present<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::<T>::deserialize(deserializer).map(Some)
}

/// A list, or a map of which the keys are the list.
pub(crate) fn keys_of_map(value: Value) -> Value {
    match value {
        Value::Object(map) => map.into_iter().map(|(key, _)| Value::String(key)).collect(),
        other => other,
    }
}

/// `{total_count, has_more, items}`, a bare list of items, or one bare item.
pub(crate) fn item_list(value: Value) -> Value {
    match value {
        Value::Array(_) => json!({ "items": value }),
        Value::Object(ref map) if map.contains_key("id") && !map.contains_key("items") => {
            json!({"items": [value]})
        }
        other => other,
    }
}

/// A list whose items are objects or bare ids.
pub(crate) fn id_or_object(value: Value) -> Value {
    match value {
        Value::Array(items) => items
            .into_iter()
            .map(|item| match item {
                Value::Number(_) | Value::String(_) => json!({ "id": item }),
                other => other,
            })
            .collect(),
        other => other,
    }
}

/// A list, or one text with its items between commas.
#[allow(dead_code)] // for a document that sends one
pub(crate) fn comma_separated(value: Value) -> Value {
    match value {
        Value::String(text) => text
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty())
            .map(Value::from)
            .collect(),
        other => other,
    }
}

/// A list as one text with its items between commas.
pub(crate) fn join_by_commas<S: Serializer, T: Display>(
    items: &Option<Vec<T>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match items {
        None => serializer.serialize_none(),
        Some(items) => {
            let items: Vec<String> = items.iter().map(ToString::to_string).collect();
            serializer.serialize_str(&items.join(","))
        }
    }
}
