//! The secret of an endpoint, which is the key of its signatures.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _};
use secrecy::{ExposeSecret as _, SecretSlice};
use sha2::Sha256;

use super::error::SetupError;

/// How many bytes a key may have, by the specification; those of Svix have 24.
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;

/// The key of an endpoint; wiped from memory when it is dropped, and without a `Debug` text.
pub(super) struct Secret(SecretSlice<u8>);

impl Secret {
    /// Reads it as the portal shows it, with `whsec_` or without.
    pub(super) fn parse(text: &str) -> Result<Self, SetupError> {
        let text = text.trim();
        if text.starts_with("whsk_") || text.starts_with("whpk_") {
            return Err(SetupError::OtherScheme);
        }
        let encoded = text.strip_prefix("whsec_").unwrap_or(text);
        if encoded.is_empty() {
            return Err(SetupError::Empty);
        }
        let key = STANDARD
            .decode(encoded)
            .map_err(|_| SetupError::NotBase64)?;
        let length = key.len();
        let key = SecretSlice::from(key);
        if !LENGTHS.contains(&length) {
            return Err(SetupError::Length(length));
        }
        Ok(Self(key))
    }

    /// Begins a signature.
    pub(super) fn mac(&self) -> Hmac<Sha256> {
        Hmac::new_from_slice(self.0.expose_secret()).expect("HMAC takes keys of any length")
    }
}
