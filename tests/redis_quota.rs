//! A quota that several programs share by Redis: a real Redis, real processes, real time, a
//! scaled window, against a server that counts exactly.
//!
//! `.ci/redis` says where `redis-server` is. Each test starts its own; the programs are this test
//! binary, started again as [`program`].

mod support;

use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use futures::future::join_all;
use huntress::{Client, Outcome, RateLimiter, RedisQuota};
use support::exact::{self, LIMIT, PROGRAMS, Program, Server, WINDOW, client};
use support::predicates;
use support::tls::Authority;
use tokio::time::{sleep, timeout};

const PASSWORD: &str = "correct-horse-battery";

/// Each test has the machine for itself.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// A Redis of the test's own, which ends with it.
struct Redis {
    port: u16,
    arguments: Vec<String>,
    folder: PathBuf,
    process: Child,
}

impl Redis {
    fn start() -> Self {
        Self::with(&[])
    }

    /// One that asks for a password, and speaks TLS only.
    fn with_tls(authority: &Authority) -> Self {
        let folder = folder();
        let file = |name: &str, text: String| {
            let path = folder.join(name);
            std::fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let (certificate, key) = authority.certificate_pem(&["127.0.0.1"]);
        let certificate = file("tls.crt", certificate);
        let key = file("tls.key", key);
        let authority = file("ca.crt", authority.pem());
        Self::with(&[
            ("--tls-cert-file", &certificate),
            ("--tls-key-file", &key),
            ("--tls-ca-cert-file", &authority),
            ("--tls-auth-clients", "no"),
            ("--requirepass", PASSWORD),
        ])
    }

    fn with(options: &[(&str, &str)]) -> Self {
        let folder = folder();
        let port = free_port();
        let tls = options.iter().any(|(name, _)| name.starts_with("--tls"));
        let mut arguments: Vec<_> = [
            (
                if tls { "--tls-port" } else { "--port" },
                &*port.to_string(),
            ),
            ("--bind", "127.0.0.1"),
            ("--save", ""),
            ("--appendonly", "no"),
            ("--dir", folder.to_str().unwrap()),
            // By which `.ci/redis` ends it, if this program is killed.
            (
                "--pidfile",
                folder.join(format!("{port}.pid")).to_str().unwrap(),
            ),
        ]
        .into_iter()
        .chain(options.iter().copied())
        .flat_map(|(name, value)| [name].into_iter().chain(value.split(' ')))
        .map(str::to_owned)
        .collect();
        if tls {
            arguments.extend(["--port".to_owned(), "0".to_owned()]);
        }
        let process = launch(&arguments, port);
        Self {
            port,
            arguments,
            folder,
            process,
        }
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// After it was killed.
    fn start_again(&mut self) {
        self.process = launch(&self.arguments, self.port);
    }

    fn signal(&self, name: &str) {
        let pid = self.process.id().to_string();
        let sent = Command::new("kill").args([name, &pid]).status().unwrap();
        assert!(sent.success());
    }

    /// Says a command, and reads the beginning of the answer.
    fn say(&self, command: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream
            .write_all(format!("{command}\r\n").as_bytes())
            .unwrap();
        let mut answer = vec![0; 4096];
        let length = stream.read(&mut answer).unwrap();
        String::from_utf8_lossy(&answer[..length]).into_owned()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_file(self.folder.join(format!("{}.pid", self.port)));
    }
}

fn folder() -> PathBuf {
    let folder = std::env::var_os("HUNTRESS_TEST_REDIS_FOLDER").expect(ADVICE);
    PathBuf::from(folder)
}

/// None that the system chooses for a connection: one to itself would look like a Redis.
fn free_port() -> u16 {
    let mut ports = std::iter::repeat_with(|| fastrand::u16(10_000..30_000));
    let free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    ports.find(free).unwrap()
}

const ADVICE: &str = "these tests need a Redis; `.ci/redis` installs one and runs them";

fn launch(arguments: &[String], port: u16) -> Child {
    let program = std::env::var_os("HUNTRESS_TEST_REDIS_SERVER").expect(ADVICE);
    let mut command = Command::new(program);
    let process = command.args(arguments).stdout(Stdio::null()).spawn();
    let process = process.expect("redis-server can be started");
    let since = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(
            since.elapsed() < Duration::from_secs(10),
            "Redis does not start"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    process
}

fn scaled(url: &str) -> RedisQuota {
    RedisQuota::new(url, "acme").quota(LIMIT, WINDOW)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a program that the other tests start"]
async fn program() {
    let limiter = |url: OsString| {
        let quota = scaled(url.to_str().unwrap());
        RateLimiter::in_redis_with(quota).unwrap()
    };
    Program::run(limiter).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_programs_are_never_refused_and_use_all_of_the_quota() {
    let _alone = ALONE.lock().await;
    let redis = Redis::start();
    exact::eight_programs_use_all_of(redis.url()).await;
    let steps = redis.say("INFO commandstats");
    let mut steps = steps.lines();
    let steps = steps.find(|line| line.starts_with("cmdstat_evalsha"));
    println!("{steps:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn programs_that_are_killed_at_random_cost_nobody_a_refusal() {
    let _alone = ALONE.lock().await;
    let redis = Redis::start();
    exact::killed_programs_open_nothing_of(redis.url()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_that_starts_again_fifty_times_is_never_refused() {
    let _alone = ALONE.lock().await;
    let redis = Redis::start();
    exact::fifty_starts_open_nothing_of(redis.url()).await;
}

/// Something happens to Redis while eight programs work; then they go on, and for how long
/// nothing was sent in between.
async fn goes_on_after(redis: &mut Redis, what: impl AsyncFnOnce(&mut Redis)) -> Duration {
    let (server, base_url) = Server::start().await;
    let programs = (0..PROGRAMS).map(|_| Program::start(redis.url(), &base_url, usize::MAX));
    let programs: Vec<_> = programs.collect();
    let more = async |than: usize| {
        let begun = Instant::now();
        while server.taken().len() <= than {
            assert!(begun.elapsed() < 20 * WINDOW, "they do not go on");
            sleep(WINDOW / 60).await;
        }
    };
    // In the midst of a window.
    more(2 * LIMIT + LIMIT / 2).await;
    what(redis).await;
    more(server.taken().len() + 3 * LIMIT).await;
    drop(programs);
    assert_eq!(server.refused(), 0);
    let taken = server.taken();
    let pauses = taken.windows(2).map(|pair| pair[1] - pair[0]);
    let longest = pauses.max().unwrap();
    println!("{} requests, {longest:?} without any", taken.len());
    longest
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_is_killed_and_started_again_costs_a_window() {
    let _alone = ALONE.lock().await;
    let mut redis = Redis::start();
    let pause = goes_on_after(&mut redis, async |redis: &mut Redis| {
        redis.kill();
        sleep(WINDOW / 3).await;
        redis.start_again();
    });
    let pause = pause.await;
    assert!(pause < 3 * WINDOW, "{pause:?}");
}

/// The state comes back as it was a while before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_comes_back_with_an_old_state_costs_a_window() {
    let _alone = ALONE.lock().await;
    let mut redis = Redis::start();
    let pause = goes_on_after(&mut redis, async |redis: &mut Redis| {
        assert!(redis.say("SAVE").starts_with("+OK"));
        sleep(WINDOW / 2).await;
        redis.kill();
        redis.start_again();
    });
    let pause = pause.await;
    assert!(pause < 3 * WINDOW, "{pause:?}");
    std::fs::remove_file(redis.folder.join("dump.rdb")).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_is_flushed_costs_a_window() {
    let _alone = ALONE.lock().await;
    let mut redis = Redis::start();
    let pause = goes_on_after(&mut redis, async |redis: &mut Redis| {
        assert!(redis.say("FLUSHALL").starts_with("+OK"));
    });
    let pause = pause.await;
    assert!(pause < 2 * WINDOW, "{pause:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_stands_still_for_a_while_costs_no_refusal() {
    let _alone = ALONE.lock().await;
    let mut redis = Redis::start();
    let pause = goes_on_after(&mut redis, async |redis: &mut Redis| {
        redis.signal("-STOP");
        sleep(2 * WINDOW).await;
        redis.signal("-CONT");
    });
    let pause = pause.await;
    assert!(pause < 4 * WINDOW, "{pause:?}");
}

/// A client whose calls take no longer than this.
fn within(deadline: Duration, base_url: &str, limiter: RateLimiter) -> Client {
    let builder = support::builder(base_url).deadline(deadline);
    builder.rate_limiter(limiter).build().unwrap()
}

fn quick(base_url: &str, limiter: RateLimiter) -> Client {
    within(Duration::from_millis(400), base_url, limiter)
}

/// One that waits as long as a Redis that was just started makes it wait.
fn patient(base_url: &str, limiter: RateLimiter) -> Client {
    within(3 * WINDOW, base_url, limiter)
}

#[tokio::test]
async fn calls_wait_for_a_redis_that_is_away_up_to_their_deadline() {
    let _alone = ALONE.lock().await;
    let (server, base_url) = Server::start().await;
    let mut redis = Redis::start();
    let url = format!("redis://me:{PASSWORD}@127.0.0.1:{}", redis.port);
    redis.kill();
    let limiter = RateLimiter::in_redis_with(scaled(&url)).unwrap();
    let client = quick(&base_url, limiter.clone());
    let calls = join_all((0..3).map(|_| client.get_account().send())).await;
    for error in calls.into_iter().map(Result::unwrap_err) {
        assert_eq!(predicates(&error), ["quota"]);
        assert_eq!(error.outcome(), Outcome::NotSent);
        let text = format!("{error}\n{error:?}\n{limiter:?}");
        assert!(
            text.contains("not sent: cannot ask Redis at 127.0.0.1:"),
            "{text}"
        );
        assert!(
            text.contains("for the quota of \"acme\": cannot connect"),
            "{text}"
        );
        assert!(text.contains("or give calls more time"), "{text}");
        assert!(!text.contains(PASSWORD) && !text.contains("me:"), "{text}");
    }
    assert_eq!(server.taken().len(), 0);
    // One that may wait for longer has its turn once Redis is back, and the window is over.
    let patient = support::builder(&base_url)
        .rate_limiter(limiter)
        .build()
        .unwrap();
    let call = tokio::spawn(async move { patient.get_account().send().await });
    sleep(Duration::from_millis(300)).await;
    let user = format!("--user me on >{PASSWORD} ~huntress:* +@all");
    redis.arguments.extend(user.split(' ').map(str::to_owned));
    redis.start_again();
    timeout(4 * WINDOW, call).await.unwrap().unwrap().unwrap();
    assert_eq!((server.taken().len(), server.refused()), (1, 0));
}

/// The warning is logged where the limiter's own thread is, so by the whole program's subscriber.
#[test]
fn an_outage_is_told_once_and_so_is_its_end() {
    let _alone = ALONE.blocking_lock();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "outage", "--ignored", "--nocapture"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    let count = |what: &str| text.matches(what).count();
    assert_eq!(count("the quota's Redis is away; calls wait"), 1, "{text}");
    assert_eq!(count("the quota's Redis is back"), 1, "{text}");
    assert!(!text.contains(PASSWORD), "{text}");
}

#[tokio::test]
#[ignore = "a program that another test starts"]
async fn outage() {
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE);
    subscriber.init();
    let (_, base_url) = Server::start().await;
    let mut redis = Redis::with(&[("--requirepass", PASSWORD)]);
    let url = format!("redis://:{PASSWORD}@127.0.0.1:{}", redis.port);
    redis.kill();
    let client = quick(&base_url, RateLimiter::in_redis_with(scaled(&url)).unwrap());
    for _ in 0..4 {
        client.get_account().send().await.unwrap_err();
    }
    redis.start_again();
    while client.get_account().send().await.is_err() {}
}

#[tokio::test]
async fn with_a_share_a_program_goes_on_without_redis() {
    const SHARE: usize = 5;
    let _alone = ALONE.lock().await;
    let (server, base_url) = Server::start().await;
    let mut redis = Redis::start();
    let quota = scaled(&redis.url()).share_while_away(SHARE);
    let limiter = RateLimiter::in_redis_with(quota).unwrap();
    let client = client(&base_url, limiter.clone());
    client.get_account().send().await.unwrap();
    redis.kill();
    let away = Instant::now();
    exact::work(client.clone(), exact::TASKS, 2 * SHARE).await;
    let taken = server.taken();
    // A window without any, then five, then five again.
    assert!(taken[1] - taken[0] > WINDOW * 9 / 10, "{taken:?}");
    assert!(taken[1] - away < WINDOW * 3 / 2);
    for pair in taken[1..].windows(SHARE + 1) {
        assert!(pair[SHARE] - pair[0] >= WINDOW);
    }
    redis.start_again();
    let again = Instant::now();
    while limiter.snapshot().used < SHARE {
        assert!(again.elapsed() < 2 * WINDOW, "{limiter:?}");
        let probe = timeout(Duration::from_millis(300), client.get_account().send());
        drop(probe.await);
    }
    assert_eq!(server.refused(), 0);
}

#[tokio::test]
async fn what_redis_refuses_is_an_error_at_once() {
    let _alone = ALONE.lock().await;
    let (server, base_url) = Server::start().await;
    let redis = Redis::with(&[
        ("--requirepass", PASSWORD),
        (
            "--user",
            "weak on >weak ~huntress:* +evalsha +eval +script +get +set +time",
        ),
        (
            "--user",
            "enough on >enough ~huntress:* +eval +evalsha +script|load +time +info +get +set",
        ),
    ]);
    let at = |login: &str| format!("redis://{login}127.0.0.1:{}", redis.port);
    let call = async |url: String| {
        let limiter = RateLimiter::in_redis_with(scaled(&url)).unwrap();
        patient(&base_url, limiter).get_account().send().await
    };
    for (login, said) in [
        ("", "NOAUTH"),
        (":wrong-password@", "assword"),
        ("weak:weak@", "script"),
    ] {
        let error = call(at(login)).await.unwrap_err();
        assert_eq!(predicates(&error), ["quota"], "{error}");
        let text = format!("{error}\n{error:?}");
        assert!(text.contains(said), "{text}");
        assert!(
            text.contains("check the URL, the permissions and the key"),
            "{text}"
        );
        assert!(
            !text.contains("wrong-password") && !text.contains("weak"),
            "{text}"
        );
    }
    assert_eq!(server.taken().len(), 0);
    call(at("enough:enough@")).await.unwrap();
    call(at(&format!(":{PASSWORD}@"))).await.unwrap();
    assert_eq!(server.taken().len(), 2);
}

#[tokio::test]
async fn a_key_of_something_else_is_left_alone() {
    let _alone = ALONE.lock().await;
    let (_, base_url) = Server::start().await;
    let redis = Redis::start();
    for (command, said) in [
        ("SET huntress:quota:acme hello", "holds something else"),
        ("LPUSH huntress:quota:acme 1", "WRONGTYPE"),
    ] {
        redis.say("DEL huntress:quota:acme");
        redis.say(command);
        let limiter = RateLimiter::in_redis_with(scaled(&redis.url())).unwrap();
        let error = quick(&base_url, limiter).get_account().send().await;
        let error = error.unwrap_err();
        assert_eq!(predicates(&error), ["quota"]);
        assert!(error.to_string().contains(said), "{error}");
    }
    assert!(redis.say("TYPE huntress:quota:acme").contains("list"));
}

#[tokio::test]
async fn tls_trusts_whom_it_is_told_to_trust() {
    let _alone = ALONE.lock().await;
    let (server, base_url) = Server::start().await;
    let (ours, other) = (Authority::new("ours"), Authority::new("other"));
    let redis = Redis::with_tls(&ours);
    let quota = |password: &str| {
        let url = format!("rediss://:{password}@127.0.0.1:{}", redis.port);
        scaled(&url)
    };
    let call = async |quota: RedisQuota| {
        let limiter = RateLimiter::in_redis_with(quota).unwrap();
        patient(&base_url, limiter).get_account().send().await
    };
    call(quota(PASSWORD).root_certificate(ours.pem()))
        .await
        .unwrap();
    for (quota, said) in [
        (quota(PASSWORD), "UnknownIssuer"),
        (
            quota(PASSWORD).root_certificate(other.pem()),
            "UnknownIssuer",
        ),
        (
            quota("wrong-password").root_certificate(ours.pem()),
            "assword",
        ),
    ] {
        let error = call(quota).await.unwrap_err();
        assert_eq!(predicates(&error), ["quota"]);
        let text = format!("{error}\n{error:?}");
        assert!(text.contains(said), "{text}");
        assert!(
            !text.contains("wrong-password") && !text.contains(PASSWORD),
            "{text}"
        );
    }
    // Plain text to a server that speaks TLS.
    let plain = scaled(&format!("redis://:{PASSWORD}@127.0.0.1:{}", redis.port));
    call(plain).await.unwrap_err();
    assert_eq!(server.taken().len(), 1);
}

#[test]
fn what_cannot_be_used_is_refused_and_not_shown() {
    for (url, account) in [
        ("localhost:6379", "acme"),
        ("http://:hunter2@localhost", "acme"),
        ("redis://:hunter2@localhost:port", "acme"),
        ("redis://:hunter2@localhost/database", "acme"),
        ("rediss://:hunter2@localhost/#insecure", "acme"),
        ("redis://:hunter2@localhost", ""),
    ] {
        let quota = RedisQuota::new(url, account);
        let shown = format!("{quota:?}");
        let error = RateLimiter::in_redis_with(quota).unwrap_err();
        assert_eq!(predicates(&error), ["configuration"]);
        let text = format!("{error}\n{error:?}\n{shown}");
        assert!(!text.contains("hunter2"), "{text}");
    }
    let quota = RedisQuota::new("redis://localhost", "acme").quota(401, WINDOW);
    let error = RateLimiter::in_redis_with(quota).unwrap_err();
    assert!(error.to_string().contains("400"), "{error}");
}

/// A call that is given up while nobody knows whether it has a slot gives that back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_is_given_up_holds_no_slot() {
    let _alone = ALONE.lock().await;
    let (server, base_url) = Server::start().await;
    let redis = Redis::start();
    let limiter = RateLimiter::in_redis_with(scaled(&redis.url())).unwrap();
    let client = client(&base_url, limiter.clone());
    client.get_account().send().await.unwrap();
    for microseconds in 0..200 {
        let call = client.get_account();
        drop(timeout(Duration::from_micros(microseconds), call.send()).await);
    }
    // What is not given back is held for 14 seconds.
    let begun = Instant::now();
    while limiter.snapshot().in_flight > 0 {
        assert!(begun.elapsed() < 2 * WINDOW, "{limiter:?}");
        sleep(WINDOW / 60).await;
    }
    assert_eq!(server.refused(), 0);
}
