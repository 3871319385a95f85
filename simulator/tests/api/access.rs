//! What a request may ask, and which key may ask it.

use crate::support::{get, post, receive, request, rows, send};
use huntress_simulator::Simulator;

#[tokio::test]
async fn a_parameter_that_is_unknown_is_ignored_or_refused() {
    let loose = Simulator::start().await.unwrap();
    let strict = Simulator::builder().strict_parameters(true).start();
    let strict = strict.await.unwrap();
    let agent = rows(&loose, "/v1/agents").await[0]["id"].clone();
    let isolation = format!("/v1/agents/{agent}/isolation");
    for (ask, ignored) in [
        ("GET /v1/agents?since=2026-01-01".to_owned(), 200),
        ("GET /v1/agents?organisation_id=7".to_owned(), 200),
        ("GET /v1/account?limit=7".to_owned(), 200),
        (format!("GET /v1/agents/{agent}?x"), 200),
        (format!("POST {isolation}?force=true"), 201),
        (format!("DELETE {isolation}?force=true"), 204),
    ] {
        assert_eq!(request(&loose, &ask, "{}").await.status(), ignored, "{ask}");
        let refused = request(&strict, &ask, "{}").await;
        assert_eq!(refused.status(), 400, "{ask}");
        let why = refused.json()["message"].to_string();
        assert!(why.contains("is not a parameter of"), "{why}");
    }
    assert_eq!(
        rows(&loose, "/v1/agents?since=2026-05-31").await,
        rows(&loose, "/v1/agents").await
    );
    assert!(strict.writes().is_empty());
    // What is known is checked all the same.
    for simulator in [&loose, &strict] {
        assert_eq!(get(simulator, "/v1/agents?limit=0").await.status(), 400);
        assert_eq!(
            get(simulator, "/v1/agents?limit=7&platform=linux")
                .await
                .status(),
            200
        );
    }
}

#[tokio::test]
async fn a_key_that_may_only_read_may_not_read_memberships() {
    let simulator = Simulator::start().await.unwrap();
    let membership = rows(&simulator, "/v1/memberships").await[0]["id"].clone();
    let reads = simulator.read_only_credentials();
    for (path, status) in [
        ("/v1/account".to_owned(), 200),
        ("/v1/agents".to_owned(), 200),
        ("/v1/incident_reports".to_owned(), 200),
        ("/v1/memberships".to_owned(), 403),
        (format!("/v1/memberships/{membership}"), 403),
        ("/v1/memberships/7".to_owned(), 403),
    ] {
        let answer = send(&simulator, reads, &format!("GET {path}"), "", "").await;
        assert_eq!(receive(answer).await.status(), status, "{path}");
        assert_ne!(get(&simulator, &path).await.status(), 403, "{path}");
    }
}

#[tokio::test]
async fn without_a_quota_nothing_is_refused_or_told_but_all_is_counted() {
    let simulator = Simulator::builder().no_quota().quota_headers(true).start();
    let simulator = simulator.await.unwrap();
    for _ in 0..70 {
        let answer = get(&simulator, "/v1/account").await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.header("x-huntress-api-call-limit"), None);
    }
    assert_eq!(simulator.arrivals().total, 70);
    assert_eq!(simulator.arrivals().refused, 0);
}

#[tokio::test]
async fn key_and_secret_come_as_a_pair() {
    let simulator = Simulator::start().await.unwrap();
    let credentials = simulator.credentials();
    assert_eq!(credentials.pair(), ("hk_simulator", "hs_simulator"));
}

#[tokio::test]
async fn a_body_that_is_wrong_is_refused_with_its_fields() {
    let simulator = Simulator::start().await.unwrap();
    let agent = rows(&simulator, "/v1/agents").await[0]["id"].clone();
    let agent = format!("PATCH /v1/agents/{agent}");
    for (ask, body, status, why) in [
        (
            "POST /v1/organizations",
            r#"{"name": "Acme"}"#,
            422,
            "key: is missing",
        ),
        (
            "POST /v1/organizations",
            r#"{"name": "", "key": 7}"#,
            422,
            "key: is not a string",
        ),
        ("POST /v1/organizations", "[]", 422, "is not an object"),
        ("POST /v1/organizations", "{", 400, "the body is not JSON"),
        (
            &*agent,
            r#"{"tags": ["a", 7]}"#,
            400,
            "tags.1: is not a string",
        ),
        (
            &*agent,
            r#"{"tamper_protection_configured": "yes"}"#,
            400,
            "is not a boolean",
        ),
    ] {
        let refused = request(&simulator, ask, body).await;
        assert_eq!(refused.status(), status, "{ask} {body}");
        let message = refused.json()["message"].as_str().unwrap().to_owned();
        assert!(message.contains(why), "{ask} {body}: {message}");
    }
    assert!(simulator.writes().is_empty());
    let fine = r#"{"name": "Acme", "key": "acme", "unknown": 7}"#;
    assert_eq!(
        post(&simulator, "/v1/organizations", fine).await.status(),
        201
    );
}

#[tokio::test]
async fn a_bound_is_the_same_moment_however_it_is_spelled() {
    let simulator = Simulator::builder().no_quota().start().await.unwrap();
    let at = |row: &serde_json::Value| row["investigated_at"].as_str().unwrap().to_owned();
    let signals = rows(&simulator, "/v1/signals").await;
    let mut times: Vec<_> = signals.iter().map(at).collect();
    times.sort();
    // To the second, in UTC.
    let middle = times[times.len() / 2].trim_end_matches('Z').to_owned();
    let day = &middle[..10];
    for (bound, expected) in [
        (
            format!("min={middle}Z"),
            times.iter().filter(|at| ***at >= *middle).count(),
        ),
        (
            format!("min={middle}.000Z"),
            times.iter().filter(|at| ***at >= *middle).count(),
        ),
        (
            format!("min={middle}.001Z"),
            times.iter().filter(|at| at[..19] > *middle).count(),
        ),
        (
            format!("max={middle}-00:00"),
            times.iter().filter(|at| at[..19] <= *middle).count(),
        ),
        (
            format!("max={day}"),
            times.iter().filter(|at| at[..10] <= *day).count(),
        ),
        (
            format!("min={day}"),
            times.iter().filter(|at| at[..10] >= *day).count(),
        ),
    ] {
        let path = format!("/v1/signals?investigated_at_{bound}");
        assert_eq!(rows(&simulator, &path).await.len(), expected, "{bound}");
    }
}
