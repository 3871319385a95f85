//! The program as a whole: help, completions, man pages, signals, and what its README says.

mod support;

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::document::{choices, document, operations, plain};
use support::{Answer, Huntctl, Server};

#[test]
fn help_names_every_status_and_every_operation() {
    let huntctl = Huntctl::new();
    let help = huntctl.run(&["--help"]).ok().stdout;
    for status in [
        "  0 ",
        "  2 ",
        "  5    a write may have taken effect",
        "  7 ",
        "  130, 143",
    ] {
        assert!(help.contains(status), "{help}");
    }
    assert!(
        huntctl
            .run(&["--version"])
            .ok()
            .stdout
            .starts_with("huntctl 0")
    );
    let help = huntctl.run(&["api", "--help"]).ok().stdout;
    let list = huntctl.run(&["api"]).ok().stdout;
    let listed = huntctl.run(&["api", "--list", "--json"]).ok().stdout;
    let listed: Value = serde_json::from_str(&listed).unwrap();
    for operation in operations(&document()) {
        assert_eq!(
            help.matches(&format!("  {} ", operation.id)).count(),
            1,
            "{help}"
        );
        assert!(
            list.lines()
                .any(|line| line.starts_with(&format!("{}\t", operation.id)))
        );
        let mut listed = listed.as_array().unwrap().iter();
        assert!(listed.any(|it| it["operation"] == operation.id && it["path"] == operation.path));
    }
}

#[test]
fn help_of_an_operation_has_our_docs_and_its_values() {
    let document = document();
    let huntctl = Huntctl::new();
    // Wide enough that nothing is wrapped.
    let help = huntctl.run(&["api", "list_agents", "--help"]).ok().stdout;
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let help = words(&help);
    let agents = &document["paths"]["/v1/agents"]["get"];
    assert!(
        help.contains(&words(agents["description"].as_str().unwrap())),
        "{help}"
    );
    for parameter in agents["parameters"].as_array().unwrap() {
        assert!(
            help.contains(&words(parameter["description"].as_str().unwrap())),
            "{help}"
        );
    }
    for text in [
        "[1 to 500]",
        "[the API's default: 10]",
        "darwin",
        "--account <ID>",
        "GET /v1/agents",
    ] {
        assert!(help.contains(text), "{text}: {help}");
    }
    // In its other spelling, too.
    huntctl.run(&["api", "list-agents", "--help"]).ok();
}

#[test]
fn a_mistyped_command_is_told_its_neighbour() {
    let huntctl = Huntctl::new();
    for (arguments, advice) in [
        (
            &["api", "list_agent"][..],
            "`list_agent`; did you mean `huntctl api list_agents`?",
        ),
        (
            &["list-agents"],
            "`list-agents`; did you mean `huntctl api list_agents`?",
        ),
        (&["ini"], "`ini`; did you mean `huntctl init`?"),
        (&["xyzzy"], "`huntctl --help` names all"),
    ] {
        huntctl.run(arguments).fails(2).says(advice);
    }
    huntctl
        .run(&["api", "list_agents", "--organisation-id", "7"])
        .fails(2)
        .says("--organization-id");
    huntctl
        .run(&["api", "list_agents", "--platform", "windws"])
        .fails(2)
        .says("windows");
    let output = huntctl
        .run(&["--json", "api", "list_agents", "--limit", "501"])
        .fails(2);
    let told: Value = serde_json::from_str(&output.stderr).unwrap();
    assert_eq!(told["error"]["exit"], 2);
    assert!(told["error"]["message"].as_str().unwrap().contains("501"));
}

#[test]
fn completions_know_all_operations_and_their_values() {
    let huntctl = Huntctl::new();
    let document = document();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = huntctl.run(&["completions", shell]).ok().stdout;
        for operation in operations(&document) {
            assert!(script.contains(&operation.id), "{shell}: {}", operation.id);
            for parameter in operation.node["parameters"]
                .as_array()
                .into_iter()
                .flatten()
            {
                let schema = plain(&document, &parameter["schema"]);
                // The shells that offer values.
                if ["bash", "zsh", "fish"].contains(&shell) {
                    for value in choices(&schema).into_iter().flatten() {
                        assert!(
                            script.contains(&value.replace(' ', "\\ ")) || script.contains(&value),
                            "{shell}: {value}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn there_is_a_man_page_for_each_operation() {
    let huntctl = Huntctl::new();
    huntctl.run(&["man", "pages"]).ok();
    for operation in operations(&document()) {
        let page = format!("pages/huntctl-api-{}.1", operation.id);
        let page = std::fs::read_to_string(huntctl.folder.path().join(page)).unwrap();
        assert!(page.contains(".TH"), "{page}");
    }
}

#[test]
fn a_reader_that_has_read_enough_is_no_failure() {
    let huntctl = Huntctl::new();
    let mut command = huntctl.command(&[
        "--simulator",
        "--quiet",
        "api",
        "list_agents",
        "--all",
        "-o",
        "ndjson",
    ]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    drop(reader);
    let output = child.wait_with_output().unwrap();
    assert!(serde_json::from_str::<Value>(&line).is_ok());
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
}

/// Runs it until a request has arrived.
fn under_way(huntctl: &Huntctl, server: &Server, arguments: &[&str], requests: usize) -> Child {
    let mut command = huntctl.command(arguments);
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut arrived = 0;
    let started = Instant::now();
    while arrived < requests {
        assert!(
            started.elapsed() < Duration::from_secs(20),
            "nothing arrived"
        );
        arrived += server.arrived().len();
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}

fn signal(child: &Child, name: &str) {
    let id = child.id().to_string();
    let sent = std::process::Command::new("kill")
        .args(["-s", name, &id])
        .status();
    assert!(sent.unwrap().success());
}

/// After so long, this.
fn slowly(answer: Value) -> Answer {
    std::thread::sleep(Duration::from_millis(700));
    support::json(&answer)
}

#[cfg(unix)]
#[test]
fn a_signal_lets_a_write_come_to_its_end() {
    let server = Server::start(|_| slowly(json!({"agent": {"id": 7}})));
    let huntctl = Huntctl::at(&server);
    let write = ["api", "isolate_agent", "7", "--yes", "--json"];
    for name in ["INT", "TERM"] {
        let child = under_way(&huntctl, &server, &write, 1);
        signal(&child, name);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(printed, json!({"id": 7}));
    }
}

#[cfg(unix)]
#[test]
fn a_signal_ends_a_list_after_its_page_and_a_second_one_at_once() {
    let server = Server::start(|arrived| {
        // It ends, so that this does, too, where a signal is not heeded.
        let token = arrived.query.iter().find(|(name, _)| name == "page_token");
        let page: usize = token.map_or(0, |(_, token)| token.parse().unwrap());
        let next = (page < 9).then(|| (page + 1).to_string());
        slowly(json!({"agents": [{"id": 1}], "pagination": {"next_page_token": next}}))
    });
    let huntctl = Huntctl::at(&server);
    let list = ["api", "list_agents", "--all", "--json"];
    for (name, status) in [("INT", 130), ("TERM", 143)] {
        let child = under_way(&huntctl, &server, &list, 2);
        signal(&child, name);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(status));
        let rows: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(
            rows.as_array().unwrap().len(),
            2,
            "what was under way came to its end"
        );
        assert!(String::from_utf8_lossy(&output.stderr).contains("--page-token"));
        assert_eq!(server.arrived(), []);
    }
    let mut child = under_way(&huntctl, &server, &list, 1);
    signal(&child, "INT");
    let mut said = [0];
    child
        .stderr
        .as_mut()
        .unwrap()
        .read_exact(&mut said)
        .unwrap();
    signal(&child, "TERM");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(143));
    assert!(output.stdout.is_empty(), "its page had not come");
}

/// Runs a line of a shell on a terminal.
#[cfg(target_os = "linux")]
fn on_a_terminal(huntctl: &Huntctl, arguments: &str, typed: &str) -> (i32, String) {
    let program = env!("CARGO_BIN_EXE_huntctl");
    let line = format!("stty cols 60; {program} {arguments}");
    let mut script = huntctl.command(&[]);
    let variables: Vec<_> = script
        .get_envs()
        .map(|(name, value)| (name.to_owned(), value.unwrap().to_owned()))
        .collect();
    script = std::process::Command::new("script");
    script
        .args(["-qec", &line, "/dev/null"])
        .env_clear()
        .envs(variables)
        .env("TERM", "xterm");
    script
        .env("PATH", "/usr/bin:/bin")
        .current_dir(huntctl.folder.path());
    script.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = script.spawn().unwrap();
    std::io::Write::write_all(child.stdin.as_mut().unwrap(), typed.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    support::keeps_secrets(&text);
    (output.status.code().unwrap(), text)
}

#[cfg(target_os = "linux")]
#[test]
fn a_person_gets_a_table_that_fits_and_obeys_nothing() {
    let evil = "evil\u{1b}]0;owned\u{7}\u{202e}";
    let server = Server::start(move |_| {
        let long = "x".repeat(100);
        support::json(&json!({"incident_reports": [
            {"id": 1, "subject": evil, "severity": "critical", "status": "sent"},
            {"id": 2, "subject": long, "severity": "low", "status": "closed"},
        ], "pagination": {}}))
    });
    let huntctl = Huntctl::at(&server);
    let (status, text) = on_a_terminal(&huntctl, "api list_incident_reports", "");
    assert_eq!(status, 0, "{text}");
    assert!(
        text.contains("SUBJECT") && text.contains("\u{1b}[1m"),
        "{text:?}"
    );
    assert!(
        !text.contains("\u{1b}]") && !text.contains('\u{7}') && !text.contains('\u{202e}'),
        "{text:?}"
    );
    for format in ["json", "ndjson", "csv", "table"] {
        let (_, text) = on_a_terminal(
            &huntctl,
            &format!("api list_incident_reports -o {format}"),
            "",
        );
        assert!(
            !text.contains("\u{1b}]") && !text.contains('\u{202e}'),
            "{text:?}"
        );
        assert!(text.contains("evil"), "{text:?}");
    }
    let plain = Huntctl::at(&server).variable("NO_COLOR", "1");
    let (_, text) = on_a_terminal(&plain, "api list_incident_reports", "");
    assert!(!text.contains('\u{1b}'), "{text:?}");
    assert!(
        text.lines()
            .all(|line| line.trim_end().chars().count() <= 60),
        "{text}"
    );
    assert_eq!(text.lines().count(), 3, "{text}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_person_is_shown_a_write_and_asked() {
    let server = Server::start(|_| support::json(&json!({"agent": {"id": 7}})));
    let huntctl = Huntctl::at(&server);
    let write = "api isolate_agent 7 --account 3 --reason ransomware -o json";
    for (answer, exit, sent) in [
        ("y\n", 0, 1),
        ("yes\n", 0, 1),
        ("n\n", 1, 0),
        ("\n", 1, 0),
        ("\u{4}", 1, 0),
    ] {
        let (status, text) = on_a_terminal(&huntctl, write, answer);
        assert_eq!(status, exit, "{text}");
        assert_eq!(server.arrived().len(), sent, "{text}");
        for shown in [
            "POST /v1/accounts/3/agents/7/isolation",
            "\"reason\": \"ransomware\"",
            "[y/N]",
        ] {
            assert!(text.contains(shown), "{text}");
        }
    }
}

#[test]
fn what_it_does_is_logged_as_far_as_somebody_wants() {
    let run = |arguments: &[&str]| {
        let arguments = [&["--simulator", "api", "get_actor"], arguments].concat();
        Huntctl::new().run(&arguments).ok().stderr
    };
    assert_eq!(
        run(&[]),
        "simulator: all data is made up, and there is no quota to wait for\n"
    );
    assert_eq!(run(&["--quiet"]), "");
    assert!(run(&["-vvv"]).contains("huntress"));
    let server = Server::start(|_| support::json(&json!({"id": 1})));
    let everything = Huntctl::at(&server).variable("HUNTCTL_LOG", "trace");
    let output = everything.run(&["api", "get_actor"]).ok();
    assert!(output.stderr.len() > 1000, "{}", output.stderr);
    let header = &server.only().headers["authorization"];
    assert!(!output.stderr.contains(header.trim_start_matches("Basic ")));
    Huntctl::new()
        .variable("HUNTCTL_LOG", "=x=")
        .run(&["api", "get_actor"])
        .fails(2)
        .says("HUNTCTL_LOG");
}

/// The commands of the README: each line of its shell blocks that runs this program.
#[test]
fn the_commands_of_the_readme_work() {
    let readme = include_str!("../README.md");
    let mut shell = false;
    let mut commands = 0;
    let huntctl = Huntctl::new();
    let body = r#"{"name": "Acme", "key": "acme"}"#;
    std::fs::write(huntctl.folder.path().join("acme.json"), body).unwrap();
    for line in readme.lines() {
        match line {
            "```sh" => shell = true,
            "```" => shell = false,
            _ if !shell => {}
            line => {
                // What comes behind a pipe or goes to a file is another program's.
                let line = line.split(" # ").next().unwrap();
                let line = line.split([';', '|', '>']).next().unwrap().trim();
                let Some(arguments) = line.strip_prefix("huntctl ") else {
                    continue;
                };
                let words = words(arguments);
                let words: Vec<&str> = words.iter().map(|word| &**word).collect();
                let simulated = [&["--simulator"], &*words].concat();
                let says_so = words[0] == "--simulator";
                let arguments = if says_so { &words } else { &simulated };
                match ["dashboard", "receive"].contains(&arguments[1]) {
                    true => stays_up(&huntctl, arguments),
                    false => drop(huntctl.run(arguments).ok()),
                }
                commands += 1;
            }
        }
    }
    assert!(commands > 10, "{commands}");
}

/// Runs what stays up until it says where, and ends it.
fn stays_up(huntctl: &Huntctl, arguments: &[&str]) {
    let free = [arguments, &["--listen", "127.0.0.1:0"]].concat();
    let mut command = huntctl.command(&free);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let place = lines.find(|line| line.as_ref().unwrap().contains("http://127.0.0.1:"));
    assert!(place.is_some(), "{arguments:?} does not say where");
    signal(&child, "TERM");
    // Whoever writes to it must not wait.
    lines.for_each(drop);
    assert!(child.wait().unwrap().success(), "{arguments:?}");
}

/// The words of a line of a shell, without quotes.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for c in line.chars() {
        match (c, quote) {
            ('\'' | '"', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            (' ', None) => words.push(String::new()),
            (c, _) => words.last_mut().unwrap().push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}
