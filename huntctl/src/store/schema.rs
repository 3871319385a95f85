//! Makes tables, or adds what they lack. Nothing is ever dropped or changed.

use std::collections::{BTreeMap, BTreeSet};

use super::column::{Column, FOR_PAGES, INDEXED, Kind, OURS, named, quoted};
use super::document::WantedTable;
use super::{Table, changes, daily, fill, state, views};
use crate::database::{Database, Dialect, Row, Transaction};
use crate::failure::{Exit, Failure};
use crate::training;

/// The columns of each table that there is.
pub(super) type Existing = BTreeMap<String, BTreeMap<String, Kind>>;

/// One number for all programs that may change tables at once.
const LOCK: i64 = 0x6875_6e74_6374_6c01;

/// Brings the database up to the document, and returns its tables. Of several programs that do
/// this at once, one does it and the others find it done.
pub(super) async fn prepare(
    database: &Database,
    wanted: &[WantedTable],
) -> Result<Vec<Table>, Failure> {
    let dialect = database.dialect();
    let existing = parse(dialect, &database.query(existing_sql(dialect), &[]).await?);
    let all_there = wanted
        .iter()
        .all(|table| existing.contains_key(&table.name));
    if all_there
        && existing.contains_key(state::TABLE)
        && state::read(database, "schema").await? == Some(fingerprint(dialect, wanted, &existing))
    {
        return tables(dialect, wanted, &existing);
    }
    let mut tx = database.begin().await?;
    if dialect == Dialect::Postgres {
        let lock = format!("SELECT pg_advisory_xact_lock({LOCK})::text");
        tx.query(&lock, &[]).await?;
    }
    let existing = parse(dialect, &tx.query(existing_sql(dialect), &[]).await?);
    let tables = tables(dialect, wanted, &existing)?;
    make(&mut tx, dialect, &tables, &existing).await?;
    let existing = parse(dialect, &tx.query(existing_sql(dialect), &[]).await?);
    views::make(&mut tx, dialect, &existing).await?;
    let fingerprint = fingerprint(dialect, wanted, &existing);
    state::write(&mut tx, "schema", &fingerprint).await?;
    tx.commit().await?;
    Ok(tables)
}

/// What was made, so that nothing is done where it is the same.
fn fingerprint(dialect: Dialect, wanted: &[WantedTable], existing: &Existing) -> String {
    let digest = super::record::digest([
        format!("{wanted:?}").as_bytes(),
        format!("{OURS:?}{INDEXED:?}{FOR_PAGES:?}").as_bytes(),
        training::TABLE.as_bytes(),
        daily::tables(dialect).concat().as_bytes(),
        changes::table(dialect).as_bytes(),
        views::fingerprint(dialect, existing).as_bytes(),
    ]);
    format!("{digest:016x}")
}

fn existing_sql(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => {
            "SELECT t.name, c.name, c.type FROM sqlite_master AS t \
             JOIN pragma_table_info(t.name) AS c WHERE t.type = 'table'"
        }
        Dialect::Postgres => {
            "SELECT table_name::text, column_name::text, data_type::text \
             FROM information_schema.columns WHERE table_schema = current_schema()"
        }
    }
}

fn parse(dialect: Dialect, rows: &[Row]) -> Existing {
    let mut existing = Existing::new();
    for row in rows {
        if let (Some(table), Some(column), Some(kind)) = (row.text(0), row.text(1), row.text(2)) {
            let columns = existing.entry(table.to_owned()).or_default();
            columns.insert(column.to_owned(), Kind::described(dialect, kind));
        }
    }
    existing
}

/// The document's tables with the names that their columns have in this database.
fn tables(
    dialect: Dialect,
    wanted: &[WantedTable],
    existing: &Existing,
) -> Result<Vec<Table>, Failure> {
    let nothing = BTreeMap::new();
    let table = |want: &WantedTable| {
        let existing = existing.get(&want.name).unwrap_or(&nothing);
        if !existing.is_empty() && OURS.iter().any(|(name, _)| !existing.contains_key(*name)) {
            let text = format!(
                "the database has a table `{}` that huntctl did not make; give the store a \
                 database or schema of its own",
                want.name
            );
            return Err(Failure::new(Exit::Usage, text));
        }
        let columns = named(&want.columns, want.parent_column.as_deref(), existing);
        Ok(Table::new(dialect, want, columns))
    };
    wanted.iter().map(table).collect()
}

async fn make(
    tx: &mut Transaction,
    dialect: Dialect,
    tables: &[Table],
    existing: &Existing,
) -> Result<(), Failure> {
    tx.execute(state::MAKE, &[]).await?;
    tx.execute(&changes::table(dialect), &[]).await?;
    tx.execute(training::TABLE, &[]).await?;
    for sql in daily::tables(dialect) {
        tx.execute(&sql, &[]).await?;
    }
    for table in tables {
        match existing.get(&table.name) {
            None => {
                tx.execute(&create(dialect, table), &[]).await?;
            }
            Some(existing) => {
                let added = added(table, existing);
                for column in &added {
                    let (name, kind) = (quoted(&column.name), column.kind.sql(dialect));
                    let sql = format!("ALTER TABLE {} ADD COLUMN {name} {kind}", table.quoted());
                    tx.execute(&sql, &[]).await?;
                }
                fill::later(tx, table, &added).await?;
            }
        }
        for index in indexes(table).into_iter().chain(for_pages(table)) {
            tx.execute(&index, &[]).await?;
        }
    }
    Ok(())
}

fn added<'a>(table: &'a Table, existing: &BTreeMap<String, Kind>) -> Vec<&'a Column> {
    let columns = table.columns.iter();
    columns
        .filter(|column| !existing.contains_key(&column.name))
        .collect()
}

fn create(dialect: Dialect, table: &Table) -> String {
    let (last, first) = OURS
        .split_last()
        .map_or(("record", &OURS[..]), |(last, first)| (last.0, first));
    let ours = first.iter().map(|(name, kind)| {
        let null = if *name == "gone_at" { "" } else { " NOT NULL" };
        format!("{name} {}{null}", kind.sql(dialect))
    });
    let parent = table.parent_column.iter();
    let parent = parent.map(|name| format!("{} {}", quoted(name), Kind::Integer.sql(dialect)));
    let columns = table.columns.iter();
    let columns =
        columns.map(|column| format!("{} {}", quoted(&column.name), column.kind.sql(dialect)));
    // As it came: PostgreSQL's `jsonb` would change spaces, the order of fields and numbers.
    let record = match dialect {
        Dialect::Sqlite => format!("{last} {} NOT NULL", Kind::Json.sql(dialect)),
        Dialect::Postgres => format!("{last} json NOT NULL"),
    };
    let all: Vec<_> = ours
        .chain(parent)
        .chain(columns)
        .chain([record, "PRIMARY KEY (account_id, id)".to_owned()])
        .collect();
    format!("CREATE TABLE {} ({})", table.quoted(), all.join(", "))
}

/// The index that pages need, of the columns that there are.
fn for_pages(table: &Table) -> Option<String> {
    let (_, group) = FOR_PAGES.iter().find(|(name, _)| *name == table.name)?;
    let there = |name: &&str| {
        let mut columns = table.columns.iter();
        let ours = OURS.iter().any(|(ours, _)| ours == name);
        ours || columns.any(|column| column.name == **name)
    };
    let columns = group.iter().copied().filter(there).map(quoted);
    let columns = columns.collect::<Vec<_>>().join(", ");
    let name = quoted(&format!("{}_of_organization", table.name));
    let table = table.quoted();
    Some(format!(
        "CREATE INDEX IF NOT EXISTS {name} ON {table} ({columns})"
    ))
}

fn indexes(table: &Table) -> Vec<String> {
    let names: BTreeSet<&str> = table.columns.iter().map(|column| &*column.name).collect();
    let groups = INDEXED.iter().map(|group| {
        let there = group.iter().copied().filter(|name| names.contains(name));
        there.collect::<Vec<_>>()
    });
    let parent = table.parent_column.iter().map(|name| vec![name.as_str()]);
    groups
        .chain(parent)
        .filter(|group| !group.is_empty())
        .map(|group| {
            let name = quoted(&format!("{}_by_{}", table.name, group[0]));
            let columns: Vec<_> = group.iter().map(|name| quoted(name)).collect();
            let columns = columns.join(", ");
            format!(
                "CREATE INDEX IF NOT EXISTS {name} ON {} ({columns})",
                table.quoted()
            )
        })
        .collect()
}
