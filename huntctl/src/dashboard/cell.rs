//! What stands in a table: one value, which a page shows, a file has as text, and which has a
//! place in an order.

use std::cmp::Ordering;

use jiff::Timestamp;

use super::chart::{Spark, Stack};
use super::text;

/// A value of a table.
#[derive(Clone, Debug)]
pub enum Cell {
    /// A text of others.
    Text(Option<String>),
    /// The same with a page of its own.
    Link(String, String),
    /// A count.
    Count(Option<i64>),
    /// A count of what should be none, and how bad it is.
    Bad(Option<i64>, Tone),
    /// A part of a whole.
    Share(Option<(i64, i64)>),
    /// A moment.
    Moment(Option<Timestamp>),
    /// Nothing, and that is known: the words say why. It is no unknown value.
    Nothing(&'static str),
    /// Words that stand out.
    Badges(Vec<Badge>),
    /// How many of each severity.
    Stack(Stack),
    /// A trend.
    Spark(Spark),
}

/// How much something matters. Colour is never its only sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tone {
    /// As it should be, or of no weight.
    Plain,
    /// Good.
    Good,
    /// Low.
    Low,
    /// High.
    High,
    /// Critical.
    Critical,
}

/// A word that stands out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Badge {
    /// The word.
    pub text: String,
    /// How much it matters.
    pub tone: Tone,
}

impl Tone {
    /// Its class in the style sheet.
    pub fn class(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Good => "good",
            Self::Low => "low",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl Badge {
    /// One with a text of others.
    pub fn new(text: &str, tone: Tone) -> Self {
        let text = text::line(text);
        Self { text, tone }
    }

    /// The severity of an incident.
    pub fn severity(severity: Option<&str>) -> Self {
        let tone = match severity {
            Some("critical") => Tone::Critical,
            Some("high") => Tone::High,
            Some("low") => Tone::Low,
            _ => Tone::Plain,
        };
        let text = text::or_unknown(severity);
        Self { text, tone }
    }

    /// The status of an incident, in words.
    pub fn status(status: Option<&str>) -> Self {
        let text = text::or_unknown(status).replace('_', " ");
        let tone = match status {
            Some("sent" | "auto_remediating") => Tone::High,
            Some("closed" | "completed" | "approved") => Tone::Good,
            Some("failed") => Tone::Critical,
            _ => Tone::Plain,
        };
        Self { text, tone }
    }
}

impl Cell {
    /// A moment that has not come where there is none.
    pub fn moment_or(time: Option<Timestamp>, nothing: &'static str) -> Self {
        match time {
            Some(_) => Self::Moment(time),
            None => Self::Nothing(nothing),
        }
    }

    /// A text.
    pub fn text(text: Option<&str>) -> Self {
        Self::Text(text.map(str::to_owned))
    }

    /// The text that a page shows.
    pub fn shown(&self) -> String {
        match self {
            Self::Text(text) => text::or_unknown(text.as_deref()),
            Self::Link(text, _) => text.clone(),
            Self::Count(count) | Self::Bad(count, _) => text::count_or_unknown(*count),
            Self::Share(share) => share
                .and_then(|(part, whole)| text::percent(part, whole))
                .unwrap_or_else(|| text::UNKNOWN.to_owned()),
            Self::Moment(time) => time.map_or_else(|| text::UNKNOWN.to_owned(), text::moment),
            Self::Badges(badges) => {
                let texts: Vec<_> = badges.iter().map(|badge| &*badge.text).collect();
                texts.join(", ")
            }
            Self::Nothing(words) => (*words).to_owned(),
            Self::Stack(stack) => stack.words(),
            Self::Spark(spark) => spark.words(),
        }
    }

    /// The text that a file has: plain numbers, and nothing where nothing is known.
    pub fn in_file(&self) -> String {
        match self {
            Self::Text(text) => text.as_deref().map(text::line).unwrap_or_default(),
            Self::Count(count) | Self::Bad(count, _) => {
                count.map(|count| count.to_string()).unwrap_or_default()
            }
            Self::Share(share) => share
                .and_then(|(part, whole)| text::percent(part, whole))
                .map(|percent| percent.replace(" %", ""))
                .unwrap_or_default(),
            Self::Moment(time) => time.map(|time| time.to_string()).unwrap_or_default(),
            Self::Nothing(_) => String::new(),
            _ => self.shown(),
        }
    }

    /// Whether a text is in it, in small letters.
    pub fn has(&self, small: &str) -> bool {
        match self {
            Self::Text(Some(text)) | Self::Link(text, _) => text.to_lowercase().contains(small),
            Self::Badges(badges) => {
                let mut badges = badges.iter();
                badges.any(|badge| badge.text.to_lowercase().contains(small))
            }
            _ => false,
        }
    }

    /// The order of two; what nobody knows is the last, whichever way it is sorted.
    pub fn order(&self, other: &Self, descending: bool) -> Ordering {
        let (mine, others) = (self.key(), other.key());
        match (mine, others) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(mine), Some(others)) => {
                let order = mine.cmp(&others);
                if descending { order.reverse() } else { order }
            }
        }
    }

    fn key(&self) -> Option<Key> {
        let number = |value: Option<i64>| value.map(|value| Key(i128::from(value), String::new()));
        match self {
            Self::Text(text) => text.as_ref().map(|text| Key(0, text.to_lowercase())),
            Self::Link(text, _) => Some(Key(0, text.to_lowercase())),
            Self::Count(count) | Self::Bad(count, _) => number(*count),
            Self::Share(share) => share.filter(|(_, whole)| *whole > 0).map(|(part, whole)| {
                let share = i128::from(part) * 1_000_000_000 / i128::from(whole);
                Key(share, String::new())
            }),
            Self::Moment(time) => time.map(|time| Key(time.as_nanosecond(), String::new())),
            Self::Badges(badges) => badges
                .iter()
                .map(|badge| Key(badge.tone as i128, badge.text.to_lowercase()))
                .max(),
            Self::Stack(stack) => stack.weight().map(|weight| Key(weight, String::new())),
            Self::Spark(_) | Self::Nothing(_) => None,
        }
    }
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Key(i128, String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_the_last_both_ways() {
        let sorted = |descending| {
            let mut cells = [Some(2), None, Some(10), Some(-1)].map(Cell::Count);
            cells.sort_by(|a, b| a.order(b, descending));
            cells.map(|cell| cell.in_file())
        };
        assert_eq!(sorted(false), ["-1", "2", "10", ""]);
        assert_eq!(sorted(true), ["10", "2", "-1", ""]);
    }

    #[test]
    fn texts_sort_without_their_case_and_shares_by_their_value() {
        let text = |text: &str| Cell::text(Some(text));
        assert_eq!(text("acme").order(&text("Beta"), false), Ordering::Less);
        let share = |part, whole| Cell::Share(Some((part, whole)));
        assert_eq!(share(1, 3).order(&share(2, 7), false), Ordering::Greater);
        assert_eq!(share(1, 0).shown(), "not known");
    }
}
