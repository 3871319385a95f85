//! The URL of a receiver: what may be shown of it, and what is a secret.

use std::fmt;
use std::str::FromStr;

use reqwest::Url;
use secrecy::SecretString;
use serde::{Deserialize, Deserializer};

use crate::failure::{Exit, Failure};

/// Where a receiver listens, as a URL: `tls://siem.example.com:6514`.
///
/// Shown as scheme, host and port alone: the path of a webhook is often its password.
#[derive(Clone)]
pub struct Endpoint {
    url: Url,
    login: Option<Login>,
}

/// User and password of HTTP.
#[derive(Clone)]
pub(super) struct Login {
    pub(super) user: String,
    pub(super) password: SecretString,
}

impl Endpoint {
    pub(super) fn scheme(&self) -> &str {
        self.url.scheme()
    }

    /// As `TcpStream::connect` and the names of certificates have it: without brackets.
    pub(super) fn host(&self) -> &str {
        let host = self.url.host_str().unwrap_or_default();
        host.trim_start_matches('[').trim_end_matches(']')
    }

    pub(super) fn port_or(&self, default: u16) -> u16 {
        self.url.port().unwrap_or(default)
    }

    /// With this path where the settings have none.
    pub(super) fn url_with(&self, path: &str) -> Url {
        let mut url = self.url.clone();
        if matches!(url.path(), "" | "/") {
            url.set_path(path);
        }
        url
    }

    /// With this path after that of the settings.
    pub(super) fn url_below(&self, path: &str) -> Url {
        let mut url = self.url.clone();
        let below = format!("{}/{path}", url.path().trim_end_matches('/'));
        url.set_path(&below);
        url
    }

    pub(super) fn login(&self) -> Option<&Login> {
        self.login.as_ref()
    }

    /// Whether it has one of these schemes.
    pub(super) fn expect(&self, what: &str, schemes: &[&str]) -> Result<(), Failure> {
        if schemes.contains(&self.scheme()) {
            return Ok(());
        }
        let known = schemes.join(", ");
        let text = format!("{what}: the URL {self} must begin with one of {known}");
        Err(Failure::new(Exit::Usage, text))
    }
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // The text itself is not shown: it may hold a password.
        let mut url = Url::parse(text).map_err(|error| format!("no URL: {error}"))?;
        if url.host_str().unwrap_or_default().is_empty() {
            return Err("the URL has no host: `scheme://host:port`".to_owned());
        }
        let decoded = |text: &str| super::template::percent_decoded(text);
        let login = (!url.username().is_empty() || url.password().is_some()).then(|| Login {
            user: decoded(url.username()),
            password: decoded(url.password().unwrap_or_default()).into(),
        });
        // Neither fails where there is a host.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        Ok(Self { url, login })
    }
}

impl<'de> Deserialize<'de> for Endpoint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.url.host_str().unwrap_or_default();
        write!(f, "{}://{host}", self.url.scheme())?;
        match self.url.port() {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_scheme_host_and_port_are_shown() {
        let it: Endpoint = "https://u%40x:p%2Fw@h.example:8088/hook/T0K?key=s"
            .parse()
            .unwrap();
        assert_eq!(it.to_string(), "https://h.example:8088");
        assert_eq!(format!("{it:?}"), "https://h.example:8088");
        let login = it.login().unwrap();
        assert_eq!(login.user, "u@x");
        assert_eq!(secrecy::ExposeSecret::expose_secret(&login.password), "p/w");
        assert_eq!(
            it.url_with("/x").as_str(),
            "https://h.example:8088/hook/T0K?key=s"
        );
    }

    #[test]
    fn hosts_ports_and_paths() {
        let it: Endpoint = "tls://[::1]".parse().unwrap();
        assert_eq!((it.host(), it.port_or(6514)), ("::1", 6514));
        assert_eq!(it.to_string(), "tls://[::1]");
        let it: Endpoint = "http://h/elastic/".parse().unwrap();
        assert_eq!(it.url_below("i/_bulk").as_str(), "http://h/elastic/i/_bulk");
        let it: Endpoint = "http://h".parse().unwrap();
        assert_eq!(it.url_with("/gelf").as_str(), "http://h/gelf");
    }

    #[test]
    fn what_is_no_url_is_not_shown_either() {
        for wrong in ["u:pass", "//h", "", "https://"] {
            let error = wrong.parse::<Endpoint>().unwrap_err();
            assert!(!error.contains("pass"), "{error}");
        }
    }
}
