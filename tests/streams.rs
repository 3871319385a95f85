//! Streams over all pages.

mod support;

use futures::TryStreamExt as _;
use huntress::{RateLimiter, types};
use serde_json::{Value, json};
use support::raw::{Act, RawServer};
use support::{Server, builder, until};

fn page(ids: &[i64], token: Value) -> (u16, Value) {
    let agents: Vec<_> = ids.iter().map(|id| json!({"id": id})).collect();
    (
        200,
        json!({"agents": agents, "pagination": {"next_page_token": token}}),
    )
}

/// The queries that arrived, in order.
fn queries(server: &Server) -> Vec<String> {
    let requests = server.take_requests();
    requests
        .iter()
        .map(|request| request.uri.query().unwrap_or_default().to_owned())
        .collect()
}

#[tokio::test]
async fn every_page_asks_with_the_same_filters_and_500_items() {
    let server = Server::start().await;
    server.script([
        page(&[1, 2], json!("a=/")),
        page(&[], json!("b")),
        page(&[3], json!(null)),
    ]);
    let agents = server
        .client()
        .list_agents()
        .platform("windows")
        .organization_id(7)
        .stream();
    let ids: Vec<_> = agents.map_ok(|agent| agent.id).try_collect().await.unwrap();
    assert_eq!(ids, [1, 2, 3]);
    let filters = "limit=500&organization_id=7";
    assert_eq!(
        queries(&server),
        [
            format!("{filters}&platform=windows"),
            format!("{filters}&page_token=a%3D%2F&platform=windows"),
            format!("{filters}&page_token=b&platform=windows"),
        ]
    );
}

#[tokio::test]
async fn a_chosen_limit_is_kept_and_the_stream_ends_once_and_for_all() {
    let server = Server::start().await;
    server.script([page(&[1], json!("")), page(&[9], json!(null))]);
    let mut agents = server.client().list_agents().page_size(20).stream();
    assert_eq!(agents.try_next().await.unwrap().unwrap().id, 1);
    assert!(agents.try_next().await.unwrap().is_none());
    assert!(agents.try_next().await.unwrap().is_none());
    assert_eq!(queries(&server), ["limit=20"]);
}

#[tokio::test]
async fn every_spelling_of_the_last_page_ends_the_stream() {
    let server = Server::start().await;
    for last in [
        json!({"agents": []}),
        json!({"agents": [], "pagination": null}),
        json!({"agents": [], "pagination": {}}),
        json!({"agents": [], "pagination": {"next_page_token": null, "next_page_url": null}}),
        json!({"agents": [], "pagination": {"current_page": 2, "total_pages": 2, "total_count": 900}}),
    ] {
        server.script([(200, last)]);
        assert!(
            server
                .client()
                .list_agents()
                .stream()
                .try_next()
                .await
                .unwrap()
                .is_none()
        );
        assert_eq!(server.take_requests().len(), 1);
    }
}

#[tokio::test]
async fn a_token_that_comes_twice_is_an_error_after_the_items_before_it() {
    let server = Server::start().await;
    server.script([page(&[1], json!("a")), page(&[2], json!("a"))]);
    let mut agents = server.client().list_agents().stream();
    assert_eq!(agents.try_next().await.unwrap().unwrap().id, 1);
    assert_eq!(agents.try_next().await.unwrap().unwrap().id, 2);
    let error = agents.try_next().await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("its next page token came before"),
        "{error}"
    );
    assert!(!error.is_record() && error.is_decode());
    assert!(agents.try_next().await.unwrap().is_none());
    assert!(!agents.is_complete(), "the list was cut off");
    assert_eq!(server.take_requests().len(), 2);
    server.script([page(&[1], json!("a")), page(&[2], json!("a"))]);
    let error = server.client().list_agents().stream().collect_all().await;
    assert!(error.unwrap_err().is_decode());
}

/// Like the cases `next-page-without-token` and `token-only-in-the-url` of `cases.jsonl`.
#[tokio::test]
async fn a_list_that_goes_on_without_a_token_is_cut_off_and_never_ends_quietly() {
    let server = Server::start().await;
    for pagination in [
        json!({"current_page": 1, "next_page": 2, "next_page_url": "https://api.huntress.io/v1/agents?page=2", "total_count": 20}),
        json!({"next_page": 2}),
        json!({"current_page": 1, "total_pages": 2}),
        json!({"has_next_page": true}),
    ] {
        let more = json!({"agents": [{"id": 7}], "pagination": pagination});
        server.script(vec![(200, more.to_string()); 4]);
        let client = server.client();
        let mut agents = client.list_agents().stream();
        assert_eq!(agents.try_next().await.unwrap().unwrap().id, 7);
        let error = agents.try_next().await.unwrap_err();
        assert!(error.to_string().contains("the list goes on"), "{error}");
        assert!(error.is_decode() && !error.is_record());
        assert!(agents.try_next().await.unwrap().is_none());
        assert!(!agents.is_complete());
        let mut pages = client.list_agents().pages();
        assert_eq!(pages.try_next().await.unwrap().unwrap().items.len(), 1);
        assert!(pages.try_next().await.is_err() && !pages.is_complete());
        let error = client.list_agents().stream().collect_all().await;
        assert!(error.unwrap_err().is_decode());
        // A loop over tokens would take it for the last page.
        let error = client.list_agents().send().await.unwrap_err();
        assert_eq!(error.body(), Some(more.to_string().as_bytes()));
        assert_eq!(server.take_requests().len(), 4);
    }
    let elsewhere = Server::start().await;
    let url = format!("{}/v1/agents?page_token=QUJD&limit=1", elsewhere.base_url());
    server.script([
        (
            200,
            json!({"agents": [{"id": 1}], "pagination": {"next_page_url": url}}),
        ),
        page(&[2], json!(null)),
    ]);
    let all = server.client().list_agents().stream().collect_all().await;
    assert_eq!(all.unwrap().items.len(), 2);
    assert_eq!(queries(&server), ["limit=500", "limit=500&page_token=QUJD"]);
    assert_eq!(elsewhere.count(), 0);
}

#[tokio::test]
async fn a_walk_is_complete_when_every_page_came_and_every_record_was_given_out() {
    let server = Server::start().await;
    server.script([
        page(&[1], json!("a")),
        (503, json!({})),
        page(&[2], json!(null)),
    ]);
    let mut agents = server.client().list_agents().stream();
    agents.try_next().await.unwrap();
    assert!(!agents.is_complete());
    // A page that did not come is asked for again.
    assert!(agents.try_next().await.unwrap_err().is_server());
    agents.try_next().await.unwrap();
    assert!(agents.try_next().await.unwrap().is_none());
    assert!(agents.is_complete());

    let odd = json!({"agents": [{"id": 1}, {"id": {}, "os": "x"}, {"id": 3, "tags": 7.5}]});
    server.script([(200, odd)]);
    let all = server
        .client()
        .list_agents()
        .stream()
        .collect_all()
        .await
        .unwrap();
    assert_eq!(
        all.items
            .iter()
            .map(|agent| agent.id.get())
            .collect::<Vec<_>>(),
        [1, 3]
    );
    assert_eq!(all.items[1].tags, Some(vec!["7.5".to_owned()]));
    assert_eq!((all.odd[0].index(), all.odd[0].id()), (1, None));
    assert_eq!(all.odd[0].json(), r#"{"id":{},"os":"x"}"#);
}

#[tokio::test]
async fn one_odd_item_costs_nothing_but_itself() {
    let server = Server::start().await;
    let odd = json!({"agents": [{"id": 1}, {"id": "x", "kept": 5}, {"id": 3}]});
    server.script([(200, odd)]);
    let mut agents = server.client().list_agents().stream();
    assert_eq!(agents.try_next().await.unwrap().unwrap().id, 1);
    let error = agents.try_next().await.unwrap_err();
    assert!(error.is_record() && !error.is_decode());
    assert_eq!(error.body(), Some(&br#"{"id":"x","kept":5}"#[..]));
    assert_eq!((error.attempts(), error.record().unwrap().index()), (1, 1));
    assert!(
        error
            .to_string()
            .contains("`agents[1]` (without an id): its `id`"),
        "{error}"
    );
    assert_eq!(agents.try_next().await.unwrap().unwrap().id, 3);
    assert!(agents.try_next().await.unwrap().is_none());
}

#[tokio::test]
async fn a_failed_page_is_an_error_once_and_is_asked_for_again() {
    let server = Server::start().await;
    let wrong = json!({"agent_list": []});
    server.script([
        page(&[1], json!("a")),
        (500, json!({})),
        (200, wrong),
        page(&[2], json!(null)),
    ]);
    let mut agents = server.client().list_agents().stream();
    assert_eq!(agents.try_next().await.unwrap().unwrap().id, 1);
    assert!(agents.try_next().await.unwrap_err().is_server());
    let missing = agents.try_next().await.unwrap_err();
    assert!(
        missing.to_string().contains("it has no key `agents`"),
        "{missing}"
    );
    assert_eq!(agents.try_next().await.unwrap().unwrap().id, 2);
    assert!(agents.try_next().await.unwrap().is_none());
    let asked = queries(&server);
    assert_eq!(asked[1..], ["limit=500&page_token=a"; 3]);
}

#[tokio::test]
async fn pages_tell_where_to_resume() {
    let server = Server::start().await;
    server.script([page(&[1, 2], json!("a")), page(&[3], json!(null))]);
    let client = server.client();
    let mut pages = client.list_agents().pages();
    assert_eq!(pages.try_next().await.unwrap().unwrap().items.len(), 2);
    let token = pages.resume_token().unwrap().to_owned();
    drop(pages);
    let rest: Vec<types::Agent> = client
        .list_agents()
        .start_at(token)
        .stream()
        .try_collect()
        .await
        .unwrap();
    assert_eq!(rest[0].id, 3);
    assert_eq!(queries(&server), ["limit=500", "limit=500&page_token=a"]);
}

#[tokio::test]
async fn a_page_with_an_odd_item_is_not_lost() {
    let server = Server::start().await;
    let odd = json!({
        "agents": [{"id": 1}, {"id": "x"}, {"id": 3}],
        "pagination": {"next_page_token": "b"},
    });
    server.script([
        page(&[0], json!("a")),
        (200, odd.clone()),
        page(&[4], json!(null)),
    ]);
    let client = server.client();
    let mut pages = client.list_agents().pages();
    pages.try_next().await.unwrap().unwrap();
    let error = pages.try_next().await.unwrap_err();
    assert_eq!(error.body(), Some(&br#"{"id":"x"}"#[..]));
    assert_eq!(
        pages.resume_token(),
        Some("a"),
        "its other items are still to come"
    );
    let ids: Vec<_> = pages.try_next().await.unwrap().unwrap().items;
    assert_eq!(ids.iter().map(|agent| agent.id).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(pages.resume_token(), Some("b"));
    assert_eq!(pages.try_next().await.unwrap().unwrap().items[0].id, 4);
    assert!(pages.try_next().await.unwrap().is_none());
    assert_eq!(server.take_requests().len(), 3);
    assert!(!pages.is_complete(), "one record is missing");
    server.script([(200, odd.clone())]);
    let page = client.list_agents().send().await.unwrap();
    assert_eq!((page.items.len(), page.odd.len()), (2, 1));
    assert_eq!(page.odd[0].json(), r#"{"id":"x"}"#);
    assert_eq!(page.odd[0].path(), "agents[1]");
}

#[tokio::test]
async fn reading_ahead_asks_for_one_page_while_another_is_worked_on() {
    let server = Server::start().await;
    let script = || {
        [
            page(&[1, 2], json!("a")),
            page(&[3], json!("b")),
            page(&[4], json!(null)),
        ]
    };
    server.script(script());
    let mut agents = server.client().list_agents().stream().read_ahead();
    assert_eq!(agents.try_next().await.unwrap().unwrap().id, 1);
    until(|| server.count() == 2).await;
    assert_eq!(agents.try_next().await.unwrap().unwrap().id, 2);
    assert_eq!(server.count(), 2, "one page, not more");
    let rest: Vec<_> = agents.map_ok(|agent| agent.id).try_collect().await.unwrap();
    assert_eq!(rest, [3, 4]);
    server.take_requests();
    // A failed page is an error once, and is asked for again.
    server.script([
        page(&[1], json!("a")),
        (500, json!({})),
        page(&[2], json!(null)),
    ]);
    let mut pages = server.client().list_agents().pages().read_ahead();
    assert_eq!(pages.try_next().await.unwrap().unwrap().items[0].id, 1);
    assert_eq!(pages.resume_token(), Some("a"));
    assert!(pages.try_next().await.unwrap_err().is_server());
    assert_eq!(pages.try_next().await.unwrap().unwrap().items[0].id, 2);
    assert!(pages.try_next().await.unwrap().is_none());
    server.take_requests();
    // Off by default.
    server.script(script());
    let mut agents = server.client().list_agents().stream();
    agents.try_next().await.unwrap().unwrap();
    tokio::task::yield_now().await;
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn a_dropped_stream_stops_reading_ahead() {
    let server = RawServer::start([Act::Answer(
        200,
        r#"{"agents":[{"id":1}],"pagination":{"next_page_token":"a"}}"#,
    )])
    .await;
    let limiter = RateLimiter::new(10, std::time::Duration::from_secs(60));
    let client = builder(server.base_url())
        .rate_limiter(limiter.clone())
        .build()
        .unwrap();
    let mut agents = client.list_agents().stream().read_ahead();
    agents.try_next().await.unwrap().unwrap();
    until(|| server.arrived().len() == 2).await;
    assert_eq!(limiter.snapshot().in_flight, 1, "it hangs");
    drop(agents);
    until(|| limiter.snapshot().in_flight == 0).await;
}

#[tokio::test]
async fn a_type_of_ones_own_or_a_value_loses_nothing() {
    let server = Server::start().await;
    let agents = json!([{"id": 1, "ipv4_addresses": ["10.0.0.1"]}]);
    server.answer(200, json!({ "agents": agents }).to_string());
    let values: Vec<Value> = server
        .client()
        .list_agents()
        .stream_as()
        .try_collect()
        .await
        .unwrap();
    assert_eq!(json!(values), agents);
    #[derive(serde::Deserialize)]
    struct Own {
        ipv4_addresses: Vec<String>,
    }
    let own: Vec<Own> = server
        .client()
        .list_agents()
        .stream_as()
        .try_collect()
        .await
        .unwrap();
    assert_eq!(own[0].ipv4_addresses, ["10.0.0.1"]);
}

#[tokio::test]
async fn a_query_carries_its_token_in_the_body() {
    let server = Server::start().await;
    let rows = |token: Value| json!({"logs": [{"n": 1}], "pagination": {"next_page_token": token}});
    server.script([(200, rows(json!("a"))), (200, rows(json!(null)))]);
    let moment: huntress::jiff::Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
    let query = types::QuerySiem::new("FROM logs", moment, moment);
    let rows: Vec<_> = server
        .client()
        .query_siem(query)
        .stream()
        .try_collect()
        .await
        .unwrap();
    assert_eq!(rows.len(), 2);
    let bodies: Vec<Value> = server
        .take_requests()
        .iter()
        .map(|r| serde_json::from_slice(&r.body).unwrap())
        .collect();
    assert_eq!(bodies[0].get("page_token"), None);
    assert_eq!(bodies[1]["page_token"], "a");
    assert_eq!(bodies[0]["range_start"], bodies[1]["range_start"]);
}

#[tokio::test]
async fn bad_input_is_an_error_of_the_stream_and_nothing_is_sent() {
    let server = Server::start().await;
    let mut agents = server.client().list_agents().page_size(501).stream();
    assert!(agents.try_next().await.unwrap_err().is_invalid_request());
    assert!(server.take_requests().is_empty());
}

#[test]
fn streams_can_be_spawned() {
    fn is_send<T: Send + Unpin + 'static>(_: &T) {}
    let credentials = huntress::Credentials::new(support::KEY, support::SECRET);
    let client = huntress::Client::builder()
        .credentials(credentials)
        .build()
        .unwrap();
    is_send(&client.list_agents().stream());
    is_send(&client.for_account(7).list_agents().pages());
}
