//! How far each sink is.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::Kind;
use super::outbox::tables;
use crate::database::Row;
use crate::failure::Failure;
use crate::store::Store;

/// A sink that something was sent to, or that was tried.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SinkStatus {
    /// Its name.
    pub name: String,
    /// Events that were delivered to it, ever.
    pub sent: u64,
    /// When the last one was.
    pub sent_at: Option<Timestamp>,
    /// Events that it has refused for good and that were not sent again.
    pub refused: u64,
    /// Attempts that failed since one went well.
    pub failures: u64,
    /// What the last attempt failed by; none where it went well.
    pub error: Option<String>,
    /// When.
    pub error_at: Option<Timestamp>,
    /// Who sends to it just now.
    pub worker: Option<String>,
    /// What it is told.
    pub kinds: Vec<KindStatus>,
    /// The logs that it is told.
    pub logs: Vec<LogStatus>,
}

/// How far a sink is with a kind of record.
#[derive(Clone, Debug, PartialEq)]
pub struct KindStatus {
    /// The kind.
    pub kind: Kind,
    /// It has been told all states up to this number.
    pub position: i64,
    /// Records whose state it has not been told, those included that its filters leave out.
    pub waiting: u64,
    /// For how long the oldest of them waits.
    pub oldest_seconds: Option<u64>,
}

/// How far a sink is with a log.
#[derive(Clone, Debug, PartialEq)]
pub struct LogStatus {
    /// The account of the configuration.
    pub source: String,
    /// The sink has been told all lines up to this moment.
    pub complete_until: Option<Timestamp>,
    /// How long that is ago.
    pub behind_seconds: Option<u64>,
}

/// Reads how far each sink is that was ever sent to, by the clock of the database.
///
/// # Errors
///
/// Where the store cannot be had.
pub async fn status(store: &Store) -> Result<Vec<SinkStatus>, Failure> {
    tables::create(store.database()).await?;
    read(store).await
}

/// The same where something has been forwarded before: it writes nothing.
pub(super) async fn read(store: &Store) -> Result<Vec<SinkStatus>, Failure> {
    let database = store.database();
    let now = database.now().await?;
    let sql = "SELECT s.name, s.sent, s.sent_at, s.failures, s.error, s.error_at, s.worker,
            (SELECT count(*) FROM forward_refused r WHERE r.sink = s.name)
        FROM forward_sinks s ORDER BY s.name";
    let rows = database.query(sql, &[]).await?;
    let mut sinks: BTreeMap<String, SinkStatus> = BTreeMap::new();
    for row in &rows {
        let sink = sink(row);
        sinks.insert(sink.name.clone(), sink);
    }
    let noted = noted(store).await?;
    let sql = "SELECT p.sink, p.kind, p.position, count(f.number), min(f.numbered_at)
        FROM forward_positions p
        LEFT JOIN forward_records f ON f.kind = p.kind AND f.number > p.position
        GROUP BY p.sink, p.kind, p.position";
    for row in &database.query(sql, &[]).await? {
        let name = row.text(0).unwrap_or_default();
        let kind = row.text(1).and_then(Kind::from_name);
        if let (Some(sink), Some(kind)) = (sinks.get_mut(name), kind) {
            sink.kinds.push(of_kind(row, kind, noted.get(&kind), now));
        }
    }
    let sql = "SELECT sink, source, complete_until FROM forward_logs ORDER BY source";
    for row in &database.query(sql, &[]).await? {
        if let Some(sink) = sinks.get_mut(row.text(0).unwrap_or_default()) {
            sink.logs.push(LogStatus {
                source: row.text(1).unwrap_or_default().to_owned(),
                complete_until: row.time(2),
                behind_seconds: row.time(2).map(|until| age(until, now)),
            });
        }
    }
    let mut sinks: Vec<_> = sinks.into_values().collect();
    for sink in &mut sinks {
        sink.kinds.sort_by_key(|it| it.kind);
    }
    Ok(sinks)
}

fn sink(row: &Row) -> SinkStatus {
    SinkStatus {
        name: row.text(0).unwrap_or_default().to_owned(),
        sent: count(row, 1),
        sent_at: row.time(2),
        failures: count(row, 3),
        error: row.text(4).map(str::to_owned),
        error_at: row.time(5),
        worker: row.text(6).map(str::to_owned),
        refused: count(row, 7),
        kinds: Vec::new(),
        logs: Vec::new(),
    }
}

/// What has no number yet: how many records, and since when.
async fn noted(store: &Store) -> Result<BTreeMap<Kind, (u64, Option<Timestamp>)>, Failure> {
    let sql = "SELECT table_name, count(*), min(noted_at) FROM store_changes GROUP BY table_name";
    let rows = store.database().query(sql, &[]).await?;
    let noted = rows.iter().filter_map(|row| {
        let table = row.text(0)?;
        let kind = Kind::ALL.into_iter().find(|kind| kind.list() == table)?;
        Some((kind, (count(row, 1), row.time(2))))
    });
    Ok(noted.collect())
}

fn of_kind(
    row: &Row,
    kind: Kind,
    noted: Option<&(u64, Option<Timestamp>)>,
    now: Timestamp,
) -> KindStatus {
    let (more, since) = noted.copied().unwrap_or_default();
    let oldest = row.time(4).into_iter().chain(since).min();
    KindStatus {
        kind,
        position: row.integer(2).unwrap_or_default(),
        waiting: count(row, 3) + more,
        oldest_seconds: oldest.map(|since| age(since, now)),
    }
}

fn count(row: &Row, column: usize) -> u64 {
    let count = row.integer(column).and_then(|count| count.try_into().ok());
    count.unwrap_or(0)
}

fn age(since: Timestamp, now: Timestamp) -> u64 {
    now.duration_since(since).as_secs().try_into().unwrap_or(0)
}
