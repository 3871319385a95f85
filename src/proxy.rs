//! The proxy that the program names.
//!
//! Its address may contain a user and a password, so no error shows it.

use reqwest::Url;

/// Without a TLS library reqwest takes the scheme of such a proxy for that of the API.
const SOCKS: bool = cfg!(any(feature = "rustls", feature = "native-tls"));
const NO_SOCKS: &str = "is of SOCKS, which needs the feature `rustls` or `native-tls`";

/// The address of a proxy; `host:port` alone is taken as `http`, as curl does. The error
/// completes "the proxy's URL …".
pub(crate) fn parsed(text: &str) -> Result<Url, String> {
    let text = text.trim();
    let whole = if text.contains("://") {
        text.to_owned()
    } else {
        format!("http://{text}")
    };
    let url = Url::parse(&whole).map_err(|error| format!("is not a URL: {error}"))?;
    match url.scheme() {
        "http" | "https" | "socks4" | "socks4a" | "socks5" | "socks5h" => {}
        other => {
            return Err(format!(
                "is of the scheme {other}; known are http, https, socks4, socks4a, socks5 and socks5h"
            ));
        }
    }
    if !SOCKS && url.scheme().starts_with("socks") {
        return Err(NO_SOCKS.to_owned());
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err("has no host".to_owned());
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return Err("must be no more than scheme, user, host and port".to_owned());
    }
    // reqwest reads it again by other rules, and would use no proxy where it cannot.
    if url.as_str().parse::<http::Uri>().is_err() {
        return Err("is not a URL".to_owned());
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_proxy() {
        for (text, url) in [
            ("http://proxy.example:8080", "http://proxy.example:8080/"),
            ("https://proxy.example/", "https://proxy.example/"),
            ("proxy.example:8080", "http://proxy.example:8080/"),
            (
                "user:p%40w@proxy.example:8080",
                "http://user:p%40w@proxy.example:8080/",
            ),
        ] {
            assert_eq!(parsed(text).unwrap().as_str(), url);
        }
        for (text, why) in [
            ("", "is not a URL: empty host"),
            ("http://user:secret", "is not a URL: invalid port number"),
            (
                "ftp://secret@host",
                "is of the scheme ftp; known are http, https, socks4, socks4a, socks5 and socks5h",
            ),
            (
                "http://host/secret",
                "must be no more than scheme, user, host and port",
            ),
            // A password with an unescaped mark in it.
            (
                "http://user:12#secret@host",
                "must be no more than scheme, user, host and port",
            ),
        ] {
            assert_eq!(parsed(text).unwrap_err(), why, "{text}");
        }
    }

    #[test]
    fn socks_works_beside_a_tls_library() {
        for (text, url) in [
            ("socks5h://u:pw@[::1]:1080", Ok("socks5h://u:pw@[::1]:1080")),
            ("socks5://", Err("has no host")),
            ("socks5://h\u{f6}st", Err("is not a URL")),
        ] {
            let parsed = parsed(text);
            let parsed = parsed.as_ref().map(Url::as_str).map_err(String::as_str);
            assert_eq!(parsed, if SOCKS { url } else { Err(NO_SOCKS) });
        }
    }
}
