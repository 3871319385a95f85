//! Changes that are known and are not to be heard of again.
//!
//! ```yaml
//! - id: response-property-removed
//!   pointer: /definitions/Agent/properties/os
//!   reason: the vendor said that it comes back
//!   expires: 2027-01-31   # optional; from then on the entry counts no more
//! ```

use std::path::Path;

use anyhow::{Context, Result, bail};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::change::Change;
use super::rules;

/// One entry.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    id: String,
    pointer: String,
    reason: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<Date>,
}

/// Reads the file; every mistake in it is an error, for an entry that is not understood
/// would hide nothing.
pub fn read(path: &Path) -> Result<Vec<Entry>> {
    let name = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
    let entries: Vec<Entry> = serde_yaml_ng::from_str(&text)
        .with_context(|| format!("{name} is not a list of entries to ignore"))?;
    for entry in &entries {
        if rules::find(&entry.id).is_none() {
            bail!("{name}: there is no rule {}", entry.id);
        }
        if entry.reason.trim().is_empty() {
            bail!(
                "{name}: the entry for {} {} gives no reason",
                entry.id,
                entry.pointer
            );
        }
    }
    Ok(entries)
}

/// What became of the entries.
#[derive(Debug, Default)]
pub struct Ignored {
    /// The ones that hid a change.
    pub used: Vec<Entry>,
    /// What a maintainer should know of the others.
    pub notes: Vec<String>,
}

/// Takes out of `changes` what the entries name.
pub fn apply(entries: Vec<Entry>, changes: &mut Vec<Change>, today: Date) -> Ignored {
    let mut ignored = Ignored::default();
    for entry in entries {
        let Entry {
            id,
            pointer,
            expires,
            ..
        } = &entry;
        if let Some(date) = expires.filter(|date| *date <= today) {
            ignored.notes.push(format!(
                "the entry to ignore {id} {pointer} has expired on {date}"
            ));
            continue;
        }
        let before = changes.len();
        changes.retain(|change| change.rule.id != *id || change.pointer != *pointer);
        if changes.len() < before {
            ignored.used.push(entry);
        } else {
            let note = format!("the entry to ignore {id} {pointer} matches nothing");
            ignored.notes.push(note);
        }
    }
    ignored
}

impl std::fmt::Display for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            id,
            pointer,
            reason,
            expires,
        } = self;
        write!(f, "{id} {pointer}: {reason}")?;
        match expires {
            Some(date) => write!(f, " (until {date})"),
            None => Ok(()),
        }
    }
}
