//! How a call waits for its slot, and how it gives the slot or its place back.
//!
//! No file is waited for here: who finds it locked sleeps and tries again. What a call leaves
//! behind is told when it is dropped, or by a task soon afterwards.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};

use super::file::Trouble;
use super::permit::Permit;
use super::quota::{Asker, End, News, Slot};
use super::{LONGEST_LEASE, Lane, Local, RateLimiter, Turn};
use crate::error::Error;

/// A call that wants a slot.
struct Call {
    lane: Lane,
    turn: Turn,
    lease: Duration,
    /// `None` for one that has just come.
    since: Option<Instant>,
}

/// What came of asking for a slot.
enum Asked {
    Taken(Slot),
    /// There is none; perhaps after that time, and else when the call is called.
    Later(Option<Duration>),
    /// Another program is looking.
    Busy(Duration),
}

impl RateLimiter {
    /// Waits for a slot, for an attempt that takes as long as `lease` at most.
    ///
    /// It fails only where the quota is in a file or a Redis that cannot be used.
    pub(crate) async fn slot(
        &self,
        lane: Lane,
        turn: Turn,
        lease: Duration,
    ) -> Result<Permit, Error> {
        #[cfg(feature = "redis")]
        if let Some(redis) = &self.0.redis {
            let lease = lease.min(LONGEST_LEASE);
            return self.slot_in_redis(&redis.0, lane, turn, lease).await;
        }
        let since = None;
        let mut call = Call {
            lane,
            turn,
            lease,
            since,
        };
        let (asked, place) = {
            let mut local = self.local();
            let nobody_waits = local.line.is_empty();
            let asked = match nobody_waits {
                true => self.ask(&mut local, &call)?,
                false => Asked::Later(None),
            };
            if let Asked::Taken(slot) = asked {
                return Ok(Permit::new(self, slot));
            }
            // Before the lock is given back, so that it is called when something ends.
            let place = Place::join(self, &mut local, lane, turn);
            (nobody_waits.then_some(asked), place)
        };
        call.since = Some(Instant::now());
        let slot = place.wait(&call, asked).await?;
        Ok(Permit::new(self, slot))
    }

    #[inline]
    fn ask(&self, local: &mut Local, call: &Call) -> Result<Asked, Error> {
        let rules = &self.0.rules;
        let asker = Asker {
            program: local.store.program(),
            lane: call.lane,
            waited: match call.turn {
                Turn::Last => call.since.map_or(Duration::ZERO, |since| since.elapsed()),
                Turn::First => Duration::MAX,
            },
            lease: call.lease.min(LONGEST_LEASE),
        };
        let asked = local.store.run(|quota, now| {
            let slot = quota.ask(rules, now, &asker);
            slot.map_err(|at| at.map(|at| at.saturating_sub(now)))
        });
        match asked {
            Ok(Ok(slot)) => {
                local.line.served(call.lane);
                local.waits = false;
                local.requests += 1;
                if let Some(since) = call.since {
                    local.waited += since.elapsed();
                }
                Ok(Asked::Taken(slot))
            }
            Ok(Err(wait)) => {
                local.waits = asker.program.is_some();
                Ok(Asked::Later(wait))
            }
            Err(Trouble::Busy(wait)) => Ok(Asked::Busy(wait)),
            Err(Trouble::Unusable(error)) => Err(error),
        }
    }

    #[inline]
    pub(super) fn ended(&self, slot: &Slot, end: End) {
        #[cfg(feature = "redis")]
        if let Some(redis) = &self.0.redis {
            return redis.0.ended(slot, end, &self.0);
        }
        let mut local = self.local();
        self.tell(&mut local, News::Ended(*slot, end));
        local.line.call_head();
    }

    /// Tells all that share the quota what is new: at once, or as soon as the file is free. What
    /// cannot be told goes with the next look; until then, or for ever if this program ends, a
    /// slot is held by its lease.
    #[inline]
    fn tell(&self, local: &mut Local, news: News) {
        if self.0.telling.load(Ordering::Relaxed) {
            return local.store.tell_later(news);
        }
        match local.store.tell(&self.0.rules, news) {
            Ok(()) => {}
            Err(Trouble::Busy(wait)) => self.tell_soon(wait),
            Err(Trouble::Unusable(error)) => {
                tracing::warn!(%error, "a slot of the quota stays taken");
            }
        }
    }

    fn tell_soon(&self, mut wait: Duration) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        self.0.telling.store(true, Ordering::Relaxed);
        let (limiter, telling) = (self.clone(), Telling(self.clone()));
        runtime.spawn(async move {
            loop {
                sleep(wait).await;
                let mut local = limiter.local();
                if let Err(Trouble::Busy(longer)) = local.store.run(|_, _| ()) {
                    wait = longer;
                } else {
                    // Before anybody has more to tell.
                    return drop(telling);
                }
            }
        });
    }
}

/// A place in the line, given back when dropped.
pub(super) struct Place<'a> {
    limiter: &'a RateLimiter,
    lane: Lane,
    pub(super) called: Arc<Notify>,
}

impl<'a> Place<'a> {
    pub(super) fn join(
        limiter: &'a RateLimiter,
        local: &mut Local,
        lane: Lane,
        turn: Turn,
    ) -> Self {
        Self {
            limiter,
            lane,
            called: local.line.join(lane, turn),
        }
    }

    /// Waits for a slot; `asked` is what came of asking just now, if that was done.
    async fn wait(&self, call: &Call, mut asked: Option<Asked>) -> Result<Slot, Error> {
        let next_free_in = match &asked {
            Some(Asked::Later(wait)) => *wait,
            _ => None,
        };
        tracing::debug!(?next_free_in, "waits for the quota");
        loop {
            match asked.take().map_or_else(|| self.ask(call), Ok)? {
                Asked::Taken(slot) => {
                    let waited = call.since.map(|since| since.elapsed());
                    tracing::debug!(?waited, "waited for the quota");
                    return Ok(slot);
                }
                Asked::Later(Some(wait)) => drop(timeout(wait, self.called.notified()).await),
                Asked::Later(None) => self.called.notified().await,
                Asked::Busy(wait) => sleep(wait).await,
            }
        }
    }

    /// Asks for a slot, if it is this place's turn.
    fn ask(&self, call: &Call) -> Result<Asked, Error> {
        let mut local = self.limiter.local();
        match local.line.is_head(&self.called) {
            true => self.limiter.ask(&mut local, call),
            false => Ok(Asked::Later(None)),
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut local = self.limiter.local();
        local.line.leave(self.lane, &self.called);
        local.line.call_head();
        // Else the other programs would leave a slot to this one.
        #[cfg(feature = "redis")]
        if let (true, Some(redis)) = (local.line.is_empty(), &self.limiter.0.redis) {
            redis.0.left(&self.limiter.0);
        }
        if local.line.is_empty() && std::mem::take(&mut local.waits) {
            self.limiter.tell(&mut local, News::Left);
        }
    }
}

/// The task that tells the others what is new. It may end with its runtime, at any moment: also
/// when it is spawned, by a caller that holds the lock.
struct Telling(RateLimiter);

impl Drop for Telling {
    fn drop(&mut self) {
        self.0.0.telling.store(false, Ordering::Relaxed);
    }
}
