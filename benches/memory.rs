//! The memory of a long stream. `cargo bench --bench memory`
//!
//! Streams 5,000 agents and then a million, from a server in this process that has one
//! page, and prints the peak of the resident memory after each. Linux only.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, State};
use huntress::{Client, Credentials, RateLimiter};
use serde_json::json;

const PAGE: usize = 500;

type Parameter = (String, String);

#[tokio::main]
async fn main() {
    // Cargo's tests run this too, and measure nothing.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let address = serve().await;
    let client = Client::builder()
        .base_url(format!("http://{address}"))
        .credentials(Credentials::new("hk_key", "hs_secret"))
        .rate_limiter(RateLimiter::new(1_000_000, Duration::from_nanos(1)))
        .build()
        .unwrap();
    println!("| agents | peak resident memory |\n|--:|--:|");
    for agents in [5_000, 1_000_000] {
        let first = format!("{agents}");
        let mut stream = client.list_agents().start_at(first).stream();
        let mut count = 0;
        while let Some(agent) = stream.try_next().await.unwrap() {
            assert!(agent.id.get() > 0);
            count += 1;
        }
        assert_eq!(count, agents);
        println!("| {agents} | {} |", peak());
    }
}

/// Answers pages whose token is the number of agents that are left.
async fn serve() -> SocketAddr {
    let text = "some words, as fields have ".repeat(2);
    let agent = json!({
        "id": 1, "account_id": 2, "organization_id": 3, "hostname": text, "os": text,
        "serial_number": text, "defender_status": text, "edr_version": text, "domain_name": text,
        "platform": "windows", "arch": "x86_64", "version": "1.2.3", "tags": ["a", "b"],
        "created_at": "2026-01-02T03:04:05Z", "updated_at": "2026-01-02T03:04:05Z",
        "ipv4_address": "192.0.2.1", "external_ip": "192.0.2.2", "mac_addresses": [text],
    });
    let agents = serde_json::to_string(&vec![agent; PAGE]).unwrap();
    let answer = async |State(agents): State<Arc<str>>, Query(query): Query<Vec<Parameter>>| {
        let token = query.iter().find(|(name, _)| name == "page_token");
        let left: usize = token.map_or(0, |(_, token)| token.parse().unwrap());
        let token = (left > PAGE).then(|| (left - PAGE).to_string());
        let pagination = json!({ "next_page_token": token });
        format!(r#"{{"agents":{agents},"pagination":{pagination}}}"#)
    };
    let router = axum::Router::new()
        .route("/v1/agents", axum::routing::get(answer))
        .with_state(Arc::from(agents));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// What the kernel says this process held at most.
fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.map_or("not known on this system".to_owned(), |peak| {
        peak.trim().to_owned()
    })
}
