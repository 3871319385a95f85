//! The SIEM query: enough of the language to develop against.
//!
//! Commands are carried out one after the other, as they stand in the query. What is not
//! understood is refused: rows that nobody asked for would be worse than none.

use std::cmp::Ordering;

use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::refusal::{Refusal, refuse};
use crate::values;
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

/// A row of the log, by column.
type Log = Map<String, Value>;

/// One command of a query.
enum Command {
    Keep(Vec<String>),
    Drop(Vec<String>),
    Limit(usize),
    /// Columns and what they must be equal to, all of them.
    Where(Vec<(String, String)>),
    /// By columns, some of them descending.
    Sort(Vec<(String, bool)>),
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
    let commands = match commands(esql) {
        Ok(commands) => commands,
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
    let at = |number: usize| start.as_millisecond() + span / ROWS as i64 * number as i64;
    let mut rows: Vec<Log> = (0..ROWS)
        .map(|number| row(world, number, at(number)))
        .collect();
    for command in commands {
        command.apply(&mut rows);
    }
    let found = rows.split_off(first.min(rows.len()));
    let mut pagination = json!({});
    if found.len() > PAGE {
        let token = json!([asked, first + PAGE]).to_string();
        pagination["next_page_token"] = json!(URL_SAFE_NO_PAD.encode(token));
    }
    let logs: Vec<_> = found.into_iter().take(PAGE).collect();
    Ok(json!({"logs": logs, "pagination": pagination}))
}

fn row(world: &World, number: usize, at: i64) -> Log {
    let agents = world.sizes.agents;
    let agent = (agents > 0).then(|| world.agent_facts(number % agents));
    let identities = world.sizes.identities;
    let user = (identities > 0).then(|| values::person(number % identities).1);
    let at = Timestamp::from_millisecond(at).unwrap_or_default();
    let values = [
        json!(format!("00000000-0000-4000-8000-{number:012x}")),
        json!(agent.as_ref().map(|agent| world.organization_id(agent))),
        values::at(at),
        json!(agent.map(|agent| agent.hostname())),
        json!(user),
        json!(["logon", "logoff", "file_create", "process_start"][number % 4]),
        json!(format!("made-up log line {number}")),
    ];
    COLUMNS.map(str::to_owned).into_iter().zip(values).collect()
}

/// The commands of a query.
fn commands(text: &str) -> Result<Vec<Command>, String> {
    let mut pieces = outside_quotes(text, "|").into_iter();
    let from = pieces.next().unwrap_or_default();
    let from: Vec<_> = from.split_whitespace().collect();
    if !matches!(&*from, [from, "logs"] if from.eq_ignore_ascii_case("from")) {
        return Err("a query begins with FROM logs".to_owned());
    }
    let mut columns = COLUMNS.map(str::to_owned).to_vec();
    let mut commands = Vec::new();
    for piece in pieces {
        let command = Command::read(piece.trim(), &columns)?;
        match &command {
            Command::Keep(kept) => columns.clone_from(kept),
            Command::Drop(dropped) => columns.retain(|column| !dropped.contains(column)),
            _ => {}
        }
        commands.push(command);
    }
    if !commands
        .iter()
        .any(|command| matches!(command, Command::Keep(_)))
    {
        columns.retain(|column| WITHOUT_KEEP.contains(&&**column));
        commands.push(Command::Keep(columns));
    }
    Ok(commands)
}

impl Command {
    /// A command on rows that have these columns.
    fn read(text: &str, columns: &[String]) -> Result<Self, String> {
        let (name, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let column = |name: &str| match columns.iter().find(|column| *column == name.trim()) {
            Some(column) => Ok(column.clone()),
            None => {
                let (name, known) = (name.trim(), columns.join(", "));
                Err(format!(
                    "{name:?} is not one of the simulator's columns {known}"
                ))
            }
        };
        match &*name.to_ascii_uppercase() {
            "KEEP" => Ok(Self::Keep(matching(rest, columns)?)),
            "DROP" => Ok(Self::Drop(matching(rest, columns)?)),
            "LIMIT" => match rest.trim().parse() {
                Ok(limit) => Ok(Self::Limit(limit)),
                Err(_) => Err(format!("LIMIT takes a number, not {rest:?}")),
            },
            "WHERE" => {
                let mut equal = Vec::new();
                for condition in outside_quotes(rest, " AND ") {
                    let understood = outside_quotes(condition, "==");
                    let [name, value] = &*understood else {
                        return Err(unknown_condition(condition));
                    };
                    let value =
                        literal(value.trim()).ok_or_else(|| unknown_condition(condition))?;
                    equal.push((column(name)?, value));
                }
                Ok(Self::Where(equal))
            }
            "SORT" => {
                let mut by = Vec::new();
                for key in rest.split(',') {
                    let words: Vec<_> = key.split_whitespace().collect();
                    let (name, descending) = match &*words {
                        [name] => (name, false),
                        [name, way] if way.eq_ignore_ascii_case("asc") => (name, false),
                        [name, way] if way.eq_ignore_ascii_case("desc") => (name, true),
                        _ => return Err(format!("the simulator cannot sort by {key:?}")),
                    };
                    by.push((column(name)?, descending));
                }
                Ok(Self::Sort(by))
            }
            "" => Err("a command is missing between two bars".to_owned()),
            other => Err(format!("the simulator does not carry out {other}")),
        }
    }

    fn apply(&self, rows: &mut Vec<Log>) {
        match self {
            Self::Keep(kept) => rows
                .iter_mut()
                .for_each(|row| row.retain(|column, _| kept.contains(column))),
            Self::Drop(dropped) => rows
                .iter_mut()
                .for_each(|row| row.retain(|column, _| !dropped.contains(column))),
            Self::Limit(limit) => rows.truncate(*limit),
            Self::Where(equal) => rows.retain(|row| {
                equal.iter().all(|(column, value)| {
                    row.get(column).is_some_and(|found| plain(found) == *value)
                })
            }),
            Self::Sort(by) => rows.sort_by(|one, other| {
                let orders = by.iter().map(|(column, descending)| {
                    let order = plain(&one[column]).cmp(&plain(&other[column]));
                    if *descending { order.reverse() } else { order }
                });
                orders.fold(Ordering::Equal, Ordering::then)
            }),
        }
    }
}

/// The columns that a list of names and of beginnings with a star names.
fn matching(list: &str, columns: &[String]) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    for name in list.split(',').map(str::trim) {
        let fits = |column: &&String| match name.strip_suffix('*') {
            Some(beginning) => column.starts_with(beginning),
            None => *column == name,
        };
        let before = found.len();
        found.extend(columns.iter().filter(fits).cloned());
        if found.len() == before {
            let known = columns.join(", ");
            return Err(format!(
                "{name:?} is not one of the simulator's columns {known}"
            ));
        }
    }
    Ok(found)
}

/// The value of a literal: quoted text, or a number.
fn literal(text: &str) -> Option<String> {
    let quoted = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    let number = text.parse::<f64>().is_ok().then_some(text);
    let value = quoted.filter(|text| !text.contains('"')).or(number)?;
    Some(value.to_owned())
}

fn unknown_condition(condition: &str) -> String {
    format!("the simulator understands field == \"x\", with AND between, not {condition:?}")
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// The pieces of a text between separators, whatever their case, that are not in quotes.
fn outside_quotes<'t>(text: &'t str, separator: &str) -> Vec<&'t str> {
    let mut pieces = Vec::new();
    let (mut start, mut quoted) = (0, false);
    for (at, character) in text.char_indices() {
        quoted ^= character == '"';
        let found = text.get(at..at + separator.len());
        let is_separator = found.is_some_and(|found| found.eq_ignore_ascii_case(separator));
        if !quoted && at >= start && is_separator {
            pieces.push(&text[start..at]);
            start = at + separator.len();
        }
    }
    pieces.push(&text[start..]);
    pieces
}

fn open_token(token: &str, asked: &str) -> Option<usize> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (for_query, first): (String, usize) = serde_json::from_slice(&bytes).ok()?;
    (for_query == asked).then_some(first)
}
