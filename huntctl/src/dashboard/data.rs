//! How old the data of each account is, and what to do where it is too old.

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;

use super::age::{self, Verdict};
use super::asked::{Asked, Sort};
use super::cell::{Badge, Cell, Tone};
use super::list::List;
use super::page::{Page, Wrong, shown};
use super::table::{Column, Extent, Listing, arrange, keys, words};
use super::{App, file, text};
use crate::failure::Failure;

const COLUMNS: [Column; 7] = [
    words("name", "Account"),
    words("state", "Data"),
    words("complete", "Last complete pull"),
    words("usual", "Usually every"),
    words("outcome", "Last pull"),
    words("errors", "Errors"),
    words("source", "Source"),
];

const KNOWN: [&str; 3] = ["page", "q", "sort"];

/// `GET /data`
pub async fn page(State(app): State<App>, uri: Uri) -> Result<Response, Wrong> {
    let page = Page::of(&app, "Age of the data", "/data", None).await?;
    let listing = listing(&app, &page, uri.query(), Extent::Page).await?;
    shown(&List {
        page,
        tabs: Vec::new(),
        note: "Old is what was last pulled completely longer ago than twice the usual time from \
               pull to pull. `huntctl status` says the same of each list, `huntctl pull` brings \
               what is missing."
            .to_owned(),
        table: listing.table(),
    })
}

/// `GET /data.csv`
pub async fn csv(State(app): State<App>, uri: Uri) -> Result<Response, Wrong> {
    let page = Page::of(&app, "", "/data", None).await?;
    file::answer(&listing(&app, &page, uri.query(), Extent::All).await?)
}

async fn listing(
    app: &App,
    page: &Page,
    query: Option<&str>,
    extent: Extent,
) -> Result<Listing, Failure> {
    let asked = Asked::new("/data", query, &KNOWN);
    let now = app.now();
    let ages = age::read(app.store.database(), None).await?;
    let rows = ages.iter().map(|age| {
        let (word, tone) = match age.verdict(now) {
            Verdict::Fresh => ("fresh", Tone::Good),
            Verdict::Old => ("old", Tone::High),
            Verdict::Failed => ("last pull failed", Tone::High),
            Verdict::Never => ("never complete", Tone::Critical),
        };
        let id = age.account_id;
        vec![
            Cell::Link(page.account(id), format!("/?account={id}")),
            Cell::Badges(vec![Badge::new(word, tone)]),
            Cell::Moment(age.complete_at),
            Cell::Text(age.usual.map(text::duration)),
            Cell::Text(age.last.as_ref().map(|(_, outcome)| outcome.clone())),
            Cell::Text(Some(
                age.errors.clone().unwrap_or_else(|| "none".to_owned()),
            )),
            Cell::Text(age.source.clone()),
        ]
    });
    let usual = Sort {
        key: "state",
        descending: true,
    };
    let sort = asked.sort(&keys(&COLUMNS), usual);
    Ok(Listing {
        id: "data",
        caption: "Accounts".to_owned(),
        rows: arrange(rows.collect(), &COLUMNS, &asked, sort, extent),
        columns: COLUMNS.into(),
        sort,
        empty: "Nothing was pulled yet: `huntctl pull` does.".to_owned(),
        finds: Some("account or error"),
        choices: Vec::new(),
        asked,
    })
}
