//! Identities: people at an organization, whose tenant is of one of two providers.

use serde_json::{Value, json};

use crate::made::owners::organization_of;
use crate::values;
use crate::world::World;

pub(crate) fn is_billable(world: &World, number: usize) -> bool {
    world.rng("billable", number as u64).u8(..4) > 0
}

pub(crate) fn make(world: &World, item: &mut Value, number: usize) {
    let organization = organization_of(world, number);
    let (_, email) = values::person(number);
    item["username"] = json!(email);
    item["email"] = json!(email);
    item["billable"] = json!(is_billable(world, number));
    item["tenant"]["id"] = json!(organization + 1);
    item["tenant"]["type"] = json!(if organization % 4 == 3 {
        "google_workspace"
    } else {
        "microsoft_365"
    });
}
