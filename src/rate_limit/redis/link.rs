//! A limiter's end of a quota in Redis: one step after the other, and what happens when Redis is
//! away.
//!
//! The steps run in a thread of this crate's own, for three reasons. A limiter serves clients of
//! several runtimes, and a connection would end with that in which it was made. A call that is
//! given up while Redis answers must give back a slot that it may have got. And a program that
//! ends right after its last call still tells how that ended: whoever drops the limiter waits for
//! it.
//!
//! # What is told twice, or never
//!
//! An answer of Redis that is lost leaves open whether the step was done. So a slot has a ticket
//! that the program chooses: who asks again with the same one gets the same slot, and an end
//! that is told again counts once. What cannot be told waits for the next step. What is never
//! told, since the program was killed, is held by its lease.
//!
//! # When Redis forgets
//!
//! The state knows in which start of the server it was written (`run_id`). After another start,
//! or on another server that took over, the last writes may be missing, so everything counts as
//! used for a window. A state that is not there is a new account, unless a program knows better
//! or the server was started within the last window; one that is older than what a program has
//! seen was lost as well. What is left is a key that was removed while none of its programs was
//! running, or in the moment before the first of them looks again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};
use std::{fmt, io};

use ::redis::Script;
use secrecy::ExposeSecret as _;
use tokio::runtime::{Builder, Handle};

use super::connection::{Connection, Target, Trouble};
use super::step::{self, EXPIRES, Look, Message, News, Reply};
use super::{Asked, RedisQuota};
use crate::error::{Error, Kind};
use crate::rate_limit::quota::{Asker, End, Quota, Rules, Slot, Time};
use crate::rate_limit::store::tell_pause;
use crate::rate_limit::{GRACE, RateLimiter, RateLimiterSnapshot, Shared};

/// The most slots that a step goes through.
const MOST: usize = 400;
/// Before the account's name.
const PREFIX: &str = "huntress:quota:";
const LONGEST_NAME: usize = 200;
/// Until Redis is tried again, at first and at last.
const SHORTEST_BACKOFF: Duration = Duration::from_millis(100);
const LONGEST_BACKOFF: Duration = Duration::from_secs(2);
/// How long whoever drops a limiter waits for its last news to be told.
const LAST_WORDS: Duration = Duration::from_millis(250);
/// As long is a request assumed to be under way that was sent without Redis.
const UNKNOWN_LEASE: Duration = Duration::from_secs(60);

/// A limiter's end of the quota.
pub(in crate::rate_limit) struct RedisStore(pub(in crate::rate_limit) Arc<Link>);

pub(in crate::rate_limit) struct Link {
    target: Target,
    account: String,
    key: String,
    script: Script,
    rules: Rules,
    /// What may be used while Redis is away.
    share: Rules,
    /// This limiter among those that share the quota.
    pub(super) program: u64,
    pub(super) runtime: Handle,
    /// For one step at a time.
    connection: tokio::sync::Mutex<Connection>,
    state: Mutex<State>,
    told: Condvar,
}

struct State {
    /// What is to be told with the next step.
    news: Vec<News>,
    /// A task is telling it.
    telling: bool,
    last: Option<(Instant, Reply)>,
    /// When Redis was reached last, or the limiter was made.
    reached: Instant,
    /// Redis believes that a call of this program waits.
    waits: bool,
    outage: Option<Outage>,
}

struct Outage {
    since: Instant,
    what: String,
    tries: u32,
    again: Instant,
    /// What is used without Redis; its time begins when that was reached last.
    meanwhile: Option<Quota>,
}

impl RedisStore {
    pub(super) fn new(quota: &RedisQuota, rules: Rules) -> Result<Self, Error> {
        let wrong = |problem: String| Err(Error::new(Kind::Configuration(problem)));
        let account = quota.account.clone();
        if account.is_empty() || account.len() > LONGEST_NAME {
            return wrong(format!(
                "the account's name for a quota in Redis must have 1 to {LONGEST_NAME} bytes"
            ));
        }
        if rules.limit > MOST {
            return wrong(format!(
                "a quota in Redis has a limit of {MOST} requests at most"
            ));
        }
        let target = Target::parse(quota.url.expose_secret(), &quota.roots)?;
        let runtime = runtime().map_err(|error| {
            let problem = "the thread for a quota in Redis cannot be started".to_owned();
            Error::new(Kind::Configuration(problem)).caused_by(error)
        })?;
        Ok(Self(Arc::new(Link {
            target,
            key: format!("{PREFIX}{account}"),
            account,
            script: step::script(),
            share: Rules {
                limit: quota.share.min(rules.limit),
                ..rules
            },
            rules,
            program: fastrand::u64(..),
            runtime,
            connection: tokio::sync::Mutex::default(),
            state: Mutex::new(State {
                news: Vec::new(),
                telling: false,
                last: None,
                reached: Instant::now(),
                waits: false,
                outage: None,
            }),
            told: Condvar::new(),
        })))
    }
}

impl Drop for RedisStore {
    /// What is not told holds a slot longer than it need be held.
    fn drop(&mut self) {
        if thread::current().name() == Some(THREAD) {
            return;
        }
        let busy = |state: &mut State| state.telling && state.outage.is_none();
        let state = self.0.state();
        drop(self.0.told.wait_timeout_while(state, LAST_WORDS, busy));
    }
}

impl Link {
    fn state(&self) -> MutexGuard<'_, State> {
        // No code panics while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn error(&self, what: fmt::Arguments<'_>) -> Error {
        let (account, target) = (&self.account, &self.target);
        Error::new(Kind::Quota(format!(
            "cannot ask Redis at {target} for the quota of {account:?}: {what}"
        )))
    }

    /// Why calls wait that have waited until their deadline, where it is no lack of slots.
    pub(in crate::rate_limit) fn outage(&self) -> Option<Error> {
        let state = self.state();
        let outage = state.outage.as_ref()?;
        let since = outage.since.elapsed().as_secs_f64();
        Some(self.error(format_args!(
            "{}, for {since:.1} s until the deadline; start it, or give calls more time, or a \
             share of the quota meanwhile (`share_while_away`)",
            outage.what
        )))
    }

    /// What was said last.
    pub(in crate::rate_limit) fn snapshot(&self) -> RateLimiterSnapshot {
        let state = self.state();
        match &state.last {
            Some((_, reply)) => reply.snapshot(&self.rules),
            None => Quota::new(0).snapshot(&self.rules, Time::ZERO),
        }
    }

    pub(super) async fn ask(
        &self,
        ticket: u64,
        asker: Asker,
        given_up: &AtomicBool,
    ) -> Result<Asked, Trouble> {
        let mut connection = self.connection.lock().await;
        if given_up.load(Ordering::Acquire) {
            // Nobody waits for the answer, and another step may have told so already.
            return Ok(Asked::Later(Duration::ZERO));
        }
        match self.step(&mut connection, Some((ticket, asker))).await {
            Ok((slot, wait)) => Ok(slot.map_or(Asked::Later(wait), Asked::Taken)),
            // Nobody else takes a step meanwhile: the next one tells what is used here.
            Err(Trouble::Away(what)) => self.ask_without(&asker).ok_or(Trouble::Away(what)),
            Err(refused) => Err(refused),
        }
    }

    /// A slot of the share that this program has while Redis is away.
    fn ask_without(&self, asker: &Asker) -> Option<Asked> {
        let mut state = self.state();
        let State {
            outage, reached, ..
        } = &mut *state;
        let outage = outage.as_mut().filter(|_| self.share.limit > 0)?;
        let meanwhile = outage.meanwhile.get_or_insert_with(|| {
            // All that was used before is gone a window after Redis was reached last.
            Quota::unknown(fastrand::u64(1..), &self.share, Time::ZERO)
        });
        let asker = Asker {
            program: None,
            ..*asker
        };
        let now = reached.elapsed();
        match meanwhile.ask(&self.share, now, &asker) {
            Ok(slot) => Some(Asked::Taken(slot)),
            Err(at) => {
                let again = outage.again.saturating_duration_since(Instant::now());
                let wait = at.map_or(again, |at| again.min(at.saturating_sub(now)));
                Some(Asked::Later(wait.max(SHORTEST_BACKOFF / 10)))
            }
        }
    }

    /// One step: tells what is new, and asks. Returns the slot, or how long to wait.
    async fn step(
        &self,
        connection: &mut Connection,
        ask: Option<(u64, Asker)>,
    ) -> Result<(Option<Slot>, Duration), Trouble> {
        let (message, told) = self.message(ask)?;
        let stepped = connection.step(&self.target, &self.script, &self.key, &message);
        let reply = match stepped.await {
            Ok(reply) => reply,
            Err(trouble) => {
                self.failed(told, &trouble);
                return Err(trouble);
            }
        };
        let slot = reply.taken.then(|| Slot {
            lineage: reply.lineage,
            ticket: ask.map_or(0, |(ticket, _)| ticket),
        });
        let wait = reply.wait.unwrap_or(self.rules.window);
        self.heard(reply, ask.is_some());
        Ok((slot, wait))
    }

    /// What is said with the next step, and the news in it. While Redis is away, it is not
    /// tried all the time.
    fn message(&self, mut ask: Option<(u64, Asker)>) -> Result<(Message, Vec<News>), Trouble> {
        let mut state = self.state();
        if let Some(outage) = &state.outage
            && Instant::now() < outage.again
        {
            return Err(Trouble::Away(outage.what.clone()));
        }
        let told = std::mem::take(&mut state.news);
        // The call that asks was given up in this moment.
        let gone = |ticket: u64| {
            let ended = |news: &News| matches!(news, News::Ended(slot, _) if slot.ticket == ticket);
            told.iter().any(ended)
        };
        ask = ask.filter(|(ticket, _)| !gone(*ticket));
        let own = state.last.as_ref().map(|(at, reply)| Look {
            lineage: reply.lineage,
            time: reply.time,
            since: at.elapsed(),
        });
        let own = own.filter(|own| own.since < EXPIRES / 2);
        let now = state.reached.elapsed();
        let used = state.outage.as_mut().and_then(|outage| {
            let meanwhile = outage.meanwhile.as_mut()?;
            let (ticket, used) = (meanwhile.lineage, meanwhile.snapshot(&self.share, now));
            let lasts = self.rules.window + GRACE;
            let under_way = News::Used {
                ticket: !ticket,
                slots: used.in_flight,
                lasts: UNKNOWN_LEASE + lasts,
            };
            let ended = News::Used {
                ticket,
                slots: used.used - used.in_flight,
                lasts,
            };
            Some([under_way, ended])
        });
        let news: Vec<_> = told
            .iter()
            .copied()
            .chain(used.into_iter().flatten())
            .collect();
        let message = Message::new(&self.rules, self.program, own, &news, ask);
        Ok((message, told))
    }

    fn heard(&self, reply: Reply, asked: bool) {
        let mut state = self.state();
        let now = Instant::now();
        if let Some(outage) = state.outage.take() {
            let away = outage.since.elapsed();
            tracing::info!(redis = %self.target, ?away, "the quota's Redis is back");
        }
        if reply.lost {
            tracing::warn!(
                redis = %self.target, account = self.account, window = ?self.rules.window,
                "the quota in Redis was lost, or Redis was started anew; all calls wait for a window"
            );
        }
        if let Some(pause) = reply.pause {
            tell_pause(pause);
        }
        if asked {
            state.waits = !reply.taken;
        }
        (state.reached, state.last) = (now, Some((now, reply)));
    }

    fn failed(&self, mut told: Vec<News>, trouble: &Trouble) {
        let mut state = self.state();
        told.append(&mut state.news);
        state.news = told;
        let (Trouble::Away(what) | Trouble::Refused(what)) = trouble;
        if let Trouble::Refused(_) = trouble {
            return;
        }
        let now = Instant::now();
        let outage = state.outage.get_or_insert_with(|| {
            let calls = if self.share.limit > 0 {
                "calls have a share of the quota meanwhile"
            } else {
                "calls wait"
            };
            tracing::warn!(
                redis = %self.target, account = self.account, what,
                "the quota's Redis is away; {calls}"
            );
            Outage {
                since: now,
                what: String::new(),
                tries: 0,
                again: now,
                meanwhile: None,
            }
        });
        outage.what.clone_from(what);
        let backoff = SHORTEST_BACKOFF * 2_u32.saturating_pow(outage.tries.min(10));
        outage.tries += 1;
        // Programs that lost it together do not come back together.
        outage.again = now
            + backoff
                .min(LONGEST_BACKOFF)
                .mul_f64(0.5 + fastrand::f64() / 2.0);
    }

    /// Until Redis is tried again.
    pub(super) fn backoff(&self) -> Duration {
        let state = self.state();
        let again = state.outage.as_ref().map(|outage| outage.again);
        again.map_or(SHORTEST_BACKOFF, |at| {
            at.saturating_duration_since(Instant::now())
        })
    }

    /// The request of a slot has ended.
    pub(in crate::rate_limit) fn ended(
        self: &Arc<Self>,
        slot: &Slot,
        end: End,
        limiter: &Arc<Shared>,
    ) {
        let without = {
            let mut state = self.state();
            let now = state.reached.elapsed();
            let outage = state.outage.as_mut();
            let meanwhile = outage.and_then(|outage| outage.meanwhile.as_mut());
            let meanwhile = meanwhile.filter(|quota| quota.lineage == slot.lineage);
            meanwhile.map(|quota| quota.end(&self.share, now, slot, end))
        };
        match without {
            Some(pause) => {
                if let Some(pause) = pause {
                    tell_pause(pause);
                }
                wake(limiter);
            }
            None => self.tell(News::Ended(*slot, end), Arc::downgrade(limiter)),
        }
    }

    /// No call of this program waits any more.
    pub(in crate::rate_limit) fn left(self: &Arc<Self>, limiter: &Arc<Shared>) {
        let waits = std::mem::take(&mut self.state().waits);
        if waits {
            self.tell(News::Left, Arc::downgrade(limiter));
        }
    }

    /// Tells the others, without waiting for it.
    pub(super) fn tell(self: &Arc<Self>, news: News, limiter: Weak<Shared>) {
        let mut state = self.state();
        state.news.push(news);
        if std::mem::replace(&mut state.telling, true) {
            return;
        }
        drop(state);
        let link = Arc::clone(self);
        self.runtime.spawn(async move {
            link.tell_all().await;
            if let Some(limiter) = limiter.upgrade()
                && link.snapshot().available > 0
            {
                wake(&limiter);
            }
        });
    }

    async fn tell_all(&self) {
        loop {
            let step = {
                let mut connection = self.connection.lock().await;
                self.step(&mut connection, None).await
            };
            match &step {
                Ok(_) => {}
                Err(Trouble::Away(_)) => {
                    tokio::time::sleep(self.backoff()).await;
                    continue;
                }
                Err(Trouble::Refused(what)) => {
                    tracing::warn!(redis = %self.target, what, "slots of the quota stay taken");
                }
            }
            let mut state = self.state();
            if state.news.is_empty() || step.is_err() {
                state.telling = false;
                drop(state);
                self.told.notify_all();
                return;
            }
        }
    }
}

/// Lets the first of the calls that wait look again.
fn wake(limiter: &Arc<Shared>) {
    RateLimiter(Arc::clone(limiter)).local().line.call_head();
}

const THREAD: &str = "huntress-redis";

/// Where all steps run; see the head of this file.
fn runtime() -> io::Result<Handle> {
    static RUNTIME: LazyLock<io::Result<Handle>> = LazyLock::new(|| {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let drive = move || runtime.block_on(std::future::pending::<()>());
        thread::Builder::new()
            .name(THREAD.to_owned())
            .spawn(drive)?;
        Ok(handle)
    });
    let made = RUNTIME.as_ref();
    made.cloned()
        .map_err(|error| io::Error::new(error.kind(), error.to_string()))
}
