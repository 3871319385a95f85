//! Every inline object and union becomes a component.
//!
//! - One that an overlay names (`x-huntress-name`) has that name.
//! - One with an `id` is a reference: `account: {id, name}` is `AccountRef`, wherever it
//!   stands. One whose `id` may be null refers to nothing then, so it is none.
//! - Any other has the name of a component of the same shape, or else of its place, which a
//!   person should then give a better one.
//!
//! The properties of all places that have one name by overlay or by `id` add up.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail};
use serde_json::{Map, Value, json};

use super::super::{Want, names::singular, walk};
use crate::codegen::syntax::pascal;
use crate::extensions::{DECODE, ENVELOPE, NAME};
use crate::json;

/// What belongs to a place and not to the type that stands there.
const OF_THE_PLACE: [&str; 3] = ["nullable", "deprecated", DECODE];

pub fn hoist(document: &mut Value, wants: &mut Vec<Want>) -> Result<()> {
    let vendor: Vec<String> = walk::components(document).keys().cloned().collect();
    let mut hoister = Hoister {
        declared: std::mem::take(walk::components(document)),
        hoisted: BTreeMap::new(),
        shapes: BTreeMap::new(),
        places: BTreeMap::new(),
        wants,
        named_only: true,
    };
    for component in &vendor {
        hoister.keep_shape(component);
    }
    // Named ones first, so that an unnamed one of the same shape finds its name.
    for named_only in [true, false] {
        hoister.named_only = named_only;
        for component in &vendor {
            let mut schema = hoister.declared[component].take();
            hoister.children(&mut schema, component)?;
            hoister.declared[component] = schema;
            hoister.keep_shape(component);
        }
    }
    // The first round may leave unnamed objects inside what it hoisted.
    let names: Vec<String> = hoister.hoisted.keys().cloned().collect();
    for name in names {
        let mut schema = hoister.hoisted[&name].clone();
        hoister.children(&mut schema, &name)?;
        hoister.hoisted.insert(name.clone(), schema);
        hoister.keep_shape(&name);
    }
    let Hoister {
        mut declared,
        hoisted,
        ..
    } = hoister;
    for (name, schema) in hoisted {
        if declared.insert(name.clone(), schema).is_some() {
            bail!("an inline object is to be named {name}, but that component exists already");
        }
    }
    *walk::components(document) = declared;
    Ok(())
}

struct Hoister<'a> {
    /// The components that were there before.
    declared: Map<String, Value>,
    hoisted: BTreeMap<String, Value>,
    /// The components that have, or had, a shape.
    shapes: BTreeMap<String, BTreeSet<String>>,
    /// The places that gave components their names.
    places: BTreeMap<String, String>,
    wants: &'a mut Vec<Want>,
    /// Whether the others are left where they are.
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
            return self.items(schema, owner, property);
        }
        let is_object = schema["properties"]
            .as_object()
            .is_some_and(|map| !map.is_empty());
        let name = match own_name(schema, property) {
            _ if !is_object && schema.get("oneOf").is_none() => None,
            Some(name) => Some(name),
            None if self.named_only => None,
            None => Some(self.unnamed(schema, owner, property)?),
        };
        match name {
            None => self.children(schema, &after_place(owner, property)),
            Some(name) => {
                self.children(schema, &name)?;
                self.replace(schema, name)
            }
        }
    }

    fn items(&mut self, schema: &mut Value, owner: &str, property: &str) -> Result<()> {
        // A name on a list of objects is the name of its items.
        let map = schema.as_object_mut();
        let name = map.and_then(|map| map.shift_remove(NAME));
        let Some(items) = schema.get_mut("items") else {
            return Ok(());
        };
        if let (Some(name), Some(items)) = (name, items.as_object_mut()) {
            items.entry(NAME).or_insert(name);
        }
        self.place(items, owner, &singular(property))
    }

    /// The name of an object that nobody has named: of its shape, or else of its place.
    fn unnamed(&mut self, schema: &Value, owner: &str, property: &str) -> Result<String> {
        if let Some(name) = self.same_shape(schema) {
            return Ok(name);
        }
        let name = after_place(owner, property);
        let place = format!("{owner}.{property}");
        if let Some(other) = self.places.get(&name) {
            bail!(
                "{place} and {other} are both objects that would be named {name} after their \
                 places; give one of them a name in a `names` overlay"
            );
        }
        if self.declared.contains_key(&name) || self.hoisted.contains_key(&name) {
            bail!(
                "{place} is an object that would be named {name} after its place, as another \
                 component is; give it a name in a `names` overlay"
            );
        }
        self.places.insert(name.clone(), place);
        self.wants.push(Want::Name {
            component: name.clone(),
            what: "an inline object",
        });
        Ok(name)
    }

    /// A component of the same shape, rather one that was there before.
    fn same_shape(&self, schema: &Value) -> Option<String> {
        let shape = shape(schema);
        let had = self.shapes.get(&shape)?.iter();
        let has = had.filter(|name| {
            let other = self.component(name);
            other.is_some_and(|other| other.get(ENVELOPE).is_none() && self::shape(other) == shape)
        });
        has.min_by_key(|name| !self.declared.contains_key(*name))
            .cloned()
    }

    /// Remembers the shape that a component has by now.
    fn keep_shape(&mut self, name: &str) {
        if let Some(shape) = self.component(name).map(shape) {
            let names = self.shapes.entry(shape).or_default();
            names.insert(name.to_owned());
        }
    }

    fn component(&self, name: &str) -> Option<&Value> {
        self.declared.get(name).or_else(|| self.hoisted.get(name))
    }

    /// Moves a schema into the component `name`, and leaves a reference.
    fn replace(&mut self, schema: &mut Value, name: String) -> Result<()> {
        let mut component = schema.take();
        let mut kept = Map::new();
        if let Some(map) = component.as_object_mut() {
            map.shift_remove(NAME);
            let of_the_place =
                OF_THE_PLACE.map(|key| Some((key.to_owned(), map.shift_remove(key)?)));
            kept.extend(of_the_place.into_iter().flatten());
        }
        *schema = walk::referring(&name, kept);
        let declared = self.declared.get(&name);
        match self.hoisted.get_mut(&name) {
            Some(existing) => add_up(existing, component, &name)?,
            None if declared.is_some_and(|declared| shape(declared) == shape(&component)) => {}
            None => drop(self.hoisted.insert(name.clone(), component)),
        }
        self.keep_shape(&name);
        Ok(())
    }
}

/// What two components of one shape have in common.
fn shape(schema: &Value) -> String {
    let shape = json!([schema["properties"], schema["oneOf"]]);
    json::canonical(shape).to_string()
}

fn after_place(owner: &str, property: &str) -> String {
    format!("{owner}{}", pascal(property))
}

/// The name of an object that has one by overlay or by its `id`.
fn own_name(schema: &Value, property: &str) -> Option<String> {
    let by_overlay = schema[NAME].as_str().map(str::to_owned);
    let id = schema["properties"].get("id");
    let has_id = id.is_some_and(|id| id["nullable"] != true);
    by_overlay.or_else(|| has_id.then(|| format!("{}Ref", pascal(property))))
}

/// Adds the properties of one more place of a component, which must not contradict.
fn add_up(component: &mut Value, other: Value, name: &str) -> Result<()> {
    if other.get("oneOf") != component.get("oneOf") {
        bail!("two different unions are named {name}");
    }
    let Some(Value::Object(theirs)) = other.get("properties") else {
        return Ok(());
    };
    let Some(ours) = component["properties"].as_object_mut() else {
        bail!("an object and something else are named {name}");
    };
    for (key, schema) in theirs {
        let existing = ours.entry(key.clone()).or_insert_with(|| schema.clone());
        if existing["type"] != schema["type"] {
            bail!("two objects are named {name}, but their {key} differ: {existing} and {schema}");
        }
        if schema["nullable"] == true {
            existing["nullable"] = json!(true);
        }
        if existing["properties"].is_object() {
            add_up(existing, schema.clone(), &format!("{name}.{key}"))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn hoisted(schemas: Value) -> (Value, Vec<Want>) {
        let mut document = json!({"paths": {}, "components": {"schemas": schemas}});
        let mut wants = Vec::new();
        hoist(&mut document, &mut wants).unwrap();
        (document["components"]["schemas"].take(), wants)
    }

    fn object(properties: Value) -> Value {
        json!({"type": "object", "properties": properties})
    }

    fn integer() -> Value {
        json!({"type": "integer"})
    }

    #[test]
    fn objects_with_an_id_are_references_whose_properties_add_up() {
        let string = json!({"type": "string"});
        let one = object(json!({"id": integer(), "name": string}));
        let other = object(json!({"id": integer(), "status": string}));
        let (schemas, wants) = hoisted(json!({
            "A": object(json!({"account": one})),
            "B": object(json!({"accounts": {"type": "array", "items": other}})),
        }));
        let to = walk::reference("AccountRef");
        assert_eq!(schemas["A"]["properties"]["account"], to);
        assert_eq!(schemas["B"]["properties"]["accounts"]["items"], to);
        assert_eq!(
            schemas["AccountRef"]["properties"],
            json!({"id": integer(), "name": string, "status": string})
        );
        assert_eq!(wants, []);
    }

    #[test]
    fn an_unnamed_object_takes_the_name_of_its_shape_or_of_its_place() {
        let shape = object(json!({"n": integer()}));
        let mut named = shape.clone();
        named[NAME] = json!("Usage");
        let (schemas, wants) = hoisted(json!({
            "A": object(json!({"x": shape, "y": object(json!({"m": integer()}))})),
            "B": object(json!({"x": named})),
        }));
        let a = &schemas["A"]["properties"];
        assert_eq!(a["x"], walk::reference("Usage"));
        assert_eq!(a["y"], walk::reference("AY"));
        let component = "AY".to_owned();
        let what = "an inline object";
        assert_eq!(wants, [Want::Name { component, what }]);
    }

    #[test]
    fn a_union_has_the_shape_of_the_same_union_only() {
        let one_of = |ty: &str| json!({"oneOf": [{"type": ty}, {"type": "integer"}]});
        let (schemas, wants) = hoisted(json!({
            "A": object(json!({"x": one_of("string"), "y": one_of("boolean"), "z": one_of("string")})),
            "List": {"type": "array", "items": {"type": "string"}},
        }));
        let a = &schemas["A"]["properties"];
        assert_eq!(a["x"], walk::reference("AX"));
        assert_eq!(a["y"], walk::reference("AY"));
        assert_eq!(a["z"], walk::reference("AX"));
        assert_eq!(wants.len(), 2);
    }

    #[test]
    fn what_is_said_of_the_place_stays_there() {
        let mut named = object(json!({"n": integer()}));
        named[NAME] = json!("Usage");
        named["nullable"] = json!(true);
        let (schemas, _) = hoisted(json!({"A": object(json!({"x": named}))}));
        assert_eq!(
            schemas["A"]["properties"]["x"],
            json!({"nullable": true, "allOf": [walk::reference("Usage")]})
        );
        assert_eq!(schemas["Usage"], object(json!({"n": integer()})));
    }

    #[test]
    fn two_places_of_one_name_stop() {
        #[track_caller]
        fn stops(schemas: Value, why: &str) {
            let mut document = json!({"paths": {}, "components": {"schemas": schemas}});
            let error = hoist(&mut document, &mut Vec::new()).unwrap_err();
            assert_eq!(error.to_string(), why);
        }
        let with = |key: &str| object(json!({key: object(json!({key: integer()}))}));
        stops(
            json!({"Ab": with("c_d"), "AbC": with("d")}),
            "AbC.d and Ab.c_d are both objects that would be named AbCD after their places; give \
             one of them a name in a `names` overlay",
        );
        stops(
            json!({"Ab": with("c"), "AbC": object(json!({"n": integer()}))}),
            "Ab.c is an object that would be named AbC after its place, as another component is; \
             give it a name in a `names` overlay",
        );
    }

    #[test]
    fn what_is_within_adds_up_too() {
        let plan =
            |key: &str| object(json!({"id": integer(), "plan": object(json!({key: integer()}))}));
        let (schemas, wants) = hoisted(json!({
            "A": object(json!({"account": plan("a")})),
            "B": object(json!({"account": plan("b")})),
        }));
        let plan = json!({"a": integer(), "b": integer()});
        assert_eq!(schemas["AccountRefPlan"]["properties"], plan);
        assert_eq!(wants.len(), 1);
    }
}
