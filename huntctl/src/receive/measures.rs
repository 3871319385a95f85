//! What a receiver counts and times, by the names of `docs/receive.md`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::Outcome;
use super::endpoint::Answer;

/// Up to what Svix waits for.
const SECONDS: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 15.0,
];

/// Counters of which each has one label.
type Counters = Family<[(&'static str, &'static str); 1], Counter>;

/// Cheap to clone; a clone counts the same.
#[derive(Clone, Debug)]
pub(crate) struct Measures {
    deliveries: Counters,
    events: Counters,
    answer_seconds: Histogram,
    waiting: Gauge,
    oldest: Gauge<f64, AtomicU64>,
    records: Counters,
    retries: Counter,
    errors: Counters,
    requests: Counter,
}

/// What an error was of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Of {
    Api,
    Database,
}

impl Measures {
    pub(crate) fn new(registry: &mut Registry) -> Self {
        let measures = Self {
            deliveries: Family::default(),
            events: Family::default(),
            answer_seconds: Histogram::new(SECONDS),
            waiting: Gauge::default(),
            oldest: Gauge::default(),
            records: Family::default(),
            retries: Counter::default(),
            errors: Family::default(),
            requests: Counter::default(),
        };
        // What has not happened yet is zero, so that the first time is seen as a rise.
        for answer in Answer::ALL {
            drop(measures.deliveries.get_or_create(&[("outcome", answer)]));
        }
        for outcome in Outcome::ALL {
            let outcome = outcome.as_str();
            drop(measures.records.get_or_create(&[("outcome", outcome)]));
        }
        for of in [Of::Api, Of::Database] {
            drop(measures.errors.get_or_create(&[("of", of.as_str())]));
        }
        measures.register(registry);
        measures
    }

    fn register(&self, registry: &mut Registry) {
        let own = registry.sub_registry_with_prefix("receive");
        own.register(
            "deliveries",
            "Requests to the endpoint, by what became of them",
            self.deliveries.clone(),
        );
        own.register(
            "events",
            "Events that were stored, by what they tell of",
            self.events.clone(),
        );
        own.register(
            "answer_seconds",
            "From the head of a delivery to its answer",
            self.answer_seconds.clone(),
        );
        own.register(
            "waiting",
            "Events whose record is still to be fetched",
            self.waiting.clone(),
        );
        own.register(
            "oldest_seconds",
            "How long the oldest of these has waited",
            self.oldest.clone(),
        );
        own.register(
            "done",
            "Events of which all is done, by what became of their record",
            self.records.clone(),
        );
        own.register(
            "retries",
            "Records that could not be fetched and were put off",
            self.retries.clone(),
        );
        own.register(
            "errors",
            "Failures, by what has failed",
            self.errors.clone(),
        );
        own.register(
            "api_requests",
            "Requests to the API, each try counted",
            self.requests.clone(),
        );
    }

    pub(crate) fn answered(&self, answer: &'static str, took: Duration) {
        self.deliveries.get_or_create(&[("outcome", answer)]).inc();
        self.answer_seconds.observe(took.as_secs_f64());
    }

    pub(crate) fn stored(&self, category: &'static str) {
        self.events.get_or_create(&[("about", category)]).inc();
    }

    pub(crate) fn done(&self, outcome: Outcome, events: usize) {
        let outcome = [("outcome", outcome.as_str())];
        self.records.get_or_create(&outcome).inc_by(events as u64);
    }

    pub(crate) fn put_off(&self) {
        self.retries.inc();
    }

    pub(crate) fn failed(&self, of: Of) {
        self.errors.get_or_create(&[("of", of.as_str())]).inc();
    }

    pub(crate) fn looked(&self, waiting: i64, oldest: Duration, requests: u64) {
        self.waiting.set(waiting);
        self.oldest.set(oldest.as_secs_f64());
        self.requests.inner().store(requests, Ordering::Relaxed);
    }
}

impl Of {
    fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Database => "database",
        }
    }
}
