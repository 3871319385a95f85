//! Every operation through the simulator: every status, every write, every fault.

mod support;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures::TryStreamExt as _;
use huntress::http::Method;
use huntress::{AccountOperations, Client, Credentials, Error, Page, RetryPolicy, jiff, types};
use huntress_simulator::{Fault, FaultKind, LastPage, Simulator};
use serde_json::{Value, json};
use support::calls::calls;
use support::{predicates, quick_retries, refused, simulated};

/// Unhurried: the quota is not what is tested here.
async fn simulator() -> Simulator {
    let builder = Simulator::builder().quota(1_000_000, Duration::from_millis(1));
    let builder = builder.strict_parameters(true).reaction(Duration::ZERO);
    builder.start().await.unwrap()
}

/// The statuses of each operation in the document, by method and path.
fn documented() -> Vec<(String, String, Vec<u16>)> {
    let text = std::fs::read_to_string("spec/openapi.json").unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap().to_owned();
            let statuses = operation["responses"].as_object().unwrap().keys();
            let statuses: Vec<u16> = statuses.filter_map(|status| status.parse().ok()).collect();
            let place = format!("{} {path}", method.to_uppercase());
            if operation["x-huntress-account-scope"] == true {
                let scoped = place.replacen("/v1/", "/v1/accounts/{account_id}/", 1);
                found.push((scoped, id.clone(), statuses.clone()));
            }
            found.push((place, id, statuses));
        }
    }
    found
}

#[tokio::test]
async fn every_error_status_of_every_operation_has_its_predicate_and_message() {
    let simulator = simulator().await;
    let client = simulated(&simulator).build().unwrap();
    let calls = calls(&client);
    let mut checked = 0;
    let documented = documented();
    assert_eq!(documented.len(), calls.len());
    for (place, id, statuses) in documented {
        // What any operation may answer, whether the document says so or not.
        let any = [401, 403, 404, 429, 500, 502, 503, 504];
        let errors = statuses.into_iter().filter(|status| *status >= 300);
        for status in errors.chain(any).collect::<BTreeSet<u16>>() {
            simulator.inject(Fault::new(FaultKind::Status(status)).on(&id));
            let error = calls[&place]().await.unwrap_err();
            let expected: &[&str] = match status {
                401 => &["authentication"],
                403 => &["permission"],
                404 => &["not_found"],
                408 => &["timeout"],
                409 => &["conflict"],
                400 | 422 => &["invalid_request"],
                429 => &["rate_limited"],
                413 => &[],
                500.. => &["server"],
                _ => panic!("{place} answers {status}, which no predicate is for"),
            };
            assert_eq!(predicates(&error), expected, "{place} {status}");
            assert_eq!(error.status().unwrap().as_u16(), status);
            assert_eq!(error.message().as_deref(), Some("as the fault says"));
            assert_eq!(error.operation(), Some(&*id));
            checked += 1;
        }
    }
    println!("{checked} pairs of operation and status");
    assert!(simulator.writes().is_empty(), "nothing was carried out");
}

/// A simulator of one test, and a client of it.
async fn fresh() -> (Simulator, Client) {
    let simulator = simulator().await;
    let client = simulated(&simulator).build().unwrap();
    (simulator, client)
}

/// The first of a page, which must have one.
fn first<T>(page: Result<Page<T>, Error>) -> T {
    page.unwrap().items.into_iter().next().expect("an item")
}

/// Does something for the account of the key, and for a managed one.
macro_rules! in_both {
    ($client:ident, $what:ident) => {
        $what(&$client).await;
        $what(&$client.for_account(2)).await;
    };
}

#[tokio::test]
async fn an_agent_is_isolated_and_released() {
    let (_simulator, client) = fresh().await;
    in_both!(client, isolate_and_release);
}

async fn isolate_and_release(account: &impl AccountOperations) {
    let agent = first(account.list_agents().platform("windows").send().await);
    let id = agent.id;
    let isolate = || {
        let body = types::IsolateAgent::new().reason("ransomware");
        account.isolate_agent(id, body).send()
    };
    let status = async || {
        let agent = account.get_agent(id).send().await.unwrap();
        agent.firewall_status.unwrap().to_string()
    };
    refused(account.release_agent(id).send().await, "conflict");
    let pending = isolate().await.unwrap().firewall_status.unwrap();
    assert_eq!(pending.to_string(), "Pending Isolation");
    assert_eq!(status().await, "Isolated");
    refused(isolate().await, "conflict");
    account.release_agent(id).send().await.unwrap();
    assert_eq!(status().await, "Enabled");
}

#[tokio::test]
async fn an_agent_is_updated_if_its_platform_allows() {
    let (_simulator, client) = fresh().await;
    in_both!(client, update_agents);
}

async fn update_agents(account: &impl AccountOperations) {
    let protect = || types::UpdateAgent::new().tamper_protection_configured(true);
    let id = first(account.list_agents().platform("windows").send().await).id;
    let update = account.update_agent(id, protect().tags(["vip"]));
    let updated = update.send().await.unwrap();
    assert_eq!(updated.tags.as_deref(), Some(&["vip".to_owned()][..]));
    let read = account.get_agent(id).send().await.unwrap();
    assert_eq!(read.tags, updated.tags);
    let linux = first(account.list_agents().platform("linux").send().await).id;
    refused(
        account.update_agent(linux, protect()).send().await,
        "conflict",
    );
}

#[tokio::test]
async fn an_agent_that_is_uninstalled_is_gone() {
    let (_simulator, client) = fresh().await;
    in_both!(client, uninstall);
}

async fn uninstall(account: &impl AccountOperations) {
    let agent = first(account.list_agents().send().await);
    let (id, organization) = (agent.id, agent.organization_id.unwrap());
    let count = async || {
        let organization = account.get_organization(organization).send().await;
        organization.unwrap().agents_count.unwrap()
    };
    let before = count().await;
    account.uninstall_agent(id).send().await.unwrap();
    assert_eq!(count().await, before - 1);
    refused(account.get_agent(id).send().await, "not_found");
    refused(account.uninstall_agent(id).send().await, "not_found");
    let isolate = account.isolate_agent(id, types::IsolateAgent::new());
    refused(isolate.send().await, "not_found");
    refused(account.release_agent(id).send().await, "not_found");
    let update = account.update_agent(id, types::UpdateAgent::new());
    refused(update.send().await, "not_found");
}

#[tokio::test]
async fn an_organization_is_created_updated_and_deleted() {
    let (_simulator, client) = fresh().await;
    in_both!(client, change_organizations);
}

async fn change_organizations(account: &impl AccountOperations) {
    let create = || {
        let body = types::CreateOrganization::new("Acme", "acme");
        account.create_organization(body).send()
    };
    let organization = create().await.unwrap();
    assert_eq!(organization.agents_count, Some(0));
    refused(create().await, "invalid_request");
    let id = organization.id;
    let update = types::UpdateOrganization::new().name("Acme Ltd");
    let updated = account
        .update_organization(id, update)
        .send()
        .await
        .unwrap();
    assert_eq!(updated.name.as_deref(), Some("Acme Ltd"));
    let read = account.get_organization(id).send().await.unwrap();
    assert_eq!(
        (read.name, read.key),
        (updated.name, Some("acme".to_owned()))
    );
    let all = account.list_organizations().page_size(500).send().await;
    let all = all.unwrap().items;
    assert_eq!(all.iter().filter(|one| one.id == id).count(), 1);
    account.delete_organization(id).send().await.unwrap();
    refused(account.delete_organization(id).send().await, "not_found");
    let busy = all
        .iter()
        .find(|one| one.agents_count > Some(0))
        .unwrap()
        .id;
    refused(account.delete_organization(busy).send().await, "conflict");
}

#[tokio::test]
async fn a_member_is_invited_updated_and_removed() {
    let (_simulator, client) = fresh().await;
    in_both!(client, change_memberships);
}

async fn change_memberships(account: &impl AccountOperations) {
    let organization = first(account.list_organizations().send().await).id;
    let invite = |organization: types::OrganizationId| {
        let level = types::Permissions::ReadOnly;
        let body = types::CreateMembership::new("ada@example.com", "Ada", "Archer", level);
        account
            .create_membership(body.organization_id(organization))
            .send()
    };
    let invited = invite(organization).await.unwrap();
    assert_eq!(invited.organization.unwrap().id, organization);
    refused(invite(404.into()).await, "not_found");
    let member = first(account.list_memberships().send().await).id;
    let update = types::UpdateMembership::new().permissions("Finance");
    account
        .update_membership(member, update)
        .send()
        .await
        .unwrap();
    let read = account.get_membership(member).send().await.unwrap();
    assert_eq!(read.permissions, Some("Finance".try_into().unwrap()));
    account.delete_membership(member).send().await.unwrap();
    refused(account.delete_membership(member).send().await, "not_found");
}

#[tokio::test]
async fn an_incident_is_resolved_after_its_remediations_are_approved() {
    let (_simulator, client) = fresh().await;
    in_both!(client, approve_and_resolve);
}

async fn approve_and_resolve(account: &impl AccountOperations) {
    let id = first(account.list_incident_reports().status("sent").send().await).id;
    let resolve = || account.resolve_incident_report(id).send();
    let approve = || account.approve_remediations(id).send();
    refused(resolve().await, "conflict");
    approve().await.unwrap();
    refused(approve().await, "invalid_request");
    let all = account.list_remediations(id).page_size(500);
    let all = all.send().await.unwrap().items;
    let approved = account.list_remediations(id).statuses(["approved"]);
    let approved = approved.page_size(500).send().await.unwrap().items;
    assert_eq!(approved, all);
    resolve().await.unwrap();
    let read = account.get_incident_report(id).send().await.unwrap();
    assert_eq!(read.status, Some(types::IncidentReportStatus::Closed));
    refused(resolve().await, "conflict");
}

#[tokio::test]
async fn the_remediations_of_an_incident_are_rejected() {
    let (_simulator, client) = fresh().await;
    in_both!(client, reject);
}

async fn reject(account: &impl AccountOperations) {
    let id = first(account.list_incident_reports().status("sent").send().await).id;
    let reject = |id: types::IncidentReportId| {
        let body = types::RejectRemediations::new("no", false);
        account.reject_remediations(id, body).send()
    };
    reject(id).await.unwrap();
    refused(reject(id).await, "conflict");
}

#[tokio::test]
async fn nothing_is_decided_about_an_incident_that_is_closed() {
    let (_simulator, client) = fresh().await;
    in_both!(client, decide_about_closed);
}

async fn decide_about_closed(account: &impl AccountOperations) {
    let id = first(
        account
            .list_incident_reports()
            .status("closed")
            .send()
            .await,
    )
    .id;
    refused(account.approve_remediations(id).send().await, "conflict");
    let body = types::RejectRemediations::new("no", false);
    refused(
        account.reject_remediations(id, body).send().await,
        "conflict",
    );
    refused(account.resolve_incident_report(id).send().await, "conflict");
}

#[tokio::test]
async fn an_escalation_is_resolved_by_a_rule_or_dismissed() {
    let (_simulator, client) = fresh().await;
    resolve_escalations(&client).await;
}

async fn resolve_escalations(client: &Client) {
    let open = client.list_escalations().status("open").page_size(500);
    let open = open.send().await.unwrap().items;
    let of = |subtype: &str| {
        let of = |one: &&types::Escalation| one.subtype.as_deref() == Some(subtype);
        open.iter().filter(of).map(|one| one.id).collect::<Vec<_>>()
    };
    let resolve = |id: types::EscalationId, body: types::ResolveEscalation| {
        client.resolve_escalation(id, body).send()
    };
    let nothing = types::ResolveEscalation::new;
    let rule = nothing().determination("expected").scope("organization");
    let sign_ins = of("country");
    let by_rule = resolve(sign_ins[0], rule).await.unwrap();
    assert_eq!(
        by_rule.resolution_method,
        Some(types::ResolutionMethod::Rule)
    );
    let dismissed = resolve(sign_ins[1], nothing()).await.unwrap();
    assert_eq!(
        dismissed.resolution_method,
        Some(types::ResolutionMethod::Dismiss)
    );
    refused(resolve(sign_ins[1], nothing()).await, "conflict");
    refused(
        resolve(of("portal_only")[0], nothing()).await,
        "invalid_request",
    );
    let half = nothing().determination("expected");
    refused(resolve(of("vpn")[0], half).await, "invalid_request");
    let resolved = client.list_escalations().status("resolved").page_size(500);
    let resolved = resolved.send().await.unwrap().items;
    assert!(resolved.iter().any(|one| one.id == sign_ins[0]));
}

/// An access rule that is still to be created.
fn rule(kind: &str) -> types::CreateUnwantedAccessRule {
    types::CreateUnwantedAccessRule::new(types::AccessDetermination::other(kind))
}

#[tokio::test]
async fn an_access_rule_is_created_once_if_it_can_be() {
    let (_simulator, client) = fresh().await;
    create_rules(&client).await;
}

async fn create_rules(client: &Client) {
    let create =
        |body: types::CreateUnwantedAccessRule| client.create_unwanted_access_rule(body).send();
    let norway = || rule("expected").country_code(["NO"]).notes("ours");
    let made = create(norway()).await.unwrap();
    assert_eq!(made.country_code.as_deref(), Some("NO"));
    assert_eq!(made.note.as_deref(), Some("ours"));
    refused(create(norway()).await, "invalid_request");
    let nowhere = rule("expected").vpn(["v"]).organization_id(404);
    refused(create(nowhere).await, "not_found");
    let expected = rule("expected").logic("catchall").category("vpn");
    refused(create(expected).await, "invalid_request");
}

/// What the client would not send is refused by the server, too.
#[tokio::test]
async fn an_access_rule_of_no_kind_or_of_two_is_refused() {
    let (_simulator, client) = fresh().await;
    for body in [
        json!({"type": "expected"}),
        json!({"type": "expected", "country_code": "NO", "vpn": "v"}),
    ] {
        let create = client.request(Method::POST, "/v1/unwanted_access_rules");
        refused(create.json(&body).send().await, "invalid_request");
    }
}

#[tokio::test]
async fn an_access_rule_is_updated_and_deleted() {
    let (_simulator, client) = fresh().await;
    change_rules(&client).await;
}

async fn change_rules(client: &Client) {
    let create =
        |body: types::CreateUnwantedAccessRule| client.create_unwanted_access_rule(body).send();
    let update = |id: types::UnwantedAccessRuleId, body: types::UpdateUnwantedAccessRule| {
        client.update_unwanted_access_rule(id, body).send()
    };
    let organization = first(client.list_organizations().send().await).id;
    let sweden = rule("expected").country_code(["SE"]).notes("ours");
    let sweden = create(sweden).await.unwrap().id;
    let catchall = rule("unauthorized").logic("catchall").category("vpn");
    let catchall = create(catchall.organization_id(organization))
        .await
        .unwrap()
        .id;
    let change = types::UpdateUnwantedAccessRule::new;
    let day = jiff::civil::date(2027, 1, 2);
    let dated = update(sweden, change().expires_at(day)).await.unwrap();
    assert!(dated.expires_at.is_some());
    let cleared = update(sweden, change().clear_expires_at()).await.unwrap();
    assert_eq!(cleared.expires_at, None);
    assert_eq!(cleared.note.as_deref(), Some("ours"));
    refused(
        update(catchall, change().expires_at(day)).await,
        "invalid_request",
    );
    refused(update(404.into(), change().notes("n")).await, "not_found");
    let delete = || client.delete_unwanted_access_rule(sweden).send();
    delete().await.unwrap();
    refused(delete().await, "not_found");
}

#[tokio::test]
async fn a_managed_account_is_created_updated_and_disabled() {
    let (_simulator, client) = fresh().await;
    change_accounts(&client).await;
}

async fn change_accounts(client: &Client) {
    let create = || {
        let admin = types::AccountAdmin::new("Ada", "Archer", "ada@example.com");
        let body = types::CreateAccount::new("Acme", "acme", "+15550100", admin);
        client.create_account(body).send()
    };
    let id = create().await.unwrap().id;
    refused(create().await, "invalid_request");
    let update = types::UpdateAccount::new().name("Acme Ltd");
    let updated = client.update_account(id, update).send().await.unwrap();
    assert_eq!(updated.name.as_deref(), Some("Acme Ltd"));
    // It has data of its own.
    let agent = first(client.for_account(id).list_agents().send().await);
    assert_eq!(agent.account_id, Some(id));
    client.disable_account(id).send().await.unwrap();
    refused(client.disable_account(id).send().await, "invalid_request");
}

#[tokio::test]
async fn a_subscription_is_created_updated_and_upgraded() {
    let (_simulator, client) = fresh().await;
    change_subscriptions(&client).await;
}

async fn change_subscriptions(client: &Client) {
    let subscribe = |account: types::AccountId| {
        let body = types::CreateResellerSubscription::new(account, types::Product::Edr, 50, "PO 7");
        client.create_reseller_subscription(body).send()
    };
    let id = subscribe(2.into()).await.unwrap().id;
    refused(subscribe(404.into()).await, "not_found");
    let change = types::UpdateResellerSubscription::new;
    let update = |body| client.update_reseller_subscription(id, body).send();
    let updated = update(change().minimum(60)).await.unwrap();
    assert_eq!(updated.minimum_usage, Some(60));
    refused(update(change().auto_renew(true)).await, "conflict");
    let upgrade = |id: types::SubscriptionId| {
        let body = types::UpgradeResellerSubscription::new(1_000);
        client.upgrade_reseller_subscription(id, body).send()
    };
    refused(upgrade(id).await, "invalid_request");
    refused(upgrade(404.into()).await, "not_found");
    let active = client.list_reseller_subscriptions().status("active");
    let active = first(active.send().await).id;
    let upgraded = upgrade(active).await.unwrap();
    assert_ne!(upgraded.id, active);
    assert_eq!(upgraded.minimum_usage, Some(1_000));
}

#[tokio::test]
async fn every_write_of_the_document_is_carried_out_above() {
    let (simulator, client) = fresh().await;
    in_both!(client, isolate_and_release);
    in_both!(client, update_agents);
    in_both!(client, uninstall);
    in_both!(client, change_organizations);
    in_both!(client, change_memberships);
    in_both!(client, approve_and_resolve);
    in_both!(client, reject);
    resolve_escalations(&client).await;
    create_rules(&client).await;
    change_rules(&client).await;
    change_accounts(&client).await;
    change_subscriptions(&client).await;
    let is_write = |place: &str| !place.starts_with("GET") && place != "POST /v1/siem/query";
    let documented = documented().into_iter().map(|(place, _, _)| place);
    let writes: BTreeSet<_> = documented.filter(|place| is_write(place)).collect();
    assert_eq!(support::succeeded(&simulator, is_write), writes);
}

#[tokio::test]
async fn a_key_may_do_what_it_may() {
    let simulator = simulator().await;
    let client = |credentials: &huntress_simulator::Credentials| {
        let credentials = Credentials::new(&credentials.key, &credentials.secret);
        simulated(&simulator)
            .credentials(credentials)
            .build()
            .unwrap()
    };
    let (reads, writes) = (
        client(simulator.read_only_credentials()),
        client(simulator.account_credentials()),
    );
    let agent = reads.list_agents().send().await.unwrap().items[0].id;
    let isolate = |client: &Client| {
        let body = types::IsolateAgent::new().reason("r");
        client.isolate_agent(agent, body).send()
    };
    refused(isolate(&reads).await, "permission");
    assert!(simulator.writes().is_empty());
    isolate(&writes).await.unwrap();
    refused(writes.list_accounts().send().await, "permission");
    refused(writes.list_reseller_invoices().send().await, "permission");
    let subscriptions = writes.list_reseller_subscriptions();
    refused(subscriptions.send().await, "permission");
    // The only one that has no 403.
    let subscription = writes.get_reseller_subscription(7);
    refused(subscription.send().await, "authentication");
    refused(reads.release_agent(agent).send().await, "permission");
    refused(
        writes.for_account(2).list_agents().send().await,
        "permission",
    );
    assert!(writes.get_actor().send().await.unwrap().reseller.is_none());
    let other = client(simulator.other_credentials());
    let agents = other.list_agents().send().await.unwrap().items;
    assert_eq!(agents[0].account_id, Some(2.into()));
    isolate(&writes).await.unwrap_err();
    refused(isolate(&other).await, "not_found");
}

#[tokio::test]
async fn a_siem_query_is_answered_page_by_page_or_refused() {
    let simulator = simulator().await;
    let client = simulated(&simulator).build().unwrap();
    let query = |esql: &str| {
        let start: jiff::Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let end: jiff::Timestamp = "2026-01-03T03:04:05Z".parse().unwrap();
        client.query_siem(types::QuerySiem::new(esql, start, end))
    };
    let page = query("FROM logs").send().await.unwrap();
    assert_eq!(page.items.len(), 200);
    let columns: BTreeSet<_> = page.items[0].keys().map(String::as_str).collect();
    assert_eq!(columns, BTreeSet::from(["organization_id", "uuid"]));
    let kept = query(
        "FROM logs | WHERE event.action == \"logon\" | KEEP host.name, event.action | LIMIT 210",
    );
    let rows: Vec<_> = kept.stream().try_collect().await.unwrap();
    assert_eq!(rows.len(), 210);
    assert!(
        rows.iter()
            .all(|row| row["event.action"] == "logon" && row.len() == 2)
    );
    refused(query("SELECT 1").send().await, "invalid_request");
    refused(query("FROM logs | EXPLODE").send().await, "invalid_request");
    let token = page.next_page_token.unwrap();
    refused(
        query("FROM logs | LIMIT 5").start_at(token).send().await,
        "invalid_request",
    );
    assert!(simulator.writes().is_empty());

    let without = Simulator::builder().siem(false).start().await.unwrap();
    let client = simulated(&without).build().unwrap();
    let now = jiff::Timestamp::UNIX_EPOCH;
    let call = client.query_siem(types::QuerySiem::new("FROM logs", now, now));
    refused(call.send().await, "not_found");
}

/// A simulator with a fault, once, and a client with retries.
async fn faulty(kind: FaultKind) -> (Simulator, Client) {
    let simulator = simulator().await;
    let builder = simulated(&simulator).retry(quick_retries());
    let builder = builder.max_body(1 << 20).timeout(Duration::from_secs(1));
    let client = builder.build().unwrap();
    simulator.inject(Fault::new(kind));
    (simulator, client)
}

#[tokio::test]
async fn a_read_survives_every_fault_that_passes() {
    for kind in [
        FaultKind::Status(500),
        FaultKind::Status(502),
        FaultKind::Status(503),
        FaultKind::Status(504),
        FaultKind::HtmlPage(502),
        FaultKind::CloseBefore,
        FaultKind::CloseAfter,
        FaultKind::TruncatedBody,
        FaultKind::Latency {
            least: 1_500,
            most: 1_600,
        },
        FaultKind::Trickle(200),
    ] {
        let name = format!("{kind:?}");
        let (simulator, client) = faulty(kind).await;
        let agents = client.list_agents().send().await;
        assert_eq!(agents.unwrap().items.len(), 10, "{name}");
        assert_eq!(simulator.arrivals().total, 2, "{name}");
        assert_eq!(simulator.faults(), [], "it did not happen");
    }
}

#[tokio::test]
async fn a_read_takes_what_is_only_odd() {
    for kind in [
        FaultKind::WrongContentType,
        FaultKind::ForeignNextPageUrl,
        FaultKind::Drift,
        FaultKind::OddLastPage(LastPage::NoToken),
        FaultKind::OddLastPage(LastPage::NullToken),
        FaultKind::OddLastPage(LastPage::EmptyToken),
        FaultKind::OddLastPage(LastPage::NullPagination),
        FaultKind::OddLastPage(LastPage::NoPagination),
        FaultKind::GzipBomb(0),
        FaultKind::GzipBomb(1_000),
        FaultKind::LongTail(1),
    ] {
        let name = format!("{kind:?}");
        let (simulator, client) = faulty(kind).await;
        let agents: Vec<types::Agent> = client
            .list_agents()
            .page_size(50)
            .stream()
            .try_collect()
            .await
            .unwrap();
        assert_eq!(agents.len(), 168, "{name}");
        assert_eq!(simulator.arrivals().total, 4, "{name}");
        assert_eq!(simulator.faults(), [], "it did not happen");
    }
}

#[tokio::test]
async fn a_read_tells_what_cannot_be_used() {
    for (kind, says) in [
        (FaultKind::EmptyBody, "it is empty"),
        (FaultKind::InvalidJson, "key must be a string"),
        (FaultKind::HtmlPage(200), "it is an HTML page, not JSON"),
        (
            FaultKind::Redirect("https://elsewhere.example".to_owned()),
            "redirects are not followed",
        ),
        (FaultKind::GzipBomb(4 << 20), "more than 1048576 bytes"),
    ] {
        let name = format!("{kind:?}");
        let (simulator, client) = faulty(kind).await;
        let error = client.list_agents().send().await.unwrap_err();
        assert!(error.to_string().contains(says), "{name}: {error}");
        assert_eq!(simulator.arrivals().total, 1, "{name}");
    }
}

#[tokio::test]
async fn a_stream_survives_an_odd_item_and_an_endless_token() {
    let (_simulator, client) = faulty(FaultKind::MalformedItem).await;
    let mut agents = client.list_agents().stream();
    let error = agents.try_next().await.unwrap_err();
    assert!(error.is_record(), "{error}");
    assert_eq!(error.record().unwrap().index(), 0);
    let mut others = 0;
    while agents.try_next().await.unwrap().is_some() {
        others += 1;
    }
    assert_eq!(others, 167);
    assert!(!agents.is_complete(), "one is missing");

    let (_simulator, client) = faulty(FaultKind::MalformedItem).await;
    let page = client.list_agents().send().await.unwrap();
    assert_eq!((page.items.len(), page.odd.len()), (9, 1));

    let simulator = simulator().await;
    let client = simulated(&simulator).build().unwrap();
    simulator.inject(Fault::new(FaultKind::EndlessToken).times(1_000));
    let mut agents = client.list_agents().page_size(50).stream();
    let mut count = 0;
    let error = loop {
        match agents.try_next().await {
            Ok(Some(_)) => count += 1,
            Ok(None) => panic!("it ended"),
            Err(error) => break error,
        }
    };
    assert!(
        error.to_string().contains("the list would never end"),
        "{error}"
    );
    assert_eq!((count, simulator.arrivals().total), (100, 2));
}

/// A write is in the log of writes as often as it may be.
#[tokio::test]
async fn no_fault_makes_a_write_fire_twice() {
    for (kind, arrivals, carried_out, succeeds) in [
        (FaultKind::Status(500), 1, 0, false),
        (FaultKind::Status(502), 1, 0, false),
        (FaultKind::Status(503), 1, 0, false),
        (FaultKind::Status(504), 1, 0, false),
        (FaultKind::HtmlPage(502), 1, 0, false),
        (
            FaultKind::Redirect("https://elsewhere.example".to_owned()),
            1,
            0,
            false,
        ),
        (FaultKind::CloseBefore, 1, 0, false),
        (FaultKind::CloseAfter, 1, 1, false),
        (FaultKind::TruncatedBody, 1, 1, false),
        (FaultKind::EmptyBody, 1, 1, false),
        (FaultKind::InvalidJson, 1, 1, false),
        (
            FaultKind::Latency {
                least: 1_500,
                most: 1_600,
            },
            1,
            0,
            false,
        ),
        (FaultKind::Trickle(200), 1, 1, false),
        (FaultKind::GzipBomb(4 << 20), 1, 1, false),
        (FaultKind::GzipBomb(0), 1, 1, true),
        (FaultKind::LongTail(1), 1, 1, true),
        (FaultKind::WrongContentType, 1, 1, true),
        (FaultKind::Drift, 1, 1, true),
        (FaultKind::Status(429), 2, 1, true),
        (FaultKind::MalformedItem, 1, 1, true),
        (FaultKind::EndlessToken, 1, 1, true),
        (FaultKind::ForeignNextPageUrl, 1, 1, true),
        (FaultKind::OddLastPage(LastPage::NoPagination), 1, 1, true),
    ] {
        let name = format!("{kind:?}");
        let of_pages = matches!(
            kind,
            FaultKind::MalformedItem
                | FaultKind::EndlessToken
                | FaultKind::ForeignNextPageUrl
                | FaultKind::OddLastPage(_)
        );
        let (simulator, client) = faulty(kind).await;
        let body = types::CreateOrganization::new("Acme", "acme");
        let done = client.create_organization(body).send().await;
        assert_eq!(done.is_ok(), succeeds, "{name}: {done:?}");
        assert_eq!(simulator.arrivals().total, arrivals, "{name}");
        assert_eq!(simulator.writes().len(), carried_out, "{name}");
        let waits = !simulator.faults().is_empty();
        assert_eq!(waits, of_pages, "{name}");
    }
}

#[tokio::test]
async fn a_write_that_opted_in_is_sent_again() {
    let simulator = simulator().await;
    let builder = simulated(&simulator).retry(quick_retries());
    let client = builder.build().unwrap();
    simulator.inject(Fault::new(FaultKind::CloseAfter).on("update_agent"));
    let agent = client
        .list_agents()
        .platform("windows")
        .send()
        .await
        .unwrap()
        .items[0]
        .id;
    let body = types::UpdateAgent::new().tags(["vip"]);
    let update = client.update_agent(agent, body).retry_writes();
    update.send().await.unwrap();
    assert_eq!(simulator.writes().len(), 2);
}

#[tokio::test]
async fn faults_that_come_at_random_cost_a_stream_nothing() {
    let simulator = Simulator::builder()
        .quota(1_000_000, Duration::from_millis(1))
        .agents(2_000)
        .fault(Fault::new(FaultKind::Status(503)).rate(0.05))
        .fault(Fault::new(FaultKind::CloseBefore).rate(0.05))
        .fault(Fault::new(FaultKind::TruncatedBody).rate(0.05))
        .start()
        .await
        .unwrap();
    let policy = RetryPolicy::default().backoff(Duration::from_millis(1), Duration::from_millis(1));
    let client = simulated(&simulator)
        .retry(policy.attempts(10))
        .build()
        .unwrap();
    let start = Instant::now();
    let ids: BTreeSet<_> = client
        .list_agents()
        .page_size(20)
        .stream()
        .map_ok(|agent| agent.id)
        .try_collect()
        .await
        .unwrap();
    assert_eq!(ids.len(), 2_000);
    assert!(
        simulator.arrivals().total > 100,
        "nothing went wrong in {:?}",
        start.elapsed()
    );
}
