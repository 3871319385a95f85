//! Secrets of a sink: the settings say where they are, and nothing shows them.

use std::fmt;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use crate::failure::{Exit, Failure};

/// Where a secret is: `env:NAME` or `file:PATH`. Never in the settings themselves, which are
/// copied, mailed and committed.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub enum Secret {
    /// In this variable of the environment.
    Env(String),
    /// The text of this file, without the line end at its end.
    File(PathBuf),
    /// Known to the program.
    Given(SecretString),
}

impl TryFrom<String> for Secret {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.split_once(':') {
            Some(("env", name)) if !name.is_empty() => Ok(Self::Env(name.to_owned())),
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.into())),
            // What it is instead may be the secret itself.
            _ => Err("a secret is written \"env:NAME\" or \"file:PATH\", and put there"),
        }
    }
}

impl Secret {
    pub(super) fn read(&self) -> Result<SecretString, Failure> {
        let (text, place) = match self {
            Self::Given(secret) => return Ok(secret.clone()),
            Self::Env(name) => {
                let text = std::env::var(name).map_err(|_| {
                    let text = format!("the environment variable {name} is not set, or no text");
                    Failure::new(Exit::Usage, text)
                })?;
                (text, format!("the environment variable {name}"))
            }
            Self::File(path) => {
                let text = std::fs::read_to_string(path).map_err(|error| {
                    let text = format!("the secret in {} cannot be read: {error}", path.display());
                    Failure::new(Exit::Usage, text)
                })?;
                (text, path.display().to_string())
            }
        };
        let text = text.trim_end_matches(['\r', '\n']);
        if text.is_empty() {
            return Err(Failure::new(Exit::Usage, format!("{place} is empty")));
        }
        Ok(text.to_owned().into())
    }
}

/// A text that may be a secret: plain, or as [`Secret`] says.
#[derive(Clone, Deserialize)]
#[serde(from = "String")]
pub enum Text {
    /// In the settings.
    Plain(String),
    /// Elsewhere.
    Secret(Secret),
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Secret::try_from(text.clone()).map_or(Self::Plain(text), Self::Secret)
    }
}

impl Text {
    pub(super) fn read(&self) -> Result<SecretString, Failure> {
        match self {
            Self::Plain(text) => Ok(text.clone().into()),
            Self::Secret(secret) => secret.read(),
        }
    }
}

/// Not the text: somebody may have put a token there all the same.
impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(_) => f.write_str("Plain(…)"),
            Self::Secret(secret) => secret.fmt(f),
        }
    }
}

/// What must not be shown of the texts that a receiver answers.
#[derive(Clone, Default)]
pub(super) struct Hidden(Vec<SecretString>);

/// Shorter ones are not looked for: they would take words apart that have nothing to do with
/// them.
const SHORTEST: usize = 4;

impl Hidden {
    pub(super) fn add(&mut self, secret: &SecretString) {
        if secret.expose_secret().len() >= SHORTEST {
            self.0.push(secret.clone());
        }
    }

    /// What is secret in a header: all of it, but for the scheme of `Authorization`.
    pub(super) fn add_header(&mut self, value: &HeaderValue) {
        let text = value.to_str().unwrap_or_default();
        match text.split_once(' ') {
            Some(("Basic", encoded)) => {
                let pair = STANDARD.decode(encoded).unwrap_or_default();
                let pair = String::from_utf8_lossy(&pair);
                let (_, password) = pair.split_once(':').unwrap_or_default();
                self.add(&password.into());
                self.add(&encoded.into());
            }
            Some((_, token)) => self.add(&token.into()),
            None => self.add(&text.into()),
        }
    }

    /// The text with `***` in the place of each secret.
    pub(super) fn hide(&self, text: &str) -> String {
        let hide =
            |text: String, secret: &SecretString| text.replace(secret.expose_secret(), "***");
        self.0.iter().fold(text.to_owned(), hide)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_where_the_settings_say() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, "s3cret\r\n").unwrap();
        let secret = Secret::File(path.clone()).read().unwrap();
        assert_eq!(secret.expose_secret(), "s3cret");

        std::fs::write(&path, "\n").unwrap();
        let empty = Secret::File(path.clone()).read().unwrap_err();
        assert_eq!(empty.to_string(), format!("{} is empty", path.display()));
        let unset = Secret::Env("HUNTCTL_NO_SUCH".into()).read().unwrap_err();
        assert_eq!(
            unset.to_string(),
            "the environment variable HUNTCTL_NO_SUCH is not set, or no text"
        );
        assert_eq!(unset.exit(), Exit::Usage);
    }

    #[test]
    fn settings_name_a_secret_and_do_not_hold_one() {
        let secret: Secret = serde_json::from_str("\"env:TOKEN\"").unwrap();
        assert_eq!(format!("{secret:?}"), "Env(\"TOKEN\")");
        for wrong in ["s3cret", "env:", "file:", "ENV:X"] {
            let refused = Secret::try_from(wrong.to_owned()).unwrap_err();
            assert!(!refused.contains("s3cret"));
        }
        let text: Text = serde_json::from_str("\"s3cret\"").unwrap();
        assert_eq!(format!("{text:?}"), "Plain(…)");
        let text: Text = serde_json::from_str("\"file:a\"").unwrap();
        assert_eq!(format!("{text:?}"), "File(\"a\")");
        let given = Secret::Given("s3cret".to_owned().into());
        assert!(!format!("{given:?}").contains("s3cret"));
    }

    #[test]
    fn answers_show_no_secret() {
        let mut hidden = Hidden::default();
        hidden.add(&"s3cret".to_owned().into());
        hidden.add(&"e".to_owned().into());
        assert_eq!(
            hidden.hide("bad token s3cret, s3cret!"),
            "bad token ***, ***!"
        );
        hidden.add_header(&HeaderValue::from_static("Basic dXNlcjpwYXNzOndvcmQ="));
        hidden.add_header(&HeaderValue::from_static("Splunk t0ken"));
        hidden.add_header(&HeaderValue::from_static("plain"));
        assert_eq!(
            hidden.hide("user pass:word dXNlcjpwYXNzOndvcmQ= Splunk t0ken, plain"),
            "user *** *** Splunk ***, ***"
        );
    }
}
