//! A database of a test's own, of each kind.

#![allow(dead_code, unused_imports, unused_macros)]

use huntctl::database::Database;

/// A database of a test's own.
pub struct Fresh {
    pub url: String,
    _folder: tempfile::TempDir,
}

impl Fresh {
    pub fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("huntress.db").display());
        Self {
            url,
            _folder: folder,
        }
    }

    /// A schema of this name in the database of the environment.
    #[cfg(feature = "postgres-tests")]
    pub async fn postgres(schema: &str) -> Self {
        let server = std::env::var("HUNTCTL_TEST_POSTGRES").expect(
            "the feature `postgres-tests` needs the URL of a PostgreSQL in HUNTCTL_TEST_POSTGRES; `.ci/postgres` starts one",
        );
        let database = Database::open(&server).await.unwrap();
        for sql in [
            format!("DROP SCHEMA IF EXISTS {schema} CASCADE"),
            format!("CREATE SCHEMA {schema}"),
        ] {
            database.execute(&sql, &[]).await.unwrap();
        }
        let and = if server.contains('?') { '&' } else { '?' };
        Self {
            url: format!("{server}{and}options=-csearch_path%3D{schema}"),
            _folder: tempfile::tempdir().unwrap(),
        }
    }
}

/// A test on SQLite, and on PostgreSQL where there is one.
macro_rules! on_each_database {
    ($name:ident, $database:ident, $body:block) => {
        mod $name {
            use super::*;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                let fresh = support::Fresh::sqlite();
                let $database = Database::open(&fresh.url).await.unwrap();
                $body
            }

            #[cfg(feature = "postgres-tests")]
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                let schema = concat!("t_", stringify!($name));
                let fresh = support::Fresh::postgres(schema).await;
                let $database = Database::open(&fresh.url).await.unwrap();
                $body
            }
        }
    };
}
