//! The verbs `pull` and `status` as a user runs them.

use std::path::Path;
use std::process::{Command, Output};

use rusqlite::Connection;
use serde_json::Value;

fn huntctl(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_huntctl"))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("HOME", folder)
        .env("HUNTCTL_STORE", "sqlite:huntress.db")
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn one_command_puts_an_account_into_a_database_and_the_next_one_only_what_has_changed() {
    let folder = tempfile::tempdir().unwrap();
    let first = huntctl(folder.path(), &["--simulator", "pull"]);
    assert!(first.status.success(), "{}", text(&first.stderr));
    let lines = text(&first.stdout);
    assert_eq!(lines.lines().count(), 2, "{lines}");
    let database = Connection::open(folder.path().join("huntress.db")).unwrap();
    let count = |sql: &str| -> i64 { database.query_row(sql, [], |row| row.get(0)).unwrap() };
    assert_eq!(
        count("SELECT count(*) FROM organizations WHERE account_id = 1"),
        14
    );
    assert!(count("SELECT count(*) FROM agents") > 100);
    assert!(count("SELECT count(*) FROM open_incidents") > 0);
    assert!(count("SELECT count(*) FROM organizations_daily") >= 14);
    drop(database);

    let again = huntctl(folder.path(), &["--simulator", "--json", "pull"]);
    let reports = text(&again.stdout);
    assert_eq!(reports.lines().count(), 2, "{reports}");
    for report in reports.lines() {
        let report: Value = serde_json::from_str(report).unwrap();
        assert_eq!(report["new"], 0, "{report}");
        assert!(report["requests"].as_u64().unwrap() <= 12, "{report}");
    }

    let status = huntctl(
        folder.path(),
        &["--json", "--simulator", "status", "--max-age", "1h"],
    );
    assert!(status.status.success(), "{}", text(&status.stderr));
    let status: Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(status["accounts"][0]["outcome"], "complete");
    assert!(status["lists"].as_array().unwrap().len() > 20);
}

#[test]
fn what_cannot_be_meant_is_refused_before_anything_is_done() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, word) in [
        (&["pull", "--every", "soon"][..], "15m"),
        (&["pull", "--full-every-of", "agents"], "agents=6h"),
        (&["pull", "--at-once", "0"], "0"),
        (
            &["--simulator", "pull", "--accept-missing", "agent"],
            "agent",
        ),
        (&["--simulator", "pull", "--accept-account", "x"], "x"),
        (&["status", "--max-age=-1h"], "negative"),
    ] {
        let output = huntctl(folder.path(), arguments);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
        assert!(error.contains(word), "{arguments:?}: {error}");
    }
}

/// A `pull --every` ends at once when it is told to, and that is no failure.
#[cfg(unix)]
#[test]
fn one_that_stays_up_ends_when_it_is_told_to() {
    use std::io::{BufRead as _, BufReader};

    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_huntctl"))
        .args(["--simulator", "pull", "--every", "1h"])
        .current_dir(folder.path())
        .env_clear()
        .env("HOME", folder.path())
        .env("HUNTCTL_STORE", "sqlite:huntress.db")
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.next().unwrap().unwrap();
    let kill = format!("kill {}", child.id());
    let killed = Command::new("sh").args(["-c", &kill]).status();
    assert!(killed.unwrap().success());
    assert!(child.wait().unwrap().success());
}
