//! The lists of fields are true: a field changes with what it says that it is made from, and
//! with nothing else; and nothing that the API's document has is forgotten.

use std::collections::BTreeSet;

use huntctl::forward::mapping::Field;
use huntctl::forward::{AccountRef, Change, Kind, Mapping, OrganizationRef, Told};
use serde_json::{Value, json};

use crate::{document, samples};

/// What a record may have in a place, good and bad.
fn variants() -> Vec<Value> {
    let mut all = few_variants();
    all.extend([
        json!("Windows Server"),
        json!(["footholds", "ransomware_canaries"]),
        json!(77),
        json!(true),
        json!(false),
        json!("192.0.2.77"),
        json!(["00:00:5e:00:53:77"]),
        json!("other@example.com"),
        json!("resolved"),
        json!("closed"),
        json!("reported"),
        json!("linux"),
        json!("email_security"),
        json!("low"),
        json!({"footholds": 7}),
        json!({"id": 77, "name": "Other", "type": "service_principal"}),
        json!({"items": [{"id": 77, "type": "Agent", "details": {"hostname": "PC-077"}}]}),
        json!({"items": [{"id": 77, "type": "Identity", "details": {"username": "other"}}]}),
        json!({"items": [{"action": "Other", "type": "manual", "status": "failed"}]}),
        json!([{"id": 77, "name": "Other"}]),
    ]);
    all
}

/// Those that make a difference where something else is missing.
fn few_variants() -> Vec<Value> {
    vec![
        Value::Null,
        json!("brand_new"),
        json!("2026-06-01T13:45:00Z"),
        json!({"id": 77, "name": "Other", "type": "identity"}),
    ]
}

/// The paths in a record that the fields of any mapping are made from, and all that the
/// document has.
fn paths(kind: Kind) -> BTreeSet<String> {
    let mappings = Mapping::ALL.into_iter();
    let fields = mappings.flat_map(|mapping| mapping.fields(kind));
    let sources = fields.flat_map(|field| field.sources.iter().copied());
    let known = document::properties(kind.schema()).into_iter();
    let all = sources.filter(|source| !source.starts_with(['@', '*']));
    all.chain(known).map(str::to_owned).collect()
}

/// Records to start from: the full one, and the same without some of its parts.
fn bases(kind: Kind) -> Vec<Value> {
    let full = samples::full(kind);
    let mut bases = vec![full.clone()];
    let without: &[&[&str]] = &[
        &["updated_at"],
        &["updated_at", "status_updated_at"],
        &["updated_at", "status_updated_at", "created_at"],
        &["updated_at", "status_updated_at", "created_at", "sent_at"],
        &["username"],
        &["name"],
        &["details"],
        &["entity"],
        &["details", "entity"],
        &["os_build_version"],
        &["subject", "name", "hostname", "username"],
    ];
    for keys in without {
        let mut record = full.clone();
        let map = record.as_object_mut().unwrap();
        map.retain(|key, _| !keys.contains(&&**key));
        bases.push(record);
    }
    if let Some(entity) = full.get("entity") {
        let mut record = full.clone();
        record["entity"] = json!({"id": entity["id"], "type": entity["type"]});
        bases.push(record);
    }
    bases
}

/// What is known of a record besides it, and one change of each.
fn outside<'a>(told: &Told<'a>) -> Vec<(&'static str, Told<'a>)> {
    let other = |name, change: fn(&mut Told<'a>)| {
        let mut other = told.clone();
        change(&mut other);
        (name, other)
    };
    vec![
        other("@id", |told| told.id += 1),
        other("@seen_at", |told| {
            told.seen_at = samples::time("2026-06-03T00:00:00Z")
        }),
        other("@change", |told| told.change = Change::Updated),
        other("@account.id", |told| {
            told.account = AccountRef {
                id: 4,
                ..told.account
            }
        }),
        other("@account.name", |told| told.account.name = Some("Other")),
        other("@account.subdomain", |told| {
            told.account.subdomain = Some("other")
        }),
        other("@organization.id", |told| {
            let organization = told.organization.unwrap();
            told.organization = Some(OrganizationRef {
                id: 8,
                ..organization
            });
        }),
        other("@organization.name", |told| {
            told.organization.as_mut().unwrap().name = Some("Other");
        }),
        other("@agent_hostname", |told| {
            told.agent_hostname = Some("PC-077")
        }),
        other("@customer_code", |told| told.customer_code = Some("EX01")),
    ]
}

/// Whether a field says that it is made from this path, from what is around it, or from
/// something in it.
fn says(sources: &[&str], path: &str) -> bool {
    sources.iter().any(|source| {
        let is_in = |inner: &str, outer: &str| {
            inner
                .strip_prefix(outer)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        *source == "*" || is_in(source, path) || is_in(path, source)
    })
}

#[test]
fn fields_are_made_from_what_they_say() {
    // Mapping, target and source of all that was seen to matter.
    let mut mattered = BTreeSet::new();
    for kind in Kind::ALL {
        for (number, base) in bases(kind).iter().enumerate() {
            let told = samples::told(kind, base);
            let before = values(&told);
            for (name, other) in outside(&told) {
                compare(&before, &values(&other), name, &mut mattered);
            }
            let variants = match number {
                0 => variants(),
                _ => few_variants(),
            };
            for variant in variants {
                for path in paths(kind) {
                    let mut record = base.clone();
                    if set(&mut record, &path, variant.clone()) {
                        let mut other = told.clone();
                        other.record = &record;
                        compare(&before, &values(&other), &path, &mut mattered);
                    }
                }
            }
        }
    }
    for mapping in Mapping::ALL {
        for field in Kind::ALL.into_iter().flat_map(|kind| mapping.fields(kind)) {
            let sources = field.sources.iter();
            for source in sources.filter(|source| !["*", "@kind"].contains(source)) {
                let key = (mapping.name(), field.target, *source);
                assert!(mattered.contains(&key), "no difference: {key:?}");
            }
        }
    }
}

/// What each field of each mapping has for a record; without those that are made from all of it.
fn values(told: &Told<'_>) -> Vec<(Mapping, &'static Field, Option<Value>)> {
    let all = Mapping::ALL.into_iter().flat_map(|mapping| {
        let fields = mapping.fields(told.kind).into_iter();
        fields.map(move |field| (mapping, field))
    });
    all.filter(|(_, field)| field.sources != ["*"])
        .map(|(mapping, field)| (mapping, field, field.value(told)))
        .collect()
}

fn compare(
    before: &[(Mapping, &'static Field, Option<Value>)],
    after: &[(Mapping, &'static Field, Option<Value>)],
    path: &str,
    mattered: &mut BTreeSet<(&'static str, &'static str, &'static str)>,
) {
    for ((mapping, field, before), (_, _, after)) in before.iter().zip(after) {
        if before == after {
            continue;
        }
        let target = field.target;
        assert!(
            says(field.sources, path),
            "{mapping:?} {target} also depends on {path}"
        );
        let named = field.sources.iter().filter(|source| says(&[source], path));
        mattered.extend(named.map(|source| (mapping.name(), target, *source)));
    }
}

/// Puts a value at a path, where what is around it is an object.
fn set(record: &mut Value, path: &str, value: Value) -> bool {
    let (around, key) = match path.rsplit_once('.') {
        Some((around, key)) => (
            record.pointer_mut(&format!("/{}", around.replace('.', "/"))),
            key,
        ),
        None => (Some(record), path),
    };
    let Some(around) = around.and_then(Value::as_object_mut) else {
        return false;
    };
    around.insert(key.to_owned(), value);
    true
}

/// What the document has and the store already knows.
const OF_THE_STORE: [&str; 5] = [
    "id",
    "account",
    "account_id",
    "organization",
    "organization_id",
];

#[test]
fn nothing_of_the_document_is_forgotten() {
    for mapping in [Mapping::Socfortress, Mapping::Ecs] {
        for kind in Kind::ALL {
            for property in document::properties(kind.schema()) {
                let fields = mapping.fields(kind);
                let mut sources = fields.iter().flat_map(|field| field.sources);
                let is_there = sources.any(|source| source.split('.').next() == Some(property));
                assert!(
                    is_there || OF_THE_STORE.contains(&property),
                    "{mapping:?} {kind:?} {property}"
                );
            }
        }
    }
}

/// What no attribute of OCSF carries stands in `unmapped`, with all that a newer API may add.
#[test]
fn nothing_is_lost_in_ocsf() {
    for kind in Kind::ALL {
        let full = samples::full(kind);
        let known = full.as_object().unwrap().keys().cloned();
        for key in known.chain(["brand_new".to_owned()]) {
            if OF_THE_STORE.contains(&&*key) {
                continue;
            }
            for odd in [json!({"odd": ["kept"]}), json!([["kept"]]), json!("kept")] {
                let mut record = full.clone();
                record[&key] = odd.clone();
                let event = Mapping::Ocsf.map(&samples::told(kind, &record));
                assert!(event.to_string().contains("kept"), "{kind:?} {key} {odd}");
            }
        }
    }
}

/// The full samples have all that the document has.
#[test]
fn samples_are_full() {
    for kind in Kind::ALL {
        let full = samples::full(kind);
        for property in document::properties(kind.schema()) {
            assert!(!full[property].is_null(), "{kind:?} {property}");
        }
    }
}
