//! How far the sinks are, for a monitor; by the names of `docs/receive.md`.

use std::sync::atomic::AtomicI64;

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::SinkStatus;
use super::status::read;
use crate::failure::Failure;
use crate::store::Store;

/// Numbers with the name of a sink.
type OfSinks = Family<[(&'static str, String); 1], Gauge<i64, AtomicI64>>;

/// Numbers of sinks, which are what the store says: whichever program forwards.
#[derive(Clone, Debug)]
pub struct Measures {
    sent: OfSinks,
    waiting: OfSinks,
    oldest: OfSinks,
    refused: OfSinks,
    failures: OfSinks,
}

impl Measures {
    /// Registers them.
    pub fn new(registry: &mut Registry) -> Self {
        let own = registry.sub_registry_with_prefix("forward");
        let mut of_sinks = |name: &str, help: &str| {
            let numbers = OfSinks::default();
            own.register(name, help, numbers.clone());
            numbers
        };
        Self {
            sent: of_sinks("sent", "Events that were delivered to the sink, ever"),
            waiting: of_sinks("waiting", "Records that the sink is still to be told of"),
            oldest: of_sinks("oldest_seconds", "How long the oldest of these has waited"),
            refused: of_sinks("refused", "Events that the sink has refused for good"),
            failures: of_sinks("failures", "Attempts that failed since one went well"),
        }
    }

    /// Sets them to what the store says.
    ///
    /// # Errors
    ///
    /// Where it cannot be had, and where nobody has forwarded yet; then they stay as they were.
    pub async fn look(&self, store: &Store) -> Result<(), Failure> {
        for sink in read(store).await? {
            self.set(&sink);
        }
        Ok(())
    }

    fn set(&self, sink: &SinkStatus) {
        let waiting = sink.kinds.iter().map(|kind| kind.waiting).sum();
        let ages = sink.kinds.iter().filter_map(|kind| kind.oldest_seconds);
        for (numbers, number) in [
            (&self.sent, sink.sent),
            (&self.waiting, waiting),
            (&self.oldest, ages.max().unwrap_or(0)),
            (&self.refused, sink.refused),
            (&self.failures, sink.failures),
        ] {
            let number = i64::try_from(number).unwrap_or(i64::MAX);
            let of_the_sink = numbers.get_or_create(&[("sink", sink.name.clone())]);
            of_the_sink.set(number);
        }
    }
}
