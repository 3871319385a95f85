//! A row of the log, with every digit of its numbers.
//!
//! A JSON value of serde_json holds a number as a 64-bit integer or a float, so a larger
//! integer would lose digits. serde_json can keep them, but by a feature that changes the
//! type for every crate of a program. So a row keeps each value as the JSON that came.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use serde::de::{DeserializeOwned, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

const UUID: &str = "uuid";
const ORGANIZATION: &str = "organization_id";
const TIME: &str = "@timestamp";
/// The most digits of a second that a [`Timestamp`] has.
const DIGITS: usize = 9;

/// One row: columns by name, in the order in which they came.
///
/// A row is flat, and its names have dots in them: `host.name`. Values are the JSON that
/// came, so a number has all its digits. It is written as it was read: serialising a row
/// gives the same object, and so does its text.
///
/// ```
/// let json = r#"{"uuid":"019b0000","event.sequence":36893488147419103232,"user.name":null}"#;
/// let row: huntress::siem::Row = serde_json::from_str(json)?;
/// assert_eq!(row.uuid().as_deref(), Some("019b0000"));
/// assert_eq!(row.text("event.sequence").as_deref(), Some("36893488147419103232"));
/// assert_eq!(row.get::<u128>("event.sequence")?, Some(36893488147419103232));
/// assert_eq!(row.text("user.name"), None);
/// assert_eq!(row.to_string(), json);
/// # Ok::<_, serde_json::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Row(Vec<(String, Box<RawValue>)>);

impl Row {
    /// The JSON of a column; `None` where the row has no such column.
    pub fn raw(&self, column: &str) -> Option<&RawValue> {
        let mut columns = self.columns();
        columns.find_map(|(name, json)| (name == column).then_some(json))
    }

    /// A column in a type of the caller's; `None` where it is null or not there.
    ///
    /// # Errors
    ///
    /// When the value does not fit the type.
    pub fn get<T: DeserializeOwned>(&self, column: &str) -> serde_json::Result<Option<T>> {
        match self.raw(column) {
            Some(json) => serde_json::from_str(json.get()),
            None => Ok(None),
        }
    }

    /// A column as text: a text without its quotes, anything else as JSON, so that a number
    /// has all its digits. `None` where it is null or not there.
    pub fn text(&self, column: &str) -> Option<Cow<'_, str>> {
        let json = self.raw(column)?.get();
        match json.as_bytes().first() {
            Some(b'"') => serde_json::from_str::<String>(json).ok().map(Cow::Owned),
            Some(b'n') => None,
            _ => Some(Cow::Borrowed(json)),
        }
    }

    /// The column `uuid`.
    pub fn uuid(&self) -> Option<Cow<'_, str>> {
        self.text(UUID)
    }

    /// The column `@timestamp`, to the nanosecond; `None` where it is not there, or not a
    /// moment.
    pub fn timestamp(&self) -> Option<Timestamp> {
        to_nanoseconds(&self.text(TIME)?).parse().ok()
    }

    /// The columns, in the order in which they came.
    pub fn columns(&self) -> impl Iterator<Item = (&str, &RawValue)> {
        self.0.iter().map(|(name, json)| (&**name, &**json))
    }

    /// The same as a map of serde_json, in which an integer of more than 64 bits is a float.
    ///
    /// # Errors
    ///
    /// When a number is larger than a float can be.
    pub fn to_map(&self) -> serde_json::Result<Map<String, Value>> {
        let values = self.columns().map(|(name, json)| {
            let value = serde_json::from_str(json.get())?;
            Ok((name.to_owned(), value))
        });
        values.collect()
    }
}

/// The text of a moment without the digits of a second that no clock has.
fn to_nanoseconds(text: &str) -> Cow<'_, str> {
    let Some((whole, fraction)) = text.split_once('.') else {
        return Cow::Borrowed(text);
    };
    let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
    if digits <= DIGITS {
        return Cow::Borrowed(text);
    }
    let (kept, zone) = (&fraction[..DIGITS], &fraction[digits..]);
    Cow::Owned(format!("{whole}.{kept}{zone}"))
}

impl<'de> serde::Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Columns;

        impl<'de> Visitor<'de> for Columns {
            type Value = Row;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Row, A::Error> {
                let mut columns: Vec<(String, Box<RawValue>)> = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    let json: Box<RawValue> = map.next_value()?;
                    if let Err(error) = check(&json) {
                        return Err(A::Error::custom(format_args!("`{name}`: {error}")));
                    }
                    // Of a name that comes twice the last counts.
                    match columns.iter_mut().find(|(other, _)| *other == name) {
                        Some((_, other)) => *other = json,
                        None => columns.push((name, json)),
                    }
                }
                Ok(Row(columns))
            }
        }

        deserializer.deserialize_map(Columns)
    }
}

/// Whether a value can be read. What is kept as it came was not looked at: only its escapes
/// can still be wrong, such as half of a character.
fn check(json: &RawValue) -> serde_json::Result<()> {
    if json.get().contains("\\u") {
        serde_json::from_str::<Value>(json.get())?;
    }
    Ok(())
}

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, json) in &self.0 {
            map.serialize_entry(name, json)?;
        }
        map.end()
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

/// Columns as they came, letter by letter.
impl PartialEq for Row {
    fn eq(&self, other: &Self) -> bool {
        let own = self.columns().map(letters);
        own.eq(other.columns().map(letters))
    }
}

fn letters<'r>((name, json): (&'r str, &'r RawValue)) -> (&'r str, &'r str) {
    (name, json.get())
}

/// What is looked at in a row that may not be readable as a whole.
pub(crate) struct Glance {
    pub(crate) uuid: Option<String>,
    /// It has nothing but what every row has.
    pub(crate) is_bare: bool,
}

/// `None` where it is no object, or its uuid cannot be read.
pub(crate) fn glance(json: &str) -> Option<Glance> {
    serde_json::from_str(json).ok()
}

impl<'de> serde::Deserialize<'de> for Glance {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Columns;

        impl<'de> Visitor<'de> for Columns {
            type Value = Glance;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Glance, A::Error> {
                let mut glance = Glance {
                    uuid: None,
                    is_bare: true,
                };
                while let Some(name) = map.next_key::<Cow<'de, str>>()? {
                    if name == UUID {
                        glance.uuid = map.next_value()?;
                    } else {
                        glance.is_bare &= name == ORGANIZATION;
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(glance)
            }
        }

        deserializer.deserialize_map(Columns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(json: &str) -> Row {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_row_keeps_every_digit_and_the_order_of_its_columns() {
        let json = r#"{"z":18446744073709551616,"a":0.10000000000000000000001,"t":"\u00e9\n","n":null,"l":[1, 2]}"#;
        let row = row(json);
        assert_eq!(row.to_string(), json);
        assert_eq!(row.text("z").unwrap(), "18446744073709551616");
        assert_eq!(row.get::<u128>("z").unwrap(), Some(1 << 64));
        assert_eq!(row.text("a").unwrap(), "0.10000000000000000000001");
        assert_eq!(row.text("t").unwrap(), "é\n");
        assert_eq!(row.text("l").unwrap(), "[1, 2]");
        assert_eq!((row.text("n"), row.text("absent")), (None, None));
        assert_eq!(row.get::<i64>("n").unwrap(), None);
        assert!(row.get::<i64>("t").is_err());
        let names: Vec<_> = row.columns().map(|(name, _)| name).collect();
        assert_eq!(names, ["z", "a", "t", "n", "l"]);
        assert_eq!(row.to_map().unwrap()["t"], "é\n");
    }

    #[test]
    fn of_a_column_that_comes_twice_the_last_counts() {
        assert_eq!(row(r#"{"a":1,"b":2,"a":3}"#), row(r#"{"a":3,"b":2}"#));
        assert_ne!(row(r#"{"a":1}"#), row(r#"{"a":2}"#));
    }

    #[test]
    fn half_a_character_and_what_is_no_object_are_no_row() {
        for json in [
            r#"{"a":"\ud83d"}"#,
            r#"{"a":["\ud83d"]}"#,
            r#"{"\ud83d":1}"#,
            "[]",
            "1",
        ] {
            assert!(serde_json::from_str::<Row>(json).is_err(), "{json}");
        }
        let error = serde_json::from_str::<Row>(r#"{"a":"\ud83d"}"#).unwrap_err();
        assert!(error.to_string().starts_with("`a`: "), "{error}");
        assert_eq!(row(r#"{"a":"\ud83d\ude00"}"#).text("a").unwrap(), "😀");
    }

    #[test]
    fn a_moment_may_have_more_digits_than_a_clock() {
        let time = |text: &str| row(&format!(r#"{{"@timestamp":{text}}}"#)).timestamp();
        for (text, expected) in [
            (r#""2026-03-01T00:00:00Z""#, "2026-03-01T00:00:00Z"),
            (
                r#""2026-03-01T00:00:00.1234567Z""#,
                "2026-03-01T00:00:00.1234567Z",
            ),
            (
                r#""2026-03-01T00:00:00.123456789012Z""#,
                "2026-03-01T00:00:00.123456789Z",
            ),
            (
                r#""2026-03-01T01:00:00.0000000000001+01:00""#,
                "2026-03-01T00:00:00Z",
            ),
        ] {
            assert_eq!(time(text).unwrap().to_string(), expected, "{text}");
        }
        assert_eq!(
            (time("1"), time("null"), time(r#""soon""#)),
            (None, None, None)
        );
    }

    #[test]
    fn a_row_is_recognised_although_it_cannot_be_read() {
        let glance = |json| glance(json).map(|glance| (glance.uuid, glance.is_bare));
        let uuid = || Some("u".to_owned());
        assert_eq!(
            glance(r#"{"a":"\ud83d","uuid":"u"}"#),
            Some((uuid(), false))
        );
        assert_eq!(
            glance(r#"{"organization_id":1,"uuid":"u"}"#),
            Some((uuid(), true))
        );
        assert_eq!(glance(r#"{"uuid":null}"#), Some((None, true)));
        assert_eq!(glance(r#"{"uuid":"\ud83d"}"#), None);
        assert_eq!(glance("1"), None);
    }
}
