//! The two sides of a comparison, from wherever they are.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::fetch::{self, Reduced};
use crate::fetched::Fetched;
use crate::source::Source;
use crate::spec_folder::{API, FETCHED, WEBHOOKS};
use crate::{contract, json};

/// One side: the documents and, where it is known, the digests of their words.
#[derive(Debug)]
pub struct Side {
    /// Where it is from, for the report.
    pub name: String,
    pub api: Loaded,
    pub webhooks: Option<Loaded>,
}

/// One document.
#[derive(Debug)]
pub struct Loaded {
    pub contract: Value,
    pub prose: Option<BTreeMap<String, String>>,
}

impl Loaded {
    /// A document with words has its own digests; a contract has them beside it, or not.
    fn new(document: Reduced, beside: Option<BTreeMap<String, String>>) -> Self {
        Self {
            contract: document.contract,
            prose: if document.prose.is_empty() {
                beside
            } else {
                Some(document.prose)
            },
        }
    }

    /// How many texts differ of things that are in both documents; `None` where the words
    /// of one of them are not known.
    pub fn changed_prose(&self, new: &Self) -> Option<usize> {
        let (base_prose, new_prose) = (self.prose.as_ref()?, new.prose.as_ref()?);
        let owners: BTreeSet<String> = places(&self.contract)
            .intersection(&places(&new.contract))
            .cloned()
            .collect();
        let keys: BTreeSet<&String> = base_prose.keys().chain(new_prose.keys()).collect();
        let changed = keys.into_iter().filter(|key| {
            let owner = key.rsplit_once('/').map_or("", |(owner, _)| owner);
            base_prose.get(*key) != new_prose.get(*key)
                && (owner.is_empty() || owners.contains(owner))
        });
        Some(changed.count())
    }
}

/// The place of every object of a document, as [`contract::prose`] writes places.
fn places(document: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    collect_places(document, "", &mut found);
    found
}

fn collect_places(node: &Value, at: &str, found: &mut BTreeSet<String>) {
    match node {
        Value::Object(map) => {
            found.insert(at.to_owned());
            for (key, value) in map {
                collect_places(value, &format!("{at}/{}", json::escape(key)), found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let name = json::escape(&contract::identity(item, index));
                collect_places(item, &format!("{at}/{name}"), found);
            }
        }
        _ => {}
    }
}

/// The vendor's side, as it is now.
pub fn new_side(api: &Source, webhooks: Option<&Source>, timeout: Duration) -> Result<Side> {
    let read = |source: &Source, name: &str, check| -> Result<Loaded> {
        let document = Reduced::read(source, timeout, check)?;
        let beside = match source {
            Source::Path(path) => beside(path, name)?,
            Source::Url(_) => None,
        };
        Ok(Loaded::new(document, beside))
    };
    Ok(Side {
        name: api.to_string(),
        api: read(api, API, fetch::check_swagger)?,
        webhooks: webhooks
            .map(|from| read(from, WEBHOOKS, fetch::check_webhooks))
            .transpose()?,
    })
}

/// Ours: a `spec` folder, a file, or a revision of git that has a `spec` folder.
pub fn base_side(spec: &Path, base: Option<&str>) -> Result<Side> {
    let Some(base) = base else {
        return folder(spec, "the committed contract".to_owned());
    };
    let path = PathBuf::from(base);
    if path.is_dir() {
        return folder(&path, base.to_owned());
    }
    if path.is_file() {
        let document = Reduced::read(
            &Source::Path(path.clone()),
            Duration::MAX,
            fetch::check_swagger,
        )?;
        let mut side = folder(spec, base.to_owned())?;
        side.api = Loaded::new(document, beside(&path, API)?);
        return Ok(side);
    }
    revision(spec, base)
}

fn folder(spec: &Path, name: String) -> Result<Side> {
    let read = |file: &str, check| -> Result<Loaded> {
        let path = spec.join(file);
        let document = Reduced::read(&Source::Path(path.clone()), Duration::MAX, check)?;
        Ok(Loaded::new(document, beside(&path, file)?))
    };
    Ok(Side {
        name,
        api: read(API, fetch::check_swagger)?,
        webhooks: Some(read(WEBHOOKS, fetch::check_webhooks)?),
    })
}

/// The digests of the words of a contract that stands, under its name, in a `spec` folder.
fn beside(contract: &Path, name: &str) -> Result<Option<BTreeMap<String, String>>> {
    let path = contract.with_file_name(FETCHED);
    if contract.file_name() != Some(name.as_ref()) || !path.is_file() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    let fetched = Fetched::parse(&text);
    let mut fetched = fetched.with_context(|| format!("{} cannot be read", path.display()))?;
    Ok(fetched.prose.remove(name))
}

fn revision(spec: &Path, revision: &str) -> Result<Side> {
    let git = |arguments: &[&str]| -> Result<Option<String>> {
        let output = Command::new("git")
            .arg("-C")
            .arg(spec)
            .args(arguments)
            .output()
            .context("cannot run git")?;
        Ok(output
            .status
            .success()
            .then(|| String::from_utf8_lossy(&output.stdout).into_owned()))
    };
    let commit = format!("{revision}^{{commit}}");
    if git(&[
        "rev-parse",
        "--verify",
        "--quiet",
        "--end-of-options",
        &commit,
    ])?
    .is_none()
    {
        bail!("--base {revision}: there is no such file, folder or git revision");
    }
    let show = |file: &str| git(&["show", &format!("{revision}:./{file}")]);
    let mut prose = match show(FETCHED)? {
        Some(text) => {
            let fetched = Fetched::parse(&text);
            let about = || format!("{FETCHED} of {revision} cannot be read");
            fetched.with_context(about)?.prose
        }
        None => BTreeMap::new(),
    };
    let mut read = |file: &str, check| -> Result<Option<Loaded>> {
        let Some(text) = show(file)? else {
            return Ok(None);
        };
        let document = Reduced::parse(&text, &format!("{file} of {revision}"), check)?;
        Ok(Some(Loaded::new(document, prose.remove(file))))
    };
    let Some(api) = read(API, fetch::check_swagger)? else {
        bail!("--base {revision}: that revision has no {API}");
    };
    Ok(Side {
        name: revision.to_owned(),
        api,
        webhooks: read(WEBHOOKS, fetch::check_webhooks)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn loaded(document: Value) -> Loaded {
        Loaded {
            prose: Some(contract::prose(&document)),
            contract: contract::reduce(document),
        }
    }

    #[test]
    fn only_texts_of_what_is_in_both_count() {
        let document = |text: &str| {
            json!({"info": {"description": text}, "paths": {"/a": {"get": {"parameters": [
                {"in": "query", "name": "a", "description": text},
                {"in": "query", "name": "b", "description": "words"}]}}}})
        };
        let old = loaded(document("words"));
        assert_eq!(old.changed_prose(&loaded(document("words"))), Some(0));
        assert_eq!(old.changed_prose(&loaded(document("others"))), Some(2));
        let mut more = document("words");
        let parameters = more["paths"]["/a"]["get"]["parameters"]
            .as_array_mut()
            .unwrap();
        parameters.insert(
            0,
            json!({"in": "query", "name": "new", "description": "new words"}),
        );
        more["paths"]["/a"]["get"]["summary"] = json!("words for what had none");
        assert_eq!(old.changed_prose(&loaded(more)), Some(1));
        let unknown = Loaded {
            prose: None,
            contract: json!({}),
        };
        assert_eq!(old.changed_prose(&unknown), None);
    }
}
