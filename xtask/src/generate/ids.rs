//! Ids are types: an agent's id is an `AgentId`, wherever it stands.
//!
//! Which things have ids is read from the paths: `/v1/agents/{id}` is about what its GET
//! returns, or else about what `/v1/agents` lists. A component `UserRef` beside a
//! `user_id` is such a thing too. What is sent along with a thing is not part of its name:
//! `OrganizationWithUsage` and `OrganizationRef` have the id of an `Organization`, and the
//! payload of an event has that of what it tells of.
//!
//! An integer is the id of a thing where it is
//!
//! - the parameter that ends the thing's path, whatever it is called, with anything after it;
//! - the property `id` of the thing's own components;
//! - a parameter or property `agent_id`, or an item of `agent_ids`.
//!
//! Any other id stays a plain integer. In a path a person should say whose it is, since it
//! decides what a call acts on. By overlay, `x-huntress-id-of: Agent` on a schema says whose id it is, and
//! `x-huntress-id-of: false` that it is nobody's.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::names::{singular, words};
use super::webhooks::PAYLOAD;
use super::{Want, walk};
use crate::codegen::model::referenced;
use crate::codegen::syntax::pascal;
use crate::contract::anonymous_path;
use crate::extensions::{ENVELOPE, ID, ID_OF};

/// The things that have ids.
#[derive(Debug)]
pub struct Ids {
    /// By the path of one of them, without the names of its parameters.
    paths: BTreeMap<String, String>,
    things: BTreeSet<String>,
}

/// Makes every id that is known one of its type.
pub fn assign(document: &mut Value, wants: &mut Vec<Want>) -> Result<()> {
    let ids = Ids::of(document);
    let mut used = BTreeSet::new();
    walk::operations(document, |_, path, method, operation| {
        for parameter in walk::list(operation.get_mut("parameters")) {
            let name = parameter["name"].as_str().unwrap_or_default().to_owned();
            let in_path = parameter["in"] == "path";
            let schema = &mut parameter["schema"];
            let by_overlay = schema.get(ID_OF).is_some();
            let thing = if in_path {
                ids.of_path(path, &name)
            } else {
                ids.of_name(&name)
            };
            let found = replace(schema, thing, &mut used)?;
            if in_path && !found && !by_overlay && schema["type"] == "integer" {
                wants.push(Want::IdOf {
                    method: method.to_owned(),
                    path: path.to_owned(),
                    parameter: name,
                });
            }
        }
        Ok(())
    })?;
    for (component, schema) in walk::entries(document.pointer_mut("/components/schemas")) {
        walk::within("", schema, &mut |pointer, node| {
            // What stands within a component is not the component's own.
            let owner = if pointer.is_empty() { component } else { "" };
            for (name, property) in walk::entries(node.get_mut("properties")) {
                replace(property, ids.of_property(owner, name), &mut used)?;
            }
            Ok(())
        })?;
    }
    let schemas = walk::components(document);
    for thing in used {
        let component = json!({
            "type": "integer",
            "format": "int64",
            ID: true,
            "description": format!("Identifies one {}.", words(&thing)),
        });
        let name = component_of(&thing);
        if schemas.insert(name.clone(), component).is_some() {
            bail!("/components/schemas/{name} has the name of the id of a {thing}");
        }
    }
    Ok(())
}

/// The component that is the id of a thing: `AgentId`.
pub fn component_of(thing: &str) -> String {
    format!("{thing}Id")
}

impl Ids {
    /// Reads them from a document whose objects and envelopes are components.
    pub fn of(document: &mut Value) -> Self {
        let schemas = document["components"]["schemas"].clone();
        let (mut listed, mut paths) = (BTreeMap::new(), BTreeMap::new());
        let (mut asked_for, mut names) = (BTreeSet::new(), BTreeSet::new());
        let collected = walk::operations(document, |_, path, method, operation| {
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            for parameter in parameters.filter(|parameter| is_integer(&parameter["schema"])) {
                let name = parameter["name"].as_str().unwrap_or_default();
                asked_for.extend(up_to(path, name));
                names.extend(stem(name));
            }
            if let Some(returned) = returned(operation, &schemas).filter(|_| method == "get") {
                let thing = fold(returned, &schemas);
                if path.ends_with('}') {
                    paths.insert(anonymous_path(path), thing);
                } else {
                    listed.insert(format!("{}/{{}}", anonymous_path(path)), thing);
                }
            }
            Ok(())
        });
        collected.expect("nothing in it fails");
        for (path, thing) in listed {
            paths.entry(path).or_insert(thing);
        }
        // A list alone does not say that its items are asked for by id.
        paths.retain(|path, _| asked_for.contains(path));
        let mut things: BTreeSet<String> = paths.values().cloned().collect();
        for (_, schema) in schemas.as_object().into_iter().flatten() {
            let properties = schema["properties"].as_object().into_iter().flatten();
            let integers = properties.filter(|(_, property)| is_integer(property));
            names.extend(integers.filter_map(|(name, _)| stem(name)));
        }
        let has_id = |name: &str| is_integer(&schemas[name]["properties"]["id"]);
        things.extend(
            names
                .into_iter()
                .filter(|name| has_id(&format!("{name}Ref"))),
        );
        Self { paths, things }
    }

    /// The thing whose id a parameter of a path is.
    pub fn of_path(&self, path: &str, parameter: &str) -> Option<&str> {
        let own = up_to(path, parameter).and_then(|path| self.paths.get(&path));
        own.map(String::as_str).or_else(|| self.of_name(parameter))
    }

    /// The thing whose id a property of a component is.
    pub fn of_property(&self, component: &str, property: &str) -> Option<&str> {
        if property != "id" {
            return self.of_name(property);
        }
        let own = [
            component,
            component.strip_suffix("Ref").unwrap_or_default(),
            component.strip_suffix(PAYLOAD).unwrap_or_default(),
            base(component),
        ];
        own.into_iter().find_map(|name| self.thing(name))
    }

    /// The thing whose id, or whose ids, something of this name is: `agent_id`.
    pub fn of_name(&self, name: &str) -> Option<&str> {
        self.thing(&stem(name)?)
    }

    fn thing(&self, name: &str) -> Option<&str> {
        self.things.get(name).map(String::as_str)
    }
}

/// `/v1/agents/{}` for the `id` of `/v1/agents/{id}/isolation`.
fn up_to(path: &str, parameter: &str) -> Option<String> {
    let end = format!("{{{parameter}}}");
    let at = path.find(&end)? + end.len();
    Some(anonymous_path(&path[..at]))
}

/// `Agent` for `agent_id`, `agent_ids` and `agent_ids[]`.
fn stem(name: &str) -> Option<String> {
    let name = singular(name.trim_end_matches("[]"));
    name.strip_suffix("_id").map(pascal)
}

/// `Organization` for `OrganizationWithUsage`.
fn base(component: &str) -> &str {
    component
        .split_once("With")
        .map_or(component, |(base, _)| base)
}

/// The base of a component, where that is a component too.
fn fold(component: &str, schemas: &Value) -> String {
    let base = base(component);
    match schemas.get(base) {
        Some(_) => base.to_owned(),
        None => component.to_owned(),
    }
}

/// The component that a success answers, or lists, out of its envelope.
fn returned<'a>(operation: &Value, schemas: &'a Value) -> Option<&'a str> {
    let responses = operation["responses"].as_object()?;
    let (_, response) = responses
        .iter()
        .find(|(status, _)| status.starts_with('2'))?;
    let name = referenced(response.pointer("/content/application~1json/schema")?)?;
    let (name, schema) = schemas.as_object()?.get_key_value(name)?;
    let Some(envelope) = schema.get(ENVELOPE) else {
        return Some(name);
    };
    let key = envelope["items"].as_str().or(envelope["key"].as_str())?;
    let held = &schema["properties"][key];
    referenced(held).or_else(|| referenced(&held["items"]))
}

fn is_integer(schema: &Value) -> bool {
    schema["type"] == "integer" || schema["items"]["type"] == "integer"
}

/// Makes an integer, or the items of a list of them, the id of the thing. Says whether it
/// is one now.
fn replace(schema: &mut Value, thing: Option<&str>, used: &mut BTreeSet<String>) -> Result<bool> {
    let Some(map) = schema.as_object_mut() else {
        return Ok(false);
    };
    let thing = match map.shift_remove(ID_OF) {
        None => thing.map(str::to_owned),
        Some(Value::Bool(false)) => None,
        Some(Value::String(thing)) => Some(thing),
        Some(other) => bail!("{ID_OF} is {other}, neither the name of a thing nor false"),
    };
    let Some(thing) = thing else {
        return Ok(false);
    };
    let node = match map.get("type").and_then(Value::as_str) {
        Some("integer") => Some(map),
        Some("array") => map.get_mut("items").and_then(Value::as_object_mut),
        _ => None,
    };
    let Some(node) = node.filter(|node| node.get("type") == Some(&json!("integer"))) else {
        return Ok(false);
    };
    let mut rest = std::mem::take(node);
    rest.retain(|key, _| !["type", "format"].contains(&key.as_str()));
    if let Value::Object(reference) = walk::referring(&component_of(&thing), rest) {
        *node = reference;
    }
    used.insert(thing);
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn integer() -> Value {
        json!({"type": "integer", "format": "int64"})
    }

    fn to(name: &str) -> Value {
        json!({"$ref": format!("#/components/schemas/{name}")})
    }

    fn path_id(name: &str) -> Value {
        json!({"in": "path", "name": name, "schema": integer()})
    }

    fn answers(component: &str) -> Value {
        json!({"200": {"content": {"application/json": {"schema": to(component)}}}})
    }

    /// `/v1/things/{id}` answers a `ThingWithParts`, `/v1/things` lists `Thing`s.
    fn document() -> Value {
        let object = |properties: Value| json!({"type": "object", "properties": properties});
        let envelope = |key: &str, held: Value, envelope: Value| json!({"type": "object", "properties": {key: held}, ENVELOPE: envelope});
        json!({
            "paths": {
                "/v1/things": {"get": {"responses": answers("ThingPage"), "parameters": [
                    {"in": "query", "name": "thing_id", "schema": integer()},
                    {"in": "query", "name": "user_id", "schema": integer()},
                    {"in": "query", "name": "note_ids[]", "schema": {"type": "array", "items": integer()}},
                    {"in": "query", "name": "thing_ids[]", "schema": {"type": "array", "items": integer()}}
                ]}},
                "/v1/things/{id}": {"get": {"responses": answers("ThingEnvelope"), "parameters": [path_id("id")]}},
                "/v1/things/{thing_id}/parts/{id}": {"delete": {"responses": {}, "parameters": [path_id("thing_id"), path_id("id")]}}
            },
            "components": {"schemas": {
                "ThingPage": envelope("things", json!({"type": "array", "items": to("Thing")}), json!({"kind": "page", "items": "things"})),
                "ThingEnvelope": envelope("thing", to("ThingWithParts"), json!({"kind": "resource", "key": "thing"})),
                "Thing": object(json!({"id": integer(), "user": to("UserRef"), "other_id": integer(), "thing_id": {"type": "string"}})),
                "ThingWithParts": object(json!({"id": integer(), "thing_ids": {"type": "array", "items": integer()}})),
                "ThingRef": object(json!({"id": {"type": "integer", "nullable": true}})),
                "UserRef": object(json!({"id": integer()})),
                "OtherRef": object(json!({"name": integer()}))
            }}
        })
    }

    fn assigned() -> (Value, Vec<Want>) {
        let mut document = document();
        let mut wants = Vec::new();
        assign(&mut document, &mut wants).unwrap();
        (document, wants)
    }

    #[test]
    fn a_thing_has_one_id_in_its_paths_its_components_and_under_its_name() {
        let (document, _) = assigned();
        let schemas = &document["components"]["schemas"];
        assert_eq!(
            schemas["ThingId"],
            json!({"type": "integer", "format": "int64", ID: true, "description": "Identifies one thing."})
        );
        let property = |component: &str, name: &str| &schemas[component]["properties"][name];
        assert_eq!(*property("Thing", "id"), to("ThingId"));
        assert_eq!(*property("ThingWithParts", "id"), to("ThingId"));
        assert_eq!(
            property("ThingWithParts", "thing_ids")["items"],
            to("ThingId")
        );
        assert_eq!(
            *property("ThingRef", "id"),
            json!({"nullable": true, "allOf": [to("ThingId")]})
        );
        let parameter = |path: &str, method: &str, index: usize| {
            document["paths"][path][method]["parameters"][index]["schema"].clone()
        };
        assert_eq!(parameter("/v1/things/{id}", "get", 0), to("ThingId"));
        assert_eq!(parameter("/v1/things", "get", 0), to("ThingId"));
        assert_eq!(parameter("/v1/things", "get", 3)["items"], to("ThingId"));
        let parts = "/v1/things/{thing_id}/parts/{id}";
        assert_eq!(parameter(parts, "delete", 0), to("ThingId"));
    }

    #[test]
    fn a_reference_beside_an_id_of_its_name_is_a_thing() {
        let (document, _) = assigned();
        let schemas = &document["components"]["schemas"];
        assert_eq!(schemas["UserRef"]["properties"]["id"], to("UserId"));
        let user_id = &document["paths"]["/v1/things"]["get"]["parameters"][1]["schema"];
        assert_eq!(*user_id, to("UserId"));
    }

    #[test]
    fn other_ids_stay_integers_and_one_in_a_path_wants_an_owner() {
        let (document, wants) = assigned();
        let thing = &document["components"]["schemas"]["Thing"]["properties"];
        assert_eq!(thing["other_id"], integer());
        assert_eq!(thing["thing_id"], json!({"type": "string"}));
        let notes = &document["paths"]["/v1/things"]["get"]["parameters"][2]["schema"];
        assert_eq!(notes["items"], integer());
        assert_eq!(
            wants[0].to_string(),
            "DELETE /v1/things/{thing_id}/parts/{id}: nothing tells whose id {id} is; say so \
              with x-huntress-id-of in a `names` overlay"
        );
        assert_eq!(wants.len(), 1);
    }

    #[test]
    fn an_overlay_can_say_whose_id_it_is_and_that_it_is_nobodys() {
        for (of, expected) in [(json!("Thing"), to("ThingId")), (json!(false), integer())] {
            let mut document = document();
            let parts = "/v1/things/{thing_id}/parts/{id}";
            document["paths"][parts]["delete"]["parameters"][1]["schema"][ID_OF] = of;
            let mut wants = Vec::new();
            assign(&mut document, &mut wants).unwrap();
            let schema = &document["paths"][parts]["delete"]["parameters"][1]["schema"];
            assert_eq!(*schema, expected);
            assert_eq!(wants, []);
        }
    }

    #[test]
    fn what_is_listed_is_what_a_path_below_it_is_about() {
        let mut document = document();
        let get = document["paths"]["/v1/things/{id}"].take();
        document["paths"]["/v1/things/{id}"] = json!({"delete": get["get"]});
        let ids = Ids::of(&mut document);
        assert_eq!(ids.of_path("/v1/things/{id}/x", "id"), Some("Thing"));
        assert_eq!(ids.of_property("ThingRef", "id"), Some("Thing"));
        for path in ["/v1/things/{id}", "/v1/things/{thing_id}/parts/{id}"] {
            document["paths"][path] = json!({});
        }
        document["components"]["schemas"]["ThingRef"] = json!({});
        // Nothing that is only listed has an id of its own.
        assert_eq!(Ids::of(&mut document).of_name("thing_id"), None);
    }
}
