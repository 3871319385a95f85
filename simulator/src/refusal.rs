//! Answers that are not a success.

use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use crate::body::{self, Body};

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
            .map(|(field, why)| match &**field {
                "" => why.clone(),
                field => format!("{field}: {why}"),
            })
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

    pub(crate) fn into_response(self) -> Response<Body> {
        body::json(self.status, &self.body)
    }
}

/// Refuses with a message.
pub(crate) fn refuse<T>(status: StatusCode, message: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::new(status, message))
}
