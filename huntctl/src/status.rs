//! `huntctl status`: how old what the store has is, what the last pulls came to, and what is due.

use jiff::Timestamp;

use crate::database::{Row, Value};
use crate::failure::Failure;
use crate::pull;
use crate::store::Store;

/// A row of what is shown: names of columns, and what is in them.
pub type StatusRow = Vec<(&'static str, Value)>;

/// What there is to know.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Status {
    /// Accounts: the last run of each, who has it, and when it is due.
    pub accounts: Vec<StatusRow>,
    /// Lists of each account: how old they are, and the last error.
    pub lists: Vec<StatusRow>,
}

const ACCOUNTS: [&str; 14] = [
    "account_id",
    "source",
    "last_run_began_at",
    "last_run_ended_at",
    "outcome",
    "requests",
    "waited_seconds",
    "rows_new",
    "rows_changed",
    "rows_gone",
    "errors",
    "due_at",
    "worker",
    "lease_until",
];

const LISTS: [&str; 7] = [
    "account_id",
    "list",
    "read_at",
    "full_at",
    "refused_at",
    "error",
    "error_at",
];

/// Reads the status. Ages are in whole seconds by the clock of the database; a list that was
/// never read to its end has none.
///
/// # Errors
///
/// Where the store cannot be had.
pub async fn read(store: &Store) -> Result<Status, Failure> {
    let database = store.database();
    pull::create(database).await?;
    let now = database.now().await?;
    let sql = "SELECT a.account_id, a.source, p.began_at, p.ended_at, p.outcome, p.requests,
            p.waited_seconds, p.rows_new, p.rows_changed, p.rows_gone, p.errors,
            a.due_at, a.worker, a.lease_until
        FROM pull_accounts a LEFT JOIN pulls p ON p.account_id = a.account_id AND p.run = a.run
        ORDER BY a.account_id";
    let accounts = database.query(sql, &[]).await?;
    let sql = "SELECT account_id, list, read_at, full_at, refused_at, error, error_at
        FROM pull_lists ORDER BY account_id, list";
    let lists = database.query(sql, &[]).await?;
    let account = |row: &Row| {
        let mut shown = named(&ACCOUNTS, row);
        shown.push(("age_seconds", age(row.time(3), now)));
        shown
    };
    let list = |row: &Row| {
        let mut shown = named(&LISTS, row);
        shown.push(("age_seconds", age(row.time(2), now)));
        shown.push(("full_age_seconds", age(row.time(3), now)));
        shown
    };
    Ok(Status {
        accounts: accounts.iter().map(account).collect(),
        lists: lists.iter().map(list).collect(),
    })
}

fn named(names: &[&'static str], row: &Row) -> StatusRow {
    // Moments are moments in both databases.
    let value = |(at, name): (usize, &&'static str)| {
        let value = row.values().get(at).cloned().unwrap_or(Value::Null);
        let value = match row.time(at) {
            Some(time) if name.ends_with("_at") || name.ends_with("_until") => time.into(),
            _ => value,
        };
        (*name, value)
    };
    names.iter().enumerate().map(value).collect()
}

fn age(since: Option<Timestamp>, now: Timestamp) -> Value {
    since
        .map(|since| now.duration_since(since).as_secs().max(0))
        .into()
}
