//! Lists that this release has no method for.
//!
//! ```no_run
//! # async fn f(client: huntress::Client) -> Result<(), huntress::Error> {
//! use huntress::http::Method;
//! use serde_json::value::RawValue;
//!
//! let hosts = client.request(Method::GET, "/v1/hosts").list("hosts");
//! let mut hosts = hosts.stream_as::<Box<RawValue>>();
//! while let Some(host) = hosts.try_next().await? {
//!     println!("{host}");
//! }
//! # Ok(())
//! # }
//! ```

use std::borrow::Cow;

use http::Method;
use serde::de::DeserializeOwned;

use crate::call::{Prepare, Ready};
use crate::changes::{Changes, Changing, Cursor};
use crate::envelope::Reading;
use crate::error::Error;
use crate::pagination::{Items, List, Pages};
use crate::request::Request;
use crate::response::Page;
use crate::sends;

/// The most that a page of the API's lists has.
const LARGEST_PAGE: u32 = 500;

/// A list of any operation; made by [`Request::list`].
///
/// It takes the options of the [`Request`] that it is made of, and follows the pages as every
/// list of this crate does.
#[derive(Clone, Debug)]
#[must_use = "a call does nothing until it is sent"]
pub struct RequestList {
    request: Request,
    key: Cow<'static, str>,
    page_size: Option<u32>,
    page_token: Option<String>,
    /// The field by which it is ordered, highest first, where a walk chooses it.
    highest_first: Option<&'static str>,
}

impl RequestList {
    pub(crate) fn new(request: Request, key: Cow<'static, str>) -> Self {
        Self {
            request,
            key,
            page_size: None,
            page_token: None,
            highest_first: None,
        }
    }

    /// Whether the token of a page goes into the query, and not into the body.
    fn in_query(&self) -> bool {
        self.request.is(&Method::GET)
    }

    /// How many items a page has; for a stream 500 where not set, the most that the API's lists
    /// take today.
    /// Only for a `GET`: no other list can be told.
    pub fn page_size(mut self, items: u32) -> Self {
        self.page_size = Some(items);
        self
    }

    /// Begins with the page of this token, which [`Pages::resume_token`] gives. An empty token
    /// is refused, since no page has it.
    pub fn start_at(mut self, token: impl Into<String>) -> Self {
        let token = token.into();
        if token.is_empty() {
            self.request
                .refuse("start_at", "`start_at`: the token is empty");
        }
        self.page_token = Some(token);
        self
    }

    /// Sends it, for one page, or for all of a list that has no pages: of as many items as the
    /// API gives where no [`page_size`](Self::page_size) is set. Items are decoded into a type of your own, into
    /// `serde_json::Value`, or into `Box<RawValue>`, which is the item's JSON as it came.
    ///
    /// # Errors
    ///
    /// As [`Request::send`], and where the page says that more follows but not how to get it.
    pub async fn send_as<T: DeserializeOwned>(self) -> Result<Page<T>, Error> {
        let key = self.key.clone();
        let page = sends::page(self, &key, Reading::of_the_caller()).await?;
        Ok(page.into_value())
    }

    /// All items, page after page, decoded as by [`send_as`](Self::send_as).
    pub fn stream_as<T: DeserializeOwned>(self) -> Items<T> {
        Items::new(self, Reading::of_the_caller())
    }

    /// All pages, their items decoded as by [`send_as`](Self::send_as).
    pub fn pages_as<T: DeserializeOwned>(self) -> Pages<T> {
        Pages::new(self, Reading::of_the_caller())
    }

    /// What has changed since a [`Cursor`], decoded as by [`send_as`](Self::send_as); see
    /// [`Changes`] for what is promised.
    ///
    /// The list must take `sort_field=updated_at` and `sort_direction`, and its items must
    /// show `updated_at`: nobody but the caller can know it. A list that cannot be ordered
    /// gives a walk that never finds its end early, or one that ends too early.
    pub fn changed_since_as<T: DeserializeOwned>(
        mut self,
        cursor: impl Into<Cursor>,
    ) -> Changes<T> {
        if !self.in_query() {
            let why = "only what is asked for by GET can be ordered by change";
            self.request.refuse("changed_since_as", why);
        }
        for name in ["sort_field", "sort_direction"] {
            if self.request.has_query(name) {
                let why = format!("`{name}`: `changed_since_as` chooses it itself");
                self.request.refuse("changed_since_as", why);
            }
        }
        if self.page_token.is_some() {
            let why = "`start_at`: `changed_since_as` chooses the pages itself";
            self.request.refuse("changed_since_as", why);
        }
        Changes::new(self, cursor.into(), Reading::of_the_caller())
    }
}

impl Prepare for RequestList {
    fn prepare(self) -> Result<Ready, Error> {
        let in_query = self.in_query();
        let mut request = self.request;
        if !in_query {
            if !request.only_reads() {
                request.refuse(
                    "list",
                    "a write is no list; `reads` says that a call is none",
                );
            }
            if self.page_size.is_some() {
                request.refuse("page_size", "only a GET can be told the size of its pages");
            }
            if let Some(token) = &self.page_token {
                request.set_field("page_token", token);
            }
            return request.prepare();
        }
        let order = self.highest_first;
        let own = [
            ("limit", self.page_size.map(|size| size.to_string())),
            ("page_token", self.page_token),
            ("sort_field", order.map(str::to_owned)),
            ("sort_direction", order.map(|_| "desc".to_owned())),
        ];
        for (name, value) in own {
            match value {
                Some(_) if request.has_query(name) => {
                    let why = format!("the parameter `{name}` is set by the list itself");
                    request.refuse(name, why);
                }
                Some(value) => request = request.query(name, value),
                None => {}
            }
        }
        request.prepare()
    }
}

impl List for RequestList {
    fn key(&self) -> Cow<'static, str> {
        self.key.clone()
    }

    fn choose_page_size(&mut self) {
        if self.in_query() {
            self.page_size.get_or_insert(LARGEST_PAGE);
        }
    }

    fn page_token(&self) -> Option<String> {
        self.page_token.clone()
    }

    fn set_page_token(&mut self, token: Option<String>) {
        self.page_token = token;
    }
}

impl Changing for RequestList {
    fn by(mut self, field: &'static str, page_size: Option<u32>) -> Self {
        self.highest_first = Some(field);
        if page_size.is_some() {
            self.page_size = page_size;
        }
        self
    }
}
