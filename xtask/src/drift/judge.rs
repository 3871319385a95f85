//! From what changed in the contract to what it means, on the wire and for the crate.
//!
//! A rule says what a change does on the wire. What it does to the crate is *found*: both
//! contracts are run through the whole pipeline, the two surfaces are compared, and each
//! difference is given to the change that it comes from: the one at the same place, else
//! the one whose types it names. What no change explains is a change of its own.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use serde_json::Value;

use super::change::{Change, Draft, Finding, Sdk};
use super::rules::{Level, Rule, rule};
use super::sdk::repairs::Side;
use super::sdk::{causes, repairs, trace};
use super::wire::contract::Contract;
use super::wire::{self, Compared};
use crate::extensions::READS;
use crate::generate::overlay::Overlay;
use crate::generate::{Contracts, Want};
use crate::{json, spec_folder};

pub use super::sdk::Made;

/// The contracts that others are compared with, and what the pipeline makes of them.
pub struct Base<'a> {
    contracts: Contracts<'a>,
    made: Made,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Verdict {
    /// Worst first.
    pub changes: Vec<Change>,
    /// Names and sentences that the new document wants of a maintainer.
    pub wants: Vec<String>,
    /// What was not compared.
    pub notes: Vec<String>,
}

impl<'a> Base<'a> {
    /// Runs the pipeline on the base.
    pub fn new(contracts: Contracts<'a>, overlays: &[Overlay]) -> Result<Self> {
        let made = Made::of(contracts, overlays)
            .context("the contract to compare with cannot be generated")?;
        Ok(Self { contracts, made })
    }

    /// What the pipeline makes of them.
    pub fn made(&self) -> &Made {
        &self.made
    }

    /// Judges everything that is different in the `new` contracts, of which the pipeline made
    /// `made`.
    pub fn judge(&self, new: Contracts, made: Result<Made>) -> Verdict {
        let Compared { mut drafts, notes } = wire::compare(self.contracts.api, new.api);
        let webhooks = wire::compare(self.contracts.webhooks, new.webhooks);
        drafts.extend(webhooks.drafts.into_iter().map(|draft| Draft {
            document: spec_folder::WEBHOOKS,
            ..draft
        }));
        let mut judge = Judge {
            base_finished: Some(&self.made.generated.document),
            ..Judge::new(self.contracts, new)
        };
        let mut verdict = Verdict {
            notes: notes.into_iter().chain(webhooks.notes).collect(),
            ..Verdict::default()
        };
        let findings = match &made {
            Ok(made) => {
                judge.new_finished = Some(&made.generated.document);
                judge.wants(&self.made, made, &mut verdict);
                let base = Side {
                    contracts: self.contracts,
                    made: &self.made,
                };
                let contracts = new;
                findings(drafts, base, Side { contracts, made })
            }
            Err(why) => {
                let failed = Finding::plain(
                    rule!("generation-failed"),
                    Level::Breaking,
                    String::new(),
                    format!("{why:#}"),
                );
                let drafts = drafts.into_iter();
                let unknown = drafts.map(|draft| Finding::new(draft, Sdk::Unknown));
                unknown.chain([failed]).collect()
            }
        };
        verdict.changes.extend(judge.changes(&findings));
        sort(&mut verdict.changes);
        verdict
    }
}

/// Judges what is different in one contract without a look at the crate, as somebody would
/// who talks to the API directly.
pub fn on_the_wire(base: &Value, new: &Value) -> Verdict {
    let [base, new] = [base, new].map(|api| Contracts {
        api,
        webhooks: &Value::Null,
    });
    let Compared { drafts, notes } = wire::compare(base.api, new.api);
    let known = |draft| Finding::new(draft, Sdk::Known(Level::None));
    let findings: Vec<Finding> = drafts.into_iter().map(known).collect();
    let mut changes: Vec<Change> = Judge::new(base, new).changes(&findings).collect();
    sort(&mut changes);
    Verdict {
        changes,
        notes,
        ..Verdict::default()
    }
}

fn findings(drafts: Vec<Draft>, base: Side, new: Side) -> Vec<Finding> {
    let mut findings = causes::findings(drafts, base.made, new.made);
    repairs::assign(&mut findings, base, new);
    findings
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

struct Judge<'a> {
    base: Contract<'a>,
    new: Contract<'a>,
    /// The webhooks of the two.
    base_webhooks: Contract<'a>,
    new_webhooks: Contract<'a>,
    /// The finished documents of the two.
    base_finished: Option<&'a Value>,
    new_finished: Option<&'a Value>,
}

impl<'a> Judge<'a> {
    fn new(base: Contracts<'a>, new: Contracts<'a>) -> Self {
        Self {
            base: Contract::new(base.api),
            new: Contract::new(new.api),
            base_webhooks: Contract::new(base.webhooks),
            new_webhooks: Contract::new(new.webhooks),
            base_finished: None,
            new_finished: None,
        }
    }

    /// What the new document wants of a maintainer, and the base's does not.
    fn wants(&self, base: &Made, new: &Made, verdict: &mut Verdict) {
        let known = &base.generated.wants;
        let wants = new.generated.wants.iter();
        for want in wants.filter(|want| !known.contains(want)) {
            let mut document = spec_folder::API;
            let (rule, pointer, text) = match want {
                Want::IdOf { method, path, .. } => {
                    let pointer = format!("/paths/{}/{method}", json::escape(path));
                    (rule!("path-id-untold"), pointer, want.fact())
                }
                Want::Type { pointer, .. } => {
                    let at = pointer.replacen("/components/schemas/", "", 1);
                    let name = at.replace("/properties/", ".");
                    let text = format!("`{}`: {}", name.trim_start_matches('/'), want.fact());
                    let (component, _) = at.split_once('/').unwrap_or((&at, ""));
                    if !self.new.document["definitions"][component].is_object() {
                        document = spec_folder::WEBHOOKS;
                        (rule!("schema-untyped"), pointer.clone(), text)
                    } else {
                        (rule!("schema-untyped"), format!("/definitions/{at}"), text)
                    }
                }
                Want::Name { .. } | Want::Text { .. } => {
                    verdict.wants.push(want.to_string());
                    continue;
                }
            };
            let mut finding = Finding::plain(rule, Level::Warning, pointer, text);
            finding.draft.document = document;
            verdict.changes.push(self.change(&finding));
        }
    }

    fn changes(&self, findings: &[Finding]) -> impl Iterator<Item = Change> {
        findings.iter().map(|finding| self.change(finding))
    }

    fn change(&self, finding: &Finding) -> Change {
        let Finding { draft, sdk, .. } = finding;
        let concerned = self.concerned(draft);
        let reads = |(method, path): &(&str, String)| self.reads(method, path);
        let rule = if draft.rule == rule!("request-property-added-default")
            && concerned.iter().all(reads)
        {
            // Nothing is done that was not.
            rule!("request-property-added")
        } else {
            draft.rule
        };
        let level = match sdk {
            Sdk::Known(sdk) => rule.wire.max(*sdk),
            Sdk::Unknown => rule.wire,
        };
        let names: BTreeSet<String> = concerned
            .iter()
            .filter_map(|(method, path)| self.name_of(method, path))
            .collect();
        let only = match (&draft.operation, concerned.len()) {
            (Some(operation), _) => Some(operation),
            (None, 1) => concerned.first(),
            _ => None,
        };
        let pointer = draft.new.as_ref().or(draft.base.as_ref());
        Change {
            rule,
            level: level.max(Level::Info),
            wire: rule.wire,
            sdk: *sdk,
            document: draft.document,
            method: only.map(|(method, _)| method.to_uppercase()),
            path: only.map(|(_, path)| path.clone()),
            operation: only.and_then(|(method, path)| self.name_of(method, path)),
            operations: names.into_iter().collect(),
            pointer: pointer.cloned().unwrap_or_default(),
            text: sentence(draft),
            action: action(rule, finding).to_owned(),
            surface: surface(finding),
            repair: finding.repair.clone(),
        }
    }

    /// The operations that a draft concerns.
    fn concerned(&self, draft: &Draft) -> BTreeSet<(&'static str, String)> {
        let mut concerned = BTreeSet::from_iter(draft.operation.clone());
        if let Some((base, new)) = &draft.definition {
            let (in_base, in_new) = match draft.document {
                spec_folder::WEBHOOKS => (&self.base_webhooks, &self.new_webhooks),
                _ => (&self.base, &self.new),
            };
            let users = in_base.users(base).chain(in_new.users(new));
            concerned.extend(users.map(|(method, path)| (method, path.to_owned())));
        }
        concerned
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
        let mut documents = self.new_finished.into_iter().chain(self.base_finished);
        documents.find_map(|document| trace::finished_operation(document, method, path))
    }
}

/// What a user of the crate should do.
fn action(rule: &Rule, finding: &Finding) -> &'static str {
    match finding.sdk {
        Sdk::Known(Level::None) if rule.may_be_absorbed => {
            "Nothing; the crate's surface stays as it is."
        }
        Sdk::Known(Level::Breaking)
            if !finding.lines.is_empty() && rule.action.starts_with("Nothing; ") =>
        {
            "Adapt your code to the surface that changes with the next release."
        }
        _ => rule.action,
    }
}

fn surface(finding: &Finding) -> Vec<String> {
    let mut lines = finding.lines.clone();
    if finding.more_lines > 0 {
        lines.push(format!("… and {} more", finding.more_lines));
    }
    lines
}

/// What a draft says, with the operation.
fn sentence(draft: &Draft) -> String {
    let mut text = draft.text.clone();
    if let Some((method, path)) = &draft.operation {
        text = format!("{} {path}: {text}", method.to_uppercase());
    }
    if draft.mirrored {
        text.push_str(" (and for a managed account)");
    }
    if !text.ends_with(['.', '!', '?']) {
        text.push('.');
    }
    text
}
