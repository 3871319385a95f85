//! `huntctl receive`: webhooks, into the store.
//!
//! ```text
//! receive.rs   what a receiver is made of, and what it says
//! endpoint.rs  verifies, stores, answers
//! event.rs     which record an event tells of
//! books.rs     deliveries, events, and what is to be fetched, in the store
//! worker.rs    fetches the records, one after the other or several at once
//! fetch.rs     one record: asked for, written, and its deliveries done
//! keys.rs      whom to ask; plan.rs decides that, and when to ask again
//! measures.rs  what is counted and timed; health.rs whether all is well
//! ```
//!
//! **Killed at any instruction, it loses nothing and does nothing twice.** A delivery is
//! answered by 200 once it is stored together with the wish to fetch its record. The record
//! and the end of that wish are one transaction as well.

mod books;
mod endpoint;
mod event;
mod fetch;
mod health;
mod keys;
mod measures;
mod plan;
mod worker;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use huntress::webhooks::Verifier;
use jiff::Timestamp;
use prometheus_client::registry::Registry;
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use crate::config::Source;
use crate::failure::Failure;
use crate::forward;
use crate::metrics;
use crate::stop::Stop;
use crate::store::Store;
use books::{Arrival, Done};
use health::{Beat, Seldom};
use keys::Keys;
use measures::Measures;

/// How to receive.
#[derive(Clone, Debug)]
pub struct Options {
    /// The path of the endpoint; `/webhooks` by default.
    pub path: String,
    /// How many records are fetched at once; 16 by default. Most of them wait for the quota.
    pub at_once: usize,
    /// For how long a worker has a record unless it says more; 15 seconds by default. So long
    /// nobody fetches what one has that was killed.
    pub lease: Duration,
    /// What this worker is called; made up by default.
    pub worker: String,
    /// How long it takes until a record that could not be fetched is tried again: the first
    /// time, and at most. The default is 5 seconds and 15 minutes.
    pub waits: [Duration; 2],
    /// How long an event may wait for its record until `/healthz` says so; 15 minutes by
    /// default.
    pub stale_after: Duration,
    /// How long the ids of deliveries are kept, and how long a record is tried; 3 days.
    pub keep_ids: Duration,
    /// How long events are kept; 90 days by default.
    pub keep_events: Duration,
}

impl Default for Options {
    fn default() -> Self {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        Self {
            path: "/webhooks".to_owned(),
            at_once: 16,
            lease: Duration::from_secs(15),
            worker: format!("{}-{:08x}", std::process::id(), fastrand::u32(..)),
            waits: [Duration::from_secs(5), Duration::from_secs(15 * 60)],
            stale_after: Duration::from_secs(15 * 60),
            keep_ids: 3 * DAY,
            keep_events: 90 * DAY,
        }
    }
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It tells of no record that the API has, and is kept as it came.
    Event,
    /// Its record was not in the store.
    New,
    /// Its record had changed.
    Changed,
    /// The store had its record already.
    Unchanged,
    /// The API has no such record, or none any more.
    NotFound,
    /// No key can ask for its record.
    NoKey,
    /// Its record has no usable id, so it could not be stored.
    Unreadable,
    /// Its record could not be had for days; `pull` brings it.
    GivenUp,
}

impl Outcome {
    const ALL: [Self; 8] = [
        Self::Event,
        Self::New,
        Self::Changed,
        Self::Unchanged,
        Self::NotFound,
        Self::NoKey,
        Self::Unreadable,
        Self::GivenUp,
    ];

    /// Its name in the store, in metrics and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::New => "new",
            Self::Changed => "changed",
            Self::Unchanged => "unchanged",
            Self::NotFound => "not_found",
            Self::NoKey => "no_key",
            Self::Unreadable => "unreadable",
            Self::GivenUp => "given_up",
        }
    }
}

/// An event of which all is done.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// The id of its delivery.
    pub delivery_id: String,
    /// Its type.
    pub event_type: String,
    /// Its account, where that is known.
    pub account_id: Option<i64>,
    /// The table of its record.
    pub table: Option<&'static str>,
    /// The id of its record.
    pub record_id: Option<i64>,
    /// What became of it.
    pub outcome: Outcome,
    /// From its arrival until now.
    pub took: Duration,
}

impl Told {
    fn of_an_event(arrival: &Arrival) -> Self {
        Self {
            delivery_id: arrival.id.clone(),
            event_type: arrival.event_type.clone(),
            account_id: arrival.about.account_id,
            table: None,
            record_id: None,
            outcome: Outcome::Event,
            took: Duration::ZERO,
        }
    }

    fn of_a_record(
        done: Done,
        subject: event::Subject,
        account_id: Option<i64>,
        outcome: Outcome,
    ) -> Self {
        let took = Timestamp::now().duration_since(done.received_at);
        Self {
            delivery_id: done.id,
            event_type: done.event_type,
            account_id: account_id.or(subject.account_id),
            table: Some(subject.kind.table),
            record_id: Some(subject.id),
            outcome,
            // The clocks of this machine and of the database may differ a little.
            took: Duration::try_from(took).unwrap_or_default(),
        }
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = self.outcome.as_str();
        write!(f, "{:<30} {outcome:<10}", self.event_type)?;
        if let (Some(table), Some(id)) = (self.table, self.record_id) {
            write!(f, " {table} {id}")?;
        }
        if let Some(account) = self.account_id {
            write!(f, ", account {account}")?;
        }
        write!(
            f,
            " ({:.1} s, {})",
            self.took.as_secs_f64(),
            self.delivery_id
        )
    }
}

/// Is told of each event, once all of it is done.
pub type Observer = Arc<dyn Fn(&Told) + Send + Sync>;

/// A receiver of webhooks; cheap to clone.
#[derive(Clone)]
pub struct Receiver {
    shared: Arc<Shared>,
    /// How many records this receiver has written so far. It changes after each has been
    /// committed, so whoever forwards what is new can wait for it.
    pub committed: watch::Receiver<u64>,
}

struct Shared {
    store: Store,
    keys: Keys,
    verifier: Verifier,
    options: Options,
    observer: Observer,
    measures: Measures,
    /// Something was stored whose record is to be fetched.
    arrived: Notify,
    committed: watch::Sender<u64>,
    /// When the worker was seen at work last.
    beat: Beat,
    /// When a request that was refused was told of last.
    refusals: Seldom,
}

impl Receiver {
    /// Makes the tables that are not there. `registry` gets what is measured.
    ///
    /// # Errors
    ///
    /// Where the database cannot be had.
    pub async fn new(
        store: Store,
        sources: Vec<Source>,
        verifier: Verifier,
        options: Options,
        observer: Observer,
        registry: &mut Registry,
    ) -> Result<Self, Failure> {
        // What is cut off of a record is left to the next pull.
        crate::pull::create(store.database()).await?;
        let created = books::create(store.database()).await;
        created.map_err(|failure| failure.at("the tables of deliveries"))?;
        let (sender, committed) = watch::channel(0);
        let shared = Arc::new(Shared {
            store,
            keys: Keys::new(sources),
            verifier: verifier.max_body(endpoint::MAX_BODY),
            options,
            observer,
            measures: Measures::new(registry),
            arrived: Notify::new(),
            committed: sender,
            beat: Beat::now(),
            refusals: Seldom::new(Duration::from_secs(60)),
        });
        Ok(Self { shared, committed })
    }

    /// The endpoint.
    pub fn endpoint(&self) -> Router {
        endpoint::app(Arc::clone(&self.shared))
    }

    /// `/metrics` and `/healthz`, for an address of their own; with those of the sinks that what
    /// is received goes on to.
    pub fn monitor(&self, registry: Registry, sinks: Option<forward::Measures>) -> Router {
        let shared = Arc::clone(&self.shared);
        metrics::app(registry, move || {
            let (shared, sinks) = (Arc::clone(&shared), sinks.clone());
            async move {
                if let Some(sinks) = sinks {
                    let looked = timeout(health::PATIENCE, sinks.look(&shared.store)).await;
                    // A database that cannot be had is told below.
                    if let Ok(Err(failure)) = looked {
                        tracing::debug!("how far the sinks are is not known: {failure}");
                    }
                }
                health::look(&shared).await
            }
        })
    }

    /// Fetches the records that events tell of, until it is asked to stop. Then writes that
    /// are under way come to their end, and what is being asked for is left to the next run.
    pub async fn work(&self, stop: Stop) {
        worker::run(&self.shared, stop).await;
    }
}

impl Shared {
    /// Tells of an event of which all is done.
    fn done(&self, told: &Told, outcome: Outcome) {
        self.measures.done(outcome, 1);
        (self.observer)(told);
    }
}
