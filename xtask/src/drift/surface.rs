//! What has changed between two surfaces of the crate: what its users can name.
//!
//! The surfaces are the ones that the snapshots show, made by the code generator itself.

use std::collections::{BTreeMap, BTreeSet};

use super::rules::Level;
use codegen::surface::{Argument, Field, Kind, Operation, Surface, Type, Used};

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
    let types = Types::of(base, new);
    operations(base, new, &types, &mut found);
    all_types(base, new, &types, &mut found);
    found
}

/// What must be known of other types to compare two places.
struct Types<'a> {
    /// The ids of the new surface.
    ids: BTreeSet<&'a str>,
    /// The values of each enum, in the base and in the new surface.
    enums: [BTreeMap<&'a str, &'a [String]>; 2],
}

impl<'a> Types<'a> {
    fn of(base: &'a Surface, new: &'a Surface) -> Self {
        let ids = new.types.iter().filter(|ty| ty.kind == Kind::Id);
        let enums = |surface: &'a Surface| {
            let enums = surface.types.iter().filter_map(|ty| match &ty.kind {
                Kind::Enum(values) => Some((ty.name.as_str(), values.as_slice())),
                _ => None,
            });
            enums.collect()
        };
        Self {
            ids: ids.map(|ty| ty.name.as_str()).collect(),
            enums: [enums(base), enums(new)],
        }
    }

    /// Whether two types are the same. An integer that is an id now is the same number,
    /// of which our rules have found whose it is.
    fn same(&self, was: &str, is: &str) -> bool {
        let words = is.split_inclusive(|c: char| !c.is_ascii_alphanumeric());
        let plain = words.map(|part| {
            let word = part.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
            match self.ids.contains(word) {
                true => part.replacen(word, "i64", 1),
                false => part.to_owned(),
            }
        });
        was == is || was == plain.collect::<String>()
    }

    /// How bad it is that a place takes other values of its enum than it took.
    fn values(&self, was: (&str, &Option<Vec<String>>), is: (&str, &Option<Vec<String>>)) -> Level {
        let all = |side: usize, (ty, accepted): (&str, &'_ Option<Vec<String>>)| {
            let known = type_names(ty).into_iter();
            let known = known.filter_map(|name| self.enums[side].get(name.as_str()).copied());
            let known = known.flatten().cloned().collect::<BTreeSet<String>>();
            match accepted {
                Some(accepted) => accepted.iter().cloned().collect(),
                None => known,
            }
        };
        let (olds, news) = (all(0, was), all(1, is));
        if olds == news {
            Level::None
        } else if olds.is_subset(&news) {
            Level::Info
        } else {
            Level::Breaking
        }
    }
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

fn operations(base: &Surface, new: &Surface, types: &Types, found: &mut Vec<Difference>) {
    let (olds, news) = (
        by_key(&base.operations, |operation| &operation.id),
        by_key(&new.operations, |operation| &operation.id),
    );
    for (id, old) in &olds {
        match news.get(id) {
            Some(new) => operation(old, new, types, found),
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

fn operation(old: &Operation, new: &Operation, types: &Types, found: &mut Vec<Difference>) {
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
                let level = argument(was, is, types);
                if level > Level::None {
                    let lines = pair(call(&was.to_string()), call(&is.to_string()));
                    found.push(difference(subject(wire), level, lines));
                }
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
fn argument(was: &Argument, is: &Argument, types: &Types) -> Level {
    let same_type = types.same(&was.ty, &is.ty);
    let values = types.values((&was.ty, &was.accepted), (&is.ty, &is.accepted));
    // Whatever else there is to an argument.
    let plain = |argument: &Argument| (argument.ty.clone(), argument.range.clone(), argument.list);
    if !same_type || was.name != is.name || was.required != is.required {
        Level::Breaking
    } else if was.range != is.range {
        Level::Warning
    } else if plain(was) != plain(is) {
        Level::Info.max(values)
    } else {
        values
    }
}

fn all_types(base: &Surface, new: &Surface, types: &Types, found: &mut Vec<Difference>) {
    let (olds, news) = (
        by_key(&base.types, |ty| &ty.name),
        by_key(&new.types, |ty| &ty.name),
    );
    for (name, old) in &olds {
        match news.get(name) {
            Some(new) => a_type(old, new, types, found),
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
        Kind::Id => format!("id {}", ty.name),
    }
}

fn a_type(old: &Type, new: &Type, types: &Types, found: &mut Vec<Difference>) {
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
            fields(&old.name, *is, [olds, news], types, found);
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
        (Kind::Id, Kind::Id) => {}
        _ => found.push(difference(
            whole(),
            Level::Breaking,
            pair(headline(old), headline(new)),
        )),
    }
}

fn fields(ty: &str, used: Used, fields: [&[Field]; 2], types: &Types, found: &mut Vec<Difference>) {
    let [olds, news] = fields.map(|fields| by_key(fields, |field| &field.name));
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
                let same_type = types.same(&was.ty, &is.ty);
                let values = types.values((&was.ty, &was.accepted), (&is.ty, &is.accepted));
                let plain =
                    |field: &Field| (field.ty.clone(), field.nullable, field.decode.clone());
                let level = if !same_type || was.optional != is.optional || !nullable {
                    Level::Breaking
                } else if plain(was) != plain(is) {
                    Level::Info.max(values)
                } else {
                    values
                };
                if level > Level::None {
                    let lines = pair(format_args!("{ty}.{was}"), format_args!("{ty}.{is}"));
                    found.push(difference(subject(name), level, lines));
                }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn an_enum(values: &[&str]) -> Type {
        Type {
            name: "Grade".to_owned(),
            kind: Kind::Enum(values.iter().map(|value| (*value).to_owned()).collect()),
        }
    }

    fn surface(types: Vec<Type>) -> Surface {
        Surface {
            operations: Vec::new(),
            types,
        }
    }

    #[test]
    fn an_integer_that_is_an_id_now_is_the_same() {
        let id = Type {
            name: "AgentId".to_owned(),
            kind: Kind::Id,
        };
        let (base, new) = (surface(Vec::new()), surface(vec![id]));
        let types = Types::of(&base, &new);
        assert!(types.same("i64", "AgentId"));
        assert!(types.same("Vec<i64>", "Vec<AgentId>"));
        assert!(!types.same("AgentId", "i64"));
        assert!(!types.same("i64", "OtherId"));
        assert!(!types.same("String", "AgentId"));
    }

    #[test]
    fn a_place_is_judged_by_the_values_that_it_takes() {
        let some = |values: &[&str]| {
            let values = values.iter().map(|value| (*value).to_owned());
            Some(values.collect::<Vec<_>>())
        };
        let base = surface(vec![an_enum(&["a", "b"])]);
        let new = surface(vec![an_enum(&["a", "b", "c"])]);
        let types = Types::of(&base, &new);
        let level = |was, is| types.values(("Grade", &was), ("Vec<Grade>", &is));
        // `c` is new elsewhere.
        assert_eq!(level(None, some(&["a", "b"])), Level::None);
        assert_eq!(level(None, None), Level::Info);
        assert_eq!(level(some(&["a"]), some(&["a", "c"])), Level::Info);
        assert_eq!(level(some(&["a"]), None), Level::Info);
        assert_eq!(level(some(&["a", "b"]), some(&["a"])), Level::Breaking);
        assert_eq!(level(None, some(&["a"])), Level::Breaking);
    }
}
