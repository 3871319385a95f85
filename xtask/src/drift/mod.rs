//! `cargo xtask drift`: what has changed in the vendor's document, and what it means.
//!
//! 1. `load` — the two sides, the vendor's and ours
//! 2. `compare` — what changed between the contracts, by `rules`: `operations` with their
//!    `parameters`, `responses` and `mirrors`, `webhooks`, and any `schema` with its
//!    `types`; `rename` and `same` find what only has another name
//! 3. `surface` — what changed in what the pipeline makes of them; `trace` — which place
//!    of a contract became which part of it
//! 4. `judge` — the two put together by `findings` and `repairs`; `ignore` takes out
//!    what is known
//! 5. `report` — as text, JSON, Markdown or annotations
//!
//! `xtask/README.md` is for its users.

mod compare;
mod findings;
pub mod ignore;
pub mod judge;
mod load;
mod mirrors;
mod operations;
mod parameters;
mod rename;
mod repairs;
pub mod report;
mod responses;
pub mod rules;
mod same;
mod schema;
mod spec;
mod surface;
mod trace;
mod types;
mod webhooks;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use jiff::civil::Date;

use crate::contract;
use crate::generate::overlay;
use crate::source::Source;
use crate::spec_folder::SpecFolder;
use judge::{Base, Made, Verdict};
use report::{Compared, Report, Summary};
use rules::Level;

/// What to compare.
#[derive(Debug)]
pub struct Options {
    /// The `spec` folder with our contract and overlays.
    pub spec: PathBuf,
    /// The vendor's API document.
    pub from: Source,
    /// The vendor's webhooks document, where it is to be compared.
    pub webhooks_from: Option<Source>,
    /// What to compare with instead of the contract in `spec`.
    pub base: Option<String>,
    /// Changes that are known.
    pub ignore: Option<PathBuf>,
    /// For each document.
    pub timeout: Duration,
    /// By which entries to ignore expire.
    pub today: Date,
}

/// Compares and judges; an error means that the comparison could not be made.
pub fn run(options: &Options) -> Result<Report> {
    let entries = options.ignore.as_deref().map(ignore::read).transpose()?;
    let base = load::base_side(&options.spec, options.base.as_deref())?;
    let overlays = overlay::read(&SpecFolder::new(&options.spec))?;
    let new = load::new_side(
        &options.from,
        options.webhooks_from.as_ref(),
        options.timeout,
    )?;
    let (ours, theirs) = (&base.api.contract, &new.api.contract);
    let mut verdict = match ours == theirs {
        true => Verdict::default(),
        false => std::thread::scope(|scope| {
            let base = scope.spawn(|| Base::new(ours, &overlays));
            let made = Made::of(theirs, &overlays);
            let base = base.join().expect("the pipeline does not panic")?;
            anyhow::Ok(base.judge(theirs, made))
        })?,
    };
    let mut prose = base.api.changed_prose(&new.api);
    let mut notes = Vec::new();
    match (&base.webhooks, &new.webhooks) {
        (Some(old), Some(new)) => {
            verdict
                .changes
                .extend(judge::webhooks(&old.contract, &new.contract));
            prose = prose.zip(old.changed_prose(new)).map(|(a, b)| a + b);
        }
        _ => notes.push("the webhooks were not compared".to_owned()),
    }
    let ignored = ignore::apply(
        entries.unwrap_or_default(),
        &mut verdict.changes,
        options.today,
    );
    notes.extend(ignored.notes);
    let count = |level| Report::count(&verdict.changes, level);
    let digest = |contract| format!("sha256:{}", contract::digest(contract, 64));
    Ok(Report {
        summary: Summary {
            breaking: count(Level::Breaking),
            warning: count(Level::Warning),
            info: count(Level::Info),
            prose,
        },
        compared: Compared {
            base: base.name,
            base_digest: digest(&base.api.contract),
            new: new.name,
            new_digest: digest(&new.api.contract),
            webhooks: base.webhooks.is_some() && new.webhooks.is_some(),
        },
        changes: verdict.changes,
        wants: verdict.wants,
        ignored: ignored.used,
        notes,
    })
}
