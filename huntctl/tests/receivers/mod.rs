//! Receivers that take nothing that the formats do not allow, and go wrong when they are told.

#![allow(dead_code)]

pub mod cef;
pub mod gelf;
pub mod http;
pub mod stream;
pub mod syslog;
pub mod tls;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;

/// What a receiver does in place of its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nobody listens.
    Down,
    /// It ends each connection as soon as it comes.
    Refusing,
    /// It takes connections and reads nothing.
    Slow,
    /// It closes the connection after so many events of it (requests, with HTTP, which it
    /// does not answer any more), and reads nothing of the rest.
    Closing(usize),
    /// TLS: it reads everything, dies before it has done anything with it, and does not say that
    /// this is the end.
    Dying,
    /// It closes after two events, and then it is down.
    Restarting,
    /// HTTP: it answers with this status.
    Status(u16),
    /// HTTP: it answers a good status and something that is none of its answers.
    Garbage,
    /// HTTP: it takes every other event, and puts the others off.
    SomeLater,
    /// HTTP: it takes one event in a request.
    OneOnly,
    /// Its certificate is for another name.
    WrongName,
    /// Its certificate is signed by itself.
    SelfSigned,
}

/// What it has taken, and what it is told to do wrong.
#[derive(Clone)]
pub struct Log {
    fault: watch::Sender<Option<Fault>>,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    /// Ids in the order of arrival.
    taken: Vec<String>,
    /// Ids that it refuses for good.
    disliked: Vec<String>,
    /// What was wrong with what it got.
    complaints: Vec<String>,
}

impl Log {
    pub fn new(fault: Option<Fault>) -> Self {
        Self {
            fault: watch::Sender::new(fault),
            inner: Arc::default(),
        }
    }

    pub fn fault(&self) -> Option<Fault> {
        *self.fault.borrow()
    }

    pub fn set_fault(&self, fault: Option<Fault>) {
        self.fault.send_replace(fault);
    }

    /// Waits until its fault is as this says.
    pub async fn until(&self, holds: impl FnMut(&Option<Fault>) -> bool) {
        self.fault.subscribe().wait_for(holds).await.unwrap();
    }

    pub fn dislike(&self, id: &str) {
        self.inner.lock().unwrap().disliked.push(id.to_owned());
    }

    pub fn like(&self, id: &str) {
        let mut inner = self.inner.lock().unwrap();
        inner.disliked.retain(|other| other != id);
    }

    pub fn is_disliked(&self, id: &str) -> bool {
        self.inner
            .lock()
            .unwrap()
            .disliked
            .iter()
            .any(|other| other == id)
    }

    pub fn take(&self, id: &str) {
        self.inner.lock().unwrap().taken.push(id.to_owned());
    }

    /// Whether this was taken before.
    pub fn has(&self, id: &str) -> bool {
        self.inner
            .lock()
            .unwrap()
            .taken
            .iter()
            .any(|other| other == id)
    }

    /// Waits until this holds for what it has taken, for a while.
    pub async fn wait(&self, holds: impl Fn(&[String]) -> bool) {
        for _ in 0..500 {
            if holds(&self.taken()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub fn taken(&self) -> Vec<String> {
        self.inner.lock().unwrap().taken.clone()
    }

    pub fn complain(&self, text: impl Into<String>) {
        self.inner.lock().unwrap().complaints.push(text.into());
    }

    pub fn complaints(&self) -> Vec<String> {
        self.inner.lock().unwrap().complaints.clone()
    }
}
