//! Which tables there are, and how they come to be.

use huntctl::database::Database;
use huntctl::store::Store;

use super::ground::{ACCOUNT, Ground, minute, query, write};

pub async fn every_list_has_a_table(ground: Ground) {
    let store = ground.store().await;
    let mut shown: Vec<_> = store
        .tables()
        .iter()
        .map(|table| {
            let list = &table.list;
            let parent = list.parent.as_ref().map(|parent| {
                format!(
                    " of {parent} by {}",
                    table.parent_column.as_deref().unwrap_or("?")
                )
            });
            format!(
                "{}: {} {} {}{}{}{}{}",
                table.name,
                list.operation,
                list.path,
                list.key,
                if list.paged { "" } else { ", one page" },
                if list.account_scope { ", scoped" } else { "" },
                if table.shows_changes { ", changes" } else { "" },
                parent.unwrap_or_default()
            )
        })
        .collect();
    for table in store.tables() {
        let columns = table.columns.iter();
        let columns: Vec<_> = columns
            .map(|column| format!("{} {:?}", column.name, column.kind).to_lowercase())
            .collect();
        shown.push(format!("{}: {}", table.name, columns.join(", ")));
        assert!(
            query(&store, &format!("SELECT * FROM {}", table.name))
                .await
                .is_empty()
        );
    }
    insta::assert_snapshot!("tables", shown.join("\n"));
    assert!(
        store.table("billing_reports").is_none(),
        "a list that is deprecated"
    );
}

pub async fn opening_again_changes_nothing(ground: Ground) {
    let store = ground.store().await;
    write(
        &store,
        "agents",
        &[serde_json::json!({"id": 7, "hostname": "a"})],
        minute(0),
    )
    .await;
    let before = format!("{:?}", store.tables());
    let again = ground.store().await;
    assert_eq!(format!("{:?}", again.tables()), before);
    let rows = query(&again, "SELECT account_id, hostname FROM agents").await;
    assert_eq!(rows[0].integer(0), Some(ACCOUNT));
    assert_eq!(rows[0].text(1), Some("a"));
}

pub async fn many_programs_may_open_an_empty_database_at_once(ground: Ground) {
    let open = (0..6).map(|_| {
        let url = ground.url.clone();
        tokio::spawn(async move { Store::open(&url).await.map(|store| store.tables().len()) })
    });
    for opened in open.collect::<Vec<_>>() {
        assert!(opened.await.unwrap().unwrap() > 15);
    }
}

pub async fn a_table_of_somebody_else_is_refused(ground: Ground) {
    let database = Database::open(&ground.url).await.unwrap();
    database
        .execute("CREATE TABLE agents (id bigint)", &[])
        .await
        .unwrap();
    let error = Store::open(&ground.url).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the tables of the store: the database has a table `agents` that huntctl did not make; \
         give the store a database or schema of its own"
    );
}
