//! Makes every object and enum of the document a named component.
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
//! - Enums of equal value sets are one enum; one of its places names it. A plain string
//!   with the name of an enum is of that enum, whatever its values are.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use serde_json::{Map, Value, json};

use super::names::{NAME, pascal, singular};
use super::{Problem, Warnings, walk};
use crate::json::escape;

/// Marks a component that only wraps a result.
pub const ENVELOPE: &str = "x-huntress-envelope";
/// By overlay, on a response schema: the server also sends this resource unwrapped.
pub const BARE: &str = "x-huntress-bare";

/// See the module's text.
pub fn hoist(
    document: &mut Value,
    warnings: &mut Warnings,
    problems: &mut Vec<Problem>,
) -> Result<()> {
    rename_components(document)?;
    request_bodies(document)?;
    envelopes(document)?;
    objects(document, warnings)?;
    enums(document, warnings, problems)
}

fn components(document: &mut Value) -> &mut Map<String, Value> {
    document["components"]["schemas"]
        .as_object_mut()
        .expect("components.schemas")
}

fn reference(name: &str) -> Value {
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

fn take_name(schema: &mut Value, place: &str) -> Result<Option<String>> {
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

fn enums(document: &mut Value, warnings: &mut Warnings, problems: &mut Vec<Problem>) -> Result<()> {
    let mut named: BTreeMap<Vec<String>, String> = BTreeMap::new();
    let mut values: BTreeMap<Vec<String>, Value> = BTreeMap::new();
    walk::schemas(document, |pointer, schema| {
        let Some(key) = value_set(schema, pointer)? else {
            return Ok(());
        };
        values
            .entry(key.clone())
            .or_insert_with(|| schema["enum"].clone());
        if let Some(name) = take_name(schema, pointer)? {
            let known = named.entry(key).or_insert_with(|| name.clone());
            if *known != name {
                problems.push(Problem::Name {
                    pointer: pointer.to_owned(),
                    why: format!("its values are those of {known}, which another place is called"),
                    name,
                });
            }
        }
        Ok(())
    })?;
    let operation_ids = operation_ids(document)?;
    let mut taken: Vec<String> = named.values().cloned().collect();
    taken.extend(components(document).keys().cloned());
    walk::schemas(document, |pointer, schema| {
        let Some(key) = value_set(schema, pointer)? else {
            return string_of_enum(schema, pointer, &named, problems);
        };
        let name = named.entry(key).or_insert_with(|| {
            let mut name = place_name(pointer, &operation_ids);
            while taken.contains(&name) {
                name.push_str("Value");
            }
            taken.push(name.clone());
            warnings.push(format!(
                "{name}: an enum named after its place; give it a name in a `names` overlay"
            ));
            name
        });
        let map = schema.as_object_mut().expect("a schema");
        map.shift_remove("enum");
        map.shift_remove("type");
        *schema = if map.is_empty() {
            reference(name)
        } else {
            let mut place = json!({"allOf": [reference(name)]});
            place.as_object_mut().expect("an object").append(map);
            place
        };
        Ok(())
    })?;
    for (key, name) in named {
        let component = json!({"type": "string", "enum": values[&key]});
        if components(document)
            .insert(name.clone(), component)
            .is_some()
        {
            bail!("the enum {name} has the name of a component or of another enum");
        }
    }
    Ok(())
}

/// A string that an overlay has given the name of an enum.
fn string_of_enum(
    schema: &mut Value,
    pointer: &str,
    named: &BTreeMap<Vec<String>, String>,
    problems: &mut Vec<Problem>,
) -> Result<()> {
    let Some(name) = take_name(schema, pointer)? else {
        return Ok(());
    };
    if named.values().any(|known| *known == name) && schema["type"] == "string" {
        *schema = reference(&name);
    } else {
        problems.push(Problem::Name {
            pointer: pointer.to_owned(),
            why: "it is no object, enum or string of that enum".to_owned(),
            name,
        });
    }
    Ok(())
}

fn value_set(schema: &Value, pointer: &str) -> Result<Option<Vec<String>>> {
    let Some(values) = schema.get("enum") else {
        return Ok(None);
    };
    let strings: Option<Vec<String>> = values
        .as_array()
        .into_iter()
        .flatten()
        .map(|value| value.as_str().map(str::to_owned))
        .collect();
    match strings {
        Some(mut set) if !set.is_empty() && schema["type"] == "string" => {
            set.sort();
            set.dedup();
            Ok(Some(set))
        }
        _ => bail!("{pointer}: an enum that is not a set of strings: {values}"),
    }
}

fn operation_ids(document: &mut Value) -> Result<BTreeMap<String, (String, Vec<String>)>> {
    let mut ids = BTreeMap::new();
    walk::operations(document, |pointer, _, _, operation| {
        let id = operation["operationId"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let names = parameters.map(|p| p["name"].as_str().unwrap_or_default().to_owned());
        ids.insert(pointer.to_owned(), (id, names.collect()));
        Ok(())
    })?;
    Ok(ids)
}

/// `/components/schemas/Agent/properties/platform` as `AgentPlatform`, and the parameter
/// `platform` of `list_agents` as `ListAgentsPlatform`.
fn place_name(pointer: &str, operations: &BTreeMap<String, (String, Vec<String>)>) -> String {
    if let Some((at, (id, parameters))) = operations
        .iter()
        .find(|(at, _)| pointer.starts_with(&format!("{at}/")))
    {
        let rest: Vec<&str> = pointer[at.len() + 1..].split('/').collect();
        let index = rest.get(1).and_then(|index| index.parse::<usize>().ok());
        let parameter = index
            .and_then(|index| parameters.get(index))
            .map_or("", String::as_str);
        return pascal(&format!(
            "{id}_{}",
            singular(parameter.trim_end_matches("[]"))
        ));
    }
    let words = pointer
        .trim_start_matches("/components/schemas/")
        .split('/');
    let words = words.filter(|word| !["properties", "items", "allOf", "0"].contains(word));
    words.map(|word| pascal(&escape(word))).collect()
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
        let mut problems = Vec::new();
        hoist(&mut document, &mut warnings, &mut problems).unwrap();
        assert!(problems.is_empty(), "{problems:?}");
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
    fn equal_value_sets_are_one_enum() {
        let (document, warnings) = hoisted(document(
            json!({
                "A": {"type": "object", "properties": {"x": {"type": "string", "enum": ["a", "b"], NAME: "Letter"}}},
                "B": {"type": "object", "properties": {"x": {"type": "string", "enum": ["b", "a"], "default": "a"}, "own": {"type": "string", "enum": ["c"]}}}
            }),
            json!({}),
        ));
        let schemas = &document["components"]["schemas"];
        assert_eq!(schemas["A"]["properties"]["x"], reference("Letter"));
        assert_eq!(
            schemas["B"]["properties"]["x"],
            json!({"allOf": [reference("Letter")], "default": "a"})
        );
        assert_eq!(
            schemas["Letter"],
            json!({"type": "string", "enum": ["a", "b"]})
        );
        assert_eq!(schemas["BOwn"]["enum"], json!(["c"]));
        assert_eq!(warnings.len(), 1);
    }

    #[test]
    fn an_enum_with_two_names_has_the_first_and_the_second_is_a_problem() {
        let of = |name: &str| json!({"type": "string", "enum": ["a"], NAME: name});
        let mut document = document(
            json!({"A": {"type": "object", "properties": {"x": of("Letter"), "y": of("Sign")}}}),
            json!({}),
        );
        let mut problems = Vec::new();
        hoist(&mut document, &mut Warnings::new(), &mut problems).unwrap();
        let schemas = &document["components"]["schemas"];
        assert_eq!(schemas["A"]["properties"]["y"], reference("Letter"));
        assert_eq!(
            problems[0].to_string(),
            "/components/schemas/A/properties/y: a `names` overlay calls it Sign, but its values \
             are those of Letter, which another place is called; correct the overlay"
        );
    }

    #[test]
    fn a_string_with_the_name_of_an_enum_is_of_that_enum() {
        let named = json!({"type": "string", NAME: "Letter"});
        let (document, _) = hoisted(document(
            json!({
                "A": {"type": "object", "properties": {"x": named}},
                "B": {"type": "object", "properties": {"x": {"type": "string", "enum": ["a"], NAME: "Letter"}}}
            }),
            json!({}),
        ));
        let schemas = &document["components"]["schemas"];
        assert_eq!(schemas["A"]["properties"]["x"], reference("Letter"));
    }

    #[test]
    fn a_name_that_fits_nothing_is_a_problem_and_the_rest_goes_on() {
        let mut document = document(
            json!({"A": {"type": "object", "properties": {"x": {"type": "string", NAME: "Letter"}}}}),
            json!({}),
        );
        let mut problems = Vec::new();
        hoist(&mut document, &mut Warnings::new(), &mut problems).unwrap();
        assert_eq!(
            problems[0].to_string(),
            "/components/schemas/A/properties/x: a `names` overlay calls it Letter, but it is no \
             object, enum or string of that enum; correct the overlay"
        );
        assert_eq!(problems.len(), 1);
        let property = &document["components"]["schemas"]["A"]["properties"]["x"];
        assert_eq!(*property, json!({"type": "string"}));
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
        let error = hoist(&mut document, &mut Warnings::new(), &mut Vec::new())
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
