//! Runs: how they end, who is told, what is kept of them.

use std::time::Duration;

use huntctl::failure::Exit;
use huntctl::pull::{self, Options};
use huntress_simulator::{Fault, FaultKind};
use tokio::sync::watch;

use crate::support::{
    Place, count, on, options, pull, recording, silent, small, sound, source, text, until,
};

#[tokio::test]
async fn one_that_stays_up_pulls_again_and_again_and_stops_when_told() {
    for place in Place::each().await {
        let simulator = small().start().await.unwrap();
        let (store, source) = (place.store().await, source(&simulator));
        let (stop, stopped) = watch::channel(false);
        let every = Some(Duration::from_millis(300));
        let options = Options { every, ..options() };
        let pulls = pull::run(store.clone(), vec![source], options, silent(), stopped);
        let watch = async {
            let runs = "SELECT count(*) FROM pulls WHERE outcome = 'complete'";
            until(&store, runs, 2).await;
            // One run fails, and the next follows.
            simulator.inject(
                Fault::new(FaultKind::Status(500))
                    .times(1)
                    .on("list_signals"),
            );
            until(
                &store,
                "SELECT count(*) FROM pulls WHERE outcome = 'failed'",
                1,
            )
            .await;
            let complete = count(&store, runs).await;
            until(&store, runs, complete + 2).await;
            stop.send(true).unwrap();
        };
        let (report, ()) = tokio::join!(pulls, watch);
        report.unwrap();
        let sql = "SELECT count(*) FROM pull_accounts WHERE lease_until IS NOT NULL";
        assert_eq!(count(&store, sql).await, 0, "the account was given back");
        let sql = "SELECT count(*) FROM pulls WHERE ended_at IS NULL";
        assert_eq!(count(&store, sql).await, 0);
        place.remove().await;
    }
}

#[tokio::test]
async fn one_that_is_told_to_stop_keeps_the_page_that_has_come() {
    for place in Place::each().await {
        let simulator = small().agents(2_000).start().await.unwrap();
        simulator.inject(
            Fault::new(FaultKind::Latency {
                least: 150,
                most: 150,
            })
            .rate(1.0)
            .on("list_agents"),
        );
        let (store, source) = (place.store().await, source(&simulator));
        let (stop, stopped) = watch::channel(false);
        let pulls = pull::run(
            store.clone(),
            vec![source.clone()],
            options(),
            silent(),
            stopped,
        );
        let watch = async {
            until(&store, "SELECT count(*) FROM agents", 500).await;
            stop.send(true).unwrap();
        };
        let (report, ()) = tokio::join!(pulls, watch);
        let report = report.unwrap();
        assert!(report.accounts[0].stopped);
        let stored = count(&store, "SELECT count(*) FROM agents").await;
        assert!(stored < 2_000 && stored % 500 == 0, "{stored}");
        assert_eq!(
            text(&store, "SELECT outcome FROM pulls").await.as_deref(),
            Some("stopped")
        );
        simulator.clear_faults();
        sound(pull(&store, &source, options()).await);
        assert_eq!(count(&store, "SELECT count(*) FROM agents").await, 2_000);
        place.remove().await;
    }
}

#[tokio::test]
async fn the_second_of_two_pulls_says_so_and_stops() {
    for place in Place::each().await {
        let simulator = small().start().await.unwrap();
        simulator.inject(
            Fault::new(FaultKind::Latency {
                least: 900,
                most: 900,
            })
            .times(2)
            .on("list_agents"),
        );
        let (store, source) = (place.store().await, source(&simulator));
        let second = async {
            until(&store, "SELECT count(*) FROM pulls", 1).await;
            let other = place.store().await;
            let (observer, told) = recording();
            let run = pull::run(other, vec![source.clone()], options(), observer, on()).await;
            (run, told)
        };
        // The first makes the table that the second looks at.
        huntctl::status::read(&store).await.unwrap();
        let (first, (second, told)) = tokio::join!(pull(&store, &source, options()), second);
        sound(first);
        let failure = second.unwrap_err();
        assert_eq!(failure.exit(), Exit::Busy, "{failure}");
        let told = told.lock().unwrap().join("\n");
        assert!(!told.contains("Began"), "{told}");
        assert_eq!(count(&store, "SELECT count(*) FROM pulls").await, 1);
        sound(pull(&store, &source, options()).await);
        place.remove().await;
    }
}

#[tokio::test]
async fn the_status_says_how_old_everything_is() {
    for place in Place::each().await {
        let simulator = small().start().await.unwrap();
        let (store, source) = (place.store().await, source(&simulator));
        assert_eq!(
            huntctl::status::read(&store).await.unwrap(),
            Default::default()
        );
        simulator.inject(
            Fault::new(FaultKind::Status(500))
                .times(9)
                .on("list_signals"),
        );
        pull(&store, &source, options()).await.unwrap();
        let status = huntctl::status::read(&store).await.unwrap();
        let shown = |row: &huntctl::status::StatusRow, name: &str| {
            let found = row.iter().find(|(column, _)| *column == name);
            format!("{:?}", found.unwrap().1)
        };
        assert_eq!(status.accounts.len(), 1);
        let account = &status.accounts[0];
        assert_eq!(shown(account, "account_id"), "Integer(1)");
        assert_eq!(shown(account, "outcome"), r#"Text("failed")"#);
        assert!(shown(account, "errors").contains("signals"));
        assert!(shown(account, "age_seconds").starts_with("Integer("));
        let list = |name: &str| {
            let name = format!("Text({name:?})");
            status
                .lists
                .iter()
                .find(|row| shown(row, "list") == name)
                .unwrap()
        };
        assert!(shown(list("agents"), "full_age_seconds").starts_with("Integer("));
        assert_eq!(shown(list("agents"), "error"), "Null");
        assert_eq!(shown(list("signals"), "read_at"), "Null");
        assert!(shown(list("signals"), "error").contains("500"));
        place.remove().await;
    }
}

#[tokio::test]
async fn runs_are_kept_for_a_year() {
    for place in Place::each().await {
        let simulator = small().start().await.unwrap();
        let (store, source) = (place.store().await, source(&simulator));
        sound(pull(&store, &source, options()).await);
        let hours = |days: i64| jiff::SignedDuration::from_hours(days * 24);
        for (run, days) in [(-3, 366), (-2, 364)] {
            let sql = "INSERT INTO pulls (account_id, run, source, worker, began_at, outcome)
                VALUES (1, ?1, 'acme', 'old', ?2, 'complete')";
            let began = jiff::Timestamp::now() - hours(days);
            let values = [i64::from(run).into(), began.into()];
            store.database().execute(sql, &values).await.unwrap();
        }
        sound(pull(&store, &source, options()).await);
        assert_eq!(count(&store, "SELECT count(*) FROM pulls").await, 3);
        assert_eq!(count(&store, "SELECT min(run) FROM pulls").await, -2);
        place.remove().await;
    }
}
