//! The ways to send a call, which the generated builders have by these macros.
//!
//! `send` gives the result alone, `send_with_response` also what came with it, `send_as`
//! decodes into a type of the caller's, and a list has its streams.

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

        crate::sends::awaits!($name, $returns);
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

        crate::sends::awaits!($name, crate::Page<$item>);
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
