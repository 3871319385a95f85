//! The bridge's own database: every incident once, whatever comes twice, late or never.
//!
//! Two rules do it. A delivery is stored together with what it changes, in one transaction, and
//! its id is a primary key: a repeat changes nothing, also after a crash between any two
//! instructions. And a record is replaced only by a newer one, so neither the order of
//! deliveries nor the way a record came in matters. Of two with the same `updated_at` the one of
//! the list counts: it is the state, and an event is only how it came about.

use std::path::Path;

use huntress::jiff::{SignedDuration, Timestamp};
use huntress::types::IncidentReport;
use huntress::webhooks::IncidentReportPayload;
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use sha2::{Digest as _, Sha256};

/// How long the sender may still repeat a delivery: its attempts go on for 28 hours, give or
/// take a fifth.
const REPEATS: SignedDuration = SignedDuration::from_hours(3 * 24);

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS incidents (
        id INTEGER PRIMARY KEY,
        updated_at TEXT,
        organization_id INTEGER,
        severity TEXT,
        status TEXT,
        subject TEXT
    ) STRICT;
    CREATE TABLE IF NOT EXISTS comments (
        delivery TEXT PRIMARY KEY,
        incident INTEGER NOT NULL,
        comment TEXT NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS deliveries (
        id TEXT PRIMARY KEY,
        sha256 BLOB NOT NULL,
        received_at TEXT NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS cursor (
        only INTEGER PRIMARY KEY CHECK (only = 1),
        cursor TEXT NOT NULL
    ) STRICT;
";

/// The database.
pub struct Store(Connection);

/// What became of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// It is new, and stored.
    New,
    /// It had come before, and changed nothing.
    Repeat,
    /// Another body had come with its id: an attack, or a fault of the sender's.
    OtherBody,
}

/// What a webhook and the list both tell of an incident.
pub struct Incident {
    id: i64,
    updated_at: Option<Timestamp>,
    organization: Option<i64>,
    severity: Option<String>,
    status: Option<String>,
    subject: Option<String>,
    comment: Option<String>,
}

impl From<IncidentReport> for Incident {
    fn from(report: IncidentReport) -> Self {
        Self {
            id: report.id.get(),
            updated_at: report.updated_at,
            organization: report.organization_id.map(|id| id.get()),
            severity: report.severity.map(|severity| severity.to_string()),
            status: report.status.map(|status| status.to_string()),
            subject: report.subject,
            comment: None,
        }
    }
}

impl From<IncidentReportPayload> for Incident {
    fn from(report: IncidentReportPayload) -> Self {
        let organization = report.organization.and_then(|organization| organization.id);
        Self {
            id: report.id.get(),
            updated_at: report.updated_at,
            organization: organization.or(report.organization_id).map(|id| id.get()),
            severity: report.severity.map(|severity| severity.to_string()),
            status: report.status.map(|status| status.to_string()),
            subject: report.subject,
            comment: report.comment,
        }
    }
}

impl Store {
    /// Opens the database, and makes its tables where they are not there.
    pub fn open(path: &Path) -> rusqlite::Result<Self> {
        let connection = Connection::open(path)?;
        // What is answered with a 2xx must survive a loss of power.
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.execute_batch(TABLES)?;
        Ok(Self(connection))
    }

    /// Stores a delivery with the incident that it tells of, or neither.
    pub fn deliver(
        &mut self,
        id: &str,
        body: &[u8],
        incident: Option<&Incident>,
        now: Timestamp,
    ) -> rusqlite::Result<Stored> {
        let transaction = self.0.transaction()?;
        let sha256 = Sha256::digest(body).to_vec();
        let known = "SELECT sha256 FROM deliveries WHERE id = ?1";
        let before = transaction.query_row(known, [id], |row| row.get::<_, Vec<u8>>(0));
        let before = before.optional()?;
        match before {
            Some(before) if before == sha256 => return Ok(Stored::Repeat),
            Some(_) => return Ok(Stored::OtherBody),
            None => {}
        }
        transaction.execute(
            "INSERT INTO deliveries (id, sha256, received_at) VALUES (?1, ?2, ?3)",
            params![id, sha256, text(now)],
        )?;
        if let Some(incident) = incident {
            apply(&transaction, incident, "<")?;
            if let Some(comment) = &incident.comment {
                transaction.execute(
                    "INSERT INTO comments (delivery, incident, comment) VALUES (?1, ?2, ?3)",
                    params![id, incident.id, comment],
                )?;
            }
        }
        transaction.commit()?;
        Ok(Stored::New)
    }

    /// Stores what changed together with the cursor behind it, or neither; and forgets the
    /// deliveries that cannot be repeated any more.
    pub fn changed(
        &mut self,
        incidents: &[Incident],
        cursor: &str,
        now: Timestamp,
    ) -> rusqlite::Result<()> {
        let transaction = self.0.transaction()?;
        for incident in incidents {
            apply(&transaction, incident, "<=")?;
        }
        transaction.execute(
            "INSERT INTO cursor (only, cursor) VALUES (1, ?1)
             ON CONFLICT (only) DO UPDATE SET cursor = excluded.cursor",
            [cursor],
        )?;
        transaction.execute(
            "DELETE FROM deliveries WHERE received_at < ?1",
            [text(now - REPEATS)],
        )?;
        transaction.commit()
    }

    /// The cursor of the last poll.
    pub fn cursor(&self) -> rusqlite::Result<Option<String>> {
        let cursor = self
            .0
            .query_row("SELECT cursor FROM cursor", [], |row| row.get(0));
        cursor.optional()
    }

    /// How many incidents there are.
    pub fn incidents(&self) -> rusqlite::Result<i64> {
        self.0
            .query_row("SELECT count(*) FROM incidents", [], |row| row.get(0))
    }
}

/// Takes an incident over where it is new, or where what is there is older (`<`), or not newer
/// (`<=`). One without a date never replaces one.
fn apply(transaction: &Transaction<'_>, incident: &Incident, older: &str) -> rusqlite::Result<()> {
    let upsert = format!(
        "INSERT INTO incidents (id, updated_at, organization_id, severity, status, subject)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (id) DO UPDATE SET
            updated_at = excluded.updated_at,
            organization_id = excluded.organization_id,
            severity = excluded.severity,
            status = excluded.status,
            subject = excluded.subject
         WHERE excluded.updated_at IS NOT NULL AND (
            incidents.updated_at IS NULL OR incidents.updated_at {older} excluded.updated_at)"
    );
    let values = params![
        incident.id,
        incident.updated_at.map(text),
        incident.organization,
        incident.severity,
        incident.status,
        incident.subject,
    ];
    transaction.execute(&upsert, values)?;
    Ok(())
}

/// A moment as text that sorts by time.
fn text(moment: Timestamp) -> String {
    format!("{moment:.6}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> Store {
        Store::open(Path::new(":memory:")).unwrap()
    }

    fn incident(id: i64, second: i64, status: &str) -> Incident {
        let mut report = IncidentReport::new(id);
        report.updated_at = (second > 0).then(|| moment(second));
        report.status = Some(status.parse().unwrap());
        report.into()
    }

    fn moment(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn status(store: &Store, id: i64) -> String {
        let query = "SELECT status FROM incidents WHERE id = ?1";
        store.0.query_row(query, [id], |row| row.get(0)).unwrap()
    }

    #[test]
    fn neither_order_nor_repeats_matter() {
        let events = [
            ("a", 10, "sent"),
            ("b", 20, "closed"),
            ("c", 0, "dismissed"),
        ];
        for order in [
            [0, 1, 2],
            [0, 2, 1],
            [1, 0, 2],
            [1, 2, 0],
            [2, 0, 1],
            [2, 1, 0],
        ] {
            let mut store = store();
            for index in order.into_iter().chain(order) {
                let (id, second, status) = events[index];
                let incident = incident(7, second, status);
                store
                    .deliver(id, b"{}", Some(&incident), moment(30))
                    .unwrap();
            }
            assert_eq!(store.incidents().unwrap(), 1);
            assert_eq!(status(&store, 7), "closed", "{order:?}");
        }
    }

    #[test]
    fn a_repeat_is_known_by_its_id_and_another_body_with_it_is_refused() {
        let mut store = store();
        let old = incident(7, 10, "sent");
        let new = incident(7, 20, "closed");
        let mut deliver = |body: &[u8], incident| {
            store
                .deliver("a", body, Some(incident), moment(30))
                .unwrap()
        };
        assert_eq!(deliver(b"1", &old), Stored::New);
        assert_eq!(deliver(b"1", &old), Stored::Repeat);
        assert_eq!(deliver(b"2", &new), Stored::OtherBody);
        assert_eq!(status(&store, 7), "sent");
    }

    #[test]
    fn ids_are_kept_as_long_as_they_may_be_repeated() {
        let mut store = store();
        store.deliver("a", b"1", None, moment(0)).unwrap();
        let three_days = 3 * 24 * 3600;
        for (now, stored) in [(three_days, Stored::Repeat), (three_days + 1, Stored::New)] {
            store.changed(&[], "cursor", moment(now)).unwrap();
            assert_eq!(
                store.deliver("a", b"1", None, moment(now)).unwrap(),
                stored,
                "{now}"
            );
        }
        assert_eq!(store.cursor().unwrap().as_deref(), Some("cursor"));
    }
}
