//! A row for each account, for resellers and who has several.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;

use super::asked::{Asked, Sort};
use super::cell::Cell;
use super::chart::Spark;
use super::organizations::{self, COUNTED, Counts, Open};
use super::overview::rules;
use super::page::{Page, Wrong, shown};
use super::settings::Settings;
use super::table::{Column, Extent, Listing, Table, arrange, keys, numbers, picture, words};
use super::trends::{self, Days};
use super::{App, file};
use crate::failure::Failure;

/// Days of the small trends.
const DAYS: i64 = 90;

const COLUMNS: [Column; 16] = [
    words("name", "Account"),
    numbers("organizations", "Organizations"),
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
    numbers("stale_share", "Stale, share"),
    numbers("at_risk_share", "At risk, share"),
    picture("trend", "Open incidents, 90 days"),
];

#[derive(Template)]
#[template(path = "dashboard/accounts.html")]
struct Accounts {
    page: Page,
    table: Table,
    rules: Vec<(&'static str, String)>,
}

const KNOWN: [&str; 3] = ["page", "q", "sort"];

/// `GET /accounts`
pub async fn page(State(app): State<App>, uri: Uri) -> Result<Response, Wrong> {
    let page = Page::of(&app, "Accounts side by side", "/accounts", None).await?;
    let listing = listing(&app, &page, uri.query(), Extent::Page).await?;
    let settings = Settings::read(app.store.database()).await?;
    shown(&Accounts {
        table: listing.table(),
        rules: rules(&settings),
        page,
    })
}

/// `GET /accounts.csv`
pub async fn csv(State(app): State<App>, uri: Uri) -> Result<Response, Wrong> {
    let page = Page::of(&app, "", "/accounts", None).await?;
    file::answer(&listing(&app, &page, uri.query(), Extent::All).await?)
}

async fn listing(
    app: &App,
    page: &Page,
    query: Option<&str>,
    extent: Extent,
) -> Result<Listing, Failure> {
    let asked = Asked::new("/accounts", query, &KNOWN);
    let counts = counts(app).await?;
    let organizations = organizations(app).await?;
    let days = Days::up_to(app.today(), DAYS);
    let trends = trends::of_each_account(app.store.database(), "incidents_open", days).await?;
    let most = counts.iter().filter_map(|counts| counts.open.all).max();
    let rows = counts.iter().map(|counts| {
        let id = counts.account_id;
        let mut row = vec![
            Cell::Link(page.account(id), format!("/?account={id}")),
            Cell::Count(Some(organizations.get(&id).copied().unwrap_or(0))),
        ];
        row.extend(organizations::cells(counts, most));
        row.extend([
            Cell::Share(counts.agents[1].zip(counts.agents[0])),
            Cell::Share(counts.identities[1].zip(counts.identities[0])),
            Cell::Spark(Spark::new(trends.get(&id).unwrap_or(&Vec::new()))),
        ]);
        row
    });
    let usual = Sort {
        key: "incidents",
        descending: true,
    };
    let sort = asked.sort(&keys(&COLUMNS), usual);
    Ok(Listing {
        id: "accounts",
        caption: "Accounts".to_owned(),
        rows: arrange(rows.collect(), &COLUMNS, &asked, sort, extent),
        columns: COLUMNS.into(),
        sort,
        empty: "Nothing was counted yet: `huntctl pull` does.".to_owned(),
        finds: Some("account"),
        choices: Vec::new(),
        asked,
    })
}

/// The counts of each account on its last day, with the open incidents of this moment.
async fn counts(app: &App) -> Result<Vec<Counts>, Failure> {
    let sql = format!(
        "SELECT d.account_id, NULL, NULL, d.day, {COUNTED}
        FROM (SELECT account_id, max(day) AS day FROM accounts_daily GROUP BY account_id) AS l
        JOIN accounts_daily AS d ON d.account_id = l.account_id AND d.day = l.day
        ORDER BY d.account_id"
    );
    let rows = app.store.database().query(&sql, &[]).await?;
    let mut open: BTreeMap<i64, Open> = BTreeMap::new();
    for ((account, _), more) in organizations::open_incidents(app, None).await? {
        let of = open.entry(account);
        of.or_insert_with(|| Open::none(&app.fields)).join(more);
    }
    let with_open = |counts: Counts| Counts {
        open: open
            .get(&counts.account_id)
            .copied()
            .unwrap_or(Open::none(&app.fields)),
        ..counts
    };
    Ok(rows.iter().filter_map(Counts::of).map(with_open).collect())
}

async fn organizations(app: &App) -> Result<BTreeMap<i64, i64>, Failure> {
    let sql = "SELECT account_id, count(*) FROM organizations WHERE gone_at IS NULL \
               GROUP BY account_id";
    let rows = app.store.database().query(sql, &[]).await?;
    let counts = rows
        .iter()
        .filter_map(|row| Some((row.integer(0)?, row.integer(1)?)));
    Ok(counts.collect())
}
