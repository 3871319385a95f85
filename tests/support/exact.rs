//! The account of programs that share a quota: a server that counts exactly, with a scaled window,
//! and the work that each program does.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use futures::future::join_all;
use huntress::{Client, RateLimiter};
use tokio::time::sleep;

pub const LIMIT: usize = 60;
pub const WINDOW: Duration = Duration::from_secs(3);
pub const PROGRAMS: usize = 8;
/// The calls that a program makes at once.
pub const TASKS: usize = 4;

/// Answers any call after a random time, and counts like the API.
#[derive(Clone, Default)]
pub struct Server(Arc<Mutex<Log>>);

#[derive(Default)]
struct Log {
    window: VecDeque<Instant>,
    taken: Vec<Instant>,
    refused: usize,
}

impl Server {
    pub async fn start() -> (Self, String) {
        let server = Self::default();
        let router = axum::Router::new()
            .fallback(answer)
            .with_state(server.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (server, base_url)
    }

    pub fn taken(&self) -> Vec<Instant> {
        self.0.lock().unwrap().taken.clone()
    }

    pub fn refused(&self) -> usize {
        self.0.lock().unwrap().refused
    }
}

async fn answer(State(server): State<Server>) -> Response {
    let answer = {
        let mut log = server.0.lock().unwrap();
        let now = Instant::now();
        while log.window.front().is_some_and(|at| now - *at >= WINDOW) {
            log.window.pop_front();
        }
        if log.window.len() == LIMIT {
            log.refused += 1;
            StatusCode::TOO_MANY_REQUESTS.into_response()
        } else {
            log.window.push_back(now);
            log.taken.push(now);
            r#"{"account":{"id":7}}"#.into_response()
        }
    };
    sleep(Duration::from_millis(fastrand::u64(0..20))).await;
    answer
}

pub fn client(base_url: &str, limiter: RateLimiter) -> Client {
    let builder = super::builder(base_url).timeout(Duration::from_secs(1));
    builder.rate_limiter(limiter).build().unwrap()
}

/// Makes calls in several tasks; what they end with does not matter here.
pub async fn work(client: Client, tasks: usize, calls: usize) {
    let left = Arc::new(AtomicUsize::new(calls));
    let more = move |left: &AtomicUsize| {
        let fewer = |left: usize| left.checked_sub(1);
        left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fewer)
            .is_ok()
    };
    join_all((0..tasks).map(|_| {
        let (client, left) = (client.clone(), Arc::clone(&left));
        tokio::spawn(async move {
            while more(&left) {
                client.get_account().send().await.unwrap();
            }
        })
    }))
    .await
    .into_iter()
    .for_each(Result::unwrap);
}

/// From the second window of a log to its fifth.
pub async fn three_windows(server: &Server) -> Duration {
    while server.taken().len() < 4 * LIMIT + 1 {
        sleep(WINDOW / 30).await;
    }
    let taken = server.taken();
    taken[4 * LIMIT] - taken[LIMIT]
}
