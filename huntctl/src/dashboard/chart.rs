//! Charts, drawn here as SVG: what is computed are points, and templates write the markup. Each
//! has its numbers in words, too.

use std::fmt::Write as _;

use askama::Template;
use askama::filters::HtmlSafe;
use jiff::civil::Date;

use super::text;

/// The inner size of a trend, in units that the page stretches.
const WIDTH: i64 = 1_000;
const HEIGHT: i64 = 200;
/// Room above the highest point, so that its line is whole.
const ROOM: i64 = 8;
/// The most lines that the table beside a chart has.
const LINES: usize = 32;

/// A count of each day.
pub type Series = Vec<(Date, Option<i64>)>;

/// A count over days, as a line with the area below it.
#[derive(Clone, Debug, Template)]
#[template(path = "dashboard/trend.html")]
pub struct Trend {
    id: String,
    title: String,
    tone: &'static str,
    words: String,
    line: String,
    area: String,
    dots: Vec<(i64, i64)>,
    most: String,
    half: String,
    first: String,
    last: String,
    lines: Vec<(String, String)>,
    unit: &'static str,
}

impl HtmlSafe for Trend {}

impl Trend {
    /// Draws one; `id` is unique on its page.
    pub fn new(id: &str, title: &str, tone: &'static str, series: &Series) -> Self {
        Self::with_unit(id, title, tone, series, "")
    }

    /// The same of values that have a unit, such as tenths of a percent.
    pub fn with_unit(
        id: &str,
        title: &str,
        tone: &'static str,
        series: &Series,
        unit: &'static str,
    ) -> Self {
        let most = series.iter().filter_map(|(_, value)| *value).max();
        let most = top(most.unwrap_or(0));
        let (line, area, dots) = paths(series, most);
        let day = |point: Option<&(Date, Option<i64>)>| {
            point.map_or_else(String::new, |(day, _)| day.to_string())
        };
        let step = series.len().div_ceil(LINES).max(1);
        // Backwards, so that the last day is among them.
        let lines = series.iter().rev().step_by(step);
        let lines = lines.map(|(day, value)| (day.to_string(), shown(*value, unit)));
        Self {
            id: id.to_owned(),
            title: title.to_owned(),
            tone,
            words: words(series, unit),
            line,
            area,
            dots,
            most: shown(Some(most), unit),
            half: if most % 2 == 0 {
                shown(Some(most / 2), unit)
            } else {
                String::new()
            },
            first: day(series.first()),
            last: day(series.last()),
            lines: lines.collect(),
            unit,
        }
    }
}

impl Trend {
    /// What it shows.
    pub fn title(&self) -> &str {
        &self.title
    }
}

fn shown(value: Option<i64>, unit: &str) -> String {
    match value {
        None => text::UNKNOWN.to_owned(),
        Some(tenths) if unit == "%" => format!("{}.{} %", tenths / 10, tenths % 10),
        Some(value) => text::count(value),
    }
}

/// What a chart says, for who does not see it.
fn words(series: &Series, unit: &str) -> String {
    let known = || {
        let known = series.iter();
        known.filter_map(|(day, value)| value.map(|value| (*day, value)))
    };
    let (Some(first), Some(last)) = (known().next(), known().next_back()) else {
        return "Nothing is known of this time.".to_owned();
    };
    let least = known().min_by_key(|(_, value)| *value).unwrap_or(first);
    let most = known().max_by_key(|(_, value)| *value).unwrap_or(last);
    let show = |value| shown(Some(value), unit);
    format!(
        "From {} on {} to {} on {}; lowest {} on {}, highest {} on {}.",
        show(first.1),
        first.0,
        show(last.1),
        last.0,
        show(least.1),
        least.0,
        show(most.1),
        most.0
    )
}

/// The end of the axis: a round number that is not below the highest value.
fn top(most: i64) -> i64 {
    let mut round = 4_i64;
    while round < most {
        // 4, 10, 20, 40, 100, …
        round = match round.to_string().as_bytes()[0] {
            b'4' => round / 4 * 10,
            _ => round.saturating_mul(2),
        };
        if round > i64::MAX / 20 {
            return most;
        }
    }
    round
}

/// The line and the area, broken where nothing is known, and days that stand alone.
fn paths(series: &Series, most: i64) -> (String, String, Vec<(i64, i64)>) {
    let steps = i64::try_from(series.len().saturating_sub(1))
        .unwrap_or(1)
        .max(1);
    let point = |(at, (_, value)): (i64, &(Date, Option<i64>))| {
        let inner = HEIGHT - ROOM;
        let height = i128::from(inner) * i128::from((*value)?.max(0)) / i128::from(most.max(1));
        Some((
            at * WIDTH / steps,
            HEIGHT - i64::try_from(height).unwrap_or(inner),
        ))
    };
    let points: Vec<_> = (0..).zip(series).map(point).collect();
    let (mut line, mut area, mut dots) = (String::new(), String::new(), Vec::new());
    for run in points.split(Option::is_none) {
        let run: Vec<_> = run.iter().copied().flatten().collect();
        let (Some((first, y)), Some((last, _))) = (run.first(), run.last()) else {
            continue;
        };
        if first == last {
            dots.push((*first, *y));
            continue;
        }
        let path: Vec<_> = run.iter().map(|(x, y)| format!("{x} {y}")).collect();
        let path = path.join("L");
        let _ = write!(line, "M{path}");
        let _ = write!(area, "M{first} {HEIGHT}L{path}L{last} {HEIGHT}Z");
    }
    (line, area, dots)
}

/// A trend of a line alone: within a table, and on the pages of the portal.
#[derive(Clone, Debug, Template)]
#[template(path = "dashboard/spark.html")]
pub struct Spark {
    line: String,
    words: String,
}

impl HtmlSafe for Spark {}

impl Spark {
    /// Draws one.
    pub fn new(series: &Series) -> Self {
        let most = series.iter().filter_map(|(_, value)| *value).max();
        Self {
            line: paths(series, most.unwrap_or(0).max(1)).0,
            words: words(series, ""),
        }
    }

    /// The trend in words.
    pub fn words(&self) -> String {
        self.words.clone()
    }
}

/// How many there are of each severity, side by side.
#[derive(Clone, Debug, Template)]
#[template(path = "dashboard/stack.html")]
pub struct Stack {
    parts: Vec<Part>,
    words: String,
    weight: Option<i128>,
}

#[derive(Clone, Debug)]
struct Part {
    class: &'static str,
    x: i64,
    width: i64,
}

impl HtmlSafe for Stack {}

impl Stack {
    /// Draws one of counts with their names and classes, the worst first. `scale` is what a
    /// whole bar stands for; by default it is the sum.
    pub fn new(counts: &[(&'static str, Option<i64>)], scale: Option<i64>) -> Self {
        let known = counts.iter().map(|(_, count)| count.unwrap_or(0).max(0));
        let whole = scale.unwrap_or_else(|| known.clone().sum()).max(1);
        let mut x = 0;
        let mut parts = Vec::new();
        for ((class, _), count) in counts.iter().zip(known.clone()) {
            let width = (count * WIDTH / whole).min(WIDTH - x);
            if width > 0 {
                parts.push(Part { class, x, width });
                x += width;
            }
        }
        let words = counts
            .iter()
            .map(|(name, count)| format!("{} {name}", text::count_or_unknown(*count)));
        let all_known = counts.iter().all(|(_, count)| count.is_some());
        let weight = known.fold(0_i128, |weight, count| (weight << 24) + i128::from(count));
        Self {
            parts,
            words: words.collect::<Vec<_>>().join(", "),
            weight: all_known.then_some(weight),
        }
    }

    /// The counts in words.
    pub fn words(&self) -> String {
        self.words.clone()
    }

    /// Its place in an order: the worst severity decides.
    pub fn weight(&self) -> Option<i128> {
        self.weight
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(values: &[Option<i64>]) -> Series {
        let first: Date = "2026-06-01".parse().unwrap();
        let days = first.series(jiff::Span::new().days(1));
        days.zip(values.iter().copied()).collect()
    }

    #[test]
    fn axes_end_at_round_numbers() {
        for (most, end) in [
            (0, 4),
            (4, 4),
            (5, 10),
            (11, 20),
            (21, 40),
            (41, 100),
            (401, 1_000),
        ] {
            assert_eq!(top(most), end, "{most}");
        }
        assert_eq!(top(i64::MAX), i64::MAX);
    }

    #[test]
    fn a_line_is_broken_where_nothing_is_known() {
        let series = series(&[Some(0), Some(2), None, Some(4), None, Some(1), Some(1)]);
        let (line, area, dots) = paths(&series, 4);
        assert_eq!(line, "M0 200L166 104M833 152L1000 152");
        assert_eq!(
            area,
            "M0 200L0 200L166 104L166 200ZM833 200L833 152L1000 152L1000 200Z"
        );
        assert_eq!(dots, [(500, 8)]);
        assert_eq!(
            words(&series, ""),
            "From 0 on 2026-06-01 to 1 on 2026-06-07; lowest 0 on 2026-06-01, highest 4 on 2026-06-04."
        );
        assert_eq!(words(&Vec::new(), ""), "Nothing is known of this time.");
        assert_eq!(paths(&Vec::new(), 4), Default::default());
    }

    #[test]
    fn a_stack_fills_its_bar_and_no_more() {
        let stack = Stack::new(
            &[("critical", Some(1)), ("high", Some(0)), ("low", Some(3))],
            None,
        );
        let parts: Vec<_> = stack
            .parts
            .iter()
            .map(|part| (part.class, part.x, part.width))
            .collect();
        assert_eq!(parts, [("critical", 0, 250), ("low", 250, 750)]);
        assert_eq!(stack.words(), "1 critical, 0 high, 3 low");
        assert_eq!(Stack::new(&[("low", None)], None).words(), "not known low");
        assert!(Stack::new(&[("low", None)], None).weight().is_none());
        let small = Stack::new(&[("high", Some(3))], Some(2));
        assert_eq!(small.parts[0].width, WIDTH);
    }
}
