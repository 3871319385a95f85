//! Which part of the crate's surface a place of the contract became.
//!
//! The contract and the finished document are walked side by side: from each operation
//! into its parameters, bodies and answers, and from there into properties and items. What
//! the pipeline has repaired may be shaped differently; then the trace ends at the place
//! above, which is what a change within it belongs to.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::spec::{Operation, Spec, entries};
use super::surface::Subject;
use crate::codegen::model::referenced;
use crate::contract::SHAPE;
use crate::extensions::ENVELOPE;
use crate::generate::mirror;
use crate::json::escape;

/// The subjects at each pointer of a contract.
#[derive(Debug, Default)]
pub struct Trace(BTreeMap<String, BTreeSet<Subject>>);

impl Trace {
    /// Walks a contract and the document that was made of it.
    pub fn new(contract: &Value, finished: &Value) -> Self {
        let spec = Spec::new(contract);
        let mut walker = Walker {
            spec: &spec,
            finished,
            found: BTreeMap::new(),
            seen: BTreeSet::new(),
        };
        for operation in spec.operations() {
            walker.operation(operation);
        }
        Self(walker.found)
    }

    /// What is at or below the pointer; where nothing is, what is at the nearest place
    /// above it.
    pub fn subjects(&self, pointer: &str) -> BTreeSet<Subject> {
        let inside = |place: &str| {
            place
                .strip_prefix(pointer)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let below: BTreeSet<Subject> = self
            .0
            .range(pointer.to_owned()..)
            .take_while(|(place, _)| place.starts_with(pointer))
            .filter(|(place, _)| inside(place))
            .flat_map(|(_, subjects)| subjects.clone())
            .collect();
        if !below.is_empty() {
            return below;
        }
        let mut at = pointer;
        while let Some((above, _)) = at.rsplit_once('/') {
            if let Some(subjects) = self.0.get(above) {
                return subjects.clone();
            }
            at = above;
        }
        BTreeSet::new()
    }

    /// What is at the places that a pointer lies within.
    pub fn above(&self, pointer: &str) -> BTreeSet<Subject> {
        let mut found = BTreeSet::new();
        let mut at = pointer;
        while let Some((above, _)) = at.rsplit_once('/') {
            found.extend(self.0.get(above).into_iter().flatten().cloned());
            at = above;
        }
        found
    }
}

struct Walker<'a> {
    spec: &'a Spec<'a>,
    finished: &'a Value,
    found: BTreeMap<String, BTreeSet<Subject>>,
    seen: BTreeSet<(String, String)>,
}

/// The operation of the finished document that an operation of the contract became.
pub fn finished_operation<'a>(finished: &'a Value, method: &str, path: &str) -> Option<&'a Value> {
    let at = |path: &str| finished["paths"].get(path)?.get(method);
    at(path).or_else(|| at(&mirror::original(path)))
}

impl<'a> Walker<'a> {
    fn add(&mut self, at: &str, subject: Subject) {
        self.found.entry(at.to_owned()).or_default().insert(subject);
    }

    pub(super) fn operation(&mut self, operation: Operation<'a>) {
        let Some(finished) = finished_operation(self.finished, operation.method, operation.path)
        else {
            return;
        };
        let id = finished["operationId"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let whole = Subject::Operation(id.clone());
        self.add(&operation.pointer(), whole.clone());
        for (at, parameter) in operation.parameters() {
            if parameter["in"] == "body" {
                self.add(&at, whole.clone());
                let schema = finished.pointer("/requestBody/content/application~1json/schema");
                self.schema(&format!("{at}/schema"), &parameter["schema"], schema);
            } else {
                let name = parameter["name"].as_str().unwrap_or_default();
                self.add(&at, Subject::Argument(id.clone(), name.to_owned()));
            }
        }
        for (status, response) in
            entries(operation.node.get("responses")).filter(|(status, _)| status.starts_with('2'))
        {
            let at = format!("{}/responses/{status}", operation.pointer());
            self.add(&at, whole.clone());
            if let Some(schema) = response.get("schema") {
                let schema_at = format!("{at}/schema");
                self.add(&schema_at, whole.clone());
                let finished =
                    finished["responses"][status].pointer("/content/application~1json/schema");
                for key in entries(schema.get("properties")).map(|(key, _)| key) {
                    self.add(
                        &format!("{schema_at}/properties/{}", escape(key)),
                        whole.clone(),
                    );
                }
                self.schema(&schema_at, schema, finished);
            }
        }
    }

    pub(super) fn schema(&mut self, at: &str, node: &'a Value, finished: Option<&'a Value>) {
        let Some(finished) = finished else { return };
        let (component, finished) = self.resolved(finished);
        if let Some(name) = self.spec.names(node) {
            let key = (name.to_owned(), component.unwrap_or_default().to_owned());
            let at = self.spec.definition_pointer(name);
            if self.seen.insert(key) {
                if let Some(component) = component {
                    self.add(&at, Subject::Type(component.to_owned()));
                }
                self.inside(&at, self.spec.definitions[name], component, finished);
            }
            return;
        }
        self.inside(at, node, component, finished);
    }

    pub(super) fn inside(
        &mut self,
        at: &str,
        node: &'a Value,
        component: Option<&str>,
        finished: &'a Value,
    ) {
        let is_envelope = finished.get(ENVELOPE).is_some();
        for (name, property) in entries(node.get("properties")) {
            let inner = format!("{at}/properties/{}", escape(name));
            self.property(
                &inner,
                name,
                property,
                component.filter(|_| !is_envelope),
                finished,
            );
        }
        if node["items"].is_object() {
            self.schema(
                &format!("{at}/items"),
                &node["items"],
                finished.get("items"),
            );
        }
        if node["additionalProperties"].is_object() {
            let inner = format!("{at}/additionalProperties");
            self.schema(
                &inner,
                &node["additionalProperties"],
                finished.get("additionalProperties"),
            );
        }
        if let Some(shape) = node.get(SHAPE) {
            self.shape(&format!("{at}/{SHAPE}"), shape, component, finished);
        }
    }

    pub(super) fn property(
        &mut self,
        at: &str,
        name: &str,
        node: &'a Value,
        owner: Option<&str>,
        finished: &'a Value,
    ) {
        let Some(inner) = finished["properties"].get(name) else {
            return;
        };
        if let Some(owner) = owner {
            self.add(at, Subject::Field(owner.to_owned(), name.to_owned()));
        }
        self.schema(at, node, Some(inner));
    }

    /// An example's shape, where the type was inferred from it.
    fn shape(&mut self, at: &str, shape: &'a Value, component: Option<&str>, finished: &'a Value) {
        match shape {
            Value::Object(keys) => {
                for (key, shape) in keys {
                    let inner = format!("{at}/{}", escape(key));
                    if let Some(property) = finished["properties"].get(key) {
                        if let Some(component) = component {
                            self.add(&inner, Subject::Field(component.to_owned(), key.clone()));
                        }
                        let (component, property) = self.resolved(property);
                        self.shape(&inner, shape, component, property);
                    }
                }
            }
            Value::Array(items) => {
                if let ([item], Some(inner)) = (items.as_slice(), finished.get("items")) {
                    let (component, inner) = self.resolved(inner);
                    self.shape(&format!("{at}/0"), item, component, inner);
                }
            }
            _ => {}
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
