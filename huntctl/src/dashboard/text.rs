//! How values are shown: texts of others, counts, moments and links.

use jiff::{SignedDuration, Timestamp};

use crate::output::visible;

/// What stands where nobody knows a value. It is never shown as zero.
pub const UNKNOWN: &str = "not known";

/// The longest text of one line, in characters. Longer ones are cut, with a sign.
const LONGEST: usize = 300;
/// The same of a text of several lines.
const LONGEST_BODY: usize = 100_000;

/// A text of others, on one line: with control and bidirectional characters written out.
/// Templates escape it as HTML.
pub fn line(text: &str) -> String {
    cut(&visible::line(text), LONGEST)
}

/// The same where line breaks stay.
pub fn body(text: &str) -> String {
    cut(&visible::lines(&text.replace("\r\n", "\n")), LONGEST_BODY)
}

fn cut(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((at, _)) => format!("{} […]", &text[..at]),
        None => text.to_owned(),
    }
}

/// What stands for a text that is not there or is empty.
pub fn or_unknown(text: Option<&str>) -> String {
    match text.map(str::trim) {
        Some(text) if !text.is_empty() => line(text),
        _ => UNKNOWN.to_owned(),
    }
}

/// A whole number with thin spaces between thousands.
pub fn count(value: i64) -> String {
    let digits = value.unsigned_abs().to_string();
    let mut shown = String::from(if value < 0 { "−" } else { "" });
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            shown.push('\u{202f}');
        }
        shown.push(digit);
    }
    shown
}

/// The same of one that may not be known.
pub fn count_or_unknown(value: Option<i64>) -> String {
    value.map_or_else(|| UNKNOWN.to_owned(), count)
}

/// A change, with its sign.
pub fn change(value: i64) -> String {
    match value {
        0 => "no change".to_owned(),
        1.. => format!("+{}", count(value)),
        _ => count(value),
    }
}

/// A part of a whole in percent with one digit; none of nothing.
pub fn percent(part: i64, whole: i64) -> Option<String> {
    // Counts are far from 2⁵³.
    #[expect(clippy::cast_precision_loss)]
    let share = |whole: i64| format!("{:.1} %", part as f64 * 100.0 / whole as f64);
    (whole > 0).then(|| share(whole))
}

/// A moment to the minute, in UTC.
pub fn moment(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// For how long, in the largest unit that fits.
pub fn duration(time: SignedDuration) -> String {
    let minutes = time.as_secs().max(0) / 60;
    let (amount, unit) = match minutes {
        0 => return "less than a minute".to_owned(),
        1..60 => (minutes, "minute"),
        60..2_880 => (minutes / 60, "hour"),
        _ => (minutes / 1_440, "day"),
    };
    let plural = if amount == 1 { "" } else { "s" };
    format!("{} {unit}{plural}", count(amount))
}

/// An address that others name, where a link to it is safe: `https`, to a host of Huntress,
/// without a user or a port. All else stays text.
pub fn link(url: &str) -> Option<String> {
    let plain = url.bytes().all(|byte| byte.is_ascii_graphic());
    let rest = url.strip_prefix("https://").filter(|_| plain)?;
    let host = rest.split(['/', '?', '#', '\\']).next()?;
    let of_huntress = host == "huntress.io" || host.ends_with(".huntress.io");
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-');
    (of_huntress && host.chars().all(is_name) && url.len() <= 2_000).then(|| url.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_huntress_is_linked() {
        for good in [
            "https://huntress.io",
            "https://acme.huntress.io/org/1/incident_reports/2?a=b#c",
        ] {
            assert_eq!(link(good).as_deref(), Some(good));
        }
        for bad in [
            "",
            "javascript:alert(1)",
            " https://huntress.io",
            "http://acme.huntress.io/",
            "HTTPS://huntress.io",
            "//acme.huntress.io/",
            "https://evil.example/huntress.io",
            "https://evil.example#.huntress.io",
            "https://evil.example\\.huntress.io",
            "https://evilhuntress.io/",
            "https://huntress.io.evil.example/",
            "https://huntress.io@evil.example/",
            "https://a:b@x.huntress.io/",
            "https://x.huntress.io:8443/",
            "https://x.huntress.io/\u{202e}",
            "https://x.huntress.io/ a",
            "data:text/html,x",
        ] {
            assert_eq!(link(bad), None, "{bad}");
        }
    }

    #[test]
    fn texts_of_others_obey_nobody() {
        assert_eq!(line("a\u{202e}b\nc"), "a\\u{202e}b\\nc");
        assert_eq!(body("a\r\nb\u{1b}[1m"), "a\nb\\u{1b}[1m");
        assert_eq!(line(&"ä".repeat(301)), format!("{} […]", "ä".repeat(300)));
        assert_eq!(or_unknown(Some("  ")), UNKNOWN);
        assert_eq!(or_unknown(None), UNKNOWN);
    }

    #[test]
    fn counts_and_times_are_short() {
        for (value, shown) in [
            (0, "0"),
            (-12, "−12"),
            (999, "999"),
            (1_234_567, "1\u{202f}234\u{202f}567"),
        ] {
            assert_eq!(count(value), shown);
        }
        for (minutes, shown) in [
            (0, "less than a minute"),
            (1, "1 minute"),
            (59, "59 minutes"),
            (60, "1 hour"),
            (120, "2 hours"),
            (2_880, "2 days"),
        ] {
            assert_eq!(duration(SignedDuration::from_mins(minutes)), shown);
        }
        assert_eq!(percent(1, 3).as_deref(), Some("33.3 %"));
        assert_eq!(percent(0, 0), None);
        assert_eq!(
            [change(0), change(3), change(-3)],
            ["no change", "+3", "−3"]
        );
    }
}
