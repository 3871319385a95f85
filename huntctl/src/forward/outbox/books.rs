//! Who sends to a sink, how far it is, and what it has refused.
//!
//! One sender at a time has a sink: it takes it for a short time by the clock of the database,
//! and takes that anew while it sends. Each taking has a number. Whatever a sender writes about
//! a sink, it writes in a transaction that first checks this number and locks the row: one whose
//! sink was given to another in the meantime, since it was stopped for long, moves no position.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::read::Position;
use crate::database::{Dialect, Row, Transaction, Value};
use crate::failure::Failure;
use crate::forward::{Kind, Start};
use crate::store::Store;
use crate::transport::{Event, Severity};

/// A sink that a sender has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::forward) struct Lease {
    pub(in crate::forward) sink: String,
    run: i64,
    time: Duration,
    /// Events that were refused one after the other, and none taken between them.
    pub(in crate::forward) refused_in_a_row: u64,
}

/// Who has it instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::forward) struct Held {
    pub(in crate::forward) worker: String,
    pub(in crate::forward) until: Timestamp,
}

/// What became of a batch, as it is kept.
#[derive(Debug, Default)]
pub(in crate::forward) struct Settled<'a> {
    /// The kind and its new position, and whether nothing comes after it.
    pub(in crate::forward) moved: Option<(Kind, i64, bool)>,
    /// Checkpoint of a log: the source, the query, the text, and up to when it is complete.
    pub(in crate::forward) log: Option<(&'a str, &'a str, String, Timestamp)>,
    pub(in crate::forward) sent: u64,
    pub(in crate::forward) refused: Vec<Refused<'a>>,
    pub(in crate::forward) refused_in_a_row: u64,
    /// Why the rest was not delivered.
    pub(in crate::forward) error: Option<&'a str>,
}

/// An event that the sink refuses for good.
#[derive(Clone, Copy, Debug)]
pub(in crate::forward) struct Refused<'a> {
    pub(in crate::forward) event: &'a Event,
    /// The account and the id of the record; none of a line of a log.
    pub(in crate::forward) record: Option<(i64, i64)>,
    pub(in crate::forward) answer: &'a str,
}

fn later(now: Timestamp, time: Duration) -> Timestamp {
    now.checked_add(time).unwrap_or(Timestamp::MAX)
}

/// Takes a sink; says who has it where somebody has.
pub(in crate::forward) async fn take(
    store: &Store,
    sink: &str,
    worker: &str,
    time: Duration,
) -> Result<Result<Lease, Held>, Failure> {
    let database = store.database();
    let now = database.now().await?;
    let mut tx = database.begin().await?;
    let sql = "INSERT INTO forward_sinks (name, run, sent, failures, refused_in_a_row)
        VALUES (?1, 0, 0, 0, 0) ON CONFLICT (name) DO NOTHING";
    tx.execute(sql, &[sink.into()]).await?;
    let lock = match database.dialect() {
        Dialect::Sqlite => "",
        Dialect::Postgres => "FOR UPDATE",
    };
    let sql = format!(
        "SELECT run, refused_in_a_row, worker, lease_until FROM forward_sinks
        WHERE name = ?1 {lock}"
    );
    let rows = tx.query(&sql, &[sink.into()]).await?;
    let number = |column| rows.first().and_then(|row| row.integer(column));
    let until = rows.first().and_then(|row| row.time(3));
    if let Some(until) = until.filter(|until| *until > now) {
        let worker = rows.first().and_then(|row| row.text(2));
        let worker = worker.unwrap_or_default().to_owned();
        return Ok(Err(Held { worker, until }));
    }
    let run = number(0).unwrap_or_default() + 1;
    let sql = "UPDATE forward_sinks SET run = ?2, worker = ?3, lease_until = ?4 WHERE name = ?1";
    let values = [
        sink.into(),
        run.into(),
        worker.into(),
        later(now, time).into(),
    ];
    tx.execute(sql, &values).await?;
    tx.commit().await?;
    Ok(Ok(Lease {
        sink: sink.to_owned(),
        run,
        time,
        refused_in_a_row: unsigned(number(1)),
    }))
}

fn unsigned(number: Option<i64>) -> u64 {
    number.and_then(|it| it.try_into().ok()).unwrap_or(0)
}

fn signed(number: u64) -> Value {
    i64::try_from(number).unwrap_or(i64::MAX).into()
}

impl Lease {
    /// Takes the time anew within a transaction, which also locks the sink; returns whether it
    /// is still this sender's.
    async fn hold(&self, tx: &mut Transaction, now: Timestamp) -> Result<bool, Failure> {
        let sql = "UPDATE forward_sinks SET lease_until = ?3 WHERE name = ?1 AND run = ?2";
        let values = [
            self.sink.as_str().into(),
            self.run.into(),
            later(now, self.time).into(),
        ];
        Ok(tx.execute(sql, &values).await? == 1)
    }

    /// How long to wait until it is to be taken anew.
    pub(in crate::forward) fn third(&self) -> Duration {
        self.time / 3
    }

    /// Takes the time anew; returns whether it is still this sender's.
    pub(in crate::forward) async fn renew(&self, store: &Store) -> Result<bool, Failure> {
        let now = store.database().now().await?;
        let mut tx = store.database().begin().await?;
        let held = self.hold(&mut tx, now).await?;
        tx.commit().await?;
        Ok(held)
    }

    /// Gives it back.
    pub(in crate::forward) async fn give_back(&self, store: &Store) -> Result<(), Failure> {
        let sql = "UPDATE forward_sinks SET worker = NULL, lease_until = NULL
            WHERE name = ?1 AND run = ?2";
        let values = [self.sink.as_str().into(), self.run.into()];
        store.database().execute(sql, &values).await.map(drop)
    }

    /// Keeps what became of a batch; returns whether the sink is still this sender's, and
    /// nothing is kept where it is not.
    pub(in crate::forward) async fn settle(
        &mut self,
        store: &Store,
        settled: Settled<'_>,
    ) -> Result<bool, Failure> {
        let now = store.database().now().await?;
        let mut tx = store.database().begin().await?;
        if !self.hold(&mut tx, now).await? {
            return Ok(false);
        }
        let sink = self.sink.as_str();
        if let Some((kind, position, caught_up)) = settled.moved {
            let sql = "UPDATE forward_positions SET position = ?3,
                caught_up = CASE WHEN ?4 THEN ?3 ELSE caught_up END
                WHERE sink = ?1 AND kind = ?2 AND position <= ?3";
            let values = [
                sink.into(),
                kind.name().into(),
                position.into(),
                Value::Bool(caught_up),
            ];
            tx.execute(sql, &values).await?;
        }
        if let Some((source, query, checkpoint, until)) = settled.log {
            keep_checkpoint(&mut tx, sink, source, query, checkpoint, until).await?;
        }
        for refused in &settled.refused {
            keep_refused(&mut tx, sink, refused, now).await?;
        }
        let sql = "UPDATE forward_sinks SET sent = sent + ?3,
            sent_at = CASE WHEN ?3 > 0 THEN ?4 ELSE sent_at END,
            failures = CASE WHEN ?5 THEN failures + 1 ELSE 0 END,
            error = ?6, error_at = CASE WHEN ?5 THEN ?4 END,
            refused_in_a_row = ?7 WHERE name = ?1 AND run = ?2";
        let values = [
            sink.into(),
            self.run.into(),
            signed(settled.sent),
            now.into(),
            Value::Bool(settled.error.is_some()),
            settled.error.into(),
            signed(settled.refused_in_a_row),
        ];
        tx.execute(sql, &values).await?;
        tx.commit().await?;
        self.refused_in_a_row = settled.refused_in_a_row;
        Ok(true)
    }
}

async fn keep_checkpoint(
    tx: &mut Transaction,
    sink: &str,
    source: &str,
    query: &str,
    checkpoint: String,
    until: Timestamp,
) -> Result<(), Failure> {
    let sql = "INSERT INTO forward_logs (sink, source, query, checkpoint, complete_until)
        VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (sink, source) DO UPDATE SET
        query = excluded.query, checkpoint = excluded.checkpoint,
        complete_until = excluded.complete_until";
    let values = [
        sink.into(),
        source.into(),
        query.into(),
        checkpoint.into(),
        until.into(),
    ];
    tx.execute(sql, &values).await.map(drop)
}

/// The checkpoint of a log, where it is of this query.
pub(in crate::forward) async fn checkpoint(
    store: &Store,
    sink: &str,
    source: &str,
    query: &str,
) -> Result<Option<String>, Failure> {
    let sql = "SELECT checkpoint FROM forward_logs
        WHERE sink = ?1 AND source = ?2 AND query = ?3";
    let values = [sink.into(), source.into(), query.into()];
    let rows = store.database().query(sql, &values).await?;
    Ok(rows.first().and_then(|row| row.text(0)).map(str::to_owned))
}

async fn keep_refused(
    tx: &mut Transaction,
    sink: &str,
    refused: &Refused<'_>,
    now: Timestamp,
) -> Result<(), Failure> {
    let sql = "INSERT INTO forward_refused
            (sink, event_id, kind, account_id, id, event, answer, refused_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
        ON CONFLICT (sink, event_id) DO UPDATE SET event = excluded.event,
        answer = excluded.answer, refused_at = excluded.refused_at";
    let values = [
        sink.into(),
        refused.event.id.as_str().into(),
        refused.event.kind.as_str().into(),
        refused.record.map(|(account_id, _)| account_id).into(),
        refused.record.map(|(_, id)| id).into(),
        Value::Text(to_json(refused.event).to_string()),
        refused.answer.into(),
        now.into(),
    ];
    tx.execute(sql, &values).await.map(drop)
}

/// An event as it is kept and shown.
pub(in crate::forward) fn to_json(event: &Event) -> Json {
    json!({
        "id": event.id,
        "record": event.record,
        "kind": event.kind,
        "time": event.time,
        "host": event.host,
        "severity": event.severity.name(),
        "summary": event.summary,
        "body": event.body,
    })
}

/// An event as it was kept.
pub(in crate::forward) fn from_json(text: &str) -> Option<Event> {
    let mut event: Json = serde_json::from_str(text).ok()?;
    let Json::Object(body) = event["body"].take() else {
        return None;
    };
    let text = |name: &str| Some(event[name].as_str()?.to_owned());
    let severity = [
        Severity::Critical,
        Severity::High,
        Severity::Medium,
        Severity::Low,
        Severity::Info,
    ];
    let name = text("severity")?;
    Some(Event {
        id: text("id")?,
        record: text("record")?,
        kind: text("kind")?,
        time: text("time")?.parse().ok()?,
        host: text("host")?,
        severity: severity.into_iter().find(|it| it.name() == name)?,
        summary: text("summary")?,
        body,
    })
}

/// How far a sink is with a kind; none where it has not begun.
pub(in crate::forward) async fn position(
    store: &Store,
    sink: &str,
    kind: Kind,
) -> Result<Option<Position>, Failure> {
    let sql = "SELECT position, caught_up, since, since_number FROM forward_positions
        WHERE sink = ?1 AND kind = ?2";
    let values = [sink.into(), kind.name().into()];
    let rows = store.database().query(sql, &values).await?;
    let position = |row: &Row| {
        Some(Position {
            number: row.integer(0)?,
            caught_up: row.integer(1)?,
            since: row.time(2),
            since_number: row.integer(3)?,
        })
    };
    Ok(rows.first().and_then(position))
}

/// Where a sink begins that has told nothing yet, when this is the last number.
pub(in crate::forward) fn beginning(start: Start, last: i64) -> Position {
    let whole = Position {
        number: 0,
        caught_up: 0,
        since: None,
        since_number: 0,
    };
    match start {
        Start::All => whole,
        Start::Now => Position {
            number: last,
            caught_up: last,
            ..whole
        },
        Start::Since(since) => Position {
            since: Some(since),
            since_number: last,
            ..whole
        },
    }
}

/// Keeps where a sink begins; one that has begun stays where it is.
pub(in crate::forward) async fn begin(
    store: &Store,
    sink: &str,
    kind: Kind,
    position: Position,
) -> Result<(), Failure> {
    let sql = "INSERT INTO forward_positions
            (sink, kind, position, caught_up, since, since_number)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (sink, kind) DO NOTHING";
    let values = [
        sink.into(),
        kind.name().into(),
        position.number.into(),
        position.caught_up.into(),
        position.since.into(),
        position.since_number.into(),
    ];
    store.database().execute(sql, &values).await.map(drop)
}
