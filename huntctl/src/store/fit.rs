//! A JSON value as a column's value.
//!
//! As the library does with its types: what says the same in another form is converted, what
//! would lose something does not fit.

use huntress::__huntctl as read;
use serde_json::Value as Json;
use serde_json::value::RawValue;

use super::column::Kind;
use crate::database::Value;

/// Deeper than this no value is searched in.
const DEEPEST: usize = 200;
/// An exponent of more digits than this is more than the numbers of PostgreSQL's `jsonb` hold.
const LONGEST_EXPONENT: usize = 4;

/// What the value is in a column of this kind, or why it is nothing there.
pub(super) fn fit(raw: &RawValue, kind: Kind, decode: Option<&str>) -> Result<Value, String> {
    let json = raw.get();
    if json == "null" {
        return Ok(Value::Null);
    }
    if let Some(value) = quickly(json, kind) {
        return Ok(value);
    }
    if kind == Kind::Json {
        return nested(json, decode);
    }
    let value: Json = serde_json::from_str(json).map_err(|_| "it cannot be read".to_owned())?;
    slowly(&value, kind)
        .ok_or_else(|| format!("expected {}, but it is {}", noun(kind), what(&value)))
}

/// The usual form of a value, without a detour.
fn quickly(json: &str, kind: Kind) -> Option<Value> {
    match kind {
        Kind::Integer => json.parse().ok().map(Value::Integer),
        Kind::Boolean => json.parse().ok().map(Value::Bool),
        Kind::Text => serde_json::from_str(json).ok().map(Value::Text),
        Kind::Moment => {
            let text = json.strip_prefix('"')?.strip_suffix('"')?;
            text.parse().ok().filter(within_years).map(Value::Time)
        }
        Kind::Real | Kind::Date | Kind::Json => None,
    }
}

fn slowly(value: &Json, kind: Kind) -> Option<Value> {
    match kind {
        Kind::Integer => read::integer(value).map(Value::Integer),
        Kind::Boolean => match value.as_str().map(str::trim) {
            Some("true") => Some(Value::Bool(true)),
            Some("false") => Some(Value::Bool(false)),
            _ => value.as_bool().map(Value::Bool),
        },
        Kind::Real => {
            let text = || value.as_str()?.trim().parse().ok();
            let number = value.as_f64().or_else(text);
            number.filter(|number| number.is_finite()).map(Value::Real)
        }
        Kind::Text => match value {
            Json::Number(number) => Some(Value::Text(number.to_string())),
            Json::Bool(boolean) => Some(Value::Text(boolean.to_string())),
            _ => None,
        },
        Kind::Moment if is_blank(value) => Some(Value::Null),
        Kind::Moment => read::moment(value).filter(within_years).map(Value::Time),
        Kind::Date if is_blank(value) => Some(Value::Null),
        Kind::Date => read::date(value)
            .filter(|date| date.year() > 0)
            .map(|date| Value::Text(date.to_string())),
        Kind::Json => None,
    }
}

/// PostgreSQL has no moment as early as the earliest of all, and of years before the first the
/// texts of SQLite would not sort as time does.
fn within_years(time: &jiff::Timestamp) -> bool {
    time.as_second() >= -62_135_596_800
}

fn is_blank(value: &Json) -> bool {
    value.as_str().is_some_and(|text| text.trim().is_empty())
}

fn nested(json: &str, decode: Option<&str>) -> Result<Value, String> {
    if !can_be_searched(json) {
        return Err("expected less depth and smaller exponents".to_owned());
    }
    let Some(decode) = decode else {
        return Ok(Value::Json(json.to_owned()));
    };
    let value = serde_json::from_str(json).map_err(|_| "it cannot be read".to_owned())?;
    let before = std::mem::discriminant(&value);
    let reshaped = read::reshaped(decode, value);
    // Only what changes is written anew, so that numbers stay as they came.
    if std::mem::discriminant(&reshaped) == before && decode != "id_or_object" {
        return Ok(Value::Json(json.to_owned()));
    }
    Ok(Value::Json(reshaped.to_string()))
}

/// Whether databases can look into the value.
fn can_be_searched(json: &str) -> bool {
    depth(json) <= DEEPEST && longest_exponent(json) <= LONGEST_EXPONENT
}

/// How deep lists and objects are nested, texts passed over.
pub(super) fn depth(json: &str) -> usize {
    let (mut depth, mut deepest) = (0usize, 0);
    outside_texts(json, |byte, _| match byte {
        b'[' | b'{' => {
            depth += 1;
            deepest = deepest.max(depth);
        }
        b']' | b'}' => depth = depth.saturating_sub(1),
        _ => {}
    });
    deepest
}

fn longest_exponent(json: &str) -> usize {
    let mut longest = 0;
    outside_texts(json, |byte, at| {
        let bytes = json.as_bytes();
        let number = at > 0 && bytes[at - 1].is_ascii_digit();
        if number && matches!(byte, b'e' | b'E') {
            let exponent = json[at + 1..].trim_start_matches(['+', '-']);
            let exponent = exponent.trim_start_matches('0');
            let digits = exponent.bytes().take_while(u8::is_ascii_digit).count();
            longest = longest.max(digits);
        }
    });
    longest
}

fn outside_texts(json: &str, mut each: impl FnMut(u8, usize)) {
    let (mut within, mut escaped) = (false, false);
    for (at, byte) in json.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if within => escaped = true,
            b'"' => within = !within,
            _ if within => {}
            _ => each(byte, at),
        }
    }
}

fn noun(kind: Kind) -> &'static str {
    match kind {
        Kind::Integer => "a whole number",
        Kind::Boolean => "a boolean",
        Kind::Real => "a number",
        Kind::Text => "text",
        Kind::Moment => "a moment",
        Kind::Date => "a date",
        Kind::Json => "JSON",
    }
}

/// What a value is, without showing it.
fn what(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "a boolean",
        Json::Number(_) => "a number",
        Json::String(text) if text.is_empty() => "empty text",
        Json::String(_) => "text",
        Json::Array(_) => "a list",
        Json::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fitted(json: &str, kind: Kind) -> Result<Value, String> {
        let raw: Box<RawValue> = serde_json::from_str(json).unwrap();
        fit(&raw, kind, None)
    }

    #[test]
    fn what_says_the_same_is_converted() {
        let noon = || Value::Time("2026-01-22T12:00:00Z".parse().unwrap());
        for (json, kind, value) in [
            ("null", Kind::Integer, Value::Null),
            ("720899", Kind::Integer, 720_899.into()),
            (r#""720899""#, Kind::Integer, 720_899.into()),
            ("22631.0", Kind::Integer, 22_631.into()),
            ("1e3", Kind::Integer, 1_000.into()),
            ("-9223372036854775808", Kind::Integer, i64::MIN.into()),
            ("true", Kind::Boolean, true.into()),
            (r#"" false ""#, Kind::Boolean, false.into()),
            ("7", Kind::Real, 7.0.into()),
            (r#""1.5""#, Kind::Real, 1.5.into()),
            (r#""""#, Kind::Text, "".into()),
            (r#""a\u0041\n""#, Kind::Text, "aA\n".into()),
            ("7", Kind::Text, "7".into()),
            ("true", Kind::Text, "true".into()),
            (r#""2026-01-22T12:00:00Z""#, Kind::Moment, noon()),
            (r#""2026-01-22 12:00:00 UTC""#, Kind::Moment, noon()),
            (r#""2026-01-22T14:00:00+02:00""#, Kind::Moment, noon()),
            ("1769083200", Kind::Moment, noon()),
            ("1769083200000", Kind::Moment, noon()),
            (r#"" ""#, Kind::Moment, Value::Null),
            (r#""2026-01-22""#, Kind::Date, "2026-01-22".into()),
            (r#""2026-01-22T00:00:00Z""#, Kind::Date, "2026-01-22".into()),
            (r#""""#, Kind::Date, Value::Null),
            (
                r#"{"a": 1e30}"#,
                Kind::Json,
                Value::Json(r#"{"a": 1e30}"#.into()),
            ),
        ] {
            assert_eq!(fitted(json, kind), Ok(value), "{json}");
        }
    }

    #[test]
    fn what_would_lose_something_is_told_without_its_value() {
        for (json, kind, problem) in [
            ("1.5", Kind::Integer, "a whole number, but it is a number"),
            (
                "18446744073709551615",
                Kind::Integer,
                "a whole number, but it is a number",
            ),
            (
                r#""""#,
                Kind::Integer,
                "a whole number, but it is empty text",
            ),
            ("1", Kind::Boolean, "a boolean, but it is a number"),
            (r#""NaN""#, Kind::Real, "a number, but it is text"),
            ("[]", Kind::Text, "text, but it is a list"),
            (r#""soon""#, Kind::Moment, "a moment, but it is text"),
            (
                r#""-000001-01-01T00:00:00Z""#,
                Kind::Moment,
                "a moment, but it is text",
            ),
            (
                r#""2026-01-22T01:00:00Z""#,
                Kind::Date,
                "a date, but it is text",
            ),
            ("1e400000", Kind::Json, "less depth and smaller exponents"),
        ] {
            assert_eq!(
                fitted(json, kind),
                Err(format!("expected {problem}")),
                "{json}"
            );
        }
        assert_eq!(
            fitted("1e999", Kind::Integer),
            Err("it cannot be read".into())
        );
        let deep = format!("{}{}", "[".repeat(300), "]".repeat(300));
        assert!(fitted(&deep, Kind::Json).is_err());
        assert!(fitted(r#""[[[[{{{1e99999""#, Kind::Json).is_ok());
    }

    #[test]
    fn several_shapes_become_one() {
        let fitted = |json: &str, decode| {
            let raw: Box<RawValue> = serde_json::from_str(json).unwrap();
            fit(&raw, Kind::Json, Some(decode))
        };
        let json = |text: &str| Ok(Value::Json(text.to_owned()));
        assert_eq!(fitted(r#"{"a":1}"#, "keys_of_map"), json(r#"["a"]"#));
        assert_eq!(
            fitted(r#"["b", "a"]"#, "keys_of_map"),
            json(r#"["b", "a"]"#)
        );
        assert_eq!(fitted("[7]", "id_or_object"), json(r#"[{"id":7}]"#));
        assert_eq!(
            fitted(r#"[{"id":7}]"#, "item_list"),
            json(r#"{"items":[{"id":7}]}"#)
        );
        assert_eq!(fitted("7", "unheard_of"), json("7"));
    }
}
