//! The signature of a delivery, as Svix and Standard Webhooks have it.
//!
//! What is signed is the id, a dot, the time in seconds, a dot, and the bytes of the body, by
//! HMAC-SHA256. The header has one entry or more (while a secret is changed, one for each),
//! with a space between: a version, a comma, and 32 bytes in base64. Versions other than `v1`
//! are passed over.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use sha2::Sha256;

use super::error::{SetupError, VerifyError};
use super::secret::Secret;

/// The names of the three headers. Svix has names of its own; whoever sends by it under their
/// own name has those of Standard Webhooks.
struct Family {
    id: &'static str,
    timestamp: &'static str,
    signature: &'static str,
}

const FAMILIES: [Family; 2] = [
    Family {
        id: "svix-id",
        timestamp: "svix-timestamp",
        signature: "svix-signature",
    },
    Family {
        id: "webhook-id",
        timestamp: "webhook-timestamp",
        signature: "webhook-signature",
    },
];

/// Bytes of an id at most.
const LONGEST_ID: usize = 256;
/// Bytes of all signatures at most. A sender has eleven secrets at most, and 48 bytes for each.
const LONGEST_SIGNATURES: usize = 4_096;

/// What the three headers say.
pub(super) struct Signed<'a> {
    pub(super) id: &'a str,
    /// As it stands there, which is what was signed.
    timestamp: &'a str,
    pub(super) sent_at: Timestamp,
    signatures: &'a str,
}

impl<'a> Signed<'a> {
    /// Reads the headers of one family, of which all three must be there.
    pub(super) fn read(headers: &'a HeaderMap) -> Result<Self, VerifyError> {
        let has = |name: &&'static str| headers.contains_key(*name);
        let whole = FAMILIES
            .iter()
            .find(|family| family.names().iter().all(has));
        let Some(family) = whole else {
            // That of which most is there; of two alike the first.
            let present = |family: &&Family| family.names().iter().filter(|name| has(name)).count();
            let family = FAMILIES
                .iter()
                .rev()
                .max_by_key(present)
                .unwrap_or(&FAMILIES[0]);
            let mut missing = family.names().into_iter().filter(|name| !has(name));
            let name = missing.next().unwrap_or(family.id);
            return Err(VerifyError::MissingHeader { name });
        };
        let timestamp = text(headers, family.timestamp, 20)?;
        let sent_at = seconds(timestamp).ok_or(VerifyError::MalformedHeader {
            name: family.timestamp,
            why: "is not a number of seconds",
        })?;
        Ok(Self {
            id: text(headers, family.id, LONGEST_ID)?,
            timestamp,
            sent_at,
            signatures: text(headers, family.signature, LONGEST_SIGNATURES)?,
        })
    }

    /// Whether one of the signatures is that of one of the secrets. Each is compared with each,
    /// in a time that tells nothing.
    pub(super) fn is_by(&self, secrets: &[Secret], body: &[u8]) -> bool {
        let entries = self.signatures.split(' ');
        let entries = entries.filter_map(|entry| STANDARD.decode(entry.strip_prefix("v1,")?).ok());
        let entries: Vec<Vec<u8>> = entries.collect();
        let mut matched = false;
        for secret in secrets {
            let mac = mac(secret, self.id, self.timestamp, body);
            for entry in &entries {
                matched |= mac.clone().verify_slice(entry).is_ok();
            }
        }
        matched
    }
}

impl Family {
    fn names(&self) -> [&'static str; 3] {
        [self.id, self.timestamp, self.signature]
    }
}

/// The one value of a header.
fn text<'a>(
    headers: &'a HeaderMap,
    name: &'static str,
    longest: usize,
) -> Result<&'a str, VerifyError> {
    let malformed = |why| VerifyError::MalformedHeader { name, why };
    let mut values = headers.get_all(name).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(malformed("comes more than once"));
    };
    match value.to_str() {
        Ok("") => Err(malformed("is empty")),
        Ok(text) if text.len() > longest => Err(malformed("is too long")),
        Ok(text) => Ok(text),
        Err(_) => Err(malformed("is not text")),
    }
}

/// A decimal number of seconds since 1970, without a sign.
fn seconds(text: &str) -> Option<Timestamp> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Timestamp::from_second(text.parse().ok()?).ok()
}

fn mac(secret: &Secret, id: &str, timestamp: &str, body: &[u8]) -> Hmac<Sha256> {
    let mut mac = secret.mac();
    for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
        mac.update(part);
    }
    mac
}

/// Signs a delivery as the sender does, for tests of a receiver: the three headers of a request
/// with this body. `id` is up to the test; `sent_at` counts in whole seconds.
///
/// # Errors
///
/// When the secret is none, or the id is not one to 256 bytes of visible ASCII.
pub fn sign(
    secret: &str,
    id: &str,
    sent_at: Timestamp,
    body: &[u8],
) -> Result<HeaderMap, SetupError> {
    let secret = Secret::parse(secret)?;
    let [family, _] = FAMILIES;
    let is_id = |id: &str| {
        (1..=LONGEST_ID).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
    };
    if !is_id(id) {
        return Err(SetupError::Id);
    }
    let timestamp = sent_at.as_second().to_string();
    let signature = mac(&secret, id, &timestamp, body).finalize().into_bytes();
    let signature = format!("v1,{}", STANDARD.encode(signature));
    let values = [id, &timestamp, &signature];
    let headers = family.names().into_iter().zip(values).map(|(name, value)| {
        let value = HeaderValue::from_str(value).expect("it is visible ASCII");
        (http::HeaderName::from_static(name), value)
    });
    Ok(headers.collect())
}
