//! How long the pages of the dashboard take over a large store: 10 accounts of 20 organizations,
//! 100,000 agents and as many identities, 20,000 incidents, 365 days. One organization has a fifth
//! of all agents, so lists within one organization are long, too.
//!
//! `cargo bench -p huntctl --bench dashboard` fills a file of SQLite and prints the milliseconds
//! of each page, measured on the server without a network; with `-- postgres://…` a schema of a
//! PostgreSQL of its own. `-- serve URL` serves the pages of a store that is there.

use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use http_body_util::BodyExt as _;
use huntctl::database::{Database, Dialect, Value};
use huntctl::store::Store;
use hyper::Request;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value as Json, json};

const ACCOUNTS: i64 = 10;
const ORGANIZATIONS: i64 = 200;
const AGENTS: i64 = 100_000;
const INCIDENTS: i64 = 20_000;
const DAYS: i64 = 365;
/// The agents of organization 1, which is the largest; as many identities.
const LARGEST: i64 = 20_000;

/// How often each page is asked for.
const TIMES: usize = 21;

const PAGES: [&str; 22] = [
    "/",
    "/?days=365",
    "/?sort=-outdated&page=3",
    "/?q=organization+1",
    "/?account=3&days=365",
    "/accounts",
    "/incidents",
    "/incidents?sort=organization&page=9",
    "/incidents?q=ransom",
    "/organizations/1/1",
    "/organizations/1/1?days=365",
    "/organizations/1/1/agents",
    "/organizations/1/1/agents?sort=-seen&page=200",
    "/organizations/1/1/agents?show=outdated&q=99",
    "/organizations/1/1/identities?show=at_risk&sort=-risk",
    "/organizations/1/1/incidents?sort=subject",
    "/organizations/2/2/agents?show=stale",
    "/incidents/1/1",
    "/agents/1/1",
    "/review/1/1",
    "/training",
    "/data",
];

#[tokio::main]
async fn main() {
    let arguments: Vec<_> = std::env::args()
        .skip(1)
        .filter(|it| it != "--bench")
        .collect();
    match &arguments[..] {
        [serve, url] if serve == "serve" => return serve_pages(url).await,
        [url] if url.starts_with("postgres") => measure(&schema(url).await).await,
        _ => {
            let folder = tempfile::tempdir().unwrap();
            measure(&format!(
                "sqlite:{}",
                folder.path().join("large.db").display()
            ))
            .await;
        }
    }
}

async fn serve_pages(url: &str) {
    let app = huntctl::dashboard::router(Store::open(url).await.unwrap());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("http://{}", listener.local_addr().unwrap());
    axum::serve(listener, app).await.unwrap();
}

async fn schema(url: &str) -> String {
    let database = Database::open(url).await.unwrap();
    for sql in [
        "DROP SCHEMA IF EXISTS bench_pages CASCADE",
        "CREATE SCHEMA bench_pages",
    ] {
        database.execute(sql, &[]).await.unwrap();
    }
    let mark = if url.contains('?') { '&' } else { '?' };
    format!("{url}{mark}options=-csearch_path%3Dbench_pages")
}

async fn measure(url: &str) {
    let store = Store::open(url).await.unwrap();
    let start = Instant::now();
    fill(&store).await;
    eprintln!("filled in {:.0} s", start.elapsed().as_secs_f64());
    let app = TowerToHyperService::new(huntctl::dashboard::router(store));
    println!("| page | median, ms | slowest, ms | kB |\n|---|--:|--:|--:|");
    for page in PAGES {
        let mut times = Vec::new();
        let mut size = 0;
        for _ in 0..TIMES {
            let (time, length) = get(&app, page).await;
            times.push(time);
            size = length;
        }
        times.sort_unstable();
        let ms = |time: Duration| time.as_secs_f64() * 1_000.0;
        println!(
            "| `{page}` | {:.1} | {:.1} | {} |",
            ms(times[TIMES / 2]),
            ms(times[TIMES - 1]),
            size / 1_000
        );
    }
}

async fn get(app: &TowerToHyperService<Router>, page: &str) -> (Duration, usize) {
    let request = Request::get(page).body(Body::empty()).unwrap();
    let start = Instant::now();
    let response = app.call(request).await.unwrap();
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let time = start.elapsed();
    assert!(
        status.is_success(),
        "{page}: {}",
        String::from_utf8_lossy(&body)
    );
    (time, body.len())
}

/// The account of an organization.
fn account(organization: i64) -> i64 {
    (organization - 1) % ACCOUNTS + 1
}

/// The organization of an agent or identity.
fn organization(id: i64) -> i64 {
    if id <= LARGEST {
        1
    } else {
        id % (ORGANIZATIONS - 1) + 2
    }
}

fn ago(minutes: i64) -> String {
    (Timestamp::now() - minutes.minutes()).to_string()
}

async fn fill(store: &Store) {
    let organizations = (1..=ORGANIZATIONS).map(|id| {
        let record = json!({"id": id, "name": format!("Organization {id} of the world"),
            "sat_learner_count": id * 3, "agents_count": 500});
        (account(id), record)
    });
    write(store, "organizations", organizations).await;
    write(store, "agents", (1..=AGENTS).map(agent)).await;
    write(store, "identities", (1..=AGENTS).map(identity)).await;
    write(store, "incident_reports", (1..=INCIDENTS).map(incident)).await;
    let mut tx = store.database().begin().await.unwrap();
    let today = today();
    for account in 1..=ACCOUNTS {
        store.count_day(&mut tx, account, today).await.unwrap();
    }
    for (table, organizations) in [("accounts_daily", false), ("organizations_daily", true)] {
        let key = if organizations {
            "account_id, organization_id"
        } else {
            "account_id"
        };
        let counts = "agents, agents_stale, agents_isolated, agents_outdated, incidents_open, \
                      incidents_open_critical, identities, identities_at_risk, learners";
        let day = match store.database().dialect() {
            Dialect::Sqlite => "?1",
            Dialect::Postgres => "CAST(?1 AS date)",
        };
        let sql = format!(
            "INSERT INTO {table} ({key}, day, {counts}) SELECT {key}, {day}, {counts} FROM {table} \
             WHERE day = ?2"
        );
        let days = (1..DAYS).map(|back| {
            let day = today.saturating_sub(back.days()).to_string();
            vec![Value::from(day), Value::from(today.to_string())]
        });
        tx.execute_many(&sql, days.collect()).await.unwrap();
    }
    tx.commit().await.unwrap();
    training(store).await;
    if store.database().dialect() == Dialect::Postgres {
        store.database().execute("ANALYZE", &[]).await.unwrap();
    }
}

fn one_of(words: &[&'static str], id: i64) -> &'static str {
    words[id as usize % words.len()]
}

fn today() -> Date {
    Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date()
}

async fn training(store: &Store) {
    let mut file = "organization,month,sent,compromised\n".to_owned();
    for back in 0..12_i64 {
        let month = today().first_of_month().saturating_sub(back.months());
        for id in 1..=ORGANIZATIONS {
            file.push_str(&format!("{id},{month},100,{}\n", id % 17));
        }
    }
    let import = huntctl::training::import(store, file.as_bytes(), None, Timestamp::now());
    import.await.unwrap();
}

fn agent(id: i64) -> (i64, Json) {
    let organization = organization(id);
    let record = json!({"id": id, "organization_id": organization,
        "hostname": format!("HOST-{:06}", id * 7_919 % 1_000_000), "platform": "windows",
        "version": format!("0.14.{}", id % 9), "version_number": 1400 + if id % 9 == 0 { 0 } else { 8 },
        "firewall_status": if id % 997 == 0 { "Isolated" } else { "Enabled" },
        "defender_status": "Healthy", "last_callback_at": ago(id * 13 % 30_000),
        "created_at": ago(500_000), "os": "Windows 11 Enterprise 23H2", "serial_number": format!("{id:032}"),
        "mac_addresses": ["00:00:5e:00:53:01", "00:00:5e:00:53:02"], "tags": ["a", "b"],
        "ipv4_address": "192.0.2.1", "external_ip": "198.51.100.7", "domain_name": "corp.example"});
    (account(organization), record)
}

fn identity(id: i64) -> (i64, Json) {
    let organization = organization(id);
    let record = json!({"id": id, "organization": {"id": organization, "name": "Organization"},
        "username": format!("user.{:06}", id * 7_919 % 1_000_000),
        "email": format!("user.{id}@example.com"), "enabled": id % 11 != 0,
        "mfa_enabled": id % 13 != 0, "risk_level": one_of(&["none", "low", "medium", "high"], id),
        "billable": true, "created_at": ago(500_000), "risk_detail": "none"});
    (account(organization), record)
}

fn incident(id: i64) -> (i64, Json) {
    let organization = if id <= 2_000 {
        1
    } else {
        id % (ORGANIZATIONS - 1) + 2
    };
    let open = id % 10 == 1;
    let record = json!({"id": id, "organization_id": organization, "agent_id": id,
        "subject": format!("{} - Incident on HOST-{id:06}", one_of(&["Ransomware", "Foothold", "Malware"], id)),
        "severity": one_of(&["low", "high", "critical"], id),
        "status": if open { "sent" } else { "closed" }, "platform": "windows",
        "sent_at": ago(id * 26 % 520_000), "closed_at": if open { Json::Null } else { json!(ago(id * 25 % 520_000)) },
        "summary": "What was found. ".repeat(20), "body": "What was found, and what to do. ".repeat(100),
        "indicator_counts": {"footholds": 1, "process_detections": 2}});
    (account(organization), record)
}

async fn write(store: &Store, table: &str, records: impl Iterator<Item = (i64, Json)>) {
    let table = store.table(table).unwrap();
    let mut of: Vec<Vec<Box<RawValue>>> = Vec::new();
    of.resize_with(ACCOUNTS as usize + 1, Vec::new);
    for (account, record) in records {
        of[account as usize].push(to_raw_value(&record).unwrap());
    }
    for (account, records) in of.iter().enumerate() {
        for page in records.chunks(500) {
            let mut tx = store.database().begin().await.unwrap();
            let written = store.write(&mut tx, table, account as i64, page, Timestamp::now());
            written.await.unwrap();
            tx.commit().await.unwrap();
        }
    }
}
