//! Words of others in what xtask says.
//!
//! A name out of the vendor's document may have line breaks, terminal controls and worse in
//! it. In the log of a workflow a line that begins with `::` is obeyed, so no line of what is
//! printed may be the vendor's own. Whatever xtask prints passes through [`visible`], and only
//! [`Several`] has lines.

use std::fmt;

/// The text on one line, with every character that is obeyed rather than seen written out,
/// such as `\n` and `\u{1b}`.
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_obeyed(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Controls and line separators, and the invisible characters that change how others are
/// shown: joiners, marks of direction, bidirectional overrides, the byte order mark, tags.
fn is_obeyed(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

/// An error about several things, with a line for each.
#[derive(Debug)]
pub struct Several {
    heading: String,
    items: Vec<String>,
}

impl Several {
    pub fn new(heading: impl Into<String>, items: impl IntoIterator<Item: ToString>) -> Self {
        Self {
            heading: heading.into(),
            items: items.into_iter().map(|item| item.to_string()).collect(),
        }
    }
}

impl fmt::Display for Several {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", visible(&self.heading))?;
        self.items
            .iter()
            .try_for_each(|item| write!(f, "\n  {}", visible(item)))
    }
}

impl std::error::Error for Several {}

/// An error with its causes, as it is printed.
pub fn error(error: &anyhow::Error) -> String {
    let causes = error.chain().map(|cause| match cause.downcast_ref() {
        Some::<&Several>(several) => several.to_string(),
        None => visible(&cause.to_string()),
    });
    causes.collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::anyhow;

    #[test]
    fn nothing_is_obeyed() {
        for (text, shown) in [
            ("plain, ünïcode 日本", "plain, ünïcode 日本"),
            ("a\n::set-output name=x::y", r"a\n::set-output name=x::y"),
            ("a\r\nb\tc", r"a\r\nb\tc"),
            ("\u{1b}[31mred\u{7}\0", r"\u{1b}[31mred\u{7}\u{0}"),
            ("a\u{2028}b\u{85}c\u{9b}", r"a\u{2028}b\u{85}c\u{9b}"),
            ("abc\u{202e}fed\u{feff}", r"abc\u{202e}fed\u{feff}"),
        ] {
            assert_eq!(visible(text), shown, "{text:?}");
        }
    }

    #[test]
    fn only_the_lines_of_several_things_are_lines() {
        let several = Several::new("two\nthings", ["a\n::b", "c"]);
        let error = anyhow!(several).context("doing\nit");
        assert_eq!(
            super::error(&error),
            "doing\\nit: two\\nthings:\n  a\\n::b\n  c"
        );
        assert_eq!(super::error(&anyhow!("a\n::b")), r"a\n::b");
    }
}
