//! `huntctl api`: every operation of the document, against the wire.

mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use support::document::{ACCOUNT, Given, Operation, document, operations, violations};
use support::{Answer, Arrived, Huntctl, KEY, Output, SECRET, Server};

/// Several at once: most of a run is the start of a process.
fn each<T: Sync>(items: &[T], work: impl Fn(&T) + Sync) {
    let next = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let take = || next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                while let Some(item) = items.get(take()) {
                    work(item);
                }
            });
        }
    });
}

fn server_of(operation: &Operation) -> Server {
    let (status, body) = operation.answer();
    Server::start(move |_| Answer::Body(status, body.clone()))
}

fn run(server: &Server, arguments: &[String], more: &[&str]) -> Output {
    let arguments: Vec<&str> = arguments
        .iter()
        .map(|it| &**it)
        .chain(more.iter().copied())
        .collect();
    Huntctl::at(server).run(&arguments)
}

#[track_caller]
fn arrived_as_told(operation: &Operation, given: &[Given], account: Option<i64>, arrived: Arrived) {
    let Arrived {
        method,
        path,
        mut query,
        headers,
        body,
    } = arrived;
    assert_eq!(method, operation.method, "{}", operation.id);
    assert_eq!(
        path,
        operation.sent_path(given, account),
        "{}",
        operation.id
    );
    query.sort();
    assert_eq!(query, operation.sent_query(given), "{}", operation.id);
    assert_eq!(body, operation.sent_body(given), "{}", operation.id);
    let json = headers
        .get("content-type")
        .is_some_and(|it| it == "application/json");
    assert_eq!(json, body.is_some(), "{}", operation.id);
    assert!(headers["user-agent"].starts_with("huntctl/"));
}

#[test]
fn every_operation_and_mirror_is_sent_as_the_document_says() {
    let document = document();
    let operations = operations(&document);
    let mirrors = operations
        .iter()
        .filter(|operation| operation.is_mirrored())
        .count();
    // The 92 of the vendor's document, and two that it has dropped, with their mirrors.
    assert_eq!((operations.len(), mirrors), (63, 33));
    each(&operations, |operation| {
        let server = server_of(operation);
        let mut fields = BTreeSet::new();
        for choice in 0..3 {
            let given = [operation.parameters(), operation.fields(choice)].concat();
            let names: BTreeSet<String> = given.iter().map(|given| given.name.clone()).collect();
            if names.is_subset(&fields) && choice > 0 {
                continue;
            }
            fields.extend(names);
            let arguments = operation.arguments(&given);
            let output = run(
                &server,
                &arguments,
                &["--yes", "-o", "json"][usize::from(!operation.writes())..],
            );
            let output = output.ok();
            arrived_as_told(operation, &given, None, server.only());
            let answer = if operation.answer().1.is_empty() {
                json!(null)
            } else {
                json!({"id": 1})
            };
            let printed: Value = serde_json::from_str(&output.stdout).unwrap();
            let list = operation.id.starts_with("list_") || operation.id == "query_siem";
            assert_eq!(
                printed,
                if list { json!([answer]) } else { answer },
                "{}",
                operation.id
            );
            let account = ACCOUNT.to_string();
            let mirrored = [
                &["--account", &account][..],
                &["--yes"][usize::from(!operation.writes())..],
            ]
            .concat();
            let output = run(&server, &arguments, &mirrored);
            if operation.is_mirrored() {
                output.ok();
                arrived_as_told(operation, &given, Some(ACCOUNT), server.only());
            } else {
                output.fails(2).says("--account");
                assert_eq!(server.arrived(), []);
            }
        }
    });
}

#[test]
fn nothing_of_a_write_is_sent_without_a_yes_or_in_a_dry_run() {
    let document = document();
    let operations: Vec<Operation> = operations(&document)
        .into_iter()
        .filter(Operation::writes)
        .collect();
    assert!(operations.len() > 20);
    each(&operations, |operation| {
        let server = server_of(operation);
        let given = [operation.parameters(), operation.fields(0)].concat();
        let arguments = operation.arguments(&given);
        run(&server, &arguments, &[])
            .fails(2)
            .says("nothing was sent; --yes");
        let text = run(&server, &arguments, &["--dry-run"]).ok().stdout;
        let path = operation.sent_path(&given, None);
        assert!(
            text.starts_with(&format!("{} {path}\n", operation.method)),
            "{text}"
        );
        let printed = run(&server, &arguments, &["--dry-run", "--yes", "--json"])
            .ok()
            .stdout;
        let printed: Value = serde_json::from_str(&printed).unwrap();
        assert_eq!(printed["method"], *operation.method);
        assert_eq!(printed["path"], *path);
        assert_eq!(printed["body"], json!(operation.sent_body(&given)));
        assert_eq!(server.arrived(), [], "{}", operation.id);
    });
}

/// The arguments with another value in one place.
fn spoiled(operation: &Operation, given: &[Given], name: &str, value: &str) -> Vec<String> {
    let mut given = given.to_vec();
    for given in given.iter_mut().filter(|given| given.name == name) {
        given.typed = vec![value.to_owned()];
    }
    operation.arguments(&given)
}

#[test]
fn every_value_that_the_document_forbids_is_refused_before_it_is_sent() {
    let document = document();
    let operations = operations(&document);
    let count = std::sync::atomic::AtomicUsize::new(0);
    each(&operations, |operation| {
        let contract = huntctl::contract::Contract::committed().unwrap();
        let given = [operation.parameters(), operation.fields(0)].concat();
        let refused = |arguments: &[String]| {
            let why = huntctl::api::call_of(&contract, &arguments[1..]).unwrap_err();
            assert_eq!(why.exit(), huntctl::failure::Exit::Usage, "{arguments:?}");
            count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        };
        huntctl::api::call_of(&contract, &operation.arguments(&given)[1..]).unwrap();
        for one in &given {
            for value in violations(&document, &one.schema) {
                refused(&spoiled(operation, &given, &one.name, &value));
            }
        }
        // What must be there is missing.
        for (index, one) in given.iter().enumerate() {
            let inside = |list: &Value| {
                list.as_array()
                    .is_some_and(|it| it.contains(&json!(one.name)))
            };
            let body = operation
                .node
                .pointer("/requestBody/content/application~1json/schema");
            let needed =
                body.map(|body| support::document::plain(&document, body)["required"].clone());
            if one.place == "path" || (one.place == "body" && needed.is_some_and(|it| inside(&it)))
            {
                let mut others = given.clone();
                others.remove(index);
                refused(&operation.arguments(&others));
            }
        }
    });
    assert!(count.into_inner() > 500);
}

#[test]
fn a_new_operation_of_the_document_needs_no_line_of_code() {
    let mut document = document();
    document["paths"]["/v1/gadgets/{gadget_id}/parts"] = json!({"post": {
        "operationId": "invent_part",
        "summary": "Invents a part",
        "description": "It does not exist.",
        "tags": ["Gadgets"],
        "parameters": [
            {"name": "gadget_id", "in": "path", "required": true, "schema": {"type": "integer", "minimum": 1}},
            {"name": "all", "in": "query", "required": false, "schema": {"type": "boolean"}},
            {"name": "ratio", "in": "query", "required": true, "schema": {"type": "number"}},
            {"name": "color[]", "in": "query", "explode": true, "schema": {"type": "array", "items": {"enum": ["red", "blue"]}}},
        ],
        "requestBody": {"required": true, "content": {"application/json": {"schema": {
            "type": "object",
            "required": ["json", "size"],
            "properties": {
                "json": {"type": "string", "minLength": 2},
                "size": {"type": "object", "required": ["w"], "properties": {"w": {"type": "integer"}, "h": {"type": "integer", "nullable": true}}},
                "extra": {"type": "array", "items": {"type": "object", "properties": {"k": {"type": "string"}}}},
            },
        }}}},
        "responses": {"200": {"description": "", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/AgentEnvelope"}}}}},
    }});
    let contract = huntctl::contract::Contract::read(document);
    // It has a place in help, completions and man pages.
    let mut command = huntctl::cli::command(&contract);
    command.clone().debug_assert();
    let mut script = Vec::new();
    clap_complete::generate(
        clap_complete::Shell::Bash,
        &mut command,
        "huntctl",
        &mut script,
    );
    assert!(String::from_utf8(script).unwrap().contains("invent_part"));
    let call = |arguments: &[&str]| {
        let arguments: Vec<String> = arguments.iter().map(|it| (*it).to_owned()).collect();
        let call = huntctl::api::call_of(&contract, &arguments);
        call.map_err(|failure| failure.to_string())
    };
    let made = call(&[
        "invent_part",
        "7",
        "--api-all",
        "true",
        "--ratio",
        "1.5",
        "--color",
        "red,blue",
        "--api-json",
        "xy",
        "--size.w",
        "3",
        "--clear",
        "size.h",
        "--extra",
        r#"{"k": "v"}"#,
    ]);
    let made = made.unwrap();
    assert_eq!(made.full_path(), "/v1/gadgets/7/parts");
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let query = [
        pair("all", "true"),
        pair("ratio", "1.5"),
        pair("color[]", "red"),
        pair("color[]", "blue"),
    ];
    assert_eq!(made.query, query);
    let body = json!({"extra": [{"k": "v"}], "json": "xy", "size": {"h": null, "w": 3}});
    assert_eq!(made.body, Some(body));
    for (arguments, why) in [
        (
            &["invent_part", "7", "--ratio", "1", "--api-json", "xy"][..],
            "`size` is missing",
        ),
        (
            &[
                "invent_part",
                "7",
                "--ratio",
                "1",
                "--api-json",
                "xy",
                "--clear",
                "size.h",
            ],
            "`size.w` is missing",
        ),
        (
            &[
                "invent_part",
                "7",
                "--ratio",
                "1",
                "--body",
                r#"{"json": "xy", "size": {"w": 1}, "extra": [{"k": 1}]}"#,
            ],
            "`extra[0].k` must be a text, and is 1",
        ),
        (
            &["invent_part", "7", "--ratio", "x", "--api-json", "xy"],
            "--ratio",
        ),
        (
            &["invent_part", "7", "--api-json", "xy", "--size.w", "3"],
            "--ratio",
        ),
        (
            &[
                "invent_part",
                "7",
                "--ratio",
                "1",
                "--api-json",
                "x",
                "--size.w",
                "3",
            ],
            "--api-json",
        ),
        (
            &[
                "invent_part",
                "0",
                "--ratio",
                "1",
                "--api-json",
                "xy",
                "--size.w",
                "3",
            ],
            "0 is not in 1",
        ),
    ] {
        let said = call(arguments).unwrap_err();
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn exactly_one_and_at_most_one_are_held() {
    let contract = huntctl::contract::Contract::committed().unwrap();
    let call = |arguments: &[&str]| {
        let all = ["create_unwanted_access_rule", "--type", "expected"];
        let arguments: Vec<String> = all
            .iter()
            .chain(arguments)
            .map(|it| (*it).to_owned())
            .collect();
        huntctl::api::call_of(&contract, &arguments).map_err(|failure| failure.to_string())
    };
    let made = call(&[
        "--country-code",
        "DE",
        "--country-code",
        "FR",
        "--identity-id",
        "7",
    ])
    .unwrap();
    assert_eq!(
        made.body,
        Some(json!({"type": "expected", "country_code": "DE,FR", "identity_id": 7}))
    );
    for (arguments, why) in [
        (&[][..], "one of `country_code`, `vpn`, `logic` must be set"),
        (
            &["--vpn", "A", "--country-code", "DE"],
            "but `country_code`, `vpn` are",
        ),
        (
            &["--vpn", "A", "--identity-id", "1", "--organization-id", "2"],
            "but `identity_id`, `organization_id` are",
        ),
        (&["--vpn", "A,B"], "has a comma in it"),
    ] {
        let said = call(arguments).unwrap_err();
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn a_body_is_itself_a_file_or_the_standard_input() {
    let answer = json!({"organization": {"id": 1}});
    let server = Server::start(move |_| support::json(&answer));
    let body = json!({"name": "Acme", "key": "acme"});
    let huntctl = Huntctl::at(&server).input(&body.to_string());
    std::fs::write(huntctl.folder.path().join("body.json"), body.to_string()).unwrap();
    for whole in [&*body.to_string(), "@body.json", "-"] {
        huntctl
            .run(&["api", "create_organization", "--body", whole, "--yes"])
            .ok();
        assert_eq!(server.only().body, Some(body.clone()));
    }
    for (arguments, why) in [
        (&["--body", "@nowhere"][..], "nowhere cannot be read"),
        (&["--body", "{"], "is no JSON"),
        (&["--body", "{}", "--name", "x"], "not both"),
        (&["--body", "[]"], "`body` must be an object, and is []"),
        (&["--body", "{}"], "`name` is missing; `key` is missing"),
        (
            &["--body", r#"{"name": 7, "key": " "}"#],
            "`name` must be a text, and is 7; `key` is blank",
        ),
    ] {
        let arguments = [&["api", "create_organization", "--yes"], arguments].concat();
        huntctl.run(&arguments).fails(2).says(why);
    }
    assert_eq!(server.arrived(), []);
    let unknown = r#"{"name": "a", "key": "a", "nmae": "b"}"#;
    let output = huntctl
        .run(&["api", "create_organization", "--body", unknown, "--yes"])
        .ok();
    output.says("`nmae` is no field that the document knows; did you mean `name`?");
    assert_eq!(server.only().body.unwrap()["nmae"], "b");
}

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
    let server = Server::start(|arrived| {
        let key = if arrived.method == "POST" {
            "logs"
        } else {
            "agents"
        };
        support::json(&json!({key: [], "pagination": {"next_page_token": "t"}}))
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
    Huntctl::at(&server).run(&siem).fails(6).says("never end");
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
    for (status, read_exit, write_exit) in [
        (400, 3, 3),
        (401, 3, 3),
        (403, 3, 3),
        (404, 3, 3),
        (409, 3, 3),
        (422, 3, 3),
        (429, 4, 4),
        (500, 4, 5),
        (503, 4, 5),
    ] {
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
    }
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
