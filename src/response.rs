//! What a call returns.

use http::{HeaderMap, StatusCode};

use crate::odd::OddRecord;

/// One page of a list.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Page<T> {
    /// The items, in the order asked for.
    pub items: Vec<T>,
    /// The token of the next page, to be set as `page_token` with the same filters.
    /// `None` on the last page.
    pub next_page_token: Option<String>,
    /// The records of this page that could not be decoded and are not among the items;
    /// nearly always none.
    pub odd: Vec<OddRecord>,
}

impl<T> Page<T> {
    /// A page of these items, to be followed by the page of this token.
    pub fn new(items: impl Into<Vec<T>>, next_page_token: Option<String>) -> Self {
        Self {
            items: items.into(),
            next_page_token,
            odd: Vec::new(),
        }
    }
}

/// A result with the status and headers it came with; see `send_with_response` of every
/// call.
#[derive(Clone, Debug)]
pub struct Response<T> {
    pub(crate) value: T,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
}

impl<T> Response<T> {
    /// The result.
    pub fn value(&self) -> &T {
        &self.value
    }

    /// The result alone.
    pub fn into_value(self) -> T {
        self.value
    }

    /// The HTTP status, always from 200 to 299.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The response headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }
}
