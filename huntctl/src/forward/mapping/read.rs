//! Values of a record, read whatever their form. Each reader returns nothing for what it cannot
//! take, so that an odd value leaves a field out and never makes an event that is wrong.

use std::collections::BTreeSet;
use std::net::IpAddr;

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use serde_json::Value;

/// What stands at a path of keys: `details.username`.
pub(crate) fn at<'v>(record: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.')
        .try_fold(record, |value, key| value.get(key))
}

/// A text that is not blank, or a number as text.
pub(crate) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => plain(text),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A text that is not blank.
pub(crate) fn plain(text: &str) -> Option<String> {
    (!text.trim().is_empty()).then(|| text.to_owned())
}

/// A text in lower case, for comparing.
pub(crate) fn word(value: Option<&Value>) -> Option<String> {
    Some(text(value?)?.to_lowercase())
}

/// A whole number of 64 bits, or one as text.
pub(crate) fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// A truth value.
pub(crate) fn flag(value: &Value) -> Option<bool> {
    value.as_bool()
}

/// A moment between 1970 and 9999, in the spellings that the API has had: with a zone, without
/// one, which is UTC, and in seconds or milliseconds since 1970.
pub(crate) fn time(value: &Value) -> Option<Timestamp> {
    let time = match value {
        Value::String(text) => written_time(text.trim())?,
        Value::Number(number) => {
            // As seconds, larger ones are later than the year 5138.
            const LARGEST_SECONDS: i64 = 100_000_000_000;
            match number.as_i64()? {
                seconds @ ..=LARGEST_SECONDS => Timestamp::from_second(seconds).ok()?,
                milliseconds => Timestamp::from_millisecond(milliseconds).ok()?,
            }
        }
        _ => return None,
    };
    (time >= Timestamp::UNIX_EPOCH).then_some(time)
}

fn written_time(text: &str) -> Option<Timestamp> {
    let local = |text: &str| {
        let local: DateTime = text.parse().ok()?;
        Some(local.to_zoned(TimeZone::UTC).ok()?.timestamp())
    };
    let apart = || match text.rsplit_once(' ')? {
        (time, "UTC") => local(time),
        (time, offset) if offset.starts_with(['+', '-']) => format!("{time}{offset}").parse().ok(),
        _ => None,
    };
    (text.parse().ok()).or_else(apart).or_else(|| local(text))
}

/// The texts of a list, the names of a map, or one text.
pub(crate) fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(list) => list.iter().filter_map(text).collect(),
        Value::Object(map) => map.keys().filter_map(|key| plain(key)).collect(),
        other => text(other).into_iter().collect(),
    }
}

/// The objects of a list, or of an extract of one: `{"items": [..]}`.
pub(crate) fn items(value: &Value) -> Vec<&Value> {
    let list = value.get("items").unwrap_or(value).as_array();
    let objects = list.into_iter().flatten().filter(|item| item.is_object());
    objects.collect()
}

/// The counts of a map whose names are plain: letters, digits, `_` and `-`.
pub(crate) fn counts(value: &Value) -> Option<Value> {
    let is_plain = |name: &str| {
        let mut bytes = name.bytes();
        !name.is_empty() && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
    };
    let counts = value.as_object()?.iter();
    let counts = counts.filter(|(name, _)| is_plain(name));
    let counts: serde_json::Map<_, _> = counts
        .filter_map(|(name, count)| Some((name.clone(), integer(count)?.into())))
        .collect();
    (!counts.is_empty()).then(|| counts.into())
}

/// An address of IPv4 or IPv6, in its usual spelling.
pub(crate) fn ip(value: &Value) -> Option<String> {
    let address: IpAddr = value.as_str()?.trim().parse().ok()?;
    Some(address.to_string())
}

/// A hardware address of six bytes, in capitals with this between the bytes.
pub(crate) fn mac(text: &str, between: &str) -> Option<String> {
    let is_between = |c: char| matches!(c, ':' | '-' | '.');
    let digits: Vec<char> = text.trim().chars().filter(|c| !is_between(*c)).collect();
    if digits.len() != 12 || !digits.iter().all(char::is_ascii_hexdigit) {
        return None;
    }
    let bytes = digits.chunks(2).map(|byte| byte.iter().collect::<String>());
    Some(bytes.collect::<Vec<_>>().join(between).to_uppercase())
}

/// A mail address of the plain kind, which every receiver takes.
pub(crate) fn email(value: &Value) -> Option<String> {
    let text = value.as_str()?.trim();
    let (local, domain) = text.split_once('@')?;
    let (first, rest) = domain.split_once('.')?;
    let local_is_plain = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&b);
    let domain_is_plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
    let is_good = !local.is_empty()
        && !first.is_empty()
        && !rest.is_empty()
        && local.bytes().all(local_is_plain)
        && domain.bytes().all(domain_is_plain);
    is_good.then(|| text.to_owned())
}

/// The same without what is there twice, in order.
pub(crate) fn distinct(texts: impl IntoIterator<Item = String>) -> Vec<String> {
    texts
        .into_iter()
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}
