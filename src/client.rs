//! The client and its configuration.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::HeaderValue;
use reqwest::{Proxy, Url, redirect};
use serde::de::DeserializeOwned;

use crate::base_url;
use crate::credentials::{Credentials, CredentialsError};
use crate::envelope::Reading;
use crate::error::{Error, Kind};
use crate::mask::Mask;
use crate::odd::{OddField, Teller};
use crate::proxy;
use crate::rate_limit::RateLimiter;
use crate::retry::{RetryBudget, RetryPolicy};
use crate::tls::Tls;

const BASE_URL: &str = "https://api.huntress.io";
const BASE_URL_VARIABLE: &str = "HUNTRESS_BASE_URL";
const USER_AGENT: &str = concat!("huntress-rs/", env!("CARGO_PKG_VERSION"));
const TIMEOUT: Duration = Duration::from_secs(60);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Load balancers commonly close idle connections after 60 seconds. A request that is sent
/// at that moment is lost, and nobody could say whether a write took effect.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(45);
const MAX_BODY: usize = 64 << 20;

/// A client of the Huntress REST API.
///
/// Has one method for each operation; each returns a builder whose `send` makes the call.
/// Cheap to clone: all clones share one connection pool, one quota and one budget of
/// retries.
///
/// # Runtimes
///
/// Calls need a tokio runtime with its time and I/O drivers (`enable_all`, as
/// `#[tokio::main]` has it). Without a runtime they are an error; without the drivers tokio
/// panics, as it does for any timer or socket.
///
/// One client serves several runtimes, at once or one after the other, but a connection
/// belongs to the runtime that made it. When that runtime ends, its idle connections are
/// closed, and the next call makes a new one: nothing is lost. If a call of another runtime
/// is under way on such a connection, it breaks off: a read is sent again, and for a write
/// it is not known whether it took effect. A runtime that is not driven (one of a single
/// thread, between two calls of `block_on`) holds its connections without serving them, and
/// a call of another runtime that gets one of these waits until its time-out. Give each such
/// runtime a client of its own, with the same [`RateLimiter`].
#[derive(Clone)]
pub struct Client(Arc<Inner>);

/// Cheap to clone: what all keys of an account have in common is behind an `Arc`.
#[derive(Clone)]
pub(crate) struct Inner {
    http: reqwest::Client,
    base_url: String,
    authorization: HeaderValue,
    /// Hides these credentials in what the server says.
    pub(crate) mask: Mask,
    pub(crate) limiter: RateLimiter,
    pub(crate) retry: RetryPolicy,
    pub(crate) budget: Arc<RetryBudget>,
    /// Of one attempt.
    pub(crate) timeout: Duration,
    pub(crate) deadline: Option<Duration>,
    pub(crate) max_body: usize,
    pub(crate) teller: Teller,
    strict: bool,
}

impl Inner {
    /// How records are read by this client.
    pub(crate) fn reading<T: DeserializeOwned>(&self, reading: Reading<T>) -> Reading<T> {
        reading.or_strict(self.strict)
    }
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
        let credentials = Credentials::from_env().map_err(unusable)?;
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
            allow_plain_http: false,
            proxy: None,
            roots: Vec::new(),
            timeout: TIMEOUT,
            connect_timeout: CONNECT_TIMEOUT,
            user_agent: None,
            limiter: RateLimiter::default(),
            retry: RetryPolicy::default(),
            deadline: None,
            max_body: MAX_BODY,
            teller: Teller::default(),
            strict: false,
        }
    }

    /// The quota that this client keeps within, to look at or to give to another client of
    /// the same account.
    pub fn rate_limiter(&self) -> &RateLimiter {
        &self.0.limiter
    }

    /// This client with other credentials of the same account, such as those that replace
    /// the present ones: with the same quota, connections, budget of retries and settings.
    /// Calls and streams of this client that are under way keep the credentials that they
    /// have.
    ///
    /// For another account make another client, since each has a quota of its own.
    ///
    /// # Errors
    ///
    /// When the credentials are malformed.
    pub fn with_credentials(&self, credentials: impl Into<Credentials>) -> Result<Self, Error> {
        let (authorization, mask) = credentials.into().authorization().map_err(unusable)?;
        Ok(Self(Arc::new(Inner {
            authorization,
            mask,
            ..Inner::clone(&self.0)
        })))
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.0
    }

    pub(crate) fn authorization(&self) -> HeaderValue {
        self.0.authorization.clone()
    }

    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.0.http
    }

    pub(crate) fn base_url(&self) -> &str {
        &self.0.base_url
    }

    /// What comes before the path of an operation that can be scoped.
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
    allow_plain_http: bool,
    proxy: Option<String>,
    roots: Vec<Vec<u8>>,
    timeout: Duration,
    connect_timeout: Duration,
    user_agent: Option<String>,
    limiter: RateLimiter,
    retry: RetryPolicy,
    deadline: Option<Duration>,
    max_body: usize,
    teller: Teller,
    strict: bool,
}

impl ClientBuilder {
    /// The API key and secret, as [`Credentials`] or a pair of texts. Required.
    pub fn credentials(mut self, credentials: impl Into<Credentials>) -> Self {
        self.credentials = Some(credentials.into());
        self
    }

    /// Where the API is; `https://api.huntress.io` by default. It must be `https`, or
    /// `http` on loopback (for a simulator), since the credentials go there; see
    /// [`allow_plain_http`](Self::allow_plain_http). A `/v1` at its end is taken off.
    pub fn base_url(mut self, base_url: impl Into<String>) -> Self {
        self.base_url = base_url.into();
        self
    }

    /// Allows a base URL of `http` on any host, for a simulator in another container.
    ///
    /// Everybody on the way can then read the credentials, which are sent with every call,
    /// and can read and change every request and answer. Use it only with credentials that
    /// are worth nothing. No environment variable does this.
    pub fn allow_plain_http(mut self) -> Self {
        self.allow_plain_http = true;
        self
    }

    /// The proxy that all calls go through, such as `http://proxy.example:8080`; the schemes
    /// are `http`, `https`, `socks4`, `socks4a`, `socks5` and `socks5h` (with `socks4a` and
    /// `socks5h` the proxy looks up the host; SOCKS needs a TLS feature). It may have
    /// `user:password@` before the host, percent-encoded; no text of this crate shows it.
    ///
    /// Without this, `https` goes through the proxy that the environment names (`HTTPS_PROXY`
    /// or `ALL_PROXY`, except for the hosts of `NO_PROXY`) or that the system has on macOS
    /// and Windows, and `http` goes through none. With it, the environment has no say.
    /// Loopback is always reached directly.
    pub fn proxy(mut self, url: impl Into<String>) -> Self {
        self.proxy = Some(url.into());
        self
    }

    /// Trusts these certificates in addition to the platform's: one or more in PEM, such as
    /// that of a proxy which inspects TLS. Can be called more than once. Where the platform
    /// has no certificates, these alone are trusted.
    pub fn root_certificate(mut self, pem: impl AsRef<[u8]>) -> Self {
        self.roots.push(pem.as_ref().to_vec());
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
    /// larger body is an error, and no more than this is kept of the body of an error.
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

    /// Called with each value that does not fit its field and is left out, in the task that
    /// decodes it. A warning is logged in any case (at most one a minute for each operation
    /// and path). It should be quick, and must not panic.
    pub fn on_odd_field(mut self, tell: impl Fn(&OddField) + Send + Sync + 'static) -> Self {
        self.teller = Teller::new(tell);
        self
    }

    /// Makes a value that does not fit its field an error: of the call, or of its record
    /// where it stands in a list. Off by default. What can be converted without loss fits.
    pub fn strict(mut self) -> Self {
        self.strict = true;
        self
    }

    /// Makes the client. Sends nothing.
    ///
    /// TLS is rustls with the crypto provider that the program has installed, or else with
    /// ring (feature `rustls`, the default), or the platform's library (feature
    /// `native-tls`); where both features are on, it is rustls.
    ///
    /// # Errors
    ///
    /// When the credentials are missing or malformed, the base URL is neither `https` nor
    /// on loopback, the proxy's URL or the user agent is not valid, a root certificate is
    /// not PEM, or TLS is needed and cannot be set up, because there are no certificates or
    /// this crate was built without a TLS feature.
    pub fn build(self) -> Result<Client, Error> {
        let Some(credentials) = self.credentials else {
            return Err(configuration(
                "no credentials were given to the client's builder",
            ));
        };
        let (authorization, mask) = credentials.authorization().map_err(unusable)?;
        let user_agent = match &self.user_agent {
            Some(name) => format!("{name} {USER_AGENT}"),
            None => USER_AGENT.to_owned(),
        };
        let user_agent = HeaderValue::try_from(user_agent)
            .map_err(|_| configuration("the user agent is not a header value"))?;
        let base_url = base_url::checked(&self.base_url, self.allow_plain_http)
            .map_err(|why| configuration(format_args!("the base URL {why}")))?;
        let proxy = self.proxy.as_deref().map(proxy::parsed).transpose();
        let proxy = proxy.map_err(|why| configuration(format_args!("the proxy's URL {why}")))?;
        let tls = Tls {
            needed: [Some(base_url.as_str()), proxy.as_ref().map(Url::as_str)]
                .iter()
                .flatten()
                .any(|url| url.starts_with("https:")),
            roots: &self.roots,
        };
        let http = reqwest::Client::builder()
            .user_agent(user_agent)
            .timeout(self.timeout)
            .connect_timeout(self.connect_timeout)
            .pool_idle_timeout(POOL_IDLE_TIMEOUT)
            // Both would send requests that nobody counts, and the credentials elsewhere.
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never());
        let http = tls.apply(http)?;
        let http = through(http, &base_url, proxy)?;
        let http = http
            .build()
            .map_err(|error| configuration("the HTTP client cannot be made").caused_by(error))?;
        Ok(Client(Arc::new(Inner {
            http,
            base_url,
            authorization,
            mask,
            limiter: self.limiter,
            retry: self.retry,
            budget: Arc::new(RetryBudget::new()),
            timeout: self.timeout,
            deadline: self.deadline,
            max_body: self.max_body,
            teller: self.teller,
            strict: self.strict,
        })))
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Neither base URL nor proxy: they are not checked yet and may hold credentials.
        let mut debug = f.debug_struct("ClientBuilder");
        debug
            .field("allow_plain_http", &self.allow_plain_http)
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

fn unusable(error: CredentialsError) -> Error {
    configuration("the credentials cannot be used").caused_by(error)
}

/// Plain text goes through no proxy that only the environment names, and none that it could
/// leave this machine by.
fn through(
    http: reqwest::ClientBuilder,
    base_url: &str,
    proxy: Option<Url>,
) -> Result<reqwest::ClientBuilder, Error> {
    let url = Url::parse(base_url).expect("checked");
    Ok(match proxy {
        _ if base_url::is_loopback(&url) => http.no_proxy(),
        Some(proxy) => {
            // Without the cause, which may show the address.
            let proxy =
                Proxy::all(proxy).map_err(|_| configuration("the proxy's URL cannot be used"))?;
            http.proxy(proxy)
        }
        None if url.scheme() == "http" => http.no_proxy(),
        None => http,
    })
}

/// What a call needs before anything else; tokio would panic without it.
pub(crate) fn require_runtime() -> Result<(), &'static str> {
    match tokio::runtime::Handle::try_current() {
        Ok(_) => Ok(()),
        Err(_) => Err(
            "there is no tokio runtime; make calls within one, such as that of `#[tokio::main]`",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_needs_a_runtime() {
        assert!(require_runtime().is_err());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        assert_eq!(runtime.block_on(async { require_runtime() }), Ok(()));
        // Gone again.
        assert!(require_runtime().is_err());
    }
}
