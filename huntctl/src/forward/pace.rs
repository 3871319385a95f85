//! When a sink is tried again, and how much it is sent at once. Decisions only.

use std::time::Duration;

use crate::transport::Report;

/// Events of a batch.
const BATCH: usize = 500;
/// The first pause after a failure; it doubles with each.
pub(super) const FIRST: Duration = Duration::from_secs(1);
/// The longest pause, unless the receiver asks for more.
const LONGEST: Duration = Duration::from_secs(300);
/// The longest pause that a receiver is given.
const LONGEST_ASKED: Duration = Duration::from_secs(3600);
/// So many events that are refused one after the other, and none taken between them, are
/// not the events' fault.
const SUSPICIOUS: u64 = 10;

/// How a sink has fared lately.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pace {
    /// Attempts that failed one after the other.
    pub(super) failures: u32,
    /// Events of the next batch.
    pub(super) batch: usize,
    /// The first pause.
    first: Duration,
}

impl Pace {
    pub(super) fn new(first: Duration) -> Self {
        Self {
            failures: 0,
            batch: BATCH,
            first,
        }
    }

    /// All of a batch was dealt with: the next one may be larger.
    pub(super) fn went_well(&mut self) {
        self.failures = 0;
        self.batch = (self.batch * 2).min(BATCH);
    }

    /// Something is to be tried again. The next batch is smaller, so that what went wrong costs
    /// less the next time, and one event at last.
    pub(super) fn failed(&mut self, some_done: bool) {
        self.failures = if some_done {
            1
        } else {
            self.failures.saturating_add(1)
        };
        self.batch = (self.batch / 2).max(1);
    }

    /// How long to wait before the next attempt. `chance` is between 0 and 1: many senders that
    /// failed at the same moment do not come back at the same moment.
    pub(super) fn pause(self, asked: Option<Duration>, chance: f64) -> Duration {
        let doubled = self
            .first
            .saturating_mul(1 << self.failures.saturating_sub(1).min(20));
        let own = doubled.min(LONGEST).mul_f64(0.5 + chance / 2.0);
        // Never sooner than the receiver asks.
        match asked {
            Some(asked) => {
                let spread = asked.min(LONGEST_ASKED).mul_f64(1.0 + chance / 10.0);
                own.max(spread)
            }
            None => own,
        }
    }
}

/// Whether a sink refuses whatever it is sent, so that its settings are probably wrong.
pub(super) fn refuses_everything(report: &Report, refused_in_a_row: u64) -> bool {
    let refused = report.refused.len() as u64;
    refused > 0
        && report.refused.len() == report.done
        && refused_in_a_row.saturating_add(refused) >= SUSPICIOUS
}

/// Events that were refused in a row, after this report.
pub(super) fn in_a_row(report: &Report, before: u64) -> u64 {
    let refused = report.refused.len();
    match report.done > refused {
        // One at least was taken; those before it do not count any more. Which of the others
        // came last is not worth knowing.
        true => 0,
        false => before.saturating_add(refused as u64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::{Delivered, Refusal};

    fn report(done: usize, refused: usize) -> Report {
        let refusal = |index| Refusal {
            index,
            why: "because".to_owned(),
        };
        Report {
            done,
            delivered: Delivered::Acknowledged,
            refused: (0..refused).map(refusal).collect(),
            later: None,
        }
    }

    #[test]
    fn pauses_double_up_to_five_minutes_and_are_spread() {
        let mut pace = Pace::new(FIRST);
        let mut pauses = Vec::new();
        for _ in 0..12 {
            pace.failed(false);
            pauses.push(pace.pause(None, 1.0).as_secs());
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
        assert_eq!(pace.pause(None, 0.0).as_secs(), 150);
        pace.failures = u32::MAX;
        assert_eq!(pace.pause(None, 1.0), LONGEST);
    }

    #[test]
    fn a_receiver_is_given_the_time_that_it_asks_for() {
        let mut pace = Pace::new(FIRST);
        pace.failed(false);
        for chance in [0.0, 0.5, 1.0] {
            let asked = pace
                .pause(Some(Duration::from_secs(40)), chance)
                .as_secs_f64();
            assert!((40.0..=44.0).contains(&asked), "{asked}");
        }
        // Its own pause is longer.
        pace.failures = 9;
        assert_eq!(pace.pause(Some(Duration::from_secs(1)), 1.0).as_secs(), 256);
        let day = Duration::from_secs(86_400);
        assert_eq!(pace.pause(Some(day), 0.0), LONGEST_ASKED);
    }

    #[test]
    fn batches_shrink_to_one_event_and_grow_again() {
        let mut pace = Pace::new(FIRST);
        for expected in [250, 125, 62, 31, 15, 7, 3, 1, 1] {
            pace.failed(false);
            assert_eq!(pace.batch, expected);
        }
        assert_eq!(pace.failures, 9);
        pace.failed(true);
        assert_eq!(pace.failures, 1, "it has come further");
        for expected in [2, 4, 8, 16, 32, 64, 128, 256, 500, 500] {
            pace.went_well();
            assert_eq!((pace.batch, pace.failures), (expected, 0));
        }
    }

    #[test]
    fn ten_refusals_and_nothing_taken_are_the_settings_fault() {
        for (done, refused, before, expected) in [
            (0, 0, 0, false),
            (1, 1, 0, false),
            (9, 9, 0, false),
            (10, 10, 0, true),
            (500, 500, 0, true),
            (500, 499, 0, false),
            (1, 1, 8, false),
            (1, 1, 9, true),
            (2, 1, 9, false),
            (0, 0, 50, false),
        ] {
            let report = report(done, refused);
            assert_eq!(refuses_everything(&report, before), expected, "{report:?}");
        }
        assert_eq!(in_a_row(&report(3, 3), 4), 7);
        assert_eq!(in_a_row(&report(4, 3), 4), 0);
        assert_eq!(in_a_row(&report(0, 0), 4), 4);
    }
}
