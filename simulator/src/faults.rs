//! Misbehaviour on demand.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Something that goes wrong, how often, and where.
///
/// Without a number or a rate it goes wrong once; without an operation, wherever it can.
///
/// ```
/// use huntress_simulator::{Fault, FaultKind};
///
/// let fault = Fault::new(FaultKind::Status(503)).times(2).on("list_agents");
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
    /// This status with a JSON error, and nothing is carried out.
    Status(u16),
    /// A proxy's HTML page with this status, and nothing is carried out.
    HtmlPage(u16),
    /// A redirect to this URL, and nothing is carried out.
    Redirect(String),
    /// The connection is closed without an answer, and nothing is carried out.
    CloseBefore,
    /// The connection is closed without an answer, after the request was carried out.
    CloseAfter,
    /// A body of no bytes.
    EmptyBody,
    /// A body that breaks off in the middle.
    TruncatedBody,
    /// A body that comes in small pieces, so many milliseconds apart.
    Trickle(u64),
    /// A `text/plain` body.
    WrongContentType,
    /// A body that is not JSON.
    InvalidJson,
    /// A page with an item whose `id` is text.
    MalformedItem,
    /// A page whose next page is itself, for ever.
    EndlessToken,
    /// A page that names a URL of another host for the next one.
    ForeignNextPageUrl,
    /// A gzip body that unpacks to so many bytes of white space before the answer; with 0
    /// it is an honest one.
    GzipBomb(usize),
    /// Fields and enum values that no document has, and fields gone that it has.
    Drift,
    /// A page's last one is told by `null`, an empty token, or no `pagination`, in turns.
    OddLastPage,
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

    /// At random, for this share of requests, from 0.0 to 1.0.
    #[must_use]
    pub fn rate(mut self, rate: f64) -> Self {
        self.frequency = Frequency::Rate(rate);
        self
    }

    /// For this operation, such as `list_agents`, and others that are named in the same way.
    #[must_use]
    pub fn on(mut self, operation: impl Into<String>) -> Self {
        self.operations.push(operation.into());
        self
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

impl Faults {
    pub(crate) fn new(faults: Vec<Fault>, seed: u64) -> Self {
        Self(Mutex::new(State {
            faults,
            random: fastrand::Rng::with_seed(seed),
        }))
    }

    pub(crate) fn add(&self, fault: Fault) {
        self.lock().faults.push(fault);
    }

    pub(crate) fn clear(&self) {
        self.lock().faults.clear();
    }

    /// What goes wrong with a request of an operation.
    pub(crate) fn strike(&self, operation: &str) -> Vec<FaultKind> {
        let State { faults, random } = &mut *self.lock();
        let mut struck = Vec::new();
        faults.retain_mut(|fault| {
            let here = fault.operations.is_empty()
                || fault.operations.iter().any(|name| name == operation);
            let strikes = here
                && match &mut fault.frequency {
                    Frequency::Times(0) => return false,
                    Frequency::Times(left) => {
                        *left -= 1;
                        true
                    }
                    Frequency::Rate(rate) => random.f64() < *rate,
                };
            if strikes {
                struck.push(fault.kind.clone());
            }
            true
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
        assert_eq!(faults.strike("get_account"), [status(500)]);
        assert_eq!(faults.strike("list_agents"), [status(503)]);
        assert_eq!(faults.strike("get_agent"), [status(503)]);
        assert_eq!(faults.strike("get_agent"), []);
        faults.add(Fault::new(status(502)).rate(0.25));
        let struck = (0..1_000)
            .filter(|_| !faults.strike("x").is_empty())
            .count();
        assert!((200..300).contains(&struck), "{struck}");
        faults.clear();
        assert_eq!(faults.strike("x"), []);
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
        let fault: Fault = serde_json::from_str(
            r#"{"kind":{"status":503},"frequency":{"rate":0.5},"operations":["list_agents"]}"#,
        )
        .unwrap();
        assert_eq!(
            fault,
            Fault::new(FaultKind::Status(503))
                .rate(0.5)
                .on("list_agents")
        );
        let once: Fault = serde_json::from_str(r#"{"kind":"close_after"}"#).unwrap();
        assert_eq!(once, Fault::new(FaultKind::CloseAfter));
        assert!(serde_json::from_str::<Fault>(r#"{"kind":"close_never"}"#).is_err());
    }
}
