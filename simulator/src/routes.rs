//! The GET operations of the document and what each answers.

use serde_json::Value;

const DOCUMENT: &str = include_str!("../../spec/openapi.json");
const PREFIX: &str = "/v1/";
const ACCOUNT_PREFIX: &str = "/v1/accounts/{account_id}/";

/// The document that the simulator serves.
pub(crate) fn document() -> Value {
    serde_json::from_str(DOCUMENT).expect("the committed document is JSON")
}

/// One GET operation.
#[derive(Debug)]
pub(crate) struct Route {
    /// As in the document, without the account scope.
    pub(crate) path: String,
    segments: Vec<String>,
    /// Whether this is the operation of a managed account.
    scoped: bool,
    pub(crate) answer: Answer,
    /// Names of the query parameters, other than those of pagination and sorting.
    pub(crate) filters: Vec<String>,
}

/// What an operation answers: under which key, made of which component.
#[derive(Debug)]
pub(crate) enum Answer {
    Page { key: String, component: String },
    List { key: String, component: String },
    Resource { key: String, component: String },
    Bare { component: String },
}

/// A request's path, matched.
pub(crate) struct Match<'a> {
    pub(crate) route: &'a Route,
    pub(crate) account_id: Option<i64>,
    /// The values of the path's parameters, in order, without the account's.
    pub(crate) ids: Vec<i64>,
}

/// All of them, the scoped ones included.
pub(crate) fn read(document: &Value) -> Vec<Route> {
    let mut routes = Vec::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        let operation = &item["get"];
        if let Some(answer) = Answer::read(document, operation) {
            routes.push(Route::new(path, false, operation, answer));
        }
        if operation["x-huntress-account-scope"] == true
            && let Some(answer) = Answer::read(document, operation)
        {
            routes.push(Route::new(path, true, operation, answer));
        }
    }
    routes
}

impl Route {
    fn new(path: &str, scoped: bool, operation: &Value, answer: Answer) -> Self {
        let full = if scoped {
            path.replacen(PREFIX, ACCOUNT_PREFIX, 1)
        } else {
            path.to_owned()
        };
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let filters = parameters
            .filter(|parameter| parameter["in"] == "query")
            .filter_map(|parameter| parameter["name"].as_str())
            .filter(|name| !["limit", "page_token", "sort_field", "sort_direction"].contains(name));
        Self {
            segments: full.split('/').map(str::to_owned).collect(),
            filters: filters.map(str::to_owned).collect(),
            path: path.to_owned(),
            scoped,
            answer,
        }
    }

    /// `/v1/agents` for `/v1/agents/{id}`.
    pub(crate) fn collection(&self) -> &str {
        let end = self.path.rfind("/{").filter(|_| self.path.ends_with('}'));
        &self.path[..end.unwrap_or(self.path.len())]
    }

    fn matches(&self, path: &str) -> Option<Match<'_>> {
        let segments: Vec<&str> = path.split('/').collect();
        if segments.len() != self.segments.len() {
            return None;
        }
        let mut ids = Vec::new();
        for (pattern, segment) in self.segments.iter().zip(segments) {
            if pattern.starts_with('{') {
                ids.push(segment.parse().ok()?);
            } else if pattern != segment {
                return None;
            }
        }
        let account_id = self.scoped.then(|| ids.remove(0));
        Some(Match {
            route: self,
            account_id,
            ids,
        })
    }
}

/// The route of a path; the first that fits, literal segments before parameters.
pub(crate) fn find<'a>(routes: &'a [Route], path: &str) -> Option<Match<'a>> {
    routes.iter().find_map(|route| route.matches(path))
}

impl Answer {
    fn read(document: &Value, operation: &Value) -> Option<Self> {
        let schema = operation.pointer("/responses/200/content/application~1json/schema")?;
        let name = component(schema)?;
        let schema = &document["components"]["schemas"][&name];
        let envelope = &schema["x-huntress-envelope"];
        let key = envelope["items"].as_str().or(envelope["key"].as_str());
        let Some(key) = key else {
            return Some(Self::Bare { component: name });
        };
        let held = &schema["properties"][key];
        let component = component(held).or_else(|| component(&held["items"]))?;
        let key = key.to_owned();
        Some(match envelope["kind"].as_str()? {
            "page" => Self::Page { key, component },
            "list" => Self::List { key, component },
            _ => Self::Resource { key, component },
        })
    }

    pub(crate) fn component(&self) -> &str {
        match self {
            Self::Page { component, .. }
            | Self::List { component, .. }
            | Self::Resource { component, .. }
            | Self::Bare { component } => component,
        }
    }
}

/// The component that a `$ref`, bare or in a single-entry `allOf`, names.
pub(crate) fn component(schema: &Value) -> Option<String> {
    let reference = schema["$ref"]
        .as_str()
        .or(schema["allOf"][0]["$ref"].as_str())?;
    Some(reference.strip_prefix("#/components/schemas/")?.to_owned())
}
