//! Nothing is lost, however writers and their commits follow each other.

use std::sync::Arc;
use std::time::Duration;

use huntctl::forward::Kind;
use huntctl::store::Store;
use serde_json::Value;
use tokio::sync::Mutex;

use super::support::{
    Following, Lines, Place, Written, options, put, run, second, sink, sound, write,
};

/// Waits for nobody: a writer's transaction may be open for ever.
#[cfg(feature = "postgres-tests")]
const PATIENCE: Duration = Duration::from_secs(20);

async fn stored(store: &Store) -> Vec<(i64, String)> {
    let sql = "SELECT id, record ->> 'body' FROM incident_reports ORDER BY id";
    let rows = store.database().query(sql, &[]).await.unwrap();
    let row =
        |row: &huntctl::database::Row| (row.integer(0).unwrap(), row.text(1).unwrap().to_owned());
    rows.iter().map(row).collect()
}

/// The last state of each record in a file, once no state is seen to come twice or after a later
/// one.
#[track_caller]
fn arrived(lines: &Lines, place: &str) -> Vec<(i64, String)> {
    let mut last = std::collections::BTreeMap::<i64, i64>::new();
    for line in lines.read() {
        let id = line["id"].as_i64().unwrap();
        let version = version(&line);
        let before = last.insert(id, version);
        assert!(
            before < Some(version),
            "{place}: {id}: {before:?}, then {version}"
        );
    }
    let body = |(id, version)| (id, format!("version {version}"));
    last.into_iter().map(body).collect()
}

fn version(record: &Value) -> i64 {
    let body = record["body"].as_str().unwrap();
    body.trim_start_matches("version ").parse().unwrap()
}

/// Several writers at once, whose transactions take different times, some of which end without
/// effect, and whose clocks differ by hours; and two forwarders of one sink.
async fn at_once(place: &Place, seed: u64) {
    let store = place.store().await;
    let lines = Lines::new();
    let sink = sink("file", lines.settings());
    put(&store, Kind::Incident, &[super::support::incident(1, 0)]).await;
    let follow = || {
        let options = huntctl::forward::Options {
            follow: Some(Duration::from_millis(1)),
            ..options()
        };
        Following::begin(&store, vec![sink.clone()], options)
    };
    let forwarders = [follow(), follow()];
    // The next version of each record.
    let versions = Arc::new(Mutex::new([1_i64; 12]));
    let writer = |number: u64| {
        let (store, versions) = (store.clone(), Arc::clone(&versions));
        tokio::spawn(async move {
            let mut random = fastrand::Rng::with_seed(seed ^ number.wrapping_mul(0x9e37_79b9));
            for _ in 0..40 {
                let mut tx = store.database().begin().await.unwrap();
                let mut records = Vec::new();
                {
                    let mut versions = versions.lock().await;
                    for id in 0..12 {
                        if random.u8(..4) == 0 {
                            let version = versions[id];
                            versions[id] += 1;
                            let id = i64::try_from(id).unwrap();
                            records.push(super::support::incident(id, version));
                        }
                    }
                }
                let skew = second(random.i64(-7_200..7_200));
                write(&store, &mut tx, Kind::Incident, &records, skew).await;
                tokio::time::sleep(Duration::from_micros(random.u64(..4_000))).await;
                if random.u8(..5) > 0 {
                    tx.commit().await.unwrap();
                }
            }
        })
    };
    let writers: Vec<_> = (1..5).map(writer).collect();
    for writer in writers {
        writer.await.unwrap();
    }
    for forwarder in forwarders {
        forwarder
            .end()
            .await
            .into_iter()
            .for_each(|report| drop(sound(report)));
    }
    sound(run(&store, &sink, options()).await);
    assert_eq!(arrived(&lines, "at once"), stored(&store).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_writers_at_once_lose_nothing() {
    for place in Place::each().await {
        for seed in 0..3 {
            let store = place.store().await;
            for table in ["incident_reports", "store_changes"] {
                let sql = format!("DELETE FROM {table}");
                store.database().execute(&sql, &[]).await.unwrap();
            }
            let tables = ["forward_records", "forward_positions", "forward_kinds"];
            for table in tables {
                let sql = format!("DELETE FROM {table}");
                // They are not there the first time.
                let _ = store.database().execute(&sql, &[]).await;
            }
            at_once(&place, seed).await;
        }
        place.remove().await;
    }
}

/// Sinks of different kinds, whose states are numbered by tasks of their own at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kinds_that_are_numbered_at_once_lose_nothing() {
    const KINDS: [Kind; 3] = [Kind::Incident, Kind::Escalation, Kind::Signal];
    // So many records of each: who came between two others would set the last number back.
    const COUNTS: [i64; 3] = [6, 1, 3];
    for place in Place::each().await {
        let store = place.store().await;
        let lines = KINDS.map(|_| Lines::new());
        let told = super::support::Hearing::default();
        let follow = |(kind, lines): (Kind, &Lines)| {
            let mut sink = sink(kind.name(), lines.settings());
            sink.kinds = vec![kind];
            let options = huntctl::forward::Options {
                follow: Some(Duration::from_millis(1)),
                lease: Duration::from_secs(20),
                ..options()
            };
            Following::telling(&store, vec![sink], options, &told)
        };
        let followers: Vec<_> = KINDS.into_iter().zip(&lines).map(follow).collect();
        let write = |(kind, count): (Kind, i64)| {
            let store = store.clone();
            async move {
                for version in 1..=80 {
                    let records = (0..count).map(|id| super::support::incident(id, version));
                    put(&store, kind, &records.collect::<Vec<_>>()).await;
                }
            }
        };
        futures_util::future::join_all(KINDS.into_iter().zip(COUNTS).map(write)).await;
        for ((kind, count), lines) in KINDS.iter().zip(COUNTS).zip(&lines) {
            let all_there = async || {
                let last = arrived(lines, kind.name());
                i64::try_from(last.len()) == Ok(count)
                    && last.iter().all(|(_, body)| body == "version 80")
            };
            super::support::until(kind.name(), all_there).await;
        }
        for follower in followers {
            follower
                .end()
                .await
                .into_iter()
                .for_each(|report| drop(sound(report)));
        }
        // Nobody has found a number that another had given, and tried again.
        let failed = |text: &String| text.starts_with("Failed");
        let failed: Vec<_> = told.said().into_iter().filter(failed).collect();
        assert_eq!(failed, [""; 0]);
        place.remove().await;
    }
}

/// Transactions that are begun, written to, ended and left open in a generated order, and a sink
/// that is told in between.
#[cfg(feature = "postgres-tests")]
#[tokio::test]
async fn the_order_of_commits_is_not_that_of_writes() {
    let schedules = std::env::var("HUNTCTL_SCHEDULES").ok();
    let schedules = schedules.map_or(12, |number| number.parse().unwrap());
    for seed in 0..schedules {
        let place = Place::postgres().await;
        let store = place.store().await;
        let lines = Lines::new();
        let sink = sink("file", lines.settings());
        let mut random = fastrand::Rng::with_seed(seed);
        let mut versions = [0_i64; 9];
        let mut open: Vec<(huntctl::database::Transaction, Vec<i64>)> = Vec::new();
        let mut begun = 0;
        for step in 0..40 {
            match random.u8(..6) {
                0 | 1 if open.len() < 4 => {
                    let free = (0..9).filter(|id| open.iter().all(|(_, ids)| !ids.contains(id)));
                    let ids: Vec<i64> = free.filter(|_| random.bool()).collect();
                    let records: Vec<Value> = ids
                        .iter()
                        .map(|id| {
                            let version = &mut versions[usize::try_from(*id).unwrap()];
                            *version += 1;
                            super::support::incident(*id, *version)
                        })
                        .collect();
                    let mut tx = store.database().begin().await.unwrap();
                    let skew = second(random.i64(-7_200..7_200));
                    write(&store, &mut tx, Kind::Incident, &records, skew).await;
                    open.push((tx, ids));
                    begun += 1;
                }
                2 | 3 if !open.is_empty() => {
                    let (mut tx, _) = open.swap_remove(random.usize(..open.len()));
                    if random.u8(..4) > 0 {
                        tx.commit().await.unwrap();
                    } else {
                        // Else it ends some time after it is dropped.
                        tx.execute("ROLLBACK", &[]).await.unwrap();
                    }
                }
                _ => {
                    let ran = tokio::time::timeout(PATIENCE, run(&store, &sink, options())).await;
                    sound(ran.expect("it waits for no writer"));
                    // What is being written again is told when that has ended.
                    let is_free =
                        |it: &(i64, String)| open.iter().all(|(_, ids)| !ids.contains(&it.0));
                    let mut expected = stored(&store).await;
                    let mut told = arrived(&lines, &format!("seed {seed}, step {step}"));
                    expected.retain(is_free);
                    told.retain(is_free);
                    assert_eq!(told, expected, "seed {seed}, step {step}");
                }
            }
        }
        for (tx, _) in open {
            tx.commit().await.unwrap();
        }
        sound(run(&store, &sink, options()).await);
        assert_eq!(arrived(&lines, "end"), stored(&store).await, "seed {seed}");
        assert!(begun > 3, "seed {seed}: {begun} transactions");
        place.remove().await;
    }
}

/// A store that was there before anybody forwarded, larger than a page of numbers, while it is
/// written to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_there_before_is_told_once_while_writers_go_on() {
    for place in Place::each().await {
        let store = place.store().await;
        let mut written = Written::default();
        let records: Vec<_> = (0..1_250).map(|id| written.incident(id, 1)).collect();
        put(&store, Kind::Incident, &records).await;
        // As if nobody had noted it.
        let sql = "DELETE FROM store_changes";
        store.database().execute(sql, &[]).await.unwrap();
        let lines = Lines::new();
        let sink = sink("file", lines.settings());
        let writer = async {
            for version in 2..12 {
                let ids = [3, 600, 1_249, 1_250 + version];
                let records: Vec<_> = ids.map(|id| written.incident(id, version)).to_vec();
                put(&store, Kind::Incident, &records).await;
                tokio::time::sleep(Duration::from_millis(3)).await;
            }
        };
        let (report, ()) = tokio::join!(run(&store, &sink, options()), writer);
        sound(report);
        sound(run(&store, &sink, options()).await);
        assert_eq!(written.compare("before", &lines.ids()), (0, 0));
        assert_eq!(arrived(&lines, "before"), stored(&store).await);
        place.remove().await;
    }
}
