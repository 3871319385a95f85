//! One pull at a time into a SQLite file: a lock on a file beside it, which the system takes
//! away from a process that dies.

use std::fs::{File, OpenOptions, TryLockError};

use crate::database::{Database, Dialect};
use crate::failure::{Exit, Failure};

/// Holds the lock until it is dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    /// None beside a database in memory, which nobody else has.
    _file: Option<File>,
}

impl Lock {
    /// Takes the lock of a SQLite file; none for PostgreSQL, which has leases instead.
    pub(crate) async fn take(database: &Database) -> Result<Option<Self>, Failure> {
        if database.dialect() == Dialect::Postgres {
            return Ok(None);
        }
        let files = database.query("PRAGMA database_list", &[]).await?;
        let path = files
            .first()
            .and_then(|row| row.text(2))
            .unwrap_or_default();
        if path.is_empty() {
            return Ok(Some(Self { _file: None }));
        }
        let path = format!("{path}.pull-lock");
        let failed = |error: std::io::Error| {
            Failure::new(Exit::Failed, format!("cannot lock {path}: {error}"))
        };
        let mut options = OpenOptions::new();
        let file = options.create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: Some(file) })),
            Err(TryLockError::Error(error)) => Err(failed(error)),
            Err(TryLockError::WouldBlock) => {
                let text = format!(
                    "another `huntctl pull` writes to this store (it has locked {path}); wait \
                     for it to end"
                );
                Err(Failure::new(Exit::Busy, text))
            }
        }
    }
}
