//! Who goes first among the programs that share a quota, and when each looks again.
//!
//! No program can wake another, so each is told when its own turn should come, and says when it
//! will look. One that does not come then is passed over.

use serde::{Deserialize, Serialize};

use super::{Asker, Lead, Others, Quota, Rules, Slot, Time};
use crate::rate_limit::{HEAD_START, Lane, PATIENCE, SOON, WRITES_BEFORE_A_READ};

/// A program whose calls wait.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Waiting {
    program: u64,
    lane: Lane,
    since: Time,
    /// When it looks again.
    looks: Time,
}

impl Quota {
    /// A slot, or when to look again; `None` where no time is known at which that makes sense.
    #[inline]
    pub(in crate::rate_limit) fn ask(
        &mut self,
        rules: &Rules,
        now: Time,
        asker: &Asker,
    ) -> Result<Slot, Option<Time>> {
        let vacancy = self.vacancy(now, rules.limit);
        match asker.program {
            Some(program) => self.ask_among(rules, now, asker, program, vacancy),
            None => vacancy.map(|()| self.take(rules, now, asker)),
        }
    }

    /// The same for one of several programs.
    fn ask_among(
        &mut self,
        rules: &Rules,
        now: Time,
        asker: &Asker,
        program: u64,
        vacancy: Result<(), Option<Time>>,
    ) -> Result<Slot, Option<Time>> {
        let me = Waiting {
            program,
            lane: asker.lane,
            since: now.saturating_sub(asker.waited),
            looks: now,
        };
        self.leave(program);
        self.waiting.retain(|other| now <= other.looks + PATIENCE);
        let free = self.free(rules.limit);
        let at = match vacancy {
            Ok(()) if self.before(&me, now) < free => return Ok(self.take(rules, now, asker)),
            // It is theirs, and they are about to come.
            Ok(()) => Some(now + SOON),
            Err(held) if free > 0 => held,
            Err(_) => self.becomes_free(self.before(&me, Time::MAX)),
        };
        let at = self.looks(rules, now, at);
        self.waiting.push(Waiting {
            looks: at.unwrap_or(now),
            ..me
        });
        Err(at)
    }

    #[cfg(test)]
    pub(in crate::rate_limit) fn programs_waiting(&self) -> usize {
        self.waiting.len()
    }

    /// A program has no call waiting any more.
    pub(in crate::rate_limit) fn leave(&mut self, program: u64) {
        self.waiting.retain(|other| other.program != program);
    }

    /// How many others, whose turn it is before this one's, look by then.
    fn before(&self, me: &Waiting, then: Time) -> usize {
        let read_is_due = self.writes_since_a_read >= WRITES_BEFORE_A_READ;
        let rank = |call: &Waiting| {
            let second = (call.lane == Lane::Read) != read_is_due;
            (second, call.since, call.program)
        };
        let others = self.waiting.iter().filter(|other| other.looks <= then);
        others.filter(|other| rank(other) < rank(me)).count()
    }

    /// When as many slots have become free as others come before, and one more. So each
    /// program looks when its own slot is free, and not whenever one is.
    fn becomes_free(&self, before: usize) -> Option<Time> {
        let cooling = self.cooling.iter().map(|slot| slot.free);
        let lapses = self.under_way.iter().map(|lease| lease.lapses);
        let others = self.others.as_ref().map(Others::next);
        let mut times: Vec<_> = cooling.chain(lapses).chain(others).collect();
        times.sort_unstable();
        let at = times.get(before).or(times.last()).copied();
        at.max(self.held_until())
    }

    /// When a program looks again that learns of what others do by looking only. An answer
    /// frees its slot a window later, which is known in time; a lead that ends, a request that
    /// was not sent, and one by which more slots are tried, free one at once.
    fn looks(&self, rules: &Rules, now: Time, at: Option<Time>) -> Option<Time> {
        if self.under_way.is_empty() {
            return at;
        }
        let every = match self.lead {
            Lead::UnderWay { .. } => HEAD_START / 20,
            Lead::Due | Lead::Over => rules.window / 60,
        };
        let look = now + every.max(SOON);
        Some(at.map_or(look, |at| at.min(look)))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::rate_limit::GRACE;
    use crate::rate_limit::quota::End;

    const RULES: Rules = Rules {
        limit: 1,
        window: Duration::from_secs(60),
    };

    fn at(milliseconds: u64) -> Time {
        Duration::from_millis(milliseconds)
    }

    fn asker(program: u64, lane: Lane, waited: u64) -> Asker {
        Asker {
            program: Some(program),
            lane,
            waited: at(waited),
            lease: at(1_000),
        }
    }

    /// A quota whose slot becomes free at 60 seconds.
    fn used() -> Quota {
        let mut quota = Quota::new(1);
        answered(&mut quota, Lane::Read, Time::ZERO);
        quota
    }

    /// A program that nobody waits before makes a call.
    fn answered(quota: &mut Quota, lane: Lane, now: Time) {
        let slot = quota.ask(&RULES, now, &asker(0, lane, 0)).unwrap();
        quota.end(&RULES, now, &slot, End::Accepted { remaining: None });
    }

    fn waits(quota: &mut Quota, now: u64, asker: Asker) -> Option<Time> {
        quota.ask(&RULES, at(now), &asker).unwrap_err()
    }

    #[test]
    fn the_call_that_has_waited_longest_goes_first() {
        let mut quota = used();
        let (early, late) = (asker(1, Lane::Read, 500), asker(2, Lane::Read, 100));
        assert_eq!(waits(&mut quota, 1_000, late), Some(at(60_000)));
        assert_eq!(waits(&mut quota, 1_000, early), Some(at(60_000)));
        let (early, late) = (asker(1, Lane::Read, 59_500), asker(2, Lane::Read, 59_100));
        assert_eq!(waits(&mut quota, 60_000, late), Some(at(60_000) + SOON));
        assert!(quota.ask(&RULES, at(60_000), &early).is_ok());
    }

    #[test]
    fn a_write_goes_before_a_read_but_not_for_ever() {
        let mut quota = used();
        let (read, write) = (asker(1, Lane::Read, 500), asker(2, Lane::Write, 0));
        waits(&mut quota, 1_000, read);
        waits(&mut quota, 1_000, write);
        waits(&mut quota, 60_000, asker(1, Lane::Read, 59_500));
        assert!(quota.ask(&RULES, at(60_000), &write).is_ok());

        let mut quota = Quota::new(1);
        let mut now = Time::ZERO;
        for _ in 0..WRITES_BEFORE_A_READ {
            answered(&mut quota, Lane::Write, now);
            now += RULES.window;
        }
        let before = (now - at(1)).as_millis() as u64;
        waits(&mut quota, before, read);
        waits(&mut quota, before, write);
        waits(&mut quota, before + 1, write);
        assert!(quota.ask(&RULES, now, &read).is_ok());
    }

    #[test]
    fn a_program_that_does_not_come_is_passed_over() {
        let mut quota = used();
        waits(&mut quota, 1_000, asker(1, Lane::Write, 0));
        let second = |waited| asker(2, Lane::Read, waited);
        waits(&mut quota, 1_000, second(0));
        waits(&mut quota, 60_000, second(59_000));
        waits(&mut quota, 60_050, second(59_050));
        assert!(quota.ask(&RULES, at(60_051), &second(59_051)).is_ok());
    }

    #[test]
    fn each_program_looks_when_its_own_slot_is_free() {
        let rules = Rules { limit: 2, ..RULES };
        let mut quota = Quota::new(1);
        for now in [at(0), at(700)] {
            let slot = quota.ask(&rules, now, &asker(0, Lane::Read, 0)).unwrap();
            quota.end(&rules, now, &slot, End::Accepted { remaining: None });
        }
        for (program, looks) in [(1, 60_000), (2, 60_700), (3, 60_700)] {
            let waited = 100 - program;
            let asked = quota.ask(&rules, at(1_000), &asker(program, Lane::Read, waited));
            assert_eq!(asked.unwrap_err(), Some(at(looks)), "{program}");
        }
        // One that gives up is not waited for.
        quota.leave(1);
        let asked = quota.ask(&rules, at(1_000), &asker(2, Lane::Read, 98));
        assert_eq!(asked.unwrap_err(), Some(at(60_000)));
    }

    #[test]
    fn a_slot_that_nobody_gives_back_is_free_when_its_request_cannot_matter_any_more() {
        let mut quota = Quota::new(1);
        let killed = quota.ask(&RULES, Time::ZERO, &asker(1, Lane::Read, 0));
        assert!(killed.is_ok());
        let lapses = at(1_000) + GRACE + RULES.window;
        let before = quota.snapshot(&RULES, lapses - at(1));
        assert_eq!((before.used, before.next_free_in), (1, Some(at(1))));
        assert_eq!(quota.snapshot(&RULES, lapses).used, 0);
    }
}
