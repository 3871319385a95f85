//! Every operation through the simulator: every status, every write, every fault.

mod support;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures::TryStreamExt as _;
use huntress::http::Method;
use huntress::{AccountClient, Client, Credentials, Error, RetryPolicy, jiff, types};
use huntress_simulator::{Fault, FaultKind, LastPage, Simulator};
use serde_json::{Value, json};
use support::calls::calls;
use support::{predicates, quick_retries, simulated};

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

#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T, Error>, predicate: &str) {
    let error = result.unwrap_err();
    assert_eq!(predicates(&error), [predicate], "{error}");
    assert!(error.message().is_some(), "{error}");
}

macro_rules! agents {
    ($client:ident) => {
        let agent = $client
            .list_agents()
            .platform("windows")
            .send()
            .await
            .unwrap();
        let id = agent.items[0].id;
        let isolation = || types::IsolateAgent::new().reason("ransomware");
        let isolate = || $client.isolate_agent(id, isolation());
        refused($client.release_agent(id).send().await, "conflict");
        let isolated = isolate().send().await.unwrap();
        assert_eq!(
            isolated.firewall_status,
            Some("Pending Isolation".try_into().unwrap())
        );
        let isolated = $client.get_agent(id).send().await.unwrap();
        assert_eq!(
            isolated.firewall_status,
            Some("Isolated".try_into().unwrap())
        );
        refused(isolate().send().await, "conflict");
        $client.release_agent(id).send().await.unwrap();
        let released = $client.get_agent(id).send().await.unwrap();
        assert_eq!(
            released.firewall_status,
            Some("Enabled".try_into().unwrap())
        );
        let update = types::UpdateAgent::new()
            .tags(["vip"])
            .tamper_protection_configured(true);
        let updated = $client.update_agent(id, update).send().await.unwrap();
        assert_eq!(updated.tags.as_deref(), Some(&["vip".to_owned()][..]));
        assert_eq!(
            $client.get_agent(id).send().await.unwrap().tags,
            updated.tags
        );
        let linux = $client
            .list_agents()
            .platform("linux")
            .send()
            .await
            .unwrap()
            .items[0]
            .id;
        let protect = types::UpdateAgent::new().tamper_protection_configured(true);
        refused(
            $client.update_agent(linux, protect).send().await,
            "conflict",
        );
        let organization = updated.organization_id.unwrap();
        let count = || $client.get_organization(organization).send();
        let before = count().await.unwrap().agents_count.unwrap();
        $client.uninstall_agent(id).send().await.unwrap();
        assert_eq!(count().await.unwrap().agents_count, Some(before - 1));
        refused($client.get_agent(id).send().await, "not_found");
        refused($client.uninstall_agent(id).send().await, "not_found");
        refused(isolate().send().await, "not_found");
        refused($client.release_agent(id).send().await, "not_found");
        refused(
            $client
                .update_agent(id, types::UpdateAgent::new())
                .send()
                .await,
            "not_found",
        );
    };
}

macro_rules! organizations {
    ($client:ident) => {
        let create = |key: &str| {
            let body = types::CreateOrganization::new("Acme", key);
            $client.create_organization(body).send()
        };
        let organization = create("acme").await.unwrap();
        assert_eq!(organization.agents_count, Some(0));
        refused(create("acme").await, "invalid_request");
        let id = organization.id;
        let update = types::UpdateOrganization::new().name("Acme Ltd");
        let update = $client.update_organization(id, update);
        assert_eq!(
            update.send().await.unwrap().name.as_deref(),
            Some("Acme Ltd")
        );
        let read = $client.get_organization(id).send().await.unwrap();
        assert_eq!(
            (read.name.as_deref(), read.key.as_deref()),
            (Some("Acme Ltd"), Some("acme"))
        );
        let all = $client
            .list_organizations()
            .stream()
            .try_collect::<Vec<_>>();
        let all = all.await.unwrap();
        assert_eq!(
            all.iter()
                .filter(|organization| organization.id == id)
                .count(),
            1
        );
        $client.delete_organization(id).send().await.unwrap();
        refused($client.delete_organization(id).send().await, "not_found");
        let busy = all
            .iter()
            .find(|organization| organization.agents_count > Some(0))
            .unwrap();
        refused(
            $client.delete_organization(busy.id).send().await,
            "conflict",
        );

        let invite = |organization: types::OrganizationId| {
            let body = types::CreateMembership::new(
                "ada@example.com",
                "Ada",
                "Archer",
                types::Permissions::ReadOnly,
            )
            .organization_id(organization);
            $client.create_membership(body).send()
        };
        let invited = invite(busy.id).await.unwrap();
        assert_eq!(invited.organization.unwrap().id, busy.id);
        refused(invite(id).await, "not_found");
        let member = $client.list_memberships().send().await.unwrap().items[0].id;
        let update = types::UpdateMembership::new().permissions("Finance");
        let update = $client.update_membership(member, update);
        update.send().await.unwrap();
        let read = $client.get_membership(member).send().await.unwrap();
        assert_eq!(read.permissions, Some("Finance".try_into().unwrap()));
        $client.delete_membership(member).send().await.unwrap();
        refused($client.delete_membership(member).send().await, "not_found");
    };
}

macro_rules! incidents {
    ($client:ident) => {
        let open = $client
            .list_incident_reports()
            .status("sent")
            .send()
            .await
            .unwrap()
            .items;
        let (id, other) = (open[0].id, open[1].id);
        let closed = $client
            .list_incident_reports()
            .status("closed")
            .send()
            .await
            .unwrap();
        let closed = closed.items[0].id;
        let approve = |id: types::IncidentReportId| $client.approve_remediations(id).send();
        let reject = |id: types::IncidentReportId| {
            let body = types::RejectRemediations::new("no", false);
            $client.reject_remediations(id, body).send()
        };
        let resolve = |id: types::IncidentReportId| $client.resolve_incident_report(id).send();
        refused(resolve(id).await, "conflict");
        refused(approve(closed).await, "conflict");
        refused(reject(closed).await, "conflict");
        refused(resolve(closed).await, "conflict");
        approve(id).await.unwrap();
        refused(approve(id).await, "invalid_request");
        let approved = $client.list_remediations(id).statuses(["approved"]);
        let all = $client.list_remediations(id).page_size(500);
        let all = all.send().await.unwrap().items;
        assert_eq!(approved.page_size(500).send().await.unwrap().items, all);
        resolve(id).await.unwrap();
        let read = $client.get_incident_report(id).send().await.unwrap();
        assert_eq!(read.status, Some(types::IncidentReportStatus::Closed));
        refused(resolve(id).await, "conflict");
        reject(other).await.unwrap();
        refused(reject(other).await, "conflict");
    };
}

#[tokio::test]
async fn every_write_changes_what_it_says_and_is_refused_when_it_should_be() {
    let simulator = simulator().await;
    let client: Client = simulated(&simulator).build().unwrap();
    let scoped: AccountClient = client.for_account(2);
    agents!(client);
    agents!(scoped);
    organizations!(client);
    organizations!(scoped);
    incidents!(client);
    incidents!(scoped);
    escalations(&client).await;
    rules(&client).await;
    resellers(&client).await;
    let writes: BTreeSet<String> = documented()
        .into_iter()
        .map(|(place, _, _)| place)
        .filter(|place| !place.starts_with("GET") && place != "POST /v1/siem/query")
        .collect();
    assert_eq!(
        support::succeeded(&simulator, |place| !place.starts_with("GET")),
        writes
    );
}

async fn escalations(client: &Client) {
    let open = client
        .list_escalations()
        .status("open")
        .page_size(500)
        .send()
        .await
        .unwrap()
        .items;
    let of = |subtype: &str| {
        let mut of = open
            .iter()
            .filter(|e| e.subtype.as_deref() == Some(subtype));
        let mut next = || of.next().unwrap().id;
        (next(), next())
    };
    let resolve = |id: types::EscalationId, body: types::ResolveEscalation| {
        client.resolve_escalation(id, body).send()
    };
    let nothing = types::ResolveEscalation::new;
    let rule = || nothing().determination("expected").scope("organization");
    let (by_rule, dismissed) = of("country");
    let (portal, _) = of("portal_only");
    let resolved = resolve(by_rule, rule()).await.unwrap();
    assert_eq!(
        resolved.resolution_method,
        Some(types::ResolutionMethod::Rule)
    );
    let resolved = resolve(dismissed, nothing()).await.unwrap();
    let dismiss = types::ResolutionMethod::Dismiss;
    assert_eq!(resolved.resolution_method, Some(dismiss));
    refused(resolve(dismissed, nothing()).await, "conflict");
    refused(resolve(portal, nothing()).await, "invalid_request");
    let half = nothing().determination("expected");
    let another = open
        .iter()
        .find(|e| ![by_rule, dismissed, portal].contains(&e.id))
        .unwrap();
    refused(resolve(another.id, half).await, "invalid_request");
    let resolved = client
        .list_escalations()
        .status("resolved")
        .page_size(500)
        .send()
        .await
        .unwrap();
    assert!(
        resolved
            .items
            .iter()
            .any(|escalation| escalation.id == by_rule)
    );
}

async fn rules(client: &Client) {
    let create =
        |body: types::CreateUnwantedAccessRule| client.create_unwanted_access_rule(body).send();
    let rule =
        |kind: &str| types::CreateUnwantedAccessRule::new(types::AccessDetermination::other(kind));
    let organization = client.list_organizations().send().await.unwrap().items[0].id;
    let made = create(rule("expected").country_code(["NZ"]).notes("ours"))
        .await
        .unwrap();
    assert_eq!(
        (made.country_code, made.note.as_deref()),
        (Some("NZ".to_owned()), Some("ours"))
    );
    refused(
        create(rule("expected").country_code(["NZ"])).await,
        "invalid_request",
    );
    let catchall = || rule("unauthorized").logic("catchall").category("vpn");
    let catchall = create(catchall().organization_id(organization))
        .await
        .unwrap();
    refused(
        create(rule("expected").logic("catchall").category("vpn")).await,
        "invalid_request",
    );
    // What the client would not send is refused by the server, too.
    for body in [
        json!({"type": "expected"}),
        json!({"type": "expected", "country_code": "NZ", "vpn": "v"}),
    ] {
        let create = client.request(Method::POST, "/v1/unwanted_access_rules");
        refused(create.json(&body).send().await, "invalid_request");
    }
    refused(
        create(rule("expected").vpn(["v"]).organization_id(404)).await,
        "not_found",
    );
    let update = |id: types::UnwantedAccessRuleId, body: types::UpdateUnwantedAccessRule| {
        client.update_unwanted_access_rule(id, body).send()
    };
    let day = jiff::civil::date(2027, 1, 2);
    let change = types::UpdateUnwantedAccessRule::new;
    let dated = update(made.id, change().expires_at(day)).await.unwrap();
    assert!(dated.expires_at.is_some());
    let cleared = update(made.id, change().clear_expires_at()).await.unwrap();
    assert_eq!(
        (cleared.expires_at, cleared.note.as_deref()),
        (None, Some("ours"))
    );
    refused(
        update(catchall.id, change().expires_at(day)).await,
        "invalid_request",
    );
    refused(update(404.into(), change().notes("n")).await, "not_found");
    client
        .delete_unwanted_access_rule(made.id)
        .send()
        .await
        .unwrap();
    refused(
        client.delete_unwanted_access_rule(made.id).send().await,
        "not_found",
    );
}

async fn resellers(client: &Client) {
    let admin = types::AccountAdmin::new("Ada", "Archer", "ada@example.com");
    let create = || {
        let body = types::CreateAccount::new("Acme", "acme", "+15550100", admin.clone());
        client.create_account(body).send()
    };
    let account = create().await.unwrap();
    refused(create().await, "invalid_request");
    let update = types::UpdateAccount::new().name("Acme Ltd");
    let update = client.update_account(account.id, update);
    assert_eq!(
        update.send().await.unwrap().name.as_deref(),
        Some("Acme Ltd")
    );
    // It has a world of its own.
    let agents = client
        .for_account(account.id)
        .list_agents()
        .send()
        .await
        .unwrap();
    assert_eq!(agents.items[0].account_id, Some(account.id));

    let subscribe = |account: types::AccountId| {
        let body = types::CreateResellerSubscription::new(account, types::Product::Edr, 50, "PO 7");
        client.create_reseller_subscription(body).send()
    };
    let subscription = subscribe(account.id).await.unwrap();
    refused(subscribe(404.into()).await, "not_found");
    let change = types::UpdateResellerSubscription::new;
    let update = |body| client.update_reseller_subscription(subscription.id, body);
    let updated = update(change().minimum(60)).send().await.unwrap();
    assert_eq!(updated.minimum_usage, Some(60));
    refused(update(change().auto_renew(true)).send().await, "conflict");
    let upgrade = |id: types::SubscriptionId| {
        let body = types::UpgradeResellerSubscription::new(1_000);
        client.upgrade_reseller_subscription(id, body).send()
    };
    refused(upgrade(subscription.id).await, "invalid_request");
    refused(upgrade(404.into()).await, "not_found");
    let active = client
        .list_reseller_subscriptions()
        .status("active")
        .send()
        .await
        .unwrap();
    let upgraded = upgrade(active.items[0].id).await.unwrap();
    assert_ne!(upgraded.id, active.items[0].id);
    assert_eq!(upgraded.minimum_usage, Some(1_000));

    client.disable_account(account.id).send().await.unwrap();
    refused(
        client.disable_account(account.id).send().await,
        "invalid_request",
    );
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
