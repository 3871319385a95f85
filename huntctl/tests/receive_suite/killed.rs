//! The real program, killed at random moments while deliveries come: none is lost, and none is
//! worked twice. `HUNTCTL_TEST_DELIVERIES` says how many; 10,000 take some minutes.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use huntctl::store::Store;
use huntress_simulator::{EventType, Simulator};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::verb::{Process, against};
use crate::support::{Place, SECRET, at_the_api, client, count, own, row, signed, small};

const SENDERS: usize = 12;

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_survive_kills_into_sqlite() {
    survive(&Place::sqlite(), 7).await;
}

#[cfg(feature = "postgres-tests")]
#[tokio::test(flavor = "multi_thread")]
async fn deliveries_survive_kills_into_postgres() {
    let place = Place::postgres().await;
    survive(&place, 8).await;
    place.remove().await;
}

fn deliveries() -> usize {
    let number = std::env::var("HUNTCTL_TEST_DELIVERIES");
    number.map_or(400, |number| number.parse().unwrap())
}

/// One delivery, until it is taken: as Svix does, with less patience.
async fn send(client: &reqwest::Client, url: &str, id: &str, body: &str) -> usize {
    for attempt in 1.. {
        let headers = signed(SECRET, id, body.as_bytes());
        let request = client.post(url).headers(headers).body(body.to_owned());
        match request.send().await {
            Ok(response) if response.status() == 200 => return attempt,
            Ok(response) => assert_ne!(response.status(), 409, "{id}"),
            Err(_) => {}
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    unreachable!()
}

/// What is sent to the program, and what it says.
struct Run<'a> {
    place: &'a Place,
    simulator: Arc<Simulator>,
    /// Table and id of some records; few, so that the quota of a start is enough for all.
    records: Vec<(&'static str, i64)>,
    listen: String,
    told: Arc<Mutex<Vec<Value>>>,
    over: AtomicBool,
    /// What it may live longer than the rest, where there is much to send.
    longer: Duration,
}

impl Run<'_> {
    /// Starts the program, whose lines are collected.
    fn start(&self) -> (Process, TempDir) {
        // With a quota of its own.
        let folder = tempfile::tempdir().unwrap();
        let arguments = ["--json", "receive", "--listen", &self.listen];
        let mut command = against(&self.simulator, folder.path(), &arguments);
        command.env("HUNTCTL_STORE", &self.place.url);
        if let Ok(file) = std::env::var("SSL_CERT_FILE") {
            command.env("SSL_CERT_FILE", file);
        }
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let told = Arc::clone(&self.told);
        std::thread::spawn(move || {
            // The last line may be cut in the middle.
            let whole = lines.map_while(Result::ok);
            let whole = whole.filter_map(|line| serde_json::from_str(&line).ok());
            whole.for_each(|line| told.lock().unwrap().push(line));
        });
        (Process(child), folder)
    }

    /// Starts and kills it until all is sent, from its first moment to some time after it has
    /// begun to listen; returns how often.
    async fn kill(&self, seed: u64) -> usize {
        let mut random = fastrand::Rng::with_seed(seed);
        let (mut kills, mut startup) = (0, Duration::from_millis(200));
        let is_over = || self.over.load(Ordering::Relaxed);
        while !is_over() {
            let began = Instant::now();
            let (mut process, _folder) = self.start();
            let life = (startup * 3 + self.longer).mul_f64(random.f64());
            let mut listens = false;
            while began.elapsed() < life && !is_over() {
                tokio::time::sleep(Duration::from_millis(5)).await;
                let ended = process.0.try_wait().unwrap();
                assert!(ended.is_none(), "it ended by itself: {ended:?}");
                if !listens && TcpStream::connect(&self.listen).is_ok() {
                    (listens, startup) = (true, began.elapsed());
                }
            }
            if !listens {
                // This machine may be busier than before.
                startup = startup.max(life);
            }
            kills += usize::from(!is_over());
            process.0.kill().unwrap();
            process.0.wait().unwrap();
        }
        kills
    }

    /// Sends so many deliveries, each of a record that has just changed; returns the attempts.
    async fn send(&self, all: usize) -> usize {
        let next = Arc::new(AtomicUsize::new(0));
        let senders: Vec<_> = (0..SENDERS)
            .map(|_| {
                let (next, simulator) = (Arc::clone(&next), Arc::clone(&self.simulator));
                let url = format!("http://{}/webhooks", self.listen);
                let records = self.records.clone();
                tokio::spawn(async move {
                    let client = client();
                    let mut attempts = 0;
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= all {
                            return attempts;
                        }
                        let (table, id) = records[number % records.len()];
                        let subject = json!({"subject": format!("change {number}")});
                        simulator.change(table, id, subject).unwrap();
                        let body = body(table, id, number);
                        attempts += send(&client, &url, &format!("msg_{number}"), &body).await;
                    }
                })
            })
            .collect();
        let mut attempts = 0;
        for sender in senders {
            attempts += sender.await.unwrap();
        }
        self.over.store(true, Ordering::Relaxed);
        attempts
    }
}

fn body(table: &str, id: i64, number: usize) -> String {
    let kind = table.trim_end_matches('s');
    let event_type = format!("{kind}.created");
    let account = json!({"id": 1});
    json!({"event_type": event_type, "id": id, "account": account, "number": number}).to_string()
}

async fn survive(place: &Place, seed: u64) {
    let all = deliveries();
    let store = place.store().await;
    let simulator = Arc::new(small().start().await.unwrap());
    let mut records = Vec::new();
    for (table, event) in [
        ("incident_reports", EventType::IncidentReportCreated),
        ("escalations", EventType::EscalationCreated),
        ("platform_actions", EventType::PlatformActionCreated),
    ] {
        let created = (0..12).map(|_| simulator.happen(event));
        records.extend(created.map(|told| (table, told["id"].as_i64().unwrap())));
    }
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr();
    let run = Run {
        place,
        simulator,
        records,
        listen: address.unwrap().to_string(),
        told: Arc::default(),
        over: AtomicBool::new(false),
        longer: Duration::from_micros(all as u64 * 300),
    };
    let began = Instant::now();
    let (kills, attempts) = tokio::join!(run.kill(seed), run.send(all));
    let took = began.elapsed().as_secs_f64();
    // What the last one had begun waits for its lease to end.
    let last = run.start();
    let waiting = "SELECT count(*) FROM deliveries WHERE done_at IS NULL";
    let patience = Instant::now() + Duration::from_secs(120);
    while count(&store, waiting).await > 0 {
        assert!(Instant::now() < patience, "some are never done");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    drop(last);
    compare(&store, &run, all).await;
    println!(
        "{all} deliveries in {took:.0} s, {attempts} attempts, {kills} kills: lost 0, doubled 0"
    );
    assert!(kills > 0, "nothing was killed");
}

async fn compare(store: &Store, run: &Run<'_>, all: usize) {
    let expected = i64::try_from(all).unwrap();
    let lost = "SELECT count(*) FROM deliveries WHERE done_at IS NULL OR outcome NOT IN
        ('new', 'changed', 'unchanged')";
    assert_eq!(count(store, lost).await, 0);
    assert_eq!(
        count(store, "SELECT count(*) FROM delivery_fetches").await,
        0
    );
    assert_eq!(
        count(store, "SELECT count(*) FROM deliveries").await,
        expected
    );
    let sql = "SELECT delivery_id, body FROM delivered_events";
    let rows = store.database().query(sql, &[]).await.unwrap();
    assert_eq!(rows.len(), all);
    for row in rows {
        let number: usize = row.text(0).unwrap()[4..].parse().unwrap();
        let (table, id) = run.records[number % run.records.len()];
        assert_eq!(row.text(1), Some(body(table, id, number).as_str()));
    }
    let mut counts = BTreeMap::new();
    for line in run.told.lock().unwrap().iter() {
        let id = line["delivery_id"].as_str().unwrap().to_owned();
        *counts.entry(id).or_insert(0) += 1;
    }
    let doubled: Vec<_> = counts.iter().filter(|(_, count)| **count > 1).collect();
    assert!(doubled.is_empty(), "done twice: {doubled:?}");
    assert!(
        counts.len() > all / 2,
        "{} of {all} were told",
        counts.len()
    );
    let source = own(&run.simulator).remove(0);
    for (table, id) in &run.records {
        let expected = at_the_api(&source, table, *id).await;
        assert_eq!(
            row(store, table, 1, *id).await,
            Some(expected),
            "{table} {id}"
        );
    }
}
