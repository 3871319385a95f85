//! What has arrived and what was answered, for the test that looks back.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde_json::Value;

/// How often each operation answered with which status, by method and path as in the
/// document, such as `GET /v1/accounts/{account_id}/agents`.
pub type Answered = BTreeMap<String, BTreeMap<u16, usize>>;

/// A write that arrived with the right key, within the quota and with a sound body.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Write {
    /// The operation, such as `isolate_agent`.
    pub operation: String,
    /// The account it was for.
    pub account_id: i64,
    /// The ids of its path, without the account's.
    pub ids: Vec<i64>,
    /// Its body; null where it has none.
    pub body: Value,
    /// The status that was answered. From 200 to 299 it changed something.
    pub status: u16,
}

#[derive(Default)]
pub(crate) struct Record {
    writes: Mutex<Vec<Write>>,
    answered: Mutex<Answered>,
}

impl Record {
    pub(crate) fn write(&self, write: Write) {
        lock(&self.writes).push(write);
    }

    /// Counts an answer of the operation at a place.
    pub(crate) fn answer(&self, place: &str, status: u16) {
        let mut answered = lock(&self.answered);
        let statuses = answered.entry(place.to_owned()).or_default();
        *statuses.entry(status).or_default() += 1;
    }

    pub(crate) fn writes(&self) -> Vec<Write> {
        lock(&self.writes).clone()
    }

    pub(crate) fn answered(&self) -> Answered {
        lock(&self.answered).clone()
    }

    pub(crate) fn clear(&self) {
        lock(&self.writes).clear();
        lock(&self.answered).clear();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
