//! The list of our keys is whole, and everything on it is used.

use std::collections::BTreeSet;

use serde_json::Value;
use xtask::extensions::{ALL, ID_OF};

/// What an overlay may say, and none has to today.
const IN_RESERVE: [&str; 1] = [ID_OF];

/// Adds every key of ours that stands in it.
fn keys(node: &Value, found: &mut BTreeSet<String>) {
    match node {
        Value::Object(map) => {
            let ours = map.keys().filter(|key| key.starts_with("x-huntress-"));
            found.extend(ours.cloned());
            map.values().for_each(|value| keys(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| keys(item, found)),
        _ => {}
    }
}

#[test]
fn every_key_that_is_used_is_listed_and_every_key_that_is_listed_is_used() {
    let spec = std::path::Path::new(xtask::SPEC_DIR);
    let mut used = BTreeSet::new();
    keys(
        &xtask::json::read(&spec.join("openapi.json")).unwrap(),
        &mut used,
    );
    for entry in std::fs::read_dir(spec.join("overlay")).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        keys(&serde_yaml_ng::from_str(&text).unwrap(), &mut used);
    }
    used.extend(IN_RESERVE.map(str::to_owned));
    assert_eq!(used, ALL.map(str::to_owned).into());
}

#[test]
fn the_list_has_every_constant_and_the_readme_every_key_of_the_document() {
    let list = include_str!("../../codegen/src/extensions.rs");
    assert_eq!(list.matches("\npub const ").count(), ALL.len() + 1);
    let readme = include_str!("../README.md");
    for key in ALL {
        assert!(readme.contains(&format!("`{key}`")), "{key}");
    }
}
