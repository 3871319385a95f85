//! Rows that are put, changed and removed while it runs, and the way back to the seed.

use std::collections::BTreeMap;

use crate::support::{get, id, ids, post, request, rows};
use huntress_simulator::{Fault, FaultKind, Simulator, SimulatorBuilder};
use serde_json::{Value, json};

async fn start() -> Simulator {
    of(Simulator::builder()).await
}

/// With few rows, for tests that read all of them.
fn small() -> SimulatorBuilder {
    let builder = Simulator::builder().agents(12).identities(9).signals(9);
    builder.incident_reports(9).others(9)
}

async fn of(builder: SimulatorBuilder) -> Simulator {
    let builder = builder.no_quota().strict_parameters(true);
    builder.start().await.unwrap()
}

/// What stands under the only key of a resource.
async fn only(simulator: &Simulator, path: &str) -> Value {
    let answer = get(simulator, path).await;
    assert_eq!(answer.status(), 200, "{path}: {}", answer.body);
    let Value::Object(body) = answer.json() else {
        panic!("{path}: {}", answer.body);
    };
    body.into_iter().next().unwrap().1
}

/// The lists of rows that have an id, as they are named here, and whether one row can be
/// asked for alone.
fn lists(incident: i64) -> Vec<(String, bool)> {
    let document: Value = serde_json::from_str(include_str!("../../spec/openapi.json")).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let mut lists = Vec::new();
    for (path, item) in paths {
        let parameters = item["get"]["parameters"].as_array().into_iter().flatten();
        let mut parameters = parameters.filter(|parameter| parameter["name"] == "limit");
        if parameters.next().is_none() || path.ends_with("_usage_line_items") {
            continue;
        }
        let alone = paths.keys().any(|other| {
            let below = other.strip_prefix(path.as_str()).unwrap_or_default();
            below.starts_with("/{") && below.matches('/').count() == 1
        });
        let name = path.trim_start_matches("/v1/");
        lists.push((
            name.replace("{incident_report_id}", &incident.to_string()),
            alone,
        ));
    }
    lists
}

#[tokio::test]
async fn a_row_of_every_list_is_put_read_changed_and_removed() {
    let simulator = of(small()).await;
    // Not the first, which goes below.
    let incident = id(&rows(&simulator, "/v1/incident_reports").await[1]);
    let lists = lists(incident);
    assert!(lists.len() > 15, "{lists:?}");
    for (list, alone) in lists {
        let before = ids(&rows(&simulator, &format!("/v1/{list}")).await);
        let put = puts_two(&simulator, &list, alone, &before).await;
        changes_one(&simulator, &list, &put, before[0]).await;
        for row in [id(&put), 77_777, before[0]] {
            removes_one(&simulator, &list, alone, row).await;
        }
        let left = ids(&rows(&simulator, &format!("/v1/{list}")).await);
        assert_eq!(left, before[1..], "{list}");
        if list == "accounts" {
            simulator.reset();
        }
    }
    assert!(simulator.writes().is_empty());
}

/// Puts a row with the next id, which is returned, and one with an id that is chosen.
async fn puts_two(simulator: &Simulator, list: &str, alone: bool, before: &[i64]) -> Value {
    let path = format!("/v1/{list}");
    let new = simulator.put(list, json!({})).unwrap();
    assert_eq!(id(&new), before.iter().max().unwrap() + 1, "{list}");
    let chosen = simulator.put(list, json!({"id": 77_777})).unwrap();
    assert_eq!(id(&chosen), 77_777, "{list}");
    let mut expected = [before, &[id(&new), 77_777]].concat();
    expected.sort_unstable_by(|one, other| other.cmp(one));
    let listed = rows(simulator, &path).await;
    assert_eq!(ids(&listed), expected, "{list}");
    for row in [&new, &chosen] {
        let found = listed.iter().find(|other| id(other) == id(row)).unwrap();
        assert_eq!(found, row, "{list}");
        if alone {
            let one = only(simulator, &format!("{path}/{}", row["id"])).await;
            for (key, value) in row.as_object().unwrap() {
                assert_eq!(one[key], *value, "{list} {key}");
            }
        }
    }
    new
}

/// Changes a field that rows like this one have.
async fn changes_one(simulator: &Simulator, list: &str, like: &Value, row: i64) {
    // Whatever text, number or reference a row has, but for what is enumerated.
    let fields = like.as_object().unwrap();
    let change = fields.iter().find_map(|(key, value)| {
        let values = [json!("changed"), json!(4_711), json!({"id": 4_711})];
        let values = values
            .into_iter()
            .filter(|_| key != "id" && !value.is_null());
        let mut tried = values.map(|value| simulator.change(list, row, json!({key: value})));
        Some((key, tried.find_map(Result::ok)?))
    });
    let (key, changed) = change.unwrap_or_else(|| panic!("{list} has nothing to change"));
    let listed = rows(simulator, &format!("/v1/{list}")).await;
    let found = listed.iter().find(|other| id(other) == row).unwrap();
    assert_eq!((found, &found[key]), (&changed, &changed[key]), "{list}");
}

async fn removes_one(simulator: &Simulator, list: &str, alone: bool, row: i64) {
    simulator.remove(list, row).unwrap();
    if alone {
        let gone = get(simulator, &format!("/v1/{list}/{row}")).await;
        assert_eq!(gone.status(), 404, "{list}");
    }
    assert!(simulator.remove(list, row).unwrap_err().is_not_found());
}

/// An open incident on a host in an organization of its own: organization, agent, incident.
fn put_incident(simulator: &Simulator) -> (Value, Value, Value) {
    let organization = simulator
        .put("organizations", json!({"name": "Acme"}))
        .unwrap();
    let agent = json!({
        "hostname": "DC-01", "platform": "linux", "organization_id": organization["id"],
    });
    let agent = simulator.put("agents", agent).unwrap();
    let incident = json!({
        "agent_id": agent["id"], "severity": "critical", "status": "sent",
        "indicator_types": ["ransomware_canaries"],
    });
    let incident = simulator.put("incident_reports", incident).unwrap();
    (organization, agent, incident)
}

#[tokio::test]
async fn what_is_put_decides_about_the_rest_of_a_row() {
    let (organization, agent, incident) = put_incident(&start().await);
    let systems = [json!("Ubuntu 24.04"), json!("Debian 12")];
    assert!(systems.contains(&agent["os"]), "{agent}");
    for (field, expected) in [
        ("organization_id", &organization["id"]),
        ("platform", &json!("linux")),
        ("closed_at", &Value::Null),
        ("indicator_counts", &json!({"ransomware_canaries": 1})),
        (
            "subject",
            &json!("CRITICAL - Ransomware canary tripped on DC-01"),
        ),
    ] {
        assert_eq!(incident[field], *expected, "{field}");
    }
}

#[tokio::test]
async fn what_is_put_is_filtered_sorted_and_counted() {
    let simulator = start().await;
    let (organization, _, incident) = put_incident(&simulator);
    let filters = "severity=critical&status=sent&platform=linux";
    let list = format!(
        "/v1/incident_reports?{filters}&organization_id={}",
        organization["id"]
    );
    let found = rows(&simulator, &list).await;
    assert_eq!(found, std::slice::from_ref(&incident));
    let newest = "/v1/incident_reports?sort_field=updated_at&limit=1";
    let newest = get(&simulator, newest).await.json();
    assert_eq!(newest["incident_reports"][0], incident);
    let path = format!("/v1/organizations/{}", organization["id"]);
    let counted = only(&simulator, &path).await;
    for (field, count) in [
        ("name", json!("Acme")),
        ("agents_count", json!(1)),
        ("incident_reports_count", json!(1)),
        ("microsoft_365_users_count", json!(0)),
    ] {
        assert_eq!(counted[field], count, "{field}");
    }
}

#[tokio::test]
async fn what_is_put_is_written_to_like_any_other_row() {
    let simulator = start().await;
    let (_, agent, incident) = put_incident(&simulator);
    let path = format!("/v1/incident_reports/{}", incident["id"]);
    let remediations = rows(&simulator, &format!("{path}/remediations")).await;
    let waits = |row: &Value| row["status"] == "unapproved";
    assert!(!remediations.is_empty() && remediations.iter().all(waits));
    let resolution = format!("{path}/resolution");
    let approval = format!("{path}/remediations/bulk_approval");
    let isolation = format!("/v1/agents/{}/isolation", agent["id"]);
    for (path, body, status) in [
        (&resolution, "", 409),
        (&approval, "", 201),
        (&resolution, "", 201),
        (&isolation, "{}", 201),
    ] {
        assert_eq!(
            post(&simulator, path, body).await.status(),
            status,
            "{path}"
        );
    }
    assert_eq!(simulator.writes().len(), 4);
}

#[tokio::test]
async fn an_incident_of_an_organization_is_on_one_of_its_agents() {
    let simulator = start().await;
    let organization = &rows(&simulator, "/v1/organizations").await[3];
    let incident = json!({"organization_id": organization["id"], "platform": "windows"});
    let incident = simulator.put("incident_reports", incident).unwrap();
    let agent = only(&simulator, &format!("/v1/agents/{}", incident["agent_id"])).await;
    assert_eq!(agent["organization_id"], organization["id"]);
    assert_eq!(agent["platform"], "windows");
    let on_none = json!({"organization_id": organization["id"], "agent_id": null});
    let on_none = simulator.put("incident_reports", on_none).unwrap();
    assert_eq!(on_none["agent_id"], Value::Null);
    assert!(
        on_none["subject"]
            .as_str()
            .unwrap()
            .ends_with("on an identity")
    );
}

#[tokio::test]
async fn what_is_pointed_to_gives_its_names() {
    let simulator = start().await;
    let organization = simulator
        .put("organizations", json!({"name": "Acme"}))
        .unwrap();
    let known = json!({"id": organization["id"], "name": "Acme"});
    let only_id = json!({"id": organization["id"]});
    let identity =
        json!({"organization": only_id, "username": "zoe@example.com", "billable": true});
    let identity = simulator.put("identities", identity).unwrap();
    assert_eq!(identity["organization"], known);
    let signal = json!({"entity": {"id": identity["id"], "type": "identity"}});
    let signal = simulator.put("signals", signal).unwrap();
    assert_eq!(signal["organization"], known);
    assert_eq!(signal["entity"]["name"], "zoe@example.com");
    let escalation = json!({"organizations": [only_id], "type": "unwanted_access",
        "subtype": "vpn", "status": "open"});
    let escalation = simulator.put("escalations", escalation).unwrap();
    assert_eq!(escalation["organizations"], json!([known]));
    let of = format!("/v1/identities?escalation_id={}", escalation["id"]);
    assert_eq!(rows(&simulator, &of).await, std::slice::from_ref(&identity));
    let path = format!("/v1/escalations/{}", escalation["id"]);
    let entities = only(&simulator, &path).await["entities"]["items"].clone();
    assert_eq!(ids(entities.as_array().unwrap()), [id(&identity)]);
    let resolution = json!({"determination": "unauthorized", "scope": "identity"}).to_string();
    let resolved = post(&simulator, &format!("{path}/resolution"), &resolution).await;
    assert_eq!(resolved.status(), 201, "{}", resolved.body);
    let rules = format!("/v1/unwanted_access_rules?identity_id={}", identity["id"]);
    assert_eq!(
        rows(&simulator, &rules).await[0]["applied_to"]["name"],
        "zoe@example.com"
    );
}

#[tokio::test]
async fn a_verdict_of_unauthorized_disables_the_identities_unless_told_not_to() {
    let simulator = start().await;
    for (verdict, revoke, enabled) in [
        ("unauthorized", None, false),
        ("unauthorized", Some(true), false),
        ("unauthorized", Some(false), true),
        ("expected", None, true),
    ] {
        let organization = simulator.put("organizations", json!({})).unwrap();
        let organization = json!({"id": organization["id"]});
        let identity = json!({"organization": organization, "enabled": true});
        let identity = simulator.put("identities", identity).unwrap();
        let escalation = json!({"organizations": [organization], "subtype": "country",
            "type": "unwanted_access", "status": "open"});
        let escalation = simulator.put("escalations", escalation).unwrap();
        let mut body = json!({"determination": verdict, "scope": "identity"});
        body["expiration_date"] = json!("2099-12-31");
        if let Some(revoke) = revoke {
            body["revoke_and_disable_identities"] = json!(revoke);
        }
        let path = format!("/v1/escalations/{}/resolution", escalation["id"]);
        let resolved = post(&simulator, &path, &body.to_string()).await;
        assert_eq!(resolved.status(), 201, "{}", resolved.body);
        let path = format!("/v1/identities/{}", identity["id"]);
        let now = only(&simulator, &path).await["enabled"].clone();
        assert_eq!(now, enabled, "{verdict} {revoke:?}");
        let rules = format!("/v1/unwanted_access_rules?identity_id={}", identity["id"]);
        let rule = &rows(&simulator, &rules).await[0];
        assert_eq!(
            (&rule["type"], &rule["status"]),
            (&json!(verdict), &json!("active"))
        );
        assert_eq!(rule["expires_at"], "2099-12-31T00:00:00Z");
    }
}

#[tokio::test]
async fn counts_follow_rows_that_come_go_and_move() {
    let simulator = start().await;
    let organizations = ids(&rows(&simulator, "/v1/organizations").await);
    let (from, to) = (organizations[0], organizations[1]);
    let counts = async |organization: i64| {
        let path = format!("/v1/organizations/{organization}");
        let row = only(&simulator, &path).await;
        let fields = [
            "agents_count",
            "incident_reports_count",
            "microsoft_365_users_count",
        ];
        let mut counts = fields.map(|field| row[field].as_u64().unwrap()).to_vec();
        counts.push(row["billable_identity_count"].as_u64().unwrap());
        for (count, list) in counts
            .iter()
            .zip(["agents", "incident_reports", "identities"])
        {
            let of = format!("/v1/{list}?organization_id={organization}");
            assert_eq!(*count, rows(&simulator, &of).await.len() as u64, "{list}");
        }
        let billable = format!("/v1/identities?billable=true&organization_id={organization}");
        assert_eq!(counts[3], rows(&simulator, &billable).await.len() as u64);
        counts
    };
    let (before, there) = (counts(from).await, counts(to).await);
    for (list, at) in [("agents", 0), ("incident_reports", 1), ("identities", 2)] {
        let of = format!("/v1/{list}?organization_id={from}");
        let row = id(&rows(&simulator, &of).await[0]);
        let owner = |id: i64| match list {
            "identities" => json!({"organization": {"id": id}}),
            _ => json!({"organization_id": id}),
        };
        simulator.change(list, row, owner(to)).unwrap();
        assert_eq!(counts(from).await[at], before[at] - 1, "{list}");
        assert_eq!(counts(to).await[at], there[at] + 1, "{list}");
        simulator.remove(list, row).unwrap();
        assert_eq!(counts(to).await[at], there[at], "{list}");
        let mut new = owner(from);
        if list == "identities" {
            new["billable"] = json!(false);
        }
        simulator.put(list, new).unwrap();
        assert_eq!(counts(from).await[at], before[at], "{list}");
    }
    let identity = &rows(&simulator, &format!("/v1/identities?organization_id={to}")).await[0];
    let billable = identity["billable"] == true;
    let other = json!({"billable": !billable});
    simulator.change("identities", id(identity), other).unwrap();
    assert_ne!(counts(to).await[3], there[3]);
}

#[tokio::test]
async fn moments_that_are_made_up_leave_those_that_are_given_their_order() {
    let simulator = start().await;
    let incident = json!({"sent_at": "2026-05-20T10:00:00Z", "closed_at": "2026-05-21T10:00:00Z",
        "status": "closed", "updated_at": "2026-05-22T10:00:00Z"});
    let row = simulator.put("incident_reports", incident.clone()).unwrap();
    for (field, value) in incident.as_object().unwrap() {
        assert_eq!(row[field], *value, "{field}");
    }
    assert_eq!(row["status_updated_at"], "2026-05-21T10:00:00Z");
    for (list, field) in [
        ("agents", "last_callback_at"),
        ("signals", "investigated_at"),
    ] {
        let new = simulator
            .put(list, json!({"created_at": "2026-06-01T00:00:00Z"}))
            .unwrap();
        assert!(
            new["updated_at"].as_str() >= Some("2026-06-01T00:00:00Z"),
            "{new}"
        );
        assert!(new.get(field).is_some());
    }
    let sent = &rows(&simulator, "/v1/incident_reports?status=sent").await[0];
    let closed = simulator.change("incident_reports", id(sent), json!({"status": "closed"}));
    let closed = closed.unwrap();
    assert!(closed["closed_at"].as_str() > sent["sent_at"].as_str());
    let path = format!("/v1/incident_reports/{}/remediations", closed["id"]);
    let done = |row: &Value| row["status"] == "completed" || row["status"] == "failed";
    assert!(rows(&simulator, &path).await.iter().all(done));
    let again = simulator.change("incident_reports", id(sent), json!({"status": "sent"}));
    assert_eq!(again.unwrap()["closed_at"], Value::Null);
}

#[tokio::test]
async fn what_the_list_does_not_tell_is_told_of_one_row() {
    let simulator = start().await;
    let (listed, whole) = ("/v1/organizations", "actual_usages");
    let first = id(&rows(&simulator, listed).await[0]);
    let path = format!("{listed}/{first}");
    let mut usages = only(&simulator, &path).await[whole].clone();
    usages["edr"]["billable_agents_count"] = json!(4_711);
    simulator
        .change("organizations", first, json!({whole: usages}))
        .unwrap();
    assert_eq!(only(&simulator, &path).await[whole], usages);
    for row in rows(&simulator, listed).await {
        assert!(row.get(whole).is_none(), "{row}");
    }
}

#[tokio::test]
async fn pages_have_every_row_once_whatever_was_put() {
    let simulator = of(Simulator::builder().agents(30)).await;
    let mut expected = ids(&rows(&simulator, "/v1/agents").await);
    for id in [5, expected[0] + 1, 1 << 52] {
        simulator.put("agents", json!({"id": id})).unwrap();
        expected.push(id);
    }
    simulator.remove("agents", expected.remove(7)).unwrap();
    expected.sort_unstable();
    for order in ["id", "created_at", "updated_at"] {
        let (mut seen, mut token) = (Vec::new(), String::new());
        loop {
            let path = format!("/v1/agents?limit=4&sort_field={order}{token}");
            let page = get(&simulator, &path).await.json();
            seen.extend(ids(page["agents"].as_array().unwrap()));
            match page["pagination"]["next_page_token"].as_str() {
                Some(next) => token = format!("&page_token={next}"),
                None => break,
            }
        }
        seen.sort_unstable();
        assert_eq!(seen, expected, "{order}");
    }
}

#[tokio::test]
async fn another_account_has_rows_of_its_own() {
    let simulator = start().await;
    let agent = simulator
        .put("accounts/2/agents", json!({"hostname": "THERE"}))
        .unwrap();
    assert_eq!(agent["account_id"], 2);
    let found = rows(&simulator, "/v1/accounts/2/agents?hostname=THERE").await;
    assert_eq!(found, [agent]);
    assert!(
        rows(&simulator, "/v1/agents?hostname=THERE")
            .await
            .is_empty()
    );
    let account = simulator.put("accounts", json!({"name": "New"})).unwrap();
    let list = format!("accounts/{}/agents", account["id"]);
    assert_eq!(rows(&simulator, &format!("/v1/{list}")).await.len(), 168);
    let member = &rows(
        &simulator,
        &format!("/v1/accounts/{}/memberships", account["id"]),
    )
    .await[0];
    assert_eq!(member["account"]["name"], "New");
    simulator.remove("accounts", id(&account)).unwrap();
    assert_eq!(get(&simulator, &format!("/v1/{list}")).await.status(), 404);
    assert!(simulator.put(&list, json!({})).unwrap_err().is_not_found());
}

#[tokio::test]
async fn a_row_that_could_not_be_is_refused_with_the_reason() {
    let simulator = start().await;
    for (list, row, why) in [
        (
            "incidents",
            json!({}),
            "there is no list \"incidents\"; there are accounts, agents,",
        ),
        ("", json!({}), "there is no list"),
        ("agents/7", json!({}), "there is no list"),
        ("accounts/x/agents", json!({}), "there is no list"),
        ("known_vpns", json!({}), "have no ids"),
        ("agents", json!([]), "a row is an object"),
        (
            "agents",
            json!({"host": "x"}),
            "host: is not one of its fields account_id, arch,",
        ),
        (
            "agents",
            json!({"hostname": 7}),
            "hostname: is not a string",
        ),
        (
            "agents",
            json!({"tags": ["a", 7]}),
            "tags.1: is not a string",
        ),
        (
            "agents",
            json!({"created_at": "today"}),
            "created_at: is not a moment",
        ),
        (
            "agents",
            json!({"platform": "beos"}),
            "platform: must be one of",
        ),
        ("agents", json!({"id": null}), "id: is not an integer"),
        (
            "agents",
            json!({"id": 0}),
            "id: must be from 1 to 9007199254740991",
        ),
        (
            "agents",
            json!({"id": 1_i64 << 53}),
            "id: must be from 1 to",
        ),
        (
            "accounts",
            json!({"id": 1_000_001}),
            "id: must be from 1 to 1000000",
        ),
        (
            "incident_reports",
            json!({"status": "open"}),
            "status: must be one of",
        ),
        (
            "incident_reports",
            json!({"remediations": null}),
            "follows from incident_reports/{id}",
        ),
        (
            "organizations",
            json!({"agents_count": 7}),
            "agents_count: follows from agents",
        ),
        (
            "identities",
            json!({"organization": {"id": "7"}}),
            "organization.id: is not an integer",
        ),
    ] {
        let refused = simulator.put(list, row.clone()).unwrap_err();
        assert!(refused.to_string().contains(why), "{list} {row}: {refused}");
        assert!(!refused.is_not_found(), "{refused}");
        let answer = post(
            &simulator,
            &format!("/_simulator/rows/{list}"),
            &row.to_string(),
        )
        .await;
        // The path of one row is none of a list.
        let status = if list == "agents/7" || list.is_empty() {
            [404, 400]
        } else {
            [400, 400]
        };
        assert!(status.contains(&answer.status()), "{list}: {}", answer.body);
    }
    let agent = id(&rows(&simulator, "/v1/agents").await[0]);
    let change = |fields| {
        simulator
            .change("agents", agent, fields)
            .unwrap_err()
            .to_string()
    };
    assert_eq!(change(json!({"id": 7})), "id: cannot change");
    assert!(
        change(json!({"platform": 7})).starts_with("platform: is not"),
        "{}",
        change(json!({"platform": 7}))
    );
    for missing in [
        simulator.change("agents", 7, json!({})).unwrap_err(),
        simulator.remove("agents", 7).unwrap_err(),
        simulator.put("accounts/99/agents", json!({})).unwrap_err(),
        simulator
            .put("incident_reports/7/remediations", json!({}))
            .unwrap_err(),
    ] {
        assert!(missing.is_not_found(), "{missing}");
    }
}

#[tokio::test]
async fn the_control_endpoint_does_the_same() {
    let simulator = start().await;
    let agents = "/_simulator/rows/agents";
    let made = post(&simulator, agents, r#"{"hostname": "DC-01"}"#).await;
    assert_eq!(made.status(), 201, "{}", made.body);
    let one = format!("{agents}/{}", made.json()["id"]);
    for (method, path, body, status) in [
        ("GET", &*one, "", 200),
        ("PATCH", &*one, r#"{"hostname": "DC-02"}"#, 200),
        (
            "PUT",
            "/_simulator/rows/agents/7",
            r#"{"hostname": "DC-07"}"#,
            200,
        ),
        ("PUT", "/_simulator/rows/agents/7", r#"{"id": 8}"#, 400),
        ("PUT", "/_simulator/rows/agents/7", "{", 400),
        ("PATCH", "/_simulator/rows/agents/9", "{}", 404),
        (
            "PATCH",
            "/_simulator/rows/agents/7",
            r#"{"hostname": 7}"#,
            400,
        ),
        ("GET", "/_simulator/rows/agents/9", "", 404),
        ("DELETE", "/_simulator/rows/agents/7", "", 204),
        ("DELETE", "/_simulator/rows/agents/7", "", 404),
        ("PUT", "/_simulator/rows/accounts/2/agents/7", "{}", 200),
        ("PUT", "/_simulator/rows/accounts/99/agents/7", "{}", 404),
        ("DELETE", "/_simulator/rows/agents", "", 404),
        ("POST", "/_simulator/rows/agents/7", "{}", 404),
    ] {
        let answer = request(&simulator, &format!("{method} {path}"), body).await;
        assert_eq!(answer.status(), status, "{method} {path}: {}", answer.body);
        assert!(status < 400 || answer.json()["message"].is_string());
    }
    let found = rows(&simulator, "/v1/agents?hostname=DC-02").await;
    assert_eq!(found, [get(&simulator, &one).await.json()]);
    let counted = simulator.arrivals().total;
    get(&simulator, &one).await;
    assert_eq!(simulator.arrivals().total, counted);
}

/// All that can be listed and counted.
async fn everything(simulator: &Simulator) -> BTreeMap<String, Vec<Value>> {
    let incident = id(&rows(simulator, "/v1/incident_reports").await[0]);
    let mut all = BTreeMap::new();
    for (list, _) in lists(incident) {
        let path = format!("/v1/{list}");
        all.insert(list, rows(simulator, &path).await);
    }
    all
}

#[tokio::test]
async fn it_goes_back_to_how_it_was_at_the_start() {
    let first = Fault::new(FaultKind::Status(503)).on("get_actor");
    let builder = || small().fault(first.clone());
    let fresh = everything(&of(builder()).await).await;
    let simulator = of(builder()).await;
    for by_hand in [false, true] {
        assert_eq!(everything(&simulator).await, fresh);
        for (list, row) in [
            ("agents", json!({})),
            ("accounts", json!({"id": 2, "name": "X"})),
        ] {
            simulator.put(list, row).unwrap();
        }
        let organization = r#"{"name": "Acme", "key": "acme"}"#;
        assert_eq!(
            post(&simulator, "/v1/organizations", organization)
                .await
                .status(),
            201
        );
        simulator
            .remove("signals", id(&fresh["signals"][0]))
            .unwrap();
        simulator.clear_faults();
        simulator.inject(Fault::new(FaultKind::Drift));
        assert_ne!(everything(&simulator).await, fresh);
        if by_hand {
            let state = request(&simulator, "DELETE /_simulator/state", "").await;
            assert_eq!(state.status(), 204);
        } else {
            simulator.reset();
        }
        assert_eq!(simulator.faults(), std::slice::from_ref(&first));
        assert!(simulator.writes().is_empty() && simulator.answered().is_empty());
        assert_eq!(simulator.arrivals().total, 0);
    }
    assert_eq!(everything(&simulator).await, fresh);
    let limited = Simulator::builder().quota(1, std::time::Duration::from_secs(600));
    let limited = limited.start().await.unwrap();
    for _ in 0..2 {
        assert_eq!(get(&limited, "/v1/account").await.status(), 200);
        assert_eq!(get(&limited, "/v1/account").await.status(), 429);
        limited.reset();
    }
}
