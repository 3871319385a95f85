//! What has changed between two contracts, on the wire.
//!
//! Lists without an order (parameters, required names, values of an enum, tags) are
//! compared as sets, so that a document that is only written in another order is the
//! same. Each changed place gives one [`Draft`]; [`super::judge`] makes changes of them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::rename;
use super::rules::{self, Rule};
use super::same::{telling, unlike};
use super::schema::{At, Place};
use super::spec::{Direction, Spec};
use crate::json::{self, escape};

/// A change of the contract, before it is known what it does to the crate.
#[derive(Clone, Debug)]
pub struct Draft {
    pub rule: &'static Rule,
    /// The operation, where it is one's own: in lower case, and the path in the new
    /// document (in the base where it is gone).
    pub operation: Option<(&'static str, String)>,
    /// The definition, where it is one's own: in the base and in the new document.
    pub definition: Option<(String, String)>,
    /// Where it was; empty where it is new.
    pub base: Option<String>,
    /// Where it is; `None` where it is gone.
    pub new: Option<String>,
    /// What has changed, in words, without the operation.
    pub text: String,
    /// The same has happened to the mirror under a managed account.
    pub mirrored: bool,
}

impl Draft {
    pub fn new(
        rule: &'static Rule,
        base: Option<String>,
        new: Option<String>,
        text: String,
    ) -> Self {
        Self {
            rule,
            operation: None,
            definition: None,
            base,
            new,
            text,
            mirrored: false,
        }
    }
}

/// Compares two contracts of one kind.
pub fn compare(base: &Value, new: &Value) -> Vec<Draft> {
    let mut comparer = Comparer {
        base: Spec::new(base),
        new: Spec::new(new),
        renamed: BTreeMap::new(),
        drafts: Vec::new(),
    };
    comparer.find_renamed_definitions();
    comparer.document();
    comparer.paths();
    comparer.operations();
    comparer.webhooks();
    comparer.definitions();
    if comparer.drafts.is_empty() && !json::alike(base, new) {
        // A gap in the rules must not look like "no drift".
        let text = "the document changed where no rule looks".to_owned();
        let whole = || Some(String::new());
        comparer.note("unclassified-change", whole(), whole(), text);
    }
    comparer.drafts
}

pub(super) struct Comparer<'a> {
    pub base: Spec<'a>,
    pub new: Spec<'a>,
    /// Definitions by their name in the base.
    pub renamed: BTreeMap<&'a str, &'a str>,
    pub drafts: Vec<Draft>,
}

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

impl<'a> Comparer<'a> {
    pub(super) fn note(
        &mut self,
        rule: &str,
        base: Option<String>,
        new: Option<String>,
        text: String,
    ) {
        self.drafts
            .push(Draft::new(rules::get(rule), base, new, text));
    }

    fn document(&mut self) {
        let (base, new) = (self.base.document, self.new.document);
        let pair = |key: &str| (base.get(key), new.get(key));
        for key in unlike(base, new) {
            let rule = match key {
                "host" | "basePath" | "schemes" | "servers" => "server-changed",
                "swagger" | "openapi" => "document-info-changed",
                "security" | "securityDefinitions" => "security-changed",
                "tags" => "tags-changed",
                _ if COMPARED_APART.contains(&key) => continue,
                _ => "unclassified-change",
            };
            let text = match key {
                "tags" => "the list of tags is another".to_owned(),
                _ => was_and_is(&format!("`{key}`"), pair(key)),
            };
            self.at(rule, &escape(key), text);
        }
        let (was, is) = (&base["info"], &new["info"]);
        for key in unlike(was, is) {
            let text = was_and_is(
                &format!("the document's {key}"),
                (was.get(key), is.get(key)),
            );
            self.at(
                "document-info-changed",
                &format!("info/{}", escape(key)),
                text,
            );
        }
        let (was, is) = (&base["components"], &new["components"]);
        for key in unlike(was, is) {
            let (rule, text) = match key {
                "schemas" => continue,
                "securitySchemes" => (
                    "security-changed",
                    "the security schemes are others".to_owned(),
                ),
                _ => {
                    let text = was_and_is(&format!("`{key}`"), (was.get(key), is.get(key)));
                    ("unclassified-change", text)
                }
            };
            self.at(rule, &format!("components/{}", escape(key)), text);
        }
        self.media_types(base, new, "", "");
    }

    /// A change of something that has the same place in both documents.
    fn at(&mut self, rule: &str, at: &str, text: String) {
        let has = |document: &Value| document.pointer(&format!("/{at}")).is_some();
        let base = has(self.base.document).then(|| format!("/{at}"));
        let new = has(self.new.document).then(|| format!("/{at}"));
        self.note(rule, base, new, text);
    }

    pub(super) fn media_types(&mut self, base: &Value, new: &Value, base_at: &str, new_at: &str) {
        for (key, verb) in [("consumes", "accepted"), ("produces", "sent")] {
            let (old, now) = (strings(base.get(key)), strings(new.get(key)));
            for ty in old.difference(&now) {
                let text = format!("{ty} is no longer {verb}");
                let at = Some(format!("{base_at}/{key}"));
                let new = new.get(key).map(|_| format!("{new_at}/{key}"));
                self.note("media-type-removed", at, new, text);
            }
            for ty in now.difference(&old) {
                let text = format!("{ty} is {verb} besides");
                let base = base.get(key).map(|_| format!("{base_at}/{key}"));
                self.note(
                    "media-type-added",
                    base,
                    Some(format!("{new_at}/{key}")),
                    text,
                );
            }
        }
    }

    fn find_renamed_definitions(&mut self) {
        let gone =
            |from: &BTreeMap<&'a str, &'a Value>, other: &BTreeMap<&str, &Value>| -> Vec<&'a str> {
                from.keys()
                    .filter(|name| !other.contains_key(**name))
                    .copied()
                    .collect()
            };
        let removed = gone(&self.base.definitions, &self.new.definitions);
        let added = gone(&self.new.definitions, &self.base.definitions);
        let pairs = rename::pairs(&removed, &added, str::to_owned, |old, new| {
            let (old, new) = (self.base.definitions[old], self.new.definitions[new]);
            self.same(old, new).then(|| telling(old))
        });
        self.renamed = pairs.into_iter().collect();
    }

    fn definitions(&mut self) {
        let olds = self.base.definitions.clone();
        for (name, old) in olds {
            let new_name = self.renamed.get(name).copied().unwrap_or(name);
            let at = self.base.definition_pointer(name);
            let Some(new) = self.new.definitions.get(new_name).copied() else {
                if self.new.refers_to(name) {
                    let text = format!("the definition `{name}` is gone, but still referred to");
                    self.note("unclassified-change", Some(at), None, text);
                } else if !self.base.mentions(name) {
                    let text = format!("the definition `{name}` is gone");
                    self.note("schema-removed", Some(at), None, text);
                }
                continue;
            };
            let new_at = self.new.definition_pointer(new_name);
            let before = self.drafts.len();
            if new_name != name {
                let text = format!("the definition `{name}` is called `{new_name}` now");
                self.note(
                    "schema-renamed",
                    Some(at.clone()),
                    Some(new_at.clone()),
                    text,
                );
            }
            let (was, is) = (self.base.direction(name), self.new.direction(new_name));
            let place = At {
                place: Place::Root,
                direction: Direction {
                    sent: was.sent || is.sent,
                    received: was.received || is.received,
                },
                name: new_name.to_owned(),
                base: at,
                new: new_at,
            };
            self.schema(&place, old, new);
            for draft in &mut self.drafts[before..] {
                draft.definition = Some((name.to_owned(), new_name.to_owned()));
            }
        }
        let renamed: BTreeSet<&str> = self.renamed.values().copied().collect();
        let added: Vec<&str> = self.new.definitions.keys().copied().collect();
        for name in added {
            let known = self.base.definitions.contains_key(name) || renamed.contains(name);
            if !known && !self.new.mentions(name) {
                let at = self.new.definition_pointer(name);
                self.note(
                    "schema-added",
                    None,
                    Some(at),
                    format!("the definition `{name}` is new"),
                );
            }
        }
    }
}

/// A sentence of what something was and is.
pub(super) fn was_and_is(what: &str, (was, is): (Option<&Value>, Option<&Value>)) -> String {
    format!("{what} was {} and is {}", show(was), show(is))
}

/// A value in a sentence.
pub(super) fn show(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "absent".to_owned(),
        Some(Value::String(text)) => format!("`{text}`"),
        Some(other) => format!("`{other}`"),
    }
}

fn strings(value: Option<&Value>) -> BTreeSet<String> {
    let list = value.and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}
