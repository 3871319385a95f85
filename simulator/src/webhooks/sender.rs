//! Carries the attempts out that are due: one POST each, on a connection of its own.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST, HeaderMap, RETRY_AFTER, USER_AGENT};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};

use super::attempt::{Job, Outcome, Wish};
use super::outbox::Outbox;

/// How long a receiver may take to answer.
const TIMEOUT: Duration = Duration::from_secs(15);
/// How much of an answer's body is read, which nobody needs.
const MAX_BODY: usize = 1 << 16;

/// Sends until it is dropped, and stops what is under way then.
pub(crate) async fn run(outbox: Arc<Outbox>) {
    let mut attempts = JoinSet::new();
    loop {
        while attempts.try_join_next().is_some() {}
        let (jobs, next) = outbox.take_due(Instant::now());
        for job in jobs {
            let outbox = Arc::clone(&outbox);
            attempts.spawn(async move {
                let began = Timestamp::now().to_string();
                let delivery = job.delivery;
                let outcome = attempt(job).await;
                outbox.finish(delivery, began, outcome);
            });
        }
        // Where there was more to do in the meantime, neither of them waits.
        let work = outbox.work.notified();
        match next {
            Some(next) => {
                let _ = timeout_at(next, work).await;
            }
            None => work.await,
        }
    }
}

async fn attempt(job: Job) -> Outcome {
    match timeout(TIMEOUT, post(job)).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(error)) => Outcome::Broken(innermost(&*error)),
        Err(_) => Outcome::TimedOut,
    }
}

async fn post(job: Job) -> Result<Outcome, Box<dyn Error + Send + Sync>> {
    let host = job.uri.host().unwrap_or_default();
    let port = job.uri.port_u16().unwrap_or(80);
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let stream = TcpStream::connect((address, port)).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // It ends with its sender.
    tokio::spawn(connection);
    let response = sender.send_request(request(job)?).await?;
    let outcome = answer(&response);
    let _ = Limited::new(response.into_body(), MAX_BODY).collect().await;
    Ok(outcome)
}

fn request(job: Job) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
    let path = job.uri.path_and_query().map_or("/", |path| path.as_str());
    let host = job.uri.authority().map_or("", |at| at.as_str());
    let mut request = Request::post(path)
        .header(HOST, host)
        .header(CONTENT_TYPE, "application/json")
        .header(USER_AGENT, "Svix-Webhooks/simulated");
    for (name, value) in job.headers {
        request = request.header(name, value);
    }
    request.body(Full::new(Bytes::from(job.body)))
}

/// What an answer means, but for its body.
fn answer<B>(response: &Response<B>) -> Outcome {
    let headers = response.headers();
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let wish = match text("webhook-delivery") {
        Some("abort-message") => Some(Wish::AbortMessage),
        Some("disable") => Some(Wish::Disable),
        _ => None,
    };
    Outcome::Answer {
        status: response.status().as_u16(),
        retry_after: retry_after(headers),
        wish,
    }
}

/// How long an answer asks to wait, in seconds or until a date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?;
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    date.duration_since(std::time::SystemTime::now()).ok()
}

/// What an error comes from.
fn innermost(mut error: &(dyn Error + 'static)) -> String {
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
