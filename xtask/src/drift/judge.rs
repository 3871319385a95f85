//! From what changed in the contract to what it means, on the wire and for the crate.
//!
//! A rule says what a change does on the wire. What it does to the crate is *found*: both
//! contracts are run through the whole pipeline, the two surfaces are compared, and each
//! difference is given to the change that it comes from: the one at the same place, else
//! the one whose types it names. What no change explains is a change of its own.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, anyhow};
use serde::Serialize;
use serde_json::Value;

use super::compare::{self, Draft};
use super::rules::{self, Level, Rule};
use super::spec::Spec;
use super::surface::{self, Difference, Subject, type_names};
use super::trace::{self, Trace};
use crate::codegen;
use crate::codegen::surface::{Kind, Surface};
use crate::fetch;
use crate::generate::overlay::{Overlay, Stage, Stale};
use crate::generate::{self, Generated, Problem, mirror};

/// One change, judged.
#[derive(Clone, Debug, Serialize)]
pub struct Change {
    /// The rule.
    #[serde(rename = "id")]
    pub rule: &'static Rule,
    /// The worse of the two judgements, and at least `info`.
    pub level: Level,
    /// What it does to somebody who talks to the API directly.
    pub wire: Level,
    /// What it does to the crate's users; unknown where the crate cannot be generated.
    pub sdk: Sdk,
    /// The file that changed, in the `spec` folder.
    pub document: &'static str,
    /// The method of the operation, where one operation alone is concerned.
    pub method: Option<String>,
    /// Its path.
    pub path: Option<String>,
    /// Its name in the crate.
    pub operation: Option<String>,
    /// The names of all operations that are concerned.
    pub operations: Vec<String>,
    /// The place in the new document, or in the base where it is gone.
    pub pointer: String,
    /// What changed, in a sentence.
    pub text: String,
    /// What a user of the crate should do.
    pub action: String,
    /// The lines of the surface that change.
    pub surface: Vec<String>,
    /// What a maintainer must repair before the crate can be generated.
    pub repair: Vec<String>,
}

/// The judgement for users of the crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sdk {
    /// It is known.
    Known(Level),
    /// The crate cannot be generated from the new document.
    Unknown,
}

impl Serialize for Sdk {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl std::fmt::Display for Sdk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Known(level) => level.fmt(f),
            Self::Unknown => f.pad("unknown"),
        }
    }
}

/// What the pipeline makes of a contract.
pub struct Made {
    generated: Generated,
    surface: Surface,
    trace: Trace,
}

impl Made {
    /// Runs the pipeline.
    pub fn of(contract: &Value, overlays: &[Overlay]) -> Result<Self> {
        let generated = generate::attempt(contract, overlays)?;
        let model = codegen::model::Model::read(&generated.document).map_err(|why| anyhow!(why))?;
        let code = codegen::generate(&generated.document, &model).map_err(|why| anyhow!(why))?;
        Ok(Self {
            surface: codegen::surface::surface(&code),
            trace: Trace::new(contract, &generated.document),
            generated,
        })
    }

    /// The crate's surface, as the snapshots show it.
    pub fn surface(&self) -> String {
        self.surface.operations_text() + &self.surface.types_text()
    }
}

/// The API's contract that others are compared with, and what the pipeline makes of it.
pub struct Base<'a> {
    contract: &'a Value,
    made: Made,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Verdict {
    /// Worst first.
    pub changes: Vec<Change>,
    /// Names and sentences that the new document wants of a maintainer.
    pub wants: Vec<String>,
}

impl<'a> Base<'a> {
    /// Runs the pipeline on the base.
    pub fn new(contract: &'a Value, overlays: &[Overlay]) -> Result<Self> {
        let made = Made::of(contract, overlays)
            .context("the contract to compare with cannot be generated")?;
        Ok(Self { contract, made })
    }

    /// What the pipeline makes of it.
    pub fn made(&self) -> &Made {
        &self.made
    }

    /// Judges everything that is different in `contract`, of which the pipeline made
    /// `made`.
    pub fn judge(&self, contract: &Value, made: Result<Made>) -> Verdict {
        let drafts = compare::compare(self.contract, contract);
        let judge = Judge {
            file: fetch::API_FILE,
            base: Spec::new(self.contract),
            new: Spec::new(contract),
            documents: [
                Some(&self.made.generated.document),
                made.as_ref().ok().map(|made| &made.generated.document),
            ],
        };
        let mut verdict = Verdict::default();
        match &made {
            Ok(made) => {
                let mut findings = judge.findings(drafts, &self.made, made);
                judge.repairs(&mut findings, &self.made, made, &mut verdict.changes);
                let mut changes: Vec<Change> = findings
                    .iter()
                    .map(|finding| judge.change(finding))
                    .collect();
                verdict.changes.append(&mut changes);
                judge.wants(&self.made, made, &mut verdict);
            }
            Err(why) => {
                let changes = drafts.into_iter().map(Finding::unknown);
                verdict.changes = changes.map(|finding| judge.change(&finding)).collect();
                verdict.changes.push(judge.plain(
                    "generation-failed",
                    Level::Breaking,
                    String::new(),
                    format!("{why:#}"),
                ));
            }
        }
        sort(&mut verdict.changes);
        verdict
    }
}

/// Judges what is different in the webhooks document, of which nothing is generated.
pub fn webhooks(base: &Value, new: &Value) -> Vec<Change> {
    let judge = Judge {
        file: fetch::WEBHOOKS_FILE,
        base: Spec::new(base),
        new: Spec::new(new),
        documents: [None, None],
    };
    let drafts = compare::compare(base, new).into_iter();
    let mut changes: Vec<Change> = drafts
        .map(|draft| {
            judge.change(&Finding {
                sdk: Sdk::Known(Level::None),
                ..Finding::unknown(draft)
            })
        })
        .collect();
    sort(&mut changes);
    changes
}

fn sort(changes: &mut [Change]) {
    changes.sort_by(|a, b| {
        b.level
            .cmp(&a.level)
            .then_with(|| a.path.cmp(&b.path))
            .then_with(|| a.pointer.cmp(&b.pointer))
            .then_with(|| a.rule.id.cmp(b.rule.id))
            .then_with(|| a.text.cmp(&b.text))
    });
}

/// A draft with everything that was found of it.
struct Finding {
    draft: Draft,
    sdk: Sdk,
    lines: Vec<String>,
    repair: Vec<String>,
    /// What it was and is in the surface.
    base: BTreeSet<Subject>,
    new: BTreeSet<Subject>,
    /// The types it can be the cause of.
    types: BTreeSet<String>,
}

impl Finding {
    fn unknown(draft: Draft) -> Self {
        Self {
            draft,
            sdk: Sdk::Unknown,
            lines: Vec::new(),
            repair: Vec::new(),
            base: BTreeSet::new(),
            new: BTreeSet::new(),
            types: BTreeSet::new(),
        }
    }

    fn worsen(&mut self, level: Level) {
        if let Sdk::Known(known) = &mut self.sdk {
            *known = level.max(*known);
        }
    }

    fn subjects(&self) -> impl Iterator<Item = &Subject> {
        self.base.iter().chain(&self.new)
    }

    fn has(&self, subject: &Subject) -> bool {
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

struct Judge<'a> {
    file: &'static str,
    base: Spec<'a>,
    new: Spec<'a>,
    /// The finished documents of the two.
    documents: [Option<&'a Value>; 2],
}

impl Judge<'_> {
    /// Gives each difference of the surfaces to the changes it comes from.
    fn findings(&self, drafts: Vec<Draft>, base: &Made, new: &Made) -> Vec<Finding> {
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
                Finding {
                    sdk: Sdk::Known(Level::None),
                    base: olds,
                    new: news,
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

    /// Gives each overlay that is stale, and each mirror that differs, to the change it
    /// comes from.
    fn repairs(
        &self,
        findings: &mut [Finding],
        base: &Made,
        new: &Made,
        changes: &mut Vec<Change>,
    ) {
        for problem in &new.generated.problems {
            match problem {
                Problem::Mirror { path, method, .. } => {
                    let concerned = |finding: &&mut Finding| {
                        finding.draft.rule.id == "mirror-inexact"
                            && finding.draft.operation.as_ref().is_some_and(|(m, p)| {
                                m == method && (p == path || *p == mirror::original(path))
                            })
                    };
                    let mut known = false;
                    for finding in findings.iter_mut().filter(concerned) {
                        finding.worsen(Level::Breaking);
                        known = true;
                    }
                    if !known {
                        let pointer = format!("/paths/{}/{method}", crate::json::escape(path));
                        let text = problem.to_string();
                        changes.push(self.plain("mirror-inexact", Level::Breaking, pointer, text));
                    }
                }
                Problem::Overlay(_) | Problem::Name { .. } => {
                    let known = |old: &Problem| old.to_string() == problem.to_string();
                    if base.generated.problems.iter().any(known) {
                        continue;
                    }
                    let mut places = match problem {
                        Problem::Overlay(stale) => {
                            Places::of(stale, &base.generated, self.documents[0])
                        }
                        Problem::Name { pointer, name, .. } => Places::of_name(pointer, name),
                        Problem::Mirror { .. } => continue,
                    };
                    places.contract.iter_mut().for_each(|at| self.nearest(at));
                    // What took away the thing itself, before what only touched it.
                    let owner = [true, false].into_iter().find_map(|gone| {
                        findings
                            .iter()
                            .position(|finding| places.went_with(finding, gone))
                    });
                    match owner {
                        Some(owner) => {
                            findings[owner].worsen(Level::Breaking);
                            findings[owner].repair.push(problem.to_string());
                        }
                        None => {
                            let pointer = places.contract.first().cloned().unwrap_or_default();
                            let text = problem.to_string();
                            changes.push(self.plain(
                                "overlay-action-unmatched",
                                Level::Breaking,
                                pointer,
                                text,
                            ));
                        }
                    }
                }
            }
        }
    }

    /// Shortens a place to the nearest above it that the base has: what was inferred from
    /// an example is not in the contract.
    fn nearest(&self, at: &mut String) {
        while self.base.document.pointer(at).is_none() {
            let end = at.rfind('/').unwrap_or_default();
            at.truncate(end);
        }
    }

    fn wants(&self, base: &Made, new: &Made, verdict: &mut Verdict) {
        let known = &base.generated.warnings;
        for warning in new
            .generated
            .warnings
            .iter()
            .filter(|warning| !known.contains(warning))
        {
            match warning.split_once(": nothing tells the type of ") {
                Some((pointer, _)) => {
                    let pointer = pointer.replacen("/components/schemas/", "/definitions/", 1);
                    let (_, what) = warning.split_once(": ").unwrap_or_default();
                    let (what, _) = what.split_once("; ").unwrap_or((what, ""));
                    let name = pointer.strip_prefix("/definitions/").unwrap_or(&pointer);
                    let text = format!("`{}`: {what}", name.replace("/properties/", "."));
                    verdict.changes.push(self.plain(
                        "schema-untyped",
                        Level::Warning,
                        pointer,
                        text,
                    ));
                }
                None => verdict.wants.push(warning.clone()),
            }
        }
    }

    /// A change that is not a change of the contract.
    fn plain(&self, rule: &str, sdk: Level, pointer: String, text: String) -> Change {
        let rule = rules::get(rule);
        Change {
            rule,
            level: sdk.max(rule.wire),
            wire: rule.wire,
            sdk: Sdk::Known(sdk),
            document: self.file,
            method: None,
            path: None,
            operation: None,
            operations: Vec::new(),
            pointer,
            text: sentence(text),
            action: rule.action.to_owned(),
            surface: Vec::new(),
            repair: Vec::new(),
        }
    }

    fn change(&self, finding: &Finding) -> Change {
        let Finding { draft, sdk, .. } = finding;
        let wire = draft.rule.wire;
        let level = match sdk {
            Sdk::Known(sdk) => wire.max(*sdk),
            Sdk::Unknown => wire,
        };
        let mut concerned: BTreeSet<(&'static str, String)> =
            draft.operation.clone().into_iter().collect();
        if let Some((old, new)) = &draft.definition {
            let users = self.base.users(old).chain(self.new.users(new));
            concerned.extend(users.map(|(method, path)| (method, path.to_owned())));
        }
        let names: BTreeSet<String> = concerned
            .iter()
            .filter_map(|(method, path)| self.name_of(method, path))
            .collect();
        let only = draft.operation.clone().or_else(|| {
            match concerned.iter().collect::<Vec<_>>().as_slice() {
                [(method, path)] => Some((*method, path.clone())),
                _ => None,
            }
        });
        let (method, path) = only.map(|(m, p)| (m.to_uppercase(), p)).unzip();
        let mut text = draft.text.clone();
        if let Some((method, path)) = &draft.operation {
            text = format!("{} {path}: {text}", method.to_uppercase());
        }
        if draft.mirrored {
            text.push_str(" (and for a managed account)");
        }
        let action = match *sdk {
            Sdk::Known(Level::None) if draft.rule.absorbable => {
                "Nothing; the crate's surface stays as it is."
            }
            Sdk::Known(Level::Breaking)
                if !finding.lines.is_empty() && draft.rule.action.starts_with("Nothing; ") =>
            {
                "Adapt your code to the surface that changes with the next release."
            }
            _ => draft.rule.action,
        };
        let mut lines = Vec::new();
        for line in &finding.lines {
            if !lines.contains(line) {
                lines.push(line.clone());
            }
        }
        Change {
            rule: draft.rule,
            level: level.max(Level::Info),
            wire,
            sdk: *sdk,
            document: self.file,
            operation: match (&method, &path) {
                (Some(method), Some(path)) => self.name_of(&method.to_lowercase(), path),
                _ => None,
            },
            method,
            path,
            operations: names.into_iter().collect(),
            pointer: draft
                .new
                .clone()
                .or_else(|| draft.base.clone())
                .unwrap_or_default(),
            text: sentence(text),
            action: action.to_owned(),
            surface: lines,
            repair: finding.repair.clone(),
        }
    }

    fn name_of(&self, method: &str, path: &str) -> Option<String> {
        let [base, new] = self.documents;
        let node = [new, base]
            .into_iter()
            .flatten()
            .find_map(|document| trace::finished_operation(document, method, path))?;
        Some(node["operationId"].as_str()?.to_owned())
    }
}

fn sentence(mut text: String) -> String {
    if !text.ends_with(['.', '!', '?']) {
        text.push('.');
    }
    text
}

/// The findings that a difference comes from: those of the same place, else of the whole
/// that it is a part of, else of a part of it, else of the types that it names.
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
    let draft = Draft {
        rule: rules::get("surface-changed"),
        operation: None,
        definition: None,
        base: None,
        new: None,
        text,
        mirrored: false,
    };
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
    fn of(surface: &Surface) -> Self {
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

/// What a stale overlay is written for.
struct Places {
    /// In the base's contract.
    contract: Vec<String>,
    /// In the crate's surface.
    subjects: BTreeSet<Subject>,
}

impl Places {
    fn of(stale: &Stale, base: &Generated, document: Option<&Value>) -> Self {
        let located = base.located.get(&stale.action).cloned().unwrap_or_default();
        let pointers = stale
            .missing
            .clone()
            .map_or(located, |missing| vec![missing]);
        let mut places = Self {
            contract: Vec::new(),
            subjects: BTreeSet::new(),
        };
        for pointer in pointers {
            let parts: Vec<String> = pointer.split('/').skip(1).map(unescape).collect();
            let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
            match (stale.stage, parts.as_slice()) {
                (_, ["paths", path, method, ..]) => {
                    places
                        .contract
                        .push(format!("/paths/{}/{method}", crate::json::escape(path)));
                    let node =
                        document.and_then(|document| document["paths"].get(path)?.get(method));
                    if let Some(id) = node.and_then(|node| node["operationId"].as_str()) {
                        places.subjects.insert(Subject::Operation(id.to_owned()));
                    }
                }
                (Stage::Docs, ["components", "schemas", ty, "properties", field, ..]) => {
                    places
                        .subjects
                        .insert(Subject::Field((*ty).to_owned(), (*field).to_owned()));
                }
                (Stage::Docs, ["components", "schemas", ty, ..]) => {
                    places.subjects.insert(Subject::Type((*ty).to_owned()));
                }
                (_, ["components", "schemas", ..]) => {
                    places.contract.push(pointer.replacen(
                        "/components/schemas/",
                        "/definitions/",
                        1,
                    ));
                }
                _ => places.contract.push(pointer),
            }
        }
        places
    }

    /// What a name is written for, at a place of the document with its types repaired.
    fn of_name(pointer: &str, name: &str) -> Self {
        let mut places = Self {
            contract: Vec::new(),
            subjects: BTreeSet::from([Subject::Type(name.to_owned())]),
        };
        let parts: Vec<String> = pointer.split('/').skip(1).map(unescape).collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        match parts.as_slice() {
            ["components", "schemas", ty, "properties", field, ..] => {
                let field = Subject::Field((*ty).to_owned(), (*field).to_owned());
                places.subjects.insert(field);
            }
            ["paths", ..] => {
                let contract = pointer.strip_suffix("/schema").unwrap_or(pointer);
                places.contract.push(contract.to_owned());
            }
            _ => {}
        }
        places
    }

    /// Whether the change took away what the overlay is written for; with `gone` only
    /// where the change says so itself.
    fn went_with(&self, finding: &Finding, gone: bool) -> bool {
        let draft = &finding.draft;
        if gone && !(draft.rule.is_gone() && draft.base.is_some()) {
            return false;
        }
        let inside = |place: &str, at: &str| {
            place
                .strip_prefix(at)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let overlaps = |place: &String| {
            let at = draft.base.as_deref();
            at.is_some_and(|at| inside(place, at) || (!gone && inside(at, place)))
        };
        let subject = |subject: &Subject| {
            let ty = match subject {
                Subject::Type(name) | Subject::Field(name, _) => Some(name),
                _ => None,
            };
            let part = |own: &Subject| own.whole().as_ref() == Some(subject);
            finding.base.contains(subject)
                || subject
                    .whole()
                    .is_some_and(|whole| finding.base.contains(&whole))
                || ty.is_some_and(|name| finding.types.contains(name))
                || (!gone && finding.base.iter().any(part))
        };
        self.contract.iter().any(overlaps) || self.subjects.iter().any(subject)
    }
}

fn unescape(part: &str) -> String {
    part.replace("~1", "/").replace("~0", "~")
}
