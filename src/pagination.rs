//! All pages of a list, as a stream.
//!
//! A list answers at most 500 items and the token of the next page. [`Pages`] and
//! [`Items`] follow the tokens: every page asks with the same filters, a token that comes
//! twice is an error instead of an endless loop, and the URL that the server suggests is
//! never followed. One page is in memory at a time.
//!
//! ```no_run
//! # async fn f(client: huntress::Client) -> Result<(), huntress::Error> {
//! let mut agents = client.list_agents().platform("windows").stream();
//! while let Some(agent) = agents.try_next().await? {
//!     println!("{}", agent.id);
//! }
//! # Ok(())
//! # }
//! ```

use std::collections::HashSet;
use std::fmt;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::client::{Client, Received};
use crate::envelope::{self, Problem};
use crate::error::Error;
use crate::operation::Operation;
use crate::response::Page;

/// A call that answers a page; implemented by the generated builders of every list.
pub(crate) trait List: Clone + Send + Sync + 'static {
    /// The key of the items.
    const KEY: &'static str;
    /// The page size unless the caller chose one.
    fn choose_limit(&mut self);
    /// The token the caller chose to begin with.
    fn page_token(&self) -> Option<String>;
    /// The token of the page to ask for.
    fn set_page_token(&mut self, token: Option<String>);
    /// The request, checked.
    fn prepare(self) -> Result<(Client, Operation, reqwest::Request), Error>;
}

type Fetch = Pin<Box<dyn Future<Output = Result<Received, Error>> + Send>>;

/// Asks for one page after the other; decoding is up to [`Pages`] and [`Items`].
struct Pager {
    key: &'static str,
    fetch: Box<dyn Fn(Option<String>) -> Fetch + Send + Sync>,
    under_way: Option<Fetch>,
    next: Next,
    seen: HashSet<String>,
}

enum Next {
    Page(Option<String>),
    End,
}

impl Pager {
    fn new<L: List>(mut list: L) -> Self {
        list.choose_limit();
        let first = list.page_token();
        let fetch = move |token| {
            let mut list = list.clone();
            list.set_page_token(token);
            let fetch = async move {
                let (client, operation, request) = list.prepare()?;
                client.execute(operation, request).await
            };
            Box::pin(fetch) as Fetch
        };
        Self {
            key: L::KEY,
            fetch: Box::new(fetch),
            under_way: None,
            seen: first.iter().cloned().collect(),
            next: Next::Page(first),
        }
    }

    /// The next page. After an error the same page is asked for again.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Received, Error>>> {
        let Next::Page(token) = &self.next else {
            return Poll::Ready(None);
        };
        let fetch = self
            .under_way
            .get_or_insert_with(|| (self.fetch)(token.clone()));
        let result = ready!(fetch.as_mut().poll(context));
        self.under_way = None;
        Poll::Ready(Some(result))
    }

    /// Goes on to the next page, or to the end.
    fn advance(&mut self, token: Option<String>) -> Result<(), Problem> {
        self.next = match token {
            None => Next::End,
            Some(token) if self.seen.insert(token.clone()) => Next::Page(Some(token)),
            Some(_) => {
                self.next = Next::End;
                return Err("its next page token came before: the list would never end".to_owned());
            }
        };
        Ok(())
    }

    fn token(&self) -> Option<&str> {
        match &self.next {
            Next::Page(token) => token.as_deref(),
            Next::End => None,
        }
    }
}

/// The pages of a list, one after the other; made by `pages` of every list call.
///
/// A [`Stream`]; [`try_next`](Self::try_next) does without the trait. A page that cannot
/// be had is an error, once; asking again asks for the same page.
#[must_use = "a stream does nothing until it is polled"]
pub struct Pages<T> {
    pager: Pager,
    of: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Pages<T> {
    pub(crate) fn new(list: impl List) -> Self {
        Self {
            pager: Pager::new(list),
            of: PhantomData,
        }
    }

    /// The next page; `None` after the last one.
    ///
    /// # Errors
    ///
    /// As the call itself, and when the server's tokens go in a circle.
    pub async fn try_next(&mut self) -> Result<Option<Page<T>>, Error> {
        poll_fn(|context| Pin::new(&mut *self).poll_next(context))
            .await
            .transpose()
    }

    /// The token of the page that comes next; with `start_at` a later call goes on there.
    /// `None` before the first page and after the last.
    pub fn resume_token(&self) -> Option<&str> {
        self.pager.token()
    }
}

impl<T: DeserializeOwned> Stream for Pages<T> {
    type Item = Result<Page<T>, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(received) = ready!(self.pager.poll(context)) else {
            return Poll::Ready(None);
        };
        let page = received.and_then(|received| {
            let key = self.pager.key;
            let page = received.decode(|body| {
                let page = envelope::page(body, key)?;
                self.pager.advance(page.next_page_token.clone())?;
                Ok(page)
            });
            Ok(page?.into_value())
        });
        Poll::Ready(Some(page))
    }
}

impl<T> Unpin for Pages<T> {}

impl<T> fmt::Debug for Pages<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages")
            .field("next", &self.pager.token())
            .finish_non_exhaustive()
    }
}

/// The items of all pages of a list; made by `stream` and `stream_as` of every list call.
///
/// A [`Stream`]; [`try_next`](Self::try_next) does without the trait. An item that does
/// not decode is an error with the item's JSON as its [`body`](Error::body), and the next
/// item follows. A page that cannot be had is an error, once; asking again asks for the
/// same page.
#[must_use = "a stream does nothing until it is polled"]
pub struct Items<T> {
    pager: Pager,
    page: std::vec::IntoIter<Result<T, Error>>,
}

impl<T: DeserializeOwned> Items<T> {
    pub(crate) fn new(list: impl List) -> Self {
        Self {
            pager: Pager::new(list),
            page: Vec::new().into_iter(),
        }
    }

    /// The next item; `None` after the last one.
    ///
    /// # Errors
    ///
    /// As the call itself, when an item does not decode, and when the server's tokens go
    /// in a circle.
    pub async fn try_next(&mut self) -> Result<Option<T>, Error> {
        poll_fn(|context| Pin::new(&mut *self).poll_next(context))
            .await
            .transpose()
    }

    fn open(&mut self, received: Received) -> Result<(), Error> {
        let (operation, status) = (received.operation(), received.status());
        let key = self.pager.key;
        let decoded = received.decode(|body| {
            let (items, token) = items(body, key)?;
            Ok((items, self.pager.advance(token)))
        })?;
        let (items, advanced) = decoded.into_value();
        let undecodable = |(body, problem): (Vec<u8>, Problem)| {
            Error::undecodable(operation, status, body, problem)
        };
        let mut items: Vec<_> = items
            .into_iter()
            .map(|item| item.map_err(undecodable))
            .collect();
        // The items of the last page before the circle are good.
        items.extend(
            advanced
                .err()
                .map(|problem| Err(undecodable((Vec::new(), problem)))),
        );
        self.page = items.into_iter();
        Ok(())
    }
}

type Decoded<T> = Vec<Result<T, (Vec<u8>, Problem)>>;

/// The items of a page, each on its own where one does not decode.
fn items<T: DeserializeOwned>(
    body: &[u8],
    key: &str,
) -> Result<(Decoded<T>, Option<String>), Problem> {
    if let Ok(page) = envelope::page(body, key) {
        return Ok((
            page.items.into_iter().map(Ok).collect(),
            page.next_page_token,
        ));
    }
    let page = envelope::page::<Box<RawValue>>(body, key)?;
    let decode = |(index, raw): (usize, Box<RawValue>)| {
        serde_json::from_str(raw.get()).map_err(|error| {
            (
                raw.get().as_bytes().to_vec(),
                format!("item {index} of its `{key}`: {error}"),
            )
        })
    };
    let items = page.items.into_iter().enumerate().map(decode).collect();
    Ok((items, page.next_page_token))
}

impl<T: DeserializeOwned> Stream for Items<T> {
    type Item = Result<T, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(item) = self.page.next() {
                return Poll::Ready(Some(item));
            }
            match ready!(self.pager.poll(context)) {
                None => return Poll::Ready(None),
                // An empty page is passed over.
                Some(received) => {
                    if let Err(error) = received.and_then(|received| self.open(received)) {
                        return Poll::Ready(Some(Err(error)));
                    }
                }
            }
        }
    }
}

impl<T> Unpin for Items<T> {}

impl<T> fmt::Debug for Items<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Items")
            .field("next", &self.pager.token())
            .finish_non_exhaustive()
    }
}
