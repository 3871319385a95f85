//! What a permit costs, against tokio's semaphore, and in a file against one in memory.

use std::sync::Arc;
use std::time::Duration;

use criterion::Criterion;
use huntress::__bench::slot;
use huntress::RateLimiter;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;
use tokio::task::{JoinSet, yield_now};

use crate::Row;
use crate::paired::{self, Paired};

const TASKS: u32 = 64;
const SLOTS: usize = 8;
/// Permits that are measured at once, since one is as short as reading the clock.
const BATCH: u32 = 64 * 100;
/// The same of a file, and of Redis.
const SHARED: u32 = 100;

pub fn run(criterion: &mut Criterion) -> Vec<Row> {
    let one = |paired: Paired| Paired {
        ours: paired.ours / BATCH,
        baseline: paired.baseline / BATCH,
    };
    let shared = |paired: Paired| Paired {
        ours: paired.ours / SHARED,
        baseline: paired.baseline / SHARED,
    };
    vec![
        (
            "a permit, nobody waiting, against tokio's semaphore",
            alone(criterion).map(one),
        ),
        (
            "a permit, 64 tasks for 8 slots, against tokio's semaphore",
            together(criterion).map(one),
        ),
        (
            "a permit in a file, against one in memory",
            in_file(criterion).map(shared),
        ),
        #[cfg(feature = "redis-tests")]
        (
            "a permit in a Redis of this machine, against one in memory",
            in_redis(criterion).map(shared),
        ),
    ]
}

fn alone(criterion: &mut Criterion) -> Option<Paired> {
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    // A slot is free again before the next is asked for.
    let limiter = RateLimiter::new(60, Duration::from_nanos(1));
    let semaphore = Semaphore::new(60);
    let ours = || {
        runtime.block_on(async {
            for _ in 0..BATCH {
                slot(&limiter).await.accepted();
            }
        });
    };
    let baseline = || {
        runtime.block_on(async {
            for _ in 0..BATCH {
                drop(semaphore.acquire().await.unwrap());
            }
        });
    };
    paired::measure(criterion, "6400 permits alone", ours, baseline)
}

fn together(criterion: &mut Criterion) -> Option<Paired> {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .unwrap();
    let limiter = RateLimiter::new(SLOTS, Duration::ZERO);
    let semaphore = Arc::new(Semaphore::new(SLOTS));
    let ours = || {
        let limiter = limiter.clone();
        share(&runtime, move || {
            let limiter = limiter.clone();
            async move {
                let slot = slot(&limiter).await;
                yield_now().await;
                slot.accepted();
            }
        });
    };
    let baseline = || {
        let semaphore = Arc::clone(&semaphore);
        share(&runtime, move || {
            let semaphore = Arc::clone(&semaphore);
            async move {
                let permit = semaphore.acquire().await.unwrap();
                yield_now().await;
                drop(permit);
            }
        });
    };
    paired::measure(criterion, "6400 permits among 64 tasks", ours, baseline)
}

fn in_file(criterion: &mut Criterion) -> Option<Paired> {
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    let name = format!("huntress-bench-{}.quota", std::process::id());
    let path = std::env::temp_dir().join(name);
    // Long enough that the file has slots in it, as it has in use, and short enough that
    // nobody waits.
    let window = Duration::from_millis(1);
    let file = RateLimiter::in_file_with(&path, 400, window).unwrap();
    let memory = RateLimiter::new(400, window);
    let (ours, baseline) = (|| permits(&runtime, &file), || permits(&runtime, &memory));
    let paired = paired::measure(criterion, "100 permits in a file", ours, baseline);
    let _ = std::fs::remove_file(path);
    paired
}

/// One that `.ci/redis` has started.
#[cfg(feature = "redis-tests")]
fn in_redis(criterion: &mut Criterion) -> Option<Paired> {
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    let url = std::env::var("HUNTRESS_TEST_REDIS").expect("`.ci/redis cargo bench …` sets it");
    let name = format!("bench-{}", std::process::id());
    // As in a file; the ends are told later, so it is longer.
    let window = Duration::from_millis(10);
    let quota = huntress::RedisQuota::new(url, name).quota(400, window);
    let redis = RateLimiter::in_redis_with(quota).unwrap();
    let memory = RateLimiter::new(400, window);
    let (ours, baseline) = (|| permits(&runtime, &redis), || permits(&runtime, &memory));
    paired::measure(criterion, "100 permits in Redis", ours, baseline)
}

fn permits(runtime: &Runtime, limiter: &RateLimiter) {
    runtime.block_on(async {
        for _ in 0..SHARED {
            slot(limiter).await.accepted();
        }
    });
}

/// A batch, done by all tasks together.
fn share<F>(runtime: &Runtime, work: impl Fn() -> F + Clone + Send + 'static)
where
    F: Future<Output = ()> + Send,
{
    runtime.block_on(async {
        let mut tasks = JoinSet::new();
        for _ in 0..TASKS {
            let work = work.clone();
            tasks.spawn(async move {
                for _ in 0..BATCH / TASKS {
                    work().await;
                }
            });
        }
        tasks.join_all().await;
    });
}
