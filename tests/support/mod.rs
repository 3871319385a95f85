//! A loopback server that records what arrives and answers what a test says.

#![allow(dead_code)] // each test file uses a part of it

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use huntress::{Client, Credentials, RateLimiter};

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
    content_type: &'static str,
    location: Option<String>,
    body: String,
}

#[derive(Clone)]
pub struct Server {
    base_url: String,
    answer: Arc<Mutex<Answer>>,
    script: Arc<Mutex<VecDeque<(u16, String)>>>,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            base_url: format!("http://{}", listener.local_addr().unwrap()),
            answer: Arc::new(Mutex::new(Answer {
                status: StatusCode::OK,
                content_type: "application/json",
                location: None,
                body: "{}".to_owned(),
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

    pub fn client(&self) -> Client {
        let credentials = Credentials::new(KEY, SECRET);
        Client::builder()
            .base_url(&self.base_url)
            .credentials(credentials)
            // Not what is tested here.
            .rate_limiter(RateLimiter::new(10_000, Duration::from_secs(1)))
            .build()
            .unwrap()
    }

    pub fn answer(&self, status: u16, body: impl Into<String>) {
        self.answer_as("application/json", status, body);
    }

    pub fn answer_as(&self, content_type: &'static str, status: u16, body: impl Into<String>) {
        *self.answer.lock().unwrap() = Answer {
            status: StatusCode::from_u16(status).unwrap(),
            content_type,
            location: None,
            body: body.into(),
        };
    }

    /// These answers first, one a request.
    pub fn script<B: ToString>(&self, answers: impl IntoIterator<Item = (u16, B)>) {
        let answers = answers
            .into_iter()
            .map(|(status, body)| (status, body.to_string()));
        self.script.lock().unwrap().extend(answers);
    }

    pub fn redirect_to(&self, location: &str) {
        self.answer(302, "");
        self.answer.lock().unwrap().location = Some(location.to_owned());
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
    let mut answer = server.answer.lock().unwrap().clone();
    if let Some((status, body)) = server.script.lock().unwrap().pop_front() {
        answer.status = StatusCode::from_u16(status).unwrap();
        answer.body = body;
    }
    let mut response = (
        answer.status,
        [("content-type", answer.content_type)],
        answer.body,
    )
        .into_response();
    if let Some(location) = answer.location {
        response
            .headers_mut()
            .insert("location", location.parse().unwrap());
    }
    response
}
