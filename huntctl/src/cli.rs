//! The command line: its verbs, what all of them have in common, and how they end.

mod dashboard;
mod forward;
mod forwarding;
mod manual;
mod portal;
mod pull;
mod receive;
mod status;
mod training;

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::styling::{AnsiColor, Styles};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgAction, ArgMatches, Args, Command, FromArgMatches as _};

use crate::api;
use crate::config::{self, Config, Environment};
use crate::contract::{Contract, nearest};
use crate::failure::{Exit, Failure};
use crate::log;
use crate::output::{self, Look};
use crate::simulated::{self, Simulated};
use crate::stop::Signal;

const ABOUT: &str =
    "The Huntress REST API from a shell; the account in SQL, in a browser, and in a SIEM";

const EXIT_STATUSES: &str = "\
Exit statuses:
  0    it is done
  1    something went wrong that no other status says
  2    the command line or the configuration cannot be used; nothing was sent
  3    the API said no: no such record, no permission, not now, or not like this
  4    the API, the network, the quota or the database could not be had: later it may work
  5    a write may have taken effect, and nobody knows: look before trying again
  6    what came looks so wrong that nothing was done with it
  7    another huntctl does the same just now
  130, 143    ended by SIGINT or SIGTERM before it was done

Unofficial: not made, reviewed or supported by Huntress.";

/// What every verb takes.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Global options")]
pub struct Globals {
    /// The configuration [default: huntctl.toml here, then in the user's folder of
    /// configurations, then the environment]
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "HUNTCTL_CONFIG",
        hide_env_values = true
    )]
    pub config: Option<PathBuf>,
    /// Use a simulator that is started inside: made-up data, no key, nothing leaves this
    /// machine
    #[arg(long, global = true)]
    pub simulator: bool,
    /// Print JSON, and errors as JSON on the standard error
    #[arg(long, global = true)]
    pub json: bool,
    /// Print results and errors only: no warnings, notes or progress
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Log what happens to the standard error; twice for more. HUNTCTL_LOG sets an exact filter,
    /// such as huntress=debug
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
}

/// What a verb works with.
pub struct Context {
    /// What the user said for all verbs.
    pub globals: Globals,
    /// The variables and folders of the user.
    pub environment: Environment,
    /// What the standard output is.
    pub look: Look,
}

/// How a command ended that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It is done.
    Done,
    /// A signal came before all of it was done.
    Stopped(Signal),
}

impl Context {
    /// The configuration, or the simulator in its place.
    ///
    /// # Errors
    ///
    /// As [`Config::load`], and where the simulator cannot start.
    pub async fn config(&self) -> Result<Config, Failure> {
        if !self.globals.simulator {
            return Config::load(self.globals.config.as_deref(), self.environment.clone());
        }
        let simulated = Simulated::start().await?;
        self.note(simulated::NOTE);
        Ok(Config::without_file(self.environment.clone()).with_simulator(simulated))
    }

    /// Says something to a person that is no part of the result.
    pub fn note(&self, text: impl std::fmt::Display) {
        if !self.globals.quiet {
            eprintln!("{text}");
        }
    }

    /// Whether bars may be drawn: on a terminal that does not show the result.
    pub fn shows_progress(&self) -> bool {
        self.shows_bars() && !self.look.terminal
    }

    /// Whether bars may be drawn that stand below the result.
    pub fn shows_bars(&self) -> bool {
        !self.globals.quiet && io::stderr().is_terminal()
    }
}

/// The program with these arguments.
pub fn main() -> ExitCode {
    // An error of the arguments is JSON, too, although they could not be read.
    let json = std::env::args_os().any(|argument| argument == "--json");
    let ended = Contract::committed().and_then(|contract| {
        match command(&contract).try_get_matches() {
            Ok(matches) => run(&contract, &matches),
            Err(error) if error.kind() == ErrorKind::InvalidSubcommand => {
                Err(no_command(&contract, &error))
            }
            Err(error) if error.use_stderr() && json => {
                let text = error.render().to_string();
                Err(Failure::new(
                    Exit::Usage,
                    text.trim_start_matches("error: ").trim_end(),
                ))
            }
            // Help is none, and goes to the standard output.
            Err(error) => error.exit(),
        }
    });
    match ended {
        Ok(Ended::Done) => ExitCode::SUCCESS,
        Ok(Ended::Stopped(signal)) => signal.status().into(),
        Err(failure) if failure.is_closed_output() => ExitCode::SUCCESS,
        Err(failure) => {
            match json {
                true => eprintln!("{}", failure.to_json()),
                false => eprintln!("error: {failure}"),
            }
            failure.exit().into()
        }
    }
}

/// What a mistyped command was probably meant to be. Clap would name a dozen.
fn no_command(contract: &Contract, error: &clap::Error) -> Failure {
    let typed = match error.get(ContextKind::InvalidSubcommand) {
        Some(ContextValue::String(typed)) => &**typed,
        _ => "",
    };
    let operations = contract.operations().iter().map(|it| &*it.id);
    let slip = nearest(&typed.replace('-', "_"), operations);
    let verb = nearest(
        typed,
        [
            "api",
            "pull",
            "receive",
            "status",
            "forward",
            "dashboard",
            "portal",
            "training",
            "init",
            "completions",
            "man",
        ],
    );
    let advice = match (slip, verb) {
        (Some(operation), _) => format!("did you mean `huntctl api {operation}`?"),
        (None, Some(verb)) => format!("did you mean `huntctl {verb}`?"),
        (None, None) => "`huntctl --help` names all, `huntctl api` all operations".to_owned(),
    };
    let typed = typed.escape_debug();
    Failure::new(
        Exit::Usage,
        format!("there is no command `{typed}`; {advice}"),
    )
}

/// All verbs.
pub fn command(contract: &Contract) -> Command {
    let styles = Styles::styled()
        .header(AnsiColor::Green.on_default().bold())
        .usage(AnsiColor::Green.on_default().bold())
        .literal(AnsiColor::Cyan.on_default().bold())
        .placeholder(AnsiColor::Cyan.on_default());
    let command = Command::new("huntctl")
        .about(ABOUT)
        .version(env!("CARGO_PKG_VERSION"))
        .after_help(EXIT_STATUSES)
        .styles(styles)
        .max_term_width(100)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(api::command(contract))
        .subcommand(pull::command())
        .subcommand(receive::command())
        .subcommand(status::command())
        .subcommand(forward::command())
        .subcommand(dashboard::command())
        .subcommand(portal::command())
        .subcommand(training::command())
        .subcommand(
            Command::new("init")
                .about("Writes a commented huntctl.toml")
                .long_about("Writes a commented huntctl.toml here, or the file of --config. One that exists is left as it is, which is an error."),
        )
        .subcommand(manual::completions())
        .subcommand(manual::man());
    Globals::augment_args(command)
}

fn run(contract: &Contract, matches: &ArgMatches) -> Result<Ended, Failure> {
    let globals = Globals::from_arg_matches(matches)
        .map_err(|problem| Failure::new(Exit::Usage, problem.to_string()))?;
    let colours = output::wants_colours() && io::stderr().is_terminal();
    log::begin(globals.verbose, globals.quiet, colours)?;
    let context = Context {
        globals,
        environment: Environment::of_the_process(),
        look: Look::of_the_process(),
    };
    match matches.subcommand() {
        Some(("api", matches)) => api::run(&context, contract, matches),
        Some(("pull", matches)) => pull::run(&context, matches),
        Some(("receive", matches)) => receive::run(&context, matches),
        Some(("status", matches)) => status::run(&context, matches),
        Some(("forward", matches)) => forward::run(&context, matches),
        Some(("dashboard", matches)) => dashboard::run(&context, matches),
        Some(("portal", matches)) => portal::run(&context, matches),
        Some(("training", matches)) => training::run(&context, matches),
        Some(("init", _)) => {
            let path = config::init(context.globals.config.as_deref())?;
            context.note(format_args!("{} is written: fill it in", path.display()));
            Ok(Ended::Done)
        }
        Some(("completions", matches)) => manual::complete(command(contract), matches),
        Some(("man", matches)) => manual::write(command(contract), matches),
        _ => Err(Failure::new(Exit::Usage, "no such command; see --help")),
    }
}

/// Runs what waits for the network, in a runtime of its own.
///
/// # Errors
///
/// As what it runs, and where no runtime can be made.
pub fn wait_for<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|problem| {
        Failure::new(Exit::Failed, format!("the runtime cannot start: {problem}"))
    })?;
    runtime.block_on(work)
}
