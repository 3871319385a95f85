//! What monitors ask: `/metrics` in the text format of Prometheus, and `/healthz`.
//!
//! They are served at an address of their own, so that nobody reaches them by the way that is
//! open to the world.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::prometheus_text;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

/// A registry whose names begin with `huntctl_`, with `huntctl_build_info` in it.
pub fn registry() -> Registry {
    let mut registry = Registry::with_prefix("huntctl");
    let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
    registry.register("build", "The release that runs", version);
    registry
}

struct Monitored<F> {
    registry: Registry,
    look: F,
}

/// Serves both. `look` sets what is only known by looking, such as what waits in a database, and
/// returns why the program is not well; nothing where it is.
pub fn app<F, L>(registry: Registry, look: F) -> Router
where
    F: Fn() -> L + Send + Sync + 'static,
    L: Future<Output = Vec<String>> + Send + 'static,
{
    let monitored = Arc::new(Monitored { registry, look });
    Router::new()
        .route("/healthz", get(health::<F, L>))
        .route("/metrics", get(metrics::<F, L>))
        .with_state(monitored)
}

async fn health<F, L>(State(monitored): State<Arc<Monitored<F>>>) -> Response
where
    F: Fn() -> L + Send + Sync + 'static,
    L: Future<Output = Vec<String>> + Send + 'static,
{
    let reasons = (monitored.look)().await;
    if reasons.is_empty() {
        return (StatusCode::OK, "ok\n").into_response();
    }
    let text = reasons.join("\n") + "\n";
    (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
}

async fn metrics<F, L>(State(monitored): State<Arc<Monitored<F>>>) -> Response
where
    F: Fn() -> L + Send + Sync + 'static,
    L: Future<Output = Vec<String>> + Send + 'static,
{
    (monitored.look)().await;
    let mut text = String::new();
    match prometheus_text::encode(&mut text, &monitored.registry) {
        Ok(()) => (
            [(header::CONTENT_TYPE, prometheus_text::CONTENT_TYPE)],
            text,
        )
            .into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
