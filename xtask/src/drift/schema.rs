//! What has changed between two schemas at one place.
//!
//! A change is judged by the direction in which the value travels: a request that takes
//! more is looser, a response that sends more is not what its readers expect.

use std::collections::BTreeSet;

use serde_json::Value;

use super::compare::{Comparer, Draft, show, was_and_is};
use super::rename;
use super::rules;
use super::same::{alike, telling, unlike};
use super::spec::{Direction, entries};
use super::types::{Range, Type, listed, range_of_formats, range_of_types, shape_changes};
use crate::contract::SHAPE;
use crate::json::escape;

/// What kind of place a schema stands at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Parameter,
    /// A property, or something within one.
    Property,
    /// A whole body or definition.
    Root,
    /// The whole answer of an operation, which wraps its result.
    Envelope,
}

/// Where two schemas stand.
#[derive(Clone, Debug)]
pub(super) struct At {
    pub place: Place,
    pub direction: Direction,
    /// In a sentence.
    pub name: String,
    pub base: String,
    pub new: String,
}

impl At {
    fn inner(&self, place: Place, name: String, step: &str) -> Self {
        Self {
            place,
            direction: self.direction,
            name,
            base: format!("{}/{step}", self.base),
            new: format!("{}/{step}", self.new),
        }
    }

    /// `Agent` has `Agent.os`, and the answer 200 has its `agents`.
    pub(super) fn property(&self, name: &str) -> String {
        match self.place {
            Place::Root | Place::Property if !self.name.contains(' ') => {
                format!("{}.{name}", self.name)
            }
            _ => format!("`{name}` of {}", self.name),
        }
    }

    fn quoted(&self) -> String {
        match self.name.contains(' ') {
            true => self.name.clone(),
            false => format!("`{}`", self.name),
        }
    }
}

const NUMERIC: [(&str, bool); 9] = [
    // The larger the looser?
    ("maximum", true),
    ("maxLength", true),
    ("maxItems", true),
    ("maxProperties", true),
    ("minimum", false),
    ("minLength", false),
    ("minItems", false),
    ("minProperties", false),
    ("multipleOf", false),
];
const OTHER_CONSTRAINTS: [&str; 4] = [
    "pattern",
    "uniqueItems",
    "exclusiveMaximum",
    "exclusiveMinimum",
];

const KNOWN: [&str; 22] = [
    "$ref",
    "additionalProperties",
    "allOf",
    "anyOf",
    "collectionFormat",
    "const",
    "default",
    "deprecated",
    "enum",
    "format",
    "in",
    "items",
    "name",
    "nullable",
    "oneOf",
    "properties",
    "required",
    "schema",
    "type",
    "x-deprecated",
    "x-nullable",
    SHAPE,
];

impl<'a> Comparer<'a> {
    /// Notes every difference of two schemas.
    pub fn schema(&mut self, at: &At, old: &'a Value, new: &'a Value) {
        if old == new || !self.follow(at, old, new) {
            return;
        }
        if !self.types(at, old, new) {
            return;
        }
        self.values(at, old, new);
        self.constraints(at, old, new);
        self.flags(at, old, new);
        self.properties(at, old, new);
        self.items(at, old, new);
        self.others(at, old, new);
    }

    fn emit(
        &mut self,
        at: &At,
        aspect: &str,
        base: Option<String>,
        new: Option<String>,
        text: String,
    ) {
        let rule = match (at.place, at.direction) {
            (
                _,
                Direction {
                    sent: false,
                    received: false,
                },
            ) => rules::get("unused-schema-changed"),
            (Place::Parameter, _) => rules::get(&format!("request-parameter-{aspect}")),
            (Place::Root | Place::Envelope, direction) if aspect == "type-changed" => {
                let way = if direction.received {
                    "response"
                } else {
                    "request"
                };
                rules::get(&format!("{way}-body-type-changed"))
            }
            (_, Direction { sent, received }) => {
                let ways = [(received, "response"), (sent, "request")];
                let rules = ways.into_iter().filter(|(set, _)| *set);
                let rules =
                    rules.filter_map(|(_, way)| rules::find(&format!("{way}-property-{aspect}")));
                // The worse of the two; of equals the first.
                rules
                    .reduce(|a, b| if b.wire > a.wire { b } else { a })
                    .expect("a rule for the aspect")
            }
        };
        self.drafts.push(Draft::new(rule, base, new, text));
    }

    fn here(&mut self, at: &At, aspect: &str, text: String) {
        self.emit(
            at,
            aspect,
            Some(at.base.clone()),
            Some(at.new.clone()),
            text,
        );
    }

    /// References: `true` where the two schemas are to be compared as they stand.
    fn follow(&mut self, at: &At, old: &'a Value, new: &'a Value) -> bool {
        let (a, b) = (self.base.names(old), self.new.names(new));
        let texts = || (self.base.brief(old), self.new.brief(new));
        match (a, b) {
            (None, None) => true,
            (Some(a), Some(b)) if self.renamed.get(a).copied().unwrap_or(a) == b => {
                // `{"type": "Account"}` and `{"$ref": …}` are one reference.
                if old.get("$ref").is_some() != new.get("$ref").is_some() {
                    let text = format!(
                        "{} is spelled as another kind of reference to `{b}`",
                        at.quoted()
                    );
                    self.as_schema("schema-respelled", at, text);
                }
                // What stands beside the reference.
                self.values(at, old, new);
                self.constraints(at, old, new);
                self.flags(at, old, new);
                self.others(at, old, new);
                false
            }
            (Some(_), Some(_)) => {
                let (was, is) = texts();
                let text = format!("{} was {was} and is {is}", at.quoted());
                match self.same(old, new) {
                    true => {
                        self.as_schema("schema-moved", at, format!("{text}, of the same shape"))
                    }
                    false => self.here(at, "type-changed", text),
                }
                false
            }
            _ => {
                let (was, is) = texts();
                let resolved = (
                    a.map_or(old, |name| self.base.definitions[name]),
                    b.map_or(new, |name| self.new.definitions[name]),
                );
                let inner = At {
                    base: a.map_or(at.base.clone(), |name| self.base.definition_pointer(name)),
                    new: b.map_or(at.new.clone(), |name| self.new.definition_pointer(name)),
                    ..at.clone()
                };
                let before = self.drafts.len();
                let both_objects = [resolved.0, resolved.1]
                    .iter()
                    .all(|node| node.get("properties").is_some());
                if both_objects {
                    self.schema(&inner, resolved.0, resolved.1);
                    if self.drafts.len() == before {
                        let text =
                            format!("{} was {was} and is {is}, of the same shape", at.quoted());
                        self.as_schema("schema-moved", at, text);
                    }
                } else {
                    self.here(
                        at,
                        "type-changed",
                        format!("{} was {was} and is {is}", at.quoted()),
                    );
                }
                false
            }
        }
    }

    fn as_schema(&mut self, rule: &str, at: &At, text: String) {
        self.drafts.push(Draft::new(
            rules::get(rule),
            Some(at.base.clone()),
            Some(at.new.clone()),
            text,
        ));
    }

    /// Type and format: `true` where the rest can be compared.
    pub(super) fn types(&mut self, at: &At, old: &'a Value, new: &'a Value) -> bool {
        let (was, is) = (Type::of(old), Type::of(new));
        if was.name != is.name {
            self.ranged(at, range_of_types(&was.name, &is.name), old, new);
            return false;
        }
        if was.spelled != is.spelled && was.nullable == is.nullable {
            let text = format!(
                "the type of {} was spelled {} and is spelled {}",
                at.quoted(),
                show(Some(&was.spelled)),
                show(Some(&is.spelled))
            );
            self.as_schema("schema-respelled", at, text);
        }
        if was.format != is.format {
            self.ranged(at, range_of_formats(&was.format, &is.format), old, new);
        }
        if old.get("const") != new.get("const") {
            let text = format!(
                "{} was always {} and is always {}",
                at.quoted(),
                show(old.get("const")),
                show(new.get("const"))
            );
            self.here(at, "type-changed", text);
        }
        if was.nullable != is.nullable {
            let (aspect, text) = match is.nullable {
                true => ("became-nullable", "may be null now"),
                false => ("became-not-nullable", "is never null now"),
            };
            let text = format!("{} {text}", at.quoted());
            match at.place {
                Place::Property => self.here(at, aspect, text),
                _ => self.unclassified(at, "type", old, new),
            }
        }
        true
    }

    fn ranged(&mut self, at: &At, range: Range, old: &'a Value, new: &'a Value) {
        let text = format!(
            "{} was {} and is {}",
            at.quoted(),
            self.base.brief(old),
            self.new.brief(new)
        );
        let aspect = match range {
            _ if matches!(at.place, Place::Root | Place::Envelope) => "type-changed",
            Range::Narrower => "type-narrowed",
            Range::Wider => "type-widened",
            Range::Other => "type-changed",
        };
        self.here(at, aspect, text);
    }

    pub(super) fn values(&mut self, at: &At, old: &'a Value, new: &'a Value) {
        let list = |node: &'a Value| node["enum"].as_array().map(Vec::as_slice);
        let places = (format!("{}/enum", at.base), format!("{}/enum", at.new));
        match (list(old), list(new)) {
            (None, None) => {}
            (None, Some(values)) => {
                let text = format!(
                    "{} took any value and has only {} now",
                    at.quoted(),
                    listed(values)
                );
                self.emit(
                    at,
                    "enum-introduced",
                    Some(at.base.clone()),
                    Some(places.1),
                    text,
                );
            }
            (Some(values), None) => {
                let text = format!(
                    "{} had only {} and has any value now",
                    at.quoted(),
                    listed(values)
                );
                self.emit(
                    at,
                    "enum-dropped",
                    Some(places.0),
                    Some(at.new.clone()),
                    text,
                );
            }
            (Some(olds), Some(news)) => {
                for (index, value) in olds
                    .iter()
                    .enumerate()
                    .filter(|(_, value)| !news.contains(value))
                {
                    let text = format!(
                        "{} no longer has the value {}",
                        at.quoted(),
                        show(Some(value))
                    );
                    self.emit(
                        at,
                        "enum-value-removed",
                        Some(format!("{}/{index}", places.0)),
                        None,
                        text,
                    );
                }
                for (index, value) in news
                    .iter()
                    .enumerate()
                    .filter(|(_, value)| !olds.contains(value))
                {
                    let text = format!("{} has the new value {}", at.quoted(), show(Some(value)));
                    self.emit(
                        at,
                        "enum-value-added",
                        None,
                        Some(format!("{}/{index}", places.1)),
                        text,
                    );
                }
            }
        }
        if old.get("default") != new.get("default") {
            let what = format!("the default of {}", at.quoted());
            let text = was_and_is(&what, (old.get("default"), new.get("default")));
            self.keyed(at, "default-changed", "default", old, new, text);
        }
    }

    /// A change of one key of the node.
    fn keyed(&mut self, at: &At, aspect: &str, key: &str, old: &Value, new: &Value, text: String) {
        let base = old.get(key).map(|_| format!("{}/{key}", at.base));
        let new = new.get(key).map(|_| format!("{}/{key}", at.new));
        // What is new or gone has a place all the same: the node it belongs to.
        let base = base.or_else(|| new.is_some().then(|| at.base.clone()));
        self.emit(at, aspect, base, new, text);
    }

    fn constraints(&mut self, at: &At, old: &'a Value, new: &'a Value) {
        for (key, larger_is_looser) in NUMERIC {
            let (was, is) = (old.get(key), new.get(key));
            if was == is {
                continue;
            }
            let loosened = match (was.and_then(Value::as_f64), is.and_then(Value::as_f64)) {
                (Some(was), Some(is)) => (is > was) == larger_is_looser,
                (was, _) => was.is_some(),
            };
            self.constraint(at, key, loosened, old, new);
        }
        for key in OTHER_CONSTRAINTS {
            if old.get(key) != new.get(key) {
                self.constraint(at, key, new.get(key).is_none(), old, new);
            }
        }
    }

    fn constraint(&mut self, at: &At, key: &str, loosened: bool, old: &Value, new: &Value) {
        let aspect = if loosened {
            "constraint-loosened"
        } else {
            "constraint-tightened"
        };
        let what = format!("`{key}` of {}", at.quoted());
        let text = was_and_is(&what, (old.get(key), new.get(key)));
        self.keyed(at, aspect, key, old, new, text);
    }

    fn flags(&mut self, at: &At, old: &'a Value, new: &'a Value) {
        let deprecated = |node: &Value| node["deprecated"] == true || node["x-deprecated"] == true;
        match (deprecated(old), deprecated(new)) {
            (false, true) if at.place == Place::Property => {
                self.here(at, "deprecated", format!("{} is deprecated", at.quoted()));
            }
            (was, is) if was != is => self.unclassified(at, "deprecated", old, new),
            _ => {}
        }
        if !alike(old.get(SHAPE), new.get(SHAPE)) {
            let changes = shape_changes(old.get(SHAPE), new.get(SHAPE));
            let text = format!("the example of {} {changes}", at.quoted());
            self.keyed(at, "example-changed", SHAPE, old, new, text);
        }
    }

    fn unclassified(&mut self, at: &At, key: &str, old: &Value, new: &Value) {
        let what = format!("`{key}` of {}", at.quoted());
        let text = was_and_is(&what, (old.get(key), new.get(key)));
        let step = escape(key);
        self.drafts.push(Draft::new(
            match at.direction {
                Direction {
                    sent: false,
                    received: false,
                } => rules::get("unused-schema-changed"),
                _ => rules::get("unclassified-change"),
            },
            old.get(key).map(|_| format!("{}/{step}", at.base)),
            new.get(key).map(|_| format!("{}/{step}", at.new)),
            text,
        ));
    }

    fn properties(&mut self, at: &At, old: &'a Value, new: &'a Value) {
        let required = |node: &'a Value| -> BTreeSet<&'a str> {
            let list = node["required"].as_array().into_iter().flatten();
            list.filter_map(Value::as_str).collect()
        };
        let (must, musts) = (required(old), required(new));
        let mut removed: Vec<(&str, &'a Value)> = Vec::new();
        for (name, was) in entries(old.get("properties")) {
            let Some(is) = new["properties"].get(name) else {
                removed.push((name, was));
                continue;
            };
            let inner = at.inner(
                Place::Property,
                at.property(name),
                &format!("properties/{}", escape(name)),
            );
            self.presence(&inner, must.contains(name), musts.contains(name));
            self.schema(&inner, was, is);
        }
        let mut added: Vec<(&str, &'a Value)> = entries(new.get("properties"))
            .filter(|(name, _)| old["properties"].get(name).is_none())
            .collect();
        let pairs = rename::pairs(
            &removed,
            &added,
            |(name, _)| name.to_owned(),
            |(_, old), (_, new)| self.same(old, new).then(|| telling(old)),
        );
        for ((old, _), (new, _)) in &pairs {
            removed.retain(|(name, _)| name != old);
            added.retain(|(name, _)| name != new);
            let inner = At {
                place: Place::Property,
                direction: at.direction,
                name: at.property(new),
                base: format!("{}/properties/{}", at.base, escape(old)),
                new: format!("{}/properties/{}", at.new, escape(new)),
            };
            let text = format!(
                "`{}` is called `{new}` now",
                at.property(old).replace('`', "")
            );
            match at.place {
                Place::Envelope => {
                    let text = format!("the result stood under `{old}` and stands under `{new}`");
                    self.as_schema("response-envelope-changed", &inner, text);
                }
                _ => self.here(&inner, "renamed", text),
            }
            self.presence(&inner, must.contains(old), musts.contains(new));
        }
        for (name, was) in removed {
            let place = Some(format!("{}/properties/{}", at.base, escape(name)));
            let inner = At {
                place: Place::Property,
                name: at.property(name),
                ..at.clone()
            };
            if at.place == Place::Envelope {
                let text = format!("{} ({}) is gone", inner.quoted(), self.base.brief(was));
                self.drafts.push(Draft::new(
                    rules::get("response-envelope-changed"),
                    place,
                    None,
                    text,
                ));
                continue;
            }
            let text = format!("{} ({}) is gone", inner.quoted(), self.base.brief(was));
            self.emit(&inner, "removed", place, None, text);
        }
        for (name, is) in added {
            let place = Some(format!("{}/properties/{}", at.new, escape(name)));
            let inner = At {
                place: Place::Property,
                name: at.property(name),
                ..at.clone()
            };
            let required = musts.contains(name);
            let decided = is.get("default").is_some();
            let (aspect, text) = match at.direction.sent {
                true if required => ("added-required", "is new and required".to_owned()),
                true if decided => {
                    let default = show(is.get("default"));
                    (
                        "added-default",
                        format!("is new, and {default} where it is left out"),
                    )
                }
                _ => ("added", "is new".to_owned()),
            };
            let text = format!("{} ({}) {text}", inner.quoted(), self.new.brief(is));
            self.emit(&inner, aspect, None, place, text);
        }
        // Required, but not declared.
        let declared = |name: &&str| {
            [old, new]
                .iter()
                .any(|node| node["properties"].get(*name).is_some())
        };
        let undeclared: BTreeSet<&str> = must
            .symmetric_difference(&musts)
            .filter(|name| !declared(name))
            .copied()
            .collect();
        for name in undeclared {
            let inner = At {
                place: Place::Property,
                name: at.property(name),
                ..at.clone()
            };
            self.presence(&inner, must.contains(name), musts.contains(name));
        }
    }

    fn presence(&mut self, at: &At, was: bool, is: bool) {
        match (was, is) {
            (false, true) => self.here(
                at,
                "became-required",
                format!("{} is required now", at.quoted()),
            ),
            (true, false) => self.here(
                at,
                "became-optional",
                format!("{} is no longer required", at.quoted()),
            ),
            _ => {}
        }
    }

    fn items(&mut self, at: &At, old: &'a Value, new: &'a Value) {
        let place = match at.place {
            Place::Parameter => Place::Parameter,
            _ => Place::Property,
        };
        let (was, is) = (&old["items"], &new["items"]);
        let inner = at.inner(place, format!("an item of {}", at.quoted()), "items");
        match (was.is_object(), is.is_object()) {
            (true, true) => self.schema(&inner, was, is),
            _ if old.get("items") != new.get("items") => {
                let text = format!(
                    "{} was {} and is {}",
                    at.quoted(),
                    self.base.brief(old),
                    self.new.brief(new)
                );
                self.here(
                    &At {
                        place,
                        ..at.clone()
                    },
                    "type-changed",
                    text,
                );
            }
            _ => {}
        }
        const EXTRA: &str = "additionalProperties";
        let (was, is) = (&old[EXTRA], &new[EXTRA]);
        match (was.is_object(), is.is_object()) {
            (true, true) => {
                let inner = at.inner(place, format!("a value of {}", at.quoted()), EXTRA);
                self.schema(&inner, was, is);
            }
            _ if old.get(EXTRA) != new.get(EXTRA) => {
                let width = |node: &Value| match node {
                    Value::Bool(false) => 0,
                    Value::Object(_) => 1,
                    _ => 2,
                };
                let text = format!(
                    "the other keys of {} were {} and are {}",
                    at.quoted(),
                    show(old.get(EXTRA)),
                    show(new.get(EXTRA))
                );
                let aspect = match width(is).cmp(&width(was)) {
                    std::cmp::Ordering::Less => "type-narrowed",
                    std::cmp::Ordering::Greater => "type-widened",
                    std::cmp::Ordering::Equal => "type-changed",
                };
                self.keyed(
                    &At {
                        place,
                        ..at.clone()
                    },
                    aspect,
                    EXTRA,
                    old,
                    new,
                    text,
                );
            }
            _ => {}
        }
        for key in ["allOf", "anyOf", "oneOf"] {
            self.members(
                &At {
                    place,
                    ..at.clone()
                },
                key,
                old,
                new,
            );
        }
    }

    fn members(&mut self, at: &At, key: &str, old: &'a Value, new: &'a Value) {
        let list = |node: &'a Value| node[key].as_array().map(Vec::as_slice).unwrap_or_default();
        let (olds, news) = (list(old), list(new));
        let mut left: Vec<usize> = (0..news.len()).collect();
        let mut unmatched = Vec::new();
        for (index, was) in olds.iter().enumerate() {
            match left
                .iter()
                .position(|other| alike(Some(was), Some(&news[*other])))
            {
                Some(found) => drop(left.remove(found)),
                None => unmatched.push(index),
            }
        }
        if unmatched.len() != left.len() {
            let text = format!(
                "{} was {} of {} and is {} of {}",
                at.quoted(),
                key,
                olds.len(),
                key,
                news.len()
            );
            self.keyed(at, "type-changed", key, old, new, text);
            return;
        }
        for (i, j) in unmatched.into_iter().zip(left) {
            let inner = At {
                base: format!("{}/{key}/{i}", at.base),
                new: format!("{}/{key}/{j}", at.new),
                ..at.clone()
            };
            self.schema(&inner, &olds[i], &news[j]);
        }
    }

    pub fn others(&mut self, at: &At, old: &'a Value, new: &'a Value) {
        let known = |key: &str| {
            KNOWN.contains(&key)
                || OTHER_CONSTRAINTS.contains(&key)
                || NUMERIC.iter().any(|(known, _)| *known == key)
        };
        let keys = unlike(old, new).into_iter();
        for key in keys.filter(|key| !known(key)) {
            self.unclassified(at, key, old, new);
        }
    }
}
