//! When a call is sent again.
//!
//! A read can be repeated whenever the server or the network failed. A write is sent again
//! only where the first one certainly did not reach the application: no connection was
//! made, or it was refused for the quota (429). After a time-out, a broken connection or a
//! server error nobody knows whether it did, so the caller decides, for one call:
//!
//! ```no_run
//! # async fn f(client: huntress::Client) -> Result<(), huntress::Error> {
//! let body = huntress::types::UpdateAgent::new().tags(["vip"]);
//! // Setting the same tags twice does no harm.
//! client.update_agent(42, body).retry_writes().send().await?;
//! # Ok(())
//! # }
//! ```
//!
//! [`RetryPolicy::next_pause`] decides, given the time and the chance; the loop in `call.rs`
//! does what it says.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use reqwest::StatusCode;

const ATTEMPTS: u32 = 4;
const BASE: Duration = Duration::from_millis(500);
const CAP: Duration = Duration::from_secs(30);
const LONGEST_CAP: Duration = Duration::from_secs(60 * 60);
/// How long a call goes on after its first 429, and the longest `Retry-After` it obeys.
const PATIENCE: Duration = Duration::from_secs(300);

/// How often and after what pause a failed call is sent again.
///
/// By default a call is sent at most four times. Before each retry it waits a random time
/// up to 0.5 s, then 1 s, then 2 s, doubling to at most 30 s (exponential backoff with full
/// jitter), or as long as the server's `Retry-After` says if that is longer.
///
/// What is sent again:
///
/// | | reads | writes | writes with `retry_writes` |
/// |---|---|---|---|
/// | no connection was made | yes | yes | yes |
/// | 429 | yes | yes | yes |
/// | time-out, broken connection or body | yes | no | yes |
/// | 408 | yes, but for a SIEM query | no | yes |
/// | 500, 502, 503, 504, 520 to 524 | yes | no | yes |
/// | anything else | no | no | no |
///
/// A 429 says that the quota is used up, not that anything is broken: it does not count as
/// one of the four, and the call waits for the quota again, for up to five minutes after
/// it was first sent. A `Retry-After` of more than five minutes is not waited for.
///
/// All clones of a client share a budget of 20 retries, to which every tenth success adds
/// one back (a 429 costs none): in an outage calls soon fail at once, instead of
/// multiplying the traffic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    attempts: u32,
    base: Duration,
    cap: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: ATTEMPTS,
            base: BASE,
            cap: CAP,
        }
    }
}

impl RetryPolicy {
    /// Sends every call once, and fails with the first 429 too.
    pub fn none() -> Self {
        Self::default().attempts(1)
    }

    /// How often a call is sent at most, the first time included; 4 by default. 0 means the
    /// same as 1, which is [`none`](Self::none).
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts.max(1);
        self
    }

    /// The longest pause before the first retry, doubled for each further one, and the
    /// longest of all; 0.5 s and 30 s by default. A `cap` of more than an hour counts as an
    /// hour, and a `base` of more than `cap` as `cap`.
    #[must_use]
    pub fn backoff(mut self, base: Duration, cap: Duration) -> Self {
        (self.base, self.cap) = (base, cap.min(LONGEST_CAP));
        self
    }

    /// How long to wait before the call is sent again; `None` to give up. `left` is what
    /// remains until the deadline, and `jitter` is random, from 0 up to 1. A retry takes one
    /// from the budget, unless the attempt was refused for the quota.
    pub(crate) fn next_pause(
        &self,
        attempt: &Attempt,
        left: Option<Duration>,
        jitter: f64,
        budget: &RetryBudget,
    ) -> Option<Duration> {
        let pause = self.decide(attempt, jitter)?;
        let in_time = left.is_none_or(|left| pause < left);
        (in_time && (attempt.failure.is_refused() || budget.spend())).then_some(pause)
    }

    /// The same, whatever the deadline and the budget say.
    fn decide(&self, attempt: &Attempt, jitter: f64) -> Option<Duration> {
        let retry_after = attempt.retry_after.unwrap_or_default();
        let pause = self.backoff_cap(attempt.failures).mul_f64(jitter);
        let pause = pause.max(retry_after);
        let again = if attempt.failure.is_refused() {
            self.attempts > 1 && attempt.elapsed.saturating_add(pause) <= PATIENCE
        } else {
            attempt.may_be_repeated() && attempt.failures < self.attempts && retry_after <= PATIENCE
        };
        again.then_some(pause)
    }

    /// The longest pause after this many failures.
    fn backoff_cap(&self, failures: u32) -> Duration {
        let doubled = 1_u32.checked_shl(failures.saturating_sub(1));
        self.base
            .saturating_mul(doubled.unwrap_or(u32::MAX))
            .min(self.cap)
    }
}

/// What a call does, as far as sending it twice goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    /// A POST that reads. A 408 is the fault of its query, which would time out again.
    Query,
    Write,
}

/// An attempt that failed.
pub(crate) struct Attempt {
    pub(crate) access: Access,
    /// The caller said that sending it twice does no harm.
    pub(crate) repeatable: bool,
    pub(crate) failure: Failure,
    pub(crate) retry_after: Option<Duration>,
    /// Attempts that failed so far, this one included, without the 429s.
    pub(crate) failures: u32,
    /// Since the call was first sent.
    pub(crate) elapsed: Duration,
}

/// How an attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    Status(StatusCode),
    /// No connection was made.
    Unsent,
    /// No answer, or not all of it.
    Broken,
    /// In a way that another attempt would not mend.
    Final,
}

impl Failure {
    /// Refused for the quota.
    pub(crate) fn is_refused(self) -> bool {
        self == Self::Status(StatusCode::TOO_MANY_REQUESTS)
    }
}

impl Attempt {
    /// Whether it may be sent again, as far as the failure goes.
    fn may_be_repeated(&self) -> bool {
        let harmless = self.repeatable || self.access != Access::Write;
        match self.failure {
            Failure::Unsent => true,
            Failure::Broken => harmless,
            Failure::Final => false,
            Failure::Status(status) => match status.as_u16() {
                408 => harmless && self.access != Access::Query,
                // 520 to 524 are a proxy's (Cloudflare's) words for 502 and 504.
                500 | 502..=504 | 520..=524 => harmless,
                _ => false,
            },
        }
    }
}

/// What all clones of a client may spend on retries together.
///
/// Counted in tenths, so that ten successes earn one retry.
#[derive(Debug)]
pub(crate) struct RetryBudget(AtomicU32);

impl RetryBudget {
    const RETRY: u32 = 10;
    const SUCCESS: u32 = 1;
    const FULL: u32 = 20 * Self::RETRY;

    pub(crate) fn new() -> Self {
        Self(AtomicU32::new(Self::FULL))
    }

    /// Takes one retry, if there is one.
    pub(crate) fn spend(&self) -> bool {
        let spend = |left: u32| left.checked_sub(Self::RETRY);
        self.update(spend)
    }

    /// A call succeeded.
    pub(crate) fn earn(&self) {
        let earn = |left: u32| (left < Self::FULL).then(|| left + Self::SUCCESS);
        self.update(earn);
    }

    fn update(&self, change: impl Fn(u32) -> Option<u32>) -> bool {
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, change)
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    /// Jitter that shows the longest pause.
    const ALL: f64 = 1.0;

    fn failed(access: Access, failure: Failure) -> Attempt {
        Attempt {
            access,
            repeatable: false,
            failure,
            retry_after: None,
            failures: 1,
            elapsed: SECOND,
        }
    }

    fn status(code: u16) -> Failure {
        Failure::Status(StatusCode::from_u16(code).unwrap())
    }

    #[test]
    fn what_is_sent_again() {
        use Access::{Query, Read, Write};
        use Failure::{Broken, Final, Unsent};
        // A read, a query, a write, and a write that may be repeated.
        let columns = [(Read, false), (Query, false), (Write, false), (Write, true)];
        let harmless = [true, true, false, true];
        let mut table = vec![
            (Unsent, [true; 4]),
            (Broken, harmless),
            (Final, [false; 4]),
            (status(429), [true; 4]),
            (status(408), [true, false, false, true]),
        ];
        let server = [500, 502, 503, 504, 520, 521, 522, 523, 524];
        table.extend(server.map(|code| (status(code), harmless)));
        let listed = |code| [408, 429].contains(&code) || server.contains(&code);
        let others = (300..600).filter(|code| !listed(*code));
        table.extend(others.map(|code| (status(code), [false; 4])));
        for (failure, expected) in table {
            let again = columns.map(|(access, repeatable)| {
                let attempt = Attempt {
                    repeatable,
                    ..failed(access, failure)
                };
                RetryPolicy::default().decide(&attempt, ALL).is_some()
            });
            assert_eq!(again, expected, "{failure:?}");
        }
    }

    #[test]
    fn the_deadline_and_the_budget_have_a_say() {
        let policy = RetryPolicy::default();
        let pause = SECOND / 2;
        let tick = Duration::from_nanos(1);
        for (failure, left, budget, expected) in [
            (status(503), None, 10, Some((pause, 0))),
            (status(503), Some(pause + tick), 10, Some((pause, 0))),
            // It would be over when the pause is.
            (status(503), Some(pause), 10, None),
            (status(503), Some(Duration::ZERO), 10, None),
            (status(503), None, 9, None),
            // A refusal says nothing of the server's health, so it costs nothing.
            (status(429), None, 9, Some((pause, 9))),
            (status(429), Some(pause), 9, None),
            (status(404), None, 10, None),
        ] {
            let tenths = RetryBudget(AtomicU32::new(budget));
            let attempt = failed(Access::Read, failure);
            let next = policy.next_pause(&attempt, left, ALL, &tenths);
            let after = tenths.0.into_inner();
            assert_eq!(
                next.map(|pause| (pause, after)),
                expected,
                "{failure:?} {left:?}"
            );
            assert!(next.is_some() || after == budget, "giving up costs nothing");
        }
    }

    #[test]
    fn a_first_pause_above_the_longest_is_the_longest() {
        let policy = RetryPolicy::default().backoff(5 * SECOND, SECOND);
        let pause = policy.decide(&failed(Access::Read, Failure::Broken), ALL);
        assert_eq!(pause, Some(SECOND));
    }

    #[test]
    fn the_pause_doubles_up_to_the_cap_and_the_attempts_end() {
        let policy = RetryPolicy::default().attempts(100);
        for (failures, longest) in [(1, 500), (2, 1_000), (3, 2_000), (7, 30_000), (99, 30_000)] {
            let attempt = Attempt {
                failures,
                ..failed(Access::Read, status(503))
            };
            let longest = Duration::from_millis(longest);
            assert_eq!(policy.decide(&attempt, ALL), Some(longest));
            assert_eq!(policy.decide(&attempt, 0.25), Some(longest / 4));
            assert_eq!(policy.decide(&attempt, 0.0), Some(Duration::ZERO));
        }
        for (failures, again) in [(3, true), (4, false), (5, false)] {
            let attempt = Attempt {
                failures,
                ..failed(Access::Read, status(503))
            };
            assert_eq!(
                RetryPolicy::default().decide(&attempt, ALL).is_some(),
                again
            );
        }
        for outcome in [status(503), status(429), Failure::Unsent, Failure::Broken] {
            let attempt = failed(Access::Read, outcome);
            assert_eq!(RetryPolicy::none().decide(&attempt, ALL), None);
        }
    }

    #[test]
    fn no_pause_is_for_ever() {
        let policy = RetryPolicy::default().backoff(Duration::MAX, Duration::MAX);
        let pause = policy.decide(&failed(Access::Read, Failure::Broken), ALL);
        assert_eq!(pause, Some(3_600 * SECOND));
    }

    #[test]
    fn the_server_can_ask_for_a_longer_pause_but_not_for_any() {
        let asked = |outcome, seconds| Attempt {
            retry_after: Some(seconds * SECOND),
            ..failed(Access::Read, outcome)
        };
        let decide = |attempt| RetryPolicy::default().decide(&attempt, ALL);
        for outcome in [status(503), status(429)] {
            assert_eq!(decide(asked(outcome, 0)), Some(SECOND / 2));
            assert_eq!(decide(asked(outcome, 7)), Some(7 * SECOND));
            assert_eq!(decide(asked(outcome, 301)), None);
        }
    }

    #[test]
    fn a_refusal_for_the_quota_ends_by_time_not_by_number() {
        for (seconds, again) in [(0, true), (299, true), (300, false)] {
            let attempt = Attempt {
                elapsed: seconds * SECOND,
                ..failed(Access::Write, status(429))
            };
            assert_eq!(
                RetryPolicy::default().decide(&attempt, ALL).is_some(),
                again
            );
        }
    }

    #[test]
    fn the_budget_runs_dry_in_an_outage_and_fills_by_success() {
        let budget = RetryBudget::new();
        assert_eq!((0..100).filter(|_| budget.spend()).count(), 20);
        for _ in 0..9 {
            budget.earn();
        }
        assert!(!budget.spend());
        budget.earn();
        assert!(budget.spend());
        for _ in 0..10_000 {
            budget.earn();
        }
        assert_eq!((0..100).filter(|_| budget.spend()).count(), 20, "not more");
    }
}
