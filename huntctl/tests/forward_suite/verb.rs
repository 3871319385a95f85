//! The verb as a user runs it.

use std::path::Path;
use std::process::{Command, Output};

use huntctl::forward::Kind;
use huntctl::store::Store;
use serde_json::Value;

use super::support::{incident, put};
use crate::cases::CASES;
use crate::receivers::http::SECRET;
use crate::receivers::tls::Authority;
use crate::receivers::{Fault, Log};

fn huntctl(folder: &Path, arguments: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_huntctl"))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("HOME", folder)
        .env("HUNTRESS_API_KEY", "hk_x")
        .env("HUNTRESS_API_SECRET", "hs_x")
        .env("HUNTCTL_LOG", "trace")
        .output()
        .unwrap();
    for text in [&output.stdout, &output.stderr] {
        let text = text_of(text);
        assert!(!text.contains(SECRET), "{text}");
    }
    output
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

async fn run(folder: &Path, arguments: &'static [&'static str]) -> (i32, String, String) {
    let folder = folder.to_owned();
    let output = tokio::task::spawn_blocking(move || huntctl(&folder, arguments));
    let output = output.await.unwrap();
    let status = output.status.code().unwrap();
    (status, text_of(&output.stdout), text_of(&output.stderr))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_nothing_to_events_in_a_receiver() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (status, _, error) = run(folder, &["forward"]).await;
    assert_eq!(status, 2, "{error}");
    assert!(error.contains("no [[sink]] in huntctl.toml"), "{error}");

    let log = Log::new(Some(Fault::Status(401)));
    let authority = Authority::new();
    let case = CASES.iter().find(|case| case.name == "Splunk").unwrap();
    let transport = case.start_text(&log, &authority).await;
    let config = format!("[[sink]]\nname = \"siem\"\nfrom = \"all\"\n{transport}");
    std::fs::write(folder.join("huntctl.toml"), config).unwrap();
    let url = format!("sqlite:{}", folder.join("huntress.db").display());
    let store = Store::open(&url).await.unwrap();
    put(&store, Kind::Incident, &[incident(1, 1), incident(2, 1)]).await;

    let (status, out, error) = run(folder, &["forward", "check"]).await;
    assert_eq!(status, 4, "{error}");
    assert!(
        out.contains("401") && out.contains("does not accept the login"),
        "{out}"
    );
    let (status, _, error) = run(folder, &["forward"]).await;
    assert_eq!(status, 4, "{error}");
    let (status, out, _) = run(folder, &["forward", "status", "--json"]).await;
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (status, &told[0]["kinds"][0]["waiting"]),
        (0, &2.into()),
        "{told}"
    );
    assert!(told[0]["error"].as_str().unwrap().contains("401"), "{told}");

    log.set_fault(None);
    let (status, out, error) = run(folder, &["forward", "check", "siem"]).await;
    assert_eq!(status, 0, "{error}");
    assert_eq!(
        out,
        "siem: the receiver has acknowledged it: look for \"Test event of huntctl\" there\n"
    );
    let (status, out, _) = run(folder, &["forward", "--dry-run", "--mapping", "ecs"]).await;
    assert_eq!((status, out.lines().count()), (0, 2), "{out}");
    let shown: Value = serde_json::from_str(out.lines().next().unwrap()).unwrap();
    assert_eq!(shown["event"]["event"]["module"], "huntress", "{shown}");
    assert_eq!(log.taken().len(), 1, "the test event alone");
    let (status, out, error) = run(folder, &["forward"]).await;
    assert_eq!((status, &*out), (0, "siem: 2 sent, 0 refused\n"), "{error}");
    let (_, out, _) = run(folder, &["forward", "--json"]).await;
    assert_eq!(
        out,
        "{\"sink\":\"siem\",\"sent\":0,\"refused\":0,\"error\":null}\n"
    );
    let (status, out, _) = run(folder, &["forward", "status"]).await;
    assert!(status == 0 && out.contains("incident"), "{out}");
    let (status, out, _) = run(folder, &["forward", "refused", "--json"]).await;
    assert_eq!((status, out.trim()), (0, "[]"));
    let (status, _, error) = run(folder, &["forward", "--sink", "other"]).await;
    assert_eq!(status, 2);
    assert!(
        error.contains("there is no sink \"other\"; there is siem"),
        "{error}"
    );
    assert_eq!(log.complaints(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_simulators_records_can_be_looked_at_as_events() {
    let folder = tempfile::tempdir().unwrap();
    let (status, _, error) = run(folder.path(), &["--simulator", "pull", "--quiet"]).await;
    assert_eq!(status, 0, "{error}");
    let shown = &[
        "--simulator",
        "forward",
        "--dry-run",
        "--mapping",
        "ocsf",
        "--most",
        "5",
    ];
    let (status, out, error) = run(folder.path(), shown).await;
    assert_eq!((status, out.lines().count()), (0, 5), "{error}");
}
