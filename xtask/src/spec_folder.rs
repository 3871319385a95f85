//! The folder `spec/`: the name of every file in it, and how each is read and written.
//!
//! | file | is | written by |
//! |---|---|---|
//! | `swagger_doc.json` | the contract of the REST API | `fetch` |
//! | `webhooks_doc.json` | the contract of the webhooks | `fetch` |
//! | `fetched.json` | what is known of the fetch beside them | `fetch` |
//! | `overlay/*.yaml` | our corrections, names and docs | hand |
//! | `openapi.json` | what is made of all of these | `fetch`, `generate` |
//!
//! The simulator is published alone, so it has copies of what it serves in `simulator/spec/`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::fetched::{Days, Fetched};
use crate::json;
use crate::visible::visible;

/// The contract of the REST API.
pub const API: &str = "swagger_doc.json";
/// The contract of the webhooks.
pub const WEBHOOKS: &str = "webhooks_doc.json";
/// What is known of the fetch beside the contracts.
pub const FETCHED: &str = "fetched.json";
const OPENAPI: &str = "openapi.json";
const OVERLAYS: &str = "overlay";

/// What the simulator has copies of.
const SERVED: [&str; 3] = [OPENAPI, API, WEBHOOKS];

/// A `spec` folder, of this workspace or of a test.
#[derive(Debug)]
pub struct SpecFolder(PathBuf);

impl SpecFolder {
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The root of the workspace that it is in.
    pub fn workspace(&self) -> Option<&Path> {
        self.0.parent()
    }

    /// The contract [`API`] or [`WEBHOOKS`].
    pub fn contract(&self, name: &str) -> Result<Value> {
        json::read(&self.0.join(name))
    }

    pub fn fetched(&self) -> Result<Fetched> {
        let text = read(&self.0.join(FETCHED))?;
        Fetched::parse(&text).with_context(|| format!("{FETCHED} cannot be read"))
    }

    /// The name and the text of each overlay, in the order of the names.
    pub fn overlays(&self) -> Result<Vec<(String, String)>> {
        let folder = self.0.join(OVERLAYS);
        let entries = std::fs::read_dir(&folder)
            .with_context(|| format!("cannot read {}", folder.display()))?;
        let mut files: Vec<PathBuf> = entries
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<_>>()?;
        files.retain(|path| {
            path.extension()
                .is_some_and(|extension| extension == "yaml")
        });
        files.sort();
        let named = files.iter().map(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            Ok((name.into_owned(), read(path)?))
        });
        named.collect()
    }

    /// Since when the two contracts are those of this folder; `None` where they are not.
    pub fn days_of(&self, api: &Value, webhooks: &Value) -> Option<Days> {
        let same = |name, new: &Value| self.contract(name).is_ok_and(|ours| ours == *new);
        let unchanged = same(API, api) && same(WEBHOOKS, webhooks);
        unchanged.then(|| Some(self.fetched().ok()?.days))?
    }

    /// Takes over two contracts, with what is known of their fetch.
    pub fn take_over(&self, api: Value, webhooks: Value, fetched: &Fetched) -> Result<()> {
        let write = |name, text: String| json::write_atomically(&self.0.join(name), &text);
        write(API, json::canonical_text(api))?;
        write(WEBHOOKS, json::canonical_text(webhooks))?;
        write(FETCHED, fetched.text())
    }

    /// Writes `openapi.json`, and the simulator's copies.
    pub fn write(&self, document: Value) -> Result<()> {
        json::write_atomically(&self.0.join(OPENAPI), &self.stamped(document)?)?;
        for (name, copy) in self.copies() {
            json::write_atomically(&copy, &read(&self.0.join(name))?)?;
        }
        Ok(())
    }

    /// Fails where [`write`](Self::write) would change something, and shows the difference.
    pub fn check(&self, document: Value) -> Result<()> {
        let (committed, generated) = (read(&self.0.join(OPENAPI))?, self.stamped(document)?);
        if committed != generated {
            let diff = similar::TextDiff::from_lines(committed.as_str(), generated.as_str());
            let (old, new) = (
                "spec/openapi.json (committed)",
                "spec/openapi.json (generated)",
            );
            for line in diff.unified_diff().header(old, new).to_string().lines() {
                println!("{}", visible(line));
            }
            bail!("spec/openapi.json is stale; run `cargo xtask generate` and commit it");
        }
        for (name, copy) in self.copies() {
            if read(&copy)? != read(&self.0.join(name))? {
                bail!("simulator/spec/{name} is stale; run `cargo xtask generate` and commit it");
            }
        }
        Ok(())
    }

    /// The text of `openapi.json`, which says of which contract it was made.
    fn stamped(&self, mut document: Value) -> Result<String> {
        self.fetched()?.stamp(&self.contract(API)?, &mut document);
        Ok(json::canonical_text(document))
    }

    /// What the simulator serves and its copies; none where the folder stands alone.
    fn copies(&self) -> impl Iterator<Item = (&'static str, PathBuf)> {
        let folder = self.workspace().map(|root| root.join("simulator/spec"));
        let folder = folder.filter(|folder| folder.is_dir());
        folder
            .into_iter()
            .flat_map(|folder| SERVED.map(|name| (name, folder.join(name))))
    }
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
