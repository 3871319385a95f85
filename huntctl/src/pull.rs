//! `huntctl pull`: accounts, from the API into the store.
//!
//! ```text
//! pull.rs      what is said to a pull and what it says
//! work.rs      which account is pulled when, several at once, until all are done or for ever
//! lease.rs     who pulls an account, where several workers share them; lock.rs on SQLite
//! sources.rs   which accounts there are, and whose the keys are
//! account.rs   one account: its lists one after the other, its counts, its run in `pulls`
//! walk.rs      one list, page by page; children.rs the lists of single records
//! plan.rs, guard.rs   decisions: what is due, what looks wrong
//! books.rs     what pulls keep about themselves
//! ```
//!
//! **Killed at any instruction, it loses nothing.** A page is stored in one transaction. How
//! far a list was read is kept in the transaction of its last page, so a pull that is killed
//! before that reads the same again, and a row that comes again changes nothing. What is to be
//! read of single records is kept in the transaction that stores the record.

mod account;
mod books;
mod children;
mod guard;
mod lease;
mod lock;
mod plan;
mod sources;
mod walk;
mod work;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

use crate::failure::{Exit, Failure};
use crate::store::Store;

pub use crate::config::Source;
pub(crate) use books::{Parent, create, want_children};

/// How to pull.
#[derive(Clone, Debug)]
pub struct Options {
    /// Stays up and pulls each account once in such a time; otherwise each is pulled once.
    pub every: Option<Duration>,
    /// Reads all lists as a whole, due or not.
    pub full: bool,
    /// How often each list is read as a whole; a day by default.
    pub full_every: Duration,
    /// The same of single lists, by the names of their tables.
    pub full_every_of: BTreeMap<String, Duration>,
    /// Tables of which any number of rows may be missing, for this pull.
    pub accept_missing: BTreeSet<String>,
    /// Sources whose key may belong to another account than before, for this pull.
    pub accept_account: BTreeSet<String>,
    /// How many accounts are pulled at once; 4 by default. Those of one source are pulled one
    /// after the other, since they share a quota.
    pub at_once: usize,
    /// For how long a worker has an account unless it says more; 15 seconds by default. So long
    /// nobody pulls the account of one that was killed.
    pub lease: Duration,
    /// What this worker is called; made up by default.
    pub worker: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            every: None,
            full: false,
            full_every: Duration::from_secs(24 * 60 * 60),
            full_every_of: BTreeMap::new(),
            accept_missing: BTreeSet::new(),
            accept_account: BTreeSet::new(),
            at_once: 4,
            lease: Duration::from_secs(15),
            worker: format!("{}-{:08x}", std::process::id(), fastrand::u32(..)),
        }
    }
}

/// What happens during a pull, for whoever shows it.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// An account is pulled from now on.
    Began {
        /// The source.
        source: &'a str,
        /// The account.
        account_id: i64,
    },
    /// Rows of a list were stored.
    Stored {
        /// The account.
        account_id: i64,
        /// The table of the list.
        table: &'a str,
        /// How many rows have been stored in this walk.
        rows: u64,
        /// Whether it is a walk over the whole list.
        full: bool,
    },
    /// A list was read, or could not be.
    List {
        /// The account.
        account_id: i64,
        /// What became of it.
        list: &'a ListReport,
    },
    /// An account was pulled, or could not be.
    Ended(&'a AccountReport),
    /// Somebody else may have the account; it is waited for.
    Waits {
        /// The account.
        account_id: i64,
        /// The other worker.
        worker: &'a str,
        /// Until then, unless it says more.
        until: Timestamp,
    },
    /// Something concerns no single account, and the pull goes on.
    Trouble(&'a Failure),
}

/// Who is told of what happens.
pub type Observer = Arc<dyn Fn(&Event<'_>) + Send + Sync>;

/// Rows, counted by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// Those that were not known.
    pub new: u64,
    /// Those that were known otherwise.
    pub changed: u64,
    /// Those that were known.
    pub unchanged: u64,
    /// Those that are gone now.
    pub gone: u64,
    /// Values that did not fit their column.
    pub odd_fields: u64,
    /// Records that could not be stored, since they have no `id`.
    pub odd_records: u64,
}

/// What became of a list.
#[derive(Debug)]
pub enum ListOutcome {
    /// All of it was read.
    Full,
    /// What has changed was read, or what was wanted of it.
    Changes,
    /// The key may not read it, or the account does not have it; the others are read.
    Refused(String),
    /// It could not be read to its end, or a guard says no.
    Failed(Failure),
    /// The pull was told to stop.
    Stopped,
}

/// A list that was read, or could not be. Lists of which nothing was due have none.
#[derive(Debug)]
pub struct ListReport {
    /// The name of its table.
    pub table: String,
    /// What became of it.
    pub outcome: ListOutcome,
    /// Its rows.
    pub rows: Rows,
}

/// An account that was pulled, or could not be.
#[derive(Debug)]
pub struct AccountReport {
    /// The source.
    pub source: String,
    /// The account; none where it is not known whose the key is.
    pub account_id: Option<i64>,
    /// Its lists.
    pub lists: Vec<ListReport>,
    /// Why it was not pulled to its end.
    pub failure: Option<Failure>,
    /// It was told to stop.
    pub stopped: bool,
    /// Requests, each try counted.
    pub requests: u64,
    /// How long they have waited for the quota, added up.
    pub waited: Duration,
    /// How long it took.
    pub took: Duration,
}

/// What became of a pull.
#[derive(Debug, Default)]
pub struct Report {
    /// The accounts, in the order in which they ended. A pull that stays up tells of them by
    /// [`Event::Ended`] alone.
    pub accounts: Vec<AccountReport>,
}

/// Pulls the accounts of these sources into the store, until all are pulled once, or for ever
/// with [`Options::every`]. It ends soon after `stop` says so: what has come is stored.
///
/// # Errors
///
/// Where another pull has the store or an account ([`Exit::Busy`]), and where the store cannot
/// be had. That an account or a list could not be read is no error of the others; the
/// report has it.
pub async fn run(
    store: Store,
    sources: Vec<Source>,
    options: Options,
    observer: Observer,
    stop: watch::Receiver<bool>,
) -> Result<Report, Failure> {
    check(&store, &sources, &options)?;
    work::work(work::Shared::new(store, sources, options, observer), stop).await
}

/// What cannot be meant.
fn check(store: &Store, sources: &[Source], options: &Options) -> Result<(), Failure> {
    let usage = |text: String| Err(Failure::new(Exit::Usage, text));
    let mut names = BTreeSet::new();
    if let Some(twice) = sources.iter().find(|source| !names.insert(&source.name)) {
        return usage(format!("two accounts are called `{}`", twice.name));
    }
    if let Some(name) = options
        .accept_account
        .iter()
        .find(|name| !names.contains(name))
    {
        return usage(format!("no account is called `{name}`"));
    }
    let tables = options
        .accept_missing
        .iter()
        .chain(options.full_every_of.keys());
    for table in tables {
        if !store.tables().iter().any(|known| known.name == *table) {
            return usage(format!(
                "the store has no table `{table}` that a list is read into"
            ));
        }
    }
    let accepts = !options.accept_missing.is_empty() || !options.accept_account.is_empty();
    if accepts && options.every.is_some() {
        return usage("what is accepted once goes with no pull that stays up".to_owned());
    }
    Ok(())
}

impl std::ops::AddAssign for Rows {
    fn add_assign(&mut self, more: Self) {
        self.new += more.new;
        self.changed += more.changed;
        self.unchanged += more.unchanged;
        self.gone += more.gone;
        self.odd_fields += more.odd_fields;
        self.odd_records += more.odd_records;
    }
}

impl AccountReport {
    /// The rows of all lists.
    pub fn rows(&self) -> Rows {
        let mut all = Rows::default();
        for list in &self.lists {
            all += list.rows;
        }
        all
    }

    /// What went wrong, each with the table that it concerns.
    pub fn failures(&self) -> impl Iterator<Item = (Option<&str>, &Failure)> {
        let of_lists = self.lists.iter().filter_map(|list| match &list.outcome {
            ListOutcome::Failed(failure) => Some((Some(list.table.as_str()), failure)),
            _ => None,
        });
        self.failure
            .iter()
            .map(|failure| (None, failure))
            .chain(of_lists)
    }
}

impl Report {
    /// The exit status: none where nothing went wrong.
    pub fn exit(&self) -> Option<Exit> {
        let failures = self.accounts.iter().flat_map(AccountReport::failures);
        worst(failures.map(|(_, failure)| failure.exit()))
    }
}

/// The status that tells most of these: first what needs a person.
fn worst(exits: impl Iterator<Item = Exit>) -> Option<Exit> {
    exits.min_by_key(|exit| match exit {
        Exit::Guarded => 0,
        Exit::Failed => 1,
        Exit::Usage | Exit::OutcomeUnknown => 2,
        Exit::Refused => 3,
        Exit::Unavailable => 4,
        Exit::Busy => 5,
    })
}

impl fmt::Display for AccountReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.source)?;
        if let Some(account_id) = self.account_id {
            write!(f, " (account {account_id})")?;
        }
        let rows = self.rows();
        write!(
            f,
            ": {} new, {} changed, {} gone in {} requests",
            rows.new, rows.changed, rows.gone, self.requests
        )?;
        if self.waited >= Duration::from_secs(1) {
            write!(f, ", {} s waited for the quota", self.waited.as_secs())?;
        }
        for (table, failure) in self.failures() {
            match table {
                Some(table) => write!(f, "\n  {table}: {failure}")?,
                None => write!(f, "\n  {failure}")?,
            }
        }
        Ok(())
    }
}
