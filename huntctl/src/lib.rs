//! The parts of the program `huntctl`. They are a library for its own tests and benchmarks,
//! and no API that is kept.

pub mod database;
pub mod failure;
