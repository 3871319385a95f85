//! Every fault strikes where it can and as it says.

use std::io::ErrorKind;
use std::time::Duration;

use crate::support::{Answer, get, post, receive, send};
use huntress_simulator::{Fault, FaultKind, LastPage, Simulator};
use serde_json::{Value, json};

async fn simulator() -> Simulator {
    let builder = Simulator::builder().quota(1_000, Duration::from_millis(1));
    builder.start().await.unwrap()
}

/// One that has a fault, once.
async fn faulty(kind: FaultKind) -> Simulator {
    let simulator = simulator().await;
    simulator.inject(Fault::new(kind));
    simulator
}

const CREATE: &str = r#"{"name":"Acme","key":"acme"}"#;

#[tokio::test]
async fn a_truncated_body_breaks_off_in_the_middle() {
    for path in ["/v1/account", "/v1/agents?limit=500"] {
        let simulator = faulty(FaultKind::TruncatedBody).await;
        let half = get(&simulator, path).await;
        let whole = get(&simulator, path).await;
        assert_eq!(half.status(), 200);
        assert_eq!(half.header("content-type"), Some("application/json"));
        assert_eq!(half.end, Ok(()));
        assert!(!half.body.is_empty());
        assert_eq!(
            half.header("content-length"),
            whole.header("content-length")
        );
        assert_eq!(half.body, whole.body[..whole.body.len() / 2]);
        whole.json();
    }
}

#[tokio::test]
async fn a_connection_is_reset_before_or_after_the_write() {
    for (kind, writes) in [(FaultKind::CloseBefore, 0), (FaultKind::CloseAfter, 1)] {
        let simulator = faulty(kind.clone()).await;
        let answer = post(&simulator, "/v1/organizations", CREATE).await;
        assert_eq!(answer.end, Err(ErrorKind::ConnectionReset), "{kind:?}");
        assert_eq!(answer.head, "", "{kind:?}");
        assert_eq!(simulator.writes().len(), writes, "{kind:?}");
    }
}

/// Whether an answer is as it would be without a fault.
fn clean(answer: &Answer) -> bool {
    let whole = answer.header("content-length") == Some(&*answer.body.len().to_string());
    let typed = answer.header("content-type") == Some("application/json");
    let json = serde_json::from_str::<Value>(&answer.body);
    let drifted = answer.body.contains("drift") || answer.body.contains("never_seen_before");
    answer.end.is_ok() && whole && typed && json.is_ok() && !drifted
}

#[tokio::test]
async fn a_fault_of_success_waits_for_one() {
    for kind in [
        FaultKind::CloseAfter,
        FaultKind::EmptyBody,
        FaultKind::TruncatedBody,
        FaultKind::Trickle(1),
        FaultKind::WrongContentType,
        FaultKind::InvalidJson,
        FaultKind::Drift,
    ] {
        let simulator = faulty(kind.clone()).await;
        for (path, status) in [
            ("/v1/nothing", 404),
            ("/v1/agents/7", 404),
            ("/v1/agents?limit=0", 400),
        ] {
            let refused = get(&simulator, path).await;
            assert!(clean(&refused) && refused.status() == status, "{kind:?}");
        }
        assert!(!clean(&get(&simulator, "/v1/account").await), "{kind:?}");
        assert!(clean(&get(&simulator, "/v1/account").await), "{kind:?}");
    }
}

#[tokio::test]
async fn a_fault_of_bodies_waits_for_an_answer_that_has_one() {
    let simulator = simulator().await;
    let agents = get(&simulator, "/v1/agents").await.json();
    let request = format!("DELETE /v1/agents/{}", agents["agents"][0]["id"]);
    simulator.inject(Fault::new(FaultKind::InvalidJson));
    let deleted = send(&simulator, simulator.credentials(), &request, "", "").await;
    assert_eq!(receive(deleted).await.status(), 204);
    assert!(!clean(&get(&simulator, "/v1/account").await));
}

#[tokio::test]
async fn a_fault_of_pages_waits_for_one_with_items() {
    for (kind, pointer, odd) in [
        (
            FaultKind::MalformedItem,
            "/agents/0/id",
            json!("not a number"),
        ),
        (
            FaultKind::EndlessToken,
            "/pagination/next_page_token",
            json!("ZW5kbGVzcw"),
        ),
        (
            FaultKind::ForeignNextPageUrl,
            "/pagination/next_page_url",
            json!("https://elsewhere.example/v1/agents"),
        ),
    ] {
        let simulator = faulty(kind.clone()).await;
        for path in ["/v1/account", "/v1/agents/7", "/v1/known_vpns"] {
            let other = get(&simulator, path).await.json();
            assert_eq!(other.pointer(pointer), None, "{kind:?}");
        }
        let page = get(&simulator, "/v1/agents").await.json();
        assert_eq!(page.pointer(pointer), Some(&odd), "{kind:?}");
        let page = get(&simulator, "/v1/agents").await.json();
        assert_ne!(page.pointer(pointer), Some(&odd), "{kind:?}");
    }
    let simulator = faulty(FaultKind::MalformedItem).await;
    let none = get(&simulator, "/v1/agents?hostname=nobody").await.json();
    assert_eq!(none["agents"], json!([]));
    let page = get(&simulator, "/v1/agents").await.json();
    assert_eq!(page["agents"][0]["id"], "not a number");
}

#[tokio::test]
async fn the_last_page_is_told_in_the_way_that_is_chosen() {
    for (way, told) in [
        (LastPage::NoToken, Some(json!({}))),
        (LastPage::NullToken, Some(json!({"next_page_token": null}))),
        (LastPage::EmptyToken, Some(json!({"next_page_token": ""}))),
        (LastPage::NullPagination, Some(Value::Null)),
        (LastPage::NoPagination, None),
    ] {
        let simulator = faulty(FaultKind::OddLastPage(way)).await;
        let first = get(&simulator, "/v1/agents").await.json();
        assert!(first["pagination"]["next_page_token"].is_string());
        let last = get(&simulator, "/v1/agents?limit=500").await.json();
        assert_eq!(last.get("pagination"), told.as_ref(), "{way:?}");
        let last = get(&simulator, "/v1/agents?limit=500").await.json();
        assert_eq!(last["pagination"], json!({}), "{way:?}");
    }
}

#[tokio::test]
async fn answers_that_replace_each_other_come_one_after_the_other() {
    let simulator = simulator().await;
    for status in [500, 502] {
        simulator.inject(Fault::new(FaultKind::Status(status)));
    }
    for status in [500, 502, 200] {
        assert_eq!(get(&simulator, "/v1/account").await.status(), status);
    }
}

#[tokio::test]
async fn a_fault_that_would_not_be_seen_waits() {
    let simulator = simulator().await;
    for kind in [
        FaultKind::MalformedItem,
        FaultKind::OddLastPage(LastPage::EmptyToken),
        FaultKind::OddLastPage(LastPage::NoPagination),
        FaultKind::Status(503),
        FaultKind::EmptyBody,
        FaultKind::InvalidJson,
        FaultKind::CloseAfter,
    ] {
        simulator.inject(Fault::new(kind));
    }
    let waiting = get(&simulator, "/_simulator/faults").await.json();
    assert_eq!(waiting[0]["kind"], "malformed_item");
    let page = async || get(&simulator, "/v1/agents?limit=500").await;
    assert_eq!(page().await.status(), 503);
    assert_eq!(page().await.end, Err(ErrorKind::ConnectionReset));
    assert_eq!(page().await.body, "");
    assert!(page().await.body.starts_with("{{"));
    let both = page().await.json();
    assert_eq!(both["agents"][0]["id"], "not a number");
    assert_eq!(both["pagination"], json!({"next_page_token": ""}));
    assert_eq!(page().await.json().get("pagination"), None);
    assert_eq!(simulator.faults(), []);
    assert!(clean(&page().await));
}

#[tokio::test]
async fn an_endless_token_of_a_siem_query_leads_to_its_first_page() {
    let simulator = faulty(FaultKind::EndlessToken).await;
    let mut query = json!({
        "esql": "FROM logs",
        "range_start": "2026-01-02T03:04:05Z",
        "range_end": "2026-01-03T03:04:05Z",
    });
    let first = post(&simulator, "/v1/siem/query", &query.to_string()).await;
    query["page_token"] = first.json()["pagination"]["next_page_token"].clone();
    let again = post(&simulator, "/v1/siem/query", &query.to_string()).await;
    assert_eq!(query["page_token"], "ZW5kbGVzcw");
    assert_eq!(again.status(), 200, "{}", again.body);
    assert_ne!(again.json(), first.json());
}

#[tokio::test]
async fn a_fault_that_could_never_happen_is_refused() {
    let simulator = simulator().await;
    for fault in [
        r#"{"kind":{"status":42}}"#,
        r#"{"kind":{"html_page":1}}"#,
        r#"{"kind":{"redirect":"a\nb"}}"#,
        r#"{"kind":{"gzip_bomb":1073741825}}"#,
        r#"{"kind":"drift","frequency":{"rate":7}}"#,
        r#"{"kind":"drift","operations":["list_agent"]}"#,
        "\u{fffd}",
    ] {
        let refused = post(&simulator, "/_simulator/faults", fault).await;
        assert_eq!(refused.status(), 400, "{fault}");
        let message = refused.json()["message"].to_string();
        assert!(message.contains("not a fault: "), "{message}");
    }
    let unknown = Fault::new(FaultKind::Drift).on("list_agent");
    let builder = Simulator::builder().fault(unknown.clone());
    let error = builder.start().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(error.to_string(), "there is no operation \"list_agent\"");
    let injected = std::panic::AssertUnwindSafe(|| simulator.inject(unknown));
    assert!(std::panic::catch_unwind(injected).is_err());
    assert!(clean(&get(&simulator, "/v1/account").await));
}

#[tokio::test]
async fn what_cannot_be_is_refused_at_the_start() {
    let builder = Simulator::builder;
    for (builder, why) in [
        (builder().odd_shapes(2.0), "odd shapes 2 is not"),
        (builder().odd_shapes(f64::NAN), "odd shapes NaN is not"),
        (builder().odd_shapes(-1.0), "odd shapes -1 is not"),
        (builder().accounts(0), "there must be an account"),
        (builder().agents(10_000_000), "10000000 agents are too many"),
        (builder().others(usize::MAX), "others are too many"),
    ] {
        let error = builder.start().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains(why), "{error}");
    }
    builder().agents(9_999_999).start().await.unwrap();
}

#[tokio::test]
async fn what_the_control_endpoint_does_not_have_is_not_found() {
    let simulator = simulator().await;
    for path in ["/_simulator/x", "/_simulator/", "/_simulator/writes/7"] {
        let answer = get(&simulator, path).await;
        assert_eq!(answer.status(), 404);
        let message = format!("the simulator has no GET {path}");
        assert_eq!(answer.json(), json!({ "message": message }));
    }
    assert_eq!(simulator.arrivals().total, 0);
}
