//! Whatever an event holds, it comes out of the wire as it went in: through sockets of the real
//! transports and parsers that others wrote, or that were written from the formats alone.

use std::sync::{Arc, Mutex};

use huntctl::transport::{Event, Severity, Sink};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value, json};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::receivers::{cef, gelf, syslog};

/// Connections of one receiver, as bytes.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<u8>>>);

async fn listen(heard: Heard) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut bytes = Vec::new();
            stream.read_to_end(&mut bytes).await.unwrap();
            heard.0.lock().unwrap().extend(bytes);
        }
    });
    address
}

fn event() -> impl Strategy<Value = Event> {
    let text = || prop_oneof![".{0,40}", "[\\PC\\n\\r\\t\0|=\\\\\"\\]]{0,40}"];
    (text(), text(), text(), text(), 0..5usize).prop_map(|(id, kind, host, summary, severity)| {
        let Value::Object(body) = json!({
            "id": id, "status": summary, "agent_id": severity, "text": host,
            "nested": {"deeper": kind}
        }) else {
            unreachable!()
        };
        Event {
            record: format!("record {id}"),
            id,
            kind,
            time: "2026-06-01T12:00:00.25Z".parse().unwrap(),
            host,
            severity: [
                Severity::Critical,
                Severity::High,
                Severity::Medium,
                Severity::Low,
                Severity::Info,
            ][severity],
            summary,
            body,
        }
    })
}

/// Sends generated batches by these settings and gives what was heard to `check`.
#[track_caller]
fn round_trip(settings: &str, check: impl Fn(&[Event], &[u8]) -> Result<(), String>) {
    let runtime = Runtime::new().unwrap();
    let heard = Heard::default();
    let address = runtime.block_on(listen(heard.clone()));
    let settings = settings.replace("ADDRESS", &address);
    let mut sink = Sink::open(&toml::from_str(&settings).unwrap()).unwrap();
    let sink = std::cell::RefCell::new(&mut sink);
    let mut runner = TestRunner::new_with_rng(
        Config {
            failure_persistence: None,
            ..Config::with_cases(40)
        },
        proptest::test_runner::TestRng::deterministic_rng(Default::default()),
    );
    let batches = prop::collection::vec(event(), 1..20);
    let tried = runner.run(&batches, |batch| {
        let report = runtime.block_on(sink.borrow_mut().send(&batch));
        prop_assert_eq!(report.done, batch.len());
        // It has read everything: the transport says so only then.
        let bytes = std::mem::take(&mut *heard.0.lock().unwrap());
        check(&batch, &bytes).map_err(TestCaseError::fail)
    });
    tried.unwrap();
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, got: T, sent: T) -> Result<(), String> {
    if got == sent {
        return Ok(());
    }
    Err(format!("{what}: {got:?} is not {sent:?}"))
}

fn without_controls(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

fn in_header(text: &str, allowed: impl Fn(char) -> bool, longest: usize) -> Option<String> {
    let plain = |c: char| if allowed(c) { c } else { '_' };
    let text: String = text.chars().take(longest).map(plain).collect();
    (!text.is_empty() && text != "-").then_some(text)
}

fn in_host(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_.".contains(c)
}

#[test]
fn gelf_by_nul() {
    round_trip(
        "transport = 'gelf'\nurl = 'tcp://ADDRESS'",
        |events, bytes| {
            let (messages, whole) = gelf::split(bytes)?;
            same(
                "length",
                (messages.len(), whole),
                (events.len(), bytes.len()),
            )?;
            for (event, message) in events.iter().zip(messages) {
                let message = gelf::parse(message)?;
                same("id", &message["_huntress_event_id"], &json!(event.id))?;
                same("own id", &message["_huntress_id"], &json!(event.id))?;
                same("field", &message["_text"], &json!(event.host))?;
                same("nested", &message["_nested_deeper"], &json!(event.kind))?;
                if !event.summary.trim().is_empty() {
                    same("summary", &message["short_message"], &json!(event.summary))?;
                }
            }
            Ok(())
        },
    );
}

fn check_syslog(event: &Event, message: &[u8]) -> Result<syslog_rfc5424::SyslogMessage, String> {
    let message = syslog::parse(message)?;
    same("severity", message.severity as u8, event.severity.syslog())?;
    same("facility", message.facility as u8, 16)?;
    same(
        "host",
        message.hostname.clone(),
        in_header(&event.host, in_host, 255),
    )?;
    same(
        "kind",
        message.msgid.clone(),
        in_header(&event.kind, |c| c.is_ascii_graphic(), 32),
    )?;
    let parameter = |name: &str| syslog::parameter(&message, name).unwrap_or_default();
    same("id", parameter("id"), without_controls(&event.id))?;
    same(
        "record",
        parameter("record"),
        without_controls(&event.record),
    )?;
    same("kind", parameter("kind"), without_controls(&event.kind))?;
    Ok(message)
}

fn check_json(events: &[Event], messages: Vec<&[u8]>) -> Result<(), String> {
    same("length", messages.len(), events.len())?;
    for (event, message) in events.iter().zip(messages) {
        let message = check_syslog(event, message)?;
        let body: Map<String, Value> =
            serde_json::from_str(syslog::text(&message)).map_err(|error| error.to_string())?;
        same("body", &body, &event.body)?;
    }
    Ok(())
}

#[test]
fn syslog_by_length() {
    round_trip(
        "transport = 'syslog'\nurl = 'tcp://ADDRESS'",
        |events, bytes| {
            let (messages, whole) = syslog::split_counted(bytes)?;
            same("length", whole, bytes.len())?;
            check_json(events, messages)
        },
    );
}

#[test]
fn syslog_by_line_feed() {
    let settings = "transport = 'syslog'\nurl = 'tcp://ADDRESS'\nframing = 'lf'";
    round_trip(settings, |events, bytes| {
        let (messages, whole) = syslog::split_lines(bytes)?;
        same("length", whole, bytes.len())?;
        check_json(events, messages)
    });
}

#[test]
fn cef_in_syslog() {
    let settings = "transport = 'syslog'\nformat = 'cef'\nurl = 'tcp://ADDRESS'\nfields = {suser = 'nested.deeper'}";
    round_trip(settings, |events, bytes| {
        let (messages, whole) = syslog::split_counted(bytes)?;
        same(
            "length",
            (messages.len(), whole),
            (events.len(), bytes.len()),
        )?;
        for (event, message) in events.iter().zip(messages) {
            let message = check_syslog(event, message)?;
            let cef = cef::parse(&message.msg)?;
            let header = [
                "Huntress",
                "Huntress",
                "1",
                &without_controls(&event.kind),
                &without_controls(&event.summary),
                &event.severity.cef().to_string(),
            ];
            same("header", cef.header, header.map(str::to_owned).to_vec())?;
            let lines = |text: &str| -> String {
                let keep = |c: char| c == '\n' || c == '\r' || !c.is_control();
                text.chars()
                    .map(|c| if keep(c) { c } else { ' ' })
                    .collect()
            };
            for (key, text) in [
                ("externalId", &event.id),
                ("msg", &event.summary),
                ("cs1", &event.summary),
                ("dvchost", &event.host),
                ("suser", &event.kind),
            ] {
                let got = cef.fields.get(key).cloned().unwrap_or_default();
                same(key, got, lines(text))?;
            }
        }
        Ok(())
    });
}
