//! What no text of this crate shows: the credentials anywhere, and what is private in the
//! logs.

mod support;

use std::error::Error as StdError;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use huntress::{Client, Credentials, Error, RateLimiter, types};
use support::raw::{Act, RawServer};
use support::{BASIC, KEY, SECRET, Server, quick_retries};
use tracing_subscriber::fmt::format::FmtSpan;

/// Everything that is logged, by this crate and by those below it.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn install() -> Self {
        let log = Self::default();
        let writer = log.clone();
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_span_events(FmtSpan::FULL)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .init();
        log
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// All that an error can be made to say.
fn texts(error: &Error) -> Vec<String> {
    let mut texts = vec![format!("{error} {error:?} {error:#?}")];
    let mut source = error.source();
    while let Some(error) = source {
        texts.push(format!("{error} {error:?} {error:#?}"));
        source = error.source();
    }
    texts
}

#[track_caller]
fn shows_none(text: &str, private: &[&str]) {
    for private in private {
        assert!(!text.contains(private), "shows {private}: {text}");
    }
}

const CREDENTIALS: &[&str] = &[KEY, SECRET, BASIC];

#[tokio::test]
async fn the_log_tells_what_happened_and_nothing_private() {
    let log = Log::install();
    let server = Server::start().await;
    let limiter = RateLimiter::new(3, Duration::from_millis(50));
    let builder = server.builder().retry(quick_retries());
    let client = builder.rate_limiter(limiter).build().unwrap();
    server.script_with(503, &[("x-private", "private-header")], "private-answer");
    server.script([(429, r#"{"message":"private-answer"}"#)]);
    server.answer(200, r#"{"agents":[{"id":"private-answer"}]}"#);
    let agents = client.for_account(77).list_agents();
    let agents = agents
        .hostname("private-query")
        .header("x-p", "private-header");
    let page = agents.query("new", "private-query").send().await.unwrap();
    assert_eq!(page.odd[0].json(), r#"{"id":"private-answer"}"#);
    server.script([(
        200,
        r#"{"agents":[{"id":5,"mac_addresses":{"private-odd":1}}]}"#,
    )]);
    client.list_agents().send().await.unwrap();
    server.script([(500, "private-answer")]);
    let body = types::IsolateAgent::new().reason("private-body");
    drop(client.isolate_agent(424_242, body).send().await);

    let text = log.text();
    shows_none(&text, CREDENTIALS);
    shows_none(&text, &["private-", "424242"]);
    for told in [
        "otel.name=GET /v1/accounts/{account_id}/agents",
        "operation=\"list_agents\" account_id=77",
        "url.template=\"/v1/agents/{id}/isolation\"",
        "http.request.resend_count=2",
        "error.type=\"500\"",
        "otel.status_code=\"ERROR\"",
        "duration=",
        "http.response.status_code=503",
        "a value does not fit its field and is left out",
        "path=\"agents[0].mac_addresses\"",
        "answered status=503",
        "an attempt failed; tries again status=503 attempts=1 pause=",
        "refused by the server (429)",
        "waits for the quota next_free_in=Some(",
        "waited for the quota waited=",
        "succeeded status=200 attempts=3",
    ] {
        assert!(text.contains(told), "does not tell {told}: {text}");
    }
}

#[tokio::test]
async fn no_error_shows_the_credentials() {
    let server = Server::start().await;
    let client = server.client();
    let account = || client.get_account().send();
    let mut errors = Vec::new();
    server.answer(403, "{}");
    errors.push(account().await.unwrap_err());
    server.answer(200, "not JSON");
    errors.push(account().await.unwrap_err());
    for act in [Act::Close, Act::Truncate("{"), Act::Hang] {
        let raw = RawServer::start([act]).await;
        let builder = support::builder(raw.base_url()).timeout(Duration::from_millis(50));
        let client = builder.build().unwrap();
        errors.push(client.get_account().send().await.unwrap_err());
    }
    let nowhere = support::builder("http://127.0.0.1:1").build().unwrap();
    errors.push(nowhere.get_account().send().await.unwrap_err());
    errors.push(client.get_agent(0).send().await.unwrap_err());
    let secret = client.list_agents().header("authorization", SECRET);
    errors.push(secret.send().await.unwrap_err());
    // Debugging proxies answer with the request that they got.
    for (status, body) in [
        (
            400,
            format!(r#"{{"error":"GET / authorization: Basic {BASIC}"}}"#),
        ),
        (502, format!("<html><title>{KEY} {SECRET}</title></html>")),
        (200, format!(r#"{{"key":"{KEY}","secret":"{SECRET}"}}"#)),
    ] {
        server.answer(status, body);
        let error = account().await.unwrap_err();
        let body = String::from_utf8_lossy(error.body().unwrap());
        shows_none(&body, CREDENTIALS);
        shows_none(&error.message().unwrap_or_default(), CREDENTIALS);
        errors.push(error);
    }
    // Mistakes that must not end up in a log.
    for url in [
        format!("https://{KEY}:{SECRET}@api.huntress.io"),
        format!("{KEY}:{SECRET}"),
    ] {
        let builder = support::builder(&url);
        shows_none(&format!("{builder:?} {builder:#?}"), CREDENTIALS);
        errors.push(builder.build().unwrap_err());
    }
    let spaced = Client::builder().credentials(Credentials::new(KEY, format!("{SECRET} ")));
    errors.push(spaced.build().unwrap_err());
    for text in errors.iter().flat_map(texts) {
        shows_none(&text, CREDENTIALS);
    }
}

#[test]
fn no_debug_text_shows_the_credentials() {
    let client = support::builder("http://127.0.0.1:1").build().unwrap();
    let credentials = Credentials::new(KEY, SECRET);
    let call = client.for_account(7).list_agents().hostname("h");
    let stream = call.clone().stream();
    shows_none(&format!("{credentials:?} {credentials:#?}"), CREDENTIALS);
    shows_none(&format!("{client:?} {client:#?}"), CREDENTIALS);
    shows_none(&format!("{:?}", client.for_account(7)), CREDENTIALS);
    shows_none(&format!("{call:?} {call:#?} {stream:?}"), CREDENTIALS);
    let builder = Client::builder().credentials(credentials);
    shows_none(&format!("{builder:?} {builder:#?}"), CREDENTIALS);
}
