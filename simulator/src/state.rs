//! Everything that a request may touch, and that a test may look at.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use jiff::Timestamp;

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
use crate::world::{ACCOUNTS, World};

pub(crate) struct State {
    pub(crate) document: Arc<Document>,
    pub(crate) options: Options,
    pub(crate) keys: Keys,
    pub(crate) quota: Quota,
    pub(crate) faults: Faults,
    pub(crate) record: Record,
    /// The data, by account.
    worlds: Mutex<BTreeMap<i64, World>>,
    /// Where the log ends, if not now.
    log_time: Mutex<Option<Timestamp>>,
}

impl State {
    pub(crate) fn new(options: Options) -> Self {
        Self {
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
    /// recorded.
    pub(crate) fn reset(&self) {
        let mut worlds = self.worlds.lock().unwrap_or_else(PoisonError::into_inner);
        worlds.clear();
        self.record.clear();
        self.quota.reset();
        *self.log_time() = None;
        self.faults
            .reset(self.options.faults.clone(), self.options.seed);
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
        Some(with(world))
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
