//! The HTTP that `huntctl` serves: its limits, its TLS, and how it ends.
//!
//! hyper by itself waits for ever for a client that is slow to say what it wants, to send the rest
//! of a body, or to read the answer. Each of these has a limit here, and the connections have
//! a number, so nobody who can connect can use up the program.

mod certificate;

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper::{Request, Response, StatusCode, header};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_io_timeout::TimeoutStream;

use crate::failure::{Exit, Failure};
use crate::stop::Stop;

pub use certificate::Certificate;

/// The largest head of a request, in bytes.
const MAX_HEAD: usize = 64 << 10;
/// How long nothing is accepted after the system has refused to.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// An address that is listened on, with TLS where there is a certificate.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    certificate: Option<Certificate>,
}

/// What a client may take of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at a time; more wait in the system's queue. The default is 256.
    pub connections: usize,
    /// For the handshake of TLS, and for a head to come, after which a connection is closed: so
    /// it is also how long one may be idle. The default is 10 s.
    pub head: Duration,
    /// From the head of a request to that of its answer; and how long a client may leave what
    /// was sent unread. The default is 30 s.
    pub request: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 256,
            head: Duration::from_secs(10),
            request: Duration::from_secs(30),
        }
    }
}

/// Who is connected: the client, or the proxy before it. Each request has it among its
/// extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

impl Listener {
    /// Listens at an address; port 0 lets the system choose one.
    ///
    /// # Errors
    ///
    /// Where the address cannot be had.
    pub async fn bind(
        address: SocketAddr,
        certificate: Option<Certificate>,
    ) -> Result<Self, Failure> {
        let bound = TcpListener::bind(address).await;
        let socket = bound.map_err(|problem| {
            let text = format!(
                "{address} cannot be listened on: {problem}; --listen takes another address, with \
                 port 0 any that is free"
            );
            Failure::new(Exit::Failed, text)
        })?;
        let address = socket.local_addr().unwrap_or(address);
        Ok(Self {
            socket,
            address,
            certificate,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same, as a browser takes it.
    pub fn url(&self) -> String {
        let scheme = match self.certificate {
            Some(_) => "https",
            None => "http",
        };
        format!("{scheme}://{}", self.address)
    }
}

/// Serves until it is asked to stop. Then requests that are under way come to their end, for
/// which they have the time of [`Limits::request`].
pub async fn serve(listener: Listener, app: Router, limits: Limits, mut stop: Stop) {
    let slots = Arc::new(Semaphore::new(limits.connections));
    let mut connections = JoinSet::new();
    while let Some((socket, peer, slot)) = tokio::select! {
        biased;
        _ = stop.wait() => None,
        accepted = accept(&listener, &slots) => Some(accepted),
    } {
        let connection = Connection {
            app: app.clone(),
            limits,
            peer,
            stop: stop.clone(),
        };
        let certificate = listener.certificate.clone();
        connections.spawn(async move {
            connection.serve(socket, certificate.as_ref()).await;
            drop(slot);
        });
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    let ended = timeout(limits.request, async {
        while connections.join_next().await.is_some() {}
    });
    if ended.await.is_err() {
        tracing::warn!(
            "{} connections were cut off, since they did not end",
            connections.len()
        );
    }
}

/// The next connection, when there is room for one.
async fn accept(
    listener: &Listener,
    slots: &Arc<Semaphore>,
) -> (TcpStream, Peer, Option<tokio::sync::OwnedSemaphorePermit>) {
    // The semaphore is never closed.
    let slot = Arc::clone(slots).acquire_owned().await.ok();
    loop {
        match listener.socket.accept().await {
            Ok((socket, peer)) => return (socket, Peer(peer), slot),
            Err(problem) => {
                // Such as no file descriptor left: it may be over soon.
                tracing::warn!("a connection could not be accepted: {problem}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

struct Connection {
    app: Router,
    limits: Limits,
    peer: Peer,
    stop: Stop,
}

impl Connection {
    async fn serve(self, socket: TcpStream, certificate: Option<&Certificate>) {
        // Answers are small and whole.
        let _ = socket.set_nodelay(true);
        let mut socket = TimeoutStream::new(socket);
        socket.set_write_timeout(Some(self.limits.request));
        let Some(certificate) = certificate else {
            return self.speak(Box::pin(socket)).await;
        };
        let peer = self.peer.0;
        let handshake = certificate.acceptor().accept(Box::pin(socket));
        match timeout(self.limits.head, handshake).await {
            Ok(Ok(socket)) => self.speak(socket).await,
            Ok(Err(problem)) => tracing::debug!(%peer, "no TLS: {problem}"),
            Err(_) => tracing::debug!(%peer, "the handshake of TLS took too long"),
        }
    }

    async fn speak(mut self, socket: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let app = TowerToHyperService::new(self.app);
        let (peer, limit) = (self.peer, self.limits.request);
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer);
            let answer = app.call(request);
            async move {
                let answer = timeout(limit, answer).await;
                answer.unwrap_or_else(|_| Ok(too_slow()))
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.head)
            .max_buf_size(MAX_HEAD)
            .serve_connection(TokioIo::new(socket), service);
        let mut connection = pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            _ = self.stop.wait() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(problem) = ended {
            tracing::debug!(peer = %peer.0, "a connection broke: {problem}");
        }
    }
}

/// The answer to a request that took too long, after which the connection is closed: the rest of
/// the request would be read as another one.
fn too_slow() -> Response<Body> {
    let mut response = Response::new(Body::from("the request took too long\n"));
    *response.status_mut() = StatusCode::REQUEST_TIMEOUT;
    let close = header::HeaderValue::from_static("close");
    response.headers_mut().insert(header::CONNECTION, close);
    response
}
