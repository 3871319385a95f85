//! Takes what is due, one record after the other or several at once, and removes what was kept
//! for long enough.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::measures::Of;
use super::{Shared, books, fetch};
use crate::failure::Failure;
use crate::stop::Stop;

/// How often it looks for what nobody has told of, such as what another receiver has left.
const IDLE: Duration = Duration::from_secs(5);
/// The same while another receiver takes something just now.
const BUSY: Duration = Duration::from_millis(50);
/// How often it removes what was kept for long enough, and the pause between two steps.
const PRUNES: [Duration; 2] = [Duration::from_secs(600), Duration::from_millis(100)];

pub(super) async fn run(shared: &Arc<Shared>, mut stop: Stop) {
    let mut jobs = JoinSet::new();
    let mut prune_at = Instant::now();
    loop {
        shared.beat.beat();
        let next = async {
            if Instant::now() >= prune_at {
                prune_at = Instant::now() + prune(shared).await;
            }
            dispatch(shared, &mut jobs, &stop).await
        };
        let mut ending = stop.clone();
        let next = tokio::select! {
            biased;
            _ = ending.wait() => break,
            next = next => next,
        };
        let wait = next.unwrap_or_else(|failure| {
            shared.measures.failed(Of::Database);
            tracing::error!("nothing can be fetched: {failure}");
            IDLE
        });
        tokio::select! {
            biased;
            _ = stop.wait() => break,
            Some(_) = jobs.join_next() => {}
            () = shared.arrived.notified() => {}
            () = sleep(wait.min(prune_at.saturating_duration_since(Instant::now()))) => {}
        }
    }
    while jobs.join_next().await.is_some() {}
}

/// Begins to fetch what is due; returns when to look again.
async fn dispatch(
    shared: &Arc<Shared>,
    jobs: &mut JoinSet<()>,
    stop: &Stop,
) -> Result<Duration, Failure> {
    let (database, options) = (shared.store.database(), &shared.options);
    while jobs.len() < options.at_once {
        match books::next_due(database).await? {
            Some(Duration::ZERO) => {}
            Some(wait) => return Ok(wait.min(IDLE)),
            None => return Ok(IDLE),
        }
        let Some(job) = books::take(database, &options.worker, options.lease).await? else {
            return Ok(BUSY);
        };
        let (shared, stop) = (Arc::clone(shared), stop.clone());
        jobs.spawn(async move { fetch::run(&shared, job, stop).await });
    }
    Ok(IDLE)
}

/// Returns when to prune again.
async fn prune(shared: &Shared) -> Duration {
    let options = &shared.options;
    let database = shared.store.database();
    let [rarely, soon] = PRUNES;
    match books::prune(database, options.keep_ids, options.keep_events).await {
        Ok(true) => soon,
        Ok(false) => rarely,
        Err(failure) => {
            shared.measures.failed(Of::Database);
            tracing::warn!("what is old could not be removed: {failure}");
            rarely
        }
    }
}
