//! What the store remembers of itself, by name.

use crate::database::{Database, Transaction};
use crate::failure::Failure;

pub(super) const TABLE: &str = "store_state";
pub(super) const MAKE: &str =
    "CREATE TABLE IF NOT EXISTS store_state (name text PRIMARY KEY, value text NOT NULL)";
pub(super) const READ: &str = "SELECT value FROM store_state WHERE name = ?1";

pub(super) async fn read(database: &Database, name: &str) -> Result<Option<String>, Failure> {
    let rows = database.query(READ, &[name.into()]).await?;
    Ok(rows.first().and_then(|row| row.text(0)).map(str::to_owned))
}

pub(super) async fn write(tx: &mut Transaction, name: &str, value: &str) -> Result<(), Failure> {
    let sql = "INSERT INTO store_state (name, value) VALUES (?1, ?2) \
               ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    tx.execute(sql, &[name.into(), value.into()]).await?;
    Ok(())
}

pub(super) async fn forget(tx: &mut Transaction, name: &str) -> Result<(), Failure> {
    let sql = "DELETE FROM store_state WHERE name = ?1";
    tx.execute(sql, &[name.into()]).await?;
    Ok(())
}
