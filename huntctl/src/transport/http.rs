//! Requests over HTTP, and what their answers mean for what was sent.

use std::error::Error as _;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{AUTHORIZATION, DATE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url, redirect};
use secrecy::{ExposeSecret as _, SecretString};

use super::secret::Hidden;
use super::{Endpoint, Later, Secret, TlsSettings};
use crate::failure::{Exit, Failure};

/// Longest wait for a connection, where the patience for the rest is greater.
const CONNECTING: Duration = Duration::from_secs(10);
/// How much of an answer is read.
const LONGEST_ANSWER: usize = 4 << 20;
/// How much of one is shown in an error.
const SHOWN: usize = 300;

pub(super) struct Http {
    client: Client,
    endpoint: Endpoint,
    hidden: Hidden,
}

/// What a receiver answered.
pub(super) struct Answered {
    pub(super) status: StatusCode,
    pub(super) body: Vec<u8>,
    after: Option<Duration>,
}

/// What a status says about what was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Taken.
    Good,
    /// What was sent cannot be taken as it is.
    Content,
    /// Nothing: the receiver is busy or broken, or the sink's settings are wrong. Those are
    /// repaired by a person, and no event shall be gone by then.
    Other,
}

pub(super) fn meaning(status: StatusCode) -> Meaning {
    match status.as_u16() {
        200..=299 => Meaning::Good,
        400 | 413 | 422 => Meaning::Content,
        _ => Meaning::Other,
    }
}

impl Http {
    pub(super) fn open(
        endpoint: &Endpoint,
        tls: &TlsSettings,
        patience: Duration,
        mut headers: HeaderMap,
    ) -> Result<Self, Failure> {
        endpoint.expect("HTTP", &["http", "https"])?;
        let mut hidden = Hidden::default();
        if let Some(login) = endpoint.login() {
            headers.insert(AUTHORIZATION, basic(&login.user, &login.password)?);
        }
        let secrets = headers.values().filter(|value| value.is_sensitive());
        secrets.for_each(|value| hidden.add_header(value));
        let builder = Client::builder()
            .default_headers(headers)
            .user_agent(concat!("huntctl/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(patience.min(CONNECTING))
            .timeout(patience);
        let tls = match endpoint.scheme() {
            "https" => tls.config()?,
            _ => super::tls::unused()?,
        };
        let client = builder
            .tls_backend_preconfigured(tls)
            .build()
            .map_err(|error| Failure::new(Exit::Usage, format!("{endpoint}: {}", told(&error))))?;
        let endpoint = endpoint.clone();
        Ok(Self {
            client,
            endpoint,
            hidden,
        })
    }

    /// Never shows this text, wherever it comes from.
    pub(super) fn hide(&mut self, secret: &SecretString) {
        self.hidden.add(secret);
    }

    pub(super) fn post(&self, url: Url) -> RequestBuilder {
        self.client.post(url)
    }

    pub(super) fn request(&self, method: reqwest::Method, url: Url) -> RequestBuilder {
        self.client.request(method, url)
    }

    /// The answer, whatever its status. An answer that breaks off is none.
    pub(super) async fn answer(&self, request: RequestBuilder) -> Result<Answered, Later> {
        let failed = |error: reqwest::Error| {
            let text = self.hidden.hide(&told(&error));
            Later::because(format!("{}: {text}", self.endpoint))
        };
        let mut response = request.send().await.map_err(failed)?;
        let status = response.status();
        let after = retry_after(response.headers(), SystemTime::now());
        let body = match read(&mut response).await {
            Ok(Some(body)) => body,
            Ok(None) => {
                let text = format!("{} answered more than 4 MiB", self.endpoint);
                return Err(Later::because(text));
            }
            Err(error) => return Err(failed(error)),
        };
        Ok(Answered {
            status,
            body,
            after,
        })
    }

    /// What it answered, in words.
    pub(super) fn told(&self, answered: &Answered) -> String {
        let text = String::from_utf8_lossy(&answered.body);
        // Before it is cut: half a secret is not found.
        let hidden = self.hidden.hide(&text);
        let mut text: String = hidden.chars().map(visible).collect();
        super::fit::cut(&mut text, SHOWN);
        let text = text.trim();
        let colon = if text.is_empty() { "" } else { ": " };
        format!(
            "{} answered {}{colon}{text}",
            self.endpoint, answered.status
        )
    }

    /// The same as a reason to try again.
    pub(super) fn later(&self, answered: &Answered) -> Later {
        Later {
            why: self.told(answered),
            after: answered.after,
        }
    }
}

fn visible(c: char) -> char {
    if c.is_control() { ' ' } else { c }
}

/// `Authorization` by user and password, or by a token of this scheme, or none.
pub(super) fn login(
    user: Option<&String>,
    password: Option<&Secret>,
    (scheme, name, token): (&str, &str, Option<&Secret>),
) -> Result<HeaderMap, Failure> {
    let value = match (user, password, token) {
        (None, None, None) => return Ok(HeaderMap::new()),
        (Some(user), Some(password), None) => basic(user, &password.read()?)?,
        (None, None, Some(token)) => {
            let token = token.read()?;
            secret_header(&format!("{scheme} {}", token.expose_secret()), name)?
        }
        _ => {
            let text = format!("give `username` and `password`, or `{name}`, or nothing");
            return Err(Failure::new(Exit::Usage, text));
        }
    };
    Ok(HeaderMap::from_iter([(AUTHORIZATION, value)]))
}

fn basic(user: &str, password: &SecretString) -> Result<HeaderValue, Failure> {
    let encoded = STANDARD.encode(format!("{user}:{}", password.expose_secret()));
    secret_header(&format!("Basic {encoded}"), "the password")
}

/// A header that no log shows.
pub(super) fn secret_header(text: &str, what: &str) -> Result<HeaderValue, Failure> {
    let mut value = HeaderValue::from_str(text).map_err(|_| {
        let text = format!("{what} has characters that no header can have");
        Failure::new(Exit::Usage, text)
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// `None` where it is too long.
async fn read(response: &mut Response) -> Result<Option<Vec<u8>>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > LONGEST_ANSWER {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}

/// What went wrong, down to its first cause, without the URL, which may hold a secret.
fn told(error: &reqwest::Error) -> String {
    let kind = match error {
        _ if error.is_timeout() => "no answer in time",
        _ if error.is_connect() => "no connection",
        _ if error.is_builder() => "cannot be asked",
        _ => "no whole answer",
    };
    let mut text = kind.to_owned();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.ends_with(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}

/// What `Retry-After` says: seconds, or a date by the receiver's own clock.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let until = httpdate::parse_http_date(text).ok()?;
    let date = headers.get(DATE).and_then(|date| date.to_str().ok());
    let sent = date.and_then(|date| httpdate::parse_http_date(date).ok());
    Some(
        until
            .duration_since(sent.unwrap_or(now))
            .unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_statuses_say() {
        let of = |status| meaning(StatusCode::from_u16(status).unwrap());
        for good in [200, 202, 204] {
            assert_eq!(of(good), Meaning::Good);
        }
        for content in [400, 413, 422] {
            assert_eq!(of(content), Meaning::Content);
        }
        for other in [301, 401, 403, 404, 408, 429, 500, 503, 599] {
            assert_eq!(of(other), Meaning::Other);
        }
    }

    #[test]
    fn how_long_to_wait() {
        let wait = |headers: &[(reqwest::header::HeaderName, &str)]| {
            let headers = headers
                .iter()
                .map(|(name, text)| (name.clone(), text.parse().unwrap()));
            let epoch = SystemTime::UNIX_EPOCH;
            retry_after(&headers.collect(), epoch).map(|wait| wait.as_secs())
        };
        assert_eq!(wait(&[(RETRY_AFTER, "30")]), Some(30));
        assert_eq!(
            wait(&[(RETRY_AFTER, "99999999999999999999999")]),
            Some(u64::MAX)
        );
        assert_eq!(wait(&[(RETRY_AFTER, "soon")]), None);
        assert_eq!(wait(&[]), None);
        let until = [(RETRY_AFTER, "Thu, 01 Jan 1970 00:01:00 GMT")];
        assert_eq!(wait(&until), Some(60));
        let sent = (DATE, "Thu, 01 Jan 1970 00:00:45 GMT");
        assert_eq!(wait(&[until[0].clone(), sent]), Some(15));
    }
}
