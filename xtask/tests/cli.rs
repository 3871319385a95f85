//! `cargo xtask` as a maintainer runs it: on files, and over loopback HTTP.

mod support;

use std::fs;
use std::process::Command;

use serde_json::{Value, json};
use support::{BadInput, SPEC, Workspace, bad_inputs, http, serve, with_words};

/// A text that a vendor has and a contract has not.
const EXAMPLE: &str = "/definitions/Account/properties/id/example";

#[test]
fn the_committed_document_is_up_to_date_and_complete() {
    let output = Workspace::new().succeeds(&["generate", "--check"]);
    assert_eq!(output, "spec/openapi.json is up to date\n");
}

#[test]
fn fetching_the_contract_again_gives_the_contract() {
    let workspace = Workspace::new();
    let before = workspace.read("swagger_doc.json");
    let (api, webhooks) = (
        format!("{SPEC}/swagger_doc.json"),
        format!("{SPEC}/webhooks_doc.json"),
    );
    let output = workspace.succeeds(&["fetch", "--from", &api, "--webhooks-from", &webhooks]);
    assert!(
        output.starts_with("contract: 66 paths, 92 operations, 49 definitions\n"),
        "{output}"
    );
    assert!(workspace.read("swagger_doc.json") == before);
    assert_eq!(
        workspace.read("openapi.json"),
        fs::read_to_string(format!("{SPEC}/openapi.json")).unwrap()
    );
}

#[test]
fn a_document_over_http_gives_its_contract_byte_for_byte() {
    let workspace = Workspace::new();
    let fetched: Value = serde_json::from_str(&workspace.read("fetched.json")).unwrap();
    let served = |name| {
        let contract = serde_json::from_str(&workspace.read(name)).unwrap();
        serve(http("200 OK", with_words(&contract).to_string().as_bytes()))
    };
    let (api, webhooks) = (served("swagger_doc.json"), served("webhooks_doc.json"));
    let files = ["swagger_doc.json", "webhooks_doc.json", "openapi.json"];
    for name in files.iter().chain(&["fetched.json"]) {
        fs::remove_file(workspace.path(name)).unwrap();
    }
    let day = |key: &str| fetched[key].as_str().unwrap();
    workspace.succeeds(&[
        "fetch",
        "--from",
        &api,
        "--webhooks-from",
        &webhooks,
        "--captured",
        day("captured"),
        "--date",
        day("taken_over"),
    ]);
    for name in files {
        let committed = fs::read_to_string(format!("{SPEC}/{name}")).unwrap();
        assert!(workspace.read(name) == committed, "{name} differs");
    }
    let fetched: Value = serde_json::from_str(&workspace.read("fetched.json")).unwrap();
    assert!(fetched["prose"]["swagger_doc.json"].get(EXAMPLE).is_some());
}

#[test]
fn what_cannot_be_used_says_why_and_changes_nothing() {
    let workspace = Workspace::new();
    let files = ["swagger_doc.json", "webhooks_doc.json", "openapi.json"];
    let before = files.map(|name| workspace.read(name));
    let webhooks = format!("{SPEC}/webhooks_doc.json");
    for BadInput { from, message } in bad_inputs(&workspace) {
        let arguments = [
            "fetch",
            "--timeout",
            "1",
            "--from",
            &from,
            "--webhooks-from",
            &webhooks,
        ];
        let error = workspace.fails(&arguments);
        assert!(error.starts_with(&format!("error: {message}")), "{error}");
        assert_eq!(files.map(|name| workspace.read(name)), before);
    }
}

#[test]
fn webhooks_are_checked_before_anything_is_written() {
    let workspace = Workspace::new();
    let before = workspace.read("swagger_doc.json");
    let webhooks = workspace.write("webhooks.json", r#"{"openapi": "3.0.0"}"#);
    let api = format!("{SPEC}/swagger_doc.json");
    let error = workspace.fails(&["fetch", "--from", &api, "--webhooks-from", &webhooks]);
    assert!(
        error.contains("it is not OpenAPI 3.1: `openapi` is \"3.0.0\""),
        "{error}"
    );
    let webhooks = workspace.write("webhooks.json", r#"{"openapi": "3.1.0", "webhooks": {}}"#);
    let error = workspace.fails(&["fetch", "--from", &api, "--webhooks-from", &webhooks]);
    assert!(error.contains("it has no webhooks"), "{error}");
    assert_eq!(workspace.read("swagger_doc.json"), before);
}

#[test]
fn check_shows_a_diff_and_writes_nothing() {
    let workspace = Workspace::new();
    let stale = workspace
        .read("openapi.json")
        .replace("\"list_agents\"", "\"list_endpoints\"");
    workspace.write("openapi.json", &stale);
    let output = workspace.run(&["generate", "--check"]);
    let diff = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        diff.contains("\n-        \"operationId\": \"list_endpoints\",\n"),
        "{diff}"
    );
    assert!(
        diff.contains("\n+        \"operationId\": \"list_agents\",\n"),
        "{diff}"
    );
    assert_eq!(workspace.read("openapi.json"), stale);
}

#[test]
fn the_simulators_copies_and_the_table_of_rules_follow() {
    let root = tempfile::tempdir().unwrap();
    let (spec, copies) = (root.path().join("spec"), root.path().join("simulator/spec"));
    fs::create_dir_all(&copies).unwrap();
    fs::rename(Workspace::new().0.keep(), &spec).unwrap();
    let xtask = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command
            .arg("--spec")
            .arg(&spec)
            .args(arguments)
            .output()
            .unwrap()
    };
    assert!(!xtask(&["generate", "--check"]).status.success());
    assert!(xtask(&["generate"]).status.success());
    assert!(xtask(&["generate", "--check"]).status.success());
    fs::write(copies.join("webhooks_doc.json"), "{}").unwrap();
    let stale = String::from_utf8(xtask(&["generate", "--check"]).stderr).unwrap();
    assert!(
        stale.contains("simulator/spec/webhooks_doc.json is stale"),
        "{stale}"
    );

    let readme = root.path().join("xtask/README.md");
    fs::create_dir_all(readme.parent().unwrap()).unwrap();
    let around = |table: &str| format!("a\n<!-- rules -->\n{table}<!-- end of the rules -->\nb\n");
    fs::write(&readme, around("| old |\n")).unwrap();
    fs::copy(
        spec.join("webhooks_doc.json"),
        copies.join("webhooks_doc.json"),
    )
    .unwrap();
    let stale = String::from_utf8(xtask(&["generate", "--check"]).stderr).unwrap();
    assert!(
        stale.contains("the rules in xtask/README.md are stale"),
        "{stale}"
    );
    assert!(xtask(&["generate"]).status.success());
    let table = xtask::drift::rules::table();
    assert_eq!(fs::read_to_string(readme).unwrap(), around(&table));
}

/// A release with new things of every kind builds without a hand edit; what wants a
/// person's words is listed, and only `--check` insists on it.
#[test]
fn a_new_release_regenerates_with_warnings_that_check_turns_into_errors() {
    let workspace = Workspace::new();
    let mut contract = workspace.contract();
    contract["definitions"]["Gadget"] = json!({"type": "object", "properties": {
        "id": {"type": "integer"},
        "colour": {"type": "string", "enum": ["red", "blue"]},
        "size": {"type": "Object", "x-example-shape": {"width": "integer"}}}});
    let gadgets = json!({"type": "object", "properties": {
        "gadgets": {"type": "array", "items": {"$ref": "#/definitions/Gadget"}},
        "pagination": {"$ref": "#/definitions/Pagination"}}});
    contract["paths"]["/v1/gadgets"] = json!({"get": {"produces": ["application/json"],
        "parameters": [{"in": "query", "name": "limit", "type": "integer"}],
        "responses": {"200": {"schema": gadgets}}}});
    contract["definitions"]["Agent"]["properties"]["battery"] = json!({"type": "integer"});
    workspace.set_contract(&contract);

    let output = workspace.succeeds(&["generate"]);
    for warning in [
        "GadgetColour: an enum named after its place; give it a name in a `names` overlay",
        "GadgetSize: an inline object named after its place; give it a name in a `names` overlay",
        "the operation list_gadgets has no text; write its summary in a `docs` overlay",
        "the property battery of Agent has no text; write its description in a `docs` overlay",
    ] {
        assert!(
            output.contains(&format!("warning: {warning}\n")),
            "{warning}:\n{output}"
        );
    }
    let document: Value = serde_json::from_str(&workspace.read("openapi.json")).unwrap();
    assert_eq!(
        document["paths"]["/v1/gadgets"]["get"]["operationId"],
        "list_gadgets"
    );
    assert!(document["components"]["schemas"]["GadgetPage"]["x-huntress-envelope"].is_object());

    let error = workspace.fails(&["generate", "--check"]);
    assert!(
        error.contains("is up to date, but still wants:\n  "),
        "{error}"
    );
    assert!(
        error.contains("the operation list_gadgets has no text"),
        "{error}"
    );
}

#[test]
fn a_new_enum_value_needs_no_hand_edit_and_reaches_the_fields_of_its_enum() {
    let workspace = Workspace::new();
    let mut contract = workspace.contract();
    let values = |operation: &mut Value, name: &str| {
        let mut parameters = operation["parameters"].as_array_mut().unwrap().iter_mut();
        let parameter = parameters
            .find(|parameter| parameter["name"] == name)
            .unwrap();
        parameter["enum"]
            .as_array_mut()
            .unwrap()
            .push(json!("brand_new"));
    };
    for path in [
        "/v1/incident_reports",
        "/v1/accounts/{account_id}/incident_reports",
    ] {
        values(&mut contract["paths"][path]["get"], "status");
    }
    workspace.set_contract(&contract);
    let output = workspace.succeeds(&["generate"]);
    assert!(output.contains("(0 warnings)"), "{output}");
    let document: Value = serde_json::from_str(&workspace.read("openapi.json")).unwrap();
    let schemas = &document["components"]["schemas"];
    let field = &schemas["IncidentReport"]["properties"]["status"]["allOf"][0]["$ref"];
    assert_eq!(field, "#/components/schemas/IncidentReportStatus");
    let known = schemas["IncidentReportStatus"]["enum"].as_array().unwrap();
    assert!(known.contains(&json!("brand_new")), "{known:?}");
}

#[test]
fn an_overlay_gives_way_to_a_document_that_has_what_it_adds() {
    let workspace = Workspace::new();
    let mut contract = workspace.contract();
    let body = &mut contract["definitions"]["EscalationResolutionParameters"]["properties"];
    body["expiration_date"] = json!({"type": "string", "format": "date"});
    workspace.set_contract(&contract);
    workspace.succeeds(&["generate"]);
    let output = workspace.run(&["generate", "--check"]);
    let notes = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{notes}");
    assert_eq!(
        notes,
        "note: overlay resolution_since_august.yaml, target \
         $.components.schemas.EscalationResolutionParameters.properties: no longer needed, the \
         document has /components/schemas/EscalationResolutionParameters/properties/expiration_date; \
         remove the action\n"
    );
}

#[test]
fn a_capture_says_when_it_was_made_and_one_of_a_file_says_nothing() {
    let workspace = Workspace::new();
    let mut contract = workspace.contract();
    contract["info"]["title"] = json!("Another");
    let api = workspace.write("other.json", &contract.to_string());
    let webhooks = format!("{SPEC}/webhooks_doc.json");
    let stamp = |captured: &[&str]| {
        let mut arguments = vec!["fetch", "--from", &api, "--webhooks-from", &webhooks];
        arguments.extend(["--date", "2026-12-01"]);
        arguments.extend(captured);
        workspace.succeeds(&arguments);
        let document: Value = serde_json::from_str(&workspace.read("openapi.json")).unwrap();
        let stamp = document["info"]["x-huntress-contract"].clone();
        // What is the same keeps its days.
        workspace.set_contract(&json!({}));
        (stamp["captured"].clone(), stamp["taken_over"].clone())
    };
    let day = json!("2026-12-01");
    assert_eq!(stamp(&[]), (Value::Null, day.clone()));
    assert_eq!(stamp(&["--captured", "2026-11"]), (json!("2026-11"), day));
}

#[test]
fn what_no_rule_understands_stops_with_its_place() {
    let workspace = Workspace::new();
    let before = workspace.read("openapi.json");
    let mut contract = workspace.contract();
    contract["definitions"]["Agent"]["properties"]["price"] = json!({"type": "Money"});
    workspace.set_contract(&contract);
    let error = workspace.fails(&["generate"]);
    assert_eq!(
        error,
        "error: /components/schemas/Agent/properties/price: the type \"Money\" is neither a JSON type nor a component\n"
    );
    assert_eq!(workspace.read("openapi.json"), before);
}

#[test]
fn a_mirror_that_differs_stops_and_names_the_operation() {
    let workspace = Workspace::new();
    let mut contract = workspace.contract();
    let mirror = &mut contract["paths"]["/v1/accounts/{account_id}/agents"]["get"];
    mirror["parameters"]
        .as_array_mut()
        .unwrap()
        .retain(|p| p["name"] != "hostname");
    workspace.set_contract(&contract);
    let error = workspace.fails(&["generate"]);
    assert_eq!(
        error,
        "error: GET /v1/accounts/{account_id}/agents is no longer an exact mirror of /v1/agents: \
         it lacks the parameter \"hostname\"\n"
    );
}

#[test]
fn an_overlay_for_what_is_gone_stops() {
    let workspace = Workspace::new();
    let mut contract = workspace.contract();
    let agent = &mut contract["definitions"]["Agent"]["properties"];
    agent.as_object_mut().unwrap().remove("serial_number");
    workspace.set_contract(&contract);
    let error = workspace.fails(&["generate"]);
    assert!(
        error.contains("/serial_number does not exist; the overlay has something for it"),
        "{error}"
    );
}

/// In the log of a workflow a line that begins with `::` is obeyed, and a terminal obeys ESC.
#[test]
fn no_line_and_no_control_of_the_vendors_is_printed() {
    const EVIL: &str = "a\n::set-output name=ready::true\r\u{1b}[31m\u{202e}";
    #[track_caller]
    fn says(workspace: &Workspace, arguments: &[&str], what: &str) {
        let output = workspace.run(arguments);
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(text.contains(what), "{text:?}");
        let obeyed = |line: &str| line.trim_start().starts_with("::");
        assert!(!text.lines().any(obeyed), "{text:?}");
        let control = |c: char| c == '\u{202e}' || (c != '\n' && c.is_control());
        assert!(!text.contains(control), "{text:?}");
    }
    let workspace = Workspace::new();
    let webhooks = format!("{SPEC}/webhooks_doc.json");
    let key = serde_json::to_string(EVIL).unwrap();
    let twice = workspace.write("twice.json", &format!("{{{key}: 1, {key}: 2}}"));
    let fetch =
        |api: &str| ["fetch", "--from", api, "--webhooks-from", &webhooks].map(str::to_owned);
    let fetched = |workspace: &Workspace, api: &str, what: &str| {
        let arguments = fetch(api);
        says(workspace, &arguments.each_ref().map(String::as_str), what);
    };
    fetched(&workspace, &twice, r"the key /a\n::set-output");

    let mut contract = workspace.contract();
    let properties = &mut contract["definitions"]["Agent"]["properties"];
    properties[EVIL] = json!({"type": "string"});
    let wants = workspace.write("wants.json", &contract.to_string());
    fetched(&workspace, &wants, r"warning: the property a\n::set-output");
    says(
        &workspace,
        &["generate", "--check"],
        r"the property a\n::set-output",
    );

    for broken in [
        json!({"type": EVIL}),
        json!({"$ref": "#/definitions/Agent/properties/x"}),
    ] {
        contract["definitions"]["Agent"]["properties"]["x"] = broken;
        let broken = workspace.write("broken.json", &contract.to_string());
        fetched(
            &workspace,
            &broken,
            "error: the new document cannot be generated",
        );
    }
    let properties = &mut contract["definitions"]["Agent"]["properties"];
    properties["x"] = json!({"type": "string"});
    properties[format!("{EVIL}-")] = json!({"type": "string"});
    contract["definitions"]["Agent"]["properties"]["X"] = json!({"type": "string"});
    let several = workspace.write("several.json", &contract.to_string());
    fetched(
        &workspace,
        &several,
        "2 things must be repaired first:\n  Agent: ",
    );
}
