//! What clients that are slow, many, or gone can do to the server: nothing to others.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use axum::Router;
use axum::extract::Extension;
use axum::routing::{get, post};
use huntctl::http::{Certificate, Limits, Listener, Peer, serve};
use huntctl::stop::{Signal, Stop, Stopper};
use rcgen::{CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);
/// More than any answer of these tests, so that much of it stays unread.
const MUCH: usize = 32 << 20;

struct Server {
    address: SocketAddr,
    stopper: Stopper,
    task: JoinHandle<()>,
}

impl Server {
    async fn start(limits: Limits) -> Self {
        Self::with(limits, None).await
    }

    async fn with(limits: Limits, certificate: Option<Certificate>) -> Self {
        let app = Router::new()
            .route(
                "/",
                get(|peer: Extension<Peer>| async move { peer.0.0.to_string() }),
            )
            .route("/echo", post(|body: String| async move { body }))
            .route("/much", get(|| async { "x".repeat(MUCH) }))
            .route(
                "/slow",
                get(|| async {
                    tokio::time::sleep(Duration::from_millis(300)).await;
                    "done"
                }),
            );
        let listener = Listener::bind(ANY, certificate).await.unwrap();
        let address = listener.address();
        let (stopper, stop) = Stop::by_hand();
        Self {
            address,
            stopper,
            task: tokio::spawn(serve(listener, app, limits, stop)),
        }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// What comes until the server closes the connection.
    async fn says(&self, request: &str) -> String {
        let mut socket = self.connect().await;
        socket.write_all(request.as_bytes()).await.unwrap();
        rest(&mut socket).await
    }
}

/// What must happen long before any limit but the short ones ends.
async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(5), what)
        .await
        .expect("it did not happen")
}

async fn rest(socket: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let _ = soon(socket.read_to_end(&mut all)).await;
    String::from_utf8(all).unwrap()
}

fn short() -> Limits {
    Limits {
        head: Duration::from_millis(200),
        request: Duration::from_millis(200),
        ..Limits::default()
    }
}

#[tokio::test]
async fn a_request_knows_who_is_connected() {
    let server = Server::start(Limits::default()).await;
    let mut socket = server.connect().await;
    let own = socket.local_addr().unwrap();
    socket
        .write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    let answer = rest(&mut socket).await;
    assert!(answer.ends_with(&own.to_string()), "{answer}");
}

#[tokio::test]
async fn who_says_nothing_or_half_a_head_is_cut_off() {
    let server = Server::start(short()).await;
    for said in ["", "GET / HTTP/1.1\r\nhost: a\r\n"] {
        let answer = server.says(said).await;
        assert!(!answer.contains("200 OK"), "{answer}");
    }
    // One that is idle after a request, too.
    let answer = server.says("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(answer.contains("200 OK"), "{answer}");
}

#[tokio::test]
async fn half_a_body_and_a_slow_answer_end_as_a_408() {
    let server = Server::start(short()).await;
    for said in [
        "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nhalf",
        "GET /slow HTTP/1.1\r\nhost: a\r\n\r\n",
    ] {
        let answer = server.says(said).await;
        assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
        assert!(answer.contains("connection: close"), "{answer}");
    }
}

#[tokio::test]
async fn who_does_not_read_is_cut_off() {
    let limits = Limits {
        connections: 1,
        ..short()
    };
    let server = Server::start(limits).await;
    let mut unread = server.connect().await;
    unread
        .write_all(b"GET /much HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    // The only connection there may be is free again after a while.
    let answer = server
        .says("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        .await;
    assert!(answer.contains("200 OK"), "{answer}");
    assert!(rest(&mut unread).await.len() < MUCH);
}

#[tokio::test]
async fn connections_wait_for_their_turn() {
    let limits = Limits {
        connections: 1,
        ..Limits::default()
    };
    let server = Server::start(limits).await;
    let first = server.connect().await;
    let slow = "GET /slow HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let second = server.says(slow);
    tokio::pin!(second);
    let waited = tokio::time::timeout(Duration::from_millis(500), second.as_mut()).await;
    assert!(waited.is_err(), "{waited:?}");
    drop(first);
    assert!(second.await.ends_with("done"));
}

#[tokio::test]
async fn a_stop_lets_requests_end_and_takes_no_more() {
    let server = Server::start(Limits::default()).await;
    let slow = server.says("GET /slow HTTP/1.1\r\nhost: a\r\n\r\n");
    let idle = server.connect().await;
    let (answer, ()) = tokio::join!(slow, async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        server.stopper.stop(Signal::Terminate);
    });
    assert!(answer.ends_with("done"), "{answer}");
    // Nobody waits for connections that ask for nothing.
    soon(server.task).await.unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
    drop(idle);
}

/// Writes a certificate for `localhost` and its key, and returns the authority's.
fn issue(folder: &Path) -> String {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    std::fs::write(folder.join("chain.pem"), certificate.pem()).unwrap();
    std::fs::write(folder.join("key.pem"), key.serialize_pem()).unwrap();
    authority.pem()
}

async fn trusts(server: &Server, authority: &str) -> bool {
    let authority = reqwest::Certificate::from_pem(authority.as_bytes()).unwrap();
    let client = reqwest::Client::builder()
        .tls_certs_only([authority])
        .resolve("localhost", server.address)
        .build()
        .unwrap();
    let url = format!("https://localhost:{}/", server.address.port());
    client.get(url).send().await.is_ok()
}

#[tokio::test]
async fn a_renewed_certificate_is_served_without_a_restart() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let (chain, key) = (
        folder.path().join("chain.pem"),
        folder.path().join("key.pem"),
    );
    let first = issue(folder.path());
    let certificate = Certificate::read(&chain, &key).unwrap();
    let server = Server::with(short(), Some(certificate)).await;
    assert!(trusts(&server, &first).await);
    // Who speaks no TLS, or nothing at all, is cut off.
    for said in ["GET / HTTP/1.1\r\nhost: a\r\n\r\n", ""] {
        assert!(!server.says(said).await.contains("200 OK"));
    }

    // Half of a renewal changes nothing.
    let renewed = tempfile::tempdir().unwrap();
    let second = issue(renewed.path());
    std::fs::copy(renewed.path().join("chain.pem"), &chain).unwrap();
    assert!(trusts(&server, &first).await);
    std::fs::copy(renewed.path().join("key.pem"), &key).unwrap();
    assert!(trusts(&server, &second).await);
    assert!(!trusts(&server, &first).await);
}

#[test]
fn files_that_are_no_certificate_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let (chain, key) = (
        folder.path().join("chain.pem"),
        folder.path().join("key.pem"),
    );
    let said = |chain: &Path, key: &Path| Certificate::read(chain, key).unwrap_err().to_string();
    assert!(said(&chain, &key).contains("chain.pem cannot be used"));
    issue(folder.path());
    assert!(said(&key, &key).contains("key.pem cannot be used: it has no `-----BEGIN"));
    assert!(said(&chain, &chain).contains("chain.pem cannot be used"));
    let other = tempfile::tempdir().unwrap();
    issue(other.path());
    let said = said(&chain, &other.path().join("key.pem"));
    assert!(said.contains("chain.pem cannot be used"), "{said}");
}
