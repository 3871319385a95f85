//! Quarters of a year, as `2026-Q3`.

use std::fmt;

use jiff::ToSpan as _;
use jiff::civil::{Date, date};

use super::trends::Days;

/// A quarter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quarter {
    year: i16,
    /// From 1 to 4.
    number: i8,
}

impl Quarter {
    /// The quarter of a day.
    pub fn of(day: Date) -> Self {
        Self {
            year: day.year(),
            number: (day.month() - 1) / 3 + 1,
        }
    }

    /// Reads `2026-Q3`, of a year from 2000 to 2199.
    pub fn read(text: &str) -> Option<Self> {
        let (year, number) = text.split_once("-Q").or_else(|| text.split_once("-q"))?;
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let (year, number) = (
            year.parse().ok().filter(|_| digits(year))?,
            number.parse().ok().filter(|_| digits(number))?,
        );
        let there = (2_000..2_200).contains(&year) && (1..=4).contains(&number);
        there.then_some(Self { year, number })
    }

    /// The one before.
    #[must_use]
    pub fn before(self) -> Self {
        match self.number {
            1 => Self {
                year: self.year - 1,
                number: 4,
            },
            _ => Self {
                number: self.number - 1,
                ..self
            },
        }
    }

    /// The one after.
    #[must_use]
    pub fn after(self) -> Self {
        match self.number {
            4 => Self {
                year: self.year + 1,
                number: 1,
            },
            _ => Self {
                number: self.number + 1,
                ..self
            },
        }
    }

    /// Its days.
    pub fn days(self) -> Days {
        let first = date(self.year, self.number * 3 - 2, 1);
        let last = first.saturating_add(3.months()).saturating_sub(1.day());
        Days { first, last }
    }
}

impl fmt::Display for Quarter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-Q{}", self.year, self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quarters_are_read_and_follow_each_other() {
        for (text, days) in [
            ("2026-Q1", "2026-01-01 2026-03-31"),
            ("2026-q4", "2026-10-01 2026-12-31"),
            ("2028-Q1", "2028-01-01 2028-03-31"),
        ] {
            let quarter = Quarter::read(text).unwrap();
            let Days { first, last } = quarter.days();
            assert_eq!(format!("{first} {last}"), days);
            assert_eq!(Quarter::of(last), quarter);
            assert_eq!(quarter.before().after(), quarter);
            assert_eq!(quarter.after().before(), quarter);
            assert_eq!(quarter.to_string(), text.replace('q', "Q"));
        }
        for text in [
            "", "2026", "2026-Q5", "2026-Q0", "1999-Q1", "2200-Q1", "2026-Q1x", "+2026-Q1",
            "2026-Q+1",
        ] {
            assert_eq!(Quarter::read(text), None, "{text}");
        }
    }
}
