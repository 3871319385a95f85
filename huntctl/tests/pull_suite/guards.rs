//! What is marked as gone, and what keeps it from being.

use std::time::Duration;

use huntctl::failure::Exit;
use huntctl::pull::{ListOutcome, Options};
use huntress_simulator::{Fault, FaultKind, Simulator};

use crate::support::{
    self, Place, at_the_api, client_with, count, options, outcome, pull, small, sound, source, text,
};

#[tokio::test]
async fn nothing_is_marked_as_gone_where_too_much_is() {
    for (name, keep, known, accepted) in [
        ("all", 0, 30, false),
        ("many", 24, 30, false),
        ("few", 25, 30, true),
        ("the last one", 0, 1, false),
    ] {
        for place in Place::each().await {
            let simulator = small().agents(known).start().await.unwrap();
            let (store, source) = (place.store().await, source(&simulator));
            sound(pull(&store, &source, options()).await);
            let agents = at_the_api(&store, &source.client, |table| table == "agents").await;
            for id in agents["agents"].keys().skip(keep) {
                simulator.remove("agents", *id).unwrap();
            }
            let full = Options {
                full: true,
                ..options()
            };
            let report = pull(&store, &source, full).await.unwrap();
            let sql = "SELECT count(*) FROM agents WHERE gone_at IS NOT NULL";
            let missing = i64::try_from(known - keep).unwrap();
            let expected = (!accepted).then_some(Exit::Guarded);
            assert_eq!(report.exit(), expected, "{name}");
            assert_eq!(
                count(&store, sql).await,
                if accepted { missing } else { 0 },
                "{name}"
            );
            assert_eq!(
                outcome(&report, "organizations"),
                "full",
                "{name}: the others are read"
            );
            if !accepted {
                // It is said again until somebody decides, without asking for a full walk.
                let report = pull(&store, &source, options()).await.unwrap();
                assert_eq!(report.exit(), Some(Exit::Guarded), "{name}");
                let accept = Options {
                    accept_missing: ["agents".to_owned()].into(),
                    ..options()
                };
                sound(pull(&store, &source, accept).await);
                assert_eq!(count(&store, sql).await, missing, "{name}");
                sound(pull(&store, &source, options()).await);
            }
            place.remove().await;
        }
    }
}

#[tokio::test]
async fn a_key_of_another_account_reads_nothing() {
    for place in Place::each().await {
        let simulator = small().start().await.unwrap();
        let (store, mut source) = (place.store().await, source(&simulator));
        sound(pull(&store, &source, options()).await);
        let other = simulator.other_credentials();
        source.client = client_with(&simulator.base_url(), other.pair());
        let before = simulator.arrivals().total;
        let report = pull(&store, &source, options()).await.unwrap();
        assert_eq!(report.exit(), Some(Exit::Guarded));
        assert_eq!(
            simulator.arrivals().total - before,
            1,
            "it asked whose the key is"
        );
        let told = report.accounts[0].to_string();
        assert!(told.contains("--accept-account acme"), "{told}");
        assert_eq!(
            count(&store, "SELECT count(*) FROM agents WHERE account_id = 2").await,
            0
        );

        let accept = Options {
            accept_account: ["acme".to_owned()].into(),
            ..options()
        };
        let report = sound(pull(&store, &source, accept).await);
        assert_eq!(report.accounts[0].account_id, Some(2));
        assert_eq!(
            count(&store, "SELECT count(*) FROM agents WHERE account_id = 2").await,
            30
        );
        // What was known of the other account stays as it was.
        let sql = "SELECT count(*) FROM agents WHERE account_id = 1 AND gone_at IS NULL";
        assert_eq!(count(&store, sql).await, 30);
        let report = sound(pull(&store, &source, options()).await);
        assert_eq!(report.accounts[0].account_id, Some(2));
        place.remove().await;
    }
}

#[tokio::test]
async fn records_that_cannot_be_kept_are_counted_and_nothing_is_gone_then() {
    for place in Place::each().await {
        let simulator = small().start().await.unwrap();
        let (store, source) = (place.store().await, source(&simulator));
        sound(pull(&store, &source, options()).await);
        let agents = at_the_api(&store, &source.client, |table| table == "agents").await;
        simulator
            .remove("agents", *agents["agents"].keys().next().unwrap())
            .unwrap();
        let fault = Fault::new(FaultKind::MalformedItem)
            .times(9)
            .on("list_agents");
        simulator.inject(fault);
        let full = Options {
            full: true,
            ..options()
        };
        let report = sound(pull(&store, &source, full.clone()).await);
        let rows = report.accounts[0].rows();
        assert_eq!((rows.odd_records, rows.gone), (1, 0));
        let noted = "SELECT error FROM pull_lists WHERE list = 'agents'";
        assert!(
            text(&store, noted)
                .await
                .unwrap()
                .contains("1 records have no usable id")
        );
        assert_eq!(
            count(&store, "SELECT odd_records FROM pulls WHERE run = 2").await,
            1
        );
        simulator.clear_faults();
        assert_eq!(
            sound(pull(&store, &source, full).await).accounts[0]
                .rows()
                .gone,
            1
        );

        // Odd values cost their field alone.
        let odd = small().odd_shapes(0.5).start().await.unwrap();
        let mut source = support::source(&odd);
        source.name = "odd".to_owned();
        let place = Place::sqlite();
        let store = place.store().await;
        let report = pull(&store, &source, options()).await.unwrap();
        let lists = &report.accounts[0].lists;
        let failed: Vec<_> = lists
            .iter()
            .filter(|list| matches!(list.outcome, ListOutcome::Failed(_)))
            .collect();
        assert!(failed.is_empty(), "{failed:#?}");
        assert_eq!(count(&store, "SELECT count(*) FROM agents").await, 30);
    }
}

#[tokio::test]
async fn a_list_that_breaks_off_marks_nothing_and_moves_no_cursor() {
    for place in Place::each().await {
        let simulator = small().agents(1_200).start().await.unwrap();
        let (store, source) = (place.store().await, source(&simulator));
        sound(pull(&store, &source, options()).await);
        let kept = "SELECT cursor FROM pull_lists WHERE list = 'agents'";
        let cursor = text(&store, kept).await.unwrap();
        let agents = at_the_api(&store, &source.client, |table| table == "agents").await;
        let first = *agents["agents"].keys().next().unwrap();
        simulator.remove("agents", first).unwrap();
        // Two pages come, then none.
        let breaks = small_fault_after(&simulator, 2);
        let full = Options {
            full: true,
            ..options()
        };
        let report = {
            let pulled = pull(&store, &source, full.clone());
            let (report, ()) = tokio::join!(pulled, breaks);
            report.unwrap()
        };
        assert_eq!(outcome(&report, "agents"), "failed");
        assert_eq!(report.exit(), Some(Exit::Unavailable));
        assert_eq!(
            text(&store, kept).await.unwrap(),
            cursor,
            "the cursor stays"
        );
        let gone = "SELECT count(*) FROM agents WHERE gone_at IS NOT NULL";
        assert_eq!(count(&store, gone).await, 0);
        simulator.clear_faults();
        sound(pull(&store, &source, full).await);
        assert_eq!(count(&store, gone).await, 1);
        place.remove().await;
    }
}

/// Lets the list of agents break off once it has answered so many pages from now on.
async fn small_fault_after(simulator: &Simulator, pages: usize) {
    let answered = || {
        let answered = simulator.answered();
        answered
            .get("GET /v1/agents")
            .and_then(|by| by.get(&200))
            .copied()
            .unwrap_or(0)
    };
    let before = answered();
    while answered() < before + pages {
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
    simulator.inject(
        Fault::new(FaultKind::Status(503))
            .times(100)
            .on("list_agents"),
    );
}
