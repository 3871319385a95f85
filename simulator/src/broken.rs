//! Connections that end before their time, as a fault has it.

use hyper::Response;
use hyper::header::CONTENT_LENGTH;

use crate::body::Body;

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
