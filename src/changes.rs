//! What has changed in a list since the last time.
//!
//! The API cannot be asked for what has changed. It can be asked for a list by `updated_at`,
//! newest first, and a walk over that can stop where it meets what was there before. How it
//! loses nothing in doing so is in `changes/walk.rs`. A poll when nothing has changed costs
//! one request.

mod cursor;
mod row;
#[cfg(test)]
mod schedules;
mod walk;

use std::borrow::Cow;
use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use serde::de::DeserializeOwned;

use crate::call::Received;
use crate::envelope::Reading;
use crate::error::{Error, Kind};
use crate::odd::OddRecord;
use crate::pagination::{Fetch, List, next};

pub use cursor::{Cursor, CursorError};
pub(crate) use row::Row;
use row::Version;
use walk::{Ask, By, Walk};

/// The overlap of two walks, where none is chosen.
const OVERLAP: Duration = Duration::from_secs(5 * 60);

/// A list that shows what has changed; implemented by the generated builders of those.
pub(crate) trait Changing: List {
    /// In the order of a field, the highest first, with so many rows on a page.
    fn by(self, field: &'static str, page_size: Option<u32>) -> Self;
}

/// `changed_since`, for a builder of a list with these setters.
macro_rules! changed_since {
    ($name:ident, $place:literal, $item:ty) => {
        impl crate::changes::Changing for $name {
            fn by(self, field: &'static str, page_size: ::std::option::Option<u32>) -> Self {
                let list = self.sort_field(field).sort_direction("desc");
                match page_size {
                    Some(size) => list.page_size(size),
                    None => list,
                }
            }
        }

        impl $name {
            /// What has changed since a [`Cursor`](crate::Cursor), or since a
            /// [`Timestamp`](jiff::Timestamp): new records, and those whose `updated_at` is
            /// newer, newest first. See [`Changes`](crate::Changes) for what is promised,
            /// what it costs, and when to keep the next cursor.
            ///
            #[doc = concat!("Sends `", $place, "`, with the filters that were set; once if")]
            /// what has changed fits on one page. It chooses the order and the pages itself,
            /// so a `sort_field`, a `sort_direction` and a page token are refused.
            pub fn changed_since(
                mut self,
                cursor: impl ::std::convert::Into<crate::Cursor>,
            ) -> crate::Changes<$item> {
                let problems = &mut self.call.problems;
                for (name, is_set) in [
                    ("sort_field", self.sort_field.is_some()),
                    ("sort_direction", self.sort_direction.is_some()),
                    ("page_token", self.page_token.is_some()),
                ] {
                    if is_set || problems.concern(name) {
                        let why = format!("`{name}`: `changed_since` chooses it itself");
                        problems.add("changed_since", why);
                    }
                }
                let reading = crate::envelope::Reading::of_the_api();
                crate::Changes::new(self, cursor.into(), reading)
            }
        }
    };
}
pub(crate) use changed_since;

/// What has changed in a list; made by `changed_since` of the lists that show it.
///
/// A [`Stream`]; [`try_next`](Self::try_next) works without the trait. A record that does not
/// decode is an error for which [`Error::is_record`] holds, and the next one follows. A page
/// that cannot be fetched is one error; polling again asks for the same page.
///
/// ```no_run
/// use huntress::Cursor;
///
/// # fn kept() -> Option<Cursor> { None }
/// # fn keep(_: &str) {}
/// # async fn f(client: huntress::Client) -> Result<(), huntress::Error> {
/// let cursor = kept().unwrap_or_else(Cursor::beginning);
/// let mut changes = client.list_incident_reports().changed_since(cursor);
/// loop {
///     match changes.try_next().await {
///         Ok(Some(incident)) => println!("{} {:?}", incident.id, incident.status),
///         Ok(None) => break,
///         // One record cannot be read; its JSON is in the error, and the next one follows.
///         Err(error) if error.is_record() => eprintln!("{error}"),
///         // A page did not come. The old cursor is still right.
///         Err(error) => return Err(error),
///     }
/// }
/// // All of it is where it belongs: only now is the cursor kept.
/// if let Some(cursor) = changes.cursor() {
///     keep(&cursor.to_string());
/// }
/// # Ok(())
/// # }
/// ```
///
/// A list whose records do not say when they changed has no `changed_since`:
///
/// ```compile_fail
/// # fn f(client: huntress::Client) {
/// client.list_accounts().changed_since(huntress::Cursor::beginning());
/// # }
/// ```
///
/// # What is promised
///
/// At least once: whoever keeps [`cursor`](Self::cursor) after everything that was given out
/// is stored, and begins the next walk there, gets each record as it is at the end, whatever
/// changes during a walk and wherever a program is killed. It gets a record again where it
/// was killed before it kept the cursor. So store by `id`, and let what is newer win.
///
/// It holds where the list is in the order of `updated_at`, where a change is visible within
/// the [`overlap`](Self::overlap) after its `updated_at`, and where a token stands for a
/// moment: the next page begins after the last record, or after or with the second in which
/// that was changed. (Nobody says which it is. A token that stood for the number of records
/// to leave out would lose one where more are deleted during a walk than two pages share.)
/// The local clock plays no part in it; a boundary is no later than the `Date` of the answer,
/// so that a record with a date in the future hides nothing.
///
/// What it cannot show: deleted records, records that no filter lets through any more, and
/// changes that do not move `updated_at`. A full [`stream`](crate::calls::ListAgents::stream)
/// shows what is still there.
///
/// A record whose `updated_at` is missing or cannot be read is given out by each walk that
/// meets it. Where the server puts it last, only a walk from the beginning does.
///
/// What the cursor knows is told by the whole record, not by its `id` and `updated_at` alone:
/// these are the same after a second change within one second. So a record of the overlap
/// comes again if it is no longer the same, although its `updated_at` is.
///
/// # What it costs
///
/// One request where the changes fit on a page (500 records). Otherwise two for each page
/// but the last, since each is asked for again to be left at the end of a second. From the
/// beginning, or where one second (or records without a date) fill a page, the whole list is
/// read by id instead, one request a page: 21 requests for 10,000 records. The order is that
/// of the ids there.
///
/// Memory: a page, and about 50 bytes for each record that was met.
#[must_use = "a stream does nothing until it is polled"]
pub struct Changes<T> {
    walk: Walk,
    fetch: Box<dyn Fn(Ask) -> Fetch + Send + Sync>,
    key: Cow<'static, str>,
    reading: Reading<Row<T>>,
    under_way: Option<Fetch>,
    /// What was not given out yet.
    ready: VecDeque<(Version, Result<T, Error>)>,
    cut_off: Option<Error>,
    order: Order,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    NewestFirst,
    /// To be collected, and sorted at the end.
    Collecting,
    /// Sorted, with the date of what was given out last.
    OldestFirst(Option<jiff::Timestamp>),
}

/// All that has changed; see [`Changes::collect_all`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Changed<T> {
    /// The records that have changed.
    pub items: Vec<T>,
    /// Those that could not be decoded; nearly always none.
    pub odd: Vec<OddRecord>,
    /// Where the next walk begins. Keep it once the items are stored.
    pub cursor: Cursor,
}

impl<T> Changes<T> {
    /// How far the walk reaches back behind the cursor, 5 minutes unless chosen: the longest
    /// time that may pass between a record's `updated_at` and the moment when the list shows
    /// it. What the cursor knows is not given out again. More of it makes cursors longer, and
    /// pages fuller where much has changed. It has no effect after the first page.
    pub fn overlap(mut self, overlap: Duration) -> Self {
        self.walk.set_overlap(overlap);
        self
    }

    /// Gives the oldest change first, as a log wants it. Everything is collected before the
    /// first record is given out, so all changed records are in memory at once: allow two to
    /// three kilobytes for each. In return there is a [`cursor`](Self::cursor) after each
    /// record, so that a long walk need not begin again. Records without a date come first.
    pub fn oldest_first(mut self) -> Self {
        self.order = Order::Collecting;
        self
    }

    /// Where the next walk begins. Keep it after everything that was given out is stored.
    ///
    /// `None` until the last record was given out, since what is missing is older than what
    /// came. `None` for ever where the list was cut off: the old cursor is still right then.
    ///
    /// With [`oldest_first`](Self::oldest_first) it is there after each record, and stands
    /// for all that were given out so far. It is made when it is asked for, from everything
    /// that is still to come: ask now and then where there are thousands.
    pub fn cursor(&self) -> Option<Cursor> {
        if !self.walk.is_complete() {
            return None;
        }
        match self.order {
            _ if self.ready.is_empty() => Some(self.walk.cursor()),
            Order::NewestFirst | Order::Collecting => None,
            Order::OldestFirst(last) => {
                let rest = self.ready.iter().map(|(version, _)| version.digest);
                let rest: HashSet<_> = rest.collect();
                Some(self.walk.cursor_before(last, &rest))
            }
        }
    }

    /// How many records were left out so far because the cursor knew them.
    pub fn repeats(&self) -> usize {
        self.walk.repeats()
    }

    /// How many pages have come so far.
    pub fn requests(&self) -> usize {
        self.walk.requests()
    }

    /// The next that can be given out now.
    fn next_ready(&mut self) -> Option<Result<T, Error>> {
        let over = self.walk.ask().is_none();
        if self.order == Order::Collecting {
            if !over {
                return None;
            }
            // From the end, so that within a moment it is the other way round, too.
            self.ready.make_contiguous().reverse();
            self.ready
                .make_contiguous()
                .sort_by_key(|(version, _)| version.at);
            self.order = Order::OldestFirst(None);
        }
        if let Some((version, item)) = self.ready.pop_front() {
            if let Order::OldestFirst(last) = &mut self.order {
                *last = version.at;
            }
            return Some(item);
        }
        self.cut_off.take().map(Err)
    }
}

impl<T: DeserializeOwned> Changes<T> {
    pub(crate) fn new<L: Changing>(mut list: L, cursor: Cursor, reading: Reading<Row<T>>) -> Self {
        list.choose_page_size();
        let key = list.key();
        let fetch = move |Ask { by, token, size }| {
            let field = match by {
                By::Time => "updated_at",
                By::Id => "id",
            };
            let mut list = list.clone().by(field, size);
            list.set_page_token(token);
            Box::pin(async move { list.prepare()?.send().await }) as Fetch
        };
        Self {
            walk: Walk::new(cursor, OVERLAP),
            fetch: Box::new(fetch),
            key,
            reading,
            under_way: None,
            ready: VecDeque::new(),
            cut_off: None,
            order: Order::NewestFirst,
        }
    }

    /// The next record that has changed; `None` after the last one.
    ///
    /// # Errors
    ///
    /// As the call itself, and also when a record does not decode, when the server's tokens
    /// go in a circle, and when the list goes on without saying how. After the last two the
    /// stream ends, and there is no cursor.
    pub async fn try_next(&mut self) -> Result<Option<T>, Error> {
        next(self).await
    }

    /// All that has changed, apart from it the records that do not decode, and the next
    /// cursor.
    ///
    /// # Errors
    ///
    /// When a page cannot be fetched or the list is cut off, as [`try_next`](Self::try_next);
    /// the old cursor is still right then.
    pub async fn collect_all(mut self) -> Result<Changed<T>, Error> {
        let (mut items, mut odd) = (Vec::new(), Vec::new());
        loop {
            match self.try_next().await {
                Ok(Some(item)) => items.push(item),
                Ok(None) => break,
                Err(error) => odd.push(error.into_record()?),
            }
        }
        // It is complete: otherwise there was an error.
        let cursor = self.walk.cursor();
        Ok(Changed { items, odd, cursor })
    }

    /// Decodes a page, and takes of it what is to be given out.
    fn open(&mut self, received: &Received) -> Result<(), String> {
        let (page, next) = received.open(&self.key, self.reading)?;
        let mut rows = Vec::with_capacity(page.items.len() + page.odd.len());
        let mut items = page.items.into_iter();
        let mut odd = page.odd.into_iter().peekable();
        loop {
            let status = received.status();
            let row = if let Some(record) = odd.next_if(|odd| odd.index() == rows.len()) {
                let version = Version::of(record.json());
                (
                    version,
                    Err(received.error(Kind::Record { status, record })),
                )
            } else if let Some(Row { item, version }) = items.next() {
                (version, Ok(item))
            } else {
                break;
            };
            rows.push(row);
        }
        let versions: Vec<_> = rows.iter().map(|(version, _)| *version).collect();
        let taken = self.walk.take(&versions, next, received.date());
        let given = rows.into_iter().zip(taken.give);
        let given = given.filter_map(|(row, give)| give.then_some(row));
        self.ready.extend(given);
        taken.cut_off.map_or(Ok(()), Err)
    }
}

impl<T: DeserializeOwned> Stream for Changes<T> {
    type Item = Result<T, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if let Some(item) = this.next_ready() {
                return Poll::Ready(Some(item));
            }
            let Some(ask) = this.walk.ask() else {
                return Poll::Ready(None);
            };
            let fetch = this.under_way.get_or_insert_with(|| (this.fetch)(ask));
            let result = ready!(fetch.as_mut().poll(context));
            this.under_way = None;
            let received = match result {
                Ok(received) => received,
                Err(error) => return Poll::Ready(Some(Err(error))),
            };
            if let Err(problem) = this.open(&received) {
                let error = received.undecodable(problem);
                if this.walk.ask().is_some() {
                    return Poll::Ready(Some(Err(error)));
                }
                this.cut_off = Some(error);
            }
        }
    }
}

impl<T> Unpin for Changes<T> {}

impl<T> fmt::Debug for Changes<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the tokens, which may show what is asked for.
        f.debug_struct("Changes")
            .field("complete", &self.walk.is_complete())
            .field("requests", &self.requests())
            .finish_non_exhaustive()
    }
}
