//! The odd shapes that the API is known to send: in rows, resources, writes and errors.

use std::collections::BTreeSet;

use crate::support::{Api, ids};
use huntress_simulator::Simulator;
use serde_json::{Value, json};

/// Where everything that can be odd is odd.
async fn odd() -> Api {
    Api::of(Simulator::builder().odd_shapes(1.0)).await
}

#[tokio::test]
async fn a_resource_comes_with_and_without_its_envelope() {
    let api = odd().await;
    let (mut bare, mut wrapped) = (0, 0);
    for id in ids(&api.rows("/v1/escalations").await) {
        let answer = api.get(&format!("/v1/escalations/{id}")).await;
        match answer.get("escalation") {
            Some(_) => wrapped += 1,
            None => bare += 1,
        }
    }
    assert!(bare > 0 && wrapped > 0, "{bare} {wrapped}");
}

#[tokio::test]
async fn the_remediations_of_an_incident_come_in_every_form() {
    let incidents = odd().await.rows("/v1/incident_reports").await;
    let form = |incident: &Value| match incident.get("remediations") {
        None => "absent",
        Some(Value::Null) => "null",
        Some(Value::Array(_)) => "list",
        Some(object) if object["items"].is_array() => "object",
        Some(_) => "empty",
    };
    let forms: BTreeSet<_> = incidents.iter().map(form).collect();
    let all = ["absent", "empty", "list", "null", "object"];
    assert_eq!(forms, BTreeSet::from(all));
}

#[tokio::test]
async fn what_is_nested_is_odd_too() {
    let incidents = odd().await.rows("/v1/incident_reports").await;
    let items = incidents
        .iter()
        .filter_map(|incident| incident["remediations"]["items"].as_array());
    let items: Vec<_> = items.flatten().collect();
    let approved_by = |item: &&&Value| item["approved_by"]["id"].is_string();
    assert!(items.iter().any(|item| approved_by(&item)));
    assert!(items.iter().any(|item| item["parameters"].is_object()));
}

#[tokio::test]
async fn what_a_write_answers_is_odd_too() {
    let (api, plain) = (odd().await, Api::start().await);
    for agent in &plain.rows("/v1/agents?platform=windows").await[..10] {
        let path = format!("/v1/agents/{}/isolation", agent["id"]);
        let (status, answer) = api.post(&path, json!({})).await;
        assert_eq!(status, 201);
        assert!(answer["agent"]["ipv4_addresses"].is_array(), "{answer}");
        let (_, answer) = plain.post(&path, json!({})).await;
        assert!(answer["agent"]["ipv4_address"].is_string(), "{answer}");
        assert!(answer["agent"].get("ipv4_addresses").is_none(), "{answer}");
    }
}

#[tokio::test]
async fn an_error_says_why_in_every_form() {
    let api = odd().await;
    let mut forms = BTreeSet::new();
    for length in 1..40 {
        let field = "x".repeat(length);
        let request = format!("GET /v1/agents?{field}=1");
        let (status, body) = api.send(&request, Value::Null).await;
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
}
