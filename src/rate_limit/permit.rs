//! A slot in the hands of a call.

use std::time::Duration;

use super::RateLimiter;
use super::quota::{End, Slot};

/// A slot for one request.
#[must_use = "dropping it says that the request was never answered"]
pub(crate) struct Permit {
    limiter: RateLimiter,
    pub(super) slot: Slot,
    end: End,
}

impl Permit {
    pub(super) fn new(limiter: &RateLimiter, slot: Slot) -> Self {
        Self {
            limiter: limiter.clone(),
            slot,
            end: End::Unanswered,
        }
    }

    /// The server took the request; `remaining` is how many more it says it would take.
    pub(crate) fn accepted(mut self, remaining: Option<usize>) {
        self.end = End::Accepted { remaining };
    }

    /// The server refused it (429), perhaps saying for how long.
    pub(crate) fn refused(mut self, retry_after: Option<Duration>) {
        self.end = End::Refused { retry_after };
    }

    /// It was certainly never sent.
    pub(crate) fn unsent(mut self) {
        self.end = End::Unsent;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.limiter.ended(&self.slot, self.end);
    }
}
