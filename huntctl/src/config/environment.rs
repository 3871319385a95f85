//! The environment variables, and the folders that they name.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use super::Account;
use crate::failure::{Exit, Failure};
use crate::secret::Secret;

/// The names that the library knows, in the order in which it tries them.
const PAIRS: [(&str, &str); 2] = [
    ("HUNTRESS_API_KEY", "HUNTRESS_API_SECRET"),
    ("HUNTRESS_PUBLIC_KEY", "HUNTRESS_PRIVATE_KEY"),
];

/// The environment variables; those of this process, or made up for a test.
#[derive(Clone)]
pub struct Environment(Option<Arc<BTreeMap<String, String>>>);

impl Environment {
    /// Those of this process. One that is not UTF-8 is taken as not set.
    pub fn of_the_process() -> Self {
        Self(None)
    }

    /// These and no others.
    pub fn of<'a>(variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let variables: BTreeMap<String, String> = variables.into_iter().map(own).collect();
        Self(Some(Arc::new(variables)))
    }

    /// The value of one; `None` where it is not set or empty.
    pub fn get(&self, name: &str) -> Option<String> {
        let value = match &self.0 {
            Some(variables) => variables.get(name).cloned(),
            None => std::env::var(name).ok(),
        };
        value.filter(|value| !value.is_empty())
    }

    /// The account whose key they hold.
    ///
    /// # Errors
    ///
    /// Where there is none, or half of one.
    pub fn account(&self) -> Result<Account, Failure> {
        for (key, secret) in PAIRS {
            let half = |set: &str, missing: &str| {
                let text = format!("{set} is set, but {missing} is not");
                Err(Failure::new(Exit::Usage, text))
            };
            match (self.get(key), self.get(secret)) {
                (Some(_), Some(_)) => {
                    return Ok(Account {
                        name: "environment".to_owned(),
                        key: Secret::Variable(key.to_owned()),
                        secret: Secret::Variable(secret.to_owned()),
                        base_url: self.get("HUNTRESS_BASE_URL"),
                        reseller: false,
                        quota: None,
                    });
                }
                (Some(_), None) => return half(key, secret),
                (None, Some(_)) => return half(secret, key),
                (None, None) => {}
            }
        }
        let text = "no account is known: set HUNTRESS_API_KEY and HUNTRESS_API_SECRET, write a \
                    huntctl.toml (`huntctl init`), or try it with --simulator";
        Err(Failure::new(Exit::Usage, text))
    }

    /// The folder of this program's configuration.
    pub fn config_folder(&self) -> Option<PathBuf> {
        let folder = self.folder("XDG_CONFIG_HOME", "APPDATA", ".config")?;
        Some(folder.join("huntctl"))
    }

    /// The folder of what this program keeps from one run to the next.
    pub fn state_folder(&self) -> Option<PathBuf> {
        let folder = self.folder("XDG_STATE_HOME", "LOCALAPPDATA", ".local/state")?;
        Some(folder.join("huntctl"))
    }

    fn folder(&self, named: &str, on_windows: &str, at_home: &str) -> Option<PathBuf> {
        let on_windows = || cfg!(windows).then(|| self.get(on_windows)).flatten();
        let named = self.get(named).or_else(on_windows).map(PathBuf::from);
        named.or_else(|| Some(PathBuf::from(self.get("HOME")?).join(at_home)))
    }
}

/// Without the values.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Environment")
    }
}
