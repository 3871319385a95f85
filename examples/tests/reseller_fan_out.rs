//! The reports of many accounts, as somebody runs them.

mod support;

use std::process::{Child, Stdio};
use std::time::Duration;

use huntress_simulator::{Fault, FaultKind, Simulator};
use serde_json::json;
use support::{example, run, with};
use tokio::time::sleep;

/// The numbers in the line of each account, in order.
fn numbers(out: &str) -> Vec<Vec<&str>> {
    let lines = out.lines().skip(1);
    let mut numbers: Vec<Vec<_>> = lines
        .map(|line| line.split_whitespace().take(3).collect())
        .collect();
    numbers.sort();
    numbers
}

#[tokio::test]
async fn without_credentials_it_reports_the_simulators_reseller() {
    let ran = run(example("reseller_fan_out")).await;
    assert_eq!(ran.succeeded().lines().count(), 1 + 3, "{}", ran.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_account_is_reported_once_with_its_own_numbers() {
    let builder = Simulator::builder().accounts(6).agents(3);
    let simulator = builder.incident_reports(0).start().await.unwrap();
    let put = |list, row| simulator.put(list, row).unwrap();
    put("agents", json!({"hostname": "DC-01"}));
    for severity in ["critical", "low"] {
        let row = json!({"severity": severity, "status": "sent"});
        put("accounts/2/incident_reports", row);
    }
    let closed = json!({"severity": "critical", "status": "closed"});
    put("accounts/2/incident_reports", closed);

    let command = with(
        example("reseller_fan_out"),
        &simulator,
        simulator.credentials(),
    );
    let ran = run(command).await;
    let quiet = ["3", "0", "0"];
    let expected = [quiet, quiet, quiet, quiet, ["3", "2", "1"], ["4", "0", "0"]];
    assert_eq!(numbers(ran.succeeded()), expected);
    // Within the quota that all accounts share.
    assert_eq!(simulator.arrivals().refused, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn at_most_four_accounts_are_asked_at_once() {
    let simulator = Simulator::builder().accounts(9).start().await.unwrap();
    // Longer than this test.
    let (least, most) = (600_000, 600_000);
    let latency = Fault::new(FaultKind::Latency { least, most }).rate(1.0);
    simulator.inject(latency.on("list_agents"));
    let credentials = simulator.credentials();
    let mut command = with(example("reseller_fan_out"), &simulator, credentials);
    let silent = command.stdout(Stdio::null()).stderr(Stdio::null());
    let _child = Kill(silent.spawn().unwrap());
    // The own account and the list of the others, then the agents of four.
    while simulator.arrivals().total < 2 + 4 {
        sleep(Duration::from_millis(10)).await;
    }
    sleep(Duration::from_millis(300)).await;
    assert_eq!(simulator.arrivals().total, 2 + 4);
}

/// Not left running.
struct Kill(Child);

impl Drop for Kill {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_fails_costs_the_others_nothing() {
    let simulator = Simulator::builder().accounts(6).start().await.unwrap();
    let fault = Fault::new(FaultKind::Status(403)).times(2);
    simulator.inject(fault.on("list_incident_reports"));
    let command = with(
        example("reseller_fan_out"),
        &simulator,
        simulator.credentials(),
    );
    let ran = run(command).await;
    let errors = ran.failed();
    assert_eq!(errors.matches("403").count(), 2, "{errors}");
    assert!(
        errors.contains("2 of the accounts could not be reported"),
        "{errors}"
    );
    assert_eq!(numbers(&ran.out).len(), 4, "{}", ran.out);
}
