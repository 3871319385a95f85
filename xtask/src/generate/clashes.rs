//! No two names of the document are one name of Rust.
//!
//! `accountId` and `account_id` are two properties in JSON and one field in Rust. Such a
//! document cannot become code, so one of the two is left out, which a maintainer hears of:
//! of two properties the one that is not written as in Rust, of two parameters rather the one
//! that is not in the path, of two values of an enum the later one. A `corrections` overlay
//! must take one of them away, or, for a parameter, a `names` overlay give it an
//! `x-huntress-name`. Of two components one is called otherwise, see [`types`].

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use serde_json::Value;

use super::hoist::components::rename_all;
use super::reserved::setter;
use super::{Problem, rust_names, walk};
use crate::codegen::model::referenced;
use crate::extensions::VALUES;

/// Gives every component the name that its type has in Rust: `VPNList` becomes `VpnList`. Of
/// two that would have one name the second gets a number, and a maintainer hears of it.
pub fn types(document: &mut Value, problems: &mut Vec<Problem>) -> Result<()> {
    let components: Vec<Name> = walk::components(document)
        .keys()
        .map(|name| Name::new(name, rust_names::ty(name), false))
        .collect();
    let mut names: BTreeMap<String, String> = components
        .iter()
        .map(|name| (name.text.clone(), name.rust.clone()))
        .collect();
    for (number, clash) in clashes(&components).into_iter().enumerate() {
        problems.push(clash.problem("components", &components));
        let left_out = &components[clash.left_out];
        let mut name = format!("{}{}", left_out.rust, number + 2);
        while components.iter().any(|other| other.rust == name) {
            name.push('X');
        }
        names.insert(left_out.text.clone(), name);
    }
    names.retain(|old, new| old != new);
    rename_all(document, &names)
}

/// Leaves out one of two properties, parameters or values that are one in Rust.
pub fn leave_out(document: &mut Value, problems: &mut Vec<Problem>) -> Result<()> {
    walk::operations(document, |_, _, _, operation| {
        let id = walk::operation_id(operation).to_owned();
        if let Some(parameters) = operation.get_mut("parameters") {
            parameters_of(&id, parameters, problems);
        }
        Ok(())
    })?;
    let mut gone: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (component, schema) in walk::entries(document.pointer_mut("/components/schemas")) {
        properties_of(component, schema, problems);
        let values = values_of(component, schema, problems);
        if !values.is_empty() {
            gone.insert(component.clone(), values);
        }
    }
    if gone.is_empty() {
        return Ok(());
    }
    walk::schemas(document, |_, schema| {
        let values = referenced(schema).and_then(|component| gone.get(component));
        if let (Some(gone), Some(Value::Array(own))) = (values, schema.get_mut(VALUES)) {
            own.retain(|value| !gone.contains(value.as_str().unwrap_or_default()));
        }
        Ok(())
    })
}

fn parameters_of(operation: &str, parameters: &mut Value, problems: &mut Vec<Problem>) {
    let Some(parameters) = parameters.as_array_mut() else {
        return;
    };
    let names: Vec<Name> = parameters
        .iter()
        .map(|parameter| {
            let name = setter(parameter);
            Name::new(name, rust_names::argument(name), parameter["in"] != "path")
        })
        .collect();
    let left_out = left_out(operation, &names, problems);
    let mut index = 0..;
    parameters.retain(|_| !index.next().is_some_and(|index| left_out.contains(&index)));
}

fn properties_of(component: &str, schema: &mut Value, problems: &mut Vec<Problem>) {
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else {
        return;
    };
    let names: Vec<Name> = properties
        .keys()
        .map(|name| Name::new(name, rust_names::field(name), false))
        .collect();
    let left_out = left_out(component, &names, problems);
    if left_out.is_empty() {
        return;
    }
    let gone: BTreeSet<&String> = left_out.iter().map(|index| &names[*index].text).collect();
    properties.retain(|name, _| !gone.contains(name));
    if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|name| !gone.iter().any(|gone| name == gone.as_str()));
    }
}

/// The values that are left out.
fn values_of(component: &str, schema: &mut Value, problems: &mut Vec<Problem>) -> BTreeSet<String> {
    let Some(values) = schema.get_mut("enum").and_then(Value::as_array_mut) else {
        return BTreeSet::new();
    };
    let names: Vec<Name> = values
        .iter()
        .filter_map(Value::as_str)
        .map(|value| Name {
            as_written: true,
            ..Name::new(value, rust_names::variant(value), false)
        })
        .collect();
    let left_out = left_out(component, &names, problems);
    let gone: BTreeSet<String> = left_out
        .iter()
        .map(|index| names[*index].text.clone())
        .collect();
    values.retain(|value| !gone.contains(value.as_str().unwrap_or_default()));
    gone
}

/// Those that must go, by their position.
fn left_out(owner: &str, names: &[Name], problems: &mut Vec<Problem>) -> BTreeSet<usize> {
    let clashes = clashes(names);
    problems.extend(clashes.iter().map(|clash| clash.problem(owner, names)));
    clashes.iter().map(|clash| clash.left_out).collect()
}

struct Name {
    text: String,
    rust: String,
    /// Whether it goes before others.
    dispensable: bool,
    /// Whether it is written as in Rust.
    as_written: bool,
}

impl Name {
    fn new(text: &str, rust: String, dispensable: bool) -> Self {
        Self {
            text: text.to_owned(),
            as_written: text == rust.trim_end_matches('_'),
            dispensable,
            rust,
        }
    }
}

/// Two names that are one in Rust, by their positions.
struct Clash {
    stays: usize,
    left_out: usize,
}

impl Clash {
    fn problem(&self, owner: &str, names: &[Name]) -> Problem {
        Problem::Clash {
            owner: owner.to_owned(),
            stays: names[self.stays].text.clone(),
            left_out: names[self.left_out].text.clone(),
            rust: names[self.left_out].rust.clone(),
        }
    }
}

fn clashes(names: &[Name]) -> Vec<Clash> {
    let mut order: Vec<usize> = (0..names.len()).collect();
    order.sort_by_key(|index| (names[*index].dispensable, !names[*index].as_written));
    let mut known: BTreeMap<&str, usize> = BTreeMap::new();
    let mut found = Vec::new();
    for left_out in order {
        match known.get(names[left_out].rust.as_str()) {
            Some(&stays) => found.push(Clash { stays, left_out }),
            None => drop(known.insert(&names[left_out].rust, left_out)),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn problems(document: &mut Value) -> Vec<String> {
        let mut problems = Vec::new();
        leave_out(document, &mut problems).unwrap();
        problems.iter().map(Problem::to_string).collect()
    }

    #[test]
    fn of_two_properties_that_are_one_field_the_foreign_spelling_is_left_out() {
        for (other, name) in [
            ("accountId", "account_id"),
            ("a b", "a_b"),
            ("$(id)", "id"),
            ("Self", "self"),
        ] {
            let rust = rust_names::field(name);
            let property = json!({"type": "string"});
            let mut document = json!({"paths": {}, "components": {"schemas": {"A": {
                "required": [other, name], "properties": {other: property, name: property}}}}});
            let problems = problems(&mut document);
            let a = &document["components"]["schemas"]["A"];
            assert_eq!(a["properties"], json!({name: property}));
            assert_eq!(a["required"], json!([name]));
            assert_eq!(
                problems,
                [format!(
                    "A: {other:?} and {name:?} are both `{rust}` in Rust; take one of them away in \
                     a `corrections` overlay"
                )]
            );
        }
    }

    #[test]
    fn of_two_values_that_are_one_variant_the_later_is_left_out_everywhere() {
        let mut document = json!({"paths": {}, "components": {"schemas": {
            "E": {"type": "string", "enum": ["a-b", "a b", "c"]},
            "A": {"properties": {"e": {"allOf": [{"$ref": "#/components/schemas/E"}], VALUES: ["a b", "c"]}}}}}});
        assert_eq!(problems(&mut document).len(), 1);
        let schemas = &document["components"]["schemas"];
        assert_eq!(schemas["E"]["enum"], json!(["a-b", "c"]));
        assert_eq!(schemas["A"]["properties"]["e"][VALUES], json!(["c"]));
    }

    #[test]
    fn of_two_parameters_one_is_left_out_unless_it_is_renamed() {
        let document = |name: Option<&str>| {
            let mut other = json!({"in": "query", "name": "orgId"});
            if let Some(name) = name {
                other[crate::extensions::NAME] = json!(name);
            }
            json!({"paths": {"/v1/a": {"get": {"operationId": "list_as", "parameters": [
                other, {"in": "query", "name": "org_id"}]}}}, "components": {"schemas": {}}})
        };
        let mut two = document(None);
        assert_eq!(problems(&mut two).len(), 1);
        let left = &two["paths"]["/v1/a"]["get"]["parameters"];
        assert_eq!(*left, json!([{"in": "query", "name": "org_id"}]));
        assert_eq!(problems(&mut document(Some("other_org_id"))), [""; 0]);
    }

    #[test]
    fn of_two_parameters_of_one_name_the_one_in_the_path_stays() {
        let in_path = json!({"in": "path", "name": "id"});
        let mut document = json!({"paths": {"/v1/a/{id}": {"get": {"operationId": "get_a", "parameters": [
            {"in": "query", "name": "id"}, in_path]}}}, "components": {"schemas": {}}});
        assert_eq!(problems(&mut document).len(), 1);
        let left = &document["paths"]["/v1/a/{id}"]["get"]["parameters"];
        assert_eq!(*left, json!([in_path]));
    }

    #[test]
    fn a_value_that_is_called_other_clashes_with_none_but_its_own_name() {
        let of = |values: Value| {
            let mut document =
                json!({"paths": {}, "components": {"schemas": {"E": {"enum": values}}}});
            problems(&mut document).len()
        };
        assert_eq!(of(json!(["other", "others"])), 0);
        assert_eq!(of(json!(["other", "other_value"])), 1);
        assert_eq!(of(json!(["\\", "\""])), 1);
    }

    #[test]
    fn components_are_called_as_in_rust_and_the_second_of_a_name_has_a_number() {
        let list = |name: &str| json!({"type": "array", "items": walk::reference(name)});
        let mut document = json!({"paths": {}, "components": {"schemas": {
            "agent": list("VPNList"), "Agent": list("agent"), "VPNList": {"type": "object"}}}});
        let mut problems = Vec::new();
        types(&mut document, &mut problems).unwrap();
        assert_eq!(
            document["components"]["schemas"],
            json!({"Agent": list("Agent2"), "Agent2": list("VpnList"), "VpnList": {"type": "object"}})
        );
        assert_eq!(
            problems[0].to_string(),
            "components: \"agent\" and \"Agent\" are both `Agent` in Rust; take one of them away in \
             a `corrections` overlay"
        );
        assert_eq!(problems.len(), 1);
    }
}
