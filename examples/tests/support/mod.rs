//! The examples as somebody runs them: as programs, without credentials or with those of a
//! simulator.

#![allow(dead_code)] // each test file uses a part of it

use std::process::{Command, Output};

use huntress_simulator::{Credentials, Simulator};

/// An example, which `cargo test` builds beside the tests, without credentials.
pub fn example(name: &str) -> Command {
    let mut folder = std::env::current_exe().unwrap();
    folder.pop();
    if folder.ends_with("deps") {
        folder.pop();
    }
    let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    let program = folder.join("examples").join(file);
    assert!(
        program.exists(),
        "{} is not built; run `cargo test --workspace`",
        program.display()
    );
    let mut command = Command::new(program);
    for pair in [
        "API_KEY",
        "API_SECRET",
        "PUBLIC_KEY",
        "PRIVATE_KEY",
        "BASE_URL",
    ] {
        command.env_remove(format!("HUNTRESS_{pair}"));
    }
    command
}

/// The same with credentials in the environment, as for the API itself.
pub fn with(mut command: Command, simulator: &Simulator, credentials: &Credentials) -> Command {
    command
        .env("HUNTRESS_BASE_URL", simulator.base_url())
        .env("HUNTRESS_API_KEY", &credentials.key)
        .env("HUNTRESS_API_SECRET", &credentials.secret);
    command
}

/// How a program ended, and what it wrote.
pub struct Ran {
    pub success: bool,
    pub out: String,
    pub errors: String,
}

impl Ran {
    /// The standard output of a program that succeeded.
    #[track_caller]
    pub fn succeeded(&self) -> &str {
        assert!(self.success, "{}{}", self.out, self.errors);
        &self.out
    }

    /// What a program that failed wrote to the standard error.
    #[track_caller]
    pub fn failed(&self) -> &str {
        assert!(!self.success, "{}{}", self.out, self.errors);
        &self.errors
    }
}

/// Runs a program to its end, beside a simulator in this process.
pub async fn run(mut command: Command) -> Ran {
    let ran = tokio::task::spawn_blocking(move || command.output());
    let output: Output = ran.await.unwrap().unwrap();
    Ran {
        success: output.status.success(),
        out: String::from_utf8(output.stdout).unwrap(),
        errors: String::from_utf8(output.stderr).unwrap(),
    }
}
