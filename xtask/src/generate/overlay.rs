//! Our corrections, names and docs, as OpenAPI Overlay 1.0 documents.
//!
//! Each `spec/overlay/*.yaml` is one overlay: `actions` with a JSONPath (RFC 9535)
//! `target` and an `update` (merged into every match) or `remove: true`. We ask
//! more than the standard: every action has a `description`, its reason, and an
//! action that matches nothing is an error, because nobody would notice that a correction
//! is no longer made. It is skipped and kept as [`Stale`], so that a maintainer hears of all
//! of them at once.
//!
//! An action with an `x-huntress-unless` is for what the vendor's document does not have
//! yet: it is applied only where that JSONPath matches nothing. Where it matches, the action
//! is kept as [`Unneeded`], so that a maintainer hears that it can go.
//!
//! `x-huntress-stage` says which document the overlay is written for:
//!
//! - `corrections`: the vendor's document right after its conversion to OpenAPI 3:
//!   what only a person can know.
//! - `names`: the same after the types are repaired, with the vendor's names and
//!   inline schemas. An `x-huntress-name` there names an operation, a component, an
//!   enum or an inline object. A property that is gone is an error.
//! - `docs`: the finished document, every schema a named component. Such an update
//!   may only add words to what exists, and meanings to the values of an enum
//!   (`x-huntress-value-docs`); a property or value that is gone is an error too.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::Value;
use serde_json_path::JsonPath;

use crate::extensions::VALUE_DOCS;
use crate::json;
use crate::spec_folder::SpecFolder;

/// What the finished document may be given by a `docs` overlay.
const WORDS: [&str; 3] = ["description", "summary", "title"];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Overlay {
    overlay: String,
    #[serde(rename = "info")]
    _info: Value,
    #[serde(rename = "x-huntress-stage")]
    pub stage: Stage,
    actions: Vec<Action>,
    #[serde(skip)]
    file: String,
}

/// The document that an overlay is written for.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    Corrections,
    Names,
    Docs,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Action {
    target: String,
    #[serde(default)]
    description: String,
    update: Option<Value>,
    #[serde(default)]
    remove: bool,
    #[serde(rename = "x-huntress-unless")]
    unless: Option<String>,
}

/// The file of an action and its place in it.
pub type ActionId = (String, usize);

/// What became of the actions.
#[derive(Debug, Default)]
pub struct Applied {
    /// The pointers each action matched.
    pub located: BTreeMap<ActionId, Vec<String>>,
    /// What no longer fits.
    pub stale: Vec<Stale>,
    /// What the document has by itself now.
    pub unneeded: Vec<Unneeded>,
}

/// An action that was not applied, because the document has what it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unneeded {
    /// The action.
    pub action: ActionId,
    /// Its JSONPath.
    pub target: String,
    /// Where the document has it, in the converted vendor document.
    pub pointer: String,
}

impl fmt::Display for Unneeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            action: (file, _),
            target,
            pointer,
        } = self;
        write!(
            f,
            "overlay {file}, target {target}: no longer needed, the document has {pointer}; remove the action"
        )
    }
}

/// An action, or a part of one, that is written for what does not exist.
#[derive(Clone, Debug)]
pub struct Stale {
    /// The action.
    pub action: ActionId,
    /// The document it is written for.
    pub stage: Stage,
    /// Its JSONPath.
    pub target: String,
    /// What it is written for that does not exist; `None` where it matches nothing.
    pub missing: Option<String>,
}

impl fmt::Display for Stale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "overlay {}, target {}: ", self.action.0, self.target)?;
        match &self.missing {
            None => f.write_str("matches nothing; remove the action or correct its target"),
            Some(pointer) => write!(
                f,
                "{pointer} does not exist; the overlay has something for it"
            ),
        }
    }
}

impl Overlay {
    /// Parses one overlay; `file` is named in every error about it.
    pub fn parse(file: &str, yaml: &str) -> Result<Self> {
        let mut overlay: Self = serde_yaml_ng::from_str(yaml)
            .with_context(|| format!("overlay {file} cannot be read"))?;
        file.clone_into(&mut overlay.file);
        if !overlay.overlay.starts_with("1.0.") {
            bail!("overlay {file} is of version {}, not 1.0", overlay.overlay);
        }
        for action in &overlay.actions {
            if action.description.trim().is_empty() {
                bail!(
                    "overlay {file}: the action for {} gives no reason in its `description`",
                    action.target
                );
            }
        }
        Ok(overlay)
    }

    fn apply(&self, document: &mut Value, applied: &mut Applied) -> Result<()> {
        for (index, action) in self.actions.iter().enumerate() {
            let about = || format!("overlay {}, target {}", self.file, action.target);
            let id = (self.file.clone(), index);
            let unless = action.unless.as_deref();
            let there = unless.map_or(Ok(Vec::new()), |unless| locate(unless, document));
            if let Some(pointer) = there.with_context(about)?.pop() {
                applied.unneeded.push(Unneeded {
                    action: id,
                    target: action.target.clone(),
                    pointer,
                });
                continue;
            }
            let (located, missing) = action.apply(self.stage, document).with_context(about)?;
            let stale = |missing| Stale {
                action: id.clone(),
                stage: self.stage,
                target: action.target.clone(),
                missing,
            };
            if located.is_empty() {
                applied.stale.push(stale(None));
            }
            let missing = missing.into_iter().map(|pointer| stale(Some(pointer)));
            applied.stale.extend(missing);
            applied.located.insert(id.clone(), located);
        }
        Ok(())
    }
}

/// Reads the overlays of a `spec` folder.
pub fn read(spec: &SpecFolder) -> Result<Vec<Overlay>> {
    let texts = spec.overlays()?;
    let overlays = texts.iter().map(|(name, text)| Overlay::parse(name, text));
    overlays.collect()
}

/// Applies the overlays of one stage.
pub fn apply(
    overlays: &[Overlay],
    stage: Stage,
    document: &mut Value,
    applied: &mut Applied,
) -> Result<()> {
    overlays
        .iter()
        .filter(|overlay| overlay.stage == stage)
        .try_for_each(|overlay| overlay.apply(document, applied))
}

impl Action {
    /// Where it matched, and for what it has words that does not exist.
    fn apply(&self, stage: Stage, document: &mut Value) -> Result<(Vec<String>, Vec<String>)> {
        let pointers = locate(&self.target, document)?;
        let mut missing = Vec::new();
        match (&self.update, self.remove) {
            (Some(update), false) => {
                for pointer in &pointers {
                    let node = document.pointer_mut(pointer).context("located")?;
                    let mut update = update.clone();
                    match stage {
                        Stage::Corrections => {}
                        Stage::Names => only_existing(node, &mut update, pointer, &mut missing),
                        Stage::Docs => only_words(node, &mut update, pointer, &mut missing)?,
                    }
                    merge(node, &update);
                }
            }
            // The last first, so that list positions stay true.
            (None, true) => {
                for pointer in pointers.iter().rev() {
                    remove(document, pointer);
                }
            }
            _ => bail!("needs either `update` or `remove: true`"),
        }
        Ok((pointers, missing))
    }
}

/// The pointers that a JSONPath matches.
fn locate(path: &str, document: &Value) -> Result<Vec<String>> {
    let path = JsonPath::parse(path).with_context(|| format!("{path} is not a JSONPath"))?;
    let nodes = path.query_located(document);
    Ok(nodes
        .iter()
        .map(|node| node.location().to_json_pointer())
        .collect())
}

/// Objects merge recursively, lists are appended to, anything else is replaced.
fn merge(node: &mut Value, update: &Value) {
    match (node, update) {
        (Value::Object(node), Value::Object(update)) => {
            for (key, value) in update {
                match node.get_mut(key) {
                    Some(existing) => merge(existing, value),
                    None => {
                        node.insert(key.clone(), value.clone());
                    }
                }
            }
        }
        (Value::Array(node), Value::Array(update)) => node.extend(update.iter().cloned()),
        (Value::Array(node), update) => node.push(update.clone()),
        (node, update) => *node = update.clone(),
    }
}

/// Takes out of `update` what is written for a property that does not exist.
fn only_existing(node: &Value, update: &mut Value, pointer: &str, missing: &mut Vec<String>) {
    let Value::Object(update) = update else {
        return;
    };
    let names = pointer.ends_with("/properties");
    update.retain(|key, value| {
        let inner = format!("{pointer}/{}", json::escape(key));
        match node.get(key) {
            Some(existing) => only_existing(existing, value, &inner, missing),
            None if names => {
                missing.push(inner);
                return false;
            }
            None => {}
        }
        true
    });
}

/// Takes out of `update` what is written for something that does not exist.
fn only_words(
    node: &Value,
    update: &mut Value,
    pointer: &str,
    missing: &mut Vec<String>,
) -> Result<()> {
    let Value::Object(update) = update else {
        bail!("{pointer}: an overlay of the finished document adds words, nothing else");
    };
    let mut kept = serde_json::Map::new();
    for (key, mut value) in std::mem::take(update) {
        let inner = format!("{pointer}/{}", json::escape(&key));
        if key == VALUE_DOCS {
            only_values(&node["enum"], &mut value, &inner, missing)?;
        } else if !(WORDS.contains(&key.as_str()) && value.is_string()) {
            match node.get(&key) {
                Some(existing) => only_words(existing, &mut value, &inner, missing)?,
                None => {
                    missing.push(inner);
                    continue;
                }
            }
        }
        kept.insert(key, value);
    }
    *update = kept;
    Ok(())
}

/// The same of the meanings of values: takes out those of values that the enum does not have.
fn only_values(
    values: &Value,
    update: &mut Value,
    pointer: &str,
    missing: &mut Vec<String>,
) -> Result<()> {
    let docs = update.as_object_mut();
    let Some(docs) = docs.filter(|docs| docs.values().all(Value::is_string)) else {
        bail!("{pointer}: the meanings of values are texts");
    };
    let known = |value: &str| {
        values
            .as_array()
            .is_some_and(|all| all.iter().any(|v| v == value))
    };
    docs.retain(|value, _| {
        let known = known(value);
        if !known {
            missing.push(format!("{pointer}/{}", json::escape(value)));
        }
        known
    });
    Ok(())
}

fn remove(document: &mut Value, pointer: &str) {
    let Some((parent, key)) = pointer.rsplit_once('/') else {
        return;
    };
    match document.pointer_mut(parent) {
        Some(Value::Object(map)) => {
            map.shift_remove(&json::unescape(key));
        }
        Some(Value::Array(list)) => {
            if let Ok(index) = key.parse::<usize>() {
                list.remove(index);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn overlay(stage: &str, actions: &str) -> Overlay {
        let yaml = format!(
            "overlay: 1.0.0\ninfo: {{title: t, version: 1.0.0}}\nx-huntress-stage: {stage}\nactions:\n{actions}"
        );
        Overlay::parse("test.yaml", &yaml).unwrap()
    }

    #[track_caller]
    fn applied(mut document: Value, overlay: &Overlay) -> (Value, Vec<String>) {
        let mut applied = Applied::default();
        overlay.apply(&mut document, &mut applied).unwrap();
        let stale = applied.stale.iter().map(Stale::to_string).collect();
        (document, stale)
    }

    #[test]
    fn update_merges_into_every_match_and_remove_takes_every_match() {
        let document = json!({"a": [{"n": 1, "k": {"x": 1}}, {"n": 2}, {"n": 1}]});
        let both = overlay(
            "corrections",
            "  - {target: '$.a[?@.n == 1]', description: why, update: {k: {y: 2}}}\n  - {target: '$.a[?@.n == 2]', description: why, remove: true}\n",
        );
        let expected = json!({"a": [{"n": 1, "k": {"x": 1, "y": 2}}, {"n": 1, "k": {"y": 2}}]});
        assert_eq!(applied(document, &both), (expected, Vec::new()));
    }

    #[test]
    fn an_action_that_matches_nothing_is_stale() {
        let stale = overlay(
            "corrections",
            "  - {target: '$.gone', description: why, remove: true}\n",
        );
        let (_, stale) = applied(json!({}), &stale);
        assert_eq!(
            stale,
            [
                "overlay test.yaml, target $.gone: matches nothing; remove the action or correct its target"
            ]
        );
    }

    #[test]
    fn an_action_gives_way_to_a_document_that_has_what_it_is_for() {
        let overlay = overlay(
            "corrections",
            "  - {target: $.a, description: why, x-huntress-unless: $.a.b, update: {b: 1}}\n",
        );
        let (document, stale) = applied(json!({"a": {}}), &overlay);
        assert_eq!((document, stale.len()), (json!({"a": {"b": 1}}), 0));
        let mut document = json!({"a": {"b": 2}});
        let mut applied = Applied::default();
        overlay.apply(&mut document, &mut applied).unwrap();
        assert_eq!(document, json!({"a": {"b": 2}}));
        assert!(applied.stale.is_empty());
        assert_eq!(
            applied.unneeded[0].to_string(),
            "overlay test.yaml, target $.a: no longer needed, the document has /a/b; remove the \
             action"
        );
    }

    #[test]
    fn an_action_without_a_reason_is_refused() {
        let yaml = "overlay: 1.0.0\ninfo: {}\nx-huntress-stage: docs\nactions:\n  - {target: $.a, remove: true}\n";
        let error = Overlay::parse("x.yaml", yaml).unwrap_err();
        assert_eq!(
            error.to_string(),
            "overlay x.yaml: the action for $.a gives no reason in its `description`"
        );
    }

    #[test]
    fn names_for_properties_that_do_not_exist_are_stale_and_the_others_are_applied() {
        let stale = overlay(
            "names",
            "  - {target: $.A, description: why, update: {x: 1, properties: {gone: {n: 1}, id: {n: 2}}}}\n",
        );
        let (document, stale) = applied(json!({"A": {"properties": {"id": {}}}}), &stale);
        assert_eq!(
            stale,
            [
                "overlay test.yaml, target $.A: /A/properties/gone does not exist; the overlay has something for it"
            ]
        );
        assert_eq!(
            document,
            json!({"A": {"x": 1, "properties": {"id": {"n": 2}}}})
        );
    }

    #[test]
    fn words_for_what_does_not_exist_are_stale_and_the_others_are_applied() {
        let stale = overlay(
            "docs",
            "  - {target: $.A, description: why, update: {properties: {gone: {description: text}, id: {description: An id.}}}}\n",
        );
        let (document, stale) = applied(json!({"A": {"properties": {"id": {}}}}), &stale);
        assert_eq!(
            stale,
            [
                "overlay test.yaml, target $.A: /A/properties/gone does not exist; the overlay has something for it"
            ]
        );
        assert_eq!(
            document,
            json!({"A": {"properties": {"id": {"description": "An id."}}}})
        );
    }

    #[test]
    fn a_value_that_is_gone_makes_its_meaning_stale() {
        let overlay = overlay(
            "docs",
            "  - {target: $.A, description: why, update: {x-huntress-value-docs: {a: An a., b/c: Gone.}}}\n",
        );
        let (document, stale) = applied(json!({"A": {"enum": ["a", "z"]}}), &overlay);
        assert_eq!(
            stale,
            [
                "overlay test.yaml, target $.A: /A/x-huntress-value-docs/b~1c does not exist; the overlay has something for it"
            ]
        );
        let docs = json!({"enum": ["a", "z"], "x-huntress-value-docs": {"a": "An a."}});
        assert_eq!(document, json!({"A": docs}));
    }
}
