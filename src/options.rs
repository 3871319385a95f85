//! What every call can be told for itself alone, beside its own parameters.
//!
//! The generated builders, and [`Request`](crate::Request), have these methods by
//! [`call_options`]; what is not set is as the client has it.

use std::fmt;
use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::input::Problems;
use crate::retry::RetryPolicy;

/// Headers that the client answers for.
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
            .and_then(|name| match OURS.contains(&name) {
                true => Err("the client sets this header itself"),
                false => Ok(name),
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
                let crate::call::Call {
                    options, problems, ..
                } = &mut self.call;
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

/// The ways to send a call that has one result, for a builder that is [`Prepare`].
///
/// [`Prepare`]: crate::call::Prepare
macro_rules! sends_one {
    ($name:ident, $place:literal, $returns:ty, $envelope:expr) => {
        crate::options::call_options!($name);

        impl $name {
            #[doc = concat!("Sends `", $place, "`.")]
            ///
            /// # Errors
            ///
            /// See [`Error`](crate::Error) for what can go wrong and how to tell it apart.
            #[inline]
            pub async fn send(self) -> ::std::result::Result<$returns, crate::Error> {
                Ok(self.send_with_response().await?.into_value())
            }

            /// Like [`send`](Self::send), with the status and headers of the response.
            ///
            /// # Errors
            ///
            /// As [`send`](Self::send).
            #[inline]
            pub async fn send_with_response(
                self,
            ) -> ::std::result::Result<crate::Response<$returns>, crate::Error> {
                let ready = crate::call::Prepare::prepare(self)?;
                let reading = crate::envelope::Reading::of_the_api::<$returns>();
                ready.one($envelope, reading).await
            }

            /// Like [`send`](Self::send), decoding the result into a type of your own or
            /// into `serde_json::Value`, which loses nothing.
            ///
            /// # Errors
            ///
            /// As [`send`](Self::send), and where the result does not fit the type.
            pub async fn send_as<T: ::serde::de::DeserializeOwned>(
                self,
            ) -> ::std::result::Result<T, crate::Error> {
                let ready = crate::call::Prepare::prepare(self)?;
                let reading = crate::envelope::Reading::of_the_caller();
                Ok(ready.one($envelope, reading).await?.into_value())
            }
        }

        crate::options::awaits!($name, $returns);
    };
}
pub(crate) use sends_one;

/// The same for a list that comes in pages.
macro_rules! sends_page {
    ($name:ident, $place:literal, $item:ty, $key:literal, $size:literal) => {
        crate::options::call_options!($name);

        impl $name {
            #[doc = concat!("Sends `", $place, "`, for one page. [`stream`](Self::stream) is for all.")]
            ///
            /// A record that does not decode is in [`Page::odd`](crate::Page::odd) and costs
            /// none of the others.
            ///
            /// # Errors
            ///
            /// See [`Error`](crate::Error) for what can go wrong and how to tell it apart. A
            /// page that says that more follows, and not how, is an error, too;
            /// [`pages`](Self::pages) gives its items first.
            #[inline]
            pub async fn send(self) -> ::std::result::Result<crate::Page<$item>, crate::Error> {
                Ok(self.send_with_response().await?.into_value())
            }

            /// Like [`send`](Self::send), with the status and headers of the response.
            ///
            /// # Errors
            ///
            /// As [`send`](Self::send).
            #[inline]
            pub async fn send_with_response(
                self,
            ) -> ::std::result::Result<crate::Response<crate::Page<$item>>, crate::Error> {
                let ready = crate::call::Prepare::prepare(self)?;
                ready.page($key, crate::envelope::Reading::of_the_api::<$item>()).await
            }

            /// Like [`send`](Self::send), decoding each item into a type of your own or into
            /// `serde_json::Value`, which loses nothing.
            ///
            /// # Errors
            ///
            /// As [`send`](Self::send).
            pub async fn send_as<T: ::serde::de::DeserializeOwned>(
                self,
            ) -> ::std::result::Result<crate::Page<T>, crate::Error> {
                let ready = crate::call::Prepare::prepare(self)?;
                let reading = crate::envelope::Reading::of_the_caller();
                Ok(ready.page($key, reading).await?.into_value())
            }

            #[doc = concat!("All items, page after page", $size, ".")]
            #[inline]
            pub fn stream(self) -> crate::Items<$item> {
                crate::Items::new(self, crate::envelope::Reading::of_the_api::<$item>())
            }

            /// Like [`stream`](Self::stream), decoding each item into a type of your own or
            /// into `serde_json::Value`, which loses nothing.
            pub fn stream_as<T: ::serde::de::DeserializeOwned>(self) -> crate::Items<T> {
                crate::Items::new(self, crate::envelope::Reading::of_the_caller())
            }

            #[doc = concat!("All pages", $size, ".")]
            #[inline]
            pub fn pages(self) -> crate::Pages<$item> {
                crate::Pages::new(self, crate::envelope::Reading::of_the_api::<$item>())
            }

            /// Begins with the page of this token, as
            /// [`Pages::resume_token`](crate::Pages::resume_token) tells it.
            /// An empty one is refused: no page has it.
            #[inline]
            pub fn start_at(
                mut self,
                token: impl ::std::convert::Into<::std::string::String>,
            ) -> Self {
                let token = token.into();
                if token.is_empty() {
                    let problem = "`start_at`: the token is empty".to_owned();
                    self.call.problems.add("start_at", problem);
                }
                crate::pagination::List::set_page_token(&mut self, Some(token));
                self
            }
        }

        crate::options::awaits!($name, crate::Page<$item>);
    };
}
pub(crate) use sends_page;

/// `.await` without `send()`.
macro_rules! awaits {
    ($name:ident, $returns:ty) => {
        impl ::std::future::IntoFuture for $name {
            type Output = ::std::result::Result<$returns, crate::Error>;
            type IntoFuture = ::std::pin::Pin<
                ::std::boxed::Box<dyn ::std::future::Future<Output = Self::Output> + Send>,
            >;

            #[inline]
            fn into_future(self) -> Self::IntoFuture {
                ::std::boxed::Box::pin(self.send())
            }
        }
    };
}
pub(crate) use awaits;
