//! What accounts are called.

use std::collections::BTreeMap;

use super::fields::Fields;
use super::text;
use crate::database::Database;
use crate::failure::Failure;

/// The names of accounts that the store knows: those that a reseller manages.
pub async fn read(database: &Database, fields: &Fields) -> Result<BTreeMap<i64, String>, Failure> {
    let name = fields.text("accounts", "name");
    let sql = format!("SELECT t.id, {name} FROM accounts AS t WHERE t.gone_at IS NULL ORDER BY 1");
    let rows = database.query(&sql, &[]).await?;
    let named = rows.iter().filter_map(|row| {
        let name = row.text(1).filter(|name| !name.trim().is_empty())?;
        Some((row.integer(0)?, text::line(name)))
    });
    Ok(named.collect())
}

/// The name of an account, or its number.
pub fn account(names: &BTreeMap<i64, String>, id: i64) -> String {
    let name = names.get(&id);
    name.cloned().unwrap_or_else(|| format!("account {id}"))
}
