//! Calls that this release has no method for.
//!
//! The vendor adds operations without notice. Calls of them go through the same quota,
//! retries, errors and logs as all others:
//!
//! ```no_run
//! # async fn f(client: huntress::Client) -> Result<(), huntress::Error> {
//! use huntress::http::Method;
//!
//! let hosts: serde_json::Value = client
//!     .request(Method::GET, "/v1/hosts")
//!     .query("limit", 50)
//!     .send_as()
//!     .await?;
//! println!("{hosts}");
//! # Ok(())
//! # }
//! ```

use std::borrow::Cow;
use std::collections::BTreeMap;

use http::Method;
use http::header::{CONTENT_TYPE, HeaderValue};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::{RawValue, to_raw_value};

use crate::account::AccountClient;
use crate::call::{Call, Prepare, Ready};
use crate::client::Client;
use crate::envelope::{Envelope, Reading};
use crate::error::Error;
use crate::operation::Operation;
use crate::options::{call_options, write_options};
use crate::request_list::RequestList;
use crate::response::Response;
use crate::retry::Access;

/// A call of any operation; made by [`Client::request`](crate::Client::request) and
/// [`AccountClient::request`](crate::AccountClient::request).
///
/// It is a read if its method is `GET`, `HEAD` or `OPTIONS`, or if [`reads`](Self::reads)
/// says so; otherwise it is a write, which is not sent twice.
#[derive(Clone, Debug)]
#[must_use = "a call does nothing until it is sent"]
pub struct Request {
    call: Call,
    method: Method,
    path: String,
    reads: bool,
    body: Option<Vec<u8>>,
}

impl Client {
    /// A call of an operation that this release has no method for: `path` begins with
    /// `/v1/`. It goes through the same quota, retries and errors; see [`Request`].
    pub fn request(&self, method: http::Method, path: impl Into<String>) -> Request {
        Request::new(self, None, method, path)
    }
}

impl AccountClient {
    /// A call of an operation that this release has no method for: `path` begins with
    /// `/v1/`, which becomes `/v1/accounts/{account_id}/`; see [`Request`].
    pub fn request(&self, method: http::Method, path: impl Into<String>) -> Request {
        Request::new(self.client(), Some(self.account_id().get()), method, path)
    }
}

call_options!(Request);
write_options!(Request);

impl Request {
    fn new(
        client: &Client,
        account_id: Option<i64>,
        method: Method,
        path: impl Into<String>,
    ) -> Self {
        let reads = [Method::GET, Method::HEAD, Method::OPTIONS].contains(&method);
        Self {
            call: Call::new(client, account_id),
            method,
            path: path.into(),
            reads,
            body: None,
        }
    }

    /// The JSON to send.
    pub fn json(mut self, body: &(impl Serialize + ?Sized)) -> Self {
        match serde_json::to_vec(body) {
            Ok(body) => self.body = Some(body),
            Err(problem) => self
                .call
                .problems
                .add("body", format!("the body: {problem}")),
        }
        self
    }

    /// Says that the call changes nothing, although its method is that of a write, so that
    /// it may be sent again like a read.
    pub fn reads(mut self) -> Self {
        self.reads = true;
        self
    }

    /// A list, whose answers hold their items under this key, in pages.
    ///
    /// Of a `GET` the list sets `limit` and `page_token`. Another call that only
    /// [`reads`](Self::reads), and is sent a JSON object, has its `page_token` there.
    pub fn list(self, key: impl Into<Cow<'static, str>>) -> RequestList {
        RequestList::new(self, key.into())
    }

    pub(crate) fn is(&self, method: &Method) -> bool {
        self.method == *method
    }

    pub(crate) fn only_reads(&self) -> bool {
        self.reads
    }

    /// Sets a field of the JSON object that is sent; the others stay as they were written.
    pub(crate) fn set_field(&mut self, name: &'static str, value: &str) {
        let body = self.body.as_deref().unwrap_or(b"{}");
        let with = || -> serde_json::Result<Vec<u8>> {
            let mut fields: BTreeMap<String, Box<RawValue>> = serde_json::from_slice(body)?;
            fields.insert(name.to_owned(), to_raw_value(value)?);
            serde_json::to_vec(&fields)
        };
        match with() {
            Ok(body) => self.body = Some(body),
            Err(_) => self.refuse(
                name,
                format!("`{name}` stands in a JSON object, and the body is none"),
            ),
        }
    }

    pub(crate) fn has_query(&self, name: &str) -> bool {
        self.call.options.query.iter().any(|(own, _)| own == name)
    }

    /// Lets it be refused when it is sent.
    pub(crate) fn refuse(&mut self, name: &'static str, problem: impl Into<String>) {
        self.call.problems.add(name, problem.into());
    }

    /// Sends it and gives the body as it came, with the status and headers.
    ///
    /// # Errors
    ///
    /// Where the path is not one of the API (`/v1/…`, without a host, query or fragment),
    /// and as every call: anything but a 2xx is an [`Error`].
    pub async fn send(self) -> Result<Response<Vec<u8>>, Error> {
        Ok(self.prepare()?.send().await?.into_response())
    }

    /// Sends it and decodes the body, envelope included, into a type of your own or into
    /// `serde_json::Value`.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), and where the body does not fit the type.
    pub async fn send_as<T: DeserializeOwned>(self) -> Result<T, Error> {
        let received = self.prepare()?.send().await?;
        let response = received.one(Envelope::Body, Reading::of_the_caller())?;
        Ok(response.into_value())
    }
}

impl Prepare for Request {
    fn prepare(self) -> Result<Ready, Error> {
        let Self {
            mut call,
            method,
            path,
            reads,
            body,
        } = self;
        if let Some(problem) = problem_of(&path) {
            call.problems
                .add("path", format!("the path {path:?} {problem}"));
        }
        let access = match (reads, &method) {
            (false, _) => Access::Write,
            (true, &Method::POST) => Access::Query,
            (true, _) => Access::Read,
        };
        let operation = call.checked(Operation::unlisted(access, method.clone(), path.clone()))?;
        let below = path.strip_prefix("/v1").unwrap_or(&path);
        let url = format!("{}{below}", call.client.scope_url(call.account_id));
        let mut request = call.client.http().request(method, url);
        if let Some(body) = body {
            let json = HeaderValue::from_static("application/json");
            request = request.header(CONTENT_TYPE, json).body(body);
        }
        let request = request.build();
        call.ready(operation, request)
    }
}

/// Why a path cannot be asked for. The credentials go where it leads.
fn problem_of(path: &str) -> Option<&'static str> {
    let segments = || path.split(['/', '\\']);
    if !path.starts_with("/v1/") {
        Some("does not begin with /v1/")
    } else if path.contains(['?', '#']) {
        Some("has a query or fragment; `query` sets a parameter")
    } else if segments().any(|segment| matches!(segment, "." | "..")) || path.contains('%') {
        Some("leads elsewhere than it says")
    } else if path.contains(|c: char| c.is_whitespace() || c.is_control()) {
        Some("has white space in it")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_of_the_api_and_leads_where_it_says() {
        assert_eq!(problem_of("/v1/hosts"), None);
        assert_eq!(problem_of("/v1/hosts/7/new-thing"), None);
        for path in [
            "",
            "v1/hosts",
            "https://elsewhere.example/v1/hosts",
            "//elsewhere.example/v1",
            "/v2/hosts",
            "/v1/hosts?limit=1",
            "/v1/hosts#x",
            "/v1/../admin",
            "/v1/%2e%2e/admin",
            "/v1/a b",
            "/v1/a\nb",
        ] {
            assert!(problem_of(path).is_some(), "{path:?}");
        }
    }
}
