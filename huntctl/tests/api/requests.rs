//! What arrives at the API: all that the document says, and nothing that it forbids.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::document::{
    ACCOUNT, Given, Operation, document, operations, plain, violations,
};
use crate::support::{self, Answer, Arrived, Huntctl, Output, Server};

/// Several at once: most of a run is the start of a process.
pub fn each<T: Sync>(items: &[T], work: impl Fn(&T) + Sync) {
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
            let needed = body.map(|body| plain(&document, body)["required"].clone());
            if one.place == "path" || (one.place == "body" && needed.is_some_and(|it| inside(&it)))
            {
                let mut others = given.clone();
                others.remove(index);
                refused(&operation.arguments(&others));
            }
        }
    });
    let count = count.into_inner();
    println!("{count} refused");
    assert!(count > 500);
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
