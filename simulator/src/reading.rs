//! Reads: filters, order and pages of lists, and single resources.

use std::cmp::Ordering;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::document::{Answer, Match, Operation, Parameter};
use crate::lives::stage;
use crate::oddities::Oddities;
use crate::refusal::{Refusal, refuse};
use crate::scan::{Filter, Key, Row, Scan};
use crate::world::{AgentFacts, ESCALATIONS, World};

const DEFAULT_LIMIT: usize = 10;
/// What is not a filter.
const PAGING: [&str; 4] = ["limit", "page_token", "sort_field", "sort_direction"];

/// A token that leads to the first page, for the fault of that name.
pub(crate) const ENDLESS: &str = "ZW5kbGVzcw";

/// The parameters of a query, as they came.
pub(crate) type Query = Vec<(String, String)>;

/// Answers a GET, with JSON.
pub(crate) fn read(
    world: &mut World,
    found: &Match,
    query: &Query,
    odd: Oddities,
) -> Result<String, Refusal> {
    let Match { operation, ids, .. } = found;
    world.settle();
    let not_found = || Refusal::new(StatusCode::NOT_FOUND, "Not found");
    match &operation.answer {
        Answer::Page { key, .. } => {
            let page = page(world, operation, ids, query, key, odd)?;
            page.ok_or_else(not_found)
        }
        Answer::List { key, .. } => {
            let rows = world.all(&operation.path, ids).ok_or_else(not_found)?;
            Ok(json!({ key: rows }).to_string())
        }
        _ => {
            let mut resource = world.resource(operation, ids).ok_or_else(not_found)?;
            odd.row(&mut resource);
            // Seen both ways.
            if operation.id == "get_escalation" && odd.is_bare(&resource) {
                return Ok(resource.to_string());
            }
            Ok(operation.answer.wrap(resource).to_string())
        }
    }
}

fn values<'q>(query: &'q Query, name: &str) -> Vec<&'q str> {
    let named = query.iter().filter(|(key, _)| key == name);
    named.map(|(_, value)| value.as_str()).collect()
}

/// What a filter asks for, one by one.
fn wanted<'q>(query: &'q Query, parameter: &Parameter) -> Vec<&'q str> {
    let values = values(query, &parameter.name);
    if parameter.comma_separated {
        values.iter().flat_map(|value| value.split(',')).collect()
    } else {
        values
    }
}

/// Refuses parameters that are not what the document says and, if asked to be strict, those
/// that it does not know. The API takes no notice of these, and so a filter with a typing
/// error answers everything.
pub(crate) fn check(operation: &Operation, query: &Query, strict: bool) -> Result<(), Refusal> {
    let known = |name: &str| operation.parameters.iter().any(|known| known.name == name);
    let unknown = query.iter().find(|(name, _)| !known(name));
    if let Some((name, _)) = unknown.filter(|_| strict) {
        let why = format!("{name} is not a parameter of {}", operation.id);
        return refuse(StatusCode::BAD_REQUEST, why);
    }
    for parameter in &operation.parameters {
        for value in wanted(query, parameter) {
            if let Err(why) = parameter.kind.check(value) {
                let name = &parameter.name;
                return refuse(StatusCode::BAD_REQUEST, format!("{name} {why}"));
            }
        }
    }
    Ok(())
}

fn page(
    world: &World,
    operation: &Operation,
    parents: &[i64],
    query: &Query,
    key: &str,
    odd: Oddities,
) -> Result<Option<String>, Refusal> {
    let get = |name| values(query, name).last().copied();
    let limit = get("limit").map_or(DEFAULT_LIMIT, |limit| limit.parse().expect("checked"));
    let sort_field = get("sort_field").unwrap_or("id");
    let descending = get("sort_direction") != Some("asc");
    let order = format!("{sort_field} {descending}");
    let after = match get("page_token") {
        None | Some(ENDLESS) => None,
        Some(token) => match open_token(token, &order) {
            Some(after) => Some(after),
            None => return refuse(StatusCode::BAD_REQUEST, "page_token is not valid"),
        },
    };
    let mut filters: Vec<(&str, Vec<&str>)> = operation
        .parameters
        .iter()
        .filter(|parameter| !PAGING.contains(&&*parameter.name))
        .map(|parameter| (&*parameter.name, wanted(query, parameter)))
        .filter(|(_, wanted)| !wanted.is_empty())
        .collect();
    // The identities that an escalation is about.
    let escalated = |id: &&str| identities_of(world, id);
    let escalated: Vec<String> = get("escalation_id").iter().flat_map(escalated).collect();
    if let Some(filter) = filters
        .iter_mut()
        .find(|(name, _)| *name == "escalation_id")
    {
        *filter = ("id", escalated.iter().map(String::as_str).collect());
    }
    let scan = Scan {
        sort_field,
        descending,
        after,
        // One more tells whether there is another page.
        limit: limit + 1,
    };
    let of_agents = ["organization_id", "platform", "os", "hostname", "version"];
    let agent = |agent: &AgentFacts| {
        filters.iter().all(|(filter, wanted)| match *filter {
            "organization_id" => wanted.contains(&&*world.organization_id(agent).to_string()),
            "platform" => wanted.contains(&agent.platform),
            "os" => wanted.contains(&agent.os),
            "hostname" => wanted.contains(&&*agent.hostname()),
            "version" => wanted.contains(&&*agent.version()),
            _ => true,
        })
    };
    let row = |row: &Value| {
        let mut filters = filters.iter();
        filters.all(|(filter, wanted)| fits(row, filter, wanted))
    };
    let filter = Filter {
        agent,
        agent_tells_all: filters.iter().all(|(filter, _)| of_agents.contains(filter)),
        row,
    };
    let Some(mut rows) = world.scan(&operation.path, parents, &scan, &filter) else {
        return Ok(None);
    };
    let mut pagination = json!({});
    if rows.len() > limit {
        rows.truncate(limit);
        let last = rows.pop().expect("a limit of at least 1").into_value();
        let token = token(&order, &Key::of(&last, sort_field), &last["id"]);
        pagination["next_page_token"] = json!(token);
        rows.push(Row::Value(last));
    }
    if !odd.none() {
        let oddly = |row: Row| {
            let mut row = row.into_value();
            odd.row(&mut row);
            Row::Value(row)
        };
        rows = rows.into_iter().map(oddly).collect();
    }
    let size = rows.first().map_or(0, |row| row.text().len() + 64);
    let mut page = String::with_capacity(size * rows.len() + 256);
    page.push_str(&format!("{{\"{key}\":["));
    for (place, row) in rows.iter().enumerate() {
        if place > 0 {
            page.push(',');
        }
        page.push_str(&row.text());
    }
    page.push_str(&format!("],\"pagination\":{pagination}}}"));
    Ok(Some(page))
}

/// Whether a row passes a filter.
fn fits(row: &Value, filter: &str, wanted: &[&str]) -> bool {
    let name = filter.trim_end_matches("[]");
    let any = |values: &[&Value]| values.iter().any(|value| is_one_of(value, wanted));
    if let Some(field) = name.strip_suffix("_min") {
        return bound(row, field).is_some_and(|at| order(&at, wanted[0]).is_ge());
    }
    if let Some(field) = name.strip_suffix("_max") {
        // A date includes its whole day.
        return bound(row, field)
            .is_some_and(|at| order(&at, wanted[0]).is_le() || at.starts_with(wanted[0]));
    }
    match name {
        "organization_id" if row["applied_to"].is_object() => {
            row["applied_to"]["type"] == "organization" && any(&[&row["applied_to"]["id"]])
        }
        "organization_id" => {
            let lists = [&row["organizations"], &row["organization_ids"]];
            let listed = lists.into_iter().filter_map(Value::as_array).flatten();
            let listed = listed.map(|item| item.get("id").unwrap_or(item));
            let mut all = vec![&row["organization_id"], &row["organization"]["id"]];
            all.extend(listed);
            any(&all)
        }
        "identity_id" => {
            row["applied_to"]["type"] == "identity" && any(&[&row["applied_to"]["id"]])
        }
        "scope" => any(&[&row["applied_to"]["type"]]),
        "user_id" => any(&[&row["user"]["id"]]),
        "tenant_type" => any(&[&row["tenant"]["type"]]),
        "entity_type" => any(&[&row["entity"]["type"]]),
        "entity_id" => any(&[&row["entity"]["id"]]),
        "types" => any(&[&row["type"]]),
        "statuses" => any(&[&row["status"]]),
        "indicator_type" => {
            let types = row["indicator_types"].as_array().into_iter().flatten();
            any(&types.collect::<Vec<_>>())
        }
        "status" if row.get("subtype").is_some() => wanted.contains(&stage(row)),
        _ => any(&[&row[name]]),
    }
}

/// The ids of the identities that an escalation is about; none for one that is not there.
fn identities_of(world: &World, escalation: &str) -> Vec<String> {
    let id = escalation.parse().unwrap_or_default();
    let escalation = world.row(ESCALATIONS, &[], id).unwrap_or_default();
    let entities = world.entities(&escalation).into_iter();
    let identities = entities.filter(|entity| entity["type"] == "Identity");
    identities.map(|entity| entity["id"].to_string()).collect()
}

/// The moment that a filter bounds; the first day of a period.
fn bound(row: &Value, field: &str) -> Option<String> {
    let text = row[field].as_str()?;
    Some(text.split("...").next()?.to_owned())
}

/// The order of two moments, however they are spelled, or of dates.
fn order(at: &str, wanted: &str) -> Ordering {
    match (at.parse::<Timestamp>(), wanted.parse::<Timestamp>()) {
        (Ok(at), Ok(wanted)) => at.cmp(&wanted),
        _ => at.cmp(wanted),
    }
}

fn is_one_of(value: &Value, wanted: &[&str]) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => wanted.contains(&text.as_str()),
        other => wanted.contains(&other.to_string().as_str()),
    }
}

/// Names the last row of a page, so that rows may come and go between two pages.
fn token(order: &str, key: &Key, id: &Value) -> String {
    let key = match key {
        Key::Null => Value::Null,
        Key::Number(number) => json!(number),
        Key::Text(text) => json!(text),
    };
    URL_SAFE_NO_PAD.encode(json!([order, key, id]).to_string())
}

fn open_token(token: &str, order: &str) -> Option<(Key, i64)> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (for_order, key, id): (String, Value, i64) = serde_json::from_slice(&bytes).ok()?;
    let key = match key {
        Value::Null => Key::Null,
        Value::Number(number) => Key::Number(number.as_i64()?),
        Value::String(text) => Key::Text(text),
        _ => return None,
    };
    (for_order == order).then_some((key, id))
}
