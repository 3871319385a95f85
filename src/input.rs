//! Checks of what a caller hands in, before a request is sent.
//!
//! The generated setters and checks call these. What is wrong is kept beside the values,
//! and all of it becomes the one error of the call. So a chain of setters needs no `?` in
//! each line, and two typos are reported at once.

use std::any::type_name;
use std::fmt::Display;
use std::num::TryFromIntError;

/// What is wrong with the input of a call or body. What was set last under a name counts, so
/// a good value replaces a bad one.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Problems(Vec<(&'static str, String)>);

impl Problems {
    /// Converts what a setter is given.
    pub(crate) fn value<V, T>(&mut self, name: &'static str, value: V) -> Option<T>
    where
        V: TryInto<T, Error: Display>,
    {
        self.settle(name, value.try_into().map_err(words))
    }

    /// The same for a whole number with limits, which the text of a failed conversion would
    /// not name.
    pub(crate) fn number<V, T>(
        &mut self,
        name: &'static str,
        value: V,
        minimum: i64,
        maximum: i64,
    ) -> Option<T>
    where
        V: TryInto<T, Error: Display>,
    {
        let value = value.try_into();
        self.settle(
            name,
            value.map_err(|_| format!("it must be {}", range(minimum, maximum))),
        )
    }

    /// Converts each item, and reports every one that does not convert.
    pub(crate) fn list<I, T>(&mut self, name: &'static str, values: I) -> Option<Vec<T>>
    where
        I: IntoIterator,
        I::Item: TryInto<T, Error: Display>,
    {
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        for value in values {
            match value.try_into() {
                Ok(value) => good.push(value),
                Err(problem) => bad.push(words(problem)),
            }
        }
        let result = if bad.is_empty() {
            Ok(good)
        } else {
            Err(bad.join("; "))
        };
        self.settle(name, result)
    }

    fn settle<T>(&mut self, name: &'static str, result: Result<T, String>) -> Option<T> {
        self.0.retain(|(other, _)| *other != name);
        result
            .map_err(|problem| self.0.push((name, format!("`{name}`: {problem}"))))
            .ok()
    }

    /// Notes that something is wrong with the present value of `name`.
    pub(crate) fn add(&mut self, name: &'static str, problem: String) {
        self.0.push((name, problem));
    }

    /// Whether something is wrong with the present value of `name`.
    pub(crate) fn concern(&self, name: &str) -> bool {
        self.0.iter().any(|(other, _)| *other == name)
    }

    /// Adds the problems of a body, or of a part of one.
    pub(crate) fn extend(&mut self, others: &Self) {
        self.0.extend_from_slice(&others.0);
    }

    /// Checks an id in a path: ids begin at 1.
    pub(crate) fn id(&mut self, name: &'static str, id: i64) {
        if id < 1 {
            self.add(name, format!("`{name}` is {id}, which cannot be an id"));
        }
    }

    pub(crate) fn in_range<T>(
        &mut self,
        name: &'static str,
        value: Option<T>,
        minimum: i64,
        maximum: i64,
    ) where
        T: TryInto<i64> + Display + Copy,
    {
        let Some(value) = value else { return };
        if !value
            .try_into()
            .is_ok_and(|n| (minimum..=maximum).contains(&n))
        {
            let range = range(minimum, maximum);
            self.add(name, format!("`{name}` is {value}; it must be {range}"));
        }
    }

    pub(crate) fn length(
        &mut self,
        name: &'static str,
        value: Option<&String>,
        minimum: usize,
        maximum: usize,
    ) {
        let Some(value) = value else { return };
        let problem = match value.chars().count() {
            _ if minimum > 0 && value.trim().is_empty() => format!("`{name}` is blank"),
            n if n < minimum => format!("`{name}` has {n} characters; it needs at least {minimum}"),
            n if n > maximum => {
                format!("`{name}` has {n} characters; at most {maximum} are allowed")
            }
            _ => return,
        };
        self.add(name, problem);
    }

    /// Refuses a known value that this place does not take. A value that this version does
    /// not know is sent on purpose, and the server may know it.
    pub(crate) fn accepted(
        &mut self,
        name: &'static str,
        value: &str,
        known: &[&str],
        accepted: &[&str],
    ) {
        if known.contains(&value) && !accepted.contains(&value) {
            let accepted = accepted.join(", ");
            self.add(
                name,
                format!("`{name}` is {value:?}, but here it can be {accepted}"),
            );
        }
    }

    /// Checks that just one of these fields is set, or at most one where `or_none`.
    pub(crate) fn exactly_one(&mut self, fields: &[(&'static str, bool)], or_none: bool) {
        let names = |fields: &[&(&str, bool)]| {
            let names: Vec<_> = fields.iter().map(|(name, _)| format!("`{name}`")).collect();
            names.join(", ")
        };
        let all: Vec<_> = fields.iter().collect();
        let set: Vec<_> = fields.iter().filter(|(_, set)| *set).collect();
        match set.as_slice() {
            [] if !or_none => self.add(fields[0].0, format!("one of {} must be set", names(&all))),
            [] | [_] => {}
            set => {
                let (set, all) = (names(set), names(&all));
                self.add(
                    fields[0].0,
                    format!("only one of {all} can be set, but {set} are"),
                );
            }
        }
    }

    /// An error with all of the problems, if there are any.
    pub(crate) fn into_result(self) -> Result<(), String> {
        let texts: Vec<String> = self.0.into_iter().map(|(_, text)| text).collect();
        if texts.is_empty() {
            Ok(())
        } else {
            Err(texts.join("; "))
        }
    }
}

/// What a failed conversion says. The standard library's text for a whole number speaks of
/// the conversion and not of the number, so it is replaced.
fn words<E: Display>(problem: E) -> String {
    if type_name::<E>() == type_name::<TryFromIntError>() {
        return "the number is too large or too small".to_owned();
    }
    problem.to_string()
}

fn range(minimum: i64, maximum: i64) -> String {
    match (minimum, maximum) {
        (_, i64::MAX) => format!("at least {minimum}"),
        (i64::MIN, _) => format!("at most {maximum}"),
        _ => format!("from {minimum} to {maximum}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn told(check: impl FnOnce(&mut Problems)) -> String {
        let mut problems = Problems::default();
        check(&mut problems);
        problems.into_result().err().unwrap_or_default()
    }

    #[test]
    fn limits_name_the_field_the_value_and_the_range() {
        assert_eq!(told(|p| p.in_range("limit", Some(500_u32), 1, 500)), "");
        assert_eq!(told(|p| p.in_range("limit", None::<u32>, 1, 500)), "");
        assert_eq!(
            told(|p| p.in_range("limit", Some(501_u32), 1, 500)),
            "`limit` is 501; it must be from 1 to 500"
        );
        assert_eq!(
            told(|p| p.in_range("minimum", Some(0_u32), 1, i64::MAX)),
            "`minimum` is 0; it must be at least 1"
        );
        assert_eq!(
            told(|p| p.in_range("size", Some(10_u32), i64::MIN, 9)),
            "`size` is 10; it must be at most 9"
        );
        let length = |text: String| told(|p| p.length("name", Some(&text), 1, 256));
        assert_eq!(length("ü".repeat(256)), "");
        assert_eq!(
            length("x".repeat(257)),
            "`name` has 257 characters; at most 256 are allowed"
        );
        assert_eq!(length("  ".to_owned()), "`name` is blank");
        assert_eq!(told(|p| p.id("id", 0)), "`id` is 0, which cannot be an id");
        assert_eq!(told(|p| p.id("id", 1)), "");
    }

    #[test]
    fn all_problems_are_told_and_a_good_value_mends_a_bad_one() {
        let text = told(|p| {
            assert_eq!(p.number::<_, u32>("limit", -1, 1, 500), None);
            assert_eq!(p.list::<_, u8>("ports", [1, 256, -1]), None);
            assert_eq!(p.value::<_, u8>("other", 999), None);
            assert_eq!(p.value::<_, u8>("other", 9), Some(9));
        });
        let out = "the number is too large or too small";
        assert_eq!(
            text,
            format!("`limit`: it must be from 1 to 500; `ports`: {out}; {out}")
        );
    }

    #[test]
    fn a_place_refuses_the_known_values_that_it_does_not_take() {
        let accepted = |value| told(|p| p.accepted("f", value, &["a", "b", "c"], &["a", "b"]));
        assert_eq!(accepted("a"), "");
        assert_eq!(accepted("of next year"), "");
        assert_eq!(accepted("c"), "`f` is \"c\", but here it can be a, b");
    }

    #[test]
    fn one_of_several_fields() {
        let one = |a, b, or_none| told(|p| p.exactly_one(&[("a", a), ("b", b)], or_none));
        assert_eq!(one(true, false, false), "");
        assert_eq!(one(false, false, true), "");
        assert_eq!(one(false, false, false), "one of `a`, `b` must be set");
        let both = "only one of `a`, `b` can be set, but `a`, `b` are";
        assert_eq!(one(true, true, false), both);
        assert_eq!(one(true, true, true), both);
    }
}
