//! From the simulator's API to a receiver, as `pull` and a webhook would do it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use huntctl::forward::{Kind, Mapping, Options};
use huntctl::pull::{self, Source};
use huntctl::store::Store;
use huntress::{Client, RateLimiter};
use huntress_simulator::Simulator;
use serde_json::json;

use super::support::{Following, Place, options, sink, until};
use crate::cases::CASES;
use crate::receivers::Log;
use crate::receivers::tls::Authority;

async fn pull(store: &Store, simulator: &Simulator) {
    let key = simulator.account_credentials();
    let client = Client::builder()
        .base_url(simulator.base_url())
        .credentials(key.pair())
        .rate_limiter(RateLimiter::new(1_000_000, Duration::from_secs(1)))
        .build()
        .unwrap();
    let source = Source {
        name: "acme".to_owned(),
        client,
        reseller: false,
    };
    let (_sender, stop) = tokio::sync::watch::channel(false);
    let options = pull::Options::default();
    let report = pull::run(store.clone(), vec![source], options, Arc::new(|_| {}), stop).await;
    assert_eq!(report.unwrap().exit(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_incident_stands_in_every_receiver_seconds_after_it_was_written_once() {
    for place in Place::each().await {
        let simulator = Simulator::builder()
            .agents(20)
            .no_quota()
            .start()
            .await
            .unwrap();
        let store = place.store().await;
        let authority = Authority::new();
        let mut logs = Vec::new();
        let mut sinks = Vec::new();
        for (case, mapping) in CASES.iter().zip(Mapping::ALL.into_iter().cycle()) {
            let log = Log::new(None);
            let name = case.name.replace([' ', ','], "-");
            let mut sink = sink(&name, case.start(&log, &authority).await);
            sink.mapping = mapping;
            sink.kinds = Kind::ALL.to_vec();
            sinks.push(sink);
            logs.push(log);
        }
        let options = Options {
            // Only when it is woken.
            follow: Some(Duration::from_secs(3_600)),
            lease: Duration::from_secs(20),
            ..options()
        };
        let following = Following::begin(&store, sinks, options);
        pull(&store, &simulator).await;
        following.wake.send_modify(|written| *written += 1);
        let incident = json!({"severity": "critical", "status": "sent", "subject": "now"});
        let incident = simulator.put("incident_reports", incident).unwrap();
        let id = format!("incident:{}:", incident["id"]);
        pull(&store, &simulator).await;
        let began = Instant::now();
        following.wake.send_modify(|written| *written += 1);
        let counts = || -> Vec<usize> {
            let count = |log: &Log| log.taken().iter().filter(|it| it.starts_with(&id)).count();
            logs.iter().map(count).collect()
        };
        until("it is everywhere", async || {
            counts().iter().all(|count| *count > 0)
        })
        .await;
        println!("in {} receivers after {:?}", logs.len(), began.elapsed());
        pull(&store, &simulator).await;
        following.wake.send_modify(|written| *written += 1);
        tokio::time::sleep(Duration::from_millis(300)).await;
        for report in following.end().await {
            assert!(report.failure.is_none(), "{report:?}");
        }
        assert_eq!(counts(), vec![1; logs.len()]);
        for log in &logs {
            assert_eq!(log.complaints(), [""; 0]);
        }
        place.remove().await;
    }
}
