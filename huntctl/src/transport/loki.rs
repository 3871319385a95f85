//! Grafana Loki.
//!
//! Each set of labels is a stream of its own, and many streams are slow, so the labels are few:
//! the settings' own, the kind and the severity. Ids and hosts are structured metadata. A line
//! that comes again with the same time and labels is dropped by Loki.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use serde::Deserialize;
use serde_json::{Value, json};

use super::batch::{Answer, Limits, Requests};
use super::fit::fit;
use super::http::{Http, Meaning, login, meaning};
use super::{Endpoint, Event, Later, Report, Secret, TOO_LARGE, TlsSettings};
use crate::failure::{Exit, Failure};

/// A Loki.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LokiSettings {
    /// `https://` or `http://`; the path is `/loki/api/v1/push` unless told otherwise.
    pub url: Endpoint,
    /// For `https`.
    #[serde(default)]
    pub tls: TlsSettings,
    /// The tenant, for `X-Scope-OrgID`.
    pub tenant: Option<String>,
    /// With `password`: who it is.
    pub username: Option<String>,
    /// With `username`.
    pub password: Option<Secret>,
    /// Instead of both: a token.
    pub token: Option<Secret>,
    /// Labels of all streams, beside `kind` and `severity`. `job = "huntress"` unless told
    /// otherwise.
    #[serde(default = "job")]
    pub labels: BTreeMap<String, String>,
    /// Send the id, the record and the host as structured metadata, which Loki takes since
    /// version 3. Off, they are in the line where the mapping put them.
    #[serde(default = "super::yes")]
    pub metadata: bool,
    /// The longest line; longer ones are shortened. 256,000 unless told otherwise, which is
    /// what Loki takes unless told otherwise.
    #[serde(default = "line_bytes")]
    pub max_line_bytes: usize,
    /// Events of a request. 500 unless told otherwise.
    #[serde(default = "super::batch")]
    pub max_events: usize,
    /// Bytes of a request. 1,000,000 unless told otherwise.
    #[serde(default = "bytes")]
    pub max_bytes: usize,
    /// Seconds that an answer may take. 30 unless told otherwise.
    #[serde(default = "super::patience")]
    pub timeout: u64,
}

fn job() -> BTreeMap<String, String> {
    BTreeMap::from([("job".to_owned(), "huntress".to_owned())])
}

fn line_bytes() -> usize {
    256_000
}

fn bytes() -> usize {
    1_000_000
}

pub(super) struct Loki {
    http: Http,
    settings: LokiSettings,
}

impl Loki {
    pub(super) fn open(settings: &LokiSettings) -> Result<Self, Failure> {
        let wrong = |text: String| Err(Failure::new(Exit::Usage, format!("Loki: {text}")));
        for label in settings.labels.keys() {
            let is_first = |c: char| c.is_ascii_alphabetic() || c == '_';
            let name = |c: char| is_first(c) || c.is_ascii_digit();
            if !label.starts_with(is_first) || !label.chars().all(name) {
                return wrong(format!("{label:?} is no label: letters, digits and `_`"));
            }
            if label == "kind" || label == "severity" {
                return wrong(format!("the label {label:?} is set by itself"));
            }
        }
        let mut headers = login(
            settings.username.as_ref(),
            settings.password.as_ref(),
            ("Bearer", "token", settings.token.as_ref()),
        )
        .map_err(|failure| failure.at("Loki"))?;
        if let Some(tenant) = &settings.tenant {
            let Ok(tenant) = HeaderValue::from_str(tenant) else {
                return wrong("`tenant` has characters that no header can have".into());
            };
            headers.insert("x-scope-orgid", tenant);
        }
        let patience = Duration::from_secs(settings.timeout);
        let http = Http::open(&settings.url, &settings.tls, patience, headers)?;
        let settings = settings.clone();
        Ok(Self { http, settings })
    }

    pub(super) async fn send(&mut self, events: &[Event]) -> Report {
        let settings = &self.settings;
        let url = settings.url.url_with("/loki/api/v1/push");
        let streams: Vec<_> = events.iter().map(|event| self.stream(event)).collect();
        let size = |index: usize| streams[index].as_ref().map_or(0, String::len) + 1;
        let limits = Limits {
            events: settings.max_events.max(1),
            bytes: settings.max_bytes,
        };
        let mut requests = Requests::of(events, limits, size);
        while let Some(range) = requests.next() {
            let answer = self.post(&url, &streams[range.clone()]).await;
            requests.answered(range, answer);
        }
        requests.report()
    }

    async fn post(&self, url: &Url, streams: &[Option<String>]) -> Result<Answer, Later> {
        let streams: Option<Vec<_>> = streams.iter().map(Option::as_deref).collect();
        // Halved until it is the one that is too large.
        let Some(streams) = streams else {
            return Ok(Answer::Refused(TOO_LARGE.to_owned()));
        };
        let request = self.http.post(url.clone());
        let request = request.header(CONTENT_TYPE, "application/json");
        let body = format!("{{\"streams\":[{}]}}", streams.join(","));
        let answered = self.http.answer(request.body(body)).await?;
        match meaning(answered.status) {
            // Loki says 204; whoever says something with a good status is a proxy.
            Meaning::Good if answered.body.is_empty() => Ok(Answer::Taken),
            // A line that is too old, too long or of a stream too many. It may have taken the
            // others, and drops them when they come again.
            Meaning::Content => Ok(Answer::Refused(self.http.told(&answered))),
            Meaning::Good | Meaning::Other => Err(self.http.later(&answered)),
        }
    }

    /// One event as a stream of one line.
    fn stream(&self, event: &Event) -> Option<String> {
        let settings = &self.settings;
        let line = fit(event, settings.max_line_bytes, line)?;
        let line = String::from_utf8_lossy(&line);
        let mut labels = settings.labels.clone();
        labels.insert("kind".to_owned(), event.kind.clone());
        labels.insert("severity".to_owned(), event.severity.name().to_owned());
        let time = event.time.as_nanosecond().to_string();
        let value = if settings.metadata {
            let metadata = json!({
                "event_id": event.id, "record": event.record, "host": event.host,
            });
            json!([time, line, metadata])
        } else {
            json!([time, line])
        };
        Some(json!({"stream": labels, "values": [value]}).to_string())
    }
}

fn line(event: &Event, full: Option<usize>) -> Vec<u8> {
    let mut body = event.body.clone();
    if full.is_some() {
        body.insert("huntress_truncated".into(), true.into());
    }
    Value::from(body).to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::flatten::tests::event;

    fn open(rest: &str) -> Result<Loki, Failure> {
        Loki::open(&toml::from_str(&format!("url = \"http://h\"\n{rest}")).unwrap())
    }

    #[test]
    fn a_stream() {
        let stream = |rest: &str| {
            let loki = open(rest).unwrap();
            serde_json::from_str::<Value>(&loki.stream(&event(json!({"a": 1}))).unwrap()).unwrap()
        };
        let metadata = json!({"event_id": "incident:7:1", "record": "incident:7", "host": "PC-1"});
        assert_eq!(
            stream(""),
            json!({
                "stream": {"job": "huntress", "kind": "incident", "severity": "high"},
                "values": [["1780315200250000000", "{\"a\":1}", metadata]]
            })
        );
        assert_eq!(
            stream("metadata = false\nlabels = {}"),
            json!({
                "stream": {"kind": "incident", "severity": "high"},
                "values": [["1780315200250000000", "{\"a\":1}"]]
            })
        );
    }

    #[test]
    fn labels_are_names_of_their_own() {
        for (rest, why) in [
            (
                "labels = {\"a b\" = \"c\"}",
                "Loki: \"a b\" is no label: letters, digits and `_`",
            ),
            (
                "labels = {\"1a\" = \"c\"}",
                "Loki: \"1a\" is no label: letters, digits and `_`",
            ),
            (
                "labels = {kind = \"c\"}",
                "Loki: the label \"kind\" is set by itself",
            ),
            (
                "username = \"u\"",
                "Loki: give `username` and `password`, or `token`, or nothing",
            ),
        ] {
            assert_eq!(open(rest).err().unwrap().to_string(), why);
        }
    }
}
