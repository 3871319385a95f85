//! HTTP: who asks, for what, within which quota; and what goes wrong on the way.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use axum::body::{Body, Bytes, to_bytes};
use axum::http::header::{
    ALLOW, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, LOCATION, RETRY_AFTER,
};
use axum::http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use axum::response::IntoResponse as _;
use futures_util::stream;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::control;
use crate::document::{Answer, Document, Found, Match};
use crate::faults::{FaultKind, Faults};
use crate::keys::{Key, Keys};
use crate::oddities::Oddities;
use crate::quota::Quota;
use crate::reading::{self, Query};
use crate::refusal::{Refusal, refuse};
use crate::world::{ACCOUNTS, Sizes, World};
use crate::{Answered, Options, RetryAfter, Write, siem, writing};

/// The account whose world the keys belong to.
pub(crate) const HOME: i64 = 1;
/// More than any body of the API.
const MAX_BODY: usize = 1 << 20;

/// Everything a request may touch.
pub(crate) struct Api {
    document: Arc<Document>,
    options: Options,
    sizes: Sizes,
    keys: Keys,
    worlds: Mutex<BTreeMap<i64, World>>,
    pub(crate) quota: Quota,
    pub(crate) faults: Faults,
    writes: Mutex<Vec<Write>>,
    answered: Mutex<Answered>,
}

/// The connection is closed without an answer.
#[derive(Debug)]
struct Closed;

impl std::fmt::Display for Closed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("closed on purpose")
    }
}

impl std::error::Error for Closed {}

/// Serves until it is dropped, connections included.
pub(crate) async fn serve(listener: TcpListener, api: Arc<Api>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((connection, _)) = listener.accept().await else {
            // Too many open files, say; others will be closed.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        while connections.try_join_next().is_some() {}
        let _ = connection.set_nodelay(true);
        let api = Arc::clone(&api);
        connections.spawn(async move {
            let service = service_fn(move |request| {
                let api = Arc::clone(&api);
                async move { api.handle(request).await }
            });
            // How a connection ends is the client's business.
            let _ = http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(connection), service)
                .await;
        });
    }
}

impl Api {
    pub(crate) fn new(options: Options) -> Self {
        let sizes = options.sizes;
        Self {
            document: Arc::new(Document::read()),
            sizes,
            keys: Keys::default(),
            worlds: Mutex::default(),
            quota: Quota::new(options.limit),
            faults: Faults::new(options.faults.clone(), options.seed),
            writes: Mutex::default(),
            answered: Mutex::default(),
            options,
        }
    }

    pub(crate) fn writes(&self) -> Vec<Write> {
        lock(&self.writes).clone()
    }

    pub(crate) fn answered(&self) -> Answered {
        lock(&self.answered).clone()
    }

    pub(crate) fn keys(&self) -> &Keys {
        &self.keys
    }

    async fn handle(&self, request: Request<Incoming>) -> Result<Response<Body>, Closed> {
        let start = Instant::now();
        let (head, body) = request.into_parts();
        let body = to_bytes(Body::new(body), MAX_BODY).await;
        let response = match body {
            Ok(body) => {
                self.route(&head.method, &head.uri, &head.headers, body)
                    .await
            }
            Err(_) => Ok(
                Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large")
                    .into_response(),
            ),
        };
        if self.options.verbose {
            let status = response.as_ref().map(Response::status);
            let status = status.map_or("closed".to_owned(), |status| status.as_str().to_owned());
            let took = start.elapsed().as_micros();
            eprintln!("{} {} {status} {took} µs", head.method, head.uri);
        }
        response
    }

    async fn route(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<Response<Body>, Closed> {
        if let Some(response) = control::answer(self, method, uri.path(), &body) {
            return Ok(response);
        }
        let key = match self.admit(headers) {
            Ok(key) => key,
            Err(refusal) => return Ok(refusal.into_response()),
        };
        let remaining = match self.quota.arrive(HOME) {
            Ok(remaining) => remaining,
            Err(free_in) => return Ok(self.over_quota(free_in)),
        };
        let found = match self.document.find(method, uri.path()) {
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
        let response = self.respond(key, &found, uri, &body, remaining).await;
        if let Ok(response) = &response {
            let mut answered = lock(&self.answered);
            let statuses = answered.entry(found.operation.place.clone()).or_default();
            *statuses.entry(response.status().as_u16()).or_default() += 1;
        }
        response
    }

    /// The answer of an operation, with what goes wrong.
    async fn respond(
        &self,
        key: Key,
        found: &Match<'_>,
        uri: &Uri,
        body: &[u8],
        remaining: usize,
    ) -> Result<Response<Body>, Closed> {
        let faults = self.faults.strike(&found.operation.id);
        for fault in &faults {
            tokio::time::sleep(self.faults.latency(fault)).await;
        }
        if let Some(response) = faults.iter().find_map(instead) {
            return response;
        }
        let mut response = match self.carry_out(key, found, uri, body) {
            Ok((status, body)) => spoilt(status, body, &faults, found),
            Err(mut refusal) => {
                self.oddities().error(&mut refusal.body);
                refusal.into_response()
            }
        };
        if faults.contains(&FaultKind::CloseAfter) {
            return Err(Closed);
        }
        self.tell_quota(&mut response, remaining);
        Ok(response)
    }

    fn tell_quota(&self, response: &mut Response<Body>, remaining: usize) {
        if self.options.quota_headers {
            let headers = response.headers_mut();
            let limit = self.options.limit.requests;
            headers.insert("x-huntress-api-call-limit", limit.into());
            headers.insert("x-huntress-api-call-remaining", remaining.into());
        }
    }

    fn admit(&self, headers: &HeaderMap) -> Result<Key, Refusal> {
        let given = headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let unknown = "Missing or incorrect authorization scheme";
        let key = given.and_then(|given| self.keys.find(given));
        key.ok_or_else(|| Refusal::new(StatusCode::UNAUTHORIZED, unknown))
    }

    fn over_quota(&self, free_in: Duration) -> Response<Body> {
        let status = StatusCode::TOO_MANY_REQUESTS;
        let mut response = match &self.options.quota_body {
            None => Refusal::new(status, "Rate limit exceeded").into_response(),
            Some(body) => (status, body.clone()).into_response(),
        };
        self.tell_quota(&mut response, 0);
        // Whole seconds, so never too few.
        let seconds = free_in.as_secs() + 1;
        let retry_after = match self.options.retry_after {
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

    fn oddities(&self) -> Oddities {
        Oddities {
            rate: self.options.odd_shapes,
            seed: self.options.seed,
        }
    }

    /// What the API would do.
    fn carry_out(
        &self,
        key: Key,
        found: &Match,
        uri: &Uri,
        bytes: &[u8],
    ) -> Result<(StatusCode, Option<String>), Refusal> {
        let operation = found.operation;
        let of_resellers = operation.scoped
            || operation.path.starts_with(ACCOUNTS)
            || operation.path.starts_with("/v1/reseller/");
        if of_resellers && !key.is_reseller() {
            return refuse(StatusCode::FORBIDDEN, "this needs the key of a reseller");
        }
        if !operation.reads && !key.may_write() {
            return refuse(StatusCode::FORBIDDEN, "this key may only read");
        }
        let mut worlds = lock(&self.worlds);
        let account_id = found.account_id.unwrap_or(HOME);
        let world = |id| {
            World::new(
                Arc::clone(&self.document),
                id,
                self.options.seed,
                self.sizes,
            )
        };
        let home = worlds.entry(HOME).or_insert_with(|| world(HOME));
        if home.row(ACCOUNTS, &[], account_id).is_none() && account_id != HOME {
            return refuse(StatusCode::NOT_FOUND, "Account not found");
        }
        let world = worlds
            .entry(account_id)
            .or_insert_with(|| world(account_id));
        let query: Query = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
            .into_owned()
            .collect();
        reading::check(operation, &query)?;
        let odd = self.oddities();
        if operation.method == Method::GET {
            let mut body = reading::read(world, found, &query, odd)?;
            if operation.id == "get_actor" && !key.is_reseller() {
                let mut actor: Value = serde_json::from_str(&body).expect("our own JSON");
                actor["reseller"] = Value::Null;
                body = actor.to_string();
            }
            return Ok((operation.success, Some(body)));
        }
        let is_query = operation.id == "query_siem";
        if is_query && !self.options.siem {
            return refuse(StatusCode::NOT_FOUND, "SIEM queries are not available");
        }
        let body = writing::body(operation, bytes)?;
        if is_query {
            return Ok((
                operation.success,
                Some(siem::query(world, &body)?.to_string()),
            ));
        }
        let done = writing::write(world, found, &body, self.options.reaction);
        let status = match &done {
            Ok(_) => operation.success,
            Err(refusal) => refusal.status,
        };
        lock(&self.writes).push(Write {
            operation: operation.id.clone(),
            account_id,
            ids: found.ids.clone(),
            body,
            status: status.as_u16(),
        });
        let mut done = done?;
        odd.row(&mut done);
        let body = match &operation.answer {
            Answer::Nothing => None,
            answer => Some(answer.wrap(done).to_string()),
        };
        Ok((operation.success, body))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The answer of a fault that lets nothing be carried out.
fn instead(fault: &FaultKind) -> Option<Result<Response<Body>, Closed>> {
    Some(match fault {
        FaultKind::CloseBefore => Err(Closed),
        FaultKind::Status(status) => {
            let status = StatusCode::from_u16(*status).ok()?;
            Ok(Refusal::new(status, "as the fault says").into_response())
        }
        FaultKind::HtmlPage(status) => {
            let status = StatusCode::from_u16(*status).ok()?;
            let page = "<html><head><title>Bad Gateway</title></head><body></body></html>";
            Ok((status, [(CONTENT_TYPE, "text/html")], page).into_response())
        }
        FaultKind::Redirect(url) => {
            Ok((StatusCode::FOUND, [(LOCATION, url.clone())]).into_response())
        }
        _ => return None,
    })
}

/// A success, with what the faults make of it.
fn spoilt(
    status: StatusCode,
    body: Option<String>,
    faults: &[FaultKind],
    found: &Match,
) -> Response<Body> {
    let Some(mut body) = body else {
        return status.into_response();
    };
    let page = match &found.operation.answer {
        Answer::Page { key, .. } => Some(&**key),
        _ => None,
    };
    if !faults.is_empty() {
        let mut json: Value = serde_json::from_str(&body).expect("our own JSON");
        for fault in faults {
            spoil_json(&mut json, page, fault);
        }
        body = json.to_string();
    }
    let mut bytes = body.into_bytes();
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    for fault in faults {
        match fault {
            FaultKind::EmptyBody => bytes.clear(),
            FaultKind::InvalidJson => bytes.insert(0, b'{'),
            FaultKind::WrongContentType => {
                let text = HeaderValue::from_static("text/plain");
                response.headers_mut().insert(CONTENT_TYPE, text);
            }
            FaultKind::GzipBomb(size) => {
                bytes = gzip(&bytes, *size);
                let gzip = HeaderValue::from_static("gzip");
                response.headers_mut().insert(CONTENT_ENCODING, gzip);
            }
            FaultKind::TruncatedBody => {
                let half = Bytes::from(bytes[..bytes.len() / 2].to_vec());
                let pieces = [Ok(half), Err(Closed)];
                *response.body_mut() = Body::from_stream(stream::iter(pieces));
                return response;
            }
            FaultKind::Trickle(pause) => {
                *response.body_mut() = trickle(&bytes, Duration::from_millis(*pause));
                return response;
            }
            _ => {}
        }
    }
    *response.body_mut() = Body::from(bytes);
    response
}

fn spoil_json(body: &mut Value, page: Option<&str>, fault: &FaultKind) {
    let items = page.and_then(|key| body[key].as_array_mut());
    match fault {
        FaultKind::MalformedItem => {
            if let Some(item) = items.and_then(|items| items.first_mut()) {
                item["id"] = json!("not a number");
            }
        }
        FaultKind::EndlessToken if page.is_some() => {
            body["pagination"] = json!({"next_page_token": reading::ENDLESS});
        }
        FaultKind::ForeignNextPageUrl if page.is_some() => {
            body["pagination"]["next_page_url"] = json!("https://elsewhere.example/v1/agents");
        }
        FaultKind::OddLastPage
            if page.is_some() && body["pagination"]["next_page_token"].is_null() =>
        {
            let length = page
                .and_then(|key| body[key].as_array())
                .map_or(0, Vec::len);
            body["pagination"] = match length % 3 {
                0 => Value::Null,
                1 => json!({"next_page_token": null, "current_page": 1}),
                _ => json!({"next_page_token": ""}),
            };
        }
        FaultKind::Drift => drift(body),
        _ => {}
    }
}

/// A new field in every record, one gone, and new values where a status or a platform was.
fn drift(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(drift),
        Value::Object(fields) => {
            for (key, value) in fields.iter_mut() {
                if ["status", "platform", "severity"].contains(&key.as_str()) && value.is_string() {
                    *value = json!("never_seen_before");
                }
                drift(value);
            }
            if fields.contains_key("id") {
                fields.remove("updated_at");
                fields.insert("added_by_drift".to_owned(), json!({"deep": [1, null]}));
            }
        }
        _ => {}
    }
}

fn gzip(body: &[u8], padding: usize) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let spaces = [b' '; 4096];
    let mut left = padding;
    let mut write = |bytes: &[u8]| encoder.write_all(bytes).expect("a Vec takes all");
    while left > 0 {
        let piece = left.min(spaces.len());
        write(&spaces[..piece]);
        left -= piece;
    }
    write(body);
    encoder.finish().expect("a Vec takes all")
}

fn trickle(bytes: &[u8], pause: Duration) -> Body {
    let pieces: Vec<Bytes> = bytes.chunks(64).map(Bytes::copy_from_slice).collect();
    let pieces = stream::unfold(pieces.into_iter(), move |mut pieces| async move {
        let piece = pieces.next()?;
        tokio::time::sleep(pause).await;
        Some((Ok::<_, Closed>(piece), pieces))
    });
    Body::from_stream(pieces)
}
