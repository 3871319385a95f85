//! Rows of one table of the store, a page of them at a time.
//!
//! The page is chosen by columns that one index has (`FOR_PAGES` of the store's schema), so no
//! record is read that the page does not show.

use super::asked::{Asked, Sort};
use super::table::{Extent, PAGE, page_of};
use crate::database::{Database, Row, Value};
use crate::failure::Failure;

/// What is selected.
#[derive(Clone, Debug, Default)]
pub struct Select {
    /// The table, which is `t` in all texts.
    pub table: &'static str,
    /// What is read of each row.
    pub columns: Vec<String>,
    /// All of these are met.
    pub conditions: Vec<String>,
    /// The values of their parameters.
    pub values: Vec<Value>,
    /// What rows are sorted by, for each key.
    pub orders: Vec<(&'static str, String)>,
}

impl Select {
    /// Adds a value, and returns how it is named.
    pub fn value(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("?{}", self.values.len())
    }

    /// Demands that one of these texts has another in it, whatever its case.
    pub fn with_text(&mut self, texts: &[String], text: &str) {
        let escaped: String = text
            .to_lowercase()
            .chars()
            .flat_map(|c| {
                ['!', c]
                    .into_iter()
                    .skip(usize::from(!matches!(c, '!' | '%' | '_')))
            })
            .collect();
        let place = self.value(format!("%{escaped}%"));
        let any: Vec<_> = texts
            .iter()
            .map(|text| format!("lower(coalesce({text}, '')) LIKE {place} ESCAPE '!'"))
            .collect();
        self.conditions.push(format!("({})", any.join(" OR ")));
    }

    fn order(&self, sort: Sort) -> String {
        let order = self.orders.iter().find(|(key, _)| *key == sort.key);
        match (order, sort.descending) {
            (Some((_, order)), false) => format!("{order} ASC NULLS LAST, t.id"),
            (Some((_, order)), true) => format!("{order} DESC NULLS LAST, t.id DESC"),
            (None, _) => "t.id".to_owned(),
        }
    }

    /// The rows of the page that is asked for, or all, and how many there are.
    pub async fn rows(
        &self,
        database: &Database,
        asked: &Asked,
        sort: Sort,
        extent: Extent,
    ) -> Result<(Vec<Row>, usize), Failure> {
        let (table, order) = (self.table, self.order(sort));
        let (columns, conditions) = (self.columns.join(", "), self.conditions.join(" AND "));
        if extent == Extent::All {
            let sql =
                format!("SELECT {columns} FROM {table} AS t WHERE {conditions} ORDER BY {order}");
            let rows = database.query(&sql, &self.values).await?;
            let total = rows.len();
            return Ok((rows, total));
        }
        let sql = format!("SELECT count(*) FROM {table} AS t WHERE {conditions}");
        let count = database.query(&sql, &self.values).await?;
        let total = count.first().and_then(|row| row.integer(0)).unwrap_or(0);
        let total = usize::try_from(total).unwrap_or(0);
        let first = (page_of(asked, total) - 1) * PAGE;
        let sql = format!(
            "SELECT {columns} FROM (
                SELECT t.account_id, t.id FROM {table} AS t WHERE {conditions}
                ORDER BY {order} LIMIT {PAGE} OFFSET ?{}) AS page
            JOIN {table} AS t ON t.account_id = page.account_id AND t.id = page.id
            ORDER BY {order}",
            self.values.len() + 1
        );
        let mut values = self.values.clone();
        values.push(i64::try_from(first).unwrap_or(0).into());
        let rows = database.query(&sql, &values).await?;
        Ok((rows, total))
    }
}
