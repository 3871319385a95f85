//! What the tests of forwarding have in common: records in states, sinks, and a look at what
//! has arrived.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use huntctl::database::Transaction;
use huntctl::failure::Failure;
use huntctl::forward::{
    self, AccountRef, Happened, Kind, Mapping, Observer, Options, SinkReport, SinkSettings, Start,
    Told,
};
use huntctl::stop::{Stop, Stopper};
use huntctl::store::Store;
use huntctl::transport::{Delivered, Settings};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::watch;

pub use crate::databases::Place;

pub const ACCOUNT: i64 = 1;

pub fn second(second: i64) -> Timestamp {
    Timestamp::from_second(1_780_000_000 + second).unwrap()
}

/// Texts of attackers, which must stay within their field.
pub const HOSTILE: [&str; 4] = [
    "two\nlines\r\nand \u{0}\u{1b}[31m",
    "<14>1 - - - | = ] \" \\ {{id}} %s ${jndi:x}",
    "Zoë \u{202e}\u{feff}\u{2028}日本 🦀",
    "\n{\"create\":{}}\n\u{0}",
];

/// A state of an incident.
pub fn incident(id: i64, version: i64) -> Value {
    let text = HOSTILE[usize::try_from(id).unwrap() % HOSTILE.len()];
    json!({
        "id": id, "account_id": ACCOUNT, "organization_id": 7, "agent_id": null,
        "subject": format!("{id} {text}"), "body": format!("version {version}"),
        "summary": text, "severity": "high", "status": "sent",
        "updated_at": second(version).to_string(),
    })
}

/// Writes records within a transaction.
pub async fn write(
    store: &Store,
    tx: &mut Transaction,
    kind: Kind,
    records: &[Value],
    seen_at: Timestamp,
) {
    let records: Vec<_> = records
        .iter()
        .map(|record| serde_json::value::to_raw_value(record).unwrap())
        .collect();
    let table = store.table(kind.list()).unwrap();
    store
        .write(tx, table, ACCOUNT, &records, seen_at)
        .await
        .unwrap();
}

/// Writes records in a transaction of their own.
pub async fn put(store: &Store, kind: Kind, records: &[Value]) {
    let mut tx = store.database().begin().await.unwrap();
    write(store, &mut tx, kind, records, Timestamp::now()).await;
    tx.commit().await.unwrap();
}

/// States that were written, by the ids of their events.
#[derive(Default)]
pub struct Written {
    states: HashMap<String, (i64, i64)>,
    /// The last version of each record.
    pub last: BTreeMap<i64, i64>,
}

impl Written {
    /// Notes a state of an incident, and returns it.
    pub fn incident(&mut self, id: i64, version: i64) -> Value {
        let record = incident(id, version);
        self.states.insert(event_id(&record), (id, version));
        let last = self.last.entry(id).or_default();
        *last = version.max(*last);
        record
    }

    /// What a receiver has.
    pub fn count(&self, taken: &[String]) -> Count {
        let mut seen = HashSet::new();
        let mut states: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        let mut mine = 0;
        for id in taken {
            let Some((record, version)) = self.states.get(id) else {
                continue;
            };
            mine += 1;
            if seen.insert(id) {
                states.entry(*record).or_default().push(*version);
            }
        }
        let lost = self.last.iter().filter(|(record, version)| {
            let last = states.get(record).and_then(|states| states.iter().max());
            last != Some(version)
        });
        Count {
            lost: lost.count(),
            repeated: mine - seen.len(),
            disordered: states.into_iter().find(|(_, states)| !states.is_sorted()),
        }
    }

    /// The lost and the repeated of a receiver, once the order is seen to be right.
    #[track_caller]
    pub fn compare(&self, place: &str, taken: &[String]) -> (usize, usize) {
        let count = self.count(taken);
        assert_eq!(count.disordered, None, "{place}");
        (count.lost, count.repeated)
    }
}

/// What a receiver has of what was written.
pub struct Count {
    /// Records whose last state is missing.
    pub lost: usize,
    /// Events that came more than once.
    pub repeated: usize,
    /// A record, and its states as they came first, where that was not their order.
    pub disordered: Option<(i64, Vec<i64>)>,
}

/// The id of the event that tells a state of an incident.
pub fn event_id(record: &Value) -> String {
    // As it is stored: no database keeps a NUL.
    let stored = record.to_string().replace("\\u0000", "\\ufffd");
    let stored: Value = serde_json::from_str(&stored).unwrap();
    let account = AccountRef {
        id: ACCOUNT,
        name: None,
        subdomain: None,
    };
    let id = record["id"].as_i64().unwrap();
    Told::new(Kind::Incident, id, &stored, account, second(0)).stable_id()
}

/// A sink of incidents that is told all.
pub fn sink(name: &str, transport: Settings) -> SinkSettings {
    SinkSettings {
        kinds: vec![Kind::Incident],
        start: Start::All,
        ..SinkSettings::new(name, Mapping::Raw, transport)
    }
}

/// A file that a sink writes to.
pub struct Lines {
    folder: tempfile::TempDir,
}

impl Lines {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder }
    }

    pub fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("events.json")
    }

    pub fn settings(&self) -> Settings {
        let path = self.path().display().to_string();
        toml::from_str(&format!(
            "transport = 'file'\npath = '{path}'\nfsync = 'never'"
        ))
        .unwrap()
    }

    pub fn read(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.path()).unwrap_or_default();
        // A line may be under way.
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    pub fn ids(&self) -> Vec<String> {
        let id = |line: &Value| line["huntress_event_id"].as_str().unwrap().to_owned();
        self.read().iter().map(id).collect()
    }
}

/// What was told while it ran.
#[derive(Clone, Default)]
pub struct Hearing(Arc<Mutex<Vec<String>>>, Arc<Mutex<bool>>);

impl Hearing {
    pub fn observer(&self) -> Observer {
        let (said, handed_over) = (Arc::clone(&self.0), Arc::clone(&self.1));
        Arc::new(move |happened| {
            said.lock().unwrap().push(format!("{happened:?}"));
            if let Happened::Sent {
                delivered: Delivered::HandedOver,
                ..
            } = happened
            {
                *handed_over.lock().unwrap() = true;
            }
        })
    }

    pub fn said(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    pub fn handed_over(&self) -> bool {
        *self.1.lock().unwrap()
    }
}

/// Short times, for tests.
pub fn options() -> Options {
    Options {
        pause: Duration::from_millis(10),
        lease: Duration::from_millis(600),
        ..Options::default()
    }
}

/// Runs sinks once, with what is told of it.
pub async fn run_telling(
    store: &Store,
    sinks: Vec<SinkSettings>,
    options: Options,
    told: &Hearing,
) -> Result<Vec<SinkReport>, Failure> {
    let (_nobody, wake) = watch::channel(0);
    let (_stopper, stop) = Stop::by_hand();
    forward::run(store.clone(), sinks, options, told.observer(), wake, stop).await
}

/// Runs one sink once.
pub async fn run(store: &Store, sink: &SinkSettings, options: Options) -> SinkReport {
    let told = Hearing::default();
    let reports = run_telling(store, vec![sink.clone()], options, &told).await;
    reports.unwrap().remove(0)
}

/// Runs one sink once, and nothing goes wrong.
#[track_caller]
pub fn sound(report: SinkReport) -> SinkReport {
    assert!(report.failure.is_none(), "{report:?}");
    report
}

/// Sinks that are followed until this is ended.
pub struct Following {
    pub wake: watch::Sender<u64>,
    stopper: Stopper,
    task: tokio::task::JoinHandle<Result<Vec<SinkReport>, Failure>>,
}

impl Following {
    pub fn begin(store: &Store, sinks: Vec<SinkSettings>, options: Options) -> Self {
        Self::telling(store, sinks, options, &Hearing::default())
    }

    pub fn telling(
        store: &Store,
        sinks: Vec<SinkSettings>,
        options: Options,
        told: &Hearing,
    ) -> Self {
        let (wake, woken) = watch::channel(0);
        let (stopper, stop) = Stop::by_hand();
        let observer = told.observer();
        let store = store.clone();
        let task = tokio::spawn(forward::run(store, sinks, options, observer, woken, stop));
        Self {
            wake,
            stopper,
            task,
        }
    }

    pub async fn end(self) -> Vec<SinkReport> {
        self.stopper.stop(huntctl::stop::Signal::Terminate);
        self.task.await.unwrap().unwrap()
    }
}

/// Waits until this holds.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let patience = tokio::time::Instant::now() + Duration::from_secs(60);
    while !holds().await {
        assert!(tokio::time::Instant::now() < patience, "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A forwarder in a process of its own, which can be killed.
#[derive(serde::Serialize, serde::Deserialize)]
pub struct Spec {
    pub store: String,
    /// Name and transport of each sink.
    pub sinks: Vec<(String, String)>,
    pub lease_ms: u64,
}

/// The variable that has the [`Spec`].
const SPEC: &str = "HUNTCTL_TEST_FORWARD";

impl Spec {
    pub fn settings(&self) -> Vec<SinkSettings> {
        let sinks = self.sinks.iter();
        sinks
            .map(|(name, transport)| sink(name, toml::from_str(transport).unwrap()))
            .collect()
    }

    pub fn options(&self) -> Options {
        Options {
            lease: Duration::from_millis(self.lease_ms),
            ..options()
        }
    }

    /// Starts it: a second run of this test program, in which [`child`] does the work.
    pub fn start(&self) -> std::process::Child {
        std::process::Command::new(std::env::current_exe().unwrap())
            .args([
                "the_process_of_a_forwarder",
                "--exact",
                "--ignored",
                "--nocapture",
            ])
            .env(SPEC, serde_json::to_string(self).unwrap())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap()
    }
}

/// The work of such a process; does nothing where somebody else runs the ignored tests.
pub fn child() {
    let Ok(spec) = std::env::var(SPEC) else {
        return;
    };
    let spec: Spec = serde_json::from_str(&spec).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let store = Store::open(&spec.store).await.unwrap();
        let options = Options {
            follow: Some(Duration::from_millis(5)),
            ..spec.options()
        };
        let told = Hearing::default();
        let _ = run_telling(&store, spec.settings(), options, &told).await;
    });
}
