//! How a simulator is controlled without a key, and how it stops.

use std::io;
use std::time::Duration;

use crate::support::{Api, id};
use huntress_simulator::{Fault, FaultKind};
use serde_json::json;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;

#[tokio::test]
async fn faults_are_put_and_taken_away_without_a_key() {
    let api = Api::start().await;
    let fault = json!({"kind": {"status": 503}, "operations": ["get_account"]});
    assert_eq!(api.post("/_simulator/faults", fault).await.0, 204);
    let never = json!({"kind": "never"});
    assert_eq!(api.post("/_simulator/faults", never).await.0, 400);
    assert_eq!(api.status("GET /v1/account").await, 503);
    assert_eq!(api.status("GET /v1/account").await, 200);
    api.simulator
        .inject(Fault::new(FaultKind::Status(500)).times(9));
    assert_eq!(api.status("DELETE /_simulator/faults").await, 204);
    assert_eq!(api.status("GET /v1/actor").await, 200);
}

#[tokio::test]
async fn arrivals_and_writes_are_told_and_control_is_not_counted() {
    let api = Api::start().await;
    assert_eq!(api.get("/_simulator").await["arrivals"], 0);
    let agent = id(&api.rows("/v1/agents").await[0]);
    assert!(api.status(&format!("DELETE /v1/agents/{agent}")).await < 300);
    let told = api.get("/_simulator").await;
    assert_eq!((&told["arrivals"], &told["writes"]), (&json!(2), &json!(1)));
    assert_eq!(told["answered"]["GET /v1/agents"], json!({"200": 1}));
    assert_eq!(
        api.get("/_simulator/writes").await[0]["ids"],
        json!([agent])
    );
}

#[tokio::test]
async fn the_documents_are_served() {
    let api = Api::start().await;
    assert!(api.get("/swagger_doc.json").await["paths"].is_object());
    assert!(api.get("/openapi.json").await["openapi"].is_string());
    assert!(api.get("/v1/webhooks_doc.json").await.is_object());
}

#[tokio::test]
async fn it_stops_when_it_is_dropped_and_others_go_on() {
    let (one, other) = (Api::start().await, Api::start().await);
    let address = one.simulator.base_url();
    let address = address.strip_prefix("http://").unwrap().to_owned();
    // With a connection that is open, and waits for a request.
    let mut open = TcpStream::connect(&address).await.unwrap();
    one.get("/v1/account").await;
    drop(one);
    // The task ends as soon as it is polled again, and its connections with it.
    let mut end = Vec::new();
    let closed = timeout(Duration::from_secs(10), open.read_to_end(&mut end)).await;
    assert_eq!(closed.expect("it is closed").unwrap_or_default(), 0);
    let refused = TcpStream::connect(&address).await.unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    other.get("/v1/account").await;
}
