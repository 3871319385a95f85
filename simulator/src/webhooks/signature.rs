//! Secrets, and how a message is signed with them: HMAC-SHA256 over id, timestamp and body.
//!
//! It is written here once more, and not taken from the client, so that the two check each
//! other.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// What stands before a secret.
const PREFIX: &str = "whsec_";
/// How many bytes a secret that is made up has.
const MADE: usize = 24;
/// How many bytes a secret may have.
const SIZES: std::ops::RangeInclusive<usize> = 24..=64;

/// What an endpoint's messages are signed with.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret {
    /// With its prefix.
    text: String,
    key: Vec<u8>,
}

impl Secret {
    /// Reads a secret, with its prefix or without.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let encoded = text.strip_prefix(PREFIX).unwrap_or(text);
        let not_base64 = "the secret is not base64, with or without whsec_ before it";
        let key = STANDARD
            .decode(encoded)
            .map_err(|_| not_base64.to_owned())?;
        if !SIZES.contains(&key.len()) {
            let (least, most, size) = (SIZES.start(), SIZES.end(), key.len());
            return Err(format!(
                "the secret has {size} bytes; it must have {least} to {most}"
            ));
        }
        Ok(Self::of(key))
    }

    pub(crate) fn made_up(random: &mut fastrand::Rng) -> Self {
        let mut key = vec![0; MADE];
        random.fill(&mut key);
        Self::of(key)
    }

    fn of(key: Vec<u8>) -> Self {
        let text = format!("{PREFIX}{}", STANDARD.encode(&key));
        Self { text, key }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// An entry of the signature header.
    pub(crate) fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let mac = Hmac::<Sha256>::new_from_slice(&self.key);
        let mut mac = mac.expect("HMAC takes keys of any length");
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_those_of_the_public_vectors() {
        for (secret, id, timestamp, body, expected) in [
            (
                "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                "msg_p5jXN8AQM9LWM0D4loKWxJek",
                1_614_265_330,
                r#"{"test": 2432232314}"#,
                "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            ),
            (
                "C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
                "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
                1_649_367_553,
                r#"{"email":"test@example.com","username":"test_user"}"#,
                "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
            ),
        ] {
            let secret = Secret::read(secret).unwrap();
            assert_eq!(secret.sign(id, timestamp, body.as_bytes()), expected);
        }
    }

    #[test]
    fn a_secret_is_base64_of_the_right_length_and_is_not_shown() {
        let made = Secret::made_up(&mut fastrand::Rng::with_seed(1));
        assert_eq!(Secret::read(made.as_str()), Ok(made.clone()));
        assert_eq!(format!("{made:?}"), "Secret(…)");
        for (text, why) in [
            ("", "0 bytes"),
            ("whsec_", "0 bytes"),
            ("whsec_c2hvcnQ=", "5 bytes"),
            ("whsec_%%", "not base64"),
        ] {
            let error = Secret::read(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
