//! The report, in each of its formats. `xtask/README.md` documents them.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use super::change::Change;
use super::ignore::Entry;
use super::markdown;
use super::rules::Level;
use crate::visible::visible;

/// What a comparison has found.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Worst first.
    pub changes: Vec<Change>,
    /// How many there are of each level.
    pub summary: Summary,
    /// What was compared.
    pub compared: Compared,
    /// Names and sentences that the new document wants of a maintainer.
    pub wants: Vec<String>,
    /// The entries that hid a change.
    pub ignored: Vec<Entry>,
    /// Entries to ignore that hid nothing, and what was not compared.
    pub notes: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// What compiles or works today will not.
    pub breaking: usize,
    /// Works, deserves a look.
    pub warning: usize,
    /// New, or looser.
    pub info: usize,
    /// Texts that differ; `null` where those of the base are not known.
    pub prose: Option<usize>,
}

impl Summary {
    /// Counts the changes.
    pub fn of(changes: &[Change], prose: Option<usize>) -> Self {
        let count = |level| {
            changes
                .iter()
                .filter(|change| change.level == level)
                .count()
        };
        Self {
            breaking: count(Level::Breaking),
            warning: count(Level::Warning),
            info: count(Level::Info),
            prose,
        }
    }
}

/// The two contracts.
#[derive(Debug, Serialize)]
pub struct Compared {
    /// Where ours is from.
    pub base: String,
    /// Its digest, as `API_CONTRACT` has it.
    pub base_digest: String,
    /// Where the vendor's is from.
    pub new: String,
    pub new_digest: String,
    /// Whether the webhooks were compared, too.
    pub webhooks: bool,
}

/// How a report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For a person at a terminal.
    Text,
    /// For a program.
    Json,
    /// For a pull request.
    Markdown,
    /// For the annotations of a GitHub workflow.
    Github,
}

/// As much as a pull request takes; GitHub refuses more than 65,536 characters.
const MARKDOWN_LIMIT: usize = 60_000;

impl Report {
    /// The worst level there is.
    pub fn worst(&self) -> Level {
        let levels = self.changes.iter().map(|change| change.level);
        levels.max().unwrap_or(Level::None)
    }

    /// The report as text, with a final newline.
    pub fn write(&self, format: Format) -> String {
        match format {
            Format::Text => self.text(),
            Format::Json => {
                let mut text = serde_json::to_string_pretty(self).expect("a report is JSON");
                text.push('\n');
                text
            }
            Format::Markdown => self.markdown(),
            Format::Github => self.github(),
        }
    }

    /// The changes of each level that has any, worst first.
    fn by_level(&self) -> impl Iterator<Item = (Level, Vec<&Change>)> {
        let levels = [Level::Breaking, Level::Warning, Level::Info].into_iter();
        let of = |level| {
            let changes = self.changes.iter();
            (
                level,
                changes.filter(|change| change.level == level).collect(),
            )
        };
        levels
            .map(of)
            .filter(|(_, changes): &(_, Vec<_>)| !changes.is_empty())
    }

    /// `2 breaking, 1 warning, 3 info, 0 texts`
    pub fn headline(&self) -> String {
        let Summary {
            breaking,
            warning,
            info,
            prose,
        } = self.summary;
        let prose = match prose {
            Some(1) => "1 text".to_owned(),
            Some(count) => format!("{count} texts"),
            None => "unknown texts".to_owned(),
        };
        format!("{breaking} breaking, {warning} warning, {info} info, {prose}")
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for (level, changes) in self.by_level() {
            let style = Style::new().bold().fg_color(Some(color(level).into()));
            let title = level.to_string().to_uppercase();
            let _ = writeln!(text, "{style}{title}{style:#}");
            for change in changes {
                write_text(change, &mut text);
            }
            text.push('\n');
        }
        for (title, lines) in self.lists() {
            let _ = writeln!(text, "{BOLD}{title}{BOLD:#}");
            for line in lines {
                let _ = writeln!(text, "  {}", visible(&line));
            }
            text.push('\n');
        }
        let _ = writeln!(text, "drift: {}", self.headline());
        text
    }

    fn lists(&self) -> Vec<(&'static str, Vec<String>)> {
        let ignored = self.ignored.iter().map(Entry::to_string).collect();
        let lists = [
            ("Wanted of a maintainer", self.wants.clone()),
            ("Ignored", ignored),
            ("Notes", self.notes.clone()),
        ];
        lists
            .into_iter()
            .filter(|(_, lines): &(_, Vec<_>)| !lines.is_empty())
            .collect()
    }

    fn markdown(&self) -> String {
        let mut parts = vec![format!(
            "**Drift of the vendor's document:** {}.\n",
            self.headline()
        )];
        let Compared {
            base_digest,
            new_digest,
            ..
        } = &self.compared;
        let base = markdown::escape(&self.compared.base);
        let new = markdown::code(&self.compared.new);
        parts.push(format!(
            "\nCompared {new} (`{new_digest}`) with {base} (`{base_digest}`).\n"
        ));
        for (level, changes) in self.by_level() {
            parts.push(format!("\n### {}\n\n", title(level)));
            parts.extend(changes.into_iter().map(markdown_of));
        }
        for (title, lines) in self.lists() {
            parts.push(format!("\n### {title}\n\n"));
            parts.extend(
                lines
                    .iter()
                    .map(|line| format!("- {}\n", markdown::escape(line))),
            );
        }
        let mut text = String::new();
        for part in parts {
            if text.len() + part.len() > MARKDOWN_LIMIT {
                text.push_str("\nThe report is longer than a pull request may be; `cargo xtask drift` shows all of it.\n");
                break;
            }
            text.push_str(&part);
        }
        text
    }

    fn github(&self) -> String {
        let mut text = String::new();
        for change in &self.changes {
            let command = match change.level {
                Level::Breaking => "error",
                Level::Warning => "warning",
                _ => "notice",
            };
            let message = format!("{} {}", change.text, change.action);
            let _ = writeln!(
                text,
                "::{command} file=spec/{},title={}::{}",
                property(change.document),
                property(change.rule.id),
                data(&message)
            );
        }
        for note in &self.notes {
            let _ = writeln!(text, "::notice title=drift::{}", data(note));
        }
        let _ = writeln!(text, "drift: {}", self.headline());
        text
    }
}

fn title(level: Level) -> &'static str {
    match level {
        Level::Breaking => "Breaking: what compiles or works today will not",
        Level::Warning => "Warning: works, deserves a look",
        _ => "Info: new, or looser",
    }
}

fn color(level: Level) -> AnsiColor {
    match level {
        Level::Breaking => AnsiColor::Red,
        Level::Warning => AnsiColor::Yellow,
        _ => AnsiColor::Cyan,
    }
}

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

fn write_text(change: &Change, text: &mut String) {
    let Change {
        rule,
        wire,
        sdk,
        document,
        action,
        ..
    } = change;
    let _ = writeln!(text, "  {BOLD}{}{BOLD:#}", visible(&change.text));
    for line in &change.surface {
        let line = visible(line);
        let color = if line.starts_with('-') {
            AnsiColor::Red
        } else {
            AnsiColor::Green
        };
        let style = Style::new().fg_color(Some(color.into()));
        let _ = writeln!(text, "    {style}{line}{style:#}");
    }
    let _ = writeln!(text, "    {action}");
    for repair in &change.repair {
        let _ = writeln!(text, "    To repair: {}", visible(repair));
    }
    let judged = format!(
        "{}  wire {wire}, sdk {sdk}{}",
        rule.id,
        concerned("  ", change)
    );
    let _ = writeln!(text, "    {DIM}{judged}{DIM:#}");
    let pointer = visible(&change.pointer);
    let _ = writeln!(text, "    {DIM}{document}{pointer}{DIM:#}");
}

/// The operations that a change concerns, after `start` where there are any: of many the
/// first.
fn concerned(start: &str, change: &Change) -> String {
    let names = &change.operations;
    match names.len() {
        0 => String::new(),
        1..=4 => format!("{start}{}", names.join(", ")),
        count => format!("{start}{} and {} more", names[..3].join(", "), count - 3),
    }
}

fn markdown_of(change: &Change) -> String {
    let Change {
        rule,
        wire,
        sdk,
        action,
        ..
    } = change;
    let mut part = format!(
        "- **{}** {action}\n  <br>`{}`, wire {wire}, sdk {sdk}{}, {}\n",
        markdown::escape(&change.text),
        rule.id,
        markdown::escape(&concerned(", ", change)),
        markdown::code(&format!("{}{}", change.document, change.pointer)),
    );
    for repair in &change.repair {
        let _ = writeln!(part, "  <br>To repair: {}", markdown::escape(repair));
    }
    if !change.surface.is_empty() {
        part.push_str(&markdown::diff(&change.surface));
    }
    part
}

/// Escapes the message of a workflow command.
fn data(text: &str) -> String {
    visible(text).replace('%', "%25")
}

/// Escapes a property of a workflow command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drift::change::Sdk;
    use crate::drift::rules::rule;

    fn change() -> Change {
        let rule = rule!("tags-changed");
        Change {
            rule,
            level: Level::Info,
            wire: Level::Info,
            sdk: Sdk::Known(Level::None),
            document: "swagger_doc.json",
            method: None,
            path: None,
            operation: None,
            operations: Vec::new(),
            pointer: "/tags".to_owned(),
            text: "Words.".to_owned(),
            action: rule.action.to_owned(),
            surface: Vec::new(),
            repair: Vec::new(),
        }
    }

    #[test]
    fn workflow_commands_stay_on_one_line() {
        assert_eq!(data("100%\n::error::x"), "100%25\\n::error::x");
        assert_eq!(property("a:b,c"), "a%3Ab%2Cc");
    }

    #[test]
    fn few_operations_are_named_and_many_counted() {
        let concerned = |count: usize| {
            let mut change = change();
            change.operations = (0..count).map(|n| format!("op{n}")).collect();
            concerned("  ", &change)
        };
        assert_eq!(concerned(0), "");
        assert_eq!(concerned(1), "  op0");
        assert_eq!(concerned(4), "  op0, op1, op2, op3");
        assert_eq!(concerned(5), "  op0, op1, op2 and 2 more");
    }
}
