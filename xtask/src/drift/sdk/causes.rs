//! Which change of the contract a difference of the surfaces comes from.

use std::collections::{BTreeMap, BTreeSet};

use super::Made;
use super::surface::{self, Difference, type_names};
use crate::codegen::surface::{Kind, Surface};
use crate::drift::change::{Draft, Finding, Sdk, Subject};
use crate::drift::rules::{Level, rule};

/// Gives each difference of the surfaces to the changes it comes from. What no change
/// explains is a finding of its own.
pub fn findings(drafts: Vec<Draft>, base: &Made, new: &Made) -> Vec<Finding> {
    let index = Both {
        base: Index::of(&base.surface),
        new: Index::of(&new.surface),
    };
    let traced = |draft| traced(draft, base, new, &index);
    let mut findings: Vec<Finding> = drafts.into_iter().map(traced).collect();
    let mut register = Register::of(&findings);
    let mut open = surface::differences(&base.surface, &new.surface);
    // A difference that is explained may explain others: a type that came or went with it.
    loop {
        let before = open.len();
        open.retain(|difference| {
            let causes = register.causes(difference);
            let one_sided = difference.mentions.iter();
            let one_sided = one_sided.filter(|name| index.one_sided(name));
            for cause in &causes {
                let finding = &mut findings[*cause];
                finding.worsen(difference.level);
                finding.show(&difference.lines);
                finding.types.extend(one_sided.clone().cloned());
            }
            for name in one_sided {
                let finding = register.types.entry(name.clone()).or_default();
                finding.extend(&causes);
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

/// A finding of what the draft's places became in the surfaces.
fn traced(draft: Draft, base: &Made, new: &Made, index: &Both) -> Finding {
    let mut finding = Finding::new(draft, Sdk::Known(Level::None));
    if let Some(at) = &finding.draft.base {
        finding.base = base.trace.subjects(at);
        finding.above.extend(base.trace.above(at));
    }
    if let Some(at) = &finding.draft.new {
        finding.new = new.trace.subjects(at);
        finding.above.extend(new.trace.above(at));
    }
    finding.types = index.causes(&finding);
    finding
}

/// The findings by what they can be the cause of.
#[derive(Default)]
struct Register {
    /// By what they are of.
    subjects: BTreeMap<Subject, BTreeSet<usize>>,
    /// By the whole of a part that they are of.
    wholes: BTreeMap<Subject, BTreeSet<usize>>,
    types: BTreeMap<String, BTreeSet<usize>>,
    /// By what they lie within.
    above: BTreeMap<Subject, BTreeSet<usize>>,
}

impl Register {
    fn of(findings: &[Finding]) -> Self {
        let mut register = Self::default();
        for (index, finding) in findings.iter().enumerate() {
            let add = |to: &mut BTreeMap<Subject, BTreeSet<usize>>, subject: &Subject| {
                to.entry(subject.clone()).or_default().insert(index);
            };
            for subject in finding.subjects() {
                add(&mut register.subjects, subject);
                if let Some(whole) = subject.whole() {
                    add(&mut register.wholes, &whole);
                }
            }
            for subject in &finding.above {
                add(&mut register.above, subject);
            }
            for name in &finding.types {
                let types = register.types.entry(name.clone()).or_default();
                types.insert(index);
            }
        }
        register
    }

    /// The findings that a difference comes from: those of the same place; else of the
    /// whole that it is a part of; else, for an operation, of its parts; else those that
    /// can be the cause of a type that it names; else those that lie within it.
    fn causes(&self, difference: &Difference) -> BTreeSet<usize> {
        let Difference {
            subject, mentions, ..
        } = difference;
        let whole = subject.whole();
        let is_operation = matches!(subject, Subject::Operation(_));
        let of_types = || {
            let findings = mentions.iter().filter_map(|name| self.types.get(name));
            let findings: BTreeSet<usize> = findings.flatten().copied().collect();
            Some(findings).filter(|findings| !findings.is_empty())
        };
        let same = self.subjects.get(subject);
        let same = same.or_else(|| self.subjects.get(whole.as_ref()?));
        let same = same.or_else(|| self.wholes.get(subject).filter(|_| is_operation));
        let causes = same.cloned().or_else(of_types);
        causes
            .or_else(|| self.above.get(subject).cloned())
            .unwrap_or_default()
    }
}

fn unexplained(difference: Difference) -> Finding {
    let owner = difference.subject.owner();
    let text = match difference.subject.ty() {
        Some(_) => format!("the type `{owner}` changes"),
        None => format!("the surface of `{owner}` changes"),
    };
    let draft = Draft::new(rule!("surface-changed"), None, None, text);
    Finding {
        lines: difference.lines,
        ..Finding::new(draft, Sdk::Known(difference.level))
    }
}

/// Which types stand where in a surface.
struct Index {
    /// The types that a subject names.
    named: BTreeMap<Subject, BTreeSet<String>>,
    types: BTreeSet<String>,
}

impl Index {
    fn of(surface: &Surface) -> Self {
        let mut named: BTreeMap<Subject, BTreeSet<String>> = BTreeMap::new();
        for operation in &surface.operations {
            let mut all = type_names(&operation.returns);
            all.extend(operation.body.iter().cloned());
            for argument in &operation.arguments {
                let types = type_names(&argument.ty);
                all.extend(types.clone());
                let argument = Subject::Argument(operation.id.clone(), argument.wire.clone());
                named.insert(argument, types);
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
}

struct Both {
    base: Index,
    new: Index,
}

impl Both {
    /// Whether only one surface has the type.
    fn one_sided(&self, name: &str) -> bool {
        self.base.types.contains(name) != self.new.types.contains(name)
    }

    /// The types whose coming, going or change can come from the finding: those that its
    /// subjects name, and what those name in turn while only one surface has them.
    fn causes(&self, finding: &Finding) -> BTreeSet<String> {
        let mut open: Vec<&String> = Vec::new();
        for (index, subjects) in [(&self.base, &finding.base), (&self.new, &finding.new)] {
            for subject in subjects {
                if let Subject::Type(name) = subject {
                    open.push(name);
                }
                let named = index.named.get(subject).into_iter().flatten();
                open.extend(named.filter(|name| !self.is_shared(subject, name)));
            }
        }
        let mut found = BTreeSet::new();
        while let Some(name) = open.pop() {
            if found.insert(name.clone()) && self.one_sided(name) {
                let subject = Subject::Type(name.clone());
                let indices = [&self.base, &self.new].into_iter();
                open.extend(
                    indices
                        .filter_map(|index| index.named.get(&subject))
                        .flatten(),
                );
            }
        }
        found
    }

    /// Of what changes within a type or operation, all that it names may change; of a whole
    /// one that stays, nothing that both surfaces have.
    fn is_shared(&self, subject: &Subject, name: &String) -> bool {
        let stays = self.base.named.contains_key(subject) && self.new.named.contains_key(subject);
        let shared = self.base.types.contains(name) && self.new.types.contains(name);
        stays && subject.whole().is_none() && shared
    }
}
