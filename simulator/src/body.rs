//! The bodies of answers: whole ones, and one that comes in pieces.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::body::{Bytes, Frame, SizeHint};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use serde::Serialize;
use tokio::time::{Sleep, sleep};

/// What is sent after the head of an answer.
#[derive(Debug)]
pub(crate) enum Body {
    /// All at once.
    Whole(Bytes),
    /// In small pieces, with a pause before each.
    Trickle {
        left: Bytes,
        pause: Duration,
        wait: Pin<Box<Sleep>>,
    },
}

/// Bytes of a piece.
const PIECE: usize = 64;

impl Body {
    pub(crate) fn trickle(body: impl Into<Bytes>, pause: Duration) -> Self {
        Self::Trickle {
            left: body.into(),
            pause,
            wait: Box::pin(sleep(pause)),
        }
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = match self.get_mut() {
            Self::Whole(bytes) => std::mem::take(bytes),
            Self::Trickle { left, .. } if left.is_empty() => Bytes::new(),
            Self::Trickle { left, pause, wait } => {
                ready!(wait.as_mut().poll(context));
                *wait = Box::pin(sleep(*pause));
                left.split_to(PIECE.min(left.len()))
            }
        };
        Poll::Ready((!piece.is_empty()).then(|| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(left) | Self::Trickle { left, .. } => left.is_empty(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            // A client does not know before all of it has come.
            Self::Trickle { .. } => SizeHint::default(),
        }
    }
}

/// An answer of bytes or text of some type.
pub(crate) fn typed(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Response<Body> {
    let mut response = empty(status);
    let content_type = HeaderValue::from_static(content_type);
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    *response.body_mut() = Body::Whole(body.into());
    response
}

/// An answer of JSON.
pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Response<Body> {
    let text = serde_json::to_string(body).expect("what is answered is JSON");
    typed(status, "application/json", text)
}

/// An answer without a body.
pub(crate) fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::Whole(Bytes::new()));
    *response.status_mut() = status;
    response
}
