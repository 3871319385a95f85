//! How the values of an enum of the API's document are said in a format.

use std::fmt;

/// The values of an enum, each with what a format says for it.
pub(super) struct Table<T: 'static> {
    /// What the format is told.
    pub(super) title: &'static str,
    /// The enum in the API's document.
    pub(super) schema: &'static str,
    /// Value and what is said for it.
    pub(super) rows: &'static [(&'static str, T)],
    /// In words: what any other value gives.
    pub(super) other: &'static str,
}

/// A table as a page shows it.
pub struct Listing {
    /// What the format is told.
    pub title: &'static str,
    /// The enum in the API's document.
    pub schema: &'static str,
    /// Value and what is said for it.
    pub rows: Vec<(&'static str, String)>,
    /// In words: what any other value gives.
    pub other: &'static str,
}

impl<T> Table<T> {
    /// What is said for a value, in whatever case it is written.
    pub(super) fn get(&self, value: &str) -> Option<&'static T> {
        let mut rows = self.rows.iter();
        rows.find(|(known, _)| known.eq_ignore_ascii_case(value))
            .map(|(_, said)| said)
    }
}

impl<T: fmt::Display> Table<T> {
    pub(super) fn listing(&self) -> Listing {
        let rows = self.rows.iter();
        Listing {
            title: self.title,
            schema: self.schema,
            rows: rows
                .map(|(value, said)| (*value, said.to_string()))
                .collect(),
            other: self.other,
        }
    }
}
