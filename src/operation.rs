//! What a call is, for errors and logs.

use std::borrow::Cow;
use std::fmt;

use http::Method;

use crate::rate_limit::Lane;
use crate::retry::Access;

/// An operation of the API: its name here, its method and its path.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) id: &'static str,
    pub(crate) method: Method,
    /// With its parameters in braces.
    pub(crate) template: Cow<'static, str>,
    access: Access,
    retry_writes: bool,
    /// The managed account it is called for.
    account_id: Option<i64>,
    /// The path of the request, once that is made.
    path: Option<String>,
}

impl Operation {
    pub(crate) const fn new(
        id: &'static str,
        access: Access,
        method: Method,
        template: &'static str,
    ) -> Self {
        Self {
            id,
            method,
            template: Cow::Borrowed(template),
            access,
            retry_writes: false,
            account_id: None,
            path: None,
        }
    }

    /// An operation that is in no document.
    pub(crate) fn unlisted(access: Access, method: Method, path: String) -> Self {
        let template = Cow::Owned(path);
        Self {
            template,
            ..Self::new("request", access, method, "")
        }
    }

    pub(crate) fn for_account(mut self, account_id: Option<i64>) -> Self {
        if account_id.is_some() {
            let below = self
                .template
                .replacen("/v1/", "/v1/accounts/{account_id}/", 1);
            (self.account_id, self.template) = (account_id, Cow::Owned(below));
        }
        self
    }

    pub(crate) fn with_retries(self, retry_writes: bool) -> Self {
        Self {
            retry_writes,
            ..self
        }
    }

    /// The same, with the path that its request asks for.
    pub(crate) fn at(mut self, path: &str) -> Self {
        self.path = Some(path.to_owned());
        self
    }

    pub(crate) fn account_id(&self) -> Option<i64> {
        self.account_id
    }

    pub(crate) fn is_write(&self) -> bool {
        self.access == Access::Write
    }

    /// Where it waits for the quota.
    pub(crate) fn lane(&self) -> Lane {
        if self.is_write() {
            Lane::Write
        } else {
            Lane::Read
        }
    }

    pub(crate) fn access(&self) -> Access {
        self.access
    }

    /// The caller said that it may be sent twice, although it is a write.
    pub(crate) fn retries_writes(&self) -> bool {
        self.retry_writes
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.as_deref().unwrap_or(&self.template);
        write!(f, "{} ({} {path})", self.id, self.method)
    }
}
