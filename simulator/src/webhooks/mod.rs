//! Webhooks: what happens in the made-up world, told to programs that listen.
//!
//! From the data up, so that no file needs one that stands below it here:
//!
//! - [`event`]: the eleven things that can happen, and what a changed row means;
//! - [`signature`]: secrets, and how a message is signed;
//! - [`schedule`]: when an attempt that failed is repeated;
//! - [`fault`]: what goes wrong with a message on its way;
//! - [`endpoint`]: who listens, and whether they still do;
//! - [`delivery`]: one message on its way to one endpoint;
//! - [`attempt`]: one attempt at that, and how it ended;
//! - [`payload`]: what is said of a row;
//! - [`happen`]: lets something happen;
//! - [`outbox`]: all endpoints and deliveries, and which attempt is due;
//! - [`sender`]: carries the attempts out;
//! - [`live`]: a clock that lets something happen from time to time;
//! - [`control`], [`library`]: all of this over HTTP and for tests in Rust.

mod attempt;
pub(crate) mod control;
pub(crate) mod delivery;
pub(crate) mod endpoint;
pub(crate) mod event;
pub(crate) mod fault;
pub(crate) mod happen;
mod library;
pub(crate) mod live;
pub(crate) mod outbox;
pub(crate) mod payload;
pub(crate) mod schedule;
pub(crate) mod sender;
pub(crate) mod signature;
