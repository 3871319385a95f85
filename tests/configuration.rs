//! What a client is made of, and what cannot be made into one.

mod support;

use std::error::Error as _;
use std::time::Duration;

use huntress::{Client, Credentials, CredentialsError, RateLimiter};
use support::raw::KeepAlive;
use support::{BASIC, KEY, SECRET, Server, builder};

const EMPTY: &str = r#"{"agents":[],"pagination":{}}"#;

#[track_caller]
fn not_built(builder: huntress::ClientBuilder, headline: &str) -> huntress::Error {
    let error = builder.build().unwrap_err();
    assert!(error.to_string().starts_with(headline), "{error}");
    error
}

#[test]
fn malformed_credentials_are_the_source_of_the_error() {
    let client = builder("https://a.example").build();
    for (credentials, why) in [
        (
            Credentials::new(format!("{KEY}\n"), SECRET),
            "the API key ends in a line break",
        ),
        (
            (SECRET, KEY).into(),
            "the API key and secret are swapped: the key starts with `hk_`, the secret with `hs_`",
        ),
    ] {
        let builder = Client::builder().credentials(credentials.clone());
        let mut errors = vec![not_built(builder, "the credentials cannot be used")];
        if let Ok(client) = &client {
            errors.push(client.with_credentials(credentials).unwrap_err());
        }
        for error in errors {
            let source = error.source().unwrap();
            assert!(source.is::<CredentialsError>());
            assert_eq!(source.to_string(), why);
            let text = format!("{error} {error:?}");
            assert!(!text.contains(KEY) && !text.contains(SECRET), "{text}");
        }
    }
}

#[test]
fn a_base_url_is_refused_without_what_may_be_secret_in_it() {
    for (url, why) in [
        (
            "http://simulator.example/s3cret",
            "the base URL http://simulator.example is http; the credentials need https (or loopback, or `allow_plain_http`)",
        ),
        (
            "user:s3cret@a.example",
            "the base URL has no scheme; write it as https://host",
        ),
        (
            "https://a.example/?key=s3cret",
            "the base URL https://a.example… must have neither query nor fragment",
        ),
    ] {
        let error = not_built(builder(url), why);
        assert!(!format!("{error:?}").contains("s3cret"));
    }
}

#[tokio::test]
async fn the_version_at_the_end_of_a_base_url_is_not_sent_twice() {
    let server = Server::start().await;
    server.answer(200, EMPTY);
    for end in ["", "/", "/v1", "/v1/"] {
        let client = builder(&format!("{}{end}", server.base_url()))
            .build()
            .unwrap();
        client.list_agents().send().await.unwrap();
        let account = client.for_account(7);
        account.list_agents().send().await.unwrap();
        let paths = server
            .take_requests()
            .into_iter()
            .map(|request| request.uri.path().to_owned());
        assert_eq!(
            paths.collect::<Vec<_>>(),
            ["/v1/agents", "/v1/accounts/7/agents"]
        );
    }
}

#[tokio::test]
async fn other_credentials_share_quota_and_connections() {
    let server = Server::start().await;
    server.answer(200, EMPTY);
    let limiter = RateLimiter::new(2, Duration::from_secs(3600));
    let old = server.builder().rate_limiter(limiter).build().unwrap();
    let new = old.with_credentials(("hk_other", "hs_other")).unwrap();
    old.list_agents().send().await.unwrap();
    new.list_agents().send().await.unwrap();
    let requests = server.take_requests();
    let sent: Vec<_> = requests
        .iter()
        .map(|request| &request.headers["authorization"])
        .collect();
    assert_eq!(
        sent,
        [&*format!("Basic {BASIC}"), "Basic aGtfb3RoZXI6aHNfb3RoZXI="]
    );
    for client in [&old, &new] {
        assert_eq!(client.rate_limiter().snapshot().available, 0);
    }
}

#[tokio::test]
async fn an_idle_connection_is_closed_before_a_load_balancer_does() {
    let server = KeepAlive::start([]).await;
    let client = builder(server.base_url()).build().unwrap();
    for (idle, connections) in [(0, 1), (44, 1), (46, 2)] {
        // Only meanwhile: a socket does not know of the tests' time.
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(idle)).await;
        tokio::time::resume();
        client.list_agents().send().await.unwrap();
        assert_eq!(server.connections(), connections, "after {idle} s");
    }
}

#[tokio::test]
async fn plain_http_to_any_host_must_be_allowed() {
    let server = Server::start().await;
    server.answer(200, EMPTY);
    // A connection to it reaches this machine, but nothing says so.
    let url = server.base_url().replace("127.0.0.1", "0.0.0.0");
    not_built(builder(&url), "the base URL http://0.0.0.0");
    let client = builder(&url).allow_plain_http().build().unwrap();
    client.list_agents().send().await.unwrap();
    assert_eq!(server.count(), 1);
}

#[cfg(not(any(feature = "rustls", feature = "native-tls")))]
#[tokio::test]
async fn without_a_tls_library_only_plain_http_works() {
    let needs = "TLS needs a library: switch on the feature `rustls` or `native-tls`";
    not_built(builder("https://api.huntress.io"), needs);
    not_built(Client::builder().credentials((KEY, SECRET)), needs);
    let server = Server::start().await;
    not_built(server.builder().root_certificate("a"), needs);
    server.answer(200, EMPTY);
    server.client().list_agents().send().await.unwrap();
}
