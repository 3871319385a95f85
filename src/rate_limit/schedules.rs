//! Generated schedules in paused time, replayed against a server that counts exactly.
//!
//! Random latencies, arrivals anywhere in them or after the caller gave up, cancelled
//! calls, clones and lanes. Two things must hold: no window sees more arrivals than the
//! limit, and at no moment is a slot free while somebody waits.

use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use tokio::time::{sleep, timeout};

use super::*;

const SCHEDULES: u32 = 10_000;

#[derive(Clone, Debug)]
struct Schedule {
    limit: usize,
    window: u64,
    calls: Vec<Call>,
}

/// One call; all times in milliseconds.
#[derive(Clone, Debug)]
struct Call {
    start: u64,
    lane: Lane,
    /// How long the caller waits at most.
    patience: Option<u64>,
    outcome: Outcome,
}

#[derive(Clone, Debug)]
enum Outcome {
    /// It arrives after `there`, its answer is there after `back` more.
    Answered {
        there: u64,
        back: u64,
    },
    /// The connection is lost `after` it was sent; it arrives even `late`r.
    Lost {
        after: u64,
        late: u64,
    },
    Unsent {
        after: u64,
    },
}

fn schedules() -> impl Strategy<Value = Schedule> {
    let lane = prop_oneof![Just(Lane::Read), Just(Lane::Write)];
    let outcome = prop_oneof![
        6 => (0..200_u64, 0..200_u64).prop_map(|(there, back)| Outcome::Answered { there, back }),
        1 => (0..200_u64, 0..=10_000_u64).prop_map(|(after, late)| Outcome::Lost { after, late }),
        1 => (0..200_u64).prop_map(|after| Outcome::Unsent { after }),
    ];
    let patience = proptest::option::weighted(0.4, 0..900_u64);
    let call =
        (0..400_u64, lane, patience, outcome).prop_map(|(start, lane, patience, outcome)| Call {
            start,
            lane,
            patience,
            outcome,
        });
    let calls = proptest::collection::vec(call, 1..25);
    (1..6_usize, 50..500_u64, calls).prop_map(|(limit, window, calls)| Schedule {
        limit,
        window,
        calls,
    })
}

/// What became of a call, as offsets from the start.
#[derive(Clone, Debug, Default)]
struct Life {
    lane: Option<Lane>,
    /// The order in which calls began to wait.
    place: usize,
    waits_from: Duration,
    /// When it got its slot or gave up.
    waits_until: Duration,
    /// The order in which slots were given.
    served: Option<usize>,
    slot_free: Option<Duration>,
    arrived: Option<Duration>,
}

#[test]
fn no_schedule_breaks_the_quota_or_leaves_it_idle() {
    let config = Config {
        cases: SCHEDULES,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(2026),
        ..Config::default()
    };
    let judged = TestRunner::new(config).run(&schedules(), |schedule| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build();
        let lives = runtime.unwrap().block_on(live(&schedule));
        judge(&schedule, &lives).map_err(TestCaseError::fail)
    });
    if let Err(problem) = judged {
        panic!("{problem}");
    }
}

async fn live(schedule: &Schedule) -> Vec<Life> {
    let window = Duration::from_millis(schedule.window);
    let limiter = RateLimiter::new(schedule.limit, window);
    let (places, slots) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let start = Instant::now();
    let calls = schedule.calls.iter().cloned().map(|call| {
        let (limiter, places, slots) = (limiter.clone(), Arc::clone(&places), Arc::clone(&slots));
        let life = Arc::new(Mutex::new(Life::default()));
        let record = Arc::clone(&life);
        let task = tokio::spawn(async move {
            let milliseconds = Duration::from_millis;
            sleep(milliseconds(call.start)).await;
            let exchange = async {
                {
                    let mut life = record.lock().unwrap();
                    life.lane = Some(call.lane);
                    life.place = places.fetch_add(1, Ordering::Relaxed);
                    life.waits_from = start.elapsed();
                }
                let permit = limiter.acquire(call.lane, Turn::Last).await;
                let arrives_after = match call.outcome {
                    Outcome::Answered { there, .. } => Some(there),
                    Outcome::Lost { after, late } => Some(after + late),
                    Outcome::Unsent { .. } => None,
                };
                {
                    let mut life = record.lock().unwrap();
                    life.served = Some(slots.fetch_add(1, Ordering::Relaxed));
                    life.waits_until = start.elapsed();
                    // Once sent it arrives, whether or not the caller still waits; at the
                    // latest a grace after the caller has gone.
                    life.arrived = arrives_after.map(|ms| start.elapsed() + milliseconds(ms));
                }
                match call.outcome {
                    Outcome::Answered { there, back } => {
                        sleep(milliseconds(there + back)).await;
                        permit.accepted(None);
                        window
                    }
                    Outcome::Lost { after, .. } => {
                        sleep(milliseconds(after)).await;
                        drop(permit);
                        window + GRACE
                    }
                    Outcome::Unsent { after } => {
                        sleep(milliseconds(after)).await;
                        permit.unsent();
                        Duration::ZERO
                    }
                }
            };
            let kept = match call.patience {
                Some(patience) => timeout(milliseconds(patience), exchange).await.ok(),
                None => Some(exchange.await),
            };
            let mut life = record.lock().unwrap();
            match (life.served, kept) {
                (Some(_), kept) => {
                    let kept = kept.unwrap_or(window + GRACE);
                    life.slot_free = Some(start.elapsed() + kept);
                    let ended = start.elapsed();
                    life.arrived = life.arrived.map(|at| at.min(ended + GRACE));
                }
                (None, _) => life.waits_until = start.elapsed(),
            }
        });
        (task, life)
    });
    let mut lives = Vec::new();
    for (task, life) in calls.collect::<Vec<_>>() {
        task.await.unwrap();
        lives.push(life.lock().unwrap().clone());
    }
    sleep(window + GRACE).await;
    assert_eq!(limiter.snapshot().used, 0);
    lives
}

fn judge(schedule: &Schedule, lives: &[Life]) -> Result<(), String> {
    let mut arrivals: Vec<_> = lives.iter().filter_map(|life| life.arrived).collect();
    arrivals.sort();
    let window = Duration::from_millis(schedule.window);
    for pair in arrivals.windows(schedule.limit + 1) {
        let apart = pair[schedule.limit] - pair[0];
        if apart < window {
            return Err(format!("{} arrivals within {apart:?}", pair.len()));
        }
    }
    let used = |at: Duration| {
        let holds = |life: &&Life| {
            life.served.is_some() && life.waits_until <= at && life.slot_free.unwrap() > at
        };
        lives.iter().filter(holds).count()
    };
    let moments = || {
        let begins = lives.iter().map(|life| life.waits_from);
        begins.chain(lives.iter().filter_map(|life| life.slot_free))
    };
    for life in lives {
        // Slots become free at these moments only, and a slot that is free stays so until
        // somebody takes it.
        for at in moments().filter(|at| (life.waits_from..life.waits_until).contains(at)) {
            if used(at) != schedule.limit {
                return Err(format!("{} slots used at {at:?}: {life:?} waits", used(at)));
            }
        }
    }
    let mut served: Vec<_> = lives.iter().filter(|life| life.served.is_some()).collect();
    served.sort_by_key(|life| life.served);
    for lane in [Lane::Read, Lane::Write] {
        let lane = served.iter().filter(|life| life.lane == Some(lane));
        if !lane.is_sorted_by_key(|life| life.place) {
            return Err(format!("not first come, first served: {served:?}"));
        }
    }
    Ok(())
}
