//! Programs that share an account and do not know of each other: one after the other, or at
//! the same time.

use tokio::time::{sleep, timeout};

use super::server::{SECOND, Server, Told};
use super::*;

/// What servers say about their quota.
const SERVERS: [(Told, bool); 4] = [
    (Told::Nothing, false),
    (Told::Nothing, true),
    (Told::TheTruth, false),
    (Told::TheTruth, true),
];
const SEEDS: std::ops::Range<u64> = 0..5;
const HALF_AN_HOUR: usize = 30;

/// A start on an account whose quota is not used.
#[tokio::test(start_paused = true)]
async fn a_fresh_burst_costs_one_round_trip_more() {
    for (remaining, retry_after) in SERVERS {
        let server = Server::new(remaining, retry_after);
        let fresh = server.program(60, 60, 1).await;
        assert_eq!(fresh.refused, 0);
        assert!(fresh.took < 2 * 300 * SECOND / 1000, "{fresh:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_restart_costs_one_refusal_and_at_most_a_window() {
    let cases = [1, 8, 60].map(|tasks| [0, 30, 55].map(|seconds| (tasks, seconds * SECOND)));
    for (tasks, later) in cases.into_iter().flatten() {
        let servers = SERVERS.map(|server| SEEDS.map(move |seed| (server, seed)));
        for ((remaining, retry_after), seed) in servers.into_iter().flatten() {
            let server = Server::new(remaining, retry_after);
            let first = server.program(tasks.max(8), 60, seed).await;
            assert!(first.took < 3 * SECOND, "{first:?}");
            sleep(later).await;
            let second = server.program(tasks, 60, seed + 100).await;
            // The job itself takes this long.
            let job = (60 / tasks) as u32 * SECOND * 200 / 1000;
            let case = format!("{tasks} tasks, {later:?}, {remaining:?}, {retry_after}");
            assert!(second.took <= 61 * SECOND + job, "{second:?} {case}");
            assert_eq!(second.refused, 1, "{second:?} {case}");
        }
    }
}

/// What an earlier run used steadily becomes free steadily.
#[tokio::test(start_paused = true)]
async fn a_restart_after_a_steady_job_takes_a_window_too() {
    for (remaining, retry_after) in [(Told::Nothing, false), (Told::TheTruth, false)] {
        let server = Server::new(remaining, retry_after);
        drop(timeout(120 * SECOND, server.others(SECOND)).await);
        let second = server.program(8, 60, 1).await;
        assert!(second.took <= 63 * SECOND, "{second:?} {remaining:?}");
        // If the server says nothing, all that is under way when the quota is full is refused.
        let most = if matches!(remaining, Told::Nothing) {
            8
        } else {
            2
        };
        assert!(second.refused <= most, "{second:?} {remaining:?}");
    }
}

/// Two programs make calls all the time: nothing of the quota is lost.
#[tokio::test(start_paused = true)]
async fn two_programs_use_the_whole_quota() {
    // How many tasks each has, the seconds between their starts, and the refusals in a minute
    // where the server says what remains and where it does not.
    for (tasks, apart, told, untold) in [(8, 0, 13, 17), (1, 0, 5, 4), (8, 20, 17, 17)] {
        for (remaining, retry_after) in SERVERS {
            let server = Server::new(remaining, retry_after);
            let half = |seed| server.program(tasks, HALF_AN_HOUR * 30, seed);
            let second = async {
                sleep(apart * SECOND).await;
                half(2).await
            };
            let (one, two) = tokio::join!(half(1), second);
            let most = match remaining {
                Told::Nothing => untold,
                _ => told,
            };
            let case = format!("{one:?} {two:?} {remaining:?} {retry_after}");
            let took = one.took.max(apart * SECOND + two.took);
            assert!(took <= 60 * SECOND * (HALF_AN_HOUR as u32), "{case}");
            assert!(one.refused + two.refused <= most * HALF_AN_HOUR, "{case}");
        }
    }
}

/// Somebody else uses a part of the quota, steadily, from the beginning: we get the rest.
#[tokio::test(start_paused = true)]
async fn a_steady_user_leaves_us_the_rest_with_few_refusals() {
    // How often they send, how many tasks we have, what is left to us in a minute, and the
    // refusals in it.
    let table = [
        (2_000, 1, 30, 2),
        (2_000, 8, 30, 8),
        (1_200, 8, 10, 8),
        (4_000, 8, 45, 8),
    ];
    for (every, tasks, ours, most) in table {
        for remaining in [Told::Nothing, Told::TheTruth] {
            let server = Server::new(remaining, false);
            let job = server.program(tasks, ours * HALF_AN_HOUR, 1);
            let others = server.others(Duration::from_millis(every));
            let tally = tokio::select! {
                tally = job => tally,
                () = others => unreachable!("they never end"),
            };
            let case = format!("{tally:?}, one each {every} ms, {remaining:?}");
            let minutes = (HALF_AN_HOUR + 1) as u32;
            assert!(tally.took <= minutes * 60 * SECOND, "{case}");
            assert!(tally.refused <= most * HALF_AN_HOUR, "{case}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_constant_word_holds_nobody_up_for_long() {
    for constant in [0, 1, 5, 30, 59, 60, 1_000, usize::MAX] {
        for (tasks, calls, longest) in [(1, 10, 3), (8, 60, 4), (8, 180, 124)] {
            let server = Server::new(Told::Always(constant), false);
            let tally = server.program(tasks, calls, 1).await;
            let case = format!("{constant}: {calls} calls by {tasks}, {tally:?}");
            assert!(tally.took <= longest * SECOND, "{case}");
            assert_eq!(tally.refused, 0, "{case}");
        }
    }
}

/// A server that tells the truth knows of the earlier run.
#[tokio::test(start_paused = true)]
async fn what_an_earlier_run_left_is_seen_by_the_first_answer() {
    let server = Server::new(Told::TheTruth, false);
    server.program(8, 40, 1).await;
    let second = server.program(60, 20, 2).await;
    assert_eq!(second.refused, 0);
    assert!(second.took < SECOND, "{second:?}");
}
