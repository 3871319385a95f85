//! What became of a call that failed: every kind of failure, of a read and of a write, after
//! each thing that an earlier attempt may have met.

mod support;

use std::fmt::Write as _;
use std::time::Duration;

use huntress::{Client, Error, Outcome, RetryPolicy, types};
use support::raw::{Act, RawServer};
use support::{Server, builder, predicates};

use Outcome::{Done, NotDone, NotSent, Unknown};

/// What the last attempt of a call meets, what that means for a write without earlier
/// attempts, and the predicates that hold. The outcome of a read follows from that, since it
/// changes nothing.
const LAST: [(Act, Outcome, &[&str]); 24] = [
    (Act::Answer(302, ""), Unknown, &[]),
    (Act::Answer(400, "{}"), NotDone, &["invalid_request"]),
    (Act::Answer(401, "{}"), NotDone, &["authentication"]),
    (Act::Answer(403, "{}"), NotDone, &["permission"]),
    (Act::Answer(404, "{}"), NotDone, &["not_found"]),
    (Act::Answer(407, ""), NotDone, &[]),
    (Act::Answer(408, "{}"), Unknown, &["timeout"]),
    (Act::Answer(409, "{}"), NotDone, &["conflict"]),
    (Act::Answer(422, "{}"), NotDone, &["invalid_request"]),
    (Act::Refuse, NotDone, &["rate_limited"]),
    (Act::Answer(500, "{}"), Unknown, &["server"]),
    (Act::Answer(503, "{}"), Unknown, &["server"]),
    (Act::Answer(522, "<html>"), Unknown, &["server"]),
    (Act::Answer(204, ""), Done, &["decode"]),
    (Act::Answer(201, r#"{"host":{"id":7}}"#), Done, &["decode"]),
    (Act::Answer(201, r#"{"agent":{}}"#), Done, &["decode"]),
    (Act::Answer(200, "{"), Done, &["decode"]),
    // A proxy's page, which says nothing about the API.
    (
        Act::Answer(200, "<html>Sign in</html>"),
        Unknown,
        &["decode"],
    ),
    (Act::Large(2 << 20), Done, &["too_large"]),
    (Act::Truncate(r#"{"agent""#), Done, &["transport"]),
    (Act::Close, Unknown, &["transport"]),
    (Act::Hang, Unknown, &["timeout"]),
    (Act::Stall, Done, &["timeout"]),
    // From then on nothing listens any more.
    (Act::Vanish, NotSent, &["connect"]),
];

/// What an earlier attempt met, and what may have become of a write then.
const EARLIER: [(Option<Act>, Outcome); 4] = [
    (None, NotSent),
    (Some(Act::Answer(429, "{}")), NotDone),
    (Some(Act::Answer(503, "{}")), Unknown),
    (Some(Act::Close), Unknown),
];

async fn call(client: &Client, write: bool) -> Error {
    let result = if write {
        let body = types::IsolateAgent::new();
        client.isolate_agent(7, body).retry_writes().send().await
    } else {
        client.get_agent(7).send().await
    };
    result.unwrap_err()
}

/// The error of a call whose attempts meet these failures.
async fn failed(write: bool, earlier: Option<Act>, last: Act) -> Error {
    let pause = Duration::from_millis(1);
    let vanishes = matches!(last, Act::Vanish);
    // A 429 is not counted as an attempt, so there is one more of what comes last.
    let again = matches!(earlier, Some(Act::Answer(429, _))) && !vanishes;
    let script: Vec<Act> = match (earlier, vanishes) {
        (None, true) => Vec::new(),
        _ => earlier
            .into_iter()
            .chain([last])
            .chain(again.then_some(last))
            .collect(),
    };
    let attempts = 1 + u32::from(earlier.is_some()) + u32::from(vanishes);
    let server = RawServer::start(script.clone()).await;
    let base_url = match script.is_empty() {
        true => {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            format!("http://{}", listener.local_addr().unwrap())
        }
        false => server.base_url().to_owned(),
    };
    let client = builder(&base_url)
        .retry(
            RetryPolicy::default()
                .attempts(attempts)
                .backoff(pause, pause),
        )
        .timeout(Duration::from_millis(
            if matches!(last, Act::Hang | Act::Stall) {
                100
            } else {
                5_000
            },
        ))
        .max_body(1 << 20)
        .build()
        .unwrap();
    call(&client, write).await
}

#[tokio::test]
async fn every_failure_of_a_read_and_a_write_after_every_earlier_attempt() {
    let mut table = String::new();
    for (last, alone, holds) in LAST {
        for write in [false, true] {
            for (earlier, before) in EARLIER {
                let case = format!(
                    "{} {earlier:?} {last:?}",
                    if write { "write" } else { "read" }
                );
                let error = failed(write, earlier, last).await;
                let vanished = matches!(last, Act::Vanish);
                // The attempt at which the server vanished may have arrived.
                let before = if vanished && earlier.is_some() {
                    Unknown
                } else {
                    before
                };
                let expected = match (alone, write) {
                    (Done, _) => Done,
                    (alone, true) => alone.max(before),
                    (alone, false) => alone.max(before).min(NotDone),
                };
                assert_eq!(error.outcome(), expected, "{case}: {error}");
                assert_eq!(predicates(&error), holds, "{case}: {error}");
                assert!(error.attempts() > 0, "{case}");
                let text = error.to_string();
                let says = |words: &str| text.contains(words);
                assert_eq!(
                    says("took effect: do not repeat"),
                    write && expected == Done,
                    "{text}"
                );
                assert_eq!(
                    says("may have taken effect"),
                    write && expected == Unknown,
                    "{text}"
                );
                assert!(!says("nothing was sent") || expected == NotSent, "{text}");
                assert!(!says("try again later") || expected != Unknown, "{text}");
                if matches!(earlier, None | Some(Act::Close)) {
                    let _ = writeln!(table, "{case}\n    {expected:?}: {text}");
                }
            }
        }
    }
    insta::assert_snapshot!("texts", table);
}

/// What is refused before it is sent, or never could be.
#[tokio::test]
async fn a_call_that_never_left_was_not_sent() {
    let server = Server::start().await;
    let client = server.client();
    let long = "x".repeat(70_000);
    for error in [
        client.get_agent(0).send().await.unwrap_err(),
        client
            .list_agents()
            .hostname(long)
            .send()
            .await
            .unwrap_err(),
        client.list_agents().start_at("").send().await.unwrap_err(),
        client
            .list_agents()
            .header("a b", "c")
            .send()
            .await
            .unwrap_err(),
        client
            .list_agents()
            .header("authorization", "c")
            .send()
            .await
            .unwrap_err(),
        client
            .list_agents()
            .os("x")
            .query("os", "y")
            .send()
            .await
            .unwrap_err(),
    ] {
        assert_eq!((error.outcome(), error.attempts()), (NotSent, 0), "{error}");
        assert!(error.is_invalid_request(), "{error}");
    }
    assert_eq!(server.count(), 0);
    assert_eq!(client.rate_limiter().snapshot().used, 0);
}

/// Outside of a runtime tokio panics; a client says what is missing.
#[test]
fn without_a_runtime_a_call_is_an_error() {
    let client = builder("http://127.0.0.1:1").build().unwrap();
    let mut call = std::pin::pin!(client.get_account().send());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(result) = call.as_mut().poll(&mut context) else {
        panic!("it waits");
    };
    let error = result.unwrap_err();
    assert!(error.is_configuration(), "{error}");
    assert_eq!(error.outcome(), NotSent);
    assert!(error.to_string().contains("tokio runtime"), "{error}");
}

#[tokio::test]
async fn the_deadline_tells_whether_the_answer_had_begun() {
    for (act, status, of_a_write, of_a_read) in [
        (Act::Hang, None, Unknown, NotDone),
        (Act::Stall, Some(200), Done, Done),
    ] {
        let server = RawServer::start([act, act]).await;
        let builder = builder(server.base_url()).deadline(Duration::from_millis(100));
        let client = builder.build().unwrap();
        for (write, expected) in [(true, of_a_write), (false, of_a_read)] {
            let error = call(&client, write).await;
            assert!(error.is_timeout(), "{error}");
            assert_eq!(error.outcome(), expected, "{error}");
            assert_eq!(error.status().map(|status| status.as_u16()), status);
        }
    }
}
