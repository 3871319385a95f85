//! What wraps a result is named after the result: `AgentEnvelope {agent}`,
//! `AgentPage {agents, pagination}`, `KnownVpnList {known_vpns}`.
//!
//! Its component says so in `x-huntress-envelope`. A second one that holds the same under
//! another key is named after its operation.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::super::{names::singular, walk};
use crate::codegen::model::referenced;
use crate::codegen::syntax::pascal;
use crate::extensions::{BARE, ENVELOPE};

pub fn hoist(document: &mut Value) -> Result<()> {
    let mut found: BTreeMap<String, Value> = BTreeMap::new();
    let schemas = document["components"]["schemas"].clone();
    walk::operations(document, |pointer, _, _, operation| {
        let id = pascal(walk::operation_id(operation));
        for (status, response) in walk::entries(operation.get_mut("responses")) {
            let Some(schema) = response.pointer_mut("/content/application~1json/schema") else {
                continue;
            };
            match referenced(schema) {
                Some(name) if found.contains_key(name) => {}
                Some(name) => found.extend(component_page(name, &schemas)),
                None => {
                    let Some((name, component)) = inline(schema) else {
                        bail!(
                            "{pointer}/responses/{status}: an inline response that is neither a \
                             wrapped resource, a list nor a page: {schema}"
                        );
                    };
                    let other = found.get(&name);
                    let name = if other.is_some_and(|other| *other != component) {
                        format!("{id}{status}Envelope")
                    } else {
                        name
                    };
                    *schema = walk::reference(&name);
                    found.insert(name, component);
                }
            }
        }
        Ok(())
    })?;
    walk::components(document).extend(found);
    Ok(())
}

/// A component that is itself a page, as the result of the SIEM query.
fn component_page(name: &str, schemas: &Value) -> Option<(String, Value)> {
    let (envelope, _) = classify(&schemas[name])?;
    (envelope["kind"] == "page").then(|| {
        let mut component = schemas[name].clone();
        component[ENVELOPE] = envelope;
        (name.to_owned(), component)
    })
}

/// The component that an inline response becomes, with its name.
fn inline(schema: &Value) -> Option<(String, Value)> {
    let (mut envelope, name) = classify(schema)?;
    let mut component = schema.clone();
    if let Some(bare) = component.as_object_mut()?.shift_remove(BARE) {
        envelope["bare"] = bare;
    }
    let held = envelope["items"].as_str().or(envelope["key"].as_str());
    component["required"] = json!([held]);
    component[ENVELOPE] = envelope;
    Some((name, component))
}

/// What an envelope holds and how it is called.
fn classify(schema: &Value) -> Option<(Value, String)> {
    let properties = schema["properties"].as_object()?;
    let (lists, others): (Vec<_>, Vec<_>) = properties
        .iter()
        .partition(|(_, property)| property["type"] == "array");
    let held = |schema: &Value, key: &str| {
        referenced(schema).map_or_else(|| pascal(&singular(key)), str::to_owned)
    };
    match (lists.as_slice(), others.as_slice()) {
        ([(key, list)], [(other, _)]) if *other == "pagination" => Some((
            json!({"kind": "page", "items": key}),
            format!("{}Page", held(&list["items"], key)),
        )),
        ([(key, list)], []) => Some((
            json!({"kind": "list", "items": key}),
            format!("{}List", held(&list["items"], key)),
        )),
        ([], [(key, resource)]) => Some((
            json!({"kind": "resource", "key": key}),
            format!("{}Envelope", held(resource, key)),
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(schema: Value) -> Value {
        json!({"get": {"operationId": "list_things", "responses": {
            "200": {"content": {"application/json": {"schema": schema}}}}}})
    }

    fn hoisted(paths: Value) -> Value {
        let object = json!({"type": "object"});
        let schemas = json!({"Thing": object, "Pagination": object});
        let mut document = json!({"paths": paths, "components": {"schemas": schemas}});
        hoist(&mut document).unwrap();
        document
    }

    #[test]
    fn envelopes_are_named_after_what_they_hold() {
        let to = walk::reference;
        let item = json!({"type": "array", "items": to("Thing")});
        let page = json!({"type": "object", "properties": {"things": item, "pagination": to("Pagination")}});
        let document = hoisted(json!({
            "/v1/things": get(page),
            "/v1/list": get(json!({"type": "object", "properties": {"things": item}})),
            "/v1/thing": get(json!({"type": "object", BARE: true, "properties": {"thing": to("Thing")}}))
        }));
        let schemas = &document["components"]["schemas"];
        assert_eq!(
            schemas["ThingPage"][ENVELOPE],
            json!({"kind": "page", "items": "things"})
        );
        assert_eq!(
            schemas["ThingList"][ENVELOPE],
            json!({"kind": "list", "items": "things"})
        );
        assert_eq!(
            schemas["ThingEnvelope"],
            json!({"type": "object", "required": ["thing"], "properties": {"thing": to("Thing")},
                ENVELOPE: {"kind": "resource", "key": "thing", "bare": true}})
        );
        let response = "/paths/~1v1~1things/get/responses/200/content/application~1json/schema";
        assert_eq!(document.pointer(response), Some(&to("ThingPage")));
    }

    #[test]
    fn a_second_envelope_of_one_thing_is_named_after_its_operation() {
        let of = |key: &str| {
            get(json!({"type": "object", "properties": {key: walk::reference("Thing")}}))
        };
        let mut other = of("other");
        other["get"]["operationId"] = json!("get_other");
        let document = hoisted(json!({"/v1/a": of("thing"), "/v1/b": other}));
        let schemas = &document["components"]["schemas"];
        assert_eq!(schemas["ThingEnvelope"][ENVELOPE]["key"], "thing");
        assert_eq!(schemas["GetOther200Envelope"][ENVELOPE]["key"], "other");
    }

    #[test]
    fn an_inline_response_of_another_form_stops() {
        let string = json!({"type": "string"});
        let schema = json!({"type": "object", "properties": {"a": string, "b": string}});
        let mut document = json!({"paths": {"/v1/x": get(schema)}, "components": {"schemas": {}}});
        let error = hoist(&mut document).unwrap_err().to_string();
        assert!(
            error.starts_with(
                "/paths/~1v1~1x/get/responses/200: an inline response that is neither"
            ),
            "{error}"
        );
    }
}
