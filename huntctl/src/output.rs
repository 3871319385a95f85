//! What a command prints: for a person on a terminal, for a program elsewhere.

pub mod columns;
mod csv;
pub mod json;
mod listing;
mod table;
pub mod visible;

use std::io::{self, IsTerminal as _, Write};

use clap::ValueEnum;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::failure::{Exit, Failure};

pub use columns::Column;
pub(crate) use csv::harmless;
pub use listing::Listing;

/// How records are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A table on a terminal; elsewhere a line a record, with tabs and without a heading
    Table,
    /// One JSON text: an array for a list
    Json,
    /// A line of JSON for each record
    Ndjson,
    /// Comma-separated, with a heading; texts that a spreadsheet would compute get a leading '
    Csv,
}

/// What the standard output is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// A person looks at it.
    pub terminal: bool,
    /// It may have colours.
    pub colours: bool,
    /// How many characters a line has.
    pub width: u16,
}

impl Look {
    /// That of this process.
    pub fn of_the_process() -> Self {
        let terminal = io::stdout().is_terminal();
        let width = comfy_table::Table::new().width();
        Self {
            terminal,
            colours: terminal && wants_colours(),
            width: width.filter(|width| *width > 0).unwrap_or(80),
        }
    }
}

/// Whether nobody has asked for none (see no-color.org), and the terminal knows some.
pub fn wants_colours() -> bool {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    set("NO_COLOR").is_none() && set("TERM").is_none_or(|term| term != "dumb")
}

/// Prints one record.
///
/// # Errors
///
/// Where it cannot be written.
pub fn record(
    out: &mut impl Write,
    format: Format,
    look: Look,
    chosen: Option<&[Column]>,
    raw: &RawValue,
) -> Result<(), Failure> {
    let value = || -> Result<Value, Failure> {
        let value: Value = serde_json::from_str(raw.get()).map_err(unreadable)?;
        Ok(match chosen {
            Some(chosen) => columns::select(chosen, &value),
            None => value,
        })
    };
    let written = match format {
        Format::Json if chosen.is_none() => json::pretty(out, raw.get(), 0),
        Format::Json => json::pretty(out, &value()?.to_string(), 0),
        Format::Ndjson if chosen.is_none() => json::compact(out, raw.get()),
        Format::Ndjson => json::compact(out, &value()?.to_string()),
        Format::Table => return table::record(out, look, &value()?).map_err(unwritten),
        Format::Csv => {
            let mut listing = Listing::new(out, format, look);
            listing.choose(chosen.map(<[Column]>::to_vec));
            listing.page(&[raw.to_owned()])?;
            return listing.end();
        }
    };
    written.and_then(|()| writeln!(out)).map_err(unwritten)
}

/// Writes what was made here as JSON for people: indented, with an end of the line.
///
/// # Errors
///
/// Where it cannot be written.
pub fn document(mut out: impl Write, value: &Value) -> Result<(), Failure> {
    json::pretty(&mut out, &value.to_string(), 0)
        .and_then(|()| writeln!(out))
        .map_err(unwritten)
}

/// Writes rows that were made here as a table with these columns.
///
/// # Errors
///
/// Where it cannot be written.
pub fn rows(out: impl Write, look: Look, rows: &[Value], columns: &[&str]) -> Result<(), Failure> {
    let mut listing = Listing::new(out, Format::Table, look);
    listing.usually(columns.iter().map(|name| Column::new(name)).collect());
    let rows = rows.iter().map(serde_json::value::to_raw_value);
    let rows: Vec<Box<RawValue>> = rows
        .collect::<Result<_, _>>()
        .map_err(|problem| Failure::new(Exit::Failed, problem.to_string()))?;
    listing.page(&rows)?;
    listing.end()
}

/// The failure of a write to the standard output.
pub fn unwritten(problem: io::Error) -> Failure {
    match problem.kind() {
        io::ErrorKind::BrokenPipe => Failure::of_a_closed_output(),
        _ => Failure::new(
            Exit::Failed,
            format!("the output cannot be written: {problem}"),
        ),
    }
}

fn unreadable(problem: serde_json::Error) -> Failure {
    Failure::new(
        Exit::Failed,
        format!("an answer that was JSON is none any more: {problem}"),
    )
}
