//! No two things of the generated code have one name.
//!
//! Where the document has two names that are one in Rust, rustc would complain of code that
//! nobody has written. This says which two they are.

use std::collections::BTreeMap;
use std::fmt::Display;

use super::Code;
use super::events::{EVENT, UNKNOWN, variant};
use super::operations::Operation;
use super::structs::{Presence, Struct};

/// The names in one place of the code, each with what it stands for in the document.
struct Scope {
    of: String,
    known: BTreeMap<String, String>,
}

impl Scope {
    fn new(of: impl Display) -> Self {
        Self {
            of: of.to_string(),
            known: BTreeMap::new(),
        }
    }

    fn add(&mut self, name: impl Display, origin: &str) -> Result<(), String> {
        let name = name.to_string();
        match self.known.insert(name.clone(), origin.to_owned()) {
            None => Ok(()),
            Some(other) => Err(format!(
                "{}: {other:?} and {origin:?} are both `{name}` in Rust",
                self.of
            )),
        }
    }
}

/// The error names both.
pub fn check(code: &Code) -> Result<(), String> {
    types(code)?;
    let mut calls = Scope::new("operations");
    let mut methods = Scope::new("operations");
    for operation in &code.operations {
        calls.add(&operation.name, &operation.facts.id)?;
        methods.add(&operation.facts.id, &operation.facts.path)?;
        arguments(operation)?;
    }
    Ok(())
}

fn types(code: &Code) -> Result<(), String> {
    let mut types = Scope::new("schemas");
    for ty in &code.structs {
        types.add(&ty.name, &ty.name.to_string())?;
        fields(ty)?;
    }
    for ty in &code.enums {
        types.add(&ty.name, &ty.name.to_string())?;
        let mut variants = Scope::new(format!("schema {}", ty.name));
        variants.add("Other", "what is not known")?;
        for (variant, value) in &ty.variants {
            variants.add(variant, value)?;
        }
    }
    for union in &code.unions {
        types.add(&union.ident, &union.ident.to_string())?;
        let mut variants = Scope::new(format!("schema {}", union.ident));
        for variant in &union.variants {
            variants.add(&variant.ident, &variant.ident.to_string())?;
        }
    }
    for (name, _) in &code.ids {
        types.add(name, &name.to_string())?;
    }
    if !code.events.is_empty() {
        types.add(EVENT, "what webhooks tell of")?;
    }
    let mut events = Scope::new("events");
    events.add(UNKNOWN, "what is not known")?;
    for event in code.events {
        events.add(variant(event), &event.event_type)?;
    }
    Ok(())
}

fn fields(ty: &Struct) -> Result<(), String> {
    let mut fields = Scope::new(format!("schema {}", ty.name));
    let mut methods = Scope::new(format!("schema {}", ty.name));
    methods.add("new", "what makes one")?;
    if ty.schema.sent {
        fields.add("problems", "what is wrong with it")?;
        methods.add("check", "what checks it")?;
    }
    for field in &ty.fields {
        fields.add(&field.name, field.key())?;
        if ty.schema.sent && field.presence != Presence::Required {
            methods.add(&field.name, field.key())?;
        }
        if field.presence == Presence::Nullable {
            let clear = format!("clear_{}", field.name);
            methods.add(clear, &format!("what clears {}", field.key()))?;
        }
    }
    Ok(())
}

fn arguments(operation: &Operation) -> Result<(), String> {
    let mut arguments = Scope::new(format!("operation {}", operation.facts.id));
    arguments.add("call", "what all calls have")?;
    if let Some(body) = &operation.facts.body {
        arguments.add("body", body)?;
    }
    for field in &operation.fields {
        arguments.add(&field.name, &field.parameter.name)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{code, parse};
    use serde_json::{Value, json};

    /// What is said of a document with one operation that sends and receives this object.
    #[track_caller]
    fn made(properties: Value, parameters: Value) -> Result<(), String> {
        let to = |name: &str| json!({"application/json": {"schema": {"$ref": format!("#/components/schemas/{name}")}}});
        let document = json!({
            "openapi": "3.0.3", "info": {"title": "t", "version": "1"},
            "paths": {"/v1/a": {"post": {"operationId": "create_a", "parameters": parameters,
                "requestBody": {"content": to("CreateA")},
                "responses": {"200": {"description": "", "content": to("A")}}}}},
            "components": {"schemas": {
                "CreateA": {"type": "object", "properties": properties},
                "A": {"type": "object", "properties": {"id": {"type": "integer"}}}}}
        });
        let (document, model) = parse(&document.to_string())?;
        code(&document, &model).map(drop)
    }

    #[test]
    fn two_things_of_one_name_are_named_both() {
        let text = json!({"type": "string"});
        assert_eq!(made(json!({"a": text, "b": text}), json!([])), Ok(()));
        assert_eq!(
            made(json!({"aB": text, "a_b": text}), json!([])),
            Err(r#"schema CreateA: "aB" and "a_b" are both `a_b` in Rust"#.to_owned())
        );
        let nullable = json!({"type": "string", "nullable": true});
        let clear = made(json!({"a": nullable, "clear_a": text}), json!([]));
        let expected =
            r#"schema CreateA: "what clears a" and "clear_a" are both `clear_a` in Rust"#;
        assert_eq!(clear, Err(expected.to_owned()));
        let query = |name: &str| json!({"in": "query", "name": name, "schema": text});
        assert_eq!(
            made(json!({"a": text}), json!([query("call")])).unwrap_err(),
            r#"operation create_a: "what all calls have" and "call" are both `call` in Rust"#
        );
    }

    #[test]
    fn a_property_with_the_name_of_a_method_of_every_body_has_an_underscore() {
        let text = json!({"type": "string"});
        let properties = json!({"new": text, "check": text, "problems": text});
        assert_eq!(made(properties, json!([])), Ok(()));
    }
}
