//! Writes: what each changes, and when it is refused.

use std::time::Duration;

use crate::support::{Api, ids, receive, send};
use huntress_simulator::Simulator;
use jiff::Timestamp;
use serde_json::{Value, json};

#[tokio::test]
async fn what_is_written_is_kept_as_the_document_says() {
    let api = Api::of(Simulator::builder().reaction(Duration::from_millis(5))).await;
    let agent = format!("/v1/agents/{}", api.rows("/v1/agents").await[0]["id"]);
    let tags = json!({"tags": ["My Server", "", "x", " x ", "X"]});
    let (_, tagged) = api.patch(&agent, tags).await;
    assert_eq!(tagged["agent"]["tags"], json!(["my-server", "x"]));

    let (_, pending) = api.post(&format!("{agent}/isolation"), json!({})).await;
    assert_eq!(pending["agent"]["firewall_status"], "Pending Isolation");
    tokio::time::sleep(Duration::from_millis(10)).await;
    let latest = &api.rows("/v1/agents?sort_field=updated_at").await[0];
    assert_eq!(latest["firewall_status"], "Isolated");
    let updated =
        |agent: &Value| -> Timestamp { agent["updated_at"].as_str().unwrap().parse().unwrap() };
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
    let (status, _) = api.patch("/v1/accounts/2", name).await;
    assert_eq!(status, 200);
    assert_ne!(before, "Another Name");
    assert_eq!(owned(&api.rows(membership).await[0]), "Another Name");
    let credentials = api.simulator.other_credentials();
    let own = send(&api.simulator, credentials, "GET /v1/account", "", "").await;
    let own = receive(own).await.json();
    assert_eq!(owned(&own), "Another Name");
}

/// The open escalations of a kind.
async fn open(api: &Api, subtype: &str) -> Vec<i64> {
    let mut open = api.rows("/v1/escalations?status=open").await;
    open.retain(|escalation| escalation["subtype"] == subtype);
    ids(&open)
}

async fn resolve(api: &Api, escalation: i64, body: Value) -> (u16, Value) {
    let path = format!("/v1/escalations/{escalation}/resolution");
    api.post(&path, body).await
}

#[tokio::test]
async fn every_kind_of_escalation_is_resolved_in_its_own_way() {
    let api = Api::start().await;
    let rule = json!({"determination": "unauthorized", "scope": "account"});
    for (subtype, body, method) in [
        ("country", &rule, "rule"),
        ("vpn", &rule, "rule"),
        ("country", &json!({}), "dismiss"),
        ("vpn", &json!({}), "dismiss"),
        ("isolated_host", &json!({}), "direct"),
        ("defender_disabled", &json!({}), "direct"),
    ] {
        let id = open(&api, subtype).await[0];
        let (status, resolved) = resolve(&api, id, body.clone()).await;
        assert_eq!(
            (status, &resolved["resolution_method"]),
            (201, &json!(method)),
            "{subtype}"
        );
        assert_eq!(resolved["escalation"]["status"], "resolved");
        assert_eq!(resolve(&api, id, json!({})).await.0, 409, "{subtype} again");
    }
}

#[tokio::test]
async fn an_escalation_is_not_resolved_in_the_way_of_another_kind() {
    let api = Api::start().await;
    let rule = json!({"determination": "unauthorized", "scope": "account"});
    for (subtype, body, status) in [
        ("portal_only", json!({}), 422),
        ("isolated_host", rule, 400),
        ("country", json!({"scope": "account"}), 400),
    ] {
        let id = open(&api, subtype).await[0];
        assert_eq!(resolve(&api, id, body).await.0, status, "{subtype}");
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
    let change = |body: Value| api.patch(&path, body);
    assert_eq!(change(json!({"expires_at": "2098-01-01"})).await.0, 422);
    let (_, expired) = change(json!({"starts_at": "2020-01-01", "expires_at": "2020-02-01"})).await;
    assert_eq!(expired["unwanted_access_rule"]["status"], "expired");
    let found = api.rows("/v1/unwanted_access_rules?country_code=FR").await;
    assert_eq!(found.len(), 1, "the same value twice makes one rule");
}
