//! What goes to Redis with one step of the quota, and what comes back.
//!
//! A step is one run of a script (`step.lua`), so it is one round trip and nobody is in between.
//! The script has the rules of `quota.rs` again, since a quota that is read, changed here and
//! written back costs two trips and is tried anew whenever another program was faster.

use std::fmt::Write as _;
use std::time::Duration;

use ::redis::{FromRedisValue, ParsingError, Script, Value};
use serde::Serialize;

use crate::rate_limit::quota::{Asker, End, Rules, Slot};
use crate::rate_limit::{
    CONTRADICTIONS, GRACE, HEAD_START, LONGEST_PAUSE, Lane, PATIENCE, RateLimiterSnapshot, SOON,
    WRITES_BEFORE_A_READ,
};

/// Of what stands in Redis. Older releases leave another one alone.
const FORMAT: u32 = 1;
/// As much more may have passed by the server's clock than by a program's own, since a message
/// takes its time. A jump of the server's clock that is smaller is not seen.
const APART: Duration = Duration::from_millis(100);
/// How long a key stays that nobody uses: longer than anything in it matters, which is a lease
/// of a day and a window of a day at most.
pub(super) const EXPIRES: Duration = Duration::from_secs(3 * 24 * 60 * 60);

/// The clock of the server, which start of it this is, and since when it runs.
const SERVER: &str = "\
local time = redis.call('TIME')
local CLOCK = time[1] * 1000000 + time[2]
local server = redis.call('INFO', 'server')
local RUN = string.match(server, 'run_id:(%w+)') or ''
local UP = (tonumber(string.match(server, 'uptime_in_seconds:(%d+)')) or math.huge) * 1000000
";

/// The same as the test says.
#[cfg(all(test, feature = "redis-tests"))]
const TOLD: &str = "\
local CLOCK, RUN, UP = tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
";

pub(super) fn script() -> Script {
    Script::new(&text(SERVER))
}

/// The script, with time as a test gives it.
#[cfg(all(test, feature = "redis-tests"))]
pub(super) fn told_script() -> Script {
    Script::new(&text(TOLD))
}

fn text(server: &str) -> String {
    let mut text = server.to_owned();
    for (name, value) in [
        ("FORMAT", FORMAT.into()),
        ("APART", micros(APART)),
        ("EXPIRES", micros(EXPIRES) / 1000),
        ("GRACE", micros(GRACE)),
        ("HEAD_START", micros(HEAD_START)),
        ("LONGEST_PAUSE", micros(LONGEST_PAUSE)),
        ("PATIENCE", micros(PATIENCE)),
        ("SOON", micros(SOON)),
        ("CONTRADICTIONS", CONTRADICTIONS.into()),
        ("WRITES_BEFORE_A_READ", WRITES_BEFORE_A_READ as u64),
    ] {
        let _ = writeln!(text, "local {name} = {value}");
    }
    text + include_str!("step.lua")
}

/// Exact in the numbers of Lua, which has no others than `f64`.
pub(super) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).map_or(MOST, |micros| micros.min(MOST))
}

const MOST: u64 = 1 << 52;

/// A number of 64 bits as Lua can compare it.
fn hex(number: u64) -> String {
    format!("{number:016x}")
}

#[derive(Debug, Serialize)]
pub(super) struct Message {
    limit: usize,
    window: u64,
    /// The lineage of a quota that begins now.
    fresh: String,
    program: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    own: Option<Own>,
    news: Vec<Told>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ask: Option<Ask>,
}

/// The program's own last look, and how long ago it was at least.
#[derive(Debug, Serialize)]
struct Own {
    lineage: String,
    time: u64,
    since: u64,
}

/// What a program has to tell the others.
#[derive(Clone, Copy, Debug)]
pub(super) enum News {
    Ended(Slot, End),
    /// So many slots were used without Redis. What has the same ticket is told anew.
    Used {
        ticket: u64,
        slots: usize,
        lasts: Duration,
    },
    /// No call of it is waiting any more.
    Left,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Told {
    Ended(Box<Ended>),
    Used {
        ticket: String,
        slots: usize,
        lasts: u64,
    },
    Left(bool),
}

#[derive(Debug, Default, Serialize)]
struct Ended {
    ticket: String,
    how: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    remaining: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Ask {
    ticket: String,
    write: bool,
    waited: u64,
    lease: u64,
}

/// The program's own last look: the quota's lineage and time, and how long ago that is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    pub(super) lineage: u64,
    pub(super) time: Duration,
    pub(super) since: Duration,
}

impl Message {
    pub(super) fn new(
        rules: &Rules,
        program: u64,
        own: Option<Look>,
        news: &[News],
        ask: Option<(u64, Asker)>,
    ) -> Self {
        Self {
            limit: rules.limit,
            window: micros(rules.window),
            fresh: hex(fastrand::u64(1..)),
            program: hex(program),
            own: own.map(|look| Own {
                lineage: hex(look.lineage),
                time: micros(look.time),
                since: micros(look.since),
            }),
            news: news.iter().map(told).collect(),
            ask: ask.map(|(ticket, asker)| Ask {
                ticket: hex(ticket),
                write: asker.lane == Lane::Write,
                waited: micros(asker.waited),
                lease: micros(asker.lease),
            }),
        }
    }

    pub(super) fn text(&self) -> String {
        serde_json::to_string(self).expect("numbers and texts are JSON")
    }
}

fn told(news: &News) -> Told {
    let (slot, end) = match *news {
        News::Ended(slot, end) => (slot, end),
        News::Used {
            ticket,
            slots,
            lasts,
        } => {
            return Told::Used {
                ticket: hex(ticket),
                slots,
                lasts: micros(lasts),
            };
        }
        News::Left => return Told::Left(true),
    };
    let ended = Ended {
        ticket: hex(slot.ticket),
        ..Ended::default()
    };
    Told::Ended(Box::new(match end {
        End::Unanswered => Ended {
            how: "unanswered",
            ..ended
        },
        End::Unsent => Ended {
            how: "unsent",
            ..ended
        },
        End::Accepted { remaining } => Ended {
            how: "accepted",
            remaining,
            ..ended
        },
        End::Refused { retry_after } => Ended {
            how: "refused",
            retry_after: retry_after.map(micros),
            ..ended
        },
    }))
}

/// What a step says.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) lineage: u64,
    pub(super) time: Duration,
    /// What was used is not known, and all wait for a window.
    pub(super) lost: bool,
    /// The server has refused a request, and all wait so long.
    pub(super) pause: Option<Duration>,
    /// Whether the slot that was asked for was taken; if not, when to look again.
    pub(super) taken: bool,
    pub(super) wait: Option<Duration>,
    pub(super) in_flight: usize,
    pub(super) used: usize,
    pub(super) others: usize,
    pub(super) available: usize,
    pub(super) next_free_in: Option<Duration>,
}

impl Reply {
    pub(super) fn snapshot(&self, rules: &Rules) -> RateLimiterSnapshot {
        RateLimiterSnapshot {
            limit: rules.limit,
            window: rules.window,
            in_flight: self.in_flight,
            used: self.used,
            others: self.others,
            available: self.available,
            next_free_in: self.next_free_in,
            requests: 0,
            waited: Duration::ZERO,
        }
    }
}

impl FromRedisValue for Reply {
    fn from_redis_value(value: Value) -> Result<Self, ParsingError> {
        type Values = (String, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64);
        let (lineage, now, lost, pause, taken, wait, in_flight, used, others, free, next) =
            Values::from_redis_value(value)?;
        let lineage = u64::from_str_radix(&lineage, 16)
            .map_err(|_| ParsingError::from("the script's reply has no lineage".to_owned()))?;
        // -1 stands for none.
        let time = |micros| u64::try_from(micros).ok().map(Duration::from_micros);
        let count = |number| usize::try_from(number).ok();
        Ok(Self {
            lineage,
            time: time(now).unwrap_or_default(),
            lost: lost == 1,
            pause: time(pause),
            taken: taken == 1,
            wait: time(wait),
            in_flight: count(in_flight).unwrap_or(0),
            used: count(used).unwrap_or(0),
            others: count(others).unwrap_or(0),
            available: count(free).unwrap_or(0),
            next_free_in: time(next),
        })
    }
}
