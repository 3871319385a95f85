//! Whether two things of the two documents are the same, but for their names.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::compare::Comparer;
use super::rename::Telling;
use super::spec::{Operation, entries};
use crate::contract::SHAPE;
use crate::json;

impl<'a> Comparer<'a> {
    /// Whether two nodes say the same, whatever definitions they say it with. Examples do
    /// not count, nor does the order of lists.
    pub fn same(&self, old: &'a Value, new: &'a Value) -> bool {
        self.same_within(old, new, &mut Vec::new())
    }

    fn same_within(
        &self,
        old: &'a Value,
        new: &'a Value,
        seen: &mut Vec<(&'a str, &'a str)>,
    ) -> bool {
        let (a, b) = (self.base.names(old), self.new.names(new));
        if let (Some(a), Some(b)) = (a, b) {
            if self.renamed.get(a).copied().unwrap_or(a) == b || seen.contains(&(a, b)) {
                return true;
            }
            seen.push((a, b));
        }
        if a.is_some() || b.is_some() {
            return match (self.base.behind(old), self.new.behind(new)) {
                (Some(old), Some(new)) => self.same_within(old, new, seen),
                _ => false,
            };
        }
        match (old, new) {
            (Value::Object(old), Value::Object(new)) => {
                let count =
                    |map: &Map<String, Value>| map.keys().filter(|key| *key != SHAPE).count();
                count(old) == count(new)
                    && old
                        .iter()
                        .filter(|(key, _)| *key != SHAPE)
                        .all(|(key, old)| {
                            new.get(key)
                                .is_some_and(|new| self.same_within(old, new, seen))
                        })
            }
            (Value::Array(old), Value::Array(new)) => {
                old.len() == new.len()
                    && old.iter().all(|old| {
                        new.iter()
                            .any(|new| self.same_within(old, new, &mut seen.clone()))
                    })
            }
            _ => old == new,
        }
    }

    pub(super) fn same_parameter(&self, old: &'a Value, new: &'a Value) -> Option<Telling> {
        let relevant = |key: &str| !["in", "name", "required", "schema", SHAPE].contains(&key);
        let keys = |node: &'a Value| {
            entries(Some(node))
                .filter(|(key, _)| relevant(key))
                .collect::<BTreeMap<_, _>>()
        };
        let body = match (old.get("schema"), new.get("schema")) {
            (Some(old), Some(new)) => self.same(old, new),
            (None, None) => true,
            _ => false,
        };
        (body && keys(old) == keys(new)).then(|| telling(old))
    }

    /// Whether two operations take and answer the same, the path apart.
    pub(super) fn same_operation(&self, old: Operation<'a>, new: Operation<'a>) -> Option<Telling> {
        let others = |operation: Operation<'a>| -> Vec<&'a Value> {
            let all = operation.parameters().into_iter().map(|(_, node)| node);
            all.filter(|node| node["in"] != "path").collect()
        };
        let (a, b) = (others(old), others(new));
        let identity = |node: &Value| crate::contract::identity(node, 0);
        let parameters = old.path_parameters().len() == new.path_parameters().len()
            && a.len() == b.len()
            && a.iter().all(|old| {
                b.iter().any(|new| {
                    identity(old) == identity(new) && self.same_parameter(old, new).is_some()
                })
            });
        let responses = self.same(&old.node["responses"], &new.node["responses"]);
        let has_schema = |operation: Operation| {
            entries(operation.node.get("responses"))
                .any(|(_, response)| response.get("schema").is_some())
        };
        (parameters && responses).then(|| match has_schema(old) || !a.is_empty() {
            true => Telling::Yes,
            false => Telling::No,
        })
    }
}

/// Whether a schema has a shape that few others have.
pub(super) fn telling(node: &Value) -> Telling {
    let large = |key: &str| match node.get(key) {
        Some(Value::Array(items)) => items.len() > 1,
        Some(Value::Object(map)) => {
            map.contains_key("$ref") || map.contains_key("properties") || key == "properties"
        }
        Some(Value::String(_)) => true,
        _ => false,
    };
    match [
        "$ref",
        "enum",
        "properties",
        "items",
        "allOf",
        "oneOf",
        "anyOf",
    ]
    .into_iter()
    .any(large)
    {
        true => Telling::Yes,
        false => Telling::No,
    }
}

/// Equal, lists without their order; what is absent is only like what is absent.
pub(super) fn alike(old: Option<&Value>, new: Option<&Value>) -> bool {
    match (old, new) {
        (Some(old), Some(new)) => json::alike(old, new),
        _ => old.is_none() && new.is_none(),
    }
}

/// The keys of two objects whose values are not alike.
pub(super) fn unlike<'a>(old: &'a Value, new: &'a Value) -> BTreeSet<&'a str> {
    let keys = entries(Some(old)).chain(entries(Some(new)));
    keys.map(|(key, _)| key)
        .filter(|key| !alike(old.get(key), new.get(key)))
        .collect()
}
