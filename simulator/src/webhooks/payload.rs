//! What is said of a record: the body of a webhook, made of the row as the API answers it at
//! that moment.
//!
//! The words are those of the row. What the webhooks contract has and the API does not show,
//! such as when an incident report was created, follows from what it does show.

use serde_json::{Value, json};

use super::event::EventType;
use crate::made::owners::account_ref;
use crate::values::company;
use crate::world::{INCIDENTS, ORGANIZATIONS, World};
use crate::{dates, lists};

/// What is said of a row; `None` where there is no such row. `text` is the comment or the
/// message of those events that have one, and `base_url` where the row can be read.
pub(crate) fn of_row(
    world: &World,
    event: EventType,
    id: i64,
    text: &str,
    base_url: &str,
) -> Option<Value> {
    let list = event.list()?;
    let row = lists::row(world, list, &[], id)?;
    let mut payload = if list == INCIDENTS {
        incident(world, &row)
    } else {
        escalation(&row)
    };
    payload["id"] = json!(id);
    payload["account"] = account(world);
    payload["api_url"] = json!(format!("{base_url}{list}/{id}"));
    payload["event_type"] = json!(event);
    match event {
        EventType::IncidentReportCommentAdded => payload["comment"] = json!(text),
        EventType::EscalationOverdue | EventType::PlatformActionOverdue => {
            payload["message"] = json!(text);
        }
        _ => {}
    }
    Some(payload)
}

/// A notice, which no list has.
pub(crate) fn notice(world: &World, event: EventType, id: i64, text: &str) -> Value {
    json!({
        "event_type": event,
        "id": id,
        "account": account(world),
        "subject": format!("Made up: {text}"),
        "body": format!("Made up: {text}."),
        "created_at": dates::now(),
    })
}

fn incident(world: &World, row: &Value) -> Value {
    let id = row["organization_id"].as_i64();
    let name = id.and_then(|id| organization_name(world, id));
    let moments = ["sent_at", "status_updated_at", "updated_at"];
    let created = moments.map(|key| row[key].clone()).into_iter();
    let created = created.into_iter().find(Value::is_string);
    let mut payload = json!({
        "organization": {"id": id, "name": name},
        "created_at": created.unwrap_or_else(dates::now),
        "body": text(row, "body"),
        "platform": text(row, "platform"),
        "indicator_counts": object(row, "indicator_counts"),
        "updated_at": text(row, "updated_at"),
    });
    for key in [
        "account_id",
        "agent_id",
        "closed_at",
        "organization_id",
        "sent_at",
        "severity",
        "status",
        "status_updated_at",
        "subject",
        "summary",
    ] {
        payload[key] = row[key].clone();
    }
    payload
}

fn escalation(row: &Value) -> Value {
    let organizations = row["organizations"].as_array().into_iter().flatten();
    let organizations: Vec<_> = organizations
        .map(|known| json!({"id": known["id"], "name": text(known, "name")}))
        .collect();
    let mut payload = json!({
        "total_organizations_impacted": organizations.len(),
        "organizations": organizations,
        "resolved_at": row["resolved_at"],
    });
    let keys = [
        "created_at",
        "severity",
        "status",
        "subject",
        "type",
        "updated_at",
    ];
    for key in keys {
        payload[key] = text(row, key);
    }
    payload
}

fn account(world: &World) -> Value {
    let account = account_ref(world, world.account_id);
    json!({"id": world.account_id, "name": account["name"]})
}

/// The name of an organization, without counting what belongs to it.
fn organization_name(world: &World, id: i64) -> Option<Value> {
    if let Some(row) = world.changed(ORGANIZATIONS, &[], id) {
        return Some(row["name"].clone());
    }
    let number = world.unchanged(ORGANIZATIONS, &[], id)?;
    Some(json!(company(number)))
}

/// A text that must be there.
fn text(row: &Value, key: &str) -> Value {
    json!(row[key].as_str().unwrap_or_default())
}

fn object(row: &Value, key: &str) -> Value {
    if row[key].is_object() {
        row[key].clone()
    } else {
        json!({})
    }
}
