//! The bridge as a process: killed, down for a day, and told everything twice and in any order.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use huntress::Client;
use huntress_simulator::{
    Delivery, DeliveryFault, EventType, Fault, FaultKind, Simulator, SimulatorBuilder, Webhook,
};
use rusqlite::Connection;

/// Of every wait of the sender's: a day is 4.3 s.
const SCALE: f64 = 0.000_05;
const DAY: Duration = Duration::from_millis(4_320);
const EVENTS: [EventType; 3] = [
    EventType::IncidentReportCreated,
    EventType::IncidentReportCommentAdded,
    EventType::IncidentReportClosed,
];

/// Where a bridge listens, and what it writes.
struct Place {
    address: String,
    database: PathBuf,
}

impl Place {
    fn new(name: &str) -> Self {
        let database = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.db"));
        for end in ["", "-wal", "-shm"] {
            let mut file = database.as_os_str().to_owned();
            file.push(end);
            let _ = std::fs::remove_file(file);
        }
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap().to_string();
        Self { address, database }
    }

    /// Every event of a simulator goes there.
    fn told(&self, simulator: SimulatorBuilder) -> SimulatorBuilder {
        let url = format!("http://{}/", self.address);
        simulator
            .no_quota()
            .webhook(Webhook::new(url))
            .webhook_time_scale(SCALE)
    }

    fn bridge(&self, simulator: &Simulator, poll_seconds: u64) -> Bridge {
        self.bridge_at(simulator, &simulator.base_url(), poll_seconds)
    }

    fn bridge_at(&self, simulator: &Simulator, api: &str, poll_seconds: u64) -> Bridge {
        let credentials = simulator.credentials();
        let webhooks = simulator.webhooks();
        let secret = webhooks.first().map_or(UNUSED, |webhook| &webhook.secret);
        let mut process = Command::new(env!("CARGO_BIN_EXE_incident_bridge"))
            .env("HUNTRESS_BASE_URL", api)
            .env("HUNTRESS_API_KEY", &credentials.key)
            .env("HUNTRESS_API_SECRET", &credentials.secret)
            .env("HUNTRESS_WEBHOOK_SECRET", secret)
            .env("BRIDGE_LISTEN", &self.address)
            .env("BRIDGE_DATABASE", &self.database)
            .env("BRIDGE_POLL_SECONDS", poll_seconds.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        Bridge { process, output }
    }

    fn rows<T: Ord>(&self, query: &str, row: impl Fn(&rusqlite::Row) -> T) -> Vec<T> {
        let database = Connection::open(&self.database).unwrap();
        let mut query = database.prepare(query).unwrap();
        let rows = query.query_map([], |found| Ok(row(found))).unwrap();
        rows.map(Result::unwrap).collect()
    }

    /// The incidents with their status.
    fn incidents(&self) -> Vec<(i64, String)> {
        self.rows("SELECT id, status FROM incidents ORDER BY id", |row| {
            (row.get(0).unwrap(), row.get(1).unwrap())
        })
    }

    /// The deliveries that brought a comment.
    fn comments(&self) -> Vec<String> {
        let query = "SELECT delivery FROM comments ORDER BY delivery";
        self.rows(query, |row| row.get(0).unwrap())
    }
}

/// For a bridge that no webhook reaches.
const UNUSED: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A running bridge; it is killed when it is dropped.
struct Bridge {
    process: Child,
    output: BufReader<ChildStdout>,
}

impl Bridge {
    /// Waits for a line that begins so.
    fn says(&mut self, beginning: &str) {
        let mut line = String::new();
        while !line.starts_with(beginning) {
            line.clear();
            let read = self.output.read_line(&mut line).unwrap();
            assert_ne!(read, 0, "the bridge ended before it said {beginning:?}");
        }
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// The incidents of the API with their status.
async fn expected(simulator: &Simulator) -> Vec<(i64, String)> {
    let client = Client::builder()
        .base_url(simulator.base_url())
        .credentials(simulator.credentials().pair())
        .build()
        .unwrap();
    let all = client.list_incident_reports().stream().collect_all();
    let all = all.await.unwrap().items.into_iter();
    let all = all.map(|incident| (incident.id.get(), incident.status.unwrap().to_string()));
    BTreeMap::from_iter(all).into_iter().collect()
}

/// The deliveries of comments that were accepted.
fn accepted_comments(deliveries: &[Delivery]) -> BTreeSet<String> {
    let comments = deliveries
        .iter()
        .filter(|delivery| delivery.event_type == Some(EventType::IncidentReportCommentAdded));
    let accepted = comments.filter(|delivery| delivery.accepted);
    accepted.map(|delivery| delivery.id.clone()).collect()
}

fn fault(fault: DeliveryFault, rate: f64) -> Fault {
    Fault::new(FaultKind::Delivery(fault)).rate(rate)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_incident_is_there_once_whatever_happens_to_the_bridge() {
    let place = Place::new("killed");
    let simulator = place
        .told(Simulator::builder())
        .fault(fault(DeliveryFault::Twice, 0.5))
        .fault(fault(DeliveryFault::OutOfOrder, 0.2))
        .fault(fault(DeliveryFault::WrongSignature, 0.1))
        .start()
        .await
        .unwrap();
    let mut random = fastrand::Rng::with_seed(7);
    let happens = |count: usize, random: &mut fastrand::Rng| {
        for _ in 0..count {
            simulator.happen(EVENTS[random.usize(..EVENTS.len())]);
        }
    };
    for _ in 0..25 {
        let mut bridge = place.bridge(&simulator, 1);
        bridge.says("webhooks at");
        happens(random.usize(1..8), &mut random);
        tokio::time::sleep(Duration::from_millis(random.u64(0..60))).await;
    }
    // Down for a day, in which as much happens.
    happens(40, &mut random);
    tokio::time::sleep(DAY).await;
    let mut bridge = place.bridge(&simulator, 1);
    bridge.says("webhooks at");
    happens(10, &mut random);
    simulator.deliveries_settled().await;
    // The second poll began after all of that.
    bridge.says("polled");
    bridge.says("polled");
    bridge.says("polled");
    drop(bridge);

    assert_eq!(place.incidents(), expected(&simulator).await);
    let deliveries = simulator.deliveries();
    let comments = BTreeSet::from_iter(place.comments());
    let accepted = accepted_comments(&deliveries);
    assert!(accepted.len() > 10, "{}", accepted.len());
    // What was stored and not answered, because the bridge was killed between the two, may
    // have been given up in the meantime.
    assert!(comments.is_superset(&accepted));
    assert_eq!(place.comments().len(), comments.len());
}

/// What a day of outage costs, by what a bridge hears from; `--nocapture` shows it.
async fn after_a_day_of_outage(name: &str, webhooks: bool, polls: bool) {
    const NEVER: u64 = 1_000_000;
    let place = Place::new(&name.replace(' ', "_"));
    let simulator = match webhooks {
        true => place.told(Simulator::builder()),
        false => Simulator::builder().no_quota(),
    };
    let simulator = simulator.start().await.unwrap();
    // One that cannot be reached: then the polls fail.
    let nowhere = Simulator::start().await.unwrap().base_url();
    let api = match polls {
        true => simulator.base_url(),
        false => nowhere,
    };
    if polls {
        // It has been there before.
        let mut bridge = place.bridge_at(&simulator, &api, NEVER);
        bridge.says("polled");
    }
    let before = simulator.arrivals().total;
    let mut touched = BTreeSet::new();
    for event in EVENTS.repeat(20) {
        touched.insert(simulator.happen(event)["id"].as_i64().unwrap());
        tokio::time::sleep(DAY / 60).await;
    }
    let mut bridge = place.bridge_at(&simulator, &api, NEVER);
    bridge.says(if polls { "polled" } else { "webhooks at" });
    simulator.deliveries_settled().await;
    drop(bridge);
    let requests = simulator.arrivals().total - before;
    let stored = BTreeSet::from_iter(place.incidents());
    let now = expected(&simulator).await.into_iter();
    let missed = now.filter(|(id, _)| touched.contains(id));
    let missed = missed.filter(|row| !stored.contains(row)).count();
    let (all, comments) = (touched.len(), place.comments().len());
    println!(
        "a day of outage, {name}: {requests} requests; {missed} of {all} incidents are not as \
         they are, {comments} of 20 comments came"
    );
    assert_eq!(requests, usize::from(polls));
    if polls {
        assert_eq!(missed, 0);
    }
    assert_eq!(comments > 0, webhooks);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_day_of_outage_webhooks_alone_bring_what_is_tried_for_longer() {
    after_a_day_of_outage("webhooks alone", true, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_day_of_outage_polls_alone_bring_every_incident_and_no_comment() {
    after_a_day_of_outage("polls alone", false, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_day_of_outage_both_bring_every_incident() {
    after_a_day_of_outage("both", true, true).await;
}
