//! The operations of the API's document, read at run time, so that a new operation of the
//! document needs no line of code here.

mod schema;

use huntress::http::Method;
use serde_json::{Map, Value};

use crate::failure::{Exit, Failure};

pub use schema::{Choice, Findings, Kind, Object, Schema, plain};

/// The document, and the operations in it.
pub struct Contract {
    document: Value,
    operations: Vec<Operation>,
}

/// One operation.
pub struct Operation {
    /// Its name, such as `list_agents`.
    pub id: String,
    /// The method it is called by.
    pub method: Method,
    /// Its path, with the names of its parameters in braces.
    pub path: String,
    /// The group that it belongs to.
    pub tag: String,
    /// What it does, in a line.
    pub summary: String,
    /// What it does, in some sentences.
    pub description: String,
    /// The vendor advises against it.
    pub deprecated: bool,
    /// It exists for managed accounts, too.
    pub scoped: bool,
    /// It changes something.
    pub writes: bool,
    /// What stands in its path and query.
    pub parameters: Vec<Parameter>,
    /// What it is sent.
    pub body: Option<Body>,
    /// What it answers.
    pub answer: Answer,
}

/// Where a parameter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the path.
    Path,
    /// In the query.
    Query,
}

/// A value of the path or the query.
pub struct Parameter {
    /// Its name on the wire.
    pub name: String,
    /// Where it stands.
    pub place: Place,
    /// It must be given.
    pub required: bool,
    /// What it may be, and what it is for.
    pub schema: Schema,
}

/// The JSON that an operation takes.
pub struct Body {
    /// It must be sent, if only `{}`.
    pub required: bool,
    /// What it may be.
    pub schema: Schema,
}

/// The form of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// How the records are wrapped.
    pub envelope: Envelope,
    /// The pointer to the schema of one record; empty where the document does not say.
    record: String,
}

/// How an answer wraps what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Envelope {
    /// One page of records under a key, and the token of the next.
    Page(String),
    /// All records under a key.
    List(String),
    /// One record under a key.
    Record(String),
    /// One record as it is.
    Bare,
    /// No body.
    Nothing,
}

impl Contract {
    /// The document that this release was made from.
    ///
    /// # Errors
    ///
    /// Never, unless this program was built wrongly.
    pub fn committed() -> Result<Self, Failure> {
        let document = serde_json::from_str(huntress_simulator::OPENAPI)
            .map_err(|problem| Failure::new(Exit::Failed, format!("the document: {problem}")))?;
        Ok(Self::read(document))
    }

    /// The operations of a document.
    pub fn read(document: Value) -> Self {
        let mut operations = Vec::new();
        for (path, item) in document["paths"].as_object().into_iter().flatten() {
            for (method, operation) in item.as_object().into_iter().flatten() {
                let method = Method::from_bytes(method.to_ascii_uppercase().as_bytes());
                if let (Some(id), Ok(method)) = (operation["operationId"].as_str(), method) {
                    operations.push(Operation::read(&document, path, method, id, operation));
                }
            }
        }
        Self {
            document,
            operations,
        }
    }

    /// All of them, in the order of the document.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The one of this name.
    pub fn operation(&self, id: &str) -> Option<&Operation> {
        self.operations.iter().find(|operation| operation.id == id)
    }

    /// The fields of the records that an operation answers; none where they may be any.
    pub fn fields(&self, operation: &Operation) -> Vec<(String, Schema)> {
        let Some(record) = self.document.pointer(&operation.answer.record) else {
            return Vec::new();
        };
        match Schema::read(&self.document, record).kind {
            Kind::Object(object) => object.fields,
            _ => Vec::new(),
        }
    }
}

impl Operation {
    fn read(document: &Value, path: &str, method: Method, id: &str, node: &Value) -> Self {
        let text = |key: &str| node[key].as_str().unwrap_or_default().to_owned();
        let is = |key: &str| node[key] == true;
        let parameters = node["parameters"].as_array().into_iter().flatten();
        let reads = [Method::GET, Method::HEAD, Method::OPTIONS].contains(&method);
        Self {
            id: id.to_owned(),
            path: path.to_owned(),
            tag: node["tags"][0].as_str().unwrap_or("Other").to_owned(),
            summary: text("summary"),
            description: text("description"),
            deprecated: is("deprecated"),
            scoped: is("x-huntress-account-scope"),
            writes: !reads && !is("x-huntress-reads"),
            parameters: parameters
                .filter_map(|parameter| Parameter::read(document, parameter))
                .collect(),
            body: Body::read(document, &node["requestBody"]),
            answer: Answer::read(document, &node["responses"]),
            method,
        }
    }

    /// The parameters that stand in one place.
    pub fn at(&self, place: Place) -> impl Iterator<Item = &Parameter> {
        self.parameters
            .iter()
            .filter(move |parameter| parameter.place == place)
    }

    /// Whether its answer is a page that can be followed by the next.
    pub fn has_pages(&self) -> bool {
        let by_query = self.at(Place::Query).any(|it| it.name == "page_token");
        matches!(self.answer.envelope, Envelope::Page(_))
            && !self.writes
            && (by_query || self.token_in_body())
    }

    /// Whether the token of the next page is sent in the body.
    pub fn token_in_body(&self) -> bool {
        let kind = self.body.as_ref().map(|body| &body.schema.kind);
        matches!(kind, Some(Kind::Object(it)) if it.field("page_token").is_some())
    }
}

impl Parameter {
    fn read(document: &Value, node: &Value) -> Option<Self> {
        let place = match node["in"].as_str() {
            Some("path") => Place::Path,
            Some("query") => Place::Query,
            _ => return None,
        };
        let mut schema = Schema::read(document, &node["schema"]);
        if let Some(docs) = node["description"].as_str() {
            schema.docs = docs.to_owned();
        }
        if let Kind::List { commas, .. } = &mut schema.kind {
            *commas = node["explode"] == false;
        }
        Some(Self {
            name: node["name"].as_str()?.to_owned(),
            place,
            required: node["required"] == true,
            schema,
        })
    }
}

impl Body {
    fn read(document: &Value, node: &Value) -> Option<Self> {
        let schema = node.pointer("/content/application~1json/schema")?;
        Some(Self {
            required: node["required"] == true,
            schema: Schema::read(document, schema),
        })
    }
}

impl Answer {
    /// That of the first success.
    fn read(document: &Value, responses: &Value) -> Self {
        let responses = responses.as_object().into_iter().flatten();
        let mut successes = responses.filter(|(status, _)| status.starts_with('2'));
        let schema = successes.find_map(|(_, response)| {
            let pointer = "/content/application~1json/schema/$ref";
            response.pointer(pointer)?.as_str()?.strip_prefix('#')
        });
        let Some(schema) = schema else {
            return Self {
                envelope: Envelope::Nothing,
                record: String::new(),
            };
        };
        let none = Map::new();
        let node = document.pointer(schema).and_then(Value::as_object);
        let node = node.unwrap_or(&none);
        let told = node.get("x-huntress-envelope").unwrap_or(&Value::Null);
        let key = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
        let (key, below, wrap): (_, _, fn(String) -> Envelope) = match told["kind"].as_str() {
            Some("page") => (key("items"), "/items", Envelope::Page),
            Some("list") => (key("items"), "/items", Envelope::List),
            Some("resource") => (key("key"), "", Envelope::Record),
            _ => {
                return Self {
                    envelope: Envelope::Bare,
                    record: schema.to_owned(),
                };
            }
        };
        let record = format!("{schema}/properties/{key}{below}");
        let envelope = wrap(key);
        Self { envelope, record }
    }
}

/// The name that is most like a mistyped one, if one is like it.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (strsim::levenshtein(name, candidate), candidate))
        .filter(|(far, candidate)| *far <= 1 + candidate.len().max(name.len()) / 4)
        .min_by_key(|(far, _)| *far)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_of_the_document_is_read() {
        let contract = Contract::committed().unwrap();
        let document: Value = serde_json::from_str(huntress_simulator::OPENAPI).unwrap();
        let items = document["paths"].as_object().unwrap().values();
        let told: usize = items.map(|item| item.as_object().unwrap().len()).sum();
        assert_eq!(contract.operations().len(), told);
        for operation in contract.operations() {
            for text in [&operation.summary, &operation.description, &operation.tag] {
                assert!(!text.is_empty(), "{}", operation.id);
            }
        }
    }

    #[test]
    fn an_answer_tells_its_fields_and_whether_more_follows() {
        let contract = Contract::committed().unwrap();
        let names = |id| -> Vec<String> {
            let fields = contract.fields(contract.operation(id).unwrap());
            fields.into_iter().map(|(name, _)| name).collect()
        };
        assert!(names("list_agents").contains(&"hostname".to_owned()));
        assert!(names("get_agent").contains(&"hostname".to_owned()));
        assert!(names("get_actor").contains(&"reseller".to_owned()));
        assert_eq!(names("list_known_vpns"), ["name", "slug"]);
        assert_eq!(names("query_siem"), [""; 0]);
        let has_pages = |id| contract.operation(id).unwrap().has_pages();
        assert!(has_pages("list_agents"));
        assert!(has_pages("query_siem"));
        assert!(!has_pages("list_known_vpns"));
        assert!(!has_pages("get_agent"));
    }

    #[test]
    fn a_slip_has_a_nearest_name_and_nonsense_has_none() {
        let known = ["hostname", "organization_id", "status"];
        assert_eq!(nearest("hostnam", known), Some("hostname"));
        assert_eq!(nearest("organisation_id", known), Some("organization_id"));
        assert_eq!(nearest("qqqqqqqq", known), None);
    }
}
