//! The counts of days that the store keeps, as series without gaps.

use std::collections::BTreeMap;

use jiff::ToSpan as _;
use jiff::civil::Date;

use super::chart::Series;
use crate::database::{Database, Row, Value};
use crate::failure::Failure;

/// For how many days a count stands for days without one, such as those on which nothing was
/// pulled.
const CARRIED: i64 = 7;

/// The days of a chart, the first and the last included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Days {
    /// The first.
    pub first: Date,
    /// The last.
    pub last: Date,
}

impl Days {
    /// So many days up to this one.
    pub fn up_to(last: Date, days: i64) -> Self {
        let first = last.saturating_sub((days - 1).max(0).days());
        Self { first, last }
    }
}

/// Whose counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The sum of all accounts.
    All,
    /// An account.
    Account(i64),
    /// An organization of an account.
    Organization(i64, i64),
}

/// Counts by day, for each of these columns of the tables of days.
pub async fn read(
    database: &Database,
    whose: Whose,
    columns: &[&str],
    days: Days,
) -> Result<Vec<Series>, Failure> {
    let counts = columns.join(", ");
    let since = days.first.saturating_sub(CARRIED.days());
    let mut values: Vec<Value> = vec![since.to_string().into(), days.last.to_string().into()];
    let (table, of_whom) = match whose {
        Whose::All => ("accounts_daily", ""),
        Whose::Account(id) => {
            values.push(id.into());
            ("accounts_daily", "AND account_id = ?3")
        }
        Whose::Organization(account, id) => {
            values.extend([account.into(), id.into()]);
            (
                "organizations_daily",
                "AND account_id = ?3 AND organization_id = ?4",
            )
        }
    };
    let sql = format!(
        "SELECT account_id, day, {counts} FROM {table} \
         WHERE day >= ?1 AND day <= ?2 {of_whom} ORDER BY day"
    );
    Ok(series(
        &database.query(&sql, &values).await?,
        columns.len(),
        days,
    ))
}

/// The same of several accounts, each by itself.
pub async fn of_each_account(
    database: &Database,
    column: &str,
    days: Days,
) -> Result<BTreeMap<i64, Series>, Failure> {
    let since = days.first.saturating_sub(CARRIED.days());
    let sql = format!(
        "SELECT account_id, day, {column} FROM accounts_daily \
         WHERE day >= ?1 AND day <= ?2 ORDER BY account_id, day"
    );
    let values = [since.to_string().into(), days.last.to_string().into()];
    let rows = database.query(&sql, &values).await?;
    let of_one = |a: &Row, b: &Row| a.integer(0) == b.integer(0);
    let each = rows.chunk_by(of_one).filter_map(|rows| {
        let id = rows.first()?.integer(0)?;
        Some((id, series(rows, 1, days).pop()?))
    });
    Ok(each.collect())
}

/// Rows of an account, a day, and counts, by day: as the sum of all accounts. An account of
/// which nothing is known on a day is not in its sum; where nothing is known of any, nor is the
/// sum.
fn series(rows: &[Row], columns: usize, days: Days) -> Vec<Series> {
    let mut all = vec![Series::new(); columns];
    let mut latest: BTreeMap<i64, (Date, &Row)> = BTreeMap::new();
    let mut rows = rows.iter().peekable();
    let mut day = days.first;
    while day <= days.last {
        while let Some(row) = rows.peek() {
            let (account, of) = (row.integer(0), row.text(1).and_then(|day| day.parse().ok()));
            match (account, of) {
                (Some(_), Some(of)) if of > day => break,
                (Some(account), Some(of)) => drop(latest.insert(account, (of, row))),
                _ => {}
            }
            rows.next();
        }
        let oldest = day.saturating_sub(CARRIED.days());
        for (column, series) in all.iter_mut().enumerate() {
            let known = latest.values().filter(|(of, _)| *of >= oldest);
            let known = known.filter_map(|(_, row)| row.integer(column + 2));
            series.push((
                day,
                known.fold(None, |sum, count| Some(sum.unwrap_or(0) + count)),
            ));
        }
        match day.tomorrow() {
            Ok(next) => day = next,
            Err(_) => break,
        }
    }
    all
}

/// The last count, and how it has changed since the first day of which something is known.
pub fn last_and_change(series: &Series) -> (Option<i64>, Option<(i64, Date)>) {
    let last = series.last().and_then(|(_, value)| *value);
    let mut known = series.iter();
    let first = known.find_map(|(day, value)| value.map(|value| (value, *day)));
    let change = last.zip(first);
    let change = change.map(|(last, (first, day))| (last - first, day));
    (last, change)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(account: i64, day: &str, count: Option<i64>) -> Row {
        Row::of(vec![account.into(), day.into(), count.into()])
    }

    #[test]
    fn a_count_stands_for_the_week_after_it() {
        let rows = [
            row(1, "2026-05-30", Some(5)),
            row(1, "2026-06-03", Some(3)),
            row(2, "2026-06-03", Some(10)),
            row(2, "2026-06-04", None),
        ];
        let days = Days {
            first: "2026-06-01".parse().unwrap(),
            last: "2026-06-12".parse().unwrap(),
        };
        let counts: Vec<_> = series(&rows, 1, days)[0]
            .iter()
            .map(|(_, count)| *count)
            .collect();
        let three = Some(3);
        assert_eq!(
            counts,
            [
                Some(5),
                Some(5),
                Some(13),
                three,
                three,
                three,
                three,
                three,
                three,
                three,
                None,
                None
            ]
        );
    }
}
