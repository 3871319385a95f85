//! What goes wrong with a message on its way, and what it makes of the body and its signature.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What goes wrong with the delivery of a webhook; see
/// [`FaultKind::Delivery`](crate::FaultKind::Delivery).
///
/// A signature or timestamp is wrong at the first attempt alone: when the receiver refuses it,
/// as it should, the message comes again with the right ones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DeliveryFault {
    /// The message is sent once more after it was accepted.
    Twice,
    /// The message is held back until a later one to the same endpoint was accepted, or five
    /// minutes have passed.
    OutOfOrder,
    /// The message is sent so many milliseconds after it happened.
    Delayed(u64),
    /// The timestamp, which is signed, is so many seconds old; with a negative number, it is
    /// that far in the future.
    Late(i64),
    /// The signature is made with a secret that nobody has.
    WrongSignature,
    /// Only the secret before the last rotation signs; waits for an endpoint that has one.
    OldSecret,
    /// The event type is one that no document has.
    UnknownEvent,
    /// Ids as text, null names, the account's id alone, a severity that no document has.
    OddFields,
    /// The headers are `webhook-id`, `webhook-timestamp` and `webhook-signature`.
    WhiteLabelled,
    /// The body is not JSON.
    NotJson,
}

impl DeliveryFault {
    /// The body that is sent instead.
    pub(crate) fn body(&self, payload: &Value) -> String {
        let mut payload = payload.clone();
        match self {
            Self::UnknownEvent => payload["event_type"] = json!("identity.resurrected"),
            Self::OddFields => odd(&mut payload),
            Self::NotJson => return "this is not JSON {".to_owned(),
            _ => {}
        }
        payload.to_string()
    }
}

fn odd(payload: &mut Value) {
    let account = payload["account"]["id"].clone();
    for (at, key) in [("", "id"), ("/organization", "id")] {
        if let Some(id) = payload.pointer_mut(&format!("{at}/{key}")) {
            *id = json!(id.to_string());
        }
    }
    if let Some(name) = payload.pointer_mut("/organization/name") {
        *name = Value::Null;
    }
    let organizations = payload.get_mut("organizations");
    for organization in organizations
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        organization["id"] = json!(organization["id"].to_string());
        organization["name"] = Value::Null;
    }
    if let Some(severity) = payload.get_mut("severity") {
        *severity = json!("apocalyptic");
    }
    if let Some(fields) = payload.as_object_mut() {
        fields.remove("account");
        fields.insert("account_id".to_owned(), account);
    }
}
