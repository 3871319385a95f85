//! The verb `receive` as a user runs it.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use huntress_simulator::{EventType, Simulator};
use serde_json::Value;

use crate::support::{NOBODYS, SECRET, client, deliver, signed, small};

/// A process that is killed when a test fails.
pub struct Process(pub Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_huntctl"));
    command
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("HOME", folder)
        .env("HUNTCTL_STORE", "sqlite:huntress.db")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// The same for the API of a simulator and our secret.
pub fn against(simulator: &Simulator, folder: &Path, arguments: &[&str]) -> Command {
    let key = simulator.account_credentials();
    let mut command = command(folder, arguments);
    command
        .env("HUNTRESS_API_KEY", &key.key)
        .env("HUNTRESS_API_SECRET", &key.secret)
        .env("HUNTRESS_BASE_URL", simulator.base_url())
        .env("HUNTRESS_WEBHOOK_SECRET", SECRET);
    command
}

pub fn signal(child: &Child, name: &str) {
    let kill = format!("kill -{name} {}", child.id());
    let killed = Command::new("sh").args(["-c", &kill]).status();
    assert!(killed.unwrap().success());
}

/// What stands after a word on the standard error.
pub fn told(lines: &mut impl Iterator<Item = std::io::Result<String>>, word: &str) -> String {
    let mut all = String::new();
    for line in lines {
        let line = line.unwrap();
        if let Some(rest) = line.strip_prefix(word) {
            return rest.to_owned();
        }
        all += &line;
    }
    panic!("{word:?} was not said: {all}");
}

#[test]
fn with_a_simulator_events_come_by_themselves() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        &["--simulator", "--json", "receive"][..],
        &["--simulator", "receive"],
        // The ids of the second start are not those of the first.
        &["--simulator", "--json", "receive"],
    ] {
        let mut child = command(folder.path(), arguments).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let mut child = Process(child);
        let lines: Vec<_> = stdout.lines().take(3).map(Result::unwrap).collect();
        if arguments.contains(&"--json") {
            for line in &lines {
                let told: Value = serde_json::from_str(line).unwrap();
                assert_eq!(told["account_id"], 1, "{line}");
                assert!(told["delivery_id"].as_str().unwrap().starts_with("msg_"));
            }
        } else {
            assert!(
                lines.iter().all(|line| line.contains("account 1")),
                "{lines:?}"
            );
        }
        // Nobody reads any more, which ends it by itself, and is no failure.
        let patience = Instant::now() + Duration::from_secs(30);
        let status = loop {
            if let Some(status) = child.0.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < patience, "it goes on");
            std::thread::sleep(Duration::from_millis(20));
        };
        assert_eq!(status.code(), Some(0));
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_signal_ends_it_and_is_no_failure() {
    let simulator = small().start().await.unwrap();
    for name in ["TERM", "INT"] {
        let folder = tempfile::tempdir().unwrap();
        let arguments = ["receive", "--listen", "127.0.0.1:0"];
        let mut command = against(&simulator, folder.path(), &arguments);
        let mut child = Process(command.spawn().unwrap());
        let stderr = BufReader::new(child.0.stderr.take().unwrap());
        let mut lines = stderr.lines();
        let url = told(&mut lines, "listening at ");
        let body = simulator
            .happen(EventType::IncidentReportCreated)
            .to_string();
        assert_eq!(deliver(&url, "msg_1", body.as_bytes()).await, 200);
        signal(&child.0, name);
        let ended = tokio::task::spawn_blocking(move || child.0.wait().unwrap());
        assert_eq!(ended.await.unwrap().code(), Some(0));
    }
}

#[test]
fn what_cannot_be_meant_is_refused_before_it_listens() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str], config: &str, secret: &str| {
        std::fs::write(folder.path().join("huntctl.toml"), config).unwrap();
        let mut command = command(folder.path(), arguments);
        command.env("HUNTRESS_WEBHOOK_SECRET", secret);
        let output = command.output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(!text.contains("geheim"), "{text}");
        (output.status.code(), text)
    };
    let plain = ["receive"];
    for (arguments, config, secret, why) in [
        (&plain[..], "", "", "HUNTRESS_WEBHOOK_SECRET is not set"),
        (
            &plain,
            "",
            "whsec_geheim",
            "env:HUNTRESS_WEBHOOK_SECRET: webhooks: the secret",
        ),
        (
            &["receive", "--listen", "0.0.0.0:0"],
            "",
            SECRET,
            "behind_proxy",
        ),
        (
            &plain,
            "[receive]\nlisten = \"[::]:8080\"",
            SECRET,
            "behind_proxy",
        ),
        (&["receive", "--listen", "8080"], "", SECRET, "--listen"),
        (
            &plain,
            "[receive]\nsecrets = [\"whsec_geheim\"]",
            "",
            ":2: `secrets` is a secret",
        ),
        (
            &plain,
            "[receive]\ncertificate = \"none.pem\"\nkey = \"none.pem\"",
            SECRET,
            "none.pem",
        ),
    ] {
        let (status, text) = run(arguments, config, secret);
        assert_eq!(status, Some(2), "{arguments:?} {config}: {text}");
        assert!(text.contains(why), "{arguments:?} {config}: {text}");
    }
}

/// With a certificate of its own.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn it_speaks_tls_with_a_certificate() {
    let simulator = small().start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text).unwrap();
    write("chain.pem", made.cert.pem());
    write("key.pem", made.signing_key.serialize_pem());
    let config = "[receive]\nlisten = \"0.0.0.0:0\"\npath = \"/hook\"\n\
        certificate = \"chain.pem\"\nkey = \"key.pem\"\nsecrets = [\"file:s\", \"env:T\"]";
    write("huntctl.toml", config.to_owned());
    write("s", format!("{NOBODYS}\n"));
    let mut command = against(&simulator, folder.path(), &["receive"]);
    let mut child = Process(command.env("T", SECRET).spawn().unwrap());
    let mut lines = BufReader::new(child.0.stderr.take().unwrap()).lines();
    let url = told(&mut lines, "listening at https://0.0.0.0");
    let url = format!("https://localhost{url}");
    let _ = client();
    let authority = reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).unwrap();
    let client = reqwest::Client::builder().tls_certs_only([authority]);
    let client = client.build().unwrap();
    for (number, secret) in [SECRET, NOBODYS].into_iter().enumerate() {
        let id = format!("msg_{number}");
        let request = client.post(&url).headers(signed(secret, &id, b"{}"));
        let response = request.body("{}").send().await.unwrap();
        assert_eq!(response.status(), 200, "{number}");
    }
    let plain = url.replace("https:", "http:");
    let plain = client.post(plain).body("{}").send().await;
    assert!(plain.is_err(), "{plain:?}");
}

/// With everything that is logged, and everything that a monitor sees.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_anywhere() {
    let simulator = small().start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let arguments = [
        "receive",
        "--listen",
        "127.0.0.1:0",
        "--metrics",
        "127.0.0.1:0",
    ];
    let mut command = against(&simulator, folder.path(), &arguments);
    let mut child = Process(command.env("HUNTCTL_LOG", "trace").spawn().unwrap());
    let mut stderr = BufReader::new(child.0.stderr.take().unwrap());
    let mut said = String::new();
    let mut place = |word: &str| loop {
        let from = said.len();
        assert!(stderr.read_line(&mut said).unwrap() > 0, "{said}");
        if let Some(url) = said[from..].trim_end().strip_prefix(word) {
            return url.to_owned();
        }
    };
    let url = place("listening at ");
    let metrics = place("metrics at ");
    let rest = std::thread::spawn(move || {
        let mut rest = String::new();
        stderr.read_to_string(&mut rest).unwrap();
        rest
    });
    let told = simulator.happen(EventType::EscalationCreated).to_string();
    let body = told.as_bytes();
    assert_eq!(deliver(&url, "msg_1", body).await, 200);
    assert_eq!(deliver(&url, "msg_1", b"{}").await, 409);
    let client = client();
    let request = client.post(&url).headers(signed(NOBODYS, "msg_2", body));
    let refused = request.body(told.clone()).send().await.unwrap();
    assert_eq!(refused.status(), 401);
    let answer = refused.text().await.unwrap();
    let headers = signed(SECRET, "msg_1", body);
    let signature = headers["svix-signature"].to_str().unwrap()[3..].to_owned();
    let metrics = client
        .get(metrics)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    signal(&child.0, "TERM");
    let stdout = child.0.stdout.take().unwrap();
    let mut lines = String::new();
    BufReader::new(stdout).read_to_string(&mut lines).unwrap();
    let said = said + &rest.join().unwrap();
    assert!(said.contains("came again with another body"), "{said}");
    let database = std::fs::read(folder.path().join("huntress.db")).unwrap();
    let key = simulator.account_credentials();
    for secret in [&SECRET[6..], &NOBODYS[6..], &key.secret, &signature] {
        for text in [&said, &lines, &metrics, &answer] {
            assert!(!text.contains(secret), "{text}");
        }
        let secret = secret.as_bytes();
        assert!(!database.windows(secret.len()).any(|part| part == secret));
    }
}
