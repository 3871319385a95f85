//! A loopback server that records what arrives and answers what a test says.

#![allow(dead_code)] // each test file uses a part of it

use std::collections::VecDeque;
use std::error::Error as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use huntress::{Client, ClientBuilder, Credentials, RateLimiter, RetryPolicy};

pub mod calls;
pub mod exact;
pub mod fitted;
pub mod payload;
pub mod raw;
pub mod tls;

pub const KEY: &str = "hk_0123456789abcdef";
pub const SECRET: &str = "hs_fedcba9876543210";
/// `KEY:SECRET` in base64.
pub const BASIC: &str = "aGtfMDEyMzQ1Njc4OWFiY2RlZjpoc19mZWRjYmE5ODc2NTQzMjEw";

#[derive(Clone, Debug)]
pub struct Request {
    pub method: Method,
    pub uri: Uri,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// When it arrived.
    pub at: Instant,
}

#[derive(Clone)]
struct Answer {
    status: StatusCode,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

#[derive(Clone)]
pub struct Server {
    base_url: String,
    answer: Arc<Mutex<Answer>>,
    script: Arc<Mutex<VecDeque<Answer>>>,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::serve("http", listener)
    }

    /// The same server over TLS.
    pub async fn start_tls(certificate: &tls::Certificate) -> Self {
        Self::serve("https", tls::Listener::bind(certificate).await)
    }

    fn serve(scheme: &str, listener: impl axum::serve::Listener<Addr = SocketAddr>) -> Self {
        let server = Self {
            base_url: format!("{scheme}://{}", listener.local_addr().unwrap()),
            answer: Arc::new(Mutex::new(Answer {
                status: StatusCode::OK,
                headers: vec![("content-type", "application/json".to_owned())],
                body: b"{}".to_vec(),
            })),
            script: Arc::default(),
            requests: Arc::default(),
        };
        let router = Router::new().fallback(record).with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        server
    }

    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// A client that sends every call once, without waiting for the quota.
    pub fn client(&self) -> Client {
        self.builder().build().unwrap()
    }

    /// What [`Self::client`] is built of, for a test that changes it.
    pub fn builder(&self) -> ClientBuilder {
        builder(&self.base_url)
    }

    pub fn answer(&self, status: u16, body: impl Into<String>) {
        self.answer_as("application/json", status, body);
    }

    pub fn answer_as(&self, content_type: &'static str, status: u16, body: impl Into<String>) {
        self.answer_with(status, &[("content-type", content_type)], body.into());
    }

    pub fn answer_with(
        &self,
        status: u16,
        headers: &[(&'static str, &str)],
        body: impl Into<Vec<u8>>,
    ) {
        *self.answer.lock().unwrap() = Answer::new(status, headers, body);
    }

    /// Gives these answers first, one to each request.
    pub fn script<B: ToString>(&self, answers: impl IntoIterator<Item = (u16, B)>) {
        for (status, body) in answers {
            self.script_with(status, &[], body.to_string());
        }
    }

    /// Adds this answer to those that are given first.
    pub fn script_with(
        &self,
        status: u16,
        headers: &[(&'static str, &str)],
        body: impl Into<Vec<u8>>,
    ) {
        let answer = Answer::new(status, headers, body);
        self.script.lock().unwrap().push_back(answer);
    }

    pub fn redirect_to(&self, location: &str) {
        self.answer_with(302, &[("location", location)], "");
    }

    /// How many requests have arrived since they were last taken.
    pub fn count(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    /// The requests since the last call of this.
    pub fn take_requests(&self) -> Vec<Request> {
        std::mem::take(&mut *self.requests.lock().unwrap())
    }

    #[track_caller]
    pub fn take_only_request(&self) -> Request {
        let mut requests = self.take_requests();
        assert_eq!(requests.len(), 1, "{requests:?}");
        requests.remove(0)
    }
}

async fn record(
    State(server): State<Server>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let request = Request {
        method,
        uri,
        headers,
        body,
        at: Instant::now(),
    };
    server.requests.lock().unwrap().push(request);
    let scripted = server.script.lock().unwrap().pop_front();
    let answer = scripted.unwrap_or_else(|| server.answer.lock().unwrap().clone());
    let mut response = (answer.status, answer.body).into_response();
    for (name, value) in answer.headers {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response
}

impl Answer {
    fn new(status: u16, headers: &[(&'static str, &str)], body: impl Into<Vec<u8>>) -> Self {
        let headers = headers
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()));
        Self {
            status: StatusCode::from_u16(status).unwrap(),
            headers: headers.collect(),
            body: body.into(),
        }
    }
}

/// What a client is built of that sends every call once, without waiting for the quota.
pub fn builder(base_url: &str) -> ClientBuilder {
    Client::builder()
        .base_url(base_url)
        .credentials(Credentials::new(KEY, SECRET))
        .rate_limiter(RateLimiter::new(10_000, Duration::from_millis(20)))
        .retry(RetryPolicy::none())
}

/// The default policy, but with pauses of no more than a millisecond.
pub fn quick_retries() -> RetryPolicy {
    let pause = Duration::from_millis(1);
    RetryPolicy::default().backoff(pause, pause)
}

/// Waits for something that another task does.
#[track_caller]
pub fn until(mut done: impl FnMut() -> bool) -> impl Future<Output = ()> {
    let caller = std::panic::Location::caller();
    async move {
        let end = Instant::now() + Duration::from_secs(10);
        while !done() {
            assert!(Instant::now() < end, "never happened: {caller}");
            tokio::task::yield_now().await;
        }
    }
}

/// The predicates that hold for an error.
pub fn predicates(error: &huntress::Error) -> Vec<&'static str> {
    let all = [
        ("authentication", error.is_authentication()),
        ("permission", error.is_permission()),
        ("not_found", error.is_not_found()),
        ("conflict", error.is_conflict()),
        ("invalid_request", error.is_invalid_request()),
        ("rate_limited", error.is_rate_limited()),
        ("server", error.is_server()),
        ("timeout", error.is_timeout()),
        ("connect", error.is_connect()),
        ("transport", error.is_transport()),
        ("too_large", error.is_too_large()),
        ("decode", error.is_decode()),
        ("record", error.is_record()),
        ("configuration", error.is_configuration()),
        ("quota", error.is_quota()),
    ];
    let holding = all.into_iter().filter(|(_, holds)| *holds);
    holding.map(|(name, _)| name).collect()
}

/// Asserts that a call was refused with a message, and that one predicate alone holds.
#[track_caller]
pub fn refused<T: std::fmt::Debug>(result: Result<T, huntress::Error>, predicate: &str) {
    let error = result.unwrap_err();
    assert_eq!(predicates(&error), [predicate], "{error}");
    assert!(error.message().is_some(), "{error}");
}

/// What a client of a simulator is built of; it sends every call once, without waiting for
/// the quota.
pub fn simulated(simulator: &huntress_simulator::Simulator) -> ClientBuilder {
    let credentials = simulator.credentials();
    builder(&simulator.base_url())
        .credentials(Credentials::new(&credentials.key, &credentials.secret))
}

/// The operations that have succeeded, by method and path.
pub fn succeeded(
    simulator: &huntress_simulator::Simulator,
    of: impl Fn(&str) -> bool,
) -> std::collections::BTreeSet<String> {
    let answered = simulator.answered().into_iter();
    answered
        .filter(|(place, statuses)| of(place) && statuses.keys().any(|status| *status < 300))
        .map(|(place, _)| place)
        .collect()
}

/// The cause of an error: the text of its last source, or of the first source that contains
/// that text. (The last one of OpenSSL says that a certificate is refused; the one before it
/// adds why.)
pub fn innermost(error: &huntress::Error) -> String {
    let mut source = error.source().expect("a cause");
    let mut text = source.to_string();
    while let Some(next) = source.source() {
        source = next;
        let next = source.to_string();
        if !text.contains(&next) {
            text = next;
        }
    }
    text
}
