//! What the store has, told to a SIEM: a record becomes an event by a mapping.

pub mod mapping;
mod told;

pub use mapping::Mapping;
pub use told::{AccountRef, Change, Kind, OrganizationRef, Told};
