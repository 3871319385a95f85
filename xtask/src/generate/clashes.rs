//! No two names of the document are one name of Rust.
//!
//! `accountId` and `account_id` are two properties in JSON and one field in Rust. Such a
//! document cannot become code, so one of the two is left out, which a maintainer hears of:
//! of two properties or parameters the one that is not written as in Rust, of two values of
//! an enum the later one. A `corrections` overlay must take one of them away, or, for a
//! parameter, a `names` overlay give it an `x-huntress-name`.

use std::collections::BTreeMap;

use anyhow::Result;
use heck::{ToPascalCase as _, ToSnakeCase as _};
use serde_json::Value;

use super::reserved::setter;
use super::roles::VALUES;
use super::{Problem, walk};

/// See the module's text.
pub fn leave_out(document: &mut Value, problems: &mut Vec<Problem>) -> Result<()> {
    walk::operations(document, |_, _, _, operation| {
        let id = operation["operationId"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let Some(parameters) = operation
            .get_mut("parameters")
            .and_then(Value::as_array_mut)
        else {
            return Ok(());
        };
        let names: Vec<String> = parameters.iter().map(|p| setter(p).to_owned()).collect();
        for clash in of_properties(&names) {
            parameters.retain(|parameter| setter(parameter) != clash.left_out);
            problems.push(clash.problem(&id));
        }
        Ok(())
    })?;
    let mut left_out: Vec<(String, String)> = Vec::new();
    for (component, schema) in walk::entries(document.pointer_mut("/components/schemas")) {
        if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
            let names: Vec<String> = properties.keys().cloned().collect();
            for clash in of_properties(&names) {
                properties.shift_remove(&clash.left_out);
                problems.push(clash.problem(component));
            }
        }
        let declared = schema["properties"].clone();
        if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
            required.retain(|name| declared.get(name.as_str().unwrap_or_default()).is_some());
        }
        if let Some(values) = schema.get_mut("enum").and_then(Value::as_array_mut) {
            let names: Vec<String> = values
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect();
            for clash in of_values(&names) {
                values.retain(|value| *value != clash.left_out);
                problems.push(clash.problem(component));
                left_out.push((component.clone(), clash.left_out));
            }
        }
    }
    walk::schemas(document, |_, schema| {
        let component = walk::referenced(schema).unwrap_or_default().to_owned();
        if let Some(values) = schema.get_mut(VALUES).and_then(Value::as_array_mut) {
            values.retain(|value| {
                !left_out
                    .iter()
                    .any(|(of, gone)| *of == component && value == gone)
            });
        }
        Ok(())
    })
}

struct Clash {
    stays: String,
    left_out: String,
    rust: String,
}

impl Clash {
    fn problem(&self, owner: &str) -> Problem {
        Problem::Clash {
            owner: owner.to_owned(),
            stays: self.stays.clone(),
            left_out: self.left_out.clone(),
            rust: self.rust.clone(),
        }
    }
}

fn of_properties(names: &[String]) -> Vec<Clash> {
    let mut names: Vec<&String> = names.iter().collect();
    names.sort_by_key(|name| *name != &words(name).to_snake_case());
    clashes(&names, |name| words(name).to_snake_case())
}

fn of_values(values: &[String]) -> Vec<Clash> {
    let values: Vec<&String> = values.iter().collect();
    clashes(&values, |value| words(value).to_pascal_case())
}

fn clashes(names: &[&String], rust: impl Fn(&str) -> String) -> Vec<Clash> {
    let mut known: BTreeMap<String, &String> = BTreeMap::new();
    let mut found = Vec::new();
    for name in names {
        let rust = rust(name);
        match known.get(&rust) {
            Some(stays) => found.push(Clash {
                stays: (*stays).clone(),
                left_out: (*name).clone(),
                rust,
            }),
            None => drop(known.insert(rust, name)),
        }
    }
    found
}

/// As progenitor does: what no name of Rust can have separates words.
fn words(name: &str) -> String {
    let name = name.replace('\'', "");
    name.replace(|c: char| !c.is_alphanumeric() && c != '_', "-")
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
                    "A: {other:?} and {name:?} are both `{name}` in Rust; take one of them away in \
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
                other[super::super::names::NAME] = json!(name);
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
}
