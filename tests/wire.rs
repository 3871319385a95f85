//! What each of the 92 operations puts on the wire, compared with the vendor's contract.
//!
//! The contract names the operations and gives every parameter and body field a sample
//! value by its type; the calls below set the same samples as a user would set them. An
//! operation of the contract without a call here fails, and so does a call too many.

mod support;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use support::Server;
use support::calls::{ACCOUNT, calls};

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];
/// Removed from the vendor's document, but still answering; no contract has them.
const LEGACY: [&str; 2] = ["/v1/billing_reports", "/v1/billing_reports/{id}"];

const EXCLUSIVE: [&[&str]; 2] = [
    &["country_code", "vpn", "logic"],
    &["identity_id", "organization_id"],
];

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
    if let Some((_, sample)) = typed().into_iter().find(|(typed, _)| *typed == name) {
        return sample;
    }
    match (schema["type"].as_str().unwrap(), schema["format"].as_str()) {
        ("integer", _) if name == "account_id" && schema["in"] == "path" => json!(ACCOUNT),
        ("integer", _) => json!(7),
        ("boolean", _) => json!(true),
        ("array", _) => match &schema["items"] {
            // In truth it is a list of strings; the document is wrong here.
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

/// What is text in the contract, and has a type of its own here.
fn typed() -> [(&'static str, Value); 6] {
    [
        ("entity_id", json!(7)),
        ("investigated_at_max", json!("2026-01-02T03:04:05Z")),
        ("investigated_at_min", json!("2026-01-02T03:04:05Z")),
        ("period_max", json!("2026-01-02")),
        ("period_min", json!("2026-01-02")),
        ("product_trials_start_date", json!("2026-01-02")),
    ]
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
    let mut sample = sample(contract, "", &body["schema"]);
    // Only one of these can be sent.
    for exclusive in EXCLUSIVE {
        if let Some(sample) = sample.as_object_mut()
            && exclusive.iter().all(|name| sample.contains_key(*name))
        {
            sample.retain(|name, _| !exclusive[1..].contains(&&**name));
        }
    }
    Some(sample)
}

fn is_legacy(place: &str) -> bool {
    let path = place.replace("/v1/accounts/{account_id}/", "/v1/");
    LEGACY.iter().any(|legacy| path == format!("GET {legacy}"))
}

#[test]
fn every_operation_of_the_contract_has_a_call_and_no_call_is_too_many() {
    let contract = contract();
    let declared: BTreeSet<String> = operations(&contract).into_keys().collect();
    let client = support::builder("http://127.0.0.1:1").build().unwrap();
    let called: BTreeSet<String> = calls(&client)
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
    for (place, make) in calls(&client).iter().filter(|(place, _)| !is_legacy(place)) {
        // The answer is `{}`, which is not what was asked for; the request counts.
        drop(make().await);
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
    for (place, make) in calls(&client).iter().filter(|(place, _)| is_legacy(place)) {
        drop(make().await);
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
