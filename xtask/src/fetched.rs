//! `spec/fetched.json`: what is known of a fetch beside the contract.
//!
//! The day it was made, which the crate tells as `API_CONTRACT`, and a digest of each text
//! of the vendor's, by which a comparison counts how many of them have changed. The day
//! stays while the contract stays.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::contract;

/// Its name in the `spec` folder.
pub const FILE: &str = "fetched.json";

/// The key under `info` of `openapi.json` that says which contract it was made of.
pub const CONTRACT: &str = "x-huntress-contract";

/// See the module's text.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fetched {
    /// The day (UTC) on which the contract was first seen as it is.
    pub date: Date,
    /// For each document, the digests of [`contract::prose`].
    pub prose: BTreeMap<String, BTreeMap<String, String>>,
}

impl Fetched {
    /// Parses the file.
    pub fn parse(text: &str) -> Result<Self> {
        serde_json::from_str(text).with_context(|| format!("{FILE} cannot be read"))
    }

    /// The text of the file.
    pub fn text(&self) -> String {
        let value = serde_json::to_value(self).expect("strings and maps are JSON");
        crate::json::canonical_text(value)
    }

    /// Writes into `document` which contract it was made of.
    pub fn stamp(&self, contract: &Value, document: &mut Value) {
        document["info"][CONTRACT] = json!({
            "digest": format!("sha256:{}", contract::digest(contract, 64)),
            "fetched": self.date.to_string(),
        });
    }
}

/// Today's date in UTC.
pub fn today() -> Date {
    jiff::Timestamp::now()
        .to_zoned(jiff::tz::TimeZone::UTC)
        .date()
}
