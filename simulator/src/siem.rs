//! The SIEM query: enough of the language to develop against.

use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{Timestamp, Unit};
use serde_json::{Map, Value, json};

use crate::refusal::{Refusal, refuse};
use crate::world::World;

/// Rows of a page.
const PAGE: usize = 200;
/// Rows that a query without a `LIMIT` finds.
const ROWS: usize = 1_000;
/// What a row has when the query names no columns.
const WITHOUT_KEEP: [&str; 2] = ["uuid", "organization_id"];
const COLUMNS: [&str; 7] = [
    "uuid",
    "organization_id",
    "@timestamp",
    "host.name",
    "user.name",
    "event.action",
    "message",
];

/// A query, read.
#[derive(Default)]
struct Query {
    keep: Vec<String>,
    limit: Option<usize>,
    /// Columns and what they must be equal to.
    equal: Vec<(String, String)>,
}

/// Answers a query whose body fits the document.
pub(crate) fn query(world: &World, body: &Value) -> Result<Value, Refusal> {
    let moment = |key: &str| {
        body[key]
            .as_str()
            .and_then(|text| text.parse::<Timestamp>().ok())
    };
    let (Some(start), Some(end)) = (moment("range_start"), moment("range_end")) else {
        return refuse(
            StatusCode::BAD_REQUEST,
            "range_start and range_end must be moments",
        );
    };
    if end < start {
        return refuse(
            StatusCode::UNPROCESSABLE_ENTITY,
            "range_end is before range_start",
        );
    }
    let esql = body["esql"].as_str().unwrap_or_default();
    let query = match Query::read(esql) {
        Ok(query) => query,
        Err(why) => return refuse(StatusCode::UNPROCESSABLE_ENTITY, why),
    };
    // A token is good for the same query over the same range only.
    let asked = format!("{esql}|{start}|{end}");
    let first = match body["page_token"].as_str() {
        None | Some("") => 0,
        Some(token) => match open_token(token, &asked) {
            Some(first) => first,
            None => return refuse(StatusCode::BAD_REQUEST, "page_token is not of this query"),
        },
    };
    let span = end.as_millisecond() - start.as_millisecond();
    let rows = (0..ROWS).map(|number| {
        let at = start.as_millisecond() + span / ROWS as i64 * number as i64;
        row(world, number, at)
    });
    let fits = |row: &Map<String, Value>| {
        let is = |(column, value): &(String, String)| {
            row.get(column).is_some_and(|found| {
                found
                    .as_str()
                    .map_or_else(|| found.to_string(), str::to_owned)
                    == *value
            })
        };
        query.equal.iter().all(is)
    };
    let found: Vec<_> = rows
        .filter(fits)
        .take(query.limit.unwrap_or(ROWS))
        .skip(first)
        .take(PAGE + 1)
        .collect();
    let mut pagination = json!({});
    if found.len() > PAGE {
        let token = json!([asked, first + PAGE]).to_string();
        pagination["next_page_token"] = json!(URL_SAFE_NO_PAD.encode(token));
    }
    let columns: Vec<&str> = if query.keep.is_empty() {
        WITHOUT_KEEP.to_vec()
    } else {
        query.keep.iter().map(String::as_str).collect()
    };
    let logs = found.into_iter().take(PAGE).map(|row| {
        let kept = row
            .into_iter()
            .filter(|(column, _)| columns.contains(&column.as_str()));
        Value::Object(kept.collect())
    });
    Ok(json!({"logs": logs.collect::<Vec<_>>(), "pagination": pagination}))
}

fn row(world: &World, number: usize, at: i64) -> Map<String, Value> {
    let agent = world.agent_facts(number);
    let at = Timestamp::from_millisecond(at).unwrap_or_default();
    let at = at.round(Unit::Millisecond).unwrap_or(at);
    let values = [
        json!(format!("00000000-0000-4000-8000-{number:012x}")),
        json!(world.organization_id(&agent)),
        json!(at.to_string()),
        json!(agent.hostname()),
        json!(["ada.archer", "bo.baker", "cleo.cooper"][number % 3]),
        json!(["logon", "logoff", "file_create", "process_start"][number % 4]),
        json!(format!("made-up log line {number}")),
    ];
    COLUMNS.map(str::to_owned).into_iter().zip(values).collect()
}

impl Query {
    fn read(text: &str) -> Result<Self, String> {
        let mut commands = text.split('|').map(str::trim);
        let from: Vec<_> = commands
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .collect();
        if !matches!(&*from, [from, "logs"] if from.eq_ignore_ascii_case("from")) {
            return Err("a query begins with FROM logs".to_owned());
        }
        let mut query = Self::default();
        for command in commands {
            let (name, rest) = command
                .split_once(char::is_whitespace)
                .unwrap_or((command, ""));
            match &*name.to_ascii_uppercase() {
                "KEEP" => query.keep = rest.split(',').map(|name| name.trim().to_owned()).collect(),
                "LIMIT" => match rest.trim().parse() {
                    Ok(limit) => query.limit = Some(limit),
                    Err(_) => return Err(format!("LIMIT takes a number, not {rest:?}")),
                },
                "WHERE" => match rest.split_once("==") {
                    Some((column, value)) => query.equal.push((
                        column.trim().to_owned(),
                        value.trim().trim_matches('"').to_owned(),
                    )),
                    None => return Err("the simulator knows WHERE field == \"x\" only".to_owned()),
                },
                // They would change the order or the shape, which are made up anyway.
                "SORT" | "EVAL" | "STATS" | "RENAME" | "DROP" => {}
                "" => return Err("a command is missing between two bars".to_owned()),
                other => return Err(format!("{other} is not a command")),
            }
        }
        Ok(query)
    }
}

fn open_token(token: &str, asked: &str) -> Option<usize> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (for_query, first): (String, usize) = serde_json::from_slice(&bytes).ok()?;
    (for_query == asked).then_some(first)
}
