//! Generated schedules in paused time, replayed against a server that counts exactly.
//!
//! A schedule has random latencies, arrivals at any time in them or after the caller gave up,
//! cancelled calls, clones and lanes. It runs alone on an account, and on one that an earlier
//! run has used and somebody else goes on using, with a server that refuses requests and
//! whose words are true or not.
//!
//! What must hold with every server: no window sees more of our arrivals than the limit,
//! refused ones included; everybody gets through; and no pause ends later than a window after
//! the first refusal, unless `Retry-After` says so. Alone on the account, no slot is ever
//! free while somebody waits, except during the head start of the first request.

use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use tokio::time::{Instant, sleep, timeout};

use super::server::{Server, Told};
use super::*;

const SCHEDULES: u32 = 10_000;
/// As many on a shared account, where each takes longer.
const ACCOUNTS: u32 = 3_000;
/// Longer than anything takes that ends at all.
const EVER: Duration = Duration::from_secs(24 * 60 * 60);

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
    /// It arrives after `there`, and its answer comes `back` later.
    Answered {
        there: u64,
        back: u64,
    },
    /// The connection is lost so long `after` it was sent, and it arrives so much `late`r.
    Lost {
        after: u64,
        late: u64,
    },
    Unsent {
        after: u64,
    },
}

/// The account's other users, and what the server says.
#[derive(Clone, Debug)]
struct Account {
    /// Milliseconds between the requests of an earlier run, which has just ended.
    earlier: Vec<u64>,
    /// The same of somebody who uses the account at the same time.
    beside: Vec<u64>,
    remaining: Told,
    retry_after: bool,
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

fn accounts() -> impl Strategy<Value = Account> {
    let remaining = prop_oneof![
        2 => Just(Told::Nothing),
        2 => Just(Told::TheTruth),
        1 => (0..7_usize).prop_map(Told::Always),
        1 => Just(Told::Always(usize::MAX)),
    ];
    let sent = || proptest::collection::vec(0..100_u64, 0..12);
    (sent(), sent(), remaining, any::<bool>()).prop_map(
        |(earlier, beside, remaining, retry_after)| Account {
            earlier,
            beside,
            remaining,
            retry_after,
        },
    )
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
    ended: Option<Duration>,
    slot_free: Option<Duration>,
    arrived: Option<Duration>,
}

#[test]
fn no_schedule_breaks_the_quota_or_leaves_it_idle() {
    check(SCHEDULES, schedules(), async |schedule| {
        judge(&schedule, &live(&schedule).await)
    });
}

#[test]
fn no_account_breaks_the_quota_or_holds_anybody_up_for_ever() {
    check(
        ACCOUNTS,
        (schedules(), accounts()),
        async |(schedule, account)| {
            let (arrivals, pauses) = timeout(EVER, shared(&schedule, &account))
                .await
                .map_err(|_| "somebody waits for ever")?;
            judge_arrivals(&schedule, arrivals)?;
            judge_pauses(&schedule, &pauses)
        },
    );
}

/// Runs what is generated, each in a runtime with paused time.
fn check<S: Strategy>(cases: u32, strategy: S, run: impl AsyncFn(S::Value) -> Result<(), String>) {
    let config = Config {
        cases,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(2026),
        ..Config::default()
    };
    let judged = TestRunner::new(config).run(&strategy, |value| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build();
        let judged = runtime.unwrap().block_on(run(value));
        judged.map_err(TestCaseError::fail)
    });
    if let Err(problem) = judged {
        panic!("{problem}");
    }
}

/// A refusal: when the server gave it, for how long it asked, and until when all waited.
#[derive(Clone, Copy, Debug)]
struct Pause {
    at: Duration,
    retry_after: Option<Duration>,
    until: Duration,
}

/// Makes the calls on a shared account, each until it is taken or its caller has gone.
/// Returns when the requests arrived, and what the refusals led to.
async fn shared(schedule: &Schedule, account: &Account) -> (Vec<Duration>, Vec<Pause>) {
    let milliseconds = Duration::from_millis;
    let window = milliseconds(schedule.window);
    let told = (account.remaining, account.retry_after);
    let server = Server::with_limit(schedule.limit, window, told.0, told.1);
    let send = async |pauses: &[u64]| {
        for pause in pauses {
            // Whether it is taken matters to others only.
            let _ = server.arrives();
            sleep(milliseconds(*pause)).await;
        }
    };
    send(&account.earlier).await;
    let limiter = RateLimiter::new(schedule.limit, window);
    let start = Instant::now();
    let (arrivals, pauses) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    let attempt = async |outcome: &Outcome, permit: Permit| {
        let arrived = || arrivals.lock().unwrap().push(start.elapsed());
        match *outcome {
            Outcome::Answered { there, back } => {
                sleep(milliseconds(there)).await;
                arrived();
                let answer = server.arrives();
                sleep(milliseconds(back)).await;
                let retry_after = match answer {
                    Ok(remaining) => {
                        permit.accepted(remaining);
                        return true;
                    }
                    Err(retry_after) => retry_after,
                };
                permit.refused(retry_after);
                let until = limiter.quota(|quota| quota.paused_until);
                pauses.lock().unwrap().push(Pause {
                    at: start.elapsed(),
                    retry_after,
                    // The limiter began when the schedule did.
                    until: until.unwrap_or_default(),
                });
                false
            }
            Outcome::Lost { after, .. } => {
                sleep(milliseconds(after)).await;
                arrived();
                let _ = server.arrives();
                drop(permit);
                true
            }
            Outcome::Unsent { after } => {
                sleep(milliseconds(after)).await;
                permit.unsent();
                true
            }
        }
    };
    let calls = schedule.calls.iter().map(async |call| {
        sleep(milliseconds(call.start)).await;
        let mut turn = Turn::Last;
        let patience = call.patience.map_or(EVER, milliseconds);
        while let Ok(permit) = timeout(patience, limiter.acquire(call.lane, turn)).await
            && !attempt(&call.outcome, permit).await
        {
            turn = Turn::First;
        }
    });
    let beside = send(&account.beside);
    tokio::join!(futures::future::join_all(calls), beside);
    (arrivals.into_inner().unwrap(), pauses.into_inner().unwrap())
}

fn judge_pauses(schedule: &Schedule, pauses: &[Pause]) -> Result<(), String> {
    let window = Duration::from_millis(schedule.window);
    let (mut first, mut asked) = (None, Duration::ZERO);
    for pause in pauses {
        let first = *first.insert(
            first
                .filter(|at| pause.at < *at + window)
                .unwrap_or(pause.at),
        );
        asked = asked.max(pause.at + pause.retry_after.unwrap_or_default());
        if pause.until > asked.max(first + window) {
            return Err(format!(
                "all wait longer than they must: {pause:?} of {pauses:?}"
            ));
        }
    }
    Ok(())
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
                    // Once it was sent it arrives, whether or not the caller still waits,
                    // and at the latest a grace after the caller has gone.
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
                    life.ended = Some(ended);
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

fn judge_arrivals(schedule: &Schedule, mut arrivals: Vec<Duration>) -> Result<(), String> {
    arrivals.sort();
    let window = Duration::from_millis(schedule.window);
    for pair in arrivals.windows(schedule.limit + 1) {
        let apart = pair[schedule.limit] - pair[0];
        if apart < window {
            return Err(format!("{} arrivals within {apart:?}", pair.len()));
        }
    }
    Ok(())
}

fn judge(schedule: &Schedule, lives: &[Life]) -> Result<(), String> {
    judge_arrivals(
        schedule,
        lives.iter().filter_map(|life| life.arrived).collect(),
    )?;
    let used = |at: Duration| {
        let holds = |life: &&Life| {
            life.served.is_some() && life.waits_until <= at && life.slot_free.unwrap() > at
        };
        lives.iter().filter(holds).count()
    };
    // While the first of all is under way, nobody else goes.
    let lead = lives.iter().find(|life| life.served == Some(0));
    let lead = lead.map_or(Duration::ZERO..Duration::ZERO, |lead| {
        let ended = lead.ended.expect("it was served");
        lead.waits_until..ended.min(lead.waits_until + HEAD_START)
    });
    let moments = || {
        let begins = lives.iter().map(|life| life.waits_from);
        let frees = lives.iter().filter_map(|life| life.slot_free);
        begins.chain(frees).chain([lead.end])
    };
    for life in lives {
        // Slots become free at these moments only, and a slot that is free stays so until
        // somebody takes it.
        let waits = life.waits_from..life.waits_until;
        for at in moments().filter(|at| waits.contains(at) && !lead.contains(at)) {
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
