//! The operations of the document: their paths, parameters, bodies and answers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use hyper::{Method, StatusCode};
use serde_json::{Map, Value, json};

use crate::schema::{Place, referred};
use crate::values::Plans;

/// What the operations are read from.
pub const DOCUMENT: &str = include_str!("../spec/openapi.json");
/// The vendor's contracts.
pub(crate) const CONTRACT: &str = include_str!("../spec/swagger_doc.json");
pub(crate) const WEBHOOKS: &str = include_str!("../spec/webhooks_doc.json");
const PREFIX: &str = "/v1/";
const ACCOUNT_PREFIX: &str = "/v1/accounts/{account_id}/";

/// The document that the simulator serves.
pub(crate) struct Document {
    /// As it is written.
    pub(crate) value: Value,
    pub(crate) plans: Plans,
    pub(crate) operations: Vec<Operation>,
    /// Every list that stands alone, by its path: the component of its items.
    pub(crate) lists: BTreeMap<String, String>,
    /// What a list does not tell of its rows, but a row that is asked for alone does; by list.
    pub(crate) more: BTreeMap<String, BTreeSet<String>>,
}

/// One operation, or its mirror for a managed account.
pub(crate) struct Operation {
    pub(crate) id: String,
    pub(crate) method: Method,
    /// As in the document, without the account scope.
    pub(crate) path: String,
    /// Method and path, with the account scope.
    pub(crate) place: String,
    segments: Vec<String>,
    /// Whether this is the operation of a managed account.
    pub(crate) scoped: bool,
    /// Whether it changes nothing.
    pub(crate) reads: bool,
    pub(crate) success: StatusCode,
    pub(crate) answer: Answer,
    pub(crate) parameters: Vec<Parameter>,
    /// The schema of the JSON body that it takes.
    pub(crate) body: Option<Value>,
    statuses: Vec<u16>,
}

/// What an operation answers: under which key, made of which component.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Page { key: String, component: String },
    List { key: String, component: String },
    Resource { key: String, component: String },
    Bare { component: String },
    Nothing,
}

/// A query parameter.
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// Several values in one, with commas.
    pub(crate) comma_separated: bool,
}

/// What a parameter's value may be.
pub(crate) enum Kind {
    Text,
    Boolean,
    Integer { minimum: i64, maximum: i64 },
    OneOf(Vec<String>),
}

/// A request's path, matched.
pub(crate) struct Match<'a> {
    pub(crate) operation: &'a Operation,
    pub(crate) account_id: Option<i64>,
    /// The values of the path's parameters, in order, without the account's.
    pub(crate) ids: Vec<i64>,
}

/// What a request asks for.
pub(crate) enum Found<'a> {
    Operation(Match<'a>),
    /// The path is there, with other methods.
    OtherMethods(Vec<Method>),
    Nothing,
}

impl Document {
    /// The committed one; read once, however many simulators there are.
    pub(crate) fn committed() -> &'static Arc<Self> {
        static COMMITTED: LazyLock<Arc<Document>> = LazyLock::new(|| {
            let value = serde_json::from_str(DOCUMENT).expect("the committed document is JSON");
            Arc::new(Document::read(value))
        });
        &COMMITTED
    }

    pub(crate) fn read(value: Value) -> Self {
        let mut operations = Vec::new();
        for (path, item) in value["paths"].as_object().into_iter().flatten() {
            for (method, operation) in item.as_object().into_iter().flatten() {
                // What else stands at a path is for all of its operations.
                if operation["operationId"].is_null() {
                    continue;
                }
                operations.push(Operation::read(&value, path, method, operation, false));
                if operation["x-huntress-account-scope"] == true {
                    operations.push(Operation::read(&value, path, method, operation, true));
                }
            }
        }
        // Literal segments before parameters.
        operations.sort_by_key(|operation| operation.path.matches('{').count());
        let lists = operations
            .iter()
            .filter(|operation| operation.is_list() && !operation.path.contains('{'));
        let lists = lists.filter_map(|operation| {
            let component = operation.answer.component()?;
            Some((operation.path.clone(), component.to_owned()))
        });
        let mut document = Self {
            lists: lists.collect(),
            more: BTreeMap::new(),
            operations,
            plans: Plans::of(&value),
            value,
        };
        for (list, component) in &document.lists {
            let properties = |component| document.properties(component).into_iter().flatten();
            let listed = |name: &&String| properties(component).any(|(listed, _)| listed == *name);
            let whole = properties(document.whole(list).unwrap_or(component));
            let more = whole.map(|(name, _)| name).filter(|name| !listed(name));
            let more: BTreeSet<String> = more.cloned().collect();
            if !more.is_empty() {
                document.more.insert(list.clone(), more);
            }
        }
        document
    }

    /// The properties of a component.
    pub(crate) fn properties(&self, component: &str) -> Option<&Map<String, Value>> {
        self.value["components"]["schemas"][component]["properties"].as_object()
    }

    /// The component of one row of a list when it is asked for alone. It may have fields that
    /// the list leaves out.
    pub(crate) fn whole(&self, list: &str) -> Option<&str> {
        let mut alone = self.operations.iter().filter(|operation| {
            operation.method == Method::GET
                && operation.collection() == list
                && !operation.is_list()
        });
        alone.find_map(|operation| operation.answer.component())
    }

    pub(crate) fn find(&self, method: &Method, path: &str) -> Found<'_> {
        let mut others = Vec::new();
        for operation in &self.operations {
            if let Some(found) = operation.matches(path) {
                if operation.method == *method {
                    return Found::Operation(found);
                }
                others.push(operation.method.clone());
            }
        }
        if others.is_empty() {
            Found::Nothing
        } else {
            Found::OtherMethods(others)
        }
    }
}

impl Operation {
    fn read(document: &Value, path: &str, method: &str, operation: &Value, scoped: bool) -> Self {
        let full = if scoped {
            path.replacen(PREFIX, ACCOUNT_PREFIX, 1)
        } else {
            path.to_owned()
        };
        let responses = operation["responses"].as_object().into_iter().flatten();
        let statuses: Vec<u16> = responses
            .filter_map(|(status, _)| status.parse().ok())
            .collect();
        let success = statuses.iter().copied().find(|status| *status < 300);
        let success = success.unwrap_or(200);
        let response = followed(document, &operation["responses"][success.to_string()]);
        let shared = document["paths"][path]["parameters"].as_array();
        let parameters = operation["parameters"].as_array().into_iter().chain(shared);
        let parameters = parameters
            .flatten()
            .map(|parameter| followed(document, parameter))
            .filter(|parameter| parameter["in"] == "query");
        let body = followed(document, &operation["requestBody"]);
        let body = &body["content"]["application/json"]["schema"];
        Self {
            id: operation["operationId"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            method: method.to_uppercase().parse().expect("a method"),
            segments: full.split('/').map(str::to_owned).collect(),
            place: format!("{} {full}", method.to_uppercase()),
            path: path.to_owned(),
            scoped,
            reads: method == "get" || operation["x-huntress-reads"] == true,
            success: StatusCode::from_u16(success).expect("a status"),
            answer: Answer::read(document, response),
            parameters: parameters
                .map(|parameter| Parameter::read(document, parameter))
                .collect(),
            body: body.is_object().then(|| body.clone()),
            statuses,
        }
    }

    /// Whether it answers the rows of a list.
    pub(crate) fn is_list(&self) -> bool {
        self.method == Method::GET
            && matches!(self.answer, Answer::Page { .. } | Answer::List { .. })
    }

    /// `/v1/agents` for `/v1/agents/{id}`.
    pub(crate) fn collection(&self) -> &str {
        let end = self.path.rfind("/{").filter(|_| self.path.ends_with('}'));
        &self.path[..end.unwrap_or(self.path.len())]
    }

    /// The first of these statuses that the document has for this operation, or else the
    /// last of them.
    pub(crate) fn documented(&self, statuses: &[u16]) -> StatusCode {
        let documented = |status: &&u16| self.statuses.contains(status);
        let status = statuses.iter().find(documented).or(statuses.last());
        StatusCode::from_u16(*status.expect("at least one status")).expect("a status")
    }

    /// The ids in a path, where it is this operation's.
    pub(crate) fn ids(&self, path: &str) -> Option<Vec<i64>> {
        let mut segments = path.split('/');
        let mut ids = Vec::new();
        for pattern in &self.segments {
            let segment = segments.next()?;
            if pattern.starts_with('{') {
                ids.push(segment.parse().ok()?);
            } else if pattern != segment {
                return None;
            }
        }
        segments.next().is_none().then_some(ids)
    }

    fn matches(&self, path: &str) -> Option<Match<'_>> {
        let mut ids = self.ids(path)?;
        let account_id = self.scoped.then(|| ids.remove(0));
        Some(Match {
            operation: self,
            account_id,
            ids,
        })
    }
}

impl Answer {
    fn read(document: &Value, response: &Value) -> Self {
        let schema = &response["content"]["application/json"]["schema"];
        let place = Place::of(document, schema);
        let Some(name) = place.component else {
            return Self::Nothing;
        };
        let envelope = &place.schema["x-huntress-envelope"];
        let Some(key) = envelope["items"].as_str().or(envelope["key"].as_str()) else {
            let component = name.to_owned();
            return Self::Bare { component };
        };
        let mut held = Place::of(document, &place.schema["properties"][key]);
        if let Some(items) = held.schema.get("items") {
            held = Place::of(document, items);
        }
        // Rows of a query have no component of their own.
        let component = held.component.unwrap_or_default().to_owned();
        let key = key.to_owned();
        match envelope["kind"].as_str() {
            Some("page") => Self::Page { key, component },
            Some("list") => Self::List { key, component },
            _ => Self::Resource { key, component },
        }
    }

    pub(crate) fn component(&self) -> Option<&str> {
        match self {
            Self::Page { component, .. }
            | Self::List { component, .. }
            | Self::Resource { component, .. }
            | Self::Bare { component } => Some(component),
            Self::Nothing => None,
        }
    }

    /// A resource in the envelope that the document has for it.
    pub(crate) fn wrap(&self, resource: Value) -> Value {
        match self {
            Self::Resource { key, .. } | Self::List { key, .. } => json!({ key: resource }),
            _ => resource,
        }
    }
}

impl Parameter {
    fn read(document: &Value, parameter: &Value) -> Self {
        let place = Place::of(document, &parameter["schema"]);
        let items = place.schema.get("items");
        let list = place.schema["type"] == "array" || items.is_some();
        let one = items.map_or(place, |items| Place::of(document, items));
        Self {
            name: parameter["name"].as_str().unwrap_or_default().to_owned(),
            kind: Kind::read(one),
            comma_separated: list && parameter["explode"] == false
                || place.schema["x-huntress-comma-separated"] == true,
        }
    }
}

impl Kind {
    fn read(place: Place) -> Self {
        if let Some(values) = place.values() {
            let values = values.iter().filter_map(Value::as_str);
            return Self::OneOf(values.map(str::to_owned).collect());
        }
        let schema = place.schema;
        match schema["type"].as_str() {
            Some("boolean") => Self::Boolean,
            Some("integer") => Self::Integer {
                minimum: schema["minimum"].as_i64().unwrap_or(i64::MIN),
                maximum: schema["maximum"].as_i64().unwrap_or(i64::MAX),
            },
            _ => Self::Text,
        }
    }

    /// Why a value is not one of these.
    pub(crate) fn check(&self, value: &str) -> Result<(), String> {
        match self {
            Self::Text => Ok(()),
            Self::Boolean if ["true", "false"].contains(&value) => Ok(()),
            Self::Boolean => Err("must be true or false".to_owned()),
            Self::Integer { minimum, maximum } => match value.parse::<i64>() {
                Ok(number) if (*minimum..=*maximum).contains(&number) => Ok(()),
                Ok(_) => Err(format!("must be from {minimum} to {maximum}")),
                Err(_) => Err("must be a whole number".to_owned()),
            },
            Self::OneOf(known) if known.iter().any(|known| known == value) => Ok(()),
            Self::OneOf(known) => Err(format!("must be one of {}", known.join(", "))),
        }
    }
}

/// The names of all operations.
pub(crate) fn operation_ids() -> &'static BTreeSet<String> {
    static IDS: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
        let operations = Document::committed().operations.iter();
        operations.map(|operation| operation.id.clone()).collect()
    });
    &IDS
}

/// What stands at a place, or what the reference there names.
fn followed<'d>(document: &'d Value, at: &'d Value) -> &'d Value {
    match at["$ref"].as_str() {
        Some(reference) => referred(document, reference),
        None => at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parameters, bodies and answers that lead elsewhere, as a document may have them.
    fn document() -> Document {
        let severity = json!({"$ref": "#/components/schemas/Severity"});
        let some = json!({"allOf": [severity], "x-huntress-values": ["low", "high"]});
        let query =
            |name: &str, schema: Value| json!({"in": "query", "name": name, "schema": schema});
        let mut severities = query("severities", json!({"type": "array", "items": some}));
        severities["explode"] = json!(false);
        Document::read(json!({
            "paths": {"/v1/things": {
                "description": "not an operation",
                "parameters": [query("shared", json!({"type": "boolean"}))],
                "get": {
                    "operationId": "list_things",
                    "parameters": [
                        {"$ref": "#/components/parameters/Limit"},
                        query("id", json!({"$ref": "#/components/schemas/ThingId"})),
                        query("severity", some.clone()),
                        severities,
                        query("both", json!({"type": "array", "items": severity})),
                    ],
                    "responses": {"200": {"$ref": "#/components/responses/Things"}},
                },
                "post": {
                    "operationId": "create_thing",
                    "requestBody": {"$ref": "#/components/requestBodies/Thing"},
                    "responses": {"201": {"description": "made"}},
                },
            }},
            "components": {
                "parameters": {"Limit": query("limit", json!({"type": "integer", "maximum": 500}))},
                "requestBodies": {"Thing": {
                    "content": {"application/json": {"schema": {"type": "object"}}},
                }},
                "responses": {"Things": {"content": {"application/json": {
                    "schema": {"allOf": [{"$ref": "#/components/schemas/ThingPage"}]},
                }}}},
                "schemas": {
                    "Severity": {"type": "string", "enum": ["low", "medium", "high"]},
                    "ThingId": {"type": "integer", "format": "int64", "x-huntress-id": true},
                    "ThingList": {"type": "array", "items": {"$ref": "#/components/schemas/Thing"}},
                    "ThingPage": {
                        "x-huntress-envelope": {"items": "things", "kind": "page"},
                        "properties": {"things": {"$ref": "#/components/schemas/ThingList"}},
                    },
                    "Thing": {"properties": {
                        "id": {"$ref": "#/components/schemas/ThingId"},
                        "other_id": {"allOf": [{"$ref": "#/components/schemas/ThingId"}]},
                        "severity": some,
                        "severities": {"type": "array", "items": some},
                    }},
                },
            },
        }))
    }

    #[test]
    fn what_a_parameter_may_be_is_found_wherever_it_stands() {
        let document = document();
        let operation = &document.operations[0];
        let parameter = |name: &str| {
            let mut all = operation.parameters.iter();
            all.find(|parameter| parameter.name == name).unwrap()
        };
        for (name, value, fits) in [
            ("shared", "true", true),
            ("shared", "yes", false),
            ("limit", "500", true),
            ("limit", "501", false),
            ("id", "7", true),
            ("id", "seven", false),
            ("severity", "high", true),
            ("severity", "medium", false),
            ("severities", "low", true),
            ("severities", "medium", false),
            ("both", "medium", true),
            ("both", "none", false),
        ] {
            let checked = parameter(name).kind.check(value);
            assert_eq!(checked.is_ok(), fits, "{name}={value}: {checked:?}");
        }
        let with_commas = operation
            .parameters
            .iter()
            .filter(|one| one.comma_separated);
        assert_eq!(with_commas.count(), 1);
        assert!(parameter("severities").comma_separated);
        assert!(document.operations[1].body.is_some());
        assert_eq!(document.operations.len(), 2);
    }

    #[test]
    fn a_list_is_made_of_what_its_references_lead_to() {
        let document = document();
        assert_eq!(document.lists["/v1/things"], "Thing");
        for seed in 0..50 {
            let thing = crate::values::Values::new(&document.plans, seed).object("Thing");
            assert!(
                thing["id"].is_i64() && thing["other_id"].is_i64(),
                "{thing}"
            );
            let listed = thing["severities"].as_array().unwrap().iter();
            for severity in listed.chain([&thing["severity"]]) {
                assert!(severity == "low" || severity == "high", "{thing}");
            }
        }
    }
}
