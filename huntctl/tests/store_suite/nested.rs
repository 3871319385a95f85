//! Remediations, which stand within incident reports.

use huntctl::store::{Incomplete, Scope};
use serde_json::json;

use super::ground::{ACCOUNT, Ground, minute, raw, shown, table_of, write};

const REMEDIATIONS: &str =
    "SELECT incident_report_id, id, status, gone_at FROM remediations ORDER BY id";

pub async fn an_incidents_remediations_have_rows(ground: Ground) {
    let store = ground.store().await;
    let incidents = [
        json!({"id": 1, "remediations": {"items": [{"id": 10, "status": "approved"}, {"id": 11}]}}),
        json!({"id": 2, "remediations": {"items": [{"id": 20}], "has_more": true}}),
        json!({"id": 3, "remediations": [{"id": 30, "approved_at": []}]}),
        json!({"id": 4, "remediations": null}),
        json!({"id": 5}),
    ];
    let written = write(&store, "incident_reports", &incidents, minute(0)).await;
    assert_eq!((written.new, written.nested["remediations"].new), (5, 4));
    assert_eq!(written.nested["remediations"].odd.len(), 1);
    assert_eq!(
        written.incomplete,
        [Incomplete {
            table: "remediations".into(),
            parent_id: 2
        }]
    );
    let rows = ["1 10 approved -", "1 11 - -", "2 20 - -", "3 30 - -"];
    assert_eq!(shown(&store, REMEDIATIONS).await, rows);
    // An incident that has not changed still says that its remediations are there.
    let written = write(&store, "incident_reports", &incidents, minute(5)).await;
    assert_eq!(written.nested["remediations"].unchanged, 4);
    let mut tx = store.database().begin().await.unwrap();
    let table = table_of(&store, "remediations");
    let missing = store
        .missing(&mut tx, table, ACCOUNT, minute(3))
        .await
        .unwrap();
    assert_eq!((missing.missing, missing.present), (0, 4));
}

pub async fn the_list_has_the_rest(ground: Ground) {
    let store = ground.store().await;
    let incident = json!({"id": 2, "remediations": {"items": [{"id": 20}], "has_more": true}});
    write(&store, "incident_reports", &[incident], minute(0)).await;
    let mut tx = store.database().begin().await.unwrap();
    let table = table_of(&store, "remediations");
    let scope = Scope {
        account_id: ACCOUNT,
        parent_id: Some(2),
    };
    let all = [raw(&json!({"id": 20})), raw(&json!({"id": 21}))];
    let written = store
        .write(&mut tx, table, scope, &all, minute(1))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!((written.new, written.unchanged), (1, 1));
    assert_eq!(shown(&store, REMEDIATIONS).await, ["2 20 - -", "2 21 - -"]);
}

pub async fn an_older_incident_says_nothing_of_its_remediations(ground: Ground) {
    let store = ground.store().await;
    let incident = |day: u8, status: &str| {
        json!({"id": 1, "updated_at": format!("2026-01-0{day}T00:00:00Z"),
            "remediations": {"items": [{"id": 10, "status": status}], "has_more": day == 1}})
    };
    write(
        &store,
        "incident_reports",
        &[incident(2, "completed")],
        minute(0),
    )
    .await;
    let written = write(
        &store,
        "incident_reports",
        &[incident(1, "approved")],
        minute(1),
    )
    .await;
    assert_eq!(written.incomplete, []);
    assert_eq!(shown(&store, REMEDIATIONS).await, ["1 10 completed -"]);
}
