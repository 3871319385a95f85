//! How much belongs to each organization, as its row says.
//!
//! What was made is counted once, from numbers alone; only the rows that were changed since
//! are looked at each time.

use serde_json::{Value, json};

use crate::made::identities::is_billable;
use crate::made::owners::{organization_id, organization_of};
use crate::made::{agents, incidents};
use crate::world::{AGENTS, Counts, IDENTITIES, INCIDENTS, ORGANIZATIONS, World};

/// Puts the counts of an organization into its row.
pub(crate) fn tell(world: &World, row: &mut Value) {
    let id = row["id"].as_i64().unwrap_or_default();
    let number = world.number(ORGANIZATIONS, &[], id);
    let made = world.counts.get_or_init(|| count_made(world));
    let mut counts = number
        .and_then(|number| made.get(number).copied())
        .unwrap_or_default();
    let organization = Organization {
        world,
        id,
        number: number.filter(|number| *number < made.len()),
    };
    let agent_of = |number| agents::facts(world, number).organization;
    let incident_of = |number| incidents::organization_of(world, number);
    let identity_of = |number| organization_of(world, number);
    let any = |_: &Value| true;
    let billed = |row: &Value| row["billable"] == true;
    organization.recount(&mut counts.agents, AGENTS, agent_of, any);
    organization.recount(&mut counts.incidents, INCIDENTS, incident_of, any);
    organization.recount(&mut counts.identities, IDENTITIES, identity_of, any);
    let billable_of = |number| {
        let billable = is_billable(world, number);
        if billable {
            identity_of(number)
        } else {
            usize::MAX
        }
    };
    organization.recount(&mut counts.billable, IDENTITIES, billable_of, billed);
    row["agents_count"] = json!(counts.agents);
    row["incident_reports_count"] = json!(counts.incidents);
    row["microsoft_365_users_count"] = json!(counts.identities);
    row["billable_identity_count"] = json!(counts.billable);
}

/// What every organization has as made.
fn count_made(world: &World) -> Vec<Counts> {
    let sizes = &world.sizes;
    let mut counts = vec![Counts::default(); sizes.organizations];
    if counts.is_empty() {
        return counts;
    }
    for agent in 0..sizes.agents {
        counts[agents::facts(world, agent).organization].agents += 1;
    }
    for incident in 0..sizes.incident_reports {
        counts[incidents::organization_of(world, incident)].incidents += 1;
    }
    for identity in 0..sizes.identities {
        let counts = &mut counts[organization_of(world, identity)];
        counts.identities += 1;
        counts.billable += usize::from(is_billable(world, identity));
    }
    counts
}

/// An organization whose rows are counted.
struct Organization<'w> {
    world: &'w World,
    id: i64,
    /// Where it is one that was made.
    number: Option<usize>,
}

impl Organization<'_> {
    /// Corrects a count of the rows as made: those that were changed count as they are now.
    fn recount(
        &self,
        count: &mut usize,
        list: &str,
        made_for: impl Fn(usize) -> usize,
        counts: impl Fn(&Value) -> bool,
    ) {
        let world = self.world;
        let size = world.size(list, &[]).unwrap_or_default();
        for (id, row) in world.changes(list, &[]).into_iter().flatten() {
            let number = world.number(list, &[], *id).filter(|number| *number < size);
            let was = number.is_some_and(|number| Some(made_for(number)) == self.number);
            let here = |row: &&Value| *organization_id(row) == self.id && counts(row);
            let is = row.as_ref().filter(here).is_some();
            *count = *count + usize::from(is) - usize::from(was);
        }
    }
}
