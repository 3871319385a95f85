//! `huntctl api`: any operation of the document, made into a command at run time.
//!
//! The document says what an operation takes; `flags.rs` makes flags of it, `call.rs` a call
//! of the flags, `ask.rs` shows it to whoever has to agree, and `send.rs` sends it and writes
//! what comes back.

mod ask;
mod call;
mod catalog;
mod flags;
mod send;

use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::cli::{Context, Ended, wait_for};
use crate::contract::{Contract, Operation};
use crate::failure::{Exit, Failure};
use crate::output::{Column, Format};

pub use call::Call;

/// The verb, with a command for each operation.
pub fn command(contract: &Contract) -> Command {
    Command::new("api")
        .about("Calls any operation of the API; without one, lists them")
        .help_template(
            "{about-with-newline}\n{usage-heading} {usage}\n\nOptions:\n{options}\n\n{after-help}",
        )
        .after_help(format!(
            "Operations:\n\n{}\n`huntctl api OPERATION --help` tells what one does and takes.",
            catalog::by_group(contract),
        ))
        .arg(
            Arg::new("list")
                .long("list")
                .action(ArgAction::SetTrue)
                .help("List the operations by group"),
        )
        .subcommands(contract.operations().iter().map(flags::command))
        .subcommand_value_name("OPERATION")
        .subcommand_help_heading("Operations")
}

/// The call that arguments make; the first is the name of the operation.
///
/// # Errors
///
/// Where there is no such operation, or the document does not allow the call.
pub fn call_of(contract: &Contract, arguments: &[String]) -> Result<Call, Failure> {
    let operation = arguments.first().and_then(|name| contract.operation(name));
    let operation = operation.ok_or_else(|| Failure::new(Exit::Usage, "no such operation"))?;
    let matches = flags::command(operation).try_get_matches_from(arguments);
    let matches = matches.map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
    call::assemble(operation, &matches)
}

/// Runs what the user has asked for.
///
/// # Errors
///
/// Where the call cannot be made, is not agreed to, or fails.
pub fn run(context: &Context, contract: &Contract, matches: &ArgMatches) -> Result<Ended, Failure> {
    let Some((name, matches)) = matches.subcommand() else {
        return catalog::print(context, contract);
    };
    let operation = contract.operation(name);
    let operation = operation.ok_or_else(|| Failure::new(Exit::Usage, "no such operation"))?;
    let call = call::assemble(operation, matches)?;
    for doubt in &call.doubts {
        context.note(format_args!("warning: {doubt}"));
    }
    let shape = Shape::read(context, contract, operation, matches);
    if flags::is_set(matches, flags::DRY_RUN) {
        ask::show_alone(&call, shape.format == Format::Json)?;
        return Ok(Ended::Done);
    }
    let must_ask = operation.writes && !flags::is_set(matches, flags::YES);
    if must_ask {
        ask::somebody_is_there(&call)?;
    }
    wait_for(async {
        let config = context.config().await?;
        let profile = matches.get_one::<String>(flags::PROFILE);
        let source = config.source(profile.map(String::as_str))?;
        if must_ask {
            ask::agreed(&call, &source.name)?;
        }
        let sending = send::Sending::read(matches);
        send::send(context, &source, operation, call, &sending, shape).await
    })
}

/// How the result is to be written.
struct Shape {
    format: Format,
    /// What the user chose.
    chosen: Option<Vec<Column>>,
    /// What is shown of a list where nobody chose.
    usual: Vec<Column>,
}

impl Shape {
    fn read(
        context: &Context,
        contract: &Contract,
        operation: &Operation,
        matches: &ArgMatches,
    ) -> Self {
        let format = matches.get_one::<Format>(flags::OUTPUT).copied();
        let otherwise = match context.globals.json {
            true => Format::Json,
            false => Format::Table,
        };
        let format = format.unwrap_or(otherwise);
        let fields = contract.fields(operation);
        let chosen = matches.get_many::<String>(flags::COLUMNS);
        let chosen: Option<Vec<Column>> =
            chosen.map(|names| names.map(|name| Column::new(name)).collect());
        for column in chosen.iter().flatten() {
            if !fields.is_empty() && !column.is_known(&fields) {
                let name = column.name();
                let known = fields.iter().map(|(name, _)| &**name);
                let slip = crate::contract::nearest(&name, known);
                let slip = slip.map_or(String::new(), |it| format!("; did you mean {it}?"));
                context.note(format_args!(
                    "warning: the document knows no field {name}{slip}"
                ));
            }
        }
        let usual = match format {
            Format::Csv => crate::output::columns::of_a_file(&fields),
            _ => crate::output::columns::of_a_table(&fields),
        };
        Self {
            format,
            chosen,
            usual,
        }
    }
}
