//! What a reseller changes: the accounts that it manages, and its subscriptions.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::store::{Answer, conflict, create, get, keep, merge, taken, unprocessable};
use crate::made::owners::account_ref;
use crate::made::subscriptions::set_terms;
use crate::world::{ACCOUNTS, SUBSCRIPTIONS, World};

pub(crate) fn create_account(world: &mut World, body: &Value) -> Answer {
    if taken(world, ACCOUNTS, "subdomain", &body["subdomain"], 0) {
        return unprocessable("subdomain is taken");
    }
    let mut row = create(world, ACCOUNTS, "Account", body);
    row["status"] = json!("enabled");
    keep(world, ACCOUNTS, row)
}

pub(crate) fn update_account(world: &mut World, id: i64, body: &Value) -> Answer {
    let mut row = get(world, ACCOUNTS, id)?;
    if taken(world, ACCOUNTS, "subdomain", &body["subdomain"], id) {
        return unprocessable("subdomain is taken");
    }
    merge(&mut row, body);
    keep(world, ACCOUNTS, row)
}

pub(crate) fn disable_account(world: &mut World, id: i64) -> Answer {
    let mut row = get(world, ACCOUNTS, id)?;
    if row["status"] == "disabled" {
        return unprocessable("the account is disabled already");
    }
    row["status"] = json!("disabled");
    keep(world, ACCOUNTS, row)
}

pub(crate) fn create_subscription(world: &mut World, body: &Value) -> Answer {
    let account = body["account_id"].as_i64().unwrap_or_default();
    get(world, ACCOUNTS, account)?;
    if body["minimum"].as_i64().is_none_or(|minimum| minimum < 1) {
        return unprocessable("minimum must be at least 1");
    }
    let mut row = create(world, SUBSCRIPTIONS, "Subscription", body);
    row["account"] = account_ref(world, account);
    row["minimum_usage"] = body["minimum"].clone();
    row["status"] = json!("approved");
    let began = Timestamp::now().as_second();
    set_terms(&mut row, began, began);
    keep(world, SUBSCRIPTIONS, row)
}

pub(crate) fn update_subscription(world: &mut World, id: i64, body: &Value) -> Answer {
    let mut row = get(world, SUBSCRIPTIONS, id)?;
    let allowed: &[&str] = match row["status"].as_str() {
        Some("approved") => &["minimum", "billing_interval", "purchase_order"],
        Some("active") => &["auto_renew", "additional_units", "purchase_order"],
        _ => &[],
    };
    let fields = body.as_object().into_iter().flatten();
    if let Some((field, _)) = fields
        .clone()
        .find(|(field, _)| !allowed.contains(&field.as_str()))
    {
        let status = row["status"].as_str().unwrap_or_default();
        return conflict(&format!("{field} cannot change while it is {status}"));
    }
    merge(&mut row, body);
    if let Some(minimum) = body.get("minimum") {
        row["minimum_usage"] = minimum.clone();
    }
    if let Some(units) = body["additional_units"].as_i64() {
        let minimum = row["minimum_usage"].as_i64().unwrap_or_default();
        row["minimum_usage"] = json!(minimum.saturating_add(units));
    }
    keep(world, SUBSCRIPTIONS, row)
}

pub(crate) fn upgrade_subscription(world: &mut World, id: i64, body: &Value) -> Answer {
    let mut row = get(world, SUBSCRIPTIONS, id)?;
    if row["status"] != "active" {
        return unprocessable("only an active subscription can be upgraded");
    }
    if body["minimum"].as_i64() < row["minimum_usage"].as_i64() {
        return unprocessable("minimum must not be lower than it is");
    }
    let mut upgraded = row.clone();
    upgraded["id"] = json!(world.next_id(SUBSCRIPTIONS, &[]));
    upgraded["minimum_usage"] = body["minimum"].clone();
    if body["on_renewal"] == true {
        upgraded["status"] = json!("approved");
    } else {
        row["status"] = json!("completed");
        keep(world, SUBSCRIPTIONS, row)?;
    }
    keep(world, SUBSCRIPTIONS, upgraded)
}
