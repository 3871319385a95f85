//! What a maintainer must repair before the crate can be generated is told with the change
//! that it comes from.

use std::collections::BTreeSet;

use serde_json::Value;

use super::findings::Finding;
use super::judge::{Change, Judge, Made};
use super::rules::Level;
use super::surface::Subject;
use crate::generate::overlay::{Stage, Stale};
use crate::generate::{Generated, Problem, mirror};

impl Judge<'_> {
    /// Gives each overlay that is stale, and each mirror that differs, to the change it
    /// comes from.
    pub(super) fn repairs(
        &self,
        findings: &mut [Finding],
        base: &Made,
        new: &Made,
        changes: &mut Vec<Change>,
    ) {
        for problem in &new.generated.problems {
            let text = problem.to_string();
            let mut places = match problem {
                Problem::Mirror { path, method, .. } => {
                    if !inexact(findings, method, path) {
                        let pointer = format!("/paths/{}/{method}", crate::json::escape(path));
                        changes.push(self.plain("mirror-inexact", Level::Breaking, pointer, text));
                    }
                    continue;
                }
                Problem::Overlay(stale) => Places::of(stale, &base.generated, self.documents[0]),
                Problem::Name { pointer, name, .. } => Places::of_name(pointer, name),
                Problem::Reserved {
                    operation,
                    parameter,
                } => {
                    self.taken(findings, changes, operation, &[parameter], text);
                    continue;
                }
                Problem::Clash {
                    owner,
                    stays,
                    left_out,
                    ..
                } => {
                    self.taken(findings, changes, owner, &[left_out, stays], text);
                    continue;
                }
            };
            let mut known = base.generated.problems.iter();
            if known.any(|known| known.to_string() == text) {
                continue;
            }
            places.contract.retain_mut(|at| self.nearest(at));
            // What took away the thing itself, before what only touched it.
            let owner = [true, false].into_iter().find_map(|gone| {
                findings
                    .iter()
                    .position(|finding| places.went_with(finding, gone))
            });
            match owner {
                Some(owner) => {
                    findings[owner].worsen(Level::Breaking);
                    findings[owner].repair.push(text);
                }
                None => {
                    let pointer = places.contract.first().cloned().unwrap_or_default();
                    let rule = "overlay-action-unmatched";
                    changes.push(self.plain(rule, Level::Breaking, pointer, text));
                }
            }
        }
    }

    /// Gives a name that cannot be had to the change that brings it.
    fn taken(
        &self,
        findings: &mut [Finding],
        changes: &mut Vec<Change>,
        owner: &str,
        names: &[&str],
        text: String,
    ) {
        let is_new = |finding: &&mut Finding| {
            let of_owner = finding.new.iter().any(|subject| match subject {
                Subject::Operation(of) | Subject::Argument(of, _) => of == owner,
                Subject::Type(of) | Subject::Field(of, _) => of == owner,
            });
            let of_owner = of_owner || finding.types.contains(owner);
            let at = finding.draft.new.as_deref().unwrap_or_default();
            let node = self.new.document.pointer(at);
            let called = |name: &&str| {
                at.ends_with(&format!("/properties/{}", crate::json::escape(name)))
                    || node.is_some_and(|node| {
                        let own = node["name"].as_str().map(|own| own.trim_end_matches("[]"));
                        node == name || own == Some(name)
                    })
            };
            let called = names.iter().any(called);
            of_owner && called && finding.draft.base.is_none()
        };
        match findings.iter_mut().find(is_new) {
            Some(finding) => {
                finding.worsen(Level::Breaking);
                finding.repair.push(text);
            }
            None => changes.push(self.plain("name-taken", Level::Breaking, String::new(), text)),
        }
    }

    /// Tells of each overlay that the new document has made needless.
    pub(super) fn unneeded(&self, base: &Made, new: &Made, changes: &mut Vec<Change>) {
        let known = &base.generated.unneeded;
        for unneeded in &new.generated.unneeded {
            if known.iter().any(|known| known.action == unneeded.action) {
                continue;
            }
            let at = &unneeded.pointer;
            let mut pointer = match at.starts_with("/paths/") {
                true => at.replacen("/schema/", "/", 1),
                false => at.replacen("/components/schemas/", "/definitions/", 1),
            };
            while self.new.document.pointer(&pointer).is_none() {
                pointer.truncate(pointer.rfind('/').unwrap_or_default());
            }
            let text = unneeded.to_string();
            changes.push(self.plain("overlay-action-unneeded", Level::None, pointer, text));
        }
    }

    /// Shortens a place to the nearest above it that the base has: what was inferred from
    /// an example is not in the contract. `false` where that is no single path or definition.
    fn nearest(&self, at: &mut String) -> bool {
        while self.base.document.pointer(at).is_none() {
            let end = at.rfind('/').unwrap_or_default();
            at.truncate(end);
        }
        at.matches('/').count() > 1
    }
}

/// Marks the findings that say that a mirror is inexact; whether there are any.
fn inexact(findings: &mut [Finding], method: &str, path: &str) -> bool {
    let concerned = |finding: &&mut Finding| {
        let operation = finding.draft.operation.as_ref();
        finding.draft.rule.id == "mirror-inexact"
            && operation.is_some_and(|(of, at)| {
                *of == method && (at == path || *at == mirror::original(path))
            })
    };
    let concerned = findings.iter_mut().filter(concerned);
    concerned
        .map(|finding| finding.worsen(Level::Breaking))
        .count()
        > 0
}

/// What a stale overlay is written for.
struct Places {
    /// In the base's contract.
    contract: Vec<String>,
    /// In the crate's surface.
    subjects: BTreeSet<Subject>,
}

impl Places {
    pub(super) fn of(stale: &Stale, base: &Generated, document: Option<&Value>) -> Self {
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
        if gone && !(draft.rule.is_gone && draft.base.is_some()) {
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
