//! Every read of the API, by the client, against the simulator.

mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use futures::TryStreamExt as _;
use huntress::{AccountClient, Client, Credentials, Error, Page, RateLimiter, jiff};
use huntress_simulator::{Fault, FaultKind, RetryAfter, Simulator};
use serde_json::Value;

async fn simulated() -> (Simulator, Client) {
    let builder = Simulator::builder().no_quota().strict_parameters(true);
    let simulator = builder.start().await.unwrap();
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
        assert_eq!($client.$get(item.id).send().await.unwrap().id, item.id);
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
        let remediations = $client.list_remediations(incident);
        let remediation = first(remediations.send().await).id;
        let get = $client.get_remediation(incident, remediation);
        assert_eq!(get.send().await.unwrap().id, remediation);
    };
}

#[tokio::test]
async fn every_read_decodes_and_a_managed_account_has_its_own() {
    let (simulator, client) = simulated().await;
    reads(&client).await;
    scoped_reads(&client).await;
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

#[allow(deprecated)]
async fn reads(client: &Client) {
    client.get_account().send().await.unwrap();
    client.get_actor().send().await.unwrap();
    assert!(!client.list_known_vpns().send().await.unwrap().is_empty());
    let account = first(client.list_accounts().send().await);
    assert_eq!(
        client
            .get_account_by_id(account.id)
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
    first(client.list_account_usage_line_items(invoice).send().await);
    first(
        client
            .list_organization_usage_line_items(invoice)
            .send()
            .await,
    );
    read_scoped!(client);
}

#[allow(deprecated)]
async fn scoped_reads(client: &Client) {
    let scoped: AccountClient = client.for_account(2);
    read_scoped!(scoped);
    assert_eq!(
        first(scoped.list_agents().send().await).account_id,
        Some(2.into())
    );
    assert_eq!(
        first(client.list_agents().send().await).account_id,
        Some(1.into())
    );
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
    let whole = client.list_agents().page_size(500).send().await.unwrap();
    assert_eq!(whole.next_page_token, None);
    let default = client.list_agents().send().await.unwrap();
    assert_eq!(default.items.len(), 10);
    let (mut seen, mut token) = (Vec::new(), None);
    loop {
        let mut call = client.list_agents().page_size(50);
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
        .page_size(500)
        .send()
        .await
        .unwrap()
        .items;
    assert_eq!(organizations.len(), 14);
    for organization in &organizations {
        let agents = client
            .list_agents()
            .organization_id(organization.id)
            .page_size(500);
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
        .page_size(500)
        .send()
        .await
        .unwrap()
        .items
    {
        if let Some(agent) = incident.agent_id {
            let agent = client.get_agent(agent).send().await.unwrap();
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
            .get_agent(404)
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
        |client: Client| async move { client.list_agents().page_size(500).send().await.unwrap() };
    assert_eq!(agents(one).await, agents(two).await);
}

/// All rows of a list, with nothing lost.
macro_rules! rows {
    ($call:expr) => {{
        let rows: Vec<Value> = $call.stream_as().try_collect().await.unwrap();
        rows
    }};
}

#[tokio::test]
async fn every_order_is_kept_over_all_pages_and_has_every_row_once() {
    let (_simulator, client) = simulated().await;
    macro_rules! ordered {
        ($list:ident, $($field:literal),+) => {
            let all: BTreeSet<i64> = rows!(client.$list()).iter().map(id).collect();
            for field in [$($field),+] {
                for direction in ["asc", "desc"] {
                    let sorted = client.$list().sort_field(field).sort_direction(direction);
                    let mut rows = rows!(sorted.page_size(7));
                    let ids: BTreeSet<i64> = rows.iter().map(id).collect();
                    assert_eq!((ids, rows.len()), (all.clone(), all.len()), "{field} {direction}");
                    if direction == "desc" {
                        rows.reverse();
                    }
                    let value = |row: &Value| match field {
                        "user_id" => row["user"]["id"].clone(),
                        "minimum" => row["minimum_usage"].clone(),
                        _ => row[field].clone(),
                    };
                    let key = |row: &Value| match &value(row) {
                        Value::Number(number) => number.as_i64().map(|n| format!("{n:020}")),
                        value => value.as_str().map(str::to_owned),
                    };
                    assert!(rows.is_sorted_by_key(key), "{field} {direction}");
                }
            }
        };
    }
    ordered!(list_agents, "id", "created_at", "updated_at");
    ordered!(list_organizations, "id", "name", "created_at", "updated_at");
    ordered!(list_incident_reports, "id", "updated_at");
    ordered!(list_escalations, "id", "updated_at");
    ordered!(list_invoices, "id", "status", "created_at");
    ordered!(list_accounts, "id", "name", "subdomain");
    ordered!(list_identities, "id", "created_at");
    ordered!(list_signals, "id", "created_at");
    ordered!(list_memberships, "id", "user_id", "created_at");
    ordered!(list_reseller_subscriptions, "id", "minimum", "status");
}

fn id(row: &Value) -> i64 {
    row["id"].as_i64().unwrap()
}

#[tokio::test]
async fn filters_give_the_rows_that_they_name_and_all_of_them() {
    let (_simulator, client) = simulated().await;
    /// Whether the values of a filter divide a list into what each of them says.
    macro_rules! divides {
        ($list:ident, $filter:ident, [$($value:expr),+], $is:expr) => {
            let all = rows!(client.$list());
            $(
                divides!($list, $filter, $value, $value, all, $is);
            )+
        };
        // What is set and what is compared may be of two types.
        ($list:ident, $filter:ident, $set:expr, $value:expr, $all:ident, $is:expr) => {
                let filtered: Vec<i64> = rows!(client.$list().$filter($set)).iter().map(id).collect();
                let is = |row: &&Value| $is(row, $value);
                let expected: Vec<i64> = $all.iter().filter(is).map(id).collect();
                assert_eq!(filtered, expected, "{} {:?}", stringify!($filter), $value);
                assert!(filtered.len() < $all.len(), "{} {:?}", stringify!($filter), $value);
        };
    }
    let has = |field: &'static str| move |row: &Value, value: &str| row[field] == value;
    divides!(
        list_agents,
        platform,
        ["windows", "darwin", "linux"],
        has("platform")
    );
    divides!(list_agents, os, ["macOS 15", "Debian 12"], has("os"));
    divides!(
        list_agents,
        hostname,
        ["PC-000", "no such host"],
        has("hostname")
    );
    divides!(list_agents, version, ["0.14.7"], has("version"));
    divides!(
        list_incident_reports,
        severity,
        ["low", "high", "critical"],
        has("severity")
    );
    divides!(
        list_incident_reports,
        status,
        ["sent", "closed"],
        has("status")
    );
    divides!(
        list_incident_reports,
        platform,
        ["microsoft_365"],
        has("platform")
    );
    divides!(
        list_incident_reports,
        indicator_type,
        ["footholds"],
        |row: &Value, value| {
            row["indicator_types"]
                .as_array()
                .unwrap()
                .iter()
                .any(|kind| kind == value)
        }
    );
    divides!(list_escalations, status, ["resolved"], has("status"));
    divides!(list_escalations, subtype, ["country"], has("subtype"));
    divides!(
        list_identities,
        risk_level,
        ["none", "high"],
        has("risk_level")
    );
    divides!(
        list_identities,
        tenant_type,
        ["google_workspace"],
        |row: &Value, value| { row["tenant"]["type"] == value }
    );
    divides!(
        list_identities,
        mfa_enabled,
        [true, false],
        |row: &Value, value| { row["mfa_enabled"] == value }
    );
    divides!(
        list_external_ports,
        port,
        [443, 22],
        |row: &Value, value| row["port"] == value
    );
    divides!(
        list_external_ports,
        risky_service,
        [true],
        |row: &Value, value| { row["risky_service"] == value }
    );
    divides!(
        list_invoices,
        has_usage,
        [true, false],
        |row: &Value, value| { row["has_usage"] == value }
    );
    divides!(
        list_signals,
        types,
        [["Footholds", "SIEM"]],
        |row: &Value, value: [&str; 2]| { value.iter().any(|kind| row["type"] == *kind) }
    );
    divides!(
        list_signals,
        entity_type,
        ["agent"],
        |row: &Value, value| { row["entity"]["type"] == value }
    );
    let mut days: Vec<String> = rows!(client.list_signals())
        .iter()
        .map(|signal| signal["investigated_at"].as_str().unwrap()[..10].to_owned())
        .collect();
    days.sort();
    let middle = &*days[days.len() / 2];
    let moment: jiff::Timestamp = format!("{middle}T00:00:00Z").parse().unwrap();
    let all = rows!(client.list_signals());
    divides!(
        list_signals,
        investigated_at_min,
        moment,
        middle,
        all,
        |row: &Value, value: &str| { row["investigated_at"].as_str().unwrap() >= value }
    );
    divides!(
        list_signals,
        investigated_at_max,
        moment + jiff::SignedDuration::from_secs(86_399),
        middle,
        all,
        |row: &Value, value: &str| { &row["investigated_at"].as_str().unwrap()[..10] <= value }
    );
    divides!(
        list_unwanted_access_rules,
        category,
        ["country"],
        has("category")
    );
    divides!(
        list_memberships,
        permissions,
        ["Finance"],
        has("permissions")
    );
    divides!(
        list_reseller_subscriptions,
        product,
        ["edr"],
        has("product")
    );
    // The first one, which has most.
    let organization = id(rows!(client.list_organizations()).last().unwrap());
    let of = |rows: Vec<Value>, path: &str| {
        let of = rows
            .iter()
            .filter(|row| row.pointer(path) == Some(&organization.into()));
        (of.count(), rows.len())
    };
    for (of, all) in [
        of(
            rows!(client.list_agents().organization_id(organization)),
            "/organization_id",
        ),
        of(
            rows!(client.list_identities().organization_id(organization)),
            "/organization/id",
        ),
        of(
            rows!(client.list_signals().organization_id(organization)),
            "/organization/id",
        ),
        of(
            rows!(client.list_escalations().organization_id(organization)),
            "/organizations/0/id",
        ),
        of(
            rows!(client.list_external_ports().organization_id(organization)),
            "/organization_ids/0",
        ),
    ] {
        assert!(of > 0);
        assert_eq!(of, all);
    }
}

#[tokio::test]
async fn rows_that_come_and_go_between_two_pages_are_no_gap() {
    let (_simulator, client) = simulated().await;
    let all: Vec<i64> = rows!(client.list_agents()).iter().map(id).collect();
    let first = client.list_agents().page_size(50).send().await.unwrap();
    let token = first.next_page_token.unwrap();
    // One that was seen, the last that was seen, and one that is still to come.
    for index in [3, 49, 60] {
        client.uninstall_agent(all[index]).send().await.unwrap();
    }
    let rest: Vec<i64> = rows!(client.list_agents().start_at(token))
        .iter()
        .map(id)
        .collect();
    let expected = all[50..].iter().copied().filter(|id| *id != all[60]);
    assert_eq!(rest, expected.collect::<Vec<_>>());
    let token = client
        .list_agents()
        .page_size(50)
        .send()
        .await
        .unwrap()
        .next_page_token
        .unwrap();
    let other_order = client
        .list_agents()
        .sort_direction("asc")
        .start_at(token)
        .send()
        .await;
    assert!(other_order.unwrap_err().is_invalid_request());
}

#[tokio::test]
async fn what_happens_in_a_life_happens_in_order() {
    let (_simulator, client) = simulated().await;
    let mut incidents = client.list_incident_reports().stream();
    while let Some(incident) = incidents.try_next().await.unwrap() {
        let life = [incident.sent_at, incident.closed_at, incident.updated_at];
        assert!(life.iter().flatten().is_sorted(), "{life:?}");
    }
    let mut agents = client.list_agents().stream();
    while let Some(agent) = agents.try_next().await.unwrap() {
        assert!(agent.created_at < agent.updated_at.min(agent.last_callback_at));
    }
}

#[tokio::test]
async fn every_list_in_odd_shapes_decodes_whole() {
    let simulator = Simulator::builder()
        .odd_shapes(1.0)
        .quota(1_000_000, Duration::from_millis(1))
        .start()
        .await
        .unwrap();
    let client = support::simulated(&simulator).build().unwrap();
    macro_rules! decodes {
        ($($list:ident),+) => {$(
            let whole = rows!(client.$list());
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
    let incidents = rows!(client.list_incident_reports());
    let shapes: BTreeSet<&str> = incidents
        .iter()
        .map(|incident| match incident.get("remediations") {
            None => "absent",
            Some(Value::Null) => "null",
            Some(Value::Array(_)) => "list",
            Some(object) if object["items"].is_array() => "object",
            Some(_) => "empty",
        })
        .collect();
    assert_eq!(
        shapes,
        BTreeSet::from(["absent", "empty", "list", "null", "object"])
    );
    for incident in incidents {
        let remediations = client.list_remediations(id(&incident));
        let remediations: Vec<_> = remediations.stream().try_collect().await.unwrap();
        assert!(!remediations.is_empty());
        client
            .get_incident_report(id(&incident))
            .send()
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_million_agents_are_there_when_they_are_asked_for() {
    let simulator = Simulator::builder()
        .agents(1_000_000)
        .start()
        .await
        .unwrap();
    let client = support::simulated(&simulator).build().unwrap();
    let last = client.list_agents().page_size(500).send().await.unwrap();
    assert_eq!(last.items.len(), 500);
    let first = client
        .list_agents()
        .sort_direction("asc")
        .page_size(500)
        .send()
        .await
        .unwrap();
    let (first, last) = (first.items[0].id.get(), last.items[0].id.get());
    assert_eq!(last - first, 999_999);
    let one = first + 500_000;
    assert_eq!(client.get_agent(one).send().await.unwrap().id, one);
    let beyond = client.get_agent(last + 1).send().await;
    assert!(beyond.unwrap_err().is_not_found());
}

#[tokio::test]
async fn it_stops_when_it_is_dropped_and_others_go_on() {
    let (one, _) = simulated().await;
    let (_other, other) = simulated().await;
    let client = support::simulated(&one).build().unwrap();
    client.get_account().send().await.unwrap();
    drop(one);
    // The task ends as soon as it can.
    tokio::task::yield_now().await;
    let error = client.get_account().send().await.unwrap_err();
    assert!(error.is_connect() || error.status().is_none(), "{error}");
    other.get_account().send().await.unwrap();
}

#[tokio::test]
async fn another_seed_gives_other_data_and_sizes_are_as_chosen() {
    let start = |seed| {
        Simulator::builder()
            .seed(seed)
            .agents(30)
            .organizations(3)
            .start()
    };
    let (one, two) = (start(7).await.unwrap(), start(8).await.unwrap());
    let agents = async |simulator: &Simulator| {
        let client = support::simulated(simulator).build().unwrap();
        assert_eq!(rows!(client.list_organizations()).len(), 3);
        rows!(client.list_agents())
    };
    let (one, two) = (agents(&one).await, agents(&two).await);
    assert_eq!((one.len(), two.len()), (30, 30));
    assert_ne!(one, two);
}

#[tokio::test]
async fn the_quota_is_told_as_it_is_asked_to() {
    for (form, header) in [
        (RetryAfter::None, None),
        (RetryAfter::Seconds, Some("60")),
        (RetryAfter::Date, Some(" GMT")),
    ] {
        let builder = Simulator::builder().quota(2, Duration::from_secs(60));
        let builder = builder.quota_headers(true).retry_after(form);
        let builder = builder.quota_body("Slow down");
        let simulator = builder.start().await.unwrap();
        let client = support::simulated(&simulator).build().unwrap();
        for remaining in ["1", "0"] {
            let answer = client.get_account().send_with_response().await.unwrap();
            assert_eq!(answer.headers()["x-huntress-api-call-remaining"], remaining);
            assert_eq!(answer.headers()["x-huntress-api-call-limit"], "2");
        }
        let http = support::http_client().build().unwrap();
        let credentials = simulator.credentials();
        let request = http.get(format!("{}/v1/account", simulator.base_url()));
        let request = request.basic_auth(&credentials.key, Some(&credentials.secret));
        let refused = request.send().await.unwrap();
        assert_eq!(refused.status(), 429);
        let told = refused
            .headers()
            .get("retry-after")
            .map(|value| value.to_str().unwrap());
        assert_eq!(told.is_some(), header.is_some());
        assert!(
            told.unwrap_or_default()
                .ends_with(header.unwrap_or_default()),
            "{told:?}"
        );
        assert_eq!(refused.text().await.unwrap(), "Slow down");
        let arrivals = simulator.arrivals();
        assert_eq!((arrivals.total, arrivals.refused), (3, 1));
    }
}

#[tokio::test]
async fn it_is_controlled_without_a_key() {
    let (simulator, client) = simulated().await;
    let http = support::http_client().build().unwrap();
    let url = |path: &str| format!("{}{path}", simulator.base_url());
    let get = async |path: &str| -> Value {
        http.get(url(path))
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap()
    };
    assert_eq!(get("/_simulator").await["arrivals"], 0);
    let fault = r#"{"kind":{"status":503},"operations":["get_account"]}"#;
    let post = http
        .post(url("/_simulator/faults"))
        .body(fault)
        .send()
        .await
        .unwrap();
    assert_eq!(post.status(), 204);
    let never = http
        .post(url("/_simulator/faults"))
        .body(r#"{"kind":"never"}"#);
    assert_eq!(never.send().await.unwrap().status(), 400);
    let struck = client.get_account().send_with_response().await;
    // The default policy tries again.
    assert_eq!(struck.unwrap().status(), 200);
    assert_eq!(get("/_simulator").await["arrivals"], 2);
    let agent = client.list_agents().send().await.unwrap().items[0].id;
    client.uninstall_agent(agent).send().await.unwrap();
    assert_eq!(get("/_simulator/writes").await[0]["ids"][0], agent.get());
    simulator.inject(Fault::new(FaultKind::Status(500)).times(9));
    assert_eq!(
        http.delete(url("/_simulator/faults"))
            .send()
            .await
            .unwrap()
            .status(),
        204
    );
    client.get_actor().send().await.unwrap();
    assert!(get("/swagger_doc.json").await["paths"].is_object());
    assert!(get("/openapi.json").await["openapi"].is_string());
    assert!(get("/v1/webhooks_doc.json").await.is_object());
}

/// What our client would refuse to send, sent all the same.
#[tokio::test]
async fn limits_and_methods_are_checked_by_the_simulator_itself() {
    let (simulator, _) = simulated().await;
    let credentials = simulator.credentials();
    let http = support::http_client().build().unwrap();
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
