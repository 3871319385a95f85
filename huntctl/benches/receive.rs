//! What it costs to store a delivery before it is answered, beside a handler that verifies it
//! and does nothing else, in turns, so that whatever else the machine does hits both alike.
//!
//! `taskset -c 0 cargo bench --package huntctl --bench receive` measures both on one core, into
//! a SQLite file on disk, and prints deliveries a second and the ratio at the end.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Request, StatusCode};
use axum::routing::post;
use criterion::{Criterion, Throughput};
use huntctl::metrics;
use huntctl::receive::{Options, Receiver};
use huntctl::store::Store;
use huntress::webhooks::{Verifier, sign};
use huntress_simulator::{EventType, Simulator};
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use jiff::Timestamp;
use tokio::runtime::{Builder, Runtime};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// Deliveries of a turn, and turns.
const TURN: u64 = 200;
const TURNS: u32 = 20;

fn main() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("store.db").display());
    let verifier = Verifier::new([SECRET]).unwrap();
    let receiver = runtime.block_on(receiver(&url, verifier.clone()));
    let bare = Router::new()
        .route("/webhooks", post(verify))
        .with_state(verifier);
    let mut sender = Sender {
        body: runtime.block_on(body()),
        next: 0,
    };
    let handlers = [("stored", receiver.endpoint()), ("verified only", bare)];
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("delivery");
    group.throughput(Throughput::Elements(1));
    for (name, app) in &handlers {
        group.bench_function(*name, |bencher| {
            bencher.iter_custom(|count| sender.send(&runtime, app, count));
        });
    }
    group.finish();
    criterion.final_summary();
    let mut took = [Duration::ZERO; 2];
    for _ in 0..TURNS {
        for ((_, app), took) in handlers.iter().zip(&mut took) {
            *took += sender.send(&runtime, app, TURN);
        }
    }
    let all = f64::from(TURNS) * TURN as f64;
    let [stored, bare] = took.map(|took| all / took.as_secs_f64());
    println!(
        "{stored:.0} deliveries a second stored, {bare:.0} verified only: {:.1} times as long",
        bare / stored
    );
}

async fn receiver(url: &str, verifier: Verifier) -> Receiver {
    let store = Store::open(url).await.unwrap();
    let observer = Arc::new(|_: &_| {});
    let mut registry = metrics::registry();
    // Nothing is fetched: the quota decides how fast that is.
    let options = Options::default();
    let receiver = Receiver::new(
        store,
        Vec::new(),
        verifier,
        options,
        observer,
        &mut registry,
    );
    receiver.await.unwrap()
}

async fn verify(State(verifier): State<Verifier>, headers: HeaderMap, body: Bytes) -> StatusCode {
    match verifier.verify(&headers, &body) {
        Ok(delivery) => {
            black_box(delivery);
            StatusCode::OK
        }
        Err(error) => error.status(),
    }
}

/// An incident report as a simulator tells of it.
async fn body() -> Vec<u8> {
    let simulator = Simulator::start().await.unwrap();
    let told = simulator.happen(EventType::IncidentReportCreated);
    told.to_string().into_bytes()
}

struct Sender {
    body: Vec<u8>,
    next: u64,
}

impl Sender {
    /// Gives so many deliveries to a handler, one after the other; how long it took, without
    /// what it takes to sign them.
    fn send(&mut self, runtime: &Runtime, app: &Router, count: u64) -> Duration {
        let requests: Vec<_> = (0..count).map(|_| self.request()).collect();
        let app = TowerToHyperService::new(app.clone());
        runtime.block_on(async {
            let began = Instant::now();
            for request in requests {
                let response = app.call(request).await.unwrap();
                assert_eq!(response.status(), StatusCode::OK);
            }
            began.elapsed()
        })
    }

    fn request(&mut self) -> Request<Body> {
        self.next += 1;
        let id = format!("msg_{}", self.next);
        let headers = sign(SECRET, &id, Timestamp::now(), &self.body).unwrap();
        let mut request = Request::post("/webhooks").body(Body::from(self.body.clone()));
        if let Ok(request) = &mut request {
            *request.headers_mut() = headers;
        }
        request.unwrap()
    }
}
