//! Values of a record as facts.

use super::incident::{Fact, fact};
use super::text;
use crate::database::Row;
use crate::store::Kind;

/// The columns of a row from the first one on, with their names. What is not known says so.
pub fn facts(row: &Row, first: usize, columns: &[(&str, &str, Kind)]) -> Vec<Fact> {
    let shown = |(at, (name, _, kind)): (usize, &(&str, &str, Kind))| {
        let value = match kind {
            Kind::Moment => row.time(at).map(text::moment),
            Kind::Boolean => row
                .bool(at)
                .map(|is| if is { "yes" } else { "no" }.to_owned()),
            Kind::Integer => row.integer(at).map(text::count),
            _ => Some(text::or_unknown(row.text(at))),
        };
        fact(*name, value.unwrap_or_else(|| text::UNKNOWN.to_owned()))
    };
    (first..).zip(columns).map(shown).collect()
}
