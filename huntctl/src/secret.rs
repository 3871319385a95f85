//! Secrets, of which this program holds no more than where they are.
//!
//! A secret is in an environment variable or in a file, and is read when it is needed. It is
//! never in the configuration, an argument, a message or the store, so none of these can leak
//! it.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use crate::config::Environment;
use crate::failure::{Exit, Failure};

/// Where a secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Secret {
    /// In an environment variable of this name.
    Variable(String),
    /// In a file, without the line break at its end.
    File(PathBuf),
}

impl Secret {
    /// Reads `env:NAME` or `file:PATH`; a path is taken from a folder. `None` where it is
    /// neither, as a secret itself would be.
    pub fn parse(text: &str, folder: &Path) -> Option<Self> {
        match text.split_once(':')? {
            ("env", name) if !name.is_empty() => Some(Self::Variable(name.to_owned())),
            ("file", path) if !path.is_empty() => Some(Self::File(folder.join(path))),
            _ => None,
        }
    }

    /// The secret itself.
    ///
    /// # Errors
    ///
    /// Where the variable is not set or empty, or the file cannot be read or is empty. No
    /// error has any of the secret in it.
    pub fn reveal(&self, environment: &Environment) -> Result<String, Failure> {
        let value = match self {
            Self::Variable(name) => environment.get(name).ok_or_else(|| {
                let why = format!(
                    "the environment variable {name} is not set: set it, or name another one"
                );
                Failure::new(Exit::Usage, why)
            })?,
            Self::File(path) => {
                let read = fs::read_to_string(path);
                let text = read.map_err(|problem| {
                    let path = path.display();
                    Failure::new(
                        Exit::Usage,
                        format!("the file {path} cannot be read: {problem}"),
                    )
                })?;
                warn_of_readers(path);
                text.trim_end_matches(['\r', '\n']).to_owned()
            }
        };
        if value.is_empty() {
            return Err(Failure::new(Exit::Usage, format!("{self} is empty")));
        }
        Ok(value)
    }
}

/// As it is written in the configuration.
impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

#[cfg(unix)]
fn warn_of_readers(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs::metadata(path).map(|metadata| metadata.permissions().mode());
    if mode.is_ok_and(|mode| mode & 0o004 != 0) {
        let path = path.display();
        tracing::warn!(
            "every user of this machine can read the secret in {path}: chmod 600 {path}"
        );
    }
}

#[cfg(not(unix))]
fn warn_of_readers(_: &Path) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_read_and_a_secret_is_not_one() {
        let folder = Path::new("/etc/acme");
        let variable = Secret::Variable("A_B".to_owned());
        assert_eq!(Secret::parse("env:A_B", folder), Some(variable));
        let file = |path: &str| Some(Secret::File(path.into()));
        assert_eq!(Secret::parse("file:key", folder), file("/etc/acme/key"));
        assert_eq!(Secret::parse("file:/run/key", folder), file("/run/key"));
        for text in ["hs_0123", "env:", "file:", "", "postgres://a:b@c/d"] {
            assert_eq!(Secret::parse(text, folder), None, "{text:?}");
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let environment = Environment::of([("EMPTY", "")]);
        let said = |secret: Secret| secret.reveal(&environment).unwrap_err().to_string();
        assert_eq!(
            said(Secret::Variable("A".into())),
            "the environment variable A is not set: set it, or name another one"
        );
        assert_eq!(
            said(Secret::Variable("EMPTY".into())),
            "the environment variable EMPTY is not set: set it, or name another one"
        );
        let missing = said(Secret::File("/nowhere/key".into()));
        assert!(missing.starts_with("the file /nowhere/key cannot be read: "));
    }

    #[test]
    fn the_line_break_of_a_file_is_no_part_of_its_secret() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        for (text, secret) in [("hs_a", "hs_a"), ("hs_a\n", "hs_a"), ("hs_a\r\n", "hs_a")] {
            fs::write(&path, text).unwrap();
            let read = Secret::File(path.clone()).reveal(&Environment::of([]));
            assert_eq!(read.unwrap(), secret);
        }
        fs::write(&path, "\n").unwrap();
        let read = Secret::File(path.clone()).reveal(&Environment::of([]));
        assert_eq!(
            read.unwrap_err().to_string(),
            format!("file:{} is empty", path.display())
        );
    }
}
