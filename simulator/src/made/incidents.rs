//! Incident reports, most of them on agents and some on identities, and their remediations.

use serde_json::{Value, json};

use crate::dates::{self, DAY, HOUR, ago};
use crate::made::{agents, owners};
use crate::values;
use crate::world::{AGENTS, INCIDENTS, World};

/// What is known of an incident report without making it; times in seconds before the
/// newest time of the world.
struct Facts {
    agent: Option<usize>,
    status: &'static str,
    sent: i64,
    /// When it got its status.
    settled: i64,
}

/// How far an incident report has come, which decides about its remediations; times in
/// seconds before the newest time of the world.
pub(crate) struct Progress {
    /// The name of the host, where there is one.
    host: Option<String>,
    status: String,
    sent: i64,
    settled: i64,
}

/// What happens on hosts, as the document calls it and as a subject says it.
const ON_AGENTS: [(&str, &str); 10] = [
    ("footholds", "Persistent foothold"),
    ("ransomware_canaries", "Ransomware canary tripped"),
    ("process_detections", "Suspicious process"),
    ("antivirus_detections", "Malware found"),
    ("behavioral_detections", "Suspicious behavior"),
    ("monitored_files", "Monitored file changed"),
    ("mde_detections", "Defender alert"),
    ("app_control", "Application not allowed"),
    ("siem_detections", "Suspicious log entries"),
    ("favicon_detections", "Phishing page"),
];

/// What happens to identities.
const ON_IDENTITIES: [(&str, &str); 3] = [
    ("managed_identity", "Stolen session"),
    ("email_security_detections", "Phishing mail"),
    ("ai_misuse", "Misuse of an assistant"),
];

fn facts(world: &World, number: usize) -> Facts {
    let mut rng = world.rng("incident facts", number as u64);
    let agents = world.sizes.agents;
    // Every fourth is one of an identity.
    let agent = (number % 4 != 3 && agents > 0).then(|| rng.usize(..agents));
    let status = match number % 20 {
        0 | 5 | 10 | 15 => "sent",
        3 | 14 => "dismissed",
        8 => "partner_dismissed",
        13 => "auto_remediating",
        18 => "deleting",
        _ => "closed",
    };
    // What is open is not old, and each agent is older than its incidents.
    let oldest = match agent {
        _ if status == "sent" => 30 * DAY,
        Some(agent) => agents::facts(world, agent).created,
        None => 400 * DAY,
    };
    let sent = rng.i64(2 * HOUR..oldest);
    let settled = if status == "sent" {
        sent
    } else {
        (sent - rng.i64(HOUR..20 * DAY)).max(HOUR)
    };
    Facts {
        agent,
        status,
        sent,
        settled,
    }
}

/// The number of the organization that an incident report is of.
pub(crate) fn organization_of(world: &World, number: usize) -> usize {
    match facts(world, number).agent {
        Some(agent) => agents::facts(world, agent).organization,
        None => owners::organization_of(world, number),
    }
}

/// Makes an incident report; returns the number of its organization.
pub(crate) fn make(world: &World, item: &mut Value, number: usize) -> usize {
    let facts = facts(world, number);
    let agent = facts.agent.map(|agent| agents::facts(world, agent));
    item["agent_id"] = json!(facts.agent.map(|agent| world.id(AGENTS, &[], agent)));
    item["status"] = json!(facts.status);
    item["sent_at"] = json!(ago(facts.sent));
    item["status_updated_at"] = json!(ago(facts.settled));
    item["updated_at"] = json!(ago(facts.settled / 2));
    let closed = facts.status == "closed";
    item["closed_at"] = json!(closed.then(|| ago(facts.settled)));
    let (kinds, platform): (&[_], _) = match &agent {
        Some(agent) => (&ON_AGENTS, agent.platform),
        None => {
            let platforms = ["microsoft_365", "google", "email_security", "other"];
            (&ON_IDENTITIES, platforms[number / 4 % platforms.len()])
        }
    };
    let (indicator, _) = kinds[number % kinds.len()];
    item["platform"] = json!(platform);
    item["indicator_types"] = json!([indicator]);
    item["indicator_counts"] = json!({ indicator: number % 3 + 1 });
    let host = agent.map(|agent| agent.hostname());
    tell(item, host.as_deref().unwrap_or("an identity"));
    organization_of(world, number)
}

/// How far an incident report has come, by its id.
pub(crate) fn progress(world: &World, id: i64) -> Progress {
    if let Some(row) = world.changed(INCIDENTS, &[], id) {
        let ago = |key: &str| Some(dates::NOW - dates::read(&row[key])?.as_second());
        let agent = row["agent_id"].as_i64();
        let sent = ago("sent_at").unwrap_or_default();
        return Progress {
            host: agent.and_then(|agent| agents::hostname(world, agent)),
            status: row["status"].as_str().unwrap_or_default().to_owned(),
            sent,
            settled: ago("status_updated_at").unwrap_or(sent),
        };
    }
    let number = world.number(INCIDENTS, &[], id).unwrap_or_default();
    let facts = facts(world, number);
    let agent = facts.agent.map(|agent| agents::facts(world, agent));
    Progress {
        host: agent.map(|agent| agent.hostname()),
        status: facts.status.to_owned(),
        sent: facts.sent,
        settled: facts.settled,
    }
}

/// Makes a remediation as far as its incident report has come.
pub(crate) fn make_remediation(
    world: &World,
    item: &mut Value,
    incident: &Progress,
    number: usize,
) {
    let status = match &*incident.status {
        "sent" => "unapproved",
        "auto_remediating" => "approved",
        "closed" if number % 7 == 6 => "failed",
        "closed" => "completed",
        _ => "cancelled",
    };
    item["status"] = json!(status);
    let approved = ["approved", "completed", "failed"].contains(&status);
    let ended = ["completed", "failed"].contains(&status);
    let step = (incident.sent - incident.settled) / 3;
    item["approved_at"] = json!(approved.then(|| ago(incident.sent - step)));
    item["completed_at"] = json!(ended.then(|| ago(incident.settled + step)));
    item["approved_by"] = json!(approved.then(|| owners::user_ref(world, number % 3)));
    let host = incident.host.clone();
    let place = host.unwrap_or_else(|| values::person(number).1);
    (item["action"], item["parameters"]) = match item["type"].as_str() {
        Some("assisted") => (
            json!("Delete file"),
            json!([{"name": "path", "description": "a made-up path"}]),
        ),
        Some("containment") => (json!("Isolate"), json!(place)),
        _ => (json!("Change the password"), Value::Null),
    };
}

/// Says what an incident report is about, and where it is.
pub(crate) fn tell(item: &mut Value, place: &str) {
    let indicator = item["indicator_types"][0].as_str();
    let mut known = ON_AGENTS.iter().chain(&ON_IDENTITIES);
    let kind = known.find(|(known, _)| Some(*known) == indicator);
    let kind = kind.map_or("Suspicious activity", |(_, kind)| kind);
    let severity = item["severity"].as_str().unwrap_or_default().to_uppercase();
    item["subject"] = json!(format!("{severity} - {kind} on {place}"));
    for text in ["summary", "body"] {
        item[text] = json!(format!("Made up: {kind} on {place}."));
    }
}
