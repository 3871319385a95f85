//! Events that sinks have refused for good: what they are, and to send them again.

use jiff::Timestamp;

use super::SinkSettings;
use super::outbox::{books, tables};
use crate::database::{Row, Value};
use crate::failure::{Exit, Failure};
use crate::store::Store;
use crate::transport::{Event, Sink};

/// An event that a sink has refused.
#[derive(Clone, Debug)]
pub struct RefusedEvent {
    /// The sink.
    pub sink: String,
    /// The event's id.
    pub event_id: String,
    /// What it is.
    pub kind: String,
    /// The account of the record; none of a line of a log.
    pub account_id: Option<i64>,
    /// The record's id.
    pub id: Option<i64>,
    /// What the receiver said.
    pub answer: String,
    /// When.
    pub refused_at: Option<Timestamp>,
    /// The event as JSON.
    pub event: String,
}

/// What became of sending them again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SentAgain {
    /// They were taken this time.
    pub sent: u64,
    /// They were refused again, and are still there.
    pub refused: u64,
    /// A later state of the record has been told, or is about to be; they are not there any
    /// more.
    pub outdated: u64,
}

/// What a sink has refused, or all sinks; the oldest first.
///
/// # Errors
///
/// Where the store cannot be had.
pub async fn refused(store: &Store, sink: Option<&str>) -> Result<Vec<RefusedEvent>, Failure> {
    tables::create(store.database()).await?;
    let sql = "SELECT sink, event_id, kind, account_id, id, answer, refused_at, event
        FROM forward_refused WHERE sink = ?1 OR ?2 ORDER BY refused_at, sink, event_id";
    let values = [sink.unwrap_or_default().into(), Value::Bool(sink.is_none())];
    let rows = store.database().query(sql, &values).await?;
    let refused = |row: &Row| {
        Some(RefusedEvent {
            sink: row.text(0)?.to_owned(),
            event_id: row.text(1)?.to_owned(),
            kind: row.text(2)?.to_owned(),
            account_id: row.integer(3),
            id: row.integer(4),
            answer: row.text(5)?.to_owned(),
            refused_at: row.time(6),
            event: row.text(7)?.to_owned(),
        })
    };
    Ok(rows.iter().filter_map(refused).collect())
}

/// Sends again what a sink has refused, as it was, one after the other. One whose record has
/// changed since is not sent: the sink is told the later state in any case, and an earlier one
/// must not come after it.
///
/// # Errors
///
/// Where the settings of the sink cannot be used, and where the sink or the store cannot be had;
/// what was sent until then is not there any more.
pub async fn send_again(store: &Store, settings: &SinkSettings) -> Result<SentAgain, Failure> {
    let mut sink = Sink::open(&settings.transport)?;
    let mut came_to = SentAgain::default();
    for refused in refused(store, Some(&settings.name)).await? {
        let event = books::from_json(&refused.event);
        if event.is_none() || is_outdated(store, &refused).await? {
            forget(store, &refused).await?;
            came_to.outdated += 1;
            continue;
        }
        match once(&mut sink, event.as_slice()).await? {
            true => {
                forget(store, &refused).await?;
                came_to.sent += 1;
            }
            false => came_to.refused += 1,
        }
    }
    Ok(came_to)
}

/// Whether it was taken this time.
async fn once(sink: &mut Sink, event: &[Event]) -> Result<bool, Failure> {
    let report = sink.send(event).await;
    match report.later {
        Some(later) => Err(Failure::new(Exit::Unavailable, later.to_string())),
        None => Ok(report.refused.is_empty()),
    }
}

/// Whether the record is in another state by now.
async fn is_outdated(store: &Store, refused: &RefusedEvent) -> Result<bool, Failure> {
    let (Some(account_id), Some(id)) = (refused.account_id, refused.id) else {
        return Ok(false);
    };
    let sql = "SELECT event_id FROM forward_records
        WHERE kind = ?1 AND account_id = ?2 AND id = ?3";
    let values = [refused.kind.as_str().into(), account_id.into(), id.into()];
    let rows = store.database().query(sql, &values).await?;
    let now = rows.first().and_then(|row| row.text(0));
    Ok(now.is_some_and(|now| now != refused.event_id))
}

async fn forget(store: &Store, refused: &RefusedEvent) -> Result<(), Failure> {
    let sql = "DELETE FROM forward_refused WHERE sink = ?1 AND event_id = ?2";
    let values = [
        refused.sink.as_str().into(),
        refused.event_id.as_str().into(),
    ];
    store.database().execute(sql, &values).await.map(drop)
}
