//! What did not fit: a field of a record, or a record of a list.
//!
//! A value that does not fit its field costs that field alone: the record is decoded as if
//! the field were absent, and an [`OddField`] describes the value. Each of them is given to
//! the callback of [`ClientBuilder::on_odd_field`](crate::ClientBuilder::on_odd_field). The
//! first one of an operation and path is logged as a warning, and after that at most one a
//! minute, with how many there were. A record that cannot be decoded at all, because it has
//! no `id`, is an [`OddRecord`].

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use crate::fit::Removed;

/// The least time between two warnings about one operation and path.
const QUIET: Duration = Duration::from_secs(60);
/// How many pairs of operation and path have warnings of their own; all others share one.
const TOLD_APART: usize = 1_000;

/// A value that did not fit its field, which is as if it were absent.
///
/// The text names the operation, the path and the record, and what was expected; it does
/// not show the value, which may be private.
#[derive(Clone, Debug, PartialEq)]
pub struct OddField {
    pub(crate) operation: &'static str,
    pub(crate) record_id: Option<i64>,
    pub(crate) path: String,
    pub(crate) json: Value,
    pub(crate) problem: String,
}

impl OddField {
    /// The name of the call, such as `list_agents`.
    pub fn operation(&self) -> &'static str {
        self.operation
    }

    /// The `id` of the record with this field; `None` where the record has none.
    pub fn record_id(&self) -> Option<i64> {
        self.record_id
    }

    /// Where it stands in the answer, as `agents[3].organization_id`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The value as it came.
    pub fn json(&self) -> &Value {
        &self.json
    }

    /// What was expected and what came, without the value.
    pub fn problem(&self) -> &str {
        &self.problem
    }
}

impl fmt::Display for OddField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: `{}`", self.operation, self.path)?;
        if let Some(id) = self.record_id {
            write!(f, " (record {id})")?;
        }
        write!(f, ": {}; it is left out", self.problem)
    }
}

/// A record of a list that could not be decoded, although the others of its page could.
///
/// Its text names the place, the `id` where there is one, and what is wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct OddRecord {
    pub(crate) index: usize,
    pub(crate) id: Option<i64>,
    pub(crate) path: String,
    pub(crate) json: String,
    pub(crate) problem: String,
}

impl OddRecord {
    /// Where it stands among the records of its page, from 0.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Its `id`, where it has a usable one.
    pub fn id(&self) -> Option<i64> {
        self.id
    }

    /// Where in the answer the fault is: `agents[3]`, or a place below it.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The record as it came.
    pub fn json(&self) -> &str {
        &self.json
    }

    /// What is wrong with it.
    pub fn problem(&self) -> &str {
        &self.problem
    }
}

impl fmt::Display for OddRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.path)?;
        match self.id {
            Some(id) => write!(f, " (record {id})")?,
            None => f.write_str(" (without an id)")?,
        }
        write!(f, ": {}", self.problem)
    }
}

/// What was taken out of one record, and where the record stands.
#[derive(Debug, PartialEq)]
pub(crate) struct OddParts {
    /// `agents[3]`, or nothing.
    pub(crate) place: String,
    pub(crate) record_id: Option<i64>,
    pub(crate) removed: Vec<Removed>,
}

impl OddParts {
    pub(crate) fn into_fields(self, operation: &'static str) -> impl Iterator<Item = OddField> {
        let Self {
            place,
            record_id,
            removed,
        } = self;
        removed.into_iter().map(move |removed| OddField {
            operation,
            record_id,
            path: joined(&place, &removed.path),
            json: removed.json,
            problem: removed.problem,
        })
    }
}

/// The path of a part of a place.
pub(crate) fn joined(place: &str, path: &str) -> String {
    match (place, path) {
        ("", path) | (path, "") => path.to_owned(),
        (place, path) if path.starts_with('[') => format!("{place}{path}"),
        (place, path) => format!("{place}.{path}"),
    }
}

type Callback = Arc<dyn Fn(&OddField) + Send + Sync>;

/// Where odd fields are reported; shared by all clones of a client.
#[derive(Clone, Default)]
pub(crate) struct Teller {
    callback: Option<Callback>,
    warned: Arc<Mutex<Warned>>,
}

/// By operation and path: when a warning was last logged, and how many fields came since.
#[derive(Default)]
struct Warned(HashMap<(&'static str, String), (Instant, u64)>);

impl Teller {
    pub(crate) fn new(callback: impl Fn(&OddField) + Send + Sync + 'static) -> Self {
        Self {
            callback: Some(Arc::new(callback)),
            warned: Arc::default(),
        }
    }

    pub(crate) fn tell(&self, field: &OddField) {
        let due = self
            .warned
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .due(field.operation, kind_of_path(&field.path), Instant::now());
        if let Some(count) = due {
            tracing::warn!(
                operation = field.operation,
                record_id = field.record_id,
                path = field.path,
                problem = field.problem,
                count,
                "a value does not fit its field and is left out"
            );
        }
        if let Some(callback) = &self.callback {
            callback(field);
        }
    }
}

impl Warned {
    /// Whether to warn now, and of how many such fields since the last warning.
    fn due(&mut self, operation: &'static str, path: String, now: Instant) -> Option<u64> {
        let full = self.0.len() >= TOLD_APART;
        let mut key = (operation, path);
        if full && !self.0.contains_key(&key) {
            key = ("", String::new());
        }
        match self.0.get_mut(&key) {
            Some((last, count)) if now < *last + QUIET => {
                *count += 1;
                None
            }
            Some((last, count)) => {
                *last = now;
                Some(std::mem::take(count) + 1)
            }
            None => {
                self.0.insert(key, (now, 0));
                Some(1)
            }
        }
    }
}

/// `agents[3].tags[0]` as `agents[].tags[]`.
fn kind_of_path(path: &str) -> String {
    let mut kind = String::with_capacity(path.len());
    let mut inside = false;
    for character in path.chars() {
        inside &= character != ']';
        if !inside {
            kind.push(character);
        }
        inside |= character == '[';
    }
    kind
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_warning_an_operation_and_path_a_minute_with_a_count() {
        let (mut warned, start) = (Warned::default(), Instant::now());
        let mut due = |path: &str, seconds| {
            let now = start + Duration::from_secs(seconds);
            warned.due("list_agents", kind_of_path(path), now)
        };
        assert_eq!(due("agents[0].tags[1]", 0), Some(1));
        assert_eq!(due("agents[7].tags[0]", 1), None);
        assert_eq!(due("agents[7].os", 1), Some(1));
        assert_eq!(due("agents[8].tags[0]", 59), None);
        assert_eq!(due("agents[9].tags[0]", 60), Some(3));
        assert_eq!(due("agents[9].tags[0]", 61), None);
    }

    #[test]
    fn what_is_told_apart_is_bounded() {
        let (mut warned, start) = (Warned::default(), Instant::now());
        let fresh = |n: usize| format!("agents[].map.key{n}");
        let told = (0..5_000).filter(|n| warned.due("list_agents", fresh(*n), start).is_some());
        assert_eq!(told.count(), TOLD_APART + 1);
        assert_eq!(warned.0.len(), TOLD_APART + 1);
    }
}
