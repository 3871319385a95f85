//! Writes: what each changes, and when it is refused.

mod access_rules;
mod agents;
mod escalations;
mod incidents;
mod organizations;
mod resellers;
mod store;

use std::time::Duration;

use hyper::StatusCode;
use serde_json::Value;

use crate::document::{Document, Match, Operation};
use crate::refusal::{Refusal, refuse};
use crate::schema::{Wrong, check};
use crate::world::{ACCESS_RULES, AGENTS, MEMBERSHIPS, World};
use store::{Answer, get, keep, merge, take};

/// The body of a request, checked against the document's schema.
pub(crate) fn body(
    document: &Document,
    operation: &Operation,
    bytes: &[u8],
) -> Result<Value, Refusal> {
    let Some(expected) = &operation.body else {
        return Ok(Value::Null);
    };
    let malformed = operation.documented(&[400, 422]);
    let body: Value = match serde_json::from_slice(bytes) {
        Ok(body) => body,
        Err(error) => return refuse(malformed, format!("the body is not JSON: {error}")),
    };
    let mut errors = Wrong::new();
    check(&document.value, expected, &body, "", &mut errors);
    if errors.is_empty() {
        return Ok(body);
    }
    let status = operation.documented(&[422, 400]);
    Err(Refusal::of_fields(status, &errors))
}

/// Carries a write out and returns what it answers, not yet in its envelope.
pub(crate) fn write(world: &mut World, found: &Match, body: &Value, reaction: Duration) -> Answer {
    let Match { operation, ids, .. } = found;
    let last = ids.last().copied().unwrap_or_default();
    match &*operation.id {
        "update_agent" => agents::update(world, last, body),
        "uninstall_agent" => take(world, AGENTS, last),
        "isolate_agent" => agents::react(world, last, &agents::ISOLATION, reaction),
        "release_agent" => agents::react(world, last, &agents::RELEASE, reaction),
        "create_organization" => organizations::create_organization(world, body),
        "update_organization" => organizations::update(world, last, body),
        "delete_organization" => organizations::delete(world, last),
        "create_membership" => organizations::invite(world, body),
        "update_membership" => {
            let mut row = get(world, MEMBERSHIPS, last)?;
            merge(&mut row, body);
            keep(world, MEMBERSHIPS, row)
        }
        "delete_membership" => take(world, MEMBERSHIPS, last),
        "create_account" => resellers::create_account(world, body),
        "update_account" => resellers::update_account(world, last, body),
        "disable_account" => resellers::disable_account(world, last),
        "create_reseller_subscription" => resellers::create_subscription(world, body),
        "update_reseller_subscription" => resellers::update_subscription(world, last, body),
        "upgrade_reseller_subscription" => resellers::upgrade_subscription(world, last, body),
        "create_unwanted_access_rule" => access_rules::create_some(world, body),
        "update_unwanted_access_rule" => access_rules::update(world, last, body),
        "delete_unwanted_access_rule" => take(world, ACCESS_RULES, last),
        "resolve_escalation" => escalations::resolve(world, last, body),
        "resolve_incident_report" => incidents::resolve(world, last),
        "approve_remediations" => incidents::decide(world, last, "approved"),
        "reject_remediations" => incidents::decide(world, last, "cancelled"),
        other => refuse(
            StatusCode::NOT_IMPLEMENTED,
            format!("the simulator does not know how to {other}"),
        ),
    }
}
