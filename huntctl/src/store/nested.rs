//! Records of one list that stand within a record of another.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value as Json;
use serde_json::value::RawValue;

/// The records that a parent's record holds.
#[derive(Debug, PartialEq)]
pub(super) struct Nested<'a> {
    pub(super) items: Vec<&'a str>,
    /// Whether the list has more of them than came.
    pub(super) has_more: bool,
}

/// `{total_count, has_more, items}`, or one bare record.
#[derive(Deserialize)]
struct Held<'a> {
    #[serde(borrow)]
    items: Option<&'a RawValue>,
    id: Option<IgnoredAny>,
    has_more: Option<Json>,
    total_count: Option<Json>,
}

impl<'a> Nested<'a> {
    /// What a field holds, in any of its shapes; none where it is nothing of the kind.
    pub(super) fn of(field: &'a RawValue) -> Option<Self> {
        if let Some(items) = items(field) {
            let has_more = false;
            return Some(Self { items, has_more });
        }
        let held: Held<'a> = serde_json::from_str(field.get()).ok()?;
        let items = match (held.items.map(items), held.id) {
            (Some(items), _) => items.unwrap_or_default(),
            (None, Some(_)) => vec![field.get()],
            (None, None) => Vec::new(),
        };
        let total = held
            .total_count
            .as_ref()
            .and_then(huntress::__huntctl::integer);
        let total = total.and_then(|total| usize::try_from(total).ok());
        let told = held
            .has_more
            .is_some_and(|more| more == true || more == "true");
        let has_more = told || total.is_some_and(|total| total > items.len());
        Some(Self { items, has_more })
    }
}

fn items(list: &RawValue) -> Option<Vec<&str>> {
    let items: Vec<&RawValue> = serde_json::from_str(list.get()).ok()?;
    Some(items.into_iter().map(RawValue::get).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_is_read() {
        for (json, items, has_more) in [
            (
                r#"{"items": [{"id": 1}, {"id":2}]}"#,
                &[r#"{"id": 1}"#, r#"{"id":2}"#][..],
                false,
            ),
            (
                r#"{"items": [{"id":1}], "has_more": true}"#,
                &[r#"{"id":1}"#],
                true,
            ),
            (
                r#"{"items": [{"id":1}], "total_count": "2", "has_more": false}"#,
                &[r#"{"id":1}"#],
                true,
            ),
            (
                r#"{"items": [{"id":1}], "total_count": 1, "has_more": null}"#,
                &[r#"{"id":1}"#],
                false,
            ),
            (r#"[{"id":1}]"#, &[r#"{"id":1}"#], false),
            (r#"{"id":1}"#, &[r#"{"id":1}"#], false),
            (r#"{"items": null, "total_count": 3}"#, &[], true),
            ("{}", &[], false),
        ] {
            let raw: Box<RawValue> = serde_json::from_str(json).unwrap();
            let items = items.to_vec();
            assert_eq!(Nested::of(&raw), Some(Nested { items, has_more }), "{json}");
        }
        for json in ["null", "7", r#""x""#] {
            let raw: Box<RawValue> = serde_json::from_str(json).unwrap();
            assert_eq!(Nested::of(&raw), None, "{json}");
        }
    }
}
