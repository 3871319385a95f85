//! The operations of the document: their paths, parameters, bodies and answers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use axum::http::{Method, StatusCode};
use jsonschema::Validator;
use serde_json::{Value, json};

use crate::values::Plans;

/// What the operations are read from.
pub(crate) const DOCUMENT: &str = include_str!("../spec/openapi.json");
/// The vendor's contracts.
pub(crate) const CONTRACT: &str = include_str!("../spec/swagger_doc.json");
pub(crate) const WEBHOOKS: &str = include_str!("../spec/webhooks_doc.json");
const PREFIX: &str = "/v1/";
const ACCOUNT_PREFIX: &str = "/v1/accounts/{account_id}/";

/// The document that the simulator serves.
pub(crate) struct Document {
    pub(crate) plans: Plans,
    pub(crate) operations: Vec<Operation>,
    /// Every list that stands alone, by its path: the component of its items.
    pub(crate) lists: BTreeMap<String, String>,
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
    pub(crate) body: Option<Body>,
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

/// A JSON body that an operation takes.
pub(crate) struct Body {
    pub(crate) validator: Validator,
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
    pub(crate) fn read() -> Self {
        let value: Value = serde_json::from_str(DOCUMENT).expect("the committed document is JSON");
        let mut operations = Vec::new();
        for (path, item) in value["paths"].as_object().into_iter().flatten() {
            for (method, operation) in item.as_object().into_iter().flatten() {
                operations.push(Operation::read(&value, path, method, operation, false));
                if operation["x-huntress-account-scope"] == true {
                    operations.push(Operation::read(&value, path, method, operation, true));
                }
            }
        }
        // Literal segments before parameters.
        operations.sort_by_key(|operation| operation.path.matches('{').count());
        let lists = operations.iter().filter(|operation| {
            operation.method == Method::GET
                && !operation.path.contains('{')
                && matches!(operation.answer, Answer::Page { .. } | Answer::List { .. })
        });
        let lists = lists.filter_map(|operation| {
            let component = operation.answer.component()?;
            Some((operation.path.clone(), component.to_owned()))
        });
        Self {
            lists: lists.collect(),
            operations,
            plans: Plans::of(&value),
        }
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
        let response = &operation["responses"][success.to_string()];
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let parameters = parameters.filter(|parameter| parameter["in"] == "query");
        let body = &operation["requestBody"]["content"]["application/json"]["schema"];
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
            body: component(body).map(|name| Body::read(document, &name)),
            statuses,
        }
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

    fn matches(&self, path: &str) -> Option<Match<'_>> {
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
        if segments.next().is_some() {
            return None;
        }
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
        let Some(name) = component(schema) else {
            return Self::Nothing;
        };
        let schema = &document["components"]["schemas"][&name];
        let envelope = &schema["x-huntress-envelope"];
        let Some(key) = envelope["items"].as_str().or(envelope["key"].as_str()) else {
            return Self::Bare { component: name };
        };
        let held = &schema["properties"][key];
        let component = component(held).or_else(|| component(&held["items"]));
        // Rows of a query have no component of their own.
        let component = component.unwrap_or_default();
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
        let schema = &parameter["schema"];
        let list = schema["type"] == "array";
        Self {
            name: parameter["name"].as_str().unwrap_or_default().to_owned(),
            kind: Kind::read(document, if list { &schema["items"] } else { schema }),
            comma_separated: list && parameter["explode"] == false,
        }
    }
}

impl Kind {
    fn read(document: &Value, schema: &Value) -> Self {
        if let Some(name) = component(schema) {
            let values = document["components"]["schemas"][&name]["enum"].as_array();
            let values = values.into_iter().flatten().filter_map(Value::as_str);
            return Self::OneOf(values.map(str::to_owned).collect());
        }
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

impl Body {
    fn read(document: &Value, component: &str) -> Self {
        let schema = json!({
            "$ref": format!("#/components/schemas/{component}"),
            "components": json_schema(&document["components"]),
        });
        let validator = jsonschema::options()
            .should_validate_formats(true)
            .build(&schema)
            .expect("the document's schemas are sound");
        Self { validator }
    }
}

/// `nullable` and the integer formats of OpenAPI 3.0 as JSON Schema says them.
fn json_schema(schema: &Value) -> Value {
    match schema {
        Value::Array(items) => items.iter().map(json_schema).collect(),
        Value::Object(fields) => {
            let fields = fields
                .iter()
                .map(|(key, value)| (key.clone(), json_schema(value)));
            let mut schema = Value::Object(fields.collect());
            let range = match schema["format"].as_str() {
                Some("int32") => Some((i64::from(i32::MIN), i64::from(i32::MAX))),
                Some("int64") => Some((i64::MIN, i64::MAX)),
                _ => None,
            };
            if let Some((minimum, maximum)) = range {
                for (key, bound) in [("minimum", minimum), ("maximum", maximum)] {
                    if schema.get(key).is_none() {
                        schema[key] = json!(bound);
                    }
                }
            }
            if schema["nullable"] == true {
                return json!({"anyOf": [{"type": "null"}, schema]});
            }
            schema
        }
        other => other.clone(),
    }
}

/// The names of all operations.
pub(crate) fn operation_ids() -> &'static BTreeSet<String> {
    static IDS: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
        let document: Value = serde_json::from_str(DOCUMENT).expect("the document is JSON");
        let paths = document["paths"].as_object().into_iter().flatten();
        let operations = paths.flat_map(|(_, item)| item.as_object().into_iter().flatten());
        let ids = operations.filter_map(|(_, operation)| operation["operationId"].as_str());
        ids.map(str::to_owned).collect()
    });
    &IDS
}

/// The component that a `$ref`, bare or in a single-entry `allOf`, names.
pub(crate) fn component(schema: &Value) -> Option<String> {
    let reference = schema["$ref"]
        .as_str()
        .or(schema["allOf"][0]["$ref"].as_str())?;
    Some(reference.strip_prefix("#/components/schemas/")?.to_owned())
}
