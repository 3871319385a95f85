//! Pages: order, tokens and limits.

use std::collections::BTreeSet;

use crate::support::{Api, id, ids};
use huntress_simulator::{Simulator, Ties};
use serde_json::{Value, json};

/// All rows of a list, in pages of so many.
async fn paged(api: &Api, query: &str, size: usize) -> Vec<Value> {
    let (mut rows, mut token) = (Vec::new(), String::new());
    loop {
        let page = api.get(&format!("{query}&limit={size}{token}")).await;
        let mut parts = page.as_object().unwrap().iter();
        let (_, items) = parts.find(|(key, _)| *key != "pagination").unwrap();
        let items = items.as_array().unwrap();
        rows.extend(items.iter().cloned());
        match page["pagination"]["next_page_token"].as_str() {
            Some(next) => {
                assert_eq!(items.len(), size, "{query}");
                token = format!("&page_token={next}");
            }
            None => return rows,
        }
    }
}

#[tokio::test]
async fn pages_follow_each_other_without_a_gap_and_end() {
    let api = Api::start().await;
    let whole = api.get("/v1/agents?limit=500").await;
    assert_eq!(whole["pagination"]["next_page_token"], Value::Null);
    let default = api.get("/v1/agents").await;
    assert_eq!(default["agents"].as_array().unwrap().len(), 10);
    let seen = paged(&api, "/v1/agents?sort_field=id", 50).await;
    assert_eq!(Value::from(seen), whole["agents"]);
}

#[tokio::test]
async fn every_order_is_kept_over_all_pages_and_has_every_row_once() {
    let api = Api::start().await;
    for (list, fields) in [
        ("agents", &["id", "created_at", "updated_at"][..]),
        ("organizations", &["id", "name", "created_at", "updated_at"]),
        ("incident_reports", &["id", "updated_at"]),
        ("escalations", &["id", "updated_at"]),
        ("invoices", &["id", "status", "created_at"]),
        ("accounts", &["id", "name", "subdomain"]),
        ("identities", &["id", "created_at"]),
        ("signals", &["id", "created_at"]),
        ("memberships", &["id", "user_id", "created_at"]),
        ("reseller/subscriptions", &["id", "minimum", "status"]),
    ] {
        let all: BTreeSet<_> = ids(&api.rows(&format!("/v1/{list}")).await)
            .into_iter()
            .collect();
        for field in fields {
            for direction in ["asc", "desc"] {
                let query = format!("/v1/{list}?sort_field={field}&sort_direction={direction}");
                let mut rows = paged(&api, &query, 7).await;
                let found = ids(&rows).into_iter().collect();
                assert_eq!((&all, all.len()), (&found, rows.len()), "{query}");
                if direction == "desc" {
                    rows.reverse();
                }
                assert!(rows.is_sorted_by_key(|row| sort_key(row, field)), "{query}");
            }
        }
    }
}

#[tokio::test]
async fn the_rows_of_one_second_are_skipped_or_repeated_where_a_page_ends_in_it() {
    for (ties, descending, ascending) in [
        (
            Ties::Exact,
            &[6, 5, 4, 3, 2, 1][..],
            &[1, 2, 3, 4, 5, 6][..],
        ),
        (Ties::Skip, &[6, 5, 4, 2, 1], &[1, 2, 3, 5, 6]),
        (
            Ties::Repeat,
            &[6, 5, 4, 4, 3, 2, 2, 1],
            &[1, 2, 3, 3, 4, 5, 5, 6],
        ),
    ] {
        let api = Api::of(Simulator::builder().signals(0).ties(ties)).await;
        // The pages of three end between 4 and 3, which are of one second.
        for (id, moment) in ["1.1", "2.9", "3", "3.9", "4", "5"].into_iter().enumerate() {
            let moment = format!("2026-05-01T12:00:0{moment}Z");
            let row = json!({"id": id + 1, "updated_at": moment});
            api.simulator.put("signals", row).unwrap();
        }
        for (direction, expected) in [("desc", descending), ("asc", ascending)] {
            let query = format!("/v1/signals?sort_field=updated_at&sort_direction={direction}");
            let rows = paged(&api, &query, 3).await;
            assert_eq!(ids(&rows), expected, "{ties:?} {direction}");
        }
        let by_id = paged(&api, "/v1/signals?sort_field=id", 3).await;
        assert_eq!(ids(&by_id), [6, 5, 4, 3, 2, 1], "{ties:?}");
    }
}

fn sort_key(row: &Value, field: &str) -> Option<String> {
    let value = match field {
        "user_id" => &row["user"]["id"],
        "minimum" => &row["minimum_usage"],
        _ => &row[field],
    };
    match value {
        Value::Number(number) => number.as_i64().map(|number| format!("{number:020}")),
        value => value.as_str().map(str::to_owned),
    }
}

#[tokio::test]
async fn severities_are_sorted_by_how_severe_they_are() {
    let api = Api::start().await;
    let rows = api.rows("/v1/escalations?sort_field=severity").await;
    let mut severities: Vec<_> = rows
        .iter()
        .map(|row| row["severity"].as_str().unwrap())
        .collect();
    severities.dedup();
    assert_eq!(severities, ["critical", "high", "low"]);
}

#[tokio::test]
async fn rows_that_come_and_go_between_two_pages_are_no_gap() {
    let api = Api::start().await;
    let all = ids(&api.rows("/v1/agents").await);
    let first = api.get("/v1/agents?limit=50").await;
    let token = first["pagination"]["next_page_token"].as_str().unwrap();
    // One that was seen, the last that was seen, and one that is still to come.
    for index in [3, 49, 60] {
        let uninstall = format!("DELETE /v1/agents/{}", all[index]);
        assert!(api.status(&uninstall).await < 300);
    }
    let rest = api.rows(&format!("/v1/agents?page_token={token}")).await;
    let expected = all[50..].iter().copied().filter(|id| *id != all[60]);
    assert_eq!(ids(&rest), expected.collect::<Vec<_>>());
}

#[tokio::test]
async fn a_token_is_good_for_its_order_only() {
    let api = Api::start().await;
    let first = api.get("/v1/agents?limit=50").await;
    let token = first["pagination"]["next_page_token"].as_str().unwrap();
    let next = api.get(&format!("/v1/agents?page_token={token}")).await;
    assert!(id(&next["agents"][0]) < id(&first["agents"][49]));
    for other in [
        format!("/v1/agents?sort_direction=asc&page_token={token}"),
        format!("/v1/agents?sort_field=created_at&page_token={token}"),
        "/v1/agents?page_token=mangled".to_owned(),
    ] {
        assert_eq!(api.status(&format!("GET {other}")).await, 400, "{other}");
    }
}

#[tokio::test]
async fn limits_and_paths_are_checked() {
    let api = Api::start().await;
    for (request, expected) in [
        ("GET /v1/agents?limit=1", 200),
        ("GET /v1/agents?limit=500", 200),
        ("GET /v1/agents?limit=0", 400),
        ("GET /v1/agents?limit=501", 400),
        ("GET /v1/agents?limit=ten", 400),
        ("GET /v1/agents/ten", 404),
        ("GET /v1/nothing", 404),
        ("GET /", 404),
        ("POST /v1/organizations", 400),
        ("POST /v1/agents", 405),
    ] {
        assert_eq!(api.status(request).await, expected, "{request}");
    }
}
