//! The style sheet and the icon. Their paths have a digest of their content, so browsers may
//! keep them for good, and a new release has new paths.

use std::sync::LazyLock;

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use sha2::{Digest as _, Sha256};

const STYLE: &str = include_str!("../../templates/dashboard/style.css");
const ICON: &str = include_str!("../../templates/dashboard/icon.svg");

const FOR_GOOD: &str = "public, max-age=31536000, immutable";

static STYLE_PATH: LazyLock<String> = LazyLock::new(|| path(STYLE, "style.css"));
static ICON_PATH: LazyLock<String> = LazyLock::new(|| path(ICON, "icon.svg"));

/// Where the style sheet is.
pub fn style() -> &'static str {
    &STYLE_PATH
}

/// Where the icon is.
pub fn icon() -> &'static str {
    &ICON_PATH
}

/// Both, under their paths.
pub fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route(
            style(),
            get(|| async { kept("text/css; charset=utf-8", STYLE) }),
        )
        .route(icon(), get(|| async { kept("image/svg+xml", ICON) }))
}

fn kept(kind: &'static str, content: &'static str) -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, FOR_GOOD),
    ];
    (headers, content)
}

fn path(content: &str, name: &str) -> String {
    let digest = Sha256::digest(content.as_bytes());
    let digest: String = digest
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("/assets/{digest}/{name}")
}
