//! One account: its lists one after the other, its counts of the day, and its run in `pulls`.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::json;
use tokio::sync::watch;
use tokio::time::sleep;

use super::books::{self, Read};
use super::lease::{self, Lease};
use super::plan::{self, Often, Scope, Step};
use super::walk::{Api, Broken, End, Walked, Work};
use super::work::Shared;
use super::{AccountReport, Event, ListOutcome, ListReport, Rows, Source, children, guard, walk};
use crate::database::{Dialect, Transaction, Value};
use crate::failure::Failure;
use crate::store::Table;

/// How long runs are kept in `pulls`.
const KEPT: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Pulls the account of a lease, and gives it back.
pub(crate) async fn pull(
    shared: &Shared,
    source: &Source,
    lease: &Lease,
    stop: watch::Receiver<bool>,
) -> AccountReport {
    let (began, before) = (Instant::now(), source.client.rate_limiter().snapshot());
    (shared.observer)(&Event::Began {
        source: &source.name,
        account_id: lease.account_id,
    });
    let api = if lease.managed {
        Api::Managed(source.client.for_account(lease.account_id))
    } else {
        Api::Own(source.client.clone())
    };
    let work = Work {
        store: &shared.store,
        options: &shared.options,
        observer: &shared.observer,
        lease,
        api,
        stop,
    };
    let mut lists = Vec::new();
    let mut end = tokio::select! {
        done = read(shared, source, &work, &mut lists) => done.err(),
        () = renewed(&work) => Some(End::Lost),
    };
    let after = source.client.rate_limiter().snapshot();
    let mut report = AccountReport {
        source: source.name.clone(),
        account_id: Some(lease.account_id),
        lists,
        failure: None,
        stopped: matches!(end, Some(End::Stopped)),
        requests: after.requests.saturating_sub(before.requests),
        waited: after.waited.saturating_sub(before.waited),
        took: began.elapsed(),
    };
    if let Some(End::Failed(failure)) = end.take_if(|end| matches!(end, End::Failed(_))) {
        report.failure = Some(failure);
    }
    let finished = match end {
        Some(End::Lost) => Err(Broken::Account(End::Lost)),
        _ => finish(&work, &mut report).await,
    };
    match finished {
        Ok(()) => {}
        Err(Broken::Account(End::Lost)) => report.failure = Some(lost_lease(lease)),
        Err(Broken::Account(End::Failed(failure)) | Broken::List(failure)) => {
            report.failure.get_or_insert(failure);
        }
        Err(_) => {}
    }
    (shared.observer)(&Event::Ended(&report));
    report
}

/// Reads what is due.
async fn read(
    shared: &Shared,
    source: &Source,
    work: &Work<'_>,
    lists: &mut Vec<ListReport>,
) -> Result<(), End> {
    same_account(shared, source, work).await?;
    let scope = if work.lease.managed {
        Scope::Managed
    } else {
        Scope::Own {
            reseller: source.reseller,
        }
    };
    // When a walk over all of a list began that missed nothing.
    let mut whole = BTreeMap::new();
    for table in work
        .store
        .tables()
        .iter()
        .filter(|table| plan::applies(table, scope))
    {
        if work.is_stopped() {
            return Err(End::Stopped);
        }
        let mut rows = Rows::default();
        let done = match &table.list.parent {
            None => one(work, table, &mut rows).await,
            Some(parent) => {
                let whole = whole.get(parent.as_str()).copied();
                children::walk(work, table, whole, &mut rows).await
            }
        };
        if let Ok(Some(Walked::Whole(began))) = done {
            whole.insert(table.name.as_str(), began);
        }
        let (outcome, end) = told(work, table, done).await?;
        if let Some(outcome) = outcome {
            let table = table.name.clone();
            let list = ListReport {
                table,
                outcome,
                rows,
            };
            let account_id = work.lease.account_id;
            (work.observer)(&Event::List {
                account_id,
                list: &list,
            });
            lists.push(list);
        }
        if let Some(end) = end {
            return Err(end);
        }
    }
    Ok(())
}

/// Asks whose the key is, where nobody has just asked.
async fn same_account(shared: &Shared, source: &Source, work: &Work<'_>) -> Result<(), End> {
    if work.lease.managed || shared.is_checked(&source.name) {
        return Ok(());
    }
    let now = work.unless_stopped(source.client.get_account().send());
    let now = now.await.map_err(Broken::into_end)?.id.get();
    guard::same_account(&source.name, work.lease.account_id, now)?;
    Ok(())
}

/// Reads what is due of one list; `None` where nothing is.
async fn one(work: &Work<'_>, table: &Table, rows: &mut Rows) -> Result<Option<Walked>, Broken> {
    let (store, options) = (work.store, work.options);
    let state = books::list_state(store.database(), work.lease.account_id, &table.name).await?;
    let now = store.database().now().await?;
    let every = options
        .full_every_of
        .get(&table.name)
        .unwrap_or(&options.full_every);
    // A new account is to be seen soon, and the list of them is short.
    let always = options.full || table.list.operation == "list_accounts";
    let often = if always {
        Often::Always
    } else {
        Often::Every(*every)
    };
    let step = plan::step(table.shows_changes, &state, often, now);
    if step == Step::Nothing {
        return Ok(None);
    }
    walk::walk(work, table, step, rows).await.map(Some)
}

/// What became of a list, kept in the store where it is a failure; and why the account's pull
/// ends with it.
async fn told(
    work: &Work<'_>,
    table: &Table,
    done: Result<Option<Walked>, Broken>,
) -> Result<(Option<ListOutcome>, Option<End>), End> {
    let broken = match done {
        Ok(None) => return Ok((None, None)),
        Ok(Some(Walked::Changes)) => return Ok((Some(ListOutcome::Changes), None)),
        Ok(Some(Walked::Whole(_) | Walked::Holed)) => return Ok((Some(ListOutcome::Full), None)),
        Err(broken) => broken,
    };
    let (outcome, end) = match broken {
        Broken::Account(End::Stopped) => {
            return Ok((Some(ListOutcome::Stopped), Some(End::Stopped)));
        }
        Broken::Account(end @ End::Lost) => return Err(end),
        Broken::Account(End::Failed(failure)) => return Err(End::Failed(failure.at(&table.name))),
        Broken::Refused { why, .. } => (ListOutcome::Refused(why), None),
        Broken::List(failure) => (ListOutcome::Failed(failure), None),
    };
    let kept = async {
        let (mut transaction, now) = work.begin().await?;
        let text;
        let read = match &outcome {
            ListOutcome::Refused(why) => Read::Refused(why),
            ListOutcome::Failed(failure) => {
                text = failure.to_string();
                Read::Failed(&text)
            }
            _ => Read::Some,
        };
        let account_id = work.lease.account_id;
        books::set_list(&mut transaction, account_id, &table.name, now, read).await?;
        transaction.commit().await?;
        Ok::<_, Broken>(())
    };
    kept.await.map_err(Broken::into_end)?;
    Ok((Some(outcome), end))
}

/// Takes the lease anew for as long as this worker has it.
async fn renewed(work: &Work<'_>) {
    // Nobody takes what the lock of the file keeps.
    if work.store.database().dialect() == Dialect::Sqlite {
        return std::future::pending().await;
    }
    loop {
        sleep(work.options.lease / 3).await;
        let renew = async {
            let (transaction, _) = work.begin().await?;
            transaction.commit().await?;
            Ok::<_, Broken>(())
        };
        // A database that cannot be had now may be had in time.
        if let Err(Broken::Account(End::Lost)) = renew.await {
            return;
        }
    }
}

/// Counts the day, keeps the run, and gives the account back: in one transaction, in which
/// nobody else can take it, however long that is.
async fn finish(work: &Work<'_>, report: &mut AccountReport) -> Result<(), Broken> {
    let account_id = work.lease.account_id;
    let (mut transaction, mut now) = work.begin().await?;
    if !report.lists.is_empty() {
        let day = TimeZone::UTC.to_datetime(now).date();
        let counted = work.store.count_day(&mut transaction, account_id, day);
        if let Err(failure) = counted.await {
            report.failure.get_or_insert(failure.at("counting the day"));
            // A transaction in which something failed is of no use.
            drop(transaction);
            (transaction, now) = work.begin().await?;
        }
    }
    keep_run(work, &mut transaction, report, now).await?;
    // What was told to stop is as due as it was.
    let every = work.options.every.filter(|_| !report.stopped);
    let due = every.map(|every| plan::next_due(account_id, every, now));
    lease::give_back(&mut transaction, work.lease, now, due).await?;
    transaction.commit().await?;
    Ok(())
}

/// Keeps what the run came to, and no run for longer than a year.
async fn keep_run(
    work: &Work<'_>,
    transaction: &mut Transaction,
    report: &AccountReport,
    now: Timestamp,
) -> Result<(), Failure> {
    let lease = work.lease;
    let rows = report.rows();
    let failures: Vec<_> = report
        .failures()
        .map(|(list, failure)| json!({"list": list, "error": failure.to_string()}))
        .collect();
    let outcome = match (report.stopped, failures.is_empty()) {
        (true, _) => "stopped",
        (false, true) => "complete",
        (false, false) => "failed",
    };
    let count = |count: u64| Value::from(i64::try_from(count).unwrap_or(i64::MAX));
    let values = [
        lease.account_id.into(),
        lease.run.into(),
        now.into(),
        outcome.into(),
        count(report.requests),
        report.waited.as_secs_f64().into(),
        count(rows.new),
        count(rows.changed),
        count(rows.unchanged),
        count(rows.gone),
        count(rows.odd_fields),
        count(rows.odd_records),
        json!(failures).to_string().into(),
    ];
    let sql = "UPDATE pulls SET ended_at = ?3, outcome = ?4, requests = ?5, waited_seconds = ?6,
            rows_new = ?7, rows_changed = ?8, rows_unchanged = ?9, rows_gone = ?10,
            odd_fields = ?11, odd_records = ?12, errors = ?13
        WHERE account_id = ?1 AND run = ?2";
    transaction.execute(sql, &values).await?;
    let sql = "DELETE FROM pulls WHERE account_id = ?1 AND began_at < ?2";
    let oldest = now.checked_sub(KEPT).unwrap_or(Timestamp::MIN);
    transaction
        .execute(sql, &[lease.account_id.into(), oldest.into()])
        .await?;
    Ok(())
}

fn lost_lease(lease: &Lease) -> Failure {
    let text = format!(
        "another worker has taken account {} over, since this one did not say in time that it \
         works; what it had stored is kept",
        lease.account_id
    );
    Failure::new(crate::failure::Exit::Busy, text)
}

impl Broken {
    /// Why the whole account cannot be pulled.
    fn into_end(self) -> End {
        match self {
            Self::Account(end) => end,
            Self::List(failure) => End::Failed(failure),
            Self::Refused { why, .. } => {
                End::Failed(Failure::new(crate::failure::Exit::Refused, why))
            }
        }
    }
}

impl From<Failure> for End {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}
