//! Which account is pulled when: several at once, until all have been pulled, or for ever.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::{self, JoinSet};
use tokio::time::{Instant, sleep};

use super::lease::{self, Held, Lease, Which};
use super::lock::Lock;
use super::{
    AccountReport, Event, Observer, Options, Report, Source, account, books, sources, walk,
};
use crate::failure::{Exit, Failure};
use crate::store::Store;

/// The least time between two looks at which accounts there are.
const SOON: Duration = Duration::from_millis(50);
/// After so long, a database that could not be had is tried again.
const AGAIN: Duration = Duration::from_secs(5);

/// Longer than any pull of each account once.
const NEVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// What all accounts of a pull have in common.
pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) options: Options,
    pub(crate) observer: Observer,
    pub(crate) sources: BTreeMap<String, Source>,
    /// Sources of which somebody has just asked whose key it is.
    checked: Mutex<BTreeSet<String>>,
}

impl Shared {
    pub(crate) fn new(
        store: Store,
        sources: Vec<Source>,
        options: Options,
        observer: Observer,
    ) -> Self {
        let sources = sources
            .into_iter()
            .map(|source| (source.name.clone(), source));
        Self {
            store,
            options,
            observer,
            sources: sources.collect(),
            checked: Mutex::default(),
        }
    }

    pub(crate) fn check(&self, source: &str) {
        let mut checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        checked.insert(source.to_owned());
    }

    /// Whether the account of a key need not be asked for; once.
    pub(crate) fn is_checked(&self, source: &str) -> bool {
        let mut checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        checked.remove(source)
    }
}

/// See [`run`](super::run).
pub(crate) async fn work(shared: Shared, stop: watch::Receiver<bool>) -> Result<Report, Failure> {
    let database = shared.store.database();
    let lock = Lock::take(database).await?;
    books::create(database).await?;
    if lock.is_some() {
        lease::end_all(database).await?;
    }
    let mut worker = Worker {
        began: database.now().await?,
        unregistered: shared.sources.keys().cloned().collect(),
        register_at: None,
        shared: Arc::new(shared),
        running: JoinSet::new(),
        busy: HashMap::new(),
        seen: BTreeMap::new(),
        report: Report::default(),
        stop,
    };
    let report = worker.work().await;
    drop(lock);
    report
}

struct Worker {
    shared: Arc<Shared>,
    stop: watch::Receiver<bool>,
    began: Timestamp,
    /// Sources of which it is not known whose the key is, and when that is asked for again.
    unregistered: Vec<String>,
    register_at: Option<Instant>,
    running: JoinSet<AccountReport>,
    /// The sources of what is running.
    busy: HashMap<task::Id, String>,
    /// Leases of others, as they were when they were first seen.
    seen: BTreeMap<i64, Held>,
    report: Report,
}

/// What to do when there is no account to take.
enum Idle {
    Wait(Duration),
    Done,
}

impl Worker {
    async fn work(&mut self) -> Result<Report, Failure> {
        let stays = self.shared.options.every.is_some();
        loop {
            if !*self.stop.borrow() {
                let mut stop = self.stop.clone();
                tokio::select! {
                    () = self.register() => {}
                    () = walk::stopped(&mut stop) => continue,
                }
                if let Err(failure) = self.fill().await {
                    if !stays {
                        self.drain().await;
                        return Err(failure);
                    }
                    (self.shared.observer)(&Event::Trouble(&failure));
                    self.wait(AGAIN).await;
                    continue;
                }
            } else if self.running.is_empty() {
                return self.done();
            }
            let idle = match self.idle().await {
                Ok(idle) => idle,
                Err(failure) if stays => {
                    (self.shared.observer)(&Event::Trouble(&failure));
                    Idle::Wait(AGAIN)
                }
                Err(failure) => return Err(failure),
            };
            match idle {
                Idle::Wait(time) => self.wait(time).await,
                Idle::Done => return self.done(),
            }
        }
    }

    /// Finds out whose the keys are, where that is not known yet.
    async fn register(&mut self) {
        let now = Instant::now();
        if self.unregistered.is_empty() || self.register_at.is_some_and(|at| at > now) {
            return;
        }
        let failures = sources::register(&self.shared, &self.unregistered).await;
        self.unregistered = failures.iter().map(|(name, _)| name.clone()).collect();
        let every = self.shared.options.every;
        self.register_at = Some(now + every.unwrap_or(NEVER));
        for (source, failure) in failures {
            self.ended(failed(source, None, failure));
        }
    }

    /// Takes accounts while there are some and something is free to pull them.
    async fn fill(&mut self) -> Result<(), Failure> {
        let which = match self.shared.options.every {
            Some(_) => Which::Due,
            None => Which::NotSince(self.began),
        };
        while self.running.len() < self.shared.options.at_once.max(1) {
            let lease = {
                let Options { worker, lease, .. } = &self.shared.options;
                let (database, free) = (self.shared.store.database(), self.free());
                lease::take(database, worker, *lease, &free, which).await?
            };
            let Some(lease) = lease else { break };
            self.seen.remove(&lease.account_id);
            self.start(lease);
        }
        Ok(())
    }

    /// The sources of which nothing is running: the accounts of one share a quota.
    fn free(&self) -> Vec<&str> {
        let is_busy = |name: &&str| self.busy.values().any(|busy| busy == name);
        let is_unknown = |name: &&str| self.unregistered.iter().any(|other| other == name);
        let names = self.shared.sources.keys().map(String::as_str);
        names
            .filter(|name| !is_busy(name) && !is_unknown(name))
            .collect()
    }

    fn start(&mut self, lease: Lease) {
        let (shared, stop) = (Arc::clone(&self.shared), self.stop.clone());
        let source = lease.source.clone();
        let task = self.running.spawn(async move {
            let source = &shared.sources[&lease.source];
            let report = account::pull(&shared, source, &lease, stop).await;
            if source.reseller && !lease.managed && report.failure.is_none() {
                let known = sources::managed(&shared, source, lease.account_id).await;
                if let Err(failure) = known {
                    (shared.observer)(&Event::Trouble(&failure));
                }
            }
            report
        });
        self.busy.insert(task.id(), source);
    }

    /// How long to wait, with nothing to take now.
    async fn idle(&mut self) -> Result<Idle, Failure> {
        let Options {
            every,
            lease,
            worker,
            ..
        } = &self.shared.options;
        let database = self.shared.store.database();
        let free = self.free();
        let third = (*lease / 3).max(SOON);
        if *self.stop.borrow() {
            return Ok(Idle::Wait(third));
        }
        if every.is_some() {
            let now = database.now().await?;
            let due = lease::next_due(database, &free).await?;
            let until = due.map_or(*lease, |due| due.duration_since(now).unsigned_abs());
            let until = if due.is_some_and(|due| due <= now) {
                SOON
            } else {
                until
            };
            return Ok(Idle::Wait(until.clamp(SOON, (*lease).max(SOON))));
        }
        let held = lease::held_by_others(database, worker, &free, self.began).await?;
        let now = database.now().await?;
        let (dead, alive) = self.look(held);
        if !self.running.is_empty() {
            return Ok(Idle::Wait(third));
        }
        let Some(until) = dead else {
            for held in alive {
                let failure = taken(&held);
                let source = format!("account {}", held.account_id);
                self.report
                    .accounts
                    .push(failed(source, Some(held.account_id), failure));
            }
            return Ok(Idle::Done);
        };
        let until = until.duration_since(now);
        let until = Duration::try_from(until).unwrap_or_default();
        Ok(Idle::Wait(until.clamp(SOON, third)))
    }

    /// Tells leases of others that have been taken anew, so that somebody is alive, from those
    /// that have not: the first of the moments at which these end.
    fn look(&mut self, held: Vec<Held>) -> (Option<Timestamp>, Vec<Held>) {
        let mut dead: Option<Timestamp> = None;
        let mut alive = Vec::new();
        for held in held {
            let first = self.seen.entry(held.account_id).or_insert_with(|| {
                (self.shared.observer)(&Event::Waits {
                    account_id: held.account_id,
                    worker: &held.worker,
                    until: held.until,
                });
                held.clone()
            });
            if held.until > first.until {
                alive.push(held);
            } else {
                dead = Some(dead.map_or(held.until, |dead| dead.min(held.until)));
            }
        }
        (dead, alive)
    }

    /// Waits until a pull has ended, it is told to stop, or so long.
    async fn wait(&mut self, time: Duration) {
        let stopped = *self.stop.borrow();
        let mut stop = self.stop.clone();
        let ended = tokio::select! {
            ended = self.running.join_next_with_id(), if !self.running.is_empty() => ended,
            () = walk::stopped(&mut stop), if !stopped => None,
            () = sleep(time), if !stopped || self.running.is_empty() => None,
        };
        match ended {
            Some(Ok((task, report))) => {
                self.busy.remove(&task);
                self.ended(report);
            }
            Some(Err(error)) => {
                let source = self.busy.remove(&error.id()).unwrap_or_default();
                let failure = Failure::new(Exit::Failed, format!("the pull broke off: {error}"));
                self.ended(failed(source, None, failure));
            }
            None => {}
        }
    }

    async fn drain(&mut self) {
        while !self.running.is_empty() {
            self.wait(AGAIN).await;
        }
    }

    fn ended(&mut self, report: AccountReport) {
        if report.account_id.is_none() {
            (self.shared.observer)(&Event::Ended(&report));
        }
        // One that stays up would keep them for ever.
        if self.shared.options.every.is_none() {
            self.report.accounts.push(report);
        }
    }

    /// What to return. Where another has all of them, that is why nothing was done.
    fn done(&mut self) -> Result<Report, Failure> {
        let mut report = std::mem::take(&mut self.report);
        let is_busy = |report: &AccountReport| {
            let exit = report.failure.as_ref().map(Failure::exit);
            exit == Some(Exit::Busy) && report.lists.is_empty()
        };
        if !report.accounts.is_empty()
            && report.accounts.iter().all(is_busy)
            && let Some(failure) = report
                .accounts
                .first_mut()
                .and_then(|first| first.failure.take())
        {
            return Err(failure);
        }
        Ok(report)
    }
}

fn failed(source: String, account_id: Option<i64>, failure: Failure) -> AccountReport {
    AccountReport {
        source,
        account_id,
        lists: Vec::new(),
        failure: Some(failure),
        stopped: false,
        requests: 0,
        waited: Duration::ZERO,
        took: Duration::ZERO,
    }
}

fn taken(held: &Held) -> Failure {
    let text = format!(
        "account {} is being pulled by another worker ({}); wait for that to end",
        held.account_id, held.worker
    );
    Failure::new(Exit::Busy, text)
}
