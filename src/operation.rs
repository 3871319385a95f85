//! What a call is, for errors and logs.

use std::fmt;

use crate::error::{Error, Kind};
use crate::rate_limit::Lane;
use crate::retry::Access;

/// An operation of the API: its name here, its method and its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Operation {
    pub(crate) id: &'static str,
    method: &'static str,
    path: &'static str,
    access: Access,
    /// The caller said that this write may be sent twice.
    retry_writes: bool,
    /// The managed account it is called for.
    account_id: Option<i64>,
}

impl Operation {
    pub(crate) const fn new(
        id: &'static str,
        access: Access,
        method: &'static str,
        path: &'static str,
    ) -> Self {
        Self {
            id,
            method,
            path,
            access,
            retry_writes: false,
            account_id: None,
        }
    }

    pub(crate) const fn for_account(self, account_id: Option<i64>) -> Self {
        Self { account_id, ..self }
    }

    pub(crate) const fn with_retries(self, retry_writes: bool) -> Self {
        Self {
            retry_writes,
            ..self
        }
    }

    pub(crate) fn account_id(self) -> Option<i64> {
        self.account_id
    }

    /// Where it waits for the quota.
    pub(crate) fn lane(self) -> Lane {
        match self.access {
            Access::Read | Access::Query => Lane::Read,
            Access::Write => Lane::Write,
        }
    }

    /// What sending it twice would be.
    pub(crate) fn access(self) -> Access {
        match self.access {
            Access::Write if self.retry_writes => Access::Read,
            access => access,
        }
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
