//! `spec/fetched.json`: what is known of a fetch beside the contract.
//!
//! The days on which the documents were captured at the vendor's and taken over, which the
//! crate has as `API_CONTRACT`, and a digest of each text of the vendor's, by which a
//! comparison counts how many of them have changed. The days stay while the contract stays.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use anyhow::{Result, anyhow};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::contract;
use crate::extensions::CONTRACT;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fetched {
    #[serde(flatten)]
    pub days: Days,
    /// For each document, the digests of [`contract::prose`].
    pub prose: BTreeMap<String, BTreeMap<String, String>>,
}

/// When a contract was captured, and since when it is ours.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Days {
    /// When the vendor served it; `None` where nobody knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub captured: Option<Captured>,
    /// The day (UTC) on which it was taken over.
    pub taken_over: Date,
}

/// A day, or a month or a year where no more is known: `2026-07`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Captured(String);

impl FromStr for Captured {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let first_day = match text.len() {
            4 => format!("{text}-01-01"),
            7 => format!("{text}-01"),
            _ => text.to_owned(),
        };
        let day = first_day.parse::<Date>().ok();
        // `jiff` reads other spellings too.
        let day = day.filter(|day| day.to_string() == first_day);
        day.map(|_| Self(text.to_owned()))
            .ok_or_else(|| anyhow!("{text:?} is not a day, month or year such as 2026-07"))
    }
}

impl TryFrom<String> for Captured {
    type Error = anyhow::Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Captured> for String {
    fn from(captured: Captured) -> Self {
        captured.0
    }
}

impl From<Date> for Captured {
    fn from(day: Date) -> Self {
        Self(day.to_string())
    }
}

impl fmt::Display for Captured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Fetched {
    pub fn parse(text: &str) -> Result<Self> {
        Ok(serde_json::from_str(text)?)
    }

    pub fn text(&self) -> String {
        let value = serde_json::to_value(self).expect("strings and maps are JSON");
        crate::json::canonical_text(value)
    }

    /// Writes into `document` which contract it was made of.
    pub fn stamp(&self, contract: &Value, document: &mut Value) {
        let mut stamp = json!(self.days);
        stamp["digest"] = json!(format!("sha256:{}", contract::digest(contract, 64)));
        document["info"][CONTRACT] = crate::json::canonical(stamp);
    }
}

/// Today's date in UTC.
pub fn today() -> Date {
    jiff::Timestamp::now()
        .to_zoned(jiff::tz::TimeZone::UTC)
        .date()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capture_is_a_day_or_less_exact() {
        for text in ["2026", "2026-07", "2026-07-31"] {
            assert_eq!(text.parse::<Captured>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "26",
            "2026-13",
            "2026-7",
            "2026-02-30",
            "20260731",
            "2026-07-31T00",
        ] {
            assert!(text.parse::<Captured>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_document_says_what_is_known_of_its_days() {
        let stamped = |days: &str| {
            let fetched = Fetched::parse(&format!("{{{days}, \"prose\": {{}}}}")).unwrap();
            let mut document = json!({});
            fetched.stamp(&json!({}), &mut document);
            let stamp = document["info"][CONTRACT].clone();
            (stamp["captured"].clone(), stamp["taken_over"].clone())
        };
        assert_eq!(
            stamped(r#""captured": "2026-07", "taken_over": "2026-11-22""#),
            (json!("2026-07"), json!("2026-11-22"))
        );
        assert_eq!(
            stamped(r#""taken_over": "2026-11-22""#),
            (Value::Null, json!("2026-11-22"))
        );
    }
}
