//! A database, SQLite or PostgreSQL, with the same SQL for both wherever the two agree.
//!
//! Parameters are written `?1`, `?2`, … . Both know `ON CONFLICT`, `RETURNING`, `->>` and
//! window functions; what they say differently is a method of [`Dialect`]. Each of the two is
//! one file below.

mod postgres;
mod sqlite;
mod value;

use std::fmt;

use jiff::Timestamp;

use crate::failure::{Exit, Failure};

pub use value::{Row, Value};

/// Which of the two databases it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// A file.
    Sqlite,
    /// A server.
    Postgres,
}

/// Locks who makes tables out in PostgreSQL; the number is nothing but one that nobody else takes.
const ONE_MAKES_TABLES: &str = "SELECT pg_advisory_xact_lock(7253684019)::text";

impl Dialect {
    /// The time of the database in SQL, in whole milliseconds, which both keep. All programs go
    /// by it, since their own clocks may differ.
    pub fn now(self) -> &'static str {
        match self {
            Self::Sqlite => "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')",
            Self::Postgres => "date_trunc('milliseconds', clock_timestamp())",
        }
    }

    fn ask_time(self) -> String {
        format!("SELECT {}", self.now())
    }
}

fn told_time(rows: &[Row]) -> Result<Timestamp, Failure> {
    let time = rows.first().and_then(|row| row.time(0));
    time.ok_or_else(|| Failure::new(Exit::Failed, "the database does not tell the time"))
}

/// A database; cheap to clone.
#[derive(Clone)]
pub struct Database {
    inner: Inner,
}

#[derive(Clone)]
enum Inner {
    Sqlite(sqlite::Sqlite),
    Postgres(postgres::Postgres),
}

/// Changes that take effect together, once [`commit`](Self::commit) has returned; none does
/// where it is dropped before.
pub struct Transaction {
    inner: TransactionInner,
}

enum TransactionInner {
    Sqlite(sqlite::Transaction),
    Postgres(Box<postgres::Transaction>),
}

impl Database {
    /// Opens `sqlite:PATH`, which is made where it does not exist, `sqlite::memory:`, or
    /// `postgres://…` (TLS unless the URL says `sslmode=disable`, or `prefer` and the server
    /// has none).
    ///
    /// # Errors
    ///
    /// Where it is no such URL, and where the database cannot be had. No error shows the
    /// password of the URL.
    pub async fn open(url: &str) -> Result<Self, Failure> {
        let inner = if let Some(path) = url.strip_prefix("sqlite:") {
            Inner::Sqlite(sqlite::Sqlite::open(path).await?)
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            Inner::Postgres(postgres::Postgres::open(url).await?)
        } else {
            let scheme = url.split(':').next().unwrap_or_default();
            return Err(Failure::new(
                Exit::Usage,
                format!(
                    "the store's URL begins with {scheme:?}; it must be `sqlite:PATH` or `postgres://…`"
                ),
            ));
        };
        Ok(Self { inner })
    }

    /// Which of the two it is.
    pub fn dialect(&self) -> Dialect {
        match &self.inner {
            Inner::Sqlite(_) => Dialect::Sqlite,
            Inner::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Rows of what is committed. It does not wait for writers.
    ///
    /// # Errors
    ///
    /// Where the database refuses it or cannot be had.
    pub async fn query(&self, sql: &str, values: &[Value]) -> Result<Vec<Row>, Failure> {
        match &self.inner {
            Inner::Sqlite(it) => it.query(sql, values).await,
            Inner::Postgres(it) => it.query(sql, values).await,
        }
    }

    /// Changes rows, in a transaction of its own; returns how many.
    ///
    /// # Errors
    ///
    /// As [`query`](Self::query).
    pub async fn execute(&self, sql: &str, values: &[Value]) -> Result<u64, Failure> {
        let mut transaction = self.begin().await?;
        let changed = transaction.execute(sql, values).await?;
        transaction.commit().await?;
        Ok(changed)
    }

    /// The time, by the clock of the database.
    ///
    /// # Errors
    ///
    /// As [`query`](Self::query).
    pub async fn now(&self) -> Result<Timestamp, Failure> {
        told_time(&self.query(&self.dialect().ask_time(), &[]).await?)
    }

    /// Makes tables that are not there, by statements that say `IF NOT EXISTS`: together, and one
    /// program at a time.
    ///
    /// # Errors
    ///
    /// As [`query`](Self::query).
    pub async fn make_tables(&self, statements: &[&str]) -> Result<(), Failure> {
        let mut transaction = self.begin().await?;
        if self.dialect() == Dialect::Postgres {
            transaction.query(ONE_MAKES_TABLES, &[]).await?;
        }
        for sql in statements {
            transaction.execute(sql, &[]).await?;
        }
        transaction.commit().await
    }

    /// Begins a transaction. SQLite has one at a time: the second waits for the first, also
    /// where another process has it (30 seconds at most).
    ///
    /// # Errors
    ///
    /// Where the database cannot be had.
    pub async fn begin(&self) -> Result<Transaction, Failure> {
        let inner = match &self.inner {
            Inner::Sqlite(it) => TransactionInner::Sqlite(it.begin().await?),
            Inner::Postgres(it) => TransactionInner::Postgres(Box::new(it.begin().await?)),
        };
        Ok(Transaction { inner })
    }
}

impl Transaction {
    /// Rows, those included that this transaction has changed.
    ///
    /// # Errors
    ///
    /// Where the database refuses it or cannot be had; the transaction is then of no use.
    pub async fn query(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>, Failure> {
        match &mut self.inner {
            TransactionInner::Sqlite(it) => it.query(sql, values).await,
            TransactionInner::Postgres(it) => it.query(sql, values).await,
        }
    }

    /// The time, by the clock of the database: this moment, and not when it began.
    ///
    /// # Errors
    ///
    /// As [`query`](Self::query).
    pub async fn now(&mut self) -> Result<Timestamp, Failure> {
        let dialect = match &self.inner {
            TransactionInner::Sqlite(_) => Dialect::Sqlite,
            TransactionInner::Postgres(_) => Dialect::Postgres,
        };
        told_time(&self.query(&dialect.ask_time(), &[]).await?)
    }

    /// Changes rows, and returns how many.
    ///
    /// # Errors
    ///
    /// As [`query`](Self::query).
    pub async fn execute(&mut self, sql: &str, values: &[Value]) -> Result<u64, Failure> {
        match &mut self.inner {
            TransactionInner::Sqlite(it) => it.execute(sql, values).await,
            TransactionInner::Postgres(it) => it.execute(sql, values).await,
        }
    }

    /// Runs one statement for each of these rows of parameters, and returns how many rows
    /// that has changed altogether.
    ///
    /// # Errors
    ///
    /// As [`query`](Self::query).
    pub async fn execute_many(&mut self, sql: &str, rows: Vec<Vec<Value>>) -> Result<u64, Failure> {
        match &mut self.inner {
            TransactionInner::Sqlite(it) => it.execute_many(sql, rows).await,
            TransactionInner::Postgres(it) => it.execute_many(sql, rows).await,
        }
    }

    /// Runs an insert for these rows, and returns how many rows that has changed altogether.
    /// SQLite runs it once for each row, with its values as `?1`, `?2`, … . PostgreSQL runs
    /// it once, and each of its parameters is the array of the rows' values, as for `unnest`.
    ///
    /// # Errors
    ///
    /// As [`query`](Self::query).
    pub async fn execute_rows(&mut self, sql: &str, rows: Vec<Vec<Value>>) -> Result<u64, Failure> {
        match &mut self.inner {
            TransactionInner::Sqlite(it) => it.execute_many(sql, rows).await,
            TransactionInner::Postgres(it) => it.execute_rows(sql, rows).await,
        }
    }

    /// Lets all of it take effect.
    ///
    /// # Errors
    ///
    /// Where the database cannot be had: it may have taken effect then, or not.
    pub async fn commit(self) -> Result<(), Failure> {
        match self.inner {
            TransactionInner::Sqlite(it) => it.commit().await,
            TransactionInner::Postgres(it) => it.commit().await,
        }
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Database").field(&self.dialect()).finish()
    }
}
