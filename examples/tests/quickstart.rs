//! The quickstart as a new user runs it: without credentials, and with them.

mod support;

use std::process::{Command, Output};

use huntress_simulator::Simulator;
use support::example;

fn quickstart() -> Command {
    example("quickstart")
}

fn run(command: &mut Command) -> Output {
    command.output().unwrap()
}

#[test]
fn without_credentials_it_shows_the_simulators_account() {
    let output = run(&mut quickstart());
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    assert!(
        text.starts_with(
            "No credentials in the environment: a made-up account at http://127.0.0.1:"
        )
    );
    for part in [
        "(account 1)",
        "14 organizations, 168 agents",
        "open incidents",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_credentials_in_the_environment_it_asks_the_api_they_are_for() {
    let simulator = Simulator::start().await.unwrap();
    let credentials = simulator.credentials().clone();
    for (key, secret) in [("API_KEY", "API_SECRET"), ("PUBLIC_KEY", "PRIVATE_KEY")] {
        let mut command = quickstart();
        command
            .env("HUNTRESS_BASE_URL", simulator.base_url())
            .env(format!("HUNTRESS_{key}"), &credentials.key)
            .env(format!("HUNTRESS_{secret}"), &credentials.secret);
        let output = tokio::task::spawn_blocking(move || run(&mut command))
            .await
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.starts_with("Alder Dental Group (account 1)"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_text_for_loopback_goes_to_no_proxy() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = format!("http://{}", listener.local_addr().unwrap());
    let mut command = quickstart();
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        command.env(name, &proxy);
    }
    command.env_remove("NO_PROXY").env_remove("no_proxy");
    let ran = tokio::task::spawn_blocking(move || run(&mut command));
    tokio::select! {
        _ = listener.accept() => panic!("the proxy was asked"),
        output = ran => assert!(output.unwrap().status.success()),
    }
}

#[test]
fn half_a_pair_of_credentials_is_an_error_that_names_the_other_half() {
    let output = run(quickstart().env("HUNTRESS_API_KEY", "hk_x"));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(text.contains("HUNTRESS_API_SECRET"), "{text}");
    assert!(!text.contains("hk_x"), "{text}");
}
