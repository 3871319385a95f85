//! Filters: each finds the rows that it names, all of them and no others.

use crate::support::{Api, document, ids};
use huntress_simulator::Simulator;
use serde_json::{Value, json};

/// The values of a filter that are few: those of an enum, and of a boolean.
fn values_of(document: &Value, schema: &Value) -> Vec<String> {
    let schema = if schema["type"] == "array" {
        &schema["items"]
    } else {
        schema
    };
    if schema["type"] == "boolean" {
        return ["true", "false"].map(str::to_owned).to_vec();
    }
    let reference = schema["$ref"]
        .as_str()
        .or(schema["allOf"][0]["$ref"].as_str());
    let name = reference.and_then(|reference| reference.rsplit('/').next());
    let values = match &schema["x-huntress-values"] {
        Value::Null => name.map(|name| &document["components"]["schemas"][name]["enum"]),
        // Of this place, which does not take all of them.
        accepted => Some(accepted),
    };
    let values = values.and_then(Value::as_array).into_iter().flatten();
    values
        .map(|value| value.as_str().unwrap().to_owned())
        .collect()
}

/// Whether a row is what a filter asks for.
fn satisfies(row: &Value, filter: &str, value: &str) -> bool {
    let field = match filter {
        // The state that can be asked for is not the one that is told.
        "status" if row.get("subtype").is_some() => {
            return (row["status"] == "resolved") == (value == "resolved");
        }
        "indicator_type" => {
            return row["indicator_types"]
                .as_array()
                .unwrap()
                .contains(&json!(value));
        }
        "types[]" | "types" => &row["type"],
        "statuses[]" | "statuses" => &row["status"],
        "entity_type" => &row["entity"]["type"],
        "tenant_type" => &row["tenant"]["type"],
        "scope" => &row["applied_to"]["type"],
        field => &row[field],
    };
    match field {
        Value::Bool(is) => is.to_string() == value,
        field => field == value,
    }
}

#[tokio::test]
async fn every_value_of_every_filter_finds_rows_and_only_such() {
    let api = Api::start().await;
    let document = document();
    let incidents = ids(&api.rows("/v1/incident_reports").await);
    let mut asked = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        let parameters = item["get"]["parameters"].as_array().into_iter().flatten();
        for parameter in parameters.filter(|parameter| parameter["in"] == "query") {
            let filter = parameter["name"].as_str().unwrap();
            let values = values_of(&document, &parameter["schema"]);
            if filter.starts_with("sort_") || values.is_empty() {
                continue;
            }
            // A list within a row is asked for with every row.
            let paths: Vec<String> = if path.contains("{incident_report_id}") {
                let with = |id: &i64| path.replace("{incident_report_id}", &id.to_string());
                incidents.iter().map(with).collect()
            } else {
                vec![path.clone()]
            };
            let mut left = Vec::new();
            for path in &paths {
                left.extend(api.rows(path).await);
            }
            for value in &values {
                let mut found = Vec::new();
                for path in &paths {
                    let value = value.replace(' ', "%20");
                    found.extend(api.rows(&format!("{path}?{filter}={value}")).await);
                }
                left.retain(|row| !found.contains(row));
                assert!(!found.is_empty(), "{path}: no row for {filter}={value}");
                for row in found {
                    assert!(
                        satisfies(&row, filter, value),
                        "{path} {filter}={value}: {row}"
                    );
                }
                asked += 1;
            }
            // There are members with a level that can neither be given nor asked for.
            left.retain(|row| row["permissions"] != "Admin-Read-only");
            assert!(left.is_empty(), "{path}: no {filter} finds {left:?}");
        }
    }
    assert!(asked > 100, "{asked}");
}

/// Where a row has what a filter looks for, with values of it. A row has a value that is in a
/// list there, too.
const VALUES: [(&str, &str, &str, &[&str]); 16] = [
    ("agents", "os", "/os", &["macOS 15", "Debian 12"]),
    (
        "agents",
        "hostname",
        "/hostname",
        &["PC-000", "no-such-host"],
    ),
    ("agents", "version", "/version", &["0.14.7"]),
    (
        "agents",
        "organization_id",
        "/organization_id",
        &["1100000001", "404"],
    ),
    (
        "incident_reports",
        "indicator_type",
        "/indicator_types",
        &["footholds"],
    ),
    (
        "incident_reports",
        "organization_id",
        "/organization_id",
        &["1100000001"],
    ),
    (
        "identities",
        "organization_id",
        "/organization/id",
        &["1100000001"],
    ),
    (
        "identities",
        "tenant_type",
        "/tenant/type",
        &["google_workspace"],
    ),
    (
        "signals",
        "organization_id",
        "/organization/id",
        &["1100000001"],
    ),
    (
        "signals",
        "entity_type",
        "/entity/type",
        &["agent", "mailbox"],
    ),
    (
        "escalations",
        "organization_id",
        "/organizations/0/id",
        &["1100000001"],
    ),
    ("escalations", "subtype", "/subtype", &["country"]),
    (
        "external_ports",
        "organization_id",
        "/organization_ids",
        &["1100000001"],
    ),
    ("external_ports", "port", "/port", &["443", "22"]),
    ("memberships", "permissions", "/permissions", &["Finance"]),
    ("reseller/subscriptions", "product", "/product", &["edr"]),
];

#[tokio::test]
async fn a_value_divides_a_list_into_the_rows_that_have_it_and_the_others() {
    let api = Api::start().await;
    for (list, filter, place, values) in VALUES {
        let all = api.rows(&format!("/v1/{list}")).await;
        for value in values {
            let is = |found: &Value| found.to_string().trim_matches('"') == *value;
            let has = |row: &&Value| match row.pointer(place) {
                Some(Value::Array(values)) => values.iter().any(is),
                found => found.is_some_and(is),
            };
            let expected: Vec<_> = all.iter().filter(has).cloned().collect();
            let query = format!("/v1/{list}?{filter}={}", value.replace(' ', "%20"));
            assert_eq!(api.rows(&query).await, expected, "{query}");
            assert!(expected.len() < all.len(), "{query}");
            let nobody = ["no-such-host", "404"].contains(value);
            assert_eq!(expected.is_empty(), nobody, "{query}");
        }
    }
}

#[tokio::test]
async fn several_values_find_the_rows_that_have_any_of_them() {
    let api = Api::start().await;
    let mut expected = api.rows("/v1/signals").await;
    expected.retain(|row| row["type"] == "Footholds" || row["type"] == "SIEM");
    let kinds: Vec<_> = expected.iter().map(|row| &row["type"]).collect();
    assert!(kinds.contains(&&json!("Footholds")) && kinds.contains(&&json!("SIEM")));
    let found = api.rows("/v1/signals?types=Footholds,SIEM").await;
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_bound_divides_a_list_in_time() {
    let api = Api::start().await;
    let all = api.rows("/v1/signals").await;
    let day = |row: &Value| row["investigated_at"].as_str().unwrap()[..10].to_owned();
    let mut days: Vec<_> = all.iter().map(day).collect();
    days.sort();
    let middle = &days[days.len() / 2];
    for (bound, inside) in [
        (
            format!("investigated_at_min={middle}T00:00:00Z"),
            (|day, middle| day >= middle) as fn(&str, &str) -> bool,
        ),
        (
            format!("investigated_at_max={middle}T23:59:59Z"),
            |day, middle| day <= middle,
        ),
    ] {
        let expected: Vec<_> = all
            .iter()
            .filter(|row| inside(&day(row), middle))
            .cloned()
            .collect();
        assert!(!expected.is_empty() && expected.len() < all.len());
        assert_eq!(api.rows(&format!("/v1/signals?{bound}")).await, expected);
    }
    let reports = api.rows("/v1/reports").await;
    let later = api.rows("/v1/reports?period_min=2026-01-01").await;
    assert!(!later.is_empty() && later.len() < reports.len());
}

#[tokio::test]
async fn what_can_be_listed_of_escalations_is_divided_by_their_stage() {
    for list in ["escalations", "platform_actions"] {
        let api = Api::of(Simulator::builder().odd_shapes(1.0)).await;
        let mut divided = Vec::new();
        for stage in ["open", "overdue", "resolved"] {
            let rows = api.rows(&format!("/v1/{list}?status={stage}")).await;
            // The odd shapes say it outright.
            let says = |row: &Value| row["status"] == "overdue";
            assert!(rows.iter().all(|row| says(row) == (stage == "overdue")));
            divided.extend(ids(&rows));
        }
        let mut all = ids(&api.rows(&format!("/v1/{list}")).await);
        all.sort_unstable();
        divided.sort_unstable();
        assert_eq!(divided, all);
    }
}

#[tokio::test]
async fn the_identities_of_an_escalation_are_those_it_names() {
    let api = Api::start().await;
    let of = async |id: &Value| {
        api.rows(&format!("/v1/identities?escalation_id={id}"))
            .await
    };
    assert!(of(&json!(404)).await.is_empty());
    for escalation in api.rows("/v1/escalations").await {
        let whole = api
            .only(&format!("/v1/escalations/{}", escalation["id"]))
            .await;
        let entities = &whole["entities"];
        let items = entities["items"].as_array().unwrap();
        assert_eq!(
            (&entities["total_count"], items.is_empty()),
            (&json!(items.len()), false)
        );
        let identities = of(&escalation["id"]).await;
        let named = items.iter().filter(|entity| entity["type"] == "Identity");
        let mut named = ids(&named.cloned().collect::<Vec<_>>());
        named.sort_unstable_by(|one, other| other.cmp(one));
        assert_eq!(ids(&identities), named);
        for identity in identities {
            assert_eq!(
                identity["organization"]["id"],
                escalation["organizations"][0]["id"]
            );
        }
    }
}

#[tokio::test]
async fn a_filter_finds_its_own_among_a_million_agents() {
    let api = Api::of(Simulator::builder().agents(1_000_000)).await;
    assert!(api.rows("/v1/agents?version=none").await.is_empty());
    let found = api.rows("/v1/agents?version=0.14.7").await;
    assert!(found.iter().all(|agent| agent["version"] == "0.14.7"));
    assert_eq!(found.len(), 500);
}
