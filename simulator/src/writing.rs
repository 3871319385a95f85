//! Writes: what each changes, and when it is refused.

use std::time::Duration;

use hyper::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::document::{Document, Match, Operation};
use crate::lives::{standing, terms};
use crate::refusal::{Refusal, refuse};
use crate::relations::{UNWANTED_ACCESS, applied_to, match_on, sign_in_from};
use crate::schema::{Wrong, check};
use crate::values;
use crate::world::{
    ACCOUNTS, AGENTS, ESCALATIONS, IDENTITIES, INCIDENTS, MEMBERSHIPS, ORGANIZATIONS, REMEDIATIONS,
    RULES, SUBSCRIPTIONS, World,
};

type Answer = Result<Value, Refusal>;

/// The body of a request, checked against the document's schema.
pub(crate) fn body(
    document: &Document,
    operation: &Operation,
    bytes: &[u8],
) -> Result<Value, Refusal> {
    let Some(expected) = &operation.body else {
        return Ok(Value::Null);
    };
    let malformed = operation.documented(&[400, 422, 400]);
    let body: Value = match serde_json::from_slice(bytes) {
        Ok(body) => body,
        Err(error) => return refuse(malformed, format!("the body is not JSON: {error}")),
    };
    let mut errors = Wrong::new();
    check(&document.value, expected, &body, "", &mut errors);
    if errors.is_empty() {
        return Ok(body);
    }
    let status = operation.documented(&[422, 400]);
    Err(Refusal::of_fields(status, &errors))
}

/// Carries a write out and returns what it answers, not yet in its envelope.
pub(crate) fn write(world: &mut World, found: &Match, body: &Value, reaction: Duration) -> Answer {
    let Match { operation, ids, .. } = found;
    world.settle();
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
            let mut row = get(world, MEMBERSHIPS, last)?;
            merge(&mut row, body);
            keep(world, MEMBERSHIPS, row)
        }
        "delete_membership" => take(world, MEMBERSHIPS, last),
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
    let mut row = world.new_object(component, world.next_id(list, &[]));
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
    values::at(Timestamp::now())
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
    if let Some(tags) = body["tags"].as_array() {
        agent["tags"] = tidy(tags);
    }
    keep(world, AGENTS, agent)
}

/// Tags in lower case with hyphens, each once.
fn tidy(tags: &[Value]) -> Value {
    let mut tidied: Vec<String> = Vec::new();
    for tag in tags.iter().filter_map(Value::as_str) {
        let words: Vec<_> = tag.split_whitespace().collect();
        let tag = words.join("-").to_lowercase();
        if !tag.is_empty() && !tidied.contains(&tag) {
            tidied.push(tag);
        }
    }
    json!(tidied)
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
    // No simulated host takes centuries.
    let at = Timestamp::now()
        .saturating_add(after)
        .unwrap_or(Timestamp::MAX);
    world.later(id, at, reaction.done);
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
    get(world, ORGANIZATIONS, world.next_id(ORGANIZATIONS, &[]) - 1)
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
            invitation["account"] = Value::Null;
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
    let name = |key: &str| body[key].as_str().unwrap_or_default();
    let name = format!("{} {}", name("first_name"), name("last_name"));
    invitation["user"] = json!({"email": body["email"], "name": name});
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
    row["account"] = world.account(account["id"].as_i64().unwrap_or_default());
    row["minimum_usage"] = body["minimum"].clone();
    row["status"] = json!("approved");
    let began = Timestamp::now().as_second();
    terms(&mut row, began, began);
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
    upgraded["id"] = json!(world.next_id(SUBSCRIPTIONS, &[]));
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
    let mut kinds = kinds.into_iter().filter(|kind| given(kind).is_some());
    let (Some(kind), None) = (kinds.next(), kinds.next()) else {
        return unprocessable("exactly one of country_code, vpn and logic is needed");
    };
    let target = match (given("identity_id"), given("organization_id")) {
        (Some(_), Some(_)) => {
            return unprocessable("identity_id and organization_id exclude each other");
        }
        (Some(id), None) => {
            let identity = get(world, IDENTITIES, id.as_i64().unwrap_or_default())?;
            applied_to("identity", &json!({"id": id, "name": identity["username"]}))
        }
        (None, Some(id)) => {
            let organization = get(world, ORGANIZATIONS, id.as_i64().unwrap_or_default())?;
            applied_to("organization", &organization)
        }
        (None, None) => applied_to("account", &world.account(world.account_id())),
    };
    let of_organization = target["type"] == "organization";
    match body["logic"].as_str() {
        Some("catchall") if body["type"] != "unauthorized" || target["type"] == "identity" => {
            return unprocessable("a catchall is unauthorized, and not of an identity");
        }
        Some("catchall_exception") if body["type"] != "expected" || !of_organization => {
            return unprocessable("a catchall_exception is expected, and of an organization");
        }
        Some(_) if given("category").is_none() => {
            return unprocessable("a catchall needs a category");
        }
        _ => {}
    }
    let category = match kind {
        "country_code" => "country",
        "vpn" => "vpn",
        _ => body["category"].as_str().unwrap_or_default(),
    };
    let mut values = vec![None];
    if kind != "logic" {
        values.clear();
        let listed = body[kind].as_str().unwrap_or_default().split(',');
        for value in listed.map(str::trim).filter(|value| !value.is_empty()) {
            if !values.contains(&Some(value)) {
                values.push(Some(value));
            }
        }
    }
    if values.is_empty() {
        return unprocessable(&format!("{kind} is empty"));
    }
    let mut rules = Vec::new();
    for value in values {
        let mut rule = new_rule(world, &body["type"], category, value, &target);
        rule["logic"] = given("logic").cloned().unwrap_or(json!("standard"));
        rule["note"] = given("notes").cloned().unwrap_or_default();
        schedule(&mut rule, body)?;
        if exists(world, &rule) {
            return unprocessable("such a rule exists already");
        }
        rules.push(rule);
    }
    let mut last = Value::Null;
    for rule in rules {
        last = add_rule(world, rule)?;
    }
    Ok(last)
}

/// A rule in force from now on, not yet among the others.
fn new_rule(
    world: &World,
    determination: &Value,
    category: &str,
    value: Option<&str>,
    target: &Value,
) -> Value {
    let mut rule = world.new_object("UnwantedAccessRule", 0);
    match_on(&mut rule, category, value);
    rule["type"] = determination.clone();
    rule["logic"] = json!("standard");
    rule["applied_to"] = target.clone();
    rule["status"] = json!("active");
    for empty in ["note", "starts_at", "expires_at"] {
        rule[empty] = Value::Null;
    }
    rule["created_by"] = world.user(0)["name"].clone();
    (rule["created_at"], rule["updated_at"]) = (now(), now());
    rule
}

/// Whether there is a rule for the same thing.
fn exists(world: &World, rule: &Value) -> bool {
    let keys = [
        "type",
        "logic",
        "category",
        "country_code",
        "vpn",
        "applied_to",
    ];
    world.any(RULES, |row| keys.iter().all(|key| row[*key] == rule[*key]))
}

fn add_rule(world: &mut World, mut rule: Value) -> Answer {
    rule["id"] = json!(world.next_id(RULES, &[]));
    keep(world, RULES, rule)
}

/// Takes over the dates of a body, where the rule may have some.
fn schedule(rule: &mut Value, body: &Value) -> Result<(), Refusal> {
    for key in ["starts_at", "expires_at"] {
        let Some(date) = body.get(key) else { continue };
        if !date.is_null() && rule["logic"] != "standard" {
            return unprocessable("a catchall and its exceptions have no dates");
        }
        if !date.is_null() && rule["type"] == "unauthorized" {
            return unprocessable("an unauthorized rule has no dates");
        }
        rule[key] = json!(date.as_str().map(|date| format!("{date}T00:00:00Z")));
    }
    if let (Some(start), Some(end)) = (rule["starts_at"].as_str(), rule["expires_at"].as_str())
        && end <= start
    {
        return unprocessable("expires_at must be after starts_at");
    }
    rule["status"] = json!(standing(rule, Timestamp::now()));
    Ok(())
}

fn update_rule(world: &mut World, id: i64, body: &Value) -> Answer {
    let mut rule = get(world, RULES, id)?;
    schedule(&mut rule, body)?;
    if let Some(notes) = body.get("notes") {
        rule["note"] = notes.clone();
    }
    keep(world, RULES, rule)
}

fn resolve_escalation(world: &mut World, id: i64, body: &Value) -> Answer {
    let mut escalation = get(world, ESCALATIONS, id)?;
    if escalation["status"] == "resolved" {
        return conflict("the escalation is resolved already");
    }
    if escalation["subtype"] == "portal_only" {
        return unprocessable("this type can only be resolved in the portal");
    }
    let given = |key: &str| body.get(key).is_some_and(|value| !value.is_null());
    let by_rule = escalation["type"] == UNWANTED_ACCESS;
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
        rule_on(world, &escalation, body)?;
        // Third parties say so of the API: unless it is told not to.
        if body["determination"] == "unauthorized" && body["revoke_and_disable_identities"] != false
        {
            for entity in world.entities(&escalation) {
                let id = entity["id"].as_i64().unwrap_or_default();
                if let Some(mut identity) = world.row(IDENTITIES, &[], id) {
                    identity["enabled"] = json!(false);
                    keep(world, IDENTITIES, identity)?;
                }
            }
        }
    }
    let escalation = world.enriched("EscalationWithEntities", &escalation);
    Ok(json!({"escalation": escalation, "resolution_method": method}))
}

/// Makes the rules that settle an escalated sign-in, but for those that there are.
fn rule_on(world: &mut World, escalation: &Value, body: &Value) -> Result<(), Refusal> {
    let category = escalation["subtype"].as_str().unwrap_or_default();
    let from = sign_in_from(category, escalation["id"].as_i64().unwrap_or_default());
    let scope = body["scope"].as_str().unwrap_or_default();
    let targets = match scope {
        "identity" => {
            let named = |identity: Value| json!({"id": identity["id"], "name": identity["details"]["username"]});
            world.entities(escalation).into_iter().map(named).collect()
        }
        "organization" => escalation["organizations"]
            .as_array()
            .cloned()
            .unwrap_or_default(),
        _ => vec![world.account(world.account_id())],
    };
    for target in targets {
        let target = applied_to(scope, &target);
        let mut rule = new_rule(world, &body["determination"], category, from, &target);
        if let Some(date) = body["expiration_date"].as_str() {
            rule["expires_at"] = json!(format!("{date}T00:00:00Z"));
            rule["status"] = json!(standing(&rule, Timestamp::now()));
        }
        if !exists(world, &rule) {
            add_rule(world, rule)?;
        }
    }
    Ok(())
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
        return conflict("not all remediations are approved");
    }
    incident["status"] = json!("closed");
    (incident["closed_at"], incident["status_updated_at"]) = (now(), now());
    keep(world, INCIDENTS, incident)?;
    // With its remediations as they are now.
    get(world, INCIDENTS, id)
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
            row["approved_by"] = world.user(0);
        }
        world.put(REMEDIATIONS, &[id], row);
    }
    if decision == "cancelled" {
        incident["status"] = json!("dismissed");
        incident["status_updated_at"] = now();
    }
    keep(world, INCIDENTS, incident)?;
    // With its remediations as they are now.
    get(world, INCIDENTS, id)
}
