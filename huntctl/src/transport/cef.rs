//! The Common Event Format, version 0, as the message of a syslog line.
//!
//! `CEF:0|vendor|product|version|signature|name|severity|key=value …`: the header ends its
//! fields by `|`, the extension begins them by `=`, so these are escaped, each in its place.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use super::Event;
use super::fit::cut;
use super::template::{in_body, text};
use crate::failure::{Exit, Failure};

/// The longest value of most keys, in bytes.
const LONGEST: usize = 1023;
/// The longest of `cs1` to `cs6`, which are meant for texts of one's own.
const LONGEST_CUSTOM: usize = 4000;
/// Where usual fields of the records are. Those that a record does not have are left out.
const USUAL: [(&str, &str); 6] = [
    ("cs1", "status"),
    ("cs2", "platform"),
    ("cs3", "organization_id"),
    ("cs4", "indicator_types"),
    ("cn1", "agent_id"),
    ("duser", "username"),
];

/// The usual fields with those of the settings, which may take their place.
pub(super) fn fields(own: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Failure> {
    let usual = USUAL
        .iter()
        .map(|(key, path)| ((*key).to_owned(), (*path).to_owned()));
    let mut fields: BTreeMap<_, _> = usual.collect();
    for (key, path) in own {
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            let text = format!("CEF: {key:?} is no key; it has letters and digits only");
            return Err(Failure::new(Exit::Usage, text));
        }
        fields.insert(key.clone(), path.clone());
    }
    Ok(fields)
}

pub(super) fn message(event: &Event, fields: &BTreeMap<String, String>) -> String {
    let kind = in_header(&event.kind, LONGEST);
    let name = in_header(&event.summary, 512);
    let mut text = format!(
        "CEF:0|Huntress|Huntress|1|{kind}|{name}|{}|",
        event.severity.cef()
    );
    let time = event.time.as_millisecond().to_string();
    let always = [
        ("rt", time.as_str()),
        ("externalId", &event.id),
        ("cat", &event.kind),
        ("dvchost", &event.host),
        ("msg", &event.summary),
    ];
    let mut before = "";
    let mut add = |key: &str, value: &str| {
        if !value.is_empty() {
            // Writing to memory does not fail.
            let _ = write!(text, "{before}{key}={}", in_extension(key, value));
            before = " ";
        }
    };
    for (key, value) in always {
        if !fields.contains_key(key) {
            add(key, value);
        }
    }
    for (key, path) in fields {
        let path: Vec<_> = path.split('.').collect();
        let Some(value) = in_body(event, &path) else {
            continue;
        };
        let number = key.starts_with("cn");
        if value.is_null() || (number && !value.is_number()) {
            continue;
        }
        add(key, &plain(value));
        if number || key.starts_with("cs") {
            add(&format!("{key}Label"), &path.join("."));
        }
    }
    text
}

/// As text; a list of texts without the brackets.
fn plain(value: &Value) -> String {
    match value {
        Value::Array(items) if items.iter().all(Value::is_string) => {
            let items: Vec<_> = items.iter().filter_map(Value::as_str).collect();
            items.join(", ")
        }
        value => text(value.clone()),
    }
}

fn in_header(text: &str, longest: usize) -> String {
    let mut short = text.to_owned();
    cut(&mut short, longest);
    let mut escaped = String::new();
    for c in short.chars() {
        match c {
            '\\' | '|' => escaped.extend(['\\', c]),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

fn in_extension(key: &str, text: &str) -> String {
    let longest = if key.starts_with("cs") {
        LONGEST_CUSTOM
    } else {
        LONGEST
    };
    let mut short = text.to_owned();
    cut(&mut short, longest);
    let mut escaped = String::new();
    for c in short.chars() {
        match c {
            '\\' | '=' => escaped.extend(['\\', c]),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::flatten::tests::event;
    use serde_json::json;

    #[test]
    fn a_message_with_its_usual_fields() {
        let body = json!({
            "status": "sent", "agent_id": 9, "platform": null, "organization_id": 3,
            "indicator_types": ["footholds", "managed_antivirus"]
        });
        assert_eq!(
            message(&event(body), &fields(&BTreeMap::new()).unwrap()),
            "CEF:0|Huntress|Huntress|1|incident|A foothold|8|rt=1780315200250 \
             externalId=incident:7:1 cat=incident dvchost=PC-1 msg=A foothold cn1=9 \
             cn1Label=agent_id cs1=sent cs1Label=status cs3=3 cs3Label=organization_id \
             cs4=footholds, managed_antivirus cs4Label=indicator_types"
        );
    }

    #[test]
    fn what_is_special_is_escaped_where_it_is() {
        let own = BTreeMap::from([
            ("request".into(), "a.url".into()),
            ("msg".into(), "t".into()),
        ]);
        let mut event = event(json!({"a": {"url": "https://h/?a=b|c"}, "t": "1\n2\r3\\4=5|6\t7"}));
        event.summary = "a|b\\c=d\ne".into();
        let text = message(&event, &fields(&own).unwrap());
        assert!(text.contains(r"|a\|b\\c=d e|8|"), "{text}");
        assert!(text.contains(r" request=https://h/?a\=b|c"), "{text}");
        assert!(text.contains(r" msg=1\n2\r3\\4\=5|6 7 "), "{text}");
        assert!(fields(&BTreeMap::from([("a b".into(), "x".into())])).is_err());
    }
}
