//! Every type decodes what the server is known to send, and encodes what it decoded.
//!
//! The payloads are made from the schemas of `spec/openapi.json`; the odd shapes that
//! the server has been seen to send follow, one test each.

mod support;

use std::collections::{BTreeMap, BTreeSet};

use huntress::types;
use serde_json::{Map, Value, json};
use support::Server;
use support::payload::{Fill, component, document, payload};

type RoundTrip = fn(Value) -> Result<Value, String>;

macro_rules! round_trips {
    ($($name:ident),* $(,)?) => {
        BTreeMap::from([$((stringify!($name), round_trip::<types::$name> as RoundTrip)),*])
    };
}

fn round_trip<T: serde::de::DeserializeOwned + serde::Serialize>(
    value: Value,
) -> Result<Value, String> {
    // From text, as it comes off the wire: a `Value` borrows in another way.
    let decoded: T = serde_json::from_str(&value.to_string()).map_err(|e| e.to_string())?;
    serde_json::to_value(decoded).map_err(|e| e.to_string())
}

/// Every component that a response holds.
#[rustfmt::skip]
fn all() -> BTreeMap<&'static str, RoundTrip> {
    round_trips! {
        AccessDetermination, AccessRuleCategory, AccessRuleLogic, AccessRuleStatus,
        AccessRuleTarget, Account, AccountId, AccountRef, AccountStatus, AccountUsageLineItem,
        Actor, ActualUsages, Address, Agent, AgentId, BillingCycle, BillingInterval,
        BillingReport, BillingReportId, EdrUsage, EntityId, EntityList, EntityRef, Escalation,
        EscalationId, EscalationResolution, EscalationStatus, EscalationWithEntities,
        ExternalPort, ExternalPortId, FirewallStatus, Identity, IdentityId, IdentityUsage,
        IncidentLogEntry, IncidentReport, IncidentReportId, IncidentReportStatus,
        IndicatorType, InvitedUser, Invoice, InvoiceId, InvoiceStatus, KnownVpn,
        MemberInvitation, Membership, MembershipId, Organization, OrganizationId,
        OrganizationRef, OrganizationUsageLineItem, OrganizationWithUsage, Permissions,
        Platform, PlatformAction, PlatformActionId, PlatformActionWithEntities, Product,
        Remediation, RemediationId, RemediationList, RemediationParameter,
        RemediationParameters, RemediationStatus, RemediationType, ReportExternalService,
        ReportIncident, ReportIncidentRemediation, ResellerRef, ResolutionMethod, RiskLevel,
        SatUsage, ScheduleStatus, Severity, SiemUsage, Signal, SignalEntity, SignalEntityType,
        SignalId, SignalStatus, SignalType, Subscription, SubscriptionId, SubscriptionSchedule,
        SubscriptionStatus, SummaryReport, SummaryReportId, SummaryReportType, SupportType,
        TenantRef, TenantType, TopIncidentHosts, TransportProtocol, UnitUsage,
        UnwantedAccessRule, UnwantedAccessRuleId, UsageSubscription, UserId, UserRef
    }
}

/// What can be lost: nulls, and keys that this version does not know.
fn typed(value: Value) -> Value {
    match value {
        Value::Object(map) => map
            .into_iter()
            .filter(|(key, value)| !value.is_null() && key != "a_key_of_next_year")
            .map(|(key, value)| (key, typed(value)))
            .collect(),
        Value::Array(items) => items.into_iter().map(typed).collect(),
        other => other,
    }
}

#[track_caller]
fn every_type_survives(fill: Fill) {
    let document = document();
    for (name, round_trip) in all() {
        let schema = &document["components"]["schemas"][name];
        let payload = payload(&document, schema, fill);
        match round_trip(payload.clone()) {
            Ok(encoded) => assert_eq!(encoded, typed(payload), "{name}"),
            Err(error) => panic!("{name}: {error}: {payload}"),
        }
    }
}

#[test]
fn every_received_component_is_tested() {
    fn reach<'a>(document: &'a Value, node: &'a Value, found: &mut BTreeSet<&'a str>) {
        if node.get("$ref").is_some()
            && let Some((name, schema)) = component(document, node)
            && found.insert(name)
        {
            reach(document, schema, found);
        }
        for inner in node.as_object().into_iter().flat_map(Map::values) {
            reach(document, inner, found);
        }
        node.as_array()
            .into_iter()
            .flatten()
            .for_each(|inner| reach(document, inner, found));
    }
    let document = document();
    let mut received = BTreeSet::new();
    for item in document["paths"].as_object().unwrap().values() {
        for operation in item.as_object().unwrap().values() {
            reach(&document, &operation["responses"], &mut received);
        }
    }
    received.retain(|name| {
        let envelope = document["components"]["schemas"][name]
            .get("x-huntress-envelope")
            .is_some();
        !envelope && !name.ends_with("Pagination")
    });
    assert_eq!(received, all().into_keys().collect());
}

#[test]
fn all_fields() {
    every_type_survives(Fill::All);
}

#[test]
fn every_optional_field_null() {
    every_type_survives(Fill::Null);
}

#[test]
fn every_optional_field_absent() {
    every_type_survives(Fill::Absent);
}

#[test]
fn keys_nobody_knows_yet() {
    every_type_survives(Fill::UnknownKeys);
}

#[test]
fn enum_values_nobody_knows_yet() {
    every_type_survives(Fill::NewEnumValues);
}

fn incident(field: &str, value: Value) -> types::IncidentReport {
    serde_json::from_value(json!({"id": 1, field: value})).unwrap()
}

/// The ids of an incident's remediations; `None` where it has no list of them.
fn remediations(value: Value) -> Option<Vec<i64>> {
    let items = incident("remediations", value).remediations?.items?;
    Some(
        items
            .iter()
            .map(|remediation| remediation.id.get())
            .collect(),
    )
}

#[test]
fn remediations_as_a_list_with_its_count() {
    let value = json!({"total_count": 11, "has_more": true, "items": [{"id": 7}]});
    let list = incident("remediations", value).remediations.unwrap();
    assert_eq!((list.total_count, list.has_more), (Some(11), Some(true)));
    assert_eq!(list.items.unwrap()[0].id, 7);
}

#[test]
fn remediations_as_a_flat_list() {
    assert_eq!(
        remediations(json!([{"id": 7}, {"id": 8}])),
        Some(vec![7, 8])
    );
}

#[test]
fn remediations_as_one_bare_object() {
    assert_eq!(
        remediations(json!({"id": 7, "type": "manual"})),
        Some(vec![7])
    );
}

#[test]
fn remediations_as_null_or_empty_object() {
    assert_eq!(remediations(json!(null)), None);
    assert_eq!(remediations(json!({})), None);
}

fn parameters(value: Value) -> Option<types::RemediationParameters> {
    let remediation: types::Remediation =
        serde_json::from_value(json!({"id": 1, "parameters": value})).unwrap();
    remediation.parameters
}

#[test]
fn remediation_parameters_as_list_object_string_and_null() {
    use types::RemediationParameters::{List, Map, Text};
    let list = parameters(json!([{"name": "path", "description": "x"}]));
    assert!(matches!(list, Some(List(list)) if list[0].name.as_deref() == Some("path")));
    assert!(matches!(parameters(json!({"path": "x"})), Some(Map(map)) if map["path"] == "x"));
    assert_eq!(parameters(json!("host")), Some(Text("host".to_owned())));
    assert_eq!(parameters(json!(null)), None);
}

#[test]
fn a_users_id_as_a_string_of_digits() {
    let value = json!({"id": 1, "approved_by": {"id": "123123", "name": "x"}});
    let remediation: types::Remediation = serde_json::from_value(value).unwrap();
    assert_eq!(remediation.approved_by.unwrap().id, 123_123);
    let wrong = json!({"id": "12a"});
    let error = serde_json::from_value::<types::UserRef>(wrong)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("an integer, or a string of digits"),
        "{error}"
    );
}

#[test]
fn organizations_of_an_escalation_as_objects_or_bare_ids() {
    let value = json!({"id": 1, "organizations": [{"id": 7, "name": "x"}, 8, "9"]});
    let escalation: types::Escalation = serde_json::from_value(value).unwrap();
    let ids: Vec<_> = escalation
        .organizations
        .unwrap()
        .iter()
        .map(|o| o.id)
        .collect();
    assert_eq!(ids, [7, 8, 9]);
}

#[test]
fn indicator_types_as_list_or_map() {
    use types::IndicatorType::{self, Footholds};
    let list = incident("indicator_types", json!(["footholds", "new"])).indicator_types;
    assert_eq!(list, Some(vec![Footholds, IndicatorType::other("new")]));
    let map = incident("indicator_types", json!({"footholds": 2})).indicator_types;
    assert_eq!(map, Some(vec![Footholds]));
}

#[test]
fn top_incident_hosts_as_list_or_map() {
    let report = |hosts: Value| -> types::SummaryReport {
        serde_json::from_value(json!({"id": 1, "top_incident_hosts": hosts})).unwrap()
    };
    use types::TopIncidentHosts::{Counts, Names};
    let names = report(json!(["a"])).top_incident_hosts;
    assert_eq!(names, Some(Names(vec!["a".to_owned()])));
    let counts = report(json!({"a": 3})).top_incident_hosts;
    assert_eq!(counts, Some(Counts([("a".to_owned(), 3)].into())));
}

#[test]
fn an_incident_of_an_identity_has_no_agent() {
    assert_eq!(incident("agent_id", json!(null)).agent_id, None);
}

#[test]
fn undocumented_keys_of_an_agent() {
    let value = json!({"id": 1, "ipv4_addresses": ["10.0.0.1"], "hostname": "h"});
    let agent: types::Agent = serde_json::from_value(value).unwrap();
    assert_eq!(agent.hostname.as_deref(), Some("h"));
}

#[test]
fn the_microsoft_365_fields_of_an_organization() {
    let value = json!({"id": 1, "microsoft_365_tenant_id": "t", "microsoft_365_users_count": 3, "notify_emails": ["a"]});
    let organization: types::Organization = serde_json::from_value(value).unwrap();
    assert_eq!(organization.microsoft_365_tenant_id.as_deref(), Some("t"));
    assert_eq!(organization.microsoft_365_users_count, Some(3));
}

#[test]
fn values_beyond_the_document() {
    let status = |value| incident("status", json!(value)).status.unwrap();
    assert_eq!(status("draft"), types::IncidentReportStatus::other("draft"));
    let escalation: types::Escalation =
        serde_json::from_value(json!({"id": 1, "status": "overdue"})).unwrap();
    assert_eq!(escalation.status.unwrap().as_str(), "overdue");
    let agent: types::Agent =
        serde_json::from_value(json!({"id": 1, "defender_status": "Protected"})).unwrap();
    assert_eq!(agent.defender_status.as_deref(), Some("Protected"));
    let invoice: types::Invoice =
        serde_json::from_value(json!({"id": 1, "status": "voided"})).unwrap();
    assert_eq!(invoice.status, Some(types::InvoiceStatus::Voided));
}

#[test]
fn every_spelling_of_a_timestamp() {
    for (text, expected) in [
        (json!("2026-01-22T01:07:08Z"), Some("2026-01-22T01:07:08Z")),
        (
            json!("2026-01-22T01:07:08.250Z"),
            Some("2026-01-22T01:07:08.25Z"),
        ),
        (
            json!("2026-01-22 01:07:08 UTC"),
            Some("2026-01-22T01:07:08Z"),
        ),
        (
            json!("2026-01-05T09:20:00 UTC"),
            Some("2026-01-05T09:20:00Z"),
        ),
        (json!("2026-01-22"), Some("2026-01-22T00:00:00Z")),
        (json!(null), None),
        (json!(""), None),
    ] {
        let read = incident("closed_at", text.clone())
            .closed_at
            .map(|at| at.to_string());
        assert_eq!(read.as_deref(), expected, "{text}");
    }
}

#[test]
fn a_period_stays_as_it_is_written() {
    let value = json!({"id": 1, "period": "2022-02-01...2022-03-02"});
    let report: types::SummaryReport = serde_json::from_value(value).unwrap();
    assert_eq!(report.period.as_deref(), Some("2022-02-01...2022-03-02"));
}

#[tokio::test]
async fn an_escalation_with_and_without_its_envelope() {
    let server = Server::start().await;
    let client = server.client();
    for body in [json!({"escalation": {"id": 7}}), json!({"id": 7})] {
        server.answer(200, body.to_string());
        assert_eq!(client.get_escalation(7).send().await.unwrap().id, 7);
    }
    server.answer(200, json!({"other": 1}).to_string());
    let error = client.get_escalation(7).send().await.unwrap_err();
    assert!(error.is_decode(), "{error}");
    assert!(
        error
            .to_string()
            .contains("neither a `escalation` nor wrapped in one"),
        "{error}"
    );
}

#[tokio::test]
async fn an_actor_and_a_resolution_come_bare() {
    let server = Server::start().await;
    let client = server.client();
    server.answer(200, json!({"user": {"id": 3, "name": "x"}}).to_string());
    assert_eq!(client.get_actor().send().await.unwrap().user.unwrap().id, 3);
    server.answer(200, json!({"error": "x"}).to_string());
    let error = client.get_actor().send().await.unwrap_err();
    assert!(error.is_decode(), "{error}");
    server.answer(
        201,
        json!({"escalation": {"id": 7}, "resolution_method": "direct"}).to_string(),
    );
    let resolution = client
        .resolve_escalation(7, types::ResolveEscalation::new())
        .send()
        .await
        .unwrap();
    assert_eq!(
        resolution.resolution_method,
        Some(types::ResolutionMethod::Direct)
    );
    assert_eq!(server.take_requests().pop().unwrap().body, "{}");
}

#[tokio::test]
async fn a_list_without_pagination_and_a_page_of_rows() {
    let server = Server::start().await;
    let client = server.client();
    server.answer(
        200,
        json!({"known_vpns": [{"name": "N", "slug": "n"}]}).to_string(),
    );
    let vpns: Vec<types::KnownVpn> = client.list_known_vpns().send().await.unwrap();
    assert_eq!(vpns[0].slug.as_deref(), Some("n"));
    let rows = json!({"logs": [{"host.name": "h"}], "pagination": {"next_page_token": "t"}});
    server.answer(200, rows.to_string());
    let moment: huntress::jiff::Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
    let query = types::QuerySiem::new("FROM logs", moment, moment);
    let page = client.query_siem(query).send().await.unwrap();
    assert_eq!(page.items[0]["host.name"], "h");
    assert_eq!(page.next_page_token.as_deref(), Some("t"));
}

#[tokio::test]
async fn no_content_is_a_result_and_headers_are_there_when_asked_for() {
    let server = Server::start().await;
    server.answer(204, "");
    let response = server
        .client()
        .release_agent(7)
        .send_with_response()
        .await
        .unwrap();
    assert_eq!(response.status(), 204);
    assert!(response.headers().contains_key("date"));
}
