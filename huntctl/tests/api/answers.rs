//! What becomes of an answer: pages, formats, failures.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::requests::each;
use crate::support::{self, Answer, Arrived, Huntctl, KEY, Output, SECRET, Server};

/// Answers pages of `agents`: `sizes` of them, with the tokens t1, t2 and so on.
fn agents(sizes: &'static [usize]) -> Server {
    Server::start(move |arrived| {
        let body = arrived.body.clone().unwrap_or_default();
        let token = arrived.query.iter().find(|(name, _)| name == "page_token");
        let token = token
            .map(|(_, token)| &**token)
            .or(body["page_token"].as_str());
        let page: usize = token.map_or(0, |token| token[1..].parse().unwrap());
        let rows: Vec<Value> = (0..sizes[page])
            .map(|row| json!({"id": 100 * page + row, "hostname": "=HOST\u{1b}[2J\u{202e}", "big": 1}))
            .collect();
        let next = (page + 1 < sizes.len()).then(|| format!("t{}", page + 1));
        let key = if arrived.method == "POST" {
            "logs"
        } else {
            "agents"
        };
        support::json(&json!({key: rows, "pagination": {"next_page_token": next}}))
    })
}

fn parameter(arrived: &Arrived, name: &str) -> Option<String> {
    let pair = arrived.query.iter().find(|(own, _)| own == name);
    pair.map(|(_, value)| value.clone())
}

#[test]
fn pages_are_followed_as_far_as_somebody_wants() {
    let server = agents(&[2, 2, 1]);
    let ids = |output: &Output| -> Vec<i64> {
        let rows: Value = serde_json::from_str(&output.stdout).unwrap();
        rows.as_array()
            .unwrap()
            .iter()
            .map(|row| row["id"].as_i64().unwrap())
            .collect()
    };
    for (arguments, expected, limits, more) in [
        (&[][..], &[0, 1][..], &["10"][..], Some("t1")),
        (&["--limit", "2"], &[0, 1], &["2"], Some("t1")),
        (&["--page-token", "t2"], &[200], &["10"], None),
        (
            &["--all"],
            &[0, 1, 100, 101, 200],
            &["500", "500", "500"],
            None,
        ),
        (
            &["--all", "--page-token", "t1"],
            &[100, 101, 200],
            &["500", "500"],
            None,
        ),
        (&["--max-items", "3"], &[0, 1, 100], &["3", "3"], Some("t2")),
        (
            &["--all", "--limit", "7"],
            &[0, 1, 100, 101, 200],
            &["7", "7", "7"],
            None,
        ),
    ] {
        let arguments = [
            &["api", "list_agents", "--json", "--hostname", "x"],
            arguments,
        ]
        .concat();
        let output = Huntctl::at(&server).run(&arguments).ok();
        assert_eq!(ids(&output), expected, "{arguments:?}");
        let arrived = server.arrived();
        let sent: Vec<String> = arrived
            .iter()
            .map(|it| parameter(it, "limit").unwrap())
            .collect();
        assert_eq!(sent, limits, "{arguments:?}");
        // The filters are those of every page.
        assert!(
            arrived
                .iter()
                .all(|it| parameter(it, "hostname").as_deref() == Some("x"))
        );
        match more {
            Some(token) => drop(output.says(&format!("--page-token {token}"))),
            None => assert_eq!(output.stderr, "", "{arguments:?}"),
        }
    }
    // The token of a SIEM query is in its body.
    let siem = [
        "api",
        "query_siem",
        "--esql",
        "FROM logs",
        "--range-start",
        "2026-01-01T00:00:00Z",
        "--range-end",
        "2026-01-02T02:00:00+02:00",
        "--json",
        "--all",
    ];
    let output = Huntctl::at(&server).run(&siem).ok();
    assert_eq!(ids(&output), [0, 1, 100, 101, 200]);
    let bodies: Vec<Value> = server
        .arrived()
        .into_iter()
        .filter_map(|it| it.body)
        .collect();
    let body = |token: Option<&str>| {
        let mut body = json!({"esql": "FROM logs", "range_start": "2026-01-01T00:00:00Z", "range_end": "2026-01-02T00:00:00Z"});
        if let Some(token) = token {
            body["page_token"] = json!(token);
        }
        body
    };
    assert_eq!(bodies, [body(None), body(Some("t1")), body(Some("t2"))]);
}

#[test]
fn a_list_that_goes_in_circles_ends() {
    let count = AtomicUsize::new(0);
    let server = Server::start(move |arrived| {
        let key = match &*arrived.method {
            "POST" => "logs",
            _ => "agents",
        };
        // It does end, so that this does, too, where a circle is not seen.
        let token = (count.fetch_add(1, Ordering::Relaxed) < 20).then_some("t");
        support::json(&json!({key: [], "pagination": {"next_page_token": token}}))
    });
    let siem = [
        "api",
        "query_siem",
        "--esql",
        "FROM logs",
        "--range-start",
        "2026-01-01T00:00:00Z",
        "--range-end",
        "2026-01-02T00:00:00Z",
        "--all",
    ];
    Huntctl::at(&server).run(&siem).fails(1).says("never end");
    Huntctl::at(&server)
        .run(&["api", "list_agents", "--all"])
        .fails(1)
        .says("never end");
}

#[test]
fn every_format_is_what_it_says() {
    let server = agents(&[2, 1]);
    let run = |more: &[&str]| {
        let arguments = [&["api", "list_agents", "--all"], more].concat();
        Huntctl::at(&server).run(&arguments).ok().stdout
    };
    let rows: Value = serde_json::from_str(&run(&["-o", "json"])).unwrap();
    assert_eq!(
        rows[2],
        json!({"id": 100, "hostname": "=HOST\u{1b}[2J\u{202e}", "big": 1})
    );
    assert_eq!(run(&["--json"]), run(&["-o", "json"]));
    let lines: Vec<Value> = run(&["-o", "ndjson"])
        .lines()
        .map(|it| serde_json::from_str(it).unwrap())
        .collect();
    assert_eq!(json!(lines), rows);
    let text = run(&["-o", "csv", "--columns", "id,hostname,tags"]);
    let mut csv = csv::Reader::from_reader(text.as_bytes());
    assert_eq!(csv.headers().unwrap(), vec!["id", "hostname", "tags"]);
    let records: Vec<csv::StringRecord> = csv.records().map(Result::unwrap).collect();
    assert_eq!(records[2], vec!["100", "'=HOST\u{1b}[2J\u{202e}", ""]);
    // Without a choice, a file has every field that the document knows.
    let text = run(&["-o", "csv"]);
    let heading = csv::Reader::from_reader(text.as_bytes())
        .headers()
        .unwrap()
        .clone();
    assert!(heading.iter().any(|name| name == "mac_addresses") && heading.len() > 30);
    let table = run(&["--columns", "id,hostname"]);
    assert_eq!(table.lines().last(), Some("100\t=HOST\\u{1b}[2J\\u{202e}"));
    let selected = run(&["-o", "ndjson", "--columns", "id"]);
    assert_eq!(selected, "{\"id\":0}\n{\"id\":1}\n{\"id\":100}\n");
    let output = Huntctl::at(&server)
        .run(&["api", "list_agents", "--columns", "hostnam"])
        .ok();
    output.says("the document knows no field hostnam; did you mean hostname?");
}

#[test]
fn a_failure_says_what_came_of_it_by_its_status() {
    let read = &["api", "get_agent", "7"][..];
    let write = &["api", "isolate_agent", "7", "--yes"][..];
    let error = |status| {
        move |arrived: &Arrived| {
            // A server that says back what it was sent.
            let header = &arrived.headers["authorization"];
            let text = format!("no \u{1b}[2J luck with {header}: {KEY} and {SECRET}");
            Answer::Body(status, json!({"error": text}).to_string())
        }
    };
    let cases = [
        (400, 3, 3),
        (401, 3, 3),
        (403, 3, 3),
        (404, 3, 3),
        (409, 3, 3),
        (422, 3, 3),
        (429, 4, 4),
        (500, 4, 5),
        (503, 4, 5),
    ];
    each(&cases, |&(status, read_exit, write_exit)| {
        let server = Server::start(error(status));
        for (arguments, exit) in [(read, read_exit), (write, write_exit)] {
            // So that no retry waits.
            let arguments = [arguments, &["--deadline", "1", "--json"]].concat();
            let output = Huntctl::at(&server).run(&arguments).fails(exit);
            let told: Value = serde_json::from_str(output.stderr.lines().last().unwrap()).unwrap();
            assert_eq!(told["error"]["exit"], exit, "{told}");
            let message = told["error"]["message"].as_str().unwrap();
            assert!(
                message.contains(&status.to_string()) && message.contains("luck"),
                "{message}"
            );
            assert!(!message.contains('\u{1b}'));
            if exit == 5 {
                assert_eq!(told["error"]["outcome"], "unknown");
                assert!(message.contains("look before trying again"), "{message}");
                assert_eq!(server.arrived().len(), 1, "a write is not sent twice");
            }
            server.arrived();
        }
    });
}

#[test]
fn a_write_that_nobody_answers_has_a_status_of_its_own() {
    let write = ["api", "isolate_agent", "7", "--yes", "--timeout", "1"];
    for answer in [Answer::Nothing, Answer::Late(Duration::from_secs(5))] {
        let server = Server::start(move |_| answer.clone());
        Huntctl::at(&server)
            .run(&write)
            .fails(5)
            .says("may have taken effect");
        assert_eq!(server.arrived().len(), 1);
    }
    // With leave, it is sent again.
    let server = Server::start(|_| Answer::Nothing);
    let again = [&write[..], &["--retry-writes"]].concat();
    Huntctl::at(&server).run(&again).fails(5);
    assert!(server.arrived().len() > 1);
    // Nobody is there.
    Huntctl::new()
        .variable("HUNTRESS_BASE_URL", "http://127.0.0.1:1")
        .run(&write)
        .fails(4);
}

#[test]
fn a_page_that_is_none_is_told_and_what_came_before_stays_whole() {
    let server = Server::start(|arrived| match parameter(arrived, "page_token") {
        None => {
            support::json(&json!({"agents": [{"id": 1}], "pagination": {"next_page_token": "t"}}))
        }
        Some(_) => Answer::Body(200, "{\"agents\": [{\"id\"".to_owned()),
    });
    let output = Huntctl::at(&server).run(&["api", "list_agents", "--all", "-o", "json"]);
    let output = output.fails(1).says("not what was asked for");
    let rows: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(rows, json!([{"id": 1}]));
}

#[test]
fn a_read_is_sent_again_and_a_query_by_post_is_a_read() {
    let siem = [
        "query_siem",
        "--esql",
        "FROM logs",
        "--range-start",
        "2026-01-01T00:00:00Z",
        "--range-end",
        "2026-01-02T00:00:00Z",
    ];
    for operation in [&["get_agent", "7"][..], &["list_agents", "--all"], &siem] {
        let count = AtomicUsize::new(0);
        let server = Server::start(move |_| match count.fetch_add(1, Ordering::Relaxed) {
            0 => Answer::Body(503, String::new()),
            _ => support::json(&json!({"agents": [], "logs": [], "agent": {}})),
        });
        Huntctl::at(&server)
            .run(&[&["api"], operation].concat())
            .ok();
        assert_eq!(server.arrived().len(), 2, "{operation:?}");
    }
}
