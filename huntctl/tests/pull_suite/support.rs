//! What the tests of pulls have in common: simulators, stores, and a look into both.

#![allow(dead_code, reason = "each test file uses some of it")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use huntctl::database::Value;
use huntctl::failure::Failure;
use huntctl::pull::{self, Event, ListOutcome, Observer, Options, Report, Source};
use huntctl::store::Store;
use huntress::http::Method;
use huntress::{Client, RateLimiter, RetryPolicy};
use huntress_simulator::{Simulator, SimulatorBuilder};
use serde_json::value::RawValue;
use tokio::sync::watch;

pub use crate::databases::Place;

/// A simulator of a small account.
pub fn small() -> SimulatorBuilder {
    let sizes = Simulator::builder()
        .organizations(3)
        .agents(30)
        .identities(8);
    sizes.incident_reports(12).signals(6).others(4).no_quota()
}

/// A client of these credentials, whose own limiter lets everything through.
pub fn client_with(base_url: &str, key: (&str, &str)) -> Client {
    Client::builder()
        .base_url(base_url)
        .credentials(key)
        .rate_limiter(RateLimiter::new(1_000_000, Duration::from_secs(1)))
        .retry(RetryPolicy::none())
        .build()
        .unwrap()
}

/// The key of one account.
pub fn source(simulator: &Simulator) -> Source {
    let key = simulator.account_credentials();
    Source {
        name: "acme".to_owned(),
        client: client_with(&simulator.base_url(), key.pair()),
        reseller: false,
    }
}

/// Says nothing.
pub fn silent() -> Observer {
    Arc::new(|_| {})
}

/// Collects what is told, as text.
pub fn recording() -> (Observer, Arc<Mutex<Vec<String>>>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let observer = {
        let told = Arc::clone(&told);
        Arc::new(move |event: &Event<'_>| told.lock().unwrap().push(format!("{event:?}")))
    };
    (observer, told)
}

/// Never stops.
pub fn on() -> watch::Receiver<bool> {
    watch::channel(false).1
}

/// Short times, for tests.
pub fn options() -> Options {
    Options {
        lease: Duration::from_millis(600),
        ..Options::default()
    }
}

/// Pulls once.
pub async fn pull(store: &Store, source: &Source, options: Options) -> Result<Report, Failure> {
    pull::run(store.clone(), vec![source.clone()], options, silent(), on()).await
}

/// Pulls once, and nothing goes wrong.
#[track_caller]
pub fn sound(report: Result<Report, Failure>) -> Report {
    let report = report.expect("the pull can begin");
    let told: Vec<_> = report.accounts.iter().map(ToString::to_string).collect();
    assert_eq!(report.exit(), None, "{told:#?}");
    report
}

/// The one number that a query answers.
pub async fn count(store: &Store, sql: &str) -> i64 {
    let rows = store.database().query(sql, &[]).await.unwrap();
    rows[0]
        .integer(0)
        .unwrap_or_else(|| panic!("no number: {sql}"))
}

/// The one text that a query answers.
pub async fn text(store: &Store, sql: &str) -> Option<String> {
    let rows = store.database().query(sql, &[]).await.unwrap();
    rows.first().and_then(|row| row.text(0)).map(str::to_owned)
}

/// All records of each list that this key can read, by table and id.
pub type Records = BTreeMap<String, BTreeMap<i64, serde_json::Value>>;

/// What the API says now, of the lists that have pages and stand for themselves.
pub async fn at_the_api(store: &Store, client: &Client, lists: impl Fn(&str) -> bool) -> Records {
    let mut all = Records::new();
    let tables = store.tables().iter();
    let paged = tables.filter(|table| table.list.paged && table.list.parent.is_none());
    for table in paged.filter(|table| lists(&table.name)) {
        let list = client
            .request(Method::GET, &table.list.path)
            .list(table.list.key.clone());
        let found = list
            .stream_as::<Box<RawValue>>()
            .collect_all()
            .await
            .unwrap();
        let records = found.items.iter().map(|record| record_of(record.get()));
        all.insert(table.name.clone(), records.collect());
    }
    all
}

/// What the store says is there.
pub async fn in_the_store(store: &Store, account_id: i64, tables: &Records) -> Records {
    let mut all = Records::new();
    for table in tables.keys() {
        let sql =
            format!("SELECT id, record FROM \"{table}\" WHERE account_id = ?1 AND gone_at IS NULL");
        let rows = store
            .database()
            .query(&sql, &[Value::from(account_id)])
            .await
            .unwrap();
        let count = rows.len();
        let records = rows.iter().map(|row| {
            let (id, record) = record_of(row.text(1).unwrap());
            assert_eq!(row.integer(0), Some(id));
            (id, record)
        });
        let records: BTreeMap<_, _> = records.collect();
        assert_eq!(records.len(), count, "{table}: no row twice");
        all.insert(table.clone(), records);
    }
    all
}

/// How many remediations the incidents say they have.
pub fn remediations(records: &Records) -> usize {
    let incidents = records["incident_reports"].values();
    let counts = incidents.filter_map(|one| one["remediations"]["total_count"].as_u64());
    counts.map(|count| usize::try_from(count).unwrap()).sum()
}

fn record_of(json: &str) -> (i64, serde_json::Value) {
    let record: serde_json::Value = serde_json::from_str(json).unwrap();
    (record["id"].as_i64().unwrap(), record)
}

/// Says where two sets of records differ, in few words.
#[track_caller]
pub fn assert_same(stored: &Records, expected: &Records) {
    for (table, expected) in expected {
        let stored = &stored[table];
        let missing: Vec<_> = expected
            .keys()
            .filter(|id| !stored.contains_key(id))
            .collect();
        let odd: Vec<_> = stored
            .keys()
            .filter(|id| !expected.contains_key(id))
            .collect();
        assert!(
            missing.is_empty() && odd.is_empty(),
            "{table}: lacks {missing:?}, has {odd:?}"
        );
        for (id, expected) in expected {
            assert_eq!(&stored[id], expected, "{table} {id}");
        }
    }
}

/// A pull in a process of its own, which can be killed.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Spec {
    pub store: String,
    /// Name, base URL, key and secret of each source.
    pub sources: Vec<[String; 4]>,
    pub full: bool,
    pub lease_ms: u64,
    pub every_ms: Option<u64>,
    pub reseller: bool,
}

/// The variable that has the [`Spec`].
const SPEC: &str = "HUNTCTL_TEST_PULL";

impl Spec {
    pub fn new(place: &Place, simulator: &Simulator) -> Self {
        let key = simulator.account_credentials();
        let [name, key, secret] = ["acme", &key.key, &key.secret].map(str::to_owned);
        Self {
            store: place.url.clone(),
            sources: vec![[name, simulator.base_url(), key, secret]],
            full: false,
            lease_ms: 300,
            every_ms: None,
            reseller: false,
        }
    }

    /// Starts it: a second run of this test program, in which [`child`] does the work.
    pub fn start(&self) -> std::process::Child {
        std::process::Command::new(std::env::current_exe().unwrap())
            .args([
                "the_process_of_a_pull",
                "--exact",
                "--ignored",
                "--nocapture",
            ])
            .env(SPEC, serde_json::to_string(self).unwrap())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap()
    }

    /// Runs it to its end.
    pub async fn complete(&self) {
        let mut child = self.start();
        let status = tokio::task::spawn_blocking(move || child.wait().unwrap());
        let status = status.await.unwrap();
        assert_eq!(status.code(), Some(0), "a pull of its own process");
    }
}

/// The work of such a process; does nothing where somebody else runs the ignored tests.
pub fn child() {
    let Ok(spec) = std::env::var(SPEC) else {
        return;
    };
    let spec: Spec = serde_json::from_str(&spec).unwrap();
    let sources = spec.sources.iter().map(|[name, url, key, secret]| Source {
        name: name.clone(),
        client: client_with(url, (key, secret)),
        reseller: spec.reseller,
    });
    let sources = sources.collect();
    let options = Options {
        full: spec.full,
        lease: Duration::from_millis(spec.lease_ms),
        every: spec.every_ms.map(Duration::from_millis),
        ..Options::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let status = runtime.block_on(async {
        let store = Store::open(&spec.store).await?;
        let report = pull::run(store, sources, options, silent(), on()).await?;
        for account in &report.accounts {
            if account.failures().next().is_some() {
                eprintln!("{account}");
            }
        }
        Ok::<_, Failure>(report.exit().map_or(0, |exit| exit as i32))
    });
    std::process::exit(status.unwrap_or_else(|failure| {
        eprintln!("{failure}");
        failure.exit() as i32
    }));
}

/// The outcome of a list, in a word.
pub fn outcome(report: &Report, table: &str) -> &'static str {
    let lists = &report.accounts[0].lists;
    let list = lists.iter().find(|list| list.table == table);
    match list.map(|list| &list.outcome) {
        None => "nothing",
        Some(ListOutcome::Full) => "full",
        Some(ListOutcome::Changes) => "changes",
        Some(ListOutcome::Refused(_)) => "refused",
        Some(ListOutcome::Failed(_)) => "failed",
        Some(ListOutcome::Stopped) => "stopped",
    }
}

/// Lists that a key of one account can read.
pub fn own(table: &str) -> bool {
    !["accounts", "reseller_invoices", "reseller_subscriptions"].contains(&table)
}

/// Waits until a query answers at least so many.
pub async fn until(store: &Store, sql: &str, least: i64) {
    huntctl::status::read(store).await.unwrap();
    let patience = tokio::time::Instant::now() + Duration::from_secs(60);
    while count(store, sql).await < least {
        assert!(
            tokio::time::Instant::now() < patience,
            "{sql} stays below {least}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
