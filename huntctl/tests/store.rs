//! The store, on SQLite always, and on a PostgreSQL with the feature `postgres-tests`.

use huntctl::store::{Missing, Store};
use jiff::Timestamp;
use serde_json::value::RawValue;
use serde_json::{Value, json};

fn raw(value: &Value) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[tokio::test]
async fn first() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", dir.path().join("a.db").display());
    let store = Store::open(&url).await.unwrap();
    for table in store.tables() {
        println!(
            "{} {:?} {} {:?}",
            table.name, table.list, table.shows_changes, table.parent_column
        );
        for c in &table.columns {
            println!("    {} {:?}", c.name, c.kind);
        }
    }
    let agents = store.table("agents").unwrap();
    let mut tx = store.database().begin().await.unwrap();
    let agent = raw(
        &json!({"id": 7, "hostname": "a", "updated_at": "2026-01-01T00:00:00Z", "os_major": "x"}),
    );
    let t1 = at("2026-01-02T00:00:00Z");
    let w = store
        .write(&mut tx, agents, 1, std::slice::from_ref(&agent), t1)
        .await
        .unwrap();
    println!("{w:?}");
    let w = store.write(&mut tx, agents, 1, &[agent], t1).await.unwrap();
    println!("{w:?}");
    let m = store.missing(&mut tx, agents, 1, t1).await.unwrap();
    assert_eq!(
        m,
        Missing {
            missing: 0,
            present: 1
        }
    );
    let t2 = at("2026-01-03T00:00:00Z");
    assert_eq!(
        store.mark_gone(&mut tx, agents, 1, t2, t2).await.unwrap(),
        1
    );
    tx.commit().await.unwrap();
    drop(store);
    Store::open(&url).await.unwrap();
}
