//! Which change of the contract a difference of the surfaces comes from.

use std::collections::{BTreeMap, BTreeSet};

use super::compare::Draft;
use super::judge::{Judge, Made, Sdk};
use super::rules::{self, Level};
use super::surface::{self, Difference, Subject, type_names};
use super::trace::Trace;
use codegen::surface::{Kind, Surface};

/// A draft with everything that was found of it.
pub(super) struct Finding {
    pub draft: Draft,
    pub sdk: Sdk,
    pub lines: Vec<String>,
    pub repair: Vec<String>,
    /// What it was and is in the surface.
    pub base: BTreeSet<Subject>,
    pub new: BTreeSet<Subject>,
    /// What it lies within.
    pub above: BTreeSet<Subject>,
    /// The types it can be the cause of.
    pub types: BTreeSet<String>,
}

impl Finding {
    pub(super) fn unknown(draft: Draft) -> Self {
        Self {
            draft,
            sdk: Sdk::Unknown,
            lines: Vec::new(),
            repair: Vec::new(),
            base: BTreeSet::new(),
            new: BTreeSet::new(),
            above: BTreeSet::new(),
            types: BTreeSet::new(),
        }
    }

    pub(super) fn worsen(&mut self, level: Level) {
        if let Sdk::Known(known) = &mut self.sdk {
            *known = level.max(*known);
        }
    }

    pub(super) fn subjects(&self) -> impl Iterator<Item = &Subject> {
        self.base.iter().chain(&self.new)
    }

    pub(super) fn has(&self, subject: &Subject) -> bool {
        self.subjects().any(|own| own == subject)
    }

    fn concerns_type(&self, difference: &Difference) -> bool {
        let own = match &difference.subject {
            Subject::Type(name) | Subject::Field(name, _) => Some(name),
            _ => None,
        };
        own.into_iter()
            .chain(&difference.mentions)
            .any(|name| self.types.contains(name))
    }
}

impl Judge<'_> {
    /// Gives each difference of the surfaces to the changes it comes from.
    pub(super) fn findings(&self, drafts: Vec<Draft>, base: &Made, new: &Made) -> Vec<Finding> {
        let (was, is) = (Index::of(&base.surface), Index::of(&new.surface));
        let mut findings: Vec<Finding> = drafts
            .into_iter()
            .map(|draft| {
                let subjects = |pointer: &Option<String>, trace: &Trace| {
                    pointer
                        .as_deref()
                        .map(|at| trace.subjects(at))
                        .unwrap_or_default()
                };
                let olds = subjects(&draft.base, &base.trace);
                let news = subjects(&draft.new, &new.trace);
                let types = Index::causes(&was, &is, &olds, &news);
                let sides = [(&draft.base, &base.trace), (&draft.new, &new.trace)];
                let above = sides
                    .into_iter()
                    .filter_map(|(at, trace)| Some(trace.above(at.as_deref()?)))
                    .flatten()
                    .collect();
                Finding {
                    sdk: Sdk::Known(Level::None),
                    base: olds,
                    new: news,
                    above,
                    types,
                    ..Finding::unknown(draft)
                }
            })
            .collect();
        let one_sided = |name: &&String| was.types.contains(*name) != is.types.contains(*name);
        let mut open = surface::differences(&base.surface, &new.surface);
        // A difference that is explained may explain others: a type that came or went with it.
        loop {
            let before = open.len();
            open.retain(|difference| {
                let causes = causes(&findings, difference);
                for cause in &causes {
                    let finding = &mut findings[*cause];
                    finding.worsen(difference.level);
                    finding.lines.extend(difference.lines.clone());
                    let came_or_went = difference.mentions.iter().filter(one_sided);
                    finding.types.extend(came_or_went.cloned());
                }
                causes.is_empty()
            });
            if open.len() == before {
                break;
            }
        }
        findings.extend(open.into_iter().map(unexplained));
        findings
    }
}

/// The findings that a difference comes from: those of the same place, else of the whole
/// that it is a part of, else of a part of it, else of the types that it names, else those
/// within it.
fn causes(findings: &[Finding], difference: &Difference) -> Vec<usize> {
    let by = |test: &dyn Fn(&Finding) -> bool| -> Vec<usize> {
        (0..findings.len())
            .filter(|index| test(&findings[*index]))
            .collect()
    };
    let whole = difference.subject.whole();
    let part = |subject: &Subject| subject.whole().as_ref() == Some(&difference.subject);
    let causes = [
        by(&|finding| finding.has(&difference.subject)),
        by(&|finding| whole.as_ref().is_some_and(|whole| finding.has(whole))),
        match difference.subject {
            Subject::Operation(_) => by(&|finding| finding.subjects().any(part)),
            _ => Vec::new(),
        },
        by(&|finding| finding.concerns_type(difference)),
        by(&|finding| finding.above.contains(&difference.subject)),
    ];
    let mut causes = causes.into_iter();
    causes.find(|causes| !causes.is_empty()).unwrap_or_default()
}

fn unexplained(difference: Difference) -> Finding {
    let text = match &difference.subject {
        Subject::Operation(id) | Subject::Argument(id, _) => {
            format!("the surface of `{id}` changes")
        }
        Subject::Type(name) | Subject::Field(name, _) => format!("the type `{name}` changes"),
    };
    let draft = Draft::new(rules::get("surface-changed"), None, None, text);
    Finding {
        sdk: Sdk::Known(difference.level),
        lines: difference.lines,
        ..Finding::unknown(draft)
    }
}

/// Which types stand where in a surface.
struct Index {
    /// The types that a subject names.
    named: BTreeMap<Subject, BTreeSet<String>>,
    types: BTreeSet<String>,
}

impl Index {
    pub(super) fn of(surface: &Surface) -> Self {
        let mut named: BTreeMap<Subject, BTreeSet<String>> = BTreeMap::new();
        for operation in &surface.operations {
            let mut all = type_names(&operation.returns);
            all.extend(operation.body.iter().cloned());
            for argument in &operation.arguments {
                let types = type_names(&argument.ty);
                all.extend(types.clone());
                named.insert(
                    Subject::Argument(operation.id.clone(), argument.wire.clone()),
                    types,
                );
            }
            named.insert(Subject::Operation(operation.id.clone()), all);
        }
        for ty in &surface.types {
            let mut all = BTreeSet::new();
            if let Kind::Struct { fields, .. } = &ty.kind {
                for field in fields {
                    let types = type_names(&field.ty);
                    all.extend(types.clone());
                    named.insert(Subject::Field(ty.name.clone(), field.name.clone()), types);
                }
            }
            named.insert(Subject::Type(ty.name.clone()), all);
        }
        let types = surface.types.iter().map(|ty| ty.name.clone()).collect();
        Self { named, types }
    }

    /// The types whose coming, going or change can come from a change of the subjects:
    /// those that they name, and what those name in turn while only one surface has them.
    fn causes(
        was: &Self,
        is: &Self,
        olds: &BTreeSet<Subject>,
        news: &BTreeSet<Subject>,
    ) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut open: Vec<String> = Vec::new();
        for (index, subjects) in [(was, olds), (is, news)] {
            for subject in subjects {
                if let Subject::Type(name) = subject {
                    open.push(name.clone());
                }
                // Of what changes within a type or operation, all it names; of a whole
                // one that stays, nothing that it shares with others.
                let stays = was.named.contains_key(subject) && is.named.contains_key(subject);
                let whole = subject.whole().is_none();
                let named = index.named.get(subject).into_iter().flatten();
                open.extend(
                    named
                        .filter(|name| {
                            let shared = was.types.contains(*name) && is.types.contains(*name);
                            !(stays && whole && shared)
                        })
                        .cloned(),
                );
            }
        }
        while let Some(name) = open.pop() {
            let one_sided = was.types.contains(&name) != is.types.contains(&name);
            if found.insert(name.clone()) && one_sided {
                let subject = Subject::Type(name);
                let named = [was, is]
                    .into_iter()
                    .filter_map(|index| index.named.get(&subject));
                open.extend(named.flatten().cloned());
            }
        }
        found
    }
}
