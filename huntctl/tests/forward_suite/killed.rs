//! Forwarders in processes of their own that are killed at random moments, while records change
//! and receivers restart.

use std::time::{Duration, Instant};

use huntctl::forward::Kind;
use huntctl::store::Store;

use super::support::{Hearing, Place, Spec, Written, put, run_telling, sound};
use crate::cases::CASES;
use crate::receivers::tls::Authority;
use crate::receivers::{Fault, Log};

/// `HUNTCTL_KILLS` sets how many; thirty otherwise.
fn kills() -> usize {
    let kills = std::env::var("HUNTCTL_KILLS").ok();
    kills.map_or(30, |number| number.parse().unwrap())
}

/// The settings of a case as text.
async fn transport(name: &str, log: &Log, authority: &Authority) -> String {
    let case = CASES.iter().find(|case| case.name == name).unwrap();
    case.start_text(log, authority).await
}

/// Some records change, and a receiver may go wrong or be healed.
async fn change(
    store: &Store,
    written: &mut Written,
    logs: &[Log],
    round: i64,
    random: &mut fastrand::Rng,
) {
    let version = round * 1_000 + random.i64(0..1_000);
    let ids = (0..40).filter(|_| random.u8(..8) == 0);
    let ids: Vec<i64> = ids
        .filter(|id| written.last.get(id).is_none_or(|last| *last < version))
        .collect();
    let records: Vec<_> = (ids.into_iter())
        .map(|id| written.incident(id, version))
        .collect();
    put(store, Kind::Incident, &records).await;
    let log = &logs[random.usize(..logs.len())];
    match random.u8(..20) {
        0 => log.set_fault(Some(Fault::Restarting)),
        1 => log.set_fault(Some(Fault::Closing(3))),
        _ => log.set_fault(None),
    }
}

async fn killed(place: &Place, seed: u64) {
    let store = place.store().await;
    let authority = Authority::new();
    let names = ["Elastic", "GELF HTTP", "syslog TCP"];
    let logs = names.map(|_| Log::new(None));
    let mut spec = Spec {
        store: place.url.clone(),
        sinks: Vec::new(),
        lease_ms: 100,
    };
    for (name, log) in names.iter().zip(&logs) {
        let transport = transport(name, log, &authority).await;
        spec.sinks.push((name.replace(' ', "-"), transport));
    }
    let mut random = fastrand::Rng::with_seed(seed);
    let mut written = Written::default();
    let mut died_sending = 0;
    let kills = kills();
    for round in 1..=i64::try_from(kills).unwrap() {
        let mut process = spec.start();
        let taken = || -> usize { logs.iter().map(|log| log.taken().len()).sum() };
        let before = taken();
        let mut end = Instant::now() + Duration::from_millis(random.u64(20..400));
        // Every other one lives until it has sent something, however long it takes to start.
        let lives = round % 2 == 0;
        let mut has_sent = false;
        while Instant::now() < end || (lives && !has_sent) {
            if lives && !has_sent && taken() > before {
                has_sent = true;
                end = Instant::now() + Duration::from_millis(random.u64(0..100));
            }
            change(&store, &mut written, &logs, round, &mut random).await;
            tokio::time::sleep(Duration::from_millis(random.u64(..15))).await;
        }
        process.kill().unwrap();
        process.wait().unwrap();
        died_sending += usize::from(taken() > before);
    }
    logs.iter().for_each(|log| log.set_fault(None));
    let told = Hearing::default();
    let options = huntctl::forward::Options {
        attempts: 20,
        ..spec.options()
    };
    let reports = run_telling(&store, spec.settings(), options, &told).await;
    for report in reports.unwrap() {
        sound(report);
    }
    for (name, log) in names.iter().zip(&logs) {
        log.wait(|taken| written.count(taken).lost == 0).await;
        let (lost, repeated) = written.compare(name, &log.taken());
        let events = log.taken().len();
        println!("{kills} kills, {name}: {events} events, {lost} lost, {repeated} repeated");
        assert_eq!(lost, 0, "{name}");
        assert_eq!(log.complaints(), [""; 0], "{name}");
        if *name == "Elastic" {
            assert_eq!(repeated, 0, "{name} drops what it has");
        }
    }
    assert!(
        died_sending > kills / 3,
        "{died_sending} of {kills} had sent something"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_random_moments_with_sqlite() {
    killed(&Place::sqlite(), 5).await;
}

#[cfg(feature = "postgres-tests")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_random_moments_with_postgres() {
    let place = Place::postgres().await;
    killed(&place, 6).await;
    place.remove().await;
}
