//! What the tests of the store have in common, and the tests themselves by subject.

pub mod examples;
pub mod ground;
pub mod growth;
pub mod nested;
pub mod questions;
pub mod round_trip;
pub mod rows;
pub mod tables;
