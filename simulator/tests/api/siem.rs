//! SIEM queries: the range, the order and the pages.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use crate::support::{Api, post};
use huntress_simulator::{Fault, FaultKind, Simulator};
use serde_json::{Value, json};

async fn start() -> Simulator {
    Simulator::builder().no_quota().start().await.unwrap()
}

async fn page(simulator: &Simulator, body: &Value) -> (u16, Value) {
    let answer = post(simulator, "/v1/siem/query", &body.to_string()).await;
    (answer.status(), answer.json())
}

/// The sizes of all pages, and their rows.
async fn pages(
    simulator: &Simulator,
    esql: &str,
    from: &str,
    to: &str,
) -> (Vec<usize>, Vec<Value>) {
    let mut body = json!({"esql": esql, "range_start": from, "range_end": to});
    let (mut sizes, mut rows) = (Vec::new(), Vec::new());
    loop {
        let (status, page) = page(simulator, &body).await;
        assert_eq!(status, 200, "{page}");
        let logs = page["logs"].as_array().unwrap();
        sizes.push(logs.len());
        rows.extend(logs.iter().cloned());
        match page["pagination"].get("next_page_token") {
            Some(token) => body["page_token"] = token.clone(),
            None => return (sizes, rows),
        }
    }
}

fn times(rows: &[Value]) -> Vec<&str> {
    rows.iter()
        .map(|row| row["@timestamp"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_query_finds_the_lines_of_its_range_and_no_others() {
    let simulator = start().await;
    for (from, to, expected) in [
        // Both ends are in it.
        (
            "2026-03-01T00:00:00Z",
            "2026-03-01T00:03:00Z",
            vec!["00:00:00", "00:01:30", "00:03:00"],
        ),
        (
            "2026-03-01T00:00:00.001Z",
            "2026-03-01T00:02:59.999Z",
            vec!["00:01:30"],
        ),
        (
            "2026-03-01T01:00:00+01:00",
            "2026-03-01T01:01:00+01:00",
            vec!["00:00:00"],
        ),
        ("2026-03-01T00:00:01Z", "2026-03-01T00:01:29Z", vec![]),
        (
            "2026-03-01T00:01:30Z",
            "2026-03-01T00:01:30Z",
            vec!["00:01:30"],
        ),
        ("1990-01-01T00:00:00Z", "1990-01-02T00:00:00Z", vec![]),
        ("1990-01-01T00:00:00Z", "2025-12-31T23:59:59Z", vec![]),
        // Nobody knows what will happen.
        ("2999-01-01T00:00:00Z", "2999-01-02T00:00:00Z", vec![]),
    ] {
        let (_, rows) = pages(&simulator, "FROM logs | KEEP @timestamp", from, to).await;
        let expected: Vec<_> = expected
            .iter()
            .map(|at| format!("2026-03-01T{at}Z"))
            .collect();
        assert_eq!(times(&rows), expected, "{from} {to}");
    }
    let (_, rows) = pages(
        &simulator,
        "FROM logs | KEEP @timestamp | LIMIT 1",
        "1990-01-01T00:00:00Z",
        "2999-01-01T00:00:00Z",
    )
    .await;
    assert_eq!(times(&rows), ["2026-01-01T00:00:00Z"]);
    let backwards = json!({"esql": "FROM logs", "range_start": "2026-03-02T00:00:00Z",
        "range_end": "2026-03-01T00:00:00Z"});
    assert_eq!(page(&simulator, &backwards).await.0, 422);
}

#[tokio::test]
async fn windows_that_meet_have_every_line_of_their_whole() {
    let simulator = start().await;
    let keep = "FROM logs | KEEP uuid, @timestamp | LIMIT 5000";
    let (_, whole) = pages(
        &simulator,
        keep,
        "2026-03-01T00:00:00Z",
        "2026-03-02T00:00:00Z",
    )
    .await;
    assert_eq!(whole.len(), 961);
    let mut parts = Vec::new();
    for hour in 0..24 {
        let from = format!("2026-03-01T{hour:02}:00:00Z");
        let to = format!("2026-03-01T{hour:02}:59:59Z");
        parts.extend(pages(&simulator, keep, &from, &to).await.1);
    }
    assert_eq!(parts, whole[..960]);
}

#[tokio::test]
async fn pages_in_any_order_have_every_row_once() {
    let simulator = start().await;
    let (from, to) = ("2026-03-01T00:00:00Z", "2026-03-01T10:00:00Z");
    let natural = pages(&simulator, "FROM logs | KEEP *", from, to).await;
    assert_eq!(natural.0, [200, 200, 1]);
    assert!(times(&natural.1).is_sorted());
    for (sort, by_time) in [
        ("SORT @timestamp", true),
        ("SORT @timestamp DESC", true),
        ("SORT user.name | SORT @timestamp desc", true),
        ("SORT user.name, @timestamp DESC", false),
        ("SORT @timestamp DESC | SORT event.action", false),
    ] {
        let query = format!("FROM logs | KEEP * | {sort}");
        let (sizes, mut rows) = pages(&simulator, &query, from, to).await;
        assert_eq!(sizes, natural.0, "{sort}");
        if by_time {
            let mut times = times(&rows);
            if sort.to_lowercase().ends_with("desc") {
                times.reverse();
            }
            assert!(times.is_sorted(), "{sort}");
        } else {
            let column = sort
                .rsplit("SORT ")
                .next()
                .unwrap()
                .split(',')
                .next()
                .unwrap();
            assert!(
                rows.is_sorted_by_key(|row| row[column].to_string()),
                "{sort}"
            );
            let groups = rows.chunk_by(|one, other| one[column] == other[column]);
            let mut groups = groups.map(times);
            assert!(groups.all(|times| times.iter().rev().is_sorted()), "{sort}");
        }
        rows.sort_by_key(|row| row["uuid"].to_string());
        assert_eq!(rows, natural.1, "{sort}");
    }
}

#[tokio::test]
async fn a_long_log_can_be_searched_and_limited_and_a_short_one_sorted() {
    let simulator = start().await;
    let all = ("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z");
    for (esql, expected) in [
        ("FROM logs", 1_000),
        ("FROM logs | LIMIT 1300", 1_300),
        (
            r#"FROM logs | WHERE message == "made-up log line 90000""#,
            1,
        ),
        (
            r#"FROM logs | WHERE event.action == "logon" | SORT @timestamp DESC | LIMIT 7"#,
            7,
        ),
        ("FROM logs | LIMIT 300 | SORT user.name", 300),
    ] {
        let (_, rows) = pages(&simulator, esql, all.0, all.1).await;
        assert_eq!(rows.len(), expected, "{esql}");
    }
    let too_much = json!({"esql": "FROM logs | SORT user.name", "range_start": all.0,
        "range_end": all.1});
    let (status, refused) = page(&simulator, &too_much).await;
    assert_eq!(status, 413, "{refused}");
    let newest = "FROM logs | KEEP @timestamp | SORT @timestamp DESC | LIMIT 1";
    let (_, rows) = pages(&simulator, newest, all.0, "2026-05-01T00:00:00Z").await;
    assert_eq!(times(&rows), ["2026-05-01T00:00:00Z"]);
}

#[tokio::test]
async fn a_token_is_good_for_its_query_and_range_only() {
    let simulator = start().await;
    let mut body = json!({"esql": "FROM logs", "range_start": "2026-03-01T00:00:00Z",
        "range_end": "2026-03-02T00:00:00Z"});
    let (_, first) = page(&simulator, &body).await;
    body["page_token"] = first["pagination"]["next_page_token"].clone();
    assert_eq!(page(&simulator, &body).await.0, 200);
    for (key, other) in [
        ("esql", "FROM logs | LIMIT 5"),
        ("range_start", "2026-03-01T00:00:01Z"),
        ("range_end", "2026-03-02T00:00:01Z"),
        ("page_token", "mangled"),
    ] {
        let mut other_body = body.clone();
        other_body[key] = json!(other);
        assert_eq!(page(&simulator, &other_body).await.0, 400, "{key}");
    }
}

/// The rows of a query of the whole of 2026, or the status that refuses it.
async fn query(api: &Api, esql: &str) -> Result<Vec<Value>, u16> {
    let body = json!({
        "esql": esql,
        "range_start": "2026-01-01T00:00:00Z",
        "range_end": "2027-01-01T00:00:00Z",
    });
    match api.post("/v1/siem/query", body).await {
        (200, answer) => Ok(answer["logs"].as_array().unwrap().clone()),
        (status, _) => Err(status),
    }
}

#[tokio::test]
async fn the_commands_of_a_query_are_carried_out_in_order() {
    let api = Api::of(Simulator::builder().agents(3)).await;
    for (commands, expected) in [
        (r#"WHERE event.action == "logon" | LIMIT 3"#, 3),
        (r#"LIMIT 5 | WHERE event.action == "logon""#, 2),
        (
            r#"LIMIT 16 | WHERE event.action == "logon" AND message == "made-up log line 4""#,
            1,
        ),
        (r#"WHERE message == "a | b AND c == d""#, 0),
    ] {
        let found = query(&api, &format!("FROM logs | {commands}")).await;
        assert_eq!(found.map(|rows| rows.len()), Ok(expected), "{commands}");
    }
}

#[tokio::test]
async fn a_query_that_is_not_understood_is_refused() {
    let api = Api::start().await;
    for commands in [
        r#"WHERE event.action == "logon" OR user.name == "x""#,
        r#"WHERE event.action != "logon""#,
        r#"WHERE event.action LIKE "log*""#,
        "WHERE event.action == logon",
        r#"WHERE no.such.column == "x""#,
        r#"KEEP message | WHERE event.action == "logon""#,
        "STATS COUNT(*)",
        "LIMIT many",
        "",
    ] {
        let refused = query(&api, &format!("FROM logs | {commands}")).await;
        assert_eq!(refused, Err(422), "{commands}");
    }
}

#[tokio::test]
async fn a_query_tells_the_columns_that_it_names() {
    let api = Api::start().await;
    for (commands, expected) in [
        ("KEEP host.*, message", &["host.name", "message"][..]),
        (
            "KEEP * | DROP @timestamp, user.name, event.*",
            &["host.name", "message", "organization_id", "uuid"],
        ),
    ] {
        let rows = query(&api, &format!("FROM logs | {commands}"))
            .await
            .unwrap();
        let columns: BTreeSet<_> = rows[0].as_object().unwrap().keys().collect();
        assert!(columns.into_iter().eq(expected), "{commands}: {}", rows[0]);
    }
    let all = query(&api, "FROM logs | KEEP *").await.unwrap();
    assert_eq!(all[0].as_object().unwrap().len(), 8);
    assert_eq!(all[1]["event.sequence"], u64::MAX - 1);
}

#[tokio::test]
async fn a_query_is_sorted_by_several_columns_either_way() {
    let api = Api::start().await;
    let sort = "FROM logs | LIMIT 9 | SORT event.action, @timestamp DESC | KEEP *";
    let sorted = query(&api, sort).await.unwrap();
    assert!(sorted.is_sorted_by_key(|row| row["event.action"].to_string()));
    assert_eq!(sorted[0]["event.action"], sorted[1]["event.action"]);
    assert!(sorted[0]["@timestamp"].as_str() > sorted[1]["@timestamp"].as_str());
}

#[tokio::test]
async fn the_hosts_of_the_log_are_those_of_the_agents() {
    let api = Api::of(Simulator::builder().agents(3)).await;
    let agents = api.rows("/v1/agents").await;
    let hosts: BTreeSet<_> = agents
        .iter()
        .map(|agent| agent["hostname"].to_string())
        .collect();
    let logged = query(&api, "FROM logs | KEEP host.name").await.unwrap();
    let logged: BTreeSet<_> = logged
        .iter()
        .map(|row| row["host.name"].to_string())
        .collect();
    assert_eq!(logged, hosts);
}

#[tokio::test]
async fn an_account_without_siem_has_no_queries() {
    let api = Api::of(Simulator::builder().siem(false)).await;
    assert_eq!(query(&api, "FROM logs").await, Err(404));
}

/// 2026-03-02T00:00:00Z.
fn second_of_march() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_772_409_600)
}

#[tokio::test]
async fn late_lines_are_found_later_and_all_of_them_in_the_end() {
    let builder = Simulator::builder().no_quota();
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let simulator = builder.siem_late(0.25, minutes(60)).start().await.unwrap();
    let (from, to) = ("2026-03-01T00:00:00Z", "2026-03-01T23:59:59Z");
    let mut known = BTreeSet::new();
    let mut found = Vec::new();
    for after in [0, 10, 60, 90] {
        simulator.set_log_time(second_of_march() + minutes(after));
        let (_, rows) = pages(&simulator, "FROM logs | KEEP uuid", from, to).await;
        let rows: BTreeSet<_> = rows.iter().map(|row| row["uuid"].to_string()).collect();
        assert!(known.is_subset(&rows), "a line is not lost again");
        found.push(rows.len());
        known = rows;
    }
    let late = 960 - found[0];
    assert!((2..=10).contains(&late), "{found:?}");
    assert!(
        found.is_sorted() && found[2] == 960 && found[3] == 960,
        "{found:?}"
    );
    // A page does not move because a line has become visible.
    simulator.set_log_time(second_of_march());
    let mut body = json!({"esql": "FROM logs | KEEP uuid", "range_start": from, "range_end": to});
    let (_, mut first) = page(&simulator, &body).await;
    simulator.set_log_time(second_of_march() + minutes(90));
    let mut rows = 0;
    loop {
        rows += first["logs"].as_array().unwrap().len();
        match first["pagination"].get("next_page_token") {
            Some(token) => body["page_token"] = token.clone(),
            None => break,
        }
        first = page(&simulator, &body).await.1;
    }
    assert_eq!(rows, found[0]);
    simulator.reset();
    assert_eq!(pages(&simulator, "FROM logs", from, to).await.1.len(), 960);
}

#[tokio::test]
async fn a_range_is_refused_that_is_too_long_or_has_too_much_in_it() {
    let builder = Simulator::builder().no_quota().siem_most(40);
    let builder = builder.siem_longest(Duration::from_secs(3_000 + 600));
    let simulator = builder.start().await.unwrap();
    for (to, expected) in [
        ("2026-03-01T00:58:29Z", 200),
        // With its line of 00:00:00 these are 41.
        ("2026-03-01T01:00:00Z", 413),
        ("2026-03-01T01:00:01Z", 408),
    ] {
        let body = json!({"esql": "FROM logs | LIMIT 1", "range_start": "2026-03-01T00:00:00Z",
            "range_end": to});
        assert_eq!(page(&simulator, &body).await.0, expected, "{to}");
    }
    let wrong = Simulator::builder().siem_late(1.5, Duration::ZERO);
    assert!(wrong.start().await.is_err());
}

#[tokio::test]
async fn a_row_has_half_a_character_on_demand() {
    let simulator = start().await;
    for _ in 0..2 {
        simulator.inject(Fault::new(FaultKind::LoneSurrogate));
    }
    let body = json!({"esql": "FROM logs | KEEP uuid, message | LIMIT 3",
        "range_start": "2026-01-01T00:00:00Z", "range_end": "2026-01-02T00:00:00Z"});
    let answer = post(&simulator, "/v1/siem/query", &body.to_string()).await;
    assert_eq!(answer.status(), 200);
    for line in ["line 0\\ud83d\"", "line 1\\ud83d\"", "line 2\""] {
        assert!(answer.body.contains(line), "{line}: {}", answer.body);
    }
    // It waits for a page with messages.
    simulator.inject(Fault::new(FaultKind::LoneSurrogate));
    let (status, _) = page(
        &simulator,
        &json!({"esql": "FROM logs | KEEP uuid",
        "range_start": "2026-01-01T00:00:00Z", "range_end": "2026-01-02T00:00:00Z"}),
    )
    .await;
    assert_eq!((status, simulator.faults().len()), (200, 1));
}

#[tokio::test]
async fn odd_times_have_more_digits_than_microseconds() {
    let builder = Simulator::builder().no_quota().odd_shapes(0.5);
    let simulator = builder.start().await.unwrap();
    let (from, to) = ("2026-03-01T00:00:00Z", "2026-03-01T01:00:00Z");
    let (_, rows) = pages(&simulator, "FROM logs | KEEP @timestamp", from, to).await;
    let odd = times(&rows)
        .iter()
        .filter(|at| at.ends_with(".000000000Z"))
        .count();
    assert!((5..35).contains(&odd), "{odd} of {}", rows.len());
}
