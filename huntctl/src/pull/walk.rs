//! One list, from its first page to its last.
//!
//! A list that shows changes is walked by its changes: from the cursor, or from the beginning,
//! which reads all of it once and gives a cursor as well. The others are walked by their pages.

use futures_util::FutureExt as _;
use huntress::http::Method;
use huntress::{AccountClient, Changes, Client, Cursor, Pages, Request, RequestList};
use jiff::Timestamp;
use serde_json::value::RawValue;
use tokio::sync::watch;

use super::books::{self, Read};
use super::guard;
use super::lease::{self, Lease};
use super::plan::Step;
use super::{Event, Observer, Options, Rows, children};
use crate::database::Transaction;
use crate::failure::{Exit, Failure};
use crate::store::{Scope, Store, Table, Written};

/// An account that is being pulled.
pub(crate) struct Work<'a> {
    pub(crate) store: &'a Store,
    pub(crate) options: &'a Options,
    pub(crate) observer: &'a Observer,
    pub(crate) lease: &'a Lease,
    pub(crate) api: Api,
    pub(crate) stop: watch::Receiver<bool>,
}

/// How the account is asked.
pub(crate) enum Api {
    Own(Client),
    Managed(AccountClient),
}

/// Why the pull of an account ends before its last list.
#[derive(Debug)]
pub(crate) enum End {
    /// It was told to stop.
    Stopped,
    /// Another worker has the account.
    Lost,
    /// Nothing more can be done.
    Failed(Failure),
}

/// Why a list was not read to its end.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The key may not read it, or the account does not have it.
    Refused {
        why: String,
        /// There is no such thing, or none any more.
        not_found: bool,
    },
    /// Only this list.
    List(Failure),
    /// The others cannot be read either.
    Account(End),
}

impl Work<'_> {
    /// Begins a transaction of this run; also the time.
    pub(crate) async fn begin(&self) -> Result<(Transaction, Timestamp), Broken> {
        let database = self.store.database();
        let mut transaction = database.begin().await?;
        let time = self.options.lease;
        let held = lease::hold(&mut transaction, self.lease, time).await?;
        match held {
            Some(now) => Ok((transaction, now)),
            None => Err(Broken::Account(End::Lost)),
        }
    }

    /// Waits for an answer, unless the pull is told to stop before.
    pub(crate) async fn unless_stopped<T>(
        &self,
        answer: impl Future<Output = Result<T, huntress::Error>>,
    ) -> Result<T, Broken> {
        let mut stop = self.stop.clone();
        tokio::select! {
            biased;
            answer = answer => answer.map_err(Broken::from),
            () = stopped(&mut stop) => Err(Broken::Account(End::Stopped)),
        }
    }

    pub(crate) fn is_stopped(&self) -> bool {
        *self.stop.borrow()
    }

    pub(crate) fn request(&self, path: &str) -> Request {
        match &self.api {
            Api::Own(client) => client.request(Method::GET, path),
            Api::Managed(client) => client.request(Method::GET, path),
        }
    }

    pub(crate) fn told(&self, table: &Table, rows: Rows, full: bool) {
        (self.observer)(&Event::Stored {
            account_id: self.lease.account_id,
            table: &table.name,
            rows: rows.new + rows.changed + rows.unchanged,
            full,
        });
    }
}

/// Waits until somebody says so; for ever where nobody can any more.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending().await
    }
}

/// What was read of a list.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Walked {
    /// What has changed.
    Changes,
    /// All of it, from this moment on, without a record that cannot be stored.
    Whole(Timestamp),
    /// All of it but such records.
    Holed,
}

/// Walks over a list.
pub(crate) async fn walk(
    work: &Work<'_>,
    table: &Table,
    step: Step,
    rows: &mut Rows,
) -> Result<Walked, Broken> {
    let full = step == Step::Full;
    let began = work.store.database().now().await?;
    let mut reader = Reader::new(work.request(&table.list.path), table, step);
    loop {
        let page = work.unless_stopped(reader.next()).await?;
        let account_id = work.lease.account_id;
        let (mut transaction, _) = work.begin().await?;
        let store = work.store;
        let written = store.write(&mut transaction, table, account_id, &page.records, began);
        let written = written.await?;
        children::want_nested(work, &mut transaction, &written, began).await?;
        rows.odd_records += page.odd;
        rows.add(&written);
        let mut doubt = None;
        if page.last {
            let cursor = reader.cursor();
            doubt = if full {
                end(work, &mut transaction, table, began, cursor.as_ref(), rows).await?
            } else {
                if let Some(cursor) = &cursor {
                    let read = Read::Changes(cursor);
                    books::set_list(&mut transaction, account_id, &table.name, began, read).await?;
                }
                None
            };
            children::want_changed(work, &mut transaction, table).await?;
        }
        transaction.commit().await?;
        work.told(table, *rows, full);
        match doubt {
            Some(doubt) => return Err(Broken::List(doubt)),
            None if page.last => {
                return Ok(match rows.odd_records {
                    _ if !full => Walked::Changes,
                    0 => Walked::Whole(began),
                    _ => Walked::Holed,
                });
            }
            // What has come is stored.
            None if work.is_stopped() => return Err(Broken::Account(End::Stopped)),
            None => {}
        }
    }
}

/// Ends a walk over all of a list: marks what was not shown, where the guards let it.
async fn end(
    work: &Work<'_>,
    transaction: &mut Transaction,
    table: &Table,
    began: Timestamp,
    cursor: Option<&Cursor>,
    rows: &mut Rows,
) -> Result<Option<Failure>, Broken> {
    let scope = Scope::from(work.lease.account_id);
    let doubt = mark_gone(work, transaction, table, scope, began, rows).await?;
    let note = doubt.as_ref().map(ToString::to_string);
    let odd = rows.odd_records;
    let note = note.or_else(|| {
        let note =
            || format!("{odd} records have no usable id; so nobody knows whether others are gone");
        (odd > 0).then(note)
    });
    let read = Read::Full {
        cursor,
        doubted: doubt.is_some(),
        note: note.as_deref(),
    };
    books::set_list(transaction, work.lease.account_id, &table.name, began, read).await?;
    Ok(doubt)
}

/// Marks what a walk over all of a list has not shown; returns why it does not.
pub(crate) async fn mark_gone(
    work: &Work<'_>,
    transaction: &mut Transaction,
    table: &Table,
    scope: Scope,
    began: Timestamp,
    rows: &mut Rows,
) -> Result<Option<Failure>, Broken> {
    // One of the records that cannot be read may be one that is missed.
    if rows.odd_records > 0 {
        return Ok(None);
    }
    let store = work.store;
    let seen = store.missing(transaction, table, scope, began).await?;
    let accepted = work.options.accept_missing.contains(&table.name);
    if let Some(doubt) = guard::doubt(seen, accepted) {
        return Ok(Some(doubt.into_failure(&table.name)));
    }
    if seen.missing > 0 {
        let gone = store.mark_gone(transaction, table, scope, began, began);
        rows.gone += gone.await?;
    }
    Ok(None)
}

/// A page of a list.
#[derive(Default)]
pub(crate) struct Page {
    pub(crate) records: Vec<Box<RawValue>>,
    /// Records that could not even be taken as they are.
    pub(crate) odd: u64,
    /// All of the list was read.
    pub(crate) last: bool,
}

impl Page {
    /// The last one of a list that is no more.
    pub(crate) fn of_nothing() -> Self {
        Self {
            last: true,
            ..Self::default()
        }
    }
}

/// Where the pages come from.
pub(crate) enum Reader {
    Changes {
        changes: Box<Changes<Box<RawValue>>>,
        /// What went wrong behind the records of the page that was given out.
        broken: Option<huntress::Error>,
    },
    Pages(Box<Pages<Box<RawValue>>>),
    /// A list that has no pages.
    Whole(Box<RequestList>),
}

impl Reader {
    fn new(request: Request, table: &Table, step: Step) -> Self {
        let cursor = match step {
            Step::Changes(cursor) => Some(cursor),
            Step::Full | Step::Nothing if table.shows_changes => Some(Cursor::beginning()),
            Step::Full | Step::Nothing => None,
        };
        match cursor {
            Some(cursor) => Self::Changes {
                changes: Box::new(
                    request
                        .list(table.list.key.clone())
                        .changed_since_as(cursor),
                ),
                broken: None,
            },
            None => Self::pages(request, table),
        }
    }

    /// The pages of a list in whichever order.
    pub(crate) fn pages(request: Request, table: &Table) -> Self {
        let list = request.list(table.list.key.clone());
        if table.list.paged {
            Self::Pages(Box::new(list.pages_as()))
        } else {
            Self::Whole(Box::new(list))
        }
    }

    /// The next page; not to be called after the last.
    pub(crate) async fn next(&mut self) -> Result<Page, huntress::Error> {
        match self {
            Self::Changes { changes, broken } => changed_page(changes, broken).await,
            Self::Pages(pages) => {
                let mut odd = 0;
                let page = loop {
                    match pages.try_next().await {
                        Err(error) if error.is_record() => odd += 1,
                        page => break page?,
                    }
                };
                let records = page.map(|page| page.items).unwrap_or_default();
                let last = pages.resume_token().is_none() && pages.is_complete();
                Ok(Page { records, odd, last })
            }
            Self::Whole(list) => {
                let page = RequestList::clone(list).send_as().await?;
                Ok(Page {
                    records: page.items,
                    odd: page.odd.len() as u64,
                    last: true,
                })
            }
        }
    }

    /// Where the next walk over the changes begins, after the last page.
    fn cursor(&self) -> Option<Cursor> {
        match self {
            Self::Changes { changes, .. } => changes.cursor(),
            Self::Pages(_) | Self::Whole(_) => None,
        }
    }
}

/// All that a walk over changes gives out without another request.
async fn changed_page(
    changes: &mut Changes<Box<RawValue>>,
    broken: &mut Option<huntress::Error>,
) -> Result<Page, huntress::Error> {
    if let Some(error) = broken.take() {
        return Err(error);
    }
    let mut page = Page::default();
    let mut next = changes.try_next().await;
    loop {
        match next {
            Ok(Some(record)) => page.records.push(record),
            Ok(None) => {
                page.last = true;
                return Ok(page);
            }
            Err(error) if error.is_record() => page.odd += 1,
            // It comes after what was read before it.
            Err(error) if page.records.is_empty() => return Err(error),
            Err(error) => {
                *broken = Some(error);
                return Ok(page);
            }
        }
        // The request of the next page has begun when this is none, and goes on later.
        match changes.try_next().now_or_never() {
            Some(ready) => next = ready,
            None => return Ok(page),
        }
    }
}

impl Rows {
    pub(crate) fn add(&mut self, written: &Written) {
        self.new += written.new;
        self.changed += written.changed;
        self.unchanged += written.unchanged;
        for odd in &written.odd {
            // One of no record is a record that could not be stored.
            if odd.id.is_some() {
                self.odd_fields += 1;
            } else {
                self.odd_records += 1;
            }
        }
        for within in written.nested.values() {
            self.add(within);
        }
    }
}

impl From<huntress::Error> for Broken {
    fn from(error: huntress::Error) -> Self {
        if error.is_permission() || error.is_not_found() {
            let not_found = error.is_not_found();
            let why = error.to_string();
            return Self::Refused { why, not_found };
        }
        let of_all = error.is_authentication()
            || error.is_connect()
            || error.is_quota()
            || error.is_rate_limited()
            || error.is_configuration();
        let failure = Failure::from(error);
        if of_all {
            Self::Account(End::Failed(failure))
        } else {
            Self::List(failure)
        }
    }
}

/// One of the database.
impl From<Failure> for Broken {
    fn from(failure: Failure) -> Self {
        if failure.exit() == Exit::Unavailable {
            Self::Account(End::Failed(failure))
        } else {
            Self::List(failure)
        }
    }
}
