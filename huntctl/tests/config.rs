//! Where the program takes accounts, secrets and the quota from.

mod support;

use std::fs;

use huntctl::config::{Config, Environment};
use huntctl::failure::Exit;
use serde_json::json;
use support::{Huntctl, KEY, SECRET, Server};

const READ: [&str; 2] = ["api", "get_actor"];

fn server() -> Server {
    Server::start(|_| support::json(&json!({"id": 1})))
}

fn config(server: &Server) -> String {
    let url = &server.url;
    format!(
        "[[account]]\nname = \"one\"\nkey = \"env:ONE\"\nsecret = \"file:secret\"\nbase_url = \"{url}\"\n\
         [[account]]\nname = \"two\"\nkey = \"env:TWO\"\nsecret = \"file:secret\"\nbase_url = \"{url}\"\n"
    )
}

fn with_config(server: &Server) -> Huntctl {
    let huntctl = Huntctl::new()
        .variable("ONE", "hk_one")
        .variable("TWO", "hk_two");
    let folder = huntctl.folder.path();
    fs::write(folder.join("huntctl.toml"), config(server)).unwrap();
    fs::write(folder.join("secret"), format!("{SECRET}\n")).unwrap();
    huntctl
}

/// The key that arrived.
#[track_caller]
fn key(server: &Server) -> String {
    use base64::Engine as _;
    let header = server.only().headers["authorization"].clone();
    let coded = header.strip_prefix("Basic ").unwrap();
    let pair = base64::engine::general_purpose::STANDARD
        .decode(coded)
        .unwrap();
    let pair = String::from_utf8(pair).unwrap();
    let (key, secret) = pair.split_once(':').unwrap();
    assert_eq!(secret, SECRET);
    key.to_owned()
}

#[test]
fn the_environment_is_enough() {
    let server = server();
    Huntctl::at(&server).run(&READ).ok();
    assert_eq!(key(&server), KEY);
    let other = Huntctl::at(&server)
        .without("HUNTRESS_API_KEY")
        .without("HUNTRESS_API_SECRET")
        .variable("HUNTRESS_PUBLIC_KEY", KEY)
        .variable("HUNTRESS_PRIVATE_KEY", SECRET);
    other.run(&READ).ok();
    assert_eq!(key(&server), KEY);
    Huntctl::new()
        .without("HUNTRESS_API_SECRET")
        .run(&READ)
        .fails(2)
        .says("HUNTRESS_API_SECRET is not");
    let none = Huntctl::new()
        .without("HUNTRESS_API_SECRET")
        .without("HUNTRESS_API_KEY");
    none.run(&READ).fails(2).says("--simulator");
}

#[test]
fn the_account_of_a_file_is_chosen_by_its_name() {
    let server = server();
    let huntctl = with_config(&server);
    huntctl.run(&READ).fails(2).says("--profile: one, two");
    for (name, expected) in [("one", "hk_one"), ("two", "hk_two")] {
        huntctl.run(&["api", "get_actor", "--profile", name]).ok();
        assert_eq!(key(&server), expected);
    }
    huntctl
        .run(&["api", "get_actor", "--profile", "tow"])
        .fails(2)
        .says("there is one, two");
    let huntctl = with_config(&server).variable("HUNTCTL_PROFILE", "two");
    huntctl.run(&READ).ok();
    assert_eq!(key(&server), "hk_two");
}

#[test]
fn the_file_is_the_named_one_or_this_folders_or_the_users() {
    let server = server();
    let huntctl = with_config(&server);
    let folder = huntctl.folder.path();
    let own = folder.join(".config/huntctl");
    fs::create_dir_all(&own).unwrap();
    fs::rename(folder.join("huntctl.toml"), own.join("huntctl.toml")).unwrap();
    fs::rename(folder.join("secret"), own.join("secret")).unwrap();
    huntctl.run(&["api", "get_actor", "--profile", "one"]).ok();
    assert_eq!(key(&server), "hk_one");
    fs::write(folder.join("huntctl.toml"), "[[account]]\nname = \"here\"").unwrap();
    huntctl
        .run(&READ)
        .fails(2)
        .says("huntctl.toml:1: `key` is missing in [[account]]");
    let path = ".config/huntctl/huntctl.toml";
    huntctl
        .run(&["--config", path, "api", "get_actor", "--profile", "one"])
        .ok();
    assert_eq!(key(&server), "hk_one");
    let named = huntctl.variable("HUNTCTL_CONFIG", path);
    named.run(&["api", "get_actor", "--profile", "two"]).ok();
    assert_eq!(key(&server), "hk_two");
    named
        .run(&["--config", "nowhere.toml", "api", "get_actor"])
        .fails(2)
        .says("nowhere.toml cannot be read");
}

#[cfg(unix)]
#[test]
fn a_secret_that_everybody_can_read_is_warned_of() {
    use std::os::unix::fs::PermissionsExt as _;
    let server = server();
    let huntctl = with_config(&server);
    let secret = huntctl.folder.path().join("secret");
    let run = |mode| {
        fs::set_permissions(&secret, fs::Permissions::from_mode(mode)).unwrap();
        huntctl.run(&["api", "get_actor", "--profile", "one"]).ok()
    };
    assert_eq!(run(0o600).stderr, "");
    run(0o644).says("chmod 600");
}

#[test]
fn a_file_is_written_once_and_is_one_that_works() {
    let server = server();
    let huntctl = Huntctl::at(&server);
    huntctl.run(&["init"]).ok().says("huntctl.toml is written");
    huntctl.run(&READ).ok();
    assert_eq!(key(&server), KEY);
    let path = huntctl.folder.path().join("huntctl.toml");
    let before = fs::read_to_string(&path).unwrap();
    huntctl
        .run(&["init"])
        .fails(2)
        .says("huntctl.toml exists; nothing was written");
    assert_eq!(fs::read_to_string(&path).unwrap(), before);
    huntctl.run(&["init", "--config", "other.toml"]).ok();
}

#[test]
fn programs_of_one_key_share_its_quota_without_being_told() {
    let server = server();
    let huntctl = with_config(&server).variable("R", "redis://127.0.0.1:1");
    let quota = huntctl.folder.path().join(".local/state/huntctl/quota");
    let files = || {
        fs::read_dir(&quota)
            .unwrap()
            .map(|it| it.unwrap().path())
            .collect::<Vec<_>>()
    };
    huntctl.run(&["api", "get_actor", "--profile", "one"]).ok();
    huntctl.run(&["api", "get_actor", "--profile", "one"]).ok();
    let file = files();
    assert_eq!(file.len(), 1);
    let shared = huntress::RateLimiter::in_file(&file[0]).unwrap();
    assert_eq!(shared.snapshot().used, 2);
    huntctl.run(&["api", "get_actor", "--profile", "two"]).ok();
    assert_eq!(files().len(), 2);
    // Two keys of one account, in a folder of their own.
    let text = config(&server).replace("secret = ", "quota = \"acme\"\nsecret = ");
    fs::write(
        huntctl.folder.path().join("huntctl.toml"),
        format!("{text}[quota]\nfile = \"q\"\n"),
    )
    .unwrap();
    for name in ["one", "two"] {
        huntctl.run(&["api", "get_actor", "--profile", name]).ok();
    }
    let shared =
        huntress::RateLimiter::in_file(huntctl.folder.path().join("q/acme.quota")).unwrap();
    assert_eq!(shared.snapshot().used, 2);
    fs::write(
        huntctl.folder.path().join("huntctl.toml"),
        format!("{text}[quota]\nredis = \"env:R\"\n"),
    )
    .unwrap();
    // A Redis that is not there: calls wait for it up to their deadline, and nothing is sent.
    let refused = huntctl.run(&["api", "get_actor", "--profile", "one", "--deadline", "1"]);
    refused.fails(4).says("Redis at");
}

#[test]
fn the_store_is_said_by_the_variable_the_file_or_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("huntctl.toml");
    let url = |text: &str, variables: &[(&str, &str)]| {
        fs::write(&path, text).unwrap();
        let environment = Environment::of(variables.iter().copied());
        Config::load(Some(&path), environment).unwrap().store_url()
    };
    assert_eq!(url("", &[]).unwrap(), "sqlite:huntress.db");
    let own = format!("sqlite:{}", folder.path().join("a.db").display());
    assert_eq!(url("[store]\nurl = \"sqlite:a.db\"", &[]).unwrap(), own);
    let secret = "postgres://me:geheim@db/huntress";
    let kept = "[store]\nurl = \"env:DATABASE_URL\"";
    assert_eq!(url(kept, &[("DATABASE_URL", secret)]).unwrap(), secret);
    assert_eq!(
        url(kept, &[("HUNTCTL_STORE", "sqlite:b.db")]).unwrap(),
        "sqlite:b.db"
    );
    assert_eq!(url(kept, &[]).unwrap_err().exit(), Exit::Usage);
    let config = Config::load(Some(&path), Environment::of([("DATABASE_URL", secret)])).unwrap();
    assert!(!format!("{config:?}").contains("geheim"));
}
