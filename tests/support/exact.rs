//! The account of programs that share a quota: a server that counts exactly, with a scaled window,
//! the programs, the work that each does, and what must hold wherever the quota is.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::process::{Child, Command, Stdio};
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

/// A program that runs, and is killed at the end: this test binary, started again as its ignored
/// test `program`.
pub struct Program(Child);

impl Program {
    /// Starts one that makes this many calls, by the quota that stands there.
    pub fn start(quota: impl AsRef<OsStr>, base_url: &str, calls: usize) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "program", "--ignored"])
            .env("HUNTRESS_TEST_BASE_URL", base_url)
            .env("HUNTRESS_TEST_QUOTA", quota)
            .env("HUNTRESS_TEST_CALLS", calls.to_string())
            .stdout(Stdio::null());
        Self(command.spawn().unwrap())
    }

    /// What such a program does; nothing where somebody else runs the ignored tests.
    pub async fn run(limiter: impl FnOnce(OsString) -> RateLimiter) {
        let Ok(base_url) = std::env::var("HUNTRESS_TEST_BASE_URL") else {
            return;
        };
        let limiter = limiter(std::env::var_os("HUNTRESS_TEST_QUOTA").unwrap());
        let calls = std::env::var("HUNTRESS_TEST_CALLS").unwrap();
        work(client(&base_url, limiter), TASKS, calls.parse().unwrap()).await;
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // `SIGKILL`, where there is one.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Eight programs are never refused and use all of the quota.
pub async fn eight_programs_use_all_of(quota: impl AsRef<OsStr>) {
    let (shared, base_url) = Server::start().await;
    let programs = (0..PROGRAMS).map(|_| Program::start(&quota, &base_url, usize::MAX));
    let programs: Vec<_> = programs.collect();
    // As many calls at once, by one limiter in memory.
    let (alone, base_url) = Server::start().await;
    let client = client(&base_url, RateLimiter::new(LIMIT, WINDOW));
    let best = tokio::spawn(work(client, PROGRAMS * TASKS, usize::MAX));
    let (took, optimum) = tokio::join!(three_windows(&shared), three_windows(&alone));
    best.abort();
    drop(programs);
    let share = optimum.div_duration_f64(took);
    println!("eight programs: {took:?}, one: {optimum:?}, {share:.4} of it");
    assert_eq!((shared.refused(), alone.refused()), (0, 0));
    assert!(share >= 0.99, "{share}");
}

/// Programs that are killed at random cost nobody a refusal.
pub async fn killed_programs_open_nothing_of(quota: impl AsRef<OsStr>) {
    let (server, base_url) = Server::start().await;
    let start = || Program::start(&quota, &base_url, usize::MAX);
    let mut programs: Vec<_> = (0..PROGRAMS).map(|_| start()).collect();
    let begun = Instant::now();
    let mut killed = 0;
    while begun.elapsed() < 5 * WINDOW {
        sleep(Duration::from_millis(fastrand::u64(50..400))).await;
        // Four of the eight.
        let victim = fastrand::usize(..PROGRAMS / 2);
        programs[victim] = start();
        killed += 1;
    }
    let taken = server.taken().len();
    println!("{killed} killed, {taken} requests taken");
    assert_eq!(server.refused(), 0);
    // Those that live go on.
    assert!(taken > LIMIT, "{taken}");
}

/// A program that starts again fifty times is never refused. Each tells how its last request
/// ended: a slot of which nobody does is held for 14 seconds.
pub async fn fifty_starts_open_nothing_of(quota: impl AsRef<OsStr>) {
    let (server, base_url) = Server::start().await;
    let begun = Instant::now();
    for _ in 0..50 {
        let mut program = Program::start(&quota, &base_url, 3);
        let ended = tokio::task::spawn_blocking(move || program.0.wait().unwrap());
        assert!(ended.await.unwrap().success());
    }
    let took = begun.elapsed();
    println!("50 programs took {took:?}");
    assert_eq!((server.taken().len(), server.refused()), (150, 0));
    assert!(took < 4 * WINDOW, "{took:?}");
}
