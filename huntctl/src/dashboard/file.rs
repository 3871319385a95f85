//! A table as a file of comma-separated values.

use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::page::Wrong;
use super::table::Listing;
use crate::failure::{Exit, Failure};
use crate::output::harmless;

/// A table as an answer. Its texts are as on the page, so no control or bidirectional character
/// is obeyed, and none is computed by a spreadsheet.
pub fn answer(listing: &Listing) -> Result<Response, Wrong> {
    let content = write(listing).map_err(|problem| {
        Failure::new(Exit::Failed, format!("a file cannot be written: {problem}"))
    })?;
    let name = format!("attachment; filename=\"huntress-{}.csv\"", listing.id);
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, name),
    ];
    Ok((headers, content).into_response())
}

fn write(listing: &Listing) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(listing.columns.iter().map(|column| column.key))?;
    for row in &listing.rows.rows {
        let cells = row.iter().zip(&listing.columns).map(|(cell, column)| {
            let text = cell.in_file();
            // A negative number is one.
            if column.numbers {
                text
            } else {
                harmless(&text).into_owned()
            }
        });
        writer.write_record(cells)?;
    }
    writer
        .into_inner()
        .map_err(|error| error.into_error().into())
}
