//! Runs the program as a user does, against a server that writes down what arrives.

#![allow(dead_code)]

pub mod document;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tempfile::TempDir;

pub const KEY: &str = "hk_0123456789abcdef";
pub const SECRET: &str = "hs_fedcba9876543210";

/// What the program did.
#[derive(Debug)]
pub struct Output {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

/// A run of the program, in an environment with nothing else in it.
pub struct Huntctl {
    pub folder: TempDir,
    variables: BTreeMap<String, String>,
    input: Option<String>,
}

impl Huntctl {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().to_str().unwrap().to_owned();
        let variables = BTreeMap::from([
            ("HOME".to_owned(), home),
            ("HUNTRESS_API_KEY".to_owned(), KEY.to_owned()),
            ("HUNTRESS_API_SECRET".to_owned(), SECRET.to_owned()),
        ]);
        Self {
            folder,
            variables,
            input: None,
        }
    }

    /// With the API at a server of ours.
    pub fn at(server: &Server) -> Self {
        Self::new().variable("HUNTRESS_BASE_URL", &server.url)
    }

    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.variables.remove(name);
        self
    }

    pub fn input(mut self, text: &str) -> Self {
        self.input = Some(text.to_owned());
        self
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_huntctl"));
        command
            .args(arguments)
            .env_clear()
            .envs(&self.variables)
            .current_dir(self.folder.path());
        command
    }

    /// Runs it to its end. No output may ever have a secret in it.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> Output {
        let mut command = self.command(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.stdin(match self.input {
            Some(_) => Stdio::piped(),
            None => Stdio::null(),
        });
        let mut child = command.spawn().unwrap();
        if let (Some(input), Some(mut stdin)) = (&self.input, child.stdin.take()) {
            stdin.write_all(input.as_bytes()).unwrap();
        }
        let output = child.wait_with_output().unwrap();
        let output = Output {
            status: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        };
        keeps_secrets(&output.stdout);
        keeps_secrets(&output.stderr);
        output
    }
}

#[track_caller]
pub fn keeps_secrets(text: &str) {
    assert!(!text.contains(SECRET) && !text.contains(KEY), "{text}");
}

impl Output {
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.status, 0, "{self:#?}");
        self
    }

    #[track_caller]
    pub fn fails(self, status: i32) -> Self {
        assert_eq!(self.status, status, "{self:#?}");
        self
    }

    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "{text:?} is not in {self:#?}");
        self
    }
}

/// A request that has arrived.
#[derive(Clone, Debug, PartialEq)]
pub struct Arrived {
    pub method: String,
    pub path: String,
    pub query: Vec<(String, String)>,
    pub headers: BTreeMap<String, String>,
    pub body: Option<Value>,
}

/// What to answer.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Status and body.
    Body(u16, String),
    /// The connection ends without a word.
    Nothing,
    /// Nobody answers for so long.
    Late(std::time::Duration),
}

pub fn json(body: &Value) -> Answer {
    Answer::Body(200, body.to_string())
}

/// A server of HTTP/1.1 on loopback, one request a connection.
pub struct Server {
    pub url: String,
    arrived: Arc<Mutex<Vec<Arrived>>>,
}

impl Server {
    pub fn start(answer: impl Fn(&Arrived) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let arrived = Arc::new(Mutex::new(Vec::new()));
        let (kept, answer) = (Arc::clone(&arrived), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (kept, answer) = (Arc::clone(&kept), Arc::clone(&answer));
                std::thread::spawn(move || serve(&stream, &kept, &*answer));
            }
        });
        Self { url, arrived }
    }

    /// What has arrived since the last call.
    pub fn arrived(&self) -> Vec<Arrived> {
        std::mem::take(&mut self.arrived.lock().unwrap())
    }

    /// The one request that has arrived since the last call.
    #[track_caller]
    pub fn only(&self) -> Arrived {
        let mut arrived = self.arrived();
        assert_eq!(arrived.len(), 1, "{arrived:#?}");
        arrived.remove(0)
    }
}

fn serve(mut stream: &TcpStream, kept: &Mutex<Vec<Arrived>>, answer: &dyn Fn(&Arrived) -> Answer) {
    let mut reader = BufReader::new(stream);
    let mut line = || {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    };
    let first = line();
    let mut words = first.split(' ');
    let (Some(method), Some(target)) = (words.next(), words.next()) else {
        return;
    };
    let mut headers = BTreeMap::new();
    while let Some((name, value)) = line().split_once(": ") {
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length = headers
        .get("content-length")
        .map_or(0, |it| it.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let arrived = Arrived {
        method: method.to_owned(),
        path: path.to_owned(),
        query: form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect(),
        headers,
        body: (!body.is_empty()).then(|| serde_json::from_slice(&body).unwrap()),
    };
    kept.lock().unwrap().push(arrived.clone());
    let (status, body) = match answer(&arrived) {
        Answer::Body(status, body) => (status, body),
        Answer::Nothing => return,
        Answer::Late(time) => {
            std::thread::sleep(time);
            return;
        }
    };
    let length = body.len();
    let _ = write!(
        stream,
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
}
