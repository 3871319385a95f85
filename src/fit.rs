//! Makes JSON fit the type that is to be read from it.
//!
//! Nearly every record is decoded by serde alone. Only where that failed does [`Fit`] go
//! through the record field by field, as its type says:
//!
//! - what says the same in another form is converted: a digit string to an integer,
//!   `22631.0` too, a number or a boolean to text, one value to a list of it;
//! - what does not fit is taken out and noted with its path: one field, one element of a
//!   list, or a nested record if it lacks its `id`;
//! - null is the absence of a value.
//!
//! What remains can be decoded. A caller's own type has no [`Fit`]: it is decoded as it is,
//! or the result is an error.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::de::{Deserialize, DeserializeOwned, Deserializer};
use serde_json::{Map, Number, Value};

use crate::lenient::integer;
use crate::timestamp;

/// A type of the API, to which JSON can be made to fit.
pub trait Fit: DeserializeOwned {
    /// Reads it in its usual form; null is the absence of a value.
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        Option::deserialize(deserializer)
    }

    /// Makes the value fit, or says what was expected of it.
    fn fit(value: &mut Value, odd: &mut Odd) -> Result<(), Misfit>;
}

/// Why a value as a whole does not fit: what was expected, and what it is.
#[derive(Debug, PartialEq)]
pub struct Misfit(String);

/// One value that was taken out.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Removed {
    /// Below the record: `remediations.items[3].id`.
    pub(crate) path: String,
    pub(crate) json: Value,
    pub(crate) problem: String,
}

/// What was taken out so far, and the present place.
#[derive(Default)]
pub struct Odd {
    path: Vec<Step>,
    removed: Vec<Removed>,
}

enum Step {
    Key(String),
    Index(usize),
}

/// Makes a record fit its type, and returns what was taken out of it.
pub(crate) fn fit<T: Fit>(value: &mut Value) -> Result<Vec<Removed>, Misfit> {
    let mut odd = Odd::default();
    T::fit(value, &mut odd)?;
    Ok(odd.removed)
}

impl Misfit {
    fn expected(what: &str, value: &Value) -> Self {
        Self(format!("expected {what}, but it is {}", kind(value)))
    }

    pub(crate) fn into_text(self) -> String {
        self.0
    }
}

/// What a value is, without showing it.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(text) if text.is_empty() => "empty text",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

impl Odd {
    /// Makes a part fit; one that does not is taken out of it, noted, and left as null.
    fn part<T: Fit>(&mut self, step: Step, value: &mut Value) -> bool {
        self.path.push(step);
        // Where the part is given up, what was converted within it must not show.
        let (before, noted) = (value.clone(), self.removed.len());
        let fits = T::fit(value, self);
        if let Err(Misfit(problem)) = &fits {
            *value = Value::Null;
            self.removed.truncate(noted);
            self.removed.push(Removed {
                path: self.path_text(),
                json: before,
                problem: problem.clone(),
            });
        }
        self.path.pop();
        fits.is_ok()
    }

    fn path_text(&self) -> String {
        let mut text = String::new();
        for step in &self.path {
            let _ = match step {
                Step::Key(key) if text.is_empty() => write!(text, "{key}"),
                Step::Key(key) => write!(text, ".{key}"),
                Step::Index(index) => write!(text, "[{index}]"),
            };
        }
        text
    }
}

/// The fields of a record that is made to fit; `record!` names them one by one.
pub(crate) struct Fields<'a> {
    map: &'a mut Map<String, Value>,
    odd: &'a mut Odd,
}

impl<'a> Fields<'a> {
    pub(crate) fn of(value: &'a mut Value, odd: &'a mut Odd) -> Result<Self, Misfit> {
        match value {
            Value::Object(map) => Ok(Self { map, odd }),
            other => Err(Misfit::expected("an object", other)),
        }
    }

    /// A field that need not be there; one that does not fit counts as absent.
    pub(crate) fn optional<T: Fit>(&mut self, key: &'static str) {
        if let Some(value) = self.map.get_mut(key)
            && !value.is_null()
        {
            self.odd.part::<T>(Step::Key(key.to_owned()), value);
        }
    }

    /// Makes one shape of the several that a field comes in.
    pub(crate) fn reshape(&mut self, key: &'static str, reshape: fn(Value) -> Value) {
        if let Some(value) = self.map.get_mut(key) {
            *value = reshape(value.take());
        }
    }

    /// A field without which there is no record.
    pub(crate) fn required<T: Fit>(&mut self, key: &'static str) -> Result<(), Misfit> {
        let Some(value) = self.map.get_mut(key) else {
            return Err(Misfit(format!("it has no `{key}`")));
        };
        self.odd.path.push(Step::Key(key.to_owned()));
        let fits = T::fit(value, self.odd);
        self.odd.path.pop();
        fits.map_err(|Misfit(problem)| Misfit(format!("its `{key}`: {problem}")))
    }
}

/// `Fit` for types that any JSON decodes into.
macro_rules! fit_anything {
    ($($ty:ty),*) => {
        $(impl crate::fit::Fit for $ty {
            fn fit(
                _: &mut ::serde_json::Value,
                _: &mut crate::fit::Odd,
            ) -> ::std::result::Result<(), crate::fit::Misfit> {
                Ok(())
            }
        })*
    };
}
pub(crate) use fit_anything;

fit_anything!(Value);

impl Fit for () {
    fn fit(value: &mut Value, _: &mut Odd) -> Result<(), Misfit> {
        *value = Value::Null;
        Ok(())
    }
}

impl Fit for String {
    fn fit(value: &mut Value, _: &mut Odd) -> Result<(), Misfit> {
        *value = match value {
            Value::String(_) => return Ok(()),
            Value::Number(number) => Value::String(number.to_string()),
            Value::Bool(boolean) => Value::String(boolean.to_string()),
            other => return Err(Misfit::expected("text", other)),
        };
        Ok(())
    }
}

impl Fit for bool {
    fn fit(value: &mut Value, _: &mut Odd) -> Result<(), Misfit> {
        match value.as_str().map(str::trim) {
            Some("true") => *value = Value::Bool(true),
            Some("false") => *value = Value::Bool(false),
            _ => {}
        }
        match value {
            Value::Bool(_) => Ok(()),
            _ => Err(Misfit::expected("a boolean", value)),
        }
    }
}

impl Fit for f64 {
    fn fit(value: &mut Value, _: &mut Odd) -> Result<(), Misfit> {
        let read = value.as_str().and_then(|text| text.trim().parse().ok());
        if let Some(number) = read.and_then(Number::from_f64) {
            *value = Value::Number(number);
        }
        match value {
            Value::Number(_) => Ok(()),
            _ => Err(Misfit::expected("a number", value)),
        }
    }
}

macro_rules! fit_integer {
    ($($ty:ty),*) => {
        $(impl Fit for $ty {
            fn fit(value: &mut Value, _: &mut Odd) -> Result<(), Misfit> {
                let number = integer(value).and_then(|number| <$ty>::try_from(number).ok());
                let number = number.ok_or_else(|| Misfit::expected("a whole number", value))?;
                *value = Value::from(number);
                Ok(())
            }
        })*
    };
}

fit_integer!(i64, i32, u64, u32);

impl Fit for Timestamp {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        timestamp::optional(deserializer)
    }

    fn fit(value: &mut Value, _: &mut Odd) -> Result<(), Misfit> {
        match timestamp::read(value) {
            Some(time) => *value = Value::String(time.to_string()),
            None if timestamp::is_absent(value) => *value = Value::Null,
            None => return Err(Misfit::expected("a moment", value)),
        }
        Ok(())
    }
}

impl Fit for Date {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        timestamp::optional_date(deserializer)
    }

    fn fit(value: &mut Value, _: &mut Odd) -> Result<(), Misfit> {
        match timestamp::read_date(value) {
            Some(date) => *value = Value::String(date.to_string()),
            None if timestamp::is_absent(value) => *value = Value::Null,
            None => return Err(Misfit::expected("a date", value)),
        }
        Ok(())
    }
}

impl<T: Fit> Fit for Vec<T> {
    fn fit(value: &mut Value, odd: &mut Odd) -> Result<(), Misfit> {
        let Value::Array(items) = value else {
            if matches!(value, Value::Null) || value.as_str().is_some_and(str::is_empty) {
                return Err(Misfit::expected("a list", value));
            }
            // A single value in the place of a list of such values.
            let noted = odd.removed.len();
            let mut one = value.clone();
            if T::fit(&mut one, odd).is_err() {
                odd.removed.truncate(noted);
                return Err(Misfit::expected("a list", value));
            }
            *value = Value::Array(vec![one]);
            return Ok(());
        };
        let mut index = 0;
        items.retain_mut(|item| {
            index += 1;
            odd.part::<T>(Step::Index(index - 1), item)
        });
        Ok(())
    }
}

impl<T: Fit> Fit for BTreeMap<String, T> {
    fn fit(value: &mut Value, odd: &mut Odd) -> Result<(), Misfit> {
        let Value::Object(map) = value else {
            return Err(Misfit::expected("an object", value));
        };
        map.retain(|key, item| !item.is_null() && odd.part::<T>(Step::Key(key.clone()), item));
        Ok(())
    }
}

impl Fit for Map<String, Value> {
    fn fit(value: &mut Value, _: &mut Odd) -> Result<(), Misfit> {
        match value {
            Value::Object(_) => Ok(()),
            other => Err(Misfit::expected("an object", other)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// What a value becomes; `Err` with what was expected.
    fn becomes<T: Fit>(mut value: Value) -> Result<Value, String> {
        let removed = fit::<T>(&mut value).map_err(Misfit::into_text)?;
        assert_eq!(removed, [], "{value}");
        let decoded: Result<T, _> = serde_json::from_value(value.clone());
        assert!(decoded.is_ok(), "{value}");
        Ok(value)
    }

    #[test]
    fn what_says_the_same_is_converted() {
        for (from, to) in [
            (json!("720899"), json!(720_899)),
            (json!(" -7 "), json!(-7)),
            (json!(22631.0), json!(22631)),
            (json!(1e3), json!(1000)),
            (json!(i64::MAX), json!(i64::MAX)),
        ] {
            assert_eq!(becomes::<i64>(from), Ok(to));
        }
        assert_eq!(becomes::<String>(json!(7)), Ok(json!("7")));
        assert_eq!(becomes::<String>(json!(true)), Ok(json!("true")));
        assert_eq!(becomes::<bool>(json!("false")), Ok(json!(false)));
        assert_eq!(becomes::<f64>(json!("1.5")), Ok(json!(1.5)));
        assert_eq!(becomes::<Vec<i64>>(json!("7")), Ok(json!([7])));
        assert_eq!(
            becomes::<Vec<String>>(json!([1, "a"])),
            Ok(json!(["1", "a"]))
        );
        let noon = json!("2026-01-22T12:00:00Z");
        assert_eq!(becomes::<Timestamp>(json!(1_769_083_200)), Ok(noon));
    }

    #[test]
    fn what_would_lose_something_is_not() {
        let expected = |what: &str, is: &str| Err(format!("expected {what}, but it is {is}"));
        for (from, is) in [
            (json!("7x"), "text"),
            (json!(""), "empty text"),
            (json!("-"), "text"),
            (json!(1.5), "a number"),
            (json!(1e17), "a number"),
            (json!(u64::MAX), "a number"),
            (json!([7]), "a list"),
            (json!({}), "an object"),
            (json!(true), "a boolean"),
        ] {
            assert_eq!(becomes::<i64>(from), expected("a whole number", is));
        }
        assert_eq!(
            becomes::<u32>(json!(-1)),
            expected("a whole number", "a number")
        );
        assert_eq!(becomes::<String>(json!([])), expected("text", "a list"));
        assert_eq!(becomes::<bool>(json!(1)), expected("a boolean", "a number"));
        assert_eq!(
            becomes::<Vec<i64>>(json!("")),
            expected("a list", "empty text")
        );
        assert_eq!(
            becomes::<Vec<i64>>(json!({})),
            expected("a list", "an object")
        );
    }

    #[test]
    fn a_part_that_does_not_fit_is_taken_out_with_its_path() {
        type Lists = BTreeMap<String, Vec<i64>>;
        let mut value = json!({"a": [1, "x", "3", null], "b": {}, "c": null, "d": 4});
        let removed = fit::<Lists>(&mut value).unwrap();
        assert_eq!(value, json!({"a": [1, 3], "d": [4]}));
        let told: Vec<_> = removed
            .iter()
            .map(|removed| {
                (
                    removed.path.as_str(),
                    &removed.json,
                    removed.problem.as_str(),
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                (
                    "a[1]",
                    &json!("x"),
                    "expected a whole number, but it is text"
                ),
                (
                    "a[3]",
                    &json!(null),
                    "expected a whole number, but it is null"
                ),
                ("b", &json!({}), "expected a list, but it is an object"),
            ]
        );
    }
}
