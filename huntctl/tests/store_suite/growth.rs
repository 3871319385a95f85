//! Documents that change: fields that come, go, and have another type than before.

use std::collections::BTreeMap;

use fastrand::Rng;
use huntctl::store::{Kind, Source, Store};
use serde_json::{Map, Value, json};

use super::ground::{Ground, minute, query, shown, write};

/// Values, and what each is in a column of each kind; none where it does not fit.
const VALUES: [(&str, [Option<&str>; 7]); 7] = [
    // The order of the kinds: integer, boolean, real, text, moment, date, JSON.
    (
        "7",
        [
            Some("7"),
            None,
            Some("7"),
            Some("7"),
            Some("1970-01-01T00:00:07Z"),
            None,
            Some("7"),
        ],
    ),
    (
        r#""8""#,
        [
            Some("8"),
            None,
            Some("8"),
            Some("8"),
            Some("1970-01-01T00:00:08Z"),
            None,
            Some(r#""8""#),
        ],
    ),
    (
        "true",
        [
            None,
            Some("1"),
            None,
            Some("true"),
            None,
            None,
            Some("true"),
        ],
    ),
    (
        r#""2026-01-22""#,
        [
            None,
            None,
            None,
            Some("2026-01-22"),
            Some("2026-01-22T00:00:00Z"),
            Some("2026-01-22"),
            Some(r#""2026-01-22""#),
        ],
    ),
    ("[1]", [None, None, None, None, None, None, Some("[1]")]),
    (
        r#""x""#,
        [None, None, None, Some("x"), None, None, Some(r#""x""#)],
    ),
    ("null", [None; 7]),
];
const KINDS: [Kind; 7] = [
    Kind::Integer,
    Kind::Boolean,
    Kind::Real,
    Kind::Text,
    Kind::Moment,
    Kind::Date,
    Kind::Json,
];

fn schema(kind: Kind) -> Value {
    match kind {
        Kind::Integer => json!({"type": "integer"}),
        Kind::Boolean => json!({"type": "boolean"}),
        Kind::Real => json!({"type": "number"}),
        Kind::Text => json!({"type": "string"}),
        Kind::Moment => json!({"type": "string", "format": "date-time"}),
        Kind::Date => json!({"type": "string", "format": "date"}),
        Kind::Json => json!({"type": "object"}),
    }
}

/// A document with one list, whose records have these fields beside their id.
fn document(properties: &Map<String, Value>) -> Value {
    let mut properties = properties.clone();
    properties.insert("id".into(), json!({"type": "integer"}));
    let answer = json!({
        "x-huntress-envelope": {"kind": "page", "items": "things"},
        "type": "object",
        "properties": {"things": {"type": "array", "items": {"type": "object", "properties": properties}}}
    });
    let reference = json!({"$ref": "#/components/schemas/Things"});
    let operation = json!({
        "operationId": "list_things",
        "responses": {"200": {"content": {"application/json": {"schema": reference}}}}
    });
    json!({
        "components": {"schemas": {"Things": answer}},
        "paths": {"/v1/things": {"get": operation}}
    })
}

fn cell(column: &str, kind: Kind) -> String {
    match kind {
        // One spelling in both databases.
        Kind::Real => format!("CAST(\"{column}\" AS bigint)"),
        _ => format!("\"{column}\""),
    }
}

pub async fn a_document_may_change_in_any_way(ground: Ground) {
    for seed in 0..4 {
        let mut random = Rng::with_seed(seed);
        let url = format!("{seed}");
        let mut rows: BTreeMap<i64, BTreeMap<String, usize>> = BTreeMap::new();
        let mut columns_before: BTreeMap<String, Kind> = BTreeMap::new();
        let list = format!("things_{url}");
        for round in 0..8 {
            let mut properties = Map::new();
            for field in 0..12 {
                // A third of the fields is gone, and each has any type.
                if random.u8(..3) > 0 {
                    let kind = KINDS[random.usize(..KINDS.len())];
                    properties.insert(format!("field_{field}"), schema(kind));
                }
            }
            let text = document(&properties)
                .to_string()
                .replace("list_things", &format!("list_{list}"));
            let store = Store::with_document(&ground.url, &text).await.unwrap();
            check(&store, &list, &properties, &rows).await;
            let columns = &store.table(&list).unwrap().columns;
            let columns: BTreeMap<_, _> = columns
                .iter()
                .map(|column| (column.name.clone(), column.kind))
                .collect();
            for (name, kind) in columns_before {
                assert_eq!(
                    columns.get(&name),
                    Some(&kind),
                    "{name} was dropped or changed"
                );
            }
            columns_before = columns;
            for id in 0..3 {
                let values: BTreeMap<_, _> = (0..12)
                    .map(|field| (format!("field_{field}"), random.usize(..VALUES.len())))
                    .collect();
                // Some rows are new, and some change.
                rows.insert(10 * (round / 2) + id, values);
            }
            let records: Vec<_> = rows
                .iter()
                .map(|(id, values)| record(*id, values))
                .collect();
            write(&store, &list, &records, minute(round)).await;
            check(&store, &list, &properties, &rows).await;
        }
    }
}

fn record(id: i64, values: &BTreeMap<String, usize>) -> Value {
    let value = |value: &usize| serde_json::from_str(VALUES[*value].0).unwrap();
    let fields = values
        .iter()
        .map(|(name, chosen)| (name.clone(), value(chosen)));
    let mut record: Map<String, Value> = fields.collect();
    record.insert("id".into(), json!(id));
    Value::Object(record)
}

/// Every field that the document has is in a column of its type, in every row, whether the
/// row or the column was first.
async fn check(
    store: &Store,
    list: &str,
    properties: &Map<String, Value>,
    rows: &BTreeMap<i64, BTreeMap<String, usize>>,
) {
    let table = store.table(list).unwrap();
    for (name, property) in properties {
        let current = |column: &&huntctl::store::Column| {
            column.current && column.source == Source::Field(name.clone())
        };
        let column = table.columns.iter().find(current).unwrap();
        let kind = KINDS
            .iter()
            .position(|kind| schema(*kind) == *property)
            .unwrap();
        assert_eq!(column.kind, KINDS[kind]);
        let sql = format!(
            "SELECT {} FROM {list} ORDER BY id",
            cell(&column.name, column.kind)
        );
        let expected: Vec<_> = rows
            .values()
            .map(|values| VALUES[values[name]].1[kind].unwrap_or("-"))
            .collect();
        assert_eq!(
            shown(store, &sql).await,
            expected,
            "{} {:?}",
            column.name,
            column.kind
        );
    }
}

/// The document with some of the agents' fields changed.
fn agents_with(change: impl Fn(&mut Map<String, Value>)) -> Value {
    let mut document: Value = serde_json::from_str(huntress_simulator::OPENAPI).unwrap();
    let agent = &mut document["components"]["schemas"]["Agent"]["properties"];
    change(agent.as_object_mut().unwrap());
    document
}

pub async fn a_new_column_is_filled_in_a_large_table(ground: Ground) {
    let before = agents_with(|agent| {
        agent.remove("hostname");
    });
    let store = ground.store_of(&before).await;
    let agents: Vec<_> = (0..1_700)
        .map(|id| json!({"id": id, "hostname": format!("h{id}")}))
        .collect();
    write(&store, "agents", &agents, minute(0)).await;
    // Several programs start with the new document at once.
    let open = (0..3).map(|_| {
        let url = ground.url.clone();
        tokio::spawn(async move { Store::open(&url).await.unwrap() })
    });
    for opened in open.collect::<Vec<_>>() {
        opened.await.unwrap();
    }
    let store = ground.store().await;
    let filled = "SELECT count(*) FROM agents WHERE hostname = 'h' || id";
    assert_eq!(shown(&store, filled).await, ["1700"]);
    let moments = "SELECT DISTINCT changed_at FROM agents";
    assert_eq!(shown(&store, moments).await, [minute(0).to_string()]);
    let left = query(
        &store,
        "SELECT name FROM store_state WHERE name LIKE 'fill%'",
    )
    .await;
    assert!(left.is_empty());
}

pub async fn filling_goes_on_where_it_was_interrupted(ground: Ground) {
    let store = ground.store().await;
    let agents: Vec<_> = (0..900)
        .map(|id| json!({"id": id, "hostname": "h"}))
        .collect();
    write(&store, "agents", &agents, minute(0)).await;
    let state = r#"{"columns": ["hostname"], "after": [1, 499]}"#;
    let empty = "UPDATE agents SET hostname = NULL";
    store.database().execute(empty, &[]).await.unwrap();
    let note = "INSERT INTO store_state (name, value) VALUES ('fill agents', ?1)";
    store
        .database()
        .execute(note, &[state.into()])
        .await
        .unwrap();
    let store = ground.store().await;
    let counted = "SELECT min(id), count(*) FROM agents WHERE hostname = 'h'";
    assert_eq!(shown(&store, counted).await, ["500 400"]);
}

pub async fn an_id_may_become_text(ground: Ground) {
    let store = ground.store().await;
    write(
        &store,
        "agents",
        &[json!({"id": 7, "hostname": "a"})],
        minute(0),
    )
    .await;
    let document = agents_with(|agent| {
        agent.insert("id".into(), json!({"type": "string"}));
    });
    let store = ground.store_of(&document).await;
    let agents = [
        json!({"id": "7", "hostname": "b"}),
        json!({"id": "seven", "hostname": "c"}),
    ];
    let written = write(&store, "agents", &agents, minute(1)).await;
    assert_eq!((written.new, written.changed, written.odd.len()), (1, 1, 0));
    let sql = "SELECT record_id, hostname FROM agents ORDER BY 1";
    assert_eq!(shown(&store, sql).await, ["7 b", "seven c"]);
}

pub async fn a_view_that_lacks_a_column_is_left_out(ground: Ground) {
    let document = agents_with(|agent| {
        agent.remove("hostname");
        agent.insert("last_callback_at".into(), json!({"type": "integer"}));
    });
    let store = ground.store_of(&document).await;
    let missing = store
        .database()
        .query("SELECT 1 FROM stale_agents", &[])
        .await;
    assert!(missing.is_err());
    assert!(
        query(&store, "SELECT * FROM identities_at_risk")
            .await
            .is_empty()
    );
    let store = ground.store().await;
    // The columns are there again: one beside its namesake of another type.
    assert!(
        query(&store, "SELECT hostname, last_callback_at_time FROM agents")
            .await
            .is_empty()
    );
}
