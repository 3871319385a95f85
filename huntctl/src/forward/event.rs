//! What a transport is given of a record: the event of a mapping, and what the transport itself
//! needs to know.

use serde_json::{Map, Value};

use super::{Kind, Mapping, Told};
use crate::transport::{Event, Severity};

/// Who is shown as the source of what is about no single machine.
pub(super) const NO_HOST: &str = "huntress";

/// The event that tells a record.
pub fn event(mapping: Mapping, told: &Told<'_>) -> Event {
    Event {
        id: told.stable_id(),
        record: told.uid(),
        kind: told.kind.name().to_owned(),
        time: told.time(),
        host: told.host().unwrap_or_else(|| NO_HOST.to_owned()),
        severity: severity(told),
        summary: told.title(),
        body: object(mapping.map(told)),
    }
}

fn severity(told: &Told<'_>) -> Severity {
    let word = told.severity();
    match (word.as_deref(), told.kind) {
        (Some("critical"), _) => Severity::Critical,
        (Some("high"), _) => Severity::High,
        (Some("low"), _) => Severity::Low,
        (Some("info" | "informational"), _) | (_, Kind::Agent | Kind::Identity) => Severity::Info,
        // One that says nothing of it, or nothing that is known, is not made harmless.
        (_, Kind::Incident | Kind::Escalation) => Severity::Medium,
        (_, Kind::Signal) => Severity::Info,
    }
}

fn object(event: Value) -> Map<String, Value> {
    match event {
        Value::Object(fields) => fields,
        other => Map::from_iter([("record".to_owned(), other)]),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::forward::AccountRef;

    #[test]
    fn severities_are_those_of_the_record() {
        let account = AccountRef {
            id: 1,
            name: None,
            subdomain: None,
        };
        for (kind, word, expected) in [
            (Kind::Incident, json!("Critical"), Severity::Critical),
            (Kind::Incident, json!("high"), Severity::High),
            (Kind::Incident, json!("low"), Severity::Low),
            (Kind::Incident, json!(null), Severity::Medium),
            (Kind::Escalation, json!("catastrophic"), Severity::Medium),
            (Kind::Signal, json!(null), Severity::Info),
            (Kind::Agent, json!("critical"), Severity::Info),
        ] {
            let record = json!({"severity": word});
            let told = Told::new(kind, 7, &record, account, jiff::Timestamp::UNIX_EPOCH);
            assert_eq!(severity(&told), expected, "{kind:?} {word}");
        }
    }
}
