//! Operations that came, went or moved, and what changed in those that stayed.

use std::collections::{BTreeMap, BTreeSet};

use super::comparer::Comparer;
use super::contract::Operation;
use super::join::{Joined, join};
use super::pair::Pair;
use super::{document, mirrors, parameters, rename, responses, same};
use crate::drift::change::Draft;
use crate::drift::rules::{Rule, rule};
use crate::generate::mirror;

/// What of an operation is compared piece by piece.
const COMPARED_APART: [&str; 6] = [
    "consumes",
    "deprecated",
    "parameters",
    "produces",
    "requestBody",
    "responses",
];

/// An operation in both documents.
#[derive(Clone, Copy)]
struct Both<'a> {
    base: Operation<'a>,
    new: Operation<'a>,
}

pub fn compare(c: &mut Comparer) {
    let Joined {
        common,
        mut removed,
        mut added,
    } = join(by_path(c.base.operations()), by_path(c.new.operations()));
    added.sort_by(|a, b| a.0.cmp(&b.0));

    let same_path = |base: Operation, new: Operation| base.anonymous() == new.anonymous();
    let by_method = |base: Operation| format!("it was called by {}", base.method.to_uppercase());
    let rule = rule!("operation-method-changed");
    moved(c, rule, (&mut removed, &mut added), same_path, by_method);
    let same_method = |base: Operation, new: Operation| {
        base.method == new.method && base.is_mirror() == new.is_mirror()
    };
    let by_path = |base: Operation| format!("it was at {}", base.path);
    let rule = rule!("operation-moved");
    moved(c, rule, (&mut removed, &mut added), same_method, by_path);

    let gone = removed.into_iter().map(|(_, base)| {
        let text = "it is gone".to_owned();
        whole(rule!("operation-removed"), Some(base), None, text)
    });
    let come = added.into_iter().map(|(_, new)| {
        let text = "it is new".to_owned();
        whole(rule!("operation-added"), None, Some(new), text)
    });
    mirrors::fold_whole(c, gone.chain(come).collect());

    let common = common.into_iter().map(|(_, base, new)| Both { base, new });
    stayed(c, &common.collect::<Vec<_>>());
}

/// Takes out the operations that are the same but for their path or method.
fn moved<'a>(
    c: &mut Comparer<'a>,
    rule: &'static Rule,
    (removed, added): (&mut ByPath<'a>, &mut ByPath<'a>),
    is_candidate: impl Fn(Operation, Operation) -> bool,
    text: impl Fn(Operation) -> String,
) {
    let pairs = rename::take_pairs(
        &c.effort,
        removed,
        added,
        |(_, operation)| operation.anonymous(),
        |(_, base), (_, new)| {
            is_candidate(*base, *new).then(|| same::same_operation(c, *base, *new))?
        },
    );
    let drafts = pairs
        .into_iter()
        .map(|((_, base), (_, new))| whole(rule, Some(base), Some(new), text(base)));
    mirrors::fold_whole(c, drafts.collect());
}

type ByPath<'a> = Vec<((&'static str, String), Operation<'a>)>;

fn by_path(operations: Vec<Operation>) -> ByPath {
    let keyed = |operation: Operation| (operation.method, operation.anonymous());
    let operations = operations.into_iter();
    operations
        .map(|operation| (keyed(operation), operation))
        .collect()
}

/// A change of a whole operation, with the path in the document that had it first.
fn whole(
    rule: &'static Rule,
    base: Option<Operation>,
    new: Option<Operation>,
    text: String,
) -> (String, Draft) {
    let pointer = |operation: Option<Operation>| Some(operation?.pointer());
    let draft = Draft::new(rule, pointer(base), pointer(new), text);
    let operation = new.or(base).map(|is| (is.method, is.path.to_owned()));
    let first = base.or(new).map_or("", |first| first.path);
    (first.to_owned(), Draft { operation, ..draft })
}

/// What changed in the operations that both documents have; in those with a mirror, in
/// both of them at once.
fn stayed<'a>(c: &mut Comparer<'a>, common: &[Both<'a>]) {
    let (scoped, own): (Vec<Both>, Vec<Both>) =
        common.iter().partition(|both| both.base.is_mirror());
    let mut mirrors: BTreeMap<_, Both> = BTreeMap::new();
    for both in &scoped {
        let original = mirror::original(&both.base.anonymous_named());
        mirrors.insert((both.base.method, original), *both);
    }
    let mut seen = BTreeSet::new();
    for both in own {
        let drafts = operation(c, both);
        match mirrors.get(&(both.base.method, both.base.anonymous_named())) {
            Some(mirror) => {
                seen.insert(mirror.base.pointer());
                let mirrored = operation(c, *mirror);
                mirrors::fold(c, (both.base, drafts), (mirror.base, mirrored));
            }
            None => c.drafts.extend(drafts),
        }
    }
    for both in scoped {
        if !seen.contains(&both.base.pointer()) {
            let drafts = operation(c, both);
            c.drafts.extend(drafts);
        }
    }
}

fn operation<'a>(c: &mut Comparer<'a>, Both { base, new }: Both<'a>) -> Vec<Draft> {
    let others = std::mem::take(&mut c.drafts);
    let pair = Pair::new(base.side(), new.side());
    document::media_types(c, &pair);
    let is_deprecated = |operation: Operation| operation.node["deprecated"] == true;
    match (is_deprecated(base), is_deprecated(new)) {
        (false, true) => {
            let text = "it is deprecated".to_owned();
            c.note(rule!("operation-deprecated"), &pair, text);
        }
        (true, false) => {
            let text = "it is no longer deprecated".to_owned();
            c.note(rule!("operation-undeprecated"), &pair, text);
        }
        _ => {}
    }
    for key in pair.unlike(|key| COMPARED_APART.contains(&key)) {
        let rule = match key {
            "operationId" => rule!("operation-id-changed"),
            "tags" => rule!("tags-changed"),
            "security" => rule!("security-changed"),
            _ => rule!("unclassified-change"),
        };
        let pair = pair.key(key);
        let text = pair.was_and_is(&format!("`{key}`"));
        c.note(rule, &pair, text);
    }
    parameters::compare(c, base, new);
    responses::compare(c, &pair.key("responses"));
    let mut own = std::mem::replace(&mut c.drafts, others);
    for draft in &mut own {
        draft.operation = Some((new.method, new.path.to_owned()));
    }
    own
}
