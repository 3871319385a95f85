//! What is in the store after a pull, and what that costs.

use std::time::Duration;

use huntctl::pull::Options;
use huntctl::store::{Scope, Store};
use huntress::{Client, RateLimiter};
use huntress_simulator::Simulator;
use serde_json::json;
use serde_json::value::RawValue;

use crate::support::{
    Place, assert_same, at_the_api, client_with, count, in_the_store, options, outcome, own, pull,
    remediations, small, sound, source, text,
};

#[tokio::test]
async fn a_pull_stores_what_the_api_says_and_the_next_one_what_has_changed() {
    for place in Place::each().await {
        let simulator = small().start().await.unwrap();
        let (store, source) = (place.store().await, source(&simulator));
        let report = sound(pull(&store, &source, options()).await);
        assert_eq!(outcome(&report, "agents"), "full");
        let expected = at_the_api(&store, &source.client, own).await;
        assert_eq!(expected["agents"].len(), 30);
        assert_same(&in_the_store(&store, 1, &expected).await, &expected);
        let below = count(&store, "SELECT count(*) FROM remediations").await;
        assert_eq!(usize::try_from(below).unwrap(), remediations(&expected));
        assert!(count(&store, "SELECT count(*) FROM known_vpns").await > 0);
        let days = "SELECT count(*) FROM accounts_daily WHERE account_id = 1";
        assert_eq!(count(&store, days).await, 1, "the day was counted");

        let id = *expected["agents"].keys().next().unwrap();
        simulator
            .change("agents", id, json!({"hostname": "RENAMED"}))
            .unwrap();
        let new = simulator.put("agents", json!({"hostname": "NEW"})).unwrap();
        let gone = *expected["agents"].keys().next_back().unwrap();
        simulator.remove("agents", gone).unwrap();
        let report = sound(pull(&store, &source, options()).await);
        assert_eq!(outcome(&report, "agents"), "changes");
        assert_eq!(outcome(&report, "known_vpns"), "nothing");
        let hostname =
            |id: &serde_json::Value| format!("SELECT hostname FROM agents WHERE id = {id}");
        assert_eq!(
            text(&store, &hostname(&json!(id))).await.as_deref(),
            Some("RENAMED")
        );
        assert_eq!(
            text(&store, &hostname(&new["id"])).await.as_deref(),
            Some("NEW")
        );
        let sql = "SELECT count(*) FROM agents WHERE gone_at IS NOT NULL";
        assert_eq!(
            count(&store, sql).await,
            0,
            "only a full walk shows what is gone"
        );

        let full = Options {
            full: true,
            ..options()
        };
        let report = sound(pull(&store, &source, full.clone()).await);
        assert_eq!(outcome(&report, "agents"), "full");
        assert_eq!(report.accounts[0].rows().gone, 1);
        let expected = at_the_api(&store, &source.client, own).await;
        assert_same(&in_the_store(&store, 1, &expected).await, &expected);

        simulator
            .put("agents", json!({"id": gone, "hostname": "BACK"}))
            .unwrap();
        sound(pull(&store, &source, options()).await);
        assert_eq!(count(&store, sql).await, 0, "it is back");
        place.remove().await;
    }
}

#[tokio::test]
async fn all_accounts_of_a_reseller_are_pulled() {
    for place in Place::each().await {
        let simulator = small().accounts(5).start().await.unwrap();
        let store = place.store().await;
        let mut source = source(&simulator);
        source.client = client_with(&simulator.base_url(), simulator.credentials().pair());
        source.reseller = true;
        let report = sound(pull(&store, &source, options()).await);
        let mut accounts: Vec<_> = report
            .accounts
            .iter()
            .filter_map(|one| one.account_id)
            .collect();
        accounts.sort_unstable();
        let enabled = at_the_api(&store, &source.client, |table| table == "accounts").await;
        let enabled = enabled["accounts"].iter();
        let enabled = enabled.filter(|(_, one)| one["status"] != "disabled");
        let enabled: Vec<_> = enabled.map(|(id, _)| *id).collect();
        assert!(enabled.len() > 2, "{enabled:?}");
        assert_eq!(accounts, enabled);
        for account in enabled {
            let sql = format!("SELECT count(*) FROM agents WHERE account_id = {account}");
            assert_eq!(count(&store, &sql).await, 30);
        }
        let lines = "SELECT count(*) FROM account_usage_line_items";
        let known = count(&store, lines).await;
        assert!(known > 0);
        // Lines are read again where the invoice has changed, and nowhere else.
        let asked = || {
            let answered = simulator.answered();
            let place = "GET /v1/reseller/invoices/{id}/account_usage_line_items";
            answered
                .get(place)
                .map_or(0, |by| by.values().sum::<usize>())
        };
        let before = asked();
        let full = Options {
            full: true,
            ..options()
        };
        sound(pull(&store, &source, full.clone()).await);
        assert_eq!(asked(), before);
        let sql = "SELECT min(id) FROM reseller_invoices";
        let invoice = count(&store, sql).await;
        stale_line(&store, invoice).await;
        simulator
            .change("reseller/invoices", invoice, json!({"status": "paid"}))
            .unwrap();
        sound(pull(&store, &source, full).await);
        assert_eq!(asked(), before + 1);
        assert_eq!(count(&store, lines).await, known + 1);
        let gone = format!("{lines} WHERE gone_at IS NOT NULL AND id = 7");
        assert_eq!(count(&store, &gone).await, 1, "a line that it has no more");
        let gone = format!("{lines} WHERE gone_at IS NOT NULL");
        assert_eq!(count(&store, &gone).await, 1, "no line of other invoices");
        place.remove().await;
    }
}

/// A line that an invoice had before.
async fn stale_line(store: &Store, invoice: i64) {
    let table = store.table("account_usage_line_items").unwrap();
    let line = [RawValue::from_string(r#"{"id":7}"#.to_owned()).unwrap()];
    let parent_id = Some(invoice);
    let scope = Scope {
        account_id: 1,
        parent_id,
    };
    let mut transaction = store.database().begin().await.unwrap();
    let written = store.write(
        &mut transaction,
        table,
        scope,
        &line,
        jiff::Timestamp::now(),
    );
    assert_eq!(written.await.unwrap().new, 1);
    transaction.commit().await.unwrap();
}

#[tokio::test]
async fn a_first_pull_and_an_hourly_one_cost_few_requests() {
    let sizes = Simulator::builder()
        .organizations(14)
        .agents(5_000)
        .identities(2_000);
    let simulator = sizes
        .incident_reports(500)
        .no_quota()
        .start()
        .await
        .unwrap();
    let place = Place::sqlite();
    let (store, source) = (place.store().await, source(&simulator));
    let first = sound(pull(&store, &source, options()).await);
    let arrived = simulator.arrivals().total;
    let rows = count(&store, "SELECT count(*) FROM agents").await;
    assert_eq!(rows, 5_000);
    assert_eq!(
        count(&store, "SELECT count(*) FROM incident_reports").await,
        500
    );
    // An hour's work.
    for (at, id) in (0..20).map(|at| (at, at * 31)) {
        let sql = format!("SELECT id FROM agents ORDER BY id LIMIT 1 OFFSET {id}");
        let id = count(&store, &sql).await;
        simulator
            .change("agents", id, json!({"hostname": format!("H-{at}")}))
            .unwrap();
    }
    let below = "GET /v1/incident_reports/{incident_report_id}/remediations";
    let below = simulator
        .answered()
        .get(below)
        .map_or(0, |by| by.values().sum::<usize>());
    let second = sound(pull(&store, &source, options()).await);
    let hourly = simulator.arrivals().total - arrived;
    println!("requests: {arrived} first ({below} of remediations), {hourly} an hour later");
    println!("{}\n{}", first.accounts[0], second.accounts[0]);
    assert_eq!(second.accounts[0].rows().changed, 20);
    // An incident carries 10 of its remediations; one that has more costs a request.
    let incidents = at_the_api(&store, &source.client, |table| table == "incident_reports").await;
    let mut incidents = incidents["incident_reports"].values();
    let cut = incidents
        .by_ref()
        .filter(|one| one["remediations"]["has_more"] == true)
        .count();
    assert_eq!(below, cut);
    assert!(
        arrived - below <= 45,
        "{arrived} requests of a first pull, {below} below"
    );
    assert!(hourly <= 12, "{hourly} requests an hour later");
}

#[tokio::test]
async fn many_accounts_of_one_key_take_what_its_quota_allows() {
    let window = Duration::from_secs(3);
    let simulator = small()
        .accounts(20)
        .quota(60, window)
        .start()
        .await
        .unwrap();
    let place = Place::sqlite();
    let (store, mut source) = (place.store().await, source(&simulator));
    source.reseller = true;
    source.client = Client::builder()
        .base_url(simulator.base_url())
        .credentials(simulator.credentials().pair())
        .rate_limiter(RateLimiter::new(60, window))
        .build()
        .unwrap();
    let began = tokio::time::Instant::now();
    let report = sound(pull(&store, &source, options()).await);
    let took = began.elapsed();
    let arrivals = simulator.arrivals();
    let least = window * u32::try_from((arrivals.total - 1) / 60).unwrap();
    println!(
        "{} accounts, {} requests: {took:?}, and the quota takes {least:?}",
        report.accounts.len(),
        arrivals.total
    );
    assert_eq!(arrivals.refused, 0);
    assert!(arrivals.total > 200, "{arrivals:?}");
    assert!(took >= least, "{took:?} < {least:?}");
    // Besides, there is a last window that need not be waited for, and the work.
    assert!(took < least + 2 * window, "{took:?} for {least:?}");
}
