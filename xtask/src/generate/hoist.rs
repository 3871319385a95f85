//! Makes every object of the document a named component.
//!
//! - A request body is named after its operation: `isolate_agent` takes `IsolateAgent`.
//! - A response envelope is named after what it holds: `AgentEnvelope {agent}`,
//!   `AgentPage {agents, pagination}`, `KnownVpnList {known_vpns}`; its component says
//!   so in `x-huntress-envelope`. A second one that holds the same under another key is
//!   named after its operation.
//! - An object below a property that has an `id` is a reference: `account: {id, name}`
//!   is `AccountRef`, wherever it stands; the properties of all such places add up.
//! - Anything else is named by overlay (`x-huntress-name`), or else like a component of
//!   the same shape, or else after its place, with a warning.
//!
//! Enums are made components by [`roles`](super::roles).

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use serde_json::{Map, Value, json};

use super::names::{NAME, pascal, singular};
use super::{Warnings, walk};

/// Marks a component that only wraps a result.
pub const ENVELOPE: &str = "x-huntress-envelope";
/// By overlay, on a response schema: the server also sends this resource unwrapped.
pub const BARE: &str = "x-huntress-bare";

/// See the module's text.
pub fn hoist(document: &mut Value, warnings: &mut Warnings) -> Result<()> {
    rename_components(document)?;
    request_bodies(document)?;
    envelopes(document)?;
    objects(document, warnings)
}

pub(super) fn components(document: &mut Value) -> &mut Map<String, Value> {
    document["components"]["schemas"]
        .as_object_mut()
        .expect("components.schemas")
}

pub(super) fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

fn rename_components(document: &mut Value) -> Result<()> {
    let mut renames = Vec::new();
    for (name, schema) in components(document).iter_mut() {
        if let Some(new) = take_name(schema, name)? {
            renames.push((name.clone(), new));
        }
    }
    renames
        .iter()
        .try_for_each(|(old, new)| rename(document, old, new))
}

fn rename(document: &mut Value, old: &str, new: &str) -> Result<()> {
    if old == new {
        return Ok(());
    }
    let schema = components(document).shift_remove(old).expect("a component");
    if components(document)
        .insert(new.to_owned(), schema)
        .is_some()
    {
        bail!("the component {old} is to be named {new}, but {new} exists already");
    }
    let (old, new) = (reference(old), reference(new));
    walk::schemas(document, |_, schema| {
        if schema["$ref"] == old["$ref"] {
            schema["$ref"] = new["$ref"].clone();
        }
        Ok(())
    })
}

pub(super) fn take_name(schema: &mut Value, place: &str) -> Result<Option<String>> {
    match schema
        .as_object_mut()
        .and_then(|map| map.shift_remove(NAME))
    {
        None => Ok(None),
        Some(Value::String(name)) => Ok(Some(name)),
        Some(other) => bail!("{place}: {NAME} is {other}, not a string"),
    }
}

fn request_bodies(document: &mut Value) -> Result<()> {
    let mut renames: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut inline = Vec::new();
    walk::operations(document, |pointer, _, _, operation| {
        let id = operation["operationId"]
            .as_str()
            .map(pascal)
            .unwrap_or_default();
        for (_, content) in walk::entries(operation.pointer_mut("/requestBody/content")) {
            let schema = &mut content["schema"];
            match walk::referenced(schema) {
                Some(name) => renames.entry(name.to_owned()).or_default().push(id.clone()),
                None if schema.is_object() => {
                    inline.push((id.clone(), std::mem::replace(schema, reference(&id))));
                }
                None => bail!("{pointer}/requestBody has no schema"),
            }
        }
        Ok(())
    })?;
    for (name, schema) in inline {
        if components(document).insert(name.clone(), schema).is_some() {
            bail!("the inline request body {name} has the name of a component");
        }
    }
    for (old, users) in renames {
        if let [only] = users.as_slice() {
            rename(document, &old, only)?;
        }
    }
    Ok(())
}

fn envelopes(document: &mut Value) -> Result<()> {
    let mut found: BTreeMap<String, Value> = BTreeMap::new();
    let schemas = document["components"]["schemas"].clone();
    walk::operations(document, |pointer, _, _, operation| {
        let id = operation["operationId"]
            .as_str()
            .map(pascal)
            .unwrap_or_default();
        for (status, response) in walk::entries(operation.get_mut("responses")) {
            let Some(schema) = response.pointer_mut("/content/application~1json/schema") else {
                continue;
            };
            if let Some(name) = walk::referenced(schema).map(str::to_owned) {
                // A component that is itself a page, as the SIEM query's result.
                let mut component = schemas[&name].clone();
                if let Some((envelope, _)) = classify(&component)
                    && envelope["kind"] == "page"
                {
                    component[ENVELOPE] = envelope;
                    found.insert(name, component);
                }
                continue;
            }
            let Some((mut envelope, mut name)) = classify(schema) else {
                bail!(
                    "{pointer}/responses/{status}: an inline response that is neither a wrapped \
                     resource, a list nor a page: {schema}"
                );
            };
            let bare = schema
                .as_object_mut()
                .and_then(|map| map.shift_remove(BARE));
            if let Some(bare) = bare {
                envelope["bare"] = bare;
            }
            let mut component = schema.clone();
            component[ENVELOPE] = envelope;
            component["required"] = match &component[ENVELOPE]["items"] {
                Value::String(items) => json!([items]),
                _ => json!([component[ENVELOPE]["key"]]),
            };
            if found.get(&name).is_some_and(|other| *other != component) {
                name = format!("{id}{status}Envelope");
            }
            *schema = reference(&name);
            found.insert(name, component);
        }
        Ok(())
    })?;
    components(document).extend(found);
    Ok(())
}

/// What an envelope holds and how it is called.
fn classify(schema: &Value) -> Option<(Value, String)> {
    let properties = schema["properties"].as_object()?;
    let (lists, others): (Vec<_>, Vec<_>) = properties
        .iter()
        .partition(|(_, property)| property["type"] == "array");
    let held = |schema: &Value, key: &str| {
        walk::referenced(schema).map_or_else(|| pascal(&singular(key)), str::to_owned)
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

fn objects(document: &mut Value, warnings: &mut Warnings) -> Result<()> {
    let vendor: Vec<String> = components(document).keys().cloned().collect();
    let mut hoisted: BTreeMap<String, Value> = BTreeMap::new();
    // Named ones first, so that an unnamed one of the same shape finds its name.
    for named_only in [true, false] {
        for component in &vendor {
            let mut schema = components(document)[component].take();
            let mut hoister = Hoister {
                hoisted: &mut hoisted,
                document,
                warnings,
                named_only,
            };
            hoister.children(&mut schema, component)?;
            components(document)[component] = schema;
        }
    }
    // The first round may leave unnamed objects inside what it hoisted.
    let names: Vec<String> = hoisted.keys().cloned().collect();
    for name in names {
        let mut schema = hoisted[&name].clone();
        let mut hoister = Hoister {
            hoisted: &mut hoisted,
            document,
            warnings,
            named_only: false,
        };
        hoister.children(&mut schema, &name)?;
        hoisted.insert(name, schema);
    }
    for (name, schema) in hoisted {
        if components(document).insert(name.clone(), schema).is_some() {
            bail!("an inline object is to be named {name}, but that component exists already");
        }
    }
    Ok(())
}

struct Hoister<'a> {
    hoisted: &'a mut BTreeMap<String, Value>,
    document: &'a Value,
    warnings: &'a mut Warnings,
    named_only: bool,
}

impl Hoister<'_> {
    fn children(&mut self, schema: &mut Value, owner: &str) -> Result<()> {
        for (property, inner) in walk::entries(schema.get_mut("properties")) {
            self.place(inner, owner, property)?;
        }
        for key in ["items", "additionalProperties"] {
            if let Some(inner) = schema.get_mut(key).filter(|inner| inner.is_object()) {
                self.place(inner, owner, key)?;
            }
        }
        for key in ["allOf", "anyOf", "oneOf"] {
            for inner in walk::list(schema.get_mut(key)) {
                self.place(inner, owner, key)?;
            }
        }
        Ok(())
    }

    fn place(&mut self, schema: &mut Value, owner: &str, property: &str) -> Result<()> {
        if schema["type"] == "array" {
            // A name on a list of objects is the name of its items.
            let name = schema
                .as_object_mut()
                .and_then(|map| map.shift_remove(NAME));
            if let Some(items) = schema.get_mut("items") {
                if let (Some(name), Some(items)) = (name, items.as_object_mut()) {
                    items.entry(NAME).or_insert(name);
                }
                self.place(items, owner, &singular(property))?;
            }
            return Ok(());
        }
        let is_object = schema["properties"]
            .as_object()
            .is_some_and(|map| !map.is_empty());
        let is_union = schema.get("oneOf").is_some();
        if !is_object && !is_union {
            return self.children(schema, &format!("{owner}{}", pascal(property)));
        }
        let known = match schema[NAME].as_str() {
            Some(name) => Some(name.to_owned()),
            None if schema["properties"].get("id").is_some() => {
                Some(format!("{}Ref", pascal(property)))
            }
            None => None,
        };
        let name = match known {
            Some(name) => name,
            None if self.named_only => {
                return self.children(schema, &format!("{owner}{}", pascal(property)));
            }
            None => self.same_shape(schema).unwrap_or_else(|| {
                let derived = format!("{owner}{}", pascal(property));
                self.warnings.push(format!(
                    "{derived}: an inline object named after its place; give it a name in a `names` overlay"
                ));
                derived
            }),
        };
        self.children(schema, &name)?;
        let mut component = schema.take();
        let map = component.as_object_mut().expect("an object");
        map.shift_remove(NAME);
        // What belongs to the place, not to the type.
        let mut place = reference(&name);
        let kept: Vec<_> = ["nullable", "deprecated", super::tolerant::DECODE]
            .iter()
            .filter_map(|key| Some((key.to_string(), map.shift_remove(*key)?)))
            .collect();
        if !kept.is_empty() {
            place = json!({"allOf": [place]});
            place.as_object_mut().expect("an object").extend(kept);
        }
        *schema = place;
        let declared = &self.document["components"]["schemas"][&name];
        match self.hoisted.get_mut(&name) {
            Some(existing) => add_up(existing, component, &name)?,
            None if declared.is_object() && declared["properties"] == component["properties"] => {}
            None => drop(self.hoisted.insert(name, component)),
        }
        Ok(())
    }

    fn same_shape(&self, schema: &Value) -> Option<String> {
        let existing = self.document["components"]["schemas"].as_object()?;
        let candidates = existing.iter().chain(self.hoisted.iter());
        candidates
            .filter(|(_, other)| other.get(ENVELOPE).is_none())
            .find(|(_, other)| other["properties"] == schema["properties"])
            .map(|(name, _)| name.clone())
    }
}

/// The properties of two places of one component, which must not contradict.
fn add_up(component: &mut Value, other: Value, name: &str) -> Result<()> {
    let Value::Object(other) = other else {
        return Ok(());
    };
    if other.get("oneOf") != component.get("oneOf") {
        bail!("two different unions are named {name}");
    }
    let Some(Value::Object(theirs)) = other.get("properties") else {
        return Ok(());
    };
    let ours = component["properties"].as_object_mut().expect("an object");
    for (key, schema) in theirs {
        let existing = ours.entry(key.clone()).or_insert_with(|| schema.clone());
        if existing["type"] != schema["type"] {
            bail!("two objects are named {name}, but their {key} differ: {existing} and {schema}");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(schemas: Value, paths: Value) -> Value {
        json!({"paths": paths, "components": {"schemas": schemas}})
    }

    #[track_caller]
    fn hoisted(mut document: Value) -> (Value, Warnings) {
        let mut warnings = Warnings::new();
        hoist(&mut document, &mut warnings).unwrap();
        (document, warnings)
    }

    fn get(schema: Value) -> Value {
        json!({"get": {"operationId": "list_things", "responses": {
            "200": {"content": {"application/json": {"schema": schema}}}}}})
    }

    #[test]
    fn objects_with_an_id_are_references_whose_properties_add_up() {
        let integer = json!({"type": "integer"});
        let string = json!({"type": "string"});
        let (document, warnings) = hoisted(document(
            json!({
                "A": {"type": "object", "properties": {"account": {"type": "object", "properties": {"id": integer, "name": string}}}},
                "B": {"type": "object", "properties": {"accounts": {"type": "array", "items": {"type": "object", "properties": {"id": integer, "status": string}}}}}
            }),
            json!({}),
        ));
        let schemas = &document["components"]["schemas"];
        assert_eq!(
            schemas["A"]["properties"]["account"],
            reference("AccountRef")
        );
        assert_eq!(
            schemas["B"]["properties"]["accounts"]["items"],
            reference("AccountRef")
        );
        assert_eq!(
            schemas["AccountRef"]["properties"],
            json!({"id": integer, "name": string, "status": string})
        );
        assert_eq!(warnings, Warnings::new());
    }

    #[test]
    fn an_unnamed_object_takes_the_name_of_its_shape_or_of_its_place_with_a_warning() {
        let shape = json!({"type": "object", "properties": {"n": {"type": "integer"}}});
        let mut named = shape.clone();
        named[NAME] = json!("Usage");
        let (document, warnings) = hoisted(document(
            json!({
                "A": {"type": "object", "properties": {"x": shape, "y": {"type": "object", "properties": {"m": {"type": "integer"}}}}},
                "B": {"type": "object", "properties": {"x": named}}
            }),
            json!({}),
        ));
        let schemas = &document["components"]["schemas"];
        assert_eq!(schemas["A"]["properties"]["x"], reference("Usage"));
        assert_eq!(schemas["A"]["properties"]["y"], reference("AY"));
        assert_eq!(warnings.len(), 1);
        assert!(
            warnings[0].starts_with("AY: an inline object"),
            "{warnings:?}"
        );
    }

    #[test]
    fn a_second_envelope_of_one_thing_is_named_after_its_operation() {
        let of =
            |key: &str| get(json!({"type": "object", "properties": {key: reference("Thing")}}));
        let mut other = of("other");
        other["get"]["operationId"] = json!("get_other");
        let (document, _) = hoisted(document(
            json!({"Thing": {"type": "object"}}),
            json!({"/v1/a": of("thing"), "/v1/b": other}),
        ));
        let schemas = &document["components"]["schemas"];
        assert_eq!(schemas["ThingEnvelope"][ENVELOPE]["key"], "thing");
        assert_eq!(schemas["GetOther200Envelope"][ENVELOPE]["key"], "other");
    }

    #[test]
    fn envelopes_are_named_after_what_they_hold() {
        let item = json!({"type": "array", "items": reference("Thing")});
        let page = json!({"type": "object", "properties": {"things": item, "pagination": reference("Pagination")}});
        let (document, _) = hoisted(document(
            json!({"Thing": {"type": "object"}, "Pagination": {"type": "object"}}),
            json!({
                "/v1/things": get(page),
                "/v1/list": get(json!({"type": "object", "properties": {"things": item}})),
                "/v1/thing": get(json!({"type": "object", BARE: true, "properties": {"thing": reference("Thing")}}))
            }),
        ));
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
            schemas["ThingEnvelope"][ENVELOPE],
            json!({"kind": "resource", "key": "thing", "bare": true})
        );
        let response = "/paths/~1v1~1things/get/responses/200/content/application~1json/schema";
        assert_eq!(document.pointer(response), Some(&reference("ThingPage")));
    }

    #[test]
    fn an_inline_response_of_another_form_stops() {
        let schema = json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}});
        let mut document = document(json!({}), json!({"/v1/x": get(schema)}));
        let error = hoist(&mut document, &mut Warnings::new())
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with(
                "/paths/~1v1~1x/get/responses/200: an inline response that is neither"
            ),
            "{error}"
        );
    }

    #[test]
    fn a_request_body_is_named_after_its_operation() {
        let body = json!({"content": {"application/json": {"schema": reference("vendorName")}}});
        let (document, _) = hoisted(document(
            json!({"vendorName": {"type": "object"}}),
            json!({"/v1/x": {"post": {"operationId": "create_x", "requestBody": body}}}),
        ));
        assert!(document["components"]["schemas"]["CreateX"].is_object());
        let schema = "/paths/~1v1~1x/post/requestBody/content/application~1json/schema";
        assert_eq!(document.pointer(schema), Some(&reference("CreateX")));
    }
}
