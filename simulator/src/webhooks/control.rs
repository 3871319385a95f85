//! Webhooks over HTTP, as far as a test in another language needs it.
//!
//! | request | does |
//! |---|---|
//! | `GET /_simulator/webhooks` | the endpoints, with their secrets |
//! | `POST /_simulator/webhooks` | adds an endpoint, in JSON |
//! | `DELETE /_simulator/webhooks`, `…/{id}` | removes all of them, or one |
//! | `POST /_simulator/webhooks/{id}/secret` | gives it a new secret, in JSON or made up |
//! | `POST /_simulator/webhooks/{id}/test` | sends it a test message |
//! | `GET /_simulator/deliveries` | every message, and what came of it |
//! | `POST /_simulator/deliveries/{svix-id}/resend` | sends a message once more |
//! | `POST /_simulator/events` | lets an event happen, in JSON |

use std::time::Duration;

use hyper::{Method, Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::endpoint::Webhook;
use super::event::EventType;
use super::signature::Secret;
use crate::body::{Body, empty, json as answer_json};
use crate::refusal::Refusal;
use crate::state::State;

/// What a rotation asks for.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Rotation {
    secret: Option<String>,
    grace_seconds: Option<f64>,
}

/// What is to happen.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Event {
    event_type: EventType,
}

/// The answer to a request for webhooks; `None` where it is for something else.
pub(crate) fn answer(
    state: &State,
    method: &Method,
    path: &str,
    body: &[u8],
) -> Option<Response<Body>> {
    let path: Vec<_> = path.strip_prefix("/_simulator/")?.split('/').collect();
    let outbox = &state.outbox;
    Some(match (method.as_str(), &path[..]) {
        ("GET", ["webhooks"]) => answer_json(StatusCode::OK, &outbox.endpoints()),
        ("POST", ["webhooks"]) => or_refused(read(body).and_then(|webhook: Webhook| {
            let endpoint = state.add_webhook(&webhook)?;
            Ok(answer_json(StatusCode::CREATED, &endpoint))
        })),
        ("DELETE", ["webhooks"]) => {
            for endpoint in outbox.endpoints() {
                outbox.remove(endpoint.id);
            }
            empty(StatusCode::NO_CONTENT)
        }
        ("DELETE", ["webhooks", id]) => done(outbox.remove(number(id))),
        ("POST", ["webhooks", id, "secret"]) => or_refused(rotate(state, number(id), body)),
        ("POST", ["webhooks", id, "test"]) => done(state.send_test(number(id))),
        ("GET", ["deliveries"]) => answer_json(StatusCode::OK, &outbox.deliveries()),
        ("POST", ["deliveries", id, "resend"]) => done(outbox.resend(id)),
        ("POST", ["events"]) => or_refused(read(body).and_then(|event: Event| {
            let told = state.happen(event.event_type);
            let told = told.map_err(|why| why.to_string())?;
            Ok(answer_json(StatusCode::CREATED, &told))
        })),
        _ => return None,
    })
}

fn rotate(state: &State, endpoint: u64, body: &[u8]) -> Result<Response<Body>, String> {
    let Rotation {
        secret,
        grace_seconds,
    } = if body.is_empty() {
        Rotation::default()
    } else {
        read(body)?
    };
    let secret = secret.map(|text| Secret::read(&text)).transpose()?;
    let grace = grace_seconds.map(Duration::try_from_secs_f64).transpose();
    let grace = grace.map_err(|error| format!("grace_seconds: {error}"))?;
    Ok(match state.outbox.rotate(endpoint, secret, grace) {
        Some(endpoint) => answer_json(StatusCode::OK, &endpoint),
        None => done(false),
    })
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

/// The number of an endpoint; of none where it is no number.
fn number(text: &str) -> u64 {
    text.parse().unwrap_or_default()
}

fn or_refused(answer: Result<Response<Body>, String>) -> Response<Body> {
    answer.unwrap_or_else(|why| Refusal::new(StatusCode::BAD_REQUEST, why).into_response())
}

fn done(found: bool) -> Response<Body> {
    if found {
        return empty(StatusCode::NO_CONTENT);
    }
    let why = "there is no such endpoint or message";
    Refusal::new(StatusCode::NOT_FOUND, why).into_response()
}
