//! What the programs beside this file have in common: whom they ask. A program of your own
//! needs none of it; where it says `examples::connect()`, write [`Client::from_env`].

use std::error::Error;

use huntress::Client;
use huntress_simulator::Simulator;

/// Whom a program asks.
pub struct Api {
    /// A client of the API, or of the simulator.
    pub client: Client,
    /// It stops when it is dropped.
    simulator: Option<Simulator>,
}

impl Api {
    /// Whether it is the simulator, where a write does no harm.
    pub fn is_simulator(&self) -> bool {
        self.simulator.is_some()
    }
}

/// The API with the credentials of the environment, or else a simulator of this program's own.
///
/// # Errors
///
/// When the environment has half a pair of credentials or an unusable URL, or when no port is
/// free.
pub async fn connect() -> Result<Api, Box<dyn Error>> {
    let real = ["HUNTRESS_API_KEY", "HUNTRESS_PUBLIC_KEY"]
        .iter()
        .any(|name| std::env::var_os(name).is_some());
    if real {
        let client = Client::from_env()?;
        return Ok(Api {
            client,
            simulator: None,
        });
    }
    let simulator = Simulator::start().await?;
    let url = simulator.base_url();
    eprintln!("No credentials in the environment: a made-up account at {url}");
    let client = Client::builder()
        .base_url(url)
        .credentials(simulator.credentials().pair())
        .build()?;
    Ok(Api {
        client,
        simulator: Some(simulator),
    })
}
