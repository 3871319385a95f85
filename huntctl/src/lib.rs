//! The parts of the program `huntctl`. They are a library for its own tests and benchmarks,
//! and no API that is kept.

pub mod access;
pub mod api;
pub mod cli;
pub mod config;
pub mod contract;
pub mod dashboard;
pub mod database;
pub mod failure;
pub mod forward;
pub mod http;
pub mod log;
pub mod metrics;
pub mod output;
pub mod portal;
pub mod progress;
pub mod pull;
pub mod receive;
pub mod secret;
pub mod simulated;
pub mod status;
pub mod stop;
pub mod store;
pub mod training;
pub mod transport;
