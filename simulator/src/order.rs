//! The order of a list, and how it is walked through from a row on, either way.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::dates;
use crate::made::escalations::due;

/// What rows are sorted by, and their numbers.
pub(crate) type Order = Arc<Vec<(Key, usize)>>;

/// What one row is sorted by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Key {
    Null,
    Number(i64),
    Text(String),
}

impl Key {
    /// What a row is sorted by in the order of a field. Moments are sorted as moments. Where a
    /// row does not show the field, such as when an account was made, its id decides.
    pub(crate) fn of(row: &Value, field: &str) -> Self {
        let value = match field {
            // From the least to the most.
            "severity" => {
                let weights = ["low", "high", "critical"];
                let weight = |severity| weights.iter().position(|weight| *weight == severity);
                let weight = row[field].as_str().and_then(weight);
                return weight.map_or(Self::Null, |weight| Self::Number(weight as i64));
            }
            "due_at" => return due(row).map_or(Self::Null, Self::Number),
            "user_id" => &row["user"]["id"],
            "minimum" => &row["minimum_usage"],
            _ => &row[field],
        };
        match value {
            Value::Number(number) => Self::Number(number.as_i64().unwrap_or_default()),
            Value::Bool(is) => Self::Number(i64::from(*is)),
            Value::String(text) => match dates::read(value) {
                Some(at) => Self::Number(at.as_millisecond()),
                None => Self::Text(text.clone()),
            },
            _ => Self::Null,
        }
    }
}

/// What a page token does with rows of one second, where a list is in the order of a time.
///
/// The tokens of the API seem to hold a time in whole seconds, so that a page may begin in
/// the middle of a second only by luck. A program that follows the changes of a list must
/// lose nothing with any of these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ties {
    /// The next page begins with the next row, whatever its time.
    #[default]
    Exact,
    /// The next page begins with the next second: what is left of this one is on no page.
    Skip,
    /// The next page begins with this second again, and so some rows are on two pages.
    Repeat,
}

impl Ties {
    /// Where the page after a row begins, in the order of a field: behind this place.
    pub(crate) fn place(self, after: (Key, i64), field: &str, descending: bool) -> (Key, i64) {
        let (Key::Number(moment), true) = (&after.0, ["created_at", "updated_at"].contains(&field))
        else {
            return after;
        };
        let second = moment.div_euclid(1_000) * 1_000;
        let (first, last) = ((second, i64::MIN), (second + 999, i64::MAX));
        let (moment, id) = match (self, descending) {
            (Self::Exact, _) => return after,
            (Self::Skip, true) | (Self::Repeat, false) => first,
            (Self::Skip, false) | (Self::Repeat, true) => last,
        };
        (Key::Number(moment), id)
    }
}

/// How to go through a list.
pub(crate) struct Scan<'a> {
    pub(crate) sort_field: &'a str,
    pub(crate) descending: bool,
    /// The last row that was seen.
    pub(crate) after: Option<(Key, i64)>,
    pub(crate) limit: usize,
}

impl Scan<'_> {
    /// So many rows, the oldest first.
    pub(crate) fn oldest(limit: usize) -> Self {
        Self {
            sort_field: "id",
            descending: false,
            after: None,
            limit,
        }
    }
}

/// The places of a sorted list that are still to be visited, from either end.
pub(crate) struct Walk<F> {
    key_at: F,
    descending: bool,
    left: std::ops::Range<usize>,
}

impl<F: Fn(usize) -> (Key, i64)> Walk<F> {
    pub(crate) fn new(size: usize, scan: &Scan, key_at: F) -> Self {
        let mut left = 0..size;
        if let Some(after) = &scan.after {
            // The first place that is not before (or, going up, not at or before) the row.
            let (mut low, mut high) = (0, size);
            while low < high {
                let middle = usize::midpoint(low, high);
                let key = key_at(middle);
                let before = if scan.descending {
                    key < *after
                } else {
                    key <= *after
                };
                if before {
                    low = middle + 1;
                } else {
                    high = middle;
                }
            }
            left = if scan.descending { 0..low } else { low..size };
        }
        Self {
            key_at,
            descending: scan.descending,
            left,
        }
    }

    /// The key of the next place.
    pub(crate) fn peek(&self) -> Option<(Key, i64)> {
        if self.left.is_empty() {
            None
        } else if self.descending {
            Some((self.key_at)(self.left.end - 1))
        } else {
            Some((self.key_at)(self.left.start))
        }
    }

    /// The next place, which must be there.
    pub(crate) fn next(&mut self) -> usize {
        if self.descending {
            self.left.end -= 1;
            self.left.end
        } else {
            self.left.start += 1;
            self.left.start - 1
        }
    }
}
