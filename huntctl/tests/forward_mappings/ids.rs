//! A state has one id, and another state another one.

use std::collections::BTreeSet;

use huntctl::forward::{Change, Kind, Mapping};
use serde_json::{Value, json};

use crate::samples;

#[test]
fn the_same_state_has_the_same_id() {
    for kind in Kind::ALL {
        let record = samples::full(kind);
        let id = samples::told(kind, &record).stable_id();
        assert!(id.starts_with(&format!("{}:{}:", kind.name(), record["id"])));
        assert!(id.len() < 64 && id.is_ascii());

        // Neither when and how often it was told nor what others call its owners is its state.
        let mut again = samples::told(kind, &record);
        again.change = Change::Updated;
        again.seen_at = samples::time("2026-07-01T00:00:00Z");
        again.account.name = None;
        again.organization = None;
        again.agent_hostname = None;
        assert_eq!(again.stable_id(), id);

        // Nor the order of its keys, at any depth.
        let reversed = reversed(&record);
        assert_ne!(reversed.to_string(), record.to_string());
        assert_eq!(samples::told(kind, &reversed).stable_id(), id);
    }
}

fn reversed(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let entries = map.iter().rev();
            let entries = entries.map(|(key, value)| (key.clone(), reversed(value)));
            Value::Object(entries.collect())
        }
        Value::Array(list) => list.iter().map(reversed).collect(),
        other => other.clone(),
    }
}

#[test]
fn another_state_has_another_id() {
    let mut ids = BTreeSet::new();
    let mut states = 0;
    for kind in Kind::ALL {
        let full = samples::full(kind);
        let keys: Vec<_> = full.as_object().unwrap().keys().cloned().collect();
        let mut records = vec![full.clone()];
        for key in keys.iter().filter(|key| *key != "id") {
            for value in [json!("other"), json!(null), json!(5), json!("5")] {
                let mut record = full.clone();
                record[key] = value;
                records.push(record);
            }
        }
        for record in records {
            ids.insert(samples::told(kind, &record).stable_id());
            states += 1;
        }
        let mut told = samples::told(kind, &full);
        told.account.id = 4;
        ids.insert(told.stable_id());
        told.id += 1;
        ids.insert(told.stable_id());
        states += 2;
    }
    assert_eq!(ids.len(), states);
    // Those of different kinds differ, though they say the same.
    let record = json!({"id": 1});
    let kinds = Kind::ALL.map(|kind| samples::told(kind, &record).stable_id());
    assert_eq!(BTreeSet::from(kinds).len(), 5);
}

/// Receivers keep what they have by these ids, also over a new version of this program.
#[test]
fn ids_stay_as_they_are() {
    let record = json!({"id": 12, "status": "sent", "body": "\u{202e}é\0"});
    let told = samples::told(Kind::Incident, &record);
    assert_eq!(
        told.stable_id(),
        "incident:12:f643e5971c4bd232da7986588fbb9d09"
    );
}

#[test]
fn events_have_the_id() {
    for kind in Kind::ALL {
        let record = samples::full(kind);
        let told = samples::told(kind, &record);
        let id = json!(told.stable_id());
        assert_eq!(Mapping::Raw.map(&told)["huntctl"]["event_id"], id);
        assert_eq!(Mapping::Socfortress.map(&told)["event_id"], id);
        assert_eq!(Mapping::Ecs.map(&told)["event"]["id"], id);
        assert_eq!(Mapping::Ocsf.map(&told)["metadata"]["uid"], id);
    }
}

/// The same record gives the same bytes, whatever the order of its keys.
#[test]
fn events_are_the_same_to_the_byte() {
    for kind in Kind::ALL {
        let record = samples::full(kind);
        let reversed = reversed(&record);
        for mapping in Mapping::ALL {
            let event = mapping.map(&samples::told(kind, &record));
            let other = mapping.map(&samples::told(kind, &reversed));
            assert_eq!(event.to_string(), other.to_string(), "{mapping:?}");
            in_order(&event);
        }
    }
}

fn in_order(value: &Value) {
    match value {
        Value::Object(map) => {
            assert!(map.keys().is_sorted(), "{:?}", map.keys());
            map.values().for_each(in_order);
        }
        Value::Array(list) => list.iter().for_each(in_order),
        _ => {}
    }
}
