//! A request of one's own for each event, by a template: for chat, for tickets, and for
//! whatever has no transport here.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName};
use secrecy::ExposeSecret as _;
use serde::Deserialize;

use super::batch::{Answer, Requests};
use super::http::{Http, Meaning, meaning, secret_header};
use super::template::Template;
use super::{Endpoint, Event, Later, Report, Text, TlsSettings};
use crate::failure::{Exit, Failure};

/// A request for each event.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookSettings {
    /// Where to, with fields of the event if need be: `https://…/events/{{id}}`. A URL that is
    /// a secret stands in the environment or a file.
    pub url: Text,
    /// For `https`.
    #[serde(default)]
    pub tls: TlsSettings,
    /// `POST` unless told otherwise.
    #[serde(default = "post")]
    pub method: String,
    /// Headers; `Content-Type` is JSON unless told otherwise.
    #[serde(default)]
    pub headers: BTreeMap<String, Text>,
    /// JSON with fields of the event: `{"text": "{{summary}}", "raw": {{body}}}`. The body of
    /// the event unless told otherwise.
    #[serde(default = "body")]
    pub body: String,
    /// A text that an answer must hold to be a success, beside its status.
    pub expect: Option<String>,
    /// Seconds that an answer may take. 30 unless told otherwise.
    #[serde(default = "super::patience")]
    pub timeout: u64,
}

fn post() -> String {
    "POST".to_owned()
}

fn body() -> String {
    "{{body}}".to_owned()
}

/// The URL up to its first field, which may not be part of the host: an event does not say
/// whom it is sent to.
fn fixed_part(url: &str) -> Option<&str> {
    let Some((before, _)) = url.split_once("{{") else {
        return Some(url);
    };
    let (_, after) = before.split_once("://")?;
    after.contains(['/', '?', '#']).then_some(before)
}

pub(super) struct Webhook {
    http: Http,
    method: Method,
    url: Template,
    body: Template,
    expect: Option<String>,
}

impl Webhook {
    pub(super) fn open(settings: &WebhookSettings) -> Result<Self, Failure> {
        let wrong = |text: &str| Failure::new(Exit::Usage, format!("HTTP: {text}"));
        let url = settings.url.read()?;
        // What is wrong is not shown, for the URL may be a secret.
        let fixed = fixed_part(url.expose_secret())
            .ok_or_else(|| wrong("the host of the URL cannot have a field in it"))?;
        let endpoint: Endpoint = fixed.parse().map_err(|error: String| wrong(&error))?;
        let template = Template::plain(url.expose_secret())
            .map_err(|_| wrong("the URL has a field that is none, or a `{{` without `}}`"))?;
        let method = Method::from_bytes(settings.method.as_bytes())
            .map_err(|_| wrong("`method` is none"))?;
        let mut headers = HeaderMap::new();
        headers.insert(
            CONTENT_TYPE,
            "application/json".parse().map_err(|_| wrong(""))?,
        );
        for (name, text) in &settings.headers {
            let key = HeaderName::try_from(name).map_err(|_| wrong("a header has no such name"))?;
            let value = text.read()?;
            headers.insert(key, secret_header(value.expose_secret(), name)?);
        }
        let patience = Duration::from_secs(settings.timeout);
        let mut http = Http::open(&endpoint, &settings.tls, patience, headers)?;
        http.hide(&url);
        Ok(Self {
            http,
            method,
            url: template,
            body: Template::json(&settings.body)?,
            expect: settings.expect.clone(),
        })
    }

    pub(super) async fn send(&mut self, events: &[Event]) -> Report {
        let mut requests = Requests::of_one(events);
        while let Some(range) = requests.next() {
            let answer = self.post(&events[range.start]).await;
            requests.answered(range, answer);
        }
        requests.report()
    }

    async fn post(&self, event: &Event) -> Result<Answer, Later> {
        let Ok(url) = self.url.as_url(event).parse() else {
            return Ok(Answer::Refused(
                "the template makes no URL of it".to_owned(),
            ));
        };
        let request = self.http.request(self.method.clone(), url);
        let answered = self
            .http
            .answer(request.body(self.body.as_json(event)))
            .await?;
        let expected = |text: &String| String::from_utf8_lossy(&answered.body).contains(text);
        match meaning(answered.status) {
            Meaning::Good if self.expect.as_ref().is_none_or(expected) => Ok(Answer::Taken),
            Meaning::Good => {
                let told = self.http.told(&answered);
                let text = format!("{told} (without the text that is expected)");
                Err(Later::because(text))
            }
            Meaning::Content => Ok(Answer::Refused(self.http.told(&answered))),
            Meaning::Other => Err(self.http.later(&answered)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_event_says_whom_it_is_sent_to() {
        let fixed = |url| fixed_part(url);
        assert_eq!(fixed("https://h/x"), Some("https://h/x"));
        assert_eq!(fixed("https://h/{{id}}/{{kind}}"), Some("https://h/"));
        assert_eq!(fixed("https://h?{{id}}"), Some("https://h?"));
        for wrong in [
            "https://h{{host}}/x",
            "https://{{host}}/",
            "{{host}}",
            "ht{{id}}tp://h/",
        ] {
            assert_eq!(fixed(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn wrong_settings_show_nothing_of_the_url() {
        let open = |settings: &str| {
            let settings = toml::from_str(settings).unwrap();
            Webhook::open(&settings).err().unwrap().to_string()
        };
        assert_eq!(
            open("url = \"https://h/s3cret/{{nothing}}\""),
            "HTTP: the URL has a field that is none, or a `{{` without `}}`"
        );
        assert_eq!(
            open("url = \"s3cret\""),
            "HTTP: no URL: relative URL without a base"
        );
        assert_eq!(
            open("url = \"ftp://h/s3cret\""),
            "HTTP: the URL ftp://h must begin with one of http, https"
        );
        assert_eq!(
            open("url = \"https://h\"\nheaders = {Authorization = \"a\\nb\"}"),
            "Authorization has characters that no header can have"
        );
    }
}
