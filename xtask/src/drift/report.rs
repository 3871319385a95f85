//! The report, in each of its formats. `xtask/README.md` documents them.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use super::ignore::Entry;
use super::judge::Change;
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

/// Counts.
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

/// The two contracts.
#[derive(Debug, Serialize)]
pub struct Compared {
    /// Where ours is from.
    pub base: String,
    /// Its digest, as `API_CONTRACT` has it.
    pub base_digest: String,
    /// Where the vendor's is from.
    pub new: String,
    /// Its digest.
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

const LEVELS: [Level; 3] = [Level::Breaking, Level::Warning, Level::Info];

/// As much as a pull request takes; GitHub refuses more than 65,536 characters.
const MARKDOWN_LIMIT: usize = 60_000;

impl Report {
    /// Counts the changes of a level.
    pub fn count(changes: &[Change], level: Level) -> usize {
        changes
            .iter()
            .filter(|change| change.level == level)
            .count()
    }

    /// The worst level there is.
    pub fn worst(&self) -> Level {
        self.changes
            .iter()
            .map(|change| change.level)
            .max()
            .unwrap_or(Level::None)
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

    fn of(&self, level: Level) -> impl Iterator<Item = &Change> {
        self.changes
            .iter()
            .filter(move |change| change.level == level)
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
        let (bold, dim) = (Style::new().bold(), Style::new().dimmed());
        for level in LEVELS
            .into_iter()
            .filter(|level| self.of(*level).next().is_some())
        {
            let style = Style::new().bold().fg_color(Some(color(level).into()));
            let title = level.to_string().to_uppercase();
            let _ = writeln!(text, "{style}{title}{style:#}");
            for change in self.of(level) {
                let Change {
                    rule,
                    wire,
                    sdk,
                    pointer,
                    text: what,
                    action,
                    ..
                } = change;
                let what = visible(what);
                let _ = writeln!(text, "  {bold}{what}{bold:#}");
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
                let concerned = concerned(&change.operations);
                let _ = writeln!(
                    text,
                    "    {dim}{}  wire {wire}, sdk {sdk}{concerned}{dim:#}",
                    rule.id
                );
                let pointer = visible(pointer);
                let _ = writeln!(text, "    {dim}{}{pointer}{dim:#}", change.document);
            }
            text.push('\n');
        }
        for (title, lines) in self.lists() {
            let _ = writeln!(text, "{bold}{title}{bold:#}");
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
            base,
            base_digest,
            new,
            new_digest,
            ..
        } = &self.compared;
        parts.push(format!(
            "\nCompared `{new}` (`{new_digest}`) with {base} (`{base_digest}`).\n"
        ));
        for level in LEVELS
            .into_iter()
            .filter(|level| self.of(*level).next().is_some())
        {
            parts.push(format!("\n### {}\n\n", title(level)));
            parts.extend(self.of(level).map(markdown_of));
        }
        for (title, lines) in self.lists() {
            parts.push(format!("\n### {title}\n\n"));
            parts.extend(
                lines
                    .iter()
                    .map(|line| format!("- {}\n", escape_markdown(line))),
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

fn concerned(operations: &[String]) -> String {
    match operations {
        [] => String::new(),
        [.., last] if operations.len() <= 4 => match &operations[..operations.len() - 1] {
            [] => format!("  {last}"),
            others => format!("  {}, {last}", others.join(", ")),
        },
        [a, b, c, ..] => format!("  {a}, {b}, {c} and {} more", operations.len() - 3),
        _ => String::new(),
    }
}

fn markdown_of(change: &Change) -> String {
    let Change {
        rule,
        wire,
        sdk,
        pointer,
        text,
        action,
        ..
    } = change;
    let mut part = format!(
        "- **{}** {}\n  <br>`{}`, wire {wire}, sdk {sdk}{}, `{}{}`\n",
        escape_markdown(text),
        escape_markdown(action),
        rule.id,
        escape_markdown(&concerned(&change.operations).replacen("  ", ", ", 1)),
        change.document,
        visible(pointer).replace('`', "'"),
    );
    for repair in &change.repair {
        let _ = writeln!(part, "  <br>To repair: {}", escape_markdown(repair));
    }
    if !change.surface.is_empty() {
        part.push_str("\n  ```diff\n");
        for line in &change.surface {
            let _ = writeln!(part, "  {}", visible(line).replace("```", "'''"));
        }
        part.push_str("  ```\n\n");
    }
    part
}

/// Names out of the vendor's document must not become markup: what is not code is escaped.
/// Code begins with a run of backticks and ends with the next run of as many.
fn escape_markdown(text: &str) -> String {
    let text = visible(text);
    let (mut escaped, mut rest) = (String::new(), text.as_str());
    while let Some(start) = rest.find('`') {
        escape_text(&rest[..start], &mut escaped);
        rest = &rest[start..];
        let ticks = run(rest);
        match end_of_code(rest, ticks) {
            Some(end) => {
                escaped.push_str(&rest[..end]);
                rest = &rest[end..];
            }
            None => {
                escaped.push_str(&"\\`".repeat(ticks));
                rest = &rest[ticks..];
            }
        }
    }
    escape_text(rest, &mut escaped);
    escaped
}

/// How many backticks a text begins with.
fn run(text: &str) -> usize {
    text.len() - text.trim_start_matches('`').len()
}

/// Where the code ends that a text begins with.
fn end_of_code(text: &str, ticks: usize) -> Option<usize> {
    let mut at = ticks;
    loop {
        at += text[at..].find('`')?;
        let found = run(&text[at..]);
        at += found;
        if found == ticks {
            return Some(at);
        }
    }
}

/// Breaks what is made of plain text: mentions, references and addresses.
const BREAK: &str = "<!-- -->";

fn escape_text(text: &str, escaped: &mut String) {
    for c in text.chars() {
        if ['<', '>', '[', ']', '*', '_', '\\', '|', '&'].contains(&c) {
            escaped.push('\\');
        }
        escaped.push(c);
        if ['@', '#'].contains(&c) || escaped.ends_with("://") {
            escaped.push_str(BREAK);
        }
    }
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

    #[test]
    fn what_is_no_code_is_no_markup() {
        assert_eq!(
            escape_markdown("a_b <i> `<i>_` @all"),
            "a\\_b \\<i\\> `<i>_` @<!-- -->all"
        );
    }

    #[test]
    fn backticks_of_the_vendors_open_no_code_that_does_not_end() {
        let escaped =
            escape_markdown("the value ```@octocat Fixes #1 <img src=https://e.example>`");
        assert_eq!(
            escaped,
            "the value \\`\\`\\`@<!-- -->octocat Fixes #<!-- -->1 \\<img \
             src=https://<!-- -->e.example\\>\\`"
        );
        assert_eq!(escape_markdown("``a`<b>`` <c>"), "``a`<b>`` \\<c\\>");
    }

    #[test]
    fn workflow_commands_stay_on_one_line() {
        assert_eq!(data("100%\n::error::x"), "100%25\\n::error::x");
        assert_eq!(property("a:b,c"), "a%3Ab%2Cc");
    }

    #[test]
    fn few_operations_are_named_and_many_counted() {
        let names = |count: usize| (0..count).map(|n| format!("op{n}")).collect::<Vec<_>>();
        assert_eq!(concerned(&names(0)), "");
        assert_eq!(concerned(&names(1)), "  op0");
        assert_eq!(concerned(&names(4)), "  op0, op1, op2, op3");
        assert_eq!(concerned(&names(5)), "  op0, op1, op2 and 2 more");
    }
}
