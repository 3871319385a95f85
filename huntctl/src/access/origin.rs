//! Whether a form was sent by one of our own pages: what browsers say of it, since nobody else can.

use axum::http::{HeaderMap, HeaderName, header};

use super::only;

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether it was. A client that says nothing is no browser, and has `Authorization` for what it
/// wants.
///
/// `Sec-Fetch-Site` is sent by all browsers of today, but by plain HTTP on loopback alone;
/// `Origin` is older. `known` is the origin that the configuration says, since a proxy may change
/// `Host`.
pub(super) fn is_own(headers: &HeaderMap, known: Option<&str>) -> bool {
    if headers.contains_key(FETCH_SITE) {
        return only(headers, &FETCH_SITE) == Some("same-origin");
    }
    let Some(origin) = only(headers, &header::ORIGIN) else {
        return false;
    };
    let host = only(headers, &header::HOST);
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    known == Some(origin) || (host.is_some() && host == authority)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_browser_says_decides() {
        let known = Some("https://hunt.example");
        for (said, own) in [
            (&[][..], false),
            (&[("sec-fetch-site", "same-origin")], true),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("sec-fetch-site", "cross-site")], false),
            (&[("sec-fetch-site", "none")], false),
            // It counts for more than `Origin`.
            (
                &[
                    ("sec-fetch-site", "cross-site"),
                    ("origin", "http://127.0.0.1:8090"),
                ],
                false,
            ),
            (&[("origin", "http://127.0.0.1:8090")], true),
            (&[("origin", "http://127.0.0.1:8091")], false),
            (&[("origin", "https://hunt.example")], true),
            (&[("origin", "https://hunt.example.evil.example")], false),
            (&[("origin", "null")], false),
            (&[("origin", "")], false),
            (
                &[
                    ("sec-fetch-site", "same-origin"),
                    ("sec-fetch-site", "cross-site"),
                ],
                false,
            ),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, "127.0.0.1:8090".parse().unwrap());
            for (name, value) in said {
                headers.append(*name, value.parse().unwrap());
            }
            assert_eq!(is_own(&headers, known), own, "{said:?}");
        }
        let mut nothing = HeaderMap::new();
        nothing.insert(header::ORIGIN, "null".parse().unwrap());
        assert!(!is_own(&nothing, None));
    }
}
