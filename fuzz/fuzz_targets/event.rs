//! Whatever a body is, reading an event does not panic and nothing of it gets lost.

#![no_main]

use huntress::webhooks::Event;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|body: &[u8]| {
    let event = Event::from_slice(body);
    let text = String::from_utf8_lossy(body);
    let whole: Option<Value> = serde_json::from_str(&text).ok();
    if let Event::Unknown { event_type, json } = &event {
        // Where a body says twice what it is, it does not say it.
        let said = whole.as_ref().map(|whole| &whole["event_type"]);
        if let Some(said) = said {
            assert!(event_type.is_empty() || said == event_type, "{event_type}");
        }
        let kept = whole.unwrap_or_else(|| Value::String(text.into_owned()));
        assert_eq!(*json, kept);
        return;
    }
    // A known event may have what no JSON value can: half a character, or in a key that nobody
    // reads a number that is too large.
    if let Some(whole) = whole {
        assert_eq!(whole["event_type"], event.event_type());
        assert_eq!(number(&whole["id"]), Some(id(&event)));
    }
});

/// The id of an event that is known.
fn id(event: &Event) -> i64 {
    match event {
        Event::IncidentReportCreated(incident)
        | Event::IncidentReportCommentAdded(incident)
        | Event::IncidentReportClosed(incident) => incident.id.get(),
        Event::EscalationCreated(escalation)
        | Event::EscalationOverdue(escalation)
        | Event::EscalationClosed(escalation) => escalation.id.get(),
        Event::PlatformActionCreated(action)
        | Event::PlatformActionOverdue(action)
        | Event::PlatformActionClosed(action) => action.id.get(),
        Event::PlatformActionNotification(notice) | Event::AccountNoticeNotification(notice) => {
            notice.id
        }
        other => panic!(
            "an event that this target does not know: {}",
            other.event_type()
        ),
    }
}

/// The whole number that a value says, in whatever form.
fn number(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| Some(number.as_f64()? as i64)),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}
