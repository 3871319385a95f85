//! The counts of one organization. Every query names its account and itself; what the numbers mean
//! is what the store's views and daily counts say (`docs/store.md`).

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use serde::Serialize;

use super::Link;
use crate::database::{Dialect, Row, Value};
use crate::failure::Failure;
use crate::simulated;
use crate::store::Store;

/// How many months are counted, the present one included.
const MONTHS: i64 = 12;
/// How many days the trend has.
const DAYS: i64 = 90;

/// What an organization is shown of itself.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Its id and name.
    pub organization: Organization,
    /// When the oldest of what is shown was read; none where nobody knows.
    pub data_as_of: Option<Timestamp>,
    /// Whether the simulator has made it up, trends included. Not in the JSON of what is real.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub made_up: bool,
    /// Until when the link is of use.
    pub expires_at: Timestamp,
    /// Its incidents.
    pub incidents: Incidents,
    /// Its agents.
    pub agents: Agents,
    /// What is billed by number.
    pub billable: Billable,
    /// A point for each day that was counted, the oldest first.
    pub trend: Vec<Day>,
}

/// Which organization it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Organization {
    /// Its id.
    pub id: i64,
    /// Its name, if it has one.
    pub name: Option<String>,
}

/// Incidents by severity.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Incidents {
    /// Those that are open now.
    pub open: Severities,
    /// Those that were sent in each month, the present one first.
    pub months: Vec<Month>,
}

/// A month, and how many incidents were sent in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Month {
    /// Such as `2026-11`.
    pub month: String,
    /// How many.
    #[serde(flatten)]
    pub sent: Severities,
}

/// How many there are of each severity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Severities {
    /// Critical.
    pub critical: i64,
    /// High.
    pub high: i64,
    /// Low.
    pub low: i64,
    /// Of another severity, or of none.
    pub other: i64,
}

/// How agents are. One may be stale, isolated and outdated at once; it is healthy if it is none of
/// that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Agents {
    /// All.
    pub total: i64,
    /// With nothing of what follows.
    pub healthy: i64,
    /// Without a call for some time.
    pub stale: i64,
    /// Kept from the network.
    pub isolated: i64,
    /// With an older version than most.
    pub outdated: i64,
}

/// Counts of the API that bills are made of; none where it does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Billable {
    /// Endpoints with an agent.
    pub endpoints: Option<i64>,
    /// Identities.
    pub identities: Option<i64>,
    /// Sources of logs.
    pub log_sources: Option<i64>,
    /// Learners of the awareness training.
    pub learners: Option<i64>,
}

/// The counts of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Day {
    /// The day, in UTC.
    pub day: Date,
    /// Open incidents.
    pub incidents_open: Option<i64>,
    /// Agents.
    pub agents: Option<i64>,
}

impl Severities {
    fn add(&mut self, severity: Option<&str>, count: i64) {
        let of = match severity {
            Some("critical") => &mut self.critical,
            Some("high") => &mut self.high,
            Some("low") => &mut self.low,
            _ => &mut self.other,
        };
        *of += count;
    }

    /// All.
    pub fn total(&self) -> i64 {
        self.critical + self.high + self.low + self.other
    }
}

impl Report {
    /// Reads it; none where the organization is not there, or no more.
    ///
    /// # Errors
    ///
    /// Where the store cannot be had.
    pub async fn read(store: &Store, link: &Link) -> Result<Option<Self>, Failure> {
        let asks = Asks::of(store, link);
        let sql = "SELECT name, agents_count, billable_identity_count, logs_sources_count,
                sat_learner_count
            FROM organizations WHERE account_id = ?1 AND id = ?2 AND gone_at IS NULL";
        let rows = asks.query(sql, &[]).await?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        let today = asks.today().await?;
        Ok(Some(Self {
            organization: Organization {
                id: link.organization_id,
                name: row.text(0).map(str::to_owned),
            },
            billable: Billable {
                endpoints: row.integer(1),
                identities: row.integer(2),
                log_sources: row.integer(3),
                learners: row.integer(4),
            },
            data_as_of: asks.data_as_of().await?,
            made_up: asks.made_up().await?,
            expires_at: link.expires,
            incidents: Incidents {
                open: asks.open().await?,
                months: asks.months(today).await?,
            },
            agents: asks.agents().await?,
            trend: asks.trend(today).await?,
        }))
    }
}

/// Queries of one organization: `?1` is its account, `?2` itself.
struct Asks<'a> {
    store: &'a Store,
    link: &'a Link,
}

impl<'a> Asks<'a> {
    fn of(store: &'a Store, link: &'a Link) -> Self {
        Self { store, link }
    }

    async fn query(&self, sql: &str, more: &[Value]) -> Result<Vec<Row>, Failure> {
        let own = [
            self.link.account_id.into(),
            self.link.organization_id.into(),
        ];
        let values: Vec<Value> = own.into_iter().chain(more.iter().cloned()).collect();
        self.store.database().query(sql, &values).await
    }

    /// The present day by the clock of the database, as the daily counts have it.
    async fn today(&self) -> Result<Date, Failure> {
        let now = self.store.database().now().await?;
        Ok(now.to_zoned(TimeZone::UTC).date())
    }

    /// The oldest of the lists that are shown. Both parameters stand in each query, since
    /// PostgreSQL wants to know the type of each.
    async fn data_as_of(&self) -> Result<Option<Timestamp>, Failure> {
        let sql = "SELECT read_at FROM pull_lists WHERE account_id = ?1 AND read_at IS NOT NULL
                AND list IN ('organizations', 'agents', 'incident_reports')
                AND EXISTS (SELECT 1 FROM organizations WHERE account_id = ?1 AND id = ?2)";
        let rows = self.query(sql, &[]).await?;
        Ok(rows.iter().filter_map(|row| row.time(0)).min())
    }

    async fn made_up(&self) -> Result<bool, Failure> {
        let sql = "SELECT count(*) FROM pull_accounts WHERE account_id = ?1 AND source = ?3
                AND EXISTS (SELECT 1 FROM organizations WHERE account_id = ?1 AND id = ?2)";
        let rows = self.query(sql, &[simulated::SOURCE.into()]).await?;
        Ok(rows.first().and_then(|row| row.integer(0)) > Some(0))
    }

    async fn open(&self) -> Result<Severities, Failure> {
        let sql = "SELECT severity, count(*) FROM open_incidents
            WHERE account_id = ?1 AND organization_id = ?2 GROUP BY severity";
        let mut open = Severities::default();
        for row in self.query(sql, &[]).await? {
            open.add(row.text(0), row.integer(1).unwrap_or(0));
        }
        Ok(open)
    }

    async fn months(&self, today: Date) -> Result<Vec<Month>, Failure> {
        let month = match self.store.database().dialect() {
            Dialect::Sqlite => "substr(sent_at, 1, 7)",
            Dialect::Postgres => "to_char(sent_at AT TIME ZONE 'UTC', 'YYYY-MM')",
        };
        let sql = format!(
            "SELECT {month}, severity, count(*) FROM incident_reports
            WHERE account_id = ?1 AND organization_id = ?2 AND sent_at >= ?3 GROUP BY 1, 2"
        );
        let first = today.first_of_month();
        let all = (0..MONTHS).map(|n| first.saturating_sub(n.months()));
        let mut months: BTreeMap<String, Severities> = all
            .map(|day| (month_of(day), Severities::default()))
            .collect();
        let since = first.saturating_sub((MONTHS - 1).months());
        let since = since.to_zoned(TimeZone::UTC).map(|it| it.timestamp());
        let since: Value = since.ok().into();
        for row in self.query(&sql, &[since]).await? {
            // One that is dated into the future has no month here.
            if let Some(counts) = row.text(0).and_then(|month| months.get_mut(month)) {
                counts.add(row.text(1), row.integer(2).unwrap_or(0));
            }
        }
        let months = months.into_iter().rev();
        Ok(months.map(|(month, sent)| Month { month, sent }).collect())
    }

    /// What is usual was counted by the last pull: to count it here would read all agents of the
    /// account.
    async fn agents(&self) -> Result<Agents, Failure> {
        let sql = "SELECT count(*), count(CASE WHEN NOT (stale OR isolated OR outdated) THEN 1 END),
                count(CASE WHEN stale THEN 1 END), count(CASE WHEN isolated THEN 1 END),
                count(CASE WHEN outdated THEN 1 END)
            FROM (SELECT coalesce(a.firewall_status, '') IN ('Isolated', 'Pending Release') AS isolated,
                    coalesce(a.version_number < u.version_number, false) AS outdated,
                    a.id IN (SELECT agent_id FROM stale_agents
                        WHERE account_id = ?1 AND organization_id = ?2) AS stale
                FROM agents AS a LEFT JOIN usual_versions AS u
                    ON u.account_id = a.account_id AND u.platform = a.platform
                WHERE a.account_id = ?1 AND a.organization_id = ?2 AND a.gone_at IS NULL) AS health";
        let rows = self.query(sql, &[]).await?;
        let count = |column| {
            let count = rows.first().and_then(|row| row.integer(column));
            count.unwrap_or(0)
        };
        Ok(Agents {
            total: count(0),
            healthy: count(1),
            stale: count(2),
            isolated: count(3),
            outdated: count(4),
        })
    }

    async fn trend(&self, today: Date) -> Result<Vec<Day>, Failure> {
        let sql = "SELECT day, incidents_open, agents FROM organizations_daily
            WHERE account_id = ?1 AND organization_id = ?2 AND day > ?3 AND day <= ?4 ORDER BY day";
        let since = today.saturating_sub(DAYS.days());
        let days = [since, today].map(|day| day.to_string().into());
        let rows = self.query(sql, &days).await?;
        let day = |row: &Row| {
            Some(Day {
                day: row.text(0)?.parse().ok()?,
                incidents_open: row.integer(1),
                agents: row.integer(2),
            })
        };
        Ok(rows.iter().filter_map(day).collect())
    }
}

fn month_of(day: Date) -> String {
    format!("{:04}-{:02}", day.year(), day.month())
}

/// The organizations of this id that are in the store: their accounts, and what they are called.
///
/// # Errors
///
/// Where the store cannot be had.
pub async fn organizations(store: &Store, id: i64) -> Result<Vec<(i64, Option<String>)>, Failure> {
    let sql = "SELECT account_id, name FROM organizations WHERE id = ?1 AND gone_at IS NULL
        ORDER BY account_id";
    let rows = store.database().query(sql, &[id.into()]).await?;
    let row = |row: &Row| Some((row.integer(0)?, row.text(1).map(str::to_owned)));
    Ok(rows.iter().filter_map(row).collect())
}
