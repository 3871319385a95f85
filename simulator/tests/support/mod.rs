//! HTTP by hand: what comes over the wire, and how the connection ends.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use huntress_simulator::{Credentials, Simulator};
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
