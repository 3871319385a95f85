//! Lists of incidents: the open ones of all accounts, and all of an organization.

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;

use super::asked::{Asked, Sort};
use super::cell::{Badge, Cell};
use super::fields::Fields;
use super::list::List;
use super::organization;
use super::page::{Page, Wrong, shown};
use super::path::Ids;
use super::select::Select;
use super::table::{Choice, Column, Extent, Listing, keys, words};
use super::{App, file, text};
use crate::database::Row;
use crate::failure::Failure;
use crate::store::OPEN_INCIDENT;

const TABLE: &str = "incident_reports";

const SEVERITIES: [&str; 4] = ["", "critical", "high", "low"];

/// Whose incidents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// The open ones of all accounts, or of one.
    Open(Option<i64>),
    /// All of an organization.
    Organization(Ids),
    /// All of an agent, which is in this organization.
    Agent(Ids, i64),
}

/// What is read of an incident for a list.
pub fn select(fields: &Fields, of: Of) -> Select {
    let text = |column| fields.text(TABLE, column);
    let organization = fields.integer(TABLE, "organization_id");
    let name = fields.text("organizations", "name").replace("t.", "o.");
    let name = format!(
        "(SELECT {name} FROM organizations AS o \
         WHERE o.account_id = t.account_id AND o.id = {organization})"
    );
    let sent = fields.moment(TABLE, "sent_at");
    let mut select = Select {
        table: TABLE,
        columns: vec![
            "t.account_id".to_owned(),
            "t.id".to_owned(),
            text("subject"),
            text("severity"),
            text("status"),
            text("platform"),
            sent.clone(),
            fields.moment(TABLE, "closed_at"),
            organization.clone(),
            name.clone(),
        ],
        conditions: vec!["t.gone_at IS NULL".to_owned()],
        values: Vec::new(),
        orders: vec![
            ("severity", severity_order(&text("severity"))),
            ("subject", format!("lower({})", text("subject"))),
            ("organization", format!("lower({name})")),
            ("account", "t.account_id".to_owned()),
            ("status", text("status")),
            ("platform", text("platform")),
            ("sent", sent),
            ("closed", fields.moment(TABLE, "closed_at")),
        ],
    };
    let ids = match of {
        Of::Open(account) => {
            let open = OPEN_INCIDENT.replace("status", &text("status"));
            select.conditions.push(open);
            if let Some(account) = account {
                let place = select.value(account);
                select.conditions.push(format!("t.account_id = {place}"));
            }
            return select;
        }
        Of::Organization(ids) => ids,
        Of::Agent(ids, agent) => {
            let place = select.value(agent);
            let agent = fields.integer(TABLE, "agent_id");
            select.conditions.push(format!("{agent} = {place}"));
            ids
        }
    };
    let (account, id) = (select.value(ids.account), select.value(ids.id));
    select.conditions.extend([
        format!("t.account_id = {account}"),
        format!("{organization} = {id}"),
    ]);
    select
}

/// The worst is the largest.
pub fn severity_order(severity: &str) -> String {
    format!("CASE {severity} WHEN 'critical' THEN 3 WHEN 'high' THEN 2 WHEN 'low' THEN 1 END")
}

/// The columns of a list; within an organization its name is of no use.
pub fn columns(of: Of) -> Vec<Column> {
    let mut columns = vec![words("subject", "Incident"), words("severity", "Severity")];
    if let Of::Open(_) = of {
        columns.extend([
            words("organization", "Organization"),
            words("account", "Account"),
        ]);
    }
    columns.extend([
        words("status", "Status"),
        words("platform", "Platform"),
        words("sent", "Sent"),
    ]);
    if !matches!(of, Of::Open(_)) {
        columns.push(words("closed", "Closed"));
    }
    columns
}

/// The cells of a row of [`select`].
pub fn cells(page: &Page, of: Of, row: &Row) -> Option<Vec<Cell>> {
    let (account, id) = (row.integer(0)?, row.integer(1)?);
    let subject = match text::or_unknown(row.text(2)) {
        unknown if unknown == text::UNKNOWN => format!("incident {id}"),
        subject => subject,
    };
    let mut cells = vec![
        Cell::Link(subject, format!("/incidents/{account}/{id}")),
        Cell::Badges(vec![Badge::severity(row.text(3))]),
    ];
    if let Of::Open(_) = of {
        cells.push(match row.integer(8) {
            Some(organization) => {
                let name = row.text(9).map(text::line);
                let name = name.unwrap_or_else(|| format!("organization {organization}"));
                Cell::Link(name, format!("/organizations/{account}/{organization}"))
            }
            None => Cell::Text(None),
        });
        cells.push(Cell::Text(Some(page.account(account))));
    }
    cells.extend([
        Cell::Badges(vec![Badge::status(row.text(4))]),
        Cell::text(row.text(5)),
        Cell::Moment(row.time(6)),
    ]);
    if !matches!(of, Of::Open(_)) {
        cells.push(match row.text(4) {
            Some("sent" | "auto_remediating") => Cell::moment_or(row.time(7), "still open"),
            _ => Cell::Moment(row.time(7)),
        });
    }
    Some(cells)
}

/// A list with what is asked of it.
pub async fn listing(
    app: &App,
    page: &Page,
    of: Of,
    asked: Asked,
    extent: Extent,
) -> Result<Listing, Failure> {
    let mut select = select(&app.fields, of);
    let severity = asked.one_of("severity", &SEVERITIES);
    if !severity.is_empty() {
        let place = select.value(severity);
        let column = app.fields.text(TABLE, "severity");
        select.conditions.push(format!("{column} = {place}"));
    }
    if asked.one_of("state", &["", "open"]) == "open" {
        let open = OPEN_INCIDENT.replace("status", &app.fields.text(TABLE, "status"));
        select.conditions.push(open);
    }
    if let Some(text) = asked.text("q") {
        let mut texts = vec![app.fields.text(TABLE, "subject")];
        if let Of::Open(_) = of {
            texts.push(select.columns[9].clone());
        }
        select.with_text(&texts, text);
    }
    let columns = columns(of);
    let usual = match of {
        Of::Open(_) => "severity",
        _ => "sent",
    };
    let usual = Sort {
        key: usual,
        descending: true,
    };
    let sort = asked.sort(&keys(&columns), usual);
    let (rows, total) = select
        .rows(app.store.database(), &asked, sort, extent)
        .await?;
    let rows = rows.iter().filter_map(|row| cells(page, of, row));
    let severities = [
        ("", "Any severity"),
        ("critical", "Critical"),
        ("high", "High"),
        ("low", "Low"),
    ];
    let mut choices = vec![choice("severity", "Severity", &severities)];
    if !matches!(of, Of::Open(_)) {
        choices.push(choice("state", "State", &[("", "All"), ("open", "Open")]));
    }
    Ok(Listing {
        id: "incidents",
        caption: match of {
            Of::Open(_) => "Open incidents".to_owned(),
            _ => "Incidents".to_owned(),
        },
        rows: super::table::Rows {
            rows: rows.collect(),
            total,
        },
        columns,
        sort,
        empty: "There are no such incidents.".to_owned(),
        finds: Some(match of {
            Of::Open(_) => "incident or organization",
            _ => "incident",
        }),
        choices,
        asked,
    })
}

/// Links that choose one of these words.
pub fn choice(name: &'static str, label: &'static str, words: &[(&'static str, &str)]) -> Choice {
    let words = words
        .iter()
        .map(|(word, label)| (*word, (*label).to_owned()));
    Choice {
        name,
        label,
        words: words.collect(),
    }
}

const KNOWN: [&str; 5] = ["account", "page", "q", "severity", "sort"];
const KNOWN_OF_ORGANIZATION: [&str; 5] = ["page", "q", "severity", "sort", "state"];

/// `GET /incidents`
pub async fn all(State(app): State<App>, uri: Uri) -> Result<Response, Wrong> {
    let (page, listing) = of_all(&app, uri.query(), Extent::Page).await?;
    let note = "Sent or auto-remediating, at this moment. Those that are closed are with their \
                organization.";
    shown(&List {
        page,
        tabs: Vec::new(),
        note: note.to_owned(),
        table: listing.table(),
    })
}

/// `GET /incidents.csv`
pub async fn all_csv(State(app): State<App>, uri: Uri) -> Result<Response, Wrong> {
    file::answer(&of_all(&app, uri.query(), Extent::All).await?.1)
}

async fn of_all(app: &App, query: Option<&str>, extent: Extent) -> Result<(Page, Listing), Wrong> {
    let asked = Asked::new("/incidents", query, &KNOWN);
    let account = asked.number("account");
    let mut page = Page::of(app, "Open incidents", "/incidents", account).await?;
    if let Some(account) = account {
        page.title = format!("Open incidents of {}", page.account(account));
        page = page.below("All accounts", "/incidents");
    }
    let listing = listing(app, &page, Of::Open(account), asked, extent).await?;
    Ok((page, listing))
}

/// `GET /organizations/{account}/{organization}/incidents`
pub async fn of_organization(
    State(app): State<App>,
    ids: Ids,
    uri: Uri,
) -> Result<Response, Wrong> {
    let page = organization::below(&app, ids, "Incidents").await?;
    let asked = Asked::new(
        &organization::path(ids, "/incidents"),
        uri.query(),
        &KNOWN_OF_ORGANIZATION,
    );
    let listing = listing(&app, &page, Of::Organization(ids), asked, Extent::Page).await?;
    shown(&List {
        page,
        tabs: organization::tabs(ids, "/incidents"),
        note: String::new(),
        table: listing.table(),
    })
}

/// `GET /organizations/{account}/{organization}/incidents.csv`
pub async fn of_organization_csv(
    State(app): State<App>,
    ids: Ids,
    uri: Uri,
) -> Result<Response, Wrong> {
    let page = organization::below(&app, ids, "").await?;
    let asked = Asked::new(
        &organization::path(ids, "/incidents"),
        uri.query(),
        &KNOWN_OF_ORGANIZATION,
    );
    file::answer(&listing(&app, &page, Of::Organization(ids), asked, Extent::All).await?)
}
