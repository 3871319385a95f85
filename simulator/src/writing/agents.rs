//! Agents: their tags, and the isolation of their hosts, which takes a while.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::store::{Answer, conflict, get, keep, merge};
use crate::world::{AGENTS, World};

pub(crate) fn update(world: &mut World, id: i64, body: &Value) -> Answer {
    let mut agent = get(world, AGENTS, id)?;
    if agent["platform"] == "linux" && !body["tamper_protection_configured"].is_null() {
        return conflict("the agent does not support tamper protection");
    }
    merge(&mut agent, body);
    if let Some(tags) = body["tags"].as_array() {
        agent["tags"] = tidy(tags);
    }
    keep(world, AGENTS, agent)
}

/// Tags in lower case with hyphens, each once.
fn tidy(tags: &[Value]) -> Value {
    let mut tidied: Vec<String> = Vec::new();
    for tag in tags.iter().filter_map(Value::as_str) {
        let words: Vec<_> = tag.split_whitespace().collect();
        let tag = words.join("-").to_lowercase();
        if !tag.is_empty() && !tidied.contains(&tag) {
            tidied.push(tag);
        }
    }
    json!(tidied)
}

/// What a host does some time after it was asked to.
pub(crate) struct Reaction {
    /// Whether an agent that says this of its firewall cannot be asked to.
    refused_when: fn(&str) -> bool,
    why: &'static str,
    pending: &'static str,
    done: &'static str,
}

pub(crate) const ISOLATION: Reaction = Reaction {
    refused_when: |status| status.contains("Isolat"),
    why: "the host is isolated already",
    pending: "Pending Isolation",
    done: "Isolated",
};

pub(crate) const RELEASE: Reaction = Reaction {
    refused_when: |status| !status.contains("Isolat"),
    why: "the host is not isolated",
    pending: "Pending Release",
    done: "Enabled",
};

/// Lets a host be isolated or released: at once the agent says that it is pending, and after
/// some time that it is done.
pub(crate) fn react(world: &mut World, id: i64, reaction: &Reaction, after: Duration) -> Answer {
    let mut agent = get(world, AGENTS, id)?;
    if (reaction.refused_when)(agent["firewall_status"].as_str().unwrap_or_default()) {
        return conflict(reaction.why);
    }
    agent["firewall_status"] = json!(reaction.pending);
    let agent = keep(world, AGENTS, agent)?;
    // No simulated host takes centuries.
    let at = Timestamp::now()
        .saturating_add(after)
        .unwrap_or(Timestamp::MAX);
    world.reactions.insert(id, (at, reaction.done));
    Ok(agent)
}
