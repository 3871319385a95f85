//! What has changed between two surfaces of the crate: what its users can name.
//!
//! The surfaces are the ones that the snapshots show, made by the code generator itself.

use std::collections::{BTreeMap, BTreeSet};

use crate::codegen::surface::{Argument, Field, Kind, Operation, Surface, Type, Used};
use crate::drift::change::Subject;
use crate::drift::rules::Level;

/// One difference.
#[derive(Clone, Debug)]
pub struct Difference {
    pub subject: Subject,
    pub level: Level,
    /// As the snapshot's lines would show it.
    pub lines: Vec<String>,
    /// The types that it names.
    pub mentions: BTreeSet<String>,
}

/// Every difference of two surfaces.
pub fn differences(base: &Surface, new: &Surface) -> Vec<Difference> {
    let mut found = Found {
        types: Types::of(base, new),
        differences: Vec::new(),
    };
    let id = |operation: &Operation| operation.id.clone();
    each(&base.operations, &new.operations, id, |base, new| {
        found.operation(base, new);
    });
    let name = |ty: &Type| ty.name.clone();
    each(&base.types, &new.types, name, |base, new| {
        found.ty(base, new);
    });
    found.differences
}

/// The types that a type's text names.
pub fn type_names(ty: &str) -> BTreeSet<String> {
    let words = ty.split(|c: char| !c.is_ascii_alphanumeric());
    let names = words.filter(|word| word.starts_with(|c: char| c.is_ascii_uppercase()));
    names.map(str::to_owned).collect()
}

/// Calls `visit` for each key whose things differ, in the order of the keys; first for
/// those of the base.
fn each<'a, T: PartialEq>(
    base: &'a [T],
    new: &'a [T],
    key: impl Fn(&T) -> String,
    mut visit: impl FnMut(Option<&'a T>, Option<&'a T>),
) {
    let [base, new] = [base, new].map(|items| {
        let items = items.iter().map(|item| (key(item), item));
        items.collect::<BTreeMap<_, _>>()
    });
    for (key, base) in &base {
        let new = new.get(key).copied();
        if new != Some(*base) {
            visit(Some(*base), new);
        }
    }
    for (_, new) in new.iter().filter(|(key, _)| !base.contains_key(*key)) {
        visit(None, Some(*new));
    }
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
    fn same(&self, base: &str, new: &str) -> bool {
        let words = new.split_inclusive(|c: char| !c.is_ascii_alphanumeric());
        let plain = words.map(|part| {
            let word = part.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
            if self.ids.contains(word) {
                part.replacen(word, "i64", 1)
            } else {
                part.to_owned()
            }
        });
        base == new || base == plain.collect::<String>()
    }

    /// How bad it is that a place takes other values of its enum than it took.
    fn values(&self, base: Taken, new: Taken) -> Level {
        let [base, new] = [(base, &self.enums[0]), (new, &self.enums[1])].map(|(taken, enums)| {
            let (ty, accepted) = taken;
            match accepted {
                Some(accepted) => accepted.iter().collect::<BTreeSet<_>>(),
                None => {
                    let names = type_names(ty).into_iter();
                    let known = names.filter_map(|name| enums.get(name.as_str()).copied());
                    known.flatten().collect()
                }
            }
        });
        if base == new {
            Level::None
        } else if base.is_subset(&new) {
            Level::Info
        } else {
            Level::Breaking
        }
    }
}

/// The type of a place, and which values of its enum are taken, where not all are.
type Taken<'a> = (&'a str, &'a Option<Vec<String>>);

struct Found<'a> {
    types: Types<'a>,
    differences: Vec<Difference>,
}

impl Found<'_> {
    /// Adds a difference; `line` shows a side, `types` are the texts of the types it names.
    fn add<T: Copy>(
        &mut self,
        subject: Subject,
        level: Level,
        (base, new): (Option<T>, Option<T>),
        line: impl Fn(T) -> String,
        types: impl Fn(T) -> Vec<String>,
    ) {
        if level == Level::None {
            return;
        }
        let sides = base.into_iter().chain(new);
        let named = sides.flat_map(types).flat_map(|ty| type_names(&ty));
        let mentions = named.chain(subject.ty().map(str::to_owned)).collect();
        let base = base.map(|side| format!("- {}", line(side)));
        let new = new.map(|side| format!("+ {}", line(side)));
        self.differences.push(Difference {
            subject,
            level,
            lines: base.into_iter().chain(new).collect(),
            mentions,
        });
    }

    fn operation(&mut self, base: Option<&Operation>, new: Option<&Operation>) {
        let (Some(base), Some(new)) = (base, new) else {
            let Some(any) = base.or(new) else { return };
            let whole = Subject::Operation(any.id.clone());
            let sides = (base, new);
            return self.add(
                whole,
                one_sided(new),
                sides,
                Operation::to_string,
                all_types,
            );
        };
        let id = base.id.as_str();
        let wire = |argument: &Argument| argument.wire.clone();
        each(&base.arguments, &new.arguments, wire, |base, new| {
            self.argument(id, base, new);
        });
        let whole = || Subject::Operation(id.to_owned());
        let both = (Some(base), Some(new));
        if base.body != new.body {
            let line = |operation: &Operation| match &operation.body {
                Some(ty) => format!("{id}(body: {ty})"),
                None => format!("{id}()"),
            };
            let ty = |operation: &Operation| Vec::from_iter(operation.body.clone());
            self.add(whole(), Level::Breaking, both, line, ty);
        }
        if base.returns != new.returns {
            let line = |operation: &Operation| format!("{id}() -> {}", operation.returns);
            let ty = |operation: &Operation| vec![operation.returns.clone()];
            self.add(whole(), Level::Breaking, both, line, ty);
        }
        self.marks(whole(), base, new);
        if (&base.method, &base.path) != (&new.method, &new.path) {
            // Nobody names them, but what was sent is sent elsewhere.
            let line = |operation: &Operation| {
                let Operation { method, path, .. } = operation;
                format!("{id} {method} {path}")
            };
            self.add(whole(), Level::Info, both, line, no_types);
        }
    }

    fn marks(&mut self, whole: Subject, base: &Operation, new: &Operation) {
        let line = |mark: &str| format!("{} [{mark}]", base.id);
        for mark in base.marks.iter().filter(|mark| !new.marks.contains(mark)) {
            let level = if ["also for an account", "changed_since"].contains(mark) {
                Level::Breaking
            } else {
                Level::Info
            };
            self.add(whole.clone(), level, (Some(*mark), None), line, no_types);
        }
        for mark in new.marks.iter().filter(|mark| !base.marks.contains(mark)) {
            let level = if *mark == "deprecated" {
                Level::Warning
            } else {
                Level::Info
            };
            self.add(whole.clone(), level, (None, Some(*mark)), line, no_types);
        }
    }

    fn argument(&mut self, id: &str, base: Option<&Argument>, new: Option<&Argument>) {
        let level = match (base, new) {
            (Some(base), Some(new)) => self.argument_level(base, new),
            (None, Some(new)) if new.required => Level::Breaking,
            _ => one_sided(new),
        };
        let wire = base.or(new).map_or("", |argument| &argument.wire);
        let subject = Subject::Argument(id.to_owned(), wire.to_owned());
        let line = |argument: &Argument| format!("{id}({argument})");
        let ty = |argument: &Argument| vec![argument.ty.clone()];
        self.add(subject, level, (base, new), line, ty);
    }

    /// How bad another argument under the same name is.
    fn argument_level(&self, base: &Argument, new: &Argument) -> Level {
        let same_type = self.types.same(&base.ty, &new.ty);
        let values = (self.types).values((&base.ty, &base.accepted), (&new.ty, &new.accepted));
        if !same_type || base.name != new.name || base.required != new.required {
            Level::Breaking
        } else if base.range != new.range {
            Level::Warning
        } else if (&base.ty, base.list) != (&new.ty, new.list) {
            Level::Info.max(values)
        } else {
            values
        }
    }

    fn ty(&mut self, base: Option<&Type>, new: Option<&Type>) {
        let Some(any) = base.or(new) else { return };
        let name = any.name.as_str();
        let whole = || Subject::Type(name.to_owned());
        let kinds = (base.map(|ty| &ty.kind), new.map(|ty| &ty.kind));
        match kinds {
            (
                Some(Kind::Struct {
                    used: base_used,
                    fields: base_fields,
                }),
                Some(Kind::Struct { used, fields }),
            ) => {
                if base_used != used {
                    // What is no longer sent has no builder any more.
                    let level = if *used == Used::Received {
                        Level::Breaking
                    } else {
                        Level::Info
                    };
                    let line = |used: &Used| format!("struct {name} ({used})");
                    let sides = (Some(base_used), Some(used));
                    self.add(whole(), level, sides, line, no_types);
                }
                let key = |field: &Field| field.name.clone();
                each(base_fields, fields, key, |base, new| {
                    self.field(name, *used, base, new);
                });
            }
            (Some(Kind::Enum(base)), Some(Kind::Enum(new))) => {
                self.values(any, base, new, no_types);
            }
            (Some(Kind::Union(base)), Some(Kind::Union(new))) => {
                self.values(any, base, new, |variant| vec![variant.clone()]);
            }
            (Some(Kind::Id), Some(Kind::Id)) => {}
            (Some(_), Some(_)) => {
                self.add(whole(), Level::Breaking, (base, new), headline, no_types);
            }
            _ => self.add(whole(), one_sided(new), (base, new), headline, no_types),
        }
    }

    /// The values of an enum, or the variants of a union.
    fn values<'b>(
        &mut self,
        ty: &Type,
        base: &'b [String],
        new: &'b [String],
        types: impl Fn(&'b String) -> Vec<String>,
    ) {
        let subject = || Subject::Type(ty.name.clone());
        let line = |value: &String| format!("{} = {value}", headline(ty));
        let (in_base, in_new): (BTreeSet<_>, BTreeSet<_>) =
            (base.iter().collect(), new.iter().collect());
        for value in base.iter().filter(|value| !in_new.contains(value)) {
            let sides = (Some(value), None);
            self.add(subject(), Level::Breaking, sides, line, &types);
        }
        for value in new.iter().filter(|value| !in_base.contains(value)) {
            let sides = (None, Some(value));
            self.add(subject(), Level::Info, sides, line, &types);
        }
    }

    /// A field of a struct that is used so in the new surface.
    fn field(&mut self, ty: &str, used: Used, base: Option<&Field>, new: Option<&Field>) {
        let level = match (base, new) {
            (Some(base), Some(new)) => self.field_level(used, base, new),
            (None, Some(new)) if used != Used::Received && !new.optional => Level::Breaking,
            _ => one_sided(new),
        };
        let name = base.or(new).map_or("", |field| &field.name);
        let subject = Subject::Field(ty.to_owned(), name.to_owned());
        let line = |field: &Field| format!("{ty}.{field}");
        let types = |field: &Field| vec![field.ty.clone()];
        self.add(subject, level, (base, new), line, types);
    }

    fn field_level(&self, used: Used, base: &Field, new: &Field) -> Level {
        // A builder that can also send null keeps its setter.
        let nullable = base.nullable == new.nullable || (used == Used::Sent && !base.nullable);
        let same_type = self.types.same(&base.ty, &new.ty);
        let values = (self.types).values((&base.ty, &base.accepted), (&new.ty, &new.accepted));
        let plain = |field: &Field| (field.ty.clone(), field.nullable, field.decode.clone());
        if !same_type || base.optional != new.optional || !nullable {
            Level::Breaking
        } else if plain(base) != plain(new) {
            Level::Info.max(values)
        } else {
            values
        }
    }
}

/// What it means that something came, or that it went.
fn one_sided<T>(new: Option<T>) -> Level {
    if new.is_some() {
        Level::Info
    } else {
        Level::Breaking
    }
}

fn no_types<T>(_: T) -> Vec<String> {
    Vec::new()
}

fn all_types(operation: &Operation) -> Vec<String> {
    let arguments = operation.arguments.iter().map(|argument| &argument.ty);
    let others = operation.body.iter().chain([&operation.returns]);
    arguments.chain(others).cloned().collect()
}

fn headline(ty: &Type) -> String {
    let kind = match &ty.kind {
        Kind::Struct { .. } => "struct",
        Kind::Enum(_) => "enum",
        Kind::Union(_) => "union",
        Kind::Id => "id",
    };
    format!("{kind} {}", ty.name)
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
