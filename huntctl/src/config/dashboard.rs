//! `[dashboard]` and `[portal]`: where pages are served, who may see them, and by which keys
//! links are signed.
//!
//! This file says what can be written. Whether it is enough for the place where it listens is
//! for [`Ground`](crate::access::Ground) to say.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use axum::http::HeaderName;
use ipnet::IpNet;
use reqwest::Url;
use toml::Spanned;
use toml::de::DeValue;

use super::file::{NO_SECRETS, Table};
use crate::failure::Failure;
use crate::secret::Secret;

/// Where the dashboard listens unless told otherwise.
const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8090);

const SERVING: [&str; 5] = ["listen", "url", "certificate", "key", "proxy"];

/// `[dashboard]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dashboard {
    /// Where it is served.
    pub serving: Serving,
    /// What people log in with.
    pub token: Option<Secret>,
    /// The header in which a proxy says who has logged in at the proxy.
    pub user_header: Option<HeaderName>,
}

/// Where pages are served, and what stands before them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Serving {
    /// The address that is listened on.
    pub listen: SocketAddr,
    /// Where browsers find it.
    pub url: Option<Origin>,
    /// The files of a certificate and its key.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// Proxies. Where there are any, nobody else is served.
    pub proxies: Vec<IpNet>,
}

/// `[portal]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Portal {
    /// Where it is served; by the dashboard's listener, if it has none of its own.
    pub serving: Option<Serving>,
    /// What links begin with, where the dashboard's listener serves it.
    pub url: Option<Origin>,
    /// Keys that links are signed by; the first makes new ones.
    pub keys: Vec<Secret>,
    /// Pages that may show it in a frame, or read it by a script.
    pub embed: Vec<Origin>,
}

/// Scheme, host and port of a URL, such as `https://portal.example.com`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(Url);

impl Serving {
    /// On loopback, with nothing before it.
    pub fn at(listen: SocketAddr) -> Self {
        Self {
            listen,
            url: None,
            certificate: None,
            proxies: Vec::new(),
        }
    }
}

impl Default for Dashboard {
    fn default() -> Self {
        Self {
            serving: Serving::at(LISTEN),
            token: None,
            user_header: None,
        }
    }
}

impl Origin {
    /// Reads one. It has no path, user or query.
    pub fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        let web = ["http", "https"].contains(&url.scheme());
        // As a browser writes it: a path, a user and capital letters would not be lost silently.
        let whole = text.trim_end_matches('/') == url.origin().ascii_serialization();
        // Not `*`, which would stand for many in a policy.
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:[]".contains(c);
        let host = url.host_str().is_some_and(|host| host.chars().all(plain));
        (web && whole && host).then_some(Self(url))
    }

    /// As a browser writes it.
    pub fn text(&self) -> String {
        self.0.origin().ascii_serialization()
    }

    /// Its host, an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// Whether browsers come by TLS.
    pub fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// Whether only this machine can come by it.
    pub fn is_loopback(&self) -> bool {
        let host = self.host();
        let address = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || address.parse::<IpAddr>().is_ok_and(|it| it.is_loopback())
    }
}

/// `[dashboard]`, where it is there.
pub(super) fn dashboard(root: &Table<'_>) -> Result<Dashboard, Failure> {
    let Some(table) = root.table("dashboard", "[dashboard]")? else {
        return Ok(Dashboard::default());
    };
    let own = ["token", "user_header"];
    table.knows(&[&SERVING[..], &own].concat())?;
    let token = table.value("token").map(|_| table.secret("token"));
    let name = |text: &str| HeaderName::try_from(text).ok();
    let why = "must be the name of a header, such as \"x-forwarded-user\"";
    Ok(Dashboard {
        serving: table.serving(LISTEN)?,
        token: token.transpose()?,
        user_header: table.read("user_header", name, why)?,
    })
}

/// `[portal]`, where it is there.
pub(super) fn portal(root: &Table<'_>) -> Result<Portal, Failure> {
    let Some(table) = root.table("portal", "[portal]")? else {
        return Ok(Portal::default());
    };
    let own = ["keys", "embed"];
    table.knows(&[&SERVING[..], &own].concat())?;
    if table.value("listen").is_none() {
        for key in ["certificate", "key", "proxy"] {
            if table.value(key).is_some() {
                let why = "is that of a listener of its own, for which `listen` is missing; links are signed by `keys`";
                return Err(table.wrong(key, why));
            }
        }
    }
    let listen = table.value("listen").map(|_| table.serving(LISTEN));
    Ok(Portal {
        serving: listen.transpose()?,
        url: table.origin("url")?,
        keys: table.list("keys", |text| table.secret_of(text), NO_SECRETS)?,
        embed: table.list("embed", Origin::parse, ORIGIN)?,
    })
}

const ORIGIN: &str = "must be scheme and host alone, such as \"https://portal.example.com\"";

impl Table<'_> {
    fn serving(&self, listen: SocketAddr) -> Result<Serving, Failure> {
        let address = |text: &str| text.parse().ok();
        let why = "must be an address with a port, such as \"127.0.0.1:8090\"";
        let listen = self.read("listen", address, why)?.unwrap_or(listen);
        let file = |key: &str| -> Result<Option<PathBuf>, Failure> {
            Ok(self.text(key)?.map(|path| self.folder().join(path)))
        };
        let certificate = match (file("certificate")?, file("key")?) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            (Some(_), None) => return Err(self.wrong("certificate", "needs a `key`, too")),
            (None, Some(_)) => return Err(self.wrong("key", "needs a `certificate`, too")),
        };
        let why = "must be a list of addresses or networks, such as [\"127.0.0.1\", \"10.1.0.0/16\"], and not of all there are";
        Ok(Serving {
            listen,
            url: self.origin("url")?,
            certificate,
            proxies: self.list("proxy", network, why)?,
        })
    }

    fn origin(&self, key: &str) -> Result<Option<Origin>, Failure> {
        self.read(key, Origin::parse, ORIGIN)
    }

    fn read<T>(
        &self,
        key: &str,
        read: impl Fn(&str) -> Option<T>,
        why: &str,
    ) -> Result<Option<T>, Failure> {
        let text = self.text(key)?;
        let value = text.map(|text| read(text).ok_or_else(|| self.wrong(key, why)));
        value.transpose()
    }

    /// What stands in a list of texts; nothing, where there is none.
    fn list<T>(
        &self,
        key: &str,
        read: impl Fn(&str) -> Option<T>,
        why: &str,
    ) -> Result<Vec<T>, Failure> {
        let Some(value) = self.value(key) else {
            return Ok(Vec::new());
        };
        let all = value.get_ref().as_array();
        let all = all.ok_or_else(|| self.wrong(key, "must be a list of texts in [ ]"))?;
        let one = |value: &Spanned<DeValue<'_>>| value.get_ref().as_str().and_then(&read);
        let read: Option<Vec<T>> = all.iter().map(one).collect();
        read.ok_or_else(|| self.wrong(key, why))
    }
}

fn network(text: &str) -> Option<IpNet> {
    let address = || text.parse::<IpAddr>().ok().map(IpNet::from);
    let network = text.parse::<IpNet>().ok().or_else(address)?;
    (network.prefix_len() > 0).then_some(network)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Environment};

    fn config(text: &str) -> Result<Config, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("huntctl.toml");
        std::fs::write(&path, text).unwrap();
        let read = Config::load(Some(&path), Environment::of([]));
        let place = format!("{}/", folder.path().display());
        read.map_err(|failure| failure.to_string().replace(&place, ""))
    }

    #[track_caller]
    fn refused(text: &str, why: &str) {
        assert_eq!(
            config(text).unwrap_err(),
            format!("huntctl.toml:{why}"),
            "{text}"
        );
    }

    #[test]
    fn all_of_it_is_read() {
        let read = config(
            "[dashboard]\nlisten = \"0.0.0.0:443\"\nurl = \"https://hunt.example.com\"\n\
             certificate = \"/c.pem\"\nkey = \"/k.pem\"\ntoken = \"env:T\"\n\
             proxy = [\"10.0.0.1\", \"fd00::/8\"]\nuser_header = \"X-Forwarded-User\"\n\
             [portal]\nlisten = \"[::1]:99\"\nurl = \"http://localhost:99\"\n\
             keys = [\"env:NEW\", \"env:OLD\"]\nembed = [\"https://a.example\", \"https://b.example:8443/\"]",
        )
        .unwrap();
        let Dashboard {
            serving,
            token,
            user_header,
        } = read.dashboard().clone();
        assert_eq!(serving.listen, "0.0.0.0:443".parse().unwrap());
        assert_eq!(serving.url.unwrap().text(), "https://hunt.example.com");
        let (certificate, key) = serving.certificate.unwrap();
        assert!(certificate.ends_with("c.pem") && key.ends_with("k.pem"));
        let proxies: Vec<_> = serving.proxies.iter().map(ToString::to_string).collect();
        assert_eq!(proxies, ["10.0.0.1/32", "fd00::/8"]);
        assert_eq!(token, Some(Secret::Variable("T".into())));
        assert_eq!(user_header.unwrap(), "x-forwarded-user");
        let portal = read.portal();
        assert_eq!(portal.keys.len(), 2);
        let embed: Vec<_> = portal.embed.iter().map(Origin::text).collect();
        assert_eq!(embed, ["https://a.example", "https://b.example:8443"]);
        assert!(
            portal
                .serving
                .as_ref()
                .unwrap()
                .url
                .as_ref()
                .unwrap()
                .is_loopback()
        );
    }

    #[test]
    fn nothing_said_is_loopback_without_a_portal() {
        let read = config("").unwrap();
        assert_eq!(read.dashboard(), &Dashboard::default());
        assert!(read.dashboard().serving.listen.ip().is_loopback());
        assert_eq!(read.portal(), &Portal::default());
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line_and_no_secret() {
        let dashboard = |line: &str| format!("[dashboard]\n{line}");
        let portal = |line: &str| format!("[portal]\n{line}");
        let secret = format!("2: `token` {NO_SECRETS}");
        refused(&dashboard("token = \"geheimgeheim\""), &secret);
        let secret = format!("2: `keys` {NO_SECRETS}");
        refused(&portal("keys = [\"geheimgeheim\"]"), &secret);
        refused(
            &dashboard("tokn = \"env:T\""),
            "2: [dashboard] has no key `tokn`; did you mean `token`?",
        );
        refused(
            &dashboard("listen = \"8090\""),
            "2: `listen` must be an address with a port, such as \"127.0.0.1:8090\"",
        );
        refused(
            &dashboard("key = \"k\""),
            "2: `key` needs a `certificate`, too",
        );
        refused(
            &dashboard("certificate = \"k\""),
            "2: `certificate` needs a `key`, too",
        );
        for all in ["\"0.0.0.0/0\"", "\"::/0\"", "\"proxy.internal\"", "7"] {
            let said = config(&dashboard(&format!("proxy = [{all}]"))).unwrap_err();
            assert!(
                said.contains("2: `proxy` must be a list of addresses"),
                "{said}"
            );
        }
        refused(
            &dashboard("proxy = \"10.0.0.1\""),
            "2: `proxy` must be a list of texts in [ ]",
        );
        for url in [
            "example.com",
            "https://a.example/path",
            "https://me:geheim@a.example",
            "ftp://a.example",
            "https://a.example?x",
            "https://*.example",
            "https://a.example; script-src *",
            "null",
        ] {
            refused(
                &portal(&format!("embed = [\"{url}\"]")),
                &format!("2: `embed` {ORIGIN}"),
            );
            refused(
                &dashboard(&format!("url = \"{url}\"")),
                &format!("2: `url` {ORIGIN}"),
            );
        }
        refused(
            &portal("proxy = [\"10.0.0.1\"]"),
            "2: `proxy` is that of a listener of its own, for which `listen` is missing; links are signed by `keys`",
        );
        refused(
            &dashboard("user_header = \"a b\""),
            "2: `user_header` must be the name of a header, such as \"x-forwarded-user\"",
        );
    }
}
