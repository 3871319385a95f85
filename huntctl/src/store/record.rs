//! A record as it came, taken apart into what a row needs.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value as Json;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use super::column::{Column, Kind, Source};
use super::fit::{depth, fit};
use super::{OddValue, Table};
use crate::database::Value;

/// A record nested deeper than this cannot be kept: PostgreSQL's reader of JSON has no more room.
const DEEPEST: usize = 1_000;

/// The fields of a record, their values as they came.
struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

/// A record with what must be known to decide what becomes of it.
pub(super) struct Record<'a> {
    json: &'a str,
    fields: Fields<'a>,
    pub(super) id: i64,
    /// Of its content.
    pub(super) digest: i64,
    /// When the API changed it, where it says so.
    pub(super) updated_at: Option<Timestamp>,
}

impl<'a> Record<'a> {
    /// Reads a record, or says why it is none of this table.
    pub(super) fn read(table: &Table, json: &'a str) -> Result<Self, String> {
        if depth(json) > DEEPEST {
            return Err("it is nested too deeply to be kept".to_owned());
        }
        let fields = serde_json::from_str(json);
        let fields: Fields<'a> = fields.map_err(|_| "expected an object".to_owned())?;
        let id = id(table, json, &fields)?;
        let updated_at = table
            .updated_at()
            .and_then(|column| match fields.value(column) {
                Ok(Value::Time(time)) => Some(time),
                _ => None,
            });
        // A record that is known by its content cannot change.
        let digest = if table.has_id {
            table.digest(json, &fields)
        } else {
            id
        };
        Ok(Self {
            json,
            fields,
            id,
            digest,
            updated_at,
        })
    }

    /// The field of this name, as it came.
    pub(super) fn field(&self, name: &str) -> Option<&'a RawValue> {
        self.fields.get(name)
    }

    pub(super) fn json(&self) -> &'a str {
        self.json
    }

    /// The values of the table's columns, in their order, and those that did not fit.
    pub(super) fn values(&self, table: &Table, odd: &mut Vec<OddValue>) -> Vec<Value> {
        let value = |column: &Column| match self.value(column) {
            Ok(value) => value,
            Err(problem) => {
                if column.current {
                    odd.push(self.odd(&column.name, problem));
                }
                Value::Null
            }
        };
        table.columns.iter().map(value).collect()
    }

    /// What stands in a column, or why nothing does.
    pub(super) fn value(&self, column: &Column) -> Result<Value, String> {
        let value = self.fields.value(column)?;
        match (&value, column.longest()) {
            (Value::Text(text), Some(longest)) if text.len() > longest => Err(format!(
                "expected at most {longest} bytes, but it has {}",
                text.len()
            )),
            _ => Ok(value),
        }
    }

    /// The account that the record itself names.
    pub(super) fn account_id(&self) -> Option<i64> {
        match fit(self.field("account_id")?, Kind::Integer, None) {
            Ok(Value::Integer(id)) => Some(id),
            _ => None,
        }
    }

    pub(super) fn odd(&self, path: &str, problem: String) -> OddValue {
        OddValue {
            id: Some(self.id),
            path: path.to_owned(),
            problem,
        }
    }
}

impl<'a> Fields<'a> {
    fn get(&self, name: &str) -> Option<&'a RawValue> {
        // Of two fields of one name the later stands, as in both databases.
        let found = self.0.iter().rev().find(|(field, _)| field == name);
        found.map(|(_, value)| *value)
    }

    /// What stands in a column.
    fn value(&self, column: &Column) -> Result<Value, String> {
        let Some(raw) = self.get(column.source.field()) else {
            return Ok(Value::Null);
        };
        match &column.source {
            Source::Field(_) => fit(raw, column.kind, column.decode.as_deref()),
            Source::IdOf(_) => {
                // What is no object is told for the column of the whole value.
                let Ok(Self(fields)) = serde_json::from_str(raw.get()) else {
                    return Ok(Value::Null);
                };
                let id = Self(fields).get("id");
                id.map_or(Ok(Value::Null), |id| fit(id, Kind::Integer, None))
            }
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Map;

        impl<'de> Visitor<'de> for Map {
            type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::with_capacity(48);
                while let Some((Name(name), value)) = map.next_entry()? {
                    fields.push((name, value));
                }
                Ok(fields)
            }
        }

        deserializer.deserialize_map(Map).map(Self)
    }
}

/// A field's name, borrowed unless it has an escape.
struct Name<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl<'de> Visitor<'de> for Text {
            type Value = Cow<'de, str>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(text.into())
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(text.to_owned().into())
            }
        }

        deserializer.deserialize_str(Text).map(Self)
    }
}

/// The record's own id. Where the table's records have none, it is made of the content: a
/// record that changes is another one then, and the one before it goes.
fn id(table: &Table, json: &str, fields: &Fields<'_>) -> Result<i64, String> {
    if !table.has_id {
        let value = serde_json::from_str(json).map_err(|_| "it cannot be read".to_owned())?;
        return Ok(digest([in_order(value).as_bytes()]) & i64::MAX);
    }
    let raw = fields.get("id").ok_or("it has no `id`")?;
    match fit(raw, Kind::Integer, None) {
        Ok(Value::Integer(id)) => Ok(id),
        Ok(_) => Err("its `id` is null".to_owned()),
        // The document may say that ids are text; then they are told apart by their digest.
        Err(_) if !table.numbered => Ok(digest([raw.get().as_bytes()]) & i64::MAX),
        Err(problem) => Err(format!("its `id`: {problem}")),
    }
}

/// A value as text that depends neither on the order of fields nor on spaces.
fn in_order(value: Json) -> String {
    match value {
        Json::Array(items) => {
            let items: Vec<_> = items.into_iter().map(in_order).collect();
            format!("[{}]", items.join(","))
        }
        Json::Object(fields) => {
            let field = |(name, value)| format!("{}:{}", Json::String(name), in_order(value));
            let mut fields: Vec<_> = fields.into_iter().map(field).collect();
            fields.sort();
            format!("{{{}}}", fields.join(","))
        }
        other => other.to_string(),
    }
}

impl Table {
    /// Of what a list shows of a record: the single resource shows more, and may not look like
    /// a change because of that.
    fn digest(&self, json: &str, fields: &Fields<'_>) -> i64 {
        if self.detail.is_empty() {
            return digest([json.as_bytes()]);
        }
        let listed = fields
            .0
            .iter()
            .filter(|(name, _)| !self.detail.contains(&**name));
        digest(
            listed.flat_map(|(name, value)| [name.as_bytes(), b":", value.get().as_bytes(), b","]),
        )
    }

    /// Whether the record has what only the single resource shows.
    pub(super) fn shows_detail(&self, record: &Record<'_>) -> bool {
        self.detail.iter().any(|name| record.field(name).is_some())
    }
}

/// Others write parts of what is digested, so it must not be easy to make two texts of one digest.
pub(super) fn digest<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> i64 {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    let hash = hash.finalize();
    i64::from_le_bytes(hash[..].first_chunk().copied().unwrap_or_default())
}
