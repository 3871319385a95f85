//! Every read of the API, by the client, against the simulator.

use std::time::Duration;

use huntress::{AccountClient, Client, Credentials, Error, Page, RateLimiter};
use huntress_simulator::Simulator;

async fn simulated() -> (Simulator, Client) {
    let simulator = Simulator::start().await.unwrap();
    let credentials = simulator.credentials();
    let client = Client::builder()
        .base_url(simulator.base_url())
        .credentials(Credentials::new(&credentials.key, &credentials.secret))
        // Not what is tested here.
        .rate_limiter(RateLimiter::new(10_000, Duration::from_secs(1)))
        .build()
        .unwrap();
    (simulator, client)
}

/// The first of a list, which must have one.
fn first<T>(page: Result<Page<T>, Error>) -> T {
    page.unwrap().items.into_iter().next().expect("an item")
}

macro_rules! read {
    ($client:ident, $list:ident, $get:ident) => {
        let item = first($client.$list().send().await);
        assert_eq!($client.$get().id(item.id).send().await.unwrap().id, item.id);
    };
}

macro_rules! read_scoped {
    ($client:ident) => {
        read!($client, list_agents, get_agent);
        read!($client, list_external_ports, get_external_port);
        read!($client, list_invoices, get_invoice);
        read!($client, list_billing_reports, get_billing_report);
        read!($client, list_incident_reports, get_incident_report);
        read!($client, list_memberships, get_membership);
        read!($client, list_organizations, get_organization);
        read!($client, list_summary_reports, get_summary_report);
        read!($client, list_signals, get_signal);
        let incident = first($client.list_incident_reports().send().await).id;
        let remediations = $client.list_remediations().incident_report_id(incident);
        let remediation = first(remediations.send().await).id;
        let get = $client.get_remediation().incident_report_id(incident);
        assert_eq!(
            get.remediation_id(remediation).send().await.unwrap().id,
            remediation
        );
    };
}

#[tokio::test]
#[allow(deprecated)]
async fn every_read_of_the_key_s_own_account_decodes() {
    let (_simulator, client) = simulated().await;
    client.get_account().send().await.unwrap();
    client.get_actor().send().await.unwrap();
    assert!(!client.list_known_vpns().send().await.unwrap().is_empty());
    let account = first(client.list_accounts().send().await);
    assert_eq!(
        client
            .get_account_by_id()
            .account_id(account.id)
            .send()
            .await
            .unwrap()
            .id,
        account.id
    );
    read!(client, list_escalations, get_escalation);
    read!(client, list_identities, get_identity);
    read!(client, list_platform_actions, get_platform_action);
    read!(client, list_unwanted_access_rules, get_unwanted_access_rule);
    read!(client, list_reseller_invoices, get_reseller_invoice);
    read!(
        client,
        list_reseller_subscriptions,
        get_reseller_subscription
    );
    let invoice = first(client.list_reseller_invoices().send().await).id;
    first(
        client
            .list_account_usage_line_items()
            .id(invoice)
            .send()
            .await,
    );
    first(
        client
            .list_organization_usage_line_items()
            .id(invoice)
            .send()
            .await,
    );
    read_scoped!(client);
}

#[tokio::test]
#[allow(deprecated)]
async fn every_read_of_a_managed_account_decodes_and_is_its_own() {
    let (_simulator, client) = simulated().await;
    let scoped: AccountClient = client.for_account(2);
    read_scoped!(scoped);
    assert_eq!(first(scoped.list_agents().send().await).account_id, Some(2));
    assert_eq!(first(client.list_agents().send().await).account_id, Some(1));
    let unknown = client
        .for_account(99)
        .list_agents()
        .send()
        .await
        .unwrap_err();
    assert!(unknown.is_not_found(), "{unknown}");
}

#[tokio::test]
async fn pages_follow_each_other_without_a_gap_and_end() {
    let (_simulator, client) = simulated().await;
    let whole = client.list_agents().limit(500).send().await.unwrap();
    assert_eq!(whole.next_page_token, None);
    let default = client.list_agents().send().await.unwrap();
    assert_eq!(default.items.len(), 10);
    let (mut seen, mut token) = (Vec::new(), None);
    loop {
        let mut call = client.list_agents().limit(50);
        if let Some(token) = token {
            call = call.page_token::<String>(token);
        }
        let page = call.send().await.unwrap();
        seen.extend(page.items);
        token = page.next_page_token;
        if token.is_none() {
            break;
        }
    }
    assert_eq!(seen, whole.items);
}

#[tokio::test]
async fn what_belongs_to_an_organization_exists_and_adds_up() {
    let (_simulator, client) = simulated().await;
    let organizations = client
        .list_organizations()
        .limit(500)
        .send()
        .await
        .unwrap()
        .items;
    assert_eq!(organizations.len(), 14);
    for organization in &organizations {
        let agents = client
            .list_agents()
            .organization_id(organization.id)
            .limit(500);
        let agents = agents.send().await.unwrap().items;
        assert_eq!(organization.agents_count, i64::try_from(agents.len()).ok());
        assert!(
            agents
                .iter()
                .all(|agent| agent.organization_id == Some(organization.id))
        );
    }
    for incident in client
        .list_incident_reports()
        .limit(500)
        .send()
        .await
        .unwrap()
        .items
    {
        if let Some(agent) = incident.agent_id {
            let agent = client.get_agent().id(agent).send().await.unwrap();
            assert_eq!(agent.organization_id, incident.organization_id);
        }
    }
}

#[tokio::test]
async fn what_is_wrong_is_answered_as_the_api_would() {
    let (simulator, client) = simulated().await;
    let wrong = Client::builder()
        .base_url(simulator.base_url())
        .credentials(Credentials::new("hk_wrong", "hs_wrong"))
        .build()
        .unwrap();
    let error = wrong.get_account().send().await.unwrap_err();
    assert!(error.is_authentication());
    assert_eq!(
        error.message().as_deref(),
        Some("Missing or incorrect authorization scheme")
    );
    assert!(
        client
            .get_agent()
            .id(404)
            .send()
            .await
            .unwrap_err()
            .is_not_found()
    );
    let mangled = client
        .list_agents()
        .page_token("mangled")
        .send()
        .await
        .unwrap_err();
    assert!(mangled.is_invalid_request());
    let elsewhere = Client::builder()
        .base_url(format!("{}/elsewhere", simulator.base_url()))
        .credentials(Credentials::new("hk_simulator", "hs_simulator"))
        .build()
        .unwrap();
    let error = elsewhere.get_account().send().await.unwrap_err();
    assert_eq!(error.message().as_deref(), Some("Invalid path specified"));
}

#[tokio::test]
async fn the_world_is_the_same_on_every_start() {
    let (_one, one) = simulated().await;
    let (_two, two) = simulated().await;
    let agents =
        |client: Client| async move { client.list_agents().limit(500).send().await.unwrap() };
    assert_eq!(agents(one).await, agents(two).await);
}

/// What our client would refuse to send, sent all the same.
#[tokio::test]
async fn limits_and_methods_are_checked_by_the_simulator_itself() {
    let (simulator, _) = simulated().await;
    let credentials = simulator.credentials();
    let http = reqwest::Client::builder()
        .tls_backend_preconfigured(no_tls())
        .build()
        .unwrap();
    let status = async |method: reqwest::Method, path: &str| {
        let request = http.request(method, format!("{}{path}", simulator.base_url()));
        let request = request.basic_auth(&credentials.key, Some(&credentials.secret));
        request.send().await.unwrap().status().as_u16()
    };
    for (path, expected) in [
        ("/v1/agents?limit=1", 200),
        ("/v1/agents?limit=500", 200),
        ("/v1/agents?limit=0", 400),
        ("/v1/agents?limit=501", 400),
        ("/v1/agents?limit=ten", 400),
        ("/v1/agents/ten", 404),
        ("/v1/nothing", 404),
        ("/", 404),
    ] {
        assert_eq!(status(reqwest::Method::GET, path).await, expected, "{path}");
    }
    let post = reqwest::Method::POST;
    assert_eq!(status(post.clone(), "/v1/organizations").await, 400);
    assert_eq!(status(post, "/v1/agents").await, 405);
}

/// TLS is never used on loopback, but reqwest wants a provider for it.
fn no_tls() -> rustls::ClientConfig {
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth()
}
