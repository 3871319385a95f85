//! The log of the SIEM, over HTTP: the simulator's, and answers that a test says.

mod support;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use futures::{FutureExt as _, StreamExt as _};
use huntress::Client;
use huntress::jiff::Timestamp;
use huntress::siem::{Checkpoint, Query};
use huntress_simulator::{Fault, FaultKind, Simulator, SimulatorBuilder};
use serde_json::{Value, json};
use support::raw::{Act, RawServer};
use support::{Server, quick_retries, simulated};

const QUERY: &str = "FROM logs | KEEP uuid, @timestamp, message";
/// 2026-03-01T00:00:00Z.
const MARCH: i64 = 1_772_323_200;
const HOUR: i64 = 3_600;
/// How often a program is run over HTTP.
const SCHEDULES: u64 = 200;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn seconds(seconds: i64) -> Duration {
    Duration::from_secs(seconds.unsigned_abs())
}

/// A time that a test sets, for client and simulator.
#[derive(Clone)]
struct Time(Arc<AtomicI64>);

impl Time {
    fn new(second: i64) -> Self {
        Self(Arc::new(AtomicI64::new(second)))
    }

    fn now(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self, simulator: &Simulator, second: i64) {
        self.0.store(second, Ordering::Relaxed);
        simulator.set_log_time(SystemTime::UNIX_EPOCH + seconds(second));
    }

    fn of(&self, query: Query) -> Query {
        let time = self.clone();
        query.clock(move || at(time.now()))
    }
}

async fn simulator(builder: SimulatorBuilder) -> (Simulator, Client) {
    let simulator = builder.no_quota().start().await.unwrap();
    let client = simulated(&simulator).build().unwrap();
    (simulator, client)
}

/// How many requests were answered, by status.
fn answered(simulator: &Simulator) -> BTreeMap<u16, usize> {
    let mut answered = simulator.answered();
    answered.remove("POST /v1/siem/query").unwrap_or_default()
}

/// The ranges that were asked for, with each page of them, as seconds after a moment.
fn ranges(server: &Server, after: i64) -> Vec<(i64, i64)> {
    let second = |value: &Value| {
        let text = value.as_str().unwrap();
        assert!(text.len() == 20 && text.ends_with('Z'), "{text}");
        text.parse::<Timestamp>().unwrap().as_second() - after
    };
    let bodies = server.take_requests().into_iter();
    let bodies = bodies.map(|request| serde_json::from_slice::<Value>(&request.body).unwrap());
    bodies
        .map(|body| (second(&body["range_start"]), second(&body["range_end"])))
        .collect()
}

fn logs(rows: impl IntoIterator<Item = usize>) -> Value {
    let rows = rows
        .into_iter()
        .map(|row| json!({"uuid": format!("row {row}"), "message": "x"}));
    json!({"logs": rows.collect::<Vec<_>>(), "pagination": {}})
}

#[tokio::test]
async fn a_day_of_the_log_is_every_line_once_in_order() {
    let (simulator, client) = simulator(Simulator::builder()).await;
    let query = client.siem(QUERY).range(at(MARCH), at(MARCH + 24 * HOUR));
    let mut rows = query.clone().rows();
    let mut times = Vec::new();
    while let Some(row) = rows.try_next().await.unwrap() {
        times.push(row.timestamp().unwrap().as_second() - MARCH);
    }
    assert!(
        times.iter().copied().eq((0..=24 * HOUR).step_by(90)),
        "{times:?}"
    );
    assert_eq!(rows.checkpoint().complete_until(), at(MARCH + 24 * HOUR));
    // An hour a request.
    assert_eq!(answered(&simulator), BTreeMap::from([(200, 24)]));
    println!(
        "{} lines of a day in {:?}",
        times.len(),
        answered(&simulator)
    );
    // From its checkpoint there is nothing more.
    let mut rows = query.from(rows.checkpoint().clone()).rows();
    assert!(rows.try_next().await.unwrap().is_none());
    // Longer windows are fewer requests.
    let query = client.siem(format!("{QUERY} | LIMIT 10000"));
    let query = query
        .range(at(MARCH), at(MARCH + 24 * HOUR))
        .window(seconds(24 * HOUR));
    assert_eq!(query.rows().map(Result::unwrap).count().await, 961);
    assert_eq!(answered(&simulator), BTreeMap::from([(200, 24 + 5)]));
}

#[tokio::test]
async fn a_window_that_is_too_large_is_halved_and_never_asked_for_again() {
    let builder = Simulator::builder()
        .siem_longest(seconds(2 * HOUR))
        .siem_most(50);
    let (simulator, client) = simulator(builder).await;
    let client = client.siem(QUERY).range(at(MARCH), at(MARCH + 24 * HOUR));
    let windows = client.window(seconds(8 * HOUR)).windows();
    let windows: Vec<_> = windows.map(Result::unwrap).collect().await;
    assert_eq!(
        windows
            .iter()
            .map(|window| window.rows.len())
            .sum::<usize>(),
        961
    );
    assert!(
        windows
            .iter()
            .all(|window| window.end.duration_since(window.start).as_secs() <= HOUR)
    );
    let answered = answered(&simulator);
    println!("halved: {answered:?}");
    // Down from eight hours, and now and then a longer one is tried.
    assert_eq!(answered[&408], 2);
    assert!(answered[&413] <= 4 && answered[&200] == 24, "{answered:?}");
}

#[tokio::test]
async fn a_log_that_is_cut_off_by_the_servers_own_limit_is_read_in_shorter_windows() {
    let (_simulator, client) = simulator(Simulator::builder()).await;
    for query in [
        QUERY.to_owned(),
        format!("{QUERY} | LIMIT 30"),
        format!("{QUERY} | LIMIT 1000"),
    ] {
        // 1,921 lines, of which the simulator answers 1,000 unless it is told otherwise.
        let query = client.siem(query).range(at(MARCH), at(MARCH + 48 * HOUR));
        let rows = query.window(seconds(48 * HOUR)).rows();
        let mut rows: Vec<_> = rows.map(|row| row.unwrap().to_string()).collect().await;
        rows.sort();
        rows.dedup();
        assert_eq!(rows.len(), 1_921);
    }
}

#[tokio::test]
async fn a_second_that_is_cut_off_or_too_large_is_an_error_that_says_what_to_do() {
    let server = Server::start().await;
    let query = server.client().siem("FROM logs | KEEP uuid | LIMIT 3");
    let query = query.range(at(MARCH), at(MARCH + 4));
    server.answer(200, logs(0..3).to_string());
    let mut rows = query.clone().rows();
    let error = rows.try_next().await.unwrap_err();
    assert!(error.is_invalid_request(), "{error}");
    assert_eq!(
        error.to_string(),
        "query_siem (POST /v1/siem/query): not sent: the second from 2026-03-01T00:00:00Z has 3 \
         rows or more, and more may have been cut off: raise the query's LIMIT (`| LIMIT 10000`), \
         or ask for fewer rows with WHERE"
    );
    assert_eq!(ranges(&server, MARCH), [(0, 4), (0, 2), (0, 1)]);
    assert!(rows.try_next().await.unwrap().is_none(), "it has ended");
    assert_eq!(rows.checkpoint().complete_until(), at(MARCH));
    for status in [408, 413] {
        server.answer(status, r#"{"error": "too much"}"#);
        let error = query.clone().rows().try_next().await.unwrap_err();
        assert_eq!(error.status().unwrap(), status);
        let advice = "ask for a shorter range, or for less of it with WHERE and KEEP";
        assert!(error.to_string().ends_with(advice), "{error}");
        assert_eq!(ranges(&server, MARCH), [(0, 4), (0, 2), (0, 1)]);
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_before_anything_is_sent() {
    let server = Server::start().await;
    let client = server.client();
    let now = Timestamp::now();
    let hour = seconds(HOUR);
    for (query, why) in [
        (
            client.siem("SHOW INFO").since(now - hour),
            "a query begins with `FROM logs`",
        ),
        (
            client.siem("FROM logs | STATS COUNT(*)").since(now - hour),
            "query_siem",
        ),
        (client.siem(QUERY), "call `range`, `since` or `from`"),
        (
            client.siem(QUERY).range(now - hour, now - hour * 2),
            "and ends at",
        ),
        (
            client.siem(QUERY).range(now + hour, now + hour * 2),
            "but it is only",
        ),
        (
            client.siem(QUERY).since(now + hour).follow(hour),
            "but it is only",
        ),
    ] {
        let mut rows = query.clone().rows();
        let error = rows.try_next().await.unwrap_err();
        assert!(
            error.is_invalid_request() && error.to_string().contains(why),
            "{error}"
        );
        assert!(rows.try_next().await.unwrap().is_none());
        let error = query.windows().try_next().await.unwrap_err();
        assert!(error.is_invalid_request(), "{error}");
    }
    assert_eq!(server.count(), 0);
}

/// Lets so many rows of the next page be broken.
fn break_rows(simulator: &Simulator, rows: usize) {
    for _ in 0..rows {
        simulator.inject(Fault::new(FaultKind::LoneSurrogate));
    }
}

#[tokio::test]
async fn a_row_that_is_broken_costs_itself_and_comes_once() {
    let (simulator, client) = simulator(Simulator::builder()).await;
    let time = Time::new(MARCH + HOUR);
    let query = time.of(client.siem(QUERY).since(at(MARCH)));
    break_rows(&simulator, 4);
    let mut rows = query.clone().rows();
    let (mut whole, mut broken) = (0, Vec::new());
    loop {
        match rows.try_next().await {
            Ok(Some(_)) => whole += 1,
            Ok(None) => break,
            Err(error) if error.is_record() => broken.push(error),
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!((whole, broken.len()), (33, 4));
    let text = String::from_utf8(broken[0].body().unwrap().to_vec()).unwrap();
    assert!(text.contains(r#"made-up log line 56640\ud83d""#), "{text}");
    assert!(broken[0].to_string().contains("`logs[0]"), "{}", broken[0]);
    // In the overlap they are broken again, and are not told again.
    time.0.store(MARCH + HOUR + 90, Ordering::Relaxed);
    break_rows(&simulator, 3);
    let windows = query.from(rows.checkpoint().clone()).windows();
    let windows: Vec<_> = windows.map(Result::unwrap).collect().await;
    let count = |windows: &[huntress::siem::Window<huntress::siem::Row>]| {
        (windows[0].rows.len(), windows[0].odd.len())
    };
    assert_eq!((windows.len(), count(&windows)), (1, (1, 0)));
}

#[tokio::test]
async fn rows_come_in_a_type_of_the_callers_with_every_digit() {
    #[derive(serde::Deserialize)]
    struct Line {
        #[serde(rename = "event.sequence")]
        sequence: u64,
    }
    let builder = Simulator::builder().odd_shapes(1.0);
    let (_simulator, client) = simulator(builder).await;
    let query = client.siem("FROM logs | KEEP uuid, @timestamp, event.sequence");
    let query = query.range(at(1_767_225_600), at(1_767_225_600 + 90));
    let lines: Vec<_> = query
        .clone()
        .rows_as::<Line>()
        .map(Result::unwrap)
        .collect()
        .await;
    let sequences: Vec<_> = lines.iter().map(|line| line.sequence).collect();
    assert_eq!(sequences, [u64::MAX, u64::MAX - 1]);
    let row = query.rows().try_next().await.unwrap().unwrap();
    assert_eq!(row.text("event.sequence").unwrap(), "18446744073709551615");
    assert_eq!(
        row.text("@timestamp").unwrap(),
        "2026-01-01T00:00:00.000000000Z"
    );
    assert_eq!(row.timestamp(), Some(at(1_767_225_600)));
    // A type that does not fit costs its rows, not the walk.
    let query = client.siem(QUERY).range(at(MARCH), at(MARCH + 90));
    let lines: Vec<_> = query.rows_as::<Line>().collect().await;
    assert!(
        lines.len() == 2
            && lines
                .iter()
                .all(|line| line.as_ref().is_err_and(|e| e.is_record()))
    );
}

#[tokio::test]
async fn an_error_is_told_and_the_same_window_asked_for_again() {
    let server = Server::start().await;
    let query = server
        .client()
        .siem(QUERY)
        .range(at(MARCH), at(MARCH + HOUR));
    server.script([
        (
            200,
            json!({"logs": [{"uuid": "a"}], "pagination": {"next_page_token": "t"}}),
        ),
        (503, json!({})),
        (
            200,
            json!({"logs": [{"uuid": "a"}], "pagination": {"next_page_token": "t"}}),
        ),
        (200, json!({"logs": [{"uuid": "b"}], "pagination": {}})),
    ]);
    let mut rows = query.rows();
    assert!(rows.try_next().await.unwrap_err().is_server());
    assert_eq!(rows.checkpoint().complete_until(), at(MARCH));
    assert_eq!(rows.try_next().await.unwrap().unwrap().uuid().unwrap(), "a");
    assert_eq!(
        rows.checkpoint().complete_until(),
        at(MARCH),
        "not all of it came"
    );
    assert_eq!(rows.try_next().await.unwrap().unwrap().uuid().unwrap(), "b");
    assert_eq!(rows.checkpoint().complete_until(), at(MARCH + HOUR));
    assert!(rows.try_next().await.unwrap().is_none());
    assert_eq!(ranges(&server, MARCH), [(0, HOUR); 4]);
}

#[tokio::test]
async fn a_window_that_got_no_answer_in_time_is_told_and_then_asked_for_in_halves() {
    let nothing = Act::Answer(200, r#"{"logs":[],"pagination":{}}"#);
    let server = RawServer::start([Act::Hang, nothing, nothing]).await;
    let client = support::builder(server.base_url()).timeout(Duration::from_millis(200));
    let query = client.build().unwrap().siem(QUERY);
    let mut windows = query.range(at(MARCH), at(MARCH + HOUR)).windows();
    assert!(windows.try_next().await.unwrap_err().is_timeout());
    let mut ends = Vec::new();
    while let Some(window) = windows.try_next().await.unwrap() {
        ends.push(window.end.as_second() - MARCH);
    }
    assert_eq!(ends, [HOUR / 2, HOUR]);
}

#[tokio::test]
async fn tokens_in_a_circle_are_an_error_and_no_checkpoint() {
    let (simulator, client) = simulator(Simulator::builder()).await;
    simulator.inject(Fault::new(FaultKind::EndlessToken).times(2));
    let mut windows = client
        .siem(QUERY)
        .range(at(MARCH), at(MARCH + HOUR))
        .windows();
    let error = windows.try_next().await.unwrap_err();
    assert!(error.to_string().contains("came before"), "{error}");
    assert_eq!(windows.try_next().await.unwrap().unwrap().rows.len(), 41);
}

#[tokio::test]
async fn a_window_ends_where_the_log_may_still_change() {
    let server = Server::start().await;
    server.answer(200, logs([]).to_string());
    let time = Time::new(MARCH + HOUR);
    let query = |lag| {
        time.of(server.client().siem(QUERY).since(at(MARCH)))
            .lag(seconds(lag))
    };
    assert_eq!(query(300).rows().count().await, 0);
    assert_eq!(query(0).until(at(MARCH + 2 * HOUR)).rows().count().await, 0);
    assert_eq!(ranges(&server, MARCH), [(0, HOUR - 300), (0, HOUR)]);
}

/// A client of a test whose time is paused, and goes on by itself where all wait: no time-out
/// of the client ends before that.
fn patient(server: &Server) -> Client {
    let ever = seconds(24 * HOUR);
    let builder = server.builder().timeout(ever).connect_timeout(ever);
    builder.build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn it_follows_round_by_round_and_goes_on_after_errors() {
    let server = Server::start().await;
    let time = Time::new(MARCH + HOUR);
    let query = time.of(patient(&server).siem(QUERY).since(at(MARCH + HOUR - 400)));
    let mut windows = query.follow(seconds(60)).windows();
    server.answer(200, logs([1, 2]).to_string());
    let window = windows.try_next().await.unwrap().unwrap();
    assert_eq!(window.rows.len(), 2);
    assert_eq!(ranges(&server, MARCH + HOUR), [(-400, -300)]);
    let start = tokio::time::Instant::now();
    let clock = {
        let time = time.clone();
        move || {
            time.0.store(
                MARCH + HOUR + start.elapsed().as_secs() as i64,
                Ordering::Relaxed,
            )
        }
    };
    // A round a minute: none is early, and the overlap does not go back before the beginning.
    clock();
    assert!(
        tokio::time::timeout(seconds(59), windows.try_next())
            .await
            .is_err()
    );
    assert_eq!(server.count(), 0);
    time.0.store(MARCH + HOUR + 60, Ordering::Relaxed);
    server.script([(422, json!({})), (503, json!({})), (503, json!({}))]);
    server.answer(200, logs([2, 3]).to_string());
    let mut pauses = Vec::new();
    let mut last = start;
    let window = loop {
        let next = windows.try_next().await;
        pauses.push(last.elapsed().as_secs_f64());
        last = tokio::time::Instant::now();
        match next {
            Ok(window) => break window.unwrap(),
            Err(error) => assert!(error.status().is_some(), "{error}"),
        }
    };
    assert_eq!(window.rows.len(), 1, "row 2 was there");
    assert!(
        (0.4..1.2).contains(&pauses[1])
            && (0.9..2.2).contains(&pauses[2])
            && (1.9..4.2).contains(&pauses[3]),
        "{pauses:?}"
    );
    assert_eq!(ranges(&server, MARCH + HOUR), [(-400, -240); 4]);
}

#[tokio::test]
async fn a_future_that_is_dropped_loses_nothing() {
    let (simulator, client) = simulator(Simulator::builder()).await;
    simulator.inject(Fault::new(FaultKind::Latency { least: 1, most: 20 }).rate(1.0));
    let query = client.siem(QUERY).range(at(MARCH), at(MARCH + 6 * HOUR));
    let mut rows = query.rows();
    let (mut count, mut dropped) = (0, 0);
    loop {
        match rows.try_next().now_or_never() {
            Some(Ok(Some(_))) => count += 1,
            Some(Ok(None)) => break,
            Some(Err(error)) => panic!("{error}"),
            None => {
                dropped += 1;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    }
    assert_eq!(count, 6 * 40 + 1);
    assert!(dropped >= 6, "{dropped}");
    assert_eq!(
        answered(&simulator),
        BTreeMap::from([(200, 6)]),
        "nothing was asked twice"
    );
}

#[tokio::test(start_paused = true)]
async fn it_leaves_the_rest_of_the_quota_to_others() {
    let server = Server::start().await;
    server.answer(200, logs([]).to_string());
    let query = patient(&server)
        .siem(QUERY)
        .range(at(MARCH), at(MARCH + 30 * HOUR));
    let start = tokio::time::Instant::now();
    let mut windows = query.max_requests_per_minute(10).windows();
    let mut times = Vec::new();
    while windows.try_next().await.unwrap().is_some() {
        times.push(start.elapsed().as_secs());
    }
    assert_eq!(times.len(), 30);
    let within = |minute| times.iter().filter(|time| **time / 60 == minute).count();
    assert_eq!([within(0), within(1), within(2)], [10, 10, 10], "{times:?}");
}

/// As `src/siem/schedules.rs`, but over HTTP, with the whole walk: a program that commits rows
/// and checkpoint together, in a log with late lines and a server with limits, is killed and
/// starts again.
#[tokio::test]
async fn every_row_is_there_exactly_once_whatever_happens() {
    let (mut lines, mut kills, mut requests) = (0, 0, 0);
    for seed in 0..SCHEDULES {
        let mut random = fastrand::Rng::with_seed(seed);
        let (lag, overlap) = (random.i64(0..1_800), random.i64(0..3_600));
        let mut builder = Simulator::builder().seed(seed);
        builder = builder.siem_late(random.f64(), seconds(lag + overlap));
        if random.bool() {
            builder = builder.siem_longest(seconds(random.i64(60..4_000)));
        }
        if random.bool() {
            builder = builder.siem_most(random.usize(2..60));
        }
        if random.bool() {
            builder = builder.fault(Fault::new(FaultKind::Status(503)).rate(0.1));
        }
        if random.bool() {
            builder = builder.fault(Fault::new(FaultKind::LoneSurrogate).rate(0.2));
        }
        let (simulator, client) = simulator(builder).await;
        let time = Time::new(MARCH);
        let limit = if random.bool() {
            format!(" | LIMIT {}", random.usize(3..80))
        } else {
            String::new()
        };
        let query = time.of(client.siem(format!("{QUERY}{limit}")));
        let query = query
            .window(seconds(random.i64(60..8_000)))
            .lag(seconds(lag))
            .overlap(seconds(overlap));
        let mut sink = Vec::new();
        let mut saved = serde_json::to_string(&beginning(&query).await).unwrap();
        let (mut now, end) = (MARCH, MARCH + 4 * HOUR);
        while now < end + lag + overlap {
            now = (now + random.i64(1..2_400)).min(end + lag + overlap);
            time.set(&simulator, now);
            let checkpoint: Checkpoint = serde_json::from_str(&saved).unwrap();
            let mut windows = query.clone().from(checkpoint).windows();
            // Killed after some windows, or when all was read.
            let mut lives = random.usize(0..4);
            loop {
                match windows.try_next().await {
                    Ok(None) => break,
                    Ok(Some(_)) if lives == 0 && now < end + lag + overlap => {
                        kills += 1;
                        break;
                    }
                    Ok(Some(window)) => {
                        lives = lives.saturating_sub(1);
                        let whole = window.rows.iter().map(|row| number(&row.to_string()));
                        let odd = window.odd.iter().map(|record| number(record.json()));
                        sink.extend(whole.chain(odd));
                        saved = serde_json::to_string(&window.checkpoint).unwrap();
                    }
                    Err(error) => assert!(error.is_server(), "{error}"),
                }
            }
        }
        sink.sort();
        let all = sink.len();
        sink.dedup();
        assert_eq!(all, sink.len(), "seed {seed}: repeated");
        // Younger ones may still be on their way.
        let last = number_at(end);
        let old = sink.iter().filter(|line| **line <= last).count();
        assert_eq!(old as i64, last - number_at(MARCH) + 1, "seed {seed}: lost");
        lines += all;
        requests += answered(&simulator).values().sum::<usize>();
    }
    println!("{SCHEDULES} schedules: {lines} lines, {kills} kills, {requests} requests");
    assert!(kills > 300, "{kills}");
}

/// The number of the line that a row is.
fn number(row: &str) -> i64 {
    let mut parts = row.split('"');
    let uuid = parts.find(|part| part.starts_with("00000000-0000-4000-8000-"));
    i64::from_str_radix(&uuid.unwrap()[24..], 16).unwrap()
}

/// The number of the last line up to a moment.
fn number_at(second: i64) -> i64 {
    (second - 1_767_225_600) / 90
}

/// A checkpoint of which nothing was read yet.
async fn beginning(query: &Query) -> Checkpoint {
    let rows = query.clone().since(at(MARCH)).until(at(MARCH + 1)).rows();
    rows.checkpoint().clone()
}

#[tokio::test]
async fn retries_of_the_client_do_not_touch_what_is_too_large() {
    let server = Server::start().await;
    let client = server.builder().retry(quick_retries()).build().unwrap();
    server.script([(408, json!({})), (413, json!({}))]);
    server.answer(200, logs([]).to_string());
    let rows = client.siem(QUERY).range(at(MARCH), at(MARCH + 8)).rows();
    assert_eq!(rows.count().await, 0);
    let expected = [(0, 8), (0, 4), (0, 2), (2, 4), (4, 6), (6, 8)];
    assert_eq!(ranges(&server, MARCH), expected);
}

/// The rows of three hours, and what is logged meanwhile in this thread.
async fn logged(client: &Client, query: &str) -> (usize, String) {
    let log = Arc::new(Mutex::new(Vec::new()));
    let writer = Arc::clone(&log);
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_ansi(false)
        .with_writer(move || Written(Arc::clone(&writer)))
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let rows = client
        .siem(query)
        .range(at(MARCH), at(MARCH + 3 * HOUR))
        .rows();
    let rows = rows.map(Result::unwrap).count().await;
    drop(guard);
    let log = std::mem::take(&mut *log.lock().unwrap());
    (rows, String::from_utf8(log).unwrap())
}

struct Written(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn rows_that_lack_what_is_wanted_are_warned_of_once() {
    let (_simulator, client) = simulator(Simulator::builder()).await;
    for (query, expected, warnings) in [
        (QUERY, 121, vec![]),
        // Before anything is sent, and when it turns out to be so.
        (
            "FROM logs",
            121,
            vec!["the query has no KEEP", "nothing but `uuid`"],
        ),
        // A row of the second in which two windows meet comes twice.
        (
            "FROM logs | KEEP message",
            123,
            vec!["does not KEEP `uuid`", "some rows have no `uuid`"],
        ),
    ] {
        let (rows, log) = logged(&client, query).await;
        assert_eq!(rows, expected, "{query}");
        let lines: Vec<_> = log.lines().collect();
        assert_eq!(lines.len(), warnings.len(), "{query}: {log}");
        for (line, warning) in lines.iter().zip(warnings) {
            assert!(line.contains(warning), "{query}: {line}");
        }
    }
}
