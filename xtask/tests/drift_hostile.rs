//! Documents that nobody would write on purpose: the comparison ends, whatever they are,
//! and says where it did not look.

mod support;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use serde_json::{Map, Value, json};
use support::Workspace;
use xtask::drift::judge::{self, Verdict};

/// Only the comparison, without the pipeline: the rules are the same for both documents.
fn compare(base: &Value, new: &Value) -> Verdict {
    judge::on_the_wire(base, new)
}

const NAMES: [&str; 6] = ["A", "B", "C", "D", "E", "F"];

/// A schema that names definitions in every way there is, at any depth.
fn schema() -> impl Strategy<Value = Value> {
    let named = (0..NAMES.len(), 0..3).prop_map(|(index, way)| {
        let name = NAMES[index];
        let reference = json!({"$ref": format!("#/definitions/{name}")});
        match way {
            0 => reference,
            1 => json!({"type": name}),
            _ => json!({"allOf": [reference]}),
        }
    });
    let leaf = prop_oneof![3 => named, 1 => Just(json!({"type": "string"}))];
    leaf.prop_recursive(4, 12, 3, |inner| {
        let properties = prop::collection::btree_map("[xyz]", inner.clone(), 1..3);
        prop_oneof![
            2 => properties.prop_map(|all| json!({"type": "object", "properties": all})),
            1 => inner.clone().prop_map(|item| json!({"type": "array", "items": item})),
            1 => prop::collection::vec(inner, 1..3).prop_map(|all| json!({"allOf": all})),
        ]
    })
}

/// A document of such definitions; those from `kept` on are called otherwise.
fn document(prefix: &'static str) -> impl Strategy<Value = Value> {
    let definitions = prop::collection::vec(schema(), NAMES.len());
    (definitions, 0..=NAMES.len()).prop_map(move |(definitions, kept)| {
        let mut text = json!({
            "swagger": "2.0",
            "paths": {"/v1/a": {"post": {
                "parameters": [{"in": "body", "name": "a", "schema": &definitions[0]}],
                "responses": {"200": {"schema": &definitions[1]}},
            }}},
            "definitions": std::iter::zip(NAMES.map(str::to_owned), definitions.clone()).collect::<Map<_, _>>(),
        });
        for name in &NAMES[kept..] {
            text = renamed(text, name, &format!("{prefix}{name}"));
        }
        text
    })
}

fn renamed(document: Value, name: &str, other: &str) -> Value {
    let text = document.to_string();
    let text = text.replace(
        &format!("/definitions/{name}\""),
        &format!("/definitions/{other}\""),
    );
    let text = text.replace(
        &format!("\"type\":\"{name}\""),
        &format!("\"type\":\"{other}\""),
    );
    let mut document: Value = serde_json::from_str(&text).unwrap();
    let definitions = document["definitions"].as_object_mut().unwrap();
    let definition = definitions.remove(name).unwrap();
    definitions.insert(other.to_owned(), definition);
    document
}

#[test]
fn definitions_that_lead_anywhere_are_compared_to_the_end() {
    let config = Config {
        cases: 2_000,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(2026),
        ..Config::default()
    };
    let documents = (document("Old"), document("New"));
    let outcome = TestRunner::new(config).run(&documents, |(base, new)| {
        prop_assert!(compare(&base, &base).changes.is_empty());
        prop_assert_eq!(compare(&base, &new).changes.is_empty(), base == new);
        Ok(())
    });
    if let Err(problem) = outcome {
        panic!("{problem}");
    }
}

/// Lists in lists, by names at every other level of the one document and at the levels
/// between them of the other: there is no place at which both have a name.
#[test]
fn names_that_never_meet_come_to_an_end() {
    let step = |inner: Value| json!({"type": "object", "properties": {"x": inner}});
    let to = |name: &str| json!({"$ref": format!("#/definitions/{name}")});
    let document = |of_a: Value, removed: &str| {
        json!({"swagger": "2.0", "paths": {}, "definitions": {
            "Even": step(step(to("Even"))),
            "Odd": step(step(to("Odd"))),
            "A": {"type": "object", "properties": {"x": of_a, removed: step(to("Even"))}}
        }})
    };
    let base = document(step(to("Even")), "old");
    let new = document(to("Odd"), "new");
    let rules: Vec<_> = compare(&base, &new)
        .changes
        .iter()
        .map(|change| change.rule.id)
        .collect();
    assert_eq!(rules, ["unused-schema-changed", "schema-moved"]);
}

/// What is within itself is the same as what is within itself.
#[test]
fn a_definition_of_itself_can_have_another_name() {
    let document = |name: &str| {
        let itself = json!({"type": "array", "items": {"$ref": format!("#/definitions/{name}")}});
        let tree = json!({"type": "object", "properties": {"inner": itself}});
        json!({"swagger": "2.0", "paths": {}, "definitions": {name: tree}})
    };
    let changes = compare(&document("Tree"), &document("Forest")).changes;
    let rules: Vec<_> = changes.iter().map(|change| change.rule.id).collect();
    assert_eq!(rules, ["schema-renamed"]);
}

/// A chain of definitions, each of which has the next one twice, in two documents that have
/// no name in common.
#[test]
fn what_takes_too_long_to_compare_is_reported() {
    let document = |prefix: &str| {
        let to = |n: usize| json!({"$ref": format!("#/definitions/{prefix}{n}")});
        let mut definitions: Map<String, Value> = (0..30)
            .map(|n| {
                let both =
                    json!({"type": "object", "properties": {"x": to(n + 1), "y": to(n + 1)}});
                (format!("{prefix}{n}"), both)
            })
            .collect();
        definitions.insert(format!("{prefix}30"), json!({"type": "string"}));
        json!({"swagger": "2.0", "paths": {}, "definitions": definitions})
    };
    let verdict = compare(&document("A"), &document("B"));
    assert_eq!(verdict.notes.len(), 1, "{:?}", verdict.notes);
    assert!(verdict.notes[0].starts_with("too much was removed and added"));
    assert_eq!(verdict.changes.len(), 62);
}

/// A definition with so many properties, in two documents.
fn properties(count: usize, name: &str) -> Value {
    let all = (0..count).map(|n| (format!("{name}_{n}"), json!({"type": "string"})));
    let all: Map<String, Value> = all.collect();
    json!({"swagger": "2.0", "paths": {}, "definitions": {
        "A": {"type": "object", "properties": all}}})
}

#[test]
fn a_hundred_renamed_properties_are_found_and_a_thousand_are_reported() {
    let verdict = compare(&properties(100, "host_name"), &properties(100, "hostname"));
    assert_eq!((verdict.changes.len(), verdict.notes.len()), (100, 0));
    let verdict = compare(
        &properties(1_000, "host_name"),
        &properties(1_000, "hostname"),
    );
    assert_eq!((verdict.changes.len(), verdict.notes.len()), (2_000, 1));
}

#[test]
fn what_drift_refuses_is_status_2_with_the_place() {
    let workspace = Workspace::new();
    let values: Vec<String> = (0..1_001).map(|n| n.to_string()).collect();
    let cases = [
        (
            "/definitions/Agent/properties/os/enum",
            json!(values),
            "/definitions/Agent/properties/os/enum has 1001 entries; drift compares no more than 1000",
        ),
        (
            "/definitions/Agent",
            json!({"$ref": "#/definitions/Agent"}),
            "/definitions/Agent leads back to itself",
        ),
    ];
    for (at, value, why) in cases {
        let mut contract = workspace.contract();
        let (parent, key) = at.rsplit_once('/').unwrap();
        contract.pointer_mut(parent).unwrap()[key] = value;
        let from = workspace.write("vendor.json", &contract.to_string());
        let output = workspace.run(&["drift", "--from", &from]);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert_eq!(error, format!("error: {from}: {why}\n"));
    }
}
