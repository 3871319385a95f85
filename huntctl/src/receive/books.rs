//! What is kept of deliveries, in three tables:
//!
//! - `deliveries` has the id of each, the digest of its body, and what became of it;
//! - `delivered_events` has the events as they came;
//! - `delivery_fetches` has the records that are to be fetched, one row for each, however many
//!   events tell of it.
//!
//! **No event is lost or worked twice.** A delivery, its event, and the wish to fetch its
//! record are one transaction. A record is fetched by the worker that has it, for a short time
//! that is renewed, by the clock of the database, under the number of the run: one that was
//! stopped for too long finds another number there and writes nothing. Each event that comes
//! meanwhile raises `wanted`, and then the record is fetched once more.

use std::time::Duration;

use jiff::Timestamp;

use super::event::{About, Kind, Subject};
use crate::database::{Database, Dialect, Row, Transaction, Value};
use crate::failure::{Exit, Failure};

/// The tables; the names of types are those that both databases know.
const TABLES: [&str; 8] = [
    "CREATE TABLE IF NOT EXISTS deliveries (
        id TEXT PRIMARY KEY,
        body_digest TEXT NOT NULL,
        event_type TEXT NOT NULL,
        account_id BIGINT,
        list TEXT,
        record_id BIGINT,
        received_at TIMESTAMPTZ NOT NULL,
        done_at TIMESTAMPTZ,
        outcome TEXT)",
    "CREATE INDEX IF NOT EXISTS deliveries_received_at ON deliveries (received_at)",
    "CREATE INDEX IF NOT EXISTS deliveries_waiting
        ON deliveries (list, account_id, record_id) WHERE done_at IS NULL",
    "CREATE TABLE IF NOT EXISTS delivered_events (
        delivery_id TEXT PRIMARY KEY,
        event_type TEXT NOT NULL,
        account_id BIGINT,
        list TEXT,
        record_id BIGINT,
        sent_at TIMESTAMPTZ NOT NULL,
        received_at TIMESTAMPTZ NOT NULL,
        body TEXT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS delivered_events_received_at ON delivered_events (received_at)",
    "CREATE INDEX IF NOT EXISTS delivered_events_record ON delivered_events (list, record_id)",
    "CREATE TABLE IF NOT EXISTS delivery_fetches (
        account_id BIGINT NOT NULL,
        list TEXT NOT NULL,
        record_id BIGINT NOT NULL,
        wanted BIGINT NOT NULL,
        due_at TIMESTAMPTZ NOT NULL,
        attempts BIGINT NOT NULL,
        error TEXT,
        worker TEXT,
        lease_until TIMESTAMPTZ,
        run BIGINT NOT NULL,
        PRIMARY KEY (account_id, list, record_id))",
    "CREATE INDEX IF NOT EXISTS delivery_fetches_due_at ON delivery_fetches (due_at)",
];

/// The account of an event that names none.
const NOT_NAMED: i64 = 0;
/// How many rows are removed in one transaction.
const STEP: i64 = 500;
/// What identifies a record: the first three parameters.
const KEY: &str = "account_id = ?1 AND list = ?2 AND record_id = ?3";

/// A delivery as it is kept.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    pub(crate) id: String,
    /// SHA-256 of the body, in hexadecimal.
    pub(crate) digest: String,
    pub(crate) event_type: String,
    pub(crate) about: About,
    pub(crate) sent_at: Timestamp,
    pub(crate) body: String,
}

/// What became of a delivery that was to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    New,
    /// It is kept already.
    Repeated,
    /// Another one is kept under its id.
    Conflict,
}

/// A record that this worker fetches.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) subject: Subject,
    /// How many events had told of it when it was taken.
    wanted: i64,
    /// How often it could not be fetched.
    pub(crate) attempts: i64,
    run: i64,
    /// When it was taken, by the clock of the database.
    pub(crate) began: Timestamp,
}

/// A delivery of which everything is done.
#[derive(Clone, Debug)]
pub(crate) struct Done {
    pub(crate) id: String,
    pub(crate) event_type: String,
    pub(crate) received_at: Timestamp,
}

/// Makes the tables that are not there.
pub(crate) async fn create(database: &Database) -> Result<(), Failure> {
    database.make_tables(&TABLES).await
}

/// [`Dialect::now`] after some time; PostgreSQL must be told of what type the parameter is.
fn later(dialect: Dialect, seconds: &str) -> String {
    match dialect {
        Dialect::Sqlite => {
            format!("strftime('%Y-%m-%dT%H:%M:%fZ', 'now', {seconds} || ' seconds')")
        }
        Dialect::Postgres => format!(
            "date_trunc('milliseconds', clock_timestamp() + {seconds}::float8 * interval '1 second')"
        ),
    }
}

/// Keeps a delivery, and what is to be done about it, in one transaction.
pub(crate) async fn keep(database: &Database, arrival: &Arrival) -> Result<Kept, Failure> {
    let now = database.dialect().now();
    let of_nothing = arrival.about.subject.is_none();
    let (done_at, outcome) = match of_nothing {
        true => (now, Value::from(super::Outcome::Event.as_str())),
        false => ("NULL", Value::Null),
    };
    let about = columns(arrival.about);
    let mut transaction = database.begin().await?;
    let sql = format!(
        "INSERT INTO deliveries (id, body_digest, event_type, account_id, list, record_id,
            received_at, done_at, outcome)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, {now}, {done_at}, ?7) ON CONFLICT (id) DO NOTHING"
    );
    let [account, list, record] = about.clone();
    let [id, digest, event_type] =
        [&arrival.id, &arrival.digest, &arrival.event_type].map(|text| Value::from(text.as_str()));
    let values = [
        id.clone(),
        digest,
        event_type.clone(),
        account,
        list,
        record,
        outcome,
    ];
    if transaction.execute(&sql, &values).await? == 0 {
        return known(transaction, arrival).await;
    }
    // One that was sent again by hand long afterwards may be there still.
    let sql = format!(
        "INSERT INTO delivered_events (delivery_id, event_type, account_id, list, record_id,
            sent_at, received_at, body)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, {now}, ?7) ON CONFLICT (delivery_id) DO NOTHING"
    );
    let [account, list, record] = about;
    let body = arrival.body.as_str().into();
    let sent_at = arrival.sent_at.into();
    let values = [id, event_type, account, list, record, sent_at, body];
    transaction.execute(&sql, &values).await?;
    if let Some(subject) = arrival.about.subject {
        let sql = format!(
            "INSERT INTO delivery_fetches (account_id, list, record_id, wanted, due_at, attempts,
                run)
            VALUES (?1, ?2, ?3, 1, {now}, 0, 0)
            ON CONFLICT (account_id, list, record_id)
            DO UPDATE SET wanted = delivery_fetches.wanted + 1"
        );
        transaction.execute(&sql, &key(subject)).await?;
    }
    transaction.commit().await?;
    Ok(Kept::New)
}

/// Compares a delivery with the one that is kept under its id.
async fn known(mut transaction: Transaction, arrival: &Arrival) -> Result<Kept, Failure> {
    let sql = "SELECT body_digest FROM deliveries WHERE id = ?1";
    let rows = transaction
        .query(sql, &[arrival.id.as_str().into()])
        .await?;
    match rows.first().and_then(|row| row.text(0)) {
        Some(digest) if digest == arrival.digest => Ok(Kept::Repeated),
        Some(_) => Ok(Kept::Conflict),
        // It was pruned just now; the next attempt is as a new one.
        None => Err(Failure::new(Exit::Unavailable, "the delivery is gone")),
    }
}

fn key(subject: Subject) -> [Value; 3] {
    [
        subject.account_id.unwrap_or(NOT_NAMED).into(),
        subject.kind.table.into(),
        subject.id.into(),
    ]
}

/// Account, table and record of an event, as far as it has them.
fn columns(about: About) -> [Value; 3] {
    let account_id = about.account_id.into();
    about
        .subject
        .map_or([account_id, Value::Null, Value::Null], key)
}

/// Takes a record that is due and that nobody has; `None` where there is none.
pub(crate) async fn take(
    database: &Database,
    worker: &str,
    lease: Duration,
) -> Result<Option<Job>, Failure> {
    let dialect = database.dialect();
    let now = dialect.now();
    let lock = match dialect {
        Dialect::Sqlite => "",
        Dialect::Postgres => "FOR UPDATE SKIP LOCKED",
    };
    let mut transaction = database.begin().await?;
    let sql = format!(
        "SELECT account_id, list, record_id, wanted, attempts, run FROM delivery_fetches
        WHERE due_at <= {now} AND (lease_until IS NULL OR lease_until <= {now})
        AND list IN ({}) ORDER BY due_at LIMIT 1 {lock}",
        Kind::tables()
    );
    let rows = transaction.query(&sql, &[]).await?;
    let Some((subject, row)) = rows.first().and_then(|row| Some((subject_of(row)?, row))) else {
        return Ok(None);
    };
    let number = |column| row.integer(column).unwrap_or_default();
    let began = transaction.now().await?;
    let job = Job {
        subject,
        wanted: number(3),
        attempts: number(4),
        run: number(5) + 1,
        began,
    };
    let sql = format!(
        "UPDATE delivery_fetches SET worker = ?4, lease_until = {}, run = ?6 WHERE {KEY}",
        later(dialect, "?5")
    );
    let [account, list, record] = key(subject);
    let lease = lease.as_secs_f64().into();
    let values = [account, list, record, worker.into(), lease, job.run.into()];
    transaction.execute(&sql, &values).await?;
    transaction.commit().await?;
    Ok(Some(job))
}

fn subject_of(row: &Row) -> Option<Subject> {
    Some(Subject {
        kind: Kind::of_table(row.text(1)?)?,
        account_id: row.integer(0).filter(|id| *id != NOT_NAMED),
        id: row.integer(2)?,
    })
}

/// How long it is until something is due; `None` where nothing waits. What a newer release has
/// left is none of ours.
pub(crate) async fn next_due(database: &Database) -> Result<Option<Duration>, Failure> {
    let sql = format!(
        "SELECT min(CASE WHEN lease_until IS NULL OR lease_until < due_at
            THEN due_at ELSE lease_until END), {} FROM delivery_fetches WHERE list IN ({})",
        database.dialect().now(),
        Kind::tables()
    );
    let rows = database.query(&sql, &[]).await?;
    let row = rows.first();
    let due = row.and_then(|row| row.time(0));
    let now = row.and_then(|row| row.time(1));
    let (Some(due), Some(now)) = (due, now) else {
        return Ok(None);
    };
    Ok(Some(
        Duration::try_from(due.duration_since(now)).unwrap_or_default(),
    ))
}

/// Keeps the record for some time more, and locks it for this transaction. Returns how many
/// events tell of it now, or `None` where another worker has it.
pub(crate) async fn hold(
    transaction: &mut Transaction,
    dialect: Dialect,
    job: &Job,
    lease: Duration,
) -> Result<Option<i64>, Failure> {
    let sql = format!(
        "UPDATE delivery_fetches SET lease_until = {} WHERE {KEY} AND run = ?4 RETURNING wanted",
        later(dialect, "?5")
    );
    let [account, list, record] = key(job.subject);
    let lease = lease.as_secs_f64().into();
    let values = [account, list, record, job.run.into(), lease];
    let rows = transaction.query(&sql, &values).await?;
    Ok(rows.first().and_then(|row| row.integer(0)))
}

/// Ends the deliveries that the fetched record is newer than, in a transaction that holds it.
pub(crate) async fn end(
    transaction: &mut Transaction,
    dialect: Dialect,
    job: &Job,
    wanted: i64,
    outcome: super::Outcome,
) -> Result<Vec<Done>, Failure> {
    // What has come since may tell of something later.
    let all = wanted == job.wanted;
    let before = if all { "" } else { "AND received_at <= ?5" };
    let now = dialect.now();
    let sql = format!(
        "UPDATE deliveries SET done_at = {now}, outcome = ?4
        WHERE {KEY} AND done_at IS NULL {before} RETURNING id, event_type, received_at"
    );
    let [account, list, record] = key(job.subject);
    let mut values = vec![account, list, record, outcome.as_str().into()];
    if !all {
        values.push(job.began.into());
    }
    let rows = transaction.query(&sql, &values).await?;
    let sql = match all {
        true => format!("DELETE FROM delivery_fetches WHERE {KEY}"),
        false => format!(
            "UPDATE delivery_fetches SET worker = NULL, lease_until = NULL, attempts = 0,
                error = NULL, due_at = {now} WHERE {KEY}"
        ),
    };
    transaction.execute(&sql, &key(job.subject)).await?;
    let done = |row: &Row| {
        Some(Done {
            id: row.text(0)?.to_owned(),
            event_type: row.text(1)?.to_owned(),
            received_at: row.time(2)?,
        })
    };
    let mut done: Vec<_> = rows.iter().filter_map(done).collect();
    done.sort_by_key(|one| one.received_at);
    Ok(done)
}

/// Lets the record be fetched again after some time.
pub(crate) async fn put_off(
    database: &Database,
    job: &Job,
    error: &str,
    wait: Duration,
) -> Result<(), Failure> {
    let sql = format!(
        "UPDATE delivery_fetches SET worker = NULL, lease_until = NULL, attempts = attempts + 1,
            error = ?5, due_at = {} WHERE {KEY} AND run = ?4",
        later(database.dialect(), "?6")
    );
    let [account, list, record] = key(job.subject);
    let wait = wait.as_secs_f64().into();
    let values = [account, list, record, job.run.into(), error.into(), wait];
    database.execute(&sql, &values).await.map(drop)
}

/// Gives the record back as it was taken.
pub(crate) async fn give_back(database: &Database, job: &Job) -> Result<(), Failure> {
    let sql = format!(
        "UPDATE delivery_fetches SET worker = NULL, lease_until = NULL WHERE {KEY} AND run = ?4"
    );
    let [account, list, record] = key(job.subject);
    let values = [account, list, record, job.run.into()];
    database.execute(&sql, &values).await.map(drop)
}

/// When the first event came that waits for the record of a job.
pub(crate) async fn first_event(
    database: &Database,
    job: &Job,
) -> Result<Option<Timestamp>, Failure> {
    let sql = format!("SELECT min(received_at) FROM deliveries WHERE {KEY} AND done_at IS NULL");
    let rows = database.query(&sql, &key(job.subject)).await?;
    Ok(rows.first().and_then(|row| row.time(0)))
}

/// How many deliveries wait for their record, and how long the oldest has.
pub(crate) async fn waiting(database: &Database) -> Result<(i64, Duration), Failure> {
    let sql = format!(
        "SELECT count(*), min(received_at), {} FROM deliveries WHERE done_at IS NULL",
        database.dialect().now()
    );
    let rows = database.query(&sql, &[]).await?;
    let row = rows.first();
    let count = row.and_then(|row| row.integer(0)).unwrap_or_default();
    let oldest = row.and_then(|row| row.time(1));
    let age = match (oldest, row.and_then(|row| row.time(2))) {
        (Some(oldest), Some(now)) => now.duration_since(oldest),
        _ => jiff::SignedDuration::ZERO,
    };
    Ok((count, Duration::try_from(age).unwrap_or_default()))
}

/// Removes what was kept for long enough: some of it, and whether there may be more.
pub(crate) async fn prune(
    database: &Database,
    ids: Duration,
    events: Duration,
) -> Result<bool, Failure> {
    let dialect = database.dialect();
    let lock = match dialect {
        Dialect::Sqlite => "",
        Dialect::Postgres => "FOR UPDATE SKIP LOCKED",
    };
    let mut more = false;
    for (table, id, kept, only) in [
        ("deliveries", "id", ids, "AND done_at IS NOT NULL"),
        ("delivered_events", "delivery_id", events, ""),
    ] {
        let sql = format!(
            "DELETE FROM {table} WHERE {id} IN (SELECT {id} FROM {table}
            WHERE received_at < {} {only} ORDER BY received_at LIMIT {STEP} {lock})",
            later(dialect, "?1")
        );
        let ago = -kept.as_secs_f64();
        let removed = database.execute(&sql, &[ago.into()]).await?;
        more |= i64::try_from(removed).is_ok_and(|removed| removed == STEP);
    }
    Ok(more)
}
