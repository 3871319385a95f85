//! One behaviour at a time, in paused time.

use tokio::time::{sleep, sleep_until, timeout};

use super::*;

const SECOND: Duration = Duration::from_secs(1);

async fn read(limiter: &RateLimiter) -> Permit {
    limiter.acquire(Lane::Read, Turn::Last).await
}

async fn accepted(limiter: &RateLimiter) {
    read(limiter).await.accepted(None);
}

/// How long the next read waits.
async fn wait_of_next(limiter: &RateLimiter) -> Duration {
    let before = Instant::now();
    accepted(limiter).await;
    before.elapsed()
}

#[tokio::test(start_paused = true)]
async fn the_vendors_example() {
    let limiter = RateLimiter::default();
    let start = Instant::now();
    let at = |seconds| start + seconds * SECOND;
    accepted(&limiter).await;
    sleep_until(at(5)).await;
    accepted(&limiter).await;
    sleep_until(at(10)).await;
    for _ in 3..=60 {
        accepted(&limiter).await;
    }
    assert_eq!(Instant::now(), at(10), "a burst goes out at once");
    sleep_until(at(55)).await;
    assert_eq!(limiter.snapshot().available, 0);
    assert_eq!(limiter.snapshot().next_free_in, Some(5 * SECOND));
    sleep_until(at(61)).await;
    accepted(&limiter).await;
    assert_eq!(Instant::now(), at(61));
    accepted(&limiter).await;
    assert_eq!(Instant::now(), at(65), "the slot of T5");
}

#[tokio::test(start_paused = true)]
async fn writes_go_first_but_do_not_starve_a_read() {
    let limiter = RateLimiter::new(1, SECOND);
    accepted(&limiter).await;
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
            limiter.acquire(lane, Turn::Last).await.accepted(None);
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
async fn what_is_sent_again_goes_before_what_came_later() {
    let limiter = RateLimiter::new(1, SECOND);
    accepted(&limiter).await;
    let mut later = Box::pin(read(&limiter));
    assert!(timeout(Duration::ZERO, &mut later).await.is_err());
    limiter
        .acquire(Lane::Read, Turn::First)
        .await
        .accepted(None);
    assert!(timeout(Duration::ZERO, &mut later).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn an_unanswered_request_keeps_its_slot_for_the_grace_as_well() {
    let limiter = RateLimiter::new(1, SECOND);
    drop(read(&limiter).await);
    assert_eq!(limiter.snapshot().next_free_in, Some(SECOND + GRACE));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_was_never_sent_takes_nothing() {
    let limiter = RateLimiter::new(1, SECOND);
    let permit = read(&limiter).await;
    let mut next = Box::pin(read(&limiter));
    assert!(timeout(SECOND, &mut next).await.is_err());
    permit.unsent();
    timeout(Duration::ZERO, next).await.unwrap().accepted(None);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_wait_gives_its_place_back() {
    let limiter = RateLimiter::new(1, SECOND);
    let permit = read(&limiter).await;
    let mut first = Box::pin(read(&limiter));
    let second = read(&limiter);
    // Both are queued; the first is dropped.
    assert!(timeout(SECOND, &mut first).await.is_err());
    permit.accepted(None);
    drop(first);
    let before = Instant::now();
    second.await.accepted(None);
    assert_eq!(before.elapsed(), SECOND);
    assert_eq!(limiter.snapshot().in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_makes_everybody_wait_as_long_as_the_server_says() {
    let limiter = RateLimiter::default();
    let (refused, other) = (read(&limiter).await, limiter.clone());
    refused.refused(Some(7 * SECOND));
    assert_eq!(limiter.snapshot().available, 0);
    assert_eq!(limiter.snapshot().next_free_in, Some(7 * SECOND));
    assert_eq!(wait_of_next(&other).await, 7 * SECOND);
    // A pause is not for ever, whatever the server says, and writes wait too.
    read(&limiter).await.refused(Some(100_000 * SECOND));
    let before = Instant::now();
    limiter
        .acquire(Lane::Write, Turn::Last)
        .await
        .accepted(None);
    assert_eq!(before.elapsed(), LONGEST_PAUSE);
}

#[tokio::test(start_paused = true)]
async fn without_a_word_a_refusal_waits_for_a_slot_of_our_own() {
    let limiter = RateLimiter::default();
    accepted(&limiter).await;
    sleep(20 * SECOND).await;
    accepted(&limiter).await;
    sleep(20 * SECOND).await;
    // 57 requests of somebody else, and this one.
    read(&limiter).await.refused(None);
    assert_eq!(wait_of_next(&limiter).await, 20 * SECOND);
    assert_eq!(wait_of_next(&limiter).await, 20 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn with_nothing_of_our_own_a_refusal_waits_longer_each_time() {
    let random = fastrand::Rng::with_seed(1);
    let limiter = RateLimiter::with_random(60, 60 * SECOND, random);
    for shortest in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
        read(&limiter).await.refused(None);
        let pause = limiter.snapshot().next_free_in.unwrap();
        let longest = (shortest * SECOND * 3 / 2).min(60 * SECOND);
        assert!(
            (shortest * SECOND..=longest).contains(&pause),
            "{pause:?} for {shortest}"
        );
        sleep(pause).await;
    }
    accepted(&limiter).await;
    sleep(60 * SECOND).await;
    read(&limiter).await.refused(None);
    let pause = limiter.snapshot().next_free_in.unwrap();
    assert!(pause < 2 * SECOND, "{pause:?} after an accepted request");
}

#[tokio::test(start_paused = true)]
async fn refusals_of_requests_that_were_under_way_together_are_one() {
    let limiter = RateLimiter::default();
    let mut together = Vec::new();
    for _ in 0..20 {
        together.push(read(&limiter).await);
    }
    sleep(SECOND).await;
    for permit in together {
        permit.refused(None);
    }
    let snapshot = limiter.snapshot();
    assert_eq!((snapshot.used, snapshot.others), (20, 40));
    assert!(snapshot.next_free_in.unwrap() <= 2 * SECOND, "{snapshot:?}");
    // Nor are they many when the server says how long to wait.
    sleep(61 * SECOND).await;
    let mut together = Vec::new();
    for _ in 0..20 {
        together.push(read(&limiter).await);
    }
    sleep(SECOND).await;
    for permit in together {
        permit.refused(Some(3 * SECOND));
    }
    sleep(3 * SECOND).await;
    read(&limiter).await.refused(None);
    assert!(limiter.snapshot().next_free_in.unwrap() <= 6 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn after_a_refusal_the_others_slots_are_tried_one_at_a_time() {
    let limiter = RateLimiter::default();
    read(&limiter).await.refused(Some(SECOND));
    sleep(SECOND).await;
    for _ in 0..10 {
        assert_eq!(limiter.snapshot().available, 1);
        let permit = read(&limiter).await;
        assert_eq!(limiter.snapshot().available, 0, "one is under way");
        permit.accepted(None);
    }
    sleep(60 * SECOND).await;
    assert_eq!(limiter.snapshot().available, 60, "they are gone");
}

#[tokio::test(start_paused = true)]
async fn what_remains_by_the_server_is_used_downwards_only() {
    let limiter = RateLimiter::default();
    read(&limiter).await.accepted(Some(59));
    assert_eq!(limiter.snapshot().available, 59);
    read(&limiter).await.accepted(Some(1_000));
    assert_eq!(limiter.snapshot().available, 58, "not upwards");
    // Somebody else has used 37.
    read(&limiter).await.accepted(Some(20));
    let snapshot = limiter.snapshot();
    assert_eq!(
        (snapshot.used, snapshot.others, snapshot.available),
        (3, 37, 20)
    );
    read(&limiter).await.accepted(Some(19));
    assert_eq!(limiter.snapshot().available, 19);
    read(&limiter).await.accepted(Some(usize::MAX));
    assert_eq!(limiter.snapshot().available, 55);
    read(&limiter).await.accepted(Some(18));
    // They go away, and the next answer says so.
    read(&limiter).await.accepted(Some(53));
    assert_eq!(limiter.snapshot().available, 53);
    // None remain; all of them have left the window after one.
    read(&limiter).await.accepted(Some(0));
    assert_eq!(wait_of_next(&limiter).await, 60 * SECOND);
    assert_eq!(limiter.snapshot().available, 59);
}

#[tokio::test(start_paused = true)]
async fn an_answer_older_than_a_refusal_does_not_overrule_it() {
    let limiter = RateLimiter::default();
    let (first, second) = (read(&limiter).await, read(&limiter).await);
    sleep(SECOND).await;
    second.refused(Some(5 * SECOND));
    first.accepted(Some(58));
    assert_eq!(limiter.snapshot().others, 58);
    assert_eq!(wait_of_next(&limiter).await, 5 * SECOND);
}

/// Somebody else uses half of the quota, steadily, from the beginning: we get the other
/// half, refused about once a window.
#[tokio::test(start_paused = true)]
async fn a_shared_account_is_shared_with_few_refusals() {
    let limiter = RateLimiter::default();
    let mut log: VecDeque<Instant> = VecDeque::new();
    let mut arrives = move || {
        let now = Instant::now();
        while log.front().is_some_and(|at| *at + 60 * SECOND <= now) {
            log.pop_front();
        }
        let allowed = log.len() < 60;
        allowed.then(|| log.push_back(now)).is_some()
    };
    let start = Instant::now();
    let (mut taken, mut refused) = (0, 0);
    let mut others_at = start;
    while start.elapsed() < 1_800 * SECOND {
        tokio::select! {
            biased;
            () = sleep_until(others_at) => {
                arrives();
                others_at += 2 * SECOND;
            }
            permit = read(&limiter) => {
                sleep(Duration::from_millis(50)).await;
                if arrives() {
                    taken += 1;
                    permit.accepted(None);
                } else {
                    refused += 1;
                    permit.refused(None);
                }
            }
        }
    }
    assert!(taken >= 30 * 29, "{taken} requests in 30 minutes");
    assert!(refused <= 2 * 30, "{refused} refusals in 30 minutes");
}
