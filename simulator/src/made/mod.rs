//! Rows as they are made: of their number, so that each points to rows that exist, is found
//! from both sides, and agrees with itself.
//!
//! What a row tells of other rows is worked out from their numbers, without making them. What
//! follows from rows that may change is not put in here, but when a row is read
//! ([`crate::lists`]).

pub(crate) mod access_rules;
pub(crate) mod agents;
pub(crate) mod escalations;
pub(crate) mod identities;
pub(crate) mod incidents;
mod others;
pub(crate) mod owners;
mod signals;
pub(crate) mod subscriptions;

use serde_json::{Value, json};

use crate::dates::{self, DAY};
use crate::values::{self, Values};
use crate::world::{
    ACCESS_RULES, ACCOUNTS, AGENTS, ESCALATIONS, IDENTITIES, INCIDENTS, MEMBERSHIPS, ORGANIZATIONS,
    PLATFORM_ACTIONS, REMEDIATIONS, SIGNALS, SUBSCRIPTIONS, World,
};

/// A row as it was made.
pub(crate) fn row(world: &World, list: &str, parents: &[i64], number: usize) -> Value {
    with_id(
        world,
        list,
        parents,
        number,
        world.id(list, parents, number),
    )
}

/// A row as it is made of a number, with an id.
pub(crate) fn with_id(world: &World, list: &str, parents: &[i64], number: usize, id: i64) -> Value {
    let Some(component) = world.document.lists.get(list) else {
        return nested(world, list, parents, number, id);
    };
    if list == AGENTS {
        let text = agents::text(world, number, &agents::facts(world, number));
        let mut agent: Value = serde_json::from_str(&text).expect("a row is JSON");
        agent["id"] = json!(id);
        return agent;
    }
    let seed = world.rng(list, number as u64).u64(..);
    let mut values = Values::new(&world.document.plans, seed);
    let mut item = values.object(component);
    if item.get("id").is_some() {
        item["id"] = json!(id);
    }
    relate(world, &mut item, list, number);
    item
}

/// A new object of a component, with plausible values.
pub(crate) fn object(world: &World, component: &str, id: i64) -> Value {
    let seed = world.seed ^ id.unsigned_abs();
    let mut object = Values::new(&world.document.plans, seed).object(component);
    if object.get("id").is_some() {
        object["id"] = json!(id);
    }
    owners::assign(world, &mut object, world.account_id);
    dates::sort(&mut object);
    object
}

/// A row of a list that belongs to another row.
fn nested(world: &World, list: &str, parents: &[i64], number: usize, id: i64) -> Value {
    let operations = world.document.operations.iter();
    let mut listing = operations.filter(|operation| operation.path == list);
    let component = listing.find_map(|operation| operation.answer.component());
    let mut item = object(world, component.unwrap_or_default(), id);
    let parent = parents.first().copied().unwrap_or_default();
    if list == REMEDIATIONS {
        let incident = incidents::progress(world, parent);
        incidents::make_remediation(world, &mut item, &incident, number);
    } else {
        subscriptions::make_line(world, &mut item, parent, number);
    }
    dates::sort(&mut item);
    item
}

/// Makes a row agree with itself, and point to rows that exist.
fn relate(world: &World, item: &mut Value, list: &str, number: usize) {
    let mut organization = owners::organization_of(world, number);
    let mut account = world.account_id;
    match list {
        ACCOUNTS => owners::make_account(item, number),
        ORGANIZATIONS => {
            let name = values::company(number);
            item["key"] = json!(owners::slug(&name));
            item["name"] = json!(name);
            // Older than all that it has.
            let age = world.rng("ages", number as u64).i64(900..1_500);
            item["created_at"] = json!(dates::ago(age * DAY));
        }
        INCIDENTS => organization = incidents::make(world, item, number),
        ESCALATIONS | PLATFORM_ACTIONS => {
            let mut rng = world.rng("escalations", number as u64);
            escalations::make(item, number, &mut rng);
        }
        IDENTITIES => identities::make(world, item, number),
        SIGNALS => organization = signals::make(world, item, number),
        ACCESS_RULES => access_rules::make(world, item, number),
        MEMBERSHIPS => item["user"] = owners::user_ref(world, number),
        SUBSCRIPTIONS => {
            account = owners::managed_account(world, number);
            let age = world.rng("ages", number as u64).i64(30..700);
            subscriptions::set_terms(item, dates::NOW - age * DAY, dates::NOW);
        }
        "/v1/external_ports" => others::make_port(item, number),
        "/v1/reports" => others::make_report(item, number),
        "/v1/known_vpns" => others::make_vpn(item, number),
        _ => {}
    }
    owners::assign(world, item, account);
    if world.sizes.organizations > 0 {
        let reference = owners::organization_ref(world, world.account_id, organization);
        point_to(item, reference);
    }
    dates::sort(item);
}

/// Lets an item point to an organization, in each of the forms that it has for that.
fn point_to(item: &mut Value, organization: Value) {
    if item.get("organization_id").is_some() {
        item["organization_id"] = organization["id"].clone();
    }
    if item["organization_ids"].is_array() {
        item["organization_ids"] = json!([organization["id"]]);
    }
    if item["organizations"].is_array() {
        item["organizations"] = json!([organization]);
    }
    if item["organization"].is_object() {
        item["organization"] = organization;
    }
}
