//! Names of operations, by rule from method and path.
//!
//! | method and path | name |
//! |---|---|
//! | `GET /v1/things` | `list_things` |
//! | `GET /v1/things/{id}`, `GET /v1/thing` | `get_thing` |
//! | `POST /v1/things` | `create_thing` |
//! | `PATCH /v1/things/{id}` | `update_thing` |
//! | `DELETE /v1/things/{id}` | `delete_thing` |
//!
//! Static segments before the last one are part of the name, in the singular where
//! an id follows. An `x-huntress-name` (by overlay) wins.

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::walk;
use crate::extensions::NAME;

/// Gives every operation its `operationId`.
pub fn operations(document: &mut Value) -> Result<()> {
    let mut taken: BTreeSet<String> = BTreeSet::new();
    walk::operations(document, |pointer, path, method, operation| {
        let Some(map) = operation.as_object_mut() else {
            bail!("{pointer}: not an operation: {operation}");
        };
        let name = match map.shift_remove(NAME) {
            Some(Value::String(name)) => name,
            Some(other) => bail!("{pointer}: {NAME} is {other}, not a string"),
            None => {
                let derived = derive(method, path);
                // `GET /v1/account` and `GET /v1/accounts/{account_id}`.
                if taken.contains(&derived) && path.ends_with('}') {
                    format!("{derived}_by_id")
                } else {
                    derived
                }
            }
        };
        map.insert("operationId".to_owned(), json!(name));
        taken.insert(name);
        Ok(())
    })
}

fn derive(method: &str, path: &str) -> String {
    let segments: Vec<&str> = path.trim_matches('/').split('/').skip(1).collect();
    let is_id = |segment: &&str| segment.starts_with('{');
    let item = segments.last().is_some_and(is_id);
    let mut parts: Vec<String> = Vec::new();
    for (index, segment) in segments
        .iter()
        .enumerate()
        .filter(|(_, segment)| !is_id(segment))
    {
        let followed_by_id = segments.get(index + 1).is_some_and(is_id);
        parts.push(if followed_by_id {
            singular(segment)
        } else {
            (*segment).to_owned()
        });
    }
    let collection = !item && parts.last().is_some_and(|last| singular(last) != *last);
    let verb = match method {
        "get" if collection => "list",
        "get" => "get",
        "post" => "create",
        "put" | "patch" => "update",
        other => other,
    };
    if verb != "list"
        && let Some(last) = parts.last_mut()
    {
        *last = singular(last);
    }
    format!("{verb}_{}", parts.join("_"))
}

/// The singular of an English plural in snake_case; other words as they are.
pub fn singular(word: &str) -> String {
    if let Some(stem) = word.strip_suffix("ies") {
        format!("{stem}y")
    } else if word.ends_with("ss") || word.ends_with("us") {
        word.to_owned()
    } else {
        word.strip_suffix('s').unwrap_or(word).to_owned()
    }
}

/// `IncidentReport` as `incident report`.
pub fn words(pascal: &str) -> String {
    let mut words = String::new();
    for c in pascal.chars() {
        if c.is_ascii_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.push(c.to_ascii_lowercase());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_from_method_and_path() {
        for (method, path, name) in [
            ("get", "/v1/agents", "list_agents"),
            ("get", "/v1/agents/{id}", "get_agent"),
            ("patch", "/v1/agents/{id}", "update_agent"),
            ("delete", "/v1/identities/{id}", "delete_identity"),
            (
                "post",
                "/v1/unwanted_access_rules",
                "create_unwanted_access_rule",
            ),
            ("get", "/v1/account", "get_account"),
            ("get", "/v1/reseller/invoices", "list_reseller_invoices"),
            ("get", "/v1/reseller/invoices/{id}", "get_reseller_invoice"),
            ("get", "/v1/a_status", "get_a_status"),
            (
                "get",
                "/v1/incident_reports/{id}/notes/{note_id}",
                "get_incident_report_note",
            ),
        ] {
            assert_eq!(derive(method, path), name);
        }
    }

    #[test]
    fn an_overlay_name_wins_and_a_second_getter_is_by_id() {
        let mut document = json!({"paths": {
            "/v1/account": {"get": {}},
            "/v1/accounts/{account_id}": {"get": {}, "delete": {NAME: "disable_account"}}
        }});
        operations(&mut document).unwrap();
        let paths = &document["paths"];
        assert_eq!(paths["/v1/account"]["get"]["operationId"], "get_account");
        let item = &paths["/v1/accounts/{account_id}"];
        assert_eq!(item["get"]["operationId"], "get_account_by_id");
        assert_eq!(item["delete"], json!({"operationId": "disable_account"}));
    }
}
