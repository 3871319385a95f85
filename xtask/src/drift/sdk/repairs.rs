//! What a maintainer must repair before the crate can be generated, and which change of the
//! contract it comes from.

use std::collections::BTreeSet;

use super::Made;
use crate::codegen::model::WEBHOOKS;
use crate::drift::change::{Finding, Subject};
use crate::drift::rules::{Level, rule};
use crate::generate::overlay::{Stage, Stale};
use crate::generate::webhooks::PAYLOAD;
use crate::generate::{Contracts, Problem, mirror};
use crate::json::{self, escape};

/// The contracts and what the pipeline made of them.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    pub contracts: Contracts<'a>,
    pub made: &'a Made,
}

impl Side<'_> {
    /// Whether a component comes from the webhooks.
    fn is_payload(self, component: &str) -> bool {
        let definition = &self.contracts.api["definitions"][component];
        definition.is_null() && component.ends_with(PAYLOAD)
    }
}

/// Gives each problem of the new side to the finding that it comes from. Problems that come
/// from none, and overlays that have become needless, are findings of their own.
pub fn assign(findings: &mut Vec<Finding>, base: Side, new: Side) {
    let problems = new.made.generated.problems.iter();
    let unassigned = problems.filter_map(|problem| assign_one(findings, problem, base, new));
    let mut more: Vec<Finding> = unassigned.collect();
    let known = &base.made.generated.unneeded;
    for unneeded in &new.made.generated.unneeded {
        if !known.iter().any(|known| known.action == unneeded.action) {
            let pointer = place_in_contract(new.contracts, &unneeded.pointer);
            let rule = rule!("overlay-action-unneeded");
            let text = unneeded.to_string();
            more.push(Finding::plain(rule, Level::None, pointer, text));
        }
    }
    findings.append(&mut more);
}

/// Returns what comes from no finding.
fn assign_one(
    findings: &mut [Finding],
    problem: &Problem,
    base: Side,
    new: Side,
) -> Option<Finding> {
    let text = problem.to_string();
    let mut places = match problem {
        Problem::Mirror { path, method, .. } => {
            return inexact(findings, method, path, text);
        }
        Problem::Reserved {
            operation,
            parameter,
        } => return taken(findings, new.contracts, operation, &[parameter], text),
        Problem::Clash {
            owner,
            stays,
            left_out,
            ..
        } => return taken(findings, new.contracts, owner, &[left_out, stays], text),
        Problem::Overlay(stale) => Places::of_overlay(stale, base),
        Problem::Name { pointer, name, .. } => Places::of_name(pointer, name),
    };
    let mut known = base.made.generated.problems.iter();
    if known.any(|known| known.to_string() == text) {
        return None;
    }
    places.contract.retain_mut(|at| nearest(base.contracts, at));
    // What took away the thing itself, before what only touched it.
    let owner = [true, false].into_iter().find_map(|gone| {
        let mut findings = findings.iter();
        findings.position(|finding| places.went_with(finding, gone))
    });
    if let Some(owner) = owner {
        return repair(&mut findings[owner], text);
    }
    let rule = rule!("overlay-action-unmatched");
    let pointer = places.contract.into_iter().next().unwrap_or_default();
    Some(Finding::plain(rule, Level::Breaking, pointer, text))
}

fn repair(finding: &mut Finding, text: String) -> Option<Finding> {
    finding.worsen(Level::Breaking);
    finding.repair.push(text);
    None
}

/// Gives a mirror that differs to the findings that say so.
fn inexact(findings: &mut [Finding], method: &str, path: &str, text: String) -> Option<Finding> {
    let rule = rule!("mirror-inexact");
    let mut found = false;
    for finding in findings {
        let operation = finding.draft.operation.as_ref();
        let is_concerned = operation
            .is_some_and(|(of, at)| *of == method && (at == path || *at == mirror::original(path)));
        if finding.draft.rule == rule && is_concerned {
            finding.worsen(Level::Breaking);
            found = true;
        }
    }
    let pointer = format!("/paths/{}/{method}", escape(path));
    (!found).then(|| Finding::plain(rule, Level::Breaking, pointer, text))
}

/// Gives a name that cannot be had to the finding that brings it.
fn taken(
    findings: &mut [Finding],
    contracts: Contracts,
    owner: &str,
    names: &[&str],
    text: String,
) -> Option<Finding> {
    let is_new = |finding: &&mut Finding| {
        let of_owner = finding.types.contains(owner)
            || finding.new.iter().any(|subject| subject.owner() == owner);
        let at = finding.draft.new.as_deref().unwrap_or_default();
        let called = names.iter().any(|name| is_called(contracts, at, name));
        finding.draft.base.is_none() && of_owner && called
    };
    match findings.iter_mut().find(is_new) {
        Some(finding) => repair(finding, text),
        None => {
            let rule = rule!("name-taken");
            let pointer = String::new();
            Some(Finding::plain(rule, Level::Breaking, pointer, text))
        }
    }
}

/// Whether a property, a parameter or a value has the name.
fn is_called(contracts: Contracts, at: &str, name: &str) -> bool {
    at.ends_with(&format!("/properties/{}", escape(name)))
        || contracts.pointer(at).is_some_and(|node| {
            let own = node["name"].as_str();
            node == name || own.map(|own| own.trim_end_matches("[]")) == Some(name)
        })
}

/// The place of the contract that a place of the finished document comes from, or the
/// nearest above it.
fn place_in_contract(contracts: Contracts, finished: &str) -> String {
    let mut pointer = if finished.starts_with("/paths/") {
        finished.replacen("/schema/", "/", 1)
    } else {
        finished.replacen("/components/schemas/", "/definitions/", 1)
    };
    nearest(contracts, &mut pointer);
    pointer
}

/// Shortens a place to the nearest above it that a contract has: what was inferred from
/// an example is not in it. `false` where that is no single path or definition.
fn nearest(contracts: Contracts, at: &mut String) -> bool {
    while contracts.pointer(at).is_none() {
        at.truncate(at.rfind('/').unwrap_or_default());
    }
    at.matches('/').count() > 1
}

/// What a stale overlay is written for.
struct Places {
    /// In the base's contracts.
    contract: Vec<String>,
    /// In the crate's surface.
    subjects: BTreeSet<Subject>,
}

impl Places {
    fn of_overlay(stale: &Stale, base: Side) -> Self {
        let mut places = Self {
            contract: Vec::new(),
            subjects: BTreeSet::new(),
        };
        let located = base.made.generated.located.get(&stale.action);
        let pointers = match &stale.missing {
            Some(missing) => std::slice::from_ref(missing),
            None => located.map(Vec::as_slice).unwrap_or_default(),
        };
        for pointer in pointers {
            places.add(pointer, stale.stage, base);
        }
        places
    }

    fn add(&mut self, pointer: &str, stage: Stage, base: Side) {
        let parts: Vec<String> = json::segments(pointer).collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        match (stage, parts.as_slice()) {
            (_, ["paths", path, method, ..]) => {
                let operation = format!("/paths/{}/{method}", escape(path));
                let node = base.made.generated.document.pointer(&operation);
                let id = node.and_then(|node| node["operationId"].as_str());
                let subject = id.map(|id| Subject::Operation(id.to_owned()));
                self.subjects.extend(subject);
                self.contract.push(operation);
            }
            (_, [WEBHOOKS, event, ..]) => {
                self.contract.push(format!("/webhooks/{}", escape(event)))
            }
            (_, ["components", "schemas", ty, "properties", field, ..])
                if stage == Stage::Docs || base.is_payload(ty) =>
            {
                let field = Subject::Field((*ty).to_owned(), (*field).to_owned());
                self.subjects.insert(field);
            }
            (_, ["components", "schemas", ty, ..])
                if stage == Stage::Docs || base.is_payload(ty) =>
            {
                self.subjects.insert(Subject::Type((*ty).to_owned()));
            }
            _ => {
                let at = pointer.replacen("/components/schemas/", "/definitions/", 1);
                self.contract.push(at);
            }
        }
    }

    /// What a name is written for, at a place of the document with its types repaired.
    fn of_name(pointer: &str, name: &str) -> Self {
        let mut places = Self {
            contract: Vec::new(),
            subjects: BTreeSet::from([Subject::Type(name.to_owned())]),
        };
        let parts: Vec<String> = json::segments(pointer).collect();
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

    /// Whether the finding took away what the overlay is written for; with `gone` only
    /// where the change says so itself.
    fn went_with(&self, finding: &Finding, gone: bool) -> bool {
        let at = finding.draft.base.as_deref();
        if gone && !(finding.draft.rule.is_gone && at.is_some()) {
            return false;
        }
        let overlaps = |place: &String| {
            at.is_some_and(|at| json::is_within(place, at) || (!gone && json::is_within(at, place)))
        };
        let mut subjects = self.subjects.iter();
        self.contract.iter().any(overlaps) || subjects.any(|subject| has(finding, subject, gone))
    }
}

/// Whether the finding has the subject, its whole, or (unless `gone`) a part of it.
fn has(finding: &Finding, subject: &Subject, gone: bool) -> bool {
    finding.base.contains(subject)
        || subject.ty().is_some_and(|ty| finding.types.contains(ty))
        || finding
            .base
            .iter()
            .any(|own| subject.is_part_of(own) || (!gone && own.is_part_of(subject)))
}
