//! Resources on their own, which may have fields that their lists leave out.

use serde_json::{Value, json};

use crate::document::Operation;
use crate::lists;
use crate::made::escalations::UNWANTED_ACCESS;
use crate::made::owners::{reference, user_ref};
use crate::made::{self, subscriptions};
use crate::world::{ACCOUNTS, AGENTS, IDENTITIES, World};

/// The resource of an operation that has such ids in its path.
pub(crate) fn get(world: &World, operation: &Operation, ids: &[i64]) -> Option<Value> {
    let component = operation.answer.component()?;
    let Some((id, parents)) = ids.split_last() else {
        // What belongs to the account of the key, such as the account itself.
        let account = lists::row(world, ACCOUNTS, &[], world.account_id)?;
        let mut only = whole(world, component, &account);
        if let Some(own) = only.get_mut("account").filter(|own| own.is_object()) {
            *own = reference(&account);
        }
        if only["user"].is_object() {
            only["user"] = user_ref(world, 0);
        }
        return Some(only);
    };
    let row = lists::row(world, operation.collection(), parents, *id)?;
    Some(whole(world, component, &row))
}

/// A row as a component that may have fields that its list leaves out.
pub(crate) fn whole(world: &World, component: &str, row: &Value) -> Value {
    let id = row["id"].as_i64().unwrap_or_default();
    let mut whole = made::object(world, component, id);
    for (key, value) in row.as_object().into_iter().flatten() {
        if whole.get(key).is_some() {
            whole[key] = value.clone();
        }
    }
    if whole["entities"].is_object() && row["entities"].is_null() {
        let items = entities(world, row);
        whole["entities"] = json!({"total_count": items.len(), "has_more": false, "items": items});
    }
    if whole["actual_usages"].is_object() && row["actual_usages"].is_null() {
        add_usages(&mut whole);
    }
    whole
}

/// Makes the usages of an organization agree with its counts.
fn add_usages(organization: &mut Value) {
    let billable = organization["billable_identity_count"].clone();
    let total = organization["microsoft_365_users_count"].clone();
    let agents = organization["agents_count"].clone();
    let usages = &mut organization["actual_usages"];
    usages["edr"]["billable_agents_count"] = agents;
    let cycle = usages["siem"]["current_billing_cycle"]["service_period_start"].clone();
    subscriptions::end_before(&cycle, &mut usages["siem"]["previous_billing_cycle"]);
    for product in ["itdr", "ispm"] {
        let mut usage = usages[product][0].clone();
        usage["billable_identities_count"] = billable.clone();
        usage["total_identities_count"] = total.clone();
        usages[product] = json!([usage]);
    }
}

/// What an escalation is about: identities that signed in, or a host.
pub(crate) fn entities(world: &World, escalation: &Value) -> Vec<Value> {
    if let Some(items) = escalation["entities"]["items"].as_array() {
        return items.clone();
    }
    let Some(organization) = escalation["organizations"][0]["id"].as_i64() else {
        return Vec::new();
    };
    if escalation["type"] == UNWANTED_ACCESS {
        let identities = lists::of_organization(world, IDENTITIES, organization, 3);
        let entity = |identity: &Value| {
            let details = json!({"username": identity["username"]});
            json!({"id": identity["id"], "type": "Identity", "details": details})
        };
        return identities.iter().map(entity).collect();
    }
    let hosts = lists::of_organization(world, AGENTS, organization, 1);
    let entity = |agent: &Value| {
        let details = json!({"hostname": agent["hostname"], "platform": agent["platform"]});
        json!({"id": agent["id"], "type": "Agent", "details": details})
    };
    hosts.iter().map(entity).collect()
}
