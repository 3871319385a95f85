//! The public surface of the generated client: what its users can name.
//!
//! As text (one line an operation, one block a type, in a fixed order) it is what the
//! snapshot test keeps, so that a reviewer sees what a new vendor document does to the
//! users of the crate. As data it is what `cargo xtask drift` compares.

use std::fmt::Write;

use super::Code;
use super::events::{self, EVENT};
use super::model::Event;
use super::structs::Presence;
use super::syntax::readable;

/// Everything that users of the crate can name.
#[derive(Debug, Default, PartialEq)]
pub struct Surface {
    pub operations: Vec<Operation>,
    pub types: Vec<Type>,
}

#[derive(Debug, PartialEq)]
pub struct Operation {
    pub id: String,
    pub method: String,
    pub path: String,
    pub arguments: Vec<Argument>,
    /// The component that is sent.
    pub body: Option<String>,
    pub returns: String,
    /// `also for an account`, `changed_since`, `reads`, `deprecated`.
    pub marks: Vec<&'static str>,
}

/// An argument (where it is required) or a setter of an operation.
#[derive(Debug, PartialEq)]
pub struct Argument {
    pub name: String,
    /// As it stands in the URL.
    pub wire: String,
    pub required: bool,
    pub ty: String,
    /// Which values are accepted: `1..=500`.
    pub range: Option<String>,
    /// How a list travels.
    pub list: Option<&'static str>,
    /// The values of its enum that it takes, where it does not take all.
    pub accepted: Option<Vec<String>>,
}

#[derive(Debug, PartialEq)]
pub struct Type {
    pub name: String,
    pub kind: Kind,
}

/// What a type is made of.
#[derive(Debug, PartialEq)]
pub enum Kind {
    Struct { used: Used, fields: Vec<Field> },
    Enum(Vec<String>),
    Union(Vec<String>),
    Id,
}

/// Which way a struct travels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Used {
    Sent,
    Received,
    Both,
}

/// A field of a struct.
#[derive(Debug, PartialEq)]
pub struct Field {
    pub name: String,
    pub ty: String,
    pub optional: bool,
    /// Absent and null are two things.
    pub nullable: bool,
    /// How it is decoded, if in more than one way.
    pub decode: Option<String>,
    /// The values of its enum that it takes when it is sent, where it does not take all.
    pub accepted: Option<Vec<String>>,
}

/// The surface of the code.
pub fn surface(code: &Code) -> Surface {
    let structs = code.structs.iter().map(|ty| Type {
        name: ty.name.to_string(),
        kind: Kind::Struct {
            used: match (ty.schema.sent, ty.schema.received) {
                (true, true) => Used::Both,
                (true, false) => Used::Sent,
                _ => Used::Received,
            },
            // What must be there first, in the order of the arguments of `new`.
            fields: ty
                .required()
                .chain(
                    ty.fields
                        .iter()
                        .filter(|field| field.presence != Presence::Required),
                )
                .map(Field::of)
                .collect(),
        },
    });
    let enums = code.enums.iter().map(|ty| Type {
        name: ty.name.to_string(),
        kind: Kind::Enum(ty.variants.iter().map(|(_, value)| value.clone()).collect()),
    });
    let unions = code.unions.iter().map(|union| {
        let variants = union.variants.iter().map(|variant| {
            let fields = variant.fields.iter().map(|field| readable(&field.ty));
            let fields = fields.collect::<Vec<_>>().join(", ");
            format!("{}({fields})", variant.ident)
        });
        Type {
            name: union.ident.to_string(),
            kind: Kind::Union(variants.collect()),
        }
    });
    let event = (!code.events.is_empty()).then(|| {
        let variant = |event: &Event| format!("{}({})", events::variant(event), event.payload);
        Type {
            name: EVENT.to_owned(),
            kind: Kind::Union(code.events.iter().map(variant).collect()),
        }
    });
    let ids = code.ids.iter().map(|(name, _)| Type {
        name: name.to_string(),
        kind: Kind::Id,
    });
    Surface {
        operations: code.operations.iter().map(Operation::of).collect(),
        types: structs
            .chain(enums)
            .chain(unions)
            .chain(event)
            .chain(ids)
            .collect(),
    }
}

impl Operation {
    fn of(operation: &super::operations::Operation) -> Self {
        let facts = operation.facts;
        let marks = [
            ("also for an account", facts.account_scope),
            ("changed_since", facts.changed_since),
            ("reads", facts.reads && facts.method != "GET"),
            ("deprecated", facts.deprecated),
        ];
        Self {
            id: facts.id.clone(),
            method: facts.method.clone(),
            path: facts.path.clone(),
            arguments: operation.fields.iter().map(Argument::of).collect(),
            body: facts.body.clone(),
            returns: readable(&operation.returns),
            marks: marks
                .into_iter()
                .filter(|(_, set)| *set)
                .map(|(m, _)| m)
                .collect(),
        }
    }
}

impl Argument {
    fn of(field: &super::operations::Field) -> Self {
        let parameter = field.parameter;
        Self {
            name: field.name.to_string(),
            wire: parameter.name.clone(),
            required: parameter.required,
            ty: readable(&field.ty),
            range: match (parameter.limits.minimum, parameter.limits.maximum) {
                (Some(minimum), Some(maximum)) => Some(format!("{minimum}..={maximum}")),
                (Some(minimum), None) => Some(format!("{minimum}..")),
                (None, Some(maximum)) => Some(format!("..={maximum}")),
                (None, None) => None,
            },
            list: match (parameter.name.ends_with("[]"), parameter.comma_separated) {
                (true, _) => Some("repeated"),
                (_, true) => Some("comma-separated"),
                _ => None,
            },
            accepted: parameter.accepted.clone(),
        }
    }
}

impl Field {
    fn of(field: &super::structs::Field) -> Self {
        Self {
            name: field.key().to_owned(),
            ty: readable(&field.inner),
            optional: field.presence != Presence::Required,
            nullable: field.presence == Presence::Nullable,
            decode: field.shapes().map(str::to_owned),
            accepted: field.accepted().map(<[_]>::to_vec),
        }
    }
}

impl Surface {
    /// One line for each operation.
    pub fn operations_text(&self) -> String {
        let lines = self
            .operations
            .iter()
            .map(|operation| format!("{operation}\n"));
        lines.collect()
    }

    /// One block for each type.
    pub fn types_text(&self) -> String {
        let mut text = String::new();
        for Type { name, kind } in &self.types {
            let _ = match kind {
                Kind::Struct { used, fields } => {
                    let lines = fields.iter().map(|field| format!("  {field}\n"));
                    writeln!(
                        text,
                        "struct {name} ({used})\n{}",
                        lines.collect::<String>()
                    )
                }
                Kind::Enum(values) => writeln!(text, "enum {name} = {}\n", values.join(" | ")),
                Kind::Id => writeln!(text, "id {name}\n"),
                Kind::Union(variants) => {
                    writeln!(text, "union {name} = {}\n", variants.join(" | "))
                }
            };
        }
        text
    }
}

impl std::fmt::Display for Operation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (required, optional): (Vec<_>, Vec<_>) = self
            .arguments
            .iter()
            .partition(|argument| argument.required);
        let body = self.body.iter().map(|body| format!("body: {body}"));
        let required = required.into_iter().map(Argument::to_string);
        let optional = optional.into_iter().map(Argument::to_string);
        let arguments: Vec<String> = required.chain(body).chain(optional).collect();
        let Self {
            id,
            method,
            path,
            returns,
            ..
        } = self;
        let arguments = arguments.join(", ");
        write!(f, "{id}  {method} {path}  ({arguments}) -> {returns}")?;
        self.marks
            .iter()
            .try_for_each(|mark| write!(f, "  [{mark}]"))
    }
}

impl std::fmt::Display for Argument {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mark = if self.required { "" } else { "?" };
        write!(f, "{}{mark}: {}", self.name, self.ty)?;
        let notes = self.range.as_deref().into_iter().chain(self.list);
        notes
            .into_iter()
            .try_for_each(|note| write!(f, " {note}"))?;
        match &self.accepted {
            Some(accepted) => write!(f, " of {}", accepted.join("|")),
            None => Ok(()),
        }
    }
}

impl std::fmt::Display for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mark = if self.optional { "?" } else { "" };
        write!(f, "{}{mark}: {}", self.name, self.ty)?;
        if self.nullable {
            f.write_str(" or null")?;
        }
        if let Some(decode) = &self.decode {
            write!(f, " [{decode}]")?;
        }
        match &self.accepted {
            Some(accepted) => write!(f, " of {}", accepted.join("|")),
            None => Ok(()),
        }
    }
}

impl std::fmt::Display for Used {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Sent => "sent",
            Self::Received => "received",
            Self::Both => "sent and received",
        })
    }
}
