//! Completions for shells, and man pages, of all verbs and operations.

use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;

use clap::{Arg, ArgMatches, Command, value_parser};
use clap_complete::Shell;

use super::Ended;
use crate::failure::{Exit, Failure};
use crate::output::unwritten;

pub(super) fn completions() -> Command {
    Command::new("completions")
        .about("Prints the completions of a shell")
        .long_about(
            "Prints the completions of a shell, all operations with their values included.\n\n\
             bash:  huntctl completions bash > ~/.local/share/bash-completion/completions/huntctl\n\
             zsh:   huntctl completions zsh > \"${fpath[1]}/_huntctl\"\n\
             fish:  huntctl completions fish > ~/.config/fish/completions/huntctl.fish",
        )
        .arg(
            Arg::new("shell")
                .value_name("SHELL")
                .required(true)
                .value_parser(value_parser!(Shell)),
        )
}

pub(super) fn complete(mut command: Command, matches: &ArgMatches) -> Result<Ended, Failure> {
    let shell = matches.get_one::<Shell>("shell").copied();
    let shell = shell.ok_or_else(|| Failure::new(Exit::Usage, "which shell?"))?;
    // Made as a whole first: it knows no other error of its writer than to panic.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "huntctl", &mut script);
    io::stdout().write_all(&script).map_err(unwritten)?;
    Ok(Ended::Done)
}

pub(super) fn man() -> Command {
    Command::new("man")
        .about("Writes the man pages into a folder")
        .long_about(
            "Writes the man pages into a folder, one for each command and operation:\n\n  \
             huntctl man ~/.local/share/man/man1\n  man huntctl-api-list_agents",
        )
        .arg(
            Arg::new("folder")
                .value_name("DIR")
                .required(true)
                .value_parser(value_parser!(PathBuf)),
        )
}

pub(super) fn write(command: Command, matches: &ArgMatches) -> Result<Ended, Failure> {
    let folder = matches.get_one::<PathBuf>("folder");
    let folder = folder.ok_or_else(|| Failure::new(Exit::Usage, "which folder?"))?;
    let at = |problem: io::Error| {
        let text = format!(
            "the man pages cannot be written to {}: {problem}",
            folder.display()
        );
        Failure::new(Exit::Failed, text)
    };
    fs::create_dir_all(folder).map_err(at)?;
    clap_mangen::generate_to(command, folder).map_err(at)?;
    Ok(Ended::Done)
}
