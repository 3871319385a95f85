//! How much of the quota a job gets, and how often it is refused, in simulated time.
//!
//! Some tasks make requests for ten minutes, as fast as a limiter lets them. A request
//! takes 50 to 800 ms and arrives somewhere in that time, at a server that counts exactly.
//! The optimum is computed apart from any limiter, from the same latencies.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use governor::Quota;
use governor::clock::Clock;
use governor::nanos::Nanos;
use huntress::__bench::{Slot, slot};
use huntress::RateLimiter;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

const LIMIT: usize = 60;
const WINDOW: Duration = Duration::from_secs(60);
const JOB: Duration = Duration::from_secs(600);

pub fn table() {
    println!("\n| ten minutes of | optimum | ours | token bucket | fixed window |");
    println!("|---|--:|--:|--:|--:|");
    for tasks in [1, 8, 64] {
        let optimum = optimum(tasks);
        let cells = ["ours", "token bucket", "fixed window"].map(|limiter| {
            let World { done, refused, .. } = simulate(tasks, limiter);
            let share = 100.0 * done as f64 / optimum as f64;
            format!("{done} ({share:.1} %), {refused} refused")
        });
        let plural = if tasks == 1 { "" } else { "s" };
        println!(
            "| {tasks} task{plural} | {optimum} | {} |",
            cells.join(" | ")
        );
    }
}

/// The latencies of all requests, in the order in which they are sent.
struct Latencies(fastrand::Rng);

impl Latencies {
    fn new() -> Self {
        Self(fastrand::Rng::with_seed(60))
    }

    /// Until the arrival, and from there until the answer.
    fn next(&mut self) -> (Duration, Duration) {
        let whole = self.0.u64(50..=800);
        let there = self.0.u64(0..=whole);
        (
            Duration::from_millis(there),
            Duration::from_millis(whole - there),
        )
    }
}

/// What can be done at best if a request may arrive at any moment until its answer.
fn optimum(tasks: usize) -> usize {
    let mut latencies = Latencies::new();
    let heap = |count| -> BinaryHeap<_> { vec![Reverse(Duration::ZERO); count].into() };
    let (mut slots, mut tasks) = (heap(LIMIT), heap(tasks));
    for done in 0.. {
        let (Some(Reverse(slot)), Some(Reverse(task))) = (slots.pop(), tasks.pop()) else {
            unreachable!("as many are pushed as are popped");
        };
        let (there, back) = latencies.next();
        let start = slot.max(task);
        if start >= JOB {
            return done;
        }
        let end = start + there + back;
        slots.push(Reverse(end + WINDOW));
        tasks.push(Reverse(end));
    }
    unreachable!("it ends with the job");
}

/// The server, and what it has seen.
struct World {
    latencies: Latencies,
    log: VecDeque<Instant>,
    done: usize,
    refused: usize,
}

fn simulate(tasks: usize, limiter: &'static str) -> World {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let world = Arc::new(Mutex::new(World {
        latencies: Latencies::new(),
        log: VecDeque::new(),
        done: 0,
        refused: 0,
    }));
    runtime.block_on(async {
        match limiter {
            "ours" => job(tasks, &world, Ours(RateLimiter::new(LIMIT, WINDOW))).await,
            "token bucket" => job(tasks, &world, TokenBucket::new()).await,
            _ => job(tasks, &world, FixedWindow::new()).await,
        }
    });
    let world = Arc::into_inner(world).map(Mutex::into_inner);
    world.expect("all tasks have ended").unwrap()
}

async fn job(tasks: usize, world: &Arc<Mutex<World>>, limiter: impl Limiter) {
    let limiter = Arc::new(limiter);
    let end = Instant::now() + JOB;
    let mut running = JoinSet::new();
    for _ in 0..tasks {
        let (limiter, world) = (Arc::clone(&limiter), Arc::clone(world));
        running.spawn(async move {
            loop {
                let permit = limiter.acquire().await;
                if Instant::now() >= end {
                    break;
                }
                let (there, back) = world.lock().unwrap().latencies.next();
                sleep(there).await;
                world.lock().unwrap().arrive();
                sleep(back).await;
                limiter.release(permit);
            }
        });
    }
    running.join_all().await;
}

impl World {
    fn arrive(&mut self) {
        let now = Instant::now();
        while self.log.front().is_some_and(|at| now - *at >= WINDOW) {
            self.log.pop_front();
        }
        if self.log.len() < LIMIT {
            self.log.push_back(now);
            self.done += 1;
        } else {
            self.refused += 1;
        }
    }
}

trait Limiter: Send + Sync + 'static {
    type Permit: Send;

    fn acquire(&self) -> impl Future<Output = Self::Permit> + Send;

    fn release(&self, permit: Self::Permit);
}

struct Ours(RateLimiter);

impl Limiter for Ours {
    type Permit = Slot;

    async fn acquire(&self) -> Self::Permit {
        slot(&self.0).await
    }

    fn release(&self, slot: Slot) {
        slot.accepted();
    }
}

/// The generic cell rate algorithm of the governor crate, 60 a minute.
struct TokenBucket {
    bucket: governor::RateLimiter<
        governor::state::NotKeyed,
        governor::state::InMemoryState,
        Simulated,
        governor::middleware::NoOpMiddleware<Nanos>,
    >,
    clock: Simulated,
}

#[derive(Clone)]
struct Simulated(Instant);

impl Clock for Simulated {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::from(self.0.elapsed())
    }
}

impl TokenBucket {
    fn new() -> Self {
        let clock = Simulated(Instant::now());
        let limit = NonZeroU32::new(LIMIT as u32).expect("60");
        let bucket =
            governor::RateLimiter::direct_with_clock(Quota::per_minute(limit), clock.clone());
        Self { bucket, clock }
    }
}

impl Limiter for TokenBucket {
    type Permit = ();

    async fn acquire(&self) {
        while let Err(not_yet) = self.bucket.check() {
            let wait = not_yet.wait_time_from(self.clock.now());
            sleep(wait.max(Duration::from_millis(1))).await;
        }
    }

    fn release(&self, (): ()) {}
}

/// 60 in each minute of the clock.
struct FixedWindow(Mutex<(Instant, usize)>);

impl FixedWindow {
    fn new() -> Self {
        Self(Mutex::new((Instant::now(), 0)))
    }

    fn take(&self) -> Result<(), Instant> {
        let mut window = self.0.lock().unwrap();
        let now = Instant::now();
        while now >= window.0 + WINDOW {
            *window = (window.0 + WINDOW, 0);
        }
        if window.1 < LIMIT {
            window.1 += 1;
            return Ok(());
        }
        Err(window.0 + WINDOW)
    }
}

impl Limiter for FixedWindow {
    type Permit = ();

    async fn acquire(&self) {
        while let Err(at) = self.take() {
            sleep_until(at).await;
        }
    }

    fn release(&self, (): ()) {}
}
