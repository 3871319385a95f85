//! The program `huntctl`.

use std::process::ExitCode;

fn main() -> ExitCode {
    huntctl::cli::main()
}
