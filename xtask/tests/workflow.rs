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
        self.git(&["clean", "--quiet", "--force", "-d"]);
        if !self.git(&["branch", "--list", "drift/update"]).is_empty() {
            self.git(&["branch", "--quiet", "-D", "drift/update"]);
        }
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

    /// The jobs `update` and `publish`; gives the runs of their scripts.
    #[track_caller]
    fn update(&self, environment: &[(&str, &str)]) -> (Run, Run) {
        self.check_out();
        let absorb = self.run("absorb", environment);
        absorb.succeeded();
        assert_eq!(absorb.outputs["ready"], "true");
        assert_eq!(absorb.commands(), [""; 0], "{}", absorb.stdout);
        let left = self.git(&["status", "--porcelain"]);
        let in_the_patch =
            |line: &str| line.starts_with(['M', 'A', 'D']) && line[1..].starts_with(' ');
        assert!(left.lines().all(in_the_patch), "{left}");
        let _ = fs::remove_dir_all(self.artefact());
        fs::create_dir(self.artefact()).unwrap();
        for file in files_in(&Path::new(CLONE).join("target/drift/update")) {
            fs::copy(&file, self.artefact().join(file.file_name().unwrap())).unwrap();
        }
        (absorb, self.publish())
    }

    /// The folder in which what `update` has uploaded arrives at `publish`.
    fn artefact(&self) -> PathBuf {
        self.path("artefact")
    }

    /// The job `publish`, with a checkout of its own.
    #[track_caller]
    fn publish(&self) -> Run {
        let publish = self.try_to_publish();
        publish.succeeded();
        publish
    }

    fn try_to_publish(&self) -> Run {
        self.check_out();
        let artefact = self.artefact();
        let environment = [
            ("DRIFT_BASE", "main"),
            ("DRIFT_UPDATE", artefact.to_str().unwrap()),
        ];
        self.run("publish", &environment)
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

/// The first line of a report about one new property, in the text and elsewhere.
const MARKED: &str = "**Drift of the vendor's document:** 0 breaking, 0 warning, 1 info, ";

#[test]
fn drift_is_in_the_summary_and_in_an_annotation() {
    let host = Host::new();
    host.vendor.serves(with_properties(&["battery"]));
    let compare = host.run("compare", &[]);
    compare.succeeded();
    assert_eq!(compare.outputs["reached"], "true");
    assert_eq!(compare.outputs["drift"], "true");
    let [notice] = compare.commands()[..] else {
        panic!("{}", compare.stdout)
    };
    let place = "::notice file=spec/swagger_doc.json,title=";
    assert!(notice.starts_with(place), "{notice}");
    let summary = &compare.summary;
    assert!(summary.starts_with(MARKED), "{summary}");
    assert!(summary.contains("Agent.battery"), "{summary}");
}

#[test]
fn drift_becomes_one_pull_request_that_follows_the_vendor() {
    let host = Host::new();
    host.vendor.serves(with_properties(&["battery"]));
    host.update(&[GENERATE_CHECK]);
    let branch = host.remote("drift/update").unwrap();
    let title = host.git(&["show", "--no-patch", "--format=%s", &branch]);
    the_commit_is_of_the_bot_and_has_what_was_generated(&host, &branch);
    the_text_says_what_changed_and_what_fails(&host.text());
    the_pull_request_is_opened(&host, &title);
    the_same_drift_pushes_nothing(&host, &branch, &title);
    more_drift_is_the_same_pull_request(&host, &branch, &title);
}

#[track_caller]
fn the_commit_is_of_the_bot_and_has_what_was_generated(host: &Host, branch: &str) {
    let show = |format: &str| host.git(&["show", "--no-patch", format, branch]);
    let title = show("--format=%s");
    let expected = "feat: follow the vendor's document of 20";
    assert!(title.starts_with(expected), "{title}");
    assert_eq!(show("--format=%an"), "github-actions[bot]");
    assert!(show("--format=%b").starts_with(&MARKED.replace("**", "")));
    assert_eq!(
        host.git(&["diff", "--name-only", "main", branch]),
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
        let diff = host.git(&["diff", "main", branch, "--", file]);
        assert!(diff.contains("battery"), "{file}: {diff}");
    }
}

#[track_caller]
fn the_text_says_what_changed_and_what_fails(text: &str) {
    assert!(text.starts_with(MARKED), "{text}");
    let (report, failures) = text.split_once("### What still fails").unwrap();
    assert!(report.contains("Agent.battery"), "{text}");
    let command =
        "\n\n`cargo xtask generate --check` fails with the new document:\n\n\n    error: ";
    assert!(failures.starts_with(command), "{text}");
    let why = "\n      the property battery of Agent has no text";
    assert!(failures.contains(why), "{text}");
}

#[track_caller]
fn the_pull_request_is_opened(host: &Host, title: &str) {
    let body = host.artefact().join("text.md");
    let create = [
        "pr",
        "create",
        "--base",
        "main",
        "--head",
        "drift/update",
        "--title",
        title,
        "--body-file",
        body.to_str().unwrap(),
    ];
    assert_eq!(host.asked(), [create]);
}

#[track_caller]
fn the_pull_request_is_brought_up_to_date(host: &Host, title: &str) {
    let edit = [
        "api",
        "--silent",
        "--method",
        "PATCH",
        "repos/{owner}/{repo}/pulls/7",
        "--raw-field",
        &format!("title={title}"),
        "--field",
        &format!("body=@{}", host.artefact().join("text.md").display()),
    ];
    assert_eq!(host.asked(), [edit]);
}

#[track_caller]
fn the_same_drift_pushes_nothing(host: &Host, branch: &str, title: &str) {
    host.publish();
    let new = host.git(&["rev-parse", "drift/update^{tree}"]);
    assert_eq!(new, host.git(&["rev-parse", &format!("{branch}^{{tree}}")]));
    assert_eq!(host.remote("drift/update").as_deref(), Some(branch));
    the_pull_request_is_brought_up_to_date(host, title);
}

#[track_caller]
fn more_drift_is_the_same_pull_request(host: &Host, branch: &str, title: &str) {
    host.vendor.serves(with_properties(&["battery", "voltage"]));
    host.update(&[("DRIFT_TESTS", "failing-tests"), KEEP_SNAPSHOTS]);
    the_pull_request_is_brought_up_to_date(host, title);
    let next = host.remote("drift/update").unwrap();
    assert_ne!(next, branch);
    let parent = host.git(&["rev-parse", &format!("{next}^")]);
    assert_eq!(parent, host.git(&["rev-parse", "main"]));
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

/// A patch that makes a change of the workspace, and of nothing else.
fn patch_of(host: &Host, change: impl FnOnce(&Path)) -> String {
    host.check_out();
    change(Path::new(CLONE));
    host.git(&[
        "add",
        "--all",
        "--force",
        "--",
        ".ci",
        "Cargo.toml",
        "spec",
        "simulator",
    ]);
    let mut patch = host.git(&["diff", "--cached", "--binary", "HEAD"]);
    patch.push('\n');
    host.git(&["reset", "--quiet", "--hard"]);
    patch
}

/// A patch that git would not make: of a new file at any path.
fn patch_by_hand(path: &str) -> String {
    format!(
        "diff --git a/{path} b/{path}\nnew file mode 100755\n--- /dev/null\n+++ b/{path}\n\
         @@ -0,0 +1 @@\n+touch pwned\n"
    )
}

/// Puts an update where `publish` finds it.
fn uploaded(host: &Host, patch: &str) {
    let _ = fs::remove_dir_all(host.artefact());
    fs::create_dir(host.artefact()).unwrap();
    for (name, text) in [
        ("title", "feat: a title"),
        ("message", "feat: a title"),
        ("text.md", "a text"),
        ("update.patch", patch),
    ] {
        fs::write(host.artefact().join(name), text).unwrap();
    }
}

/// Nothing is pushed, and GitHub is not even asked.
#[track_caller]
fn is_refused(host: &Host, why: &str) {
    let publish = host.try_to_publish();
    let told = format!("{}{}", publish.stdout, publish.stderr);
    assert_eq!(publish.status, Some(1), "{told}");
    assert!(
        publish.commands()[0].contains("The update is refused: "),
        "{told}"
    );
    assert!(publish.stdout.contains(why), "{why}: {told}");
    assert_eq!(host.remote("drift/update"), None);
    assert!(!host.path("calls").exists(), "{told}");
}

#[test]
fn an_update_may_touch_the_files_of_a_contract_alone() {
    let host = Host::new();
    let append = |file: &'static str| {
        move |root: &Path| {
            let text = fs::read_to_string(root.join(file)).unwrap_or_default();
            fs::create_dir_all(root.join(file).parent().unwrap()).unwrap();
            fs::write(root.join(file), text + "\n").unwrap();
        }
    };
    for file in [
        ".ci/drift/publish",
        ".ci/drift/paths",
        "Cargo.toml",
        "spec/overlay/evil.yaml",
        "spec/deeper/openapi.json",
        "simulator/src/lib.rs",
        "simulator/build.rs",
    ] {
        uploaded(&host, &patch_of(&host, append(file)));
        is_refused(&host, &format!("it touches {file} "));
    }
    // And what may be touched is.
    uploaded(&host, &patch_of(&host, append("spec/openapi.json")));
    host.publish();
    let branch = host.remote("drift/update").unwrap();
    assert_eq!(
        host.git(&["diff", "--name-only", "main", &branch]),
        "spec/openapi.json"
    );
}

#[test]
fn an_update_makes_no_link_and_no_program_of_a_file() {
    let host = Host::new();
    let link = patch_of(&host, |root| {
        let file = root.join("spec/openapi.json");
        fs::remove_file(&file).unwrap();
        std::os::unix::fs::symlink("/proc/self/environ", file).unwrap();
    });
    let program = patch_of(&host, |root| {
        let file = root.join("spec/openapi.json");
        fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
    });
    for patch in [link, program] {
        uploaded(&host, &patch);
        is_refused(&host, "something else of a file than plain text");
    }
}

#[test]
fn an_update_stays_in_the_work_tree_and_fits_its_base() {
    let host = Host::new();
    for path in [".git/hooks/pre-push", "../outside", "/tmp/outside"] {
        uploaded(&host, &patch_by_hand(path));
        is_refused(&host, "it does not fit main");
    }
    let edit = |old: &'static str, new: &'static str| {
        move |root: &Path| {
            let file = root.join("spec/fetched.json");
            let text = fs::read_to_string(&file).unwrap();
            assert!(text.contains(old));
            fs::write(file, text.replace(old, new)).unwrap();
        }
    };
    let other_base = patch_of(&host, edit("taken_over", "taken-over"));
    let other_base = other_base.replace("taken_over", "was_taken_over");
    uploaded(&host, &other_base);
    is_refused(&host, "it does not fit main");
    assert!(!Path::new(CLONE).join(".git/hooks/pre-push").exists());
}

#[test]
fn an_update_is_made_of_files_and_of_nothing_that_leads_elsewhere() {
    let host = Host::new();
    for name in ["title", "message", "text.md", "update.patch"] {
        uploaded(&host, "");
        let file = host.artefact().join(name);
        fs::remove_file(&file).unwrap();
        is_refused(&host, &format!("{name} is not a file in it"));
        std::os::unix::fs::symlink("/proc/self/environ", &file).unwrap();
        is_refused(&host, &format!("{name} is not a file in it"));
    }
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
    host.git(&["checkout", "--quiet", "--force", "drift/update"]);
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

/// A workflow as YAML says it, and its text.
fn workflows() -> Vec<(Value, String)> {
    let folder = format!("{ROOT}/.github/workflows");
    let texts = files_in(Path::new(&folder)).into_iter();
    let texts = texts.map(|file| fs::read_to_string(file).unwrap());
    let workflows: Vec<_> = texts
        .map(|text| (serde_yaml_ng::from_str(&text).unwrap(), text))
        .collect();
    assert!(workflows.len() > 1);
    workflows
}

fn jobs(workflow: &Value) -> impl Iterator<Item = (&String, &Value)> {
    workflow["jobs"].as_object().unwrap().iter()
}

fn steps(job: &Value) -> impl Iterator<Item = &Value> {
    job["steps"].as_array().unwrap().iter()
}

/// The commands of a job, with those of the scripts that it runs, comments left out.
fn commands(job: &Value) -> String {
    let mut commands = String::new();
    for run in steps(job).filter_map(|step| step["run"].as_str()) {
        commands += &format!("{run}\n");
        for script in run
            .split_whitespace()
            .filter(|word| word.starts_with(".ci/"))
        {
            let file = Path::new(ROOT).join(script);
            let text = fs::read_to_string(&file).unwrap();
            let lines = text.lines().filter(|line| !line.trim().starts_with('#'));
            lines.for_each(|line| commands += &format!("{line}\n"));
        }
    }
    commands
}

/// Whether a job can change anything at GitHub.
fn is_trusted(job: &Value) -> bool {
    let permissions = job["permissions"].as_object();
    let writes = permissions.is_none_or(|rights| rights.values().any(|right| right == "write"));
    let text = job.to_string();
    writes
        || text.contains("GH_TOKEN")
        || text.contains("github.token")
        || text.contains("secrets.")
}

#[test]
fn no_job_that_holds_a_token_builds_what_the_vendor_wrote() {
    let (mut trusted, mut building) = (BTreeSet::new(), BTreeSet::new());
    for (workflow, _) in workflows() {
        let rights = workflow["permissions"].as_object().unwrap();
        assert!(rights.values().all(|right| right == "read"), "{rights:?}");
        assert_eq!(workflow["env"].to_string().matches("token").count(), 0);
        if workflow["name"] != "drift" {
            assert!(jobs(&workflow).all(|(_, job)| job["permissions"].is_null()));
            continue;
        }
        for (name, job) in jobs(&workflow) {
            let commands = commands(job);
            let builds = ["cargo ", "rustup ", "/absorb"];
            let builds = builds.iter().any(|word| commands.contains(word));
            if is_trusted(job) {
                assert!(!builds, "{name} has a token, and builds: {commands}");
                trusted.insert(name.clone());
            }
            if builds {
                assert_eq!(job["permissions"], json!({"contents": "read"}), "{name}");
                building.insert(name.clone());
            }
        }
    }
    assert_eq!(
        trusted.into_iter().collect::<Vec<_>>(),
        ["publish", "reachable"]
    );
    assert_eq!(
        building.into_iter().collect::<Vec<_>>(),
        ["compare", "update"]
    );
}

#[test]
fn every_action_is_pinned_by_its_commit() {
    for (workflow, text) in workflows() {
        for (name, job) in jobs(&workflow) {
            for action in steps(job).filter_map(|step| step["uses"].as_str()) {
                let (_, commit) = action.split_once('@').unwrap();
                let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
                assert!(
                    commit.len() == 40 && commit.bytes().all(hex),
                    "{name}: {action}"
                );
                let (_, after) = text.split_once(action).unwrap();
                assert!(
                    after.starts_with(" # v"),
                    "{action} does not say its version"
                );
            }
        }
    }
}

#[test]
fn no_checkout_keeps_the_token_and_each_is_of_the_base() {
    for (workflow, _) in workflows() {
        for (name, job) in jobs(&workflow) {
            let uses = |step: &&Value| {
                step["uses"]
                    .as_str()
                    .is_some_and(|uses| uses.starts_with("actions/checkout@"))
            };
            for checkout in steps(job).filter(uses) {
                assert_eq!(checkout["with"]["persist-credentials"], false, "{name}");
                if workflow["name"] == "drift" {
                    assert_eq!(checkout["with"]["ref"], "${{ env.DRIFT_BASE }}", "{name}");
                }
            }
        }
    }
}

/// What came out of the other job must not lie among the scripts of the one that has the token.
#[test]
fn an_update_arrives_outside_of_the_work_tree() {
    let (drift, _) = workflows()
        .into_iter()
        .find(|(workflow, _)| workflow["name"] == "drift")
        .unwrap();
    let publish: Vec<_> = steps(&drift["jobs"]["publish"]).collect();
    let uploaded = steps(&drift["jobs"]["update"]).last().unwrap();
    let [_, downloaded, run] = publish[..] else {
        panic!("{publish:?}")
    };
    assert_eq!(downloaded["with"]["name"], uploaded["with"]["name"]);
    let folder = &downloaded["with"]["path"];
    assert!(folder.as_str().unwrap().starts_with("${{ runner.temp }}/"));
    assert_eq!(run["env"]["DRIFT_UPDATE"], *folder);
    assert_eq!(uploaded["with"]["path"], "target/drift/update");
}

#[test]
fn every_command_of_the_workflow_is_a_script_that_can_be_executed() {
    let (drift, _) = workflows()
        .into_iter()
        .find(|(workflow, _)| workflow["name"] == "drift")
        .unwrap();
    let mut called = BTreeSet::new();
    for (_, job) in jobs(&drift) {
        for run in steps(job).filter_map(|step| step["run"].as_str()) {
            if let Some(script) = run.strip_prefix(".ci/drift/") {
                let file = fs::metadata(format!("{ROOT}/{run}")).unwrap();
                assert_eq!(file.permissions().mode() & 0o111, 0o111, "{run}");
                called.insert(script.to_owned());
            } else {
                assert_eq!(run, "rustup toolchain install stable --profile minimal");
            }
        }
    }
    let all = ["absorb", "compare", "publish", "reachable"];
    assert_eq!(called.into_iter().collect::<Vec<_>>(), all);
}
