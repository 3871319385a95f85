//! How a record becomes an event that a SIEM understands. Each mapping is a list of fields; the
//! pages in `docs/forward` are made from the same lists.
//!
//! Mappings only compute: they take any record, however odd, and the same one always gives the
//! same event, byte by byte.

mod ecs;
mod field;
mod ocsf;
mod raw;
pub(super) mod read;
mod socfortress;
mod table;

use serde_json::Value;

use crate::forward::{Kind, Told};

pub use field::Field;
pub use table::Listing;

/// A form of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mapping {
    /// The record as it is, with what else is known of it under one key.
    Raw,
    /// Flat fields of texts and numbers, as SOCFortress CoPilot's dashboards read them.
    Socfortress,
    /// Elastic Common Schema 9.4.
    Ecs,
    /// Open Cybersecurity Schema Framework 1.8.
    Ocsf,
}

impl Mapping {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Raw, Self::Socfortress, Self::Ecs, Self::Ocsf];

    /// Its name in a configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Socfortress => "socfortress",
            Self::Ecs => "ecs",
            Self::Ocsf => "ocsf",
        }
    }

    /// The mapping of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mapping| mapping.name() == name)
    }

    /// The event that tells a record: an object, with its keys in alphabetical order.
    pub fn map(self, told: &Told<'_>) -> Value {
        let mut event = match self {
            Self::Raw => raw::event(told),
            Self::Socfortress => field::event(socfortress::fields(told.kind), told),
            Self::Ecs => field::event(ecs::fields(told.kind), told),
            Self::Ocsf => ocsf::event(told),
        };
        event.sort_all_objects();
        event
    }

    /// The fields of an event of this kind, apart from those that are the record's own.
    pub fn fields(self, kind: Kind) -> Vec<&'static Field> {
        match self {
            Self::Raw => raw::FIELDS.iter().collect(),
            Self::Socfortress => socfortress::fields(kind).collect(),
            Self::Ecs => ecs::fields(kind).collect(),
            Self::Ocsf => ocsf::fields(kind).collect(),
        }
    }

    /// What it says for the values of the enums that it translates.
    pub fn tables(self) -> Vec<Listing> {
        match self {
            Self::Raw | Self::Socfortress => Vec::new(),
            Self::Ecs => ecs::tables(),
            Self::Ocsf => ocsf::tables(),
        }
    }
}
