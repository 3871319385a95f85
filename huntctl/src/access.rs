//! Who may see the dashboard.
//!
//! ```text
//! ground.rs    decides from the settings whether a place is safe to listen on, and refuses it with
//!              the line to write; names and proxies that every request is held against
//! login.rs     the form, the cookie, and where one goes from there
//! token.rs     compares the token; sessions.rs remembers who had it; attempts.rs limits guesses
//! origin.rs    tells whether a form was sent by one of our own pages
//! ```
//!
//! - **On loopback** there is no login. What another page in the same browser could do is stopped
//!   by the `Host` header: a name that an attacker has pointed to 127.0.0.1 is not one of ours.
//! - **With a token** people log in by a form and get a cookie with 32 random bytes, of which the
//!   program remembers the digest. Scripts send `Authorization: Bearer`.
//! - **Behind a proxy that people log in at** the name that it gives in a header is believed, since
//!   only the listed proxies are served at all.

mod attempts;
mod ground;
mod login;
mod origin;
mod random;
mod sessions;
mod token;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use tokio::time::Instant;

use crate::config::Config;
use crate::failure::Failure;
use attempts::Attempts;
use sessions::Sessions;
use token::Token;

pub use ground::{Ground, guard};
pub(crate) use random::fill;

/// How people are let in; cheap to clone.
#[derive(Clone)]
pub struct Access(Arc<Inner>);

struct Inner {
    door: Door,
    /// The cookie may be sent by TLS alone.
    secure: bool,
    /// Where browsers find the pages, if it was said.
    origin: Option<String>,
}

enum Door {
    /// Whoever can connect may look: loopback.
    Open,
    Token(Box<Login>),
    /// A proxy names the user in this header.
    Proxy(HeaderName),
}

/// What a login is made of.
struct Login {
    token: Token,
    sessions: Sessions,
    attempts: Attempts,
}

/// Who sent a request: the client that is connected, or the one that a proxy before us names. It
/// is among the extensions of each request that [`guard`] lets pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client(pub IpAddr);

tokio::task_local! {
    /// Who asks for the page that is made just now. Templates have no request to look it up in.
    static USER: User;
}

/// Who asks for the page that is made just now.
pub fn user() -> User {
    USER.try_with(User::clone).unwrap_or_default()
}

/// Who is logged in, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// As the proxy calls them. A token has no name.
    pub name: Option<String>,
    /// Whether there is a session that `/logout` ends.
    pub can_log_out: bool,
}

impl Access {
    /// As the configuration says.
    ///
    /// # Errors
    ///
    /// Where the token cannot be had or is too short, and as [`Ground::of_dashboard`].
    pub fn of(config: &Config) -> Result<Self, Failure> {
        let dashboard = config.dashboard();
        let door = match (&dashboard.token, &dashboard.user_header) {
            (_, Some(header)) => Door::Proxy(header.clone()),
            (Some(secret), None) => Door::Token(Box::new(Login {
                token: Token::new(&config.reveal(secret)?, secret)?,
                sessions: Sessions::default(),
                attempts: Attempts::default(),
            })),
            (None, None) => Door::Open,
        };
        let serving = &dashboard.serving;
        let by_tls = serving.url.as_ref().is_some_and(|url| url.is_https());
        Ok(Self(Arc::new(Inner {
            door,
            secure: serving.certificate.is_some() || by_tls,
            origin: serving.url.as_ref().map(|url| url.text()),
        })))
    }

    fn user(&self, request: &Request) -> Result<User, Refusal> {
        let headers = request.headers();
        match &self.0.door {
            Door::Open => Ok(User::default()),
            Door::Proxy(name) => {
                let user = only(headers, name).ok_or(Refusal::NoUser)?;
                Ok(User {
                    name: Some(user.to_owned()),
                    can_log_out: false,
                })
            }
            Door::Token(login) => {
                let now = Instant::now();
                if let Some(given) = bearer(headers) {
                    let right = login
                        .attempts
                        .attempt(client(request), login.token.is(given), now);
                    return match right {
                        Ok(true) => Ok(User::default()),
                        Ok(false) => Err(Refusal::Login),
                        Err(wait) => Err(Refusal::TooMany(wait)),
                    };
                }
                let mut cookies = login::cookies(headers, self.0.secure);
                match cookies.any(|cookie| login.sessions.has(cookie, now)) {
                    true => Ok(User {
                        name: None,
                        can_log_out: true,
                    }),
                    false => Err(Refusal::Login),
                }
            }
        }
    }
}

/// Without a secret.
impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let door = match &self.0.door {
            Door::Open => "open",
            Door::Token(_) => "token",
            Door::Proxy(_) => "proxy",
        };
        f.debug_tuple("Access").field(&door).finish()
    }
}

/// Why a request is not let pass.
enum Refusal {
    /// Nobody is logged in.
    Login,
    /// The proxy has named nobody, or more than one.
    NoUser,
    /// Too many have guessed; in so many seconds one may try again.
    TooMany(u64),
}

/// Lets nobody see the pages but who may, and adds `/login` and `/logout` where there is a token.
/// It goes inside of [`guard`].
pub fn protect(pages: Router, access: Access) -> Router {
    let pages = match access.0.door {
        Door::Token(_) => pages.merge(login::router(access.clone())),
        _ => pages,
    };
    pages.layer(from_fn_with_state(access, admit))
}

async fn admit(State(access): State<Access>, request: Request, next: Next) -> Response {
    let reads = [Method::GET, Method::HEAD].contains(request.method());
    if !reads && !origin::is_own(request.headers(), access.0.origin.as_deref()) {
        let text = "this form was not sent by a page of this dashboard\n";
        return private((StatusCode::FORBIDDEN, text).into_response());
    }
    let user = match access.user(&request) {
        Ok(user) => user,
        // What one needs to log in.
        Err(Refusal::Login) if access.has_login() && login::is_part(request.uri().path()) => {
            User::default()
        }
        Err(refusal) => return private(refused(&access, &request, &refusal)),
    };
    if let Some(name) = &user.name {
        tracing::debug!(user = name, path = request.uri().path(), "a page is shown");
    }
    private(USER.scope(user, next.run(request)).await)
}

impl Access {
    fn has_login(&self) -> bool {
        matches!(self.0.door, Door::Token(_))
    }
}

fn refused(access: &Access, request: &Request, refusal: &Refusal) -> Response {
    let browser = request.method() == Method::GET
        && only(request.headers(), &header::ACCEPT).is_some_and(|it| it.contains("text/html"))
        && bearer(request.headers()).is_none();
    match refusal {
        Refusal::Login if browser => login::redirect(request.uri()),
        Refusal::Login => {
            let name = HeaderValue::from_static("Bearer realm=\"huntctl\"");
            let text = "log in at /login, or send the token: Authorization: Bearer …\n";
            (
                StatusCode::UNAUTHORIZED,
                [(header::WWW_AUTHENTICATE, name)],
                text,
            )
                .into_response()
        }
        Refusal::NoUser => {
            let header = match &access.0.door {
                Door::Proxy(header) => header.as_str(),
                _ => "",
            };
            let text = format!("the proxy has named no user in {header}\n");
            (StatusCode::UNAUTHORIZED, text).into_response()
        }
        Refusal::TooMany(seconds) => too_many(*seconds),
    }
}

fn too_many(seconds: u64) -> Response {
    let text = format!("too many wrong tokens: try again in {seconds} seconds\n");
    (
        StatusCode::TOO_MANY_REQUESTS,
        [(header::RETRY_AFTER, seconds)],
        text,
    )
        .into_response()
}

/// Adds what keeps a page from other pages, from caches and from search engines. What the page
/// says itself stays.
fn private(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // Not `no-referrer`: then a form would be sent with `Origin: null`.
        (header::REFERRER_POLICY, "same-origin"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; \
             form-action 'self'; frame-ancestors 'none'",
        ),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (HeaderName::from_static("x-robots-tag"), "noindex, nofollow"),
    ] {
        headers
            .entry(name)
            .or_insert_with(|| HeaderValue::from_static(value));
    }
    response
}

/// The one value of a header, if it is text and there is no second one.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().filter(|_| values.next().is_none())?;
    value.to_str().ok().filter(|value| !value.trim().is_empty())
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = only(headers, &header::AUTHORIZATION)?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn client(request: &Request) -> IpAddr {
    let client = request.extensions().get::<Client>();
    client.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |client| client.0)
}
