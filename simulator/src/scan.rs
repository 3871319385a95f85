//! How a list is gone through: its order, where a page begins, what it keeps.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::Value;

use crate::lives::due;
use crate::world::AgentFacts;

/// What rows are sorted by, and their numbers.
pub(crate) type Order = Arc<Vec<(Key, usize)>>;

/// What a list is sorted by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    Null,
    Number(i64),
    Text(String),
}

impl Key {
    /// Of a field of a row; moments in time sort as what they are. What a row does not
    /// show, such as when an account was made, leaves the order to its id.
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
            Value::String(text) => match text.parse::<jiff::Timestamp>() {
                Ok(at) => Self::Number(at.as_millisecond()),
                Err(_) => Self::Text(text.clone()),
            },
            _ => Self::Null,
        }
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

/// A row on its way out.
pub(crate) enum Row {
    Text(String),
    Value(Value),
}

impl Row {
    pub(crate) fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => text.into(),
            Self::Value(value) => value.to_string().into(),
        }
    }

    pub(crate) fn into_value(self) -> Value {
        match self {
            Self::Text(text) => serde_json::from_str(&text).expect("a row is JSON"),
            Self::Value(value) => value,
        }
    }
}

/// What a scan looks for.
pub(crate) struct Filter<A, R> {
    /// What can be told of an agent before it is made.
    pub(crate) agent: A,
    /// Whether that is all there is to tell.
    pub(crate) agent_tells_all: bool,
    /// Any row.
    pub(crate) row: R,
}

/// Takes all.
pub(crate) fn everything() -> Filter<impl Fn(&AgentFacts) -> bool, impl Fn(&Value) -> bool> {
    Filter {
        agent: |_: &AgentFacts| true,
        agent_tells_all: true,
        row: |_: &Value| true,
    }
}

/// Goes through a sorted list from a row on, either way.
pub(crate) struct Walk<F> {
    key_at: F,
    descending: bool,
    /// Places that are left.
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

    pub(crate) fn peek(&self) -> Option<(Key, i64)> {
        if self.left.is_empty() {
            None
        } else if self.descending {
            Some((self.key_at)(self.left.end - 1))
        } else {
            Some((self.key_at)(self.left.start))
        }
    }

    /// The next place, which must be there, and its key.
    pub(crate) fn next(&mut self) -> (usize, (Key, i64)) {
        let place = if self.descending {
            self.left.end -= 1;
            self.left.end
        } else {
            self.left.start += 1;
            self.left.start - 1
        };
        (place, (self.key_at)(place))
    }
}
