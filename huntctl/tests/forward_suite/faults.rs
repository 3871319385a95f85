//! Each transport against each fault of a receiver, through the whole outbox.

use std::time::Duration;

use huntctl::forward::Kind;
use huntctl::store::Store;

use super::support::{Following, Hearing, Place, Written, options, put, sink, sound};
use crate::cases::{CASES, Case, Receiver};
use crate::receivers::http::{Api, SECRET};
use crate::receivers::tls::Authority;
use crate::receivers::{Fault, Log};

/// What a fault costs: last states that never arrived, and events that came twice.
struct Cost {
    lost: usize,
    repeated: usize,
    /// Attempts that failed.
    failed: usize,
}

/// Ten incidents change while the receiver goes wrong, and after it is healed.
async fn cost(case: &Case, fault: Fault) -> Cost {
    let place = format!("{} × {fault:?}", case.name);
    let database = Place::sqlite();
    let store = database.store().await;
    let authority = Authority::new();
    let log = Log::new(Some(fault));
    let sink = sink("siem", case.start(&log, &authority).await);
    let mut written = Written::default();
    let told = Hearing::default();
    let options = huntctl::forward::Options {
        follow: Some(Duration::from_millis(5)),
        // Nobody else is there to take it.
        lease: Duration::from_secs(20),
        ..options()
    };
    let following = Following::telling(&store, vec![sink.clone()], options, &told);
    let failed = || {
        let said = told.said();
        said.iter()
            .filter(|text| text.starts_with("Failed"))
            .count()
    };
    for round in 1..=3 {
        let ids = (0..10).filter(|id| round == 1 || (id + round) % 2 == 0);
        let records: Vec<_> = ids.map(|id| written.incident(id, round)).collect();
        put(&store, Kind::Incident, &records).await;
        let before = failed();
        // Until it is noticed, or it is clear that it will not be.
        for _ in 0..100 {
            if round == 3 || failed() > before + 1 || written.count(&log.taken()).lost == 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    log.set_fault(None);
    log.wait(|taken| written.count(taken).lost == 0).await;
    super::support::until("nothing waits", async || waiting(&store).await == 0).await;
    for report in following.end().await {
        assert_eq!(report.refused, 0, "{place}: {:?}", told.said());
        sound(report);
    }
    let count = written.count(&log.taken());
    let (lost, repeated) = (count.lost, count.repeated);
    assert_eq!(log.complaints(), [""; 0], "{place}");
    if !told.handed_over() {
        assert_eq!(lost, 0, "{place}: lost, though it was acknowledged");
        // Two connections of which neither is answered are read side by side.
        assert_eq!(count.disordered, None, "{place}");
    }
    let said = told.said();
    assert!(said.iter().all(|text| !text.contains(SECRET)), "{said:?}");
    let status = huntctl::forward::status(&store).await.unwrap();
    assert!(!format!("{status:?}").contains(SECRET));
    Cost {
        lost,
        repeated,
        failed: failed(),
    }
}

async fn waiting(store: &Store) -> u64 {
    let status = huntctl::forward::status(store).await.unwrap();
    let kinds = status.iter().flat_map(|sink| &sink.kinds);
    kinds.map(|kind| kind.waiting).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_lose_nothing_that_was_acknowledged() {
    let rows = CASES.iter().map(async |case| {
        let mut row = Vec::new();
        for fault in case.faults() {
            row.push((fault, cost(case, fault).await));
        }
        (case, row)
    });
    println!("| transport | fault | lost | repeated | failed attempts |\n|---|---|---|---|---|");
    for (case, row) in futures_util::future::join_all(rows).await {
        for (fault, cost) in row {
            let Cost {
                lost,
                repeated,
                failed,
            } = cost;
            println!(
                "| {} | {fault:?} | {lost} | {repeated} | {failed} |",
                case.name
            );
            let is_elastic = matches!(case.receiver, Receiver::Http(Api::Elastic));
            let unknown = [Fault::Closing(3), Fault::Restarting, Fault::Slow].contains(&fault);
            // That nobody listens is heard after a datagram, and maybe too late.
            let datagrams = matches!(case.receiver, Receiver::Datagrams(_));
            if fault == Fault::Down && !datagrams {
                assert_eq!(lost, 0, "{} × {fault:?}", case.name);
            }
            if is_elastic || !unknown {
                assert_eq!(repeated, 0, "{} × {fault:?}", case.name);
            }
        }
    }
}

/// Changes of hours, and nobody listens: then every record's last state arrives, in order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_was_down_for_a_night_is_told_everything() {
    let case = CASES.iter().find(|case| case.name == "Elastic").unwrap();
    for database in Place::each().await {
        let store = database.store().await;
        let authority = Authority::new();
        let log = Log::new(Some(Fault::Down));
        let sink = sink("siem", case.start(&log, &authority).await);
        let mut written = Written::default();
        for hour in 1..=60 {
            let ids = (0..2_000).filter(|id| (id * 7 + hour * 13) % 97 == 0);
            let records: Vec<_> = ids.map(|id| written.incident(id, hour)).collect();
            put(&store, Kind::Incident, &records).await;
            if hour % 10 == 0 {
                let options = huntctl::forward::Options {
                    attempts: 1,
                    ..options()
                };
                let report = super::support::run(&store, &sink, options).await;
                assert!(report.failure.is_some());
            }
        }
        assert_eq!(log.taken(), [""; 0]);
        let waiting = huntctl::forward::status(&store).await.unwrap()[0].kinds[0].waiting;
        assert_eq!(usize::try_from(waiting).unwrap(), written.last.len());
        log.set_fault(None);
        sound(super::support::run(&store, &sink, options()).await);
        assert_eq!(written.compare("a night", &log.taken()), (0, 0));
        assert_eq!(log.taken().len(), written.last.len(), "each record once");
        database.remove().await;
    }
}
