//! No parameter has the name of something that every call has.
//!
//! A call is built by methods: one for each parameter, and those that all calls have, as
//! `timeout`. A parameter of such a name would hide one of them, or not compile. It stops
//! the generation until a `names` overlay gives the parameter an `x-huntress-name`, which is
//! then what its setter is called; on the wire it keeps its own.

use anyhow::Result;
use serde_json::Value;

use super::{Problem, rust_names, walk};
use crate::extensions::NAME;

/// The methods of every call.
const OPTIONS: [&str; 20] = [
    "account_id",
    "changed_since",
    "clone",
    "deadline",
    "header",
    "headers",
    "into_future",
    "new",
    "page_size",
    "pages",
    "query",
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

/// What the code of a call names its own things, in which no argument can have such a name.
const OWN: [&str; 6] = ["body", "call", "client", "operation", "request", "url"];

/// The same in what makes a call, which only takes what must be there.
const OWN_OF_NEW: &str = "scope";

/// Reports every such parameter.
pub fn check(document: &mut Value, problems: &mut Vec<Problem>) -> Result<()> {
    walk::operations(document, |_, _, _, operation| {
        let id = walk::operation_id(operation);
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        for parameter in parameters {
            let name = setter(parameter);
            let rust = rust_names::argument(name);
            // What is in the path is an argument, and no method has its name.
            let is_option = parameter["in"] != "path" && OPTIONS.contains(&rust.as_str());
            let is_own = OWN.contains(&rust.as_str());
            if is_option || is_own || (rust == OWN_OF_NEW && parameter["required"] == true) {
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
        assert_eq!(problems(json!({"in": "path", "name": "retry"})), [""; 0]);
        assert_eq!(problems(json!({"in": "path", "name": "Call"})).len(), 1);
        let scope = |required| json!({"in": "query", "name": "scope", "required": required});
        assert_eq!(problems(scope(false)), [""; 0]);
        assert_eq!(problems(scope(true)).len(), 1);
    }
}
