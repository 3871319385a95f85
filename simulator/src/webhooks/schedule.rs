//! When an attempt that failed is repeated: a pure function, so that 28 hours are tested in
//! no time.

use std::time::Duration;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

/// How long each repetition waits after the failure before it.
const WAITS: [Duration; 7] = [
    Duration::from_secs(5),
    Duration::from_secs(5 * MINUTE),
    Duration::from_secs(30 * MINUTE),
    Duration::from_secs(2 * HOUR),
    Duration::from_secs(5 * HOUR),
    Duration::from_secs(10 * HOUR),
    Duration::from_secs(10 * HOUR),
];
/// The share of a wait by which it may be shorter or longer.
const JITTER: f64 = 0.2;
/// How long an overloaded endpoint is left in peace.
const PEACE: Duration = Duration::from_secs(MINUTE);

/// Why an attempt did not succeed, as far as that decides about the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// An answer with another status than a success.
    Answer {
        status: u16,
        /// What the answer asks for.
        retry_after: Option<Duration>,
    },
    /// No answer in time.
    TimedOut,
    /// No connection, or one that broke.
    Broken,
}

/// How long to wait after so many attempts, the last of which failed in some way; `None`
/// where that was the last one. `jitter` is a random number from 0.0 to 1.0.
pub(crate) fn wait(attempts: usize, failure: Failure, jitter: f64) -> Option<Duration> {
    let wait = WAITS.get(attempts.checked_sub(1)?)?;
    let planned = wait.mul_f64(1.0 - JITTER + 2.0 * JITTER * jitter);
    Some(match failure {
        Failure::TimedOut => planned.max(PEACE),
        Failure::Broken => planned,
        Failure::Answer {
            status,
            retry_after,
        } => {
            let least = if status == 429 { PEACE } else { Duration::ZERO };
            let planned = planned.max(least);
            let obeyed = retry_after.filter(|asked| (planned..=2 * planned).contains(asked));
            obeyed.unwrap_or(planned)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(status: u16) -> Failure {
        answer(status, None)
    }

    fn answer(status: u16, retry_after: Option<u64>) -> Failure {
        Failure::Answer {
            status,
            retry_after: retry_after.map(Duration::from_secs),
        }
    }

    #[test]
    fn an_attempt_is_repeated_when_the_schedule_says_so() {
        for (attempts, failure, jitter, expected) in [
            (1, status(500), 0.5, Some(5_000)),
            (1, status(500), 0.0, Some(4_000)),
            (1, status(500), 1.0, Some(6_000)),
            (2, status(302), 0.5, Some(300_000)),
            (3, status(410), 0.5, Some(1_800_000)),
            (4, Failure::Broken, 0.5, Some(7_200_000)),
            (5, status(404), 0.5, Some(18_000_000)),
            (6, status(404), 0.5, Some(36_000_000)),
            (7, status(404), 0.5, Some(36_000_000)),
            (8, status(404), 0.5, None),
            (9, status(404), 0.5, None),
            // Left in peace.
            (1, status(429), 0.5, Some(60_000)),
            (1, Failure::TimedOut, 0.5, Some(60_000)),
            (1, Failure::Broken, 0.5, Some(5_000)),
            (2, status(429), 0.5, Some(300_000)),
            (8, status(429), 0.5, None),
            // What is asked for, but not too early and not too late.
            (1, answer(503, Some(4)), 0.5, Some(5_000)),
            (1, answer(503, Some(7)), 0.5, Some(7_000)),
            (1, answer(503, Some(10)), 0.5, Some(10_000)),
            (1, answer(503, Some(11)), 0.5, Some(5_000)),
            (1, answer(429, Some(90)), 0.5, Some(90_000)),
            (1, answer(429, Some(30)), 0.5, Some(60_000)),
        ] {
            let wait = wait(attempts, failure, jitter);
            let expected = expected.map(Duration::from_millis);
            assert_eq!(wait, expected, "{attempts} {failure:?} {jitter}");
        }
    }

    #[test]
    fn eight_attempts_take_more_than_a_day() {
        let waits = (1..).map_while(|attempts| wait(attempts, status(500), 0.5));
        let total: Duration = waits.sum();
        assert_eq!(total.as_secs(), 27 * HOUR + 35 * MINUTE + 5);
    }
}
