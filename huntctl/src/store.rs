//! The whole account in SQL: a table for each list of the API, made from the OpenAPI document
//! when the program runs.
//!
//! - `document` reads the lists of the document, `column` names their columns, `schema` makes
//!   the tables, and `fill` fills columns that are new.
//! - `record` and `fit` take a record apart, `nested` finds records within it, and `write`
//!   decides what becomes of its row.
//! - `changes` notes which records were written, for whoever tells others.
//! - `views` are the questions that people would write first, `daily` the counts that stay when
//!   the rows go.
//!
//! What a reader of the database sees is in `docs/store.md`.

mod changes;
mod column;
mod daily;
mod document;
mod fill;
mod fit;
mod nested;
mod record;
mod schema;
mod state;
mod statements;
mod views;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::database::{Database, Dialect};
use crate::failure::Failure;
use document::WantedTable;
use statements::Statements;

pub(crate) use statements::insert;

pub use column::{Column, Kind, Source};
pub use document::ListOperation;
pub use views::{AT_RISK, OPEN_INCIDENT};

/// The account's records in a database; cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    database: Database,
    tables: Arc<[Table]>,
}

/// A table, which has the records of one list.
#[derive(Clone, Debug)]
pub struct Table {
    /// Its name: that of the list operation, without `list_`.
    pub name: String,
    /// Where its records come from.
    pub list: ListOperation,
    /// The columns that come from the record.
    pub columns: Vec<Column>,
    /// Whether the list can be asked for what has changed: its records show `updated_at`, and
    /// it can be sorted by that.
    pub shows_changes: bool,
    /// The column that has the parent's id, where the list belongs to a record of another.
    pub parent_column: Option<String>,
    /// The field of the parent's record that holds some of these records.
    nested_in: Option<String>,
    /// Fields that only the single resource has.
    detail: BTreeSet<String>,
    /// Whether its records say which account they are of.
    names_account: bool,
    /// Whether its records have an id.
    has_id: bool,
    /// Whether that is a number.
    numbered: bool,
    /// The column that says when the API changed the record.
    updated_at: Option<usize>,
    sql: Statements,
}

/// Whose rows: those of an account, or within it those of one record of another list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The account.
    pub account_id: i64,
    /// The record that the list belongs to, such as the incident report of remediations.
    pub parent_id: Option<i64>,
}

/// What became of records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Records that had no row.
    pub new: u64,
    /// Records that changed their row.
    pub changed: u64,
    /// Records that say what the row says, or are older than it.
    pub unchanged: u64,
    /// Values that do not fit their column, which is null, and records that could not be kept.
    pub odd: Vec<OddValue>,
    /// The same of the records within these, by the name of their table.
    pub nested: BTreeMap<String, Written>,
    /// Records that have more of another table's than came with them; its list has the rest.
    pub incomplete: Vec<Incomplete>,
}

/// A value that does not fit. The value itself is in the column `record` and nowhere else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OddValue {
    /// The record's id; none where it has none, and then it was not kept.
    pub id: Option<i64>,
    /// The column; empty where it is the record as a whole.
    pub path: String,
    /// What was expected and what came, without the value.
    pub problem: String,
}

/// A record that came with a part only of what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incomplete {
    /// The table of what is missing, whose list is to be asked.
    pub table: String,
    /// The id of the record.
    pub parent_id: i64,
}

/// Rows that a walk has not met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing {
    /// How many are there, but were not seen since the walk began.
    pub missing: u64,
    /// How many are there in all.
    pub present: u64,
}

impl Store {
    /// Opens the database of this URL (see [`Database::open`]) and makes its tables and views,
    /// or adds what they lack. A column that is new is filled from the records that are there.
    /// Nothing is ever dropped.
    ///
    /// # Errors
    ///
    /// As [`Database::open`]; where tables cannot be made; and where the database has a table of
    /// such a name that huntctl did not make.
    pub async fn open(url: &str) -> Result<Self, Failure> {
        Self::with_document(url, huntress_simulator::OPENAPI).await
    }

    /// The same for another OpenAPI document than that of this release.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), and where the document is no JSON.
    pub async fn with_document(url: &str, document: &str) -> Result<Self, Failure> {
        let wanted = document::tables(document)?;
        let database = Database::open(url).await?;
        let tables = schema::prepare(&database, &wanted).await;
        let tables = tables.map_err(|error| error.at("the tables of the store"))?;
        for table in &tables {
            fill::all(&database, table).await?;
        }
        let tables = tables.into();
        Ok(Self { database, tables })
    }

    /// The database.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Its tables, in an order in which they can be pulled: organizations, which others point
    /// to, first, and after the others those that belong to a record of another table.
    pub fn tables(&self) -> &[Table] {
        &self.tables
    }

    /// The table of this name.
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.name == name)
    }
}

impl Table {
    fn new(dialect: Dialect, wanted: &WantedTable, columns: Vec<Column>) -> Self {
        Self {
            name: wanted.name.clone(),
            list: wanted.list.clone(),
            shows_changes: wanted.shows_changes,
            parent_column: wanted.parent_column.clone(),
            nested_in: wanted.nested_in.clone(),
            detail: wanted.detail.clone(),
            names_account: wanted.names_account(),
            has_id: wanted.has_id,
            numbered: wanted.numbered,
            updated_at: columns.iter().position(Column::is_updated_at),
            sql: Statements::new(dialect, wanted, &columns),
            columns,
        }
    }

    /// Its name as it stands in SQL.
    fn quoted(&self) -> String {
        column::quoted(&self.name)
    }

    fn updated_at(&self) -> Option<&Column> {
        self.columns.get(self.updated_at?)
    }

    /// Whether records of that table hold some of this one.
    fn belongs_to(&self, parent: &Self) -> bool {
        self.nested_in.is_some() && self.list.parent.as_ref() == Some(&parent.name)
    }
}

impl From<i64> for Scope {
    fn from(account_id: i64) -> Self {
        let parent_id = None;
        Self {
            account_id,
            parent_id,
        }
    }
}
