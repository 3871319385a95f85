//! Lists without a method of their own give what those with one give: each list of the
//! document, against the simulator.

use std::time::Duration;

use huntress::http::Method;
use huntress::jiff::Timestamp;
use huntress::{Client, Cursor, RateLimiter};
use huntress_simulator::Simulator;
use serde_json::value::RawValue;
use serde_json::{Value, json};

struct ListOfDocument {
    path: String,
    key: String,
    shows_changes: bool,
}

/// Those that need no id of something else.
fn lists() -> Vec<ListOfDocument> {
    let document: Value = serde_json::from_str(include_str!("../spec/openapi.json")).unwrap();
    let at = |reference: &Value| {
        let pointer = reference["$ref"].as_str().unwrap().trim_start_matches('#');
        document.pointer(pointer).unwrap()
    };
    let mut lists = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let get = &methods["get"];
        let Some(parameters) = get["parameters"].as_array() else {
            continue;
        };
        let parameter = |name| {
            parameters
                .iter()
                .find(|parameter| parameter["name"] == name)
        };
        if path.contains('{') || parameter("page_token").is_none() {
            continue;
        }
        let page = at(&get["responses"]["200"]["content"]["application/json"]["schema"]);
        let properties = page["properties"].as_object().unwrap();
        let (key, items) = properties
            .iter()
            .find(|(_, property)| property["type"] == "array")
            .unwrap();
        let by_change = parameter("sort_field").is_some_and(|sort| {
            let values = sort["schema"]["x-huntress-values"].as_array();
            values.is_some_and(|values| values.contains(&"updated_at".into()))
        });
        lists.push(ListOfDocument {
            path: path.clone(),
            key: key.clone(),
            shows_changes: by_change && !at(&items["items"])["properties"]["updated_at"].is_null(),
        });
    }
    lists
}

async fn start() -> (Simulator, Client) {
    let simulator = Simulator::builder().no_quota().start().await.unwrap();
    let client = Client::builder()
        .base_url(simulator.base_url())
        .credentials(simulator.credentials().pair())
        .rate_limiter(RateLimiter::new(10_000, Duration::from_secs(1)))
        .build()
        .unwrap();
    (simulator, client)
}

async fn by_hand(client: &Client, list: &ListOfDocument) -> Vec<Value> {
    let mut items = Vec::new();
    let mut token: Option<String> = None;
    loop {
        let request = client.request(Method::GET, &list.path).query("limit", 500);
        let request = match &token {
            Some(token) => request.query("page_token", token),
            None => request,
        };
        let page: Value = request.send_as().await.unwrap();
        items.extend(page[&list.key].as_array().unwrap().iter().cloned());
        match page["pagination"]["next_page_token"].as_str() {
            Some(next) => token = Some(next.to_owned()),
            None => return items,
        }
    }
}

fn as_values(items: &[Box<RawValue>]) -> Vec<Value> {
    let values = items.iter().map(|item| serde_json::from_str(item.get()));
    values.collect::<Result<_, _>>().unwrap()
}

#[tokio::test]
async fn each_list_of_the_document_comes_as_it_is() {
    let (_simulator, client) = start().await;
    let lists = lists();
    assert!(lists.len() >= 15, "{}", lists.len());
    for list in &lists {
        let expected = by_hand(&client, list).await;
        let items = client
            .request(Method::GET, &list.path)
            .list(list.key.clone());
        let whole = items.clone().stream_as::<Box<RawValue>>();
        let whole = whole.collect_all().await.unwrap();
        assert_eq!(as_values(&whole.items), expected, "{}", list.path);
        let in_parts = items.page_size(3).stream_as::<Value>();
        let in_parts = in_parts.collect_all().await.unwrap();
        assert_eq!(in_parts.items, expected, "{}", list.path);
    }
}

#[tokio::test]
async fn each_list_that_shows_changes_gives_them() {
    let (simulator, client) = start().await;
    let lists = lists();
    let lists: Vec<_> = lists.iter().filter(|list| list.shows_changes).collect();
    // The ten, and the list that the vendor has given up.
    assert_eq!(lists.len(), 11);
    for list in lists {
        let items = || {
            let request = client.request(Method::GET, &list.path);
            request.list(list.key.clone())
        };
        let all = items().changed_since_as::<Box<RawValue>>(Cursor::beginning());
        let all = all.collect_all().await.unwrap();
        let mut ids: Vec<_> = as_values(&all.items)
            .iter()
            .map(|item| item["id"].clone())
            .collect();
        let mut expected: Vec<_> = by_hand(&client, list)
            .await
            .iter()
            .map(|item| item["id"].clone())
            .collect();
        ids.sort_by_key(Value::as_i64);
        expected.sort_by_key(Value::as_i64);
        assert_eq!(ids, expected, "{}", list.path);
        let none = items().changed_since_as::<Value>(all.cursor.clone());
        assert_eq!(none.collect_all().await.unwrap().items, [] as [Value; 0]);
        // The one that is last where a list is not in the order of changes.
        let oldest = ids[0].as_i64().unwrap();
        let list_of_simulator = list.path.trim_start_matches("/v1/");
        simulator
            .change(list_of_simulator, oldest, json!({}))
            .unwrap();
        let changed = items().page_size(2).changed_since_as::<Value>(all.cursor);
        let changed = changed.collect_all().await.unwrap().items;
        let changed: Vec<_> = changed.iter().map(|item| &item["id"]).collect();
        assert_eq!(changed, [&ids[0]], "{}", list.path);
    }
}

#[tokio::test]
async fn what_a_list_sets_itself_is_refused_before_anything_is_sent() {
    let (simulator, client) = start().await;
    let request = || client.request(Method::GET, "/v1/agents");
    let list = || request().list("agents");
    let refused = |error: huntress::Error| {
        assert!(error.is_invalid_request(), "{error}");
        error.to_string()
    };
    for (name, error) in [
        (
            "limit",
            request()
                .query("limit", 5)
                .list("agents")
                .stream_as::<Value>()
                .try_next()
                .await,
        ),
        (
            "page_token",
            request()
                .query("page_token", "x")
                .list("agents")
                .start_at("y")
                .stream_as::<Value>()
                .try_next()
                .await,
        ),
        (
            "start_at",
            list().start_at("").stream_as::<Value>().try_next().await,
        ),
        (
            "sort_field",
            request()
                .query("sort_field", "id")
                .list("agents")
                .changed_since_as::<Value>(Cursor::beginning())
                .try_next()
                .await,
        ),
        (
            "start_at",
            list()
                .start_at("x")
                .changed_since_as::<Value>(Cursor::beginning())
                .try_next()
                .await,
        ),
        (
            "write",
            client
                .request(Method::POST, "/v1/agents")
                .list("agents")
                .stream_as::<Value>()
                .try_next()
                .await,
        ),
    ] {
        let text = refused(error.unwrap_err());
        assert!(text.contains(name), "{name}: {text}");
    }
    assert_eq!(simulator.arrivals().total, 0);
}

#[tokio::test]
async fn one_page_is_as_the_api_gives_it_and_a_list_without_pages_comes_whole() {
    let (_simulator, client) = start().await;
    let list = |path: &str, key: &'static str| client.request(Method::GET, path).list(key);
    let agents = list("/v1/agents", "agents");
    let page = agents.clone().send_as::<Value>().await.unwrap();
    assert_eq!(page.items.len(), 10);
    let next = agents.start_at(page.next_page_token.unwrap()).page_size(3);
    let next = next.send_as::<Value>().await.unwrap();
    assert_eq!(next.items.len(), 3);
    assert!(!page.items.contains(&next.items[0]));
    let path = "/v1/known_vpns";
    let whole: Value = client.request(Method::GET, path).send_as().await.unwrap();
    let vpns = list(path, "known_vpns").send_as::<Value>().await.unwrap();
    assert!(!vpns.items.is_empty() && vpns.next_page_token.is_none());
    assert_eq!(Value::from(vpns.items), whole["known_vpns"]);
    let nothing = list(path, "vpns").send_as::<Value>().await.unwrap_err();
    assert!(nothing.is_decode(), "{nothing}");
}

/// The SIEM's log, whose token is in the body.
#[tokio::test]
async fn a_list_that_is_asked_for_by_post_has_its_token_in_the_body() {
    let (simulator, client) = start().await;
    let query = json!({
        "esql": "FROM logs | KEEP uuid, message",
        "range_start": "2026-01-01T00:00:00Z",
        "range_end": "2026-01-02T00:00:00Z",
    });
    simulator.set_log_time("2026-02-01T00:00:00Z".parse::<Timestamp>().unwrap().into());
    let request = || client.request(Method::POST, "/v1/siem/query").reads();
    let first: Value = request().json(&query).send_as().await.unwrap();
    let on_the_first = first["logs"].as_array().unwrap().len();
    let all = request().json(&query).list("logs").stream_as::<Value>();
    let all = all.collect_all().await.unwrap().items;
    assert!(
        on_the_first > 0 && all.len() > on_the_first,
        "{on_the_first}"
    );
    let mut ids: Vec<_> = all
        .iter()
        .map(|line| line["uuid"].as_str().unwrap())
        .collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all.len());
    // What it is not told, it refuses.
    for refused in [
        request().json(&query).list("logs").page_size(5),
        request().json(&[1]).list("logs").start_at("x"),
    ] {
        let error = refused.stream_as::<Value>().try_next().await.unwrap_err();
        assert!(error.is_invalid_request(), "{error}");
    }
}
