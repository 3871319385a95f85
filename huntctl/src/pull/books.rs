//! What pulls keep about themselves, in the store: whose the keys are, which accounts there
//! are and who pulls them, how far each list has been read, and every run.

use huntress::Cursor;
use jiff::Timestamp;

use super::plan::ListState;
use crate::database::{Database, Row, Transaction, Value};
use crate::failure::Failure;

/// The tables; the names of types are those that both databases know.
const TABLES: [&str; 6] = [
    "CREATE TABLE IF NOT EXISTS pull_sources (
        name TEXT PRIMARY KEY,
        account_id BIGINT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS pull_accounts (
        account_id BIGINT PRIMARY KEY,
        source TEXT NOT NULL,
        managed BOOLEAN NOT NULL,
        due_at TIMESTAMPTZ,
        ended_at TIMESTAMPTZ,
        worker TEXT,
        lease_until TIMESTAMPTZ,
        run BIGINT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS pull_lists (
        account_id BIGINT NOT NULL,
        list TEXT NOT NULL,
        cursor TEXT,
        full_at TIMESTAMPTZ,
        read_at TIMESTAMPTZ,
        refused_at TIMESTAMPTZ,
        error TEXT,
        error_at TIMESTAMPTZ,
        PRIMARY KEY (account_id, list))",
    "CREATE TABLE IF NOT EXISTS pull_children (
        account_id BIGINT NOT NULL,
        list TEXT NOT NULL,
        parent_id BIGINT NOT NULL,
        version TEXT NOT NULL,
        read_version TEXT,
        PRIMARY KEY (account_id, list, parent_id))",
    "CREATE TABLE IF NOT EXISTS pulls (
        account_id BIGINT NOT NULL,
        run BIGINT NOT NULL,
        source TEXT NOT NULL,
        worker TEXT NOT NULL,
        began_at TIMESTAMPTZ NOT NULL,
        ended_at TIMESTAMPTZ,
        outcome TEXT NOT NULL,
        requests BIGINT,
        waited_seconds DOUBLE PRECISION,
        rows_new BIGINT,
        rows_changed BIGINT,
        rows_unchanged BIGINT,
        rows_gone BIGINT,
        odd_fields BIGINT,
        odd_records BIGINT,
        errors TEXT,
        PRIMARY KEY (account_id, run))",
    "CREATE INDEX IF NOT EXISTS pull_accounts_due ON pull_accounts (due_at)",
];

/// Makes the tables that are not there.
pub(crate) async fn create(database: &Database) -> Result<(), Failure> {
    database.make_tables(&TABLES).await
}

/// The account that the key of a source belonged to when it was pulled last.
pub(crate) async fn account_of(database: &Database, source: &str) -> Result<Option<i64>, Failure> {
    let sql = "SELECT account_id FROM pull_sources WHERE name = ?1";
    let rows = database.query(sql, &[source.into()]).await?;
    Ok(rows.first().and_then(|row| row.integer(0)))
}

/// Keeps whose account it is.
pub(crate) async fn set_account_of(
    transaction: &mut Transaction,
    source: &str,
    account_id: i64,
) -> Result<(), Failure> {
    let sql = "INSERT INTO pull_sources (name, account_id) VALUES (?1, ?2)
        ON CONFLICT (name) DO UPDATE SET account_id = excluded.account_id";
    let values = [source.into(), account_id.into()];
    transaction.execute(sql, &values).await.map(drop)
}

/// How far a list of an account has been read.
pub(crate) async fn list_state(
    database: &Database,
    account_id: i64,
    list: &str,
) -> Result<ListState, Failure> {
    let sql = "SELECT cursor, full_at, refused_at FROM pull_lists
        WHERE account_id = ?1 AND list = ?2";
    let rows = database
        .query(sql, &[account_id.into(), list.into()])
        .await?;
    let state = |row: &Row| ListState {
        // One that cannot be read is as none: all of the list is read again.
        cursor: row.text(0).and_then(|text| text.parse().ok()),
        full_at: row.time(1),
        refused_at: row.time(2),
    };
    Ok(rows.first().map(state).unwrap_or_default())
}

/// What became of a walk over a list.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Read<'a> {
    /// All of it was read.
    Full {
        cursor: Option<&'a Cursor>,
        /// A guard says no: it is read as a whole again.
        doubted: bool,
        /// What is wrong with it.
        note: Option<&'a str>,
    },
    /// All that has changed was read.
    Changes(&'a Cursor),
    /// What was wanted of it was read.
    Some,
    /// The key may not.
    Refused(&'a str),
    /// It did not come to its end.
    Failed(&'a str),
}

/// Keeps what became of a walk that began at a moment.
pub(crate) async fn set_list(
    transaction: &mut Transaction,
    account_id: i64,
    list: &str,
    began: Timestamp,
    read: Read<'_>,
) -> Result<(), Failure> {
    // What is none here stays as it was.
    let (mut cursor, mut full_at, mut read_at, mut refused_at, mut error) =
        (None, None, None, None, None);
    match read {
        Read::Full {
            cursor: next,
            doubted,
            note,
        } => {
            (cursor, read_at, error) = (next, Some(began), note);
            full_at = (!doubted).then_some(began);
        }
        Read::Changes(next) => (cursor, read_at) = (Some(next), Some(began)),
        Read::Some => read_at = Some(began),
        Read::Refused(why) => (refused_at, error) = (Some(began), Some(why)),
        Read::Failed(why) => error = Some(why),
    }
    // A refusal is over once something was read, and so is an error.
    let sql = "INSERT INTO pull_lists
            (account_id, list, cursor, full_at, read_at, refused_at, error, error_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
        ON CONFLICT (account_id, list) DO UPDATE SET
            cursor = coalesce(excluded.cursor, pull_lists.cursor),
            full_at = CASE WHEN ?9 THEN NULL
                ELSE coalesce(excluded.full_at, pull_lists.full_at) END,
            read_at = coalesce(excluded.read_at, pull_lists.read_at),
            refused_at = CASE WHEN excluded.read_at IS NULL
                THEN coalesce(excluded.refused_at, pull_lists.refused_at) END,
            error = excluded.error,
            error_at = excluded.error_at";
    let values = [
        account_id.into(),
        list.into(),
        cursor.map(ToString::to_string).into(),
        full_at.into(),
        read_at.into(),
        refused_at.into(),
        error.into(),
        error.map(|_| began).into(),
        // A guard asks for another full walk, and so does the end of a refusal.
        Value::Bool(matches!(
            read,
            Read::Full { doubted: true, .. } | Read::Refused(_)
        )),
    ];
    transaction.execute(sql, &values).await.map(drop)
}

/// A record whose own list is to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parent {
    pub(crate) id: i64,
    /// What the record was when that was found out.
    pub(crate) version: String,
}

/// Keeps that the own lists of these records are to be read, unless that was done for this
/// version of them.
pub(crate) async fn want_children(
    transaction: &mut Transaction,
    account_id: i64,
    list: &str,
    parents: impl Iterator<Item = Parent>,
) -> Result<(), Failure> {
    let sql = "INSERT INTO pull_children (account_id, list, parent_id, version)
        VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (account_id, list, parent_id) DO UPDATE SET version = excluded.version";
    let row = |parent: Parent| {
        let Parent { id, version } = parent;
        vec![account_id.into(), list.into(), id.into(), version.into()]
    };
    let rows: Vec<Vec<Value>> = parents.map(row).collect();
    if rows.is_empty() {
        return Ok(());
    }
    transaction.execute_many(sql, rows).await.map(drop)
}

/// The records whose own lists are to be read.
pub(crate) async fn wanted_children(
    database: &Database,
    account_id: i64,
    list: &str,
) -> Result<Vec<Parent>, Failure> {
    let sql = "SELECT parent_id, version FROM pull_children
        WHERE account_id = ?1 AND list = ?2
        AND (read_version IS NULL OR read_version <> version)
        ORDER BY parent_id";
    let rows = database
        .query(sql, &[account_id.into(), list.into()])
        .await?;
    let parent = |row: &Row| {
        let (id, version) = (row.integer(0)?, row.text(1)?.to_owned());
        Some(Parent { id, version })
    };
    Ok(rows.iter().filter_map(parent).collect())
}

/// Keeps that the own list of a record was read, as long as the record is this version.
pub(crate) async fn have_children(
    transaction: &mut Transaction,
    account_id: i64,
    list: &str,
    parent: &Parent,
) -> Result<(), Failure> {
    let sql = "UPDATE pull_children SET read_version = ?4
        WHERE account_id = ?1 AND list = ?2 AND parent_id = ?3";
    let version = parent.version.as_str();
    let values = [
        account_id.into(),
        list.into(),
        parent.id.into(),
        version.into(),
    ];
    transaction.execute(sql, &values).await.map(drop)
}
