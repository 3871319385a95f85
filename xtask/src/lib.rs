//! The vendor's document on its way to `spec/openapi.json`.
//!
//! [`fetch`] takes the vendor's documents and keeps their [`contract`];
//! [`generate`] turns the contract and our overlays into the OpenAPI document
//! that `build.rs` and the simulator read; [`drift`] says what a new document changes.
//! `main.rs` is the command line. The files of `spec/` are known to [`spec_folder`] alone.

pub mod contract;
pub mod drift;
pub mod fetch;
pub mod fetched;
pub mod generate;
pub mod json;
pub mod readme;
pub mod references;
pub mod source;
pub mod spec_folder;
pub mod visible;

/// The `spec` folder of this workspace.
pub const SPEC_DIR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec");

/// The generator of the crate's code, which `build.rs` runs, too.
#[path = "../../build/mod.rs"]
#[allow(dead_code)]
pub mod codegen;

pub use codegen::extensions;
