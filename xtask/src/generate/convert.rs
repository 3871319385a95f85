//! Swagger 2.0 to OpenAPI 3.0.3, by `swagger2openapi`, and what it leaves to us.

use anyhow::{Result, anyhow};
use serde_json::{Value, json};
use swagger2openapi::{Options, RefSiblings};

use super::walk;

/// Converts the contract.
pub fn to_openapi(contract: &Value) -> Result<Value> {
    let mut options = Options::new();
    options.patch = true;
    options.resolve_internal = true;
    options.ref_siblings = RefSiblings::Remove;
    options.target_version = Some("3.0.3".to_owned());
    swagger2openapi::convert(contract, &mut options)
        .map_err(|error| anyhow!("the contract cannot be converted to OpenAPI 3.0: {error}"))?;
    let mut document = options.openapi;
    // A document without a version is the vendor's mistake, but OpenAPI requires one.
    if document["info"]["version"]
        .as_str()
        .unwrap_or_default()
        .is_empty()
    {
        document["info"]["version"] = json!("v1");
    }
    if let Some(document) = document.as_object_mut() {
        document.shift_remove("tags");
    }
    drop_error_bodies(&mut document)?;
    Ok(document)
}

/// An error's declared schema is the success model by mistake; the real bodies are
/// not documented. What stays of an error is its status.
fn drop_error_bodies(document: &mut Value) -> Result<()> {
    walk::operations(document, |_, _, _, operation| {
        for (status, response) in walk::entries(operation.get_mut("responses")) {
            if let Some(response) = response
                .as_object_mut()
                .filter(|_| !status.starts_with('2'))
            {
                response.shift_remove("content");
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_of_errors_go_and_their_statuses_stay() {
        let schema = json!({"schema": {"$ref": "#/definitions/A"}, "description": ""});
        let document = to_openapi(&json!({
            "swagger": "2.0", "info": {"title": "t"}, "host": "h", "produces": ["application/json"],
            "paths": {"/v1/a": {"get": {"responses": {"200": schema, "403": schema}}}},
            "definitions": {"A": {"type": "object"}}
        }))
        .unwrap();
        let responses = &document["paths"]["/v1/a"]["get"]["responses"];
        assert_eq!(
            responses["200"]["content"]["application/json"]["schema"],
            json!({"$ref": "#/components/schemas/A"})
        );
        assert!(responses["403"].is_object() && responses["403"].get("content").is_none());
        assert_eq!(document["openapi"], "3.0.3");
        assert_eq!(document["info"]["version"], "v1");
    }
}
