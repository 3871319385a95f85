//! The definitions: those that came, went or have another name, and what changed in the
//! others.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::comparer::Comparer;
use super::pair::Pair;
use super::place::{At, Place};
use super::{rename, same, schema};
use crate::drift::rules::rule;

/// Finds the definitions that only have another name, before anything refers to them.
pub fn find_renamed(c: &mut Comparer) {
    let mut removed = only_in(&c.base.definitions, &c.new.definitions);
    let mut added = only_in(&c.new.definitions, &c.base.definitions);
    let pairs = rename::take_pairs(
        &c.effort,
        &mut removed,
        &mut added,
        |name| (*name).to_owned(),
        |base, new| {
            let (base, new) = (c.base.definitions[base], c.new.definitions[new]);
            same::same(c, base, new).then(|| same::telling(base))
        },
    );
    c.renamed = pairs.into_iter().collect();
}

fn only_in<'a>(
    definitions: &BTreeMap<&'a str, &'a Value>,
    other: &BTreeMap<&'a str, &'a Value>,
) -> Vec<&'a str> {
    let names = definitions.keys().copied();
    names.filter(|name| !other.contains_key(name)).collect()
}

pub fn compare(c: &mut Comparer) {
    let references = c.new.references();
    let names: Vec<&str> = c.base.definitions.keys().copied().collect();
    for name in names {
        let new_name = c.new_name(name);
        let pair = Pair::new(c.base.definition(name), c.new.definition(new_name));
        if pair.new.node().is_some() {
            definition(c, name, new_name, pair);
        } else if references.contains(c.new.reference(name).as_str()) {
            let text = format!("the definition `{name}` is gone, but still referred to");
            c.note(rule!("unclassified-change"), &pair, text);
        } else if !c.base.mentions(name) {
            let text = format!("the definition `{name}` is gone");
            c.note(rule!("schema-removed"), &pair, text);
        }
    }
    let renamed: BTreeSet<&str> = c.renamed.values().copied().collect();
    for name in only_in(&c.new.definitions, &c.base.definitions) {
        if !renamed.contains(name) && !c.new.mentions(name) {
            let text = format!("the definition `{name}` is new");
            let pair = Pair::come(c.new.definition(name));
            c.note(rule!("schema-added"), &pair, text);
        }
    }
}

fn definition<'a>(c: &mut Comparer<'a>, name: &'a str, new_name: &'a str, pair: Pair<'a>) {
    let before = c.drafts.len();
    if new_name != name {
        let text = format!("the definition `{name}` is called `{new_name}` now");
        c.note(rule!("schema-renamed"), &pair, text);
    }
    let direction = c.base.direction(name).or(c.new.direction(new_name));
    let at = At::new(Place::Root, direction, new_name.to_owned(), pair);
    schema::compare(c, &at);
    for draft in &mut c.drafts[before..] {
        draft.definition = Some((name.to_owned(), new_name.to_owned()));
    }
}
