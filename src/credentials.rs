//! The API key and secret, kept out of every text this crate makes.

use std::env::{self, VarError};
use std::fmt;

use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

/// Environment variables, in the order in which they are tried.
const PAIRS: [(&str, &str); 2] = [
    ("HUNTRESS_API_KEY", "HUNTRESS_API_SECRET"),
    ("HUNTRESS_PUBLIC_KEY", "HUNTRESS_PRIVATE_KEY"),
];

/// An API key (`hk_…`) and its secret (`hs_…`), sent as HTTP Basic authentication.
///
/// Neither `Debug` nor any error shows them. These copies are wiped from memory when
/// dropped; a client keeps the header it made of them as long as it lives.
#[derive(Clone)]
pub struct Credentials {
    key: SecretString,
    secret: SecretString,
}

impl Credentials {
    /// Takes a key and its secret as the portal shows them.
    pub fn new(key: impl Into<String>, secret: impl Into<String>) -> Self {
        Self {
            key: SecretString::from(key.into()),
            secret: SecretString::from(secret.into()),
        }
    }

    /// Reads `HUNTRESS_API_KEY` and `HUNTRESS_API_SECRET`, or else `HUNTRESS_PUBLIC_KEY`
    /// and `HUNTRESS_PRIVATE_KEY`.
    ///
    /// # Errors
    ///
    /// When neither pair is set, when one half of a pair is missing, or when a value is
    /// not UTF-8.
    pub fn from_env() -> Result<Self, CredentialsError> {
        Self::from_lookup(|name| env::var(name))
    }

    fn from_lookup(
        lookup: impl Fn(&str) -> Result<String, VarError>,
    ) -> Result<Self, CredentialsError> {
        let get = |name: &'static str| match lookup(name) {
            Ok(value) if value.is_empty() => Ok(None),
            Ok(value) => Ok(Some(value)),
            Err(VarError::NotPresent) => Ok(None),
            Err(VarError::NotUnicode(_)) => Err(CredentialsError::NotText(name)),
        };
        for (key_name, secret_name) in PAIRS {
            match (get(key_name)?, get(secret_name)?) {
                (Some(key), Some(secret)) => return Ok(Self::new(key, secret)),
                (Some(_), None) => {
                    return Err(CredentialsError::Half {
                        set: key_name,
                        missing: secret_name,
                    });
                }
                (None, Some(_)) => {
                    return Err(CredentialsError::Half {
                        set: secret_name,
                        missing: key_name,
                    });
                }
                (None, None) => {}
            }
        }
        Err(CredentialsError::NotSet)
    }

    /// The value of the `Authorization` header, marked as sensitive.
    pub(crate) fn authorization(&self) -> Result<HeaderValue, CredentialsError> {
        let (key, secret) = (self.key.expose_secret(), self.secret.expose_secret());
        for (name, value) in [("key", key), ("secret", secret)] {
            if value.is_empty() {
                return Err(CredentialsError::Malformed {
                    name,
                    why: "is empty",
                });
            }
            if value.contains(|c: char| c.is_whitespace() || c.is_control()) {
                return Err(CredentialsError::Malformed {
                    name,
                    why: "contains white space",
                });
            }
        }
        if key.contains(':') {
            return Err(CredentialsError::Malformed {
                name: "key",
                why: "contains a colon",
            });
        }
        use base64::Engine as _;
        let pair = SecretString::from(format!("{key}:{secret}"));
        let encoded = base64::engine::general_purpose::STANDARD.encode(pair.expose_secret());
        let mut value =
            HeaderValue::try_from(format!("Basic {encoded}")).expect("base64 is a header value");
        value.set_sensitive(true);
        Ok(value)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials([REDACTED])")
    }
}

/// Why there are no usable credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CredentialsError {
    /// No pair of environment variables is set.
    NotSet,
    /// One variable of a pair is set without the other.
    Half {
        /// The one that is set.
        set: &'static str,
        /// The one that is not.
        missing: &'static str,
    },
    /// A variable holds something that is not UTF-8.
    NotText(&'static str),
    /// The key or the secret cannot be one.
    Malformed {
        /// `key` or `secret`.
        name: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
}

impl fmt::Display for CredentialsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [(key, secret), (public, private)] = PAIRS;
        match self {
            Self::NotSet => write!(
                f,
                "no credentials: set {key} and {secret} (or {public} and {private})"
            ),
            Self::Half { set, missing } => write!(f, "{set} is set, but {missing} is not"),
            Self::NotText(name) => write!(f, "{name} is not UTF-8 text"),
            Self::Malformed { name, why } => write!(f, "the API {name} {why}"),
        }
    }
}

impl std::error::Error for CredentialsError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn looked_up(variables: &[(&str, &str)]) -> Result<(String, String), String> {
        let lookup = |name: &str| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found
                .map(|(_, value)| (*value).to_owned())
                .ok_or(VarError::NotPresent)
        };
        let found = Credentials::from_lookup(lookup).map_err(|error| error.to_string())?;
        Ok((
            found.key.expose_secret().to_owned(),
            found.secret.expose_secret().to_owned(),
        ))
    }

    #[test]
    fn both_spellings_are_read_and_ours_wins() {
        let ours = [("HUNTRESS_API_KEY", "a"), ("HUNTRESS_API_SECRET", "b")];
        let theirs = [("HUNTRESS_PUBLIC_KEY", "c"), ("HUNTRESS_PRIVATE_KEY", "d")];
        assert_eq!(looked_up(&ours).unwrap(), ("a".into(), "b".into()));
        assert_eq!(looked_up(&theirs).unwrap(), ("c".into(), "d".into()));
        assert_eq!(
            looked_up(&[ours, theirs].concat()).unwrap(),
            ("a".into(), "b".into())
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(
            looked_up(&[]).unwrap_err(),
            "no credentials: set HUNTRESS_API_KEY and HUNTRESS_API_SECRET (or HUNTRESS_PUBLIC_KEY and HUNTRESS_PRIVATE_KEY)"
        );
        assert_eq!(
            looked_up(&[("HUNTRESS_API_KEY", "a"), ("HUNTRESS_API_SECRET", "")]).unwrap_err(),
            "HUNTRESS_API_KEY is set, but HUNTRESS_API_SECRET is not"
        );
    }

    #[test]
    fn the_header_is_basic_and_sensitive() {
        let header = Credentials::new("hk_a", "hs_b").authorization().unwrap();
        assert_eq!(header.to_str().unwrap(), "Basic aGtfYTpoc19i");
        assert!(header.is_sensitive());
    }

    #[test]
    fn what_cannot_be_a_key_is_refused_without_showing_it() {
        for (key, secret, why) in [
            ("", "hs_b", "the API key is empty"),
            ("hk_a\n", "hs_b", "the API key contains white space"),
            ("hk_a", "hs b", "the API secret contains white space"),
            ("hk:a", "hs_b", "the API key contains a colon"),
        ] {
            assert_eq!(
                Credentials::new(key, secret)
                    .authorization()
                    .unwrap_err()
                    .to_string(),
                why
            );
        }
    }
}
