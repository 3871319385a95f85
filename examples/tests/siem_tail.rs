//! The tail of the log as somebody runs it: once, and killed and started again.

mod support;

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use huntress::siem::{Checkpoint, Row};
use huntress_simulator::{Fault, FaultKind, Simulator};
use support::{example, with};

fn siem_tail(file: &Path) -> Command {
    let mut command = example("siem_tail");
    command.arg(file);
    command
}

/// The log of this simulator.
fn of(command: Command, simulator: &Simulator) -> Command {
    with(command, simulator, simulator.credentials())
}

/// A file that is not there yet.
fn file(name: &str) -> PathBuf {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_file(&file);
    file
}

fn checkpoint(file: &Path) -> Checkpoint {
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

/// The numbers of the lines that rows are.
fn numbers(text: &str) -> Vec<u64> {
    let number = |line: &str| {
        let row: Row = serde_json::from_str(line).unwrap();
        u64::from_str_radix(&row.uuid().unwrap()[24..], 16).unwrap()
    };
    text.lines().map(number).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_credentials_it_prints_an_hour_of_the_simulators_log() {
    let file = file("once.json");
    let run = || {
        let output = siem_tail(&file).arg("--once").output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{errors}");
        assert!(errors.starts_with("No credentials in the environment: a made-up account"));
        numbers(&String::from_utf8(output.stdout).unwrap())
    };
    let first = run();
    // An hour but for the last five minutes; a line every 90 seconds.
    assert!((36..=38).contains(&first.len()), "{first:?}");
    assert!(
        first.windows(2).all(|two| two[1] == two[0] + 1),
        "{first:?}"
    );
    let complete = checkpoint(&file).complete_until();
    // The same log, since it is made up in the same way on each start.
    let second = run();
    assert!(second.iter().all(|line| line > first.last().unwrap()));
    assert!(second.len() <= 2, "{second:?}");
    assert!(checkpoint(&file).complete_until() >= complete);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_killed_and_started_again_prints_every_row_once() {
    // Some windows, none of them in an instant.
    let latency = FaultKind::Latency {
        least: 50,
        most: 100,
    };
    let builder = Simulator::builder().no_quota().siem_most(8);
    let builder = builder.fault(Fault::new(latency).rate(1.0));
    let simulator = builder.start().await.unwrap();
    let file = file("killed.json");
    let mut command = of(siem_tail(&file), &simulator);
    let piped = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = Kill(piped.spawn().unwrap());
    let mut rows = BufReader::new(child.0.stdout.take().unwrap());
    let mut printed = String::new();
    rows.read_line(&mut printed).unwrap();
    // From now on it gets nothing more. When it says so, what it has printed is kept.
    simulator.inject(Fault::new(FaultKind::Status(401)).rate(1.0));
    let errors = BufReader::new(child.0.stderr.take().unwrap()).lines();
    let told = errors
        .map_while(Result::ok)
        .find(|line| line.starts_with("tries again: "));
    assert!(told.unwrap().contains("401"));
    child.0.kill().unwrap();
    child.0.wait().unwrap();
    std::io::Read::read_to_string(&mut rows, &mut printed).unwrap();
    let before = numbers(&printed);
    assert!(
        (1..30).contains(&before.len()),
        "it was in the middle: {before:?}"
    );

    simulator.clear_faults();
    let output = of(siem_tail(&file), &simulator)
        .arg("--once")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let after = numbers(&String::from_utf8(output.stdout).unwrap());
    assert!(!after.is_empty());
    let all: BTreeSet<_> = before.iter().chain(&after).copied().collect();
    assert_eq!(all.len(), before.len() + after.len(), "a row came twice");
    let (first, last) = (all.first().unwrap(), all.last().unwrap());
    assert_eq!(
        last - first + 1,
        all.len() as u64,
        "a row is missing: {all:?}"
    );
    assert!((36..=38).contains(&all.len()), "{all:?}");
    println!("{} rows before, {} after", before.len(), after.len());
    let once = Duration::from_secs(300);
    let complete = checkpoint(&file).complete_until();
    assert!(huntress::jiff::Timestamp::now() - once >= complete);
}

/// Not left running where a test fails.
struct Kill(Child);

impl Drop for Kill {
    fn drop(&mut self) {
        let _ = self.0.kill();
    }
}

#[test]
fn a_checkpoint_that_is_spoilt_and_a_missing_name_are_errors() {
    let file = file("spoilt.json");
    std::fs::write(&file, "{}").unwrap();
    let output = siem_tail(&file).arg("--once").output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        !output.status.success() && text.contains("missing field"),
        "{text}"
    );
    let output = siem_tail(&file).arg("another").output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        !output.status.success() && text.contains("usage: siem_tail"),
        "{text}"
    );
}
