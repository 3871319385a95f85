//! Rows as they are now: as made or as changed, with what follows from other rows.

use std::borrow::Cow;
use std::sync::{Arc, PoisonError};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::counts;
use crate::dates;
use crate::made::agents::{self, AgentFacts};
use crate::made::{self, owners};
use crate::order::{Key, Order, Scan, Walk};
use crate::world::{
    ACCOUNTS, AGENTS, Changes, INCIDENTS, ORGANIZATIONS, REMEDIATIONS, World, address,
};

/// A row on its way out. Agents that nobody looks into stay text, as they were made.
pub(crate) enum Row {
    Text(String),
    Value(Value),
}

impl Row {
    pub(crate) fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => text.into(),
            Self::Value(value) => value.to_string().into(),
        }
    }

    pub(crate) fn into_value(self) -> Value {
        match self {
            Self::Text(text) => serde_json::from_str(&text).expect("a row is JSON"),
            Self::Value(value) => value,
        }
    }
}

/// What a scan looks for.
pub(crate) struct Filter<A, R> {
    /// What can be said of an agent before it is made.
    pub(crate) agent: A,
    /// Whether that is all there is to say.
    pub(crate) agent_tells_all: bool,
    /// Any row.
    pub(crate) row: R,
}

/// Takes every row.
fn everything() -> Filter<impl Fn(&AgentFacts) -> bool, impl Fn(&Value) -> bool> {
    Filter {
        agent: |_: &AgentFacts| true,
        agent_tells_all: true,
        row: |_: &Value| true,
    }
}

/// One row.
pub(crate) fn row(world: &World, list: &str, parents: &[i64], id: i64) -> Option<Value> {
    // Also where a row of it was changed, the list may be gone with what it belonged to.
    world.size(list, parents)?;
    let row = match world.changed(list, parents, id) {
        Some(changed) => changed.clone(),
        None => made::row(world, list, parents, world.unchanged(list, parents, id)?),
    };
    Some(refreshed(world, list, row))
}

/// All rows of a list, the oldest first.
pub(crate) fn all(world: &World, list: &str, parents: &[i64]) -> Option<Vec<Value>> {
    let rows = scan(
        world,
        list,
        parents,
        &Scan::oldest(usize::MAX),
        &everything(),
    )?;
    Some(rows.into_iter().map(Row::into_value).collect())
}

/// Whether a list has such a row.
pub(crate) fn any(world: &World, list: &str, such: impl Fn(&Value) -> bool) -> bool {
    let filter = Filter {
        agent: |_: &AgentFacts| true,
        agent_tells_all: false,
        row: such,
    };
    let rows = scan(world, list, &[], &Scan::oldest(1), &filter);
    rows.is_some_and(|rows| !rows.is_empty())
}

/// The rows that pass a filter, in order, as many as asked for; `None` where there is no such
/// list.
pub(crate) fn scan(
    world: &World,
    list: &str,
    parents: &[i64],
    scan: &Scan,
    filter: &Filter<impl Fn(&AgentFacts) -> bool, impl Fn(&Value) -> bool>,
) -> Option<Vec<Row>> {
    let size = world.size(list, parents)?;
    let no_changes = Changes::new();
    let changes = world.changes(list, parents).unwrap_or(&no_changes);
    let mut changed: Vec<(Key, i64)> = changes
        .iter()
        .filter_map(|(id, row)| Some((Key::of(row.as_ref()?, scan.sort_field), *id)))
        .collect();
    changed.sort();
    let order = order(world, list, parents, scan.sort_field, size);
    let id_of = |number| world.id(list, parents, number);
    let number_at = |place: usize| order.as_ref().map_or(place, |order| order[place].1);
    let key_at = |place: usize| match &order {
        Some(order) => (order[place].0.clone(), id_of(order[place].1)),
        None => (Key::Number(id_of(place)), id_of(place)),
    };
    // Both are in order, so that the next row is the first of one of them.
    let mut made = Walk::new(size, scan, key_at);
    let mut altered = Walk::new(changed.len(), scan, |place| changed[place].clone());
    let mut rows = Vec::new();
    while rows.len() < scan.limit {
        let made_first = match (made.peek(), altered.peek()) {
            (None, None) => break,
            (Some(made), Some(altered)) if scan.descending => made > altered,
            (Some(made), Some(altered)) => made < altered,
            (made, _) => made.is_some(),
        };
        let row = if made_first {
            let number = number_at(made.next());
            if changes.contains_key(&id_of(number)) {
                continue;
            }
            made_row(world, list, parents, number, filter)
        } else {
            let (_, id) = changed[altered.next()];
            let row = changes.get(&id).cloned().flatten();
            row.filter(&filter.row).map(Row::Value)
        };
        rows.extend(row.map(|row| listed(world, list, row)));
    }
    Some(rows)
}

/// A row as it was made, where it passes a filter.
fn made_row(
    world: &World,
    list: &str,
    parents: &[i64],
    number: usize,
    filter: &Filter<impl Fn(&AgentFacts) -> bool, impl Fn(&Value) -> bool>,
) -> Option<Row> {
    let row = if list == AGENTS {
        let facts = agents::facts(world, number);
        if !(filter.agent)(&facts) {
            return None;
        }
        let text = Row::Text(agents::text(world, number, &facts));
        if filter.agent_tells_all {
            return Some(text);
        }
        text.into_value()
    } else {
        made::row(world, list, parents, number)
    };
    Some(row).filter(&filter.row).map(Row::Value)
}

/// A row as its list has it.
fn listed(world: &World, list: &str, row: Row) -> Row {
    // An agent, of which nothing follows from other rows.
    let Row::Value(row) = row else { return row };
    let mut row = refreshed(world, list, row);
    if let (Some(more), Some(fields)) = (world.document.more.get(list), row.as_object_mut()) {
        fields.retain(|field, _| !more.contains(field));
    }
    Row::Value(row)
}

/// The rows of a list as made, in the order of a field; `None` where that is the order in
/// which they are made.
fn order(world: &World, list: &str, parents: &[i64], field: &str, size: usize) -> Option<Order> {
    if field == "id" {
        return None;
    }
    let address = (address(list, parents), field.to_owned());
    let mut orders = world.orders.lock().unwrap_or_else(PoisonError::into_inner);
    let order = orders.entry(address).or_insert_with(|| {
        let facts = |number| agents::facts(world, number);
        let ago = |seconds: i64| Key::Number((dates::NOW - seconds) * 1_000);
        let key = |number| match (list, field) {
            (AGENTS, "created_at") => ago(facts(number).created),
            (AGENTS, "updated_at") => ago(facts(number).updated),
            _ => Key::of(&made::row(world, list, parents, number), field),
        };
        let mut order: Vec<_> = (0..size).map(|number| (key(number), number)).collect();
        order.sort();
        Arc::new(order)
    });
    Some(Arc::clone(order))
}

/// A row with what follows from other rows as they are now.
fn refreshed(world: &World, list: &str, mut row: Value) -> Value {
    match list {
        ORGANIZATIONS => counts::tell(world, &mut row),
        INCIDENTS => {
            let id = row["id"].as_i64().unwrap_or_default();
            row["remediations"] = first_remediations(world, id);
        }
        _ => {}
    }
    for (key, list) in [("account", ACCOUNTS), ("organization", ORGANIZATIONS)] {
        if let Some(reference) = row.get_mut(key) {
            renew(world, reference, list);
        }
    }
    let organizations = row.get_mut("organizations").and_then(Value::as_array_mut);
    for organization in organizations.into_iter().flatten() {
        renew(world, organization, ORGANIZATIONS);
    }
    row
}

/// Lets a reference say what the row says that it refers to, if that was changed.
fn renew(world: &World, reference: &mut Value, list: &str) {
    let id = reference["id"].as_i64().filter(|_| reference.is_object());
    let changed = id.and_then(|id| world.changed(list, &[], id));
    for (key, value) in reference.as_object_mut().into_iter().flatten() {
        if let Some(new) = changed.and_then(|row| row.get(key)) {
            *value = new.clone();
        }
    }
}

/// The newest remediations of an incident report, as the report holds them.
fn first_remediations(world: &World, incident: i64) -> Value {
    let newest = Scan {
        descending: true,
        ..Scan::oldest(10)
    };
    let items = scan(world, REMEDIATIONS, &[incident], &newest, &everything());
    let items = items.into_iter().flatten().map(Row::into_value);
    let total = world.count(REMEDIATIONS, &[incident]);
    json!({
        "total_count": total,
        "has_more": total > 10,
        "items": items.collect::<Vec<_>>(),
    })
}

/// The oldest rows of a list that belong to an organization.
pub(crate) fn of_organization(
    world: &World,
    list: &str,
    organization: i64,
    most: usize,
) -> Vec<Value> {
    let filter = Filter {
        agent: |agent: &AgentFacts| agents::organization_id(world, agent) == organization,
        agent_tells_all: false,
        row: |row: &Value| *owners::organization_id(row) == organization,
    };
    let rows = scan(world, list, &[], &Scan::oldest(most), &filter);
    let rows = rows.into_iter().flatten().map(Row::into_value);
    rows.collect()
}

/// Lets the hosts do what they were to have done by now: to be isolated or released.
pub(crate) fn settle(world: &mut World) {
    let now = Timestamp::now();
    let due = world.reactions.extract_if(|_, (at, _)| *at <= now);
    for (agent, (at, status)) in due.collect::<Vec<_>>() {
        if let Some(mut agent) = row(world, AGENTS, &[], agent) {
            agent["firewall_status"] = json!(status);
            agent["updated_at"] = dates::written(at);
            world.put(AGENTS, &[], agent);
        }
    }
}
