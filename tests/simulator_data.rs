//! The simulator's data: whether it agrees with itself, and with what is asked of it.
//!
//! Asked without the client where what stands in the JSON is the point.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use huntress::{Client, jiff, types};
use huntress_simulator::{Simulator, SimulatorBuilder};
use reqwest::Method;
use serde_json::{Value, json};
use support::{predicates, simulated};

/// The API as any program sees it.
struct Api {
    simulator: Simulator,
    http: reqwest::Client,
}

impl Api {
    async fn start() -> Self {
        Self::of(Simulator::builder()).await
    }

    async fn of(builder: SimulatorBuilder) -> Self {
        let builder = builder.no_quota().strict_parameters(true);
        let http = support::http_client();
        Self {
            simulator: builder.start().await.unwrap(),
            http: http.build().unwrap(),
        }
    }

    fn client(&self) -> Client {
        simulated(&self.simulator).build().unwrap()
    }

    async fn send(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let credentials = self.simulator.credentials();
        let request = self
            .http
            .request(method, format!("{}{path}", self.simulator.base_url()))
            .basic_auth(&credentials.key, Some(&credentials.secret))
            .body(body.to_string());
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or_default())
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.send(Method::GET, path, Value::Null).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.send(Method::POST, path, body).await
    }

    /// What stands in the only list, or under the only key, of an answer.
    async fn only(&self, path: &str) -> Value {
        let Value::Object(body) = self.get(path).await else {
            panic!("{path} answers no object");
        };
        let mut parts = body.into_iter().filter(|(key, _)| key != "pagination");
        parts.next().unwrap().1
    }

    async fn rows(&self, path: &str) -> Vec<Value> {
        let and = if path.contains('?') { '&' } else { '?' };
        match self.only(&format!("{path}{and}limit=500")).await {
            Value::Array(rows) => rows,
            other => panic!("{path} is no list: {other}"),
        }
    }
}

fn document() -> Value {
    let text = std::fs::read_to_string("spec/openapi.json").unwrap();
    serde_json::from_str(&text).unwrap()
}

fn ids(rows: &[Value]) -> Vec<i64> {
    rows.iter().map(|row| row["id"].as_i64().unwrap()).collect()
}

/// The values of a filter that are few: those of an enum, and of a boolean.
fn values_of(document: &Value, schema: &Value) -> Vec<String> {
    let schema = if schema["type"] == "array" {
        &schema["items"]
    } else {
        schema
    };
    if schema["type"] == "boolean" {
        return ["true", "false"].map(str::to_owned).to_vec();
    }
    let reference = schema["$ref"]
        .as_str()
        .or(schema["allOf"][0]["$ref"].as_str());
    let name = reference.and_then(|reference| reference.rsplit('/').next());
    let values = match &schema["x-huntress-values"] {
        Value::Null => name.map(|name| &document["components"]["schemas"][name]["enum"]),
        // Of this place, which does not take all of them.
        accepted => Some(accepted),
    };
    let values = values.and_then(Value::as_array).into_iter().flatten();
    values
        .map(|value| value.as_str().unwrap().to_owned())
        .collect()
}

/// Whether a row is what a filter asks for.
fn satisfies(row: &Value, filter: &str, value: &str) -> bool {
    let field = match filter {
        // The state that can be asked for is not the one that is told.
        "status" if row.get("subtype").is_some() => {
            return (row["status"] == "resolved") == (value == "resolved");
        }
        "indicator_type" => {
            return row["indicator_types"]
                .as_array()
                .unwrap()
                .contains(&json!(value));
        }
        "types[]" | "types" => &row["type"],
        "statuses[]" | "statuses" => &row["status"],
        "entity_type" => &row["entity"]["type"],
        "tenant_type" => &row["tenant"]["type"],
        "scope" => &row["applied_to"]["type"],
        field => &row[field],
    };
    match field {
        Value::Bool(is) => is.to_string() == value,
        field => field == value,
    }
}

#[tokio::test]
async fn every_value_of_every_filter_finds_rows_and_only_such() {
    let api = Api::start().await;
    let document = document();
    let incidents = ids(&api.rows("/v1/incident_reports").await);
    let mut asked = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        let parameters = item["get"]["parameters"].as_array().into_iter().flatten();
        for parameter in parameters.filter(|parameter| parameter["in"] == "query") {
            let filter = parameter["name"].as_str().unwrap();
            let values = values_of(&document, &parameter["schema"]);
            if filter.starts_with("sort_") || values.is_empty() {
                continue;
            }
            // A list within a row is asked for with every row.
            let paths: Vec<String> = if path.contains("{incident_report_id}") {
                let with = |id: &i64| path.replace("{incident_report_id}", &id.to_string());
                incidents.iter().map(with).collect()
            } else {
                vec![path.clone()]
            };
            let mut left = Vec::new();
            for path in &paths {
                left.extend(api.rows(path).await);
            }
            for value in &values {
                let mut found = Vec::new();
                for path in &paths {
                    let value = value.replace(' ', "%20");
                    found.extend(api.rows(&format!("{path}?{filter}={value}")).await);
                }
                left.retain(|row| !found.contains(row));
                assert!(!found.is_empty(), "{path}: no row for {filter}={value}");
                for row in found {
                    assert!(
                        satisfies(&row, filter, value),
                        "{path} {filter}={value}: {row}"
                    );
                }
                asked += 1;
            }
            // There are members with a level that can neither be given nor asked for.
            left.retain(|row| row["permissions"] != "Admin-Read-only");
            assert!(left.is_empty(), "{path}: no {filter} finds {left:?}");
        }
    }
    assert!(asked > 100, "{asked}");
}

#[tokio::test]
async fn what_can_be_listed_of_escalations_is_divided_by_their_stage() {
    for list in ["escalations", "platform_actions"] {
        let api = Api::of(Simulator::builder().odd_shapes(1.0)).await;
        let mut divided = Vec::new();
        for stage in ["open", "overdue", "resolved"] {
            let rows = api.rows(&format!("/v1/{list}?status={stage}")).await;
            // The odd shapes say it outright.
            let says = |row: &Value| row["status"] == "overdue";
            assert!(rows.iter().all(|row| says(row) == (stage == "overdue")));
            divided.extend(ids(&rows));
        }
        let mut all = ids(&api.rows(&format!("/v1/{list}")).await);
        all.sort_unstable();
        divided.sort_unstable();
        assert_eq!(divided, all);
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

#[tokio::test]
async fn every_kind_of_escalation_is_resolved_in_its_own_way() {
    let api = Api::start().await;
    let client = api.client();
    let open = client.list_escalations().status("open").page_size(500);
    let open = open.send().await.unwrap().items;
    let of = |subtype: &str, place: usize| {
        let mut of = open
            .iter()
            .filter(|escalation| escalation.subtype.as_deref() == Some(subtype));
        of.nth(place)
            .unwrap_or_else(|| panic!("no open {subtype}"))
            .id
    };
    let nothing = types::ResolveEscalation::new;
    let rule = || nothing().determination("unauthorized").scope("account");
    let resolve = |id: types::EscalationId, body: types::ResolveEscalation| {
        client.resolve_escalation(id, body).send()
    };
    for (subtype, body, method) in [
        ("country", rule(), types::ResolutionMethod::Rule),
        ("vpn", rule(), types::ResolutionMethod::Rule),
        ("country", nothing(), types::ResolutionMethod::Dismiss),
        ("vpn", nothing(), types::ResolutionMethod::Dismiss),
        ("isolated_host", nothing(), types::ResolutionMethod::Direct),
        (
            "defender_disabled",
            nothing(),
            types::ResolutionMethod::Direct,
        ),
    ] {
        let place = usize::from(method == types::ResolutionMethod::Dismiss);
        let id = of(subtype, place);
        let resolved = resolve(id, body).await.unwrap();
        assert_eq!(resolved.resolution_method, Some(method), "{subtype}");
        assert_eq!(
            resolved.escalation.unwrap().status,
            Some(types::EscalationStatus::Resolved)
        );
        let again = resolve(id, nothing()).await.unwrap_err();
        assert_eq!(predicates(&again), ["conflict"]);
    }
    for (subtype, body, status) in [
        ("portal_only", nothing(), 422),
        ("isolated_host", rule(), 400),
        ("country", nothing().scope("account"), 400),
    ] {
        let error = resolve(of(subtype, 2), body).await.unwrap_err();
        assert_eq!(error.status().unwrap().as_u16(), status, "{subtype}");
    }
}

#[tokio::test]
async fn a_resolved_escalation_leaves_the_rules_that_it_was_resolved_with() {
    let api = Api::start().await;
    let rules = async || api.rows("/v1/unwanted_access_rules").await;
    let before = ids(&rules().await);
    let open = api.rows("/v1/escalations?status=open").await;
    for (subtype, field) in [("country", "country_code"), ("vpn", "vpn")] {
        let of = open.iter().filter(|one| one["subtype"] == subtype);
        for (escalation, scope) in of.zip(["account", "organization", "identity"]) {
            let path = format!("/v1/escalations/{}", escalation["id"]);
            let whole = api.only(&path).await;
            let body = json!({"determination": "expected", "scope": scope});
            assert_eq!(api.post(&format!("{path}/resolution"), body).await.0, 201);
            let about = match scope {
                "account" => vec![1],
                "organization" => ids(whole["organizations"].as_array().unwrap()),
                _ => ids(whole["entities"]["items"].as_array().unwrap()),
            };
            let from = whole["subject"].as_str().unwrap();
            let from = from.rsplit(' ').next().unwrap();
            let rules = rules().await;
            for id in about {
                let fits = |rule: &&Value| {
                    rule["applied_to"]["type"] == scope
                        && rule["applied_to"]["id"] == id
                        && rule["type"] == "expected"
                        && rule["category"] == subtype
                        && rule[field] == from
                };
                assert!(rules.iter().any(|rule| fits(&rule)), "{scope} {id}: {from}");
            }
        }
    }
    let mut made = rules().await;
    made.retain(|rule| !before.contains(&rule["id"].as_i64().unwrap()));
    assert!(made.len() > 4, "{}", made.len());
    for rule in made {
        assert!(rule["created_at"].as_str() > Some("2026-06-02"), "{rule}");
        assert_eq!(
            (&rule["status"], &rule["logic"]),
            (&json!("active"), &json!("standard"))
        );
    }
}

#[tokio::test]
async fn an_incident_holds_the_beginning_of_its_list_of_remediations() {
    let api = Api::start().await;
    let holds = async |incident: &Value| {
        let path = format!("/v1/incident_reports/{}/remediations", incident["id"]);
        let listed = api.rows(&path).await;
        let held = &incident["remediations"];
        assert_eq!(held["total_count"], listed.len());
        assert_eq!(held["has_more"], listed.len() > 10);
        assert_eq!(
            *held["items"].as_array().unwrap(),
            listed[..listed.len().min(10)]
        );
        listed
    };
    for incident in api.rows("/v1/incident_reports").await {
        let remediations = holds(&incident).await;
        let waits = remediations.iter().any(|row| row["status"] == "unapproved");
        assert_eq!(waits, incident["status"] == "sent", "{incident}");
    }
    let sent = api.rows("/v1/incident_reports?status=sent").await;
    let path = format!("/v1/incident_reports/{}", sent[0]["id"]);
    let resolution = format!("{path}/resolution");
    let (status, refused) = api.post(&resolution, Value::Null).await;
    assert_eq!(
        (status, refused["message"].as_str()),
        (409, Some("not all remediations are approved"))
    );
    let approval = format!("{path}/remediations/bulk_approval");
    assert_eq!(api.post(&approval, Value::Null).await.0, 201);
    let approved = api.only(&path).await;
    for remediation in holds(&approved).await {
        assert_eq!(remediation["status"], "approved");
    }
    assert_eq!(api.post(&resolution, Value::Null).await.0, 201);
    let (status, refused) = api.post(&resolution, Value::Null).await;
    assert_eq!(
        (status, refused["message"].as_str()),
        (409, Some("the incident report is not `sent`"))
    );
}

#[tokio::test]
async fn a_rule_that_the_document_does_not_allow_is_refused() {
    let api = Api::start().await;
    let organization = &api.rows("/v1/organizations").await[0]["id"];
    let identity = &api.rows("/v1/identities").await[0]["id"];
    let rule = |more: Value| {
        let mut body = json!({"type": "expected", "country_code": "FR"});
        for (key, value) in more.as_object().unwrap() {
            body[key] = value.clone();
        }
        if body.get("logic").is_some() {
            body.as_object_mut().unwrap().remove("country_code");
        }
        api.post("/v1/unwanted_access_rules", body)
    };
    let catchall = json!({"type": "unauthorized", "logic": "catchall",
        "category": "vpn", "organization_id": organization, "expires_at": "2099-01-01"});
    for (why, more) in [
        (
            "exclude each other",
            json!({"identity_id": identity, "organization_id": organization}),
        ),
        (
            "unauthorized rule has no dates",
            json!({"type": "unauthorized", "expires_at": "2099-01-01"}),
        ),
        ("a catchall and its exceptions have no dates", catchall),
        (
            "after starts_at",
            json!({"starts_at": "2099-02-01", "expires_at": "2099-01-01"}),
        ),
        (
            "after starts_at",
            json!({"starts_at": "2099-02-01", "expires_at": "2099-02-01"}),
        ),
        ("is empty", json!({"country_code": " , "})),
    ] {
        let (status, body) = rule(more).await;
        assert_eq!(status, 422, "{why}: {body}");
        assert!(
            body["message"].as_str().unwrap().ends_with(why),
            "{why}: {body}"
        );
    }
    let (status, answer) =
        rule(json!({"starts_at": "2099-01-01", "country_code": "FR,IT,,FR"})).await;
    let made = &answer["unwanted_access_rule"];
    assert_eq!(
        (status, &made["status"], &made["country_code"]),
        (201, &json!("scheduled"), &json!("IT"))
    );
    let path = format!("/v1/unwanted_access_rules/{}", made["id"]);
    let change = |body: Value| api.send(Method::PATCH, &path, body);
    assert_eq!(change(json!({"expires_at": "2098-01-01"})).await.0, 422);
    let (_, expired) = change(json!({"starts_at": "2020-01-01", "expires_at": "2020-02-01"})).await;
    assert_eq!(expired["unwanted_access_rule"]["status"], "expired");
    let found = api.rows("/v1/unwanted_access_rules?country_code=FR").await;
    assert_eq!(found.len(), 1, "the same value twice makes one rule");
}

#[tokio::test]
async fn what_is_written_is_kept_as_the_document_says() {
    let api = Api::of(Simulator::builder().reaction(Duration::from_millis(5))).await;
    let agent = format!("/v1/agents/{}", api.rows("/v1/agents").await[0]["id"]);
    let tags = json!({"tags": ["My Server", "", "x", " x ", "X"]});
    let (_, tagged) = api.send(Method::PATCH, &agent, tags).await;
    assert_eq!(tagged["agent"]["tags"], json!(["my-server", "x"]));

    let (_, pending) = api.post(&format!("{agent}/isolation"), json!({})).await;
    assert_eq!(pending["agent"]["firewall_status"], "Pending Isolation");
    tokio::time::sleep(Duration::from_millis(10)).await;
    let latest = &api.rows("/v1/agents?sort_field=updated_at").await[0];
    assert_eq!(latest["firewall_status"], "Isolated");
    let updated = |agent: &Value| -> jiff::Timestamp {
        agent["updated_at"].as_str().unwrap().parse().unwrap()
    };
    assert!(updated(latest) > updated(&pending["agent"]));

    let zoe = json!({"email": "zoe@example.com", "first_name": "Zoe", "last_name": "Quill",
        "permissions": "User"});
    let (_, invited) = api.post("/v1/memberships", zoe.clone()).await;
    let invited = &invited["member_invitation"];
    assert_eq!(
        invited["user"],
        json!({"email": "zoe@example.com", "name": "Zoe Quill"})
    );
    assert_eq!(
        (&invited["account"]["id"], &invited["organization"]),
        (&json!(1), &Value::Null)
    );
}

#[tokio::test]
async fn what_a_reseller_makes_of_an_account_is_seen_in_it() {
    let api = Api::start().await;
    let owned = |account: &Value| account["account"]["name"].clone();
    let membership = "/v1/accounts/2/memberships";
    let before = owned(&api.rows(membership).await[0]);
    let name = json!({"name": "Another Name"});
    let (status, _) = api.send(Method::PATCH, "/v1/accounts/2", name).await;
    assert_eq!(status, 200);
    assert_ne!(before, "Another Name");
    assert_eq!(owned(&api.rows(membership).await[0]), "Another Name");
    let credentials = api.simulator.other_credentials();
    let url = format!("{}/v1/account", api.simulator.base_url());
    let request = api.http.get(url);
    let request = request.basic_auth(&credentials.key, Some(&credentials.secret));
    let own: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(owned(&own), "Another Name");
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

/// Every list and every first row on its own, of an account with everything.
async fn everything(api: &Api) -> BTreeMap<String, Vec<Value>> {
    let document = document();
    let mut lists = BTreeMap::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let parameters = item["get"]["parameters"].as_array().into_iter().flatten();
        let mut parameters = parameters.filter(|parameter| parameter["name"] == "limit");
        if parameters.next().is_none() {
            continue;
        }
        let Some((parents, rest)) = path.split_once("/{") else {
            lists.insert(path.clone(), api.rows(path).await);
            continue;
        };
        let (_, child) = rest.split_once('}').unwrap();
        let mut rows = Vec::new();
        for parent in ids(&api.rows(parents).await) {
            rows.extend(api.rows(&format!("{parents}/{parent}{child}")).await);
        }
        lists.insert(path.clone(), rows);
    }
    lists
}

#[tokio::test]
async fn whatever_has_moments_has_them_in_order() {
    let api = Api::start().await;
    for (path, rows) in everything(&api).await {
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
    let organization = &api.rows("/v1/organizations").await[0]["id"];
    let usage = api.only(&format!("/v1/organizations/{organization}")).await;
    let siem = &usage["actual_usages"]["siem"];
    let (before, now) = (
        &siem["previous_billing_cycle"],
        &siem["current_billing_cycle"],
    );
    assert_eq!(before["service_period_end"], now["service_period_start"]);
    let mut agents = BTreeMap::new();
    for agent in api.rows("/v1/agents").await {
        agents.insert(agent["id"].as_i64().unwrap(), agent);
    }
    let born = |id: &Value| {
        agents[&id.as_i64().unwrap()]["created_at"]
            .as_str()
            .unwrap()
    };
    for incident in api.rows("/v1/incident_reports").await {
        if !incident["agent_id"].is_null() {
            assert!(born(&incident["agent_id"]) < incident["sent_at"].as_str().unwrap());
        }
    }
    for signal in api.rows("/v1/signals?entity_type=agent").await {
        assert!(born(&signal["entity"]["id"]) < signal["created_at"].as_str().unwrap());
    }
    let reports = api.rows("/v1/reports").await;
    let periods: BTreeSet<_> = reports
        .iter()
        .map(|report| report["period"].to_string())
        .collect();
    assert!(periods.len() > 20, "{periods:?}");
    let later = api.rows("/v1/reports?period_min=2026-01-01").await;
    assert!(!later.is_empty() && later.len() < reports.len());
}

#[tokio::test]
async fn whatever_is_pointed_to_exists() {
    let api = Api::start().await;
    let by_id = async |path: &str| -> BTreeMap<i64, Value> {
        let rows = api.rows(path).await;
        ids(&rows).into_iter().zip(rows).collect()
    };
    let accounts = by_id("/v1/accounts").await;
    let mut organizations = BTreeMap::new();
    for account in accounts.keys() {
        let of = by_id(&format!("/v1/accounts/{account}/organizations")).await;
        organizations.extend(of.into_iter().map(|(id, row)| (id, (*account, row))));
    }
    let all = everything(&api).await;
    for (path, rows) in &all {
        for row in rows {
            if let Some(id) = row["account"]["id"].as_i64() {
                let account = &accounts[&id];
                for key in ["name", "status", "subdomain"] {
                    assert_eq!(row["account"][key], account[key], "{path} {row}");
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
    for lines in ["account", "organization"] {
        let lines = &all[&format!("/v1/reseller/invoices/{{id}}/{lines}_usage_line_items")];
        let billed: BTreeSet<_> = lines
            .iter()
            .map(|line| line["account"]["id"].as_i64())
            .collect();
        assert_eq!(billed.len(), accounts.len());
    }
    for signal in &all["/v1/signals"] {
        let (list, name) = match signal["entity"]["type"].as_str().unwrap() {
            "agent" => ("agents", "hostname"),
            "identity" | "user_entity" | "mailbox" => ("identities", "username"),
            // No list has them.
            _ => continue,
        };
        let entity = api
            .only(&format!("/v1/{list}/{}", signal["entity"]["id"]))
            .await;
        assert_eq!(signal["entity"]["name"], entity[name]);
        let organization = entity
            .get("organization_id")
            .unwrap_or(&entity["organization"]["id"]);
        assert_eq!(signal["organization"]["id"], *organization);
    }
    for organization in &all["/v1/organizations"] {
        let of = format!(
            "/v1/identities?billable=true&organization_id={}",
            organization["id"]
        );
        let billable = api.rows(&of).await.len();
        assert_eq!(organization["billable_identity_count"], billable);
    }
    let rename = json!({"name": "Renamed"});
    api.send(Method::PATCH, "/v1/accounts/1", rename).await;
    let membership = &api.rows("/v1/memberships").await[0];
    assert_eq!(membership["account"]["name"], "Renamed");
}

#[tokio::test]
async fn the_identities_of_an_escalation_are_those_it_names() {
    let api = Api::start().await;
    let of = async |id: &Value| {
        api.rows(&format!("/v1/identities?escalation_id={id}"))
            .await
    };
    assert!(of(&json!(404)).await.is_empty());
    for escalation in api.rows("/v1/escalations").await {
        let whole = api
            .only(&format!("/v1/escalations/{}", escalation["id"]))
            .await;
        let entities = &whole["entities"];
        let items = entities["items"].as_array().unwrap();
        assert_eq!(
            (&entities["total_count"], items.is_empty()),
            (&json!(items.len()), false)
        );
        let identities = of(&escalation["id"]).await;
        let named = items.iter().filter(|entity| entity["type"] == "Identity");
        let mut named = ids(&named.cloned().collect::<Vec<_>>());
        named.sort_unstable_by(|one, other| other.cmp(one));
        assert_eq!(ids(&identities), named);
        for identity in identities {
            assert_eq!(
                identity["organization"]["id"],
                escalation["organizations"][0]["id"]
            );
        }
    }
}

/// A query of the whole of 2026.
fn query(esql: &str) -> Value {
    json!({"esql": esql, "range_start": "2026-01-01T00:00:00Z", "range_end": "2027-01-01T00:00:00Z"})
}

#[tokio::test]
async fn the_commands_of_a_query_are_carried_out_in_order_or_refused() {
    let api = Api::of(Simulator::builder().agents(3)).await;
    let count = async |esql: &str| {
        let (status, body) = api.post("/v1/siem/query", query(esql)).await;
        (status, body["logs"].as_array().map_or(0, Vec::len))
    };
    let logon = r#"WHERE event.action == "logon""#;
    for (esql, expected) in [
        (format!("FROM logs | {logon} | LIMIT 3"), (200, 3)),
        (format!("FROM logs | LIMIT 5 | {logon}"), (200, 2)),
        (
            format!(r#"FROM logs | LIMIT 16 | {logon} AND message == "made-up log line 4""#),
            (200, 1),
        ),
        (
            r#"FROM logs | WHERE message == "a | b AND c == d""#.to_owned(),
            (200, 0),
        ),
        (
            format!("FROM logs | {logon} OR user.name == \"x\""),
            (422, 0),
        ),
        (
            r#"FROM logs | WHERE event.action != "logon""#.to_owned(),
            (422, 0),
        ),
        (
            r#"FROM logs | WHERE event.action LIKE "log*""#.to_owned(),
            (422, 0),
        ),
        (
            "FROM logs | WHERE event.action == logon".to_owned(),
            (422, 0),
        ),
        (
            r#"FROM logs | WHERE no.such.column == "x""#.to_owned(),
            (422, 0),
        ),
        (format!("FROM logs | KEEP message | {logon}"), (422, 0)),
        ("FROM logs | STATS COUNT(*)".to_owned(), (422, 0)),
        ("FROM logs | LIMIT many".to_owned(), (422, 0)),
        ("FROM logs | ".to_owned(), (422, 0)),
    ] {
        assert_eq!(count(&esql).await, expected, "{esql}");
    }
    let rows = async |esql: &str| {
        let (_, body) = api.post("/v1/siem/query", query(esql)).await;
        body["logs"].as_array().cloned().unwrap_or_default()
    };
    let columns = |row: &Value| row.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(columns(&rows("FROM logs | KEEP *").await[0]).len(), 7);
    assert_eq!(
        columns(&rows("FROM logs | KEEP host.*, message").await[0]),
        ["host.name", "message"]
    );
    assert_eq!(
        columns(&rows("FROM logs | KEEP * | DROP @timestamp").await[0]).len(),
        6
    );
    let sorted = rows("FROM logs | LIMIT 9 | SORT event.action, @timestamp DESC | KEEP *").await;
    let key = |row: &Value| row["event.action"].to_string();
    assert!(sorted.is_sorted_by_key(key));
    assert!(sorted[0]["@timestamp"].as_str() > sorted[1]["@timestamp"].as_str());

    let agents = api.rows("/v1/agents").await;
    let hosts: BTreeSet<_> = agents
        .iter()
        .map(|agent| agent["hostname"].to_string())
        .collect();
    for row in rows("FROM logs | KEEP *").await {
        assert!(hosts.contains(&row["host.name"].to_string()), "{row}");
    }
    let without = Api::of(Simulator::builder().siem(false)).await;
    assert_eq!(without.post("/v1/siem/query", json!({})).await.0, 404);
}

#[tokio::test]
async fn odd_shapes_are_also_in_what_is_nested_in_writes_and_in_errors() {
    let api = Api::of(Simulator::builder().odd_shapes(1.0)).await;
    let client = api.client();
    let (mut bare, mut wrapped) = (0, 0);
    for id in ids(&api.rows("/v1/escalations").await) {
        match api
            .get(&format!("/v1/escalations/{id}"))
            .await
            .get("escalation")
        {
            Some(_) => wrapped += 1,
            None => bare += 1,
        }
        assert_eq!(client.get_escalation(id).send().await.unwrap().id, id);
    }
    assert!(bare > 0 && wrapped > 0, "{bare} {wrapped}");

    let incidents = api.rows("/v1/incident_reports").await;
    let items = incidents
        .iter()
        .filter_map(|incident| incident["remediations"]["items"].as_array());
    let items: Vec<_> = items.flatten().collect();
    assert!(
        items
            .iter()
            .any(|item| item["approved_by"]["id"].is_string())
    );
    assert!(items.iter().any(|item| item["parameters"].is_object()));

    let plain = Api::start().await;
    let mut odd = 0;
    for agent in &plain.rows("/v1/agents?platform=windows").await[..10] {
        let path = format!("/v1/agents/{}/isolation", agent["id"]);
        let (status, answer) = api.post(&path, json!({})).await;
        assert_eq!(status, 201);
        odd += usize::from(answer["agent"]["ipv4_addresses"].is_array());
    }
    assert_eq!(odd, 10);

    let body = types::ResolveEscalation::new();
    let open = client
        .list_escalations()
        .status("open")
        .send()
        .await
        .unwrap();
    let of = |one: &&types::Escalation| one.subtype.as_deref() == Some("vpn");
    let escalation = open.items.iter().find(of).unwrap().id;
    let resolved = client.resolve_escalation(escalation, body).send().await;
    assert_eq!(resolved.unwrap().escalation.unwrap().id, escalation);
    let sent = ids(&plain.rows("/v1/incident_reports?status=sent").await)[0];
    let approve = client.approve_remediations(sent);
    approve.send().await.unwrap();

    let mut forms = BTreeSet::new();
    for name in 1..40 {
        let field = "x".repeat(name);
        let path = format!("/v1/agents?{field}=1");
        let (status, body) = api.send(Method::GET, &path, Value::Null).await;
        assert_eq!(status, 400);
        let says = format!("{field} is not a parameter of list_agents");
        assert!(body.to_string().contains(&says), "{body}");
        forms.insert(match &body {
            body if body["error"].is_string() => "error",
            body if body["errors"]["base"].is_array() => "map",
            body if body["errors"][0].is_string() => "texts",
            body if body["errors"][0]["message"].is_string() => "objects",
            _ => panic!("{body}"),
        });
    }
    assert_eq!(forms, BTreeSet::from(["error", "map", "objects", "texts"]));
    let error = client.get_agent(404).send().await.unwrap_err();
    assert_eq!(error.message().as_deref(), Some("Not found"));
}

#[tokio::test]
async fn severities_are_sorted_by_how_severe_they_are() {
    let api = Api::start().await;
    let rows = api.rows("/v1/escalations?sort_field=severity").await;
    let mut severities: Vec<_> = rows
        .iter()
        .map(|row| row["severity"].as_str().unwrap())
        .collect();
    severities.dedup();
    assert_eq!(severities, ["critical", "high", "low"]);
}

#[tokio::test]
async fn a_filter_finds_its_own_among_a_million_agents() {
    let api = Api::of(Simulator::builder().agents(1_000_000)).await;
    assert!(api.rows("/v1/agents?version=none").await.is_empty());
    let found = api.rows("/v1/agents?version=0.14.7").await;
    assert!(found.iter().all(|agent| agent["version"] == "0.14.7"));
    assert_eq!(found.len(), 500);
}

#[tokio::test]
async fn an_account_with_nothing_in_it_still_answers() {
    for agents in [0, 1] {
        let builder = Simulator::builder().organizations(0).agents(agents);
        let api = Api::of(builder.identities(0)).await;
        for (path, rows) in everything(&api).await {
            rows.iter().for_each(in_order);
            let none = ["/v1/organizations", "/v1/identities"].contains(&&*path);
            assert!(!none || rows.is_empty(), "{path}");
        }
        let escalation = &api.rows("/v1/escalations").await[0]["id"];
        api.get(&format!("/v1/escalations/{escalation}")).await;
        let (status, _) = api.post("/v1/siem/query", query("FROM logs")).await;
        assert_eq!(status, 200);
    }
}
