//! The parameters of an operation; the body is one of them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::comparer::Comparer;
use super::contract::{Direction, Operation};
use super::join::join;
use super::pair::{Pair, Side};
use super::place::{At, Place};
use super::{rename, same, schema, values};
use crate::drift::rules::rule;

pub fn compare<'a>(c: &mut Comparer<'a>, base: Operation<'a>, new: Operation<'a>) {
    let renamed = std::iter::zip(base.path_parameters(), new.path_parameters());
    let joined = join(
        keyed(base, &renamed.collect()),
        keyed(new, &BTreeMap::new()),
    );
    for (_, base, new) in joined.common {
        parameter(c, &Pair::new(base, new));
    }
    let only = |sides: Vec<(_, Side<'a>)>| sides.into_iter().map(|(_, side)| side);
    let mut removed: Vec<Side> = only(joined.removed).collect();
    let mut added: Vec<Side> = only(joined.added).collect();
    moved(c, &mut removed, &mut added);
    let pairs = rename::take_pairs(
        &c.effort,
        &mut removed,
        &mut added,
        |side| text(side.value(), "name").to_owned(),
        |base, new| {
            let (base, new) = (base.value(), new.value());
            (base["in"] == new["in"]).then(|| same::same_parameter(c, base, new))?
        },
    );
    for (base, new) in pairs {
        let name = text(new.value(), "name");
        let text = format!("the {} is called `{name}` now", name_of(base.value()));
        let pair = Pair::new(base, new);
        c.note(rule!("request-parameter-renamed"), &pair, text);
        required(c, &pair);
    }
    for side in removed {
        gone(c, side);
    }
    for side in added {
        come(c, side);
    }
}

/// The parameters by their place and name; what is sent without its name goes without it.
fn keyed<'a>(
    operation: Operation<'a>,
    renamed: &BTreeMap<&'a str, &'a str>,
) -> Vec<((&'a str, &'a str), Side<'a>)> {
    let key = |node: &'a Value| {
        let name = text(node, "name");
        match text(node, "in") {
            "body" => ("body", ""),
            "path" => ("path", renamed.get(name).copied().unwrap_or(name)),
            place => (place, name),
        }
    };
    let parameters = operation.parameters().into_iter();
    parameters.map(|side| (key(side.value()), side)).collect()
}

/// Takes out what is in another place of the request.
fn moved<'a>(c: &mut Comparer<'a>, removed: &mut Vec<Side<'a>>, added: &mut Vec<Side<'a>>) {
    removed.retain(|base| {
        let node = base.value();
        let found = added.iter().position(|new| {
            let new = new.value();
            new["name"] == node["name"] && same::same_parameter(c, node, new).is_some()
        });
        let Some(new) = found.map(|index| added.remove(index)) else {
            return true;
        };
        let text = format!(
            "the parameter `{}` was in the {} and is in the {}",
            text(node, "name"),
            text(node, "in"),
            text(new.value(), "in")
        );
        let pair = Pair::new(base.clone(), new);
        c.note(rule!("request-parameter-moved"), &pair, text);
        false
    });
}

fn gone<'a>(c: &mut Comparer<'a>, base: Side<'a>) {
    let node = base.value();
    let pair = Pair::gone(base);
    if is_body(node) {
        let text = "it takes no body any more".to_owned();
        c.note(rule!("request-body-removed"), &pair, text);
    } else {
        let text = format!("the {} ({}) is gone", name_of(node), c.base.brief(node));
        c.note(rule!("request-parameter-removed"), &pair, text);
    }
}

fn come<'a>(c: &mut Comparer<'a>, new: Side<'a>) {
    let node = new.value();
    let pair = Pair::come(new);
    let is_required = node["required"] == true;
    let (rule, text) = if is_body(node) {
        let brief = c.new.brief(&node["schema"]);
        if is_required {
            let text = format!("it needs a body now ({brief})");
            (rule!("request-body-added-required"), text)
        } else {
            let text = format!("it takes a body now ({brief})");
            (rule!("request-body-added"), text)
        }
    } else {
        let text = format!("the {} ({}) is new", name_of(node), c.new.brief(node));
        if is_required {
            let text = format!("{text} and required");
            (rule!("request-parameter-added-required"), text)
        } else {
            (rule!("request-parameter-added"), text)
        }
    };
    c.note(rule, &pair, text);
}

fn required(c: &mut Comparer, pair: &Pair) {
    let (base, new) = pair.values();
    let name = name_of(base);
    let (rule, text) = match (base["required"] == true, new["required"] == true) {
        (false, true) => {
            let rule = if is_body(base) {
                rule!("request-body-became-required")
            } else {
                rule!("request-parameter-became-required")
            };
            (rule, format!("the {name} is required now"))
        }
        (true, false) => {
            let rule = if is_body(base) {
                rule!("request-body-became-optional")
            } else {
                rule!("request-parameter-became-optional")
            };
            (rule, format!("the {name} is no longer required"))
        }
        _ if base.get("required") == new.get("required") => return,
        _ => {
            let text = format!("whether the {name} is required is spelled differently");
            (rule!("schema-respelled"), text)
        }
    };
    c.note(rule, pair, text);
}

fn parameter<'a>(c: &mut Comparer<'a>, pair: &Pair<'a>) {
    required(c, pair);
    let (base, new) = pair.values();
    let [base_name, new_name] = [base, new].map(|node| text(node, "name"));
    if base_name != new_name && is_body(base) {
        let text = format!("the body was called `{base_name}` and is called `{new_name}`");
        c.note(rule!("request-body-renamed"), pair, text);
    } else if base_name != new_name {
        let text = format!("the {} is called `{new_name}` now", name_of(base));
        c.note(rule!("path-parameter-renamed"), pair, text);
    }
    if base["collectionFormat"] != new["collectionFormat"] {
        let text = format!(
            "the {} was written as {} and is written as {}",
            name_of(base),
            style(base),
            style(new)
        );
        c.note(rule!("request-parameter-style-changed"), pair, text);
    }
    let name = format!("the {}", name_of(base));
    if is_body(base) {
        let body = At::new(Place::Root, Direction::SENT, name, pair.clone());
        values::others(c, &body);
        let pair = pair.key("schema");
        schema::compare(c, &At { pair, ..body });
    } else {
        let at = At::new(Place::Parameter, Direction::SENT, name, pair.clone());
        schema::compare(c, &at);
    }
}

fn style(node: &Value) -> String {
    match node["collectionFormat"].as_str() {
        Some(style) => format!("`{style}`"),
        None => "`csv`, the default".to_owned(),
    }
}

fn is_body(node: &Value) -> bool {
    node["in"] == "body"
}

fn name_of(node: &Value) -> String {
    if is_body(node) {
        "body".to_owned()
    } else {
        format!("{} parameter `{}`", text(node, "in"), text(node, "name"))
    }
}

fn text<'a>(node: &'a Value, key: &str) -> &'a str {
    node[key].as_str().unwrap_or_default()
}
