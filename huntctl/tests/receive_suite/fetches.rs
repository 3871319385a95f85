//! What an event does to the store: its record is what the API says, whatever the event says.

use std::time::Duration;

use huntctl::receive::Outcome;
use huntress_simulator::{DeliveryFault, EventType, Fault, FaultKind, Simulator, Webhook};
use serde_json::Value;

use crate::support::{
    Place, Running, SECRET, at_the_api, count, incident, incidents, own, row, small, source,
};

/// How often the API was asked for one record, with which answer.
pub fn asked(simulator: &Simulator, status: u16) -> usize {
    let answered = simulator.answered();
    let single = answered.iter().filter(|(place, _)| place.ends_with("{id}"));
    single
        .filter_map(|(_, statuses)| statuses.get(&status))
        .sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_event_brings_its_record_or_is_kept_as_it_came() {
    for place in Place::each().await {
        let store = place.store().await;
        let simulator = small().start().await.unwrap();
        let running = Running::start(&store, own(&simulator)).await;
        let mut committed = running.receiver.committed.clone();
        for (number, event) in EventType::ALL.into_iter().enumerate() {
            let told = simulator.happen(event);
            let id = format!("msg_{number}");
            assert_eq!(running.deliver(&id, told.to_string()).await, 200);
            let done = running.done(&id).await;
            assert_eq!(done.event_type, event.as_str());
            assert_eq!(done.account_id, Some(1), "{done:?}");
            let Some(table) = done.table else {
                assert!(event.as_str().ends_with(".notification"));
                assert_eq!(done.outcome, Outcome::Event);
                continue;
            };
            let record_id = told["id"].as_i64().unwrap();
            assert_eq!(done.record_id, Some(record_id));
            assert!(
                matches!(done.outcome, Outcome::New | Outcome::Changed),
                "{done:?}"
            );
            let expected = at_the_api(&own(&simulator)[0], table, record_id).await;
            assert_eq!(
                row(&store, table, 1, record_id).await,
                Some(expected),
                "{event}"
            );
            assert!(committed.has_changed().unwrap());
            committed.mark_unchanged();
        }
        assert_eq!(*committed.borrow(), 9);
        // An event is there as it came, and nothing waits.
        assert_eq!(
            count(&store, "SELECT count(*) FROM delivered_events").await,
            11
        );
        assert_eq!(
            count(&store, "SELECT count(*) FROM delivery_fetches").await,
            0
        );
        let sql = "SELECT count(*) FROM deliveries WHERE done_at IS NULL";
        assert_eq!(count(&store, sql).await, 0);
        running.stop().await;
        place.remove().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_never_becomes_a_row() {
    let place = Place::sqlite();
    let store = place.store().await;
    let simulator = small().start().await.unwrap();
    let running = Running::start(&store, own(&simulator)).await;
    let id = incidents(&own(&simulator)[0]).await[0];
    for (number, event) in ["closed", "created", "comment_added"].iter().enumerate() {
        let delivery = format!("msg_{number}");
        assert_eq!(running.deliver(&delivery, incident(id, event)).await, 200);
        running.done(&delivery).await;
        let expected = at_the_api(&own(&simulator)[0], "incident_reports", id).await;
        let stored = row(&store, "incident_reports", 1, id).await;
        assert_eq!(stored, Some(expected));
        let sql = "SELECT count(*) FROM incident_reports WHERE subject LIKE '%payload%'";
        assert_eq!(count(&store, sql).await, 0);
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_closed_before_it_was_created_stays_closed() {
    let place = Place::sqlite();
    let store = place.store().await;
    let simulator = small().start().await.unwrap();
    let created = simulator.happen(EventType::IncidentReportCreated);
    let id = created["id"].as_i64().unwrap();
    let status = serde_json::json!({"status": "closed"});
    simulator.change("incident_reports", id, status).unwrap();
    let running = Running::start(&store, own(&simulator)).await;
    assert_eq!(
        running.deliver("msg_closed", incident(id, "closed")).await,
        200
    );
    running.done("msg_closed").await;
    assert_eq!(
        running.deliver("msg_created", created.to_string()).await,
        200
    );
    let done = running.done("msg_created").await;
    assert_eq!(done.outcome, Outcome::Unchanged);
    let sql = "SELECT count(*) FROM incident_reports WHERE status = 'closed'";
    assert_eq!(count(&store, sql).await, 1);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_cannot_be_fetched_waits_and_is_fetched_once_it_can() {
    for place in Place::each().await {
        let store = place.store().await;
        let simulator = small().start().await.unwrap();
        let running = Running::start(&store, own(&simulator)).await;
        for (number, kind) in [
            FaultKind::Status(500),
            FaultKind::CloseBefore,
            FaultKind::InvalidJson,
            FaultKind::Status(403),
            FaultKind::Status(429),
        ]
        .into_iter()
        .enumerate()
        {
            let told = simulator.happen(EventType::EscalationCreated);
            let shown = format!("{kind:?}");
            simulator.inject(Fault::new(kind).rate(1.0).on("get_escalation"));
            let id = format!("msg_{number}");
            assert_eq!(running.deliver(&id, told.to_string()).await, 200, "{shown}");
            until(
                &store,
                "SELECT count(*) FROM delivery_fetches WHERE attempts > 1 AND error <> ''",
            )
            .await;
            let sql = "SELECT count(*) FROM deliveries WHERE done_at IS NULL";
            assert_eq!(count(&store, sql).await, 1, "{shown}");
            simulator.clear_faults();
            let done = running.done(&id).await;
            assert_eq!(done.outcome, Outcome::New, "{shown}");
        }
        assert!(running.measured("huntctl_receive_retries_total").await > 9.0);
        running.stop().await;
        place.remove().await;
    }
}

pub async fn until(store: &huntctl::store::Store, sql: &str) {
    for _ in 0..3_000 {
        if count(store, sql).await > 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it stays 0: {sql}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_the_api_does_not_have_is_asked_for_once() {
    let place = Place::sqlite();
    let store = place.store().await;
    let simulator = small().start().await.unwrap();
    let running = Running::start(&store, own(&simulator)).await;
    assert_eq!(running.deliver("msg_1", incident(77, "created")).await, 200);
    assert_eq!(running.done("msg_1").await.outcome, Outcome::NotFound);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(asked(&simulator, 404), 1);
    assert_eq!(
        count(&store, "SELECT count(*) FROM delivery_fetches").await,
        0
    );
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_events_of_one_record_are_one_request() {
    for place in Place::each().await {
        let store = place.store().await;
        let simulator = small().start().await.unwrap();
        let id = incidents(&own(&simulator)[0]).await[0];
        let before = asked(&simulator, 200);
        // Received by a process that is killed before it fetches anything.
        let fault = Fault::new(FaultKind::Status(503)).rate(1.0);
        simulator.inject(fault.on("get_incident_report"));
        let first = Running::start(&store, own(&simulator)).await;
        let ids: Vec<_> = (0..20).map(|number| format!("msg_{number}")).collect();
        for delivery in &ids {
            assert_eq!(
                first.deliver(delivery, incident(id, "comment_added")).await,
                200
            );
        }
        first.kill().await;
        simulator.clear_faults();
        let second = Running::start(&store, own(&simulator)).await;
        let ids: Vec<_> = ids.iter().map(String::as_str).collect();
        second.done_of(&ids).await;
        assert_eq!(asked(&simulator, 200) - before, 1);
        assert_eq!(second.told.lock().unwrap().len(), 20);
        second.stop().await;
        place.remove().await;
    }
}

/// What the API says while an event comes may be older than that event.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_comes_while_its_record_is_fetched_has_it_fetched_again() {
    for place in Place::each().await {
        let store = place.store().await;
        let simulator = small().start().await.unwrap();
        let id = incidents(&own(&simulator)[0]).await[0];
        let before = asked(&simulator, 200);
        let slow = FaultKind::Latency {
            least: 400,
            most: 400,
        };
        simulator.inject(Fault::new(slow).times(1).on("get_incident_report"));
        let running = Running::start(&store, own(&simulator)).await;
        assert_eq!(running.deliver("msg_1", incident(id, "created")).await, 200);
        until(
            &store,
            "SELECT count(*) FROM delivery_fetches WHERE worker IS NOT NULL",
        )
        .await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(running.deliver("msg_2", incident(id, "closed")).await, 200);
        running.done_of(&["msg_1", "msg_2"]).await;
        assert_eq!(asked(&simulator, 200) - before, 2);
        let told = running.told.lock().unwrap().clone();
        let order: Vec<_> = told.iter().map(|one| one.delivery_id.as_str()).collect();
        assert_eq!(order, ["msg_1", "msg_2"]);
        running.stop().await;
        place.remove().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_of_the_account_is_taken_or_that_of_its_reseller() {
    for place in Place::each().await {
        let store = place.store().await;
        let simulator = small().start().await.unwrap();
        let reseller = source(&simulator, "reseller", simulator.credentials().pair(), true);
        let other = source(
            &simulator,
            "other",
            simulator.other_credentials().pair(),
            false,
        );
        let of_other = incidents(&other).await[0];
        let event = |id: i64, account: Value| {
            let mut body: Value = serde_json::from_str(&incident(id, "created")).unwrap();
            body["account"] = account;
            body
        };
        let account = serde_json::json!({"id": 2});
        let told = event(of_other, account);
        let escalation = |mut told: Value| {
            told["event_type"] = "escalation.created".into();
            told.to_string()
        };
        for (number, (keys, body, expected, stored_for)) in [
            // The other account's own key, beside that of the first account.
            (
                vec![own(&simulator).remove(0), other.clone()],
                told.to_string(),
                Outcome::New,
                Some(2),
            ),
            (
                vec![reseller.clone()],
                told.to_string(),
                Outcome::Unchanged,
                Some(2),
            ),
            (own(&simulator), told.to_string(), Outcome::NoKey, None),
            // The API shows these to the account's own key alone.
            (
                vec![reseller.clone()],
                escalation(told.clone()),
                Outcome::NoKey,
                None,
            ),
            // The event does not say whose it is.
            (
                vec![other.clone()],
                event(of_other, Value::Null).to_string(),
                Outcome::Unchanged,
                Some(2),
            ),
            (
                vec![reseller.clone(), other.clone()],
                event(of_other, Value::Null).to_string(),
                Outcome::NoKey,
                None,
            ),
        ]
        .into_iter()
        .enumerate()
        {
            let running = Running::start(&store, keys).await;
            let id = format!("msg_{number}");
            assert_eq!(running.deliver(&id, body).await, 200);
            let done = running.done(&id).await;
            assert_eq!(done.outcome, expected, "{number}");
            if stored_for.is_some() {
                assert_eq!(done.account_id, stored_for, "{number}");
            }
            running.stop().await;
        }
        assert_eq!(
            count(&store, "SELECT count(*) FROM incident_reports").await,
            1
        );
        assert!(row(&store, "incident_reports", 2, of_other).await.is_some());
        place.remove().await;
    }
}

/// A key that the API does not take any more keeps no other account from being fetched.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_gone_is_no_trouble_for_others() {
    let place = Place::sqlite();
    let store = place.store().await;
    let simulator = small().start().await.unwrap();
    let gone = source(&simulator, "gone", ("hk_gone", "hs_gone"), false);
    let reseller = source(&simulator, "reseller", simulator.credentials().pair(), true);
    let other = source(
        &simulator,
        "other",
        simulator.other_credentials().pair(),
        false,
    );
    let id = incidents(&other).await[0];
    let running = Running::start(&store, vec![gone, reseller]).await;
    let mut told: Value = serde_json::from_str(&incident(id, "created")).unwrap();
    told["account"]["id"] = 2.into();
    assert_eq!(running.deliver("msg_1", told.to_string()).await, 200);
    assert_eq!(running.done("msg_1").await.outcome, Outcome::New);
    running.stop().await;
}

/// As they really come: signed by a secret that changes, twice, late, in any order, and odd.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_sender_does_wrong_is_made_good() {
    let place = Place::sqlite();
    let store = place.store().await;
    let simulator = small().webhook_time_scale(0.000_1).start().await.unwrap();
    let running = Running::start(&store, own(&simulator)).await;
    let endpoint = simulator.add_webhook(Webhook::new(&running.url).secret(SECRET));
    for fault in [
        DeliveryFault::Twice,
        DeliveryFault::OutOfOrder,
        DeliveryFault::Late(400),
        DeliveryFault::WrongSignature,
        DeliveryFault::UnknownEvent,
        DeliveryFault::OddFields,
        DeliveryFault::WhiteLabelled,
        DeliveryFault::NotJson,
    ] {
        simulator.inject(Fault::new(FaultKind::Delivery(fault)).times(3));
    }
    // The old secret goes on signing beside the new one, which nobody has told the receiver.
    simulator.rotate_secret(endpoint.id, Duration::from_secs(864_000));
    for round in 0..6 {
        for event in EventType::ALL {
            simulator.happen(event);
        }
        if round == 2 {
            assert!(simulator.send_test(endpoint.id));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    simulator.deliveries_settled().await;
    let sent = simulator.deliveries().len();
    assert_eq!(sent, 67);
    let stored = count(&store, "SELECT count(*) FROM deliveries").await;
    assert_eq!(
        usize::try_from(stored).unwrap(),
        sent,
        "each is stored once"
    );
    until(
        &store,
        "SELECT 1 - min(1, (SELECT count(*) FROM deliveries WHERE done_at IS NULL))",
    )
    .await;
    let told = running.told.lock().unwrap().clone();
    assert_eq!(told.len(), sent, "each is done once");
    for one in told.iter().filter(|one| one.table.is_some()) {
        let (table, id) = (one.table.unwrap(), one.record_id.unwrap());
        let expected = at_the_api(&own(&simulator)[0], table, id).await;
        assert_eq!(row(&store, table, 1, id).await, Some(expected));
    }
    running.stop().await;
}

/// Ids and events are removed when they are old, and what waits never is.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_old_is_removed_and_what_waits_is_not() {
    for place in Place::each().await {
        let store = place.store().await;
        let simulator = small().start().await.unwrap();
        let fault = Fault::new(FaultKind::Status(503)).rate(1.0);
        simulator.inject(fault.on("get_incident_report"));
        let running = Running::start(&store, own(&simulator)).await;
        let notice = r#"{"event_type": "account_notice.notification", "id": 1}"#;
        for number in 0..1_201 {
            assert_eq!(running.deliver(&format!("msg_{number}"), notice).await, 200);
        }
        assert_eq!(
            running.deliver("msg_waits", incident(7, "created")).await,
            200
        );
        running.stop().await;
        let day = Duration::from_secs(24 * 60 * 60);
        let days = |days: u32| jiff::Timestamp::now() - day * days;
        let age = async |sql: &str, age: u32| {
            store
                .database()
                .execute(sql, &[days(age).into()])
                .await
                .unwrap();
        };
        age(
            "UPDATE deliveries SET received_at = ?1 WHERE id <> 'msg_7'",
            4,
        )
        .await;
        age(
            "UPDATE delivered_events SET received_at = ?1 WHERE delivery_id <> 'msg_8'",
            4,
        )
        .await;
        age(
            "UPDATE delivered_events SET received_at = ?1 WHERE delivery_id LIKE 'msg_9%'",
            91,
        )
        .await;
        // The next one begins by removing, and fetches nothing.
        let idle = huntctl::receive::Options {
            at_once: 0,
            ..crate::support::options()
        };
        let limits = huntctl::http::Limits::default();
        let running = Running::with(&store, Vec::new(), idle, limits).await;
        until(
            &store,
            "SELECT CASE WHEN count(*) <= 2 THEN 1 ELSE 0 END FROM deliveries",
        )
        .await;
        let sql = "SELECT count(*) FROM deliveries WHERE id IN ('msg_7', 'msg_waits')";
        assert_eq!(count(&store, sql).await, 2);
        let events = "SELECT CASE WHEN count(*) = 1091 THEN 1 ELSE 0 END FROM delivered_events";
        until(&store, events).await;
        // It may come again long afterwards, by hand, and is then as new.
        assert_eq!(running.deliver("msg_3", notice).await, 200);
        assert_eq!(
            count(&store, "SELECT count(*) FROM deliveries WHERE id = 'msg_3'").await,
            1
        );
        assert_eq!(
            count(
                &store,
                "SELECT count(*) FROM delivered_events WHERE delivery_id = 'msg_3'"
            )
            .await,
            1
        );
        running.stop().await;
        place.remove().await;
    }
}

/// A record that cannot be had for days is left to the next pull.
#[tokio::test(flavor = "multi_thread")]
async fn one_that_cannot_be_had_for_days_is_given_up() {
    let place = Place::sqlite();
    let store = place.store().await;
    let simulator = small().start().await.unwrap();
    let fault = Fault::new(FaultKind::Status(503)).rate(1.0);
    simulator.inject(fault.on("get_incident_report"));
    let options = huntctl::receive::Options {
        keep_ids: Duration::from_millis(300),
        ..crate::support::options()
    };
    let limits = huntctl::http::Limits::default();
    let running = Running::with(&store, own(&simulator), options, limits).await;
    assert_eq!(running.deliver("msg_1", incident(7, "created")).await, 200);
    assert_eq!(running.done("msg_1").await.outcome, Outcome::GivenUp);
    assert!(asked(&simulator, 503) > 2);
    assert_eq!(
        count(&store, "SELECT count(*) FROM delivery_fetches").await,
        0
    );
    running.stop().await;
}
