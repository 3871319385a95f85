//! The program, as a script in any language uses it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_huntress-simulator"))
}

/// A running one, killed at the end.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts it and returns its first line.
fn start(command: &mut Command) -> (Running, String) {
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let out = child.stdout.take().unwrap();
    let running = Running(child);
    let mut line = String::new();
    BufReader::new(out).read_line(&mut line).unwrap();
    (running, line)
}

/// The whole answer to a GET, without any HTTP client.
fn get(url: &str, path: &str, basic: &str) -> String {
    let mut connection = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Basic {basic}\r\nconnection: close\r\n\r\n"
    );
    connection.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    answer
}

/// `hk_simulator:hs_simulator`
const KEY: &str = "aGtfc2ltdWxhdG9yOmhzX3NpbXVsYXRvcg==";

#[test]
fn one_line_of_json_tells_a_script_how_to_reach_it() {
    let (_running, line) = start(program().args(["--json", "--agents", "3", "--quota", "2"]));
    let told: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(
        (&told["key"], &told["secret"]),
        (&"hk_simulator".into(), &"hs_simulator".into())
    );
    let url = told["url"].as_str().unwrap();
    let agents = get(url, "/v1/agents?limit=2", KEY);
    assert!(agents.starts_with("HTTP/1.1 200"), "{agents}");
    assert!(agents.contains("next_page_token"), "{agents}");
    assert!(get(url, "/v1/agents", "wrong").starts_with("HTTP/1.1 401"));
    assert!(get(url, "/v1/agents", KEY).starts_with("HTTP/1.1 200"));
    assert!(get(url, "/v1/agents", KEY).starts_with("HTTP/1.1 429"));
}

#[test]
fn a_shell_can_read_it_and_the_environment_sets_it() {
    let mut command = program();
    command.env("HUNTRESS_SIMULATOR_RETRY_AFTER", "seconds");
    command.env("HUNTRESS_SIMULATOR_QUOTA", "1");
    let (_running, line) = start(&mut command);
    let url = line.trim().strip_prefix("HUNTRESS_BASE_URL=").unwrap();
    get(url, "/v1/account", KEY);
    assert!(get(url, "/v1/account", KEY).contains("retry-after: "));
}

#[test]
fn a_fault_comes_from_the_command_line_and_a_wrong_one_is_refused() {
    let fault = r#"{"kind":{"status":503},"operations":["get_account"]}"#;
    let (_running, line) = start(program().args(["--json", "--fault", fault]));
    let told: serde_json::Value = serde_json::from_str(&line).unwrap();
    let url = told["url"].as_str().unwrap();
    assert!(get(url, "/v1/actor", KEY).starts_with("HTTP/1.1 200"));
    assert!(get(url, "/v1/account", KEY).starts_with("HTTP/1.1 503"));
    assert!(get(url, "/v1/account", KEY).starts_with("HTTP/1.1 200"));

    let refused = program()
        .args(["--fault", r#"{"kind":"never"}"#])
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(2));
    let why = String::from_utf8(refused.stderr).unwrap();
    assert!(why.contains("unknown variant `never`"), "{why}");
}

#[test]
fn faults_and_switches_come_from_the_environment() {
    let list = r#"[{"kind":{"status":500}}, {"kind":{"status":502}}]"#;
    let lines = "{\"kind\":{\"status\":500}}\n{\"kind\":{\"status\":502}}\n";
    for (faults, yes) in [(list, "1"), (lines, "yes")] {
        let mut command = program();
        command.env("HUNTRESS_SIMULATOR_FAULTS", faults);
        command.env("HUNTRESS_SIMULATOR_JSON", yes);
        command.env("HUNTRESS_SIMULATOR_QUOTA_HEADERS", yes);
        command.env("HUNTRESS_SIMULATOR_NO_SIEM", "0");
        command.env("HUNTRESS_SIMULATOR_VERBOSE", "no");
        let (_running, line) = start(&mut command);
        let told: serde_json::Value = serde_json::from_str(&line).unwrap();
        let url = told["url"].as_str().unwrap();
        for status in ["500", "502", "200"] {
            let answer = get(url, "/v1/account", KEY);
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status}")),
                "{answer}"
            );
            assert!(answer.contains("x-huntress-api-call-remaining"), "{answer}");
        }
    }
}

#[test]
fn it_is_as_strict_and_as_generous_as_it_is_asked_to_be() {
    for strict in [false, true] {
        let mut command = program();
        command.args(["--json", "--quota", "0"]);
        if strict {
            command.args(["--strict-parameters", "--no-quota"]);
        } else {
            command.env("HUNTRESS_SIMULATOR_NO_QUOTA", "1");
        }
        let (_running, line) = start(&mut command);
        let told: serde_json::Value = serde_json::from_str(&line).unwrap();
        let answer = get(told["url"].as_str().unwrap(), "/v1/agents?since=2026", KEY);
        let expected = if strict {
            "HTTP/1.1 400"
        } else {
            "HTTP/1.1 200"
        };
        assert!(answer.starts_with(expected), "{answer}");
    }
}

#[test]
fn endpoints_have_secrets_and_categories_in_their_order() {
    let urls = "http://127.0.0.1:9/one http://127.0.0.1:9/two";
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let mut command = program();
    command.env("HUNTRESS_SIMULATOR_WEBHOOKS", urls);
    command.args(["--json", "--webhook-secret", secret, "--live", "60"]);
    command.args(["--webhook-categories", "escalations,account_notices"]);
    let (_running, line) = start(&mut command);
    let told: serde_json::Value = serde_json::from_str(&line).unwrap();
    let secrets = told["webhook_secrets"].as_array().unwrap();
    assert_eq!((secrets.len(), &secrets[0]), (2, &secret.into()));
    assert!(secrets[1].as_str().unwrap().starts_with("whsec_"));
    let endpoints = get(
        told["url"].as_str().unwrap(),
        "/_simulator/webhooks",
        "none",
    );
    let (_, body) = endpoints.split_once("\r\n\r\n").unwrap();
    let endpoints: serde_json::Value = serde_json::from_str(body).unwrap();
    let two = ["escalations", "account_notices"];
    assert_eq!(endpoints[0]["categories"], serde_json::json!(two));
    assert_eq!(endpoints[1]["url"], "http://127.0.0.1:9/two");
    assert_eq!(endpoints[1]["categories"].as_array().unwrap().len(), 4);
}

#[test]
fn what_cannot_be_is_refused_with_a_reason() {
    for (arguments, why) in [
        (
            ["--odd-shapes", "2.0"],
            "odd shapes 2 is not from 0.0 to 1.0",
        ),
        (["--odd-shapes", "NaN"], "odd shapes NaN is not"),
        (["--odd-shapes", "inf"], "odd shapes inf is not"),
        (["--odd-shapes=-1", "--json"], "odd shapes -1 is not"),
        (["--accounts", "0"], "there must be an account"),
        (["--webhook", "https://example.com"], "speaks no TLS"),
        (
            ["--webhook-secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
            "a --webhook-secret without a --webhook",
        ),
        (
            ["--webhook-categories", "escalations"],
            "a --webhook-categories without a --webhook",
        ),
        (
            ["--webhook-categories", "escalation"],
            "unknown variant `escalation`, expected one of",
        ),
        (["--live", "0"], "0 events a minute are not"),
        (["--webhook-time-scale", "0"], "time scale of webhooks 0 is"),
        (["--agents", "10000000"], "10000000 agents are too many"),
        (
            ["--fault", r#"{"kind":{"status":42}}"#],
            "status 42 is not from 200 to 599",
        ),
        (
            ["--fault", r#"{"kind":"drift","operations":["list_agent"]}"#],
            "there is no operation",
        ),
    ] {
        let refused = program().args(arguments).output().unwrap();
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}");
        let told = String::from_utf8(refused.stderr).unwrap();
        assert!(told.contains(why), "{told}");
    }
}
