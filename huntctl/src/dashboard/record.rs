//! A page that is one record: an agent, an identity.

use askama::Template;

use super::cell::Badge;
use super::incident::{Fact, fact};
use super::page::{Page, Wrong};
use super::path::Ids;
use super::select::Select;
use super::table::Table;
use super::{App, organization, text};
use crate::database::Row;
use crate::store::Kind;

/// Such a page.
#[derive(Template)]
#[template(path = "dashboard/record.html")]
pub struct RecordPage {
    /// Its frame.
    pub page: Page,
    /// The states that it is in.
    pub badges: Vec<Badge>,
    /// What it is.
    pub facts: Vec<Fact>,
    /// What it was part of, where the store knows.
    pub incidents: Option<Table>,
}

/// What a page has of a record: the name, the column, and what that holds.
pub type Shown = (&'static str, &'static str, Kind);

/// A record as it was read.
#[derive(Debug)]
pub struct Record {
    /// What the select of its list reads, and more.
    pub row: Row,
    /// What it is.
    pub facts: Vec<Fact>,
    /// Its organization.
    pub organization: Option<Ids>,
}

/// Reads one record by the columns of its list, and these of it as facts.
pub async fn read(
    app: &App,
    ids: Ids,
    list: Select,
    noun: &str,
    shown: &[Shown],
) -> Result<Record, Wrong> {
    let Select { table, columns, .. } = list;
    let first = columns.len();
    let of_the_record = |(_, column, kind): &Shown| app.fields.get(table, column, *kind);
    let more = shown.iter().map(of_the_record);
    let columns: Vec<_> = columns
        .into_iter()
        .chain(more)
        .chain([app.fields.integer(table, "organization_id")])
        .chain(["t.gone_at".to_owned()])
        .collect();
    let sql = format!(
        "SELECT {} FROM {table} AS t WHERE t.account_id = ?1 AND t.id = ?2",
        columns.join(", ")
    );
    let values = [ids.account.into(), ids.id.into()];
    let rows = app.store.database().query(&sql, &values).await?;
    let Some(row) = rows.into_iter().next() else {
        return Err(Wrong::Missing(format!(
            "The store has no {noun} {} of account {}. If it is new, the next `huntctl pull` \
             brings it.",
            ids.id, ids.account
        )));
    };
    let at = first + shown.len();
    let mut facts = vec![fact("Number", ids.id.to_string())];
    facts.extend(self::facts(&row, first, shown));
    if let Some(gone) = row.time(at + 1) {
        let since = format!("the API has it no more since {}", text::moment(gone));
        facts.push(fact("Gone", since));
    }
    let organization = row.integer(at).map(|id| Ids { id, ..ids });
    Ok(Record {
        row,
        facts,
        organization,
    })
}

/// The page below the list of its organization: what that is called, and the end of its path.
pub async fn below(
    app: &App,
    page: Page,
    organization: Option<Ids>,
    list: &str,
    end: &str,
) -> Page {
    let Some(ids) = organization else {
        return page;
    };
    let name = organization::name(app, ids).await;
    let name = name.unwrap_or_else(|_| format!("organization {}", ids.id));
    page.below(name, organization::path(ids, ""))
        .below(list, organization::path(ids, end))
}

/// The columns of a row from the first one on, with their names. What is not known says so.
pub fn facts(row: &Row, first: usize, shown: &[Shown]) -> Vec<Fact> {
    let fact_of = |(at, (name, _, kind)): (usize, &Shown)| {
        let value = match kind {
            Kind::Moment => row.time(at).map(text::moment),
            Kind::Boolean => row
                .bool(at)
                .map(|is| if is { "yes" } else { "no" }.to_owned()),
            Kind::Integer => row.integer(at).map(text::count),
            _ => Some(text::or_unknown(row.text(at))),
        };
        fact(*name, value.unwrap_or_else(|| text::UNKNOWN.to_owned()))
    };
    (first..).zip(shown).map(fact_of).collect()
}
