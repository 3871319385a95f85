//! The server's own words out of an error's body, whatever form it has.
//!
//! The vendor does not document error bodies. Seen are `message`, `error`, and `errors`
//! as a list of strings, a list of `{field, message}` or a map of field to list; plain
//! text and HTML come from proxies.

use serde_json::Value;

/// Longer texts are cut; they end up in one line of a log.
const LONGEST: usize = 300;

/// The message of a body; `None` for an empty body or one without words.
pub(crate) fn extract(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    let found = match serde_json::from_str::<Value>(text) {
        Ok(json) => words(&json).join("; "),
        Err(_) if text.starts_with('<') => html_title(text),
        Err(_) => text.to_owned(),
    };
    let line = found.split_whitespace().collect::<Vec<_>>().join(" ");
    let short: String = line.chars().take(LONGEST).collect();
    match (short.is_empty(), short.len() < line.len()) {
        (true, _) => None,
        (_, true) => Some(format!("{short}…")),
        _ => Some(short),
    }
}

fn words(json: &Value) -> Vec<String> {
    match json {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().flat_map(words).collect(),
        Value::Object(map) => {
            let own = ["message", "error", "errors", "detail"]
                .iter()
                .find_map(|key| {
                    let words = map.get(*key).map(words)?;
                    (!words.is_empty()).then_some(words)
                });
            match (own, map.get("field").and_then(Value::as_str)) {
                (Some(words), Some(field)) => vec![format!("{field}: {}", words.join(", "))],
                (Some(words), None) => words,
                // A map of field to what is wrong with it.
                (None, _) => map
                    .iter()
                    .filter_map(|(field, value)| {
                        let words = words(value);
                        (!words.is_empty()).then(|| format!("{field}: {}", words.join(", ")))
                    })
                    .collect(),
            }
        }
        _ => Vec::new(),
    }
}

fn html_title(html: &str) -> String {
    let lower = html.to_ascii_lowercase();
    let title = lower.find("<title>").zip(lower.find("</title>"));
    match title.and_then(|(start, end)| html.get(start + "<title>".len()..end)) {
        Some(title) if !title.trim().is_empty() => format!("an HTML page, {:?}", title.trim()),
        _ => "an HTML page".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_form_gives_its_words() {
        for (body, message) in [
            (r#"{"message":"no"}"#, "no"),
            (r#"{"error":"no"}"#, "no"),
            (r#"{"error":{"message":"no","code":7}}"#, "no"),
            (r#"{"errors":["a","b"]}"#, "a; b"),
            (
                r#"{"errors":[{"field":"name","message":"is blank"}]}"#,
                "name: is blank",
            ),
            (
                r#"{"errors":{"name":["is blank","is short"],"key":"taken"}}"#,
                "name: is blank, is short; key: taken",
            ),
            (r#"["a"]"#, "a"),
            ("  plain\n text ", "plain text"),
            (
                "<html><head><TITLE> 502 Bad Gateway </TITLE></head></html>",
                "an HTML page, \"502 Bad Gateway\"",
            ),
            ("<!doctype html>", "an HTML page"),
        ] {
            assert_eq!(extract(body.as_bytes()).as_deref(), Some(message), "{body}");
        }
        assert_eq!(extract(b""), None);
        assert_eq!(extract(b"{}"), None);
    }

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let message = extract("é".repeat(1000).as_bytes()).unwrap();
        assert_eq!(message.chars().count(), LONGEST + 1);
        assert!(message.ends_with('…'));
    }
}
