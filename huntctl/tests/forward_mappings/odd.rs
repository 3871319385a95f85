//! Records that are odd in every way make good events all the same, and many of them are
//! written to `target/tmp/forward` for the validators of `.ci/forward`.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use huntctl::forward::{Change, Kind, Mapping, Told};
use proptest::prelude::*;
use proptest::strategy::{BoxedStrategy, ValueTree as _};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

use crate::{document, samples, validity};

/// Texts that a field may have and should not.
fn odd_texts() -> Vec<String> {
    let mut texts: Vec<String> = [
        "",
        " ",
        "\t\r\n",
        "\0",
        "\u{1b}[31m",
        "a\u{202e}b\u{2066}c",
        "\u{feff}",
        "\u{fffd}",
        "é\u{301}🦀",
        "null",
        "true",
        "-1",
        "1e400",
        "9223372036854775808",
        "[]",
        "{}",
        "\\",
        "/",
        "C:\\",
        "a|b,c=d\"]",
        "<script>",
        "'; DROP TABLE t; --",
        "2026-02-30T00:00:00Z",
        "2026-06-01",
        "0000-00-00T00:00:00Z",
        "9999-12-31T23:59:59-23:59",
        "-009999-01-02T01:59:59Z",
        "2026-06-01T25:00:00Z",
        "1969-12-31T23:59:59Z",
        "2026-06-01T12:00:60Z",
        "256.1.1.1",
        "::1",
        "fe80::1%eth0",
        "1.1.1.1\n",
        " 192.0.2.1 ",
        "00:00:5e:00:53",
        "zz:00:5e:00:53:21",
        "a@b",
        "@",
        "a@@b.c",
        "é@example.com",
        "a@b.c\n",
        "Windows Server",
    ]
    .map(str::to_owned)
    .into();
    texts.push("x".repeat(4_000));
    texts.push("\u{202e}\n".repeat(1_000));
    texts
}

fn odd_text() -> BoxedStrategy<String> {
    prop_oneof![prop::sample::select(odd_texts()), any::<String>()].boxed()
}

/// Any JSON.
fn odd() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i32>().prop_map(|number| json!(f64::from(number) / 4.0)),
        odd_text().prop_map(Value::from),
    ];
    // Keys of the document among them, so that a wrong form has good parts.
    let key = prop_oneof![
        prop::sample::select(vec![
            "items", "id", "name", "type", "details", "hostname", "x.y"
        ])
        .prop_map(str::to_owned),
        any::<String>(),
    ];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(key.clone(), inner, 0..4)
                .prop_map(|map| map.into_iter().collect()),
        ]
    })
    .boxed()
}

/// Values of a schema.
fn good(schema: &'static Value) -> BoxedStrategy<Value> {
    let (_, schema) = document::resolved(schema);
    if let Some(values) = schema["enum"].as_array() {
        return prop::sample::select(values.clone()).boxed();
    }
    if let Some(forms) = schema["oneOf"].as_array() {
        return prop::strategy::Union::new(forms.iter().map(good)).boxed();
    }
    match (schema["type"].as_str(), schema["format"].as_str()) {
        (Some("integer"), _) => (0..100_000_000_i64).prop_map(Value::from).boxed(),
        (Some("boolean"), _) => any::<bool>().prop_map(Value::from).boxed(),
        (Some("array"), _) => prop::collection::vec(good(&schema["items"]), 0..3)
            .prop_map(Value::from)
            .boxed(),
        (_, Some("date-time")) => (0..4_000_000_000_i64)
            .prop_map(|second| json!(jiff::Timestamp::from_second(second).unwrap()))
            .boxed(),
        (Some("string"), _) => {
            prop_oneof!["[ -~]{0,20}", "PC-[0-9]{3}", "[a-z]{1,8}@example\\.com"]
                .prop_map(Value::from)
                .boxed()
        }
        _ => object(schema),
    }
}

/// An object whose properties are good, odd or missing.
fn object(schema: &'static Value) -> BoxedStrategy<Value> {
    let properties = schema["properties"].as_object().into_iter().flatten();
    let properties: Vec<_> = properties
        .map(|(key, property)| {
            let value = prop_oneof![
                6 => good(property).prop_map(Some),
                1 => odd().prop_map(Some),
                1 => Just(None),
            ];
            value.prop_map(move |value| Some((key.clone(), value?)))
        })
        .collect();
    let free = prop::collection::hash_map(any::<String>(), odd(), 0..2);
    (properties, free)
        .prop_map(|(properties, free)| {
            let properties = properties.into_iter().flatten();
            properties
                .chain(free)
                .collect::<serde_json::Map<_, _>>()
                .into()
        })
        .boxed()
}

fn record(kind: Kind) -> BoxedStrategy<Value> {
    let schema = document::schema(kind.schema());
    prop_oneof![19 => object(schema), 1 => odd()].boxed()
}

/// What else is known of a record, which is odd at times, too.
fn dress<'a>(told: &mut Told<'a>, odd: &'a [String; 4], bits: u8) {
    if bits & 1 > 0 {
        told.organization = None;
    } else if let Some(organization) = &mut told.organization {
        organization.name = Some(&odd[0]);
    }
    told.agent_hostname = (bits & 2 > 0).then_some(&*odd[1]);
    told.account.name = (bits & 4 > 0).then_some(&*odd[2]);
    told.account.subdomain = (bits & 8 > 0).then_some(&*odd[3]);
    told.customer_code = (bits & 16 > 0).then_some(&*odd[0]);
    if bits & 32 > 0 {
        told.change = Change::Updated;
    }
}

/// Seeded; `PROPTEST_CASES` says how many.
fn runner() -> TestRunner {
    let config = Config {
        cases: Config::default().cases / 2,
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

#[test]
fn odd_records_make_good_events() {
    for kind in Kind::ALL {
        let texts = [odd_text(), odd_text(), odd_text(), odd_text()];
        let strategy = (record(kind), texts, any::<u8>());
        let outcome = runner().run(&strategy, |(record, texts, bits)| {
            let mut told = samples::told(kind, &record);
            dress(&mut told, &texts, bits);
            for mapping in Mapping::ALL {
                let event = mapping.map(&told);
                validity::check(mapping, &told, &event)
                    .map_err(|why| TestCaseError::fail(format!("{mapping:?}: {why}")))?;
                // It is JSON, and says the same when it is read again.
                let again: Value = serde_json::from_str(&event.to_string()).unwrap();
                prop_assert_eq!(again.to_string(), event.to_string());
                prop_assert_eq!(mapping.map(&told), event);
            }
            prop_assert!(!told.title().trim().is_empty());
            prop_assert!(!told.stable_id().is_empty());
            Ok(())
        });
        outcome.unwrap_or_else(|failure| panic!("{kind:?}: {failure}"));
    }
}

/// Each field of a record, odd in each way, while all others are good.
#[test]
fn one_odd_field_makes_a_good_event() {
    let odd = odd_texts().into_iter().map(Value::from);
    let odd: Vec<_> = odd
        .chain([
            json!(null),
            json!(-1),
            json!(1.5),
            json!(true),
            json!(u64::MAX),
        ])
        .chain([
            json!([]),
            json!({}),
            json!([[null]]),
            json!([{"a": "b"}]),
            json!({"items": 1}),
        ])
        .collect();
    for kind in Kind::ALL {
        let full = samples::full(kind);
        for path in paths(&full, "") {
            for odd in &odd {
                let mut record = full.clone();
                *record.pointer_mut(&path).unwrap() = odd.clone();
                let told = samples::told(kind, &record);
                for mapping in Mapping::ALL {
                    if let Err(why) = validity::check(mapping, &told, &mapping.map(&told)) {
                        let odd: String = odd.to_string().chars().take(60).collect();
                        panic!("{mapping:?} {kind:?} {path} = {odd}: {why}");
                    }
                }
            }
        }
    }
}

/// Pointers to all that a record has.
fn paths(value: &Value, at: &str) -> Vec<String> {
    let inner: Vec<_> = match value {
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| (key.clone(), value))
            .collect(),
        Value::Array(list) => list
            .iter()
            .enumerate()
            .map(|(n, value)| (n.to_string(), value))
            .collect(),
        _ => Vec::new(),
    };
    let deeper = inner.into_iter().flat_map(|(key, value)| {
        let path = format!("{at}/{key}");
        let mut all = paths(value, &path);
        all.push(path);
        all
    });
    deeper.collect()
}

/// Events for the validators: the full record, each value of each enum, each property missing,
/// and generated ones.
#[test]
fn events_are_written_for_the_validators() {
    let (mut ecs, mut ocsf) = (String::new(), String::new());
    let mut write = |told: &Told<'_>| {
        writeln!(ecs, "{}", Mapping::Ecs.map(told)).unwrap();
        writeln!(ocsf, "{}", Mapping::Ocsf.map(told)).unwrap();
    };
    for kind in Kind::ALL {
        let full = samples::full(kind);
        write(&samples::told(kind, &full));
        write(&samples::told(kind, &json!(null)));
        for (path, name) in document::enums(kind) {
            for value in document::values(name).into_iter().chain(["brand_new"]) {
                let mut record = full.clone();
                document::put(&mut record, &path, json!(value));
                write(&samples::told(kind, &record));
            }
        }
        for property in document::properties(kind.schema()) {
            let mut record = full.clone();
            record.as_object_mut().unwrap().remove(property);
            write(&samples::told(kind, &record));
        }
        let mut runner = runner();
        let texts = [odd_text(), odd_text(), odd_text(), odd_text()];
        let strategy = (record(kind), texts, any::<u8>());
        for _ in 0..200 {
            let tree = strategy.new_tree(&mut runner).unwrap();
            let (record, texts, bits) = tree.current();
            let mut told = samples::told(kind, &record);
            dress(&mut told, &texts, bits);
            write(&told);
        }
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("forward");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("ecs.ndjson"), ecs).unwrap();
    fs::write(folder.join("ocsf.ndjson"), ocsf).unwrap();
}
