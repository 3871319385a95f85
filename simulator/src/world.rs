//! One account's made-up data: organizations and what belongs to them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::routes::{Answer, Route};
use crate::values::{self, Values};

const ORGANIZATIONS: usize = 14;
const AGENTS_PER_ORGANIZATION: usize = 12;

/// The data of one account.
pub(crate) struct World {
    account_id: i64,
    /// The items of every list that stands alone, by its path.
    collections: BTreeMap<String, Vec<Value>>,
}

impl World {
    /// The same account id gives the same world.
    pub(crate) fn new(document: &Value, routes: &[Route], account_id: i64) -> Self {
        let mut world = Self {
            account_id,
            collections: BTreeMap::new(),
        };
        let lists = routes.iter().filter(|route| {
            matches!(route.answer, Answer::Page { .. } | Answer::List { .. })
                && !route.path.contains('{')
        });
        let mut lists: Vec<_> = lists
            .map(|route| (&*route.path, route.answer.component()))
            .collect();
        lists.sort();
        lists.dedup();
        // What others refer to comes first.
        lists.sort_by_key(|(path, _)| match *path {
            "/v1/organizations" => 0,
            "/v1/agents" => 1,
            _ => 2,
        });
        for (index, (path, component)) in lists.into_iter().enumerate() {
            let seed = account_id.unsigned_abs() * 1_000 + index as u64;
            let items = world.collection(document, path, component, seed);
            world.collections.insert(path.to_owned(), items);
        }
        world.count();
        world
    }

    fn collection(&self, document: &Value, path: &str, component: &str, seed: u64) -> Vec<Value> {
        let mut values = Values::new(document, seed);
        let count = match path {
            "/v1/organizations" => ORGANIZATIONS,
            "/v1/agents" => ORGANIZATIONS * AGENTS_PER_ORGANIZATION,
            "/v1/accounts" => 3,
            "/v1/known_vpns" => 6,
            _ => 40,
        };
        let base = i64::try_from(seed).unwrap_or_default() * 1_000;
        (0..count)
            .map(|index| {
                let mut item = values.object(component);
                if item.get("id").is_some() {
                    item["id"] = json!(base + index as i64 + 1);
                }
                self.relate(&mut item, path, index, &mut values);
                item
            })
            .collect()
    }

    /// Makes an item point to things that exist.
    fn relate(&self, item: &mut Value, path: &str, index: usize, values: &mut Values) {
        if path == "/v1/accounts" {
            item["id"] = json!(index + 1);
            item["name"] = json!(format!("{} Group", values::company(index)));
        }
        if path == "/v1/organizations" {
            item["name"] = json!(values::company(index));
            item["key"] = json!(values::company(index).to_lowercase().replace(' ', "-"));
        }
        if item.get("account_id").is_some() {
            item["account_id"] = json!(self.account_id);
        }
        if let Some(account) = item
            .get_mut("account")
            .filter(|account| account.is_object())
        {
            account["id"] = json!(self.account_id);
        }
        let Some(organizations) = self.collections.get("/v1/organizations") else {
            return;
        };
        let mut organization = organizations[index % organizations.len()].clone();
        if path == "/v1/agents" {
            // A few large customers and many small ones; none without an agent.
            let size = organizations.len();
            let position = if index < size {
                index
            } else {
                values.below(size).min(values.below(size))
            };
            organization = organizations[position].clone();
            equip(item, values);
        }
        if item.get("agent_id").is_some() {
            let agents = &self.collections["/v1/agents"];
            // Every fourth incident is one of an identity.
            let agent = (index % 4 != 3).then(|| &agents[values.below(agents.len())]);
            item["agent_id"] = agent.map_or(Value::Null, |agent| agent["id"].clone());
            report(item, index, agent);
            if let Some(agent) = agent {
                item["platform"] = agent["platform"].clone();
                let id = &agent["organization_id"];
                if let Some(own) = organizations.iter().find(|o| o["id"] == *id) {
                    organization = own.clone();
                }
            } else {
                item["platform"] = json!("microsoft_365");
            }
        }
        let reference = json!({"id": organization["id"], "name": organization["name"]});
        if item.get("organization_id").is_some() {
            item["organization_id"] = organization["id"].clone();
        }
        if item["organization"].is_object() {
            item["organization"] = reference.clone();
        }
        if item["organizations"].is_array() {
            item["organizations"] = json!([reference]);
        }
        if item["organization_ids"].is_array() {
            item["organization_ids"] = json!([organization["id"]]);
        }
    }

    /// Counts that an organization shows are those of what it owns.
    fn count(&mut self) {
        let owned = |path: &str, id: &Value| {
            let items = self.collections.get(path).into_iter().flatten();
            items.filter(|item| item["organization_id"] == *id).count()
        };
        let counts: Vec<_> = self.collections["/v1/organizations"]
            .iter()
            .map(|o| {
                (
                    owned("/v1/agents", &o["id"]),
                    owned("/v1/incident_reports", &o["id"]),
                )
            })
            .collect();
        let organizations = self
            .collections
            .get_mut("/v1/organizations")
            .into_iter()
            .flatten();
        for (organization, (agents, incidents)) in organizations.zip(counts) {
            organization["agents_count"] = json!(agents);
            organization["incident_reports_count"] = json!(incidents);
        }
    }

    /// The items of a list; `None` where the thing it belongs to does not exist.
    pub(crate) fn items(&self, document: &Value, route: &Route, ids: &[i64]) -> Option<Vec<Value>> {
        let path = route.collection();
        if let Some(items) = self.collections.get(path) {
            return Some(items.clone());
        }
        // `/v1/incident_reports/{incident_report_id}/remediations`
        let (parents, _) = path.split_once("/{")?;
        let parent = *ids.first()?;
        self.collections
            .get(parents)?
            .iter()
            .find(|item| item["id"] == parent)?;
        let mut values = Values::new(document, parent.unsigned_abs());
        let count = values.below(25) + 1;
        let items = (0..count).map(|index| {
            let mut item = values.object(route.answer.component());
            item["id"] = json!(parent * 100 + index as i64);
            item
        });
        Some(items.collect())
    }

    /// One resource by its id; a richer component than the list's keeps the list's fields.
    pub(crate) fn resource(&self, document: &Value, route: &Route, ids: &[i64]) -> Option<Value> {
        let component = route.answer.component();
        let Some((id, parents)) = ids.split_last() else {
            let mut only = Values::new(document, self.account_id.unsigned_abs()).object(component);
            match only.get_mut("account") {
                Some(account) => account["id"] = json!(self.account_id),
                None => only["id"] = json!(self.account_id),
            }
            return Some(only);
        };
        let items = self.items(
            document,
            route,
            if parents.is_empty() { ids } else { parents },
        )?;
        let item = items.into_iter().find(|item| item["id"] == *id)?;
        let mut whole = Values::new(document, id.unsigned_abs()).object(component);
        for (key, value) in item.as_object()? {
            if whole.get(key).is_some() {
                whole[key] = value.clone();
            }
        }
        Some(whole)
    }
}

/// Makes an endpoint's fields agree with its platform.
fn equip(agent: &mut Value, values: &mut Values) {
    let (platform, systems, prefix): (_, &[&str], _) = match values.below(20) {
        0..=13 => (
            "windows",
            &["Windows 11 Pro", "Windows 10 Pro", "Windows Server 2022"],
            "PC",
        ),
        14..=17 => ("darwin", &["macOS 15", "macOS 14"], "MAC"),
        _ => ("linux", &["Ubuntu 24.04", "Debian 12"], "SRV"),
    };
    agent["platform"] = json!(platform);
    agent["os"] = json!(systems[values.below(systems.len())]);
    agent["arch"] = json!(if platform == "darwin" {
        "arm64"
    } else {
        "x86_64"
    });
    agent["hostname"] = json!(format!("{prefix}-{:03}", values.below(1_000)));
    agent["firewall_status"] = json!(if values.below(12) == 0 {
        "Disabled"
    } else {
        "Enabled"
    });
    let defender = [
        ("defender_status", "Healthy"),
        ("defender_substatus", "Up to date"),
        ("defender_policy_status", "Compliant"),
    ];
    for (key, healthy) in defender {
        agent[key] = if platform == "windows" {
            json!(healthy)
        } else {
            Value::Null
        };
    }
    for key in [
        "service_pack_major",
        "service_pack_minor",
        "win_build_number",
    ] {
        agent[key] = if platform == "windows" {
            json!(0)
        } else {
            Value::Null
        };
    }
}

/// Makes an incident's fields agree with each other: one in five is still open.
fn report(incident: &mut Value, index: usize, agent: Option<&Value>) {
    let open = index.is_multiple_of(5);
    incident["status"] = json!(if open { "sent" } else { "closed" });
    if open {
        incident["closed_at"] = Value::Null;
    }
    let (kind, place) = match agent {
        Some(agent) => {
            let kinds = [
                "Persistent foothold",
                "Ransomware canary tripped",
                "Suspicious process",
            ];
            (
                kinds[index % kinds.len()],
                agent["hostname"].as_str().unwrap_or_default(),
            )
        }
        None => ("Stolen session", "a Microsoft 365 identity"),
    };
    let severity = incident["severity"]
        .as_str()
        .unwrap_or_default()
        .to_uppercase();
    incident["subject"] = json!(format!("{severity} - {kind} on {place}"));
}
