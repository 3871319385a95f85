//! Syslog of RFC 5424, by UDP (RFC 5426), TCP (RFC 6587) or TLS (RFC 5425).
//!
//! The message is the body as JSON, or CEF. The stable id, the record and the kind are in the
//! structured data, where receivers find them without looking into the message; so is the mark
//! of an event that was shortened.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::connection::Connection;
use super::datagrams::Datagrams;
use super::fit::fit;
use super::{Endpoint, Event, Report, TlsSettings, cef, framed};
use crate::failure::{Exit, Failure};

/// The largest payload of a datagram.
const DATAGRAM: usize = 65_507;

/// A syslog server.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SyslogSettings {
    /// `udp://` or `tcp://` (port 514), `tls://` (port 6514).
    pub url: Endpoint,
    /// For `tls`.
    #[serde(default)]
    pub tls: TlsSettings,
    /// What the message is.
    #[serde(default)]
    pub format: Format,
    /// TCP: how messages are told apart. TLS knows octet counting alone.
    #[serde(default)]
    pub framing: Framing,
    /// 0 to 23; 16, local0, unless told otherwise; 13 is the log audit.
    #[serde(default = "local0")]
    pub facility: u8,
    /// The name of the program. `huntress` unless told otherwise.
    #[serde(default = "app_name")]
    pub app_name: String,
    /// The private enterprise number of `huntress@NUMBER`. 32473 unless told otherwise, the one
    /// for documentation; the IANA gives others.
    #[serde(default = "documentation")]
    pub enterprise_id: u32,
    /// Whether a message of JSON begins with a byte order mark, as the RFC asks of UTF-8. On
    /// unless told otherwise; a receiver that takes it for text needs it off.
    #[serde(default = "super::yes")]
    pub bom: bool,
    /// The largest message; longer ones are shortened. 8,192 unless told otherwise, which is
    /// what rsyslog takes unless told otherwise.
    #[serde(default = "largest")]
    pub max_bytes: usize,
    /// CEF: fields in addition to or in place of the usual ones, each with its place in the
    /// body, such as `cs5 = "organization.name"`.
    #[serde(default)]
    pub fields: BTreeMap<String, String>,
    /// TCP and TLS: end the stream after each batch and wait for the receiver's end, the sign
    /// that it has read everything. On unless told otherwise.
    #[serde(default = "super::yes")]
    pub confirm: bool,
    /// Seconds that the receiver may be silent or read nothing. 30 unless told otherwise.
    #[serde(default = "super::patience")]
    pub timeout: u64,
}

/// What a syslog message is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// The body as JSON.
    #[default]
    Json,
    /// The Common Event Format, version 0.
    Cef,
}

/// How messages are told apart on a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Framing {
    /// Each has its length before it.
    #[default]
    OctetCounting,
    /// Each has a line feed after it.
    Lf,
}

fn local0() -> u8 {
    16
}

fn app_name() -> String {
    "huntress".to_owned()
}

fn documentation() -> u32 {
    32473
}

fn largest() -> usize {
    8192
}

pub(super) struct Syslog {
    settings: SyslogSettings,
    fields: BTreeMap<String, String>,
    way: Way,
}

enum Way {
    Udp(Datagrams),
    Stream(Connection),
}

impl Syslog {
    pub(super) fn open(settings: &SyslogSettings) -> Result<Self, Failure> {
        let url = &settings.url;
        url.expect("syslog", &["udp", "tcp", "tls"])?;
        let wrong = |text: &str| Err(Failure::new(Exit::Usage, format!("syslog: {text}")));
        if settings.facility > 23 {
            return wrong("`facility` must be from 0 to 23");
        }
        if settings.max_bytes < 480 {
            return wrong("`max_bytes` must be at least 480, which every receiver takes");
        }
        let patience = Duration::from_secs(settings.timeout);
        let stream = |port, tls| Connection::open(url, port, tls, settings.confirm, patience);
        let mut settings = settings.clone();
        let way = match url.scheme() {
            "udp" => {
                settings.max_bytes = settings.max_bytes.min(DATAGRAM);
                Way::Udp(Datagrams::open(url, 514))
            }
            "tcp" => Way::Stream(stream(514, None)?),
            _ if settings.framing == Framing::Lf => {
                return wrong("TLS knows no `framing` but octet counting");
            }
            _ => Way::Stream(stream(6514, Some(&settings.tls))?),
        };
        let fields = cef::fields(&settings.fields)?;
        Ok(Self {
            settings,
            fields,
            way,
        })
    }

    pub(super) async fn send(&mut self, events: &[Event]) -> Report {
        let Self {
            settings,
            fields,
            way,
        } = self;
        let render = |event: &Event, full| message(settings, fields, event, full);
        let fitted = |event: &Event| fit(event, settings.max_bytes, render);
        match way {
            Way::Udp(socket) => {
                let (datagrams, refused) = framed(events, |event| Some(vec![fitted(event)?]));
                Report::whole(events, socket.send(&datagrams).await, refused)
            }
            Way::Stream(connection) => {
                let frame = |event: &Event| Some(vec![frame(settings.framing, fitted(event)?)]);
                let (frames, refused) = framed(events, frame);
                Report::whole(events, connection.send(&frames.concat()).await, refused)
            }
        }
    }
}

fn frame(framing: Framing, mut message: Vec<u8>) -> Vec<u8> {
    match framing {
        Framing::OctetCounting => {
            let mut frame = format!("{} ", message.len()).into_bytes();
            frame.append(&mut message);
            frame
        }
        // There is none inside: JSON and CEF escape them, and the rest has no controls.
        Framing::Lf => {
            message.push(b'\n');
            message
        }
    }
}

fn message(
    settings: &SyslogSettings,
    fields: &BTreeMap<String, String>,
    event: &Event,
    full: Option<usize>,
) -> Vec<u8> {
    let priority = u16::from(settings.facility) * 8 + u16::from(event.severity.syslog());
    let time = format!("{:.6}", event.time);
    let host = header(&event.host.replace(is_no_host, "_"), 255);
    let app = header(&settings.app_name, 48);
    let kind = header(&event.kind, 32);
    let mut data = format!("[huntress@{}", settings.enterprise_id);
    parameter(&mut data, "id", &event.id);
    parameter(&mut data, "record", &event.record);
    parameter(&mut data, "kind", &event.kind);
    if let Some(full) = full {
        parameter(&mut data, "truncated", "true");
        parameter(&mut data, "fullBytes", &full.to_string());
    }
    data.push(']');
    let (mark, text) = match settings.format {
        Format::Json if settings.bom => ("\u{feff}", Value::from(event.body.clone()).to_string()),
        Format::Json => ("", Value::from(event.body.clone()).to_string()),
        Format::Cef => ("", cef::message(event, fields)),
    };
    format!("<{priority}>1 {time} {host} {app} - {kind} {data} {mark}{text}").into_bytes()
}

/// A field of the header: printable ASCII without spaces, and never empty.
fn header(text: &str, longest: usize) -> String {
    let printable = |c: char| if c.is_ascii_graphic() { c } else { '_' };
    let text: String = text.chars().take(longest).map(printable).collect();
    if text.is_empty() {
        "-".to_owned()
    } else {
        text
    }
}

/// What is in no name of a machine. The RFC allows more, but syslog-ng does not understand a
/// message apart that has it.
fn is_no_host(c: char) -> bool {
    !c.is_ascii_alphanumeric() && !"-_.".contains(c)
}

fn parameter(data: &mut String, name: &str, value: &str) {
    data.push(' ');
    data.push_str(name);
    data.push_str("=\"");
    for c in value.chars() {
        match c {
            '"' | '\\' | ']' => data.extend(['\\', c]),
            c if c.is_control() => data.push(' '),
            c => data.push(c),
        }
    }
    data.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::flatten::tests::event;
    use serde_json::json;

    fn settings(rest: &str) -> SyslogSettings {
        toml::from_str(&format!("url = \"tcp://localhost\"\n{rest}")).unwrap()
    }

    fn text(settings: &SyslogSettings, event: &Event, full: Option<usize>) -> String {
        let fields = cef::fields(&settings.fields).unwrap();
        String::from_utf8(message(settings, &fields, event, full)).unwrap()
    }

    #[test]
    fn the_message_as_the_rfc_has_it() {
        let event = event(json!({"id": 7}));
        assert_eq!(
            text(&settings(""), &event, None),
            "<131>1 2026-06-01T12:00:00.250000Z PC-1 huntress - incident [huntress@32473 \
             id=\"incident:7:1\" record=\"incident:7\" kind=\"incident\"] \u{feff}{\"id\":7}"
        );
        let other = settings("facility = 13\nenterprise_id = 7\nbom = false\napp_name = \"a b\"");
        assert_eq!(
            text(&other, &event, Some(9000)),
            "<107>1 2026-06-01T12:00:00.250000Z PC-1 a_b - incident [huntress@7 \
             id=\"incident:7:1\" record=\"incident:7\" kind=\"incident\" truncated=\"true\" \
             fullBytes=\"9000\"] {\"id\":7}"
        );
    }

    #[test]
    fn no_text_leaves_its_place() {
        let mut event = event(json!({"t": "a\nb\0c"}));
        event.id = "a\"b]c\\d\ne".into();
        event.host = "Zoë [PC\r\n".into();
        event.kind = String::new();
        let text = text(&settings("bom = false"), &event, None);
        assert!(
            text.contains(" Zo___PC__ huntress - - [huntress@32473 "),
            "{text}"
        );
        assert!(text.contains(r#" id="a\"b\]c\\d e" "#), "{text}");
        assert!(text.ends_with(r#" kind=""] {"t":"a\nb\u0000c"}"#), "{text}");
    }

    #[test]
    fn frames() {
        let framed = |framing| frame(framing, b"abc".to_vec());
        assert_eq!(framed(Framing::OctetCounting), b"3 abc");
        assert_eq!(framed(Framing::Lf), b"abc\n");
    }

    #[test]
    fn settings_that_cannot_work_are_told() {
        let wrong = |mut settings: SyslogSettings, url: &str| {
            settings.url = url.parse().unwrap();
            Syslog::open(&settings).err().unwrap().to_string()
        };
        assert_eq!(
            wrong(settings("framing = \"lf\""), "tls://h"),
            "syslog: TLS knows no `framing` but octet counting"
        );
        assert_eq!(
            wrong(settings(""), "http://h"),
            "syslog: the URL http://h must begin with one of udp, tcp, tls"
        );
        assert_eq!(
            wrong(settings("facility = 24"), "udp://h"),
            "syslog: `facility` must be from 0 to 23"
        );
    }
}
