//! A database of a test's own: a SQLite file, or a schema of a PostgreSQL.

#![allow(dead_code, unused_macros)]

use huntctl::database::Database;
use huntctl::store::Store;
use serde_json::Value;
use tempfile::TempDir;

/// A database of a test's own. The file goes with it; a schema stays until
/// [`remove`](Self::remove), or its server ends.
pub struct Place {
    pub url: String,
    _folder: Option<TempDir>,
    schema: Option<(String, String)>,
}

impl Place {
    pub fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("store.db").display());
        Self {
            url,
            _folder: Some(folder),
            schema: None,
        }
    }

    #[cfg(feature = "postgres-tests")]
    pub async fn postgres() -> Self {
        let server = std::env::var("HUNTCTL_TEST_POSTGRES").expect(
            "the tests of the feature `postgres-tests` need a PostgreSQL at the URL in \
             HUNTCTL_TEST_POSTGRES; `.ci/postgres` starts one and runs them",
        );
        let schema = format!("test_{:016x}", fastrand::u64(..));
        say(&server, &format!("CREATE SCHEMA {schema}")).await;
        let mark = if server.contains('?') { '&' } else { '?' };
        Self {
            url: format!("{server}{mark}options=-csearch_path%3D{schema}"),
            _folder: None,
            schema: Some((server, schema)),
        }
    }

    /// One of each database that the tests have.
    pub async fn each() -> Vec<Self> {
        #[cfg(feature = "postgres-tests")]
        return vec![Self::sqlite(), Self::postgres().await];
        #[cfg(not(feature = "postgres-tests"))]
        return vec![Self::sqlite()];
    }

    pub async fn store(&self) -> Store {
        Store::open(&self.url).await.unwrap()
    }

    pub async fn store_of(&self, document: &Value) -> Store {
        let document = document.to_string();
        Store::with_document(&self.url, &document).await.unwrap()
    }

    /// Removes what is on the server.
    pub async fn remove(self) {
        if let Some((server, schema)) = &self.schema {
            say(server, &format!("DROP SCHEMA {schema} CASCADE")).await;
        }
    }
}

async fn say(server: &str, sql: &str) {
    let database = Database::open(server).await.unwrap();
    database.execute(sql, &[]).await.unwrap();
}
