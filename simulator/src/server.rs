//! HTTP: authentication, routes, pagination.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::Credentials;
use crate::quota::Quota;
use crate::routes::{self, Answer, Match, Route};
use crate::world::World;

const DEFAULT_LIMIT: usize = 10;
const MAX_LIMIT: usize = 500;
/// The accounts that the reseller of the made-up world manages; the first is the key's own.
const ACCOUNTS: [i64; 3] = [1, 2, 3];

struct Api {
    document: Value,
    routes: Vec<Route>,
    worlds: BTreeMap<i64, World>,
    authorization: String,
    quota: Arc<Quota>,
}

pub(crate) fn router(credentials: &Credentials, quota: Arc<Quota>) -> Router {
    let document = routes::document();
    let routes = routes::read(&document);
    let world = |id: i64| (id, World::new(&document, &routes, id));
    let worlds = ACCOUNTS.into_iter().map(world).collect();
    let pair = format!("{}:{}", credentials.key, credentials.secret);
    let api = Api {
        authorization: format!("Basic {}", STANDARD.encode(pair)),
        worlds,
        routes,
        document,
        quota,
    };
    Router::new().fallback(answer).with_state(Arc::new(api))
}

async fn answer(
    State(api): State<Arc<Api>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    match api.respond(&method, &uri, &headers) {
        Ok(body) => (StatusCode::OK, axum::Json(body)).into_response(),
        Err((status, message)) => {
            (status, axum::Json(json!({ "message": message }))).into_response()
        }
    }
}

type Refusal = (StatusCode, String);

fn refuse<T>(status: StatusCode, message: impl Into<String>) -> Result<T, Refusal> {
    Err((status, message.into()))
}

impl Api {
    fn respond(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<Value, Refusal> {
        let given = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        if given != Some(&self.authorization) {
            return refuse(
                StatusCode::UNAUTHORIZED,
                "Missing or incorrect authorization scheme",
            );
        }
        // All accounts are reached with one key here, whose own account's quota it is.
        if self.quota.arrive(ACCOUNTS[0]).is_none() {
            return refuse(StatusCode::TOO_MANY_REQUESTS, "Rate limit exceeded");
        }
        if method != Method::GET {
            return refuse(StatusCode::NOT_IMPLEMENTED, "this simulator only reads");
        }
        let Some(found) = routes::find(&self.routes, uri.path()) else {
            return refuse(StatusCode::NOT_FOUND, "Invalid path specified");
        };
        let Some(world) = self.worlds.get(&found.account_id.unwrap_or(ACCOUNTS[0])) else {
            return refuse(StatusCode::NOT_FOUND, "Account not found");
        };
        let query: Vec<(String, String)> =
            form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
                .into_owned()
                .collect();
        self.read(world, &found, &query)
    }

    fn read(
        &self,
        world: &World,
        found: &Match,
        query: &[(String, String)],
    ) -> Result<Value, Refusal> {
        let not_found = || (StatusCode::NOT_FOUND, "Not found".to_owned());
        let Match { route, ids, .. } = found;
        match &route.answer {
            Answer::Page { key, .. } => {
                let mut items = world
                    .items(&self.document, route, ids)
                    .ok_or_else(not_found)?;
                items.retain(|item| route.filters.iter().all(|filter| fits(item, filter, query)));
                page(key, &items, query)
            }
            Answer::List { key, .. } => {
                let items = world
                    .items(&self.document, route, ids)
                    .ok_or_else(not_found)?;
                Ok(json!({ key: items }))
            }
            Answer::Resource { key, .. } => {
                let resource = world
                    .resource(&self.document, route, ids)
                    .ok_or_else(not_found)?;
                Ok(json!({ key: resource }))
            }
            Answer::Bare { .. } => world
                .resource(&self.document, route, ids)
                .ok_or_else(not_found),
        }
    }
}

/// Whether an item passes a filter that has the name of one of its fields.
fn fits(item: &Value, filter: &str, query: &[(String, String)]) -> bool {
    let wanted: Vec<&str> = query
        .iter()
        .filter(|(name, _)| name == filter)
        .map(|(_, value)| value.as_str())
        .collect();
    let Some(value) = item.get(filter).filter(|_| !wanted.is_empty()) else {
        return true;
    };
    let text = value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned);
    wanted.contains(&text.as_str())
}

fn page(key: &str, items: &[Value], query: &[(String, String)]) -> Result<Value, Refusal> {
    let get = |name: &str| {
        query
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    };
    let limit = match get("limit").map(str::parse::<usize>) {
        None => DEFAULT_LIMIT,
        Some(Ok(limit)) if (1..=MAX_LIMIT).contains(&limit) => limit,
        Some(_) => return refuse(StatusCode::BAD_REQUEST, "limit must be from 1 to 500"),
    };
    let start = match get("page_token") {
        None => 0,
        Some(token) => position(token).ok_or_else(|| {
            (
                StatusCode::BAD_REQUEST,
                "page_token is not valid".to_owned(),
            )
        })?,
    };
    let rest = items.get(start..).unwrap_or_default();
    let page = &rest[..limit.min(rest.len())];
    let mut pagination = json!({});
    if page.len() < rest.len() {
        pagination["next_page_token"] = json!(token(start + page.len()));
    }
    Ok(json!({ key: page, "pagination": pagination }))
}

fn token(position: usize) -> String {
    URL_SAFE_NO_PAD.encode(format!("after:{position}"))
}

fn position(token: &str) -> Option<usize> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    String::from_utf8(bytes)
        .ok()?
        .strip_prefix("after:")?
        .parse()
        .ok()
}
