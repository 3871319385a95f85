//! Lines of the SIEM's log.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use huntctl::forward::{LogSettings, Options, SinkSettings, Start};
use huntctl::pull::Source;
use huntress::{Client, RateLimiter};
use huntress_simulator::Simulator;
use jiff::Timestamp;

use super::support::{Lines, Place, options, run, sink, sound};

const QUERY: &str = "FROM logs | KEEP uuid, @timestamp, message | LIMIT 10000";

fn source(simulator: &Simulator) -> Source {
    let key = simulator.account_credentials();
    let client = Client::builder()
        .base_url(simulator.base_url())
        .credentials(key.pair())
        .rate_limiter(RateLimiter::new(1_000_000, Duration::from_secs(1)))
        .build()
        .unwrap();
    Source {
        name: "acme".to_owned(),
        client,
        reseller: false,
    }
}

fn since(hours: i64) -> Start {
    Start::Since(Timestamp::now() - jiff::SignedDuration::from_hours(hours))
}

fn logs(name: &str, lines: &Lines) -> SinkSettings {
    SinkSettings {
        kinds: Vec::new(),
        start: since(2),
        logs: Some(LogSettings {
            query: QUERY.to_owned(),
            profiles: BTreeSet::new(),
            requests_per_minute: 1_000_000,
        }),
        ..sink(name, lines.settings())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_line_is_sent_once_and_the_checkpoint_waits_for_the_receiver() {
    for place in Place::each().await {
        let simulator = Simulator::builder()
            .no_quota()
            .siem(true)
            .start()
            .await
            .unwrap();
        simulator.set_log_time(SystemTime::now());
        let store = place.store().await;
        let lines = Lines::new();
        let options = || Options {
            sources: vec![source(&simulator)],
            ..options()
        };
        let sink = logs("file", &lines);
        // The receiver is down: a folder is where the file should be.
        std::fs::create_dir(lines.path()).unwrap();
        let failure = run(&store, &sink, options()).await.failure;
        assert!(failure.is_some());
        let kept = "SELECT count(*) FROM forward_logs";
        let count = async || {
            let rows = store.database().query(kept, &[]).await.unwrap();
            rows[0].integer(0).unwrap()
        };
        assert_eq!(count().await, 0, "nothing was acknowledged");
        std::fs::remove_dir(lines.path()).unwrap();

        let report = sound(run(&store, &sink, options()).await);
        let ids = lines.ids();
        let distinct: BTreeSet<_> = ids.iter().cloned().collect();
        println!("{} lines of the log", ids.len());
        assert!(ids.len() > 50, "{} lines", ids.len());
        assert_eq!(distinct.len(), ids.len(), "each once");
        assert_eq!(u64::try_from(ids.len()).unwrap(), report.sent);
        assert_eq!(count().await, 1);
        let line = &lines.read()[0];
        assert_eq!(line["huntctl"]["kind"], "log");
        assert!(
            line["uuid"].is_string() && line["message"].is_string(),
            "{line}"
        );

        // The next run goes on, and the overlap is not sent again.
        let more = sound(run(&store, &sink, options()).await).sent;
        let ids = lines.ids();
        let distinct: BTreeSet<_> = ids.iter().cloned().collect();
        assert_eq!(distinct.len(), ids.len(), "each once, {more} more");

        let status = huntctl::forward::status(&store).await.unwrap();
        let behind = status[0].logs[0].behind_seconds.unwrap();
        assert!((200..900).contains(&behind), "{behind}");
        place.remove().await;
    }
}

#[tokio::test]
async fn an_account_that_is_not_known_and_a_query_that_cannot_be_are_refused() {
    let place = Place::sqlite();
    let store = place.store().await;
    let simulator = Simulator::builder().no_quota().start().await.unwrap();
    let lines = Lines::new();
    let mut sink = logs("file", &lines);
    let options = || Options {
        sources: vec![source(&simulator)],
        ..options()
    };
    sink.logs.as_mut().unwrap().query = "FROM logs | STATS count(*)".to_owned();
    let failure = run(&store, &sink, options()).await.failure.unwrap();
    assert_eq!(failure.exit(), huntctl::failure::Exit::Usage, "{failure}");
    sink.logs.as_mut().unwrap().profiles = ["other".to_owned()].into();
    let told = super::support::Hearing::default();
    let refused = super::support::run_telling(&store, vec![sink], options(), &told).await;
    let text = refused.unwrap_err().to_string();
    assert_eq!(text, "sink file: sink file: no account is called \"other\"");
}
