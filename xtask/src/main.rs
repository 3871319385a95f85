//! `cargo xtask`: fetch the vendor's document, generate `spec/openapi.json`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use xtask::{fetch, generate, source::Source};

/// Maintenance verbs of the huntress workspace.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    /// Folder that holds the contract, the overlays and the generated document.
    #[arg(long, global = true, value_name = "DIR", default_value = xtask::SPEC_DIR)]
    spec: PathBuf,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Downloads the vendor's documents, keeps their contract, then generates.
    Fetch {
        /// The REST API document: an http(s) URL or a path.
        #[arg(long, value_name = "URL-or-PATH", default_value = fetch::API_DOCUMENT)]
        from: Source,
        /// The webhooks document: an http(s) URL or a path.
        #[arg(long, value_name = "URL-or-PATH", default_value = fetch::WEBHOOKS_DOCUMENT)]
        webhooks_from: Source,
        /// Seconds to wait for each document.
        #[arg(long, value_name = "SECONDS", default_value_t = 60)]
        timeout: u64,
    },
    /// Makes spec/openapi.json out of the contract and the overlays.
    Generate {
        /// Write nothing; show a diff and fail when the committed file is stale
        /// or something still wants a name or a sentence.
        #[arg(long)]
        check: bool,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match &arguments.verb {
        Verb::Fetch {
            from,
            webhooks_from,
            timeout,
        } => fetch::run(
            &arguments.spec,
            from,
            webhooks_from,
            std::time::Duration::from_secs(*timeout),
        ),
        Verb::Generate { check } => generate::run(&arguments.spec, *check),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
