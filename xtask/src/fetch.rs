//! `cargo xtask fetch`: the vendor's documents, checked and reduced to their contract.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use jiff::civil::Date;
use serde_json::Value;

use crate::codegen::model::METHODS;
use crate::fetched::{Captured, Days, Fetched};
use crate::generate::Contracts;
use crate::source::Source;
use crate::spec_folder::{API, SpecFolder, WEBHOOKS};
use crate::{contract, generate, json};

/// Where the vendor serves its REST API document.
pub const API_DOCUMENT: &str = "https://api.huntress.io/swagger_doc.json";
/// Where the vendor serves its webhooks document.
pub const WEBHOOKS_DOCUMENT: &str = "https://api.huntress.io/v1/webhooks_doc.json";

/// The largest contract that is worked with, in bytes; the vendor's has about 110 KB.
const MOST_FACTS: usize = 2 << 20;

/// Fetches both documents, writes their contracts into `spec`, then generates.
///
/// Nothing is written unless all of it works, so a failure leaves the folder as it was. What
/// comes from a URL is captured on the day `today`; when a file was captured is not known
/// unless `captured` says so. `today` is the day on which a new contract is taken over; one
/// that has not changed keeps its days.
pub fn run(
    spec: &SpecFolder,
    api: &Source,
    webhooks: &Source,
    captured: Option<Captured>,
    today: Date,
    timeout: Duration,
) -> Result<()> {
    let captured = captured.or(match api {
        Source::Url(_) => Some(today.into()),
        Source::Path(_) => None,
    });
    let days = Days {
        captured,
        taken_over: today,
    };
    let api = Reduced::read(api, timeout, check_swagger)?;
    let webhooks = Reduced::read(webhooks, timeout, check_webhooks)?;
    let contracts = Contracts {
        api: &api.contract,
        webhooks: &webhooks.contract,
    };
    let generated = generate::openapi(contracts, &generate::overlay::read(spec)?)
        .context("the new document cannot be generated; nothing was written")?;
    let (paths, operations, schemas) = counts(&api.contract);
    let unchanged = spec.days_of(&api.contract, &webhooks.contract);
    let fetched = Fetched {
        days: unchanged.unwrap_or(days),
        prose: BTreeMap::from([
            (API.to_owned(), api.prose),
            (WEBHOOKS.to_owned(), webhooks.prose),
        ]),
    };
    spec.take_over(api.contract, webhooks.contract, &fetched)?;
    println!("contract: {paths} paths, {operations} operations, {schemas} definitions");
    generate::write(spec, generated)
}

/// One of the vendor's documents, reduced to its facts.
#[derive(Debug)]
pub struct Reduced {
    /// The facts, in canonical order.
    pub contract: Value,
    /// The digests of the words.
    pub prose: BTreeMap<String, String>,
}

impl Reduced {
    /// Reads, parses, checks and reduces one document.
    pub fn read(from: &Source, timeout: Duration, check: fn(&Value) -> Result<()>) -> Result<Self> {
        Self::parse(&from.read(timeout)?, &from.to_string(), check)
    }

    /// Parses, checks and reduces one document; errors call it `name`.
    pub fn parse(text: &str, name: &str, check: fn(&Value) -> Result<()>) -> Result<Self> {
        let document = parse(text).with_context(|| format!("{name} cannot be used"))?;
        check(&document).with_context(|| format!("{name} cannot be used"))?;
        let prose = contract::prose(&document);
        let contract = json::canonical(contract::reduce(document));
        if contract.to_string().len() > MOST_FACTS {
            bail!(
                "{name} cannot be used: its facts are larger than {} MiB",
                MOST_FACTS >> 20
            );
        }
        Ok(Self { contract, prose })
    }
}

fn parse(text: &str) -> Result<Value> {
    let start = text.trim_start();
    if start.is_empty() {
        bail!("it is empty");
    }
    if start.starts_with('<') {
        bail!("it is HTML, not JSON");
    }
    match json::parse_strict(text) {
        Ok(document @ Value::Object(_)) => Ok(document),
        Ok(_) => bail!("it is JSON, but not an object"),
        Err(error) if error.is_data() => bail!("{error}"),
        Err(error) if error.is_eof() => bail!("its JSON is truncated: {error}"),
        Err(error) => bail!("its JSON is broken: {error}"),
    }
}

/// Refuses what is not a Swagger 2.0 document with operations, each of them once.
pub fn check_swagger(document: &Value) -> Result<()> {
    match &document["swagger"] {
        Value::String(version) if version == "2.0" => {}
        Value::Null => bail!("it is not Swagger 2.0: it has no `swagger` key"),
        other => bail!("it is not Swagger 2.0: `swagger` is {other}"),
    }
    let paths = match document["paths"].as_object() {
        Some(paths) if !paths.is_empty() => paths,
        _ => bail!("it has no paths"),
    };
    let mut seen = std::collections::HashMap::new();
    for (path, item) in paths {
        for method in METHODS.iter().filter(|method| item.get(**method).is_some()) {
            let place = (*method, contract::anonymous_path(path));
            if let Some(other) = seen.insert(place, path) {
                let method = method.to_uppercase();
                bail!("it declares one operation twice: {method} {other} and {method} {path}");
            }
        }
    }
    if seen.is_empty() {
        bail!("its paths have no operations");
    }
    Ok(())
}

/// Refuses what is not an OpenAPI 3.1 document with webhooks.
pub fn check_webhooks(document: &Value) -> Result<()> {
    match &document["openapi"] {
        Value::String(version) if version.starts_with("3.1.") => {}
        other => bail!("it is not OpenAPI 3.1: `openapi` is {other}"),
    }
    match document["webhooks"].as_object() {
        Some(webhooks) if !webhooks.is_empty() => Ok(()),
        _ => bail!("it has no webhooks"),
    }
}

fn counts(api: &Value) -> (usize, usize, usize) {
    let size = |value: &Value| value.as_object().map_or(0, serde_json::Map::len);
    let operations = api["paths"].as_object().map_or(0, |paths| {
        let methods = |item: &Value| METHODS.iter().filter(|m| item.get(**m).is_some()).count();
        paths.values().map(methods).sum()
    });
    (size(&api["paths"]), operations, size(&api["definitions"]))
}
