//! The same report of many accounts: one's own and each that a reseller manages, a few at once.
//!
//! `cargo run --example reseller_fan_out` shows a made-up reseller from the simulator, over
//! real HTTP. With `HUNTRESS_API_KEY` and `HUNTRESS_API_SECRET` of a reseller set it shows
//! your accounts. It only reads.

use std::error::Error;
use std::sync::Arc;

use huntress::types::{Account, Severity};
use huntress::{AccountOperations, OddRecord};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// How many accounts are asked at once. All of them share the 60 requests a minute of the
/// key's account, so more would only wait longer, each with its lists in memory.
const AT_ONCE: usize = 4;

struct Report {
    agents: usize,
    open: usize,
    critical: usize,
    /// Records that could not be read, so they are in none of the counts.
    odd: Vec<OddRecord>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let api = examples::connect().await?;
    let client = &api.client;
    let own = client.get_account().send().await?;
    let accounts = client.list_accounts().stream().collect_all().await?;

    let slots = Arc::new(Semaphore::new(AT_ONCE));
    let mut running = JoinSet::new();
    running.spawn(in_turn(Arc::clone(&slots), name(&own), client.clone()));
    // Where the list has the reseller's own account too, that is not asked twice.
    for managed in accounts.items.iter().filter(|one| one.id != own.id) {
        let account = client.for_account(managed.id);
        running.spawn(in_turn(Arc::clone(&slots), name(managed), account));
    }

    let mut missing = accounts.odd.len();
    for record in &accounts.odd {
        eprintln!("left out: {record}");
    }
    println!("agents  open  critical  account");
    while let Some(done) = running.join_next().await {
        match done? {
            (name, Ok(report)) => show(&name, &report),
            // The others go on.
            (name, Err(error)) => {
                missing += 1;
                eprintln!("{name}: {error}");
            }
        }
    }
    match missing {
        0 => Ok(()),
        missing => Err(format!("{missing} of the accounts could not be reported").into()),
    }
}

/// The report of an account, begun when it has one of the slots.
async fn in_turn(
    slots: Arc<Semaphore>,
    name: String,
    account: impl AccountOperations,
) -> (String, Result<Report, huntress::Error>) {
    let _slot = slots.acquire().await;
    (name, report(&account).await)
}

/// The report of one account. A `Client` is its own account and `for_account` gives a managed
/// one; this takes both. What a managed account does not offer does not compile here.
async fn report(account: &impl AccountOperations) -> Result<Report, huntress::Error> {
    let agents = account.list_agents().stream().collect_all().await?;
    // An open incident is `sent`: the SOC has reported it, nobody has closed it.
    let incidents = account.list_incident_reports().status("sent").stream();
    let incidents = incidents.collect_all().await?;
    let critical = Some(Severity::Critical);
    let critical = incidents.items.iter().filter(|i| i.severity == critical);
    Ok(Report {
        agents: agents.items.len(),
        open: incidents.items.len(),
        critical: critical.count(),
        odd: [agents.odd, incidents.odd].concat(),
    })
}

fn name(account: &Account) -> String {
    let name = account.name.as_deref().unwrap_or("-");
    format!("{name} ({})", account.id)
}

fn show(name: &str, report: &Report) {
    let Report {
        agents,
        open,
        critical,
        odd,
    } = report;
    println!("{agents:>6}  {open:>4}  {critical:>8}  {name}");
    for record in odd {
        eprintln!("{name}: left out: {record}");
    }
}
