//! A `spec` folder to run `cargo xtask` in, and a vendor on loopback HTTP.
#![allow(dead_code)] // not every test needs all of it

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use tempfile::TempDir;
use xtask::contract::SHAPE;

pub const SPEC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec");

/// A contract as a vendor serves it: with an example for each shape, and words beside it.
pub fn with_words(contract: &Value) -> Value {
    match contract {
        Value::Object(map) => {
            let mut worded = map.clone();
            for value in worded.values_mut() {
                *value = with_words(value);
            }
            if let Some(shape) = worded.remove(SHAPE) {
                worded.insert("example".to_owned(), example(&shape));
                worded.insert("description".to_owned(), json!("Words."));
            }
            Value::Object(worded)
        }
        Value::Array(items) => items.iter().map(with_words).collect(),
        other => other.clone(),
    }
}

fn example(shape: &Value) -> Value {
    match shape {
        Value::Object(map) => {
            let examples = map.iter().map(|(key, shape)| (key.clone(), example(shape)));
            Value::Object(examples.collect())
        }
        Value::Array(items) => items.iter().map(example).collect(),
        shape => match shape.as_str().unwrap() {
            "string" => json!("some text"),
            "integer" => json!(7),
            "number" => json!(1.5),
            "boolean" => json!(true),
            other => panic!("no example of {other}"),
        },
    }
}

/// A copy of the `spec` folder to work in.
pub struct Workspace(pub TempDir);

impl Workspace {
    pub fn new() -> Self {
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

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub fn write(&self, name: &str, text: &str) -> String {
        fs::write(self.path(name), text).unwrap();
        self.path(name).display().to_string()
    }

    pub fn contract(&self) -> Value {
        serde_json::from_str(&self.read("swagger_doc.json")).unwrap()
    }

    pub fn set_contract(&self, contract: &Value) {
        self.write(
            "swagger_doc.json",
            &serde_json::to_string_pretty(contract).unwrap(),
        );
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_xtask"))
            .arg("--spec")
            .arg(self.0.path())
            .args(arguments)
            .output()
            .unwrap()
    }

    #[track_caller]
    pub fn succeeds(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr)
    }

    #[track_caller]
    pub fn fails(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    }
}

/// Serves one raw HTTP answer to each connection; `None` accepts and stays silent.
pub fn serve(answer: Option<Vec<u8>>) -> String {
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

pub fn http(status: &str, body: &[u8]) -> Option<Vec<u8>> {
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    Some([head.as_bytes(), body].concat())
}

/// Something that is not the vendor's document, and what is said of it.
pub struct BadInput {
    pub from: String,
    pub message: String,
}

/// Every way in which a document cannot be had or used; to be tried with a time-out of 1 s.
pub fn bad_inputs(workspace: &Workspace) -> Vec<BadInput> {
    let mut inputs = Vec::new();
    let mut add = |from: String, message: &str| {
        let message = message.replace("{from}", &from);
        inputs.push(BadInput { from, message });
    };
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = format!("http://{}/doc.json", free.local_addr().unwrap());
    drop(free);
    add(closed, "cannot reach {from}: Connection refused");
    add(serve(None), "{from} did not answer within 1s\n");
    let cut = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"a\"".to_vec();
    add(serve(Some(cut)), "{from} broke off: ");
    add(
        serve(http("503 Service Unavailable", b"")),
        "{from} answered 503 Service Unavailable; expected 200 OK\n",
    );
    let moved =
        b"HTTP/1.1 301 Moved Permanently\r\nlocation: https://elsewhere.example/doc.json\r\n\
        content-length: 0\r\nconnection: close\r\n\r\n"
            .to_vec();
    add(
        serve(Some(moved)),
        "{from} answered 301 Moved Permanently, a redirect to https://elsewhere.example/doc.json; \
         pass that address if it is right\n",
    );
    let missing = workspace.path("missing.json").display().to_string();
    add(
        missing,
        "cannot open {from}: No such file or directory (os error 2)\n",
    );
    let large = vec![b' '; (32 << 20) + 1];
    add(
        serve(http("200 OK", &large)),
        "{from} is larger than 16 MiB\n",
    );
    add(
        serve(http("200 OK", b"\xff{}")),
        "{from} is not UTF-8 text\n",
    );
    let texts = [
        ("", "it is empty"),
        (
            "<!doctype html><title>Sign in</title>",
            "it is HTML, not JSON",
        ),
        (
            r#"{"swagger": "2.0", "paths""#,
            "its JSON is truncated: EOF while parsing an object at line 1 column 26",
        ),
        (
            r#"{"swagger": 2.0,}"#,
            "its JSON is broken: trailing comma at line 1 column 17",
        ),
        ("[]", "it is JSON, but not an object"),
        (
            r#"{"openapi": "3.1.0"}"#,
            "it is not Swagger 2.0: it has no `swagger` key",
        ),
        (
            r#"{"swagger": "1.2"}"#,
            "it is not Swagger 2.0: `swagger` is \"1.2\"",
        ),
        (r#"{"swagger": "2.0"}"#, "it has no paths"),
        (r#"{"swagger": "2.0", "paths": {}}"#, "it has no paths"),
        (
            r#"{"swagger": "2.0", "paths": {"/a": {}}}"#,
            "its paths have no operations",
        ),
        (
            r#"{"swagger": "2.0", "paths": {"/a": {"get": {}, "get": {}}}}"#,
            "the key /paths/~1a/get stands there twice at line 1 column 52",
        ),
        (
            r#"{"swagger": "2.0", "paths": {"/a/{id}": {"get": {}}, "/a/{key}": {"get": {}}}}"#,
            "it declares one operation twice: GET /a/{id} and GET /a/{key}",
        ),
    ];
    for (index, (text, why)) in texts.into_iter().enumerate() {
        let from = workspace.write(&format!("vendor{index}.json"), text);
        add(from, &format!("{{from}} cannot be used: {why}\n"));
    }
    inputs
}
