//! Values that both databases have, and rows of them.

use jiff::Timestamp;

/// A value of a column or parameter.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// None.
    Null,
    /// SQLite keeps it as 0 or 1.
    Bool(bool),
    /// 64 bits.
    Integer(i64),
    /// 64 bits.
    Real(f64),
    /// Text. A NUL in it, which PostgreSQL cannot keep, becomes U+FFFD in both.
    Text(String),
    /// JSON. SQLite keeps it as text.
    Json(String),
    /// A moment. SQLite keeps it as text, `2026-06-01T12:00:00.000Z`, which sorts as time does.
    Time(Timestamp),
}

/// A row of a result. A column that is not there, or has another type, reads as none.
#[derive(Clone, Debug, PartialEq)]
pub struct Row(pub(super) Vec<Value>);

impl Row {
    /// A row of these values.
    #[cfg(test)]
    pub(crate) fn of(values: Vec<Value>) -> Self {
        Self(values)
    }

    /// The values.
    pub fn values(&self) -> &[Value] {
        &self.0
    }

    /// An integer.
    pub fn integer(&self, column: usize) -> Option<i64> {
        match self.0.get(column)? {
            Value::Integer(value) => Some(*value),
            Value::Bool(value) => Some(i64::from(*value)),
            _ => None,
        }
    }

    /// Whether it is true.
    pub fn bool(&self, column: usize) -> Option<bool> {
        self.integer(column).map(|value| value != 0)
    }

    /// A number.
    pub fn real(&self, column: usize) -> Option<f64> {
        match self.0.get(column)? {
            Value::Real(value) => Some(*value),
            // Counts and sums are far from 2⁵³.
            #[expect(clippy::cast_precision_loss)]
            Value::Integer(value) => Some(*value as f64),
            _ => None,
        }
    }

    /// Text, or JSON as text.
    pub fn text(&self, column: usize) -> Option<&str> {
        match self.0.get(column)? {
            Value::Text(value) | Value::Json(value) => Some(value),
            _ => None,
        }
    }

    /// A moment.
    pub fn time(&self, column: usize) -> Option<Timestamp> {
        match self.0.get(column)? {
            Value::Time(value) => Some(*value),
            Value::Text(value) => value.parse().ok(),
            _ => None,
        }
    }
}

/// A moment as SQLite keeps it: of one width, so that the order of texts is that of moments.
pub(super) fn text_of(time: Timestamp) -> String {
    format!("{time:.3}")
}

/// Text without NUL.
pub(super) fn without_nul(text: &str) -> std::borrow::Cow<'_, str> {
    if text.contains('\0') {
        text.replace('\0', "\u{fffd}").into()
    } else {
        text.into()
    }
}

/// JSON without an escaped NUL, `\u0000`: PostgreSQL keeps none in what it can search.
pub(super) fn json_without_nul(json: &str) -> std::borrow::Cow<'_, str> {
    const NUL: &str = "\\u0000";
    if !json.contains(NUL) {
        return json.into();
    }
    let mut clean = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        let (before, from) = rest.split_at(at);
        clean.push_str(before);
        if let Some(after) = from.strip_prefix(NUL) {
            clean.push_str("\\ufffd");
            rest = after;
        } else {
            // An escape and what it escapes, which may be a backslash itself.
            let length = 1 + from[1..].chars().next().map_or(0, char::len_utf8);
            clean.push_str(&from[..length]);
            rest = &from[length..];
        }
    }
    clean.push_str(rest);
    clean.into()
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Real(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<Timestamp> for Value {
    fn from(value: Timestamp) -> Self {
        Self::Time(value)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_escaped_nul_is_told_from_an_escaped_backslash() {
        for (json, expected) in [
            (r#"{"a":"x"}"#, r#"{"a":"x"}"#),
            (r#"{"a":"\u0000"}"#, r#"{"a":"\ufffd"}"#),
            (r#"{"a":"\\u0000"}"#, r#"{"a":"\\u0000"}"#),
            (
                r#"{"a":"\\\u0000\"é\u0000"}"#,
                r#"{"a":"\\\ufffd\"é\ufffd"}"#,
            ),
        ] {
            assert_eq!(json_without_nul(json), expected);
        }
    }

    #[test]
    fn moments_as_text_sort_as_moments() {
        let at = |text: &str| text_of(text.parse().unwrap());
        assert_eq!(at("2026-06-01T12:00:00Z"), "2026-06-01T12:00:00.000Z");
        assert!(at("2026-06-01T12:00:00.5Z") > at("2026-06-01T12:00:00Z"));
    }
}
