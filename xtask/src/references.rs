//! References that lead back to themselves.
//!
//! `A = {"$ref": B}` beside `B = {"$ref": A}` describes nothing, and whoever follows it never
//! arrives. A list or an object of `A` within `A` is fine: there is something on the way.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail};
use serde_json::Value;

use crate::contract::SHAPE;
use crate::json::escape;
use crate::visible::Several;

/// Fails where something leads back to itself, and says where that is.
pub fn check(contract: &Value) -> Result<()> {
    match circular(contract).as_slice() {
        [] => Ok(()),
        [pointer] => bail!("{pointer} leads back to itself"),
        pointers => Err(Several::new("these lead back to themselves", pointers).into()),
    }
}

/// JSON pointers to the schemas of a contract that are, by `$ref`, by a definition's name as
/// their `type`, or as a part of their `allOf`, `anyOf` or `oneOf`, only themselves again.
fn circular(document: &Value) -> Vec<String> {
    let mut links = BTreeMap::new();
    collect(document, String::new(), document, &mut links);
    // What leads nowhere is on no circle, and neither is what nothing leads to.
    for _ in 0..2 {
        links = without_ends(links);
        links = reversed(&links);
    }
    links.into_keys().collect()
}

/// From each place to those that it is nothing but another name for.
type Links = BTreeMap<String, BTreeSet<String>>;

fn collect(node: &Value, at: String, document: &Value, links: &mut Links) {
    match node {
        Value::Object(map) => {
            let target = map.get("$ref").and_then(Value::as_str);
            let mut targets: BTreeSet<String> = target
                .and_then(|target| target.strip_prefix('#'))
                .map(str::to_owned)
                .into_iter()
                .collect();
            let alias = map.get("type").and_then(Value::as_str);
            let alias = alias.filter(|_| targets.is_empty() && !map.contains_key(SHAPE));
            targets.extend(
                alias
                    .filter(|name| document["definitions"].get(name).is_some())
                    .map(|name| format!("/definitions/{}", escape(name))),
            );
            for key in ["allOf", "anyOf", "oneOf"] {
                let parts = map.get(key).and_then(Value::as_array);
                let parts = parts.map_or(0, Vec::len);
                targets.extend((0..parts).map(|index| format!("{at}/{key}/{index}")));
            }
            if !targets.is_empty() {
                links.insert(at.clone(), targets);
            }
            for (key, value) in map {
                collect(value, format!("{at}/{}", escape(key)), document, links);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                collect(item, format!("{at}/{index}"), document, links);
            }
        }
        _ => {}
    }
}

/// Takes out, again and again, every place that leads nowhere.
fn without_ends(mut links: Links) -> Links {
    let users = reversed(&links);
    let all = users.keys().filter(|place| !links.contains_key(*place));
    let mut ends: Vec<String> = all.cloned().collect();
    while let Some(end) = ends.pop() {
        for user in users.get(&end).into_iter().flatten() {
            if let Some(targets) = links.get_mut(user) {
                targets.remove(&end);
                if targets.is_empty() {
                    links.remove(user);
                    ends.push(user.clone());
                }
            }
        }
    }
    links
}

fn reversed(links: &Links) -> Links {
    let mut reversed = Links::new();
    for (place, targets) in links {
        for target in targets {
            let users = reversed.entry(target.clone()).or_default();
            users.insert(place.clone());
        }
    }
    reversed
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn to(name: &str) -> Value {
        json!({"$ref": format!("#/definitions/{name}")})
    }

    #[track_caller]
    fn finds(definitions: Value, expected: &[&str]) {
        let pointers = circular(&json!({"definitions": definitions}));
        let expected: Vec<_> = expected
            .iter()
            .map(|name| format!("/definitions/{name}"))
            .collect();
        assert_eq!(pointers, expected);
    }

    #[test]
    fn what_is_only_itself_is_found_by_whatever_way_it_is_said() {
        finds(json!({"A": to("A")}), &["A"]);
        finds(json!({"A": {"type": "A"}}), &["A"]);
        finds(json!({"A": to("B"), "B": {"type": "A"}}), &["A", "B"]);
        finds(
            json!({"A": {"allOf": [{"type": "object"}, to("B")]}, "B": to("A")}),
            &["A", "A/allOf/1", "B"],
        );
    }

    #[test]
    fn what_leads_to_a_circle_or_out_of_it_is_not_on_it() {
        finds(
            json!({"In": to("A"), "A": {"anyOf": [to("A"), to("Out")]}, "Out": to("End"), "End": {"type": "object"}}),
            &["A", "A/anyOf/0"],
        );
    }

    #[test]
    fn a_list_or_an_object_of_itself_is_no_circle() {
        finds(
            json!({
                "A": {"type": "array", "items": to("A")},
                "B": {"type": "object", "properties": {"b": to("B"), "next": to("A")}},
                "C": to("B"),
                "D": {"type": "D", SHAPE: {"d": "string"}},
                "Gone": to("Nowhere")
            }),
            &[],
        );
    }

    #[test]
    fn a_chain_of_any_length_ends() {
        let mut definitions = serde_json::Map::new();
        for index in 0..10_000 {
            definitions.insert(format!("A{index}"), to(&format!("A{}", index + 1)));
        }
        finds(definitions.into(), &[]);
    }
}
