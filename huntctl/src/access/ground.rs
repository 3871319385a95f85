//! Where pages may be served, and what every request is held against, whoever sent it.
//!
//! Off loopback there must be a login, and TLS by a certificate or by a proxy. Where there are
//! proxies, nobody else is served, so plain HTTP goes no further than from them to here, and a
//! header of theirs cannot come from anybody else.
//!
//! `Host` must be an address, `localhost`, or a name of the configuration. So a page of an
//! attacker, who can point any name of theirs to this machine, does not become one of ours.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use ipnet::IpNet;

use super::{Client, only};
use crate::config::{self, Origin, Serving};
use crate::failure::{Exit, Failure};
use crate::http::Peer;

/// A place that is safe to listen on; cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ground {
    names: Arc<[String]>,
    proxies: Arc<[IpNet]>,
}

impl Ground {
    /// That of the dashboard; and of the portal, where that has no listener of its own.
    ///
    /// # Errors
    ///
    /// Where anything is missing that the place demands: with the line to write.
    pub fn of_dashboard(
        dashboard: &config::Dashboard,
        portal: &config::Portal,
    ) -> Result<Self, Failure> {
        let serving = &dashboard.serving;
        if let Some(missing) = missing_login(dashboard) {
            return Err(refusal("[dashboard]", missing));
        }
        let also = portal.serving.is_none().then_some(portal.url.as_ref());
        Self::of("[dashboard]", serving, also.flatten())
    }

    /// That of a portal with a listener of its own. Its links are its login.
    ///
    /// # Errors
    ///
    /// As [`of_dashboard`](Self::of_dashboard).
    pub fn of_portal(serving: &Serving) -> Result<Self, Failure> {
        Self::of("[portal]", serving, None)
    }

    fn of(section: &str, serving: &Serving, also: Option<&Origin>) -> Result<Self, Failure> {
        if let Some(missing) = missing_tls(serving) {
            return Err(refusal(section, missing));
        }
        let urls = serving.url.iter().chain(also);
        Ok(Self {
            names: urls.map(|url| url.host().to_owned()).collect(),
            proxies: serving.proxies.iter().copied().collect(),
        })
    }

    fn knows_host(&self, headers: &HeaderMap) -> bool {
        let host = only(headers, &header::HOST).filter(|host| !host.contains('@'));
        let Some(authority) = host.and_then(|host| Authority::try_from(host).ok()) else {
            return false;
        };
        let host = authority.host().to_ascii_lowercase();
        let host = host.strip_suffix('.').unwrap_or(&host);
        let address = host.trim_start_matches('[').trim_end_matches(']');
        address.parse::<IpAddr>().is_ok()
            || host == "localhost"
            || self.names.iter().any(|name| name == host)
    }

    fn is_proxy(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.proxies.iter().any(|proxy| proxy.contains(&address))
    }

    /// Who sent it: the last in `X-Forwarded-For` that is no proxy of ours. What stands before
    /// that may be anybody's invention.
    fn client(&self, headers: &HeaderMap, peer: IpAddr) -> IpAddr {
        let mut client = peer.to_canonical();
        let named = headers.get_all("x-forwarded-for").iter();
        let named: Vec<&str> = named.filter_map(|value| value.to_str().ok()).collect();
        let named = named.join(",");
        let mut named = named.rsplit(',').map(str::trim);
        while self.is_proxy(client) {
            let Some(before) = named.next().and_then(address) else {
                break;
            };
            client = before.to_canonical();
        }
        client
    }
}

/// An address, with or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let alone = text.trim_start_matches('[').trim_end_matches(']');
    let with_port = || text.parse::<SocketAddr>().ok().map(|it| it.ip());
    alone.parse().ok().or_else(with_port)
}

fn refusal(section: &str, missing: String) -> Failure {
    Failure::new(Exit::Usage, format!("{section} {missing}"))
}

fn exposed(serving: &Serving) -> bool {
    let elsewhere = serving.url.as_ref().is_some_and(|url| !url.is_loopback());
    !serving.listen.ip().is_loopback() || elsewhere || !serving.proxies.is_empty()
}

/// What the dashboard lacks to know who looks at it.
fn missing_login(dashboard: &config::Dashboard) -> Option<String> {
    let serving = &dashboard.serving;
    match (&dashboard.token, &dashboard.user_header) {
        (Some(_), Some(_)) => Some("has `token` and `user_header`: keep one".to_owned()),
        (None, Some(_)) if serving.proxies.is_empty() => Some(
            "believes anybody's `user_header`: write `proxy = [\"ADDRESS\"]` with the address of \
             the proxy that people log in at"
                .to_owned(),
        ),
        (None, None) if exposed(serving) => {
            let listen = serving.listen;
            let place = match (&serving.url, listen.ip().is_loopback()) {
                (Some(url), true) => url.text(),
                _ => listen.to_string(),
            };
            Some(format!(
                "could be seen by everybody who reaches {place}: write `token = \
                 \"env:HUNTCTL_DASHBOARD_TOKEN\"`, or `user_header = \"x-forwarded-user\"` and \
                 `proxy = [\"ADDRESS\"]` for a proxy that people log in at"
            ))
        }
        _ => None,
    }
}

/// What a place lacks for nobody to read along.
fn missing_tls(serving: &Serving) -> Option<String> {
    let listen = serving.listen;
    if !listen.ip().is_loopback() && serving.certificate.is_none() && serving.proxies.is_empty() {
        return Some(format!(
            "could be read on the way to {listen}: write `certificate = \"chain.pem\"` and `key = \
             \"key.pem\"`, or `proxy = [\"ADDRESS\"]` with the address of a proxy that has TLS"
        ));
    }
    match &serving.url {
        None if exposed(serving) => {
            Some("does not say where browsers find it: write `url = \"https://NAME\"`".to_owned())
        }
        Some(url) if !url.is_loopback() && !url.is_https() => {
            Some("has a `url` that begins with http://: write https://".to_owned())
        }
        _ => None,
    }
}

/// Lets nobody ask for pages by a name that is not theirs or past the proxies, and says who asks.
/// It goes around everything else.
pub fn guard(pages: Router, ground: Ground) -> Router {
    pages.layer(from_fn_with_state(ground, check))
}

async fn check(State(ground): State<Ground>, mut request: Request, next: Next) -> Response {
    if !ground.knows_host(request.headers()) {
        let text = "nothing is served by this name; `url` in huntctl.toml adds one\n";
        return (StatusCode::MISDIRECTED_REQUEST, text).into_response();
    }
    let peer = request.extensions().get::<Peer>().map(|peer| peer.0.ip());
    if !ground.proxies.is_empty() && !peer.is_some_and(|peer| ground.is_proxy(peer)) {
        tracing::warn!(?peer, "refused, since it is no proxy of huntctl.toml");
        let text = "only the proxy of this program is served\n";
        return (StatusCode::FORBIDDEN, text).into_response();
    }
    if let Some(peer) = peer {
        let client = ground.client(request.headers(), peer);
        request.extensions_mut().insert(Client(client));
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Dashboard, Portal};
    use crate::secret::Secret;

    fn ground(names: &[&str], proxies: &[&str]) -> Ground {
        Ground {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            proxies: proxies.iter().map(|it| it.parse().unwrap()).collect(),
        }
    }

    #[test]
    fn a_host_is_an_address_or_a_name_of_ours() {
        let ground = ground(&["hunt.example"], &[]);
        for (host, known) in [
            ("127.0.0.1:8090", true),
            ("127.0.0.1", true),
            ("[::1]:8090", true),
            ("localhost:8090", true),
            ("LOCALHOST", true),
            ("localhost.", true),
            ("hunt.example:443", true),
            ("Hunt.Example", true),
            ("evil.example:8090", false),
            ("hunt.example.evil.example", false),
            ("localhost.evil.example", false),
            ("evil.localhost", false),
            ("127.0.0.1.evil.example", false),
            ("127.0.0.1@evil.example", false),
            ("evil.example@127.0.0.1", false),
            ("", false),
            (" ", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            assert_eq!(ground.knows_host(&headers), known, "{host:?}");
        }
        assert!(!ground.knows_host(&HeaderMap::new()));
        let mut two = HeaderMap::new();
        two.append(header::HOST, "127.0.0.1".parse().unwrap());
        two.append(header::HOST, "evil.example".parse().unwrap());
        assert!(!ground.knows_host(&two));
    }

    #[test]
    fn a_client_is_who_the_last_proxy_of_ours_names() {
        let ground = ground(&[], &["10.0.0.0/8", "::1/128"]);
        for (peer, said, client) in [
            ("192.0.2.1", &["203.0.113.7"][..], "192.0.2.1"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["203.0.113.7"], "203.0.113.7"),
            ("::ffff:10.0.0.1", &["203.0.113.7"], "203.0.113.7"),
            ("10.0.0.1", &["198.51.100.1, 203.0.113.7"], "203.0.113.7"),
            ("10.0.0.1", &["198.51.100.1", "203.0.113.7"], "203.0.113.7"),
            ("10.0.0.1", &["203.0.113.7, 10.9.9.9"], "203.0.113.7"),
            ("10.0.0.1", &["10.1.1.1,10.2.2.2"], "10.1.1.1"),
            ("10.0.0.1", &["203.0.113.7:4711"], "203.0.113.7"),
            ("::1", &["[2001:db8::1]:4711"], "2001:db8::1"),
            ("::1", &["2001:db8::1"], "2001:db8::1"),
            ("10.0.0.1", &["203.0.113.7, unknown"], "10.0.0.1"),
            ("10.0.0.1", &[""], "10.0.0.1"),
        ] {
            let mut headers = HeaderMap::new();
            for value in said {
                headers.append("x-forwarded-for", value.parse().unwrap());
            }
            let found = ground.client(&headers, peer.parse().unwrap());
            assert_eq!(found.to_string(), client, "{peer} {said:?}");
        }
    }

    /// What is said of settings: those that are there, by a letter each.
    fn said(listen: &str, url: Option<&str>, what: &str) -> String {
        let has = |letter: char| what.contains(letter);
        let serving = Serving {
            url: url.map(|url| Origin::parse(url).unwrap()),
            certificate: has('c').then(|| ("c".into(), "k".into())),
            proxies: has('p')
                .then(|| "10.0.0.1/32".parse().unwrap())
                .into_iter()
                .collect(),
            ..Serving::at(listen.parse().unwrap())
        };
        let dashboard = Dashboard {
            serving,
            token: has('t').then(|| Secret::Variable("T".into())),
            user_header: has('u').then(|| "x-user".parse().unwrap()),
        };
        match Ground::of_dashboard(&dashboard, &Portal::default()) {
            Ok(_) => "fine".to_owned(),
            Err(failure) => {
                assert_eq!(failure.exit(), Exit::Usage);
                failure.to_string()
            }
        }
    }

    #[test]
    fn what_is_missing_is_refused_with_the_line_to_write() {
        const LOCAL: &str = "127.0.0.1:8090";
        const ALL: &str = "0.0.0.0:8090";
        const URL: Option<&str> = Some("https://hunt.example");
        const TOKEN: &str = "write `token = \"env:HUNTCTL_DASHBOARD_TOKEN\"`";
        const TLS: &str = "write `certificate = \"chain.pem\"`";
        const NAME: &str = "write `url = \"https://NAME\"`";
        const PROXY: &str = "write `proxy = [\"ADDRESS\"]`";
        for (listen, url, what, expected) in [
            (LOCAL, None, "", "fine"),
            ("[::1]:8090", None, "", "fine"),
            (LOCAL, Some("http://localhost:8090"), "", "fine"),
            (LOCAL, None, "t", "fine"),
            (LOCAL, None, "c", "fine"),
            (LOCAL, URL, "t", "fine"),
            (LOCAL, URL, "tp", "fine"),
            (LOCAL, URL, "up", "fine"),
            (ALL, URL, "tc", "fine"),
            (ALL, URL, "tp", "fine"),
            (ALL, URL, "tcp", "fine"),
            (ALL, URL, "up", "fine"),
            // A name that others know is an open door, too, and so is a proxy.
            (LOCAL, URL, "", TOKEN),
            (LOCAL, None, "p", TOKEN),
            (ALL, None, "", TOKEN),
            (ALL, URL, "c", TOKEN),
            (ALL, URL, "p", TOKEN),
            ("[::]:8090", None, "c", TOKEN),
            (ALL, URL, "t", TLS),
            ("192.0.2.1:8090", URL, "t", TLS),
            (ALL, None, "tc", NAME),
            (LOCAL, None, "up", NAME),
            (ALL, Some("http://hunt.example"), "tc", "write https://"),
            (LOCAL, Some("http://hunt.example"), "t", "write https://"),
            (LOCAL, URL, "u", PROXY),
            (ALL, URL, "uc", PROXY),
            (ALL, URL, "tup", "keep one"),
        ] {
            let said = said(listen, url, what);
            let place = format!("{listen} {url:?} {what}: {said}");
            assert!(said.contains(expected), "{place}");
            assert!(
                said == "fine" || said.starts_with("[dashboard] "),
                "{place}"
            );
        }
    }

    #[test]
    fn a_portal_of_its_own_needs_tls_and_a_name_but_no_login() {
        let serving = Serving::at("0.0.0.0:8443".parse().unwrap());
        let said = |serving: &Serving| Ground::of_portal(serving).map_err(|it| it.to_string());
        let refused = said(&serving).unwrap_err();
        assert!(
            refused.starts_with("[portal] could be read on the way"),
            "{refused}"
        );
        let serving = Serving {
            certificate: Some(("c".into(), "k".into())),
            ..serving
        };
        let refused = said(&serving).unwrap_err();
        assert!(refused.contains("write `url ="), "{refused}");
        let serving = Serving {
            url: Origin::parse("https://portal.example"),
            ..serving
        };
        assert_eq!(said(&serving), Ok(ground(&["portal.example"], &[])));
    }
}
