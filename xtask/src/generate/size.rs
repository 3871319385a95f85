//! No more than code can be made of.
//!
//! progenitor takes about a millisecond and a hundred kilobytes for each part of a document.
//! One with far more parts than the vendor's is refused before that, not by the machine.

use anyhow::{Result, bail};
use serde_json::Value;

use super::walk;

/// How many operations, parameters, components and properties there may be; the vendor's
/// document has about 1,000.
const MOST_PARTS: usize = 5_000;

/// Fails where the finished document has more.
pub fn check(document: &mut Value) -> Result<()> {
    let mut parts = 0;
    walk::operations(document, |_, _, _, operation| {
        parts += 1 + operation["parameters"].as_array().map_or(0, Vec::len);
        Ok(())
    })?;
    for (_, schema) in walk::components(document).iter() {
        parts += 1 + schema["properties"].as_object().map_or(0, |map| map.len());
    }
    if parts > MOST_PARTS {
        bail!(
            "the generated document has {parts} operations, parameters, components and \
             properties; code can be made of {MOST_PARTS}"
        );
    }
    Ok(())
}
