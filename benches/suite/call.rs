//! A call on loopback, against reqwest and `serde_json` doing the same.

use std::time::Duration;

use criterion::Criterion;
use huntress::{Client, Credentials, RateLimiter, types};
use reqwest::redirect;
use serde::Deserialize;

use crate::decode::agents;
use crate::{Row, paired};

#[derive(Deserialize)]
struct Envelope {
    agent: types::Agent,
}

pub fn run(criterion: &mut Criterion) -> [Row; 1] {
    let base_url = serve();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let client = Client::builder()
        .base_url(&base_url)
        .credentials(Credentials::new("hk_key", "hs_secret"))
        // Room for any number of calls.
        .rate_limiter(RateLimiter::new(1_000_000, Duration::from_nanos(1)))
        .build()
        .unwrap();
    let plain = reqwest::Client::builder()
        .tls_backend_preconfigured(no_tls())
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .timeout(Duration::from_secs(60))
        .connect_timeout(Duration::from_secs(10))
        .user_agent("plain")
        .build()
        .unwrap();
    let paired = paired::measure(
        criterion,
        "one call",
        || runtime.block_on(async { client.get_agent(42).send().await.unwrap() }),
        || {
            runtime.block_on(async {
                let request = plain
                    .get(format!("{base_url}/v1/agents/{}", 42))
                    .basic_auth("hk_key", Some("hs_secret"))
                    .header("accept", "application/json");
                let response = request.send().await.unwrap();
                let body = response.error_for_status().unwrap().bytes().await.unwrap();
                serde_json::from_slice::<Envelope>(&body).unwrap().agent
            })
        },
    );
    [(
        "one call on loopback, against plain reqwest and serde_json",
        paired,
    )]
}

/// Answers one agent, on a thread of its own.
fn serve() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    let body = serde_json::json!({"agent": agents(1)[0]}).to_string();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let answer = move || {
                let body = body.clone();
                async move { ([("content-type", "application/json")], body) }
            };
            let router = axum::Router::new().fallback(answer);
            axum::serve(listener, router).await.unwrap();
        });
    });
    base_url
}

/// TLS is never used on loopback, but reqwest wants a provider for it.
fn no_tls() -> rustls::ClientConfig {
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth()
}
