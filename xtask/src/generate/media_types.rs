//! The crate speaks JSON: where a body or an answer can be JSON, its other forms go.

use anyhow::Result;
use serde_json::Value;

use super::walk;

const JSON: &str = "application/json";

/// Takes the other forms out.
pub fn only_json(document: &mut Value) -> Result<()> {
    walk::operations(document, |_, _, _, operation| {
        if let Some(body) = operation.get_mut("requestBody") {
            reduce(body);
        }
        for (_, response) in walk::entries(operation.get_mut("responses")) {
            reduce(response);
        }
        Ok(())
    })
}

fn reduce(holder: &mut Value) {
    if let Some(content) = holder.get_mut("content").and_then(Value::as_object_mut)
        && content.contains_key(JSON)
    {
        content.retain(|media, _| media == JSON);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn json_is_kept_and_what_is_never_json_stays() {
        let mut document = json!({"paths": {"/a": {"post": {
            "requestBody": {"content": {"application/xml": {}, "application/json": {"schema": {}}}},
            "responses": {"200": {"content": {"application/json": {}, "text/csv": {}}},
                          "201": {"content": {"text/csv": {}}}, "204": {}}
        }}}});
        only_json(&mut document).unwrap();
        assert_eq!(
            document["paths"]["/a"]["post"],
            json!({
                "requestBody": {"content": {"application/json": {"schema": {}}}},
                "responses": {"200": {"content": {"application/json": {}}},
                              "201": {"content": {"text/csv": {}}}, "204": {}}
            })
        );
    }
}
