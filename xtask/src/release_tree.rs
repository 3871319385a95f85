//! The tree that is published: the crates with the generated code in them as a file.
//!
//! A release must not change under its users, and a build script that runs progenitor would
//! change with whatever version their resolver chooses; nor should they wait for it to be
//! built. So what goes to the registry has neither: no build script, no generator in any
//! table. It keeps the tests, which can be run against the very code that users get.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use toml_edit::{DocumentMut, Item, Table};

/// What is taken over as it is. `Cargo.toml` and `GENERATED` are made.
const TAKEN: [&str; 10] = [
    "CHANGELOG.md",
    "Cargo.lock",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "docs",
    "spec/openapi.json",
    "spec/swagger_doc.json",
    "src",
    "tests",
];

/// The members that are published beside the root, as they are.
const MEMBERS: [&str; 2] = ["huntctl", "simulator"];

/// Includes what the build script made, in the repository; has it, in a release.
const GENERATED: &str = "src/generated.rs";

/// Writes the tree to `target`, a folder that is not there yet or empty.
pub fn run(workspace: &Path, target: &Path) -> Result<()> {
    ensure!(
        is_free(target)?,
        "{} is not empty; the tree goes into a new folder",
        target.display()
    );
    for name in TAKEN.into_iter().chain(MEMBERS) {
        copy(workspace, target, Path::new(name))?;
    }
    write(target, GENERATED, &generated(workspace)?)?;
    let manifest = read(workspace, "Cargo.toml")?;
    let members = MEMBERS.map(|member| read(workspace, &format!("{member}/Cargo.toml")));
    let members = members.into_iter().collect::<Result<Vec<_>>>()?;
    write(target, "Cargo.toml", &published(&manifest, &members)?)?;
    lock(target)
}

fn generated(workspace: &Path) -> Result<String> {
    let document = read(workspace, "spec/openapi.json")?;
    let code = || {
        let (document, model) = codegen::parse(&document)?;
        codegen::code(&document, &model)?.render()
    };
    code().map_err(|why| anyhow::anyhow!("spec/openapi.json: {why}"))
}

/// The manifest of the workspace without all that only its development needs.
fn published(manifest: &str, members: &[String]) -> Result<String> {
    let mut manifest: DocumentMut = manifest.parse().context("Cargo.toml is no TOML")?;
    for table in ["build-dependencies", "bench", "profile"] {
        ensure!(
            manifest.remove(table).is_some(),
            "Cargo.toml has no [{table}] to leave out"
        );
    }
    let package = table(&mut manifest, "package")?;
    ensure!(
        package.remove("publish").is_some(),
        "Cargo.toml may be published as it is; it must say `publish = false`"
    );
    package.remove("autoexamples");
    let workspace = table(&mut manifest, "workspace")?;
    workspace.remove("default-members");
    workspace.remove("exclude");
    workspace["members"] = toml_edit::value(toml_edit::Array::from_iter(MEMBERS));

    let mut inherited = inherited_by(&manifest);
    for member in members {
        let member = member.parse().context("a member's Cargo.toml is no TOML")?;
        inherited.extend(inherited_by(&member));
    }
    table(&mut manifest, "workspace")?["dependencies"]
        .as_table_mut()
        .context("Cargo.toml has no [workspace.dependencies]")?
        .retain(|name, _| inherited.contains(name));
    Ok(manifest.to_string())
}

fn table<'a>(manifest: &'a mut DocumentMut, name: &str) -> Result<&'a mut Table> {
    let table = manifest.get_mut(name).and_then(Item::as_table_mut);
    table.with_context(|| format!("Cargo.toml has no [{name}]"))
}

/// The dependencies that a manifest takes from its workspace.
fn inherited_by(manifest: &DocumentMut) -> BTreeSet<String> {
    ["dependencies", "dev-dependencies", "build-dependencies"]
        .iter()
        .filter_map(|table| manifest.get(table)?.as_table_like())
        .flat_map(|table| table.iter())
        .filter(|(_, item)| item.get("workspace").is_some())
        .map(|(name, _)| name.to_owned())
        .collect()
}

/// Leaves out of `Cargo.lock` what only the generator needs. No other version is chosen.
fn lock(target: &Path) -> Result<()> {
    let manifest = target.join("Cargo.toml");
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["update", "--workspace", "--offline", "--manifest-path"])
        .arg(&manifest)
        .output()
        .context("cargo could not be started")?;
    ensure!(
        output.status.success(),
        "cargo does not take {}: {}",
        manifest.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

fn is_free(folder: &Path) -> Result<bool> {
    match folder.read_dir() {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error).with_context(|| folder.display().to_string()),
    }
}

/// A file or a folder, under the same name.
fn copy(workspace: &Path, target: &Path, name: &Path) -> Result<()> {
    let from = workspace.join(name);
    if !from.is_dir() {
        return write(
            target,
            name,
            &std::fs::read(&from).with_context(|| from.display().to_string())?,
        );
    }
    for entry in from
        .read_dir()
        .with_context(|| from.display().to_string())?
    {
        copy(workspace, target, &name.join(entry?.file_name()))?;
    }
    Ok(())
}

fn read(workspace: &Path, name: &str) -> Result<String> {
    let path = workspace.join(name);
    std::fs::read_to_string(&path).with_context(|| path.display().to_string())
}

fn write(target: &Path, name: impl AsRef<Path>, content: impl AsRef<[u8]>) -> Result<()> {
    let path = target.join(name);
    let folder = path.parent().unwrap_or(target);
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    std::fs::write(&path, content).with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = r#"
[workspace]
members = ["codegen", "simulator"]
default-members = ["."]
exclude = ["fuzz"]

[workspace.dependencies]
openapiv3 = "2.2" # of the generator
serde = "1"
tokio = "1"

[package]
name = "huntress"
publish = false

[dependencies]
serde.workspace = true

[build-dependencies]
codegen = { path = "codegen" }

[[bench]]
name = "suite"

[profile.test.package]
codegen = { opt-level = 1 }
"#;

    #[test]
    fn what_only_development_needs_is_left_out() {
        let simulator =
            "[dependencies]\ntokio = { workspace = true, features = [\"net\"] }".to_owned();
        assert_eq!(
            published(MANIFEST, &[simulator]).unwrap(),
            r#"
[workspace]
members = ["huntctl", "simulator"]

[workspace.dependencies]
serde = "1"
tokio = "1"

[package]
name = "huntress"

[dependencies]
serde.workspace = true
"#
        );
    }

    #[test]
    fn a_manifest_that_could_be_published_as_it_is_is_an_error() {
        let open = MANIFEST.replace("publish = false\n", "");
        let error = published(&open, &[]).unwrap_err().to_string();
        assert!(error.contains("publish = false"), "{error}");
    }

    #[test]
    fn a_folder_with_something_in_it_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("mine"), "").unwrap();
        let error = run(Path::new("."), folder.path()).unwrap_err().to_string();
        assert!(
            error.ends_with("is not empty; the tree goes into a new folder"),
            "{error}"
        );
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
    }
}
