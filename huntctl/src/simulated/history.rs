//! What makes the simulator's store look like one that has been filled for months: its records are
//! of one moment of the past, and its counts of one day.
//!
//! The dates of the records are moved so that agents have called just now, the days before today
//! get counts that wander back from today's, and the training gets a year of figures. All of it is
//! made up, as all else of the simulator is, and pages that show it say so.

use fastrand::Rng;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};

use crate::database::{Dialect, Row, Transaction, Value};
use crate::failure::Failure;
use crate::store::{Kind, Store};
use crate::training;

/// How many days before today.
const DAYS: i64 = 180;
/// How many months of the training, the present one included.
const MONTHS: i64 = 12;

/// The counts, and how much one changes in a day at most, in percent of what it is.
const COUNTS: [(&str, i64); 15] = [
    ("agents", 1),
    ("agents_stale", 15),
    ("agents_isolated", 40),
    ("agents_outdated", 8),
    ("incidents_open", 0),
    ("incidents_open_critical", 30),
    ("incidents_open_high", 25),
    ("incidents_open_low", 20),
    ("incidents_new", 60),
    ("incidents_closed", 60),
    ("identities", 1),
    ("identities_at_risk", 8),
    ("escalations_open", 30),
    ("signals_new", 50),
    ("learners", 2),
];
const OPEN: usize = 4;
/// The severities of what is open.
const PARTS_OF_OPEN: std::ops::RangeInclusive<usize> = 5..=7;

/// The counts of an organization on a day.
type Counts = [Option<i64>; COUNTS.len()];

/// Moves dates and makes up counts, for the accounts that were pulled from the simulator and for no
/// others. What was moved or made up already stays.
///
/// # Errors
///
/// Where the database refuses it or cannot be had.
pub async fn fill(store: &Store) -> Result<(), Failure> {
    let now = store.database().now().await?;
    let today = now.to_zoned(TimeZone::UTC).date();
    let sql = "SELECT account_id FROM pull_accounts WHERE source = ?1";
    let source = super::SOURCE.into();
    for account in store.database().query(sql, &[source]).await? {
        let Some(account_id) = account.integer(0) else {
            continue;
        };
        let mut tx = store.database().begin().await?;
        move_dates(store, &mut tx, account_id, now).await?;
        store.count_day(&mut tx, account_id, today).await?;
        let sql = "SELECT min(day), count(*) FROM accounts_daily WHERE account_id = ?1";
        let days = tx.query(sql, &[account_id.into()]).await?;
        let first = days.first().filter(|row| row.integer(1) <= Some(DAYS));
        let first = first.and_then(|row| row.text(0)?.parse().ok());
        if let Some(first) = first {
            fill_account(&mut tx, account_id, first).await?;
        }
        tx.commit().await?;
        train(store, account_id, now).await?;
    }
    Ok(())
}

/// Makes up a year of the awareness training, in which people learn.
async fn train(store: &Store, account_id: i64, now: Timestamp) -> Result<(), Failure> {
    let sql = "SELECT id, sat_learner_count FROM organizations
        WHERE account_id = ?1 AND gone_at IS NULL AND sat_learner_count > 0
            AND NOT EXISTS (SELECT 1 FROM training_monthly WHERE account_id = ?1)
        ORDER BY id";
    let organizations = store.database().query(sql, &[account_id.into()]).await?;
    let this_month = now.to_zoned(TimeZone::UTC).date().first_of_month();
    let mut random = Rng::with_seed(u64::try_from(account_id).unwrap_or(0));
    let mut lines = String::from("organization,month,sent,compromised");
    for row in &organizations {
        let (Some(id), Some(learners)) = (row.integer(0), row.integer(1)) else {
            continue;
        };
        for back in 0..MONTHS {
            let month = this_month.saturating_sub(back.months());
            let percent = 4 + back / 2 + random.i64(0..=4);
            let compromised = (learners * percent + random.i64(0..100)) / 100;
            lines.push_str(&format!("\n{id},{month},{learners},{compromised}"));
        }
    }
    if !organizations.is_empty() {
        training::import(store, lines.as_bytes(), Some(account_id), now).await?;
    }
    Ok(())
}

/// Moves all moments by as much as the last call of an agent is ago.
async fn move_dates(
    store: &Store,
    tx: &mut Transaction,
    account_id: i64,
    now: Timestamp,
) -> Result<(), Failure> {
    let sql = "SELECT max(last_callback_at) FROM agents WHERE account_id = ?1";
    let rows = tx.query(sql, &[account_id.into()]).await?;
    let Some(last) = rows.first().and_then(|row| row.time(0)) else {
        return Ok(());
    };
    let behind = now.duration_since(last);
    if behind < SignedDuration::from_hours(1) {
        return Ok(());
    }
    let seconds = behind.as_secs();
    for table in store.tables() {
        let moments = table.columns.iter().filter(|it| it.kind == Kind::Moment);
        let moved = moments.map(|column| {
            let name = format!("\"{}\"", column.name);
            match store.database().dialect() {
                Dialect::Sqlite => {
                    format!("{name} = strftime('%Y-%m-%dT%H:%M:%fZ', {name}, '+{seconds} seconds')")
                }
                Dialect::Postgres => format!("{name} = {name} + interval '{seconds} seconds'"),
            }
        });
        let moved: Vec<_> = moved.collect();
        if moved.is_empty() {
            continue;
        }
        let sql = format!(
            "UPDATE \"{}\" SET {} WHERE account_id = ?1",
            table.name,
            moved.join(", ")
        );
        tx.execute(&sql, &[account_id.into()]).await?;
    }
    Ok(())
}

async fn fill_account(tx: &mut Transaction, account_id: i64, first: Date) -> Result<(), Failure> {
    let names = COUNTS.map(|(name, _)| name).join(", ");
    let day = first.to_string();
    let of_the_day = [account_id.into(), Value::from(day.as_str())];
    let sql = format!(
        "SELECT {names}, organization_id FROM organizations_daily WHERE account_id = ?1 AND day = ?2"
    );
    let organizations = tx.query(&sql, &of_the_day).await?;
    let sql = format!("SELECT {names} FROM accounts_daily WHERE account_id = ?1 AND day = ?2");
    let account = tx.query(&sql, &of_the_day).await?;
    let account = account.first().map(counts).unwrap_or_default();

    let mut all: Vec<(i64, Counts)> = Vec::new();
    for row in &organizations {
        all.push((row.integer(COUNTS.len()).unwrap_or(0), counts(row)));
    }
    let today = all.clone();
    let mut random = Rng::with_seed(u64::try_from(account_id).unwrap_or(0));
    let (mut of_organizations, mut of_accounts) = (Vec::new(), Vec::new());
    for back in 1..=DAYS {
        let day = first.saturating_sub(back.days()).to_string();
        let mut total = account;
        for ((id, counts), (_, now)) in all.iter_mut().zip(&today) {
            step(counts, now, &mut random);
            for ((total, before), now) in total.iter_mut().zip(&*counts).zip(now) {
                *total = total.map(|total| total + before.unwrap_or(0) - now.unwrap_or(0));
            }
            let key = [account_id.into(), (*id).into(), day.as_str().into()];
            of_organizations.push(row(key.to_vec(), *counts));
        }
        let key = [account_id.into(), day.as_str().into()];
        of_accounts.push(row(key.to_vec(), total.map(|it| it.map(|it| it.max(0)))));
    }
    for (table, key, rows) in [
        (
            "organizations_daily",
            "account_id, organization_id, day",
            of_organizations,
        ),
        ("accounts_daily", "account_id, day", of_accounts),
    ] {
        let columns = COUNTS.len() + key.split(',').count();
        let places: Vec<_> = (1..=columns).map(|n| format!("?{n}")).collect();
        let places = places.join(", ");
        let sql = format!(
            "INSERT INTO {table} ({key}, {names}) VALUES ({places}) ON CONFLICT DO NOTHING"
        );
        tx.execute_many(&sql, rows).await?;
    }
    Ok(())
}

fn counts(row: &Row) -> Counts {
    std::array::from_fn(|column| row.integer(column))
}

fn row(key: Vec<Value>, counts: Counts) -> Vec<Value> {
    key.into_iter().chain(counts.map(Value::from)).collect()
}

/// A day back. A count stays within two fifths of what it is now, and steps towards that are more
/// likely than steps away from it, so nothing drifts to a height from which all fell together.
fn step(counts: &mut Counts, now: &Counts, random: &mut Rng) {
    let mut change = 0;
    let columns = counts.iter_mut().zip(now).zip(COUNTS);
    for (at, ((count, now), (_, percent))) in columns.enumerate() {
        let (Some(count), Some(now)) = (count, now) else {
            continue;
        };
        let before = *count;
        // Small counts move by one now and then.
        let most = (before * percent / 100).max(i64::from(percent > 0 && random.u8(..) < 30));
        let after = before + random.i64(-most..=most);
        let away = (after - now).abs() > (before - now).abs();
        if away && random.bool() {
            continue;
        }
        let band = 1 + now * 2 / 5;
        *count = after.clamp((now - band).max(0), now + band);
        if PARTS_OF_OPEN.contains(&at) {
            change += *count - before;
        }
    }
    counts[OPEN] = counts[OPEN].map(|open| (open + change).max(0));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_wander_and_stay_counts() {
        let mut random = Rng::with_seed(1);
        let mut counts: Counts = [100, 7, 0, 9, 6, 1, 2, 3, 1, 1, 300, 20, 2, 4, 80].map(Some);
        counts[14] = None;
        let begin = counts;
        let mut seen = Vec::new();
        for _ in 0..DAYS {
            step(&mut counts, &begin, &mut random);
            let of = |at: usize| counts[at].unwrap();
            assert!(counts.iter().flatten().all(|count| *count >= 0));
            assert_eq!(of(4), of(5) + of(6) + of(7));
            seen.push(counts);
        }
        assert_eq!(counts[14], None);
        assert!(seen.iter().any(|counts| counts[5] != begin[5]));
        let agents = seen.iter().map(|counts| counts[0].unwrap());
        assert!(agents.clone().min() > Some(50) && agents.max() < Some(200));
    }
}
