//! `cargo xtask` as a maintainer runs it: on files, and over loopback HTTP.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use tempfile::TempDir;

const SPEC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec");
const UPSTREAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/upstream");

/// A copy of the `spec` folder to work in.
struct Workspace(TempDir);

impl Workspace {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("overlay")).unwrap();
        for (from, to) in [
            (SPEC.into(), folder.path().to_owned()),
            (
                Path::new(SPEC).join("overlay"),
                folder.path().join("overlay"),
            ),
        ] as [(PathBuf, PathBuf); 2]
        {
            for entry in fs::read_dir(from)
                .unwrap()
                .map(Result::unwrap)
                .filter(|e| e.path().is_file())
            {
                fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
            }
        }
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn write(&self, name: &str, text: &str) -> String {
        fs::write(self.path(name), text).unwrap();
        self.path(name).display().to_string()
    }

    fn contract(&self) -> Value {
        serde_json::from_str(&self.read("swagger_doc.json")).unwrap()
    }

    fn set_contract(&self, contract: &Value) {
        self.write(
            "swagger_doc.json",
            &serde_json::to_string_pretty(contract).unwrap(),
        );
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_xtask"))
            .arg("--spec")
            .arg(self.0.path())
            .args(arguments)
            .output()
            .unwrap()
    }

    #[track_caller]
    fn succeeds(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr)
    }

    #[track_caller]
    fn fails(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    }

    /// Fails to fetch `from`, with this message, and changes no file.
    #[track_caller]
    fn refuses_with(&self, from: &str, timeout: &str, message: &str) {
        let files = ["swagger_doc.json", "webhooks_doc.json", "openapi.json"];
        let before = files.map(|name| self.read(name));
        let webhooks = format!("{SPEC}/webhooks_doc.json");
        let error = self.fails(&[
            "fetch",
            "--from",
            from,
            "--webhooks-from",
            &webhooks,
            "--timeout",
            timeout,
        ]);
        assert_eq!(
            error.trim_end(),
            format!("error: {}", message.replace("{from}", from))
        );
        assert_eq!(files.map(|name| self.read(name)), before);
    }

    #[track_caller]
    fn refuses(&self, text: &str, why: &str) {
        let from = self.write("vendor.json", text);
        self.refuses_with(&from, "60", &format!("{{from}} cannot be used: {why}"));
    }
}

/// Serves one raw HTTP answer to each connection; `None` accepts and stays silent.
fn serve(answer: Option<Vec<u8>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut silent = Vec::new();
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            match &answer {
                Some(answer) => drop(stream.write_all(answer)),
                None => silent.push(stream),
            }
        }
    });
    format!("http://{address}/doc.json")
}

fn http(status: &str, body: &[u8]) -> Option<Vec<u8>> {
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    Some([head.as_bytes(), body].concat())
}

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
fn the_vendors_document_over_http_gives_the_committed_contract_byte_for_byte() {
    let Ok(api) = fs::read(format!("{UPSTREAM}/swagger_doc.json")) else {
        println!("{UPSTREAM} is not there: the vendor's own document was not fetched");
        return;
    };
    let webhooks = fs::read(format!("{UPSTREAM}/webhooks_doc.json")).unwrap();
    let workspace = Workspace::new();
    let fetched: Value = serde_json::from_str(&workspace.read("fetched.json")).unwrap();
    let files = [
        "swagger_doc.json",
        "webhooks_doc.json",
        "openapi.json",
        "fetched.json",
    ];
    for name in files {
        fs::remove_file(workspace.path(name)).unwrap();
    }
    let (api, webhooks) = (
        serve(http("200 OK", &api)),
        serve(http("200 OK", &webhooks)),
    );
    let day = fetched["date"].as_str().unwrap();
    workspace.succeeds(&[
        "fetch",
        "--from",
        &api,
        "--webhooks-from",
        &webhooks,
        "--date",
        day,
    ]);
    for name in files {
        let committed = fs::read_to_string(format!("{SPEC}/{name}")).unwrap();
        assert!(workspace.read(name) == committed, "{name} differs");
    }
}

#[test]
fn what_cannot_be_read_says_why_and_changes_nothing() {
    let workspace = Workspace::new();
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let closed = format!("http://{free}/doc.json");
    workspace.refuses_with(
        &closed,
        "60",
        "cannot reach {from}: Connection refused (os error 111)",
    );
    workspace.refuses_with(&serve(None), "1", "{from} did not answer within 1s");
    let cut = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"a\"".to_vec();
    let from = serve(Some(cut));
    let error = workspace.fails(&["fetch", "--from", &from, "--webhooks-from", &from]);
    assert!(
        error.starts_with(&format!("error: {from} broke off: ")),
        "{error}"
    );
    workspace.refuses_with(
        &serve(http("503 Service Unavailable", b"")),
        "60",
        "{from} answered 503 Service Unavailable; expected 200 OK",
    );
    let missing = workspace.path("missing.json").display().to_string();
    workspace.refuses_with(
        &missing,
        "60",
        "cannot open {from}: No such file or directory (os error 2)",
    );
    let large = vec![b' '; (32 << 20) + 1];
    workspace.refuses_with(
        &serve(http("200 OK", &large)),
        "60",
        "{from} is larger than 32 MiB",
    );
    workspace.refuses_with(
        &serve(http("200 OK", b"\xff{}")),
        "60",
        "{from} is not UTF-8 text",
    );
}

#[test]
fn what_is_not_the_vendors_document_says_why_and_changes_nothing() {
    let workspace = Workspace::new();
    workspace.refuses("", "it is empty");
    workspace.refuses(
        "<!doctype html><title>Sign in</title>",
        "it is HTML, not JSON",
    );
    workspace.refuses(
        r#"{"swagger": "2.0", "paths""#,
        "its JSON is truncated: EOF while parsing an object at line 1 column 26",
    );
    workspace.refuses(
        r#"{"swagger": 2.0,}"#,
        "its JSON is broken: trailing comma at line 1 column 17",
    );
    workspace.refuses("[]", "it is JSON, but not an object");
    workspace.refuses(
        r#"{"openapi": "3.1.0"}"#,
        "it is not Swagger 2.0: it has no `swagger` key",
    );
    workspace.refuses(
        r#"{"swagger": "1.2"}"#,
        "it is not Swagger 2.0: `swagger` is \"1.2\"",
    );
    workspace.refuses(r#"{"swagger": "2.0"}"#, "it has no paths");
    workspace.refuses(r#"{"swagger": "2.0", "paths": {}}"#, "it has no paths");
    workspace.refuses(
        r#"{"swagger": "2.0", "paths": {"/a": {}}}"#,
        "its paths have no operations",
    );
    workspace.refuses(
        r#"{"swagger": "2.0", "paths": {"/a": {"get": {}, "get": {}}}}"#,
        "the key /paths/~1a/get stands there twice at line 1 column 52",
    );
    workspace.refuses(
        r#"{"swagger": "2.0", "paths": {"/a/{id}": {"get": {}}, "/a/{key}": {"get": {}}}}"#,
        "it declares one operation twice: GET /a/{id} and GET /a/{key}",
    );
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

/// A release with new things of every kind builds without a hand edit; what wants a
/// person's words is listed, and only `--check` insists on it.
#[test]
fn the_simulators_copies_follow() {
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
}

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
    assert_eq!(known.last().unwrap(), "brand_new");
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
