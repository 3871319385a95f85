//! The proxy that the program names.
//!
//! Its address may contain a user and a password, so no error shows it.

use reqwest::Url;

/// The address of a proxy; `host:port` alone is taken as `http`, as curl does. The error
/// completes "the proxy's URL …".
pub(crate) fn parsed(text: &str) -> Result<Url, String> {
    let text = text.trim();
    let whole = match text.contains("://") {
        true => text.to_owned(),
        false => format!("http://{text}"),
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
    // Without a TLS library reqwest takes the scheme of the proxy for that of the API.
    let tls = cfg!(any(feature = "rustls", feature = "native-tls"));
    if !tls && url.scheme().starts_with("socks") {
        return Err("is of SOCKS, which needs the feature `rustls` or `native-tls`".to_owned());
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
            #[cfg(any(feature = "rustls", feature = "native-tls"))]
            (
                "socks5h://user:pw@[::1]:1080",
                "socks5h://user:pw@[::1]:1080",
            ),
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
            #[cfg(any(feature = "rustls", feature = "native-tls"))]
            ("socks5://", "has no host"),
            #[cfg(not(any(feature = "rustls", feature = "native-tls")))]
            (
                "socks5://host",
                "is of SOCKS, which needs the feature `rustls` or `native-tls`",
            ),
            #[cfg(any(feature = "rustls", feature = "native-tls"))]
            ("socks5://h\u{f6}st", "is not a URL"),
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
}
