//! The vendor's document on its way to `spec/openapi.json`.
//!
//! [`fetch`] takes the vendor's documents and keeps their [`contract`];
//! [`generate`] turns the contract and our overlays into the OpenAPI document
//! that `build.rs` and the simulator read; [`drift`] says what a new document changes;
//! [`release_tree`] makes what is published. `main.rs` is the command line. The files of
//! `spec/` are known to [`spec_folder`] alone.

pub mod contract;
pub mod drift;
pub mod fetch;
pub mod fetched;
pub mod generate;
pub mod json;
pub mod readme;
pub mod references;
pub mod release_tree;
pub mod source;
pub mod spec_folder;
pub mod visible;

/// The folder of this workspace.
pub const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The `spec` folder of this workspace.
pub const SPEC_DIR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec");

/// The generator of the crate's code, which `build.rs` runs, too.
pub use codegen;
pub use codegen::extensions;
