//! The security requirement names a scheme that is declared.
//!
//! The vendor writes `{"basic": ["basic_auth"]}`: the type where the scheme's name
//! belongs and the name where scopes belong.

use anyhow::{Result, bail};
use serde_json::{Map, Value, json};

use super::walk;

/// Repairs the document's and every operation's requirement.
pub fn repair(document: &mut Value) -> Result<()> {
    let schemes = document["components"]["securitySchemes"].clone();
    let schemes = schemes.as_object().cloned().unwrap_or_default();
    if let Some(security) = document.get_mut("security") {
        requirements(security, &schemes, "/security")?;
    }
    walk::operations(document, |pointer, _, _, operation| {
        match operation.get_mut("security") {
            Some(security) => requirements(security, &schemes, &format!("{pointer}/security")),
            None => Ok(()),
        }
    })
}

fn requirements(security: &mut Value, schemes: &Map<String, Value>, at: &str) -> Result<()> {
    for requirement in walk::list(Some(security)) {
        let Some(entry) = requirement.as_object().and_then(|map| map.iter().next()) else {
            continue; // `{}`: no authentication needed
        };
        let (name, scopes) = (entry.0.clone(), entry.1.clone());
        if schemes.contains_key(&name) {
            continue;
        }
        let scope = scopes[0].as_str().unwrap_or_default();
        if !schemes.contains_key(scope) {
            bail!("{at}: neither {name:?} nor {scope:?} is a declared security scheme");
        }
        *requirement = json!({scope: []});
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(requirement: Value) -> Value {
        json!({"paths": {}, "security": [requirement],
               "components": {"securitySchemes": {"basic_auth": {"type": "http", "scheme": "basic"}}}})
    }

    #[test]
    fn a_scheme_named_as_a_scope_is_put_in_its_place() {
        for written in [json!({"basic": ["basic_auth"]}), json!({"basic_auth": []})] {
            let mut document = document(written);
            repair(&mut document).unwrap();
            assert_eq!(document["security"], json!([{"basic_auth": []}]));
        }
    }

    #[test]
    fn an_unknown_scheme_stops() {
        let error = repair(&mut document(json!({"oauth": ["x"]}))).unwrap_err();
        assert_eq!(
            error.to_string(),
            "/security: neither \"oauth\" nor \"x\" is a declared security scheme"
        );
    }
}
