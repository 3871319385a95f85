//! What the tests of the store begin with.

use huntctl::database::Row;
use huntctl::store::{Store, Table, Written};
use jiff::Timestamp;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

pub use crate::databases::Place as Ground;

/// Account 1, to which everything belongs unless a test says otherwise.
pub const ACCOUNT: i64 = 1;

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// So many minutes after some moment.
pub fn minute(minute: i64) -> Timestamp {
    Timestamp::from_second(1_780_000_000 + 60 * minute).unwrap()
}

pub fn raw(value: &Value) -> Box<RawValue> {
    to_raw_value(value).unwrap()
}

pub fn raw_text(json: &str) -> Box<RawValue> {
    serde_json::from_str(json).unwrap()
}

/// Writes records in a transaction of their own.
pub async fn write_raw(
    store: &Store,
    table: &str,
    records: &[Box<RawValue>],
    seen_at: Timestamp,
) -> Written {
    let mut tx = store.database().begin().await.unwrap();
    let table = table_of(store, table);
    let written = store
        .write(&mut tx, table, ACCOUNT, records, seen_at)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    written
}

pub async fn write(store: &Store, table: &str, records: &[Value], seen_at: Timestamp) -> Written {
    let records: Vec<_> = records.iter().map(raw).collect();
    write_raw(store, table, &records, seen_at).await
}

pub fn table_of<'s>(store: &'s Store, name: &str) -> &'s Table {
    store
        .table(name)
        .unwrap_or_else(|| panic!("no table {name}"))
}

pub async fn query(store: &Store, sql: &str) -> Vec<Row> {
    store
        .database()
        .query(sql, &[])
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error}"))
}

/// The rows of a query, their values shown one after the other.
pub async fn shown(store: &Store, sql: &str) -> Vec<String> {
    use huntctl::database::Value;
    let show = |value: &Value| match value {
        Value::Null => "-".to_owned(),
        Value::Bool(value) => i64::from(*value).to_string(),
        Value::Integer(value) => value.to_string(),
        Value::Real(value) => value.to_string(),
        Value::Text(text) | Value::Json(text) => match text.parse::<Timestamp>() {
            Ok(time) => time.to_string(),
            Err(_) => text.clone(),
        },
        Value::Time(time) => time.to_string(),
    };
    let rows = query(store, sql).await;
    rows.iter()
        .map(|row| row.values().iter().map(show).collect::<Vec<_>>().join(" "))
        .collect()
}
