//! What is sent again and what never is, over real HTTP.

mod support;

use std::io::Write as _;
use std::time::Duration;

use huntress::{Client, Error, RateLimiter, RetryPolicy, types};
use support::raw::{Act, RawServer};
use support::{Server, builder, quick_retries, until};

const ACCOUNT: &str = r#"{"account":{"id":7}}"#;
const AGENT: &str = r#"{"agent":{"id":7}}"#;

fn patient(server: &Server) -> Client {
    server.builder().retry(quick_retries()).build().unwrap()
}

async fn isolate(client: &Client) -> Result<types::Agent, Error> {
    let body = types::IsolateAgent::new().reason("r");
    client.isolate_agent(7, body).send().await
}

#[tokio::test]
async fn a_read_survives_what_passes() {
    let server = Server::start().await;
    let client = patient(&server);
    for status in [408, 429, 500, 502, 503, 504, 520, 524] {
        server.script([(status, "<html>"), (status, "{}"), (200, ACCOUNT)]);
        assert_eq!(client.get_account().send().await.unwrap().id, 7);
        assert_eq!(server.take_requests().len(), 3, "{status}");
    }
    // A refusal for the quota does not count as a failure: three more are survived.
    server.script([429, 429, 429, 429, 503, 429, 503, 503].map(|status| (status, "{}")));
    server.script([(200, ACCOUNT)]);
    assert_eq!(client.get_account().send().await.unwrap().id, 7);
    assert_eq!(server.take_requests().len(), 9);
    for status in [400, 401, 403, 404, 409, 422, 501] {
        server.script([(status, "{}")]);
        let error = client.get_account().send().await.unwrap_err();
        assert_eq!(error.attempts(), 1);
        assert_eq!(server.take_requests().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn a_write_is_sent_again_only_when_it_was_refused_for_the_quota() {
    let server = Server::start().await;
    let client = patient(&server);
    for status in [408, 500, 502, 503, 504, 520, 524] {
        server.script([(status, "{}"), (200, AGENT)]);
        let error = isolate(&client).await.unwrap_err();
        assert_eq!(error.status().unwrap().as_u16(), status);
        assert_eq!(server.take_requests().len(), 1, "{status}");
        // The rest of the script.
        isolate(&client).await.unwrap();
        server.take_requests();
    }
    // However often, since that does not count as a failure.
    server.script([(429, "{}"); 6]);
    server.answer(200, AGENT);
    isolate(&client).await.unwrap();
    assert_eq!(server.take_requests().len(), 7);
}

#[tokio::test]
async fn a_write_that_may_be_done_twice_is_sent_again_when_the_caller_says_so() {
    let server = Server::start().await;
    server.script([(503, "{}"), (200, AGENT)]);
    let tags = types::UpdateAgent::new().tags(["vip"]);
    let update = patient(&server).update_agent(7, tags);
    update.retry_writes().send().await.unwrap();
    let requests = server.take_requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[0].body, requests[1].body);
    assert_eq!(
        requests[0].headers["authorization"],
        requests[1].headers["authorization"]
    );
}

#[tokio::test]
async fn a_lost_connection_is_survived_by_a_read_and_told_by_a_write() {
    let script = [
        Act::Close,
        Act::Truncate(r#"{"account":{"id""#),
        Act::Answer(200, ACCOUNT),
        Act::Close,
        Act::Truncate(r#"{"agent":{"id""#),
    ];
    let server = RawServer::start(script).await;
    let client = builder(server.base_url())
        .retry(quick_retries())
        .build()
        .unwrap();
    assert_eq!(client.get_account().send().await.unwrap().id, 7);
    assert_eq!(server.arrived().len(), 3);
    for (sent, broke) in [
        (
            4,
            "the exchange broke off: connection closed before message completed; \
             the write may have taken effect: look before trying again",
        ),
        (
            5,
            "200 OK, but the exchange broke off: end of file before message length reached; \
             the write took effect: do not repeat it",
        ),
    ] {
        let error = isolate(&client).await.unwrap_err();
        assert_eq!(error.attempts(), 1);
        assert_eq!(
            error.to_string(),
            format!("isolate_agent (POST /v1/agents/7/isolation): {broke}")
        );
        assert_eq!(error.status().is_some(), sent == 5);
        assert_eq!(server.arrived().len(), sent);
    }
}

/// Nothing is sent before the handshake is done.
#[tokio::test]
async fn a_connection_that_takes_too_long_to_make_was_not_made() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("https://{}", listener.local_addr().unwrap());
    let limiter = RateLimiter::new(4, Duration::from_secs(600));
    let builder = builder(&base_url).retry(quick_retries());
    let builder = builder.connect_timeout(Duration::from_millis(30));
    let client = builder.rate_limiter(limiter.clone()).build().unwrap();
    let error = isolate(&client).await.unwrap_err();
    assert!(error.is_connect() && !error.is_timeout());
    assert_eq!(error.attempts(), 4);
    assert_eq!(limiter.snapshot().used, 0);
    drop(listener);
}

#[tokio::test]
async fn a_time_out_is_survived_by_a_read_and_told_by_a_write() {
    let server = RawServer::start([Act::Hang, Act::Answer(200, ACCOUNT), Act::Hang]).await;
    let builder = builder(server.base_url()).retry(quick_retries());
    let client = builder.timeout(Duration::from_millis(100)).build().unwrap();
    assert_eq!(client.get_account().send().await.unwrap().id, 7);
    assert_eq!(server.arrived().len(), 2);
    let error = isolate(&client).await.unwrap_err();
    assert!(error.is_timeout());
    assert_eq!((error.attempts(), server.arrived().len()), (1, 3));
}

#[tokio::test]
async fn a_write_for_which_no_connection_was_made_is_tried_again() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let limiter = RateLimiter::new(4, Duration::from_secs(600));
    let builder = builder(&base_url).retry(quick_retries());
    let client = builder.rate_limiter(limiter.clone()).build().unwrap();
    let error = isolate(&client).await.unwrap_err();
    assert!(error.is_connect());
    assert_eq!(error.attempts(), 4);
    assert_eq!(limiter.snapshot().used, 0, "nothing arrived");
}

#[tokio::test]
async fn the_fault_of_a_query_is_not_asked_for_again() {
    let server = Server::start().await;
    let client = patient(&server);
    let moment: huntress::jiff::Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
    let query = || client.query_siem(types::QuerySiem::new("FROM logs", moment, moment));
    for status in [408, 413] {
        server.script([(status, "{}")]);
        query().send().await.unwrap_err();
        assert_eq!(server.take_requests().len(), 1, "{status}");
    }
    server.script([(503, "{}"), (200, r#"{"logs":[]}"#)]);
    query().send().await.unwrap();
    assert_eq!(server.take_requests().len(), 2, "a server error is not");
}

#[tokio::test]
async fn giving_up_tells_the_last_outcome_and_how_often_it_was_tried() {
    let server = Server::start().await;
    server.script([(500, "{}"), (502, "{}"), (504, "{}")]);
    server.answer(503, r#"{"message":"maintenance"}"#);
    let error = patient(&server).get_account().send().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "get_account (GET /v1/account): 503 Service Unavailable: maintenance \
         (after 4 attempts); the server failed, try again later"
    );
    assert_eq!(error.attempts(), 4);
    assert_eq!(server.take_requests().len(), 4);
}

#[tokio::test]
async fn an_outage_does_not_multiply_the_traffic() {
    let server = Server::start().await;
    server.answer(503, "{}");
    let client = patient(&server);
    for _ in 0..50 {
        let clone = client.clone();
        clone.get_account().send().await.unwrap_err();
    }
    assert_eq!(server.take_requests().len(), 50 + 20);
    server.answer(200, ACCOUNT);
    client.get_account().send().await.unwrap();
}

#[tokio::test]
async fn the_server_says_for_how_long_everybody_waits() {
    let server = Server::start().await;
    server.script_with(429, &[("retry-after", "1")], "{}");
    server.answer(200, ACCOUNT);
    let limiter = RateLimiter::default();
    let builder = server.builder().rate_limiter(limiter.clone());
    let client = builder.retry(quick_retries()).build().unwrap();
    let (first, other) = (client.clone(), client.clone());
    let first = tokio::spawn(async move { first.get_account().send().await });
    until(|| limiter.snapshot().next_free_in.is_some()).await;
    other.get_account().send().await.unwrap();
    first.await.unwrap().unwrap();
    let requests = server.take_requests();
    assert_eq!(requests.len(), 3);
    for request in &requests[1..] {
        assert!(request.at - requests[0].at >= Duration::from_secs(1));
    }
}

#[tokio::test]
async fn a_longer_wait_than_anybody_has_is_told_to_the_caller() {
    let server = Server::start().await;
    let moments = [
        ("date", "Sun, 06 Nov 1994 08:00:00 GMT"),
        ("retry-after", "Sun, 06 Nov 1994 09:00:00 GMT"),
    ];
    server.answer_with(503, &moments, "{}");
    let error = patient(&server).get_account().send().await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(3_600)));
    assert_eq!(server.take_requests().len(), 1);
}

#[tokio::test]
async fn the_deadline_bounds_every_wait() {
    let server = Server::start().await;
    server.answer(200, ACCOUNT);
    let limiter = RateLimiter::new(1, Duration::from_secs(600));
    let client = |deadline| {
        let builder = server.builder().retry(quick_retries());
        builder
            .rate_limiter(limiter.clone())
            .deadline(deadline)
            .build()
            .unwrap()
    };
    // While it waits for the quota, nothing is sent.
    client(Duration::MAX).get_account().send().await.unwrap();
    let error = client(Duration::from_millis(50))
        .get_account()
        .send()
        .await
        .unwrap_err();
    assert!(error.is_timeout());
    assert_eq!(error.attempts(), 0);
    assert_eq!(
        error.to_string(),
        "get_account (GET /v1/account): the deadline passed while it waited for the quota; \
         nothing was sent: call less, or allow more time"
    );
    assert_eq!(server.take_requests().len(), 1);
    // Before the pause that the server asks for: its answer, at once.
    server.answer_with(503, &[("retry-after", "60")], "{}");
    let builder = server.builder().retry(quick_retries());
    let client = builder.deadline(Duration::from_secs(30)).build().unwrap();
    let error = client.get_account().send().await.unwrap_err();
    assert!(error.is_server());
    // While it waits for the quota after a refusal: the refusal.
    server.answer(429, "{}");
    let limiter = RateLimiter::new(1, Duration::from_secs(600));
    let builder = server
        .builder()
        .retry(quick_retries())
        .rate_limiter(limiter);
    let client = builder.deadline(Duration::from_millis(50)).build().unwrap();
    let error = client.get_account().send().await.unwrap_err();
    assert!(error.is_rate_limited());
    // While it waits for the answer.
    let server = RawServer::start([]).await;
    let builder = support::builder(server.base_url()).retry(quick_retries());
    let client = builder
        .deadline(Duration::from_millis(100))
        .build()
        .unwrap();
    let error = isolate(&client).await.unwrap_err();
    assert!(error.is_timeout());
    assert_eq!(
        error.to_string(),
        "isolate_agent (POST /v1/agents/7/isolation): no complete answer within the deadline; \
         the write may have taken effect: look before trying again"
    );
    assert_eq!(error.attempts(), 1);
}

#[tokio::test]
async fn without_retries_every_call_is_sent_once() {
    let server = Server::start().await;
    let client = server.builder().retry(RetryPolicy::none()).build().unwrap();
    for status in [429, 503] {
        server.answer(status, "{}");
        assert_eq!(client.get_account().send().await.unwrap_err().attempts(), 1);
        assert_eq!(server.take_requests().len(), 1);
    }
}

#[tokio::test]
async fn a_body_is_bounded_and_so_is_what_it_decompresses_to() {
    const MAX: usize = 1 << 16;
    let server = Server::start().await;
    let builder = server.builder().retry(quick_retries());
    let client = builder.max_body(MAX).build().unwrap();
    let account = |size: usize| {
        let padding = size - r#"{"account":{"id":7},"p":""}"#.len();
        format!(r#"{{"account":{{"id":7}},"p":"{}"}}"#, "x".repeat(padding))
    };
    let gzipped = |body: &str| {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        gzip.write_all(body.as_bytes()).unwrap();
        gzip.finish().unwrap()
    };
    let gzip = [("content-encoding", "gzip")];
    server.answer(200, account(MAX));
    assert_eq!(client.get_account().send().await.unwrap().id, 7);
    assert_eq!(
        server.take_only_request().headers["accept-encoding"],
        "gzip"
    );
    server.answer_with(200, &gzip, gzipped(&account(MAX)));
    assert_eq!(client.get_account().send().await.unwrap().id, 7);
    server.take_requests();

    server.answer(200, account(MAX + 1));
    let error = client.get_account().send().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "get_account (GET /v1/account): 200 OK, but the body has more than 65536 bytes; \
         ask for less, or allow more with `max_body`"
    );
    let bomb = gzipped(&account(20 << 20));
    assert!(bomb.len() < MAX);
    server.answer_with(200, &gzip, bomb.clone());
    assert!(
        client
            .get_account()
            .send()
            .await
            .unwrap_err()
            .to_string()
            .contains("more than")
    );
    assert_eq!(server.take_requests().len(), 2, "the same would come again");

    server.answer_with(404, &gzip, bomb);
    let error = client.get_account().send().await.unwrap_err();
    assert!(error.is_not_found(), "the status says the most");
    assert_eq!(error.body().unwrap().len(), MAX);
}
