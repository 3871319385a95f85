//! Keeping inside the account's quota, by proof.
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
//! arrive; its slot is kept [`GRACE`] longer.
//!
//! A token bucket would let through up to twice the limit in one window, and a fixed
//! window as much at its edges; a steady rate would make 60 calls take a minute where they
//! may go out at once.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

const LIMIT: usize = 60;
const WINDOW: Duration = Duration::from_secs(60);
/// How long after its end an unanswered request may still reach the server.
const GRACE: Duration = Duration::from_secs(10);
/// A waiting read goes after this many writes, so that writes cannot starve it.
const WRITES_BEFORE_A_READ: usize = 4;

/// The request quota of one account; 60 in 60 seconds by default.
///
/// Cheap to clone: clones share the quota. A client and its clones share one; hand the
/// same limiter to the builders of several clients of one account. Calls wait their turn,
/// first come, first served, writes before reads; nothing waits while a slot is free, and
/// a call that is dropped while it waits gives its place back.
#[derive(Clone)]
pub struct RateLimiter(Arc<Shared>);

struct Shared {
    limit: usize,
    window: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    in_flight: usize,
    /// When each of the other used slots becomes free.
    cooling: BinaryHeap<Reverse<Instant>>,
    writes: VecDeque<Arc<Notify>>,
    reads: VecDeque<Arc<Notify>>,
    writes_since_a_read: usize,
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
    /// Requests that could go out now.
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

impl Default for RateLimiter {
    fn default() -> Self {
        Self::new(LIMIT, WINDOW)
    }
}

impl RateLimiter {
    /// `limit` requests in any `window`; a limit of 0 is taken as 1.
    pub fn new(limit: usize, window: Duration) -> Self {
        Self(Arc::new(Shared {
            limit: limit.max(1),
            window,
            state: Mutex::default(),
        }))
    }

    /// How much of the quota is used at this moment.
    pub fn snapshot(&self) -> RateLimiterSnapshot {
        let now = Instant::now();
        let mut state = self.state();
        let used = state.used(now);
        RateLimiterSnapshot {
            limit: self.0.limit,
            window: self.0.window,
            in_flight: state.in_flight,
            used,
            available: self.0.limit - used,
            next_free_in: state.cooling.peek().map(|Reverse(at)| *at - now),
        }
    }

    /// Waits for a slot.
    pub(crate) async fn acquire(&self, lane: Lane) -> Permit {
        let place = Place::queue(self, lane);
        loop {
            let next = match place.take() {
                Ok(permit) => return permit,
                Err(next) => next,
            };
            match next {
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
    fn used(&mut self, now: Instant) -> usize {
        while self.cooling.peek().is_some_and(|Reverse(at)| *at <= now) {
            self.cooling.pop();
        }
        self.in_flight + self.cooling.len()
    }

    fn queue(&mut self, lane: Lane) -> &mut VecDeque<Arc<Notify>> {
        match lane {
            Lane::Write => &mut self.writes,
            Lane::Read => &mut self.reads,
        }
    }

    /// Who goes next.
    fn head(&self) -> Option<(Lane, &Arc<Notify>)> {
        let read_is_due = self.writes_since_a_read >= WRITES_BEFORE_A_READ;
        match (self.writes.front(), self.reads.front()) {
            (Some(write), read) if read.is_none() || !read_is_due => Some((Lane::Write, write)),
            (_, read) => read.map(|read| (Lane::Read, read)),
        }
    }

    fn call_head(&self) {
        if let Some((_, head)) = self.head() {
            head.notify_one();
        }
    }
}

/// A place in the queue, given back when dropped.
struct Place<'a> {
    limiter: &'a RateLimiter,
    lane: Lane,
    called: Arc<Notify>,
}

impl<'a> Place<'a> {
    fn queue(limiter: &'a RateLimiter, lane: Lane) -> Self {
        let called = Arc::new(Notify::new());
        limiter.state().queue(lane).push_back(Arc::clone(&called));
        Self {
            limiter,
            lane,
            called,
        }
    }

    /// A slot, if it is this place's turn and one is free; or when to look again, if it is
    /// this place that has to.
    fn take(&self) -> Result<Permit, Option<Instant>> {
        let mut state = self.limiter.state();
        let used = state.used(Instant::now());
        let is_head = state
            .head()
            .is_some_and(|(_, head)| Arc::ptr_eq(head, &self.called));
        if !is_head {
            return Err(None);
        }
        if used >= self.limiter.0.limit {
            return Err(state.cooling.peek().map(|Reverse(at)| *at));
        }
        state.in_flight += 1;
        match self.lane {
            Lane::Write => state.writes_since_a_read += 1,
            Lane::Read => state.writes_since_a_read = 0,
        }
        // Its own drop takes it out of the queue and calls the next.
        Ok(Permit {
            limiter: self.limiter.clone(),
            grace: GRACE,
        })
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut state = self.limiter.state();
        state
            .queue(self.lane)
            .retain(|called| !Arc::ptr_eq(called, &self.called));
        state.call_head();
    }
}

/// A slot for one request.
#[must_use = "dropping it says that the request was never answered"]
pub(crate) struct Permit {
    limiter: RateLimiter,
    grace: Duration,
}

impl Permit {
    /// The answer came: the request has certainly arrived.
    pub(crate) fn answered(mut self) {
        self.grace = Duration::ZERO;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let free = Instant::now() + self.limiter.0.window + self.grace;
        let mut state = self.limiter.state();
        state.in_flight -= 1;
        state.cooling.push(Reverse(free));
        state.call_head();
    }
}

impl fmt::Debug for RateLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.snapshot().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::{sleep, sleep_until};

    const SECOND: Duration = Duration::from_secs(1);

    /// Counts arrivals exactly, as the server does.
    #[derive(Clone, Default)]
    struct Server(Arc<Mutex<Vec<Instant>>>);

    impl Server {
        fn arrive(&self) {
            self.0.lock().unwrap().push(Instant::now());
        }

        /// The most arrivals that any window saw.
        fn busiest(&self, window: Duration) -> usize {
            let mut arrivals = self.0.lock().unwrap().clone();
            arrivals.sort();
            let in_window = |i: usize| {
                arrivals[i..]
                    .iter()
                    .take_while(|at| **at < arrivals[i] + window)
                    .count()
            };
            (0..arrivals.len()).map(in_window).max().unwrap_or(0)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_vendors_example() {
        let limiter = RateLimiter::default();
        let start = Instant::now();
        let at = |seconds| start + seconds * SECOND;
        limiter.acquire(Lane::Read).await.answered();
        sleep_until(at(5)).await;
        limiter.acquire(Lane::Read).await.answered();
        sleep_until(at(10)).await;
        for _ in 3..=60 {
            limiter.acquire(Lane::Read).await.answered();
        }
        assert_eq!(Instant::now(), at(10), "a burst goes out at once");
        sleep_until(at(55)).await;
        assert_eq!(limiter.snapshot().available, 0);
        assert_eq!(limiter.snapshot().next_free_in, Some(5 * SECOND));
        sleep_until(at(61)).await;
        limiter.acquire(Lane::Read).await.answered();
        assert_eq!(Instant::now(), at(61));
        limiter.acquire(Lane::Read).await.answered();
        assert_eq!(Instant::now(), at(65), "the slot of T5");
    }

    #[tokio::test(start_paused = true)]
    async fn writes_go_first_but_do_not_starve_a_read() {
        let limiter = RateLimiter::new(1, SECOND);
        limiter.acquire(Lane::Read).await.answered();
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for name in ["r1", "r2", "w1", "w2", "w3", "w4", "w5", "w6"] {
            let (limiter, order) = (limiter.clone(), Arc::clone(&order));
            let lane = if name.starts_with('w') {
                Lane::Write
            } else {
                Lane::Read
            };
            tasks.push(tokio::spawn(async move {
                limiter.acquire(lane).await.answered();
                order.lock().unwrap().push(name);
            }));
            tokio::task::yield_now().await;
        }
        for task in tasks {
            task.await.unwrap();
        }
        let order = order.lock().unwrap();
        assert_eq!(*order, ["w1", "w2", "w3", "w4", "r1", "w5", "w6", "r2"]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_unanswered_request_keeps_its_slot_for_the_grace_as_well() {
        let limiter = RateLimiter::new(1, SECOND);
        drop(limiter.acquire(Lane::Read).await);
        assert_eq!(limiter.snapshot().next_free_in, Some(SECOND + GRACE));
    }

    #[tokio::test(start_paused = true)]
    async fn a_dropped_wait_gives_its_place_back() {
        let limiter = RateLimiter::new(1, SECOND);
        let permit = limiter.acquire(Lane::Read).await;
        let mut first = Box::pin(limiter.acquire(Lane::Read));
        let second = limiter.acquire(Lane::Read);
        // Both are queued; the first is dropped.
        assert!(tokio::time::timeout(SECOND, &mut first).await.is_err());
        permit.answered();
        drop(first);
        let before = Instant::now();
        second.await.answered();
        assert_eq!(Instant::now() - before, SECOND);
        assert_eq!(limiter.snapshot().in_flight, 0);
    }

    /// Random latencies, arrivals anywhere in them, cancellations, clones and lanes: the
    /// server never sees too much, and no slot is free while somebody waits.
    #[test]
    fn no_schedule_breaks_the_quota_or_leaves_it_idle() {
        for seed in 0..250 {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build();
            runtime.unwrap().block_on(schedule(seed));
        }
    }

    async fn schedule(seed: u64) {
        let mut random = fastrand::Rng::with_seed(seed);
        let limit = random.usize(1..6);
        let window = Duration::from_millis(random.u64(50..500));
        let limiter = RateLimiter::new(limit, window);
        let server = Server::default();
        let mut tasks = Vec::new();
        for _ in 0..random.usize(1..25) {
            let (limiter, server) = (limiter.clone(), server.clone());
            let lane = if random.bool() {
                Lane::Write
            } else {
                Lane::Read
            };
            let start = Duration::from_millis(random.u64(0..400));
            let (there, back) = (random.u64(0..200), random.u64(0..200));
            let patience = random
                .bool()
                .then(|| Duration::from_millis(random.u64(0..900)));
            tasks.push(tokio::spawn(async move {
                sleep(start).await;
                let arrives = server.clone();
                let call = async {
                    let permit = limiter.acquire(lane).await;
                    // Once sent it arrives, whether or not the caller still waits.
                    tokio::spawn(async move {
                        sleep(Duration::from_millis(there)).await;
                        arrives.arrive();
                    });
                    sleep(Duration::from_millis(there + back)).await;
                    permit.answered();
                };
                match patience {
                    Some(patience) => drop(tokio::time::timeout(patience, call).await),
                    None => call.await,
                }
            }));
        }
        let watch = {
            let limiter = limiter.clone();
            tokio::spawn(async move {
                loop {
                    sleep(Duration::from_millis(23)).await;
                    // What wakes at this moment goes first.
                    for _ in 0..8 {
                        tokio::task::yield_now().await;
                    }
                    let available = limiter.snapshot().available;
                    let waiting = limiter.state().head().is_some();
                    assert!(!waiting || available == 0, "{available} slots idle");
                }
            })
        };
        for task in tasks {
            task.await.unwrap();
        }
        assert!(!watch.is_finished(), "seed {seed}: idle capacity");
        watch.abort();
        sleep(window + GRACE).await;
        let busiest = server.busiest(window);
        assert!(
            busiest <= limit,
            "seed {seed}: {busiest} arrivals in a window of {limit}"
        );
        assert_eq!(limiter.snapshot().used, 0);
    }
}
