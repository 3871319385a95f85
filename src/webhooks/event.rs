//! What a webhook tells of, out of the body of its request.
//!
//! It is read as a record of a response is: what does not fit its field costs that field alone
//! (`fit.rs`). An event that is not known, or whose payload has no `id`, is
//! [`Unknown`](Event::Unknown) with all of its JSON: it was signed, so nothing of it may get
//! lost, and an error would make the sender try again for a day.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Event;
use crate::envelope::Reading;
use crate::fit::Fit;
use crate::odd::{OddField, OddParts};

/// An event, and the values of it that did not fit.
pub(crate) type Read = (Event, Vec<OddField>);

impl Event {
    /// Reads an event out of the body of a delivery, or out of what was kept of one.
    ///
    /// It does not fail: what this release does not know is [`Unknown`](Self::Unknown), with
    /// all that came. A value that does not fit its field is left out. Whether Huntress sent
    /// it, only a signature tells: see [`Verifier`](super::Verifier).
    pub fn from_slice(body: &[u8]) -> Self {
        read(body).0
    }
}

/// Reads an event, whatever it is.
pub(crate) fn read(body: &[u8]) -> Read {
    #[derive(Deserialize)]
    struct Kind {
        event_type: String,
    }
    let body = &*String::from_utf8_lossy(body);
    // A list would be read as a struct, field by field.
    let kind = body
        .trim_start()
        .starts_with('{')
        .then(|| serde_json::from_str(body));
    let event_type = match kind {
        Some(Ok(Kind { event_type })) => event_type,
        _ => String::new(),
    };
    Event::read(&event_type, body).unwrap_or_else(|| {
        let json = serde_json::from_str(body).unwrap_or_else(|_| Value::String(body.to_owned()));
        (Event::Unknown { event_type, json }, Vec::new())
    })
}

/// Reads the payload of an event that is known; `None` where it is no such record.
pub(crate) fn payload<T: DeserializeOwned + Fit>(
    event_type: &'static str,
    json: &str,
    event: fn(T) -> Event,
) -> Option<Read> {
    let (payload, removed) = Reading::of_the_api().read(json).ok()?;
    let parts = OddParts {
        place: String::new(),
        record_id: crate::envelope::id_of(json),
        removed,
    };
    Some((event(payload), parts.into_fields(event_type).collect()))
}
