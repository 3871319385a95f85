//! What a query says, as far as reading a log in windows depends on it.
//!
//! This is no parser of ES|QL: it takes the commands apart, past comments and quoted text,
//! and looks at their first words. A window is read like any other range, so the query must
//! answer line by line; what adds lines up (`STATS`), or makes several of one, would give
//! another result in each window, and is refused. What is left goes to the server as it
//! stands.

/// Commands of which each row is one line of the log.
const LINE_BY_LINE: [&str; 10] = [
    "WHERE", "KEEP", "DROP", "RENAME", "EVAL", "SORT", "LIMIT", "DISSECT", "GROK", "ENRICH",
];
/// The same, where they leave all lines in.
const KEEPS_ALL_LINES: [&str; 8] = [
    "KEEP", "DROP", "RENAME", "EVAL", "SORT", "LIMIT", "DISSECT", "GROK",
];

/// What is to be known of a query.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Esql {
    /// The least number that a `LIMIT` has.
    pub(crate) limit: Option<u64>,
    /// Why its rows may lack what is wanted.
    pub(crate) warning: Option<&'static str>,
}

const NO_KEEP: &str =
    "the query has no KEEP: its rows may have nothing but `uuid` and `organization_id`";
const NO_UUID: &str = "the query does not KEEP `uuid`: a row without it cannot be recognised, \
     and comes again where ranges overlap";

/// Reads a query, or says why it cannot be read window by window.
pub(crate) fn read(text: &str) -> Result<Esql, String> {
    let plain = plain(text);
    let mut commands = plain.split('|').map(str::trim);
    let from = commands.next().unwrap_or_default();
    if !begins_with_from_logs(from) {
        return Err("a query begins with `FROM logs`".to_owned());
    }
    let (mut limit, mut keep) = (None, None);
    for command in commands {
        let name = command.split(|c: char| !c.is_ascii_alphabetic() && c != '_');
        let name = name.map(str::to_ascii_uppercase).next().unwrap_or_default();
        if !LINE_BY_LINE.contains(&&*name) {
            return Err(match &*name {
                "" => "a command is missing between two bars".to_owned(),
                name => format!(
                    "`{name}` does not answer line by line, and each window would have a result \
                     of its own; ask for the whole range with `query_siem`"
                ),
            });
        }
        if limit.is_some() && !KEEPS_ALL_LINES.contains(&&*name) {
            return Err(format!(
                "`{name}` stands after `LIMIT`: nobody could tell that lines were cut off; put \
                 it before"
            ));
        }
        let rest = command[name.len()..].trim();
        match &*name {
            "LIMIT" => {
                let least = match rest.parse() {
                    Ok(0) | Err(_) => return Err(format!("`LIMIT` takes a number, not {rest:?}")),
                    Ok(number) => limit.map_or(number, |limit: u64| limit.min(number)),
                };
                limit = Some(least);
            }
            "KEEP" => keep = Some(rest.to_owned()),
            _ => {}
        }
    }
    let warning = match keep {
        None => Some(NO_KEEP),
        Some(columns) if !columns.split(',').any(may_be_uuid) => Some(NO_UUID),
        Some(_) => None,
    };
    Ok(Esql { limit, warning })
}

fn begins_with_from_logs(command: &str) -> bool {
    let Some((from, rest)) = command.split_once(char::is_whitespace) else {
        return false;
    };
    let rest = rest.trim_start();
    let logs = rest
        .get(..4)
        .is_some_and(|logs| logs.eq_ignore_ascii_case("logs"));
    let ends = |c: char| c.is_whitespace() || c == ',';
    from.eq_ignore_ascii_case("from") && logs && rest[4..].chars().next().is_none_or(ends)
}

/// Whether a name, perhaps with a star in it, names the column of the uuid.
fn may_be_uuid(name: &str) -> bool {
    let name = name.trim();
    match name.split_once('*') {
        None => name == "uuid",
        Some((before, _)) => {
            let after = name.rsplit('*').next().unwrap_or_default();
            "uuid".starts_with(before) && "uuid".ends_with(after)
        }
    }
}

/// The text with a space for each comment, and a dot for each bar within quotes.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (length, is_comment) = match rest {
            _ if rest.starts_with("//") => (until(rest, 2, "\n"), true),
            _ if rest.starts_with("/*") => (until(rest, 2, "*/"), true),
            _ if rest.starts_with("\"\"\"") => (until(rest, 3, "\"\"\""), false),
            _ if first == '"' => (quoted(rest), false),
            // An identifier; a backtick in it is written twice.
            _ if first == '`' => (until(rest, 1, "`"), false),
            _ => {
                plain.push(first);
                rest = &rest[first.len_utf8()..];
                continue;
            }
        };
        let (piece, left) = rest.split_at(length);
        match is_comment {
            true => plain.push(' '),
            false => plain.extend(piece.chars().filter(|c| *c != '`').map(unbarred)),
        }
        rest = left;
    }
    plain
}

fn unbarred(character: char) -> char {
    if character == '|' { '.' } else { character }
}

/// How long a piece is that goes on until its end is met, after so many bytes of beginning.
fn until(text: &str, begin: usize, end: &str) -> usize {
    let found = text[begin..].find(end);
    found.map_or(text.len(), |at| begin + at + end.len())
}

/// How long text in quotes is, in which a backslash takes the next character's meaning away.
fn quoted(text: &str) -> usize {
    let mut escaped = true;
    for (at, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_query_says() {
        let said = |limit, warning| Ok(Esql { limit, warning });
        for (text, expected) in [
            ("FROM logs", said(None, Some(NO_KEEP))),
            ("from LOGS | keep uuid", said(None, None)),
            (" \n FROM\tlogs\n| KEEP a, uuid", said(None, None)),
            ("// all\nFROM /* the */ logs | KEEP *", said(None, None)),
            ("FROM logs METADATA _id | KEEP u*", said(None, None)),
            ("FROM logs | KEEP `uuid`", said(None, None)),
            (
                "FROM logs | KEEP uuid, a | KEEP a",
                said(None, Some(NO_UUID)),
            ),
            ("FROM logs | KEEP uuid.x", said(None, Some(NO_UUID))),
            ("FROM logs | KEEP uuid | LIMIT 7", said(Some(7), None)),
            (
                "FROM logs | LIMIT 9|limit 70 | KEEP uuid",
                said(Some(9), None),
            ),
            (
                r#"FROM logs | WHERE a == "x | STATS" | KEEP uuid"#,
                said(None, None),
            ),
            (
                r#"FROM logs | WHERE a == "\"| STATS" | KEEP uuid"#,
                said(None, None),
            ),
            (
                "FROM logs | WHERE a == \"\"\"\" | STATS\"\"\" | KEEP uuid",
                said(None, None),
            ),
            ("FROM logs | KEEP uuid // | LIMIT 5", said(None, None)),
            (
                "FROM logs | KEEP uuid /* | STATS */ | LIMIT 5",
                said(Some(5), None),
            ),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_in_windows_is_refused_and_why() {
        for (text, why) in [
            ("", "begins with `FROM logs`"),
            ("FROM", "begins with `FROM logs`"),
            ("FROM logsx", "begins with `FROM logs`"),
            ("FROM logs-2 | KEEP uuid", "begins with `FROM logs`"),
            ("FROMlogs", "begins with `FROM logs`"),
            ("ROW a = 1", "begins with `FROM logs`"),
            ("// FROM logs", "begins with `FROM logs`"),
            ("SHOW logs | KEEP uuid", "begins with `FROM logs`"),
            (
                "FROM logs | STATS c = COUNT(*)",
                "`STATS` does not answer line by line",
            ),
            (
                "FROM logs | KEEP uuid | mv_expand tags",
                "`MV_EXPAND` does not answer",
            ),
            (
                "FROM logs | LIMIT 5 | WHERE a == 1",
                "`WHERE` stands after `LIMIT`",
            ),
            ("FROM logs | LIMIT many", r#"takes a number, not "many""#),
            ("FROM logs | LIMIT 0", r#"takes a number, not "0""#),
            ("FROM logs | | KEEP uuid", "missing between two bars"),
        ] {
            let problem = read(text).unwrap_err();
            assert!(problem.contains(why), "{text}: {problem}");
        }
    }

    #[test]
    fn any_text_is_read_to_its_end() {
        for text in [
            "FROM logs | KEEP \"",
            "FROM logs /*",
            "\"",
            "`",
            "\"\"\"",
            "FROM lögs",
            "FROM logé",
        ] {
            let _ = read(text);
        }
    }
}
