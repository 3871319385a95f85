//! What every step of the comparison has at hand, and where it leaves what it finds.

use std::collections::BTreeMap;
use std::fmt::Display;

use serde_json::Value;

use super::contract::Contract;
use super::pair::Pair;
use super::rename::Effort;
use crate::drift::change::Draft;
use crate::drift::rules::Rule;

pub struct Comparer<'a> {
    pub base: Contract<'a>,
    pub new: Contract<'a>,
    /// The names in the new document of definitions that have another one in the base.
    pub renamed: BTreeMap<&'a str, &'a str>,
    pub drafts: Vec<Draft>,
    pub effort: Effort,
    /// The pairs of schemas that are being compared for want of a common name.
    pub open: Vec<Nodes>,
}

/// Two nodes, by where they are in memory.
pub type Nodes = [*const Value; 2];

/// How many schemas may stand within each other by their names. More than any document
/// that is meant has, and less than the stack has room for.
pub const DEPTH: usize = 32;

impl<'a> Comparer<'a> {
    pub fn new(base: &'a Value, new: &'a Value) -> Self {
        Self {
            base: Contract::new(base),
            new: Contract::new(new),
            renamed: BTreeMap::new(),
            drafts: Vec::new(),
            effort: Effort::default(),
            open: Vec::new(),
        }
    }

    pub fn note(&mut self, rule: &'static Rule, pair: &Pair, text: String) {
        let (base, new) = (pair.base.pointer(), pair.new.pointer());
        self.drafts.push(Draft::new(rule, base, new, text));
    }

    /// What a definition of the base is called in the new document.
    pub fn new_name(&self, name: &'a str) -> &'a str {
        self.renamed.get(name).copied().unwrap_or(name)
    }

    /// A sentence of which schema something was and is.
    pub fn was_and_is(&self, what: impl Display, pair: &Pair<'a>) -> String {
        let (base, new) = pair.values();
        let (base, new) = (self.base.brief(base), self.new.brief(new));
        format!("{what} was {base} and is {new}")
    }
}
