//! The account's request quota, kept by proof.
//!
//! The server allows a number of requests in any window of time: 60 in any 60 seconds, for
//! an account across all its keys. It counts a request when it *arrives*, which is
//! somewhere between sending it and having its answer. So a slot is taken before a request
//! is sent, kept while it is under way, and freed one window after the answer came:
//!
//! Let two requests have used one slot, the second after the first. The first arrived
//! before its answer came, at `a`; the second is sent no earlier than `a + window`, and so
//! arrives no earlier. Any two arrivals of one slot are at least a window apart, hence no
//! window sees more than one arrival of each slot, and there are `limit` slots.
//!
//! A request whose answer never came (dropped, timed out, connection lost) may still
//! arrive; its slot is kept [`GRACE`] longer. One for which no connection could be made
//! never arrives; its slot is free at once.
//!
//! A token bucket would let through up to twice the limit in one window, and a fixed
//! window as much at its edges; a steady rate would make 60 calls take a minute where they
//! may go out at once.
//!
//! # When others use the same account
//!
//! The proof holds for the requests of one limiter. Others, and the runs of this program
//! before a restart, show in two ways, and both only ever make a limiter send less.
//!
//! A refusal (429) says that the server counts as many as it takes, in the window before
//! it. Nothing says how old those requests are, but all of them are gone one window later.
//! So the first refusal counts, and no pause ends later than a window after it (except for
//! a `Retry-After`, which is obeyed). The pause ends sooner where a slot of our own accepted
//! requests becomes free, since the server's count must fall then too. After a restart there
//! is nothing of our own in the window, and nothing is tried before its end: a try that fails
//! costs a refusal, and its own slot until long after the window. Slots of others are left
//! unused until all that was counted is gone. Then they are tried one at a time, one more for
//! each request that the server takes, so that a guess costs at most one refusal.
//!
//! A server that says how many calls remain also says how many slots others hold
//! ([`Others`]): those are left unused for a window. That word is believed while it goes
//! down as it must ([`Word`]).
//!
//! # The lead
//!
//! A limiter that has had no answer yet, or that was refused, does not know whether the
//! server takes anything. So its next request goes alone ([`Lead`]), and the others follow
//! once it has ended: a full quota costs one refusal, and not one for each call under way.
//! On an unused account this costs one round trip, once. The proof still holds, since a
//! request that waits is only sent later. And nobody waits for a lead that never ends: it
//! ends when its permit is dropped, and at the latest after [`HEAD_START`].

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

const LIMIT: usize = 60;
const WINDOW: Duration = Duration::from_secs(60);
const LONGEST_WINDOW: Duration = Duration::from_secs(24 * 60 * 60);
/// How long after its end an unanswered request may still reach the server.
const GRACE: Duration = Duration::from_secs(10);
/// After this many writes a waiting read has its turn, so that writes cannot starve it.
const WRITES_BEFORE_A_READ: usize = 4;
/// The most that a server's `Retry-After` makes all callers wait.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// The most that a lead makes the others wait.
const HEAD_START: Duration = Duration::from_secs(1);
/// After so many requests that the server took although it said that none remain, its word
/// does not count any more.
const CONTRADICTIONS: u8 = 3;

/// The request quota of one account; 60 in 60 seconds by default.
///
/// Cheap to clone: clones share the quota. A client and its clones share one; hand the
/// same limiter to the builders of several clients of one account. Calls wait their turn,
/// first come, first served, writes before reads (a waiting read goes after four writes);
/// nothing waits while a slot is free, and a call that is dropped while it waits gives its
/// place back.
///
/// A slot is free again one window after its request was answered. The slot of a request
/// that was never answered, which may still arrive, is kept 10 seconds longer.
///
/// The very first request goes alone, and the others follow as soon as it is answered, at
/// the latest a second later: if an earlier run has used the quota up, it is refused once
/// and not once for each call.
///
/// When the server refuses a request nevertheless (429, because others or an earlier run have
/// used the account's quota), all callers wait: as long as its `Retry-After` says, at most
/// five minutes, or else until the quota should allow the next request, at most one window.
#[derive(Clone)]
pub struct RateLimiter(Arc<Shared>);

struct Shared {
    limit: usize,
    window: Duration,
    state: Mutex<State>,
}

struct State {
    in_flight: usize,
    /// The slots whose requests have ended, until their window has passed.
    cooling: BinaryHeap<Reverse<Cooling>>,
    others: Option<Others>,
    word: Word,
    lead: Lead,
    /// Since the server refused a request, nobody goes before this.
    paused_until: Option<Instant>,
    /// The one with which a series of refusals began; later ones within a window belong to it.
    first_refusal: Option<Instant>,
    last_refusal: Option<Instant>,
    writes: VecDeque<Arc<Notify>>,
    reads: VecDeque<Arc<Notify>>,
    writes_since_a_read: usize,
}

/// A used slot that becomes free by the passing of time.
#[derive(PartialEq, Eq)]
struct Cooling {
    free: Instant,
    /// The server took the request, or may have: it counts it.
    counted: bool,
}

/// Slots that are left unused, since others of the account hold them.
struct Others {
    slots: usize,
    /// From then on they are tried, one more for each request that the server takes.
    tried_from: Instant,
    tried: bool,
    gone: Instant,
}

/// How far the server is believed when it says how many calls remain.
///
/// A true word goes down with each request that the server takes, unless a slot becomes
/// free in the meantime. Some servers always say the same. So a word that was never seen to
/// go down does not stop everybody when it says 0: one request is tried. If that is refused,
/// the word was right. If requests are taken [`CONTRADICTIONS`] times in a row, the word is
/// worth nothing, until it is right again.
struct Word {
    /// The last one; gone once a slot of our own has become free, since more may remain then.
    remaining: Option<usize>,
    /// When it came.
    since: Instant,
    /// 0 once it was right, else 1 and one more for each contradiction.
    doubts: u8,
}

/// A request that goes alone, to see whether the server takes it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lead {
    /// The next one.
    Due,
    /// It was sent then; the others follow when it has ended or its head start has.
    UnderWay(Instant),
    Over,
}

/// What a limiter looks like at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateLimiterSnapshot {
    /// Requests allowed in a window.
    pub limit: usize,
    /// The window.
    pub window: Duration,
    /// Requests under way.
    pub in_flight: usize,
    /// Slots taken: those under way and those whose window has not passed.
    pub used: usize,
    /// Slots left unused, since others seem to use the same account.
    pub others: usize,
    /// Requests that could go out now. Before the first answer, one goes alone and the others
    /// follow.
    pub available: usize,
    /// When the next slot becomes free by the passing of time; `None` where none will.
    pub next_free_in: Option<Duration>,
}

/// Which requests go first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    Write,
    Read,
}

/// Where in its lane a call begins to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    Last,
    /// It has had its turn, and is sent again.
    First,
}

impl Default for RateLimiter {
    fn default() -> Self {
        Self::new(LIMIT, WINDOW)
    }
}

impl RateLimiter {
    /// `limit` requests in any `window`. A limit of 0 is taken as 1, a window of more than
    /// a day as a day.
    pub fn new(limit: usize, window: Duration) -> Self {
        Self(Arc::new(Shared {
            limit: limit.max(1),
            window: window.min(LONGEST_WINDOW),
            state: Mutex::new(State {
                in_flight: 0,
                cooling: BinaryHeap::new(),
                others: None,
                word: Word {
                    remaining: None,
                    since: Instant::now(),
                    doubts: 1,
                },
                lead: Lead::Due,
                paused_until: None,
                first_refusal: None,
                last_refusal: None,
                writes: VecDeque::new(),
                reads: VecDeque::new(),
                writes_since_a_read: 0,
            }),
        }))
    }

    /// How much of the quota is used at this moment.
    pub fn snapshot(&self) -> RateLimiterSnapshot {
        let now = Instant::now();
        let mut state = self.state();
        state.settle(now);
        let next = state.next_free();
        RateLimiterSnapshot {
            limit: self.0.limit,
            window: self.0.window,
            in_flight: state.in_flight,
            used: state.used(),
            others: state.others(),
            available: match state.held_until() {
                Some(_) => 0,
                None => state.free(self.0.limit),
            },
            next_free_in: next.map(|at| at - now),
        }
    }

    /// Waits for a slot.
    pub(crate) async fn acquire(&self, lane: Lane, turn: Turn) -> Permit {
        let since = Instant::now();
        let (place, next_free) = {
            let mut state = self.state();
            let vacancy = state.vacancy(since, self.0.limit);
            if vacancy.is_ok() && state.head().is_none() {
                return state.take(self, lane, since);
            }
            let next_free = vacancy.err().flatten();
            (state.queue_up(self, lane, turn), next_free)
        };
        let next_free_in = next_free.map(|at| at.saturating_duration_since(since));
        tracing::debug!(?next_free_in, "waits for the quota");
        loop {
            let look_again = match place.try_take() {
                Ok(permit) => {
                    tracing::debug!(waited = ?since.elapsed(), "waited for the quota");
                    return permit;
                }
                Err(at) => at,
            };
            match look_again {
                Some(at) => drop(timeout_at(at, place.called.notified()).await),
                None => place.called.notified().await,
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code panics while it holds the lock.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Lets everything become free whose time has come.
    fn settle(&mut self, now: Instant) {
        while self
            .cooling
            .peek()
            .is_some_and(|Reverse(slot)| slot.free <= now)
        {
            self.cooling.pop();
            self.word.remaining = None;
        }
        if let Lead::UnderWay(since) = self.lead
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
        self.in_flight + self.cooling.len()
    }

    fn others(&self) -> usize {
        self.others.as_ref().map_or(0, |others| others.slots)
    }

    fn free(&self, limit: usize) -> usize {
        limit.saturating_sub(self.used() + self.others())
    }

    /// Whether a request may go now; if not, when to look again.
    fn vacancy(&mut self, now: Instant, limit: usize) -> Result<(), Option<Instant>> {
        self.settle(now);
        match (self.held_until(), self.free(limit)) {
            (_, 0) => Err(self.next_free()),
            (None, _) => Ok(()),
            (held, _) => Err(held),
        }
    }

    /// Until when nobody goes, though slots may be free.
    fn held_until(&self) -> Option<Instant> {
        let lead = match self.lead {
            Lead::UnderWay(since) => Some(since + HEAD_START),
            Lead::Due | Lead::Over => None,
        };
        self.paused_until.max(lead)
    }

    /// When the passing of time next frees a slot.
    fn next_free(&self) -> Option<Instant> {
        let own = self.cooling.peek().map(|Reverse(slot)| slot.free);
        let others = self.others.as_ref().map(|others| {
            if others.tried {
                others.gone
            } else {
                others.tried_from
            }
        });
        let next = own.into_iter().chain(others).min();
        next.max(self.held_until())
    }

    /// Takes a slot, which must be free.
    fn take(&mut self, limiter: &RateLimiter, lane: Lane, now: Instant) -> Permit {
        self.in_flight += 1;
        if self.lead == Lead::Due {
            self.lead = Lead::UnderWay(now);
        }
        match lane {
            Lane::Write => self.writes_since_a_read += 1,
            Lane::Read => self.writes_since_a_read = 0,
        }
        Permit {
            limiter: limiter.clone(),
            taken: now,
            word: self.word.remaining,
            end: End::Unanswered,
        }
    }

    fn queue(&mut self, lane: Lane) -> &mut VecDeque<Arc<Notify>> {
        match lane {
            Lane::Write => &mut self.writes,
            Lane::Read => &mut self.reads,
        }
    }

    fn queue_up<'a>(&mut self, limiter: &'a RateLimiter, lane: Lane, turn: Turn) -> Place<'a> {
        let called = Arc::new(Notify::new());
        let queue = self.queue(lane);
        match turn {
            Turn::Last => queue.push_back(Arc::clone(&called)),
            Turn::First => queue.push_front(Arc::clone(&called)),
        }
        Place {
            limiter,
            lane,
            called,
        }
    }

    /// Who goes next.
    fn head(&self) -> Option<&Arc<Notify>> {
        let read_is_due = self.writes_since_a_read >= WRITES_BEFORE_A_READ;
        match (self.writes.front(), self.reads.front()) {
            (Some(write), read) if read.is_none() || !read_is_due => Some(write),
            (_, read) => read,
        }
    }

    fn call_head(&self) {
        if let Some(head) = self.head() {
            head.notify_one();
        }
    }

    /// The server took a request and may have said how many more it would take.
    fn accepted(&mut self, permit: &Permit, remaining: Option<usize>, now: Instant) {
        if self.last_refusal.is_some_and(|at| permit.taken < at) {
            // Older than the refusal, which knows better.
            return;
        }
        let Shared { limit, window, .. } = *permit.limiter.0;
        if let Some(told) = remaining {
            let believed_before = self.word.is_believed();
            self.word.weigh(permit, told, now);
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

    fn leave_to_others(&mut self, slots: usize, tried_from: Instant, gone: Instant) {
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
        permit: &Permit,
        retry_after: Option<Duration>,
        now: Instant,
    ) -> Option<Duration> {
        let Shared { limit, window, .. } = *permit.limiter.0;
        let known = self.last_refusal.is_some_and(|at| permit.taken < at);
        if known && retry_after.is_none() {
            // One of several that were under way together; the first of them said it all.
            return None;
        }
        if permit.word == Some(0) {
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

impl Word {
    fn is_believed(&self) -> bool {
        self.doubts <= CONTRADICTIONS
    }

    /// Compares what an answer says with what was said when its request was sent.
    fn weigh(&mut self, permit: &Permit, told: usize, now: Instant) {
        match permit.word {
            Some(before) if told < before => self.doubts = 0,
            Some(_) => self.doubts = (self.doubts + 1).min(CONTRADICTIONS + 1),
            None => {}
        }
        // Answers may overtake each other: the lowest of those that were under way
        // together is the last that the server gave.
        let lower = |before: &usize| permit.taken < self.since && *before <= told;
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

/// A place in the queue, given back when dropped.
struct Place<'a> {
    limiter: &'a RateLimiter,
    lane: Lane,
    called: Arc<Notify>,
}

impl Place<'_> {
    /// A slot, if it is this place's turn and one is free; or when to look again, if it is
    /// this place that has to.
    fn try_take(&self) -> Result<Permit, Option<Instant>> {
        let now = Instant::now();
        let mut state = self.limiter.state();
        let is_head = state
            .head()
            .is_some_and(|head| Arc::ptr_eq(head, &self.called));
        if !is_head {
            return Err(None);
        }
        state.vacancy(now, self.limiter.0.limit)?;
        // Dropping this place takes it out of the queue and calls the next.
        Ok(state.take(self.limiter, self.lane, now))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut state = self.limiter.state();
        let queue = state.queue(self.lane);
        let position = queue.iter().position(|c| Arc::ptr_eq(c, &self.called));
        position.and_then(|position| queue.remove(position));
        state.call_head();
    }
}

/// A slot for one request.
#[must_use = "dropping it says that the request was never answered"]
pub(crate) struct Permit {
    limiter: RateLimiter,
    taken: Instant,
    /// What remained by the server's word when it was taken.
    word: Option<usize>,
    end: End,
}

/// How the request of a permit ended.
#[derive(Clone, Copy)]
enum End {
    Unanswered,
    Unsent,
    Accepted { remaining: Option<usize> },
    Refused { retry_after: Option<Duration> },
}

impl Permit {
    /// The server took the request; `remaining` is how many more it says it would take.
    pub(crate) fn accepted(mut self, remaining: Option<usize>) {
        self.end = End::Accepted { remaining };
    }

    /// The server refused it (429), perhaps saying for how long.
    pub(crate) fn refused(mut self, retry_after: Option<Duration>) {
        self.end = End::Refused { retry_after };
    }

    /// It was certainly never sent.
    pub(crate) fn unsent(mut self) {
        self.end = End::Unsent;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let now = Instant::now();
        let free = now + self.limiter.0.window;
        let mut state = self.limiter.state();
        state.settle(now);
        state.in_flight -= 1;
        // No other request is sent at the moment of a lead, so the time identifies it.
        if state.lead == Lead::UnderWay(self.taken) {
            state.lead = Lead::Over;
        }
        let cooling = |free, counted| Reverse(Cooling { free, counted });
        let mut pause = None;
        match self.end {
            End::Unsent => {}
            End::Unanswered => state.cooling.push(cooling(free + GRACE, true)),
            End::Accepted { remaining } => {
                state.cooling.push(cooling(free, true));
                state.accepted(self, remaining, now);
            }
            End::Refused { retry_after } => {
                state.cooling.push(cooling(free, false));
                pause = state.refused(self, retry_after, now);
            }
        }
        state.call_head();
        drop(state);
        if let Some(pause) = pause {
            tracing::warn!(
                ?pause,
                "refused by the server (429): others, or an earlier run, have used the account's quota; all calls wait"
            );
        }
    }
}

impl fmt::Debug for RateLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.snapshot().fmt(f)
    }
}

#[cfg(test)]
mod schedules;
#[cfg(test)]
mod server;
#[cfg(test)]
mod shared_account;
#[cfg(test)]
mod tests;
