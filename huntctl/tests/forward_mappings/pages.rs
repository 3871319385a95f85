//! The pages in `docs/forward` have the fields that the mappings have. With `INSTA_UPDATE=always`
//! the lists in them are written anew.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::{env, fs};

use huntctl::forward::mapping::Field;
use huntctl::forward::{Kind, Mapping};

use serde_json::Value;

use crate::{document, samples};

const FROM: &str = "<!-- From here on made by `cargo test --test forward_mappings`. -->\n";

#[test]
fn pages_have_all_fields() {
    for mapping in Mapping::ALL {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
        let path = root.join(format!("docs/forward/{}.md", mapping.name()));
        let page = fs::read_to_string(&path).unwrap();
        let (prose, lists) = page.split_once(FROM).expect("the page has its mark");
        let made = made(mapping);
        if lists != made {
            if env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
                fs::write(&path, format!("{prose}{FROM}{made}")).unwrap();
            } else {
                panic!(
                    "{} is old; INSTA_UPDATE=always makes it anew",
                    path.display()
                );
            }
        }
    }
}

fn made(mapping: Mapping) -> String {
    let mut page = String::new();
    let all = Kind::ALL.map(|kind| mapping.fields(kind));
    let is_common = |field: &Field| {
        all.iter()
            .all(|fields| fields.iter().any(|other| is_same(field, other)))
    };
    let common: Vec<_> = all[0]
        .iter()
        .filter(|field| is_common(field))
        .copied()
        .collect();
    section(&mut page, "All kinds", Kind::Incident, &common);
    for (kind, fields) in Kind::ALL.into_iter().zip(&all) {
        let own: Vec<_> = fields
            .iter()
            .filter(|field| !is_common(field))
            .copied()
            .collect();
        let title = format!(
            "{}, `{}`",
            kind.schema().trim_end_matches("WithEntities"),
            kind.name()
        );
        if !own.is_empty() {
            section(&mut page, &title, kind, &own);
        }
        match mapping {
            Mapping::Raw => {
                let _ = writeln!(
                    page,
                    "\n## {title}\n\nAs the API has it: {}.",
                    codes(document::properties(kind.schema()))
                );
            }
            Mapping::Ocsf => {
                let event = mapping.map(&samples::told(kind, &samples::full(kind)));
                let unmapped = event["unmapped"].as_object().into_iter().flatten();
                let keys: BTreeSet<_> = unmapped.map(|(key, _)| &**key).collect();
                let _ = writeln!(
                    page,
                    "\nIn `unmapped`, of what the API has today: {}.",
                    codes(keys)
                );
            }
            Mapping::Socfortress | Mapping::Ecs => {}
        }
    }
    for table in mapping.tables() {
        let _ = writeln!(
            page,
            "\n## {}\n\n| `{}` | |\n|---|---|",
            table.title, table.schema
        );
        for (value, said) in table.rows {
            let _ = writeln!(page, "| `{value}` | {said} |");
        }
        let _ = writeln!(page, "| others | {} |", table.other);
    }
    page
}

fn is_same(one: &Field, other: &Field) -> bool {
    (one.target, one.form, one.sources, one.how)
        == (other.target, other.form, other.sources, other.how)
}

fn section(page: &mut String, title: &str, kind: Kind, fields: &[&Field]) {
    let _ = writeln!(
        page,
        "\n## {title}\n\n| field | type | from | how | without it |\n|---|---|---|---|---|"
    );
    // Of which nothing is known.
    let mut bare = samples::told(kind, &Value::Null);
    (bare.organization, bare.agent_hostname) = (None, None);
    (bare.account.name, bare.account.subdomain) = (None, None);
    for field in fields {
        let sources: Vec<_> = field.sources.iter().map(|source| from(source)).collect();
        let sources = match sources.is_empty() {
            true => "always the same".to_owned(),
            false => sources.join(", "),
        };
        let how = match (field.how, field.sources.len()) {
            ("", 2..) => "the first that can be read",
            (how, _) => how,
        };
        let without = match field.value(&bare) {
            Some(_) => "always there",
            None => "left out",
        };
        let (target, form) = (field.target, field.form);
        let _ = writeln!(
            page,
            "| `{target}` | {form} | {sources} | {how} | {without} |"
        );
    }
}

fn from(source: &str) -> String {
    match source {
        "*" => "the whole record",
        "@id" => "the record's number",
        "@kind" => "the record's kind",
        "@change" => "whether it was told before",
        "@seen_at" => "when the store got it",
        "@account.id" => "the account's number",
        "@account.name" => "the account's name",
        "@account.subdomain" => "the account's subdomain",
        "@organization.id" => "the organization's number",
        "@organization.name" => "the organization's name",
        "@agent_hostname" => "the agent's hostname",
        "@customer_code" => "the configured code",
        path if path.starts_with('@') => panic!("what is {path}?"),
        path => return format!("`{path}`"),
    }
    .to_owned()
}

fn codes<'k>(keys: impl IntoIterator<Item = &'k str>) -> String {
    let keys = keys.into_iter().map(|key| format!("`{key}`"));
    keys.collect::<Vec<_>>().join(", ")
}
