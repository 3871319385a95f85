//! The statuses that any operation may answer.
//!
//! The vendor documents 403 for most operations and little else, but its text says that
//! every request is authenticated and counted, and its server answers unknown ids and
//! malformed values as any server does. So every operation may answer 401 and 429; one
//! that is not a GET, 403, for keys that may only read; one with an id in its path,
//! 404; one that takes a query or a body, 400.

use anyhow::Result;
use serde_json::{Value, json};

use super::walk;

/// Adds what is missing.
pub fn complete(document: &mut Value) -> Result<()> {
    walk::operations(document, |_, _, method, operation| {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let places: Vec<&str> = parameters.filter_map(|p| p["in"].as_str()).collect();
        let takes = places.contains(&"query") || operation.get("requestBody").is_some();
        let statuses = [
            ("400", takes),
            ("401", true),
            ("403", method != "get"),
            ("404", places.contains(&"path")),
            ("429", true),
        ];
        if let Some(responses) = operation["responses"].as_object_mut() {
            for (status, _) in statuses.into_iter().filter(|(_, may)| *may) {
                responses.entry(status).or_insert_with(|| json!({}));
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_documented_stays_and_what_can_happen_is_added() {
        let mut document = json!({"paths": {
            "/plain": {"get": {"responses": {"200": {}, "403": {"description": "no"}}}},
            "/things/{id}": {"patch": {
                "parameters": [{"in": "path", "name": "id"}],
                "requestBody": {},
                "responses": {"200": {}, "404": {"description": "gone"}},
            }},
        }});
        complete(&mut document).unwrap();
        assert_eq!(
            document["paths"]["/plain"]["get"]["responses"],
            json!({"200": {}, "401": {}, "403": {"description": "no"}, "429": {}})
        );
        assert_eq!(
            document["paths"]["/things/{id}"]["patch"]["responses"],
            json!({
                "200": {}, "400": {}, "401": {}, "403": {}, "404": {"description": "gone"},
                "429": {},
            })
        );
    }
}
