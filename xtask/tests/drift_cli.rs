//! `cargo xtask drift` as a maintainer and a CI run it: its reports and its exit status.

mod support;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use support::{BadInput, SPEC, Workspace, bad_inputs, http, serve, with_words};

/// The text of a document with a change of each level: a property gone, a lower maximum, a
/// filter that is new.
fn drifted(workspace: &Workspace) -> String {
    let mut contract = workspace.contract();
    let agent = &mut contract["definitions"]["Agent"]["properties"];
    agent.as_object_mut().unwrap().remove("serial_number");
    for path in ["/v1/agents", "/v1/accounts/{account_id}/agents"] {
        let parameters = &mut contract["paths"][path]["get"]["parameters"];
        let parameters = parameters.as_array_mut().unwrap();
        let limit = parameters.iter_mut().find(|p| p["name"] == "limit");
        limit.unwrap()["maximum"] = json!(100);
        parameters.push(json!({"in": "query", "name": "tag", "type": "string"}));
    }
    contract.to_string()
}

/// A document with a filter that is new.
fn with_a_filter(workspace: &Workspace) -> String {
    let mut contract = workspace.contract();
    let parameters = &mut contract["paths"]["/v1/actor"]["get"]["parameters"];
    *parameters = json!([{"in": "query", "name": "expand", "type": "string"}]);
    contract.to_string()
}

struct Drift {
    status: i32,
    stdout: String,
    stderr: String,
}

fn of(output: Output) -> Drift {
    Drift {
        status: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn drift(workspace: &Workspace, arguments: &[&str]) -> Drift {
    of(workspace.run(&[&["drift"], arguments].concat()))
}

#[test]
fn no_drift_is_one_line_and_status_0() {
    let workspace = Workspace::new();
    let webhooks = format!("{SPEC}/webhooks_doc.json");
    let ours = format!("{SPEC}/swagger_doc.json");
    // Pretty in the folder, compact here; a contract has no words.
    let compact = workspace.write("vendor.json", &workspace.contract().to_string());
    for (from, texts) in [(ours, "0 texts"), (compact, "unknown texts")] {
        let same = drift(&workspace, &["--from", &from, "--webhooks-from", &webhooks]);
        let line = format!("drift: 0 breaking, 0 warning, 0 info, {texts}\n");
        assert_eq!(same.stdout, line);
        assert_eq!((same.status, same.stderr.as_str()), (0, ""));
    }
}

#[test]
fn what_was_taken_over_is_no_drift_and_new_words_are_counted() {
    let workspace = Workspace::new();
    let webhooks = workspace.read("webhooks_doc.json");
    let mut webhooks: Value = serde_json::from_str(&webhooks).unwrap();
    webhooks["info"]["description"] = json!("Words.");
    let webhooks = workspace.write("webhooks.json", &webhooks.to_string());
    let mut document = with_words(&workspace.contract());
    let vendor = workspace.write("vendor.json", &document.to_string());
    workspace.succeeds(&["fetch", "--from", &vendor, "--webhooks-from", &webhooks]);
    let compare = |document: &Value| {
        let from = serve(http("200 OK", document.to_string().as_bytes()));
        drift(&workspace, &["--from", &from, "--webhooks-from", &webhooks])
    };
    let same = compare(&document);
    assert_eq!(
        same.stdout,
        "drift: 0 breaking, 0 warning, 0 info, 0 texts\n"
    );
    document["info"]["description"] = json!("Other words.");
    document["definitions"]["Agent"]["properties"]["os"]["example"] = json!("BeOS");
    let other = compare(&document);
    assert_eq!(
        other.stdout,
        "drift: 0 breaking, 0 warning, 0 info, 2 texts\n"
    );
    assert_eq!((same.status, other.status), (0, 0));
}

#[test]
fn the_report_is_text_json_markdown_or_annotations() {
    let workspace = Workspace::new();
    let from = workspace.write("vendor.json", &drifted(&workspace));
    for format in ["text", "json", "markdown", "github"] {
        let report = drift(&workspace, &["--from", &from, "--format", format]);
        assert_eq!((report.status, report.stderr.as_str()), (1, ""), "{format}");
        let mut stdout = report.stdout.replace(&from, "vendor.json");
        // The real contract may change.
        while let Some(at) = stdout.find("sha256:") {
            stdout.replace_range(at.."sha256:".len() + at + 64, "[digest]");
        }
        assert!(!stdout.contains('\u{1b}'), "no terminal, no colours");
        insta::assert_snapshot!(format!("report_{format}"), stdout);
    }
}

#[test]
fn json_can_be_counted_on() {
    let workspace = Workspace::new();
    let from = workspace.write("vendor.json", &drifted(&workspace));
    let report = drift(&workspace, &["--from", &from, "--format", "json"]);
    let report: Value = serde_json::from_str(&report.stdout).unwrap();
    assert_eq!(
        report["summary"],
        json!({"breaking": 1, "warning": 1, "info": 1, "prose": null})
    );
    let changes = report["changes"].as_array().unwrap();
    let ids: Vec<_> = changes.iter().map(|change| &change["id"]).collect();
    assert_eq!(
        ids,
        [
            "response-property-removed",
            "request-parameter-constraint-tightened",
            "request-parameter-added"
        ]
    );
}

#[test]
fn a_terminal_gets_colours() {
    let workspace = Workspace::new();
    let from = workspace.write("vendor.json", &drifted(&workspace));
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .env("CLICOLOR_FORCE", "1")
        .arg("--spec")
        .arg(workspace.0.path())
        .args(["drift", "--from", &from])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("\u{1b}[1m\u{1b}[31mBREAKING"), "{text:?}");
}

#[test]
fn fail_on_chooses_what_is_drift() {
    let workspace = Workspace::new();
    let worst = workspace.write("breaking.json", &drifted(&workspace));
    let least = workspace.write("info.json", &with_a_filter(&workspace));
    let cases = [
        (&worst, "breaking", 1),
        (&worst, "none", 0),
        (&least, "breaking", 0),
        (&least, "warning", 0),
        (&least, "info", 1),
    ];
    for (from, level, status) in cases {
        let report = drift(&workspace, &["--from", from, "--fail-on", level]);
        assert_eq!(report.status, status, "{from} {level}");
    }
    assert_eq!(drift(&workspace, &["--from", &least]).status, 1);
}

#[test]
fn what_cannot_be_compared_is_status_2_and_no_report() {
    let workspace = Workspace::new();
    let inputs = bad_inputs(&workspace);
    // Two of them take a second; they wait at once.
    std::thread::scope(|scope| {
        for BadInput { from, message } in &inputs {
            let workspace = &workspace;
            scope.spawn(move || {
                let report = drift(workspace, &["--timeout", "1", "--from", from]);
                assert!(
                    report.stderr.starts_with(&format!("error: {message}")),
                    "{}",
                    report.stderr
                );
                assert_eq!((report.status, report.stdout.as_str()), (2, ""), "{from}");
            });
        }
    });
}

#[test]
fn bad_webhooks_bases_and_arguments_are_status_2() {
    let workspace = Workspace::new();
    let contract = format!("{SPEC}/swagger_doc.json");
    let html = workspace.write("page.html", "<html>");
    #[track_caller]
    fn refuses(workspace: &Workspace, arguments: &[&str], message: &str) {
        let report = drift(workspace, arguments);
        assert!(report.stderr.contains(message), "{}", report.stderr);
        assert_eq!((report.status, report.stdout.as_str()), (2, ""));
    }
    let from = ["--from", contract.as_str()];
    let with = |more: &[&'static str]| [&from[..], more].concat();
    refuses(
        &workspace,
        &["--from", &contract, "--webhooks-from", &html],
        "page.html cannot be used: it is HTML, not JSON",
    );
    refuses(
        &workspace,
        &["--from", &contract, "--base", &html],
        "page.html cannot be used: it is HTML, not JSON",
    );
    refuses(
        &workspace,
        &with(&["--base", "no-such-thing"]),
        "error: --base no-such-thing: there is no such file, folder or git revision\n",
    );
    refuses(
        &workspace,
        &with(&["--fail-on", "sometimes"]),
        "invalid value 'sometimes' for '--fail-on <LEVEL>'",
    );
    refuses(
        &workspace,
        &with(&["--formt", "json"]),
        "unexpected argument '--formt'",
    );
    let broken = workspace.contract();
    fs::write(workspace.path("swagger_doc.json"), "{\"swagger\": \"2.0\"}").unwrap();
    let from = workspace.write("vendor.json", &broken.to_string());
    refuses(
        &workspace,
        &["--from", &from],
        "swagger_doc.json cannot be used: it has no paths",
    );
}

#[test]
fn the_base_is_a_document_a_folder_or_a_revision() {
    let workspace = Workspace::new();
    let new = workspace.write("vendor.json", &with_a_filter(&workspace));
    let old = workspace.write("old.json", &workspace.contract().to_string());
    let git = |arguments: &[&str]| {
        let output = Command::new("git")
            .current_dir(workspace.0.path())
            .args(["-c", "user.name=A Person", "-c", "user.email=a@example.com"])
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    git(&["init", "--quiet"]);
    git(&["add", "."]);
    git(&["commit", "--quiet", "-m", "as it was"]);
    git(&["tag", "v1"]);
    fs::copy(&new, workspace.path("swagger_doc.json")).unwrap();
    let folder = Path::new(SPEC).display().to_string();
    for base in [old.as_str(), folder.as_str(), "v1", "HEAD"] {
        let report = drift(&workspace, &["--from", &new, "--base", base]);
        assert_eq!(report.status, 1, "{base}: {}", report.stderr);
        let text = "GET /v1/actor: the query parameter `expand` (string) is new.";
        assert!(report.stdout.contains(text), "{base}: {}", report.stdout);
    }
    assert_eq!(drift(&workspace, &["--from", &new]).status, 0);
}

#[test]
fn what_is_known_can_be_ignored_until_it_expires() {
    let workspace = Workspace::new();
    let from = workspace.write("vendor.json", &with_a_filter(&workspace));
    let pointer = "/paths/~1v1~1actor/get/parameters/0";
    let entry = format!("id: request-parameter-added\n  pointer: {pointer}\n  reason: we know");
    let with = |entries: &str| {
        let file = workspace.write("ignore.yaml", entries);
        drift(&workspace, &["--from", &from, "--ignore", &file])
    };

    let known = with(&format!("- {entry}\n  expires: 2999-01-01\n"));
    assert_eq!(known.status, 0, "{}", known.stdout);
    assert!(
        known.stdout.contains(&format!(
            "Ignored\n  request-parameter-added {pointer}: we know (until 2999-01-01)\n"
        )),
        "{}",
        known.stdout
    );
    let expired = with(&format!("- {entry}\n  expires: 2026-01-01\n"));
    assert_eq!(expired.status, 1);
    assert!(
        expired
            .stdout
            .contains(&format!("{pointer} has expired on 2026-01-01\n")),
        "{}",
        expired.stdout
    );
    let other = with("- {id: operation-removed, pointer: /paths/~1v1~1x/get, reason: it went}\n");
    assert_eq!(other.status, 1);
    assert!(
        other
            .stdout
            .contains("the entry to ignore operation-removed /paths/~1v1~1x/get matches nothing\n"),
        "{}",
        other.stdout
    );

    for (entries, why) in [
        (
            "- {id: no-such-rule, pointer: /a, reason: b}",
            "there is no rule no-such-rule",
        ),
        (
            "- {id: operation-removed, pointer: /a, reason: ' '}",
            "the entry for operation-removed /a gives no reason",
        ),
        (
            "- {id: operation-removed, pointr: /a, reason: b}",
            "is not a list of entries to ignore: .[0]: unknown field `pointr`",
        ),
    ] {
        let report = with(entries);
        assert_eq!(report.status, 2);
        assert!(report.stderr.contains(why), "{}", report.stderr);
    }
}

#[test]
fn names_out_of_the_document_are_no_markup_and_no_command() {
    let workspace = Workspace::new();
    let mut contract = workspace.contract();
    let name = "x\n::error::y\u{1b}[31m`<b>@all";
    contract["definitions"]["Agent"]["properties"][name] = json!({"type": "string"});
    let from = workspace.write("vendor.json", &contract.to_string());
    for format in ["text", "markdown", "github"] {
        let report = drift(&workspace, &["--from", &from, "--format", format]);
        assert_eq!(report.status, 1);
        assert!(!report.stdout.contains("\n::error::y"), "{}", report.stdout);
        assert!(!report.stdout.contains('\u{1b}'), "{:?}", report.stdout);
    }
}
