//! Incident reports: their remediations are decided about first.

use serde_json::{Value, json};

use super::store::{Answer, conflict, get, keep, unprocessable};
use crate::dates::now;
use crate::lists;
use crate::made::owners::user_ref;
use crate::world::{INCIDENTS, REMEDIATIONS, World};

/// The remediations of an incident report, all of them.
fn remediations(world: &World, incident: i64) -> Vec<Value> {
    lists::all(world, REMEDIATIONS, &[incident]).unwrap_or_default()
}

/// An incident report that can still be decided about.
fn sent(world: &World, id: i64) -> Answer {
    let incident = get(world, INCIDENTS, id)?;
    if incident["status"] != "sent" {
        return conflict("the incident report is not `sent`");
    }
    Ok(incident)
}

pub(crate) fn resolve(world: &mut World, id: i64) -> Answer {
    let mut incident = sent(world, id)?;
    if remediations(world, id)
        .iter()
        .any(|row| row["status"] == "unapproved")
    {
        return conflict("not all remediations are approved");
    }
    incident["status"] = json!("closed");
    (incident["closed_at"], incident["status_updated_at"]) = (now(), now());
    keep(world, INCIDENTS, incident)?;
    // With its remediations as they are now.
    get(world, INCIDENTS, id)
}

pub(crate) fn decide(world: &mut World, id: i64, decision: &str) -> Answer {
    let mut incident = sent(world, id)?;
    let rows = remediations(world, id).into_iter();
    let open: Vec<_> = rows.filter(|row| row["status"] == "unapproved").collect();
    if open.is_empty() {
        return unprocessable("no remediation is unapproved");
    }
    for mut row in open {
        row["status"] = json!(decision);
        if decision == "approved" {
            row["approved_at"] = now();
            row["approved_by"] = user_ref(world, 0);
        }
        world.put(REMEDIATIONS, &[id], row);
    }
    if decision == "cancelled" {
        incident["status"] = json!("dismissed");
        incident["status_updated_at"] = now();
    }
    keep(world, INCIDENTS, incident)?;
    // With its remediations as they are now.
    get(world, INCIDENTS, id)
}
