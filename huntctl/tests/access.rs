//! Who is let in, and what everybody else is told: over a listener, as a browser, a script, a proxy
//! or an attacker would ask.

mod support;

use std::net::SocketAddr;

use axum::Router;
use axum::routing::{get, post};
use huntctl::access::{self, Access, Ground, guard, protect};
use huntctl::config::{Config, Environment};
use huntctl::http::{Limits, Listener, serve};
use huntctl::stop::{Stop, Stopper};
use reqwest::{Client, RequestBuilder, Response, redirect};
use support::Huntctl;

const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const WRONG: &str = "fedcba9876543210fedcba9876543210";
const HTML: (&str, &str) = ("accept", "text/html,*/*;q=0.8");
const SAME: (&str, &str) = ("sec-fetch-site", "same-origin");

/// A stub of a dashboard behind what a configuration says.
struct Dashboard {
    address: SocketAddr,
    client: Client,
    _stopper: Stopper,
}

/// What came back.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: reqwest::header::HeaderMap,
    body: String,
}

impl Dashboard {
    /// With these lines of `[dashboard]`.
    async fn with(lines: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("huntctl.toml");
        std::fs::write(&path, format!("[dashboard]\n{lines}")).unwrap();
        let config = Config::load(Some(&path), Environment::of([("T", TOKEN)])).unwrap();
        let ground = Ground::of_dashboard(config.dashboard(), config.portal()).unwrap();
        let access = Access::of(&config).unwrap();
        assert!(!format!("{access:?}{config:?}").contains(TOKEN));

        let user = || async { format!("{:?}", access::user()) };
        let pages = Router::new()
            .route("/", get(user))
            .route(
                "/own",
                get(|| async { ([("cache-control", "max-age=9")], "own") }),
            )
            .route("/change", post(|| async { "changed" }));
        let pages = guard(protect(pages, access), ground);
        let any = "127.0.0.1:0".parse().unwrap();
        let listener = Listener::bind(any, None).await.unwrap();
        let address = listener.address();
        let (_stopper, stop) = Stop::by_hand();
        tokio::spawn(serve(listener, pages, Limits::default(), stop));
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().redirect(redirect::Policy::none());
        Self {
            address,
            client: client.build().unwrap(),
            _stopper,
        }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        Answer::of(with(self.client.get(self.url(path)), headers)).await
    }

    async fn post(&self, path: &str, form: &[(&str, &str)], headers: &[(&str, &str)]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let kind = ("content-type", "application/x-www-form-urlencoded");
        let request = self.client.post(self.url(path)).body(body);
        Answer::of(with(with(request, &[kind]), headers)).await
    }

    async fn log_in(&self, token: &str, more: &[(&str, &str)]) -> Answer {
        let headers = [&[SAME][..], more].concat();
        self.post("/login", &[("token", token)], &headers).await
    }
}

fn with(request: RequestBuilder, headers: &[(&str, &str)]) -> RequestBuilder {
    let add = |request: RequestBuilder, (name, value): &(&str, &str)| request.header(*name, *value);
    headers.iter().fold(request, add)
}

impl Answer {
    async fn of(request: RequestBuilder) -> Self {
        let response: Response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.text().await.unwrap();
        assert!(!body.contains(TOKEN) && !body.contains(WRONG), "{body}");
        Self {
            status,
            headers,
            body,
        }
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |it| it.to_str().unwrap())
    }

    /// The cookie as a browser sends it back.
    fn cookie(&self) -> String {
        let cookie = self.header("set-cookie");
        cookie.split(';').next().unwrap_or_default().to_owned()
    }

    #[track_caller]
    fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:#?}");
        self
    }
}

#[tokio::test]
async fn on_loopback_one_is_in_and_other_names_lead_nowhere() {
    let dashboard = Dashboard::with("").await;
    let page = dashboard.get("/", &[]).await.is(200);
    assert_eq!(page.body, "User { name: None, can_log_out: false }");
    for (host, status) in [
        ("localhost:8090", 200),
        ("[::1]", 200),
        ("evil.example", 421),
        ("evil.example:8090", 421),
        ("localhost.evil.example", 421),
    ] {
        dashboard.get("/", &[("host", host)]).await.is(status);
        // Whatever is asked for.
        if status == 421 {
            dashboard.get("/nowhere", &[("host", host)]).await.is(421);
        }
    }
    // There is no login, and nothing that another page may send.
    dashboard.get("/login", &[]).await.is(404);
    for (headers, status) in [
        (&[][..], 403),
        (&[("sec-fetch-site", "cross-site")], 403),
        (&[("origin", "http://evil.example")], 403),
        (&[SAME], 200),
    ] {
        dashboard.post("/change", &[], headers).await.is(status);
    }
    // Who names another user is nobody else.
    let page = dashboard
        .get("/", &[("x-forwarded-user", "root")])
        .await
        .is(200);
    assert!(page.body.contains("name: None"), "{page:?}");
}

#[tokio::test]
async fn every_answer_keeps_to_itself() {
    let dashboard = Dashboard::with("token = \"env:T\"").await;
    let token = format!("Bearer {TOKEN}");
    let known = [("authorization", &*token)];
    for answer in [
        dashboard.get("/", &known).await.is(200),
        dashboard.get("/nowhere", &known).await.is(404),
        dashboard.get("/", &[]).await.is(401),
        dashboard.get("/", &[HTML]).await.is(303),
        dashboard.get("/login", &[HTML]).await.is(200),
        dashboard.post("/login", &[], &[]).await.is(403),
    ] {
        for (name, value) in [
            ("cache-control", "no-store"),
            ("referrer-policy", "same-origin"),
            ("x-content-type-options", "nosniff"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("x-robots-tag", "noindex, nofollow"),
        ] {
            assert_eq!(answer.header(name), value, "{name} of {answer:?}");
        }
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe"));
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    }
    // What a page says itself stays.
    let own = dashboard.get("/own", &known).await.is(200);
    assert_eq!(own.header("cache-control"), "max-age=9");
}

#[tokio::test]
async fn one_logs_in_looks_and_logs_out() {
    let dashboard = Dashboard::with("token = \"env:T\"").await;
    let refused = dashboard.get("/a/b?c=d&e", &[HTML]).await.is(303);
    assert_eq!(
        refused.header("location"),
        "/login?next=%2Fa%2Fb%3Fc%3Dd%26e"
    );
    let refused = dashboard.get("/", &[]).await.is(401);
    assert_eq!(
        refused.header("www-authenticate"),
        "Bearer realm=\"huntctl\""
    );
    dashboard.get("/login/style.css", &[]).await.is(200);
    let form = dashboard
        .get("/login?next=%2Fa%3Fc%3D%22%3E%3Cb", &[HTML])
        .await
        .is(200);
    assert!(
        form.body.contains("value=\"/a?c=&#34;&#62;&#60;b\""),
        "{}",
        form.body
    );

    let wrong = dashboard.log_in(WRONG, &[]).await.is(401);
    assert!(wrong.body.contains("This is not the token.") && wrong.cookie().is_empty());
    let form = [("token", TOKEN), ("next", "/a/b?c=d&e")];
    let right = dashboard.post("/login", &form, &[SAME]).await.is(303);
    assert_eq!(right.header("location"), "/a/b?c=d&e");
    let said = right.header("set-cookie");
    let (value, attributes) = said.split_once("; ").unwrap();
    assert_eq!(attributes, "Path=/; Max-Age=43200; HttpOnly; SameSite=Lax");
    assert_eq!(value.len(), "huntctl=".len() + 64);

    let cookie = right.cookie();
    let logged_in = [("cookie", &*cookie), HTML];
    let page = dashboard.get("/", &logged_in).await.is(200);
    assert_eq!(page.body, "User { name: None, can_log_out: true }");
    // Who is logged in needs no form.
    let there = dashboard.get("/login?next=/own", &logged_in).await.is(303);
    assert_eq!(there.header("location"), "/own");
    let altered = cookie.replace(&cookie[12..13], "x");
    for other in [
        &*altered,
        "huntctl=",
        &format!("__Host-{cookie}"),
        &cookie[..cookie.len() - 1],
    ] {
        dashboard.get("/", &[("cookie", other)]).await.is(401);
    }

    // Another page cannot log one out.
    let other = [("cookie", &*cookie), ("sec-fetch-site", "cross-site")];
    dashboard.post("/logout", &[], &other).await.is(403);
    assert!(
        dashboard
            .get("/logout", &logged_in)
            .await
            .is(200)
            .body
            .contains("<button>")
    );
    let out = dashboard
        .post("/logout", &[], &[("cookie", &cookie), SAME])
        .await
        .is(303);
    assert_eq!(out.header("location"), "/login");
    assert!(
        out.header("set-cookie")
            .starts_with("huntctl=; Path=/; Max-Age=0")
    );
    // It is over here, whoever still has the cookie.
    dashboard.get("/", &logged_in).await.is(303);
}

#[tokio::test]
async fn a_form_of_another_page_logs_nobody_in() {
    let dashboard = Dashboard::with("token = \"env:T\"").await;
    for headers in [
        &[][..],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("origin", "http://evil.example")],
        &[("origin", "null")],
    ] {
        let refused = dashboard
            .post("/login", &[("token", TOKEN)], headers)
            .await
            .is(403);
        assert!(refused.cookie().is_empty());
    }
    let own = format!("http://{}", dashboard.address);
    dashboard
        .post("/login", &[("token", TOKEN)], &[("origin", &own)])
        .await
        .is(303);
}

#[tokio::test]
async fn nobody_is_sent_to_another_host() {
    let dashboard = Dashboard::with("token = \"env:T\"").await;
    for next in [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "\r\nlocation: https://evil.example",
        "javascript:alert(1)",
        "/logout",
    ] {
        let form = [("token", TOKEN), ("next", next)];
        let right = dashboard.post("/login", &form, &[SAME]).await.is(303);
        assert_eq!(right.header("location"), "/", "{next:?}");
    }
    // Nor by the path that one came for.
    let refused = dashboard.get("//evil.example/x", &[HTML]).await.is(303);
    assert_eq!(refused.header("location"), "/login?next=%2F");
}

#[tokio::test]
async fn guessing_ends_and_does_not_end_what_has_begun() {
    let dashboard = Dashboard::with("token = \"env:T\"").await;
    let cookie = dashboard.log_in(TOKEN, &[]).await.is(303).cookie();
    let (wrong, right) = (format!("Bearer {WRONG}"), format!("bearer {TOKEN}"));
    for _ in 0..5 {
        dashboard.log_in(WRONG, &[]).await.is(401);
        dashboard
            .get("/", &[("authorization", &wrong), HTML])
            .await
            .is(401);
    }
    for refused in [
        dashboard.log_in(TOKEN, &[]).await.is(429),
        dashboard
            .get("/", &[("authorization", &right)])
            .await
            .is(429),
    ] {
        let wait: u64 = refused.header("retry-after").parse().unwrap();
        assert!((590..=601).contains(&wait), "{wait}");
    }
    dashboard.get("/", &[("cookie", &cookie)]).await.is(200);
    // Nobody is somebody else by saying so.
    let other = [
        ("x-forwarded-for", "203.0.113.7"),
        ("forwarded", "for=203.0.113.7"),
    ];
    dashboard.log_in(TOKEN, &other).await.is(429);
}

#[tokio::test]
async fn behind_a_proxy_each_client_has_its_own_guesses() {
    let lines = "token = \"env:T\"\nurl = \"https://hunt.example\"\nproxy = [\"127.0.0.1\"]";
    let dashboard = Dashboard::with(lines).await;
    for _ in 0..10 {
        let headers = [("x-forwarded-for", "198.51.100.1, 203.0.113.7")];
        dashboard.log_in(WRONG, &headers).await.is(401);
    }
    // What stands before the proxy's own word is the client's invention.
    let same = [("x-forwarded-for", "198.51.100.2, 203.0.113.7")];
    dashboard.log_in(TOKEN, &same).await.is(429);
    let other = [("x-forwarded-for", "203.0.113.8"), ("host", "hunt.example")];
    let right = dashboard.log_in(TOKEN, &other).await.is(303);
    let said = right.header("set-cookie");
    assert!(said.starts_with("__Host-huntctl="), "{said}");
    assert!(
        said.ends_with("; Path=/; Max-Age=43200; HttpOnly; SameSite=Lax; Secure"),
        "{said}"
    );
    // A browser without Sec-Fetch-Site, and a proxy that changes the host.
    let origin = [
        ("origin", "https://hunt.example"),
        ("x-forwarded-for", "203.0.113.8"),
    ];
    dashboard
        .post("/login", &[("token", TOKEN)], &origin)
        .await
        .is(303);
    let origin = [
        ("origin", "https://evil.example"),
        ("x-forwarded-for", "203.0.113.8"),
    ];
    dashboard
        .post("/login", &[("token", TOKEN)], &origin)
        .await
        .is(403);
}

#[tokio::test]
async fn a_proxy_that_people_log_in_at_is_believed_and_nobody_else() {
    let lines = |proxy: &str| {
        format!(
            "user_header = \"X-Forwarded-User\"\nurl = \"https://hunt.example\"\nproxy = [\"{proxy}\"]"
        )
    };
    let dashboard = Dashboard::with(&lines("127.0.0.0/8")).await;
    let user = ("x-forwarded-user", "ada@example.com");
    let page = dashboard.get("/", &[user]).await.is(200);
    assert!(
        page.body
            .contains("name: Some(\"ada@example.com\"), can_log_out: false")
    );
    for headers in [
        &[][..],
        &[("x-forwarded-user", "")],
        &[("x-forwarded-user", " ")],
        &[user, ("x-forwarded-user", "root")],
        &[("x-forwarded-email", "ada@example.com")],
        &[("authorization", "Bearer x")],
        &[HTML],
    ] {
        dashboard.get("/", headers).await.is(401);
    }
    dashboard.get("/login", &[]).await.is(401);
    // A name that an attacker has pointed here, in a browser on the proxy's machine.
    dashboard
        .get("/", &[user, ("host", "evil.example")])
        .await
        .is(421);
    dashboard
        .get("/", &[user, ("host", "hunt.example")])
        .await
        .is(200);

    let elsewhere = Dashboard::with(&lines("10.0.0.1")).await;
    for headers in [&[user][..], &[user, ("x-forwarded-for", "10.0.0.1")]] {
        elsewhere.get("/", headers).await.is(403);
    }
}

/// What the program says to lines of `[dashboard]`, which it refuses.
fn refused(lines: &str, arguments: &[&str]) -> String {
    let huntctl = Huntctl::new()
        .variable("T", TOKEN)
        .variable("SHORT", &TOKEN[1..]);
    let path = huntctl.folder.path().join("huntctl.toml");
    std::fs::write(path, lines).unwrap();
    let output = huntctl.run(&[&["dashboard"], arguments].concat()).fails(2);
    assert!(!output.stderr.contains(&TOKEN[1..]) && output.stdout.is_empty());
    output.stderr
}

#[test]
fn the_program_does_not_start_where_others_could_look() {
    for (lines, arguments, said) in [
        (
            "",
            &["--listen", "0.0.0.0:0"][..],
            "write `token = \"env:HUNTCTL_DASHBOARD_TOKEN\"`",
        ),
        (
            "[dashboard]\ntoken = \"env:T\"",
            &["--listen", "0.0.0.0:0"],
            "write `certificate = \"chain.pem\"`",
        ),
        (
            "[dashboard]\ntoken = \"env:SHORT\"",
            &[],
            "env:SHORT, is shorter than 32 characters",
        ),
        (
            "[dashboard]\ntoken = \"env:NONE\"",
            &[],
            "variable NONE is not set",
        ),
        ("[portal]\nlisten = \"127.0.0.1:0\"", &[], "write `keys = "),
        (
            "[portal]\nkeys = [\"env:SHORT\"]",
            &[],
            "env:SHORT, is shorter than 32 bytes",
        ),
        (
            "[portal]\nkeys = [\"env:T\"]\nlisten = \"0.0.0.0:0\"",
            &[],
            "[portal] could be read on the way to 0.0.0.0:0: write `certificate",
        ),
        (
            "[dashboard]\ncertificate = \"c.pem\"\nkey = \"k.pem\"",
            &["--listen", "127.0.0.1:0"],
            "c.pem cannot be used",
        ),
    ] {
        let told = refused(lines, arguments);
        assert!(told.contains(said), "{told}");
    }
}

#[cfg(unix)]
#[test]
fn the_program_serves_until_a_signal_and_logs_no_secret() {
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    use std::process::Stdio;
    use std::time::Duration;
    let huntctl = Huntctl::new().variable("T", TOKEN);
    let path = huntctl.folder.path().join("huntctl.toml");
    std::fs::write(path, "[dashboard]\ntoken = \"env:T\"").unwrap();
    let mut command = huntctl.command(&["-vv", "dashboard", "--listen", "127.0.0.1:0"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut line).unwrap();
    let address = line
        .trim()
        .strip_prefix("dashboard: http://")
        .unwrap()
        .to_owned();

    let ask = |request: String| {
        let mut socket = std::net::TcpStream::connect(&address).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        socket.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        answer
    };
    let end = "host: localhost\r\nconnection: close\r\n";
    let answer = ask(format!(
        "GET / HTTP/1.1\r\n{end}authorization: Bearer {TOKEN}\r\n\r\n"
    ));
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let form = |token: &str| {
        let body = format!("token={token}");
        let length = body.len();
        ask(format!(
            "POST /login HTTP/1.1\r\n{end}sec-fetch-site: same-origin\r\ncontent-length: {length}\r\n\
             content-type: application/x-www-form-urlencoded\r\n\r\n{body}"
        ))
    };
    assert!(form(WRONG).starts_with("HTTP/1.1 401"));
    let answer = form(TOKEN);
    let session = answer
        .split("huntctl=")
        .nth(1)
        .unwrap()
        .split(';')
        .next()
        .unwrap()
        .to_owned();

    let killed = std::process::Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status();
    assert!(killed.unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(
        log.contains("a wrong token was sent") && log.contains("logged in"),
        "{log}"
    );
    for secret in [TOKEN, WRONG, &session] {
        assert!(!log.contains(secret), "{log}");
    }
}
