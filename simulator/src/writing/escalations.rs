//! Escalations: how one is resolved, and the access rules that may come of it.

use hyper::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::access_rules;
use super::store::{Answer, conflict, get, keep, unprocessable};
use crate::dates::now;
use crate::made::access_rules::{applied_to, status};
use crate::made::escalations::{UNWANTED_ACCESS, sign_in_from};
use crate::made::owners::account_ref;
use crate::refusal::{Refusal, refuse};
use crate::world::{ESCALATIONS, IDENTITIES, World};
use crate::{lists, resources};

pub(crate) fn resolve(world: &mut World, id: i64, body: &Value) -> Answer {
    let mut escalation = get(world, ESCALATIONS, id)?;
    if escalation["status"] == "resolved" {
        return conflict("the escalation is resolved already");
    }
    if escalation["subtype"] == "portal_only" {
        return unprocessable("this type can only be resolved in the portal");
    }
    let given = |key: &str| body.get(key).is_some_and(|value| !value.is_null());
    let by_rule = escalation["type"] == UNWANTED_ACCESS;
    let method = match (given("determination"), given("scope")) {
        (true, true) if by_rule => "rule",
        (false, false) if by_rule => "dismiss",
        (false, false) => "direct",
        (true, true) => return refuse(StatusCode::BAD_REQUEST, "this type takes no rule"),
        _ => {
            return refuse(
                StatusCode::BAD_REQUEST,
                "determination and scope go together",
            );
        }
    };
    escalation["status"] = json!("resolved");
    escalation["resolved_at"] = now();
    let escalation = keep(world, ESCALATIONS, escalation)?;
    if method == "rule" {
        rule_on(world, &escalation, body)?;
        // Third parties say that the API does so unless it is asked not to.
        if body["determination"] == "unauthorized" && body["revoke_and_disable_identities"] != false
        {
            disable_identities(world, &escalation)?;
        }
    }
    let escalation = resources::whole(world, "EscalationWithEntities", &escalation);
    Ok(json!({"escalation": escalation, "resolution_method": method}))
}

/// Disables the identities that an escalation is about.
fn disable_identities(world: &mut World, escalation: &Value) -> Result<(), Refusal> {
    for entity in resources::entities(world, escalation) {
        let id = entity["id"].as_i64().unwrap_or_default();
        if let Some(mut identity) = lists::row(world, IDENTITIES, &[], id) {
            identity["enabled"] = json!(false);
            keep(world, IDENTITIES, identity)?;
        }
    }
    Ok(())
}

/// Makes the rules that settle an escalated sign-in, but for those that exist already.
fn rule_on(world: &mut World, escalation: &Value, body: &Value) -> Result<(), Refusal> {
    let category = escalation["subtype"].as_str().unwrap_or_default();
    let from = sign_in_from(category, escalation["id"].as_i64().unwrap_or_default());
    let scope = body["scope"].as_str().unwrap_or_default();
    let targets = match scope {
        "identity" => {
            let entities = resources::entities(world, escalation).into_iter();
            let name = |entity: &Value| entity["details"]["username"].clone();
            let identity = |entity: Value| json!({"id": entity["id"], "name": name(&entity)});
            entities.map(identity).collect()
        }
        "organization" => escalation["organizations"]
            .as_array()
            .cloned()
            .unwrap_or_default(),
        _ => vec![account_ref(world, world.account_id)],
    };
    for target in targets {
        let target = applied_to(scope, &target);
        let mut rule = access_rules::draft(world, &body["determination"], category, from, &target);
        if let Some(date) = body["expiration_date"].as_str() {
            rule["expires_at"] = json!(format!("{date}T00:00:00Z"));
            rule["status"] = json!(status(&rule, Timestamp::now()));
        }
        if !access_rules::exists(world, &rule) {
            access_rules::add(world, rule)?;
        }
    }
    Ok(())
}
