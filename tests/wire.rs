//! What each of the 92 operations puts on the wire, compared with the vendor's contract.
//!
//! The contract names the operations and gives every parameter and body field a sample
//! value by its type; the calls below set the same samples as a user would set them. An
//! operation of the contract without a call here fails, and so does a call too many.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;

use huntress::{AccountClient, Client, jiff, types};
use serde_json::{Map, Value, json};
use support::Server;

const ACCOUNT: i64 = 9_007_199_254_740_993;
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];
/// Removed from the vendor's document, still answering; no contract has them.
const LEGACY: [&str; 2] = ["/v1/billing_reports", "/v1/billing_reports/{id}"];

type Call = Pin<Box<dyn Future<Output = ()> + Send>>;
type Calls = BTreeMap<String, Box<dyn Fn(&Client) -> Call>>;

macro_rules! call {
    ($calls:ident, $place:literal, |$client:ident| $call:expr) => {
        let make: Box<dyn Fn(&Client) -> Call> = Box::new(|client: &Client| {
            let $client: Client = client.clone();
            // The answer is `{}`, which is not what was asked for; the request counts.
            Box::pin(async move { drop($call.send().await) })
        });
        assert!($calls.insert($place.to_owned(), make).is_none());
    };
}

/// The same for one managed account, where the API has a mirror.
macro_rules! scoped {
    ($calls:ident, $place:literal, |$client:ident| $call:expr) => {
        call!($calls, $place, |$client| $call);
        let make: Box<dyn Fn(&Client) -> Call> = Box::new(|client: &Client| {
            let $client: AccountClient = client.for_account(ACCOUNT);
            Box::pin(async move { drop($call.send().await) })
        });
        let place = $place.replacen("/v1/", "/v1/accounts/{account_id}/", 1);
        assert!($calls.insert(place, make).is_none());
    };
}

/// Pagination and sorting.
macro_rules! paged {
    ($call:expr) => {
        $call.limit(7).page_token("t+/=")
    };
}

macro_rules! sorted {
    ($call:expr) => {
        paged!($call)
            .sort_field("id")
            .sort_direction(types::SortDirection::Asc)
    };
}

fn address() -> types::builder::Address {
    let address = types::Address::builder()
        .line1("a b")
        .line2("a b")
        .city("a b");
    address.state("a b").postal_code("a b").country("a b")
}

fn day() -> jiff::civil::Date {
    jiff::civil::date(2026, 1, 2)
}

fn moment() -> jiff::Timestamp {
    "2026-01-02T03:04:05Z".parse().unwrap()
}

#[allow(deprecated, clippy::too_many_lines)]
fn calls() -> Calls {
    let mut calls = Calls::new();
    call!(calls, "GET /v1/account", |c| c.get_account());
    call!(calls, "GET /v1/actor", |c| c.get_actor());
    call!(calls, "GET /v1/accounts", |c| sorted!(c.list_accounts())
        .status("enabled")
        .name("a b")
        .subdomain("a b"));
    call!(calls, "POST /v1/accounts", |c| c.create_account().body(
        types::CreateAccount::builder()
            .name("a b")
            .subdomain("a b")
            .phone_number("a b")
            .support_type("huntress_supported")
            .admin(
                types::AccountAdmin::builder()
                    .first_name("a b")
                    .last_name("a b")
                    .email("a b")
            )
            .additional_admin_emails(["a b"])
            .products(["edr"])
            .product_trials([types::Product::Edr])
            .product_trials_start_date("a b")
            .billing_address(address())
            .shipping_address(address())
    ));
    call!(calls, "GET /v1/accounts/{account_id}", |c| c
        .get_account_by_id()
        .account_id(ACCOUNT));
    call!(calls, "PATCH /v1/accounts/{account_id}", |c| c
        .update_account()
        .account_id(ACCOUNT)
        .body(
            types::UpdateAccount::builder()
                .name("a b")
                .subdomain("a b")
                .phone_number("a b")
                .support_type("huntress_supported")
                .billing_address(address())
                .shipping_address(address())
        ));
    call!(calls, "DELETE /v1/accounts/{account_id}", |c| c
        .disable_account()
        .account_id(ACCOUNT));
    call!(calls, "GET /v1/reseller/invoices", |c| paged!(
        c.list_reseller_invoices()
    )
    .status("open"));
    call!(calls, "GET /v1/reseller/invoices/{id}", |c| c
        .get_reseller_invoice()
        .id(7));
    call!(
        calls,
        "GET /v1/reseller/invoices/{id}/account_usage_line_items",
        |c| paged!(c.list_account_usage_line_items().id(7))
    );
    call!(
        calls,
        "GET /v1/reseller/invoices/{id}/organization_usage_line_items",
        |c| paged!(c.list_organization_usage_line_items().id(7))
    );
    call!(calls, "GET /v1/reseller/subscriptions", |c| sorted!(
        c.list_reseller_subscriptions()
    )
    .product("edr")
    .status("draft"));
    call!(calls, "POST /v1/reseller/subscriptions", |c| c
        .create_reseller_subscription()
        .body(
            types::CreateResellerSubscription::builder()
                .account_id(7)
                .product("edr")
                .minimum(7)
                .purchase_order("a b")
                .billing_interval("monthly")
        ));
    call!(calls, "GET /v1/reseller/subscriptions/{id}", |c| c
        .get_reseller_subscription()
        .id(7));
    call!(calls, "PATCH /v1/reseller/subscriptions/{id}", |c| c
        .update_reseller_subscription()
        .id(7)
        .body(
            types::UpdateResellerSubscription::builder()
                .minimum(7)
                .purchase_order("a b")
                .billing_interval("monthly")
                .additional_units(7)
                .auto_renew(true)
        ));
    call!(calls, "POST /v1/reseller/subscriptions/{id}/upgrade", |c| c
        .upgrade_reseller_subscription()
        .id(7)
        .body(
            types::UpgradeResellerSubscription::builder()
                .minimum(7)
                .purchase_order("a b")
                .on_renewal(true)
        ));
    call!(calls, "POST /v1/siem/query", |c| c.query_siem().body(
        types::QuerySiem::builder()
            .esql("a b")
            .range_start(moment())
            .range_end(moment())
            .page_token("a b")
    ));
    scoped!(calls, "GET /v1/agents", |c| sorted!(c.list_agents())
        .organization_id(7)
        .platform("windows")
        .hostname("a b")
        .os("a b")
        .version("a b"));
    scoped!(calls, "GET /v1/agents/{id}", |c| c.get_agent().id(7));
    scoped!(calls, "PATCH /v1/agents/{id}", |c| c
        .update_agent()
        .id(7)
        .body(
            types::UpdateAgent::builder()
                .tags(["a b"])
                .tamper_protection_configured(true)
        ));
    scoped!(calls, "DELETE /v1/agents/{id}", |c| c
        .uninstall_agent()
        .id(7));
    scoped!(calls, "POST /v1/agents/{id}/isolation", |c| c
        .isolate_agent()
        .id(7)
        .body(
            types::IsolateAgent::builder()
                .reason("a b")
                .strict_isolation(true)
        ));
    scoped!(calls, "DELETE /v1/agents/{id}/isolation", |c| c
        .release_agent()
        .id(7));
    scoped!(calls, "GET /v1/external_ports", |c| sorted!(
        c.list_external_ports()
    )
    .organization_id(7)
    .protocol("TCP")
    .port(7_u16)
    .risky_service(true)
    .service("a b"));
    scoped!(calls, "GET /v1/external_ports/{id}", |c| c
        .get_external_port()
        .id(7));
    scoped!(calls, "GET /v1/invoices", |c| sorted!(c.list_invoices())
        .status("open")
        .has_usage(true));
    scoped!(calls, "GET /v1/invoices/{id}", |c| c.get_invoice().id(7));
    scoped!(calls, "GET /v1/billing_reports", |c| sorted!(
        c.list_billing_reports()
    )
    .status("open"));
    scoped!(calls, "GET /v1/billing_reports/{id}", |c| c
        .get_billing_report()
        .id(7));
    call!(calls, "GET /v1/escalations", |c| sorted!(
        c.list_escalations()
    )
    .status("open")
    .severity("low")
    .subtype("a b")
    .organization_id(7));
    call!(calls, "GET /v1/escalations/{id}", |c| c
        .get_escalation()
        .id(7));
    call!(calls, "POST /v1/escalations/{id}/resolution", |c| c
        .resolve_escalation()
        .id(7)
        .body(
            types::ResolveEscalation::builder()
                .determination("expected")
                .scope("account")
        ));
    call!(calls, "GET /v1/identities", |c| sorted!(
        c.list_identities()
    )
    .organization_id(7)
    .tenant_type("microsoft_365")
    .billable(true)
    .enabled(true)
    .external(true)
    .risk_level("none")
    .mfa_enabled(true)
    .escalation_id(7));
    call!(calls, "GET /v1/identities/{id}", |c| c.get_identity().id(7));
    scoped!(calls, "GET /v1/incident_reports", |c| sorted!(
        c.list_incident_reports()
    )
    .indicator_type("footholds")
    .status("sent")
    .severity(types::Severity::Low)
    .platform("windows")
    .organization_id(7)
    .agent_id(7));
    scoped!(calls, "GET /v1/incident_reports/{id}", |c| c
        .get_incident_report()
        .id(7));
    scoped!(calls, "POST /v1/incident_reports/{id}/resolution", |c| c
        .resolve_incident_report()
        .id(7));
    scoped!(
        calls,
        "GET /v1/incident_reports/{incident_report_id}/remediations",
        |c| sorted!(c.list_remediations().incident_report_id(7))
            .types(["assisted", "manual"])
            .statuses(["unapproved", "approved"])
    );
    scoped!(
        calls,
        "GET /v1/incident_reports/{incident_report_id}/remediations/{remediation_id}",
        |c| c.get_remediation().incident_report_id(7).remediation_id(7)
    );
    scoped!(
        calls,
        "POST /v1/incident_reports/{incident_report_id}/remediations/bulk_approval",
        |c| c.approve_remediations().incident_report_id(7)
    );
    scoped!(
        calls,
        "POST /v1/incident_reports/{incident_report_id}/remediations/bulk_rejection",
        |c| c.reject_remediations().incident_report_id(7).body(
            types::RejectRemediations::builder()
                .comment("a b")
                .useful(true)
                .name("a b")
                .phone_number("a b")
                .email("a b")
        )
    );
    scoped!(calls, "GET /v1/memberships", |c| sorted!(
        c.list_memberships()
    )
    .organization_id(7)
    .user_id(7)
    .permissions("Admin"));
    scoped!(calls, "POST /v1/memberships", |c| c
        .create_membership()
        .body(
            types::CreateMembership::builder()
                .email("a b")
                .first_name("a b")
                .last_name("a b")
                .permissions("Admin")
                .organization_id(7)
        ));
    scoped!(calls, "GET /v1/memberships/{id}", |c| c
        .get_membership()
        .id(7));
    scoped!(calls, "PATCH /v1/memberships/{id}", |c| c
        .update_membership()
        .id(7)
        .body(types::UpdateMembership::builder().permissions("Admin")));
    scoped!(calls, "DELETE /v1/memberships/{id}", |c| c
        .delete_membership()
        .id(7));
    scoped!(calls, "GET /v1/organizations", |c| sorted!(
        c.list_organizations()
    )
    .name("a b")
    .key("a b"));
    scoped!(calls, "POST /v1/organizations", |c| c
        .create_organization()
        .body(
            types::CreateOrganization::builder().name("a b").key("a b")
        ));
    scoped!(calls, "GET /v1/organizations/{id}", |c| c
        .get_organization()
        .id(7));
    scoped!(calls, "PATCH /v1/organizations/{id}", |c| c
        .update_organization()
        .id(7)
        .body(
            types::UpdateOrganization::builder()
                .name("a b")
                .key("a b")
                .report_recipients(["a b"])
        ));
    scoped!(calls, "DELETE /v1/organizations/{id}", |c| c
        .delete_organization()
        .id(7));
    call!(calls, "GET /v1/platform_actions", |c| sorted!(
        c.list_platform_actions()
    )
    .status("open")
    .severity("low")
    .subtype("a b")
    .organization_id(7));
    call!(calls, "GET /v1/platform_actions/{id}", |c| c
        .get_platform_action()
        .id(7));
    scoped!(calls, "GET /v1/reports", |c| sorted!(
        c.list_summary_reports()
    )
    .period_min("a b")
    .period_max("a b")
    .organization_id(7)
    .type_("monthly_summary"));
    scoped!(calls, "GET /v1/reports/{id}", |c| c
        .get_summary_report()
        .id(7));
    scoped!(calls, "GET /v1/signals", |c| sorted!(c.list_signals())
        .investigated_at_min("a b")
        .investigated_at_max("a b")
        .entity_type("user_entity")
        .entity_id("a b")
        .organization_id(7)
        .types(["Antivirus", "Process Insights"])
        .statuses(["reported", "closed"]));
    scoped!(calls, "GET /v1/signals/{id}", |c| c.get_signal().id(7));
    call!(calls, "GET /v1/unwanted_access_rules", |c| paged!(
        c.list_unwanted_access_rules()
    )
    .organization_id(7)
    .identity_id(7)
    .type_("expected")
    .status("active")
    .scope("account")
    .category("country")
    .country_code("a b")
    .vpn("a b")
    .ip_address("a b")
    .logic("standard"));
    call!(calls, "POST /v1/unwanted_access_rules", |c| c
        .create_unwanted_access_rule()
        .body(
            types::CreateUnwantedAccessRule::builder()
                .identity_id(7)
                .organization_id(7)
                .country_code("a b")
                .vpn("a b")
                .logic("catchall")
                .type_("expected")
                .starts_at(day())
                .expires_at(day())
                .notes("a b")
                .category("country")
        ));
    call!(calls, "GET /v1/unwanted_access_rules/{id}", |c| c
        .get_unwanted_access_rule()
        .id(7));
    call!(calls, "DELETE /v1/unwanted_access_rules/{id}", |c| c
        .delete_unwanted_access_rule()
        .id(7));
    call!(calls, "PATCH /v1/unwanted_access_rules/{id}", |c| c
        .update_unwanted_access_rule()
        .id(7)
        .body(
            types::UpdateUnwantedAccessRule::builder()
                .starts_at(day())
                .expires_at(day())
                .notes("a b")
        ));
    call!(calls, "GET /v1/known_vpns", |c| c.list_known_vpns());
    calls
}

fn contract() -> Value {
    let text = std::fs::read_to_string("spec/swagger_doc.json").unwrap();
    serde_json::from_str(&text).unwrap()
}

fn operations(contract: &Value) -> BTreeMap<String, &Value> {
    let mut found = BTreeMap::new();
    for (path, item) in contract["paths"].as_object().unwrap() {
        for method in METHODS.iter().filter(|method| item.get(**method).is_some()) {
            found.insert(format!("{} {path}", method.to_uppercase()), &item[*method]);
        }
    }
    found
}

/// The value that the calls above give to a parameter or field of this kind.
fn sample(contract: &Value, name: &str, schema: &Value) -> Value {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.trim_start_matches("#/definitions/");
        return sample(contract, name, &contract["definitions"][name]);
    }
    if let Some(first) = schema["enum"].get(0) {
        return first.clone();
    }
    match (schema["type"].as_str().unwrap(), schema["format"].as_str()) {
        ("integer", _) if name == "account_id" && schema["in"] == "path" => json!(ACCOUNT),
        ("integer", _) => json!(7),
        ("boolean", _) => json!(true),
        ("array", _) => match &schema["items"] {
            // A list of strings in truth, see the defects of the document.
            items if items["type"] == "string" => json!([sample(contract, name, items)]),
            _ => json!(["a b"]),
        },
        ("object", _) => {
            let properties = schema["properties"].as_object().unwrap();
            let sampled = properties
                .iter()
                .map(|(k, v)| (k.clone(), sample(contract, k, v)));
            Value::Object(sampled.collect::<Map<_, _>>())
        }
        ("string", Some("date")) => json!("2026-01-02"),
        ("string", Some("date-time")) => json!("2026-01-02T03:04:05Z"),
        ("string", _) => json!("a b"),
        other => panic!("{name}: no sample for {other:?}"),
    }
}

fn encoded(name: &str, value: &str) -> String {
    form_urlencoded::Serializer::new(String::new())
        .append_pair(name, value)
        .finish()
}

/// The query's pairs as they must arrive, sorted.
fn expected_query(contract: &Value, place: &str, operation: &Value) -> Vec<String> {
    let mut pairs = Vec::new();
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        if parameter["in"] != "query" {
            continue;
        }
        let name = parameter["name"].as_str().unwrap();
        match (name, place.ends_with("/signals")) {
            ("page_token", _) => pairs.push(encoded(name, "t+/=")),
            // One comma-separated string, as only its description says.
            ("types", true) => pairs.push(encoded(name, "Antivirus,Process Insights")),
            ("statuses", true) => pairs.push(encoded(name, "reported,closed")),
            _ if parameter["type"] == "array" => {
                for value in parameter["items"]["enum"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .take(2)
                {
                    pairs.push(encoded(name, value.as_str().unwrap()));
                }
            }
            _ => {
                let value = sample(contract, name, parameter);
                let text = value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned);
                pairs.push(encoded(name, &text));
            }
        }
    }
    pairs.sort();
    pairs
}

fn expected_path(contract: &Value, path: &str, operation: &Value) -> String {
    let mut path = path.to_owned();
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        if parameter["in"] == "path" {
            let name = parameter["name"].as_str().unwrap();
            path = path.replace(
                &format!("{{{name}}}"),
                &sample(contract, name, parameter).to_string(),
            );
        }
    }
    path
}

fn expected_body(contract: &Value, operation: &Value) -> Option<Value> {
    let mut parameters = operation["parameters"].as_array().into_iter().flatten();
    let body = parameters.find(|parameter| parameter["in"] == "body")?;
    Some(sample(contract, "", &body["schema"]))
}

fn is_legacy(place: &str) -> bool {
    let path = place.replace("/v1/accounts/{account_id}/", "/v1/");
    LEGACY.iter().any(|legacy| path == format!("GET {legacy}"))
}

#[test]
fn every_operation_of_the_contract_has_a_call_and_no_call_is_too_many() {
    let contract = contract();
    let declared: BTreeSet<String> = operations(&contract).into_keys().collect();
    let called: BTreeSet<String> = calls()
        .into_keys()
        .filter(|place| !is_legacy(place))
        .collect();
    assert_eq!(declared, called);
    assert_eq!(declared.len(), 92);
}

#[tokio::test]
async fn every_operation_arrives_as_the_contract_says() {
    let contract = contract();
    let operations = operations(&contract);
    let server = Server::start().await;
    let client = server.client();
    for (place, make) in calls().iter().filter(|(place, _)| !is_legacy(place)) {
        make(&client).await;
        let request = server.take_only_request();
        let operation = operations[place];
        let (method, path) = place.split_once(' ').unwrap();

        assert_eq!(request.method.as_str(), method, "{place}");
        assert_eq!(
            request.uri.path(),
            expected_path(&contract, path, operation),
            "{place}"
        );
        let mut query: Vec<String> = request
            .uri
            .query()
            .unwrap_or_default()
            .split('&')
            .filter(|q| !q.is_empty())
            .map(str::to_owned)
            .collect();
        query.sort();
        assert_eq!(
            query,
            expected_query(&contract, place, operation),
            "{place}"
        );
        match expected_body(&contract, operation) {
            Some(expected) => {
                assert_eq!(
                    request.headers["content-type"], "application/json",
                    "{place}"
                );
                let body: Value = serde_json::from_slice(&request.body).unwrap();
                assert_eq!(body, expected, "{place}");
            }
            None => assert!(request.body.is_empty(), "{place}"),
        }
        assert_eq!(
            request.headers["authorization"],
            format!("Basic {}", support::BASIC),
            "{place}"
        );
        assert!(request.headers.get("api-version").is_none(), "{place}");
    }
}

#[tokio::test]
async fn legacy_billing_reports_arrive_as_they_always_did() {
    let server = Server::start().await;
    let client = server.client();
    let list = "limit=7&page_token=t%2B%2F%3D&sort_direction=asc&sort_field=id&status=open";
    let mut seen = BTreeMap::new();
    for (place, make) in calls().iter().filter(|(place, _)| is_legacy(place)) {
        make(&client).await;
        seen.insert(place.clone(), server.take_only_request().uri.to_string());
    }
    let account = format!("/v1/accounts/{ACCOUNT}/billing_reports");
    let expected = [
        (
            "GET /v1/billing_reports",
            format!("/v1/billing_reports?{list}"),
        ),
        (
            "GET /v1/billing_reports/{id}",
            "/v1/billing_reports/7".to_owned(),
        ),
        (
            "GET /v1/accounts/{account_id}/billing_reports",
            format!("{account}?{list}"),
        ),
        (
            "GET /v1/accounts/{account_id}/billing_reports/{id}",
            format!("{account}/7"),
        ),
    ];
    assert_eq!(seen, expected.map(|(k, v)| (k.to_owned(), v)).into());
}
