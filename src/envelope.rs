//! Results out of the JSON envelopes they come in.
//!
//! A resource stands under its name (`{"agent": {…}}`), a list under its own beside
//! `pagination`. Where the expected key is missing the answer is not what was asked for:
//! that is an error, never an empty result.

use serde::Deserialize;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use std::fmt;
use std::marker::PhantomData;

use crate::response::Page;

/// What is wrong with a body.
pub(crate) type Problem = String;

/// An operation without a result.
pub(crate) fn nothing(_body: &[u8]) -> Result<(), Problem> {
    Ok(())
}

/// `{"key": resource}`
pub(crate) fn resource<T: DeserializeOwned>(body: &[u8], key: &str) -> Result<T, Problem> {
    opened(body, key).map(|(resource, _)| resource)
}

/// `{"key": [items]}`
pub(crate) fn list<T: DeserializeOwned>(body: &[u8], key: &str) -> Result<Vec<T>, Problem> {
    resource(body, key)
}

/// `{"key": [items], "pagination": {"next_page_token": …}}`
pub(crate) fn page<T: DeserializeOwned>(body: &[u8], key: &str) -> Result<Page<T>, Problem> {
    let (page, odd) = page_apart(body, key)?;
    match &*odd {
        [] => Ok(page),
        [first] => Err(first.problem.clone()),
        [first, rest @ ..] => Err(format!("{} ({} more like it)", first.problem, rest.len())),
    }
}

/// An item of a page that does not decode.
pub(crate) struct Odd {
    /// Where it stands among the items.
    pub(crate) index: usize,
    pub(crate) json: String,
    pub(crate) problem: Problem,
}

/// Like [`page`], with the items that do not decode apart from those that do.
///
/// Each item is looked at on its own only after the page as a whole did not decode.
pub(crate) fn page_apart<T: DeserializeOwned>(
    body: &[u8],
    key: &str,
) -> Result<(Page<T>, Vec<Odd>), Problem> {
    if let Ok(page) = opened_page(body, key) {
        return Ok((page, Vec::new()));
    }
    let raw = opened_page::<Box<RawValue>>(body, key)?;
    let (mut items, mut odd) = (Vec::with_capacity(raw.items.len()), Vec::new());
    for (index, json) in raw.items.into_iter().enumerate() {
        match serde_json::from_str(json.get()) {
            Ok(item) => items.push(item),
            Err(error) => odd.push(Odd {
                index,
                problem: format!("item {index} of its `{key}`: {error}"),
                json: Box::<str>::from(json).into(),
            }),
        }
    }
    let next_page_token = raw.next_page_token;
    let page = Page {
        items,
        next_page_token,
    };
    Ok((page, odd))
}

fn opened_page<T: DeserializeOwned>(body: &[u8], key: &str) -> Result<Page<T>, Problem> {
    let (items, pagination) = opened(body, key)?;
    let token = pagination.and_then(|pagination: Pagination| pagination.next_page_token);
    Ok(Page {
        items,
        next_page_token: token.filter(|token| !token.is_empty()),
    })
}

/// The resource itself; one of its own keys must be there to show that it is one.
pub(crate) fn bare<T: DeserializeOwned>(body: &[u8], keys: &[&str]) -> Result<T, Problem> {
    let value = object(body)?;
    if !keys.iter().any(|key| value.get(key).is_some()) {
        return Err(format!("it has none of the keys {}", keys.join(", ")));
    }
    serde_json::from_value(value).map_err(|error| error.to_string())
}

/// `{"key": resource}` or the resource itself.
pub(crate) fn resource_or_bare<T: DeserializeOwned>(body: &[u8], key: &str) -> Result<T, Problem> {
    let mut value = object(body)?;
    let resource = match value.get_mut(key) {
        Some(inner) => inner.take(),
        None => value,
    };
    serde_json::from_value(resource)
        .map_err(|error| format!("neither a `{key}` nor wrapped in one: {error}"))
}

/// A proxy's page and an empty answer, which a JSON parser would describe badly.
fn expect_json(body: &[u8]) -> Result<(), Problem> {
    match body.trim_ascii_start() {
        [] => Err("it is empty".to_owned()),
        [b'<', ..] => Err("it is an HTML page, not JSON".to_owned()),
        _ => Ok(()),
    }
}

fn object(body: &[u8]) -> Result<Value, Problem> {
    expect_json(body)?;
    match serde_json::from_slice(body) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err("it is JSON, but not an object".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// The server also sends `next_page_url` and page counts; the token alone is followed.
#[derive(Deserialize)]
struct Pagination {
    next_page_token: Option<String>,
}

fn opened<T: DeserializeOwned>(body: &[u8], key: &str) -> Result<(T, Option<Pagination>), Problem> {
    expect_json(body)?;
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let seed = Opened {
        key,
        of: PhantomData,
    };
    let (value, pagination) = seed
        .deserialize(&mut deserializer)
        .map_err(|e| e.to_string())?;
    deserializer.end().map_err(|error| error.to_string())?;
    let value = value.ok_or_else(|| format!("it has no key `{key}`"))?;
    Ok((value, pagination))
}

/// Reads one key of an object, and `pagination`, in one pass without a copy.
struct Opened<'a, T> {
    key: &'a str,
    of: PhantomData<T>,
}

impl<'de, T: DeserializeOwned> DeserializeSeed<'de> for Opened<'_, T> {
    type Value = (Option<T>, Option<Pagination>);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, T: DeserializeOwned> Visitor<'de> for Opened<'_, T> {
    type Value = (Option<T>, Option<Pagination>);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with the key `{}`", self.key)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut value, mut pagination) = (None, None);
        while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            if key == self.key {
                value = Some(map.next_value()?);
            } else if key == "pagination" {
                pagination = map.next_value()?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok((value, pagination))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn token(body: &str) -> Option<String> {
        page::<i64>(body.as_bytes(), "items")
            .unwrap()
            .next_page_token
    }

    #[test]
    fn a_page_ends_in_every_known_way() {
        assert_eq!(
            token(r#"{"items":[],"pagination":{"next_page_token":"x"}}"#).as_deref(),
            Some("x")
        );
        for last in [
            r#"{"items":[1]}"#,
            r#"{"items":[1],"pagination":null}"#,
            r#"{"items":[1],"pagination":{}}"#,
            r#"{"items":[1],"pagination":{"next_page_token":null,"current_page":3}}"#,
            r#"{"pagination":{"next_page_token":""},"items":[1]}"#,
        ] {
            assert_eq!(token(last), None, "{last}");
        }
    }

    #[test]
    fn a_missing_key_is_an_error_not_an_empty_result() {
        assert_eq!(
            page::<i64>(b"{}", "items").unwrap_err(),
            "it has no key `items`"
        );
        assert_eq!(
            resource::<i64>(br#"{"other":1}"#, "agent").unwrap_err(),
            "it has no key `agent`"
        );
        assert!(
            page::<i64>(br#"{"items":null}"#, "items")
                .unwrap_err()
                .contains("null")
        );
        assert!(list::<i64>(b"[1]", "items").is_err());
        assert!(resource::<i64>(br#"{"agent":1} trailing"#, "agent").is_err());
        assert!(
            resource::<i64>(br#"{"agent":"#, "agent")
                .unwrap_err()
                .contains("EOF")
        );
    }

    #[test]
    fn a_page_names_the_item_that_does_not_decode() {
        let body = br#"{"items":[1,"x",3,null]}"#;
        assert_eq!(
            page::<i64>(body, "items").unwrap_err(),
            "item 1 of its `items`: invalid type: string \"x\", expected i64 \
             at line 1 column 3 (1 more like it)"
        );
        let (page, odd) = page_apart::<i64>(body, "items").unwrap();
        assert_eq!(page.items, [1, 3]);
        let odd: Vec<_> = odd.iter().map(|odd| (odd.index, &*odd.json)).collect();
        assert_eq!(odd, [(1, r#""x""#), (3, "null")]);
    }

    #[test]
    fn an_empty_body_and_a_proxy_page_are_called_what_they_are() {
        assert_eq!(resource::<i64>(b" ", "agent").unwrap_err(), "it is empty");
        let page = b"<html><body>Sign in</body></html>";
        assert_eq!(
            bare::<Value>(page, &["user"]).unwrap_err(),
            "it is an HTML page, not JSON"
        );
    }

    #[test]
    fn a_bare_resource_must_show_a_key_of_its_own() {
        let keys = ["account", "user"];
        assert!(bare::<Value>(br#"{"user":null}"#, &keys).is_ok());
        assert_eq!(
            bare::<Value>(br#"{"error":"x"}"#, &keys).unwrap_err(),
            "it has none of the keys account, user"
        );
    }

    #[test]
    fn an_escalation_may_come_either_way_but_not_as_neither() {
        type Ids = std::collections::BTreeMap<String, i64>;
        assert_eq!(
            resource_or_bare::<Ids>(br#"{"e":{"id":1}}"#, "e").unwrap()["id"],
            1
        );
        assert_eq!(
            resource_or_bare::<Ids>(br#"{"id":1}"#, "e").unwrap()["id"],
            1
        );
        let error = resource_or_bare::<Ids>(br#"{"id":"x"}"#, "e").unwrap_err();
        assert!(
            error.starts_with("neither a `e` nor wrapped in one"),
            "{error}"
        );
    }
}
