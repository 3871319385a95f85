//! A report as a page. Texts of the store are written by others, and escaped by askama.

use std::collections::BTreeMap;

use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Response};
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};

use super::report::{Day, Report};
use crate::dashboard::chart::{Series, Spark};

#[derive(Template)]
#[template(path = "portal/report.html")]
struct ReportPage<'a> {
    report: &'a Report,
    name: &'a str,
    data_as_of: Option<String>,
    expires: String,
    billable: [(&'static str, Option<i64>); 4],
    trend: Option<Spark>,
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
        trend: series(&report.trend).map(|series| Spark::new(&series)),
    })
}

/// The open incidents from the first day that was counted to the last; none where these are
/// one, which is no trend.
fn series(days: &[Day]) -> Option<Series> {
    let counted = days.iter();
    let counted = counted.filter_map(|day| Some((day.day, day.incidents_open?)));
    let counted: BTreeMap<Date, i64> = counted.collect();
    let (first, last) = (*counted.keys().next()?, *counted.keys().next_back()?);
    let days = first.series(1.day()).take_while(|day| *day <= last);
    let series = days.map(|day| (day, counted.get(&day).copied()));
    (first < last).then(|| series.collect())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trend_has_every_day_and_says_which_were_not_counted() {
        let date = |day| jiff::civil::date(2026, 11, day);
        let series = |counts: &[(i8, Option<i64>)]| {
            let day = |(day, incidents_open): &(i8, _)| Day {
                day: date(*day),
                incidents_open: *incidents_open,
                agents: None,
            };
            series(&counts.iter().map(day).collect::<Vec<_>>())
        };
        assert_eq!(
            series(&[(1, None), (2, Some(4)), (3, None), (5, Some(1))]),
            Some(vec![
                (date(2), Some(4)),
                (date(3), None),
                (date(4), None),
                (date(5), Some(1))
            ])
        );
        assert_eq!(series(&[]), None);
        assert_eq!(series(&[(1, Some(3)), (2, None)]), None);
    }
}
