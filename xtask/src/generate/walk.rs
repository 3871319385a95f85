//! Walking over the operations and schemas of an OpenAPI 3.0 document.

use anyhow::Result;
use serde_json::{Map, Value, json};

use crate::codegen::model::METHODS;
use crate::json::escape;

/// Calls `visit(pointer, path, method, operation)` for every operation.
pub fn operations(
    document: &mut Value,
    mut visit: impl FnMut(&str, &str, &str, &mut Value) -> Result<()>,
) -> Result<()> {
    let Some(paths) = document["paths"].as_object_mut() else {
        return Ok(());
    };
    for (path, item) in paths {
        for method in METHODS {
            if let Some(operation) = item.get_mut(method) {
                let pointer = format!("/paths/{}/{method}", escape(path));
                visit(&pointer, path, method, operation)?;
            }
        }
    }
    Ok(())
}

/// Calls `visit(pointer, root)` for every outermost schema: each parameter's, each
/// request body's, each response's and each component.
pub fn roots(
    document: &mut Value,
    mut visit: impl FnMut(&str, &mut Value) -> Result<()>,
) -> Result<()> {
    operations(document, |at, _, _, operation| {
        for (index, parameter) in list(operation.get_mut("parameters")).enumerate() {
            if let Some(schema) = parameter.get_mut("schema") {
                visit(&format!("{at}/parameters/{index}/schema"), schema)?;
            }
        }
        if let Some(body) = operation.get_mut("requestBody") {
            contents(&format!("{at}/requestBody"), body, &mut visit)?;
        }
        for (status, response) in entries(operation.get_mut("responses")) {
            contents(&format!("{at}/responses/{status}"), response, &mut visit)?;
        }
        Ok(())
    })?;
    for (name, schema) in entries(document.pointer_mut("/components/schemas")) {
        visit(&format!("/components/schemas/{}", escape(name)), schema)?;
    }
    Ok(())
}

fn contents(
    at: &str,
    holder: &mut Value,
    visit: &mut impl FnMut(&str, &mut Value) -> Result<()>,
) -> Result<()> {
    for (media, content) in entries(holder.get_mut("content")) {
        if let Some(schema) = content.get_mut("schema") {
            visit(&format!("{at}/content/{}/schema", escape(media)), schema)?;
        }
    }
    Ok(())
}

/// Calls `visit(pointer, schema)` for a schema and all schemas within it, outermost
/// first, so that what a visit makes is itself visited.
pub fn within(
    pointer: &str,
    schema: &mut Value,
    visit: &mut impl FnMut(&str, &mut Value) -> Result<()>,
) -> Result<()> {
    visit(pointer, schema)?;
    for (name, property) in entries(schema.get_mut("properties")) {
        within(
            &format!("{pointer}/properties/{}", escape(name)),
            property,
            visit,
        )?;
    }
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = schema.get_mut(key).filter(|inner| inner.is_object()) {
            within(&format!("{pointer}/{key}"), inner, visit)?;
        }
    }
    for key in ["allOf", "anyOf", "oneOf"] {
        for (index, inner) in list(schema.get_mut(key)).enumerate() {
            within(&format!("{pointer}/{key}/{index}"), inner, visit)?;
        }
    }
    Ok(())
}

/// Calls `visit` for every schema of the document.
pub fn schemas(
    document: &mut Value,
    mut visit: impl FnMut(&str, &mut Value) -> Result<()>,
) -> Result<()> {
    roots(document, |pointer, root| within(pointer, root, &mut visit))
}

/// The entries of an object; none of anything else.
pub fn entries(value: Option<&mut Value>) -> impl Iterator<Item = (&String, &mut Value)> {
    value
        .and_then(Value::as_object_mut)
        .into_iter()
        .flat_map(|map| map.iter_mut())
}

/// The items of a list; none of anything else.
pub fn list(value: Option<&mut Value>) -> impl Iterator<Item = &mut Value> {
    value.and_then(Value::as_array_mut).into_iter().flatten()
}

/// The components, by name.
pub fn components(document: &mut Value) -> &mut Map<String, Value> {
    let schemas = &mut document["components"]["schemas"];
    if !schemas.is_object() {
        *schemas = json!({});
    }
    schemas.as_object_mut().expect("it is an object now")
}

/// A `$ref` to a component.
pub fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// A reference to a component, beside what else is said of its place. OpenAPI 3.0 ignores
/// what stands beside a `$ref`, hence the `allOf`.
pub fn wrapped(name: &str, rest: Map<String, Value>) -> Value {
    let mut place = rest;
    place.insert("allOf".to_owned(), json!([reference(name)]));
    place.into()
}

/// The same, as a bare `$ref` where nothing else is said.
pub fn referring(name: &str, rest: Map<String, Value>) -> Value {
    if rest.is_empty() {
        reference(name)
    } else {
        wrapped(name, rest)
    }
}

/// The id that an operation has by now.
pub fn operation_id(operation: &Value) -> &str {
    operation["operationId"].as_str().unwrap_or_default()
}
