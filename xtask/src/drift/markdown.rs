//! Words out of the vendor's document in a pull request: whatever they are, they become no
//! markup, no mention, no reference, no link and no command.

use crate::visible::visible;

/// A sentence in which what stands between backticks is code.
///
/// Code begins with a run of backticks and ends with the next run of as many; it is left as
/// it is. In all else, markup is escaped, and what needs none is broken by [`BREAK`].
pub fn escape(text: &str) -> String {
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

/// A name as code.
pub fn code(name: &str) -> String {
    let name = visible(name);
    let ticks = "`".repeat(longest_run(&name) + 1);
    // Without the spaces, its own backticks would belong to ours.
    let space = if name.contains('`') { " " } else { "" };
    format!("{ticks}{space}{name}{space}{ticks}")
}

/// Lines as a block of code, within an item of a list.
pub fn diff(lines: &[String]) -> String {
    let lines: Vec<String> = lines.iter().map(|line| visible(line)).collect();
    let longest = lines.iter().map(|line| longest_run(line)).max();
    let ticks = "`".repeat(longest.map_or(3, |longest| longest + 1).max(3));
    let lines: String = lines.iter().map(|line| format!("  {line}\n")).collect();
    format!("\n  {ticks}diff\n{lines}  {ticks}\n\n")
}

/// How many backticks a text begins with.
fn run(text: &str) -> usize {
    text.len() - text.trim_start_matches('`').len()
}

fn longest_run(text: &str) -> usize {
    let starts = text.match_indices('`').map(|(start, _)| start);
    starts.map(|start| run(&text[start..])).max().unwrap_or(0)
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

/// Breaks what is made of plain text: mentions, references, addresses and emoji.
const BREAK: &str = "<!-- -->";

/// The digits of a commit's name that GitHub takes for one.
const COMMIT: usize = 7;

fn escape_text(text: &str, escaped: &mut String) {
    let mut hex_digits = 0;
    // Some signs only mean something at the start of a line, or after its number.
    let mut starts = true;
    for (index, c) in text.char_indices() {
        let next = text[index + c.len_utf8()..].chars().next();
        if "<>[]*_\\|&~$".contains(c) || starts && "-+.)=".contains(c) {
            escaped.push('\\');
        }
        escaped.push(c);
        starts &= c.is_ascii_digit() || c.is_whitespace();
        hex_digits = if c.is_ascii_hexdigit() {
            hex_digits + 1
        } else {
            0
        };
        let breaks = match c {
            '@' | '#' => true,
            ':' => next.is_some_and(|next| !next.is_whitespace()),
            '.' => ends_with_www(&text[..index]),
            '-' => next.is_some_and(|next| next.is_ascii_digit()),
            _ => hex_digits == COMMIT - 1,
        };
        if breaks {
            escaped.push_str(BREAK);
            hex_digits = 0;
        }
    }
}

fn ends_with_www(text: &str) -> bool {
    let start = text.len().saturating_sub(3);
    text.get(start..)
        .is_some_and(|end| end.eq_ignore_ascii_case("www"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_code_is_no_markup() {
        assert_eq!(
            escape("a_b <i> `<i>_` @all"),
            "a\\_b \\<i\\> `<i>_` @<!-- -->all"
        );
    }

    #[test]
    fn backticks_of_the_vendors_open_no_code_that_does_not_end() {
        assert_eq!(
            escape("the value ```@octocat Fixes #1 <img src=https://e.example>`"),
            "the value \\`\\`\\`@<!-- -->octocat Fixes #<!-- -->1 \\<img \
             src=https:<!-- -->//e.example\\>\\`"
        );
        assert_eq!(escape("``a`<b>`` <c>"), "``a`<b>`` \\<c\\>");
    }

    #[test]
    fn a_name_with_backticks_is_code_all_the_same() {
        assert_eq!(code("a"), "`a`");
        assert_eq!(code("a``b`"), "``` a``b` ```");
        assert_eq!(
            diff(&["+ a```".to_owned()]),
            "\n  ````diff\n  + a```\n  ````\n\n"
        );
    }
}
