//! The agents of an organization, and one agent.

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use jiff::Timestamp;

use super::asked::{Asked, Sort};
use super::cell::{Badge, Cell, Tone};
use super::fields::Fields;
use super::incidents::{self, Of, choice};
use super::list::List;
use super::organization;
use super::page::{Page, Wrong, shown};
use super::path::Ids;
use super::record::{RecordPage, Shown};
use super::select::Select;
use super::settings::Settings;
use super::table::{Column, Extent, Listing, Rows, Table, keys, picture, words};
use super::{App, file, record, text};
use crate::database::Row;
use crate::failure::Failure;
use crate::store::Kind;

const TABLE: &str = "agents";

const SHOW: [(&str, &str); 4] = [
    ("", "All"),
    ("stale", "Stale"),
    ("isolated", "Isolated"),
    ("outdated", "Outdated"),
];

const COLUMNS: [Column; 7] = [
    words("hostname", "Host"),
    picture("state", "State"),
    words("platform", "Platform"),
    words("version", "Version"),
    words("seen", "Last heard of"),
    words("firewall", "Firewall"),
    picture("defender", "Defender"),
];

fn isolated(fields: &Fields) -> String {
    let firewall = fields.text(TABLE, "firewall_status");
    format!("{firewall} IN ('Isolated', 'Pending Release')")
}

fn outdated(fields: &Fields) -> String {
    let platform = fields.text(TABLE, "platform");
    let version = fields.integer(TABLE, "version_number");
    format!(
        "{version} < (SELECT u.version_number FROM usual_versions AS u \
         WHERE u.account_id = t.account_id AND u.platform = {platform})"
    )
}

fn select(fields: &Fields, ids: Ids) -> Select {
    let text = |column| fields.text(TABLE, column);
    let mut select = Select {
        table: TABLE,
        orders: vec![
            ("hostname", text("hostname")),
            ("platform", text("platform")),
            ("version", fields.integer(TABLE, "version_number")),
            ("seen", fields.moment(TABLE, "last_callback_at")),
            ("firewall", text("firewall_status")),
        ],
        ..Select::default()
    };
    let (account, id) = (select.value(ids.account), select.value(ids.id));
    select.conditions = vec![
        "t.gone_at IS NULL".to_owned(),
        format!("t.account_id = {account}"),
        format!("{} = {id}", fields.integer(TABLE, "organization_id")),
    ];
    let flag = |state: &str| format!("CASE WHEN {state} THEN 1 ELSE 0 END");
    select.columns = vec![
        "t.account_id".to_owned(),
        "t.id".to_owned(),
        text("hostname"),
        text("platform"),
        text("version"),
        fields.moment(TABLE, "last_callback_at"),
        text("firewall_status"),
        text("defender_status"),
        fields.moment(TABLE, "created_at"),
        flag(&isolated(fields)),
        flag(&outdated(fields)),
    ];
    select
}

/// The states of a row of [`select`].
fn badges(row: &Row, stale_before: Timestamp) -> Vec<Badge> {
    let heard = row.time(5).or(row.time(8));
    let mut badges = Vec::new();
    for (is, text, tone) in [
        (row.bool(9), "isolated", Tone::High),
        (heard.map(|heard| heard < stale_before), "stale", Tone::Low),
        (row.bool(10), "outdated", Tone::Low),
    ] {
        if is == Some(true) {
            badges.push(Badge::new(text, tone));
        }
    }
    if badges.is_empty() {
        badges.push(Badge::new("as it should be", Tone::Good));
    }
    badges
}

fn host(row: &Row) -> String {
    match row.text(2).map(str::trim) {
        Some(host) if !host.is_empty() => text::line(host),
        _ => format!("agent {}", row.integer(1).unwrap_or_default()),
    }
}

fn cells(row: &Row, stale_before: Timestamp) -> Option<Vec<Cell>> {
    let (account, id) = (row.integer(0)?, row.integer(1)?);
    Some(vec![
        Cell::Link(host(row), format!("/agents/{account}/{id}")),
        Cell::Badges(badges(row, stale_before)),
        Cell::text(row.text(3)),
        Cell::text(row.text(4)),
        Cell::Moment(row.time(5)),
        Cell::text(row.text(6)),
        Cell::text(row.text(7)),
    ])
}

async fn listing(
    app: &App,
    ids: Ids,
    settings: &Settings,
    asked: Asked,
    extent: Extent,
) -> Result<Listing, Failure> {
    let fields = &app.fields;
    let stale_before = settings.stale_before(app.now());
    let mut select = select(fields, ids);
    match asked.one_of("show", &SHOW.map(|(word, _)| word)) {
        "stale" => {
            let place = select.value(stale_before);
            let heard = fields.moment(TABLE, "last_callback_at");
            let created = fields.moment(TABLE, "created_at");
            let stale = format!("coalesce({heard}, {created}) < {place}");
            select.conditions.push(stale);
        }
        "isolated" => select.conditions.push(isolated(fields)),
        "outdated" => select.conditions.push(outdated(fields)),
        _ => {}
    }
    if let Some(text) = asked.text("q") {
        select.with_text(&[fields.text(TABLE, "hostname")], text);
    }
    let usual = Sort {
        key: "hostname",
        descending: false,
    };
    let sort = asked.sort(&keys(&COLUMNS), usual);
    let (rows, total) = select
        .rows(app.store.database(), &asked, sort, extent)
        .await?;
    Ok(Listing {
        id: "agents",
        caption: "Agents".to_owned(),
        rows: Rows {
            rows: rows
                .iter()
                .filter_map(|row| cells(row, stale_before))
                .collect(),
            total,
        },
        columns: COLUMNS.into(),
        sort,
        empty: "There are no such agents.".to_owned(),
        finds: Some("host"),
        choices: vec![choice("show", "State", &SHOW)],
        asked,
    })
}

/// Those that need somebody, the longest unheard of first.
pub async fn few(app: &App, ids: Ids, settings: &Settings, few: usize) -> Result<Table, Failure> {
    let path = organization::path(ids, "/agents");
    let asked = Asked::new(&path, Some("show=stale&sort=seen"), &["show", "sort"]);
    let mut listing = listing(app, ids, settings, asked, Extent::Page).await?;
    listing.rows.rows.truncate(few);
    let caption = "Stale agents, the longest unheard of first";
    let empty = "No agent is stale.";
    let table = Table::plain("agents", caption, &COLUMNS, listing.rows.rows, empty);
    Ok(table.with_more(&path, "All agents"))
}

const KNOWN: [&str; 4] = ["page", "q", "show", "sort"];

/// `GET /organizations/{account}/{organization}/agents`
pub async fn of_organization(
    State(app): State<App>,
    ids: Ids,
    uri: Uri,
) -> Result<Response, Wrong> {
    let page = organization::below(&app, ids, "Agents").await?;
    let settings = Settings::read(app.store.database()).await?;
    let asked = Asked::new(&organization::path(ids, "/agents"), uri.query(), &KNOWN);
    let listing = listing(&app, ids, &settings, asked, Extent::Page).await?;
    shown(&List {
        page,
        tabs: organization::tabs(ids, "/agents"),
        note: format!(
            "Stale: {}. Outdated: a lower version than most of its platform had at the last pull.",
            settings.stale()
        ),
        table: listing.table(),
    })
}

/// `GET /organizations/{account}/{organization}/agents.csv`
pub async fn of_organization_csv(
    State(app): State<App>,
    ids: Ids,
    uri: Uri,
) -> Result<Response, Wrong> {
    organization::name(&app, ids).await?;
    let settings = Settings::read(app.store.database()).await?;
    let asked = Asked::new(&organization::path(ids, "/agents"), uri.query(), &KNOWN);
    file::answer(&listing(&app, ids, &settings, asked, Extent::All).await?)
}

/// What an agent's page has of its record, in this order.
const FACTS: [Shown; 17] = [
    ("Platform", "platform", Kind::Text),
    ("System", "os", Kind::Text),
    ("Build", "os_build_version", Kind::Text),
    ("Architecture", "arch", Kind::Text),
    ("Domain", "domain_name", Kind::Text),
    ("IPv4 address", "ipv4_address", Kind::Text),
    ("External address", "external_ip", Kind::Text),
    ("Serial number", "serial_number", Kind::Text),
    ("Agent version", "version", Kind::Text),
    ("EDR version", "edr_version", Kind::Text),
    ("Firewall", "firewall_status", Kind::Text),
    ("Defender", "defender_status", Kind::Text),
    ("Defender detail", "defender_substatus", Kind::Text),
    ("Defender policy", "defender_policy_status", Kind::Text),
    ("Last heard of", "last_callback_at", Kind::Moment),
    ("Last survey", "last_survey_at", Kind::Moment),
    ("Installed", "created_at", Kind::Moment),
];

/// `GET /agents/{account}/{agent}`
pub async fn page(State(app): State<App>, ids: Ids) -> Result<Response, Wrong> {
    let settings = Settings::read(app.store.database()).await?;
    let list = select(&app.fields, ids);
    let agent = record::read(&app, ids, list, "agent", &FACTS).await?;
    let page = Page::of(&app, host(&agent.row), "/", Some(ids.account)).await?;
    let page = record::below(&app, page, agent.organization, "Agents", "/agents").await;
    let incidents = match agent.organization {
        Some(organization) => Some(incidents_of(&app, &page, organization, ids.id).await?),
        None => None,
    };
    shown(&RecordPage {
        badges: badges(&agent.row, settings.stale_before(app.now())),
        facts: agent.facts,
        incidents,
        page,
    })
}

async fn incidents_of(app: &App, page: &Page, ids: Ids, agent: i64) -> Result<Table, Failure> {
    let of = Of::Agent(ids, agent);
    let asked = Asked::new("", None, &[]);
    let listing = incidents::listing(app, page, of, asked, Extent::Page).await?;
    let empty = "It was part of no incident that the store has.";
    Ok(Table::plain(
        "incidents",
        "Its incidents, the latest first",
        &incidents::columns(of),
        listing.rows.rows,
        empty,
    ))
}
