//! Results out of the JSON envelopes they come in.
//!
//! A resource stands under its name (`{"agent": {…}}`), a list under its own beside
//! `pagination`. Where the expected key is missing the answer is not what was asked for:
//! that is an error, never an empty result.
//!
//! A body is decoded by serde in one pass, as text: it is cheaper to check the encoding once
//! than in each string, and a byte that is not UTF-8 spoils one character only. So does half of
//! one (`surrogates.rs`). Only where that failed are its records looked at one by one, and made
//! to fit if their type allows it (`fit.rs`).

use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use std::fmt;
use std::marker::PhantomData;

use crate::fit::{self, Fit, Removed};
use crate::lenient;
use crate::odd::{self, OddParts, OddRecord};
use crate::response::Page;
use crate::surrogates;

/// What is wrong with a body.
pub(crate) type Problem = String;

/// How a success response holds its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Envelope {
    /// No body.
    Nothing,
    /// The result itself; one of these keys shows that it is one.
    Bare(&'static [&'static str]),
    /// Under this key.
    Under(&'static str),
    /// Under this key, or itself.
    UnderOrBare(&'static str),
    /// The whole body, whatever it is.
    Body,
}

/// A value, and what was taken out of it; or what is wrong with it.
pub(crate) type Read<T> = Result<(T, Vec<Removed>), Fault>;

/// How a value is read that is not there as it should be: of what type it is decides.
///
/// A function for each of the two, chosen where the type is known, so that a program has in
/// it only the ways of reading that it uses.
pub(crate) struct Reading<T> {
    read: fn(&str, bool) -> Read<T>,
    /// A value that does not fit is an error.
    strict: bool,
}

impl<T> Clone for Reading<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Reading<T> {}

impl<T: DeserializeOwned> Reading<T> {
    /// Of a type of the API: what does not fit is taken out.
    pub(crate) fn of_the_api() -> Self
    where
        T: Fit,
    {
        Self {
            read: made_to_fit,
            strict: false,
        }
    }

    /// Of a caller's own type: as it is or not at all.
    pub(crate) fn of_the_caller() -> Self {
        Self {
            read: as_it_is,
            strict: true,
        }
    }

    /// The same, or with an error for each value that does not fit.
    pub(crate) fn or_strict(mut self, strict: bool) -> Self {
        self.strict |= strict;
        self
    }

    /// One value, and what was taken out of it; or where below it is what is wrong.
    pub(crate) fn read(self, json: &str) -> Read<T> {
        (self.read)(json, self.strict)
    }
}

fn as_it_is<T: DeserializeOwned>(json: &str, _: bool) -> Read<T> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let read = serde_path_to_error::deserialize(&mut deserializer).map_err(placed)?;
    Ok((read, Vec::new()))
}

fn made_to_fit<T: DeserializeOwned + Fit>(json: &str, strict: bool) -> Read<T> {
    if let Ok(read) = serde_json::from_str(json) {
        return Ok((read, Vec::new()));
    }
    let here = |problem| Fault {
        path: String::new(),
        problem,
    };
    let read = serde_json::from_str(json).or_else(|error| match surrogates::mended(json) {
        Some(mended) => serde_json::from_str(&mended),
        None => Err(error),
    });
    let mut value = read.map_err(|error| here(plain(&error)))?;
    let removed = fit::fit::<T>(&mut value).map_err(|misfit| here(misfit.into_text()))?;
    let read = serde_path_to_error::deserialize(value).map_err(placed)?;
    match removed.first() {
        Some(first) if strict => Err(Fault {
            path: first.path.clone(),
            problem: first.problem.clone(),
        }),
        _ => Ok((read, removed)),
    }
}

/// What is wrong with a value, and where below it.
pub(crate) struct Fault {
    path: String,
    problem: String,
}

impl Fault {
    /// The record that it is in, which stands at a place of a page.
    fn in_record(self, json: &str, place: &str, index: usize) -> OddRecord {
        OddRecord {
            index,
            id: id_of(json),
            path: odd::joined(place, &self.path),
            json: json.to_owned(),
            problem: self.problem,
        }
    }
}

/// An error of serde, with its path instead of its column, which would be that of a part of
/// the body.
fn placed(error: serde_path_to_error::Error<serde_json::Error>) -> Fault {
    let path = error.path().to_string();
    Fault {
        path: if path == "." { String::new() } else { path },
        problem: plain(error.inner()),
    }
}

fn plain(error: &serde_json::Error) -> Problem {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&place).unwrap_or(&text).to_owned()
}

/// The one result of a body.
pub(crate) fn one<T: DeserializeOwned>(
    body: &[u8],
    envelope: Envelope,
    reading: Reading<T>,
) -> Result<(T, OddParts), Problem> {
    let body = &*String::from_utf8_lossy(body);
    let whole = |place: &str, record_id, removed| OddParts {
        place: place.to_owned(),
        record_id,
        removed,
    };
    let (json, place) = match envelope {
        Envelope::Nothing => ("null", ""),
        Envelope::Under(key) => {
            // One pass is enough for nearly every body.
            if let Ok(Opened { value, .. }) = opened(body, key) {
                return Ok((value, whole(key, None, Vec::new())));
            }
            (opened::<&RawValue>(body, key)?.value.get(), key)
        }
        Envelope::Body => (whole_body(body)?, ""),
        Envelope::Bare(keys) => {
            let json = whole_body(body)?;
            if !keys_of(json)?
                .iter()
                .any(|key| keys.contains(&key.as_str()))
            {
                return Err(format!("it has none of the keys {}", keys.join(", ")));
            }
            (json, "")
        }
        Envelope::UnderOrBare(key) => match opened::<&RawValue>(body, key) {
            Ok(Opened { value, .. }) => (value.get(), key),
            Err(_) => (whole_body(body)?, ""),
        },
    };
    match reading.read(json) {
        Ok((read, removed)) => Ok((read, whole(place, id_of(json), removed))),
        Err(Fault { path, problem }) => {
            let path = match (odd::joined(place, &path), id_of(json)) {
                (path, Some(id)) if !path.is_empty() => format!("`{path}` (record {id}): "),
                (path, None) if !path.is_empty() => format!("`{path}`: "),
                _ => String::new(),
            };
            Err(match envelope {
                Envelope::UnderOrBare(key) if place.is_empty() => {
                    format!("neither a `{key}` nor wrapped in one: {path}{problem}")
                }
                _ => format!("{path}{problem}"),
            })
        }
    }
}

/// A page with what did not fit, and how the list goes on.
#[derive(Debug)]
pub(crate) struct OpenPage<T> {
    pub(crate) page: Page<T>,
    pub(crate) odd: Vec<OddParts>,
    pub(crate) next: Next,
}

/// `{"key": [items], "pagination": {…}}`
pub(crate) fn page<T: DeserializeOwned>(
    body: &[u8],
    key: &str,
    reading: Reading<T>,
) -> Result<OpenPage<T>, Problem> {
    let body = &*String::from_utf8_lossy(body);
    if let Ok(Opened { value, pagination }) = opened::<Vec<T>>(body, key) {
        return Ok(OpenPage::new(Page::new(value, None), &pagination));
    }
    let Opened { value, pagination } = opened::<Vec<&RawValue>>(body, key)?;
    let mut open = OpenPage::new(
        Page::new(Vec::with_capacity(value.len()), None),
        &pagination,
    );
    for (index, json) in value.into_iter().map(RawValue::get).enumerate() {
        let place = format!("{key}[{index}]");
        match reading.read(json) {
            Ok((item, removed)) => {
                open.page.items.push(item);
                if !removed.is_empty() {
                    let record_id = id_of(json);
                    open.odd.push(OddParts {
                        place,
                        record_id,
                        removed,
                    });
                }
            }
            Err(fault) => open.page.odd.push(fault.in_record(json, &place, index)),
        }
    }
    Ok(open)
}

/// One item of a page that was taken apart already, in a type of the caller's.
pub(crate) fn record<T: DeserializeOwned>(
    json: &str,
    key: &str,
    index: usize,
) -> Result<T, OddRecord> {
    let place = || format!("{key}[{index}]");
    match as_it_is(json, true) {
        Ok((item, _)) => Ok(item),
        Err(fault) => Err(fault.in_record(json, &place(), index)),
    }
}

impl<T> OpenPage<T> {
    fn new(mut page: Page<T>, pagination: &Value) -> Self {
        let next = next(pagination);
        if let Next::Token(token) = &next {
            page.next_page_token = Some(token.clone());
        }
        Self {
            page,
            odd: Vec::new(),
            next,
        }
    }
}

/// How a list goes on after a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// It ends here.
    End,
    Token(String),
    /// There is more, but no token to ask for it; the key that says so.
    Untold(String),
}

/// What `pagination` says, in all the forms that the server has had.
///
/// Only a token is followed. A suggested URL may hold one; its host is never asked. The
/// total count says nothing, since rows come and go.
fn next(pagination: &Value) -> Next {
    let field = |key| pagination.get(key).filter(|value| !value.is_null());
    match field("next_page_token") {
        Some(Value::String(token)) if !token.is_empty() => return Next::Token(token.clone()),
        Some(Value::Number(token)) => return Next::Token(token.to_string()),
        _ => {}
    }
    let nested = field("pagination").map_or(Next::End, next);
    if nested != Next::End {
        return nested;
    }
    for key in ["next_page_url", "next_page"] {
        match field(key) {
            Some(Value::String(text)) if !text.is_empty() => {
                return token_of(text).map_or_else(|| Next::Untold(key.to_owned()), Next::Token);
            }
            Some(Value::Number(_) | Value::Bool(true)) => return Next::Untold(key.to_owned()),
            _ => {}
        }
    }
    if field("has_next_page") == Some(&Value::Bool(true)) {
        return Next::Untold("has_next_page".to_owned());
    }
    let number = |key| field(key).and_then(lenient::integer);
    match (number("current_page"), number("total_pages")) {
        (Some(current), Some(total)) if current < total => {
            Next::Untold(format!("page {current} of {total}"))
        }
        _ => Next::End,
    }
}

/// The token in the query of a URL.
fn token_of(url: &str) -> Option<String> {
    let base = reqwest::Url::parse("https://never.asked.invalid").ok()?;
    let url = base.join(url).ok()?;
    let (_, token) = url.query_pairs().find(|(name, _)| name == "page_token")?;
    (!token.is_empty()).then(|| token.into_owned())
}

/// The `id` of a record, where it has a usable one.
pub(crate) fn id_of(json: &str) -> Option<i64> {
    #[derive(serde::Deserialize)]
    struct Id {
        id: Value,
    }
    let Id { id } = serde_json::from_str(json).ok()?;
    lenient::integer(&id)
}

fn keys_of(json: &str) -> Result<Vec<String>, Problem> {
    match serde_json::from_str(json) {
        Ok(Value::Object(map)) => Ok(map.into_iter().map(|(key, _)| key).collect()),
        Ok(_) => Err("it is JSON, but not an object".to_owned()),
        Err(error) => Err(plain(&error)),
    }
}

/// Refuses a proxy's page and an empty answer, which a JSON parser would describe badly.
fn expect_json(body: &str) -> Result<(), Problem> {
    match body.trim_ascii_start() {
        "" => Err("it is empty".to_owned()),
        page if page.starts_with('<') => Err("it is an HTML page, not JSON".to_owned()),
        _ => Ok(()),
    }
}

/// Whether a body is a page for people, which no API sends.
pub(crate) fn is_html(body: &[u8]) -> bool {
    body.trim_ascii_start().starts_with(b"<")
}

fn whole_body(body: &str) -> Result<&str, Problem> {
    expect_json(body)?;
    let json: Result<&RawValue, _> = serde_json::from_str(body);
    json.map(RawValue::get).map_err(|error| error.to_string())
}

struct Opened<T> {
    value: T,
    pagination: Value,
}

/// Reads one key of an object, and `pagination`, in one pass without a copy.
fn opened<'de, T: serde::Deserialize<'de>>(
    body: &'de str,
    key: &str,
) -> Result<Opened<T>, Problem> {
    expect_json(body)?;
    let mut deserializer = serde_json::Deserializer::from_str(body);
    let seed = Keys {
        key,
        of: PhantomData,
    };
    let (value, pagination) = seed
        .deserialize(&mut deserializer)
        .map_err(|e| e.to_string())?;
    deserializer.end().map_err(|error| error.to_string())?;
    let value = value.ok_or_else(|| format!("it has no key `{key}`"))?;
    Ok(Opened { value, pagination })
}

struct Keys<'a, T> {
    key: &'a str,
    of: PhantomData<T>,
}

impl<'de, T: serde::Deserialize<'de>> DeserializeSeed<'de> for Keys<'_, T> {
    type Value = (Option<T>, Value);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, T: serde::Deserialize<'de>> Visitor<'de> for Keys<'_, T> {
    type Value = (Option<T>, Value);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with the key `{}`", self.key)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut value, mut pagination) = (None, Value::Null);
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
    use serde_json::json;

    fn strictly<T: DeserializeOwned>(body: &[u8], envelope: Envelope) -> Result<T, Problem> {
        one(body, envelope, Reading::of_the_caller()).map(|(value, _)| value)
    }

    fn page_of<T: Fit>(body: &[u8]) -> Result<OpenPage<T>, Problem> {
        page(body, "items", Reading::of_the_api())
    }

    #[test]
    fn a_list_ends_only_where_the_answer_says_so() {
        let token = |token: &str| Next::Token(token.to_owned());
        let untold = |by: &str| Next::Untold(by.to_owned());
        let here = "https://api.huntress.io/v1/agents?limit=1";
        for (pagination, expected) in [
            (json!(null), Next::End),
            (json!({}), Next::End),
            (json!([]), Next::End),
            (json!("x"), Next::End),
            (json!({"next_page_token": ""}), Next::End),
            (
                json!({"next_page_token": null, "current_page": 3}),
                Next::End,
            ),
            (json!({"current_page": 3, "total_pages": 3}), Next::End),
            (json!({"total_count": 900, "limit": 10}), Next::End),
            (json!({"next_page_url": null, "next_page": null}), Next::End),
            (json!({"next_page_url": "", "next_page": ""}), Next::End),
            (json!({"has_next_page": false}), Next::End),
            (json!({"pagination": {}}), Next::End),
            (json!({"next_page_token": "a=/"}), token("a=/")),
            (json!({"next_page_token": 77}), token("77")),
            (
                json!({"next_page_token": "a", "next_page": null}),
                token("a"),
            ),
            (json!({"pagination": {"next_page_token": "n"}}), token("n")),
            (
                json!({"next_page_url": "https://evil.example/?page_token=QUJD&limit=1"}),
                token("QUJD"),
            ),
            (
                json!({"next_page_url": "/v1/agents?page_token=a%3D%2F"}),
                token("a=/"),
            ),
            (json!({"next_page": "/v1/agents?page_token=b"}), token("b")),
            (json!({"next_page_url": here}), untold("next_page_url")),
            (
                json!({"next_page_url": "?page_token="}),
                untold("next_page_url"),
            ),
            (
                json!({"current_page": 1, "next_page": 2}),
                untold("next_page"),
            ),
            (json!({"next_page": true}), untold("next_page")),
            (json!({"has_next_page": true}), untold("has_next_page")),
            (
                json!({"current_page": "1", "total_pages": 2}),
                untold("page 1 of 2"),
            ),
            (json!({"pagination": {"next_page": 2}}), untold("next_page")),
        ] {
            let body = json!({"pagination": pagination, "items": [1]}).to_string();
            let open = page_of::<i64>(body.as_bytes()).unwrap();
            assert_eq!(open.next, expected, "{pagination}");
            assert_eq!(open.page.items, [1]);
        }
        assert_eq!(page_of::<i64>(br#"{"items":[]}"#).unwrap().next, Next::End);
    }

    #[test]
    fn a_missing_key_is_an_error_not_an_empty_result() {
        let resource = |body: &[u8]| strictly::<i64>(body, Envelope::Under("agent")).unwrap_err();
        assert_eq!(page_of::<i64>(b"{}").unwrap_err(), "it has no key `items`");
        assert_eq!(resource(br#"{"other":1}"#), "it has no key `agent`");
        assert!(
            page_of::<i64>(br#"{"items":null}"#)
                .unwrap_err()
                .contains("null")
        );
        assert!(page_of::<i64>(b"[1]").is_err());
        assert!(resource(br#"{"agent":1} trailing"#).contains("trailing"));
        assert!(resource(br#"{"agent":"#).contains("EOF"));
    }

    #[test]
    fn an_item_that_does_not_decode_is_apart_from_those_that_do() {
        let body = br#"{"items":[1,"x",3,null,"5",{"id":6}]}"#;
        let open = page_of::<i64>(body).unwrap();
        assert_eq!(open.page.items, [1, 3, 5]);
        let odd: Vec<_> = open.page.odd.iter().map(ToString::to_string).collect();
        assert_eq!(
            odd,
            [
                "`items[1]` (without an id): expected a whole number, but it is text",
                "`items[3]` (without an id): expected a whole number, but it is null",
                "`items[5]` (record 6): expected a whole number, but it is an object",
            ]
        );
        assert_eq!(open.page.odd[0].json(), r#""x""#);
        let theirs = page::<i64>(body, "items", Reading::of_the_caller()).unwrap();
        assert_eq!(
            theirs.page.items,
            [1, 3],
            "a caller's type decides for itself"
        );
        assert_eq!(theirs.page.odd.len(), 4);
    }

    #[test]
    fn a_part_that_does_not_fit_is_told_with_its_place_or_refused() {
        type Lists = std::collections::BTreeMap<String, Vec<i64>>;
        let body = br#"{"items":[{"id":[1]},{"id":[2],"a":["x"]}]}"#;
        let open = page_of::<Lists>(body).unwrap();
        assert_eq!(open.page.items.len(), 2);
        let [odd] = open.odd.try_into().unwrap();
        let fields: Vec<_> = odd.into_fields("list_things").collect();
        assert_eq!(
            fields[0].to_string(),
            "list_things: `items[1].a[0]`: expected a whole number, but it is text; it is left out"
        );
        let strict = Reading::of_the_api().or_strict(true);
        let open = page::<Lists>(body, "items", strict).unwrap();
        assert_eq!(
            open.page.odd[0].to_string(),
            "`items[1].a[0]` (without an id): expected a whole number, but it is text"
        );
        let one = |reading| {
            one::<Lists>(
                br#"{"lists":{"a":["x"]}}"#,
                Envelope::Under("lists"),
                reading,
            )
        };
        assert!(one(Reading::of_the_api()).is_ok());
        assert_eq!(
            one(strict).unwrap_err(),
            "`lists.a[0]`: expected a whole number, but it is text"
        );
        assert_eq!(
            one(Reading::of_the_caller()).unwrap_err(),
            "`lists.a[0]`: invalid type: string \"x\", expected i64"
        );
    }

    #[test]
    fn a_byte_that_is_no_text_costs_its_character() {
        let page = page_of::<String>(b"{\"items\":[\"caf\xe9\",\"b\"]}").unwrap();
        assert_eq!(page.page.items, ["caf\u{fffd}", "b"]);
    }

    #[test]
    fn half_a_character_costs_itself() {
        let page = page_of::<String>(br#"{"items":["caf\ud83d","\ud83d\ude00"]}"#).unwrap();
        assert_eq!(page.page.items, ["caf\u{fffd}", "\u{1f600}"]);
    }

    #[test]
    fn an_empty_body_and_a_proxy_page_are_called_what_they_are() {
        let resource = |body: &[u8]| strictly::<Value>(body, Envelope::Under("agent")).unwrap_err();
        assert_eq!(resource(b" "), "it is empty");
        let page = b"<html><body>Sign in</body></html>";
        let keys = Envelope::Bare(&["user"]);
        assert_eq!(
            strictly::<Value>(page, keys).unwrap_err(),
            "it is an HTML page, not JSON"
        );
        assert!(is_html(page) && !is_html(b"{}"));
    }

    #[test]
    fn a_bare_resource_must_show_a_key_of_its_own() {
        let keys = Envelope::Bare(&["account", "user"]);
        assert!(strictly::<Value>(br#"{"user":null}"#, keys).is_ok());
        assert_eq!(
            strictly::<Value>(br#"{"error":"x"}"#, keys).unwrap_err(),
            "it has none of the keys account, user"
        );
    }

    #[test]
    fn an_escalation_may_come_either_way_but_not_as_neither() {
        type Ids = std::collections::BTreeMap<String, i64>;
        let envelope = Envelope::UnderOrBare("e");
        assert_eq!(
            strictly::<Ids>(br#"{"e":{"id":1}}"#, envelope).unwrap()["id"],
            1
        );
        assert_eq!(strictly::<Ids>(br#"{"id":1}"#, envelope).unwrap()["id"], 1);
        let error = strictly::<Ids>(br#"{"id":"x"}"#, envelope).unwrap_err();
        assert!(
            error.starts_with("neither a `e` nor wrapped in one"),
            "{error}"
        );
    }
}
