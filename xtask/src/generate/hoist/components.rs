//! A component is renamed where an overlay names it.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use serde_json::{Map, Value};

use super::super::walk;
use super::take_name;
use crate::codegen::model::referenced;

/// Gives the components the names that overlays have for them.
pub fn rename(document: &mut Value) -> Result<()> {
    let mut names = BTreeMap::new();
    for (old, schema) in walk::components(document).iter_mut() {
        if let Some(new) = take_name(schema, &format!("/components/schemas/{old}"))? {
            names.insert(old.clone(), new);
        }
    }
    rename_all(document, &names)
}

/// Renames components, and what refers to them; fails where two would have one name.
pub fn rename_all(document: &mut Value, names: &BTreeMap<String, String>) -> Result<()> {
    if names.is_empty() {
        return Ok(());
    }
    let components = walk::components(document);
    let mut renamed = Map::new();
    // Those that keep their name stay before the others.
    let (others, kept): (Vec<_>, Vec<_>) = std::mem::take(components)
        .into_iter()
        .partition(|(name, _)| names.get(name).is_some_and(|new| new != name));
    renamed.extend(kept);
    for (old, schema) in others {
        let new = &names[&old];
        if renamed.insert(new.clone(), schema).is_some() {
            bail!("the component {old} is to be named {new}, but {new} exists already");
        }
    }
    *components = renamed;
    walk::schemas(document, |_, schema| {
        if schema.get("$ref").is_some()
            && let Some(new) = referenced(schema).and_then(|old| names.get(old))
        {
            schema["$ref"] = walk::reference(new)["$ref"].take();
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extensions::NAME;
    use serde_json::json;

    #[test]
    fn a_renamed_component_is_referred_to_by_its_new_name() {
        let mut document = json!({"paths": {}, "components": {"schemas": {
            "A": {"type": "object", NAME: "B"},
            "C": {"type": "array", "items": walk::reference("A")}}}});
        rename(&mut document).unwrap();
        assert_eq!(
            document["components"]["schemas"],
            json!({"B": {"type": "object"}, "C": {"type": "array", "items": walk::reference("B")}})
        );
    }

    #[test]
    fn a_name_that_is_taken_stops() {
        let mut document = json!({"paths": {}, "components": {"schemas": {
            "A": {"type": "object", NAME: "B"}, "B": {"type": "object"}}}});
        assert_eq!(
            rename(&mut document).unwrap_err().to_string(),
            "the component A is to be named B, but B exists already"
        );
    }
}
