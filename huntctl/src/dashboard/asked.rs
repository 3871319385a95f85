//! What a URL asks of a page. Nothing of it can fail: what makes no sense is as if it were not
//! there.

use std::collections::BTreeMap;

use crate::output::visible::is_obeyed;

/// The longest value that is looked at.
const LONGEST: usize = 200;

/// The parameters that a page knows, and what the URL says for them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    path: String,
    file: String,
    values: BTreeMap<&'static str, String>,
}

/// Which way a table is sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort {
    /// The column.
    pub key: &'static str,
    /// The largest first.
    pub descending: bool,
}

impl Asked {
    /// Reads a query; of a parameter that is there twice the first counts, and one that the page
    /// does not know is left out of its links.
    pub fn new(path: &str, query: Option<&str>, known: &[&'static str]) -> Self {
        let mut values = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            let plain = value.trim().chars().filter(|c| !is_obeyed(*c));
            let value: String = plain.take(LONGEST).collect();
            if let Some(name) = known.iter().find(|known| **known == name)
                && !value.is_empty()
            {
                values.entry(*name).or_insert(value);
            }
        }
        Self {
            path: path.to_owned(),
            file: format!("{path}.csv"),
            values,
        }
    }

    /// The same of a page whose table is a file of another path than its own.
    #[must_use]
    pub fn with_file(mut self, file: impl Into<String>) -> Self {
        self.file = file.into();
        self
    }

    /// The value of a parameter.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// The same as a number.
    pub fn number(&self, name: &str) -> Option<i64> {
        self.text(name)?.parse().ok()
    }

    /// The same as one of these words; the first where it is none of them.
    pub fn one_of(&self, name: &str, words: &[&'static str]) -> &'static str {
        let asked = words.iter().find(|word| self.text(name) == Some(word));
        asked.or(words.first()).copied().unwrap_or_default()
    }

    /// The page of a table, from 1.
    pub fn page(&self) -> usize {
        let page = self
            .number("page")
            .and_then(|page| usize::try_from(page).ok());
        page.unwrap_or(1).clamp(1, 1_000_000)
    }

    /// How a table is sorted: `name`, or `-name` for the largest first.
    pub fn sort(&self, keys: &[&'static str], usual: Sort) -> Sort {
        let asked = self.text("sort").unwrap_or_default();
        let (name, descending) = match asked.strip_prefix('-') {
            Some(name) => (name, true),
            None => (asked, false),
        };
        let key = keys.iter().find(|key| **key == name);
        key.map_or(usual, |key| Sort { key, descending })
    }

    /// The link to the same page with another value of a parameter, or without it. It begins
    /// with the first page, unless that is what is asked for.
    pub fn with(&self, name: &'static str, value: Option<&str>) -> String {
        self.at(&self.path, name, value)
    }

    /// The link to the CSV of the table of this page.
    pub fn csv(&self) -> String {
        self.at(&self.file, "page", None)
    }

    fn at(&self, path: &str, name: &'static str, value: Option<&str>) -> String {
        let mut values = self.values.clone();
        values.remove("page");
        match value {
            Some(value) => values.insert(name, value.to_owned()),
            None => values.remove(name),
        };
        if values.is_empty() {
            return path.to_owned();
        }
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(&values);
        format!("{path}?{}", query.finish())
    }

    /// What a form has to send beside its own fields, so that the page stays as it is.
    pub fn besides(&self, fields: &[&str]) -> Vec<(&'static str, String)> {
        let others = self.values.iter();
        let others = others.filter(|(name, _)| **name != "page" && !fields.contains(*name));
        others.map(|(name, value)| (*name, value.clone())).collect()
    }

    /// The path.
    pub fn path(&self) -> &str {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 4] = ["sort", "page", "q", "days"];

    fn asked(query: &str) -> Asked {
        Asked::new("/x", Some(query), &KNOWN)
    }

    #[test]
    fn what_makes_no_sense_is_not_there() {
        for (query, page) in [
            ("", 1),
            ("page=3", 3),
            ("page=-3", 1),
            ("page=0", 1),
            ("page=x", 1),
            ("page=99999999999999999999999", 1),
            ("page=9223372036854775807", 1_000_000),
            ("page=2&page=3", 2),
            ("page=%ff%00", 1),
            ("&&==&page", 1),
        ] {
            assert_eq!(asked(query).page(), page, "{query}");
        }
        let usual = Sort {
            key: "name",
            descending: false,
        };
        for (query, key, descending) in [
            ("sort=agents", "agents", false),
            ("sort=-agents", "agents", true),
            ("sort=--agents", "name", false),
            ("sort=record;DROP", "name", false),
            ("sort=", "name", false),
        ] {
            let sort = asked(query).sort(&["name", "agents"], usual);
            assert_eq!(sort, Sort { key, descending }, "{query}");
        }
        assert_eq!(asked("days=90").one_of("days", &["30", "90"]), "90");
        assert_eq!(asked("days=91").one_of("days", &["30", "90"]), "30");
    }

    #[test]
    fn links_keep_what_was_asked_and_no_more() {
        let it = asked("sort=-agents&page=4&q=a%26b&evil=1");
        assert_eq!(it.with("page", Some("5")), "/x?page=5&q=a%26b&sort=-agents");
        assert_eq!(it.with("sort", Some("name")), "/x?q=a%26b&sort=name");
        assert_eq!(it.with("q", None), "/x?sort=-agents");
        assert_eq!(it.csv(), "/x.csv?q=a%26b&sort=-agents");
        assert_eq!(asked("").with("q", None), "/x");
        let besides = it.besides(&["q"]);
        assert_eq!(besides, [("sort", "-agents".to_owned())]);
    }
}
