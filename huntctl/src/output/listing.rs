//! Records of a list, written as they come, a page at a time.

use std::io::Write;

use serde_json::Value;
use serde_json::value::RawValue;

use super::columns::{self, Column};
use super::table::Rows;
use super::{Format, Look, csv, json, unreadable, unwritten, visible};
use crate::failure::{Exit, Failure};

/// Writes records in one format.
pub struct Listing<W: Write> {
    out: W,
    format: Format,
    look: Look,
    /// What the user chose; it holds for JSON, too.
    chosen: Option<Vec<Column>>,
    /// What is shown otherwise, in a table or file; none where the records decide.
    usual: Vec<Column>,
    rows: Rows,
    begun: bool,
}

impl<W: Write> Listing<W> {
    /// Begins one.
    pub fn new(out: W, format: Format, look: Look) -> Self {
        Self {
            out,
            format,
            look,
            chosen: None,
            usual: Vec::new(),
            rows: Rows::default(),
            begun: false,
        }
    }

    /// Shows these columns and no others.
    pub fn choose(&mut self, columns: Option<Vec<Column>>) {
        self.rows.chosen = columns.is_some();
        self.chosen = columns;
    }

    /// Shows these columns in a table or file where nobody chose any.
    pub fn usually(&mut self, columns: Vec<Column>) {
        self.usual = columns;
    }

    /// Writes a page of records.
    ///
    /// # Errors
    ///
    /// Where it cannot be written.
    pub fn page(&mut self, records: &[Box<RawValue>]) -> Result<(), Failure> {
        match self.format {
            Format::Json | Format::Ndjson => self.json(records)?,
            Format::Table | Format::Csv => self.cells(records)?,
        }
        self.out.flush().map_err(unwritten)
    }

    /// Writes what comes after the last record.
    ///
    /// # Errors
    ///
    /// Where it cannot be written.
    pub fn end(mut self) -> Result<(), Failure> {
        match (self.format, self.begun) {
            (Format::Json, true) => writeln!(self.out, "\n]").map_err(unwritten)?,
            (Format::Json, false) => writeln!(self.out, "[]").map_err(unwritten)?,
            // A file without records has its heading.
            (Format::Csv, false) => self.cells(&[])?,
            _ => {}
        }
        self.out.flush().map_err(unwritten)
    }

    fn json(&mut self, records: &[Box<RawValue>]) -> Result<(), Failure> {
        for record in records {
            let raw = record.get();
            let selected;
            let raw = match &self.chosen {
                Some(chosen) => {
                    selected = columns::select(chosen, &parsed(raw)?).to_string();
                    &selected
                }
                None => raw,
            };
            let out = &mut self.out;
            let written = if self.format == Format::Json {
                let before = if self.begun { ",\n  " } else { "[\n  " };
                out.write_all(before.as_bytes())
                    .and_then(|()| json::pretty(out, raw, 2))
            } else {
                json::compact(out, raw).and_then(|()| out.write_all(b"\n"))
            };
            written.map_err(unwritten)?;
            self.begun = true;
        }
        Ok(())
    }

    fn cells(&mut self, records: &[Box<RawValue>]) -> Result<(), Failure> {
        let records = records.iter().map(|record| parsed(record.get()));
        let records = records.collect::<Result<Vec<Value>, Failure>>()?;
        if self.usual.is_empty() {
            self.usual = columns::of_records(&records);
        }
        let columns = self.chosen.as_ref().unwrap_or(&self.usual);
        let rows = records
            .iter()
            .map(|record| columns.iter().map(|column| column.of(record)));
        let heading: Vec<String> = columns.iter().map(Column::name).collect();
        if self.format == Format::Table {
            let shown = |value: Value| visible::line(&columns::cell(&value)).into_owned();
            let rows: Vec<Vec<String>> = rows.map(|row| row.map(shown).collect()).collect();
            self.begun = true;
            if rows.is_empty() {
                return Ok(());
            }
            // A log line has any names.
            let heading: Vec<String> = heading
                .iter()
                .map(|name| visible::line(name).into_owned())
                .collect();
            let written = self.rows.write(&mut self.out, self.look, &heading, &rows);
            return written.map_err(unwritten);
        }
        let mut lines = ::csv::Writer::from_writer(&mut self.out);
        if !self.begun && !heading.is_empty() {
            lines.write_record(&heading).map_err(unmade)?;
        }
        self.begun = true;
        for row in rows {
            let row: Vec<Value> = row.collect();
            let cells = row.iter().map(csv::cell);
            let written = match self.look.terminal {
                true => lines.write_record(cells.map(|cell| visible::lines(&cell).into_owned())),
                false => lines.write_record(cells.map(|cell| cell.into_owned())),
            };
            written.map_err(unmade)?;
        }
        lines.flush().map_err(unwritten)
    }
}

fn parsed(raw: &str) -> Result<Value, Failure> {
    serde_json::from_str(raw).map_err(unreadable)
}

fn unmade(problem: ::csv::Error) -> Failure {
    match problem.into_kind() {
        ::csv::ErrorKind::Io(problem) => unwritten(problem),
        other => Failure::new(
            Exit::Failed,
            format!("a line of CSV cannot be made: {other:?}"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn written(format: Format, columns: &[&str], pages: &[&[Value]]) -> String {
        let look = Look {
            terminal: false,
            colours: false,
            width: 80,
        };
        let mut out = Vec::new();
        let mut listing = Listing::new(&mut out, format, look);
        let columns: Vec<Column> = columns.iter().map(|name| Column::new(name)).collect();
        listing.choose((!columns.is_empty()).then_some(columns));
        for page in pages {
            let raw = |value: &Value| RawValue::from_string(value.to_string()).unwrap();
            let page: Vec<Box<RawValue>> = page.iter().map(raw).collect();
            listing.page(&page).unwrap();
        }
        listing.end().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_format_goes_over_pages_and_is_whole_without_any() {
        let pages: [&[Value]; 2] = [&[json!({"id": 1, "a.b": "x"})], &[json!({"id": 2})]];
        let json = written(Format::Json, &[], &pages);
        assert_eq!(
            json,
            "[\n  {\n    \"id\": 1,\n    \"a.b\": \"x\"\n  },\n  {\n    \"id\": 2\n  }\n]\n"
        );
        assert_eq!(
            written(Format::Ndjson, &[], &pages),
            "{\"id\":1,\"a.b\":\"x\"}\n{\"id\":2}\n"
        );
        assert_eq!(written(Format::Csv, &[], &pages), "id,a.b\n1,x\n2,\n");
        assert_eq!(written(Format::Table, &[], &pages), "1\tx\n2\t\n");
        for (format, empty) in [
            (Format::Json, "[]\n"),
            (Format::Ndjson, ""),
            (Format::Csv, ""),
            (Format::Table, ""),
        ] {
            assert_eq!(written(format, &[], &[]), empty);
        }
        assert_eq!(written(Format::Csv, &["id", "x.y"], &[]), "id,x.y\n");
    }

    #[test]
    fn chosen_columns_hold_for_json_too() {
        let pages: [&[Value]; 1] = [&[json!({"id": 1, "o": {"name": "=x"}, "z": 3})]];
        assert_eq!(
            written(Format::Ndjson, &["o.name", "id"], &pages),
            "{\"o.name\":\"=x\",\"id\":1}\n"
        );
        assert_eq!(
            written(Format::Csv, &["o.name", "id"], &pages),
            "o.name,id\n'=x,1\n"
        );
        assert_eq!(written(Format::Table, &["o.name"], &pages), "=x\n");
    }
}
