//! Making an event fit where messages have a largest size.
//!
//! A message that is cut in the middle is no JSON any more, and a receiver drops it or indexes
//! it as text. So the long texts inside are shortened instead, all to the same length, until
//! the whole fits; it stays what it was, with all its fields. Whoever renders the event is told
//! how long it was, and marks it.

use serde_json::Value;

use super::Event;

/// The lengths that texts are shortened to, one after the other.
const LENGTHS: [usize; 6] = [8192, 2048, 512, 128, 32, 8];
/// What stands at the end of a text that was shortened.
const MARK: char = '…';

/// The rendered event, shortened where it is longer than `limit` bytes. `render` is told the
/// length in bytes that the event has in full, where this is not all of it. `None` where
/// nothing helps.
pub(super) fn fit(
    event: &Event,
    limit: usize,
    render: impl Fn(&Event, Option<usize>) -> Vec<u8>,
) -> Option<Vec<u8>> {
    let whole = render(event, None);
    if whole.len() <= limit {
        return Some(whole);
    }
    let mut smaller = event.clone();
    for length in LENGTHS {
        cut(&mut smaller.summary, length);
        smaller
            .body
            .values_mut()
            .for_each(|value| shorten(value, length));
        let shortened = render(&smaller, Some(whole.len()));
        if shortened.len() <= limit {
            return Some(shortened);
        }
    }
    // Too many fields: the summary alone.
    smaller.body.clear();
    let least = render(&smaller, Some(whole.len()));
    (least.len() <= limit).then_some(least)
}

/// Cuts each text to `length` bytes, and each list to as many items as that is worth.
fn shorten(value: &mut Value, length: usize) {
    match value {
        Value::String(text) => cut(text, length),
        Value::Array(items) => {
            items.truncate((length / 32).max(1));
            items.iter_mut().for_each(|item| shorten(item, length));
        }
        Value::Object(fields) => fields.values_mut().for_each(|field| shorten(field, length)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Cuts a text to at most `length` bytes, between two characters, and marks it.
pub(super) fn cut(text: &mut String, length: usize) {
    if text.len() > length {
        let mut end = length.saturating_sub(MARK.len_utf8());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push(MARK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::flatten::tests::event;
    use proptest::prelude::*;
    use serde_json::{Map, json};

    fn render(event: &Event, full: Option<usize>) -> Vec<u8> {
        let mut body = event.body.clone();
        if let Some(full) = full {
            body.insert("full".into(), full.into());
        }
        serde_json::to_vec(&body).unwrap()
    }

    fn fitted(body: Value, limit: usize) -> Option<Map<String, Value>> {
        let bytes = fit(&event(body), limit, render)?;
        assert!(bytes.len() <= limit);
        Some(serde_json::from_slice(&bytes).unwrap())
    }

    #[test]
    fn what_fits_is_left_alone() {
        let body = json!({"a": "x".repeat(60)});
        assert_eq!(
            fitted(body.clone(), 68).unwrap(),
            *body.as_object().unwrap()
        );
    }

    #[test]
    fn long_texts_and_lists_give_way_and_small_fields_stay() {
        let body =
            json!({"id": 7, "status": "sent", "body": "é".repeat(3000), "list": vec!["ab"; 900]});
        let fitted = fitted(body, 3000).unwrap();
        assert_eq!(fitted["id"], 7);
        assert_eq!(fitted["status"], "sent");
        assert!(fitted["body"].as_str().unwrap().ends_with("é…"));
        assert_eq!(fitted["list"].as_array().unwrap().len(), 64);
        assert!(fitted["full"].as_u64().unwrap() > 9000);
    }

    #[test]
    fn too_many_fields_leave_the_summary_and_too_little_room_leaves_nothing() {
        let many: Map<_, _> = (0..500).map(|n| (format!("field{n}"), json!(n))).collect();
        assert_eq!(fitted(many.clone().into(), 100).unwrap().len(), 1);
        assert!(fitted(many.into(), 5).is_none());
    }

    proptest! {
        #[test]
        fn whatever_fits_parses(texts in prop::collection::vec("\\PC{0,200}", 0..8), limit in 40usize..2000) {
            let body: Map<_, _> = texts.into_iter().enumerate().map(|(n, text)| (n.to_string(), text.into())).collect();
            prop_assert!(fitted(body.into(), limit).is_some());
        }
    }
}
