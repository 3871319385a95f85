//! What is not part of the API: the documents, and the control endpoint.
//!
//! | request | does |
//! |---|---|
//! | `GET /_simulator` | counts arrivals, refusals and writes, and what each operation answered |
//! | `GET /_simulator/writes` | the writes that arrived, in order |
//! | `GET /_simulator/faults` | the faults that may still happen |
//! | `POST /_simulator/faults` | adds a fault, in JSON |
//! | `DELETE /_simulator/faults` | takes all faults away |
//! | `DELETE /_simulator/state` | makes everything as it was at the start |
//! | `POST /_simulator/rows/{list}` | puts a new row, in JSON |
//! | `PUT /_simulator/rows/{list}/{id}` | puts a row with an id, new or in place of another |
//! | `PATCH /_simulator/rows/{list}/{id}` | changes some fields of a row |
//! | `GET /_simulator/rows/{list}/{id}` | a row |
//! | `DELETE /_simulator/rows/{list}/{id}` | removes a row |
//! | `GET /swagger_doc.json`, `GET /v1/webhooks_doc.json` | the vendor's contract |
//! | `GET /openapi.json` | what it was made into |
//!
//! And what [`crate::webhooks::control`] answers. None of it needs a key or counts against the quota.

use hyper::{Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::body::{Body, empty, json as answer_json, typed};
use crate::document;
use crate::faults::Fault;
use crate::refusal::Refusal;
use crate::rows::RowError;
use crate::state::State;
use crate::webhooks;

/// What stands before the path of a list.
const ROWS: &str = "/_simulator/rows/";

/// Whether a path is not the API's.
pub(crate) fn owns(path: &str) -> bool {
    let documents = [
        "/swagger_doc.json",
        "/v1/webhooks_doc.json",
        "/openapi.json",
    ];
    documents.contains(&path) || path == "/_simulator" || path.starts_with("/_simulator/")
}

pub(crate) fn answer(state: &State, method: &Method, path: &str, body: &[u8]) -> Response<Body> {
    let json_text = |text: &'static str| typed(StatusCode::OK, "application/json", text);
    if let Some(row) = path.strip_prefix(ROWS) {
        return rows(state, method, row, body);
    }
    if let Some(response) = webhooks::control::answer(state, method, path, body) {
        return response;
    }
    match (method.as_str(), path) {
        ("GET", "/swagger_doc.json") => json_text(document::CONTRACT),
        ("GET", "/v1/webhooks_doc.json") => json_text(document::WEBHOOKS),
        ("GET", "/openapi.json") => json_text(document::DOCUMENT),
        ("GET", "/_simulator") => {
            let arrivals = state.quota.arrivals();
            let writes = state.record.writes().len();
            let statistics = json!({
                "arrivals": arrivals.total, "refused": arrivals.refused, "writes": writes,
                "answered": state.record.answered(),
            });
            answer_json(StatusCode::OK, &statistics)
        }
        ("GET", "/_simulator/writes") => answer_json(StatusCode::OK, &state.record.writes()),
        ("GET", "/_simulator/faults") => answer_json(StatusCode::OK, &state.faults.waiting()),
        ("POST", "/_simulator/faults") => match String::from_utf8_lossy(body).parse::<Fault>() {
            Ok(fault) => {
                state.faults.add(fault);
                empty(StatusCode::NO_CONTENT)
            }
            Err(error) => {
                let why = format!("not a fault: {error}");
                Refusal::new(StatusCode::BAD_REQUEST, why).into_response()
            }
        },
        ("DELETE", "/_simulator/faults") => {
            state.faults.clear();
            empty(StatusCode::NO_CONTENT)
        }
        ("DELETE", "/_simulator/state") => {
            state.reset();
            empty(StatusCode::NO_CONTENT)
        }
        _ => unknown(method, path),
    }
}

fn unknown(method: &Method, path: &str) -> Response<Body> {
    let why = format!("the simulator has no {method} {path}");
    Refusal::new(StatusCode::NOT_FOUND, why).into_response()
}

/// Answers a request for a row, such as `incident_reports/7`, or for a list.
fn rows(state: &State, method: &Method, path: &str, body: &[u8]) -> Response<Body> {
    let row = || -> Result<Value, RowError> {
        serde_json::from_slice(body).map_err(|error| RowError::not_json(&error))
    };
    let one = path.rsplit_once('/').and_then(|(list, id)| {
        let id = id.parse::<i64>().ok()?;
        Some((list, id))
    });
    let done = match (method.as_str(), one) {
        ("POST", None) => row().and_then(|given| {
            let row = state.with_list(path, |list, world| list.put(world, None, &given))?;
            Ok((StatusCode::CREATED, Some(row)))
        }),
        ("PUT", Some((list, id))) => row().and_then(|given| {
            let row = state.with_list(list, |list, world| list.put(world, Some(id), &given))?;
            Ok((StatusCode::OK, Some(row)))
        }),
        ("PATCH", Some((list, id))) => row().and_then(|given| {
            let row = state.with_list(list, |list, world| list.change(world, id, &given))?;
            Ok((StatusCode::OK, Some(row)))
        }),
        ("GET", Some((list, id))) => state
            .with_list(list, |list, world| list.get(world, id))
            .map(|row| (StatusCode::OK, Some(row))),
        ("DELETE", Some((list, id))) => state
            .with_list(list, |list, world| list.remove(world, id))
            .map(|()| (StatusCode::NO_CONTENT, None)),
        _ => return unknown(method, &format!("{ROWS}{path}")),
    };
    match done {
        Ok((status, Some(row))) => answer_json(status, &row),
        Ok((status, None)) => empty(status),
        Err(error) => {
            let status = if error.is_not_found() {
                StatusCode::NOT_FOUND
            } else {
                StatusCode::BAD_REQUEST
            };
            Refusal::new(status, error.to_string()).into_response()
        }
    }
}
