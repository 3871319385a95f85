//! What many and large accounts take, measured; too slow to run with the other tests:
//!
//! ```text
//! cargo test --test pull -- --ignored --nocapture
//! ```

use std::time::{Duration, Instant};

use crate::support::{Place, Spec, count, on, options, silent, small, sound, source};
use huntctl::pull;
use huntress::{Client, RateLimiter};
use huntress_simulator::Simulator;
use serde_json::json;

/// A reseller with a thousand accounts, on a clock that is 60 times as fast as the real one.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn a_thousand_accounts_take_what_the_quota_allows() {
    let window = Duration::from_secs(1);
    let simulator = small().accounts(1_430).quota(60, window);
    let simulator = simulator.start().await.unwrap();
    for place in Place::each().await {
        simulator.reset();
        let (store, mut source) = (place.store().await, source(&simulator));
        source.reseller = true;
        source.client = Client::builder()
            .base_url(simulator.base_url())
            .credentials(simulator.credentials().pair())
            .rate_limiter(RateLimiter::new(60, window))
            .build()
            .unwrap();
        for pull in ["first", "second"] {
            let before = simulator.arrivals().total;
            let began = Instant::now();
            let run = vec![source.clone()];
            let report = pull::run(store.clone(), run, options(), silent(), on()).await;
            let (report, took) = (sound(report), began.elapsed());
            let requests = simulator.arrivals().total - before;
            let least = window.mul_f64(f64::from(u32::try_from(requests).unwrap()) / 60.0);
            let waited: Duration = report.accounts.iter().map(|account| account.waited).sum();
            println!(
                "{pull} pull of {} accounts: {requests} requests in {took:?}, of which {waited:?} \
                 waited for the quota, which allows them in {least:?}; {} refused",
                report.accounts.len(),
                simulator.arrivals().refused,
            );
        }
        place.remove().await;
    }
}

/// An account of 5,000 agents, in a process of its own.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn what_a_large_account_takes() {
    let sizes = Simulator::builder()
        .organizations(14)
        .agents(5_000)
        .identities(2_000);
    let simulator = sizes
        .incident_reports(500)
        .no_quota()
        .start()
        .await
        .unwrap();
    for place in Place::each().await {
        let spec = Spec::new(&place, &simulator);
        let store = place.store().await;
        for pull in ["first", "second"] {
            let before = simulator.arrivals().total;
            let began = Instant::now();
            let (busy, most) = cost(&spec).await;
            let took = began.elapsed();
            let requests = simulator.arrivals().total - before;
            let agents = count(&store, "SELECT count(*) FROM agents").await;
            println!(
                "{pull} pull of {agents} agents: {requests} requests, {took:?}, of the processor \
                 {busy:?}, memory {most} kB; {} bytes a row of agents",
                bytes(&place, &store).await / agents
            );
            for id in 0..50 {
                let sql = format!(
                    "SELECT id FROM agents ORDER BY id LIMIT 1 OFFSET {}",
                    id * 90
                );
                let id = count(&store, &sql).await;
                simulator
                    .change("agents", id, json!({"hostname": "CHANGED"}))
                    .unwrap();
            }
        }
        place.remove().await;
    }
}

/// What the agents take on the disk; in SQLite, what everything does.
async fn bytes(place: &Place, store: &huntctl::store::Store) -> i64 {
    match place.url.strip_prefix("sqlite:") {
        Some(path) => i64::try_from(std::fs::metadata(path).unwrap().len()).unwrap(),
        None => count(store, "SELECT pg_total_relation_size('agents')").await,
    }
}

/// Runs it to its end; how long it had a processor, and how much memory at most.
async fn cost(spec: &Spec) -> (Duration, u64) {
    let mut process = spec.start();
    let (mut ticks, mut most) = (0, 0);
    while process.try_wait().unwrap().is_none() {
        let read = |what| std::fs::read_to_string(format!("/proc/{}/{what}", process.id()));
        if let Ok(stat) = read("stat") {
            let after = stat.rsplit(')').next().unwrap().split_whitespace();
            let times: u64 = after
                .skip(11)
                .take(2)
                .filter_map(|time| time.parse::<u64>().ok())
                .sum();
            ticks = ticks.max(times);
        }
        if let Ok(status) = read("status") {
            let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let peak = peak.and_then(|peak| peak.split_whitespace().next()?.parse().ok());
            most = peak.unwrap_or(most);
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    (Duration::from_millis(ticks * 10), most)
}
