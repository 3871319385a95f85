#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod account;
mod api_contract;
mod base_url;
mod call;
mod client;
mod credentials;
mod envelope;
mod error;
mod input;
mod lenient;
mod mask;
mod open_enum;
mod operation;
mod pagination;
mod proxy;
mod rate_limit;
mod response;
mod retry;
mod retry_after;
mod server_message;
mod timestamp;
mod tls;
mod visible;

#[allow(clippy::all, clippy::pedantic, deprecated)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/generated.rs"));
}

pub use account::AccountClient;
pub use api_contract::ApiContract;
pub use client::{Client, ClientBuilder};
pub use credentials::{Credentials, CredentialsError};
pub use error::Error;
pub use generated::{API_CONTRACT, builder, types};
pub use http;
pub use input::InvalidValue;
pub use jiff;
pub use open_enum::UnknownValue;
pub use pagination::{Items, Pages};
pub use rate_limit::{RateLimiter, RateLimiterSnapshot};
pub use response::{Page, Response};
pub use retry::RetryPolicy;
