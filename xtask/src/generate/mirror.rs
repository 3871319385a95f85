//! Folds `/v1/accounts/{account_id}/…` into the operations they mirror.
//!
//! For resellers the vendor repeats a part of the API under each managed account.
//! A mirror is *exact*: the same parameters, body and success responses, with the
//! account's id in front. Exact mirrors leave the document; the operation they
//! mirror is marked `x-huntress-account-scope: true`. A mirror that differs is a
//! [`Problem`]. An operation that exists under the account only is not a mirror and stays.

use serde_json::{Value, json};

use super::Problem;
use crate::codegen::model::METHODS;
use crate::extensions::ACCOUNT_SCOPE;
use crate::json::alike;

/// What a mirrored path begins with.
pub const PREFIX: &str = "/v1/accounts/{account_id}/";

/// The path that a path below [`PREFIX`] mirrors.
pub fn original(path: &str) -> String {
    path.replacen(PREFIX, "/v1/", 1)
}

/// Folds every mirror, also those that differ.
pub fn fold(document: &mut Value, problems: &mut Vec<Problem>) {
    let Some(paths) = document["paths"].as_object_mut() else {
        return;
    };
    let mirrors: Vec<String> = paths
        .keys()
        .filter(|path| path.starts_with(PREFIX))
        .cloned()
        .collect();
    for path in mirrors {
        let original = original(&path);
        for method in METHODS {
            let Some(mirror) = paths[&path].get(method) else {
                continue;
            };
            let Some(operation) = paths.get(&original).and_then(|item| item.get(method)) else {
                continue;
            };
            if let Some(difference) = difference(operation, mirror) {
                problems.push(Problem::Mirror {
                    path: path.clone(),
                    original: original.clone(),
                    method,
                    difference,
                });
            }
            paths[&original][method][ACCOUNT_SCOPE] = json!(true);
            if let Some(item) = paths[&path].as_object_mut() {
                item.shift_remove(method);
            }
        }
    }
    let is_empty = |item: &Value| METHODS.iter().all(|method| item.get(method).is_none());
    paths.retain(|path, item| !(path.starts_with(PREFIX) && is_empty(item)));
}

fn difference(operation: &Value, mirror: &Value) -> Option<String> {
    let ours = parameters(operation);
    let theirs = parameters(mirror);
    if !theirs
        .iter()
        .any(|p| p["name"] == "account_id" && p["in"] == "path")
    {
        return Some("it does not declare the path parameter account_id".to_owned());
    }
    let theirs: Vec<_> = theirs
        .into_iter()
        .filter(|p| p["name"] != "account_id")
        .collect();
    for parameter in &ours {
        match theirs
            .iter()
            .find(|p| p["name"] == parameter["name"] && p["in"] == parameter["in"])
        {
            Some(same) if alike(same, parameter) => {}
            Some(_) => return Some(format!("the parameter {} differs", parameter["name"])),
            None => return Some(format!("it lacks the parameter {}", parameter["name"])),
        }
    }
    if let Some(extra) = theirs
        .iter()
        .find(|p| !ours.iter().any(|q| q["name"] == p["name"]))
    {
        return Some(format!("it also has the parameter {}", extra["name"]));
    }
    for key in ["requestBody", "responses", "security", "deprecated"] {
        if !alike(&operation[key], &mirror[key]) {
            return Some(format!("its {key} differ"));
        }
    }
    None
}

fn parameters(operation: &Value) -> Vec<&Value> {
    operation["parameters"]
        .as_array()
        .into_iter()
        .flatten()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn problems(document: &mut Value) -> Vec<String> {
        let mut problems = Vec::new();
        fold(document, &mut problems);
        problems.iter().map(Problem::to_string).collect()
    }

    fn document() -> Value {
        let id = json!({"name": "id", "in": "path", "schema": {"type": "integer"}});
        let account = json!({"name": "account_id", "in": "path", "schema": {"type": "integer"}});
        json!({"paths": {
            "/v1/a/{id}": {"get": {"parameters": [id], "responses": {"200": {}}}},
            "/v1/accounts/{account_id}/a/{id}": {"get": {"parameters": [account, id], "responses": {"200": {}}}}
        }})
    }

    #[test]
    fn an_exact_mirror_is_folded() {
        let mut document = document();
        assert_eq!(problems(&mut document), [""; 0]);
        assert_eq!(document["paths"].as_object().unwrap().len(), 1);
        assert_eq!(document["paths"]["/v1/a/{id}"]["get"][ACCOUNT_SCOPE], true);
    }

    #[test]
    fn values_in_another_order_are_the_same() {
        let mut document = document();
        let values = [json!(["a", "b"]), json!(["b", "a"])];
        for (path, values) in ["/v1/a/{id}", "/v1/accounts/{account_id}/a/{id}"]
            .iter()
            .zip(values)
        {
            let parameter = json!({"name": "x", "in": "query", "schema": {"enum": values}});
            let parameters = document["paths"][path]["get"]["parameters"].as_array_mut();
            parameters.unwrap().push(parameter);
        }
        assert_eq!(problems(&mut document), [""; 0]);
    }

    #[test]
    fn an_operation_of_the_account_alone_stays() {
        let mut document = document();
        document["paths"]
            .as_object_mut()
            .unwrap()
            .shift_remove("/v1/a/{id}");
        assert_eq!(problems(&mut document), [""; 0]);
        assert!(document["paths"]["/v1/accounts/{account_id}/a/{id}"]["get"].is_object());
    }

    #[test]
    fn a_mirror_that_differs_is_named() {
        const MIRROR: &str = "/v1/accounts/{account_id}/a/{id}";
        #[track_caller]
        fn fails(change: impl Fn(&mut Value), why: &str) {
            let mut document = document();
            change(&mut document["paths"][MIRROR]["get"]);
            assert_eq!(
                problems(&mut document),
                [format!(
                    "GET {MIRROR} is no longer an exact mirror of /v1/a/{{id}}: {why}"
                )]
            );
        }
        fails(
            |m| m["responses"]["200"] = json!({"x": 1}),
            "its responses differ",
        );
        fails(
            |m| m["parameters"][1]["schema"] = json!({}),
            "the parameter \"id\" differs",
        );
        fails(
            |m| drop(m["parameters"].as_array_mut().unwrap().pop()),
            "it lacks the parameter \"id\"",
        );
        fails(
            |m| {
                m["parameters"]
                    .as_array_mut()
                    .unwrap()
                    .push(json!({"name": "x", "in": "query"}))
            },
            "it also has the parameter \"x\"",
        );
        fails(
            |m| drop(m["parameters"].as_array_mut().unwrap().remove(0)),
            "it does not declare the path parameter account_id",
        );
    }
}
