//! `/healthz` and `/metrics`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use huntctl::forward::{self, Mapping, SinkSettings, Start};
use huntctl::http::Limits;
use huntctl::receive::Options;
use huntctl::stop::Stop;
use huntctl::store::Store;
use huntress_simulator::{EventType, Fault, FaultKind};
use serde_json::json;

use crate::support::{
    NOBODYS, Place, Running, SECRET, client, incident, options, own, signed, small,
};

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_waits_for_too_long_is_told() {
    let place = Place::sqlite();
    let store = place.store().await;
    let simulator = small().start().await.unwrap();
    let fault = Fault::new(FaultKind::Status(503)).rate(1.0);
    simulator.inject(fault.on("get_incident_report"));
    let hasty = Options {
        stale_after: Duration::from_millis(100),
        ..options()
    };
    let running = Running::with(&store, own(&simulator), hasty, Limits::default()).await;
    assert_eq!(running.monitor("/healthz").await.0, 200);
    assert_eq!(running.deliver("msg_1", incident(7, "created")).await, 200);
    tokio::time::sleep(Duration::from_millis(200)).await;
    let (status, text) = running.monitor("/healthz").await;
    assert_eq!(status, 503);
    assert!(text.starts_with("1 events wait for their record"), "{text}");
    assert_eq!(running.measured("huntctl_receive_waiting").await, 1.0);
    assert!(running.measured("huntctl_receive_oldest_seconds").await > 0.1);
    simulator.clear_faults();
    running.done("msg_1").await;
    assert_eq!(running.monitor("/healthz").await.0, 200);
    assert_eq!(
        running.measured("huntctl_receive_oldest_seconds").await,
        0.0
    );
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_is_counted_and_no_metric_has_a_name_that_somebody_sends() {
    let place = Place::sqlite();
    let store = place.store().await;
    let simulator = small().start().await.unwrap();
    let running = Running::start(&store, own(&simulator)).await;
    for (number, event) in EventType::ALL.into_iter().enumerate() {
        let told = simulator.happen(event).to_string();
        assert_eq!(running.deliver(&format!("msg_{number}"), told).await, 200);
        running.done(&format!("msg_{number}")).await;
    }
    let odd = r#"{"event_type": "sent\"} 1\nhuntctl_sent 1", "id": 1}"#;
    assert_eq!(running.deliver("msg_odd", odd).await, 200);
    let client = client();
    let request = client.post(&running.url).body(odd);
    let request = request.headers(signed(NOBODYS, "msg_bad", odd.as_bytes()));
    assert_eq!(request.send().await.unwrap().status(), 401);

    let (_, text) = running.monitor("/metrics").await;
    let numbers = numbers(&text);
    let number = |name: &str| {
        numbers
            .get(name)
            .copied()
            .unwrap_or_else(|| panic!("{name}"))
    };
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        number(&format!("huntctl_build_info{{version=\"{version}\"}}")),
        1.0
    );
    for (outcome, expected) in [("stored", 12.0), ("unauthorized", 1.0), ("cut", 0.0)] {
        let name = format!("huntctl_receive_deliveries_total{{outcome=\"{outcome}\"}}");
        assert_eq!(number(&name), expected, "{outcome}");
    }
    for (about, expected) in [
        ("incident_report", 3.0),
        ("escalation", 3.0),
        ("platform_action", 4.0),
        ("account_notice", 1.0),
        ("other", 1.0),
    ] {
        let name = format!("huntctl_receive_events_total{{about=\"{about}\"}}");
        assert_eq!(number(&name), expected, "{about}");
    }
    assert_eq!(number("huntctl_receive_answer_seconds_count"), 13.0);
    assert_eq!(
        number("huntctl_receive_answer_seconds_bucket{le=\"+Inf\"}"),
        13.0
    );
    assert_eq!(number("huntctl_receive_done_total{outcome=\"event\"}"), 3.0);
    // Nine records, and whose the key is.
    assert_eq!(number("huntctl_receive_api_requests_total"), 10.0);
    assert!(!text.contains("sent\""), "{text}");
    assert!(!text.contains(&SECRET[6..]), "{text}");
    running.stop().await;
}

/// Reads the text format, and refuses what is none.
fn numbers(text: &str) -> BTreeMap<String, f64> {
    let mut numbers = BTreeMap::new();
    let mut described = String::new();
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.split(' ');
            assert!(matches!(words.next(), Some("HELP" | "TYPE")), "{line}");
            described = words.next().unwrap().to_owned();
            continue;
        }
        assert!(
            line.starts_with(&described) && line.starts_with("huntctl_"),
            "{line}"
        );
        let (name, number) = line.rsplit_once(' ').unwrap();
        let number = number.parse().unwrap_or_else(|_| panic!("{line}"));
        assert!(numbers.insert(name.to_owned(), number).is_none(), "{line}");
    }
    let mut buckets: Vec<(f64, f64)> = numbers
        .iter()
        .filter_map(|(name, number)| {
            let bound = name.split_once("bucket{le=\"")?.1.trim_end_matches("\"}");
            Some((bound.parse().unwrap(), *number))
        })
        .collect();
    buckets.sort_by(|one, other| one.partial_cmp(other).unwrap());
    assert!(buckets.len() > 10 && buckets.is_sorted_by_key(|(_, count)| *count));
    numbers
}

/// Tells a sink, which is a file, of the incidents of the store.
async fn forward(store: &Store, folder: &Path) {
    let settings = json!({"transport": "file", "path": folder.join("siem.ndjson")});
    let settings = serde_json::from_value(settings).unwrap();
    let mut sink = SinkSettings::new("siem", Mapping::Raw, settings);
    sink.start = Start::All;
    let (_nobody, written) = tokio::sync::watch::channel(0);
    let (_stopper, stop) = Stop::by_hand();
    let options = forward::Options::default();
    let observer: forward::Observer = Arc::new(|_| {});
    let run = forward::run(store.clone(), vec![sink], options, observer, written, stop);
    for report in run.await.unwrap() {
        assert!(report.failure.is_none(), "{report:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn how_far_the_sinks_are_is_measured_whoever_forwards() {
    let place = Place::sqlite();
    let store = place.store().await;
    let folder = tempfile::tempdir().unwrap();
    let simulator = small().start().await.unwrap();
    let running = Running::start(&store, own(&simulator)).await;
    let measured = async |name: &str| {
        let name = format!("huntctl_forward_{name}{{sink=\"siem\"}}");
        running.measured(&name).await
    };
    // Nobody forwards yet.
    let (_, text) = running.monitor("/metrics").await;
    assert!(!text.contains("siem"), "{text}");
    forward(&store, folder.path()).await;
    assert_eq!(measured("waiting").await, 0.0);
    let told = simulator
        .happen(EventType::IncidentReportCreated)
        .to_string();
    assert_eq!(running.deliver("msg_1", told).await, 200);
    running.done("msg_1").await;
    assert_eq!(
        (measured("sent").await, measured("waiting").await),
        (0.0, 1.0)
    );
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert!(measured("oldest_seconds").await >= 1.0);
    forward(&store, folder.path()).await;
    assert_eq!(
        (measured("sent").await, measured("waiting").await),
        (1.0, 0.0)
    );
    assert_eq!(measured("oldest_seconds").await, 0.0);
    running.stop().await;
}

/// Writes what the script `.ci/receive` gives to Prometheus' own parser.
#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_written_for_parsers() {
    let place = Place::sqlite();
    let store = place.store().await;
    let running = Running::start(&store, Vec::new()).await;
    assert_eq!(running.deliver("msg_1", incident(7, "created")).await, 200);
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    forward(&store, folder).await;
    let (_, text) = running.monitor("/metrics").await;
    std::fs::write(folder.join("receive-metrics.txt"), text).unwrap();
    running.stop().await;
}
