//! A whole account, from a simulator that sends odd shapes, and the queries of `docs/store.md`.

use std::time::Duration;

use huntctl::database::Dialect;
use huntctl::store::{Scope, Store};
use huntress::http::Method;
use huntress::{Client, Credentials, RateLimiter};
use huntress_simulator::Simulator;
use serde_json::value::RawValue;

use super::ground::{ACCOUNT, Ground, minute, query};

const PAGE: &str = include_str!("../../../docs/store.md");

/// Pulls every list, and returns how many records came.
async fn fill(store: &Store, simulator: &Simulator) -> Vec<(String, usize)> {
    let key = simulator.credentials();
    let client = Client::builder()
        .base_url(simulator.base_url())
        .credentials(Credentials::new(&key.key, &key.secret))
        .rate_limiter(RateLimiter::new(1_000_000, Duration::from_nanos(1)))
        .build()
        .unwrap();
    let mut counts = Vec::new();
    for table in store.tables() {
        let parents = match &table.list.parent {
            None => vec![None],
            Some(parent) => {
                let rows = query(store, &format!("SELECT id FROM {parent}")).await;
                rows.iter().map(|row| row.integer(0)).collect()
            }
        };
        let mut count = 0;
        for parent_id in parents {
            let mut path = table.list.path.clone();
            if let (Some(id), Some(from), Some(to)) = (parent_id, path.find('{'), path.find('}')) {
                path.replace_range(from..=to, &id.to_string());
            }
            let list = client
                .request(Method::GET, path)
                .list(table.list.key.clone());
            let mut pages = list.page_size(100).pages_as::<Box<RawValue>>();
            while let Some(page) = pages.try_next().await.unwrap() {
                let mut tx = store.database().begin().await.unwrap();
                let scope = Scope {
                    account_id: ACCOUNT,
                    parent_id,
                };
                store
                    .write(&mut tx, table, scope, &page.items, minute(0))
                    .await
                    .unwrap();
                tx.commit().await.unwrap();
                count += page.items.len();
            }
        }
        counts.push((table.name.clone(), count));
    }
    counts
}

pub async fn a_whole_account_comes_in(ground: Ground) {
    let store = ground.store().await;
    let simulator = Simulator::builder()
        .no_quota()
        .odd_shapes(0.3)
        .start()
        .await
        .unwrap();
    for (table, count) in fill(&store, &simulator).await {
        assert!(count > 0, "{table}");
        let rows = query(&store, &format!("SELECT count(*) FROM {table}")).await;
        assert_eq!(rows[0].integer(0), i64::try_from(count).ok(), "{table}");
    }
    let mut tx = store.database().begin().await.unwrap();
    let day = jiff::Timestamp::now()
        .to_zoned(jiff::tz::TimeZone::UTC)
        .date();
    store.count_day(&mut tx, ACCOUNT, day).await.unwrap();
    tx.commit().await.unwrap();
    let counted = query(&store, "SELECT agents, identities FROM accounts_daily").await;
    assert_eq!(counted[0].integer(0), Some(168));
    assert_eq!(counted[0].integer(1), Some(40));
    let mut silent = Vec::new();
    for (sql, queried) in examples(store.database().dialect()) {
        if !queried {
            store.database().execute(&sql, &[]).await.unwrap();
            continue;
        }
        // Whether there is an answer, whatever type it has.
        let question = sql.trim_end().trim_end_matches(';');
        let asked = format!("SELECT 1 FROM ({question}\n) AS answer");
        if query(&store, &asked).await.is_empty() {
            silent.push(sql);
        }
    }
    // Nothing has gone yet; to every other question there is an answer.
    assert_eq!(silent.len(), 1, "{silent:?}");
    assert!(silent[0].contains("WHERE gone_at IS NOT NULL"));
}

/// The queries of the page that this database can run, and whether each asks for rows.
fn examples(dialect: Dialect) -> Vec<(String, bool)> {
    let blocks = PAGE
        .split("```sql\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap());
    let examples: Vec<_> = blocks
        .filter(|sql| match sql.lines().next().unwrap() {
            "-- PostgreSQL" => dialect == Dialect::Postgres,
            "-- SQLite" => dialect == Dialect::Sqlite,
            _ => true,
        })
        // Roles are of the whole server, and other tests are at work there.
        .filter(|sql| !sql.contains("huntress_reader"))
        .map(|sql| (sql.to_owned(), sql.contains("SELECT")))
        .collect();
    assert!(examples.len() > 8);
    examples
}

pub async fn the_page_names_all_that_there_is(ground: Ground) {
    let store = ground.store().await;
    let sql = match store.database().dialect() {
        Dialect::Sqlite => "SELECT name FROM sqlite_master WHERE type IN ('table', 'view')",
        Dialect::Postgres => {
            "SELECT table_name::text FROM information_schema.tables \
             WHERE table_schema = current_schema()"
        }
    };
    for row in query(&store, sql).await {
        let name = row.text(0).unwrap();
        assert!(
            name == "store_state" || PAGE.contains(&format!("`{name}`")),
            "{name}"
        );
    }
}
