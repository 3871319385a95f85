//! What the store costs beside plain inserts of the same rows by the same driver, page by page
//! in turns, so that whatever else the machine does hits both alike.
//!
//! `cargo bench -p huntctl --bench store` measures pages of 500 agents with SQLite;
//! `cargo bench -p huntctl --bench store -- long 1000000 sqlite:FOLDER` (or `postgres://…`, in
//! which it makes schemas of its own) writes that many agents and prints rows a second and the
//! peak of the resident memory.

use std::time::{Duration, Instant};

use criterion::Criterion;
use huntctl::database::{Database, Value};
use huntctl::store::{Store, Table};
use huntress::http::Method;
use huntress::{Client, Credentials};
use huntress_simulator::Simulator;
use jiff::Timestamp;
use serde_json::value::RawValue;
use tokio::runtime::Runtime;

const PAGE: i64 = 500;
const ACCOUNT: i64 = 1;

fn main() {
    let arguments: Vec<_> = std::env::args().collect();
    let runtime = Runtime::new().unwrap();
    if let Some(at) = arguments.iter().position(|argument| argument == "long") {
        let rows = arguments[at + 1].parse().unwrap();
        runtime.block_on(long(rows, &arguments[at + 2]));
        return;
    }
    let mut criterion = Criterion::default().configure_from_args();
    pages(&mut criterion, &runtime);
    criterion.final_summary();
}

/// A page after the other into a store, and into the same table by plain inserts.
struct Bench {
    agents: Agents,
    ours: Store,
    plain: Store,
    next: i64,
}

/// A page of agents as the API sends it, and as rows.
struct Agents {
    /// What stands before and behind the id.
    json: Vec<(String, String)>,
    rows: Vec<Vec<Value>>,
    insert: String,
}

impl Bench {
    async fn new(urls: [&str; 2]) -> Self {
        let [ours, plain] = urls.map(Store::open);
        let (ours, plain) = (ours.await.unwrap(), plain.await.unwrap());
        let agents = Agents::new(&plain).await;
        Self {
            agents,
            ours,
            plain,
            next: 0,
        }
    }

    async fn ours(&self, seen_at: Timestamp) -> Duration {
        let page = self.agents.page(self.next);
        let table = self.ours.table("agents").unwrap();
        let start = Instant::now();
        let mut tx = self.ours.database().begin().await.unwrap();
        let written = self
            .ours
            .write(&mut tx, table, ACCOUNT, &page, seen_at)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        assert_eq!(written.new + written.unchanged, PAGE as u64);
        start.elapsed()
    }

    async fn plain(&self) -> Duration {
        let rows = self.agents.rows(self.next);
        let start = Instant::now();
        let mut tx = self.plain.database().begin().await.unwrap();
        tx.execute_many(&self.agents.insert, rows).await.unwrap();
        tx.commit().await.unwrap();
        start.elapsed()
    }
}

impl Agents {
    async fn new(store: &Store) -> Self {
        let simulator = Simulator::builder()
            .agents(PAGE as usize)
            .start()
            .await
            .unwrap();
        let key = simulator.credentials();
        let client = Client::builder()
            .base_url(simulator.base_url())
            .credentials(Credentials::new(&key.key, &key.secret))
            .build()
            .unwrap();
        let list = client.request(Method::GET, "/v1/agents").list("agents");
        let page = list.send_as::<Box<RawValue>>().await.unwrap();
        assert_eq!(page.items.len(), PAGE as usize);
        let table = store.table("agents").unwrap();
        let insert = insert(table);
        Self {
            json: page
                .items
                .iter()
                .map(|agent| around_id(agent.get()))
                .collect(),
            rows: rows(store, table, &page.items).await,
            insert,
        }
    }

    fn page(&self, first: i64) -> Vec<Box<RawValue>> {
        let pages = self.json.iter().zip(first..);
        pages
            .map(|((before, behind), id)| format!("{before}{id}{behind}"))
            .map(|record| RawValue::from_string(record).unwrap())
            .collect()
    }

    fn rows(&self, first: i64) -> Vec<Vec<Value>> {
        let rows = self.rows.iter().zip(&self.json).zip(first..);
        rows.map(|((row, (before, behind)), id)| {
            let mut row = row.clone();
            row[1] = id.into();
            if let Some(record) = row.last_mut() {
                *record = Value::Json(format!("{before}{id}{behind}"));
            }
            row
        })
        .collect()
    }
}

fn around_id(json: &str) -> (String, String) {
    let (before, rest) = json.split_once("\"id\":").unwrap();
    let digits = rest
        .trim_start()
        .bytes()
        .take_while(u8::is_ascii_digit)
        .count();
    (
        format!("{before}\"id\":"),
        rest.trim_start()[digits..].to_owned(),
    )
}

fn names(table: &Table) -> Vec<String> {
    let ours = [
        "account_id",
        "id",
        "first_seen_at",
        "last_seen_at",
        "changed_at",
        "record_digest",
    ];
    let ours = ours.map(str::to_owned).into_iter();
    let columns = table
        .columns
        .iter()
        .map(|column| format!("\"{}\"", column.name));
    ours.chain(columns).chain(["record".to_owned()]).collect()
}

fn insert(table: &Table) -> String {
    let names = names(table);
    let values: Vec<_> = (1..=names.len()).map(|at| format!("?{at}")).collect();
    format!(
        "INSERT INTO agents ({}) VALUES ({})",
        names.join(", "),
        values.join(", ")
    )
}

/// The values that the store makes of a page.
async fn rows(store: &Store, table: &Table, page: &[Box<RawValue>]) -> Vec<Vec<Value>> {
    let mut tx = store.database().begin().await.unwrap();
    store
        .write(&mut tx, table, ACCOUNT, page, Timestamp::now())
        .await
        .unwrap();
    let select = format!("SELECT {} FROM agents ORDER BY id", names(table).join(", "));
    let rows = tx.query(&select, &[]).await.unwrap();
    // Nothing of it stays: the transaction is dropped.
    rows.iter().map(|row| row.values().to_vec()).collect()
}

fn pages(criterion: &mut Criterion, runtime: &Runtime) {
    let folder = tempfile::tempdir().unwrap();
    let url = |name: &str| format!("sqlite:{}", folder.path().join(name).display());
    let mut bench = runtime.block_on(Bench::new([&url("ours.db"), &url("plain.db")]));
    let mut group = criterion.benchmark_group("a page of 500 agents");
    group.sample_size(20);
    let seen_at = Timestamp::now();
    group.bench_function("plain inserts", |bencher| {
        bencher.iter_custom(|times| {
            let once = |_| {
                bench.next += PAGE;
                runtime.block_on(bench.plain())
            };
            (0..times).map(once).sum()
        });
    });
    group.bench_function("new", |bencher| {
        bencher.iter_custom(|times| {
            let once = |_| {
                bench.next += PAGE;
                runtime.block_on(bench.ours(seen_at))
            };
            (0..times).map(once).sum()
        });
    });
    let mut moment = seen_at;
    group.bench_function("unchanged", |bencher| {
        bencher.iter_custom(|times| {
            let once = |_| {
                moment += Duration::from_secs(1);
                runtime.block_on(bench.ours(moment))
            };
            (0..times).map(once).sum()
        });
    });
    group.finish();
}

/// The URLs of empty databases: files of a folder, or schemas.
async fn empty(url: &str, names: [&str; 2]) -> [String; 2] {
    if let Some(folder) = url.strip_prefix("sqlite:") {
        return names.map(|name| {
            let path = std::path::Path::new(folder).join(format!("{name}.db"));
            for suffix in ["", "-wal", "-shm"] {
                let _ = std::fs::remove_file(format!("{}{suffix}", path.display()));
            }
            format!("sqlite:{}", path.display())
        });
    }
    let database = Database::open(url).await.unwrap();
    for name in names {
        for sql in [
            "DROP SCHEMA IF EXISTS bench_NAME CASCADE",
            "CREATE SCHEMA bench_NAME",
        ] {
            database
                .execute(&sql.replace("NAME", name), &[])
                .await
                .unwrap();
        }
    }
    let mark = if url.contains('?') { '&' } else { '?' };
    names.map(|name| format!("{url}{mark}options=-csearch_path%3Dbench_{name}"))
}

async fn long(rows: i64, url: &str) {
    println!("| pass | ours, rows/s | plain inserts, rows/s | ratio | peak resident memory |");
    println!("|---|--:|--:|--:|--:|");
    let [ours, plain] = empty(url, ["ours", "plain"]).await;
    let mut bench = Bench::new([&ours, &plain]).await;
    let mut seen_at = Timestamp::now();
    for pass in ["new", "unchanged"] {
        let (mut of_ours, mut of_plain) = (Duration::ZERO, Duration::ZERO);
        bench.next = 0;
        while bench.next < rows {
            of_ours += bench.ours(seen_at).await;
            of_plain += bench.plain().await;
            bench.next += PAGE;
        }
        #[expect(clippy::cast_precision_loss)]
        let rate = |took: Duration| rows as f64 / took.as_secs_f64();
        let (ours, plain) = (rate(of_ours), rate(of_plain));
        println!(
            "| {pass} | {ours:.0} | {plain:.0} | {:.2} | {} |",
            ours / plain,
            peak()
        );
        // The plain inserts begin anew.
        let [again, _] = empty(url, ["again", "unused"]).await;
        bench.plain = Store::open(&again).await.unwrap();
        seen_at += Duration::from_secs(3600);
    }
}

/// The most memory that this process has had, as Linux tells it.
fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or("?".to_owned(), |line| line.trim().to_owned())
}
