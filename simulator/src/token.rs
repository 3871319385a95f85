//! Page tokens: where a page begins, and of which question it is one.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

/// A token that leads to the first page, for the fault of that name.
pub(crate) const ENDLESS: &str = "ZW5kbGVzcw";

/// A token for a place in the answer to a question, which it takes two values to name.
pub(crate) fn seal(question: &str, place: &(impl Serialize, impl Serialize)) -> String {
    URL_SAFE_NO_PAD.encode(json!([question, place.0, place.1]).to_string())
}

/// The place that a token names, if it is of the same question.
pub(crate) fn open<A, B>(token: &str, question: &str) -> Option<(A, B)>
where
    (String, A, B): DeserializeOwned,
{
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (sealed, one, other): (String, A, B) = serde_json::from_slice(&bytes).ok()?;
    (sealed == question).then_some((one, other))
}
