//! Escalations, and platform actions, which have the same form: their kinds, and how long
//! they may wait.

use fastrand::Rng;
use serde_json::{Value, json};

use crate::dates::{self, DAY, HOUR, ago};
use crate::values::{COUNTRIES, VPNS};

/// Type, subtype and subject: a kind for each way in which one can be resolved.
const KINDS: [(&str, &str, &str); 5] = [
    (UNWANTED_ACCESS, "country", "Sign-in from "),
    (UNWANTED_ACCESS, "vpn", "Sign-in through "),
    ("endpoint", "isolated_host", "Host is isolated"),
    ("endpoint", "portal_only", "Question about an application"),
    ("environment", "defender_disabled", "Defender is disabled"),
];

pub(crate) const UNWANTED_ACCESS: &str = "unwanted_access";

pub(crate) fn make(item: &mut Value, number: usize, rng: &mut Rng) {
    let (kind, subtype, subject) = KINDS[number % KINDS.len()];
    let from = sign_in_from(subtype, item["id"].as_i64().unwrap_or_default());
    (item["type"], item["subtype"]) = (json!(kind), json!(subtype));
    item["subject"] = json!(format!("{subject}{}", from.unwrap_or_default()));
    let patience = patience(item);
    let (status, age) = match number / KINDS.len() % 4 {
        0 => ("open", rng.i64(HOUR / 2..patience)),
        1 => ("resolved", rng.i64(2 * DAY..300 * DAY)),
        2 => ("sent", patience + rng.i64(HOUR..30 * DAY)),
        _ => ("sent", rng.i64(HOUR / 2..patience)),
    };
    item["status"] = json!(status);
    item["created_at"] = json!(ago(age));
    let resolved = (status == "resolved").then(|| ago(age - rng.i64(HOUR..DAY)));
    item["updated_at"] = json!(resolved.clone().unwrap_or_else(|| ago(age / 2)));
    item["resolved_at"] = json!(resolved);
}

/// The country, or the operator, that an escalated sign-in came from.
pub(crate) fn sign_in_from(subtype: &str, escalation: i64) -> Option<&'static str> {
    let number = escalation.unsigned_abs() as usize;
    match subtype {
        "country" => Some(COUNTRIES[number % COUNTRIES.len()]),
        "vpn" => Some(VPNS[number % VPNS.len()].1),
        _ => None,
    }
}

/// How long an escalation may wait for an answer, in seconds.
fn patience(escalation: &Value) -> i64 {
    match escalation["severity"].as_str() {
        Some("critical") => DAY,
        Some("high") => 3 * DAY,
        _ => 14 * DAY,
    }
}

/// When an escalation is due, in seconds since 1970.
pub(crate) fn due(escalation: &Value) -> Option<i64> {
    let created = dates::read(&escalation["created_at"])?;
    Some(created.as_second() + patience(escalation))
}

/// What an escalation can be listed as, which is not what it says itself.
pub(crate) fn stage(escalation: &Value) -> &'static str {
    if escalation["status"] == "resolved" {
        "resolved"
    } else if due(escalation).is_some_and(|due| due < dates::NOW) {
        "overdue"
    } else {
        "open"
    }
}
