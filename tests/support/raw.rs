//! A loopback server below HTTP: what a proxy or a network does to a connection.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// What happens to a request that has arrived whole.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    /// A whole answer of this status.
    Answer(u16, &'static str),
    /// A 200 whose body breaks off.
    Truncate(&'static str),
    /// The connection is closed without an answer.
    Close,
    /// Nothing, for ever.
    Hang,
    /// The head of a 200, and then nothing for ever.
    Stall,
    /// The connection is closed without an answer, and no other is taken from then on.
    Vanish,
    /// A 429 that asks for a longer wait than any caller accepts.
    Refuse,
    /// A 200 of this many bytes.
    Large(usize),
}

pub struct RawServer {
    base_url: String,
    arrived: Arc<Mutex<Vec<String>>>,
}

impl RawServer {
    /// Does these, one for each request, and then hangs.
    pub async fn start(script: impl IntoIterator<Item = Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let arrived = Arc::new(Mutex::new(Vec::new()));
        let script: Arc<Mutex<VecDeque<Act>>> = Arc::new(Mutex::new(script.into_iter().collect()));
        let log = Arc::clone(&arrived);
        let vanish = Arc::new(Notify::new());
        tokio::spawn(async move {
            loop {
                let (connection, _) = tokio::select! {
                    accepted = listener.accept() => accepted.unwrap(),
                    () = vanish.notified() => return,
                };
                let (script, log) = (Arc::clone(&script), Arc::clone(&log));
                tokio::spawn(serve(connection, script, log, Arc::clone(&vanish)));
            }
        });
        Self { base_url, arrived }
    }

    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The request lines that arrived.
    pub fn arrived(&self) -> Vec<String> {
        self.arrived.lock().unwrap().clone()
    }
}

/// Answers with an empty list of agents, and keeps the connections open.
#[derive(Clone)]
pub struct KeepAlive {
    base_url: Arc<str>,
    connections: Arc<AtomicUsize>,
    arrived: Arc<AtomicUsize>,
}

impl KeepAlive {
    /// Never answers these requests, by the order in which they arrive.
    pub async fn start<const N: usize>(ignored: [usize; N]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            base_url: format!("http://{}", listener.local_addr().unwrap()).into(),
            connections: Arc::default(),
            arrived: Arc::default(),
        };
        let state = server.clone();
        tokio::spawn(async move {
            while let Ok((mut connection, _)) = listener.accept().await {
                let state = state.clone();
                state.connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(async move {
                    while request(&mut connection).await.is_some() {
                        if ignored.contains(&state.arrived.fetch_add(1, Ordering::SeqCst)) {
                            continue;
                        }
                        let body = r#"{"agents":[],"pagination":{}}"#;
                        let length = body.len();
                        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}");
                        let answer = format!("{head}\r\n\r\n{body}");
                        connection.write_all(answer.as_bytes()).await.unwrap();
                    }
                });
            }
        });
        server
    }

    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// How many connections were made.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// How many requests have arrived.
    pub fn arrived(&self) -> usize {
        self.arrived.load(Ordering::SeqCst)
    }
}

async fn serve(
    mut connection: TcpStream,
    script: Arc<Mutex<VecDeque<Act>>>,
    log: Arc<Mutex<Vec<String>>>,
    vanish: Arc<Notify>,
) {
    let Some(line) = request(&mut connection).await else {
        return;
    };
    log.lock().unwrap().push(line);
    let act = script.lock().unwrap().pop_front().unwrap_or(Act::Hang);
    let answer = match act {
        Act::Answer(status, body) => {
            let length = body.len();
            format!(
                "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            )
        }
        Act::Truncate(body) => {
            let length = body.len() + 1;
            format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}")
        }
        Act::Close => return,
        Act::Hang => return std::future::pending().await,
        Act::Stall => {
            let head = b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n";
            drop(connection.write_all(head).await);
            return std::future::pending().await;
        }
        Act::Vanish => {
            vanish.notify_one();
            // The listener goes first, so that nobody connects once this one is closed.
            tokio::time::sleep(Duration::from_millis(20)).await;
            return;
        }
        Act::Refuse => {
            "HTTP/1.1 429 X\r\nretry-after: 999\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                .to_owned()
        }
        Act::Large(length) => {
            let body = "x".repeat(length);
            format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            )
        }
    };
    // A client that has had enough may be gone.
    drop(connection.write_all(answer.as_bytes()).await);
}

/// Reads one request whole and returns its first line.
async fn request(connection: &mut TcpStream) -> Option<String> {
    let mut read = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let count = connection.read(&mut buffer).await.ok()?;
        if count == 0 {
            return None;
        }
        read.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&read).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .filter_map(|line| {
                line.to_ascii_lowercase()
                    .strip_prefix("content-length:")
                    .map(str::to_owned)
            })
            .find_map(|value| value.trim().parse::<usize>().ok());
        if body.len() >= length.unwrap_or(0) {
            return head.lines().next().map(str::to_owned);
        }
    }
}
