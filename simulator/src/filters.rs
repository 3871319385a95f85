//! The filters of a list: what a query asks for, and which rows have it.

use std::cmp::Ordering;

use jiff::Timestamp;
use serde_json::Value;

use crate::document::{Operation, Parameter};
use crate::lists;
use crate::made::agents::{self, AgentFacts};
use crate::made::escalations::stage;
use crate::resources;
use crate::world::{ESCALATIONS, World};

/// The parameters of a query, as they came.
pub(crate) type Query = Vec<(String, String)>;

/// What is not a filter.
const PAGING: [&str; 4] = ["limit", "page_token", "sort_field", "sort_direction"];
/// What is known of an agent before it is made.
const OF_AGENTS: [&str; 5] = ["organization_id", "platform", "os", "hostname", "version"];

/// The last value of a parameter.
pub(crate) fn last<'q>(query: &'q Query, name: &str) -> Option<&'q str> {
    values(query, name).next_back()
}

fn values<'q>(query: &'q Query, name: &str) -> impl DoubleEndedIterator<Item = &'q str> {
    let named = query.iter().filter(move |(key, _)| key == name);
    named.map(|(_, value)| value.as_str())
}

/// What a parameter asks for, one by one.
pub(crate) fn wanted<'q>(query: &'q Query, parameter: &Parameter) -> Vec<&'q str> {
    let values = values(query, &parameter.name);
    if parameter.comma_separated {
        values.flat_map(|value| value.split(',')).collect()
    } else {
        values.collect()
    }
}

/// All filters of a query; a row must pass each.
pub(crate) struct Filters<'w> {
    world: &'w World,
    filters: Vec<Filter<'w>>,
}

struct Filter<'w> {
    name: &'w str,
    /// A row passes with one of these.
    wanted: Vec<String>,
}

impl<'w> Filters<'w> {
    pub(crate) fn read(world: &'w World, operation: &'w Operation, query: &Query) -> Self {
        let parameters = operation.parameters.iter();
        let filters = parameters
            .filter(|parameter| !PAGING.contains(&&*parameter.name))
            .map(|parameter| Filter {
                name: &parameter.name,
                wanted: wanted(query, parameter)
                    .into_iter()
                    .map(str::to_owned)
                    .collect(),
            })
            .filter(|filter| !filter.wanted.is_empty())
            .map(|filter| match filter.name {
                "escalation_id" => Filter {
                    name: "id",
                    wanted: last(query, "escalation_id")
                        .map_or_else(Vec::new, |escalation| identities_of(world, escalation)),
                },
                _ => filter,
            });
        Self {
            world,
            filters: filters.collect(),
        }
    }

    /// Whether an agent passes, as far as can be said before it is made.
    pub(crate) fn take_agent(&self, agent: &AgentFacts) -> bool {
        self.filters.iter().all(|filter| match filter.name {
            "organization_id" => {
                filter.has(&agents::organization_id(self.world, agent).to_string())
            }
            "platform" => filter.has(agent.platform),
            "os" => filter.has(agent.os),
            "hostname" => filter.has(&agent.hostname()),
            "version" => filter.has(&agent.version()),
            _ => true,
        })
    }

    /// Whether [`Self::take_agent`] is all there is to say of an agent.
    pub(crate) fn are_of_agents(&self) -> bool {
        let mut filters = self.filters.iter();
        filters.all(|filter| OF_AGENTS.contains(&filter.name))
    }

    /// Whether a row passes.
    pub(crate) fn take(&self, row: &Value) -> bool {
        self.filters.iter().all(|filter| filter.takes(row))
    }
}

impl Filter<'_> {
    fn has(&self, text: &str) -> bool {
        self.wanted.iter().any(|wanted| wanted == text)
    }

    fn has_value(&self, value: &Value) -> bool {
        match value {
            Value::Null => false,
            Value::String(text) => self.has(text),
            other => self.has(&other.to_string()),
        }
    }

    fn takes(&self, row: &Value) -> bool {
        let name = self.name.trim_end_matches("[]");
        if let Some(field) = name.strip_suffix("_min") {
            let wanted = &self.wanted[0];
            return bound(row, field).is_some_and(|at| order(at, wanted).is_ge());
        }
        if let Some(field) = name.strip_suffix("_max") {
            let wanted = &self.wanted[0];
            // A date includes its whole day.
            let before = |at: &str| order(at, wanted).is_le() || at.starts_with(&**wanted);
            return bound(row, field).is_some_and(before);
        }
        let applied_to = &row["applied_to"];
        match name {
            "organization_id" if applied_to.is_object() => {
                applied_to["type"] == "organization" && self.has_value(&applied_to["id"])
            }
            "organization_id" => organizations_of(row).any(|id| self.has_value(id)),
            "identity_id" => applied_to["type"] == "identity" && self.has_value(&applied_to["id"]),
            "scope" => self.has_value(&applied_to["type"]),
            "user_id" => self.has_value(&row["user"]["id"]),
            "tenant_type" => self.has_value(&row["tenant"]["type"]),
            "entity_type" => self.has_value(&row["entity"]["type"]),
            "entity_id" => self.has_value(&row["entity"]["id"]),
            "types" => self.has_value(&row["type"]),
            "statuses" => self.has_value(&row["status"]),
            "indicator_type" => {
                let types = row["indicator_types"].as_array();
                types.is_some_and(|types| types.iter().any(|kind| self.has_value(kind)))
            }
            "status" if row.get("subtype").is_some() => self.has(stage(row)),
            _ => self.has_value(&row[name]),
        }
    }
}

/// The ids of the organizations that a row belongs to, in any of the forms it may have them.
fn organizations_of(row: &Value) -> impl Iterator<Item = &Value> {
    let lists = [&row["organizations"], &row["organization_ids"]];
    let listed = lists.into_iter().filter_map(Value::as_array).flatten();
    let listed = listed.map(|item| item.get("id").unwrap_or(item));
    [&row["organization_id"], &row["organization"]["id"]]
        .into_iter()
        .chain(listed)
}

/// The ids of the identities that an escalation is about; none for one that is not there.
fn identities_of(world: &World, escalation: &str) -> Vec<String> {
    let id = escalation.parse().unwrap_or_default();
    let escalation = lists::row(world, ESCALATIONS, &[], id).unwrap_or_default();
    let entities = resources::entities(world, &escalation).into_iter();
    let identities = entities.filter(|entity| entity["type"] == "Identity");
    identities.map(|entity| entity["id"].to_string()).collect()
}

/// The moment that a filter bounds; the first day of a period.
fn bound<'r>(row: &'r Value, field: &str) -> Option<&'r str> {
    row[field].as_str()?.split("...").next()
}

/// The order of two moments, however they are written, or of dates.
fn order(at: &str, wanted: &str) -> Ordering {
    match (at.parse::<Timestamp>(), wanted.parse::<Timestamp>()) {
        (Ok(at), Ok(wanted)) => at.cmp(&wanted),
        _ => at.cmp(wanted),
    }
}
