//! One of the two documents that are compared: its operations, definitions and who uses
//! them. Swagger 2.0 and OpenAPI 3.1 (the webhooks) differ in little that matters here.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::pair::{Side, entries};
use super::types::Type;
use crate::contract::{SHAPE, anonymous_path};
use crate::generate::mirror;
use crate::json::escape;

/// What may be done with a path.
pub const METHODS: [&str; 7] = ["get", "put", "post", "delete", "options", "head", "patch"];

/// An operation of the contract.
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

    pub fn side(&self) -> Side<'a> {
        Side::new(self.pointer(), Some(self.node))
    }

    pub fn is_mirror(&self) -> bool {
        self.path.starts_with(mirror::PREFIX)
    }

    /// See [`anonymous_path`].
    pub fn anonymous(&self) -> String {
        anonymous_path(self.path)
    }

    /// The same, but with the account of a mirror named, as [`mirror::PREFIX`] has it.
    pub fn anonymous_named(&self) -> String {
        match self.path.strip_prefix(mirror::PREFIX) {
            Some(rest) => format!("{}{}", mirror::PREFIX, anonymous_path(rest)),
            None => self.anonymous(),
        }
    }

    /// The names of the parameters in the path, in their order.
    pub fn path_parameters(&self) -> Vec<&'a str> {
        let segments = self.path.split('/');
        segments
            .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
            .collect()
    }

    /// The parameters; the body is one of them.
    pub fn parameters(&self) -> Vec<Side<'a>> {
        let list = self.side().key("parameters");
        (0..list.items().len())
            .map(|index| list.item(index))
            .collect()
    }

    /// The answers, by their status.
    pub fn responses(&self) -> impl Iterator<Item = (&'a str, &'a Value)> {
        entries(self.node.get("responses"))
    }
}

/// In which ways a definition travels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Direction {
    pub sent: bool,
    pub received: bool,
}

impl Direction {
    pub const SENT: Self = Self {
        sent: true,
        received: false,
    };
    pub const RECEIVED: Self = Self {
        sent: false,
        received: true,
    };

    pub fn is_none(self) -> bool {
        self == Self::default()
    }

    pub fn or(self, other: Self) -> Self {
        Self {
            sent: self.sent || other.sent,
            received: self.received || other.received,
        }
    }
}

/// One document.
pub struct Contract<'a> {
    pub document: &'a Value,
    pub definitions: BTreeMap<&'a str, &'a Value>,
    /// Where the definitions are: `/definitions`.
    definitions_at: &'static str,
    /// What each definition names.
    inside: BTreeMap<&'a str, BTreeSet<&'a str>>,
    directions: BTreeMap<&'a str, Direction>,
    users: BTreeMap<&'a str, BTreeSet<(&'static str, &'a str)>>,
    mentioned: BTreeSet<&'a str>,
}

impl<'a> Contract<'a> {
    pub fn new(document: &'a Value) -> Self {
        let definitions_at = match document.get("swagger") {
            Some(_) => "/definitions",
            None => "/components/schemas",
        };
        let mut contract = Self {
            document,
            definitions: entries(document.pointer(definitions_at)).collect(),
            definitions_at,
            inside: BTreeMap::new(),
            directions: BTreeMap::new(),
            users: BTreeMap::new(),
            mentioned: BTreeSet::new(),
        };
        let definitions = contract.definitions.iter();
        let inside = definitions.map(|(name, node)| (*name, contract.named_in(node)));
        contract.inside = inside.collect();
        for operation in contract.operations() {
            for parameter in operation.parameters() {
                let node = parameter.value();
                if node["in"] == "body" {
                    contract.mark(operation, &node["schema"], Direction::SENT);
                }
            }
            for (status, response) in operation.responses() {
                if status.starts_with('2') {
                    contract.mark(operation, &response["schema"], Direction::RECEIVED);
                }
            }
        }
        for (path, node) in entries(document.get("webhooks")) {
            let method = "post";
            let webhook = Operation { method, path, node };
            contract.mark(webhook, node, Direction::RECEIVED);
        }
        for root in ["paths", "webhooks"] {
            let found = contract.reachable(&document[root]);
            contract.mentioned.extend(found);
        }
        contract
    }

    fn mark(&mut self, user: Operation<'a>, node: &'a Value, way: Direction) {
        for name in self.reachable(node) {
            let direction = self.directions.entry(name).or_default();
            *direction = direction.or(way);
            let users = self.users.entry(name).or_default();
            users.insert((user.method, user.path));
        }
    }

    /// The definitions that a node has in it, directly or through others.
    fn reachable(&self, node: &'a Value) -> BTreeSet<&'a str> {
        let mut found = BTreeSet::new();
        let mut open = self.named_in(node);
        while let Some(name) = open.pop_first() {
            if found.insert(name) {
                open.extend(self.inside.get(name).into_iter().flatten());
            }
        }
        found
    }

    /// The definitions that a node names.
    fn named_in(&self, node: &'a Value) -> BTreeSet<&'a str> {
        let mut found = BTreeSet::new();
        let mut open = vec![node];
        while let Some(node) = open.pop() {
            match node {
                Value::Object(map) => {
                    found.extend(self.names(node));
                    let inner = map.iter().filter(|(key, _)| *key != SHAPE);
                    open.extend(inner.map(|(_, value)| value));
                }
                Value::Array(items) => open.extend(items),
                _ => {}
            }
        }
        found
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

    pub fn definition(&self, name: &str) -> Side<'a> {
        let at = format!("{}/{}", self.definitions_at, escape(name));
        Side::new(at, self.definitions.get(name).copied())
    }

    /// A `$ref` to a definition of this name.
    pub fn reference(&self, name: &str) -> String {
        format!("#{}/{name}", self.definitions_at)
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
        self.mentioned.contains(definition)
    }

    /// Every `$ref` of the document, of what need not exist.
    pub fn references(&self) -> BTreeSet<&'a str> {
        let mut found = BTreeSet::new();
        let mut open = vec![self.document];
        while let Some(node) = open.pop() {
            match node {
                Value::Object(map) => {
                    found.extend(node["$ref"].as_str());
                    open.extend(map.values());
                }
                Value::Array(items) => open.extend(items),
                _ => {}
            }
        }
        found
    }

    /// A schema in a few words.
    pub fn brief(&self, node: &'a Value) -> String {
        if let Some(name) = self.names(node) {
            return format!("`{name}`");
        }
        let ty = Type::of(node);
        let name = match ty.name.as_str() {
            "array" if node["items"].is_object() => {
                format!("list of {}", self.brief(&node["items"]))
            }
            "array" => "list".to_owned(),
            "" => "anything".to_owned(),
            name => name.to_owned(),
        };
        match &ty.format {
            Some(format) => format!("{name} ({format})"),
            None => name,
        }
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
