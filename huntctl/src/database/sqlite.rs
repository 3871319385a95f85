//! SQLite: one writer, and readers that do not wait for it (WAL).

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags, params_from_iter};
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};
use tokio::task::spawn_blocking;

use super::value::{json_without_nul, text_of, without_nul};
use super::{Row, Value};
use crate::failure::{Exit, Failure};

/// How long a transaction waits for one of another process.
const PATIENCE: Duration = Duration::from_secs(30);
/// Readers that are kept for the next query.
const READERS: usize = 4;

#[derive(Clone)]
pub(super) struct Sqlite {
    file: Arc<File>,
    writer: Arc<AsyncMutex<Connection>>,
}

struct File {
    /// None for a database in memory, which only its writer sees.
    path: Option<PathBuf>,
    readers: Mutex<Vec<Connection>>,
}

impl Sqlite {
    pub(super) async fn open(path: &str) -> Result<Self, Failure> {
        let path = path.trim_start_matches("//");
        let in_memory = path == ":memory:";
        if path.is_empty() {
            let text =
                "the store's URL has no path: `sqlite:PATH`, for example `sqlite:huntress.db`";
            return Err(Failure::new(Exit::Usage, text));
        }
        let path = PathBuf::from(path);
        let shown = path.display().to_string();
        let opened = {
            let path = path.clone();
            blocking(move || writer(&path)).await
        };
        let writer = opened.map_err(|error| error.at(format_args!("cannot open {shown}")))?;
        let file = File {
            path: (!in_memory).then_some(path),
            readers: Mutex::default(),
        };
        Ok(Self {
            file: Arc::new(file),
            writer: Arc::new(AsyncMutex::new(writer)),
        })
    }

    pub(super) async fn query(&self, sql: &str, values: &[Value]) -> Result<Vec<Row>, Failure> {
        let Some(path) = self.file.path.clone() else {
            let mut transaction = self.begin().await?;
            let rows = transaction.query(sql, values).await?;
            transaction.commit().await?;
            return Ok(rows);
        };
        let (file, sql, values) = (self.file.clone(), sql.to_owned(), values.to_vec());
        blocking(move || {
            let kept = file.kept().pop();
            let connection = match kept {
                Some(connection) => connection,
                None => reader(&path)?,
            };
            let rows = rows(&connection, &sql, &values)?;
            let mut kept = file.kept();
            if kept.len() < READERS {
                kept.push(connection);
            }
            Ok(rows)
        })
        .await
    }

    pub(super) async fn begin(&self) -> Result<Transaction, Failure> {
        let mut transaction = Transaction {
            writer: Some(self.writer.clone().lock_owned().await),
            open: false,
        };
        transaction
            .with(|connection| connection.execute_batch("BEGIN IMMEDIATE"))
            .await?;
        transaction.open = true;
        Ok(transaction)
    }
}

impl File {
    fn kept(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) struct Transaction {
    /// None only while a statement runs.
    writer: Option<OwnedMutexGuard<Connection>>,
    open: bool,
}

impl Transaction {
    pub(super) async fn query(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>, Failure> {
        let (sql, values) = (sql.to_owned(), values.to_vec());
        self.with(move |connection| rows(connection, &sql, &values))
            .await
    }

    pub(super) async fn execute(&mut self, sql: &str, values: &[Value]) -> Result<u64, Failure> {
        self.execute_many(sql, vec![values.to_vec()]).await
    }

    pub(super) async fn execute_many(
        &mut self,
        sql: &str,
        rows: Vec<Vec<Value>>,
    ) -> Result<u64, Failure> {
        let sql = sql.to_owned();
        self.with(move |connection| {
            let mut statement = connection.prepare_cached(&sql)?;
            let mut changed = 0;
            for row in rows {
                changed += statement.execute(params_from_iter(row))?;
            }
            Ok(changed as u64)
        })
        .await
    }

    pub(super) async fn commit(mut self) -> Result<(), Failure> {
        self.with(|connection| connection.execute_batch("COMMIT"))
            .await?;
        self.open = false;
        Ok(())
    }

    async fn with<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Failure> {
        let Some(writer) = self.writer.take() else {
            let text = "a statement of this transaction was given up before it ended";
            return Err(Failure::new(Exit::Failed, text));
        };
        let writer = Abandoned(Some(writer));
        let (writer, result) = blocking(move || {
            let result = match &writer.0 {
                Some(connection) => work(connection),
                None => Err(rusqlite::Error::InvalidQuery),
            };
            Ok((writer, result))
        })
        .await?;
        self.writer = writer.kept();
        result.map_err(|error| failed(&error))
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if let Some(writer) = self.writer.take().filter(|_| self.open) {
            drop(Abandoned(Some(writer)));
        }
    }
}

/// The writer, within a transaction that ends without effect where nobody takes it back: the
/// future that began a statement may be dropped while the statement runs.
struct Abandoned(Option<OwnedMutexGuard<Connection>>);

impl Abandoned {
    fn kept(mut self) -> Option<OwnedMutexGuard<Connection>> {
        self.0.take()
    }
}

impl Drop for Abandoned {
    fn drop(&mut self) {
        if let Some(connection) = &self.0
            && !connection.is_autocommit()
        {
            // What it cannot undo now, it undoes when the file is opened the next time.
            let _ = connection.execute_batch("ROLLBACK");
        }
    }
}

fn writer(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(PATIENCE)?;
    connection.set_prepared_statement_cache_capacity(128);
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // A commit is on the disk before it is answered for: whoever sends a webhook forgets it then.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", "ON")?;
    Ok(connection)
}

fn reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    connection.pragma_update(None, "query_only", "ON")?;
    Ok(connection)
}

fn rows(connection: &Connection, sql: &str, values: &[Value]) -> rusqlite::Result<Vec<Row>> {
    let mut statement = connection.prepare_cached(sql)?;
    let columns = statement.column_count();
    let mut rows = statement.query(params_from_iter(values))?;
    let mut result = Vec::new();
    while let Some(row) = rows.next()? {
        let values = (0..columns).map(|column| Ok(value(row.get_ref(column)?)));
        result.push(Row(values.collect::<rusqlite::Result<_>>()?));
    }
    Ok(result)
}

fn value(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(value) => Value::Integer(value),
        ValueRef::Real(value) => Value::Real(value),
        ValueRef::Text(text) | ValueRef::Blob(text) => {
            Value::Text(String::from_utf8_lossy(text).into_owned())
        }
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null => ToSqlOutput::Borrowed(ValueRef::Null),
            Self::Bool(value) => i64::from(*value).into(),
            Self::Integer(value) => (*value).into(),
            Self::Real(value) => (*value).into(),
            Self::Text(text) => match without_nul(text) {
                std::borrow::Cow::Borrowed(text) => text.into(),
                std::borrow::Cow::Owned(text) => text.into(),
            },
            Self::Json(json) => match json_without_nul(json) {
                std::borrow::Cow::Borrowed(json) => json.into(),
                std::borrow::Cow::Owned(json) => json.into(),
            },
            Self::Time(time) => text_of(*time).into(),
        })
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> rusqlite::Result<T> + Send + 'static,
) -> Result<T, Failure> {
    match spawn_blocking(work).await {
        Ok(result) => result.map_err(|error| failed(&error)),
        Err(error) => Err(Failure::new(Exit::Failed, format!("the database: {error}"))),
    }
}

fn failed(error: &rusqlite::Error) -> Failure {
    use rusqlite::ErrorCode::{CannotOpen, DatabaseBusy, DatabaseLocked, DiskFull, ReadOnly};
    let exit = match error.sqlite_error_code() {
        Some(DatabaseBusy | DatabaseLocked | DiskFull | CannotOpen | ReadOnly) => Exit::Unavailable,
        _ => Exit::Failed,
    };
    Failure::new(exit, format!("SQLite: {error}"))
}
