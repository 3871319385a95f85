//! The two numbers in a path: an account, and a record of it.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;

use super::page::Wrong;

/// They.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ids {
    /// The account.
    pub account: i64,
    /// The record.
    pub id: i64,
}

impl<S: Send + Sync> FromRequestParts<S> for Ids {
    type Rejection = Wrong;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Wrong> {
        let path = Path::<(i64, i64)>::from_request_parts(parts, state).await;
        let wrong = |_| {
            let text = "An address here has the number of an account and that of a record. The \
                        overview leads to all pages.";
            Wrong::Missing(text.to_owned())
        };
        let Path((account, id)) = path.map_err(wrong)?;
        Ok(Self { account, id })
    }
}
