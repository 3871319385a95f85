//! What the tests of `receive` have in common: a receiver that runs, and what is sent to it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use huntctl::config::Source;
use huntctl::database::Value;
use huntctl::http::{Limits, Listener, serve};
use huntctl::metrics;
use huntctl::receive::{Options, Receiver, Told};
use huntctl::stop::{Signal, Stop, Stopper};
use huntctl::store::Store;
use huntress::http::{HeaderMap, Method};
use huntress::webhooks::{Verifier, sign};
use huntress::{Client, RateLimiter, RetryPolicy};
use huntress_simulator::{Simulator, SimulatorBuilder};
use jiff::Timestamp;
use serde_json::value::RawValue;
use tokio::task::JoinHandle;

pub use crate::databases::Place;

pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// A second endpoint's.
pub const OTHER_SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
/// A secret that nobody has told the receiver.
pub const NOBODYS: &str = "whsec_bm9ib2R5cyBzZWNyZXQsIDI0IGJ5dGVzIQ==";
const ANY: &str = "127.0.0.1:0";

/// A simulator of a small account.
pub fn small() -> SimulatorBuilder {
    let sizes = Simulator::builder()
        .organizations(2)
        .agents(10)
        .identities(4);
    sizes.incident_reports(12).signals(2).others(12).no_quota()
}

/// A source with a key, whose own limiter lets everything through.
pub fn source(simulator: &Simulator, name: &str, key: (&str, &str), reseller: bool) -> Source {
    let client = Client::builder()
        .base_url(simulator.base_url())
        .credentials(key)
        .rate_limiter(RateLimiter::new(1_000_000, Duration::from_secs(1)))
        .retry(RetryPolicy::none())
        .build()
        .unwrap();
    Source {
        name: name.to_owned(),
        client,
        reseller,
    }
}

/// The key of the first account.
pub fn own(simulator: &Simulator) -> Vec<Source> {
    let key = simulator.account_credentials().pair();
    vec![source(simulator, "own", key, false)]
}

/// Short times, for tests.
pub fn options() -> Options {
    Options {
        lease: Duration::from_millis(600),
        waits: [Duration::from_millis(50), Duration::from_millis(200)],
        ..Options::default()
    }
}

/// A receiver that runs.
pub struct Running {
    pub url: String,
    pub monitor: String,
    pub told: Arc<Mutex<Vec<Told>>>,
    pub receiver: Receiver,
    client: reqwest::Client,
    stopper: Stopper,
    tasks: Vec<JoinHandle<()>>,
}

impl Running {
    pub async fn start(store: &Store, sources: Vec<Source>) -> Self {
        Self::with(store, sources, options(), Limits::default()).await
    }

    pub async fn with(
        store: &Store,
        sources: Vec<Source>,
        options: Options,
        limits: Limits,
    ) -> Self {
        let told = Arc::new(Mutex::new(Vec::new()));
        let observer = {
            let told = Arc::clone(&told);
            Arc::new(move |one: &Told| told.lock().unwrap().push(one.clone()))
        };
        let verifier = Verifier::new([OTHER_SECRET, SECRET]).unwrap();
        let mut registry = metrics::registry();
        let store = store.clone();
        let receiver = Receiver::new(store, sources, verifier, options, observer, &mut registry);
        let receiver = receiver.await.unwrap();
        let any: SocketAddr = ANY.parse().unwrap();
        let listener = Listener::bind(any, None).await.unwrap();
        let monitor = Listener::bind(any, None).await.unwrap();
        let (url, at) = (format!("{}/webhooks", listener.url()), monitor.url());
        let (stopper, stop) = Stop::by_hand();
        let worker = {
            let (receiver, stop) = (receiver.clone(), stop.clone());
            async move { receiver.work(stop).await }
        };
        let sinks = huntctl::forward::Measures::new(&mut registry);
        let app = receiver.monitor(registry, Some(sinks));
        let tasks = vec![
            tokio::spawn(serve(listener, receiver.endpoint(), limits, stop.clone())),
            tokio::spawn(serve(monitor, app, Limits::default(), stop)),
            tokio::spawn(worker),
        ];
        Self {
            url,
            monitor: at,
            told,
            receiver,
            client: client(),
            stopper,
            tasks,
        }
    }

    /// Sends a delivery that is rightly signed; returns the status.
    pub async fn deliver(&self, id: &str, body: impl AsRef<[u8]>) -> u16 {
        deliver_by(&self.client, &self.url, id, body.as_ref()).await
    }

    /// What came of an event, once all of it is done.
    pub async fn done(&self, id: &str) -> Told {
        self.done_of(&[id]).await.remove(0)
    }

    pub async fn done_of(&self, ids: &[&str]) -> Vec<Told> {
        let patience = Instant::now() + Duration::from_secs(60);
        loop {
            let told = self.told.lock().unwrap().clone();
            let found = ids
                .iter()
                .map(|id| told.iter().find(|one| one.delivery_id == **id));
            if let Some(found) = found.collect::<Option<Vec<_>>>() {
                return found.into_iter().cloned().collect();
            }
            assert!(Instant::now() < patience, "{ids:?} are not done: {told:#?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// What a monitor sees: the status, and the text.
    pub async fn monitor(&self, path: &str) -> (u16, String) {
        let request = self.client.get(format!("{}{path}", self.monitor));
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// A number among the metrics.
    pub async fn measured(&self, name: &str) -> f64 {
        let (_, text) = self.monitor("/metrics").await;
        let mut lines = text.lines();
        let found = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let found = found.unwrap_or_else(|| panic!("{name} is not in\n{text}"));
        found.parse().unwrap()
    }

    /// Ends it as SIGTERM does.
    pub async fn stop(self) {
        self.stopper.stop(Signal::Terminate);
        for task in self.tasks {
            task.await.unwrap();
        }
    }

    /// Ends it as SIGKILL does.
    pub async fn kill(self) {
        for task in self.tasks {
            task.abort();
            let _ = task.await;
        }
    }
}

/// The headers that sign a body now.
pub fn signed(secret: &str, id: &str, body: &[u8]) -> HeaderMap {
    sign(secret, id, Timestamp::now(), body).unwrap()
}

/// A client of HTTP.
pub fn client() -> reqwest::Client {
    // Another test of this process may have installed it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

pub async fn deliver(url: &str, id: &str, body: &[u8]) -> u16 {
    deliver_by(&client(), url, id, body).await
}

/// The same by a client, many of which take their time to be made.
pub async fn deliver_by(client: &reqwest::Client, url: &str, id: &str, body: &[u8]) -> u16 {
    let request = client.post(url);
    let request = request.headers(signed(SECRET, id, body));
    let response = request.body(body.to_vec()).send().await.unwrap();
    response.status().as_u16()
}

/// The event that a body tells of an incident report.
pub fn incident(id: i64, event: &str) -> String {
    let payload = serde_json::json!({
        "event_type": format!("incident_report.{event}"),
        "id": id,
        "account": {"id": 1, "name": "Made up"},
        "organization": {"id": null, "name": null},
        "api_url": "http://127.0.0.1:9/v1/incident_reports/1",
        "body": "a payload must never be a row",
        "subject": "a payload must never be a row",
        "created_at": "2026-06-01T12:00:00Z",
        "updated_at": "2099-06-01T12:00:00Z",
    });
    payload.to_string()
}

/// The ids of the incident reports that an account has.
pub async fn incidents(source: &Source) -> Vec<i64> {
    let list = source.client.request(Method::GET, "/v1/incident_reports");
    let found = list
        .list("incident_reports")
        .stream_as::<serde_json::Value>();
    let found = found.collect_all().await.unwrap();
    let ids = found.items.iter().map(|one| one["id"].as_i64().unwrap());
    ids.collect()
}

/// The one number that a query answers.
pub async fn count(store: &Store, sql: &str) -> i64 {
    let rows = store.database().query(sql, &[]).await.unwrap();
    let number = rows.first().and_then(|row| row.integer(0));
    number.unwrap_or_else(|| panic!("no number: {sql}"))
}

/// The record of a row.
pub async fn row(store: &Store, table: &str, account: i64, id: i64) -> Option<serde_json::Value> {
    let sql = format!("SELECT record FROM \"{table}\" WHERE account_id = ?1 AND id = ?2");
    let values = [Value::from(account), Value::from(id)];
    let rows = store.database().query(&sql, &values).await.unwrap();
    assert!(rows.len() < 2, "{table} {id} has {} rows", rows.len());
    let record = rows.first()?.text(0)?;
    Some(serde_json::from_str(record).unwrap())
}

/// The same record as the API says it now.
pub async fn at_the_api(source: &Source, table: &str, id: i64) -> serde_json::Value {
    let path = format!("/v1/{table}/{id}");
    let request = source.client.request(Method::GET, path);
    let envelope: std::collections::BTreeMap<String, Box<RawValue>> =
        request.send_as().await.unwrap();
    let record = envelope.values().next().unwrap();
    serde_json::from_str(record.get()).unwrap()
}
