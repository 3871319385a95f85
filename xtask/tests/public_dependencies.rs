//! Which crates' types users of `huntress` meet: those that its `Cargo.toml` lists.
//!
//! A breaking release of any of them is one of ours. rustdoc knows what is public, so it is
//! asked for its JSON, which it still calls unstable.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::{Map, Value};

/// Of the toolchain.
const STANDARD: [&str; 3] = ["alloc", "core", "std"];

fn rustdoc() -> Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let target = root.join(std::env::var("CARGO_TARGET_DIR").unwrap_or("target".to_owned()));
    let output = Command::new(env!("CARGO"))
        .current_dir(root)
        .args([
            "rustdoc",
            "--quiet",
            "-p",
            "huntress",
            "--features",
            "axum,redis",
            "--lib",
            "--",
        ])
        .args(["-Z", "unstable-options", "--output-format", "json"])
        .env("RUSTC_BOOTSTRAP", "1")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let json = std::fs::read_to_string(target.join("doc/huntress.json")).unwrap();
    serde_json::from_str(&json).unwrap()
}

/// The ids of all types and traits that a public item names.
fn named(item: &Value, found: &mut BTreeSet<String>) {
    match item {
        Value::Object(map) => {
            if let Some(id) = map.get("id").filter(|_| map.contains_key("path")) {
                found.insert(id.to_string());
            }
            map.values().for_each(|inner| named(inner, found));
        }
        Value::Array(items) => items.iter().for_each(|inner| named(inner, found)),
        _ => {}
    }
}

fn is_public(item: &Value) -> bool {
    // Variants and the items of traits are as visible as what they are of.
    let visible = matches!(item["visibility"].as_str(), Some("public" | "default"));
    let inner = &item["inner"];
    let implementation = inner.get("impl");
    let for_everything = implementation
        .is_some_and(|of| !of["blanket_impl"].is_null() || of["is_synthetic"] == true);
    visible && !for_everything && inner.get("use").is_none()
}

#[test]
fn the_crates_that_users_meet_are_listed() {
    let doc = rustdoc();
    let empty = Map::new();
    let objects = |key: &str| doc[key].as_object().unwrap_or(&empty).clone();
    let (index, paths, crates) = (
        objects("index"),
        objects("paths"),
        objects("external_crates"),
    );
    let mut ids = BTreeSet::new();
    for item in index
        .values()
        .filter(|item| item["crate_id"] == 0 && is_public(item))
    {
        named(&item["inner"], &mut ids);
    }
    let used: BTreeSet<String> = ids
        .iter()
        .filter_map(|id| paths.get(id)?["crate_id"].as_u64())
        .filter(|id| *id != 0)
        .map(|id| crates[&id.to_string()]["name"].as_str().unwrap())
        .filter(|name| !STANDARD.contains(name))
        // What serde is made of.
        .map(|name| name.replace("serde_core", "serde"))
        .collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let listed = manifest.split_once("public-dependencies = [").unwrap().1;
    let listed: BTreeSet<String> = listed[..listed.find(']').unwrap()]
        .split(',')
        .map(|name| name.trim().trim_matches('"').replace('-', "_"))
        .filter(|name| !name.is_empty())
        .collect();
    assert_eq!(used, listed);
}
