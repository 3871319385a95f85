//! What is on the pages.

use huntctl::store::Store;
use jiff::ToSpan as _;
use serde_json::Value;

use super::fixture::{pulled, say, small};
use super::site::{Site, now};
use crate::databases::Place;

/// Every page of the small store.
pub const PAGES: [(&str, &str); 15] = [
    ("overview", "/"),
    ("overview_of_an_account", "/?account=2&days=30"),
    ("accounts", "/accounts"),
    ("incidents", "/incidents"),
    ("incident", "/incidents/1/1"),
    ("organization", "/organizations/1/1"),
    ("organization_incidents", "/organizations/1/1/incidents"),
    ("organization_agents", "/organizations/1/1/agents"),
    ("organization_identities", "/organizations/1/1/identities"),
    ("agent", "/agents/1/3"),
    ("identity", "/identities/1/3"),
    ("review", "/review/1/1?quarter=2025-Q2"),
    ("training", "/training"),
    ("data", "/data"),
    (
        "review_of_a_time_without_data",
        "/review/1/1?quarter=2024-Q1",
    ),
];

pub async fn each_page_shows_what_the_store_has(place: Place) {
    let store = place.store().await;
    small(&store).await;
    let site = Site::new(&store);
    for (name, path) in PAGES {
        let page = site.page(path).await;
        // Both databases show the same.
        insta::with_settings!({ snapshot_path => "snapshots", prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(name, page.outline());
        });
    }
    place.remove().await;
}

pub async fn what_is_gone_is_told_and_in_no_list(place: Place) {
    let store = place.store().await;
    small(&store).await;
    let site = Site::new(&store);
    let gone = now() - 1.hour();
    for (table, id, page, list) in [
        ("agents", 3, "/agents/1/3", "/organizations/1/1/agents.csv"),
        (
            "identities",
            3,
            "/identities/1/3",
            "/organizations/1/1/identities.csv",
        ),
        (
            "incident_reports",
            1,
            "/incidents/1/1",
            "/organizations/1/1/incidents.csv",
        ),
    ] {
        let told = "the API has it no more since";
        let before = site.file(list).await.len();
        assert!(!site.page(page).await.text().contains(told), "{page}");
        let sql = format!("UPDATE {table} SET gone_at = ?1 WHERE account_id = 1 AND id = {id}");
        say(&store, &sql, &[gone.into()]).await;
        let text = site.page(page).await.text();
        let since = format!("{told} {}", gone.strftime("%Y-%m-%d %H:%M UTC"));
        assert!(text.contains(&since), "{page}: {text}");
        assert_eq!(site.file(list).await.len(), before - 1, "{list}");
    }
    place.remove().await;
}

pub async fn an_empty_store_says_what_fills_it(place: Place) {
    let store = place.store().await;
    let site = Site::new(&store);
    let text = site.page("/").await.text();
    assert!(text.contains("huntctl pull"), "{text}");
    for path in ["/accounts", "/incidents", "/training", "/data"] {
        site.page(path).await;
    }
    place.remove().await;
}

/// A store whose document lacks what pages show.
pub async fn what_the_document_lacks_is_not_known(place: Place) {
    let mut document: Value = serde_json::from_str(huntress_simulator::OPENAPI).unwrap();
    for (schema, fields) in [
        (
            "Agent",
            &[
                "firewall_status",
                "version_number",
                "hostname",
                "last_callback_at",
            ][..],
        ),
        (
            "Identity",
            &["mfa_enabled", "risk_level", "enabled", "email"],
        ),
        (
            "IncidentReport",
            &["severity", "subject", "body", "closed_at", "agent_id"],
        ),
        ("Organization", &["sat_learner_count"]),
        ("OrganizationWithUsage", &["sat_learner_count"]),
        ("Remediation", &["action", "parameters"]),
        ("SummaryReport", &["url"]),
        ("Account", &["name"]),
    ] {
        let properties = &mut document["components"]["schemas"][schema]["properties"];
        for field in fields {
            properties.as_object_mut().unwrap().remove(*field).unwrap();
        }
    }
    let store = place.store_of(&document).await;
    small(&store).await;
    let site = Site::new(&store);
    for (_, path) in PAGES {
        site.page(path).await;
    }
    for path in [
        "/organizations/1/1/agents?show=stale&sort=-seen&q=a",
        "/organizations/1/1/agents?show=isolated&sort=firewall",
        "/organizations/1/1/agents?show=outdated&sort=version",
        "/organizations/1/1/identities?show=at_risk&sort=-risk&q=a",
        "/organizations/1/1/identities?show=no_mfa",
        "/organizations/1/1/incidents?severity=high&state=open&sort=closed&q=a",
        "/incidents?sort=-subject",
    ] {
        site.page(path).await;
    }
    let rows = site.page("/?account=1").await.rows("organizations");
    let acme = rows.iter().find(|row| row[0] == "Acme & Sons").unwrap();
    // None of these is zero: by severity, stale, isolated, outdated, at risk, and learners.
    for column in [2, 3, 4, 6, 7, 8, 10, 11] {
        assert_eq!(acme[column], "not known", "{acme:?}");
    }
    place.remove().await;
}

async fn age(store: &Store, path: &str) -> String {
    let text = Site::new(store).page(path).await.text();
    let start = text
        .find("Data of")
        .or_else(|| text.find("Nothing in the store says when"));
    let start = text.find("Check the data").or(start);
    let start = start.unwrap_or_else(|| panic!("{path}: no age in {text}"));
    text[start..]
        .split(" All accounts")
        .next()
        .unwrap()
        .to_owned()
}

pub async fn the_age_of_the_data_is_on_each_page(place: Place) {
    let store = place.store().await;
    small(&store).await;
    for (_, path) in PAGES {
        assert!(age(&store, path).await.starts_with("Data of"), "{path}");
    }
    assert_eq!(
        age(&store, "/").await,
        "Data of 2025-06-15 11:50 UTC (the oldest of 2 accounts: South MSP): pulled 10 minutes ago."
    );
    assert_eq!(
        age(&store, "/organizations/1/1").await,
        "Data of 2025-06-15 11:55 UTC: pulled 5 minutes ago."
    );
    pulled(&store, 1, now() - 121.minutes(), "complete").await;
    assert_eq!(
        age(&store, "/").await,
        "Check the data. Data of 2025-06-15 09:59 UTC (the oldest of 2 accounts: North MSP): \
         pulled 2 hours ago, usually every 1 hour."
    );
    pulled(&store, 1, now(), "partial").await;
    assert_eq!(
        age(&store, "/organizations/1/1").await,
        "Check the data. Data of 2025-06-15 11:00 UTC: the last pull: partial; complete 1 hour ago."
    );
    // The other account's pages have no part in it.
    assert!(
        age(&store, "/organizations/2/4")
            .await
            .starts_with("Data of")
    );
    super::fixture::say(&store, "DELETE FROM pull_accounts", &[]).await;
    assert!(
        age(&store, "/")
            .await
            .starts_with("Check the data. Nothing")
    );
    place.remove().await;
}
