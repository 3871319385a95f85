//! One incident, with what the SOC has written and the remediations that it asks for.

use askama::Template;
use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use serde_json::Value as Json;

use super::asked::{Asked, Sort};
use super::cell::{Badge, Cell};
use super::page::{Page, Wrong, shown};
use super::path::Ids;
use super::table::{Column, Extent, Listing, Table, arrange, keys, words};
use super::{App, file, organization, text};
use crate::database::Row;
use crate::failure::Failure;
use crate::store::Kind;

#[derive(Template)]
#[template(path = "dashboard/incident.html")]
struct Incident {
    page: Page,
    badges: Vec<Badge>,
    facts: Vec<Fact>,
    summary: Option<String>,
    body: Option<String>,
    remediations: Table,
}

/// A value with its name.
#[derive(Clone, Debug)]
pub struct Fact {
    /// The name.
    pub name: String,
    /// The value.
    pub value: String,
    /// Where it leads.
    pub href: Option<String>,
}

/// A value with its name, which leads nowhere.
pub fn fact(name: impl Into<String>, value: impl Into<String>) -> Fact {
    Fact {
        name: name.into(),
        value: value.into(),
        href: None,
    }
}

const KNOWN: [&str; 3] = ["page", "q", "sort"];

const COLUMNS: [Column; 7] = [
    words("action", "Remediation"),
    words("type", "Type"),
    words("status", "Status"),
    words("parameters", "Applies to"),
    words("approved", "Approved"),
    words("approved_by", "Approved by"),
    words("completed", "Completed"),
];

/// `GET /incidents/{account}/{incident}`
pub async fn page(State(app): State<App>, ids: Ids, uri: Uri) -> Result<Response, Wrong> {
    let row = read(&app, ids).await?;
    let page = Page::of(&app, title(&row, ids), "/incidents", Some(ids.account)).await?;
    let page = match row.integer(4) {
        Some(id) => {
            let above = Ids { id, ..ids };
            page.below(name(&row, id), organization::path(above, ""))
                .below("Incidents", organization::path(above, "/incidents"))
        }
        None => page.below("Open incidents", "/incidents"),
    };
    let remediations = remediations(&app, ids, uri.query(), Extent::Page).await?;
    shown(&Incident {
        badges: vec![Badge::severity(row.text(1)), Badge::status(row.text(2))],
        facts: facts(&page, &row, ids),
        summary: row
            .text(12)
            .filter(|text| !text.trim().is_empty())
            .map(text::body),
        body: row
            .text(13)
            .filter(|text| !text.trim().is_empty())
            .map(text::body),
        remediations: remediations.table(),
        page,
    })
}

/// `GET /incidents/{account}/{incident}/remediations.csv`
pub async fn csv(State(app): State<App>, ids: Ids, uri: Uri) -> Result<Response, Wrong> {
    read(&app, ids).await?;
    file::answer(&remediations(&app, ids, uri.query(), Extent::All).await?)
}

async fn read(app: &App, ids: Ids) -> Result<Row, Wrong> {
    let fields = &app.fields;
    let text = |column| fields.text("incident_reports", column);
    let moment = |column| fields.moment("incident_reports", column);
    let organization = fields.integer("incident_reports", "organization_id");
    let agent = fields.integer("incident_reports", "agent_id");
    let of_other = |table: &str, column: &str, id: &str| {
        let column = fields.text(table, column).replace("t.", "o.");
        format!(
            "(SELECT {column} FROM {table} AS o WHERE o.account_id = t.account_id AND o.id = {id})"
        )
    };
    let sql = format!(
        "SELECT {}, {}, {}, {}, {organization}, {}, {agent}, {}, {}, {}, {}, {}, {}, {}, {}, t.gone_at
        FROM incident_reports AS t WHERE t.account_id = ?1 AND t.id = ?2",
        text("subject"),
        text("severity"),
        text("status"),
        text("platform"),
        of_other("organizations", "name", &organization),
        of_other("agents", "hostname", &agent),
        moment("sent_at"),
        moment("closed_at"),
        moment("status_updated_at"),
        moment("updated_at"),
        text("summary"),
        text("body"),
        fields.get("incident_reports", "indicator_counts", Kind::Json),
    );
    let rows = app
        .store
        .database()
        .query(&sql, &[ids.account.into(), ids.id.into()])
        .await?;
    rows.into_iter().next().ok_or_else(|| {
        Wrong::Missing(format!(
            "The store has no incident {} of account {}. If it is new, the next `huntctl pull` \
             brings it.",
            ids.id, ids.account
        ))
    })
}

fn title(row: &Row, ids: Ids) -> String {
    match row.text(0).map(str::trim) {
        Some(subject) if !subject.is_empty() => text::line(subject),
        _ => format!("Incident {}", ids.id),
    }
}

fn name(row: &Row, organization: i64) -> String {
    let name = row.text(5).map(text::line);
    name.unwrap_or_else(|| format!("organization {organization}"))
}

fn facts(page: &Page, row: &Row, ids: Ids) -> Vec<Fact> {
    let moment = |at| {
        row.time(at)
            .map_or_else(|| text::UNKNOWN.to_owned(), text::moment)
    };
    let mut facts = vec![fact("Number", ids.id.to_string())];
    facts.push(Fact {
        href: row
            .integer(4)
            .map(|id| organization::path(Ids { id, ..ids }, "")),
        ..fact(
            "Organization",
            row.integer(4)
                .map_or_else(|| text::UNKNOWN.to_owned(), |id| name(row, id)),
        )
    });
    facts.push(fact("Account", page.account(ids.account)));
    if let Some(agent) = row.integer(6) {
        let host = row
            .text(7)
            .map_or_else(|| format!("agent {agent}"), text::line);
        let href = row
            .text(7)
            .map(|_| format!("/agents/{}/{agent}", ids.account));
        facts.push(Fact {
            href,
            ..fact("Host", host)
        });
    }
    facts.extend([
        fact("Platform", text::or_unknown(row.text(3))),
        fact("Sent", moment(8)),
        fact("Status since", moment(10)),
        fact("Changed", moment(11)),
    ]);
    if row.time(9).is_some() {
        facts.push(fact("Closed", moment(9)));
    }
    let counts: Option<Json> = row
        .text(14)
        .and_then(|json| serde_json::from_str(json).ok());
    for (name, count) in counts.iter().filter_map(Json::as_object).flatten().take(50) {
        let name = text::line(&name.replace('_', " "));
        facts.push(fact(
            format!("Indicators: {name}"),
            text::line(&words_of(count)),
        ));
    }
    if row.time(15).is_some() {
        facts.push(fact(
            "Gone",
            format!("the API has it no more since {}", moment(15)),
        ));
    }
    facts
}

/// JSON as a person reads it: a text without its quotation marks, `name: description` of what has
/// these.
fn words_of(json: &Json) -> String {
    match json {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        Json::Array(items) => items.iter().map(words_of).collect::<Vec<_>>().join("; "),
        Json::Object(fields) => match (fields.get("name"), fields.get("description")) {
            (Some(Json::String(name)), Some(Json::String(text))) => format!("{name}: {text}"),
            _ => fields
                .iter()
                .map(|(name, value)| format!("{name}: {}", words_of(value)))
                .collect::<Vec<_>>()
                .join("; "),
        },
        other => other.to_string(),
    }
}

async fn remediations(
    app: &App,
    ids: Ids,
    query: Option<&str>,
    extent: Extent,
) -> Result<Listing, Failure> {
    let path = format!("/incidents/{}/{}", ids.account, ids.id);
    let asked = Asked::new(&path, query, &KNOWN).with_file(format!("{path}/remediations.csv"));
    let text = |column| app.fields.text("remediations", column);
    let sql = format!(
        "SELECT {}, {}, {}, {}, {}, {}, {} FROM remediations AS t
        WHERE t.account_id = ?1 AND t.incident_report_id = ?2 AND t.gone_at IS NULL ORDER BY t.id",
        text("action"),
        text("type"),
        text("status"),
        app.fields.get("remediations", "parameters", Kind::Json),
        app.fields.moment("remediations", "approved_at"),
        app.fields.get("remediations", "approved_by", Kind::Json),
        app.fields.moment("remediations", "completed_at"),
    );
    let rows = app
        .store
        .database()
        .query(&sql, &[ids.account.into(), ids.id.into()])
        .await?;
    let json = |row: &Row, at| {
        let json: Option<Json> = row
            .text(at)
            .and_then(|json| serde_json::from_str(json).ok());
        json.filter(|json| !json.is_null())
    };
    let cells = rows.iter().map(|row| {
        let by = json(row, 5).map(|by| {
            let known = ["name", "email"]
                .iter()
                .find_map(|name| by.get(name)?.as_str());
            known.map_or_else(|| words_of(&by), str::to_owned)
        });
        vec![
            Cell::text(row.text(0)),
            Cell::text(row.text(1)),
            Cell::Badges(vec![Badge::status(row.text(2))]),
            match json(row, 3) {
                Some(parameters) => Cell::Text(Some(words_of(&parameters))),
                None => Cell::Nothing("nothing said"),
            },
            Cell::moment_or(row.time(4), "not yet"),
            match row.time(4) {
                None if by.is_none() => Cell::Nothing("nobody"),
                _ => Cell::Text(by),
            },
            Cell::moment_or(row.time(6), "not yet"),
        ]
    });
    let usual = Sort {
        key: "",
        descending: false,
    };
    let sort = asked.sort(&keys(&COLUMNS), usual);
    Ok(Listing {
        id: "remediations",
        caption: "Remediations".to_owned(),
        rows: arrange(cells.collect(), &COLUMNS, &asked, sort, extent),
        columns: COLUMNS.into(),
        sort,
        empty: "It asks for no remediations.".to_owned(),
        finds: Some("remediation"),
        choices: Vec::new(),
        asked,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn parameters_are_read_as_words() {
        for (json, words) in [
            (json!(null), ""),
            (
                json!([{"name": "Path", "description": "C:\\x"}]),
                "Path: C:\\x",
            ),
            (
                json!({"path": "a", "hashes": ["b", 1]}),
                "path: a; hashes: b; 1",
            ),
        ] {
            assert_eq!(words_of(&json), words);
        }
    }
}
