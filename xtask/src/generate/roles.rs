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
use serde_json::{Value, json};

use super::hoist::{components, reference, take_name};
use super::names::{pascal, singular};
use super::{Problem, Warnings, walk};
use crate::json::escape;

/// On a place: the values of its enum that it has, where these are not all.
pub const VALUES: &str = "x-huntress-values";
/// By overlay, on a place with a name: values that no place lists.
pub const MORE: &str = "x-huntress-more-values";

/// An enum, or a string, somewhere in the document.
struct Place {
    pointer: String,
    /// What the property or parameter is called: `severity`.
    word: String,
    name: Option<String>,
    /// `None` for a plain string.
    values: Option<Vec<String>>,
    more: Vec<String>,
}

/// See the module's text.
pub fn enums(
    document: &mut Value,
    warnings: &mut Warnings,
    problems: &mut Vec<Problem>,
) -> Result<()> {
    let operations = operation_ids(document)?;
    let mut places = places(document, &operations)?;
    let taken: BTreeSet<String> = components(document).keys().cloned().collect();
    name_others(&mut places, &operations, taken, warnings);

    let mut enums: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for place in places.iter().filter(|place| place.values.is_some()) {
        let values = enums
            .entry(place.name.as_deref().expect("named by now"))
            .or_default();
        values.extend(place.values.iter().flatten().map(String::as_str));
    }
    for place in &places {
        if let Some(values) = place.name.as_deref().and_then(|name| enums.get_mut(name)) {
            values.extend(place.more.iter().map(String::as_str));
        }
    }
    for place in &places {
        let name = place.name.as_deref().unwrap_or_default();
        let schema = document.pointer_mut(&place.pointer).expect("it was there");
        match (enums.get(name), &place.values) {
            (Some(all), values) if values.is_some() || schema["type"] == "string" => {
                refer(schema, name, all, values.as_deref());
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
        let taken = components(document).insert(name.to_owned(), component);
        if taken.is_some() {
            bail!("the enum {name} has the name of a component");
        }
    }
    Ok(())
}

/// Every enum and every string that has a name, with that name taken out; those that
/// overlays name first.
fn places(document: &mut Value, operations: &Operations) -> Result<Vec<Place>> {
    let mut places = Vec::new();
    walk::schemas(document, |pointer, schema| {
        let values = values(schema, pointer)?;
        let name = take_name(schema, pointer)?;
        if values.is_some() || name.is_some() {
            let more = schema
                .as_object_mut()
                .and_then(|map| map.shift_remove(MORE));
            places.push(Place {
                pointer: pointer.to_owned(),
                word: word(pointer, operations),
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
    warnings: &mut Warnings,
) {
    taken.extend(places.iter().filter_map(|place| place.name.clone()));
    let count = places
        .iter()
        .take_while(|place| place.name.is_some())
        .count();
    let (named, others) = places.split_at_mut(count);
    let mut made: Vec<(BTreeSet<String>, String)> = Vec::new();
    for place in others {
        let values: BTreeSet<String> = place.values.iter().flatten().cloned().collect();
        let name = best(named, &place.word, &values).or_else(|| {
            let same = made.iter().find(|(others, _)| *others == values);
            same.map(|(_, name)| name.clone())
        });
        place.name = Some(name.unwrap_or_else(|| {
            let mut name = place_name(&place.pointer, operations);
            while taken.contains(&name) {
                name.push_str("Value");
            }
            taken.insert(name.clone());
            warnings.push(format!(
                "{name}: an enum named after its place; give it a name in a `names` overlay"
            ));
            made.push((values, name.clone()));
            name
        }));
    }
}

/// The enum that fits best, where one does and no other does as well.
fn best(named: &[Place], word: &str, values: &BTreeSet<String>) -> Option<String> {
    let mut enums: BTreeMap<&str, BTreeSet<&String>> = BTreeMap::new();
    for place in named {
        let known = enums.entry(place.name.as_deref()?).or_default();
        known.extend(place.values.iter().flatten());
    }
    let mut fits: Vec<((bool, usize), &str)> = Vec::new();
    for (name, known) in enums {
        let of_it = || {
            named
                .iter()
                .filter(|place| place.name.as_deref() == Some(name))
        };
        let shared = values.iter().filter(|value| known.contains(value)).count();
        let same_word = of_it().any(|place| place.word == word) && shared * 2 > values.len();
        let same_values = of_it().any(|place| {
            place.values.iter().flatten().collect::<BTreeSet<_>>() == values.iter().collect()
        });
        if same_word || same_values {
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

/// Replaces an enum by a reference; what else it says stays.
fn refer(schema: &mut Value, name: &str, all: &BTreeSet<&str>, values: Option<&[String]>) {
    let map = schema.as_object_mut().expect("a schema");
    map.shift_remove("enum");
    map.shift_remove("type");
    if let Some(values) = values {
        let own: Vec<_> = all
            .iter()
            .filter(|value| values.iter().any(|own| own == *value))
            .collect();
        if own.len() < all.len() {
            map.insert(VALUES.to_owned(), json!(own));
        }
    }
    *schema = if map.is_empty() {
        reference(name)
    } else {
        let mut place = json!({"allOf": [reference(name)]});
        place.as_object_mut().expect("an object").append(map);
        place
    };
}

/// The values of an enum, each once.
fn values(schema: &Value, pointer: &str) -> Result<Option<Vec<String>>> {
    let Some(values) = schema.get("enum") else {
        return Ok(None);
    };
    let mut own: Vec<String> = Vec::new();
    for value in values.as_array().into_iter().flatten() {
        match value.as_str() {
            Some(value) if own.iter().any(|known| known == value) => {}
            Some(value) => own.push(value.to_owned()),
            None => bail!("{pointer}: an enum that is not a set of strings: {values}"),
        }
    }
    if own.is_empty() || schema["type"] != "string" {
        bail!("{pointer}: an enum that is not a set of strings: {values}");
    }
    Ok(Some(own))
}

/// The id and the parameters' names of each operation, by its pointer.
type Operations = BTreeMap<String, (String, Vec<String>)>;

fn operation_ids(document: &mut Value) -> Result<Operations> {
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

/// The operation and parameter that a pointer is in.
fn parameter_at<'a>(pointer: &str, operations: &'a Operations) -> Option<(&'a str, &'a str)> {
    let (at, (id, parameters)) = operations
        .iter()
        .find(|(at, _)| pointer.starts_with(&format!("{at}/")))?;
    let index = pointer[at.len() + 1..].split('/').nth(1);
    let index = index.and_then(|index| index.parse::<usize>().ok());
    let parameter = index.and_then(|index| parameters.get(index));
    Some((id, parameter.map_or("", String::as_str)))
}

/// What the parameter or property at a pointer is called, one of them.
fn word(pointer: &str, operations: &Operations) -> String {
    let name = match parameter_at(pointer, operations) {
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
fn place_name(pointer: &str, operations: &Operations) -> String {
    if let Some((id, _)) = parameter_at(pointer, operations) {
        return pascal(&format!("{id}_{}", word(pointer, operations)));
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

    fn letters(values: &[&str]) -> Value {
        json!({"type": "string", "enum": values})
    }

    fn named(name: &str, mut schema: Value) -> Value {
        schema[super::super::names::NAME] = json!(name);
        schema
    }

    /// The components that `A`, `B`, … with these properties become.
    #[track_caller]
    fn made(components: Value) -> (Value, Warnings, Vec<Problem>) {
        let mut document = json!({"paths": {}, "components": {"schemas": {}}});
        for (name, properties) in components.as_object().unwrap() {
            document["components"]["schemas"][name] =
                json!({"type": "object", "properties": properties});
        }
        let (mut warnings, mut problems) = (Warnings::new(), Vec::new());
        enums(&mut document, &mut warnings, &mut problems).unwrap();
        (document["components"]["schemas"].take(), warnings, problems)
    }

    /// What it becomes beside `A.grade`, which is a `Grade` of `a`, `b` and `c`.
    #[track_caller]
    fn beside_grade(property: &str, schema: Value) -> (Value, Value, Warnings) {
        let grade = named("Grade", letters(&["a", "b", "c"]));
        let (schemas, warnings, problems) =
            made(json!({"A": {"grade": grade}, "B": {property: schema}}));
        assert!(problems.is_empty(), "{problems:?}");
        let place = schemas["B"]["properties"][property].clone();
        (place, schemas["Grade"]["enum"].clone(), warnings)
    }

    #[test]
    fn equal_values_in_any_order_are_one_enum() {
        let mut other = letters(&["c", "a", "b"]);
        other["default"] = json!("a");
        let (place, grade, warnings) = beside_grade("other", other);
        assert_eq!(
            place,
            json!({"allOf": [reference("Grade")], "default": "a"})
        );
        assert_eq!(grade, json!(["a", "b", "c"]));
        assert_eq!(warnings, Warnings::new());
    }

    #[test]
    fn a_new_value_at_one_place_is_a_new_value_and_that_place_says_what_it_takes() {
        let (place, grade, warnings) = beside_grade("grade", letters(&["z", "c", "a"]));
        assert_eq!(
            place,
            json!({"allOf": [reference("Grade")], VALUES: ["a", "c", "z"]})
        );
        assert_eq!(grade, json!(["a", "b", "c", "z"]));
        assert_eq!(warnings, Warnings::new());
    }

    #[test]
    fn a_list_has_the_name_of_its_items() {
        let list = json!({"type": "array", "items": letters(&["a", "b"])});
        let (place, ..) = beside_grade("grades", list);
        assert_eq!(
            place["items"],
            json!({"allOf": [reference("Grade")], VALUES: ["a", "b"]})
        );
    }

    #[test]
    fn the_name_alone_makes_no_enum_of_another_kind_the_same() {
        let (place, grade, warnings) = beside_grade("grade", letters(&["a", "x", "y"]));
        assert_eq!(place, reference("BGrade"));
        assert_eq!(grade, json!(["a", "b", "c"]));
        assert_eq!(
            warnings,
            ["BGrade: an enum named after its place; give it a name in a `names` overlay"]
        );
    }

    #[test]
    fn what_fits_two_enums_equally_well_is_neither() {
        let letters = letters(&["a", "b"]);
        let (schemas, warnings, _) = made(json!({
            "A": {"x": named("One", letters.clone()), "y": named("Two", letters.clone())},
            "B": {"x": letters.clone(), "z": letters}
        }));
        assert_eq!(schemas["B"]["properties"]["x"], reference("One"));
        assert_eq!(schemas["B"]["properties"]["z"], reference("BZ"));
        assert_eq!(warnings.len(), 1);
    }

    #[test]
    fn places_of_one_name_add_up_whatever_their_values_are() {
        let (place, grade, _) = beside_grade("word", named("Grade", letters(&["x"])));
        assert_eq!(place, json!({"allOf": [reference("Grade")], VALUES: ["x"]}));
        assert_eq!(grade, json!(["a", "b", "c", "x"]));
    }

    #[test]
    fn values_that_no_place_lists_are_of_the_enum_and_of_no_place() {
        let mut place = named("Grade", letters(&["a"]));
        place[MORE] = json!(["seen", "b"]);
        let (place, grade, _) = beside_grade("grade", place);
        assert_eq!(place, json!({"allOf": [reference("Grade")], VALUES: ["a"]}));
        assert_eq!(grade, json!(["a", "b", "c", "seen"]));
    }

    #[test]
    fn a_string_with_the_name_of_an_enum_is_of_that_enum() {
        let string = named("Grade", json!({"type": "string"}));
        let (place, ..) = beside_grade("word", string);
        assert_eq!(place, reference("Grade"));
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
