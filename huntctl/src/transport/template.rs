//! Texts with fields of an event in them: `{{summary}}`, `{{body.status}}`.
//!
//! What is filled in was often written by an attacker, so each place escapes it as the text
//! around it needs. In JSON, a field within quotes is text of that string, and one outside is
//! a value with its own quotes; so the result is JSON whatever the fields hold.

use serde_json::{Map, Value};

use super::Event;
use crate::failure::{Exit, Failure};

#[derive(Debug)]
pub(super) struct Template {
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    Text(String),
    Field {
        /// `body.status` is `["body", "status"]`.
        path: Vec<String>,
        /// It stands within quotes.
        quoted: bool,
    },
}

impl Template {
    /// Of text that is JSON once its fields are filled in.
    pub(super) fn json(text: &str) -> Result<Self, Failure> {
        let template = Self::plain(text)?;
        let sample = template.fill(|_, quoted| if quoted { "x" } else { "null" }.to_owned());
        match serde_json::from_str::<serde::de::IgnoredAny>(&sample) {
            Ok(_) => Ok(template),
            Err(error) => Err(wrong(text, &format!("it does not make JSON: {error}"))),
        }
    }

    /// Of any other text.
    pub(super) fn plain(text: &str) -> Result<Self, Failure> {
        let mut parts = Vec::new();
        let mut quoted = false;
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let (field, after) = after
                .split_once("}}")
                .ok_or_else(|| wrong(text, "a `{{` has no `}}`"))?;
            quoted = quoted_after(before, quoted);
            parts.push(Part::Text(before.to_owned()));
            let path: Vec<_> = field.trim().split('.').map(str::to_owned).collect();
            let known = match path[0].as_str() {
                "body" => true,
                name => path.len() == 1 && PLAIN.contains(&name),
            };
            if !known {
                let plain = PLAIN.join(", ");
                let why = format!("{field:?} is no field; there are {plain}, body, body.…");
                return Err(wrong(text, &why));
            }
            parts.push(Part::Field { path, quoted });
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Self { parts })
    }

    /// JSON, as [`json`](Self::json) has checked.
    pub(super) fn as_json(&self, event: &Event) -> String {
        self.fill(|path, quoted| {
            let value = value(event, path);
            if quoted {
                let text = Value::from(text(value)).to_string();
                return text[1..text.len() - 1].to_owned();
            }
            value.to_string()
        })
    }

    /// Part of a URL: what a field holds cannot end the part that it stands in.
    pub(super) fn as_url(&self, event: &Event) -> String {
        self.fill(|path, _| percent_encoded(&text(value(event, path))))
    }

    /// The name of an index or a source: small letters, digits, `_` and `.`.
    pub(super) fn as_name(&self, event: &Event) -> String {
        let name = |c: char| match c.to_ascii_lowercase() {
            c @ ('a'..='z' | '0'..='9' | '.') => c,
            _ => '_',
        };
        self.fill(|path, _| text(value(event, path)).chars().map(name).collect())
    }

    fn fill(&self, mut field: impl FnMut(&[String], bool) -> String) -> String {
        let mut filled = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Field { path, quoted } => filled.push_str(&field(path, *quoted)),
            }
        }
        filled
    }
}

/// The fields beside the body.
const PLAIN: [&str; 7] = [
    "id", "record", "kind", "time", "host", "severity", "summary",
];

fn value(event: &Event, path: &[String]) -> Value {
    let names: Vec<&str> = path.iter().map(String::as_str).collect();
    match names[..] {
        ["id"] => event.id.as_str().into(),
        ["record"] => event.record.as_str().into(),
        ["kind"] => event.kind.as_str().into(),
        ["time"] => event.time.to_string().into(),
        ["host"] => event.host.as_str().into(),
        ["severity"] => event.severity.name().into(),
        ["summary"] => event.summary.as_str().into(),
        ["body"] => event.body.clone().into(),
        ["body", ref inner @ ..] => in_body(event, inner).cloned().unwrap_or_default(),
        _ => Value::Null,
    }
}

/// What stands at this place of the body. A key may have dots itself.
pub(super) fn in_body<'a>(event: &'a Event, path: &[&str]) -> Option<&'a Value> {
    below(&event.body, path)
}

fn below<'a>(object: &'a Map<String, Value>, path: &[&str]) -> Option<&'a Value> {
    (1..=path.len()).rev().find_map(|length| {
        let value = object.get(&path[..length].join("."))?;
        match &path[length..] {
            [] => Some(value),
            rest => below(value.as_object()?, rest),
        }
    })
}

/// A value as text; nothing where there is none.
pub(super) fn text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// Whether what follows this text stands within quotes.
fn quoted_after(text: &str, before: bool) -> bool {
    let mut quoted = before;
    let mut escaped = false;
    for c in text.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
    }
    quoted
}

fn wrong(template: &str, why: &str) -> Failure {
    Failure::new(Exit::Usage, format!("the template {template:?}: {why}"))
}

fn percent_encoded(text: &str) -> String {
    use std::fmt::Write as _;
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' => {
                encoded.push(byte.into());
            }
            // A full stop as well: `..` would be a way up.
            _ => drop(write!(encoded, "%{byte:02X}")),
        }
    }
    encoded
}

/// Undoes what a URL does to user and password.
pub(super) fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        let hex = match after {
            [high, low, ..] if *first == b'%' => [*high, *low],
            _ => [b' ', b' '],
        };
        match std::str::from_utf8(&hex).map(|hex| u8::from_str_radix(hex, 16)) {
            Ok(Ok(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => bytes.push(*first),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::flatten::tests::event;
    use proptest::prelude::*;
    use serde_json::json;

    #[track_caller]
    fn filled(template: &str, body: Value) -> Value {
        let text = Template::json(template).unwrap().as_json(&event(body));
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn fields_within_quotes_and_outside() {
        let body = json!({"a": "x\"y", "n": 1, "o": {"p": true}, "d.e": {"f.g": 2}});
        assert_eq!(
            filled(
                r#"{"q": "\"{{ body.a }}\"", "v": {{body.a}}, "n": "{{body.n}}", "o": {{body.o}},
                    "s": "{{body.o}}", "no": {{body.no}}, "none": "<{{body.no.p}}>",
                    "t": {{time}}, "i": "{{severity}} {{kind}} {{id}} {{record}} {{host}}",
                    "d": {{body.d.e.f.g}}}"#,
                body
            ),
            json!({
                "q": "\"x\"y\"", "v": "x\"y", "n": "1", "o": {"p": true},
                "s": r#"{"p":true}"#, "no": null, "none": "<>",
                "t": "2026-06-01T12:00:00.25Z",
                "i": "high incident incident:7:1 incident:7 PC-1", "d": 2
            })
        );
        assert_eq!(filled("{{body}}", json!({"a": 1})), json!({"a": 1}));
    }

    #[test]
    fn wrong_templates_are_told_at_once() {
        for (text, why) in [
            ("{{body", "a `{{` has no `}}`"),
            ("{{secret}}", "\"secret\" is no field; there are id,"),
            ("{{id.x}}", "\"id.x\" is no field"),
            ("{\"a\": {{id}}", "it does not make JSON: EOF"),
            ("", "it does not make JSON"),
        ] {
            let error = Template::json(text).unwrap_err();
            assert!(error.to_string().contains(why), "{text}: {error}");
            assert_eq!(error.exit(), Exit::Usage);
        }
    }

    #[test]
    fn urls_and_names() {
        let body = json!({"a": "../x?y#z é"});
        let url = Template::plain("https://h/{{body.a}}?k={{kind}}").unwrap();
        assert_eq!(
            url.as_url(&event(body.clone())),
            "https://h/%2E%2E%2Fx%3Fy%23z%20%C3%A9?k=incident"
        );
        let name = Template::plain("logs-x.{{body.a}}-y").unwrap();
        assert_eq!(name.as_name(&event(body)), "logs-x..._x_y_z__-y");
        assert_eq!(percent_decoded("a%40b%2Fc%zz%4%"), "a@b/c%zz%4%");
    }

    proptest! {
        #[test]
        fn whatever_is_filled_in_it_stays_json(text in ".*", key in ".*") {
            let template = r#"{"a": "x{{body.t}}y", "b": {{body.t}}, "c": {{body}}, "d": "{{body}}"}"#;
            let body = json!({"t": text, key.clone(): 1});
            let value = filled(template, body.clone());
            if key != "t" {
                prop_assert_eq!(&value["a"], &json!(format!("x{text}y")));
                prop_assert_eq!(&value["b"], &json!(text));
            }
            prop_assert_eq!(&value["c"], &body);
            prop_assert_eq!(value["d"].as_str().map(|text| serde_json::from_str::<Value>(text).unwrap()), Some(body));
        }

        #[test]
        fn what_is_encoded_is_decoded(text in ".*") {
            prop_assert_eq!(percent_decoded(&percent_encoded(&text)), text);
        }
    }
}
