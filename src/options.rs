//! The options that every call has for itself alone, in addition to its own parameters.
//!
//! The generated builders, and [`Request`](crate::Request), have these methods by
//! [`call_options`]; what is not set is as the client has it.

use std::fmt;
use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::input::Problems;
use crate::retry::RetryPolicy;

/// Headers that the client sets itself.
const OURS: [HeaderName; 4] = [AUTHORIZATION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING];

/// The options of one call.
#[derive(Clone, Default)]
pub(crate) struct Options {
    pub(crate) timeout: Option<Duration>,
    pub(crate) deadline: Option<Duration>,
    pub(crate) retry: Option<RetryPolicy>,
    pub(crate) retry_writes: bool,
    pub(crate) headers: HeaderMap,
    pub(crate) query: Vec<(String, String)>,
}

impl Options {
    pub(crate) fn header(&mut self, name: &str, value: &str, problems: &mut Problems) {
        let header = HeaderName::try_from(name)
            .map_err(|_| "its name is not that of a header")
            .and_then(|name| {
                if OURS.contains(&name) {
                    Err("the client sets this header itself")
                } else {
                    Ok(name)
                }
            })
            .and_then(|name| {
                let value = HeaderValue::try_from(value);
                value
                    .map(|value| (name, value))
                    .map_err(|_| "its value is not that of a header")
            });
        match header {
            Ok((name, value)) => drop(self.headers.insert(name, value)),
            // Not the value, which may be a secret.
            Err(why) => problems.add("header", format!("the header {name:?}: {why}")),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<_> = self.headers.keys().collect();
        let query: Vec<_> = self.query.iter().map(|(name, _)| name).collect();
        f.debug_struct("Options")
            .field("timeout", &self.timeout)
            .field("deadline", &self.deadline)
            .field("retry", &self.retry)
            .field("retry_writes", &self.retry_writes)
            .field("headers", &headers)
            .field("query", &query)
            .finish()
    }
}

/// The options, for a builder with a field `call`.
macro_rules! call_options {
    ($name:ident) => {
        impl $name {
            /// How long one attempt may take, body included; as the client has it where not
            /// set (60 seconds by default).
            #[inline]
            pub fn timeout(mut self, timeout: ::std::time::Duration) -> Self {
                self.call.options.timeout = Some(timeout);
                self
            }

            /// How long the call may take with all its attempts and waits, those for the
            /// quota included; as the client has it where not set (no limit by default).
            #[inline]
            pub fn deadline(mut self, deadline: ::std::time::Duration) -> Self {
                self.call.options.deadline = Some(deadline);
                self
            }

            /// When and how often it is sent again; as the client has it where not set.
            #[inline]
            pub fn retry(mut self, policy: crate::RetryPolicy) -> Self {
                self.call.options.retry = Some(policy);
                self
            }

            /// One more header, which replaces one of the same name. Those of the client
            /// (`Authorization`, `Host`, …) are refused.
            #[inline]
            pub fn header(
                mut self,
                name: impl ::std::convert::AsRef<str>,
                value: impl ::std::convert::AsRef<str>,
            ) -> Self {
                let (options, problems) = (&mut self.call.options, &mut self.call.problems);
                options.header(name.as_ref(), value.as_ref(), problems);
                self
            }

            /// One more query parameter, which this release may not know; the API ignores
            /// those that it does not know. One that has a setter is refused.
            #[inline]
            pub fn query(
                mut self,
                name: impl ::std::convert::Into<::std::string::String>,
                value: impl ::std::fmt::Display,
            ) -> Self {
                self.call
                    .options
                    .query
                    .push((name.into(), value.to_string()));
                self
            }
        }
    };
}
pub(crate) use call_options;

/// `retry_writes`, for the builder of a write.
macro_rules! write_options {
    ($name:ident) => {
        impl $name {
            /// Sends this write again like a read, also when nobody knows whether the first
            /// one took effect: after a time-out, a broken connection or a server error.
            /// Only for a write that does no harm when it is done twice; see
            /// [`RetryPolicy`](crate::RetryPolicy). A 409 or 404 may then be the doing of
            /// its own first attempt: [`Error::outcome`](crate::Error::outcome) says so.
            #[inline]
            pub fn retry_writes(mut self) -> Self {
                self.call.options.retry_writes = true;
                self
            }
        }
    };
}
pub(crate) use write_options;
