//! Who pulls an account: one worker at a time.
//!
//! A worker takes an account for a short time, by the clock of the database, and takes it
//! anew while it works. One that dies says nothing; its time ends, and another takes the
//! account. Each taking is a run with a number of its own. Every transaction of a run first
//! takes the time anew under that number, which also locks the row: one whose account was
//! given to another worker finds another number there, and writes nothing any more, however
//! long it was stopped in the meantime.
//!
//! An account is looked for by `SKIP LOCKED`: workers that look at the same moment find
//! different ones, and none waits for another.

use std::time::Duration;

use jiff::Timestamp;

use crate::database::{Database, Dialect, Transaction, Value};
use crate::failure::Failure;

/// An account that a worker has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lease {
    pub(crate) account_id: i64,
    pub(crate) source: String,
    /// It belongs to a reseller's key.
    pub(crate) managed: bool,
    /// The number of the run.
    pub(crate) run: i64,
    /// When it was taken.
    pub(crate) began: Timestamp,
}

/// Which accounts are looked for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Which {
    /// Those that are due.
    Due,
    /// Those that were not pulled since a moment.
    NotSince(Timestamp),
}

/// An account that another worker has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) account_id: i64,
    pub(crate) worker: String,
    pub(crate) until: Timestamp,
}

/// Takes an account of one of these sources; `None` where there is none that is wanted and
/// free.
pub(crate) async fn take(
    database: &Database,
    worker: &str,
    time: Duration,
    sources: &[&str],
    which: Which,
) -> Result<Option<Lease>, Failure> {
    if sources.is_empty() {
        return Ok(None);
    }
    let dialect = database.dialect();
    let mut transaction = database.begin().await?;
    let now = transaction.now().await?;
    let (wanted, before) = match which {
        Which::Due => ("due_at", now),
        Which::NotSince(moment) => ("ended_at", moment),
    };
    let lock = match dialect {
        Dialect::Sqlite => "",
        Dialect::Postgres => "FOR UPDATE SKIP LOCKED",
    };
    let sql = format!(
        "SELECT account_id, source, managed, run FROM pull_accounts
        WHERE (lease_until IS NULL OR lease_until <= ?1)
        AND ({wanted} IS NULL OR {wanted} <= ?2) AND source IN ({})
        ORDER BY coalesce({wanted}, ?3), managed, account_id LIMIT 1 {lock}",
        places(4, sources.len())
    );
    let mut values = vec![now.into(), before.into(), Timestamp::UNIX_EPOCH.into()];
    values.extend(padded(sources));
    let rows = transaction.query(&sql, &values).await?;
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    let lease = Lease {
        account_id: row.integer(0).unwrap_or_default(),
        source: row.text(1).unwrap_or_default().to_owned(),
        managed: row.bool(2).unwrap_or_default(),
        run: row.integer(3).unwrap_or_default() + 1,
        began: now,
    };
    let sql = "UPDATE pull_accounts SET worker = ?2, lease_until = ?3, run = ?4
        WHERE account_id = ?1";
    let account = Value::from(lease.account_id);
    let until = later(now, time).into();
    let values = [account.clone(), worker.into(), until, lease.run.into()];
    transaction.execute(sql, &values).await?;
    let sql = "UPDATE pulls SET outcome = 'died' WHERE account_id = ?1 AND ended_at IS NULL";
    transaction
        .execute(sql, std::slice::from_ref(&account))
        .await?;
    let sql = "INSERT INTO pulls (account_id, run, source, worker, began_at, outcome)
        VALUES (?1, ?2, ?3, ?4, ?5, 'running')";
    let source = lease.source.as_str().into();
    let values = [account, lease.run.into(), source, worker.into(), now.into()];
    transaction.execute(sql, &values).await?;
    transaction.commit().await?;
    Ok(Some(lease))
}

/// Takes the time anew, and locks the account for this transaction; returns the time, or
/// `None` where the account is another worker's.
pub(crate) async fn hold(
    transaction: &mut Transaction,
    lease: &Lease,
    time: Duration,
) -> Result<Option<Timestamp>, Failure> {
    let now = transaction.now().await?;
    let sql = "UPDATE pull_accounts SET lease_until = ?3 WHERE account_id = ?1 AND run = ?2";
    let until = later(now, time).into();
    let values = [lease.account_id.into(), lease.run.into(), until];
    let held = transaction.execute(sql, &values).await? == 1;
    Ok(held.then_some(now))
}

/// Gives the account back, in a transaction that holds it.
pub(crate) async fn give_back(
    transaction: &mut Transaction,
    lease: &Lease,
    ended: Timestamp,
    due: Option<Timestamp>,
) -> Result<(), Failure> {
    let sql = "UPDATE pull_accounts SET worker = NULL, lease_until = NULL, ended_at = ?3,
        due_at = coalesce(?4, due_at) WHERE account_id = ?1 AND run = ?2";
    let values = [
        lease.account_id.into(),
        lease.run.into(),
        ended.into(),
        due.into(),
    ];
    transaction.execute(sql, &values).await.map(drop)
}

/// The accounts that other workers have and that were not pulled since a moment.
pub(crate) async fn held_by_others(
    database: &Database,
    worker: &str,
    sources: &[&str],
    since: Timestamp,
) -> Result<Vec<Held>, Failure> {
    if sources.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT account_id, worker, lease_until FROM pull_accounts
        WHERE worker IS NOT NULL AND worker <> ?1 AND lease_until IS NOT NULL
        AND (ended_at IS NULL OR ended_at <= ?2) AND source IN ({})",
        places(3, sources.len())
    );
    let mut values = vec![worker.into(), since.into()];
    values.extend(padded(sources));
    let rows = database.query(&sql, &values).await?;
    let held = rows.iter().filter_map(|row| {
        Some(Held {
            account_id: row.integer(0)?,
            worker: row.text(1)?.to_owned(),
            until: row.time(2)?,
        })
    });
    Ok(held.collect())
}

/// Ends all leases: nobody else can have one, since this process has the lock of the file.
pub(crate) async fn end_all(database: &Database) -> Result<(), Failure> {
    let sql = "UPDATE pull_accounts SET worker = NULL, lease_until = NULL
        WHERE lease_until IS NOT NULL";
    database.execute(sql, &[]).await.map(drop)
}

/// When the next account of these sources is due; `None` where none is known.
pub(crate) async fn next_due(
    database: &Database,
    sources: &[&str],
) -> Result<Option<Timestamp>, Failure> {
    if sources.is_empty() {
        return Ok(None);
    }
    let sql = format!(
        "SELECT min(due_at) FROM pull_accounts WHERE lease_until IS NULL AND source IN ({})",
        places(1, sources.len())
    );
    let rows = database.query(&sql, &padded(sources)).await?;
    Ok(rows.first().and_then(|row| row.time(0)))
}

/// `?4, ?5, …`, and [`padded`] the values: their number is a power of two, so that there are
/// few different statements to prepare.
fn places(first: usize, count: usize) -> String {
    let places = (first..).take(count.next_power_of_two());
    let places: Vec<_> = places.map(|place| format!("?{place}")).collect();
    places.join(", ")
}

fn padded(sources: &[&str]) -> Vec<Value> {
    let count = sources.len().next_power_of_two();
    let values = sources.iter().map(|source| Value::from(*source));
    let last = sources
        .last()
        .map_or(Value::Null, |last| Value::from(*last));
    values.chain(std::iter::repeat(last)).take(count).collect()
}

fn later(now: Timestamp, time: Duration) -> Timestamp {
    now.checked_add(time).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_padded_to_a_power_of_two() {
        assert_eq!(places(4, 3), "?4, ?5, ?6, ?7");
        let values = padded(&["a", "b", "c"]);
        assert_eq!(values, ["a", "b", "c", "c"].map(Value::from));
        assert_eq!(places(1, 1), "?1");
    }
}
