//! How far a log was read, in a form that can be kept.
//!
//! A checkpoint has the end of the last complete window, and the uuids of the rows that a
//! later range may show again, since ranges overlap. It does not need the time of a row,
//! which a query need not keep: a row of a window is no later than the window's end, so its
//! uuid is forgotten when ranges begin after that.

use std::collections::{BTreeMap, HashMap};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How far a log was read: up to where all rows were given out, and which rows will be
/// recognised if they come again.
///
/// Keep it with what the rows became, and go on with
/// [`Query::from`](super::Query::from). It stays good whatever
/// [`window`](super::Query::window) and [`lag`](super::Query::lag) are later. It belongs to
/// one query: with another `WHERE`, lines that the old one left out are not asked for again.
///
/// Its size is about 22 bytes for each row of the last overlap and window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(into = "Saved", try_from = "Saved")]
pub struct Checkpoint {
    /// Nothing before this was asked for.
    pub(crate) origin: i64,
    /// The end of the last complete window.
    pub(crate) done: i64,
    /// The rows that may come again, each with a time after which it cannot be.
    pub(crate) seen: HashMap<RowId, i64>,
}

/// What a row is recognised by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum RowId {
    Uuid(u128),
    /// Any other text.
    Text(String),
}

impl Checkpoint {
    pub(crate) fn new(origin: i64) -> Self {
        Self {
            origin,
            done: origin,
            seen: HashMap::new(),
        }
    }

    /// Up to when the log was read: all rows of complete windows are before this or at it.
    pub fn complete_until(&self) -> Timestamp {
        moment(self.done)
    }
}

/// A whole second as a moment. Those of a walk came out of moments.
pub(crate) fn moment(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap_or(if second < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}

impl RowId {
    pub(crate) fn new(text: String) -> Self {
        match uuid(&text) {
            Some(uuid) => Self::Uuid(uuid),
            None => Self::Text(text),
        }
    }
}

/// The number of a uuid, where it is written as usual: no other text has the same.
fn uuid(text: &str) -> Option<u128> {
    let hyphens = [8, 13, 18, 23];
    let usual = text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match byte {
            b'-' => hyphens.contains(&at),
            b'0'..=b'9' | b'a'..=b'f' => !hyphens.contains(&at),
            _ => false,
        });
    let digits = || text.replace('-', "");
    usual.then(|| u128::from_str_radix(&digits(), 16).ok())?
}

/// The form that is kept.
#[derive(Serialize, Deserialize)]
struct Saved {
    origin: Timestamp,
    complete_until: Timestamp,
    #[serde(default)]
    seen: Vec<SavedRows>,
}

/// Rows that are no later than a moment.
#[derive(Default, Serialize, Deserialize)]
struct SavedRows {
    until: Timestamp,
    /// 16 bytes each, one after the other, in base64.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    uuids: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    others: Vec<String>,
}

impl From<Checkpoint> for Saved {
    fn from(checkpoint: Checkpoint) -> Self {
        let mut rows: Vec<_> = checkpoint.seen.into_iter().collect();
        // The same checkpoint is the same text.
        rows.sort_unstable();
        let mut seen: BTreeMap<i64, (Vec<u8>, Vec<String>)> = BTreeMap::new();
        for (row, until) in rows {
            let (uuids, others) = seen.entry(until).or_default();
            match row {
                RowId::Uuid(uuid) => uuids.extend(uuid.to_be_bytes()),
                RowId::Text(text) => others.push(text),
            }
        }
        let seen = seen.into_iter().map(|(until, (uuids, others))| SavedRows {
            until: moment(until),
            uuids: STANDARD_NO_PAD.encode(uuids),
            others,
        });
        Self {
            origin: moment(checkpoint.origin),
            complete_until: moment(checkpoint.done),
            seen: seen.collect(),
        }
    }
}

impl TryFrom<Saved> for Checkpoint {
    type Error = String;

    fn try_from(saved: Saved) -> Result<Self, String> {
        let mut seen = HashMap::new();
        for SavedRows {
            until,
            uuids,
            others,
        } in saved.seen
        {
            let bytes = STANDARD_NO_PAD.decode(uuids);
            let bytes = bytes.map_err(|error| format!("its `uuids` are not base64: {error}"))?;
            let (uuids, rest) = bytes.as_chunks::<16>();
            if !rest.is_empty() {
                return Err("its `uuids` break off".to_owned());
            }
            let uuids = uuids
                .iter()
                .map(|uuid| RowId::Uuid(u128::from_be_bytes(*uuid)));
            let rows = uuids.chain(others.into_iter().map(RowId::Text));
            seen.extend(rows.map(|row| (row, until.as_second())));
        }
        let (origin, done) = (saved.origin.as_second(), saved.complete_until.as_second());
        if done < origin {
            return Err("it is complete until before its origin".to_owned());
        }
        Ok(Self { origin, done, seen })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_comes_back_as_it_was_and_is_small() {
        let mut checkpoint = Checkpoint::new(1_767_225_600);
        checkpoint.done += 3_600;
        for (number, until) in [(1, 100), (2, 100), (3, 200)] {
            let uuid = format!("019b0000-0000-7000-8000-{number:012x}");
            let until = checkpoint.origin + until;
            checkpoint.seen.insert(RowId::new(uuid), until);
        }
        let odd = RowId::new("no uuid".to_owned());
        checkpoint.seen.insert(odd, checkpoint.done);
        let json = serde_json::to_string(&checkpoint).unwrap();
        assert_eq!(
            json,
            concat!(
                r#"{"origin":"2026-01-01T00:00:00Z","complete_until":"2026-01-01T01:00:00Z","seen":["#,
                r#"{"until":"2026-01-01T00:01:40Z","uuids":"AZsAAAAAcACAAAAAAAAAAQGbAAAAAHAAgAAAAAAAAAI"},"#,
                r#"{"until":"2026-01-01T00:03:20Z","uuids":"AZsAAAAAcACAAAAAAAAAAw"},"#,
                r#"{"until":"2026-01-01T01:00:00Z","others":["no uuid"]}]}"#
            )
        );
        assert_eq!(
            serde_json::from_str::<Checkpoint>(&json).unwrap(),
            checkpoint
        );
    }

    #[test]
    fn only_the_usual_spelling_of_a_uuid_is_a_number() {
        let usual = "019b0000-0000-7000-8000-00000000000a";
        assert_eq!(uuid(usual), Some(0x019b_0000_0000_7000_8000_0000_0000_000a));
        for other in [
            "019B0000-0000-7000-8000-00000000000A",
            "019b00000000-7000-8000-00000000000a-",
            "019b0000000070008000000000000000000a",
            "+19b0000-0000-7000-8000-00000000000a",
            "019b0000-0000-7000-8000-00000000000",
            "",
        ] {
            assert_eq!(uuid(other), None, "{other}");
        }
    }

    #[test]
    fn a_spoilt_checkpoint_is_refused() {
        for (json, why) in [
            (
                r#"{"origin":"2026-01-02T00:00:00Z","complete_until":"2026-01-01T00:00:00Z"}"#,
                "before its origin",
            ),
            (
                r#"{"origin":"2026-01-01T00:00:00Z","complete_until":"2026-01-01T00:00:00Z","seen":[{"until":"2026-01-01T00:00:00Z","uuids":"AZs"}]}"#,
                "break off",
            ),
            (
                r#"{"origin":"2026-01-01T00:00:00Z","complete_until":"2026-01-01T00:00:00Z","seen":[{"until":"2026-01-01T00:00:00Z","uuids":"!"}]}"#,
                "not base64",
            ),
        ] {
            let error = serde_json::from_str::<Checkpoint>(json).unwrap_err();
            assert!(error.to_string().contains(why), "{error}");
        }
    }
}
