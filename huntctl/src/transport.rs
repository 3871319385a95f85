//! How events reach a receiver: each transport is one file below, and [`Sink`] is one of them.
//!
//! A sink sends what it is given, once, and says how far it came ([`Report`]). It does not
//! wait and try again, and it remembers nothing but an open connection: an outbox outside
//! does both, since only that survives a restart. Where a transport cannot know what arrived,
//! it reports less rather than more, so a doubt becomes a repeated event and never a lost one.
//! The id of an event stays the same, so receivers can drop repetitions.

mod batch;
mod cef;
mod connection;
mod datagrams;
mod elastic;
mod endpoint;
mod file;
mod fit;
mod flatten;
mod gelf;
mod http;
mod loki;
mod secret;
mod splunk;
mod syslog;
mod template;
mod tls;
mod webhook;

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::failure::Failure;

pub use elastic::ElasticSettings;
pub use endpoint::Endpoint;
pub use file::{FileSettings, Fsync};
pub use gelf::GelfSettings;
pub use loki::LokiSettings;
pub use secret::{Secret, Text};
pub use splunk::SplunkSettings;
pub use syslog::{Format, Framing, SyslogSettings};
pub use tls::TlsSettings;
pub use webhook::WebhookSettings;

/// A mapped record on its way.
#[derive(Clone, Debug)]
pub struct Event {
    /// The same each time this state of the record is sent, and another for another state.
    pub id: String,
    /// The record that it is a state of; the order of the states of one record is kept.
    pub record: String,
    /// Which kind of record: `incident`, `agent`, … .
    pub kind: String,
    /// When what it tells happened.
    pub time: Timestamp,
    /// The machine that it is about, or whatever a receiver shall show as its source.
    pub host: String,
    /// How bad it is.
    pub severity: Severity,
    /// One line for people.
    pub summary: String,
    /// What a mapping made of the record.
    pub body: Map<String, Value>,
}

/// How bad an event is; each format has numbers of its own for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Somebody should get up.
    Critical,
    /// Today.
    High,
    /// This week.
    Medium,
    /// Some time.
    Low,
    /// Nothing is wrong.
    Info,
}

impl Severity {
    /// Its name in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
            Self::Info => "info",
        }
    }

    /// The number that syslog and GELF have for it: 2 is critical, 6 is informational.
    pub fn syslog(self) -> u8 {
        match self {
            Self::Critical => 2,
            Self::High => 3,
            Self::Medium => 4,
            Self::Low => 5,
            Self::Info => 6,
        }
    }

    /// The number that CEF has for it: 10 is the worst.
    pub fn cef(self) -> u8 {
        match self {
            Self::Critical => 10,
            Self::High => 8,
            Self::Medium => 5,
            Self::Low => 3,
            Self::Info => 1,
        }
    }
}

/// What the word of a transport is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivered {
    /// The receiver has said that it has the events.
    Acknowledged,
    /// They were given to the network or the system, and nothing says that they arrived.
    HandedOver,
}

/// What became of a batch.
#[derive(Clone, Debug)]
pub struct Report {
    /// So many events from the front need not be sent again: each was delivered, or refused.
    pub done: usize,
    /// What "delivered" means here.
    pub delivered: Delivered,
    /// Those among the done that the receiver will never take.
    pub refused: Vec<Refusal>,
    /// Why the rest was not delivered; `None` exactly where there is no rest.
    pub later: Option<Later>,
}

/// One event that a receiver refuses for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Its place in the batch.
    pub index: usize,
    /// What the receiver said.
    pub why: String,
}

/// Why something is to be tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Later {
    /// What happened; holds no secret.
    pub why: String,
    /// How long the receiver asks to wait.
    pub after: Option<Duration>,
}

impl Later {
    fn because(why: impl Into<String>) -> Self {
        let why = why.into();
        Self { why, after: None }
    }
}

impl fmt::Display for Later {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)?;
        match self.after {
            Some(after) => write!(f, " (wait {} s)", after.as_secs()),
            None => Ok(()),
        }
    }
}

impl Report {
    fn all(count: usize, delivered: Delivered) -> Self {
        Self {
            done: count,
            delivered,
            refused: Vec::new(),
            later: None,
        }
    }

    /// Of a transport that sends a batch as a whole, or does not know how far it came.
    fn whole(events: &[Event], sent: Result<Delivered, Later>, refused: Vec<Refusal>) -> Self {
        let mut report = Self::all(events.len(), Delivered::HandedOver);
        match sent {
            Ok(delivered) => {
                report.delivered = delivered;
                report.refused = refused;
            }
            Err(later) => {
                report.done = 0;
                report.later = Some(later);
            }
        }
        report
    }
}

const TOO_LARGE: &str = "too large for this transport, even with all its texts shortened";

/// The frames of all events, and those that have none since they are too large.
fn framed(
    events: &[Event],
    frames: impl Fn(&Event) -> Option<Vec<Vec<u8>>>,
) -> (Vec<Vec<u8>>, Vec<Refusal>) {
    let mut all = Vec::new();
    let mut refused = Vec::new();
    for (index, event) in events.iter().enumerate() {
        match frames(event) {
            Some(frames) => all.extend(frames),
            None => refused.push(Refusal {
                index,
                why: TOO_LARGE.to_owned(),
            }),
        }
    }
    (all, refused)
}

/// The default of settings that are on unless told otherwise.
fn yes() -> bool {
    true
}

/// The default of `max_events`.
fn batch() -> usize {
    500
}

/// The default of `timeout`, in seconds.
fn patience() -> u64 {
    30
}

/// Where to send, and how; the table of a sink in `huntctl.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "transport", rename_all = "lowercase")]
pub enum Settings {
    /// GELF 1.1 by UDP, TCP, TLS or HTTP.
    Gelf(GelfSettings),
    /// Syslog of RFC 5424 by UDP, TCP or TLS, with JSON or CEF in it.
    Syslog(SyslogSettings),
    /// Lines of JSON in a file.
    File(FileSettings),
    /// Lines of JSON on the standard output.
    Stdout {},
    /// `_bulk` of Elasticsearch and OpenSearch.
    Elastic(ElasticSettings),
    /// Splunk's HTTP Event Collector.
    Splunk(SplunkSettings),
    /// Grafana Loki.
    Loki(LokiSettings),
    /// A request of one's own for each event.
    Http(WebhookSettings),
}

/// A receiver.
pub struct Sink(Inner);

enum Inner {
    Gelf(gelf::Gelf),
    Syslog(syslog::Syslog),
    File(file::Lines),
    Elastic(elastic::Elastic),
    Splunk(splunk::Splunk),
    Loki(loki::Loki),
    Webhook(webhook::Webhook),
}

impl Sink {
    /// Reads what the settings name: secrets, certificates, templates. Nothing is sent, so it
    /// works while the receiver is down.
    ///
    /// # Errors
    ///
    /// Where the settings cannot be used.
    pub fn open(settings: &Settings) -> Result<Self, Failure> {
        Ok(Self(match settings {
            Settings::Gelf(settings) => Inner::Gelf(gelf::Gelf::open(settings)?),
            Settings::Syslog(settings) => Inner::Syslog(syslog::Syslog::open(settings)?),
            Settings::File(settings) => Inner::File(file::Lines::open(settings)?),
            Settings::Stdout {} => Inner::File(file::Lines::stdout()),
            Settings::Elastic(settings) => Inner::Elastic(elastic::Elastic::open(settings)?),
            Settings::Splunk(settings) => Inner::Splunk(splunk::Splunk::open(settings)?),
            Settings::Loki(settings) => Inner::Loki(loki::Loki::open(settings)?),
            Settings::Http(settings) => Inner::Webhook(webhook::Webhook::open(settings)?),
        }))
    }

    /// Sends these events in this order, each once, and says how far it came. Connects where
    /// no connection is open.
    pub async fn send(&mut self, events: &[Event]) -> Report {
        if events.is_empty() {
            return Report::all(0, Delivered::Acknowledged);
        }
        match &mut self.0 {
            Inner::Gelf(it) => it.send(events).await,
            Inner::Syslog(it) => it.send(events).await,
            Inner::File(it) => it.send(events).await,
            Inner::Elastic(it) => it.send(events).await,
            Inner::Splunk(it) => it.send(events).await,
            Inner::Loki(it) => it.send(events).await,
            Inner::Webhook(it) => it.send(events).await,
        }
    }
}
