//! Why a command failed, as a person reads it, and the exit status that says it to a script.

use std::error::Error;
use std::fmt;
use std::process::ExitCode;

use huntress::Outcome;
use serde_json::{Value, json};

/// Why a command ended as it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Something went wrong that no other status says.
    Failed = 1,
    /// The command line or the configuration cannot be used; nothing was sent.
    Usage = 2,
    /// The API said no: the record does not exist, the key may not, the request is wrong.
    Refused = 3,
    /// The API, the network, the quota or the database could not be had. Later it may work.
    Unavailable = 4,
    /// A write may have taken effect, and nobody knows.
    OutcomeUnknown = 5,
    /// What came looks so wrong that nothing was done with it.
    Guarded = 6,
    /// Another `huntctl` does the same just now.
    Busy = 7,
}

/// A failure: what was tried, what happened, and what to do.
#[derive(Debug)]
pub struct Failure {
    text: String,
    exit: Exit,
    /// The HTTP status, where the API answered.
    status: Option<u16>,
    /// What became of a call of the API.
    outcome: Option<Outcome>,
    closed: bool,
}

impl Failure {
    /// One with this text.
    pub fn new(exit: Exit, text: impl Into<String>) -> Self {
        let text = text.into();
        Self {
            text,
            exit,
            status: None,
            outcome: None,
            closed: false,
        }
    }

    /// Whoever read the output has read enough, as `head` does. It is no failure to tell.
    pub fn of_a_closed_output() -> Self {
        Self {
            closed: true,
            ..Self::new(Exit::Failed, "the output was closed")
        }
    }

    /// Whether it is [that](Self::of_a_closed_output).
    pub fn is_closed_output(&self) -> bool {
        self.closed
    }

    /// The status that the program exits with.
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// The same, after what was being done: `place: text`.
    #[must_use]
    pub fn at(mut self, place: impl fmt::Display) -> Self {
        self.text = format!("{place}: {}", self.text);
        self
    }

    /// The failure as JSON, for scripts: its text, the exit status, and, of a call of the API,
    /// the HTTP status and what became of it.
    pub fn to_json(&self) -> Value {
        let outcome = self.outcome.map(|outcome| match outcome {
            Outcome::NotSent => "not_sent",
            Outcome::NotDone => "not_done",
            Outcome::Unknown => "unknown",
            Outcome::Done => "done",
        });
        json!({"error": {
            "message": self.text,
            "exit": self.exit as u8,
            "status": self.status,
            "outcome": outcome,
        }})
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        // The numbers are the enum's own.
        Self::from(exit as u8)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for Failure {}

impl From<huntress::Error> for Failure {
    fn from(error: huntress::Error) -> Self {
        let exit = if error.outcome() == Outcome::Unknown {
            Exit::OutcomeUnknown
        } else if error.is_configuration()
            || (error.is_invalid_request() && error.status().is_none())
        {
            Exit::Usage
        } else if error.is_invalid_request()
            || error.is_authentication()
            || error.is_permission()
            || error.is_not_found()
            || error.is_conflict()
        {
            Exit::Refused
        } else if error.is_rate_limited()
            || error.is_server()
            || error.is_timeout()
            || error.is_transport()
            || error.is_connect()
            || error.is_quota()
        {
            Exit::Unavailable
        } else {
            Exit::Failed
        };
        Self {
            status: error.status().map(|status| status.as_u16()),
            outcome: Some(error.outcome()),
            ..Self::new(exit, error.to_string())
        }
    }
}
