//! Reads: pages of lists, and single resources.

use hyper::StatusCode;
use serde_json::{Value, json};

use crate::document::{Answer, Match, Operation};
use crate::filters::{Filters, Query, last, wanted};
use crate::lists::{self, Filter, Row};
use crate::made::agents::AgentFacts;
use crate::oddities::Oddities;
use crate::order::{Key, Scan, Ties};
use crate::refusal::{Refusal, refuse};
use crate::resources;
use crate::token;
use crate::world::World;

const DEFAULT_LIMIT: usize = 10;

/// Answers a GET, with JSON.
pub(crate) fn read(
    world: &World,
    found: &Match,
    query: &Query,
    odd: Oddities,
    ties: Ties,
) -> Result<String, Refusal> {
    let Match { operation, ids, .. } = found;
    let not_found = || Refusal::new(StatusCode::NOT_FOUND, "Not found");
    match &operation.answer {
        Answer::Page { key, .. } => {
            let page = Page::find(world, operation, ids, query, ties)?;
            Ok(page.ok_or_else(not_found)?.write(key, odd))
        }
        Answer::List { key, .. } => {
            let rows = lists::all(world, &operation.path, ids).ok_or_else(not_found)?;
            Ok(json!({ key: rows }).to_string())
        }
        _ => {
            let mut resource = resources::get(world, operation, ids).ok_or_else(not_found)?;
            odd.row(&mut resource);
            // Seen both ways.
            if operation.id == "get_escalation" && odd.is_bare(&resource) {
                return Ok(resource.to_string());
            }
            Ok(operation.answer.wrap(resource).to_string())
        }
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

/// One page of a list.
struct Page {
    rows: Vec<Row>,
    /// Where there is another page.
    next_token: Option<String>,
}

impl Page {
    /// The page that a query asks for; `None` where there is no such list.
    fn find(
        world: &World,
        operation: &Operation,
        parents: &[i64],
        query: &Query,
        ties: Ties,
    ) -> Result<Option<Self>, Refusal> {
        let limit =
            last(query, "limit").map_or(DEFAULT_LIMIT, |limit| limit.parse().expect("checked"));
        let sort_field = last(query, "sort_field").unwrap_or("id");
        let descending = last(query, "sort_direction") != Some("asc");
        let order = format!("{sort_field} {descending}");
        let after = match last(query, "page_token") {
            None | Some(token::ENDLESS) => None,
            Some(token) => match token::open(token, &order) {
                Some(after) => Some(after),
                None => return refuse(StatusCode::BAD_REQUEST, "page_token is not valid"),
            },
        };
        let scan = Scan {
            sort_field,
            descending,
            after,
            // One more row shows whether there is another page.
            limit: limit + 1,
        };
        let filters = Filters::read(world, operation, query);
        let filter = Filter {
            agent: |agent: &AgentFacts| filters.take_agent(agent),
            agent_tells_all: filters.are_of_agents(),
            row: |row: &Value| filters.take(row),
        };
        let Some(mut rows) = lists::scan(world, &operation.path, parents, &scan, &filter) else {
            return Ok(None);
        };
        let mut next_token = None;
        if rows.len() > limit {
            rows.truncate(limit);
            // The token names the last row, so that rows may come and go between two pages.
            let last = rows.pop().expect("a limit of at least 1").into_value();
            let id = last["id"].as_i64().unwrap_or_default();
            let place = ties.place((Key::of(&last, sort_field), id), sort_field, descending);
            next_token = Some(token::seal(&order, &place));
            rows.push(Row::Value(last));
        }
        Ok(Some(Self { rows, next_token }))
    }

    /// Its JSON, with the rows under a key.
    fn write(self, key: &str, odd: Oddities) -> String {
        let mut rows = self.rows;
        if !odd.none() {
            let oddly = |row: Row| {
                let mut row = row.into_value();
                odd.row(&mut row);
                Row::Value(row)
            };
            rows = rows.into_iter().map(oddly).collect();
        }
        let mut pagination = json!({});
        if let Some(token) = self.next_token {
            pagination["next_page_token"] = json!(token);
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
        page
    }
}
