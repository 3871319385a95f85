//! Several receivers on one database, and what they leave when they die.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use huntctl::http::Limits;
use huntctl::receive::{Options, Outcome};
use huntress_simulator::{EventType, Fault, FaultKind};

use super::fetches::{asked, until};
use crate::support::{
    Place, Running, client, count, deliver_by, incident, incidents, options, own, small,
};

#[tokio::test(flavor = "multi_thread")]
async fn several_do_each_thing_once() {
    for place in Place::each().await {
        let store = place.store().await;
        let simulator = small().start().await.unwrap();
        let mut running = Vec::new();
        for _ in 0..3 {
            // Each with a connection of its own, as processes have.
            let (store, sources) = (place.store().await, own(&simulator));
            // On a busy machine, none is taken for dead.
            let patient = Options {
                lease: Duration::from_secs(60),
                ..options()
            };
            running.push(Running::with(&store, sources, patient, Limits::default()).await);
        }
        let events: Vec<_> = (0..150)
            .map(|_| {
                simulator
                    .happen(EventType::IncidentReportCreated)
                    .to_string()
            })
            .collect();
        // Each delivery comes to two of them at once, as when a proxy tries the next one.
        let mut tasks = Vec::new();
        let client = client();
        for (number, event) in events.iter().enumerate() {
            for offset in 0..2 {
                let url = running[(number + offset) % 3].url.clone();
                let (client, event) = (client.clone(), event.clone());
                tasks.push(tokio::spawn(async move {
                    deliver_by(&client, &url, &format!("msg_{number}"), event.as_bytes()).await
                }));
            }
        }
        for task in tasks {
            assert_eq!(task.await.unwrap(), 200);
        }
        let patience = Instant::now() + Duration::from_secs(60);
        let told = loop {
            let told: Vec<_> = running
                .iter()
                .flat_map(|one| one.told.lock().unwrap().clone())
                .collect();
            if told.len() >= 150 {
                break told;
            }
            assert!(Instant::now() < patience, "{} of 150", told.len());
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        let ids: BTreeSet<_> = told.iter().map(|one| one.delivery_id.clone()).collect();
        assert_eq!((told.len(), ids.len()), (150, 150));
        assert!(told.iter().all(|one| one.outcome == Outcome::New));
        assert_eq!(asked(&simulator, 200), 150, "one request for each record");
        assert_eq!(
            count(&store, "SELECT count(*) FROM incident_reports").await,
            150
        );
        for one in running {
            one.stop().await;
        }
        place.remove().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dead_one_has_begun_is_taken_over_and_not_before() {
    for place in Place::each().await {
        let store = place.store().await;
        let simulator = small().start().await.unwrap();
        let id = incidents(&own(&simulator)[0]).await[0];
        let before = asked(&simulator, 200);
        let late = |by: Duration| {
            let milliseconds = u64::try_from(by.as_millis()).unwrap();
            let kind = FaultKind::Latency {
                least: milliseconds,
                most: milliseconds,
            };
            Fault::new(kind).times(1).on("get_incident_report")
        };
        // It takes longer than the lease, which is renewed meanwhile.
        let latency = Duration::from_millis(1_500);
        simulator.inject(late(latency));
        let [first, second] = [
            Running::start(&store, own(&simulator)).await,
            Running::start(&store, own(&simulator)).await,
        ];
        let asks = Instant::now();
        assert_eq!(first.deliver("msg_1", incident(id, "created")).await, 200);
        let held = "SELECT count(*) FROM delivery_fetches WHERE worker IS NOT NULL";
        until(&store, held).await;
        let done = "SELECT count(*) FROM deliveries WHERE done_at IS NOT NULL";
        until(&store, done).await;
        assert!(asks.elapsed() > latency, "somebody else has asked");
        assert_eq!(asked(&simulator, 200) - before, 1);
        // This time whoever has it dies.
        simulator.inject(late(Duration::from_secs(60)));
        second.stop().await;
        assert_eq!(first.deliver("msg_2", incident(id, "closed")).await, 200);
        until(&store, held).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        first.kill().await;
        let died = Instant::now();
        let third = Running::start(&store, own(&simulator)).await;
        third.done("msg_2").await;
        let waited = died.elapsed();
        assert!(waited > Duration::from_millis(200), "{waited:?}");
        third.stop().await;
        place.remove().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_stopped_gives_back_what_it_waits_for() {
    let place = Place::sqlite();
    let store = place.store().await;
    let simulator = small().start().await.unwrap();
    let id = incidents(&own(&simulator)[0]).await[0];
    let slow = FaultKind::Latency {
        least: 60_000,
        most: 60_000,
    };
    simulator.inject(Fault::new(slow).times(1).on("get_incident_report"));
    let patient = Options {
        lease: Duration::from_secs(3_600),
        ..options()
    };
    let sources = || own(&simulator);
    let first = Running::with(&store, sources(), patient.clone(), Limits::default()).await;
    assert_eq!(first.deliver("msg_1", incident(id, "created")).await, 200);
    until(
        &store,
        "SELECT count(*) FROM delivery_fetches WHERE worker IS NOT NULL",
    )
    .await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let began = Instant::now();
    first.stop().await;
    assert!(began.elapsed() < Duration::from_secs(10));
    let second = Running::with(&store, sources(), patient, Limits::default()).await;
    second.done("msg_1").await;
    second.stop().await;
}

/// One that was stopped for longer than its lease, as a machine that sleeps is, writes nothing
/// once it goes on.
#[tokio::test(flavor = "multi_thread")]
async fn one_that_comes_late_writes_nothing() {
    let place = Place::sqlite();
    let store = place.store().await;
    let simulator = small().start().await.unwrap();
    let id = incidents(&own(&simulator)[0]).await[0];
    let slow = FaultKind::Latency {
        least: 1_000,
        most: 1_000,
    };
    simulator.inject(Fault::new(slow).times(1).on("get_incident_report"));
    let patient = Options {
        lease: Duration::from_secs(3_600),
        ..options()
    };
    let running = Running::with(&store, own(&simulator), patient, Limits::default()).await;
    assert_eq!(running.deliver("msg_1", incident(id, "created")).await, 200);
    let held = "SELECT count(*) FROM delivery_fetches WHERE worker IS NOT NULL";
    until(&store, held).await;
    // As another worker takes it.
    let sql = "UPDATE delivery_fetches SET run = run + 1, worker = 'another',
        lease_until = '2099-01-01T00:00:00.000Z'";
    store.database().execute(sql, &[]).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(running.told.lock().unwrap().len(), 0);
    assert_eq!(
        count(&store, "SELECT count(*) FROM incident_reports").await,
        0
    );
    assert_eq!(count(&store, held).await, 1);
    running.stop().await;
}
