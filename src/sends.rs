//! The ways to send a call, which the generated builders have by these macros.
//!
//! `send` gives the result alone, `send_with_response` also what came with it, `send_as`
//! decodes into a type of the caller's, and a list has its streams.

use std::pin::Pin;

use serde::de::DeserializeOwned;

use crate::call::Prepare;
use crate::envelope::{Envelope, Reading};
use crate::error::Error;
use crate::fit::Fit;
use crate::response::{Page, Response};

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
                let reading = crate::envelope::Reading::of_the_api();
                crate::sends::one(self, $envelope, reading).await
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
                let reading = crate::envelope::Reading::of_the_caller();
                Ok(crate::sends::one(self, $envelope, reading)
                    .await?
                    .into_value())
            }
        }

        crate::sends::awaits!($name, $returns, crate::sends::boxed_one, $envelope);
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
            /// page that says that more follows but not how to get it is an error, too;
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
                let reading = crate::envelope::Reading::of_the_api();
                crate::sends::page(self, $key, reading).await
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
                let reading = crate::envelope::Reading::of_the_caller();
                Ok(crate::sends::page(self, $key, reading).await?.into_value())
            }

            #[doc = concat!("All items, page after page", $size, ".")]
            #[inline]
            pub fn stream(self) -> crate::Items<$item> {
                crate::Items::new(self, crate::envelope::Reading::of_the_api())
            }

            /// Like [`stream`](Self::stream), decoding each item into a type of your own or
            /// into `serde_json::Value`, which loses nothing.
            pub fn stream_as<T: ::serde::de::DeserializeOwned>(self) -> crate::Items<T> {
                crate::Items::new(self, crate::envelope::Reading::of_the_caller())
            }

            #[doc = concat!("All pages", $size, ".")]
            #[inline]
            pub fn pages(self) -> crate::Pages<$item> {
                crate::Pages::new(self, crate::envelope::Reading::of_the_api())
            }

            /// Begins with the page of this token, which
            /// [`Pages::resume_token`](crate::Pages::resume_token) gives. An empty token is
            /// refused, since no page has it.
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

        crate::sends::awaits!($name, crate::Page<$item>, crate::sends::boxed_page, $key);
    };
}
pub(crate) use sends_page;

/// `.await` without `send()`.
macro_rules! awaits {
    ($name:ident, $returns:ty, $boxed:path, $where:expr) => {
        impl ::std::future::IntoFuture for $name {
            type Output = ::std::result::Result<$returns, crate::Error>;
            type IntoFuture = ::std::pin::Pin<
                ::std::boxed::Box<dyn ::std::future::Future<Output = Self::Output> + Send>,
            >;

            #[inline]
            fn into_future(self) -> Self::IntoFuture {
                $boxed(self, $where)
            }
        }
    };
}
pub(crate) use awaits;

/// Sends a call for its one result.
pub(crate) async fn one<T: DeserializeOwned>(
    call: impl Prepare,
    envelope: Envelope,
    reading: Reading<T>,
) -> Result<Response<T>, Error> {
    call.prepare()?.send().await?.one(envelope, reading)
}

/// Sends a call for one page.
pub(crate) async fn page<T: DeserializeOwned>(
    call: impl Prepare,
    key: &str,
    reading: Reading<T>,
) -> Result<Response<Page<T>>, Error> {
    call.prepare()?.send().await?.page(key, reading)
}

type Boxed<T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send>>;

/// As [`one`], in a box. Here the compiler proves once that it can be sent to another thread,
/// which it would do for each builder.
pub(crate) fn boxed_one<T: DeserializeOwned + Fit + Send + 'static>(
    call: impl Prepare + Send + 'static,
    envelope: Envelope,
) -> Boxed<T> {
    Box::pin(async move {
        let response = one(call, envelope, Reading::of_the_api()).await?;
        Ok(response.into_value())
    })
}

/// As [`page`], in a box.
pub(crate) fn boxed_page<T: DeserializeOwned + Fit + Send + 'static>(
    call: impl Prepare + Send + 'static,
    key: &'static str,
) -> Boxed<Page<T>> {
    Box::pin(async move {
        let response = page(call, key, Reading::of_the_api()).await?;
        Ok(response.into_value())
    })
}
