//! Everything that a request may touch, and that a test may look at.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::dates;
use crate::document::Document;
use crate::faults::Faults;
use crate::keys::{HOME, Keys};
use crate::lists;
use crate::oddities::Oddities;
use crate::options::Options;
use crate::quota::Quota;
use crate::record::Record;
use crate::rows::{List, RowError};
use crate::webhooks::delivery::Message;
use crate::webhooks::endpoint::{Endpoint, Webhook};
use crate::webhooks::event::EventType;
use crate::webhooks::happen;
use crate::webhooks::outbox::Outbox;
use crate::world::{ACCOUNTS, World};

pub(crate) struct State {
    pub(crate) document: Arc<Document>,
    pub(crate) options: Options,
    pub(crate) keys: Keys,
    pub(crate) quota: Quota,
    pub(crate) faults: Faults,
    pub(crate) record: Record,
    pub(crate) outbox: Arc<Outbox>,
    /// Where the API is, as webhooks tell.
    base_url: String,
    /// What decides to which record something happens.
    chance: Mutex<fastrand::Rng>,
    /// The data, by account.
    worlds: Mutex<BTreeMap<i64, World>>,
    /// Where the log ends, if not now.
    log_time: Mutex<Option<Timestamp>>,
}

impl State {
    pub(crate) fn new(options: Options, base_url: String) -> Self {
        let scale = options.webhook_time_scale;
        Self {
            outbox: Arc::new(Outbox::new(&options.webhooks, scale, options.seed)),
            base_url,
            chance: Mutex::new(fastrand::Rng::with_seed(options.seed)),
            document: Arc::clone(Document::committed()),
            keys: Keys::new(options.sizes.accounts),
            quota: Quota::new(options.limit),
            faults: Faults::new(options.faults.clone(), options.seed),
            record: Record::default(),
            worlds: Mutex::default(),
            log_time: Mutex::default(),
            options,
        }
    }

    /// Makes everything as it was at the start: the data, the faults, the quota, and what was
    /// recorded, the endpoints and what was sent to them.
    pub(crate) fn reset(&self) {
        let mut worlds = self.worlds.lock().unwrap_or_else(PoisonError::into_inner);
        worlds.clear();
        self.record.clear();
        self.quota.reset();
        *self.log_time() = None;
        self.faults
            .reset(self.options.faults.clone(), self.options.seed);
        *self.chance() = fastrand::Rng::with_seed(self.options.seed);
        self.outbox.reset(&self.options.webhooks, self.options.seed);
    }

    fn chance(&self) -> MutexGuard<'_, fastrand::Rng> {
        self.chance.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an endpoint, or says why it can be none.
    pub(crate) fn add_webhook(&self, webhook: &Webhook) -> Result<Endpoint, String> {
        webhook.check(self.options.sizes.accounts)?;
        self.outbox.add(webhook)
    }

    /// Sends a test message to an endpoint; false where there is none.
    pub(crate) fn send_test(&self, endpoint: u64) -> bool {
        let test = Message {
            event: None,
            account: HOME,
            payload: json!({"message": "This is a test of your endpoint."}),
        };
        self.outbox.post_to(endpoint, &test, &self.faults)
    }

    /// Lets something happen in the first account; returns what is told of it.
    pub(crate) fn happen(&self, event: EventType) -> Result<Value, RowError> {
        let done = self.with_world(HOME, |world| {
            let mut chance = self.chance();
            let message = happen::happen(world, event, &self.base_url, &mut chance)?;
            self.outbox.post(&message, &self.faults);
            Ok(message.payload)
        });
        done.unwrap_or_else(|| Err(RowError::not_found("there is no first account")))
    }

    /// Tells those who listen what was done to the rows of an account.
    fn tell(&self, world: &mut World) {
        if world.puts.is_empty() {
            return;
        }
        if !self.outbox.hears(world.account_id) {
            world.puts.clear();
            return;
        }
        for message in happen::told(world, &self.base_url) {
            self.outbox.post(&message, &self.faults);
        }
    }

    pub(crate) fn set_log_time(&self, now: SystemTime) {
        *self.log_time() = Timestamp::try_from(now).ok();
    }

    /// The time that it is for the log; never before that of the made-up world, unless it was
    /// set.
    pub(crate) fn log_now(&self) -> Timestamp {
        let world = Timestamp::from_second(dates::NOW).unwrap_or_default();
        let set = *self.log_time();
        set.unwrap_or_else(|| Timestamp::now().max(world))
    }

    fn log_time(&self) -> MutexGuard<'_, Option<Timestamp>> {
        self.log_time.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn oddities(&self) -> Oddities {
        Oddities {
            rate: self.options.odd_shapes,
            seed: self.options.seed,
        }
    }

    /// Does something with the data of an account; `None` where there is no such account.
    pub(crate) fn with_world<T>(&self, id: i64, with: impl FnOnce(&mut World) -> T) -> Option<T> {
        let new = |id| {
            let document = Arc::clone(&self.document);
            World::new(document, id, self.options.seed, self.options.sizes)
        };
        let mut worlds = self.worlds.lock().unwrap_or_else(PoisonError::into_inner);
        let home = worlds.entry(HOME).or_insert_with(|| new(HOME));
        if lists::row(home, ACCOUNTS, &[], id).is_none() && id != HOME {
            return None;
        }
        let accounts = home.changes(ACCOUNTS, &[]).cloned();
        let world = worlds.entry(id).or_insert_with(|| new(id));
        // What the reseller has made of an account, the account sees too.
        if let Some(accounts) = accounts {
            world.copy_changes(ACCOUNTS, accounts);
        }
        let done = with(world);
        self.tell(world);
        Some(done)
    }

    /// Does something with the rows of a list, as the API names it without `/v1/`.
    pub(crate) fn with_list<T>(
        &self,
        name: &str,
        with: impl FnOnce(&List, &mut World) -> Result<T, RowError>,
    ) -> Result<T, RowError> {
        let list = List::named(&self.document, name)?;
        let done = self.with_world(list.account, |world| with(&list, world));
        let no_account = || RowError::not_found(format!("there is no account {}", list.account));
        done.unwrap_or_else(|| Err(no_account()))
    }
}
