#![doc = include_str!("lib.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

// First, since rustdoc shows the methods of the client in this order.
mod client;

mod account;
mod api_contract;
mod base_url;
mod call;
mod changes;
mod credentials;
mod envelope;
mod error;
mod fit;
mod ids;
mod input;
mod lenient;
mod mask;
mod odd;
mod open_enum;
mod operation;
mod options;
mod pagination;
mod proxy;
mod rate_limit;
mod record;
mod request;
mod request_list;
mod response;
mod retry;
mod retry_after;
mod sends;
mod server_message;
pub mod siem;
mod surrogates;
mod timestamp;
mod tls;
mod url;
mod visible;
#[cfg(feature = "webhooks")]
pub mod webhooks;

#[allow(clippy::all, deprecated)]
mod generated;

pub use account::AccountClient;
pub use api_contract::ApiContract;
pub use changes::{Changed, Changes, Cursor, CursorError};
pub use client::{Client, ClientBuilder};
pub use credentials::{Credentials, CredentialsError};
pub use error::{Error, Outcome};
pub use generated::{API_CONTRACT, AccountOperations, calls, types};
pub use http;
pub use jiff;
pub use odd::{OddField, OddRecord};
pub use open_enum::{OtherValue, UnknownValue};
pub use pagination::{Collected, Items, Pages};
#[cfg(feature = "redis")]
pub use rate_limit::RedisQuota;
pub use rate_limit::{RateLimiter, RateLimiterSnapshot};
pub use request::Request;
pub use request_list::RequestList;
pub use response::{Page, Response};
pub use retry::RetryPolicy;

/// What `huntctl` of the same release does as the client does; no part of the API.
#[doc(hidden)]
pub mod __huntctl {
    use crate::jiff::{Timestamp, civil::Date};
    use crate::{lenient, surrogates, timestamp};
    use serde_json::Value;

    pub use crate::visible::is_obeyed;

    /// The whole number that a value stands for, in whatever form.
    pub fn integer(value: &Value) -> Option<i64> {
        lenient::integer(value)
    }

    /// The moment that a value says, in any form.
    pub fn moment(value: &Value) -> Option<Timestamp> {
        timestamp::read(value)
    }

    /// The day that a value says: as a date, or as a moment at midnight.
    pub fn date(value: &Value) -> Option<Date> {
        timestamp::read_date(value)
    }

    /// One shape of the several that a property comes in, by its `x-huntress-decode`.
    pub fn reshaped(decode: &str, value: Value) -> Value {
        match decode {
            "comma_separated" => lenient::comma_separated(value),
            "id_or_object" => lenient::id_or_object(value),
            "item_list" => lenient::item_list(value),
            "keys_of_map" => lenient::keys_of_map(value),
            _ => value,
        }
    }

    /// The JSON with U+FFFD for each half of a character; `None` where there is none.
    pub fn mended(json: &str) -> Option<String> {
        surrogates::mended(json)
    }
}

/// For the benchmarks alone; no part of the API.
#[doc(hidden)]
pub mod __bench {
    use crate::RateLimiter;
    use crate::envelope::{self, Reading};
    use crate::rate_limit::{Lane, Permit, Turn};
    use crate::types::Agent;

    /// A slot for one request.
    pub struct Slot(Permit);

    /// Waits for a slot.
    pub async fn slot(limiter: &RateLimiter) -> Slot {
        let slot = limiter.slot(Lane::Read, Turn::Last, std::time::Duration::ZERO);
        Slot(slot.await.expect("the quota can be used"))
    }

    impl Slot {
        /// The server took the request.
        pub fn accepted(self) {
            self.0.accepted(None);
        }
    }

    /// How many agents a page holds, and how many values of them do not fit.
    #[inline]
    pub fn agents(body: &[u8]) -> (usize, usize) {
        let page = envelope::page::<Agent>(body, "agents", Reading::of_the_api());
        let page = page.expect("a page");
        (page.page.items.len(), page.odd.len())
    }
}

/// The examples of the repository's front page are tests, too.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
