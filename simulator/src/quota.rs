//! The account's request quota: an exact log of arrivals in a sliding window.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How many requests an account may make.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    pub(crate) requests: usize,
    pub(crate) window: Duration,
}

impl Default for Limit {
    fn default() -> Self {
        Self {
            requests: 60,
            window: Duration::from_secs(60),
        }
    }
}

/// Requests counted since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Arrivals {
    /// Requests that arrived with the right credentials, those refused included.
    pub total: usize,
    /// Those that were refused with 429.
    pub refused: usize,
}

/// The quota of each account.
#[derive(Debug)]
pub(crate) struct Quota {
    /// None where any number of requests may be made.
    limit: Option<Limit>,
    logs: Mutex<BTreeMap<i64, VecDeque<Instant>>>,
    arrivals: Mutex<Arrivals>,
}

impl Quota {
    pub(crate) fn new(limit: Option<Limit>) -> Self {
        Self {
            limit,
            logs: Mutex::default(),
            arrivals: Mutex::default(),
        }
    }

    /// As if nothing had arrived yet.
    pub(crate) fn reset(&self) {
        self.logs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        *self.lock_arrivals() = Arrivals::default();
    }

    /// Counts a request of an account; how many more it may make, or, if this one is
    /// refused, when the next may come. A refused request takes nothing from the quota.
    pub(crate) fn arrive(&self, account_id: i64) -> Result<usize, Duration> {
        let Some(Limit { requests, window }) = self.limit else {
            self.lock_arrivals().total += 1;
            return Ok(usize::MAX);
        };
        let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        let log = logs.entry(account_id).or_default();
        // Under the lock, so that the log is in order.
        let now = Instant::now();
        while log
            .front()
            .is_some_and(|at| now.duration_since(*at) >= window)
        {
            log.pop_front();
        }
        let allowed = log.len() < requests;
        if allowed {
            log.push_back(now);
        }
        let mut arrivals = self.lock_arrivals();
        arrivals.total += 1;
        arrivals.refused += usize::from(!allowed);
        if allowed {
            return Ok(requests - log.len());
        }
        let oldest = log.front().map(|at| now.duration_since(*at));
        Err(oldest.map_or(window, |age| window.saturating_sub(age)))
    }

    pub(crate) fn arrivals(&self) -> Arrivals {
        *self.lock_arrivals()
    }

    fn lock_arrivals(&self) -> MutexGuard<'_, Arrivals> {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_may_make_so_many_requests_in_a_window_and_others_do_not_count() {
        let window = Duration::from_millis(40);
        let quota = Quota::new(Some(Limit {
            requests: 2,
            window,
        }));
        let first = Instant::now();
        assert_eq!(quota.arrive(1), Ok(1));
        assert_eq!(quota.arrive(2), Ok(1));
        assert_eq!(quota.arrive(1), Ok(0));
        let (mut total, mut refused) = (4, 0);
        while let Err(free_in) = quota.arrive(1) {
            assert!(free_in <= window);
            (total, refused) = (total + 1, refused + 1);
            std::thread::sleep(free_in);
        }
        assert!(first.elapsed() >= window);
        assert!(refused > 0);
        assert_eq!(quota.arrivals(), Arrivals { total, refused });
    }
}
