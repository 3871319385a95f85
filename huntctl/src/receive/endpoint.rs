//! The endpoint: verifies, stores, answers, and does nothing else while Svix waits.
//!
//! | what came | answer |
//! |---|---|
//! | a delivery, stored now or before | 200 |
//! | the same id with another body | 409 |
//! | a signature or time that is not good | 401 |
//! | headers that are missing or malformed, a body that broke off | 400 |
//! | more than 1 MiB | 413 |
//! | another method than POST, another path | 405, 404 |
//! | a delivery that could not be stored | 503 |
//!
//! The content type is not looked at: what is signed is the bytes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest as _, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use huntress::webhooks::{Delivery, VerifyError};
use sha2::{Digest as _, Sha256};
use tokio::time::timeout;

use super::books::{self, Arrival, Kept};
use super::measures::{Measures, Of};
use super::{Outcome, Shared, Told, event};

/// The largest body; Svix sends up to 350 kB.
pub(super) const MAX_BODY: usize = 1 << 20;
/// How long the database may take. Svix waits for 15 seconds.
const STORED_WITHIN: Duration = Duration::from_secs(10);
/// No event of the API has a type as long as this.
const LONGEST_TYPE: usize = 100;

/// What becomes of a request.
#[derive(Debug)]
pub(super) enum Answer {
    Stored,
    Repeated,
    Conflict,
    Refused(VerifyError),
    BrokenOff,
    NotStored,
    NotPost,
    NoSuchPath,
}

/// What becomes of a request whose client has gone, or that took too long.
const CUT: &str = "cut";

impl Answer {
    /// The names of all.
    pub(super) const ALL: [&str; 10] = [
        "stored",
        "repeated",
        "conflict",
        "unauthorized",
        "malformed",
        "too_large",
        "not_stored",
        "wrong_method",
        "wrong_path",
        CUT,
    ];

    fn status(&self) -> StatusCode {
        match self {
            Self::Stored | Self::Repeated => StatusCode::OK,
            Self::Conflict => StatusCode::CONFLICT,
            Self::Refused(error) => error.status(),
            Self::BrokenOff => StatusCode::BAD_REQUEST,
            Self::NotStored => StatusCode::SERVICE_UNAVAILABLE,
            Self::NotPost => StatusCode::METHOD_NOT_ALLOWED,
            Self::NoSuchPath => StatusCode::NOT_FOUND,
        }
    }

    fn name(&self) -> &'static str {
        match (self, self.status()) {
            (Self::Stored, _) => "stored",
            (Self::Repeated, _) => "repeated",
            (Self::Conflict, _) => "conflict",
            (_, StatusCode::UNAUTHORIZED) => "unauthorized",
            (_, StatusCode::PAYLOAD_TOO_LARGE) => "too_large",
            (Self::Refused(_) | Self::BrokenOff, _) => "malformed",
            (Self::NotStored, _) => "not_stored",
            (Self::NotPost, _) => "wrong_method",
            (Self::NoSuchPath, _) => "wrong_path",
        }
    }

    /// What the portal shows among the attempts of a delivery, and strangers see.
    fn text(&self) -> &'static str {
        match self.name() {
            "stored" => "stored\n",
            "repeated" => "stored already\n",
            "conflict" => "another body is stored under this id\n",
            "unauthorized" => "not signed for this endpoint, or not now\n",
            "too_large" => "too large\n",
            "not_stored" => "it could not be stored; send it again\n",
            "wrong_method" => "POST only\n",
            "wrong_path" => "no such endpoint\n",
            _ => "not a delivery\n",
        }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let plain = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
        let mut response = (self.status(), plain, self.text()).into_response();
        if matches!(self, Self::NotPost) {
            let post = header::HeaderValue::from_static("POST");
            response.headers_mut().insert(header::ALLOW, post);
        }
        response
    }
}

/// Counts a request, also one that is dropped before it is answered.
struct Clock<'a> {
    measures: &'a Measures,
    began: Instant,
    answer: &'static str,
}

impl Drop for Clock<'_> {
    fn drop(&mut self) {
        self.measures.answered(self.answer, self.began.elapsed());
    }
}

/// The endpoint at its path, and 404 everywhere else.
pub(super) fn app(shared: Arc<Shared>) -> Router {
    let path = shared.options.path.clone();
    Router::new()
        .route(&path, any(receive))
        .fallback(elsewhere)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(shared)
}

async fn elsewhere(State(shared): State<Arc<Shared>>) -> Answer {
    let answer = Answer::NoSuchPath;
    shared.measures.answered(answer.name(), Duration::ZERO);
    answer
}

async fn receive(State(shared): State<Arc<Shared>>, request: Request) -> Answer {
    let mut clock = Clock {
        measures: &shared.measures,
        began: Instant::now(),
        answer: CUT,
    };
    let answer = answer(&shared, request).await;
    clock.answer = answer.name();
    answer
}

async fn answer(shared: &Shared, mut request: Request) -> Answer {
    if request.method() != Method::POST {
        return Answer::NotPost;
    }
    let limit = MAX_BODY;
    if length(request.headers()).is_some_and(|length| length > limit as u64) {
        return refused(shared, VerifyError::TooLarge { limit });
    }
    let headers = std::mem::take(request.headers_mut());
    let body = match Bytes::from_request(request, &()).await {
        Ok(body) => body,
        Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            return refused(shared, VerifyError::TooLarge { limit });
        }
        Err(_) => return Answer::BrokenOff,
    };
    match shared.verifier.verify(&headers, &body) {
        Ok(delivery) => keep(shared, delivery).await,
        Err(error) => refused(shared, error),
    }
}

fn length(headers: &HeaderMap) -> Option<u64> {
    let length = headers.get(header::CONTENT_LENGTH)?;
    length.to_str().ok()?.parse().ok()
}

/// Anybody can send what is not signed, so it is told of once in a while only.
fn refused(shared: &Shared, error: VerifyError) -> Answer {
    match shared.refusals.tell() {
        true => tracing::warn!("{error} (said once a minute; /metrics counts them)"),
        false => tracing::debug!("{error}"),
    }
    Answer::Refused(error)
}

async fn keep(shared: &Shared, delivery: Delivery) -> Answer {
    let arrival = arrival(&delivery);
    let id = arrival.id.escape_debug();
    let kept = timeout(
        STORED_WITHIN,
        books::keep(shared.store.database(), &arrival),
    );
    let why = match kept.await {
        Ok(Ok(Kept::New)) => {
            tracing::info!("{id}: {} is stored", arrival.event_type.escape_debug());
            shared.measures.stored(event::category(&arrival.event_type));
            match arrival.about.subject {
                Some(_) => shared.arrived.notify_one(),
                None => shared.done(&Told::of_an_event(&arrival), Outcome::Event),
            }
            return Answer::Stored;
        }
        Ok(Ok(Kept::Repeated)) => {
            tracing::info!("{id} is stored already");
            return Answer::Repeated;
        }
        Ok(Ok(Kept::Conflict)) => {
            tracing::error!(
                "the delivery {id} came again with another body, rightly signed, and was refused: \
                 somebody else may have the secret, or the sender has a fault. What came first \
                 is in delivered_events"
            );
            return Answer::Conflict;
        }
        Ok(Err(failure)) => failure.to_string(),
        Err(_) => format!("the database took more than {} s", STORED_WITHIN.as_secs()),
    };
    shared.measures.failed(Of::Database);
    tracing::error!("the delivery {id} could not be stored, and was refused by 503: {why}");
    Answer::NotStored
}

fn arrival(delivery: &Delivery) -> Arrival {
    let digest = Sha256::digest(&delivery.body);
    let digest = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let event_type = delivery.event.event_type();
    Arrival {
        id: delivery.id.clone(),
        digest,
        about: event::about(event_type, &delivery.body),
        event_type: event_type.chars().take(LONGEST_TYPE).collect(),
        sent_at: delivery.sent_at,
        body: String::from_utf8_lossy(&delivery.body).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_answer_has_a_name_that_is_counted() {
        let by = Duration::from_secs(301);
        let name = "svix-id";
        for (answer, status, expected) in [
            (Answer::Stored, 200, "stored"),
            (Answer::Repeated, 200, "repeated"),
            (Answer::Conflict, 409, "conflict"),
            (
                Answer::Refused(VerifyError::NoSignatureMatched),
                401,
                "unauthorized",
            ),
            (
                Answer::Refused(VerifyError::TooOld { by }),
                401,
                "unauthorized",
            ),
            (
                Answer::Refused(VerifyError::MissingHeader { name }),
                400,
                "malformed",
            ),
            (
                Answer::Refused(VerifyError::TooLarge { limit: 7 }),
                413,
                "too_large",
            ),
            (Answer::BrokenOff, 400, "malformed"),
            (Answer::NotStored, 503, "not_stored"),
            (Answer::NotPost, 405, "wrong_method"),
            (Answer::NoSuchPath, 404, "wrong_path"),
        ] {
            assert_eq!(answer.status(), status, "{answer:?}");
            assert_eq!(answer.name(), expected, "{answer:?}");
            assert!(Answer::ALL.contains(&expected));
        }
    }
}
