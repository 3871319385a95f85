//! What is not the API: the documents, and the control endpoint.
//!
//! | request | does |
//! |---|---|
//! | `GET /_simulator` | tells arrivals, refusals, writes, and what each operation answered |
//! | `GET /_simulator/writes` | the writes that arrived, in order |
//! | `GET /_simulator/faults` | the faults that may still happen |
//! | `POST /_simulator/faults` | adds a fault, in JSON |
//! | `DELETE /_simulator/faults` | takes all faults away |
//! | `GET /swagger_doc.json`, `GET /v1/webhooks_doc.json` | the vendor's contract |
//! | `GET /openapi.json` | what it was made into |
//!
//! None of it needs a key or counts against the quota.

use hyper::{Method, Response, StatusCode};
use serde_json::json;

use crate::body::{Body, empty, json as answer_json, typed};
use crate::document;
use crate::faults::Fault;
use crate::refusal::Refusal;
use crate::server::Api;

/// Whether a path is not the API's.
pub(crate) fn owns(path: &str) -> bool {
    let documents = [
        "/swagger_doc.json",
        "/v1/webhooks_doc.json",
        "/openapi.json",
    ];
    documents.contains(&path) || path == "/_simulator" || path.starts_with("/_simulator/")
}

pub(crate) fn answer(api: &Api, method: &Method, path: &str, body: &[u8]) -> Response<Body> {
    let json_text = |text: &'static str| typed(StatusCode::OK, "application/json", text);
    match (method.as_str(), path) {
        ("GET", "/swagger_doc.json") => json_text(document::CONTRACT),
        ("GET", "/v1/webhooks_doc.json") => json_text(document::WEBHOOKS),
        ("GET", "/openapi.json") => json_text(document::DOCUMENT),
        ("GET", "/_simulator") => {
            let arrivals = api.quota.arrivals();
            let writes = api.writes().len();
            let statistics = json!({
                "arrivals": arrivals.total, "refused": arrivals.refused, "writes": writes,
                "answered": api.answered(),
            });
            answer_json(StatusCode::OK, &statistics)
        }
        ("GET", "/_simulator/writes") => answer_json(StatusCode::OK, &api.writes()),
        ("GET", "/_simulator/faults") => answer_json(StatusCode::OK, &api.faults.waiting()),
        ("POST", "/_simulator/faults") => match String::from_utf8_lossy(body).parse::<Fault>() {
            Ok(fault) => {
                api.faults.add(fault);
                empty(StatusCode::NO_CONTENT)
            }
            Err(error) => {
                let why = format!("not a fault: {error}");
                Refusal::new(StatusCode::BAD_REQUEST, why).into_response()
            }
        },
        ("DELETE", "/_simulator/faults") => {
            api.faults.clear();
            empty(StatusCode::NO_CONTENT)
        }
        _ => unknown(method, path),
    }
}

fn unknown(method: &Method, path: &str) -> Response<Body> {
    let why = format!("the simulator has no {method} {path}");
    Refusal::new(StatusCode::NOT_FOUND, why).into_response()
}
