//! Figures of the awareness training by month and organization. The API has none, so they come
//! from a file that a person has made or exported.

mod figures;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::database::Value;
use crate::failure::{Exit, Failure};
use crate::store::Store;
use figures::Line;

/// The table, in words that both databases know.
pub const TABLE: &str = "CREATE TABLE IF NOT EXISTS training_monthly (
    account_id bigint NOT NULL,
    organization_id bigint NOT NULL,
    month date NOT NULL,
    sent bigint NOT NULL,
    clicked bigint,
    compromised bigint NOT NULL,
    reported bigint,
    imported_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, organization_id, month))";

/// Lines that are wrong of which the text is shown.
const SHOWN: usize = 20;

/// What was imported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Months of organizations that are new or were replaced.
    pub months: usize,
    /// Organizations that these are of.
    pub organizations: usize,
}

/// Reads a file and keeps its figures; those of the same organization and month are replaced.
/// Where a line is wrong nothing is kept.
///
/// `account` is whose organizations are meant; all of the store where there is none.
///
/// # Errors
///
/// Where the file lacks a column, or lines are wrong, which are named; and where the database
/// refuses it or cannot be had.
pub async fn import(
    store: &Store,
    content: &[u8],
    account: Option<i64>,
    now: Timestamp,
) -> Result<Imported, Failure> {
    let lines = figures::read(content)?;
    let organizations = Organizations::read(store, account).await?;
    let mut wrong = Vec::new();
    let mut rows = BTreeMap::new();
    for (number, line) in lines {
        let line = line.and_then(|line| {
            let key = organizations.find(&line)?;
            Ok((key, line))
        });
        match line {
            Ok(((account, organization), line)) => {
                let key = (account, organization, line.month);
                if rows.insert(key, line).is_some() {
                    wrong.push((
                        number,
                        "its organization and month stand in a line before".to_owned(),
                    ));
                }
            }
            Err(problem) => wrong.push((number, problem)),
        }
    }
    if !wrong.is_empty() {
        return Err(refused(&wrong));
    }
    let imported = Imported {
        months: rows.len(),
        organizations: rows
            .keys()
            .map(|(account, id, _)| (account, id))
            .collect::<BTreeSet<_>>()
            .len(),
    };
    keep(store, rows, now).await?;
    Ok(imported)
}

async fn keep(
    store: &Store,
    rows: BTreeMap<(i64, i64, jiff::civil::Date), Line>,
    now: Timestamp,
) -> Result<(), Failure> {
    let sql = "INSERT INTO training_monthly (account_id, organization_id, month, sent, clicked,
            compromised, reported, imported_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
        ON CONFLICT (account_id, organization_id, month) DO UPDATE SET sent = excluded.sent,
            clicked = excluded.clicked, compromised = excluded.compromised,
            reported = excluded.reported, imported_at = excluded.imported_at";
    let values = rows
        .into_iter()
        .map(|((account, organization, month), line)| {
            let values: [Value; 8] = [
                account.into(),
                organization.into(),
                month.to_string().into(),
                line.sent.into(),
                line.clicked.into(),
                line.compromised.into(),
                line.reported.into(),
                now.into(),
            ];
            values.into()
        });
    let mut tx = store.database().begin().await?;
    tx.execute_many(sql, values.collect()).await?;
    tx.commit().await
}

fn refused(wrong: &[(u64, String)]) -> Failure {
    let mut text = match wrong.len() {
        1 => "nothing was imported, since a line is wrong:".to_owned(),
        count => format!("nothing was imported, since {count} lines are wrong:"),
    };
    for (number, problem) in wrong.iter().take(SHOWN) {
        text = format!("{text}\n  line {number}: {problem}");
    }
    if wrong.len() > SHOWN {
        text = format!("{text}\n  and {} more", wrong.len() - SHOWN);
    }
    Failure::new(Exit::Usage, text)
}

/// The organizations that a file can name.
struct Organizations {
    by_id: BTreeMap<i64, Vec<i64>>,
    by_name: BTreeMap<String, Vec<(i64, i64)>>,
}

impl Organizations {
    async fn read(store: &Store, account: Option<i64>) -> Result<Self, Failure> {
        let mut sql =
            "SELECT account_id, id, name FROM organizations WHERE gone_at IS NULL".to_owned();
        let mut values: Vec<Value> = Vec::new();
        if let Some(account) = account {
            sql.push_str(" AND account_id = ?1");
            values.push(account.into());
        }
        let mut it = Self {
            by_id: BTreeMap::new(),
            by_name: BTreeMap::new(),
        };
        for row in store.database().query(&sql, &values).await? {
            let (Some(account), Some(id)) = (row.integer(0), row.integer(1)) else {
                continue;
            };
            it.by_id.entry(id).or_default().push(account);
            if let Some(name) = row.text(2) {
                let named = it.by_name.entry(name.trim().to_owned()).or_default();
                named.push((account, id));
            }
        }
        Ok(it)
    }

    /// The account and the id of the organization of a line. A name that is a number is an id.
    fn find(&self, line: &Line) -> Result<(i64, i64), String> {
        let shown = crate::output::visible::line(&line.organization).into_owned();
        let found: Vec<_> = match line.organization.parse::<i64>() {
            Ok(id) => {
                let accounts = self.by_id.get(&id).into_iter().flatten();
                accounts.map(|account| (*account, id)).collect()
            }
            Err(_) => {
                let named = self.by_name.get(&line.organization);
                named.cloned().unwrap_or_default()
            }
        };
        match found[..] {
            [one] => Ok(one),
            [] => Err(format!(
                "the store has no organization {shown:?}; give its id or its exact name"
            )),
            _ => {
                let ids: Vec<_> = found
                    .iter()
                    .map(|(account, id)| format!("{id} of account {account}"))
                    .collect();
                let ids = ids.join(", ");
                Err(format!(
                    "there are several organizations {shown:?}: {ids}; give the id, or --account"
                ))
            }
        }
    }
}
