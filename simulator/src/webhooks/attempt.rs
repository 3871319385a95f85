//! An attempt to deliver a message: what is sent, and how it ended.

use std::time::Duration;

use hyper::Uri;

use super::delivery::Attempt;
use super::schedule::Failure;

/// An attempt that is to be made now.
pub(crate) struct Job {
    pub(crate) delivery: u64,
    pub(crate) uri: Uri,
    /// Id, timestamp and signature, by the names of their headers.
    pub(crate) headers: [(&'static str, String); 3],
    pub(crate) body: String,
}

/// How an attempt ended.
pub(crate) enum Outcome {
    Answer {
        status: u16,
        retry_after: Option<Duration>,
        wish: Option<Wish>,
    },
    TimedOut,
    /// No connection, or one that broke, and why.
    Broken(String),
}

/// What an answer can ask for, in its header `webhook-delivery`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// No more attempts at this message.
    AbortMessage,
    /// No more messages.
    Disable,
}

impl Outcome {
    /// Why it is no success.
    pub(crate) fn failure(&self) -> Option<Failure> {
        match *self {
            Self::Answer {
                status: 200..=299, ..
            } => None,
            Self::Answer {
                status,
                retry_after,
                ..
            } => Some(Failure::Answer {
                status,
                retry_after,
            }),
            Self::TimedOut => Some(Failure::TimedOut),
            Self::Broken(_) => Some(Failure::Broken),
        }
    }

    pub(crate) fn wish(&self) -> Option<Wish> {
        match self {
            Self::Answer { wish, .. } => *wish,
            _ => None,
        }
    }

    /// As others may see it.
    pub(crate) fn attempt(self, at: String) -> Attempt {
        let (status, error) = match self {
            Self::Answer { status, .. } => (Some(status), None),
            Self::TimedOut => (None, Some("no answer in time".to_owned())),
            Self::Broken(why) => (None, Some(why)),
        };
        Attempt { at, status, error }
    }
}
