//! Operations that came, went or moved, and what changed in those that stayed.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::compare::{Comparer, Draft, was_and_is};
use super::rename;
use super::rules;
use super::same::unlike;
use super::spec::{METHODS, Operation, entries};
use crate::contract::anonymous_path;
use crate::generate::mirror;
use crate::json::escape;

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
    pub(super) fn operations(&mut self) {
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

        let methods = rename::pairs(
            &removed,
            &added,
            |operation: Operation| operation.anonymous(),
            |old, new| {
                (old.anonymous() == new.anonymous()).then(|| self.same_operation(old, new))?
            },
        );
        self.moved(
            &methods,
            "operation-method-changed",
            &mut removed,
            &mut added,
        );
        let paths = rename::pairs(
            &removed,
            &added,
            |operation: Operation| operation.anonymous(),
            |old, new| {
                (old.method == new.method && self.is_mirror(old) == self.is_mirror(new))
                    .then(|| self.same_operation(old, new))?
            },
        );
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
    pub(super) fn paths(&mut self) {
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
            let keys = unlike(old, new).into_iter();
            for key in keys.filter(|key| !METHODS.contains(key)) {
                let (was, is) = (old.get(key), new.get(key));
                let text = was_and_is(&format!("`{key}` of {new_path}"), (was, is));
                let at = |path: &str| format!("/paths/{}/{}", escape(path), escape(key));
                let (base, new) = (was.map(|_| at(old_path)), is.map(|_| at(new_path)));
                self.note("unclassified-change", base, new, text);
            }
        }
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
            operation: Some((operation.method, operation.path.to_owned())),
            ..Draft::new(rules::get(rule), base, new, text)
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

    /// What changed in an operation that both documents have.
    pub(super) fn operation(&mut self, old: Operation<'a>, new: Operation<'a>) -> Vec<Draft> {
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
        for key in unlike(old.node, new.node) {
            let (was, is) = (old.node.get(key), new.node.get(key));
            let rule = match key {
                "operationId" => "operation-id-changed",
                "tags" => "tags-changed",
                "security" => "security-changed",
                _ if OPERATION_KEYS.contains(&key) => continue,
                _ => "unclassified-change",
            };
            let text = was_and_is(&format!("`{key}`"), (was, is));
            let base = was.map(|_| format!("{base_at}/{}", escape(key)));
            let new = is.map(|_| format!("{new_at}/{}", escape(key)));
            self.note(rule, base, new, text);
        }
        self.parameters(old, new);
        self.responses(old, new);
        let mut own = std::mem::replace(&mut self.drafts, before);
        for draft in &mut own {
            draft.operation = Some((new.method, new.path.to_owned()));
        }
        own
    }
}
