//! The Huntress REST API on loopback.
//!
//! There is no sandbox for this API; this is one. It reads the same OpenAPI document as
//! the `huntress` crate, but none of its code: two independent readers of one document.
//!
//! ```
//! # #[tokio::main]
//! # async fn main() -> std::io::Result<()> {
//! let simulator = huntress_simulator::Simulator::start().await?;
//! println!("{} {:?}", simulator.base_url(), simulator.credentials().key);
//! # Ok(())
//! # }
//! ```
//!
//! Every GET of the document answers, those of managed accounts included, from a made-up
//! account that is the same on every start. Writes answer 501. An account has a quota of
//! requests, counted exactly as they arrive; what is over it answers 429.

mod quota;
mod routes;
mod server;
mod values;
mod world;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use quota::Arrivals;
use quota::{Limit, Quota};

/// A running simulator; it stops when dropped.
#[derive(Debug)]
pub struct Simulator {
    address: SocketAddr,
    credentials: Credentials,
    quota: Arc<Quota>,
    server: JoinHandle<()>,
}

/// Configures a [`Simulator`]; see [`Simulator::builder`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it is started"]
pub struct SimulatorBuilder {
    address: SocketAddr,
    limit: Limit,
}

/// What the simulator accepts as HTTP Basic authentication.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The API key, the user name of Basic authentication.
    pub key: String,
    /// The API secret, its password.
    pub secret: String,
}

impl Default for Credentials {
    fn default() -> Self {
        Self {
            key: "hk_simulator".to_owned(),
            secret: "hs_simulator".to_owned(),
        }
    }
}

impl Simulator {
    /// Starts one on a free port of the loopback interface.
    ///
    /// # Errors
    ///
    /// When no port can be bound.
    pub async fn start() -> io::Result<Self> {
        Self::builder().start().await
    }

    /// Starts to configure one.
    pub fn builder() -> SimulatorBuilder {
        SimulatorBuilder {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            limit: Limit::default(),
        }
    }

    /// How many requests have arrived so far.
    pub fn arrivals(&self) -> Arrivals {
        self.quota.arrivals()
    }

    /// The URL to use instead of the API's own, without a slash at its end.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The key and secret it accepts.
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }
}

impl SimulatorBuilder {
    /// The address to listen on; a free port of the loopback interface by default.
    /// Anybody who reaches it can use the simulator.
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// How many requests an account may make in any window; 60 in 60 seconds by default.
    pub fn quota(mut self, requests: usize, window: Duration) -> Self {
        self.limit = Limit { requests, window };
        self
    }

    /// Starts it.
    ///
    /// # Errors
    ///
    /// When the address cannot be bound.
    pub async fn start(self) -> io::Result<Simulator> {
        let listener = TcpListener::bind(self.address).await?;
        let address = listener.local_addr()?;
        let credentials = Credentials::default();
        let quota = Arc::new(Quota::new(self.limit));
        let router = server::router(&credentials, Arc::clone(&quota));
        let server = tokio::spawn(async move {
            // Ends with the listener; there is nobody to tell of an error.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Simulator {
            address,
            credentials,
            quota,
            server,
        })
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.server.abort();
    }
}
