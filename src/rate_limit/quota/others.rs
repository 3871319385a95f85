//! What is learnt from the server about others that use the same account.
//!
//! They show by refusals, and by fewer calls that remain than there should; see
//! `rate_limit.rs`. Slots that they seem to hold are left unused.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Lead, Lease, Quota, Rules, Time};
use crate::rate_limit::{CONTRADICTIONS, LONGEST_PAUSE};

/// Slots that are left unused, since others of the account hold them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Others {
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
pub(in crate::rate_limit) struct Word {
    /// The last one; gone once a slot of our own has become free, since more may remain then.
    pub(super) remaining: Option<usize>,
    /// When it came.
    since: Time,
    /// 0 once it was right, else 1 and one more for each contradiction.
    pub(in crate::rate_limit) doubts: u8,
}

impl Quota {
    #[inline]
    pub(super) fn left_to_others(&self) -> usize {
        self.others.as_ref().map_or(0, |others| others.slots)
    }

    /// Lets their slots become free, or be tried, whose time has come.
    #[inline]
    pub(super) fn settle_others(&mut self, now: Time) {
        let Some(others) = &mut self.others else {
            return;
        };
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

    /// The server took a request and may have said how many more it would take.
    #[inline]
    pub(super) fn accepted(
        &mut self,
        rules: &Rules,
        lease: &Lease,
        remaining: Option<usize>,
        now: Time,
    ) {
        if self.last_refusal.is_some_and(|at| lease.taken < at) {
            // Older than the refusal, which knows better.
            return;
        }
        let Rules { limit, window } = *rules;
        if let Some(told) = remaining {
            let believed_before = self.word.is_believed();
            self.word.weigh(lease, told, now);
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
    pub(super) fn refused(
        &mut self,
        rules: &Rules,
        lease: &Lease,
        retry_after: Option<Duration>,
        now: Time,
    ) -> Option<Duration> {
        let Rules { limit, window } = *rules;
        let known = self.last_refusal.is_some_and(|at| lease.taken < at);
        if known && retry_after.is_none() {
            // One of several that were under way together; the first of them said it all.
            return None;
        }
        if lease.word == Some(0) {
            self.word.doubts = 0;
        }
        self.word.remaining = None;
        let first = self.first_refusal.filter(|first| now < *first + window);
        let first = *self.first_refusal.insert(first.unwrap_or(now));
        // All that the server counted then has left its window.
        let gone = first + window;
        let counted = self.cooling.iter().filter(|slot| slot.counted);
        let own = counted.map(|slot| slot.free).next();
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
    pub(super) fn next(&self) -> Time {
        if self.tried {
            self.gone
        } else {
            self.tried_from
        }
    }
}

impl Word {
    pub(super) fn new() -> Self {
        Self {
            remaining: None,
            since: Time::ZERO,
            doubts: 1,
        }
    }

    fn is_believed(&self) -> bool {
        self.doubts <= CONTRADICTIONS
    }

    /// Compares what an answer says with what was said when its request was sent.
    fn weigh(&mut self, lease: &Lease, told: usize, now: Time) {
        match lease.word {
            Some(before) if told < before => self.doubts = 0,
            Some(_) => self.doubts = (self.doubts + 1).min(CONTRADICTIONS + 1),
            None => {}
        }
        // Answers may overtake each other: the lowest of those that were under way
        // together is the last that the server gave.
        let lower = |before: &usize| lease.taken < self.since && *before <= told;
        if self.remaining.filter(lower).is_none() {
            (self.remaining, self.since) = (Some(told), now);
        }
    }
}
