//! The views and the counts of days.

use huntctl::store::Store;
use jiff::{Timestamp, ToSpan as _};
use serde_json::{Value, json};

use super::ground::{ACCOUNT, Ground, at, minute, query, shown, write};

fn days_ago(days: i64) -> String {
    (Timestamp::now() - (24 * days).hours()).to_string()
}

async fn organizations(store: &Store) {
    let rows = [
        json!({"id": 1, "name": "Acme"}),
        json!({"id": 2, "name": "Ajax"}),
    ];
    write(store, "organizations", &rows, minute(0)).await;
}

async fn all_gone(store: &Store, table: &str) {
    let sql = format!("UPDATE {table} SET gone_at = last_seen_at");
    store.database().execute(&sql, &[]).await.unwrap();
}

fn incident(id: i64, organization: Value, severity: &str, status: &str) -> Value {
    json!({"id": id, "organization_id": organization, "severity": severity, "status": status,
        "agent_id": 10, "sent_at": "2026-06-01T12:00:00Z"})
}

fn incidents() -> Vec<Value> {
    vec![
        incident(1, json!(1), "critical", "sent"),
        incident(2, json!(1), "low", "auto_remediating"),
        incident(3, json!(1), "low", "closed"),
        incident(4, json!(2), "high", "dismissed"),
        incident(5, json!(null), "high", "sent"),
        incident(6, json!(9), "low", "draft"),
    ]
}

pub async fn open_incidents_have_organization_and_host(ground: Ground) {
    let store = ground.store().await;
    organizations(&store).await;
    write(&store, "incident_reports", &incidents(), minute(0)).await;
    write(
        &store,
        "agents",
        &[json!({"id": 10, "hostname": "DC-01"})],
        minute(0),
    )
    .await;
    let sql = "SELECT incident_report_id, severity, organization, hostname FROM open_incidents ORDER BY 1";
    assert_eq!(
        shown(&store, sql).await,
        [
            "1 critical Acme DC-01",
            "2 low Acme DC-01",
            "5 high - DC-01"
        ]
    );
    let sql = "SELECT organization, severity, open_incidents, incidents \
               FROM incidents_by_organization ORDER BY organization_id, severity";
    let mut rows = shown(&store, sql).await;
    rows.sort();
    assert_eq!(
        rows,
        [
            "- high 1 1",
            "- low 0 1",
            "Acme critical 1 1",
            "Acme low 1 2",
            "Ajax high 0 1"
        ]
    );
    all_gone(&store, "incident_reports").await;
    assert!(
        query(&store, "SELECT * FROM open_incidents")
            .await
            .is_empty()
    );
}

fn agents() -> Vec<Value> {
    let agent = |id: i64, organization: i64, called: Option<i64>, version: i64, firewall: &str| {
        json!({"id": id, "hostname": format!("h{id}"), "organization_id": organization,
            "platform": "windows", "version_number": version, "firewall_status": firewall,
            "last_callback_at": called.map(days_ago), "created_at": days_ago(100)})
    };
    vec![
        agent(1, 1, Some(0), 5, "Enabled"),
        agent(2, 1, Some(13), 5, "Isolated"),
        agent(3, 1, Some(15), 4, "Pending Release"),
        agent(4, 2, None, 6, "Pending Isolation"),
        json!({"id": 5, "hostname": "h5", "organization_id": 2, "platform": "linux",
            "version_number": 1, "last_callback_at": days_ago(20)}),
    ]
}

pub async fn agents_are_stale_or_outdated(ground: Ground) {
    let store = ground.store().await;
    organizations(&store).await;
    write(&store, "agents", &agents(), minute(0)).await;
    let stale = "SELECT hostname, organization FROM stale_agents ORDER BY 1";
    assert_eq!(
        shown(&store, stale).await,
        ["h3 Acme", "h4 Ajax", "h5 Ajax"]
    );
    let outdated = "SELECT hostname, version_number, usual_version_number FROM outdated_agents";
    assert_eq!(shown(&store, outdated).await, ["h3 4 5"]);
    let settings = "UPDATE store_settings SET stale_after_days = 17";
    store.database().execute(settings, &[]).await.unwrap();
    // What people set outlives the next start.
    let store = ground.store().await;
    assert_eq!(shown(&store, stale).await, ["h4 Ajax", "h5 Ajax"]);
    all_gone(&store, "agents").await;
    assert!(query(&store, stale).await.is_empty());
    assert!(query(&store, outdated).await.is_empty());
}

fn identities() -> Vec<Value> {
    let identity = |id: i64, enabled: bool, mfa: Option<bool>, risk: &str| {
        json!({"id": id, "username": format!("u{id}"), "organization": {"id": 1},
            "enabled": enabled, "mfa_enabled": mfa, "risk_level": risk, "billable": true})
    };
    vec![
        identity(1, true, Some(true), "none"),
        identity(2, true, Some(false), "none"),
        identity(3, true, Some(true), "high"),
        identity(4, true, None, "medium"),
        identity(5, false, Some(false), "high"),
    ]
}

pub async fn identities_are_at_risk(ground: Ground) {
    let store = ground.store().await;
    organizations(&store).await;
    write(&store, "identities", &identities(), minute(0)).await;
    let sql = "SELECT username, organization FROM identities_at_risk ORDER BY 1";
    assert_eq!(shown(&store, sql).await, ["u2 Acme", "u3 Acme"]);
    let settings = "UPDATE store_settings SET risk_levels = 'high,medium', without_mfa = false";
    store.database().execute(settings, &[]).await.unwrap();
    assert_eq!(shown(&store, sql).await, ["u3 Acme", "u4 Acme"]);
}

pub async fn counts_that_disagree_are_shown(ground: Ground) {
    let store = ground.store().await;
    let organizations = [
        json!({"id": 1, "name": "Acme", "agents_count": 3, "billable_identity_count": 5,
            "logs_sources_count": 2, "sat_learner_count": 9}),
        json!({"id": 2, "name": "Ajax", "agents_count": 2}),
    ];
    write(&store, "organizations", &organizations, minute(0)).await;
    write(&store, "agents", &agents(), minute(0)).await;
    write(&store, "identities", &identities(), minute(0)).await;
    let line = |id: i64, end: &str, usage: Value| json!({"id": id, "organization": {"id": 1}, "period_end": end, "actual_usage": usage});
    let lines = [
        line(
            1,
            "2026-05-01T00:00:00Z",
            json!({"edr": 1, "siem": 1, "sat": 1}),
        ),
        line(
            2,
            "2026-06-01T00:00:00Z",
            json!({"edr": 3, "siem": 1, "sat": "nine"}),
        ),
    ];
    write(&store, "organization_usage_line_items", &lines, minute(0)).await;
    let sql = "SELECT organization, product, counted, listed, invoiced, invoiced_until \
               FROM unbilled_differences ORDER BY 1, 2";
    // The newest line counts; what it does not say is no difference.
    assert_eq!(
        shown(&store, sql).await,
        ["Acme siem 2 - 1 2026-06-01T00:00:00Z"]
    );
    write(
        &store,
        "agents",
        &[json!({"id": 99, "organization_id": 2})],
        minute(0),
    )
    .await;
    let ajax = format!("{sql} LIMIT 9").replace("ORDER", "WHERE organization = 'Ajax' ORDER");
    assert_eq!(shown(&store, &ajax).await, ["Ajax edr 2 3 - -"]);
}

pub async fn the_last_pull_of_each_account_is_shown(ground: Ground) {
    let store = ground.store().await;
    let make = "CREATE TABLE pulls (account_id bigint, run bigint, outcome text)";
    store
        .database()
        .execute(
            make.replace("bigint", "BIGINT")
                .replace("text", "TEXT")
                .as_str(),
            &[],
        )
        .await
        .unwrap();
    for (account, run, outcome) in [(1, 1, "done"), (1, 2, "failed"), (2, 7, "done")] {
        let sql = format!("INSERT INTO pulls VALUES ({account}, {run}, '{outcome}')");
        store.database().execute(&sql, &[]).await.unwrap();
    }
    let store = ground.store().await;
    let sql = "SELECT account_id, run, outcome FROM last_pulls ORDER BY 1";
    assert_eq!(shown(&store, sql).await, ["1 2 failed", "2 7 done"]);
}

async fn count(store: &Store, day: &str) {
    let mut tx = store.database().begin().await.unwrap();
    store
        .count_day(&mut tx, ACCOUNT, day.parse().unwrap())
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

const AGENTS: &str = "agents, agents_stale, agents_isolated, agents_outdated";
const INCIDENTS: &str = "incidents_open, incidents_open_critical, incidents_open_high, \
                         incidents_open_low, incidents_new, incidents_closed";
const OTHERS: &str = "identities, identities_at_risk, escalations_open, signals_new, learners";

async fn fill(store: &Store) {
    let organizations = [
        json!({"id": 1, "name": "Acme", "sat_learner_count": 7}),
        json!({"id": 2, "name": "Ajax", "sat_learner_count": 5}),
        json!({"id": 3, "name": "Idle"}),
    ];
    write(store, "organizations", &organizations, minute(0)).await;
    write(store, "agents", &agents(), minute(0)).await;
    let mut incidents = incidents();
    incidents[2]["closed_at"] = json!("2026-06-02T23:59:59Z");
    incidents[3]["closed_at"] = json!("2026-06-03T00:00:00Z");
    incidents[3]["sent_at"] = json!("2026-06-02T00:00:00Z");
    write(store, "incident_reports", &incidents, minute(0)).await;
    write(store, "identities", &identities(), minute(0)).await;
    let escalation = |id: i64, status: &str, organizations: Value| json!({"id": id, "status": status, "organizations": organizations});
    let escalations = [
        escalation(1, "open", json!([{"id": 1}, {"id": 2}])),
        escalation(2, "overdue", json!([2, "odd", {"id": "x"}])),
        escalation(3, "resolved", json!([{"id": 1}])),
        escalation(4, "sent", json!(null)),
        escalation(5, "open", json!({"name": "Acme"})),
        escalation(6, "open", json!("Acme")),
    ];
    write(store, "escalations", &escalations, minute(0)).await;
    let signals = [
        json!({"id": 1, "created_at": "2026-06-02T10:00:00Z", "organization": {"id": 2}}),
        json!({"id": 2, "created_at": "2026-06-01T10:00:00Z", "organization": {"id": 2}}),
    ];
    write(store, "signals", &signals, minute(0)).await;
}

pub async fn a_day_is_counted(ground: Ground) {
    let store = ground.store().await;
    fill(&store).await;
    let today = at(&days_ago(0))
        .to_zoned(jiff::tz::TimeZone::UTC)
        .date()
        .to_string();
    count(&store, "2026-06-02").await;
    count(&store, &today).await;
    let of = |table: &str, what: &str, day: &str| {
        format!("SELECT {what} FROM {table} WHERE day = '{day}' ORDER BY 1")
    };
    let day = "2026-06-02";
    let by = |what: &str| format!("organization_id, {what}");
    let account =
        async |what: &str, day: &str| shown(&store, &of("accounts_daily", what, day)).await;
    let each = async |what: &str, day: &str| {
        shown(&store, &of("organizations_daily", &by(what), day)).await
    };

    assert_eq!(account(AGENTS, &today).await, ["5 3 2 1"]);
    assert_eq!(
        each(AGENTS, &today).await,
        ["1 3 1 2 1", "2 2 2 0 0", "3 0 0 0 0"]
    );
    assert_eq!(account(INCIDENTS, day).await, ["3 1 1 1 1 1"]);
    assert_eq!(
        each(INCIDENTS, day).await,
        ["1 2 1 0 1 0 1", "2 0 0 0 0 1 0", "3 0 0 0 0 0 0"]
    );
    assert_eq!(account(OTHERS, day).await, ["5 2 5 1 12"]);
    assert_eq!(
        each(OTHERS, day).await,
        ["1 5 2 1 0 7", "2 0 0 2 1 5", "3 0 0 0 0 0"]
    );
}

pub async fn a_day_that_is_counted_again_is_replaced(ground: Ground) {
    let store = ground.store().await;
    fill(&store).await;
    count(&store, "2026-06-01").await;
    count(&store, "2026-06-02").await;
    all_gone(&store, "agents").await;
    let leave = "UPDATE organizations SET gone_at = last_seen_at WHERE id = 3";
    store.database().execute(leave, &[]).await.unwrap();
    count(&store, "2026-06-02").await;
    let sql = "SELECT day, agents FROM accounts_daily ORDER BY day";
    assert_eq!(shown(&store, sql).await, ["2026-06-01 5", "2026-06-02 0"]);
    let sql = "SELECT day, organization_id, agents FROM organizations_daily ORDER BY 1, 2";
    let rows = [
        "2026-06-01 1 3",
        "2026-06-01 2 2",
        "2026-06-01 3 0",
        // It is no more, but an incident of it was new on that day.
        "2026-06-01 9 0",
        "2026-06-02 1 0",
        "2026-06-02 2 0",
    ];
    assert_eq!(shown(&store, sql).await, rows);
}

pub async fn what_the_document_lacks_is_not_counted_as_nothing(ground: Ground) {
    let mut document: Value = serde_json::from_str(huntress_simulator::OPENAPI).unwrap();
    let agent = &mut document["components"]["schemas"]["Agent"]["properties"];
    agent.as_object_mut().unwrap().remove("firewall_status");
    let store = ground.store_of(&document).await;
    fill(&store).await;
    count(&store, "2026-06-02").await;
    let sql = "SELECT agents, agents_isolated, agents_outdated, incidents_open FROM accounts_daily";
    assert_eq!(shown(&store, sql).await, ["- - 1 3"]);
    let sql = "SELECT agents, incidents_open FROM organizations_daily WHERE organization_id = 1";
    assert_eq!(shown(&store, sql).await, ["- 2"]);
}
