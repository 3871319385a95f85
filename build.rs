//! `spec/openapi.json` to `$OUT_DIR/generated.rs`; the steps are in `codegen/`.
//!
//! A release has neither: `cargo xtask release-tree` puts the generated code in their place.

use std::path::Path;
use std::process::ExitCode;

const DOCUMENT: &str = "spec/openapi.json";

fn main() -> ExitCode {
    println!("cargo::rerun-if-changed={DOCUMENT}");
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            println!("cargo::error={DOCUMENT}: {}", problem.replace('\n', " "));
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let text = std::fs::read_to_string(DOCUMENT).map_err(|error| error.to_string())?;
    let (document, model) = codegen::parse(&text)?;
    let code = codegen::code(&document, &model)?.render()?;
    let folder = std::env::var_os("OUT_DIR").ok_or("cargo did not set OUT_DIR")?;
    let target = Path::new(&folder).join("generated.rs");
    std::fs::write(target, code).map_err(|error| error.to_string())
}
