//! Rows that a test puts, changes and removes while the simulator runs.
//!
//! A test says what matters to it; the rest is made up like any other row, so that it agrees
//! with what was said: of the rows that could have been made, the one most like it is taken.

use std::fmt;

use serde_json::{Map, Value, json};

use crate::dates;
use crate::document::Document;
use crate::keys::HOME;
use crate::lists::{self, Filter, Row};
use crate::made;
use crate::made::agents::{self, AgentFacts};
use crate::made::incidents::tell;
use crate::made::owners::{organization_id, reference};
use crate::order::Scan;
use crate::schema::{Wrong, check};
use crate::world::{
    ACCOUNTS, AGENTS, ESCALATIONS, IDENTITIES, INCIDENTS, ORGANIZATIONS, PLATFORM_ACTIONS,
    REMEDIATIONS, SIGNALS, World,
};

/// The largest id that every reader of JSON can hold.
const LARGEST: i64 = (1 << 53) - 1;
/// The largest id of an account, whose rows have ids made of it.
const LARGEST_ACCOUNT: i64 = 1_000_000;
/// How many rows are looked through for one that is like what is asked for.
const CANDIDATES: usize = 40;
/// How far apart those are. Rows are made in cycles, of which this is no multiple.
const STRIDE: usize = 100_003;
/// Fields on which others depend.
const KINDS: [&str; 7] = [
    "status", "type", "subtype", "category", "logic", "platform", "product",
];
/// What follows from other rows, and is not said of a row itself.
const COUNTED: [(&str, &str, &str); 5] = [
    (ORGANIZATIONS, "agents_count", "agents"),
    (ORGANIZATIONS, "incident_reports_count", "incident_reports"),
    (ORGANIZATIONS, "microsoft_365_users_count", "identities"),
    (ORGANIZATIONS, "billable_identity_count", "identities"),
    (
        INCIDENTS,
        "remediations",
        "incident_reports/{id}/remediations",
    ),
];

/// Why a row was not put, changed or removed.
#[derive(Clone, Debug)]
pub struct RowError {
    why: String,
    not_found: bool,
}

impl RowError {
    fn new(why: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            not_found: false,
        }
    }

    pub(crate) fn not_found(why: impl Into<String>) -> Self {
        Self {
            not_found: true,
            ..Self::new(why)
        }
    }

    pub(crate) fn not_json(error: &serde_json::Error) -> Self {
        Self::new(format!("the row is not JSON: {error}"))
    }

    /// Whether there is no such row, or no account or parent that could have it.
    pub fn is_not_found(&self) -> bool {
        self.not_found
    }
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl std::error::Error for RowError {}

/// The list that rows are in.
pub(crate) struct List<'d> {
    document: &'d Document,
    /// The account that has it.
    pub(crate) account: i64,
    /// Its path in the document.
    path: String,
    /// The ids in that path.
    parents: Vec<i64>,
    /// The component of a row in the list.
    component: &'d str,
    /// The component of a row that is asked for alone.
    whole: &'d str,
}

impl<'d> List<'d> {
    /// Reads the path of a list, as the API has it without `/v1/`: `agents`,
    /// `incident_reports/7/remediations`, `accounts/2/agents`.
    pub(crate) fn named(document: &'d Document, kind: &str) -> Result<Self, RowError> {
        let mut account = HOME;
        let mut rest = kind;
        if let Some((id, list)) = kind
            .strip_prefix("accounts/")
            .and_then(|scoped| scoped.split_once('/'))
            && let Ok(id) = id.parse()
        {
            (account, rest) = (id, list);
        }
        let mut lists = document
            .operations
            .iter()
            .filter(|operation| operation.is_list() && !operation.scoped);
        let found = lists.find_map(|operation| {
            let parents = operation.ids(&format!("/v1/{rest}"))?;
            Some((
                operation.path.clone(),
                parents,
                operation.answer.component()?,
            ))
        });
        let Some((path, parents, component)) = found else {
            let lists = document.operations.iter();
            let lists = lists.filter(|operation| operation.is_list() && !operation.scoped);
            let known: Vec<_> = lists
                .map(|list| list.path.trim_start_matches("/v1/"))
                .collect();
            let known = known.join(", ");
            return Err(RowError::new(format!(
                "there is no list {kind:?}; there are {known}"
            )));
        };
        let has_id = document
            .properties(component)
            .is_some_and(|properties| properties.contains_key("id"));
        if !has_id {
            let why = format!("the rows of {kind} have no ids, so they stay as they are");
            return Err(RowError::new(why));
        }
        Ok(Self {
            account: if path == ACCOUNTS { HOME } else { account },
            whole: document.whole(&path).unwrap_or(component),
            document,
            path,
            parents,
            component,
        })
    }

    fn no_row(&self, id: i64) -> RowError {
        let list = self.path.trim_start_matches("/v1/");
        RowError::not_found(format!("there is no {id} in {list}"))
    }

    /// A row as it is now.
    pub(crate) fn get(&self, world: &World, id: i64) -> Result<Value, RowError> {
        let row = lists::row(world, &self.path, &self.parents, id);
        row.ok_or_else(|| self.no_row(id))
    }

    /// Puts a row, new or in place of another, and makes up what is not given.
    pub(crate) fn put(
        &self,
        world: &mut World,
        id: Option<i64>,
        given: &Value,
    ) -> Result<Value, RowError> {
        let mut given = self.checked(given)?;
        let own = given.get("id").and_then(Value::as_i64);
        if id.is_some() && own.is_some_and(|own| id != Some(own)) {
            return Err(RowError::new("id: is not the one in the path"));
        }
        if world.size(&self.path, &self.parents).is_none() {
            return Err(RowError::not_found(
                "there is nothing that could have such a row",
            ));
        }
        let next = || world.next_id(&self.path, &self.parents);
        let id = id.or(own).unwrap_or_else(next);
        let largest = if self.path == ACCOUNTS {
            LARGEST_ACCOUNT
        } else {
            LARGEST
        };
        if !(1..=largest).contains(&id) {
            return Err(RowError::new(format!("id: must be from 1 to {largest}")));
        }
        given.insert("id".to_owned(), json!(id));
        self.complete(world, &mut given);
        if self.path == INCIDENTS {
            host(world, &mut given);
        }
        let mut row = self.like(world, id, &given);
        merge(&mut row, &given);
        if self.path == INCIDENTS {
            let agent = row["agent_id"].as_i64();
            let host = agent.and_then(|id| agents::hostname(world, id));
            tell(&mut row, host.as_deref().unwrap_or("an identity"));
        }
        self.keep(world, row, &given)
    }

    /// Changes some fields of a row.
    pub(crate) fn change(
        &self,
        world: &mut World,
        id: i64,
        given: &Value,
    ) -> Result<Value, RowError> {
        let mut given = self.checked(given)?;
        let row = self.get(world, id)?;
        if given.get("id").is_some_and(|own| *own != id) {
            return Err(RowError::new("id: cannot change"));
        }
        self.complete(world, &mut given);
        if given.contains_key("status") && row.get("status_updated_at").is_some() {
            let now = dates::now();
            given.entry("status_updated_at").or_insert(now);
        }
        self.keep(world, row, &given)
    }

    /// Removes a row.
    pub(crate) fn remove(&self, world: &mut World, id: i64) -> Result<(), RowError> {
        self.get(world, id)?;
        world.delete(&self.path, &self.parents, id);
        Ok(())
    }

    /// The fields of a row, where the document has such.
    fn checked(&self, given: &Value) -> Result<Map<String, Value>, RowError> {
        let Some(fields) = given.as_object() else {
            return Err(RowError::new("a row is an object"));
        };
        let properties = |component| self.document.properties(component);
        let (whole, listed) = (properties(self.whole), properties(self.component));
        let mut wrong = Wrong::new();
        for (field, value) in fields {
            let of = |properties: Option<&'d Map<String, Value>>| properties?.get(field);
            let counted = COUNTED
                .iter()
                .find(|(list, name, _)| *list == self.path && name == field);
            if let Some((_, _, of)) = counted {
                let why = format!("follows from {of}: put those");
                wrong.push((field.clone(), why));
            } else if let Some(property) = of(listed).or(of(whole)) {
                check(&self.document.value, property, value, field, &mut wrong);
            } else {
                let known = whole.or(listed).into_iter().flat_map(Map::keys);
                let known: Vec<_> = known.map(String::as_str).collect();
                let known = known.join(", ");
                wrong.push((field.clone(), format!("is not one of its fields {known}")));
            }
        }
        if wrong.is_empty() {
            return Ok(fields.clone());
        }
        let wrong: Vec<_> = wrong
            .iter()
            .map(|(field, why)| format!("{field}: {why}"))
            .collect();
        Err(RowError::new(wrong.join("; ")))
    }

    /// Adds what follows from what is given: the names of what is pointed to, and whose it is.
    fn complete(&self, world: &World, given: &mut Map<String, Value>) {
        match &*self.path {
            SIGNALS => signal(world, given),
            INCIDENTS => incident(world, given),
            _ => {}
        }
        for (key, list) in [("account", ACCOUNTS), ("organization", ORGANIZATIONS)] {
            if let Some(known) = given.get_mut(key) {
                name(world, list, known);
            }
        }
        let organizations = given.get_mut("organizations").and_then(Value::as_array_mut);
        for organization in organizations.into_iter().flatten() {
            name(world, ORGANIZATIONS, organization);
        }
    }

    /// A row with an id, made up so that what is given fits into it.
    fn like(&self, world: &World, id: i64, given: &Map<String, Value>) -> Value {
        let size = world.size(&self.path, &self.parents).unwrap_or_default();
        let number = world.number(&self.path, &self.parents, id);
        // A row of the seed goes on being made of its number, a new one of what its id leaves.
        let (first, candidates) = match number {
            Some(number) if number < size => (number, 1),
            Some(number) if number - size < STRIDE => (number, CANDIDATES),
            _ => (size + id as usize % STRIDE, CANDIDATES),
        };
        let mut best = (usize::MAX, Value::Null);
        for number in (first..).step_by(STRIDE).take(candidates) {
            let made = made::with_id(world, &self.path, &self.parents, number, id);
            let unlike = unlike(&made, given);
            if unlike < best.0 {
                best = (unlike, made);
            }
            if unlike == 0 {
                break;
            }
        }
        best.1
    }

    /// Stores a row with what is given, and lets the rest of it agree with that.
    fn keep(
        &self,
        world: &mut World,
        mut row: Value,
        given: &Map<String, Value>,
    ) -> Result<Value, RowError> {
        let id = row["id"].as_i64().unwrap_or_default();
        if row.get("updated_at").is_some() {
            row["updated_at"] = dates::now();
        }
        merge(&mut row, given);
        match &*self.path {
            INCIDENTS => ends(&mut row, given, &["closed"], "closed_at"),
            ESCALATIONS | PLATFORM_ACTIONS => {
                ends(&mut row, given, &["resolved"], "resolved_at");
            }
            REMEDIATIONS => {
                ends(
                    &mut row,
                    given,
                    &["approved", "completed", "failed"],
                    "approved_at",
                );
                ends(&mut row, given, &["completed", "failed"], "completed_at");
            }
            _ => {}
        }
        dates::fit_around(&mut row, given);
        world.put(&self.path, &self.parents, row);
        self.get(world, id)
    }
}

/// Completes a reference that has only the id of a row.
fn name(world: &World, list: &str, known: &mut Value) {
    let row = known["id"]
        .as_i64()
        .and_then(|id| lists::row(world, list, &[], id));
    let row = row.map(|row| reference(&row)).unwrap_or_default();
    let (Value::Object(row), Value::Object(known)) = (row, known) else {
        return;
    };
    for (key, value) in row {
        known.entry(key).or_insert(value);
    }
}

/// What follows from the entity of a signal: its name, and whose it is.
fn signal(world: &World, given: &mut Map<String, Value>) {
    let Some(entity) = given.get_mut("entity") else {
        return;
    };
    let list = match entity["type"].as_str() {
        Some("agent") => AGENTS,
        Some("identity" | "user_entity" | "mailbox") => IDENTITIES,
        _ => return,
    };
    let found = entity["id"]
        .as_i64()
        .and_then(|id| lists::row(world, list, &[], id));
    let (Some(found), Some(entity)) = (found, entity.as_object_mut()) else {
        return;
    };
    let name = found.get("hostname").or(found.get("username"));
    entity
        .entry("name")
        .or_insert(name.cloned().unwrap_or_default());
    let organization = json!({"id": organization_id(&found)});
    given.entry("organization").or_insert(organization);
}

/// What follows from the agent of an incident report, and from its indicators.
fn incident(world: &World, given: &mut Map<String, Value>) {
    let agent = given.get("agent_id").and_then(Value::as_i64);
    if let Some(agent) = agent.and_then(|id| lists::row(world, AGENTS, &[], id)) {
        for key in ["organization_id", "platform"] {
            given.entry(key).or_insert_with(|| agent[key].clone());
        }
    }
    if let Some(Value::Array(types)) = given.get("indicator_types") {
        let names = types.iter().filter_map(Value::as_str);
        let counts = names.map(|name| (name.to_owned(), json!(1))).collect();
        given.entry("indicator_counts").or_insert(counts);
    }
}

/// The agent of a new incident report of which the organization alone is given.
fn host(world: &World, given: &mut Map<String, Value>) {
    let Some(organization) = given.get("organization_id").and_then(Value::as_i64) else {
        return;
    };
    if given.contains_key("agent_id") {
        return;
    }
    let platform = given.get("platform").and_then(Value::as_str);
    let is = |platform_of: &str| platform.is_none_or(|platform| platform == platform_of);
    let of = Filter {
        agent: |agent: &AgentFacts| {
            agents::organization_id(world, agent) == organization && is(agent.platform)
        },
        agent_tells_all: false,
        row: |agent: &Value| {
            let platform = agent["platform"].as_str().unwrap_or_default();
            agent["organization_id"] == organization && is(platform)
        },
    };
    let agents = lists::scan(world, AGENTS, &[], &Scan::oldest(1), &of);
    let agent = agents.into_iter().flatten().next();
    let agent = agent.map(Row::into_value).unwrap_or_default();
    given.insert("agent_id".to_owned(), agent["id"].clone());
    if agent.is_object() {
        given.entry("platform").or_insert(agent["platform"].clone());
    }
}

/// Puts what is given into a row.
fn merge(row: &mut Value, given: &Map<String, Value>) {
    for (key, value) in given {
        row[key] = value.clone();
    }
}

/// How far a row is from what is given.
fn unlike(made: &Value, given: &Map<String, Value>) -> usize {
    let unlike = given.iter().map(|(key, value)| {
        let other_kind = KINDS.contains(&&**key) && made[key] != *value;
        usize::from(made[key].is_null() != value.is_null()) + 4 * usize::from(other_kind)
    });
    unlike.sum()
}

/// Dates the end of a row whose new status is one of its last ones, and takes the date of
/// any other away.
fn ends(row: &mut Value, given: &Map<String, Value>, states: &[&str], at: &str) {
    let Some(status) = given.get("status") else {
        return;
    };
    if given.contains_key(at) {
        return;
    }
    if !states.iter().any(|state| status == state) {
        row[at] = Value::Null;
    } else if row[at].is_null() {
        row[at] = dates::now();
    }
}
