//! A record with what a walk must know of it: when it was changed, and whether it is the same
//! as one that was given out before.

use jiff::Timestamp;
use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error as _};
use serde_json::Value;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use crate::fit::{Fit, Misfit, Odd};
use crate::timestamp;

/// One state of one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    /// Its `updated_at`, where there is a readable one.
    pub(crate) at: Option<Timestamp>,
    /// Of its whole JSON, its id and date included. Two changes within one second have the
    /// same date if the server shows whole seconds, so the two alone do not tell them apart.
    pub(crate) digest: u64,
}

impl Version {
    /// Of a record as it came, whether or not it can be decoded.
    pub(crate) fn of(json: &str) -> Self {
        #[derive(serde::Deserialize)]
        struct Dated {
            updated_at: Option<Value>,
        }
        let dated: Option<Dated> = serde_json::from_str(json).ok();
        let at = dated.and_then(|dated| timestamp::read(&dated.updated_at?));
        Self {
            at,
            digest: digest(json.as_bytes()),
        }
    }
}

/// The same in every release, since cursors hold it. Others write parts of what is digested,
/// so it must not be easy to make two texts of one digest.
pub(super) fn digest(bytes: &[u8]) -> u64 {
    let hash = Sha256::digest(bytes);
    let first = hash[..].first_chunk().copied().unwrap_or_default();
    u64::from_le_bytes(first)
}

/// A record that was decoded, and its version.
pub(crate) struct Row<T> {
    pub(crate) item: T,
    pub(crate) version: Version,
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Row<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Box::<RawValue>::deserialize(deserializer)?;
        Ok(Self {
            item: serde_json::from_str(json.get()).map_err(D::Error::custom)?,
            version: Version::of(json.get()),
        })
    }
}

impl<T: Fit> Fit for Row<T> {
    fn fit(value: &mut Value, odd: &mut Odd) -> Result<(), Misfit> {
        T::fit(value, odd)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_is_read_from_a_record_that_does_not_decode() {
        let at = |json| Version::of(json).at.map(|at| at.to_string());
        let date = Some("2026-06-01T12:00:00Z".to_owned());
        assert_eq!(
            at(r#"{"id":"x","updated_at":"2026-06-01T12:00:00Z"}"#),
            date
        );
        assert_eq!(at(r#"{"updated_at":"2026-06-01 12:00:00 UTC"}"#), date);
        assert_eq!(at(r#"{"updated_at":1780315200}"#), date);
        for json in [
            r#"{"updated_at":null}"#,
            r#"{"updated_at":"soon"}"#,
            "{}",
            "7",
        ] {
            assert_eq!(at(json), None, "{json}");
        }
    }

    #[test]
    fn the_digest_stays_and_tells_two_changes_of_one_second_apart() {
        let digest = |json| Version::of(json).digest;
        assert_eq!(digest("{}"), 0x8a67_b355_a36f_1344);
        let one = r#"{"id":7,"updated_at":"2026-06-01T12:00:00Z","status":"sent"}"#;
        assert_ne!(digest(one), digest(&one.replace("sent", "closed")));
    }
}
