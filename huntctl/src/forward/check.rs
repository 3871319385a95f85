//! One test event to a sink, and what came back.

use jiff::Timestamp;
use serde_json::json;

use super::event::event;
use super::{AccountRef, Kind, SinkSettings, Told};
use crate::failure::Failure;
use crate::transport::{Delivered, Event, Sink};

/// What a sink said to a test event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checked {
    /// It has it.
    Taken(Delivered),
    /// It will never take it.
    Refused(String),
    /// It could not be delivered now.
    NotNow(String),
}

/// An incident that says that it is a test. Its id is that of the moment, so that no receiver
/// takes it for one that it has.
pub fn test_event(settings: &SinkSettings, now: Timestamp) -> Event {
    let record = json!({
        "id": 0,
        "subject": "Test event of huntctl",
        "summary": "Somebody has tried whether events arrive here. There is nothing to do.",
        "severity": "low",
        "status": "closed",
        "platform": "other",
        "account_id": 0,
        "updated_at": now.to_string(),
    });
    let account = AccountRef {
        id: 0,
        name: Some("huntctl"),
        subdomain: None,
    };
    let mut told = Told::new(Kind::Incident, 0, &record, account, now);
    told.customer_code = settings.customer_code_of(None);
    event(settings.mapping, &told)
}

/// Sends a test event to a sink, once. Nothing is kept of it.
///
/// # Errors
///
/// Where the settings of the sink cannot be used.
pub async fn check(settings: &SinkSettings, now: Timestamp) -> Result<Checked, Failure> {
    let mut sink = Sink::open(&settings.transport)?;
    let report = sink.send(&[test_event(settings, now)]).await;
    Ok(match (report.refused.first(), report.later) {
        (Some(refusal), _) => Checked::Refused(refusal.why.clone()),
        (None, Some(later)) => Checked::NotNow(later.to_string()),
        (None, None) => Checked::Taken(report.delivered),
    })
}

impl Checked {
    /// What to do, in a sentence.
    pub fn advice(&self) -> String {
        let (said, advice): (&str, &str) = match self {
            Self::Taken(Delivered::Acknowledged) => {
                return "the receiver has acknowledged it: look for \"Test event of huntctl\" there"
                    .to_owned();
            }
            Self::Taken(Delivered::HandedOver) => {
                return "it was handed over, and nothing says whether it arrived: look for \"Test \
                        event of huntctl\" there"
                    .to_owned();
            }
            Self::Refused(why) => (
                why,
                "it has arrived, and the receiver does not take what is in it: compare `mapping` \
                 and the settings of the transport with what the receiver expects",
            ),
            Self::NotNow(why) => (why, advice(why)),
        };
        format!("{said}: {advice}")
    }
}

/// What to do about a failure, as far as its text tells.
fn advice(why: &str) -> &'static str {
    let text = why.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if has(&["certificate", "unknownissuer", "notvalidforname"]) {
        "the certificate is not trusted: give its authority as `tls.ca_file`, and in `url` a name \
         that the certificate is for"
    } else if has(&["401", "403", "token", "unauthorized", "forbidden"]) {
        "the receiver does not accept the login: look at its token, key or password, and what \
         that may do"
    } else if has(&["404", "no such index", "not found"]) {
        "there is nothing at this path: look at `url` and at the name of the index"
    } else if has(&["refused", "nobody listens", "unreachable"]) {
        "nobody listens there: look at host and port in `url`, and whether the input is started"
    } else if has(&["dns", "lookup", "resolve", "name or service"]) {
        "the name in `url` is not known"
    } else if has(&[
        "timed out",
        "timeout",
        "silent",
        "for 1 s",
        "has read nothing",
        "deadline",
    ]) {
        "no answer came in time: a firewall may be in between, or the receiver is overloaded"
    } else if has(&["429", "503", "busy", "wait"]) {
        "the receiver is busy: try again later"
    } else if has(&["closed the connection", "reset", "broken pipe"]) {
        "the receiver has ended the connection: look whether it expects TLS, or another framing"
    } else {
        "look at the settings of the sink, and at the log of the receiver"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_back_is_followed_by_what_to_do() {
        for (why, expected) in [
            (
                "https://h: invalid peer certificate: UnknownIssuer",
                "`tls.ca_file`",
            ),
            (
                "https://h answers 401 Unauthorized",
                "does not accept the login",
            ),
            (
                "tcp://h:1: Connection refused (os error 111)",
                "nobody listens there",
            ),
            (
                "tcp://h:1: the receiver has read nothing for 30 s",
                "no answer came in time",
            ),
            ("https://h answers 404", "nothing at this path"),
            ("https://h answers 503 (wait 7 s)", "try again later"),
            ("something else", "at the log of the receiver"),
        ] {
            let advice = Checked::NotNow(why.to_owned()).advice();
            assert!(
                advice.starts_with(why) && advice.contains(expected),
                "{advice}"
            );
        }
        let taken = Checked::Taken(Delivered::HandedOver).advice();
        assert!(taken.contains("nothing says whether it arrived"), "{taken}");
    }
}
