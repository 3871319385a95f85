//! `cargo xtask drift`: what has changed in the vendor's document, and what it means.
//!
//! 1. `load` — the two sides, the vendor's and ours
//! 2. `wire` — what changed between the contracts, by the table of `rules`
//! 3. `sdk` — what that does to the crate: what changed in what the pipeline makes of the
//!    two, which change it comes from, and what a maintainer must repair
//! 4. `judge` — the two put together; `ignore` takes out what is known
//! 5. `report` — as text, JSON, Markdown or annotations
//!
//! `change` is what they hand on. `xtask/README.md` is for its users.

mod change;
pub mod ignore;
pub mod judge;
mod limits;
mod load;
mod markdown;
pub mod report;
pub mod rules;
mod sdk;
mod wire;

pub use change::{Change, Sdk};

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use jiff::civil::Date;
use serde_json::Value;

use crate::contract;
use crate::generate::Contracts;
use crate::generate::overlay::{self, Overlay};
use crate::source::Source;
use crate::spec_folder::SpecFolder;
use judge::{Base, Made, Verdict};
use report::{Compared, Report, Summary};

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
    let webhooks_from = options.webhooks_from.as_ref();
    let new = load::new_side(&options.from, webhooks_from, options.timeout)?;
    for side in [&base, &new] {
        for loaded in std::iter::once(&side.api).chain(&side.webhooks) {
            limits::check(&loaded.contract, &side.name)?;
        }
    }
    let mut verdict = judged(&base, &new, &overlays)?;
    let mut prose = base.api.changed_prose(&new.api);
    let mut notes = std::mem::take(&mut verdict.notes);
    let compared_webhooks = base.webhooks.as_ref().zip(new.webhooks.as_ref());
    match compared_webhooks {
        Some((base, new)) => {
            prose = prose.zip(base.changed_prose(new)).map(|(a, b)| a + b);
        }
        None => notes.push("the webhooks were not compared".to_owned()),
    }
    let entries = entries.unwrap_or_default();
    let ignored = ignore::apply(entries, &mut verdict.changes, options.today);
    notes.extend(ignored.notes);
    let digest = |contract| format!("sha256:{}", contract::digest(contract, 64));
    Ok(Report {
        summary: Summary::of(&verdict.changes, prose),
        compared: Compared {
            base_digest: digest(&base.api.contract),
            base: base.name,
            new_digest: digest(&new.api.contract),
            new: new.name,
            webhooks: compared_webhooks.is_some(),
        },
        changes: verdict.changes,
        wants: verdict.wants,
        ignored: ignored.used,
        notes,
    })
}

/// Judges each contract that has changed at all. Where one of the sides has no webhooks, the
/// crate is compared with those of the base.
fn judged(base: &load::Side, new: &load::Side, overlays: &[Overlay]) -> Result<Verdict> {
    let webhooks = base.webhooks.as_ref().map(|webhooks| &webhooks.contract);
    let contracts = Contracts {
        api: &base.api.contract,
        webhooks: webhooks.unwrap_or(&Value::Null),
    };
    let new_webhooks = new.webhooks.as_ref().filter(|_| webhooks.is_some());
    let new = Contracts {
        api: &new.api.contract,
        webhooks: new_webhooks.map_or(contracts.webhooks, |webhooks| &webhooks.contract),
    };
    if new == contracts {
        return Ok(Verdict::default());
    }
    std::thread::scope(|scope| {
        let judge = scope.spawn(|| Base::new(contracts, overlays));
        let made = Made::of(new, overlays);
        let judge = judge.join().expect("the pipeline does not panic")?;
        Ok(judge.judge(new, made))
    })
}
