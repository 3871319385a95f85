//! HTTP: who asks, for what, within which quota.

use std::time::{Duration, Instant, SystemTime};

use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::header::{ALLOW, AUTHORIZATION, HeaderMap, HeaderValue, RETRY_AFTER};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode, Uri};
use serde_json::Value;

use crate::body::{self, Body};
use crate::broken::{Broken, half};
use crate::control;
use crate::document::{Answer, Found, Match};
use crate::fault_effects::{self, Truncated};
use crate::filters::Query;
use crate::keys::Key;
use crate::options::RetryAfter;
use crate::reading;
use crate::record::Write;
use crate::refusal::{Refusal, refuse};
use crate::state::State;
use crate::world::{ACCOUNTS, World};
use crate::{lists, siem, writing};

/// More than any body of the API.
const MAX_BODY: usize = 1 << 20;

/// A success: its status, and its JSON where it has any.
type Success = (StatusCode, Option<String>);

/// Answers a request.
pub(crate) async fn handle(
    state: &State,
    request: Request<Incoming>,
) -> Result<Response<Body>, Broken> {
    let start = Instant::now();
    let (head, body) = request.into_parts();
    let response = answer(state, &head, body).await;
    if state.options.verbose {
        let status = response.as_ref().map(Response::status);
        let status = status.map_or("broken".to_owned(), |status| status.as_str().to_owned());
        let took = start.elapsed().as_micros();
        eprintln!("{} {} {status} {took} µs", head.method, head.uri);
    }
    response
}

async fn answer(state: &State, head: &Parts, body: Incoming) -> Result<Response<Body>, Broken> {
    if control::owns(head.uri.path()) {
        let body = whole(body).await;
        let response =
            body.map(|body| control::answer(state, &head.method, head.uri.path(), &body));
        return Ok(response.unwrap_or_else(Refusal::into_response));
    }
    let key = admit(state, &head.headers);
    let arrival = key.map(|key| (key, state.quota.arrive(key.account())));
    // Counted already: a body may take its time.
    let body = whole(body).await;
    let (key, remaining) = match arrival {
        Ok(arrived) => arrived,
        Err(refusal) => return Ok(refusal.into_response()),
    };
    let mut response = match (remaining, body) {
        (Err(free_in), _) => over_quota(state, free_in),
        (Ok(_), Ok(body)) => route(state, key, head, &body).await?,
        (Ok(_), Err(refusal)) => refusal.into_response(),
    };
    if let Some(limit) = state.options.limit.filter(|_| state.options.quota_headers) {
        let headers = response.headers_mut();
        headers.insert("x-huntress-api-call-limit", limit.requests.into());
        headers.insert(
            "x-huntress-api-call-remaining",
            remaining.unwrap_or(0).into(),
        );
    }
    match response.extensions_mut().remove::<Truncated>() {
        Some(Truncated) => Err(half(response)),
        None => Ok(response),
    }
}

async fn route(
    state: &State,
    key: Key,
    head: &Parts,
    body: &[u8],
) -> Result<Response<Body>, Broken> {
    let found = match state.document.find(&head.method, head.uri.path()) {
        Found::Operation(found) => found,
        Found::OtherMethods(methods) => {
            let refusal = Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed");
            let mut response = refusal.into_response();
            let methods: Vec<_> = methods.iter().map(Method::as_str).collect();
            if let Ok(methods) = HeaderValue::from_str(&methods.join(", ")) {
                response.headers_mut().insert(ALLOW, methods);
            }
            return Ok(response);
        }
        Found::Nothing => {
            let refusal = Refusal::new(StatusCode::NOT_FOUND, "Invalid path specified");
            return Ok(refusal.into_response());
        }
    };
    let response = respond(state, key, &found, &head.uri, body).await;
    if let Ok(response) = &response {
        let status = response.status().as_u16();
        state.record.answer(&found.operation.place, status);
    }
    response
}

/// The answer of an operation, with what goes wrong.
async fn respond(
    state: &State,
    key: Key,
    found: &Match<'_>,
    uri: &Uri,
    body: &[u8],
) -> Result<Response<Body>, Broken> {
    let operation = found.operation;
    let mut delays = Vec::new();
    state.faults.strike(&operation.id, |fault| {
        let delayed = fault_effects::delays(fault);
        delays.extend(delayed.then(|| fault.clone()));
        delayed
    });
    for fault in &delays {
        tokio::time::sleep(state.faults.latency(fault)).await;
    }
    let replaces = |fault: &_| fault_effects::instead(fault).is_some();
    let replaced = state.faults.strike_one(&operation.id, replaces);
    if let Some(response) = replaced.and_then(|fault| fault_effects::instead(&fault)) {
        return response;
    }
    match carry_out(state, key, found, uri, body) {
        Ok((status, body)) => fault_effects::success(&state.faults, operation, status, body),
        Err(mut refusal) => {
            state.oddities().error(&mut refusal.body);
            Ok(refusal.into_response())
        }
    }
}

fn admit(state: &State, headers: &HeaderMap) -> Result<Key, Refusal> {
    let given = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let unknown = "Missing or incorrect authorization scheme";
    let key = given.and_then(|given| state.keys.find(given));
    key.ok_or_else(|| Refusal::new(StatusCode::UNAUTHORIZED, unknown))
}

fn over_quota(state: &State, free_in: Duration) -> Response<Body> {
    let status = StatusCode::TOO_MANY_REQUESTS;
    let mut response = match &state.options.quota_body {
        None => Refusal::new(status, "Rate limit exceeded").into_response(),
        Some(text) => body::typed(status, "text/plain; charset=utf-8", text.clone()),
    };
    // Whole seconds, so never too few.
    let seconds = free_in.as_secs() + 1;
    let retry_after = match state.options.retry_after {
        RetryAfter::None => None,
        RetryAfter::Seconds => Some(seconds.to_string()),
        RetryAfter::Date => {
            let at = SystemTime::now() + Duration::from_secs(seconds);
            Some(httpdate::fmt_http_date(at))
        }
    };
    if let Some(value) = retry_after.and_then(|text| HeaderValue::try_from(text).ok()) {
        response.headers_mut().insert(RETRY_AFTER, value);
    }
    response
}

/// Does what the API would do.
fn carry_out(
    state: &State,
    key: Key,
    found: &Match,
    uri: &Uri,
    bytes: &[u8],
) -> Result<Success, Refusal> {
    authorize(key, found)?;
    let account = found.account_id.unwrap_or(key.account());
    let done = state.with_world(account, |world| {
        let operation = found.operation;
        let query = uri.query().unwrap_or_default().as_bytes();
        let query: Query = form_urlencoded::parse(query).into_owned().collect();
        reading::check(operation, &query, state.options.strict_parameters)?;
        lists::settle(world);
        match &operation.method {
            &Method::GET => read(state, world, key, found, &query),
            _ if operation.id == "query_siem" => query_siem(state, world, found, bytes),
            _ => write(state, world, found, bytes),
        }
    });
    done.unwrap_or_else(|| refuse(StatusCode::NOT_FOUND, "Account not found"))
}

/// Whether a key may do what it asks for.
fn authorize(key: Key, found: &Match) -> Result<(), Refusal> {
    let operation = found.operation;
    let of_resellers = operation.scoped
        || operation.path.starts_with(ACCOUNTS)
        || operation.path.starts_with("/v1/reseller/");
    if of_resellers && !key.is_reseller() {
        // Some of them have no 403.
        let status = operation.documented(&[403, 401]);
        return refuse(status, "this needs the key of a reseller");
    }
    match key.may(operation) {
        Ok(()) => Ok(()),
        Err(why) => refuse(StatusCode::FORBIDDEN, why),
    }
}

fn read(
    state: &State,
    world: &World,
    key: Key,
    found: &Match,
    query: &Query,
) -> Result<Success, Refusal> {
    let operation = found.operation;
    let mut body = reading::read(world, found, query, state.oddities(), state.options.ties)?;
    if operation.id == "get_actor" && !key.is_reseller() {
        let mut actor: Value = serde_json::from_str(&body).expect("our own JSON");
        actor["reseller"] = Value::Null;
        body = actor.to_string();
    }
    Ok((operation.success, Some(body)))
}

fn query_siem(
    state: &State,
    world: &World,
    found: &Match,
    bytes: &[u8],
) -> Result<Success, Refusal> {
    if !state.options.siem.available {
        return refuse(StatusCode::NOT_FOUND, "SIEM queries are not available");
    }
    let body = writing::body(&state.document, found.operation, bytes)?;
    let (options, now) = (&state.options.siem, state.log_now());
    let rows = siem::query(world, options, state.oddities(), now, &body)?;
    Ok((found.operation.success, Some(rows.to_string())))
}

fn write(
    state: &State,
    world: &mut World,
    found: &Match,
    bytes: &[u8],
) -> Result<Success, Refusal> {
    let operation = found.operation;
    let body = writing::body(&state.document, operation, bytes)?;
    let done = writing::write(world, found, &body, state.options.reaction);
    let status = match &done {
        Ok(_) => operation.success,
        Err(refusal) => refusal.status,
    };
    state.record.write(Write {
        operation: operation.id.clone(),
        account_id: world.account_id,
        ids: found.ids.clone(),
        body,
        status: status.as_u16(),
    });
    let mut done = done?;
    state.oddities().row(&mut done);
    let body = match &operation.answer {
        Answer::Nothing => None,
        answer => Some(answer.wrap(done).to_string()),
    };
    Ok((operation.success, body))
}

/// A body, unless it is too large, which its head may tell.
async fn whole(body: Incoming) -> Result<Bytes, Refusal> {
    let too_large = || Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large");
    if body.size_hint().lower() > MAX_BODY as u64 {
        return Err(too_large());
    }
    let read = Limited::new(body, MAX_BODY).collect().await;
    read.map(|read| read.to_bytes()).map_err(|_| too_large())
}
