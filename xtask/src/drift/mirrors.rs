//! What changed in an operation and in its mirror under a managed account is one change;
//! what changed in one of them only makes the mirror inexact.

use super::compare::{Comparer, Draft};
use super::rules;
use super::spec::Operation;
use crate::generate::mirror;

/// Which changes of one side alone make no mirror inexact: they are not compared there.
const NOT_MIRRORED: [&str; 3] = ["operation-id-changed", "tags-changed", "error-body-changed"];

impl<'a> Comparer<'a> {
    pub(super) fn is_mirror(&self, operation: Operation) -> bool {
        operation.path.starts_with(mirror::PREFIX)
    }

    /// Reports an operation and its mirror that came, went or moved together once. The
    /// drafts come with the path in the document that had them first.
    pub(super) fn fold_whole(&mut self, drafts: Vec<(String, Draft)>) {
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
    pub(super) fn fold(
        &mut self,
        own: Vec<Draft>,
        mut theirs: Vec<Draft>,
        old: Operation,
        scoped: Operation,
    ) {
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
}

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

impl<'a> Operation<'a> {
    /// The path with its own parameters left blank, but the account of a mirror named, as
    /// [`mirror::PREFIX`] has it.
    pub(super) fn anonymous_named(&self) -> String {
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
