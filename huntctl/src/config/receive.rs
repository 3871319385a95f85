//! `[receive]` of `huntctl.toml`: where webhooks come in, and what proves that they are
//! Huntress's.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use huntress::webhooks::Verifier;
use jiff::SignedDuration;

use super::{Environment, NO_SECRETS, Table};
use crate::failure::{Exit, Failure};
use crate::http::Certificate;
use crate::secret::Secret;

/// The secret where the configuration names none.
const VARIABLE: &str = "HUNTRESS_WEBHOOK_SECRET";
const KEYS: [&str; 10] = [
    "listen",
    "path",
    "secrets",
    "certificate",
    "key",
    "behind_proxy",
    "metrics",
    "connections",
    "stale_after",
    "keep_events_days",
];
/// More connections take more memory than anybody wants: each may hold a body of 1 MiB.
const MOST_CONNECTIONS: i64 = 1_024;

/// How `huntctl receive` listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receive {
    /// The address; `127.0.0.1:8080` by default.
    pub listen: SocketAddr,
    /// The path of the endpoint; `/webhooks` by default.
    pub path: String,
    /// The signing secrets, each of which may have signed.
    pub secrets: Vec<Secret>,
    /// The files of the certificate, with those it was issued by, and of its key.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// A proxy that ends TLS stands before it.
    pub behind_proxy: bool,
    /// The address of `/metrics` and `/healthz`; none by default.
    pub metrics: Option<SocketAddr>,
    /// How many connections there may be at a time; 64 by default.
    pub connections: usize,
    /// How long an event may wait for its record until `/healthz` says so; 15 minutes by
    /// default.
    pub stale_after: Duration,
    /// How many days events are kept; 90 by default.
    pub keep_events_days: u32,
}

impl Default for Receive {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080),
            path: "/webhooks".to_owned(),
            secrets: vec![Secret::Variable(VARIABLE.to_owned())],
            certificate: None,
            behind_proxy: false,
            metrics: None,
            connections: 64,
            stale_after: Duration::from_secs(15 * 60),
            keep_events_days: 90,
        }
    }
}

impl Receive {
    /// What verifies deliveries by any of the secrets.
    ///
    /// # Errors
    ///
    /// Where a secret cannot be had, or cannot be one.
    pub fn verifier(&self, environment: &Environment) -> Result<Verifier, Failure> {
        let mut secrets = Vec::new();
        for secret in &self.secrets {
            let text = secret.reveal(environment)?;
            // Alone, so that it is known which one is wrong.
            Verifier::new([&text])
                .map_err(|problem| Failure::new(Exit::Usage, problem.to_string()).at(secret))?;
            secrets.push(text);
        }
        Verifier::new(&secrets).map_err(|problem| Failure::new(Exit::Usage, problem.to_string()))
    }

    /// The certificate, where there is one.
    ///
    /// # Errors
    ///
    /// Where its files cannot be used, and where this address would be open to others without
    /// TLS.
    pub fn certificate(&self, listen: SocketAddr) -> Result<Option<Certificate>, Failure> {
        if let Some((certificate, key)) = &self.certificate {
            return Certificate::read(certificate, key).map(Some);
        }
        if listen.ip().is_loopback() || self.behind_proxy {
            return Ok(None);
        }
        let text = format!(
            "{listen} is open to other machines, and Huntress sends to https alone: give \
             `certificate` and `key` in [receive], or listen on loopback behind a proxy, or say \
             `behind_proxy = true` where the proxy runs on another machine"
        );
        Err(Failure::new(Exit::Usage, text))
    }
}

/// What stands in the file.
pub(super) fn read(table: &Table<'_>) -> Result<Receive, Failure> {
    table.knows(&KEYS)?;
    let usual = Receive::default();
    let path = |key| -> Result<Option<PathBuf>, Failure> {
        let path = table.text(key)?;
        Ok(path.map(|path| table.file.folder().join(path)))
    };
    let certificate = match (path("certificate")?, path("key")?) {
        (None, None) => None,
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (Some(_), None) => return Err(table.wrong("certificate", "needs `key` beside it")),
        (None, Some(_)) => return Err(table.wrong("key", "needs `certificate` beside it")),
    };
    let connections = table.number("connections", 1..=MOST_CONNECTIONS)?;
    let days = table.number("keep_events_days", 3..=36_500)?;
    Ok(Receive {
        listen: table.address("listen")?.unwrap_or(usual.listen),
        path: table.path()?.unwrap_or(usual.path),
        secrets: table.secrets()?.unwrap_or(usual.secrets),
        certificate,
        behind_proxy: table.truth("behind_proxy")?,
        metrics: table.address("metrics")?,
        connections: connections.map_or(usual.connections, |number| number as usize),
        stale_after: table.time("stale_after")?.unwrap_or(usual.stale_after),
        keep_events_days: days.map_or(usual.keep_events_days, |days| days as u32),
    })
}

/// What only this section has.
impl Table<'_> {
    fn address(&self, key: &str) -> Result<Option<SocketAddr>, Failure> {
        let Some(text) = self.text(key)? else {
            return Ok(None);
        };
        let why = "is an address with a port, such as \"127.0.0.1:8080\" or \"[::]:8443\"";
        text.parse().map(Some).map_err(|_| self.wrong(key, why))
    }

    fn path(&self) -> Result<Option<String>, Failure> {
        let path = self.text("path")?;
        let plain = |c: char| c.is_ascii_alphanumeric() || "/-_.~".contains(c);
        match path {
            Some(path) if !path.starts_with('/') || !path.chars().all(plain) => {
                let why =
                    "begins with `/`, and has letters, digits, `/`, `-`, `_`, `.` and `~` only";
                Err(self.wrong("path", why))
            }
            path => Ok(path.map(str::to_owned)),
        }
    }

    fn secrets(&self) -> Result<Option<Vec<Secret>>, Failure> {
        let Some(value) = self.value("secrets") else {
            return Ok(None);
        };
        let list = value.get_ref().as_array().filter(|list| !list.is_empty());
        let not_list = || {
            self.wrong(
                "secrets",
                "is a list, such as [\"env:NAME\", \"file:PATH\"]",
            )
        };
        let folder = self.file.folder();
        let secrets = list.ok_or_else(not_list)?.iter().map(|secret| {
            let text = secret.get_ref().as_str().unwrap_or_default();
            Secret::parse(text, &folder).ok_or_else(|| self.wrong("secrets", NO_SECRETS))
        });
        secrets.collect::<Result<_, _>>().map(Some)
    }

    fn truth(&self, key: &str) -> Result<bool, Failure> {
        match self.value(key).map(|value| value.get_ref().as_bool()) {
            None => Ok(false),
            Some(Some(truth)) => Ok(truth),
            Some(None) => Err(self.wrong(key, "must be true or false")),
        }
    }

    fn number(
        &self,
        key: &str,
        range: std::ops::RangeInclusive<i64>,
    ) -> Result<Option<i64>, Failure> {
        let Some(value) = self.value(key) else {
            return Ok(None);
        };
        let number = value.get_ref().as_integer();
        let number =
            number.and_then(|number| i64::from_str_radix(number.as_str(), number.radix()).ok());
        match number.filter(|number| range.contains(number)) {
            Some(number) => Ok(Some(number)),
            None => {
                let (least, most) = range.into_inner();
                let why = format!("is a whole number from {least} to {most}");
                Err(self.wrong(key, &why))
            }
        }
    }

    fn time(&self, key: &str) -> Result<Option<Duration>, Failure> {
        let Some(text) = self.text(key)? else {
            return Ok(None);
        };
        let time = text.parse::<SignedDuration>().ok();
        let time = time.and_then(|time| Duration::try_from(time).ok());
        let why = "is a time with a unit, such as \"90s\", \"15m\" or \"24h\"";
        match time.filter(|time| !time.is_zero()) {
            Some(time) => Ok(Some(time)),
            None => Err(self.wrong(key, why)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn receive(text: &str) -> Result<Receive, String> {
        let path = Path::new("/etc/acme/huntctl.toml");
        let read = super::super::read(path, text, Environment::of([]));
        let config = read.map_err(|failure| failure.to_string())?;
        Ok(config.receive().clone())
    }

    #[test]
    fn everything_can_be_said_and_nothing_need_be() {
        assert_eq!(receive(""), Ok(Receive::default()));
        assert_eq!(receive("[receive]"), Ok(Receive::default()));
        let full = receive(
            r#"[receive]
            listen = "[::]:8443"
            path = "/huntress"
            secrets = ["env:A", "file:b"]
            certificate = "chain.pem"
            key = "/run/key.pem"
            behind_proxy = true
            metrics = "127.0.0.1:9464"
            connections = 7
            stale_after = "1h"
            keep_events_days = 365"#,
        );
        let expected = Receive {
            listen: "[::]:8443".parse().unwrap(),
            path: "/huntress".to_owned(),
            secrets: vec![
                Secret::Variable("A".to_owned()),
                Secret::File("/etc/acme/b".into()),
            ],
            certificate: Some(("/etc/acme/chain.pem".into(), "/run/key.pem".into())),
            behind_proxy: true,
            metrics: Some("127.0.0.1:9464".parse().unwrap()),
            connections: 7,
            stale_after: Duration::from_secs(3_600),
            keep_events_days: 365,
        };
        assert_eq!(full, Ok(expected));
    }

    #[test]
    fn what_cannot_be_is_told_with_its_line() {
        for (line, why) in [
            ("listen = \"8080\"", "`listen` is an address with a port"),
            ("path = \"webhooks\"", "`path` begins with `/`"),
            ("path = \"/{x}\"", "`path` begins with `/`"),
            ("secrets = []", "`secrets` is a list"),
            ("secrets = \"env:A\"", "`secrets` is a list"),
            ("secrets = [\"whsec_geheim\"]", "`secrets` is a secret"),
            ("secrets = [7]", "`secrets` is a secret"),
            ("certificate = \"a\"", "`certificate` needs `key`"),
            ("key = \"a\"", "`key` needs `certificate`"),
            (
                "behind_proxy = \"yes\"",
                "`behind_proxy` must be true or false",
            ),
            (
                "connections = 0",
                "`connections` is a whole number from 1 to 1024",
            ),
            ("stale_after = \"soon\"", "`stale_after` is a time"),
            ("stale_after = \"-1h\"", "`stale_after` is a time"),
            (
                "keep_events_days = 1",
                "`keep_events_days` is a whole number from 3",
            ),
            (
                "lisen = \"x\"",
                "[receive] has no key `lisen`; did you mean `listen`?",
            ),
        ] {
            let said = receive(&format!("[receive]\n{line}")).unwrap_err();
            let begin = format!("/etc/acme/huntctl.toml:2: {why}");
            assert!(said.starts_with(&begin), "{said}");
            assert!(!said.contains("geheim"), "{said}");
        }
    }

    #[test]
    fn other_machines_need_tls_or_a_proxy() {
        let open: SocketAddr = "0.0.0.0:8080".parse().unwrap();
        let home: SocketAddr = "[::1]:8080".parse().unwrap();
        let plain = Receive::default();
        assert!(plain.certificate(home).unwrap().is_none());
        let said = plain.certificate(open).unwrap_err().to_string();
        assert!(said.contains("behind_proxy"), "{said}");
        let behind_proxy = true;
        let proxied = Receive {
            behind_proxy,
            ..plain.clone()
        };
        assert!(proxied.certificate(open).unwrap().is_none());
        let missing = Receive {
            certificate: Some(("/nowhere/a".into(), "/nowhere/b".into())),
            ..proxied
        };
        assert!(missing.certificate(home).is_err());
    }

    #[test]
    fn a_secret_that_cannot_be_one_is_named_and_not_shown() {
        let environment = Environment::of([("A", "whsec_geheim")]);
        let secrets = vec![Secret::Variable("A".to_owned())];
        let receive = Receive {
            secrets,
            ..Receive::default()
        };
        let said = receive.verifier(&environment).unwrap_err().to_string();
        assert!(said.starts_with("env:A: webhooks: the secret"), "{said}");
        assert!(!said.contains("geheim"), "{said}");
        let none = Receive::default().verifier(&environment).unwrap_err();
        assert!(none.to_string().contains(VARIABLE), "{none}");
    }
}
