//! One of the two documents that are compared: its operations, definitions and who uses
//! them. Swagger 2.0 and OpenAPI 3.1 (the webhooks) differ in little that matters here.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::contract::{SHAPE, anonymous_path};
use crate::json::escape;

/// What may be done with a path.
pub const METHODS: [&str; 7] = ["get", "put", "post", "delete", "options", "head", "patch"];

/// An operation of the contract. Equal where method and path are.
#[derive(Clone, Copy, Debug)]
pub struct Operation<'a> {
    /// In lower case.
    pub method: &'static str,
    pub path: &'a str,
    pub node: &'a Value,
}

impl<'a> Operation<'a> {
    pub fn pointer(&self) -> String {
        format!("/paths/{}/{}", escape(self.path), self.method)
    }

    /// See [`anonymous_path`].
    pub fn anonymous(&self) -> String {
        anonymous_path(self.path)
    }

    /// The names of the parameters in the path, in their order.
    pub fn path_parameters(&self) -> Vec<&'a str> {
        let segments = self.path.split('/');
        segments
            .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
            .collect()
    }

    /// The parameters with their pointers; the body is one of them.
    pub fn parameters(&self) -> Vec<(String, &'a Value)> {
        let list = self.node["parameters"].as_array().into_iter().flatten();
        let at = self.pointer();
        list.enumerate()
            .map(|(index, node)| (format!("{at}/parameters/{index}"), node))
            .collect()
    }
}

/// In which ways a definition travels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Direction {
    pub sent: bool,
    pub received: bool,
}

/// One document.
pub struct Spec<'a> {
    pub document: &'a Value,
    pub definitions: BTreeMap<&'a str, &'a Value>,
    /// Where the definitions are: `/definitions`.
    pub definitions_at: &'static str,
    directions: BTreeMap<&'a str, Direction>,
    users: BTreeMap<&'a str, BTreeSet<(&'static str, &'a str)>>,
}

impl<'a> Spec<'a> {
    pub fn new(document: &'a Value) -> Self {
        let definitions_at = match document.get("swagger") {
            Some(_) => "/definitions",
            None => "/components/schemas",
        };
        let mut spec = Self {
            document,
            definitions: entries(document.pointer(definitions_at)).collect(),
            definitions_at,
            directions: BTreeMap::new(),
            users: BTreeMap::new(),
        };
        for operation in spec.operations() {
            let body = operation.parameters();
            let body = body.iter().filter(|(_, node)| node["in"] == "body");
            for (_, node) in body {
                spec.mark(operation, &node["schema"], |way| way.sent = true);
            }
            for (status, response) in entries(operation.node.get("responses")) {
                if status.starts_with('2') {
                    spec.mark(operation, &response["schema"], |way| way.received = true);
                }
            }
        }
        for (name, webhook) in entries(document.get("webhooks")) {
            let operation = Operation {
                method: "post",
                path: name,
                node: webhook,
            };
            spec.mark(operation, webhook, |way| way.received = true);
        }
        spec
    }

    fn mark(&mut self, user: Operation<'a>, node: &'a Value, set: impl Fn(&mut Direction)) {
        let mut found = BTreeSet::new();
        self.reachable(node, &mut found);
        for name in found {
            set(self.directions.entry(name).or_default());
            let users = self.users.entry(name).or_default();
            users.insert((user.method, user.path));
        }
    }

    fn reachable(&self, node: &'a Value, found: &mut BTreeSet<&'a str>) {
        match node {
            Value::Object(map) => {
                if let Some(name) = self.names(node)
                    && found.insert(name)
                {
                    self.reachable(self.definitions[name], found);
                }
                let inner = map.iter().filter(|(key, _)| *key != SHAPE);
                inner.for_each(|(_, value)| self.reachable(value, found));
            }
            Value::Array(items) => items.iter().for_each(|item| self.reachable(item, found)),
            _ => {}
        }
    }

    /// The definition that a node stands for, by `$ref` or, as this vendor writes, by
    /// naming it as its type.
    pub fn names(&self, node: &'a Value) -> Option<&'a str> {
        let name = match node["$ref"].as_str() {
            Some(reference) => reference.rsplit('/').next()?,
            None => node["type"]
                .as_str()
                .filter(|_| node.get(SHAPE).is_none())?,
        };
        self.definitions.get_key_value(name).map(|(name, _)| *name)
    }

    /// What a node stands for in the end; `None` where names only lead to each other.
    pub fn behind(&self, node: &'a Value) -> Option<&'a Value> {
        let mut node = node;
        for _ in 0..=self.definitions.len() {
            match self.names(node) {
                Some(name) => node = self.definitions[name],
                None => return Some(node),
            }
        }
        None
    }

    pub fn definition_pointer(&self, name: &str) -> String {
        format!("{}/{}", self.definitions_at, escape(name))
    }

    pub fn direction(&self, definition: &str) -> Direction {
        self.directions.get(definition).copied().unwrap_or_default()
    }

    /// Method and path of every operation whose request or success has the definition.
    pub fn users(&self, definition: &str) -> impl Iterator<Item = (&'static str, &'a str)> {
        self.users.get(definition).into_iter().flatten().copied()
    }

    /// Whether any operation refers to it at all, be it in an error.
    pub fn mentions(&self, definition: &str) -> bool {
        let mut found = BTreeSet::new();
        let roots = [self.document.get("paths"), self.document.get("webhooks")];
        for root in roots.into_iter().flatten() {
            self.reachable(root, &mut found);
        }
        found.contains(definition)
    }

    /// Whether anything refers to a definition of this name, which need not exist.
    pub fn refers_to(&self, definition: &str) -> bool {
        fn within(node: &Value, reference: &str) -> bool {
            match node {
                Value::Object(map) => {
                    node["$ref"] == reference || map.values().any(|node| within(node, reference))
                }
                Value::Array(items) => items.iter().any(|node| within(node, reference)),
                _ => false,
            }
        }
        within(
            self.document,
            &format!("#{}/{definition}", self.definitions_at),
        )
    }

    pub fn operations(&self) -> Vec<Operation<'a>> {
        let mut found = Vec::new();
        for (path, item) in entries(self.document.get("paths")) {
            for method in METHODS {
                if let Some(node) = item.get(method) {
                    found.push(Operation { method, path, node });
                }
            }
        }
        found
    }
}

/// The entries of an object; none of anything else.
pub fn entries(node: Option<&Value>) -> impl Iterator<Item = (&str, &Value)> {
    let map = node.and_then(Value::as_object);
    map.into_iter()
        .flat_map(Map::iter)
        .map(|(key, value)| (key.as_str(), value))
}
