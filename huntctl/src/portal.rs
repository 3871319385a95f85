//! Pages for single organizations: their own counts and nothing else, for whoever has a signed
//! link.
//!
//! ```text
//! link.rs     makes links and reads them; the only place that says which organization is meant
//! report.rs   the counts of one organization, by queries that name its account and itself
//! page.rs     the same as a page, with the trend as the dashboard draws it
//! ```
//!
//! Nothing is asked of the store before the signature was right, and the organization that is asked
//! for is the one that was signed. The path names it, too, and must agree. The page and its JSON
//! say the same, so one link opens both.

mod link;
mod page;
mod report;

use std::sync::Arc;

use axum::extract::{Path, RawQuery, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use jiff::Timestamp;

use crate::config::Origin;
use crate::failure::Failure;
use crate::pull;
use crate::store::Store;
use link::Refused;

pub use link::{Key, Keys, Link};
pub use report::{Report, organizations};

const STYLE: &str = "/portal/style.css";

/// What a portal is made of; cheap to clone.
#[derive(Clone, Debug)]
pub struct Portal(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    keys: Keys,
    embed: Vec<String>,
    /// The header that says who may show a page in a frame.
    policy: HeaderValue,
    clock: fn() -> Timestamp,
}

impl Portal {
    /// One over a store, for links that these keys have signed, and for pages of these origins to
    /// embed. The clock decides when a link has expired.
    ///
    /// # Errors
    ///
    /// Where the store cannot be had.
    pub async fn new(
        store: Store,
        keys: Keys,
        embed: &[Origin],
        clock: fn() -> Timestamp,
    ) -> Result<Self, Failure> {
        // How old the data is stands in a table that pulls make.
        pull::create(store.database()).await?;
        let embed: Vec<String> = embed.iter().map(Origin::text).collect();
        let frames = match embed.is_empty() {
            true => "'none'".to_owned(),
            false => embed.join(" "),
        };
        let policy = format!(
            "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; \
             form-action 'none'; frame-ancestors {frames}"
        );
        // Origins are ASCII, without spaces or semicolons.
        let policy = HeaderValue::try_from(policy).unwrap_or_else(|_| {
            HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")
        });
        Ok(Self(Arc::new(Inner {
            store,
            keys,
            embed,
            policy,
            clock,
        })))
    }
}

/// `/portal/{organization}`, and the same with `.json` at its end.
pub fn router(portal: Portal) -> Router {
    Router::new()
        .route("/portal/{organization}", get(show))
        .route(STYLE, get(style))
        .layer(from_fn_with_state(portal.clone(), finish))
        .with_state(portal)
}

async fn show(
    State(portal): State<Portal>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let (id, json) = match name.strip_suffix(".json") {
        Some(id) => (id, true),
        None => (&*name, false),
    };
    let Inner {
        store, keys, clock, ..
    } = &*portal.0;
    let link = match Link::read(id, query.as_deref().unwrap_or_default(), keys, clock()) {
        Ok(link) => link,
        Err(refused) => return sorry(json, StatusCode::FORBIDDEN, refused.text()),
    };
    match Report::read(store, &link).await {
        Ok(Some(report)) if json => Json(report).into_response(),
        Ok(Some(report)) => page::report(&report),
        Ok(None) => sorry(json, StatusCode::NOT_FOUND, Refused::GONE),
        Err(failure) => {
            tracing::error!(
                account_id = link.account_id,
                organization_id = link.organization_id,
                "a page of the portal could not be made: {failure}"
            );
            sorry(
                json,
                StatusCode::SERVICE_UNAVAILABLE,
                "This page cannot be shown just now.",
            )
        }
    }
}

fn sorry(json: bool, status: StatusCode, text: &str) -> Response {
    match json {
        true => (status, Json(serde_json::json!({"error": text}))).into_response(),
        false => (status, page::sorry(text)).into_response(),
    }
}

async fn style() -> Response {
    let kind = (header::CONTENT_TYPE, "text/css; charset=utf-8");
    ([kind], include_str!("../templates/plain.css")).into_response()
}

/// Adds what keeps a page to whom it is for: no cache has it, no search engine, no page that it
/// links to learns its address, and no page shows it but those of the list.
async fn finish(State(portal): State<Portal>, request: Request, next: Next) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::VARY, "origin"),
        (HeaderName::from_static("x-robots-tag"), "noindex, nofollow"),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(header::CONTENT_SECURITY_POLICY, portal.0.policy.clone());
    allow(headers, origin, &portal.0.embed);
    response
}

/// Lets scripts of a listed page read the answer.
fn allow(headers: &mut HeaderMap, origin: Option<HeaderValue>, embed: &[String]) {
    let listed = origin.filter(|origin| embed.iter().any(|it| it.as_bytes() == origin.as_bytes()));
    if let Some(origin) = listed {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    }
}
