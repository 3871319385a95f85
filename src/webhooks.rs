//! Webhooks: hearing of an event seconds after it happened.
//!
//! Huntress sends its events by Svix. A delivery is a POST whose body is signed with the secret
//! of the endpoint, which the portal shows (`whsec_…`). A [`Verifier`] proves that a request
//! came from there and not long ago, and gives the [`Event`] that it tells of:
//!
//! ```
//! use huntress::webhooks::{Event, Verifier};
//! # use huntress::http;
//!
//! /// What to answer to a request, with the raw body.
//! fn receive(verifier: &Verifier, headers: &http::HeaderMap, body: &[u8]) -> http::StatusCode {
//!     let delivery = match verifier.verify(headers, body) {
//!         Ok(delivery) => delivery,
//!         Err(error) => {
//!             eprintln!("{error}");
//!             return error.status();
//!         }
//!     };
//!     // Keep `delivery.id` together with what follows from the event, in one transaction. If
//!     // it is there already, answer 204 and do nothing.
//!     match delivery.event {
//!         Event::IncidentReportCreated(incident) => println!("incident {}", incident.id),
//!         Event::Unknown { event_type, .. } => eprintln!("{event_type} is not known yet"),
//!         _ => {}
//!     }
//!     http::StatusCode::NO_CONTENT
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
//! let verifier = Verifier::new([secret])?;
//! # let body = br#"{"event_type": "incident_report.created", "id": 7}"#;
//! # let headers = huntress::webhooks::sign(secret, "msg_1", huntress::jiff::Timestamp::now(), body)?;
//! assert_eq!(receive(&verifier, &headers, body), 204);
//! # Ok(())
//! # }
//! ```
//!
//! With the feature `axum`, [`Delivery`] is an extractor.
//!
//! # What to answer, and when
//!
//! The sender waits 15 seconds, takes any 2xx for success and everything else, redirects
//! included, for a failure, and tries a failed delivery eight times in 28 hours. An endpoint
//! that fails for five days is switched off. So:
//!
//! | what happened | answer |
//! |---|---|
//! | it is stored | 2xx |
//! | it had been stored before: the same id and the same body | 2xx |
//! | it is signed, but of no use: an unknown event, a test of the portal's | 2xx |
//! | it could not be stored | 503: it will come again |
//! | no signature matches, or it is too old or too new | [401](VerifyError::status); a wrong secret is put right, and it comes again |
//! | a header is missing or malformed | 400 |
//! | it is larger than the limit | 413 |
//! | another body came with an id that is known | 409: an attack, or a fault of the sender's |
//!
//! Store first, then answer, then work: a slow answer is a failure.
//!
//! # Twice, late, and in any order
//!
//! A delivery comes at least once. A repeat has the same [`id`](Delivery::id) and another
//! signature, so keep the ids, for three days, in the same transaction as what the event
//! changes; a set in memory forgets them at a restart. Whoever replays a delivery by hand can do
//! so much later. Events come in any order, *closed* before *created*: apply one only where its
//! `updated_at` is newer than what you have. What is missed in an outage of more than a day
//! comes by no webhook: poll with `changed_since` for that.

mod error;
pub(crate) mod event;
#[cfg(feature = "axum")]
mod extract;
mod secret;
mod signature;
#[cfg(test)]
mod tests;
mod verifier;

use std::fmt;

use jiff::Timestamp;

pub use crate::generated::events::*;
pub use error::{SetupError, VerifyError};
#[cfg(feature = "axum")]
pub use extract::DeliveryRejection;
pub use signature::sign;
pub use verifier::Verifier;

/// A request that Huntress has sent.
///
/// Its `Debug` text shows how long the body is and not what is in it.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct Delivery {
    /// Identifies the message; the same for each attempt to deliver it, and no longer than 256
    /// bytes.
    pub id: String,
    /// When this attempt was sent, by the sender's clock.
    pub sent_at: Timestamp,
    /// What it tells of.
    pub event: Event,
    /// The body as it came, which is what was signed: to keep it, or to compare it with that of
    /// a repeat. [`Event::from_slice`] reads it again.
    pub body: Vec<u8>,
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("id", &self.id)
            .field("sent_at", &self.sent_at)
            .field("event", &self.event)
            .field("body", &format_args!("{} bytes", self.body.len()))
            .finish()
    }
}
