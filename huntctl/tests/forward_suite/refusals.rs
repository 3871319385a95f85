//! What a sink refuses for good, and a sink that refuses everything.

use huntctl::failure::Exit;
use huntctl::forward::{self, Kind, SinkSettings};

use super::support::{Place, Written, options, put, run, sink, sound};
use crate::cases::{CASES, Receiver};
use crate::receivers::Log;
use crate::receivers::http::SECRET;
use crate::receivers::tls::Authority;

/// The sinks that can refuse.
async fn sinks(log: &Log, authority: &Authority) -> Vec<SinkSettings> {
    let mut sinks = Vec::new();
    for case in &CASES {
        if matches!(case.receiver, Receiver::Http(_)) {
            let name = case.name.replace([' ', ','], "-");
            sinks.push(sink(&name, case.start(log, authority).await));
        }
    }
    sinks
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_is_set_aside_told_and_sent_again() {
    for place in Place::each().await {
        let store = place.store().await;
        let mut written = Written::default();
        let records: Vec<_> = (0..20).map(|id| written.incident(id, 1)).collect();
        let ids: Vec<_> = records.iter().map(super::support::event_id).collect();
        put(&store, Kind::Incident, &records).await;
        let authority = Authority::new();
        for case in CASES
            .iter()
            .filter(|case| matches!(case.receiver, Receiver::Http(_)))
        {
            let log = Log::new(None);
            let name = case.name.replace([' ', ','], "-");
            let sink = sink(&name, case.start(&log, &authority).await);
            for at in [3, 7, 11] {
                log.dislike(&ids[at]);
            }
            let report = sound(run(&store, &sink, options()).await);
            assert_eq!((report.sent, report.refused), (17, 3), "{name}");
            let refused = forward::refused(&store, Some(&name)).await.unwrap();
            let mut listed: Vec<_> = refused.iter().map(|it| it.event_id.clone()).collect();
            listed.sort();
            let mut expected = [3, 7, 11].map(|at| ids[at].clone());
            expected.sort();
            assert_eq!(listed, expected, "{name}");
            assert!(
                refused.iter().all(|it| it.answer.contains("400")),
                "{refused:?}"
            );
            assert!(!format!("{refused:?}").contains(SECRET), "{name}");
            // Once is enough.
            assert_eq!(sound(run(&store, &sink, options()).await).sent, 0);
            // Still disliked, but for one.
            log.like(&ids[3]);
            let again = forward::send_again(&store, &sink).await.unwrap();
            assert_eq!(
                (again.sent, again.refused, again.outdated),
                (1, 2, 0),
                "{name}"
            );
            assert_eq!(
                forward::refused(&store, Some(&name)).await.unwrap().len(),
                2
            );
            assert!(log.has(&ids[3]) && !log.has(&ids[7]), "{name}");
        }
        // A later state is told, so the one that was refused is not.
        put(&store, Kind::Incident, &[written.incident(7, 2)]).await;
        let log = Log::new(None);
        for sink in sinks(&log, &authority).await {
            sound(run(&store, &sink, options()).await);
            let again = forward::send_again(&store, &sink).await.unwrap();
            assert_eq!(
                (again.sent, again.refused, again.outdated),
                (1, 0, 1),
                "{}",
                sink.name
            );
        }
        assert!(log.has(&ids[11]) && !log.has(&ids[7]));
        assert_eq!(forward::refused(&store, None).await.unwrap().len(), 0);
        place.remove().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sink_that_refuses_everything_is_not_believed() {
    let place = Place::sqlite();
    let store = place.store().await;
    let mut written = Written::default();
    let records: Vec<_> = (0..25).map(|id| written.incident(id, 1)).collect();
    put(&store, Kind::Incident, &records).await;
    let log = Log::new(None);
    for record in &records {
        log.dislike(&super::support::event_id(record));
    }
    for sink in sinks(&log, &Authority::new()).await {
        let failure = run(&store, &sink, options()).await.failure.unwrap();
        assert_eq!(failure.exit(), Exit::Refused, "{failure}");
        let text = failure.to_string();
        assert!(
            text.contains("refuses whatever it is sent") && text.contains("400"),
            "{text}"
        );
        let refused = forward::refused(&store, Some(&sink.name)).await.unwrap();
        assert_eq!(refused.len(), 0, "{}", sink.name);
        let accepting = forward::Options {
            accept_refused: [sink.name.clone()].into(),
            ..options()
        };
        let report = sound(run(&store, &sink, accepting).await);
        assert_eq!((report.sent, report.refused), (0, 25));
    }
}

/// One by one it is the same: nine are set aside, and the tenth is one too many.
#[tokio::test]
async fn refusals_in_a_row_are_counted_from_run_to_run() {
    let place = Place::sqlite();
    let store = place.store().await;
    let log = Log::new(None);
    let sinks = sinks(&log, &Authority::new()).await;
    let mut written = Written::default();
    for id in 0..12 {
        let record = written.incident(id, 1);
        log.dislike(&super::support::event_id(&record));
        put(&store, Kind::Incident, &[record]).await;
        let report = run(&store, &sinks[0], options()).await;
        assert_eq!(report.failure.is_some(), id >= 9, "{id}: {report:?}");
    }
    let refused = forward::refused(&store, None).await.unwrap();
    assert_eq!(refused.len(), 9);
    // The settings are repaired.
    for id in 0..12 {
        log.like(&super::support::event_id(&super::support::incident(id, 1)));
    }
    assert_eq!(sound(run(&store, &sinks[0], options()).await).sent, 3);
    let again = forward::send_again(&store, &sinks[0]).await.unwrap();
    assert_eq!(again.sent, 9);
}
