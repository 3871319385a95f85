//! `huntctl api`: every operation of the document, against the wire.

mod answers;
mod requests;
#[path = "../support/mod.rs"]
mod support;
