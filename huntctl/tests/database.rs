//! One SQL for both databases: what is written is read back, and transactions are whole.

use huntctl::database::{Database, Dialect, Value};
use huntctl::failure::Exit;
use jiff::Timestamp;

#[path = "support/databases.rs"]
mod databases;
use databases::Place;

/// A test on SQLite, and on PostgreSQL where there is one.
macro_rules! on_each_database {
    ($name:ident, $database:ident, $body:block) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            for place in Place::each().await {
                let $database = Database::open(&place.url).await.unwrap();
                $body
                place.remove().await;
            }
        }
    };
}

fn columns(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => "a INTEGER, b INTEGER, c REAL, d TEXT, e TEXT, f TEXT",
        Dialect::Postgres => {
            "a BIGINT, b BOOLEAN, c DOUBLE PRECISION, d TEXT, e JSONB, f TIMESTAMPTZ"
        }
    }
}

async fn table(database: &Database) {
    let columns = columns(database.dialect());
    let sql = format!("CREATE TABLE t (id BIGINT PRIMARY KEY, {columns})");
    database.execute(&sql, &[]).await.unwrap();
}

const INSERT: &str = "INSERT INTO t (id, a, b, c, d, e, f) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

fn row(id: i64, text: &str, json: &str) -> Vec<Value> {
    let time: Timestamp = "2026-06-01T12:00:00.25Z".parse().unwrap();
    vec![
        id.into(),
        i64::MAX.into(),
        true.into(),
        0.1.into(),
        text.into(),
        Value::Json(json.to_owned()),
        time.into(),
    ]
}

async fn count(database: &Database) -> i64 {
    let rows = database.query("SELECT count(*) FROM t", &[]).await.unwrap();
    rows[0].integer(0).unwrap()
}

on_each_database!(what_is_written_is_read_back, database, {
    table(&database).await;
    let mut transaction = database.begin().await.unwrap();
    let hostile = "'; DROP TABLE t; -- ?1 $1 \u{202e}é\0";
    let rows = vec![
        row(1, hostile, r#"{"a": "\u0000", "b": "\\u0000"}"#),
        vec![
            2.into(),
            Value::Null,
            Value::Null,
            Value::Null,
            Value::Null,
            Value::Null,
            Value::Null,
        ],
    ];
    assert_eq!(transaction.execute_many(INSERT, rows).await.unwrap(), 2);
    transaction.commit().await.unwrap();
    let read = database
        .query("SELECT a, b, c, d, e, f, e ->> 'b' FROM t ORDER BY id", &[])
        .await
        .unwrap();
    let first = &read[0];
    assert_eq!(first.integer(0), Some(i64::MAX));
    assert_eq!(first.bool(1), Some(true));
    assert_eq!(first.real(2), Some(0.1));
    assert_eq!(first.text(3).unwrap(), hostile.replace('\0', "\u{fffd}"));
    let json: serde_json::Value = serde_json::from_str(first.text(4).unwrap()).unwrap();
    assert_eq!(json["a"], "\u{fffd}");
    assert_eq!(
        first.time(5).unwrap().to_string(),
        "2026-06-01T12:00:00.25Z"
    );
    assert_eq!(first.text(6), Some("\\u0000"));
    assert!(
        read[1].values()[..6]
            .iter()
            .all(|value| *value == Value::Null)
    );
    let later: Timestamp = "2026-06-01T12:00:00.251Z".parse().unwrap();
    let found = database
        .query(
            "SELECT id FROM t WHERE f < ?1 AND b = ?2",
            &[later.into(), true.into()],
        )
        .await
        .unwrap();
    assert_eq!(found.len(), 1);
});

on_each_database!(a_transaction_is_whole_or_nothing, database, {
    table(&database).await;
    let mut dropped = database.begin().await.unwrap();
    dropped.execute(INSERT, &row(1, "x", "1")).await.unwrap();
    let own = dropped.query("SELECT count(*) FROM t", &[]).await.unwrap();
    assert_eq!(own[0].integer(0), Some(1));
    assert_eq!(count(&database).await, 0, "nobody else sees it");
    drop(dropped);
    assert_eq!(count(&database).await, 0);

    let mut refused = database.begin().await.unwrap();
    let twice = vec![row(1, "x", "1"), row(1, "y", "2")];
    let error = refused.execute_many(INSERT, twice).await.unwrap_err();
    assert_eq!(error.exit(), Exit::Failed, "{error}");
    drop(refused);
    assert_eq!(count(&database).await, 0);

    let mut kept = database.begin().await.unwrap();
    kept.execute(INSERT, &row(1, "x", "1")).await.unwrap();
    kept.commit().await.unwrap();
    assert_eq!(count(&database).await, 1);
});

// A task that is dropped in the middle of a statement leaves no open transaction behind.
on_each_database!(a_transaction_that_is_cut_off_is_undone, database, {
    table(&database).await;
    for round in 0..200 {
        let work = async {
            let mut transaction = database.begin().await.unwrap();
            let rows = (0..50).map(|id| row(1000 * round + id, "x", "1")).collect();
            transaction.execute_many(INSERT, rows).await.unwrap();
            std::future::pending::<()>().await;
            drop(transaction);
        };
        let patience = std::time::Duration::from_micros(u64::try_from(round).unwrap() * 20);
        let _ = tokio::time::timeout(patience, work).await;
    }
    let mut after = database.begin().await.unwrap();
    after.execute(INSERT, &row(-1, "x", "1")).await.unwrap();
    after.commit().await.unwrap();
    assert_eq!(count(&database).await, 1);
});

on_each_database!(writers_take_turns, database, {
    table(&database).await;
    database.execute(INSERT, &row(1, "x", "0")).await.unwrap();
    let add = |database: Database| async move {
        for _ in 0..20 {
            let sql = "UPDATE t SET a = a - 1 WHERE id = ?1";
            database.execute(sql, &[1.into()]).await.unwrap();
        }
    };
    let tasks: Vec<_> = (0..4)
        .map(|_| tokio::spawn(add(database.clone())))
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let rows = database.query("SELECT a FROM t", &[]).await.unwrap();
    assert_eq!(rows[0].integer(0), Some(i64::MAX - 80));
});

#[tokio::test]
async fn what_cannot_be_opened_is_told_without_its_password() {
    for (url, exit) in [
        ("mysql://root:hunter2@localhost/x", Exit::Usage),
        ("sqlite:", Exit::Usage),
        ("sqlite:/nowhere/at/all/huntress.db", Exit::Unavailable),
        ("postgres://u:hunter2@127.0.0.1:1/x", Exit::Unavailable),
        ("postgres://u:hunter2@:notaport/x", Exit::Usage),
    ] {
        let error = Database::open(url).await.unwrap_err();
        assert_eq!(error.exit(), exit, "{url}: {error}");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }
}
