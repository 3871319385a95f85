//! The SQL that is the same for every record of a table.

use super::changes;
use super::column::{Column, Kind, OURS, quoted};
use super::document::WantedTable;
use crate::database::Dialect;

/// Statements of one table.
#[derive(Clone, Debug)]
pub(super) struct Statements {
    /// What is known of the rows with these ids: `?1` the account, `?2` a JSON list of ids.
    pub(super) known: String,
    /// Notes that rows were seen: `?3` the moment.
    pub(super) touch: String,
    /// Inserts or overwrites rows: the account, the id, the moment three times, the digest, the
    /// parent's id if the table has one, the columns, and the record.
    pub(super) upsert: String,
    /// Notes that rows have changed, where somebody asks for that.
    pub(super) note: Option<String>,
}

impl Statements {
    pub(super) fn new(dialect: Dialect, table: &WantedTable, columns: &[Column]) -> Self {
        let name = quoted(&table.name);
        let ids = match dialect {
            Dialect::Sqlite => "SELECT value FROM json_each(?2)",
            Dialect::Postgres => {
                "SELECT value::bigint FROM json_array_elements_text(?2::json) AS ids"
            }
        };
        let updated_at = columns.iter().find(|column| column.is_updated_at());
        let updated_at = updated_at.map(|column| quoted(&column.name));
        let newer = updated_at.as_deref().unwrap_or("NULL");
        let known = format!(
            "SELECT id, record_digest, last_seen_at, {newer} FROM {name} \
             WHERE account_id = ?1 AND id IN ({ids})"
        );
        let touch = format!(
            "UPDATE {name} SET last_seen_at = ?3, \
             gone_at = CASE WHEN gone_at > ?3 THEN gone_at END \
             WHERE account_id = ?1 AND id IN ({ids}) AND last_seen_at < ?3"
        );
        let upsert = upsert(dialect, table, columns, updated_at.as_deref());
        Self {
            known,
            touch,
            upsert,
            note: changes::statement(dialect, &table.name),
        }
    }
}

fn upsert(
    dialect: Dialect,
    table: &WantedTable,
    columns: &[Column],
    updated_at: Option<&str>,
) -> String {
    let ours = OURS
        .iter()
        .filter(|(name, _)| !["gone_at", "record"].contains(name));
    let ours = ours.map(|(name, kind)| ((*name).to_owned(), kind.sql(dialect)));
    let parent = table.parent_column.iter();
    let parent = parent.map(|name| (quoted(name), Kind::Integer.sql(dialect)));
    let own = columns
        .iter()
        .map(|column| (quoted(&column.name), column.kind.sql(dialect)));
    let all: Vec<_> = ours
        .chain(parent)
        .chain(own)
        .chain([("record".to_owned(), "json")])
        .collect();

    let names: Vec<_> = all.iter().map(|(name, _)| name.as_str()).collect();
    // What never changes, and what is worked out below.
    let fixed = ["account_id", "id", "first_seen_at", "last_seen_at"];
    let set = names.iter().filter(|name| !fixed.contains(name));
    let set: Vec<_> = set
        .map(|name| format!("{name} = excluded.{name}"))
        .collect();
    let (insert, set) = (
        insert(dialect, &format!("{} AS rows", quoted(&table.name)), &all),
        set.join(", "),
    );
    // Another program may have written a newer one since the row was looked at.
    let newer = updated_at.map_or(String::new(), |at| {
        format!(" WHERE (rows.{at} <= excluded.{at}) IS NOT FALSE")
    });
    format!(
        "{insert} ON CONFLICT (account_id, id) DO UPDATE SET \
         last_seen_at = CASE WHEN rows.last_seen_at > excluded.last_seen_at \
         THEN rows.last_seen_at ELSE excluded.last_seen_at END, \
         gone_at = CASE WHEN rows.gone_at > excluded.last_seen_at THEN rows.gone_at END, \
         {set}{newer}"
    )
}

/// An insert of rows with these columns, for
/// [`execute_rows`](crate::database::Transaction::execute_rows).
pub(crate) fn insert(dialect: Dialect, table: &str, columns: &[(String, &str)]) -> String {
    let names: Vec<_> = columns.iter().map(|(name, _)| name.as_str()).collect();
    let names = names.join(", ");
    let values = columns.iter().zip(1..);
    match dialect {
        Dialect::Sqlite => {
            let values: Vec<_> = values.map(|(_, at)| format!("?{at}")).collect();
            format!(
                "INSERT INTO {table} ({names}) VALUES ({})",
                values.join(", ")
            )
        }
        Dialect::Postgres => {
            let values: Vec<_> = values
                .map(|((_, kind), at)| format!("?{at}::{kind}[]"))
                .collect();
            let values = values.join(", ");
            format!("INSERT INTO {table} ({names}) SELECT * FROM unnest({values})")
        }
    }
}
