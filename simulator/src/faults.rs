//! What goes wrong on demand, how often and where. What it does to an answer is in
//! [`crate::fault_effects`].

use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hyper::header::HeaderValue;
use serde::de::Error as _;
use serde::{Deserialize, Serialize};

use crate::document;
use crate::webhooks::event::EventType;
use crate::webhooks::fault::DeliveryFault;

/// Something that goes wrong, how often, and where.
///
/// Without a number or a rate it goes wrong once; without an operation, wherever it can.
/// It waits for an answer that it can spoil: a malformed item, say, for a page with items.
///
/// ```
/// use huntress_simulator::{Fault, FaultKind};
///
/// let fault = Fault::new(FaultKind::Status(503)).times(2).on("list_agents");
/// let same = r#"{"kind":{"status":503},"frequency":{"times":2},"operations":["list_agents"]}"#;
/// assert_eq!(same.parse::<Fault>().unwrap(), fault);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    kind: FaultKind,
    #[serde(default)]
    frequency: Frequency,
    #[serde(default)]
    operations: Vec<String>,
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FaultKind {
    /// The answer comes late, by so many milliseconds.
    Latency {
        /// At least.
        least: u64,
        /// At most; evenly in between.
        most: u64,
    },
    /// The answer comes late, half of them by more than this many milliseconds, one in a
    /// hundred by fifty times as much.
    LongTail(u64),
    /// This status, from 200 to 599, with a JSON error, and nothing is carried out.
    Status(u16),
    /// A proxy's HTML page with such a status, and nothing is carried out.
    HtmlPage(u16),
    /// A redirect to this URL, and nothing is carried out.
    Redirect(String),
    /// The connection is reset without an answer, and nothing is carried out.
    CloseBefore,
    /// The connection is reset without an answer, after the request was carried out.
    CloseAfter,
    /// A body of no bytes.
    EmptyBody,
    /// A body that breaks off in the middle: the connection ends after half of it.
    TruncatedBody,
    /// A body that comes in small pieces, so many milliseconds apart.
    Trickle(u64),
    /// A `text/plain` body.
    WrongContentType,
    /// A body that is not JSON.
    InvalidJson,
    /// A page with an item whose `id` is text.
    MalformedItem,
    /// A page of the log with a row whose `message` ends with half of a character: the escape
    /// of a surrogate without the other one.
    LoneSurrogate,
    /// A page whose next page is itself, for ever.
    EndlessToken,
    /// A page that names a URL of another host for the next one.
    ForeignNextPageUrl,
    /// A gzip body that unpacks to so many bytes of white space, at most 2^30, before the
    /// answer; with 0 it is an honest one.
    GzipBomb(usize),
    /// Fields and enum values that no document has, and fields gone that it has.
    Drift,
    /// The last page of a list, marked in one of the ways in which the API marks it.
    OddLastPage(LastPage),
    /// A webhook does not arrive as it should. Where it may happen is said by event types, such
    /// as `incident_report.created`, instead of operations.
    Delivery(DeliveryFault),
}

/// How a page says that it is the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LastPage {
    /// `"pagination": {}`, as without a fault.
    NoToken,
    /// `"pagination": {"next_page_token": null}`
    NullToken,
    /// `"pagination": {"next_page_token": ""}`
    EmptyToken,
    /// `"pagination": null`
    NullPagination,
    /// No `pagination` at all.
    NoPagination,
}

/// How often something goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Frequency {
    Times(usize),
    Rate(f64),
}

impl Default for Frequency {
    fn default() -> Self {
        Self::Times(1)
    }
}

impl Fault {
    /// Goes wrong once, wherever it can.
    pub fn new(kind: FaultKind) -> Self {
        Self {
            kind,
            frequency: Frequency::default(),
            operations: Vec::new(),
        }
    }

    /// So many times, then no more.
    #[must_use]
    pub fn times(mut self, times: usize) -> Self {
        self.frequency = Frequency::Times(times);
        self
    }

    /// At random, for this share of the requests where it can, from 0.0 to 1.0.
    #[must_use]
    pub fn rate(mut self, rate: f64) -> Self {
        self.frequency = Frequency::Rate(rate);
        self
    }

    /// For this operation, such as `list_agents`, and others that are named in the same way;
    /// for this event, such as `escalation.closed`, where it is a fault of a webhook.
    #[must_use]
    pub fn on(mut self, operation: impl Into<String>) -> Self {
        self.operations.push(operation.into());
        self
    }

    /// Why this can never go wrong as it says.
    pub(crate) fn check(&self) -> Result<(), String> {
        match &self.kind {
            FaultKind::Latency { least, most } if least > most => {
                return Err(format!("latency of at least {least} and at most {most}"));
            }
            FaultKind::Status(status) | FaultKind::HtmlPage(status)
                if !(200..600).contains(status) =>
            {
                return Err(format!("status {status} is not from 200 to 599"));
            }
            FaultKind::GzipBomb(size) if *size > 1 << 30 => {
                return Err(format!("a gzip bomb of {size} bytes; at most 2^30"));
            }
            FaultKind::Redirect(url) if url.is_empty() || HeaderValue::from_str(url).is_err() => {
                return Err(format!("{url:?} is not a URL to redirect to"));
            }
            _ => {}
        }
        if let Frequency::Rate(rate) = self.frequency
            && !(0.0..=1.0).contains(&rate)
        {
            return Err(format!("rate {rate} is not from 0.0 to 1.0"));
        }
        if let FaultKind::Delivery(_) = self.kind {
            let mut events = self.operations.iter();
            return events.try_for_each(|name| name.parse::<EventType>().map(drop));
        }
        let known = document::operation_ids();
        match self.operations.iter().find(|name| !known.contains(*name)) {
            Some(name) => Err(format!("there is no operation {name:?}")),
            None => Ok(()),
        }
    }
}

/// From JSON; an error where the fault could never happen, such as at an operation that
/// does not exist.
impl FromStr for Fault {
    type Err = serde_json::Error;

    fn from_str(json: &str) -> Result<Self, Self::Err> {
        let fault: Self = serde_json::from_str(json)?;
        fault.check().map_err(serde_json::Error::custom)?;
        Ok(fault)
    }
}

/// The faults that wait for a request.
#[derive(Debug)]
pub(crate) struct Faults(Mutex<State>);

#[derive(Debug)]
struct State {
    faults: Vec<Fault>,
    random: fastrand::Rng,
}

impl State {
    fn new(faults: Vec<Fault>, seed: u64) -> Self {
        Self {
            faults,
            random: fastrand::Rng::with_seed(seed),
        }
    }
}

impl Faults {
    pub(crate) fn new(faults: Vec<Fault>, seed: u64) -> Self {
        Self(Mutex::new(State::new(faults, seed)))
    }

    /// As new.
    pub(crate) fn reset(&self, faults: Vec<Fault>, seed: u64) {
        *self.lock() = State::new(faults, seed);
    }

    pub(crate) fn add(&self, fault: Fault) {
        self.lock().faults.push(fault);
    }

    pub(crate) fn waiting(&self) -> Vec<Fault> {
        self.lock().faults.clone()
    }

    pub(crate) fn clear(&self) {
        self.lock().faults.clear();
    }

    /// Offers the faults that wait for an operation, in order; those that are taken have
    /// happened.
    pub(crate) fn strike(&self, operation: &str, mut takes: impl FnMut(&FaultKind) -> bool) {
        let State { faults, random } = &mut *self.lock();
        faults.retain_mut(|fault| {
            let here = fault.operations.is_empty()
                || fault.operations.iter().any(|name| name == operation);
            match &mut fault.frequency {
                Frequency::Times(0) => {}
                Frequency::Times(left) => *left -= usize::from(here && takes(&fault.kind)),
                Frequency::Rate(rate) => {
                    let _ = here && random.f64() < *rate && takes(&fault.kind);
                }
            }
            fault.frequency != Frequency::Times(0)
        });
    }

    /// The first fault of some kinds that strikes a request of an operation; the others
    /// wait for the next one.
    pub(crate) fn strike_one(
        &self,
        operation: &str,
        of: impl Fn(&FaultKind) -> bool,
    ) -> Option<FaultKind> {
        let mut struck = None;
        self.strike(operation, |kind| {
            let takes = struck.is_none() && of(kind);
            if takes {
                struck = Some(kind.clone());
            }
            takes
        });
        struck
    }

    /// How long an answer is kept back.
    pub(crate) fn latency(&self, fault: &FaultKind) -> Duration {
        let random = &mut self.lock().random;
        let milliseconds = match *fault {
            FaultKind::Latency { least, most } => random.u64(least..=most.max(least)),
            // Pareto's distribution: twice the chance, half the time.
            FaultKind::LongTail(median) => (median as f64 / 2.0 / (1.0 - random.f64())) as u64,
            _ => 0,
        };
        Duration::from_millis(milliseconds)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_strikes_so_many_times_where_it_is_meant_to() {
        let status = |code| FaultKind::Status(code);
        let faults = vec![
            Fault::new(status(503))
                .times(2)
                .on("list_agents")
                .on("get_agent"),
            Fault::new(status(500)),
        ];
        let faults = Faults::new(faults, 0);
        let strike = |operation| faults.strike_one(operation, |_| true);
        assert_eq!(strike("get_account"), Some(status(500)));
        assert_eq!(strike("list_agents"), Some(status(503)));
        assert_eq!(strike("get_agent"), Some(status(503)));
        assert_eq!(strike("get_agent"), None);
        faults.add(Fault::new(status(502)).rate(0.25));
        let struck = (0..1_000).filter(|_| strike("x").is_some()).count();
        assert!((200..300).contains(&struck), "{struck}");
        faults.clear();
        assert_eq!(strike("x"), None);
    }

    #[test]
    fn a_fault_that_is_not_taken_waits() {
        let faults = vec![
            Fault::new(FaultKind::Drift),
            Fault::new(FaultKind::CloseAfter),
            Fault::new(FaultKind::CloseAfter),
        ];
        let faults = Faults::new(faults, 0);
        let close = || faults.strike_one("x", |kind| *kind == FaultKind::CloseAfter);
        assert_eq!(close(), Some(FaultKind::CloseAfter));
        assert_eq!(close(), Some(FaultKind::CloseAfter));
        assert_eq!(close(), None);
        assert_eq!(faults.strike_one("x", |_| true), Some(FaultKind::Drift));
    }

    #[test]
    fn latencies_are_as_they_are_described() {
        let faults = Faults::new(Vec::new(), 0);
        let times = |fault: &FaultKind| {
            let mut times: Vec<_> = (0..2_000)
                .map(|_| faults.latency(fault).as_millis())
                .collect();
            times.sort_unstable();
            times
        };
        let even = times(&FaultKind::Latency {
            least: 50,
            most: 800,
        });
        assert!(even[0] >= 50 && even[1_999] <= 800);
        assert!((390..460).contains(&even[1_000]), "{}", even[1_000]);
        let tail = times(&FaultKind::LongTail(100));
        assert!((90..110).contains(&tail[1_000]), "{}", tail[1_000]);
        assert!((3_500..7_000).contains(&tail[1_980]), "{}", tail[1_980]);
    }

    #[test]
    fn faults_are_written_in_json() {
        let read = |json: &str| json.parse::<Fault>().map_err(|error| error.to_string());
        let often =
            r#"{"kind":{"status":503},"frequency":{"rate":0.5},"operations":["list_agents"]}"#;
        let status = Fault::new(FaultKind::Status(503));
        assert_eq!(read(often).unwrap(), status.rate(0.5).on("list_agents"));
        let once = read(r#"{"kind":"close_after"}"#).unwrap();
        assert_eq!(once, Fault::new(FaultKind::CloseAfter));
        let last = read(r#"{"kind":{"odd_last_page":"no_pagination"}}"#).unwrap();
        let no_pagination = FaultKind::OddLastPage(LastPage::NoPagination);
        assert_eq!(last, Fault::new(no_pagination));
        let never = read(r#"{"kind":"close_never"}"#).unwrap_err();
        assert!(never.contains("unknown variant `close_never`"), "{never}");
    }

    #[test]
    fn a_fault_that_could_never_happen_is_refused() {
        for (json, why) in [
            (r#"{"kind":{"status":42}}"#, "status 42 is not"),
            (r#"{"kind":{"status":5}}"#, "status 5 is not"),
            (r#"{"kind":{"status":50000}}"#, "status 50000 is not"),
            (r#"{"kind":{"html_page":1}}"#, "status 1 is not"),
            (r#"{"kind":{"redirect":"a\nb"}}"#, r#""a\nb" is not a URL"#),
            (r#"{"kind":{"latency":{"least":2,"most":1}}}"#, "at least 2"),
            (
                r#"{"kind":"drift","frequency":{"rate":7}}"#,
                "rate 7 is not",
            ),
            (
                r#"{"kind":"drift","frequency":{"rate":-1}}"#,
                "rate -1 is not",
            ),
            (
                r#"{"kind":"drift","operations":["list_agent"]}"#,
                r#"no operation "list_agent""#,
            ),
        ] {
            let error = json.parse::<Fault>().unwrap_err().to_string();
            assert!(error.contains(why), "{json}: {error}");
        }
        let nan = Fault::new(FaultKind::Drift).rate(f64::NAN);
        assert!(nan.check().unwrap_err().contains("rate NaN is not"));
    }
}
