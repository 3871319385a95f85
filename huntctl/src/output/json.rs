//! JSON as it came, laid out anew: no number is read and written again, so none changes.
//!
//! What a terminal would obey is written as an escape of JSON, which is the same text to every
//! program that reads it.

use std::io::{self, Write};

use super::visible::is_obeyed;

/// Writes a valid JSON text over several lines, each but the first indented by so many spaces.
///
/// # Errors
///
/// Where it cannot be written.
pub fn pretty(out: &mut impl Write, json: &str, indent: usize) -> io::Result<()> {
    write(out, json, Some(indent))
}

/// Writes a valid JSON text on one line, without spaces.
///
/// # Errors
///
/// Where it cannot be written.
pub fn compact(out: &mut impl Write, json: &str) -> io::Result<()> {
    write(out, json, None)
}

fn write(out: &mut impl Write, json: &str, indent: Option<usize>) -> io::Result<()> {
    let mut depth = 0;
    let mut rest = json;
    let line = |out: &mut _, depth: usize| match indent {
        Some(indent) => newline(out, indent + 2 * depth),
        None => Ok(()),
    };
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '"' => {
                let end = end_of_text(rest);
                text(out, &rest[..end])?;
                rest = &rest[end + 1..];
            }
            '{' | '[' => {
                write!(out, "{c}")?;
                let next = rest.trim_ascii_start();
                if next.starts_with(['}', ']']) {
                    write!(out, "{}", &next[..1])?;
                    rest = &next[1..];
                } else {
                    depth += 1;
                    line(out, depth)?;
                }
            }
            '}' | ']' => {
                depth -= 1;
                line(out, depth)?;
                write!(out, "{c}")?;
            }
            ',' => {
                write!(out, ",")?;
                line(out, depth)?;
            }
            ':' if indent.is_some() => write!(out, ": ")?,
            c if c.is_ascii_whitespace() => {}
            c => write!(out, "{c}")?,
        }
    }
    Ok(())
}

fn newline(out: &mut impl Write, spaces: usize) -> io::Result<()> {
    write!(out, "\n{:spaces$}", "")
}

/// Where the quote stands that ends a text.
fn end_of_text(rest: &str) -> usize {
    let mut escaped = false;
    let end = rest.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    });
    end.unwrap_or(rest.len().saturating_sub(1))
}

fn text(out: &mut impl Write, inner: &str) -> io::Result<()> {
    out.write_all(b"\"")?;
    if inner.contains(is_obeyed) {
        for c in inner.chars() {
            if is_obeyed(c) {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    write!(out, "\\u{unit:04x}")?;
                }
            } else {
                write!(out, "{c}")?;
            }
        }
    } else {
        out.write_all(inner.as_bytes())?;
    }
    out.write_all(b"\"")
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn laid_out(json: &str, indent: Option<usize>) -> String {
        let mut out = Vec::new();
        write(&mut out, json, indent).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn json_stays_what_it_is() {
        let json = r#" {"a" : [1.10, 12345678901234567890123, {}, [ ] , "x\"y\\" ],"b":{"c":null}, "d e": "f  g: ,"} "#;
        let pretty = "{\n  \"a\": [\n    1.10,\n    12345678901234567890123,\n    {},\n    [],\n    \"x\\\"y\\\\\"\n  ],\n  \"b\": {\n    \"c\": null\n  },\n  \"d e\": \"f  g: ,\"\n}";
        assert_eq!(laid_out(json, Some(0)), pretty);
        let compact =
            r#"{"a":[1.10,12345678901234567890123,{},[],"x\"y\\"],"b":{"c":null},"d e":"f  g: ,"}"#;
        assert_eq!(laid_out(json, None), compact);
        assert_eq!(laid_out("[1]", Some(2)), "[\n    1\n  ]");
        assert_eq!(laid_out("\"\"", Some(0)), "\"\"");
    }

    #[test]
    fn what_is_obeyed_is_the_same_text_but_not_obeyed() {
        let json = "[\"a\u{202e}b\u{9b}c\u{e0041}\u{7f}\"]";
        let written = laid_out(json, None);
        assert_eq!(written, r#"["a\u202eb\u009bc\udb40\udc41\u007f"]"#);
        let texts: Vec<String> = serde_json::from_str(&written).unwrap();
        assert_eq!(texts, ["a\u{202e}b\u{9b}c\u{e0041}\u{7f}"]);
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let single = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            // What laying out looks for.
            "[{}\\[\\],:\" \\\\\n\u{7f}\u{202e}]*".prop_map(Value::from),
        ];
        single.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                vec(inner.clone(), 0..5).prop_map(Value::from),
                vec((any::<String>(), inner), 0..5)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_json_stays_what_it_is(value in any_json(), indent in 0..4_usize) {
            let spaced = serde_json::to_string_pretty(&value).unwrap();
            for json in [value.to_string(), spaced] {
                let compact = laid_out(&json, None);
                prop_assert!(!compact.contains(is_obeyed));
                prop_assert_eq!(&serde_json::from_str::<Value>(&compact).unwrap(), &value);
                let pretty = laid_out(&json, Some(indent));
                prop_assert!(!pretty.replace('\n', "").contains(is_obeyed));
                prop_assert_eq!(&serde_json::from_str::<Value>(&pretty).unwrap(), &value);
            }
        }
    }
}
