//! Webhooks as a test in Rust uses them.

use std::time::Duration;

use serde_json::Value;

use super::delivery::Delivery;
use super::endpoint::{Endpoint, Webhook};
use super::event::EventType;
use crate::Simulator;

/// Webhooks.
impl Simulator {
    /// Adds an endpoint, which hears of what happens from now on.
    ///
    /// # Panics
    ///
    /// When there can be no such endpoint: its URL is not `http`, its secret is not base64 of
    /// 24 to 64 bytes, or the account does not exist or has five endpoints already.
    #[track_caller]
    pub fn add_webhook(&self, webhook: Webhook) -> Endpoint {
        match self.state.add_webhook(&webhook) {
            Ok(endpoint) => endpoint,
            Err(why) => panic!("not an endpoint: {why}"),
        }
    }

    /// The endpoints as they are now, with their secrets.
    pub fn webhooks(&self) -> Vec<Endpoint> {
        self.state.outbox.endpoints()
    }

    /// Removes an endpoint, and what is on its way to it; false where there is none.
    pub fn remove_webhook(&self, endpoint: u64) -> bool {
        self.state.outbox.remove(endpoint)
    }

    /// Gives an endpoint a secret that is made up. The one it has goes on signing for a grace
    /// time, after the new one.
    ///
    /// Returns the endpoint with its new secret, or `None` where there is no such endpoint.
    pub fn rotate_secret(&self, endpoint: u64, grace: Duration) -> Option<Endpoint> {
        self.state.outbox.rotate(endpoint, None, Some(grace))
    }

    /// Sends an endpoint a test message, which has no `event_type`; false where there is no
    /// such endpoint.
    pub fn send_test(&self, endpoint: u64) -> bool {
        self.state.send_test(endpoint)
    }

    /// Lets something happen now in the first account, to one of its records or to a new one.
    /// Lists and single reads see it at once; endpoints hear of it.
    ///
    /// Returns what they are told.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use huntress_simulator::{EventType, Simulator};
    ///
    /// let simulator = Simulator::start().await?;
    /// let told = simulator.happen(EventType::EscalationOverdue);
    /// assert_eq!(told["event_type"], "escalation.overdue");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// When the row could not be put, which would be a fault of the simulator.
    #[track_caller]
    pub fn happen(&self, event: EventType) -> Value {
        match self.state.happen(event) {
            Ok(told) => told,
            Err(why) => panic!("{event} could not happen: {why}"),
        }
    }

    /// Every message to every endpoint, in the order in which they happened, and what came of
    /// each.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.state.outbox.deliveries()
    }

    /// Sends a message once more, accepted or not, to each endpoint that it was for; false
    /// where there is no message with this `svix-id`.
    pub fn resend(&self, id: &str) -> bool {
        self.state.outbox.resend(id)
    }

    /// Waits until no message is on its way or waits for another attempt. While something
    /// goes on happening, that may never be so.
    pub async fn deliveries_settled(&self) {
        self.state.outbox.settled().await;
    }
}
