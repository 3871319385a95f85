//! Organizations, and who is invited to them.

use serde_json::{Value, json};

use super::store::{Answer, conflict, create, get, keep, merge, take, taken, unprocessable};
use crate::made;
use crate::refusal::Refusal;
use crate::world::{ORGANIZATIONS, World};

pub(crate) fn create_organization(world: &mut World, body: &Value) -> Answer {
    let mut row = create(world, ORGANIZATIONS, "Organization", body);
    for (key, value) in row.as_object_mut().into_iter().flatten() {
        if key.ends_with("_count") {
            *value = json!(0);
        }
    }
    check(world, &row)?;
    let id = row["id"].as_i64().unwrap_or_default();
    keep(world, ORGANIZATIONS, row)?;
    // With its counts.
    get(world, ORGANIZATIONS, id)
}

pub(crate) fn update(world: &mut World, id: i64, body: &Value) -> Answer {
    let mut row = get(world, ORGANIZATIONS, id)?;
    merge(&mut row, body);
    check(world, &row)?;
    keep(world, ORGANIZATIONS, row)
}

fn check(world: &World, row: &Value) -> Result<(), Refusal> {
    for field in ["name", "key"] {
        let length = row[field]
            .as_str()
            .map_or(0, |text| text.trim().chars().count());
        if !(1..=256).contains(&length) {
            return unprocessable(&format!("{field} must have 1 to 256 characters"));
        }
    }
    let id = row["id"].as_i64().unwrap_or_default();
    if taken(world, ORGANIZATIONS, "key", &row["key"], id) {
        return unprocessable("key is taken");
    }
    Ok(())
}

pub(crate) fn delete(world: &mut World, id: i64) -> Answer {
    let row = get(world, ORGANIZATIONS, id)?;
    if row["agents_count"] != 0 {
        return conflict("the organization still has agents");
    }
    take(world, ORGANIZATIONS, id)
}

/// Invites somebody; there is no membership before the invitation is accepted.
pub(crate) fn invite(world: &mut World, body: &Value) -> Answer {
    let mut invitation = made::object(world, "MemberInvitation", 0);
    match body["organization_id"].as_i64() {
        Some(id) => {
            let organization = get(world, ORGANIZATIONS, id)?;
            invitation["organization"] = json!({"id": id, "name": organization["name"]});
            invitation["account"] = Value::Null;
        }
        None => invitation["organization"] = Value::Null,
    }
    if !body["email"]
        .as_str()
        .is_some_and(|email| email.contains('@'))
    {
        return unprocessable("email is not an address");
    }
    merge(&mut invitation, body);
    let name = |key: &str| body[key].as_str().unwrap_or_default();
    let name = format!("{} {}", name("first_name"), name("last_name"));
    invitation["user"] = json!({"email": body["email"], "name": name});
    Ok(invitation)
}
