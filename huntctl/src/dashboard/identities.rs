//! The identities of an organization, and one identity.

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;

use super::asked::{Asked, Sort};
use super::cell::{Badge, Cell, Tone};
use super::fields::Fields;
use super::incidents::choice;
use super::list::List;
use super::organization;
use super::page::{Page, Wrong, shown};
use super::path::Ids;
use super::record::{RecordPage, Shown};
use super::select::Select;
use super::settings::Settings;
use super::table::{Column, Extent, Listing, Rows, keys, picture, words};
use super::{App, file, record, text};
use crate::database::Row;
use crate::failure::Failure;
use crate::store::{AT_RISK, Kind};

const TABLE: &str = "identities";

const SHOW: [(&str, &str); 4] = [
    ("", "All"),
    ("at_risk", "At risk"),
    ("no_mfa", "Without MFA"),
    ("disabled", "Disabled"),
];

const COLUMNS: [Column; 6] = [
    words("username", "Identity"),
    picture("state", "State"),
    words("email", "Email"),
    words("risk", "Risk"),
    words("mfa", "MFA"),
    words("enabled", "Enabled"),
];

/// What puts an identity at risk, in SQL.
fn at_risk(fields: &Fields) -> String {
    let rule = AT_RISK
        .replace("i.risk_level", &fields.text(TABLE, "risk_level"))
        .replace("i.mfa_enabled", &fields.boolean(TABLE, "mfa_enabled"));
    let enabled = fields.boolean(TABLE, "enabled");
    format!("{enabled} AND EXISTS (SELECT 1 FROM store_settings AS s WHERE {rule})")
}

fn select(fields: &Fields, ids: Ids) -> Select {
    let text = |column| fields.text(TABLE, column);
    let (enabled, mfa) = (
        fields.boolean(TABLE, "enabled"),
        fields.boolean(TABLE, "mfa_enabled"),
    );
    let risk = text("risk_level");
    let rank = format!(
        "CASE {risk} WHEN 'high' THEN 3 WHEN 'medium' THEN 2 WHEN 'low' THEN 1 WHEN 'none' THEN 0 END"
    );
    let mut select = Select {
        table: TABLE,
        columns: vec![
            "t.account_id".to_owned(),
            "t.id".to_owned(),
            text("username"),
            text("email"),
            risk,
            mfa.clone(),
            enabled.clone(),
            format!("CASE WHEN {} THEN 1 ELSE 0 END", at_risk(fields)),
        ],
        orders: vec![
            ("username", text("username")),
            ("email", text("email")),
            ("risk", rank),
            ("mfa", mfa),
            ("enabled", enabled),
        ],
        ..Select::default()
    };
    let (account, id) = (select.value(ids.account), select.value(ids.id));
    select.conditions = vec![
        "t.gone_at IS NULL".to_owned(),
        format!("t.account_id = {account}"),
        format!("{} = {id}", fields.integer(TABLE, "organization_id")),
    ];
    select
}

fn badges(at_risk: Option<bool>, enabled: Option<bool>) -> Vec<Badge> {
    vec![match (at_risk, enabled) {
        (Some(true), _) => Badge::new("at risk", Tone::High),
        (_, Some(false)) => Badge::new("disabled", Tone::Plain),
        (_, Some(true)) => Badge::new("as it should be", Tone::Good),
        (_, None) => Badge::new(text::UNKNOWN, Tone::Plain),
    }]
}

fn name(row: &Row) -> String {
    let mut texts = [row.text(2), row.text(3)].into_iter().flatten();
    match texts.find(|text| !text.trim().is_empty()) {
        Some(name) => text::line(name),
        None => format!("identity {}", row.integer(1).unwrap_or_default()),
    }
}

fn yes_no(is: Option<bool>) -> Cell {
    Cell::text(is.map(|is| if is { "yes" } else { "no" }))
}

fn cells(row: &Row) -> Option<Vec<Cell>> {
    let (account, id) = (row.integer(0)?, row.integer(1)?);
    Some(vec![
        Cell::Link(name(row), format!("/identities/{account}/{id}")),
        Cell::Badges(badges(row.bool(7), row.bool(6))),
        Cell::text(row.text(3)),
        Cell::text(row.text(4)),
        yes_no(row.bool(5)),
        yes_no(row.bool(6)),
    ])
}

async fn listing(
    app: &App,
    ids: Ids,
    query: Option<&str>,
    extent: Extent,
) -> Result<Listing, Failure> {
    let asked = Asked::new(&organization::path(ids, "/identities"), query, &KNOWN);
    let mut select = select(&app.fields, ids);
    let boolean = |column| app.fields.boolean(TABLE, column);
    match asked.one_of("show", &SHOW.map(|(word, _)| word)) {
        "at_risk" => select.conditions.push(at_risk(&app.fields)),
        "no_mfa" => select
            .conditions
            .push(format!("NOT {}", boolean("mfa_enabled"))),
        "disabled" => select
            .conditions
            .push(format!("NOT {}", boolean("enabled"))),
        _ => {}
    }
    if let Some(text) = asked.text("q") {
        let texts = ["username", "email"].map(|column| app.fields.text(TABLE, column));
        select.with_text(&texts, text);
    }
    let usual = Sort {
        key: "username",
        descending: false,
    };
    let sort = asked.sort(&keys(&COLUMNS), usual);
    let (rows, total) = select
        .rows(app.store.database(), &asked, sort, extent)
        .await?;
    Ok(Listing {
        id: "identities",
        caption: "Identities".to_owned(),
        rows: Rows {
            rows: rows.iter().filter_map(cells).collect(),
            total,
        },
        columns: COLUMNS.into(),
        sort,
        empty: "There are no such identities.".to_owned(),
        finds: Some("user name or email"),
        choices: vec![choice("show", "State", &SHOW)],
        asked,
    })
}

const KNOWN: [&str; 4] = ["page", "q", "show", "sort"];

/// `GET /organizations/{account}/{organization}/identities`
pub async fn of_organization(
    State(app): State<App>,
    ids: Ids,
    uri: Uri,
) -> Result<Response, Wrong> {
    let page = organization::below(&app, ids, "Identities").await?;
    let settings = Settings::read(app.store.database()).await?;
    let listing = listing(&app, ids, uri.query(), Extent::Page).await?;
    shown(&List {
        page,
        tabs: organization::tabs(ids, "/identities"),
        note: format!("At risk: {}.", settings.at_risk()),
        table: listing.table(),
    })
}

/// `GET /organizations/{account}/{organization}/identities.csv`
pub async fn of_organization_csv(
    State(app): State<App>,
    ids: Ids,
    uri: Uri,
) -> Result<Response, Wrong> {
    organization::name(&app, ids).await?;
    file::answer(&listing(&app, ids, uri.query(), Extent::All).await?)
}

/// What an identity's page has of its record, in this order.
const FACTS: [Shown; 13] = [
    ("User name", "username", Kind::Text),
    ("Email", "email", Kind::Text),
    ("Enabled", "enabled", Kind::Boolean),
    ("MFA", "mfa_enabled", Kind::Boolean),
    ("External", "external", Kind::Boolean),
    ("Billable", "billable", Kind::Boolean),
    (
        "Synchronized on premises",
        "on_premises_sync_enabled",
        Kind::Boolean,
    ),
    ("Risk", "risk_level", Kind::Text),
    ("State of the risk", "risk_state", Kind::Text),
    ("Detail of the risk", "risk_detail", Kind::Text),
    ("Risk since", "risk_last_updated_at", Kind::Moment),
    ("Password changed", "password_last_changed_at", Kind::Moment),
    ("Created", "created_at", Kind::Moment),
];

/// `GET /identities/{account}/{identity}`
pub async fn page(State(app): State<App>, ids: Ids) -> Result<Response, Wrong> {
    let list = select(&app.fields, ids);
    let identity = record::read(&app, ids, list, "identity", &FACTS).await?;
    let row = &identity.row;
    let page = Page::of(&app, name(row), "/", Some(ids.account)).await?;
    let of = identity.organization;
    let page = record::below(&app, page, of, "Identities", "/identities").await;
    shown(&RecordPage {
        badges: badges(row.bool(7), row.bool(6)),
        facts: identity.facts,
        // The store has no relation between the two.
        incidents: None,
        page,
    })
}
