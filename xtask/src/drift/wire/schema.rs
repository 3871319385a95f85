//! What has changed between two schemas at one place, and between what is within them.
//!
//! A change is judged by the direction in which the value travels: a request that takes
//! more is looser, a response that sends more is not what its readers expect.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use serde_json::Value;

use super::comparer::{Comparer, DEPTH, Nodes};
use super::join::{Joined, join};
use super::pair::{Pair, show};
use super::place::{At, Place};
use super::{rename, same, values};
use crate::drift::rules::{aspect, rule};
use crate::json;

/// Notes every difference of two schemas.
pub fn compare<'a>(c: &mut Comparer<'a>, at: &At<'a>) {
    if at.pair.is_equal() || !follow(c, at) || !values::types(c, at) {
        return;
    }
    values::compare(c, at);
    properties(c, at);
    let value = at.as_value();
    items(c, &value);
    other_keys(c, &value);
    for key in ["allOf", "anyOf", "oneOf"] {
        members(c, &value, key);
    }
    values::others(c, at);
}

/// References: `true` where the two schemas are to be compared as they stand.
fn follow<'a>(c: &mut Comparer<'a>, at: &At<'a>) -> bool {
    let (base, new) = at.pair.values();
    match (c.base.names(base), c.new.names(new)) {
        (None, None) => return true,
        (Some(a), Some(b)) if c.new_name(a) == b => {
            // `{"type": "Account"}` and `{"$ref": …}` are one reference.
            if base.get("$ref").is_some() != new.get("$ref").is_some() {
                let text = format!("{at} is spelled as another kind of reference to `{b}`");
                c.note(rule!("schema-respelled"), &at.pair, text);
            }
            // What stands beside the reference.
            values::compare(c, at);
            values::others(c, at);
        }
        (Some(_), Some(_)) => {
            let text = c.was_and_is(at, &at.pair);
            if same::same(c, base, new) {
                let text = format!("{text}, of the same shape");
                c.note(rule!("schema-moved"), &at.pair, text);
            } else {
                c.note(at.type_rule(aspect!("type-changed")), &at.pair, text);
            }
        }
        (a, b) => {
            let mut inner = at.pair.clone();
            if let Some(name) = a {
                inner.base = c.base.definition(name);
            }
            if let Some(name) = b {
                inner.new = c.new.definition(name);
            }
            defined_or_not(c, at, inner);
        }
    }
    false
}

/// What has become a definition, or is none any more; `inner` is what is behind the names.
fn defined_or_not<'a>(c: &mut Comparer<'a>, at: &At<'a>, inner: Pair<'a>) {
    let text = c.was_and_is(at, &at.pair);
    let (base, new) = inner.values();
    if base.get("properties").is_none() || new.get("properties").is_none() {
        c.note(at.type_rule(aspect!("type-changed")), &at.pair, text);
        return;
    }
    let nodes: Nodes = [base, new];
    if c.open.contains(&nodes) || c.open.len() == DEPTH || !c.effort.spend(1) {
        return;
    }
    let before = c.drafts.len();
    c.open.push(nodes);
    let pair = inner;
    compare(c, &At { pair, ..at.clone() });
    c.open.pop();
    if c.drafts.len() == before {
        let text = format!("{text}, of the same shape");
        c.note(rule!("schema-moved"), &at.pair, text);
    }
}

fn properties<'a>(c: &mut Comparer<'a>, at: &At<'a>) {
    let pair = at.pair.key("properties");
    let (base, new) = at.pair.values();
    let (base_required, new_required) = (required(base), required(new));
    let Joined {
        common,
        mut removed,
        mut added,
    } = join(pair.base.entries(), pair.new.entries());
    for (name, ..) in common {
        let inner = at.property(name, pair.key(name));
        let is_required = (base_required.contains(name), new_required.contains(name));
        presence(c, &inner, is_required);
        compare(c, &inner);
    }
    let pairs = rename::take_pairs(
        &c.effort,
        &mut removed,
        &mut added,
        |(name, _)| (*name).to_owned(),
        |(_, base), (_, new)| same::same(c, base, new).then(|| same::telling(base)),
    );
    for ((base, _), (new, _)) in pairs {
        let inner = at.property(new, pair.keys(base, new));
        renamed(c, at, &inner, base, new);
        let is_required = (base_required.contains(base), new_required.contains(new));
        presence(c, &inner, is_required);
    }
    for (name, node) in removed {
        let inner = at.property(name, pair.key(name));
        let text = format!("{inner} ({}) is gone", c.base.brief(node));
        let rule = if at.place == Place::Envelope {
            rule!("response-envelope-changed")
        } else {
            inner.rule(aspect!("removed"))
        };
        c.note(rule, &inner.pair, text);
    }
    for (name, node) in added {
        let inner = at.property(name, pair.key(name));
        come(c, &inner, node, new_required.contains(name));
    }
    let declared = |name: &str| {
        [base, new]
            .iter()
            .any(|n| n["properties"].get(name).is_some())
    };
    let required = base_required.symmetric_difference(&new_required);
    for name in required.filter(|name| !declared(name)) {
        let inner = at.property(name, at.pair.clone());
        let is_required = (base_required.contains(name), new_required.contains(name));
        presence(c, &inner, is_required);
    }
}

fn required(schema: &Value) -> BTreeSet<&str> {
    let list = schema["required"].as_array().into_iter().flatten();
    list.filter_map(Value::as_str).collect()
}

fn renamed<'a>(c: &mut Comparer<'a>, at: &At<'a>, inner: &At<'a>, base: &str, new: &str) {
    if at.place == Place::Envelope {
        let text = format!("the result stood under `{base}` and stands under `{new}`");
        c.note(rule!("response-envelope-changed"), &inner.pair, text);
    } else {
        let base = at.property_name(base).replace('`', "");
        let text = format!("`{base}` is called `{new}` now");
        c.note(inner.rule(aspect!("renamed")), &inner.pair, text);
    }
}

fn come<'a>(c: &mut Comparer<'a>, at: &At<'a>, node: &'a Value, is_required: bool) {
    let (aspect, what) = if at.direction.sent && is_required {
        (aspect!("added-required"), "is new and required".to_owned())
    } else if let (true, Some(default)) = (at.direction.sent, node.get("default")) {
        let default = show(Some(default));
        let what = format!("is new, and {default} where it is left out");
        (aspect!("added-default"), what)
    } else {
        (aspect!("added"), "is new".to_owned())
    };
    let text = format!("{at} ({}) {what}", c.new.brief(node));
    c.note(at.rule(aspect), &at.pair, text);
}

/// Whether a property is required, in the base and in the new document.
fn presence(c: &mut Comparer, at: &At, is_required: (bool, bool)) {
    let (aspect, what) = match is_required {
        (false, true) => (aspect!("became-required"), "is required now"),
        (true, false) => (aspect!("became-optional"), "is no longer required"),
        _ => return,
    };
    let text = format!("{at} {what}");
    c.note(at.rule(aspect), &at.pair, text);
}

fn items<'a>(c: &mut Comparer<'a>, at: &At<'a>) {
    let pair = at.pair.key("items");
    let (base, new) = pair.values();
    if base.is_object() && new.is_object() {
        let name = format!("an item of {at}");
        compare(c, &at.within(name, pair));
    } else if !pair.is_equal() {
        let text = c.was_and_is(at, &at.pair);
        c.note(at.rule(aspect!("type-changed")), &at.pair, text);
    }
}

/// What may be under keys that are not declared.
fn other_keys<'a>(c: &mut Comparer<'a>, at: &At<'a>) {
    const KEY: &str = "additionalProperties";
    let pair = at.pair.key(KEY);
    let (base, new) = pair.values();
    if base.is_object() && new.is_object() {
        let name = format!("a value of {at}");
        compare(c, &at.within(name, pair));
    } else if !pair.is_equal() {
        let width = |node: &Value| match node {
            Value::Bool(false) => 0,
            Value::Object(_) => 1,
            _ => 2,
        };
        let aspect = match width(new).cmp(&width(base)) {
            Ordering::Less => aspect!("type-narrowed"),
            Ordering::Greater => aspect!("type-widened"),
            Ordering::Equal => aspect!("type-changed"),
        };
        let text = format!(
            "the other keys of {at} were {} and are {}",
            show(pair.base.node()),
            show(pair.new.node())
        );
        values::note_key(c, at, aspect, KEY, text);
    }
}

/// The schemas of which all, any or one must fit: those that are not alike, in their order.
fn members<'a>(c: &mut Comparer<'a>, at: &At<'a>, key: &str) {
    let pair = at.pair.key(key);
    let (base, new) = (pair.base.items(), pair.new.items());
    let keyed = |(index, node)| (json::unordered_text(node), index);
    let joined = join(
        base.iter().enumerate().map(keyed),
        new.iter().enumerate().map(keyed),
    );
    if joined.removed.len() != joined.added.len() {
        let (base, new) = (base.len(), new.len());
        let text = format!("{at} was {key} of {base} and is {key} of {new}");
        values::note_key(c, at, aspect!("type-changed"), key, text);
        return;
    }
    for ((_, i), (_, j)) in joined.removed.into_iter().zip(joined.added) {
        let pair = pair.items(i, j);
        compare(c, &At { pair, ..at.clone() });
    }
}
