//! Several workers on one store: leases, and what one that dies or is stopped costs.

use std::time::Duration;

use crate::support::{Place, count, on, options, pull, silent, small, sound, source};
use huntctl::database::Value;
use huntctl::failure::Exit;
use huntctl::pull;
use huntress_simulator::{Fault, FaultKind};

#[tokio::test]
async fn one_that_has_lost_its_account_writes_nothing_any_more() {
    for place in Place::each().await {
        let simulator = small().agents(3_000).start().await.unwrap();
        let slow = FaultKind::Latency {
            least: 100,
            most: 100,
        };
        simulator.inject(Fault::new(slow).rate(1.0).on("list_agents"));
        let (store, source) = (place.store().await, source(&simulator));
        let thief = async {
            huntctl::status::read(&store).await.unwrap();
            while count(&store, "SELECT count(*) FROM agents").await < 500 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            let sql = "UPDATE pull_accounts SET run = run + 1, worker = 'thief', lease_until = ?1";
            let later = jiff::Timestamp::now() + Duration::from_secs(2);
            store
                .database()
                .execute(sql, &[Value::from(later)])
                .await
                .unwrap();
            let stolen = count(&store, "SELECT count(*) FROM agents").await;
            tokio::time::sleep(Duration::from_millis(1_500)).await;
            let later = count(&store, "SELECT count(*) FROM agents").await;
            assert_eq!(later, stolen, "nothing came after it was lost");
            stolen
        };
        let (report, stolen) = tokio::join!(pull(&store, &source, options()), thief);
        assert!(stolen < 3_000);
        // It ends at the next page; when the other's time is over, it takes the account again.
        let report = report.unwrap();
        assert_eq!(report.exit(), Some(Exit::Busy));
        let told = report.accounts[0].to_string();
        assert!(
            told.contains("another worker has taken account 1 over"),
            "{told}"
        );
        assert_eq!(report.accounts.len(), 2);
        assert_eq!(count(&store, "SELECT count(*) FROM agents").await, 3_000);
        place.remove().await;
    }
}

#[tokio::test]
async fn a_lease_that_is_too_short_is_taken_anew_by_a_worker_that_waits() {
    for place in Place::each().await {
        // Pages take longer than the lease.
        let simulator = small().start().await.unwrap();
        let slow = FaultKind::Latency {
            least: 2_500,
            most: 2_500,
        };
        simulator.inject(Fault::new(slow).times(2));
        let (store, source) = (place.store().await, source(&simulator));
        let mut options = options();
        options.lease = Duration::from_millis(900);
        let first = pull(&store, &source, options.clone());
        let second = async {
            huntctl::status::read(&store).await.unwrap();
            while count(&store, "SELECT count(*) FROM pulls").await == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
            let other = huntctl::pull::Options {
                worker: "second".to_owned(),
                ..options.clone()
            };
            pull::run(
                place.store().await,
                vec![source.clone()],
                other,
                silent(),
                on(),
            )
            .await
        };
        let (first, second) = tokio::join!(first, second);
        sound(first);
        assert_eq!(second.unwrap_err().exit(), Exit::Busy);
        place.remove().await;
    }
}

#[cfg(feature = "postgres-tests")]
mod postgres {
    use std::time::Instant;

    use huntctl::store::Store;
    use huntress_simulator::Simulator;

    use super::*;
    use crate::support::{Spec, recording};

    #[tokio::test(flavor = "multi_thread")]
    async fn the_account_of_a_worker_that_was_killed_is_waited_for() {
        let place = Place::postgres().await;
        let simulator = small().start().await.unwrap();
        let slow = FaultKind::Latency {
            least: 5_000,
            most: 5_000,
        };
        simulator.inject(Fault::new(slow).times(1).on("list_agents"));
        let store = place.store().await;
        huntctl::status::read(&store).await.unwrap();
        let mut spec = Spec::new(&place, &simulator);
        spec.lease_ms = 2_000;
        let mut process = spec.start();
        while count(&store, "SELECT count(*) FROM pulls").await == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        process.kill().unwrap();
        process.wait().unwrap();
        simulator.clear_faults();
        let (observer, told) = recording();
        let began = Instant::now();
        let source = source(&simulator);
        sound(pull::run(store.clone(), vec![source], options(), observer, on()).await);
        let took = began.elapsed();
        assert!(took < Duration::from_secs(6), "{took:?}");
        let told = told.lock().unwrap().join("\n");
        assert!(told.starts_with("Waits { account_id: 1"), "{told}");
        let sql = "SELECT count(*) FROM pulls WHERE outcome = 'died'";
        assert_eq!(count(&store, sql).await, 1);
        place.remove().await;
    }

    const LEASE_MS: u64 = 1_500;

    /// A reseller with some accounts, which are known and due, and who answers slowly from now
    /// on; and a worker that stays up.
    async fn reseller(place: &Place) -> (Simulator, Store, Spec) {
        let simulator = small().accounts(32).start().await.unwrap();
        let mut spec = Spec::new(place, &simulator);
        let key = simulator.credentials();
        spec.sources[0][2..].clone_from_slice(&[key.key.clone(), key.secret.clone()]);
        spec.reseller = true;
        spec.full = true;
        spec.lease_ms = LEASE_MS;
        spec.complete().await;
        let store = place.store().await;
        for sql in [
            "UPDATE pull_accounts SET ended_at = NULL, run = 0",
            "DELETE FROM pulls",
        ] {
            store.database().execute(sql, &[]).await.unwrap();
        }
        let slow = FaultKind::Latency {
            least: 50,
            most: 50,
        };
        simulator.inject(Fault::new(slow).rate(1.0));
        spec.every_ms = Some(3_600_000);
        (simulator, store, spec)
    }

    /// Lets so many workers pull each account once, of which one may be killed; returns how
    /// long that took from the first beginning to the last end.
    async fn share(store: &Store, spec: &Spec, workers: usize, kill: bool) -> Duration {
        let began = Instant::now();
        let mut processes: Vec<_> = (0..workers).map(|_| spec.start()).collect();
        let is_left = "SELECT count(*) FROM pull_accounts WHERE ended_at IS NULL";
        let mut kill = kill;
        while count(store, is_left).await > 0 {
            let of_first = format!(
                "SELECT count(*) FROM pull_accounts WHERE worker LIKE '{}-%'",
                processes[0].id()
            );
            let done = "SELECT count(DISTINCT worker) FROM pulls WHERE outcome = 'complete'";
            let all_work = count(store, done).await == i64::try_from(workers).unwrap();
            if kill && all_work && count(store, &of_first).await == 1 {
                kill = false;
                let mut process = processes.remove(0);
                process.kill().unwrap();
                process.wait().unwrap();
            }
            assert!(began.elapsed() < Duration::from_secs(120));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        for mut process in processes {
            process.kill().unwrap();
            process.wait().unwrap();
        }
        let sql = "SELECT CAST(extract(epoch FROM max(ended_at) - min(began_at)) * 1000 AS bigint)
            FROM pulls";
        Duration::from_millis(u64::try_from(count(store, sql).await).unwrap())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn workers_share_the_accounts_and_one_that_dies_costs_its_lease() {
        let mut took = Vec::new();
        for (workers, kill) in [(1, false), (2, false), (3, true)] {
            let place = Place::postgres().await;
            let (simulator, store, spec) = reseller(&place).await;
            let time = share(&store, &spec, workers, kill).await;
            took.push(time);
            let accounts = count(&store, "SELECT count(*) FROM pull_accounts").await;
            let runs = count(
                &store,
                "SELECT count(*) FROM pulls WHERE outcome = 'complete'",
            );
            let runs = runs.await;
            let died = count(&store, "SELECT count(*) FROM pulls WHERE outcome = 'died'").await;
            println!("{workers} workers, killed: {kill}: {accounts} accounts in {time:?}");
            assert!(accounts > 15, "{accounts}");
            assert_eq!(runs, accounts, "each once");
            assert_eq!(died, i64::from(kill));
            let sql = "SELECT count(DISTINCT worker) FROM pulls";
            assert_eq!(count(&store, sql).await, i64::try_from(workers).unwrap());
            for table in ["agents", "organizations", "incident_reports"] {
                let sql = format!("SELECT count(DISTINCT account_id) FROM {table}");
                assert_eq!(count(&store, &sql).await, accounts, "{table}");
            }
            drop(simulator);
            place.remove().await;
        }
        let [one, two, three] = took[..] else {
            unreachable!()
        };
        assert!(two < one.mul_f64(0.7), "two take {two:?}, one {one:?}");
        // As long as two of them, and the lease.
        assert!(
            three < two.mul_f64(1.2) + Duration::from_millis(2 * LEASE_MS),
            "{three:?}"
        );
    }
}
