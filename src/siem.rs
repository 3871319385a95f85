//! The log of the SIEM: every row of it once, for hours or for years.
//!
//! The API answers ES|QL queries over a range of time
//! ([`Client::query_siem`](crate::Client::query_siem) is that call as it is). A program that
//! forwards the log needs more: ranges that the server can answer, rows that were late, and
//! a place to go on from after a restart. [`Client::siem`](crate::Client::siem) does that:
//!
//! ```no_run
//! # async fn f(client: huntress::Client) -> Result<(), Box<dyn std::error::Error>> {
//! # fn saved() -> Option<huntress::siem::Checkpoint> { None }
//! # fn save(_: &huntress::siem::Checkpoint) {}
//! use std::time::Duration;
//!
//! let query = client.siem("FROM logs | KEEP uuid, @timestamp, host.name, message");
//! let query = match saved() {
//!     Some(checkpoint) => query.from(checkpoint),
//!     None => query.since("2026-03-01T00:00:00Z".parse()?),
//! };
//! let mut windows = query.follow(Duration::from_secs(300)).windows();
//! loop {
//!     match windows.try_next().await {
//!         Ok(Some(window)) => {
//!             for row in &window.rows {
//!                 println!("{row}");
//!             }
//!             // In the same transaction as the rows, and every row is there once.
//!             save(&window.checkpoint);
//!         }
//!         Ok(None) => break,
//!         // It is tried again, after a pause.
//!         Err(error) => eprintln!("{error}"),
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Or row by row, over a range that ends:
//!
//! ```no_run
//! # async fn f(client: huntress::Client) -> Result<(), Box<dyn std::error::Error>> {
//! # let (start, end) = ("2026-03-01T00:00:00Z".parse()?, "2026-03-02T00:00:00Z".parse()?);
//! let mut rows = client.siem("FROM logs | KEEP uuid, message").range(start, end).rows();
//! while let Some(row) = rows.try_next().await? {
//!     println!("{}", row.text("message").unwrap_or_default());
//! }
//! let checkpoint = rows.checkpoint();
//! # Ok(())
//! # }
//! ```
//!
//! # How it reads
//!
//! - A range is read in windows of at most an hour ([`window`](Query::window)). A window that
//!   the server cannot answer (408, 413) is halved, down to a second, and windows grow again
//!   after some that gave no trouble. The same query is never sent again after a 408 or 413,
//!   unless it is for a second and the walk follows.
//! - It ends five minutes ago ([`lag`](Query::lag)), because logs take time to arrive. The
//!   next range begins ten minutes before that ([`overlap`](Query::overlap)), and rows that
//!   came already are left out, by their `uuid`. So a row that was up to fifteen minutes late
//!   is not lost. (It is 'now' by the clock of this machine. One that is fast takes away from
//!   the fifteen minutes; one that is slow only makes rows come later.)
//! - A query answers at most as many rows as its `LIMIT` says, or else the server's own limit,
//!   which is not documented, without a word about the rest. So a window with as many rows
//!   as the `LIMIT` (without one, with 1,000 or 10,000) is taken for cut off, and halved. If
//!   even a second is cut off, that is an error that says to raise the `LIMIT`. Since the
//!   server may have yet another limit, a window with 200, 300, 400 or so on rows is halved,
//!   too, which gives one window in a hundred a second look; a second with such a number is
//!   taken as it is, with a warning. `| LIMIT 10000` at the end of a query allows the longest
//!   windows.
//! - A [`Checkpoint`] exists only for complete windows. Kept after the rows were dealt with,
//!   every row comes at least once; kept together with them, exactly once.
//!
//! # What it costs
//!
//! A request answers at most 200 rows, and each window takes one at least. With the whole
//! quota of 60 requests a minute that is at most 12,000 rows a minute, and nothing is left for
//! others: [`max_requests_per_minute`](Query::max_requests_per_minute) leaves them the rest.
//!
//! A walk that follows asks for the overlap again in each round. With a round every five
//! minutes, and an overlap of ten, every row is asked for three times, so it keeps up with
//! 4,000 rows a minute; with a round every minute, with 1,100. A longer pause between rounds
//! and a shorter overlap cost less.
//!
//! A window is held in memory until it is complete, which is at most some 20,000 rows, unless
//! a single second has more.
//!
//! # What a query must be
//!
//! It begins with `FROM logs` and answers line by line: `WHERE`, `KEEP`, `DROP`, `RENAME`,
//! `EVAL`, `SORT`, `LIMIT`, `DISSECT`, `GROK` and `ENRICH`. `STATS` and the like would give
//! another result in each window, so they are refused; ask for them with `query_siem`. Name
//! the columns with `KEEP`, and `uuid` among them: without `KEEP` rows have been seen to hold
//! only `uuid` and `organization_id`, whatever the API's document says, and a row without a
//! `uuid` cannot be recognised when it comes again. Both are logged as warnings.
//!
//! There is no such call for a managed account (`for_account`): the API has none.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::de::DeserializeOwned;

use crate::client::Client;
use crate::rate_limit::RateLimiter;

mod checkpoint;
mod esql;
mod plan;
mod row;
#[cfg(test)]
mod schedules;
mod walk;

pub use checkpoint::Checkpoint;
pub use row::Row;
pub use walk::{Rows, Window, Windows};

use plan::{Plan, Settings};
use walk::{Clock, Walk};

const WINDOW: Duration = Duration::from_secs(60 * 60);
const LAG: Duration = Duration::from_secs(5 * 60);
const MINUTE: Duration = Duration::from_secs(60);

impl Client {
    /// Reads the log of the SIEM by a query in ES|QL, such as
    /// `FROM logs | KEEP uuid, @timestamp, message`; see [`siem`](crate::siem). Sends nothing
    /// yet. It calls `POST /v1/siem/query`.
    pub fn siem(&self, esql: impl Into<String>) -> Query {
        Query {
            client: self.clone(),
            esql: esql.into(),
            from: None,
            until: None,
            window: WINDOW,
            lag: LAG,
            overlap: None,
            every: None,
            pace: None,
            clock: Arc::new(Timestamp::now),
        }
    }
}

/// A query of the log, and how to read it; made by [`Client::siem`](crate::Client::siem).
///
/// It needs to know where to begin: [`range`](Self::range), [`since`](Self::since) or
/// [`from`](Self::from).
#[derive(Clone)]
#[must_use = "a query does nothing until its rows are asked for"]
pub struct Query {
    client: Client,
    esql: String,
    from: Option<Checkpoint>,
    until: Option<Timestamp>,
    window: Duration,
    lag: Duration,
    overlap: Option<Duration>,
    every: Option<Duration>,
    pace: Option<RateLimiter>,
    clock: Clock,
}

impl Query {
    /// Reads from `start` on. Ranges are sent in whole seconds, so this is rounded down, and
    /// [`until`](Self::until) up.
    pub fn since(self, start: Timestamp) -> Self {
        self.from(Checkpoint::new(
            start.as_second() - i64::from(start.subsec_nanosecond() < 0),
        ))
    }

    /// Goes on from where an earlier walk was complete. Rows that came after that are given
    /// out, also those with an earlier time, as far back as [`overlap`](Self::overlap) goes.
    pub fn from(mut self, checkpoint: Checkpoint) -> Self {
        self.from = Some(checkpoint);
        self
    }

    /// Reads up to `end`; up to now less the [`lag`](Self::lag) by default, and never further
    /// than that. Where `end` is later, the walk ends there, or goes on to it if it
    /// [follows](Self::follow).
    pub fn until(mut self, end: Timestamp) -> Self {
        self.until = Some(end);
        self
    }

    /// [`since`](Self::since) and [`until`](Self::until).
    pub fn range(self, start: Timestamp, end: Timestamp) -> Self {
        self.since(start).until(end)
    }

    /// The longest range to ask for at once; an hour by default, at least a second. A range
    /// with too much in it is halved in any case, so a longer one only saves requests, where
    /// the log has less than 200 rows an hour.
    pub fn window(mut self, window: Duration) -> Self {
        self.window = window;
        self
    }

    /// How long a log line may take until it can be found; five minutes by default. Nothing
    /// that is newer is read, so the rows are that old when they come.
    pub fn lag(mut self, lag: Duration) -> Self {
        self.lag = lag;
        self
    }

    /// How far each round of a walk that [follows](Self::follow), and a walk
    /// [from](Self::from) a checkpoint, looks back for lines that were later than the
    /// [`lag`](Self::lag); twice the lag by default.
    pub fn overlap(mut self, overlap: Duration) -> Self {
        self.overlap = Some(overlap);
        self
    }

    /// Goes on for ever: looks for new rows again and again, with a pause of `every` between
    /// two rounds. An error is given out, and the window that it is of is asked for again
    /// after a pause, which doubles from a second to a minute (or to `every` if that is more).
    pub fn follow(mut self, every: Duration) -> Self {
        self.every = Some(every);
        self
    }

    /// The requests that it makes in any minute at most; all of the account's quota by
    /// default. 0 counts as 1. Attempts that failed and were made again are not counted.
    pub fn max_requests_per_minute(mut self, requests: usize) -> Self {
        self.pace = Some(RateLimiter::new(requests, MINUTE));
        self
    }

    /// What time it is; the clock of this machine by default. For tests that have a time of
    /// their own. Pauses are not measured by it.
    pub fn clock(mut self, now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(now);
        self
    }

    /// The rows, one after the other.
    ///
    /// A query that cannot be read in windows, or no beginning, or a range that ends before
    /// it begins or begins in the future, is the first thing that the stream gives, as an
    /// error ([`is_invalid_request`](crate::Error::is_invalid_request)), and the last.
    pub fn rows(self) -> Rows<Row> {
        self.rows_as()
    }

    /// The rows in a type of the caller's; as [`rows`](Self::rows).
    pub fn rows_as<T: DeserializeOwned + Send + 'static>(self) -> Rows<T> {
        Rows::new(self.walk())
    }

    /// The rows window by window, each with the checkpoint after it: for a consumer that
    /// commits both together. As [`rows`](Self::rows), but rows that do not decode are in
    /// [`Window::odd`].
    pub fn windows(self) -> Windows<Row> {
        self.windows_as()
    }

    /// The same with rows in a type of the caller's.
    pub fn windows_as<T: DeserializeOwned + Send + 'static>(self) -> Windows<T> {
        Windows::new(self.walk())
    }

    fn walk(self) -> Walk {
        let now = (self.clock)();
        let until = self.until.map(|end| {
            let second = end.as_second();
            second + i64::from(end.subsec_nanosecond() > 0)
        });
        let checked = check(self.from.as_ref(), until, now.as_second());
        let esql = checked.and_then(|()| esql::read(&self.esql));
        let (esql, refused) = match esql {
            Ok(esql) => (esql, None),
            Err(problem) => (esql::Esql::default(), Some(problem)),
        };
        if let Some(warning) = esql.warning {
            tracing::warn!("{warning}");
        }
        let settings = Settings {
            window: seconds(self.window).max(1),
            lag: seconds(self.lag),
            overlap: seconds(self.overlap.unwrap_or(self.lag.saturating_mul(2))),
            until,
            follows: self.every.is_some(),
            limit: esql.limit,
        };
        let from = self.from.unwrap_or_else(|| Checkpoint::new(0));
        Walk {
            client: self.client,
            esql: self.esql,
            plan: Plan::new(settings, from),
            every: self.every,
            pace: self.pace,
            clock: self.clock,
            refused,
            rest_until: None,
            failures: 0,
            told: false,
            over: false,
        }
    }
}

impl std::fmt::Debug for Query {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Not the text, which may say what is looked for.
        f.debug_struct("Query")
            .field("window", &self.window)
            .field("lag", &self.lag)
            .field("every", &self.every)
            .finish_non_exhaustive()
    }
}

/// Refuses a range in which there can be nothing.
fn check(from: Option<&Checkpoint>, until: Option<i64>, now: i64) -> Result<(), String> {
    let at = checkpoint::moment;
    let Some(Checkpoint { origin, done, .. }) = from else {
        return Err("it is not said where to begin: call `range`, `since` or `from`".to_owned());
    };
    if *origin >= now {
        let (origin, now) = (at(*origin), at(now));
        return Err(format!(
            "the range begins at {origin}, but it is only {now}"
        ));
    }
    match until {
        // A checkpoint may be at its end, or after it, when all has been read.
        Some(until) if until <= *origin && origin == done => {
            let (origin, until) = (at(*origin), at(until));
            Err(format!("the range begins at {origin} and ends at {until}"))
        }
        _ => Ok(()),
    }
}

/// Whole ones, rounded up.
fn seconds(duration: Duration) -> i64 {
    let begun = u64::from(duration.subsec_nanos() > 0);
    let whole = duration.as_secs().saturating_add(begun);
    // As long as there has been time.
    whole.min(1 << 40) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_in_which_there_can_be_nothing_is_refused() {
        let from = |origin, done| {
            let mut checkpoint = Checkpoint::new(origin);
            checkpoint.done = done;
            Some(checkpoint)
        };
        for (from, until, expected) in [
            (None, Some(50), Some("call `range`, `since` or `from`")),
            (from(10, 10), Some(50), None),
            (from(10, 10), None, None),
            (from(10, 10), Some(5_000), None),
            (from(10, 10), Some(10), Some("ends at 1970-01-01T00:00:10Z")),
            (from(10, 10), Some(5), Some("ends at 1970-01-01T00:00:05Z")),
            (from(10, 50), Some(50), None),
            (from(10, 60), Some(50), None),
            (
                from(1_000, 1_000),
                None,
                Some("it is only 1970-01-01T00:16:40Z"),
            ),
        ] {
            let checked = check(from.as_ref(), until, 1_000);
            match expected {
                None => assert_eq!(checked, Ok(()), "{from:?} {until:?}"),
                Some(why) => assert!(checked.unwrap_err().contains(why), "{from:?} {until:?}"),
            }
        }
    }

    #[test]
    fn seconds_are_rounded_away_from_what_would_be_lost() {
        for (millis, expected) in [(0, 0), (1, 1), (999, 1), (1_000, 1), (1_001, 2)] {
            assert_eq!(seconds(Duration::from_millis(millis)), expected);
        }
        assert!(seconds(Duration::MAX) > 1_000_000_000_000);
    }
}
