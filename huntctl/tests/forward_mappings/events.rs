//! What the mappings make of good records.

use huntctl::forward::{Change, Kind, Mapping, Told};
use serde_json::{Value, json};

use crate::samples;

fn events(mapping: Mapping) -> Value {
    let events = Kind::ALL.into_iter().map(|kind| {
        let full = mapping.map(&samples::told(kind, &samples::full(kind)));
        let bare = json!({"id": 1});
        let mut told = samples::told(kind, &bare);
        (told.organization, told.agent_hostname) = (None, None);
        (told.account.name, told.account.subdomain) = (None, None);
        told.change = Change::Updated;
        let bare = mapping.map(&told);
        (kind.name().to_owned(), json!({"bare": bare, "full": full}))
    });
    events.collect::<serde_json::Map<_, _>>().into()
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap()
}

#[test]
fn raw() {
    insta::assert_snapshot!(pretty(&events(Mapping::Raw)));
}

#[test]
fn socfortress() {
    insta::assert_snapshot!(pretty(&events(Mapping::Socfortress)));
}

#[test]
fn ecs() {
    insta::assert_snapshot!(pretty(&events(Mapping::Ecs)));
}

#[test]
fn ocsf() {
    insta::assert_snapshot!(pretty(&events(Mapping::Ocsf)));
}

#[test]
fn names_lead_to_mappings_and_kinds() {
    for mapping in Mapping::ALL {
        assert_eq!(Mapping::from_name(mapping.name()), Some(mapping));
    }
    assert_eq!(Mapping::from_name("ECS"), None);
    for kind in Kind::ALL {
        assert_eq!(Kind::from_name(kind.name()), Some(kind));
    }
}

/// What is done about a record, by its status and by whether it was told before.
#[test]
fn activities() {
    let cases = [
        (
            Kind::Incident,
            "sent",
            Change::New,
            200_501,
            "incident-created",
        ),
        (
            Kind::Incident,
            "sent",
            Change::Updated,
            200_502,
            "incident-updated",
        ),
        (
            Kind::Incident,
            "auto_remediating",
            Change::Updated,
            200_502,
            "incident-updated",
        ),
        (
            Kind::Incident,
            "closed",
            Change::New,
            200_503,
            "incident-closed",
        ),
        (
            Kind::Incident,
            "dismissed",
            Change::Updated,
            200_503,
            "incident-closed",
        ),
        (
            Kind::Incident,
            "partner_dismissed",
            Change::Updated,
            200_503,
            "incident-closed",
        ),
        (
            Kind::Incident,
            "deleting",
            Change::Updated,
            200_503,
            "incident-closed",
        ),
        (
            Kind::Incident,
            "brand_new",
            Change::Updated,
            200_502,
            "incident-updated",
        ),
        (
            Kind::Escalation,
            "overdue",
            Change::Updated,
            200_502,
            "escalation-updated",
        ),
        (
            Kind::Escalation,
            "resolved",
            Change::Updated,
            200_503,
            "escalation-closed",
        ),
        (
            Kind::Signal,
            "reported",
            Change::New,
            200_401,
            "signal-created",
        ),
        (
            Kind::Signal,
            "closed",
            Change::New,
            200_403,
            "signal-closed",
        ),
        (Kind::Agent, "closed", Change::New, 500_102, "agent-created"),
        (
            Kind::Identity,
            "closed",
            Change::Updated,
            500_302,
            "identity-updated",
        ),
    ];
    for (kind, status, change, type_uid, action) in cases {
        let mut record = samples::full(kind);
        record["status"] = json!(status);
        let mut told = samples::told(kind, &record);
        told.change = change;
        assert_eq!(Mapping::Ocsf.map(&told)["type_uid"], type_uid, "{status}");
        assert_eq!(Mapping::Ecs.map(&told)["event"]["action"], action);
    }
}

/// Where a person is led to.
#[test]
fn addresses() {
    let record = json!({"id": 12});
    let mut told = samples::told(Kind::Incident, &record);
    assert_eq!(
        told.url(),
        "https://example-partner.huntress.io/org/7/incident_reports/12"
    );
    for subdomain in [None, Some(""), Some("evil.example/"), Some("a b")] {
        told.account.subdomain = subdomain;
        assert_eq!(told.url(), "https://api.huntress.io/v1/incident_reports/12");
    }
    told.account.subdomain = Some("example");
    told.organization = None;
    assert_eq!(told.url(), "https://api.huntress.io/v1/incident_reports/12");
    let told = samples::told(Kind::Agent, &record);
    assert_eq!(told.url(), "https://api.huntress.io/v1/agents/12");
}

/// The moment of a state, in all spellings, and what stands in for it.
#[test]
fn times() {
    let seen = "2026-06-02T09:30:00Z";
    let cases = [
        (
            json!({"updated_at": "2026-06-01T12:00:00+02:00"}),
            "2026-06-01T10:00:00Z",
        ),
        (
            json!({"updated_at": "2026-06-01 12:00:00 UTC"}),
            "2026-06-01T12:00:00Z",
        ),
        (
            json!({"updated_at": "2026-06-01T12:00:00.123456"}),
            "2026-06-01T12:00:00.123456Z",
        ),
        (
            json!({"updated_at": "yesterday", "created_at": "2026-06-01T12:00:00Z"}),
            "2026-06-01T12:00:00Z",
        ),
        (
            json!({"updated_at": null, "status_updated_at": "2026-06-01T13:00:00Z", "sent_at": "2026-06-01T12:00:00Z"}),
            "2026-06-01T13:00:00Z",
        ),
        (
            json!({"status_updated_at": "2026-06-01T13:00:00Z", "created_at": "2026-06-01T12:00:00Z"}),
            "2026-06-01T13:00:00Z",
        ),
        (json!({"updated_at": "1969-12-31T23:59:59Z"}), seen),
        (json!({"updated_at": "-009999-01-02T01:59:59Z"}), seen),
        (json!({"updated_at": "2026-02-30T12:00:00Z"}), seen),
        (
            json!({"updated_at": "2026-06-01 14:00:00 +0200"}),
            "2026-06-01T12:00:00Z",
        ),
        (json!({"updated_at": "2026-06-01"}), "2026-06-01T00:00:00Z"),
        (json!({"updated_at": 1_780_315_200}), "2026-06-01T12:00:00Z"),
        (
            json!({"updated_at": 1_780_315_200_500_i64}),
            "2026-06-01T12:00:00.5Z",
        ),
        (json!({"updated_at": -1}), seen),
        (json!({"updated_at": i64::MAX}), seen),
        (json!({"updated_at": {"at": "2026-06-01T12:00:00Z"}}), seen),
        (json!({}), seen),
        (json!("odd"), seen),
    ];
    for (record, time) in cases {
        let told = samples::told(Kind::Incident, &record);
        assert_eq!(told.time(), samples::time(time), "{record}");
        assert_eq!(Mapping::Ecs.map(&told)["@timestamp"], time);
        assert_eq!(Mapping::Socfortress.map(&told)["timestamp"], time);
        let milliseconds = samples::time(time).as_millisecond();
        assert_eq!(Mapping::Ocsf.map(&told)["time"], milliseconds);
    }
}

/// Who or what a signal is about, by the kind of its entity.
#[test]
fn entities_of_signals() {
    // Kind, whether it is a host, whether it is a person, whether it is a service.
    let cases = [
        ("agent", true, false, false),
        ("identity", false, true, false),
        ("mailbox", false, true, false),
        ("user_entity", false, true, false),
        ("service_principal", false, false, true),
        ("source", false, false, false),
        ("brand_new", false, false, false),
    ];
    for (kind, is_host, is_person, is_service) in cases {
        let record = json!({"id": 1, "entity": {"id": 9, "type": kind, "name": "thing"}});
        let told = samples::told(Kind::Signal, &record);
        let event = Mapping::Ecs.map(&told);
        assert_eq!(event["host"]["name"] == "thing", is_host, "{kind}");
        assert_eq!(event["user"]["name"] == "thing", is_person, "{kind}");
        assert_eq!(event["service"]["name"] == "thing", is_service, "{kind}");
        assert_eq!(event["huntress"]["signal"]["entity"]["name"], "thing");
        let event = Mapping::Ocsf.map(&told);
        assert_eq!(event["device"]["hostname"] == "thing", is_host, "{kind}");
        assert_eq!(event["resources"][0]["name"] == "thing", !is_host, "{kind}");
    }
}

/// A configured code of a customer is taken before the number of the organization.
#[test]
fn customer_codes() {
    let record = json!({"id": 12});
    let mut told = samples::told(Kind::Incident, &record);
    let code = |told: &_| Mapping::Socfortress.map(told)["customer_code"].clone();
    assert_eq!(code(&told), "7");
    told.customer_code = Some("EX01");
    assert_eq!(code(&told), "EX01");
    (told.customer_code, told.organization) = (Some(" "), None);
    assert_eq!(code(&told), Value::Null);
}

/// Texts are taken over whole, however long they are and whatever is in them.
#[test]
fn long_texts_are_whole() {
    let body = "\u{202e}\0\r\n<b>é".repeat(30_000);
    let record = json!({"id": 12, "body": body});
    let told = samples::told(Kind::Incident, &record);
    let body = json!(body);
    assert_eq!(Mapping::Raw.map(&told)["body"], body);
    assert_eq!(Mapping::Socfortress.map(&told)["body"], body);
    assert_eq!(
        Mapping::Ecs.map(&told)["huntress"]["incident"]["body"],
        body
    );
    let event = Mapping::Ocsf.map(&told);
    assert_eq!(event["finding_info_list"][0]["desc"], body);
}

/// How far a record has come, as OCSF says it: status and verdict.
#[test]
fn states() {
    let cases = [
        (
            Kind::Incident,
            json!("sent"),
            1,
            "New",
            json!(2),
            "True Positive",
        ),
        (
            Kind::Incident,
            json!("auto_remediating"),
            2,
            "In Progress",
            json!(2),
            "True Positive",
        ),
        (
            Kind::Incident,
            json!("closed"),
            5,
            "Closed",
            json!(2),
            "True Positive",
        ),
        (
            Kind::Incident,
            json!("dismissed"),
            5,
            "Closed",
            json!(3),
            "Disregard",
        ),
        (
            Kind::Incident,
            json!("partner_dismissed"),
            5,
            "Closed",
            json!(5),
            "Benign",
        ),
        (
            Kind::Incident,
            json!("deleting"),
            99,
            "deleting",
            json!(0),
            "Unknown",
        ),
        (
            Kind::Incident,
            json!("draft"),
            99,
            "draft",
            json!(0),
            "Unknown",
        ),
        (
            Kind::Incident,
            json!("brand_new"),
            99,
            "brand_new",
            json!(0),
            "Unknown",
        ),
        (
            Kind::Incident,
            Value::Null,
            0,
            "Unknown",
            json!(0),
            "Unknown",
        ),
        (Kind::Escalation, json!("open"), 1, "New", Value::Null, ""),
        (Kind::Escalation, json!("sent"), 1, "New", Value::Null, ""),
        (
            Kind::Escalation,
            json!("overdue"),
            1,
            "New",
            Value::Null,
            "",
        ),
        (
            Kind::Escalation,
            json!("resolved"),
            4,
            "Resolved",
            Value::Null,
            "",
        ),
        (
            Kind::Escalation,
            json!("closed"),
            99,
            "closed",
            Value::Null,
            "",
        ),
        (
            Kind::Signal,
            json!("reported"),
            2,
            "In Progress",
            Value::Null,
            "",
        ),
        (
            Kind::Signal,
            json!("closed"),
            3,
            "Suppressed",
            Value::Null,
            "",
        ),
    ];
    for (kind, status, id, caption, verdict_id, verdict) in cases {
        let mut record = samples::full(kind);
        record["status"] = status.clone();
        let event = Mapping::Ocsf.map(&samples::told(kind, &record));
        assert_eq!(event["status_id"], id, "{kind:?} {status}");
        assert_eq!(event["status"], caption);
        assert_eq!(event["verdict_id"], verdict_id, "{kind:?} {status}");
        assert_eq!(event["verdict"].as_str().unwrap_or_default(), verdict);
        assert_eq!(event["status_code"], status);
    }
}

/// Addresses of hosts and people are taken in the spellings that a receiver knows, or not.
#[test]
fn addresses_of_hosts_and_people() {
    let macs = [
        ("00:00:5e:00:53:af", Some("00-00-5E-00-53-AF")),
        ("00-00-5E-00-53-AF", Some("00-00-5E-00-53-AF")),
        ("0000.5e00.53af", Some("00-00-5E-00-53-AF")),
        ("00005e0053af", Some("00-00-5E-00-53-AF")),
        ("00:00:5e:00:53", None),
        ("00:00:5e:00:53:af:00", None),
        ("00:00:5e:00:53:ag", None),
        ("", None),
    ];
    for (text, mac) in macs {
        let record = json!({"id": 1, "mac_addresses": [text]});
        let told = samples::told(Kind::Agent, &record);
        let list = mac.map(|mac| json!([mac])).unwrap_or_default();
        assert_eq!(Mapping::Ecs.map(&told)["host"]["mac"], list, "{text}");
        let mac = json!(mac.map(|mac| mac.replace('-', ":")));
        assert_eq!(Mapping::Ocsf.map(&told)["device"]["mac"], mac, "{text}");
    }
    let ips = [
        ("192.0.2.1", Some("192.0.2.1")),
        ("2001:DB8:0::1", Some("2001:db8::1")),
        ("192.0.2.256", None),
        ("192.0.2.1/24", None),
        ("fe80::1%eth0", None),
        ("PC-021", None),
    ];
    for (text, ip) in ips {
        let record = json!({"id": 1, "ipv4_address": text});
        let told = samples::told(Kind::Agent, &record);
        let list = ip.map(|ip| json!([ip])).unwrap_or_default();
        assert_eq!(Mapping::Ecs.map(&told)["host"]["ip"], list, "{text}");
        assert_eq!(Mapping::Ocsf.map(&told)["device"]["ip"], json!(ip));
    }
    let emails = [
        ("user@example.com", true),
        ("first.last+tag@mail.example.com", true),
        ("user", false),
        ("user@example", false),
        ("user@.example", false),
        ("us er@example.com", false),
        ("user@exämple.com", false),
        ("user@example.com\nx", false),
    ];
    for (text, is_taken) in emails {
        let record = json!({"id": 1, "email": text});
        let told = samples::told(Kind::Identity, &record);
        let event = Mapping::Ocsf.map(&told);
        let place = if is_taken {
            &event["user"]["email_addr"]
        } else {
            &event["unmapped"]["email"]
        };
        assert_eq!(*place, text);
        assert_eq!(Mapping::Ecs.map(&told)["user"]["email"], text);
    }
}

/// The key of one's own is one's own, and what is no object is kept all the same.
#[test]
fn raw_records_of_other_forms() {
    let record = json!({"id": 1, "huntctl": "theirs"});
    let event = Mapping::Raw.map(&samples::told(Kind::Signal, &record));
    assert_eq!(event["huntctl"]["kind"], "signal");
    for record in [json!(null), json!([1, 2]), json!("text")] {
        let event = Mapping::Raw.map(&samples::told(Kind::Signal, &record));
        assert_eq!(event["record"], record);
        assert_eq!(event["huntctl"]["kind"], "signal");
    }
}

/// The organization that a record names itself, in all the forms that the API has for it.
#[test]
fn organizations() {
    let cases = [
        (json!({"organization_id": 7}), Some((7, None))),
        (json!({"organization_id": "7"}), Some((7, None))),
        (
            json!({"organization": {"id": 7, "name": "Example"}}),
            Some((7, Some("Example"))),
        ),
        (
            json!({"organization": {"id": null}, "organization_id": 8}),
            Some((8, None)),
        ),
        (
            json!({"organization": null, "organization_id": 8}),
            Some((8, None)),
        ),
        (
            json!({"organizations": [{"id": 7, "name": "Example"}]}),
            Some((7, Some("Example"))),
        ),
        (json!({"organizations": [7]}), Some((7, None))),
        (json!({"organizations": [7, 8]}), None),
        (json!({"organizations": []}), None),
        (json!({"organization_id": {"id": "x"}}), None),
        (json!({}), None),
        (json!("odd"), None),
    ];
    for (record, expected) in cases {
        let account = samples::told(Kind::Incident, &record).account;
        let seen_at = samples::time("2026-06-02T09:30:00Z");
        let told = Told::new(Kind::Incident, 1, &record, account, seen_at);
        let organization = told.organization.map(|of| (of.id, of.name));
        assert_eq!(organization, expected, "{record}");
    }
}
