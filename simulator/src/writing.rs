//! Writes: what each changes, and when it is refused.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use jiff::Timestamp;
use jsonschema::error::ValidationErrorKind;
use serde_json::{Value, json};

use crate::document::{Match, Operation};
use crate::refusal::{Refusal, refuse};
use crate::world::{ACCOUNTS, AGENTS, INCIDENTS, ORGANIZATIONS, World};

const SUBSCRIPTIONS: &str = "/v1/reseller/subscriptions";
const RULES: &str = "/v1/unwanted_access_rules";
const REMEDIATIONS: &str = "/v1/incident_reports/{incident_report_id}/remediations";

type Answer = Result<Value, Refusal>;

/// The body of a request, checked against the document's schema.
pub(crate) fn body(operation: &Operation, bytes: &[u8]) -> Result<Value, Refusal> {
    let Some(expected) = &operation.body else {
        return Ok(Value::Null);
    };
    let malformed = operation.documented(&[400, 422, 400]);
    let body: Value = match serde_json::from_slice(bytes) {
        Ok(body) => body,
        Err(error) => return refuse(malformed, format!("the body is not JSON: {error}")),
    };
    let errors: Vec<(String, String)> = expected
        .validator
        .iter_errors(&body)
        .map(|error| {
            let mut field = error.instance_path().to_string().replace('/', ".");
            if let ValidationErrorKind::Required { property } = error.kind() {
                field = format!("{field}.{}", property.as_str().unwrap_or_default());
            }
            let field = field.trim_start_matches('.').to_owned();
            (field, error.to_string())
        })
        .collect();
    if errors.is_empty() {
        return Ok(body);
    }
    let status = operation.documented(&[422, 400]);
    Err(Refusal::of_fields(status, &errors))
}

/// Carries a write out and returns what it answers, not yet in its envelope.
pub(crate) fn write(world: &mut World, found: &Match, body: &Value, reaction: Duration) -> Answer {
    let Match { operation, ids, .. } = found;
    let last = ids.last().copied().unwrap_or_default();
    match &*operation.id {
        "update_agent" => update_agent(world, last, body),
        "uninstall_agent" => take(world, AGENTS, last),
        "isolate_agent" => firewall(world, last, &ISOLATION, reaction),
        "release_agent" => firewall(world, last, &RELEASE, reaction),
        "create_organization" => create_organization(world, body),
        "update_organization" => update_organization(world, last, body),
        "delete_organization" => delete_organization(world, last),
        "create_membership" => create_membership(world, body),
        "update_membership" => {
            let mut row = get(world, "/v1/memberships", last)?;
            merge(&mut row, body);
            keep(world, "/v1/memberships", row)
        }
        "delete_membership" => take(world, "/v1/memberships", last),
        "create_account" => create_account(world, body),
        "update_account" => update_account(world, last, body),
        "disable_account" => disable_account(world, last),
        "create_reseller_subscription" => create_subscription(world, body),
        "update_reseller_subscription" => update_subscription(world, last, body),
        "upgrade_reseller_subscription" => upgrade_subscription(world, last, body),
        "create_unwanted_access_rule" => create_rule(world, body),
        "update_unwanted_access_rule" => update_rule(world, last, body),
        "delete_unwanted_access_rule" => take(world, RULES, last),
        "resolve_escalation" => resolve_escalation(world, last, body),
        "resolve_incident_report" => resolve_incident(world, last),
        "approve_remediations" => decide_remediations(world, last, "approved"),
        "reject_remediations" => decide_remediations(world, last, "cancelled"),
        other => refuse(
            StatusCode::NOT_IMPLEMENTED,
            format!("the simulator does not know how to {other}"),
        ),
    }
}

fn conflict<T>(why: &str) -> Result<T, Refusal> {
    refuse(StatusCode::CONFLICT, why)
}

fn unprocessable<T>(why: &str) -> Result<T, Refusal> {
    refuse(StatusCode::UNPROCESSABLE_ENTITY, why)
}

fn get(world: &World, list: &str, id: i64) -> Answer {
    let not_found = || Refusal::new(StatusCode::NOT_FOUND, "Not found");
    world.row(list, &[], id).ok_or_else(not_found)
}

/// Stores a changed row and answers it.
fn keep(world: &mut World, list: &str, mut row: Value) -> Answer {
    if row.get("updated_at").is_some() {
        row["updated_at"] = now();
    }
    world.put(list, &[], row.clone());
    Ok(row)
}

/// Removes a row and answers what it was.
fn take(world: &mut World, list: &str, id: i64) -> Answer {
    let row = get(world, list, id)?;
    world.delete(list, &[], id);
    Ok(row)
}

/// A new row of a list, with the fields of the body that it has.
fn create(world: &World, list: &str, component: &str, body: &Value) -> Value {
    let mut row = world.new_object(component, world.next_id(list));
    for key in ["created_at", "updated_at"] {
        if row.get(key).is_some() {
            row[key] = now();
        }
    }
    merge(&mut row, body);
    row
}

/// Takes over the fields of a body that a row has too.
fn merge(row: &mut Value, body: &Value) {
    for (key, value) in body.as_object().into_iter().flatten() {
        if let Some(field) = row.get_mut(key) {
            *field = value.clone();
        }
    }
}

fn now() -> Value {
    json!(Timestamp::now().to_string())
}

/// Whether a list has another row with the same value in a field.
fn taken(world: &World, list: &str, field: &str, value: &Value, id: i64) -> bool {
    let same = |row: &Value| row[field] == *value && row["id"] != id;
    !value.is_null() && world.any(list, same)
}

fn update_agent(world: &mut World, id: i64, body: &Value) -> Answer {
    let mut agent = get(world, AGENTS, id)?;
    if agent["platform"] == "linux" && !body["tamper_protection_configured"].is_null() {
        return conflict("the agent does not support tamper protection");
    }
    merge(&mut agent, body);
    keep(world, AGENTS, agent)
}

/// A change that the host makes some time after it was asked to.
struct Reaction {
    /// When it is too late, or too early.
    refused_when: fn(&str) -> bool,
    why: &'static str,
    pending: &'static str,
    done: &'static str,
}

const ISOLATION: Reaction = Reaction {
    refused_when: |status| status.contains("Isolat"),
    why: "the host is isolated already",
    pending: "Pending Isolation",
    done: "Isolated",
};

const RELEASE: Reaction = Reaction {
    refused_when: |status| !status.contains("Isolat"),
    why: "the host is not isolated",
    pending: "Pending Release",
    done: "Enabled",
};

fn firewall(world: &mut World, id: i64, reaction: &Reaction, after: Duration) -> Answer {
    let mut agent = get(world, AGENTS, id)?;
    if (reaction.refused_when)(agent["firewall_status"].as_str().unwrap_or_default()) {
        return conflict(reaction.why);
    }
    agent["firewall_status"] = json!(reaction.pending);
    let agent = keep(world, AGENTS, agent)?;
    world.later(id, Instant::now() + after, reaction.done);
    Ok(agent)
}

fn create_organization(world: &mut World, body: &Value) -> Answer {
    let mut row = create(world, ORGANIZATIONS, "Organization", body);
    for (key, value) in row.as_object_mut().into_iter().flatten() {
        if key.ends_with("_count") {
            *value = json!(0);
        }
    }
    check_organization(world, &row)?;
    keep(world, ORGANIZATIONS, row)?;
    // With its counts.
    get(world, ORGANIZATIONS, world.next_id(ORGANIZATIONS) - 1)
}

fn update_organization(world: &mut World, id: i64, body: &Value) -> Answer {
    let mut row = get(world, ORGANIZATIONS, id)?;
    merge(&mut row, body);
    check_organization(world, &row)?;
    keep(world, ORGANIZATIONS, row)
}

fn check_organization(world: &World, row: &Value) -> Result<(), Refusal> {
    for field in ["name", "key"] {
        let length = row[field]
            .as_str()
            .map_or(0, |text| text.trim().chars().count());
        if !(1..=256).contains(&length) {
            return unprocessable(&format!("{field} must have 1 to 256 characters"));
        }
    }
    if taken(
        world,
        ORGANIZATIONS,
        "key",
        &row["key"],
        row["id"].as_i64().unwrap_or_default(),
    ) {
        return unprocessable("key is taken");
    }
    Ok(())
}

fn delete_organization(world: &mut World, id: i64) -> Answer {
    let row = get(world, ORGANIZATIONS, id)?;
    if row["agents_count"] != 0 {
        return conflict("the organization still has agents");
    }
    take(world, ORGANIZATIONS, id)
}

fn create_membership(world: &mut World, body: &Value) -> Answer {
    let mut invitation = world.new_object("MemberInvitation", 0);
    match body["organization_id"].as_i64() {
        Some(id) => {
            let organization = get(world, ORGANIZATIONS, id)?;
            invitation["organization"] = json!({"id": id, "name": organization["name"]});
        }
        None => invitation["organization"] = Value::Null,
    }
    if !body["email"]
        .as_str()
        .is_some_and(|email| email.contains('@'))
    {
        return unprocessable("email is not an address");
    }
    merge(&mut invitation, body);
    merge(&mut invitation["user"], body);
    Ok(invitation)
}

fn create_account(world: &mut World, body: &Value) -> Answer {
    if taken(world, ACCOUNTS, "subdomain", &body["subdomain"], 0) {
        return unprocessable("subdomain is taken");
    }
    let mut row = create(world, ACCOUNTS, "Account", body);
    row["status"] = json!("enabled");
    keep(world, ACCOUNTS, row)
}

fn update_account(world: &mut World, id: i64, body: &Value) -> Answer {
    let mut row = get(world, ACCOUNTS, id)?;
    if taken(world, ACCOUNTS, "subdomain", &body["subdomain"], id) {
        return unprocessable("subdomain is taken");
    }
    merge(&mut row, body);
    keep(world, ACCOUNTS, row)
}

fn disable_account(world: &mut World, id: i64) -> Answer {
    let mut row = get(world, ACCOUNTS, id)?;
    if row["status"] == "disabled" {
        return unprocessable("the account is disabled already");
    }
    row["status"] = json!("disabled");
    keep(world, ACCOUNTS, row)
}

fn create_subscription(world: &mut World, body: &Value) -> Answer {
    let account = get(
        world,
        ACCOUNTS,
        body["account_id"].as_i64().unwrap_or_default(),
    )?;
    if body["minimum"].as_i64().is_none_or(|minimum| minimum < 1) {
        return unprocessable("minimum must be at least 1");
    }
    let mut row = create(world, SUBSCRIPTIONS, "Subscription", body);
    row["account"] = json!({
        "id": account["id"], "name": account["name"],
        "status": account["status"], "subdomain": account["subdomain"],
    });
    row["minimum_usage"] = body["minimum"].clone();
    row["status"] = json!("approved");
    keep(world, SUBSCRIPTIONS, row)
}

fn update_subscription(world: &mut World, id: i64, body: &Value) -> Answer {
    let mut row = get(world, SUBSCRIPTIONS, id)?;
    let allowed: &[&str] = match row["status"].as_str() {
        Some("approved") => &["minimum", "billing_interval", "purchase_order"],
        Some("active") => &["auto_renew", "additional_units", "purchase_order"],
        _ => &[],
    };
    let fields = body.as_object().into_iter().flatten();
    if let Some((field, _)) = fields
        .clone()
        .find(|(field, _)| !allowed.contains(&field.as_str()))
    {
        let status = row["status"].as_str().unwrap_or_default();
        return conflict(&format!("{field} cannot change while it is {status}"));
    }
    merge(&mut row, body);
    if let Some(minimum) = body.get("minimum") {
        row["minimum_usage"] = minimum.clone();
    }
    if let Some(units) = body["additional_units"].as_i64() {
        let minimum = row["minimum_usage"].as_i64().unwrap_or_default();
        row["minimum_usage"] = json!(minimum.saturating_add(units));
    }
    keep(world, SUBSCRIPTIONS, row)
}

fn upgrade_subscription(world: &mut World, id: i64, body: &Value) -> Answer {
    let mut row = get(world, SUBSCRIPTIONS, id)?;
    if row["status"] != "active" {
        return unprocessable("only an active subscription can be upgraded");
    }
    if body["minimum"].as_i64() < row["minimum_usage"].as_i64() {
        return unprocessable("minimum must not be lower than it is");
    }
    let mut upgraded = row.clone();
    upgraded["id"] = json!(world.next_id(SUBSCRIPTIONS));
    upgraded["minimum_usage"] = body["minimum"].clone();
    if body["on_renewal"] == true {
        upgraded["status"] = json!("approved");
    } else {
        row["status"] = json!("completed");
        keep(world, SUBSCRIPTIONS, row)?;
    }
    keep(world, SUBSCRIPTIONS, upgraded)
}

fn create_rule(world: &mut World, body: &Value) -> Answer {
    let given = |key: &str| body.get(key).filter(|value| !value.is_null());
    let kinds = ["country_code", "vpn", "logic"];
    let Some((kind, 1)) = kinds
        .iter()
        .copied()
        .find(|kind| given(kind).is_some())
        .zip(Some(
            kinds.iter().filter(|kind| given(kind).is_some()).count(),
        ))
    else {
        return unprocessable("exactly one of country_code, vpn and logic is needed");
    };
    let target = match (
        body["identity_id"].as_i64(),
        body["organization_id"].as_i64(),
    ) {
        (Some(id), _) => {
            let identity = get(world, "/v1/identities", id)?;
            json!({"type": "identity", "id": id, "name": identity["username"]})
        }
        (None, Some(id)) => {
            let organization = get(world, ORGANIZATIONS, id)?;
            json!({"type": "organization", "id": id, "name": organization["name"]})
        }
        (None, None) => json!({"type": "account", "id": world.account_id(), "name": Value::Null}),
    };
    let dated = given("starts_at").or(given("expires_at")).is_some();
    match body["logic"].as_str() {
        Some("catchall") if body["type"] != "unauthorized" || target["type"] == "identity" => {
            return unprocessable("a catchall is unauthorized, and not of an identity");
        }
        Some("catchall_exception")
            if body["type"] != "expected" || target["type"] != "organization" || dated =>
        {
            return unprocessable(
                "a catchall_exception is expected, of an organization, and has no dates",
            );
        }
        Some(_) if given("category").is_none() => {
            return unprocessable("a catchall needs a category");
        }
        _ => {}
    }
    let values = match body[kind].as_str() {
        Some(values) if kind != "logic" => values.split(',').map(str::trim).collect(),
        _ => vec![""],
    };
    let mut rules = Vec::new();
    for value in values {
        let mut rule = world.new_object("UnwantedAccessRule", 0);
        for key in ["country_code", "vpn", "ip_address"] {
            rule[key] = Value::Null;
        }
        rule["type"] = body["type"].clone();
        rule["logic"] = given("logic").cloned().unwrap_or(json!("standard"));
        rule["category"] = match kind {
            "country_code" => json!("country"),
            "vpn" => json!("vpn"),
            _ => body["category"].clone(),
        };
        if kind != "logic" {
            rule[kind] = json!(value);
        }
        rule["note"] = given("notes").cloned().unwrap_or_default();
        for key in ["starts_at", "expires_at"] {
            rule[key] = given(key).map_or(Value::Null, midnight);
        }
        rule["status"] = json!("active");
        rule["applied_to"] = target.clone();
        (rule["created_at"], rule["updated_at"]) = (now(), now());
        let same = [
            "type",
            "logic",
            "category",
            "country_code",
            "vpn",
            "applied_to",
        ];
        let exists = |row: &Value| same.iter().all(|key| row[*key] == rule[*key]);
        if world.any(RULES, exists) {
            return unprocessable("such a rule exists already");
        }
        rules.push(rule);
    }
    let mut last = Value::Null;
    for mut rule in rules {
        rule["id"] = json!(world.next_id(RULES));
        last = keep(world, RULES, rule)?;
    }
    Ok(last)
}

/// A date as the moment when it begins.
fn midnight(date: &Value) -> Value {
    json!(format!("{}T00:00:00Z", date.as_str().unwrap_or_default()))
}

fn update_rule(world: &mut World, id: i64, body: &Value) -> Answer {
    let mut rule = get(world, RULES, id)?;
    for key in ["starts_at", "expires_at"] {
        let Some(date) = body.get(key) else { continue };
        if !date.is_null() && rule["logic"] != "standard" {
            return unprocessable("a catchall and its exceptions have no dates");
        }
        rule[key] = if date.is_null() {
            Value::Null
        } else {
            midnight(date)
        };
    }
    if let Some(notes) = body.get("notes") {
        rule["note"] = notes.clone();
    }
    keep(world, RULES, rule)
}

fn resolve_escalation(world: &mut World, id: i64, body: &Value) -> Answer {
    const ESCALATIONS: &str = "/v1/escalations";
    let mut escalation = get(world, ESCALATIONS, id)?;
    if escalation["status"] == "resolved" {
        return conflict("the escalation is resolved already");
    }
    if escalation["subtype"] == "portal_only" {
        return unprocessable("this type can only be resolved in the portal");
    }
    let given = |key: &str| body.get(key).is_some_and(|value| !value.is_null());
    let by_rule = escalation["type"] == "unwanted_access";
    let method = match (given("determination"), given("scope")) {
        (true, true) if by_rule => "rule",
        (false, false) if by_rule => "dismiss",
        (false, false) => "direct",
        (true, true) => return refuse(StatusCode::BAD_REQUEST, "this type takes no rule"),
        _ => {
            return refuse(
                StatusCode::BAD_REQUEST,
                "determination and scope go together",
            );
        }
    };
    escalation["status"] = json!("resolved");
    escalation["resolved_at"] = now();
    let escalation = keep(world, ESCALATIONS, escalation)?;
    if method == "rule" {
        let mut rule = world.new_object("UnwantedAccessRule", world.next_id(RULES));
        rule["type"] = body["determination"].clone();
        rule["applied_to"]["type"] = body["scope"].clone();
        keep(world, RULES, rule)?;
    }
    let escalation = world.enriched("EscalationWithEntities", &escalation);
    Ok(json!({"escalation": escalation, "resolution_method": method}))
}

/// The remediations of an incident report, all of them.
fn remediations(world: &World, incident: i64) -> Vec<Value> {
    world.all(REMEDIATIONS, &[incident]).unwrap_or_default()
}

fn sent_incident(world: &World, id: i64) -> Answer {
    let incident = get(world, INCIDENTS, id)?;
    if incident["status"] != "sent" {
        return conflict("the incident report is not `sent`");
    }
    Ok(incident)
}

fn resolve_incident(world: &mut World, id: i64) -> Answer {
    let mut incident = sent_incident(world, id)?;
    if remediations(world, id)
        .iter()
        .any(|row| row["status"] == "unapproved")
    {
        return unprocessable("not all remediations are approved");
    }
    incident["status"] = json!("closed");
    (incident["closed_at"], incident["status_updated_at"]) = (now(), now());
    keep(world, INCIDENTS, incident)
}

fn decide_remediations(world: &mut World, id: i64, decision: &str) -> Answer {
    let mut incident = sent_incident(world, id)?;
    let rows = remediations(world, id).into_iter();
    let open: Vec<_> = rows.filter(|row| row["status"] == "unapproved").collect();
    if open.is_empty() {
        return unprocessable("no remediation is unapproved");
    }
    for mut row in open {
        row["status"] = json!(decision);
        if decision == "approved" {
            row["approved_at"] = now();
            row["approved_by"] = world.new_object("UserRef", 1);
        }
        world.put(REMEDIATIONS, &[id], row);
    }
    if decision == "cancelled" {
        incident["status"] = json!("dismissed");
        incident["status_updated_at"] = now();
    }
    keep(world, INCIDENTS, incident)
}
