//! References that stand for nothing, because they only lead back to themselves.
//!
//! A definition may have itself within it, as an item of a list has its own list. But one
//! that *is* another, by a `$ref`, by an `allOf` with nothing else, or (as this vendor
//! writes) by its name for a type, must come to an end.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::contract::SHAPE;
use crate::json::{self, escape};

/// The pointers of the definitions that lead back to themselves.
pub fn cycles(document: &Value) -> Vec<String> {
    let definitions_at = match document.get("swagger") {
        Some(_) => "/definitions",
        None => "/components/schemas",
    };
    let definitions = document.pointer(definitions_at).and_then(Value::as_object);
    let entries = definitions.into_iter().flatten();
    let next: BTreeMap<&str, String> = entries
        .filter_map(|(name, node)| Some((name.as_str(), alias(node)?)))
        .collect();
    // On which walk a name was met; each name is met once.
    let mut met: BTreeMap<&str, &str> = BTreeMap::new();
    let mut found = Vec::new();
    for start in next.keys().copied() {
        let mut at = start;
        while let Some(to) = next.get(at)
            && !met.contains_key(at)
        {
            met.insert(at, start);
            at = to;
        }
        if met.get(at) == Some(&start) {
            let cycle = std::iter::successors(Some(at), |name| next.get(*name).map(String::as_str));
            let cycle = cycle.skip(1).take_while(|name| *name != at);
            found.extend(std::iter::once(at).chain(cycle));
        }
    }
    found.sort_unstable();
    found
        .iter()
        .map(|name| format!("{definitions_at}/{}", escape(name)))
        .collect()
}

/// The name of the definition that a node is, and nothing else.
fn alias(node: &Value) -> Option<String> {
    let reference = match node["allOf"].as_array().map(Vec::as_slice) {
        Some([only]) => &only["$ref"],
        _ => &node["$ref"],
    };
    match reference.as_str() {
        Some(pointer) => json::segments(pointer).last(),
        None if node.get("allOf").is_some() || node.get(SHAPE).is_some() => None,
        None => node["type"].as_str().map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_only_leads_to_itself_is_named_and_what_leads_there_is_not() {
        let reference = |name: &str| json!({"$ref": format!("#/definitions/{}", escape(name))});
        let document = json!({"swagger": "2.0", "definitions": {
            "Itself": reference("Itself"),
            "ByName": {"type": "ByName"},
            "One": reference("Other/way"),
            "Other/way": {"allOf": [reference("One")], "description": "words"},
            "To": reference("Itself"),
            "List": {"type": "array", "items": reference("List")},
            "Shaped": {"type": "Shaped", SHAPE: "string"},
            "Two": {"allOf": [reference("Two"), {"type": "object"}]},
            "Nothing": reference("Missing"),
            "string": {"type": "string"},
        }});
        assert_eq!(
            cycles(&document),
            [
                "/definitions/ByName",
                "/definitions/Itself",
                "/definitions/One",
                "/definitions/Other~1way",
                "/definitions/string",
            ]
        );
    }

    #[test]
    fn long_chains_are_walked_once() {
        let to = |to: usize| json!({"$ref": format!("#/components/schemas/A{to}")});
        let chain = (0..20_000).map(|n| (format!("A{n}"), to(n + 1)));
        let schemas: serde_json::Map<_, _> = chain.collect();
        let mut document = json!({"openapi": "3.0.3", "components": {"schemas": schemas}});
        assert!(cycles(&document).is_empty());
        document["components"]["schemas"]["A20000"] = to(0);
        assert_eq!(cycles(&document).len(), 20_001);
    }
}
