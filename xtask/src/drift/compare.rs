//! What has changed between two contracts, on the wire.
//!
//! Lists without an order (parameters, required names, values of an enum, tags) are
//! compared as sets, so that a document that is only written in another order is the
//! same. Each changed place gives one [`Draft`]; [`super::judge`] makes changes of them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::rename::{self, Telling};
use super::rules::{self, Rule};
use super::schema::{At, Place};
use super::spec::{Direction, METHODS, Operation, Spec, entries};
use crate::contract::{SHAPE, anonymous_path};
use crate::generate::mirror;
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

/// What is known by a rule or compared elsewhere.
const DOCUMENT_KEYS: [&str; 16] = [
    "basePath",
    "components",
    "consumes",
    "definitions",
    "host",
    "info",
    "openapi",
    "paths",
    "produces",
    "schemes",
    "security",
    "securityDefinitions",
    "servers",
    "swagger",
    "tags",
    "webhooks",
];
const OPERATION_KEYS: [&str; 9] = [
    "consumes",
    "deprecated",
    "operationId",
    "parameters",
    "produces",
    "requestBody",
    "responses",
    "security",
    "tags",
];

impl<'a> Comparer<'a> {
    fn note(&mut self, rule: &str, base: Option<String>, new: Option<String>, text: String) {
        self.drafts.push(Draft {
            rule: rules::get(rule),
            operation: None,
            definition: None,
            base,
            new,
            text,
            mirrored: false,
        });
    }

    fn document(&mut self) {
        let (base, new) = (self.base.document, self.new.document);
        for key in ["host", "basePath", "schemes", "servers"] {
            if !alike(base.get(key), new.get(key)) {
                let text = format!(
                    "`{key}` was {} and is {}",
                    show(base.get(key)),
                    show(new.get(key))
                );
                self.at("server-changed", key, text);
            }
        }
        let keys = |document: &'a Value| entries(document.get("info")).map(|(key, _)| key);
        let keys: BTreeSet<&str> = keys(base).chain(keys(new)).collect();
        for key in keys {
            let (old, now) = (base["info"].get(key), new["info"].get(key));
            if old != now {
                let text = format!(
                    "the document's {key} was {} and is {}",
                    show(old),
                    show(now)
                );
                self.at("document-info-changed", &format!("info/{key}"), text);
            }
        }
        for key in ["swagger", "openapi"] {
            if base.get(key) != new.get(key) {
                let text = format!(
                    "`{key}` was {} and is {}",
                    show(base.get(key)),
                    show(new.get(key))
                );
                self.at("document-info-changed", key, text);
            }
        }
        for key in ["security", "securityDefinitions"] {
            if !alike(base.get(key), new.get(key)) {
                let text = format!(
                    "`{key}` was {} and is {}",
                    show(base.get(key)),
                    show(new.get(key))
                );
                self.at("security-changed", key, text);
            }
        }
        let schemes = |document: &'a Value| document.pointer("/components/securitySchemes");
        if !alike(schemes(base), schemes(new)) {
            let text = "the security schemes are others".to_owned();
            self.at("security-changed", "components/securitySchemes", text);
        }
        if !alike(base.get("tags"), new.get("tags")) {
            self.at(
                "tags-changed",
                "tags",
                "the list of tags is another".to_owned(),
            );
        }
        self.media_types(base, new, "", "");
        self.other_keys("", &DOCUMENT_KEYS);
        self.other_keys("components/", &["schemas", "securitySchemes"]);
    }

    /// What no rule knows of an object that has the same place in both documents.
    fn other_keys(&mut self, place: &str, known: &[&str]) {
        let object =
            |document: &'a Value| document.pointer(format!("/{place}").trim_end_matches('/'));
        let (base, new) = (object(self.base.document), object(self.new.document));
        let keys = entries(base).chain(entries(new)).map(|(key, _)| key);
        let keys: BTreeSet<&str> = keys.filter(|key| !known.contains(key)).collect();
        for key in keys {
            let (was, is) = (
                base.and_then(|node| node.get(key)),
                new.and_then(|node| node.get(key)),
            );
            if !alike(was, is) {
                let text = format!("`{key}` was {} and is {}", show(was), show(is));
                self.at(
                    "unclassified-change",
                    &format!("{place}{}", escape(key)),
                    text,
                );
            }
        }
    }

    /// A change of something that has the same place in both documents.
    fn at(&mut self, rule: &str, at: &str, text: String) {
        let has = |document: &Value| document.pointer(&format!("/{at}")).is_some();
        let base = has(self.base.document).then(|| format!("/{at}"));
        let new = has(self.new.document).then(|| format!("/{at}"));
        self.note(rule, base, new, text);
    }

    fn media_types(&mut self, base: &Value, new: &Value, base_at: &str, new_at: &str) {
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

    // Operations.

    fn operations(&mut self) {
        let (olds, news) = (self.base.operations(), self.new.operations());
        let key = |operation: &Operation| (operation.method, operation.anonymous());
        let mut new_by_key: BTreeMap<_, _> = news.iter().map(|new| (key(new), *new)).collect();
        let mut common = Vec::new();
        let mut removed = Vec::new();
        for old in olds {
            match new_by_key.remove(&key(&old)) {
                Some(new) => common.push((old, new)),
                None => removed.push(old),
            }
        }
        let mut added: Vec<Operation> = new_by_key.into_values().collect();

        let methods = rename::pairs(&removed, &added, Operation::anonymous_name, |old, new| {
            (old.anonymous() == new.anonymous()).then(|| self.same_operation(old, new))?
        });
        self.moved(
            &methods,
            "operation-method-changed",
            &mut removed,
            &mut added,
        );
        let paths = rename::pairs(&removed, &added, Operation::anonymous_name, |old, new| {
            (old.method == new.method && self.is_mirror(old) == self.is_mirror(new))
                .then(|| self.same_operation(old, new))?
        });
        self.moved(&paths, "operation-moved", &mut removed, &mut added);

        let mut drafts: Vec<(String, Draft)> = Vec::new();
        for old in removed {
            let text = "it is gone".to_owned();
            let draft =
                self.of_operation("operation-removed", old, Some(old.pointer()), None, text);
            drafts.push((old.path.to_owned(), draft));
        }
        for new in added {
            let text = "it is new".to_owned();
            let draft = self.of_operation("operation-added", new, None, Some(new.pointer()), text);
            drafts.push((new.path.to_owned(), draft));
        }
        self.fold_whole(drafts);

        let scoped: BTreeMap<_, _> = common
            .iter()
            .filter(|(old, _)| self.is_mirror(*old))
            .map(|(old, new)| {
                (
                    (old.method, mirror::original(&old.anonymous_named())),
                    (*old, *new),
                )
            })
            .collect();
        let mut seen = BTreeSet::new();
        for (old, new) in &common {
            if self.is_mirror(*old) {
                continue;
            }
            let own = self.operation(*old, *new);
            match scoped.get(&(old.method, old.anonymous_named())) {
                Some((scoped_old, scoped_new)) => {
                    seen.insert((scoped_old.method, scoped_old.path));
                    let theirs = self.operation(*scoped_old, *scoped_new);
                    self.fold(own, theirs, *old, *scoped_old);
                }
                None => self.drafts.extend(own),
            }
        }
        for (old, new) in &common {
            if self.is_mirror(*old) && !seen.contains(&(old.method, old.path)) {
                let own = self.operation(*old, *new);
                self.drafts.extend(own);
            }
        }
    }

    /// What a path says besides its operations.
    fn paths(&mut self) {
        let of = |document: &'a Value| -> BTreeMap<String, (&'a str, &'a Value)> {
            let paths = entries(document.get("paths"));
            paths
                .map(|(path, item)| (anonymous_path(path), (path, item)))
                .collect()
        };
        let (olds, news) = (of(self.base.document), of(self.new.document));
        for (key, (old_path, old)) in olds {
            let Some((new_path, new)) = news.get(&key) else {
                continue;
            };
            let keys = entries(Some(old)).chain(entries(Some(new)));
            let keys: BTreeSet<&str> = keys
                .map(|(key, _)| key)
                .filter(|key| !METHODS.contains(key))
                .collect();
            for key in keys {
                let (was, is) = (old.get(key), new.get(key));
                if !alike(was, is) {
                    let text = format!(
                        "`{key}` of {new_path} was {} and is {}",
                        show(was),
                        show(is)
                    );
                    let at = |path: &str| format!("/paths/{}/{}", escape(path), escape(key));
                    let (base, new) = (was.map(|_| at(old_path)), is.map(|_| at(new_path)));
                    self.note("unclassified-change", base, new, text);
                }
            }
        }
    }

    fn is_mirror(&self, operation: Operation) -> bool {
        operation.path.starts_with(mirror::PREFIX)
    }

    fn of_operation(
        &self,
        rule: &str,
        operation: Operation,
        base: Option<String>,
        new: Option<String>,
        text: String,
    ) -> Draft {
        Draft {
            rule: rules::get(rule),
            operation: Some((operation.method, operation.path.to_owned())),
            definition: None,
            base,
            new,
            text,
            mirrored: false,
        }
    }

    fn moved(
        &mut self,
        pairs: &[(Operation<'a>, Operation<'a>)],
        rule: &str,
        removed: &mut Vec<Operation<'a>>,
        added: &mut Vec<Operation<'a>>,
    ) {
        let mut drafts = Vec::new();
        for (old, new) in pairs {
            removed.retain(|operation| operation.pointer() != old.pointer());
            added.retain(|operation| operation.pointer() != new.pointer());
            let text = match rule {
                "operation-moved" => format!("it was at {}", old.path),
                _ => format!("it was called by {}", old.method.to_uppercase()),
            };
            let places = (Some(old.pointer()), Some(new.pointer()));
            let draft = self.of_operation(rule, *new, places.0, places.1, text);
            drafts.push((old.path.to_owned(), draft));
        }
        self.fold_whole(drafts);
    }

    /// Reports an operation and its mirror that came, went or moved together once. The
    /// drafts come with the path in the document that had them first.
    fn fold_whole(&mut self, drafts: Vec<(String, Draft)>) {
        let key = |draft: &Draft| (draft.rule.id, draft.operation.clone().map(|(m, _)| m));
        let present: Vec<_> = drafts
            .iter()
            .map(|(path, draft)| (path.clone(), key(draft)))
            .collect();
        for (path, mut draft) in drafts {
            if path.starts_with(mirror::PREFIX)
                && present.contains(&(mirror::original(&path), key(&draft)))
            {
                continue;
            }
            let mirror = path.replacen("/v1/", mirror::PREFIX, 1);
            draft.mirrored = present.contains(&(mirror, key(&draft)));
            self.drafts.push(draft);
        }
    }

    /// Reports what changed alike in an operation and its mirror once, and what changed
    /// in one of them only as an inexact mirror.
    fn fold(&mut self, own: Vec<Draft>, mut theirs: Vec<Draft>, old: Operation, scoped: Operation) {
        let relative = |draft: &Draft, at: &str| {
            let strip = |pointer: &Option<String>| {
                let pointer = pointer.as_deref()?;
                Some(
                    self.by_identity(pointer)
                        .replacen(&self.by_identity(at), "", 1),
                )
            };
            (
                draft.rule.id,
                strip(&draft.base).or(strip(&draft.new)),
                draft.text.clone(),
            )
        };
        let mut folded = Vec::new();
        for mut draft in own {
            let key = relative(&draft, &old.pointer());
            let twin = theirs
                .iter()
                .position(|twin| relative(twin, &scoped.pointer()) == key);
            match twin {
                Some(index) => {
                    theirs.remove(index);
                    draft.mirrored = true;
                    folded.push(draft);
                }
                None => folded.push(inexact(draft, "only here, not in its mirror")),
            }
        }
        let theirs = theirs.into_iter();
        folded.extend(
            theirs.map(|draft| inexact(draft, "only in this mirror, not in the operation")),
        );
        self.drafts.extend(folded);
    }

    /// `/…/parameters/3/…` with the parameter's name for its position.
    fn by_identity(&self, pointer: &str) -> String {
        let mut parts: Vec<String> = pointer.split('/').map(str::to_owned).collect();
        if let Some(index) = parts.iter().position(|part| part == "parameters")
            && let Some(position) = parts
                .get(index + 1)
                .and_then(|part| part.parse::<usize>().ok())
        {
            let upto = parts[..=index + 1].join("/");
            let node = self
                .base
                .document
                .pointer(&upto)
                .or(self.new.document.pointer(&upto));
            if let Some(node) = node {
                parts[index + 1] = crate::contract::identity(node, position);
            }
        }
        parts.join("/")
    }

    /// What changed in an operation that both documents have.
    fn operation(&mut self, old: Operation<'a>, new: Operation<'a>) -> Vec<Draft> {
        let before = std::mem::take(&mut self.drafts);
        let (base_at, new_at) = (old.pointer(), new.pointer());
        self.media_types(old.node, new.node, &base_at, &new_at);
        let places = || (Some(base_at.clone()), Some(new_at.clone()));
        match (
            old.node["deprecated"] == true,
            new.node["deprecated"] == true,
        ) {
            (false, true) => {
                self.note(
                    "operation-deprecated",
                    places().0,
                    places().1,
                    "it is deprecated".to_owned(),
                );
            }
            (true, false) => {
                let text = "it is no longer deprecated".to_owned();
                self.note("operation-undeprecated", places().0, places().1, text);
            }
            _ => {}
        }
        let keys = entries(Some(old.node))
            .chain(entries(Some(new.node)))
            .map(|(key, _)| key);
        let keys: BTreeSet<&str> = keys.collect();
        for key in keys {
            let (was, is) = (old.node.get(key), new.node.get(key));
            let rule = match key {
                "operationId" => "operation-id-changed",
                "tags" => "tags-changed",
                "security" => "security-changed",
                _ if OPERATION_KEYS.contains(&key) => continue,
                _ => "unclassified-change",
            };
            if !alike(was, is) {
                let text = format!("`{key}` was {} and is {}", show(was), show(is));
                let base = was.map(|_| format!("{base_at}/{}", escape(key)));
                let new = is.map(|_| format!("{new_at}/{}", escape(key)));
                self.note(rule, base, new, text);
            }
        }
        self.parameters(old, new);
        self.responses(old, new);
        let mut own = std::mem::replace(&mut self.drafts, before);
        for draft in &mut own {
            draft.operation = Some((new.method, new.path.to_owned()));
        }
        own
    }

    fn parameters(&mut self, old: Operation<'a>, new: Operation<'a>) {
        let in_path: BTreeMap<&str, &str> =
            std::iter::zip(old.path_parameters(), new.path_parameters()).collect();
        let key = |node: &Value, renamed: bool| {
            let name = node["name"].as_str().unwrap_or_default();
            let name = match node["in"].as_str() {
                Some("body") => "",
                Some("path") if renamed => in_path.get(name).copied().unwrap_or(name),
                _ => name,
            };
            (
                node["in"].as_str().unwrap_or_default().to_owned(),
                name.to_owned(),
            )
        };
        let (olds, mut news) = (old.parameters(), new.parameters());
        let mut removed = Vec::new();
        for (at, node) in &olds {
            let found = news
                .iter()
                .position(|(_, other)| key(other, false) == key(node, true));
            match found.map(|index| news.remove(index)) {
                Some((new_at, other)) => self.parameter(at, node, &new_at, other),
                None => removed.push((at.as_str(), *node)),
            }
        }
        let mut added: Vec<(&str, &'a Value)> =
            news.iter().map(|(at, node)| (at.as_str(), *node)).collect();

        // In another place of the request.
        removed.retain(|(at, node)| {
            let found = added.iter().position(|(_, other)| {
                other["name"] == node["name"] && self.same_parameter(node, other).is_some()
            });
            let Some((new_at, other)) = found.map(|index| added.remove(index)) else {
                return true;
            };
            let text = format!(
                "the parameter `{}` was in the {} and is in the {}",
                text_of(node, "name"),
                text_of(node, "in"),
                text_of(other, "in")
            );
            self.note(
                "request-parameter-moved",
                Some((*at).to_owned()),
                Some(new_at.to_owned()),
                text,
            );
            false
        });
        let pairs = rename::pairs(
            &removed,
            &added,
            |(_, node): (&str, &Value)| text_of(node, "name"),
            |(_, old), (_, new)| (old["in"] == new["in"]).then(|| self.same_parameter(old, new))?,
        );
        for ((at, node), (new_at, other)) in pairs {
            removed.retain(|(other, _)| *other != at);
            added.retain(|(other, _)| *other != new_at);
            let text = format!(
                "the {} is called `{}` now",
                parameter_name(node),
                text_of(other, "name")
            );
            self.note(
                "request-parameter-renamed",
                Some(at.to_owned()),
                Some(new_at.to_owned()),
                text,
            );
            self.required(node, other, at, new_at);
        }
        for (at, node) in removed {
            let at = Some(at.to_owned());
            if node["in"] == "body" {
                self.note(
                    "request-body-removed",
                    at,
                    None,
                    "it takes no body any more".to_owned(),
                );
            } else {
                let text = format!(
                    "the {} ({}) is gone",
                    parameter_name(node),
                    self.base.brief(node)
                );
                self.note("request-parameter-removed", at, None, text);
            }
        }
        for (at, node) in added {
            let at = Some(at.to_owned());
            let brief = self.new.brief(node);
            match (node["in"] == "body", node["required"] == true) {
                (true, true) => {
                    let text = format!("it needs a body now ({})", self.new.brief(&node["schema"]));
                    self.note("request-body-added-required", None, at, text);
                }
                (true, false) => {
                    let text = format!("it takes a body now ({})", self.new.brief(&node["schema"]));
                    self.note("request-body-added", None, at, text);
                }
                (false, true) => {
                    let text =
                        format!("the {} ({brief}) is new and required", parameter_name(node));
                    self.note("request-parameter-added-required", None, at, text);
                }
                (false, false) => {
                    let text = format!("the {} ({brief}) is new", parameter_name(node));
                    self.note("request-parameter-added", None, at, text);
                }
            }
        }
    }

    fn required(&mut self, old: &Value, new: &Value, at: &str, new_at: &str) {
        let what = if old["in"] == "body" {
            "body"
        } else {
            "parameter"
        };
        let name = parameter_name(old);
        let (rule, text) = match (old["required"] == true, new["required"] == true) {
            (false, true) => ("became-required", format!("the {name} is required now")),
            (true, false) => (
                "became-optional",
                format!("the {name} is no longer required"),
            ),
            _ if old.get("required") == new.get("required") => return,
            _ => {
                let text = format!("whether the {name} is required is spelled differently");
                let (at, new_at) = (Some(at.to_owned()), Some(new_at.to_owned()));
                return self.note("schema-respelled", at, new_at, text);
            }
        };
        let rule = format!("request-{what}-{rule}");
        self.note(&rule, Some(at.to_owned()), Some(new_at.to_owned()), text);
    }

    fn parameter(&mut self, at: &str, old: &'a Value, new_at: &str, new: &'a Value) {
        self.required(old, new, at, new_at);
        let places = || (Some(at.to_owned()), Some(new_at.to_owned()));
        if old["name"] != new["name"] {
            let (rule, what) = match old["in"] == "body" {
                true => ("request-body-renamed", "the body".to_owned()),
                false => (
                    "path-parameter-renamed",
                    format!("the {}", parameter_name(old)),
                ),
            };
            let text = match old["in"] == "body" {
                true => format!(
                    "{what} was called `{}` and is called `{}`",
                    text_of(old, "name"),
                    text_of(new, "name")
                ),
                false => format!("{what} is called `{}` now", text_of(new, "name")),
            };
            self.note(rule, places().0, places().1, text);
        }
        if old["collectionFormat"] != new["collectionFormat"] {
            let style = |node: &Value| match node["collectionFormat"].as_str() {
                Some(style) => format!("`{style}`"),
                None => "`csv`, the default".to_owned(),
            };
            let text = format!(
                "the {} was written as {} and is written as {}",
                parameter_name(old),
                style(old),
                style(new)
            );
            self.note(
                "request-parameter-style-changed",
                places().0,
                places().1,
                text,
            );
        }
        let sent = Direction {
            sent: true,
            received: false,
        };
        if old["in"] == "body" {
            let whole = At {
                place: Place::Root,
                direction: sent,
                name: "the body".to_owned(),
                base: at.to_owned(),
                new: new_at.to_owned(),
            };
            self.others(&whole, old, new);
            let at = At {
                base: format!("{at}/schema"),
                new: format!("{new_at}/schema"),
                ..whole
            };
            self.schema(&at, &old["schema"], &new["schema"]);
        } else {
            let at = At {
                place: Place::Parameter,
                direction: sent,
                name: format!("the {}", parameter_name(old)),
                base: at.to_owned(),
                new: new_at.to_owned(),
            };
            self.schema(&at, old, new);
        }
    }

    fn responses(&mut self, old: Operation<'a>, new: Operation<'a>) {
        let (base_at, new_at) = (
            format!("{}/responses", old.pointer()),
            format!("{}/responses", new.pointer()),
        );
        let (olds, news): (BTreeMap<_, _>, BTreeMap<_, _>) = (
            entries(old.node.get("responses")).collect(),
            entries(new.node.get("responses")).collect(),
        );
        let success = |status: &&&str| status.starts_with('2');
        let gone: Vec<&str> = olds
            .keys()
            .filter(|status| !news.contains_key(**status))
            .copied()
            .collect();
        let come: Vec<&str> = news
            .keys()
            .filter(|status| !olds.contains_key(**status))
            .copied()
            .collect();
        let mut common: Vec<(&str, &str)> = olds
            .keys()
            .filter(|status| news.contains_key(**status))
            .map(|s| (*s, *s))
            .collect();
        let gone_success: Vec<&str> = gone.iter().filter(success).copied().collect();
        let come_success: Vec<&str> = come.iter().filter(success).copied().collect();
        let mut changed = Vec::new();
        if let ([was], [is]) = (gone_success.as_slice(), come_success.as_slice()) {
            let text = format!("success was {was} and is {is}");
            let places = (
                Some(format!("{base_at}/{was}")),
                Some(format!("{new_at}/{is}")),
            );
            self.note("success-status-changed", places.0, places.1, text);
            common.push((was, is));
            changed = vec![*was, *is];
        }
        for status in gone.iter().filter(|status| !changed.contains(status)) {
            let (rule, what) = match status.starts_with('2') {
                true => ("success-status-removed", "success"),
                false => ("error-status-removed", "error"),
            };
            let text = format!("the {what} {status} is no longer documented");
            self.note(rule, Some(format!("{base_at}/{status}")), None, text);
        }
        for status in come.iter().filter(|status| !changed.contains(status)) {
            let (rule, what) = match status.starts_with('2') {
                true => ("success-status-added", "success"),
                false => ("error-status-added", "error"),
            };
            let text = format!("the {what} {status} is documented besides");
            self.note(rule, None, Some(format!("{new_at}/{status}")), text);
        }
        for (was, is) in common {
            self.response(
                is,
                olds[was],
                news[is],
                &format!("{base_at}/{was}"),
                &format!("{new_at}/{is}"),
            );
        }
    }

    fn response(
        &mut self,
        status: &str,
        old: &'a Value,
        new: &'a Value,
        base_at: &str,
        new_at: &str,
    ) {
        let keys = entries(Some(old))
            .chain(entries(Some(new)))
            .map(|(key, _)| key);
        let keys: BTreeSet<&str> = keys
            .filter(|key| !["schema", SHAPE].contains(key))
            .collect();
        for key in keys {
            let (was, is) = (old.get(key), new.get(key));
            if !alike(was, is) {
                let text = format!(
                    "`{key}` of the answer {status} was {} and is {}",
                    show(was),
                    show(is)
                );
                let base = was.map(|_| format!("{base_at}/{}", escape(key)));
                let new = is.map(|_| format!("{new_at}/{}", escape(key)));
                self.note("unclassified-change", base, new, text);
            }
        }
        let (was, is) = (old.get("schema"), new.get("schema"));
        let places = (
            was.map(|_| format!("{base_at}/schema")),
            is.map(|_| format!("{new_at}/schema")),
        );
        if !status.starts_with('2') {
            let same = match (was, is) {
                (Some(was), Some(is)) => {
                    self.same(was, is) && alike(Some(&beside(was)), Some(&beside(is)))
                }
                (was, is) => was.is_none() && is.is_none(),
            };
            if !same {
                let text = format!("the body of the error {status} is another");
                let here = (Some(base_at.to_owned()), Some(new_at.to_owned()));
                self.note(
                    "error-body-changed",
                    places.0.or(here.0),
                    places.1.or(here.1),
                    text,
                );
            }
            return;
        }
        match (was, is) {
            (None, None) => {}
            (Some(was), None) => {
                let text = format!(
                    "the answer {status} has no body any more; it was {}",
                    self.base.brief(was)
                );
                self.note("response-body-removed", places.0, None, text);
            }
            (None, Some(is)) => {
                let text = format!("the answer {status} has a body: {}", self.new.brief(is));
                self.note("response-body-added", None, places.1, text);
            }
            (Some(was), Some(is)) => {
                let at = At {
                    place: Place::Envelope,
                    direction: Direction {
                        sent: false,
                        received: true,
                    },
                    name: format!("the answer {status}"),
                    base: format!("{base_at}/schema"),
                    new: format!("{new_at}/schema"),
                };
                if was.get("properties").is_some() != is.get("properties").is_some() {
                    let text = format!(
                        "{} was {} and is {}",
                        at.name,
                        self.base.brief(was),
                        self.new.brief(is)
                    );
                    self.note(
                        "response-envelope-changed",
                        Some(at.base),
                        Some(at.new),
                        text,
                    );
                } else {
                    self.schema(&at, was, is);
                }
            }
        }
    }

    // Webhooks.

    fn webhooks(&mut self) {
        let of = |document: &'a Value| -> BTreeMap<&'a str, &'a Value> {
            entries(document.get("webhooks")).collect()
        };
        let (olds, mut news) = (of(self.base.document), of(self.new.document));
        let mut removed: Vec<(&str, &'a Value)> = Vec::new();
        for (name, old) in olds {
            let at = format!("/webhooks/{}", escape(name));
            match news.remove(name) {
                Some(new) => self.webhook(name, &at, old, &at, new),
                None => removed.push((name, old)),
            }
        }
        let mut added: Vec<(&str, &'a Value)> = news.into_iter().collect();
        let pairs = rename::pairs(
            &removed,
            &added,
            |(name, _)| name.to_owned(),
            |(_, old), (_, new)| self.same(old, new).then_some(Telling::Yes),
        );
        for ((old, _), (new, _)) in pairs {
            removed.retain(|(name, _)| *name != old);
            added.retain(|(name, _)| *name != new);
            let text = format!("the event `{old}` is called `{new}` now");
            let places = [old, new].map(|name| Some(format!("/webhooks/{}", escape(name))));
            let [base, new] = places;
            self.note("webhook-renamed", base, new, text);
        }
        for (name, _) in removed {
            let at = Some(format!("/webhooks/{}", escape(name)));
            self.note(
                "webhook-removed",
                at,
                None,
                format!("the event `{name}` is gone"),
            );
        }
        for (name, _) in added {
            let at = Some(format!("/webhooks/{}", escape(name)));
            self.note(
                "webhook-added",
                None,
                at,
                format!("the event `{name}` is new"),
            );
        }
    }

    fn webhook(&mut self, name: &str, at: &str, old: &'a Value, new_at: &str, new: &'a Value) {
        const SCHEMA: &str = "/post/requestBody/content/application~1json/schema";
        match (old.pointer(SCHEMA), new.pointer(SCHEMA)) {
            (Some(was), Some(is)) => {
                let place = At {
                    place: Place::Root,
                    direction: Direction {
                        sent: false,
                        received: true,
                    },
                    name: format!("the event `{name}`"),
                    base: format!("{at}{SCHEMA}"),
                    new: format!("{new_at}{SCHEMA}"),
                };
                self.schema(&place, was, is);
            }
            (was, is) if was.is_some() != is.is_some() => {
                let text = format!("the body of the event `{name}` is another");
                self.note(
                    "unclassified-change",
                    Some(at.to_owned()),
                    Some(new_at.to_owned()),
                    text,
                );
            }
            _ => {}
        }
        let without = |node: &Value| {
            let mut node = node.clone();
            if let Some(schema) = node.pointer_mut(SCHEMA) {
                *schema = Value::Null;
            }
            node
        };
        if !alike(Some(&without(old)), Some(&without(new))) {
            let text = format!("something about the event `{name}` besides its body is another");
            self.note(
                "unclassified-change",
                Some(at.to_owned()),
                Some(new_at.to_owned()),
                text,
            );
        }
    }

    // Definitions.

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

    // Shapes.

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
            let old = a.map_or(old, |name| self.base.definitions[name]);
            let new = b.map_or(new, |name| self.new.definitions[name]);
            return self.same_within(old, new, seen);
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

    fn same_parameter(&self, old: &'a Value, new: &'a Value) -> Option<Telling> {
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
    fn same_operation(&self, old: Operation<'a>, new: Operation<'a>) -> Option<Telling> {
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

impl<'a> Operation<'a> {
    fn anonymous_name(self) -> String {
        self.anonymous()
    }

    /// The path with its own parameters left blank, but the account of a mirror named, as
    /// [`mirror::PREFIX`] has it.
    fn anonymous_named(&self) -> String {
        match self.path.strip_prefix(mirror::PREFIX) {
            Some(_) => format!(
                "{}{}",
                mirror::PREFIX,
                &self.anonymous()["/v1/accounts/{}/".len()..]
            ),
            None => self.anonymous(),
        }
    }
}

/// Which changes of one side alone make no mirror inexact: they are not compared there.
const NOT_MIRRORED: [&str; 3] = ["operation-id-changed", "tags-changed", "error-body-changed"];

fn inexact(draft: Draft, whose: &str) -> Draft {
    if NOT_MIRRORED.contains(&draft.rule.id) {
        return draft;
    }
    Draft {
        rule: rules::get("mirror-inexact"),
        text: format!("{whose}: {}", draft.text),
        ..draft
    }
}

/// What stands beside a reference.
fn beside(node: &Value) -> Value {
    let mut node = node.clone();
    if let Some(map) = node.as_object_mut() {
        map.remove("$ref");
    }
    node
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

fn text_of(node: &Value, key: &str) -> String {
    node[key].as_str().unwrap_or_default().to_owned()
}

fn parameter_name(node: &Value) -> String {
    match node["in"] == "body" {
        true => "body".to_owned(),
        false => format!(
            "{} parameter `{}`",
            text_of(node, "in"),
            text_of(node, "name")
        ),
    }
}
