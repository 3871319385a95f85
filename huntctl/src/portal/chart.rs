//! The trend: a line in SVG, drawn here, and the same in words for who does not see it.

use jiff::civil::Date;

use super::report::Day;

const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 120.0;
const EDGE: f64 = 8.0;

/// What a line is drawn from.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Chart {
    /// Its lines, each the points of an SVG `polyline`; a day that was not counted ends one.
    pub lines: Vec<String>,
    /// The last point.
    pub last: (String, String),
    /// What it shows.
    pub words: String,
}

impl Chart {
    /// Of the open incidents of some days; none where there is no line to draw.
    pub(super) fn of(days: &[Day]) -> Option<Self> {
        let counted = days
            .iter()
            .filter_map(|day| Some((day.day, day.incidents_open?)));
        let counted: Vec<(Date, i64)> = counted.collect();
        let ((first, from), (last, to)) = (*counted.first()?, *counted.last()?);
        if first == last {
            return None;
        }
        let most = counted.iter().map(|(_, count)| *count).max()?;
        let point = |(day, count): (Date, i64)| {
            let across = part(days_between(first, day), days_between(first, last));
            let up = part(count, most.max(1));
            let x = EDGE + (WIDTH - 2.0 * EDGE) * across;
            let y = HEIGHT - EDGE - (HEIGHT - 2.0 * EDGE) * up;
            (format!("{x:.1}"), format!("{y:.1}"))
        };
        let runs = counted.chunk_by(|(before, _), (day, _)| days_between(*before, *day) <= 1);
        let line = |run: &[(Date, i64)]| {
            let points = run.iter().map(|counts| point(*counts));
            let points: Vec<_> = points.map(|(x, y)| format!("{x},{y}")).collect();
            points.join(" ")
        };
        Some(Self {
            lines: runs.map(line).collect(),
            last: point((last, to)),
            words: format!(
                "Open incidents by day: {from} on {first}, {to} on {last}, {most} at most."
            ),
        })
    }
}

fn days_between(first: Date, last: Date) -> i64 {
    first.duration_until(last).as_hours() / 24
}

/// What part of a whole it is; both are small.
fn part(of: i64, whole: i64) -> f64 {
    let small = |number: i64| f64::from(i32::try_from(number).unwrap_or(i32::MAX));
    small(of) / small(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(counts: &[(i8, Option<i64>)]) -> Vec<Day> {
        let day = |(day, count): &(i8, Option<i64>)| Day {
            day: jiff::civil::date(2026, 11, *day),
            incidents_open: *count,
            agents: None,
        };
        counts.iter().map(day).collect()
    }

    #[test]
    fn a_line_goes_from_the_first_day_to_the_last_and_has_gaps() {
        let chart = Chart::of(&days(&[
            (1, Some(0)),
            (2, Some(4)),
            (3, None),
            (4, Some(2)),
            (5, Some(1)),
        ]))
        .unwrap();
        assert_eq!(
            chart.lines,
            ["8.0,112.0 154.0,8.0", "446.0,60.0 592.0,86.0"]
        );
        assert_eq!(chart.last, ("592.0".to_owned(), "86.0".to_owned()));
        assert_eq!(
            chart.words,
            "Open incidents by day: 0 on 2026-11-01, 1 on 2026-11-05, 4 at most."
        );
    }

    #[test]
    fn where_nothing_was_ever_open_it_lies_at_the_bottom() {
        let chart = Chart::of(&days(&[(1, Some(0)), (2, Some(0))])).unwrap();
        assert_eq!(chart.lines, ["8.0,112.0 592.0,112.0"]);
    }

    #[test]
    fn one_day_is_no_trend() {
        assert_eq!(Chart::of(&days(&[])), None);
        assert_eq!(Chart::of(&days(&[(1, Some(3)), (2, None)])), None);
    }
}
