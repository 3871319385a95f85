//! The one error of this crate.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use http::{HeaderMap, StatusCode};

use crate::envelope;
use crate::mask::Mask;
use crate::odd::OddRecord;
use crate::operation::Operation;
use crate::retry::{Access, Failure};
use crate::server_message;
use crate::visible::visible;

/// What went wrong with a call, or with making a client.
///
/// Its text says what was called, what came back and what to do. The predicates tell the
/// cases apart, and [`outcome`](Self::outcome) says what became of a write:
///
/// ```
/// use huntress::Outcome;
///
/// # fn handle(error: huntress::Error) {
/// if error.is_not_found() {
///     // the agent is gone
/// } else if error.is_invalid_request() {
///     eprintln!("fix the call: {error}");
/// } else {
///     match error.outcome() {
///         Outcome::NotSent | Outcome::NotDone => { /* nothing happened: try again later */ }
///         Outcome::Done => { /* it took effect, do not repeat it; only the answer is lost */ }
///         Outcome::Unknown => { /* look whether it took effect before trying again */ }
///     }
/// }
/// # }
/// ```
///
/// No text of it contains the credentials.
pub struct Error(Box<Inner>);

struct Inner {
    kind: Kind,
    operation: Option<Operation>,
    attempts: u32,
    /// What became of the attempts before the last.
    earlier: Outcome,
    headers: Option<HeaderMap>,
    source: Option<Box<dyn StdError + Send + Sync>>,
    mask: Mask,
}

/// What became of a call that failed.
///
/// Ordered by how much may have happened. A call that was sent several times has the outcome
/// of the attempt that may have done the most; `Done` is certain, whatever came before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// No request left this machine, or none could be delivered.
    NotSent,
    /// Nothing happened: the server refused it, or it is a read, which changes nothing.
    NotDone,
    /// The write may have taken effect or not.
    Unknown,
    /// It took effect (a read: it was answered); the answer could not be used.
    Done,
}

pub(crate) enum Kind {
    /// The client cannot be made as configured, or not used here.
    Configuration(String),
    /// Refused before a request was sent.
    Refused(String),
    /// The server answered with something other than a success.
    Status {
        status: StatusCode,
        body: Vec<u8>,
        retry_after: Option<Duration>,
    },
    /// A success whose body is larger than allowed.
    TooLarge {
        status: StatusCode,
        limit: usize,
    },
    /// A success whose body is not what was asked for.
    Decode {
        status: StatusCode,
        body: Vec<u8>,
        problem: String,
    },
    /// One record of a list is not what was asked for.
    Record {
        status: StatusCode,
        record: OddRecord,
    },
    /// No answer came, or not all of it; the status, where it had begun.
    Incomplete {
        why: Incomplete,
        answered: Option<StatusCode>,
    },
    /// The call took too long before its request could be sent.
    DeadlineInQueue,
    Connect,
    /// A proxy let nothing through without a login.
    ProxyLogin,
    /// The file or the Redis that holds the quota cannot be used.
    Quota(String),
}

/// Why an answer is missing or not complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Incomplete {
    /// One attempt took too long.
    Timeout,
    /// The whole call took too long.
    Deadline,
    /// The connection broke off, or the like.
    BrokenOff,
}

impl Error {
    /// What became of the call: whether a write may be repeated.
    ///
    /// It remembers every attempt: one that may have arrived is not forgotten because a
    /// later one could not connect, was refused for the quota, or met a 404 or 409 that
    /// may be its own doing.
    pub fn outcome(&self) -> Outcome {
        match self.last_outcome() {
            Outcome::Done => Outcome::Done,
            last => last.max(self.0.earlier),
        }
    }

    /// 401: the credentials are missing, wrong or revoked.
    pub fn is_authentication(&self) -> bool {
        self.has_status(|status| status == 401)
    }

    /// 403: the credentials do not permit this call. The default account key may only
    /// read, and not everything: a 403 is not an empty list.
    pub fn is_permission(&self) -> bool {
        self.has_status(|status| status == 403)
    }

    /// 404: no such thing, or not one these credentials may see.
    pub fn is_not_found(&self) -> bool {
        self.has_status(|status| status == 404)
    }

    /// 409: the resource's state does not allow this call. After
    /// [`retry_writes`](crate::RetryPolicy) it may be the doing of the call's own first
    /// attempt: [`outcome`](Self::outcome) is `Unknown` then.
    pub fn is_conflict(&self) -> bool {
        self.has_status(|status| status == 409)
    }

    /// 400, 422, or input that was refused before a request was sent: the same call will
    /// fail again.
    pub fn is_invalid_request(&self) -> bool {
        matches!(self.0.kind, Kind::Refused(_)) || self.has_status(|s| s == 400 || s == 422)
    }

    /// 429: the account's quota is used up.
    pub fn is_rate_limited(&self) -> bool {
        self.has_status(|status| status == 429)
    }

    /// 500 to 599: the server, or a proxy before it, failed.
    pub fn is_server(&self) -> bool {
        self.has_status(|status| status >= 500)
    }

    /// No answer, or not all of it, within the time-out or the deadline; or the server's
    /// own 408. [`outcome`](Self::outcome) says what became of a write.
    pub fn is_timeout(&self) -> bool {
        let ran_out = match self.0.kind {
            Kind::Incomplete { why, .. } => why != Incomplete::BrokenOff,
            Kind::DeadlineInQueue => true,
            _ => false,
        };
        ran_out || self.has_status(|status| status == 408)
    }

    /// No connection was made, so the last attempt certainly did not arrive: no network, no
    /// such host, a certificate that is not trusted, a proxy that asks for a login.
    pub fn is_connect(&self) -> bool {
        matches!(self.0.kind, Kind::Connect | Kind::ProxyLogin)
    }

    /// The connection broke off before the whole answer had come.
    pub fn is_transport(&self) -> bool {
        let broken = Incomplete::BrokenOff;
        matches!(self.0.kind, Kind::Incomplete { why, .. } if why == broken)
    }

    /// The call succeeded, but its body has more bytes than
    /// [`max_body`](crate::ClientBuilder::max_body) allows.
    pub fn is_too_large(&self) -> bool {
        matches!(self.0.kind, Kind::TooLarge { .. })
    }

    /// The call succeeded, but its answer as a whole is not what was asked for (see
    /// [`body`](Self::body)), or a list goes on without saying how. If a stream gives this,
    /// records are missing. For a single odd record [`is_record`](Self::is_record) holds
    /// instead.
    pub fn is_decode(&self) -> bool {
        matches!(self.0.kind, Kind::Decode { .. })
    }

    /// One record of a list could not be decoded, and the stream goes on with the next; see
    /// [`record`](Self::record).
    pub fn is_record(&self) -> bool {
        matches!(self.0.kind, Kind::Record { .. })
    }

    /// The client could not be made as configured, or cannot be used where it is (outside of
    /// a tokio runtime).
    pub fn is_configuration(&self) -> bool {
        matches!(self.0.kind, Kind::Configuration(_))
    }

    /// The file of a shared quota ([`in_file`](crate::RateLimiter::in_file)), or its Redis,
    /// cannot be used: nothing was sent.
    pub fn is_quota(&self) -> bool {
        matches!(self.0.kind, Kind::Quota(_))
    }

    fn has_status(&self, is: impl Fn(u16) -> bool) -> bool {
        match self.0.kind {
            Kind::Status { status, .. } => is(status.as_u16()),
            _ => false,
        }
    }

    /// The HTTP status, where the server answered.
    pub fn status(&self) -> Option<StatusCode> {
        match self.0.kind {
            Kind::Status { status, .. }
            | Kind::TooLarge { status, .. }
            | Kind::Decode { status, .. }
            | Kind::Record { status, .. } => Some(status),
            Kind::Incomplete { answered, .. } => answered,
            _ => None,
        }
    }

    /// The headers of the answer, where there was one.
    pub fn headers(&self) -> Option<&HeaderMap> {
        self.0.headers.as_ref()
    }

    /// The server's own words, out of whatever form its error body has; at most 300
    /// characters of them.
    pub fn message(&self) -> Option<String> {
        match &self.0.kind {
            Kind::Status { body, .. } => server_message::extract(body, &self.0.mask),
            _ => None,
        }
    }

    /// How long the server asks its callers to wait (`Retry-After`, in seconds or as a date),
    /// where it refused the call and said so. The next call waits that long without being
    /// told to; this is for a program that would rather stop.
    pub fn retry_after(&self) -> Option<Duration> {
        match self.0.kind {
            Kind::Status { retry_after, .. } => retry_after,
            _ => None,
        }
    }

    /// How often the call was tried: 0 where it was refused before it was sent or the
    /// deadline passed first, more than 1 where it was tried again. The text is about the
    /// last attempt; [`outcome`](Self::outcome) is about all of them.
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// The body as it came, where the server answered, with the credentials masked; where
    /// [`is_record`](Self::is_record) holds, the JSON of that record.
    pub fn body(&self) -> Option<&[u8]> {
        match &self.0.kind {
            Kind::Status { body, .. } | Kind::Decode { body, .. } => Some(body),
            Kind::Record { record, .. } => Some(record.json().as_bytes()),
            _ => None,
        }
    }

    /// The record that could not be decoded; see [`is_record`](Self::is_record).
    pub fn record(&self) -> Option<&OddRecord> {
        match &self.0.kind {
            Kind::Record { record, .. } => Some(record),
            _ => None,
        }
    }

    /// The name of the call, such as `list_agents`; `None` where no call was made.
    pub fn operation(&self) -> Option<&'static str> {
        self.0.operation.as_ref().map(|operation| operation.id)
    }
}

// How it is made.
impl Error {
    pub(crate) fn new(kind: Kind) -> Self {
        Self(Box::new(Inner {
            kind,
            operation: None,
            attempts: 0,
            earlier: Outcome::NotSent,
            headers: None,
            source: None,
            mask: Mask::default(),
        }))
    }

    pub(crate) fn of(mut self, operation: Operation) -> Self {
        self.0.operation = Some(operation);
        self
    }

    /// How often the request was sent, and what became of all attempts but the last.
    pub(crate) fn after(mut self, attempts: u32, earlier: Outcome) -> Self {
        (self.0.attempts, self.0.earlier) = (attempts, earlier);
        self
    }

    pub(crate) fn with_headers(mut self, headers: HeaderMap) -> Self {
        self.0.headers = Some(headers);
        self
    }

    /// Hides the credentials in what the server said.
    pub(crate) fn masked(mut self, mask: &Mask) -> Self {
        if let Kind::Status { body, .. } | Kind::Decode { body, .. } = &mut self.0.kind
            && let Cow::Owned(masked) = mask.bytes(body)
        {
            *body = masked;
        }
        // Some forms of the credentials show only once the body is parsed.
        self.0.mask = mask.clone();
        self
    }

    pub(crate) fn caused_by(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.0.source = Some(Box::new(source));
        self
    }

    /// The error for input that is refused before a request is sent.
    pub(crate) fn refused(operation: Operation, problem: String) -> Self {
        Self::new(Kind::Refused(problem)).of(operation)
    }

    /// An error of the transport, before or after an answer began with a status. Its URL is
    /// taken out, since a query can be private.
    pub(crate) fn transport(error: reqwest::Error, answered: Option<StatusCode>) -> Self {
        let error = error.without_url();
        let incomplete = |why| Kind::Incomplete { why, answered };
        // A connection that took too long to make is both, and it was certainly not made.
        let kind = if error.is_builder() {
            Kind::Refused(format!(
                "the request cannot be built: {}",
                innermost(&error)
            ))
        } else if error.is_connect() && asks_for_proxy_login(&error) {
            Kind::ProxyLogin
        } else if error.is_connect() {
            Kind::Connect
        } else if error.is_timeout() {
            incomplete(Incomplete::Timeout)
        } else {
            incomplete(Incomplete::BrokenOff)
        };
        Self::new(kind).caused_by(error)
    }
}

// What the rest of the crate asks it.
impl Error {
    /// How the attempt failed, as far as another one goes.
    pub(crate) fn failure(&self) -> Failure {
        match self.0.kind {
            Kind::Status { status, .. } => Failure::Status(status),
            Kind::Connect => Failure::Unsent,
            Kind::Incomplete {
                why: Incomplete::Timeout | Incomplete::BrokenOff,
                ..
            } => Failure::Broken,
            _ => Failure::Final,
        }
    }

    /// The outcome of the last attempt by itself.
    pub(crate) fn last_outcome(&self) -> Outcome {
        let unknown = match &self.0.operation {
            Some(operation) if operation.is_write() => Outcome::Unknown,
            _ => Outcome::NotDone,
        };
        match &self.0.kind {
            Kind::Configuration(_)
            | Kind::Refused(_)
            | Kind::DeadlineInQueue
            | Kind::Connect
            | Kind::ProxyLogin
            | Kind::Quota(_) => Outcome::NotSent,
            Kind::Status { status, .. } => match status.as_u16() {
                408 | 500.. => unknown,
                // Some answer a write that took effect with "see elsewhere".
                300..=399 => unknown,
                _ => Outcome::NotDone,
            },
            // A page for people is a proxy's, which says nothing of the API.
            Kind::Decode { body, .. } if envelope::is_html(body) => unknown,
            Kind::TooLarge { .. } | Kind::Decode { .. } | Kind::Record { .. } => Outcome::Done,
            Kind::Incomplete { answered, .. } => match answered {
                Some(status) if status.is_success() => Outcome::Done,
                _ => unknown,
            },
        }
    }

    /// The record that could not be decoded, taken out.
    pub(crate) fn into_record(self) -> Result<OddRecord, Self> {
        match self.0.kind {
            Kind::Record { record, .. } => Ok(record),
            _ => Err(self),
        }
    }

    /// What it is in a word, for telemetry: the status, or the name of its predicate.
    pub(crate) fn class(&self) -> String {
        match self.0.kind {
            Kind::Status { status, .. } => status.as_str().to_owned(),
            _ => self.word().to_owned(),
        }
    }

    fn word(&self) -> &'static str {
        match self.0.kind {
            Kind::Status { .. } => "status",
            Kind::Configuration(_) => "configuration",
            Kind::Refused(_) => "invalid_request",
            Kind::TooLarge { .. } => "too_large",
            Kind::Decode { .. } => "decode",
            Kind::Record { .. } => "record",
            Kind::DeadlineInQueue => "timeout",
            Kind::Incomplete { why, .. } => match why {
                Incomplete::Timeout | Incomplete::Deadline => "timeout",
                Incomplete::BrokenOff => "transport",
            },
            Kind::Connect | Kind::ProxyLogin => "connect",
            Kind::Quota(_) => "quota",
        }
    }
}

// What its text is made of.
impl Error {
    fn advice(&self) -> &'static str {
        let write = self.0.operation.as_ref().is_some_and(Operation::is_write);
        match (write, self.outcome(), self.last_outcome()) {
            (true, Outcome::Done, _) => "; the write took effect: do not repeat it",
            (true, Outcome::Unknown, Outcome::Unknown) => {
                "; the write may have taken effect: look before trying again"
            }
            (true, Outcome::Unknown, _) => {
                "; an earlier attempt may have taken effect: look before trying again"
            }
            _ => self.advice_where_nothing_happened(write),
        }
    }

    fn is_query(&self) -> bool {
        let operation = self.0.operation.as_ref();
        operation.is_some_and(|operation| operation.access() == Access::Query)
    }

    fn advice_where_nothing_happened(&self, write: bool) -> &'static str {
        match &self.0.kind {
            Kind::Configuration(_) | Kind::Refused(_) | Kind::Record { .. } | Kind::Quota(_) => "",
            Kind::Incomplete { .. } => "; it changes nothing and can be repeated",
            Kind::DeadlineInQueue => "; nothing was sent: call less, or allow more time",
            Kind::TooLarge { .. } => "; ask for less, or allow more with `max_body`",
            Kind::Connect if self.0.earlier == Outcome::NotSent => {
                "; nothing was sent: check the network and the base URL"
            }
            Kind::Connect => "; check the network and the base URL",
            Kind::ProxyLogin => "; nothing was sent: give the proxy's URL its user and password",
            Kind::Decode { body, .. } if envelope::is_html(body) => {
                "; check the base URL, and whether a proxy asks for a login"
            }
            Kind::Decode { .. } => "; please report it with the shape of the body",
            Kind::Status {
                status: StatusCode::REQUEST_TIMEOUT | StatusCode::PAYLOAD_TOO_LARGE,
                ..
            } if self.is_query() => {
                "; it was too much for the server: ask for a shorter range, or for less of it with \
                 WHERE and KEEP"
            }
            Kind::Status { status, .. } => match (status.as_u16(), write) {
                (300..=399, _) => "; redirects are not followed: check the base URL",
                (401, _) => "; check the API key and secret, and whether the key was revoked",
                (403, true) => {
                    "; the key lacks a permission (the default account key may only read)"
                }
                (403, false) => {
                    "; the key may not read this, which is not to say that there is nothing"
                }
                (404, _) => "; check the id, and whether this key may see it",
                (407, _) => "; give the proxy's URL its user and password",
                (409, _) => "; read the resource again: its state does not allow this",
                (429, _) => "; something else uses up the account's quota, try again in a minute",
                (500.., _) => "; the server failed, try again later",
                _ => "",
            },
        }
    }

    /// The cause, where the text of the kind does not say it.
    fn cause(&self) -> Option<String> {
        let source = self.0.source.as_deref()?;
        let told = match self.0.kind {
            Kind::Configuration(_)
            | Kind::Connect
            | Kind::Incomplete {
                why: Incomplete::BrokenOff,
                ..
            } => innermost(source),
            _ => return None,
        };
        Some(visible(&self.0.mask.text(&told)).into_owned())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(operation) = &self.0.operation {
            write!(f, "{operation}: ")?;
        }
        match &self.0.kind {
            Kind::Configuration(problem) => f.write_str(problem)?,
            Kind::Quota(problem) => {
                if self.0.operation.is_some() {
                    f.write_str("not sent: ")?;
                }
                f.write_str(problem)?;
            }
            Kind::Refused(problem) => write!(f, "not sent: {problem}")?,
            Kind::Incomplete { why, answered } => {
                if let Some(status) = answered {
                    write!(f, "{}, but ", shown(*status))?;
                }
                f.write_str(match why {
                    Incomplete::Timeout => "no complete answer within the time-out",
                    Incomplete::Deadline => "no complete answer within the deadline",
                    Incomplete::BrokenOff => "the exchange broke off",
                })?;
            }
            Kind::DeadlineInQueue => {
                f.write_str("the deadline passed while it waited for the quota")?;
            }
            Kind::TooLarge { status, limit } => {
                let status = shown(*status);
                write!(f, "{status}, but the body has more than {limit} bytes")?;
            }
            Kind::Connect => f.write_str("cannot connect")?,
            Kind::ProxyLogin => f.write_str("the proxy asks for a login (407)")?,
            Kind::Record { record, .. } => write!(f, "a record does not decode: {record}")?,
            Kind::Decode {
                status, problem, ..
            } => {
                let status = shown(*status);
                write!(
                    f,
                    "{status}, but the body is not what was asked for: {problem}"
                )?;
            }
            Kind::Status { status, .. } => {
                f.write_str(&shown(*status))?;
                if let Some(message) = self.message() {
                    write!(f, ": {message}")?;
                }
            }
        }
        if let Some(cause) = self.cause() {
            write!(f, ": {cause}")?;
        }
        if self.0.attempts > 1 {
            write!(f, " (after {} attempts)", self.0.attempts)?;
        }
        f.write_str(self.advice())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Error");
        debug.field("kind", &format_args!("{}", self.word()));
        if let Some(status) = self.status() {
            debug.field("status", &status.as_u16());
        }
        debug.field("text", &self.to_string());
        if let Some(source) = &self.0.source {
            debug.field("source", source);
        }
        debug.finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

/// A status as it stands on the wire; one that has no name is its number.
fn shown(status: StatusCode) -> String {
    match status.canonical_reason() {
        Some(reason) => format!("{} {reason}", status.as_u16()),
        None => status.as_u16().to_string(),
    }
}

/// Whether a proxy refused to connect without a login, which reqwest says in words only.
fn asks_for_proxy_login(error: &dyn StdError) -> bool {
    let text = innermost(error).to_ascii_lowercase();
    text.contains("proxy auth")
}

/// The cause of an error: the text of its last source, or of the first source that contains
/// that text. (The last one of OpenSSL says that a certificate is refused; the one before it
/// adds why.)
pub(crate) fn innermost(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(next) = source {
        let inner = next.to_string();
        if !text.contains(&inner) {
            text = inner;
        }
        source = next.source();
    }
    text
}
