//! The head of the document, and what stands beside the operations.

use std::collections::BTreeSet;

use super::comparer::Comparer;
use super::contract::METHODS;
use super::join::join;
use super::pair::{Pair, Side};
use crate::contract::anonymous_path;
use crate::drift::rules::rule;

/// What of a document is compared piece by piece.
const COMPARED_APART: [&str; 7] = [
    "components",
    "consumes",
    "definitions",
    "info",
    "paths",
    "produces",
    "webhooks",
];

pub fn compare(c: &mut Comparer, whole: &Pair) {
    for key in whole.unlike(|key| COMPARED_APART.contains(&key)) {
        let rule = match key {
            "host" | "basePath" | "schemes" | "servers" => rule!("server-changed"),
            "swagger" | "openapi" => rule!("document-info-changed"),
            "security" | "securityDefinitions" => rule!("security-changed"),
            "tags" => rule!("tags-changed"),
            _ => rule!("unclassified-change"),
        };
        let pair = whole.key(key);
        let text = match key {
            "tags" => "the list of tags is another".to_owned(),
            _ => pair.was_and_is(&format!("`{key}`")),
        };
        c.note(rule, &pair, text);
    }
    let info = whole.key("info");
    for key in info.unlike(|_| false) {
        let pair = info.key(key);
        let text = pair.was_and_is(&format!("the document's {key}"));
        c.note(rule!("document-info-changed"), &pair, text);
    }
    let components = whole.key("components");
    for key in components.unlike(|key| key == "schemas") {
        let pair = components.key(key);
        if key == "securitySchemes" {
            let text = "the security schemes are others".to_owned();
            c.note(rule!("security-changed"), &pair, text);
        } else {
            let text = pair.was_and_is(&format!("`{key}`"));
            c.note(rule!("unclassified-change"), &pair, text);
        }
    }
    media_types(c, whole);
    paths(c, &whole.key("paths"));
}

/// The media types of a document or of an operation.
pub fn media_types(c: &mut Comparer, pair: &Pair) {
    for (key, verb) in [("consumes", "accepted"), ("produces", "sent")] {
        let pair = pair.key(key);
        let (base, new) = (strings(&pair.base), strings(&pair.new));
        for ty in base.difference(&new) {
            let text = format!("{ty} is no longer {verb}");
            c.note(rule!("media-type-removed"), &pair, text);
        }
        for ty in new.difference(&base) {
            let text = format!("{ty} is {verb} besides");
            c.note(rule!("media-type-added"), &pair, text);
        }
    }
}

fn strings<'a>(side: &Side<'a>) -> BTreeSet<&'a str> {
    let strings = side.items().iter().filter_map(|item| item.as_str());
    strings.collect()
}

/// What a path has beside its operations.
fn paths(c: &mut Comparer, paths: &Pair) {
    let keyed = |(path, _)| (anonymous_path(path), path);
    let (base, new) = (paths.base.entries(), paths.new.entries());
    for (_, base, new) in join(base.map(keyed), new.map(keyed)).common {
        let path = paths.keys(base, new);
        for key in path.unlike(|key| METHODS.contains(&key)) {
            let pair = path.key(key);
            let text = pair.was_and_is(&format!("`{key}` of {new}"));
            c.note(rule!("unclassified-change"), &pair, text);
        }
    }
}
