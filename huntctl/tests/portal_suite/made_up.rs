//! The trends of the simulator: made up for its accounts alone, once, and told.

use huntctl::simulated::{SOURCE, history};
use jiff::SignedDuration;
use jiff::Timestamp;
use serde_json::Value;

use super::ground::{Ground, days_ago, link};

/// An account of this source, with an organization whose agent called long ago.
async fn account(ground: &Ground, account: i64, source: &str) {
    let pulled = [
        ("account_id", account.into()),
        ("source", source.into()),
        ("managed", false.into()),
        ("run", 1.into()),
    ];
    let pulled = [&pulled[..], &[("due_at", Timestamp::now().into())]].concat();
    ground.row("pull_accounts", &pulled).await;
    let columns = [
        ("name", "Blue Door".into()),
        ("sat_learner_count", 50.into()),
    ];
    ground.record("organizations", account, 7, &columns).await;
    for (id, days) in [(1, 200), (2, 203)] {
        let columns = [
            ("organization_id", 7.into()),
            ("platform", "windows".into()),
            ("last_callback_at", days_ago(days).into()),
        ];
        ground.record("agents", account, id, &columns).await;
    }
}

async fn told(ground: &Ground, account: i64) -> Value {
    ground.json(&link(account, 7)).await
}

pub async fn the_simulators_store_has_months_and_others_have_not(ground: Ground) {
    account(&ground, 1, SOURCE).await;
    account(&ground, 2, "acme").await;
    let before = told(&ground, 2).await;
    history::fill(&ground.store).await.unwrap();

    let made_up = told(&ground, 1).await;
    assert_eq!(made_up["made_up"], true);
    let trend = made_up["trend"].as_array().unwrap();
    assert_eq!(trend.len(), 90);
    let counts = |name: &str| -> Vec<i64> {
        let counts = trend.iter().map(|day| day[name].as_i64().unwrap());
        counts.collect()
    };
    let (agents, open) = (counts("agents"), counts("incidents_open"));
    assert_eq!((agents[89], open[89]), (2, 0));
    assert!(
        agents.iter().all(|count| (1..=3).contains(count)),
        "{agents:?}"
    );
    assert!(open.iter().any(|count| *count > 0), "{open:?}");
    // The agent that called last has called now, and the other as long before as ever.
    let sql = "SELECT last_callback_at FROM agents WHERE account_id = 1 ORDER BY id";
    let rows = ground.store.database().query(sql, &[]).await.unwrap();
    let calls: Vec<_> = rows.iter().map(|row| row.time(0).unwrap()).collect();
    assert!(Timestamp::now().duration_since(calls[0]) < SignedDuration::from_mins(5));
    let between = calls[0].duration_since(calls[1]);
    let three_days = SignedDuration::from_hours(72);
    assert!(
        (between - three_days).abs() < SignedDuration::from_mins(1),
        "{between}"
    );
    assert_eq!(made_up["agents"]["stale"], 0);

    let sql = "SELECT account_id, count(*) FROM training_monthly GROUP BY account_id";
    let rows = ground.store.database().query(sql, &[]).await.unwrap();
    let months: Vec<_> = rows
        .iter()
        .map(|row| (row.integer(0), row.integer(1)))
        .collect();
    assert_eq!(months, [(Some(1), Some(12))]);

    assert_eq!(told(&ground, 2).await, before);
    assert_eq!(before.get("made_up"), None);
    assert_eq!(before["trend"].as_array().unwrap().len(), 0);
    history::fill(&ground.store).await.unwrap();
    assert_eq!(told(&ground, 1).await, made_up);
}
