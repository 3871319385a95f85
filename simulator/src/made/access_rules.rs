//! Access rules: what they match, whom they apply to, and when they are in force.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::dates::{self, DAY, ago};
use crate::made::owners;
use crate::values::{self, COUNTRIES, VPNS};
use crate::world::{IDENTITIES, World};

/// Makes an access rule: of one kind, for one thing, at one level.
pub(crate) fn make(world: &World, rule: &mut Value, number: usize) {
    let logic = match number {
        8 | 18 => "catchall",
        _ if number % 10 == 9 => "catchall_exception",
        _ => "standard",
    };
    let category = if logic == "standard" {
        ["country", "vpn", "ip_address"][number % 3]
    } else {
        ["country", "vpn"][number / 10 % 2]
    };
    let value = match category {
        "country" => COUNTRIES[number / 9 % COUNTRIES.len()].to_owned(),
        "vpn" => VPNS[number / 9 % VPNS.len()].1.to_owned(),
        _ => format!("203.0.113.{}", number % 250 + 1),
    };
    let matches = (logic == "standard").then_some(&*value);
    match_on(rule, category, matches);
    rule["logic"] = json!(logic);
    let expected = logic == "catchall_exception" || logic == "standard" && number.is_multiple_of(2);
    rule["type"] = json!(if expected { "expected" } else { "unauthorized" });
    let scope = match logic {
        "catchall" => "account",
        "catchall_exception" => "organization",
        _ => ["account", "organization", "identity"][number / 3 % 3],
    };
    rule["applied_to"] = made_target(world, scope, number);
    let (starts, expires) = match number / 2 % 5 {
        _ if !expected || logic != "standard" => (None, None),
        0 => (Some(-30 * DAY), Some(-90 * DAY)),
        1 => (Some(200 * DAY), Some(30 * DAY)),
        2 => (Some(20 * DAY), Some(-60 * DAY)),
        _ => (None, None),
    };
    // Whole days, as they are asked for.
    let midnight = |seconds: i64| ago(seconds + dates::NOW % DAY);
    rule["starts_at"] = json!(starts.map(midnight));
    rule["expires_at"] = json!(expires.map(midnight));
    rule["created_at"] = json!(ago((number as i64 % 90 + 210) * DAY));
    rule["updated_at"] = json!(ago((number as i64 % 90 + 110) * DAY));
    rule["created_by"] = owners::user_ref(world, number % 3)["name"].clone();
    let now = Timestamp::from_second(dates::NOW).unwrap_or_default();
    rule["status"] = json!(status(rule, now));
}

/// The account, organization or identity that a rule with a number applies to.
fn made_target(world: &World, scope: &str, number: usize) -> Value {
    match scope {
        "organization" if world.sizes.organizations > 0 => {
            let number = owners::organization_of(world, number);
            applied_to(
                scope,
                &owners::organization_ref(world, world.account_id, number),
            )
        }
        "identity" if world.sizes.identities > 0 => {
            let number = number % world.sizes.identities;
            let id = world.id(IDENTITIES, &[], number);
            let name = values::person(number).1;
            applied_to(scope, &json!({"id": id, "name": name}))
        }
        _ => applied_to("account", &owners::account_ref(world, world.account_id)),
    }
}

/// What an access rule applies to, as the rule says it.
pub(crate) fn applied_to(scope: &str, target: &Value) -> Value {
    json!({"type": scope, "id": target["id"], "name": target["name"]})
}

/// Lets an access rule match one value of its category, or all of them.
pub(crate) fn match_on(rule: &mut Value, category: &str, value: Option<&str>) {
    for (field, of) in [
        ("country_code", "country"),
        ("vpn", "vpn"),
        ("ip_address", "ip_address"),
    ] {
        rule[field] = json!(value.filter(|_| category == of));
    }
    rule["category"] = json!(category);
}

/// The status of an access rule, which follows from its dates.
pub(crate) fn status(rule: &Value, now: Timestamp) -> &'static str {
    let date = |key: &str| dates::read(&rule[key]);
    if date("expires_at").is_some_and(|end| end <= now) {
        "expired"
    } else if date("starts_at").is_some_and(|start| start > now) {
        "scheduled"
    } else {
        "active"
    }
}
