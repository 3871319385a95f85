//! How to test a program against the simulator: one that isolates every host with an open
//! critical incident, and the tests of it.
//!
//! `cargo test --example testing_your_program` runs the tests. `cargo run --example
//! testing_your_program` runs the program on a made-up account; with `HUNTRESS_API_KEY` and
//! `HUNTRESS_API_SECRET` set, on yours. It says which hosts it would isolate, and isolates them
//! only with the argument `--isolate`.

use std::collections::BTreeSet;
use std::error::Error;

use huntress::types::{AgentId, IsolateAgent, Severity};
use huntress::{Client, Outcome};

/// What became of each host.
#[derive(Debug, Default, PartialEq)]
struct Report {
    isolated: Vec<AgentId>,
    /// The server said no, or was not reached.
    not_isolated: Vec<AgentId>,
    /// Nobody knows. Somebody must look.
    unknown: Vec<AgentId>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let api = examples::connect().await?;
    let dry_run = !std::env::args().any(|argument| argument == "--isolate");
    let report = respond(&api.client, dry_run).await?;
    println!("{report:?}");
    Ok(())
}

/// Isolates the hosts at risk; in a dry run it only says which ones they are.
async fn respond(client: &Client, dry_run: bool) -> Result<Report, huntress::Error> {
    let hosts = hosts_at_risk(client).await?;
    println!("at risk: {hosts:?}");
    if dry_run {
        return Ok(Report::default());
    }
    Ok(isolate(client, hosts).await)
}

/// The hosts with a critical incident that is open, each once.
async fn hosts_at_risk(client: &Client) -> Result<BTreeSet<AgentId>, huntress::Error> {
    let incidents = client
        .list_incident_reports()
        .status("sent")
        .severity(Severity::Critical)
        .stream();
    let incidents = incidents.collect_all().await?;
    for record in &incidents.odd {
        eprintln!("left out: {record}");
    }
    // An incident of an identity has no host.
    let hosts = incidents.items.iter().filter_map(|one| one.agent_id);
    Ok(hosts.collect())
}

/// Isolates the hosts. One that fails does not stop the others.
async fn isolate(client: &Client, hosts: impl IntoIterator<Item = AgentId>) -> Report {
    let mut report = Report::default();
    for id in hosts {
        let body = IsolateAgent::new().reason("critical incident");
        let Err(error) = client.isolate_agent(id, body).send().await else {
            report.isolated.push(id);
            continue;
        };
        eprintln!("agent {id}: {error}");
        match error.outcome() {
            Outcome::Done => report.isolated.push(id),
            Outcome::NotSent | Outcome::NotDone => report.not_isolated.push(id),
            Outcome::Unknown => report.unknown.push(id),
        }
    }
    report
}

#[cfg(test)]
mod tests {
    use huntress_simulator::{Fault, FaultKind, Simulator};
    use serde_json::{Value, json};

    use super::*;

    /// An empty account, and a client of it. Each test has its own, on a port of its own.
    async fn start() -> (Simulator, Client) {
        let empty = Simulator::builder().agents(0).incident_reports(0);
        // A filter with a typing error fails the test; the API would ignore it.
        let strict = empty.strict_parameters(true).no_quota();
        let simulator = strict.start().await.unwrap();
        let client = Client::builder()
            .base_url(simulator.base_url())
            .credentials(simulator.credentials().pair())
            .build()
            .unwrap();
        (simulator, client)
    }

    /// A host. What the test does not say is made up.
    fn host(simulator: &Simulator, row: Value) -> AgentId {
        let row = simulator.put("agents", row).unwrap();
        row["id"].as_i64().unwrap().into()
    }

    fn incident(simulator: &Simulator, agent: AgentId, severity: &str, status: &str) {
        let row = json!({"agent_id": agent, "severity": severity, "status": status});
        simulator.put("incident_reports", row).unwrap();
    }

    #[tokio::test]
    async fn a_host_is_at_risk_by_an_open_critical_incident() {
        let (simulator, client) = start().await;
        let server = host(&simulator, json!({"hostname": "DC-01"}));
        let desk = host(&simulator, json!({"hostname": "PC-07"}));
        incident(&simulator, desk, "critical", "closed");
        incident(&simulator, desk, "high", "sent");
        incident(&simulator, server, "critical", "sent");
        incident(&simulator, server, "critical", "sent");
        let hosts = hosts_at_risk(&client).await.unwrap();
        assert_eq!(hosts, BTreeSet::from([server]));
    }

    #[tokio::test]
    async fn a_dry_run_writes_nothing() {
        let (simulator, client) = start().await;
        let agent = host(&simulator, json!({"firewall_status": "Enabled"}));
        incident(&simulator, agent, "critical", "sent");
        let report = respond(&client, true).await.unwrap();
        assert_eq!((report, simulator.writes().len()), (Report::default(), 0));
        let report = respond(&client, false).await.unwrap();
        assert_eq!(
            (report.isolated, simulator.writes().len()),
            (vec![agent], 1)
        );
    }

    #[tokio::test]
    async fn an_outage_does_not_look_like_no_hosts_at_risk() {
        let (simulator, client) = start().await;
        simulator.inject(Fault::new(FaultKind::Status(403)).on("list_incident_reports"));
        let error = hosts_at_risk(&client).await.unwrap_err();
        assert!(error.is_permission(), "{error}");
    }

    #[tokio::test]
    async fn a_host_that_cannot_be_isolated_does_not_stop_the_others() {
        let (simulator, client) = start().await;
        let before = host(&simulator, json!({"firewall_status": "Isolated"}));
        let now = host(&simulator, json!({"firewall_status": "Enabled"}));
        let report = isolate(&client, [before, now]).await;
        assert_eq!(
            (report.isolated, report.not_isolated),
            (vec![now], vec![before])
        );
        // What arrived, and what was answered.
        let writes = simulator.writes();
        let answers: Vec<_> = writes
            .iter()
            .map(|write| (write.ids[0], write.status))
            .collect();
        assert_eq!(answers, [(before.get(), 409), (now.get(), 201)]);
        assert_eq!(writes[1].body, json!({"reason": "critical incident"}));
    }

    #[tokio::test]
    async fn what_nobody_knows_is_reported_and_not_sent_again() {
        // The answer is lost after the host was isolated, and before.
        for (fault, carried_out) in [(FaultKind::CloseAfter, 1), (FaultKind::CloseBefore, 0)] {
            let (simulator, client) = start().await;
            let agent = host(&simulator, json!({"hostname": "DC-01"}));
            simulator.inject(Fault::new(fault).on("isolate_agent"));
            let report = isolate(&client, [agent]).await;
            assert_eq!(report.unknown, [agent]);
            assert_eq!(simulator.writes().len(), carried_out);
            assert_eq!(simulator.arrivals().total, 1);
        }
    }
}
