//! One message on its way to one endpoint, as a test can look at it.

use fastrand::Rng;
use serde::Serialize;
use serde_json::Value;

use super::event::EventType;
use super::fault::DeliveryFault;

/// Something that happened, before it is sent to anybody.
pub(crate) struct Message {
    /// A test message has none.
    pub(crate) event: Option<EventType>,
    pub(crate) account: i64,
    pub(crate) payload: Value,
}

/// A message to an endpoint, and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Delivery {
    /// What `svix-id` says, the same at every attempt and at every endpoint.
    pub id: String,
    /// What happened; a test message has none. The body says something else where a fault
    /// wants it to.
    pub event_type: Option<EventType>,
    /// The id of the record or notice.
    pub record_id: Option<i64>,
    /// The id of the endpoint.
    pub endpoint: u64,
    /// The body as it is sent.
    pub body: String,
    /// What goes wrong with it.
    pub fault: Option<DeliveryFault>,
    /// The attempts that have ended.
    pub attempts: Vec<Attempt>,
    /// Whether an attempt was answered with success.
    pub accepted: bool,
    /// When the next attempt is due, in RFC 3339.
    pub next_attempt: Option<String>,
    /// Why there will be none although the message was not accepted.
    pub given_up: Option<String>,
}

impl Delivery {
    /// Random numbers for the next attempt. They follow from the message alone, so that they
    /// are the same however fast others are answered.
    pub(crate) fn chance(&self) -> Rng {
        let mut mixed = self.endpoint ^ (self.attempts.len() as u64).rotate_left(32);
        for byte in self.id.bytes() {
            mixed = (mixed ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        Rng::with_seed(mixed)
    }
}

/// An attempt to deliver a message.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Attempt {
    /// When it was made, in RFC 3339.
    pub at: String,
    /// The status of the answer.
    pub status: Option<u16>,
    /// Why there was no answer.
    pub error: Option<String>,
}
