//! `cargo xtask`: fetch the vendor's document, generate `spec/openapi.json`, judge drift.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use xtask::drift::{report::Format, rules::Level};
use xtask::spec_folder::SpecFolder;
use xtask::{drift, fetch, fetched, generate, readme, release_tree, source::Source, visible};

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
        /// When the vendor served documents that were saved before, as far as is known
        /// [default: today for a URL, unknown for a path].
        #[arg(long, value_name = "YYYY[-MM[-DD]]")]
        captured: Option<fetched::Captured>,
        /// The day on which they are taken over [default: today, UTC].
        #[arg(long, value_name = "YYYY-MM-DD")]
        date: Option<jiff::civil::Date>,
        /// Seconds to wait for each document.
        #[arg(long, value_name = "SECONDS", default_value_t = 60)]
        timeout: u64,
    },
    /// Makes spec/openapi.json out of the contract and the overlays, and the table of drift's
    /// rules in xtask/README.md.
    Generate {
        /// Write nothing; show a diff and fail when the committed file is stale
        /// or something still wants a name or a sentence.
        #[arg(long)]
        check: bool,
    },
    /// Writes what is published: the crates with the generated code in them, as a file.
    ReleaseTree {
        /// A folder that is empty or not there yet.
        #[arg(value_name = "DIR")]
        target: PathBuf,
    },
    /// Says what has changed in the vendor's document and what it means.
    ///
    /// Exit status: 0 for nothing at or above --fail-on, 1 for drift, 2 where the
    /// comparison could not be made.
    Drift {
        /// The vendor's REST API document: an http(s) URL or a path.
        ///
        /// Given alone, the webhooks are not compared.
        #[arg(long, value_name = "URL-or-PATH")]
        from: Option<Source>,
        /// The vendor's webhooks document: an http(s) URL or a path.
        #[arg(long, value_name = "URL-or-PATH")]
        webhooks_from: Option<Source>,
        /// What to compare with: a document, a spec folder or a git revision
        /// [default: the contract in the spec folder].
        #[arg(long, value_name = "PATH-or-REV")]
        base: Option<String>,
        /// How to write the report.
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
        /// The least level that is drift.
        #[arg(long, value_enum, value_name = "LEVEL", default_value = "info")]
        fail_on: Level,
        /// Changes that are known: a YAML list of {id, pointer, reason, expires}.
        #[arg(long, value_name = "FILE")]
        ignore: Option<PathBuf>,
        /// Seconds to wait for each document.
        #[arg(long, value_name = "SECONDS", default_value_t = 60)]
        timeout: u64,
    },
}

fn main() -> ExitCode {
    quiet_about_caught_panics();
    let arguments = Arguments::parse();
    let seconds = std::time::Duration::from_secs;
    let spec = SpecFolder::new(&arguments.spec);
    let outcome = match arguments.verb {
        Verb::Fetch {
            from,
            webhooks_from,
            captured,
            date,
            timeout,
        } => fetch::run(
            &spec,
            &from,
            &webhooks_from,
            captured,
            date.unwrap_or_else(fetched::today),
            seconds(timeout),
        )
        .and_then(|()| readme::run(&spec, false)),
        Verb::Generate { check } => {
            generate::run(&spec, check).and_then(|()| readme::run(&spec, check))
        }
        Verb::ReleaseTree { target } => release_tree::run(Path::new(xtask::WORKSPACE), &target),
        Verb::Drift {
            from,
            webhooks_from,
            base,
            format,
            fail_on,
            ignore,
            timeout,
        } => {
            let (from, webhooks_from) = compared(from, webhooks_from);
            return drift(
                drift::Options {
                    spec: arguments.spec,
                    from,
                    webhooks_from,
                    base,
                    ignore,
                    timeout: seconds(timeout),
                    today: fetched::today(),
                },
                format,
                fail_on,
            );
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", visible::error(&error));
            ExitCode::FAILURE
        }
    }
}

/// The documents to compare: the vendor's own, unless others are given. Given an API document
/// alone, the webhooks are not compared.
fn compared(from: Option<Source>, webhooks_from: Option<Source>) -> (Source, Option<Source>) {
    let vendors = |url: &str| Source::Url(url.to_owned());
    match from {
        Some(from) => (from, webhooks_from),
        None => {
            let webhooks = webhooks_from.unwrap_or_else(|| vendors(fetch::WEBHOOKS_DOCUMENT));
            (vendors(fetch::API_DOCUMENT), Some(webhooks))
        }
    }
}

/// An unreachable vendor must never look like "no drift": that has a status of its own.
const NOT_COMPARED: u8 = 2;

fn drift(options: drift::Options, format: Format, fail_on: Level) -> ExitCode {
    match drift::run(&options) {
        Ok(report) => {
            anstream::print!("{}", report.write(format));
            let drift = fail_on != Level::None && report.worst() >= fail_on;
            ExitCode::from(u8::from(drift))
        }
        Err(error) => {
            anstream::eprintln!("error: {}", visible::error(&error));
            ExitCode::from(NOT_COMPARED)
        }
    }
}

/// progenitor panics on what it does not know. The panic is caught and becomes an error, so
/// its own message would only be in the way.
fn quiet_about_caught_panics() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map_or("", |place| place.file());
        if !["progenitor-impl", "typify-impl"]
            .iter()
            .any(|name| place.contains(name))
        {
            usual(panic);
        }
    }));
}
