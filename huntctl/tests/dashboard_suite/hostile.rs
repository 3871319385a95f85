//! Texts of attackers, in every column of every table that can hold a text.

use std::collections::BTreeSet;

use huntctl::output::visible::is_obeyed;
use huntctl::store::{Kind, Scope, Source, Store, Table};
use serde_json::value::to_raw_value;
use serde_json::{Map, Value, json};

use super::fixture::{count, pulled, say, small, today};
use super::pages::PAGES;
use super::site::{Site, now};
use crate::databases::Place;

const MARKUP: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>' onload='x\" \
    style=\"x\" </title></desc></pre></style><!-- &lt; javascript:alert(1) {{ 7*7 }} \
    \u{202e}\u{2066}\u{1b}[31m\u{9b}2J\u{0}\u{7f}\u{2028}\u{feff}\r\n\t</textarea>";

const FORMULAS: [&str; 9] = ["=", "+", "-", "@", "\t=", "\r=", "\n=", "＝", "＠"];

/// What a text is, and which column it is in.
fn hostile(begin: &str, table: &Table, column: &str) -> String {
    format!(
        "{begin}cmd|' /C calc'!A0 [{}.{column}] {MARKUP}",
        table.name
    )
}

/// A record of which every text is hostile, but for those of these columns.
fn record(table: &Table, id: i64, begin: &str, honest: &[(&str, &str)]) -> Value {
    let mut record = Map::new();
    for column in table.columns.iter().filter(|column| column.current) {
        let text = hostile(begin, table, &column.name);
        let (field, value) = match (&column.source, column.kind) {
            (Source::IdOf(field), _) => (field, json!({"id": 1, "name": text})),
            (Source::Field(field), Kind::Text) => (field, json!(text)),
            (Source::Field(field), Kind::Json) => {
                let part = json!({"id": 1, "name": text, "description": text});
                let parts = json!([text, part]);
                (
                    field,
                    if id % 2 == 0 {
                        parts
                    } else {
                        json!({ text: parts })
                    },
                )
            }
            (Source::Field(field), Kind::Moment) => (field, json!("2025-06-15T11:00:00Z")),
            (Source::Field(field), Kind::Date) => (field, json!("2025-06-10")),
            (Source::Field(field), Kind::Boolean) => (field, json!(id % 2 == 0)),
            (Source::Field(field), Kind::Integer) => (field, json!(1)),
            (Source::Field(field), Kind::Real) => (field, json!(1.5)),
        };
        // What has an id of its own keeps it, whichever column is the reference.
        if !matches!(record.get(field), Some(Value::Object(_))) {
            record.insert(field.clone(), value);
        }
    }
    record.insert("id".to_owned(), json!(id));
    for (name, value) in honest {
        if record.contains_key(*name) {
            record.insert((*name).to_owned(), json!(value));
        }
    }
    Value::Object(record)
}

/// Every table has records with hostile texts; some are open and critical, so that pages list them.
async fn fill(store: &Store, begin: &str) {
    let open: [&[(&str, &str)]; 2] = [
        &[],
        &[
            ("status", "sent"),
            ("severity", "critical"),
            ("risk_level", "high"),
        ],
    ];
    for table in store.tables() {
        let records = (1..=4).map(|id| record(table, id, begin, open[id as usize / 2 % 2]));
        let records: Vec<_> = records
            .map(|record| to_raw_value(&record).unwrap())
            .collect();
        let scope = Scope {
            account_id: 1,
            parent_id: table.parent_column.as_ref().map(|_| 1),
        };
        let mut tx = store.database().begin().await.unwrap();
        let later = now() + jiff::Span::new().hours(1);
        store
            .write(&mut tx, table, scope, &records, later)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }
    count(store, 1, today()).await;
    let text = format!("{begin}[pulls] {MARKUP}");
    pulled(store, 1, now(), &text).await;
    let sql = "UPDATE pulls SET errors = ?1 WHERE run = 5";
    say(store, sql, &[text.as_str().into()]).await;
    say(
        store,
        "UPDATE pull_accounts SET source = ?1",
        &[text.as_str().into()],
    )
    .await;
    let sql = "UPDATE store_settings SET risk_levels = 'high,' || ?1";
    say(store, sql, &[text.as_str().into()]).await;
}

fn paths() -> Vec<String> {
    let mut paths: Vec<_> = PAGES.iter().map(|(_, path)| (*path).to_owned()).collect();
    for kind in ["incidents", "agents", "identities"] {
        paths.extend((1..=4).map(|id| format!("/{kind}/1/{id}")));
    }
    let query: String = form(MARKUP);
    paths.extend(
        [
            "/",
            "/accounts",
            "/incidents",
            "/organizations/1/1/agents",
            "/data",
        ]
        .map(|path| format!("{path}?q={query}&sort={query}&days={query}")),
    );
    paths.push("/organizations/1/1?days=365".to_owned());
    paths
}

fn form(text: &str) -> String {
    let bytes = text.bytes().map(|byte| format!("%{byte:02X}"));
    bytes.collect()
}

pub async fn no_text_of_others_is_obeyed(place: Place) {
    let store = place.store().await;
    small(&store).await;
    fill(&store, "").await;
    let site = Site::new(&store);
    let mut shown = BTreeSet::new();
    for path in paths() {
        // Reading it refuses every element, attribute and bare `<` that is not ours.
        let page = site.page(&path).await;
        for token in &page.tokens {
            let text = format!("{token:?}").replace("\\n", "");
            assert!(!text.contains(is_obeyed), "{path}: {text}");
        }
        let all = site.get(&path).await.body;
        let obeyed = all.chars().find(|c| *c != '\n' && is_obeyed(*c));
        assert_eq!(obeyed, None, "{path}");
        for link in page.links() {
            assert!(link.starts_with(['/', '#']), "{path}: {link}");
            assert!(!link.contains("script:"), "{path}: {link}");
        }
        for part in page.text().split('[').skip(1) {
            // A status is shown with spaces.
            let column = part.split(']').next().unwrap();
            shown.insert(column.replace(' ', "_"));
        }
    }
    for column in [
        "accounts.name",
        "organizations.name",
        "agents.hostname",
        "agents.os",
        "agents.firewall_status",
        "identities.username",
        "identities.email",
        "identities.risk_detail",
        "incident_reports.subject",
        "incident_reports.status",
        "incident_reports.severity",
        "incident_reports.summary",
        "incident_reports.body",
        "incident_reports.indicator_counts",
        "remediations.action",
        "remediations.parameters",
        "remediations.approved_by",
        "summary_reports.period",
        "pulls",
    ] {
        assert!(shown.contains(column), "{column} is on no page: {shown:?}");
    }
    place.remove().await;
}

pub async fn only_addresses_of_huntress_are_links(place: Place) {
    let store = place.store().await;
    small(&store).await;
    let site = Site::new(&store);
    for (url, linked) in [
        ("https://north.huntress.io/a?b=1&c=2", true),
        ("javascript:alert(1)//huntress.io", false),
        ("https://huntress.io.evil.example/", false),
        ("http://north.huntress.io/", false),
        ("data:text/html,huntress.io", false),
        ("https://north.huntress.io/\"><script>", true),
    ] {
        let sql = "UPDATE summary_reports SET url = ?1";
        say(&store, sql, &[url.into()]).await;
        let page = site.page("/organizations/1/1").await;
        let mut links = page.links();
        links.retain(|link| !link.starts_with(['/', '#']));
        let expected = linked.then(|| url.to_owned());
        assert_eq!(
            links.into_iter().collect::<Vec<_>>(),
            Vec::from_iter(expected)
        );
    }
    place.remove().await;
}

pub async fn no_cell_of_a_file_is_computed(place: Place) {
    let store = place.store().await;
    small(&store).await;
    for begin in FORMULAS {
        fill(&store, begin).await;
        let site = Site::new(&store);
        let mut texts = 0;
        for path in [
            "/organizations.csv",
            "/accounts.csv",
            "/incidents.csv",
            "/data.csv",
            "/organizations/1/1/agents.csv",
            "/organizations/1/1/identities.csv",
            "/organizations/1/1/incidents.csv",
            "/incidents/1/1/remediations.csv",
        ] {
            for line in site.file(path).await {
                for cell in line {
                    let first = cell.chars().next().unwrap_or(' ');
                    let number = cell.parse::<f64>().is_ok();
                    let computed = "=+-@\t\r\n＝＋－＠".contains(first);
                    assert!(number || !computed, "{path}: {cell:?}");
                    assert!(!cell.contains(is_obeyed), "{path}: {cell:?}");
                    texts += usize::from(cell.contains("calc"));
                }
            }
        }
        assert!(texts > 20, "{texts}");
    }
    place.remove().await;
}
