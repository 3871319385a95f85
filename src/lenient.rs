//! Decoding of fields that the server is known to send in several shapes.
//!
//! `x-huntress-decode` in `spec/openapi.json` names the function of a property; `id` and
//! `present` are chosen by rule.

use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error, Visitor};
use serde_json::{Value, json};
use std::fmt;

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

/// A field that is there, with a value or null; absence is the `None` of its default.
pub(crate) fn present<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::<T>::deserialize(deserializer).map(Some)
}

/// A list, or a map of which the keys are the list.
pub(crate) fn keys_of_map<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    reshaped(deserializer, |value| match value {
        Value::Object(map) => map.into_iter().map(|(key, _)| Value::String(key)).collect(),
        other => other,
    })
}

/// `{total_count, has_more, items}`, a bare list of items, or one bare item.
pub(crate) fn item_list<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    reshaped(deserializer, |value| match value {
        Value::Array(_) => json!({ "items": value }),
        Value::Object(ref map) if map.contains_key("id") && !map.contains_key("items") => {
            json!({"items": [value]})
        }
        other => other,
    })
}

/// A list whose items are objects or bare ids.
pub(crate) fn id_or_object<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    reshaped(deserializer, |value| match value {
        Value::Array(items) => items
            .into_iter()
            .map(|item| {
                if item.is_object() {
                    item
                } else {
                    json!({ "id": item })
                }
            })
            .collect(),
        other => other,
    })
}

fn reshaped<'de, D, T>(
    deserializer: D,
    reshape: impl Fn(Value) -> Value,
) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(None),
        value => serde_json::from_value(reshape(value))
            .map(Some)
            .map_err(D::Error::custom),
    }
}
