//! Every record comes back as it was: over all tables, with every field in every form.

use std::collections::BTreeMap;

use fastrand::Rng;
use huntctl::database::Value as Cell;
use huntctl::store::{Kind, Scope, Source, Store, Table};
use serde_json::Value;

use super::ground::{ACCOUNT, Ground, minute, raw_text};

/// JSON of a field, what its column has then (none for null), and whether it fits.
type Form = (&'static str, Option<&'static str>, bool);

const INTEGERS: [Form; 12] = [
    ("7", Some("7"), true),
    ("-9223372036854775808", Some("-9223372036854775808"), true),
    ("9223372036854775807", Some("9223372036854775807"), true),
    (r#""720899""#, Some("720899"), true),
    ("22631.0", Some("22631"), true),
    ("null", None, true),
    ("1.5", None, false),
    ("18446744073709551616", None, false),
    ("1e999", None, false),
    (r#""x""#, None, false),
    ("true", None, false),
    ("[7]", None, false),
];
const BOOLEANS: [Form; 6] = [
    ("true", Some("true"), true),
    ("false", Some("false"), true),
    (r#""true""#, Some("true"), true),
    ("null", None, true),
    ("1", None, false),
    (r#""yes""#, None, false),
];
const REALS: [Form; 6] = [
    ("1.5", Some("1.5"), true),
    ("7", Some("7"), true),
    (r#""2.5""#, Some("2.5"), true),
    ("null", None, true),
    ("{}", None, false),
    ("1e999", None, false),
];
const TEXTS: [Form; 9] = [
    (r#""plain""#, Some("plain"), true),
    (r#""""#, Some(""), true),
    (
        r#""it's \"q\" \\ \n é 😀 ?1 $1 %""#,
        Some("it's \"q\" \\ \n é 😀 ?1 $1 %"),
        true,
    ),
    (r#""a\u0000b""#, Some("a\u{fffd}b"), true),
    (r#""\ud83d.""#, Some("\u{fffd}."), true),
    ("7", Some("7"), true),
    ("null", None, true),
    ("[]", None, false),
    (r#"{"a":1}"#, None, false),
];
const MOMENTS: [Form; 9] = [
    (
        r#""2026-01-22T01:07:08Z""#,
        Some("2026-01-22T01:07:08Z"),
        true,
    ),
    (
        r#""2026-01-22T01:07:08.125Z""#,
        Some("2026-01-22T01:07:08.125Z"),
        true,
    ),
    (
        r#""2026-01-22 01:07:08 UTC""#,
        Some("2026-01-22T01:07:08Z"),
        true,
    ),
    (
        r#""2026-01-22T03:07:08+02:00""#,
        Some("2026-01-22T01:07:08Z"),
        true,
    ),
    ("1769044028", Some("2026-01-22T01:07:08Z"), true),
    (r#""""#, None, true),
    ("null", None, true),
    (r#""soon""#, None, false),
    ("true", None, false),
];
const DATES: [Form; 4] = [
    (r#""2026-01-22""#, Some("2026-01-22"), true),
    ("null", None, true),
    (r#""2026-01-22T01:07:08Z""#, None, false),
    ("7", None, false),
];
const NESTED: [Form; 9] = [
    (
        r#"[{"id": 5, "name":"x"}]"#,
        Some(r#"[{"id":5,"name":"x"}]"#),
        true,
    ),
    ("[]", Some("[]"), true),
    (
        r#"{"id": 5, "name": "x"}"#,
        Some(r#"{"id":5,"name":"x"}"#),
        true,
    ),
    (
        r#"{"a": 1.10, "b": 123456789012345678901234567890}"#,
        Some(r#"{"a": 1.10, "b": 123456789012345678901234567890}"#),
        true,
    ),
    (r#"{"a":"\u0000"}"#, Some("{\"a\":\"\u{fffd}\"}"), true),
    (r#""text""#, Some(r#""text""#), true),
    ("null", None, true),
    ("true", Some("true"), true),
    ("1e400000", None, false),
];

fn forms(kind: Kind) -> &'static [Form] {
    match kind {
        Kind::Integer => &INTEGERS,
        Kind::Boolean => &BOOLEANS,
        Kind::Real => &REALS,
        Kind::Text => &TEXTS,
        Kind::Moment => &MOMENTS,
        Kind::Date => &DATES,
        Kind::Json => &NESTED,
    }
}

/// The document's own word for each field of a list's records, found another way than the
/// store finds it.
fn fields(document: &Value, table: &Table) -> BTreeMap<String, Kind> {
    let resolve = |schema: &Value| -> Value {
        let mut schema = schema.clone();
        loop {
            let next = schema["$ref"]
                .as_str()
                .or_else(|| schema["allOf"][0]["$ref"].as_str());
            let Some(next) = next else { return schema };
            schema = document.pointer(&next[1..]).unwrap().clone();
        }
    };
    let operation = &document["paths"][&table.list.path]["get"];
    let answer = resolve(&operation["responses"]["200"]["content"]["application/json"]["schema"]);
    let item = resolve(&answer["properties"][&table.list.key]["items"]);
    let properties = item["properties"].as_object().unwrap().iter();
    let kind = |schema: &Value| {
        let schema = resolve(schema);
        match (
            schema["type"].as_str().unwrap_or("?"),
            schema["format"].as_str(),
        ) {
            ("integer", _) => Kind::Integer,
            ("boolean", _) => Kind::Boolean,
            ("number", _) => Kind::Real,
            ("string", Some("date-time")) => Kind::Moment,
            ("string", Some("date")) => Kind::Date,
            ("string", _) => Kind::Text,
            _ => Kind::Json,
        }
    };
    properties
        .map(|(name, schema)| (name.clone(), kind(schema)))
        .collect()
}

struct Made {
    json: String,
    forms: BTreeMap<String, Form>,
}

fn make(random: &mut Rng, id: Option<i64>, fields: &BTreeMap<String, Kind>) -> Made {
    let mut parts: Vec<_> = id.map(|id| format!(r#""id": {id}"#)).into_iter().collect();
    let mut chosen = BTreeMap::new();
    for (name, kind) in fields {
        if ["id", "account_id"].contains(&name.as_str()) || random.u8(..10) == 0 {
            continue;
        }
        let forms = forms(*kind);
        let mut form = forms[random.usize(..forms.len())];
        if name == "updated_at" && !form.2 {
            form = forms[0];
        }
        parts.push(format!(
            "\"{name}\":{}{}",
            " ".repeat(random.usize(..2)),
            form.0
        ));
        chosen.insert(name.clone(), form);
    }
    random.shuffle(&mut parts);
    Made {
        json: format!("{{{}}}", parts.join(",")),
        forms: chosen,
    }
}

fn cell(cell: &Cell, kind: Kind) -> Option<String> {
    Some(match (cell, kind) {
        (Cell::Null, _) => return None,
        (Cell::Bool(value), _) => value.to_string(),
        (Cell::Integer(value), Kind::Boolean) => (*value != 0).to_string(),
        (Cell::Integer(value), _) => value.to_string(),
        (Cell::Real(value), _) => value.to_string(),
        (Cell::Time(time), _) => time.to_string(),
        (Cell::Text(text), Kind::Moment) => text.parse::<jiff::Timestamp>().unwrap().to_string(),
        (Cell::Text(text) | Cell::Json(text), _) => text.clone(),
    })
}

/// JSON that says the same is the same here; the numbers are compared as text.
fn same_json(one: &str, other: &str) -> bool {
    let squeeze = |text: &str| text.split_whitespace().collect::<String>();
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    squeeze(one) == squeeze(other) || read(one) == read(other)
}

async fn check(store: &Store, table: &Table, id: i64, made: &Made, has_id: bool) {
    let columns: Vec<_> = table
        .columns
        .iter()
        .map(|column| format!("\"{}\"", column.name))
        .collect();
    let sql = format!(
        "SELECT record, {} FROM {} WHERE account_id = {ACCOUNT} AND id = {id}",
        columns.join(", "),
        table.name
    );
    let rows = store.database().query(&sql, &[]).await.unwrap();
    let [row] = &rows[..] else {
        panic!("{} {has_id}: {} rows", table.name, rows.len())
    };
    let kept = made
        .json
        .replace("\\u0000", "\\ufffd")
        .replace("\\ud83d", "\\ufffd");
    assert_eq!(row.text(0), Some(kept.as_str()), "{}", table.name);
    for (column, value) in table.columns.iter().zip(&row.values()[1..]) {
        let value = cell(value, column.kind);
        let place = format!("{}.{} of {}", table.name, column.name, made.json);
        let form = made.forms.get(column.source.field());
        match &column.source {
            Source::Field(_) => match (form.and_then(|form| form.1), value) {
                (None, None) => {}
                (Some(expected), Some(value)) if column.kind == Kind::Json => {
                    // One shape stands for several; that is tested beside the code.
                    assert!(
                        same_json(expected, &value) || is_reshaped(&value),
                        "{value} {place}"
                    );
                }
                (expected, value) => assert_eq!(value.as_deref(), expected, "{place}"),
            },
            Source::IdOf(_) => {
                let reference = form.is_some_and(|form| form.0.starts_with(r#"{"id": 5"#));
                assert_eq!(value.as_deref(), reference.then_some("5"), "{place}");
            }
        }
    }
}

fn is_reshaped(value: &str) -> bool {
    value.starts_with(r#"{"items""#) || value.starts_with(r#"["a"#) || value.starts_with(r#"["id"#)
}

pub async fn every_record_comes_back(ground: Ground) {
    let store = ground.store().await;
    let document: Value = serde_json::from_str(huntress_simulator::OPENAPI).unwrap();
    let mut random = Rng::with_seed(20_260_601);
    for table in store.tables() {
        let fields = fields(&document, table);
        let has_id = fields.contains_key("id");
        let made: Vec<_> = (1_001..=1_060)
            .map(|id| (id, make(&mut random, has_id.then_some(id), &fields)))
            .filter(|(_, made)| has_id || made.forms.len() == fields.len())
            .collect();
        let records: Vec<_> = made.iter().map(|(_, made)| raw_text(&made.json)).collect();
        let parent_id = table.list.parent.as_ref().map(|_| 77);
        let scope = Scope {
            account_id: ACCOUNT,
            parent_id,
        };
        let mut tx = store.database().begin().await.unwrap();
        let written = store
            .write(&mut tx, table, scope, &records, minute(0))
            .await
            .unwrap();
        let again = store
            .write(&mut tx, table, scope, &records, minute(1))
            .await
            .unwrap();
        tx.commit().await.unwrap();
        assert_eq!((again.new, again.changed), (0, 0), "{}", table.name);
        assert_eq!(again.unchanged, records.len() as u64, "{}", table.name);
        assert_eq!(again.odd, [], "{}", table.name);
        if has_id {
            assert_eq!(written.new, records.len() as u64, "{}", table.name);
            let odd: usize = made
                .iter()
                .map(|(_, made)| made.forms.values().filter(|form| !form.2).count())
                .sum();
            assert_eq!(written.odd.len(), odd, "{}", table.name);
            for (id, made) in &made {
                check(&store, table, *id, made, has_id).await;
            }
        }
    }
}
