//! The state of a quota, and what each event makes of it: no clock, no lock, no waiting.
//!
//! All times are given, and count from when the quota began. Where the state lives, in memory
//! or in a file, is `store.rs`; the proof that it keeps the quota is in `rate_limit.rs`. What is
//! learnt about others that use the account is in `quota/others.rs`, and which of several
//! programs goes first in `quota/programs.rs`.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use self::others::{Others, Word};
use self::programs::Waiting;
use super::{GRACE, HEAD_START, Lane, RateLimiterSnapshot};

mod others;
mod programs;

/// Since the quota began.
pub(super) type Time = Duration;

/// What the quota is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Rules {
    pub(super) limit: usize,
    pub(super) window: Duration,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Quota {
    /// Another one after what it held was lost, so that nobody takes its tickets for these.
    pub(super) lineage: u64,
    next_ticket: u64,
    /// The slots whose requests are under way, by ticket.
    under_way: Vec<Lease>,
    /// No lease ends before this.
    next_lapse: Time,
    /// The slots whose requests have ended, until their window has passed; the next to be free
    /// comes first.
    cooling: VecDeque<Cooling>,
    others: Option<Others>,
    pub(super) word: Word,
    lead: Lead,
    /// Since the server refused a request, nobody goes before this.
    pub(super) paused_until: Option<Time>,
    /// The one with which a series of refusals began; later ones within a window belong to it.
    first_refusal: Option<Time>,
    last_refusal: Option<Time>,
    writes_since_a_read: usize,
    /// The programs that share it and have a call waiting, each with the first of its calls.
    waiting: Vec<Waiting>,
}

/// A slot whose request is under way.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Lease {
    ticket: u64,
    taken: Time,
    /// What remained by the server's word then.
    word: Option<usize>,
    /// When it is free though nobody has said how its request ended.
    lapses: Time,
}

/// A used slot that becomes free by the passing of time.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Cooling {
    free: Time,
    /// The server took the request, or may have: it counts it.
    counted: bool,
}

/// A request that goes alone, to see whether the server takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Lead {
    /// The next one.
    Due,
    /// The others follow when it has ended or its head start has.
    UnderWay {
        ticket: u64,
        since: Time,
    },
    Over,
}

/// Who asks for a slot.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asker {
    /// The program, where several share the quota.
    pub(super) program: Option<u64>,
    pub(super) lane: Lane,
    /// How long the call has waited.
    pub(super) waited: Duration,
    /// How long after it got its slot the request may be under way at most.
    pub(super) lease: Duration,
}

/// A slot, in the hands of a call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub(super) lineage: u64,
    pub(super) ticket: u64,
}

/// How the request of a slot ended.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    Unanswered,
    Unsent,
    Accepted { remaining: Option<usize> },
    Refused { retry_after: Option<Duration> },
}

/// What a program has to tell.
#[derive(Clone, Copy, Debug)]
pub(super) enum News {
    Ended(Slot, End),
    /// No call of it is waiting any more.
    Left,
}

impl Quota {
    pub(super) fn new(lineage: u64) -> Self {
        Self {
            lineage,
            next_ticket: 0,
            under_way: Vec::new(),
            next_lapse: Time::MAX,
            cooling: VecDeque::new(),
            others: None,
            word: Word::new(),
            lead: Lead::Due,
            paused_until: None,
            first_refusal: None,
            last_refusal: None,
            writes_since_a_read: 0,
            waiting: Vec::new(),
        }
    }

    /// One of which nobody knows what was used: it may be everything, so nobody goes for a
    /// window.
    pub(super) fn unknown(lineage: u64, rules: &Rules, now: Time) -> Self {
        Self {
            paused_until: Some(now + rules.window),
            ..Self::new(lineage)
        }
    }

    /// What was written last is lost. It took one slot at most, which is held as long as that
    /// request can matter.
    pub(super) fn lost_one(&mut self, rules: &Rules, now: Time, lease: Duration) {
        self.cool(now + lease + GRACE + rules.window, true);
    }

    #[inline]
    fn cool(&mut self, free: Time, counted: bool) {
        let slot = Cooling { free, counted };
        if self.cooling.back().is_none_or(|last| last.free <= free) {
            self.cooling.push_back(slot);
        } else {
            let place = self.cooling.partition_point(|other| other.free <= free);
            self.cooling.insert(place, slot);
        }
    }

    pub(super) fn snapshot(&mut self, rules: &Rules, now: Time) -> RateLimiterSnapshot {
        self.settle(now);
        RateLimiterSnapshot {
            limit: rules.limit,
            window: rules.window,
            in_flight: self.under_way.len(),
            used: self.used(),
            others: self.left_to_others(),
            available: match self.held_until() {
                Some(_) => 0,
                None => self.free(rules.limit),
            },
            next_free_in: self.next_free().map(|at| at - now),
            requests: 0,
            waited: Duration::ZERO,
        }
    }

    /// Nothing is used, and nobody waits.
    pub(super) fn is_idle(&mut self, now: Time) -> bool {
        self.settle(now);
        let held = self.held_until().is_some() || self.left_to_others() > 0;
        self.used() == 0 && !held && self.waiting.is_empty()
    }

    /// Takes note of a program's news. Returns for how long all calls wait, if they say so.
    #[inline]
    pub(super) fn hear(
        &mut self,
        rules: &Rules,
        now: Time,
        program: Option<u64>,
        news: &News,
    ) -> Option<Duration> {
        match news {
            News::Ended(slot, end) => self.end(rules, now, slot, *end),
            News::Left => {
                program.into_iter().for_each(|program| self.leave(program));
                None
            }
        }
    }

    /// The request of a slot has ended. Returns for how long all calls wait, if that is news.
    #[inline]
    pub(super) fn end(
        &mut self,
        rules: &Rules,
        now: Time,
        slot: &Slot,
        end: End,
    ) -> Option<Duration> {
        self.settle(now);
        let known = slot.lineage == self.lineage;
        let by_ticket = |lease: &Lease| lease.ticket;
        let found = self.under_way.binary_search_by_key(&slot.ticket, by_ticket);
        let lease = match found {
            Ok(index) if known => self.under_way.remove(index),
            // It has lapsed, or was lost: nothing is remembered of it.
            _ => Lease::forgotten(),
        };
        if matches!(self.lead, Lead::UnderWay { ticket, .. } if known && ticket == slot.ticket) {
            self.lead = Lead::Over;
        }
        let free = now + rules.window;
        match end {
            End::Unsent => {}
            End::Unanswered => self.cool(free + GRACE, true),
            End::Accepted { remaining } => {
                self.cool(free, true);
                self.accepted(rules, &lease, remaining, now);
            }
            End::Refused { retry_after } => {
                self.cool(free, false);
                return self.refused(rules, &lease, retry_after, now);
            }
        }
        None
    }

    /// Lets everything become free whose time has come.
    #[inline]
    fn settle(&mut self, now: Time) {
        while self.cooling.front().is_some_and(|slot| slot.free <= now) {
            self.cooling.pop_front();
            self.word.remaining = None;
        }
        if self.next_lapse <= now {
            self.under_way.retain(|lease| lease.lapses > now);
            let lapses = self.under_way.iter().map(|lease| lease.lapses);
            self.next_lapse = lapses.min().unwrap_or(Time::MAX);
        }
        if let Lead::UnderWay { since, .. } = self.lead
            && since + HEAD_START <= now
        {
            self.lead = Lead::Over;
        }
        if self.paused_until.is_some_and(|until| until <= now) {
            self.paused_until = None;
        }
        self.settle_others(now);
    }

    #[inline]
    fn used(&self) -> usize {
        self.under_way.len() + self.cooling.len()
    }

    #[inline]
    fn free(&self, limit: usize) -> usize {
        limit.saturating_sub(self.used() + self.left_to_others())
    }

    /// Whether a request may go now; if not, when to look again.
    #[inline]
    fn vacancy(&mut self, now: Time, limit: usize) -> Result<(), Option<Time>> {
        self.settle(now);
        match (self.held_until(), self.free(limit)) {
            (_, 0) => Err(self.next_free()),
            (None, _) => Ok(()),
            (held, _) => Err(held),
        }
    }

    /// Until when nobody goes, though slots may be free.
    #[inline]
    fn held_until(&self) -> Option<Time> {
        let lead = match self.lead {
            Lead::UnderWay { since, .. } => Some(since + HEAD_START),
            Lead::Due | Lead::Over => None,
        };
        self.paused_until.max(lead)
    }

    /// When the passing of time next frees a slot.
    fn next_free(&self) -> Option<Time> {
        let own = self.cooling.front().map(|slot| slot.free);
        let others = self.others.as_ref().map(Others::next);
        let lapses = self.under_way.iter().map(|lease| lease.lapses);
        let lapses = lapses.filter(|at| *at < Time::MAX);
        let next = own.into_iter().chain(others).chain(lapses).min();
        next.max(self.held_until())
    }

    /// Takes a slot, which must be free.
    #[inline]
    fn take(&mut self, rules: &Rules, now: Time, asker: &Asker) -> Slot {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        // The request is over then, and may arrive a grace later.
        let lapses = match asker.program {
            Some(_) => now + asker.lease + GRACE + rules.window,
            // What ends in this program is told in any case.
            None => Time::MAX,
        };
        self.under_way.push(Lease {
            ticket,
            taken: now,
            word: self.word.remaining,
            lapses,
        });
        self.next_lapse = self.next_lapse.min(lapses);
        if self.lead == Lead::Due {
            self.lead = Lead::UnderWay { ticket, since: now };
        }
        match asker.lane {
            Lane::Write => self.writes_since_a_read += 1,
            Lane::Read => self.writes_since_a_read = 0,
        }
        Slot {
            lineage: self.lineage,
            ticket,
        }
    }
}

impl Lease {
    /// The one of an end that belongs to none: older than all that is known.
    fn forgotten() -> Self {
        Self {
            ticket: 0,
            taken: Time::ZERO,
            word: None,
            lapses: Time::ZERO,
        }
    }
}
