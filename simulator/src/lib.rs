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
//! account that is the same on every start. Writes answer 501.

mod routes;
mod server;
mod values;
mod world;

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A running simulator; it stops when dropped.
#[derive(Debug)]
pub struct Simulator {
    address: SocketAddr,
    credentials: Credentials,
    server: JoinHandle<()>,
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
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    /// Starts one at an address of your choice. Anybody who reaches it can use it.
    ///
    /// # Errors
    ///
    /// When the address cannot be bound.
    pub async fn start_at(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let credentials = Credentials::default();
        let router = server::router(&credentials);
        let server = tokio::spawn(async move {
            // Ends with the listener; there is nobody to tell of an error.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self {
            address,
            credentials,
            server,
        })
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

impl Drop for Simulator {
    fn drop(&mut self) {
        self.server.abort();
    }
}
