//! The login: a form takes the token, and a cookie says from then on that it was right.
//!
//! The cookie is `HttpOnly` and `SameSite=Lax`. `Strict` would show the form to those who follow a
//! link of a mail although they are logged in; and a page that is read by `GET` changes nothing,
//! which is all that `Lax` lets others cause.

use askama::Template;
use axum::extract::{DefaultBodyLimit, Extension, Query, State};
use axum::http::uri::Uri;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::get;
use axum::{Form, Router};
use serde::Deserialize;
use tokio::time::Instant;

use super::{Access, Client, Door, sessions, too_many, user};

const PAGE: &str = "/login";
const STYLE: &str = "/login/style.css";
const OUT: &str = "/logout";

/// More than any token.
const MAX_FORM: usize = 16 << 10;
/// More than any path of ours.
const MAX_NEXT: usize = 2_000;

/// What was filled in, or stands in the address.
#[derive(Deserialize)]
struct Filled {
    #[serde(default)]
    token: String,
    #[serde(default)]
    next: String,
}

#[derive(Template)]
#[template(path = "access/login.html")]
struct LoginPage<'a> {
    problem: Option<&'a str>,
    next: &'a str,
}

#[derive(Template)]
#[template(path = "access/logout.html")]
struct LogoutPage;

pub(super) fn router(access: Access) -> Router {
    Router::new()
        .route(PAGE, get(form).post(log_in))
        .route(OUT, get(ask).post(log_out))
        .route(STYLE, get(style))
        .layer(DefaultBodyLimit::max(MAX_FORM))
        .with_state(access)
}

/// Whether one needs it to log in.
pub(super) fn is_part(path: &str) -> bool {
    [PAGE, STYLE].contains(&path)
}

/// To the form, and back afterwards.
pub(super) fn redirect(to: &Uri) -> Response {
    let path = to.path_and_query().map_or("/", |it| it.as_str());
    let next = form_urlencoded::byte_serialize(local(path).as_bytes());
    see(&format!("{PAGE}?next={}", next.collect::<String>()))
}

async fn form(Query(filled): Query<Filled>) -> Response {
    let next = local(&filled.next);
    match user().can_log_out {
        true => see(next),
        false => page(StatusCode::OK, None, next),
    }
}

async fn log_in(
    State(access): State<Access>,
    client: Option<Extension<Client>>,
    Form(filled): Form<Filled>,
) -> Response {
    let Door::Token(door) = &access.0.door else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let next = local(&filled.next);
    let now = Instant::now();
    let client = client.map_or(std::net::Ipv4Addr::UNSPECIFIED.into(), |it| it.0.0);
    match door
        .attempts
        .attempt(client, door.token.is(filled.token.trim()), now)
    {
        Ok(true) => {}
        Ok(false) => {
            let problem = Some("This is not the token.");
            return page(StatusCode::UNAUTHORIZED, problem, next);
        }
        Err(seconds) => return too_many(seconds),
    }
    match door.sessions.begin(now) {
        Ok(session) => {
            tracing::info!(%client, "logged in to the dashboard");
            let life = sessions::LIFE.as_secs();
            with_cookie(see(next), &access, &session, life)
        }
        Err(failure) => {
            tracing::error!("{failure}");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

async fn ask() -> Response {
    shown(StatusCode::OK, &LogoutPage)
}

async fn log_out(State(access): State<Access>, headers: HeaderMap) -> Response {
    if let Door::Token(door) = &access.0.door {
        for cookie in cookies(&headers, access.0.secure) {
            door.sessions.end(cookie);
        }
    }
    with_cookie(see(PAGE), &access, "", 0)
}

async fn style() -> Response {
    let kind = (header::CONTENT_TYPE, "text/css; charset=utf-8");
    ([kind], include_str!("../../templates/plain.css")).into_response()
}

fn page(status: StatusCode, problem: Option<&str>, next: &str) -> Response {
    shown(status, &LoginPage { problem, next })
}

fn shown(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(page) => (status, Html(page)).into_response(),
        Err(problem) => {
            tracing::error!("a page could not be made: {problem}");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

fn see(path: &str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, path)]).into_response()
}

/// What the cookie is called. With `__Host-`, which demands TLS, no other host or path of the
/// domain can set it.
fn cookie_name(secure: bool) -> &'static str {
    match secure {
        true => "__Host-huntctl",
        false => "huntctl",
    }
}

fn with_cookie(mut response: Response, access: &Access, value: &str, life: u64) -> Response {
    let name = cookie_name(access.0.secure);
    let secure = match access.0.secure {
        true => "; Secure",
        false => "",
    };
    let cookie = format!("{name}={value}; Path=/; Max-Age={life}; HttpOnly; SameSite=Lax{secure}");
    if let Ok(cookie) = cookie.parse() {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// What our cookies of a request have.
pub(super) fn cookies(headers: &HeaderMap, secure: bool) -> impl Iterator<Item = &str> {
    const COOKIE: HeaderName = header::COOKIE;
    let all = headers.get_all(COOKIE).iter();
    let all = all.filter_map(|value| value.to_str().ok());
    let pairs = all.flat_map(|value| value.split(';'));
    let pairs = pairs.filter_map(|pair| pair.trim().split_once('='));
    pairs
        .filter(move |(name, _)| *name == cookie_name(secure))
        .map(|(_, value)| value)
}

/// The same path, if it is one of this host; or else the first page. Browsers take `\` for `/` and
/// leave out what cannot be seen, so neither may stand in it.
fn local(next: &str) -> &str {
    let plain = |c: char| c.is_ascii_graphic() && c != '\\';
    let own = next.starts_with('/') && !next.starts_with("//") && next.chars().all(plain);
    match own && next.len() <= MAX_NEXT && !next.starts_with(OUT) {
        true => next,
        false => "/",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_comes_back_to_a_path_of_this_host_or_to_the_first_page() {
        for path in [
            "/",
            "/a",
            "/organizations/1/7?sort=name&x=%2F%2Fevil",
            "/a//b",
        ] {
            assert_eq!(local(path), path);
        }
        let long = format!("/{}", "x".repeat(MAX_NEXT));
        for path in [
            "",
            "a",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\/evil.example",
            "/a\\b",
            "https://evil.example",
            "javascript:alert(1)",
            "/\t/evil.example",
            "/\n/evil.example",
            "/a\r\nset-cookie: a=b",
            " /a",
            "/ü",
            "/logout",
            &long,
        ] {
            assert_eq!(local(path), "/", "{path:?}");
        }
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let found = |all: &[&str], secure| {
            let mut headers = HeaderMap::new();
            for value in all {
                headers.append(header::COOKIE, value.parse().unwrap());
            }
            let found: Vec<_> = cookies(&headers, secure).collect();
            found.join(" ")
        };
        assert_eq!(found(&["a=1; huntctl=x; b=2"], false), "x");
        assert_eq!(found(&["a=1", "huntctl=x;huntctl=y"], false), "x y");
        // By TLS, one that could have been set by anybody is not looked at.
        assert_eq!(found(&["huntctl=x; __Host-huntctl=y"], true), "y");
        assert_eq!(found(&["xhuntctl=x; huntctl", "=x"], false), "");
        assert_eq!(found(&[], false), "");
    }
}
