//! Timestamps in every spelling the server is known to use.
//!
//! `2026-01-22T01:07:08Z`, with fractions or an offset, a space instead of the `T`, ` UTC`
//! or ` +0000` after a space, no zone (which is UTC), and a bare date (midnight UTC). `null`
//! and the empty string mean that there is no timestamp. Seconds and milliseconds since 1970
//! are accepted where a record is looked at field by field (`fit.rs`).

use jiff::{
    Timestamp,
    civil::{Date, DateTime},
    tz::TimeZone,
};
use serde::de::{Deserializer, Error, Visitor};
use serde_json::Value;
use std::fmt;

use crate::lenient;

/// More seconds than this are milliseconds: 100 thousand million seconds end in the year
/// 5138, and as many milliseconds in 1973.
const LARGEST_SECONDS: i64 = 100_000_000_000;

/// A moment; `None` for null and the empty string.
pub(crate) fn optional<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Timestamp>, D::Error> {
    deserializer.deserialize_option(Text(parse))
}

/// A date; `None` for null and the empty string.
pub(crate) fn optional_date<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Date>, D::Error> {
    deserializer.deserialize_option(Text(parse_date))
}

/// Text that is parsed where it stands, without a copy.
struct Text<F>(F);

impl<'de, T, F: Fn(&str) -> Result<T, String>> Visitor<'de> for Text<F> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text, or null")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Option<T>, E> {
        match text.trim() {
            "" => Ok(None),
            text => (self.0)(text).map(Some).map_err(E::custom),
        }
    }

    fn visit_none<E: Error>(self) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_unit<E: Error>(self) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<T>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

/// The moment that a JSON value says, in any form.
pub(crate) fn read(value: &Value) -> Option<Timestamp> {
    if let Some(text) = value.as_str()
        && let Ok(time) = parse(text)
    {
        return Some(time);
    }
    let number = lenient::integer(value)?;
    if number.abs() <= LARGEST_SECONDS {
        Timestamp::from_second(number).ok()
    } else {
        Timestamp::from_millisecond(number).ok()
    }
}

/// The day that a JSON value says: as a date, or as a moment at midnight.
pub(crate) fn read_date(value: &Value) -> Option<Date> {
    let text = value.as_str()?.trim();
    if let (Ok(date), true) = (text.parse(), text.len() == "2026-01-22".len()) {
        return Some(date);
    }
    let moment = parse(text).ok()?.to_zoned(TimeZone::UTC).datetime();
    (moment == moment.date().to_datetime(jiff::civil::Time::midnight())).then(|| moment.date())
}

/// Null, and text without a character.
pub(crate) fn is_absent(value: &Value) -> bool {
    value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty())
}

fn parse_date(text: &str) -> Result<Date, String> {
    let problem = |error: jiff::Error| format!("{text:?} is not a date: {error}");
    text.parse().map_err(problem)
}

fn parse(text: &str) -> Result<Timestamp, String> {
    // With its zone and without spaces first, since that is what nearly all are.
    let text = text.trim();
    let error = match text.parse() {
        Ok(time) => return Ok(time),
        Err(error) => error,
    };
    let utc = |local: &str| {
        Some(
            local
                .parse::<DateTime>()
                .ok()?
                .to_zoned(TimeZone::UTC)
                .ok()?
                .timestamp(),
        )
    };
    let read = match text.rsplit_once(' ') {
        Some((local, "UTC")) => utc(local),
        Some((local, offset)) if offset.starts_with(['+', '-']) => {
            format!("{local}{offset}").parse().ok()
        }
        _ => utc(text),
    };
    read.ok_or_else(|| format!("{text:?} is not a timestamp: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_spelling_is_read() {
        for (text, expected) in [
            ("2026-01-22T01:07:08Z", "2026-01-22T01:07:08Z"),
            ("2026-01-22T01:07:08.123Z", "2026-01-22T01:07:08.123Z"),
            ("2026-01-22T03:07:08+02:00", "2026-01-22T01:07:08Z"),
            ("2026-01-22 01:07:08 UTC", "2026-01-22T01:07:08Z"),
            ("2026-01-05T09:20:00 UTC", "2026-01-05T09:20:00Z"),
            ("2026-01-22", "2026-01-22T00:00:00Z"),
            ("2026-01-22 01:07:08 +0000", "2026-01-22T01:07:08Z"),
            ("2026-01-22 03:07:08 +0200", "2026-01-22T01:07:08Z"),
            ("2026-01-21T17:07:08 -08:00", "2026-01-22T01:07:08Z"),
            ("2026-01-22T01:07:08", "2026-01-22T01:07:08Z"),
            ("2026-01-22 01:07:08.5", "2026-01-22T01:07:08.5Z"),
        ] {
            assert_eq!(parse(text).unwrap().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn anything_else_is_an_error_that_shows_it() {
        let error = parse("next tuesday").unwrap_err();
        assert!(
            error.starts_with("\"next tuesday\" is not a timestamp"),
            "{error}"
        );
        assert!(parse("2026-13-01").is_err());
    }

    #[test]
    fn null_and_the_empty_string_are_none() {
        for json in ["null", r#""""#, r#"" ""#] {
            let mut deserializer = serde_json::Deserializer::from_str(json);
            assert_eq!(optional(&mut deserializer).unwrap(), None);
        }
    }

    #[test]
    fn a_number_is_seconds_or_milliseconds_since_1970() {
        for (json, expected) in [
            ("1769044028", "2026-01-22T01:07:08Z"),
            ("1769044028000", "2026-01-22T01:07:08Z"),
            ("\"1769044028\"", "2026-01-22T01:07:08Z"),
            ("1769044028.0", "2026-01-22T01:07:08Z"),
            ("0", "1970-01-01T00:00:00Z"),
        ] {
            let value = serde_json::from_str(json).unwrap();
            assert_eq!(read(&value).unwrap().to_string(), expected, "{json}");
        }
        for json in ["true", "[]", "\"soon\"", "1.5", "9e18"] {
            assert_eq!(read(&serde_json::from_str(json).unwrap()), None, "{json}");
        }
    }

    #[test]
    fn a_date_may_come_as_its_midnight() {
        let read = |text: &str| read_date(&text.into()).map(|date| date.to_string());
        assert_eq!(read("2026-01-22").as_deref(), Some("2026-01-22"));
        assert_eq!(read("2026-01-22T00:00:00Z").as_deref(), Some("2026-01-22"));
        assert_eq!(read("2026-01-22T01:00:00Z"), None);
        assert_eq!(read("soon"), None);
    }
}
