//! One record: asked for through the quota, and written together with the end of all deliveries
//! that wait for it.

use std::collections::BTreeMap;
use std::time::Duration;

use huntress::Error;
use jiff::Timestamp;
use serde_json::value::RawValue;
use tokio::time::sleep;

use super::books::{self, Job};
use super::keys::NotAsked;
use super::measures::Of;
use super::plan::{self, NoWay};
use super::{Outcome, Shared, Told};
use crate::database::Transaction;
use crate::failure::{Exit, Failure};
use crate::pull::{Parent, want_children};
use crate::stop::Stop;
use crate::store::Written;

/// What the API says of a record.
enum Answer {
    /// It, and the account it was asked for.
    Record(i64, Box<RawValue>),
    /// There is nothing to write.
    Nothing(Outcome),
}

/// Why a record could not be had, and how long the API wants to be left in peace.
struct Trouble {
    why: String,
    retry_after: Option<Duration>,
}

pub(super) async fn run(shared: &Shared, job: Job, mut stop: Stop) {
    let asked = tokio::select! {
        biased;
        asked = ask(shared, &job) => asked,
        () = renewed(shared, &job) => return lost(&job),
        _ = stop.wait() => {
            if let Err(failure) = books::give_back(shared.store.database(), &job).await {
                tracing::debug!("a record could not be given back: {failure}");
            }
            return;
        }
    };
    let done = match asked {
        Ok(answer) => settle(shared, &job, answer).await,
        Err(trouble) => {
            shared.measures.failed(Of::Api);
            put_off(shared, &job, trouble).await
        }
    };
    if let Err(failure) = done {
        shared.measures.failed(Of::Database);
        tracing::error!("{}: {failure}", place(&job));
        // Where that fails, too, the lease ends by itself.
        let [first, longest] = shared.options.waits;
        let wait = plan::wait(job.attempts + 1, first, longest, fastrand::f64());
        let text = failure.to_string();
        let _ = books::put_off(shared.store.database(), &job, &text, wait).await;
    }
}

/// What messages call the record.
fn place(job: &Job) -> String {
    format!("{} {}", job.subject.kind.table, job.subject.id)
}

fn lost(job: &Job) {
    tracing::warn!(
        "{}: another worker has taken it over, since this one did not say in time that it works",
        place(job)
    );
}

/// Keeps the record for as long as this worker asks for it.
async fn renewed(shared: &Shared, job: &Job) {
    let database = shared.store.database();
    loop {
        sleep(shared.options.lease / 3).await;
        let renew = async {
            let mut transaction = database.begin().await?;
            let lease = shared.options.lease;
            let held = books::hold(&mut transaction, database.dialect(), job, lease).await?;
            transaction.commit().await?;
            Ok::<_, Failure>(held)
        };
        // A database that cannot be had now may be had in time.
        if let Ok(None) = renew.await {
            return;
        }
    }
}

async fn ask(shared: &Shared, job: &Job) -> Result<Answer, Trouble> {
    let requests = match shared.keys.requests(job.subject).await {
        Ok(requests) => requests,
        Err(NotAsked::Never(why)) => {
            tracing::warn!("{}: {}", place(job), no_way(why));
            return Ok(Answer::Nothing(Outcome::NoKey));
        }
        Err(NotAsked::Now(error)) => return Err(error.into()),
    };
    let (mut not_found, mut refused) = (None, None);
    for (account_id, request) in requests {
        match request.send().await {
            Ok(response) => return record(job, account_id, response.value()),
            // Another reseller may manage the account.
            Err(error) if error.is_not_found() => not_found = Some(error),
            Err(error) if error.is_permission() => refused = Some(error),
            Err(error) => return Err(error.into()),
        }
    }
    match (not_found, refused) {
        (None, Some(error)) => Err(error.into()),
        (Some(error), _) => {
            tracing::warn!(
                "{}: the API has none, or none any more: {error}",
                place(job)
            );
            Ok(Answer::Nothing(Outcome::NotFound))
        }
        (None, None) => Ok(Answer::Nothing(Outcome::NoKey)),
    }
}

fn no_way(why: NoWay) -> &'static str {
    match why {
        NoWay::NoAccount => {
            "the event names no account, and there are several keys, so nobody can be asked"
        }
        NoWay::NoKey => "no key of the configuration is one of its account",
        NoWay::OwnKeyOnly => {
            "the API shows it to keys of its own account alone; give the account a key of its own"
        }
        NoWay::NotYet => "it is not known whose the keys are",
    }
}

/// The record in an answer.
fn record(job: &Job, account_id: i64, body: &[u8]) -> Result<Answer, Trouble> {
    let envelope: Result<BTreeMap<String, Box<RawValue>>, _> = serde_json::from_slice(body);
    let record = envelope
        .ok()
        .and_then(|mut envelope| envelope.remove(job.subject.kind.name));
    match record {
        Some(record) => Ok(Answer::Record(account_id, record)),
        None => Err(Trouble {
            why: format!("the API answered without `{}`", job.subject.kind.name),
            retry_after: None,
        }),
    }
}

/// Writes what the API has said, and ends the deliveries that wait for it, in one transaction.
async fn settle(shared: &Shared, job: &Job, answer: Answer) -> Result<(), Failure> {
    let database = shared.store.database();
    let dialect = database.dialect();
    let mut transaction = database.begin().await?;
    let lease = shared.options.lease;
    let Some(wanted) = books::hold(&mut transaction, dialect, job, lease).await? else {
        lost(job);
        return Ok(());
    };
    let (outcome, account_id) = match answer {
        Answer::Nothing(outcome) => (outcome, None),
        Answer::Record(account_id, record) => {
            let outcome = write(shared, &mut transaction, job, account_id, record).await?;
            (outcome, Some(account_id))
        }
    };
    let done = books::end(&mut transaction, dialect, job, wanted, outcome).await?;
    transaction.commit().await?;
    if account_id.is_some() {
        shared.committed.send_modify(|records| *records += 1);
    }
    for done in done {
        let told = Told::of_a_record(done, job.subject, account_id, outcome);
        shared.done(&told, outcome);
    }
    Ok(())
}

async fn write(
    shared: &Shared,
    transaction: &mut Transaction,
    job: &Job,
    account_id: i64,
    record: Box<RawValue>,
) -> Result<Outcome, Failure> {
    let store = &shared.store;
    let table = store.table(job.subject.kind.table).ok_or_else(|| {
        let text = format!("the store has no table {}", job.subject.kind.table);
        Failure::new(Exit::Failed, text)
    })?;
    let seen_at = job.began;
    let records = [record];
    let written = store.write(transaction, table, account_id, &records, seen_at);
    let written = written.await?;
    want_nested(shared, transaction, account_id, &written, seen_at).await?;
    let outcome = outcome(&written);
    if outcome == Outcome::Unreadable {
        tracing::error!("{}: it could not be kept: {:?}", place(job), written.odd);
    }
    Ok(outcome)
}

/// Leaves what the record has more of than came with it, such as remediations, to the next
/// pull.
async fn want_nested(
    shared: &Shared,
    transaction: &mut Transaction,
    account_id: i64,
    written: &Written,
    seen_at: Timestamp,
) -> Result<(), Failure> {
    for child in shared.store.tables() {
        let cut = written.incomplete.iter();
        let cut = cut.filter(|cut| cut.table == child.name);
        let parents = cut.map(|cut| Parent {
            id: cut.parent_id,
            version: seen_at.to_string(),
        });
        want_children(transaction, account_id, &child.name, parents).await?;
    }
    Ok(())
}

fn outcome(written: &Written) -> Outcome {
    match written {
        written if written.odd.iter().any(|odd| odd.id.is_none()) => Outcome::Unreadable,
        Written { new: 1.., .. } => Outcome::New,
        Written { changed: 1.., .. } => Outcome::Changed,
        _ => Outcome::Unchanged,
    }
}

/// Lets the record be fetched again later, or gives it up after days.
async fn put_off(shared: &Shared, job: &Job, trouble: Trouble) -> Result<(), Failure> {
    let database = shared.store.database();
    let first_event = books::first_event(database, job).await?;
    let age = first_event.map(|first| job.began.duration_since(first));
    let age = age.and_then(|age| Duration::try_from(age).ok());
    if age.is_some_and(|age| age > shared.options.keep_ids) {
        tracing::error!(
            "{}: it could not be had for days, and is left to the next pull: {}",
            place(job),
            trouble.why
        );
        return settle(shared, job, Answer::Nothing(Outcome::GivenUp)).await;
    }
    let [first, longest] = shared.options.waits;
    let wait = plan::wait(job.attempts + 1, first, longest, fastrand::f64());
    let wait = wait.max(trouble.retry_after.unwrap_or_default().min(longest));
    tracing::warn!(
        "{}: it could not be fetched, the next attempt is in {:.0} s: {}",
        place(job),
        wait.as_secs_f64(),
        trouble.why
    );
    shared.measures.put_off();
    books::put_off(database, job, &trouble.why, wait).await
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self {
            retry_after: error.retry_after(),
            why: error.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::OddValue;

    #[test]
    fn what_was_written_has_one_outcome() {
        let odd = |id| OddValue {
            id,
            path: String::new(),
            problem: String::new(),
        };
        for (new, changed, odd, expected) in [
            (1, 0, vec![], Outcome::New),
            (0, 1, vec![odd(Some(7))], Outcome::Changed),
            (0, 0, vec![], Outcome::Unchanged),
            (0, 0, vec![odd(None)], Outcome::Unreadable),
        ] {
            let written = Written {
                new,
                changed,
                odd,
                ..Written::default()
            };
            assert_eq!(outcome(&written), expected);
        }
    }
}
