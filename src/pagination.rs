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

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::future::{Future, pending, poll_fn};
use std::iter::Peekable;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use serde::de::DeserializeOwned;
use tokio::task::{JoinError, JoinSet};
use tracing::Instrument as _;

use crate::call::Received;
use crate::client::Client;
use crate::envelope::{self, Odd};
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

/// Asks for one page after the other.
struct Pager {
    key: &'static str,
    fetch: Box<dyn Fn(Option<String>) -> Fetch + Send + Sync>,
    under_way: Option<Fetch>,
    next: Next,
    seen: HashSet<String>,
    read_ahead: bool,
}

enum Next {
    Page(Option<String>),
    End,
}

/// A page, and what is wrong with it: the place among its items, and the error.
struct Opened<T> {
    page: Page<T>,
    odd: Vec<(usize, Error)>,
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
            read_ahead: false,
        }
    }

    /// The next page. After an error the same page is asked for again.
    fn poll<T: DeserializeOwned>(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Opened<T>, Error>>> {
        let Next::Page(token) = &self.next else {
            return Poll::Ready(None);
        };
        let fetch = self
            .under_way
            .get_or_insert_with(|| (self.fetch)(token.clone()));
        let result = ready!(fetch.as_mut().poll(context));
        self.under_way = None;
        Poll::Ready(Some(result.and_then(|received| self.open(received))))
    }

    /// Decodes a page and goes on to the next, or to the end.
    fn open<T: DeserializeOwned>(&mut self, received: Received) -> Result<Opened<T>, Error> {
        let (operation, status) = (received.operation(), received.status());
        let undecodable =
            |body: Vec<u8>, problem| Error::undecodable(operation, status, body, problem);
        let decoded = received.decode(|body| envelope::page_apart(body, self.key))?;
        let (page, odd) = decoded.into_value();
        let error = |odd: Odd| (odd.index, undecodable(odd.json.into_bytes(), odd.problem));
        let mut odd: Vec<_> = odd.into_iter().map(error).collect();
        self.next = match page.next_page_token.clone() {
            None => Next::End,
            Some(token) if self.seen.insert(token.clone()) => Next::Page(Some(token)),
            Some(_) => {
                // The items before the circle are good.
                let circle = "its next page token came before: the list would never end";
                odd.push((usize::MAX, undecodable(Vec::new(), circle.to_owned())));
                Next::End
            }
        };
        if let (true, Next::Page(token)) = (self.read_ahead, &self.next) {
            self.under_way = Some(in_background((self.fetch)(token.clone())));
        }
        Ok(Opened { page, odd })
    }

    fn token(&self) -> Option<&str> {
        match &self.next {
            Next::Page(token) => token.as_deref(),
            Next::End => None,
        }
    }
}

/// Goes on while nobody polls; stops when it is dropped.
fn in_background(fetch: Fetch) -> Fetch {
    let mut task = JoinSet::new();
    task.spawn(fetch.in_current_span());
    Box::pin(async move {
        match task
            .join_next()
            .await
            .map(|ended| ended.map_err(JoinError::try_into_panic))
        {
            Some(Ok(result)) => result,
            Some(Err(Ok(panic))) => std::panic::resume_unwind(panic),
            // The runtime has stopped, so nobody will ask again.
            Some(Err(Err(_))) | None => pending().await,
        }
    })
}

/// The pages of a list, one after the other; made by `pages` of every list call.
///
/// A [`Stream`]; [`try_next`](Self::try_next) does without the trait. An item that does
/// not decode is an error with the item's JSON as its [`body`](Error::body); the page with
/// the other items follows. A page that cannot be had is an error, once; asking again asks
/// for the same page.
#[must_use = "a stream does nothing until it is polled"]
pub struct Pages<T> {
    pager: Pager,
    ready: VecDeque<Result<Page<T>, Error>>,
    /// The token of the page in `ready`.
    ready_token: Option<String>,
}

impl<T> Pages<T> {
    /// The token of the page that comes next; with `start_at` a later call goes on there.
    /// `None` before the first page and after the last.
    pub fn resume_token(&self) -> Option<&str> {
        if self.ready.is_empty() {
            self.pager.token()
        } else {
            self.ready_token.as_deref()
        }
    }
}

impl<T: DeserializeOwned> Pages<T> {
    pub(crate) fn new(list: impl List) -> Self {
        Self {
            pager: Pager::new(list),
            ready: VecDeque::new(),
            ready_token: None,
        }
    }

    /// Asks for the next page while the caller still works on this one. Off by default:
    /// two pages are in memory then, and a request may be made for nothing.
    pub fn read_ahead(mut self) -> Self {
        self.pager.read_ahead = true;
        self
    }

    /// The next page; `None` after the last one.
    ///
    /// # Errors
    ///
    /// As the call itself, when an item does not decode, and when the server's tokens go
    /// in a circle.
    pub async fn try_next(&mut self) -> Result<Option<Page<T>>, Error> {
        poll_fn(|context| Pin::new(&mut *self).poll_next(context))
            .await
            .transpose()
    }
}

impl<T: DeserializeOwned> Stream for Pages<T> {
    type Item = Result<Page<T>, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(ready) = self.ready.pop_front() {
            return Poll::Ready(Some(ready));
        }
        let token = self.pager.token().map(str::to_owned);
        let Opened { page, odd } = match ready!(self.pager.poll(context)) {
            Some(Ok(opened)) => opened,
            Some(Err(error)) => return Poll::Ready(Some(Err(error))),
            None => return Poll::Ready(None),
        };
        self.ready
            .extend(odd.into_iter().map(|(_, error)| Err(error)));
        self.ready.push_back(Ok(page));
        self.ready_token = token;
        Poll::Ready(self.ready.pop_front())
    }
}

impl<T> Unpin for Pages<T> {}

impl<T> fmt::Debug for Pages<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages")
            .field("next", &self.resume_token())
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
    items: std::vec::IntoIter<T>,
    odd: Peekable<std::vec::IntoIter<(usize, Error)>>,
    /// Where in the page the next one stands.
    index: usize,
}

impl<T: DeserializeOwned> Items<T> {
    pub(crate) fn new(list: impl List) -> Self {
        Self {
            pager: Pager::new(list),
            items: Vec::new().into_iter(),
            odd: Vec::new().into_iter().peekable(),
            index: 0,
        }
    }

    /// Asks for the next page while the caller still works on this one. Off by default:
    /// two pages are in memory then, and a request may be made for nothing.
    pub fn read_ahead(mut self) -> Self {
        self.pager.read_ahead = true;
        self
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

    /// The next of this page.
    fn next_here(&mut self) -> Option<Result<T, Error>> {
        let index = self.index;
        self.index += 1;
        if let Some((_, error)) = self.odd.next_if(|(at, _)| *at == index) {
            return Some(Err(error));
        }
        let rest = || self.odd.next().map(|(_, error)| Err(error));
        self.items.next().map(Ok).or_else(rest)
    }
}

impl<T: DeserializeOwned> Stream for Items<T> {
    type Item = Result<T, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(item) = self.next_here() {
                return Poll::Ready(Some(item));
            }
            match ready!(self.pager.poll(context)) {
                None => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                // An empty page is passed over.
                Some(Ok(Opened { page, odd })) => {
                    self.items = page.items.into_iter();
                    self.odd = odd.into_iter().peekable();
                    self.index = 0;
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
