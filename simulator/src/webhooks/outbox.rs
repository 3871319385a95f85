//! All endpoints, what is on its way to them, and which attempt is due.
//!
//! It decides and does nothing: [`super::sender`] takes the attempts that are due, carries them
//! out, and says how each ended.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::attempt::{Job, Outcome, Wish};
use super::delivery::{Delivery, Message};
use super::endpoint::{Endpoint, GRACE, Listener, MOST, Webhook, too_many};
use super::fault::DeliveryFault;
use super::schedule::wait;
use super::signature::Secret;
use crate::faults::{FaultKind, Faults};

/// How many attempts at an endpoint may be under way.
const CONCURRENT: usize = 8;
/// How long a message is held back at most that others are to overtake.
const HELD: Duration = Duration::from_secs(5 * 60);
/// The letters of an id.
const LETTERS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const ID_LENGTH: usize = 27;

pub(crate) struct Outbox {
    /// The share of every wait that is waited.
    scale: f64,
    inner: Mutex<Inner>,
    /// There may be something to do.
    pub(crate) work: Notify,
    /// Something was done.
    progress: Notify,
}

struct Inner {
    listeners: BTreeMap<u64, Listener>,
    deliveries: BTreeMap<u64, Delivery>,
    random: Rng,
    next_endpoint: u64,
    /// Never used twice, also not after a reset: attempts may be under way.
    next_delivery: u64,
}

impl Inner {
    fn start(&mut self, webhooks: &[Webhook], seed: u64) {
        self.listeners.clear();
        self.deliveries.clear();
        self.random = Rng::with_seed(seed);
        self.next_endpoint = 1;
        for webhook in webhooks {
            // They were checked with the other options.
            let _ = self.add(webhook);
        }
    }

    fn add(&mut self, webhook: &Webhook) -> Result<u64, String> {
        let account = webhook.account_id();
        let of_account = |listener: &&Listener| listener.account == account;
        if self.listeners.values().filter(of_account).count() >= MOST {
            return Err(too_many(account));
        }
        let id = self.next_endpoint;
        let listener = Listener::new(id, webhook, &mut self.random)?;
        self.listeners.insert(id, listener);
        self.next_endpoint += 1;
        Ok(id)
    }

    fn message_id(&mut self) -> String {
        let letter = |_| char::from(LETTERS[self.random.usize(..LETTERS.len())]);
        let letters: String = (0..ID_LENGTH).map(letter).collect();
        format!("msg_{letters}")
    }

    /// Sends a message to an endpoint, with what goes wrong on the way.
    fn send(&mut self, to: u64, id: &str, message: &Message, faults: &Faults, scale: f64) {
        let Some(listener) = self.listeners.get_mut(&to) else {
            return;
        };
        let now = Instant::now();
        let event = message.event.map_or("", |event| event.as_str());
        let fault = if listener.health.disabled {
            None
        } else {
            let has_old = listener.old(now).next().is_some();
            strike(faults, event, has_old)
        };
        let key = self.next_delivery;
        self.next_delivery += 1;
        let wait = match fault {
            Some(DeliveryFault::OutOfOrder) => {
                listener.held.push(key);
                HELD.mul_f64(scale)
            }
            Some(DeliveryFault::Delayed(milliseconds)) => Duration::from_millis(milliseconds),
            _ => Duration::ZERO,
        };
        let whole = || message.payload.to_string();
        let body = fault.as_ref().map(|fault| fault.body(&message.payload));
        let mut delivery = Delivery {
            id: id.to_owned(),
            event_type: message.event,
            record_id: message.payload["id"].as_i64(),
            endpoint: to,
            body: body.unwrap_or_else(whole),
            fault,
            attempts: Vec::new(),
            accepted: false,
            next_attempt: None,
            given_up: None,
        };
        if listener.health.disabled {
            delivery.given_up = Some(DISABLED.to_owned());
        } else {
            schedule(listener, &mut delivery, key, now, wait);
        }
        self.deliveries.insert(key, delivery);
    }

    /// An attempt that is due, signed now.
    fn job(&mut self, listener: u64, key: u64) -> Option<Job> {
        let listener = self.listeners.get_mut(&listener)?;
        listener.held.retain(|held| *held != key);
        let delivery = self.deliveries.get(&key)?;
        listener.busy += 1;
        let fault = delivery.fault.as_ref();
        let first = fault.filter(|_| delivery.attempts.is_empty());
        let mut timestamp = Timestamp::now().as_second();
        if let Some(DeliveryFault::Late(seconds)) = first {
            timestamp = timestamp.saturating_sub(*seconds);
        }
        let sign = |secret: &Secret| {
            let body = delivery.body.as_bytes();
            secret.sign(&delivery.id, timestamp, body)
        };
        let now = Instant::now();
        let signatures = match first {
            Some(DeliveryFault::WrongSignature) => {
                vec![sign(&Secret::made_up(&mut delivery.chance()))]
            }
            Some(DeliveryFault::OldSecret) => listener.old(now).take(1).map(sign).collect(),
            _ => {
                let all = std::iter::once(&listener.secret).chain(listener.old(now));
                all.map(sign).collect()
            }
        };
        let names = match fault {
            Some(DeliveryFault::WhiteLabelled) => {
                ["webhook-id", "webhook-timestamp", "webhook-signature"]
            }
            _ => ["svix-id", "svix-timestamp", "svix-signature"],
        };
        let [id, at, signature] = names;
        Some(Job {
            delivery: key,
            uri: listener.uri.clone(),
            headers: [
                (id, delivery.id.clone()),
                (at, timestamp.to_string()),
                (signature, signatures.join(" ")),
            ],
            body: delivery.body.clone(),
        })
    }

    /// Notes how an attempt ended, and decides what comes of it.
    fn finish(&mut self, key: u64, began: String, outcome: Outcome, scale: f64) {
        // Neither is there after a reset.
        let Some(delivery) = self.deliveries.get_mut(&key) else {
            return;
        };
        let Some(listener) = self.listeners.get_mut(&delivery.endpoint) else {
            return;
        };
        let now = Instant::now();
        let wish = outcome.wish();
        let failure = outcome.failure();
        listener.busy -= 1;
        delivery.next_attempt = None;
        delivery.attempts.push(outcome.attempt(began));
        if let Some(failure) = failure {
            listener.health.failed(now, scale);
            let jitter = delivery.chance().f64();
            match wait(delivery.attempts.len(), failure, jitter) {
                _ if wish == Some(Wish::AbortMessage) => end(delivery, ABORTED),
                Some(wait) => schedule(listener, delivery, key, now, wait.mul_f64(scale)),
                None => end(delivery, FAILED),
            }
        } else {
            listener.health.succeeded();
            let again = delivery.fault == Some(DeliveryFault::Twice) && !delivery.accepted;
            delivery.accepted = true;
            if again {
                schedule(listener, delivery, key, now, Duration::ZERO);
            }
            release(listener, &mut self.deliveries, key, now);
        }
        if wish == Some(Wish::Disable) {
            listener.health.disabled = true;
        }
        if listener.health.disabled {
            give_up(listener, &mut self.deliveries, DISABLED);
        }
    }
}

// Why there are no more attempts.
const DISABLED: &str = "the endpoint is disabled";
const REMOVED: &str = "the endpoint was removed";
const ABORTED: &str = "the receiver asked for no more attempts";
const FAILED: &str = "all attempts failed";

/// No more attempts at a message.
fn end(delivery: &mut Delivery, why: &str) {
    delivery.next_attempt = None;
    if !delivery.accepted {
        delivery.given_up = Some(why.to_owned());
    }
}

/// No more attempts at an endpoint.
fn give_up(listener: &mut Listener, deliveries: &mut BTreeMap<u64, Delivery>, why: &str) {
    listener.held.clear();
    for (_, key) in std::mem::take(&mut listener.queue) {
        if let Some(delivery) = deliveries.get_mut(&key) {
            end(delivery, why);
        }
    }
}

/// Lets those go that waited for a later one to be accepted.
fn release(
    listener: &mut Listener,
    deliveries: &mut BTreeMap<u64, Delivery>,
    accepted: u64,
    now: Instant,
) {
    let overtaken = listener.held.extract_if(.., |held| *held < accepted);
    for key in overtaken.collect::<Vec<_>>() {
        listener.queue.retain(|(_, queued)| *queued != key);
        if let Some(delivery) = deliveries.get_mut(&key) {
            schedule(listener, delivery, key, now, Duration::ZERO);
        }
    }
}

/// The fault that goes wrong with a message, if it could be seen.
fn strike(faults: &Faults, event: &str, has_old_secret: bool) -> Option<DeliveryFault> {
    let seen = |fault: &DeliveryFault| *fault != DeliveryFault::OldSecret || has_old_secret;
    let struck = faults.strike_one(event, |kind| match kind {
        FaultKind::Delivery(fault) => seen(fault),
        _ => false,
    });
    match struck {
        Some(FaultKind::Delivery(fault)) => Some(fault),
        _ => None,
    }
}

/// Lets an attempt wait.
fn schedule(
    listener: &mut Listener,
    delivery: &mut Delivery,
    key: u64,
    now: Instant,
    wait: Duration,
) {
    listener.queue.insert((now + wait, key));
    delivery.next_attempt = Some((Timestamp::now() + wait).to_string());
}

impl Outbox {
    pub(crate) fn new(webhooks: &[Webhook], scale: f64, seed: u64) -> Self {
        let mut inner = Inner {
            listeners: BTreeMap::new(),
            deliveries: BTreeMap::new(),
            random: Rng::with_seed(seed),
            next_endpoint: 1,
            next_delivery: 0,
        };
        inner.start(webhooks, seed);
        Self {
            scale,
            inner: Mutex::new(inner),
            work: Notify::new(),
            progress: Notify::new(),
        }
    }

    /// The endpoints as at the start, and nothing on its way to them.
    pub(crate) fn reset(&self, webhooks: &[Webhook], seed: u64) {
        self.lock().start(webhooks, seed);
        self.progress.notify_waiters();
    }

    pub(crate) fn add(&self, webhook: &Webhook) -> Result<Endpoint, String> {
        let mut inner = self.lock();
        let id = inner.add(webhook)?;
        Ok(inner.listeners[&id].endpoint(Instant::now()))
    }

    /// Removes an endpoint, and what is on its way to it.
    pub(crate) fn remove(&self, endpoint: u64) -> bool {
        let inner = &mut *self.lock();
        let removed = inner.listeners.remove(&endpoint);
        if let Some(mut removed) = removed {
            give_up(&mut removed, &mut inner.deliveries, REMOVED);
            self.progress.notify_waiters();
            return true;
        }
        false
    }

    pub(crate) fn endpoints(&self) -> Vec<Endpoint> {
        let now = Instant::now();
        let inner = self.lock();
        let listeners = inner.listeners.values();
        listeners.map(|listener| listener.endpoint(now)).collect()
    }

    /// Gives an endpoint a new secret, or one that is made up; the old one goes on signing for
    /// a while. `None` where there is no such endpoint.
    pub(crate) fn rotate(
        &self,
        endpoint: u64,
        secret: Option<Secret>,
        grace: Option<Duration>,
    ) -> Option<Endpoint> {
        let inner = &mut *self.lock();
        let listener = inner.listeners.get_mut(&endpoint)?;
        let now = Instant::now();
        let grace = grace.unwrap_or_else(|| GRACE.mul_f64(self.scale));
        let secret = secret.unwrap_or_else(|| Secret::made_up(&mut inner.random));
        listener.rotate(secret, now + grace);
        Some(listener.endpoint(now))
    }

    /// Whether anybody listens to an account.
    pub(crate) fn hears(&self, account: i64) -> bool {
        let inner = self.lock();
        let mut listeners = inner.listeners.values();
        listeners.any(|listener| listener.account == account)
    }

    /// Sends a message to all who want to hear of it.
    pub(crate) fn post(&self, message: &Message, faults: &Faults) {
        let inner = &mut *self.lock();
        let category = message.event.map(super::event::EventType::category);
        let wants = |listener: &Listener| {
            listener.account == message.account
                && category.is_none_or(|category| listener.categories.contains(&category))
        };
        let listeners = inner.listeners.values();
        let listeners: Vec<_> = listeners.filter(|to| wants(to)).map(|to| to.id).collect();
        let id = inner.message_id();
        for listener in listeners {
            inner.send(listener, &id, message, faults, self.scale);
        }
        self.work.notify_one();
    }

    /// Sends a message to one endpoint, whatever it wants to hear of; false where there is no
    /// such endpoint.
    pub(crate) fn post_to(&self, endpoint: u64, message: &Message, faults: &Faults) -> bool {
        let inner = &mut *self.lock();
        let id = inner.message_id();
        inner.send(endpoint, &id, message, faults, self.scale);
        self.work.notify_one();
        inner.listeners.contains_key(&endpoint)
    }

    /// Sends a message once more, to each endpoint that it was for and that is still there;
    /// false where there is no such message.
    pub(crate) fn resend(&self, id: &str) -> bool {
        let inner = &mut *self.lock();
        let mut found = false;
        for (key, delivery) in &mut inner.deliveries {
            if delivery.id != id {
                continue;
            }
            found = true;
            let waits = delivery.next_attempt.is_some();
            if let Some(listener) = inner.listeners.get_mut(&delivery.endpoint)
                && !listener.health.disabled
                && !waits
            {
                delivery.given_up = None;
                schedule(listener, delivery, *key, Instant::now(), Duration::ZERO);
            }
        }
        self.work.notify_one();
        found
    }

    pub(crate) fn deliveries(&self) -> Vec<Delivery> {
        self.lock().deliveries.values().cloned().collect()
    }

    /// Takes the attempts that are due and that their endpoints have room for; with them, when
    /// the next one will be due.
    pub(crate) fn take_due(&self, now: Instant) -> (Vec<Job>, Option<Instant>) {
        let inner = &mut *self.lock();
        let mut due = Vec::new();
        let mut next: Option<Instant> = None;
        for listener in inner.listeners.values_mut() {
            let mut room = CONCURRENT.saturating_sub(listener.busy);
            while room > 0
                && let Some((at, key)) = listener.queue.first().copied()
            {
                if at > now {
                    next = Some(next.map_or(at, |next| next.min(at)));
                    break;
                }
                listener.queue.pop_first();
                due.push((listener.id, key));
                room -= 1;
            }
        }
        let jobs = due.into_iter();
        let jobs = jobs.filter_map(|(listener, key)| inner.job(listener, key));
        (jobs.collect(), next)
    }

    /// Notes how an attempt ended that began at some moment, and decides what comes of it.
    pub(crate) fn finish(&self, key: u64, began: String, outcome: Outcome) {
        self.lock().finish(key, began, outcome, self.scale);
        self.work.notify_one();
        self.progress.notify_waiters();
    }

    /// Whether nothing is on its way.
    fn is_settled(&self) -> bool {
        let inner = self.lock();
        let mut listeners = inner.listeners.values();
        listeners.all(|listener| listener.busy == 0 && listener.queue.is_empty())
    }

    /// Waits until nothing is on its way.
    pub(crate) async fn settled(&self) {
        loop {
            let progress = self.progress.notified();
            if self.is_settled() {
                return;
            }
            progress.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_so_many_attempts_are_under_way() {
        let outbox = Outbox::new(&[Webhook::new("http://127.0.0.1:9/")], 1.0, 1);
        let message = Message {
            event: None,
            account: 1,
            payload: json!({"id": 7}),
        };
        for _ in 0..20 {
            outbox.post(&message, &Faults::new(Vec::new(), 1));
        }
        let take = || outbox.take_due(Instant::now()).0;
        let jobs = take();
        assert_eq!((jobs.len(), take().len()), (CONCURRENT, 0));
        let finish = |job: &Job, outcome| outbox.finish(job.delivery, String::new(), outcome);
        finish(&jobs[0], Outcome::Broken("reset".to_owned()));
        finish(&jobs[1], Outcome::TimedOut);
        let more = take();
        assert_eq!(more.len(), 2);
        // Those that failed wait for their time.
        let due = more.iter().map(|job| job.delivery);
        assert!(due.eq([8, 9]));
        // What was under way when everything was reset is nobody's any more.
        outbox.reset(&[Webhook::new("http://127.0.0.1:9/")], 1);
        finish(&jobs[2], Outcome::TimedOut);
        assert_eq!(outbox.deliveries(), []);
        outbox.post(&message, &Faults::new(Vec::new(), 1));
        assert_eq!(take().len(), 1);
    }
}
