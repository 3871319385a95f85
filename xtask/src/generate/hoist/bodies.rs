//! A request body is named after its operation: `isolate_agent` takes `IsolateAgent`.
//!
//! A component that is the body of several operations keeps its name.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use serde_json::Value;

use super::super::walk;
use super::components::rename_all;
use crate::codegen::model::referenced;
use crate::codegen::syntax::pascal;

pub fn hoist(document: &mut Value) -> Result<()> {
    let mut users: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut inline = Vec::new();
    walk::operations(document, |pointer, _, _, operation| {
        let id = pascal(walk::operation_id(operation));
        for (_, content) in walk::entries(operation.pointer_mut("/requestBody/content")) {
            let schema = &mut content["schema"];
            match referenced(schema) {
                Some(name) => users.entry(name.to_owned()).or_default().push(id.clone()),
                None if schema.is_object() => {
                    let schema = std::mem::replace(schema, walk::reference(&id));
                    inline.push((pointer.to_owned(), id.clone(), schema));
                }
                None => bail!("{pointer}/requestBody has no schema"),
            }
        }
        Ok(())
    })?;
    for (pointer, name, schema) in inline {
        let components = walk::components(document);
        if components.insert(name.clone(), schema).is_some() {
            bail!("{pointer}/requestBody would be named {name}, as another component is");
        }
    }
    let of_one = users
        .into_iter()
        .filter_map(|(name, users)| match users.as_slice() {
            [only] => Some((name, only.clone())),
            _ => None,
        });
    rename_all(document, &of_one.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_body_of_one_operation_has_its_name_and_one_of_several_keeps_its_own() {
        let body = |name: &str| json!({"content": {"application/json": {"schema": walk::reference(name)}}});
        let operation =
            |id: &str, name: &str| json!({"post": {"operationId": id, "requestBody": body(name)}});
        let mut document = json!({
            "paths": {
                "/v1/x": operation("create_x", "vendorName"),
                "/v1/y": operation("create_y", "Shared"),
                "/v1/z": operation("create_z", "Shared"),
            },
            "components": {"schemas": {"vendorName": {"type": "object"}, "Shared": {"type": "object"}}}
        });
        hoist(&mut document).unwrap();
        let schema = |path: &str| {
            let body = &document["paths"][path]["post"]["requestBody"];
            body["content"]["application/json"]["schema"].clone()
        };
        assert_eq!(schema("/v1/x"), walk::reference("CreateX"));
        assert_eq!(schema("/v1/y"), walk::reference("Shared"));
        assert_eq!(
            document["components"]["schemas"],
            json!({"Shared": {"type": "object"}, "CreateX": {"type": "object"}})
        );
    }
}
