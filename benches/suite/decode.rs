//! Decoding a page of 500 agents, against serde by hand.

use criterion::Criterion;
use huntress::types;
use huntress_simulator::Simulator;
use serde::Deserialize;
use serde_json::Value;

use crate::{Row, envelope, paired};

#[derive(Deserialize)]
#[expect(dead_code, reason = "it is decoded, as ours is")]
struct ByHand {
    agents: Vec<types::Agent>,
    pagination: Pagination,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "it is decoded, as ours is")]
struct Pagination {
    next_page_token: Option<String>,
}

/// Made-up agents in the API's shape.
pub fn agents(count: usize) -> Vec<Value> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let agents: Vec<Value> = runtime.block_on(async {
        let simulator = Simulator::start().await.unwrap();
        let credentials = simulator.credentials();
        let client = huntress::Client::builder()
            .base_url(simulator.base_url())
            .credentials(huntress::Credentials::new(
                &credentials.key,
                &credentials.secret,
            ))
            .build()
            .unwrap();
        let mut agents = client.list_agents().stream_as();
        let mut all = Vec::new();
        while let Some(agent) = agents.try_next().await.unwrap() {
            all.push(agent);
        }
        all
    });
    agents.into_iter().cycle().take(count).collect()
}

pub fn run(criterion: &mut Criterion) -> [Row; 2] {
    let page = serde_json::json!({
        "agents": agents(500),
        "pagination": {"next_page_token": "bmV4dA=="},
    });
    let body = page.to_string();
    let body = body.as_bytes();
    let mut against = |name, baseline: fn(&[u8])| {
        let ours = || {
            let (page, odd) = envelope::page_apart::<types::Agent>(body, "agents").unwrap();
            assert!(odd.is_empty());
            drop(page);
        };
        paired::measure(criterion, name, ours, || baseline(body))
    };
    let by_hand = against("a page, and by hand", |body| {
        drop(serde_json::from_slice::<ByHand>(body).unwrap());
    });
    let value = against("a page, and as a value", |body| {
        drop(serde_json::from_slice::<Value>(body).unwrap());
    });
    [
        (
            "a page of 500 agents, against the same serde struct",
            by_hand,
        ),
        ("a page of 500 agents, against `serde_json::Value`", value),
    ]
}
