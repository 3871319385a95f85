//! What has changed between two surfaces of the crate: what its users can name.
//!
//! The surfaces are the ones that the snapshots show, made by the code generator itself.

use std::collections::{BTreeMap, BTreeSet};

use super::rules::Level;
use crate::codegen::surface::{Argument, Field, Kind, Operation, Surface, Type, Used};

/// Something users can name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    Operation(String),
    /// By the name it has in the URL.
    Argument(String, String),
    Type(String),
    Field(String, String),
}

impl Subject {
    /// The operation or type that this is a part of.
    pub fn whole(&self) -> Option<Self> {
        match self {
            Self::Argument(operation, _) => Some(Self::Operation(operation.clone())),
            Self::Field(ty, _) => Some(Self::Type(ty.clone())),
            _ => None,
        }
    }
}

/// One difference.
#[derive(Clone, Debug)]
pub struct Difference {
    pub subject: Subject,
    pub level: Level,
    /// As the snapshot's lines would show it.
    pub lines: Vec<String>,
    /// The types whose names stand in it.
    pub mentions: BTreeSet<String>,
}

/// Every difference of two surfaces.
pub fn differences(base: &Surface, new: &Surface) -> Vec<Difference> {
    let mut found = Vec::new();
    operations(base, new, &mut found);
    types(base, new, &mut found);
    found
}

fn by_key<'a, T>(items: &'a [T], key: impl Fn(&'a T) -> &'a str) -> BTreeMap<&'a str, &'a T> {
    items.iter().map(|item| (key(item), item)).collect()
}

pub(super) fn difference(subject: Subject, level: Level, lines: Vec<String>) -> Difference {
    let mentions = lines.iter().flat_map(|line| type_names(line)).collect();
    Difference {
        subject,
        level,
        lines,
        mentions,
    }
}

/// The words of a line that look like types of ours.
pub fn type_names(line: &str) -> BTreeSet<String> {
    line.split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| word.starts_with(|c: char| c.is_ascii_uppercase()))
        .map(str::to_owned)
        .collect()
}

fn pair(was: impl std::fmt::Display, is: impl std::fmt::Display) -> Vec<String> {
    vec![format!("- {was}"), format!("+ {is}")]
}

pub(super) fn operations(base: &Surface, new: &Surface, found: &mut Vec<Difference>) {
    let (olds, news) = (
        by_key(&base.operations, |operation| &operation.id),
        by_key(&new.operations, |operation| &operation.id),
    );
    for (id, old) in &olds {
        match news.get(id) {
            Some(new) => operation(old, new, found),
            None => {
                let subject = Subject::Operation((*id).to_owned());
                found.push(difference(
                    subject,
                    Level::Breaking,
                    vec![format!("- {old}")],
                ));
            }
        }
    }
    for (id, new) in news.iter().filter(|(id, _)| !olds.contains_key(*id)) {
        let subject = Subject::Operation((*id).to_owned());
        found.push(difference(subject, Level::Info, vec![format!("+ {new}")]));
    }
}

pub(super) fn operation(old: &Operation, new: &Operation, found: &mut Vec<Difference>) {
    let whole = || Subject::Operation(old.id.clone());
    let call = |text: &str| format!("{}({text})", old.id);
    let (olds, news) = (
        by_key(&old.arguments, |argument| &argument.wire),
        by_key(&new.arguments, |argument| &argument.wire),
    );
    let subject = |wire: &str| Subject::Argument(old.id.clone(), wire.to_owned());
    for (wire, was) in &olds {
        match news.get(wire) {
            None => {
                let lines = vec![format!("- {}", call(&was.to_string()))];
                found.push(difference(subject(wire), Level::Breaking, lines));
            }
            Some(is) if is != was => {
                let lines = pair(call(&was.to_string()), call(&is.to_string()));
                found.push(difference(subject(wire), argument(was, is), lines));
            }
            Some(_) => {}
        }
    }
    for (wire, is) in news.iter().filter(|(wire, _)| !olds.contains_key(*wire)) {
        let level = if is.required {
            Level::Breaking
        } else {
            Level::Info
        };
        let lines = vec![format!("+ {}", call(&is.to_string()))];
        found.push(difference(subject(wire), level, lines));
    }
    if old.body != new.body {
        let body = |body: &Option<String>| match body {
            Some(ty) => call(&format!("body: {ty}")),
            None => call(""),
        };
        found.push(difference(
            whole(),
            Level::Breaking,
            pair(body(&old.body), body(&new.body)),
        ));
    }
    if old.returns != new.returns {
        let returns =
            |operation: &Operation| format!("{}() -> {}", operation.id, operation.returns);
        found.push(difference(
            whole(),
            Level::Breaking,
            pair(returns(old), returns(new)),
        ));
    }
    for mark in old.marks.iter().filter(|mark| !new.marks.contains(mark)) {
        let level = if *mark == "also for an account" {
            Level::Breaking
        } else {
            Level::Info
        };
        found.push(difference(
            whole(),
            level,
            vec![format!("- {} [{mark}]", old.id)],
        ));
    }
    for mark in new.marks.iter().filter(|mark| !old.marks.contains(mark)) {
        let level = if *mark == "deprecated" {
            Level::Warning
        } else {
            Level::Info
        };
        found.push(difference(
            whole(),
            level,
            vec![format!("+ {} [{mark}]", new.id)],
        ));
    }
    if (&old.method, &old.path) != (&new.method, &new.path) {
        // Nobody names them, but what was sent is sent elsewhere.
        let line = |operation: &Operation| {
            format!("{} {} {}", operation.id, operation.method, operation.path)
        };
        found.push(difference(whole(), Level::Info, pair(line(old), line(new))));
    }
}

/// How bad another argument under the same name is.
fn argument(was: &Argument, is: &Argument) -> Level {
    if was.ty != is.ty || was.name != is.name || (is.required && !was.required) {
        Level::Breaking
    } else if was.range != is.range {
        Level::Warning
    } else {
        Level::Info
    }
}

pub(super) fn types(base: &Surface, new: &Surface, found: &mut Vec<Difference>) {
    let (olds, news) = (
        by_key(&base.types, |ty| &ty.name),
        by_key(&new.types, |ty| &ty.name),
    );
    for (name, old) in &olds {
        match news.get(name) {
            Some(new) => a_type(old, new, found),
            None => {
                let subject = Subject::Type((*name).to_owned());
                found.push(difference(
                    subject,
                    Level::Breaking,
                    vec![format!("- {}", headline(old))],
                ));
            }
        }
    }
    for (name, new) in news.iter().filter(|(name, _)| !olds.contains_key(*name)) {
        let subject = Subject::Type((*name).to_owned());
        found.push(difference(
            subject,
            Level::Info,
            vec![format!("+ {}", headline(new))],
        ));
    }
}

pub(super) fn headline(ty: &Type) -> String {
    match &ty.kind {
        Kind::Struct { .. } => format!("struct {}", ty.name),
        Kind::Enum(_) => format!("enum {}", ty.name),
        Kind::Union(_) => format!("union {}", ty.name),
    }
}

fn a_type(old: &Type, new: &Type, found: &mut Vec<Difference>) {
    let whole = || Subject::Type(old.name.clone());
    match (&old.kind, &new.kind) {
        (
            Kind::Struct {
                used: was,
                fields: olds,
            },
            Kind::Struct {
                used: is,
                fields: news,
            },
        ) => {
            if was != is {
                // What is no longer sent has no builder any more.
                let level = if *is == Used::Received {
                    Level::Breaking
                } else {
                    Level::Info
                };
                let line = |used: &Used| format!("struct {} ({used})", old.name);
                found.push(difference(whole(), level, pair(line(was), line(is))));
            }
            fields(&old.name, *is, olds, news, found);
        }
        (Kind::Enum(olds), Kind::Enum(news)) | (Kind::Union(olds), Kind::Union(news)) => {
            for value in olds.iter().filter(|value| !news.contains(value)) {
                let lines = vec![format!("- {} = {value}", headline(old))];
                found.push(difference(whole(), Level::Breaking, lines));
            }
            for value in news.iter().filter(|value| !olds.contains(value)) {
                let lines = vec![format!("+ {} = {value}", headline(new))];
                found.push(difference(whole(), Level::Info, lines));
            }
        }
        _ => found.push(difference(
            whole(),
            Level::Breaking,
            pair(headline(old), headline(new)),
        )),
    }
}

fn fields(ty: &str, used: Used, olds: &[Field], news: &[Field], found: &mut Vec<Difference>) {
    let (olds, news) = (
        by_key(olds, |field| &field.name),
        by_key(news, |field| &field.name),
    );
    let subject = |name: &str| Subject::Field(ty.to_owned(), name.to_owned());
    for (name, was) in &olds {
        match news.get(name) {
            None => {
                let lines = vec![format!("- {ty}.{was}")];
                found.push(difference(subject(name), Level::Breaking, lines));
            }
            Some(is) if is != was => {
                // A builder that can also send null keeps its setter.
                let nullable = was.nullable == is.nullable || (used == Used::Sent && !was.nullable);
                let same_type = was.ty == is.ty && was.optional == is.optional && nullable;
                let level = if same_type {
                    Level::Info
                } else {
                    Level::Breaking
                };
                let lines = pair(format_args!("{ty}.{was}"), format_args!("{ty}.{is}"));
                found.push(difference(subject(name), level, lines));
            }
            Some(_) => {}
        }
    }
    for (name, is) in news.iter().filter(|(name, _)| !olds.contains_key(*name)) {
        let needed = used != Used::Received && !is.optional;
        let level = if needed { Level::Breaking } else { Level::Info };
        found.push(difference(
            subject(name),
            level,
            vec![format!("+ {ty}.{is}")],
        ));
    }
}
