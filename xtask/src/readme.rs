//! The table of drift's rules in `xtask/README.md`, made of the rules themselves.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::drift::rules;
use crate::json;
use crate::spec_folder::SpecFolder;

const MARKS: [&str; 2] = ["<!-- rules -->\n", "<!-- end of the rules -->\n"];

/// Writes the table or, with `check`, fails where it is stale.
pub fn run(spec: &SpecFolder, check: bool) -> Result<()> {
    let Some((path, text)) = read(spec)? else {
        return Ok(());
    };
    let [start, end] = MARKS;
    let parts = text.split_once(start).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(end)?;
        Some((before, after))
    });
    let (before, after) = parts.context("xtask/README.md has no place for the rules")?;
    let with_table = format!("{before}{start}{}{end}{after}", rules::table());
    if !check {
        return json::write_atomically(&path, &with_table);
    }
    if text != with_table {
        bail!("the rules in xtask/README.md are stale; run `cargo xtask generate` and commit it");
    }
    Ok(())
}

/// The file and its text; `None` where the `spec` folder stands alone.
fn read(spec: &SpecFolder) -> Result<Option<(PathBuf, String)>> {
    let path = spec.workspace().map(|root| root.join("xtask/README.md"));
    let Some(path) = path.filter(|path| path.is_file()) else {
        return Ok(None);
    };
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    Ok(Some((path, text)))
}
