//! The account's request quota, kept by proof.
//!
//! The server allows a number of requests in any window of time: 60 in any 60 seconds, for
//! an account across all its keys. It counts a request when it *arrives*, which is
//! somewhere between sending it and having its answer. So a slot is taken before a request
//! is sent, kept while it is under way, and freed one window after the answer came:
//!
//! Let two requests have used one slot, the second after the first. The first arrived
//! before its answer came, at `a`; the second is sent no earlier than `a + window`, and so
//! arrives no earlier. Any two arrivals of one slot are at least a window apart, hence no
//! window sees more than one arrival of each slot, and there are `limit` slots.
//!
//! A request whose answer never came (dropped, timed out, connection lost) may still
//! arrive; its slot is kept [`GRACE`] longer. One for which no connection could be made
//! never arrives; its slot is free at once.
//!
//! A token bucket would let through up to twice the limit in one window, and a fixed
//! window as much at its edges; a steady rate would make 60 calls take a minute where they
//! may go out at once.
//!
//! # When others use the same account
//!
//! The proof holds for the requests of one limiter. Others, and the runs of this program
//! before a restart, show in two ways, and both only ever make a limiter send less.
//!
//! A refusal (429) says that the server counts as many as it takes, in the window before
//! it. Nothing says how old those requests are, but all of them are gone one window later.
//! So the first refusal counts, and no pause ends later than a window after it (except for
//! a `Retry-After`, which is obeyed). The pause ends sooner where a slot of our own accepted
//! requests becomes free, since the server's count must fall then too. After a restart there
//! is nothing of our own in the window, and nothing is tried before its end: a try that fails
//! costs a refusal, and its own slot until long after the window. Slots of others are left
//! unused until all that was counted is gone. Then they are tried one at a time, one more for
//! each request that the server takes, so that a guess costs at most one refusal.
//!
//! A server that says how many calls remain also says how many slots others hold
//! (`Others`): those are left unused for a window. That word is believed while it goes down as
//! it must (`Word`).
//!
//! # The lead
//!
//! A limiter that has had no answer yet, or that was refused, does not know whether the
//! server takes anything. So its next request goes alone (`Lead`), and the others follow
//! once it has ended: a full quota costs one refusal, and not one for each call under way.
//! On an unused account this costs one round trip, once. The proof still holds, since a
//! request that waits is only sent later. And nobody waits for a lead that never ends: it
//! ends when its permit is dropped, and at the latest after [`HEAD_START`].
//!
//! # When several programs share it
//!
//! The state is a value, and each event a function of it (`quota.rs`). It is in memory, or in
//! a file that a program locks for one event. So the proof above holds for all programs of a
//! file, as far as two things do: no slot is given back too early, and no state is lost.
//!
//! *A program that dies* tells no end of its requests. So a slot is a lease: nobody takes it
//! before the attempt's time-out, [`GRACE`] and a window have passed since it was taken, unless
//! its end was told. The attempt ends within its time-out, its request arrives within the grace
//! after that, and the next request of the slot is sent a window later. This supposes that no
//! program is stopped, and goes on to send, beyond the time-out that it set itself.
//!
//! *A crash* leaves, by its moment:
//! - after taking a slot and before sending, or after sending: a lease that lapses;
//! - while writing, at any byte: the state before (`record.rs`). The slot that was being taken
//!   was not used. A spoiled byte takes as much, and cannot be told from that, so one slot more
//!   counts as used, since one event takes no more than one.
//!
//! *Where what was used is not known*, everything counts as used for a window: both halves of
//! the file are spoiled, it is cut off, removed or replaced; the machine was started, and the
//! disk may have missed something; an older copy was put in its place, which a program sees that
//! had looked before (one that starts cannot know). A request that was under way then takes a
//! slot again when its end is told. Three kinds are known to nobody and may each be one too many,
//! if they arrive after the loss: one whose program is killed before it tells its end, one that
//! ended unanswered less than [`GRACE`] before the loss, and one that takes longer than a window.
//! A second loss within the same window may add as many again.
//!
//! *Where the file cannot be used*, nothing is sent, since a slot is taken by writing it: the
//! disk is full, the folder is missing, this user may not write, it holds something else, or
//! another machine writes it. Calls fail and say what to do. Where another program holds the
//! lock, they wait.
//!
//! *Time* in the file never goes back, and passes no faster than it really does if one clock of
//! the machine is right (`clock.rs`), or the program has looked since it last stood still. So
//! nothing is free too early, whether a clock is set, the machine sleeps, or the programs are in
//! containers whose clocks differ. Since all times in the file are by that time, a clock that
//! jumps makes it stand still for one look at most: what was waited for then is waited for again,
//! a window at most. One case is open: on a system that does not tell when it was started (all
//! but Linux), a clock that is set forward frees slots too early if the first program that looks
//! afterwards has just started.
//!
//! An end that cannot be told at once, since another program holds the lock, is told later with
//! that later time.
//!
//! # When it is in Redis
//!
//! The rules, the leases and so the proof are the same (`redis/step.lua`); one run of the script
//! is one event. *Time* is that of the server, kept from going back and from passing faster than
//! the program that asks has measured, but for what a message takes to arrive. *What was written
//! is lost* when the server was started anew or another took over, which the state shows, and
//! when the key is gone or older than a program has seen it; then everything counts as used for a
//! window. An event whose answer is lost is told again, and counts once (`redis.rs`).

use std::fmt;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use self::file::QuotaFile;
use self::line::Line;
pub(crate) use self::permit::Permit;
use self::quota::{Quota, Rules};
use self::store::Store;
use crate::error::Error;

#[cfg(feature = "redis")]
pub use self::redis::RedisQuota;

mod account_name;
mod clock;
mod disk;
mod file;
mod line;
mod permit;
mod quota;
mod record;
#[cfg(feature = "redis")]
mod redis;
mod store;
mod wait;

const LIMIT: usize = 60;
const WINDOW: Duration = Duration::from_secs(60);
const LONGEST_WINDOW: Duration = Duration::from_secs(24 * 60 * 60);
/// How long after its end an unanswered request may still reach the server.
const GRACE: Duration = Duration::from_secs(10);
/// The longest attempt that a killed program can have begun.
const LONGEST_LEASE: Duration = Duration::from_secs(24 * 60 * 60);
/// After this many writes a waiting read has its turn, so that writes cannot starve it.
const WRITES_BEFORE_A_READ: usize = 4;
/// The most that a server's `Retry-After` makes all callers wait.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// The most that a lead makes the others wait.
const HEAD_START: Duration = Duration::from_secs(1);
/// After so many requests that the server took although it said that none remain, its word
/// does not count any more.
const CONTRADICTIONS: u8 = 3;
/// How long a slot is left to another program that said it would come now.
const PATIENCE: Duration = Duration::from_millis(50);
/// When a program looks again that others are about to go before.
const SOON: Duration = Duration::from_millis(2);
/// The request quota of one account; 60 in 60 seconds by default.
///
/// Cheap to clone: clones share the quota. A client and its clones share one; hand the
/// same limiter to the builders of several clients of one account. Calls wait their turn,
/// first come, first served, writes before reads (a waiting read goes after four writes);
/// nothing waits while a slot is free, and a call that is dropped while it waits gives its
/// place back.
///
/// A slot is free again one window after its request was answered. The slot of a request
/// that was never answered, which may still arrive, is kept 10 seconds longer.
///
/// The very first request goes alone, and the others follow as soon as it is answered, at
/// the latest a second later: if an earlier run has used the quota up, it is refused once
/// and not once for each call.
///
/// When the server refuses a request nevertheless (429, because others or an earlier run have
/// used the account's quota), all callers wait: as long as its `Retry-After` says, at most
/// five minutes, or else until the quota should allow the next request, at most one window.
///
/// Where several programs of a machine use the account, or one that is started again and again,
/// [`in_file`](Self::in_file) keeps the quota for all of them.
#[derive(Clone)]
pub struct RateLimiter(Arc<Shared>);

struct Shared {
    rules: Rules,
    local: Mutex<Local>,
    /// Where the quota is, if not in `local`.
    #[cfg(feature = "redis")]
    redis: Option<redis::RedisStore>,
    /// A task is telling the others what they could not be told at once.
    telling: AtomicBool,
}

impl Shared {
    fn new(rules: Rules, store: Store) -> Self {
        Self {
            rules,
            local: Mutex::new(Local {
                store,
                line: Line::default(),
                waits: false,
                requests: 0,
                waited: Duration::ZERO,
            }),
            #[cfg(feature = "redis")]
            redis: None,
            telling: AtomicBool::new(false),
        }
    }
}

/// What one program has of the quota.
struct Local {
    store: Store,
    line: Line,
    /// The others know that a call of this program waits.
    waits: bool,
    /// How many slots its calls got.
    requests: u64,
    /// How long they have waited for them.
    waited: Duration,
}

/// What a limiter looks like at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateLimiterSnapshot {
    /// Requests allowed in a window.
    pub limit: usize,
    /// The window.
    pub window: Duration,
    /// Requests under way.
    pub in_flight: usize,
    /// Slots taken: those under way and those whose window has not passed.
    pub used: usize,
    /// Slots left unused, since others seem to use the same account.
    pub others: usize,
    /// Requests that could go out now. Before the first answer, one goes alone and the others
    /// follow.
    pub available: usize,
    /// When the next slot becomes free by the passing of time; `None` where none will.
    pub next_free_in: Option<Duration>,
    /// Requests that this limiter and its clones have let through since it was made, each try
    /// of a call counted; not those of other programs.
    pub requests: u64,
    /// How long those have waited for the quota, added up.
    pub waited: Duration,
}

/// Which requests go first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Lane {
    Write,
    Read,
}

/// Where in its lane a call begins to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    Last,
    /// It has had its turn, and is sent again.
    First,
}

impl Default for RateLimiter {
    fn default() -> Self {
        Self::new(LIMIT, WINDOW)
    }
}

impl RateLimiter {
    /// `limit` requests in any `window`. A limit of 0 is taken as 1, a window of more than
    /// a day as a day.
    pub fn new(limit: usize, window: Duration) -> Self {
        Self::of(rules(limit, window), Store::memory())
    }

    /// The quota of one account, 60 requests in 60 seconds, shared by all programs of this
    /// machine that open the same file. The file is made if it is not there.
    ///
    /// # Which file
    ///
    /// The path is the name of the account: one file for each account, and the same file in all
    /// programs that use any key of it. A file in a folder that outlives the programs and that
    /// all their users may write does, such as `/var/lib/acme/huntress.quota`. It holds 128
    /// KiB, and nothing secret. Its permissions are by the umask of the program that makes it; where
    /// programs run as several users, all must be allowed to write it. Containers of one machine
    /// may share it.
    ///
    /// It must be on a disk of this machine: the clocks in it are this machine's, and locks over a
    /// network are not reliable. Do not remove it, or put a copy in its place, while a program
    /// has it open: who finds it removed waits for a window. A process that forks opens it anew
    /// in the child.
    ///
    /// # What is kept
    ///
    /// All that one limiter keeps, for all programs together, whether they run at the same time
    /// or one after the other: never more than the limit in any window, one pause for all after
    /// a 429, and what the server says remains. A program that starts goes on where the last
    /// one stopped.
    ///
    /// A program that is killed leaves slots of requests whose end nobody tells. Such a slot is
    /// held until its request can have no effect any more: the attempt's time-out
    /// ([`timeout`](crate::ClientBuilder::timeout), 60 seconds by default), 10 seconds and a
    /// window after it was taken. A program that is stopped (`SIGSTOP`) in the midst of a
    /// request for longer than that may send it late, and so may be refused.
    ///
    /// If the file is spoiled, or the machine has been started anew, what was used is not known:
    /// all calls wait for one window, and a warning says so. A clock that is set makes
    /// nobody wait for longer than a window, and does not open the quota on Linux. On other
    /// systems, one that is set forward may, unless the first program that looks at the file
    /// afterwards had looked shortly before, as one that waits has.
    ///
    /// # Who goes first
    ///
    /// In a program: writes before reads, first come, first served, as without a file. Among
    /// programs, the first waiting call of each counts: the slot goes to a write before a read
    /// (a read after four writes), then to the call that has waited longest. A program that
    /// does not come for its slot within 50 milliseconds is passed over; one whose calls do
    /// not wait yet may be served first when several slots become free together.
    ///
    /// # What it costs
    ///
    /// A permit costs two looks at the file, each some tens of microseconds of blocking work that
    /// stays in the system's cache. A waiting program sleeps until the next slot becomes free;
    /// while requests of others are under way it looks once a second, and 20 times a second
    /// while one goes alone.
    ///
    /// # Errors
    ///
    /// [`is_quota`](crate::Error::is_quota): the file cannot be made, read, written or locked,
    /// holds something else, was written by a later release or by another machine, or is used by
    /// programs with another limit or window. If that happens later, each call fails with such an
    /// error and sends nothing, and works again once the file does. This blocks for a second at
    /// most. While another program holds the lock, as one that was stopped may, calls wait up to
    /// their deadline, with a warning.
    ///
    /// ```no_run
    /// use huntress::{Client, RateLimiter};
    ///
    /// # fn make() -> Result<Client, huntress::Error> {
    /// let limiter = RateLimiter::in_file("/var/lib/acme/huntress.quota")?;
    /// Client::builder()
    ///     .credentials(("key", "secret"))
    ///     .rate_limiter(limiter)
    ///     .build()
    /// # }
    /// ```
    pub fn in_file(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::in_file_with(path, LIMIT, WINDOW)
    }

    /// The same with another quota: `limit` requests in any `window`, 400 at most. A limit of
    /// 0 is taken as 1, a window of more than a day as a day. All programs must give the same; it
    /// can be changed once no slot is used.
    ///
    /// # Errors
    ///
    /// As [`in_file`](Self::in_file), and if the limit is more than 400.
    pub fn in_file_with(
        path: impl AsRef<Path>,
        limit: usize,
        window: Duration,
    ) -> Result<Self, Error> {
        let rules = rules(limit, window);
        let file = QuotaFile::open(path.as_ref(), rules)?;
        Ok(Self::of(rules, Store::File(file)))
    }

    fn of(rules: Rules, store: Store) -> Self {
        Self(Arc::new(Shared::new(rules, store)))
    }

    /// How much of the quota is used at this moment, by all programs that share it. Of one in a
    /// file that cannot be read now, it is what was known last.
    pub fn snapshot(&self) -> RateLimiterSnapshot {
        let look = |quota: &mut Quota, now| quota.snapshot(&self.0.rules, now);
        let mut local = self.local();
        let seen = self.in_redis_now();
        let seen = seen.or_else(|| local.store.run(look).ok());
        let seen = seen.unwrap_or_else(|| local.store.known(look));
        RateLimiterSnapshot {
            requests: local.requests,
            waited: local.waited,
            ..seen
        }
    }

    /// What Redis has said last, if the quota is there.
    fn in_redis_now(&self) -> Option<RateLimiterSnapshot> {
        #[cfg(feature = "redis")]
        if let Some(redis) = &self.0.redis {
            return Some(redis.0.snapshot());
        }
        None
    }

    /// Why a call has waited until its deadline, where that was no lack of slots.
    pub(crate) fn trouble(&self) -> Option<Error> {
        #[cfg(feature = "redis")]
        if let Some(redis) = &self.0.redis {
            return redis.0.outage();
        }
        None
    }

    #[inline]
    fn local(&self) -> MutexGuard<'_, Local> {
        // No code panics while it holds the lock.
        self.0.local.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn rules(limit: usize, window: Duration) -> Rules {
    Rules {
        limit: limit.max(1),
        window: window.min(LONGEST_WINDOW),
    }
}

impl fmt::Debug for RateLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // No look at a file: what is known of it.
        let known = |quota: &mut Quota, now| quota.snapshot(&self.0.rules, now);
        let seen = self.in_redis_now();
        seen.unwrap_or_else(|| self.local().store.known(known))
            .fmt(f)
    }
}

/// What the tests of a limiter in memory ask it.
#[cfg(test)]
impl RateLimiter {
    async fn acquire(&self, lane: Lane, turn: Turn) -> Permit {
        let slot = self.slot(lane, turn, Duration::ZERO).await;
        slot.expect("memory can be used")
    }

    fn quota<T>(&self, look: impl FnOnce(&mut Quota) -> T) -> T {
        let run = self.local().store.run(|quota, _| look(quota));
        run.unwrap_or_else(|_| unreachable!("it can be used"))
    }
}

#[cfg(test)]
mod file_tests;
#[cfg(test)]
mod schedules;
#[cfg(test)]
mod server;
#[cfg(test)]
mod shared_account;
#[cfg(test)]
mod shared_calls;
#[cfg(test)]
mod shared_schedules;
#[cfg(test)]
mod tests;
