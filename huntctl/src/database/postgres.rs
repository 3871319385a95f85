//! PostgreSQL: a pool of connections, with TLS by rustls.

use std::borrow::Cow;
use std::error::Error as _;
use std::str::FromStr as _;
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod};
use futures_util::future::try_join_all;
use rustls::ClientConfig;
use rustls_platform_verifier::ConfigVerifierExt as _;
use tokio_postgres::Config;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{IsNull, Json, ToSql, Type, to_sql_checked};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::value::{json_without_nul, without_nul};
use super::{Row, Value};
use crate::failure::{Exit, Failure};

/// Connections that are open at most.
const CONNECTIONS: usize = 8;
/// How long a connection may take to come.
const PATIENCE: Duration = Duration::from_secs(30);
/// Statements that are under way at once on one connection.
const UNDER_WAY: usize = 256;

#[derive(Clone)]
pub(super) struct Postgres {
    pool: Pool,
}

impl Postgres {
    pub(super) async fn open(url: &str) -> Result<Self, Failure> {
        let mut config = Config::from_str(url).map_err(|error| {
            let text =
                "the store's URL is none of PostgreSQL: `postgres://USER:PASSWORD@HOST/DATABASE`";
            Failure::new(Exit::Usage, format!("{text} ({error})"))
        })?;
        if config.get_application_name().is_none() {
            config.application_name("huntctl");
        }
        config.connect_timeout(PATIENCE);
        let tls = rustls_config()?;
        let how = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let manager = Manager::from_config(config, MakeRustlsConnect::new(tls), how);
        let pool = Pool::builder(manager)
            .max_size(CONNECTIONS)
            .runtime(deadpool_postgres::Runtime::Tokio1)
            .wait_timeout(Some(PATIENCE))
            .create_timeout(Some(PATIENCE))
            .build()
            .map_err(|error| Failure::new(Exit::Failed, format!("PostgreSQL: {error}")))?;
        let it = Self { pool };
        // So that a wrong URL is told now.
        it.query("SELECT 1", &[]).await?;
        Ok(it)
    }

    async fn connection(&self) -> Result<Object, Failure> {
        self.pool.get().await.map_err(|error| {
            let cause = error.source().and_then(|cause| cause.source());
            let text = match cause {
                Some(cause) => format!("PostgreSQL cannot be had: {error}: {cause}"),
                None => format!("PostgreSQL cannot be had: {error}"),
            };
            Failure::new(Exit::Unavailable, text)
        })
    }

    pub(super) async fn query(&self, sql: &str, values: &[Value]) -> Result<Vec<Row>, Failure> {
        query(&self.connection().await?, sql, values).await
    }

    pub(super) async fn begin(&self) -> Result<Transaction, Failure> {
        // From here on the connection is given up if this future is: BEGIN may have arrived.
        let transaction = Transaction {
            connection: Some(self.connection().await?),
        };
        let begun = transaction.connection()?.batch_execute("BEGIN").await;
        begun.map_err(|error| failed(&error))?;
        Ok(transaction)
    }
}

pub(super) struct Transaction {
    /// None once it has ended.
    connection: Option<Object>,
}

impl Transaction {
    fn connection(&self) -> Result<&Object, Failure> {
        let over = || Failure::new(Exit::Failed, "this transaction has ended");
        self.connection.as_ref().ok_or_else(over)
    }

    pub(super) async fn query(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>, Failure> {
        query(self.connection()?, sql, values).await
    }

    pub(super) async fn execute(&mut self, sql: &str, values: &[Value]) -> Result<u64, Failure> {
        let connection = self.connection()?;
        let result = async {
            let statement = connection.prepare_cached(&numbered(sql)).await?;
            connection.execute_raw(&statement, values).await
        };
        result.await.map_err(|error| failed(&error))
    }

    pub(super) async fn execute_many(
        &mut self,
        sql: &str,
        rows: Vec<Vec<Value>>,
    ) -> Result<u64, Failure> {
        let connection = self.connection()?;
        let statement = connection.prepare_cached(&numbered(sql)).await;
        let statement = statement.map_err(|error| failed(&error))?;
        let mut changed = 0;
        for rows in rows.chunks(UNDER_WAY) {
            // They are sent one after the other without waiting for answers.
            let all = rows
                .iter()
                .map(|row| connection.execute_raw(&statement, row));
            let all = try_join_all(all).await.map_err(|error| failed(&error))?;
            changed += all.into_iter().sum::<u64>();
        }
        Ok(changed)
    }

    pub(super) async fn execute_rows(
        &mut self,
        sql: &str,
        rows: Vec<Vec<Value>>,
    ) -> Result<u64, Failure> {
        let mut columns: Vec<Vec<Value>> = Vec::new();
        columns.resize_with(rows.first().map_or(0, Vec::len), || {
            Vec::with_capacity(rows.len())
        });
        for row in rows {
            for (column, value) in columns.iter_mut().zip(row) {
                column.push(value);
            }
        }
        let connection = self.connection()?;
        let result = async {
            let statement = connection.prepare_cached(&numbered(sql)).await?;
            connection.execute_raw(&statement, &columns).await
        };
        result.await.map_err(|error| failed(&error))
    }

    pub(super) async fn commit(mut self) -> Result<(), Failure> {
        let connection = self.connection()?;
        let committed = connection.batch_execute("COMMIT").await;
        committed.map_err(|error| failed(&error))?;
        // Back to the pool.
        self.connection = None;
        Ok(())
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        // A connection within a transaction is of no use to the next one: the server undoes
        // the transaction when the connection ends.
        if let Some(connection) = self.connection.take() {
            drop(Object::take(connection));
        }
    }
}

async fn query(connection: &Object, sql: &str, values: &[Value]) -> Result<Vec<Row>, Failure> {
    let result = async {
        let statement = connection.prepare_cached(&numbered(sql)).await?;
        let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as _).collect();
        connection.query(&statement, &values).await
    };
    let rows = result.await.map_err(|error| failed(&error))?;
    rows.iter().map(row).collect()
}

/// `?1` as `$1`.
fn numbered(sql: &str) -> Cow<'_, str> {
    if !sql.contains('?') {
        return sql.into();
    }
    sql.replace('?', "$").into()
}

fn row(row: &tokio_postgres::Row) -> Result<Row, Failure> {
    let value = |(index, column): (usize, &tokio_postgres::Column)| {
        let read = match *column.type_() {
            Type::BOOL => row.try_get::<_, Option<bool>>(index).map(Value::from),
            Type::INT2 => row
                .try_get::<_, Option<i16>>(index)
                .map(|value| value.map(i64::from).into()),
            Type::INT4 => row
                .try_get::<_, Option<i32>>(index)
                .map(|value| value.map(i64::from).into()),
            Type::INT8 => row.try_get::<_, Option<i64>>(index).map(Value::from),
            Type::FLOAT4 => row
                .try_get::<_, Option<f32>>(index)
                .map(|value| value.map(f64::from).into()),
            Type::FLOAT8 => row.try_get::<_, Option<f64>>(index).map(Value::from),
            Type::TIMESTAMPTZ => row
                .try_get::<_, Option<jiff::Timestamp>>(index)
                .map(Value::from),
            Type::DATE => row
                .try_get::<_, Option<jiff::civil::Date>>(index)
                .map(|value| value.map(|date| date.to_string()).into()),
            Type::JSON | Type::JSONB => row
                .try_get::<_, Option<Json<Box<serde_json::value::RawValue>>>>(index)
                .map(|json| json.map_or(Value::Null, |json| Value::Json(json.0.get().to_owned()))),
            // Text, and what else there is that reads as text.
            _ => row.try_get::<_, Option<String>>(index).map(Value::from),
        };
        read.map_err(|error| failed(&error).at(format_args!("column `{}`", column.name())))
    };
    let values = row.columns().iter().enumerate().map(value);
    Ok(Row(values.collect::<Result<_, _>>()?))
}

impl ToSql for Value {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Bool(value) => value.to_sql_checked(ty, out),
            Self::Integer(value) => match *ty {
                Type::INT2 => i16::try_from(*value)?.to_sql(ty, out),
                Type::INT4 => i32::try_from(*value)?.to_sql(ty, out),
                // Both are far from 2⁵³.
                #[expect(clippy::cast_precision_loss)]
                Type::FLOAT8 => (*value as f64).to_sql(ty, out),
                _ => value.to_sql_checked(ty, out),
            },
            Self::Real(value) => value.to_sql_checked(ty, out),
            Self::Text(text) => match *ty {
                Type::DATE => text.parse::<jiff::civil::Date>()?.to_sql(ty, out),
                _ => without_nul(text).to_sql_checked(ty, out),
            },
            Self::Json(json) => match *ty {
                Type::JSON | Type::JSONB => {
                    let json = json_without_nul(json);
                    let json: &serde_json::value::RawValue = serde_json::from_str(&json)?;
                    Json(json).to_sql_checked(ty, out)
                }
                _ => json_without_nul(json).to_sql_checked(ty, out),
            },
            Self::Time(time) => time.to_sql_checked(ty, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        // Which value goes where is decided above, by the type.
        true
    }

    to_sql_checked!();
}

fn rustls_config() -> Result<ClientConfig, Failure> {
    let unusable = |error| Failure::new(Exit::Failed, format!("TLS for PostgreSQL: {error}"));
    let provider = rustls::crypto::ring::default_provider();
    // Another part of the program may have installed one; then that one is used.
    let _ = provider.install_default();
    ClientConfig::with_platform_verifier().map_err(unusable)
}

fn failed(error: &tokio_postgres::Error) -> Failure {
    use tokio_postgres::error::SqlState;
    let transient = |state: &SqlState| {
        // Connections, resources, operators, serialization and deadlocks.
        ["08", "53", "57", "40"].contains(&&state.code()[..2])
    };
    let exit = match error.code() {
        Some(state) if transient(state) => Exit::Unavailable,
        Some(_) => Exit::Failed,
        None if error.is_closed() => Exit::Unavailable,
        None => Exit::Failed,
    };
    let text = match error.as_db_error() {
        Some(told) => {
            let detail = told
                .detail()
                .map_or(String::new(), |more| format!(" ({more})"));
            format!("PostgreSQL: {}{detail}", told.message())
        }
        None => match error.source() {
            Some(cause) => format!("PostgreSQL: {error}: {cause}"),
            None => format!("PostgreSQL: {error}"),
        },
    };
    Failure::new(exit, text)
}
