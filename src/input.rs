//! Checks of what a caller hands in, before a request is sent.
//!
//! The generated setters call these. A problem is kept in the builder and becomes the
//! error of the call, so that a chain of setters reads without a `?` in each line.

use std::fmt::{self, Display};

/// A value that cannot be sent: missing, of the wrong form, or outside its limits.
///
/// Made by the builders in [`types::builder`](crate::types::builder); its text names the
/// field and says what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidValue(String);

impl InvalidValue {
    pub(crate) fn into_text(self) -> String {
        self.0
    }
}

impl From<String> for InvalidValue {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl Display for InvalidValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidValue {}

pub(crate) fn missing<T>(name: &str) -> Result<T, String> {
    Err(format!("`{name}` is required and was not set"))
}

pub(crate) fn value<V, T>(name: &str, value: V) -> Result<T, String>
where
    V: TryInto<T, Error: Display>,
{
    value
        .try_into()
        .map_err(|problem| format!("`{name}`: {problem}"))
}

pub(crate) fn list<I, T>(name: &str, values: I) -> Result<Vec<T>, String>
where
    I: IntoIterator,
    I::Item: TryInto<T, Error: Display>,
{
    values.into_iter().map(|item| value(name, item)).collect()
}

pub(crate) fn in_range<T>(
    name: &str,
    value: Option<T>,
    minimum: i64,
    maximum: i64,
) -> Result<(), String>
where
    T: TryInto<i64> + Display + Copy,
{
    let Some(value) = value else { return Ok(()) };
    let inside = value
        .try_into()
        .is_ok_and(|n| (minimum..=maximum).contains(&n));
    match (inside, maximum) {
        (true, _) => Ok(()),
        (false, i64::MAX) => Err(format!(
            "`{name}` is {value}; it must be at least {minimum}"
        )),
        _ => Err(format!(
            "`{name}` is {value}; it must be from {minimum} to {maximum}"
        )),
    }
}

pub(crate) fn length(
    name: &str,
    value: Option<&String>,
    minimum: usize,
    maximum: usize,
) -> Result<(), String> {
    let Some(value) = value else { return Ok(()) };
    if minimum > 0 && value.trim().is_empty() {
        return Err(format!("`{name}` is blank"));
    }
    match value.chars().count() {
        n if n < minimum => Err(format!(
            "`{name}` has {n} characters; it needs at least {minimum}"
        )),
        n if n > maximum => Err(format!(
            "`{name}` has {n} characters; at most {maximum} are allowed"
        )),
        _ => Ok(()),
    }
}

/// A list as the one value of its parameter; nothing for an empty one.
pub(crate) fn comma_separated<T: Display>(values: Option<Vec<T>>) -> Option<String> {
    let values: Vec<String> = values?.iter().map(ToString::to_string).collect();
    (!values.is_empty()).then(|| values.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_name_the_field_the_value_and_the_range() {
        assert_eq!(in_range("limit", Some(500_u32), 1, 500), Ok(()));
        assert_eq!(in_range("limit", None::<u32>, 1, 500), Ok(()));
        assert_eq!(
            in_range("limit", Some(501_u32), 1, 500).unwrap_err(),
            "`limit` is 501; it must be from 1 to 500"
        );
        assert_eq!(
            in_range("minimum", Some(0_u32), 1, i64::MAX).unwrap_err(),
            "`minimum` is 0; it must be at least 1"
        );
        assert_eq!(length("name", Some(&"ü".repeat(256)), 1, 256), Ok(()));
        assert_eq!(
            length("name", Some(&"x".repeat(257)), 1, 256).unwrap_err(),
            "`name` has 257 characters; at most 256 are allowed"
        );
        assert_eq!(
            length("name", Some(&"  ".to_owned()), 1, 256).unwrap_err(),
            "`name` is blank"
        );
    }

    #[test]
    fn lists_are_joined_by_commas() {
        assert_eq!(
            comma_separated(Some(vec!["a b", "c"])).as_deref(),
            Some("a b,c")
        );
        assert_eq!(comma_separated(Some(Vec::<String>::new())), None);
    }
}
