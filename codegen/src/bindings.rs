//! progenitor, run on our view of the document.
//!
//! progenitor panics on what it does not know. [`run_progenitor`] turns that into an error
//! that says which operation or schema it was, by asking for each of them alone.

use std::panic::{AssertUnwindSafe, catch_unwind};

use progenitor::{GenerationSettings, Generator, HooksMode, InterfaceStyle, TagStyle};
use serde_json::{Value, json};

/// progenitor's whole output for the document.
pub fn run_progenitor(view: &Value) -> Result<syn::File, String> {
    run(view).map_err(|problem| match blame(view) {
        Some(culprit) => culprit,
        None => problem,
    })
}

fn run(view: &Value) -> Result<syn::File, String> {
    let document: openapiv3::OpenAPI = serde_json::from_value(view.clone())
        .map_err(|error| format!("not OpenAPI 3.0: {error}"))?;
    let mut settings = GenerationSettings::default();
    settings
        .with_interface(InterfaceStyle::Builder)
        .with_tag(TagStyle::Merged)
        .with_hooks(HooksMode::Expected)
        .with_map_type("::std::collections::BTreeMap");
    let tokens = catch_unwind(AssertUnwindSafe(|| {
        Generator::new(&settings).generate_tokens(&document)
    }));
    let tokens = match tokens {
        Ok(Ok(tokens)) => tokens,
        Ok(Err(error)) => return Err(format!("progenitor: {error}")),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            return Err(format!(
                "progenitor cannot make code of it: {}",
                text.unwrap_or("without a message")
            ));
        }
    };
    syn::parse2(tokens).map_err(|error| format!("progenitor's output does not parse: {error}"))
}

fn blame(view: &Value) -> Option<String> {
    for (name, _) in view["components"]["schemas"].as_object()? {
        let alone = json!({
            "openapi": view["openapi"], "info": view["info"], "paths": {},
            "components": {"schemas": closure(view, name)},
        });
        if let Err(problem) = run(&alone) {
            return Some(format!("schema {name}: {problem}"));
        }
    }
    for (path, item) in view["paths"].as_object()? {
        for (method, operation) in item.as_object()? {
            let mut alone = view.clone();
            alone["paths"] = json!({path: {method: operation}});
            if let Err(problem) = run(&alone) {
                return Some(format!("{} {path}: {problem}", method.to_uppercase()));
            }
        }
    }
    None
}

/// The schema with all it refers to.
fn closure(view: &Value, name: &str) -> Value {
    let schemas = &view["components"]["schemas"];
    let mut found = serde_json::Map::new();
    let mut open = vec![name.to_owned()];
    while let Some(name) = open.pop() {
        let schema = &schemas[&name];
        if found.insert(name, schema.clone()).is_none() {
            references(schema, &mut open);
        }
    }
    Value::Object(found)
}

fn references(node: &Value, found: &mut Vec<String>) {
    match node {
        Value::Object(map) => {
            if map.contains_key("$ref")
                && let Some(name) = super::model::referenced(node)
            {
                found.push(name.to_owned());
            }
            map.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_progenitor_names_the_schema() {
        let error = run_progenitor(&json!({
            "openapi": "3.0.3", "info": {"title": "t", "version": "1"}, "paths": {},
            "components": {"schemas": {
                "Good": {"type": "string"},
                "Bad": {"not": {"type": "object", "properties": {"x": {"not": {"type": "array", "items": {}}}}}}
            }}
        }));
        let error = error.err().expect("progenitor cannot do that");
        assert!(error.starts_with("schema Bad: progenitor"), "{error}");
    }
}
