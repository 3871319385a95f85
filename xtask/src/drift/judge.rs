//! From what changed in the contract to what it means, on the wire and for the crate.
//!
//! A rule says what a change does on the wire. What it does to the crate is *found*: both
//! contracts are run through the whole pipeline, the two surfaces are compared, and each
//! difference is given to the change that it comes from: the one at the same place, else
//! the one whose types it names. What no change explains is a change of its own.

use std::collections::BTreeSet;

use anyhow::{Context, Result, anyhow};
use serde::Serialize;
use serde_json::Value;

use super::compare;
use super::findings::Finding;
use super::rules::{self, Level, Rule};
use super::spec::Spec;
use super::trace::{self, Trace};
use crate::codegen;
use crate::codegen::surface::Surface;
use crate::extensions::READS;
use crate::generate::overlay::Overlay;
use crate::generate::{self, Generated, Want};
use crate::spec_folder;

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
    pub(super) generated: Generated,
    pub(super) surface: Surface,
    pub(super) trace: Trace,
}

impl Made {
    /// Runs the pipeline.
    pub fn of(contract: &Value, overlays: &[Overlay]) -> Result<Self> {
        let generated = generate::run_steps(contract, overlays)?;
        let model = codegen::model::Model::read(&generated.document).map_err(|why| anyhow!(why))?;
        let code = codegen::code(&generated.document, &model).map_err(|why| anyhow!(why))?;
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
            file: spec_folder::API,
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
                judge.unneeded(&self.made, made, &mut verdict.changes);
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
        file: spec_folder::WEBHOOKS,
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

pub(super) struct Judge<'a> {
    pub file: &'static str,
    pub base: Spec<'a>,
    pub new: Spec<'a>,
    /// The finished documents of the two.
    pub documents: [Option<&'a Value>; 2],
}

impl Judge<'_> {
    fn wants(&self, base: &Made, new: &Made, verdict: &mut Verdict) {
        let known = &base.generated.wants;
        for want in new
            .generated
            .wants
            .iter()
            .filter(|want| !known.contains(want))
        {
            let (rule, pointer, text) = match want {
                Want::IdOf { method, path, .. } => (
                    "path-id-untold",
                    format!("/paths/{}/{method}", crate::json::escape(path)),
                    want.fact(),
                ),
                Want::Type { pointer, .. } => {
                    let pointer = pointer.replacen("/components/schemas/", "/definitions/", 1);
                    let name = pointer.strip_prefix("/definitions/").unwrap_or(&pointer);
                    let name = name.replace("/properties/", ".");
                    let text = format!("`{name}`: {}", want.fact());
                    ("schema-untyped", pointer, text)
                }
                Want::Name { .. } | Want::Text { .. } => {
                    verdict.wants.push(want.to_string());
                    continue;
                }
            };
            let change = self.plain(rule, Level::Warning, pointer, text);
            verdict.changes.push(change);
        }
    }

    /// A change that is not a change of the contract.
    pub(super) fn plain(&self, rule: &str, sdk: Level, pointer: String, text: String) -> Change {
        let rule = rules::get(rule);
        Change {
            rule,
            level: sdk.max(rule.wire).max(Level::Info),
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
        let mut concerned: BTreeSet<(&'static str, String)> =
            draft.operation.clone().into_iter().collect();
        if let Some((old, new)) = &draft.definition {
            let users = self.base.users(old).chain(self.new.users(new));
            concerned.extend(users.map(|(method, path)| (method, path.to_owned())));
        }
        let all_read = concerned
            .iter()
            .all(|(method, path)| self.reads(method, path));
        let rule = match draft.rule.id {
            // Nothing is done that was not.
            "request-property-added-default" if all_read => rules::get("request-property-added"),
            _ => draft.rule,
        };
        let wire = rule.wire;
        let level = match sdk {
            Sdk::Known(sdk) => wire.max(*sdk),
            Sdk::Unknown => wire,
        };
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
            Sdk::Known(Level::None) if rule.absorbable => {
                "Nothing; the crate's surface stays as it is."
            }
            Sdk::Known(Level::Breaking)
                if !finding.lines.is_empty() && rule.action.starts_with("Nothing; ") =>
            {
                "Adapt your code to the surface that changes with the next release."
            }
            _ => rule.action,
        };
        let mut lines = Vec::new();
        for line in &finding.lines {
            if !lines.contains(line) {
                lines.push(line.clone());
            }
        }
        Change {
            rule,
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
        let node = self.finished(method, path)?;
        Some(node["operationId"].as_str()?.to_owned())
    }

    /// Whether an operation is known to change nothing.
    fn reads(&self, method: &str, path: &str) -> bool {
        let node = self.finished(method, path);
        method == "get" || node.is_some_and(|node| node[READS] == true)
    }

    fn finished(&self, method: &str, path: &str) -> Option<&Value> {
        let [base, new] = self.documents;
        let mut documents = [new, base].into_iter().flatten();
        documents.find_map(|document| trace::finished_operation(document, method, path))
    }
}

fn sentence(mut text: String) -> String {
    if !text.ends_with(['.', '!', '?']) {
        text.push('.');
    }
    text
}
