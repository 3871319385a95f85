//! The quota, as it is seen over the wire.

use std::time::Duration;

use crate::support::{get, receive, send};
use huntress_simulator::{Credentials, Fault, FaultKind, RetryAfter, Simulator};
use tokio::io::AsyncWriteExt as _;

async fn simulator(requests: usize) -> Simulator {
    let builder = Simulator::builder().quota(requests, Duration::from_secs(600));
    builder.quota_headers(true).start().await.unwrap()
}

#[tokio::test]
async fn a_request_counts_when_its_head_arrives() {
    let simulator = simulator(60).await;
    let credentials = simulator.credentials();
    let length = "content-length: 2\r\n";
    let mut pending = send(&simulator, credentials, "POST /v1/agents", length, "").await;
    let counted = async {
        while simulator.arrivals().total == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let soon = Duration::from_secs(5);
    tokio::time::timeout(soon, counted)
        .await
        .expect("no arrival");
    let other = get(&simulator, "/v1/account").await;
    assert_eq!(other.header("x-huntress-api-call-remaining"), Some("58"));
    pending.write_all(b"{}").await.unwrap();
    let answer = receive(pending).await;
    assert_eq!(answer.status(), 405);
    assert_eq!(answer.header("x-huntress-api-call-remaining"), Some("59"));
}

#[tokio::test]
async fn every_answer_that_counted_tells_what_remains() {
    let simulator = simulator(10).await;
    for kind in [
        FaultKind::Status(503),
        FaultKind::HtmlPage(502),
        FaultKind::TruncatedBody,
    ] {
        simulator.inject(Fault::new(kind).on("get_actor"));
    }
    let large = format!("content-length: {}\r\n", 2 << 20);
    let credentials = simulator.credentials();
    for (request, headers, status, remaining) in [
        ("GET /v1/account", "", 200, "9"),
        ("GET /v1/nothing", "", 404, "8"),
        ("GET /v1/agents/7", "", 404, "7"),
        ("DELETE /v1/account", "", 405, "6"),
        ("GET /v1/agents?limit=0", "", 400, "5"),
        ("GET /v1/actor", "", 503, "4"),
        ("GET /v1/actor", "", 502, "3"),
        ("GET /v1/actor", "", 200, "2"),
        ("POST /v1/organizations", &*large, 413, "1"),
        ("GET /v1/account", "", 200, "0"),
        ("GET /v1/account", "", 429, "0"),
    ] {
        let answer = receive(send(&simulator, credentials, request, headers, "").await).await;
        assert_eq!(answer.status(), status, "{request}");
        let told = answer.header("x-huntress-api-call-remaining");
        assert_eq!(told, Some(remaining), "{request}");
        assert_eq!(answer.header("x-huntress-api-call-limit"), Some("10"));
    }
    assert_eq!(simulator.arrivals().total, 11);
    let mut wrong = simulator.credentials().clone();
    wrong.secret.push('x');
    let refused = receive(send(&simulator, &wrong, "GET /v1/account", "", "").await).await;
    assert_eq!(refused.status(), 401);
    assert_eq!(refused.header("x-huntress-api-call-limit"), None);
    assert_eq!(simulator.arrivals().total, 11);
}

#[tokio::test]
async fn an_account_has_one_quota_for_all_its_keys_and_another_has_its_own() {
    let simulator = simulator(2).await;
    let account = async |credentials: &Credentials| {
        let answer = send(&simulator, credentials, "GET /v1/account", "", "").await;
        receive(answer).await
    };
    for (credentials, status) in [
        (simulator.credentials(), 200),
        (simulator.account_credentials(), 200),
        (simulator.read_only_credentials(), 429),
        (simulator.credentials(), 429),
    ] {
        assert_eq!(account(credentials).await.status(), status);
    }
    let other = account(simulator.other_credentials()).await;
    assert_eq!(other.status(), 200);
    assert_eq!(other.json()["account"]["id"], 2);
    let actor = "GET /v1/actor";
    let other = simulator.other_credentials();
    let actor = receive(send(&simulator, other, actor, "", "").await).await;
    assert_eq!(actor.json()["account"]["id"], 2);
    assert!(actor.json()["reseller"].is_null());
    assert_eq!(account(other).await.status(), 429);
    let alone = Simulator::builder().accounts(1).start().await.unwrap();
    let unknown = send(&alone, alone.other_credentials(), "GET /v1/account", "", "").await;
    assert_eq!(receive(unknown).await.status(), 401);
}

#[tokio::test]
async fn a_429_says_when_to_come_again_in_the_form_that_is_chosen() {
    for (form, end) in [
        (RetryAfter::None, None),
        (RetryAfter::Seconds, Some("60")),
        (RetryAfter::Date, Some(" GMT")),
    ] {
        let builder = Simulator::builder().quota(2, Duration::from_secs(60));
        let builder = builder.retry_after(form).quota_body("Slow down");
        let simulator = builder.start().await.unwrap();
        for _ in 0..2 {
            assert_eq!(get(&simulator, "/v1/account").await.status(), 200);
        }
        let refused = get(&simulator, "/v1/account").await;
        assert_eq!((refused.status(), &*refused.body), (429, "Slow down"));
        let told = refused.header("retry-after");
        assert_eq!(told.is_some(), end.is_some(), "{told:?}");
        let ends = told.unwrap_or_default().ends_with(end.unwrap_or_default());
        assert!(ends, "{told:?}");
        let arrivals = simulator.arrivals();
        assert_eq!((arrivals.total, arrivals.refused), (3, 1));
    }
}
