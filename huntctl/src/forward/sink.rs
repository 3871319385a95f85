//! What is said about a sink: what it is told, and how.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{Kind, Mapping};
use crate::transport::Settings;

/// A receiver, and what it is told.
#[derive(Clone, Debug)]
pub struct SinkSettings {
    /// What the user calls it. How far it is, is kept under this name.
    pub name: String,
    /// The form of its events.
    pub mapping: Mapping,
    /// What it is told.
    pub kinds: Vec<Kind>,
    /// Where it begins when it has been told nothing yet.
    pub start: Start,
    /// The accounts that it is told of; all where there is none.
    pub accounts: BTreeSet<i64>,
    /// The organizations that it is told of; all where there is none.
    pub organizations: BTreeSet<i64>,
    /// What the receiver calls the customer.
    pub customer_code: Option<String>,
    /// The same of single organizations.
    pub customer_codes: BTreeMap<i64, String>,
    /// The SIEM's log that it is told.
    pub logs: Option<LogSettings>,
    /// How it is sent, and where to.
    pub transport: Settings,
}

/// Where a sink begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// With what changes from its first run on.
    #[default]
    Now,
    /// With all that the store has.
    All,
    /// With all that has happened since.
    Since(Timestamp),
}

/// Lines of the SIEM's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// The query in ES|QL.
    pub query: String,
    /// The accounts of the configuration whose log it is; all where there is none.
    pub profiles: BTreeSet<String>,
    /// The requests that it makes in a minute at most, for each account.
    pub requests_per_minute: usize,
}

impl SinkSettings {
    /// One of this name that is told of everything from now on.
    pub fn new(name: impl Into<String>, mapping: Mapping, transport: Settings) -> Self {
        Self {
            name: name.into(),
            mapping,
            kinds: Kind::ALL.to_vec(),
            start: Start::Now,
            accounts: BTreeSet::new(),
            organizations: BTreeSet::new(),
            customer_code: None,
            customer_codes: BTreeMap::new(),
            logs: None,
            transport,
        }
    }

    /// What the receiver calls the customer of an organization.
    pub(crate) fn customer_code_of(&self, organization: Option<i64>) -> Option<&str> {
        let own = organization.and_then(|id| self.customer_codes.get(&id));
        own.or(self.customer_code.as_ref()).map(String::as_str)
    }
}
