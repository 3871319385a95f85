//! Connections: how they are served, and how a fault ends one.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use hyper::Response;
use hyper::header::CONTENT_LENGTH;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::body::Body;
use crate::server::Api;

/// How a connection ends before its time.
#[derive(Debug)]
pub(crate) enum Broken {
    /// It is reset, without another byte.
    Reset,
    /// It is closed after these bytes.
    After(Vec<u8>),
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("broken on purpose")
    }
}

impl std::error::Error for Broken {}

/// Serves until it is dropped, connections included.
pub(crate) async fn serve(listener: TcpListener, api: Arc<Api>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Too many open files, say; others will be closed.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        while connections.try_join_next().is_some() {}
        connections.spawn(connection(stream, Arc::clone(&api)));
    }
}

async fn connection(stream: TcpStream, api: Arc<Api>) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let api = Arc::clone(&api);
        async move { api.handle(request).await }
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service);
    // How a connection ends is the client's business, but for a fault's.
    let Err(error) = (&mut connection).await else {
        return;
    };
    let mut stream = connection.into_parts().io.into_inner();
    match error.source().and_then(|source| source.downcast_ref()) {
        Some(Broken::Reset) => {
            let _ = stream.set_zero_linger();
        }
        Some(Broken::After(bytes)) => {
            let _ = stream.write_all(bytes).await;
        }
        None => {}
    }
}

/// The head of an answer, and half of the body that it promises. Not by the HTTP library,
/// which sends nothing of an answer that it cannot finish.
pub(crate) fn half(response: Response<Body>) -> Broken {
    let (head, body) = response.into_parts();
    let (Body::Whole(body) | Body::Trickle { left: body, .. }) = body;
    let mut bytes = format!("HTTP/1.1 {}\r\n", head.status).into_bytes();
    let length = body.len().into();
    let headers = head.headers.iter().chain([(&CONTENT_LENGTH, &length)]);
    for (name, value) in headers {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            bytes.extend_from_slice(part);
        }
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(&body[..body.len() / 2]);
    Broken::After(bytes)
}
