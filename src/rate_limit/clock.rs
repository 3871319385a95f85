//! How much time has passed between two programs' looks at a file.
//!
//! There are two clocks that all programs of a machine read alike. The time of day is exact,
//! and jumps when somebody sets it. The time since the machine was started never jumps, but
//! std gives it only as text on Linux, to a hundredth of a second, and a container may have one
//! of its own. So the time of day is taken where the other bears it out, and else the lesser
//! of what both say: it cannot be too much if one of them is right.
//!
//! Other systems have the time of day alone, since the `Instant` of std has no origin that two
//! programs know of. If it is set back, no time at all has passed. If it is set forward, that is
//! bounded by what the program itself has measured since it last looked (`State::advance`), and
//! by nothing for one that has not looked before.

use std::fs;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// How finely `/proc/uptime` tells the time.
const TICK: Duration = Duration::from_millis(10);
/// As far apart may the clocks be: by the ticks of one, and by what happens between reading one
/// and the other. A jump that is smaller is not seen.
const APART: Duration = Duration::from_millis(50);

/// What the clocks of the machine say at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Clocks {
    /// The time of day, since 1970.
    pub(super) day: Duration,
    pub(super) boot: Option<Boot>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Boot {
    /// Another one after each start of the machine.
    pub(super) id: String,
    pub(super) up: Duration,
}

impl Clocks {
    pub(super) fn now() -> Self {
        Self {
            boot: boot(),
            day: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default(),
        }
    }

    /// The time that has passed since then, never more than really has if one of the clocks
    /// is right. `None` where the machine was started in between.
    pub(super) fn since(&self, then: &Self) -> Option<Duration> {
        let by_day = self.day.saturating_sub(then.day);
        match (&self.boot, &then.boot) {
            (Some(now), Some(then)) if now.id != then.id => None,
            (Some(now), Some(then)) => {
                let up = now.up.saturating_sub(then.up);
                Some(if by_day.abs_diff(up) <= APART {
                    by_day
                } else {
                    by_day.min(up.saturating_sub(TICK))
                })
            }
            _ => Some(by_day),
        }
    }
}

fn boot() -> Option<Boot> {
    static ID: LazyLock<Option<String>> = LazyLock::new(|| {
        let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        Some(id.trim().to_owned())
    });
    let id = ID.clone()?;
    let up = fs::read_to_string("/proc/uptime").ok()?;
    let seconds: f64 = up.split_whitespace().next()?.parse().ok()?;
    let up = Duration::try_from_secs_f64(seconds).ok()?;
    Some(Boot { id, up })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: u64, boot: Option<(&str, u64)>) -> Clocks {
        Clocks {
            day: Duration::from_millis(day),
            boot: boot.map(|(id, up)| Boot {
                id: id.to_owned(),
                up: Duration::from_millis(up),
            }),
        }
    }

    #[test]
    fn what_passes_between_two_looks() {
        let then = at(1_000_000, Some(("a", 50_000)));
        let table = [
            ("both agree", at(1_000_123, Some(("a", 50_120))), Some(123)),
            ("set forward", at(9_000_000, Some(("a", 50_120))), Some(110)),
            ("set back", at(7, Some(("a", 50_120))), Some(0)),
            (
                "slept",
                at(9_000_000, Some(("a", 8_050_000))),
                Some(8_000_000),
            ),
            (
                "another container",
                at(1_000_123, Some(("a", 9_050_000))),
                Some(123),
            ),
            ("started anew", at(1_000_123, Some(("b", 90_000))), None),
            (
                "less than at the last start",
                at(1_000_123, Some(("a", 10))),
                Some(0),
            ),
            ("no start is known", at(1_000_123, None), Some(123)),
            ("set back, no start is known", at(7, None), Some(0)),
        ];
        for (case, now, passed) in table {
            let passed = passed.map(Duration::from_millis);
            assert_eq!(now.since(&then), passed, "{case}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn linux_tells_when_it_was_started() {
        let (first, second) = (Clocks::now(), Clocks::now());
        assert!(first.boot.is_some());
        assert!(second.since(&first) < Some(Duration::from_secs(60)));
    }
}
