//! The cursor of the comparison: one place in both documents.

use serde_json::Value;

use crate::json::{self, escape};

/// A place in one document. Nothing may be there: then it has no pointer.
#[derive(Clone, Debug, Default)]
pub struct Side<'a> {
    at: String,
    node: Option<&'a Value>,
}

static NOTHING: Value = Value::Null;

impl<'a> Side<'a> {
    pub fn new(at: String, node: Option<&'a Value>) -> Self {
        Self { at, node }
    }

    pub fn node(&self) -> Option<&'a Value> {
        self.node
    }

    /// What is there; null where nothing is.
    pub fn value(&self) -> &'a Value {
        self.node.unwrap_or(&NOTHING)
    }

    pub fn pointer(&self) -> Option<String> {
        self.node.map(|_| self.at.clone())
    }

    /// One step down, into an object.
    pub fn key(&self, key: &str) -> Self {
        Self {
            at: format!("{}/{}", self.at, escape(key)),
            node: self.node.and_then(|node| node.get(key)),
        }
    }

    /// One step down, into a list.
    pub fn item(&self, index: usize) -> Self {
        Self {
            at: format!("{}/{index}", self.at),
            node: self.node.and_then(|node| node.get(index)),
        }
    }

    /// This place, or `other` where nothing is here.
    fn or(self, other: &Self) -> Self {
        match self.node {
            Some(_) => self,
            None => other.clone(),
        }
    }

    /// The entries of the object that is there; none of anything else.
    pub fn entries(&self) -> impl Iterator<Item = (&'a str, &'a Value)> + use<'a> {
        entries(self.node)
    }

    /// The items of the list that is there; none of anything else.
    pub fn items(&self) -> &'a [Value] {
        self.value()
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default()
    }
}

/// A place in the base and in the new document.
#[derive(Clone, Debug, Default)]
pub struct Pair<'a> {
    pub base: Side<'a>,
    pub new: Side<'a>,
}

impl<'a> Pair<'a> {
    pub fn new(base: Side<'a>, new: Side<'a>) -> Self {
        Self { base, new }
    }

    /// What is in the base only.
    pub fn gone(base: Side<'a>) -> Self {
        Self::new(base, Side::default())
    }

    /// What is in the new document only.
    pub fn come(new: Side<'a>) -> Self {
        Self::new(Side::default(), new)
    }

    pub fn values(&self) -> (&'a Value, &'a Value) {
        (self.base.value(), self.new.value())
    }

    /// Whether the two sides have exactly the same there.
    pub fn is_equal(&self) -> bool {
        self.base.node == self.new.node
    }

    /// Whether they have, but for the order of lists.
    pub fn is_alike(&self) -> bool {
        match (self.base.node, self.new.node) {
            (Some(base), Some(new)) => json::alike(base, new),
            (base, new) => base.is_none() && new.is_none(),
        }
    }

    /// The same step down on both sides.
    pub fn key(&self, key: &str) -> Self {
        self.keys(key, key)
    }

    /// The step to something that has another name in the new document.
    pub fn keys(&self, base: &str, new: &str) -> Self {
        Self::new(self.base.key(base), self.new.key(new))
    }

    /// The step to something that has another position in the new document.
    pub fn items(&self, base: usize, new: usize) -> Self {
        Self::new(self.base.item(base), self.new.item(new))
    }

    /// The same place, or `above` on a side that has nothing here.
    pub fn or(self, above: &Self) -> Self {
        Self::new(self.base.or(&above.base), self.new.or(&above.new))
    }

    /// The keys, but for those that are looked at `apart`, at which the two are not alike.
    pub fn unlike(&self, apart: impl Fn(&str) -> bool) -> Vec<&'a str> {
        let keys = self.base.entries().chain(self.new.entries());
        let mut keys: Vec<&str> = keys.map(|(key, _)| key).filter(|key| !apart(key)).collect();
        keys.sort_unstable();
        keys.dedup();
        keys.retain(|key| !self.key(key).is_alike());
        keys
    }

    /// A sentence of what something was and is.
    pub fn was_and_is(&self, what: &str) -> String {
        let [base, new] = [&self.base, &self.new].map(|side| show(side.node));
        format!("{what} was {base} and is {new}")
    }
}

/// A value in a sentence.
pub fn show(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "absent".to_owned(),
        Some(Value::String(text)) => format!("`{text}`"),
        Some(other) => format!("`{other}`"),
    }
}

/// The entries of an object; none of anything else.
pub fn entries(node: Option<&Value>) -> impl Iterator<Item = (&str, &Value)> {
    let map = node.and_then(Value::as_object).into_iter().flatten();
    map.map(|(key, value)| (key.as_str(), value))
}
