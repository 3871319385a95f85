//! Enums are named for what they mean, and know every value that any of their places has.
//!
//! An `x-huntress-name` (by overlay) gives a place its enum. A place without one is of the
//! enum that has a place
//!
//! - of the same name (`severity`) that knows most of its values, or else
//! - of exactly its values.
//!
//! So a value that is new at one place, or a new place of an old kind, is a new value of the
//! enum that is there and no new enum. What fits none, or two equally well, is named after
//! its place, with a warning.
//!
//! The values are in alphabetical order, since no order of places or of their lists stays as
//! it is. A place that has not all of them says which in `x-huntress-values`. In a request
//! those are what it takes; in a response they are what the vendor lists there, which nothing
//! is refused for: the simulator sends them. A plain string with the name of an enum is of
//! that enum and takes any of its values. `x-huntress-more-values` (by overlay, beside a
//! name) has values that are seen although no place lists them.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail};
use serde_json::{Map, Value, json};

use super::super::{Problem, Want, names::singular, walk};
use super::take_name;
use crate::codegen::syntax::pascal;
use crate::extensions::{MORE_VALUES, VALUES};
use crate::json::unescape;

/// An enum, or a string, somewhere in the document.
struct Place {
    pointer: String,
    /// What the property or parameter is called: `severity`.
    word: String,
    name: Option<String>,
    /// `None` for a plain string.
    values: Option<BTreeSet<String>>,
    /// Values that an overlay adds to the enum.
    more: Vec<String>,
}

pub fn hoist(
    document: &mut Value,
    wants: &mut Vec<Want>,
    problems: &mut Vec<Problem>,
) -> Result<()> {
    let operations = Operations::of(document)?;
    let mut places = places(document, &operations)?;
    let taken: BTreeSet<String> = walk::components(document).keys().cloned().collect();
    name_others(&mut places, &operations, taken, wants);
    let enums = add_up(&places);
    for place in &places {
        let name = place.name.as_deref().unwrap_or_default();
        let Some(schema) = document.pointer_mut(&place.pointer) else {
            bail!("{}: an enum within an enum", place.pointer);
        };
        match (enums.get(name), &place.values) {
            (Some(all), values) if values.is_some() || schema["type"] == "string" => {
                refer(schema, name, all, values.as_ref());
            }
            _ => problems.push(Problem::Name {
                pointer: place.pointer.clone(),
                why: "it is no object, enum or string of that enum".to_owned(),
                name: name.to_owned(),
            }),
        }
    }
    for (name, values) in enums {
        let component = json!({"type": "string", "enum": values});
        let components = walk::components(document);
        if components.insert(name.to_owned(), component).is_some() {
            bail!("the enum {name} has the name of a component");
        }
    }
    Ok(())
}

/// The values of each enum that some place lists the values of.
fn add_up(places: &[Place]) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut enums: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for place in places {
        if let (Some(name), Some(values)) = (&place.name, &place.values) {
            let all = enums.entry(name).or_default();
            all.extend(values.iter().map(String::as_str));
        }
    }
    for place in places {
        if let Some(all) = place.name.as_deref().and_then(|name| enums.get_mut(name)) {
            all.extend(place.more.iter().map(String::as_str));
        }
    }
    enums
}

/// Every enum and every string that has a name, with that name taken out; those that
/// overlays name first.
fn places(document: &mut Value, operations: &Operations) -> Result<Vec<Place>> {
    let mut places = Vec::new();
    walk::schemas(document, |pointer, schema| {
        let values = values(schema, pointer)?;
        let name = take_name(schema, pointer)?;
        if values.is_some() || name.is_some() {
            let map = schema.as_object_mut();
            let more = map.and_then(|map| map.shift_remove(MORE_VALUES));
            places.push(Place {
                pointer: pointer.to_owned(),
                word: operations.word(pointer),
                name,
                values,
                more: more.map_or_else(|| Ok(Vec::new()), serde_json::from_value)?,
            });
        }
        Ok(())
    })?;
    places.sort_by_key(|place| place.name.is_none());
    Ok(places)
}

/// Gives each place without a name one.
fn name_others(
    places: &mut [Place],
    operations: &Operations,
    mut taken: BTreeSet<String>,
    wants: &mut Vec<Want>,
) {
    taken.extend(places.iter().filter_map(|place| place.name.clone()));
    let count = places.partition_point(|place| place.name.is_some());
    let (named, others) = places.split_at_mut(count);
    let known = Known::of(named);
    let mut made: BTreeMap<BTreeSet<String>, String> = BTreeMap::new();
    for place in others {
        let values = place.values.clone().unwrap_or_default();
        let name = known.best(&place.word, &values);
        let name = name.or_else(|| made.get(&values).cloned());
        place.name = Some(name.unwrap_or_else(|| {
            let mut name = operations.place_name(&place.pointer);
            while taken.contains(&name) {
                name.push_str("Value");
            }
            taken.insert(name.clone());
            wants.push(Want::Name {
                component: name.clone(),
                what: "an enum",
            });
            made.insert(values, name.clone());
            name
        }));
    }
}

/// What is known of the enums that overlays name.
struct Known<'a>(BTreeMap<&'a str, OneEnum<'a>>);

#[derive(Default)]
struct OneEnum<'a> {
    values: BTreeSet<&'a String>,
    /// What its places are called.
    words: BTreeSet<&'a str>,
    /// The values of each of its places.
    lists: BTreeSet<&'a BTreeSet<String>>,
}

impl<'a> Known<'a> {
    fn of(named: &'a [Place]) -> Self {
        let mut enums: BTreeMap<&str, OneEnum> = BTreeMap::new();
        for place in named {
            let one = enums.entry(place.name.as_deref().unwrap_or_default());
            let one = one.or_default();
            one.words.insert(&place.word);
            one.values.extend(place.values.iter().flatten());
            one.lists.extend(&place.values);
        }
        Self(enums)
    }

    /// The enum that fits best, where one does and no other does as well.
    fn best(&self, word: &str, values: &BTreeSet<String>) -> Option<String> {
        let mut fits: Vec<((bool, usize), &str)> = Vec::new();
        for (name, one) in &self.0 {
            let shared = values.iter().filter(|value| one.values.contains(value));
            let shared = shared.count();
            let same_word = one.words.contains(word) && shared * 2 > values.len();
            if same_word || one.lists.contains(values) {
                fits.push(((same_word, shared), name));
            }
        }
        fits.sort_unstable();
        match fits.as_slice() {
            [.., (second, _), (first, _)] if second == first => None,
            [.., (_, name)] => Some((*name).to_owned()),
            [] => None,
        }
    }
}

/// Replaces an enum by a reference; what else it says stays.
fn refer(schema: &mut Value, name: &str, all: &BTreeSet<&str>, values: Option<&BTreeSet<String>>) {
    let mut rest = match schema.take() {
        Value::Object(rest) => rest,
        _ => Map::new(),
    };
    rest.shift_remove("enum");
    rest.shift_remove("type");
    if let Some(values) = values.filter(|values| values.len() < all.len()) {
        rest.insert(VALUES.to_owned(), json!(values));
    }
    *schema = walk::referring(name, rest);
}

/// The values of an enum.
fn values(schema: &Value, pointer: &str) -> Result<Option<BTreeSet<String>>> {
    let Some(values) = schema.get("enum") else {
        return Ok(None);
    };
    let listed = values.as_array().into_iter().flatten();
    let strings: Option<BTreeSet<String>> = listed
        .map(|value| value.as_str().map(str::to_owned))
        .collect();
    match strings.filter(|strings| !strings.is_empty() && schema["type"] == "string") {
        Some(strings) => Ok(Some(strings)),
        None => bail!("{pointer}: an enum that is not a set of strings: {values}"),
    }
}

/// The id and the names of the parameters of each operation, by its pointer.
struct Operations(BTreeMap<String, (String, Vec<String>)>);

impl Operations {
    fn of(document: &mut Value) -> Result<Self> {
        let mut found = BTreeMap::new();
        walk::operations(document, |pointer, _, _, operation| {
            let id = walk::operation_id(operation).to_owned();
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let names = parameters.map(|p| p["name"].as_str().unwrap_or_default().to_owned());
            found.insert(pointer.to_owned(), (id, names.collect()));
            Ok(())
        })?;
        Ok(Self(found))
    }

    /// The operation and parameter that a pointer is in.
    fn parameter_at(&self, pointer: &str) -> Option<(&str, &str)> {
        let mut parts = pointer.splitn(6, '/');
        let operation: Vec<&str> = parts.by_ref().take(4).collect();
        let (id, parameters) = self.0.get(&operation.join("/"))?;
        let index = parts.nth(1).unwrap_or_default();
        let index = index.split('/').next().unwrap_or_default();
        let parameter = index.parse::<usize>().ok();
        let parameter = parameter.and_then(|index| parameters.get(index));
        Some((id, parameter.map_or("", String::as_str)))
    }

    /// What the parameter or property at a pointer is called, one of them.
    fn word(&self, pointer: &str) -> String {
        let name = match self.parameter_at(pointer) {
            Some((_, parameter)) => parameter.trim_end_matches("[]"),
            None => {
                let (_, rest) = pointer.rsplit_once("/properties/").unwrap_or(("", pointer));
                rest.split('/').next().unwrap_or_default()
            }
        };
        singular(name)
    }

    /// `/components/schemas/Agent/properties/platform` as `AgentPlatform`, and the parameter
    /// `platform` of `list_agents` as `ListAgentsPlatform`.
    fn place_name(&self, pointer: &str) -> String {
        if let Some((id, _)) = self.parameter_at(pointer) {
            return pascal(&format!("{id}_{}", self.word(pointer)));
        }
        let words = pointer
            .trim_start_matches("/components/schemas/")
            .split('/');
        let words = words.filter(|word| !["properties", "items", "allOf", "0"].contains(word));
        words.map(|word| pascal(&unescape(word))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letters(values: &[&str]) -> Value {
        json!({"type": "string", "enum": values})
    }

    fn named(name: &str, mut schema: Value) -> Value {
        schema[crate::extensions::NAME] = json!(name);
        schema
    }

    /// The components that `A`, `B`, … with these properties become.
    #[track_caller]
    fn made(components: Value) -> (Value, Vec<Want>, Vec<Problem>) {
        let mut document = json!({"paths": {}, "components": {"schemas": {}}});
        for (name, properties) in components.as_object().unwrap() {
            document["components"]["schemas"][name] =
                json!({"type": "object", "properties": properties});
        }
        let (mut wants, mut problems) = (Vec::new(), Vec::new());
        hoist(&mut document, &mut wants, &mut problems).unwrap();
        (document["components"]["schemas"].take(), wants, problems)
    }

    /// What it becomes beside `A.grade`, which is a `Grade` of `a`, `b` and `c`.
    #[track_caller]
    fn beside_grade(property: &str, schema: Value) -> (Value, Value, Vec<Want>) {
        let grade = named("Grade", letters(&["a", "b", "c"]));
        let (schemas, wants, problems) =
            made(json!({"A": {"grade": grade}, "B": {property: schema}}));
        assert!(problems.is_empty(), "{problems:?}");
        let place = schemas["B"]["properties"][property].clone();
        (place, schemas["Grade"]["enum"].clone(), wants)
    }

    #[test]
    fn equal_values_in_any_order_are_one_enum() {
        let mut other = letters(&["c", "a", "b"]);
        other["default"] = json!("a");
        let (place, grade, wants) = beside_grade("other", other);
        assert_eq!(
            place,
            json!({"allOf": [walk::reference("Grade")], "default": "a"})
        );
        assert_eq!(grade, json!(["a", "b", "c"]));
        assert_eq!(wants, []);
    }

    #[test]
    fn a_new_value_at_one_place_is_a_new_value_and_that_place_says_what_it_takes() {
        let (place, grade, wants) = beside_grade("grade", letters(&["z", "c", "a"]));
        assert_eq!(
            place,
            json!({"allOf": [walk::reference("Grade")], VALUES: ["a", "c", "z"]})
        );
        assert_eq!(grade, json!(["a", "b", "c", "z"]));
        assert_eq!(wants, []);
    }

    #[test]
    fn a_list_has_the_name_of_its_items() {
        let list = json!({"type": "array", "items": letters(&["a", "b"])});
        let (place, ..) = beside_grade("grades", list);
        assert_eq!(
            place["items"],
            json!({"allOf": [walk::reference("Grade")], VALUES: ["a", "b"]})
        );
    }

    #[test]
    fn the_name_alone_makes_no_enum_of_another_kind_the_same() {
        let (place, grade, wants) = beside_grade("grade", letters(&["a", "x", "y"]));
        assert_eq!(place, walk::reference("BGrade"));
        assert_eq!(grade, json!(["a", "b", "c"]));
        assert_eq!(
            wants[0].to_string(),
            "BGrade: an enum named after its place; give it a name in a `names` overlay"
        );
    }

    #[test]
    fn a_name_after_a_place_has_the_words_of_the_property() {
        let property = json!({"x/y~z": letters(&["a"])});
        let (schemas, ..) = made(json!({"A": property}));
        assert_eq!(schemas["A"]["properties"]["x/y~z"], walk::reference("AXYZ"));
    }

    #[test]
    fn what_fits_two_enums_equally_well_is_neither() {
        let letters = letters(&["a", "b"]);
        let (schemas, wants, _) = made(json!({
            "A": {"x": named("One", letters.clone()), "y": named("Two", letters.clone())},
            "B": {"x": letters.clone(), "z": letters}
        }));
        assert_eq!(schemas["B"]["properties"]["x"], walk::reference("One"));
        assert_eq!(schemas["B"]["properties"]["z"], walk::reference("BZ"));
        assert_eq!(wants.len(), 1);
    }

    #[test]
    fn places_of_one_name_add_up_whatever_their_values_are() {
        let (place, grade, _) = beside_grade("word", named("Grade", letters(&["x"])));
        assert_eq!(
            place,
            json!({"allOf": [walk::reference("Grade")], VALUES: ["x"]})
        );
        assert_eq!(grade, json!(["a", "b", "c", "x"]));
    }

    #[test]
    fn values_that_no_place_lists_are_of_the_enum_and_of_no_place() {
        let mut place = named("Grade", letters(&["a"]));
        place[MORE_VALUES] = json!(["seen", "b"]);
        let (place, grade, _) = beside_grade("grade", place);
        assert_eq!(
            place,
            json!({"allOf": [walk::reference("Grade")], VALUES: ["a"]})
        );
        assert_eq!(grade, json!(["a", "b", "c", "seen"]));
    }

    #[test]
    fn a_string_with_the_name_of_an_enum_is_of_that_enum() {
        let string = named("Grade", json!({"type": "string"}));
        let (place, ..) = beside_grade("word", string);
        assert_eq!(place, walk::reference("Grade"));
    }

    #[test]
    fn a_name_that_fits_nothing_is_a_problem_and_the_rest_goes_on() {
        let string = json!({"type": "string"});
        let (schemas, _, problems) = made(json!({"A": {"x": named("Grade", string.clone())}}));
        assert_eq!(
            problems[0].to_string(),
            "/components/schemas/A/properties/x: a `names` overlay calls it Grade, but it is no \
             object, enum or string of that enum; correct the overlay"
        );
        assert_eq!(problems.len(), 1);
        assert_eq!(schemas["A"]["properties"]["x"], string);
    }
}
