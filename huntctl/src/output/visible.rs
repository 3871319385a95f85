//! Texts of the API on a terminal. Attackers choose host names and the bodies of messages, and
//! a terminal obeys what is in them: an ESC can repaint what stands above, and a bidirectional
//! override can make a text look like another. So what is obeyed is written out.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The text with every character that is obeyed rather than seen written out, such as
/// `\u{1b}`; line breaks and tabs too (`\n`, `\t`), so that it is one line.
pub fn line(text: &str) -> Cow<'_, str> {
    shown(text, |c| is_obeyed(c) || is_break(c))
}

/// The same, but line breaks stay.
pub fn lines(text: &str) -> Cow<'_, str> {
    shown(text, |c| c != '\n' && (is_obeyed(c) || is_break(c)))
}

fn shown(text: &str, hidden: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            c if !hidden(c) => shown.push(c),
            '\n' | '\r' | '\t' => shown.extend(c.escape_default()),
            c => {
                let _ = write!(shown, "{}", c.escape_unicode());
            }
        }
    }
    Cow::Owned(shown)
}

fn is_break(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}')
}

/// Whether a terminal obeys it: what the client writes out, and line breaks and tabs.
pub fn is_obeyed(c: char) -> bool {
    c.is_control() || huntress::__huntctl::is_obeyed(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_obeyed() {
        for (text, one_line, several) in [
            (
                "plain, ünïcode 日本 🦀",
                "plain, ünïcode 日本 🦀",
                "plain, ünïcode 日本 🦀",
            ),
            ("\u{1b}[31mred", "\\u{1b}[31mred", "\\u{1b}[31mred"),
            ("\u{9b}2J", "\\u{9b}2J", "\\u{9b}2J"),
            ("a\u{202e}b", "a\\u{202e}b", "a\\u{202e}b"),
            ("a\r\nb\tc", "a\\r\\nb\\tc", "a\\r\nb\\tc"),
            (
                "a\u{2028}b\u{7f}",
                "a\\u{2028}b\\u{7f}",
                "a\\u{2028}b\\u{7f}",
            ),
        ] {
            assert_eq!(line(text), one_line);
            assert_eq!(lines(text), several);
        }
    }
}
