//! Splunk's HTTP Event Collector.
//!
//! A 200 means that an event is in the memory of an indexer. With `acknowledge` it is asked
//! until the events are on disk, on a channel that tells this sink's requests from others'.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::time::{Instant, sleep};

use super::batch::{Answer, Limits, Requests};
use super::http::{Http, secret_header};
use super::template::Template;
use super::{Endpoint, Event, Later, Report, Secret, TlsSettings};
use crate::failure::{Exit, Failure};

/// The first and the longest pause between two questions whether events are on disk.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// A Splunk with its HTTP Event Collector.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplunkSettings {
    /// `https://` or `http://`, usually with port 8088; without the path of the collector.
    pub url: Endpoint,
    /// For `https`.
    #[serde(default)]
    pub tls: TlsSettings,
    /// The token of the collector.
    pub token: Secret,
    /// The index; the token's own unless told otherwise.
    pub index: Option<String>,
    /// `huntctl` unless told otherwise.
    #[serde(default = "source")]
    pub source: String,
    /// `huntress:{{kind}}` unless told otherwise; fields of an event become small letters,
    /// digits, `_` and `.`.
    #[serde(default = "source_type")]
    pub sourcetype: String,
    /// Wait until the indexer says that the events are on disk. The token must have indexer
    /// acknowledgement switched on.
    #[serde(default)]
    pub acknowledge: bool,
    /// The channel, a GUID; made up at each start unless told otherwise.
    pub channel: Option<String>,
    /// Seconds that the indexer may take to say so. 120 unless told otherwise.
    #[serde(default = "ack_patience")]
    pub ack_timeout: u64,
    /// Events of a request. 500 unless told otherwise.
    #[serde(default = "super::batch")]
    pub max_events: usize,
    /// Bytes of a request. 800,000 unless told otherwise.
    #[serde(default = "bytes")]
    pub max_bytes: usize,
    /// Seconds that an answer may take. 30 unless told otherwise.
    #[serde(default = "super::patience")]
    pub timeout: u64,
}

fn source() -> String {
    "huntctl".to_owned()
}

fn source_type() -> String {
    "huntress:{{kind}}".to_owned()
}

fn ack_patience() -> u64 {
    120
}

fn bytes() -> usize {
    800_000
}

pub(super) struct Splunk {
    http: Http,
    events: reqwest::Url,
    /// Where it is asked whether events are on disk, and for how long.
    acks: Option<(reqwest::Url, Duration)>,
    index: Option<String>,
    source: String,
    source_type: Template,
    limits: Limits,
}

impl Splunk {
    pub(super) fn open(settings: &SplunkSettings) -> Result<Self, Failure> {
        let token = settings.token.read()?;
        let mut headers = HeaderMap::new();
        let header = format!("Splunk {}", token.expose_secret());
        headers.insert(AUTHORIZATION, secret_header(&header, "`token`")?);
        let mut acks = None;
        if settings.acknowledge {
            let channel = settings.channel.clone().unwrap_or_else(guid);
            let channel = HeaderValue::from_str(&channel)
                .map_err(|_| Failure::new(Exit::Usage, "Splunk: `channel` is no GUID"))?;
            headers.insert("x-splunk-request-channel", channel);
            let url = settings.url.url_below("services/collector/ack");
            acks = Some((url, Duration::from_secs(settings.ack_timeout)));
        }
        let patience = Duration::from_secs(settings.timeout);
        let http = Http::open(&settings.url, &settings.tls, patience, headers)?;
        Ok(Self {
            http,
            events: settings.url.url_below("services/collector/event"),
            acks,
            index: settings.index.clone(),
            source: settings.source.clone(),
            source_type: Template::plain(&settings.sourcetype)?,
            limits: Limits {
                events: settings.max_events.max(1),
                bytes: settings.max_bytes,
            },
        })
    }

    pub(super) async fn send(&mut self, events: &[Event]) -> Report {
        let items: Vec<_> = events.iter().map(|event| self.item(event)).collect();
        let size = |index: usize| items[index].len();
        let mut requests = Requests::of(events, self.limits, size);
        while let Some(range) = requests.next() {
            let answer = self.post(&items[range.clone()]).await;
            requests.answered(range, answer);
        }
        requests.report()
    }

    async fn post(&self, items: &[String]) -> Result<Answer, Later> {
        let request = self.http.post(self.events.clone());
        let request = request.header(CONTENT_TYPE, "application/json");
        let answered = self.http.answer(request.body(items.concat())).await?;
        let said: Result<Said, _> = serde_json::from_slice(&answered.body);
        let ack = match (answered.status.as_u16(), said) {
            (200, Ok(said)) if said.code == 0 => said.ack,
            (413, _) => return Ok(Answer::Refused(self.http.told(&answered))),
            // No data, a format that is none, no event, an empty one, fields that are none. All
            // other codes are about the token, the index, the channel or the server.
            (400, Ok(said)) if matches!(said.code, 5 | 6 | 12 | 13 | 15) => {
                return Ok(Answer::Refused(self.http.told(&answered)));
            }
            _ => return Err(self.http.later(&answered)),
        };
        let Some((url, patience)) = &self.acks else {
            return Ok(Answer::Taken);
        };
        let Some(ack) = ack else {
            let told = self.http.told(&answered);
            let text = format!("{told} (no `ackId`: the token has no acknowledgement)");
            return Err(Later::because(text));
        };
        self.wait(url, *patience, ack).await?;
        Ok(Answer::Taken)
    }

    fn item(&self, event: &Event) -> String {
        let seconds = event.time.as_microsecond() as f64 / 1e6;
        let mut item = json!({
            "time": seconds,
            "host": event.host,
            "source": self.source,
            "sourcetype": self.source_type.as_name(event),
            "event": event.body,
            "fields": {"huntress_event_id": event.id, "severity": event.severity.name()},
        });
        if let Some(index) = &self.index {
            item["index"] = index.as_str().into();
        }
        // It refuses an empty event.
        if event.body.is_empty() {
            item["event"] = json!({"summary": event.summary});
        }
        item.to_string()
    }

    /// Asks until the events are on disk.
    async fn wait(&self, url: &reqwest::Url, patience: Duration, ack: u64) -> Result<(), Later> {
        let until = Instant::now() + patience;
        let mut pause = PAUSES.0;
        loop {
            sleep(pause).await;
            let request = self.http.post(url.clone());
            let request = request.header(CONTENT_TYPE, "application/json");
            let request = request.body(json!({"acks": [ack]}).to_string());
            let answered = self.http.answer(request).await?;
            let said: Result<Acks, _> = serde_json::from_slice(&answered.body);
            let on_disk = said
                .ok()
                .and_then(|said| said.acks.get(&ack.to_string())?.as_bool());
            match on_disk {
                Some(true) => return Ok(()),
                Some(false) if Instant::now() < until => {}
                Some(false) => {
                    let seconds = patience.as_secs();
                    let text = format!("no acknowledgement within {seconds} s");
                    return Err(Later::because(text));
                }
                None => return Err(self.http.later(&answered)),
            }
            pause = (pause * 2).min(PAUSES.1);
        }
    }
}

#[derive(Deserialize)]
struct Said {
    code: u32,
    #[serde(rename = "ackId")]
    ack: Option<u64>,
}

#[derive(Deserialize)]
struct Acks {
    acks: Map<String, Value>,
}

/// A random GUID, version 4.
fn guid() -> String {
    let [a, b] = [fastrand::u64(..), fastrand::u64(..)];
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        a >> 32,
        a >> 16 & 0xffff,
        a & 0xfff,
        b >> 48 & 0x3fff | 0x8000,
        b & 0xffff_ffff_ffff
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::flatten::tests::event;

    #[test]
    fn an_item() {
        let settings = "url = \"http://h:8088\"\ntoken = \"env:PATH\"\nindex = \"edr\"";
        let splunk = Splunk::open(&toml::from_str(settings).unwrap()).unwrap();
        assert_eq!(
            splunk.events.as_str(),
            "http://h:8088/services/collector/event"
        );
        let item = |event| serde_json::from_str::<Value>(&splunk.item(&event)).unwrap();
        let mut event = event(json!({"a": 1}));
        assert_eq!(
            item(event.clone()),
            json!({
                "time": 1780315200.25, "host": "PC-1", "source": "huntctl", "index": "edr",
                "sourcetype": "huntress:incident", "event": {"a": 1},
                "fields": {"huntress_event_id": "incident:7:1", "severity": "high"}
            })
        );
        event.body.clear();
        assert_eq!(item(event)["event"], json!({"summary": "A foothold"}));
    }

    #[test]
    fn guids_have_their_form() {
        let guid = guid();
        let lengths: Vec<_> = guid.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert_eq!(&guid[14..15], "4");
        assert!("89ab".contains(&guid[19..20]), "{guid}");
    }
}
