//! Access rules: a body makes one for each value that it lists, and says whom they apply to.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::store::{Answer, get, keep, unprocessable};
use crate::dates::now;
use crate::made::access_rules::{applied_to, match_on, status};
use crate::made::owners::{account_ref, user_ref};
use crate::refusal::Refusal;
use crate::world::{ACCESS_RULES, IDENTITIES, ORGANIZATIONS, World};
use crate::{lists, made};

pub(crate) fn create_some(world: &mut World, body: &Value) -> Answer {
    let kinds = ["country_code", "vpn", "logic"];
    let mut kinds = kinds.into_iter().filter(|kind| given(body, kind).is_some());
    let (Some(kind), None) = (kinds.next(), kinds.next()) else {
        return unprocessable("exactly one of country_code, vpn and logic is needed");
    };
    let target = target(world, body)?;
    check_catchall(body, &target)?;
    let category = match kind {
        "country_code" => "country",
        "vpn" => "vpn",
        _ => body["category"].as_str().unwrap_or_default(),
    };
    // A catchall matches no value, but all.
    let values = match kind {
        "logic" => vec![None],
        kind => listed(body[kind].as_str().unwrap_or_default()),
    };
    if values.is_empty() {
        return unprocessable(&format!("{kind} is empty"));
    }
    let mut rules = Vec::new();
    for value in values {
        let mut rule = draft(world, &body["type"], category, value, &target);
        rule["logic"] = given(body, "logic").cloned().unwrap_or(json!("standard"));
        rule["note"] = given(body, "notes").cloned().unwrap_or_default();
        schedule(&mut rule, body)?;
        if exists(world, &rule) {
            return unprocessable("such a rule exists already");
        }
        rules.push(rule);
    }
    let mut last = Value::Null;
    for rule in rules {
        last = add(world, rule)?;
    }
    Ok(last)
}

fn given<'b>(body: &'b Value, key: &str) -> Option<&'b Value> {
    body.get(key).filter(|value| !value.is_null())
}

/// The identity or organization that a body names, or else the account.
fn target(world: &World, body: &Value) -> Answer {
    match (given(body, "identity_id"), given(body, "organization_id")) {
        (Some(_), Some(_)) => unprocessable("identity_id and organization_id exclude each other"),
        (Some(id), None) => {
            let identity = get(world, IDENTITIES, id.as_i64().unwrap_or_default())?;
            let identity = json!({"id": id, "name": identity["username"]});
            Ok(applied_to("identity", &identity))
        }
        (None, Some(id)) => {
            let organization = get(world, ORGANIZATIONS, id.as_i64().unwrap_or_default())?;
            Ok(applied_to("organization", &organization))
        }
        (None, None) => {
            let account = account_ref(world, world.account_id);
            Ok(applied_to("account", &account))
        }
    }
}

/// Refuses a catchall, or an exception to one, that cannot be.
fn check_catchall(body: &Value, target: &Value) -> Result<(), Refusal> {
    let of_organization = target["type"] == "organization";
    match body["logic"].as_str() {
        Some("catchall") if body["type"] != "unauthorized" || target["type"] == "identity" => {
            unprocessable("a catchall is unauthorized, and not of an identity")
        }
        Some("catchall_exception") if body["type"] != "expected" || !of_organization => {
            unprocessable("a catchall_exception is expected, and of an organization")
        }
        Some(_) if given(body, "category").is_none() => {
            unprocessable("a catchall needs a category")
        }
        _ => Ok(()),
    }
}

/// The values of a text with commas between them, each once.
fn listed(text: &str) -> Vec<Option<&str>> {
    let mut values = Vec::new();
    for value in text.split(',').map(str::trim) {
        if !value.is_empty() && !values.contains(&Some(value)) {
            values.push(Some(value));
        }
    }
    values
}

/// A rule in force from now on, not yet among the others.
pub(crate) fn draft(
    world: &World,
    determination: &Value,
    category: &str,
    value: Option<&str>,
    target: &Value,
) -> Value {
    let mut rule = made::object(world, "UnwantedAccessRule", 0);
    match_on(&mut rule, category, value);
    rule["type"] = determination.clone();
    rule["logic"] = json!("standard");
    rule["applied_to"] = target.clone();
    rule["status"] = json!("active");
    for empty in ["note", "starts_at", "expires_at"] {
        rule[empty] = Value::Null;
    }
    rule["created_by"] = user_ref(world, 0)["name"].clone();
    (rule["created_at"], rule["updated_at"]) = (now(), now());
    rule
}

/// Whether there is a rule for the same thing.
pub(crate) fn exists(world: &World, rule: &Value) -> bool {
    let keys = [
        "type",
        "logic",
        "category",
        "country_code",
        "vpn",
        "applied_to",
    ];
    let same = |row: &Value| keys.iter().all(|key| row[*key] == rule[*key]);
    lists::any(world, ACCESS_RULES, same)
}

/// Adds a rule to the others.
pub(crate) fn add(world: &mut World, mut rule: Value) -> Answer {
    rule["id"] = json!(world.next_id(ACCESS_RULES, &[]));
    keep(world, ACCESS_RULES, rule)
}

/// Takes over the dates of a body, if the rule may have dates.
fn schedule(rule: &mut Value, body: &Value) -> Result<(), Refusal> {
    for key in ["starts_at", "expires_at"] {
        let Some(date) = body.get(key) else { continue };
        if !date.is_null() && rule["logic"] != "standard" {
            return unprocessable("a catchall and its exceptions have no dates");
        }
        if !date.is_null() && rule["type"] == "unauthorized" {
            return unprocessable("an unauthorized rule has no dates");
        }
        rule[key] = json!(date.as_str().map(|date| format!("{date}T00:00:00Z")));
    }
    if let (Some(start), Some(end)) = (rule["starts_at"].as_str(), rule["expires_at"].as_str())
        && end <= start
    {
        return unprocessable("expires_at must be after starts_at");
    }
    rule["status"] = json!(status(rule, Timestamp::now()));
    Ok(())
}

pub(crate) fn update(world: &mut World, id: i64, body: &Value) -> Answer {
    let mut rule = get(world, ACCESS_RULES, id)?;
    schedule(&mut rule, body)?;
    if let Some(notes) = body.get("notes") {
        rule["note"] = notes.clone();
    }
    keep(world, ACCESS_RULES, rule)
}
