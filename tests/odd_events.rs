//! A value that does not fit costs its field of an event, and never the event.
//!
//! Made from `spec/openapi.json` for every event: each property of its payload, nested ones and
//! elements of lists too, is left out, is null, and is each of a dozen JSON values in turn. The
//! event must be its own variant with all the rest, as `support/fitted.rs` says, and exactly
//! what was lost is told. Only without its `id` it is unknown, with all of its JSON.

#![cfg(feature = "webhooks")]

mod support;

use std::sync::{Arc, Mutex};

use huntress::OddField;
use huntress::http::HeaderMap;
use huntress::jiff::Timestamp;
use huntress::webhooks::{Event, Verifier, sign};
use serde_json::{Value, json};
use support::fitted::{fitted, places, pool};
use support::payload::{Fill, document, payload};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A verifier, and what it has told.
struct Reader {
    verifier: Verifier,
    told: Arc<Mutex<Vec<OddField>>>,
}

impl Reader {
    fn new() -> Self {
        let told: Arc<Mutex<Vec<OddField>>> = Arc::default();
        let tell = {
            let told = Arc::clone(&told);
            move |odd: &OddField| told.lock().unwrap().push(odd.clone())
        };
        let verifier = Verifier::new([SECRET]).unwrap().on_odd_field(tell);
        Self { verifier, told }
    }

    /// The event that a body tells of, and what did not fit.
    fn read(&self, body: &[u8]) -> (Event, Vec<OddField>) {
        let now = Timestamp::from_second(1_769_044_028).unwrap();
        let headers: HeaderMap = sign(SECRET, "msg_1", now, body).unwrap();
        let delivery = self.verifier.verify_at(&headers, body, now).unwrap();
        assert_eq!(delivery.body, body);
        assert_eq!(delivery.event, Event::from_slice(body));
        (
            delivery.event,
            std::mem::take(&mut *self.told.lock().unwrap()),
        )
    }

    /// The same of a body that does not say its type.
    fn read_as(&self, event_type: &str, payload: &Value) -> (Event, Vec<OddField>) {
        self.read(typed(event_type, payload).to_string().as_bytes())
    }
}

/// A payload as the body of an event.
fn typed(event_type: &str, payload: &Value) -> Value {
    let mut body = payload.clone();
    body["event_type"] = json!(event_type);
    body
}

/// Every event, with the schema of its payload and a payload with all of its fields.
fn events() -> Vec<(String, Value, Value)> {
    let document = document();
    let webhooks = document["x-webhooks"].as_object().unwrap();
    let events = webhooks.iter().map(|(event_type, webhook)| {
        let body = &webhook["post"]["requestBody"];
        let schema = body["content"]["application/json"]["schema"].clone();
        let whole = payload(&document, &schema, Fill::All);
        (event_type.clone(), schema, whole)
    });
    events.collect()
}

/// The payload of an event that is known, as JSON again.
fn shown(event: &Event) -> Option<Value> {
    let mut shown = match event {
        Event::IncidentReportCreated(incident)
        | Event::IncidentReportCommentAdded(incident)
        | Event::IncidentReportClosed(incident) => json!(incident),
        Event::EscalationCreated(escalation)
        | Event::EscalationOverdue(escalation)
        | Event::EscalationClosed(escalation) => json!(escalation),
        Event::PlatformActionCreated(action)
        | Event::PlatformActionOverdue(action)
        | Event::PlatformActionClosed(action) => json!(action),
        Event::PlatformActionNotification(notice) | Event::AccountNoticeNotification(notice) => {
            json!(notice)
        }
        _ => return None,
    };
    bare(&mut shown);
    Some(shown)
}

/// Takes out what no event shows: null, which is the absence of a value, and the one key among
/// the odd values, which no field has.
fn bare(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|key, value| key != "odd" && !value.is_null());
            map.values_mut().for_each(bare);
        }
        Value::Array(items) => items.iter_mut().for_each(bare),
        _ => {}
    }
}

/// Leaves out what a pointer leads to.
fn remove(value: &mut Value, at: &str) {
    let (parent, key) = at.rsplit_once('/').unwrap();
    match value.pointer_mut(parent).unwrap() {
        Value::Object(map) => drop(map.remove(&key.replace("~1", "/").replace("~0", "~"))),
        Value::Array(items) => drop(items.remove(key.parse().unwrap())),
        other => panic!("{other} has no parts"),
    }
}

/// Every payload in which one place is odd, and which place that is.
fn odd_ones(whole: &Value) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    places(whole, "", &mut found);
    let mut all = Vec::new();
    for at in found {
        let mut without = whole.clone();
        remove(&mut without, &at);
        all.push((at.clone(), without));
        for odd in pool().into_iter().chain([Value::Null]) {
            let mut with = whole.clone();
            *with.pointer_mut(&at).unwrap() = odd;
            all.push((at.clone(), with));
        }
    }
    all
}

#[test]
fn every_field_of_every_event_times_every_odd_value() {
    let (document, reader) = (document(), Reader::new());
    let (mut survived, mut unknown) = (0, 0);
    for (event_type, schema, whole) in events() {
        for (at, odd) in odd_ones(&whole) {
            let case = format!("{event_type} {at}: {odd}");
            let (event, told) = reader.read_as(&event_type, &odd);
            assert_eq!(event.event_type(), event_type, "{case}");
            let (fits, paths) = fitted(&document, &schema, &odd, "");
            let Some(mut fits) = fits else {
                assert_eq!(at, "/id", "{case}");
                let json = typed(&event_type, &odd);
                let event_type = event_type.clone();
                assert_eq!(event, Event::Unknown { event_type, json }, "{case}");
                assert_eq!(told, [], "{case}");
                unknown += 1;
                continue;
            };
            bare(&mut fits);
            assert_eq!(shown(&event), Some(fits.clone()), "{case}");
            let paths = paths.iter().map(|path| path.trim_start_matches('.'));
            let told_paths = told.iter().map(OddField::path);
            assert!(told_paths.eq(paths), "{case}: {told:?}");
            for field in told {
                assert_eq!(field.operation(), event_type, "{case}");
                assert_eq!(field.record_id(), fits["id"].as_i64(), "{case}");
            }
            survived += 1;
        }
    }
    println!("{survived} events survived, {unknown} were unknown");
    assert!(survived > 2_500, "{survived}");
    // Of what can be in the place of an id, or not, twelve are no whole number.
    assert_eq!(unknown, 11 * 12);
}

#[test]
fn every_event_is_read_with_all_its_fields_with_few_and_with_more() {
    let (document, reader) = (document(), Reader::new());
    for (event_type, schema, whole) in events() {
        let fills = [
            Fill::All,
            Fill::Null,
            Fill::Absent,
            Fill::NewEnumValues,
            Fill::UnknownKeys,
        ];
        for fill in fills {
            let payload = payload(&document, &schema, fill);
            let (event, told) = reader.read_as(&event_type, &payload);
            assert_eq!(event.event_type(), event_type);
            let mut expected = match fill {
                Fill::UnknownKeys => whole.clone(),
                _ => payload,
            };
            bare(&mut expected);
            assert_eq!(shown(&event), Some(expected), "{event_type}");
            assert_eq!(told, [], "{event_type}");
        }
    }
}

#[test]
fn the_account_of_an_incident_has_two_spellings() {
    let reader = Reader::new();
    for (account, id, flat) in [
        (json!({"account": {"id": 7}}), Some(7), None),
        (json!({"account_id": "7"}), None, Some(7)),
        (
            json!({"account": {"id": "7"}, "account_id": 7}),
            Some(7),
            Some(7),
        ),
        (
            json!({"account": {"id": null, "name": null}, "account_id": 7}),
            None,
            Some(7),
        ),
    ] {
        let mut payload = account.clone();
        payload["id"] = json!(1);
        let (event, told) = reader.read_as("incident_report.closed", &payload);
        let Event::IncidentReportClosed(incident) = event else {
            panic!("{account}: {event:?}");
        };
        let nested = incident.account.and_then(|account| account.id);
        let ids = [nested, incident.account_id].map(|id| id.map(i64::from));
        assert_eq!(ids, [id, flat], "{account}");
        assert_eq!(told, [], "{account}");
    }
}

/// As a byte that is not UTF-8 does.
#[test]
fn half_a_character_costs_itself() {
    let body =
        br#"{"event_type": "incident_report.created", "id": 7, "subject": "Bad \ud83d tool"}"#;
    let (event, told) = Reader::new().read(body);
    let Event::IncidentReportCreated(incident) = event else {
        panic!("{event:?}");
    };
    assert_eq!(incident.subject.as_deref(), Some("Bad \u{fffd} tool"));
    assert_eq!(told, []);
}

#[test]
fn what_is_no_event_is_unknown_with_all_of_it() {
    let reader = Reader::new();
    // No JSON value has half a character, so this is kept as text.
    const LONE_SURROGATE: &str = r#"{"event_type": "x.y", "id": 7, "subject": "\ud800"}"#;
    let known = "incident_report.created";
    for (body, event_type, json) in [
        (r#"{"event_type": "x.y", "id": 7}"#, "x.y", None),
        (r#"{"event_type": "x.y"}"#, "x.y", None),
        (r#"{"event_type": "incident_report.created"}"#, known, None),
        (
            r#"{"event_type": "Incident_report.created", "id": 7}"#,
            "Incident_report.created",
            None,
        ),
        (r#"{"id": 7}"#, "", None),
        (r#"{"event_type": null, "id": 7}"#, "", None),
        (r#"{"event_type": 7, "id": 7}"#, "", None),
        (
            r#"{"event_type": ["incident_report.created"], "id": 7}"#,
            "",
            None,
        ),
        (r#"{"test": 2432232314}"#, "", None),
        (r#"["incident_report.created"]"#, "", None),
        (
            r#"[{"event_type": "incident_report.created", "id": 7}]"#,
            "",
            None,
        ),
        ("{}", "", None),
        ("[]", "", None),
        ("null", "", None),
        ("7", "", None),
        (r#""incident_report.created""#, "", None),
        (LONE_SURROGATE, "x.y", Some(LONE_SURROGATE)),
        ("", "", Some("")),
        ("this is not JSON {", "", Some("this is not JSON {")),
        (
            r#"{"event_type": "x.y""#,
            "",
            Some(r#"{"event_type": "x.y""#),
        ),
    ] {
        let json = json.map_or_else(|| body.parse().unwrap(), |text| json!(text));
        let event_type = event_type.to_owned();
        let (event, told) = reader.read(body.as_bytes());
        assert_eq!(event, Event::Unknown { event_type, json }, "{body}");
        assert_eq!(told, [], "{body}");
    }
    let (event, _) = reader.read(b"\xff\xfe");
    let (event_type, json) = (String::new(), json!("\u{fffd}\u{fffd}"));
    assert_eq!(event, Event::Unknown { event_type, json });
}
