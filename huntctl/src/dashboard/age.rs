//! How old the data is, which every page says: of each account the end of its last complete pull.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::text;
use crate::database::{Database, Dialect, Row};
use crate::failure::Failure;
use crate::simulated;

/// Pulls that are looked at to see how often an account is pulled.
const RUNS: i64 = 12;
/// Where nothing says how often an account is pulled.
const USUAL: SignedDuration = SignedDuration::from_hours(24);
/// Data that is not older than this is not old, however often it is pulled.
const FRESH: SignedDuration = SignedDuration::from_mins(30);

/// How old the data of an account is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountAge {
    /// The account.
    pub account_id: i64,
    /// The source of the configuration that it comes from.
    pub source: Option<String>,
    /// When the last complete pull ended.
    pub complete_at: Option<Timestamp>,
    /// When the last pull ended that did, and what it came to.
    pub last: Option<(Timestamp, String)>,
    /// What went wrong then.
    pub errors: Option<String>,
    /// How long it usually is from one pull to the next.
    pub usual: Option<SignedDuration>,
}

/// What is to be said of an age.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Nothing.
    Fresh,
    /// It is older than it should be.
    Old,
    /// The last pull did not come to its end.
    Failed,
    /// There was no complete pull.
    Never,
}

impl AccountAge {
    /// Old is what is older than twice the usual time from pull to pull.
    pub fn verdict(&self, now: Timestamp) -> Verdict {
        let Some(complete) = self.complete_at else {
            return Verdict::Never;
        };
        let most = (self.usual.unwrap_or(USUAL) * 2).max(FRESH);
        match &self.last {
            Some((_, outcome)) if outcome != "complete" => Verdict::Failed,
            _ if now.duration_since(complete) > most => Verdict::Old,
            _ => Verdict::Fresh,
        }
    }

    /// The verdict and the age in words.
    pub fn words(&self, now: Timestamp) -> String {
        let Some(complete) = self.complete_at else {
            return "never pulled completely".to_owned();
        };
        let age = text::duration(now.duration_since(complete));
        match self.verdict(now) {
            Verdict::Fresh => format!("pulled {age} ago"),
            Verdict::Old => {
                let usual = text::duration(self.usual.unwrap_or(USUAL));
                format!("pulled {age} ago, usually every {usual}")
            }
            _ => {
                let outcome = self.last.as_ref().map_or("failed", |(_, outcome)| outcome);
                format!("the last pull: {}; complete {age} ago", text::line(outcome))
            }
        }
    }
}

/// What a page says of its data.
#[derive(Clone, Debug, Default)]
pub struct Age {
    /// It, in one sentence.
    pub words: String,
    /// Something is wrong with it.
    pub warns: bool,
}

/// The age of the data of a page, which is that of the oldest of its accounts.
pub fn told(ages: &[AccountAge], names: &BTreeMap<i64, String>, now: Timestamp) -> Age {
    let worst = ages.iter().max_by_key(|age| {
        (
            age.verdict(now),
            age.complete_at.map(|time| -time.as_second()),
        )
    });
    let Some(worst) = worst else {
        let words = "Nothing in the store says when it was pulled.".to_owned();
        return Age { words, warns: true };
    };
    let warns = worst.verdict(now) != Verdict::Fresh;
    let mut words = match worst.complete_at {
        Some(complete) => format!("Data of {}", text::moment(complete)),
        None => "Data of an unknown age".to_owned(),
    };
    if ages.len() > 1 {
        let name = super::names::account(names, worst.account_id);
        words = format!("{words} (the oldest of {} accounts: {name})", ages.len());
    }
    let simulated = |age: &AccountAge| age.source.as_deref() == Some(simulated::SOURCE);
    let made_up = match ages.iter().any(simulated) {
        true => " It is made up by the simulator, and so are its trends.",
        false => "",
    };
    Age {
        words: format!("{words}: {}.{made_up}", worst.words(now)),
        warns,
    }
}

/// The ages of all accounts, or of one.
pub async fn read(database: &Database, account: Option<i64>) -> Result<Vec<AccountAge>, Failure> {
    if !kept(database).await? {
        return Ok(Vec::new());
    }
    let only = account.map_or(String::new(), |id| format!("WHERE a.account_id = {id}"));
    let sql = format!(
        "SELECT a.account_id, a.source, p.began_at, p.ended_at, p.outcome, p.errors
        FROM pull_accounts AS a LEFT JOIN pulls AS p
            ON p.account_id = a.account_id AND p.run > a.run - {RUNS} AND p.run <= a.run
        {only} ORDER BY a.account_id, p.run DESC"
    );
    let rows = database.query(&sql, &[]).await?;
    let of_one = |a: &Row, b: &Row| a.integer(0) == b.integer(0);
    let mut ages: Vec<_> = rows.chunk_by(of_one).filter_map(of_account).collect();
    for age in ages.iter_mut().filter(|age| age.complete_at.is_none()) {
        let sql = "SELECT max(ended_at) FROM pulls WHERE account_id = ?1 AND outcome = 'complete'";
        let rows = database.query(sql, &[age.account_id.into()]).await?;
        age.complete_at = rows.first().and_then(|row| row.time(0));
    }
    Ok(ages)
}

/// Whether anything was ever pulled into this database: a page makes no tables.
async fn kept(database: &Database) -> Result<bool, Failure> {
    let sql = match database.dialect() {
        Dialect::Sqlite => "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'pulls'",
        Dialect::Postgres => "SELECT 1 WHERE to_regclass('pulls') IS NOT NULL",
    };
    Ok(!database.query(sql, &[]).await?.is_empty())
}

/// From the runs of an account, the newest first.
fn of_account(runs: &[Row]) -> Option<AccountAge> {
    let first = runs.first()?;
    let mut began: Vec<_> = runs.iter().filter_map(|run| run.time(2)).collect();
    began.sort_unstable();
    let mut gaps: Vec<_> = began
        .windows(2)
        .map(|pair| pair[1].duration_since(pair[0]))
        .collect();
    gaps.sort_unstable();
    let last = runs
        .iter()
        .find(|run| run.text(4).is_some_and(|it| it != "running"));
    let complete = runs.iter().find(|run| run.text(4) == Some("complete"));
    Some(AccountAge {
        account_id: first.integer(0)?,
        source: first.text(1).map(str::to_owned),
        complete_at: complete.and_then(|run| run.time(3)),
        last: last.and_then(|run| {
            let time = run.time(3).or(run.time(2))?;
            Some((time, run.text(4)?.to_owned()))
        }),
        errors: last.and_then(|run| run.text(5)).map(str::to_owned),
        usual: gaps.get(gaps.len() / 2).copied(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_780_000_000 + 60 * minute).unwrap()
    }

    fn age(
        account_id: i64,
        complete: Option<i64>,
        outcome: &str,
        usual: Option<i64>,
    ) -> AccountAge {
        AccountAge {
            account_id,
            source: None,
            complete_at: complete.map(at),
            last: complete.map(|minute| (at(minute), outcome.to_owned())),
            errors: None,
            usual: usual.map(SignedDuration::from_mins),
        }
    }

    #[test]
    fn data_is_old_after_twice_the_usual_time() {
        for (complete, outcome, usual, verdict) in [
            (Some(0), "complete", Some(60), Verdict::Fresh),
            (Some(-120), "complete", Some(60), Verdict::Fresh),
            (Some(-121), "complete", Some(60), Verdict::Old),
            (Some(-30), "complete", Some(1), Verdict::Fresh),
            (Some(-31), "complete", Some(1), Verdict::Old),
            (Some(-2_880), "complete", None, Verdict::Fresh),
            (Some(-2_881), "complete", None, Verdict::Old),
            (Some(0), "partial", Some(60), Verdict::Failed),
            (None, "", None, Verdict::Never),
        ] {
            assert_eq!(age(1, complete, outcome, usual).verdict(at(0)), verdict);
        }
    }

    #[test]
    fn the_oldest_account_is_named() {
        let names = BTreeMap::from([(2, "Beta".to_owned())]);
        let fresh = age(1, Some(-1), "complete", Some(60));
        let told = |ages: &[AccountAge]| super::told(ages, &names, at(0));
        let one = told(std::slice::from_ref(&fresh));
        assert_eq!(
            one.words,
            "Data of 2026-05-28 20:25 UTC: pulled 1 minute ago."
        );
        assert!(!one.warns);
        let two = told(&[fresh.clone(), age(2, Some(-5), "complete", Some(60))]);
        assert_eq!(
            two.words,
            "Data of 2026-05-28 20:21 UTC (the oldest of 2 accounts: Beta): pulled 5 minutes ago."
        );
        let failed = told(&[fresh.clone(), age(2, Some(0), "failed", Some(60))]);
        assert!(failed.warns && failed.words.contains("Beta"), "{failed:?}");
        assert!(
            told(&[fresh, age(3, None, "", None)])
                .words
                .contains("account 3")
        );
        assert!(told(&[]).warns);
    }
}
