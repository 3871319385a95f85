//! A quota that several programs share by a file: real processes, real time, a scaled window,
//! against a server that counts exactly.
//!
//! The programs are this test binary, started again as [`program`].

mod support;

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use huntress::{Outcome, RateLimiter};
use support::exact::{self, LIMIT, Program, Server, WINDOW, client};

/// Each test has the machine for itself.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// A name for the account, whose file is removed at the end.
struct Account(PathBuf);

impl Account {
    fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("huntress-shared-{}-{next}.quota", std::process::id());
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a program that the other tests start"]
async fn program() {
    let limiter = |path| RateLimiter::in_file_with(PathBuf::from(path), LIMIT, WINDOW).unwrap();
    Program::run(limiter).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_programs_are_never_refused_and_use_all_of_the_quota() {
    let _alone = ALONE.lock().await;
    let account = Account::new();
    exact::eight_programs_use_all_of(&account.0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn programs_that_are_killed_at_random_cost_nobody_a_refusal() {
    let _alone = ALONE.lock().await;
    let account = Account::new();
    exact::killed_programs_open_nothing_of(&account.0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_that_starts_again_fifty_times_is_never_refused() {
    let _alone = ALONE.lock().await;
    let account = Account::new();
    exact::fifty_starts_open_nothing_of(&account.0).await;
}

#[tokio::test]
async fn a_call_says_what_to_do_when_the_file_cannot_be_used_any_more() {
    let (server, base_url) = Server::start().await;
    let folder = std::env::temp_dir().join(format!("huntress-gone-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let limiter = RateLimiter::in_file(folder.join("acme.quota")).unwrap();
    let client = client(&base_url, limiter);
    client.get_account().send().await.unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    let error = client.get_account().send().await.unwrap_err();
    assert_eq!(support::predicates(&error), ["quota"]);
    assert_eq!(error.outcome(), Outcome::NotSent);
    let text = error.to_string();
    assert!(
        text.contains("not sent: cannot open the quota's file"),
        "{text}"
    );
    assert!(text.ends_with("make its folder, or name another"), "{text}");
    // It works again once the file can be made, after a window.
    std::fs::create_dir(&folder).unwrap();
    let snapshot = client.rate_limiter().snapshot();
    assert_eq!((snapshot.limit, snapshot.available), (60, 0));
    assert_eq!(server.taken().len(), 1);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn a_deadline_ends_the_wait_for_a_program_that_was_stopped_with_the_lock() {
    let (server, base_url) = Server::start().await;
    let account = Account::new();
    let client = client(&base_url, RateLimiter::in_file(&account.0).unwrap());
    let stopped = std::fs::File::open(&account.0).unwrap();
    stopped.lock().unwrap();
    let call = client.get_account().deadline(Duration::from_millis(100));
    let error = call.send().await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::NotSent);
    assert!(error.to_string().contains("nothing was sent"), "{error}");
    assert_eq!(server.taken().len(), 0);
    stopped.unlock().unwrap();
    client.get_account().send().await.unwrap();
}

#[tokio::test]
#[ignore = "a program that another test starts where it cannot write to the file's end"]
async fn program_on_a_full_disk() {
    let Ok(base_url) = std::env::var("HUNTRESS_TEST_BASE_URL") else {
        return;
    };
    let quota = std::env::var_os("HUNTRESS_TEST_QUOTA").unwrap();
    let limiter = RateLimiter::in_file_with(quota, LIMIT, WINDOW).unwrap();
    let client = client(&base_url, limiter);
    for _ in 0..3 {
        let error = client.get_account().send().await.unwrap_err();
        assert_eq!(support::predicates(&error), ["quota"]);
        assert_eq!(error.outcome(), Outcome::NotSent);
        let text = error.to_string();
        assert!(text.contains("not sent: cannot write"), "{text}");
    }
}

/// A limit of a file's size stands for a disk without space: it needs no rights and no disk.
#[cfg(unix)]
#[tokio::test]
async fn nothing_is_sent_while_the_file_cannot_be_written() {
    let (server, base_url) = Server::start().await;
    let account = Account::new();
    let limiter = RateLimiter::in_file_with(&account.0, LIMIT, WINDOW).unwrap();
    // The program's own first look goes into the first half then, and the next does not fit.
    limiter.snapshot();
    let mut command = Command::new("sh");
    let script =
        r#"trap "" XFSZ; ulimit -f 64; exec "$0" --exact program_on_a_full_disk --ignored"#;
    command
        .args(["-c", script])
        .arg(std::env::current_exe().unwrap())
        .env("HUNTRESS_TEST_BASE_URL", &base_url)
        .env("HUNTRESS_TEST_QUOTA", &account.0);
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = output.await.unwrap().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && told.contains("1 passed"),
        "{told}"
    );
    assert_eq!(server.taken().len(), 0);
    // Others go on.
    let client = client(&base_url, limiter);
    client.get_account().send().await.unwrap();
}
