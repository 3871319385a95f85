//! Lets something happen: a row is put or changed so that lists and single reads see it, and
//! the message says the same.

use std::sync::Arc;

use fastrand::Rng;
use serde_json::{Value, json};

use super::delivery::Message;
use super::event::{EventType, is_over, meant};
use super::payload;
use crate::dates::{self, DAY};
use crate::lists::{self, Filter, Row};
use crate::made;
use crate::made::agents::AgentFacts;
use crate::made::escalations::stage;
use crate::order::Scan;
use crate::rows::{List, RowError};
use crate::world::{IDS, INCIDENTS, World};

/// Longer than any escalation may wait.
const TOO_LONG: i64 = 20 * DAY;
/// How many rows are looked at for one that something can happen to.
const CANDIDATES: usize = 20;
const SEVERITIES: [&str; 3] = ["low", "high", "critical"];

/// Lets an event happen, to a record of the world or to a new one.
pub(crate) fn happen(
    world: &mut World,
    event: EventType,
    base_url: &str,
    random: &mut Rng,
) -> Result<Message, RowError> {
    let Some(path) = event.list() else {
        return Ok(notice(world, event));
    };
    let document = Arc::clone(&world.document);
    let name = path.trim_start_matches("/v1/");
    let list = List::named(&document, name)?;
    let (id, text) = match event {
        EventType::IncidentReportCommentAdded => {
            let id = open(world, &list, path, random)?;
            list.change(world, id, &json!({}))?;
            (id, "Made up: somebody has looked at it.")
        }
        EventType::EscalationOverdue | EventType::PlatformActionOverdue => {
            let id = overdue(world, &list, path, random)?;
            list.change(world, id, &json!({}))?;
            (id, "Made up: nobody has looked at it.")
        }
        EventType::IncidentReportClosed => {
            let id = open(world, &list, path, random)?;
            let ends = ["closed", "closed", "dismissed", "partner_dismissed"];
            let status = ends[random.usize(..ends.len())];
            list.change(world, id, &json!({ "status": status }))?;
            (id, "")
        }
        EventType::EscalationClosed | EventType::PlatformActionClosed => {
            let id = open(world, &list, path, random)?;
            list.change(world, id, &json!({"status": "resolved"}))?;
            (id, "")
        }
        _ => (create(world, &list, path, random, dates::now())?, ""),
    };
    // What was put on the way is told by this message.
    world.puts.clear();
    let payload = payload::of_row(world, event, id, text, base_url);
    Ok(Message {
        event: Some(event),
        account: world.account_id,
        payload: payload.unwrap_or_default(),
    })
}

/// What the rows mean that were put since somebody last looked.
pub(crate) fn told(world: &mut World, base_url: &str) -> Vec<Message> {
    let mut messages = Vec::new();
    for put in std::mem::take(&mut world.puts) {
        let made = || {
            let size = world.size(put.list, &[])?;
            let number = world.number(put.list, &[], put.id);
            let number = number.filter(|number| *number < size)?;
            Some(made::row(world, put.list, &[], number)["status"].clone())
        };
        let before = put.before.unwrap_or_else(made);
        for event in meant(put.list, before.as_ref(), &put.after) {
            let payload = payload::of_row(world, event, put.id, "", base_url);
            messages.extend(payload.map(|payload| Message {
                event: Some(event),
                account: world.account_id,
                payload,
            }));
        }
    }
    messages
}

fn notice(world: &mut World, event: EventType) -> Message {
    // The last place among the ids of an account, which no list has.
    let id = (world.account_id * 100 + 99) * IDS + world.notices;
    world.notices += 1;
    let text = match event {
        EventType::AccountNotice => "something about the account",
        _ => "something that needs no answer",
    };
    Message {
        event: Some(event),
        account: world.account_id,
        payload: payload::notice(world, event, id, text),
    }
}

/// A new row that waits for somebody, since some moment.
fn create(
    world: &mut World,
    list: &List,
    path: &str,
    random: &mut Rng,
    since: Value,
) -> Result<i64, RowError> {
    let severity = SEVERITIES[random.usize(..SEVERITIES.len())];
    let row = if path == INCIDENTS {
        json!({"status": "sent", "severity": severity, "sent_at": since,
            "status_updated_at": since})
    } else {
        json!({"status": "sent", "severity": severity, "created_at": since})
    };
    let row = list.put(world, None, &row)?;
    Ok(row["id"].as_i64().unwrap_or_default())
}

/// A row that waits for somebody; a new one where there is none.
fn open(world: &mut World, list: &List, path: &str, random: &mut Rng) -> Result<i64, RowError> {
    let waits = |row: &Value| !is_over(path, &row["status"]) && row["status"] != "auto_remediating";
    let found = candidates(world, path, waits);
    if found.is_empty() {
        return create(world, list, path, random, dates::now());
    }
    let row = &found[random.usize(..found.len())];
    Ok(row["id"].as_i64().unwrap_or_default())
}

/// The overdue row of which nobody has heard for the longest time; a new one where there is
/// none.
fn overdue(world: &mut World, list: &List, path: &str, random: &mut Rng) -> Result<i64, RowError> {
    let found = candidates(world, path, |row| stage(row) == "overdue");
    let longest = found
        .iter()
        .min_by_key(|row| dates::read(&row["updated_at"]));
    match longest {
        Some(row) => Ok(row["id"].as_i64().unwrap_or_default()),
        None => create(world, list, path, random, json!(dates::ago(TOO_LONG))),
    }
}

/// The oldest of the rows that something can happen to.
fn candidates(world: &World, path: &str, such: impl Fn(&Value) -> bool) -> Vec<Value> {
    let filter = Filter {
        agent: |_: &AgentFacts| true,
        agent_tells_all: false,
        row: such,
    };
    let rows = lists::scan(world, path, &[], &Scan::oldest(CANDIDATES), &filter);
    rows.into_iter().flatten().map(Row::into_value).collect()
}
