//! How far a program has followed a list: a moment of the server's, and which rows around it
//! it has had.
//!
//! As text it is `1/<moment or ->/<base64>`: the version of the form, the boundary, and the
//! digests of the rows with eight bytes that show whether the text is whole.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::row::digest;

/// How far a program has followed a list; where `changed_since` goes on.
///
/// It is opaque, and it is kept as text: by [`Display`](fmt::Display) and [`FromStr`] in a
/// file or a column of a database, or by serde as a string. It belongs to one list with one
/// set of filters: another list, or more of this one, needs another cursor.
///
/// It holds the newest `updated_at` that the last walk began with, and a digest of 8 bytes of
/// each record that the walk met within the overlap before that moment and after it. So its
/// text has about 11 characters for each record that was changed in the last 5 minutes
/// before the newest change: usually less than a kilobyte, 110 kB where 10,000 records were
/// changed at once.
///
/// ```
/// use huntress::{Cursor, jiff::Timestamp};
///
/// let start: Timestamp = "2026-06-01T12:00:00Z".parse().unwrap();
/// let cursor = Cursor::from(start);
/// let kept = cursor.to_string();
/// assert_eq!(kept.parse::<Cursor>().unwrap(), cursor);
/// assert_eq!(cursor.boundary(), Some(start));
/// assert!("1/2026-06-01T12:00:00Z/cut of".parse::<Cursor>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cursor {
    boundary: Option<Timestamp>,
    /// Sorted.
    seen: Vec<u64>,
}

/// Why a text is not a [`Cursor`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CursorError(&'static str);

/// The version of the form.
const VERSION: &str = "1";
/// Stands for the beginning.
const BEGINNING: &str = "-";

impl Cursor {
    /// Before everything: the first walk reads the whole list.
    pub fn beginning() -> Self {
        Self {
            boundary: None,
            seen: Vec::new(),
        }
    }

    /// The first walk reads what was changed at this moment or later, and also what was
    /// changed within the overlap before it.
    pub fn at(moment: Timestamp) -> Self {
        Self {
            boundary: Some(moment),
            seen: Vec::new(),
        }
    }

    /// The newest `updated_at` of what was met, by the server's clock; `None` at the
    /// beginning. It says how far behind a program is, and nothing else: what is newer is
    /// known by the whole cursor alone.
    pub fn boundary(&self) -> Option<Timestamp> {
        self.boundary
    }

    pub(super) fn new(boundary: Timestamp, seen: impl Iterator<Item = u64>) -> Self {
        let mut seen: Vec<_> = seen.collect();
        seen.sort_unstable();
        seen.dedup();
        Self {
            boundary: Some(boundary),
            seen,
        }
    }

    /// Whether the row of this digest was given out before.
    pub(super) fn has(&self, digest: u64) -> bool {
        self.seen.binary_search(&digest).is_ok()
    }

    fn boundary_text(&self) -> String {
        let boundary = self.boundary.as_ref();
        boundary.map_or_else(|| BEGINNING.to_owned(), Timestamp::to_string)
    }

    /// What shows that a text is whole.
    fn checksum(&self, digests: &[u8]) -> [u8; 8] {
        let mut all = self.boundary_text().into_bytes();
        all.extend(digests);
        digest(&all).to_le_bytes()
    }
}

impl From<Timestamp> for Cursor {
    fn from(moment: Timestamp) -> Self {
        Self::at(moment)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes: Vec<u8> = self
            .seen
            .iter()
            .flat_map(|seen| seen.to_le_bytes())
            .collect();
        bytes.extend(self.checksum(&bytes));
        let encoded = URL_SAFE_NO_PAD.encode(bytes);
        write!(f, "{VERSION}/{}/{encoded}", self.boundary_text())
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let mut parts = text.splitn(3, '/');
        let (Some(version), Some(boundary), Some(encoded)) =
            (parts.next(), parts.next(), parts.next())
        else {
            return Err(CursorError("it does not have the form of one"));
        };
        if version != VERSION {
            return Err(CursorError(
                "it is of a form that this release does not know",
            ));
        }
        let boundary = match boundary {
            BEGINNING => None,
            moment => Some(
                moment
                    .parse()
                    .map_err(|_| CursorError("its boundary is not a moment"))?,
            ),
        };
        let broken = CursorError("it is cut off or was changed");
        let bytes = URL_SAFE_NO_PAD
            .decode(encoded)
            .map_err(|_| broken.clone())?;
        let (digests, checksum) = bytes
            .split_last_chunk::<8>()
            .ok_or_else(|| broken.clone())?;
        let (chunks, rest) = digests.as_chunks::<8>();
        let cursor = Self {
            boundary,
            seen: chunks.iter().copied().map(u64::from_le_bytes).collect(),
        };
        let whole = rest.is_empty() && cursor.checksum(digests) == *checksum;
        if whole && cursor.seen.is_sorted() {
            Ok(cursor)
        } else {
            Err(broken)
        }
    }
}

impl fmt::Display for CursorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the text is not a cursor: {}; keep what `to_string` of a cursor gives, or begin \
             again with `Cursor::at` or `Cursor::beginning`",
            self.0
        )
    }
}

impl std::error::Error for CursorError {}

impl Serialize for Cursor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> Cursor {
        let boundary = "2026-06-01T12:00:00.123Z".parse().unwrap();
        Cursor::new(boundary, [7, 5, 7, u64::MAX].into_iter())
    }

    #[test]
    fn a_cursor_survives_its_text_and_serde() {
        for cursor in [
            some(),
            Cursor::beginning(),
            Cursor::at(Timestamp::UNIX_EPOCH),
        ] {
            assert_eq!(cursor.to_string().parse::<Cursor>().unwrap(), cursor);
            let json = serde_json::to_string(&cursor).unwrap();
            assert_eq!(serde_json::from_str::<Cursor>(&json).unwrap(), cursor);
        }
        assert!(some().has(5) && some().has(7) && !some().has(6));
    }

    /// A column that is too short cuts a text off without a word.
    #[test]
    fn a_text_that_lacks_or_changes_anything_is_an_error() {
        let text = some().to_string();
        for end in 0..text.len() {
            assert!(text[..end].parse::<Cursor>().is_err(), "{}", &text[..end]);
        }
        for place in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[place] = if bytes[place] == b'1' { b'2' } else { b'1' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(changed.parse::<Cursor>().is_err(), "{changed}");
        }
        let error = "2/-/AAAA".parse::<Cursor>().unwrap_err();
        assert!(
            error.to_string().contains("this release does not know"),
            "{error}"
        );
    }

    #[test]
    fn the_form_stays_so_that_a_new_release_reads_what_an_old_one_kept() {
        let kept = some().to_string();
        let start = "1/2026-06-01T12:00:00.123Z/BQAAAAAAAAAHAAAAAAAAAP__________";
        assert!(kept.starts_with(start), "{kept}");
        assert_eq!(kept.len(), start.len() + 11);
    }
}
