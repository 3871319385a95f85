//! Timestamps in every spelling the server is known to use.
//!
//! `2026-01-22T01:07:08Z`, with fractions or an offset, `2026-01-22 01:07:08 UTC`,
//! `2026-01-22T01:07:08 UTC`, and a bare date, which is midnight UTC. `null` and the
//! empty string are no timestamp.

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde::de::{Deserialize, Deserializer, Error};
use std::borrow::Cow;

pub(crate) fn optional<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Timestamp>, D::Error> {
    match Option::<Cow<'de, str>>::deserialize(deserializer)? {
        None => Ok(None),
        Some(text) if text.trim().is_empty() => Ok(None),
        Some(text) => parse(&text).map(Some).map_err(D::Error::custom),
    }
}

#[allow(dead_code)] // for a document that requires a timestamp
pub(crate) fn required<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    optional(deserializer)?.ok_or_else(|| D::Error::custom("a timestamp is missing"))
}

fn parse(text: &str) -> Result<Timestamp, String> {
    let text = text.trim();
    let problem = |error: jiff::Error| format!("{text:?} is no timestamp: {error}");
    if let Some(local) = text.strip_suffix(" UTC") {
        return format!("{local}Z").parse().map_err(problem);
    }
    if text.len() == "2026-01-22".len() {
        let date: Date = text.parse().map_err(problem)?;
        let start = date.to_zoned(TimeZone::UTC).map_err(problem)?;
        return Ok(start.timestamp());
    }
    text.parse().map_err(problem)
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
        ] {
            assert_eq!(parse(text).unwrap().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn anything_else_is_an_error_that_shows_it() {
        let error = parse("next tuesday").unwrap_err();
        assert!(
            error.starts_with("\"next tuesday\" is no timestamp"),
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
}
