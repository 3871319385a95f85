//! What all pages have around their content, and how a page that cannot be shown ends.

use std::collections::BTreeMap;

use askama::Template;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

use super::age::{self, Age};
use super::{App, assets, names};
use crate::failure::Failure;

/// The frame of a page.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// Its heading.
    pub title: String,
    /// Which part of the navigation it belongs to: its path.
    pub here: &'static str,
    /// The pages above it: their names and paths.
    pub above: Vec<(String, String)>,
    /// How old its data is.
    pub age: Age,
    /// What accounts are called.
    pub names: BTreeMap<i64, String>,
}

/// The pages that every page leads to.
const NAVIGATION: [(&str, &str); 5] = [
    ("/", "Overview"),
    ("/incidents", "Incidents"),
    ("/accounts", "Accounts"),
    ("/training", "Training"),
    ("/data", "Data"),
];

impl Page {
    /// One whose data is of all accounts, or of one.
    pub async fn of(
        app: &App,
        title: impl Into<String>,
        here: &'static str,
        account: Option<i64>,
    ) -> Result<Self, Failure> {
        let database = app.store.database();
        let names = names::read(database, &app.fields).await?;
        let ages = age::read(database, account).await?;
        Ok(Self {
            title: title.into(),
            here,
            above: Vec::new(),
            age: age::told(&ages, &names, app.now()),
            names,
        })
    }

    /// The same below other pages.
    #[must_use]
    pub fn below(mut self, name: impl Into<String>, path: impl Into<String>) -> Self {
        self.above.push((name.into(), path.into()));
        self
    }

    /// What an account is called.
    pub fn account(&self, id: i64) -> String {
        names::account(&self.names, id)
    }

    /// Whether there is a session that one can end.
    pub fn can_log_out(&self) -> bool {
        crate::access::user().can_log_out
    }

    /// The navigation.
    pub fn navigation(&self) -> &'static [(&'static str, &'static str)] {
        &NAVIGATION
    }

    /// Where the style sheet is.
    pub fn style(&self) -> &'static str {
        assets::style()
    }

    /// Where the icon is.
    pub fn icon(&self) -> &'static str {
        assets::icon()
    }
}

/// A page as an answer.
pub fn shown(template: &impl Template) -> Result<Response, Wrong> {
    let html = template.render().map_err(|problem| {
        let text = format!("a page cannot be written: {problem}");
        Failure::new(crate::failure::Exit::Failed, text)
    })?;
    Ok(Html(html).into_response())
}

/// A page that cannot be shown.
#[derive(Debug)]
pub enum Wrong {
    /// There is no such page; what to do instead.
    Missing(String),
    /// The store cannot be read.
    Failed(Failure),
}

impl From<Failure> for Wrong {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

#[derive(Template)]
#[template(path = "dashboard/wrong.html")]
struct WrongPage {
    page: Page,
    text: String,
}

impl IntoResponse for Wrong {
    fn into_response(self) -> Response {
        let (status, title, text) = match self {
            Self::Missing(text) => (StatusCode::NOT_FOUND, "There is no such page", text),
            Self::Failed(failure) => {
                // It may name a path or a host: that is for the log.
                tracing::error!("a page of the dashboard cannot be shown: {failure}");
                let text = "The store cannot be read just now. Try again soon; the log of \
                            `huntctl dashboard` says what is wrong.";
                (
                    StatusCode::SERVICE_UNAVAILABLE,
                    "This page cannot be shown",
                    text.to_owned(),
                )
            }
        };
        let page = Page {
            title: title.to_owned(),
            ..Page::default()
        };
        match (WrongPage { page, text }).render() {
            Ok(html) => (status, Html(html)).into_response(),
            Err(_) => {
                let plain = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
                (status, plain, title).into_response()
            }
        }
    }
}
