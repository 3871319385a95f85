//! The document as progenitor should see it.
//!
//! - Envelopes are opened: an operation returns the resource or the list itself.
//! - Constraints are taken out: progenitor would turn `minimum: 1` into a `NonZero` and
//!   ignore `maximum`; `operations.rs` and `bodies.rs` check them instead. What they still
//!   say here is that a number is unsigned.
//! - Defaults are taken out: they are the server's to apply.

use serde_json::{Value, json};

use super::model::{Envelope, Model, referenced};

/// A copy of the document with these changes.
pub fn view(document: &Value, model: &Model) -> Value {
    let mut view = document.clone();
    for operation in model.operations.values() {
        let method = operation.method.to_lowercase();
        let node = &mut view["paths"][&operation.path][&method];
        open_envelope(document, &operation.envelope, node);
    }
    if let Some(schemas) = view["components"]["schemas"].as_object_mut() {
        schemas.retain(|name, _| model.schemas.contains_key(name));
    }
    strip(&mut view);
    view
}

fn open_envelope(document: &Value, envelope: &Envelope, operation: &mut Value) {
    let (Envelope::Resource(key)
    | Envelope::ResourceOrBare(key)
    | Envelope::List(key)
    | Envelope::Page(key)) = envelope
    else {
        return;
    };
    for (_, response) in operation["responses"].as_object_mut().into_iter().flatten() {
        if let Some(schema) = response.pointer_mut("/content/application~1json/schema")
            && let Some(name) = referenced(schema)
        {
            *schema = document["components"]["schemas"][name]["properties"][key].clone();
        }
    }
}

fn strip(node: &mut Value) {
    match node {
        Value::Object(map) => {
            let unsigned = map
                .get("minimum")
                .and_then(Value::as_i64)
                .is_some_and(|m| m >= 0);
            if unsigned && map.get("type") == Some(&json!("integer")) {
                let wide = map.get("format") == Some(&json!("int64"));
                map.insert(
                    "format".to_owned(),
                    json!(if wide { "uint64" } else { "uint32" }),
                );
            }
            for constraint in [
                "default",
                "maximum",
                "maxLength",
                "minimum",
                "minLength",
                "pattern",
            ] {
                // A property may have such a name; a constraint is never an object.
                if map.get(constraint).is_some_and(|value| !value.is_object()) {
                    map.remove(constraint);
                }
            }
            map.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constraints_leave_their_sign_and_properties_of_their_name_stay() {
        let mut node = json!({
            "a": {"type": "integer", "format": "int32", "minimum": 1, "maximum": 5, "default": 2},
            "properties": {"minimum": {"type": "integer", "format": "int64", "minimum": 0},
                           "pattern": {"type": "string", "minLength": 1, "pattern": "^a"}}
        });
        strip(&mut node);
        assert_eq!(
            node,
            json!({
                "a": {"type": "integer", "format": "uint32"},
                "properties": {"minimum": {"type": "integer", "format": "uint64"},
                               "pattern": {"type": "string"}}
            })
        );
    }
}
