//! The states after a number, as events of a sink.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use serde_json::Value as Json;

use super::{integers, list};
use crate::database::{Row, Value};
use crate::failure::Failure;
use crate::forward::event::event;
use crate::forward::{AccountRef, Change, Kind, OrganizationRef, SinkSettings, Told};
use crate::store::Store;
use crate::transport::Event;

/// Rows that are read at a time: one may have a megabyte.
const ROWS: usize = 50;
/// Of records; the batch ends after it.
const BYTES: usize = 8 << 20;

/// How far a sink is with a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::forward) struct Position {
    /// It has been told all up to this.
    pub(in crate::forward) number: i64,
    /// Where that was when there was nothing after it. Records that were first seen later are
    /// new to the sink.
    pub(in crate::forward) caught_up: i64,
    /// Of what was there when the sink began, it is told what happened from then on.
    pub(in crate::forward) since: Option<Timestamp>,
    /// What was there then has numbers up to this.
    pub(in crate::forward) since_number: i64,
}

/// What comes next for a sink.
#[derive(Debug, Default)]
pub(in crate::forward) struct Batch {
    pub(in crate::forward) events: Vec<Event>,
    /// Whose events these are, one for each.
    pub(in crate::forward) records: Vec<Record>,
    /// The position when all of it has been told, what is passed over included; none where
    /// there is nothing.
    pub(in crate::forward) end: Option<i64>,
    /// Nothing comes after it.
    pub(in crate::forward) is_last: bool,
}

/// A record of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::forward) struct Record {
    pub(in crate::forward) number: i64,
    pub(in crate::forward) account_id: i64,
    pub(in crate::forward) id: i64,
}

impl Batch {
    /// The position when so many events from the front have been told.
    pub(in crate::forward) fn position(&self, done: usize) -> Option<i64> {
        match self.records.get(done) {
            // What is passed over before it is passed over again.
            Some(next) => Some(next.number - 1).filter(|_| done > 0),
            None => self.end,
        }
    }

    /// Without so many events from the front, which have been told.
    pub(in crate::forward) fn drop_front(&mut self, done: usize) {
        self.events.drain(..done);
        self.records.drain(..done);
    }
}

/// A state, before it is an event.
struct State {
    record: Record,
    first_number: i64,
    worth: String,
    event_id: String,
    seen_at: Timestamp,
    value: Json,
}

impl State {
    fn of(row: &Row) -> Option<Self> {
        Some(Self {
            record: Record {
                number: row.integer(0)?,
                account_id: row.integer(2)?,
                id: row.integer(3)?,
            },
            first_number: row.integer(1)?,
            worth: row.text(4)?.to_owned(),
            event_id: row.text(5)?.to_owned(),
            seen_at: row.time(6)?,
            value: serde_json::from_str(row.text(7)?).unwrap_or(Json::Null),
        })
    }

    /// Without names.
    fn told(&self, kind: Kind, position: Position) -> Told<'_> {
        let account = AccountRef {
            id: self.record.account_id,
            name: None,
            subdomain: None,
        };
        let mut told = Told::new(kind, self.record.id, &self.value, account, self.seen_at);
        told.event_id = Some(&self.event_id);
        if self.first_number <= position.caught_up {
            told.change = Change::Updated;
        }
        told
    }

    /// Whether the sink wants it.
    fn is_wanted(&self, told: &Told<'_>, sink: &SinkSettings, position: Position) -> bool {
        // The later state comes with a greater number.
        let is_as_numbered = told.worth() == self.worth;
        let is_old = self.record.number <= position.since_number
            && position.since.is_some_and(|since| told.time() < since);
        let is_of = |chosen: &BTreeSet<i64>, mut ids: BTreeSet<i64>| {
            chosen.is_empty() || {
                ids.retain(|id| chosen.contains(id));
                !ids.is_empty()
            }
        };
        is_as_numbered
            && !is_old
            && is_of(&sink.accounts, BTreeSet::from([told.account.id]))
            && is_of(&sink.organizations, told.organizations())
    }
}

/// The next states of a kind for a sink, so many at most.
pub(in crate::forward) async fn next(
    store: &Store,
    sink: &SinkSettings,
    kind: Kind,
    position: Position,
    most: usize,
) -> Result<Batch, Failure> {
    let table = kind.list();
    let page = ROWS.min(most);
    let sql = format!(
        "SELECT f.number, f.first_number, f.account_id, f.id, f.worth, f.event_id, f.seen_at,
            t.record
        FROM forward_records f JOIN {table} t ON t.account_id = f.account_id AND t.id = f.id
        WHERE f.kind = ?1 AND f.number > ?2 ORDER BY f.number LIMIT {page}"
    );
    let mut batch = Batch::default();
    let (mut after, mut bytes) = (position.number, 0);
    while batch.events.len() < most && bytes < BYTES && !batch.is_last {
        let values = [kind.name().into(), after.into()];
        let rows = store.database().query(&sql, &values).await?;
        batch.is_last = rows.len() < page;
        let Some(last) = rows.last().and_then(|row| row.integer(0)) else {
            break;
        };
        bytes += rows
            .iter()
            .map(|row| row.text(7).map_or(0, str::len))
            .sum::<usize>();
        after = last;
        batch.end = Some(last);
        let states: Vec<State> = rows.iter().filter_map(State::of).collect();
        let wanted = states.iter().filter_map(|state| {
            let told = state.told(kind, position);
            state
                .is_wanted(&told, sink, position)
                .then_some((state, told))
        });
        let mut wanted: Vec<_> = wanted.collect();
        let names = Names::read(store, wanted.iter().map(|(_, told)| told)).await?;
        for (state, told) in &mut wanted {
            names.give(told);
            told.customer_code = sink.customer_code_of(told.organization.map(|it| it.id));
            batch.events.push(event(sink.mapping, told));
            batch.records.push(state.record);
        }
    }
    Ok(batch)
}

/// What the store calls what records name by number.
#[derive(Default)]
struct Names {
    accounts: HashMap<i64, (Option<String>, Option<String>)>,
    /// By account and id.
    organizations: HashMap<(i64, i64), String>,
    agents: HashMap<(i64, i64), String>,
}

impl Names {
    async fn read<'a, 'v: 'a>(
        store: &Store,
        told: impl Iterator<Item = &'a Told<'v>>,
    ) -> Result<Self, Failure> {
        let mut organizations: BTreeMap<i64, BTreeSet<i64>> = BTreeMap::new();
        let mut agents: BTreeMap<i64, BTreeSet<i64>> = BTreeMap::new();
        for told in told {
            let account = organizations.entry(told.account.id).or_default();
            account.extend(told.organization.map(|it| it.id));
            if told.kind == Kind::Incident {
                let account = agents.entry(told.account.id).or_default();
                account.extend(told.agent_id());
            }
        }
        let mut names = Self::default();
        let accounts = organizations.keys().copied();
        names.accounts = accounts_of(store, accounts).await?;
        names.organizations = column(store, "organizations", "name", organizations).await?;
        names.agents = column(store, "agents", "hostname", agents).await?;
        Ok(names)
    }

    fn give<'n>(&'n self, told: &mut Told<'n>) {
        if let Some((name, subdomain)) = self.accounts.get(&told.account.id) {
            told.account.name = name.as_deref();
            told.account.subdomain = subdomain.as_deref();
        }
        let own = told.record.get("account").and_then(|it| it.get("name"));
        told.account.name = told.account.name.or(own.and_then(Json::as_str));
        if let Some(OrganizationRef { id, name }) = &mut told.organization {
            let known = self.organizations.get(&(told.account.id, *id));
            *name = name.or(known.map(String::as_str));
        }
        if let Some(agent) = told.agent_id().filter(|_| told.kind == Kind::Incident) {
            let known = self.agents.get(&(told.account.id, agent));
            told.agent_hostname = known.map(String::as_str);
        }
    }
}

fn has(store: &Store, table: &str, column: &str) -> bool {
    let table = store.table(table);
    table.is_some_and(|table| table.columns.iter().any(|it| it.name == column))
}

/// A text of each of these records, by account and id.
async fn column(
    store: &Store,
    table: &str,
    column: &str,
    ids: BTreeMap<i64, BTreeSet<i64>>,
) -> Result<HashMap<(i64, i64), String>, Failure> {
    let mut found = HashMap::new();
    if !has(store, table, column) {
        return Ok(found);
    }
    let sql = format!(
        "SELECT id, {column} FROM {table} WHERE account_id = ?1 AND id IN ({})",
        integers(store.database().dialect(), 2)
    );
    for (account_id, ids) in ids {
        if ids.is_empty() {
            continue;
        }
        let values = [account_id.into(), list(ids.into_iter())];
        let rows = store.database().query(&sql, &values).await?;
        let named = rows.iter().filter_map(|row| {
            let name = row.text(1)?.to_owned();
            Some(((account_id, row.integer(0)?), name))
        });
        found.extend(named);
    }
    Ok(found)
}

/// Names and subdomains of accounts that a reseller manages.
async fn accounts_of(
    store: &Store,
    ids: impl Iterator<Item = i64>,
) -> Result<HashMap<i64, (Option<String>, Option<String>)>, Failure> {
    if !has(store, "accounts", "name") || !has(store, "accounts", "subdomain") {
        return Ok(HashMap::new());
    }
    let sql = format!(
        "SELECT id, name, subdomain FROM accounts WHERE id IN ({})",
        integers(store.database().dialect(), 1)
    );
    let ids: Value = list(ids);
    let rows = store.database().query(&sql, &[ids]).await?;
    let text = |row: &Row, column| row.text(column).map(str::to_owned);
    let named = rows
        .iter()
        .filter_map(|row| Some((row.integer(0)?, (text(row, 1), text(row, 2)))));
    Ok(named.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_stands_before_the_first_event_that_was_not_told() {
        let record = |number| Record {
            number,
            account_id: 1,
            id: number,
        };
        let batch = Batch {
            events: Vec::new(),
            records: vec![record(5), record(8)],
            end: Some(11),
            is_last: true,
        };
        assert_eq!(batch.position(0), None);
        assert_eq!(batch.position(1), Some(7));
        assert_eq!(batch.position(2), Some(11));
        assert_eq!(Batch::default().position(0), None);
        let passed_over = Batch {
            end: Some(3),
            ..Batch::default()
        };
        assert_eq!(passed_over.position(0), Some(3));
    }
}
