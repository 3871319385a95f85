//! What changed in an operation and in its mirror under a managed account is one change;
//! what changed in one of them only makes the mirror inexact.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::comparer::Comparer;
use super::contract::Operation;
use crate::contract::identity;
use crate::drift::change::Draft;
use crate::drift::rules::{Rule, rule};
use crate::generate::mirror;

/// Which changes of one side alone make no mirror inexact: they are not compared there.
const NOT_MIRRORED: [&Rule; 3] = [
    rule!("operation-id-changed"),
    rule!("tags-changed"),
    rule!("error-body-changed"),
];

/// Reports an operation and its mirror that came, went or moved together once. The drafts
/// come with the path in the document that had them first.
pub fn fold_whole(c: &mut Comparer, drafts: Vec<(String, Draft)>) {
    let key = |path: &str, draft: &Draft| {
        let method = draft.operation.as_ref().map(|(method, _)| *method);
        (path.to_owned(), draft.rule.id, method)
    };
    let present = drafts.iter().map(|(path, draft)| key(path, draft));
    let present: BTreeSet<_> = present.collect();
    for (path, mut draft) in drafts {
        if path.starts_with(mirror::PREFIX)
            && present.contains(&key(&mirror::original(&path), &draft))
        {
            continue;
        }
        let mirror = path.replacen("/v1/", mirror::PREFIX, 1);
        draft.mirrored = present.contains(&key(&mirror, &draft));
        c.drafts.push(draft);
    }
}

/// Reports what changed alike in an operation and its mirror once, and what changed in one
/// of them only as an inexact mirror. The operations are those of the base.
pub fn fold(
    c: &mut Comparer,
    (own, drafts): (Operation, Vec<Draft>),
    (mirror, mirrored): (Operation, Vec<Draft>),
) {
    let (own, mirror) = (own.pointer(), mirror.pointer());
    let mut twins: BTreeMap<_, VecDeque<usize>> = BTreeMap::new();
    for (index, draft) in mirrored.iter().enumerate() {
        let twins = twins.entry(within(c, draft, &mirror)).or_default();
        twins.push_back(index);
    }
    let mut left: Vec<Option<Draft>> = mirrored.into_iter().map(Some).collect();
    for mut draft in drafts {
        let twin = twins.get_mut(&within(c, &draft, &own));
        match twin.and_then(VecDeque::pop_front) {
            Some(index) => {
                left[index] = None;
                draft.mirrored = true;
                c.drafts.push(draft);
            }
            None => c
                .drafts
                .push(inexact(draft, "only here, not in its mirror")),
        }
    }
    let left = left.into_iter().flatten();
    c.drafts
        .extend(left.map(|draft| inexact(draft, "only in this mirror, not in the operation")));
}

/// What a draft says, with its place within the operation that is at `at`.
fn within(c: &Comparer, draft: &Draft, at: &str) -> (&'static str, Option<String>, String) {
    let pointer = draft.base.as_deref().or(draft.new.as_deref());
    let place = pointer.map(|pointer| by_identity(c, pointer).replacen(at, "", 1));
    (draft.rule.id, place, draft.text.clone())
}

/// `/…/parameters/3/…` with the parameter's name for its position.
fn by_identity(c: &Comparer, pointer: &str) -> String {
    let mut parts: Vec<String> = pointer.split('/').map(str::to_owned).collect();
    if let Some(index) = parts.iter().position(|part| part == "parameters")
        && let Some(position) = parts.get(index + 1).and_then(|part| part.parse().ok())
    {
        let at = parts[..=index + 1].join("/");
        let documents = [c.base.document, c.new.document].into_iter();
        let mut nodes = documents.filter_map(|document| document.pointer(&at));
        if let Some(node) = nodes.next() {
            parts[index + 1] = identity(node, position);
        }
    }
    parts.join("/")
}

fn inexact(draft: Draft, whose: &str) -> Draft {
    if NOT_MIRRORED.contains(&draft.rule) {
        return draft;
    }
    Draft {
        rule: rule!("mirror-inexact"),
        text: format!("{whose}: {}", draft.text),
        ..draft
    }
}
