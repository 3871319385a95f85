//! Which records were written and not looked at since, for whoever tells others of changes.
//!
//! A transaction that writes a record notes it here. So a note is committed together with what
//! it is about: who finds one and then reads the record sees the state that was noted, or a
//! later one. There is one note of a record at most, so that they do not pile up where nobody
//! takes them; it keeps the time of the first change. Nothing here depends on a clock, nor on
//! the order in which transactions are committed: a note that is not committed yet is not
//! found, and is found later.

use jiff::Timestamp;

use super::statements::insert;
use crate::database::{Dialect, Transaction, Value};
use crate::failure::Failure;

/// The tables whose changes are noted.
const NOTED: [&str; 5] = [
    "agents",
    "escalations",
    "identities",
    "incident_reports",
    "signals",
];

/// Makes the table of the notes.
pub(super) fn table(dialect: Dialect) -> String {
    let (integer, moment) = match dialect {
        Dialect::Sqlite => ("BIGINT", "TIMESTAMP"),
        Dialect::Postgres => ("bigint", "timestamptz"),
    };
    format!(
        "CREATE TABLE IF NOT EXISTS store_changes (table_name text NOT NULL, \
         account_id {integer} NOT NULL, id {integer} NOT NULL, noted_at {moment} NOT NULL, \
         PRIMARY KEY (table_name, account_id, id))"
    )
}

/// The statement that notes records, for
/// [`execute_rows`](crate::database::Transaction::execute_rows); none for a table whose changes
/// nobody asks for.
pub(super) fn statement(dialect: Dialect, table: &str) -> Option<String> {
    if !NOTED.contains(&table) {
        return None;
    }
    let columns = [
        ("table_name", "text"),
        ("account_id", "bigint"),
        ("id", "bigint"),
        ("noted_at", "timestamptz"),
    ];
    let columns = columns.map(|(name, kind)| (name.to_owned(), kind));
    let insert = insert(dialect, "store_changes", &columns);
    // It must lock the note that there is: whoever takes that one just now has not seen this
    // change.
    Some(format!(
        "{insert} ON CONFLICT (table_name, account_id, id) \
         DO UPDATE SET noted_at = store_changes.noted_at"
    ))
}

/// Notes these records, in the order of their ids.
pub(super) async fn note(
    tx: &mut Transaction,
    statement: &str,
    table: &str,
    account_id: i64,
    ids: impl Iterator<Item = i64>,
    noted_at: Timestamp,
) -> Result<(), Failure> {
    let row = |id: i64| -> Vec<Value> {
        vec![table.into(), account_id.into(), id.into(), noted_at.into()]
    };
    tx.execute_rows(statement, ids.map(row).collect()).await?;
    Ok(())
}
