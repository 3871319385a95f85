//! One organization: where it stands, where it comes from, and what is wrong just now.

use askama::Template;
use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;

use super::asked::Asked;
use super::cell::Cell;
use super::chart::Stack;
use super::incidents::{self, Of};
use super::organizations::{COUNTED, Counts, Open};
use super::overview::{self, Tile, days, ranges, rules};
use super::page::{Page, Wrong, shown};
use super::path::Ids;
use super::settings::Settings;
use super::table::{Chosen, Column, Extent, Table, picture};
use super::trends::{self, Days, Whose};
use super::{App, agents, text, training};
use crate::failure::Failure;
use crate::store::OPEN_INCIDENT;

/// Rows of the parts of lists that the page has.
const FEW: usize = 8;

/// A part of an organization.
#[derive(Clone, Debug)]
pub struct Tab {
    /// What it is called.
    pub label: &'static str,
    /// Its path.
    pub href: String,
    /// It is the page that is shown.
    pub here: bool,
}

const TABS: [(&str, &str); 5] = [
    ("Summary", ""),
    ("Incidents", "/incidents"),
    ("Agents", "/agents"),
    ("Identities", "/identities"),
    ("Quarterly review", "/review"),
];

/// The parts of an organization; `here` is the end of the path.
pub fn tabs(ids: Ids, here: &str) -> Vec<Tab> {
    let tab = |(label, end): (&'static str, &str)| Tab {
        label,
        href: path(ids, end),
        here: end == here,
    };
    TABS.map(tab).into()
}

/// The path of an organization, or of a part of it.
pub fn path(ids: Ids, end: &str) -> String {
    let Ids { account, id } = ids;
    match end {
        "/review" => format!("/review/{account}/{id}"),
        _ => format!("/organizations/{account}/{id}{end}"),
    }
}

/// What it is called, where the store knows it.
pub async fn name(app: &App, ids: Ids) -> Result<String, Wrong> {
    let name = app.fields.text("organizations", "name");
    let sql = format!(
        "SELECT {name} FROM organizations AS t WHERE t.account_id = ?1 AND t.id = ?2
        UNION ALL
        SELECT * FROM (SELECT CAST(NULL AS text) FROM organizations_daily
            WHERE account_id = ?1 AND organization_id = ?2 LIMIT 1) AS counted"
    );
    let values = [ids.account.into(), ids.id.into()];
    let rows = app.store.database().query(&sql, &values).await?;
    let Some(row) = rows.first() else {
        return Err(Wrong::Missing(format!(
            "The store has no organization {} of account {}. If it is new, the next `huntctl pull` \
             brings it.",
            ids.id, ids.account
        )));
    };
    let known = row.text(0).filter(|name| !name.trim().is_empty());
    Ok(known.map_or_else(|| format!("organization {}", ids.id), text::line))
}

/// The frame of a page that is a part of an organization.
pub async fn below(app: &App, ids: Ids, part: &str) -> Result<Page, Wrong> {
    let name = name(app, ids).await?;
    let page = Page::of(app, format!("{part} of {name}"), "/", Some(ids.account)).await?;
    Ok(page.below("Overview", "/").below(name, path(ids, "")))
}

#[derive(Template)]
#[template(path = "dashboard/organization.html")]
struct Organization {
    page: Page,
    tabs: Vec<Tab>,
    open: Open,
    stack: Stack,
    facts: Vec<(&'static str, Option<i64>, &'static str)>,
    counted: String,
    ranges: Vec<Chosen>,
    tiles: Vec<Tile>,
    incidents: Table,
    agents: Table,
    reports: Table,
    rules: Vec<(&'static str, String)>,
}

impl Organization {
    fn shown(&self, count: &Option<i64>) -> String {
        text::count_or_unknown(*count)
    }
}

const KNOWN: [&str; 1] = ["days"];

/// `GET /organizations/{account}/{organization}`
pub async fn page(State(app): State<App>, ids: Ids, uri: Uri) -> Result<Response, Wrong> {
    let name = name(&app, ids).await?;
    let page = Page::of(&app, name, "/", Some(ids.account)).await?;
    let account = page.account(ids.account);
    let page = page
        .below("Overview", "/")
        .below(account, format!("/?account={}", ids.account));
    let asked = Asked::new(&path(ids, ""), uri.query(), &KNOWN);
    let settings = Settings::read(app.store.database()).await?;
    let counts = counts(&app, ids).await?;
    let incidents = few_incidents(&app, &page, ids).await?;
    let agents = agents::few(&app, ids, &settings, FEW).await?;
    let reports = reports(&app, ids).await?;
    shown(&Organization {
        tabs: tabs(ids, ""),
        open: counts.open,
        stack: Stack::new(&counts.open.parts(), None),
        facts: facts(&counts),
        counted: counts.day.map_or_else(
            || "Nothing was counted yet.".to_owned(),
            |day| format!("Incidents as they are now, all else as counted on {day}."),
        ),
        ranges: ranges(&asked),
        tiles: tiles(&app, ids, &settings, &asked, counts.open).await?,
        incidents,
        agents,
        reports,
        rules: rules(&settings),
        page,
    })
}

fn facts(counts: &Counts) -> Vec<(&'static str, Option<i64>, &'static str)> {
    let [agents, stale, isolated, outdated] = counts.agents;
    let [identities, at_risk] = counts.identities;
    vec![
        ("Agents", agents, "plain"),
        ("Stale", stale, "low"),
        ("Isolated", isolated, "high"),
        ("Outdated", outdated, "low"),
        ("Identities", identities, "plain"),
        ("At risk", at_risk, "high"),
        ("Learners", counts.learners, "plain"),
    ]
}

/// Its counts of the last day, with the open incidents of this moment.
async fn counts(app: &App, ids: Ids) -> Result<Counts, Failure> {
    let sql = format!(
        "SELECT d.account_id, d.organization_id, NULL, d.day, {COUNTED} FROM organizations_daily AS d
        WHERE d.account_id = ?1 AND d.organization_id = ?2 ORDER BY d.day DESC LIMIT 1"
    );
    let values = [ids.account.into(), ids.id.into()];
    let rows = app.store.database().query(&sql, &values).await?;
    let counts = rows.first().and_then(Counts::of);
    let open = open(app, ids).await?;
    Ok(Counts {
        open,
        ..counts.unwrap_or_default()
    })
}

async fn open(app: &App, ids: Ids) -> Result<Open, Failure> {
    let text = |column| app.fields.text("incident_reports", column);
    let organization = app.fields.integer("incident_reports", "organization_id");
    let open = OPEN_INCIDENT.replace("status", &text("status"));
    let severity = text("severity");
    let sql = format!(
        "SELECT {severity}, count(*) FROM incident_reports AS t WHERE t.account_id = ?1
        AND {organization} = ?2 AND t.gone_at IS NULL AND {open} GROUP BY 1"
    );
    let values = [ids.account.into(), ids.id.into()];
    let mut open = Open::none(&app.fields);
    for row in app.store.database().query(&sql, &values).await? {
        open.add(row.text(0), row.integer(1).unwrap_or(0));
    }
    Ok(open)
}

async fn tiles(
    app: &App,
    ids: Ids,
    settings: &Settings,
    asked: &Asked,
    open: Open,
) -> Result<Vec<Tile>, Failure> {
    let range = days(asked);
    let whose = Whose::Organization(ids.account, ids.id);
    let columns = ["incidents_open", "identities_at_risk", "agents_stale"];
    let days = Days::up_to(app.today(), range);
    let series = trends::read(app.store.database(), whose, &columns, days).await?;
    let [mut incidents, at_risk, stale] = <[_; 3]>::try_from(series).unwrap_or_default();
    if let Some(last) = incidents.last_mut() {
        last.1 = open.all;
    }
    let to = |tile: Tile, href: &str, link| Tile {
        href: Some(href.to_owned()),
        link,
        ..tile
    };
    let incidents = overview::tile(
        "open",
        "Open incidents",
        "critical",
        &incidents,
        "Incident reports that are sent or auto-remediating.".to_owned(),
    );
    let at_risk = overview::tile(
        "at-risk",
        "Identities at risk",
        "high",
        &at_risk,
        format!("Identities that are {}.", settings.at_risk()),
    );
    let stale = overview::tile(
        "stale",
        "Stale agents",
        "low",
        &stale,
        format!("Agents {}.", settings.stale()),
    );
    let mut tiles = vec![
        to(incidents, &path(ids, "/incidents?state=open"), "See them"),
        to(at_risk, &path(ids, "/identities?show=at_risk"), "See them"),
        to(stale, &path(ids, "/agents?show=stale"), "See them"),
    ];
    tiles.push(training::tile(app, whose).await?);
    Ok(tiles)
}

async fn few_incidents(app: &App, page: &Page, ids: Ids) -> Result<Table, Failure> {
    let of = Of::Organization(ids);
    let asked = Asked::new(
        &path(ids, "/incidents"),
        Some("state=open&sort=-severity"),
        &["sort", "state"],
    );
    let mut listing = incidents::listing(app, page, of, asked, Extent::Page).await?;
    listing.rows.rows.truncate(FEW);
    let columns = incidents::columns(of);
    let empty = "No incident is open.";
    let table = Table::plain(
        "incidents",
        "Open incidents, the worst first",
        &columns,
        listing.rows.rows,
        empty,
    );
    Ok(table.with_more(&path(ids, "/incidents"), "All incidents"))
}

const REPORT_COLUMNS: [Column; 3] = [
    picture("period", "Period"),
    picture("type", "Type"),
    picture("report", "Report"),
];

/// The newest reports that Huntress has made of it.
async fn reports(app: &App, ids: Ids) -> Result<Table, Failure> {
    let text = |column| app.fields.text("summary_reports", column);
    let organization = app.fields.integer("summary_reports", "organization_id");
    let sql = format!(
        "SELECT {}, {}, {} FROM summary_reports AS t WHERE t.account_id = ?1
        AND {organization} = ?2 AND t.gone_at IS NULL ORDER BY t.id DESC LIMIT 4",
        text("period"),
        text("type"),
        text("url"),
    );
    let values = [ids.account.into(), ids.id.into()];
    let rows = app.store.database().query(&sql, &values).await?;
    let cells = rows.iter().map(|row| {
        let kind = text::or_unknown(row.text(1)).replace('_', " ");
        let url = match row.text(2) {
            None => Cell::Text(None),
            Some(url) => match text::link(url) {
                Some(href) => Cell::Link("Open at Huntress".to_owned(), href),
                None => Cell::Text(Some("its address is none of Huntress".to_owned())),
            },
        };
        vec![Cell::text(row.text(0)), Cell::Text(Some(kind)), url]
    });
    let empty = "The store has no summary reports of it.";
    Ok(Table::plain(
        "reports",
        "Summary reports",
        &REPORT_COLUMNS,
        cells.collect(),
        empty,
    ))
}
