//! HTTP by hand: what comes over the wire, and how the connection ends. And the API as any
//! program sees it, on top of that.

use std::collections::BTreeMap;
use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use huntress_simulator::{Credentials, Simulator, SimulatorBuilder};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// All that came back on a connection.
pub struct Answer {
    pub head: String,
    pub body: String,
    /// How the connection ended.
    pub end: Result<(), io::ErrorKind>,
}

impl Answer {
    /// 0 where there is none.
    pub fn status(&self) -> u16 {
        let status = self.head.split(' ').nth(1);
        status.map_or(0, |status| status.parse().unwrap())
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

/// A connection on which a request was sent, such as `GET /v1/account`.
pub async fn send(
    simulator: &Simulator,
    credentials: &Credentials,
    request: &str,
    headers: &str,
    body: &str,
) -> TcpStream {
    let address = simulator.base_url();
    let address = address.strip_prefix("http://").unwrap();
    let mut connection = TcpStream::connect(address).await.unwrap();
    let basic = STANDARD.encode(format!("{}:{}", credentials.key, credentials.secret));
    let text = format!(
        "{request} HTTP/1.1\r\nhost: x\r\nauthorization: Basic {basic}\r\nconnection: close\r\n{headers}\r\n{body}"
    );
    connection.write_all(text.as_bytes()).await.unwrap();
    connection
}

/// All that comes back.
pub async fn receive(mut connection: TcpStream) -> Answer {
    let mut bytes = Vec::new();
    let end = connection.read_to_end(&mut bytes).await;
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    Answer {
        head: head.to_owned(),
        body: body.to_owned(),
        end: end.map(drop).map_err(|error| error.kind()),
    }
}

/// The answer to a request without a body.
pub async fn get(simulator: &Simulator, path: &str) -> Answer {
    let request = format!("GET {path}");
    receive(send(simulator, simulator.credentials(), &request, "", "").await).await
}

/// The answer to a JSON body.
pub async fn post(simulator: &Simulator, path: &str, body: &str) -> Answer {
    let length = format!("content-length: {}\r\n", body.len());
    let request = format!("POST {path}");
    receive(send(simulator, simulator.credentials(), &request, &length, body).await).await
}

/// The answer to a request of any method, with JSON or without a body.
pub async fn request(simulator: &Simulator, request: &str, body: &str) -> Answer {
    let length = format!("content-length: {}\r\n", body.len());
    receive(send(simulator, simulator.credentials(), request, &length, body).await).await
}

/// All rows of a list, page by page.
pub async fn rows(simulator: &Simulator, path: &str) -> Vec<Value> {
    let and = if path.contains('?') { '&' } else { '?' };
    let (mut rows, mut token) = (Vec::new(), String::new());
    loop {
        let page = get(simulator, &format!("{path}{and}limit=500{token}")).await;
        assert_eq!(page.status(), 200, "{path}: {}", page.body);
        let page = page.json();
        let mut parts = page.as_object().unwrap().iter();
        let (_, items) = parts.find(|(key, _)| *key != "pagination").unwrap();
        rows.extend(items.as_array().unwrap().iter().cloned());
        match page["pagination"]["next_page_token"].as_str() {
            Some(next) => token = format!("&page_token={next}"),
            None => return rows,
        }
    }
}

/// A simulator without a quota that refuses unknown parameters, and the JSON that it answers.
pub struct Api {
    pub simulator: Simulator,
}

impl Api {
    pub async fn start() -> Self {
        Self::of(Simulator::builder()).await
    }

    pub async fn of(builder: SimulatorBuilder) -> Self {
        let builder = builder.no_quota().strict_parameters(true);
        Self {
            simulator: builder.start().await.unwrap(),
        }
    }

    /// Sends a request such as `PATCH /v1/agents/7`; status and JSON of the answer.
    pub async fn send(&self, line: &str, body: Value) -> (u16, Value) {
        let answer = request(&self.simulator, line, &body.to_string()).await;
        let json = serde_json::from_str(&answer.body);
        (answer.status(), json.unwrap_or_default())
    }

    pub async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.send(&format!("POST {path}"), body).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> (u16, Value) {
        self.send(&format!("PATCH {path}"), body).await
    }

    /// The status of a request without a body.
    pub async fn status(&self, line: &str) -> u16 {
        request(&self.simulator, line, "").await.status()
    }

    pub async fn get(&self, path: &str) -> Value {
        let answer = get(&self.simulator, path).await;
        assert_eq!(answer.status(), 200, "{path}: {}", answer.body);
        answer.json()
    }

    /// What stands in the only list, or under the only key, of an answer.
    pub async fn only(&self, path: &str) -> Value {
        let Value::Object(body) = self.get(path).await else {
            panic!("{path} answers no object");
        };
        let mut parts = body.into_iter().filter(|(key, _)| key != "pagination");
        parts.next().unwrap().1
    }

    /// The first 500 rows of a list.
    pub async fn rows(&self, path: &str) -> Vec<Value> {
        let and = if path.contains('?') { '&' } else { '?' };
        match self.only(&format!("{path}{and}limit=500")).await {
            Value::Array(rows) => rows,
            other => panic!("{path} is no list: {other}"),
        }
    }

    /// The rows of every list with pages, by the path of the list in the document.
    pub async fn everything(&self) -> BTreeMap<String, Vec<Value>> {
        let mut lists = BTreeMap::new();
        for (path, item) in document()["paths"].as_object().unwrap() {
            let parameters = item["get"]["parameters"].as_array().into_iter().flatten();
            let mut parameters = parameters.filter(|parameter| parameter["name"] == "limit");
            if parameters.next().is_none() {
                continue;
            }
            let Some((parents, rest)) = path.split_once("/{") else {
                lists.insert(path.clone(), self.rows(path).await);
                continue;
            };
            let (_, child) = rest.split_once('}').unwrap();
            let mut rows = Vec::new();
            for parent in ids(&self.rows(parents).await) {
                rows.extend(self.rows(&format!("{parents}/{parent}{child}")).await);
            }
            lists.insert(path.clone(), rows);
        }
        lists
    }
}

/// The document that the simulator serves.
pub fn document() -> Value {
    let text = std::fs::read_to_string("spec/openapi.json").unwrap();
    serde_json::from_str(&text).unwrap()
}

#[track_caller]
pub fn id(row: &Value) -> i64 {
    row["id"].as_i64().unwrap_or_else(|| panic!("no id: {row}"))
}

#[track_caller]
pub fn ids(rows: &[Value]) -> Vec<i64> {
    rows.iter().map(id).collect()
}
