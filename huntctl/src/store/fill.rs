//! Fills columns that are new from the records that are there.
//!
//! In batches, each a transaction of its own: a large table holds up nobody for long, and whoever
//! opens the store next goes on where this was interrupted. What the store remembers of it is
//! the names of the columns and the key of the last row that was filled.

use serde_json::{Value as Json, json};

use super::column::{Column, quoted};
use super::record::Record;
use super::{Table, state};
use crate::database::{Database, Dialect, Row, Transaction, Value};
use crate::failure::Failure;

/// Rows of a batch.
const BATCH: usize = 500;

fn task_name(table: &Table) -> String {
    format!("fill {}", table.name)
}

/// Notes that these columns are to be filled.
pub(super) async fn later(
    tx: &mut Transaction,
    table: &Table,
    columns: &[&Column],
) -> Result<(), Failure> {
    if columns.is_empty() {
        return Ok(());
    }
    let name = task_name(table);
    let mut names: Vec<_> = columns.iter().map(|column| json!(column.name)).collect();
    // One that was interrupted begins anew, with all of them.
    if let Some(before) = task(&tx.query(state::READ, &[name.as_str().into()]).await?) {
        names.extend(before["columns"].as_array().into_iter().flatten().cloned());
    }
    let task = json!({"columns": names, "after": [i64::MIN, i64::MIN]});
    state::write(tx, &name, &task.to_string()).await
}

/// Fills what is to be filled of this table.
pub(super) async fn all(database: &Database, table: &Table) -> Result<(), Failure> {
    while state::read(database, &task_name(table)).await?.is_some() {
        let mut tx = database.begin().await?;
        batch(&mut tx, database.dialect(), table).await?;
        tx.commit().await?;
    }
    Ok(())
}

fn task(rows: &[Row]) -> Option<Json> {
    serde_json::from_str(rows.first()?.text(0)?).ok()
}

async fn batch(tx: &mut Transaction, dialect: Dialect, table: &Table) -> Result<(), Failure> {
    let name = task_name(table);
    // Several programs take a batch in turn.
    let sql = match dialect {
        Dialect::Sqlite => state::READ.to_owned(),
        Dialect::Postgres => format!("{} FOR UPDATE", state::READ),
    };
    let Some(mut task) = task(&tx.query(&sql, &[name.as_str().into()]).await?) else {
        return state::forget(tx, &name).await;
    };
    let new = |column: &&Column| {
        let mut names = task["columns"].as_array().into_iter().flatten();
        names.any(|name| *name == column.name)
    };
    let columns: Vec<&Column> = table.columns.iter().filter(new).collect();
    let after = [0, 1].map(|at| Value::from(task["after"][at].as_i64().unwrap_or(i64::MIN)));
    let sql = format!(
        "SELECT account_id, id, record FROM {} WHERE (account_id, id) > (?1, ?2) \
         ORDER BY account_id, id LIMIT {BATCH}",
        table.quoted()
    );
    let rows = tx.query(&sql, &after).await?;
    if !columns.is_empty() {
        update(tx, table, &columns, &rows).await?;
    }
    match rows.last() {
        Some(last) if rows.len() == BATCH => {
            task["after"] = json!([last.integer(0), last.integer(1)]);
            state::write(tx, &name, &task.to_string()).await
        }
        _ => state::forget(tx, &name).await,
    }
}

async fn update(
    tx: &mut Transaction,
    table: &Table,
    columns: &[&Column],
    rows: &[Row],
) -> Result<(), Failure> {
    let updates = rows.iter().filter_map(|row| {
        let record = Record::read(table, row.text(2)?).ok()?;
        let key = row.values().iter().take(2).cloned();
        Some(
            key.chain(
                columns
                    .iter()
                    .map(move |column| record.value(column).unwrap_or(Value::Null)),
            ),
        )
    });
    let updates = updates.map(Iterator::collect).collect();
    let sets = columns.iter().zip(3..);
    let sets: Vec<_> = sets
        .map(|(column, at)| format!("{} = ?{at}", quoted(&column.name)))
        .collect();
    let (table, sets) = (table.quoted(), sets.join(", "));
    let sql = format!("UPDATE {table} SET {sets} WHERE account_id = ?1 AND id = ?2");
    tx.execute_many(&sql, updates).await?;
    Ok(())
}
