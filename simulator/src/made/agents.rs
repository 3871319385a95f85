//! Agents, the one list that gets long: what is known of one without making it, and its JSON
//! as text.

use std::borrow::Cow;

use crate::dates::{self, DAY};
use crate::values::Values;
use crate::world::{AGENTS, ORGANIZATIONS, World};

/// What is known of an agent without making it.
pub(crate) struct AgentFacts {
    pub(crate) organization: usize,
    pub(crate) platform: &'static str,
    pub(crate) os: &'static str,
    number: usize,
    prefix: &'static str,
    build: u8,
    /// In seconds before the newest time of the world.
    pub(crate) created: i64,
    pub(crate) updated: i64,
}

impl AgentFacts {
    pub(crate) fn hostname(&self) -> String {
        format!("{}-{:03}", self.prefix, self.number)
    }

    pub(crate) fn version(&self) -> String {
        format!("0.14.{}", self.build)
    }
}

/// What is known of an agent at little cost.
pub(crate) fn facts(world: &World, number: usize) -> AgentFacts {
    let mut rng = world.rng("agent facts", number as u64);
    let size = world.sizes.organizations.max(1);
    // A few large customers and many small ones; none without an agent.
    let organization = if number < size {
        number
    } else {
        rng.usize(..size).min(rng.usize(..size))
    };
    let (platform, systems, prefix): (_, &[&str], _) = match rng.u8(..20) {
        0..=13 => (
            "windows",
            &["Windows 11 Pro", "Windows 10 Pro", "Windows Server 2022"],
            "PC",
        ),
        14..=17 => ("darwin", &["macOS 15", "macOS 14"], "MAC"),
        _ => ("linux", &["Ubuntu 24.04", "Debian 12"], "SRV"),
    };
    // Before anything else that is known of it.
    let created = rng.i64(30 * DAY..900 * DAY);
    AgentFacts {
        created,
        updated: rng.i64(0..30 * DAY),
        organization,
        platform,
        os: systems[rng.usize(..systems.len())],
        number,
        prefix,
        build: rng.u8(..90),
    }
}

/// The JSON of an agent as it was made.
pub(crate) fn text(world: &World, number: usize, facts: &AgentFacts) -> String {
    let seed = world.rng(AGENTS, number as u64).u64(..);
    let mut values = Values::new(&world.document.plans, seed);
    let firewall = if values.below(12) == 0 {
        "Disabled"
    } else {
        "Enabled"
    };
    let windows = facts.platform == "windows";
    let arch = if facts.platform == "darwin" {
        "arm64"
    } else {
        "x86_64"
    };
    let text = |text: &str| Cow::from(["\"", text, "\""].concat());
    let number_of = |number: i64| Cow::from(number.to_string());
    let on_windows = |json: &'static str| Cow::from(if windows { json } else { "null" });
    let given = [
        ("id", number_of(world.id(AGENTS, &[], number))),
        ("account_id", number_of(world.account_id)),
        ("organization_id", number_of(organization_id(world, facts))),
        ("platform", text(facts.platform)),
        ("os", text(facts.os)),
        ("arch", text(arch)),
        ("hostname", text(&facts.hostname())),
        ("version", text(&facts.version())),
        ("firewall_status", text(firewall)),
        ("created_at", text(&dates::ago(facts.created))),
        ("updated_at", text(&dates::ago(facts.updated))),
        ("defender_status", on_windows(r#""Healthy""#)),
        ("defender_substatus", on_windows(r#""Up to date""#)),
        ("defender_policy_status", on_windows(r#""Compliant""#)),
        ("service_pack_major", on_windows("0")),
        ("service_pack_minor", on_windows("0")),
        ("win_build_number", on_windows("0")),
    ];
    let component = world.document.lists.get(AGENTS);
    let mut out = String::with_capacity(1_200);
    values.write_object(component.map_or("", String::as_str), &given, &mut out);
    out
}

/// The id of an agent's organization.
pub(crate) fn organization_id(world: &World, facts: &AgentFacts) -> i64 {
    world.id(ORGANIZATIONS, &[], facts.organization)
}

/// The name of the host of an agent as it is now.
pub(crate) fn hostname(world: &World, id: i64) -> Option<String> {
    if let Some(agent) = world.changed(AGENTS, &[], id) {
        return Some(agent["hostname"].as_str()?.to_owned());
    }
    let number = world.unchanged(AGENTS, &[], id)?;
    Some(facts(world, number).hostname())
}
