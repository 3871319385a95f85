//! The made-up data: whether it is the same on every start, and agrees with itself.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::{Api, ids};
use huntress_simulator::Simulator;
use serde_json::{Value, json};

#[tokio::test]
async fn the_world_is_the_same_on_every_start() {
    let (one, two) = (Api::start().await, Api::start().await);
    assert_eq!(one.everything().await, two.everything().await);
}

#[tokio::test]
async fn another_seed_gives_other_data_and_sizes_are_as_chosen() {
    let builder = |seed| Simulator::builder().seed(seed).agents(30).organizations(3);
    let (one, two) = (Api::of(builder(7)).await, Api::of(builder(8)).await);
    let (agents, others) = (one.rows("/v1/agents").await, two.rows("/v1/agents").await);
    assert_eq!((agents.len(), others.len()), (30, 30));
    assert_ne!(agents, others);
    assert_eq!(one.rows("/v1/organizations").await.len(), 3);
}

#[tokio::test]
async fn a_million_agents_are_there_when_they_are_asked_for() {
    let api = Api::of(Simulator::builder().agents(1_000_000)).await;
    let last = ids(&api.rows("/v1/agents").await)[0];
    let first = ids(&api.rows("/v1/agents?sort_direction=asc").await)[0];
    assert_eq!(last - first, 999_999);
    let one = first + 500_000;
    assert_eq!(api.only(&format!("/v1/agents/{one}")).await["id"], one);
    assert_eq!(
        api.status(&format!("GET /v1/agents/{}", last + 1)).await,
        404
    );
}

#[tokio::test]
async fn an_account_with_nothing_in_it_still_answers() {
    for agents in [0, 1] {
        let builder = Simulator::builder().organizations(0).agents(agents);
        let api = Api::of(builder.identities(0)).await;
        for (path, rows) in api.everything().await {
            rows.iter().for_each(in_order);
            let none = ["/v1/organizations", "/v1/identities"].contains(&&*path);
            assert!(!none || rows.is_empty(), "{path}");
        }
        let escalation = &api.rows("/v1/escalations").await[0]["id"];
        api.get(&format!("/v1/escalations/{escalation}")).await;
        let (status, _) = api
            .post(
                "/v1/siem/query",
                json!({"esql": "FROM logs", "range_start": "2026-01-01T00:00:00Z",
            "range_end": "2027-01-01T00:00:00Z"}),
            )
            .await;
        assert_eq!(status, 200);
    }
}

#[tokio::test]
async fn an_access_rule_has_one_kind_and_the_state_of_its_dates() {
    let api = Api::start().await;
    for rule in api.rows("/v1/unwanted_access_rules").await {
        let kinds = ["country_code", "vpn", "ip_address"];
        let matched = kinds.iter().filter(|kind| !rule[**kind].is_null()).count();
        assert_eq!(matched, usize::from(rule["logic"] == "standard"), "{rule}");
        let dated = !rule["starts_at"].is_null() || !rule["expires_at"].is_null();
        assert!(!dated || rule["type"] == "expected", "{rule}");
        let target = &rule["applied_to"]["id"];
        let path = match rule["applied_to"]["type"].as_str().unwrap() {
            "account" => format!("/v1/accounts/{target}"),
            "organization" => format!("/v1/organizations/{target}"),
            _ => format!("/v1/identities/{target}"),
        };
        let target = api.only(&path).await;
        let name = target.get("username").unwrap_or(&target["name"]);
        assert_eq!(rule["applied_to"]["name"], *name);
    }
    let all = api.rows("/v1/unwanted_access_rules").await;
    for (filter, of) in [
        ("organization_id", "organization"),
        ("identity_id", "identity"),
    ] {
        let one = all
            .iter()
            .find(|rule| rule["applied_to"]["type"] == of)
            .unwrap();
        let id = &one["applied_to"]["id"];
        let found = api
            .rows(&format!("/v1/unwanted_access_rules?{filter}={id}"))
            .await;
        assert!(found.iter().all(|rule| rule["applied_to"]["id"] == *id));
        assert!(ids(&found).contains(&one["id"].as_i64().unwrap()));
    }
    let german = api.rows("/v1/unwanted_access_rules?country_code=DE").await;
    assert!(!german.is_empty());
    assert!(german.iter().all(|rule| rule["category"] == "country"));
}

/// The moments of a thing that must not come before each other.
const ORDERS: [(&str, &str); 14] = [
    ("created_at", "updated_at"),
    ("created_at", "resolved_at"),
    ("created_at", "investigated_at"),
    ("resolved_at", "updated_at"),
    ("sent_at", "closed_at"),
    ("sent_at", "status_updated_at"),
    ("closed_at", "updated_at"),
    ("approved_at", "completed_at"),
    ("starts_at", "ends_at"),
    ("starts_at", "expires_at"),
    ("start_date", "end_date"),
    ("effective_date", "renewal_date"),
    ("period_start", "period_end"),
    ("service_period_start", "service_period_end"),
];

#[track_caller]
fn in_order(value: &Value) {
    let fields = value.as_object().map(|fields| fields.values());
    let items = value.as_array().map(|items| items.iter());
    fields.into_iter().flatten().for_each(in_order);
    items.into_iter().flatten().for_each(in_order);
    if value.is_object() {
        for (one, other) in ORDERS {
            if let (Some(before), Some(after)) = (value[one].as_str(), value[other].as_str()) {
                assert!(before <= after, "{one} {before}, {other} {after}: {value}");
            }
        }
    }
}

#[tokio::test]
async fn whatever_has_moments_has_them_in_order() {
    let api = Api::start().await;
    for (path, rows) in api.everything().await {
        rows.iter().for_each(in_order);
        if !path.contains('{') {
            for row in &rows[..rows.len().min(5)] {
                in_order(&api.get(&format!("{path}/{}", row["id"])).await);
            }
        }
    }
    let subscription =
        json!({"account_id": 2, "product": "edr", "minimum": 50, "purchase_order": "1"});
    let (status, made) = api.post("/v1/reseller/subscriptions", subscription).await;
    assert_eq!(status, 201);
    in_order(&made);
}

#[tokio::test]
async fn a_billing_cycle_ends_where_the_next_one_begins() {
    let api = Api::start().await;
    let organization = &api.rows("/v1/organizations").await[0]["id"];
    let usage = api.only(&format!("/v1/organizations/{organization}")).await;
    let siem = &usage["actual_usages"]["siem"];
    let before = &siem["previous_billing_cycle"];
    let now = &siem["current_billing_cycle"];
    assert_eq!(before["service_period_end"], now["service_period_start"]);
}

#[tokio::test]
async fn nothing_happens_on_a_host_before_its_agent_is_there() {
    let api = Api::start().await;
    let mut agents = BTreeMap::new();
    for agent in api.rows("/v1/agents").await {
        agents.insert(agent["id"].as_i64().unwrap(), agent);
    }
    let born = |id: &Value| {
        agents[&id.as_i64().unwrap()]["created_at"]
            .as_str()
            .unwrap()
    };
    let mut incidents = api.rows("/v1/incident_reports").await;
    incidents.retain(|incident| !incident["agent_id"].is_null());
    for incident in &incidents {
        assert!(born(&incident["agent_id"]) < incident["sent_at"].as_str().unwrap());
    }
    let signals = api.rows("/v1/signals?entity_type=agent").await;
    for signal in &signals {
        assert!(born(&signal["entity"]["id"]) < signal["created_at"].as_str().unwrap());
    }
    assert!(!incidents.is_empty() && !signals.is_empty());
}

#[tokio::test]
async fn summary_reports_are_of_many_periods() {
    let api = Api::start().await;
    let reports = api.rows("/v1/reports").await;
    let periods = reports.iter().map(|report| report["period"].to_string());
    let periods: BTreeSet<_> = periods.collect();
    assert!(periods.len() > 20, "{periods:?}");
}

/// The rows of a list by their ids.
async fn by_id(api: &Api, path: &str) -> BTreeMap<i64, Value> {
    let rows = api.rows(path).await;
    ids(&rows).into_iter().zip(rows).collect()
}

#[tokio::test]
async fn the_accounts_and_organizations_that_rows_name_exist() {
    let api = Api::start().await;
    let accounts = by_id(&api, "/v1/accounts").await;
    let mut organizations = BTreeMap::new();
    for account in accounts.keys() {
        let of = by_id(&api, &format!("/v1/accounts/{account}/organizations")).await;
        organizations.extend(of.into_iter().map(|(id, row)| (id, (*account, row))));
    }
    for (path, rows) in api.everything().await {
        for row in rows {
            if let Some(id) = row["account"]["id"].as_i64() {
                for key in ["name", "status", "subdomain"] {
                    assert_eq!(row["account"][key], accounts[&id][key], "{path} {row}");
                }
            }
            if let Some(id) = row["organization"]["id"].as_i64() {
                let (account, organization) = &organizations[&id];
                assert_eq!(row["organization"]["name"], organization["name"], "{path}");
                if let Some(of) = row["account"]["id"].as_i64() {
                    assert_eq!(of, *account, "{path}");
                }
            }
        }
    }
}

#[tokio::test]
async fn the_invoices_of_a_reseller_have_lines_for_each_account() {
    let api = Api::start().await;
    let accounts = api.rows("/v1/accounts").await.len();
    let all = api.everything().await;
    for lines in ["account", "organization"] {
        let lines = &all[&format!("/v1/reseller/invoices/{{id}}/{lines}_usage_line_items")];
        let billed = lines.iter().map(|line| line["account"]["id"].as_i64());
        assert_eq!(billed.collect::<BTreeSet<_>>().len(), accounts);
    }
}

#[tokio::test]
async fn the_entity_of_a_signal_exists_in_the_organization_of_the_signal() {
    let api = Api::start().await;
    let mut listed = 0;
    for signal in api.rows("/v1/signals").await {
        let (list, name) = match signal["entity"]["type"].as_str().unwrap() {
            "agent" => ("agents", "hostname"),
            "identity" | "user_entity" | "mailbox" => ("identities", "username"),
            // No list has them.
            _ => continue,
        };
        let path = format!("/v1/{list}/{}", signal["entity"]["id"]);
        let entity = api.only(&path).await;
        assert_eq!(signal["entity"]["name"], entity[name]);
        let organization = entity.get("organization_id");
        let organization = organization.unwrap_or(&entity["organization"]["id"]);
        assert_eq!(signal["organization"]["id"], *organization);
        listed += 1;
    }
    assert!(listed > 0);
}

#[tokio::test]
async fn an_incident_is_of_the_organization_of_its_agent() {
    let api = Api::start().await;
    let agents = by_id(&api, "/v1/agents").await;
    for incident in api.rows("/v1/incident_reports").await {
        if let Some(agent) = incident["agent_id"].as_i64() {
            assert_eq!(
                agents[&agent]["organization_id"],
                incident["organization_id"]
            );
        }
    }
}

#[tokio::test]
async fn the_counts_of_an_organization_are_those_of_its_rows() {
    let api = Api::start().await;
    let organizations = api.rows("/v1/organizations").await;
    assert_eq!(organizations.len(), 14);
    for organization in organizations {
        for (count, rows) in [
            ("agents_count", "agents?"),
            ("incident_reports_count", "incident_reports?"),
            ("microsoft_365_users_count", "identities?"),
            ("billable_identity_count", "identities?billable=true&"),
        ] {
            let rows = format!("/v1/{rows}organization_id={}", organization["id"]);
            assert_eq!(organization[count], api.rows(&rows).await.len(), "{rows}");
        }
    }
}

#[tokio::test]
async fn a_new_name_is_told_by_all_that_point_to_it() {
    let api = Api::start().await;
    let (status, _) = api
        .patch("/v1/accounts/1", json!({"name": "Renamed"}))
        .await;
    assert_eq!(status, 200);
    let membership = &api.rows("/v1/memberships").await[0];
    assert_eq!(membership["account"]["name"], "Renamed");
}
