//! The API key and secret, kept out of every text this crate makes.

use std::env::{self, VarError};
use std::fmt;

use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

use crate::mask::Mask;
use crate::visible::is_obeyed;

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
    /// Takes a key and its secret as the portal shows them. What cannot be one, such as a
    /// value in quotes, is refused when the client is built.
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

    pub(crate) fn key(&self) -> &str {
        self.key.expose_secret()
    }

    /// The value of the `Authorization` header, marked as sensitive, and what hides it.
    pub(crate) fn authorization(&self) -> Result<(HeaderValue, Mask), CredentialsError> {
        use base64::Engine as _;
        let (key, secret) = (self.key.expose_secret(), self.secret.expose_secret());
        self.check()?;
        let pair = SecretString::from(format!("{key}:{secret}"));
        let encoded = base64::engine::general_purpose::STANDARD.encode(pair.expose_secret());
        let header = SecretString::from(format!("Basic {encoded}"));
        let mut value =
            HeaderValue::try_from(header.expose_secret()).expect("base64 is a header value");
        value.set_sensitive(true);
        let encoded = SecretString::from(encoded);
        Ok((value, Mask::new(key, secret, encoded.expose_secret())))
    }

    /// Refuses what the server would answer with no more than a 401.
    fn check(&self) -> Result<(), CredentialsError> {
        let (key, secret) = (self.key.expose_secret(), self.secret.expose_secret());
        let malformed = |name, why| Err(CredentialsError::Malformed { name, why });
        for (name, value) in [("key", key), ("secret", secret)] {
            if let Some(why) = slip(value) {
                return malformed(name, why);
            }
        }
        if key.starts_with(SECRET_PREFIX) && secret.starts_with(KEY_PREFIX) {
            return Err(CredentialsError::Swapped);
        }
        if key.starts_with(SECRET_PREFIX) {
            return malformed("key", "starts with `hs_`, as secrets do");
        }
        if secret.starts_with(KEY_PREFIX) {
            return malformed("secret", "starts with `hk_`, as keys do");
        }
        if key.contains(':') {
            return malformed("key", "contains a colon; give key and secret apart");
        }
        Ok(())
    }
}

const KEY_PREFIX: &str = "hk_";
const SECRET_PREFIX: &str = "hs_";

/// What went wrong when a value was copied, to be read after "the API key".
fn slip(value: &str) -> Option<&'static str> {
    const QUOTES: &str = "\"'`\u{2018}\u{2019}\u{201c}\u{201d}";
    let is_quote = |c: char| QUOTES.contains(c);
    let escapes = ["\\n", "\\r", "\\t"];
    if value.is_empty() {
        Some("is empty")
    } else if value.starts_with(is_quote) || value.trim_end().ends_with(is_quote) {
        Some("is in quotes, which are no part of it")
    } else if escapes.iter().any(|escape| value.ends_with(escape)) {
        Some("ends in a backslash and a letter (such as `\\n`), which are no part of it")
    } else if value.starts_with('\u{feff}') {
        Some("starts with a byte order mark: save the file as UTF-8 without one")
    } else if value.ends_with(['\n', '\r']) {
        Some("ends in a line break")
    } else if value.contains(char::is_whitespace) {
        Some("contains white space")
    } else if value.contains(is_obeyed) {
        Some("contains an invisible character; copy it again")
    } else if !value.is_ascii() {
        Some("contains a character that is not ASCII; copy it again")
    } else {
        None
    }
}

/// As by [`Credentials::new`].
impl<K: Into<String>, S: Into<String>> From<(K, S)> for Credentials {
    fn from((key, secret): (K, S)) -> Self {
        Self::new(key, secret)
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
    /// The secret was given as the key, and the key as the secret.
    Swapped,
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
            Self::Swapped => f.write_str(
                "the API key and secret are swapped: the key starts with `hk_`, the secret with `hs_`",
            ),
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
        for credentials in [
            Credentials::new("hk_a", "hs_b"),
            ("hk_a", "hs_b".to_owned()).into(),
        ] {
            let (header, mask) = credentials.authorization().unwrap();
            assert_eq!(header.to_str().unwrap(), "Basic aGtfYTpoc19i");
            assert!(header.is_sensitive());
            assert_eq!(mask.text("Basic aGtfYTpoc19i"), "Basic [REDACTED]");
        }
    }

    #[test]
    fn what_cannot_be_a_key_or_a_secret_is_refused_without_showing_it() {
        let quotes = "is in quotes, which are no part of it";
        let escape = "ends in a backslash and a letter (such as `\\n`), which are no part of it";
        let mark = "starts with a byte order mark: save the file as UTF-8 without one";
        for (before, after, why) in [
            ("\"", "\"", quotes),
            ("'", "'", quotes),
            ("`", "`", quotes),
            ("\u{201c}", "\u{201d}", quotes),
            ("\"", "", quotes),
            ("", "\"", quotes),
            ("\"", "\"\n", quotes),
            ("", "\\n", escape),
            ("", "\\r\\n", escape),
            ("", "\n", "ends in a line break"),
            ("", "\r\n", "ends in a line break"),
            (" ", "", "contains white space"),
            ("", " x", "contains white space"),
            ("", "\u{a0}", "contains white space"),
            ("\u{feff}", "", mark),
            (
                "",
                "\u{200b}",
                "contains an invisible character; copy it again",
            ),
            ("", "\0", "contains an invisible character; copy it again"),
            (
                "",
                "\u{202e}",
                "contains an invisible character; copy it again",
            ),
            (
                "",
                "\u{e4}",
                "contains a character that is not ASCII; copy it again",
            ),
        ] {
            let wrapped = |value| format!("{before}{value}{after}");
            for (name, credentials) in [
                ("key", Credentials::new(wrapped("hk_a"), "hs_b")),
                ("secret", Credentials::new("hk_a", wrapped("hs_b"))),
            ] {
                let error = credentials.authorization().unwrap_err();
                assert_eq!(error.to_string(), format!("the API {name} {why}"));
            }
        }
    }

    #[test]
    fn what_is_in_the_wrong_place_is_refused_without_showing_it() {
        for (key, secret, why) in [
            ("", "hs_b", "the API key is empty"),
            ("hk_a", "", "the API secret is empty"),
            (
                "hs_b",
                "hk_a",
                "the API key and secret are swapped: the key starts with `hk_`, the secret with `hs_`",
            ),
            (
                "hs_b",
                "hs_b",
                "the API key starts with `hs_`, as secrets do",
            ),
            ("hs_b", "b", "the API key starts with `hs_`, as secrets do"),
            (
                "hk_a",
                "hk_a",
                "the API secret starts with `hk_`, as keys do",
            ),
            (
                "hk_a:hs_b",
                "hs_b",
                "the API key contains a colon; give key and secret apart",
            ),
        ] {
            let error = Credentials::new(key, secret).authorization().unwrap_err();
            assert_eq!(error.to_string(), why);
        }
    }

    #[test]
    fn anything_else_is_left_to_the_server() {
        for (key, secret) in [("hk_a", "hs_b"), ("a", "b"), ("a", "b:c\\d'e\"f")] {
            assert!(Credentials::new(key, secret).authorization().is_ok());
        }
    }
}
