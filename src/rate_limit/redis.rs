//! A quota in Redis, shared by programs on any number of machines.
//!
//! All that is decided is decided by a script in Redis (`step.lua`), one run of it for each
//! permit, and one for its end. What a limiter has of it is in `link.rs`.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use secrecy::SecretString;

use self::connection::Trouble;
pub(super) use self::link::{Link, RedisStore};
use self::step::News;
use super::quota::{Asker, End, Slot};
use super::store::Store;
use super::wait::Place;
use super::{LIMIT, Lane, Permit, RateLimiter, Shared, Turn, WINDOW, rules};
use crate::error::Error;

mod connection;
mod link;
#[cfg(all(test, feature = "redis-tests"))]
mod same_rules;
#[cfg(all(test, feature = "redis-tests"))]
mod schedules;
#[cfg(all(test, feature = "redis-tests"))]
mod server;
mod step;

/// A quota that programs on any number of machines share by Redis or Valkey; see
/// [`RateLimiter::in_redis`].
///
/// ```no_run
/// use huntress::{RateLimiter, RedisQuota};
///
/// # fn make() -> Result<RateLimiter, huntress::Error> {
/// let url = std::env::var("REDIS_URL").expect("REDIS_URL is set");
/// RateLimiter::in_redis_with(RedisQuota::new(url, "acme").share_while_away(5))
/// # }
/// ```
#[derive(Clone)]
#[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
pub struct RedisQuota {
    url: SecretString,
    account: String,
    limit: usize,
    window: Duration,
    share: usize,
    roots: Vec<Vec<u8>>,
}

impl RedisQuota {
    /// The quota of the account of this name, 60 requests in 60 seconds, in the Redis at this
    /// URL. [`RateLimiter::in_redis`] says what either may be.
    pub fn new(url: impl Into<String>, account: impl Into<String>) -> Self {
        Self {
            url: SecretString::from(url.into()),
            account: account.into(),
            limit: LIMIT,
            window: WINDOW,
            share: 0,
            roots: Vec::new(),
        }
    }

    /// Another quota: `limit` requests in any `window`, 400 at most. A limit of 0 is taken as
    /// 1, a window of more than a day as a day. All programs must give the same.
    pub fn quota(mut self, limit: usize, window: Duration) -> Self {
        (self.limit, self.window) = (limit, window);
        self
    }

    /// While Redis is away, this program may send so many requests in a window; 0 by default,
    /// which is to wait until it is back.
    ///
    /// Each program has such a share for itself: `N` programs that are cut off with a share of
    /// `s` may use `N` × `s` requests in a window. Give no more than the quota divided by the
    /// number of programs. A program begins with its share one window after it last reached Redis,
    /// when what all had used before is gone, and tells what it has used when Redis is back.
    /// Where some programs are cut off and others are not, those others may use all of the
    /// quota meanwhile: a [`quota`](Self::quota) that is smaller by all shares leaves room for
    /// that, too.
    pub fn share_while_away(mut self, requests: usize) -> Self {
        self.share = requests;
        self
    }

    /// For `rediss://`: trusts these certificates in addition to the platform's, one or more in
    /// PEM. Can be called more than once.
    pub fn root_certificate(mut self, pem: impl AsRef<[u8]>) -> Self {
        self.roots.push(pem.as_ref().to_vec());
        self
    }
}

/// Without the URL, which may contain a password.
impl fmt::Debug for RedisQuota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisQuota")
            .field("account", &self.account)
            .field("limit", &self.limit)
            .field("window", &self.window)
            .field("share_while_away", &self.share)
            .finish_non_exhaustive()
    }
}

impl RateLimiter {
    /// The quota of one account, 60 requests in 60 seconds, shared by all programs, on any number
    /// of machines, that name the same account in the same Redis (6.2 or later) or Valkey.
    ///
    /// Nothing is connected yet: a Redis that is away does not keep a program from starting.
    ///
    /// # Where Redis is, and which account
    ///
    /// The URL is as the `redis` crate has it: `redis://user:password@host:6379/0`, or `rediss://`
    /// for TLS (which needs the feature `rustls`) with the platform's certificates and those of
    /// [`root_certificate`](RedisQuota::root_certificate), or `unix:///path`. No error, log or
    /// `Debug` shows the password in it.
    ///
    /// The account is a name of your choice, of 1 to 200 bytes: one for each account, and the same
    /// in all programs that use any key of it, since the quota is the account's and not the key's.
    /// Where nobody chooses names, [`account_name`](Self::account_name) makes one of a key.
    ///
    /// In Redis there is one key, `huntress:quota:` and the name, of a few kilobytes and nothing
    /// secret, which expires after three days without use. A user of Redis needs the commands
    /// `EVAL`, `EVALSHA`, `SCRIPT LOAD`, `TIME`, `INFO`, `GET` and `SET`. In a Redis Cluster, give
    /// the address of the node that has the key.
    ///
    /// # What is kept
    ///
    /// All that one limiter keeps, for all programs together, as [`in_file`](Self::in_file) does:
    /// never more than the limit in any window, one pause for all after a 429, what the server
    /// says remains, and slots of killed programs as long as their requests can have any effect.
    /// The clock is that of Redis. If it is set back, somebody waits for a window at most. If it
    /// is set forward, that does not open the quota, unless the first program that asks afterwards
    /// has not asked before; less than 100 milliseconds are not seen.
    ///
    /// If Redis is started anew, a replica takes over, or the key is lost, what was used is not
    /// known, and all calls wait for one window, which is told in a warning. Nothing is known of a
    /// loss if the key is removed (or `FLUSHALL` is called) and a program that just starts is the
    /// first to ask: it goes on until one of the others asks. While two servers believe to be
    /// the master, each has a quota of its own.
    ///
    /// # Who goes first
    ///
    /// As in a file: in a program, writes before reads, first come, first served. Among programs,
    /// the first waiting call of each counts: the slot goes to a write before a read (a read after
    /// four writes), then to the call that has waited longest. A program that does not come
    /// for its slot within 50 milliseconds is passed over, which is not long where Redis is far
    /// away.
    ///
    /// # What it costs
    ///
    /// A permit costs one round trip, and telling its end another one, for which nobody waits,
    /// except whoever drops the limiter right then: 250 milliseconds at most. A limiter has one
    /// connection, for all of its clients; all limiters of a program share one thread. A
    /// waiting program asks when the next slot becomes free; while requests of others are under
    /// way it asks once in a sixtieth of the window, and 20 times a second while one goes alone.
    ///
    /// # When Redis is away
    ///
    /// Calls wait until it is back, up to their [`deadline`](crate::ClientBuilder::deadline),
    /// after which they fail with [`is_quota`](crate::Error::is_quota) and have sent nothing. The
    /// first call that meets the outage logs a warning. It is tried again after 100 milliseconds
    /// at first, and every 2 seconds at last. With
    /// [`share_while_away`](RedisQuota::share_while_away) a program goes on with a share of the
    /// quota instead.
    ///
    /// [`snapshot`](Self::snapshot) is what Redis said last; it does not ask.
    ///
    /// # Errors
    ///
    /// [`is_configuration`](crate::Error::is_configuration): the URL cannot be used, or the name
    /// is none. Later, if Redis refuses what it is asked (a wrong password, a missing permission, a
    /// certificate that is not trusted, a key of something else), each call fails with
    /// [`is_quota`](crate::Error::is_quota) and sends nothing.
    ///
    /// ```no_run
    /// use huntress::{Client, RateLimiter};
    ///
    /// # fn make() -> Result<Client, huntress::Error> {
    /// let limiter = RateLimiter::in_redis("redis://127.0.0.1:6379", "acme")?;
    /// Client::builder()
    ///     .credentials(("key", "secret"))
    ///     .rate_limiter(limiter)
    ///     .build()
    /// # }
    /// ```
    #[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
    pub fn in_redis(url: impl Into<String>, account: impl Into<String>) -> Result<Self, Error> {
        Self::in_redis_with(RedisQuota::new(url, account))
    }

    /// The same with another quota, a share of it without Redis, or certificates.
    ///
    /// # Errors
    ///
    /// As [`in_redis`](Self::in_redis), and if the limit is more than 400.
    #[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
    pub fn in_redis_with(quota: RedisQuota) -> Result<Self, Error> {
        let rules = rules(quota.limit, quota.window);
        let store = RedisStore::new(&quota, rules)?;
        let shared = Shared::new(rules, Store::memory());
        Ok(Self(Arc::new(Shared {
            redis: Some(store),
            ..shared
        })))
    }

    /// Waits for a slot of a quota in Redis; see [`slot`](Self::slot).
    pub(super) async fn slot_in_redis(
        &self,
        link: &Arc<Link>,
        lane: Lane,
        turn: Turn,
        lease: Duration,
    ) -> Result<Permit, Error> {
        let place = Place::join(self, &mut self.local(), lane, turn);
        let came = Instant::now();
        let mut wish = Wish::new(self, link);
        loop {
            let is_head = self.local().line.is_head(&place.called);
            if !is_head {
                place.called.notified().await;
                continue;
            }
            let asker = Asker {
                program: Some(link.program),
                lane,
                waited: match turn {
                    Turn::Last => came.elapsed(),
                    Turn::First => Duration::MAX,
                },
                lease,
            };
            match wish.ask(asker).await? {
                Asked::Taken(slot) => {
                    let waited = came.elapsed();
                    let mut local = self.local();
                    local.line.served(lane);
                    local.requests += 1;
                    local.waited += waited;
                    tracing::debug!(?waited, "has a slot of the quota");
                    drop(local);
                    return Ok(Permit::new(self, slot));
                }
                Asked::Later(wait) => {
                    drop(tokio::time::timeout(wait, place.called.notified()).await);
                }
            }
        }
    }
}

/// What came of asking for a slot.
pub(in crate::rate_limit) enum Asked {
    Taken(Slot),
    /// There is none; perhaps after that time.
    Later(Duration),
}

/// A call's ticket. When the call is given up while nobody knows whether it has got its slot,
/// that is given back.
struct Wish<'a> {
    limiter: &'a RateLimiter,
    link: &'a Arc<Link>,
    ticket: u64,
    doubtful: bool,
    given_up: Arc<AtomicBool>,
}

impl<'a> Wish<'a> {
    fn new(limiter: &'a RateLimiter, link: &'a Arc<Link>) -> Self {
        Self {
            limiter,
            link,
            ticket: fastrand::u64(..),
            doubtful: false,
            given_up: Arc::default(),
        }
    }

    async fn ask(&mut self, asker: Asker) -> Result<Asked, Error> {
        self.doubtful = true;
        let (link, ticket) = (Arc::clone(self.link), self.ticket);
        let given_up = Arc::clone(&self.given_up);
        let asked = self
            .link
            .runtime
            .spawn(async move { link.ask(ticket, asker, &given_up).await });
        // It neither panics nor is it cancelled.
        let asked = asked
            .await
            .unwrap_or_else(|error| Err(Trouble::Refused(error.to_string())));
        match asked {
            Ok(asked) => {
                self.doubtful = false;
                Ok(asked)
            }
            Err(Trouble::Away(_)) => Ok(Asked::Later(self.link.backoff())),
            Err(Trouble::Refused(what)) => Err(self.link.error(format_args!(
                "{what}; check the URL, the permissions and the key"
            ))),
        }
    }
}

impl Drop for Wish<'_> {
    fn drop(&mut self) {
        if self.doubtful {
            // Before it is told, so that it is not asked for afterwards.
            self.given_up.store(true, Ordering::Release);
            let slot = Slot {
                lineage: 0,
                ticket: self.ticket,
            };
            let news = News::Ended(slot, End::Unsent);
            self.link.tell(news, Arc::downgrade(&self.limiter.0));
        }
    }
}
