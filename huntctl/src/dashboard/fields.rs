//! The columns that the store has. Its tables come from the API's document, so a column may be
//! missing or have another type; then its values are not known, and a page is none the worse.

use std::collections::BTreeSet;

use crate::database::Dialect;
use crate::store::{Kind, Store};

/// Which columns there are.
#[derive(Clone, Debug)]
pub struct Fields {
    dialect: Dialect,
    there: BTreeSet<(String, String, Kind)>,
}

impl Fields {
    /// Those of a store.
    pub fn of(store: &Store) -> Self {
        let tables = store.tables().iter();
        let there = tables.flat_map(|table| {
            let columns = table.columns.iter();
            columns.map(|column| (table.name.clone(), column.name.clone(), column.kind))
        });
        Self {
            dialect: store.database().dialect(),
            there: there.collect(),
        }
    }

    /// Whether there is a column of text of this name.
    pub fn has_text(&self, table: &str, column: &str) -> bool {
        let wanted = (table.to_owned(), column.to_owned(), Kind::Text);
        self.there.contains(&wanted)
    }

    /// A column of a table that is named `t` in the query, or null of its type.
    pub fn get(&self, table: &str, column: &str, kind: Kind) -> String {
        let wanted = (table.to_owned(), column.to_owned(), kind);
        if self.there.contains(&wanted) {
            format!("t.\"{column}\"")
        } else {
            format!("CAST(NULL AS {})", kind.sql(self.dialect))
        }
    }

    /// The same of text.
    pub fn text(&self, table: &str, column: &str) -> String {
        self.get(table, column, Kind::Text)
    }

    /// The same of a moment.
    pub fn moment(&self, table: &str, column: &str) -> String {
        self.get(table, column, Kind::Moment)
    }

    /// The same of a whole number.
    pub fn integer(&self, table: &str, column: &str) -> String {
        self.get(table, column, Kind::Integer)
    }

    /// The same of what is true or false.
    pub fn boolean(&self, table: &str, column: &str) -> String {
        self.get(table, column, Kind::Boolean)
    }
}
