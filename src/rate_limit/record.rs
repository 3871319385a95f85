//! What stands in a shared file, and what a crash may make of it.
//!
//! The file has two halves, which are written in turn, each with a number that grows. A
//! program that is killed while it writes spoils one of them; the other has the state before.
//! That state may lack one slot that was taken, since it cannot be told whether the writing
//! was cut off (then the slot was never used) or spoiled later, so one more counts as taken
//! ([`Quota::lost_one`](super::quota::Quota::lost_one)).
//!
//! A half is a line of text and a JSON text. The line has the version of the format, the
//! number, the length of the JSON and a checksum of all that. A change that older releases may
//! ignore adds a key to the JSON; any other makes a new version, which older releases leave
//! alone.

use std::ops::Range;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::clock::Clocks;
use super::quota::{Quota, Rules, Time};

const MAGIC: &[u8] = b"huntress quota ";
/// What is assumed of the request whose slot was lost: the client's default time-out.
const UNKNOWN_LEASE: Duration = Duration::from_secs(60);
pub(super) const VERSION: u32 = 1;
/// Of the line: the magic, the version, the number, the length and the checksum.
pub(super) const HEADER: usize = MAGIC.len() + 4 + 1 + 16 + 1 + 8 + 1 + 16 + 1;
const CHECKSUM: Range<usize> = HEADER - 17..HEADER - 1;
/// Of the file.
pub(super) const HALF: usize = 64 * 1024;

/// The state of a quota, and when it was so.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Content {
    rules: Rules,
    clocks: Clocks,
    pub(super) time: Time,
    pub(super) quota: Quota,
}

/// What stands in a file, and where.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) content: Content,
    pub(super) number: u64,
    /// The half that is written next.
    pub(super) next: usize,
    /// The other half is spoiled, and may have been the newer one.
    pub(super) lost: bool,
}

/// A program's own last look at a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    pub(super) lineage: u64,
    /// Of what it wrote.
    pub(super) number: u64,
    /// The time in the file.
    pub(super) time: Time,
    /// How long ago it was, by a clock of the program's own that nobody sets.
    pub(super) since: Duration,
}

/// Why a file is not believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Doubt {
    /// What was used is not known, so everything may be.
    BeginAnew(&'static str),
    /// It is somebody else's, or used in another way.
    LeaveAlone(String),
}

impl State {
    /// Of a file that was just made.
    pub(super) fn new(clocks: Clocks, quota: Quota, rules: Rules) -> Self {
        Self {
            content: Content {
                rules,
                clocks,
                time: Time::ZERO,
                quota,
            },
            number: 0,
            next: 0,
            lost: false,
        }
    }

    /// One of which nobody knows what was used.
    pub(super) fn unknown(clocks: Clocks, lineage: u64, rules: Rules) -> Self {
        let quota = Quota::unknown(lineage, &rules, Time::ZERO);
        Self::new(clocks, quota, rules)
    }

    /// Lets the time pass until now: as much as the clocks say, and no more than the program
    /// has measured itself since its own last look.
    pub(super) fn advance(
        &mut self,
        clocks: Clocks,
        own: Option<Look>,
        rules: &Rules,
    ) -> Result<(), Doubt> {
        let content = &mut self.content;
        let same = own.filter(|own| own.lineage == content.quota.lineage);
        // A half that cannot be read may have had the next number.
        if same.is_some_and(|own| own.number > self.number + u64::from(self.lost)) {
            return Err(Doubt::BeginAnew("an older copy was put in its place"));
        }
        let Some(passed) = clocks.since(&content.clocks) else {
            if own.is_some() {
                let why = "another machine writes it, or it is an old copy; remove it, or have a file on a disk of this machine";
                return Err(Doubt::LeaveAlone(why.to_owned()));
            }
            // What was written last may never have reached the disk.
            return Err(Doubt::BeginAnew("the machine was started since"));
        };
        let at_most = own.map_or(Time::MAX, |own| {
            // Another quota has begun after that look, at 0.
            own.since + same.map_or(Time::ZERO, |same| same.time)
        });
        content.time = (content.time + passed).min(at_most).max(content.time);
        content.clocks = clocks;
        if self.lost {
            let now = content.time;
            content.quota.lost_one(rules, now, UNKNOWN_LEASE);
        }
        if content.rules != *rules && !content.quota.is_idle(content.time) {
            let Rules { limit, window } = content.rules;
            let why = format!(
                "programs that use it allow {limit} requests in {window:?}, and this one {} in {:?}; all must allow the same",
                rules.limit, rules.window
            );
            return Err(Doubt::LeaveAlone(why));
        }
        content.rules = *rules;
        Ok(())
    }
}

/// What one half says.
enum Half {
    /// It was never written, or is cut off.
    Empty,
    Good(u64, Box<Content>),
    Spoiled,
    Newer(u32),
}

/// What a file says.
pub(super) enum Found {
    Empty,
    State(Box<State>),
    /// It is ours, and nothing can be read.
    Spoiled,
    /// It is not ours.
    Foreign,
    /// A later release has written it.
    Newer(u32),
}

/// The state that was found, at the present time. `ours` where the file has held a quota, and
/// not something else.
pub(super) fn present(
    found: Found,
    clocks: Clocks,
    own: Option<Look>,
    rules: &Rules,
    ours: bool,
) -> Result<State, Doubt> {
    match found {
        Found::State(mut state) => state.advance(clocks, own, rules).map(|()| *state),
        Found::Newer(version) => Err(Doubt::LeaveAlone(format!(
            "a later release has written it (format {version}), which all programs need then"
        ))),
        Found::Foreign if !ours => {
            let why = "it holds something else, which is left alone";
            Err(Doubt::LeaveAlone(why.to_owned()))
        }
        Found::Empty | Found::Spoiled | Found::Foreign => {
            Err(Doubt::BeginAnew("it cannot be read"))
        }
    }
}

/// Reads both halves, each from its beginning and as far as they go.
pub(super) fn read(halves: [&[u8]; 2]) -> Found {
    let ours = halves.iter().any(|half| half.starts_with(MAGIC));
    let state = |number, content: Box<Content>, next, lost| {
        Found::State(Box::new(State {
            content: *content,
            number,
            next,
            lost,
        }))
    };
    match halves.map(half) {
        [Half::Newer(version), _] | [_, Half::Newer(version)] => Found::Newer(version),
        [Half::Empty, Half::Empty] => Found::Empty,
        [Half::Good(first, a), Half::Good(second, b)] => {
            if first > second {
                state(first, a, 1, false)
            } else {
                state(second, b, 0, false)
            }
        }
        // The first half alone has been written.
        [Half::Good(1, content), Half::Empty] => state(1, content, 1, false),
        [Half::Good(number, content), _] => state(number, content, 1, true),
        [_, Half::Good(number, content)] => state(number, content, 0, true),
        _ if ours => Found::Spoiled,
        _ => Found::Foreign,
    }
}

fn half(bytes: &[u8]) -> Half {
    if bytes.iter().all(|byte| *byte == 0) {
        return Half::Empty;
    }
    parse(bytes).unwrap_or(Half::Spoiled)
}

/// How many bytes a half has, by its first line.
pub(super) fn length(bytes: &[u8]) -> Option<usize> {
    let line = bytes.get(MAGIC.len()..HEADER)?;
    let length = std::str::from_utf8(line).ok()?.split(' ').nth(2)?;
    let length = usize::from_str_radix(length, 16).ok()?;
    Some(HEADER + length).filter(|length| *length <= HALF)
}

fn parse(bytes: &[u8]) -> Option<Half> {
    let bytes = bytes.get(..length(bytes)?)?;
    let line = std::str::from_utf8(bytes.strip_prefix(MAGIC)?.get(..HEADER - MAGIC.len())?).ok()?;
    let mut words = line.trim_end().split(' ');
    let version = words.next()?.parse().ok()?;
    let number = u64::from_str_radix(words.next()?, 16).ok()?;
    let sum = u64::from_str_radix(words.nth(1)?, 16).ok()?;
    if sum != checksum(bytes) {
        return None;
    }
    if version != VERSION {
        return Some(Half::Newer(version));
    }
    let content = serde_json::from_slice(&bytes[HEADER..]).ok()?;
    Some(Half::Good(number, content))
}

/// A half with this number; `None` where it is too long.
pub(super) fn write(number: u64, content: &Content) -> Option<Vec<u8>> {
    let json = serde_json::to_vec(content).ok()?;
    written(VERSION, number, &json)
}

pub(super) fn written(version: u32, number: u64, json: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = MAGIC.to_vec();
    let length = json.len();
    bytes.extend(format!("{version:04} {number:016x} {length:08x} {:016x}\n", 0).into_bytes());
    bytes.extend(json);
    let sum = format!("{:016x}", checksum(&bytes));
    bytes[CHECKSUM].copy_from_slice(sum.as_bytes());
    (bytes.len() <= HALF).then_some(bytes)
}

/// Of all but the checksum itself, eight bytes at a time. Each step maps different sums to
/// different sums, so it differs for any change within eight bytes; nobody who may write the
/// file is an enemy.
fn checksum(bytes: &[u8]) -> u64 {
    let parts = [&bytes[..CHECKSUM.start], &bytes[CHECKSUM.end..]];
    parts.into_iter().fold(0xcbf2_9ce4_8422_2325, |sum, part| {
        part.chunks(8).fold(sum, |sum, chunk| {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            let sum = sum ^ u64::from_le_bytes(word);
            sum.wrapping_mul(0x0100_0000_01b3).rotate_left(23)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::super::clock::Boot;
    use super::*;

    const RULES: Rules = Rules {
        limit: 2,
        window: Duration::from_secs(60),
    };

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn clocks(boot: Option<&str>, at: u64) -> Clocks {
        Clocks {
            day: seconds(1_000 + at),
            boot: boot.map(|id| Boot {
                id: id.to_owned(),
                up: seconds(at),
            }),
        }
    }

    /// What was written at 100 seconds with the number 7, by a start of the machine.
    fn state(boot: Option<&str>) -> State {
        let mut state = State::new(clocks(boot, 100), Quota::new(1), RULES);
        state.content.time = seconds(50);
        state.number = 7;
        state
    }

    fn look(lineage: u64, number: u64, since: u64) -> Option<Look> {
        Some(Look {
            lineage,
            number,
            time: seconds(45),
            since: seconds(since),
        })
    }

    /// The time in the file at 110 seconds, or why it is not believed.
    fn at_110(mut state: State, boot: Option<&str>, own: Option<Look>) -> Result<u64, Doubt> {
        state.advance(clocks(boot, 110), own, &RULES)?;
        Ok(state.content.time.as_secs())
    }

    #[test]
    fn time_passes_by_the_clocks_and_no_faster_than_a_program_has_measured() {
        let linux = Some("a");
        let table = [
            ("a program that starts", linux, None, 60),
            ("one that has looked", linux, look(1, 6, 15), 60),
            ("its clock says less", linux, look(1, 6, 8), 53),
            ("time never goes back", linux, look(1, 6, 0), 50),
            ("it knew an earlier quota", linux, look(9, 99, 55), 55),
            ("no start is known", None, None, 60),
        ];
        for (case, boot, own, time) in table {
            assert_eq!(at_110(state(boot), boot, own), Ok(time), "{case}");
        }
    }

    #[test]
    fn what_is_not_known_begins_anew_and_what_is_not_ours_is_left_alone() {
        let begins = |doubt: Result<u64, Doubt>| matches!(doubt, Err(Doubt::BeginAnew(_)));
        // The machine was started, and no program has lived that long.
        assert!(begins(at_110(state(Some("a")), Some("b"), None)));
        // A program that lives has seen a later number.
        assert!(begins(at_110(state(Some("a")), Some("a"), look(1, 8, 15))));
        let mut lost = state(Some("a"));
        lost.lost = true;
        assert_eq!(at_110(lost.clone(), Some("a"), look(1, 8, 15)), Ok(60));
        assert!(begins(at_110(lost, Some("a"), look(1, 9, 15))));
        // A program that lives knows that the machine was not started.
        let left = |doubt: Result<u64, Doubt>, why: &str| match doubt {
            Err(Doubt::LeaveAlone(text)) => assert!(text.contains(why), "{text}"),
            other => panic!("{other:?}"),
        };
        left(
            at_110(state(Some("a")), Some("b"), look(9, 1, 15)),
            "another machine",
        );
    }

    #[test]
    fn programs_that_allow_different_quotas_do_not_share_one() {
        let other = Rules { limit: 3, ..RULES };
        let now = clocks(None, 110);
        let mut used = state(None);
        used.content.quota.lost_one(&RULES, seconds(50), seconds(1));
        let error = used.clone().advance(now.clone(), None, &other).unwrap_err();
        let Doubt::LeaveAlone(text) = error else {
            panic!("{error:?}");
        };
        assert!(text.contains("2 requests in 60s"), "{text}");
        // Nobody has used it for long: it was changed.
        let later = clocks(None, 300);
        assert_eq!(used.advance(later, None, &other), Ok(()));
        assert_eq!(used.content.rules, other);
    }
}
