//! Whether two things of the two documents are the same, but for their names.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::comparer::{Comparer, DEPTH, Nodes};
use super::contract::Operation;
use super::pair::entries;
use super::rename::Telling;
use crate::contract::{SHAPE, identity};

/// Whether two nodes say the same, whatever definitions they say it with. Examples do not
/// count, nor does the order of lists.
pub fn same<'a>(c: &Comparer<'a>, base: &'a Value, new: &'a Value) -> bool {
    same_within(c, base, new, &mut Vec::new())
}

/// `open` has the pairs that this one lies within, where a name led to one of the two: what
/// is within itself is the same if all else is.
fn same_within<'a>(
    c: &Comparer<'a>,
    base: &'a Value,
    new: &'a Value,
    open: &mut Vec<Nodes>,
) -> bool {
    if !c.effort.spend(1) {
        return false;
    }
    match (c.base.names(base), c.new.names(new)) {
        (None, None) => {}
        (Some(a), Some(b)) if c.new_name(a) == b => return true,
        _ => {
            let (Some(base), Some(new)) = (c.base.behind(base), c.new.behind(new)) else {
                return false;
            };
            let nodes: Nodes = [base, new];
            if open.contains(&nodes) {
                return true;
            }
            open.push(nodes);
            let is_same = open.len() <= DEPTH && same_within(c, base, new, open);
            open.pop();
            return is_same;
        }
    }
    match (base, new) {
        (Value::Object(base), Value::Object(new)) => {
            let count = |map: &Map<String, Value>| map.keys().filter(|key| *key != SHAPE).count();
            let mut facts = base.iter().filter(|(key, _)| *key != SHAPE);
            count(base) == count(new)
                && facts.all(|(key, base)| {
                    let new = new.get(key);
                    new.is_some_and(|new| same_within(c, base, new, open))
                })
        }
        (Value::Array(base), Value::Array(new)) => {
            let mut within = |base, new| same_within(c, base, new, open);
            base.len() == new.len()
                && base
                    .iter()
                    .all(|base| new.iter().any(|new| within(base, new)))
        }
        _ => base == new,
    }
}

/// Whether two parameters are, but for their names and places.
pub fn same_parameter<'a>(c: &Comparer<'a>, base: &'a Value, new: &'a Value) -> Option<Telling> {
    let body = match (base.get("schema"), new.get("schema")) {
        (Some(base), Some(new)) => same(c, base, new),
        (None, None) => true,
        _ => false,
    };
    (body && own_facts(base) == own_facts(new)).then(|| telling(base))
}

fn own_facts(parameter: &Value) -> BTreeMap<&str, &Value> {
    let others = ["in", "name", "required", "schema", SHAPE];
    let facts = entries(Some(parameter));
    facts.filter(|(key, _)| !others.contains(key)).collect()
}

/// Whether two operations take and answer the same, the path apart.
pub fn same_operation<'a>(
    c: &Comparer<'a>,
    base: Operation<'a>,
    new: Operation<'a>,
) -> Option<Telling> {
    let (a, b) = (not_in_path(base), not_in_path(new));
    let parameters = base.path_parameters().len() == new.path_parameters().len()
        && a.len() == b.len()
        && a.iter().all(|base| {
            b.iter().any(|new| {
                identity(base, 0) == identity(new, 0) && same_parameter(c, base, new).is_some()
            })
        });
    let has_body = base
        .responses()
        .any(|(_, response)| response.get("schema").is_some());
    let telling = if has_body || !a.is_empty() {
        Telling::Yes
    } else {
        Telling::No
    };
    let is_same = parameters && same(c, &base.node["responses"], &new.node["responses"]);
    is_same.then_some(telling)
}

fn not_in_path(operation: Operation<'_>) -> Vec<&Value> {
    let all = operation.parameters().into_iter();
    all.map(|parameter| parameter.value())
        .filter(|node| node["in"] != "path")
        .collect()
}

/// What can make a schema one that few others are like.
const TELLING: [&str; 7] = [
    "$ref",
    "enum",
    "properties",
    "items",
    "allOf",
    "oneOf",
    "anyOf",
];

/// Whether a schema has a shape that few others have.
pub fn telling(node: &Value) -> Telling {
    let is_large = |key: &str| match node.get(key) {
        Some(Value::Array(items)) => items.len() > 1,
        Some(Value::Object(map)) => {
            map.contains_key("$ref") || map.contains_key("properties") || key == "properties"
        }
        Some(Value::String(_)) => true,
        _ => false,
    };
    if TELLING.into_iter().any(is_large) {
        Telling::Yes
    } else {
        Telling::No
    }
}
