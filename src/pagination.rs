//! All pages of a list, as a stream.
//!
//! A list answers at most 500 items and the token of the next page. [`Pages`] and
//! [`Items`] follow the tokens: every page asks with the same filters, a token that comes
//! twice is an error instead of an endless loop, and the URL that the server suggests is
//! never followed. One page is in memory at a time.
//!
//! A program that runs for a year meets odd records and lost pages. This survives them:
//!
//! ```no_run
//! # async fn f(client: huntress::Client) -> Result<(), huntress::Error> {
//! let mut agents = client.list_agents().platform("windows").stream();
//! loop {
//!     match agents.try_next().await {
//!         Ok(Some(agent)) => println!("{}", agent.id),
//!         Ok(None) => break,
//!         // One record is odd: its JSON is kept in the error, and the next one follows.
//!         Err(error) if error.is_record() => eprintln!("{error}"),
//!         // A page did not come.
//!         Err(error) => return Err(error),
//!     }
//! }
//! // Ask this before deleting what the list does not show.
//! assert!(agents.is_complete());
//! # Ok(())
//! # }
//! ```
//!
//! Or all at once, which is an error where a page is missing:
//!
//! ```no_run
//! # async fn f(client: huntress::Client) -> Result<(), huntress::Error> {
//! let all = client.list_organizations().stream().collect_all().await?;
//! println!("{} organizations, {} odd records", all.items.len(), all.odd.len());
//! # Ok(())
//! # }
//! ```

use std::borrow::Cow;
use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::future::{Future, poll_fn};
use std::hash::{BuildHasher as _, RandomState};
use std::iter::Peekable;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use serde::de::DeserializeOwned;
use tokio::runtime::Handle;
use tokio::task::{JoinError, JoinSet};
use tracing::Instrument as _;

use crate::call::{Prepare, Received, goes_on};
use crate::envelope::{Next, Reading};
use crate::error::{Error, Kind};
use crate::odd::OddRecord;
use crate::response::Page;

/// What is wrong with a page whose next page was asked for before.
pub(crate) const CIRCLE: &str = "its next page token came before: the list would never end";

/// A call that answers a page; implemented by the generated builders of every list.
pub(crate) trait List: Prepare + Clone + Send + Sync + 'static {
    /// The key of the items.
    fn key(&self) -> Cow<'static, str>;
    /// The page size unless the caller chose one.
    fn choose_page_size(&mut self);
    /// The token the caller chose to begin with.
    fn page_token(&self) -> Option<String>;
    /// The token of the page to ask for.
    fn set_page_token(&mut self, token: Option<String>);
}

pub(crate) type Fetch = Pin<Box<dyn Future<Output = Result<Received, Error>> + Send>>;
/// `None` where the runtime ended before the fetch did.
type Fetching = Pin<Box<dyn Future<Output = Option<Result<Received, Error>>> + Send>>;

/// Asks for one page after the other.
struct Pager<T> {
    key: Cow<'static, str>,
    reading: Reading<T>,
    fetch: Box<dyn Fn(Option<String>) -> Fetch + Send + Sync>,
    under_way: Option<Fetching>,
    state: State,
    seen: Seen,
    read_ahead: bool,
    /// Some records could not be decoded.
    holes: bool,
}

#[derive(Debug)]
enum State {
    /// The page of this token comes next.
    Page(Option<String>),
    /// The server said that there is no more.
    End,
    /// There is more, but no way to ask for it.
    CutOff,
}

/// A page, and the error that follows it where the list is cut off there.
struct Fetched<T> {
    page: Page<T>,
    records: Vec<(usize, Error)>,
    cut_off: Option<Error>,
}

/// The tokens that were asked for, as hashes: a token may have any length.
struct Seen {
    hasher: RandomState,
    tokens: HashSet<u64>,
}

impl Seen {
    /// Whether it is the first time.
    fn insert(&mut self, token: &str) -> bool {
        self.tokens.insert(self.hasher.hash_one(token))
    }
}

impl<T: DeserializeOwned> Pager<T> {
    fn new<L: List>(mut list: L, reading: Reading<T>) -> Self {
        list.choose_page_size();
        let first = list.page_token();
        let key = list.key();
        let fetch = move |token| {
            let mut list = list.clone();
            list.set_page_token(token);
            Box::pin(async move { list.prepare()?.send().await }) as Fetch
        };
        let mut seen = Seen {
            hasher: RandomState::new(),
            tokens: HashSet::new(),
        };
        if let Some(first) = &first {
            seen.insert(first);
        }
        Self {
            key,
            reading,
            fetch: Box::new(fetch),
            under_way: None,
            seen,
            state: State::Page(first),
            read_ahead: false,
            holes: false,
        }
    }

    /// The next page. After an error the same page is asked for again.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Fetched<T>, Error>>> {
        loop {
            let State::Page(token) = &self.state else {
                return Poll::Ready(None);
            };
            let fetch = self
                .under_way
                .get_or_insert_with(|| here((self.fetch)(token.clone())));
            let result = ready!(fetch.as_mut().poll(context));
            self.under_way = None;
            match result {
                Some(result) => {
                    return Poll::Ready(Some(result.and_then(|received| self.open(received))));
                }
                // It was read ahead in a runtime that has ended: ask again in this one.
                None => continue,
            }
        }
    }

    /// Decodes a page and goes on to the next, or to the end.
    fn open(&mut self, received: Received) -> Result<Fetched<T>, Error> {
        let (mut page, next) = match received.open(&self.key, self.reading) {
            Ok(opened) => opened,
            Err(problem) => return Err(received.undecodable(problem)),
        };
        self.holes |= !page.odd.is_empty();
        let status = received.status();
        let error = |record: OddRecord| {
            let index = record.index();
            (index, received.error(Kind::Record { status, record }))
        };
        let records = std::mem::take(&mut page.odd)
            .into_iter()
            .map(error)
            .collect();
        let cut_off;
        (self.state, cut_off) = match next {
            Next::End => (State::End, None),
            Next::Token(token) if self.seen.insert(&token) => (State::Page(Some(token)), None),
            Next::Token(_) => (State::CutOff, Some(CIRCLE.to_owned())),
            Next::Untold(by) => (State::CutOff, Some(goes_on(&by))),
        };
        if let (true, State::Page(token)) = (self.read_ahead, &self.state) {
            self.under_way = Some(in_background((self.fetch)(token.clone())));
        }
        Ok(Fetched {
            page,
            records,
            cut_off: cut_off.map(|problem| received.undecodable(problem)),
        })
    }
}

impl<T> Pager<T> {
    fn token(&self) -> Option<&str> {
        match &self.state {
            State::Page(token) => token.as_deref(),
            State::End | State::CutOff => None,
        }
    }

    /// Every page has come, and every record of them was decoded.
    fn is_complete(&self) -> bool {
        matches!(self.state, State::End) && !self.holes
    }
}

fn here(fetch: Fetch) -> Fetching {
    Box::pin(async move { Some(fetch.await) })
}

/// Goes on while nobody polls; stops when it is dropped.
fn in_background(fetch: Fetch) -> Fetching {
    if Handle::try_current().is_err() {
        return here(fetch);
    }
    let mut task = JoinSet::new();
    task.spawn(fetch.in_current_span());
    Box::pin(async move {
        match task.join_next().await?.map_err(JoinError::try_into_panic) {
            Ok(result) => Some(result),
            Err(Ok(panic)) => std::panic::resume_unwind(panic),
            Err(Err(_)) => None,
        }
    })
}

/// The next of a stream.
pub(crate) async fn next<T>(
    stream: &mut (impl Stream<Item = Result<T, Error>> + Unpin),
) -> Result<Option<T>, Error> {
    poll_fn(|context| Pin::new(&mut *stream).poll_next(context))
        .await
        .transpose()
}

/// The pages of a list, one after the other; made by `pages` of every list call.
///
/// A [`Stream`]; [`try_next`](Self::try_next) works without the trait. A record that does
/// not decode is an error for which [`Error::is_record`] holds, and the page with the other
/// items follows. A page that cannot be fetched is one error; polling again asks for the
/// same page.
#[must_use = "a stream does nothing until it is polled"]
pub struct Pages<T> {
    pager: Pager<T>,
    ready: VecDeque<Result<Page<T>, Error>>,
    /// The token of the page in `ready`.
    ready_token: Option<String>,
}

impl<T> Pages<T> {
    /// The token of the page that comes next; with `start_at` a later call goes on there.
    /// `None` before the first page, unless the call began with a token itself, and after
    /// the last.
    pub fn resume_token(&self) -> Option<&str> {
        if self.ready.iter().any(Result::is_ok) {
            self.ready_token.as_deref()
        } else {
            self.pager.token()
        }
    }

    /// Whether every page from the first on has come and every record was decoded. `false`
    /// until the last page was given out. It cannot know of changes on the server in the
    /// meantime.
    pub fn is_complete(&self) -> bool {
        self.pager.is_complete() && self.ready.is_empty()
    }
}

impl<T: DeserializeOwned> Pages<T> {
    pub(crate) fn new(list: impl List, reading: Reading<T>) -> Self {
        Self {
            pager: Pager::new(list, reading),
            ready: VecDeque::new(),
            ready_token: None,
        }
    }

    /// As [`Items::read_ahead`].
    pub fn read_ahead(mut self) -> Self {
        self.pager.read_ahead = true;
        self
    }

    /// The next page; `None` after the last one.
    ///
    /// # Errors
    ///
    /// As [`Items::try_next`].
    pub async fn try_next(&mut self) -> Result<Option<Page<T>>, Error> {
        next(self).await
    }
}

impl<T: DeserializeOwned> Stream for Pages<T> {
    type Item = Result<Page<T>, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(ready) = self.ready.pop_front() {
            return Poll::Ready(Some(ready));
        }
        let token = self.pager.token().map(str::to_owned);
        let opened = match ready!(self.pager.poll(context)) {
            Some(Ok(opened)) => opened,
            Some(Err(error)) => return Poll::Ready(Some(Err(error))),
            None => return Poll::Ready(None),
        };
        let Fetched {
            page,
            records,
            cut_off,
        } = opened;
        let records = records.into_iter().map(|(_, error)| Err(error));
        self.ready.extend(records);
        self.ready.push_back(Ok(page));
        self.ready.extend(cut_off.map(Err));
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
/// A [`Stream`]; [`try_next`](Self::try_next) works without the trait. A record that does
/// not decode is an error for which [`Error::is_record`] holds, and the next item follows.
/// A page that cannot be fetched is one error; polling again asks for the same page.
#[must_use = "a stream does nothing until it is polled"]
pub struct Items<T> {
    pager: Pager<T>,
    items: std::vec::IntoIter<T>,
    records: Peekable<std::vec::IntoIter<(usize, Error)>>,
    cut_off: Option<Error>,
    /// The place of the next item in its page.
    index: usize,
}

/// All that a list has; see [`Items::collect_all`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Collected<T> {
    /// The items of all pages.
    pub items: Vec<T>,
    /// The records that could not be decoded; nearly always none.
    pub odd: Vec<OddRecord>,
}

impl<T> Items<T> {
    /// Whether every page from the first on has come and every record of them was given
    /// out. `false` until the stream has ended. It cannot know of changes on the server in
    /// the meantime.
    pub fn is_complete(&self) -> bool {
        self.pager.is_complete() && self.items.len() == 0
    }
}

impl<T: DeserializeOwned> Items<T> {
    pub(crate) fn new(list: impl List, reading: Reading<T>) -> Self {
        Self {
            pager: Pager::new(list, reading),
            items: Vec::new().into_iter(),
            records: Vec::new().into_iter().peekable(),
            cut_off: None,
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
    /// As the call itself, and also when a record does not decode, when the server's tokens
    /// go in a circle, and when the list goes on without saying how. After the last two the
    /// stream ends, and [`is_complete`](Self::is_complete) stays `false`.
    pub async fn try_next(&mut self) -> Result<Option<T>, Error> {
        next(self).await
    }

    /// All items of all pages, and apart from them the records that do not decode.
    ///
    /// # Errors
    ///
    /// When a page cannot be fetched, as [`try_next`](Self::try_next). So a result is
    /// everything that the list has.
    pub async fn collect_all(mut self) -> Result<Collected<T>, Error> {
        let mut all = Collected {
            items: Vec::new(),
            odd: Vec::new(),
        };
        loop {
            match self.try_next().await {
                Ok(Some(item)) => all.items.push(item),
                Ok(None) => return Ok(all),
                Err(error) => all.odd.push(error.into_record()?),
            }
        }
    }

    /// The next of this page.
    fn next_here(&mut self) -> Option<Result<T, Error>> {
        let index = self.index;
        self.index += 1;
        if let Some((_, error)) = self.records.next_if(|(at, _)| *at == index) {
            return Some(Err(error));
        }
        let item = self.items.next().map(Ok);
        item.or_else(|| self.cut_off.take().map(Err))
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
                Some(Ok(Fetched {
                    page,
                    records,
                    cut_off,
                })) => {
                    self.items = page.items.into_iter();
                    self.records = records.into_iter().peekable();
                    self.cut_off = cut_off;
                    self.index = 0;
                }
            }
        }
    }
}

impl<T> Unpin for Items<T> {}

impl<T> fmt::Debug for Items<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the token, which may show what is asked for.
        f.debug_struct("Items")
            .field("complete", &self.is_complete())
            .finish_non_exhaustive()
    }
}
