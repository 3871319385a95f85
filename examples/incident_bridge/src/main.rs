//! Every incident of an account exactly once in a database of your own.
//!
//! Webhooks bring an incident within seconds; what changed since the last poll brings those that
//! no webhook told of, such as those of a day when this program was down. Both write to the same
//! SQLite database, whose rules (`store.rs`) make repeats and wrong order harmless.
//!
//! `cargo run -p incident_bridge` shows it for ten seconds with a simulator that lets incidents
//! happen, and sends every tenth event twice. With `HUNTRESS_API_KEY`, `HUNTRESS_API_SECRET` and
//! `HUNTRESS_WEBHOOK_SECRET` (the signing secret of the endpoint in the portal, several with
//! commas between) it serves your account. Beside these:
//!
//! | variable | default | |
//! |---|---|---|
//! | `BRIDGE_LISTEN` | `127.0.0.1:8080` | where webhooks arrive; TLS is for a proxy before it |
//! | `BRIDGE_DATABASE` | `incidents.db` | the SQLite file |
//! | `BRIDGE_POLL_SECONDS` | `300` | seconds between two polls |

mod demo;
mod store;

use std::env;
use std::error::Error;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{FromRef, State};
use axum::http::StatusCode;
use axum::routing::post;
use huntress::jiff::Timestamp;
use huntress::webhooks::{Delivery, Event, Verifier};
use huntress::{Client, Cursor};
use tokio::net::TcpListener;

use store::{Incident, Store, Stored};

type Failure = Box<dyn Error + Send + Sync>;

#[derive(Clone)]
struct Bridge {
    store: Arc<Mutex<Store>>,
    verifier: Verifier,
}

impl FromRef<Bridge> for Verifier {
    fn from_ref(bridge: &Bridge) -> Self {
        bridge.verifier.clone()
    }
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    if env::var_os("HUNTRESS_API_KEY").is_none() {
        return demo::run().await;
    }
    let secrets = env::var("HUNTRESS_WEBHOOK_SECRET")?;
    let verifier = Verifier::new(secrets.split(',').map(str::trim))?;
    let or = |name, default: &str| env::var(name).unwrap_or_else(|_| default.to_owned());
    let database = or("BRIDGE_DATABASE", "incidents.db");
    let every = Duration::from_secs(or("BRIDGE_POLL_SECONDS", "300").parse()?);
    let listener = TcpListener::bind(or("BRIDGE_LISTEN", "127.0.0.1:8080")).await?;
    serve(
        Client::from_env()?,
        verifier,
        listener,
        Path::new(&database),
        every,
    )
    .await
}

/// Receives and polls until the program is told to stop.
async fn serve(
    client: Client,
    verifier: Verifier,
    listener: TcpListener,
    database: &Path,
    every: Duration,
) -> Result<(), Failure> {
    let store = Arc::new(Mutex::new(Store::open(database)?));
    println!("webhooks at http://{}/", listener.local_addr()?);
    let polling = tokio::spawn(poll_for_ever(client, Arc::clone(&store), every));
    let app = Router::new()
        .route("/", post(receive))
        .with_state(Bridge { store, verifier });
    let stop = async { drop(tokio::signal::ctrl_c().await) };
    axum::serve(listener, app)
        .with_graceful_shutdown(stop)
        .await?;
    polling.abort();
    Ok(())
}

/// The answer decides whether the sender tries again: only what is stored is accepted.
async fn receive(State(bridge): State<Bridge>, delivery: Delivery) -> StatusCode {
    let Delivery {
        id, event, body, ..
    } = delivery;
    let incident = match event {
        Event::IncidentReportCreated(report)
        | Event::IncidentReportClosed(report)
        | Event::IncidentReportCommentAdded(report) => Some(Incident::from(report)),
        // Whatever else is signed is taken as well: refused, it would come again for a day.
        _ => None,
    };
    let stored = with_store(bridge.store, move |store| {
        store.deliver(&id, &body, incident.as_ref(), Timestamp::now())
    });
    match stored.await {
        Ok(Stored::New | Stored::Repeat) => StatusCode::NO_CONTENT,
        Ok(Stored::OtherBody) => StatusCode::CONFLICT,
        Err(error) => {
            eprintln!("a delivery could not be stored, and will come again: {error}");
            StatusCode::SERVICE_UNAVAILABLE
        }
    }
}

async fn poll_for_ever(client: Client, store: Arc<Mutex<Store>>, every: Duration) {
    loop {
        match poll(&client, &store).await {
            Ok(changed) => println!("polled: {changed} changed"),
            // The cursor is as it was, so the next poll has what this one missed.
            Err(error) => eprintln!("the poll failed: {error}"),
        }
        tokio::time::sleep(every).await;
    }
}

/// Stores what changed since the last poll; how many incidents that are.
async fn poll(client: &Client, store: &Arc<Mutex<Store>>) -> Result<usize, Failure> {
    let cursor = match with_store(Arc::clone(store), |store| store.cursor()).await? {
        Some(cursor) => cursor.parse()?,
        None => Cursor::beginning(),
    };
    let changes = client.list_incident_reports().changed_since(cursor);
    let changed = changes.collect_all().await?;
    for record in &changed.odd {
        eprintln!("left out: {record}");
    }
    let incidents: Vec<_> = changed.items.into_iter().map(Incident::from).collect();
    let cursor = changed.cursor.to_string();
    let count = incidents.len();
    with_store(Arc::clone(store), move |store| {
        store.changed(&incidents, &cursor, Timestamp::now())
    })
    .await?;
    Ok(count)
}

/// Works with the database on a thread that may block.
async fn with_store<T: Send + 'static>(
    store: Arc<Mutex<Store>>,
    work: impl FnOnce(&mut Store) -> rusqlite::Result<T> + Send + 'static,
) -> Result<T, Failure> {
    let work = move || work(&mut store.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(tokio::task::spawn_blocking(work).await??)
}
