//! What happens inside, on the standard error: warnings, and more with `--verbose`.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::failure::{Exit, Failure};
use crate::progress::AboveBars;

/// The variable that says exactly what is logged, such as `huntress=debug,huntctl=info`.
const VARIABLE: &str = "HUNTCTL_LOG";

/// Begins to log.
///
/// # Errors
///
/// Where the variable `HUNTCTL_LOG` is no filter.
pub fn begin(verbose: u8, quiet: bool, colours: bool) -> Result<(), Failure> {
    let filter = match std::env::var(VARIABLE) {
        Ok(filter) if !filter.is_empty() => filter.parse().map_err(|problem| {
            let text = format!("{VARIABLE} is no filter such as huntress=debug: {problem}");
            Failure::new(Exit::Usage, text)
        })?,
        _ => filter(verbose, quiet),
    };
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(|| AboveBars)
        .with_ansi(colours);
    // Where somebody else has begun before, as in a test, that stays.
    let _ = tracing_subscriber::registry()
        .with(lines)
        .with(filter)
        .try_init();
    Ok(())
}

fn filter(verbose: u8, quiet: bool) -> Targets {
    let ours = match (verbose, quiet) {
        (0, true) => LevelFilter::ERROR,
        (0, false) => LevelFilter::WARN,
        (1, _) => LevelFilter::INFO,
        (2, _) => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let others = ours.min(LevelFilter::WARN);
    Targets::new()
        .with_default(others)
        .with_target("huntress", ours)
        .with_target("huntctl", ours)
}
