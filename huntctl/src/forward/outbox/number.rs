//! Gives numbers to what has changed. Why nothing is lost by that is said in `outbox.rs`.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use serde_json::Value as Json;

use super::{integers, list};
use crate::database::{Dialect, Row, Transaction, Value};
use crate::failure::{Exit, Failure};
use crate::forward::{AccountRef, Kind, Told};
use crate::store::Store;

/// Records of a transaction.
const PAGE: usize = 500;

/// Numbers all that has changed of these kinds, and, for a kind that nobody asked for before, all
/// that is there. Returns how many numbers were given.
pub(in crate::forward) async fn all(store: &Store, kinds: &[Kind]) -> Result<u64, Failure> {
    let mut numbers = 0;
    for &kind in kinds {
        while let Some(page) = before(store, kind).await? {
            numbers += page;
        }
        while waits(store, kind).await? {
            let (taken, given) = noted(store, kind).await?;
            numbers += given;
            // What is left is in the hands of writers.
            if taken == 0 {
                break;
            }
        }
    }
    Ok(numbers)
}

/// Whether there is a note; does not wait for anybody.
async fn waits(store: &Store, kind: Kind) -> Result<bool, Failure> {
    let sql = "SELECT 1 FROM store_changes WHERE table_name = ?1 LIMIT 1";
    let rows = store.database().query(sql, &[kind.list().into()]).await?;
    Ok(!rows.is_empty())
}

/// Begins a transaction that gives numbers, and returns the last one. Nobody else gives any
/// before it has ended.
async fn begin(store: &Store) -> Result<(Transaction, i64), Failure> {
    let mut tx = store.database().begin().await?;
    // It locks the row; the value is read again afterwards, as others have left it.
    let sql = "UPDATE forward_numbers SET last = last WHERE one = 1";
    tx.execute(sql, &[]).await?;
    let last = last(&tx.query(LAST, &[]).await?)?;
    Ok((tx, last))
}

const LAST: &str = "SELECT last FROM forward_numbers WHERE one = 1";

fn last(rows: &[Row]) -> Result<i64, Failure> {
    let last = rows.first().and_then(|row| row.integer(0));
    last.ok_or_else(|| Failure::new(Exit::Failed, "the outbox has lost its numbers"))
}

/// The last number; all up to it are visible from now on.
pub(in crate::forward) async fn last_number(store: &Store) -> Result<i64, Failure> {
    let (tx, last) = begin(store).await?;
    tx.commit().await?;
    Ok(last)
}

/// Numbers a page of the records that were there before anybody asked for their kind; none
/// where that is done.
async fn before(store: &Store, kind: Kind) -> Result<Option<u64>, Failure> {
    let sql = "SELECT done, after_account, after_id FROM forward_kinds WHERE kind = ?1";
    let known = store.database().query(sql, &[kind.name().into()]).await?;
    if known.first().and_then(|row| row.bool(0)) == Some(true) {
        return Ok(None);
    }
    let now = store.database().now().await?;
    let (mut tx, last) = begin(store).await?;
    let known = tx.query(sql, &[kind.name().into()]).await?;
    let known = known.first();
    if known.and_then(|row| row.bool(0)) == Some(true) {
        return Ok(None);
    }
    let after = [1, 2].map(|column| {
        let after = known.and_then(|row| row.integer(column));
        Value::from(after.unwrap_or(i64::MIN))
    });
    let page = format!(
        "SELECT account_id, id, record, changed_at FROM {} \
         WHERE (account_id, id) > (?1, ?2) ORDER BY account_id, id LIMIT {PAGE}",
        kind.list()
    );
    let rows = tx.query(&page, &after).await?;
    let found: Vec<Found> = rows.iter().filter_map(Found::of).collect();
    let after = found.last().map(|found| (found.account_id, found.id));
    let (after_account, after_id) = after.unwrap_or((i64::MAX, i64::MAX));
    let given = give(&mut tx, store.database().dialect(), kind, found, last, now).await?;
    let sql = "INSERT INTO forward_kinds (kind, after_account, after_id, done)
        VALUES (?1, ?2, ?3, ?4) ON CONFLICT (kind) DO UPDATE SET
        after_account = excluded.after_account, after_id = excluded.after_id, done = excluded.done";
    let values = [
        kind.name().into(),
        after_account.into(),
        after_id.into(),
        Value::Bool(rows.len() < PAGE),
    ];
    tx.execute(sql, &values).await?;
    tx.commit().await?;
    Ok(Some(given))
}

/// Takes a page of notes away and numbers what they are about; returns how many were taken, and
/// how many numbers were given.
async fn noted(store: &Store, kind: Kind) -> Result<(usize, u64), Failure> {
    let dialect = store.database().dialect();
    let now = store.database().now().await?;
    let (mut tx, last) = begin(store).await?;
    let skip = match dialect {
        Dialect::Sqlite => "",
        Dialect::Postgres => "FOR UPDATE SKIP LOCKED",
    };
    let sql = format!(
        "WITH taken AS MATERIALIZED (
            SELECT account_id, id FROM store_changes WHERE table_name = ?1
            ORDER BY account_id, id LIMIT {PAGE} {skip})
        DELETE FROM store_changes WHERE table_name = ?1
            AND (account_id, id) IN (SELECT account_id, id FROM taken)
        RETURNING account_id, id"
    );
    let taken = tx.query(&sql, &[kind.list().into()]).await?;
    let mut ids: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for row in &taken {
        if let (Some(account_id), Some(id)) = (row.integer(0), row.integer(1)) {
            ids.entry(account_id).or_default().push(id);
        }
    }
    // A statement of its own, after the notes are taken: see `outbox.rs`.
    let sql = format!(
        "SELECT account_id, id, record, changed_at FROM {} WHERE account_id = ?1 AND id IN ({})",
        kind.list(),
        integers(dialect, 2)
    );
    let mut found = Vec::new();
    for (account_id, ids) in ids {
        let values = [account_id.into(), list(ids.into_iter())];
        let rows = tx.query(&sql, &values).await?;
        found.extend(rows.iter().filter_map(Found::of));
    }
    let given = give(&mut tx, dialect, kind, found, last, now).await?;
    tx.commit().await?;
    Ok((taken.len(), given))
}

/// A record as it is now.
struct Found {
    account_id: i64,
    id: i64,
    record: Json,
    changed_at: Timestamp,
}

impl Found {
    fn of(row: &Row) -> Option<Self> {
        Some(Self {
            account_id: row.integer(0)?,
            id: row.integer(1)?,
            // One that cannot be read is told as what it is: nothing.
            record: serde_json::from_str(row.text(2)?).unwrap_or(Json::Null),
            changed_at: row.time(3)?,
        })
    }

    fn told(&self, kind: Kind) -> Told<'_> {
        let account = AccountRef {
            id: self.account_id,
            name: None,
            subdomain: None,
        };
        Told::new(kind, self.id, &self.record, account, self.changed_at)
    }
}

/// Gives numbers after the last to those of these records whose state is worth telling.
async fn give(
    tx: &mut Transaction,
    dialect: Dialect,
    kind: Kind,
    found: Vec<Found>,
    last: i64,
    now: Timestamp,
) -> Result<u64, Failure> {
    let known = known(tx, dialect, kind, &found).await?;
    let mut news = Vec::new();
    for found in found {
        let key = (found.account_id, found.id);
        let told = found.told(kind);
        let worth = told.worth();
        let before = known.get(&key);
        if before.is_none_or(|(_, before)| *before != worth) {
            let first = before.map(|(first, _)| *first);
            news.push((
                told.time(),
                key,
                first,
                worth,
                told.stable_id(),
                found.changed_at,
            ));
        }
    }
    // As people would read them.
    news.sort_by_key(|news| (news.0, news.1));
    let rows: Vec<Vec<Value>> = (news.into_iter().zip(last + 1..))
        .map(|((_, key, first, worth, event_id, changed_at), number)| {
            vec![
                kind.name().into(),
                key.0.into(),
                key.1.into(),
                number.into(),
                first.unwrap_or(number).into(),
                worth.into(),
                event_id.into(),
                changed_at.into(),
                now.into(),
            ]
        })
        .collect();
    let given = rows.len() as u64;
    if given == 0 {
        return Ok(0);
    }
    let next = rows.last().and_then(|row| row.get(3).cloned());
    tx.execute_rows(&write(dialect), rows).await?;
    let sql = "UPDATE forward_numbers SET last = ?1 WHERE one = 1";
    tx.execute(sql, &[next.unwrap_or(Value::Null)]).await?;
    Ok(given)
}

/// What was numbered of these records: the first number, and the state.
async fn known(
    tx: &mut Transaction,
    dialect: Dialect,
    kind: Kind,
    found: &[Found],
) -> Result<HashMap<(i64, i64), (i64, String)>, Failure> {
    let mut ids: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for found in found {
        ids.entry(found.account_id).or_default().push(found.id);
    }
    let sql = format!(
        "SELECT id, first_number, worth FROM forward_records
        WHERE kind = ?1 AND account_id = ?2 AND id IN ({})",
        integers(dialect, 3)
    );
    let mut known = HashMap::new();
    for (account_id, ids) in ids {
        let values = [kind.name().into(), account_id.into(), list(ids.into_iter())];
        for row in tx.query(&sql, &values).await? {
            if let (Some(id), Some(first), Some(worth)) =
                (row.integer(0), row.integer(1), row.text(2))
            {
                known.insert((account_id, id), (first, worth.to_owned()));
            }
        }
    }
    Ok(known)
}

fn write(dialect: Dialect) -> String {
    let columns = [
        ("kind", "text"),
        ("account_id", "bigint"),
        ("id", "bigint"),
        ("number", "bigint"),
        ("first_number", "bigint"),
        ("worth", "text"),
        ("event_id", "text"),
        ("seen_at", "timestamptz"),
        ("numbered_at", "timestamptz"),
    ];
    let columns = columns.map(|(name, kind)| (name.to_owned(), kind));
    let insert = crate::store::insert(dialect, "forward_records", &columns);
    format!(
        "{insert} ON CONFLICT (kind, account_id, id) DO UPDATE SET number = excluded.number,
        worth = excluded.worth, event_id = excluded.event_id, seen_at = excluded.seen_at,
        numbered_at = excluded.numbered_at"
    )
}
