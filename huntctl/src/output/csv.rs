//! Cells of comma-separated values.

use std::borrow::Cow;

use serde_json::Value;

/// A value as it stands in a cell: what is nested is JSON, and nothing is null.
pub(super) fn cell(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Null => Cow::Borrowed(""),
        Value::String(text) => harmless(text),
        other => Cow::Owned(other.to_string()),
    }
}

/// The text, with a `'` before it where a spreadsheet would take it for a formula. An attacker
/// may have chosen it.
pub(crate) fn harmless(text: &str) -> Cow<'_, str> {
    const BEGIN: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];
    if text.starts_with(BEGIN) {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_spreadsheet_computes_nothing() {
        for (value, shown) in [
            (json!("=1+1"), "'=1+1"),
            (json!("+1"), "'+1"),
            (json!("-1"), "'-1"),
            (json!("@x"), "'@x"),
            (json!("\t=x"), "'\t=x"),
            (json!("＝x"), "'＝x"),
            (json!("a=b"), "a=b"),
            (json!(-1), "-1"),
            (json!(null), ""),
            (json!(true), "true"),
            (json!(["a"]), "[\"a\"]"),
        ] {
            assert_eq!(cell(&value), shown);
        }
    }
}
