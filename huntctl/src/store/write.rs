//! Records into rows.
//!
//! What a row has is compared with what came by a digest, in one query for all records of a page.
//! Most records of a walk are as they were, and then only `last_seen_at` moves; only what is
//! new or has changed is taken apart and written in full.

use std::collections::btree_map::{BTreeMap, Entry};

use jiff::Timestamp;
use serde_json::value::RawValue;

use super::nested::Nested;
use super::record::Record;
use super::{Incomplete, Missing, OddValue, Scope, Store, Table, Written, changes};
use crate::database::{Row, Transaction, Value};
use crate::failure::Failure;

/// What is known of a row before a record is written to it.
#[derive(Clone, Copy)]
struct Known {
    digest: i64,
    updated_at: Option<Timestamp>,
    last_seen_at: Option<Timestamp>,
}

/// What becomes of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Decision {
    New,
    Changed,
    /// The row says the same already.
    Unchanged,
    /// The row says something newer.
    Older,
}

/// A record of the batch, and the parent it belongs to.
struct Incoming<'a> {
    record: Record<'a>,
    parent_id: Option<i64>,
}

impl Store {
    /// Inserts or updates these records as they came, within the caller's transaction.
    ///
    /// A record that says it was updated before what is stored never overwrites it; where
    /// neither says so, the one that was seen later stands. One that says the same moves
    /// `last_seen_at` only. A row that is seen again is not gone any more.
    ///
    /// A value that does not fit its column is null there, and told. A record that cannot be
    /// kept, since it has no `id`, is told as well, and the others are written.
    ///
    /// # Errors
    ///
    /// Where the database refuses it or cannot be had.
    pub async fn write(
        &self,
        tx: &mut Transaction,
        table: &Table,
        scope: impl Into<Scope>,
        records: &[Box<RawValue>],
        seen_at: Timestamp,
    ) -> Result<Written, Failure> {
        let scope = scope.into();
        let mended: Vec<_> = records.iter().map(|record| mended(record.get())).collect();
        let records = mended.iter().map(|json| (scope.parent_id, &**json));
        let mut written = Written::default();
        let batch = Batch {
            table,
            account_id: scope.account_id,
            // Both databases keep as much of it, so the same moment is never an earlier one.
            seen_at: Timestamp::from_millisecond(seen_at.as_millisecond()).unwrap_or(seen_at),
        };
        let kept = batch.write(tx, records, &mut written).await?;
        for child in self.tables.iter().filter(|child| child.belongs_to(table)) {
            let nested = nested(child, &kept, &mut written.incomplete);
            let mut of_child = Written::default();
            let batch = Batch {
                table: child,
                ..batch
            };
            batch.write(tx, nested.into_iter(), &mut of_child).await?;
            written.nested.insert(child.name.clone(), of_child);
        }
        Ok(written)
    }

    /// How many of the rows that are there were not seen since a walk began, and how many are
    /// there in all, these included.
    ///
    /// # Errors
    ///
    /// Where the database refuses it or cannot be had.
    pub async fn missing(
        &self,
        tx: &mut Transaction,
        table: &Table,
        scope: impl Into<Scope>,
        walk_began: Timestamp,
    ) -> Result<Missing, Failure> {
        let (within, values) = within(table, scope.into(), walk_began);
        let sql = format!(
            "SELECT count(*), count(CASE WHEN last_seen_at < ?1 THEN 1 END) FROM {} \
             WHERE gone_at IS NULL AND {within}",
            table.quoted()
        );
        let rows = tx.query(&sql, &values).await?;
        let count = |column| {
            let count = rows.first().and_then(|row| row.integer(column));
            count
                .and_then(|count| u64::try_from(count).ok())
                .unwrap_or(0)
        };
        Ok(Missing {
            present: count(0),
            missing: count(1),
        })
    }

    /// Marks the rows that were not seen since a walk began as gone, and returns how many.
    ///
    /// # Errors
    ///
    /// Where the database refuses it or cannot be had.
    pub async fn mark_gone(
        &self,
        tx: &mut Transaction,
        table: &Table,
        scope: impl Into<Scope>,
        walk_began: Timestamp,
        gone_at: Timestamp,
    ) -> Result<u64, Failure> {
        let (within, mut values) = within(table, scope.into(), walk_began);
        values.push(gone_at.into());
        let sql = format!(
            "UPDATE {} SET gone_at = ?{} WHERE last_seen_at < ?1 AND gone_at IS NULL AND {within}",
            table.quoted(),
            values.len()
        );
        tx.execute(&sql, &values).await
    }
}

/// The records of a child table that these records hold.
fn nested<'a>(
    child: &Table,
    parents: &[Record<'a>],
    incomplete: &mut Vec<Incomplete>,
) -> Vec<(Option<i64>, &'a str)> {
    let mut nested = Vec::new();
    for parent in parents {
        let field = child
            .nested_in
            .as_deref()
            .and_then(|field| parent.field(field));
        let Some(held) = field.and_then(Nested::of) else {
            continue;
        };
        if held.has_more {
            let table = child.name.clone();
            incomplete.push(Incomplete {
                table,
                parent_id: parent.id,
            });
        }
        nested.extend(held.items.into_iter().map(|item| (Some(parent.id), item)));
    }
    nested
}

/// The rows of a scope; `?1` is when the walk began.
fn within(table: &Table, scope: Scope, walk_began: Timestamp) -> (String, Vec<Value>) {
    let mut values = vec![walk_began.into(), scope.account_id.into()];
    let mut sql = "account_id = ?2".to_owned();
    if let (Some(parent), Some(column)) = (scope.parent_id, &table.parent_column) {
        values.push(parent.into());
        sql = format!("{sql} AND {} = ?3", super::column::quoted(column));
    }
    (sql, values)
}

#[derive(Clone, Copy)]
struct Batch<'t> {
    table: &'t Table,
    account_id: i64,
    seen_at: Timestamp,
}

impl Batch<'_> {
    /// Writes records of one table; returns those that are not older than what is stored.
    async fn write<'a>(
        self,
        tx: &mut Transaction,
        records: impl Iterator<Item = (Option<i64>, &'a str)>,
        written: &mut Written,
    ) -> Result<Vec<Record<'a>>, Failure> {
        let incoming = self.read(records, written);
        if incoming.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<i64> = incoming.iter().map(|one| one.record.id).collect();
        let mut known = self.known(tx, &ids).await?;
        let (mut rows, mut seen, mut kept) = (BTreeMap::new(), Vec::new(), Vec::new());
        for one in incoming {
            let decision = self.decide(&mut known, &one.record);
            written.count(decision);
            match decision {
                Decision::New | Decision::Changed => {
                    let row = self.row(&one, &mut written.odd);
                    rows.insert(one.record.id, row);
                }
                Decision::Unchanged | Decision::Older => seen.push(one.record.id),
            }
            if decision != Decision::Older {
                kept.push(one.record);
            }
        }
        seen.retain(|id| !rows.contains_key(id));
        self.touch(tx, &seen).await?;
        if rows.is_empty() {
            return Ok(kept);
        }
        // In the order of their keys, so that two writers cannot wait for each other.
        let (ids, rows): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
        tx.execute_rows(&self.table.sql.upsert, rows).await?;
        if let Some(note) = &self.table.sql.note {
            let (name, ids) = (&self.table.name, ids.into_iter());
            changes::note(tx, note, name, self.account_id, ids, self.seen_at).await?;
        }
        Ok(kept)
    }

    fn read<'a>(
        self,
        records: impl Iterator<Item = (Option<i64>, &'a str)>,
        written: &mut Written,
    ) -> Vec<Incoming<'a>> {
        let mut incoming = Vec::new();
        for (parent_id, json) in records {
            match Record::read(self.table, json) {
                Ok(record) => incoming.push(Incoming { record, parent_id }),
                Err(problem) => written.unreadable(problem),
            }
        }
        incoming
    }

    async fn known(
        self,
        tx: &mut Transaction,
        ids: &[i64],
    ) -> Result<BTreeMap<i64, Known>, Failure> {
        let values = [self.account_id.into(), list(ids)];
        let rows = tx.query(&self.table.sql.known, &values).await?;
        let known = |row: &Row| {
            let known = Known {
                digest: row.integer(1)?,
                last_seen_at: row.time(2),
                updated_at: row.time(3),
            };
            Some((row.integer(0)?, known))
        };
        Ok(rows.iter().filter_map(known).collect())
    }

    fn decide(self, known: &mut BTreeMap<i64, Known>, record: &Record<'_>) -> Decision {
        let now = Known {
            digest: record.digest,
            updated_at: record.updated_at,
            last_seen_at: Some(self.seen_at),
        };
        match known.entry(record.id) {
            Entry::Vacant(entry) => {
                entry.insert(now);
                Decision::New
            }
            Entry::Occupied(mut entry) => {
                let decision = decide(*entry.get(), now, self.table.shows_detail(record));
                if decision == Decision::Changed {
                    entry.insert(now);
                }
                decision
            }
        }
    }

    /// The values of [`Statements::upsert`](super::statements::Statements).
    fn row(self, one: &Incoming<'_>, odd: &mut Vec<OddValue>) -> Vec<Value> {
        let seen_at = Value::Time(self.seen_at);
        let mut row = Vec::with_capacity(self.table.columns.len() + 8);
        row.extend([self.account_id.into(), one.record.id.into()]);
        row.extend([seen_at.clone(), seen_at.clone(), seen_at]);
        row.push(one.record.digest.into());
        if self.table.parent_column.is_some() {
            row.push(one.parent_id.into());
        }
        row.extend(one.record.values(self.table, odd));
        if self.table.names_account
            && one
                .record
                .account_id()
                .is_some_and(|id| id != self.account_id)
        {
            let problem = "it is another account than the one that was asked";
            odd.push(one.record.odd("account_id", problem.to_owned()));
        }
        row.push(Value::Json(one.record.json().to_owned()));
        row
    }

    /// Notes that rows were seen which need not be written.
    async fn touch(self, tx: &mut Transaction, ids: &[i64]) -> Result<(), Failure> {
        if !ids.is_empty() {
            let values = [self.account_id.into(), list(ids), self.seen_at.into()];
            tx.execute(&self.table.sql.touch, &values).await?;
        }
        Ok(())
    }
}

fn list(ids: &[i64]) -> Value {
    let ids: Vec<_> = ids.iter().map(i64::to_string).collect();
    Value::Json(format!("[{}]", ids.join(",")))
}

/// Whether a record overwrites a row.
fn decide(before: Known, now: Known, shows_detail: bool) -> Decision {
    match (before.updated_at, now.updated_at) {
        (Some(before), Some(now)) if now < before => return Decision::Older,
        _ if before.digest == now.digest && !shows_detail => return Decision::Unchanged,
        (Some(before), Some(now)) if now > before => return Decision::Changed,
        _ => {}
    }
    // Neither says which is newer, so it is the one that was fetched later.
    if now.last_seen_at < before.last_seen_at {
        Decision::Older
    } else {
        Decision::Changed
    }
}

/// Half of a character, which no text of a database can hold, as one character that can.
fn mended(json: &str) -> std::borrow::Cow<'_, str> {
    huntress::__huntctl::mended(json).map_or(json.into(), Into::into)
}

impl Written {
    fn count(&mut self, decision: Decision) {
        match decision {
            Decision::New => self.new += 1,
            Decision::Changed => self.changed += 1,
            Decision::Unchanged | Decision::Older => self.unchanged += 1,
        }
    }

    fn unreadable(&mut self, problem: String) {
        let path = String::new();
        self.odd.push(OddValue {
            id: None,
            path,
            problem,
        });
    }
}
