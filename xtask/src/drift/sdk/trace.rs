//! Which part of the crate's surface a place of a contract became.
//!
//! A contract and the finished document are walked side by side: from each operation
//! into its parameters, bodies and answers, from each event into its payload, and from there
//! into properties and items. The places of the two contracts have no pointer in common. What
//! the pipeline has repaired may be shaped differently; then the trace ends at the place
//! above, which is what a change within it belongs to.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::codegen::events::EVENT;
use crate::codegen::model::{WEBHOOKS, referenced};
use crate::contract::SHAPE;
use crate::drift::change::Subject;
use crate::drift::wire::contract::{Contract, Operation};
use crate::drift::wire::pair::Side;
use crate::drift::wire::webhooks::SCHEMA as EVENT_SCHEMA;
use crate::extensions::ENVELOPE;
use crate::generate::{Contracts, mirror};
use crate::json;

/// The subjects at each pointer of the contracts.
#[derive(Debug, Default)]
pub struct Trace(BTreeMap<String, BTreeSet<Subject>>);

impl Trace {
    /// Walks the contracts and the document that was made of them.
    pub fn new(contracts: Contracts, finished: &Value) -> Self {
        let mut trace = Self::of(contracts.api, finished);
        trace
            .0
            .append(&mut Self::of(contracts.webhooks, finished).0);
        trace
    }

    fn of(contract: &Value, finished: &Value) -> Self {
        let contract = Contract::new(contract);
        let mut walker = Walker {
            contract: &contract,
            finished,
            found: BTreeMap::new(),
            seen: BTreeSet::new(),
            open: Vec::new(),
        };
        for operation in contract.operations() {
            walker.operation(operation);
        }
        walker.events();
        while let Some((definition, component, finished)) = walker.open.pop() {
            walker.inside(&definition, component, finished);
        }
        Self(walker.found)
    }

    /// What is at or below the pointer; where nothing is, what is at the nearest place
    /// above it.
    pub fn subjects(&self, pointer: &str) -> BTreeSet<Subject> {
        let below: BTreeSet<Subject> = self
            .0
            .range(pointer.to_owned()..)
            .take_while(|(place, _)| place.starts_with(pointer))
            .filter(|(place, _)| json::is_within(place, pointer))
            .flat_map(|(_, subjects)| subjects.clone())
            .collect();
        if !below.is_empty() {
            return below;
        }
        places_above(pointer)
            .find_map(|above| self.0.get(above))
            .cloned()
            .unwrap_or_default()
    }

    /// What is at the places that a pointer lies within.
    pub fn above(&self, pointer: &str) -> BTreeSet<Subject> {
        let subjects = places_above(pointer).filter_map(|above| self.0.get(above));
        subjects.flatten().cloned().collect()
    }
}

/// The places that a pointer lies within, the nearest first.
fn places_above(pointer: &str) -> impl Iterator<Item = &str> {
    let places = std::iter::successors(Some(pointer), |at| Some(at.rsplit_once('/')?.0));
    places.skip(1)
}

struct Walker<'a> {
    contract: &'a Contract<'a>,
    finished: &'a Value,
    found: BTreeMap<String, BTreeSet<Subject>>,
    /// Definitions, with the component that they became.
    seen: BTreeSet<(&'a str, Option<&'a str>)>,
    /// Definitions that are still to be walked, with what they became.
    open: Vec<(Side<'a>, Option<&'a str>, &'a Value)>,
}

/// The operation of the finished document that an operation of the contract became.
pub fn finished_operation<'a>(finished: &'a Value, method: &str, path: &str) -> Option<&'a Value> {
    let at = |path: &str| finished["paths"].get(path)?.get(method);
    at(path).or_else(|| at(&mirror::original(path)))
}

impl<'a> Walker<'a> {
    fn add(&mut self, at: &Side, subject: &Subject) {
        if let Some(pointer) = at.pointer() {
            let subjects = self.found.entry(pointer).or_default();
            subjects.insert(subject.clone());
        }
    }

    fn operation(&mut self, operation: Operation<'a>) {
        let Operation { method, path, .. } = operation;
        let Some(finished) = finished_operation(self.finished, method, path) else {
            return;
        };
        let id = finished["operationId"].as_str().unwrap_or_default();
        let whole = Subject::Operation(id.to_owned());
        self.add(&operation.side(), &whole);
        for parameter in operation.parameters() {
            if parameter.value()["in"] == "body" {
                self.add(&parameter, &whole);
                let schema = finished.pointer("/requestBody/content/application~1json/schema");
                self.schema(&parameter.key("schema"), schema);
            } else {
                let name = parameter.value()["name"].as_str().unwrap_or_default();
                let argument = Subject::Argument(id.to_owned(), name.to_owned());
                self.add(&parameter, &argument);
            }
        }
        let responses = operation.side().key("responses");
        for (status, _) in responses.entries() {
            if status.starts_with('2') {
                let finished = &finished["responses"][status];
                self.response(&responses.key(status), finished, &whole);
            }
        }
    }

    fn events(&mut self) {
        let events = Side::new(
            "/webhooks".to_owned(),
            self.contract.document.get("webhooks"),
        );
        let whole = Subject::Type(EVENT.to_owned());
        for (name, _) in events.entries() {
            let event = events.key(name);
            self.add(&event, &whole);
            let finished = self.finished[WEBHOOKS][name]
                .pointer("/post/requestBody/content/application~1json/schema");
            let body = EVENT_SCHEMA.iter().fold(event, |side, key| side.key(key));
            self.schema(&body, finished);
        }
    }

    fn response(&mut self, response: &Side<'a>, finished: &'a Value, whole: &Subject) {
        self.add(response, whole);
        let schema = response.key("schema");
        self.add(&schema, whole);
        let properties = schema.key("properties");
        for (key, _) in properties.entries() {
            self.add(&properties.key(key), whole);
        }
        let finished = finished.pointer("/content/application~1json/schema");
        self.schema(&schema, finished);
    }

    fn schema(&mut self, at: &Side<'a>, finished: Option<&'a Value>) {
        let Some(finished) = finished else { return };
        let (component, finished) = self.resolved(finished);
        self.part(at, component, finished);
    }

    fn inside(&mut self, at: &Side<'a>, component: Option<&'a str>, finished: &'a Value) {
        let owner = component.filter(|_| finished.get(ENVELOPE).is_none());
        let properties = at.key("properties");
        for (name, _) in properties.entries() {
            let Some(inner) = finished["properties"].get(name) else {
                continue;
            };
            let property = properties.key(name);
            if let Some(owner) = owner {
                let field = Subject::Field(owner.to_owned(), name.to_owned());
                self.add(&property, &field);
            }
            self.schema(&property, Some(inner));
        }
        let parts = at.key("allOf");
        for index in 0..parts.items().len() {
            self.part(&parts.item(index), component, finished);
        }
        for key in ["items", "additionalProperties"] {
            let inner = at.key(key);
            if inner.value().is_object() {
                self.schema(&inner, finished.get(key));
            }
        }
        self.shape(&at.key(SHAPE), component, finished);
    }

    /// A schema that became a component, or as a part of an `allOf` a part of it.
    fn part(&mut self, at: &Side<'a>, component: Option<&'a str>, finished: &'a Value) {
        let Some(name) = self.contract.names(at.value()) else {
            return self.inside(at, component, finished);
        };
        if self.seen.insert((name, component)) {
            let definition = self.contract.definition(name);
            if let Some(component) = component {
                self.add(&definition, &Subject::Type(component.to_owned()));
            }
            self.open.push((definition, component, finished));
        }
    }

    /// An example's shape, where the type was inferred from it.
    fn shape(&mut self, shape: &Side<'a>, component: Option<&str>, finished: &'a Value) {
        for (key, _) in shape.entries() {
            let Some(property) = finished["properties"].get(key) else {
                continue;
            };
            let inner = shape.key(key);
            if let Some(component) = component {
                let field = Subject::Field(component.to_owned(), key.to_owned());
                self.add(&inner, &field);
            }
            let (component, property) = self.resolved(property);
            self.shape(&inner, component, property);
        }
        if let ([_], Some(inner)) = (shape.items(), finished.get("items")) {
            let (component, inner) = self.resolved(inner);
            self.shape(&shape.item(0), component, inner);
        }
    }

    /// The component that a node of the finished document stands for, and its schema.
    fn resolved(&self, node: &'a Value) -> (Option<&'a str>, &'a Value) {
        match referenced(node) {
            Some(name) => (Some(name), &self.finished["components"]["schemas"][name]),
            None => (None, node),
        }
    }
}
