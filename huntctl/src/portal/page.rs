//! A report as a page. Texts of the store are written by others, and escaped by askama.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Response};
use jiff::Timestamp;

use super::chart::Chart;
use super::report::Report;

#[derive(Template)]
#[template(path = "portal/report.html")]
struct ReportPage<'a> {
    report: &'a Report,
    name: &'a str,
    data_as_of: Option<String>,
    expires: String,
    billable: [(&'static str, Option<i64>); 4],
    chart: Option<Chart>,
}

#[derive(Template)]
#[template(path = "portal/sorry.html")]
struct SorryPage<'a> {
    text: &'a str,
}

/// The page of a report.
pub(super) fn report(report: &Report) -> Response {
    let name = report.organization.name.as_deref();
    let billable = &report.billable;
    shown(&ReportPage {
        report,
        name: name.unwrap_or("Your organization"),
        data_as_of: report.data_as_of.map(moment),
        expires: moment(report.expires_at),
        billable: [
            ("Endpoints", billable.endpoints),
            ("Identities", billable.identities),
            ("Sources of logs", billable.log_sources),
            ("Learners", billable.learners),
        ],
        chart: Chart::of(&report.trend),
    })
}

/// A page that says why there is none.
pub(super) fn sorry(text: &str) -> Response {
    shown(&SorryPage { text })
}

fn shown(page: &impl Template) -> Response {
    match page.render() {
        Ok(page) => Html(page).into_response(),
        Err(problem) => {
            tracing::error!("a page could not be made: {problem}");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

fn moment(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M UTC").to_string()
}
