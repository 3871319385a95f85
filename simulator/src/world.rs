//! The data of one account: how much there is of it, which ids it has, and what has been
//! changed in it.
//!
//! A row is a function of the seed, its list and its number, so a million of them cost
//! nothing until somebody reads them; [`crate::made`] makes one. Changed, added and deleted
//! rows are kept here; [`crate::lists`] reads both as one.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, OnceLock};

use fastrand::Rng;
use jiff::Timestamp;
use serde_json::Value;

use crate::document::Document;
use crate::order::Order;
use crate::values::{self, spread};

pub(crate) const AGENTS: &str = "/v1/agents";
pub(crate) const INCIDENTS: &str = "/v1/incident_reports";
pub(crate) const ORGANIZATIONS: &str = "/v1/organizations";
pub(crate) const ACCOUNTS: &str = "/v1/accounts";
pub(crate) const IDENTITIES: &str = "/v1/identities";
pub(crate) const MEMBERSHIPS: &str = "/v1/memberships";
pub(crate) const ESCALATIONS: &str = "/v1/escalations";
pub(crate) const PLATFORM_ACTIONS: &str = "/v1/platform_actions";
pub(crate) const SIGNALS: &str = "/v1/signals";
pub(crate) const ACCESS_RULES: &str = "/v1/unwanted_access_rules";
pub(crate) const SUBSCRIPTIONS: &str = "/v1/reseller/subscriptions";
pub(crate) const REMEDIATIONS: &str = "/v1/incident_reports/{incident_report_id}/remediations";
/// The lists that webhooks tell of.
const TOLD: [&str; 3] = [INCIDENTS, ESCALATIONS, PLATFORM_ACTIONS];
/// How many ids each list has to itself.
pub(crate) const IDS: i64 = 10_000_000;

/// How many rows the lists of an account have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    pub(crate) organizations: usize,
    pub(crate) agents: usize,
    pub(crate) identities: usize,
    pub(crate) incident_reports: usize,
    pub(crate) signals: usize,
    /// Accounts that the reseller manages, the first one the key's own.
    pub(crate) accounts: usize,
    /// Every other list.
    pub(crate) others: usize,
}

impl Default for Sizes {
    fn default() -> Self {
        Self {
            organizations: 14,
            agents: 168,
            identities: 40,
            incident_reports: 40,
            signals: 40,
            accounts: 3,
            others: 40,
        }
    }
}

/// The rows of a list that are not as they were made, by id; `None` is a deleted one.
pub(crate) type Changes = BTreeMap<i64, Option<Value>>;

/// How much belongs to an organization.
#[derive(Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) agents: usize,
    pub(crate) incidents: usize,
    pub(crate) identities: usize,
    pub(crate) billable: usize,
}

/// A row of one of the lists that webhooks tell of, that was put.
pub(crate) struct Put {
    pub(crate) list: &'static str,
    pub(crate) id: i64,
    /// Its status before: `None` where it was as made, or not there; `Some(None)` where it was
    /// deleted.
    pub(crate) before: Option<Option<Value>>,
    /// Its status now.
    pub(crate) after: Value,
}

/// The data of one account.
pub(crate) struct World {
    pub(crate) document: Arc<Document>,
    pub(crate) account_id: i64,
    pub(crate) seed: u64,
    pub(crate) sizes: Sizes,
    /// By the path of the list, nested ones with the ids of their parents.
    changes: HashMap<String, Changes>,
    /// What the firewall of an agent will say, and when.
    pub(crate) reactions: HashMap<i64, (Timestamp, &'static str)>,
    /// What was put since somebody last looked.
    pub(crate) puts: Vec<Put>,
    /// How many notices there were.
    pub(crate) notices: i64,
    /// What each organization has as made, by its number.
    pub(crate) counts: OnceLock<Vec<Counts>>,
    /// Rows as made in the order of a field, by list and field.
    pub(crate) orders: Mutex<HashMap<(String, String), Order>>,
}

impl World {
    /// The same seed and account give the same world.
    pub(crate) fn new(document: Arc<Document>, account_id: i64, seed: u64, sizes: Sizes) -> Self {
        Self {
            document,
            account_id,
            seed,
            sizes,
            changes: HashMap::new(),
            reactions: HashMap::new(),
            puts: Vec::new(),
            notices: 1,
            counts: OnceLock::new(),
            orders: Mutex::default(),
        }
    }

    /// Stores a row, new or in place of the one with its id.
    pub(crate) fn put(&mut self, list: &str, parents: &[i64], row: Value) {
        let id = row["id"].as_i64().unwrap_or_default();
        let rows = self.changes.entry(address(list, parents)).or_default();
        let told = TOLD.iter().find(|told| **told == list);
        let after = told.map(|_| row["status"].clone());
        let before = rows.insert(id, Some(row));
        if let (Some(list), Some(after)) = (told, after) {
            let status = |row: Value| row["status"].clone();
            let before = before.map(|row| row.map(status));
            self.puts.push(Put {
                list,
                id,
                before,
                after,
            });
        }
    }

    pub(crate) fn delete(&mut self, list: &str, parents: &[i64], id: i64) {
        let rows = self.changes.entry(address(list, parents)).or_default();
        rows.insert(id, None);
    }

    /// Takes over all that another world has changed in a list.
    pub(crate) fn copy_changes(&mut self, list: &str, changes: Changes) {
        self.changes.insert(list.to_owned(), changes);
    }

    pub(crate) fn changes(&self, list: &str, parents: &[i64]) -> Option<&Changes> {
        self.changes.get(&address(list, parents))
    }

    /// A row as it was changed; `None` where it was not, or was deleted.
    pub(crate) fn changed(&self, list: &str, parents: &[i64], id: i64) -> Option<&Value> {
        self.changes(list, parents)?.get(&id)?.as_ref()
    }

    /// The number of a row that is as it was made.
    pub(crate) fn unchanged(&self, list: &str, parents: &[i64], id: i64) -> Option<usize> {
        let changes = self.changes(list, parents);
        if changes.is_some_and(|changes| changes.contains_key(&id)) {
            return None;
        }
        let size = self.size(list, parents)?;
        let number = self.number(list, parents, id)?;
        (number < size).then_some(number)
    }

    /// Whether a list has a row.
    fn has(&self, list: &str, parents: &[i64], id: i64) -> bool {
        self.changed(list, parents, id).is_some() || self.unchanged(list, parents, id).is_some()
    }

    /// How many rows a list is made with; `None` where there is no such list.
    pub(crate) fn size(&self, list: &str, parents: &[i64]) -> Option<usize> {
        if let Some(&parent) = parents.first() {
            // `/v1/incident_reports/{incident_report_id}/remediations`
            let (parents_list, _) = list.split_once("/{")?;
            return self
                .has(parents_list, &[], parent)
                .then(|| self.rng(list, parent.unsigned_abs()).usize(1..25));
        }
        self.document
            .lists
            .contains_key(list)
            .then_some(match list {
                ORGANIZATIONS => self.sizes.organizations,
                AGENTS => self.sizes.agents,
                INCIDENTS => self.sizes.incident_reports,
                ACCOUNTS => self.sizes.accounts,
                IDENTITIES => self.sizes.identities,
                SIGNALS => self.sizes.signals,
                "/v1/known_vpns" => values::VPNS.len(),
                _ => self.sizes.others,
            })
    }

    /// How many rows a list has now.
    pub(crate) fn count(&self, list: &str, parents: &[i64]) -> usize {
        let size = self.size(list, parents).unwrap_or_default();
        let changes = self.changes(list, parents).into_iter().flatten();
        changes.fold(size, |count, (id, row)| {
            let number = self.number(list, parents, *id);
            let made = number.is_some_and(|number| number < size);
            count + usize::from(row.is_some()) - usize::from(made)
        })
    }

    /// The id of the row that is made of a number.
    pub(crate) fn id(&self, list: &str, parents: &[i64], number: usize) -> i64 {
        let number = number as i64;
        if let Some(parent) = parents.first() {
            return parent.saturating_mul(100).saturating_add(number);
        }
        if list == ACCOUNTS {
            return number + 1;
        }
        self.first_id(self.account_id, list) + number
    }

    /// The id of the first row of a list in an account.
    pub(crate) fn first_id(&self, account: i64, list: &str) -> i64 {
        let place = self.document.lists.keys().position(|path| path == list);
        let place = place.unwrap_or_default() as i64;
        (account * 100 + place) * IDS + 1
    }

    /// The number that the row with an id is made of.
    pub(crate) fn number(&self, list: &str, parents: &[i64], id: i64) -> Option<usize> {
        usize::try_from(id.checked_sub(self.id(list, parents, 0))?).ok()
    }

    /// An id that no row of a list has or had.
    pub(crate) fn next_id(&self, list: &str, parents: &[i64]) -> i64 {
        let size = self.size(list, parents).unwrap_or_default();
        let changes = self.changes(list, parents);
        let last = changes.and_then(|rows| rows.keys().last());
        self.id(list, parents, size)
            .max(last.map_or(0, |last| last + 1))
    }

    /// The random numbers that a row is made of.
    pub(crate) fn rng(&self, list: &str, number: u64) -> Rng {
        // The accounts are the same whoever asks.
        let account = if list == ACCOUNTS { 0 } else { self.account_id };
        // Any mixing does: neighbours must not look alike.
        let mut mixed = self.seed ^ account.unsigned_abs().rotate_left(32);
        for byte in list.bytes() {
            mixed = (mixed ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        Rng::with_seed(mixed.wrapping_add(spread(number)))
    }
}

/// What the changes of a list are kept under.
pub(crate) fn address(list: &str, parents: &[i64]) -> String {
    match parents.first() {
        Some(parent) => format!("{list} of {parent}"),
        None => list.to_owned(),
    }
}
