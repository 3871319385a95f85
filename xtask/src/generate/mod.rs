//! `cargo xtask generate`: contract and overlays to `spec/openapi.json`.
//!
//! The steps, in order; each is a file with its rule at the top:
//!
//! 1. [`convert`] — Swagger 2.0 to OpenAPI 3.0.3; [`media_types`] — JSON and no other;
//!    [`webhooks`] — the events of the other contract are added
//! 2. [`mirror`] — the operations under `/v1/accounts/{account_id}` are folded
//! 3. [`overlay`], stage `corrections`
//! 4. [`types`] — ill-typed schemas are repaired from the shapes of their examples
//! 5. [`security`] — the scheme that is named is the one that is declared; [`statuses`] —
//!    what any operation may answer
//! 6. [`overlay`], stage `names`
//! 7. [`names`], [`reserved`] — operations are named, and no parameter like an option of a call
//! 8. [`hoist`], [`ids`] — inline objects, enums and ids become components; [`clashes`] — of
//!    two names that are one in Rust, one is left out
//! 9. [`tolerant`] — responses become tolerant, requests stay strict; [`parts`] — what
//!    stands around a result is not a type; [`size`] — there is not too much
//! 10. [`overlay`], stage `docs`, then [`docs`] where a text is missing
//! 11. [`lint`]
//!
//! What they cannot decide is a [`Want`] or, where the document must not be written without
//! it, a [`Problem`].

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
pub mod problem;
pub mod reserved;
pub mod rust_names;
pub mod security;
pub mod size;
pub mod statuses;
pub mod tolerant;
pub mod types;
pub mod walk;
pub mod want;
pub mod webhooks;

use std::collections::BTreeMap;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;

use crate::spec_folder::{self, SpecFolder};
use crate::visible::{Several, visible};
use crate::{codegen, json, references};
use overlay::{Overlay, Stage};
pub use problem::Problem;
pub use want::Want;

/// The OpenAPI document and what it still wants.
#[derive(Debug)]
pub struct Generated {
    pub document: Value,
    pub wants: Vec<Want>,
    /// What a person must repair before the document may be written.
    pub problems: Vec<Problem>,
    /// Overlay actions that the vendor's document has made needless.
    pub unneeded: Vec<overlay::Unneeded>,
    /// Where the action with this place in its overlay matched.
    pub located: BTreeMap<overlay::ActionId, Vec<String>>,
}

/// The vendor's two contracts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Contracts<'a> {
    pub api: &'a Value,
    /// Null where there is none; then there are no events.
    pub webhooks: &'a Value,
}

impl<'a> Contracts<'a> {
    /// What is at a pointer, which only one of them has.
    pub fn pointer(self, at: &str) -> Option<&'a Value> {
        self.api.pointer(at).or_else(|| self.webhooks.pointer(at))
    }
}

/// Runs the verb: makes the document, then writes it or (with `check`) compares.
pub fn run(spec: &SpecFolder, check: bool) -> Result<()> {
    let contracts = Contracts {
        api: &spec.contract(spec_folder::API)?,
        webhooks: &spec.contract(spec_folder::WEBHOOKS)?,
    };
    let generated = openapi(contracts, &overlay::read(spec)?)?;
    if check {
        self::check(spec, generated)
    } else {
        write(spec, generated)
    }
}

/// The document of the contracts, of which code can be made; fails where a person must repair
/// something first.
pub fn openapi(contracts: Contracts, overlays: &[Overlay]) -> Result<Generated> {
    let generated = run_steps(contracts, overlays)?;
    match generated.problems.as_slice() {
        [] => {}
        [problem] => bail!("{problem}"),
        problems => {
            let heading = format!("{} things must be repaired first", problems.len());
            return Err(Several::new(heading, problems).into());
        }
    }
    prove(&generated.document).context("no code can be made of the generated document")?;
    Ok(generated)
}

/// Makes the code of a document, as `build.rs` will.
fn prove(document: &Value) -> Result<()> {
    let model = codegen::model::Model::read(document).map_err(|why| anyhow!(why))?;
    let code = codegen::code(document, &model).map_err(|why| anyhow!(why))?;
    code.render().map_err(|why| anyhow!(why))?;
    Ok(())
}

/// Takes all steps, in memory. What has a [`Problem`] is left out of the document.
pub fn run_steps(contracts: Contracts, overlays: &[Overlay]) -> Result<Generated> {
    references::check(contracts.api)?;
    let (mut wants, mut problems) = (Vec::new(), Vec::new());
    let mut applied = overlay::Applied::default();
    let mut document = convert::to_openapi(contracts.api)?;
    media_types::only_json(&mut document)?;
    mirror::fold(&mut document, &mut problems);
    webhooks::add(&mut document, contracts.webhooks)?;
    overlay::apply(overlays, Stage::Corrections, &mut document, &mut applied)?;
    types::repair(&mut document, &mut wants)?;
    security::repair(&mut document)?;
    statuses::complete(&mut document)?;
    overlay::apply(overlays, Stage::Names, &mut document, &mut applied)?;
    names::operations(&mut document)?;
    reserved::check(&mut document, &mut problems)?;
    hoist::hoist(&mut document, &mut wants, &mut problems)?;
    ids::assign(&mut document, &mut wants)?;
    clashes::types(&mut document, &mut problems)?;
    clashes::leave_out(&mut document, &mut problems)?;
    tolerant::relax(&mut document)?;
    tolerant::prune(&mut document);
    parts::mark(&mut document)?;
    size::check(&mut document)?;
    overlay::apply(overlays, Stage::Docs, &mut document, &mut applied)?;
    docs::fill(&mut document, &mut wants)?;
    lint::check(&mut document)?;
    problems.extend(applied.stale.into_iter().map(Problem::Overlay));
    Ok(Generated {
        document: json::canonical(document),
        wants,
        problems,
        unneeded: applied.unneeded,
        located: applied.located,
    })
}

/// Writes the document, and shows what it wants.
pub fn write(spec: &SpecFolder, generated: Generated) -> Result<()> {
    spec.write(generated.document)?;
    for want in &generated.wants {
        eprintln!("warning: {}", visible(&want.to_string()));
    }
    note(&generated.unneeded);
    println!("wrote openapi.json ({} warnings)", generated.wants.len());
    Ok(())
}

/// Fails where the document has not been written yet, or still wants something.
fn check(spec: &SpecFolder, generated: Generated) -> Result<()> {
    spec.check(generated.document)?;
    note(&generated.unneeded);
    if !generated.wants.is_empty() {
        let heading = "spec/openapi.json is up to date, but still wants";
        return Err(Several::new(heading, generated.wants).into());
    }
    println!("spec/openapi.json is up to date");
    Ok(())
}

fn note(unneeded: &[overlay::Unneeded]) {
    for unneeded in unneeded {
        eprintln!("note: {}", visible(&unneeded.to_string()));
    }
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
        let spec = SpecFolder::new(crate::SPEC_DIR);
        let overlays = overlay::read(&spec).unwrap();
        let enums = |contract: &Value| -> BTreeMap<String, Vec<Value>> {
            let webhooks = &spec.contract(spec_folder::WEBHOOKS).unwrap();
            let api = contract;
            let generated = run_steps(Contracts { api, webhooks }, &overlays).unwrap();
            assert!(generated.problems.is_empty(), "{:?}", generated.problems);
            let schemas = generated.document["components"]["schemas"].clone();
            let schemas = schemas.as_object().unwrap().clone();
            let values = schemas.into_iter().filter_map(|(name, schema)| {
                let values = schema["enum"].as_array()?.clone();
                Some((name, values))
            });
            values.collect()
        };
        let mut contract = spec.contract(spec_folder::API).unwrap();
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
