//! Decoding a page of 500 agents, against serde by hand; and one on which every agent has a
//! value that does not fit, against a good one.

use criterion::Criterion;
use huntress::types;
use huntress_simulator::Simulator;
use serde::Deserialize;
use serde_json::Value;

use crate::{Row, paired};

#[derive(Deserialize)]
#[expect(dead_code, reason = "it is decoded, as ours is")]
struct ByHand {
    agents: Vec<Agent>,
    pagination: Pagination,
}

/// What serde derives for the same fields, with moments in one spelling alone.
#[derive(Deserialize)]
#[expect(dead_code, reason = "it is decoded, as ours is")]
struct Agent {
    account_id: Option<types::AccountId>,
    arch: Option<String>,
    created_at: Option<huntress::jiff::Timestamp>,
    defender_policy_status: Option<String>,
    defender_status: Option<String>,
    defender_substatus: Option<String>,
    domain_name: Option<String>,
    edr_version: Option<String>,
    external_ip: Option<String>,
    firewall_status: Option<types::FirewallStatus>,
    hostname: Option<String>,
    id: types::AgentId,
    ipv4_address: Option<String>,
    last_callback_at: Option<huntress::jiff::Timestamp>,
    last_survey_at: Option<huntress::jiff::Timestamp>,
    mac_addresses: Option<Vec<String>>,
    organization_id: Option<types::OrganizationId>,
    os: Option<String>,
    os_build_version: Option<String>,
    os_major: Option<i64>,
    os_minor: Option<i64>,
    os_patch: Option<i64>,
    platform: Option<types::Platform>,
    serial_number: Option<String>,
    service_pack_major: Option<i64>,
    service_pack_minor: Option<i64>,
    tags: Option<Vec<String>>,
    tamper_protection_actual: Option<bool>,
    tamper_protection_configured: Option<bool>,
    updated_at: Option<huntress::jiff::Timestamp>,
    version: Option<String>,
    version_number: Option<i64>,
    win_build_number: Option<i64>,
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

fn page(agents: Vec<Value>) -> String {
    serde_json::json!({"agents": agents, "pagination": {"next_page_token": "bmV4dA=="}}).to_string()
}

pub fn run(criterion: &mut Criterion) -> [Row; 3] {
    let good = agents(500);
    let mut odd = good.clone();
    for agent in &mut odd {
        agent["mac_addresses"] = serde_json::json!({"first": "00:00:5e:00:53:01"});
    }
    let (good, odd) = (page(good), page(odd));
    let ours = |body: &str, odd: usize| {
        let decoded = huntress::__bench::agents(body.as_bytes());
        assert_eq!(decoded, (500, odd));
    };
    let mut against = |name, baseline: fn(&[u8])| {
        paired::measure(
            criterion,
            name,
            || ours(&good, 0),
            || baseline(good.as_bytes()),
        )
    };
    let by_hand = against("a page, and by hand", |body| {
        drop(serde_json::from_slice::<ByHand>(body).unwrap());
    });
    let value = against("a page, and as a value", |body| {
        drop(serde_json::from_slice::<Value>(body).unwrap());
    });
    let name = "an odd page, and a good one";
    let odd = paired::measure(criterion, name, || ours(&odd, 500), || ours(&good, 0));
    [
        (
            "a page of 500 agents, against serde's derive for the same fields",
            by_hand,
        ),
        ("a page of 500 agents, against `serde_json::Value`", value),
        (
            "a page of 500 agents with an odd field each, against a good page",
            odd,
        ),
    ]
}
