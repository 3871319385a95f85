//! HTTP: who asks, for what, within which quota.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::header::{ALLOW, AUTHORIZATION, HeaderMap, HeaderValue, RETRY_AFTER};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode, Uri};
use serde_json::Value;

use crate::body::{self, Body};
use crate::connection::{Broken, half};
use crate::control;
use crate::document::{Answer, Document, Found, Match};
use crate::faults::Faults;
use crate::keys::{HOME, Key, Keys};
use crate::oddities::Oddities;
use crate::quota::Quota;
use crate::reading::{self, Query};
use crate::refusal::{Refusal, refuse};
use crate::rows::{List, RowError};
use crate::spoil::{self, Truncated};
use crate::world::{ACCOUNTS, Sizes, World};
use crate::{Answered, Options, RetryAfter, Write, siem, writing};

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

impl Api {
    pub(crate) fn new(options: Options) -> Self {
        let sizes = options.sizes;
        Self {
            document: Arc::clone(Document::committed()),
            sizes,
            keys: Keys::new(sizes.accounts),
            worlds: Mutex::default(),
            quota: Quota::new(options.limit),
            faults: Faults::new(options.faults.clone(), options.seed),
            writes: Mutex::default(),
            answered: Mutex::default(),
            options,
        }
    }

    /// As it was at its start: the data, the faults, the quota, and what was recorded.
    pub(crate) fn reset(&self) {
        lock(&self.worlds).clear();
        lock(&self.writes).clear();
        lock(&self.answered).clear();
        self.quota.reset();
        self.faults
            .reset(self.options.faults.clone(), self.options.seed);
    }

    /// Does something with the rows of a list, as the API has it without `/v1/`.
    pub(crate) fn rows<T>(
        &self,
        kind: &str,
        with: impl FnOnce(&List, &mut World) -> Result<T, RowError>,
    ) -> Result<T, RowError> {
        let list = List::named(&self.document, kind)?;
        let mut worlds = lock(&self.worlds);
        match self.world(&mut worlds, list.account) {
            Some(world) => with(&list, world),
            None => Err(RowError::not_found(format!(
                "there is no account {}",
                list.account
            ))),
        }
    }

    /// The data of an account, where there is such an account.
    fn world<'w>(&self, worlds: &'w mut BTreeMap<i64, World>, id: i64) -> Option<&'w mut World> {
        let new = |id| {
            let document = Arc::clone(&self.document);
            World::new(document, id, self.options.seed, self.sizes)
        };
        let home = worlds.entry(HOME).or_insert_with(|| new(HOME));
        if home.row(ACCOUNTS, &[], id).is_none() && id != HOME {
            return None;
        }
        let accounts = home.changed(ACCOUNTS, &[]).cloned();
        let world = worlds.entry(id).or_insert_with(|| new(id));
        // What the reseller has made of an account, the account sees too.
        if let Some(accounts) = accounts {
            world.know(ACCOUNTS, accounts);
        }
        Some(world)
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

    pub(crate) async fn handle(
        &self,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Broken> {
        let start = Instant::now();
        let (head, body) = request.into_parts();
        let response = self.answer(&head, body).await;
        if self.options.verbose {
            let status = response.as_ref().map(Response::status);
            let status = status.map_or("broken".to_owned(), |status| status.as_str().to_owned());
            let took = start.elapsed().as_micros();
            eprintln!("{} {} {status} {took} µs", head.method, head.uri);
        }
        response
    }

    async fn answer(&self, head: &Parts, body: Incoming) -> Result<Response<Body>, Broken> {
        if control::owns(head.uri.path()) {
            let body = whole(body).await;
            let response =
                body.map(|body| control::answer(self, &head.method, head.uri.path(), &body));
            return Ok(response.unwrap_or_else(Refusal::into_response));
        }
        let key = self.admit(&head.headers);
        let arrival = key.map(|key| (key, self.quota.arrive(key.account())));
        // Counted already: a body may take its time.
        let body = whole(body).await;
        let (key, remaining) = match arrival {
            Ok(arrived) => arrived,
            Err(refusal) => return Ok(refusal.into_response()),
        };
        let mut response = match (remaining, body) {
            (Err(free_in), _) => self.over_quota(free_in),
            (Ok(_), Ok(body)) => self.route(key, head, &body).await?,
            (Ok(_), Err(refusal)) => refusal.into_response(),
        };
        self.tell_quota(&mut response, remaining.unwrap_or(0));
        match response.extensions_mut().remove::<Truncated>() {
            Some(Truncated) => Err(half(response)),
            None => Ok(response),
        }
    }

    async fn route(&self, key: Key, head: &Parts, body: &[u8]) -> Result<Response<Body>, Broken> {
        let found = match self.document.find(&head.method, head.uri.path()) {
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
        let response = self.respond(key, &found, &head.uri, body).await;
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
    ) -> Result<Response<Body>, Broken> {
        let operation = found.operation;
        let mut delays = Vec::new();
        self.faults.strike(&operation.id, |fault| {
            let delayed = spoil::delays(fault);
            delays.extend(delayed.then(|| fault.clone()));
            delayed
        });
        for fault in &delays {
            tokio::time::sleep(self.faults.latency(fault)).await;
        }
        let replaces = |fault: &_| spoil::instead(fault).is_some();
        let replaced = self.faults.strike_one(&operation.id, replaces);
        if let Some(response) = replaced.and_then(|fault| spoil::instead(&fault)) {
            return response;
        }
        match self.carry_out(key, found, uri, body) {
            Ok((status, body)) => spoil::success(&self.faults, operation, status, body),
            Err(mut refusal) => {
                self.oddities().error(&mut refusal.body);
                Ok(refusal.into_response())
            }
        }
    }

    fn tell_quota(&self, response: &mut Response<Body>, remaining: usize) {
        if let Some(limit) = self.options.limit.filter(|_| self.options.quota_headers) {
            let headers = response.headers_mut();
            headers.insert("x-huntress-api-call-limit", limit.requests.into());
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
            Some(text) => body::typed(status, "text/plain; charset=utf-8", text.clone()),
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
            // Some of them have no 403.
            let status = operation.documented(&[403, 401]);
            return refuse(status, "this needs the key of a reseller");
        }
        if let Err(why) = key.may(operation) {
            return refuse(StatusCode::FORBIDDEN, why);
        }
        let mut worlds = lock(&self.worlds);
        let account_id = found.account_id.unwrap_or(key.account());
        let Some(world) = self.world(&mut worlds, account_id) else {
            return refuse(StatusCode::NOT_FOUND, "Account not found");
        };
        let query: Query = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
            .into_owned()
            .collect();
        reading::check(operation, &query, self.options.strict_parameters)?;
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
        let mut body = writing::body(&self.document, operation, bytes)?;
        if is_query {
            if body["page_token"] == reading::ENDLESS {
                body["page_token"] = Value::Null;
            }
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

/// A body, unless it is too large, which its head may tell.
async fn whole(body: Incoming) -> Result<Bytes, Refusal> {
    let too_large = || Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large");
    if body.size_hint().lower() > MAX_BODY as u64 {
        return Err(too_large());
    }
    let read = Limited::new(body, MAX_BODY).collect().await;
    read.map(|read| read.to_bytes()).map_err(|_| too_large())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
