//! A page that is one list.

use askama::Template;

use super::organization::Tab;
use super::page::Page;
use super::table::Table;

/// Such a page.
#[derive(Template)]
#[template(path = "dashboard/list.html")]
pub struct List {
    /// Its frame.
    pub page: Page,
    /// The parts of the organization that it is one of, if any.
    pub tabs: Vec<Tab>,
    /// What is to be known of the list; may be empty.
    pub note: String,
    /// The list.
    pub table: Table,
}
