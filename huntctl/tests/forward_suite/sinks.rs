//! What a sink is told, where it begins, and who sends to it.

use std::collections::BTreeSet;
use std::time::Duration;

use huntctl::forward::{self, Kind, Mapping, SinkSettings, Start};
use huntctl::store::Store;
use serde_json::{Value, json};

use super::support::{
    Following, Lines, Place, Written, incident, options, put, run, second, sink, sound, until,
};
use crate::cases::CASES;
use crate::receivers::tls::Authority;
use crate::receivers::{Fault, Log};

fn agent(id: i64, hostname: &str, called_back: i64) -> Value {
    let time = second(called_back).to_string();
    json!({"id": id, "account_id": 1, "organization_id": 7, "hostname": hostname,
        "last_callback_at": time, "last_survey_at": time, "updated_at": time})
}

async fn sent(store: &Store, sink: &SinkSettings) -> u64 {
    sound(run(store, sink, options()).await).sent
}

#[tokio::test]
async fn a_sink_begins_now_or_with_everything_or_at_a_date() {
    for place in Place::each().await {
        let store = place.store().await;
        let records: Vec<_> = (1..=9).map(|id| incident(id, id)).collect();
        put(&store, Kind::Incident, &records).await;
        for (name, start, expected) in [
            ("now", Start::Now, 0),
            ("all", Start::All, 9),
            ("since", Start::Since(second(4)), 6),
        ] {
            let lines = Lines::new();
            let mut sink = sink(name, lines.settings());
            sink.start = start;
            assert_eq!(sent(&store, &sink).await, expected, "{name}");
            assert_eq!(sent(&store, &sink).await, 0, "{name}");
        }
        // A sink that has begun is told every change, also one that happened before its date.
        put(&store, Kind::Incident, &[incident(1, 3), incident(20, 2)]).await;
        for (name, start) in [("now", Start::Now), ("since", Start::Since(second(4)))] {
            let lines = Lines::new();
            let mut sink = sink(name, lines.settings());
            sink.start = start;
            assert_eq!(sent(&store, &sink).await, 2, "{name}");
            // What it has seen before is an update, what it has not is new.
            let changes = lines.read();
            let change = |id: i64| {
                let line = changes.iter().find(|line| line["id"] == id).unwrap();
                line["huntctl"]["change"].clone()
            };
            assert_eq!((change(1), change(20)), (json!("updated"), json!("new")));
        }
        place.remove().await;
    }
}

#[tokio::test]
async fn a_call_of_an_agent_is_no_news_and_everything_else_is() {
    for place in Place::each().await {
        let store = place.store().await;
        let lines = Lines::new();
        let mut sink = sink("file", lines.settings());
        sink.kinds = vec![Kind::Agent];
        put(&store, Kind::Agent, &[agent(1, "a", 1)]).await;
        assert_eq!(sent(&store, &sink).await, 1);
        for minute in 2..5 {
            put(&store, Kind::Agent, &[agent(1, "a", minute)]).await;
            assert_eq!(sent(&store, &sink).await, 0);
        }
        put(&store, Kind::Agent, &[agent(1, "b", 5)]).await;
        assert_eq!(sent(&store, &sink).await, 1);
        // Back to what it was: news, and another event than the first.
        put(&store, Kind::Agent, &[agent(1, "a", 6)]).await;
        assert_eq!(sent(&store, &sink).await, 1);
        let ids: BTreeSet<_> = lines.ids().into_iter().collect();
        assert_eq!(ids.len(), 3);
        // A field that this release does not know counts.
        let mut odd = agent(1, "a", 7);
        odd["brand_new"] = json!(1);
        put(&store, Kind::Agent, &[odd]).await;
        assert_eq!(sent(&store, &sink).await, 1);
        place.remove().await;
    }
}

#[tokio::test]
async fn accounts_organizations_and_kinds_are_chosen() {
    let place = Place::sqlite();
    let store = place.store().await;
    put(&store, Kind::Agent, &[agent(1, "a", 1)]).await;
    put(&store, Kind::Incident, &[incident(1, 1)]).await;
    let escalation = json!({"id": 4, "subject": "s", "organizations": [{"id": 8}, {"id": 9}]});
    put(&store, Kind::Escalation, &[escalation]).await;
    put(
        &store,
        Kind::Signal,
        &[json!({"id": 5, "organization": {"id": 8}})],
    )
    .await;
    let name = json!({"id": 7, "name": "Acme", "account_id": 1});
    let organizations = store.table("organizations").unwrap();
    let mut tx = store.database().begin().await.unwrap();
    let record = serde_json::value::to_raw_value(&name).unwrap();
    store
        .write(&mut tx, organizations, 1, &[record], second(0))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    for (number, (accounts, organizations, expected)) in [
        (&[][..], &[][..], 4),
        (&[1][..], &[][..], 4),
        (&[2][..], &[][..], 0),
        (&[][..], &[7][..], 2),
        (&[][..], &[9][..], 1),
        (&[][..], &[7, 8][..], 4),
    ]
    .into_iter()
    .enumerate()
    {
        let lines = Lines::new();
        let mut sink = sink(&format!("sink{number}"), lines.settings());
        sink.kinds = Kind::ALL.to_vec();
        sink.accounts = accounts.iter().copied().collect();
        sink.organizations = organizations.iter().copied().collect();
        assert_eq!(
            sent(&store, &sink).await,
            expected,
            "{accounts:?} {organizations:?}"
        );
        // What is not wanted does not wait for ever.
        let status = forward::status(&store).await.unwrap();
        let of = status.iter().find(|it| it.name == sink.name).unwrap();
        assert!(of.kinds.iter().all(|kind| kind.waiting == 0), "{of:?}");
        if number == 0 {
            let named = |line: &&Value| line["huntctl"]["organization"]["name"] == "Acme";
            assert_eq!(lines.read().iter().filter(named).count(), 2);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_senders_of_a_sink_send_every_event_once() {
    let case = CASES.iter().find(|case| case.name == "GELF HTTP").unwrap();
    for place in Place::each().await {
        let store = place.store().await;
        let log = Log::new(None);
        let settings = case.start(&log, &Authority::new()).await;
        let sink = sink("siem", settings);
        let follow = || {
            let options = forward::Options {
                follow: Some(Duration::from_millis(5)),
                lease: Duration::from_secs(5),
                ..options()
            };
            Following::begin(&store, vec![sink.clone()], options)
        };
        let senders = [follow(), follow(), follow()];
        let mut written = Written::default();
        for round in 1..=20 {
            let ids = (0..10).filter(|id| (id + round) % 3 == 0);
            let records: Vec<_> = ids.map(|id| written.incident(id, round)).collect();
            put(&store, Kind::Incident, &records).await;
            for sender in &senders {
                sender.wake.send_modify(|written| *written += 1);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        until("everything arrives", async || {
            written.count(&log.taken()).lost == 0
        })
        .await;
        for sender in senders {
            sender.end().await;
        }
        assert_eq!(written.compare("two senders", &log.taken()), (0, 0));
        assert_eq!(log.complaints(), [""; 0]);
        place.remove().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sink_that_is_down_holds_up_no_other_and_one_of_a_dead_sender_is_taken_over() {
    for place in Place::each().await {
        let store = place.store().await;
        let lines = Lines::new();
        let down = toml::from_str("transport = 'gelf'\nurl = 'tcp://127.0.0.1:1'").unwrap();
        let sinks = vec![sink("down", down), sink("up", lines.settings())];
        put(&store, Kind::Incident, &[incident(1, 1)]).await;
        let told = super::support::Hearing::default();
        let reports = super::support::run_telling(&store, sinks.clone(), options(), &told).await;
        let [down, up] = &reports.unwrap()[..] else {
            panic!("two sinks");
        };
        assert_eq!((up.sent, up.failure.is_some()), (1, false));
        let failure = down.failure.as_ref().unwrap();
        assert_eq!(failure.exit(), huntctl::failure::Exit::Unavailable);
        assert!(failure.to_string().starts_with("sink down: "), "{failure}");
        let status = forward::status(&store).await.unwrap();
        assert_eq!(
            (status[0].failures, status[0].kinds[0].waiting),
            (4, 1),
            "{status:?}"
        );
        assert!(status[0].error.is_some() && status[0].kinds[0].oldest_seconds.is_some());
        assert_eq!((status[1].sent, status[1].kinds[0].waiting), (1, 0));

        // Somebody died with it.
        let sql = "UPDATE forward_sinks SET worker = 'dead', lease_until = ?1";
        let until = jiff::Timestamp::now() + jiff::SignedDuration::from_millis(500);
        store
            .database()
            .execute(sql, &[until.into()])
            .await
            .unwrap();
        put(&store, Kind::Incident, &[incident(2, 1)]).await;
        assert_eq!(sent(&store, &sinks[1]).await, 1);
        // Somebody lives with it.
        let until = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1);
        store
            .database()
            .execute(sql, &[until.into()])
            .await
            .unwrap();
        let busy = run(&store, &sinks[1], options()).await.failure.unwrap();
        assert_eq!(busy.exit(), huntctl::failure::Exit::Busy, "{busy}");
        place.remove().await;
    }
}

/// A sender that was stopped for long finds its sink in other hands, and writes nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sender_that_has_lost_its_sink_keeps_nothing_of_what_it_did() {
    let case = CASES.iter().find(|case| case.name == "GELF HTTP").unwrap();
    for place in Place::each().await {
        let store = place.store().await;
        let log = Log::new(Some(Fault::Slow));
        let sink = sink("siem", case.start(&log, &Authority::new()).await);
        put(&store, Kind::Incident, &[incident(1, 1)]).await;
        let sending = run(&store, &sink, options());
        let taking = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            let sql = "UPDATE forward_sinks SET run = run + 1, worker = 'other', lease_until = ?1";
            let until = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1);
            store
                .database()
                .execute(sql, &[until.into()])
                .await
                .unwrap();
            log.set_fault(None);
        };
        let (report, ()) = tokio::join!(sending, taking);
        assert_eq!(report.failure.unwrap().exit(), huntctl::failure::Exit::Busy);
        let status = forward::status(&store).await.unwrap();
        assert_eq!(
            (status[0].sent, status[0].failures, &status[0].error),
            (0, 0, &None)
        );
        assert_eq!(status[0].worker.as_deref(), Some("other"));
        assert_eq!(status[0].kinds[0].waiting, 1);
        place.remove().await;
    }
}

#[tokio::test]
async fn what_would_be_sent_is_shown_and_stays_to_be_sent() {
    let place = Place::sqlite();
    let store = place.store().await;
    let records: Vec<_> = (1..=9).map(|id| incident(id, id)).collect();
    put(&store, Kind::Incident, &records).await;
    let lines = Lines::new();
    let mut sink = sink("file", lines.settings());
    for mapping in Mapping::ALL {
        sink.mapping = mapping;
        let shown = forward::preview(&store, &sink, 4).await.unwrap();
        assert_eq!(shown.len(), 4);
        assert_eq!(forward::preview(&store, &sink, 100).await.unwrap().len(), 9);
    }
    assert_eq!(forward::status(&store).await.unwrap(), []);
    sink.mapping = Mapping::Raw;
    let shown = forward::preview(&store, &sink, 100).await.unwrap();
    assert_eq!(sent(&store, &sink).await, 9);
    let ids: Vec<_> = shown.into_iter().map(|event| event.id).collect();
    assert_eq!(lines.ids(), ids);
}

/// A batch is bounded in bytes, and a megabyte passes through every format.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn texts_of_attackers_stay_in_their_field_in_every_format_and_size() {
    let place = Place::sqlite();
    let store = place.store().await;
    let mut written = Written::default();
    let mut records: Vec<_> = (0..8).map(|id| written.incident(id, 1)).collect();
    let hostile = super::support::HOSTILE.concat();
    let large = hostile.repeat((1 << 20) / hostile.len());
    for record in &mut records[..3] {
        record["body"] = json!(large);
    }
    let ids: Vec<_> = records.iter().map(super::support::event_id).collect();
    put(&store, Kind::Incident, &records).await;
    let authority = Authority::new();
    for case in &CASES {
        for mapping in Mapping::ALL {
            let log = Log::new(None);
            let name = format!("{} {}", case.name, mapping.name()).replace([' ', ','], "-");
            let mut sink = sink(&name, case.start(&log, &authority).await);
            sink.mapping = mapping;
            let report = sound(run(&store, &sink, options()).await);
            assert_eq!((report.sent, report.refused), (8, 0), "{name}");
            log.wait(|taken| ids.iter().all(|id| taken.contains(id)))
                .await;
            let missing = ids.iter().filter(|id| !log.has(id)).count();
            // A datagram may be lost.
            let most = if name.contains("UDP") { 3 } else { 0 };
            assert!(missing <= most, "{name}: {missing} are missing");
            assert_eq!(log.complaints(), [""; 0], "{name}");
        }
    }
}
