//! Isolates a host, waits until it is isolated, and shows what to do where nobody knows whether
//! the request took effect.
//!
//! `cargo run --example isolate_and_wait` does so with a made-up host of the simulator, over
//! real HTTP. With `HUNTRESS_API_KEY` and `HUNTRESS_API_SECRET` set,
//! `cargo run --example isolate_and_wait -- 42` cuts **your** agent 42 off from its network;
//! without an id it does nothing then. A second argument says how many seconds to wait for the
//! host, 300 by default.

use std::error::Error;
use std::time::Duration;

use huntress::types::{Agent, AgentId, FirewallStatus, IsolateAgent};
use huntress::{Client, Outcome};
use tokio::time::{sleep, timeout};

const USAGE: &str = "usage: isolate_and_wait AGENT-ID [SECONDS]";
const REASON: &str = "isolated by a program";
/// How often a request is sent at most whose effect nobody knows.
const TRIES: u32 = 3;
/// A request that was not answered may still take effect for a moment.
const SETTLE: Duration = Duration::from_secs(1);
/// A look is one of the account's 60 requests a minute: the first soon, then fewer and fewer.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let api = examples::connect().await?;
    let client = &api.client;
    let mut arguments = std::env::args().skip(1);
    let id = match arguments.next() {
        Some(id) => id.parse().map_err(|_| USAGE)?,
        None if api.is_simulator() => any_agent(client).await?,
        None => return Err(USAGE.into()),
    };
    let seconds = arguments.next().map_or(Ok(300), |text| text.parse());
    let seconds = seconds.map_err(|_| USAGE)?;

    isolate(client, id).await?;
    println!("agent {id}: the isolation is under way");
    // A call that is dropped while it reads does no harm.
    let waited = timeout(Duration::from_secs(seconds), isolated(client, id)).await;
    waited
        .map_err(|_| format!("agent {id} is not isolated after {seconds} s; is it online?"))??;
    println!("agent {id}: isolated");
    Ok(())
}

/// Asks for the isolation until it is under way for certain.
async fn isolate(client: &Client, id: AgentId) -> Result<(), huntress::Error> {
    let mut tries = 0;
    loop {
        tries += 1;
        let body = IsolateAgent::new().reason(REASON);
        let Err(error) = client.isolate_agent(id, body).send().await else {
            return Ok(());
        };
        let again = match error.outcome() {
            // It took effect, and only the answer could not be used.
            Outcome::Done => return Ok(()),
            // Refused in the state that the host is in. If that is isolated, all is well.
            Outcome::NotDone if error.is_conflict() => false,
            // Nothing happened, and the client has sent it again already where that may help.
            Outcome::NotSent | Outcome::NotDone => return Err(error),
            // It may have taken effect or not, so the client has not sent it again.
            Outcome::Unknown => {
                eprintln!("agent {id}: {error}");
                sleep(SETTLE).await;
                tries < TRIES
            }
        };
        // Look before trying again.
        match client.get_agent(id).send().await {
            Ok(agent) if is_under_way(&agent) => return Ok(()),
            Ok(_) if again => eprintln!("agent {id}: nothing has happened, trying again"),
            // What became of the isolation is in the first error, whatever this one says.
            Ok(_) | Err(_) => return Err(error),
        }
    }
}

fn is_under_way(agent: &Agent) -> bool {
    use FirewallStatus::{Isolated, PendingIsolation};
    matches!(agent.firewall_status, Some(PendingIsolation | Isolated))
}

/// Waits until the host is isolated.
async fn isolated(client: &Client, id: AgentId) -> Result<(), huntress::Error> {
    let mut pause = FIRST_PAUSE;
    loop {
        let agent = client.get_agent(id).send().await?;
        if agent.firewall_status == Some(FirewallStatus::Isolated) {
            return Ok(());
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// A host that can be isolated; only asked of the simulator.
async fn any_agent(client: &Client) -> Result<AgentId, Box<dyn Error>> {
    let page = client.list_agents().page_size(1).send().await?;
    Ok(page.items.first().ok_or("there is no agent")?.id)
}
