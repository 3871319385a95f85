//! Options of one call, and calls that no release has a method for.

mod support;

use std::time::Duration;

use huntress::http::{Method, StatusCode};
use huntress::types::{Agent, IsolateAgent};
use huntress::{AccountOperations, Error, Outcome, Page, RetryPolicy};
use serde_json::{Value, json};
use support::raw::{Act, RawServer};
use support::{Server, builder, predicates, quick_retries};

const AGENT: &str = r#"{"agent":{"id":7,"new":"x"}}"#;

#[tokio::test]
async fn a_time_out_and_a_deadline_are_of_one_call() {
    let server = RawServer::start([Act::Hang, Act::Hang, Act::Answer(200, AGENT)]).await;
    let client = builder(server.base_url()).build().unwrap();
    let short = Duration::from_millis(50);
    let error = client.get_agent(7).timeout(short).send().await.unwrap_err();
    assert!(
        error.is_timeout() && error.to_string().contains("within the time-out"),
        "{error}"
    );
    let error = client
        .get_agent(7)
        .deadline(short)
        .send()
        .await
        .unwrap_err();
    assert!(error.to_string().contains("within the deadline"), "{error}");
    client.get_agent(7).send().await.unwrap();
}

#[tokio::test]
async fn retries_are_of_one_call() {
    let server = Server::start().await;
    let (once, often) = (
        server.client(),
        server.builder().retry(quick_retries()).build().unwrap(),
    );
    server.answer(503, "{}");
    let error = once
        .get_agent(7)
        .retry(quick_retries())
        .send()
        .await
        .unwrap_err();
    assert_eq!((error.attempts(), server.take_requests().len()), (4, 4));
    let error = often
        .get_agent(7)
        .retry(RetryPolicy::none())
        .send()
        .await
        .unwrap_err();
    assert_eq!((error.attempts(), server.take_requests().len()), (1, 1));
}

#[tokio::test]
async fn headers_and_parameters_are_sent_beside_the_calls_own() {
    let server = Server::start().await;
    let client = server.client();
    server.answer(200, r#"{"agents":[]}"#);
    let list = client
        .list_agents()
        .os("a b")
        .header("X-Trace", "t")
        .query("since", "a=/ &");
    list.query("new[]", 1)
        .query("new[]", 2)
        .stream()
        .collect_all()
        .await
        .unwrap();
    let request = server.take_only_request();
    assert_eq!(request.headers["x-trace"], "t");
    assert_eq!(
        request.uri.query(),
        Some("limit=500&os=a+b&since=a%3D%2F+%26&new%5B%5D=1&new%5B%5D=2")
    );
}

#[tokio::test]
async fn a_result_in_a_type_of_the_callers_loses_nothing() {
    let server = Server::start().await;
    let client = server.client();
    server.answer(200, AGENT);
    let agent: Value = client.get_agent(7).send_as().await.unwrap();
    assert_eq!(agent, json!({"id": 7, "new": "x"}));
    // The caller says what fits.
    let error = client
        .get_agent(7)
        .send_as::<std::collections::BTreeMap<String, i64>>()
        .await;
    let error = error.unwrap_err();
    assert_eq!(predicates(&error), ["decode"]);
    assert!(
        error
            .to_string()
            .contains("`agent.new` (record 7): invalid type"),
        "{error}"
    );
    server.answer(
        200,
        r#"{"agents":[{"id":1,"new":{}}],"pagination":{"next_page_token":"t"}}"#,
    );
    let page: Page<Value> = client.list_agents().send_as().await.unwrap();
    assert_eq!(page.items[0]["new"], json!({}));
    assert_eq!(page.next_page_token.as_deref(), Some("t"));
}

#[tokio::test]
async fn a_call_is_sent_by_awaiting_it() {
    let server = Server::start().await;
    server.answer(200, AGENT);
    let agent = server.client().get_agent(7).await.unwrap();
    assert_eq!(agent.id, 7);
}

#[tokio::test]
async fn a_post_without_a_body_says_so() {
    let server = Server::start().await;
    server.answer(200, r#"{"incident_report":{"id":7}}"#);
    server
        .client()
        .resolve_incident_report(7)
        .send()
        .await
        .unwrap();
    assert_eq!(server.take_only_request().headers["content-length"], "0");
    server.client().get_agent(7).send().await.unwrap_err();
    assert!(
        server
            .take_only_request()
            .headers
            .get("content-length")
            .is_none()
    );
}

#[tokio::test]
async fn what_no_release_knows_goes_the_same_way() {
    let server = Server::start().await;
    let client = server.builder().retry(quick_retries()).build().unwrap();
    server.script([(503, json!({})), (200, json!({"hosts": [1]}))]);
    let hosts = client.request(Method::GET, "/v1/hosts").query("limit", 50);
    let hosts: Value = hosts.send_as().await.unwrap();
    assert_eq!(hosts, json!({"hosts": [1]}));
    let requests = server.take_requests();
    assert_eq!(requests.len(), 2, "a read is retried");
    assert_eq!(requests[1].uri.to_string(), "/v1/hosts?limit=50");
    assert_eq!(
        requests[1].headers["authorization"],
        format!("Basic {}", support::BASIC)
    );
    assert_eq!(client.rate_limiter().snapshot().limit, 10_000);

    server.script([(503, json!({}))]);
    let isolation = client
        .for_account(9)
        .request(Method::POST, "/v1/hosts/7/isolation");
    let error = isolation
        .json(&json!({"reason": "r"}))
        .send()
        .await
        .unwrap_err();
    assert_eq!((error.outcome(), error.attempts()), (Outcome::Unknown, 1));
    assert_eq!(
        error.to_string(),
        "request (POST /v1/accounts/9/hosts/7/isolation): 503 Service Unavailable; \
         the write may have taken effect: look before trying again"
    );
    let request = server.take_only_request();
    assert_eq!(request.body, r#"{"reason":"r"}"#);
    assert_eq!(request.headers["content-type"], "application/json");

    server.script([(503, json!({})), (201, json!("done"))]);
    let query = client
        .request(Method::POST, "/v1/query")
        .reads()
        .send()
        .await
        .unwrap();
    assert_eq!(query.status(), StatusCode::CREATED);
    assert_eq!(query.value(), br#""done""#);
    assert_eq!(server.take_requests().len(), 2);

    for path in [
        "/v1/../x",
        "hosts",
        "https://elsewhere.example/v1/x",
        "/v1/x?a=b",
    ] {
        let error = client.request(Method::GET, path).send().await.unwrap_err();
        assert_eq!(
            (predicates(&error), error.outcome()),
            (vec!["invalid_request"], Outcome::NotSent)
        );
    }
    assert_eq!(server.count(), 0);
}

/// One function for an own account and a managed one.
async fn first_host(account: &impl AccountOperations) -> Result<Agent, Error> {
    let page = account.list_agents().page_size(1).send().await?;
    account
        .isolate_agent(page.items[0].id, IsolateAgent::new())
        .send()
        .await
}

#[tokio::test]
async fn one_function_serves_an_own_account_and_a_managed_one() {
    let server = Server::start().await;
    let client = server.client();
    for _ in 0..2 {
        server.script([(200, r#"{"agents":[{"id":7}]}"#), (201, AGENT)]);
    }
    assert_eq!(first_host(&client).await.unwrap().id, 7);
    assert_eq!(first_host(&client.for_account(3)).await.unwrap().id, 7);
    let paths: Vec<_> = server
        .take_requests()
        .iter()
        .map(|r| r.uri.path().to_owned())
        .collect();
    assert_eq!(
        paths,
        [
            "/v1/agents",
            "/v1/agents/7/isolation",
            "/v1/accounts/3/agents",
            "/v1/accounts/3/agents/7/isolation",
        ]
    );
}

/// Records as the tests of a user make them.
#[test]
fn what_is_received_can_be_made() {
    let mut agent = Agent::new(7);
    agent.hostname = Some("PC-1".to_owned());
    let page = Page::new([agent.clone()], Some("t".to_owned()));
    assert_eq!((page.items[0].id.get(), page.odd.len()), (7, 0));
    assert_eq!(
        serde_json::to_value(agent).unwrap(),
        json!({"id": 7, "hostname": "PC-1"})
    );
}
