//! Mappings of records to events: what they make of good records, of every value that the API's
//! document has, and of records that are odd in every way.

mod document;
mod enums;
mod events;
mod ids;
mod odd;
mod pages;
mod samples;
mod simulator;
mod sources;
mod validity;
