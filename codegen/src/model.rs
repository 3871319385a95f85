//! What the passes need to know of `spec/openapi.json` beside what progenitor made of it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::value::Index;
use serde_json::{Map, Value};

use super::extensions;

/// The document's operations and components, as plain facts.
#[derive(Debug, Default)]
pub struct Model {
    /// What operations are grouped under, in the order of the paths.
    pub tags: Vec<String>,
    /// By operation id.
    pub operations: BTreeMap<String, Operation>,
    /// By component name; envelopes and their parts are left out.
    pub schemas: BTreeMap<String, Schema>,
    /// What webhooks tell of, by type.
    pub events: Vec<Event>,
    pub contract: Contract,
}

/// Which document of the vendor's this is.
#[derive(Debug, Default)]
pub struct Contract {
    /// When the vendor served it: a day, a month or a year; `None` where nobody knows.
    pub captured: Option<String>,
    /// The day on which it was taken over.
    pub taken_over: String,
    pub digest: String,
}

/// Something that a webhook tells of.
#[derive(Debug)]
pub struct Event {
    /// `incident_report.created`
    pub event_type: String,
    pub description: String,
    /// The component that is sent.
    pub payload: String,
}

#[derive(Debug)]
pub struct Operation {
    pub id: String,
    pub method: String,
    pub path: String,
    pub summary: String,
    pub description: String,
    /// What the document groups it under; empty where it does not.
    pub tag: String,
    pub deprecated: bool,
    /// Whether a managed account can be asked for it: the mirror exists.
    pub account_scope: bool,
    /// Whether it changes nothing, so that it may be sent twice: every GET, and what an
    /// overlay says changes nothing.
    pub reads: bool,
    pub parameters: Vec<Parameter>,
    /// The component that is sent.
    pub body: Option<String>,
    pub envelope: Envelope,
    pub page_token: PageToken,
    /// Whether what has changed in the list can be found: see `shows_changes`.
    pub changed_since: bool,
}

/// Where a list takes the token of the page that is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageToken {
    /// It takes none, so it cannot be streamed.
    Nowhere,
    Query,
    Body,
}

/// A parameter of a path or query.
#[derive(Debug)]
pub struct Parameter {
    /// As it stands in the URL: `types[]`.
    pub name: String,
    /// What its setter is called by an overlay, where its own name cannot be that.
    pub setter: Option<String>,
    pub description: String,
    pub required: bool,
    /// The list travels as one comma-separated value.
    pub comma_separated: bool,
    /// It is an id of this type.
    pub id: Option<String>,
    /// The values of its enum that it takes, where it does not take all.
    pub accepted: Option<Vec<String>>,
    pub limits: Limits,
}

/// The least and the largest value of an integer, where the document says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    pub minimum: Option<i64>,
    pub maximum: Option<i64>,
}

/// How a success response holds its result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Envelope {
    /// No body.
    Nothing,
    /// The result itself; one of these keys shows that it is one.
    Bare(Vec<String>),
    /// Under this key.
    Resource(String),
    /// Under this key, or itself.
    ResourceOrBare(String),
    /// A list under this key.
    List(String),
    /// A list under this key beside `pagination`.
    Page(String),
}

#[derive(Debug)]
pub struct Schema {
    pub description: String,
    pub kind: Kind,
    /// Reachable from a request body.
    pub sent: bool,
    /// Reachable from a success response or an event.
    pub received: bool,
    /// Reachable from events alone.
    pub of_events: bool,
    /// What must be there, in the vendor's order.
    pub required: Vec<String>,
    /// Of these properties one must be sent.
    pub exactly_one: Vec<String>,
    /// Of these properties one may be sent.
    pub at_most_one: Vec<String>,
}

/// What a component is.
#[derive(Debug)]
pub enum Kind {
    Object(Vec<Property>),
    /// What its values mean, where we know it.
    Enum(BTreeMap<String, String>),
    Union,
    /// An integer that is the id of something.
    Id,
}

/// A property of an object.
#[derive(Debug)]
pub struct Property {
    pub name: String,
    pub description: String,
    pub required: bool,
    pub nullable: bool,
    /// The name of a module in `src/lenient.rs`.
    pub decode: Option<String>,
    /// The list travels as one comma-separated value.
    pub comma_separated: bool,
    /// The values of its enum that it takes, where it does not take all.
    pub accepted: Option<Vec<String>>,
    pub limits: Limits,
    pub min_length: Option<i64>,
    pub max_length: Option<i64>,
}

/// Where a document of OpenAPI 3.0 has its webhooks, which 3.1 has a word for.
pub const WEBHOOKS: &str = "x-webhooks";

/// The methods that a path item can have.
pub const METHODS: [&str; 8] = [
    "get", "put", "post", "delete", "options", "head", "patch", "trace",
];

/// The component that a `$ref`, bare or in an `allOf` of nothing else, names.
pub fn referenced(schema: &Value) -> Option<&str> {
    let reference = match schema["allOf"].as_array().map(Vec::as_slice) {
        Some([only]) => &only["$ref"],
        _ => &schema["$ref"],
    };
    reference.as_str()?.strip_prefix("#/components/schemas/")
}

/// Adds to `found` every component that `node` refers to, directly or through others.
pub fn reachable<'a>(node: &'a Value, document: &'a Value, found: &mut BTreeSet<&'a str>) {
    // Not by recursion: a chain of components may be as long as the document.
    let mut open = vec![node];
    while let Some(node) = open.pop() {
        match node {
            Value::Object(map) => {
                if let Some(name) = map.get("$ref").and_then(|_| referenced(node))
                    && found.insert(name)
                {
                    open.push(&document["components"]["schemas"][name]);
                }
                open.extend(map.values());
            }
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
}

/// The JSON schema of a success response and its envelope, resolved.
pub fn success<'a>(document: &'a Value, operation: &'a Value) -> Option<(&'a str, &'a Value)> {
    let responses = operation["responses"].as_object()?;
    let (_, response) = responses
        .iter()
        .find(|(status, _)| status.starts_with('2'))?;
    let schema = response.pointer("/content/application~1json/schema")?;
    let name = referenced(schema)?;
    Some((name, &document["components"]["schemas"][name]))
}

impl Model {
    /// Reads the document; an error names the operation or schema it is about.
    pub fn read(document: &Value) -> Result<Self, String> {
        let mut model = Self::default();
        let (mut sent, mut received) = (BTreeSet::new(), BTreeSet::new());
        for (path, item) in entries(&document["paths"]) {
            for method in METHODS {
                let Some(operation) = item.get(method) else {
                    continue;
                };
                reachable(&operation["requestBody"], document, &mut sent);
                reachable(&operation["responses"], document, &mut received);
                let operation = Operation::read(document, path, method, operation)
                    .map_err(|problem| format!("{} {path}: {problem}", method.to_uppercase()))?;
                if !model.tags.contains(&operation.tag) {
                    model.tags.push(operation.tag.clone());
                }
                model.operations.insert(operation.id.clone(), operation);
            }
        }
        let mut told = BTreeSet::new();
        for (event_type, item) in entries(&document[WEBHOOKS]) {
            reachable(item, document, &mut told);
            model.events.push(Event::read(event_type, item)?);
        }
        for (name, schema) in entries(&document["components"]["schemas"]) {
            if schema.get(extensions::ENVELOPE).is_none()
                && schema.get(extensions::PART_OF_ENVELOPE).is_none()
            {
                let schema = Schema {
                    description: text(schema, "description"),
                    kind: Kind::read(schema),
                    required: texts(&schema["required"]).unwrap_or_default(),
                    exactly_one: texts(&schema[extensions::EXACTLY_ONE]).unwrap_or_default(),
                    at_most_one: texts(&schema[extensions::AT_MOST_ONE]).unwrap_or_default(),
                    sent: sent.contains(name.as_str()),
                    received: received.contains(name.as_str()) || told.contains(name.as_str()),
                    of_events: !received.contains(name.as_str()) && !sent.contains(name.as_str()),
                };
                model.schemas.insert(name.clone(), schema);
            }
        }
        let contract = &document["info"][extensions::CONTRACT];
        model.contract = Contract {
            captured: contract["captured"].as_str().map(str::to_owned),
            taken_over: text(contract, "taken_over"),
            digest: text(contract, "digest"),
        };
        Ok(model)
    }
}

impl Event {
    fn read(event_type: &str, item: &Value) -> Result<Self, String> {
        let post = &item["post"];
        let payload = referenced(&post["requestBody"]["content"]["application/json"]["schema"]);
        let payload = payload
            .ok_or_else(|| format!("the event {event_type}: its payload is not a component"))?;
        Ok(Self {
            event_type: event_type.to_owned(),
            description: text(post, "description"),
            payload: payload.to_owned(),
        })
    }
}

impl Operation {
    fn read(document: &Value, path: &str, method: &str, operation: &Value) -> Result<Self, String> {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let body = &operation["requestBody"]["content"]["application/json"]["schema"];
        if body.is_object() && referenced(body).is_none() {
            return Err("its request body is not a named component".to_owned());
        }
        let parameters: Vec<_> = parameters
            .map(|parameter| Parameter::read(document, parameter))
            .collect();
        Ok(Self {
            id: text(operation, "operationId"),
            method: method.to_uppercase(),
            path: path.to_owned(),
            summary: text(operation, "summary"),
            description: text(operation, "description"),
            tag: text(&operation["tags"], 0),
            deprecated: operation["deprecated"] == true,
            account_scope: operation[extensions::ACCOUNT_SCOPE] == true,
            reads: method == "get" || operation[extensions::READS] == true,
            changed_since: shows_changes(document, operation),
            parameters,
            body: referenced(body).map(str::to_owned),
            envelope: Envelope::read(document, operation)?,
            page_token: PageToken::read(document, operation),
        })
    }
}

/// Whether what has changed in a list can be found: its records show `updated_at`, it sorts
/// by that and by `id`, newest first, and its pages take a size and a token. So does a list that
/// is deprecated: that must not take away what programs call.
fn shows_changes(document: &Value, operation: &Value) -> bool {
    let schemas = &document["components"]["schemas"];
    let Some((_, page)) = success(document, operation) else {
        return false;
    };
    let envelope = &page[extensions::ENVELOPE];
    let Some(key) = envelope["items"].as_str() else {
        return false;
    };
    let record = referenced(&page["properties"][key]["items"]).map(|name| &schemas[name]);
    let shows = |field| record.is_some_and(|record| record["properties"].get(field).is_some());
    let takes = |name: &str, values: &[&str]| {
        let mut parameters = operation["parameters"].as_array().into_iter().flatten();
        let Some(parameter) = parameters.find(|parameter| parameter["name"] == name) else {
            return false;
        };
        let schema = &parameter["schema"];
        let all = || texts(&schemas[referenced(schema)?]["enum"]);
        let known = accepted(schema).or_else(all).unwrap_or_default();
        values
            .iter()
            .all(|value| known.iter().any(|known| known == value))
    };
    envelope["kind"] == "page"
        && shows("updated_at")
        && takes("sort_field", &["updated_at", "id"])
        && takes("sort_direction", &["desc"])
        && takes("limit", &[])
        && takes("page_token", &[])
}

impl PageToken {
    fn read(document: &Value, operation: &Value) -> Self {
        let body = &operation["requestBody"]["content"]["application/json"]["schema"];
        let body = referenced(body).map(|name| &document["components"]["schemas"][name]);
        let mut parameters = operation["parameters"].as_array().into_iter().flatten();
        if parameters.any(|parameter| parameter["name"] == "page_token") {
            Self::Query
        } else if body.is_some_and(|body| body["properties"].get("page_token").is_some()) {
            Self::Body
        } else {
            Self::Nowhere
        }
    }
}

impl Parameter {
    fn read(document: &Value, parameter: &Value) -> Self {
        let schema = &parameter["schema"];
        let component =
            referenced(schema).map(|name| (name, &document["components"]["schemas"][name]));
        let id = component.filter(|(_, component)| component[extensions::ID] == true);
        Self {
            name: text(parameter, "name"),
            setter: parameter[extensions::NAME].as_str().map(str::to_owned),
            description: text(parameter, "description"),
            required: parameter["required"] == true,
            comma_separated: schema["type"] == "array" && parameter["explode"] == false,
            id: id.map(|(name, _)| name.to_owned()),
            accepted: accepted(schema),
            limits: Limits::read(schema),
        }
    }
}

impl Limits {
    fn read(schema: &Value) -> Self {
        let limit = |key: &str| schema[key].as_i64().filter(|_| schema["type"] == "integer");
        Self {
            minimum: limit("minimum"),
            maximum: limit("maximum"),
        }
    }

    /// Both, an absent one as the end of the numbers; `None` where there is no limit.
    pub fn bounds(&self) -> Option<(i64, i64)> {
        let Self { minimum, maximum } = *self;
        minimum
            .or(maximum)
            .map(|_| (minimum.unwrap_or(i64::MIN), maximum.unwrap_or(i64::MAX)))
    }
}

impl Envelope {
    fn read(document: &Value, operation: &Value) -> Result<Self, String> {
        let Some((name, schema)) = success(document, operation) else {
            return Ok(Self::Nothing);
        };
        let Some(envelope) = schema.get(extensions::ENVELOPE) else {
            let keys = entries(&schema["properties"]).map(|(key, _)| key.clone());
            return Ok(Self::Bare(keys.collect()));
        };
        let key = envelope["items"].as_str().or(envelope["key"].as_str());
        let key = key
            .ok_or_else(|| format!("the envelope {name} names no key"))?
            .to_owned();
        match envelope["kind"].as_str() {
            Some("page") => Ok(Self::Page(key)),
            Some("list") => Ok(Self::List(key)),
            Some("resource") if envelope["bare"] == true => Ok(Self::ResourceOrBare(key)),
            Some("resource") => Ok(Self::Resource(key)),
            other => Err(format!(
                "the envelope {name} is of the unknown kind {other:?}"
            )),
        }
    }
}

impl Kind {
    fn read(schema: &Value) -> Self {
        if schema[extensions::ID] == true {
            return Self::Id;
        }
        if schema.get("enum").is_some() {
            let docs = entries(&schema[extensions::VALUE_DOCS]);
            let docs =
                docs.filter_map(|(value, doc)| Some((value.clone(), doc.as_str()?.to_owned())));
            return Self::Enum(docs.collect());
        }
        if schema.get("oneOf").is_some() {
            return Self::Union;
        }
        let required = schema["required"].as_array().into_iter().flatten();
        let required: BTreeSet<&str> = required.filter_map(Value::as_str).collect();
        let properties = entries(&schema["properties"]).map(|(name, property)| Property {
            name: name.clone(),
            description: text(property, "description"),
            required: required.contains(name.as_str()),
            nullable: property["nullable"] == true,
            decode: property[extensions::DECODE].as_str().map(str::to_owned),
            comma_separated: property[extensions::COMMA_SEPARATED] == true,
            accepted: accepted(property),
            limits: Limits::read(property),
            min_length: property["minLength"].as_i64(),
            max_length: property["maxLength"].as_i64(),
        });
        Self::Object(properties.collect())
    }
}

/// The values that a place takes of its enum, or its list of such.
fn accepted(schema: &Value) -> Option<Vec<String>> {
    texts(&schema[extensions::VALUES]).or_else(|| texts(&schema["items"][extensions::VALUES]))
}

fn texts(node: &Value) -> Option<Vec<String>> {
    let texts = node.as_array()?.iter().filter_map(Value::as_str);
    Some(texts.map(str::to_owned).collect())
}

fn text(node: &Value, key: impl Index) -> String {
    node[key].as_str().unwrap_or_default().to_owned()
}

fn entries(node: &Value) -> impl Iterator<Item = (&String, &Value)> {
    node.as_object().into_iter().flat_map(Map::iter)
}
