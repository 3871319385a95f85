//! The simulator in place of the API, for `--simulator`.

pub mod history;

use std::fs;
use std::time::Duration;

use huntress::{Client, RateLimiter};
use huntress_simulator::{Simulator, Webhook};

use crate::config::{Environment, Source};
use crate::failure::{Exit, Failure};

/// What is said to have started one.
pub const NOTE: &str = "simulator: all data is made up, and there is no quota to wait for";

/// How much happens where it is told by webhooks.
const EVENTS_A_MINUTE: f64 = 60.0;

/// What pulls from it call the account.
pub const SOURCE: &str = "simulator";

/// A running simulator; it stops when dropped.
#[derive(Debug)]
pub struct Simulated(Simulator);

impl Simulated {
    /// Starts one on loopback. It has no quota: its data is for looking at, and nobody should
    /// wait for it.
    ///
    /// # Errors
    ///
    /// Where no port of loopback is free.
    pub async fn start() -> Result<Self, Failure> {
        started(Simulator::builder().no_quota().start().await).map(Self)
    }

    /// Starts one in which something happens every second, and is told to this URL. Also returns
    /// the secret that signs it. Each start makes up other data: the ids of deliveries would
    /// be those of the last start.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub async fn telling(url: String) -> Result<(Self, String), Failure> {
        let simulator = Simulator::builder().no_quota().seed(fastrand::u64(..));
        let simulator = simulator.live(EVENTS_A_MINUTE).webhook(Webhook::new(url));
        let simulator = started(simulator.start().await)?;
        let secrets = simulator.webhooks().into_iter();
        let secret = secrets.map(|endpoint| endpoint.secret).collect();
        Ok((Self(simulator), secret))
    }

    /// Its one account, with the key of a reseller.
    ///
    /// # Errors
    ///
    /// Never, unless this program was built wrongly.
    pub fn source(&self) -> Result<Source, Failure> {
        let keys = self.0.credentials();
        let client = Client::builder()
            .credentials((keys.key.clone(), keys.secret.clone()))
            .base_url(self.0.base_url())
            .rate_limiter(RateLimiter::new(10_000, Duration::from_secs(1)))
            .build()?;
        Ok(Source {
            name: SOURCE.to_owned(),
            client,
            reseller: true,
        })
    }

    /// The store of what is pulled from it, kept apart from real data.
    ///
    /// # Errors
    ///
    /// Where the user has no folder that could hold it, or it cannot be made.
    pub fn store_url(environment: &Environment) -> Result<String, Failure> {
        let folder = environment.state_folder().ok_or_else(|| {
            let text = "there is no folder for the simulator's data: set HUNTCTL_STORE";
            Failure::new(Exit::Usage, text)
        })?;
        fs::create_dir_all(&folder).map_err(|problem| {
            let text = format!("the folder {} cannot be made: {problem}", folder.display());
            Failure::new(Exit::Failed, text)
        })?;
        let file = folder.join("simulator.db");
        Ok(format!("sqlite:{}", file.display()))
    }
}

fn started(started: std::io::Result<Simulator>) -> Result<Simulator, Failure> {
    started.map_err(|problem| {
        let text = format!("the simulator cannot start: {problem}");
        Failure::new(Exit::Unavailable, text)
    })
}
