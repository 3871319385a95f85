//! Each value of each enum of the API's document is told in each mapping, and so is one that
//! the document does not have.

use std::collections::BTreeSet;

use huntctl::forward::{Kind, Mapping};
use serde_json::{Value, json};

use crate::{document, samples};

fn event(mapping: Mapping, kind: Kind, path: &str, value: Value) -> String {
    let mut record = samples::full(kind);
    document::put(&mut record, path, value);
    let mut event = mapping.map(&samples::told(kind, &record));
    // These say all that the record says.
    match mapping {
        Mapping::Ecs => {
            let event = event["event"].as_object_mut().unwrap();
            event.remove("original");
            event.remove("id");
        }
        Mapping::Ocsf => event["metadata"]["uid"] = json!(""),
        Mapping::Raw => event["huntctl"]["event_id"] = json!(""),
        Mapping::Socfortress => event["event_id"] = json!(""),
    }
    event.to_string()
}

#[test]
fn each_value_has_a_target() {
    for mapping in Mapping::ALL {
        let tables = mapping.tables();
        for (kind, path, name) in places() {
            let mut told = BTreeSet::new();
            for value in document::values(name) {
                let event = event(mapping, kind, &path, json!(value));
                let has_table = tables.iter().any(|table| table.schema == name);
                let verbatim = event.contains(&json!(value).to_string())
                    || (mapping == Mapping::Socfortress && event.contains(value));
                assert!(
                    has_table || verbatim,
                    "{mapping:?} {kind:?} {path}: {value}"
                );
                told.insert(event);
            }
            // Some values are said alike, such as the states of a closed incident, but the
            // value of the API stands beside.
            assert_eq!(
                told.len(),
                document::values(name).len(),
                "{mapping:?} {kind:?} {path}"
            );
        }
    }
}

#[test]
fn other_values_keep_their_text() {
    for mapping in Mapping::ALL {
        for (kind, path, _) in places() {
            let event = event(mapping, kind, &path, json!("brand_new"));
            assert!(event.contains("brand_new"), "{mapping:?} {kind:?} {path}");
        }
    }
}

#[test]
fn tables_have_the_values_of_the_document() {
    let tables = Mapping::ALL.into_iter().flat_map(Mapping::tables);
    let mut seen = 0;
    for table in tables {
        seen += 1;
        let rows: Vec<_> = table.rows.iter().map(|(value, _)| *value).collect();
        let mut values = document::values(table.schema);
        values.sort_unstable();
        assert_eq!(rows, values, "{}", table.title);
    }
    assert_eq!(seen, 13);
}

#[test]
fn severities() {
    let cases = [
        (json!("low"), json!(21), 2, "Low"),
        (json!("high"), json!(73), 4, "High"),
        (json!("critical"), json!(99), 5, "Critical"),
        (json!("Critical"), json!(99), 5, "Critical"),
        (json!("medium"), Value::Null, 99, "medium"),
        (json!(" "), Value::Null, 0, "Unknown"),
        (json!({"level": 5}), Value::Null, 0, "Unknown"),
        (Value::Null, Value::Null, 0, "Unknown"),
    ];
    for (severity, number, id, caption) in cases {
        for kind in [Kind::Incident, Kind::Escalation] {
            let mut record = samples::full(kind);
            record["severity"] = severity.clone();
            let told = samples::told(kind, &record);
            assert_eq!(Mapping::Ecs.map(&told)["event"]["severity"], number);
            let event = Mapping::Ocsf.map(&told);
            assert_eq!(event["severity_id"], id, "{severity}");
            assert_eq!(event["severity"], caption);
        }
    }
}

fn places() -> Vec<(Kind, String, &'static str)> {
    let kinds = Kind::ALL.into_iter();
    let places = kinds.flat_map(|kind| {
        let enums = document::enums(kind).into_iter();
        enums.map(move |(path, name)| (kind, path, name))
    });
    // Accounts are known by their number; whether they are enabled is no part of the record.
    places
        .filter(|(_, path, _)| path != "account.status")
        .collect()
}
