//! Whether all is well, for a monitor.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::{Shared, books};

/// A database that takes longer cannot be had.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);
/// A worker that was not seen for so long is stuck. It looks every few seconds.
const STUCK_AFTER: Duration = Duration::from_secs(60);

/// When something was seen last.
#[derive(Debug)]
pub(super) struct Beat(Mutex<Instant>);

impl Beat {
    pub(super) fn now() -> Self {
        Self(Mutex::new(Instant::now()))
    }

    pub(super) fn beat(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn age(&self) -> Duration {
        let beat = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        beat.elapsed()
    }
}

/// Says that it is time to tell, once in a while.
#[derive(Debug)]
pub(super) struct Seldom {
    every: Duration,
    told: Mutex<Option<Instant>>,
}

impl Seldom {
    pub(super) fn new(every: Duration) -> Self {
        let told = Mutex::new(None);
        Self { every, told }
    }

    pub(super) fn tell(&self) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let is_time = told.is_none_or(|told| told.elapsed() >= self.every);
        if is_time {
            *told = Some(Instant::now());
        }
        is_time
    }
}

/// Sets what is known only by looking, and returns what is wrong.
pub(super) async fn look(shared: &Shared) -> Vec<String> {
    let waiting = timeout(PATIENCE, books::waiting(shared.store.database())).await;
    let waiting = match waiting {
        Ok(Ok(waiting)) => Ok(waiting),
        Ok(Err(failure)) => Err(failure.to_string()),
        Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
    };
    if let Ok((count, oldest)) = waiting {
        let requests = shared.keys.requests_made();
        shared.measures.looked(count, oldest, requests);
    }
    reasons(waiting, shared.beat.age(), shared.options.stale_after)
}

/// What is wrong.
fn reasons(
    waiting: Result<(i64, Duration), String>,
    beat: Duration,
    stale_after: Duration,
) -> Vec<String> {
    let mut reasons = Vec::new();
    match waiting {
        Ok((count, oldest)) if oldest > stale_after => reasons.push(format!(
            "{count} events wait for their record, the oldest for {} s",
            oldest.as_secs()
        )),
        Ok(_) => {}
        Err(why) => reasons.push(format!("the database cannot be had: {why}")),
    }
    if beat > STUCK_AFTER {
        let seconds = beat.as_secs();
        reasons.push(format!("the worker has not moved for {seconds} s"));
    }
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_said() {
        let seconds = Duration::from_secs;
        let reasons = |waiting, beat| reasons(waiting, seconds(beat), seconds(900));
        assert_eq!(reasons(Ok((0, seconds(0))), 60), [""; 0]);
        assert_eq!(reasons(Ok((7, seconds(900))), 0), [""; 0]);
        assert_eq!(
            reasons(Ok((7, seconds(901))), 61),
            [
                "7 events wait for their record, the oldest for 901 s",
                "the worker has not moved for 61 s"
            ]
        );
        assert_eq!(
            reasons(Err("gone".to_owned()), 0),
            ["the database cannot be had: gone"]
        );
    }

    #[test]
    fn what_is_told_seldom_is_told_once() {
        let seldom = Seldom::new(Duration::from_secs(3_600));
        assert!(seldom.tell());
        assert!(!seldom.tell());
        assert!(Seldom::new(Duration::ZERO).tell());
    }
}
