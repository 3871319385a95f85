//! Counts of each day, which stay when the rows that were counted go.
//!
//! Two tables of the same columns: `organizations_daily` for what belongs to an organization, and
//! `accounts_daily` for all of an account. The second is no sum of the first: an escalation may
//! belong to several organizations, and an incident to none. And a trend of a whole account is
//! read from as many rows as there are days, however many organizations it has.

use std::collections::BTreeMap;

use jiff::ToSpan as _;
use jiff::civil::Date;

use super::Store;
use super::column::Kind;
use super::statements::insert;
use super::views::{Need, OPEN_INCIDENT, in_dialect};
use crate::database::{Dialect, Row, Transaction, Value};
use crate::failure::Failure;

/// What is counted, in the order of the columns.
const COUNTS: [&str; 15] = [
    "agents",
    "agents_stale",
    "agents_isolated",
    "agents_outdated",
    "incidents_open",
    "incidents_open_critical",
    "incidents_open_high",
    "incidents_open_low",
    "incidents_new",
    "incidents_closed",
    "identities",
    "identities_at_risk",
    "escalations_open",
    "signals_new",
    "learners",
];

/// A query that counts one list of the account `?1`. It gives the id of an organization, and the
/// counts.
struct Part {
    /// Where its counts stand among [`COUNTS`].
    first: usize,
    needs: &'static [Need],
    sql: &'static str,
    /// The counts of all of the account, where they are not the sum of the organizations'.
    total: Option<&'static str>,
}

const PARTS: [Part; 7] = [
    Part {
        first: 0,
        needs: &[
            ("agents", "organization_id", Kind::Integer),
            ("agents", "firewall_status", Kind::Text),
            ("agents", "last_callback_at", Kind::Moment),
            ("agents", "created_at", Kind::Moment),
        ],
        sql: "SELECT organization_id, count(*),
                count(CASE WHEN coalesce(last_callback_at, created_at) < {stale then} THEN 1 END),
                count(CASE WHEN firewall_status IN ('Isolated', 'Pending Release') THEN 1 END)
            FROM agents WHERE account_id = ?1 AND gone_at IS NULL
            GROUP BY organization_id",
        total: None,
    },
    Part {
        first: 3,
        needs: &[
            ("agents", "organization_id", Kind::Integer),
            ("agents", "platform", Kind::Text),
            ("agents", "version_number", Kind::Integer),
        ],
        sql: "SELECT a.organization_id, count(CASE WHEN a.version_number < u.version_number THEN 1 END)
            FROM agents AS a LEFT JOIN usual_versions AS u
                ON u.account_id = a.account_id AND u.platform = a.platform
            WHERE a.account_id = ?1 AND a.gone_at IS NULL
            GROUP BY a.organization_id",
        total: None,
    },
    Part {
        first: 4,
        needs: &[
            ("incident_reports", "organization_id", Kind::Integer),
            ("incident_reports", "status", Kind::Text),
            ("incident_reports", "severity", Kind::Text),
            ("incident_reports", "sent_at", Kind::Moment),
            ("incident_reports", "closed_at", Kind::Moment),
        ],
        sql: "SELECT organization_id,
                count(CASE WHEN {open} THEN 1 END),
                count(CASE WHEN {open} AND severity = 'critical' THEN 1 END),
                count(CASE WHEN {open} AND severity = 'high' THEN 1 END),
                count(CASE WHEN {open} AND severity = 'low' THEN 1 END),
                count(CASE WHEN sent_at >= {begin} AND sent_at < {end} THEN 1 END),
                count(CASE WHEN closed_at >= {begin} AND closed_at < {end} THEN 1 END)
            FROM incident_reports WHERE account_id = ?1 GROUP BY organization_id",
        total: None,
    },
    Part {
        first: 10,
        needs: &[
            ("identities", "organization_id", Kind::Integer),
            ("identities", "enabled", Kind::Boolean),
            ("identities", "mfa_enabled", Kind::Boolean),
            ("identities", "risk_level", Kind::Text),
        ],
        sql: "SELECT organization_id, count(*), count(CASE WHEN i.enabled AND {at risk} THEN 1 END)
            FROM identities AS i CROSS JOIN store_settings AS s
            WHERE account_id = ?1 AND gone_at IS NULL GROUP BY organization_id",
        total: None,
    },
    Part {
        first: 12,
        needs: &[
            ("escalations", "organizations", Kind::Json),
            ("escalations", "status", Kind::Text),
        ],
        sql: "SELECT {id of organization}, count(DISTINCT e.id)
            FROM escalations AS e {each organization}
            WHERE account_id = ?1 AND gone_at IS NULL AND status <> 'resolved' GROUP BY 1",
        total: Some(
            "SELECT count(*) FROM escalations
            WHERE account_id = ?1 AND gone_at IS NULL AND status <> 'resolved'",
        ),
    },
    Part {
        first: 13,
        needs: &[
            ("signals", "organization_id", Kind::Integer),
            ("signals", "created_at", Kind::Moment),
        ],
        sql: "SELECT organization_id, count(CASE WHEN created_at >= {begin} AND created_at < {end} THEN 1 END)
            FROM signals WHERE account_id = ?1 GROUP BY organization_id",
        total: None,
    },
    Part {
        first: 14,
        needs: &[("organizations", "sat_learner_count", Kind::Integer)],
        sql: "SELECT id, sat_learner_count FROM organizations
            WHERE account_id = ?1 AND gone_at IS NULL",
        total: None,
    },
];

/// The version that most agents of a platform have in an account, from which the pages see what
/// is outdated without reading all agents. It is as fresh as the counts.
const USUAL_VERSIONS: &str = "CREATE TABLE IF NOT EXISTS usual_versions (
    account_id bigint NOT NULL,
    platform text NOT NULL,
    version_number bigint NOT NULL,
    PRIMARY KEY (account_id, platform))";

const FORGET_VERSIONS: &str = "DELETE FROM usual_versions WHERE account_id = ?1";

const FIND_VERSIONS: &str = "INSERT INTO usual_versions (account_id, platform, version_number)
    SELECT account_id, platform, version_number FROM (
        SELECT account_id, platform, version_number, row_number() OVER (
            PARTITION BY platform ORDER BY count(*) DESC, version_number DESC) AS place
        FROM agents
        WHERE account_id = ?1 AND gone_at IS NULL
            AND platform IS NOT NULL AND version_number IS NOT NULL
        GROUP BY account_id, platform, version_number) AS counted
    WHERE place = 1";

/// A table of counts: its name, the columns before the counts, and its key.
type DailyTable = (&'static str, &'static [(&'static str, Kind)], &'static str);

const TABLES: [DailyTable; 2] = [
    (
        "accounts_daily",
        &[("account_id", Kind::Integer), ("day", Kind::Date)],
        "account_id, day",
    ),
    (
        "organizations_daily",
        &[
            ("account_id", Kind::Integer),
            ("organization_id", Kind::Integer),
            ("day", Kind::Date),
        ],
        "account_id, organization_id, day",
    ),
];

/// What makes the tables.
pub(super) fn tables(dialect: Dialect) -> Vec<String> {
    let column = |name: &str, kind: Kind| format!("{name} {}", kind.sql(dialect));
    let mut all: Vec<_> = TABLES
        .iter()
        .map(|(table, key, primary)| {
            let key = key
                .iter()
                .map(|(name, kind)| column(name, *kind) + " NOT NULL");
            let counts = COUNTS.iter().map(|name| column(name, Kind::Integer));
            let columns: Vec<_> = key.chain(counts).collect();
            let columns = columns.join(", ");
            format!("CREATE TABLE IF NOT EXISTS {table} ({columns}, PRIMARY KEY ({primary}))")
        })
        .collect();
    all.push(USUAL_VERSIONS.to_owned());
    // For all organizations on one day, and to replace a day.
    all.push(
        "CREATE INDEX IF NOT EXISTS organizations_daily_by_day \
         ON organizations_daily (day, account_id)"
            .to_owned(),
    );
    all
}

/// The counts of one organization, or of the account; none where the document lacks a column.
type Counts = [Option<i64>; COUNTS.len()];

const NOTHING: Counts = [Some(0); COUNTS.len()];

struct Tally {
    account: Counts,
    organizations: BTreeMap<i64, Counts>,
}

impl Store {
    /// Counts what there is of an account, for the trends (`accounts_daily` and
    /// `organizations_daily`), as the counts of a day in UTC. Those that the day has already
    /// are replaced.
    ///
    /// What was new or closed is counted by its date, all else as it is now, whatever the day.
    ///
    /// # Errors
    ///
    /// Where the database refuses it or cannot be had.
    pub async fn count_day(
        &self,
        tx: &mut Transaction,
        account_id: i64,
        day: Date,
    ) -> Result<(), Failure> {
        let account = [Value::from(account_id)];
        let present = "SELECT id FROM organizations WHERE account_id = ?1 AND gone_at IS NULL";
        let present = tx.query(present, &account).await?;
        let present = present
            .iter()
            .filter_map(|row| Some((row.integer(0)?, NOTHING)));
        let mut tally = Tally {
            account: NOTHING,
            organizations: present.collect(),
        };
        if self.meets(PARTS[1].needs) {
            for sql in [FORGET_VERSIONS, FIND_VERSIONS] {
                tx.execute(sql, &account).await?;
            }
        }
        for part in &PARTS {
            if !self.meets(part.needs) {
                tally.unknown(part);
                continue;
            }
            let sql = in_words(self.database.dialect(), part.sql, day);
            tally.add(part, &tx.query(&sql, &account).await?);
            if let Some(total) = part.total {
                let sql = in_words(self.database.dialect(), total, day);
                let rows = tx.query(&sql, &account).await?;
                tally.account[part.first] = rows.first().and_then(|row| row.integer(0));
            }
        }
        let [accounts, organizations] = tally.rows(account_id, day);
        self.replace_day(tx, &TABLES[0], account_id, day, accounts)
            .await?;
        self.replace_day(tx, &TABLES[1], account_id, day, organizations)
            .await
    }

    fn meets(&self, needs: &[Need]) -> bool {
        needs.iter().all(|(table, name, kind)| {
            let columns = self.table(table).map(|table| table.columns.iter());
            let mut columns = columns.into_iter().flatten();
            columns.any(|column| column.name == *name && column.kind == *kind)
        })
    }

    async fn replace_day(
        &self,
        tx: &mut Transaction,
        (table, key, _): &DailyTable,
        account_id: i64,
        day: Date,
        rows: Vec<Vec<Value>>,
    ) -> Result<(), Failure> {
        let delete = format!("DELETE FROM {table} WHERE account_id = ?1 AND day = ?2");
        tx.execute(&delete, &[account_id.into(), day.to_string().into()])
            .await?;
        if rows.is_empty() {
            return Ok(());
        }
        let dialect = self.database.dialect();
        let counts = COUNTS.iter().map(|name| (*name, Kind::Integer));
        let columns = key.iter().copied().chain(counts);
        let columns: Vec<_> = columns
            .map(|(name, kind)| (name.to_owned(), kind.sql(dialect)))
            .collect();
        tx.execute_rows(&insert(dialect, table, &columns), rows)
            .await?;
        Ok(())
    }
}

impl Part {
    /// Where its counts stand: up to those of the next part.
    fn columns(&self) -> std::ops::Range<usize> {
        let next = PARTS
            .iter()
            .map(|part| part.first)
            .find(|first| *first > self.first);
        self.first..next.unwrap_or(COUNTS.len())
    }
}

impl Tally {
    /// Adds the counts of a part: in each row the id of an organization, or none, and the counts.
    fn add(&mut self, part: &Part, rows: &[Row]) {
        for row in rows {
            for (column, at) in part.columns().zip(1..) {
                let count = row.integer(at).unwrap_or(0);
                let add = |counts: &mut Counts| {
                    counts[column] = counts[column].map(|before| before + count);
                };
                add(&mut self.account);
                // One that has gone is in no row unless something of it is left.
                if let Some(id) = row.integer(0).filter(|_| count != 0) {
                    add(self.organizations.entry(id).or_insert(NOTHING));
                }
            }
        }
    }

    fn unknown(&mut self, part: &Part) {
        let organizations = self.organizations.values_mut();
        for counts in organizations.chain([&mut self.account]) {
            counts[part.columns()].fill(None);
        }
    }

    /// The rows of both tables.
    fn rows(self, account_id: i64, day: Date) -> [Vec<Vec<Value>>; 2] {
        let row = |organization: Option<i64>, counts: Counts| {
            let key = [account_id]
                .into_iter()
                .chain(organization)
                .map(Value::from);
            let day = [Value::Text(day.to_string())];
            key.chain(day)
                .chain(counts.into_iter().map(Value::from))
                .collect()
        };
        let account = vec![row(None, self.account)];
        let organizations = self.organizations.into_iter();
        [
            account,
            organizations
                .map(|(id, counts)| row(Some(id), counts))
                .collect(),
        ]
    }
}

/// A text for a day, in the words of a database.
fn in_words(dialect: Dialect, sql: &str, day: Date) -> String {
    let midnight = |day: Date| match dialect {
        Dialect::Sqlite => format!("'{day}T00:00:00.000Z'"),
        Dialect::Postgres => format!("timestamptz '{day}T00:00:00Z'"),
    };
    let (id, each) = match dialect {
        Dialect::Sqlite => (
            "CASE o.type WHEN 'object' THEN o.value ->> 'id' END",
            ", json_each(e.organizations) AS o",
        ),
        Dialect::Postgres => (
            "CASE WHEN o.value ->> 'id' ~ '^[0-9]{1,18}$' THEN (o.value ->> 'id')::bigint END",
            "CROSS JOIN LATERAL jsonb_array_elements(CASE jsonb_typeof(e.organizations) \
             WHEN 'array' THEN e.organizations ELSE '[]' END) AS o (value)",
        ),
    };
    let open = format!("gone_at IS NULL AND {OPEN_INCIDENT}");
    let sql = in_dialect(dialect, sql)
        .replace("{id of organization}", id)
        .replace("{each organization}", each)
        .replace("{open}", &open);
    sql.replace("{begin}", &midnight(day))
        .replace("{end}", &midnight(day.saturating_add(1.day())))
}
