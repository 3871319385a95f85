//! Where the API is, checked before the credentials go there.
//!
//! A refused address is shown without what may be secret in it: of one that can be read its
//! scheme and host, of any other nothing.

use reqwest::Url;

/// The address without a slash or `/v1` at its end: `https`, or `http` on loopback or where
/// it is allowed; no credentials, query or fragment in it. The error completes "the base
/// URL …".
pub(crate) fn checked(text: &str, allow_plain_http: bool) -> Result<String, String> {
    let text = text.trim();
    // `localhost:8080` and `user:password@host` would be URLs too, with odd schemes.
    if !text.contains("://") {
        return Err("has no scheme; write it as https://host".to_owned());
    }
    let url = Url::parse(text).map_err(|error| format!("is not a URL: {error}"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not contain credentials".to_owned());
    }
    let host = url.host_str().unwrap_or_default();
    let port = url
        .port()
        .map_or_else(String::new, |port| format!(":{port}"));
    let shown = format!("{}://{host}{port}", url.scheme());
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!("{shown}… must have neither query nor fragment"));
    }
    match url.scheme() {
        "https" => {}
        "http" if allow_plain_http || is_loopback(&url) => {}
        "http" => {
            return Err(format!(
                "{shown} is http; the credentials need https (or loopback, or `allow_plain_http`)"
            ));
        }
        other => return Err(format!("is of the scheme {other}, not https")),
    }
    let path = url.path().trim_end_matches('/');
    // It is in the paths of all operations.
    let path = path.strip_suffix("/v1").unwrap_or(path);
    Ok(format!("{shown}{}", path.trim_end_matches('/')))
}

/// Whether what is sent there stays on this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || address
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_https_or_loopback() {
        for (text, url) in [
            ("https://api.huntress.io", "https://api.huntress.io"),
            (" https://api.huntress.io\n", "https://api.huntress.io"),
            ("HTTPS://API.huntress.io", "https://api.huntress.io"),
            (
                "https://proxy.example/huntress/",
                "https://proxy.example/huntress",
            ),
            ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
            ("http://127.9.9.9", "http://127.9.9.9"),
            ("http://[::1]:80", "http://[::1]"),
            ("http://localhost:1", "http://localhost:1"),
        ] {
            assert_eq!(checked(text, false).as_deref(), Ok(url));
        }
    }

    #[test]
    fn the_version_is_in_the_paths_already() {
        for (text, url) in [
            ("https://api.huntress.io/v1", "https://api.huntress.io"),
            ("https://api.huntress.io/v1/", "https://api.huntress.io"),
            ("https://api.huntress.io//v1//", "https://api.huntress.io"),
            ("https://proxy.example/a/v1", "https://proxy.example/a"),
            ("http://localhost:1/v1", "http://localhost:1"),
            // These are not the version's path.
            ("https://proxy.example/av1", "https://proxy.example/av1"),
            ("https://proxy.example/v1/a", "https://proxy.example/v1/a"),
            ("https://v1", "https://v1"),
            ("https://a.example/v2", "https://a.example/v2"),
        ] {
            assert_eq!(checked(text, false).as_deref(), Ok(url));
        }
    }

    #[test]
    fn plain_http_must_be_allowed_and_nothing_else_is() {
        let plain = [
            ("http://api.huntress.io", "http://api.huntress.io"),
            (
                "http://localhost.evil.example",
                "http://localhost.evil.example",
            ),
            ("http://10.0.0.1:8080/v1", "http://10.0.0.1:8080"),
            ("http://simulator:80", "http://simulator"),
        ];
        for (text, url) in plain {
            assert_eq!(
                checked(text, false),
                Err(format!(
                    "{url} is http; the credentials need https (or loopback, or `allow_plain_http`)"
                ))
            );
            assert_eq!(checked(text, true).as_deref(), Ok(url));
        }
        for text in [
            "ftp://a",
            "ws://a",
            "http://a:b@c",
            "http://a?b",
            "a:1",
            "a",
        ] {
            assert!(checked(text, true).is_err(), "{text}");
        }
    }

    #[test]
    fn a_refused_one_is_shown_without_what_may_be_secret() {
        let no_scheme = "has no scheme; write it as https://host";
        for (text, why) in [
            (
                "https://secret:secret@api.huntress.io",
                "must not contain credentials",
            ),
            (
                "https://secret@api.huntress.io?secret",
                "must not contain credentials",
            ),
            ("secret:secret@api.huntress.io", no_scheme),
            ("hk_secret:hs_secret@api.huntress.io", no_scheme),
            ("api.huntress.io/secret", no_scheme),
            ("localhost:8080/secret", no_scheme),
            ("mailto:secret", no_scheme),
            ("file:///secret", "is of the scheme file, not https"),
            ("", no_scheme),
            (
                "https://api.huntress.io:8443/secret?secret",
                "https://api.huntress.io:8443… must have neither query nor fragment",
            ),
            (
                "https://api.huntress.io#secret",
                "https://api.huntress.io… must have neither query nor fragment",
            ),
            (
                "http://api.huntress.io/secret",
                "http://api.huntress.io is http; the credentials need https (or loopback, or `allow_plain_http`)",
            ),
            ("ftp://127.0.0.1/secret", "is of the scheme ftp, not https"),
            ("https://secret:secret", "is not a URL: invalid port number"),
            ("https://", "is not a URL: empty host"),
        ] {
            assert_eq!(checked(text, false), Err(why.to_owned()), "{text}");
        }
    }
}
