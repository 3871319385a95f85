//! Receivers that others wrote, as `.ci/receivers` starts them.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use huntctl::transport::{Delivered, Event, Sink};
use serde_json::{Map, Value};

use crate::outbox::{Outbox, deliver};
use crate::receivers::{cef, syslog};
use crate::{count, events};

/// The folder of `.ci/receivers`.
struct Place {
    folder: PathBuf,
    ports: BTreeMap<String, String>,
}

/// What a receiver wrote of one event.
#[derive(Debug)]
struct Written {
    id: String,
    text: String,
}

impl Place {
    fn find() -> Self {
        let folder = std::env::var("HUNTCTL_TEST_RECEIVERS")
            .expect("the feature `receiver-tests` needs receivers, as `.ci/receivers` starts them");
        let folder = PathBuf::from(folder);
        let ports = std::fs::read_to_string(folder.join("ports")).unwrap();
        let port = |line: &str| {
            let (name, port) = line.split_once('=').unwrap();
            (name.to_owned(), port.to_owned())
        };
        let ports = ports.lines().map(port).collect();
        Self { folder, ports }
    }

    fn sink(&self, port: &str, settings: &str) -> Sink {
        let ca = self.folder.join("ca.pem");
        let settings = settings
            .replace("PORT", &self.ports[port])
            .replace("CA", ca.to_str().unwrap());
        Sink::open(&toml::from_str(&settings).unwrap()).unwrap()
    }

    fn lines(&self, file: &str) -> Vec<Map<String, Value>> {
        let path = self.folder.join("state").join(file);
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let whole = text
            .rsplit_once('\n')
            .map(|(whole, _)| whole)
            .unwrap_or_default();
        whole
            .lines()
            .map(|line| serde_json::from_str(line).expect(line))
            .collect()
    }

    /// What was written of these events, once all are there or nothing comes any more.
    async fn wait(
        &self,
        ids: &HashSet<String>,
        read: impl Fn(&Self) -> Vec<Written>,
    ) -> Vec<Written> {
        let mut mine = Vec::new();
        for _ in 0..100 {
            mine = read(self);
            mine.retain(|written| ids.contains(&written.id));
            if mine
                .iter()
                .map(|written| &written.id)
                .collect::<HashSet<_>>()
                .len()
                == ids.len()
            {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        mine
    }

    /// Ends it and starts it again.
    async fn restart(&self, name: &str) {
        let pid = std::fs::read_to_string(self.folder.join(format!("{name}.pid"))).unwrap();
        assert!(
            Command::new("kill")
                .arg(pid.trim())
                .status()
                .unwrap()
                .success()
        );
        tokio::time::sleep(Duration::from_millis(300)).await;
        let script = self.folder.join(format!("{name}.sh"));
        let start = format!("sh '{}' &", script.display());
        let started = Command::new("sh").args(["-c", &start]).status();
        assert!(started.unwrap().success());
    }
}

fn rsyslog(place: &Place) -> Vec<Written> {
    let written = |line: Map<String, Value>| {
        let message = syslog::parse(line["rawmsg"].as_str().unwrap().as_bytes()).unwrap();
        let text = line["msg"].as_str().unwrap();
        Written {
            id: syslog::parameter(&message, "id").unwrap(),
            // It keeps the mark.
            text: text.trim_start_matches('\u{feff}').to_owned(),
        }
    };
    place
        .lines("rsyslog.json")
        .into_iter()
        .map(written)
        .collect()
}

fn syslog_ng(place: &Place) -> Vec<Written> {
    let written = |line: Map<String, Value>| {
        let field = |name: &str| {
            line.get(name)
                .unwrap_or_else(|| panic!("no {name}: {line:?}"))
        };
        let id = &field("_SDATA")["huntress@32473"]["id"];
        Written {
            id: id.as_str().unwrap().to_owned(),
            text: field("MESSAGE").as_str().unwrap().to_owned(),
        }
    };
    place
        .lines("syslog-ng.json")
        .into_iter()
        .map(written)
        .collect()
}

/// Ten records in so many states, with ids of their own.
fn events_of(case: &str, states: usize) -> (Vec<Event>, HashSet<String>) {
    let mut events = events(states);
    for event in &mut events {
        event.id = format!("{case} {}", event.id);
        event.record = format!("{case} {}", event.record);
    }
    let ids = events.iter().map(|event| event.id.clone()).collect();
    (events, ids)
}

const WAYS: [(&str, &str, &str); 3] = [
    (
        "JSON by UDP",
        "udp",
        "transport = 'syslog'\nurl = 'udp://127.0.0.1:PORT'",
    ),
    (
        "JSON by TCP",
        "tcp",
        "transport = 'syslog'\nurl = 'tcp://127.0.0.1:PORT'",
    ),
    (
        "JSON by TLS",
        "tls",
        "transport = 'syslog'\nurl = 'tls://127.0.0.1:PORT'\ntls = {ca_file = 'CA'}",
    ),
];
const CEF: (&str, &str, &str) = (
    "CEF by TLS",
    "tls",
    "transport = 'syslog'\nformat = 'cef'\nurl = 'tls://127.0.0.1:PORT'\ntls = {ca_file = 'CA'}",
);
const LINES: (&str, &str, &str) = (
    "lines by TCP",
    "tcp",
    "transport = 'syslog'\nframing = 'lf'\nurl = 'tcp://127.0.0.1:PORT'",
);

async fn every_way(server: &str, ways: &[(&str, &str, &str)], read: fn(&Place) -> Vec<Written>) {
    let place = Place::find();
    for (case, way, settings) in ways {
        let mut sink = place.sink(&format!("{server}_{way}"), settings);
        let (events, ids) = events_of(case, 4);
        let outbox = deliver(&mut sink, &events).await;
        let promised = if *way == "udp" {
            Delivered::HandedOver
        } else {
            Delivered::Acknowledged
        };
        assert_eq!(outbox.delivered, promised);
        let written = place.wait(&ids, read).await;
        let taken: Vec<_> = written.iter().map(|written| written.id.clone()).collect();
        let sent: Vec<_> = events.iter().map(|event| event.id.clone()).collect();
        assert_eq!(taken, sent, "{server}: {case}");
        for (event, written) in events.iter().zip(&written) {
            if case.starts_with("CEF") {
                let cef = cef::parse(&written.text).unwrap();
                assert_eq!(cef.fields["externalId"], event.id);
            } else {
                let body: Map<String, Value> = serde_json::from_str(&written.text).unwrap();
                assert_eq!(body, event.body, "{server}: {case}");
            }
        }
        println!("{server}: {case}: {} of {}", written.len(), events.len());
    }
}

/// While it is sent to, it is ended and started again.
async fn restarted(server: &str, program: &str, read: fn(&Place) -> Vec<Written>) {
    let place = Place::find();
    for (case, way, settings) in &WAYS[1..] {
        let settings = format!("{settings}\ntimeout = 2");
        let mut sink = place.sink(&format!("{server}_{way}"), &settings);
        let case = format!("restart, {case}");
        let (events, ids) = events_of(&case, 40);
        let mut outbox = Outbox::new(&events);
        let sending = outbox.run(&mut sink, 200);
        let (_, ()) = tokio::join!(sending, async {
            tokio::time::sleep(Duration::from_millis(40)).await;
            place.restart(program).await;
        });
        assert!(outbox.is_empty(), "{:?}", outbox.said);
        let written = place.wait(&ids, read).await;
        let taken: Vec<_> = written.into_iter().map(|written| written.id).collect();
        let (lost, repeated) = count(&case, &ids, &taken);
        let failed = outbox.said.len();
        println!("{server}: {case}: {lost} lost, {repeated} repeated, {failed} attempts failed");
        assert_eq!(lost, 0, "{server}: {case}");
        assert!(failed > 0, "{server}: {case}: it was not noticed");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn debians_rsyslog() {
    every_way("rsyslog", &[WAYS[0], WAYS[1], WAYS[2], CEF, LINES], rsyslog).await;
    restarted("rsyslog", "rsyslog", rsyslog).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn debians_syslog_ng() {
    every_way("syslogng", &[WAYS[0], WAYS[1], WAYS[2], CEF], syslog_ng).await;
    restarted("syslogng", "syslog-ng", syslog_ng).await;
}

#[tokio::test]
async fn a_gelf_server_of_npm() {
    let place = Place::find();
    for gzip in [false, true] {
        let settings = format!("transport = 'gelf'\nurl = 'udp://127.0.0.1:PORT'\ngzip = {gzip}");
        let mut sink = place.sink("gelf_udp", &settings);
        let (mut events, ids) = events_of(&format!("gzip {gzip}"), 4);
        for (number, event) in events.iter_mut().enumerate() {
            // Chunks, of which a socket that nobody has read holds a few.
            let noise = std::iter::repeat_with(fastrand::alphanumeric).take(number * 600);
            event
                .body
                .insert("noise".into(), noise.collect::<String>().into());
        }
        for event in &events {
            deliver(&mut sink, std::slice::from_ref(event)).await;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let read = |place: &Place| {
            let written = |line: Map<String, Value>| Written {
                id: line["_huntress_event_id"].as_str().unwrap().to_owned(),
                text: line["_noise"].as_str().unwrap().to_owned(),
            };
            place.lines("gelf.json").into_iter().map(written).collect()
        };
        let written = place.wait(&ids, read).await;
        assert_eq!(written.len(), events.len());
        for (event, written) in events.iter().zip(&written) {
            assert_eq!(
                (&event.id, &event.body["noise"]),
                (&written.id, &Value::from(written.text.clone()))
            );
        }
        println!(
            "GELF of npm, gzip {gzip}: {} of {}",
            written.len(),
            events.len()
        );
    }
}
