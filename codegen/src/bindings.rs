//! progenitor, run on our view of the document.
//!
//! progenitor panics on what it does not know. [`run_progenitor`] turns that into an error
//! that says which operation or schema it was.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use progenitor::{GenerationSettings, Generator, HooksMode, InterfaceStyle, TagStyle};
use serde_json::{Map, Value, json};

use super::model::reachable;

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

/// Which schema or else operation progenitor fails at, and what it says.
fn blame(view: &Value) -> Option<String> {
    let schemas = view["components"]["schemas"].as_object()?;
    let schemas: Vec<&str> = schemas.keys().map(String::as_str).collect();
    if let Some((name, problem)) = first_bad(&schemas, |names| part(view, names, &[])) {
        return Some(format!("schema {name}: {problem}"));
    }
    let mut operations = Vec::new();
    for (path, item) in view["paths"].as_object()? {
        let methods = item.as_object().into_iter().flatten();
        operations.extend(methods.map(|(method, _)| (path.as_str(), method.as_str())));
    }
    let of = |operations: &[_]| part(view, &schemas, operations);
    let ((path, method), problem) = first_bad(&operations, of)?;
    Some(format!("{} {path}: {problem}", method.to_uppercase()))
}

/// The document with these schemas, all that they refer to, and these operations.
fn part(view: &Value, schemas: &[&str], operations: &[(&str, &str)]) -> Value {
    let all = &view["components"]["schemas"];
    let mut needed: BTreeSet<&str> = schemas.iter().copied().collect();
    for name in schemas {
        reachable(&all[name], view, &mut needed);
    }
    let kept: Map<String, Value> = needed
        .into_iter()
        .map(|name| (name.to_owned(), all[name].clone()))
        .collect();
    let mut paths = json!({});
    for (path, method) in operations {
        paths[path][method] = view["paths"][path][method].clone();
    }
    json!({
        "openapi": view["openapi"], "info": view["info"], "paths": paths,
        "components": {"schemas": kept},
    })
}

/// The first thing with which progenitor fails, found by halving.
fn first_bad<T: Copy>(things: &[T], document: impl Fn(&[T]) -> Value) -> Option<(T, String)> {
    let fails = |things: &[T]| run(&document(things)).err();
    fails(things)?;
    let positions: Vec<usize> = (0..things.len()).collect();
    let first = positions.partition_point(|last| fails(&things[..=*last]).is_none());
    let thing = *things.get(first)?;
    // Alone it says most clearly what is wrong, unless it takes two.
    let problem = fails(&[thing]).or_else(|| fails(&things[..=first]))?;
    Some((thing, problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_progenitor_names_the_operation() {
        let of = |parameters: Value| {
            json!({"get": {"operationId": "a", "parameters": parameters,
            "responses": {"200": {"description": "ok"}}}})
        };
        let id =
            json!({"in": "path", "name": "id", "required": true, "schema": {"type": "string"}});
        let mut other = of(json!([id]));
        other["get"]["operationId"] = json!("b");
        let error = run_progenitor(&json!({
            "openapi": "3.0.3", "info": {"title": "t", "version": "1"},
            "paths": {"/good/{id}": other, "/bad/{id}": of(json!([]))},
            "components": {"schemas": {"Good": {"type": "string"}}}
        }));
        let error = error.err().expect("progenitor cannot do that");
        assert!(
            error.starts_with("GET /bad/{id}: progenitor cannot"),
            "{error}"
        );
    }

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
