//! Lines of the SIEM's log, as they are. A window of them is sent as a whole; how far the log
//! was read is kept when the receiver has all of it.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;

use super::SinkSettings;
use super::event::NO_HOST;
use super::mapping::read;
use super::outbox::books;
use super::run::{Happened, Observer};
use super::sink::{LogSettings, Start};
use crate::config::Source;
use crate::failure::{Exit, Failure};
use crate::stop::Stop;
use crate::store::Store;
use crate::transport::{Event, Severity};

/// The key that no row has, as in the mapping `raw`.
const OWN: &str = "huntctl";

/// The rows of a window as events, and where to go on after them.
pub(super) struct LogWindow {
    source: String,
    /// Of the query: another one has another checkpoint.
    query: String,
    pub(super) events: Vec<Event>,
    /// So many from the front were dealt with.
    pub(super) done: usize,
    checkpoint: String,
    until: Timestamp,
}

impl LogWindow {
    /// What is kept when all of it was dealt with.
    pub(super) fn checkpoint(&self) -> (&str, &str, String, Timestamp) {
        let (source, query) = (&self.source, &self.query);
        (source, query, self.checkpoint.clone(), self.until)
    }
}

/// Reads the log of a source, window by window, into a channel; to its end, or for ever.
#[derive(Clone)]
pub(super) struct Reader {
    pub(super) store: Store,
    pub(super) sink: String,
    pub(super) logs: LogSettings,
    pub(super) start: Start,
    pub(super) source: Source,
    /// Goes on for ever, with such a pause between rounds.
    pub(super) every: Option<std::time::Duration>,
    pub(super) observer: Observer,
}

impl Reader {
    /// The sources whose log a sink is told.
    pub(super) fn of(
        settings: &SinkSettings,
        sources: &[Source],
        reader: impl Fn(&LogSettings, &Source) -> Self,
    ) -> Result<Vec<Self>, Failure> {
        let Some(logs) = &settings.logs else {
            return Ok(Vec::new());
        };
        let known = |name: &String| sources.iter().any(|source| source.name == *name);
        if let Some(unknown) = logs.profiles.iter().find(|name| !known(name)) {
            let text = format!("sink {}: no account is called {unknown:?}", settings.name);
            return Err(Failure::new(Exit::Usage, text));
        }
        let wanted =
            |source: &&Source| logs.profiles.is_empty() || logs.profiles.contains(&source.name);
        let wanted = sources.iter().filter(wanted);
        Ok(wanted.map(|source| reader(logs, source)).collect())
    }

    /// Reads until the end, until nobody listens, or until it is told to stop.
    pub(super) async fn read(
        self,
        windows: mpsc::Sender<LogWindow>,
        mut stop: Stop,
    ) -> Result<(), Failure> {
        let name = format!("sink {}, the log of {}", self.sink, self.source.name);
        tokio::select! {
            read = self.windows(windows) => read.map_err(|failure| failure.at(name)),
            _ = stop.wait() => Ok(()),
        }
    }

    async fn windows(&self, windows: mpsc::Sender<LogWindow>) -> Result<(), Failure> {
        let query = digest(&self.logs.query);
        let kept = books::checkpoint(&self.store, &self.sink, &self.source.name, &query).await?;
        let kept = kept.and_then(|text| serde_json::from_str(&text).ok());
        let asked = self.source.client.siem(&self.logs.query);
        let asked = asked.max_requests_per_minute(self.logs.requests_per_minute);
        let asked = match (kept, self.start) {
            (Some(checkpoint), _) => asked.from(checkpoint),
            (None, Start::Since(since)) => asked.since(since),
            // There is no first line to be known. The last quarter of an hour is still coming in.
            (None, Start::Now | Start::All) => asked.since(quarter_of_an_hour_ago()),
        };
        let asked = match self.every {
            Some(every) => asked.follow(every),
            None => asked,
        };
        let mut found = asked.windows_as::<Value>();
        loop {
            let window = match found.try_next().await {
                Ok(Some(window)) => window,
                Ok(None) => return Ok(()),
                Err(error) if self.every.is_some() && !error.is_invalid_request() => {
                    let why = error.to_string();
                    let sink = &self.sink;
                    (self.observer)(&Happened::LogFailed { sink, why: &why });
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let until = window.checkpoint.complete_until();
            let rows = window.rows.into_iter();
            let events = rows.map(|row| line(row, &self.source.name, until));
            let checkpoint = serde_json::to_string(&window.checkpoint)
                .map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
            let window = LogWindow {
                source: self.source.name.clone(),
                query: query.clone(),
                events: events.collect(),
                done: 0,
                checkpoint,
                until,
            };
            if windows.send(window).await.is_err() {
                return Ok(());
            }
        }
    }
}

fn quarter_of_an_hour_ago() -> Timestamp {
    let ago = jiff::SignedDuration::from_mins(15);
    Timestamp::now().checked_sub(ago).unwrap_or_default()
}

fn digest(text: &str) -> String {
    let digest = Sha256::digest(text);
    digest[..8].iter().fold(String::new(), |mut text, byte| {
        use std::fmt::Write as _;
        // Writing to a text does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A row of the log as an event: its columns as they are, and what else is known of it under one
/// key. One that does not say when it happened did so `otherwise`.
fn line(row: Value, source: &str, otherwise: Timestamp) -> Event {
    let mut body = match row {
        Value::Object(fields) => fields,
        other => Map::from_iter([("row".to_owned(), other)]),
    };
    let text = |name: &str| body.get(name).and_then(read::text);
    let id = match text("uuid") {
        Some(uuid) => format!("log:{uuid}"),
        None => format!("log:{}", digest(&Value::Object(body.clone()).to_string())),
    };
    let time = body.get("@timestamp").and_then(read::time);
    let host = text("host.name").or_else(|| text("host.hostname"));
    let summary = text("message").unwrap_or_else(|| "Huntress log".to_owned());
    let own = json!({
        "mapping": "raw",
        "kind": "log",
        "event_id": id,
        "source": source,
    });
    body.insert(OWN.to_owned(), own);
    Event {
        record: id.clone(),
        id,
        kind: "log".to_owned(),
        time: time.unwrap_or(otherwise),
        host: host.unwrap_or_else(|| NO_HOST.to_owned()),
        severity: Severity::Info,
        summary: summary.trim().lines().next().unwrap_or_default().to_owned(),
        body,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(row: Value) -> Event {
        line(row, "acme", Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_line_keeps_its_columns_and_is_known_by_its_uuid() {
        let event = of(json!({
            "uuid": "u1", "@timestamp": "2026-06-01T12:00:00.1234567Z", "host.name": "PC-1",
            "message": "one\ntwo", "huntctl": "an attacker's",
        }));
        assert_eq!(
            (&*event.id, &*event.record, &*event.kind),
            ("log:u1", "log:u1", "log")
        );
        assert_eq!((&*event.host, &*event.summary), ("PC-1", "one"));
        assert_eq!(event.time.to_string(), "2026-06-01T12:00:00.1234567Z");
        assert_eq!(event.body["message"], "one\ntwo");
        assert_eq!(event.body["huntctl"]["source"], "acme");

        assert_eq!(of(json!({"a": 1})).id, of(json!({"a": 1})).id);
        assert_ne!(of(json!({"a": 2})).id, of(json!({"a": 1})).id);
    }
}
