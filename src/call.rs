//! The way of a call: quota, attempt, retry, and the deadline around them.
//!
//! Every attempt takes a permit of the quota and reads the whole body of its answer: an
//! answer that breaks off is a failed attempt, not half a success. `retry.rs` decides whether
//! a failed attempt is made again, and `rate_limit.rs` how long anybody waits for the quota.
//! What became of each attempt is remembered, since the error of the last one must say
//! whether an earlier one may have arrived.

use http::header::{AUTHORIZATION, CONTENT_LENGTH, DATE, HeaderMap, HeaderValue};
use http::{Method, StatusCode};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::field::Empty;
use tracing::{Instrument as _, Span};

use crate::client::{Client, require_runtime};
use crate::envelope::{self, Envelope, Next, OpenPage, Problem, Reading};
use crate::error::{Error, Incomplete, Kind, Outcome};
use crate::input::Problems;
use crate::odd::OddParts;
use crate::operation::Operation;
use crate::options::Options;
use crate::rate_limit::{Permit, Turn};
use crate::response::{Page, Response};
use crate::retry::Attempt;
use crate::retry_after::retry_after;

/// How many more calls the server would take; not every answer has it.
const REMAINING: &str = "x-huntress-api-call-remaining";
/// The most that is allocated for a body before it comes, whatever the server announces.
const ALLOCATED_AHEAD: u64 = 1 << 20;

/// What every builder of a call has.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) client: Client,
    /// The managed account it is for.
    pub(crate) account_id: Option<i64>,
    pub(crate) options: Options,
    pub(crate) problems: Problems,
}

/// A builder that can make its request.
pub(crate) trait Prepare {
    /// The request, checked.
    fn prepare(self) -> Result<Ready, Error>;
}

/// A request that can be sent.
pub(crate) struct Ready {
    client: Client,
    operation: Operation,
    request: reqwest::Request,
    options: Options,
}

/// A success, not decoded yet.
pub(crate) struct Received {
    client: Client,
    operation: Operation,
    attempts: u32,
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Call {
    pub(crate) fn new(client: &Client, account_id: Option<i64>) -> Self {
        Self {
            client: client.clone(),
            account_id,
            options: Options::default(),
            problems: Problems::default(),
        }
    }

    /// The operation as it is called here, unless something is wrong with its input.
    pub(crate) fn checked(&self, operation: Operation) -> Result<Operation, Error> {
        let operation = operation
            .for_account(self.account_id)
            .with_retries(self.options.retry_writes);
        match self.problems.clone().into_result() {
            Ok(()) => Ok(operation),
            Err(problem) => Err(Error::refused(operation, problem)),
        }
    }

    /// Adds the options to a request that was built.
    pub(crate) fn ready(
        self,
        operation: Operation,
        request: reqwest::Result<reqwest::Request>,
    ) -> Result<Ready, Error> {
        let mut request = match request {
            Ok(request) => request,
            Err(error) => return Err(Error::transport(error, None).of(operation)),
        };
        let Self {
            client, options, ..
        } = self;
        let own = |name: &str| request.url().query_pairs().any(|(own, _)| own == name);
        if let Some((name, _)) = options.query.iter().find(|(name, _)| own(name)) {
            let problem = format!("the parameter `{name}` is set by the call itself");
            return Err(Error::refused(operation, problem));
        }
        if !options.query.is_empty() {
            let mut pairs = request.url_mut().query_pairs_mut();
            pairs.extend_pairs(&options.query);
        }
        // hyper's limit for a URI, which would look like a broken exchange.
        let length = request.url().as_str().len();
        if length > LONGEST_URL {
            let problem = format!("its URL has {length} bytes; at most {LONGEST_URL} can be sent");
            return Err(Error::refused(operation, problem));
        }
        let operation = operation.at(request.url().path());
        *request.timeout_mut() = options.timeout;
        let headers = request.headers_mut();
        headers.extend(options.headers.clone());
        headers.insert(AUTHORIZATION, client.authorization());
        if request.body().is_none() && *request.method() != Method::GET {
            let nothing = HeaderValue::from_static("0");
            request.headers_mut().insert(CONTENT_LENGTH, nothing);
        }
        Ok(Ready {
            client,
            operation,
            request,
            options,
        })
    }
}

/// Longer ones are refused by hyper, whose type of a URI ends there.
const LONGEST_URL: usize = 65_534;

impl Ready {
    /// Sends a request until it succeeds, cannot be repeated, or the deadline has passed.
    /// Anything but a 2xx is an error.
    pub(crate) async fn send(self) -> Result<Received, Error> {
        let Operation {
            id,
            method,
            template,
            ..
        } = &self.operation;
        let url = self.request.url();
        // The names of OpenTelemetry for HTTP clients; no query, header or body.
        let span = tracing::info_span!(
            "huntress_call",
            otel.name = format_args!("{method} {template}"),
            otel.kind = "client",
            otel.status_code = Empty,
            operation = id,
            account_id = self.operation.account_id(),
            http.request.method = method.as_str(),
            url.template = &**template,
            server.address = url.host_str(),
            server.port = url.port_or_known_default(),
            http.response.status_code = Empty,
            http.request.resend_count = Empty,
            "error.type" = Empty,
            duration = Empty,
        );
        if let Err(problem) = require_runtime() {
            return Err(Error::new(Kind::Configuration(problem.to_owned())).of(self.operation));
        }
        let started = Instant::now();
        let result = self.call().instrument(span.clone()).await;
        span.record("duration", started.elapsed().as_secs_f64());
        match &result {
            Ok(received) => record(&span, Some(received.status), received.attempts),
            Err(error) => {
                record(&span, error.status(), error.attempts());
                span.record("otel.status_code", "ERROR");
                span.record("error.type", error.class());
            }
        }
        result
    }

    async fn call(self) -> Result<Received, Error> {
        let Self {
            client,
            operation,
            request,
            options,
        } = self;
        let inner = client.inner();
        let deadline = options.deadline.or(inner.deadline);
        let deadline = deadline.and_then(|d| Instant::now().checked_add(d));
        let timeout = options.timeout.unwrap_or(inner.timeout);
        let policy = options.retry.as_ref().unwrap_or(&inner.retry);
        let (mut attempts, mut failures) = (0, 0);
        let mut turn = Turn::Last;
        let mut first_sent = None;
        let mut earlier = Outcome::NotSent;
        let mut last: Option<Error> = None;
        loop {
            let slot = inner.limiter.slot(operation.lane(), turn, timeout);
            let permit = match before(deadline, slot).await {
                Some(Ok(permit)) => permit,
                Some(Err(error)) => return Err(error.of(operation).after(attempts, earlier)),
                None => {
                    // The last thing that really happened says more than that time ran out.
                    let in_queue = || {
                        let trouble = inner.limiter.trouble();
                        trouble.unwrap_or_else(|| Error::new(Kind::DeadlineInQueue))
                    };
                    return Err(last.unwrap_or_else(|| in_queue().of(operation)));
                }
            };
            attempts += 1;
            let first_sent = *first_sent.get_or_insert_with(Instant::now);
            let request = request.try_clone().expect("a body in memory");
            let attempt = client.attempt(request, permit, deadline);
            let error = match attempt.instrument(attempt_span(attempts)).await {
                Ok(answer) => {
                    inner.budget.earn();
                    let received = Received::new(client, operation, attempts, answer);
                    return Ok(received);
                }
                Err(error) => error.of(operation.clone()).after(attempts, earlier),
            };
            earlier = earlier.max(error.last_outcome());
            let failure = error.failure();
            failures += u32::from(!failure.is_refused());
            let attempt = Attempt {
                access: operation.access(),
                repeatable: operation.retries_writes(),
                failure,
                retry_after: error.retry_after(),
                failures,
                elapsed: first_sent.elapsed(),
            };
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            let pause = policy.next_pause(&attempt, left, fastrand::f64(), &inner.budget);
            let status = error.status().map(|status| status.as_u16());
            let Some(pause) = pause else {
                tracing::debug!(status, attempts, "failed");
                return Err(error);
            };
            tracing::info!(status, attempts, ?pause, "an attempt failed; tries again");
            (last, turn) = (Some(error), Turn::First);
            sleep(pause).await;
        }
    }
}

fn attempt_span(attempt: u32) -> Span {
    tracing::debug_span!(
        "attempt",
        http.request.resend_count = attempt - 1,
        http.response.status_code = Empty
    )
}

fn record(span: &Span, status: Option<StatusCode>, attempts: u32) {
    if let Some(status) = status {
        span.record("http.response.status_code", status.as_u16());
    }
    if attempts > 1 {
        span.record("http.request.resend_count", attempts - 1);
    }
}

type Answer = (StatusCode, HeaderMap, Vec<u8>);

impl Client {
    /// Sends one request and reads its whole answer, if the deadline allows.
    async fn attempt(
        &self,
        request: reqwest::Request,
        permit: Permit,
        deadline: Option<Instant>,
    ) -> Result<Answer, Error> {
        let mut answered = None;
        let exchange = self.exchange(request, permit, &mut answered);
        before(deadline, exchange).await.unwrap_or_else(|| {
            let why = Incomplete::Deadline;
            Err(Error::new(Kind::Incomplete { why, answered }))
        })
    }

    /// The same without a deadline; `answered` has the status of the answer once it has
    /// begun.
    async fn exchange(
        &self,
        request: reqwest::Request,
        permit: Permit,
        answered: &mut Option<StatusCode>,
    ) -> Result<Answer, Error> {
        let inner = self.inner();
        let mut response = match self.http().execute(request).await {
            Ok(response) => response,
            Err(error) => {
                let error = Error::transport(error, None);
                if error.last_outcome() == Outcome::NotSent {
                    permit.unsent();
                }
                return Err(error);
            }
        };
        let (status, headers) = (response.status(), response.headers().clone());
        *answered = Some(status);
        Span::current().record("http.response.status_code", status.as_u16());
        tracing::debug!(status = status.as_u16(), "answered");
        let retry_after = retry_after(&headers);
        // The slot is given back here: its window begins with the answer, not with its end.
        if status == StatusCode::TOO_MANY_REQUESTS {
            permit.refused(retry_after);
        } else {
            permit.accepted(remaining(&headers));
        }
        let mut body = Vec::new();
        let whole = read(&mut response, &mut body, inner.max_body).await;
        if !status.is_success() {
            // With as much of its body as came, since the status says the most.
            let kind = Kind::Status {
                status,
                body,
                retry_after,
            };
            return Err(Error::new(kind).with_headers(headers).masked(&inner.mask));
        }
        match whole {
            Ok(true) => Ok((status, headers, body)),
            Ok(false) => {
                let limit = inner.max_body;
                Err(Error::new(Kind::TooLarge { status, limit }).with_headers(headers))
            }
            Err(error) => Err(Error::transport(error, Some(status)).with_headers(headers)),
        }
    }
}

/// Reads a body; `false` where it is larger than the limit and was cut there.
async fn read(
    response: &mut reqwest::Response,
    body: &mut Vec<u8>,
    limit: usize,
) -> reqwest::Result<bool> {
    let announced = response.content_length().unwrap_or(0).min(ALLOCATED_AHEAD);
    body.reserve(usize::try_from(announced).unwrap_or(0).min(limit));
    while let Some(chunk) = response.chunk().await? {
        let room = limit - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() > room {
            return Ok(false);
        }
    }
    Ok(true)
}

fn remaining(headers: &HeaderMap) -> Option<usize> {
    headers.get(REMAINING)?.to_str().ok()?.trim().parse().ok()
}

/// `None` where the deadline passed first.
async fn before<T>(deadline: Option<Instant>, future: impl Future<Output = T>) -> Option<T> {
    match deadline {
        Some(at) => timeout_at(at, future).await.ok(),
        None => Some(future.await),
    }
}

impl Received {
    fn new(client: Client, operation: Operation, attempts: u32, answer: Answer) -> Self {
        let (status, headers, body) = answer;
        tracing::debug!(status = status.as_u16(), attempts, "succeeded");
        Self {
            client,
            operation,
            attempts,
            status,
            headers,
            body,
        }
    }

    /// The one result that it holds.
    pub(crate) fn one<T: DeserializeOwned>(
        self,
        envelope: Envelope,
        reading: Reading<T>,
    ) -> Result<Response<T>, Error> {
        let reading = self.client.inner().reading(reading);
        match envelope::one(&self.body, envelope, reading) {
            Ok((value, odd)) => {
                self.tell(odd);
                Ok(self.response(value))
            }
            Err(problem) => Err(self.undecodable(problem)),
        }
    }

    /// The one page that it holds. Where the list goes on without saying how, that is an
    /// error, because a loop over the tokens would take the page for the last one.
    pub(crate) fn page<T: DeserializeOwned>(
        self,
        key: &str,
        reading: Reading<T>,
    ) -> Result<Response<Page<T>>, Error> {
        match self.open(key, reading) {
            Ok((page, Next::Untold(by))) => {
                drop::<Page<T>>(page);
                Err(self.undecodable(goes_on(&by)))
            }
            Ok((page, _)) => Ok(self.response(page)),
            Err(problem) => Err(self.undecodable(problem)),
        }
    }

    /// Decodes a page, and reports what was odd.
    pub(crate) fn open<T: DeserializeOwned>(
        &self,
        key: &str,
        reading: Reading<T>,
    ) -> Result<(Page<T>, Next), Problem> {
        let reading = self.client.inner().reading(reading);
        let OpenPage { page, odd, next } = envelope::page(&self.body, key, reading)?;
        odd.into_iter().for_each(|odd| self.tell(odd));
        Ok((page, next))
    }

    fn tell(&self, odd: OddParts) {
        let fields = odd.into_fields(self.operation.id);
        fields.for_each(|field| self.client.inner().teller.tell(&field));
    }

    fn response<T>(self, value: T) -> Response<T> {
        Response {
            value,
            status: self.status,
            headers: self.headers,
        }
    }

    /// The whole response, with its body as it came.
    pub(crate) fn into_response(mut self) -> Response<Vec<u8>> {
        let body = std::mem::take(&mut self.body);
        self.response(body)
    }

    /// The error for a body that is not what was asked for.
    pub(crate) fn undecodable(mut self, problem: Problem) -> Error {
        let body = std::mem::take(&mut self.body);
        let status = self.status;
        self.error(Kind::Decode {
            status,
            body,
            problem,
        })
    }

    /// An error about a part of it.
    pub(crate) fn error(&self, kind: Kind) -> Error {
        Error::new(kind)
            .of(self.operation.clone())
            .after(self.attempts, Outcome::NotSent)
            .with_headers(self.headers.clone())
            .masked(&self.client.inner().mask)
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// The server's clock, where the answer has it.
    pub(crate) fn date(&self) -> Option<Timestamp> {
        let date = self.headers.get(DATE)?.to_str().ok()?;
        Timestamp::try_from(httpdate::parse_http_date(date).ok()?).ok()
    }
}

/// What is wrong with a page after which more follow, without a way to ask for them.
pub(crate) fn goes_on(by: &str) -> Problem {
    format!("the list goes on (`{by}`), but no token says how: items are missing")
}
