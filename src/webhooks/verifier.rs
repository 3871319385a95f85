//! What proves that a request came from Huntress, and not long ago.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use jiff::Timestamp;

use super::error::{SetupError, VerifyError};
use super::event;
use super::secret::Secret;
use super::signature::Signed;
use super::{Delivery, Event};
use crate::odd::{OddField, Teller};

/// Verifies deliveries with the secrets of an endpoint.
///
/// A clone costs next to nothing and shares the secrets. `Debug` does not show them.
#[derive(Clone)]
pub struct Verifier {
    secrets: Arc<[Secret]>,
    tolerance: Duration,
    max_body: usize,
    teller: Teller,
}

impl Verifier {
    /// Takes the signing secret of the endpoint as the portal shows it, with its `whsec_` or
    /// without. While a secret is being replaced, or where several endpoints lead here, give
    /// them all: a delivery is good if any of them has signed it.
    ///
    /// # Errors
    ///
    /// When there is no secret, or one of them cannot be one.
    pub fn new<S: AsRef<str>>(secrets: impl IntoIterator<Item = S>) -> Result<Self, SetupError> {
        let secrets = secrets.into_iter();
        let secrets: Vec<Secret> = secrets
            .map(|secret| Secret::parse(secret.as_ref()))
            .collect::<Result<_, _>>()?;
        if secrets.is_empty() {
            return Err(SetupError::NoSecret);
        }
        Ok(Self {
            secrets: secrets.into(),
            tolerance: Duration::from_secs(300),
            max_body: 1 << 20,
            teller: Teller::default(),
        })
    }

    /// How far the time of sending may be from now, in either direction; 300 seconds by
    /// default, and just as long passes. It is what keeps an old delivery that somebody has
    /// recorded from being taken for a new one.
    pub fn tolerance(mut self, tolerance: Duration) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// How many bytes a body may have; 1 MiB by default. The sender's own limit is about
    /// 350 kB.
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }

    /// Calls this for each value that did not fit its field, which is left out of the event. A
    /// warning is logged in any case, one a minute for each event and field.
    pub fn on_odd_field(mut self, tell: impl Fn(&OddField) + Send + Sync + 'static) -> Self {
        self.teller = Teller::new(tell);
        self
    }

    /// Verifies a request that has just come, and reads its event.
    ///
    /// Give it the body as it came, byte for byte: JSON that was parsed and written again is
    /// another text. The headers are `svix-id`, `svix-timestamp` and `svix-signature`; where
    /// not all three are there, those with `webhook-` instead. An event that is not known is no
    /// error but [`Event::Unknown`].
    ///
    /// # Errors
    ///
    /// In this order: when the body is too large; when a header is missing or malformed; when no
    /// signature matches; when it was sent too long ago or in the future.
    pub fn verify(&self, headers: &HeaderMap, body: &[u8]) -> Result<Delivery, VerifyError> {
        self.verify_at(headers, body, Timestamp::now())
    }

    /// [`verify`](Self::verify) as if it were `now`, for tests.
    ///
    /// # Errors
    ///
    /// As [`verify`](Self::verify).
    pub fn verify_at(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Delivery, VerifyError> {
        if body.len() > self.max_body {
            let limit = self.max_body;
            return Err(VerifyError::TooLarge { limit });
        }
        let signed = Signed::read(headers)?;
        if !signed.is_by(&self.secrets, body) {
            return Err(VerifyError::NoSignatureMatched);
        }
        // Whole seconds are compared: the sender's clock has no others.
        let ago = now.as_second() - signed.sent_at.as_second();
        let by = Duration::from_secs(ago.unsigned_abs());
        if by > self.tolerance {
            return Err(match ago.is_positive() {
                true => VerifyError::TooOld { by },
                false => VerifyError::TooNew { by },
            });
        }
        let (event, odd) = event::read(body);
        for field in &odd {
            self.teller.tell(field);
        }
        if let Event::Unknown { event_type, .. } = &event {
            // Whatever it calls itself, it does not write the log.
            let event_type = event_type.escape_debug().to_string();
            tracing::warn!(
                id = signed.id,
                event_type,
                "a webhook tells of an unknown event"
            );
        }
        Ok(Delivery {
            id: signed.id.to_owned(),
            sent_at: signed.sent_at,
            event,
            body: body.to_owned(),
        })
    }

    /// How many bytes a body may have.
    #[cfg(feature = "axum")]
    pub(super) fn limit(&self) -> usize {
        self.max_body
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("secrets", &self.secrets.len())
            .field("tolerance", &self.tolerance)
            .field("max_body", &self.max_body)
            .finish_non_exhaustive()
    }
}
