//! What becomes of a row when records are written to it.

use huntctl::store::{Missing, OddValue, Scope, Store, Written};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::ground::{
    ACCOUNT, Ground, minute, query, raw, raw_text, shown, table_of, write, write_raw,
};

fn counts(written: &Written) -> (u64, u64, u64) {
    (written.new, written.changed, written.unchanged)
}

fn agent(id: i64, hostname: &str) -> Value {
    json!({"id": id, "hostname": hostname})
}

/// The one agent's name, and the minutes of its four moments.
async fn only(store: &Store) -> String {
    let sql = "SELECT hostname, first_seen_at, last_seen_at, changed_at, gone_at FROM agents";
    let rows = query(store, sql).await;
    assert_eq!(rows.len(), 1);
    let minutes = |column| match rows[0].time(column) {
        None => "-".to_owned(),
        Some(time) => ((time.as_second() - minute(0).as_second()) / 60).to_string(),
    };
    let name = rows[0].text(0).unwrap_or("-");
    format!(
        "{name} {} {} {} {}",
        minutes(1),
        minutes(2),
        minutes(3),
        minutes(4)
    )
}

pub async fn a_row_keeps_when_it_was_seen_and_changed(ground: Ground) {
    let store = ground.store().await;
    let written = write(&store, "agents", &[agent(1, "a")], minute(1)).await;
    assert_eq!(counts(&written), (1, 0, 0));
    assert_eq!(only(&store).await, "a 1 1 1 -");
    let written = write(&store, "agents", &[agent(1, "a")], minute(2)).await;
    assert_eq!(counts(&written), (0, 0, 1));
    assert_eq!(only(&store).await, "a 1 2 1 -");
    let written = write(&store, "agents", &[agent(1, "b")], minute(3)).await;
    assert_eq!(counts(&written), (0, 1, 0));
    assert_eq!(only(&store).await, "b 1 3 3 -");
}

pub async fn a_row_that_returns_is_gone_no_more(ground: Ground) {
    let store = ground.store().await;
    for name in ["same", "other"] {
        write(&store, "agents", &[agent(1, "same")], minute(1)).await;
        assert_eq!(gone(&store, ACCOUNT.into(), minute(5)).await, 1);
        let written = write(&store, "agents", &[agent(1, name)], minute(9)).await;
        assert_eq!(written.new, 0);
        let gone = query(&store, "SELECT gone_at FROM agents").await[0].time(0);
        assert_eq!(gone, None, "{name}");
        store
            .database()
            .execute("DELETE FROM agents", &[])
            .await
            .unwrap();
    }
    // It was seen before it was found to be gone, and only now is that written.
    write(&store, "agents", &[agent(1, "a")], minute(1)).await;
    gone(&store, ACCOUNT.into(), minute(5)).await;
    write(&store, "agents", &[agent(1, "b")], minute(4)).await;
    assert_eq!(only(&store).await, "b 1 4 4 5");
    write(&store, "agents", &[agent(1, "b")], minute(3)).await;
    assert_eq!(only(&store).await, "b 1 4 4 5");
}

async fn gone(store: &Store, scope: Scope, walk_began: Timestamp) -> u64 {
    let mut tx = store.database().begin().await.unwrap();
    let agents = table_of(store, "agents");
    let gone = store
        .mark_gone(&mut tx, agents, scope, walk_began, walk_began)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    gone
}

pub async fn only_what_a_walk_did_not_meet_is_missing(ground: Ground) {
    let store = ground.store().await;
    let agents = table_of(&store, "agents");
    for id in 1..=4 {
        write(&store, "agents", &[agent(id, "a")], minute(id)).await;
    }
    let mut tx = store.database().begin().await.unwrap();
    store
        .write(
            &mut tx,
            agents,
            2,
            &[raw(&agent(1, "of another account"))],
            minute(0),
        )
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let missing = async |account: i64, began| {
        let mut tx = store.database().begin().await.unwrap();
        let missing = store
            .missing(&mut tx, agents, account, began)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        (missing.missing, missing.present)
    };
    assert_eq!(missing(1, minute(3)).await, (2, 4));
    assert_eq!(gone(&store, 1.into(), minute(3)).await, 2);
    // They are not marked twice, and not counted any more.
    assert_eq!(missing(1, minute(3)).await, (0, 2));
    assert_eq!(gone(&store, 1.into(), minute(3)).await, 0);
    assert_eq!(missing(2, minute(3)).await, (1, 1));
    let left = shown(
        &store,
        "SELECT account_id, id FROM agents WHERE gone_at IS NULL ORDER BY 1, 2",
    )
    .await;
    assert_eq!(left, ["1 3", "1 4", "2 1"]);
}

pub async fn the_rows_of_one_parent_can_be_missing(ground: Ground) {
    let store = ground.store().await;
    let lines = table_of(&store, "organization_usage_line_items");
    let scope = |parent_id| Scope {
        account_id: ACCOUNT,
        parent_id,
    };
    let mut tx = store.database().begin().await.unwrap();
    for (parent, id, seen) in [(70, 1, 1), (70, 2, 9), (80, 3, 1)] {
        let line = [raw(&json!({"id": id}))];
        store
            .write(&mut tx, lines, scope(Some(parent)), &line, minute(seen))
            .await
            .unwrap();
    }
    for (parent, missing, present) in [(Some(70), 1, 2), (Some(80), 1, 1), (None, 2, 3)] {
        let found = store
            .missing(&mut tx, lines, scope(parent), minute(5))
            .await
            .unwrap();
        assert_eq!(found, Missing { missing, present });
    }
    let gone = store
        .mark_gone(&mut tx, lines, scope(Some(70)), minute(5), minute(6))
        .await
        .unwrap();
    assert_eq!(gone, 1);
    tx.commit().await.unwrap();
    let left = shown(
        &store,
        "SELECT reseller_invoice_id, id FROM organization_usage_line_items WHERE gone_at IS NULL ORDER BY id",
    );
    assert_eq!(left.await, ["70 2", "80 3"]);
}

fn version(at: &Value, name: &str) -> Value {
    json!({"id": 1, "hostname": name, "updated_at": at})
}

pub async fn the_newer_stands(ground: Ground) {
    let store = ground.store().await;
    let (old, new, none) = (
        json!("2026-01-01T00:00:00Z"),
        json!("2026-01-02 00:00:00 UTC"),
        json!(null),
    );
    for (first, second, stands) in [
        ((&old, 1), (&new, 2), "second"),
        ((&new, 1), (&old, 2), "first"),
        ((&old, 2), (&new, 1), "second"),
        // Neither is the newer one by its date: what was fetched later stands.
        ((&new, 1), (&new, 2), "second"),
        ((&new, 2), (&new, 1), "first"),
        ((&new, 1), (&none, 2), "second"),
        ((&none, 1), (&old, 2), "second"),
        ((&none, 2), (&old, 1), "first"),
        ((&new, 1), (&json!("soon"), 2), "second"),
    ] {
        for at_once in [false, true] {
            store
                .database()
                .execute("DELETE FROM agents", &[])
                .await
                .unwrap();
            let versions = [version(first.0, "first"), version(second.0, "second")];
            if at_once && first.1 < second.1 {
                write(&store, "agents", &versions, minute(2)).await;
            } else {
                write(&store, "agents", &versions[..1], minute(first.1)).await;
                write(&store, "agents", &versions[1..], minute(second.1)).await;
            }
            let names = shown(&store, "SELECT hostname FROM agents").await;
            assert_eq!(names, [stands], "{first:?} {second:?}");
        }
    }
}

pub async fn of_one_moment_the_later_write_stands(ground: Ground) {
    let store = ground.store().await;
    for nanosecond in [0, 499, 501, 999_999, 999_999_999] {
        let seen_at = minute(0) + jiff::SignedDuration::from_nanos(nanosecond);
        write(&store, "agents", &[agent(1, "first")], seen_at).await;
        write(&store, "agents", &[agent(1, "second")], seen_at).await;
        let names = shown(&store, "SELECT hostname FROM agents").await;
        assert_eq!(names, ["second"], "{nanosecond}");
    }
}

pub async fn in_any_order_the_newest_version_stands(ground: Ground) {
    let store = ground.store().await;
    let mut random = fastrand::Rng::with_seed(7);
    let mut versions: Vec<Value> = Vec::new();
    for id in 1..=20 {
        versions.extend((0..8).map(|day| {
            let at = format!("2026-01-0{}T00:00:00Z", day + 1);
            json!({"id": id, "hostname": format!("{day}"), "updated_at": at})
        }));
    }
    random.shuffle(&mut versions);
    let mut rest = &versions[..];
    let mut seen = 0;
    while !rest.is_empty() {
        let (now, later) = rest.split_at(random.usize(1..=rest.len().min(30)));
        seen += 1;
        let seen_at = minute(seen);
        write(&store, "agents", now, seen_at).await;
        rest = later;
    }
    let names = shown(&store, "SELECT DISTINCT hostname FROM agents").await;
    assert_eq!(names, ["7"]);
    let written = write(&store, "agents", &versions, minute(99)).await;
    assert_eq!(counts(&written), (0, 0, 160));
}

pub async fn two_writers_at_once_leave_the_newer(ground: Ground) {
    let store = ground.store().await;
    for round in 0..20 {
        let at = |day: i64| format!("2026-01-{:02}T00:00:00Z", day + 1);
        let write_all = |day: i64| {
            let store = store.clone();
            let agents: Vec<_> = (0..30)
                .map(|id| json!({"id": 100 * round + id, "hostname": format!("{day}"), "updated_at": at(day)}))
                .collect();
            tokio::spawn(async move { write(&store, "agents", &agents, minute(day)).await })
        };
        let (one, two) = (write_all(1 + round % 2), write_all(2 - round % 2));
        one.await.unwrap();
        two.await.unwrap();
    }
    assert_eq!(
        shown(&store, "SELECT DISTINCT hostname FROM agents").await,
        ["2"]
    );
    assert_eq!(shown(&store, "SELECT count(*) FROM agents").await, ["600"]);
}

pub async fn what_does_not_fit_is_null_and_told(ground: Ground) {
    let store = ground.store().await;
    let json = r#"{"id": 7, "hostname": ["a"], "os_major":1.5,"version_number":"720899",
        "created_at" : "soon", "tags": 7, "unheard_of": 1.10, "account_id": 2}"#;
    let written = write_raw(&store, "agents", &[raw_text(json)], minute(0)).await;
    let odd = |path: &str, problem: &str| {
        let (path, problem) = (path.to_owned(), problem.to_owned());
        OddValue {
            id: Some(7),
            path,
            problem,
        }
    };
    assert_eq!(
        written.odd,
        [
            odd("created_at", "expected a moment, but it is text"),
            odd("hostname", "expected text, but it is a list"),
            odd("os_major", "expected a whole number, but it is a number"),
            odd(
                "account_id",
                "it is another account than the one that was asked"
            ),
        ]
    );
    let sql = "SELECT hostname, os_major, created_at, version_number, tags, account_id FROM agents";
    assert_eq!(shown(&store, sql).await, ["- - - 720899 7 1"]);
    let record = query(&store, "SELECT record FROM agents").await;
    assert_eq!(record[0].text(0), Some(json));
}

pub async fn what_is_too_long_for_an_index_costs_no_record(ground: Ground) {
    let store = ground.store().await;
    let mut random = fastrand::Rng::with_seed(1);
    let long: String = (0..20_000).map(|_| random.alphanumeric()).collect();
    let agent = json!({"id": 7, "hostname": long, "os": long});
    let written = write(&store, "agents", &[agent], minute(0)).await;
    let [odd] = &written.odd[..] else {
        panic!("{}", written.odd.len())
    };
    let problem = "expected at most 800 bytes, but it has 20000";
    assert_eq!(
        (odd.path.as_str(), odd.problem.as_str()),
        ("hostname", problem)
    );
    let lengths = "SELECT hostname, length(os) FROM agents";
    assert_eq!(shown(&store, lengths).await, ["- 20000"]);
}

pub async fn a_record_that_cannot_be_kept_costs_no_other(ground: Ground) {
    let store = ground.store().await;
    let deep = format!(
        r#"{{"id": 8, "tags": {}{}}}"#,
        "[".repeat(5_000),
        "]".repeat(5_000)
    );
    let deep = r#"{"id": 8, "tags": "#.to_owned() + &deep[17..];
    let odd = [
        r#"{"hostname": "no id"}"#,
        r#"{"id": null}"#,
        r#"{"id": "seven"}"#,
        "[]",
        "null",
        &deep,
    ];
    let mut records: Vec<_> = odd.iter().map(|json| raw_text(json)).collect();
    records.push(raw(&agent(1, "kept")));
    let written = write_raw(&store, "agents", &records, minute(0)).await;
    let problems: Vec<_> = written.odd.iter().map(|odd| odd.problem.as_str()).collect();
    assert_eq!(
        problems,
        [
            "it has no `id`",
            "its `id` is null",
            "its `id`: expected a whole number, but it is text",
            "expected an object",
            "expected an object",
            "it is nested too deeply to be kept",
        ]
    );
    assert!(
        written
            .odd
            .iter()
            .all(|odd| odd.id.is_none() && odd.path.is_empty())
    );
    assert_eq!(shown(&store, "SELECT hostname FROM agents").await, ["kept"]);
}

pub async fn what_no_database_can_hold_costs_its_characters(ground: Ground) {
    let store = ground.store().await;
    let json = r#"{"id":7,"hostname":"a\u0000b\ud83dc\\u0000","tags":["\u0000","\ud83d\ude00"]}"#;
    write_raw(&store, "agents", &[raw_text(json)], minute(0)).await;
    let written = write_raw(&store, "agents", &[raw_text(json)], minute(1)).await;
    assert_eq!(counts(&written), (0, 0, 1));
    let rows = query(&store, "SELECT hostname, tags, record FROM agents").await;
    assert_eq!(rows[0].text(0), Some("a\u{fffd}b\u{fffd}c\\u0000"));
    let tags: Value = serde_json::from_str(rows[0].text(1).unwrap()).unwrap();
    assert_eq!(tags, json!(["\u{fffd}", "😀"]));
    let kept = r#"{"id":7,"hostname":"a\ufffdb\ufffdc\\u0000","tags":["\ufffd","\ud83d\ude00"]}"#;
    assert_eq!(rows[0].text(2), Some(kept));
    // So whoever asks for a field of the records gets an answer.
    assert_eq!(
        shown(&store, "SELECT record ->> 'id' FROM agents").await,
        ["7"]
    );
}

pub async fn a_record_without_an_id_is_known_by_its_content(ground: Ground) {
    let store = ground.store().await;
    let vpns = [
        r#"{"name":"One","slug":"one"}"#,
        r#"{"name":"Two","slug":"two"}"#,
    ]
    .map(raw_text);
    let written = write_raw(&store, "known_vpns", &vpns, minute(0)).await;
    assert_eq!(counts(&written), (2, 0, 0));
    // The order of fields and spaces make no other record.
    let again = raw_text(r#"{ "slug": "one", "name": "One" }"#);
    let written = write_raw(&store, "known_vpns", &[again], minute(1)).await;
    assert_eq!(written.new, 0);
    let other = raw_text(r#"{"name":"Two","slug":"2"}"#);
    let written = write_raw(&store, "known_vpns", &[other], minute(2)).await;
    assert_eq!(written.new, 1);
}

pub async fn what_only_the_single_resource_shows_stays(ground: Ground) {
    let store = ground.store().await;
    let listed = json!({"id": 3, "name": "Acme", "updated_at": "2026-01-01T00:00:00Z"});
    let mut single = listed.clone();
    single["actual_usages"] = json!({"edr": {"billable_agents_count": 7}});
    write(
        &store,
        "organizations",
        std::slice::from_ref(&listed),
        minute(0),
    )
    .await;
    assert_eq!(
        write(&store, "organizations", &[single], minute(1))
            .await
            .changed,
        1
    );
    // The list says nothing new, so it takes nothing away.
    assert_eq!(
        write(
            &store,
            "organizations",
            std::slice::from_ref(&listed),
            minute(2)
        )
        .await
        .unchanged,
        1
    );
    let usages = "SELECT actual_usages IS NOT NULL, changed_at FROM organizations";
    assert_eq!(shown(&store, usages).await, [format!("1 {}", minute(1))]);
    let mut renamed = listed;
    renamed["name"] = json!("Ajax");
    assert_eq!(
        write(&store, "organizations", &[renamed], minute(3))
            .await
            .changed,
        1
    );
}

pub async fn a_transaction_that_is_dropped_wrote_nothing(ground: Ground) {
    let store = ground.store().await;
    let mut tx = store.database().begin().await.unwrap();
    let agents = table_of(&store, "agents");
    store
        .write(&mut tx, agents, ACCOUNT, &[raw(&agent(1, "a"))], minute(0))
        .await
        .unwrap();
    drop(tx);
    assert!(query(&store, "SELECT id FROM agents").await.is_empty());
}
