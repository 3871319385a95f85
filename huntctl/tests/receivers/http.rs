//! A server of HTTP that knows what Graylog, Elasticsearch, Splunk and Loki answer.

use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::stream::{Connection, Tls, listen};
use super::{Fault, Log, gelf};

pub struct Request {
    pub line: String,
    /// With names in small letters.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

pub struct Response {
    pub status: u16,
    pub body: String,
}

/// Which of them it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    Graylog,
    Elastic,
    Splunk,
    SplunkAcknowledging,
    Loki,
    Webhook,
}

pub const SECRET: &str = "s3cr3t-t0ken";

pub async fn serve(api: Api, tls: Option<Tls>, log: Log) -> SocketAddr {
    listen(log, tls, move |connection, log| {
        handle(connection, api, log)
    })
    .await
}

async fn handle(mut connection: Connection, api: Api, log: Log) {
    let mut unread = Vec::new();
    let mut count = 0;
    while let Some(request) = request(&mut connection, &mut unread).await {
        let response = match answer(api, &request, &log) {
            Ok(response) => response,
            Err(text) => {
                log.complain(format!("{text}: {} {}", request.line, request.body));
                api.refusal()
            }
        };
        count += 1;
        match log.fault() {
            Some(Fault::Closing(after)) if count >= after => return,
            Some(Fault::Restarting) if count >= 2 => return log.set_fault(Some(Fault::Down)),
            _ => {}
        }
        let wait = if [429, 503].contains(&response.status) {
            "Retry-After: 7\r\n"
        } else {
            ""
        };
        let Response { status, body } = response;
        let length = body.len();
        let text = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n{wait}\r\n{body}");
        if connection.write_all(text.as_bytes()).await.is_err() {
            return;
        }
        if connection.flush().await.is_err() {
            return;
        }
    }
}

async fn request(connection: &mut Connection, unread: &mut Vec<u8>) -> Option<Request> {
    loop {
        let end = unread.windows(4).position(|window| window == b"\r\n\r\n");
        if let Some(end) = end {
            let head = String::from_utf8(unread[..end].to_vec()).unwrap();
            let mut lines = head.split("\r\n").map(str::to_owned);
            let line = lines.next().unwrap();
            let headers: Vec<_> = lines
                .map(|line| {
                    let (name, value) = line.split_once(": ").unwrap();
                    (name.to_lowercase(), value.to_owned())
                })
                .collect();
            let length = headers.iter().find(|(name, _)| name == "content-length");
            let length: usize = length.map_or(0, |(_, length)| length.parse().unwrap());
            let body = end + 4..end + 4 + length;
            if unread.len() >= body.end {
                let text = String::from_utf8(unread[body.clone()].to_vec()).unwrap();
                unread.drain(..body.end);
                return Some(Request {
                    line,
                    headers,
                    body: text,
                });
            }
        }
        match connection.read_buf(unread).await {
            Ok(1..) => {}
            _ => return None,
        }
    }
}

fn answer(api: Api, request: &Request, log: &Log) -> Result<Response, String> {
    let response = |status, body: Value| {
        Ok(Response {
            status,
            body: body.to_string(),
        })
    };
    match log.fault() {
        Some(Fault::Status(status)) => {
            let echo = format!("not now; you said {:?}", request.headers);
            return response(status, json!({"text": echo, "code": 9}));
        }
        Some(Fault::Garbage) => return response(200, json!("<html>\u{0}welcome")),
        _ => {}
    }
    api.demand(request)?;
    if api == Api::SplunkAcknowledging && request.line.contains("/ack ") {
        let asked: Value =
            serde_json::from_str(&request.body).map_err(|error| error.to_string())?;
        let number = asked["acks"][0].to_string();
        // The first question is too early.
        log.take(&format!("asked {number}"));
        let asked = log
            .taken()
            .iter()
            .filter(|id| **id == format!("asked {number}"))
            .count();
        return response(200, json!({"acks": {number: asked > 1}}));
    }
    let ids = api.ids(request)?;
    if log.fault() == Some(Fault::OneOnly) && ids.len() > 1 {
        return response(413, json!("too much"));
    }
    if api == Api::Elastic {
        let later = log.fault() == Some(Fault::SomeLater);
        return response(200, bulk(&ids, later, log));
    }
    if ids.iter().any(|id| log.is_disliked(id)) {
        return Ok(api.refusal());
    }
    ids.iter().for_each(|id| log.take(id));
    match api {
        Api::Graylog => Ok(Response {
            status: 202,
            body: String::new(),
        }),
        Api::Loki => Ok(Response {
            status: 204,
            body: String::new(),
        }),
        Api::Splunk => response(200, json!({"text": "Success", "code": 0})),
        Api::SplunkAcknowledging => {
            let number = log.taken().len();
            response(200, json!({"text": "Success", "code": 0, "ackId": number}))
        }
        Api::Webhook => response(200, json!({"ok": true})),
        Api::Elastic => unreachable!(),
    }
}

fn bulk(ids: &[String], later: bool, log: &Log) -> Value {
    let item = |(index, id): (usize, &String)| {
        let (status, kind) = match () {
            () if log.is_disliked(id) => (400, "document_parsing_exception"),
            () if log.has(id) => (409, "version_conflict_engine_exception"),
            () if later && index % 2 == 1 => (429, "es_rejected_execution_exception"),
            () => {
                log.take(id);
                return json!({"create": {"status": 201}});
            }
        };
        json!({"create": {"status": status, "error": {"type": kind, "reason": "because"}}})
    };
    let items: Vec<_> = ids.iter().enumerate().map(item).collect();
    json!({"errors": items.iter().any(|item| item["create"]["status"] != 201), "items": items})
}

impl Api {
    /// What it says to what it cannot take.
    fn refusal(self) -> Response {
        let body = match self {
            Self::Splunk | Self::SplunkAcknowledging => {
                json!({"text": "Invalid data format", "code": 6, "invalid-event-number": 0})
            }
            _ => json!("it is wrong"),
        };
        let body = body.to_string();
        Response { status: 400, body }
    }

    fn demand(self, request: &Request) -> Result<(), String> {
        let header = |name: &str| {
            let header = request.headers.iter().find(|(other, _)| other == name);
            header.map(|(_, value)| value.as_str()).unwrap_or_default()
        };
        let (path, kind, login) = match self {
            Self::Graylog => ("POST /gelf HTTP/1.1", "application/json", String::new()),
            Self::Elastic => {
                let path = "POST /_bulk?filter_path=errors%2Citems.*.status%2Citems.*.error.type%2Citems.*.error.reason HTTP/1.1";
                (path, "application/x-ndjson", format!("ApiKey {SECRET}"))
            }
            Self::Splunk => {
                let path = "POST /services/collector/event HTTP/1.1";
                (path, "application/json", format!("Splunk {SECRET}"))
            }
            Self::SplunkAcknowledging => {
                if header("x-splunk-request-channel").len() != 36 {
                    return Err("no channel".into());
                }
                let path = "POST /services/collector/";
                (path, "application/json", format!("Splunk {SECRET}"))
            }
            Self::Loki => {
                let path = "POST /loki/api/v1/push HTTP/1.1";
                (path, "application/json", format!("Bearer {SECRET}"))
            }
            Self::Webhook => ("PUT /hook/", "application/json", SECRET.to_owned()),
        };
        if !request.line.starts_with(path) {
            return Err(format!("asked for {:?}", request.line));
        }
        if header("content-type") != kind {
            return Err(format!("the content is {:?}", header("content-type")));
        }
        if header("authorization") != login {
            return Err("the login is wrong".into());
        }
        Ok(())
    }

    /// The stable ids of the events of a request.
    fn ids(self, request: &Request) -> Result<Vec<String>, String> {
        match self {
            Self::Graylog => Ok(vec![gelf::id(request.body.as_bytes())?]),
            Self::Elastic => bulk_ids(&request.body),
            Self::Splunk | Self::SplunkAcknowledging => hec_ids(&request.body),
            Self::Loki => loki_ids(&request.body),
            Self::Webhook => {
                let body: Value =
                    serde_json::from_str(&request.body).map_err(|error| error.to_string())?;
                Ok(vec![text(&body["id"])?])
            }
        }
    }
}

fn text(value: &Value) -> Result<String, String> {
    value
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| format!("{value} is no text"))
}

fn bulk_ids(body: &str) -> Result<Vec<String>, String> {
    let body = body.strip_suffix('\n').ok_or("no line end at the end")?;
    let lines: Vec<Value> = body
        .split('\n')
        .map(|line| serde_json::from_str(line).map_err(|error| format!("{error}: {line:?}")))
        .collect::<Result<_, _>>()?;
    let item = |pair: &[Value]| match pair {
        [action, document] => {
            text(&document["@timestamp"])?;
            let index = text(&action["create"]["_index"])?;
            if index
                .chars()
                .any(|c| c.is_uppercase() || "\\/*?\"<>| ,#:".contains(c))
            {
                return Err(format!("{index:?} is no name of an index"));
            }
            text(&action["create"]["_id"])
        }
        _ => Err("an action without a document".into()),
    };
    lines.chunks(2).map(item).collect()
}

fn hec_ids(body: &str) -> Result<Vec<String>, String> {
    let events = serde_json::Deserializer::from_str(body).into_iter::<Value>();
    events
        .map(|event| {
            let event = event.map_err(|error| error.to_string())?;
            for name in ["host", "source", "sourcetype"] {
                text(&event[name])?;
            }
            if !event["time"].is_f64()
                || event["event"]
                    .as_object()
                    .is_none_or(|body| body.is_empty())
            {
                return Err(format!("not an event: {event}"));
            }
            if event["fields"]
                .as_object()
                .is_none_or(|all| all.values().any(|one| !one.is_string()))
            {
                return Err(format!("fields are flat: {event}"));
            }
            text(&event["fields"]["huntress_event_id"])
        })
        .collect()
}

fn loki_ids(body: &str) -> Result<Vec<String>, String> {
    let body: Value = serde_json::from_str(body).map_err(|error| error.to_string())?;
    let mut ids = Vec::new();
    for stream in body["streams"].as_array().ok_or("no streams")? {
        for label in stream["stream"].as_object().ok_or("no labels")?.values() {
            text(label)?;
        }
        for entry in stream["values"].as_array().ok_or("no values")? {
            let time: i128 = text(&entry[0])?.parse().map_err(|_| "no nanoseconds")?;
            if time < 1_000_000_000_000_000_000 {
                return Err(format!("{time} are no nanoseconds of these years"));
            }
            text(&entry[1])?;
            for value in entry[2].as_object().ok_or("no metadata")?.values() {
                text(value)?;
            }
            ids.push(text(&entry[2]["event_id"])?);
        }
    }
    Ok(ids)
}
