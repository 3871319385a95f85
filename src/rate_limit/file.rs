//! A quota in a file, shared by all programs of a machine that open it.
//!
//! Each look at it, or change, takes the file's lock, reads, decides, writes and lets go, which
//! is some tens of microseconds of work in the page cache. That is less than handing it to a
//! thread costs, so it is done where the caller runs. It waits for the lock no longer than a
//! look takes, since who holds it may have been stopped: it says [`Trouble::Busy`], and the
//! caller sleeps and tries again. Nothing is synced to the disk, because a killed program loses
//! nothing that it has written, and after a start of the machine the file is not believed in
//! any case.
//!
//! A process that forks must open the file anew in the child: a lock belongs to the open file,
//! which both would have.

use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::clock::Clocks;
use super::disk::{self, unusable};
use super::quota::{News, Quota, Rules, Time};
use super::record::{self, Doubt, Found, Look, State};
use super::store::tell_pause;
use crate::error::{Error, Kind};

/// The most slots that a half of the file surely has room for.
const MOST: usize = 400;
/// How long a look waits for another one.
const BRIEFLY: Duration = Duration::from_micros(200);
/// How long a program that opens the file waits for its lock.
const OPENING: Duration = Duration::from_secs(1);
/// How long another program may take from making the file to writing it.
const MAKING: Duration = Duration::from_millis(50);
/// After so long, a lock that somebody else holds is worth a warning.
const LONG_BUSY: Duration = Duration::from_secs(1);

pub(super) struct QuotaFile {
    path: PathBuf,
    rules: Rules,
    /// This limiter among those that share the file.
    pub(super) program: u64,
    file: File,
    /// This very file has held a quota, and not something else.
    ours: bool,
    news: Vec<News>,
    last: Option<Last>,
    busy: Option<Busy>,
}

/// The last time that the file was read and written.
struct Last {
    /// When its clocks were read.
    at: Instant,
    number: u64,
    time: Time,
    quota: Quota,
}

/// Somebody else holds the lock, at each try.
struct Busy {
    since: Instant,
    told: bool,
}

/// Why the quota could not be looked at.
pub(super) enum Trouble {
    /// Another program is doing so; to be tried again after that time.
    Busy(Duration),
    Unusable(Error),
}

impl QuotaFile {
    /// Opens the file, or makes it.
    pub(super) fn open(path: &Path, rules: Rules) -> Result<Self, Error> {
        if rules.limit > MOST {
            let problem = format!("a file has room for a limit of {MOST} requests at most");
            return Err(Error::new(Kind::Quota(problem)));
        }
        let path = std::path::absolute(path).map_err(|error| unusable(path, "find", error))?;
        let (file, made) = disk::open(&path).map_err(|error| unusable(&path, "open", error))?;
        let mut this = Self {
            path,
            rules,
            // Programs that start at one moment may have the same seed.
            program: u64::from(std::process::id()) << 32 | u64::from(fastrand::u32(..)),
            file,
            ours: false,
            news: Vec::new(),
            last: None,
            busy: None,
        };
        let since = Instant::now();
        loop {
            match this.first_look(made, since.elapsed() < MAKING) {
                Ok(true) => return Ok(this),
                Ok(false) | Err(Trouble::Busy(_)) if since.elapsed() < OPENING => {
                    thread::sleep(again(Duration::ZERO));
                }
                Ok(false) | Err(Trouble::Busy(_)) => {
                    let error = io::Error::from(ErrorKind::TimedOut);
                    return Err(unusable(&this.path, "lock", error));
                }
                Err(Trouble::Unusable(error)) => return Err(error),
            }
        }
    }

    /// Looks at a file that was just opened; `false` where another program may be about to
    /// write it for the first time.
    fn first_look(&mut self, made: bool, may_be_new: bool) -> Result<bool, Trouble> {
        self.locked(|this| {
            if let Found::Empty = this.found()? {
                if made {
                    let quota = Quota::new(fastrand::u64(..));
                    let at = Instant::now();
                    this.clear()?;
                    this.save(State::new(Clocks::now(), quota, this.rules), at)?;
                    return Ok(true);
                }
                if may_be_new {
                    return Ok(false);
                }
            }
            this.look(|_, _| ())?;
            Ok(true)
        })
    }

    /// Looks at the quota and changes it.
    pub(super) fn run<T>(
        &mut self,
        step: impl FnOnce(&mut Quota, Time) -> T,
    ) -> Result<T, Trouble> {
        if !disk::is_at(&self.file, &self.path) {
            let opened = disk::open(&self.path);
            (self.file, _) = opened.map_err(|error| self.trouble("open", error))?;
            self.ours = false;
            tracing::warn!(path = ?self.path, "the quota's file was replaced or removed");
        }
        self.locked(|this| this.look(step))
    }

    /// Says something with the next look.
    pub(super) fn tell_later(&mut self, news: News) {
        self.news.push(news);
    }

    /// The quota as it was when it was looked at last, and the present time.
    pub(super) fn known<T>(&mut self, step: impl FnOnce(&mut Quota, Time) -> T) -> T {
        match &mut self.last {
            Some(last) => step(&mut last.quota, last.time + last.at.elapsed()),
            None => step(&mut Quota::unknown(0, &self.rules, Time::ZERO), Time::ZERO),
        }
    }

    fn locked<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, Trouble>,
    ) -> Result<T, Trouble> {
        let since = Instant::now();
        loop {
            match self.file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if since.elapsed() < BRIEFLY => thread::yield_now(),
                Err(TryLockError::WouldBlock) => return Err(self.is_busy(since)),
                Err(TryLockError::Error(error)) => return Err(self.trouble("lock", error)),
            }
        }
        self.busy = None;
        let done = work(self);
        let unlocked = self.file.unlock();
        unlocked.map_err(|error| self.trouble("unlock", error))?;
        done
    }

    fn is_busy(&mut self, since: Instant) -> Trouble {
        let told = false;
        let busy = self.busy.get_or_insert(Busy { since, told });
        let taken = busy.since.elapsed();
        if taken >= LONG_BUSY && !std::mem::replace(&mut busy.told, true) {
            tracing::warn!(path = ?self.path, "another program holds the lock of the quota's file, and may have been stopped; calls wait");
        }
        Trouble::Busy(again(taken))
    }

    fn look<T>(&mut self, step: impl FnOnce(&mut Quota, Time) -> T) -> Result<T, Trouble> {
        let found = self.found()?;
        // Before the clocks are read: so it is never later than they say.
        let at = Instant::now();
        let mut state = self.present(found, at)?;
        let (now, quota) = (state.content.time, &mut state.content.quota);
        let hear = |news| quota.hear(&self.rules, now, Some(self.program), news);
        let pause = self.news.iter().filter_map(hear).max();
        let result = step(quota, now);
        self.save(state, at)?;
        self.news.clear();
        pause.into_iter().for_each(tell_pause);
        Ok(result)
    }

    /// What was found, at the present time; or a state of which nothing is known.
    fn present(&mut self, found: Found, at: Instant) -> Result<State, Trouble> {
        let clocks = Clocks::now();
        let own = self.last.as_ref().map(|last| Look {
            lineage: last.quota.lineage,
            number: last.number,
            time: last.time,
            since: at - last.at,
        });
        match record::present(found, clocks.clone(), own, &self.rules, self.ours) {
            Ok(state) => {
                if state.lost {
                    tracing::warn!(path = ?self.path, "a program was killed while it wrote the quota's file, or a part of it was spoiled; one slot more counts as used");
                }
                Ok(state)
            }
            Err(Doubt::BeginAnew(why)) => {
                tracing::warn!(path = ?self.path, window = ?self.rules.window, "the quota's file is begun anew, since {why}; all calls wait for a window");
                self.clear()?;
                Ok(State::unknown(clocks, fastrand::u64(..), self.rules))
            }
            Err(Doubt::LeaveAlone(why)) => {
                let error = io::Error::new(ErrorKind::InvalidData, why);
                Err(self.trouble("use", error))
            }
        }
    }

    fn found(&mut self) -> Result<Found, Trouble> {
        let read = disk::read(&mut self.file);
        read.map_err(|error| self.trouble("read", error))
    }

    fn clear(&mut self) -> Result<(), Trouble> {
        let cleared = disk::clear(&mut self.file);
        cleared.map_err(|error| self.trouble("write", error))
    }

    fn save(&mut self, state: State, at: Instant) -> Result<(), Trouble> {
        let number = state.number + 1;
        let Some(bytes) = record::write(number, &state.content) else {
            let problem = "more slots are used than it has room for";
            let error = io::Error::new(ErrorKind::ResourceBusy, problem);
            return Err(self.trouble("write", error));
        };
        let written = disk::write(&mut self.file, state.next, &bytes);
        written.map_err(|error| self.trouble("write", error))?;
        self.ours = true;
        self.last = Some(Last {
            at,
            number,
            time: state.content.time,
            quota: state.content.quota,
        });
        Ok(())
    }

    fn trouble(&self, doing: &str, error: io::Error) -> Trouble {
        Trouble::Unusable(unusable(&self.path, doing, error))
    }
}

impl Drop for QuotaFile {
    /// What is not told holds a slot longer than it need be held. This may block, for some
    /// milliseconds where another program has been stopped while it held the lock.
    fn drop(&mut self) {
        for _ in 0..20 {
            if self.news.is_empty() || !matches!(self.run(|_, _| ()), Err(Trouble::Busy(_))) {
                return;
            }
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Until a lock is tried again that was taken for so long. Programs that found it taken together
/// do not come back together.
fn again(taken: Duration) -> Duration {
    if taken < LONG_BUSY {
        Duration::from_millis(fastrand::u64(1..3))
    } else {
        LONG_BUSY / 20
    }
}
