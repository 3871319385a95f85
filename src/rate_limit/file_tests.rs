//! The file of a shared quota: what is in it, what spoils it, and what is said then.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::time::{sleep, timeout};

use super::quota::{End, News};
use super::record::{self, Found, HALF};
use super::*;

const SECOND: Duration = Duration::from_secs(1);
/// Longer than any of these tests takes.
const WINDOW: Duration = Duration::from_secs(60 * 60);

/// A folder of its own, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!(
            "huntress-quota-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let folder = std::env::temp_dir().join(name);
        fs::create_dir(&folder).unwrap();
        Self(folder)
    }

    fn file(&self) -> PathBuf {
        self.0.join("acme.quota")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

fn open(folder: &Folder) -> RateLimiter {
    RateLimiter::in_file_with(folder.file(), 10, WINDOW).unwrap()
}

/// Holds the lock of a file, as a program does that was stopped while it looked.
fn locked(folder: &Folder) -> fs::File {
    let file = fs::OpenOptions::new().write(true).open(folder.file());
    let file = file.unwrap();
    file.lock().unwrap();
    file
}

async fn read(limiter: &RateLimiter) -> Permit {
    let slot = limiter.slot(Lane::Read, Turn::Last, SECOND);
    let slot = timeout(Duration::from_millis(500), slot).await;
    slot.expect("a slot is free").unwrap()
}

async fn accepted(limiter: &RateLimiter, requests: usize) {
    for _ in 0..requests {
        read(limiter).await.accepted(None);
    }
}

#[tokio::test]
async fn limiters_of_one_file_and_those_after_them_share_the_quota() {
    let folder = Folder::new();
    let (first, second) = (open(&folder), open(&folder));
    accepted(&first, 3).await;
    accepted(&second, 2).await;
    let under_way = read(&second).await;
    let snapshot = first.snapshot();
    assert_eq!(
        (snapshot.used, snapshot.in_flight, snapshot.available),
        (6, 1, 4)
    );
    under_way.unsent();
    assert_eq!(first.snapshot().used, 5);
    drop((first, second));
    let later = open(&folder);
    assert_eq!(later.snapshot().available, 5);
    // It goes on where the others stopped, so nobody goes alone.
    let _both = (read(&later).await, read(&later).await);
}

#[tokio::test]
async fn a_refusal_makes_all_limiters_of_a_file_wait() {
    let folder = Folder::new();
    let (first, second) = (open(&folder), open(&folder));
    accepted(&first, 1).await;
    read(&first).await.refused(Some(7 * SECOND));
    let snapshot = second.snapshot();
    assert_eq!(snapshot.available, 0);
    let left = snapshot.next_free_in.unwrap();
    assert!((6 * SECOND..=7 * SECOND).contains(&left), "{left:?}");
}

#[tokio::test]
async fn what_the_server_says_remains_holds_for_all_limiters_of_a_file() {
    let folder = Folder::new();
    let (first, second) = (open(&folder), open(&folder));
    read(&first).await.accepted(Some(6));
    assert_eq!(
        (second.snapshot().others, second.snapshot().available),
        (3, 6)
    );
}

#[tokio::test]
async fn what_ends_while_the_file_is_locked_is_told_later() {
    let folder = Folder::new();
    let (first, second) = (open(&folder), open(&folder));
    accepted(&first, 1).await;
    let permit = read(&first).await;
    let other = locked(&folder);
    permit.accepted(None);
    let waits = timeout(
        Duration::from_millis(20),
        first.slot(Lane::Read, Turn::Last, SECOND),
    );
    assert!(waits.await.is_err(), "the file is locked");
    other.unlock().unwrap();
    while second.snapshot().in_flight > 0 {
        sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(second.snapshot().used, 2);
}

/// The states that a file may be in when something happens to it: just made, with something in
/// it, and when a slot was just taken, in either half.
async fn files(folder: &Folder) -> Vec<Vec<u8>> {
    let now = || fs::read(folder.file()).unwrap();
    let limiter = open(folder);
    let made = now();
    accepted(&limiter, 3).await;
    let used = now();
    let _first = read(&limiter).await;
    let taken = now();
    let _second = read(&limiter).await;
    vec![made, used, taken, now()]
}

/// How a limiter begins with such a file: the slots that it uses, and whether all wait.
fn begins(folder: &Folder, bytes: &[u8]) -> Result<(usize, bool), String> {
    fs::write(folder.file(), bytes).unwrap();
    let limiter = RateLimiter::in_file_with(folder.file(), 10, WINDOW);
    let snapshot = limiter.map_err(|error| error.to_string())?.snapshot();
    Ok((
        snapshot.used,
        snapshot.next_free_in > Some(WINDOW / 2) && snapshot.available == 0,
    ))
}

#[tokio::test]
async fn every_byte_cut_or_flipped_is_read_or_told_and_never_forgotten() {
    let folder = Folder::new();
    for whole in files(&folder).await {
        let used = begins(&folder, &whole).unwrap().0;
        let end = |half: usize| {
            let written = whole[half * HALF..][..HALF]
                .iter()
                .rposition(|byte| *byte != 0);
            written.map_or(half * HALF, |last| half * HALF + last + 1)
        };
        let written = || (0..end(0)).chain(HALF..end(1));
        for at in written() {
            let mut spoiled = whole.clone();
            spoiled[at] ^= 1 << (at % 8);
            let cut = &whole[..at];
            for (what, bytes) in [("flipped", &spoiled[..]), ("cut", cut)] {
                match begins(&folder, bytes) {
                    // Nothing is forgotten, or all wait.
                    Ok((now, waits)) => assert!(now >= used || waits, "{what} at {at}: {now}"),
                    Err(told) => assert!(told.contains("it holds something else"), "{told}"),
                }
            }
        }
    }
}

#[tokio::test]
async fn a_file_of_a_later_release_is_left_alone() {
    let folder = Folder::new();
    let limiter = open(&folder);
    accepted(&limiter, 1).await;
    let mut later = record::written(record::VERSION + 1, 9, b"{}").unwrap();
    later.resize(2 * HALF, 0);
    fs::write(folder.file(), &later).unwrap();
    let at_once = RateLimiter::in_file(folder.file()).unwrap_err();
    let slot = limiter.slot(Lane::Read, Turn::Last, SECOND).await;
    for error in [at_once, slot.err().unwrap()] {
        let text = error.to_string();
        assert!(
            error.is_quota() && text.contains("a later release has written it (format 2)"),
            "{text}"
        );
    }
    assert_eq!(fs::read(folder.file()).unwrap(), later);
}

#[tokio::test]
async fn a_key_that_a_later_release_adds_is_read_over() {
    let folder = Folder::new();
    accepted(&open(&folder), 3).await;
    let bytes = fs::read(folder.file()).unwrap();
    let Found::State(state) = record::read([&bytes[..HALF], &bytes[HALF..]]) else {
        panic!("it cannot be read");
    };
    let number = state.number;
    let mut json = serde_json::to_value(&state.content).unwrap();
    json["quota"]["colour"] = "blue".into();
    let json = serde_json::to_vec(&json).unwrap();
    let next = record::written(record::VERSION, number + 1, &json).unwrap();
    let mut bytes = bytes;
    let half = if number % 2 == 1 { HALF } else { 0 };
    bytes[half..half + next.len()].copy_from_slice(&next);
    assert_eq!(begins(&folder, &bytes), Ok((3, false)));
}

#[tokio::test]
async fn a_file_that_is_removed_costs_a_window() {
    let folder = Folder::new();
    let limiter = open(&folder);
    accepted(&limiter, 1).await;
    fs::remove_file(folder.file()).unwrap();
    assert_eq!(limiter.snapshot().available, 0);
    assert!(limiter.snapshot().next_free_in > Some(WINDOW / 2));
}

#[tokio::test]
async fn an_older_copy_that_is_put_in_its_place_costs_a_window() {
    let folder = Folder::new();
    let limiter = open(&folder);
    accepted(&limiter, 1).await;
    let copy = folder.0.join("copy");
    fs::copy(folder.file(), &copy).unwrap();
    accepted(&limiter, 8).await;
    fs::rename(&copy, folder.file()).unwrap();
    assert_eq!(limiter.snapshot().available, 0);
    assert!(limiter.snapshot().next_free_in > Some(WINDOW / 2));
}

#[tokio::test]
async fn something_else_that_is_put_in_its_place_is_left_alone() {
    let folder = Folder::new();
    let limiter = open(&folder);
    accepted(&limiter, 1).await;
    let notes = folder.0.join("notes.txt");
    fs::write(&notes, "buy milk").unwrap();
    fs::rename(&notes, folder.file()).unwrap();
    let slot = limiter.slot(Lane::Read, Turn::Last, SECOND);
    let slot = timeout(SECOND, slot).await.expect("it is told");
    let text = slot.err().unwrap().to_string();
    assert!(text.contains("it holds something else"), "{text}");
    assert_eq!(fs::read(folder.file()).unwrap(), b"buy milk");
    // What was known last.
    assert_eq!(limiter.snapshot().used, 1);
}

#[tokio::test]
async fn a_file_that_begins_with_zeros_is_not_taken_for_an_empty_one() {
    let folder = Folder::new();
    let mut late = vec![0; 2 * HALF];
    late[HALF - 1] = 7;
    for bytes in [vec![0; 2 * HALF + 1], late] {
        fs::write(folder.file(), &bytes).unwrap();
        let error = RateLimiter::in_file(folder.file()).unwrap_err();
        assert!(
            error.to_string().contains("it holds something else"),
            "{error}"
        );
        assert_eq!(fs::read(folder.file()).unwrap(), bytes);
    }
}

#[tokio::test]
async fn programs_with_another_quota_are_told() {
    let folder = Folder::new();
    accepted(&open(&folder), 1).await;
    let error = RateLimiter::in_file(folder.file()).unwrap_err();
    let text = error.to_string();
    assert!(
        error.is_quota() && text.contains("allow 10 requests in 3600s"),
        "{text}"
    );
    assert_eq!(open(&folder).snapshot().used, 1);
}

#[tokio::test]
async fn a_wait_that_is_given_up_is_told_at_once() {
    let folder = Folder::new();
    let (first, second) = (open(&folder), open(&folder));
    accepted(&first, 10).await;
    let waits = timeout(
        Duration::from_millis(10),
        first.slot(Lane::Write, Turn::Last, SECOND),
    );
    assert!(waits.await.is_err(), "all slots are used");
    assert_eq!(second.quota(|quota| quota.programs_waiting()), 0);
}

#[tokio::test]
async fn nothing_is_free_by_and_by_where_nothing_is_used() {
    let folder = Folder::new();
    let limiter = open(&folder);
    read(&limiter).await.unsent();
    let snapshot = limiter.snapshot();
    assert_eq!((snapshot.used, snapshot.next_free_in), (0, None));
}

#[test]
fn a_runtime_may_end_while_the_file_is_locked() {
    let folder = Folder::new();
    let limiter = open(&folder);
    let runtime = || tokio::runtime::Runtime::new().unwrap();
    let first = runtime();
    let permit = first.block_on(read(&limiter));
    let second = first.block_on(async {
        permit.accepted(None);
        read(&limiter).await
    });
    let other = locked(&folder);
    // It is dropped by the runtime, which takes no more tasks then.
    first.spawn(async move {
        let _second = second;
        std::future::pending::<()>().await;
    });
    drop(first);
    other.unlock().unwrap();
    drop(other);
    // Another runtime tells what is new, also after it could not.
    runtime().block_on(async {
        let third = read(&limiter).await;
        let other = locked(&folder);
        third.accepted(None);
        other.unlock().unwrap();
        let later = open(&folder);
        let told = async {
            while later.snapshot().in_flight > 0 {
                sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(10 * SECOND, told).await.expect("it is told");
        assert_eq!(later.snapshot().used, 3);
    });
}

#[tokio::test]
async fn a_limiter_is_shown_without_a_look_at_its_file() {
    let folder = Folder::new();
    let limiter = open(&folder);
    accepted(&limiter, 3).await;
    fs::remove_file(folder.file()).unwrap();
    let shown = format!("{limiter:?}");
    assert!(shown.contains("used: 3"), "{shown}");
    assert!(!folder.file().exists());
}

#[tokio::test]
async fn what_cannot_be_used_is_told_at_once() {
    let folder = Folder::new();
    let missing = folder.0.join("missing/acme.quota");
    let notes = folder.0.join("notes.txt");
    fs::write(&notes, "buy milk").unwrap();
    let table = [
        (missing, "make its folder"),
        (folder.0.clone(), "name a file"),
        (notes.join("acme.quota"), "name a file"),
        (notes.clone(), "it holds something else"),
    ];
    for (path, told) in table {
        let error = RateLimiter::in_file(&path).unwrap_err();
        let text = error.to_string();
        assert!(error.is_quota() && text.contains(told), "{text}");
        assert!(text.contains(&path.display().to_string()), "{text}");
    }
    assert_eq!(fs::read(notes).unwrap(), b"buy milk");
    let error = RateLimiter::in_file_with(folder.file(), 401, SECOND).unwrap_err();
    assert!(error.to_string().contains("at most"), "{error}");
}

#[tokio::test]
async fn a_lock_that_is_not_given_back_is_told() {
    let folder = Folder::new();
    drop(open(&folder));
    let _other = locked(&folder);
    let error = RateLimiter::in_file(folder.file()).unwrap_err();
    assert!(
        error.to_string().contains("may have been stopped"),
        "{error}"
    );
}

#[tokio::test]
async fn the_largest_limit_has_room_with_all_slots_under_way() {
    let folder = Folder::new();
    let limiter = RateLimiter::in_file_with(folder.file(), 400, WINDOW).unwrap();
    accepted(&limiter, 1).await;
    let mut under_way = Vec::new();
    for _ in 1..400 {
        under_way.push(read(&limiter).await);
    }
    assert_eq!(limiter.snapshot().available, 0);
    // Of a state that was lost.
    let mut slot = under_way[0].slot;
    slot.lineage = 0;
    for _ in 0..100 {
        let ended = News::Ended(slot, End::Unanswered);
        limiter.local().store.tell_later(ended);
    }
    assert_eq!(limiter.snapshot().used, 500);
}
