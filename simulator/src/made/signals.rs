//! Signals: what a detector saw, on a host or at an identity.

use serde_json::{Value, json};

use crate::dates::{DAY, HOUR, ago};
use crate::made::{agents, owners};
use crate::values;
use crate::world::{AGENTS, IDENTITIES, World};

/// What raises signals about hosts.
const HOST_DETECTORS: [&str; 8] = [
    "Antivirus",
    "App Control",
    "Attack Disruptions",
    "Favicon Detections",
    "Footholds",
    "MDE Detections",
    "Process Insights",
    "Ransomware Canaries",
];

/// Makes a signal; returns the number of its organization.
pub(crate) fn make(world: &World, item: &mut Value, number: usize) -> usize {
    let (kind, detector) = match number % 8 {
        1 => ("identity", "Managed ITDR"),
        2 => ("source", "SIEM"),
        4 => ("user_entity", "Managed ITDR"),
        5 => ("mailbox", "Managed ITDR"),
        6 => ("service_principal", "Managed ITDR"),
        // Three of eight, one detector after the other.
        _ => (
            "agent",
            HOST_DETECTORS[number * 3 / 8 % HOST_DETECTORS.len()],
        ),
    };
    item["type"] = json!(detector);
    let mut rng = world.rng("signals", number as u64);
    let (agents, identities) = (world.sizes.agents, world.sizes.identities);
    let (id, name, organization, oldest) = match kind {
        "agent" if agents > 0 => {
            let agent = rng.usize(..agents);
            let facts = agents::facts(world, agent);
            let id = world.id(AGENTS, &[], agent);
            item["details"]["hostname"] = json!(facts.hostname());
            (id, facts.hostname(), facts.organization, facts.created)
        }
        "identity" | "user_entity" | "mailbox" if identities > 0 => {
            let identity = rng.usize(..identities);
            let id = world.id(IDENTITIES, &[], identity);
            let (_, email) = values::person(identity);
            item["details"]["username"] = json!(email);
            (
                id,
                email,
                owners::organization_of(world, identity),
                30 * DAY,
            )
        }
        // The others have no list.
        _ => {
            let name = format!("made-up {} {number}", kind.replace('_', " "));
            (
                number as i64 + 1,
                name,
                owners::organization_of(world, number),
                300 * DAY,
            )
        }
    };
    item["entity"] = json!({"id": id, "type": kind, "name": name});
    let created = rng.i64(2 * HOUR..oldest);
    item["created_at"] = json!(ago(created));
    item["investigated_at"] = json!(ago(created - HOUR / 2));
    item["updated_at"] = json!(ago(created - HOUR));
    organization
}
