//! The quarter of an organization on one sheet of paper, for the talk with the customer.

use askama::Template;
use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};

use super::asked::Asked;
use super::cell::Cell;
use super::chart::{Series, Stack, Trend};
use super::incidents::{self, Of, severity_order};
use super::organization::{self, Tab};
use super::organizations::Open;
use super::page::{Page, Wrong, shown};
use super::path::Ids;
use super::quarter::Quarter;
use super::settings::Settings;
use super::table::{Column, Table, words};
use super::trends::{self, Days, Whose};
use super::{App, text, training};
use crate::failure::Failure;

/// Incidents that the sheet has room for.
const FEW: usize = 6;

#[derive(Template)]
#[template(path = "dashboard/review.html")]
struct Review {
    page: Page,
    tabs: Vec<Tab>,
    quarter: Quarter,
    days: Days,
    account: String,
    before: Option<String>,
    after: Option<String>,
    running: bool,
    new: Open,
    stack: Stack,
    closed: i64,
    to_close: Option<String>,
    rate: Option<String>,
    changes: Vec<Change>,
    trends: Vec<Trend>,
    worst: Table,
    rules: Vec<String>,
}

impl Review {
    fn shown(&self, count: &Option<i64>) -> String {
        text::count_or_unknown(*count)
    }
}

/// A count at the beginning and at the end.
#[derive(Clone, Debug)]
struct Change {
    name: &'static str,
    first: String,
    last: String,
    change: String,
}

const COUNTED: [(&str, &str); 7] = [
    ("incidents_open", "Open incidents"),
    ("identities_at_risk", "Identities at risk"),
    ("agents", "Agents"),
    ("agents_stale", "Stale agents"),
    ("agents_outdated", "Outdated agents"),
    ("identities", "Identities"),
    ("learners", "Learners"),
];

const KNOWN: [&str; 1] = ["quarter"];

/// `GET /review/{account}/{organization}`
pub async fn page(State(app): State<App>, ids: Ids, uri: Uri) -> Result<Response, Wrong> {
    let asked = Asked::new(&organization::path(ids, "/review"), uri.query(), &KNOWN);
    let running = Quarter::of(app.today());
    let known = asked.text("quarter").and_then(Quarter::read);
    let quarter = known.unwrap_or(running.before());
    let name = organization::name(&app, ids).await?;
    let title = format!("{name}, {quarter}");
    let page = Page::of(&app, title, "/", Some(ids.account)).await?;
    let page = page
        .below("Overview", "/")
        .below(name, organization::path(ids, ""));
    let settings = Settings::read(app.store.database()).await?;
    let days = quarter.days();
    let incidents = incidents_of(&app, ids, days).await?;
    let series = series(&app, ids, days).await?;
    let trends = [(0, "open", "critical"), (1, "risk", "high")];
    let trends = trends.map(|(at, id, tone)| Trend::new(id, COUNTED[at].1, tone, &series[at]));
    let to = |quarter: Quarter| asked.with("quarter", Some(&quarter.to_string()));
    shown(&Review {
        tabs: organization::tabs(ids, "/review"),
        quarter,
        days,
        account: page.account(ids.account),
        before: Quarter::read(&quarter.before().to_string()).map(to),
        after: (quarter < running).then(|| to(quarter.after())),
        running: quarter >= running,
        new: incidents.new,
        stack: Stack::new(&incidents.new.parts(), None),
        closed: incidents.closed,
        to_close: incidents.to_close.map(text::duration),
        rate: rate(&app, ids, days).await?,
        changes: COUNTED
            .iter()
            .zip(&series)
            .map(|((_, name), series)| change(name, series))
            .collect(),
        trends: trends.into(),
        worst: worst(&app, &page, ids, days).await?,
        rules: vec![
            format!("Stale: agents {}.", settings.stale()),
            "Outdated: agents with a lower version than most of their platform.".to_owned(),
            format!("At risk: identities that are {}.", settings.at_risk()),
        ],
        page,
    })
}

fn change(name: &'static str, series: &Series) -> Change {
    let known: Vec<_> = series.iter().filter_map(|(_, value)| *value).collect();
    let (first, last) = (known.first().copied(), known.last().copied());
    let change = first
        .zip(last)
        .map(|(first, last)| text::change(last - first));
    Change {
        name,
        first: text::count_or_unknown(first),
        last: text::count_or_unknown(last),
        change: change.unwrap_or_else(|| text::UNKNOWN.to_owned()),
    }
}

/// Counts of the days of a quarter; of days to come nothing is known.
async fn series(app: &App, ids: Ids, days: Days) -> Result<Vec<Series>, Failure> {
    let whose = Whose::Organization(ids.account, ids.id);
    let columns = COUNTED.map(|(column, _)| column);
    let mut all = trends::read(app.store.database(), whose, &columns, days).await?;
    for series in &mut all {
        for (day, value) in series.iter_mut() {
            if *day > app.today() {
                *value = None;
            }
        }
    }
    Ok(all)
}

/// What happened in a quarter.
struct Incidents {
    new: Open,
    closed: i64,
    /// The median time from sent to closed, of those that were closed.
    to_close: Option<SignedDuration>,
}

fn moments(days: Days) -> [Timestamp; 2] {
    let midnight = |day: Date| {
        let time = day.to_zoned(TimeZone::UTC);
        time.map_or(Timestamp::MAX, |time| time.timestamp())
    };
    [
        midnight(days.first),
        midnight(days.last.saturating_add(1.day())),
    ]
}

async fn incidents_of(app: &App, ids: Ids, days: Days) -> Result<Incidents, Failure> {
    let [first, end] = moments(days);
    let mut select = incidents::select(&app.fields, Of::Organization(ids));
    let (begin, until) = (select.value(first), select.value(end));
    let moment = |column| app.fields.moment("incident_reports", column);
    let (sent, closed) = (moment("sent_at"), moment("closed_at"));
    let severity = app.fields.text("incident_reports", "severity");
    let sql = format!(
        "SELECT {severity}, {sent}, {closed} FROM incident_reports AS t WHERE {} AND
        (({sent} >= {begin} AND {sent} < {until}) OR ({closed} >= {begin} AND {closed} < {until}))",
        select.conditions.join(" AND ")
    );
    let rows = app.store.database().query(&sql, &select.values).await?;
    let mut new = Open::none(&app.fields);
    let mut times = Vec::new();
    let mut count = 0;
    let within = |time: Option<Timestamp>| time.is_some_and(|time| time >= first && time < end);
    for row in &rows {
        let (sent, closed) = (row.time(1), row.time(2));
        if within(sent) {
            new.add(row.text(0), 1);
        }
        if within(closed) {
            count += 1;
            times.extend(
                closed
                    .zip(sent)
                    .map(|(closed, sent)| closed.duration_since(sent)),
            );
        }
    }
    times.sort_unstable();
    Ok(Incidents {
        new,
        closed: count,
        to_close: times.get(times.len() / 2).copied(),
    })
}

const WORST: [Column; 5] = [
    words("subject", "Incident"),
    words("severity", "Severity"),
    words("status", "Status"),
    words("platform", "Platform"),
    words("sent", "Sent"),
];

/// The worst incidents that were sent in the quarter.
async fn worst(app: &App, page: &Page, ids: Ids, days: Days) -> Result<Table, Failure> {
    let of = Of::Organization(ids);
    let [first, end] = moments(days);
    let mut select = incidents::select(&app.fields, of);
    let (begin, until) = (select.value(first), select.value(end));
    let sent = app.fields.moment("incident_reports", "sent_at");
    select
        .conditions
        .push(format!("{sent} >= {begin} AND {sent} < {until}"));
    let severity = severity_order(&app.fields.text("incident_reports", "severity"));
    let sql = format!(
        "SELECT {} FROM (SELECT t.account_id, t.id FROM incident_reports AS t WHERE {conditions}
            ORDER BY {severity} DESC NULLS LAST, {sent} DESC, t.id LIMIT {FEW}) AS page
        JOIN incident_reports AS t ON t.account_id = page.account_id AND t.id = page.id
        ORDER BY {severity} DESC NULLS LAST, {sent} DESC, t.id",
        select.columns.join(", "),
        conditions = select.conditions.join(" AND "),
    );
    let rows = app.store.database().query(&sql, &select.values).await?;
    let cells = rows.iter().filter_map(|row| {
        let mut cells = incidents::cells(page, of, row)?;
        cells.truncate(WORST.len());
        for cell in &mut cells {
            if let Cell::Moment(Some(time)) = cell {
                *cell = Cell::Text(Some(time.strftime("%Y-%m-%d").to_string()));
            }
        }
        Some(cells)
    });
    let empty = "No incident was sent in this quarter.";
    Ok(Table::plain(
        "worst",
        "The worst incidents of the quarter",
        &WORST,
        cells.collect(),
        empty,
    ))
}

/// The compromise rate of the training in the quarter.
async fn rate(app: &App, ids: Ids, days: Days) -> Result<Option<String>, Failure> {
    let sums = training::sums(app, Whose::Organization(ids.account, ids.id), days).await?;
    let (sent, compromised) = sums.values().fold((0, 0), |(sent, bad), month| {
        (sent + month.sent, bad + month.compromised)
    });
    Ok(text::percent(compromised, sent))
}
