//! Follows the log of the SIEM and prints every row once, as a line of JSON.
//!
//! `cargo run --example siem_tail -- checkpoint.json` prints the last hour of a made-up log
//! from the simulator, over real HTTP, and then what is new, every minute. With
//! `HUNTRESS_API_KEY` and `HUNTRESS_API_SECRET` set it is the log of your account. `--once`
//! stops where the log ends at present.
//!
//! Rows go to the standard output; all else goes to the standard error. The file says how far
//! it came, and the next run goes on there. It is written after the rows of a window were
//! flushed, so a run that is killed between the two prints one window again. A program that
//! must not do so keeps `window.checkpoint` in the same transaction as the rows.

use std::error::Error;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use huntress::jiff::Timestamp;
use huntress::siem::{Checkpoint, Window};

const QUERY: &str = "FROM logs | KEEP uuid, @timestamp, host.name, event.action, message";
/// Where the first run begins.
const BACK: Duration = Duration::from_secs(60 * 60);
/// How often it looks for what is new.
const EVERY: Duration = Duration::from_secs(60);
/// It makes at most this many of the account's 60 requests a minute.
const REQUESTS: usize = 20;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let Some((file, once)) = arguments() else {
        return Err("usage: siem_tail [--once] FILE-FOR-THE-CHECKPOINT".into());
    };
    // `Client::from_env()?`, or a simulator where there are no credentials.
    let api = examples::connect().await?;

    let mut query = api.client.siem(QUERY).max_requests_per_minute(REQUESTS);
    query = match load(&file)? {
        Some(checkpoint) => query.from(checkpoint),
        None => query.since(Timestamp::now() - BACK),
    };
    if !once {
        query = query.follow(EVERY);
    }
    let mut windows = query.windows();
    loop {
        match windows.try_next().await {
            Ok(Some(window)) => {
                print(&window)?;
                save(&file, &window.checkpoint)?;
            }
            Ok(None) => return Ok(()),
            // The query itself is wrong, or nobody is there to see the next try.
            Err(error) if once || error.is_invalid_request() => return Err(error.into()),
            Err(error) => eprintln!("tries again: {error}"),
        }
    }
}

fn arguments() -> Option<(PathBuf, bool)> {
    let (mut file, mut once) = (None, false);
    for argument in std::env::args_os().skip(1) {
        if argument == "--once" {
            once = true;
        } else if file.replace(PathBuf::from(argument)).is_some() {
            return None;
        }
    }
    Some((file?, once))
}

fn print(window: &Window<huntress::siem::Row>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for row in &window.rows {
        writeln!(out, "{row}")?;
    }
    for record in &window.odd {
        eprintln!("left out: {record}: {}", record.json());
    }
    out.flush()
}

fn load(file: &Path) -> Result<Option<Checkpoint>, Box<dyn Error>> {
    match std::fs::read(file) {
        Ok(json) => Ok(Some(serde_json::from_slice(&json)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Writes another file first, so that there is a whole one at any moment.
fn save(file: &Path, checkpoint: &Checkpoint) -> Result<(), Box<dyn Error>> {
    let mut name = file.as_os_str().to_owned();
    name.push(".new");
    let mut new = std::fs::File::create(&name)?;
    new.write_all(&serde_json::to_vec(checkpoint)?)?;
    new.sync_all()?;
    Ok(std::fs::rename(&name, file)?)
}
