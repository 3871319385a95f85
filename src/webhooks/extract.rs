//! A [`Delivery`] as an argument of an axum handler.
//!
//! It takes the raw body and finds the [`Verifier`] in the state, and what is no delivery never
//! reaches the handler:
//!
//! ```
//! use axum::extract::FromRef;
//! use axum::{Router, http::StatusCode, routing::post};
//! use huntress::webhooks::{Delivery, Verifier};
//!
//! #[derive(Clone)]
//! struct App {
//!     verifier: Verifier,
//! }
//!
//! impl FromRef<App> for Verifier {
//!     fn from_ref(app: &App) -> Self {
//!         app.verifier.clone()
//!     }
//! }
//!
//! async fn receive(delivery: Delivery) -> StatusCode {
//!     println!("{} tells of {}", delivery.id, delivery.event.event_type());
//!     StatusCode::NO_CONTENT
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let verifier = Verifier::new(["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])?;
//! let app: Router = Router::new().route("/", post(receive)).with_state(App { verifier });
//! # drop(app);
//! # Ok(())
//! # }
//! ```

use std::fmt;

use axum_core::body::Body;
use axum_core::extract::{DefaultBodyLimit, FromRef, FromRequest};
use axum_core::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{Request, StatusCode, header};

use super::{Delivery, Verifier, VerifyError};

/// Why a request is answered without the handler: it is no delivery, or its body broke off.
///
/// The answer is a status and a line of text, which says no more than the sender knows. What is
/// wrong is logged as a warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryRejection(Option<VerifyError>);

impl DeliveryRejection {
    /// What is answered; see [`VerifyError::status`]. It is 400 where the body broke off.
    pub fn status(&self) -> StatusCode {
        self.0
            .as_ref()
            .map_or(StatusCode::BAD_REQUEST, VerifyError::status)
    }

    /// Why it is no delivery; `None` where the body broke off.
    pub fn error(&self) -> Option<&VerifyError> {
        self.0.as_ref()
    }
}

impl fmt::Display for DeliveryRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(error) => error.fmt(f),
            None => f.write_str("webhook: the body broke off"),
        }
    }
}

impl std::error::Error for DeliveryRejection {}

impl IntoResponse for DeliveryRejection {
    fn into_response(self) -> Response {
        let text = match self.status() {
            StatusCode::UNAUTHORIZED => "not a valid signature of this endpoint\n",
            StatusCode::PAYLOAD_TOO_LARGE => "too large\n",
            _ => "not a delivery\n",
        };
        let plain = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
        (self.status(), plain, text).into_response()
    }
}

/// Reads the whole body, up to the limit of the [`Verifier`] in the state, so it must be the
/// last argument of the handler.
impl<S> FromRequest<S> for Delivery
where
    S: Send + Sync,
    Verifier: FromRef<S>,
{
    type Rejection = DeliveryRejection;

    async fn from_request(request: Request<Body>, state: &S) -> Result<Self, Self::Rejection> {
        let verifier = Verifier::from_ref(state);
        let received = receive(request, state, &verifier).await;
        if let Err(rejection) = &received {
            tracing::warn!("{rejection}");
        }
        received
    }
}

async fn receive<S: Send + Sync>(
    mut request: Request<Body>,
    state: &S,
    verifier: &Verifier,
) -> Result<Delivery, DeliveryRejection> {
    let limit = verifier.limit();
    DefaultBodyLimit::max(limit).apply(&mut request);
    let headers = std::mem::take(request.headers_mut());
    let body = Bytes::from_request(request, state).await;
    let body = body.map_err(|rejection| {
        let too_large = rejection.status() == StatusCode::PAYLOAD_TOO_LARGE;
        DeliveryRejection(too_large.then_some(VerifyError::TooLarge { limit }))
    })?;
    let verified = verifier.verify(&headers, &body);
    verified.map_err(|error| DeliveryRejection(Some(error)))
}
