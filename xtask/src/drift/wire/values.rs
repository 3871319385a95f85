//! What has changed of the values that a schema allows: their type, the values of an enum,
//! limits, and what stands beside a reference.

use std::collections::HashSet;

use serde_json::Value;

use super::comparer::Comparer;
use super::pair::{Pair, Side, show};
use super::place::{At, Place};
use super::types::{Range, Type, listed, range_of_formats, range_of_types, shape_changes};
use crate::contract::SHAPE;
use crate::drift::rules::{Aspect, aspect, rule};

const UPPER: [&str; 4] = ["maximum", "maxLength", "maxItems", "maxProperties"];
const LOWER: [&str; 5] = [
    "minimum",
    "minLength",
    "minItems",
    "minProperties",
    "multipleOf",
];
const OTHER_LIMITS: [&str; 4] = [
    "pattern",
    "uniqueItems",
    "exclusiveMaximum",
    "exclusiveMinimum",
];

/// What else is compared, here or by others.
const KNOWN: &str = "$ref additionalProperties allOf anyOf collectionFormat const default \
                     deprecated enum format in items name nullable oneOf properties required \
                     schema type x-deprecated x-nullable";

/// Type and format: `true` where the rest can be compared.
pub fn types<'a>(c: &mut Comparer<'a>, at: &At<'a>) -> bool {
    let (base_node, new_node) = at.pair.values();
    let (base, new) = (Type::of(base_node), Type::of(new_node));
    if base.name != new.name {
        ranged(c, at, range_of_types(&base.name, &new.name));
        return false;
    }
    if base.spelled != new.spelled && base.nullable == new.nullable {
        let text = format!(
            "the type of {at} was spelled {} and is spelled {}",
            show(Some(&base.spelled)),
            show(Some(&new.spelled))
        );
        c.note(rule!("schema-respelled"), &at.pair, text);
    }
    if base.format != new.format {
        let range = range_of_formats(base.format.as_deref(), new.format.as_deref());
        ranged(c, at, range);
    }
    let constant = at.pair.key("const");
    if !constant.is_equal() {
        let text = format!(
            "{at} was always {} and is always {}",
            show(constant.base.node()),
            show(constant.new.node())
        );
        c.note(at.type_rule(aspect!("type-changed")), &at.pair, text);
    }
    if base.nullable != new.nullable {
        let (aspect, what) = if new.nullable {
            (aspect!("became-nullable"), "may be null now")
        } else {
            (aspect!("became-not-nullable"), "is never null now")
        };
        if at.place == Place::Property {
            let text = format!("{at} {what}");
            c.note(at.rule(aspect), &at.pair, text);
        } else {
            unclassified(c, at, "type");
        }
    }
    true
}

fn ranged<'a>(c: &mut Comparer<'a>, at: &At<'a>, range: Range) {
    let aspect = match range {
        Range::Narrower => aspect!("type-narrowed"),
        Range::Wider => aspect!("type-widened"),
        Range::Other => aspect!("type-changed"),
    };
    let text = c.was_and_is(at, &at.pair);
    c.note(at.type_rule(aspect), &at.pair, text);
}

/// Values, limits and flags.
pub fn compare<'a>(c: &mut Comparer<'a>, at: &At<'a>) {
    enums(c, at);
    if !at.pair.key("default").is_equal() {
        let what = format!("the default of {at}");
        let text = at.pair.key("default").was_and_is(&what);
        note_key(c, at, aspect!("default-changed"), "default", text);
    }
    limits(c, at);
    flags(c, at);
}

fn enums<'a>(c: &mut Comparer<'a>, at: &At<'a>) {
    let (base, new) = at.pair.values();
    let pair = at.pair.key("enum");
    match (base["enum"].as_array(), new["enum"].as_array()) {
        (None, None) => {}
        (None, Some(values)) => {
            let values = listed(values);
            let text = format!("{at} took any value and has only {values} now");
            c.note(
                at.rule(aspect!("enum-introduced")),
                &pair.or(&at.pair),
                text,
            );
        }
        (Some(values), None) => {
            let values = listed(values);
            let text = format!("{at} had only {values} and has any value now");
            c.note(at.rule(aspect!("enum-dropped")), &pair.or(&at.pair), text);
        }
        (Some(base), Some(new)) => {
            let (in_base, in_new): (HashSet<_>, HashSet<_>) =
                (base.iter().collect(), new.iter().collect());
            for (index, value) in base.iter().enumerate() {
                if !in_new.contains(value) {
                    let value = show(Some(value));
                    let text = format!("{at} no longer has the value {value}");
                    let place = Pair::gone(pair.base.item(index));
                    c.note(at.rule(aspect!("enum-value-removed")), &place, text);
                }
            }
            for (index, value) in new.iter().enumerate() {
                if !in_base.contains(value) {
                    let value = show(Some(value));
                    let text = format!("{at} has the new value {value}");
                    let place = Pair::come(pair.new.item(index));
                    c.note(at.rule(aspect!("enum-value-added")), &place, text);
                }
            }
        }
    }
}

/// A change of one key of the node. What is new has a place in the base all the same: the
/// node it belongs to.
pub fn note_key(c: &mut Comparer, at: &At, aspect: Aspect, key: &str, text: String) {
    let mut pair = at.pair.key(key);
    if pair.base.node().is_none() {
        pair.base = at.pair.base.clone();
    }
    c.note(at.rule(aspect), &pair, text);
}

fn limits(c: &mut Comparer, at: &At) {
    for key in UPPER.into_iter().chain(LOWER).chain(OTHER_LIMITS) {
        let pair = at.pair.key(key);
        if pair.is_equal() {
            continue;
        }
        let [base, new] = [&pair.base, &pair.new].map(Side::node);
        let numbers = base
            .and_then(Value::as_f64)
            .zip(new.and_then(Value::as_f64));
        let is_looser = match numbers.filter(|_| !OTHER_LIMITS.contains(&key)) {
            Some((base, new)) => (new > base) == UPPER.contains(&key),
            None => new.is_none(),
        };
        let aspect = if is_looser {
            aspect!("constraint-loosened")
        } else {
            aspect!("constraint-tightened")
        };
        let text = pair.was_and_is(&format!("`{key}` of {at}"));
        note_key(c, at, aspect, key, text);
    }
}

fn flags(c: &mut Comparer, at: &At) {
    let is_deprecated = |node: &Value| node["deprecated"] == true || node["x-deprecated"] == true;
    let (base, new) = at.pair.values();
    match (is_deprecated(base), is_deprecated(new)) {
        (false, true) if at.place == Place::Property => {
            let text = format!("{at} is deprecated");
            c.note(at.rule(aspect!("deprecated")), &at.pair, text);
        }
        (base, new) if base != new => unclassified(c, at, "deprecated"),
        _ => {}
    }
    let shape = at.pair.key(SHAPE);
    if !shape.is_alike() {
        let changes = shape_changes(shape.base.node(), shape.new.node());
        let text = format!("the example of {at} {changes}");
        note_key(c, at, aspect!("example-changed"), SHAPE, text);
    }
}

fn unclassified(c: &mut Comparer, at: &At, key: &str) {
    let pair = at.pair.key(key);
    let text = pair.was_and_is(&format!("`{key}` of {at}"));
    c.note(at.unclassified(), &pair, text);
}

/// The keys of which no rule knows.
pub fn others(c: &mut Comparer, at: &At) {
    let is_known = |key: &str| {
        KNOWN.split(' ').any(|known| known == key)
            || key == SHAPE
            || [UPPER.as_slice(), &LOWER, &OTHER_LIMITS]
                .concat()
                .contains(&key)
    };
    for key in at.pair.unlike(is_known) {
        unclassified(c, at, key);
    }
}
