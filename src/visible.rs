//! Texts from elsewhere, made safe to show.
//!
//! What a server or a proxy says ends up in a terminal and in one line of a log. There an
//! ESC can recolour or rename the terminal, and a bidirectional override can make a text
//! look like a different one, so neither gets there as it is.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The text with white space folded into single spaces and every character that is obeyed
/// rather than seen written out, such as `\u{1b}`.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    let plain = |c: char| !is_obeyed(c) && (c == ' ' || !c.is_whitespace());
    let folded = !text.starts_with(' ') && !text.ends_with(' ') && !text.contains("  ");
    if folded && text.chars().all(plain) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !shown.is_empty() {
            shown.push(' ');
        }
        for c in word.chars() {
            if is_obeyed(c) {
                let _ = write!(shown, "{}", c.escape_unicode());
            } else {
                shown.push(c);
            }
        }
    }
    Cow::Owned(shown)
}

/// Control characters, and the invisible characters that change how others are shown or compared:
/// joiners and marks of direction, bidirectional overrides and isolates, the byte order
/// mark, tags.
pub fn is_obeyed(c: char) -> bool {
    let invisible = matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}');
    invisible || (c.is_control() && !c.is_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_obeyed() {
        for (text, shown) in [
            ("plain, ünïcode 日本", "plain, ünïcode 日本"),
            ("\u{1b}[31mred", "\\u{1b}[31mred"),
            ("\u{1b}]0;name\u{7}", "\\u{1b}]0;name\\u{7}"),
            ("a\0b", "a\\u{0}b"),
            ("\u{9b}2J", "\\u{9b}2J"),
            ("abc\u{202e}fed", "abc\\u{202e}fed"),
            ("a\u{2066}b\u{2069}", "a\\u{2066}b\\u{2069}"),
            ("a\u{200b}b\u{feff}", "a\\u{200b}b\\u{feff}"),
            ("  two\r\nlines\u{2028}or\u{85}four ", "two lines or four"),
            ("a\t \tb", "a b"),
            ("", ""),
            (" ", ""),
        ] {
            assert_eq!(visible(text), shown, "{text:?}");
            assert_eq!(visible(shown), shown, "what is fit stays");
        }
    }

    #[test]
    fn only_what_must_be_changed_is_copied() {
        assert!(matches!(visible("as it is"), Cow::Borrowed(_)));
    }
}
