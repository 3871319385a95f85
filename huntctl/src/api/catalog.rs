//! The list of all operations.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write as _};

use serde_json::{Value, json};

use crate::cli::{Context, Ended};
use crate::contract::{Contract, Operation};
use crate::failure::Failure;
use crate::output::{json as layout, unwritten};

/// The operations below the names of their groups.
pub(super) fn by_group(contract: &Contract) -> String {
    let mut groups: BTreeMap<&str, Vec<&Operation>> = BTreeMap::new();
    for operation in contract.operations() {
        groups.entry(&operation.tag).or_default().push(operation);
    }
    let names = contract
        .operations()
        .iter()
        .map(|operation| operation.id.len());
    let width = names.max().unwrap_or_default();
    let mut text = String::new();
    for (group, operations) in groups {
        let _ = writeln!(text, "{group}");
        for Operation { id, summary, .. } in operations {
            let _ = writeln!(text, "  {id:width$}  {summary}");
        }
        text.push('\n');
    }
    text
}

/// Prints them.
pub(super) fn print(context: &Context, contract: &Contract) -> Result<Ended, Failure> {
    let mut out = io::stdout().lock();
    if context.globals.json {
        let operations: Value = contract.operations().iter().map(described).collect();
        layout::pretty(&mut out, &operations.to_string(), 0).map_err(unwritten)?;
        writeln!(out).map_err(unwritten)?;
    } else if context.look.terminal {
        write!(out, "{}", by_group(contract)).map_err(unwritten)?;
    } else {
        for Operation {
            id, summary, tag, ..
        } in contract.operations()
        {
            writeln!(out, "{id}\t{tag}\t{summary}").map_err(unwritten)?;
        }
    }
    Ok(Ended::Done)
}

fn described(operation: &Operation) -> Value {
    json!({
        "operation": operation.id,
        "group": operation.tag,
        "summary": operation.summary,
        "method": operation.method.as_str(),
        "path": operation.path,
        "writes": operation.writes,
        "account": operation.scoped,
    })
}
