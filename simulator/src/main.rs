//! `huntress-simulator`: starts the simulator and says how to reach it.

use std::net::SocketAddr;

use clap::Parser;
use huntress_simulator::Simulator;

/// The Huntress REST API on loopback, with made-up data. Stops on Ctrl-C.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let arguments = Arguments::parse();
    if !arguments.listen.ip().is_loopback() {
        eprintln!("warning: {} can be reached by others", arguments.listen);
    }
    let simulator = Simulator::builder()
        .listen(arguments.listen)
        .start()
        .await?;
    let credentials = simulator.credentials();
    println!("HUNTRESS_BASE_URL={}", simulator.base_url());
    println!("HUNTRESS_API_KEY={}", credentials.key);
    println!("HUNTRESS_API_SECRET={}", credentials.secret);
    tokio::signal::ctrl_c().await
}
