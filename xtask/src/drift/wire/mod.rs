//! What has changed between two contracts, on the wire.
//!
//! Lists without an order (parameters, required names, values of an enum, tags) are
//! compared as sets, so that a document that is only written in another order is the
//! same. Each changed place gives one [`Draft`].

mod comparer;
pub mod contract;
mod definitions;
mod document;
mod join;
mod mirrors;
mod operations;
pub mod pair;
mod parameters;
mod place;
mod rename;
mod responses;
mod same;
mod schema;
mod types;
mod values;
pub mod webhooks;

use serde_json::Value;

use super::change::Draft;
use super::rules::rule;
use crate::json;
use comparer::Comparer;
use pair::{Pair, Side};

/// What has changed between two contracts.
pub struct Compared {
    pub drafts: Vec<Draft>,
    /// What was not compared.
    pub notes: Vec<String>,
}

/// Reported when the effort is spent.
const SPENT: &str = "too much was removed and added to compare all of it: what only has a new \
                     name may be reported as removed and added";

/// Compares two contracts of one kind.
pub fn compare(base: &Value, new: &Value) -> Compared {
    let mut comparer = Comparer::new(base, new);
    let whole = [base, new].map(|document| Side::new(String::new(), Some(document)));
    let [base_side, new_side] = whole;
    let whole = Pair::new(base_side, new_side);
    definitions::find_renamed(&mut comparer);
    document::compare(&mut comparer, &whole);
    operations::compare(&mut comparer);
    webhooks::compare(&mut comparer, &whole.key("webhooks"));
    definitions::compare(&mut comparer);
    if comparer.drafts.is_empty() && !json::alike(base, new) {
        // A gap in the rules must not look like "no drift".
        let text = "the document changed where no rule looks".to_owned();
        comparer.note(rule!("unclassified-change"), &whole, text);
    }
    let spent = comparer.effort.is_spent();
    Compared {
        drafts: comparer.drafts,
        notes: Vec::from_iter(spent.then(|| SPENT.to_owned())),
    }
}
