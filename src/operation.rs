//! What a call is, for errors and logs.

use std::fmt;

use crate::error::{Error, Kind};
use crate::rate_limit::Lane;

/// An operation of the API: its name here, its method and its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Operation {
    pub(crate) id: &'static str,
    method: &'static str,
    path: &'static str,
    lane: Lane,
    /// The managed account it is called for.
    account_id: Option<i64>,
}

impl Operation {
    pub(crate) const fn read(id: &'static str, method: &'static str, path: &'static str) -> Self {
        Self::new(id, method, path, Lane::Read)
    }

    pub(crate) const fn write(id: &'static str, method: &'static str, path: &'static str) -> Self {
        Self::new(id, method, path, Lane::Write)
    }

    const fn new(id: &'static str, method: &'static str, path: &'static str, lane: Lane) -> Self {
        Self {
            id,
            method,
            path,
            lane,
            account_id: None,
        }
    }

    pub(crate) const fn for_account(self, account_id: Option<i64>) -> Self {
        Self { account_id, ..self }
    }

    /// Whether it waits for the quota among the reads or the writes.
    pub(crate) fn lane(self) -> Lane {
        self.lane
    }

    /// The error for input that is refused before a request is sent.
    pub(crate) fn refuse(self, problem: String) -> Error {
        Error::new(Kind::Refused(problem)).of(self)
    }

    /// The error for a request that reqwest could not build, with its reason.
    pub(crate) fn unbuildable(self, error: &reqwest::Error) -> Error {
        self.refuse(format!(
            "the request cannot be built: {}",
            crate::error::innermost(error)
        ))
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id)?;
        if let Some(account) = self.account_id {
            write!(f, " for account {account}")?;
        }
        write!(f, " ({} {})", self.method, self.path)
    }
}
