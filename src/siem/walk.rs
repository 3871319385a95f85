//! The walk over a log: asks for the ranges that the plan decides on, and gives out windows.
//!
//! A window is given out as a whole, with the checkpoint after it. So one that turns out to
//! be too large, or cut off, in the middle of its pages leaves nothing behind that would
//! have to be taken back; and a consumer can commit rows and checkpoint together.

use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use http::{Method, StatusCode};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tokio::time::{Instant, sleep_until};

use super::checkpoint::{Checkpoint, RowId, moment};
use super::plan::{MOST_ROWS, Plan, Span, Step, Whole};
use super::row::glance;
use crate::calls;
use crate::client::Client;
use crate::envelope::{self, Reading};
use crate::error::{Error, Kind};
use crate::odd::OddRecord;
use crate::operation::Operation;
use crate::pagination::Pages;
use crate::rate_limit::{Lane, RateLimiter, Turn};
use crate::retry::Access;
use crate::types;

/// The key of the rows in a page.
const KEY: &str = "logs";
/// The longest pause after an error, unless rounds are further apart.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What time it is.
pub(crate) type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What a walk needs to ask.
pub(crate) struct Walk {
    pub(crate) client: Client,
    pub(crate) esql: String,
    pub(crate) plan: Plan,
    /// How often a new round begins.
    pub(crate) every: Option<Duration>,
    /// Its own share of the quota.
    pub(crate) pace: Option<RateLimiter>,
    pub(crate) clock: Clock,
    /// What was wrong with the query, to be told once.
    pub(crate) refused: Option<String>,
    /// Not before this.
    pub(crate) rest_until: Option<Instant>,
    /// Errors in a row.
    pub(crate) failures: u32,
    /// It was said that rows are bare, or that they have no uuid.
    pub(crate) told: bool,
    pub(crate) over: bool,
}

/// A complete window, as it is given out.
struct Batch<T> {
    span: Span,
    rows: Vec<Result<T, Error>>,
    checkpoint: Checkpoint,
}

/// A row of a window that may not be complete yet.
struct Found<T> {
    id: Option<RowId>,
    row: Result<T, Error>,
}

/// What became of asking for a window.
enum Asked<T> {
    All(Vec<Found<T>>),
    /// The server could not answer it, or it has more rows than are held at a time.
    TooLarge(Error),
    Failed(Error),
}

impl Walk {
    /// The next window; `None` at the end.
    async fn next<T: DeserializeOwned>(&mut self) -> Option<Result<Batch<T>, Error>> {
        if self.over {
            return None;
        }
        if let Some(problem) = self.refused.take() {
            self.over = true;
            return Some(Err(Error::refused(operation(), problem)));
        }
        loop {
            if let Some(at) = self.rest_until {
                sleep_until(at).await;
                self.rest_until = None;
            }
            let now = (self.clock)().as_second();
            let span = match self.plan.next(now) {
                Step::Read(span) => span,
                Step::Wait => {
                    self.rest_until = self.every.map(|every| Instant::now() + every);
                    continue;
                }
                Step::End => {
                    self.over = true;
                    return None;
                }
            };
            let asked = self.ask(span).await;
            if let Some(ended) = self.settle(span, asked) {
                return Some(ended);
            }
        }
    }

    /// What comes of a window that was asked for; `None` to ask for shorter ones.
    fn settle<T>(&mut self, span: Span, asked: Asked<T>) -> Option<Result<Batch<T>, Error>> {
        let found = match asked {
            Asked::All(found) => found,
            Asked::TooLarge(error) => {
                tracing::info!(?span, %error, "a window is too large and is halved");
                return self.halve(span, error);
            }
            Asked::Failed(error) => {
                if error.is_timeout() {
                    // It may have been too much; if not, windows grow again.
                    let _ = self.plan.halve(span);
                }
                return Some(Err(self.failed(error)));
            }
        };
        match self.plan.is_whole(found.len()) {
            Whole::Yes => {}
            Whole::Doubtful if span.is_shortest() => tracing::warn!(
                rows = found.len(),
                second = %moment(span.start),
                "a second has so round a number of rows that some may have been cut off"
            ),
            Whole::No | Whole::Doubtful => {
                tracing::info!(
                    ?span,
                    rows = found.len(),
                    "a window may be cut off and is halved"
                );
                return self.halve(span, cut_off(span, found.len()));
            }
        }
        self.failures = 0;
        let (ids, rows): (Vec<_>, Vec<_>) =
            found.into_iter().map(|found| (found.id, found.row)).unzip();
        let new = self.plan.complete(span, &ids);
        let rows = rows.into_iter().zip(new);
        let rows = rows.filter_map(|(row, new)| new.then_some(row)).collect();
        Some(Ok(Batch {
            span,
            rows,
            checkpoint: self.plan.checkpoint().clone(),
        }))
    }

    fn halve<T>(&mut self, span: Span, error: Error) -> Option<Result<Batch<T>, Error>> {
        if self.plan.halve(span).is_continue() {
            return None;
        }
        // The same query would fare no better now.
        self.over = self.every.is_none();
        Some(Err(self.failed(error)))
    }

    /// Notes an error that is given out: a walk that follows has a pause after it.
    fn failed(&mut self, error: Error) -> Error {
        self.failures = self.failures.saturating_add(1);
        if let Some(every) = self.every {
            let pause = pause(self.failures, every).mul_f64(0.5 + fastrand::f64() / 2.0);
            self.rest_until = Some(Instant::now() + pause);
        }
        error
    }

    /// Asks for all pages of a window.
    async fn ask<T: DeserializeOwned>(&mut self, span: Span) -> Asked<T> {
        let body = types::QuerySiem::new(&*self.esql, moment(span.start), moment(span.end));
        let call = calls::QuerySiem::new(&self.client, None, body);
        let mut pages = Pages::<Box<RawValue>>::new(call, Reading::of_the_caller());
        let mut found = Vec::new();
        loop {
            let turn = match &self.pace {
                Some(pace) => match pace.slot(Lane::Read, Turn::Last, Duration::ZERO).await {
                    Ok(turn) => Some(turn),
                    Err(error) => return Asked::Failed(error),
                },
                None => None,
            };
            let page = pages.try_next().await;
            if let Some(turn) = turn {
                turn.accepted(None);
            }
            match page {
                Ok(Some(page)) => self.take(&mut found, &page.items),
                Ok(None) => return Asked::All(found),
                Err(error) if is_too_large(&error) => return Asked::TooLarge(error),
                Err(error) => return Asked::Failed(error),
            }
            if pages.is_complete() {
                return Asked::All(found);
            }
            if found.len() > MOST_ROWS && !span.is_shortest() {
                return Asked::TooLarge(cut_off(span, found.len()));
            }
        }
    }

    /// Takes the rows of a page.
    fn take<T: DeserializeOwned>(&mut self, found: &mut Vec<Found<T>>, rows: &[Box<RawValue>]) {
        let mut bare = !rows.is_empty();
        let mut nameless = false;
        for (index, json) in rows.iter().map(|row| row.get()).enumerate() {
            let glance = glance(json);
            bare &= glance.as_ref().is_some_and(|glance| glance.is_bare);
            let uuid = glance.and_then(|glance| glance.uuid);
            let row = envelope::record(json, KEY, index).map_err(broken);
            // What cannot be read may still come again.
            let id = match (uuid, &row) {
                (Some(uuid), _) => Some(RowId::new(uuid)),
                (None, Err(_)) => Some(RowId::Text(json.to_owned())),
                (None, Ok(_)) => None,
            };
            nameless |= id.is_none();
            found.push(Found { id, row });
        }
        if (bare || nameless) && !self.told {
            self.told = true;
            if bare {
                tracing::warn!(
                    "the rows have nothing but `uuid` and `organization_id`: name the wanted columns with KEEP"
                );
            } else {
                tracing::warn!(
                    "some rows have no `uuid`, so they come again where ranges overlap: name it with KEEP"
                );
            }
        }
    }
}

fn operation() -> Operation {
    Operation::new("query_siem", Access::Query, Method::POST, "/v1/siem/query")
}

fn broken(record: OddRecord) -> Error {
    let status = StatusCode::OK;
    Error::new(Kind::Record { status, record }).of(operation())
}

fn cut_off(span: Span, rows: usize) -> Error {
    let problem = format!(
        "the second from {} has {rows} rows or more, and more may have been cut off: raise the \
         query's LIMIT (`| LIMIT 10000`), or ask for fewer rows with WHERE",
        moment(span.start)
    );
    Error::refused(operation(), problem)
}

/// The fault of the query, which would fail again.
fn is_too_large(error: &Error) -> bool {
    let status = error.status();
    status == Some(StatusCode::REQUEST_TIMEOUT)
        || status == Some(StatusCode::PAYLOAD_TOO_LARGE)
        || error.is_too_large()
}

/// The longest pause after so many errors in a row.
fn pause(failures: u32, every: Duration) -> Duration {
    let doubled = 1_u64
        .checked_shl(failures.saturating_sub(1).min(32))
        .unwrap_or(u64::MAX);
    Duration::from_secs(doubled).min(LONGEST_PAUSE.max(every))
}

type UnderWay<T> = Pin<Box<dyn Future<Output = (Walk, Option<Result<Batch<T>, Error>>)> + Send>>;

/// A walk that is polled. The future is kept here, so nothing is lost where the caller stops
/// to wait for it.
struct Walker<T> {
    resting: Option<Walk>,
    under_way: Option<UnderWay<T>>,
    checkpoint: Checkpoint,
}

impl<T: DeserializeOwned + Send + 'static> Walker<T> {
    fn new(walk: Walk) -> Self {
        let checkpoint = walk.plan.checkpoint().clone();
        Self {
            resting: Some(walk),
            under_way: None,
            checkpoint,
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Batch<T>, Error>>> {
        if let Some(mut walk) = self.resting.take() {
            self.under_way = Some(Box::pin(async move {
                let next = walk.next().await;
                (walk, next)
            }));
        }
        let Some(under_way) = &mut self.under_way else {
            return Poll::Ready(None);
        };
        let (walk, next) = ready!(under_way.as_mut().poll(context));
        (self.resting, self.under_way) = (Some(walk), None);
        Poll::Ready(next)
    }
}

/// A range of the log that was read to its end; see [`Query::windows`](super::Query::windows).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Window<T> {
    /// Where it begins. Windows overlap, and their rows are not in the order of time unless
    /// the query sorts them.
    pub start: Timestamp,
    /// Where it ends.
    pub end: Timestamp,
    /// The rows that were not in an earlier window; there may be none.
    pub rows: Vec<T>,
    /// The rows that could not be decoded and are not among the others; nearly always none.
    pub odd: Vec<OddRecord>,
    /// To be kept together with the rows: it says that they, and all before them, were
    /// received.
    pub checkpoint: Checkpoint,
}

/// The windows of a log, one after the other; made by
/// [`Query::windows`](super::Query::windows).
///
/// A [`Stream`]; [`try_next`](Self::try_next) works without the trait.
#[must_use = "a stream does nothing until it is polled"]
pub struct Windows<T>(Walker<T>);

impl<T: DeserializeOwned + Send + 'static> Windows<T> {
    pub(crate) fn new(walk: Walk) -> Self {
        Self(Walker::new(walk))
    }

    /// The next window; `None` at the end. Dropping the future loses nothing: the next one
    /// goes on where it was.
    ///
    /// # Errors
    ///
    /// As [`Rows::try_next`], but for rows that do not decode.
    pub async fn try_next(&mut self) -> Result<Option<Window<T>>, Error> {
        poll_fn(|context| Pin::new(&mut *self).poll_next(context))
            .await
            .transpose()
    }
}

impl<T: DeserializeOwned + Send + 'static> Stream for Windows<T> {
    type Item = Result<Window<T>, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = ready!(self.0.poll(context));
        Poll::Ready(next.map(|batch| {
            let batch = batch?;
            let (mut rows, mut odd) = (Vec::with_capacity(batch.rows.len()), Vec::new());
            for row in batch.rows {
                match row.map_err(Error::into_record) {
                    Ok(row) => rows.push(row),
                    Err(Ok(record)) => odd.push(record),
                    Err(Err(error)) => return Err(error),
                }
            }
            Ok(Window {
                start: moment(batch.span.start),
                end: moment(batch.span.end),
                rows,
                odd,
                checkpoint: batch.checkpoint,
            })
        }))
    }
}

/// The rows of a log, one after the other; made by [`Query::rows`](super::Query::rows).
///
/// A [`Stream`]; [`try_next`](Self::try_next) works without the trait.
#[must_use = "a stream does nothing until it is polled"]
pub struct Rows<T> {
    walker: Walker<T>,
    rows: VecDeque<Result<T, Error>>,
    /// Of the window that is given out, until its last row is.
    next: Option<Checkpoint>,
}

impl<T> Rows<T> {
    /// How far the log was read: all rows of complete windows that were given out. It moves on
    /// with the last row of a window, so it is to be kept once that row was dealt with; a
    /// consumer that keeps it together with what became of the rows up to there has every row
    /// once, and one that keeps it later has every row at least once.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.walker.checkpoint
    }
}

impl<T: DeserializeOwned + Send + 'static> Rows<T> {
    pub(crate) fn new(walk: Walk) -> Self {
        Self {
            walker: Walker::new(walk),
            rows: VecDeque::new(),
            next: None,
        }
    }

    /// The next row; `None` at the end, which a walk that follows does not have. Dropping the
    /// future loses nothing: the next one goes on where it was.
    ///
    /// # Errors
    ///
    /// - [`is_record`](Error::is_record): a row does not decode, such as one with half of a
    ///   character in it; [`body`](Error::body) has its text, and the next row follows.
    /// - [`is_invalid_request`](Error::is_invalid_request): the query or its range cannot be
    ///   read in windows (told once, before anything is sent), the server refuses it, or a
    ///   single second has more rows than the query's `LIMIT`.
    /// - Status 408 or 413: the query is too large for the server, even for a second.
    /// - As the call itself.
    ///
    /// After an error polling again asks for the same window, or in shorter ones; where that
    /// would be of no use, the walk ends, unless it follows.
    pub async fn try_next(&mut self) -> Result<Option<T>, Error> {
        poll_fn(|context| Pin::new(&mut *self).poll_next(context))
            .await
            .transpose()
    }
}

impl<T: DeserializeOwned + Send + 'static> Stream for Rows<T> {
    type Item = Result<T, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let row = self.rows.pop_front();
            if self.rows.is_empty()
                && let Some(checkpoint) = self.next.take()
            {
                self.walker.checkpoint = checkpoint;
            }
            if row.is_some() {
                return Poll::Ready(row);
            }
            match ready!(self.walker.poll(context)) {
                Some(Ok(batch)) => {
                    self.rows = batch.rows.into();
                    self.next = Some(batch.checkpoint);
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }
}

impl<T> Unpin for Windows<T> {}
impl<T> Unpin for Rows<T> {}

impl<T> fmt::Debug for Windows<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Windows").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Rows<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows")
            .field("complete_until", &self.checkpoint().complete_until())
            .finish_non_exhaustive()
    }
}
