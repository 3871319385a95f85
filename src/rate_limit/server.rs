//! The API's quota as tests need it: an exact log of arrivals, in paused time.
//!
//! Each test chooses what the server says about the quota, and whether that is true.

use std::collections::VecDeque;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::*;

pub(super) const SECOND: Duration = Duration::from_secs(1);

/// What an answer says remains.
#[derive(Clone, Copy, Debug)]
pub(super) enum Told {
    Nothing,
    TheTruth,
    Always(usize),
}

pub(super) struct Server {
    pub(super) limit: usize,
    pub(super) window: Duration,
    pub(super) remaining: Told,
    pub(super) retry_after: bool,
    log: Mutex<VecDeque<Instant>>,
}

/// What became of a job.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) taken: usize,
    pub(super) refused: usize,
    /// When the last request was taken, since the start of the job.
    pub(super) took: Duration,
}

impl Server {
    /// It takes 60 requests in 60 seconds.
    pub(super) fn new(remaining: Told, retry_after: bool) -> Arc<Self> {
        Self::with_limit(60, 60 * SECOND, remaining, retry_after)
    }

    pub(super) fn with_limit(
        limit: usize,
        window: Duration,
        remaining: Told,
        retry_after: bool,
    ) -> Arc<Self> {
        Arc::new(Self {
            limit,
            window,
            remaining,
            retry_after,
            log: Mutex::default(),
        })
    }

    /// A request arrives. Returns what is said to remain, or when to come again.
    pub(super) fn arrives(&self) -> Result<Option<usize>, Option<Duration>> {
        let now = Instant::now();
        let mut log = self.log.lock().unwrap();
        while log.front().is_some_and(|at| *at + self.window <= now) {
            log.pop_front();
        }
        if log.len() == self.limit {
            let whole = |wait: Duration| Duration::from_secs(wait.as_secs_f64().ceil() as u64);
            let wait = log[0] + self.window - now;
            return Err(self.retry_after.then(|| whole(wait)));
        }
        log.push_back(now);
        Ok(match self.remaining {
            Told::Nothing => None,
            Told::TheTruth => Some(self.limit - log.len()),
            Told::Always(constant) => Some(constant),
        })
    }

    /// Somebody else sends requests, with this time between them.
    pub(super) async fn others(&self, every: Duration) {
        let mut next = Instant::now();
        loop {
            // Whether it is taken matters to others only.
            let _ = self.arrives();
            next += every;
            sleep_until(next).await;
        }
    }

    /// A program starts, with a limiter of its own and with tasks that make its calls.
    pub(super) async fn program(self: &Arc<Self>, tasks: usize, calls: usize, seed: u64) -> Tally {
        let limiter = RateLimiter::new(self.limit, self.window);
        let random = Arc::new(Mutex::new(fastrand::Rng::with_seed(seed)));
        let tally = Arc::new(Mutex::new(Tally::default()));
        let start = Instant::now();
        let left = Arc::new(Mutex::new(calls));
        let mut running = JoinSet::new();
        for _ in 0..tasks {
            let (server, limiter, random) = (Arc::clone(self), limiter.clone(), random.clone());
            let (tally, left) = (Arc::clone(&tally), Arc::clone(&left));
            let more = move || {
                let mut left = left.lock().unwrap();
                left.checked_sub(1).map(|fewer| *left = fewer).is_some()
            };
            running.spawn(async move {
                while more() {
                    let refused = server.call(&limiter, &random).await;
                    let mut tally = tally.lock().unwrap();
                    tally.taken += 1;
                    tally.refused += refused;
                    tally.took = start.elapsed();
                }
            });
        }
        running.join_all().await;
        std::mem::take(&mut tally.lock().unwrap())
    }

    /// One call, which is sent again until it is taken. Returns how often it was refused.
    async fn call(&self, limiter: &RateLimiter, random: &Mutex<fastrand::Rng>) -> usize {
        let up_to = |ms| Duration::from_millis(random.lock().unwrap().u64(ms));
        let mut turn = Turn::Last;
        for refused in 0.. {
            let permit = limiter.acquire(Lane::Read, turn).await;
            let (there, back, pause) = (up_to(25..150), up_to(25..150), up_to(0..500));
            sleep(there).await;
            let answer = self.arrives();
            sleep(back).await;
            match answer {
                Ok(remaining) => {
                    permit.accepted(remaining);
                    return refused;
                }
                Err(retry_after) => {
                    permit.refused(retry_after);
                    sleep(pause.max(retry_after.unwrap_or_default())).await;
                    turn = Turn::First;
                }
            }
        }
        unreachable!("it is sent again for ever");
    }
}
