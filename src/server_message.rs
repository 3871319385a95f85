//! The server's own words out of an error's body, whatever form it has.
//!
//! The vendor does not document the bodies of errors. What has been seen is `message`,
//! `error`, and `errors` as a list of strings, a list of `{field, message}` or a map of field
//! to list; plain text and HTML come from proxies.
//!
//! A body may be as large and as deep as the other side likes, so only its beginning is
//! looked at, once, from front to back. JSON that was cut by that still has its words:
//! those before the cut.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::mask::Mask;
use crate::visible::visible;

/// How many bytes of a body are looked at.
const LOOKED_AT: usize = 64 << 10;
/// How many characters the message has; it ends up in one line of a log.
const LONGEST: usize = 300;
/// Where an object has its words, the best first.
const NAMES: [&str; 4] = ["message", "error", "errors", "detail"];

/// The message of a body, at most 300 characters in one line, without the credentials and
/// without characters that a terminal obeys; `None` for an empty body or one without words.
pub(crate) fn extract(body: &[u8], mask: &Mask) -> Option<String> {
    let head = mask.head(body, LOOKED_AT);
    let cut = body.len() > LOOKED_AT;
    let text = String::from_utf8_lossy(&head);
    let text = text.trim_start_matches('\u{feff}').trim();
    let clean = |text| shortened(&visible(&mask.text(text)));
    let message = match words(text, cut, mask) {
        Some(words) => shortened(&words.join("; ")),
        None if text.starts_with('<') => html_title(text).map_or_else(
            || "an HTML page".to_owned(),
            |title| format!("an HTML page, \"{}\"", clean(title)),
        ),
        None => clean(text),
    };
    (!message.is_empty()).then_some(message)
}

/// The words of a JSON text; `None` where it is not JSON.
fn words(text: &str, cut: bool, mask: &Mask) -> Option<Vec<String>> {
    // The cut may lie within the very string that matters; the quote ends that string.
    let text = if cut {
        Cow::Owned(format!("{text}\""))
    } else {
        Cow::Borrowed(text)
    };
    let mut words = Vec::new();
    let mut json = serde_json::Deserializer::from_str(&text);
    let whole = Words(&mut words, mask)
        .deserialize(&mut json)
        .and_then(|()| json.end());
    // Even where it is broken or too deep, its words say more than its raw text would.
    let some = !words.is_empty() && text.starts_with(['{', '[']);
    (whole.is_ok() || some).then_some(words)
}

/// Collects the words of a value, those before an error included.
struct Words<'a>(&'a mut Vec<String>, &'a Mask);

impl Words<'_> {
    /// Keeps no more than can be shown, at every level of a deep body.
    fn say(&mut self, text: &str) {
        let said: usize = self.0.iter().map(String::len).sum();
        if !text.is_empty() && said <= LONGEST * '\u{10ffff}'.len_utf8() {
            self.0.push(shortened(text));
        }
    }

    fn clean(&self, text: &str) -> String {
        visible(&self.1.text(text)).into_owned()
    }
}

impl<'de> DeserializeSeed<'de> for Words<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Words<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_str<E>(mut self, text: &str) -> Result<(), E> {
        self.say(&self.clean(text));
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Words(self.0, self.1))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        let mut fields = Vec::new();
        let ended = fields_of(&mut map, self.1, &mut fields);
        let words_of = |name: &str| {
            let mut fields = fields.iter();
            fields.find_map(|(field, words)| (field == name).then_some(words))
        };
        let own = NAMES.into_iter().find_map(words_of);
        match (own, words_of("field").map(Vec::as_slice)) {
            (Some(words), Some([field])) => self.say(&format!("{field}: {}", words.join(", "))),
            (Some(words), _) => words.iter().for_each(|word| self.say(word)),
            // A map of field to what is wrong with it.
            (None, _) => {
                for (field, words) in &fields {
                    let field = self.clean(field);
                    self.say(&format!("{field}: {}", words.join(", ")));
                }
            }
        }
        ended
    }
}

/// The fields of an object that have words, as many as came.
fn fields_of<'de, A: MapAccess<'de>>(
    map: &mut A,
    mask: &Mask,
    fields: &mut Vec<(String, Vec<String>)>,
) -> Result<(), A::Error> {
    while let Some(name) = map.next_key()? {
        let mut words = Vec::new();
        let value = map.next_value_seed(Words(&mut words, mask));
        if !words.is_empty() {
            fields.push((name, words));
        }
        value?;
    }
    Ok(())
}

fn html_title(html: &str) -> Option<&str> {
    let lower = html.to_ascii_lowercase();
    let start = lower.find("<title>")? + "<title>".len();
    let end = start + lower[start..].find("</title>")?;
    Some(html[start..end].trim()).filter(|title| !title.is_empty())
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "hs_0123456789abcdef";

    fn mask() -> Mask {
        Mask::new("hk_0123456789", SECRET, "aGtfMDEyMzQ1Njc4OTpoc18=")
    }

    #[track_caller]
    fn extracted(body: impl AsRef<[u8]>) -> Option<String> {
        extract(body.as_ref(), &mask())
    }

    #[test]
    fn every_known_form_gives_its_words() {
        for (body, message) in [
            (r#"{"message":"no"}"#, "no"),
            (r#"{"error":"no"}"#, "no"),
            (r#"{"error":{"message":"no","code":7}}"#, "no"),
            (r#"{"error":"worse","message":"better"}"#, "better"),
            (r#"{"errors":["a","b"]}"#, "a; b"),
            (
                r#"{"errors":[{"field":"name","message":"is blank"}]}"#,
                "name: is blank",
            ),
            (
                r#"{"errors":{"name":["is blank","is short"],"key":"taken"}}"#,
                "name: is blank, is short; key: taken",
            ),
            (r#"{"message":"","detail":"no"}"#, "no"),
            (r#"["a",null,true,1,-1,1.5]"#, "a"),
            (r#""a""#, "a"),
            ("\u{feff}{\"message\":\"no\"}", "no"),
            (r#"{"message":"no"} and more"#, "no"),
            ("  plain\n text ", "plain text"),
            ("404 page not found", "404 page not found"),
            (r#"[error] "no""#, r#"[error] "no""#),
            (r#""quoted" text"#, r#""quoted" text"#),
            (
                "<html><head><TITLE> 502 Bad\nGateway </TITLE></head></html>",
                "an HTML page, \"502 Bad Gateway\"",
            ),
            ("</title><title>a</title>", "an HTML page, \"a\""),
            ("<!doctype html>", "an HTML page"),
        ] {
            assert_eq!(extracted(body).as_deref(), Some(message), "{body}");
        }
        for empty in ["", " ", "{}", "[]", r#"{"message":""}"#, "7", "null"] {
            assert_eq!(extracted(empty), None, "{empty}");
        }
    }

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let long = "é".repeat(1000);
        let words = vec!["é"; 1000].join("\",\"");
        for body in [
            long.clone(),
            format!(r#"{{"message":"{long}"}}"#),
            format!(r#"{{"errors":{{"{long}":"{long}"}}}}"#),
            format!(r#"["{words}"]"#),
        ] {
            let message = extracted(body).unwrap();
            assert_eq!(message.chars().count(), LONGEST + 1);
            assert!(message.ends_with('…'));
        }
        let exact = "é".repeat(LONGEST);
        assert_eq!(extracted(&exact), Some(exact));
    }

    #[test]
    fn no_form_shows_the_credentials() {
        let secret = SECRET;
        let escaped = r"hs_0123456789\u0061bcdef";
        for (body, message) in [
            (format!("got {secret}"), "got [REDACTED]"),
            (format!(r#"{{"error":"got {secret}"}}"#), "got [REDACTED]"),
            (format!(r#"{{"error":"got {escaped}"}}"#), "got [REDACTED]"),
            (format!(r#"{{"{secret}":"a"}}"#), "[REDACTED]: a"),
            (format!(r#"{{"{escaped}":"a"}}"#), "[REDACTED]: a"),
            (
                format!(r#"{{"field":"{escaped}","message":"a"}}"#),
                "[REDACTED]: a",
            ),
            (
                format!("<title>{secret}</title>"),
                "an HTML page, \"[REDACTED]\"",
            ),
            (
                "GET / authorization: Basic aGtfMDEyMzQ1Njc4OTpoc18=".to_owned(),
                "GET / authorization: Basic [REDACTED]=",
            ),
        ] {
            assert_eq!(extracted(&body).as_deref(), Some(message), "{body}");
        }
        // Whatever is cut off, no beginning of it remains.
        for before in LONGEST - SECRET.len()..=LONGEST {
            let padded = format!("{}{secret}", "x".repeat(before));
            for body in [format!(r#"["{padded}"]"#), padded] {
                assert!(!extracted(body).unwrap().contains("hs_"));
            }
        }
        for before in LOOKED_AT - SECRET.len()..=LOOKED_AT {
            let spaces = " ".repeat(before - 2);
            for body in [
                format!("x{spaces} {secret}"),
                format!("[{spaces}\"{secret}\"]"),
            ] {
                assert!(!extracted(body).unwrap().contains("hs_"));
            }
        }
    }

    #[test]
    fn no_form_shows_what_a_terminal_obeys() {
        let escapes = r"\u001b[31mred\u001b]0;x\u0007 \u0000 \u202e\nend";
        let raw = "\u{1b}[31mred\u{1b}]0;x\u{7} \0 \u{202e}\nend";
        let shown = r"\u{1b}[31mred\u{1b}]0;x\u{7} \u{0} \u{202e} end";
        for (body, message) in [
            (raw.to_owned(), shown.to_owned()),
            (format!(r#"{{"error":"{escapes}"}}"#), shown.to_owned()),
            (format!(r#"{{"{escapes}":"a"}}"#), format!("{shown}: a")),
            (
                format!("<title>{raw}</title>"),
                format!("an HTML page, \"{shown}\""),
            ),
        ] {
            assert_eq!(extracted(&body), Some(message), "{body}");
        }
    }

    #[test]
    fn a_body_that_is_cut_gives_the_words_before_the_cut() {
        let much = "x".repeat(LOOKED_AT);
        let x = format!("{}…", "x".repeat(LONGEST));
        for (body, message) in [
            (
                format!(r#"{{"message":"no","trace":"{much}"}}"#),
                "no".into(),
            ),
            (format!(r#"{{"message":"{much}"}}"#), x.clone()),
            (
                format!(r#"{{"errors":[{{"field":"a","message":"no"}},{{"b":["{much}"]}}]}}"#),
                format!("a: no; b: {x}")
                    .chars()
                    .take(LONGEST)
                    .chain(['…'])
                    .collect(),
            ),
            (
                format!(r#"{{"{much}":"no"}}"#),
                format!("{{\"{x}")
                    .chars()
                    .take(LONGEST)
                    .chain(['…'])
                    .collect(),
            ),
            (much.clone() + "y", x),
            (" ".repeat(LOOKED_AT) + "far away", String::new()),
        ] {
            let found = extracted(&body).unwrap_or_default();
            assert_eq!(found, message, "{}", &body[..60]);
        }
    }

    #[test]
    fn a_huge_and_deep_body_is_cut_before_it_is_parsed() {
        const HUGE: usize = 50 << 20;
        for open in [r#"{"error":"#, r#"{"errors":["#, "["] {
            // As deep as JSON is read, and much deeper: then its text is all there is.
            let deep = open.repeat(100 / open.matches(['{', '[']).count()) + "\"word\"";
            let body = format!("{deep}{}", " ".repeat(HUGE));
            assert_eq!(extracted(body).as_deref(), Some("word"), "{open}");
            let body = open.repeat(HUGE / open.len());
            let message = extracted(&body).unwrap();
            assert_eq!(message, format!("{}…", &body[..LONGEST]));
        }
        // What is within the part that is looked at is found, what is behind it is not.
        let nothing = "null,".repeat(LOOKED_AT / 5 - 2);
        let rest = "null,".repeat(HUGE / 5);
        let body = format!("[{nothing}\"near\",{rest}\"far\"]");
        assert_eq!(extracted(body).as_deref(), Some("near"));
        assert_eq!(mask().head(&vec![b'x'; HUGE], LOOKED_AT).len(), LOOKED_AT);
    }

    #[test]
    fn no_level_carries_more_than_can_be_shown() {
        let mut wide = "\"word\",".repeat(5_000);
        wide.pop();
        for body in [format!("[{wide}]"), format!(r#"{{"a":{{"b":[{wide}]}}}}"#)] {
            let mut words = Vec::new();
            let mut json = serde_json::Deserializer::from_str(&body);
            let collected = Words(&mut words, &mask()).deserialize(&mut json);
            collected.unwrap();
            let carried: usize = words.iter().map(String::len).sum();
            assert!(carried <= 2 * LONGEST * 4, "{carried}");
        }
    }
}
