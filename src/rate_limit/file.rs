//! A quota in a file, shared by all programs of a machine that open it.
//!
//! Each look at it, or change, takes the file's lock, reads, decides, writes and lets go, which
//! is some tens of microseconds of work in the page cache. That is less than handing it to a
//! thread costs, so it is done where the caller runs. It waits for the lock no longer than a
//! look takes, since who holds it may have been stopped: it says [`Trouble::Busy`], and the
//! caller sleeps and tries again. Nothing is synced to the disk, because a killed program loses
//! nothing that it has written, and after a start of the machine the file is not believed in
//! any case.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::clock::Clocks;
use super::quota::{End, Quota, Rules, Slot, Time};
use super::record::{self, Content, Found, HALF, Look};
use crate::error::{Error, Kind};

/// The most slots that a half of the file surely has room for.
const MOST: usize = 400;
/// As much of a half is read at once; a usual one is not longer.
const USUAL: u64 = 4096;
/// How long a look waits for another one.
const BRIEFLY: Duration = Duration::from_micros(200);
/// How long a program that opens the file waits for its lock.
const OPENING: Duration = Duration::from_secs(1);
/// How long another program may take from making the file to writing it.
const MAKING: Duration = Duration::from_millis(50);
/// What is assumed of the request whose slot was lost: the client's default time-out.
const UNKNOWN_LEASE: Duration = Duration::from_secs(60);

pub(super) struct QuotaFile {
    path: PathBuf,
    rules: Rules,
    /// This limiter among those that share the file.
    pub(super) program: u64,
    open: Mutex<Open>,
}

struct Open {
    file: File,
    /// What is to be written with the next look.
    news: Vec<News>,
    last: Option<Last>,
}

/// What a program has to tell the others.
#[derive(Clone, Copy, Debug)]
pub(super) enum News {
    Ended(Slot, End),
    /// No call of it is waiting any more.
    Left,
}

/// The last time that the file was read.
struct Last {
    /// When its clocks were read.
    at: Instant,
    time: Time,
    quota: Quota,
}

/// Why the quota could not be looked at.
pub(super) enum Trouble {
    /// Another program is doing so.
    Busy,
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
        let (file, made) = opened(&path).map_err(|error| unusable(&path, "open", error))?;
        let this = Self {
            // Programs that start at one moment may have the same seed.
            program: u64::from(std::process::id()) << 32 | u64::from(fastrand::u32(..)),
            open: Mutex::new(Open {
                file,
                news: Vec::new(),
                last: None,
            }),
            path,
            rules,
        };
        let since = Instant::now();
        loop {
            match this.first_look(made, since.elapsed() < MAKING) {
                Ok(true) => return Ok(this),
                Ok(false) | Err(Trouble::Busy) if since.elapsed() < OPENING => {
                    thread::sleep(Duration::from_millis(fastrand::u64(1..4)));
                }
                Ok(false) | Err(Trouble::Busy) => {
                    let error = io::Error::from(ErrorKind::TimedOut);
                    return Err(unusable(&this.path, "lock", error));
                }
                Err(Trouble::Unusable(error)) => return Err(error),
            }
        }
    }

    /// Looks at a file that was just opened; `false` where another program may be about to
    /// write it for the first time.
    fn first_look(&self, made: bool, may_be_new: bool) -> Result<bool, Trouble> {
        let open = &mut *self.opened();
        self.locked(open, |open| {
            match self.found(&mut open.file)? {
                Found::Empty if made => {
                    let quota = Quota::new(fastrand::u64(..));
                    return self.begin(open, Content::new(Clocks::now(), quota));
                }
                Found::Empty if may_be_new => return Ok(false),
                Found::Foreign => {
                    let problem = "it holds something else, which is left alone";
                    let error = io::Error::new(ErrorKind::InvalidData, problem);
                    return Err(self.trouble("use", error));
                }
                _ => {}
            }
            self.look(open, |_, _| ())?;
            Ok(true)
        })
    }

    fn begin(&self, open: &mut Open, content: Content) -> Result<bool, Trouble> {
        let cleared = clear(&mut open.file);
        cleared.map_err(|error| self.trouble("write", error))?;
        self.save(open, content, Instant::now(), (1, 0))?;
        Ok(true)
    }

    /// Looks at the quota and changes it.
    pub(super) fn run<T>(&self, step: impl FnOnce(&mut Quota, Time) -> T) -> Result<T, Trouble> {
        let open = &mut *self.opened();
        if !is_at(&open.file, &self.path) {
            let (file, _) = opened(&self.path).map_err(|error| self.trouble("open", error))?;
            (open.file, open.last) = (file, None);
            tracing::warn!(path = ?self.path, "the quota's file was replaced or removed");
        }
        self.locked(open, |open| self.look(open, step))
    }

    /// Says something with the next look.
    pub(super) fn tell(&self, news: News) {
        self.opened().news.push(news);
    }

    /// The quota as it was when it was looked at last, and the present time.
    pub(super) fn last<T>(&self, step: impl FnOnce(&mut Quota, Time) -> T) -> Option<T> {
        let mut open = self.opened();
        let look = open.last.as_mut()?;
        Some(step(&mut look.quota, look.time + look.at.elapsed()))
    }

    fn opened(&self) -> MutexGuard<'_, Open> {
        // No code panics while it holds the lock.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn locked<T>(
        &self,
        open: &mut Open,
        work: impl FnOnce(&mut Open) -> Result<T, Trouble>,
    ) -> Result<T, Trouble> {
        let since = Instant::now();
        loop {
            match open.file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if since.elapsed() < BRIEFLY => thread::yield_now(),
                Err(TryLockError::WouldBlock) => return Err(Trouble::Busy),
                Err(TryLockError::Error(error)) => return Err(self.trouble("lock", error)),
            }
        }
        let done = work(open);
        let unlocked = open.file.unlock();
        unlocked.map_err(|error| self.trouble("unlock", error))?;
        done
    }

    fn look<T>(
        &self,
        open: &mut Open,
        step: impl FnOnce(&mut Quota, Time) -> T,
    ) -> Result<T, Trouble> {
        let found = self.found(&mut open.file)?;
        // Before the clocks are read, and again after: else each look would lose what it takes.
        let at = Instant::now();
        let (clocks, rules, lineage) = (Clocks::now(), &self.rules, fastrand::u64(..));
        let (mut content, number, next) = match found {
            Found::State {
                mut content,
                number,
                next,
                lost,
            } => {
                let own = open.last.as_ref().map(|last| Look {
                    lineage: last.quota.lineage,
                    time: last.time,
                    since: last.at.elapsed(),
                });
                content.advance(clocks, own, lineage, rules);
                if lost {
                    tracing::warn!(path = ?self.path, "a program was killed while it wrote the quota's file, or a part of it was spoiled; one slot more counts as used");
                    let now = content.time;
                    content.quota.lost_one(rules, now, UNKNOWN_LEASE);
                }
                (*content, number + 1, next)
            }
            Found::Newer(version) => {
                let problem = format!(
                    "a later release has written it (format {version}), which all programs need then"
                );
                let error = io::Error::new(ErrorKind::InvalidData, problem);
                return Err(self.trouble("read", error));
            }
            Found::Empty | Found::Spoiled | Found::Foreign => {
                tracing::warn!(path = ?self.path, window = ?rules.window, "the quota's file cannot be read and is begun anew; all calls wait for a window");
                clear(&mut open.file).map_err(|error| self.trouble("write", error))?;
                (Content::unknown(clocks, lineage, rules), 1, 0)
            }
        };
        let now = content.time;
        let pauses = open.news.iter().filter_map(|news| match news {
            News::Ended(slot, end) => content.quota.end(rules, now, slot, *end),
            News::Left => {
                content.quota.leave(self.program);
                None
            }
        });
        let pause = pauses.max();
        let result = step(&mut content.quota, now);
        self.save(open, content, at, (number, next))?;
        open.news.clear();
        if let Some(pause) = pause {
            super::tell_pause(pause);
        }
        Ok(result)
    }

    fn found(&self, file: &mut File) -> Result<Found, Trouble> {
        let mut half = |index| half(file, index).map_err(|error| self.trouble("read", error));
        let (first, second) = (half(0)?, half(1)?);
        Ok(record::read([&first, &second]))
    }

    fn save(
        &self,
        open: &mut Open,
        content: Content,
        at: Instant,
        (number, half): (u64, usize),
    ) -> Result<(), Trouble> {
        let bytes = record::write(number, &content);
        let bytes = bytes.ok_or_else(|| io::Error::other("more slots are used than it holds"));
        let written = bytes.and_then(|bytes| {
            open.file.seek(SeekFrom::Start((half * HALF) as u64))?;
            open.file.write_all(&bytes)
        });
        written.map_err(|error| self.trouble("write", error))?;
        open.last = Some(Last {
            at,
            time: content.time,
            quota: content.quota,
        });
        Ok(())
    }

    fn trouble(&self, doing: &str, error: io::Error) -> Trouble {
        Trouble::Unusable(unusable(&self.path, doing, error))
    }
}

impl Drop for QuotaFile {
    /// What is not told holds a slot longer than it need be held.
    fn drop(&mut self) {
        for _ in 0..20 {
            if self.opened().news.is_empty() || !matches!(self.run(|_, _| ()), Err(Trouble::Busy)) {
                return;
            }
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// The file, and whether it was made.
fn opened(path: &Path) -> io::Result<(File, bool)> {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    match options.clone().create_new(true).open(path) {
        Ok(file) => Ok((file, true)),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok((options.open(path)?, false)),
        Err(error) => Err(error),
    }
}

/// Whether this file is still the one at that path.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::fs;
    use std::os::unix::fs::MetadataExt as _;

    let same = |a: fs::Metadata, b: fs::Metadata| (a.dev(), a.ino()) == (b.dev(), b.ino());
    match (file.metadata(), fs::metadata(path)) {
        (Ok(open), Ok(there)) => same(open, there),
        _ => false,
    }
}

/// A file that is open is neither replaced nor removed there.
#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> bool {
    true
}

/// Empties the file, and takes all the space that it will ever need.
fn clear(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(&vec![0; 2 * HALF])
}

fn half(file: &mut File, index: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(USUAL as usize);
    file.seek(SeekFrom::Start((index * HALF) as u64))?;
    file.take(USUAL).read_to_end(&mut bytes)?;
    let more = record::length(&bytes).map_or(0, |length| length.saturating_sub(bytes.len()));
    file.take(more as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn unusable(path: &Path, doing: &str, error: io::Error) -> Error {
    let advice = match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            "allow this user to write it, or name another"
        }
        ErrorKind::NotFound => "make its folder, or name another",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "free some space",
        ErrorKind::TimedOut => "another program holds its lock, and may have been stopped",
        ErrorKind::InvalidData => "name another file",
        ErrorKind::Unsupported => "locks do not work there: name a file on a local disk",
        _ => "name a file on a local disk that this user may write",
    };
    let path = path.display();
    let problem = format!("cannot {doing} the quota's file {path}: {error}; {advice}");
    Error::new(Kind::Quota(problem)).caused_by(error)
}
