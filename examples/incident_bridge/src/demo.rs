//! What there is to see without an account: a simulator in which much happens.

use std::path::Path;
use std::time::Duration;

use huntress::Client;
use huntress::webhooks::Verifier;
use huntress_simulator::{DeliveryFault, Fault, FaultKind, Simulator, Webhook};
use tokio::net::TcpListener;

use crate::{Failure, serve, store::Store};

/// Serves a made-up account for ten seconds, and says what the database has then.
pub async fn run() -> Result<(), Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/", listener.local_addr()?);
    let twice = FaultKind::Delivery(DeliveryFault::Twice);
    let simulator = Simulator::builder()
        .webhook(Webhook::new(url))
        .live(600.0)
        .fault(Fault::new(twice).rate(0.1))
        .start()
        .await?;
    println!("No credentials in the environment: a made-up account in which much happens");
    let client = Client::builder()
        .base_url(simulator.base_url())
        .credentials(simulator.credentials().pair())
        .build()?;
    let verifier = Verifier::new(simulator.webhooks().iter().map(|webhook| &webhook.secret))?;
    let database = std::env::temp_dir().join(format!("incidents-{}.db", std::process::id()));
    let every = Duration::from_secs(3);
    let bridge = serve(client, verifier, listener, &database, every);
    tokio::select! {
        stopped = bridge => stopped?,
        () = tokio::time::sleep(Duration::from_secs(10)) => {}
    }
    let told = simulator.deliveries().len();
    let stored = Store::open(&database)?.incidents()?;
    println!("{told} events were sent; {stored} incidents are stored, each once");
    remove(&database);
    Ok(())
}

fn remove(database: &Path) {
    for end in ["", "-wal", "-shm"] {
        let mut file = database.as_os_str().to_owned();
        file.push(end);
        // What is left of it is in a folder for such things.
        let _ = std::fs::remove_file(file);
    }
}
