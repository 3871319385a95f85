//! The SIEM query: enough of the language to develop against.
//!
//! The log has a line every 90 seconds since the beginning of 2026, up to now. A query sees
//! those of its range, both ends included, the oldest first. Commands are carried out one
//! after the other, as they stand in the query. What is not understood is refused: rows that
//! nobody asked for would be worse than none.
//!
//! On demand some lines can be found only some time after the moment that they are of, and a
//! range is refused that is too long (408) or has too many lines (413).

use std::cmp::Ordering;
use std::time::Duration;

use hyper::StatusCode;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::dates;
use crate::made::agents;
use crate::oddities::Oddities;
use crate::refusal::{Refusal, refuse};
use crate::token;
use crate::values;
use crate::world::World;

/// Rows of a page.
const PAGE: usize = 200;
/// Rows that a query without a `LIMIT` finds.
const ROWS: usize = 1_000;
/// Rows that can be sorted: half a month of the log.
const SORTABLE: usize = 20_000;
/// The first line of the log: 2026-01-01T00:00:00Z, in seconds.
const FIRST: i64 = 1_767_225_600;
/// Seconds between two lines.
const PACE: i64 = 90;
/// What a row has when the query names no columns.
const WITHOUT_KEEP: [&str; 2] = ["uuid", "organization_id"];
const TIME: &str = "@timestamp";
/// A number that is larger than most programs expect.
const SEQUENCE: &str = "event.sequence";
const COLUMNS: [&str; 8] = [
    "uuid",
    "organization_id",
    TIME,
    "host.name",
    "user.name",
    "event.action",
    SEQUENCE,
    "message",
];
/// What the lines that are late are drawn for.
const LATE: &str = "late lines";

/// What can be chosen of the log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogOptions {
    /// The account has one.
    pub(crate) available: bool,
    /// The share of lines that are late.
    pub(crate) late: f64,
    /// By how much at most.
    pub(crate) delay: Duration,
    /// The longest range that is answered.
    pub(crate) longest: Option<Duration>,
    /// The most lines of a range that is answered.
    pub(crate) most: Option<usize>,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self {
            available: true,
            late: 0.0,
            delay: Duration::from_secs(10 * 60),
            longest: None,
            most: None,
        }
    }
}

/// What is asked for: what to do, and which columns to return in the end.
struct Plan {
    commands: Vec<Command>,
    columns: Vec<String>,
}

/// One command of a query that decides about rows.
enum Command {
    Limit(usize),
    /// Columns and what they must be equal to, all of them.
    Where(Vec<(String, String)>),
    /// By columns, some of them descending.
    Sort(Vec<(String, bool)>),
}

/// Numbers of lines, in some order.
type Lines<'l> = Box<dyn Iterator<Item = i64> + 'l>;

/// Answers a query whose body fits the document, at a moment.
pub(crate) fn query(
    world: &World,
    options: &LogOptions,
    oddities: Oddities,
    now: Timestamp,
    body: &Value,
) -> Result<Value, Refusal> {
    let moment = |key: &str| dates::read(&body[key]);
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
    let plan = match Plan::read(esql) {
        Ok(plan) => plan,
        Err(why) => return refuse(StatusCode::UNPROCESSABLE_ENTITY, why),
    };
    // A token is good for the same query over the same range only, and for the log as it was
    // when the first page was asked for: a page must not move because a line has come.
    let asked = format!("{esql}|{start}|{end}");
    let now = now.as_second();
    // Where the page begins, and up to when the log was known on the first one.
    let (first, known) = match body["page_token"].as_str() {
        None | Some("" | token::ENDLESS) => (0, now),
        Some(token) => match token::open(token, &asked) {
            Some(place) => place,
            None => return refuse(StatusCode::BAD_REQUEST, "page_token is not of this query"),
        },
    };
    let lines = in_range(start, end, known);
    options.refuse(start, end, lines.clone().count())?;
    let visible = |line: &i64| second_of(*line) + options.delay_of(world, *line) <= known;
    let mut found = plan.carry_out(world, lines, &visible)?.skip(first);
    let page: Vec<i64> = found.by_ref().take(PAGE).collect();
    let mut pagination = json!({});
    if found.next().is_some() {
        let token = token::seal(&asked, &(first + PAGE, known));
        pagination["next_page_token"] = json!(token);
    }
    let row = |number: i64| -> Map<String, Value> {
        let columns = plan.columns.iter();
        let mut row: Map<_, _> = columns
            .map(|name| (name.clone(), column(world, number, name)))
            .collect();
        if let Some(time) = row.get_mut(TIME) {
            oddities.log_time(number, time);
        }
        row
    };
    let logs: Vec<_> = page.into_iter().map(row).collect();
    Ok(json!({"logs": logs, "pagination": pagination}))
}

impl LogOptions {
    /// Refuses a range that is too large to be answered.
    fn refuse(&self, start: Timestamp, end: Timestamp, lines: usize) -> Result<(), Refusal> {
        let length = Duration::try_from(end.duration_since(start)).unwrap_or_default();
        if self.longest.is_some_and(|longest| length > longest) {
            let why = format!("the query of {} seconds took too long", length.as_secs());
            return refuse(StatusCode::REQUEST_TIMEOUT, why);
        }
        if self.most.is_some_and(|most| lines > most) {
            let why = format!("the query of {lines} lines needs too much memory");
            return refuse(StatusCode::PAYLOAD_TOO_LARGE, why);
        }
        Ok(())
    }

    /// How many seconds after its moment a line can be found.
    fn delay_of(&self, world: &World, number: i64) -> i64 {
        if self.late <= 0.0 {
            return 0;
        }
        let mut rng = world.rng(LATE, number.unsigned_abs());
        // The first numbers of like seeds are alike.
        rng.u64(..);
        let is_late = rng.f64() < self.late;
        let most = i64::try_from(self.delay.as_secs()).unwrap_or(i64::MAX / 2);
        if is_late { rng.i64(0..=most) } else { 0 }
    }
}

/// The moment of a line, in seconds.
fn second_of(number: i64) -> i64 {
    FIRST + number * PACE
}

/// The lines of a range, as far as the log is known.
fn in_range(start: Timestamp, end: Timestamp, known: i64) -> std::ops::Range<i64> {
    // Upwards: a line of the second in which the range begins may be before it.
    let begins = start.as_second() + i64::from(start.subsec_nanosecond() > 0);
    let first =
        (begins - FIRST).div_euclid(PACE) + i64::from((begins - FIRST).rem_euclid(PACE) > 0);
    let last = (end.as_second().min(known) - FIRST).div_euclid(PACE);
    first.max(0)..last + 1
}

/// A column of a line.
fn column(world: &World, number: i64, name: &str) -> Value {
    let count = world.sizes.agents;
    let agent = || (count > 0).then(|| agents::facts(world, number as usize % count));
    let identities = world.sizes.identities;
    match name {
        "uuid" => json!(format!("00000000-0000-4000-8000-{number:012x}")),
        "organization_id" => json!(agent().map(|agent| agents::organization_id(world, &agent))),
        TIME => {
            let at = Timestamp::from_second(second_of(number));
            dates::written(at.unwrap_or_default())
        }
        "host.name" => json!(agent().map(|agent| agent.hostname())),
        "user.name" if identities == 0 => Value::Null,
        "user.name" => json!(values::person(number as usize % identities).1),
        "event.action" => {
            let actions = ["logon", "logoff", "file_create", "process_start"];
            json!(actions[number as usize % actions.len()])
        }
        SEQUENCE => json!(u64::MAX - number.unsigned_abs()),
        _ => json!(format!("made-up log line {number}")),
    }
}

impl Plan {
    fn read(text: &str) -> Result<Self, String> {
        let mut pieces = outside_quotes(text, "|").into_iter();
        let from = pieces.next().unwrap_or_default();
        let from: Vec<_> = from.split_whitespace().collect();
        if !matches!(&*from, [from, "logs"] if from.eq_ignore_ascii_case("from")) {
            return Err("a query begins with FROM logs".to_owned());
        }
        let mut columns = COLUMNS.map(str::to_owned).to_vec();
        let (mut commands, mut named, mut limited) = (Vec::new(), false, false);
        for piece in pieces {
            let piece = piece.trim();
            let (name, rest) = piece.split_once(char::is_whitespace).unwrap_or((piece, ""));
            match &*name.to_ascii_uppercase() {
                "KEEP" => {
                    columns = matching(rest, &columns)?;
                    named = true;
                }
                "DROP" => {
                    let dropped = matching(rest, &columns)?;
                    columns.retain(|column| !dropped.contains(column));
                }
                name => {
                    let command = Command::read(name, rest, &columns)?;
                    limited |= matches!(command, Command::Limit(_));
                    commands.push(command);
                }
            }
        }
        if !named {
            columns.retain(|column| WITHOUT_KEEP.contains(&&**column));
        }
        if !limited {
            commands.push(Command::Limit(ROWS));
        }
        Ok(Self { commands, columns })
    }

    /// The lines that are found, in order. They are looked at one by one and no further than
    /// they are asked for, since the log is long.
    fn carry_out<'l>(
        &'l self,
        world: &'l World,
        range: std::ops::Range<i64>,
        visible: &'l dyn Fn(&i64) -> bool,
    ) -> Result<Lines<'l>, Refusal> {
        // What the log is sorted by before any of it is cut off. By time it need not be: it is
        // in that order, either way round, and no two lines have the same time.
        let limited = |command: &Command| matches!(command, Command::Limit(_));
        let before = self.commands.iter().position(limited).unwrap_or_default();
        let mut sorts = self.commands[..before]
            .iter()
            .filter_map(|command| match command {
                Command::Sort(by) => Some(&by[0]),
                _ => None,
            });
        let by_time = sorts.next_back().filter(|(name, _)| name == TIME);
        let mut lines: Lines = match by_time {
            Some((_, true)) => Box::new(range.rev().filter(visible)),
            _ => Box::new(range.filter(visible)),
        };
        for (place, command) in self.commands.iter().enumerate() {
            lines = match command {
                Command::Limit(limit) => Box::new(lines.take(*limit)),
                Command::Where(equal) => Box::new(lines.filter(|line| {
                    let mut equal = equal.iter();
                    equal.all(|(name, value)| plain(&column(world, *line, name)) == *value)
                })),
                Command::Sort(_) if by_time.is_some() && place < before => lines,
                Command::Sort(by) => Box::new(sorted(world, lines, by)?.into_iter()),
            };
        }
        Ok(lines)
    }
}

/// Lines in another order, those that are equal in the one they had.
fn sorted(world: &World, lines: Lines, by: &[(String, bool)]) -> Result<Vec<i64>, Refusal> {
    let keys = |line: i64| {
        let keys = by.iter().map(|(name, _)| plain(&column(world, line, name)));
        (keys.collect::<Vec<_>>(), line)
    };
    let mut sortable: Vec<_> = lines.take(SORTABLE + 1).map(keys).collect();
    if sortable.len() > SORTABLE {
        let why = format!("more than {SORTABLE} rows are too many to sort for the simulator");
        return refuse(StatusCode::PAYLOAD_TOO_LARGE, why);
    }
    sortable.sort_by(|(one, _), (other, _)| {
        let orders = one.iter().zip(other).zip(by);
        let orders = orders.map(|((one, other), (_, descending))| {
            let order = one.cmp(other);
            if *descending { order.reverse() } else { order }
        });
        orders.fold(Ordering::Equal, Ordering::then)
    });
    Ok(sortable.into_iter().map(|(_, line)| line).collect())
}

impl Command {
    /// A command on rows that have these columns.
    fn read(name: &str, rest: &str, columns: &[String]) -> Result<Self, String> {
        let column = |name: &str| match columns.iter().find(|column| *column == name.trim()) {
            Some(column) => Ok(column.clone()),
            None => {
                let (name, known) = (name.trim(), columns.join(", "));
                Err(format!(
                    "{name:?} is not one of the simulator's columns {known}"
                ))
            }
        };
        match name {
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
