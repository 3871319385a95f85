//! A row for each organization, over all accounts: the counts of the last day that was counted,
//! and incidents as they are at this moment.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::App;
use super::asked::{Asked, Sort};
use super::cell::{Cell, Tone};
use super::fields::Fields;
use super::page::Page;
use super::table::{Column, Extent, Listing, arrange, keys, numbers, words};
use super::text;
use crate::database::{Row, Value};
use crate::failure::Failure;
use crate::store::OPEN_INCIDENT;

/// Incidents by their severity; none where the store does not have what tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Open {
    /// All of them.
    pub all: Option<i64>,
    /// Critical.
    pub critical: Option<i64>,
    /// High.
    pub high: Option<i64>,
    /// Low.
    pub low: Option<i64>,
}

impl Open {
    /// No incident, as far as that can be told.
    pub fn none(fields: &Fields) -> Self {
        let all = fields.has_text("incident_reports", "status").then_some(0);
        let severity = all.filter(|_| fields.has_text("incident_reports", "severity"));
        Self {
            all,
            critical: severity,
            high: severity,
            low: severity,
        }
    }

    /// With these, too.
    pub fn add(&mut self, severity: Option<&str>, count: i64) {
        let of_severity = match severity {
            Some("critical") => Some(&mut self.critical),
            Some("high") => Some(&mut self.high),
            Some("low") => Some(&mut self.low),
            _ => None,
        };
        for sum in [Some(&mut self.all), of_severity].into_iter().flatten() {
            *sum = sum.map(|sum| sum + count);
        }
    }

    /// With all of these.
    pub fn join(&mut self, more: Self) {
        for (sum, more) in [
            (&mut self.all, more.all),
            (&mut self.critical, more.critical),
            (&mut self.high, more.high),
            (&mut self.low, more.low),
        ] {
            *sum = sum.zip(more).map(|(sum, more)| sum + more);
        }
    }

    /// For a bar.
    pub fn parts(self) -> [(&'static str, Option<i64>); 3] {
        [
            ("critical", self.critical),
            ("high", self.high),
            ("low", self.low),
        ]
    }
}

/// What is counted of an organization, or of all of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// The account.
    pub account_id: i64,
    /// The organization; none where it is all of the account.
    pub organization_id: Option<i64>,
    /// Its name.
    pub name: Option<String>,
    /// The day of the counts.
    pub day: Option<Date>,
    /// Open incidents; these are of this moment.
    pub open: Open,
    /// Agents, and those of them that are stale, isolated and outdated.
    pub agents: [Option<i64>; 4],
    /// Identities, and those of them that are at risk.
    pub identities: [Option<i64>; 2],
    /// Learners of the training.
    pub learners: Option<i64>,
}

/// The counts of both tables of days, in the order of [`Counts`].
pub const COUNTED: &str = "d.agents, d.agents_stale, d.agents_isolated, d.agents_outdated, \
     d.identities, d.identities_at_risk, d.learners";

impl Counts {
    /// From a row: account, organization, name, day, and [`COUNTED`].
    pub fn of(row: &Row) -> Option<Self> {
        let count = |at| row.integer(at);
        Some(Self {
            account_id: row.integer(0)?,
            organization_id: row.integer(1),
            name: row.text(2).map(str::to_owned),
            day: row.text(3).and_then(|day| day.parse().ok()),
            open: Open::default(),
            agents: [count(4), count(5), count(6), count(7)],
            identities: [count(8), count(9)],
            learners: count(10),
        })
    }

    /// What it is called.
    pub fn title(&self) -> String {
        match (&self.name, self.organization_id) {
            (Some(name), _) if !name.trim().is_empty() => text::line(name),
            (_, Some(id)) => format!("organization {id}"),
            (_, None) => format!("account {}", self.account_id),
        }
    }

    /// The path of its page.
    pub fn path(&self) -> String {
        let account = self.account_id;
        match self.organization_id {
            Some(id) => format!("/organizations/{account}/{id}"),
            None => format!("/?account={account}"),
        }
    }
}

/// The counts of each organization on the last day of its account.
pub async fn read(app: &App, account: Option<i64>) -> Result<Vec<Counts>, Failure> {
    let name = app.fields.text("organizations", "name");
    let (only, values) = of_account(account, "d.account_id");
    let sql = format!(
        "SELECT d.account_id, d.organization_id, {name}, d.day, {COUNTED}
        FROM (SELECT account_id, max(day) AS day FROM accounts_daily GROUP BY account_id) AS l
        JOIN organizations_daily AS d ON d.day = l.day AND d.account_id = l.account_id
        LEFT JOIN organizations AS t ON t.account_id = d.account_id AND t.id = d.organization_id
        {only} ORDER BY d.account_id, d.organization_id"
    );
    let rows = app.store.database().query(&sql, &values).await?;
    let mut all: Vec<_> = rows.iter().filter_map(Counts::of).collect();
    let open = open_incidents(app, account).await?;
    for counts in &mut all {
        let key = (counts.account_id, counts.organization_id);
        let none = Open::none(&app.fields);
        counts.open = open.get(&key).copied().unwrap_or(none);
    }
    Ok(all)
}

/// Open incidents of this moment, by account and organization.
pub async fn open_incidents(
    app: &App,
    account: Option<i64>,
) -> Result<BTreeMap<(i64, Option<i64>), Open>, Failure> {
    let organization = app.fields.integer("incident_reports", "organization_id");
    let severity = app.fields.text("incident_reports", "severity");
    let (only, values) = of_account(account, "t.account_id");
    let only = only.replace("WHERE", "AND");
    let status = app.fields.text("incident_reports", "status");
    let is_open = OPEN_INCIDENT.replace("status", &status);
    let sql = format!(
        "SELECT t.account_id, {organization}, {severity}, count(*) FROM incident_reports AS t
        WHERE {is_open} AND t.gone_at IS NULL {only} GROUP BY 1, 2, 3"
    );
    let mut open: BTreeMap<_, Open> = BTreeMap::new();
    for row in app.store.database().query(&sql, &values).await? {
        if let (Some(account), Some(count)) = (row.integer(0), row.integer(3)) {
            let of = open.entry((account, row.integer(1)));
            let of = of.or_insert_with(|| Open::none(&app.fields));
            of.add(row.text(2), count);
        }
    }
    Ok(open)
}

fn of_account(account: Option<i64>, column: &str) -> (String, Vec<Value>) {
    match account {
        Some(id) => (format!("WHERE {column} = ?1"), vec![id.into()]),
        None => (String::new(), Vec::new()),
    }
}

/// What the overview can be asked for.
pub const KNOWN: [&str; 5] = ["account", "days", "page", "q", "sort"];

const USUAL: Sort = Sort {
    key: "incidents",
    descending: true,
};

fn columns(accounts: bool) -> Vec<Column> {
    let mut columns = vec![words("name", "Organization")];
    if accounts {
        columns.push(words("account", "Account"));
    }
    columns.extend([
        numbers("incidents", "Open incidents"),
        numbers("critical", "Critical"),
        numbers("high", "High"),
        numbers("low", "Low"),
        numbers("agents", "Agents"),
        numbers("stale", "Stale"),
        numbers("isolated", "Isolated"),
        numbers("outdated", "Outdated"),
        numbers("identities", "Identities"),
        numbers("at_risk", "At risk"),
        numbers("learners", "Learners"),
    ]);
    columns
}

/// The table of the overview.
pub fn listing(all: &[Counts], page: &Page, asked: Asked, extent: Extent) -> Listing {
    let mut accounts: Vec<_> = all.iter().map(|counts| counts.account_id).collect();
    accounts.dedup();
    let several = accounts.len() > 1;
    let columns = columns(several);
    let most = all.iter().filter_map(|counts| counts.open.all).max();
    let row = |counts: &Counts| {
        let mut row = vec![Cell::Link(counts.title(), counts.path())];
        if several {
            let name = page.account(counts.account_id);
            row.push(Cell::Link(name, format!("/?account={}", counts.account_id)));
        }
        row.extend(cells(counts, most));
        row
    };
    let sort = asked.sort(&keys(&columns), USUAL);
    let rows = arrange(
        all.iter().map(row).collect(),
        &columns,
        &asked,
        sort,
        extent,
    );
    Listing {
        id: "organizations",
        caption: "Organizations".to_owned(),
        rows,
        columns,
        sort,
        empty: "There are no organizations.".to_owned(),
        finds: Some("organization or account"),
        choices: Vec::new(),
        asked,
    }
}

/// The cells that organizations and accounts have in common, from open incidents on.
pub fn cells(counts: &Counts, most: Option<i64>) -> Vec<Cell> {
    let [agents, stale, isolated, outdated] = counts.agents;
    let [identities, at_risk] = counts.identities;
    vec![
        Cell::Stack(super::chart::Stack::new(&counts.open.parts(), most)),
        Cell::Bad(counts.open.critical, Tone::Critical),
        Cell::Bad(counts.open.high, Tone::High),
        Cell::Bad(counts.open.low, Tone::Low),
        Cell::Count(agents),
        Cell::Bad(stale, Tone::Low),
        Cell::Bad(isolated, Tone::High),
        Cell::Bad(outdated, Tone::Low),
        Cell::Count(identities),
        Cell::Bad(at_risk, Tone::High),
        Cell::Count(counts.learners),
    ]
}
