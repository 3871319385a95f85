//! `cargo xtask generate`: contract and overlays to `spec/openapi.json`.
//!
//! What is made of the same sources is written beside it: the simulator's copies.
//!
//! The steps, in order; each is a file with its rule at the top:
//!
//! 1. [`convert`] — Swagger 2.0 to OpenAPI 3.0.3; [`media_types`] — JSON and no other
//! 2. [`mirror`] — the operations under `/v1/accounts/{account_id}` are folded
//! 3. [`overlay`], stage `corrections`
//! 4. [`types`] — ill-typed schemas are repaired from the shapes of their examples
//! 5. [`security`] — the scheme that is named is the one that is declared; [`statuses`] —
//!    what any operation may answer
//! 6. [`overlay`], stage `names`
//! 7. [`names`], [`reserved`]: operations are named, no parameter like an option of a call
//! 8. [`hoist`], [`roles`], [`ids`]: inline objects, enums and ids become components;
//!    [`clashes`] — of two names that are one in Rust, one is left out
//! 9. [`tolerant`] — responses become tolerant, requests stay strict; [`parts`] — what
//!    stands around a result is no type
//! 10. [`overlay`], stage `docs`, then [`docs`] where a text is missing
//! 11. [`lint`]

pub mod clashes;
pub mod convert;
pub mod docs;
pub mod hoist;
pub mod ids;
pub mod lint;
pub mod media_types;
pub mod mirror;
pub mod names;
pub mod overlay;
pub mod parts;
pub mod reserved;
pub mod roles;
pub mod security;
pub mod statuses;
pub mod tolerant;
pub mod types;
pub mod walk;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::fetched::{self, Fetched};
use crate::{fetch, json};
use overlay::{Overlay, Stage};

/// What a person should write, one sentence each.
pub type Warnings = Vec<String>;

/// The OpenAPI document and what it still wants.
#[derive(Debug)]
pub struct Generated {
    /// The document.
    pub document: Value,
    /// Names and sentences that were made up by rule.
    pub warnings: Warnings,
    /// What a person must repair before the document may be written.
    pub problems: Vec<Problem>,
    /// Overlay actions that the vendor's document has made needless.
    pub unneeded: Vec<overlay::Unneeded>,
    /// Where the action with this place in its overlay matched.
    pub located: BTreeMap<overlay::ActionId, Vec<String>>,
}

/// Why a document may not be written, although it can be made.
#[derive(Clone, Debug)]
pub enum Problem {
    /// A mirror that differs from what it mirrors; its path and method, and how.
    Mirror {
        /// The path of the mirror.
        path: String,
        /// In lower case.
        method: &'static str,
        /// What differs.
        difference: String,
    },
    /// An overlay action that is stale.
    Overlay(overlay::Stale),
    /// A name of an overlay's for something that cannot have it.
    Name {
        /// Where, in the document with its operations named and its types repaired.
        pointer: String,
        /// The name.
        name: String,
        /// Why it cannot.
        why: String,
    },
    /// A parameter with the name of something that every call has.
    Reserved {
        /// The operation.
        operation: String,
        /// What the parameter's setter would be called.
        parameter: String,
    },
    /// Two names that are one in Rust.
    Clash {
        /// The operation or component.
        owner: String,
        /// The name that is kept.
        stays: String,
        /// The name that is left out.
        left_out: String,
        /// What both are in Rust.
        rust: String,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mirror {
                path,
                method,
                difference,
            } => write!(
                f,
                "{} {path} is no longer an exact mirror of {}: {difference}",
                method.to_uppercase(),
                mirror::original(path)
            ),
            Self::Overlay(stale) => stale.fmt(f),
            Self::Name { pointer, name, why } => write!(
                f,
                "{pointer}: a `names` overlay calls it {name}, but {why}; correct the overlay"
            ),
            Self::Reserved {
                operation,
                parameter,
            } => write!(
                f,
                "{operation}: the parameter `{parameter}` has the name of something that every \
                 call has; give it an {} in a `names` overlay",
                names::NAME
            ),
            Self::Clash {
                owner,
                stays,
                left_out,
                rust,
            } => write!(
                f,
                "{owner}: {left_out:?} and {stays:?} are both `{rust}` in Rust; take one of them \
                 away in a `corrections` overlay"
            ),
        }
    }
}

impl Generated {
    /// The canonical text of `openapi.json`.
    pub fn text(&self) -> String {
        json::canonical_text(self.document.clone())
    }
}

/// Runs the verb: generates, then writes or (with `check`) compares.
pub fn run(spec: &Path, check: bool) -> Result<()> {
    let contract = json::read(&spec.join(fetch::API_FILE))?;
    let fetched = Fetched::parse(&read(&spec.join(fetched::FILE))?)?;
    let mut generated = generate(&contract, &overlay::read(spec)?)?;
    fetched.stamp(&contract, &mut generated.document);
    if check {
        compare(spec, &generated)
    } else {
        write(spec, &generated)
    }
}

/// The whole pipeline, in memory; fails where a person must repair something first.
pub fn generate(contract: &Value, overlays: &[Overlay]) -> Result<Generated> {
    let generated = attempt(contract, overlays)?;
    match generated.problems.as_slice() {
        [] => Ok(generated),
        [problem] => bail!("{}", json::visible(&problem.to_string())),
        problems => {
            let lines = problems
                .iter()
                .map(|problem| json::visible(&problem.to_string()));
            let lines: Vec<String> = lines.collect();
            bail!(
                "{} things must be repaired first:\n  {}",
                lines.len(),
                lines.join("\n  ")
            )
        }
    }
}

/// The same, but with what a person must repair left out of it and told.
pub fn attempt(contract: &Value, overlays: &[Overlay]) -> Result<Generated> {
    let mut warnings = Warnings::new();
    let mut document = convert::to_openapi(contract)?;
    media_types::only_json(&mut document)?;
    let mut problems = mirror::fold(&mut document);
    let mut applied = overlay::Applied::default();
    overlay::apply(overlays, Stage::Corrections, &mut document, &mut applied)?;
    types::repair(&mut document, &mut warnings)?;
    security::repair(&mut document)?;
    statuses::complete(&mut document)?;
    overlay::apply(overlays, Stage::Names, &mut document, &mut applied)?;
    names::operations(&mut document)?;
    reserved::check(&mut document, &mut problems)?;
    hoist::hoist(&mut document, &mut warnings)?;
    roles::enums(&mut document, &mut warnings, &mut problems)?;
    ids::assign(&mut document, &mut warnings)?;
    clashes::leave_out(&mut document, &mut problems)?;
    tolerant::relax(&mut document)?;
    tolerant::prune(&mut document);
    parts::mark(&mut document)?;
    overlay::apply(overlays, Stage::Docs, &mut document, &mut applied)?;
    docs::fill(&mut document, &mut warnings)?;
    lint::check(&mut document)?;
    problems.extend(applied.stale.into_iter().map(Problem::Overlay));
    Ok(Generated {
        document: json::canonical(document),
        warnings,
        problems,
        unneeded: applied.unneeded,
        located: applied.located,
    })
}

/// The documents that the simulator serves. It is published alone, so it has copies.
const SERVED: [&str; 3] = ["openapi.json", fetch::API_FILE, fetch::WEBHOOKS_FILE];

/// Where those copies are; `None` where the documents stand alone.
fn copies(spec: &Path) -> Option<PathBuf> {
    let copies = spec.parent()?.join("simulator").join("spec");
    copies.is_dir().then_some(copies)
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Writes `openapi.json` and shows the warnings.
pub fn write(spec: &Path, generated: &Generated) -> Result<()> {
    json::write_atomically(&spec.join("openapi.json"), &generated.text())?;
    if let Some(copies) = copies(spec) {
        for name in SERVED {
            json::write_atomically(&copies.join(name), &read(&spec.join(name))?)?;
        }
    }
    for warning in &generated.warnings {
        eprintln!("warning: {}", json::visible(warning));
    }
    for unneeded in &generated.unneeded {
        eprintln!("note: {unneeded}");
    }
    println!("wrote openapi.json ({} warnings)", generated.warnings.len());
    Ok(())
}

fn compare(spec: &Path, generated: &Generated) -> Result<()> {
    let (committed, text) = (read(&spec.join("openapi.json"))?, generated.text());
    if committed != text {
        let diff = similar::TextDiff::from_lines(committed.as_str(), text.as_str());
        println!(
            "{}",
            diff.unified_diff().header(
                "spec/openapi.json (committed)",
                "spec/openapi.json (generated)"
            )
        );
        bail!("spec/openapi.json is stale; run `cargo xtask generate` and commit it");
    }
    if let Some(copies) = copies(spec) {
        for name in SERVED {
            if read(&copies.join(name))? != read(&spec.join(name))? {
                bail!("simulator/spec/{name} is stale; run `cargo xtask generate` and commit it");
            }
        }
    }
    for unneeded in &generated.unneeded {
        eprintln!("note: {unneeded}");
    }
    if !generated.warnings.is_empty() {
        bail!(
            "spec/openapi.json is up to date, but still wants:\n  {}",
            generated.warnings.join("\n  ")
        );
    }
    println!("spec/openapi.json is up to date");
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;
    use crate::contract::identity;

    /// Gives every enum a value that no other place has, but for the place it mirrors.
    fn add_values(node: &mut Value, at: &str, added: &mut BTreeSet<String>) {
        match node {
            Value::Object(map) => {
                if let Some(Value::Array(values)) = map.get_mut("enum") {
                    let value = at.replace(mirror::PREFIX, "/v1/");
                    values.push(json!(value));
                    added.insert(value);
                }
                for (key, inner) in map {
                    add_values(inner, &format!("{at} {key}"), added);
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    let name = identity(item, index);
                    add_values(item, &format!("{at} {name}"), added);
                }
            }
            _ => {}
        }
    }

    #[test]
    fn a_new_value_at_any_place_is_a_new_value_of_an_enum_that_is_there() {
        let spec = Path::new(crate::SPEC_DIR);
        let overlays = overlay::read(spec).unwrap();
        let enums = |contract: &Value| -> BTreeMap<String, Vec<Value>> {
            let generated = attempt(contract, &overlays).unwrap();
            assert!(generated.problems.is_empty(), "{:?}", generated.problems);
            let schemas = generated.document["components"]["schemas"].clone();
            let schemas = schemas.as_object().unwrap().clone();
            let values = schemas.into_iter().filter_map(|(name, schema)| {
                let values = schema["enum"].as_array()?.clone();
                Some((name, values))
            });
            values.collect()
        };
        let mut contract = json::read(&spec.join(fetch::API_FILE)).unwrap();
        let before = enums(&contract);
        let mut added = BTreeSet::new();
        add_values(&mut contract, "", &mut added);
        let mut after = enums(&contract);
        for value in &added {
            let value = json!(value);
            let holders = after.iter().filter(|(_, values)| values.contains(&value));
            assert_eq!(holders.count(), 1, "{value}");
        }
        for values in after.values_mut() {
            values.retain(|value| !added.contains(value.as_str().unwrap()));
        }
        let sorted = |mut enums: BTreeMap<String, Vec<Value>>| {
            for values in enums.values_mut() {
                values.sort_by_key(Value::to_string);
            }
            enums
        };
        assert_eq!(sorted(after), sorted(before));
    }
}
