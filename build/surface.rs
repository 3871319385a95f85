//! The public surface of the generated client, as text for a reviewer.
//!
//! One line an operation, one block a type, in a fixed order: the snapshot test shows
//! with it what a new vendor document does to the users of the crate.

use std::fmt::Write;

use super::Code;
use super::structs::Presence;
use super::syntax::readable;

/// One line for each operation.
pub fn operations(code: &Code) -> String {
    let mut text = String::new();
    for operation in &code.operations {
        let facts = operation.facts;
        let mut arguments: Vec<String> = operation
            .fields
            .iter()
            .map(|field| {
                let mark = if field.parameter.required { "" } else { "?" };
                let wire = match (
                    field.parameter.name.ends_with("[]"),
                    field.parameter.comma_separated,
                ) {
                    (true, _) => " repeated",
                    (_, true) => " comma-separated",
                    _ => "",
                };
                let range = match (field.parameter.minimum, field.parameter.maximum) {
                    (Some(minimum), Some(maximum)) => format!(" {minimum}..={maximum}"),
                    (Some(minimum), None) => format!(" {minimum}.."),
                    _ => String::new(),
                };
                format!("{}{mark}: {}{range}{wire}", field.name, readable(&field.ty))
            })
            .collect();
        arguments.extend(facts.body.iter().map(|body| format!("body: {body}")));
        let scope = if facts.account_scope {
            "  [also for an account]"
        } else {
            ""
        };
        let reads = if facts.reads && facts.method != "GET" {
            "  [reads]"
        } else {
            ""
        };
        let deprecated = if facts.deprecated {
            "  [deprecated]"
        } else {
            ""
        };
        let _ = writeln!(
            text,
            "{}  {} {}  ({}) -> {}{scope}{reads}{deprecated}",
            facts.id,
            facts.method,
            facts.path,
            arguments.join(", "),
            readable(&operation.returns)
        );
    }
    text
}

/// One block for each type.
pub fn types(code: &Code) -> String {
    let mut text = String::new();
    for ty in &code.structs {
        let use_ = match (ty.sent, ty.received) {
            (true, true) => "sent and received",
            (true, false) => "sent",
            _ => "received",
        };
        let _ = writeln!(text, "struct {} ({use_})", ty.name);
        for field in &ty.fields {
            let mark = if field.presence == Presence::Required {
                ""
            } else {
                "?"
            };
            let null = if field.presence == Presence::Nullable {
                " or null"
            } else {
                ""
            };
            let decode = field
                .decode
                .as_deref()
                .map_or_else(String::new, |d| format!(" [{d}]"));
            let _ = writeln!(
                text,
                "  {}{mark}: {}{null}{decode}",
                field.key,
                readable(&field.inner)
            );
        }
        text.push('\n');
    }
    for ty in &code.enums {
        let values: Vec<_> = ty
            .variants
            .iter()
            .map(|(_, value)| value.as_str())
            .collect();
        let _ = writeln!(text, "enum {} = {}\n", ty.name, values.join(" | "));
    }
    for union in &code.unions {
        let variants = union.variants.iter().map(|variant| {
            let fields = variant.fields.iter().map(|field| readable(&field.ty));
            format!(
                "{}({})",
                variant.ident,
                fields.collect::<Vec<_>>().join(", ")
            )
        });
        let _ = writeln!(
            text,
            "union {} = {}\n",
            union.ident,
            variants.collect::<Vec<_>>().join(" | ")
        );
    }
    text
}
