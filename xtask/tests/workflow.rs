//! The drift workflow: its scripts as a run of it calls them, with a vendor on loopback HTTP,
//! a local repository for the remote, and a `gh` that writes down what it is asked.
#![cfg(target_os = "linux")] // as the runner of the workflow: the scripts use GNU's tools

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tempfile::TempDir;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Always the same folder, so that cargo finds again what it has built in it.
const CLONE: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/drift-clone");
static CLONE_IS_OURS: Mutex<()> = Mutex::new(());

/// In the place of cargo: `cargo xtask` is the xtask under test instead of one built in the
/// clone, which costs minutes; its `spec` folder is compiled in, so it is told the clone's.
/// `SNAPSHOTS=keep` spares the build of the crate where the snapshots do not matter; this
/// package is not built, it only leaves a mark where it would accept its own.
///
/// The clone shares the workspace's target folder, for what both depend on. Cargo would take
/// its packages for the workspace's own and replace them; another profile keeps them apart.
const CARGO: &str = r#"#!/usr/bin/env bash
case "$*" in
  "xtask "*) shift; exec "$XTASK" --spec "$PWD/spec" "$@" ;;
  "test -p codegen --test codegen") [ "${SNAPSHOTS:-}" != keep ] || exit 0 ;;
  "test -p xtask --test drift --test drift_cli")
    if [ "${SNAPSHOTS:-}" != keep ] && [ "${INSTA_UPDATE:-}" = always ]; then
      echo accepted >>xtask/tests/snapshots/drift__corpus.snap
    fi
    exit 0
    ;;
esac
exec "$REAL_CARGO" --config profile.test.package.codegen.debug=0 "$@"
"#;

/// In the place of GitHub's own: one argument a line; there is one open pull request or none.
const GH: &str = r#"#!/usr/bin/env bash
printf '%s\n' "$@" "" >>"$HOST/calls"
for argument; do
  [ "${before:-}" != --body-file ] || cp "$argument" "$HOST/text"
  [[ $argument != body=@* ]] || cp "${argument#body=@}" "$HOST/text"
  before=$argument
done
case "$1 $2" in
  "pr list") [ ! -e "$HOST/open" ] || cat "$HOST/open" ;;
  "pr create") echo 7 >"$HOST/open" ;;
esac
"#;

const FAILING_TESTS: &str = r#"#!/usr/bin/env bash
echo "test fine ... ok"
echo "test module::broken ... FAILED"
echo "::error::this is a test's, not the workflow's"
echo BASH_ENV=/dev/null >>"${GITHUB_ENV:-/dev/null}"
exit 101
"#;

const ENDLESS_TESTS: &str = r#"#!/usr/bin/env bash
for ((n = 0; n < 1000; n++)); do
  echo "test with::a::name::that::is::neither::short::nor::long::$n ... FAILED"
done
exec sleep 600
"#;

/// Everything outside of the clone that a run of the workflow meets.
struct Host {
    folder: TempDir,
    vendor: Vendor,
    _clone: MutexGuard<'static, ()>,
}

/// What a script did.
struct Run {
    status: Option<i32>,
    stdout: String,
    stderr: String,
    outputs: BTreeMap<String, String>,
    summary: String,
}

impl Host {
    /// With the clone as the workspace is, committed on `main` of the remote.
    fn new() -> Self {
        let clone = CLONE_IS_OURS.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("bin")).unwrap();
        for (name, text) in [
            ("cargo", CARGO),
            ("gh", GH),
            ("failing-tests", FAILING_TESTS),
            ("endless-tests", ENDLESS_TESTS),
        ] {
            let path = folder.path().join("bin").join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let host = Self {
            folder,
            vendor: Vendor::new(),
            _clone: clone,
        };
        host.copy_the_workspace();
        let remote = host.path("remote").display().to_string();
        host.git(&["init", "--quiet", "--bare", "-b", "main", &remote]);
        host.git(&["init", "--quiet", "-b", "main"]);
        host.git(&["remote", "add", "origin", &remote]);
        host.git(&["add", "--all"]);
        host.git(&["commit", "--quiet", "-m", "as it is"]);
        host.git(&["push", "--quiet", "origin", "main"]);
        host
    }

    /// Makes the clone what git knows or would add, and touches no file that is so already.
    fn copy_the_workspace(&self) {
        fs::create_dir_all(CLONE).unwrap();
        let _ = fs::remove_dir_all(format!("{CLONE}/.git"));
        let listed = self.git(&[
            "-c",
            "safe.directory=*",
            "-C",
            ROOT,
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ]);
        let files: BTreeSet<PathBuf> = listed
            .split_terminator('\0')
            .map(PathBuf::from)
            .filter(|file| Path::new(ROOT).join(file).is_file())
            .collect();
        assert!(files.len() > 100, "{files:?}");
        for old in files_in(Path::new(CLONE)) {
            if !files.contains(old.strip_prefix(CLONE).unwrap()) {
                fs::remove_file(old).unwrap();
            }
        }
        for file in files {
            let (from, to) = (Path::new(ROOT).join(&file), Path::new(CLONE).join(&file));
            if fs::read(&to).ok() != Some(fs::read(&from).unwrap()) {
                fs::create_dir_all(to.parent().unwrap()).unwrap();
                fs::copy(from, to).unwrap();
            }
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A command in the clone that meets nothing of this machine's git, of the cargo that runs
    /// this test, or of the workflow that runs that.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let foreign = [
            "CARGO_BIN_",
            "CARGO_MANIFEST_",
            "CARGO_PKG_",
            "DRIFT_",
            "GH_",
            "GITHUB_",
            "GIT_",
            "INSTA_",
        ];
        for (name, _) in std::env::vars_os() {
            let is_foreign = |name: &str| foreign.iter().any(|prefix| name.starts_with(prefix));
            if name.to_str().is_some_and(is_foreign) {
                command.env_remove(name);
            }
        }
        let path = std::env::var("PATH").unwrap();
        command
            .current_dir(CLONE)
            .env_remove("CARGO")
            .env_remove("LD_LIBRARY_PATH")
            .env("PATH", format!("{}:{path}", self.path("bin").display()))
            .env("HOST", self.folder.path())
            .env("XTASK", env!("CARGO_BIN_EXE_xtask"))
            .env(
                "REAL_CARGO",
                std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()),
            )
            .env(
                "CARGO_TARGET_DIR",
                Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap(),
            )
            .env("CARGO_NET_OFFLINE", "true")
            .env("NO_PROXY", "127.0.0.1")
            .env("LC_ALL", "C")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1");
        command
    }

    /// git in the clone, as a person.
    #[track_caller]
    fn git(&self, arguments: &[&str]) -> String {
        let mut command = self.command("git");
        for role in ["AUTHOR", "COMMITTER"] {
            command
                .env(format!("GIT_{role}_NAME"), "A Person")
                .env(format!("GIT_{role}_EMAIL"), "person@example.com");
        }
        let output = command.args(arguments).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {arguments:?}: {errors}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// The commit of a branch of the remote.
    fn remote(&self, branch: &str) -> Option<String> {
        let refs = self.git(&["ls-remote", "origin", &format!("refs/heads/{branch}")]);
        refs.split_whitespace().next().map(str::to_owned)
    }

    /// What `actions/checkout` leaves for the first step of a job.
    fn check_out(&self) {
        let _ = fs::remove_dir_all(format!("{CLONE}/target"));
        self.git(&["fetch", "--quiet", "--prune", "origin"]);
        self.git(&["checkout", "--quiet", "--force", "main"]);
    }

    fn run(&self, script: &str, environment: &[(&str, &str)]) -> Run {
        let [outputs, summary, variables] =
            ["output", "summary", "variables"].map(|name| self.path(name));
        for file in [&outputs, &summary, &variables] {
            fs::write(file, "").unwrap();
        }
        let output = self
            .command(&format!("{CLONE}/.ci/drift/{script}"))
            .env("GITHUB_OUTPUT", &outputs)
            .env("GITHUB_STEP_SUMMARY", &summary)
            .env("GITHUB_ENV", &variables)
            .env("DRIFT_FROM", self.vendor.url("swagger_doc.json"))
            .env("DRIFT_WEBHOOKS_FROM", self.vendor.url("webhooks_doc.json"))
            .envs(environment.iter().copied())
            .output()
            .unwrap();
        assert_eq!(fs::read_to_string(variables).unwrap(), "", "{script}");
        let outputs = fs::read_to_string(outputs).unwrap();
        let pairs = outputs.lines().map(|line| line.split_once('=').unwrap());
        Run {
            status: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
            outputs: pairs.map(|(a, b)| (a.to_owned(), b.to_owned())).collect(),
            summary: fs::read_to_string(summary).unwrap(),
        }
    }

    /// The steps of the job `update`, on a fresh check-out; gives those two runs.
    #[track_caller]
    fn update(&self, environment: &[(&str, &str)]) -> (Run, Run) {
        self.check_out();
        let absorb = self.run("absorb", environment);
        absorb.succeeded();
        assert_eq!(absorb.outputs["ready"], "true");
        assert_eq!(absorb.commands(), [""; 0], "{}", absorb.stdout);
        assert_eq!(self.git(&["status", "--porcelain"]), "");
        (absorb, self.publish())
    }

    #[track_caller]
    fn publish(&self) -> Run {
        let publish = self.run("publish", &[("DRIFT_BASE", "main")]);
        publish.succeeded();
        publish
    }

    /// What `gh` was asked since the last time, without the question which pull request is open.
    #[track_caller]
    fn asked(&self) -> Vec<Vec<String>> {
        let text = fs::read_to_string(self.path("calls")).unwrap();
        fs::remove_file(self.path("calls")).unwrap();
        let calls = text.split_terminator("\n\n");
        let mut calls: Vec<Vec<String>> = calls
            .map(|call| call.lines().map(str::to_owned).collect())
            .collect();
        let question = "pr list --head drift/update --state open --json number,isCrossRepository \
                        --jq .[] | select(.isCrossRepository | not) | .number";
        assert_eq!(calls.remove(0).join(" "), question);
        calls
    }

    /// The text of the pull request, as `gh` read it.
    fn text(&self) -> String {
        fs::read_to_string(self.path("text")).unwrap()
    }
}

impl Run {
    #[track_caller]
    fn succeeded(&self) {
        assert_eq!(self.status, Some(0), "{}\n{}", self.stdout, self.stderr);
    }

    /// The lines that the runner takes for commands.
    fn commands(&self) -> Vec<&str> {
        let mut commands = Vec::new();
        let mut stopped: Option<String> = None;
        for line in self.stdout.lines() {
            match (line.strip_prefix("::stop-commands::"), &stopped) {
                (Some(token), None) => stopped = Some(format!("::{token}::")),
                (_, Some(end)) if line == end => stopped = None,
                (None, None) if line.starts_with("::") => commands.push(line),
                _ => {}
            }
        }
        assert_eq!(stopped, None);
        commands
    }
}

fn files_in(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap().is_dir() {
            true => files.extend(files_in(&entry.path())),
            false => files.push(entry.path()),
        }
    }
    files
}

/// Serves its documents; a file that it does not have is a 503.
struct Vendor {
    address: String,
    documents: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Vendor {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let documents = Arc::new(Mutex::new(BTreeMap::<String, String>::new()));
        let served = documents.clone();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut request = [0; 4096];
                let length = stream.read(&mut request).unwrap_or(0);
                let request = String::from_utf8_lossy(&request[..length]).into_owned();
                let name = request.split(['/', ' ']).nth(2).unwrap_or_default();
                let (status, body) = match served.lock().unwrap().get(name) {
                    Some(document) => ("200 OK", document.clone()),
                    None => ("503 Service Unavailable", String::new()),
                };
                let _ = write!(
                    stream,
                    "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                );
            }
        });
        let vendor = Self { address, documents };
        vendor.serves(contract());
        let webhooks = fs::read_to_string(format!("{ROOT}/spec/webhooks_doc.json")).unwrap();
        vendor.serves_text("webhooks_doc.json", webhooks);
        vendor
    }

    fn url(&self, name: &str) -> String {
        format!("{}/{name}", self.address)
    }

    fn serves(&self, api: Value) {
        self.serves_text("swagger_doc.json", api.to_string());
    }

    fn serves_text(&self, name: &str, text: String) {
        self.documents.lock().unwrap().insert(name.to_owned(), text);
    }

    fn is_down(&self) {
        self.documents.lock().unwrap().clear();
    }
}

fn contract() -> Value {
    let text = fs::read_to_string(format!("{ROOT}/spec/swagger_doc.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The contract with more properties of an agent.
fn with_properties(names: &[&str]) -> Value {
    let mut contract = contract();
    for name in names {
        contract["definitions"]["Agent"]["properties"][*name] = json!({"type": "integer"});
    }
    contract
}

const GENERATE_CHECK: (&str, &str) = ("DRIFT_TESTS", "cargo xtask generate --check");
const KEEP_SNAPSHOTS: (&str, &str) = ("SNAPSHOTS", "keep");

#[test]
fn no_drift_says_so_and_changes_nothing() {
    let host = Host::new();
    let compare = host.run("compare", &[]);
    compare.succeeded();
    assert_eq!(compare.outputs["reached"], "true");
    assert_eq!(compare.outputs["drift"], "false");
    assert_eq!(compare.commands(), [""; 0]);
    assert!(
        compare.summary.contains("0 breaking, 0 warning, 0 info"),
        "{}",
        compare.summary
    );

    // The vendor may have gone back since the drift was seen.
    let absorb = host.run("absorb", &[]);
    absorb.succeeded();
    assert_eq!(absorb.outputs["ready"], "false");
    assert_eq!(host.git(&["status", "--porcelain"]), "");
}

#[test]
fn drift_becomes_one_pull_request_that_follows_the_vendor() {
    let host = Host::new();
    host.vendor.serves(with_properties(&["battery"]));
    let compare = host.run("compare", &[]);
    compare.succeeded();
    assert_eq!(compare.outputs["reached"], "true");
    assert_eq!(compare.outputs["drift"], "true");
    let [notice] = compare.commands()[..] else {
        panic!("{}", compare.stdout)
    };
    assert!(
        notice.starts_with("::notice file=spec/swagger_doc.json,title="),
        "{notice}"
    );
    let headline = "Drift of the vendor's document: 0 breaking, 0 warning, 1 info, ";
    let marked = headline.replace("document:", "document:**");
    assert!(
        compare.summary.starts_with(&format!("**{marked}")),
        "{}",
        compare.summary
    );
    assert!(
        compare.summary.contains("Agent.battery"),
        "{}",
        compare.summary
    );

    host.update(&[GENERATE_CHECK]);
    let branch = host.remote("drift/update").unwrap();
    let show = |format: &str| host.git(&["show", "--no-patch", format, &branch]);
    let title = show("--format=%s");
    assert!(
        title.starts_with("feat: follow the vendor's document of 20"),
        "{title}"
    );
    assert_eq!(show("--format=%an"), "github-actions[bot]");
    assert!(show("--format=%b").starts_with(headline));
    assert_eq!(
        host.git(&["diff", "--name-only", "main", &branch]),
        "codegen/tests/snapshots/codegen__types.snap\n\
         simulator/spec/openapi.json\n\
         simulator/spec/swagger_doc.json\n\
         spec/fetched.json\n\
         spec/openapi.json\n\
         spec/swagger_doc.json\n\
         xtask/tests/snapshots/drift__corpus.snap"
    );
    for file in [
        "spec/openapi.json",
        "codegen/tests/snapshots/codegen__types.snap",
    ] {
        let diff = host.git(&["diff", "main", &branch, "--", file]);
        assert!(diff.contains("battery"), "{file}: {diff}");
    }
    let text = host.text();
    assert!(text.starts_with(&format!("**{marked}")), "{text}");
    let (report, failures) = text.split_once("### What still fails").unwrap();
    assert!(report.contains("Agent.battery"), "{text}");
    assert!(
        failures.starts_with(
            "\n\n`cargo xtask generate --check` fails with the new document:\n\n\n    error: "
        ),
        "{text}"
    );
    assert!(
        failures.contains("\n      the property battery of Agent has no text"),
        "{text}"
    );
    let create = [
        "pr",
        "create",
        "--base",
        "main",
        "--head",
        "drift/update",
        "--title",
        &title,
        "--body-file",
        "target/drift/text.md",
    ];
    assert_eq!(host.asked(), [create]);

    // Another day, the same drift: nothing to push.
    host.git(&["commit", "--quiet", "--amend", "-m", "another day"]);
    host.publish();
    assert_eq!(host.remote("drift/update").as_ref(), Some(&branch));
    let edit = |title: &str| {
        [
            "api",
            "--silent",
            "--method",
            "PATCH",
            "repos/{owner}/{repo}/pulls/7",
            "--raw-field",
            &format!("title={title}"),
            "--field",
            "body=@target/drift/text.md",
        ]
        .map(str::to_owned)
    };
    assert_eq!(host.asked(), [edit(&title)]);

    // More drift: the same pull request.
    host.vendor.serves(with_properties(&["battery", "voltage"]));
    host.update(&[("DRIFT_TESTS", "failing-tests"), KEEP_SNAPSHOTS]);
    assert_eq!(host.asked(), [edit(&title)]);
    let next = host.remote("drift/update").unwrap();
    assert_ne!(next, branch);
    assert_eq!(
        host.git(&["rev-parse", &format!("{next}^")]),
        host.git(&["rev-parse", "main"])
    );
    let text = host.text();
    assert!(text.contains("Agent.voltage"), "{text}");
    let (_, failures) = text.split_once("### What still fails").unwrap();
    assert_eq!(
        failures,
        "\n\n`failing-tests` fails with the new document:\n\n- `module::broken`\n\n    \
         test fine ... ok\n    test module::broken ... FAILED\n    \
         ::error::this is a test's, not the workflow's\n"
    );
}

#[test]
fn a_contract_keeps_its_day_and_a_persons_commits_their_branch() {
    let host = Host::new();
    let environment = [("DRIFT_TESTS", "true"), KEEP_SNAPSHOTS];
    host.vendor.serves(with_properties(&["battery"]));
    host.update(&environment);
    assert!(
        host.text()
            .ends_with("### What still fails\n\nNothing: `true` passes.\n"),
        "{}",
        host.text()
    );
    let title = host.asked().remove(0).remove(7);
    let today = title.rsplit(' ').next().unwrap();

    // The branch as a run of an earlier day would have left it.
    for file in [
        "spec/fetched.json",
        "spec/openapi.json",
        "simulator/spec/openapi.json",
    ] {
        let path = Path::new(CLONE).join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(today), "{file}");
        fs::write(path, text.replace(today, "2001-02-03")).unwrap();
    }
    host.git(&["commit", "--quiet", "--all", "--amend", "--no-edit"]);
    host.git(&["push", "--quiet", "--force", "origin", "drift/update"]);
    let old = host.remote("drift/update");
    host.update(&environment);
    assert_eq!(host.remote("drift/update"), old);
    let title = "title=feat: follow the vendor's document of 2001-02-03";
    assert_eq!(host.asked()[0][6], title);

    // A maintainer repairs something in the pull request.
    host.git(&["checkout", "--quiet", "--force", "origin/drift/update"]);
    host.git(&["commit", "--quiet", "--allow-empty", "-m", "a repair"]);
    host.git(&["push", "--quiet", "origin", "HEAD:drift/update"]);
    let repaired = host.remote("drift/update");
    assert_ne!(repaired, old);
    host.vendor.serves(with_properties(&["battery", "voltage"]));
    let (_, publish) = host.update(&environment);
    assert!(
        publish.commands()[0].starts_with("::warning title=drift::Pull request 7 has commits that"),
        "{}",
        publish.stdout
    );
    assert_eq!(host.remote("drift/update"), repaired);
    assert_eq!(host.asked(), [[""; 0]; 0]);

    // It is merged; what is left of its branch is in nobody's way.
    fs::remove_file(host.path("open")).unwrap();
    host.update(&environment);
    assert_ne!(host.remote("drift/update"), repaired);
    assert_eq!(host.asked()[0][..2], ["pr", "create"]);
}

#[test]
fn what_cannot_be_generated_is_a_pull_request_all_the_same() {
    let host = Host::new();
    host.vendor.serves(with_properties(&["battery"]));
    host.update(&[("DRIFT_TESTS", "true"), KEEP_SNAPSHOTS]);
    fs::remove_file(host.path("open")).unwrap();
    host.asked();

    let mut contract = with_properties(&["$(touch pwned)`touch pwned`\n::error::pwned"]);
    let agent = &mut contract["definitions"]["Agent"]["properties"];
    agent.as_object_mut().unwrap().remove("serial_number");
    host.vendor.serves(contract);
    assert_eq!(host.run("compare", &[]).outputs["drift"], "true");

    // No test may run: nothing is there to be tested.
    host.update(&[("DRIFT_TESTS", "failing-tests")]);
    let [create] = &host.asked()[..] else {
        panic!("not one call")
    };
    assert_eq!(create[..2], ["pr", "create"]);
    let title = &create[7];
    assert!(
        title.starts_with("chore: note the vendor's document of 20")
            && title.ends_with(", which needs a repair first"),
        "{title}"
    );
    let text = host.text();
    assert!(
        text.starts_with("**Drift of the vendor's document:** "),
        "{text}"
    );
    let (report, failures) = text.split_once("### What must be done first").unwrap();
    assert!(report.contains("serial_number"), "{text}");
    assert!(
        failures.contains("\n    error: the new document cannot be generated"),
        "{text}"
    );
    assert!(failures.contains("serial_number does not exist;"), "{text}");
    assert!(!text.contains("What still fails"), "{text}");
    assert_eq!(
        host.git(&["diff", "--name-only", "main", "drift/update"]),
        ""
    );
    assert_eq!(
        host.git(&["rev-list", "--count", "main..drift/update"]),
        "1"
    );
    assert_eq!(
        host.remote("drift/update").unwrap(),
        host.git(&["rev-parse", "drift/update"])
    );
    assert!(!Path::new(CLONE).join("pwned").exists());
}

#[test]
fn tests_that_do_not_end_do_not_stop_the_pull_request() {
    let host = Host::new();
    host.vendor.serves(with_properties(&["battery"]));
    host.update(&[
        ("DRIFT_TESTS", "endless-tests"),
        ("DRIFT_TESTS_LIMIT", "1s"),
        ("GITHUB_SERVER_URL", "https://host.example"),
        ("GITHUB_REPOSITORY", "a/b"),
        ("GITHUB_RUN_ID", "1"),
        KEEP_SNAPSHOTS,
    ]);
    let text = host.text();
    let (_, failures) = text.split_once("### What still fails").unwrap();
    assert!(
        failures.starts_with("\n\n`endless-tests` fails with the new document:\n\n- `with::a"),
        "{text}"
    );
    let log = "\nThe whole log: https://host.example/a/b/actions/runs/1\n";
    assert!(failures.ends_with(log), "{text}");
    assert!(failures.len() < 5_000, "{text}");
}

#[test]
fn a_vendor_that_cannot_be_compared_is_not_no_drift() {
    let host = Host::new();
    let not_compared = |why: &str| {
        let compare = host.run("compare", &[]);
        compare.succeeded();
        assert_eq!(compare.outputs["reached"], "false");
        assert_eq!(compare.outputs["drift"], "false");
        let commands = compare.commands();
        assert_eq!(commands.len(), 1, "{}", compare.stdout);
        assert!(commands[0].starts_with("::warning title=drift::"));
        assert!(commands[0].contains(why), "{commands:?}");
        assert!(
            compare.summary.contains("\n    error: "),
            "{}",
            compare.summary
        );
        let absorb = host.run("absorb", &[]);
        assert_eq!(absorb.status, Some(2), "{}", absorb.stdout);
        assert!(absorb.outputs.is_empty());
    };
    let text = |text: &str| host.vendor.serves_text("swagger_doc.json", text.to_owned());
    text("<!doctype html>");
    not_compared("it is HTML, not JSON");
    let key = r#""/100%\n::error::x""#;
    text(&format!(
        r#"{{"swagger": "2.0", "paths": {{{key}: {{}}, {key}: {{}}}}}}"#
    ));
    not_compared(r"~1100%25\n::error::x stands there twice");
    host.vendor.is_down();
    not_compared("answered 503 Service Unavailable");
}

#[test]
fn broken_tools_are_no_answer() {
    let host = Host::new();
    for script in ["compare", "absorb"] {
        let run = host.run(script, &[("XTASK", "/bin/false/xtask")]);
        assert!(run.status.unwrap() > 2, "{script}: {:?}", run.status);
        assert!(run.outputs.is_empty());
    }
}

#[test]
fn an_outage_is_an_error_after_three_days() {
    let host = Host::new();
    let day = |day: u64| (1_772_323_200 + 86_400 * day).to_string(); // 2026-03-01, midnight
    let reachable = |reached: &str, now: u64, patience: Option<&str>| {
        let (now, patience) = (day(now), patience.map(|days| ("DRIFT_PATIENCE_DAYS", days)));
        let mut environment = vec![("DRIFT_REACHED", reached), ("DRIFT_NOW", &now)];
        environment.extend(patience);
        host.run("reachable", &environment)
    };
    let memory = || host.remote("drift/unreachable");
    let warns = |run: Run, since: &str| {
        run.succeeded();
        let what = format!("the vendor's documents cannot be compared since {since}");
        assert!(
            run.commands()[0].to_lowercase().starts_with("::warning ")
                && run.stdout.to_lowercase().contains(&what),
            "{}",
            run.stdout
        );
    };

    reachable("true", 0, None).succeeded();
    assert_eq!(memory(), None);
    warns(reachable("false", 0, None), "2026-03-01");
    let first = memory();
    assert!(first.is_some());
    warns(reachable("false", 1, None), "2026-03-01");
    assert_eq!(memory(), first);

    let late = reachable("false", 3, None);
    assert_eq!(late.status, Some(1), "{}", late.stdout);
    let error = late.commands()[0].to_owned();
    assert!(error.starts_with("::error title=drift::"), "{error}");
    assert!(error.contains("since 2026-03-01"), "{error}");
    assert!(
        error.contains("delete the branch drift/unreachable"),
        "{error}"
    );
    warns(reachable("false", 3, Some("5")), "2026-03-01");
    assert_eq!(memory(), first);

    reachable("true", 4, None).succeeded();
    assert_eq!(memory(), None);
    warns(reachable("false", 5, None), "2026-03-06");

    // A remote that does not answer must not be taken for one that remembers nothing.
    host.git(&["remote", "set-url", "origin", "/nowhere"]);
    for reached in ["true", "false", ""] {
        assert_ne!(reachable(reached, 9, None).status, Some(0), "{reached:?}");
    }
}

#[test]
fn the_token_is_given_to_an_https_remote_alone_and_never_shown() {
    let host = Host::new();
    let asks = |remote: &str, token: &str| {
        host.git(&["remote", "set-url", "origin", remote]);
        let request = host.path("request");
        fs::write(&request, "protocol=https\nhost=git.example\n\n").unwrap();
        let output = host
            .command(&format!("{CLONE}/.ci/drift/git"))
            .args(["credential", "fill"])
            .envs([("GH_TOKEN", token), ("GIT_TRACE", "1"), ("GIT_ASKPASS", "")])
            .stdin(fs::File::open(request).unwrap())
            .output()
            .unwrap();
        let shown = String::from_utf8(output.stderr).unwrap();
        assert!(!shown.contains("s3cret"), "{shown}");
        String::from_utf8(output.stdout).unwrap()
    };
    let https = "https://git.example/a/b";
    assert!(asks(https, "s3cret").contains("username=x-access-token\npassword=s3cret\n"));
    assert_eq!(asks(https, ""), "");
    assert_eq!(asks("http://git.example/a/b", "s3cret"), "");
}

/// What the scripts rely on, and what must never be in it.
#[test]
fn the_workflow_has_least_rights_and_only_runs_the_scripts() {
    let text = fs::read_to_string(format!("{ROOT}/.github/workflows/drift.yml")).unwrap();
    let workflow: Value = serde_yaml_ng::from_str(&text).unwrap();
    assert_eq!(workflow["permissions"], json!({}));
    assert_eq!(
        workflow["concurrency"],
        json!({"group": "drift", "cancel-in-progress": false})
    );
    let cron = workflow["on"]["schedule"][0]["cron"].as_str().unwrap();
    let minute: u32 = cron.split(' ').next().unwrap().parse().unwrap();
    assert!(minute % 2 == 1 && cron.ends_with(" * * *"), "{cron}");
    assert!(
        workflow["on"]
            .as_object()
            .unwrap()
            .contains_key("workflow_dispatch")
    );
    assert!(!text.contains("secrets"));

    let jobs = workflow["jobs"].as_object().unwrap();
    let rights: BTreeMap<&str, &Value> = jobs
        .iter()
        .map(|(name, job)| (name.as_str(), &job["permissions"]))
        .collect();
    assert_eq!(
        json!(rights),
        json!({
            "compare": {"contents": "read"},
            "reachable": {"contents": "write"},
            "update": {"contents": "write", "pull-requests": "write"},
        })
    );
    let mut called = BTreeSet::new();
    for (name, job) in jobs {
        assert!(job["timeout-minutes"].is_u64(), "{name}");
        assert_eq!(job["env"], Value::Null, "{name}");
        for step in job["steps"].as_array().unwrap() {
            if let Some(action) = step["uses"].as_str() {
                let (_, version) = action.split_once("@v").unwrap();
                let numbers: Vec<_> = version.split('.').map(str::parse::<u32>).collect();
                assert!(
                    numbers.len() == 3 && numbers.iter().all(Result::is_ok),
                    "{action}"
                );
                assert!(action.starts_with("actions/checkout@"), "{action}");
                assert_eq!(step["with"]["persist-credentials"], false);
                let depth = (name == "update").then_some(json!(0)).unwrap_or_default();
                assert_eq!(step["with"]["fetch-depth"], depth, "{name}");
                continue;
            }
            let run = step["run"].as_str().unwrap();
            if run == "rustup toolchain install stable --profile minimal" {
                continue;
            }
            let script = run
                .strip_prefix(".ci/drift/")
                .unwrap_or_else(|| panic!("{run}"));
            let file = fs::metadata(format!("{ROOT}/.ci/drift/{script}")).unwrap();
            assert_eq!(file.permissions().mode() & 0o111, 0o111, "{run}");
            let token = (step["env"]["GH_TOKEN"] == "${{ github.token }}").then_some(());
            let wanted = ["reachable", "publish"].contains(&script).then_some(());
            assert_eq!(token, wanted, "{script}");
            called.insert(script);
        }
    }
    assert_eq!(
        called,
        BTreeSet::from(["absorb", "compare", "publish", "reachable"])
    );
    assert_eq!(text.matches("github.token").count(), 2);
}
