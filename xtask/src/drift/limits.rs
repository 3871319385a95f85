//! What is refused before it is compared: a document that says nothing, or too much.
//!
//! The limits are far above any document of the vendor's (its contract has 6,300 values,
//! and no list or object of more than 100). They keep a document that was made to be
//! expensive from taking the machine.

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::json::escape;
use crate::references;
use crate::visible::visible;

/// The values of a contract: lists, objects and what is in them.
const VALUES: usize = 30_000;

/// The items of one list or the keys of one object.
const ENTRIES: usize = 1_000;

/// Fails where the contract cannot be compared, naming where.
pub fn check(contract: &Value, name: &str) -> Result<()> {
    let mut left = VALUES;
    let mut open = vec![(String::new(), contract)];
    while let Some((at, node)) = open.pop() {
        let entries = match node {
            Value::Array(items) => items.len(),
            Value::Object(map) => map.len(),
            _ => 0,
        };
        if entries > ENTRIES {
            bail!(
                "{name}: {} has {entries} entries; drift compares no more than {ENTRIES}",
                visible(&at)
            );
        }
        match left.checked_sub(entries) {
            Some(rest) => left = rest,
            None => bail!(
                "{name}: the contract has more than {VALUES} values, which is the limit of drift"
            ),
        }
        match node {
            Value::Array(items) => {
                let items = items.iter().enumerate();
                open.extend(items.map(|(index, item)| (format!("{at}/{index}"), item)));
            }
            Value::Object(map) => {
                let entries = map.iter();
                open.extend(entries.map(|(key, value)| (format!("{at}/{}", escape(key)), value)));
            }
            _ => {}
        }
    }
    references::check(contract).with_context(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_too_large_is_named_with_the_limit() {
        let text = |contract: Value| check(&contract, "new").unwrap_err().to_string();
        assert_eq!(
            text(json!({"a/b": vec![1; 1_001]})),
            "new: /a~1b has 1001 entries; drift compares no more than 1000"
        );
        let list = vec![vec![0; 1_000]; 30];
        assert_eq!(
            text(json!(list)),
            "new: the contract has more than 30000 values, which is the limit of drift"
        );
        assert!(check(&json!(vec![vec![0; 999]; 30]), "new").is_ok());
    }

    #[test]
    fn a_reference_to_itself_is_named() {
        let itself = json!({"swagger": "2.0", "definitions": {
            "A": {"$ref": "#/definitions/A"}}});
        let error = check(&itself, "new").unwrap_err();
        assert_eq!(
            format!("{error:#}"),
            "new: /definitions/A leads back to itself"
        );
    }
}
