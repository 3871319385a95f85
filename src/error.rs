//! The one error of this crate.

use std::error::Error as StdError;
use std::fmt;

use std::time::Duration;

use reqwest::StatusCode;

use crate::operation::Operation;
use crate::retry::Outcome;
use crate::server_message;

/// What went wrong with a call, or with making a client.
///
/// Its text says what was called, what came back and what to do. The predicates tell the
/// cases apart:
///
/// ```
/// # fn handle(error: huntress::Error) {
/// if error.is_not_found() {
///     // the agent is gone
/// } else if error.is_invalid_request() {
///     eprintln!("fix the call: {error}");
/// } else if error.is_timeout() || error.is_server() {
///     // nothing wrong with the call itself; try again later
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
    /// The status of an answer that then broke off.
    answered: Option<StatusCode>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

pub(crate) enum Kind {
    /// The client cannot be made as configured.
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
    /// One attempt took too long.
    Timeout,
    /// The whole call took too long.
    Deadline {
        sent: bool,
    },
    Connect,
    /// The connection broke off, or the like.
    Transport,
}

impl Error {
    pub(crate) fn new(kind: Kind) -> Self {
        Self(Box::new(Inner {
            kind,
            operation: None,
            attempts: 0,
            answered: None,
            source: None,
        }))
    }

    pub(crate) fn of(mut self, operation: Operation) -> Self {
        self.0.operation = Some(operation);
        self
    }

    /// How often the request was sent.
    pub(crate) fn after(mut self, attempts: u32) -> Self {
        self.0.attempts = attempts;
        self
    }

    /// The answer had begun.
    pub(crate) fn answered(mut self, status: StatusCode) -> Self {
        self.0.answered = Some(status);
        self
    }

    pub(crate) fn caused_by(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.0.source = Some(Box::new(source));
        self
    }

    /// A success whose body, or a part of it, is not what was asked for.
    pub(crate) fn undecodable(
        operation: Operation,
        status: StatusCode,
        body: Vec<u8>,
        problem: String,
    ) -> Self {
        Self::new(Kind::Decode {
            status,
            body,
            problem,
        })
        .of(operation)
    }

    /// An error of the transport; its URL is taken out, since a query can be private.
    pub(crate) fn transport(error: reqwest::Error) -> Self {
        // A connection that took too long to make is both, and was certainly not made.
        let kind = if error.is_connect() {
            Kind::Connect
        } else if error.is_timeout() {
            Kind::Timeout
        } else {
            Kind::Transport
        };
        Self::new(kind).caused_by(error.without_url())
    }

    /// How the attempt failed, where an attempt was made and failed.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        match self.0.kind {
            Kind::Status { status, .. } => Some(Outcome::Status(status)),
            Kind::Connect => Some(Outcome::Unsent),
            Kind::Timeout | Kind::Transport => Some(Outcome::Broken),
            _ => None,
        }
    }

    /// 401: the credentials are missing, wrong or revoked.
    pub fn is_authentication(&self) -> bool {
        self.has_status(|status| status == 401)
    }

    /// 403: the credentials do not permit this call. The default account key may only read.
    pub fn is_permission(&self) -> bool {
        self.has_status(|status| status == 403)
    }

    /// 404: no such thing, or not one these credentials may see.
    pub fn is_not_found(&self) -> bool {
        self.has_status(|status| status == 404)
    }

    /// 409: the resource's state does not allow this call.
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
    /// own 408. Whether a write took effect is not known, unless [`attempts`] is 0.
    ///
    /// [`attempts`]: Self::attempts
    pub fn is_timeout(&self) -> bool {
        matches!(self.0.kind, Kind::Timeout | Kind::Deadline { .. })
            || self.has_status(|status| status == 408)
    }

    /// No connection was made: the request certainly did not arrive.
    pub fn is_connect(&self) -> bool {
        matches!(self.0.kind, Kind::Connect)
    }

    /// The call succeeded, but its body is not what was asked for; see [`body`](Self::body).
    pub fn is_decode(&self) -> bool {
        matches!(self.0.kind, Kind::Decode { .. })
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
            | Kind::Decode { status, .. } => Some(status),
            _ => self.0.answered,
        }
    }

    /// The server's own words, out of whatever form its error body has; at most 300
    /// characters of them.
    pub fn message(&self) -> Option<String> {
        match &self.0.kind {
            Kind::Status { body, .. } => server_message::extract(body, &Default::default()),
            _ => None,
        }
    }

    /// How long the server asks to be left alone (`Retry-After`, in seconds or as a date),
    /// where it refused the call and said so. A stream or a call that is made again waits
    /// by itself; this is for a program that would rather stop.
    pub fn retry_after(&self) -> Option<Duration> {
        match self.0.kind {
            Kind::Status { retry_after, .. } => retry_after,
            _ => None,
        }
    }

    /// How often the request was sent: 0 where it was refused before or the deadline passed
    /// first, more than 1 where it was tried again. This error is the last attempt's.
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// The body as it came, where the server answered; the JSON of the one item where an
    /// item of a stream does not decode.
    pub fn body(&self) -> Option<&[u8]> {
        match &self.0.kind {
            Kind::Status { body, .. } | Kind::Decode { body, .. } => Some(body),
            _ => None,
        }
    }

    /// The name of the call, such as `list_agents`; `None` where no call was made.
    pub fn operation(&self) -> Option<&'static str> {
        self.0.operation.map(|operation| operation.id)
    }

    fn advice(&self) -> &'static str {
        match &self.0.kind {
            Kind::Configuration(_) | Kind::Refused(_) => "",
            Kind::Timeout | Kind::Transport if self.0.answered.is_some() => {
                "; a read can be repeated, a write took effect"
            }
            Kind::Timeout | Kind::Transport | Kind::Deadline { sent: true } => {
                "; a read can be repeated, a write may have taken effect"
            }
            Kind::Deadline { sent: false } => "; nothing was sent: call less, or allow more time",
            Kind::TooLarge { .. } => "; ask for less, or allow more with `max_body`",
            Kind::Connect => "; nothing was sent: check the network and the base URL",
            Kind::Decode { .. } => "; please report it with the shape of the body",
            Kind::Status { status, .. } => match status.as_u16() {
                300..=399 => "; redirects are not followed: check the base URL",
                401 => "; check the API key and secret, and whether the key was revoked",
                403 => "; the key lacks a permission (the default account key may only read)",
                404 => "; check the id, and whether this key may see it",
                409 => "; read the resource again: its state does not allow this",
                429 => "; something else uses up the account's quota, try again in a minute",
                500.. => "; the server failed, try again later",
                _ => "",
            },
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(operation) = self.0.operation {
            write!(f, "{operation}: ")?;
        }
        if let Some(status) = self.0.answered {
            write!(f, "{status}, but ")?;
        }
        match &self.0.kind {
            Kind::Configuration(problem) => f.write_str(problem)?,
            Kind::Refused(problem) => write!(f, "not sent: {problem}")?,
            Kind::Timeout => f.write_str("no complete answer within the time-out")?,
            Kind::Deadline { sent: true } => {
                f.write_str("no complete answer within the deadline")?;
            }
            Kind::Deadline { sent: false } => {
                f.write_str("the deadline passed while it waited for the quota")?;
            }
            Kind::TooLarge { status, limit } => {
                write!(f, "{status}, but the body has more than {limit} bytes")?;
            }
            Kind::Connect => f.write_str("cannot connect")?,
            Kind::Transport => f.write_str("the exchange broke off")?,
            Kind::Decode {
                status, problem, ..
            } => {
                write!(
                    f,
                    "{status}, but the body is not what was asked for: {problem}"
                )?;
            }
            Kind::Status { status, .. } => {
                write!(f, "{status}")?;
                if let Some(message) = self.message() {
                    write!(f, ": {message}")?;
                }
            }
        }
        if self.0.attempts > 1 {
            write!(f, " (attempt {} and the last)", self.0.attempts)?;
        }
        f.write_str(self.advice())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Error");
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

/// The last error of a chain: what really happened.
pub(crate) fn innermost(error: &dyn StdError) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
