//! Moments in the made-up world, how they are written, and the order in which those of a
//! record happen.

use jiff::{Timestamp, Unit};
use serde_json::{Map, Value};

/// The newest time in the made-up world, so that it is the same on every start:
/// 2026-06-01T12:00:00Z.
pub(crate) const NOW: i64 = 1_780_315_200;
pub(crate) const HOUR: i64 = 60 * 60;
pub(crate) const DAY: i64 = 24 * HOUR;
pub(crate) const YEAR: i64 = 365 * DAY;

/// The moments of a record, and of a term, in the order in which they happen.
const SEQUENCES: [&[&str]; 7] = [
    &[
        "created_at",
        "password_last_changed_at",
        "risk_last_updated_at",
        "sent_at",
        "investigated_at",
        "approved_at",
        "completed_at",
        "resolved_at",
        "closed_at",
        "status_updated_at",
        "updated_at",
    ],
    &["starts_at", "ends_at"],
    &["starts_at", "expires_at"],
    &["start_date", "end_date"],
    &["effective_date", "renewal_date"],
    &["period_start", "period_end"],
    &["service_period_start", "service_period_end"],
];

/// The moment so many seconds before the newest time of the world.
pub(crate) fn ago(seconds: i64) -> String {
    second(NOW - seconds)
}

/// A second since 1970 as the API writes it.
pub(crate) fn second(second: i64) -> String {
    let at = Timestamp::from_second(second).unwrap_or_default();
    at.to_string()
}

/// A moment as the API writes it.
pub(crate) fn written(moment: Timestamp) -> Value {
    let rounded = moment.round(Unit::Millisecond).unwrap_or(moment);
    Value::String(rounded.to_string())
}

/// The real time, as the API writes it.
pub(crate) fn now() -> Value {
    written(Timestamp::now())
}

/// The moment in a field.
pub(crate) fn read(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

/// Sorts the moments of an item, and of all within it, so that each sequence is in order.
pub(crate) fn sort(item: &mut Value) {
    match item {
        Value::Array(items) => items.iter_mut().for_each(sort),
        Value::Object(fields) => {
            for sequence in SEQUENCES {
                let told = |key: &&&str| fields.get(**key).is_some_and(Value::is_string);
                let keys: Vec<_> = sequence.iter().filter(told).collect();
                let mut moments: Vec<_> = keys.iter().map(|key| fields[**key].clone()).collect();
                moments.sort_by(|one, other| one.as_str().cmp(&other.as_str()));
                for (key, moment) in keys.into_iter().zip(moments) {
                    fields[*key] = moment;
                }
            }
            fields.values_mut().for_each(sort);
        }
        _ => {}
    }
}

/// Moves the moments that were made up to where those that are given leave room for them.
pub(crate) fn fit_around(row: &mut Value, given: &Map<String, Value>) {
    let known = |keys: &[&str]| {
        let known = keys.iter().filter_map(|key| given.get(*key));
        known
            .filter_map(|value| Some((read(value)?, value.clone())))
            .collect::<Vec<_>>()
    };
    for sequence in SEQUENCES {
        for (place, key) in sequence.iter().enumerate() {
            let Some(at) = row.get(*key).and_then(read) else {
                continue;
            };
            if given.contains_key(*key) {
                continue;
            }
            let (before, after) = (&sequence[..place], &sequence[place + 1..]);
            let least = known(before).into_iter().max_by_key(|(at, _)| *at);
            let most = known(after).into_iter().min_by_key(|(at, _)| *at);
            if let Some((_, least)) = least.filter(|(least, _)| *least > at) {
                row[*key] = least;
            } else if let Some((_, most)) = most.filter(|(most, _)| *most < at) {
                row[*key] = most;
            }
        }
    }
}
