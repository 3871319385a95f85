//! No parameter has the name of something that every call has.
//!
//! A call is built by methods: one for each parameter, and those that all calls have, as
//! `timeout`. A parameter of such a name would hide one of them, or not compile. It stops
//! the generation until a `names` overlay gives the parameter an `x-huntress-name`, which is
//! then what its setter is called; on the wire it keeps its own.

use anyhow::Result;
use serde_json::Value;

use super::names::NAME;
use super::{Problem, walk};

/// The methods and fields of every call, and what its generated code calls its own things.
const OF_EVERY_CALL: [&str; 23] = [
    "account_id",
    "body",
    "client",
    "clone",
    "deadline",
    "header",
    "headers",
    "into_future",
    "new",
    "operation",
    "page_size",
    "pages",
    "query",
    "request",
    "retry",
    "retry_writes",
    "send",
    "send_as",
    "send_with_response",
    "start_at",
    "stream",
    "stream_as",
    "timeout",
];

/// See the module's text.
pub fn check(document: &mut Value, problems: &mut Vec<Problem>) -> Result<()> {
    walk::operations(document, |_, _, _, operation| {
        let id = operation["operationId"].as_str().unwrap_or_default();
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        for parameter in parameters.filter(|parameter| parameter["in"] != "path") {
            let name = setter(parameter);
            if OF_EVERY_CALL.contains(&name) {
                problems.push(Problem::Reserved {
                    operation: id.to_owned(),
                    parameter: name.to_owned(),
                });
            }
        }
        Ok(())
    })
}

/// What a parameter's setter is called.
pub fn setter(parameter: &Value) -> &str {
    let name = parameter[NAME].as_str().or(parameter["name"].as_str());
    name.unwrap_or_default().trim_end_matches("[]")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn problems(parameter: Value) -> Vec<String> {
        let mut document = json!({"paths": {"/v1/a": {"get": {
            "operationId": "list_as", "parameters": [parameter]}}}});
        let mut problems = Vec::new();
        check(&mut document, &mut problems).unwrap();
        problems.iter().map(Problem::to_string).collect()
    }

    #[test]
    fn a_parameter_of_an_options_name_is_a_problem_until_it_is_renamed() {
        let timeout = json!({"in": "query", "name": "timeout"});
        assert_eq!(
            problems(timeout.clone()),
            [
                "list_as: the parameter `timeout` has the name of something that every call has; \
              give it an x-huntress-name in a `names` overlay"
            ]
        );
        let mut renamed = timeout;
        renamed[NAME] = json!("scan_timeout");
        assert_eq!(problems(renamed), [""; 0]);
        assert_eq!(
            problems(json!({"in": "query", "name": "hostname"})),
            [""; 0]
        );
        assert_eq!(problems(json!({"in": "query", "name": "send[]"})).len(), 1);
    }
}
