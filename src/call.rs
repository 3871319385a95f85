//! The way of a call: quota, attempt, retry, and the deadline around them.
//!
//! Every attempt takes a permit of the quota, and reads its whole body: an answer that
//! breaks off is a failed attempt, not half a success. Whether a failed attempt is made
//! again is decided in `retry.rs`; how long anybody waits for the quota, in
//! `rate_limit.rs`.

use reqwest::StatusCode;
use reqwest::header::{AUTHORIZATION, HeaderMap};
use tokio::time::{Instant, sleep, timeout_at};
use tracing::Instrument as _;

use crate::client::Client;
use crate::envelope::Problem;
use crate::error::{Error, Kind};
use crate::operation::Operation;
use crate::rate_limit::{Permit, Turn};
use crate::response::Response;
use crate::retry::Attempt;
use crate::retry_after::retry_after;

/// How many more calls the server would take; not every answer has it.
const REMAINING: &str = "x-huntress-api-call-remaining";
/// What is allocated for a body before it comes; the server may announce anything.
const ALLOCATED_AHEAD: u64 = 1 << 20;

/// A success, not decoded yet.
pub(crate) struct Received {
    operation: Operation,
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Client {
    /// Sends a request until it succeeds, cannot be repeated, or the deadline has passed.
    /// Anything but a 2xx is an error.
    pub(crate) async fn execute(
        &self,
        operation: Operation,
        mut request: reqwest::Request,
    ) -> Result<Received, Error> {
        let authorization = self.0.authorization.clone();
        request.headers_mut().insert(AUTHORIZATION, authorization);
        let span = tracing::info_span!(
            "huntress_call",
            operation = operation.id,
            account_id = operation.account_id(),
        );
        self.call(operation, request).instrument(span).await
    }

    async fn call(
        &self,
        operation: Operation,
        request: reqwest::Request,
    ) -> Result<Received, Error> {
        let deadline = self.0.deadline.and_then(|d| Instant::now().checked_add(d));
        let mut attempts = 0;
        let mut failures = 0;
        let mut first_sent = None;
        let mut last: Option<Error> = None;
        loop {
            let turn = if attempts == 0 {
                Turn::Last
            } else {
                Turn::First
            };
            let permit = before(deadline, self.0.limiter.acquire(operation.lane(), turn)).await;
            let Some(permit) = permit else {
                // The last thing that really happened says more than that time ran out.
                let unsent = || Error::new(Kind::Deadline { sent: false }).of(operation);
                return Err(last.unwrap_or_else(unsent));
            };
            attempts += 1;
            let first_sent = *first_sent.get_or_insert_with(Instant::now);
            let request = request.try_clone().expect("a body in memory");
            let span = tracing::debug_span!("attempt", attempt = attempts);
            let attempt = self.attempt(operation, request, permit).instrument(span);
            let error = match before(deadline, attempt).await {
                Some(Ok(received)) => {
                    self.0.budget.earn();
                    tracing::debug!(status = received.status.as_u16(), attempts, "succeeded");
                    return Ok(received);
                }
                Some(Err(error)) => error.after(attempts),
                None => {
                    let error = Error::new(Kind::Deadline { sent: true });
                    return Err(error.of(operation).after(attempts));
                }
            };
            let pause = error.outcome().and_then(|outcome| {
                let refused = outcome.is_refused();
                failures += u32::from(!refused);
                let attempt = Attempt {
                    access: operation.access(),
                    outcome,
                    retry_after: error.retry_after(),
                    failures,
                    elapsed: first_sent.elapsed(),
                };
                let pause = self.0.retry.decide(&attempt, fastrand::f64())?;
                let too_late = deadline.is_some_and(|at| Instant::now() + pause >= at);
                (!too_late && (refused || self.0.budget.spend())).then_some(pause)
            });
            let status = error.status().map(|status| status.as_u16());
            let Some(pause) = pause else {
                tracing::debug!(status, attempts, "failed");
                return Err(error);
            };
            tracing::info!(status, attempts, ?pause, "an attempt failed; tries again");
            last = Some(error);
            sleep(pause).await;
        }
    }

    /// Sends one request and reads its whole answer.
    async fn attempt(
        &self,
        operation: Operation,
        request: reqwest::Request,
        permit: Permit,
    ) -> Result<Received, Error> {
        let failed = |error| Error::transport(error).of(operation);
        let mut response = match self.http().execute(request).await {
            Ok(response) => response,
            Err(error) => {
                let error = failed(error);
                if error.is_connect() {
                    permit.unsent();
                }
                return Err(error);
            }
        };
        let (status, headers) = (response.status(), response.headers().clone());
        tracing::debug!(status = status.as_u16(), "answered");
        let retry_after = retry_after(&headers);
        if status == StatusCode::TOO_MANY_REQUESTS {
            permit.refused(retry_after);
        } else {
            permit.accepted(remaining(&headers));
        }
        let mut body = Vec::new();
        let whole = read(&mut response, &mut body, self.0.max_body).await;
        if !status.is_success() {
            // As much of its body as came, since the status says the most.
            let kind = Kind::Status {
                status,
                body,
                retry_after,
            };
            return Err(Error::new(kind).of(operation));
        }
        match whole {
            Ok(true) => Ok(Received {
                operation,
                status,
                headers,
                body,
            }),
            Ok(false) => {
                let limit = self.0.max_body;
                Err(Error::new(Kind::TooLarge { status, limit }).of(operation))
            }
            Err(error) => Err(failed(error).answered(status)),
        }
    }
}

/// Reads a body; `false` where it is larger than the limit, and was cut there.
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
    pub(crate) fn operation(&self) -> Operation {
        self.operation
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    pub(crate) fn decode<T>(
        self,
        decode: impl FnOnce(&[u8]) -> Result<T, Problem>,
    ) -> Result<Response<T>, Error> {
        let Self {
            operation,
            status,
            headers,
            body,
        } = self;
        match decode(&body) {
            Ok(value) => Ok(Response {
                value,
                status,
                headers,
            }),
            Err(problem) => Err(Error::undecodable(operation, status, body, problem)),
        }
    }
}
