//! A mechanical sentence wherever no overlay has written one.
//!
//! Statuses and envelopes are described by rule. For anything else the sentence is a
//! stopgap, so that a new vendor release builds, and a real one is asked for.

use anyhow::Result;
use serde_json::{Value, json};

use super::{Want, walk};
use crate::codegen::model::WEBHOOKS;
use crate::extensions::ENVELOPE;

/// Gives each thing without a text one.
pub fn fill(document: &mut Value, wants: &mut Vec<Want>) -> Result<()> {
    walk::operations(document, |_, path, method, operation| {
        let method = method.to_uppercase();
        let name = walk::operation_id(operation).to_owned();
        let call = format!("`{method} {path}`");
        describe(
            operation,
            "summary",
            &call,
            &format!("the operation {name}"),
            wants,
        );
        for parameter in walk::list(operation.get_mut("parameters")) {
            let label = format!("`{}`", parameter["name"].as_str().unwrap_or_default());
            let place = parameter["in"].as_str().unwrap_or_default();
            let text = format!("The {place} parameter {label} of {call}.");
            describe(
                parameter,
                "description",
                &text,
                &format!("the parameter {label} of {name}"),
                wants,
            );
        }
        for (status, response) in walk::entries(operation.get_mut("responses")) {
            response["description"] = json!(status_text(status));
        }
        Ok(())
    })?;
    for (event, item) in walk::entries(document.get_mut(WEBHOOKS)) {
        let text = format!("The event `{event}`.");
        let what = format!("the event {event}");
        describe(&mut item["post"], "description", &text, &what, wants);
    }
    for (name, schema) in walk::entries(document.pointer_mut("/components/schemas")) {
        if let Some(envelope) = schema.get(ENVELOPE).cloned() {
            describe_envelope(schema, &envelope);
            continue;
        }
        describe(
            schema,
            "description",
            &format!("`{name}` of the API."),
            &format!("the type {name}"),
            wants,
        );
        for (property, node) in walk::entries(schema.get_mut("properties")) {
            let text = format!("`{property}` of `{name}`.");
            describe(
                node,
                "description",
                &text,
                &format!("the property {property} of {name}"),
                wants,
            );
        }
    }
    Ok(())
}

fn describe(node: &mut Value, key: &'static str, stopgap: &str, what: &str, wants: &mut Vec<Want>) {
    let written = node[key]
        .as_str()
        .is_some_and(|text| !text.trim().is_empty());
    if !written {
        node[key] = json!(stopgap);
        wants.push(Want::Text {
            of: what.to_owned(),
            key,
        });
    }
}

fn describe_envelope(schema: &mut Value, envelope: &Value) {
    let kind = envelope["kind"].as_str().unwrap_or_default();
    let key = envelope["items"]
        .as_str()
        .or(envelope["key"].as_str())
        .unwrap_or_default();
    schema["description"] = json!(match kind {
        "page" => format!("One page of `{key}`, with the token of the next."),
        "list" => format!("All `{key}`, without pagination."),
        _ => format!("The resource under its key `{key}`."),
    });
    for (name, property) in walk::entries(schema.get_mut("properties")) {
        property["description"] = json!(match name.as_str() {
            "pagination" => "How to get the next page.",
            _ if kind == "resource" => "The resource itself.",
            _ => "The items, in the order asked for.",
        });
    }
}

fn status_text(status: &str) -> &'static str {
    match status {
        "200" => "Done; the body holds the result.",
        "201" => "Created or accepted.",
        "202" => "Accepted; it takes effect later.",
        "204" => "Accepted; there is no body.",
        "400" => "The request is malformed or a parameter is not acceptable.",
        "401" => "The credentials are missing or wrong.",
        "403" => "The credentials do not permit this.",
        "404" => "There is no such thing, or it is not visible to these credentials.",
        "408" => "It took too long.",
        "409" => "The state of the resource does not allow this.",
        "413" => "The result or the request is too large.",
        "422" => "The request is well-formed, but a value is not acceptable.",
        "429" => "The quota is used up; wait before the next request.",
        _ => "Another outcome.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_described_gets_a_stopgap_and_wants_a_sentence() {
        let mut document = json!({
            "paths": {"/v1/a": {"get": {"operationId": "list_as",
                "parameters": [{"name": "q", "in": "query"}], "responses": {"200": {}}}}},
            "components": {"schemas": {"A": {"description": "An A.", "properties": {"x": {}}}}}
        });
        let mut wants = Vec::new();
        fill(&mut document, &mut wants).unwrap();
        let operation = &document["paths"]["/v1/a"]["get"];
        assert_eq!(operation["summary"], "`GET /v1/a`");
        assert_eq!(
            operation["parameters"][0]["description"],
            "The query parameter `q` of `GET /v1/a`."
        );
        let schema = &document["components"]["schemas"]["A"];
        assert_eq!(schema["description"], "An A.");
        assert_eq!(schema["properties"]["x"]["description"], "`x` of `A`.");
        let wants: Vec<_> = wants.iter().map(Want::to_string).collect();
        assert_eq!(
            wants,
            [
                "the operation list_as has no text; write its summary in a `docs` overlay",
                "the parameter `q` of list_as has no text; write its description in a `docs` overlay",
                "the property x of A has no text; write its description in a `docs` overlay",
            ]
        );
    }
}
