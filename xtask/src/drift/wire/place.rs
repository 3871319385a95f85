//! Where two schemas stand, which decides what a change of them means.

use std::fmt;

use super::contract::Direction;
use super::pair::Pair;
use crate::drift::rules::{Aspect, Rule, rule};

/// What kind of place a schema stands at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Parameter,
    /// A property, or something within one.
    Property,
    /// A whole body or definition.
    Root,
    /// The whole answer of an operation, which wraps its result.
    Envelope,
}

/// Where two schemas stand.
#[derive(Clone, Debug)]
pub struct At<'a> {
    pub pair: Pair<'a>,
    pub place: Place,
    pub direction: Direction,
    /// In a sentence.
    pub name: String,
}

impl<'a> At<'a> {
    pub fn new(place: Place, direction: Direction, name: String, pair: Pair<'a>) -> Self {
        Self {
            pair,
            place,
            direction,
            name,
        }
    }

    /// The same schemas, as a property or within a parameter.
    pub fn as_value(&self) -> Self {
        let place = match self.place {
            Place::Parameter => Place::Parameter,
            _ => Place::Property,
        };
        Self {
            place,
            ..self.clone()
        }
    }

    /// What stands within these: an item, or the value of a key.
    pub fn within(&self, name: String, pair: Pair<'a>) -> Self {
        Self {
            name,
            pair,
            ..self.as_value()
        }
    }

    /// A property of these.
    pub fn property(&self, name: &str, pair: Pair<'a>) -> Self {
        Self::new(
            Place::Property,
            self.direction,
            self.property_name(name),
            pair,
        )
    }

    /// `Agent` has `Agent.os`, and the answer 200 has its `agents`.
    pub fn property_name(&self, name: &str) -> String {
        match self.place {
            Place::Root | Place::Property if !self.name.contains(' ') => {
                format!("{}.{name}", self.name)
            }
            _ => format!("`{name}` of {}", self.name),
        }
    }

    /// The rule for a change of the value here.
    pub fn rule(&self, aspect: Aspect) -> &'static Rule {
        if self.direction.is_none() {
            return rule!("unused-schema-changed");
        }
        let Direction { sent, received } = self.direction;
        let found = if self.place == Place::Parameter {
            aspect.parameter
        } else {
            let ways = [(received, aspect.received), (sent, aspect.sent)];
            let rules = ways
                .into_iter()
                .filter_map(|(set, rule)| rule.filter(|_| set));
            // The worse of the two; of equals the first.
            rules.reduce(|a, b| if b.wire > a.wire { b } else { a })
        };
        found.unwrap_or(rule!("unclassified-change"))
    }

    /// The rule for a change of the type here.
    pub fn type_rule(&self, aspect: Aspect) -> &'static Rule {
        match self.place {
            Place::Parameter | Place::Property => self.rule(aspect),
            _ if self.direction.is_none() => rule!("unused-schema-changed"),
            _ if self.direction.received => rule!("response-body-type-changed"),
            _ => rule!("request-body-type-changed"),
        }
    }

    /// The rule where there is no other.
    pub fn unclassified(&self) -> &'static Rule {
        if self.direction.is_none() {
            rule!("unused-schema-changed")
        } else {
            rule!("unclassified-change")
        }
    }
}

/// The name as code, unless it is a phrase.
impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.contains(' ') {
            f.write_str(&self.name)
        } else {
            write!(f, "`{}`", self.name)
        }
    }
}
