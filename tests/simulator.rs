//! The client against the simulator: every read decodes, also in odd shapes, and what the
//! simulator answers to a mistake is an error that says so. What the simulator does on its
//! own is tested beside it.

mod support;

use std::collections::BTreeSet;

use futures::TryStreamExt as _;
use huntress::{AccountOperations, Client, Credentials, Error, Page, jiff, types};
use huntress_simulator::{Simulator, SimulatorBuilder};
use serde_json::Value;

async fn start(builder: SimulatorBuilder) -> (Simulator, Client) {
    let builder = builder.no_quota().strict_parameters(true);
    let simulator = builder.start().await.unwrap();
    let client = support::simulated(&simulator).build().unwrap();
    (simulator, client)
}

/// The first of a list, which must have one.
fn first<T>(page: Result<Page<T>, Error>) -> T {
    page.unwrap().items.into_iter().next().expect("an item")
}

/// Reads the first of a list on its own.
macro_rules! read {
    ($client:ident, $list:ident, $get:ident) => {
        let item = first($client.$list().send().await);
        assert_eq!($client.$get(item.id).send().await.unwrap().id, item.id);
    };
}

#[tokio::test]
async fn every_read_decodes() {
    let (simulator, client) = start(Simulator::builder()).await;
    read_own(&client).await;
    read_shared(&client).await;
    read_shared(&client.for_account(2)).await;
    let text = std::fs::read_to_string("spec/openapi.json").unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    let mut documented = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let Some(get) = item.get("get") else { continue };
        documented.insert(format!("GET {path}"));
        if get["x-huntress-account-scope"] == true {
            let scoped = path.replacen("/v1/", "/v1/accounts/{account_id}/", 1);
            documented.insert(format!("GET {scoped}"));
        }
    }
    assert_eq!(support::succeeded(&simulator, |_| true), documented);
}

/// What there is for the account of the key alone.
async fn read_own(client: &Client) {
    client.get_account().send().await.unwrap();
    client.get_actor().send().await.unwrap();
    assert!(!client.list_known_vpns().send().await.unwrap().is_empty());
    read!(client, list_accounts, get_account_by_id);
    read!(client, list_escalations, get_escalation);
    read!(client, list_identities, get_identity);
    read!(client, list_platform_actions, get_platform_action);
    read!(client, list_unwanted_access_rules, get_unwanted_access_rule);
    read!(client, list_reseller_invoices, get_reseller_invoice);
    let subscription = first(client.list_reseller_subscriptions().send().await).id;
    let get = client.get_reseller_subscription(subscription);
    assert_eq!(get.send().await.unwrap().id, subscription);
    let invoice = first(client.list_reseller_invoices().send().await).id;
    first(client.list_account_usage_line_items(invoice).send().await);
    let lines = client.list_organization_usage_line_items(invoice);
    first(lines.send().await);
}

/// What there is for a managed account as well.
#[allow(deprecated)]
async fn read_shared(account: &impl AccountOperations) {
    read!(account, list_agents, get_agent);
    read!(account, list_external_ports, get_external_port);
    read!(account, list_invoices, get_invoice);
    read!(account, list_billing_reports, get_billing_report);
    read!(account, list_incident_reports, get_incident_report);
    read!(account, list_memberships, get_membership);
    read!(account, list_organizations, get_organization);
    read!(account, list_summary_reports, get_summary_report);
    read!(account, list_signals, get_signal);
    let incident = first(account.list_incident_reports().send().await).id;
    let remediation = first(account.list_remediations(incident).send().await).id;
    let get = account.get_remediation(incident, remediation);
    assert_eq!(get.send().await.unwrap().id, remediation);
}

#[tokio::test]
async fn a_managed_account_has_its_own_rows() {
    let (_simulator, client) = start(Simulator::builder()).await;
    let agent = first(client.for_account(2).list_agents().send().await);
    assert_eq!(agent.account_id, Some(2.into()));
    let agent = first(client.list_agents().send().await);
    assert_eq!(agent.account_id, Some(1.into()));
    let unknown = client.for_account(99).list_agents().send().await;
    assert!(unknown.unwrap_err().is_not_found());
}

#[tokio::test]
async fn a_filter_of_each_type_finds_what_it_names() {
    let (_simulator, client) = start(Simulator::builder()).await;
    let agents = client.list_agents().os("macOS 15").stream();
    let agents: Vec<_> = agents.try_collect().await.unwrap();
    assert!(!agents.is_empty());
    assert!(
        agents
            .iter()
            .all(|agent| agent.os.as_deref() == Some("macOS 15"))
    );

    let identities = client.list_identities().mfa_enabled(true).stream();
    let identities: Vec<_> = identities.try_collect().await.unwrap();
    assert!(!identities.is_empty());
    assert!(
        identities
            .iter()
            .all(|identity| identity.mfa_enabled == Some(true))
    );

    let since: jiff::Timestamp = "2026-05-20T00:00:00Z".parse().unwrap();
    let signals = client.list_signals().types(["Footholds", "SIEM"]);
    let found: Vec<_> = signals.stream().try_collect().await.unwrap();
    let kinds: BTreeSet<_> = found
        .iter()
        .map(|signal| format!("{:?}", signal.type_))
        .collect();
    assert_eq!(kinds.len(), 2, "{kinds:?}");
    let signals = client.list_signals().investigated_at_min(since).stream();
    let signals: Vec<_> = signals.try_collect().await.unwrap();
    assert!(!signals.is_empty());
    assert!(
        signals
            .iter()
            .all(|signal| signal.investigated_at >= Some(since))
    );
}

#[tokio::test]
async fn a_mistake_is_answered_as_the_api_would() {
    let (simulator, client) = start(Simulator::builder()).await;
    let refused = |builder: huntress::ClientBuilder| {
        let client = builder.build().unwrap();
        async move { client.get_account().send().await.unwrap_err() }
    };
    let wrong = Credentials::new("hk_wrong", "hs_wrong");
    let error = refused(support::simulated(&simulator).credentials(wrong)).await;
    assert!(error.is_authentication(), "{error}");
    let unknown = "Missing or incorrect authorization scheme";
    assert_eq!(error.message().as_deref(), Some(unknown));
    let elsewhere = format!("{}/elsewhere", simulator.base_url());
    let error = refused(support::simulated(&simulator).base_url(elsewhere)).await;
    assert_eq!(error.message().as_deref(), Some("Invalid path specified"));
    let nobody = client.get_agent(404).send().await.unwrap_err();
    assert!(nobody.is_not_found(), "{nobody}");
    let mangled = client.list_agents().page_token("mangled").send().await;
    assert!(mangled.unwrap_err().is_invalid_request());
}

#[tokio::test]
async fn what_has_stopped_cannot_be_connected_to() {
    let (simulator, client) = start(Simulator::builder()).await;
    client.get_account().send().await.unwrap();
    drop(simulator);
    // The task ends when it is polled again.
    tokio::task::yield_now().await;
    // The first call may find its old connection closed; the next one needs a new one.
    let _ = client.get_account().send().await;
    let error = client.get_account().send().await.unwrap_err();
    assert!(error.is_connect(), "{error}");
}

/// A simulator that makes everything odd that can be.
async fn odd() -> (Simulator, Client) {
    start(Simulator::builder().odd_shapes(1.0)).await
}

#[tokio::test]
async fn every_list_in_odd_shapes_decodes_whole() {
    let (_simulator, client) = odd().await;
    macro_rules! decodes {
        ($($list:ident),+) => {$(
            let whole: Vec<Value> = client.$list().stream_as().try_collect().await.unwrap();
            let typed: Vec<_> = client.$list().stream().try_collect().await.unwrap();
            assert_eq!(typed.len(), whole.len(), stringify!($list));
            assert!(!typed.is_empty());
        )+};
    }
    decodes!(
        list_accounts,
        list_agents,
        list_escalations,
        list_external_ports,
        list_identities,
        list_incident_reports,
        list_invoices,
        list_memberships,
        list_organizations,
        list_platform_actions,
        list_reseller_invoices,
        list_reseller_subscriptions,
        list_signals,
        list_summary_reports,
        list_unwanted_access_rules
    );
}

#[tokio::test]
async fn every_resource_in_odd_shapes_decodes() {
    let (_simulator, client) = odd().await;
    let mut incidents = client.list_incident_reports().stream();
    while let Some(incident) = incidents.try_next().await.unwrap() {
        let remediations = client.list_remediations(incident.id).stream();
        let remediations: Vec<_> = remediations.try_collect().await.unwrap();
        assert!(!remediations.is_empty());
        client
            .get_incident_report(incident.id)
            .send()
            .await
            .unwrap();
    }
    let mut escalations = client.list_escalations().stream();
    while let Some(escalation) = escalations.try_next().await.unwrap() {
        let whole = client.get_escalation(escalation.id).send().await.unwrap();
        assert_eq!(whole.id, escalation.id);
    }
}

#[tokio::test]
async fn what_a_write_answers_in_odd_shapes_decodes() {
    let (_simulator, client) = odd().await;
    let open = client
        .list_escalations()
        .status("open")
        .send()
        .await
        .unwrap();
    let of = |one: &&types::Escalation| one.subtype.as_deref() == Some("vpn");
    let escalation = open.items.iter().find(of).unwrap().id;
    let body = types::ResolveEscalation::new();
    let resolved = client.resolve_escalation(escalation, body).send().await;
    assert_eq!(resolved.unwrap().escalation.unwrap().id, escalation);
    // Which of the incidents are open, only one without odd shapes says for sure.
    let (_plain, plain) = start(Simulator::builder()).await;
    let sent = first(plain.list_incident_reports().status("sent").send().await).id;
    client.approve_remediations(sent).send().await.unwrap();
    let error = client.get_agent(404).send().await.unwrap_err();
    assert_eq!(error.message().as_deref(), Some("Not found"));
}
