//! When things happen: in which order, until when, and what that makes of them.

use jiff::civil::Date;
use jiff::{Span, Timestamp};
use serde_json::{Map, Value, json};

use crate::values::{self, DAY};

pub(crate) const YEAR: i64 = 365 * DAY;

/// The moments in the life of a record, and of a term, in the order in which they happen.
const LIVES: [&[&str]; 7] = [
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

/// Puts the moments of an item, and of all within it, into that order.
pub(crate) fn in_order(item: &mut Value) {
    match item {
        Value::Array(items) => items.iter_mut().for_each(in_order),
        Value::Object(fields) => {
            for life in LIVES {
                let lived = |key: &&&str| fields.get(**key).is_some_and(Value::is_string);
                let keys: Vec<_> = life.iter().filter(lived).collect();
                let mut moments: Vec<_> = keys.iter().map(|key| fields[**key].clone()).collect();
                moments.sort_by(|one, other| one.as_str().cmp(&other.as_str()));
                for (key, moment) in keys.into_iter().zip(moments) {
                    fields[*key] = moment;
                }
            }
            fields.values_mut().for_each(in_order);
        }
        _ => {}
    }
}

/// Moves the moments that were made up to where those that are given leave room for them.
pub(crate) fn around(row: &mut Value, given: &Map<String, Value>) {
    let moment = |value: &Value| value.as_str()?.parse::<Timestamp>().ok();
    let known = |keys: &[&str]| {
        let known = keys.iter().filter_map(|key| given.get(*key));
        known
            .filter_map(|value| Some((moment(value)?, value.clone())))
            .collect::<Vec<_>>()
    };
    for life in LIVES {
        for (place, key) in life.iter().enumerate() {
            let Some(at) = row.get(*key).and_then(moment) else {
                continue;
            };
            if given.contains_key(*key) {
                continue;
            }
            let before = known(&life[..place]).into_iter().max_by_key(|(at, _)| *at);
            let after = known(&life[place + 1..])
                .into_iter()
                .min_by_key(|(at, _)| *at);
            if let Some((_, least)) = before.filter(|(least, _)| *least > at) {
                row[*key] = least;
            } else if let Some((_, most)) = after.filter(|(most, _)| *most < at) {
                row[*key] = most;
            }
        }
    }
}

/// Lets a billing cycle end where the one after it begins.
pub(crate) fn follow(next: &Value, cycle: &mut Value) {
    let begins = next
        .as_str()
        .and_then(|text| text.parse::<Timestamp>().ok());
    let Some(begins) = begins else { return };
    let began = begins.saturating_sub(Span::new().hours(30 * 24));
    cycle["service_period_start"] = values::at(began.unwrap_or(begins));
    cycle["service_period_end"] = next.clone();
}

/// What the dates of an access rule make of it.
pub(crate) fn standing(rule: &Value, now: Timestamp) -> &'static str {
    let date = |key: &str| rule[key].as_str()?.parse::<Timestamp>().ok();
    if date("expires_at").is_some_and(|end| end <= now) {
        "expired"
    } else if date("starts_at").is_some_and(|start| start > now) {
        "scheduled"
    } else {
        "active"
    }
}

/// How long an escalation may wait for an answer, in seconds.
pub(crate) fn patience(escalation: &Value) -> i64 {
    match escalation["severity"].as_str() {
        Some("critical") => DAY,
        Some("high") => 3 * DAY,
        _ => 14 * DAY,
    }
}

/// When an escalation is due, in seconds.
pub(crate) fn due(escalation: &Value) -> Option<i64> {
    let created: Timestamp = escalation["created_at"].as_str()?.parse().ok()?;
    Some(created.as_second() + patience(escalation))
}

/// What an escalation can be listed as, which is not what it says itself.
pub(crate) fn stage(escalation: &Value) -> &'static str {
    if escalation["status"] == "resolved" {
        "resolved"
    } else if due(escalation).is_some_and(|due| due < values::NOW) {
        "overdue"
    } else {
        "open"
    }
}

/// Makes a summary report one of a whole month, quarter or year.
pub(crate) fn report(item: &mut Value, number: usize) {
    let (kind, months) = match number % 10 {
        9 => ("yearly_summary", 12),
        4 | 7 => ("quarterly_summary", 3),
        _ => ("monthly_summary", 1),
    };
    // Months since the year 0; the world is in June 2026.
    let this_month = 2026 * 12 + 5;
    let end = this_month - this_month % months - number as i64 % 24 / months * months;
    let first_of = |month: i64| {
        let (year, month) = ((month / 12) as i16, (month % 12) as i8 + 1);
        Date::new(year, month, 1).unwrap_or_default()
    };
    let (start, end) = (first_of(end - months), first_of(end));
    let last = end.saturating_sub(Span::new().days(1));
    item["type"] = json!(kind);
    item["period"] = json!(format!("{start}...{last}"));
    for key in ["created_at", "updated_at"] {
        item[key] = json!(format!("{end}T06:00:00Z"));
    }
    for key in [
        "rogue_app_incidents",
        "shadow_workflow_incidents",
        "unwanted_access_incidents",
    ] {
        for incident in item[key].as_array_mut().into_iter().flatten() {
            incident["sent_at"] = json!(format!("{last}T12:00:00Z"));
        }
    }
}

/// Makes a subscription and its schedules those of one that began at a time, in seconds.
pub(crate) fn terms(subscription: &mut Value, began: i64, now: i64) {
    let at = |second: i64| {
        json!(
            Timestamp::from_second(second)
                .unwrap_or_default()
                .to_string()
        )
    };
    let years = (now - began) / YEAR + 1;
    subscription["effective_date"] = at(began);
    subscription["renewal_date"] = at(began + years * YEAR);
    let minimum = subscription["minimum_usage"].as_i64().unwrap_or_default();
    subscription["terminal_minimum_usage"] = json!(minimum);
    let schedules = subscription["schedules"].as_array_mut();
    for (schedule, begin) in schedules
        .into_iter()
        .flatten()
        .zip((began..).step_by(YEAR as usize))
    {
        let status = match begin {
            begin if begin > now => "pending",
            begin if begin + YEAR <= now => "completed",
            _ => "active",
        };
        schedule["status"] = json!(status);
        (schedule["starts_at"], schedule["ends_at"]) = (at(begin), at(begin + YEAR));
        schedule["months"] = json!(12);
        schedule["minimum"] = json!(minimum);
        schedule["maximum"] = json!(minimum.saturating_mul(5));
    }
}
