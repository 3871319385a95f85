//! A small store that stays the same, and large ones by chance with a seed.

use huntctl::database::{Dialect, Value};
use huntctl::store::Store;
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};
use serde_json::value::to_raw_value;
use serde_json::{Value as Json, json};

use super::site::now;

pub async fn write(store: &Store, account: i64, table: &str, records: &[Json]) {
    let table = store.table(table).unwrap();
    let records: Vec<_> = records
        .iter()
        .map(|record| to_raw_value(record).unwrap())
        .collect();
    let mut tx = store.database().begin().await.unwrap();
    let written = store.write(&mut tx, table, account, &records, now()).await;
    written.unwrap();
    tx.commit().await.unwrap();
}

pub async fn say(store: &Store, sql: &str, values: &[Value]) {
    let done = store.database().execute(sql, values).await;
    done.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

pub async fn count(store: &Store, account: i64, day: Date) {
    let mut tx = store.database().begin().await.unwrap();
    store.count_day(&mut tx, account, day).await.unwrap();
    tx.commit().await.unwrap();
}

pub fn today() -> Date {
    "2025-06-15".parse().unwrap()
}

fn ago(hours: i64) -> String {
    (now() - hours.hours()).to_string()
}

/// Two accounts with four organizations.
pub async fn small(store: &Store) {
    let accounts = [
        json!({"id": 1, "name": "North MSP"}),
        json!({"id": 2, "name": "South MSP"}),
    ];
    write(store, 1, "accounts", &accounts).await;
    let organization = |id: i64, name: &str, learners: i64| json!({"id": id, "name": name, "sat_learner_count": learners});
    let of_1 = [
        organization(1, "Acme & Sons", 12),
        organization(2, "Birch <Labs>", 0),
        organization(3, "cedar", 40),
    ];
    write(store, 1, "organizations", &of_1).await;
    write(store, 2, "organizations", &[organization(4, "Dune", 3)]).await;
    agents(store).await;
    identities(store).await;
    incidents(store).await;
    let report = json!({"id": 1, "organization_id": 1, "period": "2025-05-01..2025-05-31",
        "type": "monthly_summary", "url": "https://north.huntress.io/reports/1"});
    write(store, 1, "summary_reports", &[report]).await;
    days(store).await;
    pulls(store).await;
}

async fn agents(store: &Store) {
    let agent = |id: i64, organization: i64, called: i64, version: i64, firewall: &str| {
        json!({"id": id, "hostname": format!("HOST-{id:02}"), "organization_id": organization,
            "platform": "windows", "version": format!("0.14.{version}"), "version_number": version,
            "firewall_status": firewall, "defender_status": "Healthy", "os": "Windows 11",
            "last_callback_at": ago(called), "created_at": "2025-01-01T00:00:00Z"})
    };
    let of_1 = [
        agent(1, 1, 1, 8, "Enabled"),
        agent(2, 1, 24 * 20, 8, "Enabled"),
        agent(3, 1, 2, 7, "Isolated"),
        agent(4, 2, 24 * 13, 8, "Isolated"),
        agent(5, 2, 24 * 15, 6, "Pending Release"),
        json!({"id": 6, "organization_id": 3, "hostname": "mac-06", "platform": "darwin"}),
    ];
    write(store, 1, "agents", &of_1).await;
    write(store, 2, "agents", &[agent(7, 4, 3, 7, "Enabled")]).await;
}

async fn identities(store: &Store) {
    let identity = |id: i64, organization: i64, enabled: bool, mfa: Json, risk: &str| {
        json!({"id": id, "organization": {"id": organization, "name": "x"}, "enabled": enabled,
            "username": format!("user{id}"), "email": format!("user{id}@example.com"),
            "mfa_enabled": mfa, "risk_level": risk})
    };
    let of_1 = [
        identity(1, 1, true, json!(true), "none"),
        identity(2, 1, true, json!(false), "none"),
        identity(3, 1, true, json!(null), "high"),
        identity(4, 1, false, json!(false), "high"),
        identity(5, 2, true, json!(true), "medium"),
    ];
    write(store, 1, "identities", &of_1).await;
    write(
        store,
        2,
        "identities",
        &[identity(6, 4, true, json!(true), "high")],
    )
    .await;
}

async fn incidents(store: &Store) {
    let incident = |id: i64, organization: i64, severity: &str, status: &str, sent: i64| {
        json!({"id": id, "organization_id": organization, "severity": severity, "status": status,
            "subject": format!("Incident {id} on HOST-01"), "platform": "windows", "agent_id": 1,
            "sent_at": ago(sent), "updated_at": ago(sent),
            "closed_at": if status == "closed" { json!(ago(sent - 30)) } else { json!(null) }})
    };
    let mut first = incident(1, 1, "critical", "sent", 5);
    first["summary"] = json!("A foothold was found.");
    first["body"] = json!("Line one\r\nLine two <b>bold</b>");
    first["indicator_counts"] = json!({"footholds": 2});
    first["remediations"] = json!([
        {"id": 1, "type": "assisted", "action": "Remove the foothold", "status": "unapproved",
            "parameters": [{"name": "Path", "description": "C:\\x.exe"}]},
        {"id": 2, "type": "manual", "action": "Change the password", "status": "completed",
            "approved_at": ago(3), "completed_at": ago(2), "approved_by": {"id": 9, "name": "Sam"}}]);
    let of_1 = [
        first,
        incident(2, 1, "low", "auto_remediating", 100),
        incident(3, 1, "high", "closed", 24 * 60),
        incident(4, 2, "critical", "sent", 24 * 3),
        incident(5, 2, "critical", "dismissed", 24 * 40),
        incident(6, 1, "low", "closed", 24 * 90),
    ];
    write(store, 1, "incident_reports", &of_1).await;
    write(
        store,
        2,
        "incident_reports",
        &[incident(7, 4, "high", "sent", 48)],
    )
    .await;
}

/// Counts of forty days, which change a little.
async fn days(store: &Store) {
    for account in [1, 2] {
        count(store, account, today()).await;
    }
    for back in 1..40_i64 {
        let day = today().saturating_sub(back.days()).to_string();
        for (table, key) in [
            ("accounts_daily", "account_id"),
            ("organizations_daily", "account_id, organization_id"),
        ] {
            let counts = "agents, agents_stale, agents_isolated, agents_outdated, incidents_open, \
                          incidents_open_critical, identities, identities_at_risk, learners";
            let changed = counts.replace("incidents_open,", "incidents_open + ?2,");
            let day_of = match store.database().dialect() {
                Dialect::Sqlite => "?1",
                Dialect::Postgres => "CAST(?1 AS date)",
            };
            let sql = format!(
                "INSERT INTO {table} ({key}, day, {counts}) SELECT {key}, {day_of}, {changed} \
                 FROM {table} WHERE day = ?3"
            );
            let values = [
                day.clone().into(),
                (back % 5).into(),
                today().to_string().into(),
            ];
            say(store, &sql, &values).await;
        }
    }
}

/// Hourly pulls, all complete.
async fn pulls(store: &Store) {
    // It makes the tables.
    huntctl::status::read(store).await.unwrap();
    for account in [1, 2] {
        pulled(store, account, now() - (5 * account).minutes(), "complete").await;
    }
}

/// Pulls of every hour, of which the last ended then.
pub async fn pulled(store: &Store, account: i64, ended: Timestamp, outcome: &str) {
    for sql in [
        "DELETE FROM pulls WHERE account_id = ?1",
        "DELETE FROM pull_accounts WHERE account_id = ?1",
    ] {
        say(store, sql, &[account.into()]).await;
    }
    let sql = "INSERT INTO pull_accounts (account_id, source, managed, run) VALUES (?1, ?2, ?3, 5)";
    say(store, sql, &[account.into(), "main".into(), false.into()]).await;
    for run in 1..=5_i64 {
        let ended = ended - (5 - run).hours();
        let outcome = if run == 5 { outcome } else { "complete" };
        let sql = "INSERT INTO pulls (account_id, run, source, worker, began_at, ended_at, outcome)
            VALUES (?1, ?2, 'main', 'w', ?3, ?4, ?5)";
        let began = ended - 1.minutes();
        let values = [
            account.into(),
            run.into(),
            began.into(),
            ended.into(),
            outcome.into(),
        ];
        say(store, sql, &values).await;
    }
}

/// Records of one organization by chance, and some of another one.
pub async fn many(store: &Store, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    write(
        store,
        1,
        "organizations",
        &[
            json!({"id": 1, "name": "One"}),
            json!({"id": 2, "name": "Two"}),
        ],
    )
    .await;
    let mut agents = Vec::new();
    let mut identities = Vec::new();
    let mut incidents = Vec::new();
    for id in 1..=170_i64 {
        let organization = if random.u8(..10) == 0 { 2 } else { 1 };
        let sometimes = |random: &mut fastrand::Rng, value: Json| {
            if random.u8(..6) == 0 {
                json!(null)
            } else {
                value
            }
        };
        let name = format!("host{:03}", random.u16(..400));
        agents.push(json!({"id": id, "organization_id": organization,
            "hostname": sometimes(&mut random, json!(name)), "platform": random.choice(["windows", "linux", "darwin"]),
            "version_number": random.i64(1..5), "version": "v",
            "firewall_status": random.choice(["Enabled", "Isolated", "Pending Release", "Disabled"]),
            "last_callback_at": ago(random.i64(0..24 * 40)), "created_at": "2025-01-01T00:00:00Z"}));
        identities.push(json!({"id": id, "organization": {"id": organization},
            "username": format!("user{:03}", random.u16(..400)), "email": format!("e{}@x.example", random.u16(..50)),
            "enabled": random.bool(), "mfa_enabled": random.choice([json!(true), json!(false), json!(null)]),
            "risk_level": random.choice(["none", "low", "medium", "high"])}));
        incidents.push(json!({"id": id, "organization_id": organization,
            "subject": format!("subject {:03} 100% _", random.u16(..400)),
            "severity": random.choice(["low", "high", "critical"]),
            "status": random.choice(["sent", "auto_remediating", "closed"]), "platform": "windows",
            "sent_at": ago(random.i64(0..24 * 100))}));
    }
    write(store, 1, "agents", &agents).await;
    write(store, 1, "identities", &identities).await;
    write(store, 1, "incident_reports", &incidents).await;
    count(store, 1, today()).await;
}
