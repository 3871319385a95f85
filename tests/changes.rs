//! What has changed since the last time, over HTTP: first answer by answer, then in
//! schedules against the simulator. `src/changes/schedules.rs` tries many more of these on
//! the decisions alone.

mod support;

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use fastrand::Rng;
use huntress::jiff::Timestamp;
use huntress::types::{Signal, SignalId};
use huntress::{AccountOperations, Changes, Client, Cursor, Error};
use huntress_simulator::{Fault, FaultKind, Simulator, SimulatorBuilder, Ties};
use serde_json::{Value, json};
use support::Server;

/// 2025-06-01T12:00:00Z, from which all moments are counted.
const START: i64 = 1_748_779_200_000;

fn moment(seconds: i64) -> Timestamp {
    Timestamp::from_millisecond(START + seconds * 1_000).unwrap()
}

/// A record that was changed so many seconds after the start.
fn signal(id: i64, seconds: i64) -> Value {
    json!({"id": id, "updated_at": moment(seconds)})
}

fn page(signals: &[Value], token: impl Into<Value>) -> (u16, Value) {
    let pagination = json!({"next_page_token": token.into()});
    (200, json!({"signals": signals, "pagination": pagination}))
}

fn signals(server: &Server, cursor: impl Into<Cursor>) -> Changes<Signal> {
    server.client().list_signals().changed_since(cursor)
}

/// The ids of all that has changed, and the cursor after it.
async fn all(changes: Changes<Signal>) -> (Vec<SignalId>, Cursor) {
    let all = changes.collect_all().await.unwrap();
    assert_eq!(all.odd, []);
    (all.items.iter().map(|item| item.id).collect(), all.cursor)
}

/// The queries that arrived, in order.
fn queries(server: &Server) -> Vec<String> {
    let requests = server.take_requests().into_iter();
    let query = |request: support::Request| request.uri.query().unwrap_or_default().to_owned();
    requests.map(query).collect()
}

#[tokio::test]
async fn a_walk_ends_at_what_is_older_than_the_overlap_and_asks_with_the_filters() {
    let server = Server::start().await;
    let rows = [(4, 900), (3, 700), (2, 300), (1, 299)].map(|(id, at)| signal(id, at));
    server.script([page(&rows, "next")]);
    let list = server.client().list_signals().organization_id(7);
    let (ids, cursor) = all(list.changed_since(moment(600))).await;
    assert_eq!(ids, [4, 3, 2], "300 is not older than 600 less 5 minutes");
    assert_eq!(cursor.boundary(), Some(moment(900)));
    let order = "sort_direction=desc&sort_field=updated_at";
    assert_eq!(
        queries(&server),
        [format!("limit=500&organization_id=7&{order}")]
    );
    server.script([page(&rows, "next")]);
    let (ids, _) = all(signals(&server, moment(600)).overlap(Duration::ZERO)).await;
    assert_eq!(ids, [4, 3]);
}

#[tokio::test]
async fn what_the_cursor_knows_is_left_out_and_counted() {
    let server = Server::start().await;
    let rows = [signal(2, 900), signal(1, 650)];
    server.script([page(&rows, Value::Null)]);
    let (ids, cursor) = all(signals(&server, moment(0))).await;
    assert_eq!(ids, [2, 1]);
    // The same moment, but another record; and the first one, changed within that second.
    let mut changed = signal(2, 900);
    changed["status"] = json!("closed");
    let rows = [signal(3, 900), changed, signal(1, 650), signal(9, 100)];
    server.script([page(&rows, "next")]);
    let kept = cursor.to_string().parse::<Cursor>().unwrap();
    let mut changes = signals(&server, kept);
    assert_eq!(changes.try_next().await.unwrap().unwrap().id, 3);
    assert_eq!(
        changes.cursor(),
        None,
        "not before the last record is given out"
    );
    assert_eq!(changes.try_next().await.unwrap().unwrap().id, 2);
    assert!(changes.try_next().await.unwrap().is_none());
    assert_eq!((changes.repeats(), changes.requests()), (1, 1));
    assert_eq!(changes.cursor().unwrap().boundary(), Some(moment(900)));
}

#[tokio::test]
async fn a_page_is_asked_for_again_to_be_left_at_the_end_of_a_second() {
    let server = Server::start().await;
    let rows = [(6, 900), (5, 800), (4, 700), (3, 700)].map(|(id, at)| signal(id, at));
    server.script([
        page(&rows, "in the middle"),
        page(&rows[..2], "edge"),
        page(
            &[&rows[2..], &[signal(2, 700), signal(1, 10)]].concat(),
            "more",
        ),
    ]);
    let list = server.client().list_signals().page_size(4);
    let (ids, _) = all(list.changed_since(moment(600))).await;
    assert_eq!(ids, [6, 5, 4, 3, 2]);
    let order = "sort_direction=desc&sort_field=updated_at";
    assert_eq!(
        queries(&server),
        [
            format!("limit=4&{order}"),
            format!("limit=2&{order}"),
            format!("limit=4&page_token=edge&{order}"),
        ]
    );
}

#[tokio::test]
async fn where_one_second_fills_a_page_the_list_is_read_by_id() {
    let server = Server::start().await;
    let tie = [signal(7, 900), signal(6, 900)];
    server.script([
        page(&tie, "middle"),
        page(&[signal(7, 900), signal(6, 900)], "id 6"),
        page(&[signal(5, 2), signal(4, 900)], Value::Null),
    ]);
    let list = server.client().list_signals().page_size(2);
    let (ids, cursor) = all(list.changed_since(moment(600))).await;
    assert_eq!(ids, [7, 6, 4]);
    assert_eq!(cursor.boundary(), Some(moment(900)));
    let queries = queries(&server);
    assert_eq!(queries[1], "limit=2&sort_direction=desc&sort_field=id");
    assert_eq!(
        queries[2],
        "limit=2&page_token=id+6&sort_direction=desc&sort_field=id"
    );
}

#[tokio::test]
async fn a_record_without_a_date_or_an_id_is_given_out_and_ends_nothing() {
    let server = Server::start().await;
    let odd = json!({"id": "x", "updated_at": moment(950)});
    let rows = [
        odd.clone(),
        json!({"id": 3, "updated_at": null}),
        json!({"id": "y", "updated_at": "soon"}),
        signal(2, 900),
    ];
    server.script([page(&rows, Value::Null)]);
    let mut changes = signals(&server, moment(600));
    let error = changes.try_next().await.unwrap_err();
    assert!(error.is_record(), "{error}");
    assert_eq!(changes.try_next().await.unwrap().unwrap().id, 3);
    assert!(changes.try_next().await.unwrap_err().is_record());
    assert_eq!(changes.try_next().await.unwrap().unwrap().id, 2);
    assert!(changes.try_next().await.unwrap().is_none());
    let cursor = changes.cursor().unwrap();
    assert_eq!(
        cursor.boundary(),
        Some(moment(950)),
        "an odd record has a date"
    );
    server.script([page(&rows, Value::Null)]);
    let again = signals(&server, cursor).collect_all().await.unwrap();
    assert_eq!(
        (again.items.len(), again.odd.len()),
        (1, 1),
        "those without a date"
    );
}

#[tokio::test]
async fn a_page_that_fails_is_asked_for_again_and_there_is_no_cursor_before() {
    let server = Server::start().await;
    server.script([(503, json!({})), page(&[signal(1, 700)], Value::Null)]);
    let mut changes = signals(&server, moment(600));
    assert!(changes.try_next().await.unwrap_err().is_server());
    assert_eq!(changes.cursor(), None);
    assert_eq!(changes.try_next().await.unwrap().unwrap().id, 1);
    assert_eq!(changes.cursor().unwrap().boundary(), Some(moment(700)));
    server.script([(200, json!({"error": "down"})), page(&[], Value::Null)]);
    let mut changes = signals(&server, moment(600));
    assert!(changes.try_next().await.unwrap_err().is_decode());
    assert!(changes.try_next().await.unwrap().is_none());
}

#[tokio::test]
async fn an_empty_list_leaves_the_cursor_as_it_was() {
    let server = Server::start().await;
    let before = Cursor::at(moment(600));
    for before in [before, Cursor::beginning()] {
        server.script([page(&[], Value::Null)]);
        assert_eq!(
            all(signals(&server, before.clone())).await,
            (vec![], before)
        );
    }
}

#[tokio::test]
async fn a_list_that_is_cut_off_is_an_error_after_its_records_without_a_cursor() {
    let server = Server::start().await;
    let untold = json!({"signals": [signal(1, 700)], "pagination": {"has_next_page": true}});
    let circle = [
        page(&[signal(1, 700)], "a"),
        page(&[signal(1, 700)], "b"),
        page(&[signal(1, 700)], "b"),
    ];
    for (script, problem) in [
        (vec![(200, untold)], "no token says how"),
        (circle.to_vec(), "its next page token came before"),
    ] {
        for oldest_first in [false, true] {
            server.script(script.clone());
            let mut changes = signals(&server, moment(600));
            if oldest_first {
                changes = changes.oldest_first();
            }
            assert_eq!(changes.try_next().await.unwrap().unwrap().id, 1);
            let error = changes.try_next().await.unwrap_err();
            assert!(error.to_string().contains(problem), "{error}");
            assert!(changes.try_next().await.unwrap().is_none());
            assert_eq!(changes.cursor(), None);
        }
        server.script(script);
        let error = signals(&server, moment(600)).collect_all().await;
        assert!(error.unwrap_err().is_decode());
    }
}

#[tokio::test]
async fn a_date_in_the_future_does_not_hide_what_comes_before_it() {
    let server = Server::start().await;
    let mut rows = vec![signal(1, 90_000_000_000), signal(2, 700)];
    let (_, body) = page(&rows, Value::Null);
    let date = ("date", "Sun, 01 Jun 2025 12:15:00 GMT");
    server.script_with(200, &[date], body.to_string());
    let (_, cursor) = all(signals(&server, moment(600))).await;
    assert_eq!(
        cursor.boundary(),
        Some(moment(900)),
        "the date of the answer"
    );
    rows.insert(1, signal(3, 950));
    server.script([page(&rows, "more")]);
    let mut changes = signals(&server, cursor);
    assert_eq!(changes.try_next().await.unwrap().unwrap().id, 3);
}

#[tokio::test]
async fn the_oldest_first_has_a_cursor_after_each_record() {
    let server = Server::start().await;
    let rows = [(4, 900), (3, 800), (2, 800), (1, 700)].map(|(id, at)| signal(id, at));
    for killed_after in 0..=4 {
        server.script([page(&rows, Value::Null)]);
        let mut changes = signals(&server, moment(600)).oldest_first();
        let mut had = Vec::new();
        assert_eq!(changes.cursor(), None);
        for _ in 0..killed_after {
            had.push(changes.try_next().await.unwrap().unwrap().id);
        }
        let cursor = changes.cursor().unwrap_or(Cursor::at(moment(600)));
        server.script([page(&rows, Value::Null)]);
        let (rest, last) = all(signals(&server, cursor).oldest_first()).await;
        had.extend(rest);
        assert_eq!(had, [1, 2, 3, 4]);
        assert_eq!(last.boundary(), Some(moment(900)));
    }
}

#[tokio::test]
async fn what_the_walk_chooses_itself_is_refused() {
    let server = Server::start().await;
    let list = || server.client().list_signals();
    for (list, name) in [
        (list().sort_field("id"), "sort_field"),
        (list().sort_field("nonsense"), "sort_field"),
        (list().sort_direction("asc"), "sort_direction"),
        (list().start_at("token"), "page_token"),
    ] {
        let error = list.changed_since(moment(0)).try_next().await.unwrap_err();
        let problem = format!("`{name}`: `changed_since` chooses it itself");
        assert!(error.to_string().contains(&problem), "{error}");
        assert!(error.is_invalid_request());
    }
    assert_eq!(server.count(), 0);
}

async fn start(builder: SimulatorBuilder) -> (Simulator, Client) {
    let builder = builder.no_quota().strict_parameters(true);
    let simulator = builder.start().await.unwrap();
    let client = support::simulated(&simulator).build().unwrap();
    (simulator, client)
}

/// How many have changed at first, and how many afterwards.
macro_rules! followed {
    ($account:expr, $($list:ident)*) => {$(
        let all = $account.$list().stream().collect_all().await.unwrap().items.len();
        let first = $account.$list().changed_since(Cursor::beginning());
        let first = first.collect_all().await.unwrap();
        assert_eq!(first.items.len(), all, stringify!($list));
        let mut second = $account.$list().changed_since(first.cursor);
        assert!(second.try_next().await.unwrap().is_none(), stringify!($list));
        assert_eq!(second.requests(), 1);
    )*};
}

/// Ten lists of the vendor's document show what has changed, and the legacy one; the others do
/// not compile here.
#[tokio::test]
#[allow(deprecated)]
async fn every_list_that_shows_changes_can_be_followed_in_both_scopes() {
    async fn shared(account: &impl AccountOperations) {
        followed!(account, list_agents list_billing_reports list_invoices list_incident_reports list_memberships
            list_organizations list_signals list_summary_reports);
    }
    let (_simulator, client) = start(Simulator::builder()).await;
    shared(&client).await;
    shared(&client.for_account(2)).await;
    followed!(client, list_escalations list_identities list_platform_actions);
}

/// A record that is changed, a poll each 5 minutes, and a day without one.
#[tokio::test]
async fn what_a_poll_costs() {
    let (simulator, client) = start(Simulator::builder().agents(12_000)).await;
    let agents = |cursor: &Cursor| client.list_agents().changed_since(cursor.clone());
    let mut first = agents(&Cursor::beginning());
    let mut ids = Vec::new();
    while let Some(agent) = first.try_next().await.unwrap() {
        ids.push(agent.id.get());
    }
    println!(
        "the beginning, 12,000 agents: {} requests",
        first.requests()
    );
    assert_eq!(first.requests(), 25);
    let mut cursor = first.cursor().unwrap();
    println!("its cursor: {} bytes", cursor.to_string().len());
    for changed in [0, 1, 499, 500, 2_000, 5_000] {
        let boundary = cursor.boundary().unwrap();
        // Evenly over a day.
        for (place, id) in ids[..changed].iter().enumerate() {
            let after = 301_000 + 86_400_000 / changed as u64 * place as u64;
            let at = boundary + Duration::from_millis(after);
            simulator
                .change("agents", *id, json!({"updated_at": at}))
                .unwrap();
        }
        let mut walk = agents(&cursor);
        let mut count = 0;
        while walk.try_next().await.unwrap().is_some() {
            count += 1;
        }
        assert_eq!(count, changed);
        println!("{changed} changed: {} requests", walk.requests());
        assert!(walk.requests() <= 1 + 2 * changed.div_ceil(499));
        cursor = walk.cursor().unwrap();
    }
}

/// The simulator's signals, and what becomes of them.
struct World<'s> {
    simulator: &'s Simulator,
    random: Rng,
    /// In milliseconds since the start.
    now: i64,
    /// What is visible: when it was changed, and its name, of which no two are alike.
    rows: BTreeMap<i64, (Option<i64>, String)>,
    /// Changes that are not visible yet: when they will be, of which record, and its date.
    late: Vec<(i64, i64, i64)>,
    names: usize,
}

impl World<'_> {
    fn one_in(&mut self, times: u32) -> bool {
        self.random.u32(0..times) == 0
    }

    fn write(&mut self, id: i64, at: Option<i64>) {
        self.names += 1;
        let name = format!("state {}", self.names);
        let date = at.map(|at| Timestamp::from_millisecond(START + at).unwrap());
        let fields = json!({"id": id, "name": name, "updated_at": date});
        let known = self.rows.insert(id, (at, name)).is_some();
        let written = if known {
            self.simulator.change("signals", id, fields)
        } else {
            self.simulator.put("signals", fields)
        };
        written.unwrap();
    }

    fn pass(&mut self, milliseconds: i64) {
        self.now += milliseconds;
        let now = self.now;
        let due: Vec<_> = self.late.extract_if(.., |(due, ..)| *due <= now).collect();
        for (_, id, at) in due {
            if self.rows.get(&id).is_none_or(|row| row.0 < Some(at)) {
                self.write(id, Some(at));
            }
        }
    }

    /// Something changes.
    fn happen(&mut self) {
        let step = [0, 1, 300, 900, 30_000, 400_000][self.random.usize(0..6)];
        self.pass(step);
        let next = self.rows.keys().next_back().map_or(1, |last| last + 1);
        let ids: Vec<_> = self.rows.keys().copied().collect();
        let id = self.random.choice(&ids).copied().unwrap_or(next);
        match self.random.u32(0..20) {
            0..6 => self.write(id, Some(self.now)),
            6..11 => self.write(next, Some(self.now)),
            11..13 if !ids.is_empty() => {
                self.rows.remove(&id);
                self.simulator.remove("signals", id).unwrap();
            }
            13 => self.write(id, None),
            14 | 15 => {
                for id in next..next + self.random.i64(2..6) {
                    self.write(id, Some(self.now));
                }
            }
            16 => self.simulator.inject(Fault::new(FaultKind::Status(503))),
            17 => self.simulator.inject(Fault::new(FaultKind::MalformedItem)),
            _ => {
                let late = self.now + self.random.i64(1..299_000);
                let id = if self.random.bool() { id } else { next };
                self.late.push((late, id, self.now));
            }
        }
    }
}

/// A program that follows the list: what it keeps, and what it has had.
struct Program {
    kept: String,
    had: HashSet<(i64, String)>,
    given: usize,
    twice: usize,
}

impl Program {
    fn store(&mut self, result: Result<Signal, Error>) {
        // What a sink makes of an odd record is told by its JSON.
        let (id, name) = match result {
            Ok(signal) => (signal.id.get(), signal.name.unwrap_or_default()),
            Err(error) => {
                let json: Value = serde_json::from_str(error.record().unwrap().json()).unwrap();
                (0, json["name"].as_str().unwrap_or_default().to_owned())
            }
        };
        self.given += 1;
        self.twice += usize::from(!self.had.insert((id, name)));
    }

    /// One walk, which may be killed anywhere.
    async fn walk(&mut self, client: &Client, world: &mut World<'_>, disturbed: bool) {
        let size = world.random.u32(2..=5);
        let list = client.list_signals().page_size(size);
        let mut changes = list.changed_since(self.kept.parse::<Cursor>().unwrap());
        let oldest_first = world.random.bool();
        if oldest_first {
            changes = changes.oldest_first();
        }
        loop {
            let killed = disturbed && world.one_in(60);
            if killed {
                return;
            }
            match changes.try_next().await {
                Ok(None) => break,
                Err(error) if !error.is_record() => {
                    assert!(disturbed, "{error}");
                    continue;
                }
                Ok(Some(signal)) => self.store(Ok(signal)),
                Err(error) => self.store(Err(error)),
            }
            if let (true, Some(cursor)) = (oldest_first, changes.cursor()) {
                self.kept = cursor.to_string();
            }
            while disturbed && world.one_in(4) {
                world.happen();
            }
        }
        self.kept = changes.cursor().unwrap().to_string();
    }
}

/// `HUNTRESS_SCHEDULES` sets how many; a hundred a kind of server otherwise.
#[tokio::test]
async fn nothing_is_lost_and_little_repeated() {
    let schedules = std::env::var("HUNTRESS_SCHEDULES").ok();
    let schedules = schedules.map_or(100, |number| number.parse::<u64>().unwrap());
    let (mut given, mut twice) = (0, 0);
    for ties in [Ties::Exact, Ties::Skip, Ties::Repeat] {
        let (simulator, client) = start(Simulator::builder().signals(0).ties(ties)).await;
        for seed in 0..schedules {
            simulator.reset();
            let mut world = World {
                simulator: &simulator,
                random: Rng::with_seed(seed),
                now: 0,
                rows: BTreeMap::new(),
                late: Vec::new(),
                names: 0,
            };
            for _ in 0..world.random.usize(0..12) {
                world.happen();
            }
            let mut program = Program {
                kept: Cursor::beginning().to_string(),
                had: HashSet::new(),
                given: 0,
                twice: 0,
            };
            for _ in 0..world.random.usize(1..6) {
                program.walk(&client, &mut world, true).await;
                for _ in 0..world.random.usize(0..5) {
                    world.happen();
                }
            }
            world.pass(300_000);
            simulator.clear_faults();
            program.walk(&client, &mut world, false).await;
            for (id, (at, name)) in &world.rows {
                let had = |id| program.had.contains(&(id, name.clone()));
                // One that did not decode had no id.
                let stored = had(*id) || had(0);
                assert!(
                    stored || at.is_none(),
                    "schedule {seed} lost {id}, {ties:?}"
                );
            }
            given += program.given;
            twice += program.twice;
        }
    }
    let share = 100.0 * twice as f64 / given as f64;
    println!("{schedules} schedules a kind: {given} given out, {twice} twice ({share:.1} %)");
    assert!(share < 10.0, "{share} %");
}
