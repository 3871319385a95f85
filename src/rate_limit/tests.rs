//! One behaviour at a time, in paused time.

use tokio::time::{Instant, sleep, sleep_until, timeout};

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
    let counted = limiter.snapshot();
    assert_eq!((counted.requests, counted.waited), (62, 4 * SECOND));
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
    // No pause lasts for ever, whatever the server says, and writes wait, too.
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
async fn with_nothing_of_our_own_a_refusal_waits_until_all_that_was_counted_is_gone() {
    let limiter = RateLimiter::default();
    for _ in 0..3 {
        read(&limiter).await.refused(None);
        assert_eq!(limiter.snapshot().next_free_in, Some(60 * SECOND));
        sleep(60 * SECOND).await;
        assert_eq!(limiter.snapshot().available, 60);
    }
}

#[tokio::test(start_paused = true)]
async fn no_pause_ends_later_than_a_window_after_the_first_refusal() {
    let limiter = RateLimiter::default();
    accepted(&limiter).await;
    // It may still arrive, and is counted ten seconds longer.
    drop(read(&limiter).await);
    sleep(50 * SECOND).await;
    read(&limiter).await.refused(None);
    let first = Instant::now();
    // Our own slot, of 50 seconds ago.
    sleep(10 * SECOND).await;
    read(&limiter).await.refused(None);
    assert_eq!(limiter.snapshot().next_free_in, Some(10 * SECOND));
    sleep(10 * SECOND).await;
    read(&limiter).await.refused(None);
    // Nothing of it is ours, and what was counted at the first refusal is gone in 40 seconds.
    assert_eq!(limiter.snapshot().next_free_in, Some(40 * SECOND));
    assert_eq!(limiter.snapshot().available, 0);
    sleep_until(first + 60 * SECOND).await;
    // A refusal from now on begins a new series.
    read(&limiter).await.refused(None);
    assert_eq!(limiter.snapshot().next_free_in, Some(60 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn only_what_never_came_back_does_not_make_a_pause_longer() {
    let limiter = RateLimiter::default();
    drop(read(&limiter).await);
    read(&limiter).await.refused(None);
    assert_eq!(limiter.snapshot().next_free_in, Some(60 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn the_first_of_all_goes_alone_until_it_has_ended_in_any_way() {
    let ends: [fn(Permit); 5] = [
        |permit| permit.accepted(None),
        |permit| permit.accepted(Some(59)),
        drop,
        Permit::unsent,
        |permit| permit.refused(Some(Duration::ZERO)),
    ];
    for end in ends {
        let limiter = RateLimiter::default();
        let first = read(&limiter).await;
        assert_eq!(limiter.snapshot().available, 0);
        let mut second = Box::pin(read(&limiter));
        assert!(timeout(SECOND / 2, &mut second).await.is_err());
        end(first);
        let second = timeout(Duration::ZERO, second).await;
        second.expect("nobody is in its way").accepted(None);
        assert_eq!(wait_of_next(&limiter).await, Duration::ZERO);
    }
}

#[tokio::test(start_paused = true)]
async fn a_first_request_that_hangs_holds_nobody_up_for_long() {
    let limiter = RateLimiter::default();
    let hangs = read(&limiter).await;
    assert_eq!(limiter.snapshot().next_free_in, Some(HEAD_START));
    let before = Instant::now();
    let mut together = Vec::new();
    for _ in 0..59 {
        together.push(read(&limiter).await);
    }
    assert_eq!(before.elapsed(), HEAD_START);
    let waits = timeout(SECOND, read(&limiter)).await;
    assert!(waits.is_err(), "all slots are taken");
    drop(hangs);
}

#[tokio::test(start_paused = true)]
async fn after_a_refusal_the_next_goes_alone() {
    let limiter = RateLimiter::default();
    let old_lead = read(&limiter).await;
    sleep(HEAD_START).await;
    let mut own = Vec::new();
    for _ in 0..10 {
        own.push(read(&limiter).await);
    }
    own.drain(..).for_each(|permit| permit.accepted(None));
    read(&limiter).await.refused(None);
    // It has led before, and does not lead now.
    drop(old_lead);
    sleep(60 * SECOND).await;
    let lead = read(&limiter).await;
    assert_eq!(limiter.snapshot().available, 0, "ten slots are free");
    let before = Instant::now();
    let next = read(&limiter).await;
    assert_eq!(
        before.elapsed(),
        HEAD_START,
        "and not until a slot cools down"
    );
    next.accepted(None);
    lead.accepted(None);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_overtaken_does_not_say_that_more_remain() {
    let limiter = RateLimiter::default();
    told(&limiter, 40).await;
    let (early, late) = (read(&limiter).await, read(&limiter).await);
    sleep(SECOND).await;
    late.accepted(Some(10));
    early.accepted(Some(39));
    // One is tried, to learn which is right.
    assert_eq!(limiter.snapshot().available, 10 + 1);
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
    assert_eq!(snapshot.next_free_in, Some(60 * SECOND));
    // There are not many either when the server says how long to wait.
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
    // A window after the first of them.
    assert_eq!(limiter.snapshot().next_free_in, Some(57 * SECOND));
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

/// A request that the server takes, saying that so many remain.
async fn told(limiter: &RateLimiter, remaining: usize) {
    read(limiter).await.accepted(Some(remaining));
}

#[tokio::test(start_paused = true)]
async fn a_word_that_never_goes_down_counts_no_more_after_three_contradictions() {
    let limiter = RateLimiter::default();
    told(&limiter, 0).await;
    for _ in 0..3 {
        assert_eq!(limiter.snapshot().available, 1, "one is tried");
        let tried = read(&limiter).await;
        assert_eq!(limiter.snapshot().available, 0, "and no more");
        tried.accepted(Some(0));
    }
    assert_eq!(limiter.snapshot().available, 56, "our own proof is left");
    told(&limiter, 0).await;
    assert_eq!(limiter.snapshot().available, 55);
    // The word goes down, so it is right again.
    told(&limiter, 30).await;
    told(&limiter, 29).await;
    assert_eq!(limiter.snapshot().available, 29);
    told(&limiter, 0).await;
    assert_eq!(limiter.snapshot().available, 0, "it is believed");
    assert_eq!(limiter.snapshot().next_free_in, Some(60 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn a_word_that_a_refusal_bears_out_is_believed() {
    let limiter = RateLimiter::default();
    told(&limiter, 0).await;
    read(&limiter).await.refused(Some(SECOND));
    sleep(SECOND).await;
    told(&limiter, 0).await;
    assert_eq!(limiter.snapshot().available, 0);
    // It is believed for a window, and then has to show again that it is right.
    sleep(60 * SECOND).await;
    told(&limiter, 0).await;
    assert_eq!(limiter.snapshot().available, 1);
}

#[tokio::test(start_paused = true)]
async fn a_word_that_does_not_go_down_when_a_slot_became_free_is_no_contradiction() {
    let limiter = RateLimiter::new(2, 60 * SECOND);
    told(&limiter, 1).await;
    sleep(SECOND).await;
    told(&limiter, 0).await;
    for _ in 0..10 {
        read(&limiter).await.accepted(Some(0));
        assert_eq!(limiter.quota(|quota| quota.word.doubts), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn requests_under_way_may_not_be_counted_in_what_remains() {
    let limiter = RateLimiter::default();
    told(&limiter, 40).await;
    let mut under_way = Vec::new();
    for _ in 0..10 {
        under_way.push(read(&limiter).await);
    }
    // It arrived before the nine.
    under_way.pop().unwrap().accepted(Some(39));
    assert_eq!(limiter.snapshot().available, 39 - 9);
}
