//! Tables: every one can be sorted and filtered by links and a form, has pages, and is a file,
//! too.

use askama::Template;
use askama::filters::HtmlSafe;

use super::asked::{Asked, Sort};
use super::cell::Cell;
use super::text;

/// Rows of a page.
pub const PAGE: usize = 50;

/// What stands above a column, and what it is.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its name in a link.
    pub key: &'static str,
    /// Its heading.
    pub label: &'static str,
    /// Its values are numbers: they stand on the right, and the largest come first.
    pub numbers: bool,
    /// It can be sorted by.
    pub sorts: bool,
}

/// A column of texts.
pub const fn words(key: &'static str, label: &'static str) -> Column {
    Column {
        key,
        label,
        numbers: false,
        sorts: true,
    }
}

/// A column of numbers.
pub const fn numbers(key: &'static str, label: &'static str) -> Column {
    Column {
        key,
        label,
        numbers: true,
        sorts: true,
    }
}

/// A column that is looked at only.
pub const fn picture(key: &'static str, label: &'static str) -> Column {
    Column {
        key,
        label,
        numbers: false,
        sorts: false,
    }
}

/// Some of the rows that there are.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    /// These.
    pub rows: Vec<Vec<Cell>>,
    /// How many there are in all.
    pub total: usize,
}

/// Which rows are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Those of the page that is asked for.
    Page,
    /// All, for a file.
    All,
}

/// A table with its rows.
#[derive(Clone, Debug)]
pub struct Listing {
    /// Unique on its page.
    pub id: &'static str,
    /// What it shows.
    pub caption: String,
    /// Its columns.
    pub columns: Vec<Column>,
    /// Its rows.
    pub rows: Rows,
    /// What is asked for.
    pub asked: Asked,
    /// How it is sorted.
    pub sort: Sort,
    /// What is said in place of no rows.
    pub empty: String,
    /// What its filter finds; none where it has no filter.
    pub finds: Option<&'static str>,
    /// Choices beside the filter: a parameter, its words, and their labels.
    pub choices: Vec<Choice>,
}

/// Links that choose one of several kinds of rows.
#[derive(Clone, Debug)]
pub struct Choice {
    /// The parameter.
    pub name: &'static str,
    /// What is chosen.
    pub label: &'static str,
    /// Its words with their labels; the first is what is chosen by default.
    pub words: Vec<(&'static str, String)>,
}

/// Filters and sorts rows that are all here, and takes those of the page.
pub fn arrange(
    mut rows: Vec<Vec<Cell>>,
    columns: &[Column],
    asked: &Asked,
    sort: Sort,
    extent: Extent,
) -> Rows {
    if let Some(text) = asked.text("q") {
        let small = text.to_lowercase();
        rows.retain(|row| row.iter().any(|cell| cell.has(&small)));
    }
    if let Some(at) = columns.iter().position(|column| column.key == sort.key) {
        // Stable: rows that are alike stay in the order in which they came.
        rows.sort_by(|a, b| a[at].order(&b[at], sort.descending));
    }
    let total = rows.len();
    if extent == Extent::Page {
        let first = (page_of(asked, total) - 1) * PAGE;
        rows = rows.into_iter().skip(first).take(PAGE).collect();
    }
    Rows { rows, total }
}

/// The page that is asked for, or the last one.
pub fn page_of(asked: &Asked, total: usize) -> usize {
    asked.page().min(total.div_ceil(PAGE).max(1))
}

/// The keys by which columns sort.
pub fn keys(columns: &[Column]) -> Vec<&'static str> {
    let columns = columns.iter().filter(|column| column.sorts);
    columns.map(|column| column.key).collect()
}

impl Listing {
    /// The table as a page shows it.
    pub fn table(&self) -> Table {
        let page = page_of(&self.asked, self.rows.total);
        let pages = self.rows.total.div_ceil(PAGE).max(1);
        let to = |page: usize| self.asked.with("page", Some(&page.to_string()));
        let first = (page - 1) * PAGE;
        Table {
            id: self.id,
            caption: self.caption.clone(),
            heads: self
                .columns
                .iter()
                .map(|column| self.head(column))
                .collect(),
            rows: self.rows.rows.clone(),
            empty: self.empty(),
            csv: Some(self.asked.csv()),
            form: self.finds.map(|finds| Form {
                path: self.asked.path().to_owned(),
                finds,
                text: text::line(self.asked.text("q").unwrap_or_default()),
                hidden: self.asked.besides(&["q"]),
                without: self.asked.text("q").map(|_| self.asked.with("q", None)),
            }),
            choices: self
                .choices
                .iter()
                .map(|choice| self.choice(choice))
                .collect(),
            pager: (pages > 1).then(|| Pager {
                before: (page > 1).then(|| to(page - 1)),
                after: (page < pages).then(|| to(page + 1)),
                page: page.to_string(),
                pages: pages.to_string(),
            }),
            more: None,
            range: match self.rows.rows.len() {
                0 => String::new(),
                rows => format!(
                    "{}–{} of {}",
                    first + 1,
                    first + rows,
                    text::count(i64::try_from(self.rows.total).unwrap_or(i64::MAX))
                ),
            },
        }
    }

    fn empty(&self) -> String {
        match self.asked.text("q") {
            Some(text) => format!("Nothing here has “{}” in it.", text::line(text)),
            None => self.empty.clone(),
        }
    }

    fn head(&self, column: &Column) -> Head {
        let sorted = (self.sort.key == column.key).then_some(self.sort.descending);
        // A column that is sorted turns round; of numbers the largest come first.
        let descending = sorted.map_or(column.numbers, |descending| !descending);
        let name = if descending {
            format!("-{}", column.key)
        } else {
            column.key.to_owned()
        };
        Head {
            label: column.label,
            numbers: column.numbers,
            href: column.sorts.then(|| self.asked.with("sort", Some(&name))),
            sorted: match sorted {
                None => "",
                Some(true) => "descending",
                Some(false) => "ascending",
            },
        }
    }

    fn choice(&self, choice: &Choice) -> Choosing {
        let names: Vec<_> = choice.words.iter().map(|(word, _)| *word).collect();
        let chosen = self.asked.one_of(choice.name, &names);
        let links = choice.words.iter().map(|(word, label)| Chosen {
            label: label.clone(),
            href: self
                .asked
                .with(choice.name, (*word != names[0]).then_some(*word)),
            here: *word == chosen,
        });
        Choosing {
            label: choice.label,
            links: links.collect(),
        }
    }
}

/// A table as it is shown.
#[derive(Clone, Debug, Template)]
#[template(path = "dashboard/table.html")]
pub struct Table {
    id: &'static str,
    caption: String,
    heads: Vec<Head>,
    rows: Vec<Vec<Cell>>,
    empty: String,
    csv: Option<String>,
    form: Option<Form>,
    choices: Vec<Choosing>,
    pager: Option<Pager>,
    range: String,
    more: Option<(String, &'static str)>,
}

impl HtmlSafe for Table {}

impl Table {
    /// One without links: a part of a listing that has a page of its own.
    pub fn plain(
        id: &'static str,
        caption: &str,
        columns: &[Column],
        rows: Vec<Vec<Cell>>,
        empty: &str,
    ) -> Self {
        let head = |column: &Column| Head {
            label: column.label,
            numbers: column.numbers,
            href: None,
            sorted: "",
        };
        Self {
            id,
            caption: caption.to_owned(),
            heads: columns.iter().map(head).collect(),
            rows,
            empty: empty.to_owned(),
            csv: None,
            form: None,
            choices: Vec::new(),
            pager: None,
            range: String::new(),
            more: None,
        }
    }

    /// The same with a link to the whole list.
    #[must_use]
    pub fn with_more(mut self, href: &str, label: &'static str) -> Self {
        self.more = Some((href.to_owned(), label));
        self
    }
}

#[derive(Clone, Debug)]
struct Head {
    label: &'static str,
    numbers: bool,
    href: Option<String>,
    sorted: &'static str,
}

#[derive(Clone, Debug)]
struct Form {
    path: String,
    finds: &'static str,
    text: String,
    hidden: Vec<(&'static str, String)>,
    without: Option<String>,
}

/// Links that choose, as a page shows them.
#[derive(Clone, Debug)]
pub struct Choosing {
    /// What is chosen.
    pub label: &'static str,
    /// The links.
    pub links: Vec<Chosen>,
}

/// One of them.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// Its text.
    pub label: String,
    /// Where it leads.
    pub href: String,
    /// It is what the page shows.
    pub here: bool,
}

#[derive(Clone, Debug)]
struct Pager {
    before: Option<String>,
    after: Option<String>,
    page: String,
    pages: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 2] = [words("name", "Name"), numbers("count", "Count")];

    fn rows(asked: &Asked, extent: Extent) -> Rows {
        let all = (0..120_i64).map(|at| {
            let name = format!("row {at:03}");
            vec![Cell::Text(Some(name)), Cell::Count(Some(at % 60))]
        });
        let usual = Sort {
            key: "name",
            descending: false,
        };
        let sort = asked.sort(&keys(&COLUMNS), usual);
        arrange(all.collect(), &COLUMNS, asked, sort, extent)
    }

    fn asked(query: &str) -> Asked {
        Asked::new("/x", Some(query), &["q", "sort", "page"])
    }

    #[test]
    fn pages_are_parts_of_the_whole() {
        for query in ["", "sort=-count", "sort=count", "q=row+1", "q=nothing"] {
            let whole = rows(&asked(query), Extent::All);
            assert_eq!(whole.total, whole.rows.len());
            let names = |rows: &Rows| {
                let names = rows.rows.iter().map(|row| row[0].shown());
                names.collect::<Vec<_>>()
            };
            let mut pages = Vec::new();
            for page in 1..=whole.total.div_ceil(PAGE) {
                let part = rows(&asked(&format!("{query}&page={page}")), Extent::Page);
                assert_eq!(part.total, whole.total);
                pages.extend(names(&part));
            }
            assert_eq!(pages, names(&whole), "{query}");
        }
    }

    #[test]
    fn a_page_that_is_not_there_is_the_last() {
        let last = rows(&asked("page=3"), Extent::Page);
        let beyond = rows(&asked("page=999"), Extent::Page);
        assert_eq!(last.rows.len(), 20);
        assert_eq!(beyond.rows[0][0].shown(), last.rows[0][0].shown());
    }
}
