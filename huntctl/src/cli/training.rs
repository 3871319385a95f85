//! The verb `training`: figures of the awareness training, which the API does not have.

use std::fs;
use std::path::PathBuf;

use clap::{Args, Command, FromArgMatches as _};
use jiff::Timestamp;

use super::{Context, Ended, wait_for};
use crate::failure::{Exit, Failure};
use crate::store::Store;
use crate::training;

const ABOUT_IMPORT: &str = "\
Imports figures by month and organization from a CSV file, for the dashboard

The columns are found by their names, in any order, with , or ; between them:
  organization   its id or its exact name
  month          2026-07, or a day of the month
  sent           what was sent in phishing simulations
  compromised    how many of these were fallen for
  clicked, reported   may be left out
Months of an organization that are there already are replaced. Where a line is wrong, all wrong
lines are told and nothing is imported.";

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Training")]
struct Wish {
    /// The file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Whose organizations are meant, where several accounts have one of the same name or id
    #[arg(long, value_name = "ID")]
    account: Option<i64>,
}

/// The verb.
pub(super) fn command() -> Command {
    let import = Command::new("import")
        .about(ABOUT_IMPORT.lines().next().unwrap_or_default().to_owned())
        .long_about(ABOUT_IMPORT);
    Command::new("training")
        .about("Figures of the awareness training, which the API does not have")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(Wish::augment_args(import))
}

/// Does it.
pub(super) fn run(context: &Context, matches: &clap::ArgMatches) -> Result<Ended, Failure> {
    let matches = matches.subcommand_matches("import");
    let wish = matches.map(Wish::from_arg_matches).transpose();
    let wish = wish.map_err(|problem| Failure::new(Exit::Usage, problem.to_string()))?;
    let Some(wish) = wish else {
        let text = "say what to do: `huntctl training import FILE`";
        return Err(Failure::new(Exit::Usage, text));
    };
    let content = fs::read(&wish.file).map_err(|problem| {
        let text = format!("{} cannot be read: {problem}", wish.file.display());
        Failure::new(Exit::Usage, text)
    })?;
    let imported = wait_for(async {
        let store = Store::open(&context.config().await?.store_url()?).await?;
        training::import(&store, &content, wish.account, Timestamp::now()).await
    });
    let imported = imported.map_err(|failure| failure.at(wish.file.display()))?;
    if context.globals.json {
        let (months, organizations) = (imported.months, imported.organizations);
        println!(
            "{}",
            serde_json::json!({"months": months, "organizations": organizations})
        );
    } else {
        context.note(format_args!(
            "imported: {} months of {} organizations",
            imported.months, imported.organizations
        ));
    }
    Ok(Ended::Done)
}
