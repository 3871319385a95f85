//! Records as the API sends them, plain and in the odd shapes that it is known for, make good
//! events.

use std::time::Duration;

use futures_util::TryStreamExt as _;
use huntctl::forward::{Kind, Mapping};
use huntress::http::Method;
use huntress::{Client, RateLimiter};
use huntress_simulator::Simulator;
use serde_json::{Value, json};

use crate::{samples, validity};

async fn check(odd_shapes: f64) {
    let simulator = Simulator::builder().no_quota().odd_shapes(odd_shapes);
    let simulator = simulator.start().await.unwrap();
    let client = Client::builder()
        .base_url(simulator.base_url())
        .credentials(simulator.credentials().pair())
        .rate_limiter(RateLimiter::new(10_000, Duration::from_secs(1)))
        .build()
        .unwrap();
    for kind in Kind::ALL {
        let path = format!("/v1/{}", kind.list());
        let list = client.request(Method::GET, &path).list(kind.list());
        let mut records: Vec<Value> = list.stream_as().try_collect().await.unwrap();
        assert!(records.len() > 20, "{kind:?} {}", records.len());
        records.truncate(100);
        if kind == Kind::Escalation {
            // With what they are about.
            let path = format!("{path}/{}", id(&records[0]));
            let mut envelope: Value = client.request(Method::GET, &path).send_as().await.unwrap();
            assert!(!envelope["escalation"]["entities"].is_null());
            records.push(envelope["escalation"].take());
        }
        for record in &records {
            let mut told = samples::told(kind, record);
            told.id = id(record);
            for mapping in Mapping::ALL {
                let event = mapping.map(&told);
                let checked = validity::check(mapping, &told, &event);
                checked.unwrap_or_else(|why| panic!("{mapping:?} {record}: {why}"));
            }
            let has_time = record["updated_at"]
                .as_str()
                .is_some_and(|time| !time.is_empty());
            assert!(!has_time || told.time() != told.seen_at, "{record}");
            let event = Mapping::Ecs.map(&told);
            let severity = record["severity"].as_str().unwrap_or("none");
            if ["low", "high", "critical"].contains(&severity) {
                assert_ne!(event["event"]["severity"], json!(null), "{record}");
            }
        }
    }
}

fn id(record: &Value) -> i64 {
    let id = &record["id"];
    let id = id.as_i64().or_else(|| id.as_str()?.parse().ok());
    id.unwrap_or_else(|| panic!("no id: {record}"))
}

#[tokio::test]
async fn records_of_the_api_make_good_events() {
    check(0.0).await;
}

#[tokio::test]
async fn odd_shapes_of_the_api_make_good_events() {
    check(0.5).await;
}
