//! From a webhook to a SIEM: the verbs `receive` and `pull` with a sink in `huntctl.toml`.

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::time::{Duration, Instant};

use huntress_simulator::{EventType, Simulator};
use serde_json::{Value, json};

use super::verb::{Process, against, signal, told};
use crate::support::{deliver, small};

const SINK: &str = "[[sink]]\nname = \"siem\"\ntransport = \"file\"\npath = \"siem.ndjson\"\n\
                    kinds = [\"incident\"]\nfrom = \"all\"\n";

/// The numbers of the incidents that the SIEM was told of, in their order. What a sender that
/// was killed had no time to note is told again under its id, and counts once.
fn told_of(folder: &Path) -> Vec<i64> {
    let text = std::fs::read_to_string(folder.join("siem.ndjson")).unwrap_or_default();
    let mut ids = HashSet::new();
    let events = text.lines().map(|line| serde_json::from_str(line).unwrap());
    let events = events.filter(|event: &Value| {
        ids.insert(event["huntctl"]["event_id"].as_str().unwrap().to_owned())
    });
    events.map(|event| number(&event)).collect()
}

async fn until(folder: &Path, count: usize) -> Vec<i64> {
    let began = Instant::now();
    loop {
        let told = told_of(folder);
        if told.len() >= count {
            return told;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{told:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn number(event: &Value) -> i64 {
    event["id"].as_i64().unwrap()
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn what_a_webhook_tells_of_stands_in_the_siem_seconds_later_once() {
    let simulator = small().start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("huntctl.toml"), SINK).unwrap();
    let mut expected = Vec::new();
    // What comes while it is killed at once is told by the next one.
    for round in 0..3 {
        let mut command = against(
            &simulator,
            folder.path(),
            &["receive", "--listen", "127.0.0.1:0"],
        );
        let mut child = Process(command.spawn().unwrap());
        let mut lines = BufReader::new(child.0.stderr.take().unwrap()).lines();
        let url = told(&mut lines, "listening at ");
        let event = simulator.happen(EventType::IncidentReportCreated);
        expected.push(number(&event));
        let body = event.to_string();
        for _ in 0..2 {
            let id = format!("msg_{round}");
            assert_eq!(deliver(&url, &id, body.as_bytes()).await, 200);
        }
        if round == 1 {
            child.0.kill().unwrap();
            continue;
        }
        assert_eq!(until(folder.path(), expected.len()).await, expected);
        signal(&child.0, "TERM");
        let ended = tokio::task::spawn_blocking(move || child.0.wait().unwrap());
        assert!(ended.await.unwrap().success());
    }
    assert_eq!(told_of(folder.path()), expected);
}

fn pull(simulator: &Simulator, folder: &Path) -> std::process::Output {
    against(simulator, folder, &["pull"]).output().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_forwards_what_it_has_changed() {
    let simulator = small().incident_reports(4).start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("huntctl.toml");
    std::fs::write(&config, SINK).unwrap();
    let run = || tokio::task::block_in_place(|| pull(&simulator, folder.path()));
    let first = run();
    assert!(first.status.success(), "{first:?}");
    assert_eq!(told_of(folder.path()).len(), 4);
    assert!(run().status.success());
    assert_eq!(told_of(folder.path()).len(), 4);
    let changed = json!({"severity": "critical", "subject": "now"});
    let changed = number(&simulator.put("incident_reports", changed).unwrap());
    assert!(run().status.success());
    assert_eq!(told_of(folder.path())[4..], [changed]);

    // A sink that cannot be used is told before anything is asked for.
    let sink = "[[sink]]\nname = \"hec\"\ntransport = \"splunk\"\nurl = \"http://127.0.0.1:1\"\n\
                token = \"env:NOT_SET\"\n";
    std::fs::write(&config, sink).unwrap();
    let refused = run();
    let text = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2), "{text}");
    assert!(
        text.contains("sink hec") && text.contains("NOT_SET"),
        "{text}"
    );
    assert!(refused.stdout.is_empty());
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_pull_that_stays_up_forwards_meanwhile() {
    let simulator = small().incident_reports(4).start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("huntctl.toml"), SINK).unwrap();
    let mut command = against(&simulator, folder.path(), &["pull", "--every", "2s"]);
    let mut child = Process(command.spawn().unwrap());
    until(folder.path(), 4).await;
    let changed = json!({"severity": "critical", "subject": "now"});
    let changed = number(&simulator.put("incident_reports", changed).unwrap());
    assert_eq!(until(folder.path(), 5).await[4..], [changed]);
    signal(&child.0, "TERM");
    let ended = tokio::task::spawn_blocking(move || child.0.wait().unwrap());
    assert!(ended.await.unwrap().success());
}
