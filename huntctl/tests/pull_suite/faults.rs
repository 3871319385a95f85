//! What goes wrong at the API, or in what a user says.

use std::time::Duration;

use huntctl::failure::Exit;
use huntctl::pull::{self, Options};
use huntress::{Client, RateLimiter};
use huntress_simulator::{Fault, FaultKind};

use crate::support::{
    Place, assert_same, at_the_api, client_with, count, in_the_store, on, options, outcome, own,
    pull, silent, small, sound, source, text,
};

#[tokio::test]
async fn what_goes_wrong_with_a_list_is_told_and_the_others_are_read() {
    let status = FaultKind::Status;
    for (name, fault, expected, exit) in [
        ("not allowed", status(403), "refused", None),
        ("not there", status(404), "refused", None),
        ("down", status(503), "failed", Some(Exit::Unavailable)),
        (
            "no JSON",
            FaultKind::InvalidJson,
            "failed",
            Some(Exit::Failed),
        ),
        (
            "half a page",
            FaultKind::TruncatedBody,
            "failed",
            Some(Exit::Unavailable),
        ),
        (
            "no page",
            FaultKind::CloseBefore,
            "failed",
            Some(Exit::Unavailable),
        ),
        (
            "a circle",
            FaultKind::EndlessToken,
            "failed",
            Some(Exit::Failed),
        ),
        ("fields that nobody knows", FaultKind::Drift, "full", None),
    ] {
        for place in Place::each().await {
            let simulator = small().agents(700).start().await.unwrap();
            let (store, source) = (place.store().await, source(&simulator));
            // The second page of the agents, or the only one of the signals.
            simulator.inject(Fault::new(fault.clone()).times(9).on("list_signals"));
            let report = pull(&store, &source, options()).await.unwrap();
            assert_eq!(outcome(&report, "signals"), expected, "{name}");
            assert_eq!(outcome(&report, "agents"), "full", "{name}");
            assert_eq!(outcome(&report, "unwanted_access_rules"), "full", "{name}");
            assert_eq!(report.exit(), exit, "{name}: {}", report.accounts[0]);
            let error = "SELECT error FROM pull_lists WHERE list = 'signals'";
            assert_eq!(
                text(&store, error).await.is_some(),
                expected != "full",
                "{name}"
            );

            simulator.clear_faults();
            let full = Options {
                full: expected == "refused",
                ..options()
            };
            let report = sound(pull(&store, &source, full).await);
            assert_eq!(
                outcome(&report, "signals"),
                if expected == "full" {
                    "changes"
                } else {
                    "full"
                }
            );
            assert_eq!(text(&store, error).await, None, "{name}: it is over");
            let expected = at_the_api(&store, &source.client, own).await;
            assert_same(&in_the_store(&store, 1, &expected).await, &expected);
            place.remove().await;
        }
    }
}

#[tokio::test]
async fn refusals_by_the_quota_are_waited_for_and_counted() {
    for place in Place::each().await {
        let simulator = small()
            .quota(10, Duration::from_secs(1))
            .start()
            .await
            .unwrap();
        let (store, mut source) = (place.store().await, source(&simulator));
        // It keeps the quota, of which somebody else uses a part.
        source.client = Client::builder()
            .base_url(simulator.base_url())
            .credentials(simulator.account_credentials().pair())
            .rate_limiter(RateLimiter::new(10, Duration::from_secs(1)))
            .build()
            .unwrap();
        let other = client_with(
            &simulator.base_url(),
            simulator.read_only_credentials().pair(),
        );
        for _ in 0..8 {
            other.get_actor().send().await.unwrap();
        }
        let report = sound(pull(&store, &source, options()).await);
        let account = &report.accounts[0];
        assert!(simulator.arrivals().refused > 0, "there was a refusal");
        assert!(account.waited > Duration::from_millis(100), "{account:?}");
        let arrived = u64::try_from(simulator.arrivals().total).unwrap();
        // All but the other's, and the one that asked whose the key is before the run.
        assert_eq!(account.requests, arrived - 8 - 1);
        let sql = format!(
            "SELECT count(*) FROM pulls WHERE requests = {} AND waited_seconds > 0.1
             AND outcome = 'complete' AND rows_new > 100 AND errors = '[]'",
            account.requests
        );
        assert_eq!(count(&store, &sql).await, 1);
        place.remove().await;
    }
}

#[tokio::test]
async fn a_key_that_is_refused_fails_its_account_alone() {
    let (good, bad) = (
        small().start().await.unwrap(),
        small().start().await.unwrap(),
    );
    for place in Place::each().await {
        let store = place.store().await;
        let mut sources = vec![source(&good), source(&bad)];
        sources[1].name = "bad".to_owned();
        sources[1].client = client_with(&bad.base_url(), ("hk_wrong", "hs_wrong"));
        let run = pull::run(store.clone(), sources, options(), silent(), on()).await;
        let report = run.unwrap();
        assert_eq!(report.exit(), Some(Exit::Refused));
        assert_eq!(count(&store, "SELECT count(*) FROM agents").await, 30);
        place.remove().await;
    }
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused_before_anything_is_sent() {
    let simulator = small().start().await.unwrap();
    let place = Place::sqlite();
    let store = place.store().await;
    let name = |name: &str| std::iter::once(name.to_owned()).collect();
    let daily = std::collections::BTreeMap::from([("agent".to_owned(), Duration::ZERO)]);
    let every = Some(Duration::from_secs(900));
    for (sources, options, expected) in [
        (2, options(), "two accounts are called `acme`"),
        (
            1,
            Options {
                accept_account: name("acne"),
                ..options()
            },
            "no account is called `acne`",
        ),
        (
            1,
            Options {
                accept_missing: name("agent"),
                ..options()
            },
            "has no table `agent`",
        ),
        (
            1,
            Options {
                full_every_of: daily,
                ..options()
            },
            "has no table `agent`",
        ),
        (
            1,
            Options {
                accept_missing: name("agents"),
                every,
                ..options()
            },
            "goes with no pull",
        ),
    ] {
        let sources = vec![source(&simulator); sources];
        let run = pull::run(store.clone(), sources, options, silent(), on()).await;
        let failure = run.unwrap_err();
        assert_eq!(failure.exit(), Exit::Usage);
        assert!(failure.to_string().contains(expected), "{failure}");
    }
    assert_eq!(simulator.arrivals().total, 0);
}
