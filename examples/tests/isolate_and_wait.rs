//! The isolation of a host as somebody runs it, with answers that are lost.

mod support;

use std::process::Command;
use std::time::Duration;

use huntress_simulator::{Fault, FaultKind, Simulator};
use serde_json::{Value, json};
use support::{Ran, example, run, with};

/// A simulator whose hosts react at once, and the id of one of them.
async fn start(firewall_status: &str) -> (Simulator, String) {
    let builder = Simulator::builder().reaction(Duration::from_millis(1));
    let simulator = builder.start().await.unwrap();
    let host = json!({"hostname": "DC-01", "firewall_status": firewall_status});
    let host = simulator.put("agents", host).unwrap();
    (simulator, host["id"].to_string())
}

fn program(simulator: &Simulator) -> Command {
    with(
        example("isolate_and_wait"),
        simulator,
        simulator.credentials(),
    )
}

async fn isolate(simulator: &Simulator, id: &str) -> Ran {
    let mut command = program(simulator);
    command.arg(id);
    run(command).await
}

/// The ids and the answers of the writes.
fn writes(simulator: &Simulator) -> Vec<(Value, u16)> {
    let writes = simulator.writes();
    writes
        .iter()
        .map(|write| (json!(write.ids), write.status))
        .collect()
}

#[tokio::test]
async fn without_credentials_it_isolates_a_made_up_host() {
    let ran = run(example("isolate_and_wait")).await;
    assert!(ran.succeeded().ends_with(": isolated\n"), "{}", ran.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_id_it_sends_nothing_to_the_real_api() {
    let (simulator, _) = start("Enabled").await;
    let ran = run(program(&simulator)).await;
    assert!(ran.failed().contains("usage: isolate_and_wait"));
    assert_eq!(simulator.arrivals().total, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_lost_is_looked_for_and_not_asked_for_again() {
    let (simulator, id) = start("Enabled").await;
    simulator.inject(Fault::new(FaultKind::CloseAfter).on("isolate_agent"));
    let ran = isolate(&simulator, &id).await;
    assert!(ran.succeeded().ends_with(": isolated\n"), "{}", ran.out);
    assert!(ran.errors.contains("isolate_agent"), "{}", ran.errors);
    assert!(
        !ran.errors.contains("nothing has happened"),
        "{}",
        ran.errors
    );
    let id: i64 = id.parse().unwrap();
    assert_eq!(writes(&simulator), [(json!([id]), 201)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_lost_is_sent_again_after_a_look() {
    let (simulator, id) = start("Enabled").await;
    simulator.inject(Fault::new(FaultKind::CloseBefore).on("isolate_agent"));
    let ran = isolate(&simulator, &id).await;
    assert!(ran.succeeded().ends_with(": isolated\n"), "{}", ran.out);
    assert!(
        ran.errors.contains("nothing has happened"),
        "{}",
        ran.errors
    );
    let id: i64 = id.parse().unwrap();
    assert_eq!(writes(&simulator), [(json!([id]), 201)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_some_tries_it_gives_up_with_what_is_not_known() {
    let (simulator, id) = start("Enabled").await;
    let fault = Fault::new(FaultKind::CloseBefore).rate(1.0);
    simulator.inject(fault.on("isolate_agent"));
    let ran = isolate(&simulator, &id).await;
    assert_eq!(ran.failed().matches("nothing has happened").count(), 2);
    // Three tries, and a look after each of them.
    assert_eq!(simulator.arrivals().total, 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_it_cannot_look_it_does_not_try_again() {
    let (simulator, id) = start("Enabled").await;
    simulator.inject(Fault::new(FaultKind::CloseAfter).on("isolate_agent"));
    simulator.inject(Fault::new(FaultKind::Status(403)).on("get_agent"));
    let ran = isolate(&simulator, &id).await;
    let errors = ran.failed();
    // The error is that of the isolation.
    assert!(!errors.contains("403"), "{errors}");
    assert_eq!(simulator.arrivals().total, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_isolated_already_is_no_error() {
    let (simulator, id) = start("Isolated").await;
    let ran = isolate(&simulator, &id).await;
    assert!(ran.succeeded().ends_with(": isolated\n"), "{}", ran.out);
    let id: i64 = id.parse().unwrap();
    assert_eq!(writes(&simulator), [(json!([id]), 409)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_an_error_and_is_not_looked_at() {
    let (simulator, id) = start("Enabled").await;
    let read_only = simulator.read_only_credentials();
    let mut command = with(example("isolate_and_wait"), &simulator, read_only);
    command.arg(id);
    let ran = run(command).await;
    assert!(ran.failed().contains("403"), "{}", ran.errors);
    assert_eq!(simulator.arrivals().total, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_does_not_react_is_not_waited_for_for_ever() {
    let builder = Simulator::builder().reaction(Duration::from_secs(3600));
    let simulator = builder.start().await.unwrap();
    let host = simulator.put("agents", json!({"firewall_status": "Enabled"}));
    let mut command = program(&simulator);
    command.arg(host.unwrap()["id"].to_string()).arg("1");
    let ran = run(command).await;
    assert!(ran.failed().contains("is not isolated after 1 s"));
    assert!(ran.out.contains("the isolation is under way"));
}
