//! The pages in a real browser, as `.ci/browser` starts it: each page opened, drilled into, sorted,
//! searched and printed, light and dark, wide and narrow; the login; the portal inside of pages of
//! other origins. What is done there is in `tests/browser/*.js`.
#![cfg(feature = "browser-tests")]

mod support;

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use huntctl::http::{Limits, Listener, serve};
use huntctl::portal::{Key, Keys, Link};
use huntctl::secret::Secret;
use huntctl::stop::{Stop, Stopper};
use huntctl::store::Store;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use support::Huntctl;

const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const KEY: &str = "a key of thirty-two bytes or more";

/// A program that serves, until the test ends.
struct Program {
    child: Child,
    url: String,
}

impl Program {
    fn start(huntctl: &Huntctl, arguments: &[&str]) -> Self {
        let mut command = huntctl.command(arguments);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        let told: Value = serde_json::from_str(&line).unwrap();
        let url = told["dashboard"].as_str().unwrap().to_owned();
        Self { child, url }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A page of another origin, which shows the portal in a frame.
struct Neighbour {
    url: String,
    listener: Listener,
}

impl Neighbour {
    async fn bind() -> Self {
        let any = "127.0.0.1:0".parse().unwrap();
        let listener = Listener::bind(any, None).await.unwrap();
        let url = listener.url();
        Self { url, listener }
    }

    fn show(self, link: &str) -> Stopper {
        let page = format!(
            "<!doctype html><html lang=\"en\"><title>Neighbour</title><link rel=\"icon\" href=\"data:,\">\
             <iframe title=\"Report\" src=\"{}\" width=\"900\" height=\"600\"></iframe></html>",
            link.replace('&', "&amp;")
        );
        let app = Router::new().route("/", get(|| async { Html(page) }));
        let (stopper, stop) = Stop::by_hand();
        tokio::spawn(serve(self.listener, app, Limits::default(), stop));
        stopper
    }
}

/// The organization with the most incidents.
async fn organization(store: &str) -> (i64, i64) {
    let store = Store::open(store).await.unwrap();
    let sql = "SELECT o.account_id, o.id FROM organizations AS o
        JOIN incident_reports AS i ON i.account_id = o.account_id AND i.organization_id = o.id
        GROUP BY o.account_id, o.id ORDER BY count(*) DESC, o.account_id, o.id LIMIT 1";
    let rows = store.database().query(sql, &[]).await.unwrap();
    (rows[0].integer(0).unwrap(), rows[0].integer(1).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_can_use_the_pages() {
    let modules = std::env::var("HUNTCTL_TEST_BROWSER").expect(
        "the tests of the feature `browser-tests` need Chromium, playwright-core and axe-core; \
         `.ci/browser` installs them and runs these tests",
    );
    let huntctl = Huntctl::new().variable("T", TOKEN).variable("K", KEY);
    let open = Program::start(
        &huntctl,
        &[
            "--simulator",
            "--json",
            "dashboard",
            "--listen",
            "127.0.0.1:0",
        ],
    );

    let folder = huntctl.folder.path().to_owned();
    let store = folder.join(".local/state/huntctl/simulator.db");
    let store = format!("sqlite:{}", store.display());
    let (friend, stranger) = (Neighbour::bind().await, Neighbour::bind().await);
    let config = format!(
        "[dashboard]\ntoken = \"env:T\"\n[portal]\nkeys = [\"env:K\"]\nembed = [\"{}\"]",
        friend.url
    );
    std::fs::write(folder.join("huntctl.toml"), config).unwrap();
    let huntctl = huntctl.variable("HUNTCTL_STORE", &store);
    let closed = Program::start(
        &huntctl,
        &["--json", "dashboard", "--listen", "127.0.0.1:0"],
    );

    let (account_id, organization_id) = organization(&store).await;
    let key = Key::new(KEY, &Secret::Variable("K".to_owned())).unwrap();
    let keys = Keys::new(vec![key]).unwrap();
    let link = |hours: i64| {
        let expires = Timestamp::now() + SignedDuration::from_hours(hours);
        let link = keys.sign(&Link {
            account_id,
            organization_id,
            expires,
        });
        format!("{}{link}", closed.url)
    };
    let told = json!({
        "open": open.url,
        "closed": closed.url,
        "token": TOKEN,
        "organization": {"account": account_id, "id": organization_id},
        "portal": link(24),
        "expired": link(-1),
        "friend": friend.url,
        "stranger": stranger.url,
    });
    let _friend = friend.show(&link(24));
    let _stranger = stranger.show(&link(24));

    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/browser/main.js");
    let ended = tokio::task::spawn_blocking(move || {
        Command::new("node")
            .arg(script)
            .env("NODE_PATH", format!("{modules}/node_modules"))
            .env("HUNTCTL_TEST_PAGES", told.to_string())
            .status()
    });
    assert!(ended.await.unwrap().unwrap().success());
}
