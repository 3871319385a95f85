//! Pulls in processes of their own that are killed at random moments, while the account
//! changes.

use std::time::{Duration, Instant};

use crate::support::{
    Place, Records, Spec, assert_same, at_the_api, count, in_the_store, remediations, source,
};
use huntress_simulator::Simulator;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_random_moments_into_sqlite() {
    killed(&Place::sqlite(), kills(), 7).await;
}

#[cfg(feature = "postgres-tests")]
#[tokio::test(flavor = "multi_thread")]
async fn killed_at_random_moments_into_postgres() {
    let place = Place::postgres().await;
    killed(&place, kills(), 8).await;
    place.remove().await;
}

/// `HUNTCTL_KILLS` sets how many; forty otherwise.
fn kills() -> usize {
    let kills = std::env::var("HUNTCTL_KILLS").ok();
    kills.map_or(40, |number| number.parse().unwrap())
}

/// After every so many kills, a pull may end, and the store must be right.
const BETWEEN: usize = 20;

async fn killed(place: &Place, kills: usize, seed: u64) {
    let sizes = Simulator::builder()
        .organizations(3)
        .agents(620)
        .identities(20);
    let sizes = sizes.incident_reports(8).signals(6).others(4).no_quota();
    let simulator = sizes.start().await.unwrap();
    let mut random = fastrand::Rng::with_seed(seed);
    let mut spec = Spec::new(place, &simulator);
    // From the start of the process to its end, of walks over everything and over changes.
    let mut takes = [Duration::from_millis(1_500), Duration::from_millis(500)];
    let mut stored = 0;
    for kill in 1..=kills {
        change(&simulator, &mut random);
        spec.full = random.u8(..3) == 0;
        let take = takes[usize::from(!spec.full)];
        let moment = take.mul_f64(random.f64());
        let mut process = spec.start();
        let began = Instant::now();
        while began.elapsed() < moment && process.try_wait().unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        process.kill().unwrap();
        process.wait().unwrap();
        if kill % BETWEEN == 0 {
            takes = complete(&simulator, place, &mut spec).await;
            stored += 1;
        }
    }
    let store = place.store().await;
    let died = count(&store, "SELECT count(*) FROM pulls WHERE outcome = 'died'").await;
    let ended = count(
        &store,
        "SELECT count(*) FROM pulls WHERE outcome = 'complete'",
    )
    .await;
    println!("{kills} kills: {died} runs died, {ended} ended, of which {stored} were compared");
    let kills = i64::try_from(kills).unwrap();
    assert!(died > kills / 4, "{died} of {kills} kills hit a run");
}

/// A little of what happens in an account.
fn change(simulator: &Simulator, random: &mut fastrand::Rng) {
    let host = format!("HOST-{:08x}", random.u32(..));
    let agent = simulator.put("agents", json!({"hostname": host})).unwrap();
    if random.u8(..4) == 0 {
        simulator
            .remove("agents", agent["id"].as_i64().unwrap())
            .unwrap();
    } else {
        let incident = json!({"agent_id": agent["id"], "severity": "high", "status": "sent"});
        let incident = simulator.put("incident_reports", incident).unwrap();
        let id = incident["id"].as_i64().unwrap();
        if random.bool() {
            simulator
                .change("incident_reports", id, json!({"status": "closed"}))
                .unwrap();
        }
    }
}

/// Lets two pulls end, the first of which reads changes alone, and looks at the store; returns
/// how long they took, the second first.
async fn complete(simulator: &Simulator, place: &Place, spec: &mut Spec) -> [Duration; 2] {
    let store = place.store().await;
    let client = source(simulator).client;
    let mut takes = [Duration::ZERO; 2];
    for full in [false, true] {
        spec.full = full;
        let began = Instant::now();
        spec.complete().await;
        takes[usize::from(!full)] = began.elapsed();
        // An organization's counts change without its `updated_at`.
        let is_own = |table: &str| {
            let is_other = table.starts_with("reseller_") || table == "accounts";
            !is_other && (full || table != "organizations")
        };
        let expected = at_the_api(&store, &client, is_own).await;
        let mut stored = in_the_store(&store, 1, &expected).await;
        if !full {
            // Changes do not show what is gone.
            keep(&mut stored, &expected);
        }
        assert_same(&stored, &expected);
        let sql = "SELECT count(*) FROM remediations";
        let below = count(&store, sql).await;
        let sql = "SELECT count(*) FROM (SELECT DISTINCT account_id, id FROM remediations) AS one";
        assert_eq!(count(&store, sql).await, below, "no remediation twice");
        let shown = remediations(&expected);
        assert_eq!(
            usize::try_from(below).unwrap(),
            shown,
            "no remediation is lost"
        );
    }
    takes
}

fn keep(stored: &mut Records, expected: &Records) {
    for (table, stored) in stored {
        stored.retain(|id, _| expected[table].contains_key(id));
    }
}
