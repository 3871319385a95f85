//! `_bulk` of Elasticsearch and OpenSearch.
//!
//! Each event is created under its stable id, so a repetition is answered by 409, and that is
//! a success: it is there. A data stream takes nothing but `create`. Each item is answered by
//! itself, below a 200 that says nothing about them.

use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use serde::Deserialize;
use serde_json::{Value, json};

use super::batch::{Answer, Limits, Requests, Single};
use super::http::{Http, Meaning, login, meaning};
use super::template::Template;
use super::{Endpoint, Event, Later, Report, Secret, TlsSettings};
use crate::failure::Failure;

/// An Elasticsearch or OpenSearch.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ElasticSettings {
    /// `https://` or `http://`; a path is put before `/INDEX/_bulk`.
    pub url: Endpoint,
    /// For `https`.
    #[serde(default)]
    pub tls: TlsSettings,
    /// The data stream or index. `logs-huntress.{{kind}}-default` unless told otherwise; fields
    /// of an event become small letters, digits, `_` and `.`.
    #[serde(default = "data_stream")]
    pub index: String,
    /// With `password`: who it is.
    pub username: Option<String>,
    /// With `username`.
    pub password: Option<Secret>,
    /// Instead of both: the encoded form of an API key.
    pub api_key: Option<Secret>,
    /// Events of a request. 500 unless told otherwise.
    #[serde(default = "super::batch")]
    pub max_events: usize,
    /// Bytes of a request. 5,000,000 unless told otherwise.
    #[serde(default = "bytes")]
    pub max_bytes: usize,
    /// Seconds that an answer may take. 30 unless told otherwise.
    #[serde(default = "super::patience")]
    pub timeout: u64,
}

fn data_stream() -> String {
    "logs-huntress.{{kind}}-default".to_owned()
}

fn bytes() -> usize {
    5_000_000
}

pub(super) struct Elastic {
    http: Http,
    url: reqwest::Url,
    index: Template,
    limits: Limits,
}

impl Elastic {
    pub(super) fn open(settings: &ElasticSettings) -> Result<Self, Failure> {
        let headers = login(
            settings.username.as_ref(),
            settings.password.as_ref(),
            ("ApiKey", "api_key", settings.api_key.as_ref()),
        )
        .map_err(|failure| failure.at("Elastic"))?;
        let patience = Duration::from_secs(settings.timeout);
        let http = Http::open(&settings.url, &settings.tls, patience, headers)?;
        let mut url = settings.url.url_below("_bulk");
        // Only what is looked at.
        let filter = "errors,items.*.status,items.*.error.type,items.*.error.reason";
        url.query_pairs_mut().append_pair("filter_path", filter);
        Ok(Self {
            http,
            url,
            index: Template::plain(&settings.index)?,
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
        let request = self.http.post(self.url.clone());
        let request = request.header(CONTENT_TYPE, "application/x-ndjson");
        let answered = self.http.answer(request.body(items.concat())).await?;
        match meaning(answered.status) {
            Meaning::Good => {}
            Meaning::Content => return Ok(Answer::Refused(self.http.told(&answered))),
            Meaning::Other => return Err(self.http.later(&answered)),
        }
        match serde_json::from_slice::<Bulk>(&answered.body) {
            Ok(bulk) if bulk.items.len() == items.len() => {
                Ok(Answer::Each(bulk.items.into_iter().map(single).collect()))
            }
            _ => {
                let told = self.http.told(&answered);
                let text = format!(
                    "{told} (not an answer of `_bulk` to {} events)",
                    items.len()
                );
                Err(Later::because(text))
            }
        }
    }

    fn item(&self, event: &Event) -> String {
        let index = self.index.as_name(event);
        let action = json!({"create": {"_index": index, "_id": event.id}});
        let mut body = event.body.clone();
        // A data stream refuses what has none.
        body.entry("@timestamp")
            .or_insert_with(|| event.time.to_string().into());
        format!("{action}\n{}\n", Value::from(body))
    }
}

#[derive(Deserialize)]
struct Bulk {
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    create: Created,
}

#[derive(Deserialize)]
struct Created {
    status: u16,
    error: Option<Value>,
}

fn single(Item { create }: Item) -> Single {
    let text = |name: &str| {
        let error = create.error.as_ref();
        let field = error.and_then(|error| error.get(name)?.as_str());
        let mut text = field.unwrap_or("no reason given").to_owned();
        super::fit::cut(&mut text, 300);
        text
    };
    let why = || format!("{} {}: {}", create.status, text("type"), text("reason"));
    match create.status {
        // 409: it is there from an earlier time.
        200..=299 | 409 => Single::Taken,
        400 | 413 | 422 => Single::Refused(why()),
        _ => Single::Later(Later::because(why())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::flatten::tests::event;

    fn open(rest: &str) -> Result<Elastic, Failure> {
        Elastic::open(&toml::from_str(&format!("url = \"http://h/es\"\n{rest}")).unwrap())
    }

    #[test]
    fn an_item_is_two_lines() {
        let elastic = open("").unwrap();
        let item = elastic.item(&event(json!({"a": "x\ny"})));
        let lines: Vec<_> = item.strip_suffix('\n').unwrap().split('\n').collect();
        let lines: Vec<Value> = lines
            .iter()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let index = "logs-huntress.incident-default";
        assert_eq!(
            lines,
            [
                json!({"create": {"_index": index, "_id": "incident:7:1"}}),
                json!({"@timestamp": "2026-06-01T12:00:00.25Z", "a": "x\ny"}),
            ]
        );
        assert_eq!(elastic.url.path(), "/es/_bulk");
        let own = elastic.item(&event(json!({"@timestamp": 5})));
        assert!(own.ends_with("{\"@timestamp\":5}\n"), "{own}");
    }

    #[test]
    fn statuses_of_items() {
        let of = |status: u16| {
            let error = json!({"type": "t", "reason": "r"});
            single(
                serde_json::from_value(json!({"create": {"status": status, "error": error}}))
                    .unwrap(),
            )
        };
        assert_eq!(of(201), Single::Taken);
        assert_eq!(of(409), Single::Taken);
        assert_eq!(of(400), Single::Refused("400 t: r".into()));
        for later in [401, 403, 404, 429, 500, 503] {
            assert_eq!(
                of(later),
                Single::Later(Later::because(format!("{later} t: r")))
            );
        }
    }

    #[test]
    fn one_login_or_none() {
        let error = open("username = \"u\"").err().unwrap();
        assert!(
            error.to_string().starts_with("Elastic: give `username`"),
            "{error}"
        );
        assert!(open("username = \"u\"\npassword = \"env:PATH\"").is_ok());
        assert!(open("api_key = \"env:HUNTCTL_NO_SUCH\"").is_err());
    }
}
