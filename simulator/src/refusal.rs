//! Answers that are not a success.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// An error status with a body that says why.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) body: Value,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        let message: String = message.into();
        Self {
            status,
            body: json!({ "message": message }),
        }
    }

    /// A body or a parameter that is wrong at some fields.
    pub(crate) fn of_fields(status: StatusCode, errors: &[(String, String)]) -> Self {
        let message = errors
            .iter()
            .map(|(field, why)| format!("{field}: {why}"))
            .collect::<Vec<_>>()
            .join("; ");
        let errors: Vec<_> = errors
            .iter()
            .map(|(field, why)| json!({"field": field, "message": why}))
            .collect();
        Self {
            status,
            body: json!({"message": message, "errors": errors}),
        }
    }
}

/// Refuses with a message.
pub(crate) fn refuse<T>(status: StatusCode, message: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::new(status, message))
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, axum::Json(self.body)).into_response()
    }
}
