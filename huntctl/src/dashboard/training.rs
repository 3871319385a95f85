//! The awareness training: its tile, and what was imported by month and organization.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use jiff::ToSpan as _;
use jiff::civil::Date;

use super::asked::{Asked, Sort};
use super::cell::Cell;
use super::chart::{Series, Trend};
use super::overview::Tile;
use super::page::{Page, Wrong, shown};
use super::table::{Column, Extent, Listing, Table, arrange, keys, numbers, words};
use super::trends::{Days, Whose};
use super::{App, file, text};
use crate::database::Value;
use crate::failure::Failure;

/// Months of the trend.
const MONTHS: i32 = 12;

const RULE: &str = "People who gave their data away or opened what was sent, of all that \
     was sent to them in phishing simulations of the month.";

const ADVICE: &str = "The API has no figures of the training. Bring them in by month and \
     organization: huntctl training import FILE.csv, with the columns organization, month, sent \
     and compromised.";

/// The sums of a month.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Month {
    /// What was sent.
    pub sent: i64,
    /// How many fell for it.
    pub compromised: i64,
}

/// The sums of the last [`MONTHS`] by month.
async fn months(app: &App, whose: Whose) -> Result<BTreeMap<Date, Month>, Failure> {
    let last = app.today();
    let first = last.first_of_month().saturating_sub((MONTHS - 1).months());
    sums(app, whose, Days { first, last }).await
}

/// The sums of the months that begin on one of these days.
pub async fn sums(app: &App, whose: Whose, days: Days) -> Result<BTreeMap<Date, Month>, Failure> {
    let mut values: Vec<Value> = vec![days.first.to_string().into(), days.last.to_string().into()];
    let of_whom = match whose {
        Whose::All => "",
        Whose::Account(id) => {
            values.push(id.into());
            "AND account_id = ?3"
        }
        Whose::Organization(account, id) => {
            values.extend([account.into(), id.into()]);
            "AND account_id = ?3 AND organization_id = ?4"
        }
    };
    // PostgreSQL's sum of them has another type.
    let sql = format!(
        "SELECT month, CAST(sum(sent) AS bigint), CAST(sum(compromised) AS bigint)
        FROM training_monthly WHERE month >= ?1 AND month <= ?2 {of_whom} GROUP BY month ORDER BY month"
    );
    let rows = app.store.database().query(&sql, &values).await?;
    let month = |row: &crate::database::Row| {
        let sums = Month {
            sent: row.integer(1)?,
            compromised: row.integer(2)?,
        };
        Some((row.text(0)?.parse().ok()?, sums))
    };
    Ok(rows.iter().filter_map(month).collect())
}

/// The tile of an account, of an organization, or of all.
pub async fn tile(app: &App, whose: Whose) -> Result<Tile, Failure> {
    let months = months(app, whose).await?;
    let mut tile = Tile {
        title: "Training compromise rate",
        value: text::UNKNOWN.to_owned(),
        change: String::new(),
        rule: RULE.to_owned(),
        href: Some("/training".to_owned()),
        link: "By organization",
        trend: None,
        advice: None,
    };
    let newest = months.iter().rev().find(|(_, month)| month.sent > 0);
    let Some((newest, month)) = newest else {
        tile.advice = Some(ADVICE.to_owned());
        return Ok(tile);
    };
    tile.value = text::percent(month.compromised, month.sent).unwrap_or_default();
    tile.change = format!(
        "in {}: {} of {}",
        newest.strftime("%B %Y"),
        text::count(month.compromised),
        text::count(month.sent)
    );
    tile.trend = Some(trend(app, &months));
    Ok(tile)
}

/// The rate of each of the last months, in tenths of a percent.
fn trend(app: &App, months: &BTreeMap<Date, Month>) -> Trend {
    let last = app.today().first_of_month();
    let series: Series = (0..MONTHS)
        .rev()
        .map(|back| {
            let month = last.saturating_sub(back.months());
            let sums = months.get(&month).filter(|sums| sums.sent > 0);
            let tenths = sums.map(|sums| sums.compromised.saturating_mul(1_000) / sums.sent);
            (month, tenths)
        })
        .collect();
    Trend::with_unit(
        "training",
        "Training compromise rate by month",
        "low",
        &series,
        "%",
    )
}

#[derive(Template)]
#[template(path = "dashboard/training.html")]
struct TrainingPage {
    page: Page,
    rule: &'static str,
    advice: Option<&'static str>,
    trend: Option<Trend>,
    table: Table,
}

const KNOWN: [&str; 3] = ["page", "q", "sort"];

const COLUMNS: [Column; 8] = [
    words("name", "Organization"),
    words("account", "Account"),
    words("month", "Month"),
    numbers("sent", "Sent"),
    numbers("clicked", "Clicked"),
    numbers("compromised", "Compromised"),
    numbers("reported", "Reported"),
    numbers("rate", "Rate"),
];

/// `GET /training`
pub async fn page(State(app): State<App>, uri: Uri) -> Result<Response, Wrong> {
    let page = Page::of(&app, "Awareness training", "/training", None).await?;
    let listing = listing(&app, &page, uri.query(), Extent::Page).await?;
    let months = months(&app, Whose::All).await?;
    shown(&TrainingPage {
        rule: RULE,
        advice: months.is_empty().then_some(ADVICE),
        trend: (!months.is_empty()).then(|| trend(&app, &months)),
        table: listing.table(),
        page,
    })
}

/// `GET /training.csv`
pub async fn csv(State(app): State<App>, uri: Uri) -> Result<Response, Wrong> {
    let page = Page::of(&app, "", "/training", None).await?;
    file::answer(&listing(&app, &page, uri.query(), Extent::All).await?)
}

async fn listing(
    app: &App,
    page: &Page,
    query: Option<&str>,
    extent: Extent,
) -> Result<Listing, Failure> {
    let asked = Asked::new("/training", query, &KNOWN);
    let name = app.fields.text("organizations", "name");
    let first = app
        .today()
        .first_of_month()
        .saturating_sub((MONTHS - 1).months());
    let sql = format!(
        "SELECT m.account_id, m.organization_id, {name}, m.month, m.sent, m.clicked, m.compromised,
            m.reported
        FROM training_monthly AS m
        LEFT JOIN organizations AS t ON t.account_id = m.account_id AND t.id = m.organization_id
        WHERE m.month >= ?1 ORDER BY m.month DESC, m.account_id, m.organization_id"
    );
    let rows = app
        .store
        .database()
        .query(&sql, &[first.to_string().into()])
        .await?;
    let cells = rows.iter().filter_map(|row| {
        let (account, id) = (row.integer(0)?, row.integer(1)?);
        let name = row
            .text(2)
            .map_or_else(|| format!("organization {id}"), text::line);
        let rate = row.integer(6).zip(row.integer(4));
        Some(vec![
            Cell::Link(name, format!("/organizations/{account}/{id}")),
            Cell::Text(Some(page.account(account))),
            Cell::Text(row.text(3).map(|day| day.chars().take(7).collect())),
            Cell::Count(row.integer(4)),
            Cell::Count(row.integer(5)),
            Cell::Count(row.integer(6)),
            Cell::Count(row.integer(7)),
            Cell::Share(rate),
        ])
    });
    let usual = Sort {
        key: "month",
        descending: true,
    };
    let sort = asked.sort(&keys(&COLUMNS), usual);
    Ok(Listing {
        id: "training",
        caption: "Phishing simulations of the last twelve months".to_owned(),
        rows: arrange(cells.collect(), &COLUMNS, &asked, sort, extent),
        columns: COLUMNS.into(),
        sort,
        empty: "Nothing was imported yet.".to_owned(),
        finds: Some("organization, account or month"),
        choices: Vec::new(),
        asked,
    })
}
