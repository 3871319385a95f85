//! The state of a quota, and what each event makes of it: no clock, no lock, no waiting.
//!
//! All times are given, and count from when the quota began. Where the state lives, in memory
//! or in a file, is `store.rs`; the proof that it keeps the quota is in `rate_limit.rs`.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    CONTRADICTIONS, GRACE, HEAD_START, LONGEST_PAUSE, Lane, PATIENCE, RateLimiterSnapshot, SOON,
    WRITES_BEFORE_A_READ,
};

/// Since the quota began.
pub(super) type Time = Duration;

/// What the quota is.
#[derive(Clone, Copy, Debug)]
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
    /// The slots whose requests have ended, until their window has passed.
    cooling: BinaryHeap<Reverse<Cooling>>,
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
    /// When it is free though nobody has said how its request ended.
    lapses: Time,
}

/// A used slot that becomes free by the passing of time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Cooling {
    free: Time,
    /// The server took the request, or may have: it counts it.
    counted: bool,
}

/// Slots that are left unused, since others of the account hold them.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Others {
    slots: usize,
    /// From then on they are tried, one more for each request that the server takes.
    tried_from: Time,
    tried: bool,
    gone: Time,
}

/// How far the server is believed when it says how many calls remain.
///
/// A true word goes down with each request that the server takes, unless a slot becomes
/// free in the meantime. Some servers always say the same. So a word that was never seen to
/// go down does not stop everybody when it says 0: one request is tried. If that is refused,
/// the word was right. If requests are taken [`CONTRADICTIONS`] times in a row, the word is
/// worth nothing, until it is right again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Word {
    /// The last one; gone once a slot of our own has become free, since more may remain then.
    remaining: Option<usize>,
    /// When it came.
    since: Time,
    /// 0 once it was right, else 1 and one more for each contradiction.
    pub(super) doubts: u8,
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

/// A program whose calls wait.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Waiting {
    program: u64,
    lane: Lane,
    since: Time,
    /// When it looks again.
    looks: Time,
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

/// A slot, as the state knows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub(super) lineage: u64,
    pub(super) ticket: u64,
    taken: Time,
    /// What remained by the server's word when it was taken.
    word: Option<usize>,
}

/// How the request of a slot ended.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    Unanswered,
    Unsent,
    Accepted { remaining: Option<usize> },
    Refused { retry_after: Option<Duration> },
}

impl Quota {
    pub(super) fn new(lineage: u64) -> Self {
        Self {
            lineage,
            next_ticket: 0,
            under_way: Vec::new(),
            next_lapse: Time::MAX,
            cooling: BinaryHeap::new(),
            others: None,
            word: Word {
                remaining: None,
                since: Time::ZERO,
                doubts: 1,
            },
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

    fn cool(&mut self, free: Time, counted: bool) {
        self.cooling.push(Reverse(Cooling { free, counted }));
    }

    pub(super) fn snapshot(&mut self, rules: &Rules, now: Time) -> RateLimiterSnapshot {
        self.settle(now);
        RateLimiterSnapshot {
            limit: rules.limit,
            window: rules.window,
            in_flight: self.under_way.len(),
            used: self.used(),
            others: self.others(),
            available: match self.held_until() {
                Some(_) => 0,
                None => self.free(rules.limit),
            },
            next_free_in: self.next_free().map(|at| at - now),
        }
    }

    /// A slot, or when to look again; `None` where no time is known at which that makes sense.
    pub(super) fn ask(
        &mut self,
        rules: &Rules,
        now: Time,
        asker: &Asker,
    ) -> Result<Slot, Option<Time>> {
        let vacancy = self.vacancy(now, rules.limit);
        let Some(program) = asker.program else {
            vacancy?;
            return Ok(self.take(rules, now, asker));
        };
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

    /// A program has no call waiting any more.
    pub(super) fn leave(&mut self, program: u64) {
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
        let cooling = self.cooling.iter().map(|Reverse(slot)| slot.free);
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

    /// The request of a slot has ended. Returns for how long all calls wait, if that is news.
    pub(super) fn end(
        &mut self,
        rules: &Rules,
        now: Time,
        slot: &Slot,
        end: End,
    ) -> Option<Duration> {
        self.settle(now);
        let known = slot.lineage == self.lineage;
        // What it remembers of a state that is lost says nothing about this one.
        let slot = &Slot {
            taken: if known { slot.taken } else { Time::ZERO },
            word: slot.word.filter(|_| known),
            ..*slot
        };
        if known {
            let lease = |lease: &Lease| lease.ticket;
            if let Ok(index) = self.under_way.binary_search_by_key(&slot.ticket, lease) {
                self.under_way.remove(index);
            }
        }
        if matches!(self.lead, Lead::UnderWay { ticket, .. } if known && ticket == slot.ticket) {
            self.lead = Lead::Over;
        }
        let free = now + rules.window;
        match end {
            End::Unsent => {}
            End::Unanswered => self.cool(free + GRACE, true),
            End::Accepted { remaining } => {
                self.cool(free, true);
                self.accepted(rules, slot, remaining, now);
            }
            End::Refused { retry_after } => {
                self.cool(free, false);
                return self.refused(rules, slot, retry_after, now);
            }
        }
        None
    }

    /// Lets everything become free whose time has come.
    fn settle(&mut self, now: Time) {
        while self
            .cooling
            .peek()
            .is_some_and(|Reverse(slot)| slot.free <= now)
        {
            self.cooling.pop();
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
        if let Some(others) = &mut self.others {
            if others.gone <= now {
                others.slots = 0;
                // Nothing has shown it right for a window.
                self.word.doubts = self.word.doubts.max(1);
            } else if !others.tried && others.tried_from <= now {
                others.tried = true;
                others.slots -= 1;
            }
            self.others.take_if(|others| others.slots == 0);
        }
    }

    fn used(&self) -> usize {
        self.under_way.len() + self.cooling.len()
    }

    fn others(&self) -> usize {
        self.others.as_ref().map_or(0, |others| others.slots)
    }

    fn free(&self, limit: usize) -> usize {
        limit.saturating_sub(self.used() + self.others())
    }

    /// Whether a request may go now; if not, when to look again.
    fn vacancy(&mut self, now: Time, limit: usize) -> Result<(), Option<Time>> {
        self.settle(now);
        match (self.held_until(), self.free(limit)) {
            (_, 0) => Err(self.next_free()),
            (None, _) => Ok(()),
            (held, _) => Err(held),
        }
    }

    /// Until when nobody goes, though slots may be free.
    fn held_until(&self) -> Option<Time> {
        let lead = match self.lead {
            Lead::UnderWay { since, .. } => Some(since + HEAD_START),
            Lead::Due | Lead::Over => None,
        };
        self.paused_until.max(lead)
    }

    /// When the passing of time next frees a slot.
    fn next_free(&self) -> Option<Time> {
        let own = self.cooling.peek().map(|Reverse(slot)| slot.free);
        let others = self.others.as_ref().map(Others::next);
        let lapse = Some(self.next_lapse).filter(|at| *at < Time::MAX);
        let next = own.into_iter().chain(others).chain(lapse).min();
        next.max(self.held_until())
    }

    /// Takes a slot, which must be free.
    fn take(&mut self, rules: &Rules, now: Time, asker: &Asker) -> Slot {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        // The request is over then, and may arrive a grace later.
        let lapses = match asker.program {
            Some(_) => now + asker.lease + GRACE + rules.window,
            // What ends in this program is told in any case.
            None => Time::MAX,
        };
        self.under_way.push(Lease { ticket, lapses });
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
            taken: now,
            word: self.word.remaining,
        }
    }

    /// The server took a request and may have said how many more it would take.
    fn accepted(&mut self, rules: &Rules, slot: &Slot, remaining: Option<usize>, now: Time) {
        if self.last_refusal.is_some_and(|at| slot.taken < at) {
            // Older than the refusal, which knows better.
            return;
        }
        let Rules { limit, window } = *rules;
        if let Some(told) = remaining {
            let believed_before = self.word.is_believed();
            self.word.weigh(slot, told, now);
            if self.word.is_believed() {
                let remaining = self.word.remaining.unwrap_or(told);
                // Those under way may not have been counted yet.
                let counted = self.cooling.len();
                let slots = limit.saturating_sub(counted).saturating_sub(remaining);
                // All that the server counts now has left its window then.
                let gone = now + window;
                let unsure = remaining < told || remaining == 0 && self.word.doubts > 0;
                self.leave_to_others(slots, if unsure { now } else { gone }, gone);
                return;
            }
            if believed_before {
                // Only this word spoke of others.
                self.others = None;
            }
        }
        if let Some(others) = &mut self.others
            && others.tried
        {
            others.slots -= 1;
            self.others.take_if(|others| others.slots == 0);
        }
    }

    fn leave_to_others(&mut self, slots: usize, tried_from: Time, gone: Time) {
        self.others = (slots > 0).then_some(Others {
            slots,
            tried_from,
            tried: false,
            gone,
        });
    }

    /// The server refused a request, so nobody goes for a while. Returns how long, unless
    /// that was known.
    fn refused(
        &mut self,
        rules: &Rules,
        slot: &Slot,
        retry_after: Option<Duration>,
        now: Time,
    ) -> Option<Duration> {
        let Rules { limit, window } = *rules;
        let known = self.last_refusal.is_some_and(|at| slot.taken < at);
        if known && retry_after.is_none() {
            // One of several that were under way together; the first of them said it all.
            return None;
        }
        if slot.word == Some(0) {
            self.word.doubts = 0;
        }
        self.word.remaining = None;
        let first = self.first_refusal.filter(|first| now < *first + window);
        let first = *self.first_refusal.insert(first.unwrap_or(now));
        // All that the server counted then has left its window.
        let gone = first + window;
        let counted = self.cooling.iter().filter(|Reverse(slot)| slot.counted);
        let own = counted.map(|Reverse(slot)| slot.free).min();
        let (until, tried_from) = match (retry_after, own) {
            (Some(wait), _) => {
                let until = now + wait.min(LONGEST_PAUSE);
                (until, until)
            }
            (None, own) => (own.map_or(gone, |free| free.min(gone)), gone),
        };
        self.paused_until = self.paused_until.max(Some(until));
        self.last_refusal = Some(now);
        self.lead = Lead::Due;
        let slots = limit.saturating_sub(self.used());
        // Where we have some of our own, others are likely to go on using the account.
        let left = match own {
            Some(_) => tried_from + window,
            None => tried_from.max(gone),
        };
        self.leave_to_others(slots, tried_from, left);
        (!known).then_some(until - now)
    }
}

impl Others {
    /// When one of them becomes free by the passing of time.
    fn next(&self) -> Time {
        if self.tried {
            self.gone
        } else {
            self.tried_from
        }
    }
}

impl Word {
    fn is_believed(&self) -> bool {
        self.doubts <= CONTRADICTIONS
    }

    /// Compares what an answer says with what was said when its request was sent.
    fn weigh(&mut self, slot: &Slot, told: usize, now: Time) {
        match slot.word {
            Some(before) if told < before => self.doubts = 0,
            Some(_) => self.doubts = (self.doubts + 1).min(CONTRADICTIONS + 1),
            None => {}
        }
        // Answers may overtake each other: the lowest of those that were under way
        // together is the last that the server gave.
        let lower = |before: &usize| slot.taken < self.since && *before <= told;
        if self.remaining.filter(lower).is_none() {
            (self.remaining, self.since) = (Some(told), now);
        }
    }
}

impl Ord for Cooling {
    fn cmp(&self, other: &Self) -> Ordering {
        self.free.cmp(&other.free)
    }
}

impl PartialOrd for Cooling {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
