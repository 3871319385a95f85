//! The client and its configuration.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::HeaderValue;
use reqwest::{Url, redirect};

use crate::account::AccountClient;
use crate::credentials::Credentials;
use crate::error::{Error, Kind};
use crate::rate_limit::RateLimiter;
use crate::retry::{RetryBudget, RetryPolicy};

const BASE_URL: &str = "https://api.huntress.io";
const BASE_URL_VARIABLE: &str = "HUNTRESS_BASE_URL";
const USER_AGENT: &str = concat!("huntress-rs/", env!("CARGO_PKG_VERSION"));
const TIMEOUT: Duration = Duration::from_secs(60);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const MAX_BODY: usize = 64 << 20;

/// A client of the Huntress REST API.
///
/// Has one method for each operation; each returns a builder whose `send` makes the call.
/// Cheap to clone: all clones share one connection pool, one quota and one budget of
/// retries.
#[derive(Clone)]
pub struct Client(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    http: reqwest::Client,
    base_url: String,
    pub(crate) authorization: HeaderValue,
    pub(crate) limiter: RateLimiter,
    pub(crate) retry: RetryPolicy,
    pub(crate) budget: RetryBudget,
    pub(crate) deadline: Option<Duration>,
    pub(crate) max_body: usize,
}

impl Client {
    /// A client with the credentials of the environment: `HUNTRESS_API_KEY` and
    /// `HUNTRESS_API_SECRET`, or else `HUNTRESS_PUBLIC_KEY` and `HUNTRESS_PRIVATE_KEY`.
    /// `HUNTRESS_BASE_URL`, where set, replaces the base URL.
    ///
    /// # Errors
    ///
    /// When the credentials are missing or malformed, or the base URL is not acceptable.
    pub fn from_env() -> Result<Self, Error> {
        let credentials = Credentials::from_env().map_err(configuration)?;
        let mut builder = Self::builder().credentials(credentials);
        if let Some(base_url) = std::env::var_os(BASE_URL_VARIABLE).filter(|url| !url.is_empty()) {
            builder = builder.base_url(base_url.to_string_lossy());
        }
        builder.build()
    }

    /// Starts to configure a client.
    pub fn builder() -> ClientBuilder {
        ClientBuilder {
            credentials: None,
            base_url: BASE_URL.to_owned(),
            timeout: TIMEOUT,
            connect_timeout: CONNECT_TIMEOUT,
            user_agent: None,
            limiter: RateLimiter::default(),
            retry: RetryPolicy::default(),
            deadline: None,
            max_body: MAX_BODY,
        }
    }

    /// The quota that this client keeps within, to look at or to give to another client of
    /// the same account.
    pub fn rate_limiter(&self) -> &RateLimiter {
        &self.0.limiter
    }

    /// The same calls for one account that a reseller manages. They count against this
    /// client's quota.
    pub fn for_account(&self, account_id: i64) -> AccountClient {
        AccountClient::new(self.clone(), account_id)
    }

    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.0.http
    }

    pub(crate) fn base_url(&self) -> &str {
        &self.0.base_url
    }

    /// What the path of an operation that can be scoped follows.
    pub(crate) fn scope_url(&self, account_id: Option<i64>) -> String {
        match account_id {
            Some(id) => format!("{}/v1/accounts/{id}", self.base_url()),
            None => format!("{}/v1", self.base_url()),
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base_url", &self.0.base_url)
            .finish_non_exhaustive()
    }
}

/// Configures a [`Client`]; see [`Client::builder`].
#[derive(Clone)]
#[must_use = "a builder does nothing until it is built"]
pub struct ClientBuilder {
    credentials: Option<Credentials>,
    base_url: String,
    timeout: Duration,
    connect_timeout: Duration,
    user_agent: Option<String>,
    limiter: RateLimiter,
    retry: RetryPolicy,
    deadline: Option<Duration>,
    max_body: usize,
}

impl ClientBuilder {
    /// The API key and secret. Required.
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// Where the API is; `https://api.huntress.io` by default. It must be `https`, or
    /// `http` on loopback (for a simulator), since the credentials go there. A proxy that
    /// the environment names (`HTTPS_PROXY`) is used for `https` only.
    pub fn base_url(mut self, base_url: impl Into<String>) -> Self {
        self.base_url = base_url.into();
        self
    }

    /// The account's request quota; 60 requests in 60 seconds by default. A client and its
    /// clones share one; give the same limiter to all clients of one account.
    pub fn rate_limiter(mut self, limiter: RateLimiter) -> Self {
        self.limiter = limiter;
        self
    }

    /// When and how often a failed call is sent again; see [`RetryPolicy`].
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// How long one attempt may take, from connecting to the end of its body; 60 seconds
    /// by default. Waiting for the quota is not part of it.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How long making a connection may take; 10 seconds by default.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long one call may take with all its attempts and waits, those for the quota
    /// included; no limit by default. Each page of a stream is a call of its own.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// How many bytes the body of a response may have, decompressed; 64 MiB by default. A
    /// larger one is an error, and of an error's body no more is kept.
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }

    /// The name of the calling program, such as `acme-sync/1.0`; this crate's own name and
    /// version follow it in the `User-Agent` header.
    pub fn user_agent(mut self, user_agent: impl Into<String>) -> Self {
        self.user_agent = Some(user_agent.into());
        self
    }

    /// Makes the client. Sends nothing.
    ///
    /// # Errors
    ///
    /// When the credentials are missing or malformed, the base URL is neither `https` nor
    /// on loopback, the user agent is not a header value, or TLS cannot be set up.
    pub fn build(self) -> Result<Client, Error> {
        let Some(credentials) = self.credentials else {
            return Err(configuration(
                "no credentials were given to the client's builder",
            ));
        };
        let user_agent = match &self.user_agent {
            Some(name) => format!("{name} {USER_AGENT}"),
            None => USER_AGENT.to_owned(),
        };
        let user_agent = HeaderValue::try_from(user_agent)
            .map_err(|_| configuration("the user agent is not a header value"))?;
        let http = reqwest::Client::builder()
            .user_agent(user_agent)
            .timeout(self.timeout)
            .connect_timeout(self.connect_timeout)
            // Both would send requests that nobody counts, and the credentials elsewhere.
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never());
        let base_url = checked_base_url(&self.base_url)?;
        // Plain text stays on this machine, whatever proxy the environment names.
        let http = if base_url.starts_with("http:") {
            http.no_proxy()
        } else {
            http
        };
        let http = with_tls(http)?.build().map_err(|error| {
            Error::new(Kind::Configuration(
                "the HTTP client cannot be made".to_owned(),
            ))
            .caused_by(error)
        })?;
        Ok(Client(Arc::new(Inner {
            http,
            base_url,
            authorization: credentials.authorization().map_err(configuration)?,
            limiter: self.limiter,
            retry: self.retry,
            budget: RetryBudget::new(),
            deadline: self.deadline,
            max_body: self.max_body,
        })))
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the base URL: it is not checked yet and may hold credentials.
        let mut debug = f.debug_struct("ClientBuilder");
        debug
            .field("timeout", &self.timeout)
            .field("connect_timeout", &self.connect_timeout)
            .field("deadline", &self.deadline)
            .field("retry", &self.retry)
            .field("rate_limiter", &self.limiter)
            .field("max_body", &self.max_body);
        debug.finish_non_exhaustive()
    }
}

fn configuration(problem: impl fmt::Display) -> Error {
    Error::new(Kind::Configuration(problem.to_string()))
}

/// `https`, or `http` on loopback; no credentials, query or fragment in it; without a
/// slash at its end.
fn checked_base_url(text: &str) -> Result<String, Error> {
    let refused = |why: &str| configuration(format_args!("the base URL {why}"));
    let url = Url::parse(text).map_err(|error| refused(&format!("is not a URL: {error}")))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused("must not contain credentials"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(refused(&format!(
            "{text} must have neither query nor fragment"
        )));
    }
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&url) => {}
        "http" => {
            return Err(refused(&format!(
                "{text} is http; the credentials need https (or loopback)"
            )));
        }
        other => {
            return Err(refused(&format!(
                "{text} is of the scheme {other}, not https"
            )));
        }
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || address
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
}

/// ring rather than aws-lc: a third of the build time, see DESIGN.md.
#[cfg(feature = "rustls")]
fn with_tls(builder: reqwest::ClientBuilder) -> Result<reqwest::ClientBuilder, Error> {
    use rustls_platform_verifier::BuilderVerifierExt as _;
    let tls = || {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_platform_verifier()?;
        Ok::<_, rustls::Error>(config.with_no_client_auth())
    };
    let config = tls().map_err(|error| {
        Error::new(Kind::Configuration("TLS cannot be set up".to_owned())).caused_by(error)
    })?;
    Ok(builder.tls_backend_preconfigured(config))
}

#[cfg(not(feature = "rustls"))]
#[allow(clippy::unnecessary_wraps)]
fn with_tls(builder: reqwest::ClientBuilder) -> Result<reqwest::ClientBuilder, Error> {
    Ok(builder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_url_is_https_or_loopback() {
        for (text, url) in [
            ("https://api.huntress.io", "https://api.huntress.io"),
            (
                "https://proxy.example/huntress/",
                "https://proxy.example/huntress",
            ),
            ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
            ("http://127.9.9.9", "http://127.9.9.9"),
            ("http://[::1]:80", "http://[::1]"),
            ("http://localhost:1", "http://localhost:1"),
        ] {
            assert_eq!(checked_base_url(text).unwrap(), url);
        }
        for (text, why) in [
            (
                "http://api.huntress.io",
                "the base URL http://api.huntress.io is http; the credentials need https (or loopback)",
            ),
            (
                "http://localhost.evil.example",
                "the base URL http://localhost.evil.example is http; the credentials need https (or loopback)",
            ),
            (
                "http://10.0.0.1",
                "the base URL http://10.0.0.1 is http; the credentials need https (or loopback)",
            ),
            (
                "ftp://127.0.0.1",
                "the base URL ftp://127.0.0.1 is of the scheme ftp, not https",
            ),
            (
                "https://hk_a:hs_b@api.huntress.io",
                "the base URL must not contain credentials",
            ),
            (
                "https://api.huntress.io?x=1",
                "the base URL https://api.huntress.io?x=1 must have neither query nor fragment",
            ),
            (
                "api.huntress.io",
                "the base URL is not a URL: relative URL without a base",
            ),
        ] {
            assert_eq!(checked_base_url(text).unwrap_err().to_string(), why);
        }
    }
}
