//! Repairs ill-typed schemas: the shape of the example is the truth.
//!
//! The vendor's document says `"type": "Object"`, names models as types, leaves out
//! `items`, and calls a list of objects a list of strings. Where a node's example
//! contradicts its type, the schema is inferred from the example's shape (see
//! [`crate::contract`]). What cannot be known becomes free-form with a warning; a
//! construct that no rule understands is an error that names its place.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail};
use serde_json::{Map, Value, json};

use super::{Want, walk};
use crate::contract::SHAPE;

/// The names of the components, and the first of those that have just these properties, by
/// which a shape is recognised as that component.
struct Components {
    names: BTreeSet<String>,
    by_properties: BTreeMap<Vec<String>, String>,
}

/// Repairs every schema of the document.
pub fn repair(document: &mut Value, wants: &mut Vec<Want>) -> Result<()> {
    let components = Components::of(document);
    walk::schemas(document, |pointer, node| {
        Repair {
            components: &components,
            pointer,
            wants,
        }
        .node(node)
    })
}

impl Components {
    fn of(document: &Value) -> Self {
        let schemas = document["components"]["schemas"].as_object();
        let schemas: BTreeMap<&String, &Value> = schemas.into_iter().flatten().collect();
        let mut by_properties = BTreeMap::new();
        for (name, schema) in &schemas {
            let properties = schema["properties"].as_object().into_iter().flatten();
            let mut names: Vec<_> = properties.map(|(name, _)| name.clone()).collect();
            names.sort();
            by_properties
                .entry(names)
                .or_insert_with(|| (*name).clone());
        }
        Self {
            names: schemas.into_keys().cloned().collect(),
            by_properties,
        }
    }
}

struct Repair<'a> {
    components: &'a Components,
    pointer: &'a str,
    wants: &'a mut Vec<Want>,
}

impl Repair<'_> {
    fn node(&mut self, node: &mut Value) -> Result<()> {
        let Some(map) = node.as_object_mut() else {
            bail!("{}: expected a schema, found {node}", self.pointer);
        };
        let shape = map.shift_remove(SHAPE);
        if ["$ref", "allOf", "anyOf", "oneOf"]
            .iter()
            .any(|key| map.contains_key(*key))
        {
            return Ok(());
        }
        self.declared_type(map, shape.as_ref())?;
        let Some(kind) = map.get("type").and_then(Value::as_str).map(str::to_owned) else {
            return Ok(()); // a reference by now
        };
        match (kind.as_str(), &shape) {
            ("array", None | Some(Value::Array(_))) => {
                unwrap_nameless_property(map);
                self.items(map, shape.as_ref());
            }
            ("object", None | Some(Value::Object(_))) => self.properties(map, shape.as_ref()),
            ("integer", Some(Value::String(found))) if found == "number" => {
                map.insert("type".to_owned(), json!("number"));
                map.insert("format".to_owned(), json!("double"));
            }
            ("number", Some(Value::String(found))) if found == "integer" => {}
            (declared, Some(Value::String(found))) if declared == found || found == "null" => {}
            (_, Some(shape)) => self.replace(map, shape),
            _ => {}
        }
        if kind != "object" {
            // Seen on strings, where it says nothing.
            map.shift_remove("additionalProperties");
        }
        undeclared_are_not_required(map);
        Ok(())
    }

    /// Turns whatever stands under `type` into a JSON type or a reference.
    fn declared_type(&self, map: &mut Map<String, Value>, shape: Option<&Value>) -> Result<()> {
        let declared = match map.get("type") {
            Some(Value::String(declared)) => declared.clone(),
            None if map.contains_key("properties") || map.contains_key("additionalProperties") => {
                "object".to_owned()
            }
            None if map.contains_key("enum") => "string".to_owned(),
            None => match shape {
                Some(_) => "object".to_owned(), // contradicted by the shape where wrong
                None if map.is_empty() => bail!("{}: an empty schema", self.pointer),
                None => bail!("{}: a schema without a type", self.pointer),
            },
            Some(other) => bail!("{}: `type` is {other}", self.pointer),
        };
        let lower = declared.to_lowercase();
        let json_type =
            ["array", "boolean", "integer", "number", "object", "string"].contains(&lower.as_str());
        if self.components.names.contains(&declared) {
            if shape.is_some() {
                map.insert("type".to_owned(), json!("object"));
            } else {
                map.shift_remove("type");
                map.extend(
                    walk::reference(&declared)
                        .as_object()
                        .cloned()
                        .unwrap_or_default(),
                );
            }
        } else if json_type {
            map.insert("type".to_owned(), json!(lower));
        } else {
            bail!(
                "{}: the type {declared:?} is neither a JSON type nor a component",
                self.pointer
            );
        }
        Ok(())
    }

    fn items(&mut self, map: &mut Map<String, Value>, shape: Option<&Value>) {
        let shape = shape
            .and_then(Value::as_array)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let known = match map.get("items") {
            None | Some(Value::Null) => false,
            Some(Value::Object(items)) => !items.is_empty(),
            Some(_) => true,
        };
        let contradicted = match (map.get("items"), shape) {
            (Some(items), [only]) if known => {
                let scalar =
                    !["object", "array"].contains(&items["type"].as_str().unwrap_or("object"));
                scalar && !only.is_string()
            }
            _ => false,
        };
        let free_form_decided = map.get("items") == Some(&json!({"additionalProperties": true}));
        if !known || contradicted {
            let items = match shape {
                [only] => self.infer(only),
                _ => self.unknown("the items of a list"),
            };
            map.insert("items".to_owned(), items);
        } else if let [only @ Value::Object(_)] = shape
            && !free_form_decided
            && let Some(Value::Object(items)) = map.get_mut("items")
        {
            // Visited next; an object without properties takes them from there.
            items.insert(SHAPE.to_owned(), only.clone());
        }
    }

    fn properties(&mut self, map: &mut Map<String, Value>, shape: Option<&Value>) {
        if map.contains_key("properties") || map.contains_key("additionalProperties") {
            return;
        }
        match shape {
            Some(shape @ Value::Object(keys)) if !keys.is_empty() => self.replace(map, shape),
            _ => {
                self.unknown("the keys of an object");
                map.insert("additionalProperties".to_owned(), json!(true));
            }
        }
    }

    /// Gives `map` the inferred schema; what does not describe the type stays.
    fn replace(&mut self, map: &mut Map<String, Value>, shape: &Value) {
        for key in [
            "type",
            "format",
            "items",
            "properties",
            "additionalProperties",
        ] {
            map.shift_remove(key);
        }
        if let Value::Object(inferred) = self.infer(shape) {
            map.extend(inferred);
        }
    }

    fn infer(&mut self, shape: &Value) -> Value {
        match shape {
            Value::String(kind) => match kind.as_str() {
                "integer" => json!({"type": "integer", "format": "int64"}),
                "number" => json!({"type": "number", "format": "double"}),
                "null" => self.unknown("a value whose example is null"),
                kind => json!({"type": kind}),
            },
            Value::Array(items) => {
                let items = match items.as_slice() {
                    [only] => self.infer(only),
                    _ => self.unknown("the items of a list"),
                };
                json!({"type": "array", "items": items})
            }
            Value::Object(keys) => {
                let mut names: Vec<_> = keys.keys().cloned().collect();
                names.sort();
                if let Some(name) = self.components.by_properties.get(&names) {
                    return walk::reference(name);
                }
                let properties: Map<_, _> = keys
                    .iter()
                    .map(|(key, shape)| (key.clone(), self.infer(shape)))
                    .collect();
                json!({"type": "object", "properties": properties})
            }
            _ => self.unknown("a value"),
        }
    }

    fn unknown(&mut self, what: &'static str) -> Value {
        self.wants.push(Want::Type {
            pointer: self.pointer.to_owned(),
            what,
        });
        json!({"additionalProperties": true})
    }
}

/// A list whose items are objects with one property without a name is that property.
fn unwrap_nameless_property(map: &mut Map<String, Value>) {
    let Some(properties) = map
        .get("items")
        .and_then(|items| items["properties"].as_object())
    else {
        return;
    };
    if properties.len() == 1
        && let Some(inner) = properties.get("").filter(|inner| inner["type"] == "array")
    {
        let items = inner["items"].clone();
        map.insert("items".to_owned(), items);
    }
}

/// `required` may only name what is declared.
fn undeclared_are_not_required(map: &mut Map<String, Value>) {
    let required = map.get_mut("required").and_then(Value::as_array_mut);
    let Some(mut required) = required.map(std::mem::take) else {
        return;
    };
    let declared = map.get("properties").unwrap_or(&Value::Null);
    required.retain(|name| {
        let name = name.as_str();
        name.is_some_and(|name| declared.get(name).is_some())
    });
    if required.is_empty() {
        map.shift_remove("required");
    } else {
        map.insert("required".to_owned(), required.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The schema `node` becomes as a property of a component beside `Ref {id, name}`.
    fn repaired(node: Value) -> Result<(Value, Vec<Want>)> {
        let mut document = json!({"paths": {}, "components": {"schemas": {
            "A": {"type": "object", "properties": {"type": node}},
            "Ref": {"type": "object", "properties": {"name": {"type": "string"}, "id": {"type": "integer"}}}
        }}});
        let mut wants = Vec::new();
        repair(&mut document, &mut wants)?;
        Ok((
            document["components"]["schemas"]["A"]["properties"]["type"].take(),
            wants,
        ))
    }

    #[track_caller]
    fn becomes(node: Value, expected: Value) {
        let (found, wants) = repaired(node).unwrap();
        assert_eq!(found, expected);
        assert_eq!(wants, []);
    }

    #[test]
    fn made_up_spellings_of_json_types_are_lowered() {
        becomes(json!({"type": "String"}), json!({"type": "string"}));
        becomes(
            json!({"type": "Object", SHAPE: {"n": "integer", "ok": "boolean"}}),
            json!({"type": "object", "properties": {
                "n": {"type": "integer", "format": "int64"}, "ok": {"type": "boolean"}}}),
        );
    }

    #[test]
    fn a_model_as_type_is_its_shape_or_a_reference() {
        becomes(
            json!({"type": "Ref"}),
            json!({"$ref": "#/components/schemas/Ref"}),
        );
        becomes(
            json!({"type": "Ref", SHAPE: {"id": "integer", "x": "string"}}),
            json!({"type": "object", "properties": {
                "id": {"type": "integer", "format": "int64"}, "x": {"type": "string"}}}),
        );
    }

    #[test]
    fn a_shape_that_a_component_has_is_that_component() {
        becomes(
            json!({"type": "Object", SHAPE: {"id": "integer", "name": "string"}}),
            json!({"$ref": "#/components/schemas/Ref"}),
        );
    }

    #[test]
    fn items_come_from_the_shape_when_missing_null_empty_or_contradicted() {
        let strings = json!({"type": "array", "items": {"type": "string"}});
        becomes(json!({"type": "array", SHAPE: ["string"]}), strings.clone());
        becomes(
            json!({"type": "array", "items": null, SHAPE: ["string"]}),
            strings.clone(),
        );
        becomes(
            json!({"type": "array", "items": {}, SHAPE: ["string"]}),
            strings,
        );
        becomes(
            json!({"type": "array", "items": {"type": "string"}, SHAPE: [{"id": "integer", "name": "string"}]}),
            json!({"type": "array", "items": {"$ref": "#/components/schemas/Ref"}}),
        );
        becomes(
            json!({"type": "array", "items": {"type": "object"}, SHAPE: [{"k": "string"}]}),
            json!({"type": "array", "items": {"type": "object", "properties": {"k": {"type": "string"}}}}),
        );
    }

    #[test]
    fn a_string_whose_example_is_an_object_is_an_object() {
        becomes(
            json!({"type": "string", "x-kept": 1, SHAPE: {"deep": {"n": "number"}}}),
            json!({"x-kept": 1, "type": "object", "properties": {
                "deep": {"type": "object", "properties": {"n": {"type": "number", "format": "double"}}}}}),
        );
    }

    #[test]
    fn a_list_of_objects_with_a_nameless_list_is_that_list() {
        becomes(
            json!({"type": "array", "items": {"type": "object", "properties": {
                "": {"type": "array", "items": {"type": "string"}}}}}),
            json!({"type": "array", "items": {"type": "string"}}),
        );
    }

    #[test]
    fn required_names_only_what_is_declared() {
        becomes(
            json!({"type": "object", "required": ["a", "gone"], "properties": {"a": {"type": "string"}}}),
            json!({"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}}),
        );
    }

    #[test]
    fn what_nothing_tells_is_free_form_and_said_so() {
        let (found, wants) = repaired(json!({"type": "object"})).unwrap();
        assert_eq!(
            found,
            json!({"type": "object", "additionalProperties": true})
        );
        assert_eq!(wants.len(), 1);
        let (found, wants) = repaired(json!({"type": "array"})).unwrap();
        assert_eq!(
            found,
            json!({"type": "array", "items": {"type": "object", "additionalProperties": true}})
        );
        assert!(wants[0].to_string().starts_with(
            "/components/schemas/A/properties/type: nothing tells the type of the items"
        ));
    }

    #[test]
    fn a_construct_no_rule_knows_stops_with_its_place() {
        #[track_caller]
        fn stops(node: Value, why: &str) {
            let error = repaired(node).unwrap_err().to_string();
            assert_eq!(
                error,
                format!("/components/schemas/A/properties/type: {why}")
            );
        }
        stops(
            json!({"type": "Money"}),
            r#"the type "Money" is neither a JSON type nor a component"#,
        );
        stops(
            json!({"type": ["string", "null"]}),
            r#"`type` is ["string","null"]"#,
        );
        stops(json!({"format": "x"}), "a schema without a type");
        stops(json!({}), "an empty schema");
        stops(json!("text"), "expected a schema, found \"text\"");
    }
}
