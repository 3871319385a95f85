//! Tables for a terminal, and lines with tabs elsewhere.

use std::io::{self, Write};

use comfy_table::presets::NOTHING;
use comfy_table::{
    Attribute, Cell, Color, ColumnConstraint, ContentArrangement, Row, Table, Width,
};
use serde_json::Value;

use super::columns::cell;
use super::{Look, visible};

/// A column is not made narrower than this to fit others in.
const NARROWEST: u16 = 4;
/// A column that is cut still has this width, where columns can be left out instead.
const READABLE: u16 = 14;

/// Writes rows below one another. The first call decides how wide the columns are, so that the
/// rows of all pages stand in line.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// Of the columns that are shown.
    widths: Option<Vec<u16>>,
    /// Somebody chose the columns, so that all are shown.
    pub(super) chosen: bool,
}

impl Rows {
    /// Writes some rows; the heading comes before the first.
    pub(super) fn write(
        &mut self,
        out: &mut impl Write,
        look: Look,
        heading: &[String],
        rows: &[Vec<String>],
    ) -> io::Result<()> {
        if !look.terminal {
            for row in rows {
                writeln!(out, "{}", row.join("\t"))?;
            }
            return Ok(());
        }
        let first = self.widths.is_none();
        let widths = self
            .widths
            .get_or_insert_with(|| widths(look.width, heading, rows, self.chosen));
        let mut table = bare(look);
        table.set_content_arrangement(ContentArrangement::Dynamic);
        if first {
            let heading = heading
                .iter()
                .take(widths.len())
                .map(|name| styled(look, name.to_uppercase(), Style::Heading));
            table.set_header(one_line(heading.collect()));
        }
        for row in rows {
            let cells = row
                .iter()
                .take(widths.len())
                .map(|text| styled(look, text.clone(), Style::of(text)));
            table.add_row(one_line(cells.collect()));
        }
        table.set_constraints(
            widths
                .iter()
                .map(|width| ColumnConstraint::Absolute(Width::Fixed(*width))),
        );
        for line in table.lines() {
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// Writes one record, a field a line.
pub(super) fn record(out: &mut impl Write, look: Look, record: &Value) -> io::Result<()> {
    let Some(fields) = record.as_object() else {
        writeln!(out, "{}", visible::line(&cell(record)))?;
        return Ok(());
    };
    if !look.terminal {
        for (name, value) in fields {
            writeln!(
                out,
                "{}\t{}",
                visible::line(name),
                visible::line(&cell(value))
            )?;
        }
        return Ok(());
    }
    let mut table = bare(look);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    for (name, value) in fields {
        let value = cell(value);
        let name = styled(look, visible::line(name).into_owned(), Style::Heading);
        let value = styled(look, visible::lines(&value).into_owned(), Style::of(&value));
        table.add_row(vec![name, value]);
    }
    for line in table.lines() {
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

fn bare(look: Look) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_width(look.width);
    if look.colours {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    table
}

fn one_line(cells: Vec<Cell>) -> Row {
    let mut row = Row::from(cells);
    row.max_height(1);
    row
}

/// How wide each column is, its space included: as its cells are, and where that is too much
/// for the line, the widest are cut until it fits. Where too little would be left of them and
/// nobody chose the columns, the last ones are left out instead.
fn widths(line: u16, heading: &[String], rows: &[Vec<String>], chosen: bool) -> Vec<u16> {
    let mut sizing = Table::new();
    sizing.load_style(NOTHING).set_header(heading.to_vec());
    sizing.add_rows(rows.iter().cloned());
    let natural = sizing.column_max_content_widths().into_iter();
    let natural: Vec<u16> = natural.map(|width| width.saturating_add(2)).collect();
    let mut count = natural.len();
    loop {
        let widths = cut(line, &natural[..count]);
        let readable = widths
            .iter()
            .zip(&natural)
            .all(|(cut, whole)| *cut >= READABLE.min(*whole));
        if readable || chosen || count <= 2 {
            return widths;
        }
        count -= 1;
    }
}

fn cut(line: u16, natural: &[u16]) -> Vec<u16> {
    let mut widths = natural.to_vec();
    while widths.iter().map(|width| u32::from(*width)).sum::<u32>() > u32::from(line) {
        let Some(widest) = widths.iter_mut().max().filter(|width| **width > NARROWEST) else {
            break;
        };
        *widest -= 1;
    }
    widths
}

/// What a cell looks like.
#[derive(Clone, Copy)]
enum Style {
    Plain,
    Heading,
    Alarming,
    Noteworthy,
}

impl Style {
    /// By the words that the API has for what is urgent.
    fn of(text: &str) -> Self {
        match text {
            "critical" | "overdue" | "failed" => Self::Alarming,
            "high" | "sent" | "Isolated" | "Pending Isolation" | "unapproved" => Self::Noteworthy,
            _ => Self::Plain,
        }
    }
}

fn styled(look: Look, text: String, style: Style) -> Cell {
    let cell = Cell::new_owned(text);
    match style {
        _ if !look.colours => cell,
        Style::Plain => cell,
        Style::Heading => cell.add_attribute(Attribute::Bold),
        Style::Alarming => cell.fg(Color::Red),
        Style::Noteworthy => cell.fg(Color::Yellow),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn look(terminal: bool, colours: bool, width: u16) -> Look {
        Look {
            terminal,
            colours,
            width,
        }
    }

    fn written(look: Look, pages: &[&[&[&str]]]) -> String {
        let heading = ["id".to_owned(), "name".to_owned()];
        let mut out = Vec::new();
        let mut rows = Rows::default();
        for page in pages {
            let page: Vec<Vec<String>> = page
                .iter()
                .map(|row| row.iter().map(|cell| (*cell).to_owned()).collect())
                .collect();
            rows.write(&mut out, look, &heading, &page).unwrap();
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn pages_stand_in_line_below_one_heading() {
        let pages: [&[&[&str]]; 2] = [
            &[&["1", "first"], &["22", "second"]],
            &[&["333333", "a longer one"]],
        ];
        let text = written(look(true, false, 40), &pages);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], " ID  NAME");
        assert_eq!(lines[1], " 1   first");
        assert_eq!(lines.len(), 4, "{text}");
        assert!(lines.iter().all(|line| line.chars().count() <= 40));
        assert_eq!(
            written(look(false, false, 40), &pages),
            "1\tfirst\n22\tsecond\n333333\ta longer one\n"
        );
    }

    #[test]
    fn no_line_is_longer_than_the_terminal() {
        let long = "x".repeat(200);
        for width in [12, 20, 80] {
            let text = written(look(true, false, width), &[&[&["1", &long], &["2", "y"]]]);
            assert_eq!(text.lines().count(), 3, "{text}");
            let fits = |line: &str| line.chars().count() <= usize::from(width);
            assert!(text.lines().all(fits), "{text}");
        }
    }

    #[test]
    fn the_last_columns_give_way_unless_somebody_chose_them() {
        let heading: Vec<String> = "abcdef".chars().map(|c| c.to_string()).collect();
        let rows = [vec!["x".repeat(20); 6]];
        assert_eq!(widths(60, &heading, &rows, false), [15, 15, 15, 15]);
        assert_eq!(widths(60, &heading, &rows, true), [10; 6]);
        assert_eq!(widths(200, &heading, &rows, false), [22; 6]);
        assert_eq!(widths(10, &heading, &rows, false), [5, 5]);
    }

    #[test]
    fn colours_are_for_those_who_want_them() {
        let pages: [&[&[&str]]; 1] = [&[&["1", "critical"]]];
        assert!(written(look(true, true, 40), &pages).contains('\u{1b}'));
        assert!(!written(look(true, false, 40), &pages).contains('\u{1b}'));
    }

    #[test]
    fn a_record_has_a_line_a_field_and_obeys_nothing() {
        let value = json!({"id": 7, "body": "one\ntwo\u{1b}[2J", "tags": ["a", "b"], "none": null});
        let mut out = Vec::new();
        record(&mut out, look(false, false, 40), &value).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("body\tone\\ntwo\\u{1b}[2J\n"), "{text}");
        assert!(
            text.contains("tags\ta, b\n") && text.contains("none\t\n"),
            "{text}"
        );
        let mut out = Vec::new();
        record(&mut out, look(true, false, 40), &value).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("one\n") && !text.contains('\u{1b}'), "{text}");
    }
}
