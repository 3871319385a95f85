//! rsyslog and syslog-ng, as `.ci/receivers` starts them, through the whole outbox: they are ended
//! and started again while records change.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use huntctl::forward::Kind;
use serde_json::Value;

use super::support::{Following, Hearing, Place, Written, options, put, sink, sound, until};
use crate::receivers::syslog;

fn folder() -> PathBuf {
    let folder = std::env::var("HUNTCTL_TEST_RECEIVERS")
        .expect("the feature `receiver-tests` needs receivers, as `.ci/receivers` starts them");
    folder.into()
}

fn port(folder: &Path, name: &str) -> String {
    let ports = std::fs::read_to_string(folder.join("ports")).unwrap();
    let mut lines = ports.lines().filter_map(|line| line.split_once('='));
    lines
        .find(|(other, _)| *other == name)
        .unwrap()
        .1
        .to_owned()
}

/// The ids that it has written.
fn ids(folder: &Path, program: &str) -> Vec<String> {
    let path = folder.join("state").join(format!("{program}.json"));
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let id = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        match program {
            "rsyslog" => {
                let message = syslog::parse(line["rawmsg"].as_str().unwrap().as_bytes());
                syslog::parameter(&message.unwrap(), "id").unwrap()
            }
            _ => line["_SDATA"]["huntress@32473"]["id"]
                .as_str()
                .unwrap()
                .to_owned(),
        }
    };
    whole.lines().map(id).collect()
}

async fn restart(folder: &Path, program: &str) {
    let pid = std::fs::read_to_string(folder.join(format!("{program}.pid"))).unwrap();
    let killed = Command::new("kill").arg(pid.trim()).status().unwrap();
    assert!(killed.success());
    tokio::time::sleep(Duration::from_millis(300)).await;
    let script = folder.join(format!("{program}.sh"));
    let start = format!("sh '{}' &", script.display());
    let started = Command::new("sh").args(["-c", &start]).status().unwrap();
    assert!(started.success());
}

async fn restarted(program: &str, ports: &str, first: i64) {
    let folder = folder();
    let ca = folder.join("ca.pem");
    for (number, (way, tls)) in [
        ("tcp", String::new()),
        ("tls", format!("tls = {{ca_file = '{}'}}", ca.display())),
    ]
    .into_iter()
    .enumerate()
    {
        let place = Place::sqlite();
        let store = place.store().await;
        let port = port(&folder, &format!("{ports}_{way}"));
        let settings =
            format!("transport = 'syslog'\nurl = '{way}://127.0.0.1:{port}'\ntimeout = 2\n{tls}");
        let sink = sink("siem", toml::from_str(&settings).unwrap());
        let options = huntctl::forward::Options {
            follow: Some(Duration::from_millis(5)),
            lease: Duration::from_secs(20),
            ..options()
        };
        let told = Hearing::default();
        let following = Following::telling(&store, vec![sink], options, &told);
        let mut written = Written::default();
        // Ids of its own: the file has those of other cases.
        let first = first + 1_000 * i64::try_from(number).unwrap();
        let changes = async {
            for round in 1..=60 {
                let ids = (0..20)
                    .filter(|id| (id + round) % 3 == 0)
                    .map(|id| first + id);
                let records: Vec<_> = ids.map(|id| written.incident(id, round)).collect();
                put(&store, Kind::Incident, &records).await;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::join!(changes, async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            restart(&folder, program).await;
        });
        let arrived = async || written.count(&ids(&folder, program)).lost == 0;
        until("everything is written", arrived).await;
        following
            .end()
            .await
            .into_iter()
            .for_each(|report| drop(sound(report)));
        let (lost, repeated) = written.compare(program, &ids(&folder, program));
        let failed = told
            .said()
            .iter()
            .filter(|text| text.starts_with("Failed"))
            .count();
        println!(
            "{program} by {way}, restarted: {lost} lost, {repeated} repeated, {failed} attempts failed"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn debians_rsyslog() {
    restarted("rsyslog", "rsyslog", 10_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn debians_syslog_ng() {
    restarted("syslog-ng", "syslogng", 20_000).await;
}
