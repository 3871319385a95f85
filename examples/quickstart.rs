//! The state of an account on one screen: its organizations, agents and open incidents.
//!
//! `cargo run --example quickstart` shows a made-up account from the simulator, over real
//! HTTP. With `HUNTRESS_API_KEY` and `HUNTRESS_API_SECRET` set it shows yours.

use std::collections::{BTreeMap, HashMap};
use std::error::Error;

use huntress::types::{self, OrganizationId};
use huntress::{Client, Collected};
use huntress_simulator::Simulator;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let real = ["HUNTRESS_API_KEY", "HUNTRESS_PUBLIC_KEY"]
        .iter()
        .any(|name| std::env::var_os(name).is_some());
    // Kept until the end: the simulator stops when it is dropped.
    let simulator = if real {
        None
    } else {
        Some(Simulator::start().await?)
    };
    let client = match &simulator {
        None => Client::from_env()?,
        Some(simulator) => {
            let builder = Client::builder().base_url(simulator.base_url());
            builder
                .credentials(simulator.credentials().pair())
                .build()?
        }
    };
    if let Some(simulator) = &simulator {
        println!(
            "No credentials in the environment: a made-up account at {}\n",
            simulator.base_url()
        );
    }

    let account = client.get_account().send().await?;
    println!(
        "{} (account {})\n",
        account.name.as_deref().unwrap_or("-"),
        account.id
    );

    // All pages of a list, or an error. A record that cannot be read is told, and costs none
    // of the others.
    let organizations = whole(client.list_organizations().stream().collect_all().await?);
    let agents = whole(client.list_agents().stream().collect_all().await?);
    // An open incident is `sent`: the SOC has reported it, nobody has closed it.
    let incidents = client.list_incident_reports().status("sent").stream();
    let mut incidents = whole(incidents.collect_all().await?);
    incidents.sort_by_key(|incident| match incident.severity {
        Some(types::Severity::Critical) => 0,
        Some(types::Severity::High) => 1,
        _ => 2,
    });

    show_organizations(&organizations, &agents);
    show_incidents(&incidents, &organizations);
    Ok(())
}

fn whole<T>(list: Collected<T>) -> Vec<T> {
    for record in &list.odd {
        eprintln!("left out: {record}");
    }
    list.items
}

fn show_organizations(organizations: &[types::Organization], agents: &[types::Agent]) {
    let mut platforms: HashMap<OrganizationId, BTreeMap<String, usize>> = HashMap::new();
    for agent in agents {
        if let (Some(organization), Some(platform)) = (agent.organization_id, &agent.platform) {
            *platforms
                .entry(organization)
                .or_default()
                .entry(platform.to_string())
                .or_default() += 1;
        }
    }
    println!(
        "{} organizations, {} agents",
        organizations.len(),
        agents.len()
    );
    println!("  {:<24} {:>6}  platforms", "organization", "agents");
    for organization in organizations {
        let counts = platforms.get(&organization.id);
        let total: usize = counts.into_iter().flat_map(BTreeMap::values).sum();
        let shares = counts
            .into_iter()
            .flatten()
            .map(|(platform, n)| format!("{n} {platform}"));
        let shares = shares.collect::<Vec<_>>().join(", ");
        println!(
            "  {:<24} {total:>6}  {shares}",
            organization.name.as_deref().unwrap_or("-")
        );
    }
}

fn show_incidents(incidents: &[types::IncidentReport], organizations: &[types::Organization]) {
    println!("\n{} open incidents", incidents.len());
    for incident in incidents {
        let organization = organizations
            .iter()
            .find(|o| Some(o.id) == incident.organization_id);
        println!(
            "  {:<9} {:<24} {}",
            incident
                .severity
                .as_ref()
                .map_or("-", |severity| severity.as_str()),
            organization.and_then(|o| o.name.as_deref()).unwrap_or("-"),
            incident.subject.as_deref().unwrap_or("-"),
        );
    }
}
